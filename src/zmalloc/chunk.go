// SPDX-License-Identifier: BSD-3-Clause

package zmalloc

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"
)

// chunk.go - medium blocks: chunks cut to measure.
//
// An arena is a row of chunks without gaps. Sizes are in units of 64 bytes, header included; the payload is at a multiple of 64.
//
//	arena: | 56 unused | chunk | chunk | ... | chunk | end: header of size 0 |
//
//	allocated: | header 8 | payload ...                              |
//	free:      | header 8 | next 8 | prev 8 | ...       | size 8     |
//
//	header: size<<4 | flags
//
// The size at the end of a free chunk lets its right neighbour find its start; that neighbour's flagPrevFree says that it is
// there. So joining free neighbours costs no search (boundary tags, Knuth), and two free chunks are never neighbours.
//
// Free chunks hang in bins by size: one bin a size up to 8 KB, which is where pages of the dictionary are, then 16 bins per
// power of two. A bitmap of bins finds the smallest that serves: a good fit in constant time (TLSF, Masmano et al.).
//
// A chunk that was discarded still has its place, its header and its size at the end, but the system may have taken the
// whole pages of memory between.

const (
	unit        = 64
	chunkHeader = 8
	maxSplinter = 8 // units that AllocAtLeast may be given on top

	flagFree      = 1 << 0
	flagPrevFree  = 1 << 1
	flagDiscarded = 1 << 2
	flagFirst     = 1 << 3 // first of its arena

	exactBins = 128
	binLevels = 14 // 2^7..2^20 units: 64 MB, the largest arena
	numBins   = exactBins + binLevels*16

	minArena = 256 << 10
	maxArena = 32 << 20

	minDiscard = 8192 // free chunks of that size hold a page of 4 KB for sure
)

type chunk struct {
	head       uint64
	next, prev uintptr // of a free one; the bin's list
}

func (c *chunk) size() int { return int(c.head >> 4) }

func chunkAt(u uintptr) *chunk { return (*chunk)(pointer(u)) }

// chunkOf returns the chunk whose payload is at p.
func chunkOf(p unsafe.Pointer) *chunk { return (*chunk)(unsafe.Add(p, -chunkHeader)) }

// endSize is the word at the end of a free chunk of g units at u.
func endSize(u uintptr, g int) *uint64 {
	return (*uint64)(pointer(u + uintptr(g)*unit - 8))
}

// dyingArena is an arena on its way back to the system. Unmapping 32 MB at once would take several milliseconds.
type dyingArena struct {
	base       uintptr
	size, left int // left: not yet unmapped, at the start
}

// chunks is the allocator of medium blocks.
type chunks struct {
	a         *Allocator
	bins      [numBins]uintptr
	bitmap    [(numBins + 63) / 64]uint64
	arenas    map[uintptr]int // size by address of the first chunk
	spare     uintptr         // an arena without blocks, kept for the next need
	dying     []dyingArena    // arenas without blocks, unmapped piece by piece
	huge      populator
	freeBytes int64 // bytes in free chunks
	dirty     int64 // bytes in free chunks of minDiscard and more that are not discarded
}

// binOf returns the bin of free chunks of g units.
func binOf(g int) int {
	if g < exactBins {
		return g
	}
	e := log2(g)
	return exactBins + (e-7)*16 + g>>(e-4)&15
}

// alloc returns the payload of a chunk of at least g units, of up to most if that leaves no splinter.
func (m *chunks) alloc(g, most int) unsafe.Pointer {
	bin := binOf(g)
	u := uintptr(0)
	if bin >= exactBins {
		// The bin holds a range of sizes; the first few may do.
		n := 0
		for u = m.bins[bin]; u != 0 && n < 4; n++ {
			if chunkAt(u).size() >= g {
				break
			}
			u = chunkAt(u).next
		}
		if n == 4 {
			u = 0
		}
		bin++
	}
	if u == 0 {
		bin = m.nextBin(bin)
		if bin < 0 {
			return m.allocFromNew(g, most)
		}
		u = m.bins[bin]
	}
	return m.carve(u, g, most)
}

