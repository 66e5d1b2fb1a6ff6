// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"math"

	"redport/src/platform"
)

// t_string_lcs.go - LCS, the longest common subsequence of two strings.
//
// The table of the usual dynamic programming holds, for every prefix of a (rows) and of b (columns), the length of
// their longest common subsequence:
//
//	        ""  b0  b1  ...
//	  ""     0   0   0         equal last bytes:  1 + the cell up and left
//	  a0     0                 else:              the greater of up and left
//	  a1     0
//
// Walking back from the last cell gives the subsequence, and the ranges where both strings match. Of several
// subsequences of the same length, clients see the one that this walk finds, so its choices are part of the interface: left
// unless up is greater.

// lcsTable is the table, a row after the other.
type lcsTable struct {
	cells []uint32
	width int
}

func newLcsTable(a, b []byte) lcsTable {
	t := lcsTable{make([]uint32, (len(a)+1)*(len(b)+1)), len(b) + 1}
	for i, ch := range a {
		up := t.cells[i*t.width:][:t.width]
		row := t.cells[(i+1)*t.width:][:t.width]
		left := uint32(0)
		for j := 1; j < len(row); j++ {
			if b[j-1] == ch {
				left = up[j-1] + 1
			} else {
				left = max(left, up[j])
			}
			row[j] = left
		}
	}
	return t
}

func (t *lcsTable) at(i, j int) uint32 { return t.cells[i*t.width+j] }

// lcsRange is a stretch of the same bytes in both strings: aStart..aEnd and bStart..bEnd, ends included.
type lcsRange struct{ aStart, aEnd, bStart, bEnd int }

// walk goes back through the table. It fills result, which has the length of the subsequence, and calls emit for every
// range, the last ones first.
func (t *lcsTable) walk(a, b, result []byte, emit func(lcsRange)) {
	var r lcsRange
	open := false
	idx := len(result)
	for i, j := len(a), len(b); i > 0 && j > 0; {
		done := false
		if a[i-1] == b[j-1] {
			idx--
			result[idx] = a[i-1]
			switch {
			case !open:
				r = lcsRange{i - 1, i - 1, j - 1, j - 1}
				open = true
			case r.aStart == i && r.bStart == j:
				r.aStart--
				r.bStart--
			default:
				done = true
			}
			if r.aStart == 0 || r.bStart == 0 {
				done = true
			}
			i--
			j--
		} else {
			if t.at(i-1, j) > t.at(i, j-1) {
				i--
			} else {
				j--
			}
			done = open
		}
		if done {
			emit(r)
			open = false
		}
	}
}

// lcsCommand: LCS key1 key2 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]
func lcsCommand(c *client) {
	server, db := c.server, c.db
	// Looking the second key up may delete it, and move the first one: copy.
	a, aOk := c.lcsOperand(db, 1)
	b, bOk := c.lcsOperand(db, 2)
	if !aOk || !bOk {
		c.addReplyError("The specified keys must contain string values")
		return
	}
	var getLen, getIdx, withMatchLen bool
	var minMatchLen int64
	for j := 3; j < len(c.argv); j++ {
		opt := c.argv[j]
		switch {
		case equalFold(opt, "IDX"):
			getIdx = true
		case equalFold(opt, "LEN"):
			getLen = true
		case equalFold(opt, "WITHMATCHLEN"):
			withMatchLen = true
		case equalFold(opt, "MINMATCHLEN") && j+1 < len(c.argv):
			n, ok := c.getLongLongFromObjectOrReply(c.argv[j+1], "")
			if !ok {
				return
			}
			minMatchLen = max(n, 0)
			j++
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return
		}
	}
	if getLen && getIdx {
		c.addReplyError("If you want both the length and indexes, please just use IDX.")
		return
	}
	if uint64(len(a)) >= math.MaxUint32-1 || uint64(len(b)) >= math.MaxUint32-1 {
		c.addReplyError("String too long for LCS")
		return
	}
	need := uint64(len(a)+1) * uint64(len(b)+1)
	if need > math.MaxInt64/4 || 4*need > uint64(server.protoMaxBulkLen) {
		c.addReplyError("Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
		return
	}
	// C finds out by trying; Go's allocator would end the process.
	if total := platform.TotalSystemMemory(); total > 0 && 4*need > total || 4*need > math.MaxInt {
		c.addReplyError("Insufficient memory, failed allocating transient memory for LCS")
		return
	}

	t := newLcsTable(a, b)
	length := t.at(len(a), len(b))
	if getLen {
		c.addReplyLongLong(int64(length))
		return
	}
	result := make([]byte, length)
	if !getIdx {
		t.walk(a, b, result, func(lcsRange) {})
		c.addReplyBulkBytes(result)
		return
	}
	c.addReplyMapLen(2)
	c.addReplyBulkString("matches")
	deferred := c.addReplyDeferredLen()
	ranges := 0
	t.walk(a, b, result, func(r lcsRange) {
		matchLen := int64(r.aEnd - r.aStart + 1)
		if minMatchLen != 0 && matchLen < minMatchLen {
			return
		}
		if withMatchLen {
			c.addReplyArrayLen(3)
		} else {
			c.addReplyArrayLen(2)
		}
		c.addReplyArrayLen(2)
		c.addReplyLongLong(int64(r.aStart))
		c.addReplyLongLong(int64(r.aEnd))
		c.addReplyArrayLen(2)
		c.addReplyLongLong(int64(r.bStart))
		c.addReplyLongLong(int64(r.bEnd))
		if withMatchLen {
			c.addReplyLongLong(matchLen)
		}
		ranges++
	})
	c.setDeferredArrayLen(deferred, ranges)
	c.addReplyBulkString("len")
	c.addReplyLongLong(int64(length))
}

// lcsOperand is a copy of the string at argv[i], empty if there is no such key; false if it is something else.
func (c *client) lcsOperand(db *redisDb, i int) ([]byte, bool) {
	e := db.entry(c.argv[i], lookupNone)
	if !e.Ok() {
		return nil, true
	}
	if entryType(e) != objString {
		return nil, false
	}
	var tmp [20]byte
	return bytes.Clone(entryStringBytes(e, tmp[:0])), true
}
