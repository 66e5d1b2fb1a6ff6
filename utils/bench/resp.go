// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// A client with no more than loading and asking takes. It is the same for all servers.

type conn struct {
	c net.Conn
	r *bufio.Reader
	w *bufio.Writer
	// sent and not yet answered
	waiting int
	scratch []byte
}

// window is how many requests load keeps in flight: enough for the server to work without pause, and
// few enough that the replies never fill a socket buffer while nobody reads them.
const window = 500

func dial(port int) (*conn, error) {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	return &conn{c: c, r: bufio.NewReaderSize(c, 1<<16), w: bufio.NewWriterSize(c, 1<<16)}, nil
}

func (c *conn) close() { c.c.Close() }

func (c *conn) send(args ...string) {
	c.scratch = append(c.scratch[:0], '*')
	c.scratch = strconv.AppendInt(c.scratch, int64(len(args)), 10)
	for _, arg := range args {
		c.scratch = append(c.scratch, "\r\n$"...)
		c.scratch = strconv.AppendInt(c.scratch, int64(len(arg)), 10)
		c.scratch = append(c.scratch, "\r\n"...)
		c.scratch = append(c.scratch, arg...)
	}
	c.scratch = append(c.scratch, "\r\n"...)
	c.w.Write(c.scratch) // an error stays in the writer until Flush
	c.waiting++
}

// load sends a request whose reply does not matter unless it is an error.
func (c *conn) load(args ...string) error {
	c.send(args...)
	if c.waiting >= window {
		return c.drain()
	}
	return nil
}

// drain reads what is outstanding.
func (c *conn) drain() error {
	if err := c.w.Flush(); err != nil {
		return err
	}
	for c.waiting > 0 {
		if _, err := c.reply(); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) do(args ...string) (string, error) {
	c.send(args...)
	if err := c.w.Flush(); err != nil {
		return "", err
	}
	return c.reply()
}

// reply reads one; an array comes back as its elements with blanks between. What is pushed before it is passed over.
func (c *conn) reply() (string, error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	if len(line) < 3 {
		return "", fmt.Errorf("bad reply %q", line)
	}
	rest := string(line[1 : len(line)-2])
	kind := line[0]
	c.waiting--
	switch kind {
	case '+', ':', '_':
		return rest, nil
	case '-':
		return "", fmt.Errorf("error reply: %s", rest)
	case '$':
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return "", err
		}
		buf := make([]byte, n+2)
		_, err = io.ReadFull(c.r, buf)
		return string(buf[:n]), err
	case '*', '%', '>':
		n, err := strconv.Atoi(rest)
		if kind == '%' {
			n *= 2
		}
		var parts []string
		for range n {
			c.waiting++
			part, err := c.reply()
			if err != nil {
				return "", err
			}
			parts = append(parts, part)
		}
		if kind == '>' && err == nil {
			c.waiting++
			return c.reply() // nobody waited for that
		}
		return strings.Join(parts, " "), err
	}
	return "", fmt.Errorf("bad reply %q", rest)
}

// info is a number in INFO.
func (c *conn) info(section, field string) (float64, error) {
	text, err := c.do("INFO", section)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("no %s in INFO %s", field, section)
}

// callTime is how many microseconds a call of a command has taken, on the average since CONFIG RESETSTAT.
func (c *conn) callTime(command string) (float64, error) {
	text, err := c.do("INFO", "commandstats")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "cmdstat_"+strings.ToLower(command)+":"); ok {
			for field := range strings.SplitSeq(rest, ",") {
				if value, ok := strings.CutPrefix(field, "usec_per_call="); ok {
					return strconv.ParseFloat(value, 64)
				}
			}
		}
	}
	return 0, fmt.Errorf("no calls of %s in INFO commandstats", command)
}
