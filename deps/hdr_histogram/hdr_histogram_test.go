// SPDX-License-Identifier: BSD-3-Clause

package hdr_histogram

import (
	"fmt"
	"testing"
)

// The geometry that LogSteps assumes must be the one of the library.
func TestGeometryMatchesTheLibrary(t *testing.T) {
	for _, g := range []struct {
		lowest, highest int64
		digits          int
	}{{1, 1000000000, 2}, {1, 3600000000, 3}, {1000, 1000000000, 2}, {1, 1000, 1}} {
		h := New(g.lowest, g.highest, g.digits)
		for v := g.lowest; v <= g.highest; v += v/7 + 1 {
			h.Reset()
			h.RecordValue(v)
			if got, want := h.highestEquivalent(v), h.ValueAtPercentile(100); got != want {
				t.Fatalf("%+v: highestEquivalent(%d) = %d, the library says %d", g, v, got, want)
			}
		}
		if h.highestEquivalent(g.highest) > h.last {
			t.Errorf("%+v: last = %d is below the highest value", g, h.last)
		}
	}
}

func TestLogSteps(t *testing.T) {
	for _, test := range []struct {
		values []int64
		want   string
	}{
		{nil, ""},
		{[]int64{1}, "1031:1 "},
		{[]int64{1024, 1031, 1032}, "1031:2 2063:3 "},
		{[]int64{5000}, "1031:0 2063:0 4127:0 8255:1 "},
		{[]int64{100, 3000, 3000, 7000}, "1031:1 2063:1 4127:3 8255:4 "},
	} {
		h := New(1, 1000000000, 2)
		for _, v := range test.values {
			h.RecordValue(v)
		}
		got := ""
		h.LogSteps(1024, 2, func(upTo, cumulative int64) { got += fmt.Sprintf("%d:%d ", upTo, cumulative) })
		if got != test.want {
			t.Errorf("%v: got %q, want %q", test.values, got, test.want)
		}
	}
	h := New(1, 1000000000, 2)
	h.RecordValue(5000000000)
	var last, count int64
	h.LogSteps(1024, 2, func(upTo, cumulative int64) { last, count = upTo, cumulative })
	if last != 1<<30-1 || count != 1 {
		t.Errorf("a value beyond the range ends at %d:%d", last, count)
	}
}

func TestRecordDoesNotAllocate(t *testing.T) {
	h := New(1, 1000000000, 2)
	v := int64(1)
	if n := testing.AllocsPerRun(100, func() { h.RecordValue(v); v = v*3 + 1 }); n != 0 {
		t.Errorf("RecordValue allocates %v times", n)
	}
}
