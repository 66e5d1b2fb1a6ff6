// SPDX-License-Identifier: BSD-3-Clause

// Package quicklist is the list of strings that Redis keeps long lists in: a sequence of listpacks.
package quicklist

import (
	"math"
	"unsafe"

	"redport/src/cold"
	"redport/src/epoch"
	"redport/src/listpack"
)

// quicklist.go - the list, its ends, and the limits of its nodes.
//
// DESIGN
//
//	List
//	+------+-------------------+------+
//	| head | tree of nodes     | tail |        node: a block with a listpack of some kilobytes, or with one long element (node.go)
//	+------+-------------------+------+
//	          counted B+tree (tree.go)
//
// The first and the last node are in the List itself, so that pushing and popping touch nothing else. All others are in a tree that counts
// elements, so that an index leads to its node in O(log n).
//
// Which element is in which node is part of what Redis shows, in DUMP payloads, RDB files and DEBUG OBJECT. So nodes fill, split and merge
// by just the rules of C's quicklist.
//
// With a depth (list-compress-depth) all nodes but so many at either end are compressed, always, and that shows. Without one, nodes in the
// tree are compressed when nobody has touched them for a while (package cold), and nothing shows it but the memory that is taken.
//
// Everything is copied on write by epoch: blocks, vertices of the tree, and the List itself, a copy of which (Thaw) shares all the rest. Nobody
// but the owner of the epoch clock may call anything on a List but Walk, Len and the other readers of its fields.
//
// INVARIANTS
//
//   - No node is empty. With one node it is head, and tail is none; the tree is empty while there are less than three.
//   - A node is compressed only if it is more than depth nodes away from both ends, and then Walk and Iter decompress a copy.
//     Without a depth the first and the last node are not.
//   - blocks is the sum of the sizes of all blocks; heap is what the List and its tree hold of the Go heap.
//
// Counterpart: quicklist.c. Differences: LZ4 instead of LZF; no node is decompressed for reading; no bookmarks, since nothing needs to be
// freed piece by piece.

// Limits of a node, as list-max-listpack-size gives them.
const (
	safetyLimit  = 8192 // bytes of a node whose elements are limited, and of a packed element in it
	sizeEstimate = 8    // what an element takes beside its text, at most, as far as limits go
)

var sizeLevels = [...]int{4096, 8192, 16384, 32768, 65536}

// NodeLimit is how many bytes and how many elements a node may have: the fill factor limits the number if it is positive, the
// bytes, in five levels, if it is negative.
func NodeLimit(fill int) (size, count int) {
	if fill < 0 {
		return sizeLevels[min(-fill, len(sizeLevels))-1], math.MaxInt
	}
	return math.MaxInt, max(fill, 1)
}

// ExceedsLimit tells whether size bytes and count elements are too much for a node.
func ExceedsLimit(fill, size, count int) bool {
	if fill < 0 {
		return size > sizeLevels[min(-fill, len(sizeLevels))-1]
	}
	return size > safetyLimit || count > max(fill, 1)
}

// Env is what lists of one server share.
type Env struct {
	Clock           *epoch.Clock
	Cold            *cold.Packer
	PackedThreshold int // bytes from which on an element is long; 0: when it is too much for a node (DEBUG QUICKLIST-PACKED-THRESHOLD)
}

// List is a list.
type List struct {
	env    *Env
	head   node
	tail   node
	mid    tree
	count  int // elements
	nodes  int
	fill   int
	depth  int // nodes at each end that are never compressed; 0: none is
	blocks int64
	heap   int64
	birth  uint64 // no block is older
	cold   *coldNodes
}

const listSize = int(unsafe.Sizeof(List{}))

// Bounds of fill factor and depth: what lies beyond them counts as the bound.
const (
	minFill  = -len(sizeLevels)
	maxFill  = 1<<15 - 1
	maxDepth = 1<<16 - 1
)

// New returns an empty list whose nodes are filled and compressed as list-max-listpack-size and list-compress-depth say.
func New(env *Env, fill, depth int) *List {
	l := &List{env: env, fill: max(min(fill, maxFill), minFill), depth: max(min(depth, maxDepth), 0), birth: env.Clock.Now()}
	l.accountHeap(listSize)
	return l
}

