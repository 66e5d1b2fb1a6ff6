// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"fmt"
	"maps"
	"testing"
	"unsafe"

	"redport/src/zmalloc"
)

// consume walks a view as its only reader, and tells what is wrong with it.
func consume(v *View, want map[string]item, tell func(n int)) string {
	n := 0
	for it := v.Consume(); it.Next(); n++ {
		e := it.Entry()
		x, ok := want[string(e.Key())]
		if !ok || string(e.Value()) != x.value || e.Meta() != x.meta || e.Expire() != x.expire || e.Access() != x.access || e.Pointer() != unsafe.Pointer(x.ptr) {
			return fmt.Sprintf("entry %.40q differs: %.40q, want %.40q", e.Key(), e.Value(), x.value)
		}
		tell(n)
	}
	if n != len(want) {
		return fmt.Sprintf("%d entries, want %d", n, len(want))
	}
	return ""
}

// TestConsume: a reader that is alone sees what was there when the snapshot was taken, although what it has left behind is written to in
// place. Other snapshots see the same as ever. Under the race detector this is the proof.
func TestConsume(t *testing.T) {
	for _, name := range []string{"access", "plain", "few", "skewed"} {
		for b, bname := range map[zmalloc.Backend]string{zmalloc.Mmap: "mmap", zmalloc.Heap: "heap"} {
			t.Run(name+"/"+bname, func(t *testing.T) {
				typ := types[name]
				w := newWorld(b)
				m := newModel(t, w, typ)
				r := newSource(81, 82)
				n := scaled(6000, typ)
				for range n {
					m.step(r, n, true)
				}
				for round := range 12 {
					s := w.clk.Snapshot()
					want := maps.Clone(m.m)
					v := m.d.Snapshot(s)
					done := make(chan string, 1)
					go func() { done <- consume(v, want, func(int) {}) }()
					var other *reader
					bad := ""
					for i := 0; ; i++ {
						m.step(r, n, round%3 != 0)
						if i == 100 && round%4 == 3 {
							other = &reader{s: w.clk.Snapshot(), want: maps.Clone(m.m), done: make(chan string, 1)}
							other.v = m.d.Snapshot(other.s)
							go other.read(m.hash, 2)
						}
						if i%40 == 0 {
							w.clk.Reclaim(0)
						}
						if i >= n/4 {
							select {
							case bad = <-done:
							default:
								continue
							}
							break
						}
					}
					if bad != "" {
						t.Fatalf("round %d: %s", round, bad)
					}
					s.Release()
					for range n / 8 {
						m.step(r, n, round%2 != 0)
					}
					if other != nil {
						if bad := <-other.done; bad != "" {
							t.Fatalf("round %d: the other: %s", round, bad)
						}
						other.s.Release()
					}
					check(t, m.d)
					m.checkAll()
				}
				m.d.Release()
				w.end(t, m.d)
			})
		}
	}
}

// TestConsumeSaves: what the reader is past is not cloned.
func TestConsumeSaves(t *testing.T) {
	w := newWorld(zmalloc.Auto)
	d := New(w.clk, types["access"])
	keys := make([][]byte, 20000)
	set := func(key []byte, value string) {
		h := types["access"].Hash
		if h == nil {
			h = Hash
		}
		if e := d.Find(h(key), key); e.Ok() {
			d.Replace(e, Value{Bytes: []byte(value)})
		} else {
			d.Insert(e, key, Value{Bytes: []byte(value)}, 0)
		}
	}
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key:%d", i)
		set(keys[i], "12345678")
	}
	cloned := func(walk bool) int64 {
		s := w.clk.Snapshot()
		defer s.Release()
		v := d.Snapshot(s)
		if walk {
			for it := v.Consume(); it.Next(); {
			}
		}
		for _, key := range keys {
			set(key, "abcdefgh")
		}
		return s.ClonedBytes()
	}
	all, rest := cloned(false), cloned(true)
	if rest > all/20 {
		t.Errorf("%d bytes cloned behind the reader, %d of all", rest, all)
	}
	d.Release()
	w.end(t, d)
}
