// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"redport/src/dict"
	"redport/src/intset"
	"redport/src/listpack"
	"redport/src/lzf"
	"redport/src/quicklist"
	"redport/src/rio"
	"redport/src/util"
	"redport/src/ziplist"
	"redport/src/zipmap"
)

// rdb_object.go - reading RDB: the primitives of the format, and values of every type.
//
// What is read comes from a file, a master or a client's RESTORE, and none of them is trusted:
//
//   - a length is a claim: memory is asked for as the bytes arrive (rio.Reader.ReadString);
//   - packed values are checked element by element, whatever sanitize-dump-payload says, because everything that reads them later does
//     trust them. C leaves that out by default, and crashes later; here the directive only decides what is counted in INFO as
//     sanitized;
//   - what belongs together is compared: no member, field or ID comes twice, and each pending entry of a stream has one owner.
//
// The first thing that is wrong sticks to the reader, and ends everything.
//
// A value that was loaded is in the dictionary's form. Its bytes, if it is bytes, lie in the reader's buffers until the next one.

// errEmptyKey is a collection without elements: old versions could save some, and they are skipped.
var errEmptyKey = errors.New("empty key")

// rdbError is what is wrong with a stream: it is corrupt, or it ends too early.
type rdbError struct {
	corrupt bool
	msg     string
	err     error // what the stream has ended with, if not with this
}

func (e *rdbError) Error() string { return e.msg }
func (e *rdbError) Unwrap() error { return e.err }

// rdbReader reads RDB's primitives, and values.
type rdbReader struct {
	*rio.Reader
	server  *Server
	valkey  bool             // the file is Valkey's: some numbers mean something else
	deep    bool             // packed values count as sanitized
	restore bool             // a payload of RESTORE: what is wrong is the client's business
	file    string           // name of the file, "" if it is none
	onError func(msg string) // hears of what is wrong in place of the log; may be nil
	failed  error

	str    []byte // the value
	name   []byte // a field, a member
	lp     []byte // a listpack that is being made
	packed []byte // a compressed string
	hashes []uint64
}

// fail notes what is wrong, and logs it.
func (r *rdbReader) fail(corrupt bool, format string, args ...any) {
	if r.failed != nil {
		return
	}
	e := &rdbError{corrupt: corrupt, msg: fmt.Sprintf(format, args...)}
	r.failed = e
	r.Fail(e)
	level := llWarning
	if r.restore {
		level = llVerbose
	}
	line := fmt.Sprintf("Internal error in RDB reading offset %d, function at rdb.go -> %s", r.server.loadingLoadedBytes, e.msg)
	switch {
	case r.onError != nil:
		r.onError(line)
	case r.restore || r.file != "":
		r.server.log(level, "%s", line)
	case corrupt:
		r.server.log(level, "%s. Failure loading rdb format", line)
	default:
		r.server.log(level, "%s. Failure loading rdb format from socket, assuming connection error, resuming operation.", line)
	}
}

func (r *rdbReader) corrupt(format string, args ...any) { r.fail(true, format, args...) }
func (r *rdbReader) short(format string, args ...any)   { r.fail(false, format, args...) }

// ok tells whether everything was right so far.
func (r *rdbReader) ok() bool { return r.Err() == nil }

// loadType reads an opcode or a type.
func (r *rdbReader) loadType() byte {
	b, _ := r.ReadByte()
	return b
}

// loadLenEncoded reads a length, or what stands in its place: the number of an encoding.
func (r *rdbReader) loadLenEncoded() (n uint64, encoded bool) {
	b, err := r.ReadByte()
	if err != nil {
		return 0, false
	}
	switch {
	case b>>6 == rdbEncval:
		return uint64(b & 0x3f), true
	case b>>6 == rdb6bitlen:
		return uint64(b & 0x3f), false
	case b>>6 == rdb14bitlen:
		low, _ := r.ReadByte()
		return uint64(b&0x3f)<<8 | uint64(low), false
	case b == rdb32bitlen:
		var w [4]byte
		r.ReadFull(w[:])
		return uint64(binary.BigEndian.Uint32(w[:])), false
	case b == rdb64bitlen:
		var w [8]byte
		r.ReadFull(w[:])
		return binary.BigEndian.Uint64(w[:]), false
	}
	r.corrupt("Unknown length encoding %d in rdbLoadLen()", b>>6)
	return 0, false
}

// loadLen reads a length.
func (r *rdbReader) loadLen() uint64 {
	n, _ := r.loadLenEncoded()
	return n
}

// loadMillisecondTime reads a time, or any other number of 64 bits.
func (r *rdbReader) loadMillisecondTime() int64 {
	var b [8]byte
	r.ReadFull(b[:])
	return int64(binary.LittleEndian.Uint64(b[:]))
}

