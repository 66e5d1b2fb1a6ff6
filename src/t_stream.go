// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unsafe"

	"redport/src/cold"
	"redport/src/epoch"
	"redport/src/listpack"
	"redport/src/rax"
	"redport/src/util"
	"redport/src/zmalloc"
)

// t_stream.go - streams: how entries are kept, added, removed and walked. The commands on entries are in t_stream_commands.go,
// consumer groups in t_stream_groups.go, XINFO in t_stream_info.go.
//
// A stream is an ordered map of blocks, each a listpack of up to stream-node-max-entries entries, under the ID of its first
// entry, the master ID. The listpacks are byte for byte those of C Redis, which RDB files and DUMP contain:
//
//	count | deleted | num-fields | field ... | 0                                     master entry
//	flags | ms | seq | num-fields | field | value ... | lp-count                     entry
//	flags | ms | seq | value ... | lp-count                                          entry with the master entry's fields
//
// ms and seq are what the entry's ID is ahead of the master ID, lp-count the number of elements of the entry in front of it: that is
// how a block is walked backwards. Deleting an entry sets a flag and moves it from count to deleted; a block without live
// entries goes.
//
// Blocks lie outside of the Go heap. A block, like a node of a map, belongs to an epoch, and what a snapshot sees is cloned before it is
// written to. The header, a stream struct, is copied as a whole by thaw. Blocks that nobody has touched for a while are packed (t_stream_cold.go).
//
// Counterpart: t_stream.c.

// Flags of entries.
const (
	streamItemFlagNone       = 0
	streamItemFlagDeleted    = 1 << 0
	streamItemFlagSamefields = 1 << 1
)

const (
	streamListpackMaxSize        = 1 << 30 // bytes of data of a block
	streamListpackMaxPreAllocate = 4096
)

// streamID is the ID of an entry.
type streamID struct{ ms, seq uint64 }

var streamIDMax = streamID{math.MaxUint64, math.MaxUint64}

// Compare orders IDs (C: streamCompareID).
func (id streamID) Compare(other streamID) int {
	switch {
	case id.ms < other.ms:
		return -1
	case id.ms > other.ms:
		return 1
	case id.seq < other.seq:
		return -1
	case id.seq > other.seq:
		return 1
	}
	return 0
}

func (id streamID) isZero() bool { return id.ms == 0 && id.seq == 0 }

// next is the ID behind id; the last one has none, and wraps.
func (id streamID) next() (streamID, bool) {
	switch {
	case id.seq < math.MaxUint64:
		return streamID{id.ms, id.seq + 1}, true
	case id.ms < math.MaxUint64:
		return streamID{id.ms + 1, 0}, true
	}
	return streamID{}, false
}

// prev is the ID in front of id; the first one has none, and wraps.
func (id streamID) prev() (streamID, bool) {
	switch {
	case id.seq > 0:
		return streamID{id.ms, id.seq - 1}, true
	case id.ms > 0:
		return streamID{id.ms - 1, math.MaxUint64}, true
	}
	return streamIDMax, false
}

// append appends the ID's text.
func (id streamID) append(b []byte) []byte {
	b = strconv.AppendUint(b, id.ms, 10)
	b = append(b, '-')
	return strconv.AppendUint(b, id.seq, 10)
}

func (id streamID) bytes() []byte { return id.append(make([]byte, 0, 24)) }

// streamBlock is a listpack in the allocator's memory.
type streamBlock struct {
	p      uintptr
	size   uint32 // of the listpack
	room   uint32 // of the memory
	packed uint32 // bytes of LZ4 data that are there instead of the listpack; 0: it is not packed
	mark   cold.Mark
	epoch  uint64 // that owns the memory
}

// pointer turns the address into a pointer: the allocator keeps its target alive.
func (b streamBlock) pointer() unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&b.p)) }

// lp is the listpack of a block that is not packed. Its capacity is all of the memory, but only what writableBlock returned may be written to.
func (b streamBlock) lp() []byte {
	if zmalloc.Invariants && b.packed != 0 {
		panic("stream: a packed block is taken for a listpack")
	}
	return b.memory()[:b.size]
}

