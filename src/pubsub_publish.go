// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"slices"
	"strconv"
	"strings"

	"redport/src/util"
)

// pubsub_publish.go - the way of a message from PUBLISH, SPUBLISH and keyspace events to its receivers.
//
// A message is put together once and its bytes appended to every receiver's reply buffer; only the first byte depends on the
// client's protocol. Messages are pushes: they pass CLIENT REPLY OFF.
//
// Messages that follow one another to the same subscribers, whoever publishes them, are collected and appended to each
// buffer at once: with many subscribers it is their buffers being far apart in memory that costs. So this must hold:
//
//   - server.published is empty whenever replies are written to sockets: beforeSleep sees to that;
//   - nothing else is appended to a subscriber's buffer before what has been published: prepareClientToWrite;
//   - the set of its receivers, and their protocol, are those of the time it was published: pubsubLink, pubsubUnlink, call;
//   - nobody sees a buffer without it: call, for commands that may look at clients. Evicting clients by what their buffers hold
//     (maxmemory-clients) excludes collecting.
//
// Counterpart: pubsub.c.

// publishedMessages are messages that their receivers' buffers do not hold yet.
type publishedMessages struct {
	to     *subscribers // nil: none
	msgs   []byte       // as for RESP2
	starts []int        // of each message
	resp3  []byte       // the same for RESP3, once it is needed
}

// maxPublished is how many bytes are collected: no more than fit a client's buffer.
const maxPublished = protoReplyChunkBytes

func appendBulk[T ~string | ~[]byte](b []byte, s T) []byte {
	b = append(b, '$')
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, '\r', '\n')
	b = append(b, s...)
	return append(b, '\r', '\n')
}

// pubsubPublishMessage sends message to all who are subscribed to channel, by name or by pattern, and returns how many times it
// was sent. Shard channels know no patterns.
func (server *Server) pubsubPublishMessage(channel, message []byte, sharded bool) int {
	typ := &pubSubType
	if sharded {
		typ = &pubSubShardType
	}
	receivers := 0
	if subs := server.pubsubServerTable(sharded)[string(channel)]; subs != nil {
		p := server.openPublished(subs)
		b := append(p.msgs, "*3\r\n"...)
		b = append(b, typ.bulk...)
		b = appendBulk(b, channel)
		p.msgs = appendBulk(b, message)
		server.closePublished()
		receivers = len(subs.clients)
	}
	if !sharded {
		for i := range server.patterns {
			g := &server.patterns[i]
			if len(channel) < g.length {
				break
			}
			for _, subs := range g.candidates(channel) {
				if !util.StringMatchLen(subs.name, channel, false) {
					continue
				}
				p := server.openPublished(subs)
				b := append(p.msgs, "*4\r\n"+pmessageBulk...)
				b = appendBulk(b, subs.name)
				b = appendBulk(b, channel)
				p.msgs = appendBulk(b, message)
				server.closePublished()
				receivers += len(subs.clients)
			}
		}
	}
	return receivers
}

// openPublished makes ready for one more message to subs, to be appended to msgs; closePublished follows.
func (server *Server) openPublished(subs *subscribers) *publishedMessages {
	p := &server.published
	if p.to != subs {
		server.flushPublished()
		p.to = subs
	}
	p.starts = append(p.starts, len(p.msgs))
	return p
}

// closePublished decides whether what has been published is to wait for more.
func (server *Server) closePublished() {
	x := server.currentClient
	// A subscriber that publishes may be one of the receivers: its message waits for the end of its own reply.
	if len(server.published.msgs) >= maxPublished || server.maxmemoryClients != 0 || x != nil && x.flags&clientPubsub != 0 {
		server.deliverPublished(x)
	}
}

// flushPublished has the receivers' buffers hold what has been published.
func (server *Server) flushPublished() {
	if server.published.to != nil {
		server.deliverPublished(nil)
	}
}

