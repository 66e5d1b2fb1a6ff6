// SPDX-License-Identifier: BSD-3-Clause

package lua

// The string library.
//
// Counterpart: lstrlib.c.

import (
	"math"
	"strconv"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

func (s *State) openString() {
	t := s.NewTable()
	s.setFunctions(t, map[string]GoFunction{
		"byte":   s.strByte,
		"char":   s.strChar,
		"dump":   s.strDump,
		"find":   func(l *L) int { return s.strFind(l, true) },
		"format": s.strFormat,
		"gmatch": s.strGmatch,
		"gsub":   s.strGsub,
		"len": func(l *L) int {
			l.Push(integer(len(s.checkString(l, 1))))
			return 1
		},
		"lower":   func(l *L) int { return s.mapBytes(l, lowerByte) },
		"match":   func(l *L) int { return s.strFind(l, false) },
		"rep":     s.strRep,
		"reverse": s.strReverse,
		"sub":     s.strSub,
		"upper":   func(l *L) int { return s.mapBytes(l, upperByte) },
	})
	t.RawSetString("gfind", t.RawGetString("gmatch"))
	view := s.ReadOnly(t)
	s.globals.RawSetString("string", view)
	s.str.RawSetString("__index", t)
	s.strMT = s.NewTable()
	s.strMT.RawSetString("__index", view)
	s.ReadOnly(s.strMT)
}

// fromEnd turns an index that may count from the end into one from the start.
func fromEnd(i, n int) int {
	if i < 0 {
		i += n + 1
	}
	return max(i, 0)
}

func (s *State) strSub(l *L) int {
	str := s.checkString(l, 1)
	i := max(fromEnd(s.checkInt(l, 2), len(str)), 1)
	e := min(fromEnd(s.optInt(l, 3, -1), len(str)), len(str))
	if i > e {
		l.Push(String(""))
	} else {
		l.Push(String(str[i-1 : e]))
	}
	return 1
}

func (s *State) strByte(l *L) int {
	str := s.checkString(l, 1)
	i := fromEnd(s.optInt(l, 2, 1), len(str))
	e := min(fromEnd(s.optInt(l, 3, i), len(str)), len(str))
	i = max(i, 1)
	if i > e {
		return 0
	}
	n := e - i + 1
	if n+l.GetTop() > maxCStack {
		return s.Errorf(l, "stack overflow (string slice too long)")
	}
	for k := range n {
		l.Push(integer(int(str[i-1+k])))
	}
	return n
}

func (s *State) strChar(l *L) int {
	n := l.GetTop()
	b := make([]byte, n)
	for i := 1; i <= n; i++ {
		c := int(int32(s.checkInt(l, i)))
		if c < 0 || c > 255 {
			return s.ArgError(l, i, "invalid value")
		}
		b[i-1] = byte(c)
	}
	l.Push(String(b))
	return 1
}

// strDump gives the head of a binary chunk and no more: nothing can load one.
func (s *State) strDump(l *L) int {
	if s.checkFunction(l, 1).IsG {
		return s.Errorf(l, "unable to dump given function")
	}
	l.Push(String("\x1bLuaQ\x00\x01\x04\x08\x04\x08\x00"))
	return 1
}

func lowerByte(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

func upperByte(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c &^ 0x20
	}
	return c
}

func (s *State) mapBytes(l *L, f func(byte) byte) int {
	str := s.checkString(l, 1)
	b := make([]byte, len(str))
	for i := range b {
		b[i] = f(str[i])
	}
	l.Push(String(b))
	return 1
}

func (s *State) strReverse(l *L) int {
	str := s.checkString(l, 1)
	b := make([]byte, len(str))
	for i := range b {
		b[i] = str[len(str)-1-i]
	}
	l.Push(String(b))
	return 1
}

func (s *State) strRep(l *L) int {
	str := s.checkString(l, 1)
	n := int(int32(s.checkInt(l, 2)))
	if n <= 0 || str == "" {
		l.Push(String(""))
		return 1
	}
	if n > maxString/len(str) {
		return s.Throw(l, String("not enough memory"))
	}
	l.Push(String(strings.Repeat(str, n)))
	return 1
}

// strFind is string.find and string.match.
func (s *State) strFind(l *L, find bool) int {
	str := s.checkString(l, 1)
	pat := s.checkString(l, 2)
	init := s.optInt(l, 3, 1)
	if init < 0 {
		init = max(init+len(str), 0)
	} else {
		init = min(max(init-1, 0), len(str))
	}
	if find && (glua.LVAsBool(l.Get(4)) || !strings.ContainsAny(cutPattern(pat), patternSpecials)) {
		i := strings.Index(str[init:], pat)
		if i < 0 {
			l.Push(Nil)
			return 1
		}
		l.Push(integer(init + i + 1))
		l.Push(integer(init + i + len(pat)))
		return 2
	}
	m := matcher{s: s, l: l, src: str, pat: cutPattern(pat)}
	p := 0
	anchor := strings.HasPrefix(m.pat, "^")
	if anchor {
		p = 1
	}
	for at := init; ; at++ {
		m.level = 0
		if e := m.match(at, p); e >= 0 {
			if find {
				l.Push(integer(at + 1))
				l.Push(integer(e))
				return m.push(at, e, false) + 2
			}
			return m.push(at, e, true)
		}
		if anchor || at >= len(str) {
			break
		}
	}
	l.Push(Nil)
	return 1
}

func (s *State) strGmatch(l *L) int {
	str := s.checkString(l, 1)
	pat := cutPattern(s.checkString(l, 2))
	at := 0
	l.Push(s.function(func(l *L) int {
		m := matcher{s: s, l: l, src: str, pat: pat}
		for ; at <= len(str); at++ {
			m.level = 0
			if e := m.match(at, 0); e >= 0 {
				start := at
				at = e
				if e == start {
					at++ // go on behind an empty match
				}
				return m.push(start, e, true)
			}
		}
		return 0
	}))
	return 1
}

func (s *State) strGsub(l *L) int {
	str := s.checkString(l, 1)
	pat := cutPattern(s.checkString(l, 2))
	repl := l.Get(3)
	limit := int(int32(s.optInt(l, 4, len(str)+1)))
	switch repl.(type) {
	case Number, String, *Function, *Table:
	default:
		return s.ArgError(l, 3, "string/function/table expected")
	}
	m := matcher{s: s, l: l, src: str, pat: pat}
	p := 0
	anchor := strings.HasPrefix(pat, "^")
	if anchor {
		p = 1
	}
	var b strings.Builder
	n := 0
	at := 0
	for n < limit {
		m.level = 0
		e := m.match(at, p)
		if e >= 0 {
			n++
			s.replacement(&b, &m, repl, at, e)
			if b.Len() > maxString {
				return s.Throw(l, String("not enough memory"))
			}
		}
		if e > at {
			at = e
		} else if at < len(str) {
			b.WriteByte(str[at])
			at++
		} else {
			break
		}
		if anchor {
			break
		}
	}
	if at < len(str) {
		b.WriteString(str[at:])
	}
	l.Push(String(b.String()))
	l.Push(integer(n))
	return 2
}

// replacement writes what a match is replaced by.
func (s *State) replacement(b *strings.Builder, m *matcher, repl Value, at, e int) {
	var v Value
	switch r := repl.(type) {
	case *Function:
		m.l.Push(r)
		n := m.push(at, e, true)
		s.enter(m.l)
		m.l.Call(n, 1)
		s.depth--
		v = m.l.Get(-1)
		m.l.Pop(1)
	case *Table:
		v = m.l.GetTable(r, m.value(0, at, e))
	default:
		text, _ := ToString(r)
		for i := 0; i < len(text); i++ {
			c := text[i]
			if c != '%' {
				b.WriteByte(c)
				continue
			}
			i++
			switch {
			case i >= len(text):
				b.WriteByte(0) // C reads the string's terminator
			case text[i] == '0':
				b.WriteString(m.src[at:e])
			case isDigit(int(text[i])):
				cap, _ := ToString(m.value(int(text[i])-'1', at, e))
				b.WriteString(cap)
			default:
				b.WriteByte(text[i])
			}
		}
		return
	}
	if !glua.LVAsBool(v) {
		b.WriteString(m.src[at:e])
		return
	}
	text, ok := ToString(v)
	if !ok {
		s.Errorf(m.l, "invalid replacement value (a %s)", TypeName(v))
	}
	b.WriteString(text)
}

// --- format ---

// spec is one directive of string.format.
type spec struct {
	minus, plus, space, alt, zero bool
	width, prec                   int // prec -1: none
}

func (s *State) strFormat(l *L) int {
	format := s.checkString(l, 1)
	arg, top := 1, l.GetTop()
	var b []byte
	for i := 0; i < len(format); i++ {
		c := format[i]
		if c != '%' {
			b = append(b, c)
			continue
		}
		i++
		if i < len(format) && format[i] == '%' {
			b = append(b, '%')
			continue
		}
		arg++
		if arg > top {
			return s.ArgError(l, arg, "no value")
		}
		var f spec
		i, f = s.scanFormat(l, format, i)
		verb := byte(0)
		if i < len(format) {
			verb = format[i]
		}
		switch verb {
		case 'c':
			ch := byte(0) // of what is no int, as in C
			if v := s.checkNumber(l, arg); v > math.MinInt32-1 && v < math.MaxInt32+1 {
				ch = byte(int32(v))
			}
			if ch == 0 {
				// C's sprintf ends there.
				pad := f
				if f.minus {
					pad.width = 0
				}
				b = pad.pad(b, "", max(pad.width-1, 0))
				break
			}
			b = f.pad(b, string([]byte{ch}), f.width)
		case 'd', 'i':
			b = f.integer(b, int64(toInteger(s.checkNumber(l, arg))))
		case 'o', 'u', 'x', 'X':
			b = f.unsigned(b, toUnsigned(s.checkNumber(l, arg)), verb)
		case 'e', 'E', 'f', 'g', 'G':
			b = f.float(b, s.checkNumber(l, arg), verb)
		case 'q':
			b = appendQuoted(b, s.checkString(l, arg))
		case 's':
			str := s.checkString(l, arg)
			if f.prec < 0 && len(str) >= 100 {
				b = append(b, str...)
				break
			}
			str = cutPattern(str)
			if f.prec >= 0 && f.prec < len(str) {
				str = str[:f.prec]
			}
			b = f.pad(b, str, f.width)
		default:
			return s.Errorf(l, "invalid option '%%%s' to 'format'", strings.TrimRight(string([]byte{verb}), "\x00"))
		}
		if len(b) > maxString {
			return s.Throw(l, String("not enough memory"))
		}
	}
	l.Push(String(b))
	return 1
}

func (s *State) scanFormat(l *L, format string, i int) (int, spec) {
	f := spec{prec: -1}
	start := i
	for ; i < len(format) && strings.IndexByte("-+ #0", format[i]) >= 0; i++ {
		switch format[i] {
		case '-':
			f.minus = true
		case '+':
			f.plus = true
		case ' ':
			f.space = true
		case '#':
			f.alt = true
		case '0':
			f.zero = true
		}
	}
	if i-start >= 6 {
		s.Errorf(l, "invalid format (repeated flags)")
	}
	number := func() int {
		n := 0
		for k := 0; k < 2 && i < len(format) && isDigit(int(format[i])); k++ {
			n = n*10 + int(format[i]-'0')
			i++
		}
		return n
	}
	f.width = number()
	if i < len(format) && format[i] == '.' {
		i++
		f.prec = number()
	}
	if i < len(format) && isDigit(int(format[i])) {
		s.Errorf(l, "invalid format (width or precision too long)")
	}
	return i, f
}

// toUnsigned converts as C's cast to unsigned long long does on x86-64.
func toUnsigned(v float64) uint64 {
	if v >= 0x1p63 && v < 0x1p64 {
		return uint64(v)
	}
	if v >= -0x1p63 && v < 0x1p63 {
		return uint64(int64(v))
	}
	if v >= 0x1p64 {
		return 0
	}
	return 1 << 63
}

func (f spec) pad(b []byte, text string, width int) []byte {
	n := width - len(text)
	if !f.minus {
		for ; n > 0; n-- {
			b = append(b, ' ')
		}
	}
	b = append(b, text...)
	for ; n > 0; n-- {
		b = append(b, ' ')
	}
	return b
}

// number pads a sign or prefix and digits.
func (f spec) number(b []byte, sign, digits string, zero bool) []byte {
	if zero && !f.minus {
		for n := f.width - len(sign); n > len(digits); {
			sign += "0"
			n--
		}
	}
	return f.pad(b, sign+digits, f.width)
}

func (f spec) digits(n uint64, base int) string {
	d := strconv.FormatUint(n, base)
	if n == 0 && f.prec == 0 {
		d = ""
	}
	for len(d) < f.prec {
		d = "0" + d
	}
	return d
}

func (f spec) sign(neg bool) string {
	switch {
	case neg:
		return "-"
	case f.plus:
		return "+"
	case f.space:
		return " "
	}
	return ""
}

func (f spec) integer(b []byte, n int64) []byte {
	u := uint64(n)
	if n < 0 {
		u = -u
	}
	return f.number(b, f.sign(n < 0), f.digits(u, 10), f.zero && f.prec < 0)
}

func (f spec) unsigned(b []byte, n uint64, verb byte) []byte {
	prefix := ""
	var d string
	switch verb {
	case 'u':
		d = f.digits(n, 10)
	case 'o':
		d = f.digits(n, 8)
		if f.alt && !strings.HasPrefix(d, "0") {
			d = "0" + d
		}
	case 'x', 'X':
		d = f.digits(n, 16)
		if f.alt && n != 0 {
			prefix = "0x"
		}
		if verb == 'X' {
			d, prefix = strings.ToUpper(d), strings.ToUpper(prefix)
		}
	}
	return f.number(b, prefix, d, f.zero && f.prec < 0)
}

func (f spec) float(b []byte, v float64, verb byte) []byte {
	prec := f.prec
	if prec < 0 {
		prec = 6
	}
	upper := verb == 'E' || verb == 'G'
	neg := math.Signbit(v)
	abs := math.Abs(v)
	var d []byte
	special := false
	if d, special = appendSpecial(nil, abs); !special {
		switch verb | 0x20 {
		case 'e':
			d = strconv.AppendFloat(d, abs, 'e', prec, 64)
		case 'f':
			d = strconv.AppendFloat(d, abs, 'f', prec, 64)
		case 'g':
			if f.alt {
				d = altG(abs, prec)
			} else {
				d = trimG(d, abs, prec)
			}
		}
		if f.alt && verb|0x20 != 'g' && prec == 0 {
			d = insertPoint(d)
		}
	}
	text := string(d)
	if upper {
		text = strings.ToUpper(text)
	}
	return f.number(b, f.sign(neg), text, f.zero && !special)
}

// insertPoint adds the point that the # flag keeps.
func insertPoint(d []byte) []byte {
	for i, c := range d {
		if c == 'e' {
			return append(append(append([]byte{}, d[:i]...), '.'), d[i:]...)
		}
	}
	return append(d, '.')
}

// altG is %#g: zeros at the end stay.
func altG(v float64, prec int) []byte {
	prec = max(prec, 1)
	e := strconv.AppendFloat(nil, v, 'e', prec-1, 64)
	x := strings.LastIndexByte(string(e), 'e')
	exp, _ := strconv.Atoi(string(e[x+1:]))
	if exp >= -4 && exp < prec {
		e = strconv.AppendFloat(nil, v, 'f', prec-1-exp, 64)
	}
	if strings.IndexByte(string(e), '.') < 0 {
		e = insertPoint(e)
	}
	return e
}

func appendQuoted(b []byte, str string) []byte {
	b = append(b, '"')
	for i := 0; i < len(str); i++ {
		switch c := str[i]; c {
		case '"', '\\', '\n':
			b = append(b, '\\', c)
		case '\r':
			b = append(b, "\\r"...)
		case 0:
			b = append(b, "\\000"...)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
