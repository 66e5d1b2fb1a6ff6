// SPDX-License-Identifier: BSD-3-Clause

package main

// client.go - a connection of the load: it sends a batch of requests, waits for all replies, and begins anew.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"syscall"

	"redport/deps/hiredis"
	"redport/src/ae"
	"redport/src/monotonic"
	"redport/src/platform"
)

const (
	randomPlace = "__rand_int__" // as long as the 12 digits that replace it
	slotPlace   = "{tag}"
)

// request is what clients send: the command as often as the pipeline is long, and where in it something changes.
type request struct {
	bytes   []byte
	randoms []int // of randomPlace
	slots   []int // of slotPlace
}

func (b *bench) newRequest(command []byte) request {
	r := request{bytes: bytes.Repeat(command, b.pipeline)}
	if b.random {
		r.randoms = places(r.bytes, randomPlace)
	}
	if b.config.cluster {
		r.slots = places(r.bytes, slotPlace)
	}
	return r
}

func places(in []byte, what string) (at []int) {
	for from := 0; ; {
		i := bytes.Index(in[from:], []byte(what))
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + len(what)
	}
}

type clientState uint8

const (
	clientIdle    clientState = iota // nothing to send
	clientReady                      // to begin a batch
	clientSending                    // or waiting for replies
)

// client is the handler of its connection.
type client struct {
	w    *worker
	conn *ae.Conn
	n    int // the how manieth of the test
	node *clusterNode

	state   clientState
	out     []byte // what remains to be sent
	prefix  []byte // AUTH and the like, before the first batch
	batch   []byte
	pending int // replies to come
	skip    int // of those, the first ones that answer the prefix
	begun   int64
	latency int64 // us, of the batch, -1 until its first reply
	skipper hiredis.Skipper
	version int64 // of the slots that the client goes by
	ended   bool
}

// newClient connects.
func (w *worker) newClient(n int) {
	t := w.t
	c := &client{w: w, n: n, batch: t.request.bytes}
	if len(t.request.randoms)+len(t.request.slots) > 0 {
		c.batch = bytes.Clone(c.batch)
	}
	network, address := "tcp", fmt.Sprintf("%s:%d", t.Host, t.Port)
	if t.unix != "" {
		network, address = "unix", t.unix
	}
	if t.config.cluster {
		nodes := t.cluster.nodes
		i := w.index % len(nodes)
		if len(t.workers) < len(nodes) {
			i = n % len(nodes)
		}
		c.node = nodes[i]
		network, address = "tcp", fmt.Sprintf("%s:%d", c.node.host, c.node.port)
	}
	if t.HasAuth {
		if t.User != "" {
			c.addPrefix("AUTH", t.User, t.Auth)
		} else {
			c.addPrefix("AUTH", t.Auth)
		}
	}
	if t.tracking {
		c.addPrefix("CLIENT", "TRACKING", "on")
	}
	if t.InputDB != 0 && c.node == nil {
		c.addPrefix("SELECT", strconv.Itoa(t.InputDB))
	}
	if t.resp3 {
		c.addPrefix("HELLO", "3")
	}
	t.live.Add(1)
	w.loop.Dial(network, address, "", t.tls, 0, func(conn *ae.Conn, err error) {
		if err != nil {
			if t.live.Add(-1); errors.Is(err, ae.ErrLoopClosed) {
				return
			}
			fmt.Fprintf(t.stderr, "Error writing to the server: %s\n", reason(err))
			return
		}
		c.conn = conn
		conn.SetHandler(c)
		if t.idle {
			c.pending = 1
			return
		}
		c.state = clientReady
		conn.QueueWrite()
	})
}

func (c *client) addPrefix(args ...string) {
	c.prefix = hiredis.AppendCommand(c.prefix, args...)
	c.skip++
}

// reason is the system's text for an error, as C's clients print it.
func reason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return platform.Strerror(errno)
	}
	return err.Error()
}

