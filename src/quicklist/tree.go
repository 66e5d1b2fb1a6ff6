// SPDX-License-Identifier: BSD-3-Clause

package quicklist

import (
	"unsafe"
)

// tree.go - the nodes between the first and the last one: a B+tree that counts nodes and elements below each child, and is copied on write.
//
// It lies on the Go heap: a vertex costs one to three objects for up to 32 nodes, and a leaf contains nothing that the collector
// must follow. A vertex that a snapshot sees is cloned before it is changed, and so is the path that leads to it; the original is left to the
// collector.
//
// Whole subtrees come and go at both ends, where lists are pushed to and popped from: a full leaf splits there into itself and an empty one,
// so that leaves of a growing list are full, and an empty one is removed. In between vertices split in halves, and neighbours
// merge when both together are at most half full.

const fanout = 32

// vertex is a leaf, which has items, or an inner vertex, which has kids.
type vertex struct {
	epoch uint64
	items []node
	kids  []kid
}

type kid struct {
	v     *vertex
	nodes int // below v
	elems int
}

type tree struct {
	root  *vertex // nil if empty
	nodes int
	elems int
}

const (
	vertexSize = int(unsafe.Sizeof(vertex{}))
	kidSize    = int(unsafe.Sizeof(kid{}))
)

func (v *vertex) leaf() bool { return v.kids == nil }

func (v *vertex) heapSize() int { return vertexSize + cap(v.items)*nodeSize + cap(v.kids)*kidSize }

// accountHeap adds n bytes of Go heap.
func (l *List) accountHeap(n int) {
	l.heap += int64(n)
	l.env.Clock.Allocator().Account(int64(n))
}

func (l *List) newLeaf(room int) *vertex {
	v := &vertex{epoch: l.env.Clock.Now(), items: make([]node, 0, room)}
	l.accountHeap(v.heapSize())
	return v
}

func (l *List) newInner() *vertex {
	v := &vertex{epoch: l.env.Clock.Now(), kids: make([]kid, 0, fanout)}
	l.accountHeap(v.heapSize())
	return v
}

func (l *List) dropVertex(v *vertex) { l.accountHeap(-v.heapSize()) }

// ownVertex returns v, or a clone of it where a snapshot sees v.
func (l *List) ownVertex(v *vertex) *vertex {
	if !l.env.Clock.Frozen(v.epoch) {
		return v
	}
	c := &vertex{epoch: l.env.Clock.Now()}
	if v.leaf() {
		c.items = append(make([]node, 0, cap(v.items)), v.items...)
	} else {
		c.kids = append(make([]kid, 0, cap(v.kids)), v.kids...)
	}
	l.env.Clock.AddCloned(c.heapSize())
	return c
}

// find returns the kid with node i below it, and the index of i there.
func (v *vertex) find(i int) (k, at int) {
	for k = range v.kids {
		n := v.kids[k].nodes
		if i < n {
			break
		}
		i -= n
	}
	return k, i
}

// at returns node i for reading.
func (t *tree) at(i int) *node {
	v := t.root
	for !v.leaf() {
		var k int
		k, i = v.find(i)
		v = v.kids[k].v
	}
	return &v.items[i]
}

// leafAt returns the leaf of node i, and where in it the node is.
func (t *tree) leafAt(i int) (*vertex, int) {
	v := t.root
	for !v.leaf() {
		var k int
		k, i = v.find(i)
		v = v.kids[k].v
	}
	return v, i
}

// locate returns the node with element e, and the index of e in it.
func (t *tree) locate(e int) (i, off int) {
	v := t.root
	for !v.leaf() {
		k := 0
		for ; e >= v.kids[k].elems; k++ {
			e -= v.kids[k].elems
			i += v.kids[k].nodes
		}
		v = v.kids[k].v
	}
	k := 0
	for ; e >= int(v.items[k].count); k++ {
		e -= int(v.items[k].count)
	}
	return i + k, e
}

// edit returns node i for writing, and adds d to the number of elements above it: the caller is about to change the node's by that.
func (l *List) edit(i, d int) *node {
	n := l.editItem(i, d)
	l.noteWritten(n)
	return n
}

func (l *List) editItem(i, d int) *node {
	t := &l.mid
	t.root = l.ownVertex(t.root)
	t.elems += d
	v := t.root
	for !v.leaf() {
		var k int
		k, i = v.find(i)
		c := &v.kids[k]
		c.v = l.ownVertex(c.v)
		c.elems += d
		v = c.v
	}
	return &v.items[i]
}

// insert puts n in front of node i, or behind the last one.
func (l *List) insert(i int, n node) {
	t := &l.mid
	if t.root == nil {
		t.root = l.newLeaf(4)
	}
	t.root = l.ownVertex(t.root)
	l.noteWritten(&n)
	right := l.insertBelow(t.root, i, n)
	t.nodes++
	t.elems += int(n.count)
	if right != nil {
		left := kid{v: t.root}
		left.count()
		r := kid{v: right}
		r.count()
		t.root = l.newInner()
		t.root.kids = append(t.root.kids, left, r)
	}
}

