// SPDX-License-Identifier: BSD-3-Clause

// Package zmalloc hands out memory that the garbage collector does not look at, and counts it.
package zmalloc

import (
	"math"
	"math/bits"
	"os"
	"sync/atomic"
	"unsafe"
)

// zmalloc.go - the allocator of the dataset.
//
// DESIGN
//
// Pages of the keyspace grow in lock-step: a uniform hash fills all of them at the same pace, so whole populations of blocks move
// from one size to the next and leave the old size behind. An allocator that dedicates slabs to size classes keeps the slabs of the
// dying classes, one block in each, and wastes 20 to 40 % on that. So there are three kinds of memory:
//
//	small   <= maxSmall     4 KB slabs of equal blocks (slab.go). A slab is small enough to become empty soon; then any other
//	                        class takes it.
//	medium  <= maxMedium    chunks cut to measure, 64 bytes the unit, neighbours joined again when freed (chunk.go). No classes at
//	                        all: what one size leaves another takes.
//	large                   mapped directly from the system, and grown by moving page tables where the system can (Linux).
//
// Memory comes from one of two back ends: outside of the Go heap (malloc_mmap_*.go), or pointer-free slices of the Go heap
// (malloc_heap.go). Everything above is the same for both, so tests run with both. The race detector only sees the second.
//
// Blocks hold no Go pointers, and pointers to blocks that are kept in blocks are uintptrs: the arena table below keeps Go-heap arenas alive.
//
// ACCOUNTING
//
//	Used     what structures hold: allocated, plus what they report of their own (Account), minus what is retired. It
//	         falls when a block is retired, not when the last snapshot lets the block go.
//	Pending  retired and not yet freed.
//	Mapped   what is held from the system.
//
// OWNERSHIP
//
// One goroutine, the owner, allocates and frees. Any other frees through FreeRemote, which pushes the block to a
// lock-free list (the link lies in the block itself); the owner takes a few blocks off that list whenever it allocates, and
// more of them in Drain. Neither ever takes all of them at once: freeing touches cold memory, about 100 ns a block.
//
// Counterpart: zmalloc.c and jemalloc. Differences:
//   - the size is given back to Free, so small blocks need no header;
//   - a block is resized by Realloc only where that is cheaper than a copy (large blocks);
//   - used_memory is exact, down to the byte.

// Lib is the allocator's name in INFO and --version (C: ZMALLOC_LIB).
const Lib = "slab"

// Backend says where memory comes from.
type Backend uint8

const (
	Auto Backend = iota // Mmap where the system has it, else Heap
	Mmap                // outside of the Go heap
	Heap                // pointer-free slices of the Go heap
)

const (
	maxSmall   = 496
	maxMedium  = 1<<20 - 8
	largeUnit  = 64 << 10
	poisonLen  = 4096 // how much of a block is poisoned in builds with invariants
	drainAlloc = 8    // remote frees taken over by one Alloc
)

// Allocator is the memory of one Server.
type Allocator struct {
	backend Backend
	page    uintptr // of the system
	small   slabs
	medium  chunks
	heap    heapTable // what keeps Go-heap memory alive

	used      atomic.Int64
	pending   atomic.Int64
	mapped    atomic.Int64
	discarded atomic.Int64 // part of mapped whose pages were given back to the system

	_      [64]byte       // remote is written by other goroutines
	remote atomic.Uintptr // blocks freed by them, newest first
	_      [64]byte
	inbox  uintptr // blocks taken off remote that the owner has not freed yet
}

// remoteBlock overlays a block on the remote list.
type remoteBlock struct {
	next uintptr
	size uintptr // | remoteRetired
}

const remoteRetired = 1

// New returns an empty allocator.
func New(backend Backend) *Allocator {
	if backend == Auto {
		backend = Mmap
	}
	if !haveMmap {
		backend = Heap
	}
	a := &Allocator{backend: backend, page: uintptr(os.Getpagesize())}
	a.small.a = a
	a.medium.a = a
	return a
}

// Backend returns where the memory comes from: Mmap or Heap.
func (a *Allocator) Backend() Backend { return a.backend }

// UsableSize returns how many bytes Alloc(n) really provides. All of them may be used.
func UsableSize(n int) int {
	switch {
	case n <= maxSmall:
		return int(classSize[classOf(n)])
	case n <= maxMedium:
		return (n+chunkHeader+unit-1)&^(unit-1) - chunkHeader
	}
	return (n + largeUnit - 1) &^ (largeUnit - 1)
}

