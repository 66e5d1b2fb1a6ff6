// SPDX-License-Identifier: BSD-3-Clause

package ae

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// framed serves messages of a 4-byte length and that many bytes, and answers each with itself: a protocol with partial
// input, like Redis's.
type framed struct {
	tester
	t       testing.TB
	partial func() // called when a message is incomplete
	useWant bool
	parsed  int // by Parse: whole messages
	calls   int
	max     int // of len(in)
}

func newFramed(t testing.TB, c *Conn, useWant bool) *framed {
	h := &framed{t: t, useWant: useWant}
	h.c = c
	c.SetHandler(h)
	return h
}

func (h *framed) Parse(in []byte) {
	h.parsed = 0
	for len(in) >= 4 && len(in) >= 4+int(binary.BigEndian.Uint32(in)) {
		in = in[4+binary.BigEndian.Uint32(in):]
		h.parsed++
	}
}

func (h *framed) Data(in []byte) (used, want int) {
	if h.closed > 0 {
		panic("Data after Closed")
	}
	h.calls++
	h.max = max(h.max, len(in))
	for {
		rest := in[used:]
		if len(rest) < 4 {
			return used, 0
		}
		n := 4 + int(binary.BigEndian.Uint32(rest))
		if len(rest) < n {
			if h.partial != nil {
				h.partial()
			}
			if h.useWant {
				return used, n
			}
			return used, 0
		}
		h.reply(rest[:n])
		clear(rest[:n]) // it is ours to scribble on
		used += n
	}
}

// pieced is framed with output in pieces.
type pieced struct{ framed }

func (h *pieced) Outputs(pieces [][]byte, limit int) [][]byte {
	if limit <= 0 {
		panic("limit")
	}
	rest := h.out[h.sent:]
	for len(rest) > 0 && len(pieces) < cap(pieces) && limit > 0 {
		n := min(len(rest), 1+len(rest)%3000)
		pieces = append(pieces, rest[:n])
		rest = rest[n:]
		limit -= n
	}
	return pieces
}

func frame(r *rand.Rand, size int) []byte {
	b := make([]byte, 4+size)
	binary.BigEndian.PutUint32(b, uint32(size))
	for i := 4; i < len(b); i += 8 {
		v := r.Uint64()
		for j := i; j < len(b) && j < i+8; j++ {
			b[j] = byte(v)
			v >>= 8
		}
	}
	return b
}

// converse sends frames in random pieces and checks that they come back.
func converse(nc net.Conn, seed uint64, frames, maxSize int) error {
	r := rand.New(rand.NewPCG(seed, 1))
	var all []byte
	for range frames {
		size := r.IntN(maxSize + 1)
		if r.IntN(3) == 0 {
			size = r.IntN(40)
		}
		all = append(all, frame(r, size)...)
	}
	errs := make(chan error, 1)
	go func() {
		for rest := all; len(rest) > 0; {
			n := min(len(rest), 1+r.IntN(3*maxSize/2+10))
			if r.IntN(4) == 0 {
				n = min(n, 1+r.IntN(5))
			}
			if _, err := nc.Write(rest[:n]); err != nil {
				errs <- err
				return
			}
			rest = rest[n:]
		}
		errs <- nil
	}()
	got := make([]byte, len(all))
	n, err := io.ReadFull(nc, got)
	if werr := <-errs; werr != nil {
		return fmt.Errorf("write: %w", werr)
	}
	if err != nil {
		return fmt.Errorf("read %d of %d: %w", n, len(got), err)
	}
	if !bytes.Equal(got, all) {
		return errors.New("echo differs")
	}
	return nil
}

