// SPDX-License-Identifier: BSD-3-Clause

//go:build !(unix || zos)

package anet

// Windows, and whatever else has no descriptors to poll: listening goes through package net, and connections are
// net.Conns that goroutines pump. Calls on descriptors answer ErrNoDescriptor.

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
)

// Descriptors tells whether sockets are descriptors that can be polled.
const Descriptors = false

// unixPathMax is the size of sun_path.
const unixPathMax = 108

// ListenTCP opens a listening socket on one address; see anet_unix.go. The backlog is the system's.
func ListenTCP(host string, port, backlog int, v6 bool, mark uint32) (*Listener, error) {
	network := "tcp4"
	if v6 {
		network = "tcp6"
	}
	switch {
	case host == "*", v6 && host == "::*":
		host = ""
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), network, net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		var sc *os.SyscallError
		if errors.As(err, &sc) {
			return nil, &OpError{sc.Syscall, sc.Err}
		}
		return nil, err
	}
	addr := ln.Addr().String()
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		addr = netip.AddrPortFrom(ap.Addr().WithZone(""), ap.Port()).String()
	}
	return &Listener{fd: -1, ln: ln, network: "tcp", addr: addr}, nil
}

// ListenUnix opens a listening Unix socket at path; see anet_unix.go. The mode is set where files have one.
func ListenUnix(path string, perm uint32, backlog int) (*Listener, error) {
	if len(path) > unixPathMax-1 {
		return nil, errors.New("unix socket path too long (" + strconv.Itoa(len(path)) + "), must be under " +
			strconv.Itoa(unixPathMax))
	}
	// A stale socket does not say here that it is one; only what nobody answers on is removed.
	if _, err := os.Lstat(path); err == nil {
		if c, err := net.Dial("unix", path); err == nil {
			c.Close()
		} else {
			os.Remove(path)
		}
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	if perm != 0 {
		os.Chmod(path, os.FileMode(perm))
	}
	return &Listener{fd: -1, ln: ln, network: "unix", addr: path}, nil
}

// Close closes the socket.
func (l *Listener) Close() error {
	if l.ln == nil {
		return nil
	}
	err := l.ln.Close()
	l.ln = nil
	return err
}

// NetListener gives the socket as a net.Listener.
func (l *Listener) NetListener() (net.Listener, error) {
	if l.ln == nil {
		return nil, net.ErrClosed
	}
	return l.ln, nil
}

// The calls on descriptors; see anet_unix.go.

func Accept(fd int) (int, netip.AddrPort, error) { return -1, netip.AddrPort{}, ErrNoDescriptor }
func Connect(ap netip.AddrPort, source netip.Addr) (int, bool, error) {
	return -1, false, ErrNoDescriptor
}
func ConnectUnix(path string) (int, bool, error) { return -1, false, ErrNoDescriptor }
func SocketError(fd int) error                   { return ErrNoDescriptor }
func Close(fd int) error                         { return ErrNoDescriptor }
func Shutdown(fd int) error                      { return ErrNoDescriptor }
func NoDelay(fd int, on bool) error              { return ErrNoDescriptor }
func KeepAlive(fd, interval int) error           { return ErrNoDescriptor }
func SendTimeout(fd int, ms int64) error         { return ErrNoDescriptor }
func RecvTimeout(fd int, ms int64) error         { return ErrNoDescriptor }
func PeerName(fd int) string                     { return "?:0" }
func SockName(fd int) string                     { return "?:0" }
func NetConn(fd int) (net.Conn, error)           { return nil, ErrNoDescriptor }
