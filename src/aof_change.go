// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"redport/src/platform"
)

// aof_change.go - changes of the set of files while the server serves: what they ask of the disk is done by a background job.
//
// A change has three parts. The main goroutine decides what the set will be, and puts it into a new aofManifest. A job of bio does the
// work, in an order of which every moment is one that a restart can load; it touches nothing of the Server, and its log lines wait. Then the
// main goroutine takes over what came of it, which takes no time. There is one change at a time. Who needs to know how it ends, now, waits for it
// (settleAofChanges); that is for what seldom happens, such as turning the file off in the very moment in which a rewrite ends.
//
// The changes are
//
//	switch   a rewrite begins: the old incr file is written and synced to its end, a new one made and named in the manifest. Until then commands
//	         stay in the buffer. The snapshot is of the moment before.
//	prepare  the same with appendfsync always, where nothing may stay in the buffer: the new file is made and named first, while the old one goes on. The
//	         snapshot is taken once that is done, and nothing is left to wait for.
//	install  a rewrite ends: its file becomes the base, the manifest names it, and what it replaces is removed.
//	discard  a rewrite ends without one.
//
// Counterpart: aof.c, which does all of it on the main thread, but for the fsync of the old incr file and giving back removed files' blocks.

// aofChange is a change that is under way.
type aofChange struct {
	holdsBuffer bool   // commands stay in the buffer meanwhile
	heldSince   int64  // unix ms since when they do
	finish      func() // main goroutine: takes over what came of it
	next        func() // main goroutine: what waits for its end; may be nil

	done  atomic.Bool
	lines []aofLogLine // of the job; main goroutine once done
}

type aofLogLine struct {
	level int
	text  string
}

// logf keeps a log line of the job.
func (ch *aofChange) logf(level int, format string, args ...any) {
	ch.lines = append(ch.lines, aofLogLine{level, fmt.Sprintf(format, args...)})
}

// beginAofChange has work done in the background, and then ch.finish called. No change may be under way.
func (server *Server) beginAofChange(ch *aofChange, work func()) {
	server.aofChange = ch
	server.bioSubmitJob(bioAofChange, func() {
		work()
		ch.done.Store(true)
		server.el.Post(func() {
			// In the middle of a script there is no snapshot to be taken; appendOnlyCron comes back to it.
			if server.aofChange == ch && !server.isInsideYieldingLongCommand() {
				server.finishAofChange()
			}
		})
	})
}

// finishAofChange takes over what came of the change that is under way, and waits for it if it has to.
func (server *Server) finishAofChange() {
	ch := server.aofChange
	if !ch.done.Load() {
		server.bioDrainWorker(bioAofChange)
	}
	server.aofChange = nil
	for _, line := range ch.lines {
		server.log(line.level, "%s", line.text)
	}
	ch.finish()
	switch {
	case ch.next == nil:
	case server.aofChange != nil:
		server.aofChange.next = ch.next
	default:
		ch.next()
	}
}

// settleAofChanges waits until no change is under way.
func (server *Server) settleAofChanges() {
	for server.aofChange != nil {
		server.finishAofChange()
	}
}

// aofBufferHeld tells whether commands have to stay in the buffer. It takes them out of a change that has had them for two seconds, or at once with force,
// or with appendfsync always if there are any, by waiting for its end.
func (server *Server) aofBufferHeld(force bool) bool {
	ch := server.aofChange
	if ch == nil || !ch.holdsBuffer {
		return false
	}
	if !ch.done.Load() && !force && (!server.aofSyncsAlways() || len(server.aofBuf) == 0) {
		if ch.heldSince == 0 {
			ch.heldSince = server.cachedMstime
		}
		if server.cachedMstime-ch.heldSince < 2000 {
			return true
		}
	}
	server.finishAofChange()
	return false
}

// aofSyncsAlways tells whether nothing may be answered before it is durable.
func (server *Server) aofSyncsAlways() bool {
	return server.aofFsync == aofFsyncAlways && !(server.aofNoFsyncOnRewrite && server.hasActiveChildProcess())
}

// --- The directory ---

// aofDir is the append-only directory as a job sees it.
type aofDir struct {
	fs       platform.FS
	dir      string
	manifest string // name of the manifest
	logf     func(level int, format string, args ...any)
}

// aofDir is where the files lie now.
func (server *Server) aofDir(logf func(level int, format string, args ...any)) *aofDir {
	return &aofDir{server.fs, server.path(server.aofDirname), server.aofManifestFileName(), logf}
}

func (d *aofDir) path(name string) string { return filepath.Join(d.dir, name) }