// loadBinaryDouble reads a score.
func (r *rdbReader) loadBinaryDouble() float64 {
	return math.Float64frombits(uint64(r.loadMillisecondTime()))
}

// loadDouble reads a score as text: its length, or one of three numbers that stand for values without digits.
func (r *rdbReader) loadDouble() float64 {
	n, _ := r.ReadByte()
	switch n {
	case 255:
		return math.Inf(-1)
	case 254:
		return math.Inf(1)
	case 253:
		return math.NaN()
	}
	var b [253]byte
	if r.ReadFull(b[:n]) != nil {
		return 0
	}
	f, err := strconv.ParseFloat(string(b[:n]), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		r.corrupt("Error reading double")
	}
	return f
}

// loadString reads a string, whose bytes replace those of buf.
func (r *rdbReader) loadString(buf []byte) []byte {
	n, encoded := r.loadLenEncoded()
	buf = buf[:0]
	if !r.ok() {
		return buf
	}
	if !encoded {
		buf, _ = r.ReadString(buf, n)
		return buf
	}
	if n == rdbEncLzf {
		return r.loadCompressed(buf)
	}
	return strconv.AppendInt(buf, r.loadInteger(n), 10)
}

// loadInteger reads a number of the given encoding.
func (r *rdbReader) loadInteger(encoding uint64) int64 {
	var b [4]byte
	switch encoding {
	case rdbEncInt8:
		r.ReadFull(b[:1])
		return int64(int8(b[0]))
	case rdbEncInt16:
		r.ReadFull(b[:2])
		return int64(int16(binary.LittleEndian.Uint16(b[:])))
	case rdbEncInt32:
		r.ReadFull(b[:4])
		return int64(int32(binary.LittleEndian.Uint32(b[:])))
	}
	r.corrupt("Unknown RDB string encoding type %d", encoding)
	return 0
}

// loadCompressed reads a compressed string.
func (r *rdbReader) loadCompressed(buf []byte) []byte {
	size, n := r.loadLen(), r.loadLen()
	if !r.ok() {
		return buf
	}
	packed, err := r.ReadString(r.packed[:0], size)
	if cap(packed) <= maxKeptBuffer {
		r.packed = packed
	}
	if err != nil {
		return buf
	}
	if n > uint64(lzf.MaxLen(len(packed))) {
		r.corrupt("Invalid LZF compressed string")
		return buf
	}
	buf = slices.Grow(buf, int(n))[:n]
	if lzf.Decompress(buf, packed) != nil {
		r.corrupt("Invalid LZF compressed string")
		return buf[:0]
	}
	return buf
}

// maxKeptBuffer is the size above which a buffer is not used again.
const maxKeptBuffer = 1 << 20

// trim lets go of buffers that a giant has left behind.
func (r *rdbReader) trim() {
	for _, b := range []*[]byte{&r.str, &r.name, &r.lp, &r.packed} {
		if cap(*b) > maxKeptBuffer {
			*b = nil
		}
	}
}

// loadElement reads a string into the buffer for names.
func (r *rdbReader) loadElement() []byte {
	r.name = r.loadString(r.name)
	return r.name
}

// loadValueString reads a string into the buffer for values.
func (r *rdbReader) loadValueString() []byte {
	r.str = r.loadString(r.str)
	return r.str
}

// sanitized counts a packed value.
func (r *rdbReader) sanitized() {
	if r.deep {
		r.server.stat.dumpPayloadSanitizations++
	}
}

// --- Values ---

// loadObject reads a value. The error is errEmptyKey, or what the reader has failed with.
func (r *rdbReader) loadObject(rdbtype byte) (dict.Value, error) {
	r.trim()
	v, empty := r.loadObjectOf(rdbtype)
	if err := r.Err(); err != nil {
		if v.Pointer != nil {
			freeObjectPointer(v.Pointer)
		}
		return dict.Value{}, err
	}
	if empty {
		return dict.Value{}, errEmptyKey
	}
	return v, nil
}

