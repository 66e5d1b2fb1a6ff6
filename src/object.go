// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"strings"

	"redport/src/dict"
	"redport/src/util"
	"redport/src/zmalloc"
)

// object.go - what commands of all types share about values: type checks, numbers in arguments, encodings; and OBJECT and
// MEMORY, which look at values from outside. Counterpart: object.c.

// objSharedIntegers is how many small integers C Redis shares between keys; OBJECT REFCOUNT shows it.
const objSharedIntegers = 10000

// checkType answers with WRONGTYPE, and reports true, if o is not of type typ. No object is of every type.
func (c *client) checkType(o *robj, typ uint8) bool {
	if o != nil && o.typ != typ {
		c.addReplyErrorObject(shared.wrongtypeerr)
		return true
	}
	return false
}

// checkEntryType is checkType for a position.
func (c *client) checkEntryType(e dict.Entry, typ uint8) bool {
	if e.Ok() && entryType(e) != typ {
		c.addReplyErrorObject(shared.wrongtypeerr)
		return true
	}
	return false
}

// strBytes are the bytes of a string object; a number is printed into buf.
func (o *robj) strBytes(buf *[20]byte) []byte {
	if o.encoding == objEncodingInt {
		return util.AppendInt(buf[:0], o.num)
	}
	return o.str
}

// --- Numbers in arguments ---
//
// Each of these answers with msg, or with Redis's own words if msg is "", when the argument is no such number.

func (c *client) addReplyErrorOr(msg, otherwise string) {
	if msg == "" {
		msg = otherwise
	}
	c.addReplyError(msg)
}

func (c *client) getLongLongFromObjectOrReply(arg []byte, msg string) (int64, bool) {
	n, ok := util.String2ll(arg)
	if !ok {
		c.addReplyErrorOr(msg, "value is not an integer or out of range")
	}
	return n, ok
}

// getLongFromObjectOrReply: C's long has 64 bits here.
func (c *client) getLongFromObjectOrReply(arg []byte, msg string) (int64, bool) {
	return c.getLongLongFromObjectOrReply(arg, msg)
}

// getIndexRangeOrReply reads the start and the end of a range by index, from argument i on.
func (c *client) getIndexRangeOrReply(i int) (start, end int64, ok bool) {
	if start, ok = c.getLongFromObjectOrReply(c.argv[i], ""); ok {
		end, ok = c.getLongFromObjectOrReply(c.argv[i+1], "")
	}
	return start, end, ok
}

func (c *client) getRangeLongFromObjectOrReply(arg []byte, lowest, highest int64, msg string) (int64, bool) {
	n, ok := c.getLongLongFromObjectOrReply(arg, msg)
	if !ok {
		return 0, false
	}
	if n < lowest || n > highest {
		if msg != "" {
			c.addReplyError(msg)
		} else {
			c.addReplyErrorFormat("value is out of range, value must between %d and %d", lowest, highest)
		}
		return 0, false
	}
	return n, true
}

func (c *client) getPositiveLongFromObjectOrReply(arg []byte, msg string) (int64, bool) {
	if msg == "" {
		msg = "value is out of range, must be positive"
	}
	return c.getRangeLongFromObjectOrReply(arg, 0, math.MaxInt64, msg)
}

func (c *client) getIntFromObjectOrReply(arg []byte, msg string) (int, bool) {
	n, ok := c.getRangeLongFromObjectOrReply(arg, math.MinInt32, math.MaxInt32, msg)
	return int(n), ok
}

func (c *client) getDoubleFromObjectOrReply(arg []byte, msg string) (float64, bool) {
	d, ok := util.String2d(arg)
	if !ok {
		c.addReplyErrorOr(msg, "value is not a valid float")
	}
	return d, ok
}

// --- OBJECT ---

// strEncoding is what OBJECT ENCODING calls an encoding.
func strEncoding(encoding uint8) string {
	switch encoding {
	case objEncodingRaw:
		return "raw"
	case objEncodingInt:
		return "int"
	case objEncodingHt:
		return "hashtable"
	case objEncodingQuicklist:
		return "quicklist"
	case objEncodingListpack:
		return "listpack"
	case objEncodingListpackEx:
		return "listpackex"
	case objEncodingIntset:
		return "intset"
	case objEncodingSkiplist:
		return "skiplist"
	case objEncodingEmbstr:
		return "embstr"
	case objEncodingStream:
		return "stream"
	}
	return "unknown"
}

