// SPDX-License-Identifier: BSD-3-Clause

package quicklist

import (
	"unsafe"

	"redport/src/cold"
)

// cold.go - nodes that nobody has touched for a while.
//
// Only lists without a depth take part: one with a depth is compressed already, and what it wants uncompressed stays so. The nodes next to the
// first and the last one are left alone, too: they are about to become that themselves, or have just been.

// coldNodes is what a list keeps to have its nodes packed. It exists once there are nodes for that.
type coldNodes struct {
	cold.Entry
	at    int // in the tree: where the packer goes on
	later bool
}

const coldNodesSize = int(unsafe.Sizeof(coldNodes{}))

// coldFrom is how many nodes a list has that takes part.
const coldFrom = 5

// noteWritten notes that n, which lies in the tree or is on its way there, has changed.
func (l *List) noteWritten(n *node) {
	if l.depth != 0 {
		return
	}
	l.env.Cold.Written(&n.mark)
	l.queue()
}

// queue has the packer look at the list.
func (l *List) queue() {
	if l.nodes < coldFrom {
		return
	}
	if l.cold == nil {
		l.cold = &coldNodes{}
		l.cold.Set(l)
		l.accountHeap(coldNodesSize)
	}
	l.env.Cold.Queue(&l.cold.Entry)
}

// noteRead notes that n, an item of v, is going to be read, for which it may be unpacked. Nothing is noted of what a snapshot sees.
func (l *List) noteRead(v *vertex, n *node) {
	if l.cold == nil || l.env.Clock.Frozen(v.epoch) {
		return
	}
	if n.csz == 0 {
		l.env.Cold.Read(&n.mark)
	} else if l.env.Cold.Reread(&n.mark) {
		l.decompress(n)
		l.queue()
	}
}

// reading returns node i for reading by the owner.
func (l *List) reading(i int) *node {
	if i > 0 && i < l.nodes-1 {
		v, k := l.mid.leafAt(i - 1)
		l.noteRead(v, &v.items[k])
	}
	return l.at(i)
}

// Pack packs nodes that are cold (cold.Target).
func (l *List) Pack(p *cold.Packer) (done, again bool) {
	c := l.cold
	if c.at == 0 {
		c.at, c.later = 1, false
	}
	for c.at < l.mid.nodes-1 {
		v, k := l.mid.leafAt(c.at)
		l.env.Clock.CheckWritable(v.epoch)
		for ; k < len(v.items) && c.at < l.mid.nodes-1; k++ {
			n := &v.items[k]
			c.at++
			if n.csz != 0 {
				continue
			}
			now, later := p.Cold(&n.mark, n.sz)
			c.later = c.later || later
			if !now {
				continue
			}
			l.pack(n)
			if p.Over() {
				return false, false
			}
		}
		if p.Over() {
			return false, false
		}
	}
	c.at = 0
	return true, c.later
}

// pack compresses n if its block gets smaller by an eighth.
func (l *List) pack(n *node) {
	size := int(n.block().size)
	if l.compressTo(n, min(n.sz, size-size/8-blockHeader)) {
		l.env.Cold.Packed(&n.mark, size-int(n.block().size))
	} else {
		n.mark.Hard()
	}
}