func (r *rdbReader) loadObjectOf(rdbtype byte) (v dict.Value, empty bool) {
	switch rdbtype {
	case rdbTypeString:
		return r.loadStringObject(), false
	case rdbTypeList, rdbTypeListQuicklist, rdbTypeListQuicklist2, rdbTypeListZiplist:
		return r.loadList(rdbtype)
	case rdbTypeSet:
		return r.loadSet()
	case rdbTypeSetIntset, rdbTypeSetListpack:
		return r.loadPackedSet(rdbtype)
	case rdbTypeZset, rdbTypeZset2:
		return r.loadZset(rdbtype)
	case rdbTypeZsetListpack, rdbTypeZsetZiplist:
		return r.loadPackedZset(rdbtype)
	case rdbTypeHash:
		return r.loadHash(hashPlain)
	case rdbTypeHashMetadata:
		return r.loadHash(hashRelative)
	case rdbTypeHashMetadataPreGA:
		if r.valkey {
			return r.loadHash(hashTrailing)
		}
		return r.loadHash(hashAbsolute)
	case rdbTypeHashListpack, rdbTypeHashListpackEx, rdbTypeHashListpackExPreGA, rdbTypeHashZiplist, rdbTypeHashZipmap:
		return r.loadPackedHash(rdbtype)
	case rdbTypeStreamListpacks, rdbTypeStreamListpacks2, rdbTypeStreamListpacks3:
		return r.loadStream(rdbtype), false
	case rdbTypeModulePreGA:
		r.corrupt("Pre-release module format not supported")
	case rdbTypeModule2:
		if id := r.loadLen(); !r.ok() {
			r.short("Short read module id")
		} else {
			r.corrupt("The RDB file contains module data I can't load: no matching module type '%s'", moduleTypeNameByID(id))
		}
	default:
		r.short("Unknown RDB encoding type %d", rdbtype)
	}
	return v, false
}

// moduleTypeNameByID is the name that the number of a module's type stands for: nine characters of six bits, and ten bits of version.
func moduleTypeNameByID(id uint64) string {
	const charset = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var name [9]byte
	id >>= 10
	for i := len(name) - 1; i >= 0; i-- {
		name[i] = charset[id&63]
		id >>= 6
	}
	return string(name[:])
}

func (r *rdbReader) loadStringObject() dict.Value {
	var buf [8]byte
	n, encoded := r.loadLenEncoded()
	switch {
	case !r.ok():
		return dict.Value{}
	case encoded && n != rdbEncLzf:
		v := intValue(r.loadInteger(n), &buf)
		r.str = append(r.str[:0], v.Bytes...)
		v.Bytes = r.str
		return v
	case encoded:
		r.str = r.loadCompressed(r.str[:0])
	default:
		r.str, _ = r.ReadString(r.str[:0], n)
	}
	v := stringValue(r.str, true, &buf)
	if v.Meta == objString<<4|objEncodingInt {
		r.str = append(r.str[:0], v.Bytes...)
		v.Bytes = r.str
	}
	return v
}

// --- Lists ---

func (r *rdbReader) loadList(rdbtype byte) (v dict.Value, empty bool) {
	ql := r.server.newQuicklist()
	switch rdbtype {
	case rdbTypeListZiplist:
		err := ziplist.Validate(r.loadValueString(), true, func(v listpack.Value, _ int) error {
			var buf [20]byte
			ql.PushBack(v.Bytes(&buf))
			return nil
		})
		if r.ok() && err != nil {
			r.corrupt("List ziplist integrity check failed.")
		}
	default:
		n := r.loadLen()
		for ; n > 0 && r.ok(); n-- {
			if rdbtype == rdbTypeList {
				if s := r.loadElement(); r.ok() {
					ql.PushBack(s)
				}
			} else {
				r.loadQuicklistNode(ql, rdbtype)
			}
		}
	}
	if !r.ok() || ql.Len() == 0 {
		ql.Release()
		return v, true
	}
	if rdbtype == rdbTypeListZiplist {
		// As in C this one is not converted until it shrinks.
		return collectionValue(r.server.newCollection(objList, objEncodingQuicklist, listObject{ql})), false
	}
	return r.listValue(ql), false
}

// loadQuicklistNode reads a node of a list. Empty ones are dropped.
func (r *rdbReader) loadQuicklistNode(ql *quicklist.List, rdbtype byte) {
	container := uint64(quicklistNodeContainerPacked)
	if rdbtype == rdbTypeListQuicklist2 {
		container = r.loadLen()
		if r.ok() && container != quicklistNodeContainerPacked && container != quicklistNodeContainerPlain {
			r.corrupt("Quicklist integrity check failed.")
		}
	}
	b := r.loadValueString()
	if !r.ok() {
		return
	}
	switch {
	case len(b) == 0:
		r.corrupt("Quicklist integrity check failed.")
	case container == quicklistNodeContainerPlain:
		ql.AppendPlain(b)
	case rdbtype == rdbTypeListQuicklist2:
		r.sanitized()
		if !listpack.Validate(b, true, nil) {
			r.corrupt("Listpack integrity check failed.")
		} else if listpack.First(b) != listpack.End {
			ql.AppendListpack(b)
		}
	default:
		r.lp = listpack.Reset(r.lp)
		err := ziplist.Validate(b, true, func(v listpack.Value, _ int) error {
			r.lp = listpack.AppendValue(r.lp, v)
			return nil
		})
		if err != nil {
			r.corrupt("Ziplist integrity check failed.")
		} else if listpack.First(r.lp) != listpack.End {
			ql.AppendListpack(r.lp)
		}
	}
}

