// SPDX-License-Identifier: BSD-3-Clause

package ae

// Connections: input, output and the end of each, whatever carries the bytes. A Conn has either a descriptor (fd >= 0,
// the loop reads and writes) or a pump (goroutines do, see pump.go).
//
// Input. A read goes into the loop's shared buffer, and Data gets it in place; what it leaves is copied to the
// connection's own buffer (in[off:], "the rest"). With a short rest the next read still goes into the shared buffer,
// behind a copy of the rest, so that the own buffer stays as small as the rest; only a rest that grows long, because a
// long argument is arriving, is appended to directly, and then its buffer grows geometrically with what really arrived.
//
// Output. QueueWrite puts the connection in the loop's queue, which is flushed before it sleeps. A write that the
// system does not take whole arms writability, and the event goes on from there.

import (
	"crypto/tls"
	"errors"
	"io"
	"net/netip"
	"syscall"

	"redport/src/anet"
)

// Handler is what a connection's owner implements. All calls come from the loop's goroutine, one at a time.
type Handler interface {
	// Data is offered all unconsumed input. used is how many bytes of it are consumed; want is the total length, from
	// the start of what remains, that is worth another call (0: any more bytes). in is valid during the call only, but
	// may be written to. After Close, the result is ignored.
	Data(in []byte) (used, want int)

	// Output is the next piece to send, empty if there is none. It must stay valid and unchanged until Wrote has
	// covered it (it may grow behind), or Closed was called.
	Output() []byte

	// Wrote tells that the system took the first n bytes of what Output returned.
	Wrote(n int)

	// Closed is called exactly once, as the last call, never from inside another handler call or Close (but possibly
	// from inside ProcessEvents). err is nil after Close, io.EOF when the peer closed, else what went wrong.
	Closed(err error)
}

// Gatherer may be implemented by a Handler whose output is in pieces: what fits is then written by one system call,
// which for pieces of 16 KB halves the cost of a long reply.
type Gatherer interface {
	// Outputs appends the next pieces of output to pieces, in order and none of them empty, until there are no more,
	// pieces is at its capacity, or about limit bytes are together. They are valid as Output's is, and Wrote may then
	// cover several of them, the last one in part.
	Outputs(pieces [][]byte, limit int) [][]byte
}

// Parser may be implemented by a Handler. With I/O threads, Parse is called with the same input as the Data that
// follows, on another goroutine, while the loop stands still: it may touch only the handler's own state, and of in only
// what Data may.
type Parser interface {
	Parse(in []byte)
}

// Handshaker may be implemented by a Handler: Handshaked is called once when a TLS connection that was accepted is
// ready, before any Data. If the handshake fails, Closed gets a *HandshakeError instead.
type Handshaker interface {
	Handshaked()
}

// HandshakeError is the end of a connection whose TLS handshake failed.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Error() string { return e.Err.Error() }
func (e *HandshakeError) Unwrap() error { return e.Err }

const (
	// smallRest is the longest rest that is copied in front of the next read rather than appended to. Twice a copy of
	// this size is still cheap beside the system call.
	smallRest = 8 * 1024

	// minOwn is the smallest own buffer: whoever sends a request in pieces sends more of them.
	minOwn = 16 * 1024

	// claimed is how large an own buffer may get because its owner wants that many bytes, before they have come.
	claimed = 4<<20 + 64*1024

	// readPerTurn bounds what one connection reads in one turn into its own buffer.
	readPerTurn = 256 * 1024
)

// Conn is one connection. Its methods are for the loop's goroutine.
type Conn struct {
	loop   *Loop
	h      Handler
	parser Parser   // h, if it is one
	gather Gatherer // h, if it is one
	pump   *pump    // nil if the loop itself reads and writes
	fd     int
	mask   uint8 // armed at the poller

	closed    bool
	gone      bool // Closed was called, or would have been with a handler
	inData    bool // Data is running, perhaps with a turn inside it
	queued    bool // in loop.writeq
	redeliver bool // in loop.redeliverq
	paused    bool // PauseRead
	retry     bool // the pump had something while inData
	kept      bool // input arrived in a batch while paused: Data has not been called with it
	detached  bool // hung up while paused: taken out of the poller, which would tell it for ever

	in   []byte // own input buffer
	off  int    // in[off:] is the rest
	want int

	network  string
	remote   netip.AddrPort
	path     string // of a Unix socket
	err      error
	bytesIn  uint64
	lastRead int64 // loop.now of the last read
	dial     *Dialing
	item     *ioItem // of an I/O batch, whose input has not been delivered
}

