// SPDX-License-Identifier: BSD-3-Clause

package lua

// The struct library: packed binary data.
//
// Counterpart: lua_struct.c. The native byte order is little endian and long has eight
// bytes, whatever the machine, as packed data travels.

import (
	"encoding/binary"
	"math"
	"strings"
)

const (
	structMaxInt   = 32 // bytes of the longest integer
	structMaxAlign = 8
)

func (s *State) openStruct() {
	t := s.NewTable()
	s.setFunctions(t, map[string]GoFunction{
		"pack":   s.structPack,
		"unpack": s.structUnpack,
		"size":   s.structSize,
	})
	s.globals.RawSetString("struct", s.ReadOnly(t))
}

// layout walks a format.
type layout struct {
	s     *State
	l     *L
	fmt   string
	big   bool
	align int
}

// next takes an option and its size.
func (f *layout) next() (opt byte, size int) {
	opt = f.fmt[0]
	f.fmt = f.fmt[1:]
	switch opt {
	case 'b', 'B', 'x':
		size = 1
	case 'h', 'H':
		size = 2
	case 'l', 'L', 'T', 'd':
		size = 8
	case 'f':
		size = 4
	case 'c':
		size = f.number(1)
	case 'i', 'I':
		size = f.number(4)
		if size > structMaxInt {
			f.s.Errorf(f.l, "integral size %d is larger than limit of %d", size, structMaxInt)
		}
	}
	return opt, size
}

func (f *layout) number(def int) int {
	if f.fmt == "" || !isDigit(int(f.fmt[0])) {
		return def
	}
	n := 0
	for f.fmt != "" && isDigit(int(f.fmt[0])) {
		d := int(f.fmt[0] - '0')
		if n > (math.MaxInt32-d)/10 {
			f.s.Errorf(f.l, "integral size overflow")
		}
		n = n*10 + d
		f.fmt = f.fmt[1:]
	}
	return n
}

// padding is what aligns an option of a size at pos.
func (f *layout) padding(pos int, opt byte, size int) int {
	if size == 0 || opt == 'c' {
		return 0
	}
	size = min(size, f.align)
	return (size - pos&(size-1)) & (size - 1)
}

// control handles what is no data.
func (f *layout) control(opt byte) {
	switch opt {
	case ' ':
	case '>':
		f.big = true
	case '<':
		f.big = false
	case '!':
		a := f.number(structMaxAlign)
		if a <= 0 || a&(a-1) != 0 {
			f.s.Errorf(f.l, "alignment %d is not a power of 2", a)
		}
		f.align = a
	default:
		f.s.ArgError(f.l, 1, "invalid format option '"+string([]byte{opt})+"'")
	}
}

