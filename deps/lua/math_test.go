// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"math"
	"testing"
)

func TestLogOfDenormals(t *testing.T) {
	for _, test := range []struct{ x, ln, log10 float64 }{
		{5e-324, -744.4400719213812, -323.3062153431158},
		{1e-310, -713.8013788281542, -310},
		{smallestNormal, -708.3964185322641, -307.6526555685888},
		{1e-300, -690.7755278982137, -300},
	} {
		if got := log(test.x); math.Abs(got-test.ln) > 1e-12 {
			t.Errorf("log(%g) = %.17g, want %.17g", test.x, got, test.ln)
		}
		if got := log10(test.x); math.Abs(got-test.log10) > 1e-12 {
			t.Errorf("log10(%g) = %.17g, want %.17g", test.x, got, test.log10)
		}
	}
	if !math.IsInf(log(0), -1) || !math.IsNaN(log(-1)) {
		t.Error("log of 0 and -1")
	}
}

func TestPowerOfDenormals(t *testing.T) {
	for _, test := range []struct{ a, b, want float64 }{
		{5e-324, 0.1, 4.670662276234e-33},
		{5e-324, 0.5, 2.2227587494850775e-162},
		{5e-324, -0.5, 4.4989137945431964e+161},
		{1e-310, 0.25, 3.162277660168e-78},
		{1e-310, 1.01, 7.9e-314},
		{5e-324, -4.5, math.Inf(1)},
		{5e-324, 4.5, 0},
	} {
		if got := power(test.a, test.b); got != test.want && math.Abs(got-test.want) > 1e-12*test.want+5e-315 {
			t.Errorf("%g^%g = %.17g, want %.17g", test.a, test.b, got, test.want)
		}
	}
}
