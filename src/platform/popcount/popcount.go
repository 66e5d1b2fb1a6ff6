// SPDX-License-Identifier: BSD-3-Clause

// Package popcount counts the bits that are set in a string of bytes, with what the processor has for that.
package popcount

import (
	"encoding/binary"
	"math/bits"
)

// popcount.go - contract, and the portable way. A machine's file must define:
//
//	func Count(b []byte) int
//		The number of bits that are set in b.
//
// Go's compiler knows the instruction, but where a program has to run on processors without it, it asks before each word whether
// it is there, which takes longer than the counting.

// count looks at eight bytes at a time.
func count(b []byte) int {
	// Several sums, none of which waits for the one before.
	var n, n1, n2, n3 int
	word := binary.LittleEndian.Uint64
	for len(b) >= 64 {
		w := (*[64]byte)(b)
		n += bits.OnesCount64(word(w[0:])) + bits.OnesCount64(word(w[8:]))
		n1 += bits.OnesCount64(word(w[16:])) + bits.OnesCount64(word(w[24:]))
		n2 += bits.OnesCount64(word(w[32:])) + bits.OnesCount64(word(w[40:]))
		n3 += bits.OnesCount64(word(w[48:])) + bits.OnesCount64(word(w[56:]))
		b = b[64:]
	}
	n += n1 + n2 + n3
	for len(b) >= 8 {
		n += bits.OnesCount64(word(b))
		b = b[8:]
	}
	for _, x := range b {
		n += bits.OnesCount8(x)
	}
	return n
}