func (b streamBlock) memory() []byte { return unsafe.Slice((*byte)(b.pointer()), b.room) }

// stream is the value of a key (robj.ptr).
type stream struct {
	clk          *epoch.Clock
	packer       *cold.Packer
	birth        uint64 // the epoch in which it was made: no part is older
	blocks       rax.Map[streamID, streamBlock]
	blockBytes   int64    // room of all blocks
	entries      uint64   // live ones
	firstID      streamID // of the first live entry
	lastID       streamID // the greatest ever
	maxDeletedID streamID // the greatest that XDEL has removed
	entriesAdded uint64   // entries ever added
	cgroups      rax.Map[streamName, *streamCG]
	groupBytes   *int64      // of all groups, their names excepted; headers of the same stream share it
	cold         *streamCold // nil as long as there is nothing to pack
}

// streamName is the name of a group or a consumer.
type streamName string

// Compare orders names by their bytes.
func (a streamName) Compare(b streamName) int { return strings.Compare(string(a), string(b)) }

const streamHeaderSize = int64(unsafe.Sizeof(stream{}) + unsafe.Sizeof(robj{}))

// streamNew returns an empty stream.
func (server *Server) streamNew() *stream {
	server.mem.Account(streamHeaderSize)
	return newStream(server.clock, server.packer())
}

func newStream(clk *epoch.Clock, packer *cold.Packer) *stream {
	return &stream{clk: clk, packer: packer, birth: clk.Now(), blocks: rax.New[streamID, streamBlock](clk), cgroups: rax.New[streamName, *streamCG](clk),
		groupBytes: new(int64)}
}

// --- The collection ---

func (s *stream) thaw() collection {
	c := *s
	if c.cold != nil {
		c.cold.Set(&c)
	}
	return &c
}

func (s *stream) dup() collection {
	c := newStream(s.clk, s.packer)
	s.clk.Allocator().Account(streamHeaderSize)
	it := s.blocks.Iter()
	for ok := it.First(); ok; ok = it.Next() {
		b := it.Value()
		c.addBlock(it.Key(), b, b.memory()[:b.held()])
	}
	c.entries, c.firstID, c.lastID = s.entries, s.firstID, s.lastID
	c.maxDeletedID, c.entriesAdded = s.maxDeletedID, s.entriesAdded
	groups := s.cgroups.Iter()
	for ok := groups.First(); ok; ok = groups.Next() {
		c.cgroups.Set(groups.Key(), c.dupGroup(groups.Value()))
	}
	return c
}

func (s *stream) length() int { return int(s.entries) }

// freeEffort: blocks and, if there are groups, as many times the pending entries of the first one as there are groups.
func (s *stream) freeEffort() int {
	n := s.blocks.Len()
	it := s.cgroups.Iter()
	if it.First() {
		n += s.cgroups.Len() * (1 + it.Value().pel.Len())
	}
	return n
}

func (s *stream) memoryUsage() int64 {
	return streamHeaderSize + s.blockBytes + s.blocks.Bytes() + s.cgroups.Bytes() + *s.groupBytes + s.coldBytes()
}

// releasedStream is the blocks of a stream that was dropped.
type releasedStream struct {
	blocks rax.Map[streamID, streamBlock]
	it     rax.Iter[streamID, streamBlock]
	begun  bool
}

func (r *releasedStream) OwnerOnly() bool { return false }

// Free frees about n blocks (epoch.Tree).
func (r *releasedStream) Free(f *epoch.Freer, n int) (more bool) {
	if !r.begun {
		r.it, r.begun = r.blocks.Iter(), true
		r.it.First()
	}
	for ; n > 0 && r.it.Ok(); n-- {
		b := r.it.Value()
		f.Free(b.pointer(), int(b.room))
		r.it.Next()
	}
	return r.it.Ok()
}

