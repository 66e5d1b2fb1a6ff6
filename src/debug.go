// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"redport/src/dict"
	"redport/src/rio"
	"redport/src/util"
)

// debug.go - DEBUG: looking into the server, and making it misbehave, for tests.
//
// Crash reports and the watchdog are in debug_crash.go.
//
// Counterpart: debug.c. Differences: HTSTATS describes pages where C has chains (the table size that it names is the one
// that a hash table of so many keys has); what belongs to jemalloc is unknown here, as in a C server without it.

// debugState is what DEBUG's switches have set.
type debugState struct {
	skipChecksumValidation  bool // RESTORE and RDB files are not checked
	disableDenyScripts      bool // scripts may call commands that they may not call
	dictResizingDisabled    bool
	aofFlushSleep           int   // us to sleep before the AOF is written
	clusterDropPacketFilter int64 // type of cluster bus packets to drop, -1: none
	leaked                  [][]byte
}

// --- Digests ---

// objectDigest is a SHA-1 that others are mixed into.
type objectDigest [sha1.Size]byte

// xor adds data regardless of the order: for elements of sets and the like.
func (d *objectDigest) xor(data []byte) {
	for i, b := range sha1.Sum(data) {
		d[i] ^= b
	}
}

// mix adds data so that the order counts.
func (d *objectDigest) mix(data []byte) {
	d.xor(data)
	*d = sha1.Sum(d[:])
}

func (d *objectDigest) mixUint32(v uint32) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	d.mix(b[:])
}

func (d *objectDigest) String() string { return hex.EncodeToString(d[:]) }

// digestable is implemented by collections: they mix in their elements.
type digestable interface {
	digest(d *objectDigest)
}

// mixEntry mixes in the value at e: type, contents, and whether it expires.
func (d *objectDigest) mixEntry(e dict.Entry) {
	d.mixUint32(uint32(entryType(e)))
	if e.IsPointer() {
		if v, ok := (*robj)(e.Pointer()).ptr.(digestable); ok {
			v.digest(d)
		}
	} else if entryType(e) != objString {
		packedDigest(d, entryType(e), e.Meta()&15, e.Value())
	} else {
		var tmp [20]byte
		d.mix(entryStringBytes(e, tmp[:0]))
	}
	if e.Expire() >= 0 {
		d.xor([]byte("!!expire!!"))
	}
}

// computeDatasetDigest is the digest of all keys of all databases. It does not depend on the order of keys.
func (server *Server) computeDatasetDigest() objectDigest {
	var final objectDigest
	for _, db := range server.db {
		if db.keys.Len() == 0 {
			continue
		}
		final.mixUint32(uint32(db.id))
		db.keys.All(func(e dict.Entry) bool {
			var d objectDigest
			d.mix(e.Key())
			d.mixEntry(e)
			final.xor(d[:])
			return true
		})
	}
	return final
}

// --- The command ---

