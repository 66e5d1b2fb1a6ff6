// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math"
	"strconv"

	"redport/src/dict"
	"redport/src/monotonic"
)

// expire.go - keys that live for a time: the cycle that collects them, and the commands of the EXPIRE and TTL families.
// Expiry on access is expireIfNeeded in db.go.
//
// Counterpart: expire.c. Differences: Redis keeps volatile keys in a dictionary of their own and samples it. Here
// the pages of the keyspace know the earliest expiry below them, so the cycle asks the dictionary for the keys that are due
// and gets those and no others: nothing is sampled, a database in which nothing is due costs one comparison,
// and a pass that runs to its end leaves no stale key behind. Time limits and the rule when a fast cycle may run
// are Redis's.

// The kinds of activeExpireCycle.
const (
	activeExpireCycleSlow = 0
	activeExpireCycleFast = 1
)

// At effort 1; the efforts up to 10 work more and leave less.
const (
	activeExpireCyclePagesPerLoop    = 4    // pages looked at between two looks at the clock
	activeExpireCycleFastDuration    = 1000 // us
	activeExpireCycleSlowTimePerc    = 25   // percent of the CPU
	activeExpireCycleAcceptableStale = 10   // percent of stale keys beyond which a fast cycle runs anyway
	activeExpireCycleTTLSamples      = 20   // keys per database whose time to live goes into the average

	cronDbsPerCall = 16
)

// activeExpireState is what the cycle remembers from call to call.
type activeExpireState struct {
	currentDb     int
	timelimitExit bool  // the last cycle ran out of time
	lastFastCycle int64 // monotonic us

	due    dueKeys
	fields dueKeys // of one hash

	// Keys that got an expiry from a client of a writable replica, whose master knows nothing of them; per key the databases,
	// a bit each (the first 64).
	slaveKeys map[string]uint64
}

// dueKeys holds copies of key names: the dictionary must not change while it tells which keys are due.
type dueKeys struct {
	buf  []byte
	ends []int
}

func (k *dueKeys) reset() { k.buf, k.ends = k.buf[:0], k.ends[:0] }

func (k *dueKeys) add(key []byte) {
	k.buf = append(k.buf, key...)
	k.ends = append(k.ends, len(k.buf))
}

func (k *dueKeys) at(i int) []byte {
	start := 0
	if i > 0 {
		start = k.ends[i-1]
	}
	return k.buf[start:k.ends[i]:k.ends[i]]
}

// trim gives an unusually big buffer back to the collector.
func (k *dueKeys) trim() {
	if cap(k.buf) > 1<<20 {
		*k = dueKeys{}
	}
}

// activeExpireTryExpire deletes key if it has expired by now, and reports whether it did.
func (db *redisDb) activeExpireTryExpire(key []byte, now int64) bool {
	e := db.keys.Find(key)
	if !e.Ok() || e.Expire() < 0 || now <= e.Expire() {
		return false
	}
	db.deleteExpiredKeyAndPropagate(e, key)
	db.server.endDeletionUnit()
	return true
}

