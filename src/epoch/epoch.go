// SPDX-License-Identifier: BSD-3-Clause

// Package epoch is the clock that snapshots are taken by, and the queue of memory that they may still read.
package epoch

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"redport/src/zmalloc"
)

// epoch.go - epochs, snapshots, and what they keep from being freed.
//
// DESIGN
//
// Every mutable block of the dataset carries the epoch that owns it: the one in which it was made. Taking a snapshot
// writes the current epoch down, and the next epoch begins. From then on
//
//	a block that is reachable and whose owner is <= the epoch of a live snapshot is seen by that snapshot.
//
// (It is reachable now and it was made before the snapshot, so it was reachable then: blocks never come back.) Such a block is frozen:
// who wants to write clones it, the clone is owned by the current epoch, and the original is retired. Hence the
// whole test before a write is one comparison with the epoch of the youngest live snapshot, which is 0 if there is none.
//
// A retired block born in epoch b is seen by the live snapshots with an epoch >= b, and by none taken later. It hangs at the youngest
// of them. When that one is released, its whole list moves, in O(1), to the queue of what must be looked at again; Reclaim does
// that in slices: the block goes to the next older snapshot that sees it, or is freed.
//
//	epochs:      1    2    3    4    5 (now)
//	snapshots:        S2        S4
//	blocks:      a.......................   owner 1: frozen
//	                  b......|              owner 2, retired in 3: seen by S2, hangs there
//	                            c......|    owner 4, retired in 5: seen by S4, hangs there
//	                                   d    owner 5: may be written to
//
// Whole structures (a flushed database, a deleted hash) are retired as one thing, a tree, whose blocks are freed by a function that does a
// slice at a time.
//
// OWNERSHIP
//
// The owner of the Clock calls everything, except what says so and Background, which is meant for a goroutine of its own: while it
// runs, it takes from the owner what can be freed elsewhere (Tree.Free with a remote Freer). Readers of a snapshot call nothing else
// here: they tell the owner that they are done, and the owner calls Release.

// Clock counts epochs and keeps what snapshots may still read.
type Clock struct {
	a      *zmalloc.Allocator
	now    uint64
	frozen uint64 // epoch of the youngest live snapshot, 0 if none
	cloned atomic.Int64
	live   []*Snapshot // oldest first

	again again // of released snapshots, to be looked at again
	ready ready // trees and large blocks that nobody sees
}

// Snapshot is a frozen moment.
type Snapshot struct {
	c      *Clock
	epoch  uint64
	cloned int64 // Clock.cloned when it was taken
	retired
}

// New returns a clock for the blocks of a.
func New(a *zmalloc.Allocator) *Clock {
	c := &Clock{a: a, now: 1}
	c.ready.wake = make(chan struct{}, 1)
	return c
}

// Allocator returns where the blocks come from.
func (c *Clock) Allocator() *zmalloc.Allocator { return c.a }

// Now returns the current epoch: what new blocks are owned by. It is never 0.
func (c *Clock) Now() uint64 { return c.now }

// Frozen reports whether a reachable block owned by epoch owner is seen by a live snapshot, so that it must be cloned before a write.
func (c *Clock) Frozen(owner uint64) bool { return owner <= c.frozen }

// CheckWritable panics, in builds with invariants, if a block that is about to be written to is frozen or from the future.
func (c *Clock) CheckWritable(owner uint64) {
	if zmalloc.Invariants && (owner <= c.frozen || owner > c.now) {
		panic("epoch: write to a block that a snapshot sees")
	}
}

// Snapshot freezes everything as it is now. O(1).
func (c *Clock) Snapshot() *Snapshot {
	s := &Snapshot{c: c, epoch: c.now, cloned: c.cloned.Load()}
	c.live = append(c.live, s)
	c.frozen = c.now
	c.now++
	return s
}

// Epoch returns the youngest epoch that the snapshot sees.
func (s *Snapshot) Epoch() uint64 { return s.epoch }

// ClonedBytes returns how many bytes were cloned since the snapshot was taken. Any goroutine.
func (s *Snapshot) ClonedBytes() int64 { return s.c.cloned.Load() - s.cloned }

// Release ends the snapshot: nobody reads through it any more. O(1) in what it kept; a second call does nothing.
func (s *Snapshot) Release() {
	c := s.c
	for i, x := range c.live {
		if x == s {
			c.live = append(c.live[:i], c.live[i+1:]...)
			c.frozen = 0
			if n := len(c.live); n > 0 {
				c.frozen = c.live[n-1].epoch
			}
			c.again.take(s)
			return
		}
	}
}

// Live returns the number of snapshots that are not released.
func (c *Clock) Live() int { return len(c.live) }

// ClonedBytes returns how many bytes were cloned because snapshots see the originals, since the clock was made.
func (c *Clock) ClonedBytes() int64 { return c.cloned.Load() }

// AddCloned counts n bytes as cloned.
func (c *Clock) AddCloned(n int) { c.cloned.Add(int64(n)) }

// Pending returns the bytes of blocks retired and not freed yet. Any goroutine.
func (c *Clock) Pending() int64 { return c.a.Pending() }

// seenBy returns the youngest live snapshot that sees what was born in epoch birth and retired when limit was the youngest epoch
// of a snapshot; nil if none does.
func (c *Clock) seenBy(birth, limit uint64) *Snapshot {
	for i := len(c.live) - 1; i >= 0; i-- {
		if s := c.live[i]; s.epoch <= limit {
			if s.epoch < birth {
				return nil
			}
			return s
		}
	}
	return nil
}