// listValue is a list's form in the dictionary: a listpack, if it is one that is not too big.
func (r *rdbReader) listValue(ql *quicklist.List) dict.Value {
	if ql.Nodes() == 1 {
		size, count := quicklist.NodeLimit(r.server.listMaxListpackSize)
		if lp, ok := ql.Single(); ok && len(lp) <= size && ql.Len() <= count {
			r.lp = append(r.lp[:0], lp...)
			ql.Release()
			return packedValue(objList, objEncodingListpack, r.lp)
		}
	}
	return collectionValue(r.server.newCollection(objList, objEncodingQuicklist, listObject{ql}))
}

// --- Sets ---

func (r *rdbReader) loadSet() (v dict.Value, empty bool) {
	server := r.server
	n := r.loadLen()
	if n == 0 || !r.ok() {
		return v, true
	}
	s := setEdit{server: server}
	if n > uint64(max(server.intsetMaxEntries(), server.setMaxListpackEntries)) {
		s.begin(objEncodingHt)
	} else {
		s.begin(objEncodingIntset)
	}
	for ; n > 0; n-- {
		m := r.loadElement()
		if !r.ok() {
			break
		}
		if !s.add(m) {
			r.corrupt("Duplicate set members detected")
		}
	}
	if !r.ok() {
		if s.d != nil {
			(&setObject{dictObject{server, s.d}}).release()
		}
		return v, true
	}
	return r.ownedPacked(s.value()), false
}

// ownedPacked moves the bytes of a value into the reader's own buffer.
func (r *rdbReader) ownedPacked(v dict.Value) dict.Value {
	if v.Pointer == nil {
		r.str = append(r.str[:0], v.Bytes...)
		v.Bytes = r.str
	}
	return v
}

func (r *rdbReader) loadPackedSet(rdbtype byte) (v dict.Value, empty bool) {
	server := r.server
	b := r.loadValueString()
	if !r.ok() {
		return v, true
	}
	r.sanitized()
	s := setView{encoding: objEncodingIntset, b: b}
	if rdbtype == rdbTypeSetIntset {
		if !intset.Validate(b, true) {
			r.corrupt("Intset integrity check failed.")
			return v, true
		}
		if intset.Len(b) <= server.intsetMaxEntries() {
			return packedValue(objSet, objEncodingIntset, b), false
		}
	} else {
		s.encoding = objEncodingListpack
		if !r.validElements(b, 1, nil) {
			r.corrupt("Set listpack integrity check failed.")
			return v, true
		}
		n := listpack.Len(b)
		if n == 0 {
			return v, true
		}
		if n <= server.setMaxListpackEntries {
			return packedValue(objSet, objEncodingListpack, b), false
		}
	}
	o := server.newSetObject()
	it := s.iter()
	for it.next() {
		var buf [20]byte
		key := it.member.Bytes(&buf)
		o.d.Insert(o.d.Find(dict.Hash(key), key), key, dict.Value{}, 0)
	}
	return collectionValue(server.newCollection(objSet, objEncodingHt, o)), false
}

// validElements checks a listpack of groups of stride elements, of which no two have the same first one. second, if not nil, is asked about
// the others: which is 1, 2 and so on.
func (r *rdbReader) validElements(lp []byte, stride int, second func(v listpack.Value, which int) bool) bool {
	r.hashes = r.hashes[:0]
	count := 0
	valid := listpack.Validate(lp, true, func(lp []byte, p, index, _ int) bool {
		count++
		v := listpack.Get(lp, p)
		if which := index % stride; which != 0 {
			return second == nil || second(v, which)
		}
		var buf [20]byte
		r.hashes = append(r.hashes, dict.Hash(v.Bytes(&buf)))
		return true
	})
	return valid && count%stride == 0 && (r.distinctHashes() || distinctElements(lp, stride))
}

// distinctHashes tells whether no two hashes are the same.
func (r *rdbReader) distinctHashes() bool {
	slices.Sort(r.hashes)
	for i := 1; i < len(r.hashes); i++ {
		if r.hashes[i] == r.hashes[i-1] {
			return false
		}
	}
	return true
}

// distinctElements looks at the elements themselves.
func distinctElements(lp []byte, stride int) bool {
	seen := map[string]bool{}
	index := 0
	for p := listpack.First(lp); p != listpack.End; p = listpack.Next(lp, p) {
		if index%stride == 0 {
			v := listpack.Get(lp, p)
			if s := string(v.Append(nil)); seen[s] {
				return false
			} else {
				seen[s] = true
			}
		}
		index++
	}
	return true
}

