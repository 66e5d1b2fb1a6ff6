// SPDX-License-Identifier: BSD-3-Clause

package rax

// iter.go - walking a map in order. An Iter dies with the next write to its map, unless the map is a copy that a snapshot has frozen.

type step[K Key[K], V any] struct {
	n *node[K, V]
	i int
}

// Iter is a position in a map. It starts nowhere: seek first.
type Iter[K Key[K], V any] struct {
	m    *Map[K, V]
	path [maxDeep]step[K, V]
	deep int // 0: at no entry
}

// Iter returns an iterator.
func (m *Map[K, V]) Iter() Iter[K, V] { return Iter[K, V]{m: m} }

// Ok tells whether the iterator is at an entry.
func (it *Iter[K, V]) Ok() bool { return it.deep > 0 }

// Key returns the key of the entry.
func (it *Iter[K, V]) Key() K { s := &it.path[it.deep-1]; return s.n.keys[s.i] }

// Value returns its value.
func (it *Iter[K, V]) Value() V { s := &it.path[it.deep-1]; return s.n.vals[s.i] }

// Ref returns a pointer to the value, which may be written through until the next write to the map; nil if a snapshot sees it. Owner only.
func (it *Iter[K, V]) Ref() *V {
	s := &it.path[it.deep-1]
	if it.m.clk.Frozen(s.n.epoch) {
		return nil
	}
	return &s.n.vals[s.i]
}

// descend goes from n down to the first entry below it, or the last.
func (it *Iter[K, V]) descend(n *node[K, V], last bool) {
	for {
		i := 0
		if last {
			i = len(n.keys) - 1
		}
		it.path[it.deep] = step[K, V]{n, i}
		it.deep++
		if n.leaf() {
			return
		}
		n = n.kids[i]
	}
}

// First goes to the least key, and reports whether there is one.
func (it *Iter[K, V]) First() bool {
	it.deep = 0
	if it.m.root != nil {
		it.descend(it.m.root, false)
	}
	return it.Ok()
}

// Last goes to the greatest key.
func (it *Iter[K, V]) Last() bool {
	it.deep = 0
	if it.m.root != nil {
		it.descend(it.m.root, true)
	}
	return it.Ok()
}

// SeekGE goes to the first key that is not before k.
func (it *Iter[K, V]) SeekGE(k K) bool {
	if !it.seek(k) {
		return false
	}
	s := &it.path[it.deep-1]
	if s.i == len(s.n.keys) {
		s.i--
		return it.Next()
	}
	return true
}

// SeekLE goes to the last key that is not behind k.
func (it *Iter[K, V]) SeekLE(k K) bool {
	if !it.seek(k) {
		return false
	}
	s := &it.path[it.deep-1]
	if s.i < len(s.n.keys) && s.n.keys[s.i].Compare(k) == 0 {
		return true
	}
	return it.Prev()
}

// seek goes to where k is, or would be in its leaf.
func (it *Iter[K, V]) seek(k K) bool {
	it.deep = 0
	n := it.m.root
	if n == nil {
		return false
	}
	for !n.leaf() {
		i := child(n.keys, k)
		it.path[it.deep] = step[K, V]{n, i}
		it.deep++
		n = n.kids[i]
	}
	i, _ := find(n.keys, k)
	it.path[it.deep] = step[K, V]{n, i}
	it.deep++
	return true
}

// Next goes to the next key, and reports whether there is one.
func (it *Iter[K, V]) Next() bool {
	for it.deep > 0 {
		s := &it.path[it.deep-1]
		if s.i+1 < len(s.n.keys) {
			s.i++
			if !s.n.leaf() {
				it.descend(s.n.kids[s.i], false)
			}
			return true
		}
		it.deep--
	}
	return false
}

// Prev goes to the previous key.
func (it *Iter[K, V]) Prev() bool {
	for it.deep > 0 {
		s := &it.path[it.deep-1]
		if s.i > 0 {
			s.i--
			if !s.n.leaf() {
				it.descend(s.n.kids[s.i], true)
			}
			return true
		}
		it.deep--
	}
	return false
}
