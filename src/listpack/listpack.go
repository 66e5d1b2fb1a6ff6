// SPDX-License-Identifier: BSD-3-Clause

// Package listpack is the compact list of strings and integers that Redis keeps small collections in: one
// run of bytes, the same in memory, in RDB files and in DUMP payloads, on every platform.
package listpack

import (
	"encoding/binary"
	"math"

	"redport/src/util"
)

// LAYOUT
//
//	| total bytes, uint32 | elements, uint16 | element | element | ... | 0xFF |
//
// All integers are little-endian. The number of elements is 65535 when there are that many or more; then
// it must be counted. An element is
//
//	| encoding and data | back length |
//
// where the back length is the size of the part before it, in groups of 7 bits so that it can be read
// backwards: all bytes but the first have the high bit set. Encodings:
//
//	0xxxxxxx                  integer 0..127
//	10xxxxxx <data>           string of up to 63 bytes
//	110xxxxx xxxxxxxx         integer of 13 bits, signed
//	1110xxxx xxxxxxxx <data>  string of up to 4095 bytes
//	11110000 <4 bytes> <data> string of up to 2^32-1 bytes
//	11110001 .. 11110100      integer of 16, 24, 32, 64 bits, signed
//
// A listpack is a []byte here. Functions that change one take it and return it, as append does: they
// change it in place where its capacity allows, so the caller must own the bytes. Positions are offsets
// of elements; End is the position behind the last one.
//
// Reading functions trust the bytes. What comes from outside goes through Validate first.
//
// Counterpart: listpack.c.

const (
	headerSize = 6
	eof        = 0xFF

	numUnknown = 65535

	// maxSafety is the largest listpack that is added to: sizes are 32 bits.
	maxSafety = 1 << 30

	enc6bitStr  = 0x80
	enc13bitInt = 0xC0
	enc12bitStr = 0xE0
	enc32bitStr = 0xF0
	enc16bitInt = 0xF1
	enc24bitInt = 0xF2
	enc32bitInt = 0xF3
	enc64bitInt = 0xF4
)

// End is the position of no element: behind the last, or in front of the first.
const End = -1

// New returns an empty listpack with room for capacity bytes.
func New(capacity int) []byte {
	lp := make([]byte, headerSize+1, max(capacity, headerSize+1))
	return Reset(lp)
}

// Reset makes an empty listpack in the memory of lp.
func Reset(lp []byte) []byte {
	if cap(lp) < headerSize+1 {
		lp = make([]byte, headerSize+1)
	}
	lp = lp[:headerSize+1]
	clear(lp)
	lp[headerSize] = eof
	setTotal(lp)
	return lp
}

func setTotal(lp []byte)      { binary.LittleEndian.PutUint32(lp, uint32(len(lp))) }
func num(lp []byte) int       { return int(binary.LittleEndian.Uint16(lp[4:])) }
func setNum(lp []byte, n int) { binary.LittleEndian.PutUint16(lp[4:], uint16(min(n, numUnknown))) }
func addToNum(lp []byte, d int) {
	if n := num(lp); n != numUnknown {
		setNum(lp, n+d)
	}
}

// SafeToAdd tells whether add more bytes of data keep the listpack within what is allowed.
func SafeToAdd(lp []byte, add int) bool { return len(lp)+add <= maxSafety }

// Value is an element: an integer, or a string that aliases the listpack.
type Value struct {
	Str   []byte
	Int   int64
	IsInt bool
}

// Append appends the element's text to dst.
func (v Value) Append(dst []byte) []byte {
	if v.IsInt {
		return util.AppendInt(dst, v.Int)
	}
	return append(dst, v.Str...)
}

// Bytes is the element's text: the string itself, or the number's digits in buf.
func (v Value) Bytes(buf *[20]byte) []byte {
	if v.IsInt {
		return util.AppendInt(buf[:0], v.Int)
	}
	return v.Str
}

// Len is the length of the element's text.
func (v Value) Len() int {
	if v.IsInt {
		return util.SDigits10(v.Int)
	}
	return len(v.Str)
}

