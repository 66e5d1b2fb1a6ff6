// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math/bits"
	"strconv"

	"redport/src/dict"
	"redport/src/intset"
	"redport/src/listpack"
	"redport/src/util"
)

// t_set.go - sets: their three encodings, and the commands on one set. Those on several are in t_set_ops.go.
//
//	intset     integers only, up to set-max-intset-entries: a sorted array, bytes in the keyspace
//	listpack   up to set-max-listpack-entries members of up to set-max-listpack-value bytes: bytes in the keyspace
//	hashtable  anything: a dictionary of keys without values
//
// A set never goes back to a smaller encoding, except that SPOP, which moves what is to stay into a new set
// if that is little, and SINTERSTORE and its relatives, whose result is new, choose afresh.
//
// To read, a command takes a setView of the position; it dies with the next write to the database. To change, it
// opens a setEdit, which has its own copy of packed bytes, and stores that.
//
// Counterpart: t_set.c.

// setObject is a set of encoding hashtable.
type setObject struct{ dictObject }

func (server *Server) newSetObject() *setObject { return &setObject{server.newDictObject()} }

func (o *setObject) thaw() collection { return &setObject{o.clone()} }
func (o *setObject) dup() collection  { return &setObject{o.copied()} }

func (o *setObject) digest(d *objectDigest) {
	it := o.d.Iter()
	for it.Next() {
		d.xor(it.Entry().Key())
	}
}

// --- Reading ---

// setView is a set to be read: either packed bytes, or a dictionary.
type setView struct {
	encoding uint8
	b        []byte
	d        *dict.Dict
}

// viewSet is the set at a position, until the next write to the database.
func viewSet(e dict.Entry) setView {
	if e.IsPointer() {
		return setView{encoding: objEncodingHt, d: (*robj)(e.Pointer()).ptr.(*setObject).d}
	}
	return setView{encoding: e.Meta() & 15, b: e.Value()}
}

func (s *setView) size() int {
	switch s.encoding {
	case objEncodingHt:
		return s.d.Len()
	case objEncodingIntset:
		return intset.Len(s.b)
	}
	return listpack.Len(s.b)
}

// contains tells whether m is a member.
func (s *setView) contains(m []byte) bool {
	switch s.encoding {
	case objEncodingHt:
		return s.d.Find(dict.Hash(m), m).Ok()
	case objEncodingIntset:
		n, ok := util.String2ll(m)
		return ok && intset.Contains(s.b, n)
	}
	return listpack.Find(s.b, listpack.First(s.b), m, 0) != listpack.End
}

// containsValue is contains for a member of another set.
func (s *setView) containsValue(v listpack.Value) bool {
	if !v.IsInt {
		return s.contains(v.Str)
	}
	if s.encoding == objEncodingIntset {
		return intset.Contains(s.b, v.Int)
	}
	var buf [20]byte
	return s.contains(util.AppendInt(buf[:0], v.Int))
}

// random is a random member, all of them with the same probability. The set is not empty.
func (s *setView) random(server *Server) listpack.Value {
	switch s.encoding {
	case objEncodingHt:
		return listpack.Value{Str: s.d.Random(server.rand.uint64).Key()}
	case objEncodingIntset:
		return listpack.Value{Int: intset.Get(s.b, server.rand.below(intset.Len(s.b))), IsInt: true}
	}
	return listpack.Get(s.b, listpack.Seek(s.b, server.rand.below(listpack.Len(s.b))))
}

// setIter goes through the members of a set that is not written to meanwhile.
type setIter struct {
	s  setView
	at int // position of the next one
	it dict.Iter

	member listpack.Value
}

func (s *setView) iter() setIter {
	it := setIter{s: *s}
	switch s.encoding {
	case objEncodingHt:
		it.it = s.d.Iter()
	case objEncodingIntset:
		it.member.IsInt = true
	default:
		it.at = listpack.First(s.b)
	}
	return it
}

