// SPDX-License-Identifier: BSD-3-Clause

package zmalloc

import (
	"sync"
	"unsafe"
)

// malloc_heap.go - memory from the system, and from the Go heap in its place.

// heapTable keeps what came from the Go heap alive, by address.
type heapTable struct {
	mu sync.Mutex // FreeRemote comes from any goroutine
	m  map[uintptr][]uint64
}

// sysAlloc returns n zero bytes, n a multiple of 4096, at a multiple of 4096. Where the system refuses to map more, the Go
// heap is asked: it knows how to report that there is no memory left.
func (a *Allocator) sysAlloc(n int) unsafe.Pointer {
	a.mapped.Add(int64(n))
	if a.backend == Mmap {
		if p := mmap(n); p != nil {
			return p
		}
	}
	return a.heap.alloc(n)
}

// sysFree gives back what sysAlloc(n) returned. Any goroutine.
func (a *Allocator) sysFree(p unsafe.Pointer, n int) {
	a.sysFreeTail(p, n, n)
}

// sysFreeTail gives back the last k of the n bytes at p. Of the Go heap, only the whole is given back really.
func (a *Allocator) sysFreeTail(p unsafe.Pointer, n, k int) {
	a.mapped.Add(-int64(k))
	if k == n && a.heap.free(p) || k < n && a.heap.has(p) {
		return
	}
	munmapTail(p, n, k)
}

// sysRemap resizes, and moves if need be, what sysAlloc(old) returned; nil if it cannot.
func (a *Allocator) sysRemap(p unsafe.Pointer, old, n int) unsafe.Pointer {
	if a.backend != Mmap || a.heap.has(p) {
		return nil
	}
	q := mremap(p, old, n)
	if q != nil {
		a.mapped.Add(int64(n - old))
	}
	return q
}

func (t *heapTable) alloc(n int) unsafe.Pointer {
	// Slices of 32 KB and more start at a page of the Go heap (8 KB).
	b := make([]uint64, n/8)
	p := unsafe.Pointer(unsafe.SliceData(b))
	t.mu.Lock()
	if t.m == nil {
		t.m = map[uintptr][]uint64{}
	}
	t.m[uintptr(p)] = b
	t.mu.Unlock()
	return p
}

func (t *heapTable) free(p unsafe.Pointer) bool {
	t.mu.Lock()
	_, ok := t.m[uintptr(p)]
	delete(t.m, uintptr(p))
	t.mu.Unlock()
	return ok
}

func (t *heapTable) has(p unsafe.Pointer) bool {
	t.mu.Lock()
	_, ok := t.m[uintptr(p)]
	t.mu.Unlock()
	return ok
}

func (t *heapTable) close() {
	t.mu.Lock()
	t.m = nil
	t.mu.Unlock()
}