// createIncr makes a new incr file. What may be left of one of that name is removed, and not only cut: a power cut could bring its commands back.
func (d *aofDir) createIncr(name string) (platform.File, error) {
	if info, err := d.fs.Stat(d.path(name)); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		d.fs.Remove(d.path(name))
	}
	// Appending, so that after a short write was cut off the next one goes to the right place.
	f, err := d.fs.OpenFile(d.path(name), os.O_WRONLY|os.O_APPEND|os.O_TRUNC|os.O_CREATE, 0o644)
	if err != nil {
		d.logf(llWarning, "Can't open the append-only file %s: %s", name, platform.Strerror(err))
	}
	return f, err
}

// createNamedIncr makes a new incr file and the manifest that names it.
func (d *aofDir) createNamedIncr(name string, text []byte) (platform.File, error) {
	f, err := d.createIncr(name)
	if err != nil {
		return nil, err
	}
	err = d.writeManifest(text)
	if err == nil {
		return f, nil
	}
	f.Close()
	if !errors.Is(err, errAofManifestNotDurable) {
		d.fs.Remove(d.path(name))
	}
	return nil, err
}

// writeManifest replaces the manifest.
func (d *aofDir) writeManifest(text []byte) error {
	tmp := tempFileNamePrefix + d.manifest
	f, err := d.fs.OpenFile(d.path(tmp), os.O_WRONLY|os.O_TRUNC|os.O_CREATE, 0o644)
	if err != nil {
		d.logf(llWarning, "Can't open the AOF manifest file %s: %s", tmp, platform.Strerror(err))
		return err
	}
	renamed := false
	defer func() {
		if !renamed {
			d.fs.Remove(d.path(tmp))
		}
	}()
	if _, err = f.Write(text); err != nil {
		d.logf(llWarning, "Error trying to write the temporary AOF manifest file %s: %s", tmp, platform.Strerror(err))
		f.Close()
		return err
	}
	err = f.Datasync()
	if closeErr := f.Close(); err == nil {
		err = closeErr // some systems rename no open file, so the close comes first
	}
	if err != nil {
		d.logf(llWarning, "Fail to fsync the temp AOF file %s: %s.", tmp, platform.Strerror(err))
		return err
	}
	if err := d.fs.Rename(d.path(tmp), d.path(d.manifest)); err != nil {
		d.logf(llWarning, "Error trying to rename the temporary AOF manifest file %s into %s: %s", tmp, d.manifest, platform.Strerror(err))
		return err
	}
	renamed = true
	// Files that the manifest names may be new in the directory, too.
	if err := d.fs.SyncDir(d.dir); err != nil {
		d.logf(llWarning, "Fail to fsync AOF directory %s: %s.", d.path(d.manifest), platform.Strerror(err))
		return fmt.Errorf("%w: %w", errAofManifestNotDurable, err)
	}
	return nil
}

// --- A rewrite begins ---

// switchAof begins a new incr file with what is executed from now on. The new file counts only once the manifest names it, and the manifest may name
// it only once the old one is durable: a power cut must not take from the middle. If anything fails the old file goes on.
func (server *Server) switchAof() {
	am := server.aofManifest.dup()
	offset := server.masterReplOffset
	name := server.newIncrFile(am, offset).fileName
	server.log(llNotice, "Creating AOF incr file %s on background rewrite", name)
	text := am.text()
	old, size, rest := server.aofFd, server.aofLastIncrSize, server.aofBuf
	server.aofBuf, server.aofFlushPostponedStart = nil, 0
	ch := &aofChange{holdsBuffer: true}
	dir := server.aofDir(ch.logf)
	var f platform.File
	var written int
	var err error
	ch.finish = func() {
		server.aofCurrentSize += int64(written)
		if err != nil {
			server.aofLastIncrSize += int64(written)
			server.aofBuf = append(rest[written:], server.aofBuf...)
			server.aofSwitchHasFailed()
			return
		}
		server.aofLastFsync = server.cachedMstime
		server.takeNewIncr(am, f)
	}
	server.beginAofChange(ch, func() {
		if len(rest) > 0 {
			if written, err = old.Write(rest); err != nil {
				dir.logf(llWarning, "Error writing to the AOF file: %s", platform.Strerror(err))
				if written > 0 && old.Truncate(size) == nil {
					written = 0 // it is as if nothing had been written
				}
				return
			}
		}
		if err = old.Datasync(); err != nil {
			dir.logf(llWarning, "Fail to fsync the AOF file: %s", platform.Strerror(err))
			return
		}
		server.fsyncedReploffPending.Store(offset)
		f, err = dir.createNamedIncr(name, text)
	})
}