// SetHandler sets or replaces the handler. Input that has been left so far is offered to a new one by Redeliver.
func (c *Conn) SetHandler(h Handler) {
	if c.gone {
		return
	}
	c.h = h
	c.parser, _ = h.(Parser)
	c.gather, _ = h.(Gatherer)
}

// Handler returns the handler.
func (c *Conn) Handler() Handler { return c.h }

// Loop returns the connection's loop.
func (c *Conn) Loop() *Loop { return c.loop }

// --- Input ---

func (c *Conn) rest() []byte { return c.in[c.off:] }

// Buffered is the number of bytes received that Data has not consumed.
func (c *Conn) Buffered() int { return len(c.in) - c.off }

// InCap is the size of the connection's own input buffer.
func (c *Conn) InCap() int { return cap(c.in) }

// BytesIn is the number of bytes read so far.
func (c *Conn) BytesIn() uint64 { return c.bytesIn }

// LastRead is the monotonic time (ns) of the last bytes that arrived, whether or not Data has been called with them.
func (c *Conn) LastRead() int64 { return c.lastRead }

// TrimIn gives back what the rest does not need of the own input buffer. Not done while Data runs.
func (c *Conn) TrimIn() { c.TrimInTo(0) }

// TrimInTo is TrimIn that leaves room for keep bytes.
func (c *Conn) TrimInTo(keep int) {
	if c.inData || cap(c.in) == 0 {
		return
	}
	n := c.Buffered()
	keep = max(keep, n)
	if keep == 0 {
		c.in, c.off = nil, 0
		return
	}
	if roundCap(keep) < cap(c.in) {
		b := make([]byte, n, roundCap(keep))
		copy(b, c.rest())
		c.in, c.off = b, 0
	}
}

// roundCap is a buffer size for n bytes.
func roundCap(n int) int {
	switch {
	case n <= 512:
		return 512
	case n <= smallRest:
		return (n + 1023) &^ 1023
	default:
		return (n + 4095) &^ 4095
	}
}

func (c *Conn) callData(in []byte) (used, want int) {
	c.inData = true
	used, want = c.h.Data(in)
	c.inData = false
	if c.retry {
		c.retry = false
		c.loop.postPump(c.pump)
	}
	return used, want
}

// deliver calls Data with in, which is all that is unconsumed and lies in a buffer that is not c's, and keeps what is
// left.
func (c *Conn) deliver(in []byte) {
	used, want := c.callData(in)
	if c.closed {
		return
	}
	c.want = want
	if used == len(in) {
		c.in, c.off = c.in[:0], 0
		return
	}
	in = in[used:]
	if size := max(len(in), min(want, claimed)); size > cap(c.in) {
		c.in = make([]byte, 0, roundCap(max(size, minOwn)))
	}
	c.in = c.in[:len(in)]
	c.off = 0
	copy(c.in, in)
}

// again calls Data with the rest in the own buffer.
func (c *Conn) again() {
	in := c.rest()
	used, want := c.callData(in)
	if c.closed {
		return
	}
	_ = in[used:]
	c.want = want
	c.off += used
	if c.off == len(c.in) {
		c.in, c.off = c.in[:0], 0
	}
}

// take is for fresh bytes that lie in a buffer of somebody else (a pump's).
func (c *Conn) take(b []byte) {
	c.count(len(b))
	if c.Buffered() == 0 && len(b) >= c.want {
		c.deliver(b)
		return
	}
	c.reserve(len(b))
	c.in = append(c.in, b...)
	if c.Buffered() >= c.want {
		c.again()
	}
}

func (c *Conn) count(n int) {
	c.bytesIn += uint64(n)
	c.lastRead = c.loop.now
	c.loop.Stats.BytesIn += int64(n)
	c.loop.Stats.Reads++
}

