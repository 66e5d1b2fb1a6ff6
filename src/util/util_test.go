// SPDX-License-Identifier: BSD-3-Clause

package util

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func TestString2ll(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "1": 1, "-1": -1, "99": 99, "-99": -99, "9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64,
	} {
		if got, ok := String2ll(s); !ok || got != want {
			t.Errorf("%q: got %d, %v", s, got, ok)
		}
		if got, ok := String2ll([]byte(s)); !ok || got != want {
			t.Errorf("%q as bytes: got %d, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "-", "+1", " 1", "1 ", "01", "-0", "-01", "00", "1a", "a", "0x1", "9223372036854775808", "-9223372036854775809",
		"18446744073709551615", "18446744073709551616", "99999999999999999999", "100000000000000000000", "1\x00", "/", ":", "1:"} {
		if got, ok := String2ll(s); ok {
			t.Errorf("%q: got %d, want a refusal", s, got)
		}
	}
	for range 10000 {
		v := int64(rand.Uint64()) >> rand.IntN(64)
		if got, ok := String2ll(Ll2string(v)); !ok || got != v {
			t.Fatalf("%d came back as %d, %v", v, got, ok)
		}
	}
}

func TestString2ull(t *testing.T) {
	for _, tc := range []struct {
		s    string
		want uint64
		ok   bool
	}{
		{"0", 0, true}, {"18446744073709551615", math.MaxUint64, true}, {"18446744073709551616", 0, false}, {"-1", 0, false},
		{" 12", 12, true}, {"+12", 12, true}, {"007", 7, true}, {"-007", math.MaxUint64 - 6, true}, {"", 0, false}, {"-", 0, false}, {"1 ", 0, false},
		{" ", 0, false}, {"x", 0, false},
	} {
		if got, ok := String2ull(tc.s); ok != tc.ok || ok && got != tc.want {
			t.Errorf("%q: got %d, %v", tc.s, got, ok)
		}
	}
}

func TestDigits(t *testing.T) {
	for i := uint64(0); i < 64; i++ {
		for _, v := range []uint64{1 << i, 1<<i - 1, pow10u[i%20], pow10u[i%20] - 1} {
			if got := Digits10(v); got != len(strconv.FormatUint(v, 10)) {
				t.Errorf("Digits10(%d) = %d", v, got)
			}
			if got := SDigits10(int64(v)); got != len(strconv.FormatInt(int64(v), 10)) {
				t.Errorf("SDigits10(%d) = %d", int64(v), got)
			}
		}
	}
	if Digits10(math.MaxUint64) != 20 || SDigits10(math.MinInt64) != 20 {
		t.Error("the longest numbers")
	}
	if string(AppendInt([]byte("a"), -5))+string(AppendUint(nil, math.MaxUint64)) != "a-518446744073709551615" {
		t.Error("AppendInt, AppendUint")
	}
}

func TestMemtoull(t *testing.T) {
	for s, want := range map[string]uint64{
		"": 0, "b": 0, "1": 1, "1b": 1, "1B": 1, "1k": 1000, "1kb": 1024, "5K": 5000, "2Kb": 2048, "1m": 1e6, "1mB": 1 << 20, "3g": 3e9, "1GB": 1 << 30,
		"18446744073709551615": math.MaxUint64, "99999999999999999999": math.MaxUint64, "18446744073709551615kb": math.MaxUint64 - 1023, "007mb": 7 << 20,
	} {
		if got, ok := Memtoull(s); !ok || got != want {
			t.Errorf("%q: got %d, %v", s, got, ok)
		}
	}
	for _, s := range []string{"-1", "1 mb", "1t", "1.5g", "x", " 1", "1kbb", strings.Repeat("1", 128)} {
		if got, ok := Memtoull(s); ok {
			t.Errorf("%q: got %d, want a refusal", s, got)
		}
	}
}

func TestBytesToHuman(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0B", 1023: "1023B", 1024: "1.00K", 1536: "1.50K", 1<<20 - 1: "1024.00K", 1 << 20: "1.00M", 1 << 30: "1.00G", 5 << 40: "5.00T", 1 << 50: "1.00P",
		1 << 60: "1152921504606846976B", 1234567: "1.18M",
	} {
		if got := BytesToHuman(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestSmallThings(t *testing.T) {
	if Yesnotoi("YES") != 1 || Yesnotoi("no") != 0 || Yesnotoi("maybe") != -1 {
		t.Error("Yesnotoi")
	}
	if !PathIsBaseName("a.rdb") || PathIsBaseName("a/b") || PathIsBaseName(`a\b`) {
		t.Error("PathIsBaseName")
	}
	if got := string(Mapchars([]byte("a\r\nb"), "\r\n", "  ")); got != "a  b" {
		t.Errorf("Mapchars: %q", got)
	}
	a, b := GetRandomHexChars(40), GetRandomHexChars(40)
	if len(a) != 40 || a == b || strings.Trim(a, "0123456789abcdef") != "" {
		t.Errorf("random strings %s and %s", a, b)
	}
	p := make([]byte, 64)
	GetRandomBytes(p)
	if string(p) == string(make([]byte, 64)) {
		t.Error("GetRandomBytes left zeros")
	}
}

func TestStringMatchLen(t *testing.T) {
	for _, tc := range []struct {
		pattern, s   string
		nocase, want bool
	}{
		{"", "", false, true},
		{"*", "", false, false}, // Redis's corner: nothing but the empty pattern matches the empty string.
		{"*", "a", false, true},
		{"**", "abc", false, true},
		{"a*", "a", false, true},
		{"a**", "a", false, true},
		{"a*b", "ab", false, true},
		{"a*b", "axxb", false, true},
		{"a*b", "axxbc", false, false},
		{"*a*b*c", "xxaxxbxxc", false, true},
		{"*abc", "ababc", false, true},
		{"*ab*cd", "abxcxcd", false, true},
		{"h?llo", "hello", false, true},
		{"h?llo", "hllo", false, false},
		{"h[ae]llo", "hallo", false, true},
		{"h[ae]llo", "hillo", false, false},
		{"h[^e]llo", "hbllo", false, true},
		{"h[^e]llo", "hello", false, false},
		{"h[a-b]llo", "hbllo", false, true},
		{"h[b-a]llo", "hbllo", false, true},
		{"h[a-b]llo", "hcllo", false, false},
		{"[a-c", "b", false, true},
		{"[ab", "b", false, true},
		{"[", "[", false, false},
		{"[^", "x", false, true},
		{"[]", "x", false, false},
		{`[\]]`, "]", false, true},
		{`[\-x]`, "-", false, true},
		{`[a-]`, "-", false, false}, // A range from a down to ], without a closing bracket.
		{`[a-]`, "_", false, true},
		{`\*`, "*", false, true},
		{`\*`, "a", false, false},
		{`\`, `\`, false, true},
		{`a\?c`, "a?c", false, true},
		{"HELLO", "hello", true, true},
		{"HELLO", "hello", false, false},
		{"[A-C]x", "bX", true, true},
		{"[A-C]x", "bX", false, false},
		{"[AB]", "b", true, true},
		{`[\A]`, "a", true, false}, // An escaped byte compares exactly.
		{"a[a-\xff]", "a\x01", false, true},
		{"a[a-\xff]", "ab", false, false}, // Signed: -1 to 97.
		{"[\x80-\xff]", "\xc0", false, true},
		{"abc", "ab", false, false},
		{"ab", "abc", false, false},
		{"abc*", "ab", false, false},
		{"a\x00b", "a\x00b", false, true},
	} {
		if got := StringMatchLen(tc.pattern, []byte(tc.s), tc.nocase); got != tc.want {
			t.Errorf("%q against %q, nocase %v: got %v", tc.pattern, tc.s, tc.nocase, got)
		}
	}
	if !StringMatch("a*c", "abc", false) {
		t.Error("StringMatch")
	}
}

func TestStringMatchLenStarsAreBounded(t *testing.T) {
	many := strings.Repeat("a*", 1000)
	if !StringMatch(many+"b", strings.Repeat("a", 1000)+"b", false) {
		t.Error("1000 stars are fine")
	}
	if StringMatch(many+"a*b", strings.Repeat("a", 1001)+"b", false) {
		t.Error("1001 stars are too many")
	}
	// Exponential work would not end here.
	if StringMatch(strings.Repeat("*a", 900)+"*b", strings.Repeat("a", 100000), false) {
		t.Error("no b to match")
	}
}

// matchReference is the definition of the patterns without sets, by recursion.
func matchReference(p, s string) bool {
	if p == "" {
		return s == ""
	}
	switch p[0] {
	case '*':
		return matchReference(p[1:], s) || s != "" && matchReference(p, s[1:])
	case '?':
		return s != "" && matchReference(p[1:], s[1:])
	case '\\':
		if len(p) > 1 {
			p = p[1:]
		}
	}
	return s != "" && s[0] == p[0] && matchReference(p[1:], s[1:])
}

func TestStringMatchLenAgainstDefinition(t *testing.T) {
	random := func(n int, chars string) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = chars[rand.IntN(len(chars))]
		}
		return string(b)
	}
	for range 50000 {
		p, s := random(rand.IntN(9), `ab*?\`), random(1+rand.IntN(10), `ab*`)
		if got := StringMatch(p, s, false); got != matchReference(p, s) {
			t.Fatalf("%q against %q: got %v", p, s, got)
		}
	}
}

func FuzzStringMatchLen(f *testing.F) {
	f.Add([]byte("*[a-z]\\"), []byte("abc"), true)
	f.Fuzz(func(t *testing.T, p, s []byte, nocase bool) { StringMatchLen(p, s, nocase) })
}

func TestString2d(t *testing.T) {
	inf := math.Inf(1)
	for s, want := range map[string]float64{
		"1": 1, "+1": 1, "-1": -1, "0x10": 16, "0X1p3": 8, "0x1p-3": .125, "0x.8": .5, "0x1.8": 1.5, "1e5": 1e5, "1E5": 1e5, ".5": .5, "5.": 5,
		"-.5": -.5, "+.5": .5, "inf": inf, "-inf": -inf, "+inf": inf, "INF": inf, "Infinity": inf, "-infinity": -inf, "1e-320": 1e-320,
		"4.9e-324": 5e-324, "00012": 12, "0": 0, "0e999": 0, "0e-999999999999999999999": 0, "1e0000000000000000000000001": 10, "0x0p99999": 0,
	} {
		if got, ok := String2d(s); !ok || got != want {
			t.Errorf("%q: got %g, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", " 1", "1 ", "1e", "1e+", ".", "infinit", "infx", "nan", "-nan", "nan(1)", "1e400", "-1e400", "1e-400", "2e-324",
		"1.7976931348623159e308", "\v1", "1\x00", "\x001", "0x", "--1", "+-1", "1_000", "1d5", "0b1", "1,5", "0x1p2000", "0x1p-2000", "0x1p", "0xg",
		"0x_1", "1..2", strings.Repeat("1", 400)} {
		if got, ok := String2d([]byte(s)); ok {
			t.Errorf("%q: got %g, want a refusal", s, got)
		}
	}
	zeros := strings.Repeat("0", 1000)
	for s, want := range map[string]float64{
		"1" + zeros + "e-1000": 1, zeros + "2.5": 2.5, "-0." + zeros + "1e1001": -1, "1." + zeros: 1, "4503599627370496.5" + zeros + "1": 4503599627370497,
		"4503599627370496.5" + zeros: 4503599627370496, zeros + "." + zeros: 0,
	} {
		if got, ok := String2d(s); !ok || got != want {
			t.Errorf("%.20s..., %d characters: got %g, %v, want %g", s, len(s), got, ok, want)
		}
	}
	if d, _ := String2d("-0"); !math.Signbit(d) {
		t.Error("-0 lost its sign")
	}
}

func TestDoubleForms(t *testing.T) {
	for _, tc := range []struct {
		d         float64
		form, g17 string
	}{
		{0, "0", "0"}, {math.Copysign(0, -1), "-0", "-0"}, {math.Inf(1), "inf", "inf"}, {math.Inf(-1), "-inf", "-inf"}, {math.NaN(), "nan", "nan"},
		{3, "3", "3"}, {-3, "-3", "-3"}, {1e15, "1000000000000000", "1000000000000000"}, {1e18, "1000000000000000000", "1e+18"},
		{1 << 62, "4611686018427387904", "4.6116860184273879e+18"}, {9e18, "9e+18", "9e+18"}, {-1e20, "-1e+20", "-1e+20"},
		{0.1, "0.1", "0.10000000000000001"}, {0.5, "0.5", "0.5"}, {1e-5, "0.00001", "1.0000000000000001e-05"}, {0.0001, "0.0001", "0.0001"},
		{123.456, "123.456", "123.456"}, {1e100, "1e+100", "1e+100"}, {1.5e-300, "1.5e-300", "1.5000000000000001e-300"}, {1e16, "10000000000000000", "10000000000000000"},
	} {
		if got := D2string(tc.d); got != tc.form {
			t.Errorf("%g: got %s, want %s", tc.d, got, tc.form)
		}
		if got := string(AppendG17(nil, tc.d)); got != tc.g17 {
			t.Errorf("%g as %%.17g: got %s, want %s", tc.d, got, tc.g17)
		}
	}
	if got := string(AppendG(nil, 1234567, 6)); got != "1.23457e+06" {
		t.Errorf("%%.6g: %s", got)
	}
	for _, tc := range []struct {
		d      float64
		digits int
		want   string
	}{
		{0, 2, "0.00"}, {0.775, 4, "0.7750"}, {-1.5, 3, "-1.500"}, {12.3456, 2, "12.35"}, {0.0004, 3, "0.000"}, {1, 17, "1.00000000000000000"},
		{99.999, 2, "100.00"}, {0.5, 0, ""}, {0.5, 18, ""}, {-0.25, 1, "-0.2"}, {0.07, 2, "0.07"},
	} {
		if got := string(AppendFixedpoint(nil, tc.d, tc.digits)); got != tc.want {
			t.Errorf("%g with %d digits: got %s, want %s", tc.d, tc.digits, got, tc.want)
		}
	}
	for s, want := range map[string]string{"1.500": "1.5", "1.000": "1", "100": "100", "0.0": "0", "50.000000": "50"} {
		if got := string(TrimDoubleString([]byte(s))); got != want {
			t.Errorf("%s: got %s, want %s", s, got, want)
		}
	}
}

// The right columns are what glibc printed for the same operands.
func TestLongDoubleAgainstC(t *testing.T) {
	for _, tc := range []struct{ a, b, human, auto, hex string }{
		{"0.1", "0.2", "0.3", "0.3", "0x9.99999999999999ap-5"},
		{"10.5", "0.1", "10.6", "10.6", "0xa.99999999999999ap+0"},
		{"5.0e3", "2.0e2", "5200", "5200", "0xa.28p+9"},
		{"3", "-3", "0", "0", "0x0p+0"},
		{"-0", "-0", "0", "-0", "-0x0p+0"},
		{"1e-30", "0", "0", "1e-30", "0xa.2425ff75e14fc32p-103"},
		{"-1e-30", "0", "0", "-1e-30", "-0xa.2425ff75e14fc32p-103"},
		{"36893488147419103235", "0", "36893488147419103236", "3.6893488147419103e+19", "0x8.000000000000001p+62"},
		{"602.5", "-5688218498089", "-5688218497486.5", "-5688218497486.5", "-0xa.58c87c639dp+39"},
		{"21613524e-11", "+4710560093.89146409705821246485517753642473392764936528899355537788964417114508790464", "4710560093.89168023224920034",
			"4710560093.8916802", "0x8.c62b8aef22293eep+29"},
		{"0x1p-16445", "0x1p-16445", "0", "7.2903990637649492e-4951", "0x0.000000000000002p-16385"},
	} {
		a, aok := String2ld(tc.a)
		b, bok := String2ld([]byte(tc.b))
		if !aok || !bok {
			t.Errorf("%s + %s: refused", tc.a, tc.b)
			continue
		}
		sum := a.Add(b)
		if got := Ld2string(sum, LdStrHuman); got != tc.human {
			t.Errorf("%s + %s: got %s, want %s", tc.a, tc.b, got, tc.human)
		}
		if got := Ld2string(sum, LdStrAuto); got != tc.auto {
			t.Errorf("%s + %s: got %s, want %s", tc.a, tc.b, got, tc.auto)
		}
		if got := Ld2string(sum, LdStrHex); got != tc.hex {
			t.Errorf("%s + %s: got %s, want %s", tc.a, tc.b, got, tc.hex)
		}
	}
	for _, s := range []string{"", " 1", "1 ", "nan", "1e5000", "-1e5000", "1e-5000", "0x1p-16447", "0x1p-16446", "1.8e-4951", "0x1p16384", "1e", strings.Repeat("1", 5120)} {
		if v, ok := String2ld(s); ok {
			t.Errorf("%q: got %s, want a refusal", s, Ld2string(v, LdStrAuto))
		}
	}
	for s, want := range map[string]string{"inf": "inf", "-infinity": "-inf", "0x1.8p-16446": "3.6451995318824746e-4951", "1.9e-4951": "3.6451995318824746e-4951",
		"1.189731495357231765e4932": "1.1897314953572318e+4932", "9223372036854775807": "9.2233720368547758e+18"} {
		if v, ok := String2ld(s); !ok || Ld2string(v, LdStrAuto) != want {
			t.Errorf("%q: got %s, %v", s, Ld2string(v, LdStrAuto), ok)
		}
	}
}

func TestLongDoubleSpecialValues(t *testing.T) {
	inf, _ := String2ld("inf")
	minusInf, _ := String2ld("-inf")
	one := LdFromInt(1)
	maximum, _ := String2ld("0xf.fffffffffffffffp+16380")
	for _, tc := range []struct {
		name string
		got  LongDouble
		want string
	}{
		{"inf + 1", inf.Add(one), "inf"},
		{"1 + -inf", one.Add(minusInf), "-inf"},
		{"inf + -inf", inf.Add(minusInf), "nan"},
		{"nan + 1", inf.Add(minusInf).Add(one), "nan"},
		{"the largest twice", maximum.Add(maximum), "inf"},
		{"the largest and a bit", maximum.Add(one), "1.1897314953572318e+4932"},
		{"a double", LdFromFloat64(0.1), "0.10000000000000001"},
		{"a small double", LdFromFloat64(5e-324), "4.9406564584124654e-324"},
		{"a double's infinity", LdFromFloat64(math.Inf(-1)), "-inf"},
		{"a double's nan", LdFromFloat64(math.NaN()), "nan"},
		{"the smallest integer", LdFromInt(math.MinInt64), "-9.2233720368547758e+18"},
	} {
		if got := Ld2string(tc.got, LdStrAuto); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
	if !inf.IsInf() || inf.IsNaN() || !inf.Add(minusInf).IsNaN() || !LdFromInt(0).IsZero() || one.IsZero() {
		t.Error("predicates")
	}
	for _, d := range []float64{0, math.Copysign(0, -1), 1.5, -1e300, 5e-324, math.Inf(1), math.Inf(-1), math.MaxFloat64} {
		if got := LdFromFloat64(d).Float64(); math.Float64bits(got) != math.Float64bits(d) {
			t.Errorf("%g came back as %g", d, got)
		}
	}
	if !math.IsNaN(LdFromFloat64(math.NaN()).Float64()) {
		t.Error("nan")
	}
}

// TestLongDoubleAgainstBigFloat: in the range of normal numbers, big.Float with 64 bits of precision rounds alike.
func TestLongDoubleAgainstBigFloat(t *testing.T) {
	number := func() string {
		s := strconv.FormatInt(int64(rand.Uint64())>>rand.IntN(64), 10) + "." + strconv.FormatUint(rand.Uint64()>>rand.IntN(64), 10)
		if rand.IntN(2) == 0 {
			s += strconv.FormatUint(rand.Uint64(), 10)
		}
		if rand.IntN(3) == 0 {
			s += "e" + strconv.Itoa(rand.IntN(80)-40)
		}
		return s
	}
	for range 20000 {
		x, y := number(), number()
		a, aok := String2ld(x)
		b, bok := String2ld(y)
		if !aok || !bok {
			t.Fatalf("%s or %s refused", x, y)
		}
		f, _ := new(big.Float).SetPrec(64).SetString(x)
		g, _ := new(big.Float).SetPrec(64).SetString(y)
		if a.big().Cmp(f) != 0 {
			t.Fatalf("%s: got %s", x, a.big().Text('p', 0))
		}
		sum := new(big.Float).SetPrec(64).Add(f, g)
		got := a.Add(b)
		if got.big().Cmp(sum) != 0 {
			t.Fatalf("%s + %s: got %s, want %s", x, y, got.big().Text('p', 0), sum.Text('p', 0))
		}
		want := string(TrimDoubleString([]byte(sum.Text('f', 17))))
		if want == "-0" {
			want = "0"
		}
		if text := Ld2string(got, LdStrHuman); text != want {
			t.Fatalf("%s + %s: got %s, want %s", x, y, text, want)
		}
	}
}

func FuzzFloats(f *testing.F) {
	f.Add("0x1.8p-3", "1e400")
	f.Fuzz(func(t *testing.T, x, y string) {
		String2d(x)
		a, aok := String2ld(x)
		b, bok := String2ld(y)
		if aok && bok {
			AppendLd(nil, a.Add(b), LdStrHuman)
			AppendLd(nil, a.Add(b), LdStrAuto)
			AppendLd(nil, a.Add(b), LdStrHex)
		}
	})
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 64)
	number, score, incr := []byte("1234567890"), []byte("12.5"), []byte("0.1")
	for name, f := range map[string]func(){
		"String2ll":   func() { String2ll(number) },
		"String2d":    func() { String2d(score) },
		"AppendInt":   func() { AppendInt(buf, 123456) },
		"D2string":    func() { AppendDouble(buf, 1.25) },
		"glob":        func() { StringMatchLen("1*9?", number, false) },
		"INCRBYFLOAT": func() { a, _ := String2ld(score); b, _ := String2ld(incr); AppendLd(buf, a.Add(b), LdStrHuman) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkString2ll(b *testing.B) {
	s := []byte("123456789012")
	for b.Loop() {
		String2ll(s)
	}
}

func BenchmarkString2d(b *testing.B) {
	s := []byte("123.456")
	for b.Loop() {
		String2d(s)
	}
}

func BenchmarkIncrbyfloat(b *testing.B) {
	buf := make([]byte, 0, 64)
	s, incr := []byte("10.5"), []byte("0.1")
	for b.Loop() {
		x, _ := String2ld(s)
		y, _ := String2ld(incr)
		AppendLd(buf, x.Add(y), LdStrHuman)
	}
}

func BenchmarkStringMatchLen(b *testing.B) {
	p, s := []byte("user:*:name"), []byte("user:1234567:name")
	for b.Loop() {
		StringMatchLen(p, s, false)
	}
}

func TestParseDecimal(t *testing.T) {
	inf := math.Inf(1)
	for s, want := range map[string]float64{
		"0": 0, "-1": -1, "+7": 7, ".5": .5, "5.": 5, "1e3": 1000, "1e400": inf, "-1e400": -inf, "1e-400": 0, "inf": inf, "-INFINITY": -inf,
		strings.Repeat("9", 1000): inf, "123456789012345678901234567890": 123456789012345678901234567890,
	} {
		if got, ok := ParseDecimal(s); !ok || got != want {
			t.Errorf("%.20q: got %v, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "-", " 5", "5 ", "0x10", "1e", "1_0", "nan", "nan(1)", "--1", "infin", "1e+", "٣"} {
		if got, ok := ParseDecimal(s); ok {
			t.Errorf("%q: got %v", s, got)
		}
	}
}