// releaseBlocks drops all blocks: few of them at once, many behind. The header stays as it is: a snapshot may be reading it.
func (s *stream) releaseBlocks() {
	if blocks := s.blocks; blocks.Len() > 8 {
		s.clk.Allocator().Retired(s.blockBytes)
		s.clk.ReleaseTree(&releasedStream{blocks: blocks}, s.birth)
	} else {
		it := blocks.Iter()
		for ok := it.First(); ok; ok = it.Next() {
			b := it.Value()
			s.clk.Retire(b.pointer(), int(b.room), b.epoch)
		}
	}
}

func (s *stream) release() {
	a := s.clk.Allocator()
	s.releaseBlocks()
	a.Account(-streamHeaderSize - s.blocks.Bytes() - s.cgroups.Bytes() - *s.groupBytes - s.coldBytes())
	if s.cold != nil {
		s.cold.Drop()
	}
}

// digest mixes in all entries, in order.
func (s *stream) digest(d *objectDigest) {
	var buf [48]byte
	var fbuf, vbuf [20]byte
	si := s.iterator(streamID{}, streamIDMax, false)
	for si.next() {
		b := strconv.AppendUint(buf[:0], si.id.ms, 10)
		b = append(b, '.')
		d.mix(strconv.AppendUint(b, si.id.seq, 10))
		for range si.numFields {
			field, value := si.field()
			d.mix(field.Bytes(&fbuf))
			d.mix(value.Bytes(&vbuf))
		}
	}
	si.close()
}

// --- Blocks ---

// newBlock returns memory for a listpack of up to n bytes.
func (s *stream) newBlock(n int) streamBlock {
	p, room := s.clk.Allocator().AllocAtLeast(n)
	s.blockBytes += int64(room)
	return streamBlock{p: uintptr(p), room: uint32(room), epoch: s.clk.Now()}
}

// insertBlock adds a copy of a listpack under its master ID.
func (s *stream) insertBlock(id streamID, lp []byte) {
	s.addBlock(id, streamBlock{size: uint32(len(lp))}, lp)
}

// addBlock adds a block like b with a copy of what lies in its memory.
func (s *stream) addBlock(id streamID, b streamBlock, data []byte) {
	c := s.newBlock(len(data))
	c.size, c.packed, c.mark = b.size, b.packed, b.mark
	copy(c.memory(), data)
	s.packer.Written(&c.mark)
	s.blocks.Set(id, c)
	s.queueLong()
}

// writableBlock returns the listpack of a block, whose descriptor lies in a writable node, with room for more bytes. Whoever changes
// it calls setSize.
func (s *stream) writableBlock(b *streamBlock, more int) []byte {
	s.packer.Written(&b.mark)
	need := int(b.size) + more
	if b.packed != 0 {
		s.unpackBlock(b, need)
		return b.lp()
	}
	if need > int(b.room) && more > 0 {
		// Small blocks double; a block is not meant to become much larger than what C begins with.
		need = max(need, min(2*int(b.room), streamListpackMaxPreAllocate))
	}
	switch {
	case s.clk.Frozen(b.epoch):
		s.clk.AddCloned(int(b.size))
		s.replaceBlock(b, need)
	case need > int(b.room):
		s.replaceBlock(b, need)
	}
	return b.lp()
}

// replaceBlock moves a block to memory of n bytes.
func (s *stream) replaceBlock(b *streamBlock, n int) {
	c := s.newBlock(n)
	c.size, c.mark = b.size, b.mark
	copy(c.lp(), b.lp())
	s.retireBlock(*b)
	*b = c
}

func (s *stream) retireBlock(b streamBlock) {
	s.blockBytes -= int64(b.room)
	s.clk.Retire(b.pointer(), int(b.room), b.epoch)
}

// setSize ends a change of a writable block. lp must lie where it was.
func (b *streamBlock) setSize(lp []byte) {
	if unsafe.SliceData(lp) != (*byte)(b.pointer()) {
		panic("stream: a listpack has outgrown its block")
	}
	b.size = uint32(len(lp))
}

func (s *stream) removeBlock(id streamID) {
	if b, ok := s.blocks.Delete(id); ok {
		s.retireBlock(b)
	}
}

