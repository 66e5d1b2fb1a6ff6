// SPDX-License-Identifier: BSD-3-Clause

//go:build unix || zos

package anet

// Sockets by descriptor. Every descriptor made here is non-blocking and close-on-exec from the start.

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Descriptors tells whether sockets are descriptors that can be polled.
const Descriptors = true

// unixPathMax is the size of sun_path.
const unixPathMax = len(unix.RawSockaddrUnix{}.Path)

func sockaddr(ap netip.AddrPort) (unix.Sockaddr, int) {
	a := ap.Addr()
	if a.Is4() {
		return &unix.SockaddrInet4{Port: int(ap.Port()), Addr: a.As4()}, unix.AF_INET
	}
	sa := &unix.SockaddrInet6{Port: int(ap.Port()), Addr: a.As16()}
	if z := a.Zone(); z != "" {
		if ifi, err := net.InterfaceByName(z); err == nil {
			sa.ZoneId = uint32(ifi.Index)
		} else if n, err := strconv.Atoi(z); err == nil {
			sa.ZoneId = uint32(n)
		}
	}
	return sa, unix.AF_INET6
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

func setReuseAddr(fd int) error {
	return opError("setsockopt SO_REUSEADDR", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
}

// ListenTCP opens a listening socket on one address. host may be a name, an address, "*" (any IPv4, or any IPv6 with
// v6) or "::*". A mark other than 0 is set on it as SetMark does, with no error where the system has no marks (C:
// anetTcpServer, anetTcp6Server).
func ListenTCP(host string, port, backlog int, v6 bool, mark uint32) (*Listener, error) {
	var addr netip.Addr
	switch {
	case host == "*" || host == "":
		addr = netip.IPv4Unspecified()
		if v6 {
			addr = netip.IPv6Unspecified()
		}
	case v6 && host == "::*":
		addr = netip.IPv6Unspecified()
	default:
		addrs, err := LookupIP(context.Background(), host)
		if err != nil {
			return nil, err
		}
		for _, a := range addrs {
			if a.Is4() != v6 {
				addr = a
				break
			}
		}
		if !addr.IsValid() {
			return nil, errors.New("Address family for hostname not supported")
		}
	}
	sa, family := sockaddr(netip.AddrPortFrom(addr, uint16(port)))
	fd, err := socket(family)
	if err != nil {
		return nil, &OpError{"unable to bind socket, errno", err}
	}
	err = func() error {
		if v6 {
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
				return opError("setsockopt", err)
			}
		}
		if err := setReuseAddr(fd); err != nil {
			return err
		}
		if err := unix.Bind(fd, sa); err != nil {
			return opError("bind", err)
		}
		if err := unix.Listen(fd, backlog); err != nil {
			return opError("listen", err)
		}
		if mark != 0 {
			if err := SetMark(fd, mark); err != nil && err != ErrUnsupported {
				return err
			}
		}
		return nil
	}()
	if err != nil {
		Close(fd)
		return nil, err
	}
	return &Listener{fd: fd, network: "tcp", addr: SockName(fd)}, nil
}

// ListenUnix opens a listening Unix socket at path, in place of a stale one; perm other than 0 becomes the file's
// mode (C: anetUnixServer).
func ListenUnix(path string, perm uint32, backlog int) (*Listener, error) {
	if len(path) > unixPathMax-1 {
		return nil, errors.New("unix socket path too long (" + strconv.Itoa(len(path)) + "), must be under " +
			strconv.Itoa(unixPathMax))
	}
	if fi, err := os.Lstat(path); err == nil && fi.Mode()&fs.ModeSocket != 0 {
		os.Remove(path)
	}
	fd, err := socket(unix.AF_UNIX)
	if err != nil {
		return nil, opError("creating socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		Close(fd)
		return nil, opError("bind", err)
	}
	if perm != 0 {
		if err := unix.Chmod(path, perm); err != nil {
			Close(fd)
			return nil, opError("chmod", err)
		}
	}
	if err := unix.Listen(fd, backlog); err != nil {
		Close(fd)
		return nil, opError("listen", err)
	}
	return &Listener{fd: fd, network: "unix", addr: path}, nil
}

// Close closes the socket; the file of a Unix socket stays (its owner unlinks it).
func (l *Listener) Close() error {
	if l.fd < 0 && l.ln == nil {
		return nil
	}
	if l.ln != nil {
		err := l.ln.Close()
		l.ln = nil
		if l.fd >= 0 {
			Close(l.fd)
			l.fd = -1
		}
		return err
	}
	err := Close(l.fd)
	l.fd = -1
	return err
}

// NetListener gives the socket as a net.Listener, for code that accepts in a goroutine of its own. The Listener
// remains the one to close.
func (l *Listener) NetListener() (net.Listener, error) {
	if l.ln != nil {
		return l.ln, nil
	}
	fd, err := unix.Dup(l.fd)
	if err != nil {
		return nil, opError("dup", err)
	}
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), l.addr)
	ln, err := net.FileListener(f)
	f.Close()
	if err != nil {
		return nil, err
	}
	if u, ok := ln.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	l.ln = ln
	return ln, nil
}

