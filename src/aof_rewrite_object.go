// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"encoding/binary"
	"strconv"

	"redport/src/dict"
	"redport/src/intset"
	"redport/src/listpack"
	"redport/src/quicklist"
	"redport/src/rio"
	"redport/src/util"
)

// aof_rewrite_object.go - a snapshot as commands that make the same dataset: what a base file holds with aof-use-rdb-preamble no.
//
// Values are frozen ones, read in any goroutine (see snapshot.go for what that allows). Commands with many elements are cut, so
// that none of them takes long when it is loaded.
//
// Counterpart: aof.c.

// aofRewriteItemsPerCmd is how many elements a command has at most.
const aofRewriteItemsPerCmd = 64

// aofWriter writes commands.
type aofWriter struct {
	*rio.Writer
	num [32]byte
}

// count writes the head of an array or a bulk string.
func (w *aofWriter) count(mark byte, n int) {
	b := append(w.num[:0], mark)
	b = strconv.AppendInt(b, int64(n), 10)
	w.Write(append(b, "\r\n"...))
}

// command begins a command of n arguments, its name among them.
func (w *aofWriter) command(n int, name string, key []byte) {
	w.count('*', n)
	w.word(name)
	w.bulk(key)
}

func (w *aofWriter) bulk(s []byte) {
	w.count('$', len(s))
	w.Write(s)
	w.WriteString("\r\n")
}

func (w *aofWriter) word(s string) {
	w.count('$', len(s))
	w.WriteString(s)
	w.WriteString("\r\n")
}

func (w *aofWriter) integer(n int64) {
	var b [20]byte
	w.bulk(strconv.AppendInt(b[:0], n, 10))
}

func (w *aofWriter) double(f float64) {
	var b [40]byte
	w.bulk(util.AppendDouble(b[:0], f))
}

func (w *aofWriter) id(id streamID) {
	var b [48]byte
	w.bulk(id.append(b[:0]))
}

func (w *aofWriter) value(v listpack.Value) {
	var b [20]byte
	w.bulk(v.Bytes(&b))
}

// rewriteAppendOnlyFileRio writes a snapshot. job, if not nil, is told of the progress, and may end it. timestamp is for an annotation, 0: none.
func rewriteAppendOnlyFileRio(out *rio.Writer, snap *snapshot, timestamp int64, job *childJob) error {
	w := &aofWriter{Writer: out}
	if timestamp != 0 {
		w.Write(appendTimestampAnnotation(nil, timestamp))
	}
	for _, code := range snap.functions {
		w.count('*', 3)
		w.word("FUNCTION")
		w.word("LOAD")
		w.bulk(code)
	}
	for _, db := range snap.dbs {
		w.count('*', 2)
		w.word("SELECT")
		w.integer(int64(db.id))
		for it := db.walk(job); it.Next(); {
			w.rewriteKey(it.Entry())
			if err := w.Err(); err != nil {
				return err
			}
			if err := job.keyDone(); err != nil {
				return err
			}
		}
	}
	return w.Err()
}

// rewriteKey writes the commands for the key at e.
func (w *aofWriter) rewriteKey(e dict.Entry) {
	key := e.Key()
	switch entryType(e) {
	case objString:
		w.command(3, "SET", key)
		if e.Meta()&15 == objEncodingInt {
			w.integer(int64(binary.LittleEndian.Uint64(e.Value())))
		} else {
			w.bulk(e.Value())
		}
	case objList:
		w.rewriteListObject(key, e)
	case objSet:
		w.rewriteSetObject(key, e)
	case objZset:
		w.rewriteSortedSetObject(key, e)
	case objHash:
		w.rewriteHashObject(key, e)
	case objStream:
		w.rewriteStreamObject(key, (*robj)(e.Pointer()).ptr.(*stream))
	default:
		panic("aof: value of an unknown type")
	}
	if when := e.Expire(); when >= 0 {
		w.command(3, "PEXPIREAT", key)
		w.integer(when)
	}
}

// aofItems cuts a row of elements into commands.
type aofItems struct {
	w    *aofWriter
	name string
	key  []byte
	args int // of an element
	left int // elements to come
	room int // in the command that was begun
}

func (w *aofWriter) items(name string, key []byte, args, n int) aofItems {
	return aofItems{w: w, name: name, key: key, args: args, left: n}
}

// next makes room for an element, beginning a command if it must.
func (i *aofItems) next() {
	if i.room == 0 {
		i.room = min(i.left, aofRewriteItemsPerCmd)
		i.w.command(2+i.room*i.args, i.name, i.key)
	}
	i.room--
	i.left--
}

func (w *aofWriter) rewriteListObject(key []byte, e dict.Entry) {
	if !e.IsPointer() {
		b := e.Value()
		items := w.items("RPUSH", key, 1, listpack.Len(b))
		w.listpackItems(&items, b)
		return
	}
	ql := (*robj)(e.Pointer()).ptr.(listObject).ql
	items := w.items("RPUSH", key, 1, ql.Len())
	ql.Walk(func(n quicklist.Node) bool {
		if n.Plain {
			items.next()
			w.bulk(n.Bytes)
		} else {
			w.listpackItems(&items, n.Bytes)
		}
		return w.Err() == nil
	})
}

func (w *aofWriter) listpackItems(items *aofItems, b []byte) {
	for p := listpack.First(b); p != listpack.End; p = listpack.Next(b, p) {
		items.next()
		w.value(listpack.Get(b, p))
	}
}

