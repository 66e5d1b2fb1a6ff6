// SPDX-License-Identifier: BSD-3-Clause

//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly || solaris || illumos

package zmalloc

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const haveMmap = true

func mmap(n int) unsafe.Pointer {
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil
	}
	return p
}

// munmap unmaps in pieces: unmapping takes a lock of the address space against page faults, about 100 us for 2 MB of touched pages.
func munmap(p unsafe.Pointer, n int) {
	const piece = 2 << 20
	for n > 0 {
		k := min(n, piece)
		if err := unix.MunmapPtr(p, uintptr(k)); err != nil {
			panic("zmalloc: munmap: " + err.Error())
		}
		p = unsafe.Add(p, k)
		n -= k
	}
}
