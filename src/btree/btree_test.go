// SPDX-License-Identifier: BSD-3-Clause

package btree

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"sync"
	"testing"

	"redport/src/epoch"
	"redport/src/zmalloc"
)

type element struct {
	score  float64
	member string
}

func less(a, b element) bool {
	return a.score < b.score || a.score == b.score && a.member < b.member
}

// model is a sorted slice that does what a Tree does.
type model []element

func (m model) search(e element) int {
	return sort.Search(len(m), func(i int) bool { return !less(m[i], e) })
}

func (m *model) insert(e element) {
	i := m.search(e)
	*m = append(*m, element{})
	copy((*m)[i+1:], (*m)[i:])
	(*m)[i] = e
}

func (m *model) remove(i int) { *m = append((*m)[:i], (*m)[i+1:]...) }

// check compares all of the tree with the model, both ways.
func check(t *testing.T, tr *Tree, m model) {
	t.Helper()
	if tr.Len() != len(m) {
		t.Fatalf("%d elements, want %d", tr.Len(), len(m))
	}
	i := 0
	for c := tr.At(0); c.Ok(); c.Next() {
		if c.Score() != m[i].score || string(c.Member()) != m[i].member {
			t.Fatalf("element %d is %v %q, want %v", i, c.Score(), c.Member(), m[i])
		}
		i++
	}
	if i != len(m) {
		t.Fatalf("%d elements forwards, want %d", i, len(m))
	}
	for c := tr.At(len(m) - 1); c.Ok(); c.Prev() {
		if i--; c.Score() != m[i].score || string(c.Member()) != m[i].member {
			t.Fatalf("element %d is %v %q backwards, want %v", i, c.Score(), c.Member(), m[i])
		}
	}
	if i != 0 {
		t.Fatalf("%d elements were not met backwards", i)
	}
}

// checkShape verifies what parents know about children, fill and the sum of all blocks.
func checkShape(t *testing.T, tr *Tree) {
	t.Helper()
	size := int64(0)
	var walk func(ref uintptr, level int, root bool) int64
	walk = func(ref uintptr, level int, root bool) int64 {
		if level == 0 {
			l := leafAt(ref)
			size += int64(zmalloc.UsableSize(int(l.size)))
			live := 0
			for i := range int(l.n) {
				live += len(l.record(i))
				if b := l.blob(i); b != nil {
					size += int64(zmalloc.UsableSize(blobHeader + b.n))
				}
			}
			if live != int(l.live) || l.used > l.size || l.n == 0 {
				t.Fatalf("leaf: %d live, says %d; used %d of %d; %d elements", live, l.live, l.used, l.size, l.n)
			}
			return int64(l.n)
		}
		nd := innerAt(ref)
		size += int64(zmalloc.UsableSize(innerSize))
		if nd.n < 2 || !root && nd.n < minFill {
			t.Fatalf("inner node of %d", nd.n)
		}
		n := int64(0)
		for i := range int(nd.n) {
			c := walk(nd.kids[i], level-1, false)
			l := lowest(nd.kids[i], level-1)
			if c != nd.counts[i] || nd.scores[i] != l.scores[0] || nd.prefix[i] != prefixOf(l.member(0)) {
				t.Fatalf("child %d: count %d, is %d; score %v, is %v", i, nd.counts[i], c, nd.scores[i], l.scores[0])
			}
			n += c
		}
		return n
	}
	if tr.root != 0 {
		if n := walk(tr.root, tr.height, true); n != int64(tr.n) {
			t.Fatalf("%d elements, says %d", n, tr.n)
		}
	}
	if size != tr.bytes {
		t.Fatalf("blocks of %d bytes, says %d", size, tr.bytes)
	}
}

