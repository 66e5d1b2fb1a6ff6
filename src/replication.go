// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"strings"

	"redport/src/sds"
	"redport/src/util"
)

// replication.go - so far what MONITOR shares with replicas: the feed of executed commands.

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
