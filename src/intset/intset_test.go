// SPDX-License-Identifier: BSD-3-Clause

package intset

import (
	"encoding/hex"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBytes(t *testing.T) {
	is := New()
	for _, step := range []struct {
		v    int64
		want string
	}{
		{5, "02000000010000000500"},
		{-1, "0200000002000000ffff0500"},
		{65535, "0400000003000000ffffffff05000000ffff0000"},
		{math.MinInt64, "08000000040000000000000000000080ffffffffffffffff0500000000000000ffff000000000000"},
	} {
		is, _ = Add(is, step.v)
		if got := hex.EncodeToString(is); got != step.want {
			t.Errorf("after %d: got %s, want %s", step.v, got, step.want)
		}
	}
}

func TestModel(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		is, model := New(), map[int64]bool{}
		for range 300 {
			v := int64(r.Uint64()) >> uint(40+r.IntN(24))
			if r.IntN(20) == 0 {
				v = int64(r.Uint64())
			}
			var changed bool
			if r.IntN(3) > 0 {
				is, changed = Add(is, v)
				if changed == model[v] {
					t.Fatalf("Add(%d) = %v", v, changed)
				}
				model[v] = true
			} else {
				is, changed = Remove(is, v)
				if changed != model[v] {
					t.Fatalf("Remove(%d) = %v", v, changed)
				}
				delete(model, v)
			}
			if Len(is) != len(model) || Len(is) > 0 && !Validate(is, true) {
				t.Fatal("inconsistent")
			}
		}
		var want []int64
		for v := range model {
			want = append(want, v)
			if !Contains(is, v) {
				t.Errorf("%d is missing", v)
			}
		}
		slices.Sort(want)
		for i, v := range want {
			if Get(is, i) != v {
				t.Errorf("element %d is %d, want %d", i, Get(is, i), v)
			}
		}
	}
}

// FuzzValidate: what passes is sorted and can be read whole.
func FuzzValidate(f *testing.F) {
	is, _ := Add(New(), 7)
	f.Add(is)
	f.Add([]byte{8, 0, 0, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		if !Validate(b, true) {
			return
		}
		for i := range Len(b) {
			if !Contains(b, Get(b, i)) {
				t.Fatalf("element %d is not found", i)
			}
		}
	})
}

// Seek is search from some index on.
func TestSeek(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for range 300 {
		is := New()
		limit := int64(1) << (3 + r.IntN(40))
		for range r.IntN(200) {
			is, _ = Add(is, r.Int64N(2*limit)-limit)
		}
		for range 100 {
			v := r.Int64N(2*limit) - limit
			want, wantFound := search(is, v)
			from := 0
			if want > 0 {
				from = r.IntN(want + 1)
			}
			if got, found := Seek(is, from, v); got != want || found != wantFound {
				t.Fatalf("%d from %d of %d: %d %v instead of %d %v", v, from, Len(is), got, found, want, wantFound)
			}
		}
		if i, found := Seek(is, Len(is), limit); i != Len(is) || found {
			t.Fatal("behind the last")
		}
	}
}
