// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math/bits"
	"strconv"

	"redport/src/listpack"
)

// networking_reply.go - replies of many elements, which are written where they are sent from.
//
// What is to be sent ends in client.buf or, once there is one, in the last block of client.reply. replyTail and replyRoom lead there; what is
// appended to it is sent, in the order of the calls.

// bulkOverhead is the most that a bulk string takes beside its bytes.
const bulkOverhead = 26

// appendBulkReply appends s as a bulk string.
func appendBulkReply(b, s []byte) []byte {
	b = append(b, '$')
	switch n := len(s); {
	case n < 10:
		b = append(b, byte('0'+n))
	case n < 100:
		b = append(b, byte('0'+n/10), byte('0'+n%10))
	case n < 1000:
		b = append(b, byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
	default:
		b = strconv.AppendInt(b, int64(n), 10)
	}
	b = append(b, '\r', '\n')
	b = append(b, s...)
	return append(b, '\r', '\n')
}

// appendShortBulk is appendBulkReply for less than 100 bytes, for which there is room.
func appendShortBulk(b, s []byte) []byte {
	i, n := len(b), len(s)
	b = b[:i+n+7]
	b[i] = '$'
	if n < 10 {
		b = b[:i+n+6]
	} else {
		b[i+1] = byte('0' + n/10)
		n %= 10
		i++
	}
	h := b[i+1 : i+4]
	h[0], h[1], h[2] = byte('0'+n), '\r', '\n'
	e := i + 4 + copy(b[i+4:], s)
	t := b[e : e+2]
	t[0], t[1] = '\r', '\n'
	return b
}

// noDirectReply are the flags of clients whose replies need a closer look.
const noDirectReply = clientCloseAfterReply | clientPushing

// replyTail is the end of what is to be sent, if it has room for n bytes more and nothing speaks against appending to it; else nil. The
// caller has asked prepareClientToWrite.
func (c *client) replyTail(n int) *[]byte {
	if c.flags&noDirectReply != 0 {
		return nil
	}
	b := &c.buf
	if k := len(c.reply); k > 0 {
		b = &c.reply[k-1].buf
	}
	if cap(*b)-len(*b) < n {
		return nil
	}
	return b
}

// replyRoom is replyTail that makes room where there is none. It is nil only where nothing is to be sent any more, or not in this way.
func (c *client) replyRoom(n int) *[]byte {
	if c.flags&(noDirectReply|clientCloseASAP) != 0 {
		return nil
	}
	if len(c.reply) == 0 && cap(c.buf) == 0 && !c.server.inDebugEnforceReplyList {
		c.buf = make([]byte, 0, protoReplyChunkBytes)
	}
	if t := c.replyTail(n); t != nil {
		return t
	}
	c.addReplyBlock(n)
	c.closeClientOnOutputBufferLimitReached(true)
	if c.flags&clientCloseASAP != 0 || len(c.reply) == 0 {
		return nil
	}
	return &c.reply[len(c.reply)-1].buf
}

const (
	// maxReplyBlocks is how many blocks of reply lists are kept for the next reply.
	maxReplyBlocks = 64

	// replyBlockHeader and replyNodeSize are what a block's header and its place in the list count in C.
	replyBlockHeader = 16
	replyNodeSize    = 24 + replyBlockHeader

	// commonReplyBlock is what nearly all blocks hold.
	commonReplyBlock = 20<<10 - replyBlockHeader
)

// replyBlockSize is how much a block holds that is made for n bytes: as in C, where a block of 16 KB with its header gets 20 KB from jemalloc
// and uses them all. So a client comes to its output buffer limit with the same reply.
func replyBlockSize(n int) int {
	n = max(n, protoReplyChunkBytes) + replyBlockHeader
	step := 1 << (bits.Len(uint(n-1)) - 3) // four sizes between powers of two
	return (n+step-1)&^(step-1) - replyBlockHeader
}

// addReplyBlock appends a block for n bytes or more to the reply list.
func (c *client) addReplyBlock(n int) {
	size := replyBlockSize(n)
	c.reply = append(c.reply, replyNode{buf: c.server.takeReplyBlock(size)})
	c.replyListGrew(size)
}

// takeReplyBlock returns an empty block for a reply list.
func (server *Server) takeReplyBlock(size int) []byte {
	if n := len(server.replyBlocks); n > 0 && size == commonReplyBlock {
		b := server.replyBlocks[n-1]
		server.replyBlocks = server.replyBlocks[:n-1]
		return b
	}
	return make([]byte, 0, size)
}

// giveReplyBlock takes back a block whose bytes are sent.
func (server *Server) giveReplyBlock(b []byte) {
	if cap(b) == commonReplyBlock && len(server.replyBlocks) < maxReplyBlocks {
		server.replyBlocks = append(server.replyBlocks, b[:0])
	}
}

// addReplyListpack sends count elements of a listpack as bulk strings, from the one at p on; with reverse, towards the front.
func (c *client) addReplyListpack(lp []byte, p, count int, reverse bool) {
	if !c.prepareClientToWrite() {
		return
	}
	for count > 0 {
		if t := c.replyRoom(2 * bulkOverhead); t != nil {
			b := *t
			if reverse {
				b, p, count = appendListpackReverse(b, lp, p, count)
			} else {
				b, p, count = appendListpack(b, lp, p, count)
			}
			*t = b
			if count == 0 {
				return
			}
		}
		// What does not fit the rest of the block: this knows how to begin another.
		c.addReplyListpackElement(listpack.Get(lp, p))
		count--
		if reverse {
			p = listpack.Prev(lp, p)
		} else {
			p = listpack.Next(lp, p)
		}
	}
}

// appendListpack appends elements to b as far as there is room for them. It returns where it stopped, and how many are left.
func appendListpack(b, lp []byte, p, count int) (_ []byte, _, left int) {
	var tmp [20]byte
	for ; count > 0; count-- {
		if s, next := listpack.Short(lp, p); next != 0 {
			if cap(b)-len(b) < len(s)+bulkOverhead {
				break
			}
			b = appendShortBulk(b, s)
			p = next
			continue
		}
		s := listpack.Get(lp, p).Bytes(&tmp)
		if cap(b)-len(b) < len(s)+bulkOverhead {
			break
		}
		b = appendBulkReply(b, s)
		p += listpack.SizeAt(lp, p)
	}
	return b, p, count
}

// appendListpackReverse is appendListpack towards the front.
func appendListpackReverse(b, lp []byte, p, count int) (_ []byte, _, left int) {
	var tmp [20]byte
	for ; count > 0; count-- {
		s := listpack.Get(lp, p).Bytes(&tmp)
		if cap(b)-len(b) < len(s)+bulkOverhead {
			break
		}
		b = appendBulkReply(b, s)
		p = listpack.Prev(lp, p)
	}
	return b, p, count
}

// addReplyListpackElement sends an element of a listpack as a bulk string.
func (c *client) addReplyListpackElement(v listpack.Value) {
	if v.IsInt {
		c.addReplyBulkLongLong(v.Int)
		return
	}
	c.addReplyBulkBytes(v.Str)
}
