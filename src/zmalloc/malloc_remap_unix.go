// SPDX-License-Identifier: BSD-3-Clause

//go:build darwin || freebsd || netbsd || openbsd || dragonfly || solaris || illumos

package zmalloc

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	canDiscard  = true
	canPopulate = false
)

func mremap(p unsafe.Pointer, old, n int) unsafe.Pointer { return nil }

// sysDiscard lets the system take the pages; what they read as afterwards is undefined.
func sysDiscard(p unsafe.Pointer, n int) bool {
	return unix.Madvise(unsafe.Slice((*byte)(p), n), unix.MADV_FREE) == nil
}

func adviseHuge(p unsafe.Pointer, n int, on bool) {}

func populate(p unsafe.Pointer, n int) {}