// next moves to the next member, and reports false after the last one.
func (it *setIter) next() bool {
	switch it.s.encoding {
	case objEncodingHt:
		if !it.it.Next() {
			return false
		}
		it.member.Str = it.it.Entry().Key()
		return true
	case objEncodingIntset:
		if it.at == intset.Len(it.s.b) {
			return false
		}
		it.member.Int = intset.Get(it.s.b, it.at)
		it.at++
		return true
	}
	if it.at == listpack.End {
		return false
	}
	it.member = listpack.Get(it.s.b, it.at)
	it.at = listpack.Next(it.s.b, it.at)
	return true
}

// below is a random number from 0 to n-1.
func (x *xorshift) below(n int) int {
	hi, _ := bits.Mul64(x.uint64(), uint64(n))
	return int(hi)
}

// addReplyBulkValue sends an element of a packed value.
func (c *client) addReplyBulkValue(v listpack.Value) {
	if v.IsInt {
		c.addReplyBulkLongLong(v.Int)
	} else {
		c.addReplyBulkBytes(v.Str)
	}
}

// --- Changing ---

// setEdit is a set that a command changes. Packed bytes are its own, in the server's scratch buffer, so there is one at a time,
// and store puts them back.
type setEdit struct {
	setView
	server *Server
	e      dict.Entry // where it was found, or is to be added; valid until the database is written to
	was    int        // size when it was opened
	owned  bool       // the dictionary is the key's already
}

// openSet opens the set at a position.
func (db *redisDb) openSet(e dict.Entry) setEdit {
	server := db.server
	s := setEdit{server: server, e: e}
	if e.IsPointer() {
		s.encoding, s.d, s.owned = objEncodingHt, db.ownCollection(e).ptr.(*setObject).d, true
	} else {
		s.encoding = e.Meta() & 15
		s.b = append(server.setScratch[:0], e.Value()...)
	}
	s.was = s.size()
	return s
}

// newSet begins a set at the position where there is none. The first member and the number of those to come decide its encoding.
func (server *Server) newSet(e dict.Entry, member []byte, hint int) setEdit {
	s := setEdit{server: server, e: e}
	if _, ok := util.String2ll(member); ok && hint <= server.setMaxIntsetEntries {
		s.begin(objEncodingIntset)
	} else if hint <= server.setMaxListpackEntries {
		s.begin(objEncodingListpack)
	} else {
		s.begin(objEncodingHt)
	}
	return s
}

// newSetEncoded begins a set of the given encoding.
func (server *Server) newSetEncoded(encoding uint8) setEdit {
	s := setEdit{server: server}
	s.begin(encoding)
	return s
}

// begin makes s an empty set.
func (s *setEdit) begin(encoding uint8) {
	s.setView = setView{encoding: encoding}
	switch encoding {
	case objEncodingHt:
		s.d = s.server.newSetObject().d
	case objEncodingIntset:
		s.b = append(s.server.setScratch[:0], 2, 0, 0, 0, 0, 0, 0, 0)
	default:
		s.b = listpack.Reset(s.server.setScratch[:0])
	}
}

// store puts the set into the keyspace, to where it was opened. The set is not empty.
func (s *setEdit) store(db *redisDb, key []byte) {
	found := s.e.Ok()
	switch {
	case s.owned:
		db.updateKeysizesHist(objSet, s.was, s.size())
	case s.d != nil && found:
		db.setCollection(s.e, s.object())
	case s.d != nil:
		db.addEntry(s.e, key, collectionValue(s.object()))
	case found:
		db.setPacked(s.e, objSet, s.encoding, s.b)
	default:
		db.addEntry(s.e, key, packedValue(objSet, s.encoding, s.b))
	}
	s.keep()
}

// keep leaves the scratch buffer to the next edit.
func (s *setEdit) keep() {
	if s.b != nil && cap(s.b) <= 64*1024 {
		s.server.setScratch = s.b
	}
}

// object is the object of a set that has outgrown its packed encoding.
func (s *setEdit) object() *robj {
	return s.server.newCollection(objSet, objEncodingHt, &setObject{dictObject{s.server, s.d}})
}

