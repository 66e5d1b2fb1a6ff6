// SPDX-License-Identifier: BSD-3-Clause

package lua

// The scanner: Lua 5.1's tokens and, to the letter, its complaints.
//
// gopher-lua's own scanner speaks a later dialect (goto is a keyword, "3x" is two
// tokens) and words its errors differently, so chunks are read here and handed to
// gopher-lua's compiler as syntax trees.
//
// Counterpart: llex.c.

import (
	"strconv"
	"strings"
)

// token kinds; single characters stand for themselves.
type token int

const (
	tkEOS token = iota + 257
	tkAnd
	tkBreak
	tkDo
	tkElse
	tkElseif
	tkEnd
	tkFalse
	tkFor
	tkFunction
	tkIf
	tkIn
	tkLocal
	tkNil
	tkNot
	tkOr
	tkRepeat
	tkReturn
	tkThen
	tkTrue
	tkUntil
	tkWhile
	tkConcat
	tkDots
	tkEq
	tkGe
	tkLe
	tkNe
	tkNumber
	tkName
	tkString
)

var tokenNames = [...]string{
	"<eof>", "and", "break", "do", "else", "elseif", "end", "false", "for", "function",
	"if", "in", "local", "nil", "not", "or", "repeat", "return", "then", "true", "until",
	"while", "..", "...", "==", ">=", "<=", "~=", "<number>", "<name>", "<string>",
}

// reserved words by name. Never written after init.
var reserved = func() map[string]token {
	m := make(map[string]token)
	for t := tkAnd; t <= tkWhile; t++ {
		m[tokenNames[t-tkEOS]] = t
	}
	return m
}()

// maxLines bounds the lines of a chunk; positions are kept in 32 bits.
const maxLines = 1<<31 - 3

// lexer reads tokens from src. Errors are panics of syntaxError, caught by parse.
type lexer struct {
	src      string
	pos      int    // of the next byte
	longName string // how messages name the chunk: user_script
	line     int    // of the next byte
	lastLine int    // of the last token consumed
	tok      token
	num      float64
	str      string // name or string value
	raw      string // text of the token, for messages
	ahead    token  // a token read in advance, where peeked
	peeked   bool
	aheadNum float64
	aheadStr string
	aheadRaw string
	tokStart int
}

// syntaxError is a message with its position in front.
type syntaxError string

func (e syntaxError) Error() string { return string(e) }

func (lx *lexer) tokenText(t token) string {
	switch {
	case t == tkName || t == tkString || t == tkNumber:
		// C prints its buffer as a C string.
		raw, _, _ := strings.Cut(lx.raw, "\x00")
		return raw
	case t < tkEOS:
		if t < ' ' || t == 127 {
			return "char(" + strconv.Itoa(int(t)) + ")"
		}
		return string([]byte{byte(t)})
	}
	return tokenNames[t-tkEOS]
}

func tokenName(t token) string {
	if t < tkEOS {
		return string([]byte{byte(t)})
	}
	return tokenNames[t-tkEOS]
}

// fail raises a syntax error, near the token unless that is zero.
func (lx *lexer) fail(msg string, near token) {
	s := lx.longName + ":" + strconv.Itoa(lx.line) + ": " + msg
	if near != 0 {
		s += " near '" + lx.tokenText(near) + "'"
	}
	panic(syntaxError(s))
}

func (lx *lexer) syntaxError(msg string) { lx.fail(msg, lx.tok) }

func (lx *lexer) next() {
	lx.lastLine = lx.line
	if lx.peeked {
		lx.tok, lx.num, lx.str, lx.raw = lx.ahead, lx.aheadNum, lx.aheadStr, lx.aheadRaw
		lx.peeked = false
		return
	}
	lx.tok = lx.scan()
}

// peek reads the token after the current one.
func (lx *lexer) peek() token {
	num, str, raw := lx.num, lx.str, lx.raw
	lx.ahead, lx.peeked = lx.scan(), true
	lx.aheadNum, lx.aheadStr, lx.aheadRaw = lx.num, lx.str, lx.raw
	lx.num, lx.str, lx.raw = num, str, raw
	return lx.ahead
}

func (lx *lexer) cur() int {
	if lx.pos < len(lx.src) {
		return int(lx.src[lx.pos])
	}
	return -1
}

// isNext tells whether the next byte is one of the set, or a NUL, which C's strchr finds in any.
func (lx *lexer) isNext(set string) bool {
	c := lx.cur()
	return c == 0 || c > 0 && strings.IndexByte(set, byte(c)) >= 0
}

func (lx *lexer) newline() {
	c := lx.src[lx.pos]
	lx.pos++
	if n := lx.cur(); (n == '\n' || n == '\r') && byte(n) != c {
		lx.pos++
	}
	lx.line++
	if lx.line >= maxLines {
		lx.fail("chunk has too many lines", 0)
	}
}

