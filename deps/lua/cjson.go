// SPDX-License-Identifier: BSD-3-Clause

package lua

// The cjson library.
//
// Counterpart: lua_cjson.c.

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// cjsonConfig is what the configuration functions change; each table that cjson.new
// makes has its own.
type cjsonConfig struct {
	sparseConvert bool
	sparseRatio   int
	sparseSafe    int
	encodeDepth   int
	decodeDepth   int
	encodeInvalid int // 0 off, 1 on, 2 null
	decodeInvalid bool
	precision     int
	keepBuffer    bool
	buf           []byte // kept from call to call
}

// maxKeptBuffer is the largest encoding buffer that is kept.
const maxKeptBuffer = 64 << 10

func (s *State) openCjson() {
	s.globals.RawSetString("cjson", s.ReadOnly(s.newCjson()))
}

func (s *State) newCjson() *Table {
	cfg := &cjsonConfig{
		sparseRatio: 2, sparseSafe: 10, encodeDepth: 1000, decodeDepth: 1000,
		decodeInvalid: true, precision: 14, keepBuffer: true,
	}
	t := s.NewTable()
	options := func(name string, args int, f func(l *L) int) {
		s.SetFunction(t, name, func(l *L) int {
			if l.GetTop() > args {
				return s.ArgError(l, args+1, "found too many arguments")
			}
			for l.GetTop() < args {
				l.Push(Nil)
			}
			return f(l)
		})
	}
	s.SetFunction(t, "encode", func(l *L) int { return s.jsonEncode(l, cfg) })
	s.SetFunction(t, "decode", func(l *L) int { return s.jsonDecode(l, cfg) })
	s.SetFunction(t, "new", func(l *L) int {
		l.Push(s.newCjson())
		return 1
	})
	options("encode_sparse_array", 3, func(l *L) int {
		s.jsonBool(l, 1, &cfg.sparseConvert)
		s.jsonInt(l, 2, &cfg.sparseRatio, 0, math.MaxInt32)
		s.jsonInt(l, 3, &cfg.sparseSafe, 0, math.MaxInt32)
		return 3
	})
	options("encode_max_depth", 1, func(l *L) int { return s.jsonInt(l, 1, &cfg.encodeDepth, 1, math.MaxInt32) })
	options("decode_max_depth", 1, func(l *L) int { return s.jsonInt(l, 1, &cfg.decodeDepth, 1, math.MaxInt32) })
	options("encode_number_precision", 1, func(l *L) int { return s.jsonInt(l, 1, &cfg.precision, 1, 14) })
	options("encode_keep_buffer", 1, func(l *L) int {
		s.jsonBool(l, 1, &cfg.keepBuffer)
		cfg.buf = nil
		return 1
	})
	options("encode_invalid_numbers", 1, func(l *L) int {
		switch v := l.Get(1).(type) {
		case Bool:
			cfg.encodeInvalid = 0
			if v {
				cfg.encodeInvalid = 1
			}
		default:
			if v != Nil {
				cfg.encodeInvalid = s.checkOption(l, 1, "off", "on", "null")
			}
		}
		if cfg.encodeInvalid == 2 {
			l.Push(String("null"))
		} else {
			l.Push(Bool(cfg.encodeInvalid == 1))
		}
		return 1
	})
	options("decode_invalid_numbers", 1, func(l *L) int { return s.jsonBool(l, 1, &cfg.decodeInvalid) })
	t.RawSetString("null", s.null)
	t.RawSetString("_NAME", String("cjson"))
	t.RawSetString("_VERSION", String("2.1.0"))
	return t
}

// checkOption gives the index of a string among names (C: luaL_checkoption).
func (s *State) checkOption(l *L, n int, names ...string) int {
	v := s.checkString(l, n)
	for i, name := range names {
		if v == name {
			return i
		}
	}
	return s.ArgError(l, n, "invalid option '"+v+"'")
}

func (s *State) jsonInt(l *L, n int, setting *int, lo, hi int) int {
	if l.Get(n) != Nil {
		v := int(int32(s.checkInt(l, n)))
		if v < lo || v > hi {
			return s.ArgError(l, 1, "expected integer between "+strconv.Itoa(lo)+" and "+strconv.Itoa(hi))
		}
		*setting = v
	}
	l.Push(Number(*setting))
	return 1
}

func (s *State) jsonBool(l *L, n int, setting *bool) int {
	switch v := l.Get(n).(type) {
	case Bool:
		*setting = bool(v)
	default:
		if v != Nil {
			*setting = s.checkOption(l, n, "off", "on") == 1
		}
	}
	l.Push(Bool(*setting))
	return 1
}

