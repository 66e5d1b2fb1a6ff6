// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"redport/src/platform"
	"redport/src/rio"
)

// rdb.go - RDB files: the constants of the format, and saving to disk, in the foreground and behind. Writing is in rdb_save.go, reading in
// rdb_load.go and rdb_object.go.
//
// A file is
//
//	"REDIS" version | aux fields | functions | databases | EOF | CRC64
//
// where a database is SELECTDB, hints for its size, and keys, each with what is known of it in front: expiry, idle time or frequency, type.
//
// Saving goes to a temporary file in the same directory, which is synced and then renamed, so that there is the old file or the new one,
// whole, whatever happens.
//
// Counterpart: rdb.c. Differences: BGSAVE is a job in this process (childinfo.go) that reads a snapshot (snapshot.go).

// Versions of the format.
const (
	rdbVersion       = 12 // what is written, and the newest that is read
	rdbMagic         = "REDIS0012"
	rdbVersionValkey = 80 // the one that is read of those that Valkey counts
)

// isRdbSignature tells whether a file that begins with these five bytes is an RDB file, of Redis or of Valkey.
func isRdbSignature(b []byte) bool { return string(b) == rdbMagic[:5] || string(b) == "VALKE" }

// rdbParseHeader reads what a file begins with: its version, and whether that counts as Valkey's versions do. The error is what the user is
// told of a file that cannot be read.
func rdbParseHeader(magic [9]byte) (version int, valkey bool, err error) {
	digits := 5
	switch {
	case string(magic[:6]) == "VALKEY":
		valkey, digits = true, 6
	case string(magic[:5]) != rdbMagic[:5]:
		return 0, false, errors.New("Wrong signature trying to load DB from file")
	}
	version = int(atoi(magic[digits:]))
	if version < 1 || !valkey && version > rdbVersion || valkey && version != rdbVersionValkey {
		err = fmt.Errorf("Can't handle RDB format version %d", version)
	}
	return version, valkey, err
}

// How a length begins: its two highest bits, or all of the byte.
const (
	rdb6bitlen  = 0
	rdb14bitlen = 1
	rdb32bitlen = 0x80
	rdb64bitlen = 0x81
	rdbEncval   = 3
)

// What follows rdbEncval instead of a length.
const (
	rdbEncInt8  = 0
	rdbEncInt16 = 1
	rdbEncInt32 = 2
	rdbEncLzf   = 3
)

// Types of values.
const (
	rdbTypeString              = 0
	rdbTypeList                = 1
	rdbTypeSet                 = 2
	rdbTypeZset                = 3 // scores in ASCII
	rdbTypeHash                = 4
	rdbTypeZset2               = 5 // scores in binary
	rdbTypeModulePreGA         = 6
	rdbTypeModule2             = 7
	rdbTypeHashZipmap          = 9
	rdbTypeListZiplist         = 10
	rdbTypeSetIntset           = 11
	rdbTypeZsetZiplist         = 12
	rdbTypeHashZiplist         = 13
	rdbTypeListQuicklist       = 14 // of ziplists
	rdbTypeStreamListpacks     = 15
	rdbTypeHashListpack        = 16
	rdbTypeZsetListpack        = 17
	rdbTypeListQuicklist2      = 18
	rdbTypeStreamListpacks2    = 19
	rdbTypeSetListpack         = 20
	rdbTypeStreamListpacks3    = 21
	rdbTypeHashMetadataPreGA   = 22 // Valkey: a hash whose fields may expire
	rdbTypeHashListpackExPreGA = 23
	rdbTypeHashMetadata        = 24
	rdbTypeHashListpackEx      = 25
)

// What stands where a type could: opcodes.
const (
	rdbOpcodeSlotInfo      = 244
	rdbOpcodeFunction2     = 245
	rdbOpcodeFunctionPreGA = 246
	rdbOpcodeModuleAux     = 247
	rdbOpcodeIdle          = 248
	rdbOpcodeFreq          = 249
	rdbOpcodeAux           = 250
	rdbOpcodeResizedb      = 251
	rdbOpcodeExpiretimeMs  = 252
	rdbOpcodeExpiretime    = 253
	rdbOpcodeSelectdb      = 254
	rdbOpcodeEOF           = 255
)

