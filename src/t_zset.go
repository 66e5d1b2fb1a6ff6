// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"encoding/binary"
	"math"
	"unsafe"

	"redport/src/btree"
	"redport/src/dict"
	"redport/src/listpack"
	"redport/src/util"
)

// t_zset.go - sorted sets: their two encodings, and the commands on single members. Ranges are in t_zset_range.go, commands on several
// sets in t_zset_ops.go, popping in t_zset_pop.go, random members in t_zset_random.go.
//
//	listpack  up to zset-max-listpack-entries members of up to zset-max-listpack-value bytes: member, score, member, score... in
//	          order of score and member, bytes in the keyspace
//	skiplist  anything. The name is that of C's structure; here it is a dictionary of members, whose values are the scores (8 bytes,
//	          little-endian), and a counted B+tree of (score, member)
//
// A sorted set becomes a skiplist when it outgrows the listpack, and never goes back, except that commands that make a whole new one
// (ZUNIONSTORE and the like) choose by what it has become.
//
// To read, a command takes a zsetView of the position; it dies with the next write to the database. To change, it opens a
// zsetEdit, which has its own copy of packed bytes, and commits that.
//
// Everything that selects by score, member or rank comes down to a range of ranks, which both encodings find their way by.
//
// Counterpart: t_zset.c.

// zsetObject is a sorted set of encoding skiplist.
type zsetObject struct {
	server *Server
	d      *dict.Dict
	t      *btree.Tree

	fetch, fetched int // see prefetchPops: how many members it has last looked at, and how many of these are still to be popped
}

// zsetObjectType: members have no access word.
var zsetObjectType = dict.Type{}

// zsetObjectSize is what a sorted set has on the Go heap besides its blocks.
const zsetObjectSize = int64(unsafe.Sizeof(robj{}) + unsafe.Sizeof(zsetObject{}) + unsafe.Sizeof(dict.Dict{}) + unsafe.Sizeof(btree.Tree{}))

func (server *Server) newZsetObject() *zsetObject {
	server.mem.Account(zsetObjectSize)
	return &zsetObject{server: server, d: dict.New(server.clock, &zsetObjectType), t: btree.New(server.clock)}
}

func (z *zsetObject) thaw() collection {
	return &zsetObject{server: z.server, d: z.d.Clone(), t: z.t.Clone()}
}

func (z *zsetObject) dup() collection {
	n := z.server.newZsetObject()
	for c := z.t.At(0); c.Ok(); c.Next() {
		n.insert(c.Score(), c.Member())
	}
	return n
}

func (z *zsetObject) length() int        { return z.t.Len() }
func (z *zsetObject) freeEffort() int    { return z.t.Len() }
func (z *zsetObject) memoryUsage() int64 { return zsetObjectSize + z.d.Bytes() + z.t.Bytes() }

// release gives everything back. A snapshot may be reading the headers, so then copies of them are released.
func (z *zsetObject) release() {
	z.server.mem.Account(-zsetObjectSize)
	d, t := z.d, z.t
	if z.server.clock.Live() > 0 {
		d, t = d.Clone(), t.Clone()
	}
	d.Release()
	t.Release()
}

func (z *zsetObject) digest(d *objectDigest) {
	for c := z.t.At(0); c.Ok(); c.Next() {
		d.pair(c.Member(), digestScore(c.Score()))
	}
}

// hashTable is for DEBUG HTSTATS-KEY.
func (z *zsetObject) hashTable() *dict.Dict { return z.d }

func (z *zsetObject) find(member []byte) dict.Entry { return z.d.Find(dict.Hash(member), member) }

// scoreAt is the score of the member at a position of the dictionary.
func scoreAt(e dict.Entry) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(e.Value()))
}

// insert adds a member that is not there.
func (z *zsetObject) insert(score float64, member []byte) { z.insertAt(z.find(member), score, member) }

func (z *zsetObject) insertAt(e dict.Entry, score float64, member []byte) {
	var buf [8]byte
	binary.LittleEndian.PutUint64(buf[:], math.Float64bits(score))
	z.t.Insert(score, member)
	z.d.Insert(e, member, bytesValue(&buf), 0)
}

