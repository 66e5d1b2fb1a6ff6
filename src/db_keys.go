// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math"
	"unsafe"

	"redport/src/dict"
)

// db_keys.go - the commands on keys of any type: DEL, EXISTS, TYPE, RENAME, MOVE, COPY, RANDOMKEY, SELECT, SWAPDB, FLUSHALL
// and their kin. The functions behind them are in db.go. Counterpart: the second half of db.c.

// objectTypeNames are what TYPE calls the types.
var objectTypeNames = [objTypeMax]string{
	objString: "string", objList: "list", objSet: "set", objZset: "zset", objHash: "hash", objModule: "module", objStream: "stream",
}

// getObjectTypeName is the name of a type.
func getObjectTypeName(typ uint8) string {
	if typ < objTypeMax {
		return objectTypeNames[typ]
	}
	return "unknown"
}

// --- FLUSHDB, FLUSHALL ---

// getFlushCommandFlags parses [ASYNC|SYNC]; without either lazyfree-lazy-user-flush decides. In C Redis the client waits for its reply if waits.
func (c *client) getFlushCommandFlags() (flags int, waits, ok bool) {
	switch {
	case len(c.argv) == 1:
		if c.server.lazyfreeLazyUserFlush {
			flags = emptydbAsync
		}
	case len(c.argv) == 2 && equalFold(c.argv[1], "SYNC"):
	case len(c.argv) == 2 && equalFold(c.argv[1], "ASYNC"):
		flags = emptydbAsync
	default:
		c.addReplyErrorObject(shared.syntaxerr)
		return 0, false, false
	}
	// C Redis runs a plain FLUSH in its thread, too, with the client waiting, unless the client must not
	// block. Nobody has to wait here, but the keys count as freed lazily in the same cases.
	if flags == 0 && c.flags&(clientMulti|clientDenyBlocking|clientModule) == 0 {
		return emptydbAsync, true, true
	}
	return flags, false, true
}

// FLUSHDB [ASYNC | SYNC]
func flushdbCommand(c *client) {
	flags, waits, ok := c.getFlushCommandFlags()
	if !ok {
		return
	}
	c.server.dirty += c.server.emptyData(c.db.id, flags|emptydbNofunctions)
	// Propagated even if there was nothing to remove: a replica may have something.
	c.forceCommandPropagation(propagateAof | propagateRepl)
	c.addFlushReply(waits)
}

// FLUSHALL [ASYNC | SYNC]
func flushallCommand(c *client) {
	flags, waits, ok := c.getFlushCommandFlags()
	if !ok {
		return
	}
	c.server.flushAllDataAndResetRDB(flags | emptydbNofunctions)
	c.forceCommandPropagation(propagateAof | propagateRepl)
	c.addFlushReply(waits)
}

// addFlushReply answers FLUSHDB and FLUSHALL. Where the client waits in C, what it is told about its cached keys comes before the reply.
func (c *client) addFlushReply(waits bool) {
	if server := c.server; waits && server.currentClient == c {
		c.flags &^= clientExecutingCommand // which would hold messages back
		server.trackingHandlePendingKeyInvalidations()
		server.flushPendingPushMessages()
		c.flags |= clientExecutingCommand
	}
	c.addReply(shared.ok)
}

// flushAllDataAndResetRDB empties all databases, and makes the file on disk say so, too, if the dataset is saved at all.
func (server *Server) flushAllDataAndResetRDB(flags int) {
	server.dirty += server.emptyData(-1, flags)
	server.killRDBChild()
	if len(server.saveparams) > 0 {
		server.rdbSave(server.rdbFilename, rdbflagsNone, server.rdbPopulateSaveInfo())
	}
}

// --- DEL, UNLINK, EXISTS, TYPE ---

func delGenericCommand(c *client, lazy bool) {
	server, db := c.server, c.db
	var deleted int64
	for _, key := range c.argv[1:] {
		e := db.keys.Find(key)
		if !e.Ok() || e.Expire() >= 0 && db.expireEntryIfNeeded(e, key, 0) == keyDeleted {
			continue
		}
		db.deleteEntry(e, key, lazy)
		server.signalModifiedKey(c, db, key)
		server.notifyKeyspaceEvent(notifyGeneric, "del", key, db.id)
		server.dirty++
		deleted++
	}
	c.addReplyLongLong(deleted)
}

