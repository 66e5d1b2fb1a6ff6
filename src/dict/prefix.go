// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"unsafe"

	"redport/src/epoch"
)

// prefix.go - the entries whose hash begins with given bits: in cluster mode, a slot.
//
// They are a contiguous range, so they need no index of their own. A prefix is given as the first position of its range and the
// number of its bits, at most 48.

// inPrefix tells whether position x is in the range.
func inPrefix(x, prefix uint64, n int) bool { return (x^prefix)>>(64-n) == 0 }

// CountPrefix returns the number of entries in the range.
func (d *Dict) CountPrefix(prefix uint64, n int) int {
	ref, depth := d.root, 0
	for ref&tagNode != 0 && depth < n {
		nd := nodeAt(ref)
		below := depth + int(nd.bits)
		i := int(prefix << depth >> (64 - nd.bits))
		if below > n {
			slots := nd.slots()
			if ref = slots[i]; ref&tagNode == 0 && int(pageAt(ref).depth) < n {
				break
			}
			var sum uint64
			for end := i + 1<<(below-n); i < end; {
				k, refs := weight(slots[i], nd, depth)
				sum += k
				i += int(refs)
			}
			return int(sum)
		}
		ref = *nd.slot(i)
		depth = below
	}
	switch {
	case ref == 0:
		return 0
	case ref&tagNode != 0:
		return int(nodeAt(ref).count)
	}
	p := pageAt(ref)
	if int(p.depth) >= n {
		return int(p.n)
	}
	sum := 0
	for i := range int(p.n) {
		if inPrefix(d.hashOf(p.entry(i)), prefix, n) {
			sum++
		}
	}
	return sum
}

// ScanPrefix is Scan for the range. Its cursors begin at 0 for each range.
func (d *Dict) ScanPrefix(prefix uint64, n int, cursor uint64, count int, fn func(Entry)) uint64 {
	size := uint64(1) << (64 - n)
	if cursor >= size>>cursorShift {
		return 0
	}
	pos := d.scan(prefix+cursor<<cursorShift, prefix+size, count, fn)
	if pos == 0 {
		return 0
	}
	return (pos - prefix) >> cursorShift
}

// ReleasePrefix is Release for the range, and returns the number of entries that were in it. It takes a look at each page.
func (d *Dict) ReleasePrefix(prefix uint64, n int) int {
	if n == 0 {
		c := d.n
		d.Release()
		return c
	}
	count := d.CountPrefix(prefix, n)
	if count == 0 {
		return 0
	}
	l := d.reach(prefix, 0, 0, noHint) // the nodes on the way are writable now
	if l.nd == nil || int(l.pg.depth) < n {
		d.deletePrefix(prefix, n)
		return count
	}
	ref, depth := &d.root, 0
	var nd *node
	var i int
	for {
		nd = nodeAt(*ref)
		i = int(prefix << depth >> (64 - nd.bits))
		if depth+int(nd.bits) >= n {
			break
		}
		depth += int(nd.bits)
		ref = nd.slot(i)
	}
	// The range is refs references of nd from i on. An empty page takes their place.
	refs := 1 << (depth + int(nd.bits) - n)
	r := &released{t: d.t, ptrs: d.ptrs, part: true}
	var sum treeSum
	for k := i; k < i+refs; k++ {
		x := *nd.slot(k)
		if k > i && x == *nd.slot(k - 1) {
			continue
		}
		r.roots = append(r.roots, x)
		sum.add(x)
		nd.kids--
		if x&tagNode != 0 {
			nd.subs--
		}
	}
	nd.kids++
	empty := d.newPage(1, 0, uint8(n)).ref()
	for k := i; k < i+refs; k++ {
		*nd.slot(k) = empty
		*nd.hint(k) = noHint
	}
	for ref, depth := &d.root, 0; ; {
		x := nodeAt(*ref)
		x.count -= sum.entries
		x.vol -= sum.vol
		if x == nd {
			break
		}
		i := int(prefix << depth >> (64 - x.bits))
		depth += int(x.bits)
		ref = x.slot(i)
	}
	d.n -= int(sum.entries)
	d.vol -= int(sum.vol)
	d.bytes -= sum.bytes
	d.pages -= uint32(sum.pages)
	d.nodes -= uint32(sum.nodes)
	d.clk.Allocator().Retired(sum.bytes)
	d.clk.ReleaseTree(r, d.birth)
	d.shrink(prefix)
	return count
}

var _ epoch.Tree = (*released)(nil)

// deletePrefix deletes the entries of the range one by one; all are in one page.
func (d *Dict) deletePrefix(prefix uint64, n int) {
	for {
		p := d.findPage(prefix)
		if p == nil {
			return
		}
		var e Entry
		for i := range int(p.n) {
			x := p.entry(i)
			if h := d.hashOf(x); inPrefix(h, prefix, n) {
				e = Entry{x, p, d, h}
				break
			}
		}
		if !e.Ok() {
			return
		}
		d.Delete(e)
	}
}

// treeSum is what a part of a tree amounts to.
type treeSum struct {
	entries, vol, bytes int64
	pages, nodes        int
}

func (s *treeSum) add(ref uint64) {
	if ref&tagNode != 0 {
		nd := nodeAt(ref)
		s.nodes++
		s.bytes += nodeBytes(nd.bits)
		slots := nd.slots()
		for i, x := range slots {
			if i == 0 || x != slots[i-1] {
				s.add(x)
			}
		}
		return
	}
	p := pageAt(ref)
	s.pages++
	s.bytes += int64(p.size)
	s.entries += int64(p.n)
	s.vol += int64(p.vol)
	if p.flags&pageOut == 0 {
		return
	}
	for i := range int(p.n) {
		e := p.entry(i)
		flags := load8(e, 0)
		if flags&flagLongKey != 0 {
			s.bytes += int64(blobAt(load64(unsafe.Add(e, keyAt(flags)))).size)
		}
		if flags&flagBlob != 0 {
			s.bytes += int64(blobAt(load64(valueAt(e, flags))).size)
		}
	}
}