var debugHelp = []string{
	"AOF-FLUSH-SLEEP <microsec>",
	"    Server will sleep before flushing the AOF, this is used for testing.",
	"ASSERT",
	"    Crash by assertion failed.",
	"CHANGE-REPL-ID",
	"    Change the replication IDs of the instance.",
	"    Dangerous: should be used only for testing the replication subsystem.",
	"CONFIG-REWRITE-FORCE-ALL",
	"    Like CONFIG REWRITE but writes all configuration options, including",
	"    keywords not listed in original configuration file or default values.",
	"CRASH-AND-RECOVER [<milliseconds>]",
	"    Hard crash and restart after a <milliseconds> delay (default 0).",
	"DIGEST",
	"    Output a hex signature representing the current DB content.",
	"INTERNAL_SECRET",
	"    Return the cluster internal secret (hashed with crc16) or error if not in cluster mode.",
	"DIGEST-VALUE <key> [<key> ...]",
	"    Output a hex signature of the values of all the specified keys.",
	"ERROR <string>",
	"    Return a Redis protocol error with <string> as message. Useful for clients",
	"    unit tests to simulate Redis errors.",
	"LEAK <string>",
	"    Create a memory leak of the input string.",
	"LOG <message>",
	"    Write <message> to the server log.",
	"HTSTATS <dbid> [full]",
	"    Return hash table statistics of the specified Redis database.",
	"HTSTATS-KEY <key> [full]",
	"    Like HTSTATS but for the hash table stored at <key>'s value.",
	"LOADAOF",
	"    Flush the AOF buffers on disk and reload the AOF in memory.",
	"REPLICATE <string>",
	"    Replicates the provided string to replicas, allowing data divergence.",
	"OBJECT <key>",
	"    Show low level info about `key` and associated value.",
	"DROP-CLUSTER-PACKET-FILTER <packet-type>",
	"    Drop all packets that match the filtered type. Set to -1 allow all packets.",
	"OOM",
	"    Crash the server simulating an out-of-memory error.",
	"PANIC",
	"    Crash the server simulating a panic.",
	"POPULATE <count> [<prefix>] [<size>]",
	"    Create <count> string keys named key:<num>. If <prefix> is specified then",
	"    it is used instead of the 'key' prefix. These are not propagated to",
	"    replicas. Cluster slots are not respected so keys not belonging to the",
	"    current node can be created in cluster mode.",
	"PROTOCOL <type>",
	"    Reply with a test value of the specified type. <type> can be: string,",
	"    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
	"    true, false.",
	"RELOAD [option ...]",
	"    Save the RDB on disk and reload it back to memory. Valid <option> values:",
	"    * MERGE: conflicting keys will be loaded from RDB.",
	"    * NOFLUSH: the existing database will not be removed before load, but",
	"      conflicting keys will generate an exception and kill the server.",
	"    * NOSAVE: the database will be loaded from an existing RDB file.",
	"    Examples:",
	"    * DEBUG RELOAD: verify that the server is able to persist, flush and reload",
	"      the database.",
	"    * DEBUG RELOAD NOSAVE: replace the current database with the contents of an",
	"      existing RDB file.",
	"    * DEBUG RELOAD NOSAVE NOFLUSH MERGE: add the contents of an existing RDB",
	"      file to the database.",
	"RESTART [<milliseconds>]",
	"    Graceful restart: save config, db, restart after a <milliseconds> delay (default 0).",
	"SDSLEN <key>",
	"    Show low level SDS string info representing `key` and value.",
	"SEGFAULT",
	"    Crash the server with sigsegv.",
	"SET-ACTIVE-EXPIRE <0|1>",
	"    Setting it to 0 disables expiring keys (and hash-fields) in background ",
	"    when they are not accessed (otherwise the Redis behavior). Setting it",
	"    to 1 reenables back the default.",
	"QUICKLIST-PACKED-THRESHOLD <size>",
	"    Sets the threshold for elements to be inserted as plain vs packed nodes",
	"    Default value is 1GB, allows values up to 4GB. Setting to 0 restores to default.",
	"SET-SKIP-CHECKSUM-VALIDATION <0|1>",
	"    Enables or disables checksum checks for RDB files and RESTORE's payload.",
	"SLEEP <seconds>",
	"    Stop the server for <seconds>. Decimals allowed.",
	"STRINGMATCH-TEST",
	"    Run a fuzz tester against the stringmatchlen() function.",
	"STRUCTSIZE",
	"    Return the size of different Redis core C structures.",
	"LISTPACK <key>",
	"    Show low level info about the listpack encoding of <key>.",
	"QUICKLIST <key> [<0|1>]",
	"    Show low level info about the quicklist encoding of <key>.",
	"    The optional argument (0 by default) sets the level of detail",
	"CLIENT-EVICTION",
	"    Show low level client eviction pools info (maxmemory-clients).",
	"PAUSE-CRON <0|1>",
	"    Stop periodic cron job processing.",
	"REPLYBUFFER PEAK-RESET-TIME <NEVER||RESET|time>",
	"    Sets the time (in milliseconds) to wait between client reply buffer peak resets.",
	"    In case NEVER is provided the last observed peak will never be reset",
	"    In case RESET is provided the peak reset time will be restored to the default value",
	"REPLYBUFFER RESIZING <0|1>",
	"    Enable or disable the reply buffer resize cron job",
	"REPL-PAUSE <clear|after-fork|before-rdb-channel|on-streaming-repl-buf>",
	"    Pause the server's main process during various replication steps.",
	"DICT-RESIZING <0|1>",
	"    Enable or disable the main dict and expire dict resizing.",
	"SCRIPT <LIST|<sha>>",
	"    Output SHA and content of all scripts or of a specific script with its SHA.",
	"MARK-INTERNAL-CLIENT [UNMARK]",
	"    Promote the current connection to an internal connection.",
	"CLUSTERLINK KILL <to|from|all> <node-id>",
	"    Kills the link based on the direction to/from (both) with the provided node.",
}

