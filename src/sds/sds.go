// SPDX-License-Identifier: BSD-3-Clause

// Package sds has the text forms that Redis's string library defines: splitting a line into arguments with
// quoting, and printing any bytes as a quoted string that splits back to them.
package sds

// sds.go - quoted text. Counterpart: sds.c (sdssplitargs, sdscatrepr, sdsneedsrepr). Differences:
//   - the string type itself has no counterpart: Go's slices carry their length;
//   - classes of characters are those of the C locale, whatever the system's locale is.
//
// A NUL byte ends the line that is split, as it does for C: config files and inline commands may not carry one.

import (
	"errors"
)

// ErrUnbalancedQuotes tells that a line has an open quote, or a closing quote that something other than a space follows.
var ErrUnbalancedQuotes = errors.New("unbalanced quotes")

// SplitArgs splits line into arguments as a REPL does (C: sdssplitargs). Arguments are separated by white space.
//
//	"..."   double quotes: \n \r \t \b \a, \xHH for any byte, and \ before any other byte for that byte
//	'...'   single quotes: only \' is an escape
//	foo"bar baz"   quotes may open inside an argument; the closing one ends it
//
// The results share no memory with line. An empty line gives no arguments and no error.
func SplitArgs(line []byte) ([][]byte, error) {
	var args [][]byte
	p := 0
	at := func(i int) byte {
		if i < len(line) {
			return line[i]
		}
		return 0
	}
	for {
		for at(p) != 0 && isSpace(at(p)) {
			p++
		}
		if at(p) == 0 {
			return args, nil
		}
		arg, next, ok := nextArg(line, p, at)
		if !ok {
			return nil, ErrUnbalancedQuotes
		}
		args = append(args, arg)
		p = next
	}
}

// SplitArgsString is SplitArgs for strings.
func SplitArgsString(line string) ([]string, error) {
	args, err := SplitArgs([]byte(line))
	if err != nil {
		return nil, err
	}
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = string(a)
	}
	return out, nil
}

// nextArg reads the argument that starts at p; next is where the search for another one goes on.
func nextArg(line []byte, p int, at func(int) byte) (arg []byte, next int, ok bool) {
	arg = []byte{}
	const (
		plain = iota
		doubleQuoted
		singleQuoted
	)
	state := plain
	for ; ; p++ {
		c := at(p)
		switch state {
		case doubleQuoted:
			switch {
			case c == '\\' && at(p+1) == 'x' && isHexDigit(at(p+2)) && isHexDigit(at(p+3)):
				arg = append(arg, hexDigit(at(p+2))<<4|hexDigit(at(p+3)))
				p += 3
			case c == '\\' && at(p+1) != 0:
				p++
				arg = append(arg, unescape(at(p)))
			case c == '"':
				return arg, p + 1, at(p+1) == 0 || isSpace(at(p+1))
			case c == 0:
				return nil, p, false
			default:
				arg = append(arg, c)
			}
		case singleQuoted:
			switch {
			case c == '\\' && at(p+1) == '\'':
				p++
				arg = append(arg, '\'')
			case c == '\'':
				return arg, p + 1, at(p+1) == 0 || isSpace(at(p+1))
			case c == 0:
				return nil, p, false
			default:
				arg = append(arg, c)
			}
		default:
			switch c {
			case ' ', '\n', '\r', '\t', 0:
				return arg, p, true
			case '"':
				state = doubleQuoted
			case '\'':
				state = singleQuoted
			default:
				// \v and \f separate arguments only where one would start: C's own asymmetry.
				arg = append(arg, c)
			}
		}
	}
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

// CatRepr appends s to dst as a double-quoted string in which every byte that does not print is escaped (C: sdscatrepr).
// SplitArgs gives s back.
func CatRepr[T ~string | ~[]byte](dst []byte, s T) []byte {
	const hexChars = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '\\', '"':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\a':
			dst = append(dst, '\\', 'a')
		case '\b':
			dst = append(dst, '\\', 'b')
		default:
			if isPrint(c) {
				dst = append(dst, c)
			} else {
				dst = append(dst, '\\', 'x', hexChars[c>>4], hexChars[c&15])
			}
		}
	}
	return append(dst, '"')
}

// NeedsRepr tells whether s has to be written with CatRepr for SplitArgs to give it back: it has a quote, an escape, a
// space or a byte that does not print (C: sdsneedsrepr). An empty s gives false, though it needs quotes too; callers
// look at the length themselves.
func NeedsRepr[T ~string | ~[]byte](s T) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '\\' || c == '"' || !isPrint(c) || isSpace(c) {
			return true
		}
	}
	return false
}

func isPrint(c byte) bool { return c >= 0x20 && c <= 0x7e }

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isHexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func hexDigit(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}
