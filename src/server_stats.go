// SPDX-License-Identifier: BSD-3-Clause

package server

// server_stats.go - counters and what resets them, and the figure that everything about memory goes by.

// resetServerStats is CONFIG RESETSTAT for all but the commands' and errors' tables.
func (server *Server) resetServerStats() {
	s := &server.stat
	s.numcommands, s.numconnections, s.rejectedConn = 0, 0, 0
	s.expiredkeys, s.expiredHashFields, s.expiredStalePerc, s.expiredTimeCapReachedCount, s.expireCycleTimeUsed = 0, 0, 0, 0, 0
	s.evictedkeys, s.evictedclients, s.evictedScripts = 0, 0, 0
	s.totalEvictionExceededTime, s.lastEvictionExceededTime = 0, 0
	s.keyspaceHits, s.keyspaceMisses, s.activeDefragHits = 0, 0, 0
	s.forkTime, s.totalForks = 0, 0
	s.syncFull, s.syncPartialOk, s.syncPartialErr = 0, 0, 0
	s.totalReadsProcessed, s.totalWritesProcessed = 0, 0
	s.ioReadsBase, s.ioWritesBase = server.el.Stats.ThreadedReads, server.el.Stats.ThreadedWrites
	s.clientQbufLimitDisconnections, s.clientOutbufLimitDisconnections = 0, 0
	s.netInputBytes, s.netOutputBytes, s.netReplInputBytes, s.netReplOutputBytes = 0, 0, 0, 0
	s.unexpectedErrorReplies, s.totalErrorReplies, s.dumpPayloadSanitizations = 0, 0, 0
	s.replyBufferShrinks, s.replyBufferExpands = 0, 0
	s.eventloopCycles, s.eventloopDuration, s.eventloopDurationMax, s.eventloopDurationAof, s.eventloopDurationCron, s.elCmdCntMax, s.cmdDuration = 0, 0, 0, 0, 0, 0, 0
	s.aclDeniedAuth, s.aclDeniedCmd, s.aclDeniedKey, s.aclDeniedChannel = 0, 0, 0, 0
	server.instMetrics = [statsMetricCount]instMetric{}
	server.lazyfreedObjects = 0
	server.resetErrorTableStats()
}

// usedMemory is used_memory: what the dataset's structures hold to the byte, and the clients' buffers as
// last weighed; and about what scripts, functions, users and the tracking table take.
func (server *Server) usedMemory() int64 {
	n := server.mem.Used() + serverBaseMemory + server.evalScriptsMemory() + server.functionsMemoryOverhead() + int64(cap(server.aofBuf)) +
		server.aclMemory + server.tracking.memoryUsage()
	for _, m := range server.clientsMemUsage {
		n += m
	}
	return n
}

// serverBaseMemory stands for what a Server holds when empty: command table, configuration, tables of
// latencies. It is there so that used_memory is not zero, as clients expect, and never changes.
const serverBaseMemory = 768 * 1024

func (server *Server) resetErrorTableStats() {
	server.stat.errors = map[string]int64{}
	server.stat.errorsLimitReached = false
}

// resetCommandTableStats forgets how often commands ran, and how long they took.
func (server *Server) resetCommandTableStats() {
	resetCommandStats(server.commands)
}

func resetCommandStats(table map[string]*redisCommand) {
	for _, cmd := range table {
		cmd.calls, cmd.nanoseconds, cmd.rejectedCalls, cmd.failedCalls = 0, 0, 0, 0
		cmd.latencyHistogram = nil
		resetCommandStats(cmd.subcommands)
	}
}