// debugCommand: DEBUG subcommand [arg ...]
func debugCommand(c *client) {
	server := c.server
	argc := len(c.argv)
	arg := func(i int) []byte { return c.argv[i] }
	is := func(name string, argcs ...int) bool {
		if !equalFold(c.argv[1], name) {
			return false
		}
		for _, n := range argcs {
			if n == argc {
				return true
			}
		}
		return len(argcs) == 0
	}
	flag := func() bool { return atoi(arg(2)) != 0 }
	switch {
	case is("HELP", 2):
		c.addReplyHelp(debugHelp)

	// Ways to die.
	case is("SEGFAULT"):
		debugSegfault()
	case is("PANIC"):
		server.serverPanic("DEBUG PANIC called at Unix time %d", server.ustime()/1e6)
	case is("OOM"):
		server.redisOutOfMemoryHandler(math.MaxInt)
	case is("ASSERT"):
		server.assertFailed(c, "1 == 2")

	// Switches.
	case is("SET-ACTIVE-EXPIRE", 3):
		server.activeExpireEnabled = flag()
		c.addReply(shared.ok)
	case is("SET-SKIP-CHECKSUM-VALIDATION", 3):
		server.debug.skipChecksumValidation = flag()
		c.addReply(shared.ok)
	case is("SET-DISABLE-DENY-SCRIPTS", 3):
		server.debug.disableDenyScripts = flag()
		c.addReply(shared.ok)
	case is("SCRIPT", 3) && server.debugScript(arg(2)):
		c.addReply(shared.ok)
	case is("PAUSE-CRON", 3):
		server.pauseCron = flag()
		c.addReply(shared.ok)
	case is("DICT-RESIZING", 3):
		server.setDictResizing(flag())
		c.addReply(shared.ok)
	case is("AOF-FLUSH-SLEEP", 3):
		server.debug.aofFlushSleep = int(atoi(arg(2)))
		c.addReply(shared.ok)
	case is("LOADAOF", 2):
		debugLoadaof(c)
	case is("QUICKLIST-PACKED-THRESHOLD", 3):
		const fourGB = 1 << 32
		n, ok := util.Memtoull(string(arg(2)))
		if !ok || n > fourGB-1<<20 {
			c.addReplyError("argument must be a memory value bigger than 1 and smaller than 4gb")
			return
		}
		server.quicklistEnv().PackedThreshold = int(min(n, math.MaxInt))
		c.addReply(shared.ok)
	case is("PACK-COLD-AFTER", 3):
		// Ours: seconds without an access until a part of a list or stream is packed; 0: at once; -1: never.
		n, ok := c.getLongFromObjectOrReply(arg(2), "")
		if !ok {
			return
		}
		server.packer().SetIdle(int(n))
		c.addReply(shared.ok)
	case is("CLIENT-ENFORCE-REPLY-LIST", 3):
		server.inDebugEnforceReplyList = flag()
		c.addReply(shared.ok)
	case is("REPLYBUFFER", 4):
		debugReplybuffer(c)
	case is("DROP-CLUSTER-PACKET-FILTER", 3):
		n, ok := c.getLongFromObjectOrReply(arg(2), "")
		if !ok {
			return
		}
		server.debug.clusterDropPacketFilter = n
		c.addReply(shared.ok)
	case is("MARK-INTERNAL-CLIENT", 2):
		c.flags |= clientInternal
		c.addReply(shared.ok)
	case is("MARK-INTERNAL-CLIENT", 3) && equalFold(arg(2), "UNMARK"):
		c.flags &^= clientInternal
		c.addReply(shared.ok)

	// Keys and values.
	case is("DIGEST", 2):
		d := server.computeDatasetDigest()
		c.addReplyStatus(d.String())
	case is("DIGEST-VALUE"):
		c.addReplyArrayLen(argc - 2)
		for _, key := range c.argv[2:] {
			var d objectDigest
			// Expired keys have a digest too: no lookup.
			if e := c.db.find(key); e.Ok() {
				d.mixEntry(e)
			}
			c.addReplyStatus(d.String())
		}
	case is("RELOAD"):
		debugReload(c)
	case is("POPULATE", 3, 4, 5):
		debugPopulate(c)
	case is("OBJECT", 3):
		debugObject(c)
	case is("SDSLEN", 3):
		debugSdslen(c)
	case is("LISTPACK", 3):
		debugRepr(c, objEncodingListpack, "Not a listpack encoded object.", "Listpack structure printed on stdout", false)
	case is("QUICKLIST", 3, 4):
		full := argc == 4 && atoi(arg(3)) != 0
		debugRepr(c, objEncodingQuicklist, "Not a quicklist encoded object.", "Quicklist structure printed on stdout", full)
	case is("HTSTATS", 3, 4):
		debugHtstats(c)
	case is("HTSTATS-KEY", 3, 4):
		debugHtstatsKey(c)

	// The rest.
	case is("PROTOCOL", 3):
		debugProtocol(c)
	case is("SLEEP", 3):
		// The whole server sleeps, not just the client.
		time.Sleep(time.Duration(strtod(arg(2)) * float64(time.Second)))
		c.addReply(shared.ok)
	case is("LOG", 3):
		server.log(llWarning, "DEBUG LOG: %s", cstring(arg(2)))
		c.addReply(shared.ok)
	case is("LEAK", 3):
		server.debug.leaked = append(server.debug.leaked, bytes.Clone(arg(2)))
		c.addReply(shared.ok)
	case is("ERROR", 3):
		// As it is: not even counted.
		c.addReplyProto(append(util.Mapchars(append([]byte{'-'}, arg(2)...), "\n\r", "  "), "\r\n"...))
	case is("REPLICATE") && argc >= 3:
		server.propagateNow(c.db.id, cloneArgv(c.argv[2:]), propagateRepl)
		c.addReply(shared.ok)
	case is("CHANGE-REPL-ID", 2):
		server.log(llWarning, "Changing replication IDs after receiving DEBUG change-repl-id")
		server.changeReplicationId()
		server.clearReplicationId2()
		c.addReply(shared.ok)
	case is("CONFIG-REWRITE-FORCE-ALL", 2) && server.configfile == "":
		c.addReplyError("CONFIG-REWRITE-FORCE-ALL failed: Bad address") // what C's rename makes of no name
	case is("CONFIG-REWRITE-FORCE-ALL", 2):
		if err := server.rewriteConfig(server.configfile, true); err != nil {
			c.addReplyErrorFormat("CONFIG-REWRITE-FORCE-ALL failed: %s", err)
			return
		}
		c.addReply(shared.ok)
	case is("CLIENT-EVICTION", 2):
		debugClientEviction(c)
	case is("STRUCTSIZE", 2):
		c.addReplyBulkString(fmt.Sprintf("bits:%d robj:%d client:%d redisdb:%d ", bits.UintSize, unsafe.Sizeof(robj{}), unsafe.Sizeof(client{}), unsafe.Sizeof(redisDb{})))
	case is("STRINGMATCH-TEST", 2):
		server.stringmatchlenFuzzTest()
		c.addReplyStatus("Apparently Redis did not crash: test passed")
	case is("INTERNAL_SECRET", 2) && !server.clusterEnabled:
		c.addReplyError("Internal secret is missing")
	case is("CLUSTERLINK", 5) && equalFold(arg(2), "KILL") && !server.clusterEnabled:
		c.addReplyError("Debug option only available for cluster mode enabled setup!")
	default:
		c.addReplySubcommandSyntaxError()
	}
}