func (w *aofWriter) rewriteSetObject(key []byte, e dict.Entry) {
	if e.IsPointer() {
		d := (*robj)(e.Pointer()).ptr.(*setObject).d
		items := w.items("SADD", key, 1, d.Len())
		for it := d.Iter(); it.Next(); {
			items.next()
			w.bulk(it.Entry().Key())
		}
		return
	}
	b := e.Value()
	if e.Meta()&15 == objEncodingListpack {
		items := w.items("SADD", key, 1, listpack.Len(b))
		w.listpackItems(&items, b)
		return
	}
	n := intset.Len(b)
	items := w.items("SADD", key, 1, n)
	for i := range n {
		items.next()
		w.integer(intset.Get(b, i))
	}
}

func (w *aofWriter) rewriteSortedSetObject(key []byte, e dict.Entry) {
	if e.IsPointer() {
		t := (*robj)(e.Pointer()).ptr.(*zsetObject).t
		items := w.items("ZADD", key, 2, t.Len())
		for c := t.At(0); c.Ok(); c.Next() {
			items.next()
			w.double(c.Score())
			w.bulk(c.Member())
		}
		return
	}
	b := e.Value()
	items := w.items("ZADD", key, 2, listpack.Len(b)/2)
	for p := listpack.First(b); p != listpack.End; {
		items.next()
		w.double(zzlScore(b, p))
		w.value(listpack.Get(b, p))
		p = listpack.Next(b, listpack.Next(b, p))
	}
}

func (w *aofWriter) rewriteHashObject(key []byte, e dict.Entry) {
	h := viewHash(e)
	// The expiry of a field is a command of its own, and then so is the field.
	alone := h.encoding == objEncodingListpackEx || h.encoding == objEncodingHt && h.d.Expiring() > 0
	items := w.items("HMSET", key, 2, h.size())
	begin := func() {
		if alone {
			w.command(4, "HMSET", key)
		} else {
			items.next()
		}
	}
	if h.encoding == objEncodingHt {
		for it := h.d.Iter(); it.Next(); {
			f := it.Entry()
			begin()
			w.bulk(f.Key())
			w.bulk(f.Value())
			if when := f.Expire(); when >= 0 {
				w.expireField(key, when)
				w.bulk(f.Key())
			}
		}
		return
	}
	for p := listpack.First(h.b); p != listpack.End; {
		field := listpack.Get(h.b, p)
		p = listpack.Next(h.b, p)
		begin()
		w.value(field)
		w.value(listpack.Get(h.b, p))
		if alone {
			if when := h.expireAt(p); when >= 0 {
				w.expireField(key, when)
				w.value(field)
			}
			p = listpack.Next(h.b, p)
		}
		p = listpack.Next(h.b, p)
	}
}

// expireField writes all of a command but the field.
func (w *aofWriter) expireField(key []byte, when int64) {
	w.command(6, "HPEXPIREAT", key)
	w.integer(when)
	w.word("FIELDS")
	w.word("1")
}

func (w *aofWriter) rewriteStreamObject(key []byte, s *stream) {
	if s.entries == 0 {
		// Something that leaves an empty stream behind.
		w.command(7, "XADD", key)
		w.word("MAXLEN")
		w.word("0")
		w.word("0-1")
		w.word("x")
		w.word("y")
	}
	si := s.frozenIterator(streamID{}, streamIDMax, false)
	for si.next() {
		w.command(3+2*si.numFields, "XADD", key)
		w.id(si.id)
		for range si.numFields {
			field, value := si.field()
			w.value(field)
			w.value(value)
		}
	}
	w.command(7, "XSETID", key)
	w.id(s.lastID)
	w.word("ENTRIESADDED")
	w.integer(int64(s.entriesAdded))
	w.word("MAXDELETEDID")
	w.id(s.maxDeletedID)
	groups := s.cgroups.Iter()
	for ok := groups.First(); ok; ok = groups.Next() {
		w.rewriteStreamGroup(key, string(groups.Key()), groups.Value())
	}
}

func (w *aofWriter) rewriteStreamGroup(key []byte, name string, cg *streamCG) {
	w.count('*', 7)
	w.word("XGROUP")
	w.word("CREATE")
	w.bulk(key)
	w.word(name)
	w.id(cg.lastID)
	w.word("ENTRIESREAD")
	w.integer(cg.entriesRead)
	consumers := cg.consumers.Iter()
	for ok := consumers.First(); ok; ok = consumers.Next() {
		consumer := consumers.Value()
		if consumer.pel.Len() == 0 {
			w.count('*', 5)
			w.word("XGROUP")
			w.word("CREATECONSUMER")
			w.bulk(key)
			w.word(name)
			w.word(string(consumers.Key()))
			continue
		}
		pel := consumer.pel.Iter()
		for ok := pel.First(); ok; ok = pel.Next() {
			nack, _ := cg.pel.Get(pel.Key())
			w.command(12, "XCLAIM", key)
			w.word(name)
			w.word(string(consumers.Key()))
			w.word("0")
			w.id(pel.Key())
			w.word("TIME")
			w.integer(nack.deliveryTime)
			w.word("RETRYCOUNT")
			w.integer(int64(nack.deliveryCount))
			w.word("JUSTID")
			w.word("FORCE")
		}
	}
}
