// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math"
	"strconv"

	"redport/src/dict"
	"redport/src/listpack"
	"redport/src/monotonic"
)

// t_hash_field_expire.go - fields that live for a time: when they go, and the commands that set and tell their expiry.
//
// A field whose time has come is logically gone, and is deleted by whoever comes first:
//
//   - a command that asks for it by name (HGET, HINCRBY ...) or draws fields at random. Commands that go through the whole
//     hash skip it; HLEN and HDEL do not look at times at all;
//   - the active expiry cycle, which asks an index of the database, a dictionary from key to a time before which no field of
//     that hash expires, for the hashes that are due, and these for their fields.
//
// Either way it is propagated as an HDEL. On a replica the master's HDEL does it, and until then the field is hidden.
//
// The index follows the keyspace: whatever adds or removes a value (db.go), and whatever changes expiries (hashEdit.store),
// keeps it. Its times may be too early, when the field that expires first got another expiry; the cycle then corrects them.
// A key is in it if, and only if, some of its fields have an expiry.
//
// Counterpart: the parts of t_hash.c on hash field expiry, and ebuckets.c, which pages with hints replace.

// hashFieldIsExpired tells whether a field with this expiry (-1: none) is logically gone.
func (server *Server) hashFieldIsExpired(when int64) bool {
	if when < 0 || when >= server.commandTimeSnapshotMs || server.loading {
		return false
	}
	// What the master sends is valid by definition.
	return server.masterhost == "" || server.currentClient == nil || server.currentClient.flags&clientMaster == 0
}

// mayExpireFields tells whether this server may delete expired fields, now.
func (server *Server) mayExpireFields() bool {
	return server.masterhost == "" && !server.isPausedActionsWithUpdate(pauseActionExpire)
}

// countExpiredFields is the number of fields that are in the hash, but logically gone.
func (server *Server) countExpiredFields(h *hashView) int {
	if !h.volatile() || !server.hashFieldIsExpired(0) {
		return 0
	}
	n := 0
	if h.encoding == objEncodingHt {
		for cursor := uint64(0); ; {
			if cursor = h.d.Due(cursor, server.commandTimeSnapshotMs-1, math.MaxInt, func(dict.Entry) { n++ }); cursor == 0 {
				return n
			}
		}
	}
	it := h.iter()
	for it.next() && it.expire >= 0 && server.hashFieldIsExpired(it.expire) {
		n++
	}
	return n
}

// --- The index ---

// indexHash notes that no field of the hash at key expires before when; noExpire: none does at all.
func (db *redisDb) indexHash(key []byte, when int64) {
	d := db.hexpires
	if when == noExpire {
		db.unindexHash(key)
		return
	}
	if d == nil {
		d = dict.New(db.server.clock, &dictObjectType)
		db.hexpires = d
	}
	e := d.Find(dict.Hash(key), key)
	if !e.Ok() {
		e = d.Insert(e, key, dict.Value{}, 0)
	}
	d.SetExpire(e, when)
}

// unindexHash notes that no field of a hash at key expires, or that there is no hash.
func (db *redisDb) unindexHash(key []byte) {
	if db.subexpires() == 0 {
		return
	}
	if e := db.hexpires.Find(dict.Hash(key), key); e.Ok() {
		db.hexpires.Delete(e)
	}
}

// indexHashValue notes a hash that comes into the database as a whole.
func (db *redisDb) indexHashValue(key []byte, v dict.Value) {
	if v.Pointer != nil {
		if o := (*robj)(v.Pointer).ptr.(*hashObject); o.d.Expiring() > 0 {
			db.indexHash(key, o.minExpire)
		}
	} else if v.Meta&15 == objEncodingListpackEx {
		if when := firstExpire(v.Bytes); when != noExpire {
			db.indexHash(key, when)
		}
	}
}

// subexpires is the number of hashes that have fields with an expiry.
func (db *redisDb) subexpires() int64 {
	if db.hexpires == nil {
		return 0
	}
	return int64(db.hexpires.Len())
}

