// SPDX-License-Identifier: BSD-3-Clause

package server

import "redport/src/util"

// bitops_bitfield.go - BITFIELD and BITFIELD_RO: integers of any width at any bit of a string.

const (
	bfoverflowWrap = iota
	bfoverflowSat
	bfoverflowFail
)

const (
	bitfieldopGet = iota
	bitfieldopSet
	bitfieldopIncrby
)

// bitfieldOp is one operation of the command.
type bitfieldOp struct {
	offset int64
	value  int64
	opcode int
	owtype int
	bits   int
	signed bool
}

func getUnsignedBitfield(b []byte, offset int64, bits int) uint64 {
	var v uint64
	for i := range int64(bits) {
		at := (offset + i) >> 3
		var bit uint64
		if at < int64(len(b)) {
			bit = uint64(b[at]>>(7-uint((offset+i)&7))) & 1
		}
		v = v<<1 | bit
	}
	return v
}

func getSignedBitfield(b []byte, offset int64, bits int) int64 {
	shift := uint(64 - bits)
	return int64(getUnsignedBitfield(b, offset, bits)<<shift) >> shift
}

func setBitfield(b []byte, offset int64, bits int, v uint64) {
	for i := range int64(bits) {
		at, bit := (offset+i)>>3, 7-uint((offset+i)&7)
		b[at] = b[at]&^(1<<bit) | byte(v>>uint(int64(bits)-1-i)&1)<<bit
	}
}

// checkUnsignedBitfieldOverflow tells whether value+incr leaves the field's range, and what is stored then.
func checkUnsignedBitfieldOverflow(value uint64, incr int64, bits, owtype int) (overflow bool, limit uint64) {
	top := ^uint64(0) >> uint(64-bits)
	wrapped := (value + uint64(incr)) & top
	switch {
	case value > top || incr > 0 && uint64(incr) > top-value:
		limit = top
	case incr < 0 && uint64(-incr) > value:
		limit = 0
	default:
		return false, 0
	}
	if owtype == bfoverflowWrap {
		limit = wrapped
	}
	return true, limit
}

// checkSignedBitfieldOverflow is the same for signed fields.
func checkSignedBitfieldOverflow(value, incr int64, bits, owtype int) (overflow bool, limit int64) {
	top := int64(^uint64(0) >> uint(65-bits))
	bottom := -top - 1
	sum := value + incr
	carry := incr > 0 && sum < value
	borrow := incr < 0 && sum > value
	switch {
	case value > top || carry || !borrow && sum > top:
		limit = top
	case value < bottom || borrow || sum < bottom:
		limit = bottom
	default:
		return false, 0
	}
	if owtype == bfoverflowWrap {
		shift := uint(64 - bits)
		limit = sum << shift >> shift
	}
	return true, limit
}

