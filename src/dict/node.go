// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"unsafe"

	"redport/src/zmalloc"
)

// node.go - the directory: nodes, and the way to a page that may be written to.
//
//	| header 64 | 2^bits references, 8 bytes each | 2^bits hints, 4 bytes each |
//
// A node decides by bits bits of the hash, those after the depth bits that led to it. A reference is the address of a page, or of
// a child node: blocks are 16-aligned, so the low four bits are free to say which, and how many bits the child has:
//
//	page:  address
//	node:  address | (bits-3)<<1 | 1
//
// so that a lookup never reads a node's header. A page of depth p.depth fills all references with its prefix, a power of
// two of them that starts at a multiple of it; a child node has exactly one.
//
//	root, 3 bits                   child, 3 bits
//	000 ---> page 00 (depth 2)     100 000 -+
//	001 -/                         100 001  +-> page 1000 (depth 4)
//	010 ---> page 010 (depth 3)    100 010 -+
//	011 ---> page 011              ...
//	100 ---> child                 100 111 ---> page 100111 (depth 6)
//	1.. ...
//
// A node doubles when a page of the deepest kind overflows, up to 2^10 references (12 KB, two microseconds); past that the page
// becomes a child. So growth never stalls. A node whose references hardly differ (all keys have one prefix, as with cluster slots)
// does not double but grows a child too: a cluster slot costs a path of small nodes, not a large table.
//
// A hint is a lower bound for the expiries of what its reference leads to, in units of 1,024 ms, noHint if nothing there
// expires. For a page that has several references, only the first one's hint counts, the others are noHint.
//
// Header fields apart from owner and bits, and the hints, are the owner's alone: readers of a snapshot do not look at them, so they may
// be written to in a frozen node as well.

const (
	nodeHeader = 64
	minBits    = 3
	maxBits    = 10

	tagNode  = 1
	tagMask  = 15
	maxDepth = 64

	noHint = ^uint32(0)
)

type node struct {
	owner uint64
	count int64 // entries below
	vol   int64 // entries below with an expiry
	most  int64 // no page of this node and nothing below a child of it has had more entries (see Random)
	bits  uint8
	_     uint8
	kids  uint16 // different references
	subs  uint16 // of these, child nodes
	_     [26]byte
}

func nodeAt(ref uint64) *node { return (*node)(pointer(uintptr(ref &^ tagMask))) }

func (nd *node) ref() uint64 {
	return uint64(uintptr(unsafe.Pointer(nd))) | uint64(nd.bits-minBits)<<1 | tagNode
}

func nodeSize(bits uint8) int { return nodeHeader + 12<<bits }

// nodeBytes is what a node counts.
func nodeBytes(bits uint8) int64 { return int64(zmalloc.UsableSize(nodeSize(bits))) }

func refBits(ref uint64) int { return int(ref>>1&7) + minBits }

// slot returns where reference i is.
func (nd *node) slot(i int) *uint64 {
	return (*uint64)(unsafe.Add(unsafe.Pointer(nd), nodeHeader+i*8))
}

// hint returns where hint i is.
func (nd *node) hint(i int) *uint32 {
	return (*uint32)(unsafe.Add(unsafe.Pointer(nd), nodeHeader+8<<nd.bits+i*4))
}

func (nd *node) slots() []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Add(unsafe.Pointer(nd), nodeHeader)), 1<<nd.bits)
}

func (nd *node) hints() []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Add(unsafe.Pointer(nd), nodeHeader+8<<nd.bits)), 1<<nd.bits)
}

// hintOf returns the hint for an expiry.
func hintOf(ms int64) uint32 {
	if ms < 0 {
		return 0
	}
	return uint32(min(uint64(ms)>>10, uint64(noHint)-1))
}

// newNode returns a node without contents.
func (d *Dict) newNode(bits uint8) *node {
	size := nodeSize(bits)
	nd := (*node)(d.clk.Allocator().Alloc(size))
	*nd = node{owner: d.clk.Now(), bits: bits, most: maxEntries}
	d.bytes += nodeBytes(bits)
	d.nodes++
	return nd
}

