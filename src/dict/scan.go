// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"math"
	"math/bits"
	"slices"
	"sync/atomic"
)

// scan.go - going through entries: iterators, cursors, random entries, due entries.
//
// All of it goes by position, a hash: the page for position x covers a range that contains x, and the first position after
// that range is where the next page begins. So an iterator needs no stack of nodes, and a cursor survives splits and merges.
//
// SCAN
//
// The cursor is the top 48 bits of a position: everything before it has been returned, nothing from it on has. Entries do not
// move in hash order, so an element that is there during the whole scan is returned exactly once, and the others at most once (again only if
// they were deleted and added behind the cursor's back). Entries of a page are not in hash order: those from the cursor on are sorted when a
// call does not take all of them. Entries with the same 48 bits are never separated.
//
// EXPIRY
//
// Due walks in the same order, but goes by the hints of the nodes: a million keys of which none is due are skipped in about 25,000
// comparisons, without a look at their pages. Hints are only lower bounds; Due corrects those of what it has looked at.

// pageFrom returns the page for position pos, and the position after its range; 0 if it is the last.
func (d *Dict) pageFrom(pos uint64) (p *page, next uint64) {
	p = d.findPage(pos)
	if p == nil || p.depth == 0 {
		return p, 0
	}
	span := uint64(1) << (64 - p.depth)
	return p, pos&^(span-1) + span
}

// Iter goes through all entries, in no order that means something. The Dict must not be written to meanwhile.
type Iter struct {
	d    *Dict
	pg   *page
	i    int
	next uint64

	behind *atomic.Uint64 // of View.Consume, else nil
}

// Iter returns an iterator before the first entry.
func (d *Dict) Iter() Iter {
	it := Iter{d: d, i: -1}
	it.pg, it.next = d.pageFrom(0)
	return it
}

// Next moves to the next entry, and reports false if there is none.
func (it *Iter) Next() bool {
	if it.pg == nil {
		return false
	}
	it.i++
	for it.i >= int(it.pg.n) {
		if it.next == 0 {
			it.pg = nil
			return false
		}
		if it.behind != nil {
			it.behind.Store(it.next)
		}
		it.pg, it.next = it.d.pageFrom(it.next)
		it.i = 0
	}
	return true
}

// Entry returns the current entry.
func (it *Iter) Entry() Entry { return Entry{it.pg.entry(it.i), it.pg, it.d, 0} }

// All calls fn for all entries until it returns false. fn must not write to d.
func (d *Dict) All(fn func(Entry) bool) {
	for it := d.Iter(); it.Next(); {
		if !fn(it.Entry()) {
			return
		}
	}
}

// --- Cursors ---

const cursorShift = 16

// Scan calls fn for about count entries from cursor on, 0 at the start, and returns the cursor to go on from, 0 at the end. fn must not
// write to d.
func (d *Dict) Scan(cursor uint64, count int, fn func(Entry)) uint64 {
	return d.scan(cursor<<cursorShift, 0, count, fn) >> cursorShift
}

// scan is Scan from position pos to position end, 0 for the last of all. Positions that it returns are multiples of 1<<cursorShift.
func (d *Dict) scan(pos, end uint64, count int, fn func(Entry)) uint64 {
	const unitMask = 1<<cursorShift - 1
	count = max(count, 1)
	var buf [maxEntries]uint64 // 48 bits of position, and the index of the entry below
	for {
		p, next := d.pageFrom(pos)
		if p == nil {
			return 0
		}
		start := uint64(0)
		if p.depth > 0 {
			start = pos &^ (1<<(64-p.depth) - 1)
		}
		if pos == start && int(p.n) <= count && (end == 0 || next != 0 && next <= end) {
			for i := range int(p.n) {
				fn(Entry{p.entry(i), p, d, 0})
			}
			count -= int(p.n)
		} else {
			found := buf[:0]
			for i := range int(p.n) {
				x := d.hashOf(p.entry(i))
				if x < pos || end != 0 && x >= end {
					continue
				}
				if len(found) == maxEntries { // only of a page that cannot be split: all have the same hash
					fn(Entry{p.entry(i), p, d, x})
					count--
					continue
				}
				found = append(found, x&^unitMask|uint64(i))
			}
			if len(found) > count {
				slices.Sort(found)
			}
			for k, x := range found {
				if count <= 0 && k > 0 && (found[k-1]^x)&^unitMask != 0 {
					return x &^ unitMask
				}
				i := int(x & unitMask)
				fn(Entry{p.entry(i), p, d, 0})
				count--
			}
		}
		if next == 0 || end != 0 && next >= end {
			return 0
		}
		pos = next
		if count <= 0 && pos&unitMask == 0 {
			return pos
		}
	}
}

// --- Random entries ---

// maxTries is how often Random tries a page or child before it counts.
const maxTries = 128

// Random returns an entry, all of them with the same probability; not Ok if there is none. r returns random 64-bit numbers.
//
// A reference is tried at random, and taken with a probability of its share (for a page its entries by its references, for
// a child its count) in the most that any has; so each entry below the node has the same chance. That takes two tries on average; where one
// reference has nearly everything it could take hundreds, so then the entries are counted.
func (d *Dict) Random(r func() uint64) Entry {
	if d.n == 0 {
		return Entry{}
	}
	ref := d.root
	depth := 0
	for ref&tagNode != 0 {
		nd := nodeAt(ref)
		ref = d.randomRef(nd, depth, r)
		depth += int(nd.bits)
	}
	p := pageAt(ref)
	return Entry{p.entry(int(below(r(), uint64(p.n)))), p, d, 0}
}

