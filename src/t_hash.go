// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math"
	"strconv"

	"redport/src/dict"
	"redport/src/listpack"
	"redport/src/util"
)

// t_hash.go - hashes: their three encodings, and the commands on fields and values. Expiry of fields is in
// t_hash_field_expire.go, HRANDFIELD and HSCAN in t_hash_random.go.
//
//	listpack    field, value, field, value ... up to hash-max-listpack-entries fields, nothing longer than
//	            hash-max-listpack-value: bytes in the keyspace
//	listpackex  field, value, expiry, field, value, expiry ... the same for a hash whose fields expire, or once did: by
//	            ascending expiry (Unix ms), and behind them those without, whose expiry is 0, as they came
//	hashtable   anything: a dictionary from field to value, where an entry's expiry is the field's
//
// To read, a command takes a hashView of the position; it dies with the next write to the database. To change, it
// opens a hashEdit, which has its own copy of packed bytes, and stores that.
//
// Counterpart: t_hash.c.

// hashObject is a hash of encoding hashtable.
type hashObject struct {
	dictObject
	minExpire int64 // no field expires before; noExpire if none does
}

// noExpire is an expiry that never comes.
const noExpire = math.MaxInt64

func (server *Server) newHashObject() *hashObject {
	return &hashObject{server.newDictObject(), noExpire}
}

func (o *hashObject) thaw() collection { return &hashObject{o.clone(), o.minExpire} }
func (o *hashObject) dup() collection  { return &hashObject{o.copied(), o.minExpire} }

func (o *hashObject) digest(d *objectDigest) {
	it := o.d.Iter()
	for it.Next() {
		e := it.Entry()
		d.field(e.Key(), e.Value(), e.Expire() >= 0)
	}
}

// field adds a field of a hash.
func (d *objectDigest) field(field, value []byte, expires bool) {
	var e objectDigest
	e.mix(field)
	e.mix(value)
	if expires {
		e.xor([]byte("!!hexpire!!"))
	}
	d.xor(e[:])
}

// --- Reading ---

// hashView is a hash to be read: either packed bytes, or a dictionary.
type hashView struct {
	encoding uint8
	b        []byte
	d        *dict.Dict
}

// viewHash is the hash at a position, until the next write to the database.
func viewHash(e dict.Entry) hashView {
	if e.IsPointer() {
		return hashView{encoding: objEncodingHt, d: (*robj)(e.Pointer()).ptr.(*hashObject).d}
	}
	return hashView{encoding: e.Meta() & 15, b: e.Value()}
}

// stride is the number of elements that a field takes in the packed encodings.
func (h *hashView) stride() int {
	if h.encoding == objEncodingListpackEx {
		return 3
	}
	return 2
}

// size is the number of fields, expired ones included.
func (h *hashView) size() int {
	if h.encoding == objEncodingHt {
		return h.d.Len()
	}
	return listpack.Len(h.b) / h.stride()
}

// find is the position of a field in a packed hash, or listpack.End.
func (h *hashView) find(field []byte) int {
	return listpack.Find(h.b, listpack.First(h.b), field, h.stride()-1)
}

// expireAt is the expiry of the field whose value is at position p of a listpackex, -1 if it has none.
func (h *hashView) expireAt(p int) int64 {
	if when := listpack.Get(h.b, listpack.Next(h.b, p)).Int; when != 0 {
		return when
	}
	return -1
}

// get is the value of a field, and its expiry, -1 if it has none.
func (h *hashView) get(field []byte) (v listpack.Value, when int64, ok bool) {
	if h.encoding == objEncodingHt {
		e := h.d.Find(dict.Hash(field), field)
		if !e.Ok() {
			return v, -1, false
		}
		return listpack.Value{Str: e.Value()}, e.Expire(), true
	}
	p := h.find(field)
	if p == listpack.End {
		return v, -1, false
	}
	p = listpack.Next(h.b, p)
	if h.encoding == objEncodingListpackEx {
		return listpack.Get(h.b, p), h.expireAt(p), true
	}
	return listpack.Get(h.b, p), -1, true
}

