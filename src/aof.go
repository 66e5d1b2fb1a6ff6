// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"redport/src/monotonic"
	"redport/src/platform"
)

// aof.go - the append-only file: feeding, writing and syncing it, turning it on and off. The set of files is in aof_manifest.go,
// loading in aof_load.go, rewriting in aof_rewrite.go and aof_rewrite_object.go, what a rewrite does to the set in aof_change.go.
//
// A command that changed something is appended to aofBuf (the propagation sink feedAppendOnlyFile). Before the event loop sends
// replies, flushAppendOnlyFile writes the buffer, and syncs it as appendfsync says:
//
//	always    there and then, once for all commands of the turn: no reply leaves before what it tells of, or what was read for it,
//	          is durable. A file that cannot be written or synced ends the server.
//	everysec  by a background job, about once a second. While one is under way, writing waits for up to two seconds,
//	          because the system may block it. Failures refuse commands that write, until they are over.
//	no        when the system likes.
//
// The state is aofOff, aofOn, or aofWaitRewrite: turned on while running, the dataset is not on disk until the first rewrite is
// done; commands go to a temporary file meanwhile.
//
// Everything runs on the main goroutine, but for the jobs of bio.go.
//
// Counterpart: aof.c.

// States of the append-only file.
const (
	aofOff = iota
	aofOn
	aofWaitRewrite
)

// appendOnlyState is what a Server knows of its append-only file.
type appendOnlyState struct {
	aofState        int
	aofManifest     *aofManifest
	aofFd           platform.File // the incr file that is written; nil: none
	aofBuf          []byte        // what is not written yet
	aofChange       *aofChange    // what is being done to the set of files; nil: nothing
	aofSwitchFailed bool          // no new incr file could be begun
	aofDirIsNew     bool          // a power cut may take the directory
	aofSelectedDb   int           // database of the last command in the file, -1: none

	aofCurrentSize         int64 // of base and incr files
	aofRewriteBaseSize     int64 // what that was after the last rewrite
	aofLastIncrSize        int64 // of the incr file that is written
	aofLastIncrFsyncOffset int64 // up to where it was synced
	aofFlushPostponedStart int64 // unix ms since when writing waits for a sync, 0: it does not
	aofLastFsync           int64 // unix ms
	aofDelayedFsync        int64 // how often waiting for a sync took too long
	aofCurTimestamp        int64 // of the last annotation, unix s
	aofTempIncrStartOffset int64 // replication offset at the start of the temporary incr file

	aofLastWriteError    error // of the last write; nil: it went well
	aofLastWriteErrorLog int64 // unix s of the last log line about it
	aofBioFsyncError     atomic.Pointer[error]

	// Replication offset up to which the file is durable, -1: there is none. The second one is set by fsyncs, in any goroutine, and counts
	// once a rewrite that turns the file on is done.
	fsyncedReploff        int64
	fsyncedReploffPending atomic.Int64

	aofRewriteScheduled          bool
	aofRewriteTimeStart          int64 // unix s, -1: no rewrite is under way
	aofRewriteTimeLast           int64 // s that the last one took, -1: there was none
	aofLastbgrewriteStatus       bool  // it went well
	statAofRewrites              int64 // begun
	statAofrwConsecutiveFailures int64
	aofRewriteNextDelayMinutes   int64 // aofRewriteLimited
	aofRewriteNextTime           int64 // unix s
}

const (
	aofWriteLogErrorRate = 30        // s between log lines about failing writes
	aofBufReuseLimit     = 64 * 1024 // a buffer that grew beyond is not kept
	aofAnnotationLineMax = 1024
)

// initAppendOnly gives the state its first values.
func (server *Server) initAppendOnly() {
	server.aofManifest = &aofManifest{}
	server.aofSelectedDb = -1
	server.aofRewriteTimeStart, server.aofRewriteTimeLast = -1, -1
	server.aofLastbgrewriteStatus = true
	server.fsyncedReploff = -1
	if server.aofEnabled {
		server.setAofState(aofOn)
	}
}

// setAofState changes the state, and has commands propagated here or not.
func (server *Server) setAofState(state int) {
	if (state != aofOff) != (server.aofState != aofOff) {
		if state != aofOff {
			server.addPropagationSink(propagationSink{target: propagateAof, feed: server.feedAppendOnlyFile})
		} else {
			server.removePropagationSink(propagateAof)
		}
	}
	server.aofState = state
}

