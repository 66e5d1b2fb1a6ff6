// SPDX-License-Identifier: BSD-3-Clause

package epoch

import (
	"time"

	"redport/src/zmalloc"
)

// reclaim.go - freeing in slices.
//
// What can be large is never freed at once: the blocks that a snapshot kept, dropped structures, large blocks, and blocks that
// other goroutines gave back. Each slice below is a few microseconds' work; Reclaim does as many as its budget allows.

const (
	sliceBlocks = 32        // retired blocks, or blocks of a tree, a slice: about 100 ns each, for cold memory
	sliceTrim   = 512 << 10 // bytes given back to the system a slice: about 100 us
)

// Reclaim frees what is retired and seen by no snapshot for about budget, and reports whether there is more to do now. Call it from
// the cron and, while it returns true, whenever there is nothing better to do. Without budget it does one slice.
func (c *Clock) Reclaim(budget time.Duration) (more bool) {
	if c.again.first == nil && c.ready.owner == nil && !c.ready.some() && !c.a.Drain(sliceBlocks) && !c.a.Unmap(0) && !c.a.Trim(0) {
		return false
	}
	for start := time.Now(); ; {
		if !c.reclaimSlice() {
			return false
		}
		if time.Since(start) >= budget {
			return true
		}
	}
}

// reclaimSlice does a little of everything and reports whether there is more to do.
func (c *Clock) reclaimSlice() (more bool) {
	if c.again.first != nil {
		more = c.lookAgain(sliceBlocks)
	}
	f := Freer{c: c}
	if t := c.ready.takeOwner(); t != nil {
		if t.Free(&f, sliceBlocks) {
			c.ready.putBack(t)
		}
		more = more || c.ready.owner != nil
	}
	if t := c.ready.takeRemote(false); t != nil {
		if t.Free(&f, sliceBlocks) {
			c.ready.putBack(t)
		}
		more = more || c.ready.some()
	}
	more = c.a.Drain(sliceBlocks) || more
	more = c.a.Unmap(sliceTrim) || more
	return more || c.a.Trim(sliceTrim)
}

// lookAgain finds out for up to n things that hung at a released snapshot whether another one sees them.
func (c *Clock) lookAgain(n int) (more bool) {
	x := c.again.first
	for ; n > 0; n-- {
		if l := x.blocks; l != nil {
			if l.n == 0 {
				x.blocks = l.next
				continue
			}
			l.n--
			b := l.b[l.n]
			if s := c.seenBy(b.birth, x.limit); s != nil {
				s.addBlock(b)
			} else if p := pointer(b.p); zmalloc.IsLarge(b.n) {
				c.ready.add(&tree{Tree: &largeBlock{p, b.n}})
			} else {
				c.a.FreeRetired(p, b.n)
			}
			continue
		}
		if t := x.trees; t != nil {
			x.trees = t.next
			t.next = nil
			if s := c.seenBy(t.birth, x.limit); s != nil {
				s.addTree(t)
			} else {
				c.ready.add(t)
			}
			continue
		}
		c.again.first = x.next
		if x = x.next; x == nil {
			c.again.last = nil
			return false
		}
	}
	return true
}

// Background frees dropped structures until stop is closed, so that the owner need not touch their memory but once. To be run in a
// goroutine of its own, one a Clock; without it Reclaim does all the work.
func (c *Clock) Background(stop <-chan struct{}) {
	q := &c.ready
	q.mu.Lock()
	q.background = true
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		q.background = false
		q.mu.Unlock()
	}()
	f := Freer{c: c, remote: true}
	for {
		t := q.takeRemote(true)
		if t == nil {
			select {
			case <-stop:
				return
			case <-q.wake:
			}
			continue
		}
		for t.Free(&f, 256) {
			select {
			case <-stop:
				q.putBack(t)
				return
			default:
			}
		}
	}
}

// some tells whether there is something in the queue that is the owner's business.
func (q *ready) some() bool {
	if q.owner != nil {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.remote != nil && !q.background
}

func (q *ready) takeOwner() *tree {
	t := q.owner
	if t != nil {
		q.owner = t.next
		t.next = nil
	}
	return t
}

// takeRemote takes a tree that any goroutine may free; the owner gets none while Background runs.
func (q *ready) takeRemote(background bool) *tree {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.remote
	if t == nil || q.background && !background {
		return nil
	}
	q.remote = t.next
	t.next = nil
	return t
}

// putBack puts a tree that is not done to the front of its queue.
func (q *ready) putBack(t *tree) {
	if t.OwnerOnly() {
		if t.next = q.owner; t.next == nil {
			q.ownerLast = t
		}
		q.owner = t
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.next = q.remote; t.next == nil {
		q.remoteLast = t
	}
	q.remote = t
}
