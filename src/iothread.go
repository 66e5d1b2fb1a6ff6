// SPDX-License-Identifier: BSD-3-Clause

package server

import "bytes"

// iothread.go - which I/O thread a client is said to belong to.
//
// The threads themselves are the event loop's (src/ae): they are one team that shares the reads and writes of a turn,
// whoever is free taking the next. In C a client belongs to one thread, and tools and operators look at that division, so
// every client has a home among threads 1 to io-threads-1, the emptiest one when it connects. Clients that the main thread of C keeps to
// itself count for thread 0, and so do all clients without I/O threads.
//
// Counterpart: iothread.c.

// assignClientToIOThread gives a new client its home.
func (server *Server) assignClientToIOThread(c *client) {
	n := server.ioThreadClients
	for i := 1; i < len(n); i++ {
		if c.tid == 0 || n[i] < n[c.tid] {
			c.tid = i
		}
	}
	n[c.tid]++
}

// ioThread returns the I/O thread that the client is with now.
func (c *client) ioThread() int {
	const mainOnly = clientCloseASAP | clientMaster | clientSlave | clientPubsub | clientMonitor | clientBlocked | clientUnblocked |
		clientTracking | clientLuaDebug | clientLuaDebugSync
	if c.flags&mainOnly != 0 {
		return 0
	}
	return c.tid
}

func (server *Server) infoThreads(b *bytes.Buffer) {
	clients := make([]int, len(server.ioThreadClients))
	for _, c := range server.clients {
		clients[c.ioThread()]++
	}
	s, el := &server.stat, &server.el.Stats
	infoLines(b, "# Threads\n")
	for i, n := range clients {
		reads, writes := s.totalReadsProcessed-(el.ThreadedReads-s.ioReadsBase), s.totalWritesProcessed-(el.ThreadedWrites-s.ioWritesBase)
		if i > 0 {
			reads, writes = server.el.IOThreadStats(i)
		}
		infoLines(b, "io_thread_%d:clients=%d,reads=%d,writes=%d\n", i, n, reads, writes)
	}
}
