// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"math/bits"
	"unsafe"
)

// page.go - pages: entries of a range of hashes, in one block.
//
//	| header 32 | group | group | ...  ->   free   <-  ... | entry | entry | entry |
//	0           32                                                               size
//
//	group: | 8 fingerprints, 1 byte each | 8 offsets, 2 bytes each |
//
// The index grows upwards, the entries downwards. An offset is the distance of an entry's start from the end of the block, so that
// a page that moves to a larger block is two copies. Entry i has place i%8 of group i/8; the last entry fills the hole of a deleted one.
//
// Why groups: a lookup reads the header and the fingerprints, all at known addresses, so that the processor fetches their lines
// at the same time; the offset of a match is in a line that is there already; then comes the entry. Two cache misses in a row for a
// page. A fingerprint is the low byte of the hash; 8 of them are compared at once in a word. With 45 entries a page, 9 % of
// the hits and 18 % of the misses look at an entry in vain.
//
// A page that cannot be split (all hashes equal) may grow past 64 KB; then it is wide: its offsets have 4 bytes.
//
// dead counts the bytes between the lowest entry and the end that belong to no entry. They come back when the page is rebuilt.

const (
	pageHeader = 32
	groupLen   = 8
	groupSize  = groupLen * (1 + 2)
	wideSize   = groupLen * (1 + 4)

	// maxEntries: more would make lookups and clones slower, fewer make the directory larger. Between 32 and 64 it hardly matters.
	maxEntries = 64
	// maxPage is where pages are split even with few entries: a clone should stay a matter of a microsecond.
	maxPage = 8 << 10
	// maxNarrow is where offsets of two bytes end, with a margin for what AllocAtLeast adds.
	maxNarrow = 60 << 10

	pageWide = 1 << 0
	pageOut  = 1 << 1 // some entry may have flagsOut
)

type page struct {
	owner uint64
	size  uint32 // of the block
	low   uint32 // distance of the lowest entry from the end
	dead  uint32 // bytes of these that are no entry's
	n     uint32 // entries
	vol   uint32 // entries with an expiry
	depth uint8  // bits of the hash that all entries have in common
	flags uint8
	_     uint16
}

func pageAt(ref uint64) *page { return (*page)(pointer(uintptr(ref))) }

func (p *page) ref() uint64 { return uint64(uintptr(unsafe.Pointer(p))) }

func (p *page) end() unsafe.Pointer { return unsafe.Add(unsafe.Pointer(p), uintptr(p.size)) }

// indexSize returns the length of the groups for n entries.
func indexSize(n int, wide bool) int {
	g := (n + groupLen - 1) / groupLen
	if wide {
		return g * wideSize
	}
	return g * groupSize
}

func (p *page) wide() bool { return p.flags&pageWide != 0 }

// gap returns the free bytes between the index for n entries and the lowest entry; negative if there are none.
func (p *page) gap(n int) int {
	return int(p.size) - pageHeader - indexSize(n, p.wide()) - int(p.low)
}

// live returns the bytes of all entries.
func (p *page) live() int { return int(p.low - p.dead) }

// fingerprintAt returns where the fingerprint of entry i is.
func (p *page) fingerprintAt(i int) *byte {
	size := groupSize
	if p.wide() {
		size = wideSize
	}
	return (*byte)(unsafe.Add(unsafe.Pointer(p), pageHeader+i/groupLen*size+i%groupLen))
}

// offset returns the distance of entry i from the end.
func (p *page) offset(i int) uint32 {
	if p.wide() {
		return load32(unsafe.Add(unsafe.Pointer(p), pageHeader+i/groupLen*wideSize+groupLen+i%groupLen*4))
	}
	return uint32(load16(unsafe.Add(unsafe.Pointer(p), pageHeader+i/groupLen*groupSize+groupLen+i%groupLen*2)))
}