// lpInt is the integer at p of a listpack.
func lpInt(lp []byte, p int) int64 {
	v := listpack.Get(lp, p)
	if !v.IsInt {
		n, _ := util.String2ll(v.Str)
		return n
	}
	return v.Int
}

// blockCounts are the live and the deleted entries of a block.
func blockCounts(lp []byte) (live, deleted int64) {
	p := listpack.First(lp)
	return lpInt(lp, p), lpInt(lp, listpack.Next(lp, p))
}

// countDeleted moves n entries from live to deleted.
func countDeleted(lp []byte, n int64) []byte {
	live, deleted := blockCounts(lp)
	p := listpack.First(lp)
	lp = listpack.ReplaceInt(lp, p, live-n)
	return listpack.ReplaceInt(lp, listpack.Next(lp, p), deleted+n)
}

// blockMaster returns the number of fields of the master entry, where the first one is, and where the first entry begins (End: nowhere).
func blockMaster(lp []byte) (fields, at, first int) {
	p := listpack.First(lp)
	p = listpack.Next(lp, p)
	p = listpack.Next(lp, p)
	fields = int(lpInt(lp, p))
	at = listpack.Next(lp, p)
	p = at
	for range fields {
		p = listpack.Next(lp, p)
	}
	return fields, at, listpack.Next(lp, p)
}

// blockLastID is the ID of a block's last entry, live or not.
func blockLastID(lp []byte, master streamID) streamID {
	p := listpack.Last(lp)
	n := lpInt(lp, p)
	if n == 0 {
		return master
	}
	for ; n > 0; n-- {
		p = listpack.Prev(lp, p)
	}
	p = listpack.Next(lp, p)
	id := streamID{master.ms + uint64(lpInt(lp, p)), 0}
	id.seq = master.seq + uint64(lpInt(lp, listpack.Next(lp, p)))
	return id
}

// --- Adding ---

// What appendItem may say.
const (
	streamAppended = iota
	streamIDTooSmall
	streamTooLarge
)

// nextID is the ID that XADD * gives.
func (s *stream) nextID(now int64) streamID {
	if ms := uint64(now); ms > s.lastID.ms {
		return streamID{ms, 0}
	}
	id, _ := s.lastID.next()
	return id
}

// appendItem adds an entry, whose fields and values alternate in argv. id is the ID to use, nil for one made up; without
// seqGiven only its milliseconds count.
func (s *stream) appendItem(server *Server, argv [][]byte, use *streamID, seqGiven bool) (streamID, int) {
	var id streamID
	switch {
	case use == nil:
		id = s.nextID(server.commandTimeSnapshot())
	case seqGiven:
		id = *use
	case s.lastID.ms == use.ms:
		if s.lastID.seq == math.MaxUint64 {
			return id, streamIDTooSmall
		}
		id = streamID{use.ms, s.lastID.seq + 1}
	default:
		id = *use
	}
	if id.Compare(s.lastID) <= 0 {
		return id, streamIDTooSmall
	}
	total := 0
	for _, arg := range argv {
		total += len(arg)
	}
	if total > streamListpackMaxSize {
		return id, streamTooLarge
	}
	// An element's head and tail take up to 10 bytes; there are up to 6 integers beside the fields, and the count may widen.
	const intSize = 11
	most := total + 10*len(argv) + 8*intSize

	master, b := s.blocks.LastRef()
	if b != nil && b.packed != 0 {
		s.unpackBlock(b, int(b.size))
	}
	if b != nil && s.blockFull(server, b, total) {
		if s.shrinkable(b) {
			s.replaceBlock(b, int(b.size))
		}
		b = nil
	}
	flags := int64(streamItemFlagNone)
	fields := len(argv) / 2
	var lp []byte
	if b == nil {
		// Fields appear twice only if there are more entries: the first has those of the master entry.
		nb := s.newBlock(most + 8*intSize)
		lp = listpack.Reset(nb.lp()[:0])
		lp = listpack.AppendInt(lp, 1)
		lp = listpack.AppendInt(lp, 0)
		lp = listpack.AppendInt(lp, int64(fields))
		for i := 0; i < len(argv); i += 2 {
			lp = listpack.Append(lp, argv[i])
		}
		lp = listpack.AppendInt(lp, 0)
		flags = streamItemFlagSamefields
		master = id
		s.packer.Written(&nb.mark)
		s.blocks.Set(id, nb)
		_, b = s.blocks.LastRef()
		s.queueLong()
	} else {
		lp = s.writableBlock(b, most)
		p := listpack.First(lp)
		lp = listpack.ReplaceInt(lp, p, lpInt(lp, p)+1)
		if sameFields(lp, argv) {
			flags = streamItemFlagSamefields
		}
	}
	lp = listpack.AppendInt(lp, flags)
	lp = listpack.AppendInt(lp, int64(id.ms-master.ms))
	lp = listpack.AppendInt(lp, int64(id.seq-master.seq))
	lpCount := fields + 3
	if flags&streamItemFlagSamefields == 0 {
		lpCount += fields + 1
		lp = listpack.AppendInt(lp, int64(fields))
		for _, arg := range argv {
			lp = listpack.Append(lp, arg)
		}
	} else {
		for i := 1; i < len(argv); i += 2 {
			lp = listpack.Append(lp, argv[i])
		}
	}
	lp = listpack.AppendInt(lp, int64(lpCount))
	b.setSize(lp)
	s.entries++
	s.entriesAdded++
	s.lastID = id
	if s.entries == 1 {
		s.firstID = id
	}
	return id, streamAppended
}

