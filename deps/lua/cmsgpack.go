// SPDX-License-Identifier: BSD-3-Clause

package lua

// The cmsgpack library: MessagePack.
//
// Counterpart: lua_cmsgpack.c.

import (
	"encoding/binary"
	"math"
)

// msgpackNesting is the depth from which tables are packed as nil.
const msgpackNesting = 16

func (s *State) openCmsgpack() {
	t := s.NewTable()
	s.setFunctions(t, map[string]GoFunction{
		"pack":   s.msgpackPack,
		"unpack": func(l *L) int { return s.msgpackUnpack(l, 0, 0) },
		"unpack_one": func(l *L) int {
			offset := s.optInt(l, 2, 0)
			return s.msgpackUnpack(l, 1, offset)
		},
		"unpack_limit": func(l *L) int {
			limit := s.checkInt(l, 2)
			return s.msgpackUnpack(l, limit, s.optInt(l, 3, 0))
		},
	})
	t.RawSetString("_NAME", String("cmsgpack"))
	t.RawSetString("_VERSION", String("lua-cmsgpack 0.4.0"))
	t.RawSetString("_COPYRIGHT", String("Copyright (C) 2012, Salvatore Sanfilippo"))
	t.RawSetString("_DESCRIPTION", String("MessagePack C implementation for Lua"))
	s.globals.RawSetString("cmsgpack", s.ReadOnly(t))
}

func (s *State) msgpackPack(l *L) int {
	n := l.GetTop()
	if n == 0 {
		return s.ArgError(l, 0, "MessagePack pack needs input.")
	}
	if 2*n > maxCStack {
		return s.ArgError(l, 0, "Too many arguments for MessagePack pack.")
	}
	var b []byte
	for i := 1; i <= n; i++ {
		b = s.msgpackAppend(l, b, l.Get(i), 0)
	}
	l.Push(String(b))
	return 1
}

// appendSized appends one of three headers by the size that it carries.
func appendSized(b []byte, n int, fixMax int, fix, h16, h32 byte) []byte {
	switch {
	case n <= fixMax:
		return append(b, fix|byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, h16), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, h32), uint32(n))
}

func (s *State) msgpackAppend(l *L, b []byte, v Value, level int) []byte {
	if len(b) > maxString {
		s.Throw(l, String("not enough memory"))
	}
	s.spend(1)
	switch v := v.(type) {
	case String:
		if len(v) > 31 && len(v) <= 0xff {
			b = append(b, 0xd9, byte(len(v)))
		} else {
			b = appendSized(b, len(v), 31, 0xa0, 0xda, 0xdb)
		}
		return append(b, v...)
	case Bool:
		if v {
			return append(b, 0xc3)
		}
		return append(b, 0xc2)
	case Number:
		return msgpackNumber(b, float64(v))
	case *Table:
		if level == msgpackNesting {
			break
		}
		t := s.realTable(v)
		count, isArray := msgpackShape(t)
		if isArray {
			b = appendSized(b, count, 15, 0x90, 0xdc, 0xdd)
			for i := 1; i <= count; i++ {
				b = s.msgpackAppend(l, b, t.RawGetInt(i), level+1)
			}
			return b
		}
		b = appendSized(b, count, 15, 0x80, 0xde, 0xdf)
		for k, e := t.Next(Nil); k != Nil; k, e = t.Next(k) {
			b = s.msgpackAppend(l, b, k, level+1)
			b = s.msgpackAppend(l, b, e, level+1)
		}
		return b
	}
	return append(b, 0xc0)
}

// msgpackShape counts a table's entries and tells whether their keys are 1 to count.
func msgpackShape(t *Table) (count int, isArray bool) {
	isArray = true
	highest := 0.0
	for k, _ := t.Next(Nil); k != Nil; k, _ = t.Next(k) {
		count++
		n, ok := k.(Number)
		if f := float64(n); !ok || f <= 0 || f != math.Floor(f) || f > math.MaxInt32 {
			isArray = false
		} else {
			highest = max(highest, f)
		}
	}
	return count, isArray && highest == float64(count)
}

func msgpackNumber(b []byte, f float64) []byte {
	if f >= -0x1p63 && f < 0x1p63 && float64(int64(f)) == f {
		return msgpackInteger(b, int64(f))
	}
	if f32 := float32(f); float64(f32) == f {
		return binary.BigEndian.AppendUint32(append(b, 0xca), math.Float32bits(f32))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xcb), math.Float64bits(f))
}

func msgpackInteger(b []byte, n int64) []byte {
	switch {
	case n >= -32 && n <= 127:
		return append(b, byte(n))
	case n >= 0 && n <= 0xff:
		return append(b, 0xcc, byte(n))
	case n >= 0 && n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(n))
	case n >= 0 && n <= 0xffffffff:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(n))
	case n >= 0:
		return binary.BigEndian.AppendUint64(append(b, 0xcf), uint64(n))
	case n >= math.MinInt8:
		return append(b, 0xd0, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(b, 0xd1), uint16(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(n))
}

