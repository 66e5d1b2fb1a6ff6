// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"redport/src/crc16"
	"redport/src/dict"
	"redport/src/epoch"
	"redport/src/kvstore"
	"redport/src/zmalloc"
)

// db_test.go - the keyspace without a network: lookups, expiry, eviction, scanning.

// newKeyspace makes a Server that has databases and the directives that they look at, and nothing else.
func newKeyspace(t testing.TB) *Server {
	t.Helper()
	server := &Server{}
	server.mem = zmalloc.New(zmalloc.Auto)
	server.clock = epoch.New(server.mem)
	server.rand.seed()
	server.resyncClock()
	server.commandTimeSnapshotMs = server.cachedMstime
	server.lruclock = server.getLRUClock()
	server.hz = 10
	server.dbnum = 4
	server.activeExpireEffort = 1
	server.maxmemoryPolicy = maxmemoryNoEviction
	server.maxmemorySamples = 5
	server.maxmemoryEvictionTenacity = 100
	server.lfuLogFactor = 10
	server.lfuDecayTime = 1
	server.stat.errors = map[string]int64{}
	for id := range server.dbnum {
		server.db = append(server.db, &redisDb{
			server: server, id: id, keys: kvstore.New(server.clock, server.keysDictType(), false),
			watchedKeys: map[string]map[*client]bool{},
		})
	}
	server.evictionPoolAlloc()
	return server
}

func (db *redisDb) testGet(t testing.TB, key string) string {
	t.Helper()
	o := db.lookupKeyRead([]byte(key))
	if o == nil {
		return "(nil)"
	}
	var buf [20]byte
	return string(o.strBytes(&buf))
}

func TestStringsKeepTheirTextAndEncoding(t *testing.T) {
	db := newKeyspace(t).db[0]
	long := string(make([]byte, 45))
	for _, tc := range []struct{ value, encoding string }{
		{"", "embstr"}, {"0", "int"}, {"-1", "int"}, {"9223372036854775807", "int"}, {"-9223372036854775808", "int"},
		{"9223372036854775808", "embstr"}, {"01", "embstr"}, {"+1", "embstr"}, {" 1", "embstr"}, {"1 ", "embstr"}, {"-0", "embstr"},
		{long[:44], "embstr"}, {long, "raw"},
	} {
		db.setKey(nil, []byte("k"), []byte(tc.value), 0)
		if got := db.testGet(t, "k"); got != tc.value {
			t.Errorf("set %q, got %q", tc.value, got)
		}
		if got := strEncoding(db.find([]byte("k")).Meta() & 15); got != tc.encoding {
			t.Errorf("%q is %s, want %s", tc.value, got, tc.encoding)
		}
	}
}

func TestSetKeyAndExpiry(t *testing.T) {
	server := newKeyspace(t)
	db, k := server.db[0], []byte("k")
	later := server.cachedMstime + 100000
	db.setKey(nil, k, []byte("v"), 0)
	db.setExpire(nil, k, later)
	db.setKey(nil, k, []byte("w"), setKeyKeepttl)
	if got := db.getExpire(k); got != later {
		t.Errorf("KEEPTTL left %d, want %d", got, later)
	}
	db.setKey(nil, k, []byte("w"), 0)
	if got := db.getExpire(k); got != -1 {
		t.Errorf("a plain set left the expiry %d", got)
	}
	db.setExpire(nil, k, later)
	if !db.removeExpire(k) || db.removeExpire(k) {
		t.Error("removeExpire must succeed once")
	}
}

