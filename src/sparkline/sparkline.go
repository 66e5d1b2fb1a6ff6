// SPDX-License-Identifier: BSD-3-Clause

// Package sparkline draws a row of values as a small graph of text, with labels written downwards below it.
//
//	    .#    .
//	   _||   _#
//	 _#||| _o||
//
//	1111111000
//	0987654987
//	ssssssssss
package sparkline

import (
	"bytes"
	"math"
)

// Flags of Render.
const (
	Fill     = 1 << 0 // fill the area below the line
	LogScale = 1 << 1
)

// The characters of one row of text, lowest value first: several rows together give the resolution.
const (
	charset     = "_-`"
	charsetFill = "_o#"
	levels      = len(charset)
)

// A Sequence is what is to be drawn.
type Sequence struct {
	samples   []sample
	min, max  float64
	hasLabels bool
}

type sample struct {
	value float64
	label string
}

// Add appends a value. label may be empty.
func (s *Sequence) Add(value float64, label string) {
	if len(s.samples) == 0 {
		s.min, s.max = value, value
	}
	s.min = min(s.min, value)
	s.max = max(s.max, value)
	s.samples = append(s.samples, sample{value, label})
	s.hasLabels = s.hasLabels || label != ""
}

// Len is the number of values.
func (s *Sequence) Len() int { return len(s.samples) }

// Render appends the graph to dst, in blocks of at most columns values, each rows lines high.
func (s *Sequence) Render(dst []byte, columns, rows, flags int) []byte {
	for from := 0; from < len(s.samples); from += columns {
		if from != 0 {
			dst = append(dst, '\n')
		}
		dst = s.renderRange(dst, s.samples[from:min(from+columns, len(s.samples))], rows, flags)
	}
	return dst
}

func (s *Sequence) renderRange(dst []byte, samples []sample, rows, flags int) []byte {
	// Each value becomes a step: which of the levels of which row it ends at.
	steps := levels * rows
	span := s.max - s.min
	if flags&LogScale != 0 {
		span = math.Log(span + 1)
	}
	if span == 0 {
		span = 1
	}
	step := make([]int, len(samples))
	for i, smp := range samples {
		v := smp.value - s.min
		if flags&LogScale != 0 {
			v = math.Log(v + 1)
		}
		// The product is cut to an integer before it is divided: that is where the graphs of Redis have their steps.
		step[i] = min(max(int(math.Trunc(v*float64(steps))/span), 0), steps-1)
	}
	chars := charset
	if flags&Fill != 0 {
		chars = charsetFill
	}
	line := make([]byte, len(samples))
	for row := range rows {
		base := (rows - row - 1) * levels
		for i, st := range step {
			switch over := st - base; {
			case over >= 0 && over < levels:
				line[i] = chars[over]
			case over >= levels && flags&Fill != 0:
				line[i] = '|'
			default:
				line[i] = ' '
			}
		}
		dst = append(append(dst, line...), '\n')
	}
	if !s.hasLabels {
		return dst
	}
	dst = append(append(dst, bytes.Repeat([]byte{' '}, len(samples))...), '\n')
	for pos := 0; ; pos++ {
		more := false
		for i, smp := range samples {
			line[i] = ' '
			if pos < len(smp.label) {
				line[i] = smp.label[pos]
				more = true
			}
		}
		if !more {
			return dst
		}
		dst = append(append(dst, line...), '\n')
	}
}
