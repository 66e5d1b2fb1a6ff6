// SPDX-License-Identifier: BSD-3-Clause

package quicklist

import (
	"unsafe"

	"redport/src/cold"
	"redport/src/listpack"
	"redport/src/zmalloc"
)

// node.go - a node: one block of memory with a listpack, or one long element, in it.
//
//	| owner 8 | size 8 | room | listpack | room |
//
// owner is the epoch that may write to the block, size that of the whole block. Room at both ends makes pushing and popping there cheap:
// an element that goes to the front is written in front of the others, and only the 6 bytes of the listpack's header move. A node that
// is at neither end of the list has no room to speak of, and may be compressed: then the block holds LZ4 data and nothing else.

// block is the beginning of a node's memory.
type block struct {
	owner uint64
	size  uint64
}

const blockHeader = int(unsafe.Sizeof(block{}))

// node describes a block. It is a value that lies in a List or in a leaf of its tree; both of them, and the block, may be frozen
// independently of each other.
type node struct {
	p     uintptr // the block, which no Go pointer leads to; 0: no node
	sz    int     // bytes of the listpack or of the long element
	off   uint32  // room in front of them
	csz   uint32  // bytes of LZ4 data, 0 if not compressed
	count uint32  // elements
	plain bool    // one long element, not a listpack
	mark  cold.Mark
}

const nodeSize = int(unsafe.Sizeof(node{}))

func (n *node) block() *block { return (*block)(*(*unsafe.Pointer)(unsafe.Pointer(&n.p))) }

// room is the number of bytes of the block behind its header.
func (n *node) room() int { return int(n.block().size) - blockHeader }

// data returns the n bytes at off of the block.
func (n *node) data(off, size int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(n.block()), blockHeader+off)), size)
}

// raw returns the listpack, or the long element, of a node that is not compressed.
func (n *node) raw() []byte { return n.data(int(n.off), n.sz) }

// rawRoom is raw with what is behind it as its capacity.
func (n *node) rawRoom() []byte {
	return n.data(int(n.off), n.room()-int(n.off))[:n.sz]
}

// alloc returns a block with room for size bytes, or some more if loose.
func (l *List) alloc(size int, loose bool) uintptr {
	a := l.env.Clock.Allocator()
	var p unsafe.Pointer
	if loose {
		p, size = a.AllocAtLeast(blockHeader + size)
	} else {
		p = a.Alloc(blockHeader + size)
		size = zmalloc.UsableSize(blockHeader + size)
	}
	b := (*block)(p)
	b.owner, b.size = l.env.Clock.Now(), uint64(size)
	l.blocks += int64(size)
	return uintptr(p)
}

// retire lets the block of a node go.
func (l *List) retire(n *node) {
	b := n.block()
	l.blocks -= int64(b.size)
	l.env.Clock.Retire(unsafe.Pointer(b), int(b.size), b.owner)
}

// own makes the block of n, which is not compressed, one that may be written to.
func (l *List) own(n *node) {
	b := n.block()
	if !l.env.Clock.Frozen(b.owner) {
		return
	}
	c := *n
	c.p = l.alloc(n.room(), false)
	copy(c.raw(), n.raw())
	l.env.Clock.AddCloned(int(b.size))
	l.retire(n)
	*n = c
}

// newPlain returns a node for one long element.
func (l *List) newPlain(s []byte) node {
	n := node{p: l.alloc(len(s), false), sz: len(s), count: 1, plain: true}
	copy(n.raw(), s)
	return n
}

// newPacked returns a node for a listpack with one element.
func (l *List) newPacked(s []byte) node {
	e := listpack.NewElement(s)
	size := listpack.MinSize + e.Size()
	n := node{p: l.alloc(size, false), sz: size, count: 1}
	lp := n.raw()
	listpack.SetHeader(lp, 1)
	e.Put(lp[listpack.HeaderSize:])
	listpack.SetEnd(lp)
	return n
}

// newFrom returns a node for a copy of a listpack.
func (l *List) newFrom(lp []byte) node {
	n := node{p: l.alloc(len(lp), false), sz: len(lp), count: uint32(listpack.Len(lp))}
	copy(n.raw(), lp)
	return n
}

// reserve makes n writable, with front bytes of room in front of the listpack and back bytes behind it.
//
// Room is made by moving the listpack within the block where enough of the block is unused for that to be rare, else in a
// larger block. Blocks double until they can hold a full node.
func (l *List) reserve(n *node, front, back int) {
	room := n.room()
	frozen := l.env.Clock.Frozen(n.block().owner)
	if !frozen && int(n.off) >= front && room-int(n.off)-n.sz >= back {
		return
	}
	want := front + n.sz + back
	if spare := room - want; !frozen && spare >= 0 && spare >= n.sz/8 {
		off := l.place(spare, front, back)
		lp := n.raw()
		copy(n.data(off, n.sz), lp)
		n.off = uint32(off)
		return
	}
	size := 2 * want
	if full := l.fullNode(); size > full {
		size = max(want, full)
	}
	if frozen && size < room && room <= 2*want {
		size = room
	}
	c := *n
	c.p = l.alloc(size, true)
	c.off = uint32(l.place(c.room()-want, front, back))
	copy(c.raw(), n.raw())
	if frozen {
		l.env.Clock.AddCloned(n.sz)
	}
	l.retire(n)
	*n = c
}