// entryRefcount is what C Redis counts as references to the value: one, but for small integers, which it shares
// unless every key needs an access word of its own.
func (db *redisDb) entryRefcount(e dict.Entry) int64 {
	server := db.server
	if e.Meta() != objString<<4|objEncodingInt || server.maxmemory != 0 && server.maxmemoryPolicy&maxmemoryFlagNoSharedIntegers != 0 {
		return 1
	}
	if n := db.view(e).num; n < 0 || n >= objSharedIntegers {
		return 1
	}
	return math.MaxInt32
}

// objectCommand serves OBJECT's subcommands. They do not count as accesses to the key.
func objectCommand(c *client) {
	server := c.server
	sub := c.argv[1]
	if len(c.argv) == 2 && equalFold(sub, "HELP") {
		c.addReplyHelp([]string{
			"ENCODING <key>",
			"    How the value of <key> is stored.",
			"FREQ <key>",
			"    How often <key> was used of late, on a logarithmic scale (LFU policies only).",
			"IDLETIME <key>",
			"    For about how many seconds nobody has used <key> (not with an LFU policy).",
			"REFCOUNT <key>",
			"    How many hold the value of <key>.",
		})
		return
	}
	what := strings.ToLower(string(sub))
	switch what {
	case "encoding", "freq", "idletime", "refcount":
	default:
		what = ""
	}
	if len(c.argv) != 3 || what == "" {
		c.addReplySubcommandSyntaxError()
		return
	}
	e := c.db.entry(c.argv[2], lookupNotouch|lookupNonotify)
	if !e.Ok() {
		c.addReplyNull()
		return
	}
	lfu := server.maxmemoryPolicy&maxmemoryFlagLfu != 0
	switch what {
	case "encoding":
		c.addReplyBulkString(strEncoding(e.Meta() & 15))
	case "refcount":
		c.addReplyLongLong(c.db.entryRefcount(e))
	case "idletime":
		if lfu {
			c.addReplyError("An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.")
			return
		}
		c.addReplyLongLong(int64(server.estimateObjectIdleTime(e.Access()) / 1000))
	case "freq":
		if !lfu {
			c.addReplyError("An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.")
			return
		}
		c.addReplyLongLong(int64(server.lfuDecrAndReturn(e.Access())))
	}
}

// --- MEMORY ---

// entryMemoryUsage is the number of bytes that a key and its value hold.
func entryMemoryUsage(e dict.Entry) int64 {
	n := int64(e.Size())
	if e.IsPointer() {
		if v, ok := (*robj)(e.Pointer()).ptr.(collection); ok {
			n += v.memoryUsage()
		}
	}
	return n
}

// memoryUsageCommand serves MEMORY USAGE key [SAMPLES count]. Nothing is estimated here, so the count is checked and ignored.
func memoryUsageCommand(c *client) {
	for j := 3; j < len(c.argv); j += 2 {
		if !equalFold(c.argv[j], "SAMPLES") || j+1 == len(c.argv) {
			c.addReplyErrorObject(shared.syntaxerr)
			return
		}
		n, ok := c.getLongLongFromObjectOrReply(c.argv[j+1], "")
		if !ok {
			return
		}
		if n < 0 {
			c.addReplyErrorObject(shared.syntaxerr)
			return
		}
	}
	e := c.db.find(c.argv[2])
	if !e.Ok() {
		c.addReplyNull()
		return
	}
	c.addReplyLongLong(entryMemoryUsage(e))
}

// memoryCommand serves MEMORY's subcommands.
func memoryCommand(c *client) {
	server := c.server
	sub := c.argv[1]
	switch {
	case len(c.argv) == 2 && equalFold(sub, "HELP"):
		c.addReplyHelp([]string{
			"DOCTOR",
			"    Say in prose what is odd about the memory in use.",
			"MALLOC-STATS",
			"    What the allocator and the garbage collector know of themselves.",
			"PURGE",
			"    Give memory that is free back to the system.",
			"STATS",
			"    What the memory is used for, in bytes.",
			"USAGE <key> [SAMPLES <count>]",
			"    The bytes that <key> and its value take. Of a large value's elements,",
			"    <count> stand for all (default: 5; 0 weighs each of them).",
		})
	case len(c.argv) >= 3 && equalFold(sub, "USAGE"):
		memoryUsageCommand(c)
	case len(c.argv) == 2 && equalFold(sub, "STATS"):
		memoryStatsCommand(c)
	case len(c.argv) == 2 && equalFold(sub, "MALLOC-STATS"):
		c.addReplyVerbatim([]byte(server.mallocStatsReport()), "txt")
	case len(c.argv) == 2 && equalFold(sub, "DOCTOR"):
		c.addReplyVerbatim([]byte(server.getMemoryDoctorReport()), "txt")
	case len(c.argv) == 2 && equalFold(sub, "PURGE"):
		server.mem.Purge()
		debug.FreeOSMemory()
		c.addReply(shared.ok)
	default:
		c.addReplySubcommandSyntaxError()
	}
}

