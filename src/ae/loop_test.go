// SPDX-License-Identifier: BSD-3-Clause

package ae

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"redport/src/anet"
)

func eachBackend(t *testing.T, fn func(t *testing.T, m mode)) {
	for _, be := range Backends() {
		t.Run(be, func(t *testing.T) { fn(t, mode{name: be, backend: be, network: "tcp"}) })
	}
}

func TestPostOrder(t *testing.T) {
	eachBackend(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		const posters, each = 16, 500
		last := make([]int, posters)
		n := 0
		done := make(chan struct{})
		var wg sync.WaitGroup
		for p := range posters {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for i := range each {
					b.l.Post(func() {
						if last[p] != i {
							t.Errorf("poster %d: %d after %d", p, i, last[p])
						}
						last[p]++
						if n++; n == posters*each {
							close(done)
						}
					})
				}
			}()
		}
		wg.Wait()
		b.wait(done, "all posted functions")
		// A posted function that posts is followed by the other in a later turn.
		order := make(chan int, 2)
		b.l.Post(func() {
			b.l.Post(func() { order <- 2 })
			order <- 1
		})
		if <-order != 1 || <-order != 2 {
			t.Error("order")
		}
	})
}

// Each wake-up must get through to a loop that is just going to sleep.
func TestWakeRace(t *testing.T) {
	eachBackend(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		for range 3000 {
			b.do(func() {})
		}
	})
}

func TestTimers(t *testing.T) {
	eachBackend(t, func(t *testing.T, m mode) {
		l, err := New(Options{Backend: m.backend})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		var got []string
		note := func(s string, next int64) func() int64 {
			return func() int64 { got = append(got, s); return next }
		}
		l.CreateTimeEvent(3, note("c", NoMore))
		l.CreateTimeEvent(1, note("a", NoMore))
		l.CreateTimeEvent(2, note("b", NoMore))
		gone := l.CreateTimeEvent(0, note("never", NoMore))
		if !l.DeleteTimeEvent(gone) || l.DeleteTimeEvent(gone) || l.DeleteTimeEvent(12345) {
			t.Error("DeleteTimeEvent")
		}
		start := time.Now()
		for len(got) < 3 {
			l.ProcessEvents(true)
		}
		if got[0] != "a" || got[1] != "b" || got[2] != "c" {
			t.Error(got)
		}
		if d := time.Since(start); d < 2*time.Millisecond {
			t.Errorf("3 ms timer after %v", d)
		}
		// Periodic, deleting itself and others.
		n := 0
		var self, victim int64
		victim = l.CreateTimeEvent(1000000, note("never", NoMore))
		self = l.CreateTimeEvent(0, func() int64 {
			if n++; n == 5 {
				l.DeleteTimeEvent(self)
				l.DeleteTimeEvent(victim)
				return 0
			}
			return 1
		})
		for n < 5 {
			l.ProcessEvents(true)
		}
		if len(l.timers.heap) != 0 || len(l.timers.byID) != 0 {
			t.Error("timers left")
		}
		// One that is always due, and one that always makes another, do not hold the loop.
		spins := 0
		always := l.CreateTimeEvent(0, func() int64 { spins++; return 0 })
		var more func() int64
		more = func() int64 { l.CreateTimeEvent(0, more); return NoMore }
		l.CreateTimeEvent(0, more)
		for spins < 10 {
			l.ProcessEvents(true)
		}
		l.DeleteTimeEvent(always)
		// Far away without overflow.
		l.CreateTimeEvent(1<<62, note("never", NoMore))
	})
}

func TestTimerHeap(t *testing.T) {
	l, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var ids []int64
	for i := range 1000 {
		ids = append(ids, l.CreateTimeEvent(int64(i*7919%1000)+1000, func() int64 { return NoMore }))
	}
	for i := 0; i < len(ids); i += 3 {
		l.DeleteTimeEvent(ids[i])
	}
	h := &l.timers
	prev := int64(0)
	for len(h.heap) > 0 {
		x := h.heap[0]
		if x.when < prev {
			t.Fatal("order")
		}
		prev = x.when
		h.remove(x)
		for i, y := range h.heap {
			if y.pos != i {
				t.Fatal("position")
			}
		}
	}
}

func TestHooks(t *testing.T) {
	eachBackend(t, func(t *testing.T, m mode) {
		l, err := New(Options{Backend: m.backend})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		order := ""
		l.BeforeSleep = func() { order += "b" }
		l.AfterSleep = func() { order += "a" }
		l.CreateTimeEvent(0, func() int64 { order += "t"; return NoMore })
		l.Post(func() { order += "p" })
		l.ProcessEvents(true)
		if order != "batp" {
			t.Error(order)
		}
		order = ""
		l.Post(func() { order += "p" })
		l.CreateTimeEvent(0, func() int64 { order += "t"; return NoMore })
		l.ProcessFileEvents()
		if order != "ba" {
			t.Error(order)
		}
		l.ProcessEvents(true)
		if order != "babatp" {
			t.Error(order)
		}
	})
}