// reserve makes room for n more bytes behind the rest. The buffer grows to what is wanted, but beyond claimed bytes
// never to more than twice what has really arrived (and n): a client may claim what it likes.
func (c *Conn) reserve(n int) {
	rest := c.Buffered()
	if cap(c.in)-len(c.in) >= n {
		return
	}
	if c.off > 0 && cap(c.in)-rest >= n && c.off >= rest {
		// Moving costs no more than what has been consumed since the last move.
		copy(c.in[:rest], c.rest())
		c.in, c.off = c.in[:rest], 0
		return
	}
	size := rest + n
	if c.want > size {
		size = min(c.want, max(2*rest+n, claimed))
	} else if size > smallRest {
		size += rest / 2
	}
	b := make([]byte, rest, roundCap(size))
	copy(b, c.rest())
	c.in, c.off = b, 0
}

// PauseRead stops reading: bytes stay with the system, whose flow control then slows the peer down. Redeliver still
// works.
func (c *Conn) PauseRead() { c.paused = true }

// ResumeRead undoes PauseRead.
func (c *Conn) ResumeRead() {
	if !c.paused {
		return
	}
	c.paused = false
	if c.closed {
		return
	}
	if c.kept {
		c.kept = false
		c.Redeliver()
	}
	if c.pump != nil {
		c.loop.postPump(c.pump)
		return
	}
	if c.detached {
		c.detached = false
		c.mask = Readable
		if err := c.loop.poll.add(c.fd, c.loop.slots[c.fd].gen, c.mask); err != nil {
			c.fail(err)
		}
		return
	}
	c.setMask(c.mask | Readable)
}

// ReadPaused tells whether reading is paused.
func (c *Conn) ReadPaused() bool { return c.paused }

// Redeliver has Data called with the rest, even an empty one, at the start of the next turn (or by RunRedeliveries),
// whatever it wanted.
func (c *Conn) Redeliver() {
	if c.redeliver || c.closed {
		return
	}
	c.redeliver = true
	c.loop.redeliverq = append(c.loop.redeliverq, c)
}

// --- Output ---

// QueueWrite has the output written before the loop sleeps next. Cheap, and without effect if it is queued already.
func (c *Conn) QueueWrite() {
	if c.queued || c.closed || c.mask&Writable != 0 {
		return
	}
	c.queued = true
	c.loop.writeq = append(c.loop.writeq, c)
}

// QueueWriteLast is QueueWrite for one of many who are told the same: it is written after all those who wait for replies, so that these
// may send their next requests meanwhile.
func (c *Conn) QueueWriteLast() {
	if c.queued || c.closed || c.mask&Writable != 0 {
		return
	}
	c.queued = true
	c.loop.lastq = append(c.loop.lastq, c)
}

// Flush writes what output there is, as far as the system takes it, without waiting for the end of the turn. What is
// not taken follows when it can.
func (c *Conn) Flush() {
	if !c.closed && c.h != nil {
		c.flush()
	}
}

// flushFromQueue is the queue's turn at c. A turn inside c's own Data leaves it in the queue.
func (c *Conn) flushFromQueue() {
	c.queued = false
	switch {
	case c.closed || c.h == nil:
	case c.inData:
		c.QueueWrite()
	default:
		c.flush()
	}
}

// wrote accounts for n bytes taken.
func (c *Conn) wrote(n int) {
	c.loop.Stats.BytesOut += int64(n)
	c.loop.Stats.Writes++
	c.h.Wrote(n)
}

// --- The end ---

// Close ends the connection at once: nothing more is read, written or delivered, and Closed(nil) follows in this turn.
// Output that Wrote has covered still goes out.
func (c *Conn) Close() { c.end(nil) }

// fail ends the connection for a reason.
func (c *Conn) fail(err error) { c.end(err) }

func (c *Conn) end(err error) {
	if c.closed {
		return
	}
	c.closed = true
	c.err = err
	l := c.loop
	l.nconns--
	if c.dial != nil {
		c.dial.ended()
	}
	if c.pump != nil {
		c.pump.close()
	} else {
		if c.detached {
			l.slots[c.fd] = slot{}
		} else {
			l.disarm(c.fd, c.mask)
		}
		c.mask = 0
		anet.Close(c.fd)
		if len(l.rested) > 0 {
			l.wakeListeners(true)
		}
	}
	l.closingq = append(l.closingq, c)
}

