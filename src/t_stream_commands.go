// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math"

	"redport/src/util"
)

// t_stream_commands.go - the commands on the entries of streams: XADD, XTRIM, XDEL, XLEN, XRANGE, XREVRANGE, XSETID. XREAD is
// with the consumer groups, since XREADGROUP is the same command.
//
// What is propagated can be repeated with the same outcome: IDs that were made up are spelled out, and an approximate trim becomes an exact
// one. As with strings, a command is rewritten only while somebody listens.

// lookupStreamUpdate looks a stream up as a read does, for a command that may change it: its statistics are those of a read, the
// header is the current epoch's. ok is false if the key is something else, which the client was told.
func (c *client) lookupStreamUpdate(key []byte) (s *stream, ok bool) {
	db := c.db
	e := db.entry(key, lookupNone)
	if !e.Ok() {
		return nil, true
	}
	o := db.view(e)
	if c.checkType(o, objStream) {
		return nil, false
	}
	if db.server.clock.Frozen(o.epoch) {
		o = db.thawObject(e, o)
	}
	return o.ptr.(*stream), true
}

// createStream adds an empty stream under a key that is not there.
func (db *redisDb) createStream(key []byte) *stream {
	s := db.server.streamNew()
	db.addCollection(key, db.server.newCollection(objStream, objEncodingStream, s))
	return s
}

// --- XADD, XTRIM ---

// streamAddTrimArgs are the options of XADD and XTRIM.
type streamAddTrimArgs struct {
	streamTrimArgs
	id         streamID
	idGiven    bool // not "*"
	seqGiven   bool // not "ms-*"
	noMkstream bool
}

// streamParseAddOrTrimArgsOrReply parses them from argv[2] on. idpos is where the ID is.
func (c *client) streamParseAddOrTrimArgsOrReply(args *streamAddTrimArgs, xadd bool) (idpos int, ok bool) {
	limitGiven := false
	i := 2
options:
	for ; i < len(c.argv); i++ {
		more := len(c.argv) - 1 - i
		opt := c.argv[i]
		switch {
		case xadd && isToken(opt, '*'):
			break options
		case equalFold(opt, "MAXLEN") && more > 0, equalFold(opt, "MINID") && more > 0:
			if args.strategy != trimStrategyNone {
				c.addReplyError("syntax error, MAXLEN and MINID options at the same time are not compatible")
				return 0, false
			}
			args.approx = false
			next := c.argv[i+1]
			if more >= 2 && isToken(next, '~') {
				args.approx = true
				i++
			} else if more >= 2 && isToken(next, '=') {
				i++
			}
			i++
			if equalFold(opt, "MAXLEN") {
				if args.maxlen, ok = c.getLongLongFromObjectOrReply(c.argv[i], ""); !ok {
					return 0, false
				}
				if args.maxlen < 0 {
					c.addReplyError("The MAXLEN argument must be >= 0.")
					return 0, false
				}
				args.strategy = trimStrategyMaxlen
			} else {
				if args.minid, ok = c.streamParseStrictIDOrReply(c.argv[i]); !ok {
					return 0, false
				}
				args.strategy = trimStrategyMinid
			}
			args.argIdx = i
		case equalFold(opt, "LIMIT") && more > 0:
			if args.limit, ok = c.getLongLongFromObjectOrReply(c.argv[i+1], ""); !ok {
				return 0, false
			}
			if args.limit < 0 {
				c.addReplyError("The LIMIT argument must be >= 0.")
				return 0, false
			}
			limitGiven = true
			i++
		case xadd && equalFold(opt, "NOMKSTREAM"):
			args.noMkstream = true
		case xadd:
			if args.id, args.seqGiven, ok = parseStreamID(opt, 0, true, true); !ok {
				c.addReplyError(msgInvalidStreamID)
				return 0, false
			}
			args.idGiven = true
			break options
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return 0, false
		}
	}
	if args.limit != 0 && args.strategy == trimStrategyNone {
		c.addReplyError("syntax error, LIMIT cannot be used without specifying a trimming strategy")
		return 0, false
	}
	if !xadd && args.strategy == trimStrategyNone {
		c.addReplyError("syntax error, XTRIM must be called with a trimming strategy")
		return 0, false
	}
	if c.flags&clientMaster != 0 || c.server.loading {
		// The master has trimmed just so much.
		args.limit = 0
		return i, true
	}
	switch {
	case limitGiven && !args.approx:
		c.addReplyError("syntax error, LIMIT cannot be used without the special ~ option")
		return 0, false
	case limitGiven:
	case args.approx:
		// A limit of work: 100 blocks.
		args.limit = 10000
		if n := c.server.streamNodeMaxEntries; n > 0 && n < math.MaxInt64/100 {
			args.limit = min(100*n, 1000000)
		} else if n > 0 {
			args.limit = 1000000
		}
	default:
		args.limit = 0
	}
	return i, true
}

// isToken tells whether arg is, up to C's end of a string, the one letter.
func isToken(arg []byte, letter byte) bool {
	return len(arg) > 0 && arg[0] == letter && (len(arg) == 1 || arg[1] == 0)
}

