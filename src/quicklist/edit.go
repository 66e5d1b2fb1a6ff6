// SPDX-License-Identifier: BSD-3-Clause

package quicklist

import (
	"math"

	"redport/src/listpack"
)

// edit.go - changes in the middle of a list.
//
// Nodes are split and merged in just the cases and just the order in which C's quicklist does it, so that the same commands lead to
// the same nodes.

// locate returns where element index is: its node, and its index there. Negative indexes count from the end. ok is false if there is
// no such element.
func (l *List) locate(index int) (i, off int, ok bool) {
	if index < 0 {
		index += l.count
	}
	if index < 0 || index >= l.count {
		return 0, 0, false
	}
	if n := int(l.head.count); index < n {
		return 0, index, true
	}
	if n := int(l.tail.count); index >= l.count-n {
		return l.nodes - 1, index - (l.count - n), true
	}
	i, off = l.mid.locate(index - int(l.head.count))
	return i + 1, off, true
}

// writable returns node i, which may have been compressed, ready to be written to in place, with room for more bytes behind its
// end. The number of its elements is going to change by d.
func (l *List) writable(i, d, more int) *node {
	n := l.edited(i, d)
	if n.csz != 0 {
		l.decompress(n)
	}
	if n.plain {
		return n
	}
	l.reserve(n, 0, more)
	return n
}

// written ends a change of node i: unless it is at an end of the list it keeps no room, and it is compressed again.
func (l *List) written(i int) {
	if i != 0 && i != l.nodes-1 {
		if n := l.at(i); n.csz == 0 && n.room()-n.sz > slack && n.room() > n.sz+n.sz/4 {
			l.settle(l.edited(i, 0))
		}
	}
	l.recompress(i)
}

// insertAt puts s in front of element off of node i, which has room for it, or behind the last one.
func (l *List) insertAt(i, off int, s []byte) {
	n := l.writable(i, 1, listpack.EntrySize(s))
	lp := n.rawRoom()
	lp = listpack.InsertBefore(lp, listpack.Seek(lp, off), s)
	n.setSize(lp, int(n.count)+1)
	l.written(i)
}

// split divides node i in front of its element off, which is not the first: what begins there becomes node i+1.
func (l *List) split(i, off int) {
	count := int(l.at(i).count)
	n := l.edited(i, off-count)
	l.decompress(n)
	lp := n.raw()
	p := listpack.Seek(lp, off)
	size := listpack.HeaderSize + len(lp) - p
	right := node{p: l.alloc(size, false), sz: size, count: uint32(count - off)}
	rp := right.raw()
	copy(rp[listpack.HeaderSize:], lp[p:])
	listpack.SetHeader(rp, count-off)

	l.own(n)
	n.sz = p + listpack.EndSize
	n.count = uint32(off)
	lp = n.raw()
	listpack.SetEnd(lp)
	listpack.SetHeader(lp, off)
	l.linkNode(i+1, right)
}

// merge moves the elements of node i+1 to the end of node i.
func (l *List) merge(i int) {
	r := l.unlinkNode(i + 1)
	l.decompress(&r)
	n := l.writable(i, int(r.count), r.sz-listpack.MinSize)
	at := n.sz - listpack.EndSize
	n.sz += r.sz - listpack.MinSize
	n.count += r.count
	lp := n.raw()
	copy(lp[at:], r.raw()[listpack.HeaderSize:])
	listpack.SetHeader(lp, int(n.count))
	l.retire(&r)
	l.written(i)
}

// mergeAround merges the nodes around node i where two of them are one node's worth, and returns where node i, or what it has become part
// of, is then.
func (l *List) mergeAround(i int) int {
	if l.mergeable(l.at(i-2), l.at(i-1)) {
		l.merge(i - 2)
		i--
	}
	if l.mergeable(l.at(i+1), l.at(i+2)) {
		l.merge(i + 1)
	}
	if l.mergeable(l.at(i-1), l.at(i)) {
		i--
		l.merge(i)
	}
	if l.mergeable(l.at(i), l.at(i+1)) {
		l.merge(i)
	}
	return i
}

// Insert adds s next to element index, which there is: behind it if after, else in front of it.
func (l *List) Insert(index int, after bool, s []byte) {
	i, off, _ := l.locate(index)
	n := l.at(i)
	atEnd, neighbour, beyond := off == 0, i-1, i
	if after {
		off++
		atEnd, neighbour, beyond = off == int(n.count), i+1, i+1
	}
	switch {
	case l.long(len(s)):
		if !atEnd {
			l.split(i, off)
			beyond = i + 1
		}
		l.addNode(beyond, l.newPlain(s))
		l.recompress(i)
		l.recompress(beyond + 1)
	case l.takes(n, len(s)):
		l.insertAt(i, off, s)
	case atEnd && l.takes(l.at(neighbour), len(s)):
		if after {
			l.insertAt(neighbour, 0, s)
		} else {
			l.insertAt(neighbour, int(l.at(neighbour).count), s)
		}
	case atEnd:
		l.addNode(beyond, l.newPacked(s))
	default:
		// The part that is split off gets the element; the other one is what merging looks around.
		l.split(i, off)
		if after {
			l.insertAt(i+1, 0, s)
		} else {
			l.insertAt(i, off, s)
			i++
		}
		i = l.mergeAround(i)
		l.recompress(i)
		l.recompressAround(i)
	}
}

