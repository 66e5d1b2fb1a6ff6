// SPDX-License-Identifier: BSD-3-Clause

// Package zipmap reads the map of strings that Redis before 2.6 kept small hashes in, and that RDB files
// and DUMP payloads of that time contain. Nothing makes new ones but tests.
package zipmap

import (
	"encoding/binary"
	"errors"
	"iter"
)

// LAYOUT
//
//	| pairs, 1 byte | length | field | length | free, 1 byte | value | free bytes | length | field ... | 0xFF |
//
// The number of pairs is 254 when there are that many or more. A length is one byte up to 253, or 0xFE and
// four bytes, little-endian. free is the number of unused bytes behind a value: what was left
// when a shorter one took its place.
//
// Counterpart: zipmap.c.

const (
	bigLen = 254
	end    = 255
)

// ErrCorrupt says that the bytes are no zipmap.
var ErrCorrupt = errors.New("zipmap: corrupt")

// length reads a length at the beginning of b, and tells how many bytes it took.
func length(b []byte) (n uint64, size int, ok bool) {
	switch {
	case len(b) == 0:
		return 0, 0, false
	case b[0] < bigLen:
		return uint64(b[0]), 1, true
	case len(b) < 5:
		return 0, 0, false
	}
	return uint64(binary.LittleEndian.Uint32(b[1:])), 5, true
}

// pair reads the pair at the beginning of b, which reaches up to, and without, the last byte. size is that
// of both with all that belongs to them.
func pair(b []byte) (field, value []byte, size int, ok bool) {
	n, head, ok := length(b)
	if !ok || n > uint64(len(b)-head) {
		return nil, nil, 0, false
	}
	p := head + int(n)
	field = b[head:p:p]
	n, head, ok = length(b[p:])
	p += head
	if !ok || p >= len(b) {
		return nil, nil, 0, false
	}
	free := uint64(b[p])
	p++
	if n+free > uint64(len(b)-p) {
		return nil, nil, 0, false
	}
	stop := p + int(n)
	return field, b[p:stop:stop], stop + int(free), true
}

// All walks the pairs of a zipmap that has passed Validate with deep; field and value alias b.
func All(b []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(field, value []byte) bool) {
		for p := 1; b[p] != end; {
			field, value, size, ok := pair(b[p : len(b)-1])
			if !ok || !yield(field, value) {
				return
			}
			p += size
		}
	}
}

// Len is the number of pairs of a zipmap that has passed Validate with deep.
func Len(b []byte) int {
	if b[0] < bigLen {
		return int(b[0])
	}
	n := 0
	for range All(b) {
		n++
	}
	return n
}

// Validate tells whether b is a zipmap. The end is always checked; with deep, so are all pairs, of which there must be
// one at least. Whether a field appears twice is the caller's to find out (C: zipmapValidateIntegrity).
func Validate(b []byte, deep bool) error {
	if len(b) < 2 || b[len(b)-1] != end {
		return ErrCorrupt
	}
	if !deep {
		return nil
	}
	count, p := 0, 1
	for b[p] != end {
		_, _, size, ok := pair(b[p : len(b)-1])
		if !ok {
			return ErrCorrupt
		}
		p += size
		count++
	}
	if count == 0 || p != len(b)-1 || b[0] != bigLen && int(b[0]) != count {
		return ErrCorrupt
	}
	return nil
}
