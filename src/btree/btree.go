// SPDX-License-Identifier: BSD-3-Clause

// Package btree is the ordered half of a big sorted set: elements by score and member, with ranks, and O(1) snapshots.
package btree

import (
	"bytes"
	"encoding/binary"
	"unsafe"

	"redport/src/epoch"
	"redport/src/zmalloc"
)

// btree.go - the tree: searching, adding, deleting.
//
// DESIGN
//
// A B+tree. Leaves hold the elements, ordered by (score, member), up to 64 each; inner nodes have up to 63 children,
// with for each the number of elements below it and the smallest of them, as far as that fits:
//
//	inner   counts  elements below each child
//	        kids    addresses
//	        scores  score of the smallest element below
//	        prefix  the first 8 bytes of its member, as a number that orders like them
//	leaf    scores
//	        offs    where in the block each member's record is
//	        records n, then n bytes; or 0xff and the address of a blob, for a member of more than 127 bytes
//
// So a search by score reads one array a level, and one by member as well, unless elements differ neither in their score nor in those
// eight bytes: then the smallest element itself is looked up. What a parent knows about its children is exact at all times.
//
// All blocks lie outside of the Go heap and have no sibling links, so that writing to a leaf changes only the way to it. Nodes carry the
// epoch that owns them and are cloned before a write where a snapshot sees them; a blob never changes, and belongs to
// the one leaf of the current tree that leads to it, though older clones of that leaf lead there as well.
//
// Deleting keeps nodes at a quarter full or more: one that falls below takes from a neighbour, or is merged with it. A leaf
// that is split because something is added at its end keeps everything, so that ascending insertions fill leaves.

const (
	maxEntries = 64 // of a leaf
	maxKids    = 63 // of an inner node: 2 KB
	minFill    = 16
	mergeFill  = 48 // two nodes are merged if they have no more than that together

	maxInline  = 127
	recordBlob = 0xff
	blobRecord = 9

	maxHeight = 16 // a tree of that height has more elements than addresses exist
)

// leaf is the head of a leaf's block.
type leaf struct {
	owner  uint64
	size   uint32 // of the block
	used   uint32 // where the next record goes
	live   uint32 // bytes of records in use
	n      int32
	scores [maxEntries]float64
	offs   [maxEntries]uint16
}

type inner struct {
	owner  uint64
	n      int64
	counts [maxKids]int64
	kids   [maxKids]uintptr
	scores [maxKids]float64
	prefix [maxKids]uint64
}

// blob is the head of a long member's block; its bytes follow.
type blob struct {
	owner uint64
	n     int
}

const (
	leafHeader = int(unsafe.Sizeof(leaf{}))
	innerSize  = int(unsafe.Sizeof(inner{}))
	blobHeader = int(unsafe.Sizeof(blob{}))
)

// Tree is a set of elements that differ in score or member. Owner goroutine only; what Clone leaves behind may be read anywhere.
type Tree struct {
	clk    *epoch.Clock
	root   uintptr
	height int // inner nodes above a leaf
	n      int
	bytes  int64
	birth  uint64 // no block is older
}

// New returns an empty tree.
func New(clk *epoch.Clock) *Tree { return &Tree{clk: clk, birth: clk.Now()} }

// Len returns the number of elements.
func (t *Tree) Len() int { return t.n }

// Bytes returns the memory that the blocks hold.
func (t *Tree) Bytes() int64 { return t.bytes }

// Clone returns a header for the current epoch that shares everything with t and is used instead of it from now on. t itself is only
// read from now on, by snapshots taken before, and never released.
func (t *Tree) Clone() *Tree {
	c := *t
	return &c
}

// pointer turns an address back into a pointer: the allocator keeps its target alive.
func pointer(u uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&u)) }

func leafAt(ref uintptr) *leaf   { return (*leaf)(pointer(ref)) }
func innerAt(ref uintptr) *inner { return (*inner)(pointer(ref)) }

