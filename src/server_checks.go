// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math"

	"redport/src/platform"
)

// server_checks.go - what forbids commands for the time being: a disk that takes no writes, replicas that are missing, a master that
// cannot be reached, a script that does not end. processCommand asks for clients, script.go for the commands of scripts.
//
// Counterpart: server.c (writeCommandsDeniedByDiskError, checkGoodReplicasStatus, mustObeyClient, isInsideYieldingLongCommand).

// clientIDAof is the id of the client that executes an append-only file.
const clientIDAof = math.MaxUint64

// mustObeyClient tells whether the client's commands must be executed whatever the server's own state says: they come from the master
// or from the append-only file.
func (c *client) mustObeyClient() bool { return c.flags&clientMaster != 0 || c.id == clientIDAof }

// Why writes are refused.
const (
	diskErrorTypeNone = iota
	diskErrorTypeRdb
	diskErrorTypeAof
)

// writeCommandsDeniedByDiskError tells whether what is written could be lost, because the disk does not take it.
func (server *Server) writeCommandsDeniedByDiskError() int {
	if server.stopWritesOnBgsaveErr && len(server.saveparams) > 0 && !server.lastbgsaveStatus {
		return diskErrorTypeRdb
	}
	if server.aofState != aofOff && server.aofError() != nil {
		return diskErrorTypeAof
	}
	return diskErrorTypeNone
}

// writeCommandsGetDiskErrorMessage is what clients are told then.
func (server *Server) writeCommandsGetDiskErrorMessage(kind int) string {
	if kind == diskErrorTypeRdb {
		return shared.bgsaveerr
	}
	return "-MISCONF Errors writing to the AOF file: " + platform.Strerror(server.aofError()) + "\r\n"
}

// checkGoodReplicasStatus tells whether there are as many replicas in good state as min-replicas-to-write wants.
func (server *Server) checkGoodReplicasStatus() bool {
	return server.masterhost != "" || server.replMinSlavesMaxLag == 0 || server.replMinSlavesToWrite == 0 ||
		server.goodSlavesCount() >= server.replMinSlavesToWrite
}

// goodSlavesCount is the number of replicas that are connected and do not lag.
func (server *Server) goodSlavesCount() int { return 0 }

// servesStaleData: this is a replica that has lost its master, and is not to answer from what it had.
func (server *Server) servesStaleData() bool {
	return server.masterhost != "" && !server.masterLinkUp() && !server.replServeStaleData
}

// masterLinkUp tells whether the replica's data is that of its master.
func (server *Server) masterLinkUp() bool { return false }

// isInsideYieldingLongCommand tells whether the event loop was entered from inside a command.
func (server *Server) isInsideYieldingLongCommand() bool {
	return server.scriptIsTimedout() || server.ldb.waiting
}

// --- Turns of the event loop inside a command ---

// blockingOperationStarts begins a time in which processEventsWhileBlocked may be called.
func (server *Server) blockingOperationStarts() {
	if server.blockingOpNesting == 0 {
		server.updateCachedMono()
		server.blockedLastCron = server.cachedMstime
	}
	server.blockingOpNesting++
}

func (server *Server) blockingOperationEnds() {
	server.blockingOpNesting--
	if server.blockingOpNesting == 0 {
		server.blockedLastCron = 0
	}
}

// processEventsWhileBlocked serves clients from inside something that takes long: a busy script, the loading of a dataset. What
// they may do is up to processCommand. Timers and posted functions wait.
func (server *Server) processEventsWhileBlocked() {
	server.updateCachedMono()
	server.processingEventsWhileBlocked++
	// An event may bring another, as a new connection does that sends a command at once, but there must be an end.
	for range 4 {
		if server.el.ProcessFileEvents() == 0 {
			break
		}
	}
	server.whileBlockedCron()
	server.processingEventsWhileBlocked--
}

// whileBlockedCron does what of serverCron cannot wait.
func (server *Server) whileBlockedCron() {
	if server.blockedLastCron == 0 || server.blockedLastCron >= server.cachedMstime {
		return
	}
	for server.blockedLastCron < server.cachedMstime {
		server.blockedLastCron += int64(1000 / server.hz)
		server.cronloops++
	}
	if server.loading {
		server.cronUpdateMemoryStats()
		if server.shutdownAsap && server.prepareForShutdown(nil, shutdownNosave) {
			return
		}
	}
}
