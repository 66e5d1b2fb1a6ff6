// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"unsafe"

	"redport/src/sds"
	"redport/src/util"
)

// networking_query.go - from the bytes that arrive to commands that execute.
//
// The event loop owns the input buffer and offers what is not consumed yet to Data. Commands are parsed
// in place: their arguments are slices of that buffer, valid until the command returns. A command that
// is not there whole is not consumed; the state of its parsing (client.parsePos, multibulklen, bulklen,
// argPos) is relative to its first byte, so that the next call goes on where this one stopped however
// the buffer has moved.

// bytesAsString views b as a string; the caller keeps b unchanged for as long as it uses the string.
func bytesAsString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Data takes unconsumed input: it executes every whole command in it (ae.Handler).
func (c *client) Data(in []byte) (used, want int) {
	server := c.server
	if n := len(in) - c.inputSeen; n > 0 {
		server.stat.netInputBytes += int64(n)
		server.stat.totalReadsProcessed++
		c.lastInteraction = server.unixtime
		c.queryBufPeak = max(c.queryBufPeak, int64(len(in)))
	}
	server.updateCachedMono()
	limit := server.clientMaxQuerybufLen - c.mstate.argvLenSums
	if int64(len(in)) > limit && c.flags&clientMaster == 0 {
		server.log(llWarning, "Closing client that reached max query buffer length: %s (qbuf initial bytes: %s)",
			c.catClientInfoString(), sds.CatRepr(nil, in[:min(64, len(in))]))
		server.stat.clientQbufLimitDisconnections++
		c.freeClientAsync()
		return len(in), 0
	}
	c.inData, c.inputLen = true, len(in)
	used, want = c.processInputBuffer(in)
	// A buffer that grows or shrinks by much is weighed at once: maxmemory must not wait for cron to see it.
	if !c.closed && c.conn != nil {
		if d := c.conn.InCap() - c.weighedIn; d > protoIobufLen || d < -protoIobufLen {
			c.updateClientMemUsageAndBucket()
		}
	}
	c.inData = false
	c.inputSeen = len(in) - used
	// Whoever sends more than the limit must be noticed as soon as that much is there.
	return used, int(min(int64(want), limit+1))
}

func (c *client) processInputBuffer(in []byte) (used, want int) {
	server := c.server
	ahead := server.takeLookahead()
	used, want = c.executeInput(in, ahead)
	server.lookahead = ahead
	return used, want
}

func (c *client) executeInput(in []byte, ahead *lookahead) (used, want int) {
	for used < len(in) {
		const stop = clientBlocked | clientPendingCommand | clientProtected | clientCloseAfterReply | clientCloseASAP
		if c.flags&stop != 0 {
			if c.flags&(clientCloseAfterReply|clientCloseASAP) != 0 {
				return len(in), 0
			}
			return used, 0
		}
		if c.parsePos == 0 && c.authenticated {
			if ahead.next == ahead.count {
				ahead.parse(c, in, used)
			}
			if ahead.next < ahead.count {
				end := ahead.take(c, in)
				switch c.processCommandAndResetClient() {
				case commandGone:
					return len(in), 0
				case commandPostponed:
					c.reqtype = 0
					return used, 0
				}
				used = end
				continue
			}
		} else {
			ahead.drop()
		}
		if c.reqtype == 0 {
			if in[used] == '*' {
				c.reqtype = protoReqMultibulk
			} else {
				c.reqtype = protoReqInline
			}
		}
		var n int // the command's length, 0 while it is not there whole
		var ok bool
		if c.reqtype == protoReqMultibulk {
			n, want, ok = c.processMultibulkBuffer(in[used:])
		} else {
			n, ok = c.processInlineBuffer(in[used:])
			want = 0
		}
		if !ok {
			return len(in), 0
		}
		if n == 0 {
			return used, want
		}
		if len(c.argv) == 0 {
			used += n
			c.resetClient()
			continue
		}
		switch c.processCommandAndResetClient() {
		case commandGone:
			return len(in), 0
		case commandPostponed:
			// Nothing is consumed: once the pause ends the command is parsed again.
			c.parsePos, c.reqtype = 0, 0
			return used, 0
		}
		used += n
	}
	return used, 0
}

// processInlineBuffer parses one line as a command. n is 0 while the line is not complete; !ok means
// that the client is lost to a protocol error.
func (c *client) processInlineBuffer(in []byte) (n int, ok bool) {
	nl := bytes.IndexByte(in, '\n')
	if nl < 0 {
		if len(in) > protoInlineMaxSize {
			c.addReplyError("Protocol error: too big inline request")
			c.setProtocolError("too big inline request", in)
			return 0, false
		}
		return 0, true
	}
	line := in[:nl]
	if len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	args, err := sds.SplitArgs(line)
	if err != nil {
		c.addReplyError("Protocol error: unbalanced quotes in request")
		c.setProtocolError("unbalanced quotes in inline request", in)
		return 0, false
	}
	// A bare newline from a replica tells that it is alive while it loads.
	if len(args) == 0 && c.flags&clientSlave != 0 {
		c.lastInteraction = c.server.unixtime
	}
	if len(args) > 0 && c.flags&clientMaster != 0 {
		c.server.log(llWarning, "WARNING: Receiving inline protocol from master, master stream corruption? Closing the master connection and discarding the cached master.")
		c.setProtocolError("Master using the inline protocol. Desync?", in)
		return 0, false
	}
	c.argv = append(c.argv[:0], args...)
	return nl + 1, true
}