// Equal tells whether the element's text is s.
func (v Value) Equal(s []byte) bool {
	if v.IsInt {
		n, ok := util.String2ll(s)
		return ok && n == v.Int
	}
	return string(v.Str) == string(s)
}

// --- Element sizes ---

// currentEncodedSize is the size of the encoding and data of the element at p.
func currentEncodedSize(lp []byte, p int) int {
	b := lp[p]
	switch {
	case b < 0x80:
		return 1
	case b < 0xC0:
		return 1 + int(b&0x3F)
	case b < 0xE0:
		return 2
	case b < 0xF0:
		return 2 + int(b&0x0F)<<8 + int(lp[p+1])
	case b == enc16bitInt:
		return 3
	case b == enc24bitInt:
		return 4
	case b == enc32bitInt:
		return 5
	case b == enc64bitInt:
		return 9
	case b == enc32bitStr:
		return 5 + int(binary.LittleEndian.Uint32(lp[p+1:]))
	}
	return 1 // the end mark
}

func backlenSize(n int) int {
	switch {
	case n <= 127:
		return 1
	case n < 16383:
		return 2
	case n < 2097151:
		return 3
	case n < 268435455:
		return 4
	}
	return 5
}

func putBacklen(b []byte, n int) int {
	size := backlenSize(n)
	for i := size - 1; i > 0; i-- {
		b[i] = byte(n&127) | 128
		n >>= 7
	}
	b[0] = byte(n)
	return size
}

// readBacklen reads the back length whose last byte is lp[p].
func readBacklen(lp []byte, p int) int {
	n, shift := 0, uint(0)
	for {
		n |= int(lp[p]&127) << shift
		if lp[p]&128 == 0 {
			return n
		}
		shift += 7
		p--
		if shift > 28 {
			return -1
		}
	}
}

// --- Walking ---

// Len is the number of elements.
func Len(lp []byte) int {
	if n := num(lp); n != numUnknown {
		return n
	}
	n := 0
	for p := First(lp); p != End; p = Next(lp, p) {
		n++
	}
	return n
}

// First is the position of the first element, or End.
func First(lp []byte) int {
	if lp[headerSize] == eof {
		return End
	}
	return headerSize
}

// Last is the position of the last element, or End.
func Last(lp []byte) int { return Prev(lp, len(lp)-1) }

// Next is the position behind the element at p, or End.
func Next(lp []byte, p int) int {
	if p = after(lp, p); lp[p] == eof {
		return End
	}
	return p
}

// Prev is the position before the element at p (or before the end mark), or End.
func Prev(lp []byte, p int) int {
	if p == headerSize {
		return End
	}
	n := readBacklen(lp, p-1)
	return p - n - backlenSize(n)
}

// Seek is the position of element index, counted from the end where negative; End if there is none.
func Seek(lp []byte, index int) int {
	n := num(lp)
	forward := true
	if n != numUnknown {
		if index < 0 {
			index += n
		}
		if index < 0 || index >= n {
			return End
		}
		if index > n/2 {
			forward = false
			index -= n
		}
	} else if index < 0 {
		forward = false
	}
	if forward {
		p := First(lp)
		for ; index > 0 && p != End; index-- {
			p = Next(lp, p)
		}
		return p
	}
	p := Last(lp)
	for ; index < -1 && p != End; index++ {
		p = Prev(lp, p)
	}
	return p
}

// Get reads the element at p.
func Get(lp []byte, p int) Value {
	switch b := lp[p]; {
	case b >= enc6bitStr && b < enc13bitInt:
		n := int(b & 0x3F)
		return Value{Str: lp[p+1 : p+1+n : p+1+n]}
	case b >= enc12bitStr && b < enc32bitStr:
		n := int(b&0x0F)<<8 | int(lp[p+1])
		return Value{Str: lp[p+2 : p+2+n : p+2+n]}
	case b == enc32bitStr:
		n := int(binary.LittleEndian.Uint32(lp[p+1:]))
		return Value{Str: lp[p+5 : p+5+n : p+5+n]}
	}
	v, _ := getInt(lp, p)
	return Value{Int: v, IsInt: true}
}