// strtod reads the number that s begins with, as C's function does; 0 if there is none.
func strtod(s []byte) float64 {
	text := strings.TrimLeft(cstring(string(s)), " \t\n\v\f\r")
	for n := min(len(text), 64); n > 0; n-- {
		if f, err := strconv.ParseFloat(text[:n], 64); err == nil {
			return f
		}
	}
	return 0
}

func debugReplybuffer(c *client) {
	server, value := c.server, c.argv[3]
	switch {
	case equalFold(c.argv[2], "PEAK-RESET-TIME"):
		switch {
		case equalFold(value, "NEVER"):
			server.replyBufferPeakResetTime = -1
		case equalFold(value, "RESET"):
			server.replyBufferPeakResetTime = replyBufferDefaultPeakResetTime
		default:
			n, ok := c.getLongFromObjectOrReply(value, "")
			if !ok {
				return
			}
			server.replyBufferPeakResetTime = n
		}
	case equalFold(c.argv[2], "RESIZING"):
		server.replyBufferResizingEnabled = atoi(value) != 0
	default:
		c.addReplySubcommandSyntaxError()
		return
	}
	c.addReply(shared.ok)
}

// replyBufferDefaultPeakResetTime is how long, in ms, the most that a reply buffer held is remembered.
const replyBufferDefaultPeakResetTime = 5000

