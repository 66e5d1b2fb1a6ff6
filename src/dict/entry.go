// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"encoding/binary"
	"unsafe"
)

// entry.go - the bytes of an entry, and Entry, which points at them.
//
//	| flags | meta | klen | vlen | access 3 | key ... | expire 8 | value ... |
//	0       1      2      3      4
//
//	access  only with flagAccess: the owner's LRU or LFU word, 24 bits
//	key     klen bytes; with flagLongKey a reference to a blob, 16 bytes
//	expire  only with flagExpire: Unix time in ms
//	value   vlen bytes; with flagBlob a reference to a blob, 16 bytes; with flagPointer an index into the table of pointers, 4 bytes
//
// Nothing is aligned; all numbers are little-endian, so that one byte order is tested everywhere. The key comes as early as it
// can, to lie in the same cache line as the lengths that decide whether it is worth looking at.
//
// An entry may have grown smaller than the space it has: what is behind its end counts as dead in the page.

const (
	flagAccess  = 1 << 0
	flagExpire  = 1 << 1
	flagBlob    = 1 << 2
	flagPointer = 1 << 3
	flagLongKey = 1 << 4

	flagsOut = flagBlob | flagPointer | flagLongKey // there is more to free than the entry

	entryHeader = 4
	accessSize  = 3
	expireSize  = 8
	blobRefSize = 16 // address, length
	ptrRefSize  = 4

	maxInlineKey   = 255
	maxInlineValue = 128
)

func load16(p unsafe.Pointer) uint16     { return binary.LittleEndian.Uint16((*[2]byte)(p)[:]) }
func load32(p unsafe.Pointer) uint32     { return binary.LittleEndian.Uint32((*[4]byte)(p)[:]) }
func load64(p unsafe.Pointer) uint64     { return binary.LittleEndian.Uint64((*[8]byte)(p)[:]) }
func store16(p unsafe.Pointer, x uint16) { binary.LittleEndian.PutUint16((*[2]byte)(p)[:], x) }
func store32(p unsafe.Pointer, x uint32) { binary.LittleEndian.PutUint32((*[4]byte)(p)[:], x) }
func store64(p unsafe.Pointer, x uint64) { binary.LittleEndian.PutUint64((*[8]byte)(p)[:], x) }
func load8(p unsafe.Pointer, i int) byte { return *(*byte)(unsafe.Add(p, i)) }
func store8(p unsafe.Pointer, i int, x byte) {
	*(*byte)(unsafe.Add(p, i)) = x
}

func bytesAt(p unsafe.Pointer, n int) []byte { return unsafe.Slice((*byte)(p), n) }

// pointer turns an address that was kept in a block into a pointer. The allocator keeps its target alive.
func pointer(u uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&u)) }

// accessLen is accessSize or 0.
func accessLen(flags byte) int { return int(flags&flagAccess) * accessSize }

// expireLen is expireSize or 0.
func expireLen(flags byte) int { return int(flags&flagExpire) * (expireSize / flagExpire) }

// keyAt returns the offset of the key field.
func keyAt(flags byte) int { return entryHeader + accessLen(flags) }

// keyFieldLen returns the length of the key field of entry e.
func keyFieldLen(e unsafe.Pointer, flags byte) int {
	if flags&flagLongKey != 0 {
		return blobRefSize
	}
	return int(load8(e, 2))
}

// valueFieldLen returns the length of the value field of entry e.
func valueFieldLen(e unsafe.Pointer, flags byte) int {
	switch flags & (flagBlob | flagPointer) {
	case 0:
		return int(load8(e, 3))
	case flagBlob:
		return blobRefSize
	}
	return ptrRefSize
}

// entrySize returns the length of entry e.
func entrySize(e unsafe.Pointer) int {
	flags := load8(e, 0)
	return keyAt(flags) + keyFieldLen(e, flags) + expireLen(flags) + valueFieldLen(e, flags)
}

// valueAt returns where the value field of entry e is.
func valueAt(e unsafe.Pointer, flags byte) unsafe.Pointer {
	return unsafe.Add(e, keyAt(flags)+keyFieldLen(e, flags)+expireLen(flags))
}

// entryKey returns the key of entry e.
func entryKey(e unsafe.Pointer) []byte {
	flags := load8(e, 0)
	k := unsafe.Add(e, keyAt(flags))
	if flags&flagLongKey != 0 {
		return bytesAt(unsafe.Add(pointer(uintptr(load64(k))), longKeyHeader), int(load64(unsafe.Add(k, 8))))
	}
	return bytesAt(k, int(load8(e, 2)))
}