// nextBin returns the first bin from b on that has chunks, or -1.
func (m *chunks) nextBin(b int) int {
	if b >= numBins {
		return -1
	}
	w := b >> 6
	if x := m.bitmap[w] >> (b & 63); x != 0 {
		return b + bits.TrailingZeros64(x)
	}
	for w++; w < len(m.bitmap); w++ {
		if m.bitmap[w] != 0 {
			return w<<6 + bits.TrailingZeros64(m.bitmap[w])
		}
	}
	return -1
}

// carve takes the free chunk u out of its bin, gives what is not needed back, and returns the payload.
func (m *chunks) carve(u uintptr, g, most int) unsafe.Pointer {
	c := chunkAt(u)
	m.unlink(u, c)
	have := c.size()
	flags := c.head & flagFirst
	if u == m.spare {
		m.spare = 0
	}
	right := u + uintptr(have)*unit
	if end := u + uintptr(g)*unit; end > m.huge.mark && end <= m.huge.limit && m.huge.mark < m.huge.limit {
		m.populateMore()
	}
	if rest := have - g; have > most && rest > 0 {
		c.head = uint64(g)<<4 | flags
		m.link(u+uintptr(g)*unit, rest, 0)
		return pointer(u + chunkHeader)
	}
	c.head = uint64(have)<<4 | flags
	r := chunkAt(right)
	r.head &^= flagPrevFree
	return pointer(u + chunkHeader)
}

// link makes g units at u a free chunk and puts it into its bin. The right neighbour is told by the caller.
func (m *chunks) link(u uintptr, g int, flags uint64) {
	c := chunkAt(u)
	c.head = uint64(g)<<4 | flagFree | flags
	*endSize(u, g) = uint64(g)
	b := binOf(g)
	c.prev, c.next = 0, m.bins[b]
	if c.next != 0 {
		chunkAt(c.next).prev = u
	}
	m.bins[b] = u
	m.bitmap[b>>6] |= 1 << (b & 63)
	m.freeBytes += int64(g) * unit
	if g*unit >= minDiscard {
		if flags&flagDiscarded != 0 {
			m.a.discarded.Add(m.discardable(u, g))
		} else {
			m.dirty += int64(g) * unit
		}
	}
}

func (m *chunks) unlink(u uintptr, c *chunk) {
	g := c.size()
	b := binOf(g)
	if c.prev == 0 {
		m.bins[b] = c.next
		if c.next == 0 {
			m.bitmap[b>>6] &^= 1 << (b & 63)
		}
	} else {
		chunkAt(c.prev).next = c.next
	}
	if c.next != 0 {
		chunkAt(c.next).prev = c.prev
	}
	m.freeBytes -= int64(g) * unit
	if g*unit >= minDiscard {
		if c.head&flagDiscarded != 0 {
			m.a.discarded.Add(-m.discardable(u, g))
		} else {
			m.dirty -= int64(g) * unit
		}
	}
}

func (m *chunks) free(p unsafe.Pointer) {
	u := uintptr(p) - chunkHeader
	c := chunkAt(u)
	if Invariants && c.head&flagFree != 0 {
		panic("zmalloc: block freed twice")
	}
	g := c.size()
	flags := c.head & flagFirst
	if c.head&flagPrevFree != 0 {
		n := int(*endSize(u, 0)) // the word just before u
		u -= uintptr(n) * unit
		l := chunkAt(u)
		m.unlink(u, l)
		flags = l.head & flagFirst
		g += n
	}
	v := u + uintptr(g)*unit
	r := chunkAt(v)
	if r.head&flagFree != 0 {
		m.unlink(v, r)
		g += r.size()
		v = u + uintptr(g)*unit
		r = chunkAt(v)
	}
	r.head |= flagPrevFree
	m.link(u, g, flags)
	if flags&flagFirst != 0 && r.size() == 0 {
		m.arenaEmpty(u)
	}
}

// --- Arenas ---

// allocFromNew is alloc where no free chunk serves.
func (m *chunks) allocFromNew(g, most int) unsafe.Pointer {
	size := m.arenaSize(g)
	var base uintptr
	if n := len(m.dying); n > 0 && m.dying[n-1].left == m.dying[n-1].size && m.dying[n-1].size >= (g+3)*unit {
		base, size = m.dying[n-1].base, m.dying[n-1].size
		m.dying = m.dying[:n-1]
	} else {
		base, size = m.mapArena(size, (g+3)*unit)
	}
	u := base + unit - chunkHeader
	n := size/unit - 2
	*(*uint64)(pointer(u + uintptr(n)*unit)) = flagPrevFree // the end, a unit of its own
	m.link(u, n, flagFirst)
	if m.arenas == nil {
		m.arenas = map[uintptr]int{}
	}
	m.arenas[u] = size
	return m.carve(u, g, most)
}

