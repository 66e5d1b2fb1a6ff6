// SPDX-License-Identifier: BSD-3-Clause

package lua

// Lua's patterns.
//
// The matcher backtracks, so that some patterns take time exponential in the subject:
// it counts its steps against the script's instructions, which lets the interrupt
// function end them.
//
// Counterpart: the pattern matching part of lstrlib.c.

const (
	maxCaptures = 32
	// maxMatchDepth bounds the recursion of one match; a pattern needs a level for each
	// of its items at most.
	maxMatchDepth = 200000

	capUnfinished = -1
	capPosition   = -2

	patternSpecials = "^$*+?.([%-"
)

type capture struct{ start, len int }

type matcher struct {
	s       *State
	l       *L
	src     string
	pat     string
	level   int
	depth   int
	steps   int
	capture [maxCaptures]capture
}

// cutPattern ends a pattern at its first NUL, as C's strings end there.
func cutPattern(p string) string {
	for i := 0; i < len(p); i++ {
		if p[i] == 0 {
			return p[:i]
		}
	}
	return p
}

func (m *matcher) fail(msg string) { m.s.Errorf(m.l, "%s", msg) }

// step counts work.
func (m *matcher) step() {
	m.steps++
	if m.steps == 1000 {
		m.steps = 0
		m.s.spend(1000)
	}
}

// classEnd is where the single item of the pattern at p ends.
func (m *matcher) classEnd(p int) int {
	c := m.pat[p]
	p++
	switch c {
	case '%':
		if p >= len(m.pat) {
			m.fail("malformed pattern (ends with '%')")
		}
		return p + 1
	case '[':
		if p < len(m.pat) && m.pat[p] == '^' {
			p++
		}
		for first := true; first || p >= len(m.pat) || m.pat[p] != ']'; first = false {
			if p >= len(m.pat) {
				m.fail("malformed pattern (missing ']')")
			}
			c := m.pat[p]
			p++
			if c == '%' && p < len(m.pat) {
				p++
			}
		}
		return p + 1
	}
	return p
}

func classMatch(c, class byte) bool {
	var in bool
	i := int(c)
	switch class | 0x20 {
	case 'a':
		in = isAlpha(i)
	case 'c':
		in = c < 32 || c == 127
	case 'd':
		in = isDigit(i)
	case 'l':
		in = c >= 'a' && c <= 'z'
	case 'p':
		in = c > 32 && c < 127 && !isAlnum(i)
	case 's':
		in = isSpace(i)
	case 'u':
		in = c >= 'A' && c <= 'Z'
	case 'w':
		in = isAlnum(i)
	case 'x':
		in = isXDigit(i)
	case 'z':
		in = c == 0
	default:
		return class == c
	}
	if class >= 'A' && class <= 'Z' {
		return !in
	}
	return in
}

// setMatch matches c with the set [ ... ] between p and its closing bracket at end.
func (m *matcher) setMatch(c byte, p, end int) bool {
	want := true
	p++
	if m.pat[p] == '^' {
		want = false
		p++
	}
	for ; p < end; p++ {
		switch {
		case m.pat[p] == '%':
			p++
			if classMatch(c, m.pat[p]) {
				return want
			}
		case p+2 < end && m.pat[p+1] == '-':
			if m.pat[p] <= c && c <= m.pat[p+2] {
				return want
			}
			p += 2
		case m.pat[p] == c:
			return want
		}
	}
	return !want
}

func (m *matcher) single(s, p, ep int) bool {
	if s >= len(m.src) {
		return false
	}
	c := m.src[s]
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return classMatch(c, m.pat[p+1])
	case '[':
		return m.setMatch(c, p, ep-1)
	}
	return m.pat[p] == c
}

