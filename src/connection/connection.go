// SPDX-License-Identifier: BSD-3-Clause

// Package connection makes the listeners of each connection type (tcp, tls, unix) and their TLS configuration
// (counterpart: connection.c, and the listening and configuring halves of socket.c, unix.c and tls.c).
package connection

// A Listener is what the configuration calls one: all the sockets of a type, one per address of `bind`. The loop then
// accepts from them; what a connection does is the business of package ae and of its handler.

import (
	"crypto/tls"
	"fmt"
	"os"
	"strings"

	"redport/src/ae"
	"redport/src/anet"
)

// Connection types, in the order in which INFO lists listeners.
const (
	TypeTCP  = "tcp"
	TypeUnix = "unix"
	TypeTLS  = "tls"
)

// Listener is the set of listening sockets of one connection type.
type Listener struct {
	Type    string
	Bind    []string // as configured; the path for "unix"
	Port    int      // as configured; 0 for "unix"
	Sockets []*ae.Listener
}

// Options of Listen.
type Options struct {
	Bind    []string // addresses; one that starts with '-' may be missing from this host
	Port    int      // 0 lets the system choose, which only tests want
	Backlog int
	Mark    uint32             // socket-mark-id, 0: none
	TLS     func() *tls.Config // makes the type "tls"

	// Warn hears of each address that could not be used, in the server's words. May be nil.
	Warn func(message string)
}

// Listen opens the TCP sockets of a listener. Addresses that are optional and not there, or whose family this host does
// not have, are passed over, so that there may be no socket at all; any other failure closes what was opened and is the
// result (C: connListen).
func Listen(o Options) (*Listener, error) {
	l := &Listener{Type: TypeTCP, Bind: o.Bind, Port: o.Port}
	if o.TLS != nil {
		l.Type = TypeTLS
	}
	port := o.Port
	for _, addr := range o.Bind {
		name, optional := strings.CutPrefix(addr, "-")
		sock, err := anet.ListenTCP(name, port, o.Backlog, strings.Contains(name, ":"), o.Mark)
		if err == nil {
			port = sock.Port() // the same for all, if the system chose
			l.Sockets = append(l.Sockets, ae.NewListener(l.Type, name, sock, o.TLS))
			continue
		}
		err = &ListenError{Address: name, Port: port, Err: err}
		if o.Warn != nil {
			o.Warn("Warning: " + err.Error())
		}
		if optional && anet.AddrMissing(err) || anet.FamilyMissing(err) {
			continue
		}
		l.Close()
		return nil, err
	}
	return l, nil
}

// ListenError is the failure of one address.
type ListenError struct {
	Address string
	Port    int
	Err     error
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("Could not create server TCP listening socket %s:%d: %s", e.Address, e.Port, anet.Strerror(e.Err))
}

func (e *ListenError) Unwrap() error { return e.Err }

// ListenUnix opens the socket at path, in place of a stale one. perm is its mode, 0: what the umask leaves.
func ListenUnix(path string, perm uint32, backlog int) (*Listener, error) {
	sock, err := anet.ListenUnix(path, perm, backlog)
	if err != nil {
		return nil, fmt.Errorf("Failed opening Unix socket: %s", anet.Strerror(err))
	}
	return &Listener{
		Type:    TypeUnix,
		Bind:    []string{path},
		Sockets: []*ae.Listener{ae.NewListener(TypeUnix, path, sock, nil)},
	}, nil
}

// Accept has the loop accept from all sockets. acceptsPerTurn is max-new-connections-per-cycle (or
// max-new-tls-connections-per-cycle), 0 for the loop's default.
func (l *Listener) Accept(loop *ae.Loop, acceptsPerTurn int, accept func(*ae.Conn)) error {
	l.SetAcceptsPerTurn(acceptsPerTurn)
	for _, ln := range l.Sockets {
		if err := loop.AddListener(ln, accept); err != nil {
			return fmt.Errorf("Unrecoverable error creating %s listener accept handler: %w", l.Type, err)
		}
	}
	return nil
}

// SetAcceptsPerTurn bounds the connections accepted in one turn.
func (l *Listener) SetAcceptsPerTurn(n int) {
	for _, ln := range l.Sockets {
		ln.AcceptsPerTurn = n
	}
}

// Pause stops accepting for now, Resume goes on.
func (l *Listener) Pause() {
	for _, ln := range l.Sockets {
		ln.PauseAccept()
	}
}

// Resume undoes Pause.
func (l *Listener) Resume() {
	for _, ln := range l.Sockets {
		ln.ResumeAccept()
	}
}

// Close closes the sockets. The file of a Unix socket stays: see Unlink.
func (l *Listener) Close() {
	for _, ln := range l.Sockets {
		ln.Close()
	}
	l.Sockets = nil
}

// Unlink removes the file of a Unix socket.
func (l *Listener) Unlink() error {
	if l.Type != TypeUnix {
		return nil
	}
	return os.Remove(l.Bind[0])
}

// ListeningPort is the port the sockets really have, 0 without any.
func (l *Listener) ListeningPort() int {
	if len(l.Sockets) == 0 {
		return 0
	}
	return l.Sockets[0].Port()
}

// Info is the listener's value in INFO server (C: getListensInfoString): "name=tcp,bind=*,bind=-::*,port=6379".
func (l *Listener) Info() string {
	var b strings.Builder
	b.WriteString("name=" + l.Type)
	for _, addr := range l.Bind {
		b.WriteString(",bind=" + addr)
	}
	if l.Port != 0 {
		fmt.Fprintf(&b, ",port=%d", l.Port)
	}
	return b.String()
}
