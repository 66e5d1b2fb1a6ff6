// SPDX-License-Identifier: BSD-3-Clause

package server

import "slices"

// acl_log.go - the ACL log: what was denied to whom, newest first in ACL LOG.
//
// Something that happens again within a minute of the last time is counted in its entry, which moves to the front, if it is
// among the aclLogScan newest.

const (
	aclLogGroupingMaxTimeDelta = 60000 // ms
	aclLogScan                 = 10
)

// Where a command was denied.
const (
	aclLogCtxToplevel = iota
	aclLogCtxLua
	aclLogCtxMulti
	aclLogCtxModule
)

var (
	aclLogReasons  = [...]string{aclDeniedCmd: "command", aclDeniedKey: "key", aclDeniedAuth: "auth", aclDeniedChannel: "channel"}
	aclLogContexts = [...]string{aclLogCtxToplevel: "toplevel", aclLogCtxLua: "lua", aclLogCtxMulti: "multi", aclLogCtxModule: "module"}
)

type aclLogEntry struct {
	count   int64
	reason  int    // aclDenied...
	context int    // aclLogCtx...
	object  string // the command, key or channel that was denied
	user    string
	created int64  // unix ms
	updated int64  // unix ms
	client  string // as CLIENT LIST shows it; of the last time
	id      int64
}

// aclLogState is the log, newest last.
type aclLogState struct {
	entries []*aclLogEntry
	nextID  int64
}

// aclLogContext is the context of the command that the client executes at the top level.
func (c *client) aclLogContext() int {
	if c.flags&clientMulti != 0 {
		return aclLogCtxMulti
	}
	return aclLogCtxToplevel
}

// aclDeniedObject is the object of a log entry about the client's current command.
func (c *client) aclDeniedObject(reason, idx int) string {
	if reason == aclDeniedCmd {
		return c.cmd.fullname
	}
	return string(c.argv[idx])
}

// addACLLogEntry counts and logs what was denied to the client. username is "" for the client's own user.
func (server *Server) addACLLogEntry(c *client, reason, context int, object, username string) {
	server.countACLDenial(reason)
	log := &server.aclLog
	if server.acllogMaxLen == 0 {
		log.entries = nil
		return
	}
	if username == "" && reason != aclDeniedAuth {
		username = c.user.name
	}
	// A script's own client says little about who ran it.
	shown := server.currentClient
	if shown == nil {
		shown = c
	}
	now, info := server.commandTimeSnapshot(), shown.catClientInfoString()
	for i := len(log.entries) - 1; i >= 0 && i >= len(log.entries)-aclLogScan; i-- {
		e := log.entries[i]
		if e.reason == reason && e.context == context && max(now-e.updated, e.updated-now) <= aclLogGroupingMaxTimeDelta && e.object == object && e.user == username {
			e.client, e.updated = info, now
			e.count++
			log.entries = append(slices.Delete(log.entries, i, i+1), e)
			return
		}
	}
	log.entries = append(log.entries, &aclLogEntry{count: 1, reason: reason, context: context, object: object, user: username,
		created: now, updated: now, client: info, id: log.nextID})
	log.nextID++
	if surplus := len(log.entries) - server.acllogMaxLen; surplus > 0 {
		log.entries = slices.Delete(log.entries, 0, surplus)
	}
}

func (server *Server) countACLDenial(reason int) {
	switch reason {
	case aclDeniedCmd:
		server.stat.aclDeniedCmd++
	case aclDeniedKey:
		server.stat.aclDeniedKey++
	case aclDeniedAuth:
		server.stat.aclDeniedAuth++
	case aclDeniedChannel:
		server.stat.aclDeniedChannel++
	}
}

// aclLogCommand is ACL LOG [count | RESET].
func aclLogCommand(c *client) {
	server := c.server
	log := &server.aclLog
	count := int64(10)
	if len(c.argv) == 3 {
		if equalFold(c.argv[2], "RESET") {
			log.entries = nil
			c.addReply(shared.ok)
			return
		}
		var ok bool
		if count, ok = c.getLongLongFromObjectOrReply(c.argv[2], ""); !ok {
			return
		}
	}
	count = max(0, min(count, int64(len(log.entries))))
	c.addReplyArrayLen(int(count))
	now := server.commandTimeSnapshot()
	for _, e := range slices.Backward(log.entries[len(log.entries)-int(count):]) {
		c.addReplyMapLen(10)
		c.addReplyBulkString("count")
		c.addReplyLongLong(e.count)
		for _, field := range [...][2]string{
			{"reason", aclLogReasons[e.reason]}, {"context", aclLogContexts[e.context]}, {"object", e.object}, {"username", e.user},
		} {
			c.addReplyBulkString(field[0])
			c.addReplyBulkString(field[1])
		}
		c.addReplyBulkString("age-seconds")
		c.addReplyDouble(float64(now-e.updated) / 1000)
		c.addReplyBulkString("client-info")
		c.addReplyBulkString(e.client)
		c.addReplyBulkString("entry-id")
		c.addReplyLongLong(e.id)
		c.addReplyBulkString("timestamp-created")
		c.addReplyLongLong(e.created)
		c.addReplyBulkString("timestamp-last-updated")
		c.addReplyLongLong(e.updated)
	}
}
