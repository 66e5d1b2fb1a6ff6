// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math"
	"strconv"

	"redport/src/listpack"
)

// t_list_commands.go - the commands on lists that do not wait. Counterpart: t_list.c.

// pushGenericCommand is LPUSH, RPUSH, LPUSHX and RPUSHX.
func pushGenericCommand(c *client, where int, xx bool) {
	server, key := c.server, c.argv[1]
	var l list
	if !c.lookupList(&l, key, lookupWrite) {
		return
	}
	if xx && !l.exists() {
		c.addReply(shared.czero)
		return
	}
	vals := c.argv[2:]
	l.push(vals, where)
	server.dirty += int64(len(vals))
	c.addReplyLongLong(int64(l.n))
	server.signalModifiedKey(c, c.db, key)
	server.notifyKeyspaceEvent(notifyList, listPushEvents[where], key, c.db.id)
}

// LPUSH key element [element ...]
func lpushCommand(c *client) { pushGenericCommand(c, listHead, false) }

// RPUSH key element [element ...]
func rpushCommand(c *client) { pushGenericCommand(c, listTail, false) }

// LPUSHX key element [element ...]
func lpushxCommand(c *client) { pushGenericCommand(c, listHead, true) }

// RPUSHX key element [element ...]
func rpushxCommand(c *client) { pushGenericCommand(c, listTail, true) }

