// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"encoding/binary"
	"math"
	"strconv"

	"redport/src/btree"
	"redport/src/dict"
	"redport/src/lzf"
	"redport/src/quicklist"
	"redport/src/rio"
	"redport/src/util"
)

// rdb_save.go - writing RDB: the primitives of the format, values of every type, and the whole dataset.
//
// Everything here works on frozen values, or, on the main goroutine, on live ones: it only reads, and through nothing that
// caches. What is written is what C Redis 8.0 writes for the same data, byte for byte; the order of keys and of what lies in
// hash tables is our own, as it is any server's.
//
// Errors stick to the rio.Writer, so the functions return nothing.

// rdbWriter writes RDB's primitives.
type rdbWriter struct {
	*rio.Writer
	compress bool
	packed   []byte // what a string is compressed into
	num      [20]byte
}

// rdbCompressMin is the length above which strings are worth compressing.
const rdbCompressMin = 20

func (w *rdbWriter) opcode(op byte) { w.WriteByte(op) }

// saveLen writes a length.
func (w *rdbWriter) saveLen(n uint64) {
	var b [9]byte
	switch {
	case n < 1<<6:
		w.WriteByte(byte(n) | rdb6bitlen<<6)
	case n < 1<<14:
		b[0], b[1] = byte(n>>8)|rdb14bitlen<<6, byte(n)
		w.Write(b[:2])
	case n <= math.MaxUint32:
		b[0] = rdb32bitlen
		binary.BigEndian.PutUint32(b[1:], uint32(n))
		w.Write(b[:5])
	default:
		b[0] = rdb64bitlen
		binary.BigEndian.PutUint64(b[1:], n)
		w.Write(b[:9])
	}
}

// saveMillisecondTime writes a time.
func (w *rdbWriter) saveMillisecondTime(ms int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(ms))
	w.Write(b[:])
}

// saveBinaryDouble writes a score.
func (w *rdbWriter) saveBinaryDouble(f float64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], math.Float64bits(f))
	w.Write(b[:])
}

// saveEncodedInteger writes a number of up to 32 bits as such, and reports false, having written nothing, if it has more.
func (w *rdbWriter) saveEncodedInteger(n int64) bool {
	var b [5]byte
	switch {
	case n == int64(int8(n)):
		b[0], b[1] = rdbEncval<<6|rdbEncInt8, byte(n)
		w.Write(b[:2])
	case n == int64(int16(n)):
		b[0] = rdbEncval<<6 | rdbEncInt16
		binary.LittleEndian.PutUint16(b[1:], uint16(n))
		w.Write(b[:3])
	case n == int64(int32(n)):
		b[0] = rdbEncval<<6 | rdbEncInt32
		binary.LittleEndian.PutUint32(b[1:], uint32(n))
		w.Write(b[:5])
	default:
		return false
	}
	return true
}

// saveLongLongAsString writes a number that stands for its text.
func (w *rdbWriter) saveLongLongAsString(n int64) {
	if !w.saveEncodedInteger(n) {
		b := strconv.AppendInt(w.num[:0], n, 10)
		w.saveLen(uint64(len(b)))
		w.Write(b)
	}
}

// saveRawString writes a string the shortest way: as a number, compressed, or as it is.
func (w *rdbWriter) saveRawString(s []byte) {
	if len(s) <= 11 {
		if n, ok := util.String2ll(s); ok && w.saveEncodedInteger(n) {
			return
		}
	}
	if w.compress && len(s) > rdbCompressMin && w.saveCompressed(s) {
		return
	}
	w.saveLen(uint64(len(s)))
	w.Write(s)
}

