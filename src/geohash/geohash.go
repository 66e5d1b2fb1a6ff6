// SPDX-License-Identifier: BSD-3-Clause

// Package geohash maps positions on earth to numbers of up to 52 bits that order by area, and finds the areas that a search has to
// look at.
package geohash

import "math"

// geohash.go - encoding and decoding, neighbours, and the areas that cover a shape.
//
// A hash has step bits of the longitude and as many of the latitude, which halve the range of each step times; they are interleaved, the
// longitude's first. So all positions within an area are one range of the numbers of full precision.
//
// Arithmetic is that of C doubles: every product that is added to something is rounded first, because some processors would fuse the
// two, and areas and distances must not depend on the machine.
//
// Counterparts: geohash.c, geohash_helper.c.

// Limits of what can be hashed (EPSG:900913): there is no square map of the poles.
const (
	LatMin  = -85.05112878
	LatMax  = 85.05112878
	LongMin = -180
	LongMax = 180
)

// StepMax is full precision: 52 bits, which a double holds.
const StepMax = 26

const (
	earthRadius = 6372797.560856 // m, quadratic mean of WGS-84
	mercatorMax = 20037726.37    // m, half of the map's width
	degToRad    = math.Pi / 180
)

// Range is a range of degrees.
type Range struct{ Min, Max float64 }

// Hash is an area; the zero Hash is none.
type Hash struct {
	Bits uint64
	Step uint8
}

// Area is an area in degrees.
type Area struct{ Long, Lat Range }

// Point is a position.
type Point struct{ Long, Lat float64 }

// Standard are the ranges of geohashes as everybody uses them, WGS84 the ones of ours.
var (
	Standard = Area{Range{-180, 180}, Range{-90, 90}}
	WGS84    = Area{Range{LongMin, LongMax}, Range{LatMin, LatMax}}
)

// spread moves bit i of x to bit 2i.
func spread(v uint32) uint64 {
	x := uint64(v)
	x = (x | x<<16) & 0x0000FFFF0000FFFF
	x = (x | x<<8) & 0x00FF00FF00FF00FF
	x = (x | x<<4) & 0x0F0F0F0F0F0F0F0F
	x = (x | x<<2) & 0x3333333333333333
	return (x | x<<1) & 0x5555555555555555
}

// gather moves bit 2i of x to bit i.
func gather(x uint64) uint32 {
	x &= 0x5555555555555555
	x = (x | x>>1) & 0x3333333333333333
	x = (x | x>>2) & 0x0F0F0F0F0F0F0F0F
	x = (x | x>>4) & 0x00FF00FF00FF00FF
	x = (x | x>>8) & 0x0000FFFF0000FFFF
	return uint32(x | x>>16)
}

// Encode returns the area of the given step around p, within the world w, which p must be in.
func Encode(w *Area, p Point, step uint8) Hash {
	scale := float64(uint64(1) << step)
	lat := (p.Lat - w.Lat.Min) / (w.Lat.Max - w.Lat.Min) * scale
	long := (p.Long - w.Long.Min) / (w.Long.Max - w.Long.Min) * scale
	return Hash{spread(uint32(lat)) | spread(uint32(long))<<1, step}
}

// Decode returns the area that h stands for.
func Decode(h Hash) Area {
	scale := float64(uint64(1) << h.Step)
	part := func(r Range, n uint32) Range {
		size := r.Max - r.Min
		return Range{
			r.Min + float64(float64(n)/scale*size),
			r.Min + float64(float64(n+1)/scale*size),
		}
	}
	return Area{part(WGS84.Long, gather(h.Bits>>1)), part(WGS84.Lat, gather(h.Bits))}
}

// Center returns the middle of the area.
func (a *Area) Center() Point {
	return Point{
		min(max((a.Long.Min+a.Long.Max)/2, LongMin), LongMax),
		min(max((a.Lat.Min+a.Lat.Max)/2, LatMin), LatMax),
	}
}

// Align52 returns the smallest number of full precision in the area.
func (h Hash) Align52() uint64 { return h.Bits << (52 - 2*h.Step) }

const (
	longBits = 0xaaaaaaaaaaaaaaaa
	latBits  = 0x5555555555555555
)

// move returns the area that is dx areas east and dy areas north of h (-1, 0 or 1 each). It wraps around the map.
func (h Hash) move(dx, dy int) Hash {
	shift := 64 - 2*uint(h.Step)
	step := func(bits, others uint64, d int) uint64 {
		// With all bits of the other direction set, a carry runs through them.
		fill := others >> shift
		switch {
		case d > 0:
			bits += fill + 1
		case d < 0:
			bits = (bits | fill) - (fill + 1)
		}
		return bits & (^others >> shift)
	}
	long, lat := h.Bits&longBits, h.Bits&latBits
	if dx != 0 {
		long = step(long, latBits, dx)
	}
	if dy != 0 {
		lat = step(lat, longBits, dy)
	}
	return Hash{long | lat, h.Step}
}

// --- Shapes ---

// Shape is a circle or a rectangle to be searched, in meters.
type Shape struct {
	Center        Point
	Circle        bool
	Radius        float64 // of a circle
	Width, Height float64 // of a rectangle

	limit, cosLat float64 // see clearlyOutside; 0: not known yet
}

