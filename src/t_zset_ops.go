// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"encoding/binary"
	"math"
	"slices"
	"sort"

	"redport/src/dict"
)

// t_zset_ops.go - sorted sets: unions, intersections and differences of several. Plain sets take part as sorted sets whose scores
// are all 1.

// Operations on several sets.
const (
	zsetOpUnion = iota
	zsetOpInter
	zsetOpDiff
)

// Ways to make one score of several.
const (
	aggregateSum = iota
	aggregateMin
	aggregateMax
)

// zsetSource is one operand: a sorted set, a set, or neither, which is empty.
type zsetSource struct {
	z      zsetView
	s      setView
	isSet  bool
	weight float64
}

func (src *zsetSource) length() int {
	if src.isSet {
		return src.s.size()
	}
	return src.z.length()
}

// score is a member's score.
func (src *zsetSource) score(member []byte) (float64, bool) {
	if src.isSet {
		return 1, src.s.contains(member)
	}
	return src.z.score(member)
}

// each calls fn for all members until it returns false. The member is valid during the call.
func (src *zsetSource) each(fn func(member []byte, score float64) bool) {
	var buf [20]byte
	if !src.isSet {
		for c := src.z.at(0); c.ok(); c.next() {
			if !fn(c.member(&buf), c.score()) {
				return
			}
		}
		return
	}
	for it := src.s.iter(); it.next() && fn(it.member.Bytes(&buf), 1); {
	}
}

// weighted is a score times the source's weight; infinity times 0 is 0.
func (src *zsetSource) weighted(score float64) float64 {
	if score *= src.weight; math.IsNaN(score) {
		return 0
	}
	return score
}

func aggregateScores(a, b float64, how int) float64 {
	switch how {
	case aggregateMin:
		if b < a {
			return b
		}
		return a
	case aggregateMax:
		if b > a {
			return b
		}
		return a
	}
	if a += b; math.IsNaN(a) {
		return 0 // infinities of different signs
	}
	return a
}

// lookupZsetSources finds the operands; it answers if one of them is no set of either kind.
func (c *client) lookupZsetSources(keys [][]byte) ([]zsetSource, bool) {
	sources := make([]zsetSource, len(keys))
	found := make([]bool, len(keys))
	for i, key := range keys {
		e := c.db.entry(key, lookupNone)
		if !e.Ok() {
			continue
		}
		if t := entryType(e); t != objZset && t != objSet {
			c.addReplyErrorObject(shared.wrongtypeerr)
			return nil, false
		}
		found[i] = true
	}
	// Views are taken now: a lookup may have deleted an expired key, which writes to the database.
	for i, key := range keys {
		src := &sources[i]
		src.weight = 1
		if !found[i] {
			continue
		}
		e := c.db.find(key)
		switch {
		case !e.Ok():
		case entryType(e) == objSet:
			src.s, src.isSet = viewSet(e), true
		default:
			src.z = viewZset(e)
		}
	}
	return sources, true
}