func isSpace(c int) bool { return c == ' ' || c >= '\t' && c <= '\r' }
func isDigit(c int) bool { return c >= '0' && c <= '9' }
func isAlpha(c int) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isAlnum(c int) bool { return isAlpha(c) || isDigit(c) }
func isXDigit(c int) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func (lx *lexer) scan() token {
	for {
		c := lx.cur()
		lx.tokStart = lx.pos
		switch c {
		case '\n', '\r':
			lx.newline()
			continue
		case '-':
			lx.pos++
			if lx.cur() != '-' {
				return '-'
			}
			lx.pos++
			if lx.cur() == '[' {
				lx.tokStart = lx.pos
				if level := lx.skipSeparator(); level >= 0 {
					lx.longString(level, true)
					continue
				}
			}
			for lx.cur() != -1 && lx.cur() != '\n' && lx.cur() != '\r' {
				lx.pos++
			}
			continue
		case '[':
			level := lx.skipSeparator()
			if level >= 0 {
				lx.longString(level, false)
				return tkString
			}
			if level == -1 {
				return '['
			}
			lx.raw = lx.src[lx.tokStart:lx.pos]
			lx.fail("invalid long string delimiter", tkString)
		case '=':
			return lx.either('=', '=', tkEq)
		case '<':
			return lx.either('<', '=', tkLe)
		case '>':
			return lx.either('>', '=', tkGe)
		case '~':
			return lx.either('~', '=', tkNe)
		case '"', '\'':
			lx.quoted(byte(c))
			return tkString
		case '.':
			lx.pos++
			if lx.isNext(".") {
				lx.pos++
				if lx.isNext(".") {
					lx.pos++
					return tkDots
				}
				return tkConcat
			}
			if !isDigit(lx.cur()) {
				return '.'
			}
			lx.number()
			return tkNumber
		case -1:
			return tkEOS
		}
		switch {
		case isSpace(c):
			lx.pos++
		case isDigit(c):
			lx.number()
			return tkNumber
		case isAlpha(c) || c == '_':
			for isAlnum(lx.cur()) || lx.cur() == '_' {
				lx.pos++
			}
			lx.str = lx.src[lx.tokStart:lx.pos]
			lx.raw = lx.str
			if t, ok := reserved[lx.str]; ok {
				return t
			}
			return tkName
		default:
			lx.pos++
			return token(c)
		}
	}
}

func (lx *lexer) either(one token, second byte, both token) token {
	lx.pos++
	if lx.cur() != int(second) {
		return one
	}
	lx.pos++
	return both
}

// number reads what C's scanner takes for a number, and converts it.
func (lx *lexer) number() {
	for isDigit(lx.cur()) || lx.cur() == '.' {
		lx.pos++
	}
	if lx.isNext("eE") {
		lx.pos++
		if lx.isNext("+-") {
			lx.pos++
		}
	}
	for isAlnum(lx.cur()) || lx.cur() == '_' {
		lx.pos++
	}
	lx.raw = lx.src[lx.tokStart:lx.pos]
	n, ok := parseNumber(lx.raw)
	if !ok {
		lx.fail("malformed number", tkNumber)
	}
	lx.num = n
}

// skipSeparator reads "[=*[" or "]=*]" but for its last bracket, and returns the
// number of equal signs, or -1 less that number when it is no separator.
func (lx *lexer) skipSeparator() int {
	s := lx.src[lx.pos]
	lx.pos++
	count := 0
	for lx.cur() == '=' {
		lx.pos++
		count++
	}
	if lx.cur() == int(s) {
		return count
	}
	return -count - 1
}

func (lx *lexer) longString(level int, comment bool) {
	lx.pos++ // the second '['
	if c := lx.cur(); c == '\n' || c == '\r' {
		lx.newline()
	}
	var buf strings.Builder
	from := lx.pos
	for {
		c := lx.cur()
		switch c {
		case -1:
			if comment {
				lx.fail("unfinished long comment", tkEOS)
			}
			lx.fail("unfinished long string", tkEOS)
		case ']':
			at := lx.pos
			if lx.skipSeparator() == level {
				lx.pos++
				if !comment {
					buf.WriteString(lx.src[from:at])
					lx.str = buf.String()
					delimiter := lx.src[at:lx.pos]
					lx.raw = strings.ReplaceAll(delimiter, "]", "[") + lx.str + delimiter
				}
				return
			}
		case '\n', '\r':
			if !comment {
				buf.WriteString(lx.src[from:lx.pos])
				buf.WriteByte('\n')
			}
			lx.newline()
			from = lx.pos
		default:
			lx.pos++
		}
	}
}

func (lx *lexer) quoted(quote byte) {
	lx.pos++
	// C's messages show its buffer: the opening quote and the bytes read so far,
	// escapes already replaced.
	buf := []byte{quote}
	for {
		c := lx.cur()
		switch {
		case c == -1:
			lx.fail("unfinished string", tkEOS)
		case c == '\n' || c == '\r':
			lx.raw = string(buf)
			lx.fail("unfinished string", tkString)
		case c == int(quote):
			lx.pos++
			lx.str = string(buf[1:])
			lx.raw = string(append(buf, quote))
			return
		case c != '\\':
			buf = append(buf, byte(c))
			lx.pos++
			continue
		}
		lx.pos++ // the backslash
		c = lx.cur()
		switch c {
		case 'a':
			c = '\a'
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'v':
			c = '\v'
		case '\n', '\r':
			buf = append(buf, '\n')
			lx.newline()
			continue
		case -1:
			continue // reported in the next turn
		default:
			if isDigit(c) {
				n := 0
				for i := 0; i < 3 && isDigit(lx.cur()); i++ {
					n = n*10 + lx.cur() - '0'
					lx.pos++
				}
				if n > 255 {
					lx.raw = string(buf)
					lx.fail("escape sequence too large", tkString)
				}
				buf = append(buf, byte(n))
				continue
			}
		}
		buf = append(buf, byte(c))
		lx.pos++
	}
}
