// SPDX-License-Identifier: BSD-3-Clause

// Package dict is the paged dictionary that holds the keyspace and big collections.
package dict

import (
	"hash/maphash"
	"unsafe"

	"redport/src/epoch"
)

// dict.go - the dictionary: what it is made of, and the operations on single entries.
//
// DESIGN
//
// Extendible hashing over packed pages. The top bits of a 64-bit hash lead through one to three nodes to a page, which holds all entries of
// a contiguous range of hashes, up to 64 of them, in one block of memory.
//
//	Dict                node (node.go)                     page (page.go)
//	+---------+         +--------+-----------------+       +--------+-----------------------+------+---------------+
//	| root ---+-------> | header | 0 | 1 | 2 | ... | ----> | header | fingerprints, offsets | free | entry | entry |
//	| n       |         +--------+---+-+-+---------+       +--------+-----------------------+------+---------------+
//	| clk ... |                        |                      ^                                         |
//	+---------+                        v                      |         | flags | meta | key | expire | value | (entry.go)
//	                    +--------+-----------------+          |                                         |
//	                    | header | 0 | 1 | 2 | ... | ---------+                    long values and keys: blob (blob.go)
//	                    +--------+-----------------+                               pointers: index into a table
//
// A full page splits in two by the next bit of the hash; two neighbours that have become nearly empty merge. There is no table-wide
// rehash: the most that one operation does is to split a page and to double a node (12 KB), a few microseconds.
//
// All of it lies outside of the Go heap (src/zmalloc), and all of it is copied on write: pages, nodes and blobs carry the epoch that owns
// them (src/epoch), and what a snapshot sees is cloned before the first write. So a snapshot is a copy of the Dict's header
// (snapshot.go), and dropping a Dict of any size is handing its root over.
//
// INVARIANTS
//
//   - A page covers the hashes whose first p.depth bits are its prefix, and exactly the references of its node with that prefix lead to it.
//   - A node is at least as young as the pages and nodes below it: whoever writes to a page has made the path to it writable.
//   - A blob is at most as young as the page that refers to it.
//   - bytes is the sum of the sizes of all blocks that can be reached, as the allocator counts them, and of the table of pointers.
//   - A page's hint, and that of every node above it, is a lower bound for its expiries (node.go).
//   - A page without entries exists only next to a node, to pages that are deeper, or at depth 64.
//
// Hashes are keyed with a seed of the process: who chooses keys cannot choose pages. Should all hashes of a page be equal all the same, it grows
// instead of splitting, and lookups in it are as slow as in a chain.
//
// COST
//
// Memory: an entry has 7 bytes of its own, 3 of index, and a share of its page's header, free space (6 %) and of the directory
// (8 to 16 bytes a page). Time: a lookup reads one reference in each node, then page header and fingerprints, then the entry.
//
// Counterpart: dict.c and kvstore.c. Differences:
//   - no second table, no rehashing, no resizing policy; memory goes back page by page as keys go;
//   - SCAN's cursor is a position in hash order, so it returns no element twice (scan.go);
//   - expiry and LRU/LFU word are in the entry: there is no dictionary of expires;
//   - an Entry is a position that the next write invalidates, not an object that stays where it is.

// Type says what a Dict's entries are like.
type Type struct {
	Access      bool                    // entries have an access word of 24 bits
	Hash        func(key []byte) uint64 // what callers pass to Find; nil: Hash
	FreePointer func(unsafe.Pointer)    // called by Clock.Reclaim for the pointer values of a released Dict; may be nil
}

// Dict maps byte strings to Values. Owner goroutine only; see Clone and View for readers.
type Dict struct {
	clk   *epoch.Clock
	t     *Type
	root  uint64 // reference to a node or a page, 0 if there is none
	n     int
	vol   int    // entries with an expiry
	bytes int64  // of all blocks, and heap
	heap  int64  // part of bytes that is on the Go heap
	birth uint64 // epoch in which it was made: no block is older
	ptrs  *ptrs  // nil until there is a pointer value
	pages uint32
	nodes uint32
	view  *View // the latest one
}

// Value is what an entry maps to: bytes, or a pointer where Pointer is not nil.
type Value struct {
	Meta    uint8 // the owner's
	Bytes   []byte
	Pointer unsafe.Pointer
	blob    *blob // that holds Bytes and belongs to the Value (Detach)
}

