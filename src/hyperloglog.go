// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// hyperloglog.go - how many different elements were seen, within 1 %, in 12 KB at most. The commands are in
// hyperloglog_commands.go.
//
// ALGORITHM
//
// An element's hash names one of 16384 registers by 14 of its bits; the other 50 say how long a run of zeros they begin with, plus one.
// A register keeps the longest run that came its way: from how the registers are distributed the number of elements is estimated,
// with the estimators of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", arXiv:1702.01284.
//
// LAYOUT
//
// A HyperLogLog is a string, byte for byte that of C Redis:
//
//	| HYLL | encoding, 1 byte | not used, 3 bytes | cardinality, 8 bytes | registers |
//
// The cardinality, little-endian, is what the last PFCOUNT found; its most significant bit says that it does not hold any more.
// Dense (encoding 0): 16384 registers of 6 bits, the first in the lowest bits of the first byte:
//
//	|11000000|22221111|33333322|55444444| ...
//
// Sparse (encoding 1): runs of registers that are alike, by opcodes that together cover all registers:
//
//	00xxxxxx            ZERO   x+1 registers of 0
//	01xxxxxx xxxxxxxx   XZERO  x+1 registers of 0
//	1vvvvvxx            VAL    x+1 registers of v+1
//
// A string that does not fit any more into hll-sparse-max-bytes, or would need a register above 32, becomes dense, for good.
//
// Clients can write anything into a string. Whatever reads opcodes stops where they claim more registers than there are, or ends
// short of them, and says so. An XZERO that the end cuts reads as if a zero byte followed.
//
// Counterpart: hyperloglog.c.

const (
	hllP             = 14
	hllQ             = 64 - hllP
	hllRegisterCount = 1 << hllP
	hllBits          = 6
	hllRegisterMax   = 1<<hllBits - 1
	hllHdrSize       = 16
	hllDenseSize     = hllHdrSize + hllRegisterCount*hllBits/8

	hllDense  = 0
	hllSparse = 1

	hllSparseXzeroBit    = 0x40
	hllSparseValBit      = 0x80
	hllSparseValMaxValue = 32
	hllSparseValMaxLen   = 4
	hllSparseZeroMaxLen  = 64

	hllAlphaInf = 0.721347520444481703680 // 0.5/ln(2)
)

// --- The header ---

func hllEncoding(b []byte) byte { return b[4] }

func hllInvalidateCache(b []byte) { b[15] |= 0x80 }

// hllCachedCount is the cardinality that the header has, if it is valid.
func hllCachedCount(b []byte) (card uint64, ok bool) {
	return binary.LittleEndian.Uint64(b[8:]), b[15]&0x80 == 0
}

// validHLL tells whether a string looks like a HyperLogLog from outside.
func validHLL(b []byte) bool {
	if len(b) < hllHdrSize || string(b[:4]) != "HYLL" || hllEncoding(b) > hllSparse {
		return false
	}
	return hllEncoding(b) != hllDense || len(b) == hllDenseSize
}

