// SPDX-License-Identifier: BSD-3-Clause

package server

// blocked.go - clients that wait: for keys, for replicas, for a pause or a shutdown to end.
//
// A blocked client keeps its connection and its input; what it sends meanwhile stays unparsed. Its
// command's arguments are copied, since the input buffer moves on.

// blockClient puts the client to sleep until unblockClient.
func (c *client) blockClient(btype int) {
	server := c.server
	c.flags |= clientBlocked
	c.bstate.btype = btype
	c.argv = cloneArgv(c.argv)
	server.blockedClientsByType[btype]++
	server.blockedClients++
	server.addClientToTimeoutTable(c)
}

// --- Waiting for keys ---

// blockForKeys puts the client to sleep until one of the keys is ready for a command of its kind.
// timeout is in unix ms, 0 for ever. unblockOnNokey: the wait also ends when the key is deleted or
// becomes something else (XREADGROUP, whose group is gone then).
func (c *client) blockForKeys(btype int, keys [][]byte, timeout int64, unblockOnNokey bool) {
	server := c.server
	if c.flags&clientReprocessingCommand == 0 {
		// A command that runs again keeps the end that it was given first.
		c.bstate.timeout = timeout
	}
	c.bstate.unblockOnNokey = unblockOnNokey
	c.bstate.keys = make(map[string]bool, len(keys))
	for _, key := range keys {
		name := string(key)
		if c.bstate.keys[name] {
			continue
		}
		c.bstate.keys[name] = true
		b := c.db.blockingKeys[name]
		if b == nil {
			b = &blockedKey{}
			c.db.blockingKeys[name] = b
		}
		b.clients = append(b.clients, c)
		if unblockOnNokey {
			b.unblockOnNokey++
		}
	}
	c.flags |= clientPendingCommand
	c.blockClient(btype)
	c.bstate.argv = c.argv
	server.totalBlockingClients++
}

// forgetBlockedKeys takes the client off the lists of the keys that it waits for.
func (c *client) forgetBlockedKeys() {
	for name := range c.bstate.keys {
		b := c.db.blockingKeys[name]
		removeClient(&b.clients, c)
		if c.bstate.unblockOnNokey {
			b.unblockOnNokey--
		}
		if len(b.clients) == 0 {
			delete(c.db.blockingKeys, name)
		}
	}
	c.bstate.keys = nil
	c.server.totalBlockingClients--
}

// blockingTypeOf is the kind of wait that a value of the type can end.
func blockingTypeOf(typ uint8) int {
	switch typ {
	case objList:
		return blockedList
	case objZset:
		return blockedZset
	case objStream:
		return blockedStream
	case objModule:
		return blockedModule
	}
	return blockedNone
}

// signalKeyAsReady notes that the key may serve those who wait for it, once the current command is done.
func (db *redisDb) signalKeyAsReady(key []byte, typ uint8) {
	if len(db.blockingKeys) == 0 || db.server.blockedClientsByType[blockingTypeOf(typ)] == 0 {
		return
	}
	if db.blockingKeys[string(key)] != nil {
		db.addReadyKey(key)
	}
}

// signalDeletedKeyAsReady is signalKeyAsReady for a key that is gone.
func (db *redisDb) signalDeletedKeyAsReady(key []byte, typ uint8) {
	if len(db.blockingKeys) == 0 || db.server.blockedClientsByType[blockingTypeOf(typ)] == 0 {
		return
	}
	if b := db.blockingKeys[string(key)]; b != nil && b.unblockOnNokey > 0 {
		db.addReadyKey(key)
	}
}

func (db *redisDb) addReadyKey(key []byte) {
	if _, known := db.readyKeys[string(key)]; known {
		return
	}
	if db.readyKeys == nil {
		db.readyKeys = map[string]struct{}{}
	}
	name := string(key)
	db.readyKeys[name] = struct{}{}
	db.server.readyKeys = append(db.server.readyKeys, readyKey{db, name})
}