// New returns an empty Dict. t must not change any more.
func New(clk *epoch.Clock, t *Type) *Dict {
	return &Dict{clk: clk, t: t, birth: clk.Now()}
}

var seed = maphash.MakeSeed()

// Hash returns the process's keyed hash of key.
func Hash(key []byte) uint64 { return maphash.Bytes(seed, key) }

func (d *Dict) hashKey(key []byte) uint64 {
	if d.t.Hash != nil {
		return d.t.Hash(key)
	}
	return Hash(key)
}

// hashOf returns the hash of the key of entry e.
func (d *Dict) hashOf(e unsafe.Pointer) uint64 {
	flags := load8(e, 0)
	if flags&flagLongKey != 0 {
		return longKeyHash(pointer(uintptr(load64(unsafe.Add(e, keyAt(flags))))))
	}
	return d.hashKey(bytesAt(unsafe.Add(e, keyAt(flags)), int(load8(e, 2))))
}

// Len returns the number of entries.
func (d *Dict) Len() int { return d.n }

// Expiring returns the number of entries with an expiry.
func (d *Dict) Expiring() int { return d.vol }

// Bytes returns the memory that the Dict holds, the header itself and what pointer values point at not counted.
func (d *Dict) Bytes() int64 { return d.bytes }

// Pages returns the number of pages.
func (d *Dict) Pages() int { return int(d.pages) }

// Find returns the entry of key, whose hash is h. If there is none, the result is not Ok, and may be passed to Insert.
func (d *Dict) Find(h uint64, key []byte) Entry {
	e := Entry{d: d, h: h}
	if p := d.findPage(h); p != nil {
		if e.e = p.find(h, key); e.e != nil {
			e.pg = p
		}
	}
	return e
}

// --- Writing ---

// shape is what an entry becomes.
type shape struct {
	flags  byte
	meta   byte
	expire int64  // with flagExpire
	inline []byte // without flagBlob and flagPointer
	ref    uint64 // with them: address of a blob, or index of a pointer
	length int    // of the bytes in a blob
}

// valueLen is the length of the value field.
func (s *shape) valueLen() int {
	switch s.flags & (flagBlob | flagPointer) {
	case 0:
		return len(s.inline)
	case flagBlob:
		return blobRefSize
	}
	return ptrRefSize
}

// putValue writes the value field of entry e, and what the header says about it.
func (s *shape) putValue(e, v unsafe.Pointer) {
	store8(e, 0, s.flags)
	store8(e, 1, s.meta)
	switch s.flags & (flagBlob | flagPointer) {
	case 0:
		copy(bytesAt(v, len(s.inline)), s.inline)
		store8(e, 3, byte(len(s.inline)))
	case flagBlob:
		store64(v, s.ref)
		store64(unsafe.Add(v, 8), uint64(s.length))
	default:
		store32(v, uint32(s.ref))
	}
}

// setValue makes s hold v: it makes the blob, or finds an index for the pointer.
func (d *Dict) setValue(s *shape, v Value) {
	s.meta = v.Meta
	switch {
	case v.Pointer != nil:
		s.flags |= flagPointer
		s.ref = uint64(d.newPtr(v.Pointer))
	case v.blob != nil:
		s.flags |= flagBlob
		s.ref, s.length = v.blob.ref(), len(v.Bytes)
		d.bytes += int64(v.blob.size)
		d.birth = min(d.birth, v.blob.owner)
	case len(v.Bytes) > maxInlineValue:
		b := d.newBlob(len(v.Bytes))
		copy(b.bytes(len(v.Bytes)), v.Bytes)
		s.flags |= flagBlob
		s.ref, s.length = b.ref(), len(v.Bytes)
	default:
		s.inline = v.Bytes
	}
}

