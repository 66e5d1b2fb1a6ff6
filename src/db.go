// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"redport/src/dict"
	"redport/src/monotonic"
	"redport/src/util"
)

// db.go - the databases: looking keys up, adding, replacing and deleting them, and emptying whole databases.
// The commands on keys of any type are in db_keys.go, SCAN and KEYS in db_scan.go, expiry in expire.go.
//
// A key and a small string lie side by side in a page of the database's paged dictionary (src/dict). Its meta
// byte tells type and encoding:
//
//	meta = type<<4 | encoding
//	objEncodingInt        the value is 8 bytes, a little-endian int64
//	other strings         the value is the string
//	packed collections    the value is the listpack or intset (db_packed.go)
//	other collections     the value is a pointer to the robj
//
// So there is no object per string, and two ways to see a key:
//
//   - as a position (dict.Entry): entry, find. Bytes are read where they lie, nothing is allocated. The
//     position, and every byte slice taken from it, dies with the next write to the same database.
//   - as an *robj: lookupKeyRead and its family, which cost one more store or two. Commands on collections use it;
//     for a string it is a view out of a small ring.
//
// Counterpart: db.c. Differences: no dictionary of expiries (a page keeps them), no rehashing, flushing is O(1),
// and SWAPDB swaps two pointers.

// Flags of lookupKey and entry.
const (
	lookupNone     = 0
	lookupNotouch  = 1 << 0 // leave the access time alone
	lookupNonotify = 1 << 1 // no keymiss event
	lookupNostats  = 1 << 2 // no hit, no miss
	lookupWrite    = 1 << 3 // for a command that may write: expired keys go even on a writable replica
	lookupNoexpire = 1 << 4 // an expired key counts as missing, but stays

	lookupNoeffects = lookupNotouch | lookupNonotify | lookupNostats | lookupNoexpire
)

// Flags of setKey.
const (
	setKeyKeepttl      = 1 << 0
	setKeyNoSignal     = 1 << 1
	setKeyAlreadyExist = 1 << 2 // the caller has found the key
	setKeyDoesntExist  = 1 << 3 // the caller has looked, and there is no key
	setKeyAddOrUpdate  = 1 << 4 // the caller does not know and does not want the side effects of looking
)

// Flags of emptyData.
const (
	emptydbNoFlags     = 0
	emptydbAsync       = 1 << 0
	emptydbNofunctions = 1 << 1
)

// What expireIfNeeded found.
const (
	keyValid   = iota
	keyExpired // logically expired, still there
	keyDeleted // was expired, is gone
)

// Flags of expireIfNeeded.
const (
	expireForceDeleteExpired = 1 << 0 // even where the master is in charge of expiry
	expireAvoidDeleteExpired = 1 << 1 // only tell
)

// --- Lookup ---

// find is the raw position of key: no expiry, no access time, no statistics.
func (db *redisDb) find(key []byte) dict.Entry { return db.keys.Find(key) }

// entry looks key up for a command. Side effects, each of which a flag can switch off:
//
//  1. A key whose time has come is deleted, and the deletion is propagated. A replica leaves that to its master
//     and only hides the key.
//  2. The access time or frequency is updated.
//  3. keyspace_hits or keyspace_misses goes up (reads only).
//  4. A miss sends a "keymiss" event (reads only).
//
// A position that is not Ok says where to add the key, until the next write: addEntry takes it.
func (db *redisDb) entry(key []byte, flags int) dict.Entry {
	e := db.keys.Find(key)
	if !e.Ok() {
		if flags&lookupWrite == 0 {
			db.keyMissed(key, flags)
		}
		return e
	}
	if e.Expire() >= 0 {
		if e = db.entryUnlessExpired(e, key, flags); !e.Ok() {
			if flags&lookupWrite == 0 {
				db.keyMissed(key, flags)
			}
			return e
		}
	}
	server := db.server
	if flags&lookupNotouch == 0 {
		if server.maxmemoryPolicy&maxmemoryFlagLfu == 0 {
			// Most lookups within one second of the LRU clock find it set already, and then the page is not written.
			if e.Access() != server.lruclock && !server.noTouchByClient() {
				db.keys.SetAccess(e, server.lruclock)
			}
		} else if !server.noTouchByClient() {
			db.updateLFU(e)
		}
	}
	if flags&(lookupNostats|lookupWrite) == 0 {
		server.stat.keyspaceHits++
	}
	return e
}