// IsClosed tells whether the connection has ended, be it that Closed is still to come.
func (c *Conn) IsClosed() bool { return c.closed }

// LastError is why the connection ended; nil while it has not, or if we closed it.
func (c *Conn) LastError() error { return c.err }

// --- What it is ---

// Fd is the descriptor, -1 if there is none.
func (c *Conn) Fd() int {
	if c.pump != nil {
		return c.pump.fd
	}
	return c.fd
}

// Network is "tcp", "unix" or "tls".
func (c *Conn) Network() string { return c.network }

// RemoteAddr is the peer's address: "ip:port", "[v6]:port", or the path of the Unix socket.
func (c *Conn) RemoteAddr() string {
	if c.network == "unix" {
		return c.path
	}
	if c.remote.IsValid() {
		return c.remote.String()
	}
	return "?:0"
}

// RemoteAddrPort is the peer's address, zero for Unix sockets.
func (c *Conn) RemoteAddrPort() netip.AddrPort { return c.remote }

// LocalAddr is our end's address, as RemoteAddr.
func (c *Conn) LocalAddr() string {
	switch {
	case c.network == "unix":
		return c.path
	case c.pump != nil:
		return c.pump.localAddr()
	case c.closed:
		return "?:0"
	}
	return anet.SockName(c.fd)
}

// TLSState is the state of a TLS connection whose handshake is over, else nil.
func (c *Conn) TLSState() *tls.ConnectionState {
	if c.pump == nil {
		return nil
	}
	return c.pump.tlsState()
}

// SetNoDelay sets TCP_NODELAY; no effect on Unix sockets.
func (c *Conn) SetNoDelay(on bool) error {
	switch {
	case c.closed || c.network == "unix":
		return nil
	case c.pump != nil:
		return c.pump.setNoDelay(on)
	}
	return anet.NoDelay(c.fd, on)
}

// SetKeepAlive has the system probe a silent peer after interval seconds and then thrice at a third of that; 0 turns it
// off. No effect on Unix sockets.
func (c *Conn) SetKeepAlive(interval int) error {
	switch {
	case c.closed || c.network == "unix":
		return nil
	case c.pump != nil:
		return c.pump.setKeepAlive(interval)
	}
	return anet.KeepAlive(c.fd, interval)
}

// --- Connections with a descriptor ---

// newFdConn takes a connected (or connecting) non-blocking descriptor into the loop.
func (l *Loop) newFdConn(fd int, mask uint8, network string, remote netip.AddrPort, path string) (*Conn, error) {
	c := &Conn{loop: l, fd: fd, mask: mask, network: network, remote: remote, path: path, lastRead: l.now}
	if err := l.arm(fd, slot{conn: c}, mask); err != nil {
		return nil, err
	}
	l.nconns++
	return c, nil
}

func (c *Conn) setMask(mask uint8) {
	if mask == c.mask {
		return
	}
	old := c.mask
	c.mask = mask
	if err := c.loop.setMask(c.fd, old, mask); err != nil {
		c.fail(err)
	}
}

// event is told by the poller.
func (c *Conn) event(t *turn, mask uint8) {
	if c.dial != nil {
		c.dial.ready()
		return
	}
	if c.inData || c.h == nil {
		return // a turn inside this connection's own Data; the event will be told again
	}
	if c.detached {
		return // by a turn inside this one
	}
	if c.item != nil {
		c.fold()
		return
	}
	writable := mask&Writable != 0 && c.mask&Writable != 0
	if writable && c.loop.Barrier {
		c.flush()
		writable = false
	}
	if mask&Readable != 0 && !c.closed {
		if c.paused {
			c.hold(mask)
		} else {
			c.read(t.buf)
		}
	}
	if writable && c.mask&Writable != 0 && !c.closed {
		c.flush()
	}
}

// hold is for readability that nobody wants now. Pausing itself costs nothing; only when bytes arrive is the poller told.
func (c *Conn) hold(mask uint8) {
	if mask&evHup != 0 {
		// This cannot be masked. The peer is gone, so nothing is lost for output either.
		c.loop.poll.remove(c.fd, c.mask)
		c.mask = 0
		c.detached = true
		return
	}
	c.setMask(c.mask &^ Readable)
}

