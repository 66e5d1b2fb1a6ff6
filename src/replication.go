// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"slices"
	"strings"

	"redport/src/sds"
	"redport/src/util"
)

// replication.go - so far what MONITOR shares with replicas, the feed of executed commands; the IDs of the history; and waiting until what was
// written is safe: WAIT for replicas, WAITAOF for files.
//
// Counterpart: replication.c.

// replicationFeedMonitors sends a line on the command to every monitor.
func (server *Server) replicationFeedMonitors(c *client, argv [][]byte) {
	us := server.ustime()
	line := fmt.Appendf(nil, "+%d.%06d ", us/1e6, us%1e6)
	switch {
	case c.flags&clientScript != 0:
		line = fmt.Appendf(line, "[%d lua] ", c.db.id)
	case c.flags&clientUnixSocket != 0:
		line = fmt.Appendf(line, "[%d unix:%s] ", c.db.id, server.unixsocket)
	default:
		line = fmt.Appendf(line, "[%d %s] ", c.db.id, c.peerID())
	}
	for i, a := range argv {
		if i > 0 {
			line = append(line, ' ')
		}
		line = sds.CatRepr(line, a)
	}
	line = append(line, '\r', '\n')
	for _, m := range server.monitors {
		m.addReplyProto(line)
		m.updateClientMemUsageAndBucket()
	}
}

// --- Replication IDs ---

// changeReplicationId starts a new replication history.
func (server *Server) changeReplicationId() { server.replid = util.GetRandomHexChars(40) }

// clearReplicationId2 forgets the history before the current one: nobody can go on from it.
func (server *Server) clearReplicationId2() {
	server.replid2 = strings.Repeat("0", 40)
	server.secondReplidOffset = -1
}

// --- WAIT, WAITAOF ---

// acks tells who has a point of the stream of replication.
type acks struct {
	replicas    int64 // in memory
	replicaAofs int64 // on disk
	local       int64 // 1: this server's AOF has it, and it is synced
}

func (server *Server) acksOf(offset int64) acks {
	var a acks
	for _, replica := range server.slaves {
		if replica.replAckOff >= offset {
			a.replicas++
		}
		if replica.replAofOff >= offset {
			a.replicaAofs++
		}
	}
	if server.fsyncedReploff >= offset {
		a.local = 1
	}
	return a
}

// enough tells whether a is what the client waits for.
func (b *blockingState) enough(a acks) bool {
	if b.btype == blockedWaitAof {
		return a.replicaAofs >= b.numreplicas && a.local >= b.numlocal
	}
	return a.replicas >= b.numreplicas
}

// addReplyAcks is the reply of WAIT, or of WAITAOF.
func (c *client) addReplyAcks(btype int, a acks) {
	if btype == blockedWait {
		c.addReplyLongLong(a.replicas)
		return
	}
	c.addReplyArrayLen(2)
	c.addReplyLongLong(a.local)
	c.addReplyLongLong(a.replicaAofs)
}

// waitForAcks replies if what b asks for is reached already, or if the client may not wait; else it blocks it.
func (c *client) waitForAcks(b blockingState) {
	server := c.server
	b.reploff = c.woff
	if a := server.acksOf(b.reploff); b.enough(a) || c.flags&clientDenyBlocking != 0 {
		c.addReplyAcks(b.btype, a)
		return
	}
	c.bstate = b
	server.clientsWaitingAcks = append(server.clientsWaitingAcks, c)
	c.blockClient(b.btype)
	c.bstate.argv = c.argv
	server.replicationRequestAckFromSlaves()
}

// replicationRequestAckFromSlaves has the replicas asked, once for all who wait, before the event loop sleeps.
func (server *Server) replicationRequestAckFromSlaves() { server.getAckFromSlaves = true }

// sendGetackToReplicas asks by a command in the stream, which thereby grows.
func (server *Server) sendGetackToReplicas() {
	server.propagateNow(-1, [][]byte{[]byte("REPLCONF"), []byte("GETACK"), []byte("*")}, propagateRepl)
	server.getAckFromSlaves = false
}

const errWaitaofNeedsAof = "WAITAOF cannot be used when numlocal is set but appendonly is disabled."

// processClientsWaitingReplicas ends the waits that have got what they wait for, or never will.
func (server *Server) processClientsWaitingReplicas() {
	for _, c := range slices.Clone(server.clientsWaitingAcks) {
		if c.bstate.numlocal > 0 && server.aofState == aofOff {
			c.addReplyError(errWaitaofNeedsAof)
			server.unblockClient(c, true)
		} else if a := server.acksOf(c.bstate.reploff); c.bstate.enough(a) {
			c.addReplyAcks(c.bstate.btype, a)
			server.unblockClient(c, true)
		}
	}
}

// WAIT numreplicas timeout
func waitCommand(c *client) {
	if c.server.masterhost != "" {
		c.addReplyError("WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable " +
			"(which is not the default) writes to replicas are just local and are not propagated.")
		return
	}
	b := blockingState{btype: blockedWait}
	var ok bool
	if b.numreplicas, ok = c.getLongFromObjectOrReply(c.argv[1], ""); !ok {
		return
	}
	if b.timeout, ok = c.getTimeoutFromObjectOrReply(c.argv[2], unitMilliseconds); ok {
		c.waitForAcks(b)
	}
}

// WAITAOF numlocal numreplicas timeout
func waitaofCommand(c *client) {
	server := c.server
	b := blockingState{btype: blockedWaitAof}
	var ok bool
	if b.numlocal, ok = c.getRangeLongFromObjectOrReply(c.argv[1], 0, 1, ""); !ok {
		return
	}
	if b.numreplicas, ok = c.getPositiveLongFromObjectOrReply(c.argv[2], ""); !ok {
		return
	}
	if b.timeout, ok = c.getTimeoutFromObjectOrReply(c.argv[3], unitMilliseconds); !ok {
		return
	}
	if server.masterhost != "" {
		c.addReplyError("WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are not propagated.")
		return
	}
	if b.numlocal > 0 && server.aofState == aofOff {
		c.addReplyError(errWaitaofNeedsAof)
		return
	}
	c.waitForAcks(b)
}