func (p *page) setOffset(i int, off uint32) {
	if p.wide() {
		store32(unsafe.Add(unsafe.Pointer(p), pageHeader+i/groupLen*wideSize+groupLen+i%groupLen*4), off)
		return
	}
	store16(unsafe.Add(unsafe.Pointer(p), pageHeader+i/groupLen*groupSize+groupLen+i%groupLen*2), uint16(off))
}

// entry returns entry i.
func (p *page) entry(i int) unsafe.Pointer {
	return unsafe.Add(p.end(), -uintptr(p.offset(i)))
}

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// find returns the entry of key, nil if there is none.
func (p *page) find(h uint64, key []byte) unsafe.Pointer {
	n := int(p.n)
	if p.wide() {
		return p.findWide(h, key)
	}
	pattern := uint64(byte(h)) * lowBits
	g := unsafe.Add(unsafe.Pointer(p), pageHeader)
	end := p.end()
	for ; n > 0; n -= groupLen {
		x := load64(g) ^ pattern
		// The high bit of each byte that is 0. Above a match there can be false ones; hasKey sees to them.
		m := (x - lowBits) &^ x & highBits
		if n < groupLen {
			m &= 1<<(n*8) - 1
		}
		for ; m != 0; m &= m - 1 {
			i := bits.TrailingZeros64(m) >> 3
			e := unsafe.Add(end, -uintptr(load16(unsafe.Add(g, groupLen+i*2))))
			if hasKey(e, h, key) {
				return e
			}
		}
		g = unsafe.Add(g, groupSize)
	}
	return nil
}

func (p *page) findWide(h uint64, key []byte) unsafe.Pointer {
	for i := range int(p.n) {
		if *p.fingerprintAt(i) == byte(h) {
			if e := p.entry(i); hasKey(e, h, key) {
				return e
			}
		}
	}
	return nil
}

// index returns which entry of the page e is; h is the hash of its key.
func (p *page) index(e unsafe.Pointer, h uint64) int {
	off := uint32(uintptr(p.end()) - uintptr(e))
	if !p.wide() {
		pattern := uint64(byte(h)) * lowBits
		g := unsafe.Add(unsafe.Pointer(p), pageHeader)
		for base, n := 0, int(p.n); base < n; base += groupLen {
			x := load64(g) ^ pattern
			for m := (x - lowBits) &^ x & highBits; m != 0; m &= m - 1 {
				i := bits.TrailingZeros64(m) >> 3
				if uint32(load16(unsafe.Add(g, groupLen+i*2))) == off && base+i < n {
					return base + i
				}
			}
			g = unsafe.Add(g, groupSize)
		}
	}
	for i := range int(p.n) {
		if p.offset(i) == off {
			return i
		}
	}
	panic("dict: entry does not lie in its page")
}

// add makes an entry of size bytes, for which there is room, and returns it; the caller fills it.
func (p *page) add(fingerprint byte, size int) unsafe.Pointer {
	i := int(p.n)
	p.n++
	p.low += uint32(size)
	*p.fingerprintAt(i) = fingerprint
	p.setOffset(i, p.low)
	return unsafe.Add(p.end(), -uintptr(p.low))
}

// drop gives the space of size bytes of an entry back that starts at distance off from the end.
func (p *page) drop(off uint32, size int) {
	if off == p.low {
		p.low -= uint32(size)
		return
	}
	p.dead += uint32(size)
}

// remove deletes entry i.
func (p *page) remove(i int) {
	off := p.offset(i)
	e := p.entry(i)
	if load8(e, 0)&flagExpire != 0 {
		p.vol--
	}
	p.drop(off, entrySize(e))
	p.n--
	if last := int(p.n); i != last {
		*p.fingerprintAt(i) = *p.fingerprintAt(last)
		p.setOffset(i, p.offset(last))
	}
	if p.n == 0 {
		p.low, p.dead = 0, 0
	}
}

// --- Blocks of pages ---

// slack is how much larger than needed a page of n bytes is made: an eighth, so that each entry is copied about 8 times while
// its page doubles, and 6 % are unused on average. Small pages get more: they grow soonest.
func slack(n int) int {
	if n < 512 {
		return n / 4
	}
	return n / 8
}

