// SPDX-License-Identifier: BSD-3-Clause

package btree

import (
	"unsafe"

	"redport/src/epoch"
)

// release.go - dropping a whole tree.

// Release drops all elements in O(1): they are off the accounts at once, their memory is freed behind, once no snapshot sees it.
// The tree is empty then, and may be used.
func (t *Tree) Release() {
	if t.root != 0 {
		t.clk.Allocator().Retired(t.bytes)
		t.clk.ReleaseTree(&released{root: t.root, height: t.height}, t.birth)
	}
	*t = Tree{clk: t.clk, birth: t.clk.Now()}
}

// released is a tree of blocks that no Tree leads to any more.
type released struct {
	root   uintptr // not visited yet; 0 afterwards
	height int
	path   []step // path[k] is of level height-k
	leaf   *leaf  // whose blobs are being freed
	i      int
}

// OwnerOnly is part of epoch.Tree.
func (r *released) OwnerOnly() bool { return false }

// Free frees about n blocks: leaves as they are met, inner nodes when all below them is gone.
func (r *released) Free(f *epoch.Freer, n int) (more bool) {
	for n > 0 {
		if r.leaf != nil {
			if n -= r.freeLeaf(f, n); r.leaf != nil {
				return true
			}
			continue
		}
		if r.root != 0 {
			ref := r.root
			r.root = 0
			r.enter(ref, r.height)
			continue
		}
		if len(r.path) == 0 {
			return false
		}
		top := &r.path[len(r.path)-1]
		if top.i == int(top.nd.n) {
			f.Free(unsafe.Pointer(top.nd), innerSize)
			n--
			r.path = r.path[:len(r.path)-1]
			continue
		}
		level := r.height - len(r.path)
		ref := top.nd.kids[top.i]
		top.i++
		r.enter(ref, level)
	}
	return true
}

func (r *released) enter(ref uintptr, level int) {
	if level == 0 {
		r.leaf, r.i = leafAt(ref), 0
		return
	}
	r.path = append(r.path, step{nd: innerAt(ref)})
}

// freeLeaf frees the blobs of the leaf and then the leaf, about n blocks, and returns how many.
func (r *released) freeLeaf(f *epoch.Freer, n int) int {
	l, freed := r.leaf, 0
	for ; r.i < int(l.n); r.i++ {
		b := l.blob(r.i)
		if b == nil {
			continue
		}
		if freed == n {
			return freed
		}
		f.Free(unsafe.Pointer(b), blobHeader+b.n)
		freed++
	}
	f.Free(unsafe.Pointer(l), int(l.size))
	r.leaf = nil
	return freed + 1
}
