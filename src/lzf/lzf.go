// SPDX-License-Identifier: BSD-3-Clause

// Package lzf is LibLZF's compression, in which RDB files and DUMP payloads carry longer strings.
package lzf

import (
	"errors"
	"math"
	"sync"
)

// FORMAT
//
//	000LLLLL <L+1 bytes>            L+1 literal bytes, 1 to 32
//	LLLooooo oooooooo               L+2 bytes from o+1 bytes back; L is 1 to 6
//	111ooooo LLLLLLLL oooooooo      L+9 bytes from o+1 bytes back
//
// A reference may overlap what it produces: "from 1 byte back" repeats a byte.
//
// COMPRESSION
//
// A table of 2^16 slots remembers where each three bytes, hashed, were seen last. Which matches are found,
// hence the output, depends on the hash, on the size of the table and on which positions are entered.
// All of it is as in LibLZF with its defaults (HLOG 16, VERY_FAST), down to the spots where the end of the
// input cuts a match short, so that the bytes are the same as C Redis's on an empty table.
//
// An Encoder keeps its table between calls instead of clearing 256 KB each time: slots hold the position
// plus a base that grows with every input, so what earlier inputs left behind lies at or below the base.
//
// Counterpart: lzf_c.c, lzf_d.c.

const (
	hashLog = 16

	maxLiteral = 1 << 5
	maxOffset  = 1 << 13
	maxRef     = 1<<8 + 1<<3
)

// ErrCorrupt says that a compressed string is not one, or not of the stated length.
var ErrCorrupt = errors.New("lzf: corrupt compressed string")

// Encoder compresses. The zero value is ready for use; it holds 256 KB.
type Encoder struct {
	base  uint32
	slots [1 << hashLog]uint32
}

var encoders = sync.Pool{New: func() any { return new(Encoder) }}

// Compress compresses src into dst and tells how many bytes it took; not ok means that dst is too short
// (C: lzf_compress).
func Compress(dst, src []byte) (n int, ok bool) {
	e := encoders.Get().(*Encoder)
	n, ok = e.Compress(dst, src)
	encoders.Put(e)
	return n, ok
}

func slot(h uint32) uint32 { return (h>>(24-hashLog) - h*5) & (1<<hashLog - 1) }

// Compress is as the function of that name.
func (e *Encoder) Compress(dst, src []byte) (n int, ok bool) {
	if len(src) == 0 || len(dst) == 0 || int64(len(src)) > math.MaxUint32/2 {
		return 0, false
	}
	if uint64(e.base)+uint64(len(src)) > math.MaxUint32 {
		*e = Encoder{}
	}
	base := e.base
	e.base += uint32(len(src))

	end, limit := len(src)-2, len(dst)
	ip, op, lit := 0, 1, 0 // dst[op-lit-1] is where the length of the current run of literals goes
	var h uint32
	if end > 0 {
		h = uint32(src[0])<<8 | uint32(src[1])
	}
	for ip < end {
		h = h<<8 | uint32(src[ip+2])
		s := &e.slots[slot(h)]
		seen := *s
		*s = base + uint32(ip)

		// Position 0 is never referred to: its slot cannot be told from an empty one.
		if seen > base {
			ref := int(seen - base)
			if off := ip - ref - 1; off < maxOffset && src[ref] == src[ip] && src[ref+1] == src[ip+1] && src[ref+2] == src[ip+2] {
				empty := 0
				if lit == 0 {
					empty = 1
				}
				if op-empty+4 >= limit {
					return 0, false
				}
				if empty == 0 {
					dst[op-lit-1] = byte(lit - 1)
				}
				op -= empty

				length := matchLength(src, ref, ip)
				if l := length - 2; l < 7 {
					dst[op] = byte(off>>8 + l<<5)
					op++
				} else {
					dst[op] = byte(off>>8 + 7<<5)
					dst[op+1] = byte(l - 7)
					op += 2
				}
				dst[op] = byte(off)
				op += 2 // and the next run's length
				lit = 0

				ip += length
				if ip >= end {
					break
				}
				// Of the match only the last two positions are entered.
				h = uint32(src[ip-2])<<8 | uint32(src[ip-1])
				h = h<<8 | uint32(src[ip])
				e.slots[slot(h)] = base + uint32(ip-2)
				h = h<<8 | uint32(src[ip+1])
				e.slots[slot(h)] = base + uint32(ip-1)
				continue
			}
		}

		if op >= limit {
			return 0, false
		}
		dst[op] = src[ip]
		op++
		ip++
		if lit++; lit == maxLiteral {
			dst[op-lit-1] = byte(lit - 1)
			lit = 0
			op++
		}
	}

	if op+3 > limit {
		return 0, false
	}
	for ; ip < len(src); ip++ {
		dst[op] = src[ip]
		op++
		if lit++; lit == maxLiteral {
			dst[op-lit-1] = byte(lit - 1)
			lit = 0
			op++
		}
	}
	if lit == 0 {
		return op - 1, true
	}
	dst[op-lit-1] = byte(lit - 1)
	return op, true
}

// matchLength is how many bytes at ip a reference to ref stands for, when three are known to match. The
// last two bytes of the input are only ever part of a match that LibLZF's unrolled comparison of its
// first bytes, which looks at no bound, or its minimum of three reaches.
func matchLength(src []byte, ref, ip int) int {
	bound := min(len(src)-ip-2, maxRef)
	n := 2
	if bound > 16 {
		for range 16 {
			n++
			if src[ref+n] != src[ip+n] {
				return n
			}
		}
	}
	for n++; n < bound && src[ref+n] == src[ip+n]; n++ {
	}
	return n
}

// MaxLen is the most that n compressed bytes can stand for. A claim of more is a lie, and no reason to
// allocate so much.
func MaxLen(n int) int { return n * (maxRef / 3) }

// Decompress fills dst, whose length must be that of the original, with what src holds
// (C: lzf_decompress).
func Decompress(dst, src []byte) error {
	ip, op := 0, 0
	for ip < len(src) {
		ctrl := int(src[ip])
		ip++
		if ctrl < maxLiteral {
			n := ctrl + 1
			if n > len(dst)-op || n > len(src)-ip {
				return ErrCorrupt
			}
			copy(dst[op:], src[ip:ip+n])
			op += n
			ip += n
			continue
		}
		n := ctrl >> 5
		if n == 7 {
			if ip >= len(src) {
				return ErrCorrupt
			}
			n += int(src[ip])
			ip++
		}
		if ip >= len(src) {
			return ErrCorrupt
		}
		n += 2
		ref := op - (ctrl&0x1F)<<8 - int(src[ip]) - 1
		ip++
		if ref < 0 || n > len(dst)-op {
			return ErrCorrupt
		}
		if ref+n <= op {
			copy(dst[op:op+n], dst[ref:])
			op += n
			continue
		}
		for ; n > 0; n-- {
			dst[op] = dst[ref]
			op++
			ref++
		}
	}
	if op != len(dst) {
		return ErrCorrupt
	}
	return nil
}