// --- Sorted sets ---

func (r *rdbReader) loadZset(rdbtype byte) (v dict.Value, empty bool) {
	server := r.server
	n := r.loadLen()
	if n == 0 || !r.ok() {
		return v, true
	}
	z := server.newZsetObject()
	longest, total := 0, 0
	for ; n > 0 && r.ok(); n-- {
		member := r.loadElement()
		var score float64
		if rdbtype == rdbTypeZset2 {
			score = r.loadBinaryDouble()
		} else {
			score = r.loadDouble()
		}
		if !r.ok() {
			break
		}
		if math.IsNaN(score) {
			r.corrupt("Zset with NAN score detected")
			break
		}
		longest = max(longest, len(member))
		total += len(member)
		e := z.find(member)
		if e.Ok() {
			r.corrupt("Duplicate zset fields detected")
			break
		}
		z.insertAt(e, score, member)
	}
	if !r.ok() {
		z.release()
		return v, true
	}
	if z.length() <= server.zsetMaxListpackEntries && longest <= server.zsetMaxListpackValue && listpack.SafeToAdd(nil, total) {
		r.lp = listpack.Reset(r.lp)
		for c := z.t.At(0); c.Ok(); c.Next() {
			r.lp = zzlInsertAt(r.lp, listpack.End, c.Score(), c.Member())
		}
		z.release()
		return packedValue(objZset, objEncodingListpack, r.lp), false
	}
	return collectionValue(server.newCollection(objZset, objEncodingSkiplist, z)), false
}

// validScore checks the score of a packed sorted set.
func validScore(v listpack.Value, _ int) bool {
	if v.IsInt {
		return true
	}
	f, ok := util.String2d(v.Str)
	if !ok {
		f = packedScore(v)
	}
	return !math.IsNaN(f)
}

func (r *rdbReader) loadPackedZset(rdbtype byte) (v dict.Value, empty bool) {
	server := r.server
	lp := r.loadValueString()
	if !r.ok() {
		return v, true
	}
	if rdbtype == rdbTypeZsetZiplist {
		if !r.convertZiplistPairs(lp) || !r.validElements(r.lp, 2, validScore) {
			r.corrupt("Zset ziplist integrity check failed.")
			return v, true
		}
		lp = r.lp
	} else {
		r.sanitized()
		if !r.validElements(lp, 2, validScore) {
			r.corrupt("Zset listpack integrity check failed.")
			return v, true
		}
	}
	n := listpack.Len(lp) / 2
	if n == 0 {
		return v, true
	}
	if n <= server.zsetMaxListpackEntries {
		return packedValue(objZset, objEncodingListpack, lp), false
	}
	z := server.newZsetObject()
	view := zsetView{lp: lp}
	var buf [20]byte
	for c := view.at(0); c.ok(); c.next() {
		z.insert(c.score(), c.member(&buf))
	}
	return collectionValue(server.newCollection(objZset, objEncodingSkiplist, z)), false
}

// convertZiplistPairs makes a listpack, r.lp, of a ziplist with pairs.
func (r *rdbReader) convertZiplistPairs(zl []byte) bool {
	r.lp = listpack.Reset(r.lp)
	err := ziplist.Validate(zl, true, func(v listpack.Value, _ int) error {
		if !listpack.SafeToAdd(r.lp, v.Len()) {
			return ziplist.ErrEntry
		}
		r.lp = listpack.AppendValue(r.lp, v)
		return nil
	})
	return err == nil
}

// --- Hashes ---

// How the expiries of a hash's fields are written.
const (
	hashPlain    = iota // there are none
	hashRelative        // in front of the field, one more than behind the first one, which is in front of all; 0: none
	hashAbsolute        // in front of the field; 0: none
	hashTrailing        // behind the value, as a time; -1: none
)

// fieldExpireMax is the latest time at which a field may expire.
const fieldExpireMax = 1<<46 - 1

func (r *rdbReader) loadHash(form int) (v dict.Value, empty bool) {
	server := r.server
	var first int64
	if form == hashRelative {
		first = r.loadMillisecondTime()
		if !r.ok() {
			r.short("Hash failed loading minExpire")
			return v, true
		}
		if first < 0 || first > fieldExpireMax {
			r.corrupt("Hash read invalid minExpire value: %d", first)
			return v, true
		}
	}
	n := r.loadLen()
	if n == 0 || !r.ok() {
		return v, true
	}
	h := hashEdit{server: server, minExpire: noExpire}
	h.encoding = objEncodingListpack
	if form == hashRelative || form == hashAbsolute {
		h.encoding = objEncodingListpackEx
	}
	if n > uint64(server.hashMaxListpackEntries) {
		h.encoding, h.d = objEncodingHt, server.newHashObject().d
	} else {
		// The buffer becomes the server's if the hash outgrows it.
		h.b, r.lp = listpack.Reset(r.lp), nil
	}
	for ; n > 0 && r.ok(); n-- {
		r.loadField(&h, form, first)
	}
	if !r.ok() {
		if h.d != nil {
			(&hashObject{dictObject: dictObject{server, h.d}}).release()
		}
		return v, true
	}
	if h.encoding == objEncodingHt {
		return collectionValue(h.object()), false
	}
	r.lp = h.b
	if h.encoding == objEncodingListpackEx {
		r.lp = sortFields(r.lp)
	}
	return packedValue(objHash, h.encoding, r.lp), false
}

