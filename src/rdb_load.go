// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"redport/src/dict"
	"redport/src/platform"
	"redport/src/rio"
)

// rdb_load.go - reading the dataset: at start, from a master, for DEBUG RELOAD, and as the base of an append-only file.
//
// While it is loaded, clients are served now and then (processEventsWhileBlocked); processCommand tells nearly all of them LOADING.
//
// What ends loading early leaves what was loaded so far; the caller knows whether that is of use.

// What loading may end with, besides what is wrong with the file.
var (
	errRdbVersion = errors.New("not an RDB file that can be read")
	errStopped    = errors.New("the server is going down")
	errRdbLibrary = errors.New("a library could not be loaded")
)

// rdbLoadInfo is what a file says about replication (C: rdbSaveInfo, filled by loading).
type rdbLoadInfo struct {
	replStreamDb int    // -1: nothing
	replID       string // "": nothing
	replOffset   int64  // -1: nothing
}

func newRdbLoadInfo() *rdbLoadInfo { return &rdbLoadInfo{replStreamDb: -1, replOffset: -1} }

// rdbLoadingCtx is where what is loaded goes.
type rdbLoadingCtx struct {
	dbs       []*redisDb
	functions *functionsLibCtx // nil: libraries are skipped
}

// loadingProgress tells how far loading is, and serves clients. An error says that it is to end.
func (server *Server) loadingProgress(pos int64) error {
	server.loadingAbsProgress(pos)
	if server.loadingHeartbeat != nil {
		server.loadingHeartbeat()
	}
	server.processEventsWhileBlocked()
	if server.stopped {
		return errStopped
	}
	// Loading makes as much garbage in the allocator's sense as commands do.
	server.clock.Reclaim(0)
	return nil
}

// sanitizesDump tells whether values that are loaded now count as sanitized.
func (server *Server) sanitizesDump(c *client) bool {
	switch server.sanitizeDumpPayload {
	case sanitizeDumpYes:
		return true
	case sanitizeDumpClients:
		return !server.loading && c != nil && c.flags&clientMaster == 0 && (c.user == nil || c.user.flags&userFlagSanitizePayloadSkip == 0)
	}
	return false
}

// --- Files ---

// rdbLoad loads the dataset from a file. The error is fs.ErrNotExist if there is none.
func (server *Server) rdbLoad(name string, info *rdbLoadInfo, flags int) error {
	f, err := server.fs.OpenFile(server.path(name), os.O_RDONLY, 0)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			server.log(llWarning, "Fatal error: can't open the RDB file %s for reading: %s", name, platform.Strerror(err))
		}
		return err
	}
	defer f.Close()
	var size int64
	if st, err := f.Stat(); err == nil {
		size = st.Size()
	}
	server.startLoading(size, false)
	defer server.stopLoading()
	err = server.rdbLoadRio(rio.NewReader(f), name, info, flags)
	if file, ok := f.(platform.OSFile); ok && flags&rdbflagsKeepCache == 0 {
		platform.ReclaimFilePageCache(file.File, 0, 0)
	}
	return err
}

// rdbLoadRio loads the dataset from a stream. file is the name of the file that it is, "" for none: then what ends too early may
// be a connection that broke.
func (server *Server) rdbLoadRio(r *rio.Reader, file string, info *rdbLoadInfo, flags int) error {
	return server.rdbLoadRioWithLoadingCtx(r, file, info, flags, &rdbLoadingCtx{server.db, server.functions.lib})
}

// rdbLoader is one stream on its way into databases.
type rdbLoader struct {
	rdbReader
	ctx     *rdbLoadingCtx
	info    *rdbLoadInfo
	flags   int
	version int
	db      *redisDb
	now     int64

	// What was said about the key to come.
	expire   int64 // unix ms, -1: never
	idle     int64 // s, -1: not known
	freq     int   // -1: not known
	empty    int64 // keys that were skipped
	keys     int   // that debugDelay was called for
	progress int64 // where clients were served last
}

