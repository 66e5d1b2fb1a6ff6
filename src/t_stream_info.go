// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"encoding/binary"

	"redport/src/rax"
)

// t_stream_info.go - XINFO.

// radixTreeNodes is the number of nodes that C's radix tree would need for the blocks.
func (s *stream) radixTreeNodes() int {
	var n rax.NodeCounter
	var key [16]byte
	it := s.blocks.Iter()
	for ok := it.First(); ok; ok = it.Next() {
		binary.BigEndian.PutUint64(key[:], it.Key().ms)
		binary.BigEndian.PutUint64(key[8:], it.Key().seq)
		n.Add(key[:])
	}
	return n.Nodes()
}

func (c *client) addReplyStreamLag(s *stream, cg *streamCG) {
	c.addReplyBulkString("entries-read")
	if cg.entriesRead != scgInvalidEntriesRead {
		c.addReplyLongLong(cg.entriesRead)
	} else {
		c.addReplyNull()
	}
	c.addReplyBulkString("lag")
	if lag, known := s.lag(cg); known {
		c.addReplyLongLong(lag)
	} else {
		c.addReplyNull()
	}
}

// xinfoReplyWithStreamInfo is XINFO STREAM key [FULL [COUNT count]].
func xinfoReplyWithStreamInfo(c *client, s *stream) {
	full, count := false, int64(10)
	if opts := c.argv[3:]; len(opts) > 0 {
		full = true
		if len(opts) != 1 && len(opts) != 3 || !equalFold(opts[0], "FULL") {
			c.addReplySubcommandSyntaxError()
			return
		}
		if len(opts) == 3 {
			if !equalFold(opts[1], "COUNT") {
				c.addReplySubcommandSyntaxError()
				return
			}
			var ok bool
			if count, ok = c.getLongLongFromObjectOrReply(opts[2], ""); !ok {
				return
			}
			if count < 0 {
				count = 10
			}
		}
	}
	number := func(name string, n int64) {
		c.addReplyBulkString(name)
		c.addReplyLongLong(n)
	}
	id := func(name string, id streamID) {
		c.addReplyBulkString(name)
		c.addReplyStreamID(id)
	}
	if full {
		c.addReplyMapLen(9)
	} else {
		c.addReplyMapLen(10)
	}
	number("length", int64(s.entries))
	number("radix-tree-keys", int64(s.blocks.Len()))
	number("radix-tree-nodes", int64(s.radixTreeNodes()))
	id("last-generated-id", s.lastID)
	id("max-deleted-entry-id", s.maxDeletedID)
	number("entries-added", int64(s.entriesAdded))
	id("recorded-first-entry-id", s.firstID)
	if full {
		c.addReplyBulkString("entries")
		c.streamReplyWithRange(s, streamID{}, streamIDMax, count, false)
		c.addReplyBulkString("groups")
		c.addReplyArrayLen(s.cgroups.Len())
		it := s.cgroups.Iter()
		for ok := it.First(); ok; ok = it.Next() {
			c.addReplyGroupFull(s, string(it.Key()), it.Value(), count)
		}
		return
	}
	number("groups", int64(s.cgroups.Len()))
	c.addReplyBulkString("first-entry")
	if c.streamReplyWithEntries(s, streamID{}, streamIDMax, 1, false) == 0 {
		c.addReplyNull()
	}
	c.addReplyBulkString("last-entry")
	if c.streamReplyWithEntries(s, streamID{}, streamIDMax, 1, true) == 0 {
		c.addReplyNull()
	}
}

// addReplyGroupFull is one group of XINFO STREAM FULL.
func (c *client) addReplyGroupFull(s *stream, name string, cg *streamCG, count int64) {
	c.addReplyMapLen(7)
	c.addReplyBulkString("name")
	c.addReplyBulkString(name)
	c.addReplyBulkString("last-delivered-id")
	c.addReplyStreamID(cg.lastID)
	c.addReplyStreamLag(s, cg)
	c.addReplyBulkString("pel-count")
	c.addReplyLongLong(int64(cg.pel.Len()))

	c.addReplyBulkString("pending")
	d := c.addReplyDeferredLen()
	var n int64
	pel := cg.pel.Iter()
	for ok := pel.First(); ok && (count == 0 || n < count); ok = pel.Next() {
		nack := pel.Value()
		c.addReplyArrayLen(4)
		c.addReplyStreamID(pel.Key())
		c.addReplyBulkString(string(cg.consumerName(nack)))
		c.addReplyLongLong(nack.deliveryTime)
		c.addReplyLongLong(int64(nack.deliveryCount))
		n++
	}
	c.setDeferredArrayLen(d, int(n))

	c.addReplyBulkString("consumers")
	c.addReplyArrayLen(cg.consumers.Len())
	it := cg.consumers.Iter()
	for ok := it.First(); ok; ok = it.Next() {
		c.addReplyConsumerFull(cg, it.Value(), count)
	}
}