// activeExpireCycle deletes keys whose time has come, though nobody asks for them.
//
// The slow cycle runs from serverCron and takes up to a quarter of the time between two crons (more with a higher
// active-expire-effort). The fast one runs before the loop sleeps, takes a millisecond or so, and only if
// the cycle before it ran out of time, or if many keys are stale, and not more often than every two of its durations.
func (server *Server) activeExpireCycle(typ int) {
	st := &server.expireCycle
	effort := int64(server.activeExpireEffort - 1) // 0 to 9
	pagesPerLoop := activeExpireCyclePagesPerLoop + activeExpireCyclePagesPerLoop/4*effort
	fastDuration := activeExpireCycleFastDuration + activeExpireCycleFastDuration/4*effort
	slowTimePerc := activeExpireCycleSlowTimePerc + 2*effort
	acceptableStale := activeExpireCycleAcceptableStale - effort

	// While clients are paused the dataset stands still: nothing expires and nothing is evicted.
	if server.isPausedActionsWithUpdate(pauseActionExpire) {
		return
	}
	start := monotonic.Us()
	if typ == activeExpireCycleFast {
		if !st.timelimitExit && server.stat.expiredStalePerc < float64(acceptableStale)/100 {
			return
		}
		if start < st.lastFastCycle+fastDuration*2 {
			return
		}
		st.lastFastCycle = start
	}

	// After running out of time, see to all databases: the work left may be in any of them.
	dbs := cronDbsPerCall
	if dbs > server.dbnum || st.timelimitExit {
		dbs = server.dbnum
	}
	timelimit := max(slowTimePerc*1000000/int64(server.hz)/100, 1)
	if typ == activeExpireCycleFast {
		timelimit = fastDuration
	}
	st.timelimitExit = false

	var expired int64
	var volatiles float64 // volatile keys that the cycle passed
	for j := 0; j < dbs && !st.timelimitExit; j++ {
		// Count on at once: out of time, the next cycle starts with the next database.
		db := server.db[st.currentDb%server.dbnum]
		st.currentDb++
		if db.subexpires() > 0 {
			db.activeExpireHashFields(int(pagesPerLoop), start+timelimit)
			if st.timelimitExit {
				continue
			}
		}
		n := db.keys.Expiring()
		if n == 0 {
			db.avgTTL = 0
			db.expireCursor = 0
			continue
		}
		if typ == activeExpireCycleSlow {
			db.updateAvgTTL()
		}
		from := db.expireCursor
		expired += db.expireDueKeys(int(pagesPerLoop), start+timelimit)
		if st.timelimitExit {
			volatiles += float64(n) * float64(db.expireCursor-min(from, db.expireCursor)) / (1 << 48)
		} else {
			volatiles += float64(n)
		}
	}
	st.due.trim()

	elapsed := monotonic.Us() - start
	server.stat.expireCycleTimeUsed += elapsed
	server.latencyAddSampleIfNeeded("expire-cycle", elapsed/1000)

	// How many of the volatile keys are stale when the cycle comes by: an average to which this cycle adds 5 %.
	perc := 0.0
	if volatiles > 0 {
		perc = min(float64(expired)/volatiles, 1)
	}
	server.stat.expiredStalePerc = perc*0.05 + server.stat.expiredStalePerc*0.95
}

// expireDueKeys deletes the keys of one database that are due, from where the last cycle stopped up to the end of the
// keyspace, or until the deadline (monotonic us); then timelimitExit is set and the cursor stays.
func (db *redisDb) expireDueKeys(pages int, deadline int64) (expired int64) {
	server := db.server
	st := &server.expireCycle
	for {
		now := server.mstime()
		st.due.reset()
		next := db.keys.Due(db.expireCursor, now-1, pages, func(e dict.Entry) { st.due.add(e.Key()) })
		for i := range st.due.ends {
			if db.activeExpireTryExpire(st.due.at(i), now) {
				expired++
			}
			// A slow deletion must not carry the whole batch past the limit. The cursor stays, so what is left comes again.
			if i&15 == 15 && monotonic.Us() > deadline {
				server.expireTimeLimitReached()
				return expired
			}
		}
		db.expireCursor = next
		if next == 0 {
			return expired
		}
		if monotonic.Us() > deadline {
			server.expireTimeLimitReached()
			return expired
		}
	}
}

func (server *Server) expireTimeLimitReached() {
	server.expireCycle.timelimitExit = true
	server.stat.expiredTimeCapReachedCount++
}

// updateAvgTTL refreshes the average time to live that INFO shows: every sampled key moves it by 2 %.
func (db *redisDb) updateAvgTTL() {
	now := db.server.mstime()
	var sum, samples float64 // two keys that hardly ever expire are too much for an int64
	db.keys.Sample(db.server.rand.uint64, activeExpireCycleTTLSamples, true, func(e dict.Entry) {
		if ttl := e.Expire() - now; ttl > 0 {
			sum += float64(ttl)
			samples++
		}
	})
	if samples == 0 {
		return
	}
	avg := int64(sum / samples)
	if db.avgTTL == 0 {
		db.avgTTL = avg
	} else {
		db.avgTTL = avg + int64(float64(db.avgTTL-avg)*math.Pow(0.98, samples))
	}
}

// --- Keys with an expiry created on a writable replica ---

