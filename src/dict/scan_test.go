// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"redport/src/zmalloc"
)

// TestScan: elements that are there during the whole scan are returned exactly once, whatever is added, deleted, split and merged meanwhile.
func TestScan(t *testing.T) {
	forTypes(t, func(t *testing.T, w *world, typ *Type) {
		m := newModel(t, w, typ)
		r := newSource(11, 12)
		n := scaled(4000, typ)
		for _, churn := range []int{0, 1, 5, -1} {
			for range 4 {
				for len(m.keys) < n {
					if key := r.key(4 * n); m.find(key).Ok() == false {
						m.insert(key, item{value: "v"})
					}
				}
				stays := map[string]bool{}
				for i, key := range m.keys {
					if i%10 == 0 || churn == 0 {
						stays[key] = true
					}
				}
				seen := map[string]int{}
				cursor, calls := uint64(0), 0
				for first := true; first || cursor != 0; first = false {
					count := r.IntN(30)
					got := 0
					cursor = m.d.Scan(cursor, count, func(e Entry) {
						seen[string(e.Key())]++
						got++
					})
					if typ == types["access"] && got > count+1 && got > maxEntries {
						t.Fatalf("%d entries for a count of %d", got, count)
					}
					if cursor>>48 != 0 {
						t.Fatalf("cursor %x", cursor)
					}
					calls++
					for range churn {
						if key := r.key(4 * n); m.find(key).Ok() {
							if !stays[key] {
								m.delete(key)
							}
						} else {
							m.insert(key, item{value: "v"})
						}
					}
					if churn < 0 { // first only deletions, then only insertions
						for range 40 {
							key := m.keys[r.IntN(len(m.keys))]
							if calls < n/40 {
								if !stays[key] {
									m.delete(key)
								}
							} else if key := r.key(4 * n); !m.find(key).Ok() {
								m.insert(key, item{value: "v"})
							}
						}
					}
					if calls > 100*n {
						t.Fatal("the scan does not end")
					}
				}
				for key := range stays {
					if seen[key] != 1 {
						t.Fatalf("churn %d: %q returned %d times", churn, key, seen[key])
					}
				}
				if churn == 0 && len(seen) != len(m.m) {
					t.Fatalf("%d of %d seen", len(seen), len(m.m))
				}
			}
		}
		check(t, m.d)
		w.end(t, m.d)
	})
}

// TestScanCount: a call returns about as many as it is asked for, also fewer than a page has.
func TestScanCount(t *testing.T) {
	w := newWorld(zmalloc.Auto)
	m := newModel(t, w, types["plain"])
	for i := range 10000 {
		m.insert(fmt.Sprint(i), item{})
	}
	for _, count := range []int{1, 3, 10, 100, 1000} {
		cursor, calls := m.d.Scan(0, count, func(Entry) {}), 1
		for cursor != 0 {
			got := 0
			cursor = m.d.Scan(cursor, count, func(Entry) { got++ })
			calls++
			if cursor != 0 && (got < count || got > count+1) {
				t.Errorf("%d entries for a count of %d", got, count)
			}
		}
		if want := 10000 / count; calls < want || calls > want+1 {
			t.Errorf("count %d: %d calls", count, calls)
		}
	}
	w.end(t, m.d)
}

