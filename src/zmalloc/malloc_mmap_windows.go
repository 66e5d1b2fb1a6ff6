// SPDX-License-Identifier: BSD-3-Clause

//go:build windows

package zmalloc

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	haveMmap    = true
	canPopulate = false
	canDiscard  = false // what is decommitted must be committed again before use: not worth it for chunks
)

func mmap(n int) unsafe.Pointer {
	u, err := windows.VirtualAlloc(0, uintptr(n), windows.MEM_RESERVE|windows.MEM_COMMIT, windows.PAGE_READWRITE)
	if err != nil {
		return nil
	}
	return pointer(u)
}

// munmapTail gives the memory of a tail back, and the addresses with the whole.
func munmapTail(p unsafe.Pointer, n, k int) {
	var err error
	if k == n {
		err = windows.VirtualFree(uintptr(p), 0, windows.MEM_RELEASE)
	} else {
		err = windows.VirtualFree(uintptr(p)+uintptr(n-k), uintptr(k), windows.MEM_DECOMMIT)
	}
	if err != nil {
		panic("zmalloc: VirtualFree: " + err.Error())
	}
}

func mremap(p unsafe.Pointer, old, n int) unsafe.Pointer { return nil }

func sysDiscard(p unsafe.Pointer, n int) bool { return false }

func adviseHuge(p unsafe.Pointer, n int, on bool) {}

func populate(p unsafe.Pointer, n int) {}
