// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"redport/src/platform"
)

// aof_fault_test.go - disks that fail, and power that goes: whatever happens, a restart finds the dataset as it was at some moment, and with
// appendfsync always not before what was acknowledged.

// faultServer is a server on a disk that fails.
type faultServer struct {
	*Server
	c   *client
	log *syncBuffer
}

// startOnDisk starts a server, without sockets. nil: it does not start; the log says why.
func startOnDisk(t *testing.T, disk *platform.FaultFS, dir string, args ...string) (*faultServer, *syncBuffer) {
	t.Helper()
	log := &syncBuffer{}
	srv, err := New(Options{Args: append([]string{"--save", "", "--dir", dir, "--enable-debug-command", "yes"}, args...), Stdout: log, Stderr: log, ExecName: "redis-server", FS: disk})
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	if err := srv.initServer(); err != nil {
		t.Fatal(err)
	}
	srv.updateSlowThreshold()
	s := &faultServer{Server: srv, log: log}
	t.Cleanup(s.stop)
	if err := srv.loadAtStartup(); err != nil {
		return nil, log
	}
	s.c = srv.fakeClient()
	return s, log
}

// stop ends what runs beside the test.
func (s *faultServer) stop() {
	s.stopBackground()
	s.el.Close()
}

// turns runs the event loop until done says so, or the server has ended.
func (s *faultServer) turns(done func() bool) {
	for !s.stopped {
		s.el.ProcessEvents(false)
		if done() {
			return
		}
	}
}

func (s *faultServer) turn() { s.turns(func() bool { return true }) }

// settle waits for background jobs.
func (s *faultServer) settle() {
	s.turns(func() bool { return len(s.childJobs) == 0 && s.aofChange == nil })
	for typ := range bioNumOps {
		s.bioDrainWorker(typ)
	}
}

func (s *faultServer) digest() string {
	d := s.computeDatasetDigest()
	return d.String()
}

// faultAfter makes the disk fail with err from its nth operation on, for a number of operations; 0: the power goes.
func faultAfter(disk *platform.FaultFS, n, times int64, err error) *atomic.Int64 {
	var count atomic.Int64
	disk.SetFault(func(op, name string, size int) (int, error) {
		k := count.Add(1)
		switch {
		case k < n:
			return size, nil
		case times == 0:
			disk.PowerOff()
			return size / 2, syscall.EIO
		case k >= n+times || op == platform.OpClose || op == platform.OpStat:
			return size, nil
		}
		return size / 2, err
	})
	return &count
}

// randomCommand is one of a mix that touches few keys in many ways.
func randomCommand(r *rand.Rand, i int) []string {
	key := fmt.Sprintf("k%d", r.IntN(6))
	val := fmt.Sprintf("v%d", i)
	switch r.IntN(12) {
	case 0:
		return []string{"DEL", key}
	case 1:
		return []string{"INCR", "counter"}
	case 2:
		return []string{"RPUSH", "list", val, strings.Repeat("x", r.IntN(100))}
	case 3:
		return []string{"HSET", "hash", key, val}
	case 4:
		return []string{"SADD", "set", val}
	case 5:
		return []string{"ZADD", "zset", fmt.Sprint(i), key}
	case 6:
		return []string{"XADD", "stream", "*", key, val}
	case 7:
		return []string{"SELECT", fmt.Sprint(r.IntN(3))}
	case 8:
		return []string{"SET", key, val, "PX", "10000000"}
	case 9:
		return []string{"SPOP", "set"}
	}
	return []string{"SET", key, val}
}