// place divides spare bytes between front and back, and returns the offset of the listpack. The end that is being pushed to gets all, unless
// the node is both ends of the list.
func (l *List) place(spare, front, back int) int {
	switch {
	case l.nodes == 1:
		return front + spare/2
	case front > 0:
		return front + spare
	}
	return 0
}

// fullNode is the size at which blocks stop to double: that of a full node, and some room so that a queue which goes through one node need
// not move all the time.
func (l *List) fullNode() int {
	size, _ := NodeLimit(l.fill)
	if size > safetyLimit && l.fill >= 0 {
		size = safetyLimit
	}
	return size + size/8
}

// slack is how many bytes of a block may be unused in a node that is not at an end of the list.
const slack = 64

// settle gives back the room of a node that nobody pushes to any more.
func (l *List) settle(n *node) {
	if n.room()-n.sz <= slack || n.csz != 0 || l.env.Clock.Frozen(n.block().owner) {
		return
	}
	c := *n
	c.off = 0
	c.p = l.alloc(n.sz, false)
	copy(c.raw(), n.raw())
	l.retire(n)
	*n = c
}

// setSize notes that the listpack of n is lp now, which begins where it did, and lies where raw did.
func (n *node) setSize(lp []byte, count int) {
	n.sz, n.count = len(lp), uint32(count)
}

// pushBack adds e as the last element.
func (l *List) pushBack(n *node, e *listpack.Element) {
	size := e.Size()
	l.reserve(n, 0, size)
	lp := n.rawRoom()
	at := len(lp) - listpack.EndSize
	lp = lp[:len(lp)+size]
	e.Put(lp[at:])
	listpack.SetEnd(lp)
	n.sz = len(lp)
	n.count++
	listpack.SetHeader(lp, int(n.count))
}

// pushFront adds e as the first element.
func (l *List) pushFront(n *node, e *listpack.Element) {
	size := e.Size()
	l.reserve(n, size, 0)
	n.off -= uint32(size)
	n.sz += size
	n.count++
	lp := n.raw()
	listpack.SetHeader(lp, int(n.count))
	e.Put(lp[listpack.HeaderSize:])
}

// dropFront removes the first element, which is not the only one.
func (l *List) dropFront(n *node) {
	l.own(n)
	size := listpack.SizeAt(n.raw(), listpack.HeaderSize)
	n.off += uint32(size)
	n.sz -= size
	n.count--
	listpack.SetHeader(n.raw(), int(n.count))
}

// dropBack removes the last element, which is not the only one.
func (l *List) dropBack(n *node) {
	l.own(n)
	lp := n.raw()
	n.sz = listpack.Last(lp) + listpack.EndSize
	n.count--
	lp = n.raw()
	listpack.SetEnd(lp)
	listpack.SetHeader(lp, int(n.count))
}

// --- Compression ---

// A node is compressed only if it has minCompress bytes and gets smaller by more than minImprove.
const (
	minCompress = 48
	minImprove  = 8
)

// compress compresses the block of n, if that is worth it. n may lie in a frozen leaf's clone; its block may be frozen.
func (l *List) compress(n *node) {
	if n.csz == 0 && n.sz >= minCompress {
		l.compressTo(n, n.sz-minImprove)
	}
}

// compressTo compresses the block of n, which is not compressed, if that makes less than most bytes of it.
func (l *List) compressTo(n *node, most int) (ok bool) {
	b := l.env.Cold.Compress(n.raw(), most)
	if b == nil {
		return false
	}
	c := *n
	c.off, c.csz = 0, uint32(len(b))
	c.p = l.alloc(len(b), false)
	copy(c.data(0, len(b)), b)
	l.retire(n)
	*n = c
	return true
}

// decompress replaces the block of n by one with its contents, if it is compressed.
func (l *List) decompress(n *node) {
	if n.csz == 0 {
		return
	}
	c := *n
	c.csz, c.off = 0, 0
	c.p = l.alloc(n.sz, false)
	n.decompressTo(c.raw())
	l.retire(n)
	*n = c
}

// decompressTo writes the contents of a compressed node to b, which has just their size. Any goroutine.
func (n *node) decompressTo(b []byte) { cold.Unpack(b, n.data(0, int(n.csz))) }
