// SPDX-License-Identifier: BSD-3-Clause

//go:build windows

package zmalloc

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	haveMmap   = true
	canDiscard = false // what is decommitted must be committed again before use: not worth it for chunks
)

func mmap(n int) unsafe.Pointer {
	u, err := windows.VirtualAlloc(0, uintptr(n), windows.MEM_RESERVE|windows.MEM_COMMIT, windows.PAGE_READWRITE)
	if err != nil {
		return nil
	}
	return pointer(u)
}

func munmap(p unsafe.Pointer, n int) {
	if err := windows.VirtualFree(uintptr(p), 0, windows.MEM_RELEASE); err != nil {
		panic("zmalloc: VirtualFree: " + err.Error())
	}
}

func mremap(p unsafe.Pointer, old, n int) unsafe.Pointer { return nil }

func sysDiscard(p unsafe.Pointer, n int) bool { return false }
