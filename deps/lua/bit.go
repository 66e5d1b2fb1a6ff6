// SPDX-License-Identifier: BSD-3-Clause

package lua

// The bit library: operations on 32-bit integers.
//
// Counterpart: lua_bit.c.

import (
	"math"
	"math/bits"
)

func (s *State) openBit() {
	t := s.NewTable()
	one := func(name string, f func(uint32) uint32) {
		s.SetFunction(t, name, func(l *L) int { return pushBits(l, f(s.bitArg(l, 1))) })
	}
	one("tobit", func(b uint32) uint32 { return b })
	one("bnot", func(b uint32) uint32 { return ^b })
	one("bswap", bits.ReverseBytes32)
	many := func(name string, f func(a, b uint32) uint32) {
		s.SetFunction(t, name, func(l *L) int {
			b := s.bitArg(l, 1)
			for i := l.GetTop(); i > 1; i-- {
				b = f(b, s.bitArg(l, i))
			}
			return pushBits(l, b)
		})
	}
	many("band", func(a, b uint32) uint32 { return a & b })
	many("bor", func(a, b uint32) uint32 { return a | b })
	many("bxor", func(a, b uint32) uint32 { return a ^ b })
	shift := func(name string, f func(b uint32, n int) uint32) {
		s.SetFunction(t, name, func(l *L) int {
			b := s.bitArg(l, 1)
			return pushBits(l, f(b, int(s.bitArg(l, 2)&31)))
		})
	}
	shift("lshift", func(b uint32, n int) uint32 { return b << n })
	shift("rshift", func(b uint32, n int) uint32 { return b >> n })
	shift("arshift", func(b uint32, n int) uint32 { return uint32(int32(b) >> n) })
	shift("rol", func(b uint32, n int) uint32 { return bits.RotateLeft32(b, n) })
	shift("ror", func(b uint32, n int) uint32 { return bits.RotateLeft32(b, -n) })
	s.SetFunction(t, "tohex", s.bitTohex)
	s.globals.RawSetString("bit", s.ReadOnly(t))
}

// bitArg reduces a number modulo 2^32, rounding a fraction: the sum's low bits are the
// integer. What is too large for that gives what the sum's bits happen to be, as in C.
func (s *State) bitArg(l *L, i int) uint32 {
	n, ok := ToNumber(l.Get(i))
	if !ok {
		s.typeError(l, i, "number")
	}
	return uint32(math.Float64bits(n + 6755399441055744.0))
}

func pushBits(l *L, b uint32) int {
	l.Push(Number(int32(b)))
	return 1
}

func (s *State) bitTohex(l *L) int {
	b := s.bitArg(l, 1)
	n := int64(8)
	if l.GetTop() >= 2 {
		n = int64(int32(s.bitArg(l, 2)))
	}
	digits := "0123456789abcdef"
	if n < 0 {
		n = -n
		digits = "0123456789ABCDEF"
	}
	buf := make([]byte, min(n, 8))
	for i := len(buf) - 1; i >= 0; i-- {
		buf[i] = digits[b&15]
		b >>= 4
	}
	l.Push(String(buf))
	return 1
}
