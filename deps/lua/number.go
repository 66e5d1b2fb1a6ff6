// SPDX-License-Identifier: BSD-3-Clause

package lua

// Numbers and their text, as C's Lua reads and prints them.
//
// Counterpart: luaO_str2d of lobject.c and lua_Number2str of luaconf.h.

import (
	"math"
	"strconv"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// smallNumbers are the values of small integers, which would be allocated each time they
// are made. Never written after init.
var smallNumbers = func() (t [1024]Value) {
	for i := range t {
		t[i] = Number(i)
	}
	return t
}()

// integer is the value of an integer.
func integer(i int) Value {
	if uint(i) < uint(len(smallNumbers)) {
		return smallNumbers[i]
	}
	return Number(i)
}

// number is the value of a number.
func number(v float64) Value {
	if v >= 0 && v < float64(len(smallNumbers)) {
		if i := int(v); float64(i) == v && (i != 0 || !math.Signbit(v)) {
			return smallNumbers[i]
		}
	}
	return Number(v)
}

// appendNumber appends v in C's %.14g.
func appendNumber(b []byte, v float64) []byte {
	if i := int64(v); float64(i) == v && i > -1e14 && i < 1e14 && (i != 0 || !math.Signbit(v)) {
		return strconv.AppendInt(b, i, 10)
	}
	return appendG(b, v, 14)
}

// appendG appends v in C's %.<prec>g.
func appendG(b []byte, v float64, prec int) []byte {
	if b, ok := appendSpecial(b, v); ok {
		return b
	}
	return trimG(b, v, prec)
}

// appendSpecial appends infinities and NaNs with the sign they carry, as C does.
func appendSpecial(b []byte, v float64) ([]byte, bool) {
	name := ""
	switch {
	case math.IsNaN(v):
		name = "nan"
	case math.IsInf(v, 0):
		name = "inf"
	default:
		return b, false
	}
	if math.Signbit(v) {
		b = append(b, '-')
	}
	return append(b, name...), true
}

func trimG(b []byte, v float64, prec int) []byte {
	if prec == 0 {
		prec = 1
	}
	// %g chooses its style by the exponent that %e would print.
	var tmp [400]byte
	e := strconv.AppendFloat(tmp[:0], v, 'e', prec-1, 64)
	x := strings.LastIndexByte(string(e), 'e')
	exp, _ := strconv.Atoi(string(e[x+1:]))
	if exp < -4 || exp >= prec {
		mant := e[:x]
		if strings.IndexByte(string(mant), '.') >= 0 {
			mant = trimZeros(mant)
		}
		b = append(b, mant...)
		return append(b, e[x:]...)
	}
	start := len(b)
	b = strconv.AppendFloat(b, v, 'f', prec-1-exp, 64)
	if strings.IndexByte(string(b[start:]), '.') >= 0 {
		b = b[:start+len(trimZeros(b[start:]))]
	}
	return b
}

func trimZeros(b []byte) []byte {
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	if b[len(b)-1] == '.' {
		b = b[:len(b)-1]
	}
	return b
}

// FormatNumber gives a number's text, as tostring does.
func FormatNumber(v float64) string {
	var b [32]byte
	return string(appendNumber(b[:0], v))
}

// AppendNumber appends a number's text, as tostring gives it.
func AppendNumber(b []byte, v float64) []byte { return appendNumber(b, v) }

// parseNumber reads a whole string as a number, with space around it allowed.
func parseNumber(s string) (float64, bool) {
	// C's strings end at a NUL.
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	for s != "" && isSpace(int(s[0])) {
		s = s[1:]
	}
	v, n := scanFloat(s)
	if n == 0 {
		return 0, false
	}
	for s = s[n:]; s != "" && isSpace(int(s[0])); {
		s = s[1:]
	}
	return v, s == ""
}

// scanFloat reads the longest number that s begins with, as strtod does, and returns
// how many bytes it took.
func scanFloat(s string) (float64, int) {
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	rest := s[i:]
	word := func(w string) bool { return len(rest) >= len(w) && strings.EqualFold(rest[:len(w)], w) }
	sign := 1.0
	if i > 0 && s[0] == '-' {
		sign = -1
	}
	switch {
	case word("infinity"):
		return math.Inf(int(sign)), i + 8
	case word("inf"):
		return math.Inf(int(sign)), i + 3
	case word("nan"):
		n := i + 3
		if n < len(s) && s[n] == '(' {
			for m := n + 1; m < len(s); m++ {
				if s[m] == ')' {
					n = m + 1
					break
				}
				if !isAlnum(int(s[m])) && s[m] != '_' {
					break
				}
			}
		}
		return math.Copysign(math.Float64frombits(positiveNaNBits), sign), n
	}
	hex := len(rest) > 2 && rest[0] == '0' && (rest[1] == 'x' || rest[1] == 'X')
	if hex {
		if n := hexFloat(rest); n > 0 {
			text := rest[:n]
			if !strings.ContainsAny(text, "pP") {
				text += "p0"
			}
			v, err := strconv.ParseFloat(text, 64)
			if err != nil && !math.IsInf(v, 0) {
				return 0, 0
			}
			return sign * v, i + n
		}
	}
	n, digits := 0, 0
	for n < len(rest) && isDigit(int(rest[n])) {
		n, digits = n+1, digits+1
	}
	if n < len(rest) && rest[n] == '.' {
		n++
		for n < len(rest) && isDigit(int(rest[n])) {
			n, digits = n+1, digits+1
		}
	}
	if digits == 0 {
		return 0, 0
	}
	if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
		m := n + 1
		if m < len(rest) && (rest[m] == '-' || rest[m] == '+') {
			m++
		}
		if m < len(rest) && isDigit(int(rest[m])) {
			for m < len(rest) && isDigit(int(rest[m])) {
				m++
			}
			n = m
		}
	}
	v, _ := strconv.ParseFloat(rest[:n], 64) // out of range gives an infinity, as strtod
	return sign * v, i + n
}