func TestExpiredKeysAreDeletedOnAccess(t *testing.T) {
	server := newKeyspace(t)
	db, k := server.db[0], []byte("k")
	set := func() {
		db.setKey(nil, k, []byte("v"), setKeyAddOrUpdate)
		db.setExpire(nil, k, server.commandTimeSnapshotMs-1)
	}
	set()
	if db.testGet(t, "k") != "(nil)" || db.keys.Len() != 0 || server.stat.expiredkeys != 1 || server.stat.keyspaceMisses != 1 {
		t.Errorf("not expired: %d keys, %d expired, %d misses", db.keys.Len(), server.stat.expiredkeys, server.stat.keyspaceMisses)
	}
	set()
	if db.lookupKeyReadWithFlags(k, lookupNoeffects) != nil || db.keys.Len() != 1 {
		t.Error("without effects the key must be hidden and stay")
	}
	server.loading = true
	if db.testGet(t, "k") != "v" {
		t.Error("nothing expires while a dataset is loaded")
	}
	server.loading = false

	// A replica hides it from clients, shows it to its master, and may have to add a key of the same name.
	server.masterhost, server.replSlaveRo = "127.0.0.1", true
	if db.testGet(t, "k") != "(nil)" || db.keys.Len() != 1 {
		t.Error("a replica must hide the key and leave it to its master")
	}
	server.currentClient = &client{flags: clientMaster, server: server}
	if db.testGet(t, "k") != "v" {
		t.Error("the master's commands see the key")
	}
	server.currentClient = nil
	db.setKey(nil, k, []byte("w"), 0)
	if got := db.testGet(t, "k"); got != "w" || db.keys.Len() != 1 || db.getExpire(k) != -1 {
		t.Errorf("adding over a hidden key gave %q, %d keys, expiry %d", got, db.keys.Len(), db.getExpire(k))
	}
	db.setExpire(nil, k, server.commandTimeSnapshotMs-1)
	server.replSlaveRo = false
	if db.lookupKeyWrite(k) != nil || db.keys.Len() != 0 {
		t.Error("a writable replica deletes it for a write")
	}
}