func TestPowerCutsAndAof(t *testing.T) {
	policies := []string{"always", "everysec", "no"}
	rounds := 240
	if testing.Short() {
		rounds = 60
	}
	for seed := range rounds {
		policy := policies[seed%3]
		preamble := []string{"yes", "no"}[seed/3%2]
		t.Run(fmt.Sprintf("%d_%s_%s", seed, policy, preamble), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 7))
			dir := t.TempDir()
			disk := platform.NewFaultFS(dir)
			args := []string{"--appendonly", "yes", "--appendfsync", policy, "--aof-use-rdb-preamble", preamble}
			switch kind := r.IntN(3); kind {
			case 0: // the power goes somewhere
				faultAfter(disk, 1+r.Int64N(400), 0, nil)
			case 1: // something fails for a while, and then the power goes
				faultAfter(disk, 15+r.Int64N(300), 1+r.Int64N(4), []error{syscall.ENOSPC, syscall.EIO}[r.IntN(2)])
			}
			states := []string{strings.Repeat("0", 40)} // the dataset after each command
			acked := 0                                  // the first of them that may be found
			for range 1 + r.IntN(3) {
				s, log := startOnDisk(t, disk, dir, args...)
				if s == nil {
					if _, err := disk.Stat(dir); err == nil && disk.Fault() == nil {
						t.Fatalf("does not start\n%s", log)
					}
				} else {
					acked = max(acked, runUntilCrash(t, r, s, &states, acked, policy))
				}
				after := disk.Crash(r, r.IntN(2) == 0)
				if s != nil {
					s.stop()
				}
				found, log := startOnDisk(t, after, dir, args...)
				if found == nil {
					t.Fatalf("does not start after the power cut; files %v\n%s", after.Files(dir), log)
				}
				at := slices.Index(states[acked:], found.digest())
				if at < 0 {
					t.Fatalf("found a dataset that never was, or an old one (%d of %d states, the last %d may be found); files %v\n%s", slices.Index(states, found.digest()),
						len(states), len(states)-acked, after.Files(dir), log)
				}
				found.settle()
				states = states[:acked+at+1]
				acked = len(states) - 1
				found.stop()
				disk = after.Crash(r, true)
			}
		})
	}
}

// runUntilCrash executes commands until the server ends or has done enough. It returns the first state that may be found afterwards.
func runUntilCrash(t *testing.T, r *rand.Rand, s *faultServer, states *[]string, acked int, policy string) int {
	s.c.run("SELECT", "0")
	for i := range 10 + r.IntN(150) {
		command := randomCommand(r, i)
		switch r.IntN(30) {
		case 0:
			command = []string{"BGREWRITEAOF"}
		case 1:
			command = []string{"CONFIG", "SET", "appendonly", "no"}
		case 2, 3:
			command = []string{"CONFIG", "SET", "appendonly", "yes"}
		case 4:
			s.settle()
		case 5:
			s.c.run("MULTI")
			s.c.run("SET", "a", fmt.Sprint(i))
			s.c.run("SET", "b", fmt.Sprint(i))
			command = []string{"EXEC"}
		}
		s.c.run(command...)
		*states = append(*states, s.digest())
		s.turn()
		if s.stopped {
			break
		}
		if policy == "always" && s.aofState == aofOn {
			acked = len(*states) - 1
		}
	}
	return acked
}