func TestPrefix(t *testing.T) {
	const bits = 14
	hash := func(key []byte) uint64 {
		slot := uint64(0)
		if len(key) > 2 {
			slot = uint64(key[0])*64 + uint64(key[1])%64
		}
		return slot<<(64-bits) | Hash(key)>>bits
	}
	for b, name := range map[zmalloc.Backend]string{zmalloc.Mmap: "mmap", zmalloc.Heap: "heap"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(b)
			freed := 0
			typ := &Type{Access: true, Hash: hash, FreePointer: nil}
			m := newModel(t, w, typ)
			r := newSource(21, 22)
			slots := map[uint64]map[string]bool{}
			add := func(key string) {
				if m.find(key).Ok() {
					return
				}
				it := r.item()
				m.insert(key, it)
				s := hash([]byte(key)) >> (64 - bits)
				if slots[s] == nil {
					slots[s] = map[string]bool{}
				}
				slots[s][key] = true
			}
			for i := range 20000 {
				add(string(binary.BigEndian.AppendUint32(nil, uint32(r.Uint64()))) + fmt.Sprint(i))
				add("\x80\x01" + fmt.Sprint(i))         // one slot full
				add("\x80" + fmt.Sprintf("%c", i%30+2)) // its neighbours nearly empty
				add("\x10\x10" + fmt.Sprint(i%300))
			}
			check(t, m.d)
			count := func(s uint64) int { return m.d.CountPrefix(s<<(64-bits), bits) }
			for s := range uint64(1 << bits) {
				if got := count(s); got != len(slots[s]) {
					t.Fatalf("slot %d: %d keys, want %d", s, got, len(slots[s]))
				}
			}
			release := func(s uint64) {
				if got := m.d.ReleasePrefix(s<<(64-bits), bits); got != len(slots[s]) {
					t.Fatalf("slot %d: %d dropped, want %d", s, got, len(slots[s]))
				}
				for key := range slots[s] {
					m.forget(key)
				}
				delete(slots, s)
				if count(s) != 0 {
					t.Fatal("not empty")
				}
			}
			for s := range slots {
				seen := map[string]bool{}
				cursor := uint64(0)
				for first := true; first || cursor != 0; first = false {
					cursor = m.d.ScanPrefix(s<<(64-bits), bits, cursor, 7, func(e Entry) {
						key := string(e.Key())
						if seen[key] || !slots[s][key] {
							t.Fatalf("slot %d: %q returned twice, or it is another's", s, key)
						}
						seen[key] = true
					})
				}
				if len(seen) != len(slots[s]) {
					t.Fatalf("slot %d: %d of %d seen", s, len(seen), len(slots[s]))
				}
			}
			n := 0
			snap := w.clk.Snapshot()
			v := m.d.Snapshot(snap)
			want := m.d.Len()
			for _, s := range []uint64{0x80*64 + 1, 0x80*64 + 2, 0x80*64 + 3, 0x10*64 + 16, 0, 1, 1<<bits - 1} {
				release(s)
				check(t, m.d)
			}
			for s := range slots {
				release(s)
				if n++; n%200 == 0 {
					check(t, m.d)
					w.clk.Reclaim(0)
				}
				if n == 3000 {
					v.All(func(Entry) bool { want--; return true })
					if want != 0 {
						t.Errorf("%d entries too few in the snapshot", want)
					}
					snap.Release()
				}
			}
			if m.d.Len() != 0 || m.d.root != 0 {
				t.Errorf("%d left", m.d.Len())
			}
			_ = freed
			w.end(t, m.d)
		})
	}
}

// TestDue: what is due is found, and nothing else; and where nothing is, hardly anything is looked at.
func TestDue(t *testing.T) {
	forTypes(t, func(t *testing.T, w *world, typ *Type) {
		m := newModel(t, w, typ)
		r := newSource(31, 32)
		n := scaled(8000, typ)
		var now int64
		for round := range 60 {
			for range n / 20 {
				m.step(r, 2*n, round < 30)
			}
			now += r.Int64N(1 << 19)
			due := map[string]bool{}
			first := int64(math.MaxInt64)
			for key, it := range m.m {
				if it.expire >= 0 {
					first = min(first, it.expire)
				}
				if it.expire != -1 && it.expire <= now {
					due[key] = true
				}
			}
			if next := m.d.NextExpire(); next > first {
				t.Fatalf("next expiry %d, but one at %d", next, first)
			}
			cursor, calls := uint64(0), 0
			var found []string
			for first := true; first || cursor != 0; first = false {
				before := cursor
				cursor = m.d.Due(cursor, now, 1+r.IntN(10), func(e Entry) {
					key := string(e.Key())
					if !due[key] {
						t.Fatalf("%.40q is not due, or was returned before", key)
					}
					delete(due, key)
					found = append(found, key)
				})
				if cursor != 0 && cursor <= before {
					t.Fatal("no progress")
				}
				if calls++; calls > 10*n {
					t.Fatal("Due does not end")
				}
			}
			if len(due) != 0 {
				t.Fatalf("round %d: %d of %d due entries not found", round, len(due), len(due)+len(found))
			}
			if round%2 == 0 { // else they stay, and must be found again
				for _, key := range found {
					m.delete(key)
				}
			}
			if round%10 == 0 {
				m.checkAll()
			}
		}
		m.checkAll()
		w.end(t, m.d)
	})
}

