// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"encoding/binary"
	"math"
	"strconv"

	"redport/src/dict"
)

// hyperloglog_commands.go - PFADD, PFCOUNT, PFMERGE, and what tests them: PFDEBUG, PFSELFTEST. What a HyperLogLog is is said in
// hyperloglog.go.
//
// A dense one is changed where it lies in the keyspace; a sparse one, whose size changes, in a buffer of the server's. Most PFADDs of a
// key that has seen much change nothing, and only read.
//
// Counterpart: hyperloglog.c.

const msgInvalidHLL = "-INVALIDOBJ Corrupted HLL object detected"

// isHLLOrReply tells whether the key at e may be a HyperLogLog, and complains to the client if not.
func (c *client) isHLLOrReply(e dict.Entry) bool {
	if !c.isString(e) {
		return false
	}
	if entryIsInt(e) || !validHLL(e.Value()) {
		c.addReplyError("-WRONGTYPE Key is not a valid HyperLogLog string value.")
		return false
	}
	return true
}

// setHLL gives the key at e, which holds a string, another one.
func (db *redisDb) setHLL(e dict.Entry, b []byte) {
	e, v := db.resizeString(e, len(b))
	copy(v, b)
	db.rawEntry(e)
}

// hllEdit is a change of the HyperLogLog at e.
type hllEdit struct {
	db    *redisDb
	e     dict.Entry
	b     []byte // what it is now
	own   bool   // b may be written to: it is the value itself, or scratch
	dense bool   // b is the value itself
}

// write makes b writable.
func (h *hllEdit) write() {
	if h.own {
		return
	}
	h.own = true
	if h.dense {
		h.e, h.b = h.db.keys.Writable(h.e)
		return
	}
	h.b = append(h.db.server.hllScratch[:0], h.b...)
	h.db.server.hllScratch = h.b
}

// end stores what was changed.
func (h *hllEdit) end() {
	if h.own && !h.dense {
		h.db.setHLL(h.e, h.b)
	}
}

// add raises a register.
func (h *hllEdit) add(index int, count uint8) (result int) {
	switch {
	case h.own:
	case h.dense:
		if hllDenseGet(h.b, index) >= count {
			return hllUnchanged
		}
	default:
		if s, ok := hllSparseFind(h.b, hllSparseStart, index); ok {
			if _, v, _ := hllOpcode(h.b, s.p); v >= count {
				return hllUnchanged
			}
		}
	}
	h.write()
	h.b, result = h.db.server.hllAdd(h.b, index, count)
	return result
}

// pfaddCommand: PFADD key [element ...]
func pfaddCommand(c *client) {
	server, db, key := c.server, c.db, c.argv[1]
	updated := 0
	e := db.entry(key, lookupWrite)
	if !e.Ok() {
		var room [hllHdrSize + 2]byte
		e = db.addEntry(e, key, rawValue(createHLL(room[:0])))
		updated++
	} else {
		if !c.isHLLOrReply(e) {
			return
		}
		e = db.rawEntry(e)
	}
	b, elements := e.Value(), c.argv[2:]
	dense := hllEncoding(b) == hllDense
	if dense {
		// Most elements change nothing, and then there is nothing to be edited.
		for len(elements) > 0 {
			if index, count := hllPatLen(elements[0]); hllDenseGet(b, index) < count {
				break
			}
			elements = elements[1:]
		}
		if len(elements) == 0 {
			c.addReply(shared.czero)
			return
		}
	}
	h := hllEdit{db: db, e: e, b: b, dense: dense}
	for _, element := range elements {
		switch h.add(hllPatLen(element)) {
		case hllChanged:
			updated++
		case hllCorrupt:
			h.end() // what the elements before have changed stays
			c.addReplyError(msgInvalidHLL)
			return
		}
	}
	if updated == 0 {
		c.addReply(shared.czero)
		return
	}
	h.write()
	hllInvalidateCache(h.b)
	h.end()
	server.signalModifiedKey(c, db, key)
	server.notifyKeyspaceEvent(notifyString, "pfadd", key, db.id)
	server.dirty += int64(updated)
	c.addReply(shared.cone)
}

// mergeKey raises registers to those of a key's HyperLogLog. found tells whether there is one, dense which kind it is. !ok: the client
// has been answered.
func (r *hllRegisters) mergeKey(c *client, key []byte) (dense, ok bool) {
	e := c.db.entry(key, lookupNone)
	if !e.Ok() {
		return false, true
	}
	if !c.isHLLOrReply(e) {
		return false, false
	}
	switch b := e.Value(); {
	case hllEncoding(b) == hllSparse:
		if !r.mergeSparse(b) {
			c.addReplyError(msgInvalidHLL)
			return false, false
		}
		return false, true
	case c.server.hllByRegister:
		r.mergeDenseByRegister(b)
	default:
		r.mergeDense(b)
	}
	return true, true
}