// rdbLoadRioWithLoadingCtx is rdbLoadRio into other databases than the server's.
func (server *Server) rdbLoadRioWithLoadingCtx(r *rio.Reader, file string, info *rdbLoadInfo, flags int, ctx *rdbLoadingCtx) error {
	l := &rdbLoader{rdbReader: rdbReader{Reader: r, server: server, file: file, deep: server.sanitizesDump(nil)}, ctx: ctx, info: info, flags: flags,
		db: ctx.dbs[0], now: server.mstime()}
	r.SetChecksum(server.rdbChecksum)
	r.Every = server.loadingProcessEventsIntervalBytes
	r.Progress = func(int64) error { return l.serve() }
	err := l.load()
	if err == nil {
		server.loadingLoadedBytes = r.Tell()
	}
	if err == nil || errors.Is(err, errRdbVersion) || errors.Is(err, errStopped) {
		return err
	}
	return l.aborted(err)
}

// serve serves clients.
func (l *rdbLoader) serve() error {
	l.progress = l.Tell()
	return l.server.loadingProgress(l.progress)
}

// aborted logs the end of a load that could not go on, and says why it could not: an *rdbError where the server cannot go on either.
func (l *rdbLoader) aborted(err error) error {
	server := l.server
	var e *rdbError
	if !errors.As(l.failed, &e) {
		server.log(llWarning, "Short read or OOM loading DB. Unrecoverable error, aborting now.")
		if errors.Is(err, errRdbLibrary) {
			// The stream is in order, so this is not the server's end.
			return err
		}
		l.failed = nil
		l.short("Unexpected EOF reading RDB file")
		errors.As(l.failed, &e)
	}
	if l.file == "" && !e.corrupt {
		return err
	}
	if !errors.Is(err, e) {
		e.err = err
	}
	l.checkFile()
	server.log(llWarning, "Terminating server after rdb file reading failure.")
	return e
}

// checkFile has the file that could not be loaded checked, to show what is wrong with it and where.
func (l *rdbLoader) checkFile() {
	server := l.server
	if l.file == "" {
		return
	}
	f, err := server.fs.OpenFile(server.path(l.file), os.O_RDONLY, 0)
	if err != nil {
		return
	}
	defer f.Close()
	var report bytes.Buffer
	server.redisCheckRdb(rio.NewReader(f), l.file, &report)
	server.logText(report.Bytes())
}

// loadRdbPreamble loads the RDB file at the start of an append-only file.
func (server *Server) loadRdbPreamble(r *rio.Reader, file string) error {
	return server.rdbLoadRio(r, file, nil, rdbflagsAofPreamble)
}

// rdbFatal tells whether a load has ended with err so that the server cannot go on: the data that it was to have is not to be had. A
// connection that broke is none of that kind, and a file that is no RDB file at all has not even begun.
func rdbFatal(err error) bool {
	var e *rdbError
	return errors.As(err, &e)
}

// header reads the magic and the version.
func (l *rdbLoader) header() error {
	var magic [9]byte
	if err := l.ReadFull(magic[:]); err != nil {
		return err
	}
	var err error
	if l.version, l.valkey, err = rdbParseHeader(magic); err != nil {
		l.server.log(llWarning, "%s", err)
		return errRdbVersion
	}
	return nil
}

func (l *rdbLoader) load() error {
	server := l.server
	if err := l.header(); err != nil {
		return err
	}
	l.forget()
	for {
		op := l.loadType()
		if !l.ok() {
			return l.Err()
		}
		if op == rdbOpcodeEOF {
			break
		}
		done, err := l.opcode(op)
		if err == nil && !done {
			err = l.key(op)
		}
		if err == nil {
			err = l.Err()
		}
		if err != nil {
			return err
		}
		// C looks with each read; a small interval shall be worth something here, too.
		if l.Tell()-l.progress >= l.Every {
			if err := l.serve(); err != nil {
				return err
			}
		}
	}
	if err := l.checksum(); err != nil {
		return err
	}
	s := &server.stat
	if l.empty > 0 {
		server.log(llWarning, "Done loading RDB, keys loaded: %d, keys expired: %d, empty keys skipped: %d.", s.rdbLastLoadKeysLoaded,
			s.rdbLastLoadKeysExpired, l.empty)
	} else {
		server.log(llNotice, "Done loading RDB, keys loaded: %d, keys expired: %d.", s.rdbLastLoadKeysLoaded, s.rdbLastLoadKeysExpired)
	}
	return nil
}

