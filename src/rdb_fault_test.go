// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"

	"redport/src/platform"
	"redport/src/rio"
)

// rdb_fault_test.go - every way to save, with every single thing that it asks of the disk going wrong: what the client is told, what INFO and the
// log say, and what a restart finds. aof_fault_test.go has the same by chance, with more than one thing at a time.

// saveWay is a way to write an RDB file.
type saveWay struct {
	name   string
	args   []string
	large  bool                      // more than is written between two syncs
	save   func(s *faultServer) bool // whether it says that all went well
	behind bool                      // its failure is a failed background save
	loads  bool                      // it reads the file again
}

var saveWays = []saveWay{
	{name: "SAVE", save: func(s *faultServer) bool {
		switch reply := s.c.run("SAVE"); reply {
		case "+OK\r\n":
			return true
		case "-ERR\r\n":
			return false
		default:
			panic(reply)
		}
	}},
	{name: "BGSAVE", behind: true, save: func(s *faultServer) bool {
		s.c.run("BGSAVE")
		s.settle()
		return s.lastbgsaveStatus
	}},
	{name: "BGSAVE with incremental syncs", behind: true, large: true, args: []string{"--rdb-save-incremental-fsync", "yes", "--rdbcompression", "no"}, save: func(s *faultServer) bool {
		s.c.run("BGSAVE")
		s.settle()
		return s.lastbgsaveStatus
	}},
	{name: "BGSAVE in a transaction", behind: true, save: func(s *faultServer) bool {
		s.c.run("MULTI")
		s.c.run("BGSAVE")
		s.c.run("EXEC")
		s.scheduledBgsaveCron()
		s.settle()
		return s.lastbgsaveStatus
	}},
	{name: "save point", behind: true, args: []string{"--save", "10 1"}, save: func(s *faultServer) bool {
		s.persistenceCron()
		s.settle()
		return s.lastbgsaveStatus
	}},
	{name: "SHUTDOWN", args: []string{"--save", "3600 1000000"}, save: shutdownSaves("SHUTDOWN")},
	{name: "SHUTDOWN SAVE", save: shutdownSaves("SHUTDOWN", "SAVE")},
	{name: "SHUTDOWN SAVE FORCE", save: func(s *faultServer) bool {
		s.c.run("SHUTDOWN", "SAVE", "FORCE")
		if !s.stopped {
			panic("SHUTDOWN FORCE did not end the server")
		}
		return !strings.Contains(s.log.String(), "Error trying to save the DB. Exit anyway.")
	}},
	{name: "SIGTERM", args: []string{"--save", "3600 1000000"}, save: func(s *faultServer) bool {
		s.signalShutdown(false)
		s.serverCron()
		if !s.stopped && (s.shutdownAsap || !strings.Contains(s.log.String(), "Error trying to save the DB, can't exit.")) {
			panic("neither ended nor sorry")
		}
		return s.stopped
	}},
	{name: "FLUSHALL", args: []string{"--save", "3600 1000000"}, save: func(s *faultServer) bool {
		saved := s.lastsave
		s.c.run("FLUSHALL")
		return s.lastsave != saved
	}},
	{name: "DEBUG RELOAD", loads: true, save: func(s *faultServer) bool {
		return s.c.run("DEBUG", "RELOAD") == "+OK\r\n"
	}},
}

func shutdownSaves(args ...string) func(s *faultServer) bool {
	return func(s *faultServer) bool {
		s.c.run(args...)
		if !s.stopped {
			if s.c.flags&clientBlocked == 0 || s.isShutdownInitiated() || s.shutdownAsap {
				panic("neither ended nor sorry")
			}
			s.unblockClient(s.c, true) // nobody answers it, as it has no connection
		}
		return s.stopped
	}
}

// oneFault makes the disk's nth operation fail: with err, a write after half of its bytes; with none the power goes. It returns what has failed.
func oneFault(disk *platform.FaultFS, n int64, err error) *atomic.Pointer[string] {
	count, failed := &atomic.Int64{}, &atomic.Pointer[string]{}
	disk.SetFault(func(op, name string, size int) (int, error) {
		if count.Add(1) != n {
			return size, nil
		}
		failed.Store(&op)
		if err == nil {
			disk.PowerOff()
			return size / 2, syscall.EIO
		}
		return size / 2, err
	})
	return failed
}