// pfcountCommand: PFCOUNT key [key ...]
func pfcountCommand(c *client) {
	server, db := c.server, c.db
	if len(c.argv) > 2 {
		var r hllRegisters
		for _, key := range c.argv[1:] {
			if _, ok := r.mergeKey(c, key); !ok {
				return
			}
		}
		c.addReplyLongLong(int64(r.count()))
		return
	}
	// The key's cached count may be written. All the same this is a read, which on a replica must not delete an expired key.
	key := c.argv[1]
	e := db.entry(key, lookupNone)
	if !e.Ok() {
		c.addReply(shared.czero)
		return
	}
	if !c.isHLLOrReply(e) {
		return
	}
	e = db.rawEntry(e)
	card, ok := hllCachedCount(e.Value())
	if !ok {
		if card, ok = hllCount(e.Value()); !ok {
			c.addReplyError(msgInvalidHLL)
			return
		}
		_, b := db.keys.Writable(e)
		binary.LittleEndian.PutUint64(b[8:], card)
		// A read-only command has changed a value, which replicas have to see.
		server.signalModifiedKey(c, db, key)
		server.dirty++
	}
	c.addReplyLongLong(int64(card))
}

// pfmergeCommand: PFMERGE destkey [sourcekey ...]
func pfmergeCommand(c *client) {
	server, db, key := c.server, c.db, c.argv[1]
	var r hllRegisters
	useDense := false
	for _, key := range c.argv[1:] {
		dense, ok := r.mergeKey(c, key)
		if !ok {
			return
		}
		useDense = useDense || dense
	}
	e := db.entry(key, lookupWrite)
	if !e.Ok() {
		var room [hllHdrSize + 2]byte
		e = db.addEntry(e, key, rawValue(createHLL(room[:0])))
	} else {
		e = db.rawEntry(e)
	}
	b := append(server.hllScratch[:0], e.Value()...)
	if useDense {
		if hllEncoding(b) == hllSparse {
			b, _ = hllSparseToDense(nil, b) // it was valid a moment ago
		}
		r.storeDense(b)
	} else {
		b = server.hllSparseUnion(b, &r)
	}
	hllInvalidateCache(b)
	server.hllScratch = b
	db.setHLL(e, b)
	server.signalModifiedKey(c, db, key)
	server.notifyKeyspaceEvent(notifyString, "pfadd", key, db.id)
	server.dirty++
	c.addReply(shared.ok)
}

// hllSparseUnion raises the registers of a sparse HyperLogLog, one after the other: so it comes out as C's, or dense. As they
// ascend, each is looked for from where the one before was.
func (server *Server) hllSparseUnion(b []byte, r *hllRegisters) []byte {
	from := hllSparseStart
	for i, w := range r.words {
		if w == 0 {
			continue
		}
		for j := 8 * i; j < 8*i+8; j++ {
			v := r.get(j)
			if v == 0 {
				continue
			}
			if hllEncoding(b) == hllDense {
				hllDenseSet(b, j, v)
				continue
			}
			s, ok := hllSparseFind(b, from, j)
			if !ok {
				continue
			}
			// This opcode may end up as part of the one in front, which stays where it is, and so does the one in front of that.
			next := hllSparseStart
			if s.prev >= 0 && s.p != from.p {
				next = hllSpot{p: s.prev, first: s.prevFirst, prev: s.prevPrev}
			}
			b, _ = server.hllSparseSet(b, s, j, v)
			from = next
		}
	}
	return b
}

