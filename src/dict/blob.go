// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"unsafe"

	"redport/src/zmalloc"
)

// blob.go - values and keys too long to lie in a page, and the table of pointer values.
//
//	value: | owner 8 | size 8 | bytes ...          |
//	key:   | owner 8 | size 8 | hash 8 | bytes ... |
//
// owner is the epoch that may write to the blob: a blob is shared by all clones of the page that refers to it, so
// that its owner can be older than that of the page, never younger. size is that of the block. The length is in the entry.

const (
	blobHeader    = 16
	longKeyHeader = 24 // the hash of a long key is kept: hashing 512 MB again for a split would take 50 ms
)

type blob struct {
	owner uint64
	size  uint64
}

func blobAt(ref uint64) *blob { return (*blob)(pointer(uintptr(ref))) }

func (b *blob) cap() int { return int(b.size) - blobHeader }

func longKeyHash(b unsafe.Pointer) uint64 { return load64(unsafe.Add(b, blobHeader)) }

// newBlob returns a blob of n bytes of payload or more.
func (d *Dict) newBlob(n int) *blob {
	p, size := d.clk.Allocator().AllocAtLeast(blobHeader + n)
	b := (*blob)(p)
	b.owner, b.size = d.clk.Now(), uint64(size)
	d.bytes += int64(size)
	return b
}

// newBlobZeroed is newBlob with n bytes that are zero.
func (d *Dict) newBlobZeroed(n int) *blob {
	b := d.newBlob(n)
	if !zmalloc.IsLarge(int(b.size)) { // a large one is fresh from the system
		clear(b.bytes(n))
	}
	return b
}

func (b *blob) bytes(n int) []byte { return bytesAt(unsafe.Add(unsafe.Pointer(b), blobHeader), n) }

func (b *blob) ref() uint64 { return uint64(uintptr(unsafe.Pointer(b))) }

func (d *Dict) retireBlob(b *blob) {
	d.bytes -= int64(b.size)
	d.clk.Retire(unsafe.Pointer(b), int(b.size), b.owner)
}

// newLongKey returns a copy of key outside of a page.
func (d *Dict) newLongKey(h uint64, key []byte) *blob {
	b := d.newBlob(longKeyHeader - blobHeader + len(key))
	store64(unsafe.Add(unsafe.Pointer(b), blobHeader), h)
	copy(bytesAt(unsafe.Add(unsafe.Pointer(b), longKeyHeader), len(key)), key)
	return b
}

// ownBlob returns a blob with the first n bytes of b that may be written to: b, or a clone where a snapshot sees b.
func (d *Dict) ownBlob(b *blob, n int) *blob {
	if !d.clk.Frozen(b.owner) {
		return b
	}
	c := d.newBlob(b.cap())
	copy(c.bytes(n), b.bytes(n))
	d.clk.AddCloned(int(c.size))
	d.retireBlob(b)
	return c
}

// maxPrealloc: up to here a growing blob doubles, beyond it gets as much more (C: SDS_MAX_PREALLOC).
const maxPrealloc = 1 << 20

// growBlob returns a blob with the first have bytes of b and room for n, more than b has; all from have to n are zero.
func (d *Dict) growBlob(b *blob, have, n int) *blob {
	room := n + min(n, maxPrealloc)
	if d.clk.Frozen(b.owner) {
		c := d.newBlob(room)
		copy(c.bytes(have), b.bytes(have))
		if !zmalloc.IsLarge(int(c.size)) {
			clear(c.bytes(n)[have:])
		}
		d.clk.AddCloned(have)
		d.retireBlob(b)
		return c
	}
	old := int(b.size)
	p, fresh := d.clk.Allocator().Realloc(unsafe.Pointer(b), old, blobHeader+room)
	c := (*blob)(p)
	c.size = uint64(zmalloc.UsableSize(blobHeader + room))
	d.bytes += int64(c.size) - int64(old)
	if fresh {
		clear(c.bytes(min(n, old-blobHeader))[have:])
	} else {
		clear(c.bytes(n)[have:])
	}
	return c
}

// --- Pointers ---

// ptrs is how a Dict, or a View of it, reaches its pointer values. An entry holds an index into it, because blocks outside of the Go heap
// cannot hold Go pointers.
//
// An index that a snapshot may see keeps its pointer: other pointers get other indexes, and this one is free only when
// no snapshot sees it. So readers of a View need nothing but the chunks that there were when it was taken.
type ptrs struct {
	chunks [][]unsafe.Pointer // 8, 16, 32, ... 512, 512, 512 pointers: small for small collections, never copied
	core   *ptrCore
}

// ptrCore is the owner's part, shared by all headers of the same Dict (Clone).
type ptrCore struct {
	chunks [][]unsafe.Pointer
	free   []uint32
	n      uint32 // indexes in use or free
}

const (
	firstPtrChunk = 8
	lastPtrChunk  = 512
	geometricPtrs = lastPtrChunk - firstPtrChunk // in the chunks before the first of 512
)

// ptrPlace returns the chunk and the place in it of index i.
func ptrPlace(i uint32) (chunk, at int) {
	if i >= geometricPtrs {
		i -= geometricPtrs
		return 6 + int(i/lastPtrChunk), int(i % lastPtrChunk)
	}
	k := log2(i/firstPtrChunk + 1)
	return k, int(i) - firstPtrChunk*(1<<k-1)
}

func (p *ptrs) at(i uint32) unsafe.Pointer {
	k, j := ptrPlace(i)
	return p.chunks[k][j]
}

// newPtr gives pointer v an index.
func (d *Dict) newPtr(v unsafe.Pointer) uint32 {
	if d.ptrs == nil {
		d.ptrs = &ptrs{core: &ptrCore{}}
	}
	c := d.ptrs.core
	var i uint32
	if n := len(c.free); n > 0 {
		i = c.free[n-1]
		c.free = c.free[:n-1]
	} else {
		i = c.n
		c.n++
	}
	k, j := ptrPlace(i)
	if k == len(c.chunks) {
		chunk := make([]unsafe.Pointer, firstPtrChunk<<min(k, 6))
		c.chunks = append(c.chunks, chunk)
		d.ptrs.chunks = c.chunks
		n := int64(len(chunk)) * int64(unsafe.Sizeof(v))
		d.bytes += n
		d.heap += n
		d.clk.Allocator().Account(n)
	}
	c.chunks[k][j] = v
	return i
}

// retirePtr lets index i go. Which epoch gave it is not recorded: any live snapshot may see it.
func (d *Dict) retirePtr(i uint32) { d.clk.RetireRef(d.ptrs.core, i, 1) }

// FreeRef makes an index free for another pointer (epoch.Refs).
func (c *ptrCore) FreeRef(i uint32) {
	k, j := ptrPlace(i)
	c.chunks[k][j] = nil
	c.free = append(c.free, i)
}
