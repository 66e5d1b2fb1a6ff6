// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"sync/atomic"
	"unsafe"

	"redport/src/epoch"
)

// snapshot.go - frozen views, and letting go of everything at once.
//
// A Dict's header is all that changes in place: once a snapshot is taken, nothing that its root leads to is written to until
// the snapshot is released. So a copy of the header is a view.
//
// There are two ways to keep that copy. For a Dict that stays where it is (the keyspace), Snapshot makes a View. For one in an object
// whose header is cloned on the first write after a snapshot (a hash, a set), the old header is the view, and Clone makes the one to
// write to from then on.

// View is a Dict as it was when a snapshot was taken. Any goroutine may read it, any number of them at once, until the snapshot is released.
type View struct {
	d     Dict
	p     ptrs
	epoch uint64
	// Where its only reader is, if it said that it is the only one (Consume): pages before that position are not read any more.
	behind atomic.Uint64
}

// Snapshot returns the view of d that belongs to s. It must be called before the first write to d after s was taken. O(1).
func (d *Dict) Snapshot(s *epoch.Snapshot) *View {
	v := &View{d: *d, epoch: s.Epoch()}
	v.d.view = nil
	if d.ptrs != nil {
		v.p = *d.ptrs
		v.d.ptrs = &v.p
	}
	d.view = v
	return v
}

// takeBack makes a frozen page of hash h writable without cloning it, if nobody but one walker could read it, who is past it. It
// reports whether it has. The walker reads nodes that lead to the page, but follows them no more.
func (d *Dict) takeBack(p *page, h uint64) bool {
	v := d.view
	if v == nil || p.depth == 0 || d.clk.Live() != 1 || !d.clk.Frozen(v.epoch) || d.clk.Frozen(v.epoch+1) {
		return false // or the one snapshot is not the view's
	}
	if last := h | (1<<(64-p.depth) - 1); last >= v.behind.Load() {
		return false
	}
	p.owner = d.clk.Now()
	return true
}

// Len returns the number of entries.
func (v *View) Len() int { return v.d.n }

// Expiring returns the number of entries with an expiry.
func (v *View) Expiring() int { return v.d.vol }

// Bytes returns the memory that the Dict held.
func (v *View) Bytes() int64 { return v.d.bytes }

// Find returns the entry of key, whose hash is h.
func (v *View) Find(h uint64, key []byte) Entry { return v.d.Find(h, key) }

// All calls fn for all entries until it returns false.
func (v *View) All(fn func(Entry) bool) { v.d.All(fn) }

// Iter returns an iterator before the first entry.
func (v *View) Iter() Iter { return v.d.Iter() }

// Consume returns an iterator before the first entry, for the only reader that the view has: what it has left behind may be written to again. An
// entry is good until the next call of Next. Other iterators may only run ahead of it.
func (v *View) Consume() Iter {
	it := v.d.Iter()
	it.behind = &v.behind
	return it
}

// Clone returns a header for the current epoch that shares everything with d, to be used instead of d from now on. d itself is only
// read from now on (Len, Find, All, Iter), by snapshots taken before, and never released.
func (d *Dict) Clone() *Dict {
	c := *d
	c.view = nil
	if d.ptrs != nil {
		p := *d.ptrs
		c.ptrs = &p
	}
	return &c
}

// Release drops all entries in O(1): they are off the accounts at once, their memory is freed behind, by Clock.Reclaim or in the
// background, once no snapshot sees it. FreePointer is called for pointer values at that time. The Dict is empty then, and may be used.
func (d *Dict) Release() {
	a := d.clk.Allocator()
	a.Account(-d.heap)
	if d.root != 0 {
		a.Retired(d.bytes - d.heap)
		d.clk.ReleaseTree(&released{roots: []uint64{d.root}, t: d.t, ptrs: d.ptrs}, d.birth)
	}
	*d = Dict{clk: d.clk, t: d.t, birth: d.clk.Now()}
}

// released is one or more trees of blocks that no Dict leads to any more.
type released struct {
	roots []uint64
	t     *Type
	ptrs  *ptrs
	part  bool // of a Dict that goes on: indexes of pointers become free
	path  []step
	n     int // blocks still to be freed in this slice
}

// step is a node on the way to what is freed next.
type step struct {
	nd *node
	i  int
}

// OwnerOnly: FreePointer belongs to the owner, as what it frees does, and so does the table of pointers.
func (r *released) OwnerOnly() bool { return r.ptrs != nil && (r.part || r.t.FreePointer != nil) }

// Free frees about n blocks (epoch.Tree): pages as they are met, nodes when all below them is gone.
func (r *released) Free(f *epoch.Freer, n int) (more bool) {
	r.n = n
	for r.n > 0 {
		if len(r.path) == 0 {
			if len(r.roots) == 0 {
				return false
			}
			ref := r.roots[0]
			r.roots = r.roots[1:]
			r.freeRef(f, ref)
			continue
		}
		top := &r.path[len(r.path)-1]
		nd := top.nd
		if top.i == 1<<nd.bits {
			f.Free(unsafe.Pointer(nd), nodeSize(nd.bits))
			r.n--
			r.path = r.path[:len(r.path)-1]
			continue
		}
		ref := *nd.slot(top.i)
		top.i++
		for top.i < 1<<nd.bits && *nd.slot(top.i) == ref {
			top.i++
		}
		r.freeRef(f, ref)
	}
	return len(r.path)+len(r.roots) > 0
}

// freeRef frees a page, or goes into a node.
func (r *released) freeRef(f *epoch.Freer, ref uint64) {
	if ref&tagNode != 0 {
		r.path = append(r.path, step{nd: nodeAt(ref)})
		return
	}
	r.freePage(f, pageAt(ref))
}

func (r *released) freePage(f *epoch.Freer, p *page) {
	if p.flags&pageOut != 0 {
		for i := range int(p.n) {
			e := p.entry(i)
			flags := load8(e, 0)
			if flags&flagLongKey != 0 {
				r.freeBlob(f, blobAt(load64(unsafe.Add(e, keyAt(flags)))))
			}
			switch v := valueAt(e, flags); {
			case flags&flagBlob != 0:
				r.freeBlob(f, blobAt(load64(v)))
			case flags&flagPointer != 0:
				i := load32(v)
				if r.t.FreePointer != nil {
					r.t.FreePointer(r.ptrs.at(i))
					r.n--
				}
				if r.part {
					r.ptrs.core.FreeRef(i)
				}
			}
		}
	}
	f.Free(unsafe.Pointer(p), int(p.size))
	r.n--
}

func (r *released) freeBlob(f *epoch.Freer, b *blob) {
	f.Free(unsafe.Pointer(b), int(b.size))
	r.n--
}