// noTouchByClient tells whether the running command's client asked for CLIENT NO-TOUCH. TOUCH works regardless.
func (server *Server) noTouchByClient() bool {
	c := server.currentClient
	if c == nil || c.flags&clientNoTouch == 0 {
		return false
	}
	x := server.executingClient
	return x == nil || x.cmd == nil || x.cmd.Name != "touch"
}

// keyMissed is what a read that finds nothing leaves behind.
func (db *redisDb) keyMissed(key []byte, flags int) {
	if flags&lookupNonotify == 0 {
		db.server.notifyKeyspaceEvent(notifyKeyMiss, "keymiss", key, db.id)
	}
	if flags&lookupNostats == 0 {
		db.server.stat.keyspaceMisses++
	}
}

// entryUnlessExpired is the part of entry for keys with an expiry.
func (db *redisDb) entryUnlessExpired(e dict.Entry, key []byte, flags int) dict.Entry {
	if db.server.commandTimeSnapshot() <= e.Expire() {
		return e
	}
	expireFlags := 0
	if flags&lookupWrite != 0 && (db.server.masterhost == "" || !db.server.replSlaveRo) {
		expireFlags |= expireForceDeleteExpired
	}
	if flags&lookupNoexpire != 0 {
		expireFlags |= expireAvoidDeleteExpired
	}
	switch db.expireEntryIfNeeded(e, key, expireFlags) {
	case keyDeleted:
		return db.keys.Find(key) // what was found is gone: a place for Insert again
	case keyExpired:
		// There is a key, but the caller shall not see it. Should it add one all the same, addEntry must know.
		db.hiddenKey = true
		return dict.Entry{}
	}
	return e
}

// view is the robj at a position.
func (db *redisDb) view(e dict.Entry) *robj {
	if e.IsPointer() {
		return (*robj)(e.Pointer())
	}
	o := &db.views[db.viewNext%lookupRing]
	db.viewNext++
	meta := e.Meta()
	o.typ, o.encoding = meta>>4, meta&15
	if o.encoding == objEncodingInt {
		o.num, o.str = int64(binary.LittleEndian.Uint64(e.Value())), nil
	} else {
		o.str = e.Value()
	}
	return o
}

// entryType is the type of the key at a position.
func entryType(e dict.Entry) uint8 { return e.Meta() >> 4 }

// lookupKey is entry for callers that want an object; nil if there is none.
//
// With lookupWrite, a collection that a snapshot still sees is replaced by a copy of its header that the
// current epoch owns: writing to what a plain read returned is never allowed.
func (db *redisDb) lookupKey(key []byte, flags int) *robj {
	e := db.entry(key, flags)
	if !e.Ok() {
		return nil
	}
	o := db.view(e)
	if flags&lookupWrite != 0 && e.IsPointer() && db.server.clock.Frozen(o.epoch) {
		o = db.thawObject(e, o)
	}
	return o
}

// thawObject gives the key at e its own header of a collection that a snapshot sees.
func (db *redisDb) thawObject(e dict.Entry, o *robj) *robj {
	n := &robj{typ: o.typ, encoding: o.encoding, epoch: db.server.clock.Now(), ptr: o.ptr.(collection).thaw()}
	db.keys.Replace(e, dict.Value{Meta: e.Meta(), Pointer: unsafe.Pointer(n)})
	return n
}

func (db *redisDb) lookupKeyReadWithFlags(key []byte, flags int) *robj {
	return db.lookupKey(key, flags)
}

// lookupKeyRead looks a key up that the command will not change.
func (db *redisDb) lookupKeyRead(key []byte) *robj { return db.lookupKey(key, lookupNone) }

// lookupKeyWrite looks a key up that the command may change.
func (db *redisDb) lookupKeyWrite(key []byte) *robj { return db.lookupKey(key, lookupWrite) }

// addReplyOrErrorObject sends a prepared reply, and counts it if it is an error.
func (c *client) addReplyOrErrorObject(reply string) {
	if reply[0] == '-' {
		c.addReplyErrorObject(reply)
	} else {
		c.addReply(reply)
	}
}

// lookupKeyReadOrReply is lookupKeyRead that answers with reply if there is no key.
func (c *client) lookupKeyReadOrReply(key []byte, reply string) *robj {
	o := c.db.lookupKeyRead(key)
	if o == nil {
		c.addReplyOrErrorObject(reply)
	}
	return o
}

