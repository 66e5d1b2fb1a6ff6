// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"redport/src/listpack"
	"redport/src/util"
)

// t_stream_validate.go - whether a block of a stream that comes from outside, a listpack in an RDB file or a DUMP payload, may be
// trusted by the iterator: t_stream.go has the layout.
//
// What is checked is what walking relies on, forwards by the numbers of fields and backwards by lp-count. Whether the flags of entries agree with
// the count of deleted ones is not, nor that IDs ascend; that makes wrong answers, but no harm.
//
// Counterpart: streamValidateListpackIntegrity in t_stream.c. Difference: negative counts do not pass.

// streamCheck walks a block element by element. ok turns false where an element is missing, or is no integer that should be.
type streamCheck struct {
	lp []byte
	p  int
	ok bool
}

// skip passes n elements.
func (s *streamCheck) skip(n int64) {
	for ; n > 0 && s.ok; n-- {
		if s.p == listpack.End {
			s.ok = false
			return
		}
		s.p = listpack.Next(s.lp, s.p)
	}
}

// integer passes an integer.
func (s *streamCheck) integer() (n int64) {
	if !s.ok || s.p == listpack.End {
		s.ok = false
		return 0
	}
	v := listpack.Get(s.lp, s.p)
	if n = v.Int; !v.IsInt {
		n, s.ok = util.String2ll(v.Str)
	}
	s.p = listpack.Next(s.lp, s.p)
	return n
}

// count passes an integer that says how many elements or entries there are: not more than the block has bytes.
func (s *streamCheck) count() int64 {
	n := s.integer()
	if n < 0 || n > int64(len(s.lp)) {
		s.ok = false
		return 0
	}
	return n
}

// streamValidateListpackIntegrity tells whether b is a block of a stream. Its size is always checked; with deep, so is all that is in it.
func streamValidateListpackIntegrity(b []byte, deep bool) bool {
	if !deep || !listpack.Validate(b, true, nil) {
		return !deep && listpack.Validate(b, false, nil)
	}
	s := streamCheck{lp: b, p: listpack.First(b), ok: true}
	entries := s.count()
	entries += s.count()
	masterFields := s.count()
	s.skip(masterFields)
	if s.integer() != 0 {
		return false
	}
	for ; entries > 0 && s.ok; entries-- {
		flags := s.integer()
		s.integer() // the ID's milliseconds
		s.integer() // and sequence number
		fields, elements := masterFields, masterFields+3
		if flags&streamItemFlagSamefields == 0 {
			fields = s.count()
			s.skip(fields)
			elements = 2*fields + 4
		}
		s.skip(fields)
		if s.integer() != elements {
			return false
		}
	}
	return s.ok && s.p == listpack.End
}