// arenaSize returns how large an arena should be, in which a chunk of g units is needed: an eighth of what there is already, so that there are
// few of them, and little to spare.
func (m *chunks) arenaSize(g int) int {
	size := minArena
	for size < maxArena && int64(size) < m.a.mapped.Load()/8 {
		size *= 2
	}
	for size < (g+3)*unit*4 {
		size *= 2
	}
	return size
}

// arenaEmpty is told that the free chunk at u is all of its arena. One empty arena is kept: a block that comes and goes at the
// limit shall not map and unmap each time.
func (m *chunks) arenaEmpty(u uintptr) {
	if m.spare == 0 && m.arenas[u] <= 4<<20 {
		m.spare = u
		return
	}
	m.retireArena(u)
}

func (m *chunks) retireArena(u uintptr) {
	if m.spare == u {
		m.spare = 0
	}
	m.unlink(u, chunkAt(u))
	size := m.arenas[u]
	delete(m.arenas, u)
	m.dying = append(m.dying, dyingArena{u + chunkHeader - unit, size, size})
	m.dropNext(false) // no need for more now
}

// unmap unmaps about n bytes of dying arenas and reports whether there is more of them.
func (m *chunks) unmap(n int) (more bool) {
	if m.huge.busy.Load() > 0 && len(m.dying) > 0 {
		if n < math.MaxInt {
			return true // it may be one of them
		}
		m.huge.wg.Wait()
	}
	for n > 0 && len(m.dying) > 0 {
		d := &m.dying[0]
		k := min(d.left, max(n, largeUnit)&^(largeUnit-1))
		m.a.sysFreeTail(pointer(d.base), d.left, k)
		d.left -= k
		n -= k
		if d.left == 0 {
			m.dying = append(m.dying[:0], m.dying[1:]...)
		}
	}
	return len(m.dying) > 0
}

func (m *chunks) close() {
	m.huge.wg.Wait() // before anything is unmapped
	for u, size := range m.arenas {
		m.a.sysFree(pointer(u+chunkHeader-unit), size)
	}
	m.dropNext(true)
	m.unmap(math.MaxInt)
	m.huge.mark, m.huge.populated, m.huge.limit = 0, 0, 0
	m.bins, m.bitmap, m.arenas, m.spare, m.dying, m.freeBytes, m.dirty = [numBins]uintptr{}, [len(m.bitmap)]uint64{}, nil, 0, nil, 0, 0
	m.a.discarded.Store(0)
}

// --- Huge pages ---
//
// A lookup in millions of keys misses the TLB at each block it touches; with pages of 2 MB lookups at 10 M keys take a fifth less time. But
// the first touch of such a page, when the system clears it, may take more than a millisecond. So it is not the owner that touches
// them: large arenas are populated ahead of use in the background, 2 MB at a time, and so is the next arena when the last one nears its end.
//
//	arena: | in use | populated, free | not yet                  |
//	                                  populated        ->        limit
//	          | 4 MB: carving here starts the next piece |

const (
	hugePage = 2 << 20
	ahead    = 2 * hugePage
)

// populator populates the arena that was mapped last.
type populator struct {
	off       bool
	mark      uintptr // carving beyond it starts the next piece
	populated uintptr
	limit     uintptr        // the arena's end
	next      atomic.Uintptr // an arena that waits to be used
	nextSize  int            // its size, or of the one that is being mapped; 0 if there is none
	advised   []uintptr      // arenas that the system was asked to use huge pages for, by address of the first chunk
	busy      atomic.Int32   // pieces being populated
	wg        sync.WaitGroup
}