// update gives the member at e another score.
func (z *zsetObject) update(e dict.Entry, member []byte, score float64) {
	z.t.Update(scoreAt(e), member, score)
	_, b := z.d.Writable(e)
	binary.LittleEndian.PutUint64(b, math.Float64bits(score))
}

// remove deletes the member at e.
func (z *zsetObject) remove(e dict.Entry, member []byte) {
	z.t.Delete(scoreAt(e), member)
	z.d.Delete(e)
}

// --- Reading ---

// zsetView is a sorted set to be read: packed bytes or an object, or neither, which is an empty one.
type zsetView struct {
	lp []byte
	z  *zsetObject
}

// viewZset is the sorted set at a position, until the next write to the database.
func viewZset(e dict.Entry) zsetView {
	if e.IsPointer() {
		return zsetView{z: (*robj)(e.Pointer()).ptr.(*zsetObject)}
	}
	return zsetView{lp: e.Value()}
}

// lookupZsetRead finds a sorted set to be read. It answers with reply if there is no key ("" sends nothing), and with an error if that is
// something else; ok is false in all these cases but the one of "".
func (c *client) lookupZsetRead(key []byte, reply string) (v zsetView, ok bool) {
	e := c.db.entry(key, lookupNone)
	if !e.Ok() {
		if reply == "" {
			return v, true
		}
		c.addReplyOrErrorObject(reply)
		return v, false
	}
	if c.checkEntryType(e, objZset) {
		return v, false
	}
	return viewZset(e), true
}

func (v *zsetView) length() int {
	switch {
	case v.z != nil:
		return v.z.t.Len()
	case v.lp != nil:
		return listpack.Len(v.lp) / 2
	}
	return 0
}

// score is a member's score.
func (v *zsetView) score(member []byte) (float64, bool) {
	if v.z != nil {
		e := v.z.find(member)
		if !e.Ok() {
			return 0, false
		}
		return scoreAt(e), true
	}
	p := zzlFind(v.lp, member)
	if p == listpack.End {
		return 0, false
	}
	return zzlScore(v.lp, p), true
}

// rank is the number of members before the given one.
func (v *zsetView) rank(member []byte) (rank int, score float64, found bool) {
	if v.z != nil {
		e := v.z.find(member)
		if !e.Ok() {
			return 0, 0, false
		}
		score = scoreAt(e)
		rank, found = v.z.t.Rank(score, member)
		return rank, score, found
	}
	for c := v.at(0); c.ok(); c.next() {
		if m := listpack.Get(c.lp, c.p); m.Equal(member) {
			return rank, c.score(), true
		}
		rank++
	}
	return 0, 0, false
}

// countBelow is the number of members with a score below the given one, or, with orEqual, not above it.
func (v *zsetView) countBelow(score float64, orEqual bool) int {
	if v.z != nil {
		return v.z.t.CountBelow(score, orEqual)
	}
	n := 0
	for c := v.at(0); c.ok(); c.next() {
		if s := c.score(); !(s < score || orEqual && s == score) {
			break
		}
		n++
	}
	return n
}

// countWhile is the number of members at the beginning of which before is true.
func (v *zsetView) countWhile(before func(member []byte) bool) int {
	if v.z != nil {
		return v.z.t.CountWhile(before)
	}
	n := 0
	var buf [20]byte
	for c := v.at(0); c.ok() && before(c.member(&buf)); c.next() {
		n++
	}
	return n
}

// zsetCursor is a position in a sorted set.
type zsetCursor struct {
	lp []byte // nil: a tree
	p  int
	t  btree.Cursor
}

// at is the position of a rank; not ok if there is no such.
func (v *zsetView) at(rank int) (c zsetCursor) {
	v.seek(&c, rank)
	return c
}

// seek is at for a cursor that is there already: they are large.
func (v *zsetView) seek(c *zsetCursor, rank int) {
	switch {
	case v.z != nil:
		c.lp = nil
		v.z.t.Seek(&c.t, rank)
		return
	case v.lp == nil || rank < 0:
		c.p = listpack.End
	case rank == 0:
		c.p = listpack.First(v.lp)
	default:
		c.p = listpack.Seek(v.lp, 2*rank)
	}
	c.lp, c.t = v.lp, btree.Cursor{}
}

func (c *zsetCursor) ok() bool {
	if c.lp != nil {
		return c.p != listpack.End
	}
	return c.t.Ok()
}

