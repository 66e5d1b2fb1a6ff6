// SPDX-License-Identifier: BSD-3-Clause

package popcount

import "golang.org/x/sys/cpu"

// blocks counts in n times 64 bytes from *at on; the processor must have POPCNT.
//
//go:noescape
func blocks(at *byte, n int) int

// Count returns the number of bits that are set in b.
func Count(b []byte) int {
	n := len(b) / 64
	if n == 0 || !cpu.X86.HasPOPCNT {
		return count(b)
	}
	return blocks(&b[0], n) + count(b[64*n:])
}
