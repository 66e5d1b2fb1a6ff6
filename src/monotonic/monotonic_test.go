// SPDX-License-Identifier: BSD-3-Clause

package monotonic

import (
	"redport/src/platform/tsc"
	"strings"
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
	if ElapsedMs(start) < 1 {
		t.Fatal("milliseconds do not follow microseconds")
	}
}

func TestAgreesWithTheSystem(t *testing.T) {
	from, fromSystem := Nanotime(), nanotime()
	for nanotime()-fromSystem < 20e6 {
		time.Sleep(time.Millisecond)
	}
	// The order of the readings makes the system's interval the longer one, but for a difference in rate.
	interval := Nanotime() - from
	system := nanotime() - fromSystem
	if interval > system+system/500 {
		t.Errorf("%d ns where the system counted %d", interval, system)
	}
	if interval < 19e6 {
		t.Errorf("%d ns where the system counted at least 20 ms", interval)
	}
}

func TestCalibration(t *testing.T) {
	if c := calibrate(false); c.usable {
		t.Error("a counter that is not trusted is used")
	}
	c := counterClock{usable: true, base: 1000, start: 5, mult: 1 << 31} // Two ticks a nanosecond.
	if got := c.at(1000 + 2_000_000_000_000_000_000); got != 5+1_000_000_000_000_000_000 {
		t.Errorf("30 years on: %d", got)
	}
	if clock.usable != strings.HasPrefix(InfoString(), "X86 TSC @ ") || InfoString() == "" {
		t.Errorf("%+v is called %q", clock, InfoString())
	}
	if clock.usable && !tsc.Trusted() {
		t.Error("the counter is used and not trusted")
	}
	t.Log(InfoString())
}

func BenchmarkClocks(b *testing.B) {
	b.Run("Nanotime", func(b *testing.B) {
		for b.Loop() {
			Nanotime()
		}
	})
	b.Run("runtime", func(b *testing.B) {
		for b.Loop() {
			nanotime()
		}
	})
	b.Run("time.Now", func(b *testing.B) {
		for b.Loop() {
			time.Now()
		}
	})
}
