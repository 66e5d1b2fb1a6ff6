// SPDX-License-Identifier: BSD-3-Clause

package server

import "math"

// t_zset_random.go - sorted sets: random members.

// randomMember is a random position, all of them with the same probability. The set is not empty.
func (v *zsetView) randomMember(server *Server) zsetCursor {
	return v.at(server.rand.below(v.length()))
}

// ZRANDMEMBER key [count [WITHSCORES]]
func zrandmemberCommand(c *client) {
	var buf [20]byte
	if len(c.argv) == 2 {
		if v, ok := c.lookupZsetRead(c.argv[1], shared.null[c.resp]); ok {
			p := v.randomMember(c.server)
			c.addReplyBulkBytes(p.member(&buf))
		}
		return
	}
	count, ok := c.getRangeLongFromObjectOrReply(c.argv[2], -math.MaxInt64, math.MaxInt64, "")
	if !ok {
		return
	}
	withscores := len(c.argv) == 4 && equalFold(c.argv[3], "WITHSCORES")
	if len(c.argv) > 3 && !withscores {
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	if withscores && (count < -math.MaxInt64/2 || count > math.MaxInt64/2) {
		c.addReplyError("value is out of range")
		return
	}
	v, ok := c.lookupZsetRead(c.argv[1], shared.emptyarray)
	if !ok {
		return
	}
	zrandmemberWithCount(c, &v, count, withscores)
}

func zrandmemberWithCount(c *client, v *zsetView, count int64, withscores bool) {
	server, size := c.server, v.length()
	var buf [20]byte
	reply := func(p *zsetCursor) {
		if withscores && c.resp > 2 {
			c.addReplyArrayLen(2)
		}
		c.addReplyBulkBytes(p.member(&buf))
		if withscores {
			c.addReplyDouble(p.score())
		}
	}
	length := func(n int64) {
		if withscores && c.resp == 2 {
			n *= 2
		}
		c.addReplyAggregateLen('*', int(n))
	}
	switch {
	case count == 0:
		c.addReply(shared.emptyarray)
	case count < 0:
		// As many as wanted, any of them several times.
		length(-count)
		for ; count < 0 && c.flags&clientCloseASAP == 0; count++ {
			p := v.randomMember(server)
			reply(&p)
		}
	case count >= int64(size):
		c.replyZrange(v, 0, size, false, withscores)
	case v.z == nil || count*zrandmemberSubStrategyMul > int64(size):
		// One pass: each is taken with the probability that makes all choices equally likely.
		length(count)
		p := v.at(0)
		for need, left := int(count), size; need > 0; left-- {
			if server.rand.below(left) < need {
				reply(&p)
				need--
			}
			p.next()
		}
	default:
		length(count)
		seen := make(map[int]struct{}, count)
		for len(seen) < int(count) {
			rank := server.rand.below(size)
			if _, again := seen[rank]; !again {
				seen[rank] = struct{}{}
				p := v.at(rank)
				reply(&p)
			}
		}
	}
}

// From this ratio of members to members wanted on, ZRANDMEMBER draws until it has enough different ones.
const zrandmemberSubStrategyMul = 3
