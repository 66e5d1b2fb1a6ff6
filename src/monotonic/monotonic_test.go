// SPDX-License-Identifier: BSD-3-Clause

package monotonic

import (
	"testing"
	"time"
)

func TestNeverGoesBack(t *testing.T) {
	last := Nanotime()
	for range 100000 {
		now := Nanotime()
		if now < last {
			t.Fatalf("%d after %d", now, last)
		}
		last = now
	}
	start := Us()
	for ElapsedUs(start) < 1500 {
		time.Sleep(time.Millisecond)
	}
	if ElapsedMs(start) < 1 || InfoString() == "" {
		t.Fatal("milliseconds do not follow microseconds")
	}
}

func BenchmarkNanotime(b *testing.B) {
	for b.Loop() {
		Nanotime()
	}
}

func BenchmarkTimeNow(b *testing.B) {
	for b.Loop() {
		time.Now()
	}
}
