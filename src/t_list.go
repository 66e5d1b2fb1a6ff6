// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"redport/src/dict"
	"redport/src/listpack"
	"redport/src/quicklist"
)

// t_list.go - lists: their two encodings, and what all commands on them are made of. The commands themselves are in
// t_list_commands.go.
//
// A short list is a listpack in the keyspace (db_packed.go) and is changed where it lies. A long one is a quicklist, an object. Which one
// it is follows list-max-listpack-size: a list becomes a quicklist when what is about to be added would exceed the limit, and a listpack again
// when it has shrunk to one node of half the limit.
//
// Counterpart: t_list.c.

// Ends of a list.
const (
	listHead = 0
	listTail = 1
)

// listPushEvents and listPopEvents are the names of what happens at either end.
var (
	listPushEvents = [2]string{"lpush", "rpush"}
	listPopEvents  = [2]string{"lpop", "rpop"}
)

// listObject is what robj.ptr holds for a quicklist.
type listObject struct{ ql *quicklist.List }

func (o listObject) thaw() collection      { return listObject{o.ql.Thaw()} }
func (o listObject) dup() collection       { return listObject{o.ql.Dup()} }
func (o listObject) length() int           { return o.ql.Len() }
func (o listObject) freeEffort() int       { return o.ql.Nodes() }
func (o listObject) release()              { o.ql.Release() }
func (o listObject) memoryUsage() int64    { return o.ql.Bytes() }
func (o listObject) debugObject() string   { return o.ql.DebugObject() }
func (o listObject) repr(full bool) string { return o.ql.Repr(full) }
func (o listObject) digest(d *objectDigest) {
	var buf [20]byte
	it := o.ql.Iter(0, false)
	for v, ok := it.Next(); ok; v, ok = it.Next() {
		d.mix(v.Bytes(&buf))
	}
	it.Close()
}

// quicklistEnv is what the quicklists of the server share.
func (server *Server) quicklistEnv() *quicklist.Env {
	if server.quicklists == nil {
		server.quicklists = &quicklist.Env{Clock: server.clock, Cold: server.packer()}
	}
	return server.quicklists
}

// newQuicklist is an empty quicklist as the configuration wants it.
func (server *Server) newQuicklist() *quicklist.List {
	return quicklist.New(server.quicklistEnv(), server.listMaxListpackSize, server.listCompressDepth)
}

// list is a list as a command has found it: a position, or where to add one. It is valid until the next write to the database by anything but
// its own methods.
type list struct {
	db   *redisDb
	key  []byte
	e    dict.Entry
	ql   *quicklist.List // nil for a listpack
	n    int             // elements; 0: there is no such key
	keep bool            // it lives on even if it gets empty for a moment
}

// lookupList makes l the list at key. It is false if there is something else, and the client has been told so.
func (c *client) lookupList(l *list, key []byte, flags int) bool {
	e := c.db.entry(key, flags)
	l.db, l.key, l.e = c.db, key, e
	l.ql, l.n = nil, 0
	if !e.Ok() {
		return true
	}
	if entryType(e) != objList {
		c.addReplyErrorObject(shared.wrongtypeerr)
		return false
	}
	l.open(e, flags&lookupWrite != 0)
	return true
}

// open looks at what is at e, the position of l.
func (l *list) open(e dict.Entry, write bool) {
	if !e.IsPointer() {
		l.n = listpack.Len(e.Value())
		return
	}
	o := (*robj)(e.Pointer())
	if write && l.db.server.clock.Frozen(o.epoch) {
		o = l.db.thawObject(e, o)
		l.e = l.db.keys.Find(l.key)
	}
	l.ql = o.ptr.(listObject).ql
	l.n = l.ql.Len()
}

// refind finds the position of l again, after a write to the database that has not touched l itself.
func (l *list) refind() { l.e = l.db.keys.Find(l.key) }

// packed is the listpack of a list that is one.
func (l *list) packed() []byte { return l.e.Value() }

// exists tells whether there is such a list.
func (l *list) exists() bool { return l.n > 0 }

// resized follows a change of the number of elements.
func (l *list) resized(n int) {
	l.db.updateKeysizesHist(objList, l.n, n)
	l.n = n
}

// index resolves a possibly negative index. It is false if there is no such element.
func (l *list) index(i int64) (int, bool) {
	if i < 0 {
		i += int64(l.n)
	}
	return int(i), i >= 0 && i < int64(l.n)
}

