// SPDX-License-Identifier: BSD-3-Clause

// Package prefetch asks the processor to bring memory into its caches that is going to be read soon.
package prefetch

// prefetch.go - contract. A machine's file must define:
//
//	func Lines(at *unsafe.Pointer, n, lines int)
//		Ask for the first lines (1 or more) cache lines from each of the n addresses that start at *at. It returns at
//		once, reads nothing, and never faults: an address may be stale or nil.
//	const Works bool
//		Whether it does anything at all, so that a caller can spare itself the preparation.
//
// Why not simply read the memory: a load that misses holds up everything behind it, and may be aimed only at memory that is
// surely there. Go's compiler has no such instruction to offer outside of the runtime.

// LineSize is the distance between the addresses asked for: that of nearly every machine, and harmless on the others.
const LineSize = 64
