// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math"
	"testing"

	"redport/src/cold"
	"redport/src/epoch"
	"redport/src/listpack"
	"redport/src/zmalloc"
)

// streamBlockOf makes a block of integers (int) and strings.
func streamBlockOf(elements ...any) []byte {
	lp := listpack.New(0)
	for _, e := range elements {
		switch e := e.(type) {
		case int:
			lp = listpack.AppendInt(lp, int64(e))
		case int64:
			lp = listpack.AppendInt(lp, e)
		case string:
			lp = listpack.Append(lp, []byte(e))
		}
	}
	return lp
}

func TestStreamValidate(t *testing.T) {
	for _, c := range []struct {
		name  string
		block []byte
		want  bool
	}{
		{"one entry", streamBlockOf(1, 0, 1, "f", 0, 2, 0, 0, "v", 4), true},
		{"one deleted", streamBlockOf(0, 1, 1, "f", 0, 3, 0, 0, "v", 4), true},
		{"other fields", streamBlockOf(1, 1, 1, "f", 0, 2, 0, 0, "v", 4, 0, 5, -1, 2, "a", "b", "c", "d", 8), true},
		{"no entries", streamBlockOf(0, 0, 0, 0), true},
		{"nothing", streamBlockOf(), false},
		{"no terminator", streamBlockOf(0, 0, 1, "f"), false},
		{"another terminator", streamBlockOf(0, 0, 1, "f", 1), false},
		{"too few entries", streamBlockOf(2, 0, 1, "f", 0, 2, 0, 0, "v", 4), false},
		{"too many entries", streamBlockOf(0, 0, 1, "f", 0, 2, 0, 0, "v", 4), false},
		{"count is text", streamBlockOf("x", 0, 1, "f", 0, 2, 0, 0, "v", 4), false},
		{"negative count", streamBlockOf(-1, 1, 1, "f", 0), false},
		{"negative fields", streamBlockOf(1, 0, -1, 0, 2, 0, 0, 2), false},
		{"huge counts", streamBlockOf(int64(math.MaxInt64), int64(math.MaxInt64), 1, "f", 0, 2, 0, 0, "v", 4), false},
		{"huge number of fields", streamBlockOf(1, 0, int64(math.MaxInt64), "f", 0), false},
		{"huge number of own fields", streamBlockOf(1, 0, 1, "f", 0, 0, 0, 0, int64(math.MaxInt64), "v", 4), false},
		{"wrong lp-count", streamBlockOf(1, 0, 1, "f", 0, 2, 0, 0, "v", 5), false},
		{"cut", streamBlockOf(1, 0, 1, "f", 0, 2, 0, 0), false},
		{"ID is text", streamBlockOf(1, 0, 1, "f", 0, 2, "x", 0, "v", 4), false},
	} {
		if got := streamValidateListpackIntegrity(c.block, true); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if !streamValidateListpackIntegrity(c.block, false) {
			t.Errorf("%s: refused without looking into it", c.name)
		}
	}
}

// FuzzStreamBlock: what passes can be walked both ways, and trimmed, without harm.
func FuzzStreamBlock(f *testing.F) {
	f.Add(streamBlockOf(1, 1, 1, "f", 0, 2, 0, 0, "v", 4, 0, 5, -1, 2, "a", "b", "c", "d", 8))
	f.Add(streamBlockOf(0, 0, 0, 0))
	f.Add(streamBlockOf(1, 0, int64(math.MaxInt64), "f", 0))
	clk := epoch.New(zmalloc.New(zmalloc.Heap))
	f.Fuzz(func(t *testing.T, b []byte) {
		if !streamValidateListpackIntegrity(b, true) {
			return
		}
		s := newStream(clk, cold.New(clk, 0))
		s.insertBlock(streamID{5, 5}, b)
		s.entries = 1
		walk := func(rev bool) (n int) {
			si := s.iterator(streamID{}, streamIDMax, rev)
			si.withTombstones = true
			for si.next() {
				for range si.numFields {
					si.field()
				}
				n++
			}
			return n
		}
		walk(false)
		walk(true)
		blockLastID(b, streamID{5, 5})
		s.trim(&streamTrimArgs{strategy: trimStrategyMaxlen})
	})
}
