// SPDX-License-Identifier: BSD-3-Clause

package server

// lolwut6.go - LOLWUT of Redis 6: the skyline of a city, as it scrolls by behind the heroes of 8 bit games.

// skyscraper is one building: where it stands, its size, color, and whether there are lights.
type skyscraper struct {
	x, width, height int
	color            byte
	windows          bool
}

// lwDrawSkyscraper draws a building from the bottom up. Its roof is narrower. Windows are two pixels wide, since characters are
// taller than wide, and of a gray other than the wall.
func (server *Server) lwDrawSkyscraper(cv *lwCanvas, s skyscraper) {
	bottom := cv.height - 1
	top := bottom - s.height + 1
	right := s.x + s.width
	for y := bottom; y >= top; y-- {
		for x := s.x; x < right; x++ {
			if y == top && (x <= s.x+1 || x >= right-2) {
				continue
			}
			color := s.color
			if s.windows && x > s.x+1 && x < right-2 && y > top+1 && y < bottom-1 {
				relx, rely := x-(s.x+1), y-(top+1)
				if relx/2%2 == 1 && rely%2 == 1 {
					if relx%2 == 1 {
						color = cv.at(x-1, y) // the right half of a window is lit as the left one
					} else if color = byte(1 + server.random(2)); color == s.color {
						color = 3 - color
					}
				}
			}
			cv.set(x, y, color)
		}
	}
}

// lwDrawSkyline draws three layers, the lighter the farther, and the nearest with windows.
func (server *Server) lwDrawSkyline(cv *lwCanvas) {
	half := func(n int) int { return n / 2 }
	for _, color := range []byte{2, 1, 0} {
		for x := -10; x < cv.width; {
			x += server.random(8)
			s := skyscraper{x: x, color: color, windows: color == 0}
			gap := 0
			switch color {
			case 2:
				s.width = 10 + server.random(9)
				s.height = half(cv.height) + half(server.random(cv.height))
				gap = half(s.width)
			case 1:
				s.width = 10 + server.random(9)
				s.height = half(cv.height) + server.random(cv.height)/3
				gap = s.width + 1
			case 0:
				s.width = 5 + server.random(14)
				if s.width%4 != 0 {
					s.width += s.width % 3
				}
				s.height = cv.height/3 + half(server.random(cv.height))
				gap = s.width + 5
			}
			server.lwDrawSkyscraper(cv, s)
			x += gap
		}
	}
}

// grays renders the canvas as blanks on the four gray levels of a terminal. Both colors are set, which terminals agree on best.
func (cv *lwCanvas) grays() []byte {
	escapes := [4]string{"0;30;40m", "0;90;100m", "0;37;47m", "0;97;107m"}
	var b []byte
	for y := range cv.height {
		for x := range cv.width {
			b = append(b, "\x1b["+escapes[cv.at(x, y)&3]+" \x1b[0m"...)
		}
		if y != cv.height-1 {
			b = append(b, '\n')
		}
	}
	return b
}

// lolwut6Command: LOLWUT [columns] [rows]
func lolwut6Command(c *client, args [][]byte) {
	columns, rows := 80, 20
	if !c.lolwutNumbers(args, []*int{&columns, &rows}, []int{1000, 1000}) {
		return
	}
	cv := newLwCanvas(columns, rows, 3)
	c.server.lwDrawSkyline(cv)
	b := append(cv.grays(), "\nDedicated to the 8 bit game developers of past and present.\nOriginal 8 bit image from Plaguemon by hikikomori. Redis ver. "+redisVersion+"\n"...)
	c.addReplyVerbatim(b, "txt")
}
