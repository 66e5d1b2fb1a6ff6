// SPDX-License-Identifier: BSD-3-Clause

package util

// longdouble.go - the 80-bit floating point numbers that INCRBYFLOAT and HINCRBYFLOAT compute with.
//
// C's long double on x86 is the x87's: a 64-bit significand with its leading 1 explicit, and a 15-bit exponent. What
// INCRBYFLOAT answers depends on it: 0.1 + 0.2 is 0.3 there, and with 17 digits after the point nothing else
// gives the same bytes. So every system, those included where C's long double is something else, computes like that here.
//
//	value = man * 2^exp    man has bit 63 set, or is smaller with exp = ldMinExp (subnormal), or is zero
//
// Only what the server needs is here: parsing, adding, comparing with zero, printing. All is rounded to nearest, ties to
// even. Common values take integer fast paths; the rest goes through math/big.

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
)

const (
	ldMinExp = -16445 // of the smallest subnormal, 2^-16445
	ldMaxExp = 16384 - 64

	// maxLongDoubleChars is the size of C's buffers for them, and so a limit on input (C: MAX_LONG_DOUBLE_CHARS).
	maxLongDoubleChars = 5 * 1024
)

// LongDouble is an 80-bit floating point number. The zero value is 0.
type LongDouble struct {
	man      uint64
	exp      int32
	negative bool
	special  ldSpecial
}

type ldSpecial uint8

const (
	ldFinite ldSpecial = iota
	ldInf
	ldNaN
)

// LdFromInt is v as a LongDouble, exactly.
func LdFromInt(v int64) LongDouble {
	u := uint64(v)
	if v < 0 {
		u = -u
	}
	return ldNormalize(v < 0, u, 0)
}

// LdFromFloat64 is d as a LongDouble, exactly.
func LdFromFloat64(d float64) LongDouble {
	negative := math.Signbit(d)
	switch {
	case math.IsNaN(d):
		return LongDouble{special: ldNaN}
	case math.IsInf(d, 0):
		return LongDouble{special: ldInf, negative: negative}
	}
	fraction, exp := math.Frexp(math.Abs(d))
	return ldNormalize(negative, uint64(math.Ldexp(fraction, 53)), exp-53)
}

// IsInf tells whether v is an infinity.
func (v LongDouble) IsInf() bool { return v.special == ldInf }

// IsNaN tells whether v is not a number.
func (v LongDouble) IsNaN() bool { return v.special == ldNaN }

// IsZero tells whether v is zero, of either sign.
func (v LongDouble) IsZero() bool { return v.special == ldFinite && v.man == 0 }

// Float64 is v rounded to a double.
func (v LongDouble) Float64() float64 {
	switch {
	case v.special == ldNaN:
		return math.NaN()
	case v.special == ldInf && v.negative:
		return math.Inf(-1)
	case v.special == ldInf:
		return math.Inf(1)
	}
	f, _ := v.big().Float64()
	if v.man == 0 && v.negative {
		return math.Copysign(0, -1)
	}
	return f
}

// ldNormalize is man * 2^exp, which must need no rounding.
func ldNormalize(negative bool, man uint64, exp int) LongDouble {
	if man == 0 {
		return LongDouble{negative: negative}
	}
	shift := min(bits.LeadingZeros64(man), exp-ldMinExp)
	exp -= shift
	if exp > ldMaxExp {
		return LongDouble{negative: negative, special: ldInf}
	}
	return LongDouble{negative: negative, man: man << shift, exp: int32(exp)}
}

// ldRound is (man + rest) * 2^exp to nearest even, where man has bit 63 set and rest, below one, is told by its first bit and
// whether anything follows. exp may be too small: the result is then subnormal, or zero.
func ldRound(negative bool, man uint64, exp int, half, sticky bool) LongDouble {
	for exp < ldMinExp && (man != 0 || half || sticky) {
		sticky = sticky || half
		half = man&1 != 0
		man >>= 1
		exp++
	}
	if half && (sticky || man&1 != 0) {
		if man++; man == 0 {
			man = 1 << 63
			exp++
		}
	}
	if man == 0 {
		return LongDouble{negative: negative}
	}
	return ldNormalize(negative, man, exp)
}