// dbMemOverhead is what the tables of one database take beside keys and values.
type dbMemOverhead struct {
	dbid              int
	htMain, htExpires int64
}

// redisMemOverhead says where used_memory goes (C: struct redisMemOverhead).
type redisMemOverhead struct {
	peakAllocated, totalAllocated, startupAllocated                      int64
	replBacklog, replicaFullsyncBuffer                                   int64
	clientsSlaves, clientsNormal                                         int64
	clusterLinks, aofBuffer                                              int64
	evalCaches, functionCaches, scriptVMs                                int64
	overheadDbHashtableLut                                               int64
	overheadDbHashtableRehashing                                         int64
	dbDictRehashingCount                                                 int64
	overheadTotal, dataset                                               int64
	totalKeys, bytesPerKey                                               int64
	datasetPerc, peakPerc                                                float64
	totalFrag, allocatorFrag, allocatorRss, rssExtra                     float64
	totalFragBytes, allocatorFragBytes, allocatorRssBytes, rssExtraBytes int64
	db                                                                   []dbMemOverhead
}

// Bytes of a page of the dictionary that are no key and no value: its header, and per entry fingerprint, offset, lengths,
// flags and access word.
const (
	dictPageOverhead  = 48
	dictEntryOverhead = 12
	dictSlotSize      = 8 // a page's pointer in the directory
	dictExpireSize    = 8
)

// memRatio divides in single precision, as C does; 0 where there is nothing to divide by.
func memRatio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(float32(a) / float32(b))
}

// getMemoryOverheadData measures memory for MEMORY STATS, MEMORY DOCTOR and INFO.
func (server *Server) getMemoryOverheadData() *redisMemOverhead {
	used := server.usedMemory()
	m := &server.stat.cronMallocStats
	mh := &redisMemOverhead{
		totalAllocated:     used,
		startupAllocated:   serverBaseMemory,
		peakAllocated:      max(server.stat.peakMemory, used),
		totalFrag:          memRatio(m.processRss, m.zmallocUsed),
		totalFragBytes:     m.processRss - m.zmallocUsed,
		allocatorFrag:      memRatio(m.allocatorActive, m.allocatorAllocated),
		allocatorFragBytes: m.allocatorActive - m.allocatorAllocated,
		allocatorRss:       memRatio(m.allocatorResident, m.allocatorActive),
		allocatorRssBytes:  m.allocatorResident - m.allocatorActive,
		rssExtra:           memRatio(m.processRss, m.allocatorResident),
		rssExtraBytes:      m.processRss - m.allocatorResident,
		clientsSlaves:      server.clientsMemUsage[clientTypeSlave],
		clientsNormal: server.clientsMemUsage[clientTypeNormal] + server.clientsMemUsage[clientTypePubsub] +
			server.clientsMemUsage[clientTypeMaster],
		aofBuffer:  int64(cap(server.aofBuf)),
		evalCaches: server.evalScriptsMemory(), functionCaches: server.functionsMemoryOverhead(),
		scriptVMs: server.evalMemory() + server.functionsMemory(),
	}
	total := mh.startupAllocated + mh.clientsSlaves + mh.clientsNormal + mh.aofBuffer + mh.evalCaches + mh.functionCaches
	for _, db := range server.db {
		n := int64(db.keys.Len())
		if n == 0 {
			continue
		}
		pages := int64(db.keys.Pages())
		o := dbMemOverhead{
			dbid:      db.id,
			htMain:    n*dictEntryOverhead + pages*(dictPageOverhead+dictSlotSize),
			htExpires: int64(db.keys.Expiring()) * dictExpireSize,
		}
		mh.db = append(mh.db, o)
		mh.totalKeys += n
		mh.overheadDbHashtableLut += pages * dictSlotSize
		total += o.htMain + o.htExpires
	}
	mh.overheadTotal = total
	mh.dataset = max(used-total, 0)
	mh.peakPerc = float64(float32(used) * 100 / float32(mh.peakAllocated))
	net := max(used-mh.startupAllocated, 1)
	mh.datasetPerc = float64(float32(mh.dataset) * 100 / float32(net))
	if mh.totalKeys > 0 {
		mh.bytesPerKey = net / mh.totalKeys
	}
	return mh
}

