// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"redport/src/platform"
)

// aof_change_test.go - what a rewrite asks of the disk: who asks for it, and what is found if the rewrite is disturbed at any of it.

// goroutineID is the number of the goroutine that calls.
func goroutineID() string {
	var b [64]byte
	return string(bytes.Fields(b[:runtime.Stack(b[:], false)])[1])
}

// diskOp is an operation that a test saw.
type diskOp struct {
	op, file string
	main     bool // the main goroutine did it
}

func (o diskOp) String() string { return o.op + " " + o.file }

// watchDisk notes what is done to a disk.
func watchDisk(disk *platform.FaultFS) (ops func() []diskOp) {
	var mu sync.Mutex
	var seen []diskOp
	self := goroutineID()
	disk.SetFault(func(op, name string, n int) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, diskOp{op, filepath.Base(name), goroutineID() == self})
		return n, nil
	})
	return func() []diskOp {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
}

// A rewrite has the main goroutine wait for nothing that a disk takes its time for.
func TestRewriteHoldsNobody(t *testing.T) {
	for _, policy := range []string{"always", "everysec", "no"} {
		for _, was := range []string{"yes", "no"} {
			dir := t.TempDir()
			disk := platform.NewFaultFS(dir)
			s, log := startOnDisk(t, disk, dir, "--appendonly", was, "--appendfsync", policy)
			if s == nil {
				t.Fatalf("does not start\n%s", log)
			}
			aofDataset(s.c)
			s.turn()
			s.bioDrainWorker(bioAofFsync)
			ops := watchDisk(disk)
			if was == "yes" {
				s.must(t, "BGREWRITEAOF")
			} else {
				s.must(t, "CONFIG SET appendonly yes")
			}
			s.settle()
			if !strings.Contains(log.String(), "Background AOF rewrite finished successfully") {
				t.Fatalf("the rewrite failed\n%s", log)
			}
			var held []string
			renames := 0
			for _, o := range ops() {
				if o.op == platform.OpRename {
					renames++
				}
				// A name looked up, or a file of one's own made in a directory that waits for nothing.
				harmless := o.op == platform.OpStat || was == "no" && (o.op == platform.OpMkdir || o.op == platform.OpOpen)
				if o.main && !harmless {
					held = append(held, o.String())
				}
			}
			if renames == 0 {
				t.Error("nothing was seen")
			}
			if held != nil {
				t.Errorf("appendfsync %s, appendonly %s: the main goroutine did %v", policy, was, held)
			}
		}
	}
}

// stages is a disk that holds whoever works in the background at an operation.
type stages struct {
	*platform.FaultFS
	at      int64 // the operation
	count   atomic.Int64
	reached chan struct{} // closed when it is there
	proceed chan struct{}
	what    string
}

// holdAt has the background held at its nth operation from now on.
func holdAt(disk *platform.FaultFS, n int64) *stages {
	h := &stages{FaultFS: disk, at: n, reached: make(chan struct{}), proceed: make(chan struct{})}
	self := goroutineID()
	disk.SetFault(func(op, name string, size int) (int, error) {
		if goroutineID() != self && h.count.Add(1) == n {
			h.what = op + " " + filepath.Base(name)
			close(h.reached)
			<-h.proceed
		}
		return size, nil
	})
	return h
}

// until runs the event loop until the background is held, or done says that it will not be.
func (h *stages) until(s *faultServer, done func() bool) (held bool) {
	s.turns(func() bool {
		select {
		case <-h.reached:
			held = true
			return true
		default:
			return done()
		}
	})
	return held
}

// Whatever comes in the middle of a rewrite, at each thing that it asks of the disk: what is found afterwards is what was there, and no debris.
func TestRewriteDisturbedAtEachStage(t *testing.T) {
	interruptions := []struct {
		name string
		do   func(s *faultServer)
	}{
		{"killed", func(s *faultServer) {
			if s.child != nil {
				s.child.kill(errChildKilled)
			}
		}},
		{"turned off", func(s *faultServer) { s.c.run("CONFIG", "SET", "appendonly", "no") }},
		{"off and on", func(s *faultServer) {
			s.c.run("CONFIG", "SET", "appendonly", "no")
			s.c.run("SET", "between", "1")
			s.c.run("CONFIG", "SET", "appendonly", "yes")
		}},
		{"written", func(s *faultServer) {
			s.c.run("SET", "during", "1")
			s.flushAppendOnlyFile(true)
		}},
		{"shut down", func(s *faultServer) { s.shutdownAppendOnly(true) }},
		{"stopped", func(s *faultServer) { s.stop() }},
	}
	for _, policy := range []string{"always", "everysec"} {
		for _, was := range []string{"yes", "no"} {
			for _, interruption := range interruptions {
				if testing.Short() && policy == "always" && interruption.name != "killed" && interruption.name != "turned off" {
					continue
				}
				t.Run(fmt.Sprint(policy, "_", was, "_", strings.ReplaceAll(interruption.name, " ", "_")), func(t *testing.T) {
					n := int64(1)
					for disturbRewrite(t, policy, was, n, interruption.name, interruption.do) {
						n++
					}
					if n < 8 {
						t.Errorf("%d operations", n)
					}
				})
			}
		}
	}
}

