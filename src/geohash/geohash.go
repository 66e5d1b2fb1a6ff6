// SPDX-License-Identifier: BSD-3-Clause

// Package geohash maps positions on earth to numbers of up to 52 bits that order by area, and finds the areas that a search has to
// look at.
package geohash

import "math"

// geohash.go - encoding and decoding, and neighbours.
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
