// SPDX-License-Identifier: BSD-3-Clause

package main

// compare.go - whether two replies say the same.

import (
	"bytes"
	"slices"
	"strconv"
)

// Ways to compare.
type mode uint8

const (
	strict    mode = iota
	unordered      // the elements, in any order; see pairs
	shape          // types and lengths only: chance decides about the rest
	clock          // integers may differ by some seconds
)

const clockTolerance = 10000

// equal compares two replies. pairs tells that elements of a flat array belong together by twos.
func equal(a, b *reply, m mode, pairs bool) bool {
	if a.isError() || b.isError() || m == strict {
		return sameButAddresses(a.raw, b.raw)
	}
	switch m {
	case unordered:
		return slices.Equal(sorted(a, pairs), sorted(b, pairs))
	case shape:
		return a.kind == b.kind && len(a.kids) == len(b.kids)
	default:
		if a.kind != b.kind || len(a.kids) != len(b.kids) {
			return false
		}
		if a.kind == ':' {
			x, _ := strconv.ParseInt(a.text(), 10, 64)
			y, _ := strconv.ParseInt(b.text(), 10, 64)
			return x == y || x >= 0 && y >= 0 && x-y < clockTolerance && y-x < clockTolerance
		}
		for i := range a.kids {
			if !equal(a.kids[i], b.kids[i], m, pairs) {
				return false
			}
		}
		return len(a.kids) > 0 || bytes.Equal(a.raw, b.raw)
	}
}

// sorted brings the parts of a reply into one order. Aggregates inside are sorted, too.
func sorted(r *reply, pairs bool) []string {
	step := 1
	if r.kind == '%' || pairs && len(r.kids)%2 == 0 {
		step = 2
	}
	parts := []string{}
	for i := 0; i < len(r.kids); i += step {
		s := ""
		for _, kid := range r.kids[i : i+step] {
			if len(kid.kids) > 0 {
				for _, x := range sorted(kid, pairs) {
					s += x
				}
			} else {
				s += string(kid.raw)
			}
		}
		parts = append(parts, s)
	}
	slices.Sort(parts)
	if len(r.kids) == 0 {
		parts = append(parts, string(r.raw))
	} else {
		parts = append(parts, string(r.kind))
	}
	return parts
}
