// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math"

	"redport/src/dict"
	"redport/src/monotonic"
)

// evict.go - staying below maxmemory: which keys have to go, and when; and the access word that decides it.
//
// The access word of a key has 24 bits. Under an LRU policy (or none) it is the LRU clock of the last access: seconds,
// modulo 2^24. Under an LFU policy:
//
//	 16 bits         8 bits
//	+---------------+-------+
//	| last access   | LOG_C |
//	+---------------+-------+
//
// in minutes, modulo 2^16, and a logarithmic counter of accesses: the higher it is, the less likely an access
// raises it, and it loses one for every lfu-decay-time minutes without access. A new key starts at lfuInitVal,
// so that it lives long enough to be counted.
//
// LRU, LFU and TTL policies take a few random keys (maxmemory-samples) and put them into a pool of the best candidates
// seen so far, which outlives the call; then the best of the pool goes. The random policies need no pool.
//
// Memory is what src/zmalloc accounts for, so it falls in the moment a key is deleted. What replicas and the AOF still
// have to be sent is not counted: deleting a key adds to it, which would let eviction feed on itself.
//
// Counterpart: evict.c.

const (
	lruBits            = 24
	lruClockMax        = 1<<lruBits - 1
	lruClockResolution = 1000 // ms

	lfuInitVal = 5

	evpoolSize = 16
)

// What performEvictions came to.
const (
	evictOk      = iota // below the limit, or eviction is not allowed now
	evictRunning        // above it, more keys can go: a time event goes on
	evictFail           // above it, and there is nothing to evict
)

// evictionPoolEntry is a candidate for eviction. Entries are in ascending order of idle, the used ones first. The key is a copy; it may be gone
// by the time its turn comes.
type evictionPoolEntry struct {
	idle uint64 // idle time, or for LFU 255 - frequency, or for TTL the nearness of the end
	key  []byte
	used bool
	dbid int
}

// --- Access times ---

// getLRUClock reads the LRU clock. serverCron keeps it in server.lruclock.
func (server *Server) getLRUClock() uint32 {
	return uint32(server.mstime()/lruClockResolution) & lruClockMax
}

// estimateObjectIdleTime is for how many ms a key with this access word has not been accessed (LRU).
func (server *Server) estimateObjectIdleTime(access uint32) uint64 {
	now := server.lruclock
	if now >= access {
		return uint64(now-access) * lruClockResolution
	}
	return uint64(now+(lruClockMax-access)) * lruClockResolution
}

// lfuTimeInMinutes is the time as it goes into the upper part of an LFU access word.
func (server *Server) lfuTimeInMinutes() uint32 { return uint32(server.unixtime/60) & 0xffff }

// lfuTimeElapsed is how many minutes ago ldt was, taking the clock to have wrapped around once at most.
func (server *Server) lfuTimeElapsed(ldt uint32) uint32 {
	now := server.lfuTimeInMinutes()
	if now >= ldt {
		return now - ldt
	}
	return 0xffff - ldt + now
}

// lfuLogIncr counts an access.
func (server *Server) lfuLogIncr(counter uint32) uint32 {
	if counter == 255 {
		return 255
	}
	base := 0.0
	if counter > lfuInitVal {
		base = float64(counter - lfuInitVal)
	}
	p := 1 / (base*float64(server.lfuLogFactor) + 1)
	if float64(server.rand.uint64()>>11)/(1<<53) < p {
		counter++
	}
	return counter
}

// lfuDecrAndReturn is the counter of an access word, less what it has lost since the last access. The word is not
// updated: only an access does that.
func (server *Server) lfuDecrAndReturn(access uint32) uint32 {
	counter := access & 255
	if server.lfuDecayTime == 0 {
		return counter
	}
	periods := server.lfuTimeElapsed(access>>8) / uint32(server.lfuDecayTime)
	return counter - min(periods, counter)
}

// updateLFU counts an access to the key at e.
func (db *redisDb) updateLFU(e dict.Entry) {
	server := db.server
	old := e.Access()
	counter := server.lfuLogIncr(server.lfuDecrAndReturn(old))
	if access := server.lfuTimeInMinutes()<<8 | counter; access != old {
		db.keys.SetAccess(e, access)
	}
}

// --- Memory ---

// freeMemoryGetNotCountedMemory is the part of used_memory that does not count towards maxmemory.
func (server *Server) freeMemoryGetNotCountedMemory() int64 {
	var n int64
	for _, c := range server.slaves {
		n += c.getClientOutputBufferMemoryUsage()
	}
	return n + int64(cap(server.aofBuf))
}

