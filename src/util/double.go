// SPDX-License-Identifier: BSD-3-Clause

package util

// double.go - doubles to text and back, as Redis's replies, files and listpacks hold them.
//
// Input is what C's strtod takes in the C locale, hexadecimal included, but for white space and NaN. Output is the
// shortest form (deps/fpconv), integers in plain digits.

import (
	"math"
	"redport/deps/fpconv"
	"strconv"
	"unsafe"
)

// floatClass says what scanFloat found.
type floatClass uint8

const (
	floatInvalid floatClass = iota
	floatDecimal
	floatHex
	floatInf
	floatNaN
)

// scannedFloat is the result of scanFloat: the class, the sign, the digits' place in the text, and the exponent.
type scannedFloat struct {
	class    floatClass
	negative bool
	digits   int   // where the digits start, the 0x left out
	end      int   // where they end: at the exponent or at the end
	exponent int64 // saturated far beyond any float
	hasExp   bool
	zero     bool // all digits are zero
}

// scanFloat checks s against the grammar of C's strtod and strtold, without leading white space, to its end.
func scanFloat[T ~string | ~[]byte](s T) (f scannedFloat) {
	i, n := 0, len(s)
	if i < n && (s[i] == '+' || s[i] == '-') {
		f.negative = s[i] == '-'
		i++
	}
	if i == n {
		return f
	}
	if c := s[i] | 0x20; c == 'i' || c == 'n' {
		f.class = floatWord(s[i:])
		return f
	}
	hex := false
	if s[i] == '0' && i+1 < n && s[i+1]|0x20 == 'x' {
		hex = true
		i += 2
	}
	f.digits, f.zero = i, true
	anyDigit, point := false, false
	for ; i < n; i++ {
		c := s[i]
		switch {
		case c >= '0' && c <= '9' || hex && (c|0x20 >= 'a' && c|0x20 <= 'f'):
			anyDigit = true
			if c != '0' {
				f.zero = false
			}
			continue
		case c == '.' && !point:
			point = true
			continue
		}
		break
	}
	f.end = i
	if !anyDigit {
		return f
	}
	if i < n && (!hex && s[i]|0x20 == 'e' || hex && s[i]|0x20 == 'p') {
		f.hasExp = true
		i++
		down := false
		if i < n && (s[i] == '+' || s[i] == '-') {
			down = s[i] == '-'
			i++
		}
		if i == n {
			return f
		}
		for ; i < n && s[i] >= '0' && s[i] <= '9'; i++ {
			if f.exponent < 1e15 {
				f.exponent = f.exponent*10 + int64(s[i]-'0')
			}
		}
		if down {
			f.exponent = -f.exponent
		}
	}
	if i < n {
		return f
	}
	f.class = floatDecimal
	if hex {
		f.class = floatHex
	}
	return f
}

// floatWord classifies the named values: inf, infinity, nan, nan(chars), in any case.
func floatWord[T ~string | ~[]byte](s T) floatClass {
	is := func(w string) bool {
		if len(s) < len(w) {
			return false
		}
		for i := 0; i < len(w); i++ {
			if s[i]|0x20 != w[i] {
				return false
			}
		}
		return true
	}
	switch {
	case len(s) == 3 && is("inf"), len(s) == 8 && is("infinity"):
		return floatInf
	case len(s) == 3 && is("nan"), len(s) >= 5 && is("nan") && s[3] == '(' && s[len(s)-1] == ')':
		return floatNaN
	}
	return floatInvalid
}

// String2d parses s, all of it, as C's strtod does (C: string2d). Refused are an empty s, white space, NaN, what is too large for a
// double, and what is not zero but would become zero.
func String2d[T ~string | ~[]byte](s T) (float64, bool) {
	f := scanFloat(s)
	switch f.class {
	case floatDecimal:
		v, err := parseDecimal(asString(s), f)
		return v, err == nil && (v != 0 || f.zero)
	case floatHex:
		text := asString(s)
		if !f.hasExp {
			text += "p0" // Go's grammar wants an exponent there.
		}
		v, err := strconv.ParseFloat(text, 64)
		return v, err == nil && (v != 0 || f.zero)
	case floatInf:
		if f.negative {
			return math.Inf(-1), true
		}
		return math.Inf(1), true
	}
	return 0, false
}

// ParseDecimal parses s, all of it, as a decimal number, inf or infinity. What is too large for a double becomes infinity, what is too
// small becomes zero. Refused are an empty s, white space, hexadecimal and NaN (C: fast_float_strtod, to the end of a string).
func ParseDecimal[T ~string | ~[]byte](s T) (float64, bool) {
	f := scanFloat(s)
	switch f.class {
	case floatDecimal:
		v, _ := parseDecimal(asString(s), f)
		return v, true
	case floatInf:
		return String2d(s)
	}
	return 0, false
}

// parseDecimal is the value of a text that scanFloat called decimal; an error says that it is out of range.
func parseDecimal(text string, f scannedFloat) (float64, error) {
	if f.end-f.digits > maxDecimalDigits {
		text = shortDecimal(text, f)
	}
	return strconv.ParseFloat(text, 64)
}

// maxDecimalDigits is how many digits strconv keeps of a number; of those before the point it forgets that there were more.
// 767 of them decide how any double is rounded.
const maxDecimalDigits = 780