// Insert adds key with value v and access word access, without an expiry, and returns its entry. e is what Find did not find, with no
// write to d in between. Bytes are copied; they may lie in d.
func (d *Dict) Insert(e Entry, key []byte, v Value, access uint32) Entry {
	h := e.h
	if e.d == nil {
		h = d.hashKey(key)
	}
	var s shape
	if d.t.Access {
		s.flags = flagAccess
	}
	var long *blob
	klen := len(key)
	if klen > maxInlineKey {
		s.flags |= flagLongKey
		long = d.newLongKey(h, key)
		klen = blobRefSize
	}
	d.setValue(&s, v)

	l := d.reach(h, 1, 0, noHint)
	size := keyAt(s.flags) + klen + s.valueLen()
	old, _ := d.room(&l, h, 1, size, -1, 1, 0)
	p := l.pg
	x := p.add(byte(h), size)
	k := unsafe.Add(x, keyAt(s.flags))
	if long != nil {
		store64(k, long.ref())
		store64(unsafe.Add(k, 8), uint64(len(key)))
		store8(x, 2, 0)
	} else {
		copy(bytesAt(k, klen), key)
		store8(x, 2, byte(klen))
	}
	s.putValue(x, unsafe.Add(k, klen))
	if s.flags&flagAccess != 0 {
		storeAccess(x, access)
	}
	if s.flags&flagsOut != 0 {
		p.flags |= pageOut
	}
	if l.nd != nil {
		l.nd.most = max(l.nd.most, int64(p.n))
	}
	if old != nil {
		d.retirePage(old)
	}
	d.n++
	return Entry{x, p, d, h}
}

// rewrite gives entry e another shape; key and access word stay. The memory of the old value is the caller's business.
func (d *Dict) rewrite(e Entry, s *shape) Entry {
	x := e.e
	h := e.hash()
	had := load8(x, 0)
	s.flags |= had & (flagAccess | flagLongKey)
	var dv int64
	hint := noHint
	if s.flags&flagExpire != 0 {
		hint = hintOf(s.expire)
		dv++
	}
	if had&flagExpire != 0 {
		dv--
	}
	i := e.pg.index(x, h)
	l := d.reach(h, 0, dv, hint)
	p := l.pg
	x = p.entry(i)
	d.vol += int(dv)

	head := keyAt(had) + keyFieldLen(x, had)
	size := head + expireLen(s.flags) + s.valueLen()
	oldSize := entrySize(x)
	if size <= oldSize {
		// The new expiry never reaches into the old value before that is moved: one of both is where it was.
		v := unsafe.Add(x, head+expireLen(s.flags))
		s.putValue(x, v)
		if s.flags&flagExpire != 0 {
			store64(unsafe.Add(x, head), uint64(s.expire))
		}
		p.dead += uint32(oldSize - size)
		l.reshaped(s.flags, dv)
		return Entry{x, p, d, h}
	}
	old, split := d.room(&l, h, 0, size, i, 0, dv)
	q := l.pg
	if split {
		i = q.index(q.find(h, entryKey(x)), h)
	}
	if old == nil || split {
		q.drop(q.offset(i), oldSize)
	}
	q.low += uint32(size)
	q.setOffset(i, q.low)
	y := unsafe.Add(q.end(), -uintptr(q.low))
	copy(bytesAt(y, head), bytesAt(x, head))
	s.putValue(y, unsafe.Add(y, head+expireLen(s.flags)))
	if s.flags&flagExpire != 0 {
		store64(unsafe.Add(y, head), uint64(s.expire))
	}
	l.reshaped(s.flags, dv)
	if hint != noHint && l.nd != nil {
		first, _ := l.span()
		x := l.nd.hint(first)
		*x = min(*x, hint) // room may have made new hints
	}
	if old != nil {
		d.retirePage(old)
	}
	return Entry{y, q, d, h}
}

// reshaped keeps the page's books after an entry got flags, and the number of entries with an expiry changed by dv.
func (l *place) reshaped(flags byte, dv int64) {
	p := l.pg
	p.vol = uint32(int64(p.vol) + dv)
	if dv < 0 && p.vol == 0 {
		l.setHint(noHint)
	}
	if flags&flagsOut != 0 {
		p.flags |= pageOut
	}
}

// shapeOf returns the shape that e has now.
func (e Entry) shapeOf() (s shape) {
	flags := load8(e.e, 0)
	s.flags = flags & (flagExpire | flagBlob | flagPointer)
	s.meta = load8(e.e, 1)
	s.expire = entryExpire(e.e)
	v := valueAt(e.e, flags)
	switch flags & (flagBlob | flagPointer) {
	case 0:
		s.inline = bytesAt(v, int(load8(e.e, 3)))
	case flagBlob:
		s.ref = load64(v)
		s.length = int(load64(unsafe.Add(v, 8)))
	default:
		s.ref = uint64(load32(v))
	}
	return s
}

