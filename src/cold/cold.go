// SPDX-License-Identifier: BSD-3-Clause

// Package cold makes what nobody has touched for a while smaller, in the background and without anybody noticing.
package cold

import (
	"time"

	"github.com/pierrec/lz4/v4"

	"redport/src/epoch"
)

// cold.go - when parts of collections are packed, and who remembers that they are to be.
//
// DESIGN
//
// A part is what a collection hands out and changes as a whole: a node of a list, a block of a stream. It is packed (LZ4) when nobody has read
// or written it for some time, if that makes it smaller by an eighth. A reader unpacks into memory of its own; one that comes twice within that time
// gets the part unpacked for good, and the more often that happens the longer the part must be left alone until it is packed
// again. A writer unpacks first.
//
// What is known of a part is its Mark, three bytes in its descriptor. Time is counted in ticks, seconds in a server.
//
// The Packer does not look for work: a collection enters its queue when it gets a part that may become cold, and leaves it when everything in it is
// packed, or cannot be. In the queue its turn comes after the time that a part needs to become cold, again and again. So what is in nobody's
// way costs nothing, and there is no walk over the keyspace.
//
// The queue does not know keys. An Entry points at the collection itself, wherever that may have been moved or renamed to; one that
// goes takes its Entry with it (Drop), one whose header is replaced for a snapshot's sake tells (Set).
//
// EPOCHS
//
// While a snapshot lives nothing is packed: that would clone everything. Marks are written only where no snapshot sees them, so that
// they are old when it goes; therefore packing waits for as long again.
//
// Owner goroutine only, but for Unpack.

// Bounds of what is packed.
const (
	MinSize = 256 // smaller parts are not worth it, but where all is packed at once: that is for tests
	minTest = 32
	MaxSize = 1 << 16 // larger ones would take longer than a slice of time
)

const (
	warmest   = 5       // doublings of the time that a part must be left alone
	maxIdle   = 7       // ticks: 1<<warmest times as many must fit into Mark.tick
	keepSpare = 1 << 20 // the largest buffers that are kept
	maxInput  = 1 << 30 // LZ4 counts with 32 bits
)

// Mark is what is known of a part. The zero value is fine.
type Mark struct {
	tick uint8 // of the last access, modulo 256: what comes back from there looks young for a while
	warm uint8 // how often it was unpacked since it was made, for being read again and again
	hard bool  // did not get smaller
}

// Target is a collection with parts.
type Target interface {
	// Pack packs parts for which p.Cold says so, going on where the last call stopped, until all are done or p.Over. again tells
	// that there are parts that may become cold.
	Pack(p *Packer) (done, again bool)
}

// Entry is a collection's place in the queue. It belongs to the collection, all of whose headers share it.
type Entry struct {
	target Target
	queued bool
	due    uint32
	next   *Entry
}

// Packer is the queue, and the clock by which parts become cold.
type Packer struct {
	clock *epoch.Clock
	off   bool
	idle  uint32 // ticks
	now   uint32
	quiet uint32 // tick in which a snapshot was seen last
	busy  bool   // a snapshot was seen

	first, last *Entry

	saved int64

	start  time.Time // of the slice
	budget time.Duration

	lz      *lz4.Compressor
	packed  []byte // where LZ4 data grows
	packed2 []byte
	spare   []byte // what readers unpack to, while none does
}

// New returns a Packer for what is made of blocks of clock. Parts become cold after idle ticks, up to 7; with 0 they are at once.
func New(clock *epoch.Clock, idle int) *Packer {
	return &Packer{clock: clock, idle: uint32(min(idle, maxIdle))}
}

// SetIdle changes how many ticks it takes to become cold; a negative number ends packing. What is packed stays so.
func (p *Packer) SetIdle(idle int) {
	p.off = idle < 0
	p.idle = uint32(min(max(idle, 0), maxIdle))
	for e := p.first; e != nil; e = e.next {
		e.due = p.now + p.idle
	}
}

// AtOnce tells that nothing needs time to become cold.
func (p *Packer) AtOnce() bool { return !p.off && p.idle == 0 }

// Tick counts a unit of time.
func (p *Packer) Tick() {
	p.now++
	if p.clock.Live() > 0 {
		p.busy, p.quiet = true, p.now
	} else if p.now-p.quiet > p.idle {
		p.busy = false
	}
}

// --- Parts ---

// Written notes that a part is new or is being changed.
func (p *Packer) Written(m *Mark) { m.tick, m.hard = uint8(p.now), false }

// Read notes that a part is being read that is not packed.
func (p *Packer) Read(m *Mark) { m.tick = uint8(p.now) }

// Reread notes that a packed part is being read, and tells whether it has to be unpacked for that.
func (p *Packer) Reread(m *Mark) bool {
	again := uint32(uint8(p.now)-m.tick) < p.idle
	m.tick = uint8(p.now)
	if again {
		m.warm = min(m.warm+1, warmest)
	}
	return again
}