// debugPopulate: DEBUG POPULATE count [prefix] [size]
func debugPopulate(c *client) {
	server, db := c.server, c.db
	keys, ok := c.getPositiveLongFromObjectOrReply(c.argv[2], "")
	if !ok {
		return
	}
	prefix := []byte("key")
	if len(c.argv) > 3 {
		prefix = []byte(cstring(string(c.argv[3])))
	}
	size := int64(0)
	if len(c.argv) > 4 {
		if size, ok = c.getPositiveLongFromObjectOrReply(c.argv[4], ""); !ok || !c.checkStringLength(0, size) {
			return
		}
	}
	// Names that do not fit C's buffer are cut.
	const longest = 127
	key := append(bytes.Clone(prefix[:min(len(prefix), longest)]), ':')
	named := len(key)
	val := make([]byte, size, max(size, 32))
	for j := range keys {
		key = strconv.AppendInt(key[:named], j, 10)
		key := key[:min(len(key), longest)]
		e := db.entry(key, lookupWrite)
		if e.Ok() {
			continue
		}
		if size == 0 {
			val = strconv.AppendInt(append(val[:0], "value:"...), j, 10)
		} else {
			var tmp [32]byte
			clear(val[:min(len(val), len(tmp))])
			copy(val, strconv.AppendInt(append(tmp[:0], "value:"...), j, 10))
		}
		db.addEntry(e, key, stringValue(val, false, nil))
		server.signalModifiedKey(c, db, key)
	}
	c.addReply(shared.ok)
}

// debugDescriber is implemented by collections that have more to say in DEBUG OBJECT.
type debugDescriber interface {
	debugObject() string
}

// debugObject: DEBUG OBJECT key
func debugObject(c *client) {
	server := c.server
	e := c.db.find(c.argv[2])
	if !e.Ok() {
		c.addReplyErrorObject(shared.nokeyerr)
		return
	}
	at, extra := e.Pointer(), ""
	if !e.IsPointer() {
		at = unsafe.Pointer(unsafe.SliceData(e.Value()))
	} else if d, ok := (*robj)(at).ptr.(debugDescriber); ok {
		extra = d.debugObject()
	}
	c.addReplyStatusFormat("Value at:%p refcount:%d encoding:%s serializedlength:%d lru:%d lru_seconds_idle:%d%s",
		at, c.db.entryRefcount(e), strEncoding(e.Meta()&15), server.rdbSavedObjectLen(e), e.Access(),
		server.estimateObjectIdleTime(e.Access())/1000, extra)
}

// rdbSavedObjectLen is the number of bytes that the value at e takes in an RDB file; as C counts them, which leaves out the time in front
// of a hash whose fields expire.
func (server *Server) rdbSavedObjectLen(e dict.Entry) int {
	w := &rdbWriter{Writer: rio.NewWriter(io.Discard), compress: server.rdbCompression}
	w.saveObject(e)
	n := int(w.Tell())
	switch rdbObjectType(e) {
	case rdbTypeHashListpackEx, rdbTypeHashMetadata:
		n -= 8
	}
	return n
}

