// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"encoding/binary"
	"math"
	"math/bits"

	"redport/src/dict"
	"redport/src/platform/popcount"
)

// bitops.go - strings as arrays of bits: SETBIT, GETBIT, BITOP, BITCOUNT, BITPOS. BITFIELD is in
// bitops_bitfield.go.
//
// Bit 0 is the most significant bit of the first byte. What lies beyond a string's end reads as zero.

const msgBitOffset = "bit offset is not an integer or out of range"

// getBitOffsetFromArgument reads an offset in bits. With hash, "#n" stands for n times width.
func (c *client) getBitOffsetFromArgument(arg []byte, hash bool, width int) (int64, bool) {
	useHash := hash && len(arg) > 0 && arg[0] == '#'
	num := arg
	if useHash {
		num = arg[1:]
	}
	off, ok := c.getLongLongFromObjectOrReply(num, msgBitOffset)
	if !ok {
		return 0, false
	}
	if useHash {
		hi, lo := bits.Mul64(uint64(max(off, 0)), uint64(width))
		if off < 0 || hi != 0 || lo > math.MaxInt64 {
			c.addReplyError(msgBitOffset)
			return 0, false
		}
		off = int64(lo)
	}
	if off < 0 || c.flags&clientMaster == 0 && off>>3 >= c.server.protoMaxBulkLen {
		c.addReplyError(msgBitOffset)
		return 0, false
	}
	return off, true
}

// writableBits makes the key a raw string that holds bit maxbit, and returns its bytes for writing. grown
// tells whether it was made or extended. !ok: the client has been answered.
func (c *client) writableBits(key []byte, maxbit int64) (b []byte, grown, ok bool) {
	db := c.db
	size := int(maxbit>>3) + 1
	e := db.entry(key, lookupWrite)
	if !e.Ok() {
		e = db.addEntry(e, key, rawValue(nil))
		_, b = db.resizeString(e, size)
		return b, true, true
	}
	if !c.isString(e) {
		return nil, false, false
	}
	e = db.rawEntry(e)
	if size > len(e.Value()) {
		_, b = db.resizeString(e, size)
		return b, true, true
	}
	_, b = db.keys.Writable(e)
	return b, false, true
}

func setbitCommand(c *client) {
	server, key := c.server, c.argv[1]
	off, ok := c.getBitOffsetFromArgument(c.argv[2], false, 0)
	if !ok {
		return
	}
	const msg = "bit is not an integer or out of range"
	on, ok := c.getLongLongFromObjectOrReply(c.argv[3], msg)
	if !ok {
		return
	}
	if on&^1 != 0 {
		c.addReplyError(msg)
		return
	}
	b, grown, ok := c.writableBits(key, off)
	if !ok {
		return
	}
	at, bit := off>>3, 7-uint(off&7)
	old := int64(b[at]>>bit) & 1
	if grown || old != on {
		b[at] = b[at]&^(1<<bit) | byte(on)<<bit
		server.signalModifiedKey(c, c.db, key)
		server.notifyKeyspaceEvent(notifyString, "setbit", key, c.db.id)
		server.dirty++
	}
	c.addReplyLongLong(old)
}

// bitsOf is the bytes of the string at e; numbers go into tmp.
func bitsOf(e dict.Entry, tmp *[20]byte) []byte {
	if !e.Ok() {
		return nil
	}
	return entryStringBytes(e, tmp[:0])
}

func getbitCommand(c *client) {
	off, ok := c.getBitOffsetFromArgument(c.argv[2], false, 0)
	if !ok {
		return
	}
	e := c.db.entry(c.argv[1], lookupNone)
	if e.Ok() && !c.isString(e) {
		return
	}
	var tmp [20]byte
	b := bitsOf(e, &tmp)
	if at := off >> 3; at < int64(len(b)) && b[at]>>(7-uint(off&7))&1 != 0 {
		c.addReply(shared.cone)
	} else {
		c.addReply(shared.czero)
	}
}

// redisBitpos is the position of the first bit that equals bit, or -1: for bit 0 with nothing but ones in
// b, the position behind them.
func redisBitpos(b []byte, bit int) int64 {
	var skip byte
	if bit == 0 {
		skip = 0xFF
	}
	word := uint64(skip) * 0x0101010101010101
	i := 0
	for i+8 <= len(b) && binary.LittleEndian.Uint64(b[i:]) == word {
		i += 8
	}
	for i < len(b) && b[i] == skip {
		i++
	}
	if i == len(b) {
		if bit == 1 {
			return -1
		}
		return int64(len(b)) * 8
	}
	return int64(i)*8 + int64(bits.LeadingZeros8(b[i]^skip))
}