func memoryStatsCommand(c *client) {
	server := c.server
	mh := server.getMemoryOverheadData()
	m := &server.stat.cronMallocStats
	c.addReplyMapLen(33 + len(mh.db))
	number := func(name string, n int64) {
		c.addReplyBulkString(name)
		c.addReplyLongLong(n)
	}
	ratio := func(name string, d float64) {
		c.addReplyBulkString(name)
		c.addReplyDouble(d)
	}
	number("peak.allocated", mh.peakAllocated)
	number("total.allocated", mh.totalAllocated)
	number("startup.allocated", mh.startupAllocated)
	number("replication.backlog", mh.replBacklog)
	number("replica.fullsync.buffer", mh.replicaFullsyncBuffer)
	number("clients.slaves", mh.clientsSlaves)
	number("clients.normal", mh.clientsNormal)
	number("cluster.links", mh.clusterLinks)
	number("aof.buffer", mh.aofBuffer)
	number("lua.caches", mh.evalCaches)
	number("functions.caches", mh.functionCaches)
	number("script.VMs", mh.scriptVMs)
	for _, db := range mh.db {
		c.addReplyBulkString(fmt.Sprintf("db.%d", db.dbid))
		c.addReplyMapLen(2)
		number("overhead.hashtable.main", db.htMain)
		number("overhead.hashtable.expires", db.htExpires)
	}
	number("overhead.db.hashtable.lut", mh.overheadDbHashtableLut)
	number("overhead.db.hashtable.rehashing", mh.overheadDbHashtableRehashing)
	number("overhead.total", mh.overheadTotal)
	number("db.dict.rehashing.count", mh.dbDictRehashingCount)
	number("keys.count", mh.totalKeys)
	number("keys.bytes-per-key", mh.bytesPerKey)
	number("dataset.bytes", mh.dataset)
	ratio("dataset.percentage", mh.datasetPerc)
	ratio("peak.percentage", mh.peakPerc)
	number("allocator.allocated", m.allocatorAllocated)
	number("allocator.active", m.allocatorActive)
	number("allocator.resident", m.allocatorResident)
	number("allocator.muzzy", 0)
	ratio("allocator-fragmentation.ratio", mh.allocatorFrag)
	number("allocator-fragmentation.bytes", mh.allocatorFragBytes)
	ratio("allocator-rss.ratio", mh.allocatorRss)
	number("allocator-rss.bytes", mh.allocatorRssBytes)
	ratio("rss-overhead.ratio", mh.rssExtra)
	number("rss-overhead.bytes", mh.rssExtraBytes)
	ratio("fragmentation", mh.totalFrag) // all of the overhead of RSS, in spite of its name
	number("fragmentation.bytes", mh.totalFragBytes)
}

// mallocStatsReport is MEMORY MALLOC-STATS: both the allocator's own memory and the collector's.
func (server *Server) mallocStatsReport() string {
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	var b strings.Builder
	b.WriteString("___ Begin memory statistics ___\n")
	line := func(name string, n uint64) { fmt.Fprintf(&b, "%-28s %d\n", name+":", n) }
	b.WriteString("Dataset (zmalloc)\n")
	line("  used", uint64(max(server.mem.Used(), 0)))
	line("  mapped", uint64(max(server.mem.Mapped(), 0)))
	line("  pending", uint64(max(server.clock.Pending(), 0)))
	b.WriteString("Go heap\n")
	line("  allocated", ms.HeapAlloc)
	line("  in use", ms.HeapInuse)
	line("  idle", ms.HeapIdle)
	line("  released", ms.HeapReleased)
	line("  from the system", ms.HeapSys)
	line("  objects", ms.HeapObjects)
	line("  next collection at", ms.NextGC)
	b.WriteString("Other\n")
	line("  stacks", ms.StackInuse)
	line("  from the system, total", ms.Sys)
	line("  collections", uint64(ms.NumGC))
	line("  pauses, total ns", ms.PauseTotalNs)
	b.WriteString("--- End memory statistics ---\n")
	return b.String()
}