// What a module's value is made of.
const (
	rdbModuleOpcodeEOF    = 0
	rdbModuleOpcodeSint   = 1
	rdbModuleOpcodeUint   = 2
	rdbModuleOpcodeFloat  = 3
	rdbModuleOpcodeDouble = 4
	rdbModuleOpcodeString = 5
)

// Kinds of nodes of a list.
const (
	quicklistNodeContainerPlain  = 1
	quicklistNodeContainerPacked = 2
)

// Flags of saving and loading.
const (
	rdbflagsNone             = 0
	rdbflagsAofPreamble      = 1 << 0 // the file is the base of an AOF
	rdbflagsReplication      = 1 << 1 // it comes from a master
	rdbflagsAllowDup         = 1 << 2 // a key that is there already is replaced
	rdbflagsFeedRepl         = 1 << 3 // what is loaded goes to the replicas
	rdbflagsKeepCache        = 1 << 4 // the file will be read again soon
	rdbflagsEmptyData        = 1 << 5 // what was there is dropped once the file is known to be one
	rdbflagsExcludeData      = 1 << 8 // save functions only
	rdbflagsExcludeFunctions = 1 << 9 // save keys only
)

// --- Saving ---

// configBgsaveRetryDelay is how many seconds pass after a failed save before the next one is tried.
const configBgsaveRetryDelay = 5

// redisAutosyncBytes is how much of a file may wait to be written by the system.
const redisAutosyncBytes = 4 * 1024 * 1024

// rdbFile is an RDB file to be written. It holds all that a goroutine needs for that, so that it need not look at the Server.
type rdbFile struct {
	fs        platform.FS
	name      string // as configured
	path      string
	dataDir   string
	dir       string // the same for messages
	autosync  bool
	keep      bool // the system shall keep it in memory: it will be read soon
	tempFiles *sync.Map
}

// newRdbFile is the file that dbfilename, or another name, means now.
func (server *Server) newRdbFile(name string, flags int) *rdbFile {
	return &rdbFile{fs: server.fs, name: name, path: server.path(name), dataDir: server.dir, dir: server.workingDir(),
		autosync: server.rdbSaveIncrementalFsync, keep: flags&rdbflagsKeepCache != 0, tempFiles: &server.tempFiles}
}

// workingDir is the data directory as messages name it.
func (server *Server) workingDir() string {
	if abs, err := filepath.Abs(server.path(".")); err == nil {
		return abs
	}
	return "unknown"
}

// save writes a snapshot to the file: all of it, or nothing. pid makes the name of the temporary file.
func (f *rdbFile) save(snap *snapshot, pid, flags int, rsi *rdbSaveInfo, job *childJob, logf func(level int, format string, args ...any)) error {
	tmpname := fmt.Sprintf("temp-%d.rdb", pid)
	tmp := filepath.Join(f.dataDir, tmpname)
	file, err := f.fs.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		logf(llWarning, "Failed opening the temp RDB file %s (in server root dir %s) for saving: %s", tmpname, f.dir, platform.Strerror(err))
		return err
	}
	f.tempFiles.Store(tmp, nil)
	defer f.tempFiles.Delete(tmp)
	op, err := f.write(file, snap, flags, rsi, job)
	if cerr := file.Close(); err == nil && cerr != nil {
		op, err = "fclose", cerr
	}
	killed := func() bool { return errors.Is(err, errChildKilled) || errors.Is(err, errChildCancelled) }
	if err != nil {
		f.fs.Remove(tmp)
		if !killed() {
			logf(llWarning, "Write error saving DB on disk(%s): %s", op, platform.Strerror(err))
		}
		return err
	}
	if err = job.commit(func() error { return f.fs.Rename(tmp, f.path) }); err != nil {
		f.fs.Remove(tmp)
		if !killed() {
			logf(llWarning, "Error moving temp DB file %s on the final destination %s (in server root dir %s): %s", tmpname, f.name, f.dir,
				platform.Strerror(err))
		}
		return err
	}
	if err := f.fs.SyncDir(filepath.Dir(f.path)); err != nil {
		logf(llWarning, "Write error saving DB on disk(%s): %s", "fsyncFileDir", platform.Strerror(err))
		return err
	}
	logf(llNotice, "DB saved on disk")
	return nil
}