// debugReload: DEBUG RELOAD [MERGE] [NOFLUSH] [NOSAVE]
func debugReload(c *client) {
	server := c.server
	flush, save, flags := true, true, rdbflagsNone
	for _, opt := range c.argv[2:] {
		switch {
		case equalFold(opt, "MERGE"):
			flags |= rdbflagsAllowDup
		case equalFold(opt, "NOFLUSH"):
			flush = false
		case equalFold(opt, "NOSAVE"):
			save = false
		default:
			c.addReplyError("DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
			return
		}
	}
	if save && server.rdbSave(server.rdbFilename, rdbflagsNone, server.rdbPopulateSaveInfo()) != nil {
		c.addReplyErrorObject(shared.err)
		return
	}
	if flush {
		server.emptyData(-1, emptydbNoFlags)
	}
	c.protectClient()
	err := server.rdbLoad(server.rdbFilename, nil, flags)
	c.unprotectClient()
	if err != nil {
		if rdbFatal(err) {
			server.exitNow(1)
		}
		c.addReplyError("Error trying to load the RDB dump, check server logs.")
		return
	}
	server.log(llWarning, "DB reloaded by DEBUG RELOAD")
	c.addReply(shared.ok)
}

// debugSdslen: DEBUG SDSLEN key. A key has no spare room here, a value may.
func debugSdslen(c *client) {
	e := c.db.find(c.argv[2])
	switch {
	case !e.Ok():
		c.addReplyErrorObject(shared.nokeyerr)
	case entryType(e) != objString || entryIsInt(e):
		c.addReplyError("Not an sds encoded string.")
	default:
		n, held := len(e.Value()), max(e.ValueCap(), len(e.Value()))
		c.addReplyStatusFormat("key_sds_len:%d, key_sds_avail:0, key_zmalloc: %d, val_sds_len:%d, val_sds_avail:%d, val_zmalloc: %d",
			len(e.Key()), len(e.Key()), n, held-n, held)
	}
}

// debugRepr prints the inside of a collection to standard output, if it has the given encoding.
func debugRepr(c *client, encoding uint8, otherwise, done string, full bool) {
	e := c.db.entry(c.argv[2], lookupNotouch|lookupNonotify)
	if !e.Ok() {
		c.addReplyErrorObject(shared.nokeyerr)
		return
	}
	o := c.db.view(e)
	if encoding == objEncodingListpack && (o.encoding == objEncodingListpack || o.encoding == objEncodingListpackEx) {
		fmt.Fprint(os.Stdout, listpackRepr(o.str))
		c.addReplyStatus(done)
		return
	}
	r, ok := o.ptr.(interface{ repr(full bool) string })
	if o.encoding != encoding || !ok {
		c.addReplyError(otherwise)
		return
	}
	fmt.Fprint(os.Stdout, r.repr(full))
	c.addReplyStatus(done)
}

// --- HTSTATS ---

// htSlots is the size that a hash table for n keys has.
func htSlots(n int) int {
	if n == 0 {
		return 0
	}
	return max(4, 1<<bits.Len(uint(n-1)))
}

// tableSlots is the size that the hash table of the database has in the eyes of those who expect one: that for its number of keys, or more
// if keys were deleted while DEBUG DICT-RESIZING forbids to shrink.
func (db *redisDb) tableSlots() int {
	n := htSlots(db.keys.Len())
	if db.server.debug.dictResizingDisabled {
		db.htSlots = max(db.htSlots, n)
		return db.htSlots
	}
	return n
}

func (server *Server) setDictResizing(on bool) {
	server.debug.dictResizingDisabled = !on
	for _, db := range server.db {
		db.htSlots = htSlots(db.keys.Len())
	}
}

// writeHtStats describes a dictionary: how many keys in a table of what size, and with full how they lie in pages.
func writeHtStats(b *strings.Builder, d *dict.Dict, slots, elements int, full bool) {
	if elements == 0 && slots == 0 {
		return
	}
	fmt.Fprintf(b, "Hash table 0 stats (main hash table):\n table size: %d\n number of elements: %d\n", slots, elements)
	if !full {
		return
	}
	s := d.Stats()
	fmt.Fprintf(b, " different slots: %d\n max chain length: 1\n avg chain length (counted): 1.00\n avg chain length (computed): 1.00\n", elements)
	fmt.Fprintf(b, " directory nodes: %d\n directory depth: %d\n pages: %d\n page bytes: %d\n Page fill distribution:\n", s.Nodes, s.Depth, s.Pages, s.PageBytes)
	for n, count := range s.Fill {
		if count > 0 {
			fmt.Fprintf(b, "   %d: %d (%.2f%%)\n", n, count, float64(count)*100/float64(s.Pages))
		}
	}
}

// debugHtstats: DEBUG HTSTATS dbid [full]
func debugHtstats(c *client) {
	server := c.server
	id, ok := c.getLongFromObjectOrReply(c.argv[2], "")
	if !ok {
		return
	}
	if id < 0 || id >= int64(server.dbnum) {
		c.addReplyError("Out of range database")
		return
	}
	full := len(c.argv) == 4 && equalFold(c.argv[3], "FULL")
	db := server.db[id]
	var b strings.Builder
	b.WriteString("[Dictionary HT]\n")
	writeHtStats(&b, db.keys.Dict, db.tableSlots(), db.keys.Len(), full)
	b.WriteString("[Expires HT]\n")
	// Keys that expire lie among the others: there are no pages of theirs.
	writeHtStats(&b, nil, htSlots(db.keys.Expiring()), db.keys.Expiring(), false)
	c.addReplyVerbatim([]byte(b.String()), "txt")
}

// debugHtstatsKey: DEBUG HTSTATS-KEY key [full]
func debugHtstatsKey(c *client) {
	e := c.db.entry(c.argv[2], lookupNotouch|lookupNonotify)
	if !e.Ok() {
		c.addReplyErrorObject(shared.nokeyerr)
		return
	}
	v, ok := c.db.view(e).ptr.(interface{ hashTable() *dict.Dict })
	var d *dict.Dict
	if ok {
		d = v.hashTable()
	}
	if d == nil {
		c.addReplyError("The value stored at the specified key is not represented using an hash table")
		return
	}
	var b strings.Builder
	writeHtStats(&b, d, htSlots(d.Len()), d.Len(), len(c.argv) == 4 && equalFold(c.argv[3], "FULL"))
	c.addReplyVerbatim([]byte(b.String()), "txt")
}

// --- Others ---

// debugProtocol: DEBUG PROTOCOL type
func debugProtocol(c *client) {
	switch strings.ToLower(string(c.argv[2])) {
	case "string":
		c.addReplyBulkString("Hello World")
	case "integer":
		c.addReplyLongLong(12345)
	case "double":
		c.addReplyDouble(3.141)
	case "bignum":
		c.addReplyBigNum("1234567999999999999999999999999999999")
	case "null":
		c.addReplyNull()
	case "array":
		c.addReplyArrayLen(3)
		for j := range int64(3) {
			c.addReplyLongLong(j)
		}
	case "set":
		c.addReplySetLen(3)
		for j := range int64(3) {
			c.addReplyLongLong(j)
		}
	case "map":
		c.addReplyMapLen(3)
		for j := range int64(3) {
			c.addReplyLongLong(j)
			c.addReplyBool(j == 1)
		}
	case "attrib":
		if c.resp >= 3 {
			c.addReplyAttributeLen(1)
			c.addReplyBulkString("key-popularity")
			c.addReplyArrayLen(2)
			c.addReplyBulkString("key:123")
			c.addReplyLongLong(90)
		}
		// An attribute is no reply: one must follow.
		c.addReplyBulkString("Some real reply following the attribute")
	case "push":
		if c.resp < 3 {
			c.addReplyError("RESP2 is not supported by this command")
			return
		}
		pushing := c.flags & clientPushing
		c.flags |= clientPushing
		c.addReplyPushLen(2)
		c.addReplyBulkString("server-cpu-usage")
		c.addReplyLongLong(42)
		c.flags = c.flags&^clientPushing | pushing
		// Neither is a push message.
		c.addReplyBulkString("Some real reply following the push reply")
	case "true":
		c.addReplyBool(true)
	case "false":
		c.addReplyBool(false)
	case "verbatim":
		c.addReplyVerbatim([]byte("This is a verbatim\nstring"), "txt")
	default:
		c.addReplyError("Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false")
	}
}

// debugClientEviction: DEBUG CLIENT-EVICTION
func debugClientEviction(c *client) {
	server := c.server
	if server.maxmemoryClients == 0 {
		c.addReplyError("maxmemory-clients is disabled.")
		return
	}
	var b strings.Builder
	for j := range server.clientMemBuckets {
		bucket := &server.clientMemBuckets[j]
		from := int64(0)
		if j > 0 {
			from = 1 << (j - 1 + clientMemUsageBucketMinLog)
		}
		fmt.Fprintf(&b, "bucket %10d", from)
		if j == len(server.clientMemBuckets)-1 {
			b.WriteString("+            : ")
		} else {
			fmt.Fprintf(&b, " - %10d: ", int64(1)<<(j+clientMemUsageBucketMinLog)-1)
		}
		fmt.Fprintf(&b, "tot-mem: %10d, clients: %d\n", bucket.memUsageSum, len(bucket.clients))
	}
	c.addReplyVerbatim([]byte(b.String()), "txt")
}

// stringmatchlenFuzzTest matches random patterns with random strings: a crash is a failure.
func (server *Server) stringmatchlenFuzzTest() {
	var str, pat [32]byte
	for range 1000000 {
		for i := range str {
			r := server.rand.uint64()
			str[i], pat[i] = byte(r>>16%128), byte(r>>32%128)
		}
		r := server.rand.uint64()
		util.StringMatchLen(pat[:r>>16%33], str[:r>>32%33], false)
	}
}