// Len returns the number of elements.
func (l *List) Len() int { return l.count }

// Nodes returns the number of nodes.
func (l *List) Nodes() int { return l.nodes }

// Depth returns how many nodes at each end are not compressed; 0: none is.
func (l *List) Depth() int { return l.depth }

// Bytes returns the memory that the list holds.
func (l *List) Bytes() int64 { return l.blocks + l.heap }

// Thaw returns a list that shares everything with l, which only snapshots read from now on.
func (l *List) Thaw() *List {
	c := *l
	if c.cold != nil {
		c.cold.Set(&c)
	}
	return &c
}

// Dup returns a copy.
func (l *List) Dup() *List {
	c := New(l.env, l.fill, l.depth)
	for i := range l.nodes {
		n := *l.at(i)
		size := n.sz
		if n.csz != 0 {
			size = int(n.csz)
		}
		d := n
		d.off = 0
		d.p = c.alloc(size, false)
		copy(d.data(0, size), n.data(int(n.off), size))
		c.linkNode(c.nodes, d)
	}
	return c
}

// long tells whether an element of size bytes gets a node of its own, which is no listpack.
func (l *List) long(size int) bool {
	if t := l.env.PackedThreshold; t != 0 {
		return size >= t
	}
	if l.fill >= 0 {
		return size > safetyLimit
	}
	return size > sizeLevels[min(-l.fill, len(sizeLevels))-1]
}

// takes tells whether an element of size bytes may be added to n; nil takes none.
func (l *List) takes(n *node, size int) bool {
	return n != nil && !n.plain && !l.long(size) && !ExceedsLimit(l.fill, n.sz+size+sizeEstimate, int(n.count)+1)
}

// mergeable tells whether two neighbours may become one node.
func (l *List) mergeable(a, b *node) bool {
	return a != nil && b != nil && !a.plain && !b.plain &&
		!ExceedsLimit(l.fill, a.sz+b.sz-listpack.MinSize, int(a.count)+int(b.count))
}

// --- Nodes by index ---

// at returns node i for reading, nil if there is none.
func (l *List) at(i int) *node {
	switch {
	case i < 0 || i >= l.nodes:
		return nil
	case i == 0:
		return &l.head
	case i == l.nodes-1:
		return &l.tail
	}
	return l.mid.at(i - 1)
}

// edited returns node i for writing; its number of elements is going to change by d. The block is not owned yet.
func (l *List) edited(i, d int) *node {
	l.count += d
	switch i {
	case 0:
		return &l.head
	case l.nodes - 1:
		return &l.tail
	}
	return l.edit(i-1, d)
}

// linkNode makes n node i.
func (l *List) linkNode(i int, n node) {
	switch {
	case l.nodes == 0:
		l.head = n
	case i == 0:
		if l.nodes == 1 {
			l.tail = l.head
		} else {
			l.settle(&l.head)
			l.insert(0, l.head)
		}
		l.head = n
	case i == l.nodes:
		if l.nodes > 1 {
			l.settle(&l.tail)
			l.insert(l.mid.nodes, l.tail)
		}
		l.tail = n
	default:
		l.insert(i-1, n)
	}
	l.nodes++
	l.count += int(n.count)
}

// addNode is linkNode, after which nodes are compressed as they should.
func (l *List) addNode(i int, n node) {
	l.linkNode(i, n)
	l.recompress(i)
}

// unlinkNode takes node i out of the list.
func (l *List) unlinkNode(i int) (n node) {
	switch {
	case i == 0:
		n = l.head
		switch l.nodes {
		case 1:
			l.head = node{}
		case 2:
			l.head, l.tail = l.tail, node{}
		default:
			l.head = l.remove(0)
		}
	case i == l.nodes-1:
		n = l.tail
		if l.nodes == 2 {
			l.tail = node{}
		} else {
			l.tail = l.remove(l.mid.nodes - 1)
		}
	default:
		n = l.remove(i - 1)
	}
	l.nodes--
	l.count -= int(n.count)
	return n
}

// discardNode removes node i and all of its elements. Whoever calls it calls recompress, too.
func (l *List) discardNode(i int) {
	n := l.unlinkNode(i)
	l.retire(&n)
}