// loadField reads a field of a hash.
func (r *rdbReader) loadField(h *hashEdit, form int, first int64) {
	when := int64(0)
	if form == hashRelative || form == hashAbsolute {
		ttl := r.loadLen()
		if !r.ok() {
			return
		}
		if ttl > fieldExpireMax {
			r.corrupt("invalid expireAt time: %d", ttl)
			return
		}
		if when = int64(ttl); form == hashRelative && when != 0 {
			when += first - 1
		}
	}
	field, value := r.loadElement(), r.loadValueString()
	if form == hashTrailing {
		when = max(r.loadMillisecondTime(), 0)
	}
	if !r.ok() {
		return
	}
	if when > fieldExpireMax {
		r.corrupt("invalid expireAt time: %d", when)
		return
	}
	server := r.server
	if h.encoding != objEncodingHt {
		if h.find(field) != listpack.End {
			r.corrupt("Hash with dup elements")
			return
		}
		if when > 0 && h.encoding == objEncodingListpack {
			h.convert(objEncodingListpackEx)
		}
		if len(field) > server.hashMaxListpackValue || len(value) > server.hashMaxListpackValue ||
			!listpack.SafeToAdd(h.b, len(field)+len(value)+9) {
			h.convert(objEncodingHt)
		}
	}
	if h.encoding != objEncodingHt {
		h.b = listpack.Append(listpack.Append(h.b, field), value)
		if h.encoding == objEncodingListpackEx {
			h.b = listpack.AppendInt(h.b, when)
		}
		return
	}
	e := h.d.Find(dict.Hash(field), field)
	if e.Ok() {
		r.corrupt("Duplicate hash fields detected")
		return
	}
	e = h.d.Insert(e, field, dict.Value{Bytes: value}, 0)
	if when > 0 {
		h.d.SetExpire(e, when)
		h.minExpire = min(h.minExpire, when)
	}
}

// listpackexFields are the positions and the expiries of the fields of a listpackex.
func listpackexFields(lp []byte) (fields []listpackexField) {
	for p := listpack.First(lp); p != listpack.End; {
		f := listpackexField{p: p}
		p = listpack.Next(lp, listpack.Next(lp, p))
		if f.when = listpack.Get(lp, p).Int; f.when == 0 {
			f.when = noExpire
		}
		fields = append(fields, f)
		p = listpack.Next(lp, p)
	}
	return fields
}

type listpackexField struct {
	p    int
	when int64
}

func compareFields(a, b listpackexField) int { return cmp.Compare(a.when, b.when) }

// sortedByExpire tells whether the fields of a listpackex are in the order of their expiry, those without at the end.
func sortedByExpire(lp []byte) bool { return slices.IsSortedFunc(listpackexFields(lp), compareFields) }

// sortFields puts them into that order.
func sortFields(lp []byte) []byte {
	fields := listpackexFields(lp)
	if slices.IsSortedFunc(fields, compareFields) {
		return lp
	}
	slices.SortStableFunc(fields, compareFields)
	out := listpack.New(len(lp))
	for _, f := range fields {
		p := f.p
		for range 3 {
			out = listpack.AppendValue(out, listpack.Get(lp, p))
			p = listpack.Next(lp, p)
		}
	}
	return out
}

