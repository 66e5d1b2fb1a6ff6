// SPDX-License-Identifier: BSD-3-Clause

package ae

// Outbound connections. With a descriptor: a non-blocking connect, whose outcome writability tells; a name is resolved
// by a goroutine first, and its addresses are tried in turn. Else a goroutine dials. A TLS connection is done after its
// handshake.

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"redport/src/anet"
)

// ErrDialTimeout is the outcome of a Dial that took too long.
var ErrDialTimeout error = syscall.ETIMEDOUT

// Dialing is an outbound connection on its way.
type Dialing struct {
	loop    *Loop
	done    func(*Conn, error)
	config  *tls.Config
	network string
	source  netip.Addr
	path    string
	rest    []netip.AddrPort // addresses not tried yet
	c       *Conn            // connecting, or shaking hands
	cancel  context.CancelFunc
	timer   int64
	over    bool
}

// Dial connects to address ("host:port", or a path if network is "unix") and calls done, on the loop's goroutine and
// never from inside Dial, with the connection or what went wrong: an errno wherever the system gave one, ErrDialTimeout
// after timeout (0: none but the system's). done must set a handler, or the connection is closed. bind, if not empty,
// is the source address; where it cannot be used the connection is made without, as Redis does. config makes it a TLS
// connection.
func (l *Loop) Dial(network, address, bind string, config *tls.Config, timeout time.Duration, done func(*Conn, error)) *Dialing {
	d := &Dialing{loop: l, done: done, config: config, network: network}
	if config != nil {
		d.network = "tls"
	}
	l.dials[d] = struct{}{}
	if timeout > 0 {
		d.timer = l.CreateTimeEvent(max(timeout.Milliseconds(), 1), func() int64 {
			d.timer = 0
			d.finish(nil, ErrDialTimeout)
			return NoMore
		})
	}
	if bind != "" {
		d.source, _ = netip.ParseAddr(bind)
	}
	if network == "unix" {
		d.path = address
		if l.poll == nil {
			d.dialNet(network, address)
		} else if fd, _, err := anet.ConnectUnix(address); err != nil {
			d.fail(err)
		} else {
			d.await(fd, netip.AddrPort{})
		}
		return d
	}
	host, port, err := anet.SplitAddr(address)
	if err != nil {
		d.fail(err)
		return d
	}
	if l.poll == nil {
		d.dialNet("tcp", address)
		return d
	}
	if a, err := netip.ParseAddr(host); err == nil {
		d.rest = []netip.AddrPort{netip.AddrPortFrom(a, uint16(port))}
		d.next(nil)
		return d
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	l.pumps.Add(1)
	go func() {
		defer l.pumps.Done()
		addrs, err := anet.LookupIP(ctx, host)
		l.Post(func() {
			if d.over {
				return
			}
			if err != nil {
				d.finish(nil, err)
				return
			}
			for _, a := range addrs {
				d.rest = append(d.rest, netip.AddrPortFrom(a, uint16(port)))
			}
			d.next(nil)
		})
	}()
	return d
}

// Cancel gives up: done will not be called. No effect once it was.
func (d *Dialing) Cancel() {
	d.done = nil
	d.finish(nil, context.Canceled)
}

// next starts connecting to the next address; why is the failure of the last one.
func (d *Dialing) next(why error) {
	for len(d.rest) > 0 {
		ap := d.rest[0]
		d.rest = d.rest[1:]
		source := d.source
		if source.IsValid() && source.Is4() != ap.Addr().Is4() {
			source = netip.Addr{}
		}
		fd, _, err := anet.Connect(ap, source)
		if err != nil && source.IsValid() {
			fd, _, err = anet.Connect(ap, netip.Addr{})
		}
		if err == nil {
			d.await(fd, ap)
			return
		}
		why = err
	}
	d.fail(why)
}

// await waits for fd to become writable.
func (d *Dialing) await(fd int, remote netip.AddrPort) {
	network := d.network
	c, err := d.loop.newFdConn(fd, Writable, network, remote, d.path)
	if err != nil {
		anet.Close(fd)
		d.fail(err)
		return
	}
	c.dial = d
	d.c = c
}

// ready is the event of a connecting descriptor.
func (d *Dialing) ready() {
	c, l := d.c, d.loop
	err := anet.SocketError(c.fd)
	if err != nil {
		d.drop()
		d.next(err)
		return
	}
	if d.config == nil {
		c.dial = nil
		c.setMask(Readable)
		if !c.closed {
			d.finish(c, nil)
		} else {
			d.finish(nil, c.err)
		}
		return
	}
	// From here on it belongs to a pump: the descriptor moves into a net.Conn.
	l.disarm(c.fd, c.mask)
	l.nconns--
	c.dial = nil
	d.c = nil
	nc, err := anet.NetConn(c.fd)
	if err != nil {
		d.finish(nil, err)
		return
	}
	d.shake(nc, c.remote)
}

// shake starts the TLS handshake over nc.
func (d *Dialing) shake(nc net.Conn, remote netip.AddrPort) {
	d.c = d.loop.newPump(nc, d.config, d, d.network, remote, d.path)
	d.c.dial = d
	d.c.pump.start()
}

// dialNet dials by package net, in a goroutine.
func (d *Dialing) dialNet(network, address string) {
	l := d.loop
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	dialer := net.Dialer{KeepAlive: -1}
	l.pumps.Add(1)
	go func() {
		defer l.pumps.Done()
		var nc net.Conn
		err := errors.New("no source address")
		if d.source.IsValid() {
			bound := dialer
			bound.LocalAddr = &net.TCPAddr{IP: d.source.AsSlice()}
			nc, err = bound.DialContext(ctx, network, address)
		}
		if err != nil {
			nc, err = dialer.DialContext(ctx, network, address)
		}
		if ctx.Err() != nil { // nobody waits any more; the loop may have been closed
			if err == nil {
				nc.Close()
			}
			return
		}
		l.Post(func() {
			switch {
			case d.over:
				if err == nil {
					nc.Close()
				}
			case err != nil:
				d.finish(nil, bareError(err))
			default:
				var remote netip.AddrPort
				if ta, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
					remote = netip.AddrPortFrom(ta.AddrPort().Addr().Unmap(), ta.AddrPort().Port())
				}
				if d.config != nil {
					d.shake(nc, remote)
					return
				}
				d.finish(l.newPump(nc, nil, nil, d.network, remote, d.path), nil)
			}
		})
	}()
}

// fail is finish for failures inside Dial, which must return before done is called.
func (d *Dialing) fail(err error) {
	d.loop.Post(func() { d.finish(nil, err) })
}

// drop gives up the descriptor or pump under way.
func (d *Dialing) drop() {
	if c := d.c; c != nil {
		d.c = nil
		c.dial = nil
		c.Close()
	}
}

// finish tells the outcome, once.
func (d *Dialing) finish(c *Conn, err error) {
	if d.over {
		return
	}
	d.over = true
	l := d.loop
	delete(l.dials, d)
	if d.timer != 0 {
		l.DeleteTimeEvent(d.timer)
	}
	if d.cancel != nil {
		d.cancel()
	}
	if err != nil {
		d.drop()
		var op *anet.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		if d.done != nil {
			d.done(nil, err)
		}
		return
	}
	d.c = nil
	if d.done != nil {
		d.done(c, nil)
	}
	if c.h == nil {
		c.Close()
	} else if c.pump != nil {
		c.pump.start()
	}
}

// ended hears that the connection was closed while under way.
func (d *Dialing) ended() {
	d.c = nil
	d.finish(nil, ErrLoopClosed)
}
