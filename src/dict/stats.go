// SPDX-License-Identifier: BSD-3-Clause

package dict

// stats.go - the shape of a Dict, for DEBUG HTSTATS and for tuning.

// Stats describes the shape of a Dict.
type Stats struct {
	Entries   int
	Pages     int
	Nodes     int
	Depth     int   // nodes on the longest way to a page
	PageBytes int64 // of the blocks of all pages
	FreeBytes int64 // part of these that is unused: gaps and holes
	NodeBytes int64
	BlobBytes int64               // of values and keys outside of pages
	Fill      [maxEntries + 1]int // pages by number of entries; the last: that or more
}

// Stats looks at all pages: slow.
func (d *Dict) Stats() Stats {
	s := Stats{Entries: d.n}
	if d.root != 0 {
		s.add(d.root, 0)
	}
	s.BlobBytes = d.bytes - d.heap - s.PageBytes - s.NodeBytes
	return s
}

func (s *Stats) add(ref uint64, level int) {
	s.Depth = max(s.Depth, level)
	if ref&tagNode != 0 {
		nd := nodeAt(ref)
		s.Nodes++
		s.NodeBytes += nodeBytes(nd.bits)
		slots := nd.slots()
		for i, x := range slots {
			if i == 0 || x != slots[i-1] {
				s.add(x, level+1)
			}
		}
		return
	}
	p := pageAt(ref)
	s.Pages++
	s.PageBytes += int64(p.size)
	s.FreeBytes += int64(p.size) - int64(pageHeader+indexSize(int(p.n), p.wide())+p.live())
	s.Fill[min(int(p.n), maxEntries)]++
}