// member is the member's text, in buf if it is a number of a listpack.
func (c *zsetCursor) member(buf *[20]byte) []byte {
	if c.lp != nil {
		v := listpack.Get(c.lp, c.p)
		return v.Bytes(buf)
	}
	return c.t.Member()
}

func (c *zsetCursor) score() float64 {
	if c.lp != nil {
		return zzlScore(c.lp, c.p)
	}
	return c.t.Score()
}

func (c *zsetCursor) next() {
	if c.lp != nil {
		c.p = listpack.Next(c.lp, listpack.Next(c.lp, c.p))
		return
	}
	c.t.Next()
}

func (c *zsetCursor) prev() {
	if c.lp == nil {
		c.t.Prev()
		return
	}
	if c.p = listpack.Prev(c.lp, c.p); c.p != listpack.End {
		c.p = listpack.Prev(c.lp, c.p)
	}
}

// step is next or prev.
func (c *zsetCursor) step(reverse bool) {
	if reverse {
		c.prev()
	} else {
		c.next()
	}
}

// --- Listpacks ---

// zzlFind is the position of a member.
func zzlFind(lp, member []byte) int {
	if lp == nil {
		return listpack.End
	}
	p := listpack.First(lp)
	if p == listpack.End {
		return p
	}
	return listpack.Find(lp, p, member, 1)
}

// zzlScore is the score of the member at p.
func zzlScore(lp []byte, p int) float64 {
	v := listpack.Get(lp, listpack.Next(lp, p))
	if v.IsInt {
		return float64(v.Int)
	}
	f, ok := util.String2d(v.Str)
	if !ok {
		return packedScore(v)
	}
	return f
}

// zzlInsert adds a member, which is not there, at its place.
func zzlInsert(lp []byte, score float64, member []byte) []byte {
	var buf [20]byte
	p := listpack.First(lp)
	if last := listpack.Last(lp); last != listpack.End {
		// What comes in order goes to the end without a search.
		if m := listpack.Prev(lp, last); zzlScore(lp, m) < score {
			p = listpack.End
		}
	}
	for p != listpack.End {
		s := zzlScore(lp, p)
		if s > score {
			break
		}
		if s == score {
			if m := listpack.Get(lp, p); bytes.Compare(m.Bytes(&buf), member) > 0 {
				break
			}
		}
		p = listpack.Next(lp, listpack.Next(lp, p))
	}
	return zzlInsertAt(lp, p, score, member)
}

// zzlInsertAt adds a member before position p, or at the end.
func zzlInsertAt(lp []byte, p int, score float64, member []byte) []byte {
	n, isInt := util.Double2ll(score)
	var buf [40]byte
	if p == listpack.End {
		lp = listpack.Append(lp, member)
		if isInt {
			return listpack.AppendInt(lp, n)
		}
		return listpack.Append(lp, util.AppendDouble(buf[:0], score))
	}
	if isInt {
		lp = listpack.InsertIntBefore(lp, p, n)
	} else {
		lp = listpack.InsertBefore(lp, p, util.AppendDouble(buf[:0], score))
	}
	return listpack.InsertBefore(lp, p, member)
}

// zzlDelete removes the member at p.
func zzlDelete(lp []byte, p int) []byte {
	lp, _ = listpack.DeleteRangeAt(lp, p, 2)
	return lp
}

// --- Changing ---

// zsetEdit is a sorted set that is being changed: packed bytes in the server's scratch buffer, or an object. The database learns about
// it by commit, and must not be written to before.
type zsetEdit struct {
	zsetView
	c      *client
	db     *redisDb
	key    []byte
	e      dict.Entry
	o      *robj // of z, once it is in the database
	exists bool
	was    int // members when it was opened
}

// openZset makes ed the edit of what is at key. It answers and reports false if that is no sorted set. If there is no key, the edit is an
// empty listpack that commit adds.
func (c *client) openZset(ed *zsetEdit, key []byte) bool {
	e := c.db.entry(key, lookupWrite)
	if c.checkEntryType(e, objZset) {
		return false
	}
	c.db.editZset(ed, e, key)
	ed.c = c
	return true
}

