// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"testing"

	"redport/src/zmalloc"
)

// Prefetch may be asked for anything at any time, and leaves no trace.
func TestPrefetch(t *testing.T) {
	for name, typ := range types {
		t.Run(name, func(t *testing.T) {
			w := newWorld(zmalloc.Auto)
			m := newModel(t, w, typ)
			r := newSource(3, 4)
			r.fat = true
			for range 60 {
				for range 50 {
					m.step(r, 2000, true)
				}
				hashes := make([]uint64, 0, PrefetchMax+3)
				for len(hashes) < cap(hashes) {
					h := r.Uint64()
					if len(m.keys) > 0 && h&1 == 0 {
						h = m.d.hashKey([]byte(m.keys[r.IntN(len(m.keys))]))
					}
					hashes = append(hashes, h)
				}
				m.d.Prefetch(hashes[:r.IntN(len(hashes)+1)])
				m.d.PrefetchPage(r.Uint64())
				check(t, m.d)
			}
			m.checkAll()
			w.end(t, m.d)
		})
	}
}