// handleClientsBlockedOnKeys runs the commands of clients whose keys have become ready, the longest
// waiting first. What they change may make more keys ready.
func (server *Server) handleClientsBlockedOnKeys() {
	if server.inHandlingBlockedClients {
		return
	}
	server.inHandlingBlockedClients = true
	for len(server.readyKeys) > 0 {
		ready := server.readyKeys
		server.readyKeys = nil
		for _, rk := range ready {
			delete(rk.db.readyKeys, rk.key)
			rk.db.handleClientsBlockedOnKey(rk.key)
		}
	}
	server.inHandlingBlockedClients = false
}

func (db *redisDb) handleClientsBlockedOnKey(name string) {
	b := db.blockingKeys[name]
	if b == nil {
		return
	}
	// Only those who wait now: a client that blocks again has its turn next time.
	for _, c := range append([]*client(nil), b.clients...) {
		if c.closed || c.flags&clientBlocked == 0 || !c.bstate.keys[name] {
			continue
		}
		e := db.find([]byte(name))
		serves := e.Ok() && blockingTypeOf(entryType(e)) == c.bstate.btype
		if serves || c.bstate.unblockOnNokey || c.bstate.btype == blockedModule {
			db.server.unblockClientOnKey(c)
		}
	}
}

// unblockClientOnKey executes the client's command again.
func (server *Server) unblockClientOnKey(c *client) {
	argv, timeout := c.bstate.argv, c.bstate.timeout
	server.unblockClientKeepingCommand(c)
	c.argv = argv
	c.bstate.timeout = timeout
	c.flags |= clientReprocessingCommand
	c.flags &^= clientPendingCommand
	old := server.currentClient
	server.currentClient = c
	server.enterBlockedCommand(c)
	server.currentClient = old
	c.flags &^= clientReprocessingCommand
	if c.closed || c.flags&clientBlocked != 0 {
		return
	}
	c.resetClient()
	if c.conn != nil {
		c.conn.Redeliver()
	}
}

// enterBlockedCommand runs the command at hand as processCommand would have.
func (server *Server) enterBlockedCommand(c *client) {
	c.cmd = server.lookupCommand(c.argv)
	c.realcmd = c.cmd
	server.processCommand(c)
}

// unblockClientKeepingCommand is the bookkeeping of unblockClient alone.
func (server *Server) unblockClientKeepingCommand(c *client) {
	btype := c.bstate.btype
	switch btype {
	case blockedPostpone:
		removeClient(&server.postponedClients, c)
	case blockedList, blockedZset, blockedStream, blockedModule:
		c.forgetBlockedKeys()
	}
	server.blockedClientsByType[btype]--
	server.blockedClients--
	c.flags &^= clientBlocked | clientPendingCommand
	c.bstate = blockingState{}
}

// unblockClient ends the wait. With process, what the client has sent meanwhile is executed next.
func (server *Server) unblockClient(c *client, process bool) {
	server.unblockClientKeepingCommand(c)
	if !c.closed {
		c.resetClient()
	}
	if process && c.conn != nil {
		c.conn.Redeliver()
	}
}

// blockedClientMayTimeout tells whether CLIENT UNBLOCK and timeouts apply to this wait.
func (c *client) blockedClientMayTimeout() bool {
	switch c.bstate.btype {
	case blockedList, blockedZset, blockedStream, blockedWait, blockedWaitAof, blockedModule:
		return true
	}
	return false
}

// replyToBlockedClientOnTimeout answers the command whose wait was in vain.
func (c *client) replyToBlockedClientOnTimeout() {
	switch c.bstate.btype {
	case blockedList, blockedZset, blockedStream:
		c.addReplyNullArray()
	case blockedLazyfree:
		c.addReply(shared.ok)
	}
}

func (c *client) unblockClientOnTimeout() {
	c.replyToBlockedClientOnTimeout()
	c.server.unblockClient(c, true)
}

func (c *client) unblockClientOnError(msg string) {
	c.addReplyError(msg)
	c.server.unblockClient(c, true)
}

// replyToClientsBlockedOnShutdown tells those who asked for a shutdown that it will not happen.
func (server *Server) replyToClientsBlockedOnShutdown() {
	if server.blockedClientsByType[blockedShutdown] == 0 {
		return
	}
	for _, c := range server.clientsInOrder() {
		if c.flags&clientBlocked != 0 && c.bstate.btype == blockedShutdown {
			c.addReplyError("Errors trying to SHUTDOWN. Check logs.")
			server.unblockClient(c, true)
		}
	}
}
