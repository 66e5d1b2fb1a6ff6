// SPDX-License-Identifier: BSD-3-Clause

package popcount

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// TestCount compares all ways, for all lengths and alignments, with counting byte by byte.
func TestCount(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	all := make([]byte, 400)
	for i := range all {
		all[i] = byte(r.Uint32())
	}
	for from := range 64 {
		want := 0
		for to := from; ; to++ {
			b := all[from:to]
			if n := Count(b); n != want {
				t.Fatalf("%d bytes from %d: %d, want %d", len(b), from, n, want)
			}
			if n := count(b); n != want {
				t.Fatalf("%d bytes from %d, portably: %d, want %d", len(b), from, n, want)
			}
			if to == len(all) {
				break
			}
			want += bits.OnesCount8(all[to])
		}
	}
	ones := make([]byte, 1<<20)
	for i := range ones {
		ones[i] = 0xff
	}
	if n := Count(ones); n != 8<<20 {
		t.Errorf("1 MB of ones has %d", n)
	}
	if Count(nil) != 0 {
		t.Error("nothing has some")
	}
}

func BenchmarkCount(b *testing.B) {
	for _, n := range []int{7, 100, 10000, 1 << 20} {
		s := make([]byte, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				Count(s)
			}
		})
		b.Run(fmt.Sprint(n, "/portable"), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				count(s)
			}
		})
	}
}
