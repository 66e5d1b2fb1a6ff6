// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"encoding/binary"
	"math"
	"strconv"

	"redport/src/dict"
	"redport/src/util"
)

// t_string.go - the commands on strings, LCS excepted (t_string_lcs.go).
//
// These are the commands that a server executes most, so they work on positions of the keyspace
// (dict.Entry) and not on objects: one search a key, bytes read and written where they lie, and
// nothing allocated on the way of SET, GET, MSET, MGET and INCR.
//
// Two rules keep that safe. A position, and every byte slice taken from it, is dead after the next write
// to the database, so what is read is replied before anything is written. And arguments alias the input
// buffer, never the keyspace, so they stay good across writes.
//
// Counterpart: t_string.c. Difference: a command is rewritten for replicas and AOF only while there are any.

// Options of SET, GETEX and their relatives.
const (
	setNoFlags = 0
	setNX      = 1 << 0 // only if there is no such key
	setXX      = 1 << 1 // only if there is one
	setEX      = 1 << 2 // expiry: seconds from now
	setPX      = 1 << 3 // expiry: ms from now
	setKeepTTL = 1 << 4
	setGet     = 1 << 5 // reply with the old value
	setEXAT    = 1 << 6 // expiry: Unix time in seconds
	setPXAT    = 1 << 7 // expiry: Unix time in ms
	setPersist = 1 << 8

	setAnyExpire = setEX | setPX | setEXAT | setPXAT
)

const msgStringTooLong = "string exceeds maximum allowed size (proto-max-bulk-len)"

// checkStringLength refuses to let a string of size bytes grow by more bytes beyond proto-max-bulk-len. What a
// master or the AOF says is done all the same.
func (c *client) checkStringLength(size, more int64) bool {
	if c.flags&clientMaster != 0 {
		return true
	}
	total := int64(uint64(size) + uint64(more))
	if total > c.server.protoMaxBulkLen || total < size || total < more {
		c.addReplyError(msgStringTooLong)
		return false
	}
	return true
}

// --- Positions as strings ---

// isString tells whether the key at e is a string, and complains to the client if not.
func (c *client) isString(e dict.Entry) bool {
	if entryType(e) != objString {
		c.addReplyErrorObject(shared.wrongtypeerr)
		return false
	}
	return true
}

// entryIsInt tells whether the key at e is a string that is kept as a number.
func entryIsInt(e dict.Entry) bool { return e.Meta() == objString<<4|objEncodingInt }

// entryInt is the number that such a key holds.
func entryInt(e dict.Entry) int64 { return int64(binary.LittleEndian.Uint64(e.Value())) }

// entryStringLen is the length of the string at e.
func entryStringLen(e dict.Entry) int {
	if entryIsInt(e) {
		return util.SDigits10(entryInt(e))
	}
	return len(e.Value())
}

// entryStringBytes is the string at e, valid until the next write. buf is for the text of a number.
func entryStringBytes(e dict.Entry, buf []byte) []byte {
	if entryIsInt(e) {
		return strconv.AppendInt(buf, entryInt(e), 10)
	}
	return e.Value()
}

// addReplyEntry sends the string at e.
func (c *client) addReplyEntry(e dict.Entry) {
	if entryIsInt(e) {
		c.addReplyBulkLongLong(entryInt(e))
		return
	}
	c.addReplyBulkBytes(e.Value())
}

// rawEntry makes the string at e one that a command may change in place: text, not a number, reported as raw.
func (db *redisDb) rawEntry(e dict.Entry) dict.Entry {
	switch e.Meta() {
	case objString<<4 | objEncodingInt:
		var tmp [20]byte
		return db.keys.Replace(e, rawValue(strconv.AppendInt(tmp[:0], entryInt(e), 10)))
	case objString<<4 | objEncodingRaw:
		return e
	}
	return db.keys.SetMeta(e, objString<<4|objEncodingRaw)
}

// --- SET and its relatives ---

