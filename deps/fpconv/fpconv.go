// SPDX-License-Identifier: BSD-3-Clause

// Package fpconv prints doubles as the library of that name does, which Redis uses for scores and for RESP's doubles.
package fpconv

// fpconv.go - doubles to text by Grisu2, and the choice of notation. Counterpart: deps/fpconv (fpconv_dtoa).
//
// Why not strconv: its digits are the shortest and, among those, the closest. Grisu2's always read back as the same
// double, but one in a thousand or so is a digit longer or not the closest (1e23 prints as 99999999999999990000000).
// Replies have to be the same bytes, so the algorithm has to be the same one, down to the choice of cached power.
//
// Algorithm: Florian Loitsch, "Printing floating-point numbers quickly and accurately with integers" (PLDI 2010), Grisu2.
//
//	lower        w        upper       neighbours' midpoints, as 64-bit fractions times a power of two
//	  |----------+----------|
//	times 10^-k, which brings the binary exponent into [-60, -32]: the integer part is then what lies above the
//	point at bit -exponent, and digits of upper are taken off until the rest is within the interval; the last
//	digit is then lowered as long as that brings it nearer to w.

import (
	"math"
	"math/bits"
)

// diyFp is the number frac * 2^exp.
type diyFp struct {
	frac uint64
	exp  int
}

func (f diyFp) normalized() diyFp {
	shift := bits.LeadingZeros64(f.frac)
	return diyFp{f.frac << shift, f.exp - shift}
}

// times is the product, rounded half up to 64 bits.
func (f diyFp) times(g diyFp) diyFp {
	hi, lo := bits.Mul64(f.frac, g.frac)
	return diyFp{hi + lo>>63, f.exp + g.exp + 64}
}

// The binary exponents that a scaled upper bound may have.
const (
	minScaledExp = -60
	maxScaledExp = -32
)

// cachedPower is a power of ten 10^-k that brings a number of binary exponent exp into the scaled range. Two may do; the
// guess decides which is taken, and so, rarely, the digits.
func cachedPower(exp int) (power diyFp, k int) {
	guess := int(-float64(exp+len(powersOfTen)) * 0.30102999566398114) // log10(2)
	i := (guess - firstPower) / powerStep
	for {
		switch scaled := exp + powersOfTen[i].exp + 64; {
		case scaled < minScaledExp:
			i++
		case scaled > maxScaledExp:
			i--
		default:
			return powersOfTen[i], firstPower + i*powerStep
		}
	}
}

const (
	fractionBits = 52
	exponentBias = 1023 + fractionBits
	hiddenBit    = 1 << fractionBits
)

// grisu2 writes the digits of d, which is positive and finite, to buf: d is about digits * 10^k.
func grisu2(d float64, buf *[18]byte) (digits []byte, k int) {
	raw := math.Float64bits(d)
	w := diyFp{raw & (hiddenBit - 1), int(raw>>fractionBits) & 0x7ff}
	if w.exp != 0 {
		w.frac += hiddenBit
		w.exp -= exponentBias
	} else {
		w.exp = 1 - exponentBias
	}
	upper := diyFp{w.frac<<1 + 1, w.exp - 1}.normalized()
	// Below a power of two the neighbour is half as far.
	shift := 1
	if w.frac == hiddenBit {
		shift = 2
	}
	lower := diyFp{w.frac<<shift - 1, w.exp - shift}
	lower = diyFp{lower.frac << (lower.exp - upper.exp), upper.exp}

	power, k := cachedPower(upper.exp)
	w, upper, lower = w.normalized().times(power), upper.times(power), lower.times(power)
	// The products are off by up to one: stay inside.
	upper.frac--
	lower.frac++
	n, up := generateDigits(w, upper, lower, buf)
	return buf[:n], up - k
}

// generateDigits takes digits off upper until what is left fits between lower and upper. kappa is the power of ten
// of the last digit.
func generateDigits(w, upper, lower diyFp, buf *[18]byte) (n, kappa int) {
	shift := uint(-upper.exp)
	one := uint64(1) << shift
	distance, delta := upper.frac-w.frac, upper.frac-lower.frac
	whole, fraction := upper.frac>>shift, upper.frac&(one-1)

	kappa = 10
	for div := uint64(1e9); div > 0; div /= 10 {
		digit := whole / div
		if digit != 0 || n != 0 {
			buf[n] = '0' + byte(digit)
			n++
		}
		whole -= digit * div
		kappa--
		if rest := whole<<shift + fraction; rest <= delta {
			roundDigit(&buf[n-1], delta, rest, div<<shift, distance)
			return n, kappa
		}
	}
	unit := uint64(1)
	for {
		fraction *= 10
		delta *= 10
		unit *= 10
		kappa--
		digit := fraction >> shift
		if digit != 0 || n != 0 {
			buf[n] = '0' + byte(digit)
			n++
		}
		fraction &= one - 1
		if fraction < delta {
			roundDigit(&buf[n-1], delta, fraction, one, distance*unit)
			return n, kappa
		}
	}
}

// roundDigit lowers the last digit while the number stays above the lower bound and comes nearer to w. step is the digit's
// unit, rest how far the number is below upper, distance how far w is.
func roundDigit(digit *byte, delta, rest, step, distance uint64) {
	for rest < distance && delta-rest >= step && (rest+step < distance || distance-rest > rest+step-distance) {
		*digit--
		rest += step
	}
}

// AppendDtoa appends d (C: fpconv_dtoa). The notation:
//
//	digits 000           integers that end in few zeros: up to 7 more places than digits
//	0.00digits, dig.its  up to 6 places after the point, or a magnitude within 10^-3 .. 10^3
//	d.igitse+X           the rest; the exponent has a sign and no leading zeros
//
// Infinity is "inf" or "-inf", not-a-number "nan", zero "0" or "-0".
func AppendDtoa(dst []byte, d float64) []byte {
	if d != d {
		return append(dst, "nan"...)
	}
	if math.Signbit(d) {
		dst = append(dst, '-')
		d = -d
	}
	if d == 0 {
		return append(dst, '0')
	}
	if math.IsInf(d, 1) {
		return append(dst, "inf"...)
	}
	var buf [18]byte
	digits, k := grisu2(d, &buf)
	n := len(digits)
	magnitude := k + n - 1
	size := max(magnitude, -magnitude)

	switch {
	case k >= 0 && size < n+7:
		dst = append(dst, digits...)
		for ; k > 0; k-- {
			dst = append(dst, '0')
		}
		return dst
	case k < 0 && (k > -7 || size < 4):
		if n+k > 0 {
			dst = append(dst, digits[:n+k]...)
			dst = append(dst, '.')
			return append(dst, digits[n+k:]...)
		}
		dst = append(dst, '0', '.')
		for z := n + k; z < 0; z++ {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(dst, digits[0])
	if n > 1 {
		dst = append(dst, '.')
		dst = append(dst, digits[1:]...)
	}
	dst = append(dst, 'e')
	if magnitude < 0 {
		dst = append(dst, '-')
	} else {
		dst = append(dst, '+')
	}
	if size >= 100 {
		dst = append(dst, '0'+byte(size/100))
		size %= 100
		dst = append(dst, '0'+byte(size/10))
	} else if size >= 10 {
		dst = append(dst, '0'+byte(size/10))
	}
	return append(dst, '0'+byte(size%10))
}