// --- Deleting expired fields ---

// propagateHashFieldDeletion sends replicas and AOF an HDEL.
func (db *redisDb) propagateHashFieldDeletion(key, field []byte) {
	if db.server.propagates() {
		db.server.alsoPropagate(db.id, [][]byte{[]byte("HDEL"), key, field}, propagateAof|propagateRepl)
	}
}

// expireField deletes a field of the hash at key that has expired.
func (h *hashEdit) expireField(db *redisDb, key, field []byte) {
	if h.remove(field) {
		h.server.stat.expiredHashFields++
		db.propagateHashFieldDeletion(key, field)
	}
}

// expireHashFields deletes fields that a command found to have expired.
func (db *redisDb) expireHashFields(c *client, key []byte, fields ...[]byte) {
	h := db.openHash(db.find(key))
	for _, field := range fields {
		h.expireField(db, key, field)
	}
	gone := h.storeOrDelete(db, key)
	db.fieldsExpired(c, key, gone)
}

// fieldsExpired tells everyone that fields of the hash at key have expired, and whether the hash is gone with them.
func (db *redisDb) fieldsExpired(c *client, key []byte, gone bool) {
	server := db.server
	server.notifyKeyspaceEvent(notifyHash, "hexpired", key, db.id)
	if gone {
		server.notifyKeyspaceEvent(notifyGeneric, "del", key, db.id)
	}
	server.signalModifiedKey(c, db, key)
}

// expireDueFields deletes up to limit fields that have expired by now, in the order of their expiry where the encoding knows that, and
// returns how many. With each it calls after, if that is not nil; if that returns false, it stops.
func (h *hashEdit) expireDueFields(db *redisDb, key []byte, now int64, limit int, after func() bool) (n int) {
	server := h.server
	if h.encoding == objEncodingListpackEx {
		for n < limit {
			if when := firstExpire(h.b); when == noExpire || when >= now {
				break
			}
			server.hashNumber = listpack.Get(h.b, listpack.First(h.b)).Append(server.hashNumber[:0])
			h.removeAt(listpack.First(h.b))
			server.stat.expiredHashFields++
			db.propagateHashFieldDeletion(key, server.hashNumber)
			n++
			if after != nil && !after() {
				break
			}
		}
		return n
	}
	if h.encoding != objEncodingHt {
		return 0
	}
	due := &server.expireCycle.fields
	defer due.trim()
	for cursor, more := uint64(0), true; more; {
		due.reset()
		cursor = h.d.Due(cursor, now-1, activeExpireCyclePagesPerLoop, func(e dict.Entry) { due.add(e.Key()) })
		for i := range due.ends {
			if n == limit {
				return n
			}
			h.expireField(db, key, due.at(i))
			n++
			if after != nil && !after() {
				return n
			}
		}
		more = cursor != 0
	}
	// All that were due are gone: this is a good time to find out when the next one is.
	h.minExpire = noExpire
	if when := h.d.NextExpire(); when >= 0 {
		h.minExpire = max(when, now)
	}
	h.retimed = true
	return n
}

// activeExpireHashFields is the part of the active expiry cycle that deletes fields, until the deadline (monotonic us).
func (db *redisDb) activeExpireHashFields(pages int, deadline int64) {
	server := db.server
	hashes := &server.expireCycle.due
	for {
		now := server.mstime()
		hashes.reset()
		next := db.hexpires.Due(db.hexpireCursor, now-1, pages, func(e dict.Entry) { hashes.add(e.Key()) })
		for i := range hashes.ends {
			db.activeExpireHash(hashes.at(i), now, deadline)
			if monotonic.Us() > deadline {
				// The cursor stays, so what is left comes again.
				server.expireTimeLimitReached()
				return
			}
		}
		db.hexpireCursor = next
		if next == 0 {
			return
		}
		if monotonic.Us() > deadline {
			server.expireTimeLimitReached()
			return
		}
	}
}