// Find returns the position of the first element whose text is s, looking at the element at p and then
// at every one after skipping skip elements (fields of a hash: skip 1). End if there is none.
//
// Small hashes and sets spend their time here, so it reads no element as a whole: sizes first, the last byte next, and
// numbers only where s is one.
func Find(lp []byte, p int, s []byte, skip int) int {
	if p == End {
		return End
	}
	short := byte(enc6bitStr | min(len(s), 63)) // what a string of that length begins with, if it is below 64
	if len(s) >= 64 {
		short = 0xFE // what nothing begins with
	}
	var last byte
	if len(s) > 0 {
		last = s[len(s)-1]
	}
	n, isInt, parsed := int64(0), false, false
	for {
		b := lp[p]
		switch {
		case b == short:
			if len(s) == 0 || lp[p+len(s)] == last && string(lp[p+1:p+1+len(s)]) == string(s) {
				return p
			}
			p += len(s) + 2
		case b >= enc6bitStr && b < enc13bitInt:
			p += int(b&0x3F) + 2
		case b >= enc12bitStr && b <= enc32bitStr:
			if v := Get(lp, p); string(v.Str) == string(s) {
				return p
			}
			p = after(lp, p)
		case b == eof:
			return End
		default:
			if !parsed {
				n, isInt = util.String2ll(s)
				parsed = true
			}
			v, size := getInt(lp, p)
			if isInt && v == n {
				return p
			}
			p += size + 1
		}
		for range skip {
			if b = lp[p]; b >= enc6bitStr && b < enc13bitInt {
				p += int(b&0x3F) + 2
			} else if b != eof {
				p = after(lp, p)
			}
		}
	}
}

// getInt is the number at p, and the size of its encoding.
func getInt(lp []byte, p int) (v int64, size int) {
	switch b := lp[p]; {
	case b < 0x80:
		return int64(b), 1
	case b < enc12bitStr:
		return int64(b&0x1F)<<59>>51 | int64(lp[p+1]), 2
	case b == enc16bitInt:
		return int64(int16(binary.LittleEndian.Uint16(lp[p+1:]))), 3
	case b == enc24bitInt:
		return int64(int32(uint32(lp[p+1])<<8|uint32(lp[p+2])<<16|uint32(lp[p+3])<<24) >> 8), 4
	case b == enc32bitInt:
		return int64(int32(binary.LittleEndian.Uint32(lp[p+1:]))), 5
	default:
		return int64(binary.LittleEndian.Uint64(lp[p+1:])), 9
	}
}

// after is the position behind the element at p: of the next one, or of the end mark.
func after(lp []byte, p int) int {
	switch b := lp[p]; {
	case b < 0x80:
		return p + 2
	case b < 0xC0:
		return p + 2 + int(b&0x3F)
	}
	n := currentEncodedSize(lp, p)
	return p + n + backlenSize(n)
}

// --- Encoding ---

func intSize(v int64) int {
	switch {
	case v >= 0 && v <= 127:
		return 1
	case v >= -4096 && v <= 4095:
		return 2
	case v >= math.MinInt16 && v <= math.MaxInt16:
		return 3
	case v >= -1<<23 && v < 1<<23:
		return 4
	case v >= math.MinInt32 && v <= math.MaxInt32:
		return 5
	}
	return 9
}

func putInt(b []byte, v int64) {
	switch intSize(v) {
	case 1:
		b[0] = byte(v)
	case 2:
		u := uint16(v) & 0x1FFF
		b[0], b[1] = byte(u>>8)|enc13bitInt, byte(u)
	case 3:
		b[0] = enc16bitInt
		binary.LittleEndian.PutUint16(b[1:], uint16(v))
	case 4:
		b[0], b[1], b[2], b[3] = enc24bitInt, byte(v), byte(v>>8), byte(v>>16)
	case 5:
		b[0] = enc32bitInt
		binary.LittleEndian.PutUint32(b[1:], uint32(v))
	default:
		b[0] = enc64bitInt
		binary.LittleEndian.PutUint64(b[1:], uint64(v))
	}
}