// processMultibulkBuffer parses one RESP command. Results as for processInlineBuffer; want is how many
// bytes, from the command's first, are worth waiting for.
func (c *client) processMultibulkBuffer(in []byte) (n, want int, ok bool) {
	pos := c.parsePos
	server := c.server
	if pos == 0 { // the array's length is not read yet
		end, num, state := parseLengthLine(in, 1)
		switch {
		case state == lengthIncomplete:
			if len(in) > protoInlineMaxSize {
				c.addReplyError("Protocol error: too big mbulk count string")
				c.setProtocolError("too big mbulk count string", in)
				return 0, 0, false
			}
			return 0, 0, true
		case state == lengthInvalid || num > 1<<31-1:
			c.addReplyError("Protocol error: invalid multibulk length")
			c.setProtocolError("invalid mbulk count", in)
			return 0, 0, false
		case num > unauthMultibulkLimit && c.authRequired():
			c.addReplyError("Protocol error: unauthenticated multibulk length")
			c.setProtocolError("unauth mbulk count", in)
			return 0, 0, false
		}
		pos = end
		if num <= 0 {
			c.argv = c.argv[:0]
			return pos, 0, true
		}
		c.multibulklen = int(num)
		c.bulklen = -1
		c.argPos = c.argPos[:0]
		c.argvLenSum = 0
	}
	for c.multibulklen > 0 {
		if c.bulklen < 0 {
			if pos >= len(in) {
				break
			}
			end, num, state := parseLengthLine(in[pos:], 1)
			if state == lengthIncomplete {
				if len(in)-pos > protoInlineMaxSize {
					c.addReplyError("Protocol error: too big bulk count string")
					c.setProtocolError("too big bulk count string", in)
					return 0, 0, false
				}
				if in[pos] == '$' {
					break
				}
				// What is not a bulk string need not be complete to be refused, but C waits for its line.
				break
			}
			if in[pos] != '$' {
				c.addReplyErrorFormat("Protocol error: expected '$', got '%c'", printableByte(in[pos]))
				c.setProtocolError("expected $ but got something else", in)
				return 0, 0, false
			}
			if state == lengthInvalid || num < 0 || (num > server.protoMaxBulkLen && c.flags&clientMaster == 0) {
				c.addReplyError("Protocol error: invalid bulk length")
				c.setProtocolError("invalid bulk length", in)
				return 0, 0, false
			}
			if num > unauthBulkLimit && c.authRequired() {
				c.addReplyError("Protocol error: unauthenticated bulk length")
				c.setProtocolError("unauth bulk length", in)
				return 0, 0, false
			}
			pos += end
			c.bulklen = int(num)
		}
		if len(in)-pos < c.bulklen+2 {
			c.parsePos = pos
			return 0, pos + c.bulklen + 2, true
		}
		c.argPos = append(c.argPos, argPosition{pos, c.bulklen})
		c.argvLenSum += int64(c.bulklen)
		pos += c.bulklen + 2
		c.bulklen = -1
		c.multibulklen--
	}
	if c.multibulklen > 0 {
		c.parsePos = pos
		return 0, 0, true
	}
	argv := c.argv[:0]
	for _, a := range c.argPos {
		argv = append(argv, in[a.off:a.off+a.len:a.off+a.len])
	}
	c.argv = argv
	c.parsePos = 0
	return pos, 0, true
}

// printableByte is what an error text shows for a byte: C prints it with %c, and CR and LF are blanked later.
func printableByte(b byte) rune {
	return rune(b)
}

const (
	lengthIncomplete = iota
	lengthInvalid
	lengthValid
)

// parseLengthLine reads the number of a "*n" or "$n" line from in[skip:] on. end is the position behind
// its CRLF.
func parseLengthLine(in []byte, skip int) (end int, num int64, state int) {
	// Nearly every length has one to three digits: read them without looking for the line's end first.
	i := skip
	for i < len(in) && i < skip+9 {
		d := in[i] - '0'
		if d > 9 {
			break
		}
		num = num*10 + int64(d)
		i++
	}
	if i > skip && i+1 < len(in) && in[i] == '\r' && (in[skip] != '0' || i == skip+1) {
		return i + 2, num, lengthValid
	}
	cr := bytes.IndexByte(in, '\r')
	if cr < 0 || cr+1 >= len(in) {
		return 0, 0, lengthIncomplete
	}
	v, ok := util.String2ll(in[min(skip, cr):cr])
	if !ok {
		return 0, 0, lengthInvalid
	}
	return cr + 2, v, lengthValid
}