// value is the set's form in the dictionary, for a key of its own.
func (s *setEdit) value() dict.Value {
	if s.d != nil {
		return collectionValue(s.object())
	}
	return packedValue(objSet, s.encoding, s.b)
}

// storeOrDelete deletes the key if the set is empty, or stores it.
func (s *setEdit) storeOrDelete(db *redisDb, key []byte) (deleted bool) {
	if s.size() > 0 {
		s.store(db, key)
		return false
	}
	s.keep()
	if s.owned {
		db.updateKeysizesHist(objSet, s.was, 0)
	}
	db.dbDelete(key)
	return true
}

// convert moves the members to another encoding.
func (s *setEdit) convert(encoding uint8) {
	old := s.setView
	// The old bytes lie in the scratch buffer, or in one that has outgrown it.
	s.server.setScratch = nil
	s.begin(encoding)
	it := old.iter()
	for it.next() {
		v := it.member
		switch encoding {
		case objEncodingHt:
			var buf [20]byte
			s.insert(v.Bytes(&buf))
		case objEncodingIntset:
			n := v.Int
			if !v.IsInt {
				n, _ = util.String2ll(v.Str)
			}
			s.b, _ = intset.Add(s.b, n)
		default:
			s.b = listpack.AppendValue(s.b, v)
		}
	}
	if old.d != nil {
		(&setObject{dictObject{s.server, old.d}}).release()
	} else if cap(old.b) <= 64*1024 && encoding == objEncodingHt {
		s.server.setScratch = old.b
	}
}

// insert adds m to the dictionary.
func (s *setEdit) insert(m []byte) bool {
	e := s.d.Find(dict.Hash(m), m)
	if e.Ok() {
		return false
	}
	s.d.Insert(e, m, dict.Value{}, 0)
	return true
}

// maybeConvert makes room for hint members at once.
func (s *setEdit) maybeConvert(hint int) (converted bool) {
	if s.encoding == objEncodingListpack && hint > s.server.setMaxListpackEntries ||
		s.encoding == objEncodingIntset && hint > s.server.setMaxIntsetEntries {
		s.convert(objEncodingHt)
		return true
	}
	return false
}

// intsetMaxEntries: an intset stays below 1 GB.
func (server *Server) intsetMaxEntries() int { return min(server.setMaxIntsetEntries, 1<<30) }

// add adds m, and reports false if it was there.
func (s *setEdit) add(m []byte) bool {
	server := s.server
	switch s.encoding {
	case objEncodingHt:
		return s.insert(m)
	case objEncodingIntset:
		if n, ok := util.String2ll(m); ok {
			return s.addInt(n)
		}
		// Not a number: the set outgrows its encoding, for a listpack if that can hold all of it.
		n, longest := intset.Len(s.b), 0
		if n > 0 {
			longest = max(util.SDigits10(intset.Max(s.b)), util.SDigits10(intset.Min(s.b)))
		}
		if n < server.setMaxListpackEntries && len(m) <= server.setMaxListpackValue && longest <= server.setMaxListpackValue {
			s.convert(objEncodingListpack)
			s.b = listpack.Append(s.b, m)
			return true
		}
		s.convert(objEncodingHt)
		return s.insert(m)
	}
	if listpack.Find(s.b, listpack.First(s.b), m, 0) != listpack.End {
		return false
	}
	if listpack.Len(s.b) < server.setMaxListpackEntries && len(m) <= server.setMaxListpackValue && listpack.SafeToAdd(s.b, len(m)) {
		s.b = listpack.Append(s.b, m)
		return true
	}
	s.convert(objEncodingHt)
	return s.insert(m)
}

// addInt adds a number, and reports false if it was there.
func (s *setEdit) addInt(n int64) (added bool) {
	if s.encoding != objEncodingIntset {
		var buf [20]byte
		return s.add(util.AppendInt(buf[:0], n))
	}
	if s.b, added = intset.Add(s.b, n); added && intset.Len(s.b) > s.server.intsetMaxEntries() {
		s.convert(objEncodingHt)
	}
	return added
}

