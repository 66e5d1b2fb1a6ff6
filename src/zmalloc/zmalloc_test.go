// SPDX-License-Identifier: BSD-3-Clause

package zmalloc

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"
)

// backends runs f with both back ends; they are one where the system has no mmap.
func backends(t *testing.T, f func(t *testing.T, a *Allocator)) {
	for _, b := range []Backend{Mmap, Heap} {
		t.Run([]string{"", "mmap", "heap"}[b], func(t *testing.T) {
			a := New(b)
			defer a.Close()
			f(t, a)
		})
	}
}

func TestUsableSize(t *testing.T) {
	last := 0
	for n := 0; n < 1<<21; n++ {
		u := UsableSize(n)
		if u < n || u < last {
			t.Fatalf("UsableSize(%d) = %d after %d", n, u, last)
		}
		if n > 128 && n <= maxMedium && (u-n)*1000 > n*140 {
			t.Fatalf("UsableSize(%d) = %d: more than 14 %% wasted", n, u)
		}
		if UsableSize(u) != u {
			t.Fatalf("UsableSize(%d) = %d, but UsableSize of that %d", n, u, UsableSize(u))
		}
		last = u
	}
}

func TestClassInverse(t *testing.T) {
	for c, size := range classSize {
		for off := uint32(0); off < slabSize; off++ {
			if got, want := off*classInverse[c]>>22, off/uint32(size); got != want {
				t.Fatalf("size %d offset %d: %d, want %d", size, off, got, want)
			}
		}
	}
}

// block is memory that a test holds, with the pattern it was filled with.
type block struct {
	p    unsafe.Pointer
	n    int
	seed byte
}

func (b block) bytes() []byte { return unsafe.Slice((*byte)(b.p), b.n) }

func (b block) fill() {
	for i, s := 0, b.bytes(); i < len(s); i++ {
		s[i] = b.seed + byte(i)
	}
}

func (b block) check(t *testing.T) {
	t.Helper()
	for i, x := range b.bytes() {
		if x != b.seed+byte(i) {
			t.Fatalf("block of %d bytes at %p: byte %d overwritten", b.n, b.p, i)
		}
	}
}

// randomSize prefers sizes of pages and the borders between the three kinds.
func randomSize(r *rand.Rand) int {
	switch r.IntN(20) {
	case 0:
		return maxSmall - 8 + r.IntN(16)
	case 1:
		return r.IntN(40000)
	case 2:
		if r.IntN(20) == 0 {
			return maxMedium - 100 + r.IntN(200000)
		}
		return r.IntN(100)
	default:
		return r.IntN(4000)
	}
}

// checkChunks walks all arenas and verifies tags, bins and counters.
func checkChunks(t *testing.T, a *Allocator) {
	t.Helper()
	m := &a.medium
	free := map[uintptr]int{}
	for u, size := range m.arenas {
		end := u + uintptr(size-2*unit)
		prevFree := false
		for first := true; u < end; first = false {
			c := chunkAt(u)
			if c.size() == 0 {
				t.Fatal("chunk of size 0")
			}
			if (c.head&flagFirst != 0) != first {
				t.Fatalf("flagFirst is %v", !first)
			}
			if (c.head&flagPrevFree != 0) != prevFree {
				t.Fatalf("flagPrevFree is %v", !prevFree)
			}
			isFree := c.head&flagFree != 0
			if isFree && prevFree {
				t.Fatal("two free neighbours")
			}
			if isFree {
				free[u] = c.size()
				if int(*endSize(u, c.size())) != c.size() {
					t.Fatal("size at the end of a free chunk is wrong")
				}
			}
			prevFree = isFree
			u += uintptr(c.size()) * unit
		}
		if u != end {
			t.Fatal("chunks do not end at the arena's end")
		}
	}
	var bytes, dirty, discarded int64
	n := 0
	for b, u := range m.bins {
		if (u != 0) != (m.bitmap[b>>6]>>(b&63)&1 == 1) {
			t.Fatal("bitmap of bins is wrong")
		}
		for prev := uintptr(0); u != 0; n++ {
			c := chunkAt(u)
			if free[u] != c.size() || binOf(c.size()) != b || c.prev != prev {
				t.Fatal("bin is wrong")
			}
			bytes += int64(c.size()) * unit
			if c.size()*unit >= minDiscard {
				if c.head&flagDiscarded != 0 {
					discarded += m.discardable(u, c.size())
				} else {
					dirty += int64(c.size()) * unit
				}
			}
			prev, u = u, c.next
		}
	}
	if n != len(free) || bytes != m.freeBytes || dirty != m.dirty || discarded != a.discarded.Load() {
		t.Fatalf("%d in bins, %d free; bytes %d, counted %d; dirty %d, counted %d; discarded %d, counted %d",
			n, len(free), bytes, m.freeBytes, dirty, m.dirty, discarded, a.discarded.Load())
	}
}

