// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"os"
	"time"

	"redport/src/platform"
	"redport/src/rio"
)

// aof_rewrite.go - rewriting the append-only file: replacing the commands of the past by the dataset that they made.
//
//  1. A new incr file is begun, and named in the manifest, at the moment of a snapshot.
//  2. A background job writes the snapshot to a temporary file; commands go to the new incr file meanwhile.
//  3. When it is done, the temporary file becomes the new base, and the old base and the incr files before the new one become
//     history, by one change of the manifest. Then history is deleted. What this asks of the disk is in aof_change.go.
//
// Whatever fails in between leaves a set of files that has everything: the old base, and one incr file more.
//
// While the file is being turned on (aofWaitRewrite) there is nothing to fall back on: commands go to a temporary incr file, which
// gets its name together with the base.
//
// Counterpart: aof.c. Differences: the rewrite is a job in this process (childinfo.go).

var errAofSwitch = errors.New("no new incr file could be begun")

var errAppendonly = errors.New("Unable to turn on AOF. Check server logs.")

// aofRewriteOptions is what a rewrite has to know of the configuration as it begins.
type aofRewriteOptions struct {
	fs              platform.FS
	preamble        bool
	timestamp       bool
	incrementalSync bool
}

func (server *Server) aofRewriteOptions() aofRewriteOptions {
	return aofRewriteOptions{server.fs, server.aofUseRdbPreamble, server.aofTimestampEnabled, server.aofRewriteIncrementalFsync}
}

// writeFile writes a snapshot to a file, and syncs it. On failure no file is left. Any goroutine.
func (o *aofRewriteOptions) writeFile(path string, snap *snapshot, job *childJob) error {
	f, err := o.fs.OpenFile(path, os.O_WRONLY|os.O_TRUNC|os.O_CREATE, 0o644)
	if err != nil {
		return &aofOpenError{err}
	}
	w := rio.NewWriter(f)
	if o.incrementalSync {
		w.AutoSync(f, redisAutosyncBytes)
	}
	w.Wrote = job.blockDone
	if o.preamble {
		err = rdbSaveRio(w, snap, rdbflagsAofPreamble, nil, job)
	} else {
		var timestamp int64
		if o.timestamp {
			timestamp = time.Now().Unix()
		}
		err = rewriteAppendOnlyFileRio(w, snap, timestamp, job)
	}
	if flushErr := w.Flush(); err == nil {
		err = flushErr
	}
	if err == nil {
		err = f.Datasync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		o.fs.Remove(path)
	}
	return err
}

// aofOpenError is that the temporary file could not be made.
type aofOpenError struct{ error }

func (e *aofOpenError) Unwrap() error { return e.error }

// aofRewriteErrorText is the log line on a rewrite that failed.
func aofRewriteErrorText(err error) string {
	var open *aofOpenError
	if errors.As(err, &open) {
		return "Opening the temp file for AOF rewrite in rewriteAppendOnlyFile(): " + platform.Strerror(err)
	}
	return "Write error writing append only file on disk: " + platform.Strerror(err)
}

// rewriteAppendOnlyFile writes the dataset to a base file, here and now.
func (server *Server) rewriteAppendOnlyFile(path string) error {
	snap := server.snapshot()
	defer snap.release()
	tmp := server.path(fmt.Sprintf("temp-rewriteaof-%d.aof", server.pid))
	server.tempFiles.Store(tmp, nil)
	defer server.tempFiles.Delete(tmp)
	o := server.aofRewriteOptions()
	if err := o.writeFile(tmp, snap, nil); err != nil {
		server.log(llWarning, "%s", aofRewriteErrorText(err))
		return err
	}
	if err := server.fs.Rename(tmp, path); err != nil {
		server.log(llWarning, "Error moving temp append only file on the final destination: %s", platform.Strerror(err))
		server.fs.Remove(tmp)
		return err
	}
	return nil
}

// aofRewriteTempFile is the file that a background rewrite writes.
func aofRewriteTempFile(job *childJob) string {
	return fmt.Sprintf("temp-rewriteaof-bg-%d.aof", job.pid)
}

// rewriteAppendOnlyFileBackground begins a rewrite.
func (server *Server) rewriteAppendOnlyFileBackground() error {
	if server.hasActiveChildProcess() {
		return errors.New("a background job is running")
	}
	server.settleAofChanges()
	if err := server.beginRewrite(); err != nil {
		server.aofLastbgrewriteStatus = false
		return err
	}
	server.aofRewriteScheduled = false
	server.aofRewriteTimeStart = server.ustime() / 1e6
	return nil
}