// checksum compares the checksum.
func (l *rdbLoader) checksum() error {
	if l.version < 5 {
		return nil
	}
	want := l.Checksum()
	l.SetChecksum(false)
	got := uint64(l.loadMillisecondTime())
	if !l.ok() {
		return l.Err()
	}
	server := l.server
	if !server.rdbChecksum || server.debug.skipChecksumValidation {
		return nil
	}
	switch got {
	case 0:
		server.log(llWarning, "RDB file was saved with checksum disabled: no check performed.")
	case want:
	default:
		server.log(llWarning, "Wrong RDB checksum expected: (%x) but got (%x). Aborting now.", want, got)
		l.corrupt("RDB CRC error")
		return l.Err()
	}
	return nil
}

// forget drops what was said about a key.
func (l *rdbLoader) forget() { l.expire, l.idle, l.freq = -1, -1, -1 }

// opcode handles everything but keys; done is false for those.
func (l *rdbLoader) opcode(op byte) (done bool, err error) {
	server := l.server
	switch op {
	case rdbOpcodeExpiretime:
		var b [4]byte
		l.ReadFull(b[:])
		l.expire = int64(int32(uint32(b[0])|uint32(b[1])<<8|uint32(b[2])<<16|uint32(b[3])<<24)) * 1000
	case rdbOpcodeExpiretimeMs:
		l.expire = l.loadMillisecondTime()
	case rdbOpcodeFreq:
		b, _ := l.ReadByte()
		l.freq = int(b)
	case rdbOpcodeIdle:
		l.idle = int64(l.loadLen())
	case rdbOpcodeSelectdb:
		id := l.loadLen()
		if !l.ok() {
			return true, nil
		}
		if id >= uint64(len(l.ctx.dbs)) {
			server.log(llWarning, "FATAL: Data file was created with a Redis server configured to handle more than %d databases. Exiting\n", server.dbnum)
			l.Fail(&rdbError{corrupt: true, msg: "too many databases"})
			l.failed = l.Err()
			return true, nil
		}
		l.db = l.ctx.dbs[id]
	case rdbOpcodeResizedb:
		// Nothing here has to be made in the right size.
		l.loadLen()
		l.loadLen()
	case rdbOpcodeSlotInfo:
		l.loadLen()
		l.loadLen()
		l.loadLen()
	case rdbOpcodeAux:
		key := string(l.loadElement())
		value := l.loadValueString()
		if l.ok() {
			l.aux(key, string(value))
		}
	case rdbOpcodeModuleAux:
		id := l.loadLen()
		if l.loadLen() != rdbModuleOpcodeUint && l.ok() {
			l.short("bad when_opcode")
		}
		l.loadLen()
		if l.ok() {
			server.log(llWarning, "The RDB file contains AUX module data I can't load: no matching module '%s'", moduleTypeNameByID(id))
			l.Fail(&rdbError{corrupt: true, msg: "module data"})
			l.failed = l.Err()
		}
	case rdbOpcodeFunction2:
		code := l.loadValueString()
		if !l.ok() || l.ctx.functions == nil {
			return true, nil
		}
		if _, err := server.functionsCreateWithLibraryCtx(code, l.flags&rdbflagsAllowDup != 0, l.ctx.functions, 0); err != nil {
			server.log(llWarning, "Failed loading library, %s", err)
			return true, fmt.Errorf("%w: %w", errRdbLibrary, err)
		}
	case rdbOpcodeFunctionPreGA:
		l.corrupt("Pre-release function format not supported.")
	default:
		return false, nil
	}
	return true, nil
}

