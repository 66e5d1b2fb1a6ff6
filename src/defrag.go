// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"time"

	"redport/src/ae"
	"redport/src/cold"
)

// defrag.go - less memory for the same data, a little at a time.
//
// Blocks that move to where they leave fewer holes are nothing for our allocator, which leaves few. What is done here instead is packing the
// parts of long lists and streams that nobody has touched for some seconds (src/cold).
//
// While there is something to pack, a timer does so in slices: short and rare ones while commands come in, longer ones while none do.
// A slice ends with the part that is being packed, some ten microseconds late.
//
// Counterpart: defrag.c. Differences: it is not configured, and activedefrag remains what it is in a Redis without jemalloc.

const (
	coldSeconds = 5 // without an access until a part is packed

	packSlice      = 100 * time.Microsecond
	packPeriod     = 8 // ms
	packSliceIdle  = 400 * time.Microsecond
	packPeriodIdle = 2

	discardFrom  = 1 << 20 // bytes saved after which holes are given back to the system
	discardSlice = 512 << 10
)

// packer is what packs the server's collections.
func (server *Server) packer() *cold.Packer {
	if server.cold == nil {
		server.cold = cold.New(server.clock, coldSeconds)
	}
	return server.cold
}

// packCron counts the time by which parts become cold, and has the timer run if there are some.
func (server *Server) packCron() {
	p := server.packer()
	if server.runWithPeriod(1000) {
		p.Tick()
	}
	if server.packTimer || !p.Due() {
		return
	}
	server.packTimer = true
	server.packCommands = server.stat.numcommands
	server.el.CreateTimeEvent(packPeriodIdle, func() int64 {
		slice, period := packSliceIdle, int64(packPeriodIdle)
		if n := server.stat.numcommands; n != server.packCommands {
			server.packCommands = n
			slice, period = packSlice, packPeriod
		}
		if p.Run(slice) {
			return period
		}
		// In between the holes were where the next parts went.
		server.packSaved += p.Saved()
		if server.packSaved >= discardFrom {
			if server.mem.Discard(discardSlice) {
				return period
			}
			server.packSaved = 0
		}
		server.packTimer = false
		return ae.NoMore
	})
}
