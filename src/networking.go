// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"redport/src/util"
)

// networking.go - the reply buffers of a client and everything that writes into them.
//
// A reply goes into client.buf (16 KB, less for idle clients) and, once that is full, into the blocks
// of client.reply. Both are sent by the event loop after the commands of this turn have run, in the
// order of client.pending: buf[sentlen:] first, then the list. Nothing is written to a socket from
// inside a command.
//
// Requests are parsed in networking_query.go; the life of a client is in networking_client.go.

// prepareClientToWrite decides whether a reply for this client should be produced at all, and sees to
// it that the client is flushed before the loop sleeps.
func (c *client) prepareClientToWrite() bool {
	// The common case first: a live connection with nothing special.
	const special = clientScript | clientModule | clientCloseASAP | clientReplyOff | clientReplySkip | clientMaster | clientPendingWrite | clientPubsub
	if c.flags&special == 0 && c.conn != nil {
		c.flags |= clientPendingWrite
		c.conn.QueueWrite()
		return true
	}
	if c.flags&(clientScript|clientModule) != 0 {
		return true
	}
	if c.flags&clientPubsub != 0 {
		c.server.flushPublished() // came before this
	}
	if c.flags&clientCloseASAP != 0 {
		return false
	}
	// CLIENT REPLY OFF or SKIP: only pushes get through.
	if c.flags&(clientReplyOff|clientReplySkip) != 0 && c.flags&clientPushing == 0 {
		return false
	}
	if c.flags&clientMaster != 0 && c.flags&clientMasterForceReply == 0 {
		return false
	}
	if c.conn == nil {
		return false
	}
	if c.flags&clientPendingWrite == 0 {
		c.flags |= clientPendingWrite
		c.conn.QueueWrite()
	}
	return true
}

// clientHasPendingReplies tells whether anything waits to be sent.
func (c *client) clientHasPendingReplies() bool {
	return c.sentlen < len(c.buf) || len(c.reply) > 0
}

// appendReply adds bytes to what is to be sent. The caller has asked prepareClientToWrite.
func (c *client) appendReply(s string) {
	if len(c.reply) == 0 && len(c.buf)+len(s) <= cap(c.buf) && c.flags&(clientCloseAfterReply|clientPushing) == 0 {
		c.buf = append(c.buf, s...)
		return
	}
	c.appendReplySlow(s)
}

func (c *client) appendReplyBytes(b []byte) {
	if len(c.reply) == 0 && len(c.buf)+len(b) <= cap(c.buf) && c.flags&(clientCloseAfterReply|clientPushing) == 0 {
		c.buf = append(c.buf, b...)
		return
	}
	c.appendReplySlow(bytesAsString(b))
}

// appendReplySlow is appendReply when buf does not take it all: the list does.
func (c *client) appendReplySlow(s string) {
	if c.flags&clientCloseAfterReply != 0 {
		return
	}
	// A message for the client whose command executes must not fall into the middle of its reply.
	if c.flags&(clientPushing|clientExecutingCommand) == clientPushing|clientExecutingCommand && c == c.server.currentClient && !c.server.executingPushesReply() {
		c.server.pendingPushMessages = append(c.server.pendingPushMessages, s...)
		return
	}
	if c.sentlen == len(c.buf) && len(c.reply) == 0 && c.deferred == 0 {
		c.buf, c.sentlen = c.buf[:0], 0
	}
	if len(c.reply) == 0 {
		if cap(c.buf) == 0 {
			c.buf = make([]byte, 0, protoReplyChunkBytes)
		}
		if room := cap(c.buf) - len(c.buf); room > 0 && !c.server.inDebugEnforceReplyList {
			n := min(room, len(s))
			c.buf = append(c.buf, s[:n]...)
			s = s[n:]
		}
	}
	for len(s) > 0 {
		if n := len(c.reply); n > 0 {
			tail := &c.reply[n-1]
			if room := cap(tail.buf) - len(tail.buf); room > 0 {
				k := min(room, len(s))
				tail.buf = append(tail.buf, s[:k]...)
				s = s[k:]
				continue
			}
		}
		c.addReplyBlock(len(s))
		c.closeClientOnOutputBufferLimitReached(true)
		if c.flags&clientCloseASAP != 0 {
			return
		}
	}
}

