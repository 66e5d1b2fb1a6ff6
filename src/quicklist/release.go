// SPDX-License-Identifier: BSD-3-Clause

package quicklist

import (
	"unsafe"

	"redport/src/epoch"
)

// release.go - dropping a list of any size at once.

// Release drops the list: it is off the accounts at once, and its blocks are freed behind, when no snapshot sees them. Nothing may be called
// on it afterwards.
func (l *List) Release() {
	l.env.Clock.Allocator().Account(-l.heap)
	if l.cold != nil {
		l.cold.Drop()
	}
	if l.nodes == 1 {
		l.retire(&l.head)
		return
	}
	if l.nodes > 1 {
		l.env.Clock.Allocator().Retired(l.blocks)
		l.env.Clock.ReleaseTree(&released{l: l}, l.birth)
	}
}

// released is a list that is being freed.
type released struct {
	l    *List
	ends bool // both are freed
	path []step
}

// step is a vertex of the tree and what of it is freed next.
type step struct {
	v *vertex
	i int
}

// OwnerOnly: blocks can be freed by any goroutine (epoch.Tree).
func (r *released) OwnerOnly() bool { return false }

// Free frees about n blocks (epoch.Tree).
func (r *released) Free(f *epoch.Freer, n int) (more bool) {
	free := func(x *node) {
		b := x.block()
		f.Free(unsafe.Pointer(b), int(b.size))
	}
	if !r.ends {
		r.ends = true
		free(&r.l.head)
		free(&r.l.tail)
		if r.l.mid.root != nil {
			r.path = append(r.path, step{v: r.l.mid.root})
		}
	}
	for n > 0 && len(r.path) > 0 {
		top := &r.path[len(r.path)-1]
		switch v := top.v; {
		case top.i == v.size():
			r.path = r.path[:len(r.path)-1]
		case v.leaf():
			free(&v.items[top.i])
			top.i++
			n--
		default:
			top.i++
			r.path = append(r.path, step{v: v.kids[top.i-1].v})
		}
	}
	return len(r.path) > 0
}
