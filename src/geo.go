// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math"
	"strconv"

	"redport/src/geohash"
	"redport/src/util"
)

// geo.go - positions in sorted sets: the score is a geohash of 52 bits, so that an area is a range of scores.
//
// Searching is in geo_search.go. Counterpart: geo.c.

// extractUnitOrReply is the length of a unit in meters.
func (c *client) extractUnitOrReply(arg []byte) (meters float64, ok bool) {
	switch {
	case equalFold(arg, "M"):
		return 1, true
	case equalFold(arg, "KM"):
		return 1000, true
	case equalFold(arg, "FT"):
		return 0.3048, true
	case equalFold(arg, "MI"):
		return 1609.34, true
	}
	c.addReplyError("unsupported unit provided. please use M, KM, FT, MI")
	return 0, false
}

// extractLongLatOrReply parses a longitude and a latitude.
func (c *client) extractLongLatOrReply(args [][]byte) (p geohash.Point, ok bool) {
	if p.Long, ok = c.getDoubleFromObjectOrReply(args[0], ""); !ok {
		return p, false
	}
	if p.Lat, ok = c.getDoubleFromObjectOrReply(args[1], ""); !ok {
		return p, false
	}
	if p.Long < geohash.LongMin || p.Long > geohash.LongMax || p.Lat < geohash.LatMin || p.Lat > geohash.LatMax {
		c.addReplyErrorFormat("invalid longitude,latitude pair %s,%s", sixDigits(p.Long), sixDigits(p.Lat))
		return p, false
	}
	return p, true
}

// sixDigits is C's %f.
func sixDigits(f float64) string {
	if math.IsInf(f, 0) {
		return util.D2string(f)
	}
	return strconv.FormatFloat(f, 'f', 6, 64)
}

// extractDistanceOrReply parses "radius unit".
func (c *client) extractDistanceOrReply(args [][]byte) (radius, meters float64, ok bool) {
	if radius, ok = c.getDoubleFromObjectOrReply(args[0], "need numeric radius"); !ok {
		return 0, 0, false
	}
	if radius < 0 {
		c.addReplyError("radius cannot be negative")
		return 0, 0, false
	}
	meters, ok = c.extractUnitOrReply(args[1])
	return radius, meters, ok
}

// extractBoxOrReply parses "width height unit".
func (c *client) extractBoxOrReply(args [][]byte) (width, height, meters float64, ok bool) {
	if width, ok = c.getDoubleFromObjectOrReply(args[0], "need numeric width"); !ok {
		return 0, 0, 0, false
	}
	if height, ok = c.getDoubleFromObjectOrReply(args[1], "need numeric height"); !ok {
		return 0, 0, 0, false
	}
	if height < 0 || width < 0 {
		c.addReplyError("height or width cannot be negative")
		return 0, 0, 0, false
	}
	meters, ok = c.extractUnitOrReply(args[2])
	return width, height, meters, ok
}

// addReplyDoubleDistance sends a distance with four digits after the point.
func (c *client) addReplyDoubleDistance(d float64) {
	var buf [64]byte
	c.addReplyBulkBytes(util.AppendFixedpoint(buf[:0], d, 4))
}

// decodeGeohash is the position that a score stands for. A score that is none of ours is taken as x86 converts it to an integer.
func decodeGeohash(score float64) geohash.Point {
	var bits uint64
	switch {
	case score >= 1<<64:
	case score >= 1<<63:
		bits = uint64(score)
	case score >= -1<<63:
		bits = uint64(int64(score))
	default:
		bits = 1 << 63
	}
	a := geohash.Decode(geohash.Hash{Bits: bits, Step: geohash.StepMax})
	return a.Center()
}

// position is a member's position.
func (v *zsetView) position(member []byte) (p geohash.Point, ok bool) {
	score, ok := v.score(member)
	if !ok {
		return p, false
	}
	return decodeGeohash(score), true
}

