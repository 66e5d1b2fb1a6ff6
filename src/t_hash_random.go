// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math"

	"redport/src/dict"
	"redport/src/listpack"
)

// t_hash_random.go - HRANDFIELD and HSCAN.

// From this ratio of fields to fields wanted on, HRANDFIELD draws until it has enough different ones.
const hrandfieldSubStrategyMul = 3

// HRANDFIELD key [count [WITHVALUES]]
func hrandfieldCommand(c *client) {
	if len(c.argv) == 2 {
		if h, ok := c.lookupHashToDraw(shared.null[c.resp]); ok {
			field, _ := h.random(c.server)
			c.addReplyBulkValue(field)
		}
		return
	}
	count, ok := c.getRangeLongFromObjectOrReply(c.argv[2], -math.MaxInt64, math.MaxInt64, "")
	if !ok {
		return
	}
	values := false
	if len(c.argv) > 3 {
		if len(c.argv) > 4 || !equalFold(c.argv[3], "WITHVALUES") {
			c.addReplyErrorObject(shared.syntaxerr)
			return
		}
		values = true
		if count < -math.MaxInt64/2 || count > math.MaxInt64/2 {
			c.addReplyError("value is out of range")
			return
		}
	}
	hrandfieldWithCountCommand(c, count, values)
}

// lookupHashToDraw looks the hash at argv[1] up, and deletes all fields of it that have expired. It answers with reply if
// there is no hash, or none any more.
func (c *client) lookupHashToDraw(reply string) (h hashView, ok bool) {
	server, db, key := c.server, c.db, c.argv[1]
	if h, ok = c.lookupHashOrReply(key, reply); !ok || !h.volatile() {
		return h, ok
	}
	if server.hashFieldIsExpired(0) && server.mayExpireFields() && server.countExpiredFields(&h) > 0 {
		edit := db.openHash(db.find(key))
		edit.expireDueFields(db, key, server.commandTimeSnapshot(), math.MaxInt, nil)
		gone := edit.storeOrDelete(db, key)
		db.fieldsExpired(c, key, gone)
		if gone {
			c.addReply(reply)
			return h, false
		}
		h = viewHash(db.find(key))
	}
	return h, true
}

// random is a random field, all of them with the same probability, and its value. The hash is not empty.
func (h *hashView) random(server *Server) (field, value listpack.Value) {
	if h.encoding == objEncodingHt {
		e := h.d.Random(server.rand.uint64)
		return listpack.Value{Str: e.Key()}, listpack.Value{Str: e.Value()}
	}
	p := listpack.Seek(h.b, server.rand.below(h.size())*h.stride())
	return listpack.Get(h.b, p), listpack.Get(h.b, listpack.Next(h.b, p))
}

func hrandfieldWithCountCommand(c *client, count int64, values bool) {
	server := c.server
	h, ok := c.lookupHashToDraw(shared.emptyarray)
	if !ok {
		return
	}
	if count == 0 {
		c.addReply(shared.emptyarray)
		return
	}
	// In RESP3 a field and its value are an array of their own.
	length := func(n int64) {
		if values && c.resp == 2 {
			n *= 2
		}
		c.addReplyArrayLen(int(n))
	}
	reply := func(field, value listpack.Value) {
		if values && c.resp > 2 {
			c.addReplyArrayLen(2)
		}
		c.addReplyBulkValue(field)
		if values {
			c.addReplyBulkValue(value)
		}
	}
	size := int64(h.size())
	switch {
	case count < 0:
		// As many as wanted, any of them several times.
		length(-count)
		for ; count < 0 && c.flags&clientCloseASAP == 0; count++ {
			reply(h.random(server))
		}
	case count >= size:
		length(size)
		it := h.iter()
		for it.next() {
			reply(it.field, it.value)
		}
	case h.encoding != objEncodingHt || count*hrandfieldSubStrategyMul > size:
		// One pass: each is taken with the probability that makes all choices equally likely.
		length(count)
		it := h.iter()
		for need, left := int(count), int(size); need > 0; left-- {
			it.next()
			if server.rand.below(left) < need {
				reply(it.field, it.value)
				need--
			}
		}
	default:
		length(count)
		seen := make(map[string]struct{}, count)
		for len(seen) < int(count) {
			field, value := h.random(server)
			if _, ok := seen[string(field.Str)]; ok {
				continue
			}
			seen[string(field.Str)] = struct{}{}
			reply(field, value)
		}
	}
}

// HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]
func hscanCommand(c *client) {
	server := c.server
	cursor, ok := c.parseScanCursorOrReply(c.argv[2])
	if !ok {
		return
	}
	h, ok := c.lookupHashOrReply(c.argv[1], shared.emptyscan)
	if !ok {
		return
	}
	opts, ok := c.parseScanOptions(3, objHash)
	if !ok {
		return
	}
	r := server.newScanReply()
	if h.encoding == objEncodingHt {
		cursor = h.d.Scan(cursor, int(min(opts.count, 1<<30)), func(e dict.Entry) {
			field := e.Key()
			if !opts.matches(field) || server.hashFieldIsExpired(e.Expire()) {
				return
			}
			r.add(field)
			if !opts.novalues {
				r.add(e.Value())
			}
		})
		r.send(c, cursor)
		return
	}
	// A packed hash comes all at once.
	var buf [20]byte
	it := h.iter()
	for it.nextValid(server) {
		field := it.field.Bytes(&buf)
		if !opts.matches(field) {
			continue
		}
		r.add(field)
		if !opts.novalues {
			r.add(it.value.Bytes(&buf))
		}
	}
	r.send(c, 0)
}
