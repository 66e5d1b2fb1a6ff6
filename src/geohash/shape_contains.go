// SPDX-License-Identifier: BSD-3-Clause

package geohash

import "math"

// shape_contains.go - telling what is in a shape, and what is closer to its center, in a fraction of the time that distances take.
//
// A search looks at several times as many points as it finds, and sorts more of them than it replies, and none of that needs a distance with
// all its digits, unless two of them are nearly equal. So there are three steps, each for fewer points than the one before:
//
//  1. InBounds compares the bits of a hash with those of a rectangle of the map around the shape;
//  2. Contains compares haversines, h = sin²(angle/2), where Distance goes on to 2R asin √h, computed by the machine's sine;
//  3. Distance.
//
// What the second step finds closer to a limit than its errors reach goes to the third, so that the answers are always those of Distance.
//
// Errors of h: that of an angle's difference is up to 3e-16 for what was rounded before, so that h is off by up to
// 2√h * 3e-16 + 1e-15 h, and what Distance computes differs from the truth by less than that. Closer compares with
// 1e-6 h + 1e-20, which is at least 2√h * 1e-13: room for sines that are a thousand times worse. A relative
// difference of 1e-6 in h is one of 5e-7 or more in the distance, which no rounding in the last places turns around.

// gauge is what a shape's points are compared with; it is made once a search.
type gauge struct {
	ready bool

	// The rectangle: of each direction the first of the 2^26 stripes, as the bits that it has in a hash, and what is to be added to get
	// those of the last. It may wrap around.
	lat, latSpan   uint64
	long, longSpan uint64

	cosLat          float64 // of the center
	inside, outside float64 // haversines of a circle's radius, or a rectangle's half width, less and more than which is clear
	heightInside    float64 // degrees of latitude
	heightOutside   float64
}

const (
	stripes = 1 << StepMax
	never   = 2 // a haversine is never more than 1, but for rounding
)

// haversine is that of an angle.
func haversine(angle float64) float64 {
	s := math.Sin(angle / 2)
	return s * s
}

// limits returns the haversines below and above which a distance is clearly less or more than that of so many meters. They are a
// millionth and a centimeter apart from it: at the other side of the earth, where h hardly grows with the distance, that is
// a difference of 1e-12.
func limits(meters float64) (inside, outside float64) {
	inside, outside = -1, never
	if a := (float64(meters*(1-1e-6)) - 0.01) / earthRadius; a >= math.Pi {
		inside = never
	} else if a > 0 {
		inside = haversine(a)
	}
	if a := (float64(meters*(1+1e-6)) + 0.01) / earthRadius; a < math.Pi {
		outside = haversine(a)
	}
	return inside, outside
}

// prepare makes the gauge.
func (s *Shape) prepare() {
	g := &s.gauge
	g.ready = true
	g.cosLat = math.Cos(s.Center.Lat * degToRad)
	height, width := s.Radius, s.Radius
	if !s.Circle {
		height, width = s.Height/2, s.Width/2
		reach := height / earthRadius / degToRad
		g.heightInside, g.heightOutside = float64(reach*(1-1e-6))-1e-7, float64(reach*(1+1e-6))+1e-7
	}
	g.inside, g.outside = limits(width)

	// Degrees that are surely enough.
	lat := float64(height/earthRadius/degToRad*(1+1e-6)) + 1e-6
	long := 180.0
	if pole := (math.Abs(s.Center.Lat) + lat) * degToRad; pole < math.Pi/2 {
		// On the way of that length that goes farthest east, or, of a rectangle, on the parallel that is closest to a pole.
		w := width / earthRadius * (1 + 1e-6)
		near := g.cosLat
		if !s.Circle {
			w, near = w/2, math.Cos(pole)
		}
		if w < math.Pi/2 {
			if v := math.Sin(w) / near; v < 1 {
				long = float64(math.Asin(v)/degToRad*(1+1e-6)) + 1e-6
				if !s.Circle {
					long *= 2
				}
			}
		}
	}
	latStripes, longStripes := (LatMax-LatMin)/stripes, float64(LongMax-LongMin)/stripes
	low := math.Floor((s.Center.Lat-lat-LatMin)/latStripes) - 2
	high := math.Ceil((s.Center.Lat+lat-LatMin)/latStripes) + 2
	low, high = max(low, 0), min(high, stripes-1)
	if low > high {
		// The center is one of the few points beyond the map.
		low, high = 0, stripes-1
	}
	g.lat = spread(uint32(low))
	g.latSpan = spread(uint32(high)) - g.lat
	if west, span := math.Floor((s.Center.Long-long-LongMin)/longStripes)-2, math.Ceil(2*long/longStripes)+4; span < stripes {
		first := uint32(int64(west)) % stripes
		g.long = spread(first) << 1
		g.longSpan = spread((first+uint32(span))%stripes)<<1 - g.long
	} else {
		g.long, g.longSpan = 0, math.MaxUint64
	}
}

// InBounds tells whether the hash of full precision may be of a point in the shape: most that are not are told from it. The bits of one
// direction order as the stripes do, and an unsigned difference that wraps around is right for bounds that do.
func (s *Shape) InBounds(hash uint64) bool {
	if !s.ready {
		s.prepare()
	}
	return hash&latBits-s.lat <= s.latSpan && hash&longBits-s.long <= s.longSpan
}

// Contains tells whether p is in the shape; if so, h is about the haversine of the angle between p and the center, by which Closer
// compares.
func (s *Shape) Contains(p Point) (h float64, ok bool) {
	if !s.ready {
		s.prepare()
	}
	// Squares of sines, so that it does not matter whether a way around the other side is shorter.
	v := math.Sin((p.Long - s.Center.Long) * (degToRad / 2))
	cosLat := math.Cos(p.Lat * degToRad)
	if !s.Circle && !s.inRectangle(p, float64(cosLat*v)) {
		return 0, false
	}
	u := math.Sin((p.Lat - s.Center.Lat) * (degToRad / 2))
	h = float64(u*u) + float64(s.cosLat*cosLat*v*v)
	if !s.Circle || h < s.inside {
		return h, true
	}
	return h, h <= s.outside && Distance(s.Center, p) <= s.Radius
}

// inRectangle tells whether p is neither too far north or south of the center, nor too far east or west; w is the square root of the haversine of
// its distance from the center's meridian, along a great circle.
func (s *Shape) inRectangle(p Point, w float64) bool {
	d := math.Abs(p.Lat - s.Center.Lat)
	if d > s.heightOutside || d >= s.heightInside && latDistance(p.Lat, s.Center.Lat) > s.Height/2 {
		return false
	}
	h := w * w
	return h < s.inside || h <= s.outside && Distance(p, Point{s.Center.Long, p.Lat}) <= s.Width/2
}

// Closer compares two points' haversines, as Contains gives them: less is true if the distance of the first is surely less. If it is neither less nor
// more, distances are to be compared.
func Closer(a, b float64) (less, more bool) {
	d := b - a
	if room := float64(1e-6*max(a, b)) + 1e-20; d > room {
		return true, false
	} else if d < -room {
		return false, true
	}
	return false, false
}