// replyListGrew accounts for n more bytes in the reply list, at once: eviction goes by used_memory, and memory that is
// long since sent must not cost keys.
func (c *client) replyListGrew(n int) {
	c.replyBytes += int64(n)
	if c.conn != nil && !c.closed {
		c.lastMemoryUsage += int64(n)
		c.server.clientsMemUsage[c.lastMemoryType] += int64(n)
	}
}

// addReply sends a piece of protocol as it is.
func (c *client) addReply(s string) {
	if !c.prepareClientToWrite() {
		return
	}
	c.appendReply(s)
}

// addReplyProto is addReply for bytes.
func (c *client) addReplyProto(b []byte) {
	if !c.prepareClientToWrite() {
		return
	}
	c.appendReplyBytes(b)
}

// appendLenLine appends prefix, n and CRLF.
func (c *client) appendLenLine(prefix byte, n int64) {
	if t := c.replyTail(24); t != nil {
		b := append(*t, prefix)
		if uint64(n) < 10 {
			b = append(b, byte('0'+n))
		} else {
			b = strconv.AppendInt(b, n, 10)
		}
		*t = append(b, '\r', '\n')
		return
	}
	var tmp [24]byte
	b := append(tmp[:0], prefix)
	b = strconv.AppendInt(b, n, 10)
	b = append(b, '\r', '\n')
	c.appendReplySlow(string(b))
}

// addReplyLongLong sends an integer.
func (c *client) addReplyLongLong(n int64) {
	if c.prepareClientToWrite() {
		c.appendLenLine(':', n)
	}
}

func (c *client) addReplyAggregateLen(prefix byte, n int) {
	if c.prepareClientToWrite() {
		c.appendLenLine(prefix, int64(n))
	}
}

func (c *client) addReplyArrayLen(n int) { c.addReplyAggregateLen('*', n) }

func (c *client) addReplyMapLen(n int) {
	if c.resp == 2 {
		c.addReplyAggregateLen('*', n*2)
	} else {
		c.addReplyAggregateLen('%', n)
	}
}

func (c *client) addReplySetLen(n int) {
	if c.resp == 2 {
		c.addReplyAggregateLen('*', n)
	} else {
		c.addReplyAggregateLen('~', n)
	}
}

func (c *client) addReplyAttributeLen(n int) { c.addReplyAggregateLen('|', n) }

// addReplyPushLen opens an out-of-band message (an array for RESP2 clients, who get them only where the protocol allows).
func (c *client) addReplyPushLen(n int) {
	if c.resp == 2 {
		c.addReplyAggregateLen('*', n)
	} else {
		c.addReplyAggregateLen('>', n)
	}
}

// addReplyBulkBytes sends a bulk string.
func (c *client) addReplyBulkBytes(b []byte) {
	if !c.prepareClientToWrite() {
		return
	}
	// One bounds check for the three parts of the common short reply.
	if t := c.replyTail(len(b) + bulkOverhead); t != nil {
		*t = appendBulkReply(*t, b)
		return
	}
	c.appendLenLine('$', int64(len(b)))
	c.appendReplyBytes(b)
	c.appendReply("\r\n")
}

// addReplyBulkString sends a Go string as a bulk string (C: addReplyBulkCString).
func (c *client) addReplyBulkString(s string) {
	if !c.prepareClientToWrite() {
		return
	}
	c.appendLenLine('$', int64(len(s)))
	c.appendReply(s)
	c.appendReply("\r\n")
}

// addReplyBulkLongLong sends an integer as a bulk string.
func (c *client) addReplyBulkLongLong(n int64) {
	var tmp [20]byte
	c.addReplyBulkBytes(strconv.AppendInt(tmp[:0], n, 10))
}

// addReplyNull sends RESP3's null, or RESP2's null bulk string.
func (c *client) addReplyNull() { c.addReply(shared.null[c.resp]) }

// addReplyNullArray sends RESP3's null, or RESP2's null array.
func (c *client) addReplyNullArray() { c.addReply(shared.nullarray[c.resp]) }

// addReplyBool sends a boolean, an integer in RESP2.
func (c *client) addReplyBool(b bool) {
	switch {
	case c.resp == 2 && b:
		c.addReply(shared.cone)
	case c.resp == 2:
		c.addReply(shared.czero)
	case b:
		c.addReply("#t\r\n")
	default:
		c.addReply("#f\r\n")
	}
}