// volatile tells whether there are fields that expire.
func (h *hashView) volatile() bool {
	switch h.encoding {
	case objEncodingHt:
		return h.d.Expiring() > 0
	case objEncodingListpackEx:
		return firstExpire(h.b) != noExpire
	}
	return false
}

// firstExpire is the earliest expiry in a listpackex.
func firstExpire(b []byte) int64 {
	p := listpack.First(b)
	if p == listpack.End {
		return noExpire
	}
	p = listpack.Next(b, listpack.Next(b, p))
	if when := listpack.Get(b, p).Int; when != 0 {
		return when
	}
	return noExpire
}

// hashIter goes through the fields of a hash that is not written to meanwhile.
type hashIter struct {
	h  hashView
	at int // position of the next field
	it dict.Iter

	field, value listpack.Value
	expire       int64 // -1: none
}

func (h *hashView) iter() hashIter {
	it := hashIter{h: *h}
	if h.encoding == objEncodingHt {
		it.it = h.d.Iter()
	} else {
		it.at = listpack.First(h.b)
	}
	return it
}

// next moves to the next field, and reports false after the last one.
func (it *hashIter) next() bool {
	if it.h.encoding == objEncodingHt {
		if !it.it.Next() {
			return false
		}
		e := it.it.Entry()
		it.field.Str, it.value.Str, it.expire = e.Key(), e.Value(), e.Expire()
		return true
	}
	if it.at == listpack.End {
		return false
	}
	b := it.h.b
	it.field = listpack.Get(b, it.at)
	p := listpack.Next(b, it.at)
	it.value = listpack.Get(b, p)
	it.expire = -1
	if it.h.encoding == objEncodingListpackEx {
		it.expire = it.h.expireAt(p)
		p = listpack.Next(b, p)
	}
	it.at = listpack.Next(b, p)
	return true
}

// nextValid is next for fields that have not expired.
func (it *hashIter) nextValid(server *Server) bool {
	for it.next() {
		if it.expire < 0 || !server.hashFieldIsExpired(it.expire) {
			return true
		}
	}
	return false
}

// --- Changing ---

// hashEdit is a hash that a command changes. Packed bytes are its own, in the server's scratch buffer, so there is one at a
// time, and store puts them back.
type hashEdit struct {
	hashView
	server    *Server
	e         dict.Entry  // where it was found, or is to be added; valid until the database is written to
	o         *hashObject // the key's object, if that is what it has
	was       int         // size when it was opened
	minExpire int64       // of a dictionary: no field expires before
	retimed   bool        // expiries have changed
}

// openHash opens the hash at a position; if there is nothing, a new one.
func (db *redisDb) openHash(e dict.Entry) hashEdit {
	server := db.server
	h := hashEdit{server: server, e: e, minExpire: noExpire}
	switch {
	case !e.Ok():
		h.encoding = objEncodingListpack
		h.b = listpack.Reset(server.hashScratch[:0])
		return h
	case e.IsPointer():
		h.o = db.ownCollection(e).ptr.(*hashObject)
		h.encoding, h.d, h.minExpire = objEncodingHt, h.o.d, h.o.minExpire
	default:
		h.encoding = e.Meta() & 15
		h.b = append(server.hashScratch[:0], e.Value()...)
	}
	h.was = h.size()
	return h
}

// store puts the hash into the keyspace, to where it was opened. It is not empty.
func (h *hashEdit) store(db *redisDb, key []byte) {
	found := h.e.Ok()
	switch {
	case h.o != nil:
		h.o.minExpire = h.minExpire
		db.updateKeysizesHist(objHash, h.was, h.size())
	case h.d != nil && found:
		db.setCollection(h.e, h.object())
	case h.d != nil:
		db.addEntry(h.e, key, collectionValue(h.object()))
	case found:
		db.setPacked(h.e, objHash, h.encoding, h.b)
	default:
		db.addEntry(h.e, key, packedValue(objHash, h.encoding, h.b))
	}
	if h.retimed {
		db.indexHash(key, h.nextExpire())
	}
	h.keep()
}