// activeExpireHash deletes the fields of one hash that have expired by now, until the deadline.
func (db *redisDb) activeExpireHash(key []byte, now, deadline int64) {
	server := db.server
	e := db.find(key)
	if !e.Ok() || entryType(e) != objHash {
		db.unindexHash(key) // cannot be
		return
	}
	h := db.openHash(e)
	checked := 0
	n := h.expireDueFields(db, key, now, math.MaxInt, func() bool {
		server.endDeletionUnit()
		checked++
		return checked&15 != 0 || monotonic.Us() <= deadline
	})
	h.retimed = true
	gone := h.storeOrDelete(db, key)
	if n > 0 {
		db.fieldsExpired(nil, key, gone)
		server.endDeletionUnit()
	}
}

// --- Setting and removing the expiry of a field ---

// What the HEXPIRE and HTTL families answer with for a field.
const (
	hfeNoField  = -2
	hfeNoExpiry = -1
	hfeNotMet   = 0 // the condition did not hold
	hfeOK       = 1
	hfeDeleted  = 2 // the time given is past
)

// hashFieldExpireMax is the last time that a field can expire at.
const hashFieldExpireMax = 1<<46 - 1

// setExpire gives a field an expiry, if the conditions (expireNX and so on) allow it. With past, the field is deleted instead.
func (h *hashEdit) setExpire(field []byte, when int64, flags int, past bool) int {
	if h.encoding == objEncodingHt {
		e := h.d.Find(dict.Hash(field), field)
		if !e.Ok() {
			return hfeNoField
		}
		if flags != 0 && !expireAllowed(flags, e.Expire(), when) {
			return hfeNotMet
		}
		if past {
			h.remove(field)
			h.server.stat.expiredHashFields++
			return hfeDeleted
		}
		h.d.SetExpire(e, when)
		h.minExpire = min(h.minExpire, when)
		h.retimed = true
		return hfeOK
	}
	h.convert(objEncodingListpackEx)
	p := h.find(field)
	if p == listpack.End {
		return hfeNoField
	}
	v := listpack.Next(h.b, p)
	current := h.expireAt(v)
	if flags != 0 && !expireAllowed(flags, current, when) {
		return hfeNotMet
	}
	if past {
		h.removeAt(p)
		h.server.stat.expiredHashFields++
		return hfeDeleted
	}
	h.retimed = true
	if h.inPlace(p, when) {
		h.b = listpack.ReplaceInt(h.b, listpack.Next(h.b, v), when)
	} else {
		h.moveField(p, when)
	}
	return hfeOK
}

// inPlace tells whether the field at position p of a listpackex may stay there if it expires at the given time: it then stands before all
// others that do not expire earlier.
func (h *hashEdit) inPlace(p int, when int64) bool {
	if p != listpack.First(h.b) {
		if before := listpack.Get(h.b, listpack.Prev(h.b, p)).Int; before == 0 || before >= when {
			return false
		}
	}
	t := listpack.Next(h.b, listpack.Next(h.b, p))
	next := listpack.Next(h.b, t)
	if next == listpack.End {
		return true
	}
	after := h.expireAt(listpack.Next(h.b, next))
	return after < 0 || after >= when
}

// moveField takes the field at position p of a listpackex to where one with the given expiry (0: none) belongs.
func (h *hashEdit) moveField(p int, when int64) {
	server := h.server
	v := listpack.Next(h.b, p)
	text := listpack.Get(h.b, p).Append(server.hashMove[:0])
	fieldLen := len(text)
	text = listpack.Get(h.b, v).Append(text)
	server.hashMove = text
	field, value := text[:fieldLen], text[fieldLen:]
	h.b, _ = listpack.DeleteRangeAt(h.b, p, 3)
	q := listpack.End
	if when != 0 {
		for q = listpack.First(h.b); q != listpack.End; {
			t := listpack.Next(h.b, listpack.Next(h.b, q))
			if x := listpack.Get(h.b, t).Int; x == 0 || x >= when {
				break
			}
			q = listpack.Next(h.b, t)
		}
	}
	if q == listpack.End {
		h.b = listpack.AppendInt(listpack.Append(listpack.Append(h.b, field), value), when)
		return
	}
	h.b = listpack.InsertBefore(h.b, q, field)
	q = listpack.Next(h.b, q)
	h.b = listpack.InsertBefore(h.b, q, value)
	h.b = listpack.InsertIntBefore(h.b, listpack.Next(h.b, q), when)
}