// write writes the temporary file, and returns the name of what failed.
func (f *rdbFile) write(file platform.File, snap *snapshot, flags int, rsi *rdbSaveInfo, job *childJob) (op string, err error) {
	w := rio.NewWriter(file)
	if f.autosync {
		w.AutoSync(file, redisAutosyncBytes)
	}
	w.Wrote = job.blockDone
	if err := rdbSaveRio(w, snap, flags, rsi, job); err != nil {
		return "rdbSaveRio", err
	}
	if err := w.Flush(); err != nil {
		return "fflush", err
	}
	if err := file.Datasync(); err != nil {
		return "fsync", err
	}
	if osFile, ok := file.(platform.OSFile); ok && !f.keep {
		platform.ReclaimFilePageCache(osFile.File, 0, 0)
	}
	return "", nil
}

// rdbSave saves the dataset while nothing else happens.
func (server *Server) rdbSave(name string, flags int, rsi *rdbSaveInfo) error {
	snap := server.snapshot()
	defer snap.release()
	// No job, but as slow as one where rdb-key-save-delay asks for it.
	self := &childJob{server: server, snap: snap}
	self.keyDelay.Store(int64(server.rdbKeySaveDelay))
	if err := server.newRdbFile(name, flags).save(snap, server.pid, flags, rsi, self, server.log); err != nil {
		return err
	}
	server.dirty = 0
	server.lastsave = server.ustime() / 1e6
	server.lastbgsaveStatus = true
	return nil
}

// errChildActive: a job runs that this one would have to wait for.
var errChildActive = errors.New("a background job is active")

// rdbSaveBackground saves the dataset behind.
func (server *Server) rdbSaveBackground(name string, flags int, rsi *rdbSaveInfo) error {
	if server.hasActiveChildProcess() {
		return errChildActive
	}
	server.stat.rdbSaves++
	server.dirtyBeforeBgsave = server.dirty
	server.lastbgsaveTry = server.ustime() / 1e6
	file := server.newRdbFile(name, flags)
	cpus := server.bgsaveCPUs()
	job := server.startChild(childTypeRDB, "RDB", func(job *childJob) error {
		job.useCPUs(cpus)
		return file.save(job.snap, job.pid, flags, rsi, job, job.logf)
	}, func(job *childJob, err error) { server.backgroundSaveDoneHandler(job, err, rdbChildTypeDisk) })
	server.log(llNotice, "Background saving started by pid %d", job.pid)
	server.rdbSaveTimeStart = server.ustime() / 1e6
	server.rdbChildType = rdbChildTypeDisk
	return nil
}

// Where a job writes an RDB file to (server.rdbChildType).
const (
	rdbChildTypeNone = iota
	rdbChildTypeDisk
	rdbChildTypeSocket
)

// backgroundSaveDoneHandler follows on the end of a save in the background.
func (server *Server) backgroundSaveDoneHandler(job *childJob, err error, kind int) {
	what, ended, failed := "Background saving", "Background saving terminated", "Background saving error"
	if kind == rdbChildTypeSocket {
		what, ended, failed = "Background RDB transfer", "Background transfer terminated", "Background transfer error"
	}
	switch {
	case err == nil:
		server.log(llNotice, "%s terminated with success", what)
	case errors.Is(err, errChildCancelled):
		server.log(llWarning, "%s by signal %d", ended, sigusr1)
	case errors.Is(err, errChildKilled):
		server.log(llWarning, "%s by signal %d", ended, sigkill)
	default:
		server.log(llWarning, "%s", failed)
	}
	if kind == rdbChildTypeDisk {
		switch {
		case err == nil:
			server.dirty = max(server.dirty-server.dirtyBeforeBgsave, 0)
			server.lastsave = server.ustime() / 1e6
			server.lastbgsaveStatus = true
		case !errors.Is(err, errChildCancelled):
			server.lastbgsaveStatus = false
		}
	}
	server.rdbChildType = rdbChildTypeNone
	server.rdbSaveTimeLast = server.ustime()/1e6 - server.rdbSaveTimeStart
	server.rdbSaveTimeStart = -1
	if server.rdbChildDone != nil {
		server.rdbChildDone(err, kind)
	}
}

// The signals that log lines name where C kills a child.
const (
	sigkill = 9
	sigusr1 = 10
)

// killRDBChild ends a save in the background. That is no error.
func (server *Server) killRDBChild() {
	if server.childType() == childTypeRDB {
		server.child.kill(errChildCancelled)
	}
}

