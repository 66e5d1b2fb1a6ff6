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

// munmapTail unmaps the last k of n bytes, in pieces: unmapping takes a lock of the address space against page faults, about 100 us
// for 2 MB of touched pages.
func munmapTail(p unsafe.Pointer, n, k int) {
	const piece = 2 << 20
	for k > 0 {
		m := min(k, piece)
		n -= m
		k -= m
		if err := unix.MunmapPtr(unsafe.Add(p, n), uintptr(m)); err != nil {
			panic("zmalloc: munmap: " + err.Error())
		}
	}
}