// --- Feeding ---

// feedAppendOnlyFile appends a command.
func (server *Server) feedAppendOnlyFile(dbid int, argv [][]byte) {
	if server.aofState != aofOn && !(server.aofState == aofWaitRewrite && server.childType() == childTypeAOF) {
		return // what happens before the first rewrite begins will be in its base
	}
	b := server.aofBuf
	if server.aofTimestampEnabled && server.aofCurTimestamp < server.unixtime {
		server.aofCurTimestamp = server.unixtime
		b = appendTimestampAnnotation(b, server.unixtime)
	}
	if dbid != server.aofSelectedDb && dbid != -1 {
		var num [20]byte
		b = catAppendOnlyGenericCommand(b, [][]byte{argSelect, strconv.AppendInt(num[:0], int64(dbid), 10)})
		server.aofSelectedDb = dbid
	}
	server.aofBuf = catAppendOnlyGenericCommand(b, argv)
}

var argSelect = []byte("SELECT")

// catAppendOnlyGenericCommand appends a command in the protocol's form.
func catAppendOnlyGenericCommand(b []byte, argv [][]byte) []byte {
	b = append(b, '*')
	b = strconv.AppendInt(b, int64(len(argv)), 10)
	for _, a := range argv {
		b = append(b, "\r\n$"...)
		b = strconv.AppendInt(b, int64(len(a)), 10)
		b = append(b, "\r\n"...)
		b = append(b, a...)
	}
	return append(b, "\r\n"...)
}

// appendTimestampAnnotation appends a line that tells when what follows was executed.
func appendTimestampAnnotation(b []byte, unixtime int64) []byte {
	b = append(b, "#TS:"...)
	b = strconv.AppendInt(b, unixtime, 10)
	return append(b, "\r\n"...)
}

// --- Writing ---

// aofFsyncInProgress tells whether the file is being synced in the background.
func (server *Server) aofFsyncInProgress() bool { return server.bioPendingJobsOfType(bioAofFsync) != 0 }

// flushAppendOnlyFile writes what was fed, and syncs if it is time. force writes even if a sync is under way.
func (server *Server) flushAppendOnlyFile(force bool) {
	if server.aofBufferHeld(force) {
		return
	}
	if len(server.aofBuf) == 0 {
		if !server.aofNeedsFsync() {
			return
		}
		server.fsyncAppendOnlyFile(false)
		return
	}
	syncing := server.aofFsync == aofFsyncEverysec && server.aofFsyncInProgress()
	if syncing && !force {
		now := server.cachedMstime
		if server.aofFlushPostponedStart == 0 {
			server.aofFlushPostponedStart = now
			return
		}
		if now-server.aofFlushPostponedStart < 2000 {
			return
		}
		server.aofDelayedFsync++
		server.log(llNotice, "Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for fsync to complete, this may slow down Redis.")
	}
	if server.debug.aofFlushSleep != 0 {
		time.Sleep(time.Duration(server.debug.aofFlushSleep) * time.Microsecond)
	}
	start := server.latencyStart()
	n, err := server.aofFd.Write(server.aofBuf)
	switch {
	case syncing:
		server.latencyEnd("aof-write-pending-fsync", start)
	case server.hasActiveChildProcess():
		server.latencyEnd("aof-write-active-child", start)
	default:
		server.latencyEnd("aof-write-alone", start)
	}
	server.latencyEnd("aof-write", start)
	server.aofFlushPostponedStart = 0
	if err == nil && n < len(server.aofBuf) {
		err = io.ErrShortWrite
	}
	if err != nil {
		server.aofWriteFailed(n, err)
		return
	}
	if server.aofLastWriteError != nil {
		server.log(llWarning, "AOF write error looks solved, Redis can write again.")
		server.aofLastWriteError = nil
	}
	server.aofCurrentSize += int64(n)
	server.aofLastIncrSize += int64(n)
	if cap(server.aofBuf) <= aofBufReuseLimit {
		server.aofBuf = server.aofBuf[:0]
	} else {
		server.aofBuf = nil
	}
	server.fsyncAppendOnlyFile(syncing)
}

