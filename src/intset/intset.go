// SPDX-License-Identifier: BSD-3-Clause

// Package intset is the sorted array of integers that Redis keeps small sets of numbers in. Its bytes are
// the same in memory, in RDB files and in DUMP payloads, on every platform.
package intset

import (
	"encoding/binary"
	"math"
)

// LAYOUT
//
//	| encoding, uint32: 2, 4 or 8 | elements, uint32 | element | element | ...
//
// All little-endian. Every element is as wide as the encoding says, and the encoding is that of the widest
// element that was ever in: it does not shrink. Elements are in ascending order, each once.
//
// Functions that change a set take it and return it, as append does. What comes from outside goes
// through Validate first.
//
// Counterpart: intset.c.

const headerSize = 8

// New returns an empty set.
func New() []byte { return []byte{2, 0, 0, 0, 0, 0, 0, 0} }

func width(is []byte) int { return int(binary.LittleEndian.Uint32(is)) }

// Len is the number of elements.
func Len(is []byte) int { return int(binary.LittleEndian.Uint32(is[4:])) }

func setLen(is []byte, n int) { binary.LittleEndian.PutUint32(is[4:], uint32(n)) }

func widthOf(v int64) int {
	switch {
	case v < math.MinInt32 || v > math.MaxInt32:
		return 8
	case v < math.MinInt16 || v > math.MaxInt16:
		return 4
	}
	return 2
}

func read(is []byte, i, w int) int64 {
	b := is[headerSize+i*w:]
	switch w {
	case 8:
		return int64(binary.LittleEndian.Uint64(b))
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	}
	return int64(int16(binary.LittleEndian.Uint16(b)))
}

func write(is []byte, i, w int, v int64) {
	b := is[headerSize+i*w:]
	switch w {
	case 8:
		binary.LittleEndian.PutUint64(b, uint64(v))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(v))
	default:
		binary.LittleEndian.PutUint16(b, uint16(v))
	}
}

// Get is element i, in ascending order.
func Get(is []byte, i int) int64 { return read(is, i, width(is)) }

// Max is the largest element of a set that is not empty.
func Max(is []byte) int64 { return Get(is, Len(is)-1) }

// Min is the smallest element of a set that is not empty.
func Min(is []byte) int64 { return Get(is, 0) }

// search finds v, or the index at which it would stand.
func search(is []byte, v int64) (i int, found bool) {
	return searchBetween(is, 0, Len(is), v)
}

// searchBetween is search among the elements from index lo on that stand before index hi.
func searchBetween(is []byte, lo, hi int, v int64) (i int, found bool) {
	w := width(is)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch m := read(is, mid, w); {
		case m == v:
			return mid, true
		case m < v:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false
}

// Seek finds v, or the index at which it would stand, given that it does not stand before index from. It is quick where
// that is not far away.
func Seek(is []byte, from int, v int64) (i int, found bool) {
	n, w := Len(is), width(is)
	step := 1
	lo, hi := from, from
	for hi < n {
		if m := read(is, hi, w); m == v {
			return hi, true
		} else if m > v {
			break
		}
		lo = hi + 1
		hi += step
		step *= 2
	}
	return searchBetween(is, lo, min(hi, n), v)
}

// Contains tells whether v is in the set.
func Contains(is []byte, v int64) bool {
	if widthOf(v) > width(is) {
		return false
	}
	_, found := search(is, v)
	return found
}

// Add puts v into the set; added is false if it was there.
func Add(is []byte, v int64) (_ []byte, added bool) {
	n, w := Len(is), width(is)
	if need := widthOf(v); need > w {
		// Wider than all that are there: it stands at one of the ends.
		out := make([]byte, headerSize+(n+1)*need, headerSize+(n+2)*need)
		binary.LittleEndian.PutUint32(out, uint32(need))
		shift := 0
		if v < 0 {
			write(out, 0, need, v)
			shift = 1
		} else {
			write(out, n, need, v)
		}
		for i := range n {
			write(out, i+shift, need, read(is, i, w))
		}
		setLen(out, n+1)
		return out, true
	}
	i, found := search(is, v)
	if found {
		return is, false
	}
	var pad [8]byte
	is = append(is, pad[:w]...)
	copy(is[headerSize+(i+1)*w:], is[headerSize+i*w:headerSize+n*w])
	write(is, i, w, v)
	setLen(is, n+1)
	return is, true
}

// Remove takes v out; removed is false if it was not there.
func Remove(is []byte, v int64) (_ []byte, removed bool) {
	w := width(is)
	if widthOf(v) > w {
		return is, false
	}
	i, found := search(is, v)
	if !found {
		return is, false
	}
	n := Len(is)
	copy(is[headerSize+i*w:], is[headerSize+(i+1)*w:headerSize+n*w])
	is = is[:headerSize+(n-1)*w]
	setLen(is, n-1)
	return is, true
}

// Validate tells whether b is a set; with deep, whether its elements are in order, too.
func Validate(b []byte, deep bool) bool {
	if len(b) < headerSize {
		return false
	}
	w := binary.LittleEndian.Uint32(b)
	if w != 2 && w != 4 && w != 8 {
		return false
	}
	n := binary.LittleEndian.Uint32(b[4:])
	if uint64(n)*uint64(w)+headerSize != uint64(len(b)) || n == 0 {
		return false
	}
	if !deep {
		return true
	}
	for i := 1; i < int(n); i++ {
		if read(b, i-1, int(w)) >= read(b, i, int(w)) {
			return false
		}
	}
	return true
}
