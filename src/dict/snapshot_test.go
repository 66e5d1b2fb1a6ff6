// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"
	"unsafe"

	"redport/src/epoch"
	"redport/src/zmalloc"
)

// reader is a snapshot and what it must look like.
type reader struct {
	s    *epoch.Snapshot
	v    viewer
	want map[string]item
	done chan string // "" or what is wrong
}

type viewer interface {
	Len() int
	Find(h uint64, key []byte) Entry
	All(fn func(Entry) bool)
	Iter() Iter
}

// read walks a view again and again until it has done so often enough, and compares it with what it must be.
func (x *reader) read(hash func([]byte) uint64, times int) {
	x.done <- func() string {
		for range times {
			if x.v.Len() != len(x.want) {
				return fmt.Sprintf("%d entries, want %d", x.v.Len(), len(x.want))
			}
			n := 0
			bad := ""
			cmp := func(e Entry, key string) {
				it, ok := x.want[key]
				if !ok || string(e.Value()) != it.value || e.Meta() != it.meta || e.Expire() != it.expire || e.Access() != it.access || e.Pointer() != unsafe.Pointer(it.ptr) {
					bad = fmt.Sprintf("entry %.40q differs: %.40q, want %.40q", key, e.Value(), it.value)
				}
			}
			x.v.All(func(e Entry) bool {
				n++
				cmp(e, string(e.Key()))
				return bad == ""
			})
			if bad != "" {
				return bad
			}
			if n != len(x.want) {
				return fmt.Sprintf("All: %d entries, want %d", n, len(x.want))
			}
			for key := range x.want {
				e := x.v.Find(hash([]byte(key)), []byte(key))
				if !e.Ok() {
					return fmt.Sprintf("%.40q not found", key)
				}
				cmp(e, key)
				if n -= 3; n < 0 {
					break
				}
			}
			if bad != "" {
				return bad
			}
		}
		return ""
	}()
}

// TestSnapshots: several views at once stay what they were, read by goroutines of their own, while the owner writes. Under the race detector
// this is the proof of the epoch rule.
func TestSnapshots(t *testing.T) {
	for _, background := range []bool{false, true} {
		for _, name := range []string{"access", "plain", "few", "skewed"} {
			for b, bname := range map[zmalloc.Backend]string{zmalloc.Mmap: "mmap", zmalloc.Heap: "heap"} {
				t.Run(fmt.Sprintf("%s/%s/%v", name, bname, background), func(t *testing.T) {
					typ := types[name]
					w := newWorld(b)
					var bg sync.WaitGroup
					stop := make(chan struct{})
					if background {
						bg.Go(func() { w.clk.Background(stop) })
					}
					m := newModel(t, w, typ)
					r := newSource(61, 62)
					hash := typ.Hash
					if hash == nil {
						hash = Hash
					}
					n := scaled(16000, typ)
					var readers []*reader
					// finish takes the results of readers that are done, and of all of them if wait.
					finish := func(wait bool) {
						for i := 0; i < len(readers); i++ {
							x := readers[i]
							if !wait {
								select {
								case bad := <-x.done:
									x.done <- bad
								default:
									continue
								}
							}
							if bad := <-x.done; bad != "" {
								t.Fatalf("snapshot of epoch %d: %s", x.s.Epoch(), bad)
							}
							x.s.Release()
							readers = append(readers[:i], readers[i+1:]...)
							i--
						}
					}
					for i := range n {
						m.step(r, n/6+1, i%(n/3) < n/4)
						if i%(n/25+1) == 0 {
							x := &reader{s: w.clk.Snapshot(), want: maps.Clone(m.m), done: make(chan string, 1)}
							if i%2 == 0 {
								x.v = m.d.Snapshot(x.s)
							} else { // the other way to keep a view: a new header
								x.v, m.d = m.d, m.d.Clone()
							}
							readers = append(readers, x)
							go x.read(hash, 1+r.IntN(3))
						}
						if i%(n/60+1) == 0 {
							finish(false)
							if len(readers) > 5 {
								finish(true)
							}
							check(t, m.d)
						}
						if i%40 == 0 {
							w.clk.Reclaim(0)
						}
						if i%(n/4) == n/8 {
							// Flushed while snapshots look at it.
							m.d.Release()
							m.m, m.keys, m.at = map[string]item{}, nil, map[string]int{}
						}
					}
					m.checkAll()
					finish(true)
					m.d.Release()
					if background {
						deadline := time.Now().Add(time.Minute)
						for w.clk.Reclaim(time.Millisecond); w.clk.Pending() > 0; w.clk.Reclaim(time.Millisecond) {
							if time.Now().After(deadline) {
								t.Fatal("pending for ever")
							}
						}
						close(stop)
						bg.Wait()
					}
					w.end(t, m.d)
				})
			}
		}
	}
}

