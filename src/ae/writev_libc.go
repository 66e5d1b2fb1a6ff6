// SPDX-License-Identifier: BSD-3-Clause

//go:build darwin || openbsd || illumos

package ae

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// sysWritev is sysWrite of several pieces at once, none of them empty, at most maxPieces.
func sysWritev(fd int, pieces [][]byte) (int, syscall.Errno) {
	n, err := unix.Writev(fd, pieces)
	return sysResult(n, err)
}
