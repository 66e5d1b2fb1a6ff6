// SPDX-License-Identifier: BSD-3-Clause

// Package monotonic reads the cheapest clock that never goes back.
package monotonic

// monotonic.go - the clock for intervals. Counterpart: monotonic.c.
//
// Its zero is arbitrary: only differences mean something. time.Now reads two clocks and carries both; a command's duration
// needs one. Two sources:
//
//	the runtime's reading, which time.Since uses (the vDSO's CLOCK_MONOTONIC on Linux, a shared page on Windows)
//	the processor's time stamp counter, where package tsc trusts it: 10 ns instead of 24, twice a command
//
// The counter's rate is measured against the first source while the package initializes: two halves of a half-millisecond,
// which have to agree. Readings are off by some 50 millionths of an interval at worst. The variables below are
// written there and never again, so that any goroutine may read the clock.

import (
	"fmt"
	"math/bits"
	"redport/src/platform/tsc"
	_ "unsafe" // for go:linkname
)

//go:linkname nanotime runtime.nanotime
func nanotime() int64

var clock = calibrate(tsc.Trusted())

// counterClock says how to make nanoseconds of the counter: start + (counter - base) * mult / 2^32.
type counterClock struct {
	usable bool
	base   uint64
	start  int64
	mult   uint64
}

func (c *counterClock) at(counter uint64) int64 {
	hi, lo := bits.Mul64(counter-c.base, c.mult)
	return c.start + int64(hi<<32|lo>>32)
}

// Nanotime is the monotonic time in nanoseconds.
func Nanotime() int64 {
	if clock.usable {
		return clock.at(tsc.Read())
	}
	return nanotime()
}

// Us is the monotonic time in microseconds (C: getMonotonicUs).
func Us() int64 { return Nanotime() / 1000 }

// ElapsedUs is the number of microseconds since start, a value of Us (C: elapsedUs).
func ElapsedUs(start int64) int64 { return Us() - start }

// ElapsedMs is the number of whole milliseconds since start, a value of Us (C: elapsedMs).
func ElapsedMs(start int64) int64 { return ElapsedUs(start) / 1000 }

// InfoString names the clock for the log and INFO's monotonic_clock (C: monotonicInfoString).
func InfoString() string {
	if clock.usable {
		return fmt.Sprintf("X86 TSC @ %d ticks/us", (1000<<32+clock.mult/2)/clock.mult)
	}
	return "POSIX clock_gettime"
}

const calibrationHalf = 250_000 // ns

// calibrate measures the counter's rate. Where it is not wanted or does not look right, the result is not usable.
func calibrate(trusted bool) counterClock {
	if !trusted {
		return counterClock{}
	}
	counters, times := [3]uint64{}, [3]int64{}
	for i := range counters {
		for i > 0 && nanotime() < times[i-1]+calibrationHalf {
		}
		counters[i], times[i] = readBoth()
	}
	first, second := rate(counters[0], counters[1], times[0], times[1]), rate(counters[1], counters[2], times[1], times[2])
	// A thousandth apart is far more than jitter makes; a rate below 100 MHz or above 40 GHz is none.
	if diff := first - second; diff > first/1000 || -diff > first/1000 || first < 0.1 || first > 40 {
		return counterClock{}
	}
	ticks := rate(counters[0], counters[2], times[0], times[2])
	return counterClock{usable: true, base: counters[2], start: times[2], mult: uint64((1 << 32) / ticks)}
}

// rate is in ticks a nanosecond.
func rate(from, to uint64, fromNs, toNs int64) float64 {
	return float64(int64(to-from)) / float64(toNs-fromNs)
}

// readBoth reads the two clocks as nearly at one time as some tries give.
func readBoth() (counter uint64, ns int64) {
	best := ^uint64(0)
	for range 16 {
		before := tsc.Read()
		t := nanotime()
		after := tsc.Read()
		if width := after - before; width < best {
			best, counter, ns = width, before+width/2, t
		}
	}
	return counter, ns
}
