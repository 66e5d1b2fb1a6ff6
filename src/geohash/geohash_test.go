// SPDX-License-Identifier: BSD-3-Clause

package geohash

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestEncodeDecode(t *testing.T) {
	for _, tc := range []struct {
		p    Point
		hash uint64
	}{
		{Point{13.361389, 38.115556}, 3479099956230698},
		{Point{15.087269, 37.502669}, 3479447370796909},
		{Point{0, 0}, 3377699720527872},
		{Point{-180, LatMin}, 0},
	} {
		h := Encode(&WGS84, tc.p, StepMax)
		if h.Align52() != tc.hash {
			t.Errorf("%v: %d, want %d", tc.p, h.Align52(), tc.hash)
		}
		a := Decode(h)
		if c := a.Center(); math.Abs(c.Long-tc.p.Long) > 1e-5 || math.Abs(c.Lat-tc.p.Lat) > 1e-5 {
			t.Errorf("%v comes back as %v", tc.p, c)
		}
	}
}

func TestMove(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		step := uint8(1 + r.IntN(StepMax))
		h := Hash{r.Uint64() >> (64 - 2*step), step}
		a := Decode(h)
		for _, d := range [][2]int{{1, 0}, {-1, 0}, {0, 1}, {0, -1}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}} {
			n := h.move(d[0], d[1])
			if back := n.move(-d[0], -d[1]); back != h {
				t.Fatalf("%v moved by %v and back is %v", h, d, back)
			}
			b := Decode(n)
			if d[0] == 1 && b.Long.Min != a.Long.Max && b.Long.Min != LongMin {
				t.Fatalf("%v: the east of %v is %v", h, a, b)
			}
			if d[1] == -1 && b.Lat.Max != a.Lat.Min && b.Lat.Min < a.Lat.Min {
				t.Fatalf("%v: the south of %v is %v", h, a, b)
			}
		}
	}
}

// TestAreas: what a shape contains is in one of its areas.
func TestAreas(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	inside := 0
	for range 20000 {
		s := Shape{Center: Point{r.Float64()*340 - 170, r.Float64()*120 - 60}, Circle: r.IntN(2) == 0}
		s.Radius = math.Exp(r.Float64() * 13)
		s.Width, s.Height = s.Radius, math.Exp(r.Float64()*13)
		reach := s.Radius / 111e3
		p := Point{s.Center.Long + (r.Float64()*2-1)*reach, s.Center.Lat + (r.Float64()*2-1)*reach}
		if p.Long < LongMin || p.Long > LongMax || p.Lat < LatMin || p.Lat > LatMax {
			continue
		}
		if _, ok := s.Contains(p); !ok {
			continue
		}
		inside++
		found := false
		for _, h := range s.Areas() {
			found = found || h != Hash{} && Encode(&WGS84, p, h.Step) == h
		}
		if !found {
			t.Fatalf("%v is in %+v, but in none of its areas", p, s)
		}
	}
	if inside < 1000 {
		t.Errorf("only %d points were inside", inside)
	}
}

func TestDistance(t *testing.T) {
	palermo, catania := Point{13.36138933897018433, 38.11555639549629859}, Point{15.08726745843887329, 37.50266842333162032}
	if d := Distance(palermo, catania); math.Abs(d-166274.1516) > 1e-4 {
		t.Errorf("%v", d)
	}
	if d := Distance(palermo, palermo); d != 0 {
		t.Errorf("%v", d)
	}
	if d := Distance(Point{0, 0}, Point{180, 0}); math.Abs(d-math.Pi*earthRadius) > 1e-6 {
		t.Errorf("%v", d)
	}
}

// bigSin is the sine to 160 bits.
func bigSin(x *big.Float) *big.Float {
	const prec = 200
	s, term, x2 := new(big.Float).SetPrec(prec), new(big.Float).SetPrec(prec).Set(x), new(big.Float).SetPrec(prec).Mul(x, x)
	for n := int64(1); n < 80; n += 2 {
		s.Add(s, term)
		term.Mul(term, x2).Quo(term, new(big.Float).SetInt64(-(n+1)*(n+2)))
	}
	return s
}

func TestTrig(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	wrong := 0
	const tries = 5000
	for i := range tries {
		x := (r.Float64()*2 - 1) * math.Pi
		if i%4 == 0 {
			x *= 1e-4
		}
		want, _ := bigSin(new(big.Float).SetPrec(200).SetFloat64(x)).Float64()
		if got := sin(x); got != want {
			if wrong++; math.Abs(got-want) > 2e-16*math.Abs(want) {
				t.Fatalf("sin %v is %v, want %v", x, got, want)
			}
		}
		// The cosine is checked by the theorem, the arc sine by its inverse.
		if c := cos(x); math.Abs(c*c+want*want-1) > 1e-15 || c < 0 != (math.Abs(x) > math.Pi/2) {
			t.Fatalf("cos %v is %v", x, c)
		}
		if y := math.Abs(x) / 4; y < 0.78 && math.Abs(asin(sin(y))-y) > 4e-16*y {
			t.Fatalf("asin sin %v is %v", y, asin(sin(y)))
		}
	}
	if wrong > tries/200 {
		t.Errorf("%d of %d sines are not the closest double", wrong, tries)
	}
	for _, x := range []float64{0, 1} {
		if asin(x) != math.Asin(x) {
			t.Errorf("asin %v is %v", x, asin(x))
		}
	}
}

func BenchmarkDistance(b *testing.B) {
	p, q := Point{13.36, 38.11}, Point{15.08, 37.5}
	for b.Loop() {
		Distance(p, q)
	}
}

// A radius may be anything: what no distance on earth reaches is searched as the whole of it.
func TestAreasOfHugeShapes(t *testing.T) {
	for _, r := range []float64{1e9, 1e15, 1e18, 1e100, 1e308, math.MaxFloat64, math.Inf(1)} {
		for _, shape := range []Shape{
			{Center: Point{Long: 15, Lat: 37}, Circle: true, Radius: r},
			{Center: Point{Long: 15, Lat: -37}, Width: r, Height: 1},
			{Center: Point{Long: 15, Lat: 90}, Width: 1, Height: r},
		} {
			if areas := shape.Areas(); areas[0].Step != 1 {
				t.Errorf("%+v: areas of step %d", shape, areas[0].Step)
			}
		}
	}
}