func TestStop(t *testing.T) {
	eachBackend(t, func(t *testing.T, m mode) {
		for range 50 {
			b := newBench(t, m, nil)
			b.stop()
		}
	})
}

// A sleeping loop must not hold up the collector, nor must a busy one.
func TestCollector(t *testing.T) {
	eachBackend(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		b.listen(func(c *Conn) { echo(c) })
		done := make(chan struct{})
		go func() {
			for range 5 {
				runtime.GC()
			}
			close(done)
		}()
		b.wait(done, "GC while idle")
		nc := b.dial()
		stop := make(chan struct{})
		go func() {
			buf := make([]byte, 10)
			for {
				select {
				case <-stop:
					return
				default:
					nc.Write(buf)
					io.ReadFull(nc, buf)
				}
			}
		}()
		done = make(chan struct{})
		go func() {
			for range 5 {
				runtime.GC()
			}
			close(done)
		}()
		b.wait(done, "GC while busy")
		close(stop)
	})
}

func TestDial(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		var all []*tester
		b.listen(func(c *Conn) { all = append(all, echo(c)) })
		network, address := m.network, b.ln.Addr()
		var config *tls.Config
		if network == "tls" {
			network, config = "tcp", testTLS.client
		}
		dial := func(address, bind string, timeout time.Duration, config *tls.Config) (c *Conn, err error) {
			done := make(chan struct{})
			b.do(func() {
				inside := true
				b.l.Dial(network, address, bind, config, timeout, func(nc *Conn, e error) {
					if inside {
						t.Error("done called from inside Dial")
					}
					c, err = nc, e
					if c != nil {
						h := &tester{c: c}
						h.data = func(in []byte) (int, int) {
							h.data = func([]byte) (int, int) { return 0, 0 }
							return 0, 0
						}
						c.SetHandler(h)
					}
					close(done)
				})
				inside = false
			})
			b.wait(done, "Dial")
			return c, err
		}
		c, err := dial(address, "", patience, config)
		if err != nil {
			t.Fatal(err)
		}
		b.do(func() {
			h := c.Handler().(*tester)
			h.reply([]byte("hello"))
		})
		b.until("echo", func() bool { return c.Buffered() == 5 })
		b.do(func() {
			if c.Network() != m.network {
				t.Error(c.Network())
			}
			if m.network != "unix" && c.RemoteAddr() != address {
				t.Error(c.RemoteAddr())
			}
			c.Close()
		})
		b.until("the other end closed", func() bool { return all[0].closed == 1 })

		if m.network == "unix" {
			if _, err := dial(filepath.Join(t.TempDir(), "none"), "", 0, nil); !errors.Is(err, os.ErrNotExist) {
				t.Error("no such socket:", err)
			}
			return
		}
		// By name, and from a source address (one that cannot be used does no harm).
		_, port, _ := net.SplitHostPort(address)
		for _, bind := range []string{"", "127.0.0.1", "192.0.2.1"} {
			c, err := dial(net.JoinHostPort("localhost", port), bind, patience, config)
			if err != nil {
				t.Errorf("localhost, bind %q: %v", bind, err)
				continue
			}
			b.do(c.Close)
		}
		// Refused.
		sock, err := anet.ListenTCP("127.0.0.1", 0, 1, false, 0)
		if err != nil {
			t.Fatal(err)
		}
		closedAddr := sock.Addr()
		sock.Close()
		if _, err := dial(closedAddr, "", patience, config); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Error("refused:", err)
		}
		if _, err := dial("no port", "", patience, config); err == nil {
			t.Error("bad address accepted")
		}
		if _, err := dial("nonexistent.invalid:1", "", patience, config); err == nil {
			t.Error("bad name accepted")
		}
		// Timeout: a peer that never shakes hands, or a listener whose queue is full.
		if m.network == "tls" {
			silent, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			if _, err := dial(silent.Addr().String(), "", 20*time.Millisecond, config); err != ErrDialTimeout {
				t.Error("timeout:", err)
			}
			// A server that we do not trust.
			strange := testTLS.client.Clone()
			strange.RootCAs = nil
			if _, err := dial(address, "", patience, strange); err == nil {
				t.Error("an unknown authority was trusted")
			}
		}
		// Cancelled.
		b.do(func() {
			b.l.Dial(network, address, "", config, 0, func(*Conn, error) { t.Error("done after Cancel") }).Cancel()
			if len(b.l.dials) != 0 {
				t.Error("dial left")
			}
		})
		// Without a handler the connection is closed.
		done := make(chan struct{})
		b.do(func() {
			b.l.Dial(network, address, "", config, 0, func(c *Conn, err error) { close(done) })
		})
		b.wait(done, "Dial")
		b.until("all closed", func() bool { return b.l.Connections() == 0 })
	})
}