// editZset is openZset for a position.
func (db *redisDb) editZset(ed *zsetEdit, e dict.Entry, key []byte) {
	*ed = zsetEdit{db: db, key: key, e: e, exists: e.Ok()}
	server := db.server
	switch {
	case !ed.exists:
		ed.lp = listpack.Reset(server.zsetScratch)
	case e.IsPointer():
		o := (*robj)(e.Pointer())
		if server.clock.Frozen(o.epoch) {
			o = db.thawObject(e, o)
			ed.e = db.keys.Find(key)
		}
		ed.o, ed.z = o, o.ptr.(*zsetObject)
	default:
		ed.lp = append(server.zsetScratch[:0], e.Value()...)
	}
	ed.was = ed.length()
}

// newZset is the edit of a sorted set that replaces whatever is at key: see store.
func (db *redisDb) newZset(key []byte) zsetEdit {
	return zsetEdit{db: db, key: key, zsetView: zsetView{lp: listpack.Reset(db.server.zsetScratch)}}
}

// hint makes the set a skiplist at once if so many members, the first of so many bytes, would not fit a listpack. The length is of
// no concern to a set that exists: they may all be there already, and the number is taken for what is added to nothing, as C does. That only
// the first counts is to be seen: a score of -0 becomes 0 in a listpack, also in one that a later member turns into a skiplist.
func (ed *zsetEdit) hint(members, first int) {
	server := ed.db.server
	if ed.z == nil && (members > server.zsetMaxListpackEntries || !ed.exists && first > server.zsetMaxListpackValue) {
		ed.toSkiplist()
	}
}

// toSkiplist changes the encoding.
func (ed *zsetEdit) toSkiplist() {
	z := ed.db.server.newZsetObject()
	var buf [20]byte
	for c := ed.at(0); c.ok(); c.next() {
		z.insert(c.score(), c.member(&buf))
	}
	ed.keepScratch()
	ed.lp, ed.z = nil, z
}

func (ed *zsetEdit) keepScratch() {
	if ed.lp != nil && cap(ed.lp) <= 1<<20 {
		ed.db.server.zsetScratch = ed.lp
	}
}

// Flags of zsetEdit.add.
const (
	zaddInIncr = 1 << iota // add the score to the present one
	zaddInNx               // only new members
	zaddInXx               // only present members
	zaddInGt               // only upwards
	zaddInLt               // only downwards
)

// What zsetEdit.add did.
const (
	zaddOutNop     = 1 << iota // nothing, because of the flags
	zaddOutNan                 // nothing: the sum is not a number
	zaddOutAdded               // there is a new member
	zaddOutUpdated             // the score has changed
)

// add adds a member or updates its score (C: zsetAdd).
func (ed *zsetEdit) add(score float64, member []byte, in int) (out int, newScore float64) {
	var e dict.Entry
	var current float64
	p, found := listpack.End, false
	if ed.z != nil {
		if e = ed.z.find(member); e.Ok() {
			current, found = scoreAt(e), true
		}
	} else if p = zzlFind(ed.lp, member); p != listpack.End {
		current, found = zzlScore(ed.lp, p), true
	}
	if math.IsNaN(score) {
		return zaddOutNan, 0
	}
	if !found {
		if in&zaddInXx != 0 {
			return zaddOutNop, 0
		}
		if ed.z == nil {
			server := ed.db.server
			if ed.length()+1 > server.zsetMaxListpackEntries || len(member) > server.zsetMaxListpackValue || !listpack.SafeToAdd(ed.lp, len(member)) {
				ed.toSkiplist()
				e = ed.z.find(member)
			}
		}
		if ed.z != nil {
			ed.z.insertAt(e, score, member)
		} else {
			ed.lp = zzlInsert(ed.lp, score, member)
		}
		return zaddOutAdded, score
	}
	if in&zaddInNx != 0 {
		return zaddOutNop, 0
	}
	if in&zaddInIncr != 0 {
		if score += current; math.IsNaN(score) {
			return zaddOutNan, 0
		}
	}
	if in&zaddInLt != 0 && score >= current || in&zaddInGt != 0 && score <= current {
		return zaddOutNop, 0
	}
	if score == current {
		return 0, score
	}
	if ed.z != nil {
		ed.z.update(e, member, score)
	} else {
		ed.lp = zzlInsert(zzlDelete(ed.lp, p), score, member)
	}
	return zaddOutUpdated, score
}