// A save leaves the old file or the new one, whole, and nothing else.
func TestPowerCutsAndRdb(t *testing.T) {
	for seed := range 120 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 8))
			dir := t.TempDir()
			disk := platform.NewFaultFS(dir)
			powerCut := r.IntN(2) == 0
			times := int64(0)
			if !powerCut {
				times = 1 + r.Int64N(3)
			}
			count := faultAfter(disk, 1+r.Int64N(60), times, []error{syscall.ENOSPC, syscall.EIO}[r.IntN(2)])
			fault := disk.Fault()
			disk.SetFault(func(op, name string, n int) (int, error) {
				if op == platform.OpRemove && !powerCut {
					return n, nil // a disk that lets nothing be removed keeps what was begun
				}
				return fault(op, name, n)
			})
			states := []string{strings.Repeat("0", 40)}
			saved := 0
			s, log := startOnDisk(t, disk, dir)
			if s == nil {
				return // the disk failed at once
			}
			for i := range 40 {
				s.c.run(randomCommand(r, i)...)
				states = append(states, s.digest())
				n := len(states) - 1
				var reply string
				switch r.IntN(4) {
				case 0:
					reply = s.c.run("SAVE")
				case 1:
					reply = s.c.run("BGSAVE")
					s.settle()
					if !s.lastbgsaveStatus {
						reply = ""
					}
				}
				s.turn()
				if strings.HasPrefix(reply, "+OK") || strings.HasPrefix(reply, "+Background") {
					saved = n
				}
				if f := disk.Files(dir); len(f) > 1 || len(f) == 1 && f[0] != "dump.rdb" {
					if _, err := disk.Stat(dir); err == nil && count.Load() > 100 {
						t.Fatalf("debris: %v\n%s", f, log)
					}
				}
			}
			after := disk.Crash(r, r.IntN(2) == 0)
			s.stop()
			found, log2 := startOnDisk(t, after, dir)
			if found == nil {
				t.Fatalf("does not start: %v\n%s%s", after.Files(dir), log, log2)
			}
			if !slices.Contains(states[saved:], found.digest()) {
				t.Fatalf("state %d of %d, saved was %d\n%s%s", slices.Index(states, found.digest()), len(states), saved, log, log2)
			}
		})
	}
}

// A disk that cannot be read is never taken for a file that ends early.
func TestReadErrorsWhileLoading(t *testing.T) {
	for _, preamble := range []string{"yes", "no"} {
		dir := t.TempDir()
		disk := platform.NewFaultFS(dir)
		args := []string{"--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", preamble}
		s, _ := startOnDisk(t, disk, dir, args...)
		for i := range 300 {
			s.c.run("SET", fmt.Sprint(i), strings.Repeat("x", 3000))
			if i == 150 {
				s.c.run("BGREWRITEAOF")
				s.settle()
			}
			s.turn()
		}
		want := s.digest()
		s.stop()
		var reads atomic.Int64
		disk.SetFault(func(op, name string, n int) (int, error) {
			if op == platform.OpRead {
				reads.Add(1)
			}
			return n, nil
		})
		all, log := startOnDisk(t, disk, dir, args...)
		if all == nil || all.digest() != want {
			t.Fatalf("cannot be loaded: %s", log)
		}
		all.stop()
		files := disk.Files(dir)
		for n := range reads.Load() {
			var count atomic.Int64
			disk.SetFault(func(op, name string, size int) (int, error) {
				if op == platform.OpRead && count.Add(1) == n+1 {
					return 0, syscall.EIO
				}
				return size, nil
			})
			bad, log := startOnDisk(t, disk, dir, args...)
			if bad != nil {
				t.Fatalf("preamble %s: started in spite of read %d failing\n%s", preamble, n, log)
			}
		}
		disk.SetFault(nil)
		again, log := startOnDisk(t, disk, dir, args...)
		if again == nil || again.digest() != want || !slices.Equal(disk.Files(dir), files) {
			t.Fatalf("something was lost: %v\n%s", disk.Files(dir), log)
		}
	}
}

// Every single thing that a rewrite asks of the disk goes wrong: nothing that was acknowledged is lost, no temporary file stays, and the next
// rewrite leaves what it should.
func TestEveryFaultOfARewrite(t *testing.T) {
	for _, preamble := range []string{"yes", "no"} {
		for i, policy := range []string{"always", "everysec"} {
			if i > 0 && testing.Short() {
				continue
			}
			t.Run(preamble+"_"+policy, func(t *testing.T) {
				args := []string{"--appendonly", "yes", "--appendfsync", policy, "--aof-use-rdb-preamble", preamble}
				ops := faultyRewrite(t, args, 0, nil)
				if ops < 20 {
					t.Fatalf("%d operations", ops)
				}
				for n := int64(1); n <= ops; n++ {
					for _, fault := range []error{[]error{syscall.EIO, syscall.ENOSPC}[(n+int64(i))%2], nil} {
						faultyRewrite(t, args, n, fault)
					}
				}
			})
		}
	}
}