// aofNeedsFsync tells, when there is nothing to write, whether a sync is due.
func (server *Server) aofNeedsFsync() bool {
	if server.aofLastIncrFsyncOffset == server.aofLastIncrSize {
		// Everything is durable, also what went to replicas only.
		if offset := server.masterReplOffset; server.fsyncedReploffPending.Load() != offset && !server.aofFsyncInProgress() {
			server.fsyncedReploffPending.Store(offset)
		}
		return false
	}
	switch server.aofFsync {
	case aofFsyncEverysec:
		// The last commands before a silence must not wait for the next one.
		return server.cachedMstime-server.aofLastFsync >= 1000 && !server.aofFsyncInProgress()
	case aofFsyncAlways:
		// appendfsync was something else when they were written.
		return true
	}
	return false
}

// fsyncAppendOnlyFile syncs what was written, if it is to be and time. syncing: a sync is under way.
func (server *Server) fsyncAppendOnlyFile(syncing bool) {
	if server.aofNoFsyncOnRewrite && server.hasActiveChildProcess() {
		return
	}
	switch {
	case server.aofFsync == aofFsyncAlways:
		start := server.latencyStart()
		if err := server.aofFd.Datasync(); err != nil {
			server.log(llWarning, "Can't persist AOF for fsync error when the AOF fsync policy is 'always': %s. Exiting...", platform.Strerror(err))
			server.exitNow(1)
			return
		}
		server.latencyEnd("aof-fsync-always", start)
		server.aofLastIncrFsyncOffset = server.aofLastIncrSize
		server.aofLastFsync = server.cachedMstime
		server.fsyncedReploffPending.Store(server.masterReplOffset)
	case server.aofFsync == aofFsyncEverysec && server.cachedMstime-server.aofLastFsync >= 1000:
		if !syncing {
			server.bioCreateFsyncJob(server.aofFd, server.masterReplOffset)
			server.aofLastIncrFsyncOffset = server.aofLastIncrSize
		}
		server.aofLastFsync = server.cachedMstime
	}
}

// aofWriteFailed deals with a write of which only n bytes got to the file.
func (server *Server) aofWriteFailed(n int, err error) {
	canLog := server.unixtime-server.aofLastWriteErrorLog > aofWriteLogErrorRate
	if canLog {
		server.aofLastWriteErrorLog = server.unixtime
	}
	warn := func(format string, args ...any) {
		if canLog {
			server.log(llWarning, format, args...)
		}
	}
	if n == 0 {
		warn("Error writing to the AOF file: %s", platform.Strerror(err))
	} else {
		warn("Short write while writing to the AOF file: (nwritten=%d, expected=%d)", n, len(server.aofBuf))
		if truncErr := server.aofFd.Truncate(server.aofLastIncrSize); truncErr != nil {
			warn("Could not remove short write from the append-only file.  Redis may refuse to load the AOF the next time it starts.  ftruncate: %s", platform.Strerror(truncErr))
		} else {
			n = 0 // it is as if nothing had been written
		}
	}
	server.aofLastWriteError = err
	if server.aofFsync == aofFsyncAlways {
		// What the replies tell cannot be taken back, so they must not be sent.
		server.log(llWarning, "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...")
		server.aofBuf = nil // a turn that ends regularly must not write it behind what is broken off
		server.exitNow(1)
		return
	}
	// The rest stays in the buffer, for the next try.
	server.aofCurrentSize += int64(n)
	server.aofLastIncrSize += int64(n)
	server.aofBuf = server.aofBuf[:copy(server.aofBuf, server.aofBuf[n:])]
}

// flushAppendOnlyFileBeforeSleep is what every turn of the event loop does before replies are sent.
func (server *Server) flushAppendOnlyFileBeforeSleep() {
	start := monotonic.Nanotime()
	server.el.Barrier = true
	server.flushAppendOnlyFile(false)
	server.stat.eventloopDurationAof += (monotonic.Nanotime() - start) / 1000
	// While the first rewrite is not done, nothing is durable.
	if server.aofState == aofOn && server.fsyncedReploff != -1 {
		server.fsyncedReploff = server.fsyncedReploffPending.Load()
	}
}

// scheduledRewriteCron begins a rewrite that had to wait.
func (server *Server) scheduledRewriteCron() {
	if server.aofRewriteScheduled && !server.hasActiveChildProcess() && !server.aofRewriteLimited() {
		server.rewriteAppendOnlyFileBackground()
	}
}

