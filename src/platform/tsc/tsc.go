// SPDX-License-Identifier: BSD-3-Clause

// Package tsc reads the processor's time stamp counter where it can stand in for the system's monotonic clock.
package tsc

// tsc.go - contract. A machine's file must define:
//
//	func Read() uint64
//		The counter. Meaningful only where Trusted said true.
//	func Trusted() bool
//		Whether the counter runs at one rate on all processors, whatever their power state, and whether the system
//		itself keeps time by it (it checks counters against each other, which a process cannot).
//
// Having both is the exception: amd64 under Linux. Everywhere else, and where a virtual machine hides the counter's properties,
// Trusted is false, and the user notices nothing but a clock reading of 25 instead of 10 ns.