// dropNode is discardNode, after which nodes are compressed as they should.
func (l *List) dropNode(i int) {
	l.discardNode(i)
	l.recompress(-1)
}

// --- Compression ---

// recompress sees to it that nodes are compressed, or not, where that may have changed: around both borders of what is never compressed, and
// at node i.
func (l *List) recompress(i int) {
	if l.depth == 0 {
		// They may have been cold inside of the list.
		l.decompress(&l.head)
		l.decompress(&l.tail)
		return
	}
	if l.nodes < 2*l.depth {
		return
	}
	for d := 0; d < l.depth; d++ {
		l.setCompressed(d, false)
		l.setCompressed(l.nodes-1-d, false)
		if d >= l.nodes-2-d {
			return
		}
	}
	if i >= l.depth && i < l.nodes-l.depth {
		l.setCompressed(i, true)
	}
	l.setCompressed(l.depth, true)
	l.setCompressed(l.nodes-1-l.depth, true)
}

// setCompressed compresses or decompresses node i where that is not done yet.
func (l *List) setCompressed(i int, compressed bool) {
	n := l.at(i)
	if compressed {
		if n.csz != 0 || n.sz < minCompress {
			return
		}
		c := *n
		l.compress(&c)
		if c.csz != 0 {
			*l.edited(i, 0) = c
		}
		return
	}
	if n.csz != 0 {
		l.decompress(l.edited(i, 0))
	}
}

// --- Ends ---

// first and last are the nodes at the ends, nil if there are none.
func (l *List) first() *node {
	if l.nodes == 0 {
		return nil
	}
	return &l.head
}

func (l *List) last() *node {
	if l.nodes > 1 {
		return &l.tail
	}
	return l.first()
}

// PushFront adds an element in front of all others.
func (l *List) PushFront(s []byte) {
	switch n := l.first(); {
	case l.long(len(s)):
		l.addNode(0, l.newPlain(s))
	case l.takes(n, len(s)):
		e := listpack.NewElement(s)
		l.pushFront(n, &e)
		l.count++
	default:
		l.addNode(0, l.newPacked(s))
	}
}

// PushBack adds an element behind all others.
func (l *List) PushBack(s []byte) {
	switch n := l.last(); {
	case l.long(len(s)):
		l.addNode(l.nodes, l.newPlain(s))
	case l.takes(n, len(s)):
		e := listpack.NewElement(s)
		l.pushBack(n, &e)
		l.count++
	default:
		l.addNode(l.nodes, l.newPacked(s))
	}
}

// First returns the first element, valid until the next write. The list must not be empty.
func (l *List) First() listpack.Value { return l.head.get(listpack.HeaderSize) }

// Last returns the last element, valid until the next write. The list must not be empty.
func (l *List) Last() listpack.Value {
	n := l.last()
	if n.plain {
		return listpack.Value{Str: n.raw()}
	}
	lp := n.raw()
	return listpack.Get(lp, listpack.Last(lp))
}

// get returns the element at p of a node that is not compressed.
func (n *node) get(p int) listpack.Value {
	if n.plain {
		return listpack.Value{Str: n.raw()}
	}
	return listpack.Get(n.raw(), p)
}

// DropFirst removes the first element.
func (l *List) DropFirst() {
	if l.head.count == 1 {
		l.dropNode(0)
		return
	}
	l.dropFront(&l.head)
	l.count--
}

// DropLast removes the last element.
func (l *List) DropLast() {
	n := l.last()
	if n.count == 1 {
		l.dropNode(l.nodes - 1)
		return
	}
	l.dropBack(n)
	l.count--
}

// AppendListpack adds a copy of a listpack, which is not empty, as the last node.
func (l *List) AppendListpack(lp []byte) { l.addNode(l.nodes, l.newFrom(lp)) }

// AppendPlain adds an element as the last node, which is not a listpack.
func (l *List) AppendPlain(s []byte) { l.addNode(l.nodes, l.newPlain(s)) }

// Single returns the listpack of a list that is just one; it is valid until the next write.
func (l *List) Single() (lp []byte, ok bool) {
	if l.nodes != 1 || l.head.plain {
		return nil, false
	}
	return l.head.raw(), true
}