// count computes what k says about its vertex.
func (k *kid) count() {
	k.nodes, k.elems = 0, 0
	if k.v.leaf() {
		k.nodes = len(k.v.items)
		for i := range k.v.items {
			k.elems += int(k.v.items[i].count)
		}
		return
	}
	for i := range k.v.kids {
		k.nodes += k.v.kids[i].nodes
		k.elems += k.v.kids[i].elems
	}
}

// splitAt is where a full vertex splits when something goes to i.
func splitAt(i int) int {
	switch i {
	case 0:
		return 0
	case fanout:
		return fanout
	}
	return fanout / 2
}

// insertBelow inserts n at i below v, which is owned, and returns what has split off to the right of v, if it had to split.
func (l *List) insertBelow(v *vertex, i int, n node) (right *vertex) {
	if v.leaf() {
		if len(v.items) == fanout {
			s := splitAt(i)
			right = l.newLeaf(fanout)
			right.items = append(right.items, v.items[s:]...)
			v.items = v.items[:s]
			if i > s || s == fanout {
				v, i = right, i-s
			}
		}
		l.growLeaf(v, 1)
		v.items = v.items[:len(v.items)+1]
		copy(v.items[i+1:], v.items[i:])
		v.items[i] = n
		return right
	}
	k := 0
	for ; k < len(v.kids)-1 && i > v.kids[k].nodes; k++ {
		i -= v.kids[k].nodes
	}
	c := &v.kids[k]
	c.v = l.ownVertex(c.v)
	split := l.insertBelow(c.v, i, n)
	if split == nil {
		c.nodes++
		c.elems += int(n.count)
		return nil
	}
	c.count()
	more := kid{v: split}
	more.count()
	i = k + 1
	if len(v.kids) == fanout {
		s := splitAt(i)
		right = l.newInner()
		right.kids = append(right.kids, v.kids[s:]...)
		clear(v.kids[s:])
		v.kids = v.kids[:s]
		if i > s || s == fanout {
			v, i = right, i-s
		}
	}
	v.kids = append(v.kids, kid{})
	copy(v.kids[i+1:], v.kids[i:])
	v.kids[i] = more
	return right
}

// growLeaf makes room for more items: leaves double, for the sake of short lists.
func (l *List) growLeaf(v *vertex, more int) {
	room := cap(v.items)
	for room < len(v.items)+more {
		room *= 2
	}
	if room > cap(v.items) {
		l.accountHeap((room - cap(v.items)) * nodeSize)
		v.items = append(make([]node, 0, room), v.items...)
	}
}

// remove takes node i out of the tree.
func (l *List) remove(i int) node {
	t := &l.mid
	t.root = l.ownVertex(t.root)
	n := l.removeBelow(t.root, i)
	t.nodes--
	t.elems -= int(n.count)
	for t.root != nil {
		switch r := t.root; {
		case t.nodes == 0:
			l.dropVertex(r)
			t.root = nil
		case !r.leaf() && len(r.kids) == 1:
			l.dropVertex(r)
			t.root = r.kids[0].v
		default:
			return n
		}
	}
	return n
}

func (l *List) removeBelow(v *vertex, i int) node {
	if v.leaf() {
		n := v.items[i]
		copy(v.items[i:], v.items[i+1:])
		v.items = v.items[:len(v.items)-1]
		return n
	}
	k, i := v.find(i)
	c := &v.kids[k]
	c.v = l.ownVertex(c.v)
	n := l.removeBelow(c.v, i)
	c.nodes--
	c.elems -= int(n.count)
	switch {
	case c.nodes == 0:
		l.dropVertex(c.v)
		v.dropKid(k)
	case k > 0 && v.kids[k-1].v.size()+c.v.size() <= fanout/2:
		l.mergeKids(v, k-1)
	case k+1 < len(v.kids) && v.kids[k+1].v.size()+c.v.size() <= fanout/2:
		l.mergeKids(v, k)
	}
	return n
}

func (v *vertex) size() int { return max(len(v.items), len(v.kids)) }

func (v *vertex) dropKid(k int) {
	copy(v.kids[k:], v.kids[k+1:])
	v.kids[len(v.kids)-1] = kid{}
	v.kids = v.kids[:len(v.kids)-1]
}

// mergeKids moves all of kid k+1 of v to kid k.
func (l *List) mergeKids(v *vertex, k int) {
	a, b := &v.kids[k], &v.kids[k+1]
	a.v = l.ownVertex(a.v)
	if a.v.leaf() {
		l.growLeaf(a.v, len(b.v.items))
		a.v.items = append(a.v.items, b.v.items...)
	} else {
		a.v.kids = append(a.v.kids, b.v.kids...)
	}
	a.nodes += b.nodes
	a.elems += b.elems
	l.dropVertex(b.v)
	v.dropKid(k + 1)
}