// Accept takes one connection from a listening descriptor. peer is zero for Unix sockets. The error is the bare errno
// (EAGAIN when there is none waiting).
func Accept(fd int) (nfd int, peer netip.AddrPort, err error) {
	for {
		nfd, sa, err := accept(fd)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return -1, netip.AddrPort{}, err
		}
		return nfd, addrPort(sa), nil
	}
}

// Connect starts a non-blocking connection to ap, bound to source if that is valid. It returns at once: inProgress
// says that writability will tell (SocketError then has the outcome).
func Connect(ap netip.AddrPort, source netip.Addr) (fd int, inProgress bool, err error) {
	sa, family := sockaddr(ap)
	fd, err = socket(family)
	if err != nil {
		return -1, false, opError("creating socket", err)
	}
	if err = setReuseAddr(fd); err != nil {
		Close(fd)
		return -1, false, err
	}
	if source.IsValid() {
		src, _ := sockaddr(netip.AddrPortFrom(source, 0))
		if err = unix.Bind(fd, src); err != nil {
			Close(fd)
			return -1, false, opError("bind", err)
		}
	}
	return connect(fd, sa)
}

// ConnectUnix is Connect for a Unix socket.
func ConnectUnix(path string) (fd int, inProgress bool, err error) {
	fd, err = socket(unix.AF_UNIX)
	if err != nil {
		return -1, false, opError("creating socket", err)
	}
	return connect(fd, &unix.SockaddrUnix{Name: path})
}

func connect(fd int, sa unix.Sockaddr) (int, bool, error) {
	switch err := unix.Connect(fd, sa); err {
	case nil:
		return fd, false, nil
	case unix.EINPROGRESS, unix.EINTR: // an interrupted connect goes on in the background
		return fd, true, nil
	default:
		Close(fd)
		return -1, false, opError("connect", err)
	}
}

// SocketError takes the pending error off a socket (SO_ERROR); nil if there is none.
func SocketError(fd int) error {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return err
	}
	if n != 0 {
		return unix.Errno(n)
	}
	return nil
}

// Close closes a descriptor.
func Close(fd int) error { return unix.Close(fd) }

// Shutdown ends both directions without giving the descriptor back.
func Shutdown(fd int) error { return unix.Shutdown(fd, unix.SHUT_RDWR) }

// NoDelay sets or clears TCP_NODELAY.
func NoDelay(fd int, on bool) error {
	v := 0
	if on {
		v = 1
	}
	return opError("setsockopt TCP_NODELAY", unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, v))
}

// KeepAlive makes the kernel probe an idle TCP peer after interval seconds, then thrice at a third of it; an interval
// of 0 turns probing off. Where the system lets only some of these be set, those are (C: anetKeepAlive).
func KeepAlive(fd, interval int) error {
	if interval <= 0 {
		return opError("setsockopt SO_KEEPALIVE", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0))
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1); err != nil {
		return opError("setsockopt SO_KEEPALIVE", err)
	}
	for _, o := range keepAliveOptions {
		v := o.value
		if v == 0 {
			v = max(interval/o.divisor, 1)
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, o.option, v); err != nil {
			return opError("setsockopt "+o.name, err)
		}
	}
	return nil
}

// keepAliveOption is one option of KeepAlive: a fixed value, or the interval divided.
type keepAliveOption struct {
	name           string
	option         int
	divisor, value int
}

// SendTimeout sets SO_SNDTIMEO, for descriptors used blocking; 0 disables it.
func SendTimeout(fd int, ms int64) error {
	tv := unix.NsecToTimeval(ms * 1e6)
	return opError("setsockopt SO_SNDTIMEO", unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv))
}

// RecvTimeout sets SO_RCVTIMEO, for descriptors used blocking; 0 disables it.
func RecvTimeout(fd int, ms int64) error {
	tv := unix.NsecToTimeval(ms * 1e6)
	return opError("setsockopt SO_RCVTIMEO", unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
}

// PeerName is the address of the other end, as SockName.
func PeerName(fd int) string {
	sa, err := unix.Getpeername(fd)
	return nameOf(sa, err)
}

// SockName is the address of our end: "ip:port", "[v6]:port", the path of a Unix socket (empty if it has none), "?:0"
// if the system does not tell.
func SockName(fd int) string {
	sa, err := unix.Getsockname(fd)
	return nameOf(sa, err)
}

func nameOf(sa unix.Sockaddr, err error) string {
	if err != nil {
		return "?:0"
	}
	if u, ok := sa.(*unix.SockaddrUnix); ok {
		return u.Name
	}
	if ap := addrPort(sa); ap.IsValid() {
		return ap.String()
	}
	return "?:0"
}

// NetConn turns a connected descriptor into a net.Conn, which then owns it; on error it is closed.
func NetConn(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), runtime.GOOS+" socket")
	c, err := net.FileConn(f)
	f.Close()
	return c, err
}