func TestDueSkips(t *testing.T) {
	w := newWorld(zmalloc.Auto)
	m := newModel(t, w, types["access"])
	for i := range 60000 {
		m.insert(fmt.Sprint(i), item{})
		if i%10 == 0 {
			m.d.SetExpire(m.find(fmt.Sprint(i)), 1<<40)
		}
	}
	m.d.SetExpire(m.find("7"), 1000)
	calls := func(now int64, fn func(Entry)) (n int) {
		cursor := uint64(0)
		for first := true; first || cursor != 0; first = false {
			cursor = m.d.Due(cursor, now, 1, fn)
			n++
		}
		return n
	}
	found := 0
	if n := calls(1000, func(Entry) { found++ }); n > 5 || found != 1 {
		t.Errorf("%d found in %d calls", found, n)
	}
	m.d.Delete(m.find("7"))
	if n := calls(1<<39, func(Entry) { t.Error("nothing is due") }); n > 3 {
		t.Errorf("nothing is due, but it took %d calls", n)
	}
	w.end(t, m.d)
}

// chiSquare fails the test if counts are not what a uniform choice could give; the bound is that of one in a million.
func chiSquare(t *testing.T, what string, counts map[string]int, cells int) {
	t.Helper()
	total := 0
	for _, n := range counts {
		total += n
	}
	want := float64(total) / float64(cells)
	sum := float64(cells-len(counts)) * want
	for _, n := range counts {
		sum += (float64(n) - want) * (float64(n) - want) / want
	}
	df := float64(cells - 1)
	if bound := df + 5*math.Sqrt(2*df) + 20; sum > bound {
		t.Errorf("%s: chi-square %.0f with %d cells, should be below %.0f", what, sum, cells, bound)
	}
}

func TestRandom(t *testing.T) {
	for _, name := range []string{"access", "deep", "few", "skewed", "slotted", "zero"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(zmalloc.Auto)
			m := newModel(t, w, types[name])
			r := newSource(41, 42)
			next := 0
			for _, n := range []int{1, 2, 50, 300, 2000} {
				for len(m.keys) < n {
					m.insert(fmt.Sprintf("%0*d", 5+next%7, next), item{})
					next++
				}
				// Every second goes, so that pages are uneven.
				for _, key := range slices.Clone(m.keys) {
					if len(m.keys) > n/2+1 && Hash([]byte(key))%3 != 0 {
						m.delete(key)
					}
				}
				check(t, m.d)
				counts := map[string]int{}
				for range 30 * n {
					counts[string(m.d.Random(r.Uint64).Key())]++
				}
				chiSquare(t, fmt.Sprintf("%d entries", len(m.keys)), counts, len(m.keys))
				check(t, m.d)
			}
			w.end(t, m.d)
		})
	}
}

func TestSample(t *testing.T) {
	forTypes(t, func(t *testing.T, w *world, typ *Type) {
		m := newModel(t, w, typ)
		r := newSource(51, 52)
		for i := range scaled(4000, typ) {
			m.insert(fmt.Sprint(i), item{})
			if i%50 == 7 {
				m.d.SetExpire(m.find(fmt.Sprint(i)), int64(i))
			}
		}
		m.sampleAll(r)
		for _, volatile := range []bool{false, true} {
			all := map[string]bool{}
			for range 3000 {
				want := r.IntN(100)
				seen := map[string]bool{}
				got := m.d.Sample(r.Uint64, want, volatile, func(e Entry) {
					if volatile && e.Expire() == -1 {
						t.Fatal("not volatile")
					}
					if key := string(e.Key()); seen[key] {
						t.Fatalf("%q twice", key)
					} else {
						seen[key] = true
						all[key] = true
					}
				})
				most := m.d.Len()
				if volatile {
					most = m.d.Expiring()
				}
				if got != len(seen) || got != min(want, most) {
					t.Fatalf("%d of %d sampled", got, want)
				}
			}
			if volatile && len(all) != m.d.Expiring() {
				t.Errorf("only %d of %d were ever sampled", len(all), m.d.Expiring())
			}
		}
		w.end(t, m.d)
	})
}

// sampleAll checks that a sample of everything is everything.
func (m *model) sampleAll(r source) {
	m.t.Helper()
	for _, volatile := range []bool{false, true} {
		want := m.d.Len()
		if volatile {
			want = m.d.Expiring()
		}
		seen := map[string]bool{}
		m.d.Sample(r.Uint64, want+1, volatile, func(e Entry) { seen[string(e.Key())] = true })
		if len(seen) != want {
			m.t.Fatalf("%d entries sampled, of %d", len(seen), want)
		}
	}
}
