// SPDX-License-Identifier: BSD-3-Clause

package server

// blocked.go - clients that wait: for keys, for replicas, for a pause or a shutdown to end.
//
// A blocked client keeps its connection and its input; what it sends meanwhile stays unparsed. Its command's arguments are copied,
// since the input buffer moves on.
//
// A command that waits for keys does so by giving up: blockForKeys notes which keys could help, and that is all. When one of them becomes
// ready, the command is executed again, from the start, and finds what it needs, or gives up once more.
//
//	command -> blockForKeys ............ blocked ............ key is added -> signalKeyAsReady
//	                                                                          |  the command that added it ends
//	reply <- command <- unblockClientOnKey <- handleClientsBlockedOnKeys <----+
//
// Clients are served in the order in which they began to wait for the key, before anybody else's next command.
//
// Counterpart: blocked.c.

// blockClient puts the client to sleep until unblockClient.
func (c *client) blockClient(btype int) {
	server := c.server
	c.flags |= clientBlocked
	c.bstate.btype = btype
	c.argv = cloneArgv(c.argv)
	if c.originalArgv != nil {
		c.originalArgv = cloneArgv(c.originalArgv)
	}
	server.blockedClientsByType[btype]++
	server.blockedClients++
	server.addClientToTimeoutTable(c)
}

// --- Waiting for keys ---

// blockForKeys puts the client to sleep until one of the keys is ready for a command of its kind. timeout is in unix ms, 0 for ever.
// unblockOnNokey: the wait also ends when the key is deleted or becomes something else (XREADGROUP, whose group is gone then).
func (c *client) blockForKeys(btype int, keys [][]byte, timeout int64, unblockOnNokey bool) {
	server, db := c.server, c.db
	if c.flags&clientReprocessingCommand == 0 {
		// A command that runs again keeps the end that it was given first.
		c.bstate.timeout = timeout
	}
	c.bstate.unblockOnNokey = unblockOnNokey
	c.bstate.keys = make([]*keyWaiter, 0, len(keys))
	for _, key := range keys {
		b := db.blockingKeys[string(key)]
		if b == nil {
			b = &blockedKey{db: db, name: string(key)}
			db.blockingKeys[b.name] = b
		}
		// A key that is named twice counts once: nobody else can have come behind this client meanwhile.
		if b.last != nil && b.last.c == c {
			continue
		}
		server.waiterSeq++
		c.bstate.keys = append(c.bstate.keys, b.add(&keyWaiter{c: c, key: b, seq: server.waiterSeq}))
		if unblockOnNokey {
			b.unblockOnNokey++
		}
	}
	c.flags |= clientPendingCommand
	c.blockClient(btype)
	c.bstate.argv = c.argv
	server.totalBlockingClients++
}

// add puts w behind the others.
func (b *blockedKey) add(w *keyWaiter) *keyWaiter {
	w.prev = b.last
	if w.prev != nil {
		w.prev.next = w
	} else {
		b.first = w
	}
	b.last = w
	return w
}

// remove takes w out of the list, which goes with its last client.
func (b *blockedKey) remove(w *keyWaiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		b.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		b.last = w.prev
	}
	w.key, w.prev, w.next = nil, nil, nil
	if b.first == nil {
		delete(b.db.blockingKeys, b.name)
	}
}