// remove deletes a member, and reports whether it was there.
func (ed *zsetEdit) remove(member []byte) bool {
	if ed.z != nil {
		e := ed.z.find(member)
		if !e.Ok() {
			return false
		}
		ed.z.remove(e, member)
		return true
	}
	p := zzlFind(ed.lp, member)
	if p == listpack.End {
		return false
	}
	ed.lp = zzlDelete(ed.lp, p)
	return true
}

// removeRange deletes the members with ranks from lo to before hi.
func (ed *zsetEdit) removeRange(lo, hi int) {
	if hi <= lo {
		return
	}
	if ed.z == nil {
		ed.lp = listpack.DeleteRange(ed.lp, 2*lo, 2*(hi-lo))
		return
	}
	if lo == 0 && hi == ed.z.t.Len() {
		ed.z.t.Release()
		ed.z.d.Release()
		return
	}
	ed.z.removeRange(lo, hi)
}

// removeRange deletes some of the members, those with ranks from lo to before hi. The tree tells which come next, so that the dictionary
// need not wait for memory at each of them.
func (z *zsetObject) removeRange(lo, hi int) {
	if hi == lo+1 {
		z.removeAt(lo)
		return
	}
	var hashes [dict.PrefetchMax]uint64
	var c btree.Cursor
	for hi > lo {
		n := min(hi-lo, len(hashes))
		z.t.Seek(&c, lo)
		for i := range n {
			hashes[i] = dict.Hash(c.Member())
			c.Next()
		}
		z.d.Prefetch(hashes[:n])
		for _, h := range hashes[:n] {
			z.t.Seek(&c, lo)
			z.d.Delete(z.d.Find(h, c.Member()))
			z.t.DeleteAt(lo)
		}
		hi -= n
	}
}

// removeAt deletes the member of a rank.
func (z *zsetObject) removeAt(rank int) {
	var c btree.Cursor
	z.t.Seek(&c, rank)
	member := c.Member()
	h := dict.Hash(member)
	var buf [64]byte
	if len(member) > len(buf) {
		z.d.Delete(z.d.Find(h, member))
		z.t.DeleteAt(rank)
		return
	}
	z.d.PrefetchPage(h)
	member = append(buf[:0], member...)
	z.t.DeleteAt(rank)
	z.d.Delete(z.d.Find(h, member))
}

// commit stores what has become of the set; an empty one is deleted, which it reports. Watchers and events are the command's business.
func (ed *zsetEdit) commit() (deleted bool) {
	db := ed.db
	n := ed.length()
	switch {
	case n == 0:
		if ed.exists {
			if ed.o != nil {
				db.updateKeysizesHist(objZset, ed.was, 0)
			} else if ed.z != nil {
				ed.z.release()
			}
			db.deleteEntry(ed.e, ed.key, db.server.lazyfreeLazyServerDel)
			deleted = true
		} else if ed.z != nil {
			ed.z.release()
		}
	case ed.o != nil:
		db.updateKeysizesHist(objZset, ed.was, n)
	case ed.z != nil:
		o := db.server.newCollection(objZset, objEncodingSkiplist, ed.z)
		if ed.exists {
			db.setCollection(ed.e, o)
		} else {
			db.addEntry(ed.e, ed.key, collectionValue(o))
		}
	case ed.exists:
		db.setPacked(ed.e, objZset, objEncodingListpack, ed.lp)
	default:
		db.addEntry(ed.e, ed.key, packedValue(objZset, objEncodingListpack, ed.lp))
	}
	ed.keepScratch()
	return deleted
}

// converted tells whether an existing set has got another encoding.
func (ed *zsetEdit) converted() bool { return ed.exists && ed.o == nil && ed.z != nil }

// discard ends an edit that has changed nothing.
func (ed *zsetEdit) discard() {
	if ed.z != nil && ed.o == nil {
		ed.z.release()
	}
	ed.keepScratch()
}

