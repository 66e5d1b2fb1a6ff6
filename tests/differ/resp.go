// SPDX-License-Identifier: BSD-3-Clause

package main

// resp.go - replies as they are on the wire.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// reply is a reply as it came, and its parts where it is an aggregate.
type reply struct {
	raw  []byte // all of it
	kind byte
	kids []*reply
}

func (r *reply) isError() bool { return r.kind == '-' || r.kind == '!' }

// text is the reply without type and line end; of a string what is in it.
func (r *reply) text() string {
	i := 1
	if r.kind == '$' || r.kind == '=' || r.kind == '!' {
		for i < len(r.raw) && r.raw[i] != '\n' {
			i++
		}
		i++
	}
	return string(r.raw[min(i, len(r.raw)-2) : len(r.raw)-2])
}

type conn struct {
	nc   net.Conn
	r    *bufio.Reader
	w    *bufio.Writer
	name string // in tracking.go
}

func newConn(nc net.Conn) *conn {
	return &conn{nc: nc, r: bufio.NewReaderSize(nc, 1<<16), w: bufio.NewWriterSize(nc, 1<<16)}
}

func (c *conn) send(args []string) {
	fmt.Fprintf(c.w, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(c.w, "$%d\r\n%s\r\n", len(a), a)
	}
}

func (c *conn) do(args ...string) (*reply, error) {
	c.send(args)
	if err := c.w.Flush(); err != nil {
		return nil, err
	}
	return c.read()
}

func (c *conn) read() (*reply, error) {
	if err := c.nc.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return nil, err
	}
	return c.readReply()
}

func (c *conn) readReply() (*reply, error) {
	line, err := c.r.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	if line[0] == '-' {
		// C does not clean all errors of functions: the source that they quote may have a line's end.
		for !bytes.HasSuffix(line, []byte("\r\n")) {
			more, err := c.r.ReadBytes('\n')
			if err != nil {
				return nil, err
			}
			line = append(line, more...)
		}
		for i, ch := range line[:len(line)-2] {
			if ch == '\r' || ch == '\n' {
				line[i] = ' '
			}
		}
	}
	if len(line) < 3 {
		return nil, fmt.Errorf("short line %q", line)
	}
	r := &reply{raw: line, kind: line[0]}
	n := 0
	switch line[0] {
	case '$', '=', '!', '*', '~', '>', '%', '|':
		if n, err = strconv.Atoi(string(line[1 : len(line)-2])); err != nil {
			return nil, fmt.Errorf("length in %q", line)
		}
	}
	switch line[0] {
	case '+', '-', ':', ',', '#', '_', '(':
	case '$', '=', '!':
		if n >= 0 {
			b := make([]byte, n+2)
			if _, err := io.ReadFull(c.r, b); err != nil {
				return nil, err
			}
			r.raw = append(r.raw, b...)
		}
	case '%', '|':
		n *= 2
		fallthrough
	case '*', '~', '>':
		for range n {
			kid, err := c.readReply()
			if err != nil {
				return nil, err
			}
			r.kids = append(r.kids, kid)
			r.raw = append(r.raw, kid.raw...)
		}
	default:
		return nil, fmt.Errorf("reply of unknown type: %q", line)
	}
	return r, nil
}