// match returns the end of the match of the pattern from p at s, or -1.
func (m *matcher) match(s, p int) int {
	m.depth++
	if m.depth > maxMatchDepth {
		m.fail("pattern too complex")
	}
	defer func() { m.depth-- }()
	for {
		m.step()
		if p >= len(m.pat) {
			return s
		}
		switch m.pat[p] {
		case '(':
			if p+1 < len(m.pat) && m.pat[p+1] == ')' {
				return m.startCapture(s, p+2, capPosition)
			}
			return m.startCapture(s, p+1, capUnfinished)
		case ')':
			return m.endCapture(s, p+1)
		case '%':
			if p+1 >= len(m.pat) {
				break
			}
			switch c := m.pat[p+1]; {
			case c == 'b':
				if s = m.balance(s, p+2); s < 0 {
					return -1
				}
				p += 4
				continue
			case c == 'f':
				p += 2
				if p >= len(m.pat) || m.pat[p] != '[' {
					m.fail("missing '[' after '%f' in pattern")
				}
				ep := m.classEnd(p)
				var before, at byte
				if s > 0 {
					before = m.src[s-1]
				}
				if s < len(m.src) {
					at = m.src[s]
				}
				if m.setMatch(before, p, ep-1) || !m.setMatch(at, p, ep-1) {
					return -1
				}
				p = ep
				continue
			case isDigit(int(c)):
				if s = m.backReference(s, c); s < 0 {
					return -1
				}
				p += 2
				continue
			}
		case '$':
			if p+1 == len(m.pat) {
				if s == len(m.src) {
					return s
				}
				return -1
			}
		}
		ep := m.classEnd(p)
		var suffix byte
		if ep < len(m.pat) {
			suffix = m.pat[ep]
		}
		switch suffix {
		case '?':
			if m.single(s, p, ep) {
				if r := m.match(s+1, ep+1); r >= 0 {
					return r
				}
			}
			p = ep + 1
		case '*':
			return m.maxExpand(s, p, ep)
		case '+':
			if !m.single(s, p, ep) {
				return -1
			}
			return m.maxExpand(s+1, p, ep)
		case '-':
			for {
				m.step()
				if r := m.match(s, ep+1); r >= 0 {
					return r
				}
				if !m.single(s, p, ep) {
					return -1
				}
				s++
			}
		default:
			if !m.single(s, p, ep) {
				return -1
			}
			s, p = s+1, ep
		}
	}
}

func (m *matcher) maxExpand(s, p, ep int) int {
	i := 0
	for m.single(s+i, p, ep) {
		m.step()
		i++
	}
	for ; i >= 0; i-- {
		if r := m.match(s+i, ep+1); r >= 0 {
			return r
		}
	}
	return -1
}

func (m *matcher) startCapture(s, p, what int) int {
	if m.level >= maxCaptures {
		m.fail("too many captures")
	}
	m.capture[m.level] = capture{s, what}
	m.level++
	r := m.match(s, p)
	if r < 0 {
		m.level--
	}
	return r
}

func (m *matcher) endCapture(s, p int) int {
	i := m.level - 1
	for i >= 0 && m.capture[i].len != capUnfinished {
		i--
	}
	if i < 0 {
		m.fail("invalid pattern capture")
	}
	m.capture[i].len = s - m.capture[i].start
	r := m.match(s, p)
	if r < 0 {
		m.capture[i].len = capUnfinished
	}
	return r
}

func (m *matcher) balance(s, p int) int {
	if p+1 >= len(m.pat) {
		m.fail("unbalanced pattern")
	}
	if s >= len(m.src) || m.src[s] != m.pat[p] {
		return -1
	}
	open, end := m.pat[p], m.pat[p+1]
	depth := 1
	for s++; s < len(m.src); s++ {
		m.step()
		switch m.src[s] {
		case end:
			depth--
			if depth == 0 {
				return s + 1
			}
		case open:
			depth++
		}
	}
	return -1
}

func (m *matcher) backReference(s int, digit byte) int {
	i := int(digit) - '1'
	if i < 0 || i >= m.level || m.capture[i].len == capUnfinished {
		m.fail("invalid capture index")
	}
	c := m.capture[i]
	n := c.len
	if n == capPosition {
		return -1 // in C its length is the largest
	}
	if len(m.src)-s >= n && m.src[c.start:c.start+n] == m.src[s:s+n] {
		return s + n
	}
	return -1
}

// value is capture i of a match from s to e; capture 0 of a pattern without any is the
// whole match.
func (m *matcher) value(i, s, e int) Value {
	if i >= m.level {
		if i != 0 {
			m.fail("invalid capture index")
		}
		return String(m.src[s:e])
	}
	c := m.capture[i]
	switch c.len {
	case capUnfinished:
		m.fail("unfinished capture")
	case capPosition:
		return Number(c.start + 1)
	}
	return String(m.src[c.start : c.start+c.len])
}

// push pushes all captures, or the whole match if there are none and whole is set.
func (m *matcher) push(s, e int, whole bool) int {
	n := m.level
	if n == 0 && whole {
		n = 1
	}
	for i := range n {
		m.l.Push(m.value(i, s, e))
	}
	return n
}