func (r *rdbReader) loadPackedHash(rdbtype byte) (v dict.Value, empty bool) {
	server := r.server
	var first int64
	if rdbtype == rdbTypeHashListpackEx {
		first = r.loadMillisecondTime()
		if !r.ok() {
			r.short("Short read of listpackex min expiration time.")
			return v, true
		}
		if first < 0 || first > fieldExpireMax {
			r.corrupt("Hash listpackex integrity check failed.")
			return v, true
		}
	}
	lp := r.loadValueString()
	if !r.ok() {
		return v, true
	}
	h := hashView{encoding: objEncodingListpack, b: lp}
	longest := 0
	switch rdbtype {
	case rdbTypeHashZipmap:
		if !r.convertZipmap(lp, &longest) {
			return v, true
		}
		h.b = r.lp
	case rdbTypeHashZiplist:
		if !r.convertZiplistPairs(lp) || !r.validElements(r.lp, 2, nil) {
			r.corrupt("Hash ziplist integrity check failed.")
			return v, true
		}
		h.b = r.lp
	case rdbTypeHashListpack:
		r.sanitized()
		if !r.validElements(lp, 2, nil) {
			r.corrupt("Hash listpack integrity check failed.")
			return v, true
		}
	default:
		r.sanitized()
		h.encoding = objEncodingListpackEx
		ok := r.validElements(lp, 3, func(v listpack.Value, which int) bool {
			return which != 2 || v.IsInt && v.Int >= 0 && v.Int <= fieldExpireMax
		})
		if !ok || !sortedByExpire(lp) {
			r.corrupt("Hash listpackex integrity check failed.")
			return v, true
		}
	}
	n := h.size()
	if n == 0 {
		return v, true
	}
	if n <= server.hashMaxListpackEntries && longest <= server.hashMaxListpackValue {
		return packedValue(objHash, h.encoding, h.b), false
	}
	o := server.newHashObject()
	var buf, buf2 [20]byte
	for it := h.iter(); it.next(); {
		field := it.field.Bytes(&buf)
		e := o.d.Insert(o.d.Find(dict.Hash(field), field), field, dict.Value{Bytes: it.value.Bytes(&buf2)}, 0)
		if it.expire >= 0 {
			o.d.SetExpire(e, it.expire)
			o.minExpire = min(o.minExpire, it.expire)
		}
	}
	return collectionValue(server.newCollection(objHash, objEncodingHt, o)), false
}

// convertZipmap makes a listpack, r.lp, of a zipmap.
func (r *rdbReader) convertZipmap(zm []byte, longest *int) bool {
	if zipmap.Validate(zm, true) != nil {
		r.corrupt("Zipmap integrity check failed.")
		return false
	}
	r.lp = listpack.Reset(r.lp)
	for field, value := range zipmap.All(zm) {
		if !listpack.SafeToAdd(r.lp, len(field)+len(value)) {
			r.corrupt("Hash zipmap with dup elements, or big length (%d)", len(field))
			return false
		}
		*longest = max(*longest, len(field), len(value))
		r.lp = listpack.Append(listpack.Append(r.lp, field), value)
	}
	if !r.validElements(r.lp, 2, nil) {
		r.corrupt("Hash zipmap with dup elements, or big length (%d)", *longest)
		return false
	}
	return true
}

// --- Streams ---

// loadRawID reads a stream ID of 16 bytes.
func (r *rdbReader) loadRawID() streamID {
	var b [16]byte
	r.ReadFull(b[:])
	return streamID{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])}
}

// loadID reads a stream ID as two lengths.
func (r *rdbReader) loadID() (id streamID) {
	id.ms = r.loadLen()
	id.seq = r.loadLen()
	return id
}

func (r *rdbReader) loadStream(rdbtype byte) (v dict.Value) {
	s := r.server.streamNew()
	if r.loadStreamInto(s, rdbtype); !r.ok() {
		s.release()
		return v
	}
	return collectionValue(r.server.newCollection(objStream, objEncodingStream, s))
}

func (r *rdbReader) loadStreamInto(s *stream, rdbtype byte) {
	live := r.loadStreamBlocks(s)
	s.entries = r.loadLen()
	s.lastID = r.loadID()
	if rdbtype >= rdbTypeStreamListpacks2 {
		s.firstID = r.loadID()
		s.maxDeletedID = r.loadID()
		s.entriesAdded = r.loadLen()
	} else {
		s.entriesAdded = s.entries
		if s.blocks.Len() > 0 {
			if id := s.firstEntryID(false); id != streamIDMax {
				s.firstID = id
			}
		}
	}
	if !r.ok() {
		r.short("Stream object metadata loading failed.")
		return
	}
	if s.entries != 0 && s.blocks.Len() == 0 || s.entries != live && r.deep {
		r.corrupt("Stream length inconsistent with rax entries")
		return
	}
	// All else goes by these: they have to be what the blocks say.
	s.entries = live
	if it := s.blocks.Iter(); it.Last() {
		if id := blockLastID(it.Value().lp(), it.Key()); id.Compare(s.lastID) > 0 {
			s.lastID = id
		}
	}
	groups := r.loadLen()
	if !r.ok() {
		r.short("Stream cgroup count loading failed.")
		return
	}
	for ; groups > 0 && r.ok(); groups-- {
		r.loadStreamGroup(s, rdbtype)
	}
}