// value is the new set in the dictionary's form, in the encoding that suits it.
func (ed *zsetEdit) value(longest int) dict.Value {
	server := ed.db.server
	if ed.z != nil && ed.z.t.Len() <= server.zsetMaxListpackEntries && longest <= server.zsetMaxListpackValue {
		z := ed.z
		lp := listpack.Reset(server.zsetScratch)
		for c := z.t.At(0); c.Ok(); c.Next() {
			lp = zzlInsertAt(lp, listpack.End, c.Score(), c.Member())
		}
		z.release()
		ed.lp, ed.z = lp, nil
	}
	if ed.z != nil {
		return collectionValue(server.newCollection(objZset, objEncodingSkiplist, ed.z))
	}
	return packedValue(objZset, objEncodingListpack, ed.lp)
}

// store makes the new set, which is not empty, the value of its key, whatever that was before.
func (ed *zsetEdit) store(c *client, longest int) {
	db := ed.db
	v := ed.value(longest)
	db.setEntry(c, db.entry(ed.key, lookupWrite), ed.key, v, 0)
	ed.keepScratch()
}

// --- ZADD, ZINCRBY ---

const nanerr = "resulting score is not a number (NaN)"

// ZADD key [NX|XX] [GT|LT] [CH] [INCR] score member [score member ...]
func zaddCommand(c *client) { zaddGenericCommand(c, 0) }

// ZINCRBY key increment member
func zincrbyCommand(c *client) { zaddGenericCommand(c, zaddInIncr) }

