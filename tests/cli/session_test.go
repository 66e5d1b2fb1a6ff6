// SPDX-License-Identifier: BSD-3-Clause

// Package cli plays people at a terminal with redis-cli: keys go in, and what appears is looked at. Where C Redis's redis-cli is at hand,
// the same keys must give the same bytes there.
package cli

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"redport/deps/hiredis"
	"redport/src/platform"
)

// patience is how long anything may take before it counts as not happening.
const patience = 30 * time.Second

// programs is the folder of our programs.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "redport-cli")
	if err != nil {
		panic(err)
	}
	build := exec.Command("go", "build", "-o", dir, "redport/src/cmd/redis-cli", "redport/src/cmd/redis-server")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		os.Exit(1)
	}
	programs = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// referenceCLI is C Redis's redis-cli; "": there is none here.
func referenceCLI() string {
	script := os.Getenv("REFERENCE")
	if script == "" {
		script = "../../../shared/bin/reference"
	}
	out, err := exec.Command(script, "redis").Output()
	if err != nil {
		return ""
	}
	path := filepath.Join(strings.TrimSpace(string(out)), "redis-cli")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// server is a server of ours that can be ended and started again at its port.
type server struct {
	t      *testing.T
	binary string
	port   int
	cmd    *exec.Cmd
}

func startServer(t *testing.T, binary string) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, binary: binary, port: l.Addr().(*net.TCPAddr).Port}
	l.Close()
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command(s.binary, "--port", fmt.Sprint(s.port), "--bind", "127.0.0.1", "--save", "", "--dir", s.t.TempDir(), "--enable-debug-command", "yes")
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; {
		c, err := hiredis.Dial(&hiredis.Options{Host: "127.0.0.1", Port: s.port})
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("the server does not come up: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *server) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func (s *server) do(args ...string) *hiredis.Reply {
	s.t.Helper()
	c, err := hiredis.Dial(&hiredis.Options{Host: "127.0.0.1", Port: s.port, Timeout: patience})
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	r, err := c.Do(args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// session is redis-cli at a terminal.
type session struct {
	t    *testing.T
	tty  *os.File
	cmd  *exec.Cmd
	home string
	log  strings.Builder // what appeared in the steps
}

func startSession(t *testing.T, binary string, env []string, args ...string) *session {
	t.Helper()
	ours, theirs, err := platform.OpenPseudoTerminal(80, 24)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("no pseudo-terminals here")
	} else if err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, tty: ours, home: t.TempDir()}
	s.cmd = exec.Command(binary, args...)
	s.cmd.Env = append(append(os.Environ(), "TERM=xterm-256color", "HOME="+s.home, "REDISCLI_HISTFILE=", "REDISCLI_RCFILE=", "REDISCLI_AUTH="), env...)
	s.cmd.Env = without(s.cmd.Env, "REDISCLI_AUTH=", "FAKETTY")
	if err := platform.StartAtTerminal(s.cmd, theirs); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		ours.Close()
	})
	return s
}

func without(env []string, prefixes ...string) []string {
	var out []string
next:
	for _, e := range env {
		for _, p := range prefixes {
			if strings.HasPrefix(e, p) {
				continue next
			}
		}
		out = append(out, e)
	}
	return out
}

// expect reads until something has appeared, and gives all that has.
func (s *session) expect(want string) string {
	s.t.Helper()
	var seen []byte
	buf := make([]byte, 4096)
	end := time.Now().Add(patience)
	for !bytes.Contains(seen, []byte(want)) {
		_ = s.tty.SetReadDeadline(end)
		n, err := s.tty.Read(buf)
		seen = append(seen, buf[:n]...)
		if err != nil && !bytes.Contains(seen, []byte(want)) {
			s.t.Fatalf("%s: waiting for %q: %v; there was %q", s.cmd.Path, want, err, seen)
		}
	}
	return string(seen)
}

// step presses keys and waits for what they bring.
func (s *session) step(keys, want string) string {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
	seen := s.expect(want)
	s.log.WriteString(seen)
	return seen
}

// ended waits for the program to end.
func (s *session) ended(keys string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			s.t.Errorf("ended with %v", err)
		}
	case <-time.After(patience):
		s.t.Error("does not end")
	}
}