func TestLookupAndSetAllocateNothing(t *testing.T) {
	server := newKeyspace(t)
	db, k, n, missing := server.db[0], []byte("key"), []byte("number"), []byte("missing")
	number, text := []byte("456"), []byte("other")
	db.setKey(nil, k, []byte("value"), 0)
	db.setExpire(nil, k, server.cachedMstime+100000)
	db.setKey(nil, n, []byte("123"), 0)
	if allocs := testing.AllocsPerRun(100, func() {
		db.entry(k, lookupNone)
		db.entry(missing, lookupNone)
		db.lookupKeyWrite(k)
		db.lookupKeyRead(n)
		db.setKey(nil, n, number, 0)
		db.setKey(nil, k, text, setKeyKeepttl)
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestActiveExpireCycle(t *testing.T) {
	server := newKeyspace(t)
	now := server.mstime()
	for id, db := range server.db {
		for i := range 3000 {
			k := fmt.Appendf(nil, "key:%d", i)
			db.setKey(nil, k, []byte("v"), 0)
			switch i % 3 {
			case 0:
				db.setExpire(nil, k, now-int64(i)-1)
			case 1:
				db.setExpire(nil, k, now+1000000)
			}
		}
		if id == 0 && db.keys.Expiring() != 2000 {
			t.Fatalf("%d volatile keys", db.keys.Expiring())
		}
	}
	// However short its time, the cycle must come to an end some time, and then nothing stale is left.
	for range 1000 {
		if server.activeExpireCycle(activeExpireCycleSlow); !server.expireCycle.timelimitExit {
			break
		}
	}
	for _, db := range server.db {
		if db.keys.Len() != 2000 || db.keys.Expiring() != 1000 {
			t.Errorf("db %d: %d keys, %d volatile", db.id, db.keys.Len(), db.keys.Expiring())
		}
		if db.avgTTL < 900000 || db.avgTTL > 1000000 {
			t.Errorf("db %d: average time to live %d", db.id, db.avgTTL)
		}
	}
	if server.stat.expiredkeys != 4000 || server.stat.expiredStalePerc <= 0 {
		t.Errorf("%d expired, stale %f", server.stat.expiredkeys, server.stat.expiredStalePerc)
	}
	server.pauseCause[pauseByClientCommand] = pauseEvent{pauseActionExpire, now + 1000000}
	server.updatePausedActions()
	server.db[0].setExpire(nil, []byte("key:2"), 1)
	server.activeExpireCycle(activeExpireCycleSlow)
	if server.db[0].keys.Len() != 2000 {
		t.Error("a key expired during a pause")
	}
}

func TestExpireSlaveKeys(t *testing.T) {
	server := newKeyspace(t)
	server.masterhost = "127.0.0.1"
	c := &client{server: server, db: server.db[1]}
	now := server.mstime()
	for i := range 10 {
		k := fmt.Appendf(nil, "k%d", i)
		c.db.setKey(c, k, []byte("v"), 0)
		when := now - 10
		if i >= 8 {
			when = now + 100000
		}
		c.db.setExpire(c, k, when)
	}
	if n := server.getSlaveKeyWithExpireCount(); n != 10 {
		t.Fatalf("%d keys remembered", n)
	}
	server.expireSlaveKeys()
	if n := server.getSlaveKeyWithExpireCount(); n != 2 || c.db.keys.Len() != 2 {
		t.Errorf("%d keys remembered, %d there", n, c.db.keys.Len())
	}
}

func TestExpireOptions(t *testing.T) {
	const none = -1
	for _, tc := range []struct {
		flags         int
		current, when int64
		want          bool
	}{
		{expireNX, none, 10, true}, {expireNX, 5, 10, false},
		{expireXX, none, 10, false}, {expireXX, 5, 10, true},
		{expireGT, none, 10, false}, {expireGT, 5, 10, true}, {expireGT, 10, 10, false}, {expireGT, 15, 10, false},
		{expireLT, none, 10, true}, {expireLT, 5, 10, false}, {expireLT, 10, 10, false}, {expireLT, 15, 10, true},
		{expireXX | expireLT, none, 10, false}, {expireXX | expireLT, 15, 10, true}, {expireXX | expireGT, 5, 10, true},
	} {
		if got := expireAllowed(tc.flags, tc.current, tc.when); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}

func TestEvictionPoolKeepsTheBest(t *testing.T) {
	server := newKeyspace(t)
	var all []uint64
	for i := range 200 {
		idle := server.rand.uint64() % 1000
		all = append(all, idle)
		server.evictionPoolInsert(idle, fmt.Appendf(nil, "key:%d:%d", i, idle), i%4)
	}
	slices.Sort(all)
	for k, e := range server.evictionPool {
		want := all[len(all)-evpoolSize+k]
		var i, idle int
		fmt.Sscanf(string(e.key), "key:%d:%d", &i, &idle)
		if !e.used || e.idle != want || uint64(idle) != want || e.dbid != i%4 {
			t.Errorf("place %d: %d (%s, db %d), want %d", k, e.idle, e.key, e.dbid, want)
		}
	}
}

func TestEvictionPolicies(t *testing.T) {
	for _, tc := range []struct {
		name   string
		policy int
	}{
		{"allkeys-random", maxmemoryAllkeysRandom}, {"allkeys-lru", maxmemoryAllkeysLru}, {"allkeys-lfu", maxmemoryAllkeysLfu},
		{"volatile-random", maxmemoryVolatileRandom}, {"volatile-lru", maxmemoryVolatileLru}, {"volatile-lfu", maxmemoryVolatileLfu},
		{"volatile-ttl", maxmemoryVolatileTTL}, {"noeviction", maxmemoryNoEviction},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := newKeyspace(t)
			server.maxmemoryPolicy = tc.policy
			const keys = 2000
			for i := range keys {
				db, k := server.db[i%3], fmt.Appendf(nil, "key:%d", i)
				db.setKey(nil, k, make([]byte, 100), 0)
				if i%2 == 0 {
					db.setExpire(nil, k, server.cachedMstime+100000+int64(i))
				}
			}
			volatile := tc.policy&maxmemoryFlagAllkeys == 0
			persistent := func() (n int) {
				for _, db := range server.db {
					n += db.keys.Len() - db.keys.Expiring()
				}
				return n
			}
			before := persistent()
			server.maxmemory = uint64(server.usedMemory() - 100*50)
			result := server.performEvictions()
			if tc.policy == maxmemoryNoEviction {
				if result != evictFail || server.stat.evictedkeys != 0 {
					t.Errorf("result %d, %d evicted", result, server.stat.evictedkeys)
				}
				return
			}
			if result != evictOk || server.overMaxmemory() || server.stat.evictedkeys == 0 {
				t.Errorf("result %d, %d bytes of %d, %d evicted", result, server.usedMemory(), server.maxmemory, server.stat.evictedkeys)
			}
			if volatile && persistent() != before {
				t.Errorf("%d persistent keys were evicted", before-persistent())
			}
			// With nothing left to evict, it must fail and not spin.
			server.maxmemory = 1
			if result := server.performEvictions(); result != evictFail {
				t.Errorf("with a limit of one byte: %d", result)
			}
			if n := server.dbTotalServerKeyCount(); volatile && n != keys/2 || !volatile && n != 0 {
				t.Errorf("%d keys left", n)
			}
		})
	}
}

func TestLRUClockWraps(t *testing.T) {
	server := &Server{lruclock: 10}
	if got := server.estimateObjectIdleTime(4); got != 6000 {
		t.Errorf("idle for %d", got)
	}
	if got := server.estimateObjectIdleTime(lruClockMax - 5); got != 15000 {
		t.Errorf("across the wrap: idle for %d", got)
	}
}

func TestLFUCounter(t *testing.T) {
	server := newKeyspace(t)
	server.unixtime = 1000 * 60
	word := func(minute, counter uint32) uint32 { return minute<<8 | counter }
	for _, tc := range []struct{ minute, counter, decay, want uint32 }{
		{1000, 10, 1, 10}, {995, 10, 1, 5}, {900, 10, 1, 0}, {990, 10, 3, 7}, {900, 10, 0, 10},
		{65530, 200, 1, 0}, // the clock has wrapped: 1005 minutes
	} {
		server.lfuDecayTime = int(tc.decay)
		if got := server.lfuDecrAndReturn(word(tc.minute, tc.counter)); got != tc.want {
			t.Errorf("%+v: %d", tc, got)
		}
	}
	if got := server.lfuLogIncr(255); got != 255 {
		t.Errorf("255 became %d", got)
	}
	if got := server.lfuLogIncr(lfuInitVal); got != lfuInitVal+1 {
		t.Errorf("the first access must count, got %d", got)
	}
}

func TestSwapDatabases(t *testing.T) {
	server := newKeyspace(t)
	server.db[0].setKey(nil, []byte("a"), []byte("0"), 0)
	server.db[1].setKey(nil, []byte("b"), []byte("1"), 0)
	if !server.swapDatabases(0, 1) || server.db[0].testGet(t, "b") != "1" || server.db[1].testGet(t, "a") != "0" {
		t.Error("not swapped")
	}
	if server.swapDatabases(0, 4) || server.swapDatabases(-1, 0) || !server.swapDatabases(2, 2) {
		t.Error("wrong answer about which databases exist")
	}
}

func TestEmptyData(t *testing.T) {
	server := newKeyspace(t)
	used := server.mem.Used()
	for id, db := range server.db {
		for i := range 100 * (id + 1) {
			db.setKey(nil, fmt.Appendf(nil, "k%d", i), make([]byte, 1000), 0)
		}
	}
	if n := server.emptyData(1, emptydbAsync); n != 200 || server.lazyfreeGetFreedObjectsCount() != 200 || server.db[1].keys.Len() != 0 {
		t.Errorf("removed %d, %d counted as lazily freed", n, server.lazyfreeGetFreedObjectsCount())
	}
	if n := server.emptyData(-1, 0); n != 800 || server.lazyfreeGetFreedObjectsCount() != 200 {
		t.Errorf("removed %d", n)
	}
	if n := server.emptyData(4, 0); n != -1 {
		t.Errorf("no such database: %d", n)
	}
	if now := server.mem.Used(); now > used+64*1024 {
		t.Errorf("%d bytes in use afterwards, %d before", now, used)
	}
	server.db[1].setKey(nil, []byte("k"), []byte("v"), 0)
	if server.db[1].testGet(t, "k") != "v" {
		t.Error("an emptied database must take keys")
	}
}

func TestScanUnderWrites(t *testing.T) {
	server := newKeyspace(t)
	db := server.db[0]
	for i := range 1000 {
		db.setKey(nil, fmt.Appendf(nil, "stays:%d", i), []byte("v"), 0)
	}
	seen := map[string]int{}
	added := 0
	for cursor := uint64(0); ; {
		cursor = db.keys.Scan(cursor, 10, func(e dict.Entry) { seen[string(e.Key())]++ })
		if cursor == 0 {
			break
		}
		for range 20 {
			db.setKey(nil, fmt.Appendf(nil, "comes:%d", added), []byte("v"), 0)
			added++
		}
		if added%3 == 0 {
			for i := range added - 5 {
				db.dbSyncDelete(fmt.Appendf(nil, "comes:%d", i))
			}
		}
	}
	for i := range 1000 {
		if n := seen[fmt.Sprintf("stays:%d", i)]; n != 1 {
			t.Fatalf("stays:%d was returned %d times", i, n)
		}
	}
}

func TestPatternHashSlot(t *testing.T) {
	slot := func(s string) int { return int(crc16.KeyHashSlot([]byte(s))) }
	for _, tc := range []struct {
		pattern string
		want    int
	}{
		{"{foo}-*", slot("foo")}, {"a{foo}*", slot("foo")}, {"*{foo}", -1}, {"?", -1}, {"{f*o}", -1}, {"{f?o}x", -1}, {"{foo", slot("{foo")},
		{"foo", slot("foo")}, {"foo*", -1}, {"{}foo", slot("{}foo")}, {"{}foo*", -1}, {"{}{foo}*", -1}, {`{fo\o}`, -1}, {"{a[b]}", -1}, {"}{foo}*", slot("foo")},
	} {
		if got := patternHashSlot([]byte(tc.pattern)); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.pattern, got, tc.want)
		}
	}
}

