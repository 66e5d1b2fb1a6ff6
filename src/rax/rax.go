// SPDX-License-Identifier: BSD-3-Clause

// Package rax holds the ordered maps that Redis keeps in radix trees: the blocks of a stream, its groups, their consumers and
// pending entries.
package rax

import (
	"unsafe"

	"redport/src/epoch"
)

// rax.go - the map.
//
// DESIGN
//
// A B+tree, copied on write: entries lie side by side in leaves, so that an entry costs little more than its key and its value,
// a leaf whose keys and values have no pointers costs the collector one object, and cloning what a snapshot sees means cloning one
// path. Keys that come in ascending order leave full leaves behind, which is how streams grow.
//
//	inner   keys: low bounds of the children (the first counts as minus infinity)
//	leaf    keys, vals
//
// EPOCHS
//
// Every node carries the epoch that owns it. A write clones the frozen nodes on its path, from the root down, and changes
// the clones. The header, a Map, is a small value: copying it is how a snapshot keeps the old root, and how copy and original part.
// Values are opaque: what they point at follows the epoch rule on its own.
//
// Counterpart: rax.c. Difference: Nodes says how many nodes C's tree would have; here they are others.

const (
	fanout  = 64         // most entries of a leaf, or children of an inner node
	sparse  = fanout / 4 // a node with fewer looks for a neighbour to merge with
	joined  = fanout * 3 / 4
	maxDeep = 16
)

// Key is what maps are ordered by.
type Key[K any] interface {
	// Compare is negative, zero or positive as the key is before, equal to or behind other.
	Compare(other K) int
}

type node[K Key[K], V any] struct {
	epoch uint64
	keys  []K
	vals  []V           // leaf
	kids  []*node[K, V] // inner
}

func (n *node[K, V]) leaf() bool { return n.kids == nil }

// Map is an ordered map. Owner goroutine only; a copy of one that a snapshot has frozen may be read by any goroutine.
type Map[K Key[K], V any] struct {
	clk   *epoch.Clock
	root  *node[K, V]
	count int
	bytes int64
	sum   *int64 // of the bytes of several maps, or nil
}

// New returns an empty map.
func New[K Key[K], V any](clk *epoch.Clock) Map[K, V] { return Map[K, V]{clk: clk} }

// NewSummed returns an empty map whose bytes are part of *sum too, so that nobody needs to ask many maps what they hold together.
func NewSummed[K Key[K], V any](clk *epoch.Clock, sum *int64) Map[K, V] {
	return Map[K, V]{clk: clk, sum: sum}
}

// Len returns the number of entries.
func (m *Map[K, V]) Len() int { return m.count }

// Bytes returns what the nodes hold, which the allocator has been told of.
func (m *Map[K, V]) Bytes() int64 { return m.bytes }

// Clear drops all entries. O(1): nodes are the collector's.
func (m *Map[K, V]) Clear() {
	m.account(-m.bytes)
	m.root, m.count = nil, 0
}

// --- Nodes ---

func (m *Map[K, V]) nodeBytes(n *node[K, V]) int64 {
	var k K
	var v V
	return int64(unsafe.Sizeof(*n)) + int64(cap(n.keys))*int64(unsafe.Sizeof(k)) + int64(cap(n.vals))*int64(unsafe.Sizeof(v)) +
		int64(cap(n.kids))*int64(unsafe.Sizeof(n))
}

func (m *Map[K, V]) account(d int64) {
	m.bytes += d
	if m.sum != nil {
		*m.sum += d
	}
	m.clk.Allocator().Account(d)
}

// added counts a node that is new.
func (m *Map[K, V]) added(n *node[K, V]) *node[K, V] {
	m.account(m.nodeBytes(n))
	return n
}

// own returns a node with the contents of n that may be written to.
func (m *Map[K, V]) own(n *node[K, V]) *node[K, V] {
	if !m.clk.Frozen(n.epoch) {
		return n
	}
	c := &node[K, V]{epoch: m.clk.Now(), keys: append(make([]K, 0, cap(n.keys)), n.keys...)}
	if n.leaf() {
		c.vals = append(make([]V, 0, cap(n.vals)), n.vals...)
	} else {
		c.kids = append(make([]*node[K, V], 0, cap(n.kids)), n.kids...)
	}
	m.clk.AddCloned(int(m.nodeBytes(c)))
	return c
}

