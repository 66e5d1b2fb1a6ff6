// SPDX-License-Identifier: BSD-3-Clause

package server

import "math"

// t_stream_claim.go - XGROUP, XACK, XPENDING, XCLAIM and XAUTOCLAIM: the commands on groups and on what is pending in them.

// xgroupCommand serves XGROUP's subcommands.
func xgroupCommand(c *client) {
	server := c.server
	argc, opt := len(c.argv), c.argv[1]
	if argc == 2 && equalFold(opt, "HELP") {
		c.addReplyHelp([]string{
			"CREATE <key> <groupname> <id|$> [option]",
			"    Make a group that reads what comes after <id>. Options are:",
			"    * MKSTREAM",
			"      Make the stream as well, if there is none.",
			"    * ENTRIESREAD entries_read",
			"      How many entries the group is to have read already.",
			"CREATECONSUMER <key> <groupname> <consumer>",
			"    Make a consumer of the group.",
			"DELCONSUMER <key> <groupname> <consumer>",
			"    Delete a consumer, and with it what it has not acknowledged.",
			"DESTROY <key> <groupname>",
			"    Delete the group.",
			"SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
			"    Let the group go on after <id>.",
		})
		return
	}
	if argc < 4 {
		c.addReplySubcommandSyntaxError()
		return
	}
	create, setid := equalFold(opt, "CREATE"), equalFold(opt, "SETID")
	mkstream, entriesRead := false, int64(scgInvalidEntriesRead)
	for i := 5; i < argc; i++ {
		switch {
		case create && equalFold(c.argv[i], "MKSTREAM"):
			mkstream = true
		case (create || setid) && equalFold(c.argv[i], "ENTRIESREAD") && i+1 < argc:
			var ok bool
			if entriesRead, ok = c.getLongLongFromObjectOrReply(c.argv[i+1], ""); !ok {
				return
			}
			if entriesRead < 0 && entriesRead != scgInvalidEntriesRead {
				c.addReplyError("value for ENTRIESREAD must be positive or -1")
				return
			}
			i++
		default:
			c.addReplySubcommandSyntaxError()
			return
		}
	}
	key, groupname := c.argv[2], c.argv[3]
	o := c.db.lookupKeyWrite(key)
	if c.checkType(o, objStream) {
		return
	}
	var s *stream
	if o != nil {
		s = o.ptr.(*stream)
	}
	var cg *streamCG
	if !mkstream {
		if s == nil {
			c.addReplyError("The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.")
			return
		}
		if cg = s.lookupGroup(groupname); cg == nil && (setid || equalFold(opt, "CREATECONSUMER") || equalFold(opt, "DELCONSUMER")) {
			c.addReplyErrorFormat("-NOGROUP No such consumer group '%s' for key name '%s'", groupname, key)
			return
		}
	}
	switch {
	case create && argc >= 5 && argc <= 8:
		var id streamID
		if isToken(c.argv[4], '$') {
			if s != nil {
				id = s.lastID
			}
		} else {
			var ok bool
			if id, ok = c.streamParseStrictIDOrReply(c.argv[4]); !ok {
				return
			}
		}
		if s == nil {
			s = c.db.createStream(key)
			server.signalModifiedKey(c, c.db, key)
		}
		if s.createGroup(groupname, id, entriesRead) == nil {
			c.addReplyError("-BUSYGROUP Consumer Group name already exists")
			return
		}
		c.addReply(shared.ok)
		server.dirty++
		server.notifyKeyspaceEvent(notifyStream, "xgroup-create", key, c.db.id)
	case setid && (argc == 5 || argc == 7):
		id := s.lastID
		if !isToken(c.argv[4], '$') {
			var ok bool
			if id, ok = c.streamParseIDOrReply(c.argv[4]); !ok {
				return
			}
		}
		cg = s.ownGroup(groupname)
		cg.lastID, cg.entriesRead = id, entriesRead
		c.addReply(shared.ok)
		server.dirty++
		server.notifyKeyspaceEvent(notifyStream, "xgroup-setid", key, c.db.id)
	case equalFold(opt, "DESTROY") && argc == 4:
		if cg == nil {
			c.addReply(shared.czero)
			return
		}
		s.destroyGroup(groupname)
		c.addReply(shared.cone)
		server.dirty++
		server.notifyKeyspaceEvent(notifyStream, "xgroup-destroy", key, c.db.id)
		// Those who wait for entries of the group learn that it is gone.
		c.db.signalKeyAsReady(key, objStream)
	case equalFold(opt, "CREATECONSUMER") && argc == 5:
		if cg.lookupConsumer(c.argv[4]) != nil {
			c.addReply(shared.czero)
			return
		}
		c.createConsumer(s, s.ownGroup(groupname), c.argv[4], key)
		c.addReply(shared.cone)
	case equalFold(opt, "DELCONSUMER") && argc == 5:
		pending := 0
		if cg.lookupConsumer(c.argv[4]) != nil {
			cg = s.ownGroup(groupname)
			pending = s.deleteConsumer(cg, s.ownConsumer(cg, streamName(c.argv[4])))
			server.dirty++
			server.notifyKeyspaceEvent(notifyStream, "xgroup-delconsumer", key, c.db.id)
		}
		c.addReplyLongLong(int64(pending))
	default:
		c.addReplySubcommandSyntaxError()
	}
}