func strSize(n int) int {
	switch {
	case n < 64:
		return 1 + n
	case n < 4096:
		return 2 + n
	}
	return 5 + n
}

func putStr(b, s []byte) {
	n := len(s)
	switch {
	case n < 64:
		b[0] = byte(n) | enc6bitStr
		copy(b[1:], s)
	case n < 4096:
		b[0], b[1] = byte(n>>8)|enc12bitStr, byte(n)
		copy(b[2:], s)
	default:
		b[0] = enc32bitStr
		binary.LittleEndian.PutUint32(b[1:], uint32(n))
		copy(b[5:], s)
	}
}

// element is what is to be written: a string, or the integer that it spells.
type element struct {
	s     []byte
	n     int64
	isInt bool
	size  int // encoding and data
}

func stringElement(s []byte) element {
	if len(s) <= 20 {
		if n, ok := util.String2ll(s); ok {
			return intElement(n)
		}
	}
	return element{s: s, size: strSize(len(s))}
}

func intElement(n int64) element { return element{n: n, isInt: true, size: intSize(n)} }

func (e *element) total() int { return e.size + backlenSize(e.size) }

func (e *element) put(b []byte) {
	if e.isInt {
		putInt(b, e.n)
	} else {
		putStr(b, e.s)
	}
	putBacklen(b[e.size:], e.size)
}

// EntrySize is the number of bytes that s takes as an element.
func EntrySize(s []byte) int {
	e := stringElement(s)
	return e.total()
}

// --- Changing ---

// splice makes room for n bytes in place of old bytes at p.
func splice(lp []byte, p, old, n int) []byte {
	d := n - old
	size := len(lp)
	if d > 0 {
		if size+d > cap(lp) {
			grown := make([]byte, size+d, size+d+(size+d)/4)
			copy(grown, lp[:p])
			copy(grown[p+n:], lp[p+old:])
			lp = grown
			setTotal(lp)
			return lp
		}
		lp = lp[:size+d]
	}
	copy(lp[p+n:], lp[p+old:size])
	lp = lp[:size+d]
	setTotal(lp)
	return lp
}

// insert puts e at position p (len(lp)-1: the end), in place of old bytes.
func insert(lp []byte, p, old int, e element) []byte {
	lp = splice(lp, p, old, e.total())
	e.put(lp[p:])
	return lp
}

func pos(lp []byte, p int) int {
	if p == End {
		return len(lp) - 1
	}
	return p
}

// Append adds s as the last element; one that spells an integer is stored as such.
func Append(lp, s []byte) []byte {
	lp = insert(lp, len(lp)-1, 0, stringElement(s))
	addToNum(lp, 1)
	return lp
}

// AppendInt adds an integer as the last element.
func AppendInt(lp []byte, n int64) []byte {
	lp = insert(lp, len(lp)-1, 0, intElement(n))
	addToNum(lp, 1)
	return lp
}

// AppendValue adds a copy of an element of another listpack.
func AppendValue(lp []byte, v Value) []byte {
	if v.IsInt {
		return AppendInt(lp, v.Int)
	}
	// A listpack from elsewhere may hold as a string what spells an integer.
	return Append(lp, v.Str)
}

// Prepend adds s as the first element.
func Prepend(lp, s []byte) []byte {
	lp = insert(lp, headerSize, 0, stringElement(s))
	addToNum(lp, 1)
	return lp
}

// PrependInt adds an integer as the first element.
func PrependInt(lp []byte, n int64) []byte {
	lp = insert(lp, headerSize, 0, intElement(n))
	addToNum(lp, 1)
	return lp
}

// InsertBefore adds s before the element at p; End appends. The new element is then at the position that p
// had (the old end, for End).
func InsertBefore(lp []byte, p int, s []byte) []byte {
	lp = insert(lp, pos(lp, p), 0, stringElement(s))
	addToNum(lp, 1)
	return lp
}

