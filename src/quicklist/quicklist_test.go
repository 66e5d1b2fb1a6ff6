// SPDX-License-Identifier: BSD-3-Clause

package quicklist

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"redport/src/cold"
	"redport/src/epoch"
	"redport/src/listpack"
	"redport/src/zmalloc"
)

// quicklist_test.go - a list against a slice, with snapshots that are read in other goroutines.

func newEnv(backend zmalloc.Backend) (*Env, *zmalloc.Allocator) {
	a := zmalloc.New(backend)
	clock := epoch.New(a)
	return &Env{Clock: clock, Cold: cold.New(clock, 2)}, a
}

// check verifies the invariants of a List.
func check(t testing.TB, l *List) {
	t.Helper()
	var blocks int64
	heap := int64(listSize)
	if l.cold != nil {
		heap += int64(coldNodesSize)
	}
	count := 0
	node := func(i int, n *node) {
		t.Helper()
		if n.p == 0 || n.count == 0 {
			t.Fatalf("node %d is empty", i)
		}
		blocks += int64(n.block().size)
		count += int(n.count)
		depth := max(l.depth, 1)
		inner := i >= depth && i < l.nodes-depth
		if n.csz != 0 && !inner {
			t.Fatalf("node %d of %d is compressed at depth %d", i, l.nodes, l.depth)
		}
		if n.csz != 0 && (int(n.csz) > n.room() || n.off != 0) || n.csz == 0 && int(n.off)+n.sz > n.room() {
			t.Fatalf("node %d: %+v in %d bytes", i, *n, n.room())
		}
		if n.plain {
			if n.count != 1 {
				t.Fatalf("node %d is plain and has %d elements", i, n.count)
			}
			return
		}
		var buf buffer
		lp := buf.contents(nil, n)
		if !listpack.Validate(lp, true, nil) || listpack.Len(lp) != int(n.count) {
			t.Fatalf("node %d: %q, %d elements", i, lp, n.count)
		}
	}
	var walk func(v *vertex, root bool) (nodes, elems int)
	i := 1
	walk = func(v *vertex, root bool) (nodes, elems int) {
		heap += int64(v.heapSize())
		if v.epoch > l.env.Clock.Now() || v.leaf() && len(v.items) == 0 || !v.leaf() && len(v.kids) == 0 || !v.leaf() && root && len(v.kids) == 1 {
			t.Fatalf("vertex %+v, root %t", v, root)
		}
		for k := range v.items {
			node(i, &v.items[k])
			i++
			nodes++
			elems += int(v.items[k].count)
		}
		for _, k := range v.kids {
			n, e := walk(k.v, false)
			if n != k.nodes || e != k.elems {
				t.Fatalf("%d nodes, %d elements; counted %d, %d", k.nodes, k.elems, n, e)
			}
			nodes += n
			elems += e
		}
		return nodes, elems
	}
	if l.nodes > 0 {
		node(0, &l.head)
	}
	if l.mid.root != nil {
		n, e := walk(l.mid.root, true)
		if n != l.mid.nodes || e != l.mid.elems || n != l.nodes-2 {
			t.Fatalf("tree of %d nodes, %d elements; counted %d, %d; %d nodes in all", l.mid.nodes, l.mid.elems, n, e, l.nodes)
		}
	} else if l.nodes > 2 || l.mid.nodes != 0 || l.mid.elems != 0 {
		t.Fatalf("no tree, %d nodes", l.nodes)
	}
	if l.nodes > 1 {
		node(l.nodes-1, &l.tail)
	} else if l.tail.p != 0 {
		t.Fatalf("a tail: %+v", l.tail)
	}
	if count != l.count || blocks != l.blocks || heap != l.heap {
		t.Fatalf("%d elements, %d+%d bytes; counted %d, %d+%d", l.count, l.blocks, l.heap, count, blocks, heap)
	}
}

func texts(l *List) []string {
	var all []string
	it := l.Iter(0, false)
	for v, ok := it.Next(); ok; v, ok = it.Next() {
		all = append(all, string(v.Append(nil)))
	}
	it.Close()
	return all
}

// walked is texts as another goroutine reads them.
func walked(l *List) []string {
	var all []string
	l.Walk(func(n Node) bool {
		if n.Plain {
			all = append(all, string(n.Bytes))
			return true
		}
		for p := listpack.First(n.Bytes); p != listpack.End; p = listpack.Next(n.Bytes, p) {
			all = append(all, string(listpack.Get(n.Bytes, p).Append(nil)))
		}
		return true
	})
	return all
}

// ran is texts, backwards, by runs of up to limit.
func ran(l *List, limit int) []string {
	var all []string
	it := l.Iter(-1, true)
	for r := it.Run(limit); r.Count > 0; r = it.Run(limit) {
		if r.Plain {
			all = append(all, string(r.Bytes))
			continue
		}
		for range r.Count {
			all = append(all, string(listpack.Get(r.Bytes, r.P).Append(nil)))
			r.P = listpack.Prev(r.Bytes, r.P)
		}
	}
	it.Close()
	slices.Reverse(all)
	return all
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: %d elements, want %d\n%.200q\n%.200q", what, len(got), len(want), got, want)
	}
}