// persist removes the expiry of a field. An expired one counts as missing.
func (h *hashEdit) persist(field []byte) int {
	_, when, ok := h.get(field)
	if !ok || h.server.hashFieldIsExpired(when) {
		return hfeNoField
	}
	if when < 0 {
		return hfeNoExpiry
	}
	h.retimed = true
	if h.encoding == objEncodingHt {
		h.d.SetExpire(h.d.Find(dict.Hash(field), field), -1)
	} else {
		h.moveField(h.find(field), 0)
	}
	return hfeOK
}

// --- HEXPIRE and its relatives ---

// fieldsArgument parses "FIELDS numfields field [field ...]", which begins at argv[i] and is the rest of the arguments.
func (c *client) fieldsArgument(i int, countErr string) (fields [][]byte, ok bool) {
	if !equalFold(c.argv[i], "FIELDS") {
		c.addReplyError("Mandatory argument FIELDS is missing or not at the right position")
		return nil, false
	}
	n, ok := c.getRangeLongFromObjectOrReply(c.argv[i+1], 1, math.MaxInt64, countErr)
	if !ok {
		return nil, false
	}
	if n != int64(len(c.argv)-i-2) {
		c.addReplyError("The `numfields` parameter must match the number of arguments")
		return nil, false
	}
	return c.argv[i+2:], true
}

// lookupHashFields looks up the hash of a command that is "key FIELDS numfields field [field ...]". ok is false if that is all: the arguments
// are wrong, or there is no hash, which missing answers.
func (c *client) lookupHashFields(flags int, missing func(c *client, fields int)) (e dict.Entry, fields [][]byte, ok bool) {
	e = c.db.entry(c.argv[1], flags)
	if c.checkEntryType(e, objHash) {
		return e, nil, false
	}
	if fields, ok = c.fieldsArgument(2, msgNumberOfFields); ok && !e.Ok() {
		missing(c, len(fields))
		ok = false
	}
	return e, fields, ok
}

const (
	msgNumFields       = "Parameter `numFields` should be greater than 0"
	msgNumberOfFields  = "Number of fields must be a positive integer"
	msgNegativeExpire  = "invalid expire time, must be >= 0"
	msgFieldsNotNumber = "invalid number of fields"
)

// fieldExpireOrReply turns an argument, which is in unit and counts from basetime (ms), into the expiry of a field.
func (c *client) fieldExpireOrReply(arg []byte, basetime int64, unit int) (int64, bool) {
	when, ok := c.getLongLongFromObjectOrReply(arg, "")
	if !ok {
		return 0, false
	}
	if when < 0 {
		c.addReplyError(msgNegativeExpire)
		return 0, false
	}
	if unit == unitSeconds {
		if when > hashFieldExpireMax/1000 {
			c.addReplyErrorExpireTime()
			return 0, false
		}
		when *= 1000
	}
	if when > hashFieldExpireMax-basetime {
		c.addReplyErrorExpireTime()
		return 0, false
	}
	return when + basetime, true
}

// replyNoFields answers that none of n fields is there.
func (c *client) replyNoFields(n int) {
	c.addReplyArrayLen(n)
	for range n {
		c.addReplyLongLong(hfeNoField)
	}
}