// Add is v + w.
func (v LongDouble) Add(w LongDouble) LongDouble {
	if v.special != ldFinite || w.special != ldFinite {
		switch {
		case v.special == ldNaN || w.special == ldNaN,
			v.special == ldInf && w.special == ldInf && v.negative != w.negative:
			return LongDouble{special: ldNaN}
		case v.special == ldInf:
			return v
		}
		return w
	}
	if w.man == 0 {
		if v.man == 0 {
			v.negative = v.negative && w.negative
		}
		return v
	}
	if v.man == 0 {
		return w
	}
	if v.exp < w.exp || v.exp == w.exp && v.man < w.man {
		v, w = w, v
	}
	// v is at least as large as w, now that both have their leading bit as high as it goes. hi.lo is v; w is moved right to it;
	// what drops out of its 128 bits only matters as not being nothing.
	distance := uint(v.exp - w.exp)
	var wHi, wLo uint64
	sticky := false
	switch {
	case distance < 64:
		wHi, wLo = w.man>>distance, w.man<<(64-distance)
		if distance == 0 {
			wLo = 0
		}
	case distance < 128:
		wLo = w.man >> (distance - 64)
		sticky = w.man<<(128-distance) != 0 && distance > 64
	default:
		sticky = true
	}
	hi, lo, exp := v.man, uint64(0), int(v.exp)
	if v.negative == w.negative {
		var carry uint64
		lo, carry = bits.Add64(lo, wLo, 0)
		hi, carry = bits.Add64(hi, wHi, carry)
		if carry != 0 {
			sticky = sticky || lo&1 != 0
			lo = lo>>1 | hi<<63
			hi = hi>>1 | 1<<63
			exp++
		}
	} else {
		var borrow uint64
		lo, borrow = bits.Sub64(lo, wLo, 0)
		hi, _ = bits.Sub64(hi, wHi, borrow)
		if sticky {
			// The true difference is a little less: borrow one unit, what is left of it is the new rest.
			lo, borrow = bits.Sub64(lo, 1, 0)
			hi -= borrow
		}
		if hi == 0 && lo == 0 {
			return LongDouble{} // x - x is +0 in this rounding mode.
		}
	}
	// Bring the leading bit back up, no further than a subnormal's unit.
	shift := bits.LeadingZeros64(hi)
	if hi == 0 {
		shift = 64 + bits.LeadingZeros64(lo)
	}
	shift = min(shift, exp-ldMinExp)
	if shift >= 64 {
		hi, lo = lo<<(shift-64), 0
	} else {
		hi, lo = hi<<shift|lo>>(64-shift), lo<<shift
	}
	exp -= shift
	half := lo>>63 != 0
	sticky = sticky || lo<<1 != 0
	return ldRound(v.negative, hi, exp, half, sticky)
}

// String2ld parses s, all of it, as C's strtold does (C: string2ld). Refused are an empty s, one of 5 KB or more, white space,
// NaN, what is too large, and what is not zero but would become zero.
func String2ld[T ~string | ~[]byte](s T) (LongDouble, bool) {
	if len(s) >= maxLongDoubleChars {
		return LongDouble{}, false
	}
	f := scanFloat(s)
	var v LongDouble
	switch f.class {
	case floatInf:
		return LongDouble{negative: f.negative, special: ldInf}, true
	case floatDecimal:
		if f.zero {
			return LongDouble{negative: f.negative}, true
		}
		v = ldParseDecimal(asString(s[f.digits:f.end]), f)
	case floatHex:
		if f.zero {
			return LongDouble{negative: f.negative}, true
		}
		v = ldParseHex(asString(s[f.digits:f.end]), f)
	default:
		return LongDouble{}, false
	}
	return v, v.special == ldFinite && v.man != 0
}