// takeNewIncr has commands written to a new incr file, which am names.
func (server *Server) takeNewIncr(am *aofManifest, f platform.File) {
	am.dirty = false
	server.aofManifest = am
	server.bioCreateCloseJob(server.aofFd)
	server.aofFd = f
	server.aofLastIncrSize, server.aofLastIncrFsyncOffset = 0, 0
}

// aofSwitchHasFailed: what is executed goes to the old incr file, so the rewrite is of no use.
func (server *Server) aofSwitchHasFailed() {
	// The manifest on disk may name the new file already: then it stays there, empty, until the next try takes it.
	server.aofManifest.dirty = true
	server.aofSwitchFailed = true
	server.aofLastbgrewriteStatus = false
	if server.childType() == childTypeAOF {
		server.child.kill(errChildKilled)
	}
}

// prepareAof makes a new incr file, and has begin called once everything that is executed from then on goes there.
func (server *Server) prepareAof(begin func(err error)) {
	am := server.aofManifest.dup()
	incr := server.newIncrFile(am, server.masterReplOffset)
	server.log(llNotice, "Creating AOF incr file %s on background rewrite", incr.fileName)
	name, text := incr.fileName, am.text()
	ch := &aofChange{}
	dir := server.aofDir(ch.logf)
	var f platform.File
	var err error
	ch.finish = func() {
		if err == nil {
			if err = server.endIncr(); err != nil {
				f.Close()
			}
		}
		if server.stopped {
			return
		}
		if err != nil {
			server.aofSwitchHasFailed()
			begin(err)
			return
		}
		moved := incr.startOffset != server.masterReplOffset
		incr.startOffset = server.masterReplOffset
		server.takeNewIncr(am, f)
		begin(nil)
		if moved {
			server.noteAofOffsets()
		}
	}
	server.beginAofChange(ch, func() { f, err = dir.createNamedIncr(name, text) })
}

// endIncr makes all that was executed durable, in the file that is written, before another one takes its place.
func (server *Server) endIncr() error {
	if server.inExec || server.isInsideYieldingLongCommand() {
		return errAofSwitch // half a transaction would be in the base, and all of it in the new file
	}
	// The new file has to say which database its commands are for.
	server.aofSelectedDb = -1
	server.flushAppendOnlyFile(true)
	if server.stopped || len(server.aofBuf) > 0 {
		return errAofSwitch
	}
	if !server.aofSyncsAlways() {
		return server.aofFd.Datasync() // that has changed meanwhile
	}
	return nil
}

// noteAofOffsets brings the offsets in the manifest on disk up to date.
func (server *Server) noteAofOffsets() {
	am := server.aofManifest
	text := am.text()
	ch := &aofChange{}
	dir := server.aofDir(ch.logf)
	var err error
	ch.finish = func() { am.dirty = err != nil }
	server.beginAofChange(ch, func() { err = dir.writeManifest(text) })
}

// --- A rewrite ends ---

// aofInstall is a rewrite's result on its way to its place.
type aofInstall struct {
	*aofDir
	tmp           string // path of the rewrite's file
	tempFiles     func() // forgets tmp
	base          string
	tempIncr      string // an incr file that gets its name now, "" if it has one
	incr          string
	parent        string   // a directory to be synced, in which the files' directory is new; ""
	text, cleared []byte   // the manifest, and the one without history; nil: history stays
	history       []string // files to be removed
	unlink        func(path string) error

	size      int64 // of the base
	installed bool  // the manifest names it
	clean     bool  // and no history
	err       error
}