// Retire frees the block of n bytes at p, which is not reachable any more, as soon as no live snapshot sees it. birth is its
// owner. Its memory is off the accounts at once.
func (c *Clock) Retire(p unsafe.Pointer, n int, birth uint64) {
	if birth > c.frozen {
		if !zmalloc.IsLarge(n) {
			c.a.Free(p, n)
			return
		}
		c.a.Retired(int64(zmalloc.UsableSize(n)))
		c.ready.add(&tree{Tree: &largeBlock{p, n}})
		return
	}
	c.a.Retired(int64(zmalloc.UsableSize(n)))
	c.live[len(c.live)-1].addBlock(block{uintptr(p), n, birth})
}

// Refs is a table whose entries are not memory blocks, but must live as long as a snapshot sees them.
type Refs interface {
	// FreeRef is called by the owner when nobody sees ref any more.
	FreeRef(ref uint32)
}

// RetireRef is Retire for an entry of a table.
func (c *Clock) RetireRef(r Refs, ref uint32, birth uint64) {
	if birth > c.frozen {
		r.FreeRef(ref)
		return
	}
	s := c.live[len(c.live)-1]
	s.addTree(&tree{Tree: refTree{r, ref}, birth: birth})
}

type refTree struct {
	refs Refs
	ref  uint32
}

func (t refTree) Free(f *Freer, n int) bool {
	t.refs.FreeRef(t.ref)
	return false
}

func (t refTree) OwnerOnly() bool { return true }

// Tree is a structure that was dropped as a whole.
type Tree interface {
	// Free frees about n blocks through f and reports whether there are more. All of them were taken off the accounts (Allocator.Retired).
	// It is called until it returns false, by one goroutine at a time.
	Free(f *Freer, n int) (more bool)
	// OwnerOnly tells that Free must be called by the owner.
	OwnerOnly() bool
}

// Freer frees the blocks of a Tree, in whichever way the goroutine that calls may.
type Freer struct {
	c      *Clock
	remote bool
}

// Free frees a block that is off the accounts. The owner leaves a large one to be freed piece by piece.
func (f *Freer) Free(p unsafe.Pointer, n int) {
	switch {
	case f.remote:
		f.c.a.FreeRemoteRetired(p, n)
	case zmalloc.IsLarge(n):
		f.c.ready.add(&tree{Tree: &largeBlock{p, n}})
	default:
		f.c.a.FreeRetired(p, n)
	}
}

// ReleaseTree frees t, no part of which is older than birth, behind: as soon as no live snapshot sees it, a slice at a time. O(1).
func (c *Clock) ReleaseTree(t Tree, birth uint64) {
	x := &tree{Tree: t, birth: birth}
	if birth <= c.frozen {
		c.live[len(c.live)-1].addTree(x)
		return
	}
	c.ready.add(x)
}

// largeBlock is freed piece by piece.
type largeBlock struct {
	p unsafe.Pointer
	n int
}

const largePiece = 2 << 20 // about 100 us

func (b *largeBlock) Free(f *Freer, n int) bool {
	b.n = f.c.a.FreeRetiredPart(b.p, b.n, largePiece)
	return b.n > 0
}

func (b *largeBlock) OwnerOnly() bool { return false }

// --- Lists of what is retired ---

// block is a retired block.
type block struct {
	p     uintptr
	n     int
	birth uint64
}

// blockList is a piece of a list of blocks. The collector looks at its first word only.
type blockList struct {
	next *blockList
	n    int
	b    [170]block // 4 KB in all
}

type tree struct {
	Tree
	next  *tree
	birth uint64
}

// retired is what hangs at a snapshot.
type retired struct {
	blocks    *blockList
	trees     *tree
	treesLast *tree
}

func (r *retired) addBlock(b block) {
	l := r.blocks
	if l == nil || l.n == len(l.b) {
		l = &blockList{next: r.blocks}
		r.blocks = l
	}
	l.b[l.n] = b
	l.n++
}

func (r *retired) addTree(t *tree) {
	if r.trees == nil {
		r.trees = t
	} else {
		r.treesLast.next = t
	}
	r.treesLast = t
}

// again is the queue of what hung at released snapshots.
type again struct {
	first, last *leftover
}

// leftover is what a released snapshot kept.
type leftover struct {
	retired
	limit uint64
	next  *leftover
}

func (q *again) take(s *Snapshot) {
	if s.blocks == nil && s.trees == nil {
		return
	}
	x := &leftover{retired: s.retired, limit: s.epoch}
	s.retired = retired{}
	if q.first == nil {
		q.first = x
	} else {
		q.last.next = x
	}
	q.last = x
}

// ready is the queue of trees to be freed. The owner and the background goroutine share it.
type ready struct {
	mu         sync.Mutex
	remote     *tree // may be freed by any goroutine
	remoteLast *tree
	owner      *tree // only by the owner
	ownerLast  *tree
	background bool          // Background runs
	wake       chan struct{} // a tree was added for it
}

func (q *ready) add(t *tree) {
	t.next = nil
	if t.OwnerOnly() {
		if q.owner == nil {
			q.owner = t
		} else {
			q.ownerLast.next = t
		}
		q.ownerLast = t
		return
	}
	q.mu.Lock()
	if q.remote == nil {
		q.remote = t
	} else {
		q.remoteLast.next = t
	}
	q.remoteLast = t
	wake := q.background
	q.mu.Unlock()
	if wake {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// pointer turns an address back into a pointer: the allocator keeps its target alive.
func pointer(u uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&u)) }