// TestOverlap: snapshots released in another order than they were taken in.
func TestOverlap(t *testing.T) {
	w := newWorld(zmalloc.Auto)
	m := newModel(t, w, types["access"])
	r := newSource(71, 72)
	var readers []*reader
	for range 400 {
		for range 50 {
			m.step(r, 2000, true)
		}
		if len(readers) < 8 {
			x := &reader{s: w.clk.Snapshot(), want: maps.Clone(m.m), done: make(chan string, 1)}
			x.v = m.d.Snapshot(x.s)
			readers = append(readers, x)
		} else {
			i := r.IntN(len(readers))
			x := readers[i]
			x.read(m.hash, 1)
			if bad := <-x.done; bad != "" {
				t.Fatal(bad)
			}
			x.s.Release()
			readers = append(readers[:i], readers[i+1:]...)
			if r.IntN(3) == 0 {
				w.drain()
			}
		}
	}
	for _, x := range readers {
		x.read(m.hash, 1)
		if bad := <-x.done; bad != "" {
			t.Fatal(bad)
		}
		x.s.Release()
		w.drain()
	}
	m.checkAll()
	if w.clk.ClonedBytes() == 0 {
		t.Error("nothing was cloned")
	}
	w.end(t, m.d)
}

// TestFrozenPagesStay: reading, and setting access words, writes nothing.
func TestFrozenPagesStay(t *testing.T) {
	w := newWorld(zmalloc.Auto)
	m := newModel(t, w, types["access"])
	for i := range 1000 {
		m.insert(fmt.Sprint(i), item{value: "v"})
	}
	s := w.clk.Snapshot()
	m.d.Snapshot(s)
	for i := range 1000 {
		if m.d.SetAccess(m.find(fmt.Sprint(i)), 5) {
			t.Fatal("access word of a frozen page set")
		}
	}
	if s.ClonedBytes() != 0 {
		t.Errorf("%d bytes cloned", s.ClonedBytes())
	}
	e := m.d.Replace(m.find("1"), Value{Bytes: []byte("w")})
	if n := s.ClonedBytes(); n == 0 || n > 20000 {
		t.Errorf("%d bytes cloned for one write", n)
	}
	if !m.d.SetAccess(e, 5) {
		t.Error("the clone may be written to")
	}
	s.Release()
	w.end(t, m.d)
}

// TestRelease: letting go of everything is O(1), and accounts for it at once; pointers are told.
func TestRelease(t *testing.T) {
	for _, pointers := range []bool{false, true} {
		w := newWorld(zmalloc.Auto)
		freed := 0
		d := New(w.clk, &Type{FreePointer: func(p unsafe.Pointer) {
			if *(*int)(p) != 1 {
				t.Error("pointer freed twice")
			}
			*(*int)(p) = 2
			freed++
		}})
		for i := range 30000 {
			key := fmt.Append(nil, i)
			v := Value{Bytes: make([]byte, i%150)}
			if pointers && i%3 == 0 {
				one := 1
				v = Value{Pointer: unsafe.Pointer(&one)}
			}
			d.Insert(d.Find(Hash(key), key), key, v, 0)
		}
		for i := range 1000 { // these are the owner's to free
			key := fmt.Append(nil, i)
			d.Delete(d.Find(Hash(key), key))
		}
		used := w.a.Used()
		if used != d.Bytes() {
			t.Errorf("used %d, the Dict says %d", used, d.Bytes())
		}
		s := w.clk.Snapshot()
		v := d.Snapshot(s)
		if n := testing.AllocsPerRun(1, func() {}); n != 0 {
			t.Fatal(n)
		}
		d.Release()
		if w.a.Used() != 0 || d.Len() != 0 || d.Bytes() != 0 {
			t.Errorf("released, but used is %d", w.a.Used())
		}
		w.drain()
		if w.clk.Pending() == 0 || freed != 0 {
			t.Error("freed under a snapshot")
		}
		n := 0
		v.All(func(e Entry) bool { n++; return true })
		if n != 29000 {
			t.Errorf("%d entries in the snapshot", n)
		}
		s.Release()
		w.drain()
		want := 0
		if pointers {
			want = 10000 - 334
		}
		if freed != want {
			t.Errorf("%d pointers freed, want %d", freed, want)
		}
		w.end(t, d)
	}
}

// TestDetachToYoungerDict: a long value goes to a Dict that is younger than the value, and is dropped with it, while a snapshot
// still sees it where it was.
func TestDetachToYoungerDict(t *testing.T) {
	w := newWorld(zmalloc.Heap)
	d := New(w.clk, &Type{})
	find := func(d *Dict, key string) Entry { return d.Find(d.hashKey([]byte(key)), []byte(key)) }
	value := fmt.Sprintf("%01000d", 7)
	d.Insert(find(d, "a"), []byte("a"), Value{Bytes: []byte(value)}, 0)
	d.Insert(find(d, "b"), []byte("b"), Value{Bytes: []byte("short")}, 0)
	s := w.clk.Snapshot()
	view := d.Snapshot(s)
	younger := New(w.clk, &Type{})
	for _, key := range []string{"a", "b"} {
		v := d.Detach(find(d, key), nil)
		younger.Insert(find(younger, key), []byte(key), v, 0)
	}
	if d.Len() != 0 || younger.Len() != 2 || string(find(younger, "a").Value()) != value || string(find(younger, "b").Value()) != "short" {
		t.Error("the values have not arrived")
	}
	check(t, d)
	check(t, younger)
	younger.Release()
	for w.clk.Reclaim(0) {
	}
	if got := view.Find(d.hashKey([]byte("a")), []byte("a")).Value(); string(got) != value {
		t.Errorf("the snapshot sees %.20q", got)
	}
	s.Release()
	w.end(t, d)
}