func TestChunks(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		for _, kind := range []string{"plain", "want", "pieces"} {
			b := newBench(t, m, nil)
			var handlers []*framed
			b.listen(func(c *Conn) {
				if kind != "pieces" {
					handlers = append(handlers, newFramed(t, c, kind == "want"))
					return
				}
				h := &pieced{framed{t: t, useWant: true}}
				h.c = c
				c.SetHandler(h)
				handlers = append(handlers, &h.framed)
			})
			var wg sync.WaitGroup
			const conns = 20
			for i := range conns {
				nc := b.dial()
				wg.Add(1)
				go func() {
					defer wg.Done()
					if err := converse(nc, uint64(i), 12, []int{30, 1000, 20000, 100000}[i%4]); err != nil {
						t.Errorf("connection %d: %v", i, err)
					}
					nc.Close()
				}()
			}
			wg.Wait()
			b.until("Closed for all", func() bool {
				n := 0
				for _, h := range handlers {
					n += h.closed
				}
				return n == conns && b.l.Connections() == 0
			})
			b.stop()
			for _, h := range handlers {
				if h.err != io.EOF {
					t.Errorf("Closed(%v), want EOF", h.err)
				}
			}
		}
	})
}

func TestManyConnections(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		conns := 2000
		if m.network == "tls" {
			conns = 100 // a handshake each
		}
		if m.backend == "pump" {
			conns = min(conns, 500)
		}
		conns = min(conns, maxTestConns())
		b := newBench(t, m, nil)
		accepted := 0
		b.listen(func(c *Conn) { accepted++; newFramed(t, c, true) })
		all := make([]net.Conn, conns)
		for i := range all {
			all[i] = b.dial()
		}
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for round := range 3 {
					for i := w; i < conns; i += 8 {
						if err := converse(all[i], uint64(i+round), 2, 100); err != nil {
							t.Errorf("connection %d: %v", i, err)
							return
						}
					}
				}
			}()
		}
		wg.Wait()
		for _, nc := range all {
			nc.Close()
		}
		b.until("all gone", func() bool { return b.l.Connections() == 0 })
		if accepted != conns {
			t.Errorf("%d accepted, want %d", accepted, conns)
		}
	})
}

// A handler whose output is much more than the system takes at once, and a peer that reads when it likes.
func TestSlowReader(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		const size = 8 << 20
		big := make([]byte, size)
		for i := range big {
			big[i] = byte(i * i >> 8)
		}
		var all []*tester
		b.listen(func(c *Conn) {
			h := &tester{c: c}
			all = append(all, h)
			h.data = func(in []byte) (int, int) { h.reply(big); return len(in), 0 }
			c.SetHandler(h)
		})
		nc := b.dial()
		nc.Write([]byte("go"))
		b.until("the system takes no more", func() bool { return len(all) == 1 && all[0].sent > 0 })
		// Others go on in the meantime.
		other := b.dial()
		other.Write([]byte("go"))
		if _, err := io.ReadFull(other, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		b.do(func() {
			if len(all[0].out) == 0 {
				t.Error("nobody reads, and everything is written")
			}
		})
		got := make([]byte, 0, size)
		for piece := 1; len(got) < size; piece = piece*3 + 1 {
			n := min(piece, size-len(got), 1<<20)
			got = got[:len(got)+n]
			if _, err := io.ReadFull(nc, got[len(got)-n:]); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, big) {
			t.Error("output differs")
		}
		b.until("all written", func() bool { return len(all[0].out) == 0 })
	})
}

// Input of 10 MB is collected as wanted, with few calls of Data, and in a buffer that follows what has arrived.
func TestWant(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		var h *framed
		b.listen(func(c *Conn) { h = newFramed(t, c, true) })
		nc := b.dial()
		r := rand.New(rand.NewPCG(1, 2))
		big := frame(r, 10<<20)
		small := frame(r, 10)
		go func() {
			nc.Write(big[:100])
			nc.Write(big[100:])
			nc.Write(small)
		}()
		got := make([]byte, len(big)+len(small))
		if _, err := io.ReadFull(nc, got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, append(bytes.Clone(big), small...)) {
			t.Error("echo differs")
		}
		b.do(func() {
			if h.calls > 5 {
				t.Errorf("%d calls of Data", h.calls)
			}
			h.c.TrimIn()
			if h.c.InCap() != 0 || h.c.Buffered() != 0 {
				t.Errorf("after TrimIn: %d of %d", h.c.Buffered(), h.c.InCap())
			}
		})
		// A claim alone makes no buffer beyond a bound.
		claim := make([]byte, 4)
		binary.BigEndian.PutUint32(claim, 1<<30)
		nc.Write(append(claim, "just this"...))
		b.until("the claim arrived", func() bool { return h.c.Buffered() == 13 })
		b.do(func() {
			if h.c.InCap() > claimed {
				t.Errorf("%d bytes reserved on a claim", h.c.InCap())
			}
			h.c.TrimIn()
			if h.c.Buffered() != 13 || h.c.InCap() > 512 {
				t.Errorf("after TrimIn: %d of %d", h.c.Buffered(), h.c.InCap())
			}
		})
		nc.Write(make([]byte, 1<<20))
		b.until("more arrived", func() bool { return h.c.Buffered() == 13+1<<20 })
		b.do(func() {
			if h.c.InCap() > claimed {
				t.Errorf("%d bytes reserved for 1 MB", h.c.InCap())
			}
		})
	})
}