// lookupKeyWriteOrReply is lookupKeyWrite that answers with reply if there is no key.
func (c *client) lookupKeyWriteOrReply(key []byte, reply string) *robj {
	o := c.db.lookupKeyWrite(key)
	if o == nil {
		c.addReplyOrErrorObject(reply)
	}
	return o
}

// --- Values ---

// stringValue is the dictionary's form of a string: a number if tryInt and the text is exactly what the number
// prints as, else the bytes. The result may point into buf, which the dictionary copies from.
func stringValue(b []byte, tryInt bool, buf *[8]byte) dict.Value {
	if tryInt && len(b) <= 20 {
		if n, ok := util.String2ll(b); ok {
			return intValue(n, buf)
		}
	}
	encoding := objEncodingRaw
	if len(b) <= objEncodingEmbstrSizeLimit {
		encoding = objEncodingEmbstr
	}
	return dict.Value{Meta: objString<<4 | encoding, Bytes: b}
}

// intValue is the dictionary's form of a number.
func intValue(n int64, buf *[8]byte) dict.Value {
	binary.LittleEndian.PutUint64(buf[:], uint64(n))
	v := bytesValue(buf)
	v.Meta = objString<<4 | objEncodingInt
	return v
}

// bytesValue is a value of eight bytes.
//
// The dictionary copies the bytes of a value but keeps its pointer, and to the compiler both are one struct that
// escapes. Hiding where buf lies keeps the callers' buffers off the heap: no SET may allocate.
func bytesValue(buf *[8]byte) dict.Value {
	u := uintptr(unsafe.Pointer(buf))
	hidden := *(**[8]byte)(unsafe.Pointer(&u))
	return dict.Value{Bytes: hidden[:]}
}

// rawValue is the dictionary's form of a string that a command is about to change in place.
func rawValue(b []byte) dict.Value {
	return dict.Value{Meta: objString<<4 | objEncodingRaw, Bytes: b}
}

// entryValue is the value at a position in a form that survives writes to the dictionary: the bytes of a string are
// copied to the server's scratch buffer, good until entryValue is called again.
func (db *redisDb) entryValue(e dict.Entry) dict.Value {
	if e.IsPointer() {
		return dict.Value{Meta: e.Meta(), Pointer: e.Pointer()}
	}
	server := db.server
	b := append(server.valueScratch[:0], e.Value()...)
	if cap(b) <= 64*1024 { // a giant is left to the collector
		server.valueScratch = b
	}
	return dict.Value{Meta: e.Meta(), Bytes: b}
}

// --- Sizes of keys, for INFO keysizes ---

// keysizesBins is enough for every size that an int can be.
const keysizesBins = 64

// keysizesBin is the bin of keysizes for a size: 0, 1, 2-3, 4-7 ...
func keysizesBin(size int) int { return bits.Len(uint(size)) % keysizesBins }

// valueSize is the size of a value as keysizes counts it: bytes of a string, elements of a collection.
func valueSize(v dict.Value) int {
	if v.Pointer != nil {
		return (*robj)(v.Pointer).size()
	}
	return bytesSize(v.Meta, v.Bytes)
}

// bytesSize is valueSize of a value that is bytes.
func bytesSize(meta uint8, b []byte) int {
	switch {
	case meta>>4 != objString:
		return packedLength(meta>>4, meta&15, b)
	case meta == objString<<4|objEncodingInt:
		return util.SDigits10(int64(binary.LittleEndian.Uint64(b)))
	}
	return len(b)
}

// entrySize is valueSize of what is at a position.
func entrySize(e dict.Entry) int {
	if e.IsPointer() {
		return (*robj)(e.Pointer()).size()
	}
	return bytesSize(e.Meta(), e.Value())
}

func (o *robj) size() int {
	if v, ok := o.ptr.(collection); ok {
		return v.length()
	}
	if packedEncoding(o.encoding) {
		return packedLength(o.typ, o.encoding, o.str)
	}
	return 0
}

// updateKeysizesHist follows a change of size of a key of type typ. Commands that change a value in place call it; what goes
// through addEntry, replaceEntry and deleteEntry is counted there.
func (db *redisDb) updateKeysizesHist(typ uint8, from, to int) {
	if a, b := keysizesBin(from), keysizesBin(to); a != b {
		db.keysizes[typ][a]--
		db.keysizes[typ][b]++
	}
}