// bgsaveCPUs is where background saves shall run, "" for anywhere.
func (server *Server) bgsaveCPUs() string {
	if !server.options.OwnProcess {
		return ""
	}
	return server.bgsaveCpulist
}

// useCPUs binds the job's goroutine to processors. The thread ends with it.
func (job *childJob) useCPUs(list string) {
	if list != "" {
		runtime.LockOSThread()
		platform.SetCPUAffinity(list)
	}
}

// rdbPopulateSaveInfo is what the next file says about replication, nil if nothing.
func (server *Server) rdbPopulateSaveInfo() *rdbSaveInfo {
	if server.replicationSaveInfo == nil {
		return nil
	}
	return server.replicationSaveInfo()
}

// persistenceCron saves when enough has changed for long enough, unless something is being saved already.
func (server *Server) persistenceCron() {
	if server.hasActiveChildProcess() {
		server.updateChildInfo()
		return
	}
	retry := server.lastbgsaveStatus || server.unixtime-server.lastbgsaveTry > configBgsaveRetryDelay
	for _, p := range server.saveparams {
		if server.dirty >= int64(p.changes) && server.unixtime-server.lastsave > p.seconds && retry {
			server.log(llNotice, "%d changes in %d seconds. Saving...", p.changes, p.seconds)
			server.rdbSaveBackground(server.rdbFilename, rdbflagsNone, server.rdbPopulateSaveInfo())
			break
		}
	}
}

// scheduledBgsaveCron starts the save that BGSAVE SCHEDULE has asked for. It comes last in serverCron, so that replicas that wait for
// a file go first.
func (server *Server) scheduledBgsaveCron() {
	if server.rdbBgsaveScheduled && !server.hasActiveChildProcess() &&
		(server.lastbgsaveStatus || server.unixtime-server.lastbgsaveTry > configBgsaveRetryDelay) {
		if server.rdbSaveBackground(server.rdbFilename, rdbflagsNone, server.rdbPopulateSaveInfo()) == nil {
			server.rdbBgsaveScheduled = false
		}
	}
}

// --- Commands ---

// SAVE
func saveCommand(c *client) {
	server := c.server
	if server.childType() == childTypeRDB {
		c.addReplyError("Background save already in progress")
		return
	}
	server.stat.rdbSaves++
	if server.rdbSave(server.rdbFilename, rdbflagsNone, server.rdbPopulateSaveInfo()) != nil {
		c.addReplyErrorObject(shared.err)
		return
	}
	c.addReply(shared.ok)
}

// BGSAVE [SCHEDULE | CANCEL]
func bgsaveCommand(c *client) {
	server := c.server
	schedule := false
	if len(c.argv) > 1 {
		switch {
		case len(c.argv) == 2 && equalFold(c.argv[1], "SCHEDULE"):
			schedule = true
		case len(c.argv) == 2 && equalFold(c.argv[1], "CANCEL"):
			bgsaveCancel(c)
			return
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return
		}
	}
	switch {
	case server.childType() == childTypeRDB:
		c.addReplyError("Background save already in progress")
	case server.hasActiveChildProcess() || server.inExec:
		if !schedule && !server.inExec {
			c.addReplyError("Another child process is active (AOF?): can't BGSAVE right now. " +
				"Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.")
			return
		}
		server.rdbBgsaveScheduled = true
		c.addReplyStatus("Background saving scheduled")
	default:
		if server.rdbSaveBackground(server.rdbFilename, rdbflagsNone, server.rdbPopulateSaveInfo()) != nil {
			c.addReplyErrorObject(shared.err)
			return
		}
		c.addReplyStatus("Background saving started")
	}
}

// bgsaveCancel ends a save in the background, or forgets a scheduled one. The option is Valkey's.
func bgsaveCancel(c *client) {
	server := c.server
	switch {
	case server.childType() == childTypeRDB:
		server.log(llNotice, "Background saving will be aborted due to user request")
		server.killRDBChild()
		c.addReplyStatus("Background saving cancelled")
	case server.rdbBgsaveScheduled:
		server.log(llNotice, "Scheduled background saving will be cancelled due to user request")
		server.rdbBgsaveScheduled = false
		c.addReplyStatus("Scheduled background saving cancelled")
	default:
		c.addReplyError("Background saving is currently not in progress or scheduled")
	}
}

// LASTSAVE
func lastsaveCommand(c *client) { c.addReplyLongLong(c.server.lastsave) }