// grown returns s with room for one more element, doubling up to a whole node.
func grown[T any](s []T) []T {
	if len(s) < cap(s) {
		return s
	}
	c := min(max(2*cap(s), 1), fanout)
	return append(make([]T, 0, c), s...)
}

func insertAt[T any](s []T, i int, v T) []T {
	s = grown(s)
	s = s[:len(s)+1]
	copy(s[i+1:], s[i:])
	s[i] = v
	return s
}

func removeAt[T any](s []T, i int) []T {
	var zero T
	copy(s[i:], s[i+1:])
	s[len(s)-1] = zero
	return s[:len(s)-1]
}

// find returns the index of the first key of n that is not before k, and whether it is k.
func find[K Key[K]](keys []K, k K) (int, bool) {
	lo, hi := 0, len(keys)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		c := keys[mid].Compare(k)
		if c == 0 {
			return mid, true
		}
		if c < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, false
}

// child returns the index of the child of n below which k is, or would be.
func child[K Key[K]](keys []K, k K) int {
	i, ok := find(keys, k)
	if !ok && i > 0 {
		i--
	}
	return i
}

// --- Reading ---

// Get returns the value of k.
func (m *Map[K, V]) Get(k K) (v V, ok bool) {
	n := m.root
	if n == nil {
		return v, false
	}
	for !n.leaf() {
		n = n.kids[child(n.keys, k)]
	}
	i, ok := find(n.keys, k)
	if !ok {
		return v, false
	}
	return n.vals[i], true
}

// --- Writing ---

// Ref returns a pointer to the value of k, nil if there is none. It may be written through, and is valid until the next write to the map.
func (m *Map[K, V]) Ref(k K) *V {
	if _, ok := m.Get(k); !ok {
		return nil
	}
	m.root = m.own(m.root)
	n := m.root
	for !n.leaf() {
		n = m.ownChild(n, child(n.keys, k))
	}
	i, _ := find(n.keys, k)
	return &n.vals[i]
}

// LastRef is Ref for the greatest key.
func (m *Map[K, V]) LastRef() (k K, v *V) {
	if m.root == nil {
		return k, nil
	}
	m.root = m.own(m.root)
	n := m.root
	for !n.leaf() {
		n = m.ownChild(n, len(n.kids)-1)
	}
	i := len(n.keys) - 1
	return n.keys[i], &n.vals[i]
}

func (m *Map[K, V]) ownChild(n *node[K, V], i int) *node[K, V] {
	c := m.own(n.kids[i])
	n.kids[i] = c
	return c
}

// Set gives k the value v, and reports whether k is new.
func (m *Map[K, V]) Set(k K, v V) (added bool) {
	if m.root == nil {
		m.root = m.added(&node[K, V]{epoch: m.clk.Now(), keys: []K{k}, vals: []V{v}})
		m.count = 1
		return true
	}
	m.root = m.own(m.root)
	right, added := m.set(m.root, k, v)
	if right != nil {
		old := m.root
		m.root = m.added(&node[K, V]{epoch: m.clk.Now(), keys: []K{old.keys[0], right.keys[0]}, kids: []*node[K, V]{old, right}})
	}
	if added {
		m.count++
	}
	return added
}