// saveCompressed writes a string compressed, and reports false, having written nothing, if that saves less than four bytes.
func (w *rdbWriter) saveCompressed(s []byte) bool {
	most := len(s) - 4
	if cap(w.packed) < most {
		w.packed = make([]byte, most+most/4)
	}
	n, ok := lzf.Compress(w.packed[:most], s)
	if ok {
		w.WriteByte(rdbEncval<<6 | rdbEncLzf)
		w.saveLen(uint64(n))
		w.saveLen(uint64(len(s)))
		w.Write(w.packed[:n])
	}
	if cap(w.packed) > 1<<20 {
		w.packed = nil
	}
	return ok
}

// --- Values ---

// rdbObjectType is the type that the value at e is saved as.
func rdbObjectType(e dict.Entry) byte {
	encoding := e.Meta() & 15
	switch entryType(e) {
	case objString:
		return rdbTypeString
	case objList:
		return rdbTypeListQuicklist2
	case objSet:
		switch encoding {
		case objEncodingIntset:
			return rdbTypeSetIntset
		case objEncodingListpack:
			return rdbTypeSetListpack
		}
		return rdbTypeSet
	case objZset:
		if encoding == objEncodingListpack {
			return rdbTypeZsetListpack
		}
		return rdbTypeZset2
	case objHash:
		switch encoding {
		case objEncodingListpack:
			return rdbTypeHashListpack
		case objEncodingListpackEx:
			return rdbTypeHashListpackEx
		}
		if (*robj)(e.Pointer()).ptr.(*hashObject).d.Expiring() > 0 {
			return rdbTypeHashMetadata
		}
		return rdbTypeHash
	case objStream:
		return rdbTypeStreamListpacks3
	}
	panic("rdb: value of an unknown type")
}

// saveObject writes the value at e, without its type.
func (w *rdbWriter) saveObject(e dict.Entry) {
	typ, encoding := entryType(e), e.Meta()&15
	if !e.IsPointer() {
		b := e.Value()
		switch {
		case typ == objString && encoding == objEncodingInt:
			w.saveLongLongAsString(int64(binary.LittleEndian.Uint64(b)))
		case typ == objList:
			// As a quicklist of one node.
			w.saveLen(1)
			w.saveLen(quicklistNodeContainerPacked)
			w.saveRawString(b)
		case encoding == objEncodingListpackEx:
			first := firstExpire(b)
			if first == noExpire {
				first = 0
			}
			w.saveMillisecondTime(first)
			w.saveRawString(b)
		default:
			w.saveRawString(b)
		}
		return
	}
	switch v := (*robj)(e.Pointer()).ptr.(type) {
	case listObject:
		w.saveQuicklist(v.ql)
	case *setObject:
		w.saveLen(uint64(v.d.Len()))
		for it := v.d.Iter(); it.Next(); {
			w.saveRawString(it.Entry().Key())
		}
	case *hashObject:
		w.saveHash(v.d)
	case *zsetObject:
		w.saveZset(v.t)
	case *stream:
		w.saveStream(v)
	default:
		panic("rdb: value of an unknown type")
	}
}

func (w *rdbWriter) saveQuicklist(ql *quicklist.List) {
	w.saveLen(uint64(ql.Nodes()))
	ql.Walk(func(n quicklist.Node) bool {
		if n.Plain {
			w.saveLen(quicklistNodeContainerPlain)
		} else {
			w.saveLen(quicklistNodeContainerPacked)
		}
		w.saveRawString(n.Bytes)
		return w.Err() == nil
	})
}

// saveHash writes a dictionary of fields; if some expire, with an expiry before each: 0 for none, else one more than what it is behind the first.
func (w *rdbWriter) saveHash(d *dict.Dict) {
	first := int64(-1)
	if d.Expiring() > 0 {
		for it := d.Iter(); it.Next(); {
			if when := it.Entry().Expire(); when >= 0 && (first < 0 || when < first) {
				first = when
			}
		}
		w.saveMillisecondTime(first)
	}
	w.saveLen(uint64(d.Len()))
	for it := d.Iter(); it.Next(); {
		e := it.Entry()
		if first >= 0 {
			if when := e.Expire(); when >= 0 {
				w.saveLen(uint64(when-first) + 1)
			} else {
				w.saveLen(0)
			}
		}
		w.saveRawString(e.Key())
		w.saveRawString(e.Value())
	}
}