// zunionInterDiffGenericCommand serves them all. numkeys is the argument with the number of keys; dst nil: reply.
func zunionInterDiffGenericCommand(c *client, dst []byte, numkeys, op int, cardinalityOnly bool) {
	n, ok := c.getLongFromObjectOrReply(c.argv[numkeys], "")
	if !ok {
		return
	}
	if n < 1 {
		c.addReplyErrorFormat("at least 1 input key is needed for '%s' command", c.cmd.fullname)
		return
	}
	if n > int64(len(c.argv)-numkeys-1) {
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	j := numkeys + 1 + int(n)
	sources, ok := c.lookupZsetSources(c.argv[numkeys+1 : j])
	if !ok {
		return
	}
	aggregate, withscores, limit := aggregateSum, false, int64(0)
	for j < len(c.argv) {
		arg, left := c.argv[j], len(c.argv)-j
		switch {
		case op != zsetOpDiff && !cardinalityOnly && left > len(sources) && equalFold(arg, "WEIGHTS"):
			for i := range sources {
				if sources[i].weight, ok = c.getDoubleFromObjectOrReply(c.argv[j+1+i], "weight value is not a float"); !ok {
					return
				}
			}
			j += 1 + len(sources)
		case op != zsetOpDiff && !cardinalityOnly && left >= 2 && equalFold(arg, "AGGREGATE"):
			switch how := c.argv[j+1]; {
			case equalFold(how, "SUM"):
				aggregate = aggregateSum
			case equalFold(how, "MIN"):
				aggregate = aggregateMin
			case equalFold(how, "MAX"):
				aggregate = aggregateMax
			default:
				c.addReplyErrorObject(shared.syntaxerr)
				return
			}
			j += 2
		case dst == nil && !cardinalityOnly && equalFold(arg, "WITHSCORES"):
			withscores = true
			j++
		case cardinalityOnly && left >= 2 && equalFold(arg, "LIMIT"):
			if limit, ok = c.getPositiveLongFromObjectOrReply(c.argv[j+1], "LIMIT can't be negative"); !ok {
				return
			}
			j += 2
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return
		}
	}
	if op != zsetOpDiff {
		// Small ones first: an intersection is done when the smallest is, and in a union scores are added in this order.
		sort.SliceStable(sources, func(i, j int) bool { return sources[i].length() < sources[j].length() })
	}
	if cardinalityOnly {
		count := int64(0)
		interZsets(sources, aggregate, func([]byte, float64) bool {
			count++
			return limit == 0 || count < limit
		})
		c.addReplyLongLong(count)
		return
	}
	z := c.server.newZsetObject()
	longest := 0
	switch op {
	case zsetOpUnion:
		longest = unionZsets(z, sources, aggregate)
	case zsetOpInter:
		interZsets(sources, aggregate, func(member []byte, score float64) bool {
			z.insert(score, member)
			longest = max(longest, len(member))
			return true
		})
	case zsetOpDiff:
		longest = diffZsets(z, sources)
	}
	v := zsetView{z: z}
	if dst == nil {
		c.replyZrange(&v, 0, v.length(), false, withscores)
		z.release()
		return
	}
	count := v.length()
	if count == 0 {
		z.release()
		c.addReply(shared.czero)
		c.storeNothing(dst)
		return
	}
	event := [...]string{"zunionstore", "zinterstore", "zdiffstore"}[op]
	c.storeNewZset(dst, z, longest, event)
	c.addReplyLongLong(int64(count))
}

// storeNewZset makes dst the sorted set z, which is not empty and becomes a listpack if it fits, and tells everybody.
func (c *client) storeNewZset(dst []byte, z *zsetObject, longest int, event string) {
	ed := c.db.newZset(dst)
	ed.z, ed.lp = z, nil
	ed.store(c, longest)
	c.server.notifyKeyspaceEvent(notifyZset, event, dst, c.db.id)
	c.server.dirty++
}

// interZsets calls fn for the members that all sources have, the smallest of which comes first, until it returns false.
func interZsets(sources []zsetSource, aggregate int, fn func(member []byte, score float64) bool) {
	if sources[0].length() == 0 {
		return
	}
	sources[0].each(func(member []byte, score float64) bool {
		sum := sources[0].weighted(score)
		for i := 1; i < len(sources); i++ {
			s, found := sources[i].score(member)
			if !found {
				return true
			}
			sum = aggregateScores(sum, s*sources[i].weight, aggregate)
		}
		return fn(member, sum)
	})
}

// unionZsets fills z with the members of all sources, and returns the length of the longest.
func unionZsets(z *zsetObject, sources []zsetSource, aggregate int) (longest int) {
	var buf [8]byte
	for i := range sources {
		src := &sources[i]
		src.each(func(member []byte, score float64) bool {
			score = src.weighted(score)
			e := z.find(member)
			if e.Ok() {
				score = aggregateScores(scoreAt(e), score, aggregate)
				_, b := z.d.Writable(e)
				binary.LittleEndian.PutUint64(b, math.Float64bits(score))
				return true
			}
			binary.LittleEndian.PutUint64(buf[:], math.Float64bits(score))
			z.d.Insert(e, member, bytesValue(&buf), 0)
			longest = max(longest, len(member))
			return true
		})
	}
	// Only now are the scores known that the tree is ordered by.
	z.d.All(func(e dict.Entry) bool {
		z.t.Insert(scoreAt(e), e.Key())
		return true
	})
	return longest
}

// diffZsets fills z with the members of the first source that no other has, and returns the length of the longest.
func diffZsets(z *zsetObject, sources []zsetSource) (longest int) {
	first, rest := &sources[0], sources[1:]
	if first.length() == 0 {
		return 0
	}
	// Either each member is looked for in the other sources, or what these have is taken out of a copy of the first. The first way
	// is better when members are often found, hence the factor.
	ask, remove := 0, 0
	for i := range sources {
		ask += first.length()
		remove += sources[i].length()
	}
	if ask/2 <= remove {
		sort.SliceStable(rest, func(i, j int) bool { return rest[i].length() > rest[j].length() })
		first.each(func(member []byte, score float64) bool {
			if !slices.ContainsFunc(rest, func(src zsetSource) bool { _, found := src.score(member); return found }) {
				z.insert(score, member)
				longest = max(longest, len(member))
			}
			return true
		})
		return longest
	}
	first.each(func(member []byte, score float64) bool {
		z.insert(score, member)
		return true
	})
	for i := range rest {
		rest[i].each(func(member []byte, _ float64) bool {
			if e := z.find(member); e.Ok() {
				z.remove(e, member)
			}
			return z.t.Len() > 0
		})
	}
	for p := z.t.At(0); p.Ok(); p.Next() {
		longest = max(longest, len(p.Member()))
	}
	return longest
}

// ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM|MIN|MAX]
func zunionstoreCommand(c *client) {
	zunionInterDiffGenericCommand(c, c.argv[1], 2, zsetOpUnion, false)
}

// ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM|MIN|MAX]
func zinterstoreCommand(c *client) {
	zunionInterDiffGenericCommand(c, c.argv[1], 2, zsetOpInter, false)
}

// ZDIFFSTORE destination numkeys key [key ...]
func zdiffstoreCommand(c *client) {
	zunionInterDiffGenericCommand(c, c.argv[1], 2, zsetOpDiff, false)
}

// ZUNION numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]
func zunionCommand(c *client) { zunionInterDiffGenericCommand(c, nil, 1, zsetOpUnion, false) }

// ZINTER numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]
func zinterCommand(c *client) { zunionInterDiffGenericCommand(c, nil, 1, zsetOpInter, false) }

// ZINTERCARD numkeys key [key ...] [LIMIT limit]
func zinterCardCommand(c *client) { zunionInterDiffGenericCommand(c, nil, 1, zsetOpInter, true) }

// ZDIFF numkeys key [key ...] [WITHSCORES]
func zdiffCommand(c *client) { zunionInterDiffGenericCommand(c, nil, 1, zsetOpDiff, false) }
