// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"container/heap"
	"math"

	"redport/src/util"
)

// timeout.go - timeouts of blocked clients, and how commands give them.

// timeoutTable orders blocked clients by the time at which their wait ends. An entry whose client no
// longer waits for that moment is stale and is dropped when it comes up.
type timeoutTable struct{ h timeoutHeap }

type timeoutEntry struct {
	when int64 // unix ms
	id   uint64
}

type timeoutHeap []timeoutEntry

func (h timeoutHeap) Len() int           { return len(h) }
func (h timeoutHeap) Less(i, j int) bool { return h[i].when < h[j].when }
func (h timeoutHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timeoutHeap) Push(x any)        { *h = append(*h, x.(timeoutEntry)) }
func (h *timeoutHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}

// addClientToTimeoutTable makes sure that the client's wait ends at bstate.timeout.
func (server *Server) addClientToTimeoutTable(c *client) {
	if c.bstate.timeout != 0 {
		heap.Push(&server.timeoutTable.h, timeoutEntry{c.bstate.timeout, c.id})
	}
}

// handleBlockedClientsTimeout ends the waits that are over.
func (server *Server) handleBlockedClientsTimeout() {
	h := &server.timeoutTable.h
	if len(*h) == 0 {
		return
	}
	now := server.mstime()
	for len(*h) > 0 && (*h)[0].when <= now {
		e := heap.Pop(h).(timeoutEntry)
		c := server.clientsByID[e.id]
		if c == nil || c.flags&clientBlocked == 0 || c.bstate.timeout != e.when {
			continue
		}
		c.unblockClientOnTimeout()
	}
}

// getTimeoutFromObjectOrReply reads a timeout in the given unit and makes it an absolute time in unix
// ms; 0 means for ever. It replies with an error where the argument is none.
func (c *client) getTimeoutFromObjectOrReply(arg []byte, unit int) (int64, bool) {
	var ms int64
	if unit == unitSeconds {
		f, ok := util.String2d(arg)
		if !ok || math.IsNaN(f) {
			c.addReplyError("timeout is not a float or out of range")
			return 0, false
		}
		f *= 1000
		if f > math.MaxInt64 {
			c.addReplyError("timeout is out of range")
			return 0, false
		}
		ms = int64(math.Ceil(f))
		if f < 0 {
			ms = -1
		}
	} else {
		v, ok := c.getLongLongFromObjectOrReply(arg, "timeout is not an integer or out of range")
		if !ok {
			return 0, false
		}
		ms = v
	}
	if ms < 0 {
		c.addReplyError("timeout is negative")
		return 0, false
	}
	if ms > 0 {
		now := c.server.commandTimeSnapshot()
		if ms > math.MaxInt64-now {
			c.addReplyError("timeout is out of range")
			return 0, false
		}
		ms += now
	}
	return ms, true
}
