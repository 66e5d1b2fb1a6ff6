// SPDX-License-Identifier: BSD-3-Clause

package server

// t_list_blocking.go - the commands on lists that wait for elements: BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH.
//
// One that finds nothing puts its client to sleep (blocked.go), and is executed again, from the start, when one of its keys has become a
// list. Whether it may find nothing again, because others were faster, need not be its concern: it blocks once more, until the time that it
// was given first.

// blockOnLists puts the client to sleep, or replies with null if it must not sleep.
func (c *client) blockOnLists(keys [][]byte, timeout int64, null func()) {
	if c.flags&clientDenyBlocking != 0 {
		null()
		return
	}
	c.blockForKeys(blockedList, keys, timeout, false)
}

// blockingPopGenericCommand is BLPOP and BRPOP.
func blockingPopGenericCommand(c *client, where int) {
	keys := c.argv[1 : len(c.argv)-1]
	timeout, ok := c.getTimeoutFromObjectOrReply(c.argv[len(c.argv)-1], unitSeconds)
	if !ok {
		return
	}
	for _, key := range keys {
		var l list
		if !c.lookupList(&l, key, lookupWrite) {
			return
		}
		if !l.exists() {
			continue
		}
		c.addReplyArrayLen(2)
		c.addReplyBulkBytes(key)
		c.addReplyListpackElement(l.end(where))
		l.drop(where, 1)
		c.listElementsRemoved(&l, where, 1)
		if c.server.propagates() {
			c.rewriteClientCommandVector(listPopCommands[where], key)
		}
		return
	}
	c.blockOnLists(keys, timeout, c.addReplyNullArray)
}

// BLPOP key [key ...] timeout
func blpopCommand(c *client) { blockingPopGenericCommand(c, listHead) }

// BRPOP key [key ...] timeout
func brpopCommand(c *client) { blockingPopGenericCommand(c, listTail) }

// BLMPOP timeout numkeys key [key ...] LEFT|RIGHT [COUNT count]
func blmpopCommand(c *client) {
	keys, where, count, ok := c.parseMpop(2, (*client).getListPositionFromObjectOrReply)
	if !ok {
		return
	}
	timeout, ok := c.getTimeoutFromObjectOrReply(c.argv[1], unitSeconds)
	if ok && !c.mpop(keys, where, count) {
		c.blockOnLists(keys, timeout, c.addReplyNullArray)
	}
}

// blmoveGenericCommand is BLMOVE and BRPOPLPUSH, which are propagated as the command in rewrite once something is moved.
func blmoveGenericCommand(c *client, wherefrom, whereto int, timeout []byte, rewrite ...[]byte) {
	end, ok := c.getTimeoutFromObjectOrReply(timeout, unitSeconds)
	if !ok {
		return
	}
	var src list
	switch {
	case !c.lookupList(&src, c.argv[1], lookupWrite):
	case src.exists():
		lmoveGenericCommand(c, &src, wherefrom, whereto, rewrite...)
	default:
		c.blockOnLists(c.argv[1:2], end, c.addReplyNull)
	}
}

// BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout
func blmoveCommand(c *client) {
	wherefrom, whereto, ok := c.getListPositionsOrReply(3)
	if !ok {
		return
	}
	blmoveGenericCommand(c, wherefrom, whereto, c.argv[5], []byte("LMOVE"), c.argv[1], c.argv[2], c.argv[3], c.argv[4])
}

// BRPOPLPUSH source destination timeout
func brpoplpushCommand(c *client) {
	blmoveGenericCommand(c, listTail, listHead, c.argv[3], []byte("RPOPLPUSH"), c.argv[1], c.argv[2])
}