// InsertIntBefore is InsertBefore for an integer.
func InsertIntBefore(lp []byte, p int, n int64) []byte {
	lp = insert(lp, pos(lp, p), 0, intElement(n))
	addToNum(lp, 1)
	return lp
}

// InsertAfter adds s behind the element at p.
func InsertAfter(lp []byte, p int, s []byte) []byte {
	return InsertBefore(lp, Next(lp, p), s)
}

func entryLen(lp []byte, p int) int {
	n := currentEncodedSize(lp, p)
	return n + backlenSize(n)
}

// Replace puts s in the place of the element at p, which keeps its position.
func Replace(lp []byte, p int, s []byte) []byte {
	return insert(lp, p, entryLen(lp, p), stringElement(s))
}

// ReplaceInt is Replace for an integer.
func ReplaceInt(lp []byte, p int, n int64) []byte {
	return insert(lp, p, entryLen(lp, p), intElement(n))
}

// Delete removes the element at p; next is the position of the one behind it, or End.
func Delete(lp []byte, p int) (_ []byte, next int) {
	return DeleteRangeAt(lp, p, 1)
}

// DeleteRangeAt removes up to n elements from the one at p on; next is the position of the first that
// stays behind them, or End.
func DeleteRangeAt(lp []byte, p, n int) (_ []byte, next int) {
	end, deleted := p, 0
	for deleted < n && lp[end] != eof {
		end += entryLen(lp, end)
		deleted++
	}
	lp = splice(lp, p, end-p, 0)
	addToNum(lp, -deleted)
	if lp[p] == eof {
		return lp, End
	}
	return lp, p
}

// DeleteRange removes up to n elements from element index on (negative: from the end).
func DeleteRange(lp []byte, index, n int) []byte {
	if n <= 0 {
		return lp
	}
	p := Seek(lp, index)
	if p == End {
		return lp
	}
	lp, _ = DeleteRangeAt(lp, p, n)
	return lp
}

// Merge appends the elements of other.
func Merge(lp, other []byte) []byte {
	n, m := Len(lp), Len(other)
	body := other[headerSize : len(other)-1]
	at := len(lp) - 1
	lp = splice(lp, at, 0, len(body))
	copy(lp[at:], body)
	setNum(lp, n+m)
	return lp
}

// Clone copies lp into memory of just its size.
func Clone(lp []byte) []byte { return append(make([]byte, 0, len(lp)), lp...) }

// --- Validation ---

// Validate tells whether b is a listpack. The header and the size are always checked; with deep, so is
// every element, and entry, if not nil, is asked about each with its index and the number that the header claims.
func Validate(b []byte, deep bool, entry func(lp []byte, p, index, claimed int) bool) bool {
	if len(b) < headerSize+1 || uint64(binary.LittleEndian.Uint32(b)) != uint64(len(b)) || b[len(b)-1] != eof {
		return false
	}
	if !deep {
		return true
	}
	claimed := num(b)
	count, p := 0, headerSize
	for p < len(b) && b[p] != eof {
		if !validElement(b, p) {
			return false
		}
		if entry != nil && !entry(b, p, count, claimed) {
			return false
		}
		p += entryLen(b, p)
		count++
	}
	if p != len(b)-1 {
		return false
	}
	return claimed == numUnknown || claimed == count
}

// validElement checks the element at p, and that its back length leads to its start.
func validElement(b []byte, p int) bool {
	left := len(b) - p // with the end mark
	var head int
	switch c := b[p]; {
	case c < 0xC0:
		head = 1
	case c < 0xF0:
		head = 2
	case c == enc32bitStr:
		head = 5
	case c >= enc16bitInt && c <= enc64bitInt:
		head = 1
	default:
		return false
	}
	if head > left {
		return false
	}
	n := currentEncodedSize(b, p)
	if n < 0 || n > left {
		return false
	}
	size := backlenSize(n)
	if n+size >= left {
		return false
	}
	return readBacklen(b, p+n+size-1) == n
}
