// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// A configuration that asks for what there is not ends the start, or is remarked upon, and the log says why.
func TestStartWithWhatIsAbsent(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		err  string // what the error has to say beyond the log; "-": the start succeeds
		want string // a line of the log
	}{
		"a module":          {[]string{"--loadmodule", "/no/such.so", "arg"}, errLogged.Error(), "# Can't load module from /no/such.so: server aborting"},
		"a master":          {[]string{"--replicaof", "127.0.0.1", "1"}, "-", "# WARNING: replicaof is set"},
		"a cluster":         {[]string{"--cluster-enabled", "yes"}, "-", "# WARNING: cluster-enabled is set"},
		"an address":        {[]string{"--port", "1", "--bind", "192.0.2.1"}, errLogged.Error(), "# Failed listening on port 1 (tcp), aborting."},
		"a socket's folder": {[]string{"--unixsocket", "/no/such/folder/socket"}, errLogged.Error(), "# Failed opening Unix socket: "},
		"any way in":        {[]string{"--unixsocket", ""}, "Configured to not listen anywhere, exiting.", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir, log := t.TempDir(), &syncBuffer{}
			args := append([]string{"--port", "0", "--unixsocket", filepath.Join(dir, "s"), "--dir", dir, "--save", ""}, tc.args...)
			server, err := New(Options{Args: args, Stdout: log, Stderr: log, ExecName: "redis-server"})
			if err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			switch err := server.Start(); {
			case err == nil:
				server.Stop()
				server.Run()
				if tc.err != "-" {
					t.Error("it starts")
				}
			case err.Error() != tc.err:
				t.Errorf("%v", err)
			}
			if text := log.String(); !strings.Contains(text, tc.want) {
				t.Errorf("not in the log: %s\n%s", tc.want, text)
			}
		})
	}
}

// What systemd is told as a server comes up, and what the log is told where nobody listens.
func TestSupervised(t *testing.T) {
	dir, log := t.TempDir(), &syncBuffer{}
	newServer := func(mode string) *Server {
		server, err := New(Options{Args: []string{"--port", "0", "--dir", dir, "--supervised", mode}, Stdout: log, Stderr: log, ExecName: "redis-server", OwnProcess: true})
		if err != nil {
			t.Fatalf("%v\n%s", err, log)
		}
		return server
	}
	t.Setenv("UPSTART_JOB", "")
	t.Setenv("NOTIFY_SOCKET", "")
	if newServer("auto").redisIsSupervised() || newServer("no").redisIsSupervised() || log.String() != "" {
		t.Errorf("nobody is there\n%s", log)
	}
	if newServer("systemd").redisIsSupervised() || !strings.Contains(log.String(), "# systemd supervision error: NOTIFY_SOCKET not found!") {
		t.Errorf("systemd is not there\n%s", log)
	}
	if newServer("upstart").redisIsSupervised() || !strings.Contains(log.String(), "# upstart supervision requested, but UPSTART_JOB not found!") {
		t.Errorf("upstart is not there\n%s", log)
	}
	name := filepath.Join(dir, "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Skip(err)
	}
	defer systemd.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	for _, mode := range []string{"systemd", "auto"} {
		if !newServer(mode).redisIsSupervised() {
			t.Errorf("%s: systemd is there\n%s", mode, log)
		}
		var b [100]byte
		if n, _, err := systemd.ReadFrom(b[:]); err != nil || string(b[:n]) != "STATUS=Redis is loading...\n" {
			t.Errorf("%s: told %q, %v", mode, b[:n], err)
		}
	}
	if !strings.Contains(log.String(), "* Supervised by systemd.") {
		t.Error(log)
	}
}