// createHLL appends an empty HyperLogLog: sparse, one XZERO over all registers.
func createHLL(b []byte) []byte {
	b = append(b, "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	return append(b, hllSparseXzeroBit|(hllRegisterCount-1)>>8, (hllRegisterCount-1)&0xFF)
}

// --- Hashing ---

// murmurHash64A is MurmurHash2, 64 bits, for little-endian words on every platform.
func murmurHash64A(b []byte, seed uint64) uint64 {
	const (
		m = 0xc6a4a7935bd1e995
		r = 47
	)
	h := seed ^ uint64(len(b))*m
	for len(b) >= 8 {
		k := binary.LittleEndian.Uint64(b) * m
		k ^= k >> r
		h = (h ^ k*m) * m
		b = b[8:]
	}
	if len(b) > 0 {
		var tail uint64
		for i, c := range b {
			tail |= uint64(c) << (8 * uint(i))
		}
		h = (h ^ tail) * m
	}
	h ^= h >> r
	h *= m
	return h ^ h>>r
}

// hllPatLen returns the register that an element belongs to, and what it would set it to: the run of zeros with the one behind it.
func hllPatLen(element []byte) (index int, count uint8) {
	hash := murmurHash64A(element, 0xadc83b19)
	return int(hash & (hllRegisterCount - 1)), uint8(bits.TrailingZeros64(hash>>hllP|1<<hllQ)) + 1
}

// --- Dense ---

// hllDenseGet is register i. A register whose bits begin at bit 4 or 6 of a byte goes on in the next.
func hllDenseGet(b []byte, i int) uint8 {
	at, shift := hllHdrSize+i*hllBits/8, uint(i*hllBits)&7
	v := uint(b[at]) >> shift
	if shift > 2 {
		v |= uint(b[at+1]) << (8 - shift)
	}
	return uint8(v & hllRegisterMax)
}

func hllDensePut(b []byte, i int, v uint8) {
	at, shift := hllHdrSize+i*hllBits/8, uint(i*hllBits)&7
	b[at] = b[at]&^byte(hllRegisterMax<<shift) | v<<shift
	if shift > 2 {
		b[at+1] = b[at+1]&^byte(hllRegisterMax>>(8-shift)) | v>>(8-shift)
	}
}

// hllDenseSet raises register i to v, and reports whether it was less.
func hllDenseSet(b []byte, i int, v uint8) bool {
	if hllDenseGet(b, i) >= v {
		return false
	}
	hllDensePut(b, i, v)
	return true
}

// --- Sparse ---

// hllOpcode reads the opcode at p: how many registers it covers, their value, and its size, which may reach beyond the end.
func hllOpcode(b []byte, p int) (run int, value uint8, size int) {
	c := b[p]
	switch {
	case c&hllSparseValBit != 0:
		return int(c&3) + 1, c>>2&0x1F + 1, 1
	case c&hllSparseXzeroBit == 0:
		return int(c) + 1, 0, 1
	}
	run = int(c&0x3F) << 8
	if p+1 < len(b) {
		run |= int(b[p+1])
	}
	return run + 1, 0, 2
}

// hllAppendVal and hllAppendZeros append opcodes.
func hllAppendVal(b []byte, v uint8, run int) []byte {
	return append(b, (v-1)<<2|byte(run-1)|hllSparseValBit)
}

func hllAppendZeros(b []byte, run int) []byte {
	if run > hllSparseZeroMaxLen {
		return append(b, byte((run-1)>>8)|hllSparseXzeroBit, byte(run-1))
	}
	return append(b, byte(run-1))
}

// hllSparseCheck tells whether the opcodes of b cover all registers and no more.
func hllSparseCheck(b []byte) bool {
	n := 0
	for p := hllHdrSize; p < len(b) && n <= hllRegisterCount; {
		run, _, size := hllOpcode(b, p)
		n += run
		p += size
	}
	return n == hllRegisterCount
}

// hllSparseToDense appends to dst, which is empty, the dense form of a sparse HyperLogLog; ok tells whether that was valid.
func hllSparseToDense(dst, b []byte) (_ []byte, ok bool) {
	if !hllSparseCheck(b) {
		return dst, false
	}
	dst = append(dst, b[:hllHdrSize]...)
	dst = append(dst, make([]byte, hllDenseSize-hllHdrSize)...)
	dst[4] = hllDense
	i := 0
	for p := hllHdrSize; p < len(b); {
		run, v, size := hllOpcode(b, p)
		if v != 0 {
			for j := range run {
				hllDensePut(dst, i+j, v)
			}
		}
		i += run
		p += size
	}
	return dst, true
}

// hllSpot is where in a sparse string a register was found: at the opcode that covers it. The opcode in front, -1 if there is
// none, is remembered with what is in front of that.
type hllSpot struct {
	p, first                  int // the opcode, and the first register that it covers
	prev, prevFirst, prevPrev int
}

var hllSparseStart = hllSpot{p: hllHdrSize, prev: -1, prevPrev: -1}

// hllSparseFind looks for the opcode that covers a register, from a spot in front of it on. Most of what PFADD costs on a sparse key
// is spent here. Where many registers are set there is hardly an XZERO, and eight opcodes can be passed at a time: each byte of a
// word becomes the run, less one, of its opcode, by masking off what is not part of that, and the sum of the bytes tells
// whether the register is among them.
func hllSparseFind(b []byte, from hllSpot, index int) (s hllSpot, ok bool) {
	p, first := from.p, from.first
	prev, prevFirst, prevPrev := from.prev, from.prevFirst, from.prevPrev
	dense, again := len(b) >= 1024, 0 // fewer registers than that, and XZERO abounds
	for p < len(b) {
		if dense && p >= again && p+8 <= len(b) {
			const bytes = 0x0101010101010101
			w := binary.LittleEndian.Uint64(b[p:])
			vals := w >> 7 & bytes
			if w>>6&bytes&^vals == 0 { // no XZERO
				w &= 0x3F*bytes ^ vals*0x3C
				sum := w&0x00FF00FF00FF00FF + w>>8&0x00FF00FF00FF00FF
				runs := int(sum*0x0001000100010001>>48) + 8
				if index >= first+runs {
					prevPrev, prev, prevFirst = p+6, p+7, first+runs-1-int(w>>56)
					p += 8
					first += runs
					continue
				}
			}
			again = p + 8
		}
		c := b[p]
		run, size := int(c)+1, 1
		if c&hllSparseValBit != 0 {
			run = int(c&3) + 1
		} else if c&hllSparseXzeroBit != 0 {
			run, _, size = hllOpcode(b, p)
		}
		if index < first+run {
			return hllSpot{p, first, prev, prevFirst, prevPrev}, true
		}
		prevPrev, prev, prevFirst = prev, p, first
		p += size
		first += run
	}
	return s, false
}

// What hllSparseSet says.
const (
	hllCorrupt   = -1
	hllUnchanged = 0
	hllChanged   = 1
)

// hllSparseSet raises a register, at the spot where hllSparseFind found it, to count. It changes b in place where its capacity allows, and
// returns it: dense, if that had to be.
//
// The opcode that covers the register is cut into up to three: what is in front, the register, what is behind. Then
// up to five opcodes from the one in front on are looked at for neighbours with the same value that fit into one opcode. (That makes
// the bytes depend on the order in which elements came; C's are made in the same way.)
func (server *Server) hllSparseSet(b []byte, s hllSpot, index int, count uint8) (_ []byte, result int) {
	run, value, size := hllOpcode(b, s.p)
	if value >= count {
		return b, hllUnchanged
	}
	if count > hllSparseValMaxValue {
		return hllPromote(b, index, count)
	}
	var room [5]byte
	seq := room[:0]
	before, after := index-s.first, s.first+run-1-index
	fill := func(n int) {
		switch {
		case n == 0:
		case value == 0:
			seq = hllAppendZeros(seq, n)
		default:
			seq = hllAppendVal(seq, value, n)
		}
	}
	fill(before)
	seq = hllAppendVal(seq, count, 1)
	fill(after)

	if delta := len(seq) - size; delta == 0 {
		copy(b[s.p:], seq)
	} else {
		if delta > 0 && len(b)+delta > server.hllSparseMaxBytes {
			return hllPromote(b, index, count)
		}
		b = hllSplice(b, s.p, size, seq)
	}
	b = hllMergeValues(b, s)
	hllInvalidateCache(b)
	return b, hllChanged
}

// hllSplice puts seq in place of the size bytes at p. Where the end cuts those, it cuts seq too.
func hllSplice(b []byte, p, size int, seq []byte) []byte {
	old := len(b)
	n := old + len(seq) - size
	if n > old {
		b = append(b, seq[:n-old]...)
	}
	if p+size < old {
		copy(b[p+len(seq):n], b[p+size:old])
	}
	copy(b[p:n], seq)
	return b[:n]
}

// hllMergeValues joins neighbouring VALs of the same value, around a spot that was changed.
func hllMergeValues(b []byte, s hllSpot) []byte {
	p := s.prev
	if p < 0 {
		p = hllHdrSize
	}
	for range 5 {
		if p >= len(b) {
			break
		}
		run, value, size := hllOpcode(b, p)
		if value != 0 && p+1 < len(b) {
			if run2, value2, _ := hllOpcode(b, p+1); value2 == value && run+run2 <= hllSparseValMaxLen {
				hllAppendVal(b[:p], value, run+run2)
				copy(b[p+1:], b[p+2:])
				b = b[:len(b)-1]
				continue // the next one may fit, too
			}
		}
		p += size
	}
	return b
}

// hllPromote makes a sparse string dense and sets a register.
func hllPromote(b []byte, index int, count uint8) (_ []byte, result int) {
	dense, ok := hllSparseToDense(nil, b)
	if !ok {
		return b, hllCorrupt
	}
	hllDenseSet(dense, index, count)
	hllInvalidateCache(dense)
	return dense, hllChanged
}

// hllAdd adds an element to a HyperLogLog that the caller owns.
func (server *Server) hllAdd(b []byte, index int, count uint8) (_ []byte, result int) {
	if hllEncoding(b) == hllDense {
		if hllDenseSet(b, index, count) {
			return b, hllChanged
		}
		return b, hllUnchanged
	}
	s, ok := hllSparseFind(b, hllSparseStart, index)
	if !ok {
		if count > hllSparseValMaxValue {
			return hllPromote(b, index, count)
		}
		return b, hllCorrupt
	}
	return server.hllSparseSet(b, s, index, count)
}

// --- Unions ---

// hllRegisters is all registers, eight in the lower 48 bits of each word, to compute unions in.
type hllRegisters struct {
	words [hllRegisterCount / 8]uint64
	used  bool // not all zero
}

// hllMaxWord is the greater of each of eight registers. The lower five bits of all are compared by one subtraction, in which a
// highest bit that is set in one and clear in the other keeps each register's borrow from the next; then the real
// highest bits decide where they differ.
func hllMaxWord(a, b uint64) uint64 {
	const highest = 0x820820820820
	differ := a ^ b
	greater := (a&^b | ((a|highest)-(b&^highest))&^differ) & highest // in the highest bit: a >= b
	mask := greater - greater>>5 | greater                           // in all six
	return b ^ differ&mask
}

// mergeDense raises all registers to those of a dense HyperLogLog.
func (r *hllRegisters) mergeDense(b []byte) {
	b = b[hllHdrSize:hllDenseSize]
	if !r.used {
		r.used = true
		for i := 0; len(b) >= 24; i += 4 {
			w, src := (*[4]uint64)(r.words[i:]), (*[24]byte)(b)
			w[0], w[1], w[2], w[3] = hllFourWords(src)
			b = b[24:]
		}
		return
	}
	for i := 0; len(b) >= 24; i += 4 {
		w, src := (*[4]uint64)(r.words[i:]), (*[24]byte)(b)
		w0, w1, w2, w3 := hllFourWords(src)
		w[0] = hllMaxWord(w[0], w0)
		w[1] = hllMaxWord(w[1], w1)
		w[2] = hllMaxWord(w[2], w2)
		w[3] = hllMaxWord(w[3], w3)
		b = b[24:]
	}
}

// hllFourWords unpacks 32 registers. The higher bits of the words are zero.
func hllFourWords(b *[24]byte) (w0, w1, w2, w3 uint64) {
	const low = 1<<48 - 1
	return binary.LittleEndian.Uint64(b[0:8]) & low, binary.LittleEndian.Uint64(b[6:14]) & low,
		binary.LittleEndian.Uint64(b[12:20]) & low, binary.LittleEndian.Uint64(b[16:24]) >> 16
}

// mergeDenseByRegister is mergeDense in the plain way, for PFDEBUG SIMD OFF.
func (r *hllRegisters) mergeDenseByRegister(b []byte) {
	r.used = true
	for i := range hllRegisterCount {
		r.raise(i, hllDenseGet(b, i))
	}
}

func (r *hllRegisters) get(i int) uint8 {
	return uint8(r.words[i>>3]>>(uint(i&7)*hllBits)) & hllRegisterMax
}

func (r *hllRegisters) raise(i int, v uint8) {
	if old := r.get(i); v > old {
		r.words[i>>3] += uint64(v-old) << (uint(i&7) * hllBits)
	}
}

// mergeSparse raises registers to those of a sparse HyperLogLog, and reports whether it was valid.
func (r *hllRegisters) mergeSparse(b []byte) bool {
	r.used = true
	i := 0
	for p := hllHdrSize; p < len(b); {
		run, v, size := hllOpcode(b, p)
		if i+run > hllRegisterCount {
			return false
		}
		if v != 0 {
			for j := range run {
				r.raise(i+j, v)
			}
		}
		i += run
		p += size
	}
	return i == hllRegisterCount
}

// storeDense writes all registers to a dense HyperLogLog.
func (r *hllRegisters) storeDense(b []byte) {
	b = b[hllHdrSize:hllDenseSize]
	for i := 0; len(b) >= 24; i += 4 {
		w, dst := (*[4]uint64)(r.words[i:]), (*[24]byte)(b)
		binary.LittleEndian.PutUint64(dst[0:8], w[0]|w[1]<<48)
		binary.LittleEndian.PutUint64(dst[8:16], w[1]>>16|w[2]<<32)
		binary.LittleEndian.PutUint64(dst[16:24], w[2]>>32|w[3]<<16)
		b = b[24:]
	}
}

// --- Counting ---

// hllHistogram counts registers by value. Four counters a value, for neighbours that tend to be alike: incrementing one counter again and
// again waits for memory each time.
type hllHistogram [4][hllRegisterMax + 1]uint32

func (h *hllHistogram) addWord(w uint64) {
	h[0][w&63]++
	h[1][w>>6&63]++
	h[2][w>>12&63]++
	h[3][w>>18&63]++
	h[0][w>>24&63]++
	h[1][w>>30&63]++
	h[2][w>>36&63]++
	h[3][w>>42&63]++
}

// hllCount estimates how many elements a HyperLogLog has seen; ok tells whether it is valid.
func hllCount(b []byte) (card uint64, ok bool) {
	var h hllHistogram
	if hllEncoding(b) == hllDense {
		b = b[hllHdrSize:hllDenseSize]
		for len(b) >= 24 {
			w0, w1, w2, w3 := hllFourWords((*[24]byte)(b))
			h.addWord(w0)
			h.addWord(w1)
			h.addWord(w2)
			h.addWord(w3)
			b = b[24:]
		}
		return h.estimate(), true
	}
	n := 0
	for p := hllHdrSize; p < len(b); {
		run, v, size := hllOpcode(b, p)
		n += run
		if n > hllRegisterCount {
			return 0, false
		}
		h[0][v] += uint32(run)
		p += size
	}
	if n != hllRegisterCount {
		return 0, false
	}
	return h.estimate(), true
}

// count estimates how many elements a union has.
func (r *hllRegisters) count() uint64 {
	var h hllHistogram
	for _, w := range r.words {
		h.addWord(w)
	}
	return h.estimate()
}

// hllSigma and hllTau are the functions of those names in Ertl's paper, sums that are computed until they do not change any more.
func hllSigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		before := z
		z += float64(x * y)
		y += y
		if z == before {
			return z
		}
	}
}

func hllTau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		before := z
		y *= 0.5
		z -= float64(float64((1-x)*(1-x)) * y)
		if z == before {
			return z / 3
		}
	}
}

// estimate is the number of elements behind a histogram. Registers that no hash sets, above 51, count for nothing.
func (h *hllHistogram) estimate() uint64 {
	at := func(v int) float64 { return float64(h[0][v] + h[1][v] + h[2][v] + h[3][v]) }
	const m = float64(hllRegisterCount)
	z := float64(m * hllTau((m-at(hllQ+1))/m))
	for j := hllQ; j >= 1; j-- {
		z = float64((z + at(j)) * 0.5)
	}
	z += float64(m * hllSigma(at(0)/m))
	e := math.Round(hllAlphaInf * m * m / z)
	if !(e < 1<<63) {
		return 1 << 63 // nothing but impossible registers: what C's conversion makes of infinity
	}
	return uint64(e)
}