// maxmemoryState says where memory stands with respect to maxmemory.
type maxmemoryState struct {
	total   int64   // used_memory
	logical int64   // less what does not count
	tofree  int64   // above the limit; 0 if below
	level   float64 // logical / maxmemory; 0 without a limit
}

// getMaxmemoryState measures memory, and reports false if it is above the limit.
func (server *Server) getMaxmemoryState() (s maxmemoryState, ok bool) {
	s.total = server.usedMemory()
	if server.maxmemory == 0 {
		return s, true
	}
	s.logical = max(s.total-server.freeMemoryGetNotCountedMemory(), 0)
	s.level = float64(s.logical) / float64(server.maxmemory)
	if uint64(s.logical) <= server.maxmemory {
		return s, true
	}
	s.tofree = s.logical - int64(server.maxmemory)
	return s, false
}

// overMaxmemory is the cheap form of getMaxmemoryState.
func (server *Server) overMaxmemory() bool {
	if server.maxmemory == 0 || uint64(server.usedMemory()) <= server.maxmemory {
		return false
	}
	_, ok := server.getMaxmemoryState()
	return !ok
}

// --- Eviction ---

// startEvictionTimeProc has the loop go on evicting, in short turns between other events.
func (server *Server) startEvictionTimeProc() {
	if server.evictionTimer {
		return
	}
	server.evictionTimer = true
	server.el.CreateTimeEvent(0, func() int64 {
		if server.performEvictions() == evictRunning {
			return 0
		}
		server.evictionTimer = false
		return -1
	})
}

// isSafeToPerformEvictions tells whether keys may be evicted now.
func (server *Server) isSafeToPerformEvictions() bool {
	if server.loading {
		return false
	}
	// A replica is an exact copy of its master.
	if server.masterhost != "" && server.replSlaveIgnoreMaxmemory {
		return false
	}
	return !server.isPausedActionsWithUpdate(pauseActionEvict)
}

// evictionTimeLimitUs is how long one call may evict: up to tenacity 10 linearly to 500 us, then 15 % more a step, up to two
// minutes at 99; 100 knows no limit.
func (server *Server) evictionTimeLimitUs() int64 {
	tenacity := server.maxmemoryEvictionTenacity
	switch {
	case tenacity <= 10:
		return 50 * int64(tenacity)
	case tenacity < 100:
		return int64(500 * math.Pow(1.15, float64(tenacity)-10))
	}
	return math.MaxInt64
}

// evictionScore is how good a candidate for eviction a key is.
func (server *Server) evictionScore(e dict.Entry) uint64 {
	switch policy := server.maxmemoryPolicy; {
	case policy&maxmemoryFlagLru != 0:
		return server.estimateObjectIdleTime(e.Access())
	case policy&maxmemoryFlagLfu != 0:
		return uint64(255 - server.lfuDecrAndReturn(e.Access()))
	default: // volatile-ttl: the sooner the end, the better
		return math.MaxUint64 - uint64(e.Expire())
	}
}

// evictionPoolPopulate samples keys of one database into the pool and returns how many it saw.
func (server *Server) evictionPoolPopulate(db *redisDb) int {
	volatile := server.maxmemoryPolicy&maxmemoryFlagAllkeys == 0
	return db.keys.Sample(server.rand.uint64, server.maxmemorySamples, volatile, func(e dict.Entry) {
		server.evictionPoolInsert(server.evictionScore(e), e.Key(), db.id)
	})
}

// evictionPoolAlloc makes the pool.
func (server *Server) evictionPoolAlloc() {
	server.evictionPool = make([]evictionPoolEntry, evpoolSize)
}

// evictionPoolInsert puts a candidate into the pool if there is room or if it is better than the worst in it.
func (server *Server) evictionPoolInsert(idle uint64, key []byte, dbid int) {
	pool := server.evictionPool
	k := 0
	for k < evpoolSize && pool[k].used && pool[k].idle < idle {
		k++
	}
	full := pool[evpoolSize-1].used
	if full {
		if k == 0 {
			return // worse than all
		}
		// Drop the worst, on the left.
		k--
		spare := pool[0].key
		copy(pool[:k], pool[1:k+1])
		pool[k].key = spare
	} else if pool[k].used {
		// Make room at k by moving the better ones to the right.
		spare := pool[evpoolSize-1].key
		copy(pool[k+1:], pool[k:evpoolSize-1])
		pool[k].key = spare
	}
	e := &pool[k]
	if cap(e.key) > 4096 {
		e.key = nil
	}
	e.key = append(e.key[:0], key...)
	e.idle, e.dbid, e.used = idle, dbid, true
}

