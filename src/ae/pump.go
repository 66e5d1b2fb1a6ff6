// SPDX-License-Identifier: BSD-3-Clause

package ae

// Pumps: connections over a net.Conn, which can only be used by blocking in it. TLS connections are pumped on every
// system, all connections where sockets cannot be polled.
//
// A reader goroutine does the handshake, then reads into one of two buffers and offers it to the loop (in). The loop
// delivers it in place and gives it back; the reader can be one buffer ahead. So a handler that pauses reading holds
// the reader, and through it the peer.
//
// The loop copies output into the pump's buffer (out), up to pumpOut bytes, and a writer goroutine, which lives only
// while there are some, takes the buffer and writes it. When it is full the loop goes on once the writer has taken it.
//
// A pump is in the loop's inbox at most once (posted); what it has to tell is in its fields.

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"redport/src/anet"
)

const (
	pumpOut     = 64 * 1024
	pumpReadMin = 4 * 1024
	pumpReadMax = 64 * 1024

	// pumpLinger is how long output that Wrote covered may take to go out after Close: with a descriptor, the system
	// holds it and has no such limit, but here it would cost a goroutine.
	pumpLinger = 5 * time.Second
)

type pump struct {
	// ln is set in what an acceptor posts: nc or readErr is what it got.
	ln *Listener

	c       *Conn
	nc      net.Conn  // tls, or raw
	raw     net.Conn  // the socket
	tls     *tls.Conn // nil: not a TLS connection
	fd      int       // for show
	dialing *Dialing  // it is told when the handshake is over

	// The loop's.
	ready bool // the handshake is over
	begun bool // the reader runs

	mu       sync.Mutex // guards what follows
	taken    sync.Cond  // in has become nil, or closing
	posted   bool
	shaken   bool   // the handshake succeeded
	in       []byte // for the loop; nil: the reader may offer the next
	readErr  error  // the last thing the reader tells
	out      []byte // for the writer
	spare    []byte
	writing  bool // a writer runs
	full     bool // the loop waits for room in out
	writeErr error
	closing  bool
}

// newPump makes a connection over nc. config other than nil makes it a TLS connection, a client's if d is not nil.
func (l *Loop) newPump(nc net.Conn, config *tls.Config, d *Dialing, network string, remote netip.AddrPort, path string) *Conn {
	p := &pump{nc: nc, raw: nc, fd: -1, dialing: d}
	p.taken.L = &p.mu
	if config != nil {
		if d != nil {
			p.tls = tls.Client(nc, config)
		} else {
			p.tls = tls.Server(nc, config)
		}
		p.nc = p.tls
	} else {
		p.ready = true
	}
	if anet.Descriptors {
		if sc, ok := nc.(syscall.Conn); ok {
			if rc, err := sc.SyscallConn(); err == nil {
				rc.Control(func(fd uintptr) { p.fd = int(fd) })
			}
		}
	}
	c := &Conn{loop: l, pump: p, fd: -1, network: network, remote: remote, path: path, lastRead: l.now}
	p.c = c
	l.pumped[p] = struct{}{}
	l.nconns++
	return c
}

// start lets the reader go.
func (p *pump) start() {
	if p.begun || p.c.closed {
		return
	}
	p.begun = true
	p.c.loop.pumps.Add(1)
	go p.readLoop()
}

// --- The reader's goroutine ---