// shortDecimal is s with so many significant digits that strconv takes it; a 1 behind them stands for all that was cut off.
func shortDecimal(s string, f scannedFloat) string {
	out := make([]byte, 0, maxDecimalDigits+32)
	if f.negative {
		out = append(out, '-')
	}
	out = append(out, '0', '.')
	mark := len(out)
	exponent, point, rest := f.exponent, false, false
	for _, c := range []byte(s[f.digits:f.end]) {
		switch {
		case c == '.':
			point = true
			continue
		case c == '0' && len(out) == mark: // Leading zeros only move the point.
			if point {
				exponent--
			}
			continue
		case len(out)-mark < maxDecimalDigits-1:
			out = append(out, c)
		case c != '0':
			rest = true
		}
		if !point {
			exponent++
		}
	}
	if rest {
		out = append(out, '1')
	}
	if len(out) == mark {
		return string(out[:mark])
	}
	out = append(out, 'e')
	return string(strconv.AppendInt(out, exponent, 10))
}

// asString views s as a string, for calls that do not keep it.
func asString[T ~string | ~[]byte](s T) string {
	switch s := any(s).(type) {
	case string:
		return s
	case []byte:
		return unsafe.String(unsafe.SliceData(s), len(s))
	}
	return string(s)
}

// Double2ll is d as an integer, where it is one and of at most 2^62 either way (C: double2ll).
func Double2ll(d float64) (int64, bool) {
	if !(d >= -(1<<62) && d <= 1<<62) {
		return 0, false
	}
	v := int64(d)
	return v, float64(v) == d
}

// AppendDouble appends d in the form of scores and of RESP (C: d2string): "inf", "-inf", "nan", "-0", integers of up to
// 2^62 in plain digits, else the shortest digits that give d back.
func AppendDouble(dst []byte, d float64) []byte {
	if d == 0 && math.Signbit(d) {
		return append(dst, '-', '0')
	}
	if v, ok := Double2ll(d); ok {
		return strconv.AppendInt(dst, v, 10)
	}
	switch {
	case math.IsNaN(d):
		return append(dst, "nan"...)
	case math.IsInf(d, 1):
		return append(dst, "inf"...)
	case math.IsInf(d, -1):
		return append(dst, "-inf"...)
	}
	return fpconv.AppendDtoa(dst, d)
}

// D2string is AppendDouble as a string (C: d2string).
func D2string(d float64) string { return string(AppendDouble(nil, d)) }

// AppendG17 appends d as C's %.17g does: 17 significant digits, no trailing zeros, the exponent of at least two digits from 1e17
// up and below 1e-4.
func AppendG17(dst []byte, d float64) []byte { return AppendG(dst, d, 17) }

// AppendG appends d as C's %.<precision>g does.
func AppendG(dst []byte, d float64, precision int) []byte {
	switch {
	case math.IsNaN(d):
		if math.Signbit(d) {
			dst = append(dst, '-')
		}
		return append(dst, "nan"...)
	case math.IsInf(d, 1):
		return append(dst, "inf"...)
	case math.IsInf(d, -1):
		return append(dst, "-inf"...)
	}
	precision = max(precision, 1)
	var buf [32]byte
	return appendGFromE(dst, strconv.AppendFloat(buf[:0], d, 'e', precision-1, 64), precision)
}

// appendGFromE turns "-d.ddde+XX" of precision digits into the form of %g: C's and Go's differ in when they use an exponent
// and in trailing zeros.
func appendGFromE(dst, e []byte, precision int) []byte {
	if e[0] == '-' {
		dst = append(dst, '-')
		e = e[1:]
	}
	mark := len(e) - 1
	for e[mark] != 'e' {
		mark--
	}
	exp, _ := strconv.Atoi(asString(e[mark+1:]))
	digits := append([]byte{e[0]}, e[min(2, mark):mark]...)
	for len(digits) > 1 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	switch {
	case exp < -4 || exp >= precision:
		dst = append(dst, digits[0])
		if len(digits) > 1 {
			dst = append(dst, '.')
			dst = append(dst, digits[1:]...)
		}
		sign := byte('+')
		if exp < 0 {
			sign, exp = '-', -exp
		}
		dst = append(dst, 'e', sign)
		if exp < 10 {
			dst = append(dst, '0')
		}
		return strconv.AppendInt(dst, int64(exp), 10)
	case exp < 0:
		dst = append(dst, '0', '.')
		for ; exp < -1; exp++ {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	for i := 0; i <= exp || i < len(digits); i++ {
		if i == exp+1 {
			dst = append(dst, '.')
		}
		if i < len(digits) {
			dst = append(dst, digits[i])
		} else {
			dst = append(dst, '0')
		}
	}
	return dst
}

// AppendFixedpoint appends d with exactly fractionalDigits (1 to 17) digits after the point (C: fixedpoint_d2string). It is meant for
// percentages and the like: d is scaled to a 64-bit integer, rounded half to even, so large values overflow.
// Nothing is appended where fractionalDigits is out of range.
func AppendFixedpoint(dst []byte, d float64, fractionalDigits int) []byte {
	if fractionalDigits < 1 || fractionalDigits > 17 {
		return dst
	}
	v := int64(math.RoundToEven(d * float64(pow10u[fractionalDigits])))
	if v < 0 {
		dst = append(dst, '-')
	}
	u := uint64(v)
	if v < 0 {
		u = -u
	}
	var buf [20]byte
	digits := strconv.AppendUint(buf[:0], u, 10)
	whole := len(digits) - fractionalDigits
	if whole < 1 {
		dst = append(dst, '0', '.')
		for ; whole < 0; whole++ {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(dst, digits[:whole]...)
	dst = append(dst, '.')
	return append(dst, digits[whole:]...)
}

// TrimDoubleString cuts the zeros that end a number's fraction, and the point where nothing is left behind it (C:
// trimDoubleString). A number without a point stays as it is.
func TrimDoubleString(s []byte) []byte {
	for i := range s {
		if s[i] == '.' {
			n := len(s)
			for s[n-1] == '0' {
				n--
			}
			if s[n-1] == '.' {
				n--
			}
			return s[:n]
		}
	}
	return s
}
