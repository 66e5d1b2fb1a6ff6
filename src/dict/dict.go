// SPDX-License-Identifier: BSD-3-Clause

// Package dict is the paged dictionary that holds the keyspace and big collections.
package dict

import (
	"hash/maphash"
	"maps"
	"slices"
	"unsafe"

	"redport/src/epoch"
)

// Type says what entries carry.
type Type struct {
	Access      bool                 // 24 bits of LRU/LFU a entry
	FreePointer func(unsafe.Pointer) // called, from the reclaiming goroutine, for pointer values of a released Dict; may be nil
}

// Value is what an entry maps to: bytes, or a pointer where Pointer is not nil.
type Value struct {
	Meta    uint8 // the owner's
	Bytes   []byte
	Pointer unsafe.Pointer
}

type item struct {
	hash   uint64
	key    string
	v      Value
	expire int64
	access uint32
}

// Dict maps byte strings to Values.
type Dict struct {
	clk    *epoch.Clock
	t      *Type
	m      map[string]*item
	vol    int
	bytes  int64
	sorted []*item // hash order, nil when stale
}

// Entry is a position in a Dict, valid until the next write to it.
type Entry struct {
	it *item
	h  uint64
}

// New returns an empty Dict.
func New(clk *epoch.Clock, t *Type) *Dict { return &Dict{clk: clk, t: t, m: map[string]*item{}} }

var seed = maphash.MakeSeed()

// Hash returns the process's keyed hash of key.
func Hash(key []byte) uint64 { return maphash.Bytes(seed, key) }

func (d *Dict) Len() int      { return len(d.m) }
func (d *Dict) Expiring() int { return d.vol }
func (d *Dict) Bytes() int64  { return d.bytes }
func (d *Dict) Pages() int    { return len(d.m) / 40 }

func (e Entry) Ok() bool                { return e.it != nil }
func (e Entry) Key() []byte             { return []byte(e.it.key) }
func (e Entry) Value() []byte           { return e.it.v.Bytes }
func (e Entry) Meta() uint8             { return e.it.v.Meta }
func (e Entry) IsPointer() bool         { return e.it.v.Pointer != nil }
func (e Entry) Pointer() unsafe.Pointer { return e.it.v.Pointer }
func (e Entry) Expire() int64           { return e.it.expire }
func (e Entry) Access() uint32          { return e.it.access }
func (e Entry) ValueCap() int           { return cap(e.it.v.Bytes) }

// Size returns the bytes that the entry holds, what a pointer value points at excluded.
func (e Entry) Size() int { return len(e.it.key) + cap(e.it.v.Bytes) + 16 }

// Find returns the entry of key; where there is none, one whose Ok is false and that Insert takes.
func (d *Dict) Find(h uint64, key []byte) Entry { return Entry{d.m[string(key)], h} }

func (d *Dict) Insert(e Entry, key []byte, v Value, access uint32) Entry {
	v.Bytes = slices.Clone(v.Bytes)
	it := &item{e.h, string(key), v, -1, access}
	d.m[it.key] = it
	d.sorted = nil
	d.bytes += int64(Entry{it, e.h}.Size())
	return Entry{it, e.h}
}

func (d *Dict) Replace(e Entry, v Value) Entry {
	d.bytes -= int64(e.Size())
	v.Bytes = slices.Clone(v.Bytes)
	e.it.v = v
	d.bytes += int64(e.Size())
	return e
}

func (d *Dict) SetMeta(e Entry, meta uint8) Entry { e.it.v.Meta = meta; return e }

func (d *Dict) SetExpire(e Entry, ms int64) Entry {
	if e.it.expire >= 0 {
		d.vol--
	}
	if ms >= 0 {
		d.vol++
	}
	e.it.expire = ms
	return e
}

func (d *Dict) SetAccess(e Entry, a uint32) bool { e.it.access = a; return true }

func (d *Dict) Writable(e Entry) (Entry, []byte) { return e, e.it.v.Bytes }