// addValue adds a member of another set.
func (s *setEdit) addValue(v listpack.Value) bool {
	if v.IsInt {
		return s.addInt(v.Int)
	}
	return s.add(v.Str)
}

// remove removes m, and reports false if it was not there. Emptied sets are the caller's business.
func (s *setEdit) remove(m []byte) (removed bool) {
	switch s.encoding {
	case objEncodingHt:
		e := s.d.Find(dict.Hash(m), m)
		if !e.Ok() {
			return false
		}
		s.d.Delete(e)
		return true
	case objEncodingIntset:
		n, ok := util.String2ll(m)
		if ok {
			s.b, removed = intset.Remove(s.b, n)
		}
		return removed
	}
	p := listpack.Find(s.b, listpack.First(s.b), m, 0)
	if p == listpack.End {
		return false
	}
	s.b, _ = listpack.Delete(s.b, p)
	return true
}

func (s *setEdit) removeValue(v listpack.Value) bool {
	var buf [20]byte
	return s.remove(v.Bytes(&buf))
}

// --- Commands ---

// SADD key member [member ...]
func saddCommand(c *client) {
	server, db, key := c.server, c.db, c.argv[1]
	e := db.entry(key, lookupWrite)
	if c.checkEntryType(e, objSet) {
		return
	}
	var s setEdit
	converted := false // even if nothing is added
	if !e.Ok() {
		s = server.newSet(e, c.argv[2], len(c.argv)-2)
	} else {
		s = db.openSet(e)
		converted = s.maybeConvert(len(c.argv) - 2)
	}
	added := 0
	for _, m := range c.argv[2:] {
		if s.add(m) {
			added++
		}
	}
	if added > 0 || converted {
		s.store(db, key)
	} else {
		s.keep()
	}
	if added > 0 {
		server.signalModifiedKey(c, db, key)
		server.notifyKeyspaceEvent(notifySet, "sadd", key, db.id)
	}
	server.dirty += int64(added)
	c.addReplyLongLong(int64(added))
}

// SREM key member [member ...]
func sremCommand(c *client) {
	db, key := c.db, c.argv[1]
	e := db.entry(key, lookupWrite)
	if !e.Ok() {
		c.addReply(shared.czero)
		return
	}
	if c.checkEntryType(e, objSet) {
		return
	}
	s := db.openSet(e)
	removed := 0
	for _, m := range c.argv[2:] {
		if s.remove(m) {
			removed++
			if s.size() == 0 {
				break
			}
		}
	}
	if removed > 0 {
		c.elementsRemoved(key, notifySet, "srem", removed, s.storeOrDelete(db, key))
	} else {
		s.keep()
	}
	c.addReplyLongLong(int64(removed))
}

// SMOVE source destination member
func smoveCommand(c *client) {
	server, db := c.server, c.db
	from, to, member := c.argv[1], c.argv[2], c.argv[3]
	e := db.entry(from, lookupWrite)
	if found := e.Ok(); found {
		keys := db.keys.Len()
		dst := db.entry(to, lookupWrite)
		if db.keys.Len() != keys {
			e = db.find(from) // the other one had expired
		}
		if c.checkEntryType(e, objSet) || c.checkEntryType(dst, objSet) {
			return
		}
	} else {
		db.entry(to, lookupWrite)
		c.addReply(shared.czero)
		return
	}
	if string(from) == string(to) {
		s := viewSet(e)
		if s.contains(member) {
			c.addReply(shared.cone)
		} else {
			c.addReply(shared.czero)
		}
		return
	}
	s := db.openSet(e)
	if !s.remove(member) {
		s.keep()
		c.addReply(shared.czero)
		return
	}
	gone := s.storeOrDelete(db, from)
	server.notifyKeyspaceEvent(notifySet, "srem", from, db.id)
	if gone {
		server.notifyKeyspaceEvent(notifyGeneric, "del", from, db.id)
	}
	if e = db.find(to); e.Ok() && !(e.Expire() >= 0 && db.entryIsExpired(e)) {
		s = db.openSet(e)
	} else {
		s = server.newSet(db.entry(to, lookupWrite), member, 1)
	}
	server.signalModifiedKey(c, db, from)
	server.dirty++
	if s.add(member) {
		s.store(db, to)
		server.dirty++
		server.signalModifiedKey(c, db, to)
		server.notifyKeyspaceEvent(notifySet, "sadd", to, db.id)
	} else {
		s.keep()
	}
	c.addReply(shared.cone)
}