// deliverPublished is flushPublished where there is something. publisher is the client whose command publishes it right now, if any: what
// it gets itself waits for the end of its own reply.
func (server *Server) deliverPublished(publisher *client) {
	p := &server.published
	clients := p.to.clients
	p.to = nil // what is done for a receiver leads back here
	const special = clientScript | clientModule | clientCloseASAP | clientReplyOff | clientReplySkip | clientMaster | clientCloseAfterReply | clientPushing
	weigh := server.maxmemoryClients != 0
	for _, c := range clients {
		msgs := p.msgs
		if c.resp > 2 {
			msgs = p.forResp3()
		}
		if c.flags&special == 0 && c.conn != nil && c != publisher {
			if c.flags&clientPendingWrite == 0 {
				c.flags |= clientPendingWrite
				c.conn.QueueWriteLast()
			}
			c.appendReplyBytes(msgs)
		} else {
			c.sendPubsubMessages(msgs, c == publisher)
		}
		if weigh {
			c.updateClientMemUsageAndBucket()
		}
	}
	if cap(p.msgs) > 4*maxPublished {
		p.msgs, p.resp3 = nil, nil
	}
	p.msgs, p.resp3, p.starts = p.msgs[:0], p.resp3[:0], p.starts[:0]
}

// forResp3 is what RESP3 clients get.
func (p *publishedMessages) forResp3() []byte {
	if len(p.resp3) == 0 {
		p.resp3 = append(p.resp3, p.msgs...)
		for _, start := range p.starts {
			p.resp3[start] = '>'
		}
	}
	return p.resp3
}

// sendPubsubMessages appends messages to what c is to be sent, whatever the state c is in.
func (c *client) sendPubsubMessages(msgs []byte, publisher bool) {
	if c.flags&(clientReplyOff|clientReplySkip) == 0 && !publisher {
		c.addReplyProto(msgs)
		return
	}
	// Marked as a push they get through silence, and wait for the end of the client's own command.
	was := c.flags & clientPushing
	c.flags |= clientPushing
	c.addReplyProto(msgs)
	c.flags = c.flags&^clientPushing | was
}

// --- Patterns ---

// patternIndex finds the patterns that may match a channel by what they begin with: with thousands of patterns of the kind
// "news.sport.*" only a few need be looked at. The groups are in the order of length.
type patternIndex []patternGroup

// patternGroup are the patterns that begin with the same number of ordinary bytes.
type patternGroup struct {
	length   int
	byPrefix map[string][]*subscribers
}

// ordinaryPrefix is the part of a pattern before the first byte that means something else than itself.
func ordinaryPrefix(pattern string) string {
	if i := strings.IndexAny(pattern, `*?[\`); i >= 0 {
		return pattern[:i]
	}
	return pattern
}

func (x *patternIndex) find(length int) (int, bool) {
	return slices.BinarySearchFunc(*x, length, func(g patternGroup, length int) int { return g.length - length })
}

// add enters a pattern that has just got its first subscriber.
func (x *patternIndex) add(subs *subscribers) {
	prefix := ordinaryPrefix(subs.name)
	i, ok := x.find(len(prefix))
	if !ok {
		*x = slices.Insert(*x, i, patternGroup{length: len(prefix), byPrefix: map[string][]*subscribers{}})
	}
	g := &(*x)[i]
	subs.place = len(g.byPrefix[prefix])
	g.byPrefix[prefix] = append(g.byPrefix[prefix], subs)
}

// remove forgets a pattern that has lost its last subscriber.
func (x *patternIndex) remove(subs *subscribers) {
	prefix := ordinaryPrefix(subs.name)
	i, ok := x.find(len(prefix))
	if !ok {
		return
	}
	g := &(*x)[i]
	list := g.byPrefix[prefix]
	last := len(list) - 1
	list[subs.place] = list[last]
	list[subs.place].place = subs.place
	list[last] = nil
	g.byPrefix[prefix] = list[:last]
	if last == 0 {
		delete(g.byPrefix, prefix)
		if len(g.byPrefix) == 0 {
			*x = slices.Delete(*x, i, i+1)
		}
	}
}

// candidates are the patterns of the group that begin as channel does, which is not shorter than that.
func (g *patternGroup) candidates(channel []byte) []*subscribers {
	return g.byPrefix[string(channel[:g.length])]
}
