// SPDX-License-Identifier: BSD-3-Clause

package zmalloc

import (
	"math/bits"
	"slices"
	"unsafe"
)

// slab.go - small blocks.
//
// A slab is 4 KB at a multiple of 4 KB: a 64-byte header, then equal blocks. A set bit of the header's map is a free block.
//
//	| next | prev | class | free | map: 4 x 64 bits | ... | block 0 | block 1 | ...
//	0                                               64
//
// The slabs of a class that have a free block form a list; the class allocates from the head, and a slab that is freed into moves
// behind a fuller head, so that sparse slabs get a chance to run empty. An empty slab goes back to its arena, for any class to
// take, and an arena without slabs goes back to the system (but for one).
//
// All blocks are 16-aligned: the dictionary keeps tags in the low four bits of addresses.

const (
	slabSize      = 4096
	slabHeader    = 64
	slabArena     = 64 * slabSize // one bit a slab in a word
	slabArenaMask = ^uint64(0)
)

// classSize: multiples of 16, and what divides the 4032 bytes of a slab well: the largest multiple of 16 of which k fit.
// Rounding up to the next one wastes 13.3 % at worst above 128 bytes, 6 % on average; the end of a slab is 3 % at worst.
var classSize = [...]uint16{
	16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 304, 336, 352, 400, 448, 496,
}

const numClasses = len(classSize)

// classOf returns the class for n <= maxSmall bytes.
func classOf(n int) int { return int(classTable[(n+15)/16]) }

var classTable = makeClassTable()

func makeClassTable() (t [maxSmall/16 + 1]uint8) {
	c := 0
	for i := range t {
		if i*16 > int(classSize[c]) {
			c++
		}
		t[i] = uint8(c)
	}
	return t
}

// slab is the header of a slab.
type slab struct {
	next, prev uintptr // list of the class; 0 at the ends
	class      uint16
	free       uint16
	_          uint32
	bitmap     [4]uint64
}

// slabs is the allocator of small blocks.
type slabs struct {
	a       *Allocator
	partial [numClasses]uintptr // slabs with a free block
	arenas  []*slabsArena       // by address
	last    *slabsArena         // where a free slab was found last
	empty   int                 // arenas without slabs in use
}

type slabsArena struct {
	base uintptr
	free uint64 // one bit a slab
}

func slabAt(u uintptr) *slab { return (*slab)(pointer(u)) }

func blocksPerSlab(class int) int { return (slabSize - slabHeader) / int(classSize[class]) }

func (s *slabs) alloc(class int) unsafe.Pointer {
	u := s.partial[class]
	if u == 0 {
		u = s.newSlab(class)
	}
	h := slabAt(u)
	for w := range h.bitmap {
		if m := h.bitmap[w]; m != 0 {
			h.bitmap[w] = m & (m - 1)
			h.free--
			if h.free == 0 {
				s.unlink(u, h)
			}
			i := w<<6 + bits.TrailingZeros64(m)
			return pointer(u + slabHeader + uintptr(i)*uintptr(classSize[class]))
		}
	}
	panic("zmalloc: slab in the list of partial ones is full")
}

func (s *slabs) free(p unsafe.Pointer, size int) {
	u := uintptr(p) &^ (slabSize - 1)
	h := slabAt(u)
	class := int(h.class)
	if Invariants && int(classSize[class]) != size {
		panic("zmalloc: block freed with another size than it was allocated with")
	}
	// The division by a class's size is one by a multiplication: offsets are below 4096.
	i := uint32(uintptr(p)-u-slabHeader) * classInverse[class] >> 22
	bit := uint64(1) << (i & 63)
	if Invariants && (h.bitmap[i>>6]&bit != 0 || slabHeader+uintptr(i)*uintptr(size) != uintptr(p)-u) {
		panic("zmalloc: block freed twice, or not a block")
	}
	h.bitmap[i>>6] |= bit
	h.free++
	switch int(h.free) {
	case 1:
		s.link(u, h)
	case blocksPerSlab(class):
		s.unlink(u, h)
		s.freeSlab(u)
	default:
		// Keep the fuller of the two in front.
		if n := h.prev; n == 0 && h.next != 0 && slabAt(h.next).free < h.free {
			s.swapWithNext(u, h)
		}
	}
}