func (db *redisDb) keysizesAdd(v dict.Value) {
	db.keysizes[(v.Meta>>4)%objTypeMax][keysizesBin(valueSize(v))]++
}

func (db *redisDb) keysizesRemove(e dict.Entry) {
	db.keysizes[entryType(e)%objTypeMax][keysizesBin(entrySize(e))]--
}

// --- Adding and replacing ---

// initialAccess is the access word of a key that is created now.
func (server *Server) initialAccess() uint32 {
	if server.maxmemoryPolicy&maxmemoryFlagLfu != 0 {
		return server.lfuTimeInMinutes()<<8 | lfuInitVal
	}
	return server.lruclock
}

// addEntry adds key at the position where entry, or find, did not find it, and tells those who wait for it.
func (db *redisDb) addEntry(e dict.Entry, key []byte, v dict.Value) dict.Entry {
	if db.hiddenKey {
		if e = db.unhide(key); e.Ok() {
			return db.replaceEntry(db.keys.SetExpire(e, -1), key, v)
		}
	}
	db.keysizesAdd(v)
	e = db.keys.Insert(e, key, v, db.server.initialAccess())
	if v.Meta>>4 == objHash {
		db.indexHashValue(key, v)
	}
	if len(db.blockingKeys) > 0 {
		db.signalKeyAsReady(key, v.Meta>>4)
	}
	db.server.notifyKeyspaceEvent(notifyNew, "new", key, db.id)
	return e
}

// unhide finds key again after a lookup has hidden an expired one that was not to be deleted.
func (db *redisDb) unhide(key []byte) dict.Entry {
	db.hiddenKey = false
	return db.keys.Find(key)
}

// replaceEntry gives an existing key another value. Expiry and access word stay.
func (db *redisDb) replaceEntry(e dict.Entry, key []byte, v dict.Value) dict.Entry {
	db.keysizesRemove(e)
	db.keysizesAdd(v)
	if typ := entryType(e); typ != objString && len(db.blockingKeys) > 0 {
		db.signalDeletedKeyAsReady(key, typ)
	}
	if e.IsPointer() {
		db.server.freeObject((*robj)(e.Pointer()), db.server.lazyfreeLazyServerDel)
	}
	if entryType(e) == objHash {
		db.unindexHash(key)
	}
	if v.Meta>>4 == objHash {
		db.indexHashValue(key, v)
	}
	return db.keys.Replace(e, v)
}

// resizeString makes the raw string at e n bytes long, the new ones zero, and returns them to be written.
func (db *redisDb) resizeString(e dict.Entry, n int) (dict.Entry, []byte) {
	db.updateKeysizesHist(objString, len(e.Value()), n)
	return db.keys.Resize(e, n)
}

// setEntry is setKey for a caller that has looked the key up: e is what entry(key, lookupWrite) returned.
func (db *redisDb) setEntry(c *client, e dict.Entry, key []byte, v dict.Value, flags int) dict.Entry {
	if e.Ok() {
		e = db.replaceEntry(e, key, v)
		if flags&setKeyKeepttl == 0 && e.Expire() >= 0 {
			e = db.keys.SetExpire(e, -1)
		}
	} else {
		e = db.addEntry(e, key, v)
	}
	if flags&setKeyNoSignal == 0 {
		db.server.signalModifiedKey(c, db, key)
	}
	return e
}

// setKey makes key a string, whatever it was before. The expiry goes unless setKeyKeepttl says otherwise, watchers and
// caching clients are told unless setKeyNoSignal does. c is nil outside of a command.
func (db *redisDb) setKey(c *client, key, v []byte, flags int) {
	var buf [8]byte
	db.setEntry(c, db.entryForSet(key, flags), key, stringValue(v, true, &buf), flags)
}

func (db *redisDb) entryForSet(key []byte, flags int) dict.Entry {
	if flags&(setKeyAlreadyExist|setKeyDoesntExist|setKeyAddOrUpdate) != 0 {
		return db.keys.Find(key)
	}
	return db.entry(key, lookupWrite)
}

// --- Deleting ---

// deleteEntry deletes the key at a position.
func (db *redisDb) deleteEntry(e dict.Entry, key []byte, async bool) {
	db.keysizesRemove(e)
	if entryType(e) == objHash {
		db.unindexHash(key)
	}
	if typ := entryType(e); typ != objString && len(db.blockingKeys) > 0 {
		db.signalDeletedKeyAsReady(key, typ)
	}
	if e.IsPointer() {
		o := (*robj)(e.Pointer())
		db.keys.Delete(e)
		db.server.freeObject(o, async)
		return
	}
	db.keys.Delete(e)
}