// storeOrDelete deletes the key if the hash is empty, or stores it.
func (h *hashEdit) storeOrDelete(db *redisDb, key []byte) (deleted bool) {
	if h.size() > 0 {
		h.store(db, key)
		return false
	}
	h.keep()
	if !h.e.Ok() {
		if h.d != nil {
			(&hashObject{dictObject: dictObject{h.server, h.d}}).release()
		}
		return true
	}
	if h.o != nil {
		db.updateKeysizesHist(objHash, h.was, 0)
	} else if h.d != nil {
		(&hashObject{dictObject: dictObject{h.server, h.d}}).release()
	}
	db.dbDelete(key)
	return true
}

// keep leaves the scratch buffer to the next edit.
func (h *hashEdit) keep() {
	if h.b != nil && cap(h.b) <= 64*1024 {
		h.server.hashScratch = h.b
	}
}

// object is the object of a hash that has outgrown its packed encoding.
func (h *hashEdit) object() *robj {
	return h.server.newCollection(objHash, objEncodingHt, &hashObject{dictObject{h.server, h.d}, h.minExpire})
}

// nextExpire is a time before which no field expires; noExpire if none does.
func (h *hashEdit) nextExpire() int64 {
	switch {
	case !h.volatile():
		return noExpire
	case h.encoding == objEncodingHt:
		return h.minExpire
	}
	return firstExpire(h.b)
}

// convert moves the fields to a bigger encoding.
func (h *hashEdit) convert(encoding uint8) {
	if h.encoding == encoding || h.encoding == objEncodingHt {
		return
	}
	old := h.hashView
	h.hashView = hashView{encoding: encoding}
	if encoding == objEncodingHt {
		h.d = h.server.newHashObject().d
	} else {
		h.b = listpack.New(len(old.b) + 2*old.size())
	}
	var buf, valueBuf [20]byte
	it := old.iter()
	for it.next() {
		if encoding == objEncodingListpackEx {
			h.b = listpack.AppendInt(listpack.AppendValue(listpack.AppendValue(h.b, it.field), it.value), 0)
			continue
		}
		field := it.field.Bytes(&buf)
		e := h.d.Insert(h.d.Find(dict.Hash(field), field), field, dict.Value{Bytes: it.value.Bytes(&valueBuf)}, 0)
		if it.expire >= 0 {
			h.d.SetExpire(e, it.expire)
			h.minExpire = min(h.minExpire, it.expire)
		}
	}
	if encoding == objEncodingHt && cap(old.b) <= 64*1024 {
		h.server.hashScratch = old.b
	}
}

// tryConversion makes a dictionary of a packed hash if fields and values that are to be set do not belong into one.
func (h *hashEdit) tryConversion(args [][]byte) {
	if h.encoding == objEncodingHt {
		return
	}
	server := h.server
	if len(args)/2 > server.hashMaxListpackEntries {
		h.convert(objEncodingHt)
		return
	}
	sum := 0
	for _, a := range args {
		if len(a) > server.hashMaxListpackValue {
			h.convert(objEncodingHt)
			return
		}
		sum += len(a)
	}
	if !listpack.SafeToAdd(h.b, sum) {
		h.convert(objEncodingHt)
	}
}

// set sets a field, and reports true if it was there. Its expiry goes unless keepTTL.
func (h *hashEdit) set(field, value []byte, keepTTL bool) (updated bool) {
	if h.encoding != objEncodingHt && (len(field) > h.server.hashMaxListpackValue || len(value) > h.server.hashMaxListpackValue) {
		h.convert(objEncodingHt)
	}
	if h.encoding == objEncodingHt {
		e := h.d.Find(dict.Hash(field), field)
		if !e.Ok() {
			h.d.Insert(e, field, dict.Value{Bytes: value}, 0)
			return false
		}
		if !keepTTL && e.Expire() >= 0 {
			e = h.d.SetExpire(e, -1)
			h.retimed = true
		}
		h.d.Replace(e, dict.Value{Bytes: value})
		return true
	}
	if p := h.find(field); p == listpack.End {
		h.appendField(field, value)
	} else if v := listpack.Next(h.b, p); h.encoding == objEncodingListpackEx && !keepTTL && h.expireAt(v) >= 0 {
		// Without an expiry it belongs to the others of that kind, at the end.
		h.b, _ = listpack.DeleteRangeAt(h.b, p, 3)
		h.appendField(field, value)
		h.retimed = true
		updated = true
	} else {
		h.b = listpack.Replace(h.b, v, value)
		updated = true
	}
	if h.size() > h.server.hashMaxListpackEntries {
		h.convert(objEncodingHt)
	}
	return updated
}