// play runs a script with our redis-cli, and, where it is at hand, with C's, whose terminal must have had the same bytes.
func play(t *testing.T, script func(t *testing.T, srv *server, start func(args ...string) *session)) {
	srv := startServer(t, filepath.Join(programs, "redis-server"))
	run := func(binary string) (screens []string) {
		srv.do("FLUSHALL")
		var sessions []*session
		script(t, srv, func(args ...string) *session {
			s := startSession(t, binary, nil, append([]string{"-p", fmt.Sprint(srv.port)}, args...)...)
			sessions = append(sessions, s)
			return s
		})
		for _, s := range sessions {
			screens = append(screens, changing.ReplaceAllString(s.log.String(), "#"))
		}
		return screens
	}
	mine := run(filepath.Join(programs, "redis-cli"))
	reference := referenceCLI()
	if reference == "" {
		return
	}
	for i, theirs := range run(reference) {
		// A step ends with the bytes that it waits for, or with some more of them: how much there is at a time is the system's.
		n := max(min(len(mine[i]), len(theirs))-32, 0)
		if mine[i][:n] != theirs[:n] {
			at := 0
			for mine[i][at] == theirs[at] {
				at++
			}
			from := max(at-200, 0)
			t.Errorf("session %d, byte %d:\nours %q\nC's  %q", i, at, mine[i][from:], theirs[from:])
		}
	}
}

// changing is what differs from run to run.
var changing = regexp.MustCompile(`\(integer\) \d{2,}|\(\d+\.\d\ds\)`)

func TestEditingCompletionAndHints(t *testing.T) {
	play(t, func(t *testing.T, srv *server, start func(args ...string) *session) {
		s := start()
		prompt := fmt.Sprintf("127.0.0.1:%d> ", srv.port)
		s.expect(prompt)
		col := func(n int) string { return fmt.Sprintf("\r\x1b[%dC", len(prompt)+n) }
		s.step("set", col(3))
		s.step(" ", col(4))
		if seen := s.step("a", col(5)); !strings.Contains(seen, "\x1b[0;90;49m key value ") {
			t.Errorf("no hint in %q", seen)
		}
		s.step(" xy\r", "OK\r\n"+prompt)
		s.step("gt a\x01", col(0))
		s.step("\x06", col(1))
		s.step("e", col(2))
		s.step("\r", "\"xy\"\r\n"+prompt)
		s.step("hexpi", col(5))
		s.step("\t", prompt+"HEXPIRE"+col(7))
		s.step("\t", prompt+"HEXPIREAT"+col(9))
		s.step("\t", prompt+"HEXPIRETIME"+col(11))
		s.step("\x1b[D\x1b[D", col(3)) // which end the completion first
		s.step("\x15", col(0))
		s.step("get nosuch\x17", prompt+"get \x1b[0;90;49mkey\x1b[0m"+col(4))
		s.step("\x02\x02\x14\x0b", prompt+"gte"+col(3))
		s.step("\x15", col(0))
		s.step("\x10", "get a\x1b[0;90;49m key\x1b[0m"+col(5))
		s.step("\x10", col(8))
		s.step("\x0e\x0e", prompt+col(0))
		s.step(":set nohints\r", "\r\n"+prompt)
		s.step("get ", col(4))
		s.step("\x15", col(0))
		s.ended("\x04")
	})
}