// own returns e in a page that may be written to.
func (d *Dict) own(e Entry) Entry {
	if !d.clk.Frozen(e.pg.owner) {
		return e
	}
	h := e.hash()
	i := e.pg.index(e.e, h)
	l := d.reach(h, 0, 0, noHint)
	return Entry{l.pg.entry(i), l.pg, d, h}
}

// Replace gives e another value; expiry and access word stay. v.Bytes may lie in d.
func (d *Dict) Replace(e Entry, v Value) Entry {
	flags := load8(e.e, 0)
	n := len(v.Bytes)
	switch flags & (flagBlob | flagPointer) {
	case 0:
		if v.Pointer == nil && v.blob == nil && n == int(load8(e.e, 3)) {
			e = d.own(e)
			store8(e.e, 1, v.Meta)
			copy(bytesAt(valueAt(e.e, flags), n), v.Bytes)
			return e
		}
		s := shape{flags: flags & flagExpire, expire: entryExpire(e.e)}
		d.setValue(&s, v)
		return d.rewrite(e, &s)
	case flagBlob:
		b := blobAt(load64(valueAt(e.e, flags)))
		if v.Pointer == nil && v.blob == nil && n > maxInlineValue && n <= b.cap() && n >= b.cap()/2 && !d.clk.Frozen(b.owner) {
			e = d.own(e)
			copy(b.bytes(n), v.Bytes)
			store8(e.e, 1, v.Meta)
			store64(unsafe.Add(valueAt(e.e, flags), 8), uint64(n))
			return e
		}
		s := shape{flags: flags & flagExpire, expire: entryExpire(e.e)}
		d.setValue(&s, v)
		e = d.rewrite(e, &s)
		d.retireBlob(b)
		return e
	default:
		old := load32(valueAt(e.e, flags))
		if v.Pointer != nil && d.clk.Live() == 0 {
			k, j := ptrPlace(old)
			d.ptrs.chunks[k][j] = v.Pointer
			store8(e.e, 1, v.Meta)
			return e
		}
		s := shape{flags: flags & flagExpire, expire: entryExpire(e.e)}
		d.setValue(&s, v)
		e = d.rewrite(e, &s)
		d.retirePtr(old)
		return e
	}
}

// SetMeta sets the owner's byte.
func (d *Dict) SetMeta(e Entry, meta uint8) Entry {
	if e.Meta() != meta {
		e = d.own(e)
		store8(e.e, 1, meta)
	}
	return e
}

// SetExpire sets the expiry, Unix time in ms; -1 removes it.
func (d *Dict) SetExpire(e Entry, ms int64) Entry {
	old := e.Expire()
	if old == ms {
		return e
	}
	s := e.shapeOf()
	if ms == -1 {
		s.flags &^= flagExpire
	} else {
		s.flags |= flagExpire
		s.expire = ms
	}
	return d.rewrite(e, &s)
}

// SetAccess sets the access word, and reports false, having done nothing, where that would mean to clone the page for a snapshot, or
// where entries have none.
func (d *Dict) SetAccess(e Entry, a uint32) bool {
	if d.clk.Frozen(e.pg.owner) || load8(e.e, 0)&flagAccess == 0 {
		return false
	}
	storeAccess(e.e, a)
	return true
}

// Writable returns the bytes of the value, to be changed in place. Nothing for a pointer.
func (d *Dict) Writable(e Entry) (Entry, []byte) {
	e = d.own(e)
	flags := load8(e.e, 0)
	v := valueAt(e.e, flags)
	if flags&flagBlob != 0 {
		n := int(load64(unsafe.Add(v, 8)))
		b := d.ownBlob(blobAt(load64(v)), n)
		store64(v, b.ref())
		return e, b.bytes(n)
	}
	return e, e.Value()
}