// recompressAround compresses the neighbours of node i, too.
func (l *List) recompressAround(i int) {
	if l.depth == 0 {
		return
	}
	for k := i - 1; k <= i+1; k++ {
		if k >= 0 && k < l.nodes {
			l.recompress(k)
		}
	}
}

// Replace gives element index another text, and reports false if there is no such element.
func (l *List) Replace(index int, s []byte) bool {
	i, off, ok := l.locate(index)
	if !ok {
		return false
	}
	n := l.at(i)
	long := l.long(len(s))
	switch {
	case !n.plain && !long && uint64(n.sz)+uint64(listpack.EntrySize(s)) <= math.MaxUint32:
		n = l.writable(i, 0, listpack.EntrySize(s))
		lp := n.rawRoom()
		lp = listpack.Replace(lp, listpack.Seek(lp, off), s)
		n.setSize(lp, int(n.count))
		l.written(i)
	case n.plain && long:
		n = l.edited(i, 0)
		fresh := l.newPlain(s)
		l.retire(n)
		*n = fresh
		l.recompress(i)
	case n.plain:
		l.Insert(index, true, s)
		l.dropNode(i)
	default:
		fresh := l.newNode(s)
		if off != int(n.count)-1 {
			l.split(i, off+1)
		}
		l.linkNode(i+1, fresh)
		if l.at(i).count == 1 {
			l.dropNode(i)
			l.recompressAround(i)
			return true
		}
		n = l.writable(i, -1, 0)
		l.dropBack(n)
		i = l.mergeAround(i + 1)
		l.recompressAround(i)
	}
	return true
}

// newNode returns a node with one element.
func (l *List) newNode(s []byte) node {
	if l.long(len(s)) {
		return l.newPlain(s)
	}
	return l.newPacked(s)
}

// DeleteRange removes count elements from element start on, as far as there are any. A negative start counts from the end.
func (l *List) DeleteRange(start, count int) {
	if count <= 0 {
		return
	}
	i, off, ok := l.locate(start)
	if !ok {
		return
	}
	if start < 0 {
		start += l.count
	}
	count = min(count, l.count-start)
	for count > 0 {
		n := int(l.at(i).count)
		del := min(count, n-off)
		count -= del
		if del == n {
			l.discardNode(i)
			if l.depth != 0 || count == 0 {
				l.recompress(-1) // else what becomes the first node is most likely the next to go
			}
			continue
		}
		l.deleteIn(i, off, del)
		off = 0
		i++
	}
}

// deleteIn removes count elements, not all, of node i from off on.
func (l *List) deleteIn(i, off, count int) {
	n := l.writable(i, -count, 0)
	lp := n.raw()
	if off == 0 {
		// From the front nothing needs to move.
		p := listpack.Seek(lp, count) - listpack.HeaderSize
		n.off += uint32(p)
		n.sz -= p
		n.count -= uint32(count)
		listpack.SetHeader(n.raw(), int(n.count))
	} else {
		lp, _ = listpack.DeleteRangeAt(lp, listpack.Seek(lp, off), count)
		n.setSize(lp, int(n.count)-count)
	}
	l.written(i)
}

// Remove removes up to limit elements, all if limit is 0, whose text is s, beginning at either end. It returns how many.
func (l *List) Remove(s []byte, limit int, fromBack bool) (removed int) {
	if limit == 0 {
		limit = l.count
	}
	i := 0
	if fromBack {
		i = l.nodes - 1
	}
	var buf buffer
	defer buf.close()
	for i >= 0 && i < l.nodes && removed < limit {
		n := l.reading(i)
		count, k := int(n.count), 0
		switch {
		case !n.plain:
			if listpack.Find(buf.contents(l.env, n), listpack.HeaderSize, s, 0) != listpack.End {
				k = l.removeIn(i, s, limit-removed, fromBack)
			}
		case string(buf.contents(l.env, n)) == string(s):
			l.dropNode(i)
			k = 1
		}
		removed += k
		switch {
		case fromBack:
			i--
		case k < count:
			i++
		}
	}
	return removed
}

// removeIn removes up to limit elements whose text is s from node i, and the node if nothing is left.
func (l *List) removeIn(i int, s []byte, limit int, fromBack bool) (removed int) {
	n := l.writable(i, 0, 0)
	lp := n.raw()
	count := int(n.count)
	if fromBack {
		for p := listpack.Last(lp); p != listpack.End && removed < limit; {
			prev := listpack.Prev(lp, p)
			if listpack.Get(lp, p).Equal(s) {
				lp, _ = listpack.Delete(lp, p)
				removed++
			}
			p = prev
		}
	} else {
		for p := listpack.First(lp); p != listpack.End && removed < limit; {
			if p = listpack.Find(lp, p, s, 0); p == listpack.End {
				break
			}
			lp, p = listpack.Delete(lp, p)
			removed++
		}
	}
	if removed == count {
		l.dropNode(i)
		return removed
	}
	n = l.edited(i, -removed)
	n.setSize(lp, count-removed)
	l.written(i)
	return removed
}