// ldParseDecimal is the number of these digits, which are not all zero, times 10^f.exponent.
func ldParseDecimal(digits string, f scannedFloat) LongDouble {
	// m is the first 19 significant digits; places counts how many digits stand after the point, past them or not.
	var m uint64
	significant, places, point := 0, 0, false
	for i := 0; i < len(digits); i++ {
		c := digits[i]
		if c == '.' {
			point = true
			continue
		}
		if point {
			places++
		}
		if m == 0 && c == '0' {
			continue
		}
		if significant++; significant <= 19 {
			m = m*10 + uint64(c-'0')
		}
	}
	scale := f.exponent - int64(places)
	if significant <= 19 {
		switch {
		case scale == 0:
			return ldNormalize(f.negative, m, 0)
		case scale < 0 && scale >= -19:
			return ldDivide(f.negative, m, pow10u[-scale])
		case scale > 0 && scale <= 19:
			if hi, lo := bits.Mul64(m, pow10u[scale]); hi == 0 {
				return ldNormalize(f.negative, lo, 0)
			}
		}
	}
	// The number is at least 10^(top-1) and less than 10^top.
	switch top := int64(significant) + scale; {
	case top > 4934:
		return LongDouble{negative: f.negative, special: ldInf}
	case top < -4952:
		return LongDouble{negative: f.negative}
	}
	text := make([]byte, 0, len(digits))
	for i := 0; i < len(digits); i++ {
		if digits[i] != '.' {
			text = append(text, digits[i])
		}
	}
	n, _ := new(big.Int).SetString(string(text), 10)
	d := big.NewInt(1)
	if scale >= 0 {
		n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(scale), nil))
	} else {
		d.Exp(big.NewInt(10), big.NewInt(-scale), nil)
	}
	return ldFromRatio(f.negative, n, d, 0)
}

// ldDivide is m / d, both not zero.
func ldDivide(negative bool, m, d uint64) LongDouble {
	mShift, dShift := bits.LeadingZeros64(m), bits.LeadingZeros64(d)
	m, d = m<<mShift, d<<dShift
	exp := dShift - mShift - 64
	hi, lo := m, uint64(0)
	if hi >= d { // The quotient must be below 2^64; it is then still at least 2^63.
		hi, lo = m>>1, m<<63
		exp++
	}
	q, rest := bits.Div64(hi, lo, d)
	// rest/d against one half, without overflow.
	half := rest >= d-rest
	sticky := rest != 0 && rest != d-rest
	return ldRound(negative, q, exp, half, sticky)
}

// ldFromRatio is n/d * 2^exp, both positive.
func ldFromRatio(negative bool, n, d *big.Int, exp int) LongDouble {
	// Make the quotient 64 or 65 bits long; a longer one has its last bit moved to the rest.
	shift := 64 + d.BitLen() - n.BitLen()
	if shift >= 0 {
		n = new(big.Int).Lsh(n, uint(shift))
	} else {
		d = new(big.Int).Lsh(d, uint(-shift))
	}
	exp -= shift
	q, rest := new(big.Int).QuoRem(n, d, new(big.Int))
	twice := rest.Lsh(rest, 1).Cmp(d)
	half, sticky := twice >= 0, rest.Sign() != 0 && twice != 0
	if q.BitLen() > 64 {
		sticky = sticky || half
		half = q.Bit(0) != 0
		q.Rsh(q, 1)
		exp++
	}
	return ldRound(negative, q.Uint64(), exp, half, sticky)
}

// ldParseHex is the number of these hexadecimal digits, which are not all zero, times 2^f.exponent.
func ldParseHex(digits string, f scannedFloat) LongDouble {
	n, places, point := new(big.Int), int64(0), false
	text := make([]byte, 0, len(digits))
	for i := 0; i < len(digits); i++ {
		if digits[i] == '.' {
			point = true
			continue
		}
		if point {
			places++
		}
		text = append(text, digits[i])
	}
	n.SetString(string(text), 16)
	exp := f.exponent - 4*places
	switch top := exp + int64(n.BitLen()); {
	case top > 16384+1:
		return LongDouble{negative: f.negative, special: ldInf}
	case top < ldMinExp-1:
		return LongDouble{negative: f.negative}
	}
	return ldFromRatio(f.negative, n, big.NewInt(1), int(exp))
}

