// SPDX-License-Identifier: BSD-3-Clause

package dict

// join.go - asking one Dict for the keys of another, as intersections and differences of sets do.
//
// All Dicts without a Hash of their own use the same hash, so their entries come in the same order, and page for page. While an Iter goes through
// one Dict, the page of the other that covers the same hashes is at hand, and fingerprints can be compared as they are: there is nothing to
// hash, and no way through nodes. Only where the other's pages are smaller it takes the hash to tell which.

// Join looks keys up in a Dict for an Iter of another. Neither may be written to meanwhile.
type Join struct {
	d  *Dict
	of *page // of the Iter, for which pg is right
	pg *page // of d; nil if several pages have the hashes of that one
}

// Join returns a Join that looks keys up in d.
func (d *Dict) Join() Join { return Join{d: d} }

// Has tells whether d has the key at which it stands.
func (j *Join) Has(it *Iter) bool {
	if j.of != it.pg {
		j.of, j.pg = it.pg, nil
		start := it.next - 1<<(64-it.pg.depth)
		if p := j.d.findPage(start); p == nil || p.depth <= it.pg.depth {
			j.pg = p
		}
	}
	x := it.pg.entry(it.i)
	if j.pg == nil || load8(x, 0)&flagLongKey != 0 {
		key := entryKey(x)
		return j.d.n > 0 && j.d.Find(it.d.hashOf(x), key).Ok()
	}
	return j.pg.find(uint64(*it.pg.fingerprintAt(it.i)), entryKey(x)) != nil
}
