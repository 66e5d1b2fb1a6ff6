// SPDX-License-Identifier: BSD-3-Clause

package dict

import "slices"

// NextExpire returns a time, Unix time in ms, before which no entry expires: exact in a Dict of one page, else up to a second and
// a bit too early, and more if the entry that was to expire first has got another expiry since Due came by. -1 if nothing
// expires.
func (d *Dict) NextExpire() int64 {
	if d.vol == 0 {
		return -1
	}
	if d.root&tagNode != 0 {
		return int64(slices.Min(nodeAt(d.root).hints())) << 10
	}
	p := pageAt(d.root)
	next := int64(-1)
	for i := range int(p.n) {
		if when := entryExpire(p.entry(i)); when >= 0 && (next < 0 || when < next) {
			next = when
		}
	}
	return next
}