// saveZset writes members and scores from the greatest to the least, which is the fastest order to load.
func (w *rdbWriter) saveZset(t *btree.Tree) {
	w.saveLen(uint64(t.Len()))
	for c := t.At(t.Len() - 1); c.Ok(); c.Prev() {
		w.saveRawString(c.Member())
		w.saveBinaryDouble(c.Score())
	}
}

// saveRawID writes a stream ID as 16 bytes.
func (w *rdbWriter) saveRawID(id streamID) {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], id.ms)
	binary.BigEndian.PutUint64(b[8:], id.seq)
	w.Write(b[:])
}

// saveID writes a stream ID as two lengths.
func (w *rdbWriter) saveID(id streamID) {
	w.saveLen(id.ms)
	w.saveLen(id.seq)
}

func (w *rdbWriter) saveStream(s *stream) {
	w.saveLen(uint64(s.blocks.Len()))
	blocks := s.blocks.Iter()
	var buf []byte
	for ok := blocks.First(); ok; ok = blocks.Next() {
		w.saveLen(16)
		w.saveRawID(blocks.Key())
		b := blocks.Value()
		w.saveRawString(b.contents(&buf))
	}
	w.saveLen(s.entries)
	w.saveID(s.lastID)
	w.saveID(s.firstID)
	w.saveID(s.maxDeletedID)
	w.saveLen(s.entriesAdded)

	w.saveLen(uint64(s.cgroups.Len()))
	groups := s.cgroups.Iter()
	for ok := groups.First(); ok; ok = groups.Next() {
		cg := groups.Value()
		w.saveRawString([]byte(groups.Key()))
		w.saveID(cg.lastID)
		w.saveLen(uint64(cg.entriesRead))
		w.saveLen(uint64(cg.pel.Len()))
		pel := cg.pel.Iter()
		for ok := pel.First(); ok; ok = pel.Next() {
			nack := pel.Value()
			w.saveRawID(pel.Key())
			w.saveMillisecondTime(nack.deliveryTime)
			w.saveLen(nack.deliveryCount)
		}
		w.saveStreamConsumers(cg)
	}
}

func (w *rdbWriter) saveStreamConsumers(cg *streamCG) {
	w.saveLen(uint64(cg.consumers.Len()))
	consumers := cg.consumers.Iter()
	for ok := consumers.First(); ok; ok = consumers.Next() {
		consumer := consumers.Value()
		w.saveRawString([]byte(consumers.Key()))
		w.saveMillisecondTime(consumer.seenTime)
		w.saveMillisecondTime(consumer.activeTime)
		// The rest of what is known of these entries was written with the group's.
		w.saveLen(uint64(consumer.pel.Len()))
		pel := consumer.pel.Iter()
		for ok := pel.First(); ok; ok = pel.Next() {
			w.saveRawID(pel.Key())
		}
	}
}

// --- The dataset ---

// rdbSaveInfo is what a file says about replication.
type rdbSaveInfo struct {
	replStreamDb int // the database that the stream has selected
	replID       string
	replOffset   int64
}

// rdbSaveRio writes a snapshot as an RDB file (C: rdbSaveRio). It may run on any goroutine: job, if not nil, is told of the progress, and may end it.
// rsi may be nil. The caller flushes w.
func rdbSaveRio(w *rio.Writer, snap *snapshot, flags int, rsi *rdbSaveInfo, job *childJob) error {
	out := &rdbWriter{Writer: w, compress: snap.compress}
	w.SetChecksum(snap.checksum)
	w.WriteString(rdbMagic)
	out.saveInfoAuxFields(snap, flags, rsi)
	if flags&rdbflagsExcludeFunctions == 0 {
		for _, code := range snap.functions {
			out.opcode(rdbOpcodeFunction2)
			out.saveRawString(code)
		}
	}
	if flags&rdbflagsExcludeData == 0 {
		for i := range snap.dbs {
			if err := out.saveDb(snap, &snap.dbs[i], job); err != nil {
				return err
			}
		}
	}
	out.opcode(rdbOpcodeEOF)
	sum := w.Checksum()
	if !snap.checksum {
		sum = 0
	}
	w.SetChecksum(false)
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], sum)
	w.Write(b[:])
	return w.Err()
}

