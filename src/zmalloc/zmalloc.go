// SPDX-License-Identifier: BSD-3-Clause

// Package zmalloc hands out memory that the garbage collector does not look at, and counts it.
package zmalloc

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// Backend says where slabs come from.
type Backend uint8

const (
	Default Backend = iota // Mmap where the system has it, else Heap
	Mmap                   // outside the Go heap
	Heap                   // pointer-free slabs on the Go heap
)

// Allocator is the memory of one Server.
type Allocator struct {
	used   atomic.Int64
	mapped atomic.Int64
	mu     sync.Mutex
	live   map[unsafe.Pointer][]uint64
}

// New returns an empty allocator.
func New(backend Backend) *Allocator {
	return &Allocator{live: map[unsafe.Pointer][]uint64{}}
}

// Alloc returns at least n bytes, 8-aligned, not zeroed.
func (a *Allocator) Alloc(n int) unsafe.Pointer {
	n = UsableSize(n)
	b := make([]uint64, n/8)
	p := unsafe.Pointer(&b[0])
	a.mu.Lock()
	a.live[p] = b
	a.mu.Unlock()
	a.used.Add(int64(n))
	a.mapped.Add(int64(n))
	return p
}

// UsableSize returns the size of the class that serves n bytes.
func UsableSize(n int) int { return max(8, (n+7)&^7) }

// Free gives back what Alloc(n) returned. Owner goroutine only.
func (a *Allocator) Free(p unsafe.Pointer, n int) { a.FreeRemote(p, n) }

// FreeRemote is Free for any goroutine.
func (a *Allocator) FreeRemote(p unsafe.Pointer, n int) {
	a.mu.Lock()
	delete(a.live, p)
	a.mu.Unlock()
	a.used.Add(-int64(UsableSize(n)))
	a.mapped.Add(-int64(UsableSize(n)))
}

// Account adds delta bytes that a structure holds on the Go heap to Used.
func (a *Allocator) Account(delta int64) { a.used.Add(delta) }

// Used returns what structures hold now (used_memory). Any goroutine.
func (a *Allocator) Used() int64 { return a.used.Load() }

// Mapped returns what is held from the system. Any goroutine.
func (a *Allocator) Mapped() int64 { return a.mapped.Load() }

// Purge gives what is cached back to the system.
func (a *Allocator) Purge() {}

// Close gives everything back at once; nothing that came from a may be touched afterwards.
func (a *Allocator) Close() {}
