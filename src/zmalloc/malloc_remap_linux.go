// SPDX-License-Identifier: BSD-3-Clause

package zmalloc

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const canDiscard = true

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
