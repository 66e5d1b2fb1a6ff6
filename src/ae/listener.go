// SPDX-License-Identifier: BSD-3-Clause

package ae

// Listeners. When the system has no descriptor left for a new connection, the one waiting stays readable for ever: the
// listener is disarmed then, and armed again when a connection closes or after acceptRetryMs, whichever comes first.

import (
	"crypto/tls"
	"net"
	"net/netip"
	"syscall"
	"time"

	"redport/src/anet"
)

const acceptsPerTurn = 1000

// Listener is a listening socket that yields connections of one type.
type Listener struct {
	// Network is the type of its connections: "tcp", "unix" or "tls".
	Network string

	// Address is the configured address, for messages.
	Address string

	// TLS gives the configuration for the next connection, for "tls" only.
	TLS func() *tls.Config

	// AcceptsPerTurn bounds the connections accepted in one turn (max-new-connections-per-cycle); 0: 1000.
	AcceptsPerTurn int

	sock   *anet.Listener
	loop   *Loop
	accept func(*Conn)
	paused bool
	armed  bool
	rest   int64         // resting until then (loop.now)
	gate   chan struct{} // acceptor goroutine: takes a token for each connection under way to the loop
	quit   chan struct{} // closed to end the acceptor goroutine; nil without one
	held   []net.Conn    // accepted by it while paused
}

// NewListener makes a Listener of a socket.
func NewListener(network, address string, sock *anet.Listener, config func() *tls.Config) *Listener {
	return &Listener{Network: network, Address: address, TLS: config, sock: sock}
}

// Addr is the address it really listens on.
func (ln *Listener) Addr() string { return ln.sock.Addr() }

// Port is the TCP port it really listens on, 0 for Unix sockets.
func (ln *Listener) Port() int { return ln.sock.Port() }

// Fd is the descriptor, -1 if there is none.
func (ln *Listener) Fd() int { return ln.sock.Fd() }

// Close removes the listener from its loop and closes the socket.
func (ln *Listener) Close() error {
	if ln.loop != nil {
		ln.loop.RemoveListener(ln)
	}
	return ln.sock.Close()
}

// AddListener has accept called, on the loop's goroutine, for each new connection. accept must set a handler, or the
// connection is closed. A TLS connection is handed over before its handshake.
func (l *Loop) AddListener(ln *Listener, accept func(*Conn)) error {
	ln.loop, ln.accept = l, accept
	if l.poll == nil {
		nl, err := ln.sock.NetListener()
		if err != nil {
			return err
		}
		setAcceptDeadline(nl, time.Time{})
		ln.gate = make(chan struct{}, ln.perTurn())
		ln.quit = make(chan struct{})
		l.pumps.Add(1)
		go ln.acceptLoop(l, nl, ln.gate, ln.quit)
	} else {
		if err := l.arm(ln.sock.Fd(), slot{ln: ln}, Readable); err != nil {
			return err
		}
		ln.armed = true
	}
	l.lns[ln] = struct{}{}
	return nil
}

// RemoveListener stops accepting; the socket stays open.
func (l *Loop) RemoveListener(ln *Listener) {
	if _, ok := l.lns[ln]; !ok {
		return
	}
	delete(l.lns, ln)
	if ln.quit != nil {
		close(ln.quit)
		ln.quit = nil
		// Only a deadline or Close gets the acceptor out of its Accept, and the socket may live on.
		if nl, err := ln.sock.NetListener(); err == nil {
			setAcceptDeadline(nl, time.Unix(1, 0))
		}
		for _, nc := range ln.held {
			nc.Close()
		}
		ln.held = nil
	} else if ln.armed {
		l.disarm(ln.sock.Fd(), Readable)
		ln.armed = false
	}
	for i, r := range l.rested {
		if r == ln {
			l.rested = append(l.rested[:i], l.rested[i+1:]...)
			break
		}
	}
	ln.loop = nil
}

func setAcceptDeadline(nl net.Listener, t time.Time) {
	if d, ok := nl.(interface{ SetDeadline(time.Time) error }); ok {
		d.SetDeadline(t)
	}
}

// PauseAccept leaves new connections in the system's queue until ResumeAccept.
func (ln *Listener) PauseAccept() {
	ln.paused = true
	ln.update()
}

// ResumeAccept undoes PauseAccept.
func (ln *Listener) ResumeAccept() {
	ln.paused = false
	ln.update()
}

// update arms or disarms as the state asks for.
func (ln *Listener) update() {
	l := ln.loop
	if l == nil {
		return
	}
	if l.poll == nil {
		for len(ln.held) > 0 && !ln.paused && ln.loop == l {
			nc := ln.held[0]
			ln.held = ln.held[1:]
			ln.accepted(nc, nil)
		}
		return
	}
	want := !ln.paused && ln.rest == 0
	switch {
	case want && !ln.armed:
		if err := l.arm(ln.sock.Fd(), slot{ln: ln}, Readable); err != nil {
			ln.failed(err)
			return
		}
		ln.armed = true
	case !want && ln.armed:
		l.disarm(ln.sock.Fd(), Readable)
		ln.armed = false
	}
}