// blockFull tells whether an entry with so many bytes of data goes to a new block.
func (s *stream) blockFull(server *Server, b *streamBlock, data int) bool {
	limit := server.streamNodeMaxBytes
	if limit <= 0 || limit > streamListpackMaxSize {
		limit = streamListpackMaxSize
	}
	if int(b.size)+data >= limit {
		return true
	}
	if server.streamNodeMaxEntries > 0 {
		live, deleted := blockCounts(b.lp())
		return live+deleted >= server.streamNodeMaxEntries
	}
	return false
}

// shrinkable tells whether a block that will not grow any more is worth moving to less memory.
func (s *stream) shrinkable(b *streamBlock) bool {
	return !s.clk.Frozen(b.epoch) && int(b.room)-int(b.size) > int(b.room)/8
}

// sameFields tells whether an entry has the fields of its block's master entry.
func sameFields(lp []byte, argv [][]byte) bool {
	p := listpack.First(lp)
	p = listpack.Next(lp, p)
	p = listpack.Next(lp, p)
	if lpInt(lp, p) != int64(len(argv)/2) {
		return false
	}
	for i := 0; i < len(argv); i += 2 {
		p = listpack.Next(lp, p)
		if !listpack.Get(lp, p).Equal(argv[i]) {
			return false
		}
	}
	return true
}

// --- Walking ---

// streamIterator walks the entries from start to end, both included. It dies with the next write to the stream.
type streamIterator struct {
	it             rax.Iter[streamID, streamBlock]
	start, end     streamID
	rev            bool
	withTombstones bool // deleted entries count too

	s   *stream // nil: of a snapshot, in another goroutine
	buf []byte  // where packed blocks are unpacked to

	lp           []byte // of the current block, nil: none
	master       streamID
	masterFields int
	masterAt     int // the master entry's first field
	p            int // forwards: what is read next; backwards: the lp-count of the entry that is next
	left         int // elements of the entry that were not read
	fieldAt      int // the next field's name, where the master entry has it

	// The current entry.
	id        streamID
	numFields int
	flags     int64
	flagsAt   int
}

// iterator returns an iterator for the owner, who calls close in the end: it may unpack blocks, and notes that they are being read.
func (s *stream) iterator(start, end streamID, rev bool) streamIterator {
	si := s.frozenIterator(start, end, rev)
	si.s = s
	return si
}