// Resize makes the value n bytes long and returns them, to be changed in place: the old ones as far as they go, then zeros. A blob
// that grows gets room to grow further: as much again, up to 1 MB. The value must not be a pointer.
func (d *Dict) Resize(e Entry, n int) (Entry, []byte) {
	flags := load8(e.e, 0)
	if flags&flagBlob == 0 {
		have := int(load8(e.e, 3))
		switch {
		case flags&flagPointer != 0:
			panic("dict: Resize of a pointer")
		case n == have:
			return d.Writable(e)
		case n <= maxInlineValue:
			var buf [maxInlineValue]byte
			copy(buf[:n], e.Value())
			s := e.shapeOf()
			s.inline = buf[:n]
			e = d.rewrite(e, &s)
			return e, e.Value()
		}
		b := d.newBlobZeroed(n)
		copy(b.bytes(n), e.Value())
		s := e.shapeOf()
		s.flags |= flagBlob
		s.inline, s.ref, s.length = nil, b.ref(), n
		e = d.rewrite(e, &s)
		return e, b.bytes(n)
	}
	e = d.own(e)
	v := valueAt(e.e, flags)
	b := blobAt(load64(v))
	have := int(load64(unsafe.Add(v, 8)))
	switch {
	case n <= maxInlineValue/2 || n < b.cap()/4:
		s := e.shapeOf()
		s.flags &^= flagBlob
		d.setValue(&s, Value{Meta: s.meta, Bytes: b.bytes(min(n, have))})
		e = d.rewrite(e, &s)
		d.retireBlob(b)
		if n > have {
			return d.Resize(e, n)
		}
		return d.Writable(e)
	case n <= b.cap():
		b = d.ownBlob(b, have)
		if n > have {
			clear(b.bytes(n)[have:])
		}
	default:
		b = d.growBlob(b, have, n)
	}
	store64(v, b.ref())
	store64(unsafe.Add(v, 8), uint64(n))
	return e, b.bytes(n)
}

// Delete removes e.
func (d *Dict) Delete(e Entry) { d.remove(e, flagsOut) }

// Detach removes e and returns its value, which must be given to Insert or Replace, of this Dict or of another one with the same clock:
// nothing else frees it. What is long is not copied; short bytes are appended to buf, which is empty.
func (d *Dict) Detach(e Entry, buf []byte) Value {
	v := Value{Meta: e.Meta(), Pointer: e.Pointer()}
	if flags := load8(e.e, 0); flags&flagBlob != 0 {
		v.Bytes = e.Value()
		v.blob = blobAt(load64(valueAt(e.e, flags)))
		d.bytes -= int64(v.blob.size)
	} else if v.Pointer == nil {
		v.Bytes = append(buf, e.Value()...)
	}
	d.remove(e, flagsOut&^flagBlob)
	return v
}

// remove removes e. Of what belongs to it and lies elsewhere it retires the kinds given by out.
func (d *Dict) remove(e Entry, out byte) {
	h := e.hash()
	i := e.pg.index(e.e, h)
	flags := load8(e.e, 0)
	var dv int64
	if flags&flagExpire != 0 {
		dv = -1
	}
	l := d.reach(h, -1, dv, noHint)
	p := l.pg
	x := p.entry(i)
	if flags&flagsOut != 0 {
		d.retireOut(x, flags&(out|^byte(flagsOut)))
	}
	p.remove(i)
	d.n--
	if dv != 0 {
		d.vol--
		if p.vol == 0 {
			l.setHint(noHint)
		}
	}
	if n := p.n; n <= mergeBelow && n%4 == 0 {
		d.shrink(h)
		if l = d.reach(h, 0, 0, noHint); l.pg == nil {
			return
		}
	}
	if p = l.pg; p.tooLarge() {
		l.set(d.rebuild(p, 0, 0, -1))
		d.retirePage(p)
	}
}

// tooLarge tells whether a page, after a deletion, is better rebuilt in a smaller block: a quarter of it is unused, which is at least twice the
// slack that a new one gets.
func (p *page) tooLarge() bool {
	used := pageHeader + indexSize(int(p.n), p.wide()) + p.live()
	return int(p.size)-used > int(p.size)/4+32
}

// retireOut retires what belongs to entry e and lies elsewhere. flags are those of e, less what is to stay.
func (d *Dict) retireOut(e unsafe.Pointer, flags byte) {
	if flags&flagLongKey != 0 {
		d.retireBlob(blobAt(load64(unsafe.Add(e, keyAt(flags)))))
	}
	switch v := valueAt(e, load8(e, 0)); {
	case flags&flagBlob != 0:
		d.retireBlob(blobAt(load64(v)))
	case flags&flagPointer != 0:
		d.retirePtr(load32(v))
	}
}