// parseExtendedStringArgumentsOrReply parses the options of SET (from argv[3] on) and GETEX (from argv[2] on). expire is the
// argument that says when, nil if none does.
func (c *client) parseExtendedStringArgumentsOrReply(isSet bool) (flags int, expire []byte, ok bool) {
	j := 2
	if isSet {
		j = 3
	}
	for ; j < len(c.argv); j++ {
		opt := c.argv[j]
		var next []byte
		if j+1 < len(c.argv) {
			next = c.argv[j+1]
		}
		timed := 0
		switch {
		case isSet && flags&setXX == 0 && equalFold(opt, "NX"):
			flags |= setNX
		case isSet && flags&setNX == 0 && equalFold(opt, "XX"):
			flags |= setXX
		case isSet && equalFold(opt, "GET"):
			flags |= setGet
		case isSet && flags&(setPersist|setAnyExpire) == 0 && equalFold(opt, "KEEPTTL"):
			flags |= setKeepTTL
		case !isSet && flags&(setKeepTTL|setAnyExpire) == 0 && equalFold(opt, "PERSIST"):
			flags |= setPersist
		case equalFold(opt, "EX"):
			timed = setEX
		case equalFold(opt, "PX"):
			timed = setPX
		case equalFold(opt, "EXAT"):
			timed = setEXAT
		case equalFold(opt, "PXAT"):
			timed = setPXAT
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return 0, nil, false
		}
		if timed != 0 {
			// The same option may come twice; the last one counts.
			if next == nil || flags&(setKeepTTL|setPersist|setAnyExpire&^timed) != 0 {
				c.addReplyErrorObject(shared.syntaxerr)
				return 0, nil, false
			}
			flags |= timed
			expire = next
			j++
		}
	}
	return flags, expire, true
}

// getExpireMillisecondsOrReply turns an expiry argument into a Unix time in ms.
func (c *client) getExpireMillisecondsOrReply(expire []byte, flags int) (int64, bool) {
	ms, ok := c.getLongLongFromObjectOrReply(expire, "")
	if !ok {
		return 0, false
	}
	seconds := flags&(setEX|setEXAT) != 0
	if ms <= 0 || seconds && ms > math.MaxInt64/1000 {
		c.addReplyErrorExpireTime()
		return 0, false
	}
	if seconds {
		ms *= 1000
	}
	if flags&(setEX|setPX) != 0 {
		ms += c.server.commandTimeSnapshot()
	}
	if ms <= 0 { // it wrapped
		c.addReplyErrorExpireTime()
		return 0, false
	}
	return ms, true
}

// setGenericCommand is SET, SETEX, PSETEX and SETNX: expire is nil or one of their arguments, which flags says how to
// read. abortReply answers where NX or XX forbid the change.
func setGenericCommand(c *client, flags int, key, val, expire []byte, okReply, abortReply string) {
	server, db := c.server, c.db
	var ms int64
	if expire != nil {
		var ok bool
		if ms, ok = c.getExpireMillisecondsOrReply(expire, flags); !ok {
			return
		}
	}
	if flags&setGet != 0 {
		if !getGenericCommand(c) {
			return
		}
	}
	e := db.entry(key, lookupWrite)
	if flags&(setNX|setXX) != 0 {
		if found := e.Ok(); flags&setNX != 0 && found || flags&setXX != 0 && !found {
			if flags&setGet == 0 {
				c.addReply(abortReply)
			}
			return
		}
	}
	setkeyFlags := 0
	if flags&setKeepTTL != 0 || expire != nil { // the old expiry is about to be replaced: no need to remove it first
		setkeyFlags = setKeyKeepttl
	}
	var buf [8]byte
	e = db.setEntry(c, e, key, stringValue(val, true, &buf), setkeyFlags)
	server.dirty++
	if expire != nil {
		db.setEntryExpire(c, e, key, ms)
	}
	server.notifyKeyspaceEvent(notifyString, "set", key, db.id)
	if expire != nil {
		if server.propagates() {
			c.rewriteClientCommandVector([]byte("SET"), key, val, []byte("PXAT"), strconv.AppendInt(nil, ms, 10))
		}
		server.notifyKeyspaceEvent(notifyGeneric, "expire", key, db.id)
	}
	if flags&setGet == 0 {
		c.addReply(okReply)
		return
	}
	// GET has done its work and need not go any further.
	if expire == nil && server.propagates() {
		argv := make([][]byte, 0, len(c.argv)-1)
		for j, a := range c.argv {
			if j < 3 || !equalFold(a, "GET") {
				argv = append(argv, a)
			}
		}
		c.rewriteClientCommandVector(argv...)
	}
}

// propagates tells whether anyone is there to send commands to.
func (server *Server) propagates() bool { return server.shouldPropagate(propagateAof | propagateRepl) }

// setCommand: SET key value [NX|XX] [GET] [EX s|PX ms|EXAT s|PXAT ms|KEEPTTL]
func setCommand(c *client) {
	flags, expire, ok := setNoFlags, []byte(nil), true
	if len(c.argv) > 3 {
		if flags, expire, ok = c.parseExtendedStringArgumentsOrReply(true); !ok {
			return
		}
	}
	setGenericCommand(c, flags, c.argv[1], c.argv[2], expire, shared.ok, shared.null[c.resp])
}