// frozenIterator returns an iterator for any goroutine, over a stream that only snapshots read.
func (s *stream) frozenIterator(start, end streamID, rev bool) streamIterator {
	si := streamIterator{it: s.blocks.Iter(), start: start, end: end, rev: rev}
	switch {
	case rev:
		si.it.SeekLE(end)
	case start.isZero():
		si.it.First()
	default:
		if !si.it.SeekLE(start) {
			si.it.First()
		}
	}
	return si
}

// next goes to the next entry, and reports whether there is one.
func (si *streamIterator) next() bool {
	for {
		if si.lp == nil {
			if !si.it.Ok() {
				return false
			}
			si.master = si.it.Key()
			si.lp = si.contents()
			var first int
			si.masterFields, si.masterAt, first = blockMaster(si.lp)
			si.p, si.left = first, 0
			if si.rev {
				si.p = listpack.Last(si.lp)
			} else if si.master.Compare(si.end) > 0 {
				si.it = rax.Iter[streamID, streamBlock]{}
				si.lp = nil
				return false
			}
		}
		if !si.step() {
			si.lp = nil
			if si.rev {
				si.it.Prev()
			} else {
				si.it.Next()
			}
			continue
		}
		if si.flags&streamItemFlagDeleted != 0 && !si.withTombstones {
			continue
		}
		if si.rev {
			if si.id.Compare(si.end) > 0 {
				continue
			}
			return si.id.Compare(si.start) >= 0
		}
		if si.id.Compare(si.start) < 0 {
			continue
		}
		return si.id.Compare(si.end) <= 0
	}
}

// step goes to the next entry of the block, deleted or not.
func (si *streamIterator) step() bool {
	lp, p := si.lp, si.p
	if si.rev {
		n := lpInt(lp, p)
		if n == 0 {
			return false // the master entry
		}
		for ; n > 0; n-- {
			p = listpack.Prev(lp, p)
		}
		si.p = listpack.Prev(lp, p)
	} else {
		for ; si.left > 0; si.left-- {
			p = listpack.Next(lp, p)
		}
		if p == listpack.End {
			return false
		}
	}
	si.flagsAt = p
	si.flags = lpInt(lp, p)
	p = listpack.Next(lp, p)
	si.id.ms = si.master.ms + uint64(lpInt(lp, p))
	p = listpack.Next(lp, p)
	si.id.seq = si.master.seq + uint64(lpInt(lp, p))
	p = listpack.Next(lp, p)
	elements := si.masterFields
	si.numFields = si.masterFields
	if si.flags&streamItemFlagSamefields != 0 {
		si.fieldAt = si.masterAt
	} else {
		si.numFields = int(lpInt(lp, p))
		p = listpack.Next(lp, p)
		elements = 2 * si.numFields
	}
	if si.rev {
		si.left = p // where the values begin
	} else {
		si.p, si.left = p, elements+1
	}
	return true
}

// field returns the next field of the current entry and its value. It is called up to numFields times.
func (si *streamIterator) field() (field, value listpack.Value) {
	lp := si.lp
	p := si.p
	if si.rev {
		p = si.left
	}
	if si.flags&streamItemFlagSamefields != 0 {
		field = listpack.Get(lp, si.fieldAt)
		si.fieldAt = listpack.Next(lp, si.fieldAt)
	} else {
		field = listpack.Get(lp, p)
		p = listpack.Next(lp, p)
		if !si.rev {
			si.left--
		}
	}
	value = listpack.Get(lp, p)
	p = listpack.Next(lp, p)
	if si.rev {
		si.left = p
	} else {
		si.p = p
		si.left--
	}
	return field, value
}

// entryExists tells whether there is a live entry with the ID.
func (s *stream) entryExists(id streamID) bool {
	si := s.iterator(id, id, false)
	ok := si.next()
	si.close()
	return ok
}

// lastValidID is the ID of the last live entry; 0-0 if there is none.
func (s *stream) lastValidID() streamID {
	if s.entries == 0 {
		return streamID{}
	}
	si := s.iterator(streamID{}, streamIDMax, true)
	defer si.close()
	if !si.next() {
		return streamID{}
	}
	return si.id
}

