// SPDX-License-Identifier: BSD-3-Clause

package server

// t_stream_read.go - XREAD and XREADGROUP.
//
// Neither is propagated as it is: entries that become pending are propagated as XCLAIM, the progress of groups as XGROUP SETID. A
// client that blocks executes its command again when a key is ready, so what it asked for relative to the moment, $ and +, is
// turned into IDs before.

// streamReader is a parsed XREAD or XREADGROUP.
type streamReader struct {
	group        bool
	groupname    []byte
	consumername []byte
	noack        bool
	block        bool
	timeout      int64
	count        int64
	keys, idArgs [][]byte
	idAt         int // where the IDs begin in argv
	ids          []streamID
	newOnly      []bool // the ID is ">"
	replied      int
}

// parse reads the options.
func (r *streamReader) parse(c *client) bool {
	argc := len(c.argv)
	streams := 0
	for i := 1; i < argc && streams == 0; i++ {
		more := argc - i - 1
		opt := c.argv[i]
		var ok bool
		switch {
		case equalFold(opt, "BLOCK") && more > 0:
			i++
			if r.timeout, ok = c.getTimeoutFromObjectOrReply(c.argv[i], unitMilliseconds); !ok {
				return false
			}
			r.block = true
		case equalFold(opt, "COUNT") && more > 0:
			i++
			if r.count, ok = c.getLongLongFromObjectOrReply(c.argv[i], ""); !ok {
				return false
			}
			r.count = max(r.count, 0)
		case equalFold(opt, "STREAMS") && more > 0:
			streams = i + 1
		case equalFold(opt, "GROUP") && more >= 2:
			if !r.group {
				c.addReplyError("The GROUP option is only supported by XREADGROUP. You called XREAD instead.")
				return false
			}
			r.groupname, r.consumername = c.argv[i+1], c.argv[i+2]
			i += 2
		case equalFold(opt, "NOACK"):
			if !r.group {
				c.addReplyError("The NOACK option is only supported by XREADGROUP. You called XREAD instead.")
				return false
			}
			r.noack = true
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return false
		}
	}
	if streams == 0 {
		c.addReplyErrorObject(shared.syntaxerr)
		return false
	}
	n := argc - streams
	if n%2 != 0 {
		if r.group {
			c.addReplyError("Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified.")
		} else {
			c.addReplyError("Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified.")
		}
		return false
	}
	n /= 2
	if r.group && r.groupname == nil {
		c.addReplyError("Missing GROUP option for XREADGROUP")
		return false
	}
	r.idAt = streams + n
	r.keys, r.idArgs = c.argv[streams:r.idAt], c.argv[r.idAt:]
	return true
}

// resolve turns the ID arguments into IDs, and checks that groups exist.
func (r *streamReader) resolve(c *client) bool {
	r.ids = make([]streamID, len(r.keys))
	r.newOnly = make([]bool, len(r.keys))
	for i, key := range r.keys {
		o := c.db.lookupKeyRead(key)
		if c.checkType(o, objStream) {
			return false
		}
		var s *stream
		if o != nil {
			s = o.ptr.(*stream)
		}
		if r.group && (s == nil || s.lookupGroup(r.groupname) == nil) {
			c.addReplyErrorFormat("-NOGROUP No such key '%s' or consumer group '%s' in XREADGROUP with GROUP option", key, r.groupname)
			return false
		}
		arg := r.idArgs[i]
		switch {
		case isToken(arg, '$'):
			if r.group {
				c.addReplyError("The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.")
				return false
			}
			if s != nil {
				r.ids[i] = s.lastID
			}
		case isToken(arg, '+'):
			if r.group {
				c.addReplyError("The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty result set.")
				return false
			}
			if s != nil && s.entries > 0 {
				// The last entry there is, which need not have the last ID.
				r.ids[i], _ = s.lastValidID().prev()
			}
		case isToken(arg, '>'):
			if !r.group {
				c.addReplyError("The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.")
				return false
			}
			r.newOnly[i] = true
		default:
			var ok bool
			if r.ids[i], ok = c.streamParseStrictIDOrReply(arg); !ok {
				return false
			}
			// The greatest ID means the same as ">" to a group.
			r.newOnly[i] = r.group && r.ids[i] == streamIDMax
		}
	}
	return true
}

// begin sends what precedes the entries of a stream.
func (r *streamReader) begin(c *client, d *deferredLen, key []byte) {
	if r.replied == 0 {
		*d = c.addReplyDeferredLen()
	}
	r.replied++
	if c.resp == 2 {
		c.addReplyArrayLen(2)
	}
	c.addReplyBulkBytes(key)
}