// rememberSlaveKeyWithExpire notes a key that got its expiry from a client of this replica: the master will never delete it.
func (db *redisDb) rememberSlaveKeyWithExpire(key []byte) {
	if db.id > 63 {
		return
	}
	st := &db.server.expireCycle
	if st.slaveKeys == nil {
		st.slaveKeys = map[string]uint64{}
	}
	st.slaveKeys[string(key)] |= 1 << db.id
}

// getSlaveKeyWithExpireCount is the number of such keys.
func (server *Server) getSlaveKeyWithExpireCount() int { return len(server.expireCycle.slaveKeys) }

// flushSlaveKeysWithExpireList forgets them: with the data gone, keys of these names will be the master's.
func (server *Server) flushSlaveKeysWithExpireList() { server.expireCycle.slaveKeys = nil }

// expireSlaveKeys is activeExpireCycle for a replica: it expires those keys only. It stops at the fourth key that is
// not due, or after a millisecond.
func (server *Server) expireSlaveKeys() {
	st := &server.expireCycle
	start := server.mstime()
	cycles, notDue := 0, 0
	for key, dbids := range st.slaveKeys { // in random order
		var keep uint64
		for id := 0; id < min(server.dbnum, 64); id++ {
			if dbids&(1<<id) == 0 {
				continue
			}
			db := server.db[id]
			if db.getExpire([]byte(key)) < 0 || db.activeExpireTryExpire([]byte(key), start) {
				continue
			}
			notDue++
			keep |= 1 << id
		}
		if keep != 0 {
			st.slaveKeys[key] = keep
		} else {
			delete(st.slaveKeys, key)
		}
		cycles++
		if notDue > 3 || cycles%64 == 0 && server.mstime()-start > 1 {
			return
		}
	}
}

// --- Commands ---

// checkAlreadyExpired tells whether a key with this expiry is to be deleted rather than kept. A replica and a server that
// loads keep it: there, deleting is the master's, or the file's, decision.
func (server *Server) checkAlreadyExpired(when int64) bool {
	return when <= server.commandTimeSnapshot() && !server.loading && server.masterhost == ""
}

// Options of the EXPIRE family.
const (
	expireNX = 1 << iota // only keys without an expiry
	expireXX             // only keys with one
	expireGT             // only to a later time
	expireLT             // only to an earlier one
)

func (c *client) parseExtendedExpireArgumentsOrReply() (flags int, ok bool) {
	for _, arg := range c.argv[3:] {
		switch {
		case equalFold(arg, "NX"):
			flags |= expireNX
		case equalFold(arg, "XX"):
			flags |= expireXX
		case equalFold(arg, "GT"):
			flags |= expireGT
		case equalFold(arg, "LT"):
			flags |= expireLT
		default:
			c.addReplyErrorFormat("Unsupported option %s", cstring(arg))
			return 0, false
		}
	}
	if flags&expireNX != 0 && flags != expireNX {
		c.addReplyError("NX and XX, GT or LT options at the same time are not compatible")
		return 0, false
	}
	if flags&expireGT != 0 && flags&expireLT != 0 {
		c.addReplyError("GT and LT options at the same time are not compatible")
		return 0, false
	}
	return flags, true
}

// expireAllowed tells whether the options let a key whose expiry is current (-1: none) get the new one. No expiry counts as
// the end of time for GT and LT.
func expireAllowed(flags int, current, when int64) bool {
	switch {
	case flags&expireNX != 0 && current != -1,
		flags&expireXX != 0 && current == -1,
		flags&expireGT != 0 && (current == -1 || when <= current),
		flags&expireLT != 0 && current != -1 && when >= current:
		return false
	}
	return true
}

