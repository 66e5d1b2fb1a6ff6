// SPDX-License-Identifier: BSD-3-Clause

// Package monotonic reads the cheapest clock that never goes back.
package monotonic

// monotonic.go - the clock for intervals. Counterpart: monotonic.c.
//
// Its zero is arbitrary: only differences mean something. time.Now reads two clocks and carries both; a command's duration
// needs one. The runtime's own reading (the vDSO's CLOCK_MONOTONIC on Linux, QueryPerformanceCounter or the shared
// page on Windows) is what time.Since uses.

import (
	_ "unsafe" // for go:linkname
)

//go:linkname nanotime runtime.nanotime
func nanotime() int64

// Nanotime is the monotonic time in nanoseconds.
func Nanotime() int64 { return nanotime() }

// Us is the monotonic time in microseconds (C: getMonotonicUs).
func Us() int64 { return nanotime() / 1000 }

// ElapsedUs is the number of microseconds since start, a value of Us (C: elapsedUs).
func ElapsedUs(start int64) int64 { return Us() - start }

// ElapsedMs is the number of whole milliseconds since start, a value of Us (C: elapsedMs).
func ElapsedMs(start int64) int64 { return ElapsedUs(start) / 1000 }

// InfoString names the clock for the log and INFO's monotonic_clock (C: monotonicInfoString).
func InfoString() string { return "POSIX clock_gettime" }
