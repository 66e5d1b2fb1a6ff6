// SPDX-License-Identifier: BSD-3-Clause

package listpack

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// element.go - for those who manage the memory of a listpack themselves, and need not move all of it to change one end: the
// nodes of a list. Also Repr, which shows a listpack to humans.

// HeaderSize and EndSize are what a listpack has around its elements; MinSize is the size of an empty one.
const (
	HeaderSize = headerSize
	EndSize    = 1
	MinSize    = headerSize + EndSize
)

// Element is a string that was looked at, and is ready to be stored.
type Element struct{ e element }

// NewElement decides how s is stored.
func NewElement(s []byte) Element { return Element{stringElement(s)} }

// Size is the number of bytes that the element takes.
func (e *Element) Size() int { return e.e.total() }

// Put writes the element to the first Size() bytes of b.
func (e *Element) Put(b []byte) { e.e.put(b) }

// SetHeader writes the header of lp, whose size is len(lp) and whose elements are n.
func SetHeader(lp []byte, n int) {
	setTotal(lp)
	setNum(lp, n)
}

// SetEnd writes the end mark of lp.
func SetEnd(lp []byte) { lp[len(lp)-1] = eof }

// SizeAt is the number of bytes that the element at p takes.
func SizeAt(lp []byte, p int) int { return entryLen(lp, p) }

// Repr describes a listpack element by element, as DEBUG LISTPACK does.
func Repr(lp []byte) string {
	var w strings.Builder
	fmt.Fprintf(&w, "{total bytes %d} {num entries %d}\n", binary.LittleEndian.Uint32(lp), Len(lp))
	index := 0
	for p := First(lp); p != End; p = Next(lp, p) {
		size := currentEncodedSize(lp, p)
		back := backlenSize(size)
		head := headSize(lp[p])
		fmt.Fprintf(&w, "{\n\taddr: 0x%08x,\n\tindex: %2d,\n\toffset: %d,\n\thdr+entrylen+backlen: %2d,\n\thdrlen: %3d,\n\tbacklen: %2d,\n\tpayload: %d\n\tbytes: ",
			p, index, p, size+back, head, back, size-head)
		for _, b := range lp[p : p+size+back] {
			fmt.Fprintf(&w, "%02x|", b)
		}
		text := Get(lp, p).Append(nil)
		if len(text) > 40 {
			text = append(text[:40:40], "..."...)
		}
		fmt.Fprintf(&w, "\n\t[str]%s\n}\n", text)
		index++
	}
	w.WriteString("{end}\n\n")
	return w.String()
}

// headSize is the number of bytes that come before the data of an element that begins with b.
func headSize(b byte) int {
	switch {
	case b < 0xC0, b >= enc16bitInt && b <= enc64bitInt:
		return 1
	case b < 0xF0:
		return 2
	case b == enc32bitStr:
		return 5
	}
	return 1
}

// Short is a quick look at the element at p: if it is a string of up to 63 bytes, it is returned with the position behind it, be that
// another element or the end mark; else next is 0.
func Short(lp []byte, p int) (s []byte, next int) {
	if b := lp[p]; b&0xC0 == enc6bitStr {
		next = p + 2 + int(b&0x3F)
		return lp[p+1 : next-1], next
	}
	return nil, 0
}

// Integer tells whether s spells an integer, so that it is stored as one.
func Integer(s []byte) (n int64, ok bool) {
	e := stringElement(s)
	return e.n, e.isInt
}