// --- encoding ---

type jsonEncoder struct {
	s     *State
	l     *L
	cfg   *cjsonConfig
	b     []byte
	depth int
	stack int // values that C would have on its stack
}

func (s *State) jsonEncode(l *L, cfg *cjsonConfig) int {
	if l.GetTop() != 1 {
		return s.ArgError(l, 1, "expected 1 argument")
	}
	e := jsonEncoder{s: s, l: l, cfg: cfg, b: cfg.buf[:0], stack: 1}
	cfg.buf = nil
	e.value(l.Get(1))
	l.Push(String(e.b))
	if cfg.keepBuffer && cap(e.b) <= maxKeptBuffer {
		cfg.buf = e.b
	}
	return 1
}

func (e *jsonEncoder) fail(v Value, reason string) {
	e.s.Errorf(e.l, "Cannot serialise %s: %s", TypeName(v), reason)
}

func (e *jsonEncoder) value(v Value) {
	switch v := v.(type) {
	case String:
		e.string(string(v))
		return
	case Number:
		e.number(v)
		return
	case Bool:
		e.b = strconv.AppendBool(e.b, bool(v))
		return
	case *Table:
		e.table(e.s.realTable(v))
		return
	}
	if v == Nil || v == Value(e.s.null) {
		e.b = append(e.b, "null"...)
		return
	}
	e.fail(v, "type not supported")
}

const hexDigits = "0123456789abcdef"