// begin makes the next batch, if there are requests left.
func (c *client) begin() {
	t := c.w.t
	c.state = clientIdle
	if t.issued.Add(int64(t.pipeline))-int64(t.pipeline) >= t.requests {
		return
	}
	for _, at := range t.request.randoms {
		var r uint64
		if t.keyspace > 0 {
			r = c.w.rand.Uint64N(uint64(t.keyspace))
		}
		digits := c.batch[at : at+len(randomPlace)]
		for i := len(digits) - 1; i >= 0; i-- {
			digits[i] = byte('0' + r%10)
			r /= 10
		}
	}
	if len(t.request.slots) > 0 {
		slots := t.cluster.slots.Load()
		c.version = slots.version
		tag := slots.tag(c.node)
		for _, at := range t.request.slots {
			copy(c.batch[at:], tag)
		}
	}
	c.state = clientSending
	c.out = c.batch
	if len(c.prefix) > 0 {
		c.out = append(c.prefix, c.batch...)
		c.prefix = nil
	}
	c.pending = t.pipeline + c.skip
	c.latency = -1
	c.begun = monotonic.Nanotime()
}

// Output is what to send (ae.Handler). A batch is made only when it can be sent, so that the waiting for that does not count.
func (c *client) Output() []byte {
	if c.state == clientReady {
		c.begin()
	}
	return c.out
}

func (c *client) Wrote(n int) { c.out = c.out[n:] }

// Data counts replies (ae.Handler).
func (c *client) Data(in []byte) (used, want int) {
	if c.latency < 0 {
		c.latency = (monotonic.Nanotime() - c.begun) / 1000
	}
	done := 0
	for c.pending > 0 && used < len(in) {
		n, kind, err := c.skipper.Next(in[used:])
		used += n
		if err != nil {
			c.w.t.fail("Error: " + err.Error())
			return len(in), 0
		}
		if kind == 0 {
			break
		}
		if kind == hiredis.Push {
			continue
		}
		if kind == hiredis.Err && !c.errorReply(string(c.skipper.Line())) {
			return len(in), 0
		}
		c.pending--
		if c.skip > 0 {
			c.skip--
			continue
		}
		done++
	}
	if done > 0 {
		c.count(int64(done))
	}
	if c.pending == 0 && c.state == clientSending {
		c.batchDone()
	}
	return used, 0
}

// count records replies, all of the same batch.
func (c *client) count(n int64) {
	w := c.w
	t := w.t
	// Of the last batches more requests are sent than were asked for; these are not measured.
	measured := min(n, t.requests-(t.finished.Add(n)-n))
	if measured > 0 {
		w.hist.RecordValues(c.latency, measured)
		w.latency.sum.Add(c.latency * measured)
		w.latency.n.Add(measured)
	}
}

// batchDone follows the last reply of a batch.
func (c *client) batchDone() {
	t := c.w.t
	switch {
	case t.finished.Load() >= t.requests:
		c.state = clientIdle
		t.stop()
	case t.keepAlive != 0:
		c.state = clientReady
		c.conn.QueueWrite()
	default:
		c.state, c.ended = clientIdle, true
		c.conn.Close()
		c.w.newClient(c.n)
	}
}

// errorReply deals with an error; false if the test ends with it, since its figures would mean nothing.
func (c *client) errorReply(text string) bool {
	t := c.w.t
	if c.node == nil {
		t.fail("Error from server: " + text)
		return false
	}
	from := fmt.Sprintf("Error from server %s:%d: %s", c.node.host, c.node.port, text)
	if len(t.request.slots) == 0 || c.skip > 0 {
		t.fail(from)
		return false
	}
	return c.slotsChanged(text, from)
}

// Closed is the end of the connection (ae.Handler).
func (c *client) Closed(err error) {
	t := c.w.t
	t.live.Add(-1)
	if c.ended || t.finished.Load() >= t.requests && !t.idle {
		return
	}
	switch {
	case err == io.EOF:
		t.fail("Error: Server closed the connection")
	case err != nil:
		t.fail("Error: " + reason(err))
	}
}