// Alloc returns UsableSize(n) bytes, 16-aligned up to maxSmall (8-aligned at least), 64-aligned above. They are not zeroed.
func (a *Allocator) Alloc(n int) unsafe.Pointer {
	if a.inbox|a.remote.Load() != 0 {
		a.drain(drainAlloc)
	}
	var p unsafe.Pointer
	size := 0
	switch {
	case n <= maxSmall:
		c := classOf(n)
		size = int(classSize[c])
		p = a.small.alloc(c)
	case n <= maxMedium:
		g := (n + chunkHeader + unit - 1) / unit
		size = g*unit - chunkHeader
		p = a.medium.alloc(g, g)
	default:
		size = (n + largeUnit - 1) &^ (largeUnit - 1)
		p = a.sysAlloc(size)
	}
	a.used.Add(int64(size))
	if Invariants && size <= maxMedium {
		fill(p, min(size, poisonLen), 0xA5)
	}
	return p
}

// AllocAtLeast is Alloc for a caller that has a use for more: it returns n to about 1.12*n usable bytes, whichever leaves no
// splinter behind. All of them count, and their number is what Free must be told.
func (a *Allocator) AllocAtLeast(n int) (unsafe.Pointer, int) {
	if n <= maxSmall || n > maxMedium {
		return a.Alloc(n), UsableSize(n)
	}
	if a.inbox|a.remote.Load() != 0 {
		a.drain(drainAlloc)
	}
	g := (n + chunkHeader + unit - 1) / unit
	p := a.medium.alloc(g, g+min(g/8, maxSplinter))
	size := chunkOf(p).size()*unit - chunkHeader
	a.used.Add(int64(size))
	if Invariants {
		fill(p, min(size, poisonLen), 0xA5)
	}
	return p, size
}

// AllocZeroed is Alloc with zeroed memory; large blocks come as the system's zero pages, which cost nothing until they are touched.
func (a *Allocator) AllocZeroed(n int) unsafe.Pointer {
	p := a.Alloc(n)
	if n <= maxMedium {
		fill(p, UsableSize(n), 0)
	}
	return p
}

// Free gives a block back. n is the size that it was asked for with, or that it really has. Owner only.
func (a *Allocator) Free(p unsafe.Pointer, n int) {
	a.used.Add(-int64(a.free(p, n)))
}

// FreeRetired is Free for a block that Retired has taken off the accounts.
func (a *Allocator) FreeRetired(p unsafe.Pointer, n int) {
	a.pending.Add(-int64(a.free(p, n)))
}

// free frees the block and returns its usable size.
func (a *Allocator) free(p unsafe.Pointer, n int) int {
	switch {
	case n <= maxSmall:
		n = UsableSize(n)
		if Invariants {
			fill(p, n, 0xDB)
		}
		a.small.free(p, n)
	case n <= maxMedium:
		n = UsableSize(n)
		if Invariants {
			if chunkOf(p).size()*unit-chunkHeader != n {
				panic("zmalloc: block freed with another size than it was allocated with")
			}
			fill(p, min(n, poisonLen), 0xDB)
		}
		a.medium.free(p)
	default:
		n = UsableSize(n)
		a.sysFree(p, n)
	}
	return n
}

// FreeRemote is Free for any goroutine. Used falls at once; a large block goes back to the system at once.
func (a *Allocator) FreeRemote(p unsafe.Pointer, n int) {
	n = UsableSize(n)
	a.used.Add(-int64(n))
	if n > maxMedium {
		a.sysFree(p, n)
		return
	}
	a.push(p, uintptr(n))
}

// FreeRemoteRetired is FreeRetired for any goroutine.
func (a *Allocator) FreeRemoteRetired(p unsafe.Pointer, n int) {
	n = UsableSize(n)
	if n > maxMedium {
		a.pending.Add(-int64(n))
		a.sysFree(p, n)
		return
	}
	a.push(p, uintptr(n)|remoteRetired)
}

func (a *Allocator) push(p unsafe.Pointer, size uintptr) {
	b := (*remoteBlock)(p)
	b.size = size
	for {
		head := a.remote.Load()
		b.next = head
		if a.remote.CompareAndSwap(head, uintptr(p)) {
			return
		}
	}
}

// FreeRetiredPart frees the last bytes of a block that is large and retired, about part of them: unmapping hundreds of megabytes at
// once takes tens of milliseconds. It returns how many bytes are left, 0 when the block is gone. Any goroutine.
func (a *Allocator) FreeRetiredPart(p unsafe.Pointer, n, part int) (left int) {
	n = (n + largeUnit - 1) &^ (largeUnit - 1)
	part = min((part+largeUnit-1)&^(largeUnit-1), n)
	a.sysFreeTail(p, n, part)
	a.pending.Add(-int64(part))
	return n - part
}

// IsLarge tells whether a block of n bytes is one that FreeRetiredPart takes.
func IsLarge(n int) bool { return n > maxMedium }

