// SPDX-License-Identifier: BSD-3-Clause

package server

// multi.go - transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.
//
// Between MULTI and EXEC commands are checked and queued, with copies of their arguments. A WATCHed key
// that changes marks its watchers dirty (touchWatchedKey), and EXEC then answers with a null.

// queueMultiCommand adds the current command to the transaction.
func (c *client) queueMultiCommand(cmdFlags uint64) {
	// A transaction that fails anyway holds no memory.
	if c.flags&(clientDirtyCAS|clientDirtyExec) != 0 {
		return
	}
	mc := multiCmd{cmd: c.cmd, slot: c.slot, argv: cloneArgv(c.argv)}
	c.mstate.commands = append(c.mstate.commands, mc)
	c.mstate.cmdFlags |= cmdFlags
	c.mstate.cmdInvFlags |= ^cmdFlags
	for _, a := range mc.argv {
		c.mstate.argvLenSums += int64(len(a))
	}
}

// cloneArgv copies arguments out of the input buffer, into one allocation.
func cloneArgv(argv [][]byte) [][]byte {
	n := 0
	for _, a := range argv {
		n += len(a)
	}
	all := make([]byte, 0, n)
	out := make([][]byte, len(argv))
	for i, a := range argv {
		start := len(all)
		all = append(all, a...)
		out[i] = all[start:len(all):len(all)]
	}
	return out
}

func (c *client) discardTransaction() {
	c.mstate = multiState{}
	c.flags &^= clientMulti | clientDirtyCAS | clientDirtyExec
	c.unwatchAllKeys()
}

// flagTransaction makes the EXEC to come fail: a command could not even be queued.
func (c *client) flagTransaction() {
	if c.flags&clientMulti != 0 {
		c.flags |= clientDirtyExec
		c.mstate = multiState{}
	}
}

func multiCommand(c *client) {
	if c.flags&clientMulti != 0 {
		c.addReplyError("MULTI calls can not be nested")
		return
	}
	c.flags |= clientMulti
	c.addReply(shared.ok)
}

func discardCommand(c *client) {
	if c.flags&clientMulti == 0 {
		c.addReplyError("DISCARD without MULTI")
		return
	}
	c.discardTransaction()
	c.addReply(shared.ok)
}

// execCommandAbort answers EXEC when the server's state forbids the transaction: msg says why.
func (c *client) execCommandAbort(msg string) {
	c.discardTransaction()
	if len(msg) > 0 && msg[0] == '-' {
		msg = msg[1:]
	}
	c.addReplyErrorFormat("-EXECABORT Transaction discarded because of: %s", msg)
}

func execCommand(c *client) {
	server := c.server
	if c.flags&clientMulti == 0 {
		c.addReplyError("EXEC without MULTI")
		return
	}
	if c.isWatchedKeyExpired() {
		c.flags |= clientDirtyCAS
	}
	if c.flags&(clientDirtyCAS|clientDirtyExec) != 0 {
		if c.flags&clientDirtyExec != 0 {
			c.addReplyErrorObject(shared.execaborterr)
		} else {
			c.addReplyNullArray()
		}
		c.discardTransaction()
		return
	}
	hadDenyBlocking := c.flags&clientDenyBlocking != 0
	c.unwatchAllKeys()
	server.inExec = true
	c.flags |= clientDenyBlocking
	origArgv, origCmd := c.argv, c.cmd
	queued := c.mstate.commands
	c.addReplyArrayLen(len(queued))
	for i := range queued {
		mc := &queued[i]
		c.argv, c.cmd, c.realcmd, c.slot = mc.argv, mc.cmd, mc.cmd, mc.slot
		callFlags := cmdCallFull
		if server.loading {
			callFlags = cmdCallNone
		}
		if u := c.user; u == nil || u.unrestricted || c.aclRecheckQueued() {
			server.call(c, callFlags)
		}
		// A rewritten command is what a transaction's log must show too.
		mc.argv, mc.cmd = c.argv, c.cmd
	}
	if !hadDenyBlocking {
		c.flags &^= clientDenyBlocking
	}
	c.argv, c.cmd, c.realcmd = origArgv, origCmd, origCmd
	c.originalArgv = nil
	c.discardTransaction()
	server.inExec = false
	// Its commands have propagated themselves, in a transaction if there are several.
	c.preventCommandPropagation()
}