func (d *Dict) Resize(e Entry, n int) (Entry, []byte) {
	d.bytes -= int64(e.Size())
	b := e.it.v.Bytes
	if n > len(b) {
		b = append(b, make([]byte, n-len(b))...)
	}
	e.it.v.Bytes = b[:n]
	d.bytes += int64(e.Size())
	return e, e.it.v.Bytes
}

func (d *Dict) Delete(e Entry) {
	if e.it.expire >= 0 {
		d.vol--
	}
	d.bytes -= int64(e.Size())
	delete(d.m, e.it.key)
	d.sorted = nil
}

func (d *Dict) order() []*item {
	if d.sorted == nil {
		d.sorted = slices.SortedFunc(maps.Values(d.m), func(a, b *item) int {
			if a.hash < b.hash {
				return -1
			} else if a.hash > b.hash {
				return 1
			}
			return 0
		})
	}
	return d.sorted
}

func (d *Dict) Scan(cursor uint64, count int, fn func(Entry)) uint64 {
	for _, it := range d.order() {
		if it.hash>>16 < cursor {
			continue
		}
		if count <= 0 && it.hash>>16 > cursor {
			return it.hash >> 16
		}
		fn(Entry{it, it.hash})
		cursor = it.hash >> 16
		count--
	}
	return 0
}

func (d *Dict) All(fn func(Entry) bool) {
	for _, it := range d.order() {
		if !fn(Entry{it, it.hash}) {
			return
		}
	}
}

// Iter walks entries in hash order; no writes may happen meanwhile.
type Iter struct {
	items []*item
	e     Entry
}

// Iter returns an iterator before the first entry.
func (d *Dict) Iter() Iter { return Iter{items: d.order()} }

// Next moves to the next entry and reports whether there is one.
func (it *Iter) Next() bool {
	if len(it.items) == 0 {
		return false
	}
	it.e = Entry{it.items[0], it.items[0].hash}
	it.items = it.items[1:]
	return true
}

// Entry returns the current entry.
func (it *Iter) Entry() Entry { return it.e }

func (d *Dict) Random(r func() uint64) Entry {
	if len(d.m) == 0 {
		return Entry{}
	}
	o := d.order()
	it := o[r()%uint64(len(o))]
	return Entry{it, it.hash}
}

func (d *Dict) Sample(r func() uint64, n int, volatile bool, fn func(Entry)) int {
	o := d.order()
	done := 0
	if len(o) == 0 {
		return 0
	}
	s := int(r() % uint64(len(o)))
	for i := range o {
		it := o[(s+i)%len(o)]
		if done == n {
			break
		}
		if volatile && it.expire < 0 {
			continue
		}
		fn(Entry{it, it.hash})
		done++
	}
	return done
}

func (d *Dict) Due(cursor uint64, now int64, limit int, fn func(Entry)) uint64 {
	for _, it := range d.order() {
		if it.hash>>16 >= cursor && it.expire >= 0 && it.expire <= now {
			fn(Entry{it, it.hash})
		}
	}
	return 0
}

func (d *Dict) Release() {
	*d = Dict{clk: d.clk, t: d.t, m: map[string]*item{}}
}

// View is a Dict as it was when the snapshot was taken; any goroutine, until the snapshot's Release.
type View struct{ d *Dict }

func (d *Dict) Snapshot(s *epoch.Snapshot) *View {
	c := New(d.clk, d.t)
	for k, it := range d.m {
		x := *it
		x.v.Bytes = slices.Clone(x.v.Bytes)
		c.m[k] = &x
	}
	c.order()
	return &View{c}
}

func (v *View) Len() int                        { return v.d.Len() }
func (v *View) Expiring() int                   { return v.d.Expiring() }
func (v *View) All(fn func(Entry) bool)         { v.d.All(fn) }
func (v *View) Iter() Iter                      { return v.d.Iter() }
func (v *View) Find(h uint64, key []byte) Entry { return v.d.Find(h, key) }

// Stats describes the shape of a Dict (DEBUG HTSTATS).
type Stats struct {
	Nodes, Pages, Entries int
	Depth                 int // nodes on the longest path
	PageBytes             int64
	Fill                  [65]int // pages by number of entries, the last: that or more
}

func (d *Dict) Stats() Stats { return Stats{Entries: len(d.m)} }