// beginRewrite takes the snapshot and begins a new incr file, at the same moment.
func (server *Server) beginRewrite() error {
	if err := server.aofCreateDir(server.aofState == aofOn); err != nil {
		return err
	}
	server.aofSwitchFailed = false
	job := server.newRewrite()
	switch {
	case server.aofState == aofWaitRewrite:
		server.aofSelectedDb = -1
		// What an earlier try has left in the buffer is in the snapshot of this one.
		server.aofBuf, server.aofFlushPostponedStart = server.aofBuf[:0], 0
		if err := server.openTempIncrAof(); err != nil {
			server.childOver(job)
			return err
		}
	case server.aofState == aofOn:
		if server.aofLastWriteError != nil || server.aofFsync == aofFsyncAlways {
			server.flushAppendOnlyFile(true)
		}
		if err := server.aofLastWriteError; err != nil {
			// It would be missing between the two files.
			server.log(llWarning, "What was executed before the rewrite cannot be written to the AOF file: %s", platform.Strerror(err))
			server.childOver(job)
			return err
		}
		if server.aofSyncsAlways() {
			server.prepareAof(func(err error) { server.rewritePrepared(job, err) })
			return nil
		}
		// The new file has to say which database its commands are for.
		server.aofSelectedDb = -1
		server.switchAof()
	}
	server.runRewrite(job)
	return nil
}

// newRewrite is the job of a rewrite.
func (server *Server) newRewrite() *childJob {
	cpulist := ""
	if server.options.OwnProcess {
		cpulist = server.aofRewriteCpulist
	}
	o := server.aofRewriteOptions()
	return server.newChild(childTypeAOF, "AOF rewrite", func(job *childJob) error {
		job.useCPUs(cpulist)
		return server.rewriteJob(job, &o)
	}, server.backgroundRewriteDoneHandler)
}

// runRewrite takes the snapshot.
func (server *Server) runRewrite(job *childJob) {
	server.statAofRewrites++
	server.runChild(job)
	server.log(llNotice, "Background append only file rewriting started by pid %d", job.pid)
}

// rewritePrepared goes on once there is a new incr file, or there cannot be one.
func (server *Server) rewritePrepared(job *childJob, err error) {
	switch {
	case job.done == nil: // discarded
	case err != nil || job.check() != nil:
		server.statAofrwConsecutiveFailures++
		server.aofLastbgrewriteStatus = false
		server.aofRewriteTimeStart = -1
		server.childOver(job)
	default:
		server.runRewrite(job)
	}
}

// rewriteJob is the goroutine of a rewrite. It leaves the temporary file if all went well.
func (server *Server) rewriteJob(job *childJob, o *aofRewriteOptions) error {
	name := aofRewriteTempFile(job)
	tmp := server.path(name)
	server.tempFiles.Store(tmp, nil)
	err := o.writeFile(tmp, job.snap, job)
	if err == nil {
		err = job.check()
	}
	if err != nil {
		o.fs.Remove(tmp)
		server.tempFiles.Delete(tmp)
		if !errors.Is(err, errChildKilled) && !errors.Is(err, errChildCancelled) {
			job.logf(llWarning, "%s", aofRewriteErrorText(err))
		}
		return err
	}
	job.logf(llNotice, "Successfully created the temporary AOF base file %s", name)
	return nil
}

// killAppendOnlyChild ends a rewrite, as if it had never been.
func (server *Server) killAppendOnlyChild() {
	server.settleAofChanges() // its last steps are not left half done
	if server.childType() != childTypeAOF {
		return
	}
	job := server.child
	server.log(llNotice, "Killing running AOF rewrite child: %d", job.pid)
	job.discard()
	server.aofRewriteDiscarded(job)
	server.aofRewriteTimeStart = -1
}

// aofRewriteDiscarded removes what a job leaves that was done before it was told to end.
func (server *Server) aofRewriteDiscarded(job *childJob) {
	tmp := server.path(aofRewriteTempFile(job))
	remove := func() {
		server.fs.Remove(tmp)
		server.tempFiles.Delete(tmp)
	}
	select {
	case <-job.ended:
		remove()
	default:
		server.bioSubmitJob(bioLazyFree, func() {
			<-job.ended
			remove()
		})
	}
}