// hexpireGenericCommand serves HEXPIRE, HPEXPIRE, HEXPIREAT and HPEXPIREAT: key time [NX | XX | GT | LT] FIELDS numfields field ...
func hexpireGenericCommand(c *client, basetime int64, unit int) {
	server, db, key := c.server, c.db, c.argv[1]
	e := db.entry(key, lookupWrite)
	if c.checkEntryType(e, objHash) {
		return
	}
	when, ok := c.fieldExpireOrReply(c.argv[2], basetime, unit)
	if !ok {
		return
	}
	flags, at := 0, 4
	switch arg := c.argv[3]; {
	case equalFold(arg, "NX"):
		flags = expireNX
	case equalFold(arg, "XX"):
		flags = expireXX
	case equalFold(arg, "GT"):
		flags = expireGT
	case equalFold(arg, "LT"):
		flags = expireLT
	default:
		at = 3
	}
	fields, ok := c.fieldsArgument(at, msgNumFields)
	if !ok {
		return
	}
	if !e.Ok() {
		c.replyNoFields(len(fields))
		return
	}
	h := db.openHash(e)
	h.convert(objEncodingListpackEx)
	past := server.checkAlreadyExpired(when)
	updated, deleted := 0, 0
	var done [][]byte // fields that got the expiry
	propagates := server.propagates()
	c.addReplyArrayLen(len(fields))
	for _, field := range fields {
		res := h.setExpire(field, when, flags, past)
		switch res {
		case hfeOK:
			updated++
			if propagates {
				done = append(done, field)
			}
		case hfeDeleted:
			deleted++
			db.propagateHashFieldDeletion(key, field)
		}
		c.addReplyLongLong(int64(res))
	}
	gone := h.storeOrDelete(db, key)
	if updated+deleted == 0 {
		return
	}
	server.dirty += int64(updated + deleted)
	server.signalModifiedKey(c, db, key)
	if deleted > 0 {
		server.notifyKeyspaceEvent(notifyHash, "hdel", key, db.id)
		if gone {
			server.notifyKeyspaceEvent(notifyGeneric, "del", key, db.id)
		}
		c.preventCommandPropagation() // the HDELs do it
		return
	}
	server.notifyKeyspaceEvent(notifyHash, "hexpire", key, db.id)
	if !propagates {
		return
	}
	// Replicas and AOF get an absolute time, and only the fields for which it holds.
	argv := append([][]byte{[]byte("HPEXPIREAT"), key, strconv.AppendInt(nil, when, 10)}, c.argv[3:at+1]...)
	argv = append(argv, strconv.AppendInt(nil, int64(len(done)), 10))
	c.rewriteClientCommandVector(append(argv, done...)...)
}

func hexpireCommand(c *client) {
	hexpireGenericCommand(c, c.server.commandTimeSnapshot(), unitSeconds)
}

func hpexpireCommand(c *client) {
	hexpireGenericCommand(c, c.server.commandTimeSnapshot(), unitMilliseconds)
}

func hexpireatCommand(c *client)  { hexpireGenericCommand(c, 0, unitSeconds) }
func hpexpireatCommand(c *client) { hexpireGenericCommand(c, 0, unitMilliseconds) }

// httlGenericCommand serves HTTL, HPTTL, HEXPIRETIME and HPEXPIRETIME: key FIELDS numfields field ...
func httlGenericCommand(c *client, basetime int64, unit int) {
	server := c.server
	e, fields, ok := c.lookupHashFields(lookupNone, (*client).replyNoFields)
	if !ok {
		return
	}
	h := viewHash(e)
	c.addReplyArrayLen(len(fields))
	for _, field := range fields {
		_, when, ok := h.get(field)
		switch {
		case !ok || server.hashFieldIsExpired(when):
			c.addReplyLongLong(hfeNoField)
		case when < 0:
			c.addReplyLongLong(hfeNoExpiry)
		case unit == unitSeconds:
			c.addReplyLongLong((when - basetime + 999) / 1000)
		default:
			c.addReplyLongLong(when - basetime)
		}
	}
}

func httlCommand(c *client) {
	httlGenericCommand(c, c.server.commandTimeSnapshot(), unitSeconds)
}

