// SPDX-License-Identifier: BSD-3-Clause

package zmalloc

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	canDiscard  = true
	canPopulate = true
)

func mremap(p unsafe.Pointer, old, n int) unsafe.Pointer {
	q, err := unix.MremapPtr(p, uintptr(old), nil, uintptr(n), unix.MREMAP_MAYMOVE)
	if err != nil {
		return nil
	}
	return q
}

// sysDiscard lets the system take the pages; they read as zero afterwards.
func sysDiscard(p unsafe.Pointer, n int) bool {
	return unix.Madvise(unsafe.Slice((*byte)(p), n), unix.MADV_DONTNEED) == nil
}

// adviseHuge asks for huge pages, or for none.
func adviseHuge(p unsafe.Pointer, n int, on bool) {
	advice := unix.MADV_NOHUGEPAGE
	if on {
		advice = unix.MADV_HUGEPAGE
	}
	unix.Madvise(unsafe.Slice((*byte)(p), n), advice) // nothing is lost if it cannot
}

// populate makes the system provide the pages now (Linux 5.14). Their contents stay.
func populate(p unsafe.Pointer, n int) {
	unix.Madvise(unsafe.Slice((*byte)(p), n), unix.MADV_POPULATE_WRITE)
}