// bitRange is the part of a string that BITCOUNT and BITPOS look at.
type bitRange struct {
	start, end int64 // bytes, both included
	first      byte  // the bits of the first byte that do not belong to it
	last       byte  // the same for the last byte
}

// clampBitRange makes offsets, which may count from the end, a range within n bytes. !ok: it is empty.
func clampBitRange(start, end, n int64, isBit bool) (r bitRange, ok bool) {
	if start < 0 && end < 0 && start > end {
		return r, false
	}
	total := n
	if isBit {
		total *= 8
	}
	if start < 0 {
		start = max(total+start, 0)
	}
	if end < 0 {
		end = max(total+end, 0)
	}
	end = min(end, total-1)
	if start > end {
		return r, false
	}
	if !isBit {
		return bitRange{start: start, end: end}, true
	}
	return bitRange{
		start: start >> 3, end: end >> 3,
		first: ^byte(0xFF >> uint(start&7)), last: byte(0xFF >> (uint(end&7) + 1)),
	}, true
}

// parseBitUnit reads BYTE or BIT.
func (c *client) parseBitUnit(arg []byte) (isBit, ok bool) {
	switch {
	case equalFold(arg, "BIT"):
		return true, true
	case equalFold(arg, "BYTE"):
		return false, true
	}
	c.addReplyErrorObject(shared.syntaxerr)
	return false, false
}