func (d *Dict) retireNode(nd *node) {
	d.bytes -= nodeBytes(nd.bits)
	d.nodes--
	d.clk.Retire(unsafe.Pointer(nd), nodeSize(nd.bits), nd.owner)
}

func (d *Dict) cloneNode(nd *node) *node {
	c := d.newNode(nd.bits)
	owner := c.owner
	size := nodeSize(nd.bits)
	copy(bytesAt(unsafe.Pointer(c), size), bytesAt(unsafe.Pointer(nd), size))
	c.owner = owner
	d.clk.AddCloned(size)
	d.retireNode(nd)
	return c
}

// place is the way to a page.
type place struct {
	pg    *page   // nil if the Dict is empty
	nd    *node   // that refers to pg; nil if pg is the root
	up    *uint64 // the reference to nd, or to pg if there is no nd
	i     int     // which of nd's references the hash takes
	depth int     // bits decided above nd
}

// span returns which references of l.nd lead to l.pg.
func (l *place) span() (first, n int) {
	n = 1 << (l.depth + int(l.nd.bits) - int(l.pg.depth))
	return l.i &^ (n - 1), n
}

// set puts page p in the place of l.pg; both cover the same range.
func (l *place) set(p *page) {
	l.pg = p
	if l.nd == nil {
		*l.up = p.ref()
		return
	}
	first, n := l.span()
	ref := p.ref()
	for i := first; i < first+n; i++ {
		*l.nd.slot(i) = ref
	}
}

// setHint replaces the hint for l.pg.
func (l *place) setHint(hint uint32) {
	if l.nd != nil {
		first, _ := l.span()
		*l.nd.hint(first) = hint
	}
}

// reach finds the page for hash h, and makes it and all nodes above it writable: what a snapshot sees is cloned. It adds dn and dv to the
// nodes' counts of entries and of those that expire, and lowers their hints to hint.
func (d *Dict) reach(h uint64, dn, dv int64, hint uint32) (l place) {
	l.up = &d.root
	if d.root == 0 {
		return l
	}
	ref := l.up
	rest := h
	for *ref&tagNode != 0 {
		nd := nodeAt(*ref)
		if d.clk.Frozen(nd.owner) {
			nd = d.cloneNode(nd)
			*ref = nd.ref()
		}
		nd.count += dn
		nd.vol += dv
		if l.nd != nil {
			l.depth += int(l.nd.bits)
			l.nd.most = max(l.nd.most, nd.count)
			if dv < 0 && nd.vol == 0 {
				*l.nd.hint(l.i) = noHint
			}
		}
		l.up, l.nd = ref, nd
		l.i = int(rest >> (64 - nd.bits))
		rest <<= nd.bits
		ref = nd.slot(l.i)
		if hint != noHint && *ref&tagNode != 0 {
			if x := nd.hint(l.i); hint < *x {
				*x = hint
			}
		}
	}
	l.pg = pageAt(*ref)
	if d.clk.Frozen(l.pg.owner) && !d.takeBack(l.pg, h) {
		l.set(d.clonePage(l.pg))
	}
	d.clk.CheckWritable(l.pg.owner)
	if hint != noHint && l.nd != nil {
		first, _ := l.span()
		if x := l.nd.hint(first); hint < *x {
			*x = hint
		}
	}
	return l
}

// find returns the page for hash h, nil if the Dict is empty.
func (d *Dict) findPage(h uint64) *page {
	ref := d.root
	for ref&tagNode != 0 {
		b := refBits(ref)
		ref = *(*uint64)(unsafe.Add(pointer(uintptr(ref&^tagMask)), nodeHeader+int(h>>((64-b)&63))*8))
		h <<= b
	}
	return pageAt(ref)
}

// --- Growing ---

