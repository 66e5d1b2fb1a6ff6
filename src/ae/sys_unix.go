// SPDX-License-Identifier: BSD-3-Clause

//go:build (unix || zos) && !linux

package ae

// System calls go through the system's library here, as these systems demand.

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// sysRead returns the number of bytes read, or -1 and the errno. b must not be empty.
func sysRead(fd int, b []byte) (int, syscall.Errno) {
	n, err := unix.Read(fd, b)
	return sysResult(n, err)
}

// sysWrite returns the number of bytes written, or -1 and the errno. b must not be empty.
func sysWrite(fd int, b []byte) (int, syscall.Errno) {
	n, err := unix.Write(fd, b)
	return sysResult(n, err)
}

func sysResult(n int, err error) (int, syscall.Errno) {
	if err == nil {
		return n, 0
	}
	errno, ok := err.(syscall.Errno)
	if !ok {
		errno = syscall.EIO
	}
	return -1, errno
}