// backgroundRewriteDoneHandler follows on the end of a rewrite's job.
func (server *Server) backgroundRewriteDoneHandler(job *childJob, err error) {
	job.lingers = true
	if server.aofChange != nil {
		server.aofChange.next = func() { server.endRewrite(job, err) }
		return
	}
	server.endRewrite(job, err)
}

// endRewrite has a rewrite's result put in its place, or removed. The rewrite goes on until that is done.
func (server *Server) endRewrite(job *childJob, err error) {
	if err == nil && server.aofSwitchFailed {
		err = errAofSwitch // the old incr file goes on beyond the snapshot
	}
	switch {
	case err == nil:
		server.log(llNotice, "Background AOF rewrite terminated with success")
		server.installRewrite(job)
		return
	case errors.Is(err, errChildCancelled):
		server.log(llWarning, "Background AOF rewrite terminated by signal %d", sigusr1)
	case errors.Is(err, errChildKilled):
		server.aofLastbgrewriteStatus = false
		server.statAofrwConsecutiveFailures++
		server.log(llWarning, "Background AOF rewrite terminated by signal %d", sigkill)
	default:
		server.aofLastbgrewriteStatus = false
		server.statAofrwConsecutiveFailures++
		server.log(llWarning, "Background AOF rewrite terminated with error")
	}
	server.discardRewrite(job)
}

// aofRewriteOver is the very end of a rewrite.
func (server *Server) aofRewriteOver(job *childJob) {
	if server.aofState == aofWaitRewrite {
		// What was executed meanwhile will be in the base that the next rewrite makes.
		server.aofBuf = nil
		server.aofRewriteScheduled = true
	}
	server.aofRewriteTimeLast = server.ustime()/1e6 - server.aofRewriteTimeStart
	server.aofRewriteTimeStart = -1
	server.childOver(job)
}

// --- When to rewrite ---

// A rewrite that fails again and again is tried less and less often, because each one leaves an incr file behind.
const (
	aofRewriteLimitThreshold  = 3
	aofRewriteLimitMaxMinutes = 60
)

// aofRewriteLimited tells whether a rewrite that nobody asked for by hand has to wait because of failures before.
func (server *Server) aofRewriteLimited() bool {
	if server.statAofrwConsecutiveFailures < aofRewriteLimitThreshold {
		server.aofRewriteNextDelayMinutes, server.aofRewriteNextTime = 0, 0
		return false
	}
	if server.aofRewriteNextTime != 0 {
		if server.unixtime < server.aofRewriteNextTime {
			return true
		}
		server.aofRewriteNextTime = 0
		return false
	}
	server.aofRewriteNextDelayMinutes = min(max(server.aofRewriteNextDelayMinutes*2, 1), aofRewriteLimitMaxMinutes)
	server.aofRewriteNextTime = server.unixtime + server.aofRewriteNextDelayMinutes*60
	server.log(llWarning, "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in %d minutes", server.aofRewriteNextDelayMinutes)
	return true
}

// rewriteAppendOnlyFileIfGrown begins a rewrite if the file has grown by auto-aof-rewrite-percentage since the last one.
func (server *Server) rewriteAppendOnlyFileIfGrown() {
	if server.aofState != aofOn || server.hasActiveChildProcess() || server.aofRewritePerc == 0 || server.aofCurrentSize <= server.aofRewriteMinSize {
		return
	}
	growth := server.aofCurrentSize*100/max(server.aofRewriteBaseSize, 1) - 100
	if growth >= int64(server.aofRewritePerc) && !server.aofRewriteLimited() {
		server.log(llNotice, "Starting automatic rewriting of AOF on %d%% growth", growth)
		server.rewriteAppendOnlyFileBackground()
	}
}

// bgrewriteaofCommand: BGREWRITEAOF
func bgrewriteaofCommand(c *client) {
	server := c.server
	switch {
	case server.childType() == childTypeAOF:
		c.addReplyError("Background append only file rewriting already in progress")
	case server.hasActiveChildProcess() || server.inExec:
		server.aofRewriteScheduled = true
		// Who asks for it does not want to wait for the end of a back-off.
		server.statAofrwConsecutiveFailures = 0
		c.addReplyStatus("Background append only file rewriting scheduled")
	case server.rewriteAppendOnlyFileBackground() == nil:
		c.addReplyStatus("Background append only file rewriting started")
	default:
		c.addReplyError("Can't execute an AOF background rewriting. Please check the server logs for more information.")
	}
}