// serve sends what there is of stream i.
func (r *streamReader) serve(c *client, d *deferredLen, i int) {
	server := c.server
	key := r.keys[i]
	if !r.group {
		o := c.db.lookupKeyRead(key)
		if o == nil {
			return
		}
		s := o.ptr.(*stream)
		if s.entries == 0 || s.lastValidID().Compare(r.ids[i]) <= 0 {
			return
		}
		r.begin(c, d, key)
		start, _ := r.ids[i].next()
		c.streamReplyWithRange(s, start, streamIDMax, r.count, false)
		return
	}
	s, ok := c.lookupStreamUpdate(key)
	if !ok || s == nil {
		return
	}
	cg := s.ownGroup(r.groupname)
	consumer, created := c.seenConsumer(s, cg, r.consumername, key)
	if created && r.noack {
		c.streamPropagateConsumerCreation(key, r.groupname, r.consumername)
	}
	if !r.newOnly[i] {
		r.begin(c, d, key)
		start, _ := r.ids[i].next()
		c.streamReplyWithHistory(s, cg, consumer, start, r.count)
		return
	}
	if s.entries == 0 || s.lastValidID().Compare(cg.lastID) <= 0 {
		return
	}
	r.begin(c, d, key)
	start, _ := cg.lastID.next()
	if r.deliverRange(c, s, cg, consumer, key, start) > 0 {
		server.dirty++
	}
}

// deliverRange sends entries from start on and makes them pending, and returns how many commands that propagates.
func (r *streamReader) deliverRange(c *client, s *stream, cg *streamCG, consumer *streamConsumer, key []byte, start streamID) (propagated int) {
	now := c.server.commandTimeSnapshot()
	d := c.addReplyDeferredLen()
	var n int64
	moved := false
	si := s.iterator(start, streamIDMax, false)
	for si.next() {
		id := si.id
		if id.Compare(cg.lastID) > 0 {
			s.readUpTo(cg, id)
			moved = true
		}
		c.addReplyStreamEntry(&si)
		if !r.noack {
			nack := streamNACK{deliveryTime: now, deliveryCount: 1}
			s.deliver(cg, consumer, id, nack)
			nack.consumer = consumer.number
			consumer.activeTime = now
			c.streamPropagateXCLAIM(key, r.groupname, cg, id, nack)
			propagated++
		}
		if n++; n == r.count {
			break
		}
	}
	si.close()
	if moved {
		c.streamPropagateGroupID(key, r.groupname, cg)
		propagated++
	}
	c.setDeferredArrayLen(d, int(n))
	return propagated
}

// streamReplyWithHistory sends what is pending with the consumer. An entry that is gone from the stream has null for its fields.
func (c *client) streamReplyWithHistory(s *stream, cg *streamCG, consumer *streamConsumer, start streamID, count int64) {
	now := c.server.commandTimeSnapshot()
	d := c.addReplyDeferredLen()
	var n int64
	it := consumer.pel.Iter()
	for ok := it.SeekGE(start); ok && (count == 0 || n < count); ok = it.Next() {
		id := it.Key()
		if c.streamReplyWithEntries(s, id, id, 1, false) == 0 {
			c.addReplyArrayLen(2)
			c.addReplyStreamID(id)
			c.addReplyNullArray()
		} else if nack := cg.pel.Ref(id); nack != nil {
			nack.deliveryTime = now
			nack.deliveryCount++
		}
		n++
	}
	c.setDeferredArrayLen(d, int(n))
}

// xreadCommand: XREAD [COUNT count] [BLOCK ms] STREAMS key [key ...] id [id ...]
// XREADGROUP GROUP group consumer [COUNT count] [BLOCK ms] [NOACK] STREAMS key [key ...] id [id ...]
func xreadCommand(c *client) {
	defer c.preventCommandPropagation()
	r := streamReader{group: len(c.argv[0]) == len("xreadgroup")}
	if !r.parse(c) || !r.resolve(c) {
		return
	}
	var d deferredLen
	for i := range r.keys {
		r.serve(c, &d, i)
	}
	if r.replied > 0 {
		if c.resp == 2 {
			c.setDeferredArrayLen(d, r.replied)
		} else {
			c.setDeferredMapLen(d, r.replied)
		}
		return
	}
	if !r.block || c.flags&clientDenyBlocking != 0 {
		c.addReplyNullArray()
		return
	}
	for i, arg := range r.idArgs {
		if isToken(arg, '$') || isToken(arg, '+') {
			c.rewriteClientCommandArgument(r.idAt+i, r.ids[i].bytes())
		}
	}
	c.blockForKeys(blockedStream, r.keys, r.timeout, r.group)
}
