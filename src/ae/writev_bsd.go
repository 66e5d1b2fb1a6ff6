// SPDX-License-Identifier: BSD-3-Clause

//go:build dragonfly || freebsd || netbsd

package ae

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sysWritev is sysWrite of several pieces at once, none of them empty, at most maxPieces.
func sysWritev(fd int, pieces [][]byte) (int, syscall.Errno) {
	var iov [maxPieces]unix.Iovec
	for i, b := range pieces {
		iov[i].Base = &b[0]
		iov[i].SetLen(len(b))
	}
	n, _, errno := unix.Syscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&iov[0])), uintptr(len(pieces)))
	if errno != 0 {
		return -1, errno
	}
	return int(n), 0
}