// appendOnlyCron begins rewrites that are due, and tries again what could not be written.
func (server *Server) appendOnlyCron() {
	if ch := server.aofChange; ch != nil && ch.done.Load() {
		server.finishAofChange()
	}
	if server.aofState == aofOff {
		return
	}
	server.rewriteAppendOnlyFileIfGrown()
	if server.aofFd == nil {
		return
	}
	if server.aofFlushPostponedStart != 0 || server.aofLastWriteError != nil && server.runWithPeriod(1000) {
		server.flushAppendOnlyFile(false)
	}
}

// aofError is why what is executed does not get to the file, nil if it does.
func (server *Server) aofError() error {
	if err := server.aofLastWriteError; err != nil {
		return err
	}
	if err := server.aofBioFsyncError.Load(); err != nil {
		return *err
	}
	return nil
}

// --- Turning on and off ---

// updateAppendonly follows a change of appendonly. While a dataset is loaded, that waits (applyAppendOnlyConfig).
func (server *Server) updateAppendonly() error {
	if server.loading {
		return nil
	}
	if !server.aofEnabled && server.aofState != aofOff {
		server.stopAppendOnly()
	} else if server.aofEnabled && server.aofState == aofOff {
		return server.startAppendOnly()
	}
	return nil
}

// updateAppendFsync: what the main goroutine syncs from now on must not be said to be less by a job that comes late.
func (server *Server) updateAppendFsync() error {
	if server.aofFsync == aofFsyncAlways {
		server.bioDrainWorker(bioAofFsync)
	}
	return nil
}

// applyAppendOnlyConfig follows what CONFIG SET appendonly said while a dataset was loaded.
func (server *Server) applyAppendOnlyConfig() {
	if server.updateAppendonly() != nil {
		server.log(llWarning, "Failed to turn on AOF. Check the above logs for more info about the error.")
	}
}

// closeIncrAof syncs and closes the file that is written; its end is noted in the manifest.
func (server *Server) closeIncrAof() {
	server.flushAppendOnlyFile(true)
	server.syncAofAtEnd("Fail to fsync the AOF file: %s")
	server.aofFd.Close()
	server.aofFd = nil
}

// syncAofAtEnd syncs the file that is about to be closed and notes its end.
func (server *Server) syncAofAtEnd(failed string) {
	if err := server.aofFd.Datasync(); err != nil {
		server.log(llWarning, failed, platform.Strerror(err))
	} else {
		server.aofLastFsync = server.cachedMstime
	}
	// The last incr file is not the one that is written before the first rewrite is done.
	if server.aofState != aofOn {
		return
	}
	if l := server.aofManifest.incrAofList; len(l) > 0 && len(server.aofBuf) == 0 {
		last := l[len(l)-1]
		if last.startOffset == -1 {
			return // begun by a version that did not note it
		}
		last.endOffset = server.masterReplOffset
		server.aofManifest.dirty = true
		server.persistAofManifest(server.aofManifest)
	}
}

// stopAppendOnly turns it off.
func (server *Server) stopAppendOnly() {
	server.settleAofChanges()
	if server.aofFd != nil {
		server.bioDrainWorker(bioAofFsync)
		server.closeIncrAof()
	}
	wasWaiting := server.aofState == aofWaitRewrite
	server.aofSelectedDb = -1
	server.setAofState(aofOff)
	server.aofRewriteScheduled = false
	server.aofLastIncrSize, server.aofLastIncrFsyncOffset = 0, 0
	server.el.Barrier = false
	server.fsyncedReploff = -1
	server.fsyncedReploffPending.Store(0)
	server.killAppendOnlyChild()
	server.aofBuf = nil
	if wasWaiting {
		server.fs.Remove(server.aofPath(server.tempIncrAofName()))
	}
}