// lookupSetOrReply is the set at a key that will only be read; it answers with reply if there is none, with an error
// if there is something else.
func (c *client) lookupSetOrReply(key []byte, reply string) (s setView, ok bool) {
	e := c.db.entry(key, lookupNone)
	if !e.Ok() {
		c.addReply(reply)
		return s, false
	}
	if c.checkEntryType(e, objSet) {
		return s, false
	}
	return viewSet(e), true
}

// SISMEMBER key member
func sismemberCommand(c *client) {
	s, ok := c.lookupSetOrReply(c.argv[1], shared.czero)
	if !ok {
		return
	}
	if s.contains(c.argv[2]) {
		c.addReply(shared.cone)
	} else {
		c.addReply(shared.czero)
	}
}

// SMISMEMBER key member [member ...]
func smismemberCommand(c *client) {
	e := c.db.entry(c.argv[1], lookupNone)
	if c.checkEntryType(e, objSet) {
		return
	}
	var s setView
	if e.Ok() {
		s = viewSet(e)
	}
	c.addReplyArrayLen(len(c.argv) - 2)
	for _, m := range c.argv[2:] {
		if e.Ok() && s.contains(m) {
			c.addReply(shared.cone)
		} else {
			c.addReply(shared.czero)
		}
	}
}

// SCARD key
func scardCommand(c *client) {
	if s, ok := c.lookupSetOrReply(c.argv[1], shared.czero); ok {
		c.addReplyLongLong(int64(s.size()))
	}
}

// --- SPOP ---

// From this ratio of members to stay to members to go on, SPOP removes those that go; below, it takes out those that stay.
const spopMoveStrategyMul = 5

// spopPropagateBatch is how many members one SREM names that an SPOP becomes.
const spopPropagateBatch = 1024