func (w *rdbWriter) saveAuxField(key, val string) {
	w.opcode(rdbOpcodeAux)
	w.saveRawString([]byte(key))
	w.saveRawString([]byte(val))
}

func (w *rdbWriter) saveInfoAuxFields(snap *snapshot, flags int, rsi *rdbSaveInfo) {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	w.saveAuxField("redis-ver", redisVersion)
	w.saveAuxField("redis-bits", strconv.Itoa(strconv.IntSize))
	w.saveAuxField("ctime", number(snap.unixtime))
	w.saveAuxField("used-mem", number(snap.usedMemory))
	if rsi != nil {
		w.saveAuxField("repl-stream-db", strconv.Itoa(rsi.replStreamDb))
		w.saveAuxField("repl-id", rsi.replID)
		w.saveAuxField("repl-offset", number(rsi.replOffset))
	}
	aofBase := "0"
	if flags&rdbflagsAofPreamble != 0 {
		aofBase = "1"
	}
	w.saveAuxField("aof-base", aofBase)
}

func (w *rdbWriter) saveDb(snap *snapshot, db *dbSnapshot, job *childJob) error {
	w.opcode(rdbOpcodeSelectdb)
	w.saveLen(uint64(db.id))
	w.opcode(rdbOpcodeResizedb)
	w.saveLen(uint64(db.keys.Len()))
	w.saveLen(uint64(db.keys.Expiring()))
	slot := -1
	ahead := db.keys.Iter()
	more := db.keys.Slots() && ahead.Next()
	for it := db.walk(job); it.Next(); {
		e := it.Entry()
		if more {
			if s := int(db.keys.Slot(e.Key())); s != slot {
				slot = s
				more = w.saveSlotInfo(db, s, &ahead)
			}
		}
		w.saveKeyValuePair(snap, e)
		if err := w.Err(); err != nil {
			return err
		}
		if err := job.keyDone(); err != nil {
			return err
		}
	}
	return w.Err()
}

// saveSlotInfo tells how many keys of a slot follow, and how many of them expire. ahead is at the first of them, and then behind the last:
// it returns whether there is something.
func (w *rdbWriter) saveSlotInfo(db *dbSnapshot, slot int, ahead *dict.Iter) (more bool) {
	var keys, expires uint64
	for more = true; more && int(db.keys.Slot(ahead.Entry().Key())) == slot; more = ahead.Next() {
		keys++
		if ahead.Entry().Expire() >= 0 {
			expires++
		}
	}
	w.opcode(rdbOpcodeSlotInfo)
	w.saveLen(uint64(slot))
	w.saveLen(keys)
	w.saveLen(expires)
	return more
}

func (w *rdbWriter) saveKeyValuePair(snap *snapshot, e dict.Entry) {
	if when := e.Expire(); when >= 0 {
		w.opcode(rdbOpcodeExpiretimeMs)
		w.saveMillisecondTime(when)
	}
	if snap.maxmemoryPolicy&maxmemoryFlagLru != 0 {
		w.opcode(rdbOpcodeIdle)
		w.saveLen(snap.idleTime(e.Access()))
	}
	if snap.maxmemoryPolicy&maxmemoryFlagLfu != 0 {
		w.opcode(rdbOpcodeFreq)
		w.WriteByte(snap.frequency(e.Access()))
	}
	w.opcode(rdbObjectType(e))
	w.saveRawString(e.Key())
	w.saveObject(e)
}
