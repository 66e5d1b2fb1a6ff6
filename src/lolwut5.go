// SPDX-License-Identifier: BSD-3-Clause

package server

// lolwut5.go - LOLWUT of Redis 5: Schotter, by Georg Nees, in which squares fall from order into chaos.

// lwDrawSchotter draws rows of squares, each more shaken than the one above. A terminal column is two pixels wide.
func (server *Server) lwDrawSchotter(columns, perRow, perCol int) *lwCanvas {
	width := columns * 2
	padding := 0
	if width > 4 {
		padding = 2
	}
	side := float32(width-padding*2) / float32(perRow)
	cv := newLwCanvas(width, int(side*float32(perCol))+padding*2, 0)
	for y := range perCol {
		// shake is a random number whose range grows with the row.
		shake := func() float32 {
			r := float32(server.random(1<<24)) / (1 << 24) / float32(perCol) * float32(y)
			if server.random(2) == 1 {
				return -r
			}
			return r
		}
		for x := range perRow {
			sx := int(float32(x)*side + side/2 + float32(padding))
			sy := int(float32(y)*side + side/2 + float32(padding))
			var angle float32
			if y > 1 {
				angle = shake()
				sx += int(shake() * side / 3)
				sy += int(shake() * side / 3)
			}
			cv.square(sx, sy, side, angle, 1)
		}
	}
	return cv
}

// braille renders the canvas in Braille characters, each of which shows two by four pixels:
//
//	0 3
//	1 4
//	2 5
//	6 7
func (cv *lwCanvas) braille() []byte {
	dots := [8]struct{ x, y int }{{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}, {0, 3}, {1, 3}}
	var b []byte
	for y := 0; y < cv.height; y += 4 {
		for x := 0; x < cv.width; x += 2 {
			r := rune(0x2800)
			for bit, d := range dots {
				if cv.at(x+d.x, y+d.y) != 0 {
					r |= 1 << bit
				}
			}
			b = append(b, string(r)...)
		}
		if y != cv.height-1 {
			b = append(b, '\n')
		}
	}
	return b
}

// lolwut5Command: LOLWUT [columns] [squares per row] [squares per column]
func lolwut5Command(c *client, args [][]byte) {
	columns, perRow, perCol := 66, 8, 12
	if !c.lolwutNumbers(args, []*int{&columns, &perRow, &perCol}, []int{1000, 200, 200}) {
		return
	}
	b := c.server.lwDrawSchotter(columns, perRow, perCol).braille()
	b = append(b, "\nGeorg Nees - schotter, plotter on paper, 1968. Redis ver. "+redisVersion+"\n"...)
	c.addReplyVerbatim(b, "txt")
}