// streamRewriteTrim makes an approximate trim the exact one that has the same outcome.
func (c *client) streamRewriteTrim(s *stream, args *streamTrimArgs) {
	c.rewriteClientCommandArgument(args.argIdx-1, []byte("="))
	if args.strategy == trimStrategyMaxlen {
		c.rewriteClientCommandArgument(args.argIdx, util.AppendUint(nil, s.entries))
	} else {
		c.rewriteClientCommandArgument(args.argIdx, s.firstEntryID(true).bytes())
	}
}

// xaddCommand: XADD key [NOMKSTREAM] [MAXLEN|MINID [=|~] threshold [LIMIT count]] *|id field value [field value ...]
func xaddCommand(c *client) {
	server := c.server
	var args streamAddTrimArgs
	idpos, ok := c.streamParseAddOrTrimArgsOrReply(&args, true)
	if !ok {
		return
	}
	fields := len(c.argv) - idpos - 1
	if fields < 2 || fields%2 == 1 {
		c.addReplyErrorArity()
		return
	}
	if args.idGiven && args.seqGiven && args.id.isZero() {
		c.addReplyError("The ID specified in XADD must be greater than 0-0")
		return
	}
	key := c.argv[1]
	o := c.db.lookupKeyWrite(key)
	if c.checkType(o, objStream) {
		return
	}
	var s *stream
	switch {
	case o != nil:
		s = o.ptr.(*stream)
	case args.noMkstream:
		c.addReplyNull()
		return
	default:
		s = c.db.createStream(key)
	}
	if s.lastID == streamIDMax {
		c.addReplyError("The stream has exhausted the last possible ID, unable to add more items")
		return
	}
	var use *streamID
	if args.idGiven {
		use = &args.id
	}
	id, outcome := s.appendItem(server, c.argv[idpos+1:], use, args.seqGiven)
	switch outcome {
	case streamIDTooSmall:
		c.addReplyError("The ID specified in XADD is equal or smaller than the target stream top item")
		return
	case streamTooLarge:
		c.addReplyError("Elements are too large to be stored")
		return
	}
	c.addReplyStreamID(id)
	server.signalModifiedKey(c, c.db, key)
	server.notifyKeyspaceEvent(notifyStream, "xadd", key, c.db.id)
	server.dirty++
	propagates := server.propagates()
	if args.strategy != trimStrategyNone {
		if s.trim(&args.streamTrimArgs) > 0 {
			server.notifyKeyspaceEvent(notifyStream, "xtrim", key, c.db.id)
		}
		if args.approx && propagates {
			c.streamRewriteTrim(s, &args.streamTrimArgs)
		}
	}
	if propagates && (!args.idGiven || !args.seqGiven) {
		c.rewriteClientCommandArgument(idpos, id.bytes())
	}
	c.db.signalKeyAsReady(key, objStream)
}

// xtrimCommand: XTRIM key MAXLEN|MINID [=|~] threshold [LIMIT count]
func xtrimCommand(c *client) {
	server := c.server
	var args streamAddTrimArgs
	if _, ok := c.streamParseAddOrTrimArgsOrReply(&args, false); !ok {
		return
	}
	key := c.argv[1]
	o := c.lookupKeyWriteOrReply(key, shared.czero)
	if o == nil || c.checkType(o, objStream) {
		return
	}
	s := o.ptr.(*stream)
	deleted := s.trim(&args.streamTrimArgs)
	if deleted > 0 {
		server.notifyKeyspaceEvent(notifyStream, "xtrim", key, c.db.id)
		if args.approx && server.propagates() {
			c.streamRewriteTrim(s, &args.streamTrimArgs)
		}
		server.signalModifiedKey(c, c.db, key)
		server.dirty += deleted
	}
	c.addReplyLongLong(deleted)
}

// --- The others ---

// xdelCommand: XDEL key id [id ...]
func xdelCommand(c *client) {
	server := c.server
	key := c.argv[1]
	o := c.lookupKeyWriteOrReply(key, shared.czero)
	if o == nil || c.checkType(o, objStream) {
		return
	}
	s := o.ptr.(*stream)
	ids, ok := c.streamParseIDsOrReply(c.argv[2:])
	if !ok {
		return
	}
	deleted, first := 0, false
	for _, id := range ids {
		if s.deleteItem(id) {
			first = first || id == s.firstID
			if id.Compare(s.maxDeletedID) > 0 {
				s.maxDeletedID = id
			}
			deleted++
		}
	}
	if deleted > 0 {
		if s.entries == 0 {
			s.firstID = streamID{}
		} else if first {
			s.firstID = s.firstEntryID(false)
		}
		server.signalModifiedKey(c, c.db, key)
		server.notifyKeyspaceEvent(notifyStream, "xdel", key, c.db.id)
		server.dirty += int64(deleted)
	}
	c.addReplyLongLong(int64(deleted))
}

