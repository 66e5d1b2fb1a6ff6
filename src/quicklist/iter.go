// SPDX-License-Identifier: BSD-3-Clause

package quicklist

import (
	"fmt"
	"strings"

	"redport/src/listpack"
)

// iter.go - reading: elements by index, iterators, and what other goroutines read of a snapshot.

// buffer is where a reader decompresses nodes. The owner's readers share one as far as they can.
type buffer struct {
	env *Env // nil: of another goroutine
	b   []byte
}

// contents returns the listpack or the element of n, valid until the next call.
func (b *buffer) contents(env *Env, n *node) []byte {
	if n.csz == 0 {
		return n.raw()
	}
	if cap(b.b) < n.sz && env != nil {
		b.env = env
		b.b = env.Cold.TakeSpare()
	}
	if cap(b.b) < n.sz {
		b.b = make([]byte, n.sz)
	}
	b.b = b.b[:n.sz]
	n.decompressTo(b.b)
	return b.b
}

// close gives the buffer back.
func (b *buffer) close() {
	if b.env != nil {
		b.env.Cold.PutSpare(b.b)
	}
	b.env, b.b = nil, nil
}

// Iter walks over the elements of a list, which must not be written to meanwhile. Owner only.
type Iter struct {
	l       *List
	i       int // node
	lp      []byte
	p       int // the element to come, in lp; End: none in this node
	plain   bool
	reverse bool
	leaf    *vertex // of node i if it is in the tree
	at      int     // index of node i in leaf
	left    int     // elements to come in node i
	skip    int     // elements behind p that Run has returned
	buf     buffer
}

// Iter returns an iterator that begins with element index, or ends at once if there is none. Negative indexes count from the end.
// Close ends it.
func (l *List) Iter(index int, reverse bool) Iter {
	it := Iter{l: l, reverse: reverse, i: -1, p: listpack.End}
	i, off, ok := l.locate(index)
	if !ok {
		return it
	}
	it.i = i
	it.open()
	if reverse {
		it.left = off + 1
	} else {
		it.left -= off
	}
	if !it.plain && (off != 0 || reverse) {
		it.p = listpack.Seek(it.lp, off)
	}
	return it
}

// open reads node i, and stands at the element of it that comes first.
func (it *Iter) open() {
	l := it.l
	var n *node
	switch {
	case it.i < 0 || it.i >= l.nodes:
		it.i, it.p = -1, listpack.End
		return
	case it.i == 0:
		n = &l.head
	case it.i == l.nodes-1:
		n = &l.tail
	default:
		if it.leaf == nil || it.at < 0 || it.at >= len(it.leaf.items) {
			it.leaf, it.at = l.mid.leafAt(it.i - 1)
		}
		n = &it.leaf.items[it.at]
		l.noteRead(it.leaf, n)
	}
	it.plain, it.left = n.plain, int(n.count)
	it.lp = it.buf.contents(l.env, n)
	switch {
	case n.plain:
		it.p = 0
	case it.reverse:
		it.p = listpack.Last(it.lp)
	default:
		it.p = listpack.HeaderSize
	}
}

// step goes on to the next node.
func (it *Iter) step() {
	if it.reverse {
		it.i--
		it.at--
	} else {
		it.i++
		it.at++
	}
	it.open()
}

// more goes on to the next node if this one is done, and tells whether there is an element.
func (it *Iter) more() bool {
	for ; it.skip > 0; it.skip-- {
		if it.reverse {
			it.p = listpack.Prev(it.lp, it.p)
		} else {
			it.p = listpack.Next(it.lp, it.p)
		}
	}
	if it.p == listpack.End && it.i >= 0 {
		it.step()
	}
	return it.i >= 0
}