// run is the work in the background.
func (in *aofInstall) run() {
	defer in.tempFiles()
	tmp := filepath.Base(in.tmp)
	if in.parent != "" {
		if in.err = in.fs.SyncDir(in.parent); in.err != nil {
			in.logf(llWarning, "Can't open or create append-only dir %s: %s", filepath.Base(in.dir), platform.Strerror(in.err))
			in.fs.Remove(in.tmp)
			return
		}
	}
	basePath := in.path(in.base)
	if in.err = in.fs.Rename(in.tmp, basePath); in.err != nil {
		in.logf(llWarning, "Error trying to rename the temporary AOF base file %s into %s: %s", tmp, basePath, platform.Strerror(in.err))
		in.fs.Remove(in.tmp)
		return
	}
	in.logf(llNotice, "Successfully renamed the temporary AOF base file %s into %s", tmp, in.base)
	if in.tempIncr != "" {
		if in.err = in.fs.Rename(in.path(in.tempIncr), in.path(in.incr)); in.err != nil {
			in.logf(llWarning, "Error trying to rename the temporary AOF incr file %s into %s: %s", in.path(in.tempIncr), in.path(in.incr), platform.Strerror(in.err))
			in.unlink(basePath)
			return
		}
		in.logf(llNotice, "Successfully renamed the temporary AOF incr file %s into %s", in.tempIncr, in.incr)
	}
	if in.err = in.writeManifest(in.text); errors.Is(in.err, errAofManifestNotDurable) {
		// What a restart finds may be the new set, and, should the power go, the old one. So both stay, until the next rewrite.
		in.installed = true
		return
	} else if in.err != nil {
		in.unlink(basePath)
		if in.tempIncr != "" {
			in.unlink(in.path(in.incr))
		}
		return
	}
	in.installed = true
	if info, err := in.fs.Stat(basePath); err != nil {
		in.logf(llWarning, "Unable to obtain the AOF file %s length. stat: %s", in.base, platform.Strerror(err))
	} else {
		in.size = info.Size()
	}
	if in.cleared != nil {
		for _, name := range in.history {
			in.logf(llNotice, "Removing the history file %s in the background", name)
			in.unlink(in.path(name))
		}
		in.clean = in.writeManifest(in.cleared) == nil
	}
}

// installRewrite makes a job's file the new base; then the rewrite is over.
func (server *Server) installRewrite(job *childJob) {
	am := server.aofManifest.dup()
	ch := &aofChange{}
	tmp := server.path(aofRewriteTempFile(job))
	in := &aofInstall{aofDir: server.aofDir(ch.logf), tmp: tmp, tempFiles: func() { server.tempFiles.Delete(tmp) }, base: server.newBaseFile(am).fileName, unlink: server.bgUnlink}
	if server.aofDirIsNew {
		in.parent = filepath.Dir(in.dir)
	}
	waiting := server.aofState == aofWaitRewrite
	if waiting {
		in.tempIncr = server.tempIncrAofName()
		in.incr = server.newIncrFile(am, server.aofTempIncrStartOffset).fileName
	}
	server.markRewrittenIncrAofAsHistory(am)
	in.text = am.text()
	if !server.aofDisableAutoGc && len(am.historyAofList) > 0 {
		cleared := am.dup()
		cleared.historyAofList = nil
		in.cleared = cleared.text()
		for _, ai := range am.historyAofList {
			in.history = append(in.history, ai.fileName)
		}
	}
	ch.finish = func() {
		if in.installed {
			server.aofManifest = am
		}
		server.aofRewriteInstalled(in, waiting)
		if in.err != nil && waiting {
			server.discardRewrite(job) // there is still the temporary incr file
		} else {
			server.aofRewriteOver(job)
		}
	}
	server.beginAofChange(ch, in.run)
}

// aofRewriteInstalled takes over what came of the end of a rewrite.
func (server *Server) aofRewriteInstalled(in *aofInstall, waiting bool) {
	if in.err != nil {
		server.aofLastbgrewriteStatus = false
		server.statAofrwConsecutiveFailures++
		return
	}
	server.aofDirIsNew = false
	if am := server.aofManifest; in.cleared != nil {
		am.historyAofList = nil
		am.dirty = !in.clean
	} else {
		am.dirty = false
	}
	if server.aofState != aofOff {
		server.aofCurrentSize = in.size + server.aofLastIncrSize
		server.aofRewriteBaseSize = server.aofCurrentSize
	}
	server.aofLastbgrewriteStatus = true
	server.statAofrwConsecutiveFailures = 0
	server.log(llNotice, "Background AOF rewrite finished successfully")
	if waiting {
		server.setAofState(aofOn)
		server.fsyncedReploff = server.fsyncedReploffPending.Load()
	}
}

// discardRewrite removes what a rewrite leaves that has failed; then it is over.
func (server *Server) discardRewrite(job *childJob) {
	tmp := server.path(aofRewriteTempFile(job))
	ch := &aofChange{finish: func() { server.aofRewriteOver(job) }}
	dir := server.aofDir(ch.logf)
	temp := ""
	if server.aofState == aofWaitRewrite {
		temp = server.tempIncrAofName()
	}
	server.beginAofChange(ch, func() {
		dir.fs.Remove(tmp)
		server.tempFiles.Delete(tmp)
		if temp != "" {
			dir.logf(llNotice, "Removing the temp incr aof file %s in the background", temp)
			server.bgUnlink(dir.path(temp))
		}
	})
}