// Drain frees up to n blocks that other goroutines have given back, and reports whether there are more.
func (a *Allocator) Drain(n int) (more bool) { return a.drain(n) }

func (a *Allocator) drain(n int) bool {
	for ; n > 0; n-- {
		if a.inbox == 0 {
			if a.remote.Load() == 0 {
				return false
			}
			a.inbox = a.remote.Swap(0)
		}
		p := pointer(a.inbox)
		b := (*remoteBlock)(p)
		a.inbox = b.next
		size := int(b.size &^ remoteRetired)
		if b.size&remoteRetired != 0 {
			a.pending.Add(-int64(size))
		}
		a.free(p, size)
	}
	return a.inbox|a.remote.Load() != 0
}

// Realloc makes a block of n bytes of one of old bytes and returns where it is now; the contents up to the smaller of both sizes are
// kept. fresh tells that everything past UsableSize(old) is zero. Owner only.
func (a *Allocator) Realloc(p unsafe.Pointer, old, n int) (q unsafe.Pointer, fresh bool) {
	os, ns := UsableSize(old), UsableSize(n)
	if old > maxMedium && n > maxMedium {
		if os == ns {
			return p, true
		}
		if q := a.sysRemap(p, os, ns); q != nil {
			a.used.Add(int64(ns - os))
			return q, true
		}
	}
	q = a.Alloc(n)
	copy(unsafe.Slice((*byte)(q), min(os, ns)), unsafe.Slice((*byte)(p), min(os, ns)))
	a.Free(p, old)
	return q, n > maxMedium
}

// Account adds to Used delta bytes that a structure holds elsewhere, on the Go heap. Any goroutine.
func (a *Allocator) Account(delta int64) { a.used.Add(delta) }

// Retired moves n bytes of live blocks from Used to Pending: nobody but snapshots, or the goroutine that will free them, sees them
// any more. They are freed by FreeRetired or FreeRemoteRetired. Any goroutine.
func (a *Allocator) Retired(n int64) {
	a.used.Add(-n)
	a.pending.Add(n)
}

// Used returns what structures hold now (C: zmalloc_used_memory). Any goroutine.
func (a *Allocator) Used() int64 { return a.used.Load() }

// Pending returns the bytes of blocks that are retired and not freed yet. Any goroutine.
func (a *Allocator) Pending() int64 { return a.pending.Load() }

// Mapped returns what is held from the system, apart from what the system was told that it may take. Any goroutine.
func (a *Allocator) Mapped() int64 { return a.mapped.Load() - a.discarded.Load() }

// SetHugePages says whether memory is asked for in huge pages, where the system can (Linux). On by default, and used from 32 MB on.
func (a *Allocator) SetHugePages(on bool) { a.medium.huge.off = !on }

func (a *Allocator) canDiscard() bool { return a.backend == Mmap && canDiscard }

// Purge gives all unused memory back to the system that can be given back (C: jemalloc_purge). Owner only; slow.
func (a *Allocator) Purge() {
	for a.drain(1024) {
	}
	a.small.purge()
	a.medium.purge(math.MaxInt)
	a.medium.unmap(math.MaxInt)
}

// Unmap gives memory that is unused as a whole back to the system, about n bytes of it, and reports whether there is more.
func (a *Allocator) Unmap(n int) (more bool) { return a.medium.unmap(n) }

// Trim gives the unused parts of what is mapped back to the system, where they are a good part of all, about n bytes of it, and reports
// whether there is more. For the owner's cron, when no frees are to be expected: they would make larger pieces of it.
func (a *Allocator) Trim(n int) (more bool) { return a.trimmable() && a.medium.purge(n) }

// Discard is Trim where it is known that much was freed that is not needed again soon.
func (a *Allocator) Discard(n int) (more bool) {
	return a.canDiscard() && a.medium.dirty >= minArena && a.medium.purge(n)
}

func (a *Allocator) trimmable() bool {
	return a.canDiscard() && a.medium.dirty >= max(a.mapped.Load()/8, 4<<20)
}

// Close gives everything back to the system. Nothing that came from a may be touched afterwards.
func (a *Allocator) Close() {
	a.small.close()
	a.medium.close()
	a.heap.close()
	a.remote.Store(0)
	a.inbox = 0
}

// --- Helpers ---

// pointer turns an address that was kept in a block into a pointer. Its target is kept alive by the arena table.
func pointer(u uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&u)) }

func fill(p unsafe.Pointer, n int, b byte) {
	s := unsafe.Slice((*byte)(p), n)
	if b == 0 {
		clear(s)
		return
	}
	for i := range s {
		s[i] = b
	}
}

// log2 returns the position of the highest bit of n > 0.
func log2(n int) int { return bits.Len(uint(n)) - 1 }