func (ln *Listener) perTurn() int {
	if ln.AcceptsPerTurn > 0 {
		return ln.AcceptsPerTurn
	}
	return acceptsPerTurn
}

func (ln *Listener) failed(err error) {
	if ln.loop != nil && ln.loop.AcceptError != nil {
		ln.loop.AcceptError(ln, err)
	}
}

// acceptReady takes the connections that wait, on a readiness back end.
func (ln *Listener) acceptReady() {
	l := ln.loop
	for range ln.perTurn() {
		if ln.loop == nil || ln.paused {
			return // removed or paused by accept
		}
		fd, peer, err := anet.Accept(ln.sock.Fd())
		if err != nil {
			switch {
			case err == syscall.EAGAIN:
			case temporary(err):
				continue
			default:
				if exhausted(err) {
					ln.exhausted()
				}
				ln.failed(err)
			}
			return
		}
		l.Stats.Accepted++
		l.acceptFd(ln, fd, peer)
	}
}

func (l *Loop) acceptFd(ln *Listener, fd int, peer netip.AddrPort) {
	var c *Conn
	var err error
	if ln.Network == "tls" {
		var nc net.Conn
		if nc, err = anet.NetConn(fd); err == nil {
			c = l.newPump(nc, ln.TLS(), nil, "tls", peer, "")
		}
	} else {
		path := ""
		if ln.Network == "unix" {
			path = ln.sock.Addr()
		}
		if c, err = l.newFdConn(fd, Readable, ln.Network, peer, path); err != nil {
			anet.Close(fd)
		}
	}
	if err != nil {
		ln.failed(err)
		return
	}
	ln.handOver(c)
}

// handOver gives a new connection to its owner.
func (ln *Listener) handOver(c *Conn) {
	ln.accept(c)
	if c.h == nil {
		c.Close()
	} else if c.pump != nil {
		c.pump.start()
	}
}

// exhausted lets the listener rest.
func (ln *Listener) exhausted() {
	l := ln.loop
	if ln.rest != 0 {
		return
	}
	ln.rest = l.now + acceptRetryMs*1e6
	l.rested = append(l.rested, ln)
	ln.update()
	l.CreateTimeEvent(acceptRetryMs, func() int64 {
		l.wakeListeners(false)
		return NoMore
	})
}

// wakeListeners ends the rest of the listeners whose time is over, or all.
func (l *Loop) wakeListeners(all bool) {
	q := l.rested
	l.rested = nil
	for _, ln := range q {
		if all || l.now >= ln.rest {
			ln.rest = 0
			ln.update()
		} else {
			l.rested = append(l.rested, ln)
		}
	}
}

// acceptLoop is the goroutine of a listener whose socket cannot be polled.
func (ln *Listener) acceptLoop(l *Loop, nl net.Listener, gate, quit chan struct{}) {
	defer l.pumps.Done()
	for {
		select {
		case gate <- struct{}{}: // no more of them than the loop takes in a turn
		case <-quit:
			return
		}
		nc, err := nl.Accept()
		select {
		case <-quit:
			// A listener that was added again at once may have reset the deadline too early to get us out, and a
			// connection must not be lost by that.
			if err == nil {
				l.postPump(&pump{ln: ln, nc: nc})
			}
			return
		default:
		}
		l.postPump(&pump{ln: ln, nc: nc, readErr: err})
		if err != nil {
			wait := time.Millisecond
			if exhausted(err) {
				wait = acceptRetryMs * time.Millisecond
			}
			select {
			case <-time.After(wait):
			case <-quit:
				return
			}
		}
	}
}

// accepted takes what acceptLoop posted.
func (ln *Listener) accepted(nc net.Conn, err error) {
	l := ln.loop
	if err != nil {
		ln.release()
		if l != nil && !temporary(err) {
			ln.failed(err)
		}
		return
	}
	if l == nil {
		nc.Close()
		return
	}
	if ln.paused {
		ln.held = append(ln.held, nc)
		return
	}
	ln.release()
	l.Stats.Accepted++
	var peer netip.AddrPort
	path := ""
	if ta, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		peer = ta.AddrPort()
		peer = netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
	} else {
		path = ln.sock.Addr()
	}
	var config *tls.Config
	if ln.Network == "tls" {
		config = ln.TLS()
	}
	ln.handOver(l.newPump(nc, config, nil, ln.Network, peer, path))
}

// release lets the acceptor go on with another connection.
func (ln *Listener) release() {
	select {
	case <-ln.gate:
	default: // the token was one of an acceptor that has ended
	}
}
