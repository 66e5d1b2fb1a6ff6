// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"strconv"

	"redport/src/dict"
)

// t_zset_pop.go - sorted sets: taking members from either end, and waiting for some to come.

const (
	zsetMin = iota
	zsetMax
)

var zpopEvents = [...]string{"zpopmin", "zpopmax"}

// zpopCommands are what popping is propagated as.
var zpopCommands = [...]string{"ZPOPMIN", "ZPOPMAX"}

// zpop replies with up to count members from an end, each with its score, and deletes them. nested: each pair is an array. It returns
// how many there were. The set is not empty.
func (ed *zsetEdit) zpop(c *client, where int, count int64, nested bool, begin func(n int)) int {
	size := ed.length()
	n := int(min(count, int64(size)))
	begin(n)
	lo, from := 0, 0
	if where == zsetMax {
		lo, from = size-n, size-1
	}
	var buf [20]byte
	var p zsetCursor
	ed.seek(&p, from)
	for range n {
		if nested {
			c.addReplyArrayLen(2)
		}
		c.addReplyBulkBytes(p.member(&buf))
		c.addReplyDouble(p.score())
		p.step(where == zsetMax)
	}
	if n == 1 && ed.z != nil {
		ed.z.prefetchPops(lo)
	}
	ed.removeRange(lo, lo+n)
	ed.removed(c, n, zpopEvents[where])
	return n
}

// prefetchPops has the memory of the dictionary fetched that popping from the end with the given rank is going to need. Whoever pops one by one goes
// on to pop what comes next, wherever that lies in the dictionary, and at each pop would wait for it; for several at once one wait
// will do. How many that are grows from one on with the pops that there have been.
func (z *zsetObject) prefetchPops(rank int) {
	if z.fetched > 0 {
		z.fetched--
		return
	}
	z.fetch = min(max(2*z.fetch, 1), dict.PrefetchMax)
	z.fetched = z.fetch - 1
	if z.fetch == 1 || z.t.Len() < lookaheadMinKeys {
		return
	}
	var hashes [dict.PrefetchMax]uint64
	c := z.t.At(rank)
	for i := range z.fetch {
		hashes[i] = dict.Hash(c.Member())
		if rank == 0 {
			c.Next()
		} else {
			c.Prev()
		}
	}
	z.d.Prefetch(hashes[:z.fetch])
}

// ZPOPMIN key [count]
func zpopminCommand(c *client) { zpopMinMaxCommand(c, zsetMin) }

// ZPOPMAX key [count]
func zpopmaxCommand(c *client) { zpopMinMaxCommand(c, zsetMax) }

func zpopMinMaxCommand(c *client, where int) {
	if len(c.argv) > 3 {
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	count, nested := int64(1), false
	if len(c.argv) == 3 {
		var ok bool
		if count, ok = c.getPositiveLongFromObjectOrReply(c.argv[2], ""); !ok {
			return
		}
		nested = c.resp > 2
	}
	var ed zsetEdit
	if !c.openZset(&ed, c.argv[1]) {
		return
	}
	if !ed.exists || count == 0 {
		ed.discard()
		c.addReply(shared.emptyarray)
		return
	}
	ed.zpop(c, where, count, nested, func(n int) {
		if nested {
			c.addReplyArrayLen(n)
		} else {
			c.addReplyArrayLen(2 * n)
		}
	})
}

// zpopFirst pops from the first of the keys that exists, and reports whether the client has its answer.
//
// nested: the answer of ZMPOP, else the one of BZPOPMIN; propagated with a count, or without.
func (c *client) zpopFirst(keys [][]byte, where int, count int64, nested bool) (done bool) {
	for _, key := range keys {
		var ed zsetEdit
		if !c.openZset(&ed, key) {
			return true
		}
		if !ed.exists {
			ed.discard()
			continue
		}
		n := ed.zpop(c, where, count, nested, func(n int) {
			if !nested {
				c.addReplyArrayLen(2*n + 1)
				c.addReplyBulkBytes(key)
				return
			}
			c.addReplyArrayLen(2)
			c.addReplyBulkBytes(key)
			c.addReplyArrayLen(n)
		})
		if c.server.propagates() {
			argv := [][]byte{[]byte(zpopCommands[where]), key}
			if nested {
				argv = append(argv, strconv.AppendInt(nil, int64(n), 10))
			}
			c.rewriteClientCommandVector(argv...)
		}
		return true
	}
	return false
}

// BZPOPMIN key [key ...] timeout
func bzpopminCommand(c *client) { bzpopMinMaxCommand(c, zsetMin) }

// BZPOPMAX key [key ...] timeout
func bzpopmaxCommand(c *client) { bzpopMinMaxCommand(c, zsetMax) }

func bzpopMinMaxCommand(c *client, where int) {
	last := len(c.argv) - 1
	blockingZpop(c, c.argv[1:last], where, c.argv[last], 1, false)
}

// blockingZpop is zpopFirst that waits if there is none.
func blockingZpop(c *client, keys [][]byte, where int, timeoutArg []byte, count int64, nested bool) {
	timeout, ok := c.getTimeoutFromObjectOrReply(timeoutArg, unitSeconds)
	if !ok || c.zpopFirst(keys, where, count, nested) {
		return
	}
	if c.flags&clientDenyBlocking != 0 {
		// In a transaction or a script nothing can come while it waits: it is too late at once.
		c.addReplyNullArray()
		return
	}
	c.blockForKeys(blockedZset, keys, timeout, false)
}

// ZMPOP numkeys key [key ...] MIN|MAX [COUNT count]
func zmpopCommand(c *client) {
	keys, where, count, ok := c.parseMpop(1, (*client).getZsetEndOrReply)
	if ok && !c.zpopFirst(keys, where, count, true) {
		c.addReplyNullArray()
	}
}

// BZMPOP timeout numkeys key [key ...] MIN|MAX [COUNT count]
func bzmpopCommand(c *client) {
	if keys, where, count, ok := c.parseMpop(2, (*client).getZsetEndOrReply); ok {
		blockingZpop(c, keys, where, c.argv[1], count, true)
	}
}

// getZsetEndOrReply reads MIN or MAX.
func (c *client) getZsetEndOrReply(arg []byte) (where int, ok bool) {
	switch {
	case equalFold(arg, "MIN"):
		return zsetMin, true
	case equalFold(arg, "MAX"):
		return zsetMax, true
	}
	c.addReplyErrorObject(shared.syntaxerr)
	return 0, false
}
