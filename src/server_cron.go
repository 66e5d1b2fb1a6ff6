// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"runtime/debug"
	"time"

	"redport/src/ae"
	"redport/src/monotonic"
	"redport/src/platform"
)

// server_cron.go - work by the clock: serverCron and what it calls, and the hooks around the event loop's sleep.

// runWithPeriod tells whether work that is due every ms milliseconds is due in this call of serverCron.
func (server *Server) runWithPeriod(ms int) bool {
	return ms <= 1000/server.hz || server.cronloops%int64(ms/(1000/server.hz)) == 0
}

// serverCron runs hz times a second. It returns when it wants to run next, in ms.
func (server *Server) serverCron() int64 {
	start := monotonic.Nanotime()
	server.watchdogTick()
	if server.pauseCron {
		return int64(1000 / server.hz)
	}
	server.resyncClock()
	server.hz = server.configHz
	if server.dynamicHz {
		for len(server.clients)/server.hz > maxClientsPerClockTick && server.hz < configMaxHz {
			server.hz = min(server.hz*2, configMaxHz)
		}
	}
	server.cronTrackMetrics()
	server.lruclock = server.getLRUClock()
	server.cronUpdateMemoryStats()

	if server.shutdownAsap && !server.isShutdownInitiated() {
		flags := server.shutdownFlags
		if server.prepareForShutdown(nil, flags) {
			return ae.NoMore
		}
	} else if server.isShutdownInitiated() {
		if server.mstime() >= server.shutdownMstime || server.isReadyToShutdown() {
			if server.finishShutdown() {
				return ae.NoMore
			}
		}
	}
	if server.runWithPeriod(5000) && server.verbosity <= llVerbose {
		for _, db := range server.db {
			if n := db.keys.Len(); n > 0 {
				server.log(llVerbose, "DB %d: %d keys (%d volatile) in %d slots HT.", db.id, n, db.keys.Expiring(), db.tableSlots())
			}
		}
		server.log(llDebug, "%d clients connected (%d replicas), %d bytes in use", len(server.clients), len(server.slaves), server.usedMemory())
	}
	server.clientsCron()
	// Commands see to it themselves, but the last one may have lowered the limit.
	if server.trackingClients > 0 {
		server.trackingLimitUsedSlots()
	}
	server.databasesCron()
	server.packCron()
	server.scheduledRewriteCron()
	server.persistenceCron()
	server.appendOnlyCron()
	server.updatePausedActionsCron()
	server.freeClientsInAsyncFreeQueue()
	if server.runWithPeriod(1000) {
		server.tuneCollector()
		server.migrateCloseTimedoutSockets()
	}
	server.scheduledBgsaveCron()
	server.cronloops++
	server.stat.eventloopDurationCron += (monotonic.Nanotime() - start) / 1000
	return int64(1000 / server.hz)
}

const (
	maxClientsPerClockTick   = 200
	clientsCronMinIterations = 5
)

// cronTrackMetrics samples the counters from which INFO's rates come.
func (server *Server) cronTrackMetrics() {
	if !server.runWithPeriod(100) {
		return
	}
	s := &server.stat
	now := server.cachedMono / 1000
	server.trackInstantaneousMetric(statsMetricCommand, s.numcommands, now, 1000000)
	server.trackInstantaneousMetric(statsMetricNetInput, s.netInputBytes+s.netReplInputBytes, now, 1000000)
	server.trackInstantaneousMetric(statsMetricNetOutput, s.netOutputBytes+s.netReplOutputBytes, now, 1000000)
	server.trackInstantaneousMetric(statsMetricNetInputReplication, s.netReplInputBytes, now, 1000000)
	server.trackInstantaneousMetric(statsMetricNetOutputReplication, s.netReplOutputBytes, now, 1000000)
	server.trackInstantaneousMetric(statsMetricElCycle, s.eventloopCycles, now, 1000000)
	server.trackInstantaneousMetric(statsMetricElDuration, s.eventloopDuration, s.eventloopCycles, 1)
	server.trackLoopBusy(now)
}

// trackInstantaneousMetric adds a sample: how much value grew a unit of base, times factor.
func (server *Server) trackInstantaneousMetric(metric int, value, base, factor int64) {
	m := &server.instMetrics[metric]
	if m.lastSampleBase > 0 {
		if d := base - m.lastSampleBase; d > 0 {
			m.samples[m.idx] = (value - m.lastSampleValue) * factor / d
		} else {
			m.samples[m.idx] = 0
		}
		m.idx = (m.idx + 1) % statsMetricSamples
	}
	m.lastSampleBase, m.lastSampleValue = base, value
}

// getInstantaneousMetric is the mean of the samples.
func (server *Server) getInstantaneousMetric(metric int) int64 {
	var sum int64
	for _, v := range server.instMetrics[metric].samples {
		sum += v
	}
	return sum / statsMetricSamples
}