// firstEntryID is the ID of the first entry; the greatest ID if there is none.
func (s *stream) firstEntryID(withTombstones bool) streamID {
	si := s.iterator(streamID{}, streamIDMax, false)
	si.withTombstones = withTombstones
	defer si.close()
	if !si.next() {
		return streamIDMax
	}
	return si.id
}

// --- Removing ---

// deleteItem removes an entry, and reports whether there was one.
func (s *stream) deleteItem(id streamID) bool {
	si := s.iterator(id, id, false)
	defer si.close()
	if !si.next() {
		return false
	}
	if live, _ := blockCounts(si.lp); live == 1 {
		s.removeBlock(si.master)
	} else {
		b := s.blocks.Ref(si.master)
		lp := s.writableBlock(b, 16)
		lp = listpack.ReplaceInt(lp, si.flagsAt, si.flags|streamItemFlagDeleted)
		b.setSize(countDeleted(lp, 1))
		s.queueLong()
	}
	s.entries--
	return true
}

// Ways of trimming.
const (
	trimStrategyNone = iota
	trimStrategyMaxlen
	trimStrategyMinid
)

// streamTrimArgs says what to trim.
type streamTrimArgs struct {
	strategy int
	argIdx   int  // the argument with the length or the ID
	approx   bool // whole blocks only
	limit    int64
	maxlen   int64
	minid    streamID
}

// trim removes entries from the front, and returns how many.
func (s *stream) trim(args *streamTrimArgs) int64 {
	if args.strategy == trimStrategyNone {
		return 0
	}
	if args.trimsAll(s) {
		return s.removeAll()
	}
	var deleted int64
	for {
		if args.strategy == trimStrategyMaxlen && s.entries <= uint64(args.maxlen) {
			break
		}
		it := s.blocks.Iter()
		if !it.First() {
			break
		}
		master, b := it.Key(), it.Value()
		live := b.live()
		if args.limit > 0 && deleted+live > args.limit {
			break
		}
		var whole bool
		if args.strategy == trimStrategyMaxlen {
			whole = s.entries-uint64(live) >= uint64(args.maxlen)
		} else {
			whole = s.endsBefore(it, args.minid)
		}
		if whole {
			s.removeBlock(master)
			s.entries -= uint64(live)
			deleted += live
			continue
		}
		if !args.approx {
			deleted += s.trimBlock(master, args)
		}
		break
	}
	if s.entries == 0 {
		s.firstID = streamID{}
	} else if deleted > 0 {
		s.firstID = s.firstEntryID(false)
	}
	return deleted
}

// trimsAll tells whether nothing of s is left.
func (args *streamTrimArgs) trimsAll(s *stream) bool {
	if args.limit > 0 {
		return false
	}
	if args.strategy == trimStrategyMaxlen {
		return args.maxlen == 0
	}
	return s.lastID.Compare(args.minid) < 0
}

// removeAll removes all entries at once, and returns how many there were.
func (s *stream) removeAll() int64 {
	n := int64(s.entries)
	s.releaseBlocks()
	s.blocks.Clear()
	s.blockBytes, s.entries, s.firstID = 0, 0, streamID{}
	return n
}

// trimBlock marks entries of one block as deleted, as many as need be.
func (s *stream) trimBlock(master streamID, args *streamTrimArgs) int64 {
	b := s.blocks.Ref(master)
	if b.packed != 0 {
		s.unpackBlock(b, int(b.size))
	}
	si := streamIterator{master: master, lp: b.lp(), end: streamIDMax}
	si.masterFields, si.masterAt, si.p = blockMaster(si.lp)
	var n int64
	for si.step() {
		if args.strategy == trimStrategyMaxlen {
			if s.entries <= uint64(args.maxlen) {
				break
			}
		} else if si.id.Compare(args.minid) >= 0 {
			break
		}
		if si.flags&streamItemFlagDeleted != 0 {
			continue
		}
		if n == 0 {
			si.lp = s.writableBlock(b, 16)
		}
		listpack.ReplaceInt(si.lp, si.flagsAt, si.flags|streamItemFlagDeleted)
		n++
		s.entries--
	}
	if n > 0 {
		b.setSize(countDeleted(b.lp(), n))
		s.queueLong()
	}
	return n
}