// addReplyDouble sends a double: RESP3's own type, or a bulk string with its shortest form.
func (c *client) addReplyDouble(d float64) {
	if !c.prepareClientToWrite() {
		return
	}
	var tmp [64]byte
	var text []byte
	switch {
	case math.IsInf(d, 1):
		text = append(tmp[:0], "inf"...)
	case math.IsInf(d, -1):
		text = append(tmp[:0], "-inf"...)
	case math.IsNaN(d):
		text = append(tmp[:0], "nan"...)
	default:
		text = util.AppendDouble(tmp[:0], d)
	}
	if c.resp == 2 {
		c.addReplyBulkBytes(text)
		return
	}
	c.appendReply(",")
	c.appendReplyBytes(text)
	c.appendReply("\r\n")
}

// addReplyBigNum sends a big number by its digits.
func (c *client) addReplyBigNum(digits string) {
	if c.resp == 2 {
		c.addReplyBulkString(digits)
		return
	}
	c.addReply("(" + digits + "\r\n")
}

// addReplyVerbatim sends a verbatim string: ext is its three-letter format ("txt", "mkd").
func (c *client) addReplyVerbatim(b []byte, ext string) {
	if c.resp == 2 {
		c.addReplyBulkBytes(b)
		return
	}
	if !c.prepareClientToWrite() {
		return
	}
	c.appendLenLine('=', int64(len(b)+4))
	for i := range 3 {
		if i < len(ext) {
			c.appendReply(ext[i : i+1])
		} else {
			c.appendReply(" ")
		}
	}
	c.appendReply(":")
	c.appendReplyBytes(b)
	c.appendReply("\r\n")
}

// addReplyStatus sends "+s".
func (c *client) addReplyStatus(s string) {
	if c.prepareClientToWrite() {
		c.appendReply("+")
		c.appendReply(s)
		c.appendReply("\r\n")
	}
}

func (c *client) addReplyStatusFormat(format string, args ...any) {
	c.addReplyStatus(fmt.Sprintf(format, args...))
}

// addReplyError sends an error. A text that begins with '-' brings its own code; any other gets "ERR".
// CR and LF in it become blanks, so that no text can smuggle a second reply.
func (c *client) addReplyError(msg string) {
	c.addReplyErrorLength(msg)
	c.afterErrorReply(msg)
}

// addReplyErrorEx is addReplyError; counted tells that the error's code has been counted where it arose, in a script's command. Then
// only the command that passes it on has still to be counted as failed.
func (c *client) addReplyErrorEx(msg string, counted bool) {
	if !counted {
		c.addReplyError(msg)
		return
	}
	c.addReplyErrorLength(msg)
	if c.realcmd != nil {
		c.realcmd.failedCalls++
	}
}

func (c *client) addReplyErrorFormat(format string, args ...any) {
	// As with C's strings, what follows a NUL in an argument is not seen.
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			args[i], _, _ = strings.Cut(arg, "\x00")
		case []byte:
			args[i], _, _ = bytes.Cut(arg, []byte{0})
		}
	}
	c.addReplyError(fmt.Sprintf(format, args...))
}

// addReplyErrorObject sends one of the shared errors.
func (c *client) addReplyErrorObject(e string) {
	c.addReply(e)
	c.afterErrorReply(strings.TrimSuffix(e, "\r\n"))
}

func (c *client) addReplyErrorLength(msg string) {
	if !c.prepareClientToWrite() {
		return
	}
	msg = strings.TrimRight(msg, "\r\n")
	if strings.ContainsAny(msg, "\r\n") {
		msg = strings.NewReplacer("\r", " ", "\n", " ").Replace(msg)
	}
	if !strings.HasPrefix(msg, "-") {
		c.appendReply("-ERR ")
	}
	c.appendReply(msg)
	c.appendReply("\r\n")
}

// errorStatsMax is how many different error codes are counted before counting them is given up:
// a script can invent any number of them.
const errorStatsMax = 128