// cronUpdateMemoryStats samples what the process holds.
func (server *Server) cronUpdateMemoryStats() {
	server.updatePeakMemory()
	if !server.runWithPeriod(100) {
		return
	}
	m := &server.stat.cronMallocStats
	m.zmallocUsed = server.usedMemory()
	m.processRss = int64(platform.ResidentSetSize())
	m.allocatorAllocated = m.zmallocUsed
	m.allocatorActive = max(server.mem.Mapped(), m.allocatorAllocated)
	m.allocatorResident = m.allocatorActive
}

func (server *Server) updatePeakMemory() {
	if used := server.usedMemory(); used > server.stat.peakMemory {
		server.stat.peakMemory = used
		server.stat.peakMemoryTime = server.unixtime
	}
}

// clientsCron looks after some of the clients, so that each has its turn about once a second.
func (server *Server) clientsCron() {
	slot := int(server.unixtime % int64(len(server.cronPeak.input)))
	if next := (slot + 1) % len(server.cronPeak.input); true {
		server.cronPeak.input[next], server.cronPeak.output[next] = 0, 0
	}
	n := len(server.clients)
	iterations := min(max(n/server.hz, clientsCronMinIterations), n)
	nowMs := server.cachedMstime
	for ; iterations > 0 && len(server.clients) > 0; iterations-- {
		if server.clientsCronIndex >= len(server.clients) {
			server.clientsCronIndex = 0
		}
		c := server.clients[server.clientsCronIndex]
		server.clientsCronIndex++
		if c.clientsCronHandleTimeout(nowMs) {
			continue
		}
		c.clientsCronResizeQueryBuffer()
		c.clientsCronResizeOutputBuffer(nowMs)
		c.clientsCronTrackExpansiveClients(slot)
		c.updateClientMemUsageAndBucket()
		if len(c.reply) > 0 {
			c.closeClientOnOutputBufferLimitReached(false)
		}
	}
}

// getExpansiveClientsInfo is the largest input and output buffer of the last seconds.
func (server *Server) getExpansiveClientsInfo() (in, out int64) {
	for i := range server.cronPeak.input {
		in = max(in, server.cronPeak.input[i])
		out = max(out, server.cronPeak.output[i])
	}
	return in, out
}

// databasesCron expires keys and gives memory back.
func (server *Server) databasesCron() {
	if server.activeExpireEnabled {
		if server.masterhost == "" {
			server.activeExpireCycle(activeExpireCycleSlow)
		} else {
			server.expireSlaveKeys()
		}
	}
}

// updatePausedActionsCron ends pauses whose time is over.
func (server *Server) updatePausedActionsCron() {
	if server.pausedActions != 0 {
		server.updatePausedActions()
	}
}

// beforeSleep runs in every turn of the event loop, before replies are written.
func (server *Server) beforeSleep() {
	if server.processingEventsWhileBlocked > 0 {
		// Inside a command: only what clients cannot do without.
		server.freeClientsInAsyncFreeQueue()
		server.flushPublished()
		return
	}
	server.inBeforeSleep = true
	server.handleBlockedClientsTimeout()
	if server.activeExpireEnabled && server.masterhost == "" && !server.loading {
		server.activeExpireCycle(activeExpireCycleFast)
	}
	if server.getAckFromSlaves && server.pausedActions&pauseActionReplica == 0 {
		server.sendGetackToReplicas()
	}
	if server.trackingClients > 0 {
		server.trackingBroadcastInvalidationMessages()
	}
	if server.aofFd != nil && !server.loading {
		server.flushAppendOnlyFileBeforeSleep()
	}
	if len(server.clientsWaitingAcks) > 0 {
		server.processClientsWaitingReplicas()
	}
	if len(server.clientsToClose) > 0 {
		server.freeClientsInAsyncFreeQueue()
	}
	if server.maxmemoryClients != 0 {
		server.evictClients()
	}
	// Also without anything pending: it drains what was freed elsewhere, and costs next to nothing when idle.
	server.clock.Reclaim(200 * time.Microsecond)
	if server.cold != nil && server.cold.AtOnce() {
		server.cold.Run(time.Second)
	}
	server.flushPublished()
	s := &server.stat
	if s.elStart > 0 {
		now := monotonic.Nanotime()
		s.eventloopDuration += (now - s.elStart) / 1000
		s.eventloopDurationMax = max(s.eventloopDurationMax, (now-s.elStart)/1000)
		s.eventloopCycles++
		s.elCmdCntMax = max(s.elCmdCntMax, s.numcommands-s.elCmdCntStart)
	}
	server.inBeforeSleep = false
}

// afterSleep follows the wait for events.
func (server *Server) afterSleep() {
	server.updateCachedMono()
	if server.processingEventsWhileBlocked > 0 {
		return
	}
	server.stat.elStart = server.cachedMono
	server.stat.elCmdCntStart = server.stat.numcommands
}

// tuneCollector keeps the garbage collector quiet: the dataset is not on its heap, so what it scans is
// small, and a low GOGC would have it run all the time for nothing. Only cmd/redis-server does this:
// an embedding program has its own ideas.
func (server *Server) tuneCollector() {
	if !server.options.OwnProcess || server.collectorTuned {
		return
	}
	server.collectorTuned = true
	debug.SetGCPercent(400)
}