// GEOADD key [NX|XX] [CH] longitude latitude member [longitude latitude member ...]
func geoaddCommand(c *client) {
	nx, xx := false, false
	first := 2
options:
	for ; first < len(c.argv); first++ {
		switch opt := c.argv[first]; {
		case equalFold(opt, "NX"):
			nx = true
		case equalFold(opt, "XX"):
			xx = true
		case equalFold(opt, "CH"): // ZADD's business
		default:
			break options
		}
	}
	n := len(c.argv) - first
	if n%3 != 0 || nx && xx {
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	// It is a ZADD in other words, and is propagated as such.
	argv := append(make([][]byte, 0, first+n/3*2), []byte("zadd"))
	argv = append(argv, c.argv[1:first]...)
	for i := first; i < len(c.argv); i += 3 {
		p, ok := c.extractLongLatOrReply(c.argv[i:])
		if !ok {
			return
		}
		hash := geohash.Encode(&geohash.WGS84, p, geohash.StepMax).Align52()
		argv = append(argv, strconv.AppendUint(nil, hash, 10), c.argv[i+2])
	}
	c.rewriteClientCommandVector(argv...)
	zaddCommand(c)
}

// --- Searching ---

// Variants of the search commands.
const (
	radiusCoords   = 1 << iota // around coordinates
	radiusMember               // around a member
	radiusNostore              // without STORE and STOREDIST
	geoSearch                  // the syntax of GEOSEARCH
	geoSearchStore             // the syntax of GEOSEARCHSTORE
)

const (
	sortNone = iota
	sortAsc
	sortDesc
)

// geoQuery is a search.
type geoQuery struct {
	shape     geohash.Shape
	meters    float64 // of a unit
	storekey  []byte
	storedist bool

	withdist, withhash, withcoord bool
	sort                          int
	count                         int64 // 0: all
	any                           bool  // the first that are found will do

	geoFound
}

// GEORADIUS key longitude latitude radius unit [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC|DESC] [STORE key] [STOREDIST key]
func georadiusCommand(c *client) { georadiusGeneric(c, 1, radiusCoords) }

// GEORADIUS_RO is GEORADIUS without STORE and STOREDIST.
func georadiusroCommand(c *client) { georadiusGeneric(c, 1, radiusCoords|radiusNostore) }

// GEORADIUSBYMEMBER key member radius unit [...]
func georadiusbymemberCommand(c *client) { georadiusGeneric(c, 1, radiusMember) }

// GEORADIUSBYMEMBER_RO is GEORADIUSBYMEMBER without STORE and STOREDIST.
func georadiusbymemberroCommand(c *client) { georadiusGeneric(c, 1, radiusMember|radiusNostore) }

// GEOSEARCH key FROMMEMBER member|FROMLONLAT longitude latitude BYRADIUS radius unit|BYBOX width height unit [ASC|DESC] [COUNT count [ANY]]
// [WITHCOORD] [WITHDIST] [WITHHASH]
func geosearchCommand(c *client) { georadiusGeneric(c, 1, geoSearch) }

// GEOSEARCHSTORE destination source [...] [STOREDIST]
func geosearchstoreCommand(c *client) { georadiusGeneric(c, 2, geoSearch|geoSearchStore) }

// georadiusGeneric serves them all; the source is argument src.
func georadiusGeneric(c *client, src, flags int) {
	e := c.db.entry(c.argv[src], lookupNone)
	if c.checkEntryType(e, objZset) {
		return
	}
	exists := e.Ok()
	var v zsetView
	if exists {
		v = viewZset(e)
	}
	var q geoQuery
	options, ok := q.parseFixed(c, &v, exists, flags)
	if !ok || !q.parseOptions(c, &v, exists, flags, options) {
		return
	}
	if exists {
		q.search(&v)
	}
	if q.storekey != nil {
		q.store(c, flags)
	} else {
		q.reply(c)
	}
}

// parseFixed parses the arguments that have a place, and returns the index of the first that has not.
func (q *geoQuery) parseFixed(c *client, v *zsetView, exists bool, flags int) (next int, ok bool) {
	q.meters = 1
	q.shape.Circle = true
	switch {
	case flags&radiusCoords != 0:
		next = 6
		if q.shape.Center, ok = c.extractLongLatOrReply(c.argv[2:]); !ok {
			return 0, false
		}
	case flags&radiusMember != 0:
		next = 5
		if !exists {
			// The rest is parsed to know which reply is due.
			return next, true
		}
		if q.shape.Center, ok = v.position(c.argv[2]); !ok {
			c.addReplyError("could not decode requested zset member")
			return 0, false
		}
	case flags&geoSearchStore != 0:
		q.storekey = c.argv[1]
		return 3, true
	default:
		return 2, true
	}
	q.shape.Radius, q.meters, ok = c.extractDistanceOrReply(c.argv[next-2:])
	return next, ok
}

func (q *geoQuery) parseOptions(c *client, v *zsetView, exists bool, flags, from int) bool {
	search := flags&geoSearch != 0
	mayStore := flags&(radiusNostore|geoSearch) == 0
	fromMember, fromLonLat, byRadius, byBox := false, false, false, false
	for i := from; i < len(c.argv); i++ {
		arg, rest := c.argv[i], c.argv[i+1:]
		var ok bool
		switch {
		case equalFold(arg, "WITHDIST"):
			q.withdist = true
		case equalFold(arg, "WITHHASH"):
			q.withhash = true
		case equalFold(arg, "WITHCOORD"):
			q.withcoord = true
		case equalFold(arg, "ANY"):
			q.any = true
		case equalFold(arg, "ASC"):
			q.sort = sortAsc
		case equalFold(arg, "DESC"):
			q.sort = sortDesc
		case equalFold(arg, "COUNT") && len(rest) > 0:
			if q.count, ok = c.getLongLongFromObjectOrReply(rest[0], ""); !ok {
				return false
			}
			if q.count <= 0 {
				c.addReplyError("COUNT must be > 0")
				return false
			}
			i++
		case equalFold(arg, "STORE") && len(rest) > 0 && mayStore:
			q.storekey, q.storedist = rest[0], false
			i++
		case equalFold(arg, "STOREDIST") && len(rest) > 0 && mayStore:
			q.storekey, q.storedist = rest[0], true
			i++
		case equalFold(arg, "STOREDIST") && flags&geoSearchStore != 0:
			q.storedist = true
		case equalFold(arg, "FROMMEMBER") && len(rest) > 0 && search && !fromLonLat:
			if exists {
				if q.shape.Center, ok = v.position(rest[0]); !ok {
					c.addReplyError("could not decode requested zset member")
					return false
				}
			}
			fromMember = true
			i++
		case equalFold(arg, "FROMLONLAT") && len(rest) > 1 && search && !fromMember:
			if q.shape.Center, ok = c.extractLongLatOrReply(rest); !ok {
				return false
			}
			fromLonLat = true
			i += 2
		case equalFold(arg, "BYRADIUS") && len(rest) > 1 && search && !byBox:
			if q.shape.Radius, q.meters, ok = c.extractDistanceOrReply(rest); !ok {
				return false
			}
			q.shape.Circle, byRadius = true, true
			i += 2
		case equalFold(arg, "BYBOX") && len(rest) > 2 && search && !byRadius:
			if q.shape.Width, q.shape.Height, q.meters, ok = c.extractBoxOrReply(rest); !ok {
				return false
			}
			q.shape.Circle, byBox = false, true
			i += 3
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return false
		}
	}
	switch {
	case q.storekey != nil && (q.withdist || q.withhash || q.withcoord):
		name := "STORE option in GEORADIUS"
		if flags&geoSearchStore != 0 {
			name = "GEOSEARCHSTORE"
		}
		c.addReplyErrorFormat("%s is not compatible with WITHDIST, WITHHASH and WITHCOORD options", name)
	case search && !fromMember && !fromLonLat:
		c.addReplyErrorFormat("exactly one of FROMMEMBER or FROMLONLAT can be specified for %s", cstring(c.argv[0]))
	case search && !byRadius && !byBox:
		c.addReplyErrorFormat("exactly one of BYRADIUS and BYBOX can be specified for %s", cstring(c.argv[0]))
	case q.any && q.count == 0:
		c.addReplyError("the ANY argument requires COUNT argument")
	default:
		return true
	}
	return false
}

func (q *geoQuery) reply(c *client) {
	options := 0
	for _, with := range [...]bool{q.withdist, q.withhash, q.withcoord} {
		if with {
			options++
		}
	}
	c.addReplyArrayLen(len(q.order))
	for _, i := range q.order {
		p := &q.points[i]
		if options > 0 {
			c.addReplyArrayLen(options + 1)
		}
		c.addReplyBulkBytes(p.member)
		if q.withdist {
			c.addReplyDoubleDistance(q.distance(p) / q.meters)
		}
		if q.withhash {
			c.addReplyLongLong(int64(p.score))
		}
		if q.withcoord {
			at := decodeGeohash(p.score)
			c.addReplyArrayLen(2)
			c.addReplyDouble(at.Long)
			c.addReplyDouble(at.Lat)
		}
	}
}

// store makes the key a sorted set of what was found, with geohashes or distances as scores.
func (q *geoQuery) store(c *client, flags int) {
	if len(q.order) == 0 {
		c.addReply(shared.czero)
		c.storeNothing(q.storekey)
		return
	}
	z := c.server.newZsetObject()
	longest := 0
	for _, i := range q.order {
		p := &q.points[i]
		score := p.score
		if q.storedist {
			score = q.distance(p) / q.meters
		}
		if e := z.find(p.member); !e.Ok() {
			z.insertAt(e, score, p.member)
		}
		longest = max(longest, len(p.member))
	}
	event := "georadiusstore"
	if flags&geoSearch != 0 {
		event = "geosearchstore"
	}
	c.storeNewZset(q.storekey, z, longest, event)
	c.server.dirty += int64(len(q.order)) - 1
	c.addReplyLongLong(int64(len(q.order)))
}

// --- Members ---

const geoAlphabet = "0123456789bcdefghjkmnpqrstuvwxyz"

// GEOHASH key [member ...]
func geohashCommand(c *client) {
	v, ok := c.lookupZsetRead(c.argv[1], "")
	if !ok {
		return
	}
	c.addReplyArrayLen(len(c.argv) - 2)
	for _, member := range c.argv[2:] {
		p, ok := v.position(member)
		if !ok {
			c.addReplyNull()
			continue
		}
		// Geohashes as everybody knows them cover the poles too. They have 11 characters, though 52 bits fill no more than ten.
		hash := geohash.Encode(&geohash.Standard, p, geohash.StepMax).Bits
		text := [11]byte{10: '0'}
		for i := range 10 {
			text[i] = geoAlphabet[hash>>(52-5*(i+1))&31]
		}
		c.addReplyBulkBytes(text[:])
	}
}

// GEOPOS key [member ...]
func geoposCommand(c *client) {
	v, ok := c.lookupZsetRead(c.argv[1], "")
	if !ok {
		return
	}
	c.addReplyArrayLen(len(c.argv) - 2)
	for _, member := range c.argv[2:] {
		p, ok := v.position(member)
		if !ok {
			c.addReplyNullArray()
			continue
		}
		c.addReplyArrayLen(2)
		c.addReplyDouble(p.Long)
		c.addReplyDouble(p.Lat)
	}
}

// GEODIST key member1 member2 [unit]
func geodistCommand(c *client) {
	meters := 1.0
	switch {
	case len(c.argv) > 5:
		c.addReplyErrorObject(shared.syntaxerr)
		return
	case len(c.argv) == 5:
		var ok bool
		if meters, ok = c.extractUnitOrReply(c.argv[4]); !ok {
			return
		}
	}
	v, ok := c.lookupZsetRead(c.argv[1], shared.null[c.resp])
	if !ok {
		return
	}
	p1, ok1 := v.position(c.argv[2])
	p2, ok2 := v.position(c.argv[3])
	if !ok1 || !ok2 {
		c.addReplyNull()
		return
	}
	c.addReplyDoubleDistance(geohash.Distance(p1, p2) / meters)
}
