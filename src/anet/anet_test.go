// SPDX-License-Identifier: BSD-3-Clause

package anet

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestStrerror(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{nil, "Success"},
		{syscall.ECONNREFUSED, "Connection refused"},
		{syscall.EADDRINUSE, "Address already in use"},
		{fmt.Errorf("around: %w", syscall.ENOENT), "No such file or directory"},
		{opError("bind", syscall.EACCES), "bind: Permission denied"},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ETIMEDOUT)}, "Connection timed out"},
		{errors.New("lower case"), "lower case"},
		{io.EOF, "EOF"},
	}
	for _, tt := range tests {
		if got := Strerror(tt.err); !strings.EqualFold(got, tt.want) || got[0] != tt.want[0] {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
	if opError("bind", nil) != nil {
		t.Error("no error became one")
	}
}

func TestAddr(t *testing.T) {
	for _, tt := range []struct {
		ip   string
		port int
		want string
	}{{"127.0.0.1", 6379, "127.0.0.1:6379"}, {"::1", 1, "[::1]:1"}, {"", 0, ":0"}, {"/tmp/s", 0, "/tmp/s:0"}} {
		if got := FormatAddr(tt.ip, tt.port); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	for _, tt := range []struct {
		addr, host string
		port       int
		ok         bool
	}{
		{"127.0.0.1:6379", "127.0.0.1", 6379, true}, {"[::1]:1", "::1", 1, true}, {"host:0", "host", 0, true},
		{"host", "", 0, false}, {"host:x", "", 0, false}, {"host:65536", "", 0, false}, {"host:-1", "", 0, false},
	} {
		host, port, err := SplitAddr(tt.addr)
		if (err == nil) != tt.ok || host != tt.host || port != tt.port {
			t.Errorf("%s: %s, %d, %v", tt.addr, host, port, err)
		}
	}
}

func TestResolve(t *testing.T) {
	for _, tt := range []struct {
		host   string
		ipOnly bool
		want   string // empty: an error
	}{
		{"127.0.0.1", true, "127.0.0.1"}, {"0:0:0::1", true, "::1"}, {"::FFFF:1", false, "::ffff:1"},
		{"localhost", true, ""}, {"localhost", false, "any"}, {"nonexistent.invalid", false, ""}, {"", true, ""},
	} {
		got, err := Resolve(tt.host, tt.ipOnly)
		if (err == nil) != (tt.want != "") || tt.want != "any" && got != tt.want {
			t.Errorf("%q: %q, %v", tt.host, got, err)
		}
		if err != nil && err.Error() != "Name or service not known" {
			t.Error(err)
		}
	}
}

func TestListener(t *testing.T) {
	l, err := ListenTCP("*", 0, 10, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	if l.Network() != "tcp" || l.Port() == 0 || (l.Fd() >= 0) != Descriptors {
		t.Error(l.Network(), l.Addr(), l.Fd())
	}
	nl, err := l.NetListener()
	if err != nil {
		t.Fatal(err)
	}
	again, err := l.NetListener()
	if err != nil || again != nl {
		t.Error("another listener the second time", err)
	}
	c, err := net.Dial("tcp", FormatAddr("127.0.0.1", l.Port()))
	if err != nil {
		t.Fatal(err)
	}
	s, err := nl.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	c.Close()
	for range 2 { // the second one does nothing
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := net.Dial("tcp", FormatAddr("127.0.0.1", l.Port())); err == nil {
		t.Error("still listening")
	}
	if _, err := ListenTCP("nonexistent.invalid", 0, 10, false, 0); err == nil {
		t.Error("listening on a name that does not exist")
	}
	if _, err := ListenTCP("127.0.0.1", 0, 10, true, 0); err == nil {
		t.Error("an IPv4 address for an IPv6 socket")
	}
}
