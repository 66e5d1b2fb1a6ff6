// SPDX-License-Identifier: BSD-3-Clause

//go:build !amd64

package tsc

// Read is 0: this machine's counter is not used.
func Read() uint64 { return 0 }

// Trusted is false.
func Trusted() bool { return false }