// The last bytes of something long find their place in the buffer that was made for it, however it arrives.
func TestWantIsRoomEnough(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		var h *framed
		b.listen(func(c *Conn) { h = newFramed(t, c, true) })
		const size = 1 << 20
		for _, last := range []int{1, 100, 5000, 12000} {
			nc := b.dial()
			head := make([]byte, 4+size-last-1)
			binary.BigEndian.PutUint32(head, size)
			nc.Write(head)
			b.until("the greater part arrived", func() bool { return h != nil && h.c.Buffered() == len(head) })
			nc.Write(make([]byte, last))
			b.until("all but a byte arrived", func() bool { return h.c.Buffered() == len(head)+last })
			b.do(func() {
				if h.c.InCap() > roundCap(4+size) {
					t.Errorf("%d bytes for %d, the last %d of them late", h.c.InCap(), 4+size, last)
				}
				h = nil
			})
			nc.Close()
		}
	})
}

func TestCloseInsideHandlers(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		var all []*tester
		running := false
		b.listen(func(c *Conn) {
			h := &tester{c: c}
			h.data = func(in []byte) (int, int) {
				running = true
				defer func() { running = false }()
				switch in[0] {
				case 'q': // quit: reply, and close once it is out
					h.reply([]byte("bye"))
					h.wrote = func(int) {
						if len(h.out) == 0 {
							c.Close()
							c.Close()
						}
					}
				case 'x': // close at once, with output queued that nobody will see
					h.reply([]byte("never"))
					c.Close()
					h.reply([]byte("never"))
				case 'k': // kill the others
					for _, o := range all {
						if o != h && o.closed == 0 {
							o.reply([]byte("never"))
							o.c.Close()
							o.c.Redeliver()
							o.c.QueueWrite()
							o.c.Flush()
							o.c.PauseRead()
							o.c.ResumeRead()
							o.c.TrimIn()
						}
					}
					h.reply([]byte("done"))
				}
				return len(in), 0
			}
			h.ended = func(err error) {
				if running {
					t.Error("Closed inside another handler call")
				}
				if err != nil {
					t.Errorf("Closed(%v) after Close", err)
				}
			}
			all = append(all, h)
			c.SetHandler(h)
		})
		read := func(nc net.Conn) string {
			got, err := io.ReadAll(nc)
			if err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Error(err)
			}
			return string(got)
		}
		q := b.dial()
		q.Write([]byte("q"))
		if got := read(q); got != "bye" {
			t.Errorf("got %q", got)
		}
		x := b.dial()
		x.Write([]byte("x"))
		if got := read(x); got != "" {
			t.Errorf("got %q", got)
		}
		var victims []net.Conn
		for range 5 {
			v := b.dial()
			v.Write([]byte("."))
			victims = append(victims, v)
		}
		b.until("victims there", func() bool { return b.l.Connections() == 5 })
		k := b.dial()
		k.Write([]byte("k"))
		if _, err := io.ReadFull(k, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		for _, v := range victims {
			if got := read(v); got != "" {
				t.Errorf("got %q", got)
			}
		}
		b.do(func() {
			closed := 0
			for _, h := range all {
				closed += h.closed
			}
			if closed != 7 {
				t.Errorf("%d closed, want 7", closed)
			}
			for _, h := range all {
				h.ended = nil
			}
		})
	})
}