// memoryProblems are the findings of MEMORY DOCTOR. A finding needs a ratio and, lest a small server be sick all the time, 10 MB.
func (server *Server) memoryProblems(mh *redisMemOverhead) (problems []string) {
	const tenMB = 10 << 20
	found := func(is bool, text string) {
		if is {
			problems = append(problems, text)
		}
	}
	slaves := int64(len(server.slaves))
	clients := max(int64(len(server.clients))-slaves, 1)
	found(memRatio(mh.peakAllocated, mh.totalAllocated) > 1.5, " * Peak memory: In the past this instance used more than 150% the memory that is currently using. The allocator is normally not able to release memory after a peak, so you can expect to see a big fragmentation ratio, however this is actually harmless and is only due to the memory peak, and if the Redis instance Resident Set Size (RSS) is currently bigger than expected, the memory will be used as soon as you fill the Redis instance with more data. If the memory peak was only occasional and you want to try to reclaim memory, please try the MEMORY PURGE command, otherwise the only other option is to shutdown and restart the instance.\n\n")
	found(mh.totalFrag > 1.4 && mh.totalFragBytes > tenMB, " * High total RSS: This instance has a memory fragmentation and RSS overhead greater than 1.4 (this means that the Resident Set Size of the Redis process is much larger than the sum of the logical allocations Redis performed). This problem is usually due either to a large peak memory (check if there is a peak memory entry above in the report) or may result from a workload that causes the allocator to fragment memory a lot. If the problem is a large peak memory, then there is no issue. Otherwise, make sure you are using the Jemalloc allocator and not the default libc malloc. Note: The currently used allocator is \""+zmalloc.Lib+"\".\n\n")
	found(mh.allocatorFrag > 1.1 && mh.allocatorFragBytes > tenMB, " * High allocator fragmentation: This instance has an allocator external fragmentation greater than 1.1. This problem is usually due either to a large peak memory (check if there is a peak memory entry above in the report) or may result from a workload that causes the allocator to fragment memory a lot. You can try enabling 'activedefrag' config option.\n\n")
	found(mh.allocatorRss > 1.1 && mh.allocatorRssBytes > tenMB, " * High allocator RSS overhead: This instance has an RSS memory overhead is greater than 1.1 (this means that the Resident Set Size of the allocator is much larger than the sum what the allocator actually holds). This problem is usually due to a large peak memory (check if there is a peak memory entry above in the report), you can try the MEMORY PURGE command to reclaim it.\n\n")
	found(mh.rssExtra > 1.1 && mh.rssExtraBytes > tenMB, " * High process RSS overhead: This instance has non-allocator RSS memory overhead is greater than 1.1 (this means that the Resident Set Size of the Redis process is much larger than the RSS the allocator holds). This problem may be due to Lua scripts or Modules.\n\n")
	found(slaves > 0 && mh.clientsSlaves/max(slaves, 1) > tenMB, " * Big replica buffers: The replica output buffers in this instance are greater than 10MB for each replica (on average). This likely means that there is some replica instance that is struggling receiving data, either because it is too slow or because of networking issues. As a result, data piles on the master output buffers. Please try to identify what replica is not receiving data correctly and why. You can use the INFO output in order to check the replicas delays and the CLIENT LIST command to check the output buffers of each replica.\n\n")
	found(mh.clientsNormal/clients > 200*1024, " * Big client buffers: The clients output buffers in this instance are greater than 200K per client (on average). This may result from different causes, like Pub/Sub clients subscribed to channels bot not receiving data fast enough, so that data piles on the Redis instance output buffer, or clients sending commands with large replies or very large sequences of commands in the same pipeline. Please use the CLIENT LIST command in order to investigate the issue if it causes problems in your instance, or to understand better why certain clients are using a big amount of memory.\n\n")
	return problems
}

// getMemoryDoctorReport is MEMORY DOCTOR.
func (server *Server) getMemoryDoctorReport() string {
	mh := server.getMemoryOverheadData()
	if mh.totalAllocated < 5<<20 {
		return "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be used in these conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam and I will be back to our programming as soon as I finished rebooting.\n"
	}
	problems := server.memoryProblems(mh)
	if len(problems) == 0 {
		return "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n"
	}
	return "Sam, I detected a few issues in this Redis instance memory implants:\n\n" + strings.Join(problems, "") +
		"I'm here to keep you safe, Sam. I want to help you.\n"
}