func (l *leaf) ref() uintptr   { return uintptr(unsafe.Pointer(l)) }
func (nd *inner) ref() uintptr { return uintptr(unsafe.Pointer(nd)) }

// block is all of a leaf's memory.
func (l *leaf) block() []byte { return unsafe.Slice((*byte)(unsafe.Pointer(l)), int(l.size)) }

// record is the bytes of element i's record.
func (l *leaf) record(i int) []byte {
	p := unsafe.Add(unsafe.Pointer(l), l.offs[i])
	n := int(*(*byte)(p))
	if n == recordBlob {
		n = blobRecord - 1
	}
	return unsafe.Slice((*byte)(p), 1+n)
}

// member is element i's member: its memory stays until the next write to the tree.
func (l *leaf) member(i int) []byte {
	p := unsafe.Add(unsafe.Pointer(l), l.offs[i])
	if n := int(*(*byte)(p)); n != recordBlob {
		return unsafe.Slice((*byte)(unsafe.Add(p, 1)), n)
	}
	b := l.blob(i)
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(b), blobHeader)), b.n)
}

// blob is where the member of element i lies, nil if that is the leaf.
func (l *leaf) blob(i int) *blob {
	r := l.record(i)
	if r[0] != recordBlob {
		return nil
	}
	return (*blob)(pointer(uintptr(binary.NativeEndian.Uint64(r[1:]))))
}

// prefixOf is a member's first eight bytes as a number; two numbers that differ order as the members do.
func prefixOf(member []byte) uint64 {
	if len(member) >= 8 {
		return binary.BigEndian.Uint64(member)
	}
	var b [8]byte
	copy(b[:], member)
	return binary.BigEndian.Uint64(b[:])
}

// --- Searching ---

// lowest is the leaf with the smallest element below ref.
func lowest(ref uintptr, level int) *leaf {
	for ; level > 0; level-- {
		ref = innerAt(ref).kids[0]
	}
	return leafAt(ref)
}

// key is an element that is looked for.
type key struct {
	score  float64
	prefix uint64
	member []byte
}

// child is the child that k belongs to: the last whose smallest element is not greater, else the first.
func (nd *inner) child(level int, k *key) int {
	lo, hi := 0, int(nd.n)-1 // the answer is in [lo, hi]
	for lo < hi {
		mid := (lo + hi + 1) / 2
		s := nd.scores[mid]
		after := s > k.score
		if s == k.score {
			if p := nd.prefix[mid]; p != k.prefix {
				after = p > k.prefix
			} else {
				after = bytes.Compare(lowest(nd.kids[mid], level-1).member(0), k.member) > 0
			}
		}
		if after {
			hi = mid - 1
		} else {
			lo = mid
		}
	}
	return lo
}