// room makes room in l.pg for size bytes more, in adding (0 or 1) entries more, by rebuilding it in another block or by splitting it.
// skip is an entry that is about to be replaced, so it need not be kept; -1 for none. The page that was there, if it was replaced, is
// returned for the caller to retire, because the caller may still need bytes that lie in it. split tells that entries changed places.
// dn and dv are what reach was told.
func (d *Dict) room(l *place, h uint64, adding, size, skip int, dn, dv int64) (old *page, split bool) {
	if l.pg == nil {
		l.pg = d.newPage(adding, size, 0)
		*l.up = l.pg.ref()
		return nil, false
	}
	for {
		p := l.pg
		n := int(p.n) + adding
		if (n > maxEntries && adding > 0 || pageHeader+indexSize(n, false)+p.live()+size > maxPage) && p.n > 1 && p.depth < maxDepth {
			if !d.split(l, h, dn, dv) {
				continue
			}
			split = true
			skip = -1
		} else if p.gap(n) >= size {
			return old, split
		} else {
			l.set(d.rebuild(p, adding, size, skip))
		}
		if old == nil {
			old = p
		} else {
			d.retirePage(p)
		}
	}
}

// split divides l.pg, which is writable, by the next bit of the hash; l becomes the place of the half for h. If all entries fall on one
// side the page stays as it is, covers half of what it did, and gets an empty neighbour; otherwise it is replaced, and the caller's to
// retire.
func (d *Dict) split(l *place, h uint64, dn, dv int64) (replaced bool) {
	if l.nd == nil || int(l.pg.depth) == l.depth+int(l.nd.bits) {
		d.deepen(l, h, dn, dv)
	}
	p := l.pg
	first, n := l.span()
	var side [maxEntries]bool
	sides := side[:0]
	if int(p.n) > len(side) {
		sides = make([]bool, 0, p.n)
	}
	var size, count [2]int
	for i := range int(p.n) {
		e := p.entry(i)
		bit := d.hashOf(e)<<p.depth>>63 != 0
		sides = append(sides, bit)
		s := 0
		if bit {
			s = 1
		}
		size[s] += entrySize(e)
		count[s]++
	}
	mine := 0
	if h<<p.depth>>63 != 0 {
		mine = 1
	}
	var half [2]*page
	var hint [2]uint32
	p0 := 0
	if count[0] == 0 {
		p0 = 1
	}
	replaced = count[1-p0] != 0
	if !replaced {
		old := *l.nd.hint(first)
		p.depth++
		half[p0], hint[p0] = p, old
		half[1-p0], hint[1-p0] = d.newPage(1, 0, p.depth), noHint
	} else {
		for s := range half {
			half[s] = d.newPage(count[s], size[s], p.depth+1)
		}
		for i, bit := range sides {
			if bit {
				half[1].appendFrom(p, i)
			} else {
				half[0].appendFrom(p, i)
			}
		}
		for s := range half {
			hint[s] = half[s].hint()
		}
	}
	for s := range half {
		at := first + s*n/2
		ref := half[s].ref()
		for i := at; i < at+n/2; i++ {
			*l.nd.slot(i) = ref
		}
		*l.nd.hint(at) = hint[s]
	}
	l.nd.kids++
	l.pg = half[mine]
	return replaced
}

// deepen makes the node of l decide by more bits than l.pg's depth: a first node, a node twice as large, or a child.
func (d *Dict) deepen(l *place, h uint64, dn, dv int64) {
	nd, p := l.nd, l.pg
	if nd != nil && nd.subs == 0 && nd.bits < maxBits && (nd.bits <= minBits+1 || int(nd.kids)*4 >= 1<<nd.bits) {
		c := d.newNode(nd.bits + 1)
		c.count, c.vol, c.most, c.kids = nd.count, nd.vol, nd.most, nd.kids
		from, to := nd.slots(), c.slots()
		hfrom, hto := nd.hints(), c.hints()
		for i, ref := range from {
			to[2*i], to[2*i+1] = ref, ref
			hto[2*i], hto[2*i+1] = hfrom[i], noHint
		}
		d.retireNode(nd)
		*l.up = c.ref()
		l.nd = c
		l.i = int(h << l.depth >> (64 - c.bits))
		return
	}
	c := d.newNode(minBits)
	c.count, c.vol, c.kids = int64(p.n)+dn, int64(p.vol)+dv, 1
	slots, hints := c.slots(), c.hints()
	for i := range slots {
		slots[i] = p.ref()
		hints[i] = noHint
	}
	if nd == nil {
		hints[0] = p.hint()
		l.depth = 0
	} else {
		// The parent's hint stays: what is a bound for the page is one for the node.
		hints[0] = *nd.hint(l.i)
		nd.subs++
		nd.most = max(nd.most, c.count)
		l.depth += int(nd.bits)
		l.up = nd.slot(l.i)
	}
	*l.up = c.ref()
	l.nd = c
	l.i = int(h << l.depth >> (64 - c.bits))
}