// pfdebugCommand: PFDEBUG GETREG | DECODE | ENCODING | TODENSE key, PFDEBUG SIMD ON | OFF
func pfdebugCommand(c *client) {
	server, db := c.server, c.db
	sub, key := c.argv[1], c.argv[2]
	if equalFold(sub, "SIMD") {
		switch {
		case equalFold(key, "ON"):
			server.hllByRegister = false
			c.addReplyStatus("enabled")
		case equalFold(key, "OFF"):
			server.hllByRegister = true
			c.addReplyStatus("disabled")
		default:
			c.addReplyError("Argument must be ON or OFF")
		}
		return
	}
	e := db.entry(key, lookupWrite)
	if !e.Ok() {
		c.addReplyError("The specified key does not exist")
		return
	}
	if !c.isHLLOrReply(e) {
		return
	}
	e = db.rawEntry(e)
	b := e.Value()
	// toDense converts, which is propagated as a change.
	toDense := func() bool {
		dense, ok := hllSparseToDense(nil, b)
		if !ok {
			c.addReplyError(msgInvalidHLL)
			return false
		}
		db.setHLL(e, dense)
		server.dirty++
		b = dense
		return true
	}
	sparse := hllEncoding(b) == hllSparse
	switch {
	case equalFold(sub, "GETREG"):
		if sparse && !toDense() {
			return
		}
		c.addReplyArrayLen(hllRegisterCount)
		for i := range hllRegisterCount {
			c.addReplyLongLong(int64(hllDenseGet(b, i)))
		}
	case equalFold(sub, "DECODE"):
		if !sparse {
			c.addReplyError("HLL encoding is not sparse")
			return
		}
		c.addReplyBulkBytes(hllDecode(b))
	case equalFold(sub, "ENCODING"):
		if sparse {
			c.addReplyStatus("sparse")
		} else {
			c.addReplyStatus("dense")
		}
	case equalFold(sub, "TODENSE"):
		switch {
		case !sparse:
			c.addReply(shared.czero)
		case toDense():
			c.addReply(shared.cone)
		}
	default:
		c.addReplyErrorFormat("Unknown PFDEBUG subcommand '%s'", sub)
	}
}

// hllDecode describes the opcodes of a sparse HyperLogLog.
func hllDecode(b []byte) []byte {
	var out []byte
	for p := hllHdrSize; p < len(b); {
		run, v, size := hllOpcode(b, p)
		switch {
		case v != 0:
			out = strconv.AppendInt(append(out, " v:"...), int64(v), 10)
			out = strconv.AppendInt(append(out, ','), int64(run), 10)
		case size == 1:
			out = strconv.AppendInt(append(out, " z:"...), int64(run), 10)
		default:
			out = strconv.AppendInt(append(out, " Z:"...), int64(run), 10)
		}
		p += size
	}
	if len(out) > 0 {
		out = out[1:]
	}
	return out
}

// pfselftestCommand fills registers and reads them back, and adds ten million elements to see that the estimates are good and
// the same from both encodings.
func pfselftestCommand(c *client) {
	if msg := c.server.hllSelfTest(); msg != "" {
		c.addReplyError("TESTFAILED " + msg)
		return
	}
	c.addReply(shared.ok)
}

func (server *Server) hllSelfTest() string {
	dense := make([]byte, hllDenseSize)
	copy(dense, createHLL(nil)[:hllHdrSize])
	dense[4] = hllDense
	var want [hllRegisterCount]uint8
	for range 1000 {
		for i := range want {
			want[i] = uint8(server.rand.uint64()) & hllRegisterMax
			hllDensePut(dense, i, want[i])
		}
		for i, v := range want {
			if got := hllDenseGet(dense, i); got != v {
				return "Register " + strconv.Itoa(i) + " should be " + strconv.Itoa(int(v)) + " but is " + strconv.Itoa(int(got))
			}
		}
	}

	clear(dense[hllHdrSize:])
	other := createHLL(nil)
	relerr := 1.04 / math.Sqrt(hllRegisterCount)
	seed := server.rand.uint64()
	checkpoint := int64(1)
	var element [8]byte
	for j := int64(1); j <= 10_000_000; j++ {
		binary.LittleEndian.PutUint64(element[:], uint64(j)^seed)
		index, count := hllPatLen(element[:])
		hllDenseSet(dense, index, count)
		other, _ = server.hllAdd(other, index, count)
		if j != checkpoint {
			continue
		}
		if j < int64(server.hllSparseMaxBytes/2) && hllEncoding(other) != hllSparse {
			return "sparse encoding not used"
		}
		card, _ := hllCount(dense)
		if card2, ok := hllCount(other); !ok || card2 != card {
			return "dense/sparse disagree"
		}
		// Six times the standard error; with ten elements one collision would be more than that.
		maxerr := int64(math.Ceil(relerr * 6 * float64(checkpoint)))
		if j == 10 {
			maxerr = 1
		}
		if abserr := max(checkpoint-int64(card), int64(card)-checkpoint); abserr > maxerr {
			return "Too big error. card:" + strconv.FormatInt(checkpoint, 10) + " abserr:" + strconv.FormatInt(abserr, 10)
		}
		checkpoint *= 10
	}
	return ""
}