// disturbRewrite disturbs a rewrite at its nth operation. It tells whether there is one.
func disturbRewrite(t *testing.T, policy, was string, n int64, name string, do func(s *faultServer)) bool {
	t.Helper()
	dir := t.TempDir()
	disk := platform.NewFaultFS(dir)
	args := []string{"--appendonly", was, "--appendfsync", policy, "--save", "", "--aof-rewrite-incremental-fsync", "no"}
	s, log := startOnDisk(t, disk, dir, args...)
	if s == nil {
		t.Fatalf("does not start\n%s", log)
	}
	for _, line := range []string{"SET a 1", "RPUSH l 1 2 3", "INCR n", "INCR n"} {
		s.must(t, line)
	}
	s.turn()
	s.bioDrainWorker(bioAofFsync)
	h := holdAt(disk, n)
	if was == "yes" {
		s.must(t, "BGREWRITEAOF")
	} else {
		s.must(t, "CONFIG SET appendonly yes")
	}
	held := h.until(s, func() bool { return s.child == nil && s.aofChange == nil })
	close(h.proceed)
	if !held {
		return false
	}
	before := s.digest()
	s.must(t, "INCR n") // which nobody was told of yet
	want := s.digest()
	do(s)
	if name == "stopped" || name == "shut down" {
		s.stop()
	} else {
		s.settle()
		s.turn()
		s.settle()
	}
	what := fmt.Sprintf("%s, appendfsync %s, %s at operation %d (%s)", map[string]string{"yes": "rewritten", "no": "turned on"}[was], policy, name, n, h.what)
	on := s.aofState == aofOn
	if on && name != "stopped" && name != "shut down" {
		s.flushAppendOnlyFile(true)
		want = s.digest()
	}
	if s.aofState == aofWaitRewrite || name == "stopped" && was == "no" {
		return true // there need be nothing yet
	}
	for _, f := range disk.Files(dir) {
		if strings.Contains(f, "temp") {
			t.Errorf("%s: %s is left\n%s", what, f, log)
		}
	}
	if was == "no" && !on && name != "shut down" && !slices.Contains(disk.Files(dir), "appendonlydir/appendonly.aof.manifest") {
		return true // turned off before it was ever on
	}
	found, log2 := startOnDisk(t, disk.Copy(), dir, "--appendonly", "yes", "--appendfsync", policy)
	if found == nil {
		t.Fatalf("%s: then it does not start; files %v\n%s\n%s", what, disk.Files(dir), log, log2)
	}
	if got := found.digest(); got != want && !(name == "stopped" && got == before) {
		t.Errorf("%s: another dataset is found; files %v\n%s\n%s", what, disk.Files(dir), log, log2)
	}
	found.stop()
	return true
}

// Turning the file on while serving fails, or loses power, at each operation: there is nothing before, or all of it.
func TestEveryFaultOfTurningOn(t *testing.T) {
	for _, policy := range []string{"always", "everysec"} {
		for n := int64(1); ; n++ {
			ops := int64(0)
			for _, fault := range []error{syscall.EIO, nil} {
				ops = max(ops, faultyTurningOn(t, policy, n, fault))
			}
			if ops < n {
				break
			}
		}
	}
}

// faultyTurningOn turns the file on with the nth operation failing, or without power from then on. It returns how many there were.
func faultyTurningOn(t *testing.T, policy string, n int64, fault error) int64 {
	t.Helper()
	dir := t.TempDir()
	disk := platform.NewFaultFS(dir)
	s, log := startOnDisk(t, disk, dir, "--appendfsync", policy)
	if s == nil {
		t.Fatalf("does not start\n%s", log)
	}
	defer func() { s.stop() }()
	aofDataset(s.c)
	count := faultAfter(disk, n, 1, fault)
	if fault == nil {
		count = faultAfter(disk, n, 0, nil)
	}
	states, acked := []string{s.digest()}, -1
	command := func(args ...string) {
		s.c.run(args...)
		states = append(states, s.digest())
		s.turn()
		if !s.stopped && s.aofState == aofOn && policy == "always" {
			acked = len(states) - 1
		}
	}
	s.c.run("CONFIG", "SET", "appendonly", "yes")
	for range 3 {
		command("INCR", "during")
		s.turns(func() bool { return s.child == nil && s.aofChange == nil })
	}
	for typ := range bioNumOps {
		s.bioDrainWorker(typ)
	}
	ops := count.Load()
	disk.SetFault(nil)
	what := fmt.Sprintf("appendfsync %s, operation %d: %v", policy, n, fault)
	if fault == nil {
		disk = disk.Crash(rand.New(rand.NewPCG(uint64(n), 6)), n%2 == 0)
	} else if !s.stopped {
		// It may be tried again by itself, or has to be by hand.
		s.c.run("CONFIG", "SET", "appendonly", "yes")
		s.aofRewriteNextTime = 0
		s.turns(func() bool {
			s.scheduledRewriteCron()
			return s.aofState == aofOn && s.child == nil && s.aofChange == nil
		})
		command("INCR", "after")
		s.flushAppendOnlyFile(true)
		s.settle()
		acked = len(states) - 1
		for _, f := range disk.Files(dir) {
			if strings.Contains(f, "temp") {
				t.Errorf("%s: %s is left\n%s", what, f, log)
			}
		}
	}
	s.stop()
	found, log2 := startOnDisk(t, disk.Copy(), dir, "--appendonly", "yes", "--appendfsync", policy)
	if found == nil {
		t.Fatalf("%s: then it does not start; files %v\n%s\n%s", what, disk.Files(dir), log, log2)
	}
	at := slices.Index(states, found.digest())
	if at < acked || at < 0 && acked >= 0 {
		t.Errorf("%s: then state %d is found, of %d to %d; files %v\n%s\n%s", what, at, acked, len(states)-1, disk.Files(dir), log, log2)
	}
	found.stop()
	return ops
}