// at is element i, which there is. It is valid until the next write.
func (l *list) at(i int) listpack.Value {
	if l.ql != nil {
		v, _ := l.ql.Index(i)
		return v
	}
	lp := l.packed()
	return listpack.Get(lp, listpack.Seek(lp, i))
}

// end is the element at an end of a list that is not empty.
func (l *list) end(where int) listpack.Value {
	switch {
	case l.ql != nil && where == listHead:
		return l.ql.First()
	case l.ql != nil:
		return l.ql.Last()
	case where == listHead:
		return listpack.Get(l.packed(), listpack.HeaderSize)
	}
	lp := l.packed()
	return listpack.Get(lp, listpack.Last(lp))
}

// --- Encodings ---

// listpackTakes tells whether a listpack of size bytes and n elements may get vals, too.
func (server *Server) listpackTakes(size, n int, vals [][]byte) bool {
	for _, v := range vals {
		size += len(v)
	}
	return !quicklist.ExceedsLimit(server.listMaxListpackSize, size, n+len(vals))
}

// tryConversionAppend makes l a quicklist if vals are too much for a listpack.
func (l *list) tryConversionAppend(vals [][]byte) {
	if l.ql != nil {
		return
	}
	lp := l.packed()
	server := l.db.server
	if server.listpackTakes(len(lp), l.n, vals) {
		return
	}
	ql := server.newQuicklist()
	if l.n > 0 {
		ql.AppendListpack(lp)
	}
	l.e = l.db.setCollection(l.e, server.newCollection(objList, objEncodingQuicklist, listObject{ql}))
	l.ql = ql
}

// tryConversionShrinking makes l a listpack if it is a quicklist of one node that is at most half full.
func (l *list) tryConversionShrinking() {
	if l.ql == nil || l.ql.Nodes() != 1 {
		return
	}
	lp, ok := l.ql.Single()
	size, count := quicklist.NodeLimit(l.db.server.listMaxListpackSize)
	if !ok || len(lp) > size/2 || l.n > count/2 {
		return
	}
	ql := l.ql
	l.refind()
	l.e = l.db.setPacked(l.e, objList, objEncodingListpack, lp)
	l.ql = nil
	ql.Release()
}

// --- Changes ---

// edit changes a listpack in place. fn gets it with room for more bytes behind it, and returns what it has become.
func (l *list) edit(more int, fn func(lp []byte) []byte) {
	size := len(l.packed())
	var b []byte
	l.e, b = l.db.keys.Resize(l.e, size+more)
	if n := len(fn(b[:size])); n != size+more {
		l.e, _ = l.db.keys.Resize(l.e, n)
	}
}

// push adds vals, one after the other, at an end, and makes the list if there is none.
func (l *list) push(vals [][]byte, where int) {
	if !l.e.Ok() {
		l.create(vals, where)
		return
	}
	l.tryConversionAppend(vals)
	if ql := l.ql; ql != nil {
		for _, v := range vals {
			if where == listHead {
				ql.PushFront(v)
			} else {
				ql.PushBack(v)
			}
		}
		l.resized(ql.Len())
		return
	}
	more := 0
	for _, v := range vals {
		more += listpack.EntrySize(v)
	}
	size := len(l.packed())
	var b []byte
	l.e, b = l.db.keys.Resize(l.e, size+more)
	pushListpack(b[:size], vals, where)
	l.resized(l.n + len(vals))
}

// pushListpack adds vals at an end of a listpack.
func pushListpack(lp []byte, vals [][]byte, where int) []byte {
	for _, v := range vals {
		if where == listHead {
			lp = listpack.Prepend(lp, v)
		} else {
			lp = listpack.Append(lp, v)
		}
	}
	return lp
}

// create adds a list of vals, as if they were pushed one after the other.
func (l *list) create(vals [][]byte, where int) {
	v := l.db.server.newListValue(vals, where)
	l.e = l.db.addEntry(l.e, l.key, v)
	l.n = len(vals)
	if v.Pointer != nil {
		l.ql = (*robj)(v.Pointer).ptr.(listObject).ql
	}
}

// newListValue is a list of vals, pushed one after the other, in the encoding that suits it and in the dictionary's form. It is to be put
// into the dictionary at once: a listpack lies in a buffer of the server's.
func (server *Server) newListValue(vals [][]byte, where int) dict.Value {
	if server.listpackTakes(listpack.MinSize, 0, vals) {
		lp := pushListpack(listpack.Reset(server.listpackScratch), vals, where)
		server.listpackScratch = lp
		return packedValue(objList, objEncodingListpack, lp)
	}
	ql := server.newQuicklist()
	for _, v := range vals {
		if where == listHead {
			ql.PushFront(v)
		} else {
			ql.PushBack(v)
		}
	}
	return collectionValue(server.newCollection(objList, objEncodingQuicklist, listObject{ql}))
}