func TestDialTimeout(t *testing.T) {
	eachBackend(t, func(t *testing.T, m mode) {
		// A queue of one that is full: further SYNs are dropped.
		sock, err := anet.ListenTCP("127.0.0.1", 0, 0, false, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer sock.Close()
		for i := 0; ; i++ {
			if i == 5 {
				t.Skip("this system takes more connections than the queue holds")
			}
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", sock.Addr())
			cancel()
			if err != nil {
				break
			}
			defer nc.Close()
		}
		b := newBench(t, m, nil)
		errs := make(chan error, 1)
		b.do(func() {
			b.l.Dial("tcp", sock.Addr(), "", nil, 10*time.Millisecond, func(c *Conn, err error) { errs <- err })
		})
		if err := <-errs; err != ErrDialTimeout {
			t.Error(err)
		}
		b.do(func() {
			b.l.Dial("tcp", sock.Addr(), "", nil, 0, func(c *Conn, err error) { errs <- err })
		})
		b.stop()
		if err := <-errs; err != ErrLoopClosed {
			t.Error(err)
		}
	})
}

func TestPauseAccept(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		n := 0
		b.listen(func(c *Conn) { n++; echo(c) })
		b.do(b.ln.PauseAccept)
		m.network = "tcp" // no handshake while paused
		var ncs []net.Conn
		for range 5 {
			network := "tcp"
			if b.ln.Network == "unix" {
				network = "unix"
			}
			nc, err := net.Dial(network, b.ln.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			ncs = append(ncs, nc)
		}
		time.Sleep(5 * time.Millisecond)
		b.do(func() {
			if n != 0 {
				t.Errorf("%d accepted while paused", n)
			}
			b.ln.ResumeAccept()
		})
		b.until("accepted", func() bool { return n == 5 })
		// Removed and added again.
		b.do(func() {
			b.l.RemoveListener(b.ln)
			if err := b.l.AddListener(b.ln, func(c *Conn) { n += 100; c.Close() }); err != nil {
				t.Error(err)
			}
		})
		nc, err := net.Dial(ncs[0].RemoteAddr().Network(), b.ln.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		b.until("accepted", func() bool { return n == 105 })
	})
}

// The configuration of new connections may change at any time.
func TestTLSReload(t *testing.T) {
	m := mode{backend: Backends()[0], network: "tls"}
	b := newBench(t, m, nil)
	b.listen(func(c *Conn) { echo(c) })
	strict := testTLS.server.Clone()
	strict.ClientAuth = tls.RequireAndVerifyClientCert
	none := testTLS.client.Clone()
	none.Certificates = nil
	try := func(config *tls.Config) error {
		nc, err := net.Dial("tcp", b.ln.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(patience))
		c := tls.Client(nc, config)
		c.Write([]byte("x"))
		_, err = io.ReadFull(c, make([]byte, 1))
		return err
	}
	if err := try(none); err != nil {
		t.Error(err)
	}
	b.do(func() { b.ln.TLS = func() *tls.Config { return strict } })
	if err := try(none); err == nil {
		t.Error("no certificate, and accepted")
	}
	if err := try(testTLS.client); err != nil {
		t.Error(err)
	}
}

type shaken struct {
	tester
	done int
}

func (h *shaken) Handshaked() { h.done++ }

func TestHandshake(t *testing.T) {
	for _, be := range Backends() {
		b := newBench(t, mode{backend: be, network: "tls"}, nil)
		var all []*shaken
		b.listen(func(c *Conn) {
			h := &shaken{}
			h.c = c
			h.data = func(in []byte) (int, int) { return len(in), 0 }
			h.out = []byte("early") // before the handshake: goes out after it
			c.QueueWrite()
			if c.TLSState() != nil {
				t.Error("TLS state before the handshake")
			}
			c.SetHandler(h)
			c.QueueWrite()
			all = append(all, h)
		})
		nc := b.dial()
		if _, err := io.ReadFull(nc, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		b.do(func() {
			if all[0].done != 1 || all[0].c.TLSState() == nil {
				t.Error("not shaken")
			}
		})
		plain, err := net.Dial("tcp", b.ln.Addr())
		if err != nil {
			t.Fatal(err)
		}
		plain.Write([]byte("*1\r\n$4\r\nPING\r\n"))
		io.ReadAll(plain)
		plain.Close()
		b.until("handshake failed", func() bool {
			var he *HandshakeError
			return len(all) == 2 && all[1].closed == 1 && errors.As(all[1].err, &he) && all[1].done == 0
		})
		// One that never says anything, closed by us.
		plain, err = net.Dial("tcp", b.ln.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer plain.Close()
		b.until("third", func() bool { return len(all) == 3 })
		b.do(func() { all[2].c.Close() })
		io.ReadAll(plain)
		b.stop()
	}
}