func randomText(r *rand.Rand, longest int) string {
	switch r.IntN(10) {
	case 0:
		return strconv.Itoa(r.IntN(100))
	case 1:
		return strconv.FormatInt(int64(r.Uint64()), 10)
	case 2:
		return strings.Repeat(string(rune('a'+r.IntN(3))), r.IntN(longest))
	case 3:
		return strings.Repeat("x", r.IntN(longest)) + strconv.Itoa(r.IntN(10))
	}
	return "item" + strconv.Itoa(r.IntN(50))
}

func TestModel(t *testing.T) {
	for _, backend := range []zmalloc.Backend{zmalloc.Auto, zmalloc.Heap} {
		for _, fill := range []int{-1, -2, -5, 1, 2, 5, 128} {
			for _, depth := range []int{0, 1, 2, 5} {
				for _, threshold := range []int{0, 10} {
					t.Run(fmt.Sprintf("backend %d fill %d depth %d threshold %d", backend, fill, depth, threshold), func(t *testing.T) {
						t.Parallel()
						model(t, backend, fill, depth, threshold)
					})
				}
			}
		}
	}
}

func model(t *testing.T, backend zmalloc.Backend, fill, depth, threshold int) {
	r := rand.New(rand.NewPCG(uint64(fill+10), uint64(depth*100+threshold)))
	env, a := newEnv(backend)
	env.PackedThreshold = threshold
	base := a.Used()
	l := New(env, fill, depth)
	var want []string
	var snap *epoch.Snapshot
	done := make(chan struct{})
	var readers sync.WaitGroup
	rounds := 3000
	if testing.Short() {
		rounds = 500
	}
	push := func(s string, front bool) {
		if front {
			l.PushFront([]byte(s))
			want = slices.Insert(want, 0, s)
		} else {
			l.PushBack([]byte(s))
			want = append(want, s)
		}
	}
	packed := 0
	if r.IntN(4) == 0 {
		env.Cold.SetIdle(0)
	}
	for round := range rounds {
		if r.IntN(2) == 0 {
			env.Cold.Tick()
		}
		if before := l.blocks; env.Cold.Run(time.Minute) && snap != nil {
			t.Fatal("packed under a snapshot")
		} else if l.blocks < before {
			packed++
		}
		n := len(want)
		longest := 300
		if r.IntN(20) == 0 {
			longest = 20000
		}
		s := randomText(r, longest)
		switch op := r.IntN(24); {
		case n == 0 || op < 6 || op < 10 && round < rounds/2:
			front := r.IntN(2) == 0
			for range r.IntN(5) + 1 {
				push(s, front)
			}
		case op < 12:
			if r.IntN(2) == 0 {
				if got := string(l.First().Append(nil)); got != want[0] {
					t.Fatalf("First is %q, want %q", got, want[0])
				}
				l.DropFirst()
				want = want[1:]
			} else {
				if got := string(l.Last().Append(nil)); got != want[n-1] {
					t.Fatalf("Last is %q, want %q", got, want[n-1])
				}
				l.DropLast()
				want = want[:n-1]
			}
		case op < 15:
			i := r.IntN(n)
			after := r.IntN(2) == 0
			l.Insert(i, after, []byte(s))
			if after {
				i++
			}
			want = slices.Insert(want, i, s)
		case op < 18:
			i := r.IntN(n)
			if !l.Replace(i-n, []byte(s)) {
				t.Fatalf("Replace %d of %d", i, n)
			}
			want[i] = s
		case op < 20:
			i := r.IntN(n)
			k := r.IntN(8)
			if r.IntN(10) == 0 {
				k = r.IntN(n + 2)
			}
			l.DeleteRange(i, k)
			want = slices.Delete(want, i, min(n, i+k))
		case op < 21:
			s = want[r.IntN(n)]
			limit := r.IntN(4)
			back := r.IntN(2) == 0
			removed := 0
			var kept []string
			if back {
				slices.Reverse(want)
			}
			for _, x := range want {
				if x == s && (limit == 0 || removed < limit) {
					removed++
					continue
				}
				kept = append(kept, x)
			}
			if back {
				slices.Reverse(kept)
			}
			want = kept
			if got := l.Remove([]byte(s), limit, back); got != removed {
				t.Fatalf("Remove %q: %d, want %d", s, got, removed)
			}
		case op < 22:
			i := r.IntN(n)
			v, ok := l.Index(i)
			if got := string(v.Append(nil)); !ok || got != want[i] {
				t.Fatalf("Index %d is %.50q, want %.50q", i, got, want[i])
			}
			it := l.Iter(i, true)
			for ; i >= 0; i-- {
				v, ok := it.Next()
				if got := string(v.Append(nil)); !ok || got != want[i] {
					t.Fatalf("backwards at %d: %.50q, want %.50q", i, got, want[i])
				}
			}
			if v, ok := it.Next(); ok {
				t.Fatalf("backwards there is more: %q", v.Append(nil))
			}
			it.Close()
		case op < 23:
			if snap == nil {
				snap = env.Clock.Snapshot()
				frozen, then := l, slices.Clone(want)
				l = l.Thaw()
				done = make(chan struct{})
				readers.Add(1)
				go func(done chan struct{}) {
					defer readers.Done()
					for stop := false; !stop; {
						select {
						case <-done:
							stop = true
						default:
						}
						if got := walked(frozen); !slices.Equal(got, then) {
							t.Errorf("a snapshot has changed")
							return
						}
					}
				}(done)
			} else if r.IntN(3) == 0 {
				close(done)
				readers.Wait()
				snap.Release()
				snap = nil
			}
		default:
			d := l.Dup()
			check(t, d)
			equal(t, "copy", texts(d), want)
			d.Release()
		}
		if l.Len() != len(want) {
			t.Fatalf("%d elements, want %d", l.Len(), len(want))
		}
		if round%50 == 0 {
			check(t, l)
			equal(t, "list", texts(l), want)
			equal(t, "runs", ran(l, 1+round%7), want)
		}
		if got := a.Used() - base; got != l.Bytes() {
			t.Fatalf("%d bytes in use, the list holds %d", got, l.Bytes())
		}
	}
	check(t, l)
	equal(t, "list", texts(l), want)
	equal(t, "walk", walked(l), want)
	if packed == 0 && depth == 0 && fill != 1 && fill != -5 && !testing.Short() {
		t.Errorf("nothing was ever packed; %d nodes", l.nodes)
	}
	l.Release()
	if snap != nil {
		close(done)
		readers.Wait()
		snap.Release()
	}
	for env.Clock.Reclaim(time.Second) {
	}
	if a.Used() != base || a.Pending() != 0 {
		t.Fatalf("%d bytes in use, %d pending", a.Used()-base, a.Pending())
	}
}

