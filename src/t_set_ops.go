// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math"
	"slices"

	"redport/src/dict"
	"redport/src/intset"
	"redport/src/listpack"
	"redport/src/util"
)

// t_set_ops.go - commands on several sets: intersections, unions and differences, as replies or stored.
//
// All sets are looked up first, with the side effects of that, and only read afterwards: nothing is written before the result
// is complete, so it may be stored over one of them.

const (
	setOpUnion = iota
	setOpDiff
)

// sourceSet is one of the sets that a command combines.
type sourceSet struct {
	setView
	found bool
	same  bool // the first of them again
	at    int  // in an intset: where those before are done with
	join  dict.Join
}

func newSourceSet(s setView) sourceSet {
	x := sourceSet{setView: s, found: true}
	if s.d != nil {
		x.join = s.d.Join()
	}
	return x
}

// lookupSets looks the sets at keys up. It is false if one of the keys is of another type, an error by then. The result is good until
// the next write to the database, or the next call.
func (c *client) lookupSets(keys [][]byte) (sets []sourceSet, missing int, ok bool) {
	db := c.db
	sets = c.server.sourceSets[:0]
	n := db.keys.Len()
	for _, key := range keys {
		e := db.entry(key, lookupNone)
		if c.checkEntryType(e, objSet) {
			return nil, 0, false
		}
		if !e.Ok() {
			sets = append(sets, sourceSet{})
			missing++
			continue
		}
		sets = append(sets, newSourceSet(viewSet(e)))
	}
	if db.keys.Len() != n {
		// Keys had expired and are gone, so the others may lie elsewhere now.
		for i, key := range keys {
			if sets[i].found {
				sets[i] = newSourceSet(viewSet(db.find(key)))
			}
		}
	}
	for i := 1; i < len(sets); i++ {
		sets[i].same = sets[i].found && sets[0].found && string(keys[i]) == string(keys[0])
	}
	if cap(sets) <= 1024 {
		c.server.sourceSets = sets
	}
	return sets, missing, true
}

// storeSetResult makes dst the set that s has become, or deletes it if that is empty.
func (c *client) storeSetResult(s *setEdit, dst []byte, event string) {
	server, db := c.server, c.db
	size := s.size()
	if size == 0 {
		s.keep()
		if s.d != nil {
			(&setObject{dictObject{server, s.d}}).release()
		}
		c.storeNothing(dst)
		c.addReply(shared.czero)
		return
	}
	db.setEntry(c, db.entry(dst, lookupWrite), dst, s.value(), 0)
	s.keep()
	c.addReplyLongLong(int64(size))
	server.notifyKeyspaceEvent(notifySet, event, dst, db.id)
	server.dirty++
}

// --- Intersection ---

// sinterGenericCommand answers with the intersection, stores it in dst if that is not nil, or tells only its size, counted up to
// limit (0: all of it), with cardinalityOnly.
func sinterGenericCommand(c *client, keys [][]byte, dst []byte, cardinalityOnly bool, limit int64) {
	sets, missing, ok := c.lookupSets(keys)
	if !ok {
		return
	}
	if missing > 0 {
		switch {
		case dst != nil:
			c.storeNothing(dst)
			c.addReply(shared.czero)
		case cardinalityOnly:
			c.addReply(shared.czero)
		default:
			c.addReply(shared.emptyset[c.resp])
		}
		return
	}
	// The smallest first: its members are the candidates, and the smaller a set, the sooner it rules one out.
	if len(sets) > 1 {
		slices.SortStableFunc(sets, func(a, b sourceSet) int { return a.size() - b.size() })
	}
	first := &sets[0]

	var result setEdit
	onlyIntegers := true
	var replylen deferredLen
	switch {
	case dst != nil && first.encoding == objEncodingIntset:
		result = c.server.newSetEncoded(objEncodingIntset)
	case dst != nil:
		result = c.server.newSetEncoded(objEncodingListpack)
	case !cardinalityOnly && len(sets) == 1:
		c.addReplySetLen(first.size())
	case !cardinalityOnly:
		replylen = c.addReplyDeferredLen()
	}
	var cardinality int64
	it := first.iter()
candidates:
	for it.next() {
		for j := 1; j < len(sets); j++ {
			if !sets[j].has(&it) {
				continue candidates
			}
		}
		cardinality++
		switch {
		case cardinalityOnly:
			if limit > 0 && cardinality == limit {
				break candidates
			}
		case dst == nil:
			c.addReplyBulkValue(it.member)
		default:
			v := it.member
			if !v.IsInt && onlyIntegers {
				// The keys of a dictionary are text, numbers among them.
				if n, isInt := util.String2ll(v.Str); isInt && first.encoding == objEncodingHt {
					v = listpack.Value{Int: n, IsInt: true}
				} else {
					onlyIntegers = false
				}
			}
			result.addValue(v)
		}
	}
	switch {
	case cardinalityOnly:
		c.addReplyLongLong(cardinality)
	case dst != nil:
		if onlyIntegers && result.encoding != objEncodingIntset && result.size() <= c.server.intsetMaxEntries() && result.size() > 0 {
			result.convert(objEncodingIntset)
		}
		c.storeSetResult(&result, dst, "sinterstore")
	case len(sets) > 1:
		c.setDeferredSetLen(replylen, int(cardinality))
	}
}