func (f *layout) order() binary.AppendByteOrder {
	if f.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func (s *State) layout(l *L) *layout {
	return &layout{s: s, l: l, fmt: cutPattern(s.checkString(l, 1)), align: 1}
}

func (s *State) structPack(l *L) int {
	f := s.layout(l)
	arg := 2
	l.Push(Nil) // what C has behind the arguments
	var b []byte
	for f.fmt != "" {
		opt, size := f.next()
		for n := f.padding(len(b), opt, size); n > 0; n-- {
			b = append(b, 0)
		}
		switch opt {
		case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I':
			n := s.checkNumber(l, arg)
			arg++
			var v uint64
			if n < 0 {
				v = uint64(toInteger(n))
			} else {
				v = toUnsigned(n)
			}
			var buf [structMaxInt]byte
			for i := range size {
				at := i
				if f.big {
					at = size - 1 - i
				}
				buf[at] = byte(v)
				v >>= 8
			}
			b = append(b, buf[:size]...)
		case 'x':
			b = append(b, 0)
		case 'f':
			b = f.order().AppendUint32(b, math.Float32bits(float32(s.checkNumber(l, arg))))
			arg++
		case 'd':
			b = f.order().AppendUint64(b, math.Float64bits(s.checkNumber(l, arg)))
			arg++
		case 'c', 's':
			str := s.checkString(l, arg)
			arg++
			if size == 0 {
				size = len(str)
			}
			if len(str) < size {
				return s.ArgError(l, arg, "string too short")
			}
			b = append(b, str[:size]...)
			if opt == 's' {
				b = append(b, 0)
			}
		default:
			f.control(opt)
		}
		if len(b) > maxString {
			return s.Throw(l, String("not enough memory"))
		}
	}
	l.Push(String(b))
	return 1
}

func (s *State) structUnpack(l *L) int {
	f := s.layout(l)
	data := s.checkString(l, 2)
	at := s.optInt(l, 3, 1)
	if at == 0 {
		return s.ArgError(l, 3, "offset must be 1 or greater")
	}
	if at < 0 {
		at = math.MaxInt // C takes it for a huge unsigned number
	}
	pos := at - 1
	n := 0
	for f.fmt != "" {
		opt, size := f.next()
		pad := f.padding(pos, opt, size)
		if size > len(data) || pos > len(data)-size-pad {
			return s.ArgError(l, 2, "data string too short")
		}
		pos += pad
		if n+4 > maxCStack {
			return s.Errorf(l, "stack overflow (too many results)")
		}
		switch opt {
		case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I':
			l.Push(Number(f.integer(data[pos:pos+size], opt >= 'a')))
			n++
		case 'x':
		case 'f':
			v := binary.LittleEndian.Uint32([]byte(data[pos : pos+4]))
			if f.big {
				v = binary.BigEndian.Uint32([]byte(data[pos : pos+4]))
			}
			l.Push(Number(math.Float32frombits(v)))
			n++
		case 'd':
			v := binary.LittleEndian.Uint64([]byte(data[pos : pos+8]))
			if f.big {
				v = binary.BigEndian.Uint64([]byte(data[pos : pos+8]))
			}
			l.Push(Number(math.Float64frombits(v)))
			n++
		case 'c':
			if size == 0 {
				v, ok := ToNumber(l.Get(-1))
				if n == 0 || !ok {
					return s.Errorf(l, "format 'c0' needs a previous size")
				}
				l.Pop(1)
				n--
				if v >= 0x1p64 {
					v = 0 // as a size_t on amd64
				}
				if !(v > -1 && v <= float64(len(data))) || int(v) > len(data)-pos {
					return s.ArgError(l, 2, "data string too short")
				}
				size = int(v)
			}
			l.Push(String(data[pos : pos+size]))
			n++
		case 's':
			end := strings.IndexByte(data[pos:], 0)
			if end < 0 {
				return s.Errorf(l, "unfinished string in data")
			}
			l.Push(String(data[pos : pos+end]))
			n++
			size = end + 1
		default:
			f.control(opt)
		}
		pos += size
	}
	l.Push(Number(pos + 1))
	return n + 1
}

// integer reads the low eight bytes of an integer of any size.
func (f *layout) integer(b string, signed bool) float64 {
	var v uint64
	for i := range len(b) {
		at := len(b) - 1 - i
		if f.big {
			at = i
		}
		v = v<<8 | uint64(b[at])
	}
	if !signed {
		return float64(v)
	}
	if n := len(b); n > 0 && n < 8 {
		v = uint64(int64(v<<(64-8*n)) >> (64 - 8*n))
	}
	return float64(int64(v))
}

func (s *State) structSize(l *L) int {
	f := s.layout(l)
	pos := 0
	for f.fmt != "" {
		opt, size := f.next()
		pos += f.padding(pos, opt, size)
		switch {
		case opt == 's':
			return s.ArgError(l, 1, "option 's' has no fixed size")
		case opt == 'c' && size == 0:
			return s.ArgError(l, 1, "option 'c0' has no fixed size")
		case !isAlnum(int(opt)):
			f.control(opt)
		}
		pos += size
	}
	l.Push(Number(pos))
	return 1
}