// appendField adds a field, which is not there and does not expire, to a packed hash.
func (h *hashEdit) appendField(field, value []byte) {
	h.b = listpack.Append(listpack.Append(h.b, field), value)
	if h.encoding == objEncodingListpackEx {
		h.b = listpack.AppendInt(h.b, 0)
	}
}

// remove removes a field, and reports false if it was not there. Emptied hashes are the caller's business.
func (h *hashEdit) remove(field []byte) bool {
	if h.encoding == objEncodingHt {
		e := h.d.Find(dict.Hash(field), field)
		if !e.Ok() {
			return false
		}
		if e.Expire() >= 0 {
			h.retimed = true
		}
		h.d.Delete(e)
		return true
	}
	p := h.find(field)
	if p == listpack.End {
		return false
	}
	h.removeAt(p)
	return true
}

// removeAt removes the field at position p of a packed hash.
func (h *hashEdit) removeAt(p int) {
	if h.encoding == objEncodingListpackEx && h.expireAt(listpack.Next(h.b, p)) >= 0 {
		h.retimed = true
	}
	h.b, _ = listpack.DeleteRangeAt(h.b, p, h.stride())
}

// --- HSET and its relatives ---

// HSET key field value [field value ...], and HMSET, which answers OK
func hsetCommand(c *client) {
	server, db, key := c.server, c.db, c.argv[1]
	if len(c.argv)%2 == 1 {
		c.addReplyErrorArity()
		return
	}
	e := db.entry(key, lookupWrite)
	if c.checkEntryType(e, objHash) {
		return
	}
	h := db.openHash(e)
	h.tryConversion(c.argv[2:])
	created := 0
	for i := 2; i < len(c.argv); i += 2 {
		if !h.set(c.argv[i], c.argv[i+1], false) {
			created++
		}
	}
	h.store(db, key)
	if c.cmd.Name == "hset" {
		c.addReplyLongLong(int64(created))
	} else {
		c.addReply(shared.ok)
	}
	server.signalModifiedKey(c, db, key)
	server.notifyKeyspaceEvent(notifyHash, "hset", key, db.id)
	server.dirty += int64(len(c.argv)-2) / 2
}

// HSETNX key field value
func hsetnxCommand(c *client) {
	server, db, key := c.server, c.db, c.argv[1]
	e := db.entry(key, lookupWrite)
	if c.checkEntryType(e, objHash) {
		return
	}
	if e.Ok() {
		h := viewHash(e)
		if _, when, ok := h.get(c.argv[2]); ok {
			if !server.hashFieldIsExpired(when) {
				c.addReply(shared.czero)
				return
			}
			if server.mayExpireFields() {
				db.expireHashFields(c, key, c.argv[2])
				e = db.find(key)
			}
		}
	}
	h := db.openHash(e)
	h.tryConversion(c.argv[2:4])
	h.set(c.argv[2], c.argv[3], false)
	h.store(db, key)
	c.addReply(shared.cone)
	server.signalModifiedKey(c, db, key)
	server.notifyKeyspaceEvent(notifyHash, "hset", key, db.id)
	server.dirty++
}

// fieldForUpdate looks a field up that a command computes a new value of; an expired one is deleted. ok is false if there is an error,
// answered by then. The position is where the hash is now, or is to be.
func (c *client) fieldForUpdate(key, field []byte) (e dict.Entry, v listpack.Value, found, ok bool) {
	server, db := c.server, c.db
	e = db.entry(key, lookupWrite)
	if c.checkEntryType(e, objHash) {
		return e, v, false, false
	}
	if !e.Ok() {
		return e, v, false, true
	}
	h := viewHash(e)
	v, when, found := h.get(field)
	if found && server.hashFieldIsExpired(when) {
		found = false
		if server.mayExpireFields() {
			db.expireHashFields(c, key, field)
			e = db.find(key)
		}
	}
	return e, v, found, true
}