// LINSERT key BEFORE|AFTER pivot element
func linsertCommand(c *client) {
	server, key, pivot, value := c.server, c.argv[1], c.argv[3], c.argv[4]
	after := equalFold(c.argv[2], "AFTER")
	if !after && !equalFold(c.argv[2], "BEFORE") {
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	var l list
	if !c.lookupList(&l, key, lookupWrite) {
		return
	}
	if !l.exists() {
		c.addReply(shared.czero)
		return
	}
	// Whether there is a pivot is not known yet, but what is about to change cannot change its encoding while it is searched.
	l.tryConversionAppend(c.argv[4:5])
	if !l.insert(pivot, value, after) {
		c.addReplyLongLong(-1)
		return
	}
	server.signalModifiedKey(c, c.db, key)
	server.notifyKeyspaceEvent(notifyList, "linsert", key, c.db.id)
	server.dirty++
	c.addReplyLongLong(int64(l.n))
}

// insert adds value next to the first element that is pivot, and reports false if there is none.
func (l *list) insert(pivot, value []byte, after bool) bool {
	if l.ql != nil {
		i, ok := l.find(pivot)
		if !ok {
			return false
		}
		l.ql.Insert(i, after, value)
		l.resized(l.n + 1)
		return true
	}
	lp := l.packed()
	p := listpack.Find(lp, listpack.First(lp), pivot, 0)
	if p == listpack.End {
		return false
	}
	if after {
		p = listpack.Next(lp, p)
	}
	l.edit(listpack.EntrySize(value), func(lp []byte) []byte { return listpack.InsertBefore(lp, p, value) })
	l.resized(l.n + 1)
	return true
}

// find is the index of the first element that is s.
func (l *list) find(s []byte) (i int, ok bool) {
	it := l.iterator(0, false)
	defer it.close()
	m := newMatcher(s)
	for ; ; i++ {
		v, more := it.next()
		if !more {
			return 0, false
		}
		if m.matches(v) {
			return i, true
		}
	}
}

// LLEN key
func llenCommand(c *client) {
	var l list
	if c.lookupList(&l, c.argv[1], lookupNone) {
		c.addReplyLongLong(int64(l.n))
	}
}

// LINDEX key index
func lindexCommand(c *client) {
	var l list
	if !c.lookupList(&l, c.argv[1], lookupNone) {
		return
	}
	if !l.exists() {
		c.addReplyNull()
		return
	}
	index, ok := c.getLongFromObjectOrReply(c.argv[2], "")
	if !ok {
		return
	}
	i, ok := l.index(index)
	if !ok {
		c.addReplyNull()
		return
	}
	c.addReplyListpackElement(l.at(i))
}

// LSET key index element
func lsetCommand(c *client) {
	server, key, value := c.server, c.argv[1], c.argv[3]
	var l list
	if !c.lookupList(&l, key, lookupWrite) {
		return
	}
	if !l.exists() {
		c.addReplyErrorObject(shared.nokeyerr)
		return
	}
	index, ok := c.getLongFromObjectOrReply(c.argv[2], "")
	if !ok {
		return
	}
	l.tryConversionAppend(c.argv[3:4])
	// C keeps 32 bits of the index here, and clients can tell.
	i, ok := l.index(int64(int32(index)))
	if !ok {
		c.addReplyErrorObject(shared.outofrangeerr)
		return
	}
	if l.ql != nil {
		l.ql.Replace(i, value)
	} else {
		l.edit(listpack.EntrySize(value), func(lp []byte) []byte { return listpack.Replace(lp, listpack.Seek(lp, i), value) })
	}
	c.addReply(shared.ok)
	server.signalModifiedKey(c, c.db, key)
	server.notifyKeyspaceEvent(notifyList, "lset", key, c.db.id)
	server.dirty++
	// Growing was seen to above; a long element may have made room for a short one.
	l.tryConversionShrinking()
}

// popGenericCommand is LPOP and RPOP.
func popGenericCommand(c *client, where int) {
	key := c.argv[1]
	counted := len(c.argv) == 3
	var count int64
	if len(c.argv) > 3 {
		c.addReplyErrorArity()
		return
	}
	if counted {
		var ok bool
		if count, ok = c.getPositiveLongFromObjectOrReply(c.argv[2], ""); !ok {
			return
		}
	}
	var l list
	if !c.lookupList(&l, key, lookupWrite) {
		return
	}
	switch {
	case !l.exists() && counted:
		c.addReplyNullArray()
	case !l.exists():
		c.addReplyNull()
	case !counted:
		c.addReplyListpackElement(l.end(where))
		l.drop(where, 1)
		c.listElementsRemoved(&l, where, 1)
	case count == 0:
		c.addReply(shared.emptyarray)
	default:
		c.popReply(&l, where, int(min(count, int64(l.n))))
	}
}

// LPOP key [count]
func lpopCommand(c *client) { popGenericCommand(c, listHead) }

// RPOP key [count]
func rpopCommand(c *client) { popGenericCommand(c, listTail) }

// LRANGE key start stop
func lrangeCommand(c *client) {
	start, end, ok := c.getIndexRangeOrReply(2)
	if !ok {
		return
	}
	var l list
	if !c.lookupList(&l, c.argv[1], lookupNone) {
		return
	}
	first, count := listRange(l.n, start, end)
	c.addListRangeReply(&l, first, count, false)
}

// LTRIM key start stop
func ltrimCommand(c *client) {
	server, key := c.server, c.argv[1]
	start, end, ok := c.getIndexRangeOrReply(2)
	if !ok {
		return
	}
	var l list
	if !c.lookupList(&l, key, lookupWrite) {
		return
	}
	if !l.exists() {
		c.addReply(shared.ok)
		return
	}
	first, count := listRange(l.n, start, end)
	removed := l.n - count
	if count == 0 {
		l.n = 0
	} else {
		behind := removed - first
		if first > 0 {
			l.drop(listHead, first)
		}
		if behind > 0 {
			l.drop(listTail, behind)
		}
	}
	server.notifyKeyspaceEvent(notifyList, "ltrim", key, c.db.id)
	c.listShrunk(&l)
	server.signalModifiedKey(c, c.db, key)
	server.dirty += int64(removed)
	c.addReply(shared.ok)
}

// matcher compares elements with one text; whether that spells an integer is found out once.
type matcher struct {
	s     []byte
	n     int64
	isInt bool
}

func newMatcher(s []byte) matcher {
	n, isInt := listpack.Integer(s)
	return matcher{s, n, isInt}
}

func (m *matcher) matches(v listpack.Value) bool {
	if v.IsInt {
		return m.isInt && v.Int == m.n
	}
	return string(v.Str) == string(m.s)
}

// LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]
//
// The positions are those that LINDEX takes, also where the search begins at the tail, which a negative rank asks for.
func lposCommand(c *client) {
	rank, count, maxlen := int64(1), int64(-1), int64(0)
	for j := 3; j < len(c.argv); j++ {
		opt, ok := c.argv[j], false
		switch more := j+1 < len(c.argv); {
		case more && equalFold(opt, "RANK"):
			j++
			if rank, ok = c.getRangeLongFromObjectOrReply(c.argv[j], -math.MaxInt64, math.MaxInt64, ""); !ok {
				return
			}
			if rank == 0 {
				c.addReplyError("RANK can't be zero: use 1 to start from the first match, 2 from the second ... " +
					"or use negative to start from the end of the list")
				return
			}
		case more && equalFold(opt, "COUNT"):
			j++
			if count, ok = c.getPositiveLongFromObjectOrReply(c.argv[j], "COUNT can't be negative"); !ok {
				return
			}
		case more && equalFold(opt, "MAXLEN"):
			j++
			if maxlen, ok = c.getPositiveLongFromObjectOrReply(c.argv[j], "MAXLEN can't be negative"); !ok {
				return
			}
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return
		}
	}
	reverse := rank < 0
	if reverse {
		rank = -rank
	}
	var l list
	if !c.lookupList(&l, c.argv[1], lookupNone) {
		return
	}
	if !l.exists() {
		if count >= 0 {
			c.addReply(shared.emptyarray)
		} else {
			c.addReplyNull()
		}
		return
	}
	var array deferredLen
	if count >= 0 {
		array = c.addReplyDeferredLen()
	}
	start := 0
	if reverse {
		start = l.n - 1
	}
	limit := l.n
	if maxlen != 0 {
		limit = int(min(maxlen, int64(limit)))
	}
	it := l.iterator(start, reverse)
	m := newMatcher(c.argv[2])
	var matches, sent int64
	found := -1
	for i := range limit {
		v, _ := it.next()
		if !m.matches(v) {
			continue
		}
		if matches++; matches < rank {
			continue
		}
		found = i
		if reverse {
			found = l.n - 1 - i
		}
		if count < 0 {
			break
		}
		c.addReplyLongLong(int64(found))
		if sent++; sent == count {
			break
		}
	}
	it.close()
	switch {
	case count >= 0:
		c.setDeferredArrayLen(array, int(sent))
	case found >= 0:
		c.addReplyLongLong(int64(found))
	default:
		c.addReplyNull()
	}
}

// LREM key count element
func lremCommand(c *client) {
	server, key, s := c.server, c.argv[1], c.argv[3]
	count, ok := c.getRangeLongFromObjectOrReply(c.argv[2], -math.MaxInt64, math.MaxInt64, "")
	if !ok {
		return
	}
	var l list
	if !c.lookupList(&l, key, lookupWrite) {
		return
	}
	if !l.exists() {
		c.addReply(shared.czero)
		return
	}
	reverse := count < 0
	if reverse {
		count = -count
	}
	removed := l.remove(s, int(min(count, math.MaxInt)), reverse)
	server.dirty += int64(removed)
	if removed > 0 {
		server.notifyKeyspaceEvent(notifyList, "lrem", key, c.db.id)
		c.listShrunk(&l)
		server.signalModifiedKey(c, c.db, key)
	}
	c.addReplyLongLong(int64(removed))
}

// remove removes up to limit elements, all if limit is 0, that are s, beginning at either end.
func (l *list) remove(s []byte, limit int, reverse bool) (removed int) {
	if l.ql != nil {
		removed = l.ql.Remove(s, limit, reverse)
		l.resized(l.n - removed)
		return removed
	}
	if limit == 0 {
		limit = l.n
	}
	l.edit(0, func(lp []byte) []byte {
		m := newMatcher(s)
		p := listpack.First(lp)
		if reverse {
			p = listpack.Last(lp)
		}
		for p != listpack.End && removed < limit {
			matches := m.matches(listpack.Get(lp, p))
			switch {
			case reverse:
				prev := listpack.Prev(lp, p)
				if matches {
					lp, _ = listpack.Delete(lp, p)
				}
				p = prev
			case matches:
				lp, p = listpack.Delete(lp, p)
			default:
				p = listpack.Next(lp, p)
			}
			if matches {
				removed++
			}
		}
		return lp
	})
	l.resized(l.n - removed)
	return removed
}

// getListPositionFromObjectOrReply reads LEFT or RIGHT.
func (c *client) getListPositionFromObjectOrReply(arg []byte) (where int, ok bool) {
	switch {
	case equalFold(arg, "RIGHT"):
		return listTail, true
	case equalFold(arg, "LEFT"):
		return listHead, true
	}
	c.addReplyErrorObject(shared.syntaxerr)
	return 0, false
}

// lmoveGenericCommand is LMOVE and RPOPLPUSH and, where there is something to move, BLMOVE and BRPOPLPUSH, which are propagated as the command in
// rewrite. src has been looked up.
func lmoveGenericCommand(c *client, src *list, wherefrom, whereto int, rewrite ...[]byte) {
	server, db, dstkey := c.server, c.db, c.argv[2]
	if !src.exists() {
		c.addReplyNull()
		return
	}
	same := string(src.key) == string(dstkey)
	dst := src
	if !same {
		var d list
		if !c.lookupList(&d, dstkey, lookupWrite) {
			return
		}
		dst = &d
		src.refind() // looking up may have deleted an expired destination
	}
	value := src.end(wherefrom).Append(server.listScratch[:0])
	server.listScratch = value
	src.keep = same
	src.drop(wherefrom, 1)
	if !same {
		dst.refind()
	}
	vals := [1][]byte{value}
	dst.push(vals[:], whereto)
	server.signalModifiedKey(c, db, dstkey)
	server.notifyKeyspaceEvent(notifyList, listPushEvents[whereto], dstkey, db.id)
	c.addReplyBulkBytes(value)
	src.refind()
	c.listElementsRemoved(src, wherefrom, 1)
	if len(rewrite) > 0 && server.propagates() {
		c.rewriteClientCommandVector(rewrite...)
	}
	if cap(server.listScratch) > 64*1024 { // a giant is left to the collector
		server.listScratch = nil
	}
}

// getListPositionsOrReply reads the two arguments of LMOVE and BLMOVE that say which ends, from argument i on.
func (c *client) getListPositionsOrReply(i int) (wherefrom, whereto int, ok bool) {
	if wherefrom, ok = c.getListPositionFromObjectOrReply(c.argv[i]); ok {
		whereto, ok = c.getListPositionFromObjectOrReply(c.argv[i+1])
	}
	return wherefrom, whereto, ok
}

// LMOVE source destination LEFT|RIGHT LEFT|RIGHT
func lmoveCommand(c *client) {
	wherefrom, whereto, ok := c.getListPositionsOrReply(3)
	if !ok {
		return
	}
	var src list
	if c.lookupList(&src, c.argv[1], lookupWrite) {
		lmoveGenericCommand(c, &src, wherefrom, whereto)
	}
}

// RPOPLPUSH source destination
func rpoplpushCommand(c *client) {
	var src list
	if c.lookupList(&src, c.argv[1], lookupWrite) {
		lmoveGenericCommand(c, &src, listTail, listHead)
	}
}

// mpop pops up to count elements from the first of keys that is a list, names the key in the reply, and propagates LPOP or RPOP. done is
// false if none is; an error is sent by then and counts as done.
func (c *client) mpop(keys [][]byte, where int, count int64) (done bool) {
	for _, key := range keys {
		var l list
		if !c.lookupList(&l, key, lookupWrite) {
			return true
		}
		if !l.exists() {
			continue
		}
		n := int(min(count, int64(l.n)))
		c.addReplyArrayLen(2)
		c.addReplyBulkBytes(key)
		c.popReply(&l, where, n)
		if c.server.propagates() {
			c.rewriteClientCommandVector(listPopCommands[where], key, strconv.AppendInt(nil, int64(n), 10))
		}
		return true
	}
	return false
}

// listPopCommands are the commands that pop.
var listPopCommands = [2][]byte{[]byte("LPOP"), []byte("RPOP")}

// parseMpop parses "numkeys key [key ...] where [COUNT count]" from argument i on, for LMPOP, ZMPOP and the blocking ones. position reads
// where, and replies if it is neither of its two words.
func (c *client) parseMpop(i int, position func(c *client, arg []byte) (where int, ok bool)) (keys [][]byte, where int, count int64, ok bool) {
	numkeys, ok := c.getRangeLongFromObjectOrReply(c.argv[i], 1, math.MaxInt64, "numkeys should be greater than 0")
	if !ok {
		return nil, 0, 0, false
	}
	if numkeys >= int64(len(c.argv)-i-1) {
		c.addReplyErrorObject(shared.syntaxerr)
		return nil, 0, 0, false
	}
	keys = c.argv[i+1 : i+1+int(numkeys)]
	i += 1 + int(numkeys)
	if where, ok = position(c, c.argv[i]); !ok {
		return nil, 0, 0, false
	}
	for i++; i < len(c.argv); i++ {
		if count != 0 || !equalFold(c.argv[i], "COUNT") || i+1 == len(c.argv) {
			c.addReplyErrorObject(shared.syntaxerr)
			return nil, 0, 0, false
		}
		i++
		if count, ok = c.getRangeLongFromObjectOrReply(c.argv[i], 1, math.MaxInt64, "count should be greater than 0"); !ok {
			return nil, 0, 0, false
		}
	}
	return keys, where, max(count, 1), true
}

// LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count]
func lmpopCommand(c *client) {
	keys, where, count, ok := c.parseMpop(1, (*client).getListPositionFromObjectOrReply)
	if ok && !c.mpop(keys, where, count) {
		c.addReplyNullArray()
	}
}