// detachEntry removes the key at a position and returns its value, which goes elsewhere: addEntry or replaceEntry must get it before anything
// else is detached.
func (db *redisDb) detachEntry(e dict.Entry, key []byte) dict.Value {
	db.keysizesRemove(e)
	if entryType(e) == objHash {
		db.unindexHash(key)
	}
	if typ := entryType(e); typ != objString && len(db.blockingKeys) > 0 {
		db.signalDeletedKeyAsReady(key, typ)
	}
	return db.keys.Detach(e, db.server.valueScratch[:0])
}

// genericDelete deletes a key, whether expired or not, and reports whether there was one.
func (db *redisDb) genericDelete(key []byte, async bool) bool {
	e := db.keys.Find(key)
	if !e.Ok() {
		return false
	}
	db.deleteEntry(e, key, async)
	return true
}

func (db *redisDb) dbSyncDelete(key []byte) bool { return db.genericDelete(key, false) }

// dbDelete deletes as lazyfree-lazy-server-del says.
func (db *redisDb) dbDelete(key []byte) bool {
	return db.genericDelete(key, db.server.lazyfreeLazyServerDel)
}

// elementsRemoved tells everyone that the command of c took n elements from the collection at key, and whether the key is gone with the last.
func (c *client) elementsRemoved(key []byte, class int, event string, n int, gone bool) {
	server, db := c.server, c.db
	server.signalModifiedKey(c, db, key)
	server.notifyKeyspaceEvent(class, event, key, db.id)
	if gone {
		server.notifyKeyspaceEvent(notifyGeneric, "del", key, db.id)
	}
	server.dirty += int64(n)
}

// storeNothing is what a command does whose result is empty and that stores it at dst: what was there goes.
func (c *client) storeNothing(dst []byte) {
	server, db := c.server, c.db
	if db.dbDelete(dst) {
		server.signalModifiedKey(c, db, dst)
		server.notifyKeyspaceEvent(notifyGeneric, "del", dst, db.id)
		server.dirty++
	}
}

// --- Expiry of one key ---

// getExpire is the time, in Unix ms, at which key expires; -1 if never or if there is no key.
func (db *redisDb) getExpire(key []byte) int64 {
	if db.keys.Expiring() == 0 {
		return -1
	}
	if e := db.keys.Find(key); e.Ok() {
		return e.Expire()
	}
	return -1
}

// setExpire sets the time at which key, which exists, expires. c is the client in whose command that happens, or nil.
func (db *redisDb) setExpire(c *client, key []byte, ms int64) {
	db.setEntryExpire(c, db.keys.Find(key), key, ms)
}

// setEntryExpire is setExpire for a position.
func (db *redisDb) setEntryExpire(c *client, e dict.Entry, key []byte, ms int64) dict.Entry {
	// The dictionary has no place for times before 1970: all of them are equally past.
	e = db.keys.SetExpire(e, max(ms, 0))
	server := db.server
	if c != nil && server.masterhost != "" && !server.replSlaveRo && c.flags&clientMaster == 0 {
		db.rememberSlaveKeyWithExpire(key)
	}
	return e
}

// removeExpire makes key, which exists, persistent, and reports whether it was not.
func (db *redisDb) removeExpire(key []byte) bool {
	e := db.keys.Find(key)
	if !e.Ok() || e.Expire() < 0 {
		return false
	}
	db.keys.SetExpire(e, -1)
	return true
}

// entryIsExpired tells whether the time of the key at a position has come. While a dataset is loaded, no key's has.
func (db *redisDb) entryIsExpired(e dict.Entry) bool {
	when := e.Expire()
	return when >= 0 && !db.server.loading && db.server.commandTimeSnapshot() > when
}

// keyIsExpired is entryIsExpired by name.
func (db *redisDb) keyIsExpired(key []byte) bool {
	e := db.keys.Find(key)
	return e.Ok() && db.entryIsExpired(e)
}

