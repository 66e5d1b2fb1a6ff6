// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// helperEnv names what the test binary is to do in place of testing, as a process of its own.
const helperEnv = "REDPORT_PLATFORM_HELPER"

func TestMain(m *testing.M) {
	if name := os.Getenv(helperEnv); name != "" {
		f, ok := helpers()[name]
		if !ok {
			fmt.Fprintf(os.Stderr, "no helper %q\n", name)
			os.Exit(97)
		}
		f()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestFS(t *testing.T) {
	dir := t.TempDir()
	var disk FS = OSFS{}
	sub := filepath.Join(dir, "a", "b")
	if err := disk.MkdirAll(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	name, target := filepath.Join(sub, "temp"), filepath.Join(sub, "data")
	for _, text := range []string{"first", "second"} {
		f, err := disk.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		file := f.(OSFile).File
		for _, step := range []struct {
			name string
			err  error
		}{
			{"Datasync", f.Datasync()},
			{"FullFsync", FullFsync(file)},
			{"SyncFileRange", SyncFileRange(file, 0, 3)},
			{"ReclaimFilePageCache", ReclaimFilePageCache(file, 0, 0)},
			{"Close", f.Close()},
			{"Rename", disk.Rename(name, target)},
			{"SyncDir", disk.SyncDir(sub)},
			{"SyncFileDir", SyncFileDir(target)},
		} {
			if step.err != nil {
				t.Errorf("%s: %v", step.name, step.err)
			}
		}
		if got, err := os.ReadFile(target); err != nil || string(got) != text {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if list, err := disk.ReadDir(sub); err != nil || len(list) != 1 || list[0].Name() != "data" {
		t.Errorf("directory has %v, %v", list, err)
	}
	if err := disk.Remove(target); err != nil {
		t.Error(err)
	}
	if f, err := disk.OpenFile(target, os.O_RDONLY, 0); f != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opened %v, %v", f, err)
	}
	if err := disk.Rename(name, target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("renamed nothing: %v", err)
	}
	if err := SyncDir(filepath.Join(dir, "none")); canSyncDir && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("synced no directory: %v", err)
	}
	closed, err := os.Create(filepath.Join(dir, "closed"))
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	if Fdatasync(closed) == nil {
		t.Error("synced a closed file")
	}
}

func TestLockFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	a := open()
	if err := LockFile(a, true, false); err != nil {
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	if runtime.GOOS == "aix" || runtime.GOOS == "solaris" {
		t.Skip("locks belong to the process here")
	}
	b := open()
	if err := LockFile(b, true, false); !errors.Is(err, ErrLocked) {
		t.Errorf("a second lock: %v", err)
	}
	if err := LockFile(b, false, false); !errors.Is(err, ErrLocked) {
		t.Errorf("a shared lock beside an exclusive one: %v", err)
	}
	if err := UnlockFile(a); err != nil {
		t.Error(err)
	}
	if err := errors.Join(LockFile(b, false, true), LockFile(a, false, true)); err != nil {
		t.Errorf("two shared locks: %v", err)
	}
	b.Close()
	if err := LockFile(a, true, true); err != nil {
		t.Errorf("closing gives a lock up: %v", err)
	}
}

func TestParseCPUList(t *testing.T) {
	for list, want := range map[string][]int{
		"0": {0}, "1,3": {1, 3}, "0-3": {0, 1, 2, 3}, "0-3,5,0-10:2": {0, 1, 2, 3, 5, 0, 2, 4, 6, 8, 10}, "2-2": {2}, "7-9:5": {7}, "1023": {1023},
	} {
		if got, err := ParseCPUList(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %v, %v", list, got, err)
		}
	}
	for _, list := range []string{"", ",", "1,", ",1", "a", "1-", "-1", "3-1", "0-4:0", "0-4:", "1 ", "1;2", "1024", "99999999999999999999", "1-2-3", "1:2"} {
		if got, err := ParseCPUList(list); !errors.Is(err, ErrCPUList) {
			t.Errorf("%q: got %v, %v", list, got, err)
		}
	}
	if err := SetCPUAffinity(""); err != nil {
		t.Error(err)
	}
	if err := SetCPUAffinity("x"); !errors.Is(err, ErrCPUList) {
		t.Error(err)
	}
}

func TestStrerror(t *testing.T) {
	_, missing := os.Open(filepath.Join(t.TempDir(), "none"))
	for _, tc := range []struct {
		err  error
		want string
	}{
		{nil, "Success"},
		{missing, "No such file or directory"},
		{fmt.Errorf("open: %w", missing), "No such file or directory"},
		{fs.ErrPermission, "Permission denied"},
		{fs.ErrExist, "File exists"},
		{os.ErrClosed, "Bad file descriptor"},
		{os.ErrDeadlineExceeded, "Connection timed out"},
		{errors.ErrUnsupported, "Operation not supported"},
		{errors.New("of our own"), "of our own"},
	} {
		if got := Strerror(tc.err); got != tc.want {
			t.Errorf("%v: got %q, want %q", tc.err, got, tc.want)
		}
	}
}

func TestWatchdog(t *testing.T) {
	barks := make(chan struct{}, 100)
	w := NewWatchdog(func() { barks <- struct{}{} })
	w.Feed() // Not started: nothing happens.
	w.SetPeriod(time.Millisecond)
	<-barks
	w.Feed()
	<-barks
	w.SetPeriod(time.Hour)
	w.Feed()
	w.SetPeriod(0)
	w.SetPeriod(time.Millisecond)
	<-barks
	w.SetPeriod(0)
}

func TestBacktrace(t *testing.T) {
	if own := Backtrace(false); !strings.Contains(own, "TestBacktrace") {
		t.Errorf("got %s", own)
	}
	started, done := make(chan struct{}), make(chan struct{})
	go somebodyElse(started, done)
	<-started
	if all := Backtrace(true); !strings.Contains(all, "somebodyElse") || !strings.Contains(all, "TestBacktrace") {
		t.Errorf("got %s", all)
	}
	close(done)
}

func somebodyElse(started, done chan struct{}) {
	close(started)
	<-done
}

func TestMachine(t *testing.T) {
	system, release, machine := Uname()
	if system == "" || release == "" || machine == "" {
		t.Errorf("uname %q %q %q", system, release, machine)
	}
	if v := CompilerVersion(); v == "" || strings.Trim(v, "0123456789.") != "" {
		t.Errorf("compiler version %q", v)
	}
	if PageSize() < 512 {
		t.Errorf("pages of %d bytes", PageSize())
	}
	Hostname()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if IsTerminal(f) {
		t.Error("a file is no terminal")
	}
	if columns, rows := TerminalSize(f); columns != 80 || rows != 20 {
		t.Errorf("a file of %d by %d characters", columns, rows)
	}
	if have, err := RaiseDescriptorLimit(16); err != nil || have < 16 {
		t.Errorf("%d descriptors, %v", have, err)
	}
	if old := Umask(0o27); Umask(old) != 0o27 && runtime.GOOS != "windows" {
		t.Error("umask was not kept")
	}
}

func TestSystemChecks(t *testing.T) {
	var b strings.Builder
	ok := CheckSystem(&b)
	failed := 0
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for i := 0; i < len(lines) && b.Len() > 0; i++ {
		name, result, found := strings.Cut(lines[i], "]...")
		switch {
		case !found || name[0] != '[':
			t.Errorf("line %q", lines[i])
		case result == "WARNING:":
			failed++
			i++
		case result != "OK" && result != "skipped":
			t.Errorf("result %q", result)
		}
	}
	if ok != (failed == 0) {
		t.Errorf("CheckSystem is %v with %d failures", ok, failed)
	}
	SystemWarnings(func(msg string) {
		if text, found := strings.CutPrefix(msg, "WARNING "); !found || !strings.Contains(b.String(), text) {
			t.Errorf("warning %q", msg)
		}
	})
	if w := BacklogWarning(0); w != "" {
		t.Errorf("warning %q", w)
	}
	if limit, name := somaxconn(); limit > 0 {
		want := fmt.Sprintf("WARNING: The TCP backlog setting of %d cannot be enforced because %s is set to the lower value of %d.", limit+1, name, limit)
		if got := BacklogWarning(limit + 1); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestMemoryTest(t *testing.T) {
	var b bytes.Buffer
	if !TestMemory(&b, 2, 1) {
		t.Fatalf("this machine's memory: %s", b.String()[max(0, b.Len()-200):])
	}
	text := b.String()
	for _, want := range []string{"\x1b[H\x1b[2J....", "Please keep the test running several minutes per GB of memory.\nAlso check http://www.memtest86.com/",
		"\x1b[H\x1b[2KAddressing test [1]\nAAAA", "Random fill [1]\nRRRR", "Solid fill [1]\nSSSS", "Checkerboard fill [1]\nCCCC", "Compare [1]\n====",
		"\nYour memory passed this test.\nPlease if you are still in doubt use the following two tools:\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not shown", want)
		}
	}
	if n := strings.Count(text, "Compare [1]"); n != 12 {
		t.Errorf("%d comparisons", n)
	}
	if err := TestMemoryQuietly(1); err != nil {
		t.Error(err)
	}
	if TestMemory(&b, -1, 1) {
		t.Error("less than no memory passed")
	}

	// A cell that does not keep what it is given.
	m := &memoryTest{words: make([]uint64, 4*memtestStride)}
	m.fillRandom()
	if m.words[5] == m.words[6] || m.compare() != nil {
		t.Error("halves are not alike")
	}
	m.words[3*memtestStride] ^= 1 << 40
	if err := m.compare(); err == nil || !strings.HasPrefix(err.Error(), "*** MEMORY ERROR DETECTED: 0x") {
		t.Errorf("a flipped bit: %v", err)
	}
	m.fillValue('S', 1, 2)
	if m.words[0] != 1 || m.words[1] != 2 || m.words[memtestStride] != 1 || m.compare() != nil {
		t.Error("values in turn")
	}
}

func TestNothingToSupervise(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := SdNotify("READY=1\n"); !errors.Is(err, ErrNoNotifySocket) {
		t.Error(err)
	}
	if IsService() && runtime.GOOS != "windows" {
		t.Error("a service of Windows")
	}
}

func TestAccess(t *testing.T) {
	dir := t.TempDir()
	for what, err := range map[string]error{"write to it": CanWrite(dir), "write to nothing": CanWrite(filepath.Join(dir, "none")),
		"run nothing": CanExecute(filepath.Join(dir, "none"))} {
		if (err == nil) != (what == "write to it") {
			t.Errorf("%s: %v", what, err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	if err := CanExecute(self); err != nil {
		t.Error(err)
	}
}

func TestSignalNames(t *testing.T) {
	for s, want := range map[Signal]string{SignalTerm: "SIGTERM 15 false", SignalInt: "SIGINT 2 false", SignalAlarm: "SIGALRM 14 false", SignalSegv: "SIGSEGV 11 true",
		SignalFpe: "SIGFPE 8 true", SignalIll: "SIGILL 4 true", SignalAbrt: "SIGABRT 6 true"} {
		if got := fmt.Sprint(s, s.Number(), s.Crash()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if SignalBus.String() != "SIGBUS" || SignalBus.Number() == 0 {
		t.Error(SignalBus)
	}
}
