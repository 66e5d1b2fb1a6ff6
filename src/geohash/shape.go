// SPDX-License-Identifier: BSD-3-Clause

package geohash

import "math"

// shape.go - circles and rectangles on earth: the areas that cover one, and distances.
//
// Counterpart: geohash_helper.c.

// Shape is a circle or a rectangle to be searched, in meters.
type Shape struct {
	Center        Point
	Circle        bool
	Radius        float64 // of a circle
	Width, Height float64 // of a rectangle

	gauge // see shape_contains.go
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