// DEL key [key ...]
func delCommand(c *client) { delGenericCommand(c, c.server.lazyfreeLazyUserDel) }

// UNLINK key [key ...]
func unlinkCommand(c *client) { delGenericCommand(c, true) }

// EXISTS key [key ...]
func existsCommand(c *client) {
	var count int64
	for _, key := range c.argv[1:] {
		if c.db.entry(key, lookupNotouch).Ok() {
			count++
		}
	}
	c.addReplyLongLong(count)
}

// TYPE key
func typeCommand(c *client) {
	name := "none"
	if e := c.db.entry(c.argv[1], lookupNotouch); e.Ok() {
		name = getObjectTypeName(entryType(e))
	}
	c.addReplyStatus(name)
}

// --- SELECT, DBSIZE, RANDOMKEY ---

// SELECT index
func selectCommand(c *client) {
	id, ok := c.getIntFromObjectOrReply(c.argv[1], "")
	if !ok {
		return
	}
	if c.server.clusterEnabled && id != 0 {
		c.addReplyError("SELECT is not allowed in cluster mode")
		return
	}
	if !c.selectDb(id) {
		c.addReplyError("DB index is out of range")
		return
	}
	c.addReply(shared.ok)
}

// DBSIZE
func dbsizeCommand(c *client) { c.addReplyLongLong(int64(c.db.keys.Len())) }

// randomKey returns a random key that has not expired, as a copy; nil if there is none. Where all keys are volatile and
// may not be deleted (a replica), it gives up after a while and returns one that has.
func (db *redisDb) randomKey() []byte {
	server := db.server
	tries := 100
	for {
		e := db.keys.Random(server.rand.uint64)
		if !e.Ok() {
			return nil
		}
		key := append([]byte{}, e.Key()...)
		if e.Expire() < 0 {
			return key
		}
		if db.keys.Len() == db.keys.Expiring() && (server.masterhost != "" || server.isPausedActionsWithUpdate(pauseActionExpire)) {
			if tries--; tries == 0 {
				return key
			}
		}
		if db.expireEntryIfNeeded(e, key, 0) == keyValid {
			return key
		}
	}
}

// RANDOMKEY
func randomkeyCommand(c *client) {
	key := c.db.randomKey()
	c.server.propagateDeletionsApart()
	if key == nil {
		c.addReplyNull()
		return
	}
	c.addReplyBulkBytes(key)
}

// --- RENAME, MOVE, COPY ---

// renameGenericCommand serves RENAME and RENAMENX. The key keeps its expiry and its access word.
func renameGenericCommand(c *client, nx bool) {
	server, db := c.server, c.db
	from, to := c.argv[1], c.argv[2]
	if !db.entry(from, lookupWrite).Ok() {
		c.addReplyErrorObject(shared.nokeyerr)
		return
	}
	done := shared.ok
	if nx {
		done = shared.cone
	}
	if string(from) == string(to) {
		if nx {
			done = shared.czero
		}
		c.addReply(done)
		return
	}
	if e := db.entry(to, lookupWrite); e.Ok() {
		if nx {
			c.addReply(shared.czero)
			return
		}
		db.deleteEntry(e, to, server.lazyfreeLazyServerDel)
	}
	// Looking up and deleting the target may have moved the source.
	db.carryOver(c, db.keys.Find(from), from, db, to)
	server.signalModifiedKey(c, db, from)
	server.signalModifiedKey(c, db, to)
	server.notifyKeyspaceEvent(notifyGeneric, "rename_from", from, db.id)
	server.notifyKeyspaceEvent(notifyGeneric, "rename_to", to, db.id)
	server.dirty++
	c.addReply(done)
}

// carryOver makes the key at e another one, maybe in another database: value, expiry and access word are the same, and the value is
// not copied, however long it is.
func (db *redisDb) carryOver(c *client, e dict.Entry, from []byte, dst *redisDb, to []byte) {
	expire, access := e.Expire(), e.Access()
	v := db.detachEntry(e, from)
	n := dst.addEntry(dst.keys.Find(to), to, v)
	dst.keys.SetAccess(n, access)
	if expire >= 0 {
		dst.setEntryExpire(c, dst.keys.Find(to), to, expire)
	}
}