// begin starts a server that has saved, and has changed since. It returns the digest of what was saved.
func (w *saveWay) begin(t *testing.T, disk *platform.FaultFS, dir string) (*faultServer, string) {
	t.Helper()
	s, log := startOnDisk(t, disk, dir, w.args...)
	if s == nil {
		t.Fatalf("does not start\n%s", log)
	}
	s.c.run("SET", "old", "1")
	if got := s.c.run("SAVE"); got != "+OK\r\n" {
		t.Fatal(got)
	}
	saved := s.digest()
	aofDataset(s.c)
	s.c.run("SELECT", "0")
	if w.large {
		s.c.run("SETRANGE", "large", fmt.Sprint(2*redisAutosyncBytes), "x")
	}
	// What was saved was long ago.
	s.lastsave = 1000
	return s, saved
}

// info is a field of INFO persistence.
func (s *faultServer) info(t *testing.T, field string) string {
	t.Helper()
	for _, line := range strings.Split(s.c.run("INFO", "persistence"), "\r\n") {
		if v, ok := strings.CutPrefix(line, field+":"); ok {
			return v
		}
	}
	t.Fatalf("INFO has no %s", field)
	return ""
}

func TestEveryFaultOfASave(t *testing.T) {
	for _, w := range saveWays {
		t.Run(w.name, func(t *testing.T) {
			// The first time all goes well, and what is done is counted.
			dir := t.TempDir()
			disk := platform.NewFaultFS(dir)
			s, _ := w.begin(t, disk, dir)
			var ops []string
			disk.SetFault(func(op, _ string, n int) (int, error) {
				ops = append(ops, op)
				return n, nil
			})
			if !w.save(s) {
				t.Fatalf("fails on a good disk\n%s", s.log)
			}
			s.stop()
			if syncs := strings.Count(fmt.Sprint(ops), platform.OpSync); len(ops) < 5 || w.large && syncs < 4 {
				t.Fatalf("operations %v", ops)
			}
			for i, op := range ops {
				if i > 3 && i+1 < len(ops) && ops[i-1] == op && ops[i+1] == op {
					continue // one of many writes in a row
				}
				for _, fault := range []error{syscall.EIO, syscall.ENOSPC, nil} {
					if w.large && (op != platform.OpSync || fault == syscall.ENOSPC) {
						continue // as in the others
					}
					w.fail(t, int64(i+1), fault)
				}
			}
		})
	}
}

// fail has the nth operation of a save fail.
func (w *saveWay) fail(t *testing.T, n int64, fault error) {
	dir := t.TempDir()
	disk := platform.NewFaultFS(dir)
	s, old := w.begin(t, disk, dir)
	before, _ := disk.Contents(dir + "/dump.rdb")
	dirty := s.dirty
	failed := oneFault(disk, n, fault)
	ok := w.save(s)
	disk.SetFault(nil)
	op := "nothing"
	if p := failed.Load(); p != nil {
		op = *p
	}
	what := fmt.Sprintf("operation %d (%s): %v", n, op, fault)
	want := s.digest() // for DEBUG RELOAD, that may be what was lost in memory
	if w.loads && !ok {
		want = ""
	}
	if fault == nil {
		for _, ordered := range []bool{true, false} {
			w.restart(t, disk.Crash(rand.New(rand.NewPCG(uint64(n), 1)), ordered), dir, ok, old, want, what)
		}
		return
	}
	after, _ := disk.Contents(dir + "/dump.rdb")
	if f := disk.Files(dir); !slices.Equal(f, []string{"dump.rdb"}) {
		t.Errorf("%s: files %v\n%s", what, f, s.log)
	}
	if !ok && s.dirty < dirty && !w.loads {
		t.Errorf("%s: %d changes are not saved, then %d", what, dirty, s.dirty)
	}
	if !ok {
		w.checkFailure(t, s, what, op, fault)
		// Once the new file has its name, the old one is gone.
		if changed := !bytes.Equal(before, after); changed != (op == platform.OpSyncDir || w.loads && op == platform.OpRead) && !w.loads {
			t.Errorf("%s: the file has changed: %t", what, changed)
		}
	}
	if !s.stopped && !w.loads {
		w.recovers(t, s, what)
		ok, want = true, s.digest()
	}
	s.stop()
	w.restart(t, disk, dir, ok, old, want, what)
}