// Packed notes that a part has been packed, which has saved so many bytes. The next access is the first one.
func (p *Packer) Packed(m *Mark, saved int) {
	m.tick = uint8(p.now - p.idle)
	p.saved += int64(saved)
}

// Saved returns how many bytes packing has saved since the last call.
func (p *Packer) Saved() int64 {
	n := p.saved
	p.saved = 0
	return n
}

// Hard notes that a part does not get smaller; nobody tries again until it is written to.
func (m *Mark) Hard() { m.hard = true }

// Cold tells whether a part of size bytes, not packed, is to be packed now, or else whether it may be later.
func (p *Packer) Cold(m *Mark, size int) (now, later bool) {
	if m.hard || size > MaxSize || size < MinSize && (size < minTest || p.idle > 0) {
		return false, false
	}
	now = uint32(uint8(p.now)-m.tick) >= p.idle<<m.warm
	return now, !now
}

// --- The queue ---

// Set tells which header stands for the collection.
func (e *Entry) Set(t Target) { e.target = t }

// Drop tells that the collection is gone.
func (e *Entry) Drop() { e.target = nil }

// Queue has a collection's turn come, once it may have a part that is cold.
func (p *Packer) Queue(e *Entry) {
	if e.queued {
		return
	}
	e.queued, e.due = true, p.now+p.idle
	if p.first == nil {
		p.first = e
	} else {
		p.last.next = e
	}
	p.last = e
}

func (p *Packer) pop() *Entry {
	e := p.first
	if p.first = e.next; p.first == nil {
		p.last = nil
	}
	e.next, e.queued = nil, false
	return e
}

// Due tells whether there is work to do.
func (p *Packer) Due() bool {
	e := p.first
	return e != nil && (e.target == nil || int32(p.now-e.due) >= 0) && !p.off && !p.busy && p.clock.Live() == 0
}

// Run packs for about budget, and reports whether there is more to do.
func (p *Packer) Run(budget time.Duration) (more bool) {
	if !p.Due() {
		return false
	}
	p.start, p.budget = time.Now(), budget
	for p.Due() {
		if p.Over() {
			return true
		}
		e := p.first
		if e.target == nil {
			p.pop()
			continue
		}
		done, again := e.target.Pack(p)
		if !done {
			return true
		}
		if p.pop(); again {
			p.Queue(e)
		}
	}
	return false
}

// Over tells whether the time of the slice is over.
func (p *Packer) Over() bool { return time.Since(p.start) >= p.budget }

// --- Packed bytes ---
//
//	line length 1 (columns.go; 0: nothing was done) | LZ4 data

// Compress packs b, and returns nil if the result is not smaller than most bytes. It is valid until the next call.
func (p *Packer) Compress(b []byte, most int) []byte {
	if len(b) > maxInput {
		return nil
	}
	out := p.lz4(0, b, most)
	if n := lineLength(b); n > 0 {
		if out != nil {
			most = len(out) - len(out)/8
		}
		lines := p.TakeSpare()
		if cap(lines) < len(b) {
			lines = make([]byte, len(b))
		}
		lines = lines[:len(b)]
		subtractLines(lines, b, n)
		if better := p.lz4(n, lines, most); better != nil {
			out = better
		}
		p.PutSpare(lines)
	}
	return out
}

// lz4 compresses b behind the line length n. What it returns is valid until the next call but one.
func (p *Packer) lz4(n int, b []byte, most int) []byte {
	if most <= 2 {
		return nil
	}
	if p.lz == nil {
		p.lz = new(lz4.Compressor)
	}
	p.packed, p.packed2 = p.packed2, p.packed
	if cap(p.packed) < most {
		p.packed = make([]byte, most+most/4)
	}
	buf := p.packed
	if cap(buf) > keepSpare {
		p.packed = nil
	}
	k, err := p.lz.CompressBlock(b, buf[1:most-1])
	if err != nil || k == 0 {
		return nil
	}
	buf[0] = byte(n)
	return buf[:1+k]
}

// TakeSpare returns a buffer of any size, possibly nil, to unpack to.
func (p *Packer) TakeSpare() []byte {
	b := p.spare
	p.spare = nil
	return b
}

// PutSpare keeps a buffer that nobody needs any more.
func (p *Packer) PutSpare(b []byte) {
	if cap(b) > cap(p.spare) && cap(b) <= keepSpare {
		p.spare = b[:0]
	}
}

// Unpack undoes what Compress has done to len(dst) bytes. Any goroutine.
func Unpack(dst, packed []byte) {
	if n, err := lz4.UncompressBlock(packed[1:], dst); err != nil || n != len(dst) {
		panic("cold: what was packed does not unpack")
	}
	if n := int(packed[0]); n > 0 {
		addLines(dst, n)
	}
}