// --- Shrinking ---

const (
	// mergeBelow: a page that falls to this looks for a neighbour to merge with.
	mergeBelow = 16
	// mergeTo is what the merged page may have. Well below maxEntries/2, so that a page does not merge and split all the time.
	mergeTo = 24
)

// shrink merges the page for h with its neighbours while that leaves a small page or one of them is empty, and halves and removes
// nodes that have become too large.
func (d *Dict) shrink(h uint64) {
	l := d.reach(h, 0, 0, noHint)
	for {
		p := l.pg
		if l.nd == nil {
			if p != nil && p.n == 0 {
				d.retirePage(p)
				d.root = 0
			}
			return
		}
		if int(p.depth) == l.depth {
			// The page is all that the node has: it takes the node's place.
			nd := l.nd
			*l.up = p.ref()
			d.retireNode(nd)
			l = d.reach(h, 0, 0, noHint)
			if l.nd != nil {
				l.nd.subs--
			}
			continue
		}
		first, n := l.span()
		buddy := first ^ n
		ref := *l.nd.slot(buddy)
		if ref&tagNode != 0 {
			return
		}
		b := pageAt(ref)
		if b.depth != p.depth || p.n != 0 && b.n != 0 && (p.n+b.n > mergeTo || p.live()+b.live() > maxPage/2) {
			return
		}
		var m *page
		switch {
		case p.n == 0:
			m = b
			if d.clk.Frozen(b.owner) {
				m = d.clonePage(b)
			}
			m.depth--
			d.retirePage(p)
		case b.n == 0:
			m = p
			m.depth--
			d.retirePage(b)
		default:
			m = d.newPage(int(p.n+b.n), p.live()+b.live(), p.depth-1)
			for i := range int(p.n) {
				m.appendFrom(p, i)
			}
			for i := range int(b.n) {
				m.appendFrom(b, i)
			}
			d.retirePage(p)
			d.retirePage(b)
		}
		hint := min(*l.nd.hint(first), *l.nd.hint(buddy))
		*l.nd.hint(first), *l.nd.hint(buddy) = noHint, noHint
		l.nd.kids--
		l.pg = m
		l.set(m)
		l.setHint(hint)
		d.halve(&l, h)
	}
}

// halve makes the node of l smaller if it is nearly empty and no page needs its last bit.
func (d *Dict) halve(l *place, h uint64) {
	nd := l.nd
	for nd.bits > minBits && nd.subs == 0 && int(nd.kids)*4 <= 1<<nd.bits {
		from := nd.slots()
		for i := 0; i < len(from); i += 2 {
			if from[i] != from[i+1] {
				return
			}
		}
		c := d.newNode(nd.bits - 1)
		c.count, c.vol, c.most, c.kids = nd.count, nd.vol, nd.most, nd.kids
		to, hto, hfrom := c.slots(), c.hints(), nd.hints()
		for i := range to {
			to[i], hto[i] = from[2*i], hfrom[2*i]
		}
		d.retireNode(nd)
		*l.up = c.ref()
		l.nd = c
		l.i = int(h << l.depth >> (64 - c.bits))
		nd = c
	}
}