// below maps a random number to [0, n).
func below(r, n uint64) uint64 {
	hi, _ := bits.Mul64(r, n)
	return hi
}

func (d *Dict) randomRef(nd *node, depth int, r func() uint64) uint64 {
	most := uint64(nd.most)
	for range maxTries {
		x := r()
		ref := *nd.slot(int(x >> (64 - nd.bits)))
		n, refs := weight(ref, nd, depth)
		if n != 0 && below(x<<nd.bits, most*refs) < n {
			return ref
		}
	}
	x := below(r(), uint64(nd.count))
	slots := nd.slots()
	var top uint64
	var chosen uint64
	for i := 0; i < len(slots); {
		n, refs := weight(slots[i], nd, depth)
		if x < n && chosen == 0 {
			chosen = slots[i]
		}
		x -= n // wraps once chosen
		top = max(top, n)
		i += int(refs)
	}
	nd.most = int64(top)
	return chosen
}

// weight returns the number of entries that ref leads to, and that of the references to the same page.
func weight(ref uint64, nd *node, depth int) (n, refs uint64) {
	if ref&tagNode != 0 {
		return uint64(nodeAt(ref).count), 1
	}
	p := pageAt(ref)
	return uint64(p.n), 1 << (depth + int(nd.bits) - int(p.depth))
}

// Sample calls fn for up to n entries that lie together at a random place, only such with an expiry if volatile, and returns how many. Cheaper
// than n times Random, but entries of sparse pages are somewhat more likely. fn must not write to d.
func (d *Dict) Sample(r func() uint64, n int, volatile bool, fn func(Entry)) int {
	most := d.n
	if volatile {
		most = d.vol
	}
	n = min(n, most)
	if n <= 0 {
		return 0
	}
	done := 0
	sample := func(p *page) (stop bool) {
		if p.n == 0 {
			return false
		}
		at := int(below(r(), uint64(p.n)))
		for i := range int(p.n) {
			e := p.entry((at + i) % int(p.n))
			if volatile && load8(e, 0)&flagExpire == 0 {
				continue
			}
			fn(Entry{e, p, d, 0})
			if done++; done == n {
				return true
			}
		}
		return false
	}
	// From a random place to the end, and then from the start. There are n such entries, so it never goes all around.
	pos := r()
	if volatile {
		w := hintWalk{least: noHint - 1, limit: math.MaxInt, visit: sample}
		if !w.from(d, pos) {
			w.from(d, 0)
		}
		return done
	}
	for range 2 {
		for {
			p, next := d.pageFrom(pos)
			if sample(p) {
				return done
			}
			if pos = next; pos == 0 {
				break
			}
		}
	}
	return done
}

// --- Expiry ---

// hintWalk goes through pages in the order of positions, and skips what the hints tell to be beyond least.
type hintWalk struct {
	least uint32
	raise bool // correct hints
	limit int  // pages and nodes still to be looked at
	visit func(p *page) (stop bool)
	start uint64
	next  uint64 // where it stopped: behind start
}

// from walks from position pos to the end, and reports whether it stopped before; w.next is the first position not looked at then.
func (w *hintWalk) from(d *Dict, pos uint64) (stopped bool) {
	w.start = pos
	switch {
	case d.root == 0:
		return false
	case d.root&tagNode == 0:
		return w.visit(pageAt(d.root))
	}
	return w.node(nodeAt(d.root), 0, 0, pos)
}

// node walks through nd, at depth, whose first position is base. pos lies in it, or before it.
func (w *hintWalk) node(nd *node, depth int, base, pos uint64) (stopped bool) {
	below := depth + int(nd.bits)
	slots, hints := nd.slots(), nd.hints()
	i := 0
	if pos > base {
		i = int(pos << depth >> (64 - nd.bits))
		if ref := slots[i]; ref&tagNode == 0 {
			i &^= 1<<(below-int(pageAt(ref).depth)) - 1 // to the page's first reference
		}
	}
	// The position of reference k. There are references beyond 64 bits, in whole numbers to a page.
	position := func(k int) uint64 {
		if below > 64 {
			return base + uint64(k)>>(below-64)
		}
		return base + uint64(k)<<(64-below)
	}
	for i < len(slots) {
		if hints[i] > w.least {
			i++
			continue
		}
		if x := position(i); w.limit <= 0 && x > w.start {
			w.next = x
			return true
		}
		w.limit--
		if ref := slots[i]; ref&tagNode != 0 {
			child := nodeAt(ref)
			if w.node(child, below, position(i), pos) {
				return true
			}
			if w.raise {
				hints[i] = slices.Min(child.hints())
			}
			i++
		} else {
			p := pageAt(ref)
			if w.visit(p) {
				w.next = position(i)
				return true
			}
			if w.raise {
				hints[i] = p.hint()
			}
			i += 1 << (below - int(p.depth))
		}
	}
	return false
}

// Due calls fn for entries whose expiry is at or before now, from position cursor on, 0 at the start, and returns the position to
// go on from, 0 at the end. It looks at about limit pages. fn must not write to d: it copies the keys that it wants to delete.
func (d *Dict) Due(cursor uint64, now int64, limit int, fn func(Entry)) (next uint64) {
	if d.vol == 0 {
		return 0
	}
	w := hintWalk{least: min(hintOf(now), noHint-1), raise: true, limit: max(limit, 1)}
	w.visit = func(p *page) bool {
		for i := range int(p.n) {
			e := p.entry(i)
			if load8(e, 0)&flagExpire != 0 && entryExpire(e) <= now {
				fn(Entry{e, p, d, 0})
			}
		}
		return false
	}
	if w.from(d, cursor) {
		return w.next
	}
	return 0
}