// classInverse is ceil(2^22/size): exact for all offsets in a slab (TestClassInverse).
var classInverse = makeClassInverse()

func makeClassInverse() (t [numClasses]uint32) {
	for i, n := range classSize {
		t[i] = (1<<22 + uint32(n) - 1) / uint32(n)
	}
	return t
}

func (s *slabs) link(u uintptr, h *slab) {
	head := &s.partial[h.class]
	h.prev, h.next = 0, *head
	if *head != 0 {
		slabAt(*head).prev = u
	}
	*head = u
}

func (s *slabs) unlink(u uintptr, h *slab) {
	if h.prev == 0 {
		s.partial[h.class] = h.next
	} else {
		slabAt(h.prev).next = h.next
	}
	if h.next != 0 {
		slabAt(h.next).prev = h.prev
	}
	h.next, h.prev = 0, 0
}

// swapWithNext moves the head of a list one place down.
func (s *slabs) swapWithNext(u uintptr, h *slab) {
	v := h.next
	n := slabAt(v)
	h.next, n.next = n.next, u
	h.prev, n.prev = v, 0
	if h.next != 0 {
		slabAt(h.next).prev = u
	}
	s.partial[h.class] = v
}

func (s *slabs) newSlab(class int) uintptr {
	ar := s.last
	if ar == nil || ar.free == 0 {
		ar = nil
		for _, x := range s.arenas {
			if x.free != 0 {
				ar = x
				break
			}
		}
		if ar == nil {
			ar = &slabsArena{base: uintptr(s.a.sysAlloc(slabArena)), free: slabArenaMask}
			i, _ := slices.BinarySearchFunc(s.arenas, ar.base, compareSlabsArena)
			s.arenas = slices.Insert(s.arenas, i, ar)
			s.empty++
		}
		s.last = ar
	}
	if ar.free == slabArenaMask {
		s.empty--
	}
	u := ar.base + uintptr(bits.TrailingZeros64(ar.free))*slabSize
	ar.free &= ar.free - 1
	h := slabAt(u)
	n := blocksPerSlab(class)
	*h = slab{class: uint16(class), free: uint16(n)}
	for w := range h.bitmap {
		switch {
		case n >= 64:
			h.bitmap[w] = ^uint64(0)
		case n > 0:
			h.bitmap[w] = 1<<n - 1
		}
		n -= 64
	}
	s.link(u, h)
	return u
}

func compareSlabsArena(ar *slabsArena, u uintptr) int {
	switch {
	case ar.base+slabArena <= u:
		return -1
	case ar.base > u:
		return 1
	}
	return 0
}

func (s *slabs) freeSlab(u uintptr) {
	i, ok := slices.BinarySearchFunc(s.arenas, u, compareSlabsArena)
	if !ok {
		panic("zmalloc: slab of no arena")
	}
	ar := s.arenas[i]
	ar.free |= 1 << ((u - ar.base) / slabSize)
	if ar.free == slabArenaMask {
		s.empty++
		if s.empty > 1 {
			s.freeArena(i)
		}
	} else if s.last == nil || s.last.free == 0 || ar.base < s.last.base {
		s.last = ar // fill low arenas first: the high ones run empty
	}
}

func (s *slabs) freeArena(i int) {
	ar := s.arenas[i]
	if s.last == ar {
		s.last = nil
	}
	s.empty--
	s.arenas = slices.Delete(s.arenas, i, i+1)
	s.a.sysFree(pointer(ar.base), slabArena)
}

// purge gives empty arenas back.
func (s *slabs) purge() {
	for i := len(s.arenas) - 1; i >= 0; i-- {
		if s.arenas[i].free == slabArenaMask {
			s.freeArena(i)
		}
	}
}

func (s *slabs) close() {
	for _, ar := range s.arenas {
		s.a.sysFree(pointer(ar.base), slabArena)
	}
	*s = slabs{a: s.a}
}
