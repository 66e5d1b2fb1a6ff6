// SPDX-License-Identifier: BSD-3-Clause

// Package ae is the event loop: connections, timers, and functions posted by other goroutines (counterpart: ae.c and
// connection.c).
package ae

// One goroutine runs a Loop, and with it every handler, timer and posted function: nothing here needs a lock from its
// users. A Loop offers Redis's notions (file events, time events, beforeSleep, afterSleep), but its contract is at the
// level of connections: the loop reads and hands over bytes, asks for bytes and writes them, and reports the end once.
// So back ends that tell readiness (epoll, kqueue, poll) and those that complete operations (goroutines over net.Conn)
// both fit, and the first pay nothing for it.
//
// A turn:
//
//	1. Redeliver: connections that asked for it get their buffered rest again
//	2. BeforeSleep, then the output of the connections queued by QueueWrite
//	3. wait for events: not at all if something is pending, else until the nearest timer
//	4. AfterSleep, then pumps, then events of descriptors: accept, read and Data, write
//	5. timers, then posted functions
//	6. Closed for the connections that ended
//
// A turn inside a turn (ProcessEvents called by a handler, a script that spins, a dataset being loaded) runs neither
// timers nor posted functions nor Redeliver, and leaves the connections alone whose Data is still running.
//
// Goroutines, and what each may touch:
//
//	the loop's      everything, except what a pump or an I/O helper owns at the time. It is locked to its thread.
//	pump readers    one per pumped connection (TLS anywhere, everything where sockets cannot be polled): its net.Conn,
//	                its input buffers; shares pump.mu with the loop
//	pump writers    one per pumped connection with output under way: its net.Conn and the output buffer handed over
//	acceptors       one per listener where sockets cannot be polled
//	dialers         one per Dial that must resolve a name, or where sockets cannot be polled
//	I/O helpers     io-threads minus one: read and write system calls of connections that the loop hands them, and
//	                Parse; the loop waits for them before it touches those connections again
//
// All of them reach the loop through its inbox (a mutex, and a wake-up of the back end if the loop sleeps); anybody
// else does through Post. There is no goroutine per plain connection where sockets can be polled.
//
// A back end that tells readiness implements poller:
//
//	name() string
//	    The name for INFO's multiplexing_api.
//	add(fd int, gen uint32, mask uint8) error
//	    Arm a descriptor, level-triggered. Events of it carry fd and gen, so that one taken out of the system before
//	    fd was closed and given out again is recognised as stale.
//	modify(fd int, gen uint32, old, mask uint8) error
//	    Change the mask; hang-ups and errors may be told even under an empty one.
//	remove(fd int, old uint8)
//	    Disarm, before fd is closed.
//	wait(evs []event, timeout int, hold bool) int
//	    Fill evs and return their number. timeout is in ms, -1 for ever, 0 just looks. It may return early with none.
//	    While it blocks the goroutine must not hold up the collector or, unless hold is true, anything else that waits
//	    for its P. A hang-up or error is told as both readable and writable, and evHup.
//	wake()
//	    Make the wait in progress, or else the next one, return. From any goroutine.
//	close()
//	    Give everything back.
//
// wait is called by the loop's goroutine only, also from turns inside turns.

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"redport/src/monotonic"
)

// Masks of file events.
const (
	Readable = 1
	Writable = 2

	evHup = 4 // told by wait only
)

// ErrNoDescriptors is returned for raw file events where sockets cannot be polled.
var ErrNoDescriptors = errors.New("file events are not available with this event loop back end")

// ErrLoopClosed is what dials get that were under way when the loop was closed.
var ErrLoopClosed = errors.New("event loop closed")

// NoMore is returned by the function of a time event that is not to run again.
const NoMore = -1

const (
	readBufferSize = 64 * 1024 // one read of a connection, and the shared input buffer
	writePerTurn   = 64 * 1024 // as NET_MAX_WRITES_PER_EVENT: at most this for one connection when others wait
	writeAlone     = 1 << 20   // the same when no other waits
	maxPieces      = 32        // of output in one system call
	eventsPerWait  = 1024
	acceptRetryMs  = 100 // how long a listener rests that ran out of descriptors
)

// Options of New.
type Options struct {
	// Backend names the mechanism: "" for the system's best, else one of Backends.
	Backend string
}

// event is one report of a poller.
type event struct {
	fd   int32
	gen  uint32
	mask uint8
}

