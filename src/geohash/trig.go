// SPDX-License-Identifier: BSD-3-Clause

package geohash

import "math"

// trig.go - sine, cosine and arc sine, correctly rounded in all but about one of a thousand cases.
//
// Distances are stored as scores, so they should be the same on all machines, and the same that C has. Its library is off by
// little more than half a unit in the last place; Go's is off by one now and then, and on some machines it is another one.
//
// An argument is reduced to a multiple of pi/2, a multiple c of 1/64, and a rest t of at most 1/128. Then
//
//	sin(c+t) = sin c + cos c * t + cos c * (sin t - t) + sin c * (cos t - 1)
//
// where the first two terms are taken with all their digits, as sums of two doubles, and the others are small.

// dd is the unevaluated sum of two doubles, the second of which is less than half a unit of the first.
type dd struct{ hi, lo float64 }

// sum is a + b with nothing lost.
func sum(a, b float64) dd {
	s := a + b
	v := s - a
	return dd{s, (a - (s - v)) + (b - v)}
}

// product is a * b with nothing lost. Here as elsewhere the conversion keeps compilers from fusing the product with
// a sum that follows, which would round once where everything counts on two roundings.
func product(a, b float64) dd {
	p := float64(a * b)
	return dd{p, math.FMA(a, b, -p)}
}

func (a dd) add(b dd) dd {
	s := sum(a.hi, b.hi)
	return sum(s.hi, s.lo+(a.lo+b.lo))
}

func (a dd) mul(b dd) dd {
	p := product(a.hi, b.hi)
	return sum(p.hi, p.lo+(float64(a.hi*b.lo)+float64(a.lo*b.hi)))
}

func (a dd) neg() dd { return dd{-a.hi, -a.lo} }

// over is a / n for a small integer.
func (a dd) over(n float64) dd {
	q := a.hi / n
	p := product(q, n)
	return sum(q, ((a.hi-p.hi)-p.lo+a.lo)/n)
}

// sinCos is the sine and the cosine of i/64.
type sinCos struct{ sin, cos dd }

// grid covers 0 to pi/4.
var grid = makeGrid()

func makeGrid() (g [52]sinCos) {
	// One step by its series, the others by the addition theorems.
	x := dd{1.0 / 64, 0}
	step := sinCos{x, dd{1, 0}}
	term := x
	for n := 2.0; n < 20; n++ {
		term = term.mul(x).over(n)
		switch int(n) % 4 {
		case 0:
			step.cos = step.cos.add(term)
		case 1:
			step.sin = step.sin.add(term)
		case 2:
			step.cos = step.cos.add(term.neg())
		case 3:
			step.sin = step.sin.add(term.neg())
		}
	}
	g[0] = sinCos{dd{0, 0}, dd{1, 0}}
	for i := 1; i < len(g); i++ {
		p := g[i-1]
		g[i].sin = p.sin.mul(step.cos).add(p.cos.mul(step.sin))
		g[i].cos = p.cos.mul(step.cos).add(p.sin.mul(step.sin).neg())
	}
	return g
}

// pi/2
const (
	halfPiHi = 1.57079632679489655800e+00
	halfPiLo = 6.12323399573676603587e-17
)

// reduceMax bounds what reduce takes: beyond, three parts of pi are not enough. No distance on earth is an angle of that size, but a
// radius may be anything, infinite too.
const reduceMax = 1 << 26

// reduce splits x, whose size is below reduceMax, into quarter turns, a point of the grid, and a rest.
func reduce(x float64) (quarters int, at sinCos, t dd) {
	k := math.Round(x * (2 / math.Pi))
	p := product(k, halfPiHi)
	r := sum(x, -p.hi)
	r = sum(r.hi, r.lo-p.lo-float64(k*halfPiLo))
	i := math.Round(r.hi * 64)
	t = sum(r.hi-i/64, r.lo)
	n := int(i)
	if n < 0 {
		at = grid[-n]
		at.sin = at.sin.neg()
	} else {
		at = grid[n]
	}
	return int(k), at, t
}

// sinDD is the sine, with many more digits than a double has.
func sinDD(x float64) dd {
	if !(math.Abs(x) < reduceMax) {
		return dd{math.Sin(x), 0}
	}
	quarters, at, t := reduce(x)
	return turn(quarters, at, t)
}

// turn is the sine of t behind a point of the grid behind a number of quarter turns.
func turn(quarters int, at sinCos, t dd) dd {
	s, c := at.sin, at.cos
	if quarters&1 != 0 {
		s, c = at.cos, at.sin.neg()
	}
	t2 := float64(t.hi * t.hi)
	sinRest := float64(t.hi * t2 * (-1.0/6 + float64(t2*(1.0/120-float64(t2*(1.0/5040))))))
	cosRest := float64(t2 * (-1.0/2 + float64(t2*(1.0/24-float64(t2*(1.0/720))))))
	p := product(c.hi, t.hi)
	r := sum(s.hi, p.hi)
	small := float64(c.hi*(sinRest+t.lo)) + float64(s.hi*(cosRest-float64(t.hi*t.lo)))
	r = sum(r.hi, r.lo+(small+(p.lo+(s.lo+float64(c.lo*t.hi)))))
	if quarters&2 != 0 {
		return r.neg()
	}
	return r
}

func sin(x float64) float64 { return sinDD(x).hi }

func cos(x float64) float64 {
	if !(math.Abs(x) < reduceMax) {
		return math.Cos(x)
	}
	quarters, at, t := reduce(x)
	return turn(quarters+1, at, t).hi
}

// asin takes Go's result one step of Newton's method further. x is from 0 to 1, or a little above, which counts as 1: two points can
// hardly be more than opposite.
func asin(x float64) float64 {
	if !(x < 1) {
		return math.Asin(x)
	}
	y := math.Asin(x)
	s := sinDD(y)
	return y + ((x-s.hi)-s.lo)/cos(y)
}