// aux handles a field of the file as a whole. Unknown ones are skipped.
func (l *rdbLoader) aux(key, value string) {
	server := l.server
	number := func() int64 { n, _ := strconv.ParseInt(value, 10, 64); return n }
	switch name := strings.ToLower(key); {
	case strings.HasPrefix(key, "%"):
		server.log(llNotice, "RDB '%s': %s", key, value)
	case name == "repl-stream-db":
		if l.info != nil {
			l.info.replStreamDb = int(number())
		}
	case name == "repl-id":
		if l.info != nil && len(value) == 40 {
			l.info.replID = value
		}
	case name == "repl-offset":
		if l.info != nil {
			l.info.replOffset = number()
		}
	case name == "redis-ver", name == "valkey-ver":
		server.log(llNotice, "Loading RDB produced by version %s", value)
	case name == "ctime":
		server.log(llNotice, "RDB age %d seconds", max(server.ustime()/1e6-number(), 0))
	case name == "used-mem":
		server.log(llNotice, "RDB memory usage when created %.2f Mb", float64(number())/(1024*1024))
		server.loadingRdbUsedMem = number()
	case name == "aof-preamble":
		if number() != 0 {
			server.log(llNotice, "RDB has an AOF tail")
		}
	case name == "aof-base":
		if number() != 0 {
			server.log(llNotice, "RDB is base AOF")
		}
	case name == "redis-bits", name == "lua":
	default:
		server.log(llDebug, "Unrecognized RDB AUX field: '%s'", key)
	}
}

// key reads a key and its value, and adds them.
func (l *rdbLoader) key(rdbtype byte) error {
	server := l.server
	// The buffer for names is used by the value, too.
	key := append(server.rdbKeyScratch[:0], l.loadElement()...)
	if cap(key) <= maxKeptBuffer {
		server.rdbKeyScratch = key
	}
	if !l.ok() {
		return l.Err()
	}
	v, err := l.loadObject(rdbtype)
	switch {
	case errors.Is(err, errEmptyKey):
		if l.empty++; l.empty <= 10 {
			server.log(llWarning, "rdbLoadObject skipping empty key: %s", key)
		}
	case err != nil:
		return err
	case l.expire != -1 && l.expire < l.now && l.flags&rdbflagsAofPreamble == 0 && server.masterhost == "":
		if l.flags&rdbflagsFeedRepl != 0 && server.feedExpiredKey != nil {
			server.feedExpiredKey(l.db.id, key)
		}
		if v.Pointer != nil {
			freeObjectPointer(v.Pointer)
		}
		server.stat.rdbLastLoadKeysExpired++
	default:
		if err := l.add(key, v); err != nil {
			return err
		}
		server.stat.rdbLastLoadKeysLoaded++
	}
	if server.keyLoadDelay != 0 {
		l.keys++
		debugDelay(server.keyLoadDelay, l.keys)
	}
	l.forget()
	return nil
}

// add adds a key to the database.
func (l *rdbLoader) add(key []byte, v dict.Value) error {
	server, db := l.server, l.db
	access := server.loadedAccess(l.freq, l.idle)
	if !db.addLoaded(key, v, l.expire, access) {
		if l.flags&rdbflagsAllowDup == 0 {
			server.log(llWarning, "RDB has duplicated key '%s' in DB %d", key, db.id)
			l.corrupt("Duplicated key found in RDB file")
			if v.Pointer != nil {
				freeObjectPointer(v.Pointer)
			}
			return l.Err()
		}
		db.dbSyncDelete(key)
		db.addLoaded(key, v, l.expire, access)
	}
	return nil
}

// addLoaded adds a key that was loaded, unless it is there already: nobody waits for it, nobody watches, no event tells (C: dbAddRDBLoad).
func (db *redisDb) addLoaded(key []byte, v dict.Value, expire int64, access uint32) bool {
	e := db.keys.Find(key)
	if e.Ok() {
		return false
	}
	db.keysizesAdd(v)
	e = db.keys.Insert(e, key, v, access)
	if expire != -1 {
		db.keys.SetExpire(e, max(expire, 0))
	}
	if v.Meta>>4 == objHash {
		db.indexHashValue(key, v)
	}
	return true
}

// loadedAccess is the access word of a key that comes with a frequency or with an idle time in s, each -1 if it has none (C: objectSetLRUOrLFU).
func (server *Server) loadedAccess(freq int, idle int64) uint32 {
	switch {
	case server.maxmemoryPolicy&maxmemoryFlagLfu != 0:
		if freq >= 0 {
			return server.lfuTimeInMinutes()<<8 | uint32(freq)&255
		}
	case idle >= 0:
		at := int64(server.lruclock) - idle
		if at < 0 {
			at += lruClockMax
		}
		return uint32(max(at, 0)) & lruClockMax
	}
	return server.initialAccess()
}