func TestRandomOps(t *testing.T) {
	backends(t, func(t *testing.T, a *Allocator) {
		r := rand.New(rand.NewPCG(1, 2))
		var live []block
		var used int64
		grow := true
		ops := 60000
		if Invariants || testing.Short() {
			ops = 15000
		}
		for i := range ops {
			if i%(ops/10) == 0 {
				grow = !grow || i == 0
				checkChunks(t, a)
			}
			if len(live) == 0 || r.IntN(10) < 6 == grow {
				n := randomSize(r)
				var b block
				switch r.IntN(3) {
				case 0:
					b = block{a.Alloc(n), UsableSize(n), byte(r.Uint32())}
				case 1:
					p, m := a.AllocAtLeast(n)
					if m < n || n > 64 && (m-n)*100 > 26*n {
						t.Fatalf("AllocAtLeast(%d) gives %d", n, m)
					}
					b = block{p, m, byte(r.Uint32())}
				case 2:
					b = block{a.AllocZeroed(n), UsableSize(n), byte(r.Uint32())}
					for _, x := range b.bytes() {
						if x != 0 {
							t.Fatal("not zeroed")
						}
					}
				}
				if uintptr(b.p)%16 != 0 || b.n > maxSmall && uintptr(b.p)%64 != 0 {
					t.Fatalf("%d bytes at %p: not aligned", b.n, b.p)
				}
				b.fill()
				used += int64(b.n)
				live = append(live, b)
				continue
			}
			j := r.IntN(len(live))
			b := live[j]
			b.check(t)
			if r.IntN(8) == 0 {
				n := randomSize(r)
				q, fresh := a.Realloc(b.p, b.n, n)
				nb := block{q, min(b.n, UsableSize(n)), b.seed}
				nb.check(t)
				nb.n = UsableSize(n)
				if fresh && nb.n > b.n {
					for _, x := range nb.bytes()[b.n:] {
						if x != 0 {
							t.Fatal("not zero after Realloc")
						}
					}
				}
				nb.fill()
				used += int64(nb.n - b.n)
				live[j] = nb
				continue
			}
			used -= int64(b.n)
			switch r.IntN(4) {
			case 0:
				a.FreeRemote(b.p, b.n)
			case 1:
				a.Retired(int64(b.n))
				a.FreeRetired(b.p, b.n)
			default:
				a.Free(b.p, b.n)
			}
			live[j] = live[len(live)-1]
			live = live[:len(live)-1]
			if a.Used() != used {
				t.Fatalf("used %d, want %d", a.Used(), used)
			}
			if r.IntN(5000) == 0 {
				a.Purge()
			}
			a.Trim(1 << 20)
			a.Unmap(1 << 20)
		}
		for _, b := range live {
			b.check(t)
			a.Free(b.p, b.n)
		}
		a.Purge()
		if a.Used() != 0 || a.Mapped() != 0 || a.Pending() != 0 || len(a.heap.m) != 0 {
			t.Errorf("after freeing everything: used %d, mapped %d, pending %d, %d on the Go heap", a.Used(), a.Mapped(), a.Pending(), len(a.heap.m))
		}
	})
}

// TestEmptySlabsGoBack: also without Purge, nearly nothing stays mapped.
func TestEmptySlabsGoBack(t *testing.T) {
	backends(t, func(t *testing.T, a *Allocator) {
		r := rand.New(rand.NewPCG(3, 4))
		var live []block
		for range 60000 {
			n := 1 + r.IntN(2500)
			live = append(live, block{a.Alloc(n), n, 0})
		}
		top := a.Mapped()
		r.Shuffle(len(live), func(i, j int) { live[i], live[j] = live[j], live[i] })
		for _, b := range live {
			a.Free(b.p, b.n)
		}
		for a.Unmap(1 << 20) {
		}
		if a.Mapped() > 5<<20 {
			t.Errorf("%d mapped after freeing everything, of %d", a.Mapped(), top)
		}
	})
}

