// SPDX-License-Identifier: BSD-3-Clause

// Package util is the counterpart of Redis's util.c: glob matching, strict conversions between numbers and text, memory
// sizes, random strings.
package util

// util.go - integers, sizes, random strings, paths. Counterpart: util.c. Its other parts:
//
//	glob.go         stringmatchlen
//	double.go       string2d, d2string, fixedpoint_d2string, trimDoubleString
//	longdouble.go   string2ld, ld2string and the 80-bit arithmetic that C's long double has on x86
//
// Differences:
//   - functions that fill a buffer in C append to a slice here;
//   - random bytes come from the system's generator, not from a seeded hash;
//   - directories and file syncing are package platform's.

import (
	"crypto/rand"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// String2ll parses s as the decimal form of a 64-bit integer and nothing else (C: string2ll): no space, plus sign, leading zero
// or "-0", so that Ll2string gives the same bytes back.
func String2ll[T ~string | ~[]byte](s T) (int64, bool) {
	n := len(s)
	if n == 0 || n > 20 {
		return 0, false
	}
	i := 0
	negative := s[0] == '-'
	if negative {
		i = 1
		if n == 1 {
			return 0, false
		}
	}
	d := s[i] - '0'
	if d-1 > 8 { // Not 1-9: only "0" itself may start with a zero.
		return 0, d == 0 && n == 1
	}
	v := uint64(d)
	// 18 more digits cannot overflow: 19 digits are less than 2^64.
	for i++; i < n; i++ {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		if v > math.MaxUint64/10 {
			return 0, false
		}
		v *= 10
		if v > math.MaxUint64-uint64(d) {
			return 0, false
		}
		v += uint64(d)
	}
	if negative {
		if v > 1<<63 {
			return 0, false
		}
		return -int64(v), true
	}
	if v > math.MaxInt64 {
		return 0, false
	}
	return int64(v), true
}

// String2l is String2ll for the range of C's long on the systems that Redis's wire and files were defined on, 64 bits (C: string2l).
func String2l[T ~string | ~[]byte](s T) (int64, bool) { return String2ll(s) }

// String2ull parses an unsigned 64-bit integer (C: string2ull). What String2ll takes is taken unless negative; else
// the rules are strtoull's: leading white space, a sign and leading zeros are allowed, and a minus negates modulo 2^64.
func String2ull[T ~string | ~[]byte](s T) (uint64, bool) {
	if v, ok := String2ll(s); ok {
		return uint64(v), v >= 0
	}
	i := 0
	for i < len(s) && (s[i] == ' ' || s[i] >= '\t' && s[i] <= '\r') {
		i++
	}
	negative := false
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		negative = s[i] == '-'
		i++
	}
	if i == len(s) {
		return 0, false
	}
	v := uint64(0)
	for ; i < len(s); i++ {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		hi, lo := bits.Mul64(v, 10)
		sum, carry := bits.Add64(lo, uint64(d), 0)
		if hi != 0 || carry != 0 {
			return 0, false
		}
		v = sum
	}
	if negative {
		v = -v
	}
	return v, true
}

// AppendInt appends the decimal form of v (C: ll2string).
func AppendInt(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) }

// AppendUint appends the decimal form of v (C: ull2string).
func AppendUint(dst []byte, v uint64) []byte { return strconv.AppendUint(dst, v, 10) }

// Ll2string is the decimal form of v (C: ll2string).
func Ll2string(v int64) string { return strconv.FormatInt(v, 10) }

// Digits10 is the number of decimal digits of v (C: digits10).
func Digits10(v uint64) int {
	// 1233/4096 is log10(2), close enough for 64 bits: the guess is right or one too small.
	n := bits.Len64(v|1) * 1233 >> 12
	if v >= pow10u[n] {
		n++
	}
	return max(n, 1)
}

// SDigits10 is Digits10 for signed values; a minus sign counts (C: sdigits10).
func SDigits10(v int64) int {
	if v < 0 {
		return Digits10(-uint64(v)) + 1
	}
	return Digits10(uint64(v))
}

var pow10u = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// Memtoull parses an amount of memory such as "100", "5mb" or "1G" (C: memtoull): k, m and g are powers of 1000; kb, mb and gb powers
// of 1024; b is nothing; letters in any case. As in C, no digits are zero, digits past 64 bits saturate,
// and the product wraps.
func Memtoull(s string) (uint64, bool) {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	var mul uint64
	switch strings.ToLower(s[digits:]) {
	case "", "b":
		mul = 1
	case "k":
		mul = 1000
	case "kb":
		mul = 1 << 10
	case "m":
		mul = 1000 * 1000
	case "mb":
		mul = 1 << 20
	case "g":
		mul = 1000 * 1000 * 1000
	case "gb":
		mul = 1 << 30
	default:
		return 0, false
	}
	if digits >= 128 {
		return 0, false
	}
	var v uint64
	if digits > 0 {
		v, _ = strconv.ParseUint(s[:digits], 10, 64) // Out of range gives the largest value, as strtoull does.
	}
	return v * mul, true
}

// BytesToHuman is n as INFO shows it in used_memory_human: "512B", "1.50M" (C: bytesToHuman).
func BytesToHuman(n uint64) string {
	if n < 1<<10 || n >= 1<<60 {
		return strconv.FormatUint(n, 10) + "B"
	}
	unit := (bits.Len64(n) - 1) / 10
	f := strconv.FormatFloat(float64(n)/float64(uint64(1)<<(10*unit)), 'f', 2, 64)
	return f + string("BKMGTP"[unit])
}

// Yesnotoi is 1 for "yes", 0 for "no", in any case, else -1 (C: yesnotoi).
func Yesnotoi(s string) int {
	switch {
	case strings.EqualFold(s, "yes"):
		return 1
	case strings.EqualFold(s, "no"):
		return 0
	}
	return -1
}

// GetRandomBytes fills p with random bytes that nobody can guess.
func GetRandomBytes(p []byte) { rand.Read(p) }

// GetRandomHexChars is n random characters of 0-9a-f, such as a run ID of 40 (C: getRandomHexChars).
func GetRandomHexChars(n int) string {
	p := make([]byte, n)
	rand.Read(p)
	for i := range p {
		p[i] = "0123456789abcdef"[p[i]&15]
	}
	return string(p)
}

// PathIsBaseName tells whether path has no slash and no backslash (C: pathIsBaseName). Configuration names files by
// such paths, and they are checked alike on every system, so that a file moves between systems.
func PathIsBaseName(path string) bool { return !strings.ContainsAny(path, `/\`) }

// Mapchars replaces in s, in place, every byte of from by the byte at the same place in to (C: memmapchars).
func Mapchars(s []byte, from, to string) []byte {
	for i, c := range s {
		if j := strings.IndexByte(from, c); j >= 0 {
			s[i] = to[j]
		}
	}
	return s
}
