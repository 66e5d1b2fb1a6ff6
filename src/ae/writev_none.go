// SPDX-License-Identifier: BSD-3-Clause

//go:build !(linux || darwin || openbsd || illumos || dragonfly || freebsd || netbsd)

package ae

import "syscall"

// sysWritev is sysWrite of several pieces, one after the other, until the system takes no more.
func sysWritev(fd int, pieces [][]byte) (int, syscall.Errno) {
	total := 0
	for _, b := range pieces {
		n, errno := sysWrite(fd, b)
		if n < 0 {
			if total > 0 {
				break
			}
			return -1, errno
		}
		total += n
		if n < len(b) {
			break
		}
	}
	return total, 0
}