func TestRemoteFrees(t *testing.T) {
	backends(t, func(t *testing.T, a *Allocator) {
		const freers = 3
		ch := make(chan block, 100)
		var wg sync.WaitGroup
		for range freers {
			wg.Go(func() {
				for b := range ch {
					b.check(t)
					a.FreeRemote(b.p, b.n)
				}
			})
		}
		r := rand.New(rand.NewPCG(5, 6))
		ops := 20000
		if Invariants || testing.Short() {
			ops = 4000
		}
		for i := range ops {
			n := randomSize(r)
			b := block{a.Alloc(n), n, byte(i)}
			b.fill()
			if i%3 == 0 {
				b.check(t)
				a.Free(b.p, b.n)
			} else {
				ch <- b
			}
		}
		close(ch)
		wg.Wait()
		if a.Used() != 0 {
			t.Errorf("used %d", a.Used())
		}
		for a.Drain(100) {
		}
		a.Purge()
		if a.Mapped() != 0 {
			t.Errorf("mapped %d", a.Mapped())
		}
	})
}

// TestDiscard: memory given back by Purge and Trim may be used again.
func TestDiscard(t *testing.T) {
	a := New(Mmap)
	defer a.Close()
	if !a.canDiscard() {
		t.Skip("nothing can be given back in part here")
	}
	var live []block
	for i := range 60000 {
		b := block{a.Alloc(1000), 1000, byte(i)}
		b.fill()
		live = append(live, b)
	}
	top := a.Mapped()
	for i, b := range live {
		if i%100 != 0 {
			a.Free(b.p, b.n)
		}
	}
	for a.Trim(1 << 20) {
	}
	checkChunks(t, a)
	if a.Mapped() > top/3 {
		t.Errorf("%d mapped of %d after 99 %% were freed", a.Mapped(), top)
	}
	a.Purge()
	for i, b := range live {
		if i%100 == 0 {
			b.check(t)
		} else {
			live[i] = block{a.Alloc(1000), 1000, byte(i)}
			live[i].fill()
		}
	}
	checkChunks(t, a)
	for _, b := range live {
		b.check(t)
		a.Free(b.p, b.n)
	}
	a.Purge()
	if a.Mapped() != 0 {
		t.Errorf("mapped %d", a.Mapped())
	}
}

func TestAllocsPerRun(t *testing.T) {
	backends(t, func(t *testing.T, a *Allocator) {
		keep := a.Alloc(100)
		keep2 := a.Alloc(1000)
		for _, n := range []int{8, 200, 496, 497, 3000, 100000} {
			if got := testing.AllocsPerRun(100, func() { a.Free(a.Alloc(n), n) }); got != 0 {
				t.Errorf("Alloc(%d): %v allocations", n, got)
			}
		}
		a.Free(keep, 100)
		a.Free(keep2, 1000)
	})
}

// FuzzOps runs a program of allocations and frees.
func FuzzOps(f *testing.F) {
	f.Add([]byte{0, 10, 1, 200, 2, 255, 128, 0, 129, 3})
	f.Add([]byte("allocate, free, allocate, free"))
	f.Fuzz(func(t *testing.T, prog []byte) {
		if len(prog) > 4000 {
			return
		}
		a := New(Heap)
		defer a.Close()
		var live []block
		for len(prog) >= 2 {
			op, x := prog[0], int(prog[1])
			prog = prog[2:]
			if op < 128 || len(live) == 0 {
				n := x << (op & 7)
				if op&8 != 0 {
					n += int(op >> 4)
				}
				p, m := a.AllocAtLeast(n)
				b := block{p, m, op}
				b.fill()
				live = append(live, b)
				continue
			}
			i := x % len(live)
			b := live[i]
			b.check(t)
			if op&1 == 0 {
				a.Free(b.p, b.n)
			} else {
				a.FreeRemote(b.p, b.n)
			}
			live = append(live[:i], live[i+1:]...)
		}
		checkChunks(t, a)
		for _, b := range live {
			b.check(t)
			a.Free(b.p, b.n)
		}
		a.Purge()
		if a.Used() != 0 || a.Mapped() != 0 {
			t.Fatalf("used %d, mapped %d", a.Used(), a.Mapped())
		}
	})
}

func BenchmarkAllocFree(b *testing.B) {
	for _, n := range []int{32, 200, 700, 2500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			a := New(Auto)
			defer a.Close()
			const live = 10000
			var ps [live]unsafe.Pointer
			for i := range ps {
				ps[i] = a.Alloc(n)
			}
			r := rand.New(rand.NewPCG(1, 1))
			for b.Loop() {
				i := r.IntN(live)
				a.Free(ps[i], n)
				ps[i] = a.Alloc(n)
			}
		})
	}
}
