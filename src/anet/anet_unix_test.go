// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package anet

import (
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// ready waits for an event of fd.
func ready(t *testing.T, fd int, events int) {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(fd)}}
	if events == unix.POLLOUT {
		p[0].Events = unix.POLLOUT
	} else {
		p[0].Events = unix.POLLIN
	}
	for {
		n, err := unix.Poll(p, 30000)
		if err == unix.EINTR {
			continue
		}
		if n != 1 {
			t.Fatal("timeout", err)
		}
		return
	}
}

func flags(t *testing.T, fd int) {
	t.Helper()
	fl, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || fl&unix.O_NONBLOCK == 0 {
		t.Error("not non-blocking", err)
	}
	fl, err = unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || fl&unix.FD_CLOEXEC == 0 {
		t.Error("not close-on-exec", err)
	}
}

func TestConnectAccept(t *testing.T) {
	l, err := ListenTCP("127.0.0.1", 0, 10, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	flags(t, l.Fd())
	if _, _, err := Accept(l.Fd()); err != unix.EAGAIN {
		t.Error("accepted nothing:", err)
	}
	for _, source := range []string{"", "127.0.0.2"} {
		var src netip.Addr
		if source != "" {
			src = netip.MustParseAddr(source)
		}
		c, _, err := Connect(netip.MustParseAddrPort(l.Addr()), src)
		if err != nil {
			t.Skip(err) // some systems have but one loopback address
		}
		flags(t, c)
		ready(t, l.Fd(), unix.POLLIN)
		s, peer, err := Accept(l.Fd())
		if err != nil {
			t.Fatal(err)
		}
		flags(t, s)
		ready(t, c, unix.POLLOUT)
		if err := SocketError(c); err != nil {
			t.Error(err)
		}
		if peer.String() != SockName(c) || PeerName(c) != SockName(s) || PeerName(s) != SockName(c) || SockName(s) != l.Addr() {
			t.Error(peer, SockName(c), PeerName(c), SockName(s), PeerName(s), l.Addr())
		}
		if source != "" && peer.Addr() != src {
			t.Error("bound to", peer)
		}
		for _, err := range []error{NoDelay(c, true), NoDelay(c, false), KeepAlive(c, 300), KeepAlive(c, 1), SendTimeout(c, 1500), RecvTimeout(c, 0)} {
			if err != nil {
				t.Error(err)
			}
		}
		KeepAlive(c, 300)
		for _, o := range keepAliveOptions {
			want := o.value
			if want == 0 {
				want = 300 / o.divisor
			}
			if got, err := unix.GetsockoptInt(c, unix.IPPROTO_TCP, o.option); err != nil || got != want {
				t.Errorf("%s: %d, %v", o.name, got, err)
			}
		}
		if err := KeepAlive(c, 0); err != nil {
			t.Error(err)
		}
		if on, err := unix.GetsockoptInt(c, unix.SOL_SOCKET, unix.SO_KEEPALIVE); on != 0 || err != nil {
			t.Error("keepalive still on", err)
		}
		if err := SetMark(c, 7); err != nil && err != ErrUnsupported && !errors.Is(err, unix.EPERM) {
			t.Error(err)
		}
		if Shutdown(s) != nil || Close(s) != nil || Close(c) != nil {
			t.Error("close")
		}
	}
	if SockName(-1) != "?:0" || KeepAlive(-1, 10) == nil || NoDelay(-1, true) == nil {
		t.Error("bad descriptor accepted")
	}
	if _, _, err := Connect(netip.MustParseAddrPort(l.Addr()), netip.MustParseAddr("192.0.2.1")); err == nil || !strings.HasPrefix(err.Error(), "bind: ") {
		t.Error(err)
	}
}

func TestConnectUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := ListenUnix(path, 0o600, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, _, err := ConnectUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(c)
	ready(t, l.Fd(), unix.POLLIN)
	s, peer, err := Accept(l.Fd())
	if err != nil || peer.IsValid() {
		t.Fatal(peer, err)
	}
	if SockName(s) != path {
		t.Error(SockName(s))
	}
	nc, err := NetConn(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	nc.Close()
	ready(t, c, unix.POLLIN)
	if _, _, err := ConnectUnix(path + "none"); err == nil || Strerror(err) != "connect: No such file or directory" {
		t.Error(err)
	}
}
