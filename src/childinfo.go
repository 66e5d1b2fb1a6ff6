// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// childinfo.go - background jobs: what C Redis forks a child for, and how its progress is known.
//
// A job is a goroutine that works from a snapshot (snapshot.go). It reads the snapshot and its own copies of settings, reports by atomics, and
// touches nothing else of the Server. When it is done, the outcome is posted to the main goroutine, which releases the snapshot
// and calls the job's done handler: what checkChildrenDone does in C.
//
// Jobs leave room for the main goroutine (blockDone).
//
// A job is killed by a flag that it looks at with every key and every block that it writes; it cleans up after itself, whatever ends it.
//
// C has one child at a time, and so much depends on it that it is told by the outside (BGSAVE during a rewrite is refused, or waits). So
// there is one "child" here, too, server.child. But nothing in a job needs that: jobs of childTypeNone run beside it, as
// many as there are.
//
// Counterpart: childinfo.c, and the parts of server.c on forking.

// Types of jobs.
const (
	childTypeNone = iota // beside the others
	childTypeRDB
	childTypeAOF
	childTypeLDB
)

// What a killed job ends with.
var (
	errChildKilled    = errors.New("killed")               // an error (C: any signal but SIGUSR1)
	errChildCancelled = errors.New("killed on our demand") // not an error (C: SIGUSR1)
)

// childJob is a job. Its fields are set before the goroutine starts, but for the atomics; what is marked so belongs to the main goroutine.
type childJob struct {
	server *Server
	typ    int
	pid    int    // a number that looks like a process's
	name   string // in log lines: "RDB", "AOF rewrite"
	snap   *snapshot
	start  time.Time

	killedBy atomic.Pointer[error]
	commits  sync.Mutex   // held while the result is put in its place: either that is seen, or the kill
	keys     atomic.Int64 // keys processed so far
	written  int64        // the job's own: bytes
	keyDelay atomic.Int64 // rdb-key-save-delay

	work      func(job *childJob) error
	done      func(job *childJob, err error) // main goroutine; nil once discarded
	lingers   bool                           // main: it goes on until childOver, although its goroutine is through
	ended     chan struct{}                  // closed when the goroutine is through
	cowSize   int64                          // main: bytes cloned so far, when last looked at
	cowPeak   int64                          // main
	cowSum    int64                          // main
	cowLooks  int64                          // main
	cowLooked time.Time                      // main
}

// isMutuallyExclusiveChildType tells whether a job of the type excludes others.
func isMutuallyExclusiveChildType(typ int) bool { return typ != childTypeNone && typ != childTypeLDB }

// hasActiveChildProcess tells whether a job runs that excludes others of its kind.
func (server *Server) hasActiveChildProcess() bool { return server.child != nil }

// childType is the type of that job.
func (server *Server) childType() int {
	if server.child == nil {
		return childTypeNone
	}
	return server.child.typ
}

// startChild takes a snapshot and has work done in a goroutine (C: redisFork). done follows on the main goroutine, once the snapshot
// is released. An error says that the job was killed, or what work returned.
func (server *Server) startChild(typ int, name string, work func(job *childJob) error, done func(job *childJob, err error)) *childJob {
	job := server.newChild(typ, name, work, done)
	server.runChild(job)
	return job
}

// newChild makes a job that keeps others from starting already, and is to be run, or over.
func (server *Server) newChild(typ int, name string, work func(job *childJob) error, done func(job *childJob, err error)) *childJob {
	server.nextChildPid++
	job := &childJob{server: server, typ: typ, pid: server.nextChildPid, name: name, work: work, done: done, ended: make(chan struct{})}
	if isMutuallyExclusiveChildType(typ) {
		server.child = job
		server.stat.currentCowPeak = 0
	}
	return job
}

// runChild takes the snapshot and starts the goroutine.
func (server *Server) runChild(job *childJob) {
	latency := server.latencyStart()
	job.start = time.Now()
	job.snap = server.snapshot()
	job.keyDelay.Store(int64(server.rdbKeySaveDelay))
	server.stat.forkTime = time.Since(job.start).Microseconds()
	server.stat.totalForks++
	server.latencyEnd("fork", latency)
	server.childJobs = append(server.childJobs, job)
	go func() {
		err := job.work(job)
		if by := job.killedBy.Load(); by != nil {
			err = *by
		}
		close(job.ended)
		server.el.Post(func() { server.childDone(job, err) })
	}()
}

// childDone is what follows on a job's end. Main goroutine.
func (server *Server) childDone(job *childJob, err error) {
	server.childJobs = slices.DeleteFunc(server.childJobs, func(x *childJob) bool { return x == job })
	job.lookAtCow()
	job.snap.release()
	if job.done == nil {
		return // discarded
	}
	if err == nil {
		server.log(llNotice, "Fork CoW for %s: current %d MB, peak %d MB, average %d MB", job.name, job.cowSize>>20, job.cowPeak>>20,
			job.cowSum/job.cowLooks>>20)
		switch job.typ {
		case childTypeRDB:
			server.stat.rdbCowBytes = job.cowPeak
		case childTypeAOF:
			server.stat.aofCowBytes = job.cowPeak
		}
	}
	// The handler may start the next job, but must know which one it is called for.
	job.done(job, err)
	if !job.lingers {
		server.childOver(job)
	}
}

// childOver is the end of a job: another one may start.
func (server *Server) childOver(job *childJob) {
	if server.child == job {
		server.child = nil
	}
	if server.childEnded != nil && isMutuallyExclusiveChildType(job.typ) {
		server.childEnded()
	}
}