func hpttlCommand(c *client) {
	httlGenericCommand(c, c.server.commandTimeSnapshot(), unitMilliseconds)
}

func hexpiretimeCommand(c *client)  { httlGenericCommand(c, 0, unitSeconds) }
func hpexpiretimeCommand(c *client) { httlGenericCommand(c, 0, unitMilliseconds) }

// HPERSIST key FIELDS numfields field [field ...]
func hpersistCommand(c *client) {
	server, db, key := c.server, c.db, c.argv[1]
	e, fields, ok := c.lookupHashFields(lookupWrite, (*client).replyNoFields)
	if !ok {
		return
	}
	h := db.openHash(e)
	changed := 0
	c.addReplyArrayLen(len(fields))
	for _, field := range fields {
		res := h.persist(field)
		if res == hfeOK {
			changed++
		}
		c.addReplyLongLong(int64(res))
	}
	if changed == 0 {
		h.keep()
		return
	}
	h.store(db, key)
	server.signalModifiedKey(c, db, key)
	server.notifyKeyspaceEvent(notifyHash, "hpersist", key, db.id)
	server.dirty += int64(changed)
}

// --- HGETEX, HSETEX, HGETDEL ---

// replyNulls answers that none of n fields has a value.
func (c *client) replyNulls(n int) {
	c.addReplyArrayLen(n)
	for range n {
		c.addReplyNull()
	}
}

// replyField answers with the value of a field. An expired one is deleted where that may be, and counts as missing.
func (h *hashEdit) replyField(c *client, key, field []byte) (found, expired bool) {
	v, when, ok := h.get(field)
	switch {
	case ok && h.server.hashFieldIsExpired(when):
		if expired = h.server.mayExpireFields(); expired {
			h.expireField(c.db, key, field)
		}
	case ok:
		c.addReplyBulkValue(v)
		return true, false
	}
	c.addReplyNull()
	return false, expired
}

// HGETDEL key FIELDS numfields field [field ...]
func hgetdelCommand(c *client) {
	server, db, key := c.server, c.db, c.argv[1]
	e, fields, ok := c.lookupHashFields(lookupWrite, (*client).replyNulls)
	if !ok {
		return
	}
	h := db.openHash(e)
	deleted, expired := 0, 0
	c.addReplyArrayLen(len(fields))
	for _, field := range fields {
		found, gone := h.replyField(c, key, field)
		if found {
			h.remove(field)
			deleted++
		}
		if gone {
			expired++
		}
	}
	if deleted+expired == 0 {
		h.keep()
		return
	}
	gone := h.storeOrDelete(db, key)
	server.signalModifiedKey(c, db, key)
	if expired > 0 {
		server.notifyKeyspaceEvent(notifyHash, "hexpired", key, db.id)
	}
	if deleted > 0 {
		server.notifyKeyspaceEvent(notifyHash, "hdel", key, db.id)
		server.dirty += int64(deleted)
		if server.propagates() {
			c.rewriteClientCommandVector(append([][]byte{[]byte("HDEL"), key}, fields...)...)
		}
	}
	if gone {
		server.notifyKeyspaceEvent(notifyGeneric, "del", key, db.id)
	}
}

