// SPDX-License-Identifier: BSD-3-Clause

package fpconv

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestForms(t *testing.T) {
	for _, tc := range []struct {
		d    float64
		want string
	}{
		{0, "0"}, {math.Copysign(0, -1), "-0"}, {math.Inf(1), "inf"}, {math.Inf(-1), "-inf"}, {math.NaN(), "nan"},
		{1, "1"}, {-1, "-1"}, {10, "10"}, {1e6, "1000000"}, {1e7, "10000000"}, {1e8, "1e+8"}, {-8.01679831308403e+21, "-8016798313084030000000"}, {-1e7, "-10000000"},
		{1e19, "1e+19"}, {1.5e19, "1.5e+19"}, {1e21, "1e+21"}, {1e23, "99999999999999990000000"},
		{123456789012345678901234, "123456789012345690000000"}, {1.2345678901234567e25, "1.2345678901234566e+25"},
		{46116860184273879050, "46116860184273880000"}, {math.MaxFloat64, "1.7976931348623157e+308"},
		{0.1, "0.1"}, {0.001, "0.001"}, {1e-4, "0.0001"}, {1e-5, "0.00001"}, {1e-6, "0.000001"}, {1e-7, "1e-7"},
		{1.5e-5, "0.000015"}, {1.5e-6, "1.5e-6"}, {0.000123456, "1.23456e-4"}, {-0.000123456, "-1.23456e-4"},
		{123.456, "123.456"}, {12345678.125, "12345678.125"}, {0.30000000000000004, "0.30000000000000004"},
		{123456789.123456789, "1.2345678912345679e+8"}, {-1.1e-100, "-1.1e-100"},
		{2.2250738585072014e-308, "2.2250738585072014e-308"}, {5e-324, "5e-324"},
	} {
		if got := string(AppendDtoa(nil, tc.d)); got != tc.want {
			t.Errorf("%g: got %s, want %s", tc.d, got, tc.want)
		}
	}
}

func TestReadsBack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	longer := 0
	const rounds = 200000
	for range rounds {
		d := math.Float64frombits(r.Uint64())
		if math.IsNaN(d) || math.IsInf(d, 0) {
			continue
		}
		s := string(AppendDtoa(nil, d))
		if back, err := strconv.ParseFloat(s, 64); err != nil || back != d {
			t.Fatalf("%g printed as %s", d, s)
		}
		var buf [18]byte
		digits, _ := grisu2(math.Abs(d), &buf)
		shortest := strconv.FormatFloat(math.Abs(d), 'e', -1, 64)
		if len(digits) > 1 && len(digits)+1 > len(shortest[:indexOf(shortest, 'e')]) {
			longer++
		}
	}
	if longer > rounds/100 {
		t.Errorf("%d of %d are longer than need be", longer, rounds)
	}
}

func TestPowers(t *testing.T) {
	for i, got := range powersOfTen {
		k := firstPower + i*powerStep
		abs := max(k, -k)
		f := new(big.Float).SetPrec(4000).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(abs)), nil))
		if k < 0 {
			f.Quo(big.NewFloat(1).SetPrec(4000), f)
		}
		m := new(big.Float)
		exp := new(big.Float).SetPrec(64).Set(f).MantExp(m)
		frac, _ := m.SetMantExp(m, 64).Uint64()
		if got.frac != frac || got.exp != exp-64 {
			t.Errorf("10^%d: got %x*2^%d, want %x*2^%d", k, got.frac, got.exp, frac, exp-64)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	buf := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { AppendDtoa(buf, 123.456e-7) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendDtoa(b *testing.B) {
	buf := make([]byte, 0, 64)
	b.Run("fpconv", func(b *testing.B) {
		for b.Loop() {
			AppendDtoa(buf, 1234.5678)
		}
	})
	b.Run("strconv", func(b *testing.B) {
		for b.Loop() {
			strconv.AppendFloat(buf, 1234.5678, 'g', -1, 64)
		}
	})
}

func indexOf(s string, c byte) int {
	for i := range len(s) {
		if s[i] == c {
			return i
		}
	}
	return len(s)
}