func setnxCommand(c *client) {
	setGenericCommand(c, setNX, c.argv[1], c.argv[2], nil, shared.cone, shared.czero)
}

func setexCommand(c *client) {
	setGenericCommand(c, setEX, c.argv[1], c.argv[3], c.argv[2], shared.ok, shared.null[c.resp])
}

func psetexCommand(c *client) {
	setGenericCommand(c, setPX, c.argv[1], c.argv[3], c.argv[2], shared.ok, shared.null[c.resp])
}

// --- GET and its relatives ---

// getGenericCommand replies with the value of argv[1]. It is false if that is no string, an error by then.
func getGenericCommand(c *client) bool {
	e := c.db.entry(c.argv[1], lookupNone)
	if !e.Ok() {
		c.addReplyNull()
		return true
	}
	if !c.isString(e) {
		return false
	}
	c.addReplyEntry(e)
	return true
}

func getCommand(c *client) { getGenericCommand(c) }

// getexCommand: GETEX key [EX s|PX ms|EXAT s|PXAT ms|PERSIST]
//
// It is propagated as what it does to the expiry: PEXPIREAT, PERSIST, DEL, or nothing.
func getexCommand(c *client) {
	server, db, key := c.server, c.db, c.argv[1]
	flags, expire, ok := c.parseExtendedStringArgumentsOrReply(false)
	if !ok {
		return
	}
	e := db.entry(key, lookupNone)
	if !e.Ok() {
		c.addReplyNull()
		return
	}
	if !c.isString(e) {
		return
	}
	var ms int64
	if expire != nil {
		if ms, ok = c.getExpireMillisecondsOrReply(expire, flags); !ok {
			return
		}
	}
	c.addReplyEntry(e)

	switch {
	case flags&(setPXAT|setEXAT) != 0 && server.checkAlreadyExpired(ms):
		// The given time is past already, so the key's time has come.
		db.deleteEntry(e, key, server.lazyfreeLazyExpire)
		c.rewriteAsDeletion(key, server.lazyfreeLazyExpire)
		server.signalModifiedKey(c, db, key)
		server.notifyKeyspaceEvent(notifyGeneric, "del", key, db.id)
		server.dirty++
	case expire != nil:
		db.setEntryExpire(c, e, key, ms)
		if server.propagates() {
			c.rewriteClientCommandVector([]byte("PEXPIREAT"), key, strconv.AppendInt(nil, ms, 10))
		}
		server.signalModifiedKey(c, db, key)
		server.notifyKeyspaceEvent(notifyGeneric, "expire", key, db.id)
		server.dirty++
	case flags&setPersist != 0 && e.Expire() >= 0:
		db.keys.SetExpire(e, -1)
		server.signalModifiedKey(c, db, key)
		if server.propagates() {
			c.rewriteClientCommandVector([]byte("PERSIST"), key)
		}
		server.notifyKeyspaceEvent(notifyGeneric, "persist", key, db.id)
		server.dirty++
	}
}

// rewriteAsDeletion has the current command propagated as DEL, or UNLINK.
func (c *client) rewriteAsDeletion(key []byte, lazy bool) {
	if !c.server.propagates() {
		return
	}
	name := "DEL"
	if lazy {
		name = "UNLINK"
	}
	c.rewriteClientCommandVector([]byte(name), key)
}

func getdelCommand(c *client) {
	server, db, key := c.server, c.db, c.argv[1]
	e := db.entry(key, lookupNone)
	if !e.Ok() {
		// A replica may hide an expired key, which C deletes here all the same.
		c.addReplyNull()
		if e = db.find(key); !e.Ok() {
			return
		}
	} else {
		if !c.isString(e) {
			return
		}
		c.addReplyEntry(e)
	}
	db.deleteEntry(e, key, server.lazyfreeLazyUserDel)
	c.rewriteAsDeletion(key, server.lazyfreeLazyUserDel)
	server.signalModifiedKey(c, db, key)
	server.notifyKeyspaceEvent(notifyGeneric, "del", key, db.id)
	server.dirty++
}