// expireIfNeeded deletes key if its time has come and this server is in charge of deleting it.
//
//	keyValid    there is nothing to hide
//	keyExpired  the key is logically gone, but may not be deleted here: a replica waits for its master's DEL, expiry is paused,
//	            or the flags forbid it
//	keyDeleted  it is gone, and the deletion is on its way to replicas and AOF
func (db *redisDb) expireIfNeeded(key []byte, flags int) int {
	e := db.keys.Find(key)
	if !e.Ok() {
		return keyValid
	}
	return db.expireEntryIfNeeded(e, key, flags)
}

func (db *redisDb) expireEntryIfNeeded(e dict.Entry, key []byte, flags int) int {
	if !db.entryIsExpired(e) {
		return keyValid
	}
	server := db.server
	if server.masterhost != "" {
		// What the master sends is valid by definition: it decides when keys expire.
		if c := server.currentClient; c != nil && c.flags&clientMaster != 0 {
			return keyValid
		}
		if flags&expireForceDeleteExpired == 0 {
			return keyExpired
		}
	}
	if flags&expireAvoidDeleteExpired != 0 {
		return keyExpired
	}
	// While clients are paused the dataset stands still; reads see the truth all the same.
	if server.isPausedActionsWithUpdate(pauseActionExpire) {
		return keyExpired
	}
	db.deleteExpiredKeyAndPropagate(e, key)
	return keyDeleted
}

// deleteExpiredKeyAndPropagate deletes the key at e because its time has come. key must not lie in the dictionary.
func (db *redisDb) deleteExpiredKeyAndPropagate(e dict.Entry, key []byte) {
	server := db.server
	start := server.latencyStart()
	db.deleteEntry(e, key, server.lazyfreeLazyExpire)
	server.latencyEnd("expire-del", start)
	server.notifyKeyspaceEvent(notifyExpired, "expired", key, db.id)
	server.signalModifiedKey(nil, db, key)
	db.propagateDeletion(key, server.lazyfreeLazyExpire)
	server.stat.expiredkeys++
}

// propagateDeletion sends replicas and AOF a DEL, or UNLINK, for a key that expired or was evicted.
//
// Outside of a command endDeletionUnit must follow, key by key.
func (db *redisDb) propagateDeletion(key []byte, lazy bool) {
	server := db.server
	if !server.shouldPropagate(propagateAof | propagateRepl) {
		return
	}
	name := "DEL"
	if lazy {
		name = "UNLINK"
	}
	server.alsoPropagate(db.id, [][]byte{[]byte(name), key}, propagateAof|propagateRepl)
}

// latencyStart begins to measure something for the latency monitor; 0 if that is off.
func (server *Server) latencyStart() int64 {
	if server.latencyMonitorThreshold == 0 {
		return 0
	}
	return monotonic.Nanotime()
}

// latencyEnd adds a sample of what latencyStart began.
func (server *Server) latencyEnd(event string, start int64) {
	if start != 0 {
		server.latencyAddSampleIfNeeded(event, (monotonic.Nanotime()-start)/1e6)
	}
}

// endDeletionUnit sends out what deleting one key outside of any command has left to send, so that the deletion is
// not wrapped in MULTI together with others.
func (server *Server) endDeletionUnit() {
	if server.executionNesting == 0 {
		server.afterCommand(nil)
	}
}

// propagateDeletionsApart sends out the deletions of a command that meets expired keys by chance (SCAN, RANDOMKEY): they have
// nothing to do with each other, so there is no MULTI around them, unless the client asked for one.
func (server *Server) propagateDeletionsApart() {
	if server.executionNesting == 1 && len(server.alsoPropagateOps) > 0 {
		old := server.propagateNoMulti
		server.propagateNoMulti = true
		server.propagatePendingCommands()
		server.propagateNoMulti = old
	}
}

// --- Whole databases ---

// emptyData removes all keys of database dbid, or of all with -1, and returns how many there were; -1 if there is
// no such database. emptydbNofunctions spares the function libraries.
//
// The keys are gone, and their memory accounted for, when it returns; emptydbAsync only says under which name they are counted.
func (server *Server) emptyData(dbid, flags int) int64 {
	if dbid < -1 || dbid >= server.dbnum {
		return -1
	}
	async := flags&emptydbAsync != 0
	// Watchers must be told while it can still be seen which of their keys exist.
	server.signalFlushedDb(dbid)
	var removed int64
	for id, db := range server.db {
		if dbid == -1 || dbid == id {
			removed += db.empty(async)
		}
	}
	if dbid == -1 {
		server.flushSlaveKeysWithExpireList()
		if lib := server.functions.lib; flags&emptydbNofunctions == 0 && lib != nil && len(lib.libraries) > 0 {
			server.functionsLibCtxClearCurrent(async)
		}
	}
	return removed
}