// streamParseIDsOrReply reads IDs, all of which must be good before anything is done.
func (c *client) streamParseIDsOrReply(args [][]byte) ([]streamID, bool) {
	ids := make([]streamID, len(args))
	for i, arg := range args {
		var ok bool
		if ids[i], ok = c.streamParseStrictIDOrReply(arg); !ok {
			return nil, false
		}
	}
	return ids, true
}

func xlenCommand(c *client) {
	o := c.lookupKeyReadOrReply(c.argv[1], shared.czero)
	if o == nil || c.checkType(o, objStream) {
		return
	}
	c.addReplyLongLong(int64(o.ptr.(*stream).entries))
}

func xrangeCommand(c *client)    { xrangeGenericCommand(c, false) }
func xrevrangeCommand(c *client) { xrangeGenericCommand(c, true) }

// xrangeGenericCommand: XRANGE key start end [COUNT count], XREVRANGE key end start [COUNT count]
func xrangeGenericCommand(c *client, rev bool) {
	startArg, endArg := c.argv[2], c.argv[3]
	if rev {
		startArg, endArg = endArg, startArg
	}
	start, end, ok := c.streamParseIntervalOrReply(startArg, endArg)
	if !ok {
		return
	}
	count := int64(-1)
	for j := 4; j < len(c.argv); j += 2 {
		if !equalFold(c.argv[j], "COUNT") || j+1 == len(c.argv) {
			c.addReplyErrorObject(shared.syntaxerr)
			return
		}
		if count, ok = c.getLongLongFromObjectOrReply(c.argv[j+1], ""); !ok {
			return
		}
		count = max(count, 0)
	}
	o := c.lookupKeyReadOrReply(c.argv[1], shared.emptyarray)
	if o == nil || c.checkType(o, objStream) {
		return
	}
	if count == 0 {
		c.addReplyNullArray()
		return
	}
	c.streamReplyWithRange(o.ptr.(*stream), start, end, max(count, 0), rev)
}

// streamReplyWithRange sends entries as an array. A count of 0 is no limit.
func (c *client) streamReplyWithRange(s *stream, start, end streamID, count int64, rev bool) int64 {
	d := c.addReplyDeferredLen()
	n := c.streamReplyWithEntries(s, start, end, count, rev)
	c.setDeferredArrayLen(d, int(n))
	return n
}

// streamReplyWithEntries sends entries one by one, and returns how many.
func (c *client) streamReplyWithEntries(s *stream, start, end streamID, count int64, rev bool) (n int64) {
	si := s.iterator(start, end, rev)
	for si.next() {
		c.addReplyStreamEntry(&si)
		if n++; n == count {
			break
		}
	}
	si.close()
	return n
}

// addReplyStreamEntry sends the entry at which the iterator is.
func (c *client) addReplyStreamEntry(si *streamIterator) {
	c.addReplyArrayLen(2)
	c.addReplyStreamID(si.id)
	c.addReplyArrayLen(2 * si.numFields)
	for range si.numFields {
		field, value := si.field()
		c.addReplyListpackValue(field)
		c.addReplyListpackValue(value)
	}
}

// xsetidCommand: XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]
func xsetidCommand(c *client) {
	server := c.server
	id, ok := c.streamParseStrictIDOrReply(c.argv[2])
	if !ok {
		return
	}
	var maxDeleted streamID
	entriesAdded := int64(-1)
	for i := 3; i < len(c.argv); i += 2 {
		more := i+1 < len(c.argv)
		switch {
		case more && equalFold(c.argv[i], "ENTRIESADDED"):
			if entriesAdded, ok = c.getLongLongFromObjectOrReply(c.argv[i+1], ""); !ok {
				return
			}
			if entriesAdded < 0 {
				c.addReplyError("entries_added must be positive")
				return
			}
		case more && equalFold(c.argv[i], "MAXDELETEDID"):
			if maxDeleted, ok = c.streamParseStrictIDOrReply(c.argv[i+1]); !ok {
				return
			}
			if id.Compare(maxDeleted) < 0 {
				c.addReplyError("The ID specified in XSETID is smaller than the provided max_deleted_entry_id")
				return
			}
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return
		}
	}
	key := c.argv[1]
	o := c.lookupKeyWriteOrReply(key, shared.nokeyerr)
	if o == nil || c.checkType(o, objStream) {
		return
	}
	s := o.ptr.(*stream)
	if id.Compare(s.maxDeletedID) < 0 {
		c.addReplyError("The ID specified in XSETID is smaller than current max_deleted_entry_id")
		return
	}
	if s.entries > 0 {
		if id.Compare(s.lastValidID()) < 0 {
			c.addReplyError("The ID specified in XSETID is smaller than the target stream top item")
			return
		}
		if entriesAdded != -1 && s.entries > uint64(entriesAdded) {
			c.addReplyError("The entries_added specified in XSETID is smaller than the target stream length")
			return
		}
	}
	s.lastID = id
	if entriesAdded != -1 {
		s.entriesAdded = uint64(entriesAdded)
	}
	if !maxDeleted.isZero() {
		s.maxDeletedID = maxDeleted
	}
	c.addReply(shared.ok)
	server.dirty++
	server.notifyKeyspaceEvent(notifyStream, "xsetid", key, c.db.id)
}
