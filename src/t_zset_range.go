// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"

	"redport/src/util"
)

// t_zset_range.go - sorted sets: ranges by rank, score and member, to be read, counted, stored or deleted.
//
// Whatever a range is given by, it is turned into ranks first; so the length of a reply is known before its first element.

// zrangespec is a range of scores.
type zrangespec struct {
	min, max     float64
	minex, maxex bool // without the bound itself
}

// zlexBound is one end of a range of members.
type zlexBound struct {
	value []byte
	inf   int // -1: below everything, 1: above everything
	ex    bool
}

type zlexrangespec struct{ min, max zlexBound }

// parseScoreBound reads one end of a range of scores. Nothing is 0, and the text ends at a NUL; other than in a score, too large is infinite
// and too small is 0.
func parseScoreBound(arg []byte) (f float64, ex, ok bool) {
	if len(arg) > 0 && arg[0] == '(' {
		arg, ex = arg[1:], true
	}
	if f, ok = util.String2d(arg); ok && bytes.IndexByte(arg, 'x') < 0 && bytes.IndexByte(arg, 'X') < 0 {
		return f, ex, true
	}
	text := cstring(string(arg))
	if text == "" {
		return 0, ex, true
	}
	if strings.ContainsAny(text, "_xX") {
		return 0, ex, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, ex, (err == nil || errors.Is(err, strconv.ErrRange)) && !math.IsNaN(f)
}

func parseScoreRange(min, max []byte) (r zrangespec, ok bool) {
	if r.min, r.minex, ok = parseScoreBound(min); !ok {
		return r, false
	}
	r.max, r.maxex, ok = parseScoreBound(max)
	return r, ok
}

func parseLexBound(arg []byte) (b zlexBound, ok bool) {
	if len(arg) == 0 {
		return b, false
	}
	switch arg[0] {
	case '+':
		b.inf = 1
		return b, len(arg) == 1
	case '-':
		b.inf = -1
		return b, len(arg) == 1
	case '(':
		b.ex = true
	case '[':
	default:
		return b, false
	}
	b.value = arg[1:]
	return b, true
}

func parseLexRange(min, max []byte) (r zlexrangespec, ok bool) {
	if r.min, ok = parseLexBound(min); !ok {
		return r, false
	}
	r.max, ok = parseLexBound(max)
	return r, ok
}

// before tells whether a member is outside of a range whose lower end b is.
func (b *zlexBound) before(member []byte) bool {
	if b.inf != 0 {
		return b.inf > 0
	}
	c := bytes.Compare(member, b.value)
	return c < 0 || c == 0 && b.ex
}

// within tells whether a member is inside of a range whose upper end b is.
func (b *zlexBound) within(member []byte) bool {
	if b.inf != 0 {
		return b.inf > 0
	}
	c := bytes.Compare(member, b.value)
	return c < 0 || c == 0 && !b.ex
}

// scoreRanks are the ranks of a range of scores: from lo to before hi.
func (v *zsetView) scoreRanks(r *zrangespec) (lo, hi int) {
	lo = v.countBelow(r.min, r.minex)
	hi = v.countBelow(r.max, !r.maxex)
	return lo, max(lo, hi)
}

// lexRanks are the ranks of a range of members.
//
// It means something only where all scores are equal. Where they are not, what a listpack answers is still that of C, which looks for
// one end of the range, the upper one with fromEnd, and goes on from there.
func (v *zsetView) lexRanks(r *zlexrangespec, fromEnd bool) (lo, hi int) {
	if v.z == nil {
		return v.lexRanksPacked(r, fromEnd)
	}
	lo = v.countWhile(r.min.before)
	hi = v.countWhile(r.max.within)
	return lo, max(lo, hi)
}

func (v *zsetView) lexRanksPacked(r *zlexrangespec, fromEnd bool) (lo, hi int) {
	n := v.length()
	if n == 0 || r.empty() {
		return 0, 0
	}
	var buf [20]byte
	first, last := v.at(0), v.at(n-1)
	if r.min.before(last.member(&buf)) || !r.max.within(first.member(&buf)) {
		return 0, 0
	}
	if fromEnd {
		p := last
		for hi = n; p.ok() && !r.max.within(p.member(&buf)); p.prev() {
			hi--
		}
		for lo = hi; p.ok() && !r.min.before(p.member(&buf)); p.prev() {
			lo--
		}
		return lo, hi
	}
	p := first
	for ; p.ok() && r.min.before(p.member(&buf)); p.next() {
		lo++
	}
	for hi = lo; p.ok() && r.max.within(p.member(&buf)); p.next() {
		hi++
	}
	return lo, hi
}

// empty tells whether nothing can be in the range.
func (r *zlexrangespec) empty() bool {
	if r.min.inf != 0 || r.max.inf != 0 {
		return r.min.inf > 0 && r.max.inf <= 0 || r.max.inf < 0 && r.min.inf >= 0
	}
	c := bytes.Compare(r.min.value, r.max.value)
	return c > 0 || c == 0 && (r.min.ex || r.max.ex)
}

// indexRanks are the ranks of a range of indexes, the last included and negative ones counted from the end.
func (v *zsetView) indexRanks(start, end int64) (lo, hi int) {
	n := int64(v.length())
	if start < 0 {
		start = max(start+n, 0)
	}
	if end < 0 {
		end += n
	}
	if start > end || start >= n {
		return 0, 0
	}
	return int(start), int(min(end, n-1)) + 1
}

const (
	zrangeAuto = iota
	zrangeRank
	zrangeScore
	zrangeLex
)

// ZRANGE key start stop [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES]
func zrangeCommand(c *client) { zrangeGenericCommand(c, 1, nil, zrangeAuto, false) }

// ZRANGESTORE dst src min max [BYSCORE|BYLEX] [REV] [LIMIT offset count]
func zrangestoreCommand(c *client) { zrangeGenericCommand(c, 2, c.argv[1], zrangeAuto, false) }

// ZREVRANGE key start stop [WITHSCORES]
func zrevrangeCommand(c *client) { zrangeGenericCommand(c, 1, nil, zrangeRank, true) }

// ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]
func zrangebyscoreCommand(c *client) { zrangeGenericCommand(c, 1, nil, zrangeScore, false) }

// ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]
func zrevrangebyscoreCommand(c *client) { zrangeGenericCommand(c, 1, nil, zrangeScore, true) }

// ZRANGEBYLEX key min max [LIMIT offset count]
func zrangebylexCommand(c *client) { zrangeGenericCommand(c, 1, nil, zrangeLex, false) }

// ZREVRANGEBYLEX key max min [LIMIT offset count]
func zrevrangebylexCommand(c *client) { zrangeGenericCommand(c, 1, nil, zrangeLex, true) }

// zrangeGenericCommand serves them all. The source is argument at; dst is where to store, nil to reply. With zrangeAuto the command
// itself says what the range is by and whether it is reversed.
func zrangeGenericCommand(c *client, at int, dst []byte, by int, reverse bool) {
	auto, autoRev := by == zrangeAuto, by == zrangeAuto
	withscores := false
	offset, limit := int64(0), int64(-1)
	for j := at + 3; j < len(c.argv); j++ {
		arg, left := c.argv[j], len(c.argv)-j-1
		switch {
		case dst == nil && equalFold(arg, "WITHSCORES"):
			withscores = true
		case left >= 2 && equalFold(arg, "LIMIT"):
			var ok bool
			if offset, ok = c.getLongFromObjectOrReply(c.argv[j+1], ""); !ok {
				return
			}
			if limit, ok = c.getLongFromObjectOrReply(c.argv[j+2], ""); !ok {
				return
			}
			j += 2
		case autoRev && !reverse && equalFold(arg, "REV"):
			reverse = true
		case auto && by == zrangeAuto && equalFold(arg, "BYLEX"):
			by = zrangeLex
		case auto && by == zrangeAuto && equalFold(arg, "BYSCORE"):
			by = zrangeScore
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return
		}
	}
	if by == zrangeAuto {
		by = zrangeRank
	}
	if limit != -1 && by == zrangeRank {
		c.addReplyError("syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
		return
	}
	if withscores && by == zrangeLex {
		c.addReplyError("syntax error, WITHSCORES not supported in combination with BYLEX")
		return
	}
	first, last := c.argv[at+1], c.argv[at+2]
	if reverse && by != zrangeRank {
		first, last = last, first
	}
	var start, end int64
	var scores zrangespec
	var lex zlexrangespec
	ok := false
	switch by {
	case zrangeRank:
		if start, ok = c.getLongFromObjectOrReply(first, ""); !ok {
			return
		}
		if end, ok = c.getLongFromObjectOrReply(last, ""); !ok {
			return
		}
	case zrangeScore:
		if scores, ok = parseScoreRange(first, last); !ok {
			c.addReplyError("min or max is not a float")
			return
		}
	case zrangeLex:
		if lex, ok = parseLexRange(first, last); !ok {
			c.addReplyError("min or max not valid string range item")
			return
		}
	}
	v, ok := c.lookupZsetRead(c.argv[at], "")
	if !ok {
		return
	}
	n, lo, hi := v.length(), 0, 0
	switch by {
	case zrangeRank:
		lo, hi = v.indexRanks(start, end)
		if reverse {
			lo, hi = n-hi, n-lo
		}
	case zrangeScore:
		lo, hi = v.scoreRanks(&scores)
	case zrangeLex:
		lo, hi = v.lexRanks(&lex, reverse)
	}
	count := hi - lo
	if by != zrangeRank {
		switch {
		case offset < 0 && v.z != nil && offset >= -int64(count):
			// A negative offset counts from the other end, though in a skiplist only: that is C's.
			count = int(-offset)
			if reverse {
				hi = lo + count
			} else {
				lo = hi - count
			}
			offset = 0
		case offset < 0 || offset >= int64(count):
			offset, count = 0, 0
		default:
			count -= int(offset)
		}
		if limit >= 0 && limit < int64(count) {
			count = int(limit)
		}
		if reverse {
			hi -= int(offset)
		} else {
			lo += int(offset)
		}
	}
	from := lo
	if reverse {
		from = hi - 1
	}
	if dst != nil {
		hint := 0
		if by == zrangeRank {
			hint = count // C knows the length of the others at the end only
		}
		c.storeZrange(dst, &v, from, count, hint, reverse)
		return
	}
	c.replyZrange(&v, from, count, reverse, withscores)
}

// replyZrange answers with count members from a rank on.
func (c *client) replyZrange(v *zsetView, from, count int, reverse, withscores bool) {
	if withscores && c.resp == 2 {
		c.addReplyArrayLen(2 * count)
	} else {
		c.addReplyArrayLen(count)
	}
	if count == 0 {
		return
	}
	var buf [20]byte
	var p zsetCursor
	for v.seek(&p, from); count > 0; count-- {
		if withscores && c.resp > 2 {
			c.addReplyArrayLen(2)
		}
		c.addReplyBulkBytes(p.member(&buf))
		if withscores {
			c.addReplyDouble(p.score())
		}
		p.step(reverse)
	}
}

// storeZrange makes dst a sorted set of count members from a rank on.
func (c *client) storeZrange(dst []byte, v *zsetView, from, count, hint int, reverse bool) {
	if count == 0 {
		c.addReply(shared.czero)
		c.storeNothing(dst)
		return
	}
	ed := c.db.newZset(dst)
	ed.hint(hint, 0)
	longest := 0
	var buf [20]byte
	p := v.at(from)
	for left := count; left > 0; left-- {
		member := p.member(&buf)
		ed.add(p.score(), member, 0)
		longest = max(longest, len(member))
		p.step(reverse)
	}
	ed.store(c, longest)
	c.server.notifyKeyspaceEvent(notifyZset, "zrangestore", dst, c.db.id)
	c.addReplyLongLong(int64(count))
	c.server.dirty++
}

// ZCOUNT key min max
func zcountCommand(c *client) {
	r, ok := parseScoreRange(c.argv[2], c.argv[3])
	if !ok {
		c.addReplyError("min or max is not a float")
		return
	}
	if v, ok := c.lookupZsetRead(c.argv[1], shared.czero); ok {
		lo, hi := v.scoreRanks(&r)
		c.addReplyLongLong(int64(hi - lo))
	}
}

// ZLEXCOUNT key min max
func zlexcountCommand(c *client) {
	r, ok := parseLexRange(c.argv[2], c.argv[3])
	if !ok {
		c.addReplyError("min or max not valid string range item")
		return
	}
	if v, ok := c.lookupZsetRead(c.argv[1], shared.czero); ok {
		lo, hi := v.lexRanks(&r, false)
		c.addReplyLongLong(int64(hi - lo))
	}
}

// ZREMRANGEBYRANK key start stop
func zremrangebyrankCommand(c *client) {
	start, end, ok := c.getIndexRangeOrReply(2)
	if !ok {
		return
	}
	c.zremrange("zremrangebyrank", func(v *zsetView) (lo, hi int) { return v.indexRanks(start, end) })
}

// ZREMRANGEBYSCORE key min max
func zremrangebyscoreCommand(c *client) {
	r, ok := parseScoreRange(c.argv[2], c.argv[3])
	if !ok {
		c.addReplyError("min or max is not a float")
		return
	}
	c.zremrange("zremrangebyscore", func(v *zsetView) (lo, hi int) { return v.scoreRanks(&r) })
}

// ZREMRANGEBYLEX key min max
func zremrangebylexCommand(c *client) {
	r, ok := parseLexRange(c.argv[2], c.argv[3])
	if !ok {
		c.addReplyError("min or max not valid string range item")
		return
	}
	c.zremrange("zremrangebylex", func(v *zsetView) (lo, hi int) { return v.lexRanks(&r, false) })
}

func (c *client) zremrange(event string, ranks func(v *zsetView) (lo, hi int)) {
	var ed zsetEdit
	if !c.openZset(&ed, c.argv[1]) {
		return
	}
	lo, hi := ranks(&ed.zsetView)
	ed.removeRange(lo, hi)
	ed.removed(c, hi-lo, event)
	c.addReplyLongLong(int64(hi - lo))
}