func (p *pump) readLoop() {
	l := p.c.loop
	defer l.pumps.Done()
	if p.tls != nil {
		err := p.tls.Handshake()
		p.mu.Lock()
		if err != nil {
			p.readErr = &HandshakeError{bareError(err)}
		} else {
			p.shaken = true
		}
		p.post()
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
	var bufs [2][]byte
	size := pumpReadMin
	for i := 0; ; i ^= 1 {
		if len(bufs[i]) < size {
			bufs[i] = make([]byte, size)
		}
		n, err := p.nc.Read(bufs[i])
		if n == size && size < pumpReadMax {
			size *= 4
		}
		if n == 0 && err == nil {
			continue
		}
		p.mu.Lock()
		for p.in != nil && !p.closing {
			p.taken.Wait()
		}
		if p.closing {
			p.mu.Unlock()
			return
		}
		if n > 0 {
			p.in = bufs[i][:n]
		}
		if err != nil {
			p.readErr = bareError(err)
		}
		p.post()
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// post tells the loop; mu must be held.
func (p *pump) post() {
	if !p.posted {
		p.posted = true
		p.c.loop.postPump(p)
	}
}

// bareError is an error as the readiness back ends have it: io.EOF or an errno where it is one. That TLS saw no
// close_notify before the end of the stream is an end like any other, as a peer that dies sends none.
func bareError(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	if err == io.ErrUnexpectedEOF {
		return io.EOF
	}
	return err
}

// --- The writer's goroutine ---

func (p *pump) writeLoop() {
	defer p.c.loop.pumps.Done()
	p.mu.Lock()
	for len(p.out) > 0 && p.writeErr == nil {
		b := p.out
		p.out = p.spare[:0]
		if p.full {
			p.full = false
			p.post()
		}
		p.mu.Unlock()
		_, err := p.nc.Write(b)
		p.mu.Lock()
		p.spare = b
		if err != nil {
			p.writeErr = bareError(err)
			p.post()
		}
	}
	p.writing = false
	closing := p.closing
	p.mu.Unlock()
	if closing {
		p.nc.Close()
	}
}

// --- The loop's side ---

// runPumps takes them one by one off the queue, so that a turn inside one of their handlers goes on with the others.
func (l *Loop) runPumps() int {
	b := &l.inbox
	n := 0
	for b.head < len(b.pumps) {
		p := b.pumps[b.head]
		b.pumps[b.head] = nil
		b.head++
		n++
		if p.ln != nil {
			p.ln.accepted(p.nc, p.readErr)
			continue
		}
		p.run()
	}
	b.pumps, b.head = b.pumps[:0], 0
	return n
}

// run takes what the goroutines have for the loop.
func (p *pump) run() {
	c := p.c
	p.mu.Lock()
	p.posted = false
	in, readErr, writeErr, shaken, full := p.in, p.readErr, p.writeErr, p.shaken, p.full
	p.mu.Unlock()
	if c.closed {
		return
	}
	if c.inData {
		c.retry = true
		return
	}
	if shaken && !p.ready {
		p.ready = true
		if d := p.dialing; d != nil {
			p.dialing = nil
			c.dial = nil
			d.finish(c, nil)
		} else if h, ok := c.h.(Handshaker); ok {
			h.Handshaked()
		}
		if !c.closed {
			p.flush()
		}
	}
	if in != nil && !c.closed && !c.paused && c.h != nil {
		c.take(in)
		in = nil
		p.mu.Lock()
		p.in = nil
		p.taken.Signal()
		p.mu.Unlock()
	}
	if c.closed {
		return
	}
	switch {
	case writeErr != nil:
		c.fail(writeErr)
	case readErr != nil && in == nil && (!c.paused || !p.ready):
		if d := p.dialing; d != nil {
			var h *HandshakeError
			if errors.As(readErr, &h) {
				readErr = h.Err
			}
			d.finish(nil, readErr)
			return
		}
		c.fail(readErr)
	case !full && c.loop.Barrier:
		c.QueueWrite()
	case !full:
		p.flush()
	}
}

// flush copies output for the writer.
func (p *pump) flush() {
	c := p.c
	if !p.ready || c.h == nil {
		return
	}
	for !c.closed {
		b := c.h.Output()
		if len(b) == 0 {
			break
		}
		p.mu.Lock()
		n := min(len(b), pumpOut-len(p.out))
		if n <= 0 {
			p.full = true
			p.mu.Unlock()
			break
		}
		p.out = append(p.out, b[:n]...)
		p.mu.Unlock()
		c.wrote(n)
	}
	// Also after a Close by Wrote: what it covered is to go out.
	p.mu.Lock()
	if len(p.out) > 0 && !p.writing && p.writeErr == nil {
		p.writing = true
		p.c.loop.pumps.Add(1)
		go p.writeLoop()
	}
	p.mu.Unlock()
}

// close is the Conn's end. The reader and the writer find out by themselves; the last output goes out first.
func (p *pump) close() {
	l := p.c.loop
	delete(l.pumped, p)
	p.mu.Lock()
	p.closing = true
	p.taken.Signal()
	drain := len(p.out) > 0 || p.writing
	if drain {
		p.raw.SetWriteDeadline(time.Now().Add(pumpLinger))
		if !p.writing {
			p.writing = true
			l.pumps.Add(1)
			go p.writeLoop()
		}
	}
	p.mu.Unlock()
	if !drain {
		// Closing TLS sends an alert first, which may block.
		l.pumps.Add(1)
		go func() {
			defer l.pumps.Done()
			p.nc.Close()
		}()
	}
}

func (p *pump) tlsState() *tls.ConnectionState {
	if p.tls == nil || !p.ready {
		return nil
	}
	s := p.tls.ConnectionState()
	return &s
}

func (p *pump) localAddr() string {
	a := p.raw.LocalAddr()
	if ta, ok := a.(*net.TCPAddr); ok {
		ap := ta.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()).String()
	}
	return a.String()
}

func (p *pump) setNoDelay(on bool) error {
	if t, ok := p.raw.(*net.TCPConn); ok {
		return t.SetNoDelay(on)
	}
	return nil
}

func (p *pump) setKeepAlive(interval int) error {
	t, ok := p.raw.(*net.TCPConn)
	if !ok {
		return nil
	}
	if interval <= 0 {
		return t.SetKeepAlive(false)
	}
	return t.SetKeepAliveConfig(net.KeepAliveConfig{
		Enable:   true,
		Idle:     time.Duration(interval) * time.Second,
		Interval: time.Duration(max(interval/3, 1)) * time.Second,
		Count:    3,
	})
}