// afterErrorReply does what follows every error: statistics, and a log line where the error went to a
// master or a replica that cannot do anything about it.
func (c *client) afterErrorReply(msg string) {
	server := c.server
	if c.flags&clientModule != 0 {
		return
	}
	server.stat.totalErrorReplies++
	code := "ERR"
	if strings.HasPrefix(msg, "-") {
		// A code is a short first word.
		if i := strings.IndexByte(msg[:min(len(msg), 32)], ' '); i >= 0 {
			code = msg[1:i]
		}
	}
	server.incrementErrorCount(code)
	if c.flags&(clientMaster|clientSlave) != 0 && c.flags&clientMonitor == 0 {
		to, from := "replica", "replica"
		if c.flags&clientMaster != 0 {
			to, from = "replica", "master"
		}
		name := "<unknown>"
		if c.lastcmd != nil {
			name = c.lastcmd.fullname
		}
		server.log(llWarning, "== CRITICAL == This %s is sending an error to its %s: '%s' after processing the command '%s'", to, from, strings.TrimPrefix(msg, "-"), name)
		server.stat.unexpectedErrorReplies++
	}
}

// incrementErrorCount counts an error reply under its code, for INFO errorstats.
func (server *Server) incrementErrorCount(code string) {
	if server.stat.errorsLimitReached {
		return
	}
	if _, ok := server.stat.errors[code]; !ok && len(server.stat.errors) >= errorStatsMax {
		server.log(llWarning, "Errorstats stopped adding new errors because the number of errors reached the limit, "+
			"may be misuse of lua error_reply, please check INFO ERRORSTATS, this can be re-enabled via CONFIG RESETSTAT.")
		server.log(llWarning, "Current errors code list: %s", strings.Join(slices.Sorted(maps.Keys(server.stat.errors)), ", "))
		server.lazyfreed(int64(len(server.stat.errors)))
		clear(server.stat.errors)
		server.stat.errors["ERRORSTATS_DISABLED"] = 1
		server.stat.errorsLimitReached = true
		return
	}
	if server.stat.errors == nil {
		server.stat.errors = map[string]int64{}
	}
	server.stat.errors[strings.Clone(code)]++
}

func (c *client) addReplyErrorArity() {
	c.addReplyErrorFormat("wrong number of arguments for '%s' command", c.cmd.fullname)
}

func (c *client) addReplyErrorExpireTime() {
	c.addReplyErrorFormat("invalid expire time in '%s' command", c.cmd.fullname)
}

// addReplySubcommandSyntaxError is the answer to an unknown subcommand, or one with the wrong number of arguments.
func (c *client) addReplySubcommandSyntaxError() {
	sub := c.argv[1]
	if len(sub) > 128 {
		sub = sub[:128]
	}
	c.addReplyErrorFormat("unknown subcommand or wrong number of arguments for '%s'. Try %s HELP.", sub, strings.ToUpper(string(c.argv[0])))
}

