// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// server_test.go - running a Server inside a test: RunT starts one on a Unix socket, or tests drive a
// client by hand on a server that does not run (idleServer).

// testServer is a running server.
type testServer struct {
	*Server
	socket string
	log    *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// RunT starts a server with the given directives and stops it when the test ends.
func RunT(t testing.TB, args ...string) *testServer {
	t.Helper()
	dir := t.TempDir()
	ts := &testServer{socket: filepath.Join(dir, "s"), log: &syncBuffer{}}
	args = append([]string{"--port", "0", "--unixsocket", ts.socket, "--dir", dir, "--save", "", "--enable-debug-command", "yes"}, args...)
	srv, err := New(Options{Args: args, Stdout: ts.log, Stderr: ts.log, ExecName: "redis-server"})
	if err != nil {
		t.Fatalf("%v\n%s", err, ts.log)
	}
	ts.Server = srv
	if err := srv.Start(); err != nil {
		t.Fatalf("%v\n%s", err, ts.log)
	}
	done := make(chan struct{})
	go func() { srv.Run(); close(done) }()
	t.Cleanup(func() {
		srv.Stop()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Errorf("the server did not stop\n%s", ts.log)
		}
	})
	return ts
}

// testConn is a connection to a testServer.
type testConn struct {
	net.Conn
	r *bufio.Reader
	t testing.TB
}

func (ts *testServer) dial(t testing.TB) *testConn {
	t.Helper()
	conn, err := net.Dial("unix", ts.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(60 * time.Second))
	return &testConn{conn, bufio.NewReader(conn), t}
}

// do sends one command and returns its reply as one line: arrays in brackets, bulk strings as they are.
func (c *testConn) do(args ...string) string {
	c.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := io.WriteString(c.Conn, b.String()); err != nil {
		c.t.Fatal(err)
	}
	return c.reply()
}

func (c *testConn) reply() string {
	c.t.Helper()
	s, err := readReply(c.r)
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

func readReply(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return "", fmt.Errorf("empty line in a reply")
	}
	n := 0
	fmt.Sscanf(line[1:], "%d", &n)
	switch line[0] {
	case '$', '=':
		if n < 0 {
			return "(nil)", nil
		}
		b := make([]byte, n+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return "", err
		}
		return string(b[:n]), nil
	case '*', '~', '>', '%':
		if n < 0 {
			return "(nil)", nil
		}
		if line[0] == '%' {
			n *= 2
		}
		parts := make([]string, n)
		for i := range parts {
			if parts[i], err = readReply(r); err != nil {
				return "", err
			}
		}
		return "[" + strings.Join(parts, " ") + "]", nil
	}
	return line, nil
}

// expect checks the reply of one command.
func (c *testConn) expect(want string, args ...string) {
	c.t.Helper()
	if got := c.do(args...); got != want {
		c.t.Errorf("%q: got %q, want %q", args, got, want)
	}
}

// idleServer has everything but a running loop and sockets: tests call its methods themselves.
func idleServer(t testing.TB, args ...string) *Server {
	t.Helper()
	log := &syncBuffer{}
	srv, err := New(Options{Args: append([]string{"--save", "", "--dir", t.TempDir(), "--loglevel", "warning"}, args...), Stdout: log, Stderr: log, ExecName: "redis-server"})
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	if err := srv.initServer(); err != nil {
		t.Fatal(err)
	}
	srv.updateSlowThreshold()
	t.Cleanup(srv.el.Close)
	return srv
}

// fakeClient is a client without connection whose replies stay in its buffers: output takes them.
func (server *Server) fakeClient() *client {
	c := server.createClient(nil)
	c.flags |= clientModule
	c.buf = make([]byte, 0, protoReplyChunkBytes)
	return c
}

// recordPropagation has what is propagated from now on appended to fed, a line a command.
func (server *Server) recordPropagation(fed *[]string) {
	server.propagationSinks = append(server.propagationSinks, propagationSink{target: propagateAof | propagateRepl, feed: func(_ int, argv [][]byte) {
		*fed = append(*fed, string(bytes.Join(argv, []byte(" "))))
	}})
}

// benchmarkCommand executes a command, with blanks between its arguments, again and again.
func (c *client) benchmarkCommand(b *testing.B, command string) {
	argv := bytes.Fields([]byte(command))
	b.ReportAllocs()
	for b.Loop() {
		c.argv, c.cmd = argv, nil
		c.server.processCommand(c)
		c.buf = c.buf[:0]
	}
}

// output takes what the client would be sent.
func (c *client) output() []byte {
	var out []byte
	for {
		b := c.Output()
		if len(b) == 0 {
			return out
		}
		out = append(out, b...)
		c.Wrote(len(b))
	}
}

func TestTwoServersInOneProcess(t *testing.T) {
	a, b := RunT(t), RunT(t)
	ca, cb := a.dial(t), b.dial(t)
	ca.expect("+OK", "SET", "k", "1")
	cb.expect("(nil)", "GET", "k")
	cb.expect("+OK", "SET", "k", "2")
	ca.expect("1", "GET", "k")
}

func TestConcurrentClients(t *testing.T) {
	ts := RunT(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Add(1)
		c := ts.dial(t)
		go func() {
			defer wg.Done()
			for j := range 200 {
				c.do("INCR", "n")
				key := fmt.Sprintf("k%d", (i*7+j)%32)
				c.do("SET", key, strings.Repeat("x", j))
				c.do("GET", key)
				c.do("DEL", key)
			}
		}()
	}
	wg.Wait()
	ts.dial(t).expect("3200", "GET", "n")
}
