// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"strconv"
	"strings"

	"redport/deps/fpconv"
	"redport/src/intset"
	"redport/src/listpack"
	"redport/src/util"
)

// object_packed.go - what can be asked of a packed value, one whose listpack or intset lies in the keyspace as bytes.
//
// For collections that are Go objects the interfaces collection, digestable and debugDescriber answer the same questions; here
// type and encoding decide. Bytes that come in are trusted: they are ours, or were validated when they were loaded.

// packedEncoding tells whether values of the encoding are bytes in the keyspace, no objects.
func packedEncoding(encoding uint8) bool {
	switch encoding {
	case objEncodingListpack, objEncodingListpackEx, objEncodingIntset:
		return true
	}
	return false
}

// packedLength is the number of elements, fields or members of a packed value.
func packedLength(typ, encoding uint8, b []byte) int {
	switch encoding {
	case objEncodingIntset:
		return intset.Len(b)
	case objEncodingListpackEx:
		return listpack.Len(b) / 3
	case objEncodingListpack:
		n := listpack.Len(b)
		if typ == objHash || typ == objZset {
			n /= 2
		}
		return n
	}
	return 0
}

// packedDigest mixes the elements of a packed value into a digest, as DEBUG DIGEST wants them.
func packedDigest(d *objectDigest, typ, encoding uint8, b []byte) {
	var buf, buf2 [20]byte
	switch encoding {
	case objEncodingIntset:
		for i, n := 0, intset.Len(b); i < n; i++ {
			d.xor(strconv.AppendInt(buf[:0], intset.Get(b, i), 10))
		}
	case objEncodingListpack:
		for p := listpack.First(b); p != listpack.End; p = listpack.Next(b, p) {
			v := listpack.Get(b, p)
			switch typ {
			case objList:
				d.mix(v.Bytes(&buf))
			case objSet:
				d.xor(v.Bytes(&buf))
			case objHash, objZset:
				p = listpack.Next(b, p)
				second := listpack.Get(b, p)
				if typ == objHash {
					d.field(v.Bytes(&buf), second.Bytes(&buf2), false)
				} else {
					d.pair(v.Bytes(&buf), digestScore(packedScore(second)))
				}
			}
		}
	case objEncodingListpackEx:
		// Field, value, expiry.
		for p := listpack.First(b); p != listpack.End; p = listpack.Next(b, p) {
			field := listpack.Get(b, p)
			p = listpack.Next(b, p)
			value := listpack.Get(b, p)
			p = listpack.Next(b, p)
			d.field(field.Bytes(&buf), value.Bytes(&buf2), listpack.Get(b, p).Int != 0)
		}
	}
}

// pair adds two strings that belong together, regardless of the order of pairs.
func (d *objectDigest) pair(a, b []byte) {
	var e objectDigest
	e.mix(a)
	e.mix(b)
	d.xor(e[:])
}

// digestScore is a score as digests contain it.
func digestScore(score float64) []byte { return fpconv.AppendDtoa(nil, score) }

// packedScore is the score that an element of a sorted set's listpack holds. In one that came from outside it may be anything: what it begins
// with counts, and 0 if that is no number.
func packedScore(v listpack.Value) float64 {
	if v.IsInt {
		return float64(v.Int)
	}
	text := v.Str[:min(len(v.Str), 127)] // the size of C's buffer
	for ; len(text) > 0; text = text[:len(text)-1] {
		if score, ok := util.ParseDecimal(text); ok {
			return score
		}
	}
	return 0
}

// listpackRepr describes a listpack: its sizes, and its elements with their positions.
func listpackRepr(b []byte) string {
	var s strings.Builder
	fmt.Fprintf(&s, "{total bytes %d} {num entries %d}\n", len(b), listpack.Len(b))
	i := 0
	for p := listpack.First(b); p != listpack.End; p = listpack.Next(b, p) {
		v := listpack.Get(b, p)
		if v.IsInt {
			fmt.Fprintf(&s, "{index %d} {offset %d} [int] %d\n", i, p, v.Int)
		} else {
			fmt.Fprintf(&s, "{index %d} {offset %d} [str] %q\n", i, p, v.Str)
		}
		i++
	}
	return s.String()
}