// xackCommand: XACK key group id [id ...]
func xackCommand(c *client) {
	s, ok := c.lookupStreamUpdate(c.argv[1])
	if !ok {
		return
	}
	if s == nil || s.lookupGroup(c.argv[2]) == nil {
		c.addReply(shared.czero)
		return
	}
	ids, ok := c.streamParseIDsOrReply(c.argv[3:])
	if !ok {
		return
	}
	cg := s.ownGroup(c.argv[2])
	var acknowledged int64
	for _, id := range ids {
		if s.acknowledge(cg, id) {
			acknowledged++
			c.server.dirty++
		}
	}
	c.addReplyLongLong(acknowledged)
}

// addReplyNoGroup says that there is no such key or no such group.
func (c *client) addReplyNoGroup() {
	c.addReplyErrorFormat("-NOGROUP No such key '%s' or consumer group '%s'", c.argv[1], c.argv[2])
}

// xpendingCommand: XPENDING key group [[IDLE min-idle-time] start end count [consumer]]
func xpendingCommand(c *client) {
	argc := len(c.argv)
	if argc != 3 && (argc < 6 || argc > 9) {
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	var start, end streamID
	var count, minIdle int64
	var consumername []byte
	if argc >= 6 {
		at := 3
		var ok bool
		if equalFold(c.argv[3], "IDLE") {
			if minIdle, ok = c.getLongLongFromObjectOrReply(c.argv[4], ""); !ok {
				return
			}
			if argc < 8 {
				c.addReplyErrorObject(shared.syntaxerr)
				return
			}
			at += 2
		}
		if count, ok = c.getLongLongFromObjectOrReply(c.argv[at+2], ""); !ok {
			return
		}
		if start, end, ok = c.streamParseIntervalOrReply(c.argv[at], c.argv[at+1]); !ok {
			return
		}
		if at+3 < argc {
			consumername = c.argv[at+3]
		}
	}
	o := c.db.lookupKeyRead(c.argv[1])
	if c.checkType(o, objStream) {
		return
	}
	var cg *streamCG
	if o != nil {
		cg = o.ptr.(*stream).lookupGroup(c.argv[2])
	}
	if cg == nil {
		c.addReplyNoGroup()
		return
	}
	if argc == 3 {
		c.addReplyPendingSummary(cg)
		return
	}
	var consumer *streamConsumer
	if consumername != nil {
		if consumer = cg.lookupConsumer(consumername); consumer == nil {
			c.addReplyArrayLen(0)
			return
		}
	}
	c.addReplyPending(cg, consumer, start, end, count, minIdle)
}

// addReplyPendingSummary is XPENDING without a range.
func (c *client) addReplyPendingSummary(cg *streamCG) {
	c.addReplyArrayLen(4)
	c.addReplyLongLong(int64(cg.pel.Len()))
	it := cg.pel.Iter()
	if !it.First() {
		c.addReplyNull()
		c.addReplyNull()
		c.addReplyNullArray()
		return
	}
	c.addReplyStreamID(it.Key())
	it.Last()
	c.addReplyStreamID(it.Key())
	d := c.addReplyDeferredLen()
	n := 0
	consumers := cg.consumers.Iter()
	for ok := consumers.First(); ok; ok = consumers.Next() {
		consumer := consumers.Value()
		if consumer.pel.Len() == 0 {
			continue
		}
		c.addReplyArrayLen(2)
		c.addReplyBulkString(string(consumer.name))
		c.addReplyBulkLongLong(int64(consumer.pel.Len()))
		n++
	}
	c.setDeferredArrayLen(d, n)
}

// addReplyPending is XPENDING with a range. consumer is nil for all of them.
func (c *client) addReplyPending(cg *streamCG, consumer *streamConsumer, start, end streamID, count, minIdle int64) {
	now := c.server.commandTimeSnapshot()
	d := c.addReplyDeferredLen()
	n := 0
	send := func(id streamID, nack streamNACK) {
		idle := now - nack.deliveryTime
		if minIdle != 0 && idle < minIdle {
			return
		}
		c.addReplyArrayLen(4)
		c.addReplyStreamID(id)
		c.addReplyBulkString(string(cg.consumerName(nack)))
		c.addReplyLongLong(max(idle, 0))
		c.addReplyLongLong(int64(nack.deliveryCount))
		n++
		count--
	}
	if consumer != nil {
		it := consumer.pel.Iter()
		for ok := it.SeekGE(start); ok && count > 0 && it.Key().Compare(end) <= 0; ok = it.Next() {
			nack, _ := cg.pel.Get(it.Key())
			send(it.Key(), nack)
		}
	} else {
		it := cg.pel.Iter()
		for ok := it.SeekGE(start); ok && count > 0 && it.Key().Compare(end) <= 0; ok = it.Next() {
			send(it.Key(), it.Value())
		}
	}
	c.setDeferredArrayLen(d, n)
}

// xclaimOptions are what follows XCLAIM's IDs.
type xclaimOptions struct {
	deliveryTime int64 // -1: not given
	retryCount   int64 // -1: not given
	force        bool
	justid       bool
	lastID       streamID
}

// parse reads the options from argv[j] on.
func (x *xclaimOptions) parse(c *client, j int, now int64) bool {
	for ; j < len(c.argv); j++ {
		opt := c.argv[j]
		more := j+1 < len(c.argv)
		var ok bool
		switch {
		case equalFold(opt, "FORCE"):
			x.force = true
		case equalFold(opt, "JUSTID"):
			x.justid = true
		case more && equalFold(opt, "IDLE"):
			j++
			if x.deliveryTime, ok = c.getLongLongFromObjectOrReply(c.argv[j], "Invalid IDLE option argument for XCLAIM"); !ok {
				return false
			}
			x.deliveryTime = now - x.deliveryTime
		case more && equalFold(opt, "TIME"):
			j++
			if x.deliveryTime, ok = c.getLongLongFromObjectOrReply(c.argv[j], "Invalid TIME option argument for XCLAIM"); !ok {
				return false
			}
		case more && equalFold(opt, "RETRYCOUNT"):
			j++
			if x.retryCount, ok = c.getLongLongFromObjectOrReply(c.argv[j], "Invalid RETRYCOUNT option argument for XCLAIM"); !ok {
				return false
			}
		case more && equalFold(opt, "LASTID"):
			j++
			if x.lastID, ok = c.streamParseStrictIDOrReply(c.argv[j]); !ok {
				return false
			}
		default:
			c.addReplyErrorFormat("Unrecognized XCLAIM option '%s'", opt)
			return false
		}
	}
	// Clients compute times with their own clocks: one that makes no sense is now.
	if x.deliveryTime < 0 || x.deliveryTime > now {
		x.deliveryTime = now
	}
	return true
}

// xclaimCommand: XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-ms] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID id]
func xclaimCommand(c *client) {
	server := c.server
	key, groupname := c.argv[1], c.argv[2]
	s, ok := c.lookupStreamUpdate(key)
	if !ok {
		return
	}
	if s == nil || s.lookupGroup(groupname) == nil {
		c.addReplyNoGroup()
		return
	}
	minIdle, ok := c.getLongLongFromObjectOrReply(c.argv[4], "Invalid min-idle-time argument for XCLAIM")
	if !ok {
		return
	}
	ids := make([]streamID, 0, len(c.argv)-5)
	for _, arg := range c.argv[5:] {
		id, _, ok := parseStreamID(arg, 0, true, false)
		if !ok {
			break // an option
		}
		ids = append(ids, id)
	}
	now := server.commandTimeSnapshot()
	x := xclaimOptions{deliveryTime: -1, retryCount: -1}
	if !x.parse(c, 5+len(ids), now) {
		return
	}
	cg := s.ownGroup(groupname)
	propagateLastID := false
	if x.lastID.Compare(cg.lastID) > 0 {
		cg.lastID = x.lastID
		propagateLastID = true
	}
	consumer, _ := c.seenConsumer(s, cg, c.argv[3], key)
	d := c.addReplyDeferredLen()
	n := 0
	for _, id := range ids {
		nack, pending := cg.pel.Get(id)
		if !s.entryExists(id) {
			if pending {
				c.streamPropagateXCLAIM(key, groupname, cg, id, nack)
				propagateLastID = false
				server.dirty++
				s.acknowledge(cg, id)
			}
			continue
		}
		if !pending && !x.force {
			continue
		}
		if pending && minIdle > 0 && now-nack.deliveryTime < minIdle {
			continue
		}
		if !pending {
			nack.deliveryCount = 1
		}
		nack.deliveryTime = x.deliveryTime
		if x.retryCount >= 0 {
			nack.deliveryCount = uint64(x.retryCount)
		} else if !x.justid {
			nack.deliveryCount++
		}
		s.deliver(cg, consumer, id, nack)
		nack.consumer = consumer.number
		consumer.activeTime = now
		if x.justid {
			c.addReplyStreamID(id)
		} else {
			c.streamReplyWithEntries(s, id, id, 1, false)
		}
		n++
		c.streamPropagateXCLAIM(key, groupname, cg, id, nack)
		propagateLastID = false
		server.dirty++
	}
	if propagateLastID {
		c.streamPropagateGroupID(key, groupname, cg)
		server.dirty++
	}
	c.setDeferredArrayLen(d, n)
	c.preventCommandPropagation()
}

// xautoclaimCommand: XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]
func xautoclaimCommand(c *client) {
	const attemptsFactor = 10
	server := c.server
	key, groupname := c.argv[1], c.argv[2]
	e := c.db.entry(key, lookupNone)
	minIdle, ok := c.getLongLongFromObjectOrReply(c.argv[4], "Invalid min-idle-time argument for XAUTOCLAIM")
	if !ok {
		return
	}
	cursor, ok := c.streamParseIntervalStartOrReply(c.argv[5])
	if !ok {
		return
	}
	count, justid := int64(100), false
	for j := 6; j < len(c.argv); j++ {
		switch {
		case equalFold(c.argv[j], "COUNT") && j+1 < len(c.argv):
			if count, ok = c.getRangeLongFromObjectOrReply(c.argv[j+1], 1, math.MaxInt64/16, "COUNT must be > 0"); !ok {
				return
			}
			j++
		case equalFold(c.argv[j], "JUSTID"):
			justid = true
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return
		}
	}
	var s *stream
	if e.Ok() {
		o := c.db.view(e)
		if c.checkType(o, objStream) {
			return
		}
		if server.clock.Frozen(o.epoch) {
			o = c.db.thawObject(e, o)
		}
		s = o.ptr.(*stream)
	}
	if s == nil || s.lookupGroup(groupname) == nil {
		c.addReplyNoGroup()
		return
	}
	cg := s.ownGroup(groupname)
	now := server.commandTimeSnapshot()
	consumer, _ := c.seenConsumer(s, cg, c.argv[3], key)
	var claimed, deleted []streamID
	more := true
	for attempts := count * attemptsFactor; attempts > 0 && count > 0 && more; attempts-- {
		it := cg.pel.Iter()
		if more = it.SeekGE(cursor); !more {
			break
		}
		id, nack := it.Key(), it.Value()
		cursor, more = id.next()
		if !s.entryExists(id) {
			c.streamPropagateXCLAIM(key, groupname, cg, id, nack)
			server.dirty++
			s.acknowledge(cg, id)
			deleted = append(deleted, id)
			count--
			continue
		}
		if minIdle > 0 && now-nack.deliveryTime < minIdle {
			continue
		}
		nack.deliveryTime = now
		if !justid {
			nack.deliveryCount++
		}
		s.deliver(cg, consumer, id, nack)
		nack.consumer = consumer.number
		consumer.activeTime = now
		claimed = append(claimed, id)
		count--
		c.streamPropagateXCLAIM(key, groupname, cg, id, nack)
		server.dirty++
	}
	// Where the next call goes on.
	var next streamID
	if it := cg.pel.Iter(); more && it.SeekGE(cursor) {
		next = it.Key()
	}
	c.addReplyArrayLen(3)
	c.addReplyStreamID(next)
	c.addReplyArrayLen(len(claimed))
	for _, id := range claimed {
		if justid {
			c.addReplyStreamID(id)
		} else {
			c.streamReplyWithEntries(s, id, id, 1, false)
		}
	}
	c.addReplyArrayLen(len(deleted))
	for _, id := range deleted {
		c.addReplyStreamID(id)
	}
	c.preventCommandPropagation()
}