// addReplyHelp sends the lines of a HELP subcommand, with the heading and the line on HELP itself that all of them share.
func (c *client) addReplyHelp(lines []string) {
	name := strings.ToUpper(string(c.argv[0]))
	c.addReplyArrayLen(len(lines) + 3)
	c.addReplyStatus(name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
	for _, l := range lines {
		c.addReplyStatus(l)
	}
	c.addReplyStatus("HELP")
	c.addReplyStatus("    Print this help.")
}

// deferredLen marks the place of an aggregate's length that is not known yet.
type deferredLen struct {
	node int // index in client.reply, -1 for client.buf
	off  int
	ok   bool
}

// addReplyDeferredLen reserves the place of an aggregate's length. It must be set, by one of the
// setDeferred functions, before the command ends; nested ones in the reverse order of their opening.
func (c *client) addReplyDeferredLen() deferredLen {
	if !c.prepareClientToWrite() {
		return deferredLen{}
	}
	c.deferred++
	if n := len(c.reply); n > 0 {
		return deferredLen{node: n - 1, off: len(c.reply[n-1].buf), ok: true}
	}
	if cap(c.buf) == 0 {
		c.buf = make([]byte, 0, protoReplyChunkBytes)
	}
	return deferredLen{node: -1, off: len(c.buf), ok: true}
}

func (c *client) setDeferredLen(d deferredLen, prefix byte, n int) {
	if !d.ok || c.flags&clientCloseASAP != 0 {
		if d.ok {
			c.deferred--
		}
		return
	}
	c.deferred--
	var tmp [24]byte
	h := append(tmp[:0], prefix)
	h = strconv.AppendInt(h, int64(n), 10)
	h = append(h, '\r', '\n')
	// The bytes behind the mark move by the few bytes of the header, within one block only.
	target := &c.buf
	if d.node >= 0 {
		target = &c.reply[d.node].buf
	}
	b := *target
	if len(b)+len(h) <= cap(b) {
		b = b[:len(b)+len(h)]
		copy(b[d.off+len(h):], b[d.off:])
		copy(b[d.off:], h)
		*target = b
		return
	}
	if d.node >= 0 {
		grown := make([]byte, 0, len(b)+len(h)+256)
		grown = append(append(append(grown, b[:d.off]...), h...), b[d.off:]...)
		c.replyListGrew(cap(grown) - cap(b))
		*target = grown
		return
	}
	// client.buf keeps its size: what no longer fits becomes the first block of the list.
	rest := make([]byte, 0, len(b)-d.off+len(h)+64)
	rest = append(append(rest, h...), b[d.off:]...)
	c.buf = b[:d.off]
	c.reply = append(c.reply, replyNode{})
	copy(c.reply[1:], c.reply)
	c.reply[0] = replyNode{buf: rest}
	c.replyListGrew(cap(rest))
}

func (c *client) setDeferredArrayLen(d deferredLen, n int) { c.setDeferredLen(d, '*', n) }

func (c *client) setDeferredMapLen(d deferredLen, n int) {
	if c.resp == 2 {
		c.setDeferredLen(d, '*', n*2)
	} else {
		c.setDeferredLen(d, '%', n)
	}
}

func (c *client) setDeferredSetLen(d deferredLen, n int) {
	if c.resp == 2 {
		c.setDeferredLen(d, '*', n)
	} else {
		c.setDeferredLen(d, '~', n)
	}
}

// --- ae.Handler: output ---

// Output is the next piece to send.
func (c *client) Output() []byte {
	var one [1][]byte
	if pieces := c.Outputs(one[:0], 1); len(pieces) > 0 {
		return pieces[0]
	}
	return nil
}

// Outputs appends the next pieces to send (ae.Gatherer).
func (c *client) Outputs(pieces [][]byte, limit int) [][]byte {
	if c.sentlen < len(c.buf) {
		b := c.buf[c.sentlen:]
		pieces = append(pieces, b)
		limit -= len(b)
	}
	if len(c.reply) == 0 {
		return pieces
	}
	sent := c.listSent
	for i := 0; i < len(c.reply) && limit > 0 && len(pieces) < cap(pieces); i++ {
		if b := c.reply[i].buf[sent:]; len(b) > 0 {
			pieces = append(pieces, b)
			limit -= len(b)
		}
		sent = 0
	}
	if len(pieces) == 0 {
		for len(c.reply) > 0 { // with nothing in them
			c.popReplyNode()
		}
	}
	return pieces
}

func (c *client) popReplyNode() {
	c.replyListGrew(-cap(c.reply[0].buf))
	c.server.giveReplyBlock(c.reply[0].buf)
	c.reply[0].buf = nil
	c.reply = c.reply[1:]
	c.listSent = 0
	if len(c.reply) == 0 {
		c.reply = nil
	}
}

// Wrote tells that n bytes of what Outputs returned have been taken by the system.
func (c *client) Wrote(n int) {
	server := c.server
	if c.flags&clientSlave != 0 {
		server.stat.netReplOutputBytes += int64(n)
	} else {
		server.stat.netOutputBytes += int64(n)
	}
	if left := len(c.buf) - c.sentlen; left > 0 {
		c.bufPeak = max(c.bufPeak, len(c.buf))
		k := min(n, left)
		c.sentlen += k
		n -= k
		if k == left {
			c.buf, c.sentlen = c.buf[:0], 0
		}
	}
	for len(c.reply) > 0 {
		left := len(c.reply[0].buf) - c.listSent
		if n < left {
			c.listSent += n
			break
		}
		n -= left
		c.popReplyNode()
	}
	if c.clientHasPendingReplies() {
		c.flags |= clientPendingWrite
		return
	}
	c.flags &^= clientPendingWrite
	server.stat.totalWritesProcessed++
	if c.flags&clientMaster == 0 {
		c.lastInteraction = server.unixtime
	}
	if c.flags&clientCloseAfterReply != 0 {
		c.freeClientAsync()
	}
}

// flushPendingPushMessages sends the messages that waited for the current command's reply to be complete.
func (server *Server) flushPendingPushMessages() {
	msgs := server.pendingPushMessages
	server.pendingPushMessages = nil
	if c := server.currentClient; c != nil && !c.closed {
		old := c.flags & clientPushing
		c.flags |= clientPushing
		c.addReplyProto(msgs)
		c.flags = c.flags&^clientPushing | old
	}
}