// mapArena maps an arena of size bytes, or takes the one that waits if it has those that are needed. It returns the size too.
func (m *chunks) mapArena(size, need int) (uintptr, int) {
	h := &m.huge
	if base := h.next.Load(); base != 0 && h.nextSize >= need {
		size := h.nextSize
		h.next.Store(0)
		h.nextSize = 0
		h.advised = append(h.advised, base+unit-chunkHeader)
		h.populated, h.limit = base+ahead, base+uintptr(size)
		h.mark = base
		return base, size
	}
	if !m.wantsHuge(size) {
		return uintptr(m.a.sysAlloc(size)), size
	}
	// The first one, or growth was too fast: a small arena of small pages bridges the gap, and at once the next one is made.
	size = 2 * ahead
	for size < need {
		size *= 2
	}
	base := uintptr(m.a.sysAlloc(size))
	h.populated, h.limit = base+uintptr(size), base+uintptr(size)
	m.populateMore()
	return base, size
}

func (m *chunks) wantsHuge(size int) bool {
	return canPopulate && !m.huge.off && size >= 2*hugePage && m.a.backend == Mmap
}

// populateMore starts the next piece of the current arena, or the first of the next one.
func (m *chunks) populateMore() {
	h := &m.huge
	if h.off {
		h.mark = h.limit
		return
	}
	if h.populated < h.limit {
		end := min((h.populated+2*hugePage-1)&^(hugePage-1), h.limit) // one huge page, and what is missing to the start of one
		p, n := pointer(h.populated), int(end-h.populated)
		h.start(func() { populate(p, n) })
		h.populated = end
		h.mark = end - ahead
		return
	}
	h.mark = h.limit
	if h.nextSize == 0 {
		// Also mapped in the background: it takes the lock of the address space, which populating may hold for milliseconds.
		size := m.arenaSize(0)
		h.nextSize = size
		h.start(func() {
			p := m.a.sysAlloc(size)
			adviseHuge(p, size, true)
			populate(p, ahead)
			populate(unsafe.Add(p, size-hugePage), hugePage) // its end is written to first
			h.next.Store(uintptr(p))
		})
	}
}

func (h *populator) start(f func()) {
	h.busy.Add(1)
	h.wg.Go(func() {
		f()
		h.busy.Add(-1)
	})
}

// dropNext gives the waiting arena up; wait if it is not there yet.
func (m *chunks) dropNext(wait bool) {
	h := &m.huge
	if wait {
		h.wg.Wait()
	}
	if base := h.next.Load(); base != 0 {
		m.dying = append(m.dying, dyingArena{base, h.nextSize, h.nextSize})
		h.next.Store(0)
		h.nextSize = 0
	}
}

// --- Discarding ---

// discardRange returns the whole pages inside the free chunk of g units at u that hold nothing.
func (m *chunks) discardRange(u uintptr, g int) (from, to uintptr) {
	from = (u + unsafe.Sizeof(chunk{}) + m.a.page - 1) &^ (m.a.page - 1)
	to = (u + uintptr(g)*unit - 8) &^ (m.a.page - 1)
	return from, max(from, to)
}

func (m *chunks) discardable(u uintptr, g int) int64 {
	from, to := m.discardRange(u, g)
	return int64(to - from)
}

// purge discards free chunks, the largest first, until about n bytes are discarded, and reports whether it stopped for that.
func (m *chunks) purge(n int) (more bool) {
	if m.spare != 0 {
		m.retireArena(m.spare)
	}
	m.dropNext(n == math.MaxInt)
	if !m.a.canDiscard() {
		return false
	}
	// The system must not fill the holes again to make huge pages of what is left.
	for _, u := range m.huge.advised {
		if size := m.arenas[u]; size > 0 { // else it is gone
			adviseHuge(pointer(u+chunkHeader-unit), size, false)
		}
	}
	m.huge.advised = nil
	for b := numBins - 1; b >= binOf(minDiscard/unit); b-- {
		for u := m.bins[b]; u != 0; {
			c := chunkAt(u)
			next := c.next
			g := c.size()
			if c.head&flagDiscarded == 0 && g*unit >= minDiscard {
				if n <= 0 {
					return true
				}
				from, to := m.discardRange(u, g)
				if to > from && !sysDiscard(pointer(from), int(to-from)) {
					return false
				}
				m.dirty -= int64(g) * unit
				m.a.discarded.Add(int64(to - from))
				c.head |= flagDiscarded
				n -= int(to-from) + 4096
			}
			u = next
		}
	}
	return false
}