// HINCRBY key field increment
func hincrbyCommand(c *client) {
	server, db, key, field := c.server, c.db, c.argv[1], c.argv[2]
	incr, ok := c.getLongLongFromObjectOrReply(c.argv[3], "")
	if !ok {
		return
	}
	e, v, found, ok := c.fieldForUpdate(key, field)
	if !ok {
		return
	}
	value := int64(0)
	if found {
		if value = v.Int; !v.IsInt {
			if value, ok = util.String2ll(v.Str); !ok {
				c.addReplyError("hash value is not an integer")
				return
			}
		}
	}
	if incr < 0 && value < 0 && incr < math.MinInt64-value || incr > 0 && value > 0 && incr > math.MaxInt64-value {
		c.addReplyError("increment or decrement would overflow")
		return
	}
	value += incr
	server.hashNumber = strconv.AppendInt(server.hashNumber[:0], value, 10)
	h := db.openHash(e)
	h.set(field, server.hashNumber, true)
	h.store(db, key)
	c.addReplyLongLong(value)
	server.signalModifiedKey(c, db, key)
	server.notifyKeyspaceEvent(notifyHash, "hincrby", key, db.id)
	server.dirty++
}

// HINCRBYFLOAT key field increment
//
// It is propagated as the HSETEX of its result, so that nobody depends on how others compute, print, or time fields.
func hincrbyfloatCommand(c *client) {
	server, db, key, field := c.server, c.db, c.argv[1], c.argv[2]
	incr, ok := util.String2ld(c.argv[3])
	if !ok {
		c.addReplyError(msgNotAFloat)
		return
	}
	if incr.IsNaN() || incr.IsInf() {
		c.addReplyError("value is NaN or Infinity")
		return
	}
	e, v, found, ok := c.fieldForUpdate(key, field)
	if !ok {
		return
	}
	value := util.LdFromInt(0)
	if found {
		if v.IsInt {
			value = util.LdFromInt(v.Int)
		} else if value, ok = util.String2ld(v.Str); !ok {
			c.addReplyError("hash value is not a float")
			return
		}
	}
	value = value.Add(incr)
	if value.IsNaN() || value.IsInf() {
		c.addReplyError("increment would produce NaN or Infinity")
		return
	}
	server.hashNumber = util.AppendLd(server.hashNumber[:0], value, util.LdStrHuman)
	text := server.hashNumber
	h := db.openHash(e)
	h.set(field, text, true)
	h.store(db, key)
	c.addReplyBulkBytes(text)
	server.signalModifiedKey(c, db, key)
	server.notifyKeyspaceEvent(notifyHash, "hincrbyfloat", key, db.id)
	server.dirty++
	if server.propagates() {
		c.rewriteClientCommandVector([]byte("HSETEX"), key, []byte("KEEPTTL"), []byte("FIELDS"), []byte("1"), field, append([]byte(nil), text...))
	}
}

// --- HGET and its relatives ---

// lookupHashOrReply is the hash at a key that will only be read; it answers with reply if there is none, with an error
// if there is something else.
func (c *client) lookupHashOrReply(key []byte, reply string) (h hashView, ok bool) {
	e := c.db.entry(key, lookupNone)
	if !e.Ok() {
		c.addReply(reply)
		return h, false
	}
	if c.checkEntryType(e, objHash) {
		return h, false
	}
	return viewHash(e), true
}

// readField is the value of a field of the hash at key; an expired one is deleted, and not found.
func (c *client) readField(h *hashView, key, field []byte) (v listpack.Value, ok bool) {
	v, when, ok := h.get(field)
	if when >= 0 && c.server.hashFieldIsExpired(when) {
		if c.server.mayExpireFields() {
			c.db.expireHashFields(c, key, field)
		}
		return v, false
	}
	return v, ok
}