func getsetCommand(c *client) {
	server, db, key := c.server, c.db, c.argv[1]
	e := db.entry(key, lookupNone)
	if !e.Ok() {
		c.addReplyNull()
		e = db.entry(key, lookupWrite)
	} else {
		if !c.isString(e) {
			return
		}
		c.addReplyEntry(e)
	}
	var buf [8]byte
	db.setEntry(c, e, key, stringValue(c.argv[2], true, &buf), 0)
	server.notifyKeyspaceEvent(notifyString, "set", key, db.id)
	server.dirty++
	if server.propagates() {
		c.rewriteClientCommandArgument(0, []byte("SET"))
	}
}

func mgetCommand(c *client) {
	db := c.db
	c.addReplyArrayLen(len(c.argv) - 1)
	for _, key := range c.argv[1:] {
		if e := db.entry(key, lookupNone); e.Ok() && entryType(e) == objString {
			c.addReplyEntry(e)
		} else {
			c.addReplyNull()
		}
	}
}

func msetGenericCommand(c *client, nx bool) {
	server, db, argv := c.server, c.db, c.argv
	if len(argv)%2 == 0 {
		c.addReplyErrorArity()
		return
	}
	if nx {
		// All or nothing.
		for j := 1; j < len(argv); j += 2 {
			if db.entry(argv[j], lookupWrite).Ok() {
				c.addReply(shared.czero)
				return
			}
		}
	}
	var buf [8]byte
	for j := 1; j < len(argv); j += 2 {
		key := argv[j]
		db.setEntry(c, db.entry(key, lookupWrite), key, stringValue(argv[j+1], true, &buf), 0)
		server.notifyKeyspaceEvent(notifyString, "set", key, db.id)
	}
	server.dirty += int64(len(argv)-1) / 2
	if nx {
		c.addReply(shared.cone)
	} else {
		c.addReply(shared.ok)
	}
}

func msetCommand(c *client)   { msetGenericCommand(c, false) }
func msetnxCommand(c *client) { msetGenericCommand(c, true) }

// --- Parts of strings ---

// setrangeCommand: SETRANGE key offset value
func setrangeCommand(c *client) {
	server, db, key, value := c.server, c.db, c.argv[1], c.argv[3]
	offset, ok := c.getLongLongFromObjectOrReply(c.argv[2], "")
	if !ok {
		return
	}
	if offset < 0 {
		c.addReplyError("offset is out of range")
		return
	}
	e := db.entry(key, lookupWrite)
	if !e.Ok() {
		// Nothing put into nothing is nothing: no key appears.
		if len(value) == 0 {
			c.addReply(shared.czero)
			return
		}
		if !c.checkStringLength(offset, int64(len(value))) {
			return
		}
		e = db.addEntry(e, key, rawValue(nil))
	} else {
		if !c.isString(e) {
			return
		}
		if len(value) == 0 {
			c.addReplyLongLong(int64(entryStringLen(e)))
			return
		}
		if !c.checkStringLength(offset, int64(len(value))) {
			return
		}
		e = db.rawEntry(e)
	}
	var b []byte
	end := int(offset) + len(value)
	if end > len(e.Value()) {
		_, b = db.resizeString(e, end)
	} else {
		_, b = db.keys.Writable(e)
	}
	copy(b[offset:], value)
	server.signalModifiedKey(c, db, key)
	server.notifyKeyspaceEvent(notifyString, "setrange", key, db.id)
	server.dirty++
	c.addReplyLongLong(int64(len(b)))
}

// getrangeCommand: GETRANGE key start end, and SUBSTR, its old name. Negative positions count from the end.
func getrangeCommand(c *client) {
	start, end, ok := c.getIndexRangeOrReply(2)
	if !ok {
		return
	}
	e := c.db.entry(c.argv[1], lookupNone)
	if !e.Ok() {
		c.addReply(shared.emptybulk)
		return
	}
	if !c.isString(e) {
		return
	}
	var tmp [20]byte
	str := entryStringBytes(e, tmp[:0])
	n := int64(len(str))
	if start < 0 && end < 0 && start > end {
		c.addReply(shared.emptybulk)
		return
	}
	if start < 0 {
		start = max(n+start, 0)
	}
	if end < 0 {
		end = max(n+end, 0)
	}
	end = min(end, n-1)
	if start > end || n == 0 {
		c.addReply(shared.emptybulk)
		return
	}
	c.addReplyBulkBytes(str[start : end+1])
}