// newPage returns an empty page that has room for n entries of size bytes together, and some slack.
func (d *Dict) newPage(n, size int, depth uint8) *page {
	total := pageHeader + indexSize(n, false) + size
	total += slack(total)
	flags := uint8(0)
	if total > maxNarrow {
		flags = pageWide
		total = pageHeader + indexSize(n, true) + size
		total += slack(total)
	}
	q, got := d.clk.Allocator().AllocAtLeast(total)
	p := (*page)(q)
	*p = page{owner: d.clk.Now(), size: uint32(got), depth: depth, flags: flags}
	d.bytes += int64(got)
	d.pages++
	return p
}

func (d *Dict) retirePage(p *page) {
	d.bytes -= int64(p.size)
	d.pages--
	d.clk.Retire(unsafe.Pointer(p), int(p.size), p.owner)
}

// clonePage returns a copy of p that may be written to, and retires p.
func (d *Dict) clonePage(p *page) *page {
	q, got := d.clk.Allocator().AllocAtLeast(int(p.size))
	c := (*page)(q)
	head := pageHeader + indexSize(int(p.n), p.wide())
	copy(bytesAt(q, head), bytesAt(unsafe.Pointer(p), head))
	c.owner, c.size = d.clk.Now(), uint32(got)
	low := int(p.low)
	copy(bytesAt(unsafe.Add(c.end(), -low), low), bytesAt(unsafe.Add(p.end(), -low), low))
	d.bytes += int64(got)
	d.pages++
	d.clk.AddCloned(got)
	d.retirePage(p)
	return c
}

// rebuild returns a page with the entries of p, without holes, and room for size bytes of adding more. The entry skip, -1
// for none, is left out, but keeps its index; its offset is undefined. p stays, but is not counted any more.
func (d *Dict) rebuild(p *page, adding, size, skip int) *page {
	n := int(p.n)
	live := p.live()
	if skip >= 0 {
		live -= entrySize(p.entry(skip))
	}
	c := d.newPage(n+adding, live+size, p.depth)
	c.n, c.vol = p.n, p.vol
	c.flags |= p.flags & pageOut
	if p.dead == 0 && skip < 0 && c.wide() == p.wide() {
		index := indexSize(n, p.wide())
		copy(bytesAt(unsafe.Add(unsafe.Pointer(c), pageHeader), index), bytesAt(unsafe.Add(unsafe.Pointer(p), pageHeader), index))
		copy(bytesAt(unsafe.Add(c.end(), -live), live), bytesAt(unsafe.Add(p.end(), -live), live))
		c.low = p.low
		return c
	}
	low := 0
	end, cend := p.end(), c.end()
	for i := range n {
		*c.fingerprintAt(i) = *p.fingerprintAt(i)
		if i == skip {
			c.setOffset(i, 0)
			continue
		}
		e := unsafe.Add(end, -uintptr(p.offset(i)))
		k := entrySize(e)
		low += k
		copy(bytesAt(unsafe.Add(cend, -low), k), bytesAt(e, k))
		c.setOffset(i, uint32(low))
	}
	c.low = uint32(low)
	return c
}

// appendFrom copies entry i of p into c, which has room for it.
func (c *page) appendFrom(p *page, i int) {
	e := p.entry(i)
	k := entrySize(e)
	copy(bytesAt(c.add(*p.fingerprintAt(i), k), k), bytesAt(e, k))
	flags := load8(e, 0)
	if flags&flagExpire != 0 {
		c.vol++
	}
	if flags&flagsOut != 0 {
		c.flags |= pageOut
	}
}

// hint returns the lower bound for the expiries of p that a node keeps: that of the earliest.
func (p *page) hint() uint32 {
	least := noHint
	if p.vol == 0 {
		return least
	}
	for i := range int(p.n) {
		if e := p.entry(i); load8(e, 0)&flagExpire != 0 {
			least = min(least, hintOf(entryExpire(e)))
		}
	}
	return least
}

func log2(n uint32) int { return bits.Len32(n) - 1 }