// Next returns the next element, valid until the call after it; ok is false at the end.
func (it *Iter) Next() (v listpack.Value, ok bool) {
	if !it.more() {
		return v, false
	}
	it.left--
	switch {
	case it.plain:
		v.Str = it.lp
		it.p = listpack.End
	case it.reverse:
		v = listpack.Get(it.lp, it.p)
		it.p = listpack.Prev(it.lp, it.p)
	default:
		v = listpack.Get(it.lp, it.p)
		it.p = listpack.Next(it.lp, it.p)
	}
	return v, true
}

// Run is a number of elements that are next to each other in memory.
type Run struct {
	Plain bool   // there is one, and it is Bytes
	Bytes []byte // a listpack
	P     int    // position of the first of them
	Count int    // 0: there are no more
}

// Run returns up to limit of the next elements, all in one node. It is valid until the call after it.
func (it *Iter) Run(limit int) (r Run) {
	if !it.more() {
		return r
	}
	r = Run{it.plain, it.lp, it.p, min(limit, it.left)}
	it.skip = r.Count
	if it.left -= r.Count; it.left == 0 {
		it.skip, it.p = 0, listpack.End
	}
	return r
}

// Close lets go of what the iterator holds.
func (it *Iter) Close() {
	it.buf.close()
	it.i, it.p, it.lp = -1, listpack.End, nil
}

// Index returns element index; ok is false if there is no such element. The value is valid until the next call of anything.
func (l *List) Index(index int) (v listpack.Value, ok bool) {
	it := l.Iter(index, false)
	v, ok = it.Next()
	it.Close()
	return v, ok
}

// Node is a node as it is saved: a listpack, or one element if Plain.
type Node struct {
	Plain      bool
	Compressed bool // in memory, as list-compress-depth wants it; Bytes are not
	Count      int
	Bytes      []byte
}

// Walk calls fn for every node, in order, until it returns false. Bytes are valid during the call. For a list that only snapshots
// read it may be called from any goroutine.
func (l *List) Walk(fn func(Node) bool) {
	var buf buffer
	for i := range l.nodes {
		n := l.at(i)
		if !fn(Node{n.plain, n.csz != 0 && l.depth != 0, int(n.count), buf.contents(nil, n)}) {
			return
		}
	}
}

// DebugObject is what DEBUG OBJECT adds about a list.
func (l *List) DebugObject() string {
	total := 0
	for i := range l.nodes {
		total += l.at(i).sz
	}
	avg := 0.0
	if l.nodes > 0 {
		avg = float64(l.count) / float64(l.nodes)
	}
	compressed := 0
	if l.depth != 0 {
		compressed = 1
	}
	return fmt.Sprintf(" ql_nodes:%d ql_avg_node:%.2f ql_listpack_max:%d ql_compressed:%d ql_uncompressed_size:%d",
		l.nodes, avg, l.fill, compressed, total)
}

// Repr describes a list node by node, with full also what is in each, as DEBUG QUICKLIST does.
func (l *List) Repr(full bool) string {
	var w strings.Builder
	fmt.Fprintf(&w, "{count : %d}\n{len : %d}\n{fill : %d}\n{compress : %d}\n{bookmark_count : 0}\n", l.count, l.nodes, l.fill, l.depth)
	i := 0
	l.Walk(func(n Node) bool {
		container, encoding := "PACKED", "RAW"
		if n.Plain {
			container = "PLAIN"
		}
		if n.Compressed {
			encoding = "LZF"
		}
		fmt.Fprintf(&w, "{quicklist node(%d)\n{container : %s, encoding: %s, size: %d, count: %d, recompress: 0, attempted_compress: 0}\n",
			i, container, encoding, len(n.Bytes), n.Count)
		i++
		if full {
			if n.Plain {
				fmt.Fprintf(&w, "{ entry : %s }\n", n.Bytes)
			} else {
				fmt.Fprintf(&w, "{ listpack:\n%s}\n", listpack.Repr(n.Bytes))
			}
			w.WriteString("}\n")
		}
		return true
	})
	return w.String()
}