type poller interface {
	name() string
	add(fd int, gen uint32, mask uint8) error
	modify(fd int, gen uint32, old, mask uint8) error
	remove(fd int, old uint8)
	wait(evs []event, timeout int, hold bool) int
	wake()
	close()
}

// slot is what the loop knows of a descriptor.
type slot struct {
	conn *Conn
	ln   *Listener
	file *fileEvent
	gen  uint32
}

type fileEvent struct {
	mask uint8
	proc [2]func(mask int) // readable, writable
}

// Stats counts what the loop did. Owned by the loop's goroutine.
type Stats struct {
	Turns          int64 // event loop cycles
	Reads, Writes  int64 // read and write calls of connections that moved bytes
	BytesIn        int64
	BytesOut       int64
	ThreadedReads  int64 // of Reads, those done by I/O helpers
	ThreadedWrites int64
	Accepted       int64
}

// Loop is an event loop. Except for Post, Stop and Wake its methods are for the goroutine that runs it, or for any
// single one before Run.
type Loop struct {
	// BeforeSleep runs in every turn before output is written and before the loop waits, AfterSleep after the wait.
	// May be nil.
	BeforeSleep, AfterSleep func()

	// Barrier makes sure that what Data puts out is not written in the same turn, but after the next BeforeSleep, also for a connection
	// that had more to write already.
	Barrier bool

	// AcceptError hears of connections that could not be accepted. May be nil.
	AcceptError func(ln *Listener, err error)

	Stats Stats

	poll  poller // nil: no descriptors, the loop sleeps on its inbox alone
	be    string
	slots []slot // by descriptor
	gen   uint32
	now   int64 // monotonic ns, of the last wake-up

	depth int     // turns under way
	turns []*turn // scratch space by depth
	procs int     // GOMAXPROCS, as of lately

	writeq     []*Conn // QueueWrite
	lastq      []*Conn // QueueWriteLast
	redeliverq []*Conn
	closingq   []*Conn // closed, Closed not yet called
	load       int     // connections that had events in this turn or have output queued: is anybody waiting?

	pieces [][]byte // scratch space for Outputs

	timers timerHeap
	nconns int
	rested []*Listener // listeners waiting for descriptors

	io *ioThreads // nil: off

	inbox inbox
	wakes chan struct{} // poll == nil: wakes the sleep
	stop  atomic.Bool

	pumps  sync.WaitGroup // goroutines of pumps, acceptors and dialers
	pumped map[*pump]struct{}
	dials  map[*Dialing]struct{}
	lns    map[*Listener]struct{}
	closed bool
}

// turn is what a turn needs of its own, for one may run inside another that is still reading its events.
type turn struct {
	evs []event
	buf []byte // the shared input buffer
}

// Backends lists the names that Options.Backend may have on this system, the best first.
func Backends() []string {
	names := make([]string, 0, len(pollers)+1)
	for _, p := range pollers {
		names = append(names, p.name)
	}
	return append(names, "pump")
}

// New makes a loop.
func New(o Options) (*Loop, error) {
	l := &Loop{
		be:     "pump",
		wakes:  make(chan struct{}, 1),
		pumped: map[*pump]struct{}{},
		dials:  map[*Dialing]struct{}{},
		lns:    map[*Listener]struct{}{},
		pieces: make([][]byte, 0, maxPieces),
		now:    monotonic.Nanotime(),
	}
	if o.Backend != "pump" {
		found := o.Backend == "" && len(pollers) == 0
		for _, p := range pollers {
			if o.Backend == "" || o.Backend == p.name {
				poll, err := p.open()
				if err != nil {
					return nil, err
				}
				l.poll, l.be, found = poll, p.name, true
				break
			}
		}
		if !found {
			return nil, errors.New("unknown event loop back end: " + o.Backend)
		}
	}
	l.timers.init()
	return l, nil
}

// Backend names the mechanism in use, for INFO's multiplexing_api.
func (l *Loop) Backend() string { return l.be }

// Connections is the number of open connections.
func (l *Loop) Connections() int { return l.nconns }

// Nanotime is the monotonic time of the last wake-up: a clock that costs nothing.
func (l *Loop) Nanotime() int64 { return l.now }