// startAppendOnly turns it on: a rewrite begins, or will.
func (server *Server) startAppendOnly() error {
	server.settleAofChanges()
	server.setAofState(aofWaitRewrite)
	switch {
	case server.hasActiveChildProcess() && server.childType() != childTypeAOF:
		server.aofRewriteScheduled = true
		server.log(llNotice, "AOF was enabled but there is already another background operation. An AOF background was scheduled to start when possible.")
	case server.inExec:
		server.aofRewriteScheduled = true
		server.log(llNotice, "AOF was enabled during a transaction. An AOF background was scheduled to start when possible.")
	default:
		// A rewrite that is under way does not know of what was executed since.
		if server.childType() == childTypeAOF {
			server.log(llNotice, "AOF was enabled but there is already an AOF rewriting in background. Stopping background AOF and starting a rewrite now.")
			server.killAppendOnlyChild()
		}
		if err := server.rewriteAppendOnlyFileBackground(); err != nil {
			server.setAofState(aofOff)
			server.log(llWarning, "Redis needs to enable the AOF but can't trigger a background AOF rewrite operation. Check the above logs for more info about the error.")
			return errAppendonly
		}
	}
	server.aofLastFsync = server.cachedMstime
	if server.aofBioFsyncError.Load() != nil {
		server.log(llWarning, "AOF reopen, just ignore the AOF fsync error in bio job")
		server.aofBioFsyncError.Store(nil)
	}
	if server.aofLastWriteError != nil {
		server.log(llWarning, "AOF reopen, just ignore the last error.")
		server.aofLastWriteError = nil
	}
	return nil
}

// aofOpenIfNeededOnServerStart opens the file that is to be written, after loading. An empty dataset gets a base file.
func (server *Server) aofOpenIfNeededOnServerStart() error {
	if server.aofState != aofOn {
		return nil
	}
	if err := server.aofCreateDir(true); err != nil {
		return errLogged
	}
	am := server.aofManifest
	incrs := len(am.incrAofList)
	if am.baseAofInfo == nil && incrs == 0 {
		base := server.newBaseFile(am)
		if server.rewriteAppendOnlyFile(server.aofPath(base.fileName)) != nil {
			return errLogged
		}
		server.log(llNotice, "Creating AOF base file %s on server start", base.fileName)
	}
	var name string
	if incrs == 0 {
		name = server.newIncrFile(am, server.masterReplOffset).fileName
	} else {
		name = am.incrAofList[incrs-1].fileName
	}
	f, err := server.fs.OpenFile(server.aofPath(name), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		server.log(llWarning, "Can't open the append-only file %s: %s", name, platform.Strerror(err))
		return errLogged
	}
	server.aofFd = f
	if server.persistAofManifest(am) != nil {
		return errLogged
	}
	server.aofLastIncrSize, _ = server.getAppendOnlyFileSize(name)
	server.aofLastIncrFsyncOffset = server.aofLastIncrSize
	server.fsyncedReploff = server.masterReplOffset
	server.fsyncedReploffPending.Store(server.masterReplOffset)
	if incrs > 0 {
		server.log(llNotice, "Opening AOF incr file %s on server start", name)
	} else {
		server.log(llNotice, "Creating AOF incr file %s on server start", name)
	}
	return nil
}

// openTempIncrAof begins the incr file that gets its name, and its place in the manifest, when there is a base to go with.
func (server *Server) openTempIncrAof() error {
	name := server.tempIncrAofName()
	f, err := server.aofDir(server.log).createIncr(name)
	if err != nil {
		return err
	}
	server.log(llNotice, "Creating AOF incr file %s on background rewrite", name)
	server.aofTempIncrStartOffset = server.masterReplOffset
	if server.aofFd != nil {
		server.bioCreateCloseJob(server.aofFd)
	}
	server.aofFd = f
	server.aofLastIncrSize, server.aofLastIncrFsyncOffset = 0, 0
	// No sync of another file may tell how far this one is durable.
	offset := server.masterReplOffset
	server.bioSubmitJob(bioAofFsync, func() { server.fsyncedReploffPending.Store(offset) })
	server.fsyncedReploff = 0
	return nil
}

// shutdownAppendOnly is the append-only file's part of a shutdown. It tells whether the server may go down.
func (server *Server) shutdownAppendOnly(force bool) bool {
	server.settleAofChanges()
	if server.childType() == childTypeAOF {
		// Without its first rewrite the dataset would be lost.
		if server.aofState == aofWaitRewrite {
			if !force {
				server.log(llWarning, "Writing initial AOF, can't exit.")
				server.redisCommunicateSystemd("STATUS=Writing initial AOF, can't exit.\n")
				return false
			}
			server.log(llWarning, "Writing initial AOF. Exit anyway.")
		}
		server.log(llWarning, "There is a child rewriting the AOF. Killing it!")
		server.killAppendOnlyChild()
	}
	if server.aofState != aofOff && server.aofFd != nil {
		server.log(llNotice, "Calling fsync() on the AOF file.")
		server.flushAppendOnlyFile(true)
		server.syncAofAtEnd("Fail to fsync the AOF file: %s.")
	}
	return true
}