func TestKeyspaceEventFlags(t *testing.T) {
	for _, tc := range []struct{ in, out string }{
		{"", ""}, {"KEA", "AKE"}, {"g$lshzxetd", "A"}, {"AnKEm", "AKEm"}, {"mEKg", "gKEm"}, {"nxE", "xnE"},
	} {
		flags, ok := keyspaceEventsStringToFlags(tc.in)
		if got := keyspaceEventsFlagsToString(flags); !ok || got != tc.out {
			t.Errorf("%q became %q, want %q", tc.in, got, tc.out)
		}
	}
	if _, ok := keyspaceEventsStringToFlags("KEy"); ok {
		t.Error("y is no class")
	}
}

func TestScanPropagatesDeletionsApart(t *testing.T) {
	server := newKeyspace(t)
	db := server.db[0]
	var sent []string
	server.propagationSinks = []propagationSink{{propagateRepl, func(_ int, argv [][]byte) { sent = append(sent, string(argv[0])) }}}
	for i := range 3 {
		k := fmt.Appendf(nil, "k%d", i)
		db.setKey(nil, k, []byte("v"), 0)
		db.setExpire(nil, k, server.commandTimeSnapshotMs-1)
	}
	c := &client{server: server, db: db, resp: 2, argv: [][]byte{[]byte("scan"), []byte("0")}}
	server.executionNesting = 1
	scanCommand(c)
	if got := fmt.Sprint(sent); got != "[DEL DEL DEL]" || db.keys.Len() != 0 {
		t.Errorf("sent %s, %d keys left", got, db.keys.Len())
	}
}

