// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package platform

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// helpers are processes that do to themselves what a test cannot do to its own.
func helpers() map[string]func() {
	h := map[string]func(){
		"signals": func() {
			got := make(chan Signal)
			NotifySignals(func(s Signal) { got <- s })
			NotifyCrashSignals(func(s Signal) { got <- s })
			Kill(os.Getpid(), 1)  // ignored
			Kill(os.Getpid(), 13) // ignored
			fmt.Println("ready")
			for s := range got {
				fmt.Println(s)
				if s == SignalTerm {
					return
				}
			}
		},
		"die": func() {
			NotifyCrashSignals(func(s Signal) { DieBySignal(s) })
			Kill(os.Getpid(), 11)
			select {}
		},
		"stop": func() {
			StopSelf()
			fmt.Println("continued")
		},
		"daemon": func() {
			if !Daemonized() {
				if err := DaemonizeWithInput([]byte(strings.Repeat("x", 200000))); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				return
			}
			input, _ := io.ReadAll(os.Stdin)
			sid, _ := unix.Getsid(0)
			text := fmt.Sprintf("%d %d %v\n", len(input), os.Getpid(), sid == os.Getpid())
			name := os.Getenv("REDPORT_TEST_FILE")
			os.WriteFile(name+".new", []byte(text), 0o644)
			os.Rename(name+".new", name)
		},
		"exec": func() {
			self, _ := os.Executable()
			os.Setenv(helperEnv, "after-exec")
			fmt.Println(Exec(self, []string{"renamed"}, os.Environ()))
		},
		"after-exec": func() { fmt.Println(os.Args[0]) },
		"limit": func() {
			var l syscall.Rlimit
			l.Cur, l.Max = 64, 128
			if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
				fmt.Println(err)
				return
			}
			fmt.Println(RaiseDescriptorLimit(100))
			have, err := RaiseDescriptorLimit(1 << 40) // More than any system allows.
			current, _, _ := FileLimit()
			fmt.Println(have >= 128, current == have, err != nil)
		},
	}
	for name, f := range systemHelpers() {
		h[name] = f
	}
	return h
}

func helper(t *testing.T, name string, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(append(os.Environ(), helperEnv+"="+name), env...)
	cmd.Stderr = os.Stderr
	return cmd
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v after %q", err, out)
	}
	return string(out)
}

func TestSignals(t *testing.T) {
	cmd := helper(t, "signals")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	next := func() string {
		if !lines.Scan() {
			t.Fatalf("no more output: %v", lines.Err())
		}
		return lines.Text()
	}
	if got := next(); got != "ready" {
		t.Fatal(got)
	}
	for _, s := range []Signal{SignalInt, SignalAlarm, SignalUser1, SignalSegv, SignalBus, SignalFpe, SignalIll, SignalAbrt, SignalTerm} {
		if err := Kill(cmd.Process.Pid, s.Number()); err != nil {
			t.Fatal(err)
		}
		if got := next(); got != s.String() {
			t.Errorf("got %s for %s", got, s)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestDieBySignal(t *testing.T) {
	cmd := helper(t, "die")
	cmd.Run()
	code, signal := ExitStatus(cmd.ProcessState)
	if signal != 11 && code != 128+11 {
		t.Errorf("exit code %d, signal %d", code, signal)
	}
}

func TestDaemonize(t *testing.T) {
	name := filepath.Join(t.TempDir(), "said")
	output(t, helper(t, "daemon", "REDPORT_TEST_FILE="+name))
	var said []byte
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		var err error
		if said, err = os.ReadFile(name); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	var length, pid int
	var leader bool
	if _, err := fmt.Sscan(string(said), &length, &pid, &leader); err != nil || length != 200000 || !leader {
		t.Errorf("it says %q, %v", said, err)
	}
}

func TestExec(t *testing.T) {
	if got := output(t, helper(t, "exec")); got != "renamed\n" {
		t.Errorf("got %q", got)
	}
}

func TestRaiseDescriptorLimit(t *testing.T) {
	if got := output(t, helper(t, "limit")); got != "100 <nil>\ntrue true true\n" {
		t.Errorf("got %q", got)
	}
}

func TestExitStatus(t *testing.T) {
	cmd := exec.Command("sh", "-c", "exit 3")
	cmd.Run()
	if code, signal := ExitStatus(cmd.ProcessState); code != 3 || signal != 0 {
		t.Errorf("%d, %d", code, signal)
	}
}

func TestSdNotify(t *testing.T) {
	names := []string{filepath.Join(t.TempDir(), "notify")}
	if abstractSockets {
		names = append(names, fmt.Sprintf("@redport-test-%d", os.Getpid()))
	}
	for _, name := range names {
		ln, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("NOTIFY_SOCKET", name)
		if err := SdNotify("STATUS=Ready\nREADY=1\n"); err != nil {
			t.Error(err)
		}
		buf := make([]byte, 100)
		n, err := ln.Read(buf)
		if err != nil || string(buf[:n]) != "STATUS=Ready\nREADY=1\n" {
			t.Errorf("got %q, %v", buf[:n], err)
		}
		ln.Close()
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "none"))
	if err := SdNotify("READY=1\n"); Strerror(err) != "No such file or directory" {
		t.Error(err)
	}
}