// A descriptor closed and given out again within one turn must not get the events of the old one.
func TestReuseInTurn(t *testing.T) {
	for _, m := range modes() {
		if m.network != "tcp" || m.backend == "pump" {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			b := newBench(t, m, nil)
			var all []*tester
			reused := map[int]int{}
			b.listen(func(c *Conn) {
				h := &tester{c: c}
				reused[c.Fd()]++
				h.data = func(in []byte) (int, int) {
					// Close everybody else, and connect as many anew: their descriptors come back at once.
					for _, o := range all {
						if o != h && !o.c.IsClosed() {
							fd := o.c.Fd()
							o.c.Close()
							b.l.Dial("tcp", b.ln.Addr(), "", nil, 0, func(n *Conn, err error) {
								if err != nil {
									t.Error(err)
									return
								}
								n.SetHandler(&tester{c: n, data: func([]byte) (int, int) {
									t.Error("stale event: data for a connection that was sent none")
									return 0, 0
								}})
							})
							reused[fd]++
						}
					}
					h.reply([]byte("ok"))
					return len(in), 0
				}
				all = append(all, h)
				c.SetHandler(h)
			})
			var ncs []net.Conn
			for range 20 {
				ncs = append(ncs, b.dial())
			}
			b.until("accepted", func() bool { return len(all) == 20 })
			b.do(func() { // all readable in one turn
				for _, nc := range ncs {
					nc.Write([]byte("x"))
				}
			})
			got := 0
			for _, nc := range ncs {
				if n, _ := io.ReadFull(nc, make([]byte, 2)); n == 2 {
					got++
				}
			}
			if got == 0 {
				t.Error("no reply at all")
			}
		})
	}
}

func TestRedeliver(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		var h *tester
		blocked := true
		var seen []string
		b.listen(func(c *Conn) {
			h = &tester{c: c}
			h.data = func(in []byte) (int, int) {
				seen = append(seen, string(in))
				if blocked {
					return 0, 0
				}
				h.reply(in)
				return len(in), 0
			}
			c.SetHandler(h)
		})
		nc := b.dial()
		nc.Write([]byte("abc"))
		b.until("delivered", func() bool { return len(seen) == 1 })
		nc.Write([]byte("def"))
		b.until("delivered with the rest", func() bool { return len(seen) == 2 })
		b.do(func() {
			if seen[1] != "abcdef" || h.c.Buffered() != 6 {
				t.Errorf("%q, %d buffered", seen[1], h.c.Buffered())
			}
			blocked = false
			h.c.Redeliver()
			h.c.Redeliver()
		})
		got := make([]byte, 6)
		if _, err := io.ReadFull(nc, got); err != nil || string(got) != "abcdef" {
			t.Fatalf("%q %v", got, err)
		}
		b.do(func() {
			if len(seen) != 3 || h.c.Buffered() != 0 {
				t.Errorf("%q, %d buffered", seen, h.c.Buffered())
			}
			h.c.Redeliver()
		})
		b.until("an empty rest is delivered too", func() bool { return len(seen) == 4 && seen[3] == "" })
		// From a BeforeSleep hook, at the point it chooses.
		b.do(func() {
			blocked = true
			b.l.BeforeSleep = func() {
				if blocked && h.c.Buffered() > 0 {
					blocked = false
					h.c.Redeliver()
					if b.l.RunRedeliveries() != 1 || h.c.Buffered() != 0 {
						t.Error("RunRedeliveries did not")
					}
				}
			}
		})
		nc.Write([]byte("xyz"))
		if _, err := io.ReadFull(nc, got[:3]); err != nil || string(got[:3]) != "xyz" {
			t.Fatalf("%q %v", got[:3], err)
		}
	})
}