// TestQueue sends elements through lists of many nodes, in either direction.
func TestQueue(t *testing.T) {
	for _, front := range []bool{false, true} {
		env, _ := newEnv(zmalloc.Auto)
		l := New(env, 4, 1)
		pushed, popped := 0, 0
		for _, step := range []struct{ push, pop int }{{20000, 100}, {10, 19000}, {5000, 5000}, {300, 0}, {0, 1210}} {
			for range step.push {
				if s := strconv.AppendInt([]byte("element "), int64(pushed), 10); front {
					l.PushFront(s)
				} else {
					l.PushBack(s)
				}
				pushed++
			}
			check(t, l)
			for range step.pop {
				var v listpack.Value
				if front {
					v = l.Last()
				} else {
					v = l.First()
				}
				if want := fmt.Sprint("element ", popped); string(v.Str) != want {
					t.Fatalf("%q, want %q", v.Str, want)
				}
				if front {
					l.DropLast()
				} else {
					l.DropFirst()
				}
				popped++
			}
			check(t, l)
		}
		if l.Len() != pushed-popped {
			t.Errorf("%d elements left, want %d", l.Len(), pushed-popped)
		}
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		fill, size, count int
		exceeds           bool
	}{
		{-1, 4096, 1000, false}, {-1, 4097, 1, true}, {-2, 8192, 9999, false}, {-5, 65536, 1, false}, {-5, 65537, 1, true},
		{-6, 65536, 1, false}, {-100, 65537, 1, true}, {0, 10, 1, false}, {0, 10, 2, true}, {128, 100, 128, false},
		{128, 100, 129, true}, {128, 8193, 1, true}, {1, 8192, 1, false},
	} {
		if got := ExceedsLimit(c.fill, c.size, c.count); got != c.exceeds {
			t.Errorf("fill %d, %d bytes, %d elements: %t", c.fill, c.size, c.count, got)
		}
	}
}

func TestSingle(t *testing.T) {
	env, _ := newEnv(zmalloc.Auto)
	l := New(env, -2, 0)
	l.PushBack([]byte("a"))
	l.PushBack([]byte("12"))
	want := listpack.Append(listpack.Append(listpack.New(0), []byte("a")), []byte("12"))
	if lp, ok := l.Single(); !ok || !bytes.Equal(lp, want) {
		t.Errorf("%q, %t", lp, ok)
	}
	l.AppendListpack(want)
	if _, ok := l.Single(); ok || l.Nodes() != 2 || l.Len() != 4 {
		t.Errorf("%d nodes, %d elements", l.Nodes(), l.Len())
	}
	check(t, l)
}

func BenchmarkPushPop(b *testing.B) {
	env, _ := newEnv(zmalloc.Auto)
	l := New(env, -2, 0)
	for range 100000 {
		l.PushBack([]byte("xxx"))
	}
	for _, front := range []bool{false, true} {
		b.Run(fmt.Sprintf("front %t", front), func(b *testing.B) {
			s := []byte("xxx")
			for b.Loop() {
				if front {
					l.PushFront(s)
				} else {
					l.PushBack(s)
				}
			}
			for l.Len() > 1000 {
				if front {
					l.DropFirst()
				} else {
					l.DropLast()
				}
			}
		})
	}
}
