// SPDX-License-Identifier: BSD-3-Clause

package btree

// cursor.go - going through the elements in order, from any rank, in both directions.

// Cursor is a position in a Tree, which must not be written to meanwhile. There are no sibling links, so it remembers the way.
type Cursor struct {
	leaf   *leaf
	i      int
	height int
	path   [maxHeight]step // path[level], levels from 1 on
}

type step struct {
	nd *inner
	i  int
}

// At returns a cursor at the element of the given rank; not Ok if there is none.
func (t *Tree) At(rank int) (c Cursor) {
	t.Seek(&c, rank)
	return c
}

// Seek is At for a cursor that is there already: they are large.
func (t *Tree) Seek(c *Cursor, rank int) {
	if rank < 0 || rank >= t.n {
		c.leaf = nil
		return
	}
	c.height = t.height
	ref := t.root
	left := int64(rank)
	for level := t.height; level > 0; level-- {
		nd := innerAt(ref)
		i := 0
		for left >= nd.counts[i] {
			left -= nd.counts[i]
			i++
		}
		c.path[level] = step{nd, i}
		ref = nd.kids[i]
	}
	c.leaf, c.i = leafAt(ref), int(left)
}

// SeekScore moves c to the first element whose score is not below the given one; it is not Ok if there is none.
func (t *Tree) SeekScore(c *Cursor, score float64) {
	if t.root == 0 {
		c.leaf = nil
		return
	}
	c.height = t.height
	ref := t.root
	for level := t.height; level > 0; level-- {
		nd := innerAt(ref)
		i := max(scoresBelow(nd.scores[:nd.n], score, false)-1, 0)
		c.path[level] = step{nd, i}
		ref = nd.kids[i]
	}
	c.leaf = leafAt(ref)
	c.i = scoresBelow(c.leaf.scores[:c.leaf.n], score, false)
	if c.i == int(c.leaf.n) {
		c.i--
		c.Next()
	}
}

// Ok tells whether there is an element.
func (c *Cursor) Ok() bool { return c.leaf != nil }

// Score returns the element's score.
func (c *Cursor) Score() float64 { return c.leaf.scores[c.i] }

// Member returns the element's member, which must not be written to.
func (c *Cursor) Member() []byte { return c.leaf.member(c.i) }

// Run returns the scores of some elements from the cursor on, in order: at least its own, and no more than its leaf has.
func (c *Cursor) Run() []float64 { return c.leaf.scores[c.i:c.leaf.n] }

// Skip moves the cursor by n elements, from 0 to as many as Run returns.
func (c *Cursor) Skip(n int) {
	if n > 0 {
		c.i += n - 1
		c.Next()
	}
}

// Next moves to the next greater element; behind the last the cursor is not Ok.
func (c *Cursor) Next() {
	if c.i++; c.i < int(c.leaf.n) {
		return
	}
	for level := 1; level <= c.height; level++ {
		s := &c.path[level]
		if s.i+1 == int(s.nd.n) {
			continue
		}
		s.i++
		ref := s.nd.kids[s.i]
		for level--; level > 0; level-- {
			nd := innerAt(ref)
			c.path[level] = step{nd, 0}
			ref = nd.kids[0]
		}
		c.leaf, c.i = leafAt(ref), 0
		return
	}
	c.leaf = nil
}

// Prev moves to the next smaller element; before the first the cursor is not Ok.
func (c *Cursor) Prev() {
	if c.i--; c.i >= 0 {
		return
	}
	for level := 1; level <= c.height; level++ {
		s := &c.path[level]
		if s.i == 0 {
			continue
		}
		s.i--
		ref := s.nd.kids[s.i]
		for level--; level > 0; level-- {
			nd := innerAt(ref)
			c.path[level] = step{nd, int(nd.n) - 1}
			ref = nd.kids[nd.n-1]
		}
		c.leaf = leafAt(ref)
		c.i = int(c.leaf.n) - 1
		return
	}
	c.leaf = nil
}
