// SPDX-License-Identifier: BSD-3-Clause

package hiredis

// conn.go - connections: dialing, TLS, timeouts, pipelining. Counterpart: hiredis.c, net.c, ssl.c.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"redport/src/platform"
)

// Prefer says which addresses of a host are tried first.
type Prefer uint8

const (
	PreferAny  Prefer = iota // as C without a preference: IPv4
	PreferIPv4               // -4
	PreferIPv6               // -6
)

// Options say where to connect to, and how.
type Options struct {
	Host   string
	Port   int
	Unix   string // path of a socket; it goes before Host and Port
	Prefer Prefer

	TLS            *tls.Config   // nil: no TLS
	ConnectTimeout time.Duration // for connecting, TLS included; 0: the system's
	Timeout        time.Duration // for each wait for bytes to come or go; 0: none
	KeepAlive      time.Duration // interval of TCP keepalive; 0: none
}

// Conn is a connection. One goroutine may Write while another one reads replies (ReadReply); otherwise it is for one at a time.
type Conn struct {
	Reader

	// OnPush, where set, takes pushes, and Reply and Do pass on what comes after them.
	OnPush func(*Reply)

	nc      net.Conn
	timeout time.Duration
	out     []byte
}

// Dial connects.
func Dial(o *Options) (*Conn, error) {
	var deadline time.Time
	if o.ConnectTimeout > 0 {
		deadline = time.Now().Add(o.ConnectTimeout)
	}
	nc, err := dial(o, deadline)
	if err != nil {
		return nil, dialError(err)
	}
	if o.TLS != nil {
		secure := tls.Client(nc, o.TLS)
		_ = nc.SetDeadline(deadline)
		if err := secure.Handshake(); err != nil {
			nc.Close()
			return nil, &Error{Kind: KindOther, Text: "SSL_connect failed: " + handshakeText(err), Err: err}
		}
		_ = nc.SetDeadline(time.Time{})
		nc = secure
	}
	c := NewConn(nc)
	c.timeout = o.Timeout
	return c, nil
}

// NewConn makes a Conn of an open connection.
func NewConn(nc net.Conn) *Conn {
	c := &Conn{nc: nc}
	c.Reader.src = connReader{c}
	return c
}

func dial(o *Options, deadline time.Time) (net.Conn, error) {
	dialer := net.Dialer{Deadline: deadline, KeepAlive: -1}
	if o.KeepAlive > 0 {
		// C: TCP_KEEPIDLE the interval, TCP_KEEPINTVL a third of it, three probes.
		dialer.KeepAliveConfig = net.KeepAliveConfig{Enable: true, Idle: o.KeepAlive, Interval: max(o.KeepAlive/3, time.Second), Count: 3}
	}
	if o.Unix != "" {
		return dialer.Dial("unix", o.Unix)
	}
	addrs, err := lookup(o.Host, o.Prefer, deadline)
	if err != nil {
		return nil, err
	}
	for _, addr := range addrs {
		var nc net.Conn
		nc, err = dialer.Dial("tcp", net.JoinHostPort(addr.String(), strconv.Itoa(o.Port)))
		if err == nil {
			return nc, nil
		}
	}
	return nil, err
}

// errNoAddress: getaddrinfo's EAI_NONAME.
var errNoAddress = &Error{Kind: KindOther, Text: "Name or service not known"}

func lookup(host string, prefer Prefer, deadline time.Time) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	ctx := context.Background()
	if !deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(addrs) == 0 {
		return nil, errNoAddress
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	slices.SortStableFunc(addrs, func(a, b netip.Addr) int {
		if a.Is4() == b.Is4() {
			return 0
		}
		if a.Is4() == (prefer != PreferIPv6) {
			return -1
		}
		return 1
	})
	return addrs, nil
}

func dialError(err error) error {
	var e *Error
	var ne net.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &ne) && ne.Timeout():
		return &Error{Kind: KindTimeout, Text: "Connection timed out", Err: err}
	}
	return &Error{Kind: KindIO, Text: platform.Strerror(err), Err: err}
}

// handshakeText is OpenSSL's word for the failures that people see most, Go's for the others.
func handshakeText(err error) string {
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var hostname x509.HostnameError
	if errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &invalid) || errors.As(err, &hostname) {
		return "certificate verify failed"
	}
	return err.Error()
}

// connReader reads from the connection under its timeout.
type connReader struct{ c *Conn }

func (r connReader) Read(p []byte) (int, error) {
	if r.c.timeout > 0 {
		if err := r.c.nc.SetReadDeadline(time.Now().Add(r.c.timeout)); err != nil {
			return 0, err
		}
	}
	return r.c.nc.Read(p)
}

// NetConn is the connection underneath.
func (c *Conn) NetConn() net.Conn { return c.nc }

// Close closes the connection. What waits on it ends with an error.
func (c *Conn) Close() error { return c.nc.Close() }

// SetTimeout sets how long each wait for bytes may take from now on; 0: for ever.
func (c *Conn) SetTimeout(d time.Duration) error {
	c.timeout = d
	return c.nc.SetDeadline(time.Time{})
}

// Append adds a command to those that Flush will send.
func (c *Conn) Append(args ...string) { c.out = AppendCommand(c.out, args...) }

// AppendBytes is Append for arguments of another type.
func (c *Conn) AppendBytes(args ...[]byte) { c.out = AppendCommand(c.out, args...) }

// AppendRaw adds bytes that are in the form of the protocol already, or are not meant to be.
func (c *Conn) AppendRaw(p []byte) { c.out = append(c.out, p...) }

// Flush sends what was appended.
func (c *Conn) Flush() error {
	if len(c.out) == 0 {
		return nil
	}
	out := c.out
	c.out = c.out[:0]
	if cap(out) > keepBuffer {
		c.out = nil
	}
	_, err := c.Write(out)
	return err
}

// Write sends bytes at once, without those that were appended.
func (c *Conn) Write(p []byte) (int, error) {
	if c.timeout > 0 {
		if err := c.nc.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
			return 0, streamError(err)
		}
	}
	n, err := c.nc.Write(p)
	return n, streamErrorOrNil(err)
}

// Reply sends what was appended and reads the next reply.
func (c *Conn) Reply() (*Reply, error) {
	if err := c.Flush(); err != nil {
		return nil, err
	}
	for {
		reply, err := c.ReadReply()
		if err != nil || reply.Type != Push || c.OnPush == nil {
			return reply, err
		}
		c.OnPush(reply)
	}
}

// Do sends a command and reads its reply. An error reply is a reply: see Reply.Error.
func (c *Conn) Do(args ...string) (*Reply, error) {
	c.Append(args...)
	return c.Reply()
}