// setProtocolError condemns a client whose bytes make no sense: it is closed once the error is sent.
func (c *client) setProtocolError(what string, in []byte) {
	server := c.server
	if server.verbosity <= llVerbose || c.flags&clientMaster != 0 {
		shown := in
		if len(shown) > 128 {
			shown = append(append(bytes.Clone(in[:64]), " (... more bytes ...) "...), in[len(in)-64:]...)
		}
		level := llVerbose
		if c.flags&clientMaster != 0 {
			level = llWarning
		}
		server.log(level, "Protocol error (%s) from client: %s. Query buffer during protocol error: '%s'", what, c.catClientInfoString(), printable(shown))
	}
	c.flags |= clientCloseAfterReply | clientProtocolError
	if !c.clientHasPendingReplies() {
		c.freeClientAsync()
	}
}

// printable replaces what is not printable ASCII by dots.
func printable(b []byte) []byte {
	out := bytes.Clone(b)
	for i, ch := range out {
		if ch < 32 || ch > 126 {
			out[i] = '.'
		}
	}
	return out
}

type commandResult int

const (
	commandDone      commandResult = iota
	commandGone                    // the client is no more
	commandPostponed               // paused: the command stays in the input
)

// processCommandAndResetClient executes the command in argv and makes the client ready for its next one.
func (c *client) processCommandAndResetClient() commandResult {
	server := c.server
	old := server.currentClient
	server.currentClient = c
	res := server.processCommand(c)
	server.currentClient = old
	if c.closed || c.flags&clientCloseASAP != 0 {
		return commandGone
	}
	if res == commandPostponed {
		return res
	}
	c.commandProcessed()
	return commandDone
}

// commandProcessed follows every command, whether it was executed at once or after a wait.
func (c *client) commandProcessed() {
	if c.flags&clientBlocked != 0 {
		// The command goes on later; its arguments have been copied.
		c.argv = c.argv[:0]
		c.reqtype = 0
		return
	}
	c.resetClient()
	if c.server.maxmemoryClients != 0 {
		c.updateClientMemUsageAndBucket()
	}
}

// resetClient forgets the command that was just executed.
func (c *client) resetClient() {
	const rare = clientAsking | clientReplySkip | clientReplySkipNext | clientTrackingCaching
	if c.flags&rare != 0 {
		c.resetClientRare()
	}
	if cap(c.argv) > 1024 {
		c.argv, c.argPos = nil, nil
	} else {
		c.argv = c.argv[:0]
	}
	c.originalArgv = nil
	c.redactArgs = nil
	c.cmd = nil
	c.realcmd = nil
	c.reqtype = 0
	c.parsePos = 0
	c.multibulklen = 0
	c.bulklen = -1
	c.slot = -1
	c.duration = 0
	c.argvLenSum = 0
	c.flags &^= clientExecutingCommand
}

func (c *client) resetClientRare() {
	var prev string
	if c.cmd != nil {
		prev = c.cmd.fullname
	}
	// ASKING and CLIENT CACHING hold for the one command that follows them.
	if c.flags&clientMulti == 0 && prev != "asking" {
		c.flags &^= clientAsking
	}
	if c.flags&clientMulti == 0 && prev != "client|caching" {
		c.flags &^= clientTrackingCaching
	}
	// CLIENT REPLY SKIP: silence starts with the command after it, and lasts for one.
	c.flags &^= clientReplySkip
	if c.flags&clientReplySkipNext != 0 {
		c.flags |= clientReplySkip
		c.flags &^= clientReplySkipNext
	}
}

// rewriteClientCommandVector replaces the command's arguments by those that replicas and the AOF shall see.
func (c *client) rewriteClientCommandVector(argv ...[]byte) {
	c.retainOriginalCommandVector()
	c.argv = append(make([][]byte, 0, len(argv)), argv...)
	if cmd := c.server.lookupCommand(c.argv); cmd != nil {
		c.cmd = cmd
	}
}

// rewriteClientCommandArgument replaces one argument, or appends it at position len(argv).
func (c *client) rewriteClientCommandArgument(i int, arg []byte) {
	c.retainOriginalCommandVector()
	for len(c.argv) <= i {
		c.argv = append(c.argv, nil)
	}
	c.argv[i] = arg
	if i == 0 {
		if cmd := c.server.lookupCommand(c.argv); cmd != nil {
			c.cmd = cmd
		}
	}
}

func (c *client) retainOriginalCommandVector() {
	if c.originalArgv == nil {
		c.originalArgv = append([][]byte(nil), c.argv...)
	}
}

// redactClientCommandArgument keeps an argument out of SLOWLOG, MONITOR and the crash report.
func (c *client) redactClientCommandArgument(i int) {
	c.retainOriginalCommandVector()
	c.originalArgv[i] = []byte("(redacted)")
}