// checkFailure looks at what a failed save tells.
func (w *saveWay) checkFailure(t *testing.T, s *faultServer, what, op string, fault error) {
	t.Helper()
	line := map[string]string{
		platform.OpOpen: "Failed opening the temp RDB file temp-%d.rdb (in server root dir %s) for saving: %s",
		platform.OpSync: "Write error saving DB on disk(fsync): %[3]s", platform.OpClose: "Write error saving DB on disk(fclose): %[3]s",
		platform.OpSyncDir: "Write error saving DB on disk(fsyncFileDir): %[3]s",
		platform.OpRename:  "Error moving temp DB file temp-%d.rdb on the final destination dump.rdb (in server root dir %s): %s",
	}[op]
	pid := s.pid
	if w.behind {
		pid = s.nextChildPid
	}
	if line != "" && (op != platform.OpSync || !w.large) {
		line = fmt.Sprintf(line, pid, s.workingDir(), platform.Strerror(fault))
	} else {
		line = ": " + platform.Strerror(fault)
	}
	log := s.log.String()
	if !strings.Contains(log, line) && !w.loads {
		t.Errorf("%s: no %q in the log\n%s", what, line, log)
	}
	if s.stopped {
		return
	}
	status := "ok"
	if w.behind {
		status = "err"
		if !strings.Contains(log, "Background saving error") {
			t.Errorf("%s: the log says nothing of the job's end\n%s", what, log)
		}
	}
	for field, want := range map[string]string{"rdb_last_bgsave_status": status, "rdb_bgsave_in_progress": "0", "rdb_current_bgsave_time_sec": "-1", "rdb_last_save_time": "1000"} {
		if got := s.info(t, field); got != want && !w.loads {
			t.Errorf("%s: %s is %s, want %s", what, field, got, want)
		}
	}
	// Writes are refused only where saves were asked for, and only after a failed background save.
	s.c.run("CONFIG", "SET", "save", "3600 1000000")
	for _, command := range []string{"SET x y", "PING", "EVAL return(redis.call('set','x','y')) 0"} {
		got := s.c.run(strings.Fields(command)...)
		if refused := strings.HasPrefix(got, "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk."); refused != w.behind {
			t.Errorf("%s: %s gives %q", what, command, got)
		}
	}
	if got := s.c.run("GET", "nothing"); got != "$-1\r\n" {
		t.Errorf("%s: GET gives %q", what, got)
	}
	s.c.run("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
	if got := s.c.run("SET", "x", "y"); got != "+OK\r\n" {
		t.Errorf("%s: told not to stop writes, SET gives %q", what, got)
	}
	s.c.run("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes")
	if w.behind {
		// The next try by itself comes after a pause, an explicit one at once.
		s.c.run("CONFIG", "SET", "save", "10 1")
		saves := s.stat.rdbSaves
		s.unixtime = s.lastbgsaveTry + configBgsaveRetryDelay
		s.persistenceCron()
		if s.stat.rdbSaves != saves {
			t.Errorf("%s: a failed save is tried again at once", what)
		}
		s.unixtime++
		s.rdbBgsaveScheduled = false
		s.persistenceCron()
		if s.stat.rdbSaves == saves {
			t.Errorf("%s: a failed save is not tried again", what)
		}
		s.settle()
	}
}

// recovers checks that the next save succeeds, and that nothing is refused after it.
func (w *saveWay) recovers(t *testing.T, s *faultServer, what string) {
	t.Helper()
	s.c.run("CONFIG", "SET", "save", "3600 1000000")
	s.c.run("BGSAVE")
	s.settle()
	for field, want := range map[string]string{"rdb_last_bgsave_status": "ok", "rdb_changes_since_last_save": "0"} {
		if got := s.info(t, field); got != want {
			t.Errorf("%s: then all is well again, but %s is %s, want %s\n%s", what, field, got, want, s.log)
		}
	}
	if got := s.c.run("SET", "again", "1"); got != "+OK\r\n" {
		t.Errorf("%s: SET gives %q", what, got)
	}
	s.c.run("SAVE")
	if f := s.fs.(*platform.FaultFS).Files(s.dir); !slices.Equal(f, []string{"dump.rdb"}) {
		t.Errorf("%s: then files %v", what, f)
	}
}

// restart starts another server on the disk: it must find the old dataset or the new one, and the new one if it was told to be saved.
func (w *saveWay) restart(t *testing.T, disk *platform.FaultFS, dir string, saved bool, old, want, what string) {
	t.Helper()
	s, log := startOnDisk(t, disk, dir, w.args...)
	if s == nil {
		t.Fatalf("%s: then it does not start; files %v\n%s", what, disk.Files(dir), log)
	}
	defer s.stop()
	got := s.digest()
	switch {
	case want == "" && got != old && s.dbTotalServerKeyCount() > 1:
	case want != "" && got == want:
	case got == old && !saved:
	default:
		t.Errorf("%s: then another dataset is found; saved %t, is the old one %t, %d keys", what, saved, got == old, s.dbTotalServerKeyCount())
	}
}

// A disk that cannot be read is no empty one: the server does not start, and leaves the file as it is. DEBUG RELOAD ends the server, as nothing
// is left of the dataset.
func TestReadErrorsOfRdb(t *testing.T) {
	w := &saveWay{args: []string{"--rdbcompression", "no"}, save: saveWays[0].save}
	dir := t.TempDir()
	disk := platform.NewFaultFS(dir)
	s, _ := w.begin(t, disk, dir)
	w.save(s)
	want := s.digest()
	s.stop()
	file, _ := disk.Contents(dir + "/dump.rdb")
	var reads int64
	count := func(fails int64, err error) {
		reads = 0
		disk.SetFault(func(op, name string, n int) (int, error) {
			if op == platform.OpRead || op == platform.OpOpen && strings.HasSuffix(name, ".rdb") {
				if reads++; reads == fails {
					return 0, err
				}
			}
			return n, nil
		})
	}
	count(0, nil)
	if s, log := startOnDisk(t, disk, dir); s == nil || s.digest() != want {
		t.Fatalf("cannot be loaded\n%s", log)
	}
	all := reads
	if all < 3 {
		t.Fatalf("%d reads", all)
	}
	for n := range all {
		for _, err := range []error{syscall.EIO, syscall.EACCES} {
			count(n+1, err)
			if s, log := startOnDisk(t, disk, dir); s != nil {
				t.Errorf("started in spite of read %d: %v\n%s", n+1, err, log)
			} else if n == 0 && !strings.Contains(log.String(), "Fatal error: can't open the RDB file dump.rdb for reading: "+platform.Strerror(err)) {
				t.Errorf("the log does not tell of %v\n%s", err, log)
			}
		}
		disk.SetFault(nil)
		s, _ := startOnDisk(t, disk, dir)
		count(n+1, syscall.EIO)
		reply := s.c.run("DEBUG", "RELOAD", "NOSAVE")
		if ended := s.stopped && s.exitCode == 1; ended == (n == 0) || n == 0 && reply != "-ERR Error trying to load the RDB dump, check server logs.\r\n" {
			t.Errorf("DEBUG RELOAD with read %d failing: ended %t, %q", n+1, ended, reply)
		}
		disk.SetFault(nil)
	}
	if now, _ := disk.Contents(dir + "/dump.rdb"); !bytes.Equal(now, file) {
		t.Error("the file has changed")
	}
	if s, log := startOnDisk(t, disk, dir); s == nil || s.digest() != want {
		t.Errorf("something was lost\n%s", log)
	}
}

// A file is whole, or it is refused; and it does not matter in what pieces it comes.
func TestPrefixesOfRdb(t *testing.T) {
	server := heapServer(t)
	c := server.fakeClient()
	for _, command := range []string{"SET s hello", "RPUSH l a b", "SADD s2 1 2", "ZADD z 1 a", "HSET h f v", "XADD x 1-1 a b", "SET e 1 PX 1000000",
		"FUNCTION LOAD #!lua\x00name=l\nredis.register_function('f',function()return(1)end)"} {
		args := strings.Fields(command)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "\x00", " ")
		}
		if got := c.run(args...); strings.HasPrefix(got, "-") {
			c.run("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f',function() return 1 end)")
		}
	}
	file := rdbOf(t, server)
	for n := range len(file) {
		other := heapServer(t)
		if err := other.rdbLoadRio(rio.NewReader(bytes.NewReader(file[:n])), "", nil, rdbflagsNone); err == nil {
			t.Fatalf("%d of %d bytes are taken for a file", n, len(file))
		}
	}
	want := server.computeDatasetDigest()
	other := heapServer(t)
	if err := other.rdbLoadRio(rio.NewReader(iotest.OneByteReader(bytes.NewReader(file))), "", nil, rdbflagsNone); err != nil || other.computeDatasetDigest() != want {
		t.Errorf("byte by byte: %v", err)
	}
	other = heapServer(t)
	broken := errors.New("broken")
	r := rio.NewReader(iotest.DataErrReader(bytes.NewReader(file)))
	if err := other.rdbLoadRio(r, "", nil, rdbflagsNone); err != nil || other.computeDatasetDigest() != want {
		t.Errorf("the end together with the last bytes: %v", err)
	}
	if err := heapServer(t).rdbLoadRio(rio.NewReader(iotest.ErrReader(broken)), "", nil, rdbflagsNone); !errors.Is(err, broken) {
		t.Errorf("a reader that fails gives %v", err)
	}
}
