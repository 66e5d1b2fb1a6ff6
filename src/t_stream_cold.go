// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"encoding/binary"
	"unsafe"

	"redport/src/cold"
	"redport/src/rax"
)

// t_stream_cold.go - blocks of streams that nobody has touched for a while, packed (src/cold).
//
// The memory of a packed block begins with the number of its live entries, so that trimming need not unpack what it removes:
//
//	live 8 | LZ4 data
//
// The last two blocks are left alone. Any block may be the last one some day, though, so nobody counts on that.

const packedHeader = 8

// streamCold is what a stream keeps to have its blocks packed. It exists once there are blocks for that.
type streamCold struct {
	cold.Entry
	at    streamID // where the packer goes on
	begun bool
	later bool
}

// streamColdFrom is how many blocks a stream has that takes part.
const streamColdFrom = 4

func (s *stream) coldBytes() int64 {
	if s.cold == nil {
		return 0
	}
	return int64(unsafe.Sizeof(streamCold{}))
}

// queueLong is queue for a stream that has enough blocks.
func (s *stream) queueLong() {
	if s.blocks.Len() >= streamColdFrom {
		s.queue()
	}
}

// queue has the packer look at the stream: there is a block that is new, changed or unpacked.
func (s *stream) queue() {
	if s.cold == nil {
		s.cold = &streamCold{}
		s.cold.Set(s)
		s.clk.Allocator().Account(s.coldBytes())
	}
	s.packer.Queue(&s.cold.Entry)
}

// held is how many bytes of the block's memory are in use.
func (b *streamBlock) held() int {
	if b.packed != 0 {
		return packedHeader + int(b.packed)
	}
	return int(b.size)
}

// unpackTo writes the listpack of a packed block to lp, which has just its size. Any goroutine.
func (b *streamBlock) unpackTo(lp []byte) {
	cold.Unpack(lp, b.memory()[packedHeader:][:b.packed])
}

// unpackBlock makes a packed block one that is not, in memory of n bytes at least. b lies in a writable node.
func (s *stream) unpackBlock(b *streamBlock, n int) {
	c := s.newBlock(n)
	c.size, c.mark = b.size, b.mark
	b.unpackTo(c.lp())
	s.retireBlock(*b)
	*b = c
	s.queue()
}

// live is the number of live entries.
func (b *streamBlock) live() int64 {
	if b.packed != 0 {
		return int64(binary.LittleEndian.Uint64(b.memory()))
	}
	live, _ := blockCounts(b.lp())
	return live
}

// contents returns the listpack, which may be unpacked to *buf.
func (b *streamBlock) contents(buf *[]byte) []byte {
	if b.packed == 0 {
		return b.lp()
	}
	if cap(*buf) < int(b.size) {
		*buf = make([]byte, b.size)
	}
	*buf = (*buf)[:b.size]
	b.unpackTo(*buf)
	return *buf
}

// contents returns the listpack of the block at which the iterator is, valid until the next call.
func (si *streamIterator) contents() []byte {
	s := si.s
	if s != nil {
		if b := si.it.Ref(); b != nil {
			if b.packed == 0 {
				s.packer.Read(&b.mark)
				return b.lp()
			}
			if s.packer.Reread(&b.mark) {
				s.unpackBlock(b, int(b.size))
				return b.lp()
			}
		}
	}
	b := si.it.Value()
	if s != nil && b.packed != 0 && si.buf == nil {
		si.buf = s.packer.TakeSpare()
	}
	return b.contents(&si.buf)
}

// close ends an iterator.
func (si *streamIterator) close() {
	if si.s != nil && si.buf != nil {
		si.s.packer.PutSpare(si.buf)
	}
	si.buf, si.lp = nil, nil
}

// endsBefore tells whether the block at which it is has no entry from id on.
func (s *stream) endsBefore(it rax.Iter[streamID, streamBlock], id streamID) bool {
	master, b := it.Key(), it.Value()
	if master.Compare(id) >= 0 {
		return false
	}
	if it.Next() && it.Key().Compare(id) <= 0 {
		return true // no need to look
	}
	buf := s.packer.TakeSpare()
	last := blockLastID(b.contents(&buf), master)
	s.packer.PutSpare(buf)
	return last.Compare(id) < 0
}

// Pack packs blocks that are cold (cold.Target).
func (s *stream) Pack(p *cold.Packer) (done, again bool) {
	c := s.cold
	last := s.blocks.Iter()
	last.Last()
	if !last.Prev() {
		return true, false
	}
	end := last.Key()
	it := s.blocks.Iter()
	if !c.begun {
		c.begun, c.at, c.later = true, streamID{}, false
	}
	seen := 0 // since the last look at the clock
	for ok := it.SeekGE(c.at); ok && it.Key().Compare(end) < 0; ok = it.Next() {
		if seen++; seen > 64 {
			if seen = 0; p.Over() {
				c.at = it.Key()
				return false, false
			}
		}
		b := it.Ref()
		if b.packed != 0 {
			continue
		}
		now, later := p.Cold(&b.mark, int(b.size))
		c.later = c.later || later
		if now {
			s.packBlock(b)
			seen = 64
		}
	}
	c.begun = false
	return true, c.later
}

// packBlock packs a block if that makes it smaller by an eighth.
func (s *stream) packBlock(b *streamBlock) {
	lp := b.lp()
	data := s.packer.Compress(lp, min(len(lp), int(b.room-b.room/8)-packedHeader))
	if data == nil {
		b.mark.Hard()
		return
	}
	c := s.newBlock(packedHeader + len(data))
	c.size, c.packed, c.mark = b.size, uint32(len(data)), b.mark
	live, _ := blockCounts(lp)
	binary.LittleEndian.PutUint64(c.memory(), uint64(live))
	copy(c.memory()[packedHeader:], data)
	s.packer.Packed(&c.mark, int(b.room-c.room))
	s.retireBlock(*b)
	*b = c
}
