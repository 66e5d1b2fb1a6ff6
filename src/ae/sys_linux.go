// SPDX-License-Identifier: BSD-3-Clause

package ae

// Reads and writes of non-blocking sockets never block, so they need not tell the scheduler: raw system calls.

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sysRead returns the number of bytes read, or -1 and the errno. b must not be empty.
func sysRead(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(n), 0
}

// sysWrite returns the number of bytes written, or -1 and the errno. b must not be empty.
func sysWrite(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(n), 0
}

// sysWritev is sysWrite of several pieces at once, none of them empty, at most maxPieces.
func sysWritev(fd int, pieces [][]byte) (int, syscall.Errno) {
	var iov [maxPieces]syscall.Iovec
	for i, b := range pieces {
		iov[i].Base = &b[0]
		iov[i].SetLen(len(b))
	}
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&iov[0])), uintptr(len(pieces)))
	if errno != 0 {
		return -1, errno
	}
	return int(n), 0
}
