// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"strconv"

	"redport/src/crc16"
	"redport/src/dict"
	"redport/src/util"
)

// db_scan.go - KEYS and SCAN, and what SCAN shares with HSCAN, SSCAN and ZSCAN.
//
// A cursor is a position in hash order (dict.Scan). It stays good whatever is added or deleted between two calls;
// every element that is there all the time is returned, and exactly once.
//
// The elements of one call are written as protocol into a buffer first, because SCAN may have to delete expired keys,
// which must wait until the dictionary has been read, and because their number is the last thing to be known.

// scanOptions are the options of the SCAN family.
type scanOptions struct {
	count    int64
	pattern  []byte // nil: everything matches
	typename []byte // SCAN's TYPE
	novalues bool   // HSCAN's NOVALUES
}

// parseScanCursorOrReply parses a cursor: an unsigned number of 64 bits.
func (c *client) parseScanCursorOrReply(arg []byte) (cursor uint64, ok bool) {
	if cursor, ok = util.String2ull(arg); !ok {
		c.addReplyError("invalid cursor")
	}
	return cursor, ok
}

// parseScanOptions parses the options from argv[i] on. typ is what is scanned: objTypeMax for the keyspace.
func (c *client) parseScanOptions(i int, typ uint8) (o scanOptions, ok bool) {
	o.count = 10
	for ; i < len(c.argv); i++ {
		arg, more := c.argv[i], i+1 < len(c.argv)
		switch {
		case more && equalFold(arg, "COUNT"):
			i++
			if o.count, ok = c.getLongLongFromObjectOrReply(c.argv[i], ""); !ok {
				return o, false
			}
			if o.count < 1 {
				c.addReplyErrorObject(shared.syntaxerr)
				return o, false
			}
		case more && equalFold(arg, "MATCH"):
			i++
			o.pattern = c.argv[i]
			if string(o.pattern) == "*" {
				o.pattern = nil
			} else if o.pattern == nil {
				o.pattern = []byte{}
			}
		case more && typ == objTypeMax && equalFold(arg, "TYPE"):
			i++
			o.typename = c.argv[i]
		case equalFold(arg, "NOVALUES"):
			if typ != objHash {
				c.addReplyError("NOVALUES option can only be used in HSCAN")
				return o, false
			}
			o.novalues = true
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return o, false
		}
	}
	return o, true
}

// matches tells whether an element's name passes MATCH.
func (o *scanOptions) matches(name []byte) bool {
	return o.pattern == nil || util.StringMatchLen(o.pattern, name, false)
}

// scanReply gathers the elements of one call.
type scanReply struct {
	buf []byte
	n   int
}

// newScanReply starts on the server's spare buffer; send gives it back.
func (server *Server) newScanReply() scanReply { return scanReply{buf: server.scanScratch[:0]} }

func (r *scanReply) add(element []byte) {
	r.buf = appendBulk(r.buf, element)
	r.n++
}

// send answers with the next cursor and the elements.
func (r *scanReply) send(c *client, cursor uint64) {
	c.addReplyArrayLen(2)
	var tmp [20]byte
	c.addReplyBulkBytes(strconv.AppendUint(tmp[:0], cursor, 10))
	c.addReplyArrayLen(r.n)
	if r.n > 0 {
		c.addReplyProto(r.buf)
	}
	if cap(r.buf) <= 1<<20 {
		c.server.scanScratch = r.buf
	}
}

// patternHashSlot is the only cluster slot that keys matching the pattern can be in, -1 if there is no such: the pattern has no
// special character, or none before the end of a hash tag.
func patternHashSlot(pattern []byte) int {
	open := -1
	for i, ch := range pattern {
		switch ch {
		case '*', '?', '[', '\\':
			return -1
		case '{':
			if open < 0 {
				open = i
			}
		case '}':
			if open >= 0 && i > open+1 {
				return int(crc16.KeyHashSlot(pattern[open : i+1]))
			}
			if open >= 0 {
				// "{}" is no tag, and nothing behind it is one either: the whole key counts.
				return patternLiteralSlot(pattern)
			}
		}
	}
	return patternLiteralSlot(pattern)
}

// patternLiteralSlot is the slot of the one key that a pattern without special characters matches.
func patternLiteralSlot(pattern []byte) int {
	for _, ch := range pattern {
		switch ch {
		case '*', '?', '[', '\\':
			return -1
		}
	}
	return int(crc16.KeyHashSlot(pattern))
}

// SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]
func scanCommand(c *client) {
	cursor, ok := c.parseScanCursorOrReply(c.argv[1])
	if !ok {
		return
	}
	opts, ok := c.parseScanOptions(2, objTypeMax)
	if !ok {
		return
	}
	c.db.scan(c, cursor, &opts)
}

func (db *redisDb) scan(c *client, cursor uint64, opts *scanOptions) {
	server := db.server
	r := server.newScanReply()
	expired := &server.expireCycle.due
	expired.reset()
	typ := -1 // no TYPE
	if opts.typename != nil {
		typ = int(objTypeMax) // one that no key has, unless the name is known
		for t, name := range objectTypeNames {
			if equalFoldString(opts.typename, name) && uint8(t) != objModule {
				typ = t
			}
		}
	}
	visit := func(e dict.Entry) {
		key := e.Key()
		if !opts.matches(key) {
			return
		}
		if e.Expire() >= 0 && db.entryIsExpired(e) {
			expired.add(key)
			return
		}
		if typ >= 0 {
			server.stat.keyspaceHits++ // C looks the key up for its type
			if int(entryType(e)) != typ {
				return
			}
		}
		r.add(key)
	}
	count := int(min(opts.count, 1<<30))
	slot := -1
	if server.clusterEnabled && opts.pattern != nil {
		slot = patternHashSlot(opts.pattern)
	}
	if slot >= 0 {
		cursor = db.keys.SlotScan(uint16(slot), cursor, count, visit)
	} else {
		cursor = db.keys.Scan(cursor, count, visit)
	}
	for i := range expired.ends {
		key := expired.at(i)
		if typ >= 0 {
			if e := db.entry(key, lookupNotouch); e.Ok() && int(entryType(e)) == typ {
				r.add(key)
			}
		} else if db.expireIfNeeded(key, 0) == keyValid {
			r.add(key)
		}
	}
	expired.trim()
	server.propagateDeletionsApart()
	r.send(c, cursor)
}

// equalFoldString compares an argument with a word in lower case.
func equalFoldString(arg []byte, lower string) bool {
	if len(arg) != len(lower) {
		return false
	}
	for i, ch := range arg {
		if ch >= 'A' && ch <= 'Z' {
			ch += 'a' - 'A'
		}
		if ch != lower[i] {
			return false
		}
	}
	return true
}

// KEYS pattern
func keysCommand(c *client) {
	db, pattern := c.db, c.argv[1]
	all := string(pattern) == "*"
	d := c.addReplyDeferredLen()
	n := 0
	visit := func(e dict.Entry) {
		key := e.Key()
		if (all || util.StringMatchLen(pattern, key, false)) && !db.entryIsExpired(e) {
			c.addReplyBulkBytes(key)
			n++
		}
	}
	slot := -1
	if c.server.clusterEnabled && !all {
		slot = patternHashSlot(pattern)
	}
	if slot >= 0 {
		for cursor := uint64(0); ; {
			if cursor = db.keys.SlotScan(uint16(slot), cursor, 1000, visit); cursor == 0 {
				break
			}
		}
	} else {
		db.keys.All(func(e dict.Entry) bool {
			visit(e)
			return c.flags&clientCloseASAP == 0
		})
	}
	c.setDeferredArrayLen(d, n)
}