func bitcountCommand(c *client) {
	var start, end int64 = 0, -1
	var isBit, ok bool
	switch len(c.argv) {
	case 2:
	case 4, 5:
		if start, ok = c.getLongLongFromObjectOrReply(c.argv[2], ""); !ok {
			return
		}
		if end, ok = c.getLongLongFromObjectOrReply(c.argv[3], ""); !ok {
			return
		}
		if len(c.argv) == 5 {
			if isBit, ok = c.parseBitUnit(c.argv[4]); !ok {
				return
			}
		}
	default:
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	e := c.db.entry(c.argv[1], lookupNone)
	if e.Ok() && !c.isString(e) {
		return
	}
	var tmp [20]byte
	b := bitsOf(e, &tmp)
	r, ok := clampBitRange(start, end, int64(len(b)), isBit)
	if !ok {
		c.addReply(shared.czero)
		return
	}
	n := int64(popcount.Count(b[r.start : r.end+1]))
	n -= int64(bits.OnesCount8(b[r.start]&r.first)) + int64(bits.OnesCount8(b[r.end]&r.last))
	c.addReplyLongLong(n)
}

func bitposCommand(c *client) {
	bit, ok := c.getLongLongFromObjectOrReply(c.argv[2], "")
	if !ok {
		return
	}
	if bit&^1 != 0 {
		c.addReplyError("The bit argument must be 1 or 0.")
		return
	}
	var start, end int64 = 0, -1
	var isBit bool
	endGiven := false
	switch len(c.argv) {
	case 3:
	case 4, 5, 6:
		if start, ok = c.getLongLongFromObjectOrReply(c.argv[3], ""); !ok {
			return
		}
		if len(c.argv) == 6 {
			if isBit, ok = c.parseBitUnit(c.argv[5]); !ok {
				return
			}
		}
		if len(c.argv) >= 5 {
			if end, ok = c.getLongLongFromObjectOrReply(c.argv[4], ""); !ok {
				return
			}
			endGiven = true
		}
	default:
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	e := c.db.entry(c.argv[1], lookupNone)
	if !e.Ok() {
		// An empty string is an endless row of zeros.
		if bit == 1 {
			c.addReplyLongLong(-1)
		} else {
			c.addReply(shared.czero)
		}
		return
	}
	if !c.isString(e) {
		return
	}
	var tmp [20]byte
	b := bitsOf(e, &tmp)
	r, ok := clampBitRange(start, end, int64(len(b)), isBit)
	if start < 0 && end < 0 && start > end {
		// Unlike BITCOUNT, BITPOS clamps first: the range may be one byte at the start.
		r, ok = clampBitRange(max(int64(len(b))*unitBits(isBit)+start, 0), max(int64(len(b))*unitBits(isBit)+end, 0), int64(len(b)), isBit)
	}
	if !ok {
		c.addReplyLongLong(-1)
		return
	}
	at := func(i int64) byte {
		x := b[i]
		// Bits outside of the range look like what is not searched for.
		if i == r.start {
			if bit == 1 {
				x &^= r.first
			} else {
				x |= r.first
			}
		}
		if i == r.end {
			if bit == 1 {
				x &^= r.last
			} else {
				x |= r.last
			}
		}
		return x
	}
	var pos int64
	edge := [1]byte{at(r.start)}
	single := int64(8)
	if bit == 1 {
		single = -1
	}
	switch p := redisBitpos(edge[:], int(bit)); {
	case p != single:
		pos = r.start*8 + p
	case r.start == r.end:
		pos = -1
		if bit == 0 {
			pos = (r.end + 1) * 8
		}
	default:
		pos = redisBitpos(b[r.start+1:r.end], int(bit))
		miss := (r.end - r.start - 1) * 8
		if bit == 1 {
			miss = -1
		}
		if pos != miss {
			pos += (r.start + 1) * 8
			break
		}
		edge[0] = at(r.end)
		if p := redisBitpos(edge[:], int(bit)); p != single {
			pos = r.end*8 + p
		} else if bit == 1 {
			pos = -1
		} else {
			pos = (r.end + 1) * 8
		}
	}
	// Nothing but ones up to an end that was given: there is no zero in the range. Without one, the string goes on in zeros.
	if endGiven && bit == 0 && pos == (r.end+1)*8 {
		pos = -1
	}
	c.addReplyLongLong(pos)
}

func unitBits(isBit bool) int64 {
	if isBit {
		return 8
	}
	return 1
}

func bitopCommand(c *client) {
	server, db, target := c.server, c.db, c.argv[2]
	op := byte(0)
	switch name := c.argv[1]; {
	case equalFold(name, "AND"):
		op = '&'
	case equalFold(name, "OR"):
		op = '|'
	case equalFold(name, "XOR"):
		op = '^'
	case equalFold(name, "NOT"):
		op = '~'
	default:
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	if op == '~' && len(c.argv) != 4 {
		c.addReplyError("BITOP NOT must be called with a single source key.")
		return
	}
	srcs := make([][]byte, 0, len(c.argv)-3)
	longest, shortest := 0, math.MaxInt
	for _, key := range c.argv[3:] {
		e := db.entry(key, lookupNone)
		if e.Ok() && !c.isString(e) {
			return
		}
		b := bitsOf(e, new([20]byte))
		srcs = append(srcs, b)
		longest, shortest = max(longest, len(b)), min(shortest, len(b))
	}
	if longest == 0 {
		if db.genericDelete(target, server.lazyfreeLazyServerDel) {
			server.signalModifiedKey(c, db, target)
			server.notifyKeyspaceEvent(notifyGeneric, "del", target, db.id)
			server.dirty++
		}
		c.addReply(shared.czero)
		return
	}
	// The result is made aside: the target may be one of the sources.
	res := make([]byte, longest)
	copy(res, srcs[0])
	for _, src := range srcs[1:] {
		combineBits(res, src, op)
	}
	if op == '~' {
		i := 0
		for ; i+8 <= len(res); i += 8 {
			binary.NativeEndian.PutUint64(res[i:], ^binary.NativeEndian.Uint64(res[i:]))
		}
		for ; i < len(res); i++ {
			res[i] = ^res[i]
		}
	}
	e := db.entryForSet(target, 0)
	db.setEntry(c, e, target, rawValue(res), 0)
	server.notifyKeyspaceEvent(notifyString, "set", target, db.id)
	server.dirty++
	c.addReplyLongLong(int64(longest))
}

// combineBits does res op= src, with zeros behind src's end.
func combineBits(res, src []byte, op byte) {
	n := min(len(res), len(src))
	i := 0
	switch op {
	case '&':
		for ; i+8 <= n; i += 8 {
			binary.NativeEndian.PutUint64(res[i:], binary.NativeEndian.Uint64(res[i:])&binary.NativeEndian.Uint64(src[i:]))
		}
		for ; i < n; i++ {
			res[i] &= src[i]
		}
		clear(res[n:])
	case '|':
		for ; i+8 <= n; i += 8 {
			binary.NativeEndian.PutUint64(res[i:], binary.NativeEndian.Uint64(res[i:])|binary.NativeEndian.Uint64(src[i:]))
		}
		for ; i < n; i++ {
			res[i] |= src[i]
		}
	case '^':
		for ; i+8 <= n; i += 8 {
			binary.NativeEndian.PutUint64(res[i:], binary.NativeEndian.Uint64(res[i:])^binary.NativeEndian.Uint64(src[i:]))
		}
		for ; i < n; i++ {
			res[i] ^= src[i]
		}
	}
}