// set does it below n, which is writable. right is what had to be split off n.
func (m *Map[K, V]) set(n *node[K, V], k K, v V) (right *node[K, V], added bool) {
	if n.leaf() {
		i, ok := find(n.keys, k)
		if ok {
			n.vals[i] = v
			return nil, false
		}
		if len(n.keys) == fanout {
			right = m.split(n, i)
			if i > len(n.keys) || len(n.keys) == fanout {
				n, i = right, i-len(n.keys)
			}
		}
		before := m.nodeBytes(n)
		n.keys = insertAt(n.keys, i, k)
		n.vals = insertAt(n.vals, i, v)
		m.account(m.nodeBytes(n) - before)
		return right, true
	}
	i := child(n.keys, k)
	c := m.ownChild(n, i)
	more, added := m.set(c, k, v)
	if i == 0 && k.Compare(n.keys[0]) < 0 {
		n.keys[0] = k
	}
	if more == nil {
		return nil, added
	}
	i++
	if len(n.kids) == fanout {
		right = m.split(n, i)
		if i > len(n.kids) || len(n.kids) == fanout {
			n, i = right, i-len(n.kids)
		}
	}
	before := m.nodeBytes(n)
	n.keys = insertAt(n.keys, i, more.keys[0])
	n.kids = insertAt(n.kids, i, more)
	m.account(m.nodeBytes(n) - before)
	return right, added
}

// split moves the upper half of n, which is full, to a new node. Something is going to be inserted at i: if that is the end, n stays full and the
// new node is empty.
func (m *Map[K, V]) split(n *node[K, V], i int) *node[K, V] {
	at := fanout / 2
	if i == fanout {
		at = fanout
	}
	before := m.nodeBytes(n)
	r := &node[K, V]{epoch: m.clk.Now(), keys: append([]K(nil), n.keys[at:]...)}
	n.keys = append(make([]K, 0, at), n.keys[:at]...)
	if n.leaf() {
		r.vals = append([]V(nil), n.vals[at:]...)
		n.vals = append(make([]V, 0, at), n.vals[:at]...)
	} else {
		r.kids = append(make([]*node[K, V], 0, fanout), n.kids[at:]...)
		n.kids = append(make([]*node[K, V], 0, at), n.kids[:at]...)
	}
	m.account(m.nodeBytes(n) - before)
	return m.added(r)
}

// Delete removes k and returns its value.
func (m *Map[K, V]) Delete(k K) (v V, ok bool) {
	v, ok = m.Get(k)
	if !ok {
		return v, false
	}
	m.root = m.own(m.root)
	m.remove(m.root, k)
	m.count--
	for {
		r := m.root
		switch {
		case len(r.keys) == 0:
			m.account(-m.nodeBytes(r))
			m.root = nil
			return v, true
		case !r.leaf() && len(r.kids) == 1:
			m.account(-m.nodeBytes(r))
			m.root = r.kids[0]
		default:
			return v, true
		}
	}
}

// remove removes k below n, which is writable.
func (m *Map[K, V]) remove(n *node[K, V], k K) {
	if n.leaf() {
		i, _ := find(n.keys, k)
		n.keys = removeAt(n.keys, i)
		n.vals = removeAt(n.vals, i)
		return
	}
	i := child(n.keys, k)
	c := m.ownChild(n, i)
	m.remove(c, k)
	switch {
	case len(c.keys) == 0:
		m.account(-m.nodeBytes(c))
		n.keys = removeAt(n.keys, i)
		n.kids = removeAt(n.kids, i)
	case len(c.keys) < sparse:
		if i+1 < len(n.kids) && len(c.keys)+len(n.kids[i+1].keys) <= joined {
			m.join(n, i)
		} else if i > 0 && len(c.keys)+len(n.kids[i-1].keys) <= joined {
			m.join(n, i-1)
		}
	}
}

// join moves all of child i+1 of n to child i.
func (m *Map[K, V]) join(n *node[K, V], i int) {
	a, b := m.ownChild(n, i), n.kids[i+1]
	before := m.nodeBytes(a) + m.nodeBytes(b)
	first := b.keys[0]
	if !b.leaf() {
		// The lowest bound of a node may lag behind its parent's, which is the one that separates it from its neighbour.
		first = n.keys[i+1]
	}
	at := len(a.keys)
	a.keys = append(append(make([]K, 0, fanout), a.keys...), b.keys...)
	a.keys[at] = first
	if a.leaf() {
		a.vals = append(append(make([]V, 0, fanout), a.vals...), b.vals...)
	} else {
		a.kids = append(append(make([]*node[K, V], 0, fanout), a.kids...), b.kids...)
	}
	m.account(m.nodeBytes(a) - before)
	n.keys = removeAt(n.keys, i+1)
	n.kids = removeAt(n.kids, i+1)
}