func TestPauseRead(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		var h *tester
		total := 0
		b.listen(func(c *Conn) {
			h = &tester{c: c}
			h.data = func(in []byte) (int, int) {
				total += len(in)
				c.PauseRead()
				return len(in), 0
			}
			c.SetHandler(h)
		})
		nc := b.dial()
		const size = 32 << 20
		errs := make(chan error, 1)
		go func() {
			_, err := nc.Write(make([]byte, size))
			nc.Close()
			errs <- err
		}()
		b.until("first data", func() bool { return total > 0 })
		var turns int64
		b.do(func() { turns = b.l.Stats.Turns })
		time.Sleep(20 * time.Millisecond) // time enough to show a loop that spins
		b.do(func() {
			if total > 2*readBufferSize {
				t.Errorf("%d bytes read while paused", total)
			}
			if n := b.l.Stats.Turns - turns; n > 100 {
				t.Errorf("%d turns while paused", n)
			}
			h.data = func(in []byte) (int, int) { total += len(in); return len(in), 0 }
			h.c.ResumeRead()
		})
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
		b.until("all read, and closed", func() bool { return total == size && h.closed == 1 && h.err == io.EOF })
	})
}

// A peer that goes away while reading is paused must neither be noticed too early, nor make the loop spin.
func TestHangUpWhilePaused(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		var h *tester
		b.listen(func(c *Conn) {
			h = &tester{c: c}
			h.data = func(in []byte) (int, int) { c.PauseRead(); return len(in), 0 }
			c.SetHandler(h)
		})
		nc := b.dial()
		nc.Write([]byte("x"))
		b.until("data", func() bool { return h != nil && h.c.ReadPaused() })
		if tc, ok := nc.(*net.TCPConn); ok {
			tc.SetLinger(0) // a reset
		}
		nc.Close()
		var turns int64
		b.do(func() { turns = b.l.Stats.Turns })
		time.Sleep(20 * time.Millisecond)
		b.do(func() {
			if n := b.l.Stats.Turns - turns; n > 100 {
				t.Errorf("%d turns after the peer hung up", n)
			}
			if h.closed > 0 {
				t.Error("closed while paused")
			}
			h.c.ResumeRead()
		})
		b.until("closed", func() bool { return h.closed == 1 && h.err != nil })
	})
}

func TestPeerEnds(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		var all []*tester
		b.listen(func(c *Conn) {
			h := echo(c)
			all = append(all, h)
		})
		// An orderly end, right behind the last request: the reply still comes.
		nc := b.dial()
		nc.Write([]byte("last words"))
		if cw, ok := nc.(interface{ CloseWrite() error }); ok {
			cw.CloseWrite()
		}
		got, err := io.ReadAll(nc)
		if string(got) != "last words" || err != nil {
			t.Errorf("%q %v", got, err)
		}
		b.until("EOF", func() bool { return all[0].closed == 1 && all[0].err == io.EOF })
		if m.network != "tcp" {
			return
		}
		// A reset.
		nc = b.dial()
		nc.Write([]byte("x"))
		io.ReadFull(nc, make([]byte, 1))
		nc.(*net.TCPConn).SetLinger(0)
		nc.Close()
		b.until("reset", func() bool { return all[1].closed == 1 && errors.Is(all[1].err, syscall.ECONNRESET) })
		// A peer that is gone when we write: the second write at the latest gets to know.
		nc = b.dial()
		nc.Write([]byte("x"))
		io.ReadFull(nc, make([]byte, 1))
		b.do(func() { all[2].c.PauseRead() })
		nc.(*net.TCPConn).SetLinger(0)
		nc.Close()
		b.until("write error", func() bool {
			if all[2].closed == 0 {
				all[2].reply([]byte("anybody there?"))
			}
			return all[2].closed == 1 && all[2].err != nil && all[2].err != io.EOF
		})
	})
}