// --- WATCH ---

func (c *client) watchForKey(key []byte) {
	for _, w := range c.watchedKeys {
		if w.db == c.db && w.key == string(key) {
			return
		}
	}
	if len(c.watchedKeys) == 0 {
		c.server.watchingClients++
	}
	db := c.db
	name := string(key)
	clients := db.watchedKeys[name]
	if clients == nil {
		clients = map[*client]bool{}
		db.watchedKeys[name] = clients
	}
	// A key that is expired but not deleted yet counts as missing: its deletion is no change.
	clients[c] = db.keyIsExpired(key)
	c.watchedKeys = append(c.watchedKeys, watchedKey{db, name})
}

func (c *client) unwatchAllKeys() {
	if len(c.watchedKeys) == 0 {
		return
	}
	for _, w := range c.watchedKeys {
		clients := w.db.watchedKeys[w.key]
		delete(clients, c)
		if len(clients) == 0 {
			delete(w.db.watchedKeys, w.key)
		}
	}
	c.watchedKeys = nil
	c.server.watchingClients--
}

// isWatchedKeyExpired tells whether a key that was alive at WATCH has expired since.
func (c *client) isWatchedKeyExpired() bool {
	for _, w := range c.watchedKeys {
		if w.db.watchedKeys[w.key][c] {
			continue
		}
		if w.db.keyIsExpired([]byte(w.key)) {
			return true
		}
	}
	return false
}

// touchWatchedKey marks the transactions of all who watch the key as dirty.
func (db *redisDb) touchWatchedKey(key []byte) {
	if len(db.watchedKeys) == 0 {
		return
	}
	clients := db.watchedKeys[string(key)]
	for c, wasExpired := range clients {
		if wasExpired {
			// Expired at WATCH and now deleted: still missing, so nothing changed for the watcher.
			if !db.find(key).Ok() {
				clients[c] = false
				continue
			}
		}
		c.flags |= clientDirtyCAS
		c.unwatchAllKeys()
	}
}

// touchAllWatchedKeysInDb follows FLUSHDB and SWAPDB: a watched key that exists in the emptied database,
// or in the one that replaces it, has changed.
func (db *redisDb) touchAllWatchedKeysInDb(replacedWith *redisDb) {
	if len(db.watchedKeys) == 0 {
		return
	}
	var dirty []*client
	for name, clients := range db.watchedKeys {
		key := []byte(name)
		inEmptied := db.find(key).Ok()
		inNew := replacedWith != nil && replacedWith.find(key).Ok()
		if !inEmptied && !inNew {
			continue
		}
		staysMissing := inNew && replacedWith.keyIsExpired(key)
		for c, wasExpired := range clients {
			switch {
			case wasExpired && !inNew:
				// An expired key is gone: still missing, and from now on as one that never was.
				clients[c] = false
			case (wasExpired || !inEmptied) && staysMissing:
				clients[c] = true
			default:
				dirty = append(dirty, c)
			}
		}
	}
	for _, c := range dirty {
		c.flags |= clientDirtyCAS
		c.unwatchAllKeys()
	}
}

func watchCommand(c *client) {
	if c.flags&clientMulti != 0 {
		c.addReplyError("WATCH inside MULTI is not allowed")
		return
	}
	// A dirty transaction needs no more watching.
	if c.flags&clientDirtyCAS == 0 {
		for _, key := range c.argv[1:] {
			c.watchForKey(key)
		}
	}
	c.addReply(shared.ok)
}

func unwatchCommand(c *client) {
	c.unwatchAllKeys()
	c.flags &^= clientDirtyCAS
	c.addReply(shared.ok)
}