func appendCommand(c *client) {
	server, db, key, value := c.server, c.db, c.argv[1], c.argv[2]
	var total int
	e := db.entry(key, lookupWrite)
	if !e.Ok() {
		var buf [8]byte
		db.addEntry(e, key, stringValue(value, true, &buf))
		total = len(value)
	} else {
		if !c.isString(e) {
			return
		}
		size := entryStringLen(e)
		if !c.checkStringLength(int64(size), int64(len(value))) {
			return
		}
		e = db.rawEntry(e)
		total = size + len(value)
		_, b := db.resizeString(e, total)
		copy(b[size:], value)
	}
	server.signalModifiedKey(c, db, key)
	server.notifyKeyspaceEvent(notifyString, "append", key, db.id)
	server.dirty++
	c.addReplyLongLong(int64(total))
}

func strlenCommand(c *client) {
	e := c.db.entry(c.argv[1], lookupNone)
	if !e.Ok() {
		c.addReply(shared.czero)
		return
	}
	if c.isString(e) {
		c.addReplyLongLong(int64(entryStringLen(e)))
	}
}

// --- Numbers ---

const (
	msgNotAnInteger = "value is not an integer or out of range"
	msgNotAFloat    = "value is not a valid float"
)

func incrDecrCommand(c *client, incr int64) {
	server, db, key := c.server, c.db, c.argv[1]
	e := db.entry(key, lookupWrite)
	var value int64
	isInt := false
	if e.Ok() {
		switch {
		case entryIsInt(e):
			isInt = true
			value = entryInt(e)
		case !c.isString(e):
			return
		default:
			var ok bool
			if value, ok = util.String2ll(e.Value()); !ok {
				c.addReplyError(msgNotAnInteger)
				return
			}
		}
	}
	if incr < 0 && value < math.MinInt64-incr || incr > 0 && value > math.MaxInt64-incr {
		c.addReplyError("increment or decrement would overflow")
		return
	}
	value += incr
	switch {
	case isInt:
		_, b := db.keys.Writable(e)
		binary.LittleEndian.PutUint64(b, uint64(value))
		db.updateKeysizesHist(objString, util.SDigits10(value-incr), util.SDigits10(value))
	case e.Ok():
		var buf [8]byte
		db.replaceEntry(e, key, intValue(value, &buf))
	default:
		var buf [8]byte
		db.addEntry(e, key, intValue(value, &buf))
	}
	server.signalModifiedKey(c, db, key)
	server.notifyKeyspaceEvent(notifyString, "incrby", key, db.id)
	server.dirty++
	c.addReplyLongLong(value)
}

func incrCommand(c *client) { incrDecrCommand(c, 1) }
func decrCommand(c *client) { incrDecrCommand(c, -1) }

func incrbyCommand(c *client) {
	if incr, ok := c.getLongLongFromObjectOrReply(c.argv[2], ""); ok {
		incrDecrCommand(c, incr)
	}
}

func decrbyCommand(c *client) {
	incr, ok := c.getLongLongFromObjectOrReply(c.argv[2], "")
	if !ok {
		return
	}
	if incr == math.MinInt64 {
		c.addReplyError("decrement would overflow")
		return
	}
	incrDecrCommand(c, -incr)
}

// incrbyfloatCommand computes with the 80-bit numbers that C's long double has on the common systems, and is propagated as the SET of
// its result: replicas and AOF then do not depend on how anyone computes or prints.
func incrbyfloatCommand(c *client) {
	server, db, key := c.server, c.db, c.argv[1]
	e := db.entry(key, lookupWrite)
	var value util.LongDouble
	if e.Ok() {
		if !c.isString(e) {
			return
		}
		if entryIsInt(e) {
			value = util.LdFromInt(entryInt(e))
		} else {
			var ok bool
			if value, ok = util.String2ld(e.Value()); !ok {
				c.addReplyError(msgNotAFloat)
				return
			}
		}
	}
	incr, ok := util.String2ld(c.argv[2])
	if !ok {
		c.addReplyError(msgNotAFloat)
		return
	}
	value = value.Add(incr)
	if value.IsNaN() || value.IsInf() {
		c.addReplyError("increment would produce NaN or Infinity")
		return
	}
	var tmp [64]byte
	text := util.AppendLd(tmp[:0], value, util.LdStrHuman)
	// The result is kept as text even where it is whole, as in C.
	if v := stringValue(text, false, nil); e.Ok() {
		db.replaceEntry(e, key, v)
	} else {
		db.addEntry(e, key, v)
	}
	server.signalModifiedKey(c, db, key)
	server.notifyKeyspaceEvent(notifyString, "incrbyfloat", key, db.id)
	server.dirty++
	c.addReplyBulkBytes(text)
	if server.propagates() {
		c.rewriteClientCommandVector([]byte("SET"), key, append([]byte(nil), text...), []byte("KEEPTTL"))
	}
}