// getBitfieldTypeFromArgument reads "i8", "u16"...
func (c *client) getBitfieldTypeFromArgument(arg []byte) (signed bool, bits int, ok bool) {
	if len(arg) > 0 && (arg[0] == 'i' || arg[0] == 'u') {
		signed = arg[0] == 'i'
		n, isNum := util.String2ll(arg[1:])
		most := int64(63)
		if signed {
			most = 64
		}
		if isNum && n >= 1 && n <= most {
			return signed, int(n), true
		}
	}
	c.addReplyError("Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
	return false, 0, false
}

func bitfieldCommand(c *client)   { bitfieldGeneric(c, false) }
func bitfieldroCommand(c *client) { bitfieldGeneric(c, true) }

// parseBitfieldOps reads the operations; highest is the last bit that any of them writes, -1 if none does.
func (c *client) parseBitfieldOps(ro bool) (ops []bitfieldOp, highest int64, ok bool) {
	owtype := bfoverflowWrap
	highest = -1
	readonly := true
	for i := 2; i < len(c.argv); i++ {
		left := len(c.argv) - i - 1
		op := bitfieldOp{}
		switch name := c.argv[i]; {
		case equalFold(name, "GET") && left >= 2:
			op.opcode = bitfieldopGet
		case equalFold(name, "SET") && left >= 3:
			op.opcode = bitfieldopSet
		case equalFold(name, "INCRBY") && left >= 3:
			op.opcode = bitfieldopIncrby
		case equalFold(name, "OVERFLOW") && left >= 1:
			i++
			switch how := c.argv[i]; {
			case equalFold(how, "WRAP"):
				owtype = bfoverflowWrap
			case equalFold(how, "SAT"):
				owtype = bfoverflowSat
			case equalFold(how, "FAIL"):
				owtype = bfoverflowFail
			default:
				c.addReplyError("Invalid OVERFLOW type specified")
				return nil, 0, false
			}
			continue
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return nil, 0, false
		}
		if op.signed, op.bits, ok = c.getBitfieldTypeFromArgument(c.argv[i+1]); !ok {
			return nil, 0, false
		}
		if op.offset, ok = c.getBitOffsetFromArgument(c.argv[i+2], true, op.bits); !ok {
			return nil, 0, false
		}
		i += 2
		if op.opcode != bitfieldopGet {
			readonly = false
			highest = max(highest, op.offset+int64(op.bits)-1)
			i++
			if op.value, ok = c.getLongLongFromObjectOrReply(c.argv[i], ""); !ok {
				return nil, 0, false
			}
		}
		op.owtype = owtype
		ops = append(ops, op)
	}
	if ro && !readonly {
		c.addReplyError("BITFIELD_RO only supports the GET subcommand")
		return nil, 0, false
	}
	return ops, highest, true
}

func bitfieldGeneric(c *client, ro bool) {
	server, db, key := c.server, c.db, c.argv[1]
	ops, highest, ok := c.parseBitfieldOps(ro)
	if !ok {
		return
	}
	var b []byte
	var tmp [20]byte
	grown := false
	if highest < 0 {
		e := db.entry(key, lookupNone)
		if e.Ok() && !c.isString(e) {
			return
		}
		b = bitsOf(e, &tmp)
	} else if b, grown, ok = c.writableBits(key, highest); !ok {
		return
	}
	changes := 0
	c.addReplyArrayLen(len(ops))
	for i := range ops {
		op := &ops[i]
		if op.opcode == bitfieldopGet {
			if op.signed {
				c.addReplyLongLong(getSignedBitfield(b, op.offset, op.bits))
			} else {
				c.addReplyLongLong(int64(getUnsignedBitfield(b, op.offset, op.bits)))
			}
			continue
		}
		old, new, overflow := op.apply(b)
		if overflow && op.owtype == bfoverflowFail {
			c.addReplyNull()
			continue
		}
		if op.opcode == bitfieldopIncrby {
			c.addReplyLongLong(int64(new))
		} else {
			c.addReplyLongLong(int64(old))
		}
		setBitfield(b, op.offset, op.bits, new)
		if grown || old != new {
			changes++
		}
	}
	if changes > 0 {
		server.signalModifiedKey(c, db, key)
		server.notifyKeyspaceEvent(notifyString, "setbit", key, db.id)
		server.dirty += int64(changes)
	}
}

// apply computes what the field is, and what it becomes.
func (op *bitfieldOp) apply(b []byte) (old, new uint64, overflow bool) {
	if op.signed {
		was := getSignedBitfield(b, op.offset, op.bits)
		value, incr := op.value, int64(0)
		if op.opcode == bitfieldopIncrby {
			value, incr = was, op.value
		}
		overflow, limit := checkSignedBitfieldOverflow(value, incr, op.bits, op.owtype)
		if overflow {
			return uint64(was), uint64(limit), true
		}
		return uint64(was), uint64(value + incr), false
	}
	was := getUnsignedBitfield(b, op.offset, op.bits)
	value, incr := uint64(op.value), int64(0)
	if op.opcode == bitfieldopIncrby {
		value, incr = was, op.value
	}
	overflow, limit := checkUnsignedBitfieldOverflow(value, incr, op.bits, op.owtype)
	if overflow {
		return was, limit, true
	}
	return was, value + uint64(incr), false
}