// HGETEX key [EX seconds | PX ms | EXAT unix-time-seconds | PXAT unix-time-ms | PERSIST] FIELDS numfields field [field ...]
func hgetexCommand(c *client) {
	server, db, key := c.server, c.db, c.argv[1]
	e := db.entry(key, lookupWrite)
	if c.checkEntryType(e, objHash) {
		return
	}
	when, persist, at := int64(-1), false, 2
	if base, unit, ok := c.expireOption(c.argv[2]); ok {
		if when, ok = c.fieldExpireOrReply(c.argv[3], base, unit); !ok {
			return
		}
		at = 4
	} else if equalFold(c.argv[2], "PERSIST") {
		persist, at = true, 3
	}
	if at+1 == len(c.argv) {
		c.addReplyErrorArity()
		return
	}
	fields, ok := c.fieldsArgument(at, msgNumberOfFields)
	if !ok {
		return
	}
	if !e.Ok() {
		c.replyNulls(len(fields))
		return
	}
	h := db.openHash(e)
	if when >= 0 || persist {
		h.convert(objEncodingListpackEx)
	}
	past := when >= 0 && server.checkAlreadyExpired(when)
	updated, deleted, expired := 0, 0, 0
	c.addReplyArrayLen(len(fields))
	for _, field := range fields {
		found, gone := h.replyField(c, key, field)
		if gone {
			expired++
		}
		switch {
		case !found:
		case persist:
			if h.persist(field) == hfeOK {
				updated++
			}
		case when < 0:
		default:
			if h.setExpire(field, when, 0, past) == hfeDeleted {
				deleted++
				db.propagateHashFieldDeletion(key, field)
			} else {
				updated++
			}
		}
	}
	gone := h.storeOrDelete(db, key)
	if updated+deleted+expired == 0 {
		return
	}
	server.dirty += int64(updated + deleted)
	server.signalModifiedKey(c, db, key)
	if expired > 0 {
		server.notifyKeyspaceEvent(notifyHash, "hexpired", key, db.id)
	}
	switch {
	case updated > 0 && persist:
		server.notifyKeyspaceEvent(notifyHash, "hpersist", key, db.id)
		if server.propagates() {
			c.rewriteClientCommandVector(append([][]byte{[]byte("HPERSIST"), key}, c.argv[at:]...)...)
		}
	case updated > 0:
		server.notifyKeyspaceEvent(notifyHash, "hexpire", key, db.id)
		if server.propagates() {
			c.rewriteClientCommandVector(append([][]byte{[]byte("HPEXPIREAT"), key, strconv.AppendInt(nil, when, 10)}, c.argv[at:]...)...)
		}
	case deleted > 0:
		server.notifyKeyspaceEvent(notifyHash, "hdel", key, db.id)
		c.preventCommandPropagation() // the HDELs do it
	}
	if gone {
		server.notifyKeyspaceEvent(notifyGeneric, "del", key, db.id)
	}
}

// expireOption tells what the argument behind EX, PX, EXAT or PXAT means.
func (c *client) expireOption(arg []byte) (basetime int64, unit int, ok bool) {
	switch {
	case equalFold(arg, "EX"):
		return c.server.commandTimeSnapshot(), unitSeconds, true
	case equalFold(arg, "PX"):
		return c.server.commandTimeSnapshot(), unitMilliseconds, true
	case equalFold(arg, "EXAT"):
		return 0, unitSeconds, true
	case equalFold(arg, "PXAT"):
		return 0, unitMilliseconds, true
	}
	return 0, 0, false
}

// hsetexArgs are the arguments of an HSETEX.
type hsetexArgs struct {
	fnx, fxx, keepTTL bool
	when              int64 // -1: none
	whenAt            int   // the argument that says when
	first             int   // the first field
}

func (c *client) parseHsetexOrReply() (a hsetexArgs, ok bool) {
	const (
		errTimes = "Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"
		errConds = "Only one of FXX or FNX arguments can be specified"
	)
	a.when = -1
	for i := 2; i < len(c.argv); i++ {
		arg, more := c.argv[i], i+1 < len(c.argv)
		if equalFold(arg, "FIELDS") {
			if !more {
				c.addReplyErrorArity()
				return a, false
			}
			n, ok := c.getRangeLongFromObjectOrReply(c.argv[i+1], 1, math.MaxInt32, msgFieldsNotNumber)
			if !ok {
				return a, false
			}
			a.first = i + 2
			if int64(len(c.argv)-a.first) != 2*n {
				c.addReplyErrorArity()
				return a, false
			}
			return a, true
		}
		switch {
		case equalFold(arg, "FNX"), equalFold(arg, "FXX"):
			if a.fnx || a.fxx {
				c.addReplyError(errConds)
				return a, false
			}
			a.fnx = equalFold(arg, "FNX")
			a.fxx = !a.fnx
			continue
		case equalFold(arg, "KEEPTTL"):
			if a.keepTTL || a.when >= 0 {
				c.addReplyError(errTimes)
				return a, false
			}
			a.keepTTL = true
			continue
		}
		base, unit, ok := c.expireOption(arg)
		if !ok {
			c.addReplyErrorFormat("unknown argument: %s", cstring(arg))
			return a, false
		}
		if a.keepTTL || a.when >= 0 {
			c.addReplyError(errTimes)
			return a, false
		}
		if !more {
			c.addReplyErrorArity()
			return a, false
		}
		i++
		if a.when, ok = c.fieldExpireOrReply(c.argv[i], base, unit); !ok {
			return a, false
		}
		a.whenAt = i
	}
	c.addReplyErrorArity() // no FIELDS
	return a, false
}

