// SPDX-License-Identifier: BSD-3-Clause

// Package anet opens, accepts and tunes stream sockets (counterpart: anet.c).
package anet

// What is here works on every system: names, addresses, error texts and the Listener type. The calls on descriptors
// are in anet_unix.go (and small files per system where their constants differ); systems without descriptors that a
// program may poll (anet_other.go) listen and dial through package net, and ErrNoDescriptor answers the rest.

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
)

// ErrNoDescriptor is returned where the system has no pollable socket descriptors.
var ErrNoDescriptor = errors.New("socket descriptors are not available on this system")

// ErrUnsupported is returned for a socket option that the system lacks.
var ErrUnsupported = errors.New("unsupported on this platform")

// OpError is an error of a system call with the name that Redis puts before it: "bind: Address already in use".
type OpError struct {
	Op  string
	Err error
}

func (e *OpError) Error() string { return e.Op + ": " + Strerror(e.Err) }
func (e *OpError) Unwrap() error { return e.Err }

func opError(op string, err error) error {
	if err == nil {
		return nil
	}
	return &OpError{op, err}
}

// Strerror is the text of an error as strerror(3) spells it: Go keeps the same texts, but starts them in lower case.
// Errors of package net are unwrapped down to the errno where there is one.
func Strerror(err error) string {
	if err == nil {
		return "Success"
	}
	var op *OpError
	if errors.As(err, &op) {
		return op.Error()
	}
	var errno syscall.Errno
	s := ""
	if errors.As(err, &errno) {
		s = errno.Error()
	} else {
		s = err.Error()
	}
	if s != "" && s[0] >= 'a' && s[0] <= 'z' && errno != 0 {
		s = string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

// Listener is a listening stream socket: a descriptor, or a net.Listener where there are none.
type Listener struct {
	fd      int
	ln      net.Listener
	network string // "tcp" or "unix"
	addr    string
}

// Fd returns the descriptor, -1 if there is none.
func (l *Listener) Fd() int { return l.fd }

// Network is "tcp" or "unix".
func (l *Listener) Network() string { return l.network }

// Addr is the address the socket really has: "ip:port", "[v6]:port", or a path.
func (l *Listener) Addr() string { return l.addr }

// Port is the TCP port the socket really has, 0 for a Unix socket.
func (l *Listener) Port() int {
	if ap, err := netip.ParseAddrPort(l.addr); err == nil {
		return int(ap.Port())
	}
	return 0
}

// FormatAddr joins ip and port the way Redis displays addresses: the ip in brackets if it holds a colon (C:
// anetFormatAddr).
func FormatAddr(ip string, port int) string {
	if strings.IndexByte(ip, ':') >= 0 {
		return "[" + ip + "]:" + strconv.Itoa(port)
	}
	return ip + ":" + strconv.Itoa(port)
}

// SplitAddr takes "ip:port" or "[v6]:port" apart.
func SplitAddr(address string) (host string, port int, err error) {
	h, p, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(p)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, errors.New("invalid port " + strconv.Quote(p))
	}
	return h, port, nil
}

// Resolve returns the first address of host as text. With ipOnly, host must already be an address: the function then
// only validates and normalises it. It blocks on the resolver otherwise (C: anetResolve).
func Resolve(host string, ipOnly bool) (string, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.String(), nil
	}
	if ipOnly {
		return "", errors.New("Name or service not known")
	}
	addrs, err := LookupIP(context.Background(), host)
	if err != nil {
		return "", err
	}
	return addrs[0].String(), nil
}

// LookupIP returns the addresses of host, at least one, literal addresses without asking the resolver. It blocks.
func LookupIP(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(ips) == 0 {
		return nil, errors.New("Name or service not known")
	}
	addrs := make([]netip.Addr, 0, len(ips))
	for _, a := range ips {
		addrs = append(addrs, a.Unmap())
	}
	return addrs, nil
}