// drop removes count elements at an end. A list that loses all of them only says so, in n: it is about to be deleted.
func (l *list) drop(where, count int) {
	if count >= l.n && !l.keep {
		l.n = 0
		return
	}
	switch {
	case l.ql != nil && count == 1 && where == listHead:
		l.ql.DropFirst()
	case l.ql != nil && count == 1:
		l.ql.DropLast()
	case l.ql != nil && where == listHead:
		l.ql.DeleteRange(0, count)
	case l.ql != nil:
		l.ql.DeleteRange(-count, count)
	default:
		index := 0
		if where == listTail {
			index = -count
		}
		l.edit(0, func(lp []byte) []byte { return listpack.DeleteRange(lp, index, count) })
	}
	l.resized(l.n - count)
}

// listElementsRemoved follows the removal of count elements from an end: events, and the end of an empty list.
func (c *client) listElementsRemoved(l *list, where, count int) {
	server, db := c.server, c.db
	server.notifyKeyspaceEvent(notifyList, listPopEvents[where], l.key, db.id)
	c.listShrunk(l)
	server.signalModifiedKey(c, db, l.key)
	server.dirty += int64(count)
}

// listShrunk deletes a list that has got empty; else it may have become short enough for a listpack.
func (c *client) listShrunk(l *list) {
	if l.n > 0 {
		l.tryConversionShrinking()
		return
	}
	server, db := c.server, c.db
	l.refind()
	db.deleteEntry(l.e, l.key, server.lazyfreeLazyServerDel)
	server.notifyKeyspaceEvent(notifyGeneric, "del", l.key, db.id)
}

// --- Reading ---

// listIterator walks over a list that is not written to meanwhile.
type listIterator struct {
	lp      []byte
	p       int
	reverse bool
	big     bool
	ql      quicklist.Iter
}

// iterator begins with element i, which there is. close ends it.
func (l *list) iterator(i int, reverse bool) listIterator {
	if l.ql != nil {
		return listIterator{big: true, ql: l.ql.Iter(i, reverse)}
	}
	lp := l.packed()
	return listIterator{lp: lp, p: listpack.Seek(lp, i), reverse: reverse}
}

func (it *listIterator) next() (v listpack.Value, ok bool) {
	if it.big {
		return it.ql.Next()
	}
	if it.p == listpack.End {
		return v, false
	}
	v = listpack.Get(it.lp, it.p)
	if it.reverse {
		it.p = listpack.Prev(it.lp, it.p)
	} else {
		it.p = listpack.Next(it.lp, it.p)
	}
	return v, true
}

func (it *listIterator) close() {
	if it.big {
		it.ql.Close()
	}
}

// listRange resolves the bounds of a range, both inclusive and possibly negative, to the index of its first element and its length.
func listRange(n int, start, end int64) (first, count int) {
	if start < 0 {
		start = max(start+int64(n), 0)
	}
	if end < 0 {
		end += int64(n)
	}
	end = min(end, int64(n)-1)
	if start > end {
		return 0, 0
	}
	return int(start), int(end-start) + 1
}

// addListRangeReply sends count elements from element first on; with reverse they are sent last one first.
func (c *client) addListRangeReply(l *list, first, count int, reverse bool) {
	if count == 0 {
		c.addReply(shared.emptyarray)
		return
	}
	c.addReplyArrayLen(count)
	if reverse {
		first += count - 1
	}
	if l.ql == nil {
		lp := l.packed()
		c.addReplyListpack(lp, listpack.Seek(lp, first), count, reverse)
		return
	}
	it := l.ql.Iter(first, reverse)
	for count > 0 {
		r := it.Run(count)
		if r.Plain {
			c.addReplyBulkBytes(r.Bytes)
		} else {
			c.addReplyListpack(r.Bytes, r.P, r.Count, reverse)
		}
		count -= r.Count
	}
	it.Close()
}

// popReply sends up to count elements from an end, in the order in which they would be popped one by one, and removes them.
func (c *client) popReply(l *list, where, count int) {
	first := 0
	if where == listTail {
		first = l.n - count
	}
	c.addListRangeReply(l, first, count, where == listTail)
	l.drop(where, count)
	c.listElementsRemoved(l, where, count)
}