// kill has the job end soon, with err: errChildKilled or errChildCancelled. Its done handler will be called.
func (job *childJob) kill(err error) {
	job.commits.Lock()
	job.killedBy.CompareAndSwap(nil, &err)
	job.commits.Unlock()
}

// commit puts the job's result in its place, unless the job was killed: what is done there after a kill is not undone by put. job may be nil.
func (job *childJob) commit(put func() error) error {
	if job == nil {
		return put()
	}
	job.commits.Lock()
	defer job.commits.Unlock()
	if err := job.check(); err != nil {
		return err
	}
	return put()
}

// discard ends the job as far as anybody can see, now: its done handler is not called, and another job may start.
func (job *childJob) discard() {
	job.kill(errChildCancelled)
	job.done = nil
	if server := job.server; server.child == job {
		server.child = nil
	}
}

// check is called by the job with every key, and with every block: it says whether to go on.
func (job *childJob) check() error {
	if job == nil {
		return nil
	}
	if by := job.killedBy.Load(); by != nil {
		return *by
	}
	return nil
}

// breath is the pause that a job makes after a block while the main goroutine is busy.
const breath = 100 * time.Microsecond

// clonedLittle is what may be cloned for a snapshot without any haste: all of a small dataset.
const clonedLittle = 16 << 20

// blockDone is called by the job with every block of n bytes that it has written; job may be nil.
//
// A job that computes without end is given whole time slices of several milliseconds by the system, at the cost of the main goroutine where there are
// no processors to spare. One that sleeps after each 64 KB, some 300 us of work, holds up others for no longer than that: a sleeper that
// wakes up waits for its turn. Threads of lower priority were tried and are worse: the collector stops the world only when every
// thread has been running for a moment, and on a machine whose processors are taken by others, one at nice 19 kept it waiting for half a second.
//
// There is no pause while the main goroutine clones more than the job writes, and more than a little: then the sooner it ends, the less has to be cloned.
func (job *childJob) blockDone(n int) error {
	if job != nil && job.ended != nil {
		if job.written += int64(n); job.server.loopBusy.Load() && job.snap.clonedBytes() <= max(job.written, clonedLittle) {
			time.Sleep(breath)
		}
	}
	return job.check()
}

// trackLoopBusy finds out whether the main goroutine spends more than an eighth of its time on events. It is called ten times a second.
func (server *Server) trackLoopBusy(now int64) {
	spent := server.stat.eventloopDuration
	if spent < server.loopSpent {
		server.loopSpent = 0 // CONFIG RESETSTAT
	}
	server.loopBusy.Store(spent-server.loopSpent > (now-server.loopLooked)/8)
	server.loopSpent, server.loopLooked = spent, now
}

// keyDone counts a key, and makes the pause that rdb-key-save-delay asks for. job may be nil.
func (job *childJob) keyDone() error {
	if job == nil {
		return nil
	}
	job.keys.Add(1)
	if delay := job.keyDelay.Load(); delay != 0 {
		if err := job.delay(delay); err != nil {
			return err
		}
	}
	return job.check()
}

// delay sleeps for a number of microseconds, or, if it is negative, for one in -us keys. A long sleep does not outlive the job's end.
func (job *childJob) delay(us int64) error {
	if us < 0 {
		if job.keys.Load()%-us != 0 {
			return nil
		}
		us = 1
	}
	const slice = 20 * time.Millisecond
	for end := time.Now().Add(time.Duration(us) * time.Microsecond); ; {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		time.Sleep(min(left, slice))
		if err := job.check(); err != nil {
			return err
		}
		if job.keyDelay.Load() == 0 {
			return nil
		}
	}
}

// logf logs a line as the job's. It goes the way of the outcome, so it is in the log before that. Any goroutine.
func (job *childJob) logf(level int, format string, args ...any) {
	job.server.el.Post(func() { job.server.logAs(job.pid, 'C', level, format, args...) })
}

// lookAtCow updates the figures on what the snapshot has cost. Main goroutine.
func (job *childJob) lookAtCow() {
	if job.snap == nil {
		return // it has not begun yet
	}
	job.cowSize = job.snap.clonedBytes()
	job.cowPeak = max(job.cowPeak, job.cowSize)
	job.cowSum += job.cowSize
	job.cowLooks++
	job.cowLooked = time.Now()
	if server := job.server; server.child == job {
		server.stat.currentCowPeak = max(server.stat.currentCowPeak, job.cowSize)
	}
}

// updateChildInfo is called by serverCron.
func (server *Server) updateChildInfo() {
	for _, job := range server.childJobs {
		if time.Since(job.cowLooked) >= time.Second {
			job.lookAtCow()
		}
	}
}

// applyKeySaveDelay tells running jobs that rdb-key-save-delay has changed.
func (server *Server) applyKeySaveDelay() error {
	for _, job := range server.childJobs {
		job.keyDelay.Store(int64(server.rdbKeySaveDelay))
	}
	return nil
}

// stopChildren ends all jobs, when the server ends: nothing may read the dataset afterwards. A job that hangs in a system call, as on a disk
// that does not answer, is left behind; its temporary file is removed by name.
func (server *Server) stopChildren() {
	jobs := server.childJobs
	for _, job := range jobs {
		job.discard()
	}
	timeout := time.After(time.Second)
	for _, job := range jobs {
		select {
		case <-job.ended:
		case <-timeout:
			server.removeTempFiles()
			return
		}
	}
}
