// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"math/bits"
	"unsafe"

	"redport/src/platform/prefetch"
)

// prefetch.go - having the memory at hand that lookups are going to read.
//
// In a large Dict a lookup waits three times for memory, each time for an address that it has just read. Lookups of several keys that
// are known beforehand can wait together: all their pages are asked for, then all their entries, then what the entries refer to.

// PrefetchMax is how many hashes one call of Prefetch looks at. Their lines together are well below what a processor's first cache holds.
const PrefetchMax = 32

// pageLines is how many cache lines hold header and index of most pages.
const pageLines = 3

// Prefetch brings what lookups of hashes will read into the processor's caches. It changes nothing, and the Dict may change
// after it.
func (d *Dict) Prefetch(hashes []uint64) {
	if !prefetch.Works || d.n == 0 {
		return
	}
	hashes = hashes[:min(len(hashes), PrefetchMax)]
	var pages, found [PrefetchMax]unsafe.Pointer
	for i, h := range hashes {
		pages[i] = unsafe.Pointer(d.findPage(h))
	}
	prefetch.Lines(&pages[0], len(hashes), pageLines)
	n := 0
	for i, h := range hashes {
		if e := (*page)(pages[i]).candidate(h); e != nil {
			found[n] = e
			n++
		}
	}
	prefetch.Lines(&found[0], n, 2)
	k := 0
	for _, e := range found[:n] {
		if flags := load8(e, 0); flags&flagBlob != 0 && load8(e, 2) != 0 {
			pages[k] = pointer(uintptr(load64(valueAt(e, flags))))
			k++
		}
	}
	prefetch.Lines(&pages[0], k, 2)
}

// PrefetchPage only asks for what a lookup of h reads first, and does not wait for it.
func (d *Dict) PrefetchPage(h uint64) {
	if prefetch.Works && d.n != 0 {
		p := unsafe.Pointer(d.findPage(h))
		prefetch.Lines(&p, 1, pageLines)
	}
}

// candidate returns the first entry whose fingerprint is that of h, nil if there is none. The entry itself is not read.
func (p *page) candidate(h uint64) unsafe.Pointer {
	if p.wide() {
		return nil
	}
	pattern := uint64(byte(h)) * lowBits
	g := unsafe.Add(unsafe.Pointer(p), pageHeader)
	for n := int(p.n); n > 0; n -= groupLen {
		x := load64(g) ^ pattern
		m := (x - lowBits) &^ x & highBits
		if n < groupLen {
			m &= 1<<(n*8) - 1
		}
		if m != 0 {
			i := bits.TrailingZeros64(m) >> 3
			return unsafe.Add(p.end(), -uintptr(load16(unsafe.Add(g, groupLen+i*2))))
		}
		g = unsafe.Add(g, groupSize)
	}
	return nil
}
