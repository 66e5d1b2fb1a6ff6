// SPDX-License-Identifier: BSD-3-Clause

package connection

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redport/src/ae"
)

func TestListen(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	taken := busy.Addr().(*net.TCPAddr).Port
	tests := []struct {
		name    string
		bind    []string
		port    int
		sockets int // -1: fails
		warn    string
	}{
		{"one", []string{"127.0.0.1"}, 0, 1, ""},
		{"name", []string{"localhost"}, 0, 1, ""},
		{"none", nil, 0, 0, ""},
		{"two", []string{"127.0.0.1", "127.0.0.2"}, 0, 2, ""},
		{"optional", []string{"127.0.0.1", "-192.0.2.1"}, 0, 1, "Warning: Could not create server TCP listening socket 192.0.2.1:"},
		{"optional alone", []string{"-192.0.2.1"}, 0, 0, "bind: Cannot assign requested address"},
		{"missing", []string{"127.0.0.1", "192.0.2.1"}, 0, -1, "bind: Cannot assign requested address"},
		{"taken", []string{"127.0.0.1"}, taken, -1, "bind: Address already in use"},
		{"taken, optional", []string{"-127.0.0.1"}, taken, -1, "bind: Address already in use"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var warned []string
			l, err := Listen(Options{Bind: tt.bind, Port: tt.port, Backlog: 16, Warn: func(s string) { warned = append(warned, s) }})
			if (err != nil) != (tt.sockets < 0) {
				t.Fatal(err)
			}
			if err == nil {
				defer l.Close()
				if len(l.Sockets) != tt.sockets {
					t.Errorf("%d sockets", len(l.Sockets))
				}
				for _, s := range l.Sockets {
					c, err := net.Dial("tcp", s.Addr())
					if err != nil {
						t.Fatal(err)
					}
					c.Close()
					if s.Port() != l.ListeningPort() {
						t.Errorf("port %d, want %d", s.Port(), l.ListeningPort())
					}
				}
			}
			if all := strings.Join(warned, "\n"); !strings.Contains(all, tt.warn) || tt.warn == "" && all != "" {
				t.Errorf("warned %q", all)
			}
		})
	}
}

func TestListenV6(t *testing.T) {
	probe, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	probe.Close()
	// IPv6 alone, so that the same port is free for IPv4.
	l, err := Listen(Options{Bind: []string{"::1", "127.0.0.1"}, Backlog: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if len(l.Sockets) != 2 || !strings.HasPrefix(l.Sockets[0].Addr(), "[::1]:") {
		t.Errorf("%d sockets, %s", len(l.Sockets), l.Sockets[0].Addr())
	}
}

func TestListenUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sock")
	for range 2 { // the second time over the stale file of the first
		l, err := ListenUnix(path, 0o700, 16)
		if err != nil {
			t.Fatal(err)
		}
		fi, err := os.Stat(path)
		if err != nil || fi.Mode().Perm() != 0o700 || fi.Mode()&fs.ModeSocket == 0 {
			t.Error(fi, err)
		}
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if l.Info() != "name=unix,bind="+path {
			t.Error(l.Info())
		}
		l.Close()
	}
	l, err := ListenUnix(path, 0, 16)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := l.Unlink(); err != nil {
		t.Error(err)
	}
	_, err = ListenUnix(filepath.Join(path, "not", "there"), 0, 16)
	if err == nil || err.Error() != "Failed opening Unix socket: bind: No such file or directory" {
		t.Error(err)
	}
	_, err = ListenUnix(strings.Repeat("x", 200), 0, 16)
	if err == nil || !strings.Contains(err.Error(), "unix socket path too long (200), must be under ") {
		t.Error(err)
	}
}

func TestAccept(t *testing.T) {
	loop, err := ae.New(ae.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer loop.Close()
	l, err := Listen(Options{Bind: []string{"127.0.0.1", "127.0.0.2"}, Backlog: 16})
	if err != nil {
		t.Fatal(err)
	}
	if want := "name=tcp,bind=127.0.0.1,bind=127.0.0.2"; l.Info() != want {
		t.Error(l.Info())
	}
	n := 0
	if err := l.Accept(loop, 10, func(c *ae.Conn) { n++ }); err != nil {
		t.Fatal(err)
	}
	for _, s := range l.Sockets {
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	for n < 2 {
		loop.ProcessEvents(true)
	}
	l.Pause()
	l.Resume()
	l.Close()
}
