// SPDX-License-Identifier: BSD-3-Clause

package ae

// I/O threads (io-threads N): the read and write system calls of a turn, and Parse, spread over the loop's goroutine
// and N-1 helpers. Commands are executed by the loop alone, as ever.
//
// A batch. The loop lists the operations of up to batchMax connections, opens the list, wakes the helpers and works on
// it itself. Everybody claims the next item off an atomic counter until there is none; the loop then waits for the
// items that helpers are still at, and goes on alone: Data for what was read, Wrote for what was written. So a helper
// that is late, for the system gave its core to somebody else, finds nothing to do and has held nobody up, and the cost
// of a batch that goes wrong is the wake-up.
//
// While a batch is open its items, and the connections in them, belong to whoever claimed them; nothing of the loop is
// touched. Handlers' methods other than Parse are called by the loop only.
//
// Whether it pays depends on cores that are free, and on nothing the loop could know beforehand. So it tries: windows of
// turns with helpers and without alternate, and the better kind runs most of the time (gauge). Turns with few ready
// connections never use helpers, and no more of them are woken than there are other processors: with a single one, none.

import (
	"sync/atomic"
	"syscall"

	"redport/src/monotonic"
)

const (
	batchMax  = 128
	batchRead = 16 * 1024 // what is read into an item's buffer
	minBatch  = 12        // connections; fewer are done before a helper has woken up

	waitSpins = 10_000 // about 10 us, as long as two system calls

	closedList = 1 << 30 // of the claim counter: nothing to claim
)

// ioItem is one operation of a batch.
type ioItem struct {
	c     *Conn
	write bool
	fd    int
	b     []byte   // to write; or the buffer to read into, of which rest bytes are what Data left
	more  [][]byte // to write in place of b, if there are several pieces
	rest  int      // see b; of a write, the bytes to write
	n     int      // result
	errno syscall.Errno
}

// ioThreads is the team. Fields above the counters are the loop's, and read by helpers while a list is open.
type ioThreads struct {
	items   []ioItem   // never more than batchMax: connections point into it
	bufs    [][]byte   // of batchRead, for reads
	vecs    [][][]byte // for pieces of output
	minimum int        // connections that a batch is made of at least
	always  bool       // for tests: helpers whether they pay or not
	procs   int        // processors that there are for all

	claim atomic.Int64 // the next item, closedList or beyond if there is no list
	size  atomic.Int64 // of the list
	done  atomic.Int64 // items finished
	await atomic.Bool  // the loop sleeps until done reaches size

	wake     []chan struct{} // one per helper; closed to end it
	counts   []ioCount       // one per thread, the loop's own first
	finished chan struct{}

	reads, writes gauge
	busy          bool // a batch is being delivered; turns inside it go without
}

// ioCount is what one thread of the team has done.
type ioCount struct {
	reads, writes atomic.Int64
	_             [48]byte // a cache line each
}

// SetIOThreads sets the number of I/O threads, the loop's own included; 1 turns them off. Not from within a turn's
// handlers that I/O is waiting for; a posted function, a timer or a command is fine.
func (l *Loop) SetIOThreads(n int) {
	if l.poll == nil || l.io != nil && len(l.io.wake)+1 == n {
		return // pumps have goroutines as it is
	}
	if l.io != nil {
		for _, ch := range l.io.wake {
			close(ch)
		}
		l.io = nil
	}
	if n <= 1 {
		return
	}
	t := &ioThreads{items: make([]ioItem, 0, batchMax), minimum: minBatch, finished: make(chan struct{}, 1)}
	t.claim.Store(closedList)
	t.counts = make([]ioCount, n)
	for i := range n - 1 {
		ch := make(chan struct{}, 1)
		t.wake = append(t.wake, ch)
		l.pumps.Add(1)
		go func() {
			defer l.pumps.Done()
			for range ch {
				t.work(&t.counts[i+1])
			}
		}()
	}
	l.io = t
}

// IOThreads is the number of I/O threads, 1 if they are off.
func (l *Loop) IOThreads() int {
	if l.io == nil {
		return 1
	}
	return len(l.io.wake) + 1
}

// IOThreadStats returns how many reads and writes thread i has done for others since the threads were set, 0 being the
// loop's own share.
func (l *Loop) IOThreadStats(i int) (reads, writes int64) {
	if l.io == nil || i >= len(l.io.counts) {
		return 0, 0
	}
	c := &l.io.counts[i]
	return c.reads.Load(), c.writes.Load()
}

// work does items until there are none left to claim, and counts them.
func (t *ioThreads) work(count *ioCount) {
	for {
		i := t.claim.Add(1) - 1
		if i >= t.size.Load() {
			return
		}
		it := &t.items[i]
		it.do()
		if it.write {
			count.writes.Add(1)
		} else {
			count.reads.Add(1)
		}
		if t.done.Add(1) == t.size.Load() && t.await.Load() {
			select {
			case t.finished <- struct{}{}:
			default:
			}
		}
	}
}

