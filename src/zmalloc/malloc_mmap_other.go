// SPDX-License-Identifier: BSD-3-Clause

//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || solaris || illumos || windows)

package zmalloc

import "unsafe"

const (
	haveMmap    = false
	canDiscard  = false
	canPopulate = false
)

func mmap(n int) unsafe.Pointer { return nil }

func munmapTail(p unsafe.Pointer, n, k int) {}

func mremap(p unsafe.Pointer, old, n int) unsafe.Pointer { return nil }

func sysDiscard(p unsafe.Pointer, n int) bool { return false }

func adviseHuge(p unsafe.Pointer, n int, on bool) {}

func populate(p unsafe.Pointer, n int) {}