// read reads once and delivers. buf is the shared buffer.
func (c *Conn) read(buf []byte) {
	rest := c.Buffered()
	if rest > smallRest || c.want > len(buf) {
		c.readLong()
		return
	}
	if rest > 0 {
		copy(buf, c.rest())
	}
	n, errno := sysRead(c.fd, buf[rest:])
	if n <= 0 {
		c.readFailed(n, errno)
		return
	}
	c.count(n)
	if rest+n < c.want {
		c.reserve(n)
		c.in = append(c.in, buf[rest:rest+n]...)
		return
	}
	c.deliver(buf[:rest+n])
}

// readLong reads behind a long rest, or the start of something long.
func (c *Conn) readLong() {
	for total := 0; total < readPerTurn; {
		// What is wanted is room enough: more would let a buffer that already fits grow by half for the last bytes of a long argument.
		need := c.want - c.Buffered()
		if need <= 0 {
			need = 16 * 1024
		}
		c.reserve(min(readBufferSize, need))
		room := c.in[len(c.in):cap(c.in)]
		n, errno := sysRead(c.fd, room)
		if n <= 0 {
			if total > 0 && n < 0 && errno == syscall.EAGAIN {
				break
			}
			c.readFailed(n, errno)
			return
		}
		c.count(n)
		c.in = c.in[:len(c.in)+n]
		total += n
		if n < len(room) || c.Buffered() >= c.want {
			break
		}
	}
	if c.Buffered() >= c.want {
		c.again()
	}
}

func (c *Conn) readFailed(n int, errno syscall.Errno) {
	switch {
	case n == 0:
		c.fail(io.EOF)
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
	default:
		c.fail(errno)
	}
}

// flush writes until there is nothing left, the system takes no more, or the turn's share is used up.
func (c *Conn) flush() {
	if c.pump != nil {
		c.pump.flush()
		return
	}
	share := writeAlone
	if c.loop.load > 1 {
		share = writePerTurn
	}
	for !c.closed {
		var pieces [][]byte
		var b []byte
		if c.gather != nil {
			if pieces = c.gather.Outputs(c.loop.pieces[:0], max(share, 1)); len(pieces) > 0 {
				b = pieces[0]
			}
		} else {
			b = c.h.Output()
		}
		if len(b) == 0 {
			if c.mask&Writable != 0 {
				c.setMask(c.mask &^ Writable)
			}
			return
		}
		if share <= 0 {
			c.more()
			return
		}
		var n, size int
		var errno syscall.Errno
		if len(pieces) > 1 {
			pieces, size = clip(pieces, share)
			n, errno = sysWritev(c.fd, pieces)
			clear(pieces)
		} else {
			size = min(len(b), share)
			n, errno = sysWrite(c.fd, b[:size])
		}
		if n < 0 {
			c.writeFailed(errno)
			return
		}
		c.wrote(n)
		share -= n
		if n < size {
			c.awaitWritable()
			return
		}
	}
}

// clip cuts pieces down to limit bytes, and returns how many are left.
func clip(pieces [][]byte, limit int) ([][]byte, int) {
	size := 0
	for i, b := range pieces {
		if size+len(b) >= limit {
			pieces[i] = b[:limit-size]
			return pieces[:i+1], limit
		}
		size += len(b)
	}
	return pieces, size
}

// more has the rest of the output follow in the next turn: the system would take it, but others have their turn first.
func (c *Conn) more() {
	if c.mask&Writable == 0 {
		c.QueueWrite()
	}
}

func (c *Conn) awaitWritable() {
	if !c.closed && c.mask&Writable == 0 && !c.detached {
		c.setMask(c.mask | Writable)
	}
}

func (c *Conn) writeFailed(errno syscall.Errno) {
	switch errno {
	case syscall.EAGAIN, syscall.ENOBUFS:
		c.awaitWritable()
	case syscall.EINTR:
		c.more()
	default:
		c.fail(errno)
	}
}

// temporary tells errors of accept that concern that connection alone, or nothing at all.
func temporary(err error) bool {
	return errors.Is(err, syscall.ECONNABORTED) || errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.EPROTO)
}

// exhausted tells errors of accept that mean there is no room for another connection now.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) ||
		errors.Is(err, syscall.ENOMEM)
}