// SPOP key [count]
func spopCommand(c *client) {
	if len(c.argv) == 3 {
		spopWithCountCommand(c)
		return
	}
	if len(c.argv) > 3 {
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	server, db, key := c.server, c.db, c.argv[1]
	e := db.entry(key, lookupWrite)
	if !e.Ok() {
		c.addReplyNull()
		return
	}
	if c.checkEntryType(e, objSet) {
		return
	}
	s := db.openSet(e)
	propagates := server.propagates()
	var member []byte // for those to whom it is propagated
	if s.encoding == objEncodingHt {
		x := s.d.Random(server.rand.uint64)
		c.addReplyBulkBytes(x.Key())
		if propagates {
			member = append(member, x.Key()...)
		}
		s.d.Delete(x)
	} else {
		v := s.random(server)
		c.addReplyBulkValue(v)
		if propagates {
			member = v.Append(member)
		}
		s.removeValue(v)
	}
	server.notifyKeyspaceEvent(notifySet, "spop", key, db.id)
	// Replicas must remove the same one.
	if propagates {
		c.rewriteClientCommandVector([]byte("SREM"), key, member)
	}
	if s.storeOrDelete(db, key) {
		server.notifyKeyspaceEvent(notifyGeneric, "del", key, db.id)
	}
	server.signalModifiedKey(c, db, key)
	server.dirty++
}

// spopPropagation gathers the members that an SPOP with a count removed, for the SREMs that are sent instead.
type spopPropagation struct {
	c    *client
	on   bool
	argv [][]byte
}

func (p *spopPropagation) add(v listpack.Value) {
	if !p.on {
		return
	}
	if p.argv == nil {
		p.argv = append(p.argv, []byte("SREM"), p.c.argv[1])
	}
	p.argv = append(p.argv, v.Append(nil))
	if len(p.argv) == 2+spopPropagateBatch {
		p.flush()
	}
}

func (p *spopPropagation) flush() {
	if len(p.argv) > 2 {
		p.c.server.alsoPropagate(p.c.db.id, p.argv, propagateAof|propagateRepl)
		p.argv = p.argv[:2]
	}
}

func spopWithCountCommand(c *client) {
	server, db, key := c.server, c.db, c.argv[1]
	count64, ok := c.getPositiveLongFromObjectOrReply(c.argv[2], "")
	if !ok {
		return
	}
	e := db.entry(key, lookupWrite)
	if !e.Ok() {
		c.addReply(shared.emptyset[c.resp])
		return
	}
	if c.checkEntryType(e, objSet) {
		return
	}
	if count64 == 0 {
		c.addReply(shared.emptyset[c.resp])
		return
	}
	view := viewSet(e)
	size := view.size()
	count := int(min(count64, int64(size)))
	server.notifyKeyspaceEvent(notifySet, "spop", key, db.id)
	server.dirty += int64(count)

	// All of them: that is a deletion.
	if count == size {
		c.addReplySetLen(size)
		it := view.iter()
		for it.next() {
			c.addReplyBulkValue(it.member)
		}
		db.dbDelete(key)
		server.notifyKeyspaceEvent(notifyGeneric, "del", key, db.id)
		c.rewriteAsDeletion(key, server.lazyfreeLazyServerDel)
		server.signalModifiedKey(c, db, key)
		return
	}

	prop := spopPropagation{c: c, on: server.propagates()}
	s := db.openSet(e)
	remaining := size - count
	c.addReplySetLen(count)
	switch {
	case remaining*spopMoveStrategyMul <= count:
		// Few stay: they move to a new set, and the old one is answered with.
		spopMoveRemaining(c, &s, remaining, &prop)
	case s.encoding == objEncodingListpack:
		// One pass: each is taken with the probability that makes all choices equally likely.
		p, left := listpack.First(s.b), size
		for need := count; need > 0; left-- {
			if server.rand.below(left) >= need {
				p = listpack.Next(s.b, p)
				continue
			}
			v := listpack.Get(s.b, p)
			c.addReplyBulkValue(v)
			prop.add(v)
			s.b, p = listpack.Delete(s.b, p)
			need--
		}
	case s.encoding == objEncodingHt:
		for range count {
			x := s.d.Random(server.rand.uint64)
			v := listpack.Value{Str: x.Key()}
			c.addReplyBulkValue(v)
			prop.add(v)
			s.d.Delete(x)
		}
	default:
		for range count {
			v := s.random(server)
			c.addReplyBulkValue(v)
			prop.add(v)
			s.b, _ = intset.Remove(s.b, v.Int)
		}
	}
	if remaining*spopMoveStrategyMul > count {
		s.store(db, key)
	}
	prop.flush()
	// The SREMs do it.
	c.preventCommandPropagation()
	server.signalModifiedKey(c, db, key)
}

// spopMoveRemaining takes remaining random members out of the set, answers with the others, and stores a new set of those that stay.
func spopMoveRemaining(c *client, s *setEdit, remaining int, prop *spopPropagation) {
	server := c.server
	stay := make([][]byte, 0, remaining)
	for range remaining {
		var m []byte
		if s.encoding == objEncodingHt {
			x := s.d.Random(server.rand.uint64)
			m = append(m, x.Key()...)
			s.d.Delete(x)
		} else {
			v := s.random(server)
			m = v.Append(m)
			s.removeValue(v)
		}
		stay = append(stay, m)
	}
	it := s.iter()
	for it.next() {
		c.addReplyBulkValue(it.member)
		prop.add(it.member)
	}
	// The new set begins small, whatever the old one was.
	n := setEdit{server: server, e: s.e, was: s.was}
	if s.encoding == objEncodingIntset {
		n.begin(objEncodingIntset)
	} else {
		n.begin(objEncodingListpack)
	}
	for _, m := range stay {
		n.add(m)
	}
	if s.owned {
		// What is stored there now is an object, whatever the new set is.
		db, key := c.db, c.argv[1]
		db.updateKeysizesHist(objSet, s.was, s.d.Len())
		e := db.find(key)
		old := (*robj)(e.Pointer())
		if n.d != nil {
			db.setCollection(e, n.object())
		} else {
			db.setPacked(e, objSet, n.encoding, n.b)
		}
		server.freeObject(old, server.lazyfreeLazyServerDel)
		n.keep()
		return
	}
	n.store(c.db, c.argv[1])
}

// --- SRANDMEMBER ---

// From this ratio of members to members wanted on, SRANDMEMBER draws until it has enough different ones.
const srandmemberSubStrategyMul = 3

// SRANDMEMBER key [count]
func srandmemberCommand(c *client) {
	if len(c.argv) == 3 {
		srandmemberWithCountCommand(c)
		return
	}
	if len(c.argv) > 3 {
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	if s, ok := c.lookupSetOrReply(c.argv[1], shared.null[c.resp]); ok {
		c.addReplyBulkValue(s.random(c.server))
	}
}

func srandmemberWithCountCommand(c *client) {
	server := c.server
	const most = 1<<63 - 1
	count, ok := c.getRangeLongFromObjectOrReply(c.argv[2], -most, most, "")
	if !ok {
		return
	}
	s, ok := c.lookupSetOrReply(c.argv[1], shared.emptyarray)
	if !ok {
		return
	}
	size := s.size()
	switch {
	case count == 0:
		c.addReply(shared.emptyarray)
	case count < 0:
		// As many as wanted, any of them several times.
		c.addReplyAggregateLen('*', int(-count))
		for ; count < 0 && c.flags&clientCloseASAP == 0; count++ {
			c.addReplyBulkValue(s.random(server))
		}
	case count >= int64(size):
		c.addReplyArrayLen(size)
		it := s.iter()
		for it.next() {
			c.addReplyBulkValue(it.member)
		}
	case s.encoding == objEncodingListpack || count*srandmemberSubStrategyMul > int64(size):
		// One pass: each is taken with the probability that makes all choices equally likely.
		c.addReplyArrayLen(int(count))
		it := s.iter()
		for need, left := int(count), size; need > 0; left-- {
			it.next()
			if server.rand.below(left) < need {
				c.addReplyBulkValue(it.member)
				need--
			}
		}
	default:
		c.addReplyArrayLen(int(count))
		seen := make(map[string]struct{}, count)
		var buf [20]byte
		for len(seen) < int(count) {
			v := s.random(server)
			m := v.Bytes(&buf)
			if _, ok := seen[string(m)]; ok {
				continue
			}
			seen[string(m)] = struct{}{}
			c.addReplyBulkBytes(m)
		}
	}
}

// --- SSCAN ---

// SSCAN key cursor [MATCH pattern] [COUNT count]
func sscanCommand(c *client) {
	cursor, ok := c.parseScanCursorOrReply(c.argv[2])
	if !ok {
		return
	}
	s, ok := c.lookupSetOrReply(c.argv[1], shared.emptyscan)
	if !ok {
		return
	}
	opts, ok := c.parseScanOptions(3, objSet)
	if !ok {
		return
	}
	r := c.server.newScanReply()
	if s.encoding == objEncodingHt {
		cursor = s.d.Scan(cursor, int(min(opts.count, 1<<30)), func(e dict.Entry) {
			if m := e.Key(); opts.matches(m) {
				r.add(m)
			}
		})
		r.send(c, cursor)
		return
	}
	// A packed set comes all at once.
	var buf [20]byte
	it := s.iter()
	for it.next() {
		v := it.member
		m := v.Str
		if v.IsInt {
			m = strconv.AppendInt(buf[:0], v.Int, 10)
		}
		if opts.matches(m) {
			r.add(m)
		}
	}
	r.send(c, 0)
}
