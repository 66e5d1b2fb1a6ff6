// SPDX-License-Identifier: BSD-3-Clause

package rax

// nodes.go - how large C's radix tree would be.

// NodeCounter counts the nodes of a radix tree, keys being added in ascending order, none of them the beginning of another.
//
// Such a tree has one leaf a key, one node wherever keys part, and one compressed node for each run of bytes between those; the byte
// that follows a parting lies in the node where the keys part.
type NodeCounter struct {
	keys   int
	nodes  int
	last   []byte
	splits []int // depths at which the path to last parts from earlier keys, ascending
}

// Add adds the next key.
func (c *NodeCounter) Add(key []byte) {
	c.keys++
	if c.keys == 1 {
		c.nodes = 1
		if len(key) > 0 {
			c.nodes = 2 // a run, and the leaf
		}
		c.last = append(c.last, key...)
		return
	}
	d := 0
	for d < len(key) && d < len(c.last) && key[d] == c.last[d] {
		d++
	}
	// What parts below d lies on the old path only.
	end := len(c.last)
	for n := len(c.splits); n > 0 && c.splits[n-1] > d; n = len(c.splits) {
		end = c.splits[n-1]
		c.splits = c.splits[:n-1]
	}
	if n := len(c.splits); n == 0 || c.splits[n-1] != d {
		// A new parting, inside a run.
		start := 0
		if n > 0 {
			start = c.splits[n-1] + 1
		}
		if d == start {
			c.nodes-- // nothing of the run is left in front of it
		}
		c.nodes++
		if end > d+1 {
			c.nodes++
		}
		c.splits = append(c.splits, d)
	}
	c.nodes++
	if len(key) > d+1 {
		c.nodes++
	}
	c.last = append(c.last[:0], key...)
}

// Nodes returns the number of nodes; a tree without keys has its root.
func (c *NodeCounter) Nodes() int { return max(c.nodes, 1) }