// big is v, which must be finite, as a big.Float of 64 bits.
func (v LongDouble) big() *big.Float {
	f := new(big.Float).SetPrec(64).SetUint64(v.man)
	f.SetMantExp(f, int(v.exp))
	if v.negative {
		f.Neg(f)
	}
	return f
}

// Ld2stringMode is the form that AppendLd writes (C: ld2string_mode).
type Ld2stringMode int

const (
	LdStrAuto  Ld2stringMode = iota // C's %.17Lg
	LdStrHuman                      // C's %.17Lf without the zeros at its end: no exponent, ever
	LdStrHex                        // C's %La
)

// AppendLd appends v (C: ld2string). In the human form minus zero is "0".
func AppendLd(dst []byte, v LongDouble, mode Ld2stringMode) []byte {
	switch {
	case v.special == ldNaN:
		return append(dst, "nan"...)
	case v.special == ldInf && v.negative:
		return append(dst, "-inf"...)
	case v.special == ldInf:
		return append(dst, "inf"...)
	}
	switch mode {
	case LdStrHuman:
		return appendLdHuman(dst, v)
	case LdStrHex:
		return appendLdHex(dst, v)
	}
	if v.man == 0 {
		if v.negative {
			dst = append(dst, '-')
		}
		return append(dst, '0')
	}
	return appendGFromE(dst, v.big().Append(nil, 'e', 16), 17)
}

// Ld2string is AppendLd as a string (C: ld2string).
func Ld2string(v LongDouble, mode Ld2stringMode) string { return string(AppendLd(nil, v, mode)) }

func appendLdHuman(dst []byte, v LongDouble) []byte {
	start := len(dst)
	if v.negative {
		dst = append(dst, '-')
	}
	if v.exp > 0 {
		n := new(big.Int).SetUint64(v.man)
		return n.Lsh(n, uint(v.exp)).Append(dst, 10)
	}
	// whole.fraction/2^places; the fraction times 10^17 is a number of at most 64+57 bits.
	places := uint(-v.exp)
	whole, fraction := uint64(0), v.man
	if places < 64 {
		whole, fraction = v.man>>places, v.man&(1<<places-1)
	}
	hi, lo := bits.Mul64(fraction, 1e17)
	var decimals uint64
	var half, sticky bool
	switch {
	case places == 0:
	case places < 64:
		decimals = hi<<(64-places) | lo>>places
		half = lo>>(places-1)&1 != 0
		sticky = lo&(1<<(places-1)-1) != 0
	case places == 64:
		decimals, half, sticky = hi, lo>>63 != 0, lo<<1 != 0
	case places < 128:
		decimals = hi >> (places - 64)
		half = hi>>(places-65)&1 != 0
		sticky = hi&(1<<(places-65)-1) != 0 || lo != 0
	}
	if half && (sticky || decimals&1 != 0) {
		if decimals++; decimals == 1e17 {
			decimals = 0
			whole++
		}
	}
	if whole == 0 && decimals == 0 {
		return append(dst[:start], '0')
	}
	dst = strconv.AppendUint(dst, whole, 10)
	if decimals == 0 {
		return dst
	}
	dst = append(dst, ".00000000000000000"...)
	for i := len(dst) - 1; decimals != 0; i-- {
		dst[i] += byte(decimals % 10)
		decimals /= 10
	}
	end := len(dst)
	for dst[end-1] == '0' {
		end--
	}
	return dst[:end]
}

// appendLdHex follows glibc, which shows the x87's significand as it is: one digit of 8 to f before the point for a normal
// number.
func appendLdHex(dst []byte, v LongDouble) []byte {
	if v.negative {
		dst = append(dst, '-')
	}
	dst = append(dst, '0', 'x', "0123456789abcdef"[v.man>>60])
	if rest := v.man << 4; rest != 0 {
		dst = append(dst, '.')
		for ; rest != 0; rest <<= 4 {
			dst = append(dst, "0123456789abcdef"[rest>>60])
		}
	}
	exp := int64(v.exp) + 60
	if v.man == 0 {
		exp = 0
	}
	dst = append(dst, 'p')
	if exp >= 0 {
		dst = append(dst, '+')
	}
	return strconv.AppendInt(dst, exp, 10)
}