func TestHistorySearch(t *testing.T) {
	play(t, func(t *testing.T, srv *server, start func(args ...string) *session) {
		s := start()
		prompt := fmt.Sprintf("127.0.0.1:%d> ", srv.port)
		s.expect(prompt)
		s.step("set k one\r", "OK\r\n"+prompt)
		s.step("get k\r", "one\"\r\n"+prompt)
		s.step("\x12", "(reverse-i-search): \r\x1b[20C")
		s.step("k", "(reverse-i-search): \x1b[0mget \x1b[1mk\x1b[0m\r\x1b[25C")
		s.step("\x12", "(reverse-i-search): \x1b[0mset \x1b[1mk\x1b[0m one\r\x1b[25C")
		s.step("\x13", "(i-search): \x1b[0mget \x1b[1mk\x1b[0m\r\x1b[17C")
		s.step("\x07", prompt+fmt.Sprintf("\r\x1b[%dC", len(prompt)))
		s.step("\x12se\r", "OK\r\n"+prompt)
		s.step("auth secret\r", "correct?\r\n"+prompt)
		s.ended("quit\r")
		file := filepath.Join(s.home, ".rediscli_history")
		text, err := os.ReadFile(file)
		if err != nil || string(text) != "set k one\nget k\nset k one\nquit\n" {
			t.Errorf("history: %q, %v", text, err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	})
}

func TestTransactionsAndDatabases(t *testing.T) {
	play(t, func(t *testing.T, srv *server, start func(args ...string) *session) {
		s := start("-n", "2")
		address := fmt.Sprintf("127.0.0.1:%d", srv.port)
		s.expect(address + "[2]> ")
		s.step("multi\r", "OK\r\n"+address+"[2](TX)> ")
		s.step("select 4\r", "QUEUED\r\n"+address+"[4](TX)> ")
		s.step("exec\r", "1) OK\r\n"+address+"[4]> ")
		s.step("multi\r", "\r\n"+address+"[4](TX)> ")
		s.step("nosuch\r", "beginning with: \r\n"+address+"[4](TX)> ")
		s.step("exec\r", "(error) EXECABORT Transaction discarded because of previous errors.\r\n"+address+"[4]> ")
		s.step("reset\r", "RESET\r\n"+address+"> ")
		s.ended("exit\r")
	})
}

func TestSubscriptions(t *testing.T) {
	play(t, func(t *testing.T, srv *server, start func(args ...string) *session) {
		s := start()
		prompt := fmt.Sprintf("127.0.0.1:%d> ", srv.port)
		reading := "Reading messages... (press Ctrl-C to quit or any key to type command)\r\x1b[0m"
		s.expect(prompt)
		s.step("subscribe news\r", reading)
		for srv.do("PUBLISH", "news", "hello").Integer != 1 {
			time.Sleep(time.Millisecond)
		}
		s.step("", "3) \"hello\"\r\n\x1b[1;90m"+reading)
		s.step("p", "(subscribed mode)> p")
		s.step("ing\r", "1) \"pong\"\r\n2) \"\"\r\n\x1b[1;90m"+reading)
		// Ctrl-C ends the subscription, not the program.
		s.step("\x03", "\x1b[K"+prompt)
		s.step("get a\r", "(nil)\r\n"+prompt)
		s.ended("\x04")
	})
}

func TestMonitor(t *testing.T) {
	play(t, func(t *testing.T, srv *server, start func(args ...string) *session) {
		s := start()
		prompt := fmt.Sprintf("127.0.0.1:%d> ", srv.port)
		s.expect(prompt)
		s.step("monitor\r", "OK\r\n")
		srv.do("ECHO", "seen")
		s.log.Reset() // the line has the time
		s.expect("\"seen\"\r\n")
		s.step("\x03", prompt)
		s.step("get a\r", "(nil)\r\n"+prompt)
		s.ended("quit\r")
	})
}

func TestServerThatComesBack(t *testing.T) {
	play(t, func(t *testing.T, srv *server, start func(args ...string) *session) {
		s := start()
		address := fmt.Sprintf("127.0.0.1:%d", srv.port)
		s.expect(address + "> ")
		s.step("select 3\r", "OK\r\n"+address+"[3]> ")
		srv.stop()
		s.step("get a\r", "not connected> ")
		s.step("get a\r", "refused\r\nnot connected> ")
		srv.start()
		s.step("get a\r", "(nil)\r\n"+address+"[3]> ")
		s.ended("quit\r")
	})
}

func TestPasswordIsNotShown(t *testing.T) {
	play(t, func(t *testing.T, srv *server, start func(args ...string) *session) {
		srv.do("CONFIG", "SET", "requirepass", "secret")
		s := start("--askpass", "PING")
		s.expect("Please input password: ")
		if seen := s.step("secret\r", "PONG\r\n"); strings.Contains(seen, "secret") {
			t.Errorf("%q", seen)
		}
		s2 := start("-a", "secret", "--no-auth-warning", "CONFIG", "SET", "requirepass", "")
		s2.step("", "OK\r\n")
	})
}

func TestDebugger(t *testing.T) {
	file := filepath.Join(t.TempDir(), "script.lua")
	if err := os.WriteFile(file, []byte("local n = redis.call('incr', KEYS[1])\nreturn {n, ARGV[1]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"--ldb", "--ldb-sync-mode"} {
		play(t, func(t *testing.T, srv *server, start func(args ...string) *session) {
			srv.do("SET", "counter", "6")
			s := start(mode, "--eval", file, "counter", ",", "x")
			stopped := "\x1b[0m\r\nlua debugger> "
			s.step("", stopped)
			s.step("s\r", stopped)
			s.step("p n\r", "<value> 7"+stopped)
			s.step("restart\r", stopped)
			s.step("c\r", fmt.Sprintf(")\r\n\r\n127.0.0.1:%d> ", srv.port))
			s.ended("quit\r")
			want := "6"
			if mode == "--ldb-sync-mode" {
				want = "8"
			}
			if got := srv.do("GET", "counter").Str; string(got) != want {
				t.Errorf("%s: the counter is %s, want %s", mode, got, want)
			}
		})
	}
}