func (e *jsonEncoder) string(str string) {
	e.b = append(e.b, '"')
	from := 0
	for i := 0; i < len(str); i++ {
		c := str[i]
		if c >= ' ' && c != '"' && c != '\\' && c != '/' && c != 127 {
			continue
		}
		e.b = append(e.b, str[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\', '/':
			e.b = append(e.b, '\\', c)
		case '\b':
			e.b = append(e.b, '\\', 'b')
		case '\t':
			e.b = append(e.b, '\\', 't')
		case '\n':
			e.b = append(e.b, '\\', 'n')
		case '\f':
			e.b = append(e.b, '\\', 'f')
		case '\r':
			e.b = append(e.b, '\\', 'r')
		default:
			e.b = append(e.b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	e.b = append(append(e.b, str[from:]...), '"')
	if len(e.b) > maxString {
		e.s.Throw(e.l, String("not enough memory"))
	}
}

func (e *jsonEncoder) number(v Number) {
	f := float64(v)
	invalid := math.IsInf(f, 0) || math.IsNaN(f)
	switch {
	case invalid && e.cfg.encodeInvalid == 0:
		e.fail(v, "must not be NaN or Inf")
	case invalid && e.cfg.encodeInvalid == 2:
		e.b = append(e.b, "null"...)
	case math.IsNaN(f):
		e.b = append(e.b, "nan"...)
	default:
		if e.cfg.precision == 14 {
			e.b = appendNumber(e.b, f)
		} else {
			e.b = appendG(e.b, f, e.cfg.precision)
		}
	}
}

func (e *jsonEncoder) table(t *Table) {
	e.depth++
	if e.depth > e.cfg.encodeDepth || e.stack+3 > maxCStack {
		e.s.Errorf(e.l, "Cannot serialise, excessive nesting (%d)", e.depth)
	}
	e.s.spend(1)
	if n := e.arrayLength(t); n > 0 {
		e.stack++
		e.b = append(e.b, '[')
		for i := 1; i <= n; i++ {
			if i > 1 {
				e.b = append(e.b, ',')
			}
			e.value(rawIndex(t, i))
		}
		e.b = append(e.b, ']')
		e.stack--
	} else {
		e.stack += 2
		e.object(t)
		e.stack -= 2
	}
	e.depth--
}

// arrayLength is the highest index of a table that has nothing but positive integers
// as keys, -1 for others.
func (e *jsonEncoder) arrayLength(t *Table) int {
	// C keeps the highest in an int: what does not fit gives the smallest int, and an object.
	highest, items := 0, 0
	for k, _ := t.Next(Nil); k != Nil; k, _ = t.Next(k) {
		n, ok := k.(Number)
		f := float64(n)
		if !ok || f < 1 || math.Floor(f) != f {
			return -1
		}
		if f > float64(highest) {
			highest = math.MinInt32
			if f <= math.MaxInt32 {
				highest = int(f)
			}
		}
		items++
	}
	if r := e.cfg.sparseRatio; r > 0 && highest > items*r && highest > e.cfg.sparseSafe {
		if !e.cfg.sparseConvert {
			e.fail(t, "excessively sparse array")
		}
		return -1
	}
	return highest
}

func (e *jsonEncoder) object(t *Table) {
	e.b = append(e.b, '{')
	first := true
	for k, v := t.Next(Nil); k != Nil; k, v = t.Next(k) {
		if !first {
			e.b = append(e.b, ',')
		}
		first = false
		switch k := k.(type) {
		case Number:
			e.b = append(e.b, '"')
			e.number(k)
			e.b = append(e.b, '"', ':')
		case String:
			e.string(string(k))
			e.b = append(e.b, ':')
		default:
			e.fail(k, "table key must be a number or string")
		}
		e.s.spend(1)
		e.value(v)
	}
	e.b = append(e.b, '}')
}

// --- decoding ---

// jsonToken kinds carry the names that messages use.
type jsonToken struct {
	kind  string
	at    int
	str   string
	num   float64
	value bool
	err   string
}

type jsonDecoder struct {
	s     *State
	l     *L
	cfg   *cjsonConfig
	data  string
	pos   int
	depth int
	stack int
}

func (s *State) jsonDecode(l *L, cfg *cjsonConfig) int {
	if l.GetTop() != 1 {
		return s.ArgError(l, 1, "expected 1 argument")
	}
	d := jsonDecoder{s: s, l: l, cfg: cfg, data: s.checkString(l, 1), stack: 1}
	if len(d.data) >= 2 && (d.data[0] == 0 || d.data[1] == 0) {
		return s.Errorf(l, "JSON parser does not support UTF-16 or UTF-32")
	}
	v := d.value(d.next())
	if tok := d.next(); tok.kind != "T_END" {
		d.fail("the end", tok)
	}
	l.Push(v)
	return 1
}

func (d *jsonDecoder) fail(expected string, tok jsonToken) {
	found := tok.kind
	if found == "T_ERROR" {
		found = tok.err
	}
	d.s.Errorf(d.l, "Expected %s but found %s at character %d", expected, found, tok.at+1)
}

// at is a byte of the text; a NUL ends it, as in C.
func (d *jsonDecoder) at(i int) byte {
	if i < len(d.data) {
		return d.data[i]
	}
	return 0
}

func (d *jsonDecoder) error(msg string) jsonToken {
	return jsonToken{kind: "T_ERROR", at: d.pos, err: msg}
}

func (d *jsonDecoder) next() jsonToken {
	for {
		switch d.at(d.pos) {
		case ' ', '\t', '\n', '\r':
			d.pos++
			continue
		}
		break
	}
	tok := jsonToken{at: d.pos}
	c := d.at(d.pos)
	switch c {
	case '{':
		tok.kind = "T_OBJ_BEGIN"
	case '}':
		tok.kind = "T_OBJ_END"
	case '[':
		tok.kind = "T_ARR_BEGIN"
	case ']':
		tok.kind = "T_ARR_END"
	case ',':
		tok.kind = "T_COMMA"
	case ':':
		tok.kind = "T_COLON"
	case 0:
		tok.kind = "T_END"
		return tok
	}
	if tok.kind != "" {
		d.pos++
		return tok
	}
	rest := d.data[d.pos:]
	switch {
	case c == '"':
		return d.string()
	case c == '-' || isDigit(int(c)):
		if !d.cfg.decodeInvalid && invalidJSONNumber(rest) {
			return d.error("invalid number")
		}
		return d.number()
	case strings.HasPrefix(rest, "true"):
		d.pos += 4
		return jsonToken{kind: "T_BOOLEAN", at: tok.at, value: true}
	case strings.HasPrefix(rest, "false"):
		d.pos += 5
		return jsonToken{kind: "T_BOOLEAN", at: tok.at}
	case strings.HasPrefix(rest, "null"):
		d.pos += 4
		return jsonToken{kind: "T_NULL", at: tok.at}
	case strings.IndexByte("+iInN", c) >= 0 && d.cfg.decodeInvalid && invalidJSONNumber(rest):
		return d.number()
	}
	return d.error("invalid token")
}

// invalidJSONNumber tells what strtod would take but JSON does not allow.
func invalidJSONNumber(s string) bool {
	if s[0] == '+' {
		return true
	}
	if s[0] == '-' {
		s = s[1:]
	}
	switch {
	case s == "":
		return false
	case s[0] == '0':
		return len(s) > 1 && (s[1]|0x20 == 'x' || isDigit(int(s[1])))
	case s[0] <= '9':
		return false
	}
	return len(s) >= 3 && (strings.EqualFold(s[:3], "inf") || strings.EqualFold(s[:3], "nan"))
}

func (d *jsonDecoder) number() jsonToken {
	at := d.pos
	v, n := scanFloat(cutPattern(d.data[d.pos:min(len(d.data), d.pos+400)]))
	if n == 0 {
		return d.error("invalid number")
	}
	if n > 350 {
		v, n = scanFloat(cutPattern(d.data[d.pos:]))
	}
	d.pos += n
	return jsonToken{kind: "T_NUMBER", at: at, num: v}
}

func (d *jsonDecoder) string() jsonToken {
	at := d.pos
	d.pos++
	// Without an escape the string is a piece of the text.
	start := d.pos
	var buf []byte
	for {
		c := d.at(d.pos)
		switch c {
		case '"':
			tok := jsonToken{kind: "T_STRING", at: at}
			if buf == nil {
				tok.str = strings.Clone(d.data[start:d.pos])
			} else {
				tok.str = string(append(buf, d.data[start:d.pos]...))
			}
			d.pos++
			return tok
		case 0:
			return d.error("unexpected end of string")
		case '\\':
			buf = append(buf, d.data[start:d.pos]...)
			if buf == nil {
				buf = []byte{}
			}
			e := d.at(d.pos + 1)
			i := strings.IndexByte(`"\/btnfr`, e)
			switch {
			case e == 'u':
				var ok bool
				if buf, ok = d.unicodeEscape(buf); !ok {
					return d.error("invalid unicode escape code")
				}
			case e == 0 || i < 0:
				return d.error("invalid escape code")
			default:
				buf = append(buf, "\"\\/\b\t\n\f\r"[i])
				d.pos += 2
			}
			start = d.pos
		default:
			d.pos++
		}
	}
}

// hex4 reads four hexadecimal digits.
func (d *jsonDecoder) hex4(at int) (rune, bool) {
	var v rune
	for i := range 4 {
		c := d.at(at + i)
		switch {
		case isDigit(int(c)):
			v = v<<4 | rune(c-'0')
		case isXDigit(int(c)):
			v = v<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}

func (d *jsonDecoder) unicodeEscape(buf []byte) ([]byte, bool) {
	r, ok := d.hex4(d.pos + 2)
	if !ok {
		return buf, false
	}
	size := 6
	if r&0xF800 == 0xD800 {
		if r&0x400 != 0 || d.at(d.pos+6) != '\\' || d.at(d.pos+7) != 'u' {
			return buf, false
		}
		low, ok := d.hex4(d.pos + 8)
		if !ok || low&0xFC00 != 0xDC00 {
			return buf, false
		}
		r = (r&0x3FF<<10 | low&0x3FF) + 0x10000
		size = 12
	}
	d.pos += size
	return utf8.AppendRune(buf, r), true
}

func (d *jsonDecoder) value(tok jsonToken) Value {
	switch tok.kind {
	case "T_STRING":
		return String(tok.str)
	case "T_NUMBER":
		return number(tok.num)
	case "T_BOOLEAN":
		return Bool(tok.value)
	case "T_NULL":
		return d.s.null
	case "T_OBJ_BEGIN":
		return d.object()
	case "T_ARR_BEGIN":
		return d.array()
	}
	d.fail("value", tok)
	return Nil
}

func (d *jsonDecoder) descend(slots int) {
	d.depth++
	d.s.spend(1)
	if d.depth > d.cfg.decodeDepth || d.stack+slots > maxCStack {
		d.s.Errorf(d.l, "Found too many nested data structures (%d) at character %d", d.depth, d.pos)
	}
}

func (d *jsonDecoder) object() Value {
	d.descend(3)
	d.stack += 2
	t := d.s.NewTableSize(0, 4)
	tok := d.next()
	if tok.kind != "T_OBJ_END" {
		for {
			if tok.kind != "T_STRING" {
				d.fail("object key string", tok)
			}
			key := tok.str
			if tok = d.next(); tok.kind != "T_COLON" {
				d.fail("colon", tok)
			}
			t.RawSetString(key, d.value(d.next()))
			if tok = d.next(); tok.kind == "T_OBJ_END" {
				break
			}
			if tok.kind != "T_COMMA" {
				d.fail("comma or object end", tok)
			}
			tok = d.next()
		}
	}
	d.stack -= 2
	d.depth--
	return t
}

func (d *jsonDecoder) array() Value {
	d.descend(2)
	d.stack++
	t := d.s.NewTableSize(4, 0)
	tok := d.next()
	if tok.kind != "T_ARR_END" {
		for i := 1; ; i++ {
			t.RawSetInt(i, d.value(tok))
			if tok = d.next(); tok.kind == "T_ARR_END" {
				break
			}
			if tok.kind != "T_COMMA" {
				d.fail("comma or array end", tok)
			}
			tok = d.next()
		}
	}
	d.stack--
	d.depth--
	return t
}