// --- IDs in arguments ---

// parseStreamID reads an ID, "ms-seq" or "ms", which gets missingSeq. Unless strict, "-" and "+" are the least and the greatest. With
// auto, "ms-*" is allowed: seqGiven is false then.
func parseStreamID(arg []byte, missingSeq uint64, strict, auto bool) (id streamID, seqGiven, ok bool) {
	if len(arg) > 127 {
		return id, true, false
	}
	if i := bytes.IndexByte(arg, 0); i >= 0 {
		arg = arg[:i] // where C's string ends
	}
	if len(arg) == 1 && (arg[0] == '-' || arg[0] == '+') {
		if arg[0] == '+' {
			id = streamIDMax
		}
		return id, true, !strict
	}
	ms, seq := arg, []byte(nil)
	dash := bytes.IndexByte(arg, '-')
	if dash >= 0 {
		ms, seq = arg[:dash], arg[dash+1:]
	}
	if id.ms, ok = util.String2ull(ms); !ok {
		return id, true, false
	}
	switch {
	case dash < 0:
		id.seq = missingSeq
	case auto && len(seq) == 1 && seq[0] == '*':
		return id, false, true
	default:
		if id.seq, ok = util.String2ull(seq); !ok {
			return id, true, false
		}
	}
	return id, true, true
}

const msgInvalidStreamID = "Invalid stream ID specified as stream command argument"

// streamParseStrictIDOrReply reads an ID that is neither "-" nor "+".
func (c *client) streamParseStrictIDOrReply(arg []byte) (streamID, bool) {
	id, _, ok := parseStreamID(arg, 0, true, false)
	if !ok {
		c.addReplyError(msgInvalidStreamID)
	}
	return id, ok
}

// streamParseIDOrReply reads an ID, "-" or "+".
func (c *client) streamParseIDOrReply(arg []byte) (streamID, bool) {
	id, _, ok := parseStreamID(arg, 0, false, false)
	if !ok {
		c.addReplyError(msgInvalidStreamID)
	}
	return id, ok
}

// streamParseIntervalIDOrReply reads an end of an interval, which "(" excludes.
func (c *client) streamParseIntervalIDOrReply(arg []byte, missingSeq uint64) (id streamID, exclusive, ok bool) {
	if len(arg) > 1 && arg[0] == '(' {
		exclusive = true
		id, _, ok = parseStreamID(arg[1:], missingSeq, true, false)
	} else {
		id, _, ok = parseStreamID(arg, missingSeq, false, false)
	}
	if !ok {
		c.addReplyError(msgInvalidStreamID)
	}
	return id, exclusive, ok
}

// streamParseIntervalOrReply reads both ends of an interval.
func (c *client) streamParseIntervalOrReply(startArg, endArg []byte) (start, end streamID, ok bool) {
	start, ok = c.streamParseIntervalStartOrReply(startArg)
	if !ok {
		return start, end, false
	}
	end, exclusive, ok := c.streamParseIntervalIDOrReply(endArg, math.MaxUint64)
	if !ok {
		return start, end, false
	}
	if exclusive {
		if end, ok = end.prev(); !ok {
			c.addReplyError("invalid end ID for the interval")
		}
	}
	return start, end, ok
}

func (c *client) streamParseIntervalStartOrReply(arg []byte) (streamID, bool) {
	start, exclusive, ok := c.streamParseIntervalIDOrReply(arg, 0)
	if ok && exclusive {
		if start, ok = start.next(); !ok {
			c.addReplyError("invalid start ID for the interval")
		}
	}
	return start, ok
}

func (c *client) addReplyStreamID(id streamID) {
	var buf [44]byte
	c.addReplyBulkBytes(id.append(buf[:0]))
}

// addReplyListpackValue sends an element of a listpack.
func (c *client) addReplyListpackValue(v listpack.Value) {
	if v.IsInt {
		c.addReplyBulkLongLong(v.Int)
		return
	}
	c.addReplyBulkBytes(v.Str)
}
