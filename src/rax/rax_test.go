// SPDX-License-Identifier: BSD-3-Clause

package rax

import (
	"math/rand"
	"slices"
	"sync"
	"testing"

	"redport/src/epoch"
	"redport/src/zmalloc"
)

type num int

func (a num) Compare(b num) int { return int(a - b) }

func check(t *testing.T, m *Map[num, int], model map[num]int) {
	t.Helper()
	keys := make([]num, 0, len(model))
	for k := range model {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	if m.Len() != len(keys) {
		t.Fatalf("Len %d, want %d", m.Len(), len(keys))
	}
	it := m.Iter()
	i := 0
	for ok := it.First(); ok; ok = it.Next() {
		if it.Key() != keys[i] || it.Value() != model[keys[i]] {
			t.Fatalf("entry %d: %d=%d", i, it.Key(), it.Value())
		}
		i++
	}
	if i != len(keys) {
		t.Fatalf("%d entries forwards, want %d", i, len(keys))
	}
	for ok := it.Last(); ok; ok = it.Prev() {
		i--
		if it.Key() != keys[i] {
			t.Fatalf("entry %d backwards: %d", i, it.Key())
		}
	}
	if i != 0 {
		t.Fatalf("%d entries missing backwards", i)
	}
}

// Random changes leave the map equal to a Go map; snapshots stay what they were, read by goroutines meanwhile.
func TestModel(t *testing.T) {
	for seed := int64(0); seed < 6; seed++ {
		r := rand.New(rand.NewSource(seed))
		a := zmalloc.New(zmalloc.Heap)
		clk := epoch.New(a)
		m := New[num, int](clk)
		model := map[num]int{}
		var wg sync.WaitGroup
		span := 200 << seed
		for step := 0; step < 12000; step++ {
			k := num(r.Intn(span))
			if seed%2 == 1 && step < 4000 {
				k = num(span + step) // ascending
			}
			grow := step%6000 < 3500
			switch n := r.Intn(10); {
			case n < 6 == grow:
				_, had := model[k]
				if m.Set(k, step) == had {
					t.Fatal("Set does not know what is new")
				}
				model[k] = step
			case n < 9:
				_, had := model[k]
				if _, ok := m.Delete(k); ok != had {
					t.Fatalf("Delete %d: %v", k, ok)
				}
				delete(model, k)
			default:
				if v := m.Ref(k); v != nil {
					*v = -step
					model[k] = -step
				}
			}
			it := m.Iter()
			if ok := it.SeekGE(k); ok && it.Key() < k {
				t.Fatal("SeekGE goes too low")
			}
			if ok := it.SeekLE(k); ok && it.Key() > k {
				t.Fatal("SeekLE goes too high")
			}
			if step%1500 == 0 {
				s := clk.Snapshot()
				frozen := m
				want := map[num]int{}
				for k, v := range model {
					want[k] = v
				}
				wg.Add(1)
				go func() {
					defer wg.Done()
					for range 3 {
						check(t, &frozen, want)
					}
				}()
				if step%3000 == 0 {
					wg.Wait()
					s.Release()
				}
			}
		}
		check(t, &m, model)
		wg.Wait()
		if a.Used() != m.Bytes() {
			t.Fatalf("accounted %d, held %d", a.Used(), m.Bytes())
		}
		for k := range model {
			m.Delete(k)
		}
		check(t, &m, map[num]int{})
		if a.Used() != 0 || m.Bytes() != 0 {
			t.Fatalf("an empty map holds %d, accounted %d", m.Bytes(), a.Used())
		}
	}
}

func TestAscendingKeysFillLeaves(t *testing.T) {
	clk := epoch.New(zmalloc.New(zmalloc.Heap))
	m := New[num, int](clk)
	const n = 100000
	for i := num(0); i < n; i++ {
		m.Set(i, 0)
	}
	if per := m.Bytes() / n; per > 24 {
		t.Errorf("%d bytes an entry", per)
	}
	m.Clear()
	if m.Len() != 0 || m.Bytes() != 0 {
		t.Error("Clear leaves something")
	}
}

func TestNodeCounter(t *testing.T) {
	for _, tc := range []struct {
		keys []string
		want int
	}{
		{nil, 1},
		{[]string{"abcd"}, 2},
		{[]string{"abcd", "abce"}, 4},         // abc, [de], two leaves
		{[]string{"abcd", "abxy"}, 6},         // ab, [cx], d, y, two leaves
		{[]string{"abcd", "xbcd"}, 5},         // [ax], two runs, two leaves
		{[]string{"abcd", "abce", "abcf"}, 5}, // abc, [def], three leaves
		{[]string{"abcd", "abce", "abxy"}, 7}, // ab, [cx], [de], y, three leaves
	} {
		var c NodeCounter
		for _, k := range tc.keys {
			c.Add([]byte(k))
		}
		if c.Nodes() != tc.want {
			t.Errorf("%q: %d nodes, want %d", tc.keys, c.Nodes(), tc.want)
		}
	}
}
