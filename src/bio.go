// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"syscall"

	"redport/src/platform"
)

// bio.go - background jobs: what may take long and must not hold up the main goroutine.
//
// There is one worker for closing files, one for syncing and closing append-only files, and one for what else takes time. A worker takes its
// jobs in order, so the fsync of a file always comes before its close. It starts with its first job and ends with bioStop, which waits for
// what is queued. A job touches nothing of the Server but what says that any goroutine may.
//
// Jobs are waited for by the main goroutine. The number of pending jobs may be asked for by any.
//
// Counterpart: bio.c. Differences: dropped structures are no jobs. They hang in the queue of package epoch, from where the main goroutine
// frees them in slices between commands; a goroutine that did it (Clock.Background) measured no better.

// Types of jobs. Those of one worker are done in the order in which they were submitted.
const (
	bioCloseFile = iota
	bioAofFsync
	bioAofChange
	bioLazyFree
	bioNumOps
)

// Workers, and which one does the jobs of each type.
const (
	bioWorkerCloseFile = iota
	bioWorkerAof
	bioWorkerLazyFree
	bioWorkerNum
)

var bioJobToWorker = [bioNumOps]int{bioCloseFile: bioWorkerCloseFile, bioAofFsync: bioWorkerAof, bioAofChange: bioWorkerAof, bioLazyFree: bioWorkerLazyFree}

var bioWorkerTitle = [bioWorkerNum]string{"bio_close_file", "bio_aof", "bio_lazy_free"}

type bioJob struct {
	typ int
	run func()
}

// bioWorker is a queue and the goroutine that works through it.
type bioWorker struct {
	mu      sync.Mutex
	step    sync.Cond // a job was done, or submitted, or the worker is to stop
	jobs    []bioJob
	pending [bioNumOps]int // submitted and not done
	running bool
	stopped bool
}

// bioState is the workers of one server.
type bioState struct {
	workers [bioWorkerNum]bioWorker
	done    sync.WaitGroup
}

// bioSubmitJob queues a job. After bioStop it is done at once. Any goroutine.
func (server *Server) bioSubmitJob(typ int, run func()) {
	n := bioJobToWorker[typ]
	w := &server.bio.workers[n]
	w.mu.Lock()
	if w.stopped {
		w.mu.Unlock()
		run()
		return
	}
	if !w.running {
		w.running = true
		w.step.L = &w.mu
		server.bio.done.Add(1)
		go server.bioProcessBackgroundJobs(w, bioWorkerTitle[n])
	}
	w.jobs = append(w.jobs, bioJob{typ, run})
	w.pending[typ]++
	w.mu.Unlock()
	w.step.Broadcast()
}

// bioProcessBackgroundJobs is a worker's goroutine.
func (server *Server) bioProcessBackgroundJobs(w *bioWorker, title string) {
	defer server.bio.done.Done()
	server.bioThread(title)
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for len(w.jobs) == 0 {
			if w.stopped {
				return
			}
			w.step.Wait()
		}
		job := w.jobs[0]
		w.jobs[0] = bioJob{}
		w.jobs = w.jobs[1:]
		w.mu.Unlock()
		job.run()
		w.mu.Lock()
		w.pending[job.typ]--
		w.step.Broadcast()
	}
}

// bioThread gives a background goroutine a thread with a name, on the processors of bio-cpulist, if the process is ours.
func (server *Server) bioThread(title string) {
	if !server.options.OwnProcess {
		return
	}
	runtime.LockOSThread()
	platform.SetThreadName(title)
	if server.bioCpulist != "" {
		platform.SetCPUAffinity(server.bioCpulist)
	}
}

// bioPendingJobsOfType returns how many jobs of the type are not done. Any goroutine.
func (server *Server) bioPendingJobsOfType(typ int) int {
	w := &server.bio.workers[bioJobToWorker[typ]]
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pending[typ]
}

// bioDrainWorker waits until all jobs of the worker that does jobs of the type are done.
func (server *Server) bioDrainWorker(typ int) {
	w := &server.bio.workers[bioJobToWorker[typ]]
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.running && w.pending != [bioNumOps]int{} {
		w.step.Wait()
	}
}

// bioStop does what is queued and ends the workers.
func (server *Server) bioStop() {
	b := &server.bio
	for i := range b.workers {
		w := &b.workers[i]
		w.mu.Lock()
		w.stopped = true
		if w.running {
			w.step.Broadcast()
		}
		w.mu.Unlock()
	}
	b.done.Wait()
}

// --- Jobs ---

// bioCreateCloseJob closes a file in the background: closing the last reference to a deleted file frees its blocks, which takes time.
func (server *Server) bioCreateCloseJob(f platform.File) {
	server.bioSubmitJob(bioCloseFile, func() { f.Close() })
}

// bioCreateFsyncJob syncs the append-only file. Once it is done, everything up to the replication offset is durable. The outcome stays until
// the next one: a failure refuses writes (writeCommandsDeniedByDiskError).
func (server *Server) bioCreateFsyncJob(f platform.File, offset int64) {
	server.bioSubmitJob(bioAofFsync, func() {
		if err := f.Datasync(); err != nil && !errors.Is(err, syscall.EINVAL) { // which is for what is no file at all
			if server.aofBioFsyncError.Swap(&err) == nil {
				server.log(llWarning, "Fail to fsync the AOF file: %s", platform.Strerror(err))
			}
			return
		}
		server.aofBioFsyncError.Store(nil)
		server.fsyncedReploffPending.Store(offset)
	})
}

// bgUnlink removes a file now, and leaves what that costs on a large one to the background. Any goroutine.
func (server *Server) bgUnlink(name string) error {
	f, err := server.fs.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		// What cannot be opened may still be removable.
		return server.fs.Remove(name)
	}
	if err := server.fs.Remove(name); err != nil {
		// Some systems remove nothing that is open.
		f.Close()
		return server.fs.Remove(name)
	}
	server.bioCreateCloseJob(f)
	return nil
}