// expireGenericCommand serves EXPIRE, PEXPIRE, EXPIREAT and PEXPIREAT: argv[2] is in unit and counts from basetime (ms).
func expireGenericCommand(c *client, basetime int64, unit int) {
	server := c.server
	key := c.argv[1]
	flags, ok := c.parseExtendedExpireArgumentsOrReply()
	if !ok {
		return
	}
	when, ok := c.getLongLongFromObjectOrReply(c.argv[2], "")
	if !ok {
		return
	}
	// Negative times are fine, but neither the unit nor the base may carry past 64 bits.
	if unit == unitSeconds {
		if when > math.MaxInt64/1000 || when < math.MinInt64/1000 {
			c.addReplyErrorExpireTime()
			return
		}
		when *= 1000
	}
	if when > math.MaxInt64-basetime {
		c.addReplyErrorExpireTime()
		return
	}
	when += basetime

	e := c.db.entry(key, lookupWrite)
	if !e.Ok() || flags != 0 && !expireAllowed(flags, e.Expire(), when) {
		c.addReply(shared.czero)
		return
	}
	if server.checkAlreadyExpired(when) {
		c.db.deleteEntry(e, key, server.lazyfreeLazyExpire)
		server.dirty++
		// Replicas and AOF see a deletion, not a time that may not have come for them.
		name := "DEL"
		if server.lazyfreeLazyExpire {
			name = "UNLINK"
		}
		if server.shouldPropagate(propagateAof | propagateRepl) {
			c.rewriteClientCommandVector([]byte(name), key)
		}
		server.signalModifiedKey(c, c.db, key)
		server.notifyKeyspaceEvent(notifyGeneric, "del", key, c.db.id)
		c.addReply(shared.cone)
		return
	}
	c.db.setEntryExpire(c, e, key, when)
	c.addReply(shared.cone)
	// Whatever the command, PEXPIREAT is what it means.
	if server.shouldPropagate(propagateAof | propagateRepl) {
		if c.cmd.Name != "pexpireat" {
			c.rewriteClientCommandArgument(0, []byte("PEXPIREAT"))
		}
		if basetime != 0 || unit == unitSeconds {
			c.rewriteClientCommandArgument(2, strconv.AppendInt(nil, when, 10))
		}
	}
	server.signalModifiedKey(c, c.db, key)
	server.notifyKeyspaceEvent(notifyGeneric, "expire", key, c.db.id)
	server.dirty++
}

// EXPIRE key seconds [NX | XX | GT | LT]
func expireCommand(c *client) {
	expireGenericCommand(c, c.server.commandTimeSnapshot(), unitSeconds)
}

// EXPIREAT key unix-time-seconds [NX | XX | GT | LT]
func expireatCommand(c *client) { expireGenericCommand(c, 0, unitSeconds) }

// PEXPIRE key milliseconds [NX | XX | GT | LT]
func pexpireCommand(c *client) {
	expireGenericCommand(c, c.server.commandTimeSnapshot(), unitMilliseconds)
}

// PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]
func pexpireatCommand(c *client) { expireGenericCommand(c, 0, unitMilliseconds) }

// ttlGenericCommand serves TTL, PTTL, EXPIRETIME and PEXPIRETIME: -2 without a key, -1 without an expiry.
func ttlGenericCommand(c *client, outputMs, outputAbs bool) {
	e := c.db.entry(c.argv[1], lookupNotouch)
	if !e.Ok() {
		c.addReplyLongLong(-2)
		return
	}
	ttl := e.Expire()
	if ttl == -1 {
		c.addReplyLongLong(-1)
		return
	}
	if !outputAbs {
		ttl = max(ttl-c.server.commandTimeSnapshot(), 0)
	}
	if !outputMs {
		ttl = int64(uint64(ttl+500) / 1000) // C's compiler sees to it that the sum does not overflow
	}
	c.addReplyLongLong(ttl)
}

func ttlCommand(c *client)         { ttlGenericCommand(c, false, false) }
func pttlCommand(c *client)        { ttlGenericCommand(c, true, false) }
func expiretimeCommand(c *client)  { ttlGenericCommand(c, false, true) }
func pexpiretimeCommand(c *client) { ttlGenericCommand(c, true, true) }

// PERSIST key
func persistCommand(c *client) {
	server := c.server
	e := c.db.entry(c.argv[1], lookupWrite)
	if !e.Ok() || e.Expire() < 0 {
		c.addReply(shared.czero)
		return
	}
	c.db.keys.SetExpire(e, -1)
	server.signalModifiedKey(c, c.db, c.argv[1])
	server.notifyKeyspaceEvent(notifyGeneric, "persist", c.argv[1], c.db.id)
	c.addReply(shared.cone)
	server.dirty++
}

// TOUCH key [key ...]
func touchCommand(c *client) {
	var touched int64
	for _, key := range c.argv[1:] {
		if c.db.entry(key, lookupNone).Ok() {
			touched++
		}
	}
	c.addReplyLongLong(touched)
}