// A turn inside Data: other connections are served, timers and posted functions wait, this connection is left alone.
func TestNestedTurns(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		inside := false
		running := make(chan struct{})
		pinged := 0
		release := atomic.Bool{}
		victimClosed := false
		b.listen(func(c *Conn) {
			h := &tester{c: c}
			h.data = func(in []byte) (int, int) {
				if string(in[:1]) != "S" {
					pinged++
					h.reply(append([]byte("-BUSY"), in...))
					return len(in), 0
				}
				kept := string(in)
				inside = true
				close(running)
				for !release.Load() {
					b.l.ProcessEvents(false)
					if string(in) != kept {
						t.Fatal("a turn inside changed the input")
					}
				}
				inside = false
				h.reply(in)
				return len(in), 0
			}
			h.ended = func(error) { victimClosed = true }
			c.SetHandler(h)
		})
		timer := make(chan struct{})
		b.do(func() {
			b.l.CreateTimeEvent(1, func() int64 {
				if inside {
					t.Error("timer inside")
				}
				close(timer)
				return NoMore
			})
		})
		nc := b.dial()
		nc.Write([]byte("Slow script"))
		b.wait(running, "the script")
		other := b.dial()
		for range 3 {
			other.Write([]byte("ping"))
			if _, err := io.ReadFull(other, make([]byte, 9)); err != nil {
				t.Fatal(err)
			}
		}
		nc.Write([]byte("; more")) // must wait
		posted := make(chan struct{})
		b.l.Post(func() {
			if inside {
				t.Error("posted function inside")
			}
			close(posted)
		})
		other.Write([]byte("ping"))
		io.ReadFull(other, make([]byte, 9))
		other.Close()
		release.Store(true)
		b.wait(posted, "posted function")
		b.wait(timer, "timer")
		got := make([]byte, len("Slow script"))
		if _, err := io.ReadFull(nc, got); err != nil || string(got) != "Slow script" {
			t.Fatalf("%q %v", got, err)
		}
		if _, err := io.ReadFull(nc, make([]byte, len("-BUSY; more"))); err != nil {
			t.Fatal(err)
		}
		b.until("the other is closed", func() bool { return victimClosed })
	})
}

// A connection that closes itself, or is closed, inside a turn inside its own Data.
func TestNestedClose(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		var first *tester
		running := make(chan struct{})
		b.listen(func(c *Conn) {
			h := &tester{c: c}
			if first == nil {
				first = h
				h.data = func(in []byte) (int, int) {
					close(running)
					for !c.IsClosed() {
						b.l.ProcessEvents(false)
					}
					for range 3 {
						b.l.ProcessEvents(false)
					}
					if h.closed != 0 {
						t.Error("Closed while Data runs")
					}
					return 0, 1 << 20
				}
			} else {
				h.data = func(in []byte) (int, int) {
					first.c.Close()
					return len(in), 0
				}
			}
			c.SetHandler(h)
		})
		victim := b.dial()
		victim.Write([]byte("x"))
		b.wait(running, "the victim's Data")
		killer := b.dial()
		killer.Write([]byte("x"))
		if _, err := io.ReadAll(victim); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
		b.until("closed once", func() bool { return first.closed == 1 && first.err == nil })
	})
}

func TestAddresses(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		var c0 *Conn
		b.listen(func(c *Conn) { echo(c); c0 = c })
		nc := b.dial()
		nc.Write([]byte("x"))
		io.ReadFull(nc, make([]byte, 1))
		b.do(func() {
			if c0.Network() != m.network {
				t.Errorf("network %s", c0.Network())
			}
			wantRemote, wantLocal := nc.LocalAddr().String(), nc.RemoteAddr().String()
			if m.network == "unix" {
				wantRemote, wantLocal = b.ln.Addr(), b.ln.Addr()
			}
			if c0.RemoteAddr() != wantRemote || c0.LocalAddr() != wantLocal {
				t.Errorf("remote %s, local %s, want %s, %s", c0.RemoteAddr(), c0.LocalAddr(), wantRemote, wantLocal)
			}
			if (c0.Fd() < 0) != (len(pollers) == 0) {
				t.Errorf("descriptor %d", c0.Fd())
			}
			for _, err := range []error{c0.SetNoDelay(true), c0.SetKeepAlive(300), c0.SetKeepAlive(0)} {
				if err != nil {
					t.Error(err)
				}
			}
			if s := c0.TLSState(); (s != nil && s.HandshakeComplete) != (m.network == "tls") {
				t.Error("TLS state", s)
			}
			if c0.BytesIn() != 1 || c0.LastRead() == 0 || c0.LastError() != nil {
				t.Error(c0.BytesIn(), c0.LastRead(), c0.LastError())
			}
		})
	})
}
