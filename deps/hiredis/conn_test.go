// SPDX-License-Identifier: BSD-3-Clause

package hiredis

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// serve answers each command with its own arguments, PUSHME with a push before them, and HANG not at all.
func serve(t *testing.T, l net.Listener) {
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				r := NewReader(nc)
				for {
					cmd, err := r.ReadReply()
					if err != nil {
						return
					}
					var out []byte
					args := make([]string, len(cmd.Elements))
					for i := range cmd.Elements {
						args[i] = cmd.Elements[i].Str
					}
					switch args[0] {
					case "HANG":
						continue
					case "QUIT":
						return
					case "PUSHME":
						out = append(out, ">1\r\n+pushed\r\n"...)
					}
					if _, err := nc.Write(AppendCommand(out, args...)); err != nil {
						return
					}
				}
			}()
		}
	}()
}

func listen(t *testing.T, network, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

func echo(t *testing.T, o *Options) *Conn {
	t.Helper()
	c, err := Dial(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	reply, err := c.Do("PING", "a b")
	if err != nil || len(reply.Elements) != 2 || reply.Elements[1].Str != "a b" {
		t.Fatalf("%+v, %v", reply, err)
	}
	return c
}

func TestConnections(t *testing.T) {
	tcp := listen(t, "tcp", "127.0.0.1:0")
	serve(t, tcp)
	o := &Options{Host: "127.0.0.1", Port: port(tcp), KeepAlive: 15 * time.Second, ConnectTimeout: time.Minute, Timeout: time.Minute}
	c := echo(t, o)

	// Pipelining.
	for range 100 {
		c.Append("A")
		c.AppendBytes([]byte("B"), []byte{0, 1})
	}
	c.AppendRaw([]byte("*1\r\n$1\r\nC\r\n"))
	for i := range 201 {
		if reply, err := c.Reply(); err != nil || reply.Elements[0].Str != string("ABC"[min(i%2+2*(i/200), 2)]) {
			t.Fatalf("reply %d: %+v, %v", i, reply, err)
		}
	}

	// Pushes.
	var pushed []string
	c.OnPush = func(r *Reply) { pushed = append(pushed, r.Elements[0].Str) }
	if reply, err := c.Do("PUSHME"); err != nil || reply.Type != Array || len(pushed) != 1 || pushed[0] != "pushed" {
		t.Fatalf("%+v, %v, pushed %v", reply, err, pushed)
	}

	// A timeout, and the end of the connection.
	if err := c.SetTimeout(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do("HANG"); KindOf(err) != KindTimeout || err.Error() != "Resource temporarily unavailable" {
		t.Fatalf("%v", err)
	}
	c = echo(t, o)
	if _, err := c.Do("QUIT"); KindOf(err) != KindEOF || err.Error() != "Server closed the connection" {
		t.Fatalf("%v", err)
	}

	path := filepath.Join(t.TempDir(), "s")
	serve(t, listen(t, "unix", path))
	echo(t, &Options{Unix: path})
}

func TestConnectionsThatFail(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	closed := port(l)
	l.Close()
	for want, o := range map[string]*Options{
		"Connection refused":        {Host: "127.0.0.1", Port: closed},
		"Name or service not known": {Host: "no such host", Port: closed, ConnectTimeout: time.Minute},
		"No such file or directory": {Unix: filepath.Join(t.TempDir(), "none")},
	} {
		if _, err := Dial(o); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		DNSNames: []string{"redport.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t, "tcp", "127.0.0.1:0")
	serve(t, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}))
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	o := &Options{Host: "127.0.0.1", Port: port(l), TLS: &tls.Config{RootCAs: roots, ServerName: "redport.test"}, ConnectTimeout: time.Minute}
	echo(t, o)
	o.TLS = &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "redport.test"}
	if _, err := Dial(o); err == nil || err.Error() != "SSL_connect failed: certificate verify failed" {
		t.Errorf("%v", err)
	}
}
