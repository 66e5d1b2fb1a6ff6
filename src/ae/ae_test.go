// SPDX-License-Identifier: BSD-3-Clause

package ae

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"redport/src/anet"
)

// The tests run a loop in a goroutine and talk to it through ordinary net.Conns, on every back end.

const patience = 30 * time.Second

// mode is one row of the table most tests run through: a back end and a network.
type mode struct {
	name, backend, network string
	io                     int
}

func modes() []mode {
	var ms []mode
	for _, be := range Backends() {
		for _, network := range []string{"tcp", "unix", "tls"} {
			ms = append(ms, mode{name: be + "/" + network, backend: be, network: network})
		}
	}
	return append(ms, mode{name: Backends()[0] + "/tcp/io", backend: Backends()[0], network: "tcp", io: 3})
}

func eachMode(t *testing.T, fn func(t *testing.T, m mode)) {
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) { fn(t, m) })
	}
}

// bench is a loop that runs in a goroutine, and what is connected to it.
type bench struct {
	t    testing.TB
	m    mode
	l    *Loop
	ln   *Listener
	done chan struct{}
}

func newBench(t testing.TB, m mode, setup func(l *Loop)) *bench {
	t.Helper()
	l, err := New(Options{Backend: m.backend})
	if err != nil {
		t.Fatal(err)
	}
	if l.Backend() != m.backend {
		t.Fatalf("back end %q, want %q", l.Backend(), m.backend)
	}
	if m.io > 1 {
		l.SetIOThreads(m.io)
		l.io.minimum, l.io.always = 1, true
	}
	if setup != nil {
		setup(l)
	}
	b := &bench{t: t, m: m, l: l, done: make(chan struct{})}
	go func() {
		l.Run()
		l.Close()
		close(b.done)
	}()
	t.Cleanup(b.stop)
	return b
}

func (b *bench) stop() {
	select {
	case <-b.done:
		return
	default:
	}
	b.l.Stop()
	select {
	case <-b.done:
	case <-time.After(patience):
		buf := make([]byte, 1<<20)
		b.t.Errorf("the loop does not stop\n%s", buf[:runtime.Stack(buf, true)])
	}
}

// do runs fn on the loop and waits for it.
func (b *bench) do(fn func()) {
	b.t.Helper()
	ch := make(chan struct{})
	b.l.Post(func() { fn(); close(ch) })
	b.wait(ch, "posted function")
}

func (b *bench) wait(ch <-chan struct{}, what string) {
	b.t.Helper()
	select {
	case <-ch:
	case <-time.After(patience):
		buf := make([]byte, 1<<20)
		b.t.Fatalf("timeout: %s\n%s", what, buf[:runtime.Stack(buf, true)])
	}
}

// until polls cond on the loop.
func (b *bench) until(what string, cond func() bool) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ok := false
		b.do(func() { ok = cond() })
		if ok {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("timeout: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// listen opens a listener of the bench's network.
func (b *bench) listen(accept func(c *Conn)) {
	b.t.Helper()
	var sock *anet.Listener
	var err error
	if b.m.network == "unix" {
		sock, err = anet.ListenUnix(filepath.Join(b.t.TempDir(), "s"), 0, 511)
	} else {
		sock, err = anet.ListenTCP("127.0.0.1", 0, 511, false, 0)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	var config func() *tls.Config
	if b.m.network == "tls" {
		config = func() *tls.Config { return testTLS.server }
	}
	b.ln = NewListener(b.m.network, "127.0.0.1", sock, config)
	b.do(func() {
		if err := b.l.AddListener(b.ln, accept); err != nil {
			b.t.Error(err)
		}
	})
}

// dial connects to the listener from outside of the loop.
func (b *bench) dial() net.Conn {
	b.t.Helper()
	nc, err := b.tryDial()
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { nc.Close() })
	return nc
}

func (b *bench) tryDial() (net.Conn, error) {
	var nc net.Conn
	network := "tcp"
	if b.m.network == "unix" {
		network = "unix"
	}
	for deadline := time.Now().Add(patience); ; {
		var err error
		if nc, err = net.DialTimeout(network, b.ln.Addr(), patience); err == nil {
			break
		}
		// The queue of a Unix socket is full at once when the loop gets no time.
		if !errors.Is(err, syscall.EAGAIN) || time.Now().After(deadline) {
			return nil, err
		}
		time.Sleep(time.Millisecond)
	}
	nc.SetDeadline(time.Now().Add(2 * patience))
	if b.m.network == "tls" {
		nc = tls.Client(nc, testTLS.client)
	}
	return nc, nil
}

// tester is a handler made of functions.
type tester struct {
	c      *Conn
	data   func(in []byte) (int, int)
	wrote  func(n int)
	ended  func(err error)
	out    []byte
	sent   int
	closed int
	err    error
}

func (h *tester) Data(in []byte) (int, int) {
	if h.closed > 0 {
		panic("Data after Closed")
	}
	return h.data(in)
}
func (h *tester) Output() []byte { return h.out[h.sent:] }
func (h *tester) Wrote(n int) {
	if h.closed > 0 {
		panic("Wrote after Closed")
	}
	h.sent += n
	if h.sent > len(h.out) {
		panic("wrote more than there was")
	}
	if h.sent == len(h.out) {
		h.out, h.sent = h.out[:0], 0
	}
	if h.wrote != nil {
		h.wrote(n)
	}
}
func (h *tester) Closed(err error) {
	h.closed++
	h.err = err
	if h.closed > 1 {
		panic("Closed twice")
	}
	if h.ended != nil {
		h.ended(err)
	}
}
func (h *tester) reply(b []byte) {
	h.out = append(h.out, b...)
	h.c.QueueWrite()
}

// echo answers with what it gets.
func echo(c *Conn) *tester {
	h := &tester{c: c}
	h.data = func(in []byte) (int, int) {
		h.reply(in)
		return len(in), 0
	}
	c.SetHandler(h)
	return h
}

func TestEcho(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		b.listen(func(c *Conn) { echo(c) })
		nc := b.dial()
		for i := range 100 {
			msg := bytes.Repeat([]byte{byte(i)}, 1+i*i)
			if _, err := nc.Write(msg); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(msg))
			if _, err := io.ReadFull(nc, got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, msg) {
				t.Fatalf("echo of %d bytes differs", len(msg))
			}
		}
	})
}
