// SPDX-License-Identifier: BSD-3-Clause

package hiredis

// skip.go - walking over replies without building them.
//
// A Skipper needs no stack: what it has to know of aggregates is how many items are still to come in all. It holds no bytes,
// either: a line that has not arrived whole stays with the caller, while the bytes of strings are consumed as they come.

import (
	"bytes"

	"redport/src/util"
)

// Skipper counts replies in a stream that the caller reads. The zero value is ready, and is again after each whole reply.
type Skipper struct {
	items int64 // of the reply that are still to come
	bulk  int64 // bytes of a string, its line end included, that are still to come
	kind  Type
	begun bool
	line  []byte
}

// Next consumes the rest of a reply, or what there is of it, from the front of buf and tells how many bytes that were. kind is
// the type of the reply once it is whole, and 0 before: then Next wants to see the bytes that it left again, with more behind them.
// Null strings and arrays count as String and Array. Streamed replies are not understood.
func (s *Skipper) Next(buf []byte) (n int, kind Type, err error) {
	if !s.begun {
		s.begun, s.items, s.kind = true, 1, 0
	}
	for {
		if s.bulk > 0 {
			step := int(min(s.bulk, int64(len(buf)-n)))
			n += step
			if s.bulk -= int64(step); s.bulk > 0 {
				return n, 0, nil
			}
		}
		if s.items == 0 {
			s.begun = false
			return n, s.kind, nil
		}
		end := bytes.IndexByte(buf[n:], '\n')
		if end < 0 {
			if len(buf)-n > maxLine {
				return n, 0, protocolError("Protocol error, line too long")
			}
			return n, 0, nil
		}
		line := buf[n : n+end+1]
		n += len(line)
		if err := s.item(line); err != nil {
			return n, 0, err
		}
	}
}

// Line is what follows the type byte of a reply that Next just found whole: the text of an error or a status. It is part of the buffer
// given to Next.
func (s *Skipper) Line() []byte { return s.line }

// item takes the line with which an item begins.
func (s *Skipper) item(line []byte) error {
	if len(line) < 2 || line[len(line)-2] != '\r' {
		if len(line) > 0 {
			return badType(line[0])
		}
		return protocolError("Bad simple string value")
	}
	t, text := Type(line[0]), line[1:max(1, len(line)-2)]
	// The items of attributes in front come first: the reply itself is begun when nothing else is left.
	if s.kind == 0 && s.items == 1 && t != attribute {
		s.kind, s.line = t, text
	}
	s.items--
	switch t {
	case Status, Err, Integer, Nil, Bool, Double, BigNum:
		return nil
	case String, Verbatim, blobError:
		length, ok := shortInt(text)
		if !ok {
			return protocolError("Bad bulk string length")
		}
		if length >= 0 {
			s.bulk = length + 2
		}
		return nil
	case Array, Map, Set, Push, attribute:
		count, ok := shortInt(text)
		if !ok {
			return protocolError("Bad multi-bulk length")
		}
		if count > defaultMaxElements || s.items > 1<<60 {
			return protocolError("Multi-bulk length out of range")
		}
		if t == Map || t == attribute {
			count *= 2
		}
		s.items += max(count, 0)
		if t == attribute {
			s.items++ // it counts for nothing itself
		}
		return nil
	}
	return badType(line[0])
}

// shortInt reads a length, small ones without a call.
func shortInt(s []byte) (int64, bool) {
	if len(s) == 0 || len(s) > 9 || s[0] < '0' || s[0] > '9' {
		v, ok := util.String2ll(s)
		return v, ok && v >= -1 && v < 1<<60
	}
	v := int64(0)
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	return v, true
}