func (it *ioItem) do() {
	if it.write {
		if len(it.more) > 1 {
			it.n, it.errno = sysWritev(it.fd, it.more)
		} else {
			it.n, it.errno = sysWrite(it.fd, it.b)
		}
		return
	}
	c := it.c
	if it.rest > 0 {
		copy(it.b, c.rest())
	}
	it.n, it.errno = sysRead(it.fd, it.b[it.rest:])
	if it.n > 0 && c.parser != nil && it.rest+it.n >= c.want {
		c.parser.Parse(it.b[:it.rest+it.n])
	}
}

// run has the items done by all, and returns when they are.
func (t *ioThreads) run() {
	n := int64(len(t.items))
	t.done.Store(0)
	t.size.Store(n)
	t.claim.Store(0) // open
	helpers := min(len(t.wake), max(t.procs-1, 1), max(len(t.items)/(minBatch/2), 1))
	for _, ch := range t.wake[:helpers] {
		select {
		case ch <- struct{}{}:
		default: // not awake yet since the last time
		}
	}
	t.work(&t.counts[0])
	for spins := 0; t.done.Load() < n; spins++ {
		if spins < waitSpins {
			continue
		}
		t.await.Store(true)
		for t.done.Load() < n {
			<-t.finished // which may be told late, of the batch before
		}
		t.await.Store(false)
	}
	t.claim.Store(closedList)
}

// read is dispatch with helpers; false if it did nothing, for the loop does it as well alone.
func (t *ioThreads) read(l *Loop, tn *turn, evs []event) bool {
	if t.busy || len(evs) < t.minimum || l.procs <= 1 && !t.always {
		return false
	}
	t.procs = l.procs
	if !t.always && !t.reads.team() {
		t.reads.begin()
		for i := range evs {
			l.event(tn, &evs[i])
		}
		t.reads.end(len(evs))
		return true
	}
	t.reads.begin()
	t.busy = true
	for rest := evs; len(rest) > 0; {
		part := rest[:min(len(rest), batchMax)]
		rest = rest[len(part):]
		t.readBatch(l, tn, part)
	}
	t.busy = false
	t.reads.end(len(evs))
	return true
}

func (t *ioThreads) readBatch(l *Loop, tn *turn, evs []event) {
	t.items = t.items[:0]
	for i := range evs {
		ev := &evs[i]
		s := &l.slots[ev.fd]
		c := s.conn
		if s.gen != ev.gen || c == nil || ev.mask&Readable == 0 || c.h == nil || c.dial != nil || c.paused || c.inData {
			continue
		}
		rest := c.Buffered()
		if rest > smallRest || c.want > batchRead {
			continue // a long argument: alone, into its own buffer
		}
		if len(t.items) == len(t.bufs) {
			t.bufs = append(t.bufs, make([]byte, batchRead))
		}
		b := t.bufs[len(t.items)]
		t.items = append(t.items, ioItem{c: c, fd: c.fd, b: b, rest: rest})
		c.item = &t.items[len(t.items)-1]
	}
	if len(t.items) > 0 {
		t.run()
		l.Stats.ThreadedReads += int64(len(t.items))
	}
	for i := range evs {
		ev := &evs[i]
		s := &l.slots[ev.fd]
		if s.gen == ev.gen && s.conn != nil && s.conn.item != nil {
			c := s.conn
			writable := ev.mask&Writable != 0 && c.mask&Writable != 0
			if writable && l.Barrier {
				c.flush()
				writable = false
			}
			t.deliver(c, tn)
			if writable && c.mask&Writable != 0 && !c.closed {
				c.flush()
			}
			continue
		}
		l.event(tn, ev)
	}
	// Whatever a turn inside has closed in the meantime.
	for i := range t.items {
		t.items[i].c.item = nil
		t.items[i].c = nil
	}
}

// deliver hands over what was read for c.
func (t *ioThreads) deliver(c *Conn, tn *turn) {
	it := c.item
	c.item = nil
	switch {
	case it.n <= 0:
		c.readFailed(it.n, it.errno)
		return
	case c.paused, it.rest+it.n < c.want:
		c.keep(it)
		return
	}
	c.count(it.n)
	c.deliver(it.b[:it.rest+it.n])
	if it.n == len(it.b)-it.rest && !c.closed && !c.paused {
		c.read(tn.buf) // there is probably more
	}
}

// keep puts what was read for c behind its rest.
func (c *Conn) keep(it *ioItem) {
	c.count(it.n)
	c.reserve(it.n)
	c.in = append(c.in, it.b[it.rest:it.rest+it.n]...)
	c.kept = c.kept || c.paused
}

// fold is for a turn inside another that comes across a connection whose input the outer one has read, but not
// delivered yet: that comes first.
func (c *Conn) fold() {
	it := c.item
	c.item = nil
	if it.n <= 0 {
		c.readFailed(it.n, it.errno)
		return
	}
	c.keep(it)
	if !c.paused && c.Buffered() >= c.want {
		c.again()
	}
}