// faultyRewrite rewrites with the nth operation failing. It returns how many there were.
func faultyRewrite(t *testing.T, args []string, n int64, fault error) int64 {
	t.Helper()
	dir := t.TempDir()
	disk := platform.NewFaultFS(dir)
	s, log := startOnDisk(t, disk, dir, args...)
	if s == nil {
		t.Fatalf("does not start\n%s", log)
	}
	defer func() { s.stop() }()
	aofDataset(s.c)
	s.turn()
	s.bioDrainWorker(bioAofFsync)
	policy := args[3]
	states, acked := []string{s.digest()}, 0
	var count atomic.Int64
	failed := "nothing"
	disk.SetFault(func(op, name string, size int) (int, error) {
		switch {
		case count.Add(1) != n:
			return size, nil
		case fault == nil:
			disk.PowerOff()
			return size / 2, syscall.EIO
		}
		failed = op + " " + name
		return size / 2, fault
	})
	command := func(args ...string) {
		s.c.run(args...)
		states = append(states, s.digest())
		s.turn()
		if policy == "always" && !s.stopped {
			acked = len(states) - 1
		}
	}
	s.c.run("BGREWRITEAOF")
	command("SET", "during", "1")
	s.settle()
	if !s.stopped {
		command("SET", "after", "1")
	}
	s.settle()
	ops := count.Load()
	what := fmt.Sprintf("operation %d (%s): %v", n, failed, fault)
	if fault == nil && n > 0 {
		disk = disk.Crash(rand.New(rand.NewPCG(uint64(n), 5)), n%2 == 0)
	} else {
		disk.SetFault(nil)
		if !s.stopped {
			for _, f := range disk.Files(dir) {
				if strings.Contains(f, "temp") {
					t.Errorf("%s: %s is left\n%s", what, f, log)
				}
			}
			status := "ok"
			if strings.Contains(log.String(), "Background AOF rewrite terminated with error") || !strings.Contains(log.String(), "Background AOF rewrite finished successfully") {
				status = "err"
			}
			if got := s.info(t, "aof_last_bgrewrite_status"); got != status {
				t.Errorf("%s: the last rewrite's status is %s, not %s\n%s", what, got, status, log)
			}
			s.flushAppendOnlyFile(true)
			killed, log2 := startOnDisk(t, disk.Copy(), dir, args...)
			if killed == nil {
				t.Fatalf("%s: after a kill it does not start; files %v\n%s\n%s", what, disk.Files(dir), log, log2)
			}
			if killed.digest() != states[len(states)-1] {
				t.Errorf("%s: after a kill state %d of %d is found\n%s\n%s", what, slices.Index(states, killed.digest()), len(states), log, log2)
			}
			killed.stop()
			s.c.run("BGREWRITEAOF")
			s.settle()
			for _, field := range []string{"aof_last_bgrewrite_status", "aof_last_write_status"} {
				if got := s.info(t, field); got != "ok" {
					t.Errorf("%s: then all is well again, but %s is %s\n%s", what, field, got, log)
				}
			}
			s.settle()
			if f := disk.Files(dir); len(f) != 3 || !s.aofLastbgrewriteStatus {
				t.Errorf("%s: after the next rewrite there are %v\n%s", what, f, log)
			}
			command("SET", "again", "1")
			s.flushAppendOnlyFile(true)
			acked = len(states) - 1
		}
	}
	s.stop()
	found, log2 := startOnDisk(t, disk, dir, args...)
	if found == nil {
		t.Fatalf("%s: then it does not start; files %v\n%s\n%s", what, disk.Files(dir), log, log2)
	}
	if !slices.Contains(states[acked:], found.digest()) {
		t.Errorf("%s: then state %d is found, of %d to %d\n%s\n%s", what, slices.Index(states, found.digest()), acked, len(states)-1, log, log2)
	}
	found.stop()
	return ops
}