// has is containsValue for the member at which it stands: where both sets have the same order, that saves searching.
func (s *sourceSet) has(it *setIter) (found bool) {
	if s.encoding == it.s.encoding {
		switch s.encoding {
		case objEncodingHt:
			return s.join.Has(&it.it)
		case objEncodingIntset:
			s.at, found = intset.Seek(s.b, s.at, it.member.Int)
			return found
		}
	}
	return s.containsValue(it.member)
}

// SINTER key [key ...]; also SMEMBERS key
func sinterCommand(c *client) { sinterGenericCommand(c, c.argv[1:], nil, false, 0) }

// SINTERSTORE destination key [key ...]
func sinterstoreCommand(c *client) {
	sinterGenericCommand(c, c.argv[2:], c.argv[1], false, 0)
}

// SINTERCARD numkeys key [key ...] [LIMIT limit]
func sinterCardCommand(c *client) {
	numkeys, ok := c.getRangeLongFromObjectOrReply(c.argv[1], 1, math.MaxInt64, "numkeys should be greater than 0")
	if !ok {
		return
	}
	if numkeys > int64(len(c.argv)-2) {
		c.addReplyError("Number of keys can't be greater than number of args")
		return
	}
	var limit int64
	for j := 2 + int(numkeys); j < len(c.argv); j++ {
		if !equalFold(c.argv[j], "LIMIT") || j+1 == len(c.argv) {
			c.addReplyErrorObject(shared.syntaxerr)
			return
		}
		j++
		if limit, ok = c.getPositiveLongFromObjectOrReply(c.argv[j], "LIMIT can't be negative"); !ok {
			return
		}
	}
	sinterGenericCommand(c, c.argv[2:2+numkeys], nil, true, limit)
}

// --- Union and difference ---

// sunionDiffGenericCommand answers with the union or difference, or stores it in dst if that is not nil.
func sunionDiffGenericCommand(c *client, keys [][]byte, dst []byte, op int) {
	sets, _, ok := c.lookupSets(keys)
	if !ok {
		return
	}
	event := "sunionstore"
	if op == setOpDiff {
		event = "sdiffstore"
	}
	if dst == nil && op == setOpDiff {
		c.replySetDifference(sets)
		return
	}
	if dst == nil && len(sets) == 1 {
		c.replySet(&sets[0])
		return
	}
	// A result that is not stored is gone soon: a dictionary, which finds fastest, unless all are numbers.
	encoding := objEncodingIntset
	for i := range sets {
		if dst == nil && sets[i].found && sets[i].encoding != objEncodingIntset {
			encoding = objEncodingHt
		}
	}
	result := c.server.newSetEncoded(encoding)
	if op == setOpUnion {
		for i := range sets {
			if !sets[i].found || sets[i].same {
				continue
			}
			it := sets[i].iter()
			for it.next() {
				result.addValue(it.member)
			}
		}
	} else {
		setDifference(sets, func(v listpack.Value) { result.addValue(v) }, func(v listpack.Value) int {
			result.removeValue(v)
			return result.size()
		})
	}
	if dst != nil {
		c.storeSetResult(&result, dst, event)
		return
	}
	c.replySet(&sourceSet{setView: result.setView, found: true})
	result.keep()
	if result.d != nil {
		(&setObject{dictObject{c.server, result.d}}).release()
	}
}