// RENAME key newkey
func renameCommand(c *client) { renameGenericCommand(c, false) }

// RENAMENX key newkey
func renamenxCommand(c *client) { renameGenericCommand(c, true) }

// MOVE key db
func moveCommand(c *client) {
	server, src, key := c.server, c.db, c.argv[1]
	if server.clusterEnabled {
		c.addReplyError("MOVE is not allowed in cluster mode")
		return
	}
	id, ok := c.getIntFromObjectOrReply(c.argv[2], "")
	if !ok {
		return
	}
	if id < 0 || id >= server.dbnum {
		c.addReplyError("DB index is out of range")
		return
	}
	dst := server.db[id]
	if src == dst {
		c.addReplyErrorObject(shared.sameobjecterr)
		return
	}
	e := src.entry(key, lookupWrite)
	if !e.Ok() || dst.entry(key, lookupWrite).Ok() {
		c.addReply(shared.czero)
		return
	}
	src.carryOver(c, src.keys.Find(key), key, dst, key)
	server.signalModifiedKey(c, src, key)
	server.signalModifiedKey(c, dst, key)
	server.notifyKeyspaceEvent(notifyGeneric, "move_from", key, src.id)
	server.notifyKeyspaceEvent(notifyGeneric, "move_to", key, dst.id)
	server.dirty++
	c.addReply(shared.cone)
}

// COPY source destination [DB destination-db] [REPLACE]
func copyCommand(c *client) {
	server, src, dst := c.server, c.db, c.db
	from, to := c.argv[1], c.argv[2]
	replace := false
	for j := 3; j < len(c.argv); j++ {
		switch {
		case equalFold(c.argv[j], "REPLACE"):
			replace = true
		case equalFold(c.argv[j], "DB") && j+1 < len(c.argv):
			j++
			id, ok := c.getIntFromObjectOrReply(c.argv[j], "")
			if !ok {
				return
			}
			if id < 0 || id >= server.dbnum {
				c.addReplyError("DB index is out of range")
				return
			}
			dst = server.db[id]
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return
		}
	}
	if server.clusterEnabled && (src.id != 0 || dst.id != 0) {
		c.addReplyError("Copying to another database is not allowed in cluster mode")
		return
	}
	if src == dst && string(from) == string(to) {
		c.addReplyErrorObject(shared.sameobjecterr)
		return
	}
	if !src.entry(from, lookupNone).Ok() {
		c.addReply(shared.czero)
		return
	}
	if e := dst.entry(to, lookupWrite); e.Ok() {
		if !replace {
			c.addReply(shared.czero)
			return
		}
		dst.deleteEntry(e, to, server.lazyfreeLazyServerDel)
	}
	e := src.keys.Find(from)
	v := src.entryValue(e)
	if e.IsPointer() {
		o := (*robj)(e.Pointer())
		v.Pointer = unsafe.Pointer(&robj{typ: o.typ, encoding: o.encoding, epoch: server.clock.Now(), ptr: o.ptr.(collection).dup()})
	}
	expire := e.Expire()
	dst.addEntry(dst.keys.Find(to), to, v)
	if expire >= 0 {
		dst.setExpire(c, to, expire)
	}
	server.signalModifiedKey(c, dst, to)
	server.notifyKeyspaceEvent(notifyGeneric, "copy_to", to, dst.id)
	server.dirty++
	c.addReply(shared.cone)
}

// SWAPDB index1 index2
func swapdbCommand(c *client) {
	if c.server.clusterEnabled {
		c.addReplyError("SWAPDB is not allowed in cluster mode")
		return
	}
	var ids [2]int
	for i, msg := range [2]string{"invalid first DB index", "invalid second DB index"} {
		id, ok := c.getLongLongFromObjectOrReply(c.argv[1+i], msg)
		if !ok {
			return
		}
		if id < math.MinInt32 || id > math.MaxInt32 {
			c.addReplyError(msg)
			return
		}
		ids[i] = int(id)
	}
	if !c.server.swapDatabases(ids[0], ids[1]) {
		c.addReplyError("DB index is out of range")
		return
	}
	c.server.dirty++
	c.addReply(shared.ok)
}