// stepsFor estimates with which step an area and its eight neighbours cover everything within radius.
func stepsFor(radius, lat float64) uint8 {
	if radius == 0 {
		return StepMax
	}
	step := 1
	for radius < mercatorMax {
		radius *= 2
		step++
	}
	step -= 2 // so that it is enough in most cases
	// Meridians come closer to each other near the poles.
	if lat > 66 || lat < -66 {
		step--
		if lat > 80 || lat < -80 {
			step--
		}
	}
	return uint8(min(max(step, 1), StepMax))
}

// bounds returns the degrees that the shape reaches.
func (s *Shape) bounds() (a Area) {
	height, width := s.Radius, s.Radius
	if !s.Circle {
		height, width = s.Height/2, s.Width/2
	}
	lat := height / earthRadius / degToRad
	top := width / earthRadius / cos((s.Center.Lat+lat)*degToRad) / degToRad
	bottom := width / earthRadius / cos((s.Center.Lat-lat)*degToRad) / degToRad
	long := top
	if s.Center.Lat < 0 {
		long = bottom
	}
	a.Long = Range{s.Center.Long - long, s.Center.Long + long}
	a.Lat = Range{s.Center.Lat - lat, s.Center.Lat + lat}
	return a
}

// Areas returns the areas to be looked at for the shape, the one in the middle first; some may be zero, or equal to each other.
func (s *Shape) Areas() [9]Hash {
	b := s.bounds()
	radius := s.Radius
	if !s.Circle {
		w, h := s.Width/2, s.Height/2
		radius = math.Sqrt(float64(w*w) + float64(h*h))
	}
	step := stepsFor(radius, s.Center.Lat)
	h := Encode(&WGS84, s.Center, step)
	if step > 1 {
		// Where the shape is close to the edge of its area, the neighbour on that side may not reach far enough.
		north, south, east, west := Decode(h.move(0, 1)), Decode(h.move(0, -1)), Decode(h.move(1, 0)), Decode(h.move(-1, 0))
		if north.Lat.Max < b.Lat.Max || south.Lat.Min > b.Lat.Min || east.Long.Max < b.Long.Max || west.Long.Min > b.Long.Min {
			step--
			h = Encode(&WGS84, s.Center, step)
		}
	}
	const (
		north = 1 << iota
		south
		east
		west
	)
	skip := 0
	if step >= 2 {
		// The middle reaches as far as the shape does on some sides.
		a := Decode(h)
		if a.Lat.Min < b.Lat.Min {
			skip |= south
		}
		if a.Lat.Max > b.Lat.Max {
			skip |= north
		}
		if a.Long.Min < b.Long.Min {
			skip |= west
		}
		if a.Long.Max > b.Long.Max {
			skip |= east
		}
	}
	areas := [9]Hash{h}
	for i, n := range [8]struct{ side, dx, dy int }{
		{north, 0, 1}, {south, 0, -1}, {east, 1, 0}, {west, -1, 0},
		{north | east, 1, 1}, {north | west, -1, 1}, {south | east, 1, -1}, {south | west, -1, -1},
	} {
		if skip&n.side == 0 {
			areas[i+1] = h.move(n.dx, n.dy)
		}
	}
	return areas
}

// Contains tells whether p is in the shape, and how far from its center.
func (s *Shape) Contains(p Point) (distance float64, ok bool) {
	if s.Circle {
		// Most points that are looked at are outside, and by much: that is told without the digits.
		if s.clearlyOutside(p) {
			return 0, false
		}
		distance = Distance(s.Center, p)
		return distance, distance <= s.Radius
	}
	if latDistance(p.Lat, s.Center.Lat) > s.Height/2 {
		return 0, false
	}
	if Distance(p, Point{s.Center.Long, p.Lat}) > s.Width/2 {
		return 0, false
	}
	return Distance(s.Center, p), true
}

// clearlyOutside tells that p is so far from a circle that rounding does not matter. It compares what Distance takes the arc sine of.
func (s *Shape) clearlyOutside(p Point) bool {
	if s.limit == 0 {
		s.limit, s.cosLat = 2, math.Cos(s.Center.Lat*degToRad)
		if angle := (float64(s.Radius*(1+1e-6)) + 0.01) / (2 * earthRadius); angle < math.Pi/2 {
			v := math.Sin(angle)
			s.limit = v * v
		}
	}
	u := math.Sin((p.Lat - s.Center.Lat) * (degToRad / 2))
	h := u * u
	if h > s.limit {
		return true
	}
	v := math.Sin((p.Long - s.Center.Long) * (degToRad / 2))
	return h+float64(s.cosLat*math.Cos(p.Lat*degToRad)*v*v) > s.limit
}

// latDistance is the distance of two points of the same meridian, in meters.
func latDistance(a, b float64) float64 {
	return earthRadius * math.Abs(float64(b*degToRad)-float64(a*degToRad))
}

// Distance returns the distance of two points in meters, by the haversine formula.
func Distance(a, b Point) float64 {
	v := sin((float64(b.Long*degToRad) - float64(a.Long*degToRad)) / 2)
	if v == 0 {
		return latDistance(a.Lat, b.Lat)
	}
	lat1, lat2 := a.Lat*degToRad, b.Lat*degToRad
	u := sin((lat2 - lat1) / 2)
	h := float64(u*u) + float64(float64(float64(cos(lat1)*cos(lat2))*v)*v)
	return 2 * earthRadius * asin(math.Sqrt(h))
}