// search is where k is, or would be.
func (l *leaf) search(k *key) (i int, found bool) {
	lo, hi := 0, int(l.n)
	for lo < hi {
		mid := (lo + hi) / 2
		s := l.scores[mid]
		before := s < k.score
		if s == k.score {
			c := bytes.Compare(l.member(mid), k.member)
			if c == 0 {
				return mid, true
			}
			before = c < 0
		}
		if before {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, false
}

// Rank returns how many elements are smaller than (score, member), and whether that element exists.
func (t *Tree) Rank(score float64, member []byte) (rank int, found bool) {
	if t.root == 0 {
		return 0, false
	}
	k := key{score, prefixOf(member), member}
	ref := t.root
	for level := t.height; level > 0; level-- {
		nd := innerAt(ref)
		i := nd.child(level, &k)
		rank += nd.countBefore(i)
		ref = nd.kids[i]
	}
	i, found := leafAt(ref).search(&k)
	return rank + i, found
}

func (nd *inner) countBefore(i int) int {
	n := int64(0)
	for _, c := range nd.counts[:i] {
		n += c
	}
	return int(n)
}

// CountBelow returns how many elements have a score below the given one, or, with orEqual, not above it.
func (t *Tree) CountBelow(score float64, orEqual bool) int {
	if t.root == 0 {
		return 0
	}
	rank, ref := 0, t.root
	for level := t.height; level > 0; level-- {
		nd := innerAt(ref)
		i := max(scoresBelow(nd.scores[:nd.n], score, orEqual)-1, 0)
		rank += nd.countBefore(i)
		ref = nd.kids[i]
	}
	l := leafAt(ref)
	return rank + scoresBelow(l.scores[:l.n], score, orEqual)
}

func scoresBelow(s []float64, score float64, orEqual bool) int {
	lo, hi := 0, len(s)
	for lo < hi {
		mid := (lo + hi) / 2
		if s[mid] < score || orEqual && s[mid] == score {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// CountWhile returns how many elements at the beginning are such that before is true of their members. It must not be true again
// of any element behind the first of which it is false.
func (t *Tree) CountWhile(before func(member []byte) bool) int {
	if t.root == 0 {
		return 0
	}
	rank, ref := 0, t.root
	for level := t.height; level > 0; level-- {
		nd := innerAt(ref)
		lo, hi := 0, int(nd.n)-1
		for lo < hi {
			mid := (lo + hi + 1) / 2
			if before(lowest(nd.kids[mid], level-1).member(0)) {
				lo = mid
			} else {
				hi = mid - 1
			}
		}
		rank += nd.countBefore(lo)
		ref = nd.kids[lo]
	}
	l := leafAt(ref)
	lo, hi := 0, int(l.n)
	for lo < hi {
		mid := (lo + hi) / 2
		if before(l.member(mid)) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return rank + lo
}

// --- Blocks ---

func (t *Tree) newLeaf(records int) *leaf {
	p, size := t.clk.Allocator().AllocAtLeast(leafHeader + records)
	t.bytes += int64(zmalloc.UsableSize(size))
	l := (*leaf)(p)
	l.owner, l.size, l.used, l.live, l.n = t.clk.Now(), uint32(size), uint32(leafHeader), 0, 0
	return l
}

func (t *Tree) freeLeaf(l *leaf) {
	t.bytes -= int64(zmalloc.UsableSize(int(l.size)))
	t.clk.Retire(unsafe.Pointer(l), int(l.size), l.owner)
}

func (t *Tree) newInner() *inner {
	nd := (*inner)(t.clk.Allocator().Alloc(innerSize))
	t.bytes += int64(zmalloc.UsableSize(innerSize))
	nd.owner, nd.n = t.clk.Now(), 0
	return nd
}

func (t *Tree) freeInner(nd *inner) {
	t.bytes -= int64(zmalloc.UsableSize(innerSize))
	t.clk.Retire(unsafe.Pointer(nd), innerSize, nd.owner)
}

// ownInner is the node, or its clone where a snapshot sees it.
func (t *Tree) ownInner(nd *inner) *inner {
	if !t.clk.Frozen(nd.owner) {
		return nd
	}
	c := t.newInner()
	owner := c.owner
	*c = *nd
	c.owner = owner
	t.clk.AddCloned(innerSize)
	t.freeInner(nd)
	return c
}

// ownLeaf is the leaf, or its clone where a snapshot sees it, with room for extra more bytes of records.
func (t *Tree) ownLeaf(l *leaf, extra int) *leaf {
	frozen := t.clk.Frozen(l.owner)
	if !frozen && int(l.used)+extra <= int(l.size) {
		return l
	}
	room := int(l.live) + extra
	if extra > 0 {
		room += int(l.live) / 8
	}
	c := t.newLeaf(room)
	for i := range int(l.n) {
		c.push(l.scores[i], l.record(i))
	}
	if frozen {
		t.clk.AddCloned(int(c.size))
	}
	t.freeLeaf(l)
	return c
}

// push adds an element at the end; there is room.
func (l *leaf) push(score float64, record []byte) {
	l.scores[l.n] = score
	l.offs[l.n] = l.put(record)
	l.n++
}

func (l *leaf) put(record []byte) uint16 {
	off := l.used
	copy(l.block()[off:], record)
	l.used += uint32(len(record))
	l.live += uint32(len(record))
	return uint16(off)
}

// insert adds an element at place i; there is room.
func (l *leaf) insert(i int, score float64, record []byte) {
	n := int(l.n)
	copy(l.scores[i+1:n+1], l.scores[i:n])
	copy(l.offs[i+1:n+1], l.offs[i:n])
	l.scores[i] = score
	l.offs[i] = l.put(record)
	l.n++
}

// remove takes element i out; a blob stays.
func (l *leaf) remove(i int) {
	size := uint32(len(l.record(i)))
	l.live -= size
	if uint32(l.offs[i])+size == l.used {
		l.used -= size
	}
	n := int(l.n)
	copy(l.scores[i:], l.scores[i+1:n])
	copy(l.offs[i:], l.offs[i+1:n])
	l.n--
	if l.n == 0 {
		l.used = uint32(leafHeader)
	}
}

// newRecord is the record of a member, in buf; a long member is copied to a blob.
func (t *Tree) newRecord(buf []byte, member []byte) []byte {
	if len(member) <= maxInline {
		buf = append(buf, byte(len(member)))
		return append(buf, member...)
	}
	size := blobHeader + len(member)
	p := t.clk.Allocator().Alloc(size)
	t.bytes += int64(zmalloc.UsableSize(size))
	b := (*blob)(p)
	b.owner, b.n = t.clk.Now(), len(member)
	copy(unsafe.Slice((*byte)(unsafe.Add(p, blobHeader)), len(member)), member)
	return binary.NativeEndian.AppendUint64(append(buf, recordBlob), uint64(uintptr(p)))
}

func (t *Tree) freeBlob(b *blob) {
	size := blobHeader + b.n
	t.bytes -= int64(zmalloc.UsableSize(size))
	t.clk.Retire(unsafe.Pointer(b), size, b.owner)
}

// --- Adding ---

// Insert adds an element that is not in the tree yet. The score must be a number.
func (t *Tree) Insert(score float64, member []byte) {
	var buf [maxInline + 1]byte
	record := t.newRecord(buf[:0], member)
	t.n++
	if t.root == 0 {
		l := t.newLeaf(4 * len(record))
		l.push(score, record)
		t.root = l.ref()
		return
	}
	k := key{score, prefixOf(member), member}
	left, right := t.insert(t.root, t.height, &k, record)
	t.root = left
	if right != 0 {
		nd := t.newInner()
		nd.n = 2
		nd.set(0, left, t.height)
		nd.set(1, right, t.height)
		t.root = nd.ref()
		t.height++
	}
}

// set fills in what the node knows about child i, a node of the given level.
func (nd *inner) set(i int, ref uintptr, level int) {
	nd.kids[i] = ref
	if level == 0 {
		l := leafAt(ref)
		nd.counts[i], nd.scores[i], nd.prefix[i] = int64(l.n), l.scores[0], prefixOf(l.member(0))
		return
	}
	c := innerAt(ref)
	nd.counts[i], nd.scores[i], nd.prefix[i] = int64(c.countBefore(int(c.n))), c.scores[0], c.prefix[0]
}

// insert adds k below ref, and returns what is there instead, and a second node right of it if it had to be split.
func (t *Tree) insert(ref uintptr, level int, k *key, record []byte) (left, right uintptr) {
	if level == 0 {
		return t.insertLeaf(leafAt(ref), k, record)
	}
	nd := innerAt(ref)
	i := nd.child(level, k)
	kid, split := t.insert(nd.kids[i], level-1, k, record)
	nd = t.ownInner(nd)
	if split == 0 {
		// The common case: the smallest element can have changed on the far left only.
		nd.kids[i] = kid
		nd.counts[i]++
		if i == 0 {
			nd.setMin(0, kid, level-1)
		}
		return nd.ref(), 0
	}
	nd.set(i, kid, level-1)
	i++
	if nd.n < maxKids {
		nd.insert(i, split, level-1)
		return nd.ref(), 0
	}
	r := t.newInner()
	nd.moveTail(r, maxKids/2)
	if i <= int(nd.n) {
		nd.insert(i, split, level-1)
	} else {
		r.insert(i-int(nd.n), split, level-1)
	}
	return nd.ref(), r.ref()
}

// insert adds a child at place i; there is room.
func (nd *inner) insert(i int, ref uintptr, level int) {
	n := int(nd.n)
	copy(nd.counts[i+1:n+1], nd.counts[i:n])
	copy(nd.kids[i+1:n+1], nd.kids[i:n])
	copy(nd.scores[i+1:n+1], nd.scores[i:n])
	copy(nd.prefix[i+1:n+1], nd.prefix[i:n])
	nd.n++
	nd.set(i, ref, level)
}

func (nd *inner) remove(i int) {
	n := int(nd.n)
	copy(nd.counts[i:], nd.counts[i+1:n])
	copy(nd.kids[i:], nd.kids[i+1:n])
	copy(nd.scores[i:], nd.scores[i+1:n])
	copy(nd.prefix[i:], nd.prefix[i+1:n])
	nd.n--
}

// moveTail moves the children from place i on to the beginning of r, right of nd.
func (nd *inner) moveTail(r *inner, i int) {
	k, n := int(nd.n)-i, int(r.n)
	copy(r.counts[k:k+n], r.counts[:n])
	copy(r.kids[k:k+n], r.kids[:n])
	copy(r.scores[k:k+n], r.scores[:n])
	copy(r.prefix[k:k+n], r.prefix[:n])
	copy(r.counts[:k], nd.counts[i:])
	copy(r.kids[:k], nd.kids[i:])
	copy(r.scores[:k], nd.scores[i:])
	copy(r.prefix[:k], nd.prefix[i:])
	r.n += int64(k)
	nd.n = int64(i)
}

// moveHead moves the first k children of r to the end of nd, left of it.
func (nd *inner) moveHead(r *inner, k int) {
	n := int(nd.n)
	copy(nd.counts[n:], r.counts[:k])
	copy(nd.kids[n:], r.kids[:k])
	copy(nd.scores[n:], r.scores[:k])
	copy(nd.prefix[n:], r.prefix[:k])
	m := int(r.n)
	copy(r.counts[:], r.counts[k:m])
	copy(r.kids[:], r.kids[k:m])
	copy(r.scores[:], r.scores[k:m])
	copy(r.prefix[:], r.prefix[k:m])
	nd.n += int64(k)
	r.n -= int64(k)
}

func (t *Tree) insertLeaf(l *leaf, k *key, record []byte) (left, right uintptr) {
	i, _ := l.search(k)
	if l.n < maxEntries {
		l = t.ownLeaf(l, len(record))
		l.insert(i, k.score, record)
		return l.ref(), 0
	}
	if i == maxEntries {
		r := t.newLeaf(4 * len(record))
		r.push(k.score, record)
		return l.ref(), r.ref()
	}
	// Both halves are made anew, so that each has a block of its size.
	const half = maxEntries / 2
	a, b := t.copyRange(l, 0, half, len(record)), t.copyRange(l, half, maxEntries, len(record))
	if t.clk.Frozen(l.owner) {
		t.clk.AddCloned(int(l.size))
	}
	t.freeLeaf(l)
	if i <= half {
		a.insert(i, k.score, record)
	} else {
		b.insert(i-half, k.score, record)
	}
	return a.ref(), b.ref()
}

// copyRange is a new leaf with some elements of l and room for extra bytes.
func (t *Tree) copyRange(l *leaf, from, to, extra int) *leaf {
	size := extra
	for i := from; i < to; i++ {
		size += len(l.record(i))
	}
	c := t.newLeaf(size + size/8)
	for i := from; i < to; i++ {
		c.push(l.scores[i], l.record(i))
	}
	return c
}

// Update moves an element to another score, and reports whether it was there. member must not lie in the tree.
func (t *Tree) Update(old float64, member []byte, score float64) bool {
	if t.root == 0 {
		return false
	}
	k := key{old, prefixOf(member), member}
	switch t.rescore(&k, score) {
	case 0:
		return false
	case 1:
		return true
	}
	t.Delete(old, member)
	t.Insert(score, member)
	return true
}

// rescore changes the score where it is if the element keeps its place between two others of its leaf: 1 if it did so, 0 if
// there is no such element, -1 if it has to move.
func (t *Tree) rescore(k *key, score float64) int {
	var path [maxHeight]int
	ref := t.root
	for level := t.height; level > 0; level-- {
		nd := innerAt(ref)
		path[level] = nd.child(level, k)
		ref = nd.kids[path[level]]
	}
	l := leafAt(ref)
	i, found := l.search(k)
	if !found {
		return 0
	}
	if i == 0 || i == int(l.n)-1 {
		return -1
	}
	if s := l.scores[i-1]; s > score || s == score && bytes.Compare(l.member(i-1), k.member) > 0 {
		return -1
	}
	if s := l.scores[i+1]; s < score || s == score && bytes.Compare(l.member(i+1), k.member) < 0 {
		return -1
	}
	if !t.clk.Frozen(l.owner) {
		l.scores[i] = score
		return 1
	}
	t.root = t.rescorePath(t.root, t.height, &path, i, score)
	return 1
}

// rescorePath is the rest of rescore where nodes on the way have to be cloned.
func (t *Tree) rescorePath(ref uintptr, level int, path *[maxHeight]int, i int, score float64) uintptr {
	if level == 0 {
		l := t.ownLeaf(leafAt(ref), 0)
		l.scores[i] = score
		return l.ref()
	}
	nd := innerAt(ref)
	kid := t.rescorePath(nd.kids[path[level]], level-1, path, i, score)
	nd = t.ownInner(nd)
	nd.kids[path[level]] = kid
	return nd.ref()
}

// --- Deleting ---

// Delete removes an element, and reports whether it was there. member may lie in the tree.
func (t *Tree) Delete(score float64, member []byte) bool {
	if t.root == 0 {
		return false
	}
	k := key{score, prefixOf(member), member}
	root, ok := t.delete(t.root, t.height, &k)
	if ok {
		t.deleted(root)
	}
	return ok
}

// DeleteAt removes the element of the given rank, which there must be.
func (t *Tree) DeleteAt(rank int) { t.deleted(t.deleteAt(t.root, t.height, int64(rank))) }

// deleted follows the deletion of an element, which has left root.
func (t *Tree) deleted(root uintptr) {
	t.n--
	t.root = root
	if t.n == 0 {
		t.freeLeaf(leafAt(t.root))
		t.root, t.birth = 0, t.clk.Now()
		return
	}
	for t.height > 0 && innerAt(t.root).n == 1 {
		nd := innerAt(t.root)
		t.root = nd.kids[0]
		t.height--
		t.freeInner(nd)
	}
}

func (t *Tree) delete(ref uintptr, level int, k *key) (uintptr, bool) {
	if level == 0 {
		l := leafAt(ref)
		i, found := l.search(k)
		if !found {
			return ref, false
		}
		return t.deleteFrom(l, i), true
	}
	nd := innerAt(ref)
	i := nd.child(level, k)
	kid, ok := t.delete(nd.kids[i], level-1, k)
	if !ok {
		return ref, false
	}
	return t.deletedBelow(nd, i, kid, level-1), true
}

func (t *Tree) deleteAt(ref uintptr, level int, rank int64) uintptr {
	if level == 0 {
		return t.deleteFrom(leafAt(ref), int(rank))
	}
	nd := innerAt(ref)
	i := 0
	for rank >= nd.counts[i] {
		rank -= nd.counts[i]
		i++
	}
	return t.deletedBelow(nd, i, t.deleteAt(nd.kids[i], level-1, rank), level-1)
}

// deleteFrom removes element i of a leaf, and returns what the leaf has become.
func (t *Tree) deleteFrom(l *leaf, i int) uintptr {
	if b := l.blob(i); b != nil {
		t.freeBlob(b)
	}
	l = t.ownLeaf(l, 0)
	l.remove(i)
	return l.ref()
}

// deletedBelow makes kid, which has lost an element, child i of nd again, and returns what nd has become.
func (t *Tree) deletedBelow(nd *inner, i int, kid uintptr, level int) uintptr {
	nd = t.ownInner(nd)
	nd.kids[i] = kid
	if nodeLen(kid, level) >= minFill {
		nd.counts[i]--
		nd.setMin(i, kid, level)
	} else {
		t.fill(nd, i, level)
	}
	return nd.ref()
}

// setMin is set without the count.
func (nd *inner) setMin(i int, ref uintptr, level int) {
	if level == 0 {
		l := leafAt(ref)
		nd.scores[i], nd.prefix[i] = l.scores[0], prefixOf(l.member(0))
		return
	}
	c := innerAt(ref)
	nd.scores[i], nd.prefix[i] = c.scores[0], c.prefix[0]
}

func nodeLen(ref uintptr, level int) int {
	if level == 0 {
		return int(leafAt(ref).n)
	}
	return int(innerAt(ref).n)
}

// fill gives child i, which has little or nothing left, more: its neighbour's, all or some of them.
func (t *Tree) fill(nd *inner, i, level int) {
	if i == int(nd.n)-1 {
		i-- // there are two children at least, or this would not be an inner node
	}
	var left, right uintptr
	if level == 0 {
		left, right = t.balanceLeaves(leafAt(nd.kids[i]), leafAt(nd.kids[i+1]))
	} else {
		left, right = t.balanceInner(innerAt(nd.kids[i]), innerAt(nd.kids[i+1]))
	}
	nd.set(i, left, level)
	if right == 0 {
		nd.remove(i + 1)
	} else {
		nd.set(i+1, right, level)
	}
}

// balanceLeaves makes one leaf of two neighbours, or two that are equally full.
func (t *Tree) balanceLeaves(a, b *leaf) (left, right uintptr) {
	sum := int(a.n + b.n)
	if sum <= mergeFill {
		a = t.ownLeaf(a, int(b.live))
		for i := range int(b.n) {
			a.push(b.scores[i], b.record(i))
		}
		t.freeLeaf(b)
		return a.ref(), 0
	}
	half := sum / 2
	if k := half - int(a.n); k > 0 {
		size := 0
		for i := range k {
			size += len(b.record(i))
		}
		a = t.ownLeaf(a, size)
		for i := range k {
			a.push(b.scores[i], b.record(i))
		}
		c := t.copyRange(b, k, int(b.n), 0)
		t.freeLeaf(b)
		return a.ref(), c.ref()
	}
	// a has more: both are made anew.
	n := int(a.n)
	size := int(b.live)
	for i := half; i < n; i++ {
		size += len(a.record(i))
	}
	c := t.newLeaf(size)
	for i := half; i < n; i++ {
		c.push(a.scores[i], a.record(i))
	}
	for i := range int(b.n) {
		c.push(b.scores[i], b.record(i))
	}
	d := t.copyRange(a, 0, half, 0)
	t.freeLeaf(a)
	t.freeLeaf(b)
	return d.ref(), c.ref()
}

// balanceInner is balanceLeaves for inner nodes.
func (t *Tree) balanceInner(a, b *inner) (left, right uintptr) {
	sum := int(a.n + b.n)
	a = t.ownInner(a)
	if sum <= mergeFill {
		copy(a.counts[a.n:], b.counts[:b.n])
		copy(a.kids[a.n:], b.kids[:b.n])
		copy(a.scores[a.n:], b.scores[:b.n])
		copy(a.prefix[a.n:], b.prefix[:b.n])
		a.n += b.n
		t.freeInner(b)
		return a.ref(), 0
	}
	b = t.ownInner(b)
	half := sum / 2
	if k := half - int(a.n); k > 0 {
		a.moveHead(b, k)
	} else if k < 0 {
		a.moveTail(b, half)
	}
	return a.ref(), b.ref()
}
