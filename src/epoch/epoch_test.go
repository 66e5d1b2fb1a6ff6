// SPDX-License-Identifier: BSD-3-Clause

package epoch

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
	"unsafe"

	"redport/src/zmalloc"
)

func backends(t *testing.T, f func(t *testing.T, a *zmalloc.Allocator)) {
	for b, name := range map[zmalloc.Backend]string{zmalloc.Mmap: "mmap", zmalloc.Heap: "heap"} {
		t.Run(name, func(t *testing.T) {
			a := zmalloc.New(b)
			defer a.Close()
			f(t, a)
		})
	}
}

func drain(c *Clock) {
	for c.Reclaim(0) {
	}
}

func TestFrozen(t *testing.T) {
	c := New(zmalloc.New(zmalloc.Heap))
	first := c.Now()
	if first == 0 || c.Frozen(first) {
		t.Fatal("frozen without a snapshot")
	}
	s1 := c.Snapshot()
	if !c.Frozen(first) || c.Frozen(c.Now()) || c.Live() != 1 || s1.Epoch() != first {
		t.Fatal("what was there is not frozen, or what comes is")
	}
	second := c.Now()
	s2 := c.Snapshot()
	s1.Release()
	s1.Release()
	if !c.Frozen(first) || !c.Frozen(second) || c.Frozen(c.Now()) {
		t.Fatal("the second snapshot sees all of it")
	}
	third := c.Now()
	s3 := c.Snapshot()
	s3.Release()
	if c.Frozen(third) || !c.Frozen(second) {
		t.Fatal("the second snapshot is the youngest now")
	}
	s2.Release()
	if c.Frozen(first) || c.Live() != 0 {
		t.Fatal("frozen without a snapshot")
	}
}

// TestRetire: blocks are freed as soon as no snapshot that sees them is live, and not before. A model says which.
func TestRetire(t *testing.T) {
	backends(t, func(t *testing.T, a *zmalloc.Allocator) {
		c := New(a)
		r := rand.New(rand.NewPCG(1, 2))
		type owned struct {
			p     unsafe.Pointer
			n     int
			birth uint64
			stamp uint64
		}
		type snap struct {
			s    *Snapshot
			seen []owned
		}
		var live []owned
		var snaps []snap
		bytes := func(bs []owned) (sum int64) {
			for _, b := range bs {
				sum += int64(zmalloc.UsableSize(b.n))
			}
			return sum
		}
		for i := range 30000 {
			switch op := r.IntN(100); {
			case op < 45:
				n := 16 + r.IntN(3000)
				if op == 0 {
					n = 1<<20 + r.IntN(4<<20)
				}
				b := owned{a.Alloc(n), n, c.Now(), r.Uint64()}
				*(*uint64)(b.p) = b.stamp
				live = append(live, b)
			case op < 92:
				if len(live) == 0 {
					continue
				}
				k := r.IntN(len(live))
				b := live[k]
				live[k] = live[len(live)-1]
				live = live[:len(live)-1]
				c.Retire(b.p, b.n, b.birth)
			case op < 95:
				if len(snaps) < 6 {
					snaps = append(snaps, snap{c.Snapshot(), append([]owned(nil), live...)})
				}
			case op < 98:
				if len(snaps) == 0 {
					continue
				}
				k := r.IntN(len(snaps))
				for _, b := range snaps[k].seen {
					if *(*uint64)(b.p) != b.stamp {
						t.Fatal("a block that a snapshot sees was freed")
					}
				}
				snaps[k].s.Release()
				snaps = append(snaps[:k], snaps[k+1:]...)
			case op < 99:
				drain(c)
				kept := map[unsafe.Pointer]owned{}
				for _, s := range snaps {
					for _, b := range s.seen {
						kept[b.p] = b
					}
				}
				for _, b := range live {
					delete(kept, b.p)
				}
				var want int64
				for _, b := range kept {
					want += int64(zmalloc.UsableSize(b.n))
				}
				if c.Pending() != want {
					t.Fatalf("step %d: pending %d, snapshots see %d", i, c.Pending(), want)
				}
			default:
				c.Reclaim(0)
			}
			if a.Used() != bytes(live) {
				t.Fatalf("used %d, live %d", a.Used(), bytes(live))
			}
		}
		for _, s := range snaps {
			s.s.Release()
		}
		for _, b := range live {
			c.Retire(b.p, b.n, b.birth)
		}
		drain(c)
		a.Purge()
		if a.Used() != 0 || c.Pending() != 0 || a.Mapped() != 0 {
			t.Errorf("at the end: used %d, pending %d, mapped %d", a.Used(), c.Pending(), a.Mapped())
		}
	})
}

// testTree is a list of blocks.
type testTree struct {
	blocks []unsafe.Pointer
	size   int
	owner  bool
	done   chan struct{}
}

func (x *testTree) OwnerOnly() bool { return x.owner }

func (x *testTree) Free(f *Freer, n int) bool {
	for ; n > 0 && len(x.blocks) > 0; n-- {
		f.Free(x.blocks[0], x.size)
		x.blocks = x.blocks[1:]
	}
	if len(x.blocks) == 0 {
		close(x.done)
		return false
	}
	return true
}

func newTree(a *zmalloc.Allocator, n, size int, owner bool) *testTree {
	x := &testTree{size: size, owner: owner, done: make(chan struct{})}
	for range n {
		x.blocks = append(x.blocks, a.Alloc(size))
	}
	a.Retired(int64(n * zmalloc.UsableSize(size)))
	return x
}