// entryExpire returns the expiry of entry e, -1 for none.
func entryExpire(e unsafe.Pointer) int64 {
	flags := load8(e, 0)
	if flags&flagExpire == 0 {
		return -1
	}
	return int64(load64(unsafe.Add(e, keyAt(flags)+keyFieldLen(e, flags))))
}

// hasKey tells whether the key of entry e is key, whose hash is h.
func hasKey(e unsafe.Pointer, h uint64, key []byte) bool {
	flags := load8(e, 0)
	k := unsafe.Add(e, keyAt(flags))
	if flags&flagLongKey == 0 {
		return int(load8(e, 2)) == len(key) && string(bytesAt(k, len(key))) == string(key)
	}
	if load64(unsafe.Add(k, 8)) != uint64(len(key)) {
		return false
	}
	b := pointer(uintptr(load64(k)))
	return longKeyHash(b) == h && string(bytesAt(unsafe.Add(b, longKeyHeader), len(key))) == string(key)
}

// --- Entry ---

// Entry is a position in a Dict: an entry, or, if Ok is false, the place where Insert would put one. It is valid until the next write
// to the Dict, and so is the memory that Key and Value return.
type Entry struct {
	e  unsafe.Pointer // nil: no such key
	pg *page          // where e lies
	d  *Dict
	h  uint64 // of the key, 0 if not known (or 0)
}

// Ok tells whether there is an entry.
func (e Entry) Ok() bool { return e.e != nil }

// Key returns the key, which must not be written to.
func (e Entry) Key() []byte { return entryKey(e.e) }

// Value returns the bytes of the value, which must not be written to (see Writable); nil for a pointer.
func (e Entry) Value() []byte {
	flags := load8(e.e, 0)
	v := valueAt(e.e, flags)
	switch flags & (flagBlob | flagPointer) {
	case 0:
		return bytesAt(v, int(load8(e.e, 3)))
	case flagBlob:
		return bytesAt(unsafe.Add(pointer(uintptr(load64(v))), blobHeader), int(load64(unsafe.Add(v, 8))))
	}
	return nil
}

// Meta returns the owner's byte.
func (e Entry) Meta() uint8 { return load8(e.e, 1) }

// IsPointer tells whether the value is a pointer.
func (e Entry) IsPointer() bool { return load8(e.e, 0)&flagPointer != 0 }

// Pointer returns the pointer value, nil if the value is bytes.
func (e Entry) Pointer() unsafe.Pointer {
	flags := load8(e.e, 0)
	if flags&flagPointer == 0 {
		return nil
	}
	return e.d.ptrs.at(load32(valueAt(e.e, flags)))
}

// Expire returns the expiry in Unix ms, -1 if there is none.
func (e Entry) Expire() int64 { return entryExpire(e.e) }

// Access returns the access word, 0 where the Type has none.
func (e Entry) Access() uint32 {
	if load8(e.e, 0)&flagAccess == 0 {
		return 0
	}
	return uint32(load16(unsafe.Add(e.e, 4))) | uint32(load8(e.e, 6))<<16
}

// ValueCap returns how many bytes the value could have without being moved.
func (e Entry) ValueCap() int {
	flags := load8(e.e, 0)
	if flags&flagBlob != 0 {
		return blobAt(load64(valueAt(e.e, flags))).cap()
	}
	return len(e.Value())
}

// Size returns the bytes that the entry takes: its own, its place in the index of the page, and its blobs. What a
// pointer value points at is not counted.
func (e Entry) Size() int {
	flags := load8(e.e, 0)
	n := entrySize(e.e) + groupSize/groupLen
	if flags&flagBlob != 0 {
		n += int(blobAt(load64(valueAt(e.e, flags))).size)
	}
	if flags&flagLongKey != 0 {
		n += int(blobAt(load64(unsafe.Add(e.e, keyAt(flags)))).size)
	}
	if flags&flagPointer != 0 {
		n += int(unsafe.Sizeof(uintptr(0)))
	}
	return n
}

// hash returns the hash of the entry's key.
func (e Entry) hash() uint64 {
	if e.h != 0 {
		return e.h
	}
	return e.d.hashOf(e.e)
}

func storeAccess(e unsafe.Pointer, a uint32) {
	store16(unsafe.Add(e, 4), uint16(a))
	store8(e, 6, byte(a>>16))
}