// RENAME and MOVE do not copy a long value; a snapshot goes on seeing it under its old name.
func TestRenameHandsValuesOver(t *testing.T) {
	server := idleServer(t)
	c := server.fakeClient()
	c.run("SET", "a", string(bytes.Repeat([]byte("x"), 1<<20)), "EX", "1000")
	at := func(db int, key string) *byte { return unsafe.SliceData(server.db[db].find([]byte(key)).Value()) }
	was := at(0, "a")
	used := server.mem.Used()
	snapshot := server.clock.Snapshot()
	view := server.db[0].keys.View(snapshot)
	c.run("RENAME", "a", "b")
	if at(0, "b") != was {
		t.Error("RENAME has copied the value")
	}
	if got := c.run("MOVE", "b", "1"); got != ":1\r\n" || at(1, "b") != was {
		t.Errorf("MOVE has copied the value: %q", got)
	}
	if e := server.db[1].find([]byte("b")); e.Expire() < 0 || server.db[0].keys.Len() != 0 {
		t.Error("the expiry is gone, or the key is not")
	}
	c.run("SELECT", "1")
	c.run("SETRANGE", "b", "0", "y")
	view.All(func(e dict.Entry) bool {
		if string(e.Key()) != "a" || unsafe.SliceData(e.Value()) != was || e.Value()[0] != 'x' {
			t.Errorf("the snapshot sees %s, %.5q", e.Key(), e.Value())
		}
		return true
	})
	c.run("FLUSHALL")
	snapshot.Release()
	for server.clock.Reclaim(0) {
	}
	if now := server.mem.Used(); now > used-1<<20 {
		t.Errorf("%d bytes are in use, after %d with the value", now, used)
	}
}