// HGET key field
func hgetCommand(c *client) {
	h, ok := c.lookupHashOrReply(c.argv[1], shared.null[c.resp])
	if !ok {
		return
	}
	if v, ok := c.readField(&h, c.argv[1], c.argv[2]); ok {
		c.addReplyBulkValue(v)
	} else {
		c.addReplyNull()
	}
}

// HMGET key field [field ...]
func hmgetCommand(c *client) {
	server := c.server
	key, fields := c.argv[1], c.argv[2:]
	e := c.db.entry(key, lookupNone)
	if c.checkEntryType(e, objHash) {
		return
	}
	var h hashView
	if e.Ok() {
		h = viewHash(e)
	}
	c.addReplyArrayLen(len(fields))
	var expired [][]byte
	for _, field := range fields {
		if !e.Ok() {
			c.addReplyNull()
			continue
		}
		v, when, ok := h.get(field)
		if when >= 0 && server.hashFieldIsExpired(when) {
			ok = false
			expired = append(expired, field)
		}
		if ok {
			c.addReplyBulkValue(v)
		} else {
			c.addReplyNull()
		}
	}
	if expired != nil && server.mayExpireFields() {
		c.db.expireHashFields(c, key, expired...)
	}
}

// HSTRLEN key field
func hstrlenCommand(c *client) {
	h, ok := c.lookupHashOrReply(c.argv[1], shared.czero)
	if !ok {
		return
	}
	if v, ok := c.readField(&h, c.argv[1], c.argv[2]); ok {
		c.addReplyLongLong(int64(v.Len()))
	} else {
		c.addReply(shared.czero)
	}
}

// HEXISTS key field
func hexistsCommand(c *client) {
	h, ok := c.lookupHashOrReply(c.argv[1], shared.czero)
	if !ok {
		return
	}
	if _, ok := c.readField(&h, c.argv[1], c.argv[2]); ok {
		c.addReply(shared.cone)
	} else {
		c.addReply(shared.czero)
	}
}

// HLEN key. Expired fields count until they are deleted: to look for them would take too long.
func hlenCommand(c *client) {
	if h, ok := c.lookupHashOrReply(c.argv[1], shared.czero); ok {
		c.addReplyLongLong(int64(h.size()))
	}
}

// HDEL key field [field ...]. Expired fields count: they are there until somebody deletes them.
func hdelCommand(c *client) {
	db, key := c.db, c.argv[1]
	e := db.entry(key, lookupWrite)
	if !e.Ok() {
		c.addReply(shared.czero)
		return
	}
	if c.checkEntryType(e, objHash) {
		return
	}
	h := db.openHash(e)
	deleted := 0
	for _, field := range c.argv[2:] {
		if h.remove(field) {
			deleted++
			if h.size() == 0 {
				break
			}
		}
	}
	if deleted == 0 {
		h.keep()
		c.addReply(shared.czero)
		return
	}
	c.elementsRemoved(key, notifyHash, "hdel", deleted, h.storeOrDelete(db, key))
	c.addReplyLongLong(int64(deleted))
}

// --- HGETALL and its relatives ---

func genericHgetallCommand(c *client, fields, values bool) {
	server := c.server
	empty := shared.emptyarray
	if fields && values {
		empty = shared.emptymap[c.resp]
	}
	h, ok := c.lookupHashOrReply(c.argv[1], empty)
	if !ok {
		return
	}
	n := h.size() - server.countExpiredFields(&h)
	if fields && values {
		c.addReplyMapLen(n)
	} else {
		c.addReplyArrayLen(n)
	}
	it := h.iter()
	for it.nextValid(server) {
		if fields {
			c.addReplyBulkValue(it.field)
		}
		if values {
			c.addReplyBulkValue(it.value)
		}
	}
}

func hkeysCommand(c *client)   { genericHgetallCommand(c, true, false) }
func hvalsCommand(c *client)   { genericHgetallCommand(c, false, true) }
func hgetallCommand(c *client) { genericHgetallCommand(c, true, true) }
