// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"container/heap"
	"math"

	"redport/src/util"
)

// timeout.go - timeouts of blocked clients, and how commands give them.

// timeoutTable is a heap of the blocked clients whose wait ends by itself, the one that ends first at the top. Every client knows its
// place (bstate.timeoutIndex, from 1), so that it leaves when its wait ends otherwise.
type timeoutTable struct{ h timeoutHeap }

type timeoutHeap []*client

func (h timeoutHeap) Len() int { return len(h) }
func (h timeoutHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	return a.bstate.timeout < b.bstate.timeout || a.bstate.timeout == b.bstate.timeout && a.id < b.id
}

func (h timeoutHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].bstate.timeoutIndex, h[j].bstate.timeoutIndex = i+1, j+1
}

func (h *timeoutHeap) Push(x any) {
	c := x.(*client)
	*h = append(*h, c)
	c.bstate.timeoutIndex = len(*h)
}

func (h *timeoutHeap) Pop() any {
	n := len(*h) - 1
	c := (*h)[n]
	(*h)[n] = nil
	*h = (*h)[:n]
	c.bstate.timeoutIndex = 0
	return c
}

// addClientToTimeoutTable makes sure that the client's wait ends at bstate.timeout, which must not change from then on.
func (server *Server) addClientToTimeoutTable(c *client) {
	if c.bstate.timeout != 0 {
		heap.Push(&server.timeoutTable.h, c)
	}
}

func (server *Server) removeClientFromTimeoutTable(c *client) {
	if i := c.bstate.timeoutIndex; i != 0 {
		heap.Remove(&server.timeoutTable.h, i-1)
	}
}

// handleBlockedClientsTimeout ends the waits that are over.
func (server *Server) handleBlockedClientsTimeout() {
	h := &server.timeoutTable.h
	if len(*h) == 0 {
		return
	}
	now := server.mstime()
	for len(*h) > 0 && (*h)[0].bstate.timeout < now {
		(*h)[0].unblockClientOnTimeout()
	}
}

// getTimeoutFromObjectOrReply reads a timeout in the given unit and makes it an absolute time in unix
// ms; 0 means for ever. It replies with an error where the argument is none.
func (c *client) getTimeoutFromObjectOrReply(arg []byte, unit int) (int64, bool) {
	var ms int64
	if unit == unitSeconds {
		// A long double reaches further than a double: 1e400 is a number, though too large a one, and 1e-400 is more than nothing.
		v, ok := util.String2ld(arg)
		if !ok || v.IsNaN() {
			c.addReplyError("timeout is not a float or out of range")
			return 0, false
		}
		f := v.Float64() * 1000
		if f == 0 && !v.IsZero() {
			f = math.Copysign(math.SmallestNonzeroFloat64, v.Float64())
		}
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