// TestModel does random things to a tree, while readers look at snapshots of it.
func TestModel(t *testing.T) {
	for _, tc := range []struct {
		name   string
		member func(r *rand.Rand) string
		score  func(r *rand.Rand) float64
		steps  int
	}{
		{"distinct", func(r *rand.Rand) string { return fmt.Sprintf("m%d", r.IntN(20000)) }, func(r *rand.Rand) float64 { return r.NormFloat64() }, 60000},
		{"ties", func(r *rand.Rand) string { return fmt.Sprintf("long common prefix %05d", r.IntN(9000)) }, func(r *rand.Rand) float64 { return float64(r.IntN(3)) }, 40000},
		{"blobs", func(r *rand.Rand) string { return strings.Repeat("b", r.IntN(300)) + fmt.Sprint(r.IntN(9)) }, func(r *rand.Rand) float64 {
			return []float64{math.Inf(-1), -1, 0, math.Copysign(0, -1), math.Inf(1)}[r.IntN(5)]
		}, 20000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := zmalloc.New(zmalloc.Heap)
			defer a.Close()
			clk := epoch.New(a)
			r := rand.New(rand.NewPCG(1, 2))
			tr := New(clk)
			var m model
			scores := map[string]float64{}
			var wg sync.WaitGroup
			type live struct {
				s    *epoch.Snapshot
				done chan struct{}
			}
			var snaps []live
			for i := range tc.steps {
				member := tc.member(r)
				old, exists := scores[member]
				grow := i/5000%2 == 0
				switch op := r.IntN(10); {
				case !exists && (grow || op < 3):
					s := tc.score(r)
					tr.Insert(s, []byte(member))
					m.insert(element{s, member})
					scores[member] = s
				case exists && (op < 3 || !grow):
					k := m.search(element{old, member})
					if op%2 == 0 {
						tr.DeleteAt(k)
					} else if !tr.Delete(old, []byte(member)) {
						t.Fatalf("%q is not there", member)
					}
					m.remove(k)
					delete(scores, member)
				case exists:
					s := tc.score(r)
					if op < 6 {
						s = old + (s-old)/1000 // stays near
						if math.IsNaN(s) {
							s = old
						}
					}
					if !tr.Update(old, []byte(member), s) {
						t.Fatalf("%q is not there", member)
					}
					m.remove(m.search(element{old, member}))
					m.insert(element{s, member})
					scores[member] = s
				default:
					if tr.Delete(1e9, []byte(member)) || tr.Update(1e9, []byte(member), 3) {
						t.Fatalf("%q is there", member)
					}
				}
				if !grow && i%3 == 0 && len(m) > 0 {
					// Shrink in order as well.
					k := 0
					if i%2 == 0 {
						k = len(m) - 1
					}
					if i%5 < 3 {
						tr.DeleteAt(k)
					} else {
						tr.Delete(m[k].score, []byte(m[k].member))
					}
					delete(scores, m[k].member)
					m.remove(k)
				}
				if len(m) > 0 && i%7 == 0 {
					k := r.IntN(len(m))
					if rank, ok := tr.Rank(m[k].score, []byte(m[k].member)); rank != k || !ok {
						t.Fatalf("rank %d %v, want %d", rank, ok, k)
					}
					s := m[k].score
					if n, want := tr.CountBelow(s, false), sort.Search(len(m), func(i int) bool { return m[i].score >= s }); n != want {
						t.Fatalf("%d below %v, want %d", n, s, want)
					}
					if n, want := tr.CountBelow(s, true), sort.Search(len(m), func(i int) bool { return m[i].score > s }); n != want {
						t.Fatalf("%d up to %v, want %d", n, s, want)
					}
					for _, s := range []float64{s, math.Nextafter(s, math.Inf(1)), tc.score(r)} {
						k := sort.Search(len(m), func(i int) bool { return m[i].score >= s })
						var c Cursor
						tr.SeekScore(&c, s)
						for end := min(k+150, len(m)); k < end; {
							run := c.Run()
							for i, s := range run {
								if m[k+i].score != s {
									t.Fatalf("element %d has score %v, want %v", k+i, s, m[k+i].score)
								}
							}
							n := 1 + r.IntN(len(run))
							c.Skip(n)
							k += n
						}
						if c.Ok() != (k < len(m)) || c.Ok() && string(c.Member()) != m[k].member {
							t.Fatalf("from %v on, %d of %d is another one, or there is none: %v", s, k, len(m), c.Ok())
						}
					}
					if c := tr.At(k); string(c.Member()) != m[k].member {
						t.Fatalf("at %d is %q, want %q", k, c.Member(), m[k].member)
					}
				}
				if i%2500 == 0 {
					checkShape(t, tr)
					check(t, tr, m)
					if len(snaps) == 3 {
						k := r.IntN(3)
						<-snaps[k].done
						snaps[k].s.Release()
						snaps = append(snaps[:k], snaps[k+1:]...)
						for clk.Reclaim(0) {
						}
					}
					old, want := tr, append(model(nil), m...)
					l := live{clk.Snapshot(), make(chan struct{})}
					snaps = append(snaps, l)
					tr = old.Clone()
					wg.Add(1)
					go func() {
						defer wg.Done()
						defer close(l.done)
						for range 3 {
							check(t, old, want)
						}
					}()
				}
			}
			checkShape(t, tr)
			check(t, tr, m)
			wg.Wait()
			tr.Release()
			check(t, tr, nil)
			for _, l := range snaps {
				l.s.Release()
			}
			for clk.Reclaim(0) {
			}
			if a.Used() != 0 || a.Pending() != 0 {
				t.Fatalf("%d bytes used and %d pending at the end", a.Used(), a.Pending())
			}
		})
	}
}

// TestEqualScores: with one score, order and CountWhile are those of the members.
func TestEqualScores(t *testing.T) {
	a := zmalloc.New(zmalloc.Heap)
	defer a.Close()
	tr := New(epoch.New(a))
	const n = 10000
	for _, i := range rand.New(rand.NewPCG(3, 4)).Perm(n) {
		tr.Insert(0, fmt.Appendf(nil, "element:%06d", i))
	}
	for _, i := range []int{0, 1, 63, 64, 5000, n - 1, n} {
		k := fmt.Appendf(nil, "element:%06d", i)
		if got := tr.CountWhile(func(m []byte) bool { return bytes.Compare(m, k) < 0 }); got != i {
			t.Errorf("%d before %q, want %d", got, k, i)
		}
	}
	for c, i := tr.At(n/2), n/2; c.Ok(); c.Next() {
		if string(c.Member()) != fmt.Sprintf("element:%06d", i) {
			t.Fatalf("element %d is %q", i, c.Member())
		}
		i++
	}
}

func BenchmarkInsert(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		a := zmalloc.New(zmalloc.Auto)
		tr := New(epoch.New(a))
		perm := rand.Perm(1 << 17)
		var buf [32]byte
		b.StartTimer()
		for _, i := range perm {
			tr.Insert(float64(i), fmt.Appendf(buf[:0], "member:%09d", i))
		}
		b.StopTimer()
		b.ReportMetric(float64(tr.Bytes())/float64(tr.Len()), "B/entry")
		a.Close()
		b.StartTimer()
	}
}