// empty drops all keys and returns how many there were.
func (db *redisDb) empty(async bool) int64 {
	n := int64(db.keys.Len())
	if n > 0 {
		db.keys.Release()
		if async {
			db.server.lazyfreed(n)
		}
	}
	db.avgTTL = 0
	db.expireCursor = 0
	db.keysizes = [objTypeMax][keysizesBins]int64{}
	if db.hexpires != nil {
		db.hexpires.Release()
	}
	db.hexpireCursor = 0
	return n
}

// dbTotalServerKeyCount is the number of keys of all databases.
func (server *Server) dbTotalServerKeyCount() int64 {
	var n int64
	for _, db := range server.db {
		n += int64(db.keys.Len())
	}
	return n
}

// selectDb makes id the client's database, and reports false if there is no such.
func (c *client) selectDb(id int) bool {
	if id < 0 || id >= c.server.dbnum {
		return false
	}
	c.db = c.server.db[id]
	return true
}

// swapDatabases exchanges the contents of two databases in O(1), and reports false if one does not exist.
//
// Clients keep their database, so what waits (watchers, blocked clients) stays where it is and is told: a
// watched key may have changed, a key that somebody waits for may have appeared or gone.
func (server *Server) swapDatabases(id1, id2 int) bool {
	if id1 < 0 || id1 >= server.dbnum || id2 < 0 || id2 >= server.dbnum {
		return false
	}
	if id1 == id2 {
		return true
	}
	db1, db2 := server.db[id1], server.db[id2]
	db1.touchAllWatchedKeysInDb(db2)
	db2.touchAllWatchedKeysInDb(db1)
	server.scanDatabaseForDeletedKeys(db1, db2)
	server.scanDatabaseForDeletedKeys(db2, db1)
	db1.keys, db2.keys = db2.keys, db1.keys
	db1.avgTTL, db2.avgTTL = db2.avgTTL, db1.avgTTL
	db1.expireCursor, db2.expireCursor = db2.expireCursor, db1.expireCursor
	db1.keysizes, db2.keysizes = db2.keysizes, db1.keysizes
	db1.hexpires, db2.hexpires = db2.hexpires, db1.hexpires
	db1.hexpireCursor, db2.hexpireCursor = db2.hexpireCursor, db1.hexpireCursor
	db1.scanForReadyKeys()
	db2.scanForReadyKeys()
	return true
}

// scanForReadyKeys signals the keys that clients wait for and that exist: SWAPDB may have brought them.
func (db *redisDb) scanForReadyKeys() {
	for key := range db.blockingKeys {
		if e := db.keys.Find([]byte(key)); e.Ok() {
			db.signalKeyAsReady([]byte(key), entryType(e))
		}
	}
}

// scanDatabaseForDeletedKeys signals the keys that clients of emptied wait for (such as a stream's consumers, who must
// learn that it is gone) and that another database's contents, or nothing, now replaces.
func (server *Server) scanDatabaseForDeletedKeys(emptied, replacedWith *redisDb) {
	for key := range emptied.blockingKeys {
		e := emptied.keys.Find([]byte(key))
		if !e.Ok() {
			continue
		}
		was := entryType(e)
		if replacedWith != nil {
			if r := replacedWith.keys.Find([]byte(key)); r.Ok() && entryType(r) == was {
				continue
			}
		}
		emptied.signalDeletedKeyAsReady([]byte(key), was)
	}
}

// --- Hooks for changes ---

// signalModifiedKey must be called for every key that a command has changed: transactions that watch it fail, and
// clients that cache it are told. c is nil outside of a command.
func (server *Server) signalModifiedKey(c *client, db *redisDb, key []byte) {
	if len(db.watchedKeys) > 0 {
		db.touchWatchedKey(key)
	}
	if server.tracking.table != nil {
		server.trackingInvalidateKey(c, key, true)
	}
}

// signalFlushedDb is signalModifiedKey for all keys of a database, or of all with -1. The keys are still there.
func (server *Server) signalFlushedDb(dbid int) {
	for id, db := range server.db {
		if dbid == -1 || dbid == id {
			server.scanDatabaseForDeletedKeys(db, nil)
			db.touchAllWatchedKeysInDb(nil)
		}
	}
	server.trackingInvalidateKeysOnFlush()
}