// write is the flush of the queue with helpers; false if it did nothing.
func (t *ioThreads) write(l *Loop, q []*Conn) bool {
	// Pumps have goroutines as it is; who has TLS connections has few others.
	if t.busy || len(q) < t.minimum || l.procs <= 1 && !t.always || q[0].pump != nil {
		return false
	}
	t.procs = l.procs
	if !t.always && !t.writes.team() {
		t.writes.begin()
		for _, c := range q {
			c.flushFromQueue()
		}
		t.writes.end(len(q))
		return true
	}
	t.writes.begin()
	t.busy = true
	for rest := q; len(rest) > 0; {
		part := rest[:min(len(rest), batchMax)]
		rest = rest[len(part):]
		t.writeBatch(l, part)
	}
	t.busy = false
	t.writes.end(len(q))
	return true
}

func (t *ioThreads) writeBatch(l *Loop, q []*Conn) {
	t.items = t.items[:0]
	for _, c := range q {
		c.queued = false
		if c.closed || c.h == nil {
			continue
		}
		if c.pump != nil {
			continue
		}
		if c.inData {
			c.QueueWrite()
			continue
		}
		it := ioItem{c: c, write: true, fd: c.fd}
		if c.gather != nil {
			k := len(t.items)
			if k == len(t.vecs) {
				t.vecs = append(t.vecs, make([][]byte, 0, maxPieces))
			}
			if it.more, it.rest = clip(c.gather.Outputs(t.vecs[k][:0], writePerTurn), writePerTurn); len(it.more) > 0 {
				it.b = it.more[0]
			}
		} else if it.b = c.h.Output(); len(it.b) > 0 {
			it.b = it.b[:min(len(it.b), writePerTurn)]
			it.rest = len(it.b)
		}
		if len(it.b) > 0 {
			t.items = append(t.items, it)
		} else if c.mask&Writable != 0 {
			c.setMask(c.mask &^ Writable)
		}
	}
	if len(t.items) > 0 {
		t.run()
		l.Stats.ThreadedWrites += int64(len(t.items))
	}
	for _, c := range q {
		if c.pump != nil && !c.closed && c.h != nil {
			c.flush()
		}
	}
	for i := range t.items {
		it := &t.items[i]
		c := it.c
		clear(it.more)
		it.c, it.b, it.more = nil, nil, nil
		if c.closed {
			continue // by the handler of another
		}
		if it.n < 0 {
			c.writeFailed(it.errno)
			continue
		}
		c.wrote(it.n)
		switch {
		case c.closed:
		case it.n < it.rest:
			c.awaitWritable()
		case it.n == writePerTurn:
			c.more()
		default:
			c.flush() // nothing, as a rule
		}
	}
}

// --- Does it pay? ---

// gauge compares turns with helpers and without. What counts is the time per connection, of the stage itself and of
// whole turns with the waiting in between: helpers that take the core away from a client on this machine make the stage
// faster and everything slower.
type gauge struct {
	on     bool  // the kind that wins, and runs most of the time
	trying bool  // this window is of the other kind
	left   int   // turns to go in this window
	count  int   // windows since the last trial
	period int   // windows until the next one
	start  int64 // ns, of the stage
	window int64 // ns, when the window began
	stage  int64 // ns in the stage, in this window
	conns  int64 // connections in this window

	cost [2]struct{ stage, whole float64 } // ns a connection, by kind; 0: not known
}

const (
	windowTurns  = 48
	trialMin     = 32  // windows between trials; twice as many each time that helpers lose
	trialMax     = 512 // a few seconds of a busy server
	trialMaxIdle = 50 * windowTurns * 1e6
)

// team decides for one stage of one turn.
func (g *gauge) team() bool {
	if g.left == 0 {
		g.next()
	}
	g.left--
	return g.on != g.trying
}

func (g *gauge) begin() { g.start = monotonic.Nanotime() }

func (g *gauge) end(conns int) {
	g.stage += monotonic.Nanotime() - g.start
	g.conns += int64(conns)
}

// next ends a window, learns from it, and begins another.
func (g *gauge) next() {
	now := monotonic.Nanotime()
	// A window with long idle times in it says nothing about whole turns.
	if g.conns > 0 && now-g.window < trialMaxIdle {
		k := 0
		if g.on != g.trying {
			k = 1
		}
		c := &g.cost[k]
		n := float64(g.conns)
		learn(&c.stage, float64(g.stage)/n)
		learn(&c.whole, float64(now-g.window)/n)
		g.judge()
	}
	if g.trying {
		g.count = 0
		g.period = max(trialMin, min(2*g.period, trialMax))
		if g.on {
			g.period = trialMin
		}
	}
	g.count++
	g.trying = g.count > g.period
	if g.trying {
		// Forget what the other kind once was.
		k := 1
		if g.on {
			k = 0
		}
		g.cost[k].stage, g.cost[k].whole = 0, 0
	}
	g.left, g.stage, g.conns, g.window = windowTurns, 0, 0, now
}

// judge chooses the better kind, once both are known.
func (g *gauge) judge() {
	if solo, team := &g.cost[0], &g.cost[1]; solo.whole > 0 && team.whole > 0 {
		g.on = team.stage < 0.9*solo.stage && team.whole < 0.95*solo.whole
	}
}

func learn(avg *float64, v float64) {
	if *avg == 0 {
		*avg = v
		return
	}
	*avg += (v - *avg) / 4
}
