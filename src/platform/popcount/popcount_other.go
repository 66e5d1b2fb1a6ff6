// SPDX-License-Identifier: BSD-3-Clause

//go:build !amd64

package popcount

// Count returns the number of bits that are set in b.
func Count(b []byte) int { return count(b) }