// --- unpacking ---

// msgpackCursor reads values. Errors are raised in l.
type msgpackCursor struct {
	s     *State
	l     *L
	b     string
	stack int // values that C would have on its stack
}

func (c *msgpackCursor) take(n int) string {
	if n > len(c.b) {
		c.s.Errorf(c.l, "Missing bytes in input.")
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}

// integer takes a big-endian integer of n bytes.
func (c *msgpackCursor) integer(n int) uint64 {
	var v uint64
	for _, x := range []byte(c.take(n)) {
		v = v<<8 | uint64(x)
	}
	return v
}

func (c *msgpackCursor) value() Value {
	c.s.spend(1)
	if c.b == "" {
		c.take(1)
	}
	c.stack++
	if c.stack > maxCStack {
		c.s.Errorf(c.l, "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)")
	}
	defer func() { c.stack-- }()
	h := c.b[0]
	switch {
	case h < 0x80:
		c.take(1)
		return Number(h)
	case h >= 0xe0:
		c.take(1)
		return Number(int8(h))
	case h < 0x90:
		c.take(1)
		return c.hash(int(h & 15))
	case h < 0xa0:
		c.take(1)
		return c.array(int(h & 15))
	case h < 0xc0:
		c.take(1)
		return String(c.take(int(h & 31)))
	}
	// A value that is cut short is missing bytes whatever its header says.
	c.take(1)
	switch h {
	case 0xc0:
		return Nil
	case 0xc2:
		return False
	case 0xc3:
		return True
	case 0xca:
		return Number(math.Float32frombits(uint32(c.integer(4))))
	case 0xcb:
		return Number(math.Float64frombits(c.integer(8)))
	case 0xcc:
		return Number(c.integer(1))
	case 0xcd:
		return Number(c.integer(2))
	case 0xce:
		return Number(c.integer(4))
	case 0xcf:
		// Lua's integers are signed: the upper half comes out negative.
		return Number(int64(c.integer(8)))
	case 0xd0:
		return Number(int8(c.integer(1)))
	case 0xd1:
		return Number(int16(c.integer(2)))
	case 0xd2:
		return Number(int32(c.integer(4)))
	case 0xd3:
		return Number(int64(c.integer(8)))
	case 0xd9:
		return String(c.take(int(c.integer(1))))
	case 0xda:
		return String(c.take(int(c.integer(2))))
	case 0xdb:
		return String(c.take(int(c.integer(4))))
	case 0xdc:
		return c.array(int(c.integer(2)))
	case 0xdd:
		return c.array(int(c.integer(4)))
	case 0xde:
		return c.hash(int(c.integer(2)))
	case 0xdf:
		return c.hash(int(c.integer(4)))
	}
	c.s.Errorf(c.l, "Bad data format in input.")
	return Nil
}

func (c *msgpackCursor) array(n int) Value {
	// The count is only a promise: room is made for what the input can hold.
	t := c.s.NewTableSize(min(n, len(c.b), 1024), 0)
	c.stack++
	if c.stack >= maxCStack {
		c.s.Errorf(c.l, "stack overflow (in function mp_decode_to_lua_array)")
	}
	for i := 1; i <= n; i++ {
		if v := c.value(); v != Nil {
			t.RawSetInt(i, v)
		}
	}
	c.stack--
	return t
}

func (c *msgpackCursor) hash(n int) Value {
	t := c.s.NewTableSize(0, min(n, 8))
	for range n {
		k := c.value()
		c.stack++
		v := c.value()
		c.stack--
		c.s.rawSet(c.l, t, k, v)
	}
	return t
}

func (s *State) msgpackUnpack(l *L, limit, offset int) int {
	str := s.checkString(l, 1)
	all := limit == 0 && offset == 0
	if offset < 0 || limit < 0 {
		return s.Errorf(l, "Invalid request to unpack with offset of %d and limit of %d.", int32(offset), int32(len(str)))
	}
	if offset > len(str) {
		return s.Errorf(l, "Start offset %d greater than input length %d.", int32(offset), int32(len(str)))
	}
	if all {
		limit = math.MaxInt32
	}
	l.SetTop(1)
	c := msgpackCursor{s: s, l: l, b: str[offset:], stack: 1}
	if !all {
		l.Push(Nil) // the next offset
	}
	n := 0
	for ; c.b != "" && n < limit; n++ {
		l.Push(c.value())
		c.stack++
	}
	if all {
		return n
	}
	next := len(str) - len(c.b)
	if c.b == "" {
		next = -1
	}
	l.Replace(2, Number(next))
	return n + 1
}