func zaddGenericCommand(c *client, flags int) {
	server, key := c.server, c.argv[1]
	ch := false
	i := 2
options:
	for ; i < len(c.argv); i++ {
		switch opt := c.argv[i]; {
		case equalFold(opt, "NX"):
			flags |= zaddInNx
		case equalFold(opt, "XX"):
			flags |= zaddInXx
		case equalFold(opt, "CH"):
			ch = true
		case equalFold(opt, "INCR"):
			flags |= zaddInIncr
		case equalFold(opt, "GT"):
			flags |= zaddInGt
		case equalFold(opt, "LT"):
			flags |= zaddInLt
		default:
			break options
		}
	}
	incr := flags&zaddInIncr != 0
	pairs := c.argv[i:]
	if len(pairs) == 0 || len(pairs)%2 != 0 {
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	has := func(f int) bool { return flags&f == f }
	switch {
	case has(zaddInNx | zaddInXx):
		c.addReplyError("XX and NX options at the same time are not compatible")
		return
	case has(zaddInGt | zaddInNx), has(zaddInLt | zaddInNx), has(zaddInGt | zaddInLt):
		c.addReplyError("GT, LT, and/or NX options at the same time are not compatible")
		return
	case incr && len(pairs) > 2:
		c.addReplyError("INCR option supports a single increment-element pair")
		return
	}
	// All scores are parsed before anything is added: the command works as a whole or not at all.
	var few [16]float64
	scores := few[:0]
	for j := 0; j < len(pairs); j += 2 {
		score, ok := c.getDoubleFromObjectOrReply(pairs[j], "")
		if !ok {
			return
		}
		scores = append(scores, score)
	}
	var ed zsetEdit
	if !c.openZset(&ed, key) {
		return
	}
	added, updated, processed := 0, 0, 0
	var score float64
	failed := false
	if ed.exists || flags&zaddInXx == 0 {
		ed.hint(len(scores), len(pairs[1]))
		for j, s := range scores {
			var out int
			out, score = ed.add(s, pairs[2*j+1], flags)
			if out&zaddOutNan != 0 {
				c.addReplyError(nanerr)
				failed = true
				break
			}
			if out&zaddOutAdded != 0 {
				added++
			}
			if out&zaddOutUpdated != 0 {
				updated++
			}
			if out&zaddOutNop == 0 {
				processed++
			}
		}
	}
	if added+updated > 0 || ed.converted() {
		ed.commit()
	} else {
		ed.discard()
	}
	if !failed {
		server.dirty += int64(added + updated)
		switch {
		case incr && processed > 0:
			c.addReplyDouble(score)
		case incr:
			c.addReplyNull()
		case ch:
			c.addReplyLongLong(int64(added + updated))
		default:
			c.addReplyLongLong(int64(added))
		}
	}
	if added+updated > 0 {
		server.signalModifiedKey(c, c.db, key)
		event := "zadd"
		if incr {
			event = "zincr"
		}
		server.notifyKeyspaceEvent(notifyZset, event, key, c.db.id)
	}
}

// --- Single members ---

// removed ends a command that has deleted n members: it stores, tells everybody, and counts.
func (ed *zsetEdit) removed(c *client, n int, event string) {
	server := c.server
	if n == 0 {
		ed.discard()
		return
	}
	deleted := ed.commit()
	server.notifyKeyspaceEvent(notifyZset, event, ed.key, c.db.id)
	if deleted {
		server.notifyKeyspaceEvent(notifyGeneric, "del", ed.key, c.db.id)
	}
	server.signalModifiedKey(c, c.db, ed.key)
	server.dirty += int64(n)
}

// ZREM key member [member ...]
func zremCommand(c *client) {
	var ed zsetEdit
	if !c.openZset(&ed, c.argv[1]) {
		return
	}
	n := 0
	for _, member := range c.argv[2:] {
		if ed.remove(member) {
			n++
		}
	}
	ed.removed(c, n, "zrem")
	c.addReplyLongLong(int64(n))
}

// ZCARD key
func zcardCommand(c *client) {
	if v, ok := c.lookupZsetRead(c.argv[1], shared.czero); ok {
		c.addReplyLongLong(int64(v.length()))
	}
}

// ZSCORE key member
func zscoreCommand(c *client) {
	v, ok := c.lookupZsetRead(c.argv[1], shared.null[c.resp])
	if !ok {
		return
	}
	if score, found := v.score(c.argv[2]); found {
		c.addReplyDouble(score)
	} else {
		c.addReplyNull()
	}
}

// ZMSCORE key member [member ...]
func zmscoreCommand(c *client) {
	v, ok := c.lookupZsetRead(c.argv[1], "")
	if !ok {
		return
	}
	c.addReplyArrayLen(len(c.argv) - 2)
	for _, member := range c.argv[2:] {
		if score, found := v.score(member); found {
			c.addReplyDouble(score)
		} else {
			c.addReplyNull()
		}
	}
}

// ZRANK key member [WITHSCORE]
func zrankCommand(c *client) { zrankGenericCommand(c, false) }

// ZREVRANK key member [WITHSCORE]
func zrevrankCommand(c *client) { zrankGenericCommand(c, true) }

func zrankGenericCommand(c *client, reverse bool) {
	if len(c.argv) > 4 {
		c.addReplyErrorArity()
		return
	}
	withscore := len(c.argv) == 4
	if withscore && !equalFold(c.argv[3], "WITHSCORE") {
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	reply := shared.null[c.resp]
	if withscore {
		reply = shared.nullarray[c.resp]
	}
	v, ok := c.lookupZsetRead(c.argv[1], reply)
	if !ok {
		return
	}
	rank, score, found := v.rank(c.argv[2])
	if !found {
		c.addReply(reply)
		return
	}
	if reverse {
		rank = v.length() - 1 - rank
	}
	if withscore {
		c.addReplyArrayLen(2)
	}
	c.addReplyLongLong(int64(rank))
	if withscore {
		c.addReplyDouble(score)
	}
}

// zscanEmpty is ZSCAN's answer where there is no key.
const zscanEmpty = "*2\r\n$1\r\n0\r\n*0\r\n"

// ZSCAN key cursor [MATCH pattern] [COUNT count]
func zscanCommand(c *client) {
	cursor, ok := c.parseScanCursorOrReply(c.argv[2])
	if !ok {
		return
	}
	v, ok := c.lookupZsetRead(c.argv[1], zscanEmpty)
	if !ok {
		return
	}
	opts, ok := c.parseScanOptions(3, objZset)
	if !ok {
		return
	}
	r := c.server.newScanReply()
	var buf [20]byte
	var num [40]byte
	add := func(member, score []byte) {
		if opts.matches(member) {
			r.add(member)
			r.add(score)
		}
	}
	if v.z == nil {
		// All at once, and so that the next cursor is 0.
		for p := v.at(0); p.ok(); p.next() {
			add(p.member(&buf), util.AppendDouble(num[:0], p.score()))
		}
		r.send(c, 0)
		return
	}
	// In C the scores of a skiplist become text here in another way than anywhere else, and it shows.
	cursor = v.z.d.Scan(cursor, int(min(opts.count, 1<<30)), func(e dict.Entry) { add(e.Key(), util.AppendG17(num[:0], scoreAt(e))) })
	r.send(c, cursor)
}
