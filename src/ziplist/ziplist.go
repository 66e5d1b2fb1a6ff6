// SPDX-License-Identifier: BSD-3-Clause

// Package ziplist reads the list of strings and integers that Redis before 7.0 kept small collections in,
// and that RDB files and DUMP payloads of that time contain. Nothing makes new ones but tests.
package ziplist

import (
	"encoding/binary"
	"errors"
	"iter"

	"redport/src/listpack"
)

// LAYOUT
//
//	| total bytes, uint32 | offset of the last entry, uint32 | entries, uint16 | entry | entry | ... | 0xFF |
//
// The number of entries is 65535 when there are that many or more. An entry is
//
//	| size of the entry before it | encoding | data |
//
// where the size takes one byte up to 253, and 0xFE with four bytes beyond (or for no reason: it does not
// shrink again). Encodings:
//
//	00xxxxxx                    string of up to 63 bytes
//	01xxxxxx xxxxxxxx           string of up to 16383 bytes, the length big-endian
//	10...... <4 bytes>          longer string, the length big-endian
//	11000000 <2 bytes>          integer of 16 bits, signed
//	11010000 <4 bytes>          integer of 32 bits
//	11100000 <8 bytes>          integer of 64 bits
//	11110000 <3 bytes>          integer of 24 bits
//	11111110 <1 byte>           integer of 8 bits
//	1111xxxx, 0001 to 1101      integer 0 to 12
//
// Everything else is little-endian. Entries are handed out as listpack values, because that is what they
// are turned into.
//
// Counterpart: ziplist.c.

const (
	headerSize = 10
	end        = 0xFF
	bigPrevLen = 0xFE
	numUnknown = 65535
)

// What Validate says.
var (
	ErrHeader = errors.New("ziplist: bad header")
	ErrEntry  = errors.New("ziplist: bad entry")
	ErrCount  = errors.New("ziplist: wrong number of entries")
	ErrTail   = errors.New("ziplist: wrong offset of the last entry")
)

// entry is one that was decoded: the size stated for the one before it, its own, and its value.
type entry struct {
	prevSize uint32
	size     int
	value    listpack.Value
}

// decode reads the entry at the beginning of b, which reaches up to, and without, the end mark.
func decode(b []byte) (e entry, ok bool) {
	if len(b) == 0 {
		return e, false
	}
	n := 1
	e.prevSize = uint32(b[0])
	if b[0] >= bigPrevLen {
		if len(b) < 5 {
			return e, false
		}
		e.prevSize = binary.LittleEndian.Uint32(b[1:])
		n = 5
	}
	b = b[n:]
	if len(b) == 0 {
		return e, false
	}
	c := b[0]
	if c < 0xC0 {
		var head int
		var length uint64
		switch {
		case c < 0x40:
			head, length = 1, uint64(c)
		case c < 0x80 && len(b) >= 2:
			head, length = 2, uint64(c&0x3F)<<8|uint64(b[1])
		case c >= 0x80 && len(b) >= 5:
			head, length = 5, uint64(binary.BigEndian.Uint32(b[1:]))
		default:
			return e, false
		}
		if length > uint64(len(b)-head) {
			return e, false
		}
		stop := head + int(length)
		e.value.Str = b[head:stop:stop]
		e.size = n + stop
		return e, true
	}
	size := intSize(c)
	if size < 0 || len(b) < 1+size {
		return e, false
	}
	e.value.IsInt = true
	e.size = n + 1 + size
	switch d := b[1:]; size {
	case 0:
		e.value.Int = int64(c&0x0F) - 1
	case 1:
		e.value.Int = int64(int8(d[0]))
	case 2:
		e.value.Int = int64(int16(binary.LittleEndian.Uint16(d)))
	case 3:
		e.value.Int = int64(int32(uint32(d[0])<<8|uint32(d[1])<<16|uint32(d[2])<<24) >> 8)
	case 4:
		e.value.Int = int64(int32(binary.LittleEndian.Uint32(d)))
	case 8:
		e.value.Int = int64(binary.LittleEndian.Uint64(d))
	}
	return e, true
}

// intSize is the number of bytes of data of an integer's encoding; -1 if it is none.
func intSize(c byte) int {
	switch {
	case c == 0xC0:
		return 2
	case c == 0xD0:
		return 4
	case c == 0xE0:
		return 8
	case c == 0xF0:
		return 3
	case c == 0xFE:
		return 1
	case c >= 0xF1 && c <= 0xFD:
		return 0
	}
	return -1
}

// Len is the number of entries of a valid ziplist.
func Len(b []byte) int {
	if n := binary.LittleEndian.Uint16(b[8:]); n != numUnknown {
		return int(n)
	}
	n := 0
	for range All(b) {
		n++
	}
	return n
}

// All walks the entries of a ziplist that has passed Validate with deep; strings alias b.
func All(b []byte) iter.Seq[listpack.Value] {
	return func(yield func(listpack.Value) bool) {
		for b := b[headerSize : len(b)-1]; ; {
			e, ok := decode(b)
			if !ok || !yield(e.value) {
				return
			}
			b = b[e.size:]
		}
	}
}

// Validate tells whether b is a ziplist. Header, size and end are always checked; with deep, so is every entry, and fn, if
// not nil, is asked about each: an error of its ends the walk and is returned. claimed is the number of entries
// by the header, 65535 if that does not say (C: ziplistValidateIntegrity).
func Validate(b []byte, deep bool, fn func(v listpack.Value, claimed int) error) error {
	if len(b) < headerSize+1 || uint64(binary.LittleEndian.Uint32(b)) != uint64(len(b)) || b[len(b)-1] != end {
		return ErrHeader
	}
	tail := uint64(binary.LittleEndian.Uint32(b[4:]))
	if tail > uint64(len(b)-1) {
		return ErrHeader
	}
	if !deep {
		return nil
	}
	claimed := int(binary.LittleEndian.Uint16(b[8:]))
	count, p, last, prevSize := 0, headerSize, -1, 0
	for b[p] != end {
		e, ok := decode(b[p : len(b)-1])
		if !ok || uint64(e.prevSize) != uint64(prevSize) {
			return ErrEntry
		}
		if fn != nil {
			if err := fn(e.value, claimed); err != nil {
				return err
			}
		}
		last, prevSize = p, e.size
		p += e.size
		count++
	}
	switch {
	case p != len(b)-1:
		return ErrEntry
	case last >= 0 && tail != uint64(last):
		return ErrTail
	case claimed != numUnknown && claimed != count:
		return ErrCount
	}
	return nil
}