// replySet answers with all members of s.
func (c *client) replySet(s *sourceSet) {
	if !s.found {
		c.addReply(shared.emptyset[c.resp])
		return
	}
	c.addReplySetLen(s.size())
	it := s.iter()
	for it.next() {
		c.addReplyBulkValue(it.member)
	}
}

// replySetDifference answers with the members of the first set that are in none of the others.
func (c *client) replySetDifference(sets []sourceSet) {
	n := 0
	d := c.addReplyDeferredLen()
	others := sets[1:]
	var all *setObject
	if ask, _ := compareDifferences(sets); !ask && len(others) > 1 {
		// The others are small: make them one.
		all = c.server.newSetObject()
		union := setEdit{setView: setView{encoding: objEncodingHt, d: all.d}, server: c.server}
		for i := range others {
			if !others[i].found {
				continue
			}
			it := others[i].iter()
			for it.next() {
				union.addValue(it.member)
			}
		}
		others = []sourceSet{newSourceSet(union.setView)}
	}
	if first := &sets[0]; first.found {
		it := first.iter()
		for it.next() {
			if !inAnySet(others, &it) {
				c.addReplyBulkValue(it.member)
				n++
			}
		}
	}
	if all != nil {
		all.release()
	}
	c.setDeferredSetLen(d, n)
}

// compareDifferences tells whether asking all other sets for each member of the first is less work than removing all
// members of the others; and whether the difference is empty because the first set is there again.
func compareDifferences(sets []sourceSet) (ask, empty bool) {
	first := &sets[0]
	if !first.found {
		return true, true
	}
	one, two := 0, 0
	for i := range sets {
		if sets[i].same {
			return true, true
		}
		if sets[i].found {
			one += first.size()
			two += sets[i].size()
		}
	}
	// The first way stops at the first set that has the member.
	return one/2 <= two, false
}

// inAnySet tells whether one of the sets has the member at which it stands.
func inAnySet(sets []sourceSet, it *setIter) bool {
	for i := range sets {
		if s := &sets[i]; s.same || s.found && s.has(it) {
			return true
		}
	}
	return false
}

// setDifference adds to a result the members of the first set that are not in the others, in the one or the other way:
//
//  1. ask for every member of the first set whether one of the others has it, which is N lookups per set;
//  2. add all members of the first set, and remove those of the others: as many operations as there are members.
//
// remove returns the size of the result.
func setDifference(sets []sourceSet, add func(listpack.Value), remove func(listpack.Value) int) {
	ask, empty := compareDifferences(sets)
	if empty {
		return
	}
	first := &sets[0]
	if ask {
		slices.SortStableFunc(sets[1:], func(a, b sourceSet) int { return b.sizeIfFound() - a.sizeIfFound() })
	}
	it := first.iter()
	for it.next() {
		if !ask || !inAnySet(sets[1:], &it) {
			add(it.member)
		}
	}
	if ask {
		return
	}
	for i := range sets[1:] {
		s := &sets[1+i]
		if !s.found {
			continue
		}
		it := s.iter()
		for it.next() {
			if remove(it.member) == 0 {
				return
			}
		}
	}
}

func (s *sourceSet) sizeIfFound() int {
	if !s.found {
		return 0
	}
	return s.size()
}

// SUNION key [key ...]
func sunionCommand(c *client) { sunionDiffGenericCommand(c, c.argv[1:], nil, setOpUnion) }

// SUNIONSTORE destination key [key ...]
func sunionstoreCommand(c *client) {
	sunionDiffGenericCommand(c, c.argv[2:], c.argv[1], setOpUnion)
}

// SDIFF key [key ...]
func sdiffCommand(c *client) { sunionDiffGenericCommand(c, c.argv[1:], nil, setOpDiff) }

// SDIFFSTORE destination key [key ...]
func sdiffstoreCommand(c *client) {
	sunionDiffGenericCommand(c, c.argv[2:], c.argv[1], setOpDiff)
}