// hexFloat measures the hexadecimal number that s begins with; 0 when only its 0
// counts.
func hexFloat(s string) int {
	n, digits := 2, 0
	for n < len(s) && isXDigit(int(s[n])) {
		n, digits = n+1, digits+1
	}
	if n < len(s) && s[n] == '.' {
		n++
		for n < len(s) && isXDigit(int(s[n])) {
			n, digits = n+1, digits+1
		}
	}
	if digits == 0 {
		return 0
	}
	if n < len(s) && (s[n] == 'p' || s[n] == 'P') {
		m := n + 1
		if m < len(s) && (s[m] == '-' || s[m] == '+') {
			m++
		}
		if m < len(s) && isDigit(int(s[m])) {
			for m < len(s) && isDigit(int(s[m])) {
				m++
			}
			n = m
		}
	}
	return n
}

// ToNumber converts a value as C's lua_tonumber does.
func ToNumber(v Value) (float64, bool) {
	switch v := v.(type) {
	case glua.LNumber:
		return float64(v), true
	case glua.LString:
		return parseNumber(string(v))
	}
	return 0, false
}

// ToString converts a value as C's lua_tolstring does: strings and numbers only.
func ToString(v Value) (string, bool) {
	switch v := v.(type) {
	case glua.LString:
		return string(v), true
	case glua.LNumber:
		return FormatNumber(float64(v)), true
	}
	return "", false
}

// toInteger converts a double to C's ptrdiff_t, without undefined cases: what does not
// fit gives the smallest integer, as the processors of C's main targets do.
func toInteger(v float64) int {
	if v >= -0x1p63 && v < 0x1p63 {
		return int(int64(v))
	}
	return math.MinInt
}

// modulo is C's a - floor(a/b)*b.
func modulo(a, b float64) float64 {
	if ia, ib := int64(a), int64(b); ib > 0 && float64(ia) == a && float64(ib) == b && ia > -1<<52 && ia < 1<<52 {
		r := ia % ib
		if r < 0 {
			r += ib
		}
		return float64(r)
	}
	return a - float64(math.Floor(a/b)*b)
}