// loadStreamBlocks reads the blocks, and returns the number of live entries in them.
func (r *rdbReader) loadStreamBlocks(s *stream) (live uint64) {
	n := r.loadLen()
	if !r.ok() {
		r.short("Stream listpacks len loading failed.")
		return 0
	}
	for ; n > 0; n-- {
		key := r.loadElement()
		if !r.ok() {
			r.short("Stream master ID loading failed: invalid encoding or I/O error.")
			return 0
		}
		if len(key) != 16 {
			r.corrupt("Stream node key entry is not the size of a stream ID")
			return 0
		}
		id := streamID{binary.BigEndian.Uint64(key), binary.BigEndian.Uint64(key[8:])}
		lp := r.loadValueString()
		if !r.ok() {
			r.short("Stream listpacks loading failed.")
			return 0
		}
		r.sanitized()
		if !streamValidateListpackIntegrity(lp, true) {
			r.corrupt("Stream listpack integrity check failed.")
			return 0
		}
		if listpack.First(lp) == listpack.End {
			r.corrupt("Empty listpack inside stream")
			return 0
		}
		if _, ok := s.blocks.Get(id); ok {
			r.corrupt("Listpack re-added with existing key")
			return 0
		}
		s.insertBlock(id, lp)
		count, _ := blockCounts(lp)
		live += uint64(count)
	}
	return live
}

func (r *rdbReader) loadStreamGroup(s *stream, rdbtype byte) {
	name := string(r.loadElement())
	if !r.ok() {
		r.short("Error reading the consumer group name from Stream")
		return
	}
	id := r.loadID()
	if !r.ok() {
		r.short("Stream cgroup ID loading failed.")
		return
	}
	var read int64
	if rdbtype >= rdbTypeStreamListpacks2 {
		read = int64(r.loadLen())
		if !r.ok() {
			r.short("Stream cgroup offset loading failed.")
			return
		}
	} else {
		read = s.estimateDistanceFromFirstEverEntry(id)
	}
	cg := s.createGroup([]byte(name), id, read)
	if cg == nil {
		r.corrupt("Duplicated consumer group name %s", name)
		return
	}
	n := r.loadLen()
	if !r.ok() {
		r.short("Stream PEL size loading failed.")
		return
	}
	for ; n > 0; n-- {
		id := r.loadRawID()
		if !r.ok() {
			r.short("Stream PEL ID loading failed.")
			return
		}
		nack := streamNACK{deliveryTime: r.loadMillisecondTime(), deliveryCount: r.loadLen()}
		if !r.ok() {
			r.short("Stream PEL NACK loading failed.")
			return
		}
		if !cg.pel.Set(id, nack) {
			r.corrupt("Duplicated global PEL entry loading stream consumer group")
			return
		}
	}
	n = r.loadLen()
	if !r.ok() {
		r.short("Stream consumers num loading failed.")
		return
	}
	owned := 0
	for ; n > 0 && r.ok(); n-- {
		owned += r.loadStreamConsumer(s, cg, rdbtype)
	}
	if r.ok() && owned != cg.pel.Len() {
		r.corrupt("Stream CG PEL entry without consumer")
	}
}

// loadStreamConsumer reads a consumer, and returns the number of its pending entries.
func (r *rdbReader) loadStreamConsumer(s *stream, cg *streamCG, rdbtype byte) int {
	name := streamName(r.loadElement())
	if !r.ok() {
		r.short("Error reading the consumer name from Stream group.")
		return 0
	}
	if _, ok := cg.consumers.Get(name); ok {
		r.corrupt("Duplicate stream consumer detected.")
		return 0
	}
	consumer := s.addConsumer(cg, name, r.loadMillisecondTime())
	if !r.ok() {
		r.short("Stream short read reading seen time.")
		return 0
	}
	if rdbtype >= rdbTypeStreamListpacks3 {
		consumer.activeTime = r.loadMillisecondTime()
		if !r.ok() {
			r.short("Stream short read reading active time.")
			return 0
		}
	} else {
		consumer.activeTime = consumer.seenTime
	}
	n := r.loadLen()
	if !r.ok() {
		r.short("Stream consumer PEL num loading failed.")
		return 0
	}
	for ; n > 0; n-- {
		id := r.loadRawID()
		if !r.ok() {
			r.short("Stream short read reading PEL streamID.")
			return 0
		}
		nack := cg.pel.Ref(id)
		switch {
		case nack == nil:
			r.corrupt("Consumer entry not found in group global PEL")
			return 0
		case nack.consumer != 0:
			// Its own already, or another's: an entry has one owner.
			r.corrupt("Duplicated consumer PEL entry loading a stream consumer group")
			return 0
		}
		nack.consumer = consumer.number
		consumer.pel.Set(id, struct{}{})
	}
	return consumer.pel.Len()
}
