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