// addReplyConsumerFull is one consumer of XINFO STREAM FULL.
func (c *client) addReplyConsumerFull(cg *streamCG, consumer *streamConsumer, count int64) {
	c.addReplyMapLen(5)
	c.addReplyBulkString("name")
	c.addReplyBulkString(string(consumer.name))
	c.addReplyBulkString("seen-time")
	c.addReplyLongLong(consumer.seenTime)
	c.addReplyBulkString("active-time")
	c.addReplyLongLong(consumer.activeTime)
	c.addReplyBulkString("pel-count")
	c.addReplyLongLong(int64(consumer.pel.Len()))
	c.addReplyBulkString("pending")
	d := c.addReplyDeferredLen()
	var n int64
	pel := consumer.pel.Iter()
	for ok := pel.First(); ok && (count == 0 || n < count); ok = pel.Next() {
		nack, _ := cg.pel.Get(pel.Key())
		c.addReplyArrayLen(3)
		c.addReplyStreamID(pel.Key())
		c.addReplyLongLong(nack.deliveryTime)
		c.addReplyLongLong(int64(nack.deliveryCount))
		n++
	}
	c.setDeferredArrayLen(d, int(n))
}

// xinfoCommand serves XINFO's subcommands.
func xinfoCommand(c *client) {
	opt := c.argv[1]
	if equalFold(opt, "HELP") {
		if len(c.argv) != 2 {
			c.addReplySubcommandSyntaxError()
			return
		}
		c.addReplyHelp([]string{
			"CONSUMERS <key> <groupname>",
			"    The consumers of a group.",
			"GROUPS <key>",
			"    The groups of a stream.",
			"STREAM <key> [FULL [COUNT <count>]",
			"    The stream itself; with FULL its entries and groups too.",
		})
		return
	}
	if len(c.argv) < 3 {
		c.addReplySubcommandSyntaxError()
		return
	}
	key := c.argv[2]
	o := c.lookupKeyReadOrReply(key, shared.nokeyerr)
	if o == nil || c.checkType(o, objStream) {
		return
	}
	s := o.ptr.(*stream)
	switch {
	case equalFold(opt, "CONSUMERS") && len(c.argv) == 4:
		cg := s.lookupGroup(c.argv[3])
		if cg == nil {
			c.addReplyErrorFormat("-NOGROUP No such consumer group '%s' for key name '%s'", c.argv[3], key)
			return
		}
		now := c.server.commandTimeSnapshot()
		c.addReplyArrayLen(cg.consumers.Len())
		it := cg.consumers.Iter()
		for ok := it.First(); ok; ok = it.Next() {
			consumer := it.Value()
			inactive := int64(-1)
			if consumer.activeTime != -1 {
				inactive = max(now-consumer.activeTime, 0)
			}
			c.addReplyMapLen(4)
			c.addReplyBulkString("name")
			c.addReplyBulkString(string(consumer.name))
			c.addReplyBulkString("pending")
			c.addReplyLongLong(int64(consumer.pel.Len()))
			c.addReplyBulkString("idle")
			c.addReplyLongLong(max(now-consumer.seenTime, 0))
			c.addReplyBulkString("inactive")
			c.addReplyLongLong(inactive)
		}
	case equalFold(opt, "GROUPS") && len(c.argv) == 3:
		c.addReplyArrayLen(s.cgroups.Len())
		it := s.cgroups.Iter()
		for ok := it.First(); ok; ok = it.Next() {
			cg := it.Value()
			c.addReplyMapLen(6)
			c.addReplyBulkString("name")
			c.addReplyBulkString(string(it.Key()))
			c.addReplyBulkString("consumers")
			c.addReplyLongLong(int64(cg.consumers.Len()))
			c.addReplyBulkString("pending")
			c.addReplyLongLong(int64(cg.pel.Len()))
			c.addReplyBulkString("last-delivered-id")
			c.addReplyStreamID(cg.lastID)
			c.addReplyStreamLag(s, cg)
		}
	case equalFold(opt, "STREAM"):
		xinfoReplyWithStreamInfo(c, s)
	default:
		c.addReplySubcommandSyntaxError()
	}
}