func (x *testTree) isDone() bool {
	select {
	case <-x.done:
		return true
	default:
		return false
	}
}

func TestReleaseTree(t *testing.T) {
	backends(t, func(t *testing.T, a *zmalloc.Allocator) {
		c := New(a)
		for _, owner := range []bool{false, true} {
			birth := c.Now()
			s1 := c.Snapshot()
			s2 := c.Snapshot()
			old := newTree(a, 1000, 500, owner)
			young := newTree(a, 1000, 500, owner)
			c.ReleaseTree(old, birth)
			c.ReleaseTree(young, c.Now())
			if a.Used() != 0 {
				t.Errorf("used %d", a.Used())
			}
			n := 0
			for c.Reclaim(0) {
				n++
			}
			if n < 10 {
				t.Errorf("freed in %d slices", n)
			}
			if old.isDone() || !young.isDone() {
				t.Errorf("old freed: %v, young freed: %v", old.isDone(), young.isDone())
			}
			s2.Release()
			drain(c)
			if old.isDone() {
				t.Error("freed under the first snapshot")
			}
			s1.Release()
			drain(c)
			if !old.isDone() || c.Pending() != 0 {
				t.Errorf("not freed; pending %d", c.Pending())
			}
		}
		a.Purge()
		if a.Mapped() != 0 {
			t.Errorf("mapped %d", a.Mapped())
		}
	})
}

// TestLargeBlocksOfTrees: a tree's large blocks are freed piece by piece, whoever frees the tree.
func TestLargeBlocksOfTrees(t *testing.T) {
	backends(t, func(t *testing.T, a *zmalloc.Allocator) {
		c := New(a)
		for _, owner := range []bool{false, true} {
			const size = 40 << 20
			x := newTree(a, 3, size, owner)
			c.ReleaseTree(x, c.Now())
			last := c.Pending()
			for c.Reclaim(0) {
				if freed := last - c.Pending(); freed > 2*largePiece {
					t.Fatalf("%d bytes freed at once", freed)
				}
				last = c.Pending()
			}
			if !x.isDone() || c.Pending() != 0 {
				t.Errorf("not freed; pending %d", c.Pending())
			}
		}
		a.Purge()
		if a.Mapped() != 0 {
			t.Errorf("mapped %d", a.Mapped())
		}
	})
}

// TestBackground: trees and large blocks are freed in another goroutine, while the owner goes on.
func TestBackground(t *testing.T) {
	backends(t, func(t *testing.T, a *zmalloc.Allocator) {
		c := New(a)
		for round := range 3 {
			stop := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() { c.Background(stop) })
			var trees []*testTree
			for i := range 20 {
				x := newTree(a, 500, 100+i*50, i%5 == 0)
				trees = append(trees, x)
				c.ReleaseTree(x, c.Now())
				p := a.Alloc(5 << 20)
				c.Retire(p, 5<<20, c.Now())
				for range 50 {
					a.Free(a.Alloc(700), 700)
				}
				c.Reclaim(0)
			}
			if round < 2 {
				for _, x := range trees {
					for x.owner && !x.isDone() {
						c.Reclaim(time.Millisecond)
					}
					<-x.done
				}
			}
			close(stop) // in the last round in the middle of it: the owner does the rest
			wg.Wait()
			drain(c)
			if c.Pending() != 0 || a.Used() != 0 {
				t.Errorf("pending %d, used %d", c.Pending(), a.Used())
			}
		}
		a.Purge()
		if a.Mapped() != 0 {
			t.Errorf("mapped %d", a.Mapped())
		}
	})
}

type testRefs map[uint32]bool

func (r testRefs) FreeRef(i uint32) { r[i] = true }

func TestRetireRef(t *testing.T) {
	c := New(zmalloc.New(zmalloc.Heap))
	refs := testRefs{}
	c.RetireRef(refs, 1, 1)
	if !refs[1] {
		t.Error("not freed at once")
	}
	s1 := c.Snapshot()
	s2 := c.Snapshot()
	c.RetireRef(refs, 2, 1)
	c.RetireRef(refs, 3, c.Now())
	s2.Release()
	drain(c)
	if refs[2] || !refs[3] {
		t.Error("freed under a snapshot, or kept for none")
	}
	s1.Release()
	drain(c)
	if !refs[2] {
		t.Error("not freed")
	}
}

// TestReclaimIdle: with nothing to do it costs nothing.
func TestReclaimIdle(t *testing.T) {
	c := New(zmalloc.New(zmalloc.Auto))
	if n := testing.AllocsPerRun(100, func() {
		if c.Reclaim(time.Second) {
			t.Error("something to do")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCheckWritable(t *testing.T) {
	if !zmalloc.Invariants {
		t.Skip("only in builds with invariants")
	}
	c := New(zmalloc.New(zmalloc.Heap))
	c.CheckWritable(c.Now())
	s := c.Snapshot()
	defer s.Release()
	defer func() {
		if recover() == nil {
			t.Error("a write to a frozen block went unnoticed")
		}
	}()
	c.CheckWritable(s.Epoch())
}

func BenchmarkSnapshot(b *testing.B) {
	c := New(zmalloc.New(zmalloc.Auto))
	for b.Loop() {
		c.Snapshot().Release()
	}
}
