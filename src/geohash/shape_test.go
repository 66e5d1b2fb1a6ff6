// SPDX-License-Identifier: BSD-3-Clause

package geohash

import (
	"math"
	"math/rand/v2"
	"testing"
)

// exactly is what Contains has to tell.
func (s *Shape) exactly(p Point) bool {
	if s.Circle {
		return Distance(s.Center, p) <= s.Radius
	}
	return latDistance(p.Lat, s.Center.Lat) <= s.Height/2 && Distance(p, Point{s.Center.Long, p.Lat}) <= s.Width/2
}

// check compares Contains and InBounds with it.
func check(t *testing.T, s Shape, p Point) {
	t.Helper()
	h := Encode(&WGS84, p, StepMax)
	a := Decode(h)
	p = a.Center() // as points of a search are
	want := s.exactly(p)
	if _, ok := s.Contains(p); ok != want {
		t.Fatalf("%v within %+v: %v, want %v", p, s, ok, want)
	}
	if want && !s.InBounds(h.Bits) {
		t.Fatalf("%v within %+v is out of bounds %+v", p, s, s.gauge)
	}
}

// near returns a point that is anything from very close to c to on the other side of the earth.
func near(r *rand.Rand, c Point) Point {
	p := Point{
		Long: c.Long + (r.Float64()-0.5)*math.Pow(10, 2.5-float64(r.IntN(12))),
		Lat:  c.Lat + (r.Float64()-0.5)*math.Pow(10, 2-float64(r.IntN(12))),
	}
	switch r.IntN(20) {
	case 0:
		p.Lat = c.Lat
	case 1:
		p.Long = c.Long
	case 2:
		p = Point{c.Long + 180 - (p.Long-c.Long)/1e6, -c.Lat + (p.Lat-c.Lat)/1e6}
	}
	for p.Long > LongMax {
		p.Long -= 360
	}
	for p.Long < LongMin {
		p.Long += 360
	}
	p.Lat = min(max(p.Lat, LatMin), LatMax)
	h := Encode(&WGS84, p, StepMax)
	h.Bits &= 1<<52 - 1
	a := Decode(h)
	return a.Center()
}

// somewhere is a center.
func somewhere(r *rand.Rand) Point {
	return Point{Long: r.Float64()*360 - 180, Lat: (r.Float64()*2 - 1) * LatMax * math.Pow(r.Float64(), 0.2)}
}

// TestContainsNearTheEdge: what is told without all digits is what Distance tells.
func TestContainsNearTheEdge(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 150000 {
		c := somewhere(r)
		p := near(r, c)
		d := Distance(c, p)
		for _, radius := range []float64{d, math.Nextafter(d, 0), d * (1 - 1e-9), d * (1 + 1e-7), d * 0.999, d / 2, d * 3, 0} {
			check(t, Shape{Center: c, Circle: true, Radius: radius}, p)
		}
		height, width := 2*latDistance(c.Lat, p.Lat), 2*Distance(p, Point{c.Long, p.Lat})
		for range 4 {
			s := Shape{Center: c}
			s.Height = height * [...]float64{1, 1 - 1e-15, 1 + 1e-15, 1 + 1e-8, 0.99, 3, 1e9}[r.IntN(7)]
			s.Width = width * [...]float64{1, 1 - 1e-15, 1 + 1e-15, 1 + 1e-8, 0.99, 3, 1e9}[r.IntN(7)]
			check(t, s, p)
		}
	}
	for _, reach := range []float64{0, 1e-300, 1e300, math.Inf(1)} {
		for range 1000 {
			c := somewhere(r)
			p := near(r, c)
			check(t, Shape{Center: c, Circle: true, Radius: reach}, p)
			check(t, Shape{Center: c, Width: reach, Height: 1e5}, p)
			check(t, Shape{Center: c, Width: 1e5, Height: reach}, p)
		}
	}
}

// TestBoundsAreTight: of what is looked at around a small circle little more than the rectangle around it is in its bounds.
func TestBoundsAreTight(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 1000 {
		s := Shape{Center: Point{r.Float64()*360 - 180, r.Float64()*120 - 60}, Circle: true, Radius: 1000}
		s.InBounds(0)
		lat := gather(s.lat+s.latSpan) - gather(s.lat)
		long := (gather((s.long+s.longSpan)>>1) - gather(s.long>>1)) % stripes
		area := float64(lat) * (LatMax - LatMin) / stripes * float64(long) * 360 / stripes * math.Cos(s.Center.Lat*degToRad)
		if want := math.Pow(2*s.Radius/earthRadius/degToRad, 2); area > want*1.02 {
			t.Fatalf("%+v: bounds of %g square degrees, want %g", s, area, want)
		}
	}
}

// TestCloser: where haversines differ clearly, distances do, and in the same way.
func TestCloser(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	clear := 0
	for range 300000 {
		c := somewhere(r)
		p, q := near(r, c), near(r, c)
		if r.IntN(2) == 0 {
			q = near(r, p)
		}
		s := Shape{Center: c, Circle: true, Radius: math.Inf(1)}
		a, _ := s.Contains(p)
		b, _ := s.Contains(q)
		less, more := Closer(a, b)
		if less || more {
			clear++
		}
		if da, db := Distance(c, p), Distance(c, q); less && !(da < db) || more && !(da > db) {
			t.Fatalf("%v and %v from %v: %g and %g, but %v and %v", p, q, c, a, b, da, db)
		}
	}
	if clear < 200000 {
		t.Errorf("only %d were clear", clear)
	}
}

func BenchmarkContains(b *testing.B) {
	s := Shape{Center: Point{13.4, 52.5}, Circle: true, Radius: 50000}
	p := Point{13.5, 52.4}
	hash := Encode(&WGS84, p, StepMax).Bits
	b.Run("InBounds", func(b *testing.B) {
		for b.Loop() {
			s.InBounds(hash)
		}
	})
	b.Run("Contains", func(b *testing.B) {
		for b.Loop() {
			s.Contains(p)
		}
	})
	b.Run("Distance", func(b *testing.B) {
		for b.Loop() {
			Distance(s.Center, p)
		}
	})
}
