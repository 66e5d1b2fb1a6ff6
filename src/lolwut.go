// SPDX-License-Identifier: BSD-3-Clause

package server

import "math"

// lolwut.go - LOLWUT: every few versions of Redis bring a little piece of computer art. Here are the command, which picks
// one, and the canvas that the drawn ones share.

// lolwutCommand: LOLWUT [VERSION version] [arguments of that version]
func lolwutCommand(c *client) {
	args := c.argv[1:]
	version := uint32(8)
	if len(args) >= 2 && equalFold(args[0], "VERSION") {
		n, ok := c.getLongFromObjectOrReply(args[1], "")
		if !ok {
			return
		}
		version = uint32(n)
		args = args[2:]
	}
	switch version {
	case 5:
		lolwut5Command(c, args)
	case 6:
		lolwut6Command(c, args)
	case 8:
		lolwut8Command(c, args)
	default:
		c.addReplyVerbatim([]byte("Redis ver. "+redisVersion+"\n"), "txt")
	}
}

// lolwutNumbers reads up to len(values) numeric arguments over the defaults in values, and keeps each within 1 and its limit.
func (c *client) lolwutNumbers(args [][]byte, values []*int, limits []int) bool {
	for i, p := range values {
		if i < len(args) {
			n, ok := c.getLongFromObjectOrReply(args[i], "")
			if !ok {
				return false
			}
			*p = int(min(max(n, 1), int64(limits[i])))
		}
	}
	return true
}

// random is an integer from 0 to n-1.
func (server *Server) random(n int) int { return int(server.rand.uint64() >> 11 % uint64(n)) }

// lwCanvas is a picture: one small number, a color, per pixel.
type lwCanvas struct {
	width, height int
	pixels        []byte
}

func newLwCanvas(width, height int, background byte) *lwCanvas {
	cv := &lwCanvas{width, height, make([]byte, width*height)}
	for i := range cv.pixels {
		cv.pixels[i] = background
	}
	return cv
}

// set colors a pixel; outside of the canvas nothing happens.
func (cv *lwCanvas) set(x, y int, color byte) {
	if x >= 0 && x < cv.width && y >= 0 && y < cv.height {
		cv.pixels[y*cv.width+x] = color
	}
}

// at is the color of a pixel, 0 outside of the canvas.
func (cv *lwCanvas) at(x, y int) byte {
	if x >= 0 && x < cv.width && y >= 0 && y < cv.height {
		return cv.pixels[y*cv.width+x]
	}
	return 0
}

// line draws from one pixel to another, by Bresenham's algorithm.
func (cv *lwCanvas) line(x1, y1, x2, y2 int, color byte) {
	dx, sx := x2-x1, 1
	if dx < 0 {
		dx, sx = -dx, -1
	}
	dy, sy := y2-y1, 1
	if dy < 0 {
		dy, sy = -dy, -1
	}
	for e := dx - dy; ; {
		cv.set(x1, y1, color)
		if x1 == x2 && y1 == y2 {
			return
		}
		e2 := 2 * e
		if e2 > -dy {
			e -= dy
			x1 += sx
		}
		if e2 < dx {
			e += dx
			y1 += sy
		}
	}
}

// square draws a square around (x, y), turned by angle. Its corners lie on a circle, a quarter turn apart.
func (cv *lwCanvas) square(x, y int, size, angle float32, color byte) {
	radius := math.Round(float64(size) / math.Sqrt2)
	var px, py [4]int
	for i := range 4 {
		sin, cos := math.Sincos(math.Pi/4 + float64(angle) + float64(i)*math.Pi/2)
		px[i] = int(math.Round(sin*radius + float64(x)))
		py[i] = int(math.Round(cos*radius + float64(y)))
	}
	for i := range 4 {
		j := (i + 1) % 4
		cv.line(px[i], py[i], px[j], py[j], color)
	}
}
