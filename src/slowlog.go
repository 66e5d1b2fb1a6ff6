// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"fmt"
	"math"
)

// slowlog.go - the slow log: the last commands that took long to execute.
//
// call hands over every command that took slowlog-log-slower-than us or more; SLOWLOG shows them. Entries hold copies, cut to
// a reasonable size: the arguments of a command alias the input buffer.
//
// Counterpart: slowlog.c. Difference: a ring in place of a list.

const (
	slowlogEntryMaxArgc   = 32
	slowlogEntryMaxString = 128
)

// slowlogEntry is one slow command.
type slowlogEntry struct {
	id       int64
	argv     [][]byte
	time     int64 // Unix time, s
	duration int64 // us
	peerid   string
	cname    string
}

// slowlogInit empties the slow log and starts its numbering.
func (server *Server) slowlogInit() {
	server.slowlog = nil
	server.slowlogEntryID = 0
}

// slowlogTrimArgs copies a command, without most of what it may be long by: the last of 32 arguments tells how many more there
// were, and the end of a long argument how many more bytes.
func slowlogTrimArgs(argv [][]byte) [][]byte {
	n := min(len(argv), slowlogEntryMaxArgc)
	out := make([][]byte, n)
	for j := range out {
		arg := argv[j]
		switch {
		case n != len(argv) && j == n-1:
			out[j] = fmt.Appendf(nil, "... (%d more arguments)", len(argv)-n+1)
		case len(arg) > slowlogEntryMaxString:
			out[j] = fmt.Appendf(bytes.Clone(arg[:slowlogEntryMaxString]), "... (%d more bytes)", len(arg)-slowlogEntryMaxString)
		default:
			out[j] = append(make([]byte, 0, len(arg)), arg...)
		}
	}
	return out
}

// slowlogPushEntryIfNeeded logs the command of c if it took long enough. argv is what to show: the original arguments of a command that
// was rewritten or redacted.
func (server *Server) slowlogPushEntryIfNeeded(c *client, argv [][]byte, durationNs int64) {
	if server.slowlogLogSlowerThan < 0 || server.slowlogMaxLen == 0 {
		return
	}
	duration := durationNs / 1000
	if duration >= server.slowlogLogSlowerThan {
		server.slowlog = append(server.slowlog, slowlogEntry{
			id: server.slowlogEntryID, argv: slowlogTrimArgs(argv), time: server.ustime() / 1e6, duration: duration,
			peerid: c.peerID(), cname: c.name,
		})
		server.slowlogEntryID++
	}
	server.slowlogTrim()
}

// slowlogTrim drops what is more than slowlog-max-len. append moves the rest to the front once the slice's end is reached.
func (server *Server) slowlogTrim() {
	if drop := len(server.slowlog) - server.slowlogMaxLen; drop > 0 {
		clear(server.slowlog[:drop])
		server.slowlog = server.slowlog[drop:]
	}
}

func (server *Server) slowlogReset() { server.slowlog = nil }

// slowlogCommand: SLOWLOG GET [count] | LEN | RESET | HELP
func slowlogCommand(c *client) {
	server := c.server
	argc := len(c.argv)
	// slowlog-max-len may have become less since the last slow command. 0 stops the log, but does not empty it.
	if server.slowlogLogSlowerThan >= 0 && server.slowlogMaxLen > 0 {
		server.slowlogTrim()
	}
	switch sub := c.argv[1]; {
	case argc == 2 && equalFold(sub, "HELP"):
		c.addReplyHelp([]string{
			"GET [<count>]",
			"    The last <count> slow commands (default: 10; -1 for all). Of each:",
			"    its number, when it ran, for how many microseconds, its arguments, and",
			"    its client's address and name.",
			"LEN",
			"    How many commands the log holds.",
			"RESET",
			"    Empty the log.",
		})
	case argc == 2 && equalFold(sub, "RESET"):
		server.slowlogReset()
		c.addReply(shared.ok)
	case argc == 2 && equalFold(sub, "LEN"):
		c.addReplyLongLong(int64(len(server.slowlog)))
	case (argc == 2 || argc == 3) && equalFold(sub, "GET"):
		count := int64(10)
		if argc == 3 {
			var ok bool
			if count, ok = c.getRangeLongFromObjectOrReply(c.argv[2], -1, math.MaxInt64, "count should be greater than or equal to -1"); !ok {
				return
			}
			if count == -1 {
				count = math.MaxInt64
			}
		}
		n := int(min(count, int64(len(server.slowlog))))
		c.addReplyArrayLen(n)
		for i := range n {
			se := &server.slowlog[len(server.slowlog)-1-i] // newest first
			c.addReplyArrayLen(6)
			c.addReplyLongLong(se.id)
			c.addReplyLongLong(se.time)
			c.addReplyLongLong(se.duration)
			c.addReplyArrayLen(len(se.argv))
			for _, arg := range se.argv {
				c.addReplyBulkBytes(arg)
			}
			c.addReplyBulkString(se.peerid)
			c.addReplyBulkString(se.cname)
		}
	default:
		c.addReplySubcommandSyntaxError()
	}
}
