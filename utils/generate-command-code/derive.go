// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"math"
	"slices"
)

// derive.go - what the tables say that the declarations do not: implicit ACL categories, and the legacy triple.

// implicitCategories are the ACL categories that follow from the flags of a command.
func implicitCategories(c *command) []string {
	var list []string
	has := func(flag string) bool { return slices.Contains(c.CommandFlags, flag) }
	if has("WRITE") {
		list = append(list, "WRITE")
	}
	// What EVAL_RO and its like touch is up to the script.
	if has("READONLY") && !slices.Contains(c.ACLCategories, "SCRIPTING") {
		list = append(list, "READ")
	}
	if has("ADMIN") {
		list = append(list, "ADMIN", "DANGEROUS")
	}
	if has("PUBSUB") {
		list = append(list, "PUBSUB")
	}
	if has("BLOCKING") {
		list = append(list, "BLOCKING")
	}
	if has("FAST") {
		list = append(list, "FAST")
	} else if !slices.Contains(c.ACLCategories, "FAST") {
		list = append(list, "SLOW")
	}
	return list
}

// legacy is the first/last/step triple of COMMAND INFO.
type legacy struct {
	first, last, step int
	movable           bool // there are keys that the triple does not tell
}

// legacyRange glues the key specs to one range, as far as they are ranges of step 1 that follow each other; a
// single range is taken as it is. What does not fit makes the keys "movable".
func legacyRange(c *command) legacy {
	l := legacy{first: math.MaxInt}
	previousLast := 0
	for i := range c.KeySpecs {
		spec := &c.KeySpecs[i]
		begin, find := spec.BeginSearch.Index, spec.FindKeys.Range
		if begin == nil || find == nil {
			l.movable = true
			continue
		}
		if slices.Contains(spec.Flags, "INCOMPLETE") {
			l.movable = true
		}
		last := find.LastKey
		if last >= 0 {
			last += begin.Pos
		}
		if len(c.KeySpecs) == 1 {
			l.first, l.last, l.step = begin.Pos, last, find.Step
			break
		}
		if find.Step != 1 || previousLast != 0 && previousLast != begin.Pos-1 {
			l.movable = true
			continue
		}
		l.first = min(l.first, begin.Pos)
		// A last key that counts from the end lies behind all others.
		if last < 0 || l.last >= 0 && last > l.last {
			l.last = last
		}
		previousLast = l.last
		l.step = 1
	}
	if l.first == math.MaxInt {
		l.first = 0
		l.movable = len(c.KeySpecs) > 0
	}
	return l
}