// HSETEX key [FNX | FXX] [EX seconds | PX ms | EXAT unix-time-seconds | PXAT unix-time-ms | KEEPTTL] FIELDS numfields field value [...]
func hsetexCommand(c *client) {
	server, db, key := c.server, c.db, c.argv[1]
	a, ok := c.parseHsetexOrReply()
	if !ok {
		return
	}
	e := db.entry(key, lookupWrite)
	if c.checkEntryType(e, objHash) {
		return
	}
	if !e.Ok() && a.fxx {
		c.addReply(shared.czero)
		return
	}
	h := db.openHash(e)
	pairs := c.argv[a.first:]
	expired := 0
	if e.Ok() && (a.fnx || a.fxx) {
		// All fields must be there, or none. Expired ones count as missing, and go.
		for i := 0; i < len(pairs); i += 2 {
			_, when, found := h.get(pairs[i])
			if found && server.hashFieldIsExpired(when) {
				found = false
				if server.mayExpireFields() {
					h.expireField(db, key, pairs[i])
					expired++
				}
			}
			if found == a.fxx {
				continue
			}
			if expired > 0 {
				db.fieldsExpired(c, key, h.storeOrDelete(db, key))
			} else {
				h.keep()
			}
			c.addReply(shared.czero)
			return
		}
	}
	h.tryConversion(pairs)
	if a.when >= 0 {
		h.convert(objEncodingListpackEx)
	}
	past := a.when >= 0 && server.checkAlreadyExpired(a.when)
	deleted := 0
	for i := 0; i < len(pairs); i += 2 {
		field := pairs[i]
		h.set(field, pairs[i+1], a.keepTTL)
		if a.when >= 0 && h.setExpire(field, a.when, 0, past) == hfeDeleted {
			deleted++
			db.propagateHashFieldDeletion(key, field)
		}
	}
	gone := h.storeOrDelete(db, key)
	server.dirty += int64(len(pairs) / 2)
	server.signalModifiedKey(c, db, key)
	if expired > 0 {
		server.notifyKeyspaceEvent(notifyHash, "hexpired", key, db.id)
	}
	if gone && !e.Ok() {
		server.notifyKeyspaceEvent(notifyNew, "new", key, db.id) // there was a key, for a moment
	}
	server.notifyKeyspaceEvent(notifyHash, "hset", key, db.id)
	switch {
	case deleted > 0:
		server.notifyKeyspaceEvent(notifyHash, "hdel", key, db.id)
		c.preventCommandPropagation() // the HDELs do it
	case a.when >= 0:
		server.notifyKeyspaceEvent(notifyHash, "hexpire", key, db.id)
		if server.propagates() {
			c.rewriteClientCommandArgument(a.whenAt-1, []byte("PXAT"))
			c.rewriteClientCommandArgument(a.whenAt, strconv.AppendInt(nil, a.when, 10))
		}
	}
	if gone {
		server.notifyKeyspaceEvent(notifyGeneric, "del", key, db.id)
	}
	c.addReply(shared.cone)
}