// forgetBlockedKeys takes the client off the lists of the keys that it waits for.
func (c *client) forgetBlockedKeys() {
	for _, w := range c.bstate.keys {
		b := w.key
		if c.bstate.unblockOnNokey {
			b.unblockOnNokey--
		}
		b.remove(w)
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
	if len(db.blockingKeys) > 0 && db.server.someWaitFor(typ) && db.blockingKeys[string(key)] != nil {
		db.addReadyKey(key)
	}
}

// signalDeletedKeyAsReady is signalKeyAsReady for a key that is gone.
func (db *redisDb) signalDeletedKeyAsReady(key []byte, typ uint8) {
	if len(db.blockingKeys) == 0 || !db.server.someWaitFor(typ) {
		return
	}
	if b := db.blockingKeys[string(key)]; b != nil && b.unblockOnNokey > 0 {
		db.addReadyKey(key)
	}
}

// someWaitFor tells whether a key of the type can mean anything to any blocked client. Modules wait for all types that anybody waits for.
func (server *Server) someWaitFor(typ uint8) bool {
	btype := blockingTypeOf(typ)
	return btype != blockedNone && server.blockedClientsByType[btype]+server.blockedClientsByType[blockedModule] > 0
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

// handleClientsBlockedOnKeys runs the commands of clients whose keys have become ready, the longest waiting first. What they change
// may make more keys ready, which are served in turn.
func (server *Server) handleClientsBlockedOnKeys() {
	// The commands that run from here end here, too: were they to serve others at once, these would overtake.
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

// handleClientsBlockedOnKey serves those who wait for the key now. One that blocks again has its turn next time.
func (db *redisDb) handleClientsBlockedOnKey(name string) {
	b := db.blockingKeys[name]
	if b == nil {
		return
	}
	server, key := db.server, []byte(name)
	newest := b.last.seq
	for w := b.first; w != nil && w.seq <= newest; {
		c, seq, next := w.c, w.seq, w.next
		// The key may change with every client that is served. One that has expired, but is not deleted yet, serves nobody.
		e := db.entry(key, lookupNoeffects)
		if !e.Ok() && b.unblockOnNokey == 0 {
			return
		}
		if e.Ok() && (blockingTypeOf(entryType(e)) == c.bstate.btype || c.bstate.btype == blockedModule) || c.bstate.unblockOnNokey {
			server.unblockClientOnKey(c)
			// Whatever was executed may have ended other waits.
			if b != db.blockingKeys[name] {
				return
			}
			if next != nil && next.key != b {
				for next = b.first; next != nil && next.seq <= seq; {
					next = next.next
				}
			}
		}
		w = next
	}
}

// unblockClientOnKey executes the client's command again.
func (server *Server) unblockClientOnKey(c *client) {
	argv, originalArgv, timeout, duration := c.bstate.argv, c.originalArgv, c.bstate.timeout, c.duration
	server.unblockClientKeepingCommand(c)
	c.bstate.timeout = timeout
	c.duration = duration
	c.flags |= clientReprocessingCommand
	server.executeAgain(c, argv, originalArgv)
	c.flags &^= clientReprocessingCommand
}

// executeAgain runs a command whose arguments have been copied, because they are no longer in the input.
func (server *Server) executeAgain(c *client, argv, originalArgv [][]byte) {
	c.argv, c.originalArgv = argv, originalArgv
	old := server.currentClient
	server.currentClient = c
	c.cmd = server.lookupCommand(argv)
	c.realcmd = c.cmd
	res := server.processCommand(c)
	server.currentClient = old
	switch {
	case c.closed:
	case res == commandPostponed:
		// A pause has begun while it waited. It will begin once more when that ends.
		c.bstate.argv = argv
		c.flags |= clientPendingCommand
	case c.flags&clientBlocked == 0:
		c.commandProcessed()
		if c.conn != nil {
			c.conn.Redeliver()
		}
	}
}

// executePostponed runs a command that was held back by a pause when it was about to be executed again. It is false if the client's
// command is still in its input.
func (server *Server) executePostponed(c *client) bool {
	argv := c.bstate.argv
	if argv == nil {
		return false
	}
	c.bstate = blockingState{}
	c.flags &^= clientPendingCommand
	server.executeAgain(c, argv, c.originalArgv)
	return true
}

// --- The end of a wait ---

// unblockClientKeepingCommand is the bookkeeping of unblockClient alone.
func (server *Server) unblockClientKeepingCommand(c *client) {
	btype := c.bstate.btype
	switch btype {
	case blockedPostpone:
		removeClient(&server.postponedClients, c)
	case blockedList, blockedZset, blockedStream, blockedModule:
		c.forgetBlockedKeys()
	case blockedWait, blockedWaitAof:
		removeClient(&server.clientsWaitingAcks, c)
	}
	server.removeClientFromTimeoutTable(c)
	server.blockedClientsByType[btype]--
	server.blockedClients--
	c.flags &^= clientBlocked | clientPendingCommand
	c.bstate = blockingState{}
}

// unblockClient ends the wait. With process, what the client has sent meanwhile is executed next.
func (server *Server) unblockClient(c *client, process bool) {
	if !c.closed && (c.bstate.btype == blockedWait || c.bstate.btype == blockedWaitAof) {
		c.updateStatsOnUnblock(false) // these are not executed again, so they count here
	}
	server.unblockClientKeepingCommand(c)
	if !c.closed {
		c.resetClient()
	}
	if process && c.conn != nil {
		c.conn.Redeliver()
	}
}

// updateStatsOnUnblock counts a command that ended without being executed again.
func (c *client) updateStatsOnUnblock(failed bool) {
	server, cmd := c.server, c.lastcmd
	if cmd == nil {
		return
	}
	c.argv = c.bstate.argv // for the slow log
	cmd.nanoseconds += c.duration
	cmd.calls++
	server.stat.numcommands++
	if failed {
		cmd.failedCalls++
	}
	if server.latencyTrackingEnabled {
		cmd.updateLatencyHistogram(c.duration)
	}
	if c.duration >= server.slowThreshold {
		server.commandWasSlow(c, cmd)
	}
	c.duration = 0
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
		c.updateStatsOnUnblock(false)
	case blockedLazyfree:
		c.addReply(shared.ok)
	case blockedWait, blockedWaitAof:
		c.addReplyAcks(c.bstate.btype, c.server.acksOf(c.bstate.reploff))
	}
}

func (c *client) unblockClientOnTimeout() {
	c.replyToBlockedClientOnTimeout()
	c.server.unblockClient(c, true)
}

func (c *client) unblockClientOnError(msg string) {
	c.addReplyError(msg)
	c.updateStatsOnUnblock(true)
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