// Run turns until Stop, on the calling goroutine, which it locks to its thread. Not where there is nothing to poll: the
// loop is woken by other goroutines then, and a thread of its own would make two switches of threads out of each time.
func (l *Loop) Run() {
	if l.poll != nil {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	for !l.stop.Load() {
		l.turn(true, true)
	}
	l.stop.Store(false)
}

// Stop makes Run return at the end of its turn. From any goroutine.
func (l *Loop) Stop() {
	l.stop.Store(true)
	l.Wake()
}

// ProcessEvents runs one turn and returns the number of events it processed. With wait it may sleep until there is
// something to do. Called from within a turn it leaves out timers, posted functions and Redeliver.
func (l *Loop) ProcessEvents(wait bool) int { return l.turn(wait, l.depth == 0) }

// Depth is the number of turns under way: 0 outside of any, more than 1 inside of a handler that called ProcessEvents.
func (l *Loop) Depth() int { return l.depth }

// ProcessFileEvents is ProcessEvents without waiting and always without timers, posted functions and Redeliver: for
// work that holds the server up outside of any turn, as loading the dataset at start.
func (l *Loop) ProcessFileEvents() int { return l.turn(false, false) }

func (l *Loop) turn(wait, full bool) int {
	if l.closed {
		return 0
	}
	if l.depth == len(l.turns) {
		l.turns = append(l.turns, &turn{evs: make([]event, eventsPerWait), buf: make([]byte, readBufferSize)})
	}
	t := l.turns[l.depth]
	l.depth++
	if l.Stats.Turns&1023 == 0 {
		l.procs = runtime.GOMAXPROCS(0)
	}
	l.Stats.Turns++
	processed := 0

	if full && len(l.redeliverq) > 0 {
		processed += l.RunRedeliveries()
	}
	if l.BeforeSleep != nil {
		l.BeforeSleep()
	}
	processed += l.flushQueued()
	processed += l.reapClosed()

	timeout := 0
	if wait && len(l.writeq)+len(l.lastq) == 0 && len(l.closingq) == 0 && !l.stop.Load() &&
		!(full && (len(l.redeliverq) > 0 || len(l.inbox.posts) > 0)) {
		timeout = -1
		if full {
			timeout = l.timers.timeout()
		}
	}
	n := l.sleep(t, timeout)
	l.now = monotonic.Nanotime()
	if l.AfterSleep != nil {
		l.AfterSleep()
	}

	if l.inbox.state.Load()&inboxPending != 0 {
		l.takeInbox()
	}
	l.load = n + len(l.inbox.pumps)
	if len(l.inbox.pumps) > 0 {
		processed += l.runPumps()
	}
	if n > 0 {
		l.dispatch(t, t.evs[:n])
		processed += n
	}
	if full {
		if l.timers.due(l.now) {
			processed += l.processTimeEvents()
		}
		if len(l.inbox.posts) > 0 {
			processed += l.runPosts()
		}
	}
	processed += l.reapClosed()
	if len(l.rested) > 0 {
		l.wakeListeners(false)
	}
	l.depth--
	return processed
}

// sleep waits for events of descriptors, or for the inbox alone where there are none.
func (l *Loop) sleep(t *turn, timeout int) int {
	if timeout != 0 {
		// Whoever puts something into the inbox from here on sees that it has to wake us.
		if l.inbox.state.Or(inboxSleeping)&inboxPending != 0 {
			timeout = 0
		}
	}
	n := 0
	if l.poll != nil {
		// With pumps at work, or no other P, somebody may be waiting for ours.
		n = l.poll.wait(t.evs, timeout, l.procs > 1 && len(l.pumped) == 0)
	} else if timeout != 0 {
		l.sleepOnChannel(timeout)
	}
	l.inbox.state.And(^uint32(inboxSleeping))
	return n
}

// sleepOnChannel is sleep where there is nothing to poll.
func (l *Loop) sleepOnChannel(timeout int) {
	if timeout < 0 {
		<-l.wakes
		return
	}
	t := time.NewTimer(time.Duration(timeout) * time.Millisecond)
	select {
	case <-l.wakes:
	case <-t.C:
	}
	t.Stop()
}

func (l *Loop) dispatch(t *turn, evs []event) {
	if l.io != nil && l.io.read(l, t, evs) {
		return
	}
	for i := range evs {
		l.event(t, &evs[i])
	}
}

func (l *Loop) event(t *turn, ev *event) {
	s := &l.slots[ev.fd]
	if s.gen != ev.gen {
		return // closed, and perhaps given out again, since the system told
	}
	switch {
	case s.conn != nil:
		s.conn.event(t, ev.mask)
	case s.ln != nil:
		s.ln.acceptReady()
	case s.file != nil:
		l.fileReady(int(ev.fd), ev)
	}
}

// --- Descriptors ---

// arm takes a descriptor into the table and the back end.
func (l *Loop) arm(fd int, s slot, mask uint8) error {
	if fd >= len(l.slots) {
		l.slots = slices.Grow(l.slots, fd+1-len(l.slots))
		l.slots = l.slots[:cap(l.slots)]
	}
	l.gen++
	s.gen = l.gen
	if err := l.poll.add(fd, s.gen, mask); err != nil {
		return err
	}
	l.slots[fd] = s
	return nil
}

// disarm forgets a descriptor; events of it that are still to come are stale.
func (l *Loop) disarm(fd int, mask uint8) {
	l.poll.remove(fd, mask)
	l.slots[fd] = slot{}
}

func (l *Loop) setMask(fd int, old, mask uint8) error {
	return l.poll.modify(fd, l.slots[fd].gen, old, mask)
}

// CreateFileEvent calls proc in every turn in which fd, which must not be one of a connection or listener, is ready for
// what mask says. A second call for fd adds to its mask. Hang-ups and errors count as both.
func (l *Loop) CreateFileEvent(fd, mask int, proc func(mask int)) error {
	if l.poll == nil {
		return ErrNoDescriptors
	}
	mask &= Readable | Writable
	var f *fileEvent
	if fd >= 0 && fd < len(l.slots) {
		f = l.slots[fd].file
	}
	if f == nil {
		f = &fileEvent{}
		if err := l.arm(fd, slot{file: f}, uint8(mask)); err != nil {
			return err
		}
	} else if err := l.setMask(fd, f.mask, f.mask|uint8(mask)); err != nil {
		return err
	}
	f.mask |= uint8(mask)
	for i := range f.proc {
		if mask&(1<<i) != 0 {
			f.proc[i] = proc
		}
	}
	return nil
}

// DeleteFileEvent takes mask away from what CreateFileEvent armed. It must come before fd is closed.
func (l *Loop) DeleteFileEvent(fd, mask int) {
	if fd < 0 || fd >= len(l.slots) || l.slots[fd].file == nil {
		return
	}
	f := l.slots[fd].file
	left := f.mask &^ uint8(mask)
	if left == 0 {
		l.disarm(fd, f.mask)
	} else {
		l.setMask(fd, f.mask, left)
	}
	f.mask = left
}

// FileEvents is the mask armed for fd (C: aeGetFileEvents).
func (l *Loop) FileEvents(fd int) int {
	if fd < 0 || fd >= len(l.slots) || l.slots[fd].file == nil {
		return 0
	}
	return int(l.slots[fd].file.mask)
}

func (l *Loop) fileReady(fd int, ev *event) {
	f := l.slots[fd].file
	for i, bit := range [...]uint8{Readable, Writable} {
		// Either proc may have deleted the other's event, or the descriptor altogether.
		if f.mask&bit&ev.mask != 0 && l.slots[fd].file == f {
			f.proc[i](int(ev.mask & (Readable | Writable)))
		}
	}
}

// --- Queues of the turn ---

// RunRedeliveries calls Data for the connections that asked by Redeliver up to now, and returns their number. The loop
// does so at the start of each full turn; a BeforeSleep hook that unblocks clients, and must have their commands
// executed before it goes on, may call it at that point.
func (l *Loop) RunRedeliveries() int {
	q := l.redeliverq
	l.redeliverq = nil
	for i, c := range q {
		q[i] = nil
		c.redeliver = false
		if c.closed || c.h == nil {
			continue
		}
		if c.inData { // a turn inside its own Data
			c.Redeliver()
			continue
		}
		c.again()
	}
	n := len(q)
	if l.redeliverq == nil {
		l.redeliverq = q[:0]
	}
	return n
}

// flushQueued writes for the connections queued before it started: those of writeq, the last one first, for who caused messages to others
// (invalidations, say) comes behind them in the queue, and sends its next request while they are served; then those of lastq.
func (l *Loop) flushQueued() int {
	n := len(l.writeq) + len(l.lastq)
	if n == 0 {
		return 0
	}
	first, last := l.writeq, l.lastq
	l.writeq, l.lastq = nil, nil
	slices.Reverse(first)
	l.load = max(l.load, n)
	l.flushAll(first)
	l.flushAll(last)
	clear(first)
	clear(last)
	if l.writeq == nil {
		l.writeq = first[:0]
	}
	if l.lastq == nil {
		l.lastq = last[:0]
	}
	return n
}

func (l *Loop) flushAll(q []*Conn) {
	if l.io != nil && l.io.write(l, q) {
		return
	}
	for _, c := range q {
		c.flushFromQueue()
	}
}

// reapClosed calls Closed for the connections that ended, except those whose handler is still running below us.
func (l *Loop) reapClosed() int {
	if len(l.closingq) == 0 {
		return 0
	}
	q := l.closingq
	l.closingq = nil
	n := 0
	for _, c := range q {
		if c.inData {
			l.closingq = append(l.closingq, c)
			continue
		}
		n++
		h := c.h
		c.gone = true
		c.h, c.parser, c.gather, c.in = nil, nil, nil, nil
		if h != nil {
			h.Closed(c.err)
		}
	}
	return n
}

// --- The inbox: what other goroutines want of the loop ---

const (
	inboxPending  = 1 // something has been put in that the loop has not taken
	inboxSleeping = 2 // the loop is in its wait, or about to be
)

type inbox struct {
	state atomic.Uint32

	mu         sync.Mutex
	freshPosts []func() // mu guards these two
	freshPumps []*pump

	posts []func() // taken, the loop's own
	pumps []*pump
	head  int // pumps[head:] are still to run
}

// Post runs fn on the loop's goroutine: after what was posted before it, in a turn of its own right, never inside
// another handler. From any goroutine; it wakes the loop.
func (l *Loop) Post(fn func()) {
	l.inbox.mu.Lock()
	l.inbox.freshPosts = append(l.inbox.freshPosts, fn)
	l.inbox.mu.Unlock()
	l.Wake()
}

func (l *Loop) postPump(p *pump) {
	l.inbox.mu.Lock()
	l.inbox.freshPumps = append(l.inbox.freshPumps, p)
	l.inbox.mu.Unlock()
	l.Wake()
}

// Wake ends the sleep of the loop, or prevents the next one. From any goroutine.
func (l *Loop) Wake() {
	old := l.inbox.state.Or(inboxPending)
	if old == inboxSleeping { // and nobody has woken it yet
		if l.poll != nil {
			l.poll.wake()
			return
		}
		select {
		case l.wakes <- struct{}{}:
		default:
		}
	}
}

func (l *Loop) takeInbox() {
	b := &l.inbox
	b.mu.Lock()
	b.state.And(^uint32(inboxPending))
	if len(b.posts) == 0 {
		b.posts, b.freshPosts = b.freshPosts, b.posts[:0]
	} else {
		b.posts = append(b.posts, b.freshPosts...)
		clear(b.freshPosts)
		b.freshPosts = b.freshPosts[:0]
	}
	if len(b.pumps) == 0 {
		b.pumps, b.freshPumps = b.freshPumps, b.pumps[:0]
	} else {
		b.pumps = append(b.pumps, b.freshPumps...)
		clear(b.freshPumps)
		b.freshPumps = b.freshPumps[:0]
	}
	b.mu.Unlock()
}

func (l *Loop) runPosts() int {
	q := l.inbox.posts
	l.inbox.posts = nil
	for i, fn := range q {
		q[i] = nil
		fn()
	}
	n := len(q)
	if l.inbox.posts == nil {
		l.inbox.posts = q[:0]
	}
	return n
}

// Close ends every connection (their handlers hear Closed), listener and dial, and gives the loop's resources back. Not
// from within a turn. What is posted afterwards is never run.
func (l *Loop) Close() {
	if l.closed {
		return
	}
	for d := range l.dials {
		d.finish(nil, ErrLoopClosed)
	}
	for ln := range l.lns {
		l.RemoveListener(ln)
		ln.Close()
	}
	for i := range l.slots {
		if c := l.slots[i].conn; c != nil {
			c.Close()
		}
	}
	for p := range l.pumped {
		p.c.Close()
	}
	for len(l.closingq) > 0 {
		l.reapClosed()
	}
	l.SetIOThreads(1)
	l.closed = true
	l.pumps.Wait()
	l.takeInbox()
	for _, p := range l.inbox.pumps[l.inbox.head:] {
		if p.ln != nil && p.nc != nil {
			p.nc.Close() // accepted, but never handed over
		}
	}
	if l.poll != nil {
		l.poll.close()
	}
}