// evictionCandidate chooses the key to evict next; ok is false if there is none. The key is a copy.
func (server *Server) evictionCandidate() (db *redisDb, key []byte, ok bool) {
	policy := server.maxmemoryPolicy
	if policy == maxmemoryAllkeysRandom || policy == maxmemoryVolatileRandom {
		return server.randomEvictionCandidate(policy == maxmemoryVolatileRandom)
	}
	volatile := policy&maxmemoryFlagAllkeys == 0
	for {
		seen := 0
		for _, db := range server.db {
			if n := db.keys.Len(); n == 0 || volatile && db.keys.Expiring() == 0 {
				continue
			}
			seen += server.evictionPoolPopulate(db)
		}
		if seen == 0 {
			return nil, nil, false
		}
		for k := evpoolSize - 1; k >= 0; k-- {
			p := &server.evictionPool[k]
			if !p.used {
				continue
			}
			p.used, p.idle = false, 0
			db := server.db[p.dbid]
			// It may be a ghost: deleted, or made persistent, since it was sampled.
			if e := db.keys.Find(p.key); e.Ok() && (!volatile || e.Expire() >= 0) {
				return db, p.key, true
			}
		}
	}
}

// randomEvictionCandidate takes any key, of one database after the other.
func (server *Server) randomEvictionCandidate(volatile bool) (*redisDb, []byte, bool) {
	for range server.db {
		server.nextEvictDb = (server.nextEvictDb + 1) % len(server.db)
		db := server.db[server.nextEvictDb]
		if !volatile {
			if e := db.keys.Random(server.rand.uint64); e.Ok() {
				return db, server.copyEvictedKey(e.Key()), true
			}
			continue
		}
		found := false
		if db.keys.Expiring() > 0 {
			db.keys.Sample(server.rand.uint64, 1, true, func(e dict.Entry) {
				server.copyEvictedKey(e.Key())
				found = true
			})
		}
		if found {
			return db, server.evictScratch, true
		}
	}
	return nil, nil, false
}

func (server *Server) copyEvictedKey(key []byte) []byte {
	server.evictScratch = append(server.evictScratch[:0], key...)
	return server.evictScratch
}

// evictKey deletes one key for the sake of memory and returns how many bytes that freed. What it takes to tell replicas, AOF and
// caching clients is left out of the balance: it goes away by itself, and counting it could keep the loop from ending.
func (server *Server) evictKey(db *redisDb, key []byte) int64 {
	before := server.mem.Used()
	start := server.latencyStart()
	db.genericDelete(key, server.lazyfreeLazyEviction)
	server.latencyEnd("eviction-del", start)
	freed := before - server.mem.Used()
	server.stat.evictedkeys++
	server.signalModifiedKey(nil, db, key)
	server.notifyKeyspaceEvent(notifyEvicted, "evicted", key, db.id)
	db.propagateDeletion(key, server.lazyfreeLazyEviction)
	server.endDeletionUnit()
	return freed
}

// performEvictions evicts keys if memory is above maxmemory, for a limited time; it is called before every command that may need memory.
//
//	evictOk       memory is below the limit, or nothing may be evicted now
//	evictRunning  above the limit when the time was up; a time event goes on
//	evictFail     above the limit, and the policy or the data leave nothing to evict: commands that need memory must fail
func (server *Server) performEvictions() int {
	if !server.isSafeToPerformEvictions() {
		return evictOk
	}
	result := evictOk
	if server.overMaxmemory() {
		result = evictFail
		if server.maxmemoryPolicy != maxmemoryNoEviction {
			result = server.evictUntilBelow()
		}
	}
	stat := &server.stat
	switch {
	case result != evictOk && stat.lastEvictionExceededTime == 0:
		stat.lastEvictionExceededTime = monotonic.Us()
	case result == evictOk && stat.lastEvictionExceededTime != 0:
		stat.totalEvictionExceededTime += monotonic.ElapsedUs(stat.lastEvictionExceededTime)
		stat.lastEvictionExceededTime = 0
	}
	return result
}

// evictUntilBelow is the loop of performEvictions.
func (server *Server) evictUntilBelow() int {
	limit := server.evictionTimeLimitUs()
	state, _ := server.getMaxmemoryState()
	began := monotonic.Us()
	cycle := server.latencyStart()
	result := evictOk
	var freed int64
	for keys := 1; freed < state.tofree; keys++ {
		db, key, ok := server.evictionCandidate()
		if !ok {
			result = evictFail
			break
		}
		freed += server.evictKey(db, key)
		if keys%16 == 0 && monotonic.ElapsedUs(began) > limit {
			server.startEvictionTimeProc()
			break
		}
	}
	if result == evictOk && server.evictionTimer {
		result = evictRunning
	}
	server.latencyEnd("eviction-cycle", cycle)
	return result
}
