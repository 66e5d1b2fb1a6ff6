// SPDX-License-Identifier: BSD-3-Clause

package cold

import (
	"encoding/binary"
	"math/bits"
)

// columns.go - what is done to bytes in front of LZ4.
//
// Elements of one size lie below each other like the lines of a table. Where neighbours have the same bytes in most columns, as times, counters
// and numbered names have, the differences of columns are long runs of the same few bytes, and LZ4, which only
// knows repetition, makes far less of them than of the bytes themselves.
//
// Differences are taken of eight bytes at a time; so a line has eight bytes at least, be it by two elements.

const (
	minLine = 8
	maxLine = 64
	sample  = 128 // bytes that are looked at
	alike   = sample * 5 / 8
)

const highs = 0x8080808080808080 // the highest bit of each byte

// lineLength returns the distance at which most bytes of b are the same, 0 if at no distance many are.
func lineLength(b []byte) int {
	at := len(b) / 2
	if at < maxLine || len(b)-at < sample {
		return 0
	}
	best, most := 0, alike-1
	for s := minLine; s <= maxLine; s++ {
		same := sample
		for i := at; i < at+sample; i += 8 {
			x := binary.LittleEndian.Uint64(b[i:]) ^ binary.LittleEndian.Uint64(b[i-s:])
			same -= bits.OnesCount64((x | (x&^highs + ^uint64(highs))) & highs)
		}
		if same > most {
			best, most = s, same
		}
	}
	return best
}

// subtractLines writes to dst, of the same length, the differences of b from what lies n bytes in front.
func subtractLines(dst, b []byte, n int) {
	i := copy(dst, b[:n])
	for ; i+8 <= len(b); i += 8 {
		x, y := binary.LittleEndian.Uint64(b[i:]), binary.LittleEndian.Uint64(b[i-n:])
		binary.LittleEndian.PutUint64(dst[i:], ((x|highs)-(y&^highs))^((x^^y)&highs))
	}
	for ; i < len(b); i++ {
		dst[i] = b[i] - b[i-n]
	}
}

// addLines undoes it, in place.
func addLines(b []byte, n int) {
	i := n
	for ; i+8 <= len(b); i += 8 {
		x, y := binary.LittleEndian.Uint64(b[i:]), binary.LittleEndian.Uint64(b[i-n:])
		binary.LittleEndian.PutUint64(b[i:], ((x&^highs)+(y&^highs))^((x^y)&highs))
	}
	for ; i < len(b); i++ {
		b[i] += b[i-n]
	}
}
