// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math"
	"slices"

	"redport/src/btree"
	"redport/src/geohash"
	"redport/src/listpack"
)

// geo_search.go - finding the members of a sorted set that are in a shape, and ordering them by distance.
//
// Distances are dear (package geohash), so they are taken only of what is replied with its distance, and to tell which of two is closer where
// haversines do not. Of a search for the COUNT closest no more than that many are kept at any time, in a heap with the farthest on top.
//
// Points of the same distance keep the order in which they are found.

// geoPoint is one that was found.
type geoPoint struct {
	score  float64
	h      float64 // haversine, see geohash.Shape.Contains
	dist   float64 // in meters; negative: not known yet
	member []byte  // until the next write to the database
	seq    int     // how many were found before
}

// geoFound is the result of a search.
type geoFound struct {
	points []geoPoint
	order  []int // indexes of points: the result's order, or while it is searched a heap
	keep   int   // that many are wanted, by distance; 0: all
	seen   int   // how many there were
}

// search finds the points in the shape, sorted and cut as the query says.
func (q *geoQuery) search(v *zsetView) {
	q.shape.Radius *= q.meters
	q.shape.Width *= q.meters
	q.shape.Height *= q.meters
	limit := math.MaxInt
	if q.count > 0 && q.sort == sortNone && !q.any {
		q.sort = sortAsc // the closest ones are meant
	}
	if q.count > 0 && q.count < math.MaxInt {
		if q.any {
			limit = int(q.count)
		} else {
			q.keep = int(q.count)
		}
	}
	areas := q.shape.Areas()
	last := -1
	for i, h := range areas {
		// Of a very large shape neighbours can be equal.
		if h == (geohash.Hash{}) || last > 0 && h == areas[last] {
			continue
		}
		if len(q.points) >= limit {
			break
		}
		low := float64(h.Align52())
		next := h
		next.Bits++
		high := float64(next.Align52())
		if v.z != nil {
			q.searchTree(v, low, high, limit)
		} else {
			q.searchPacked(v, low, high, limit)
		}
		last = i
	}
	if q.sort != sortNone {
		slices.SortFunc(q.order, func(i, j int) int {
			if q.before(&q.points[i], &q.points[j]) {
				return -1
			}
			return 1
		})
	}
}

// searchTree adds the points of an area, those with scores from low to below high, that are in the shape, until there are limit.
func (q *geoQuery) searchTree(v *zsetView, low, high float64, limit int) {
	var p btree.Cursor
	for v.z.t.SeekScore(&p, low); p.Ok(); {
		run := p.Run()
		passed := 0 // how far p is behind
		for i, score := range run {
			if score >= high {
				return
			}
			if !q.shape.InBounds(uint64(int64(score))) {
				continue
			}
			hav, ok := q.shape.Contains(decodeGeohash(score))
			if !ok {
				continue
			}
			if at := q.place(score, hav); at != nil {
				p.Skip(i - passed)
				passed = i
				at.member = p.Member()
			}
			if len(q.points) >= limit {
				return
			}
		}
		p.Skip(len(run) - passed)
	}
}

// searchPacked is searchTree for a listpack.
func (q *geoQuery) searchPacked(v *zsetView, low, high float64, limit int) {
	for p := v.at(0); p.ok(); p.next() {
		score := p.score()
		if score >= high {
			return
		}
		if !(score >= low) || !q.shape.InBounds(uint64(int64(score))) {
			continue
		}
		hav, ok := q.shape.Contains(decodeGeohash(score))
		if !ok {
			continue
		}
		if at := q.place(score, hav); at != nil {
			member := listpack.Get(p.lp, p.p)
			if at.member = member.Str; member.IsInt {
				at.member = member.Append(nil)
			}
		}
		if len(q.points) >= limit {
			return
		}
	}
}

// place makes room for a point, and returns it but for the member; nil if it is farther than enough others.
func (q *geoQuery) place(score, h float64) *geoPoint {
	p := geoPoint{score: score, h: h, dist: -1, seq: q.seen}
	q.seen++
	if n := len(q.points); q.keep == 0 || n < q.keep {
		q.points = append(q.points, p)
		q.order = append(q.order, n)
		if q.keep != 0 {
			q.siftUp(n)
		}
		return &q.points[n]
	}
	top := &q.points[q.order[0]]
	if !q.before(&p, top) {
		return nil
	}
	*top = p
	q.siftDown()
	return top
}

// distance is a point's distance from the center in meters.
func (q *geoQuery) distance(p *geoPoint) float64 {
	if p.dist < 0 {
		p.dist = geohash.Distance(q.shape.Center, decodeGeohash(p.score))
	}
	return p.dist
}

// before tells whether a goes before b in the reply.
func (q *geoQuery) before(a, b *geoPoint) bool {
	less, more := geohash.Closer(a.h, b.h)
	if !less && !more && a.score != b.score {
		da, db := q.distance(a), q.distance(b)
		less, more = da < db, da > db
	}
	switch {
	case !less && !more:
		return a.seq < b.seq
	case q.sort == sortDesc:
		return more
	}
	return less
}

// siftUp puts what is at the end of the heap, of which each entry goes behind both of its children, where it belongs.
func (q *geoQuery) siftUp(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !q.before(&q.points[q.order[parent]], &q.points[q.order[i]]) {
			return
		}
		q.order[i], q.order[parent] = q.order[parent], q.order[i]
		i = parent
	}
}

// siftDown does so with what is at the top.
func (q *geoQuery) siftDown() {
	for i := 0; ; {
		last := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(q.order); child++ {
			if q.before(&q.points[q.order[last]], &q.points[q.order[child]]) {
				last = child
			}
		}
		if last == i {
			return
		}
		q.order[i], q.order[last] = q.order[last], q.order[i]
		i = last
	}
}
