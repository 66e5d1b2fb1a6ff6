// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"testing"

	"redport/src/zmalloc"
)

// A Join finds what Find finds, whatever the sizes of the two dictionaries.
func TestJoin(t *testing.T) {
	for name, typ := range types {
		if typ.Hash != nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			w := newWorld(zmalloc.Auto)
			r := newSource(9, 9)
			r.fat = true
			for _, sizes := range [][2]int{{0, 0}, {0, 50}, {50, 0}, {1, 1}, {30, 3000}, {3000, 30}, {2000, 2000}, {200, 20000}, {20000, 200}} {
				var m [2]*model
				for i, n := range sizes {
					m[i] = newModel(t, w, typ)
					for range n {
						m[i].step(r, 1+2*max(sizes[0], sizes[1]), true)
					}
				}
				j := m[1].d.Join()
				found := 0
				for it := m[0].d.Iter(); it.Next(); {
					key := it.Entry().Key()
					want := m[1].d.Find(m[1].hash(key), key).Ok()
					if got := j.Has(&it); got != want {
						t.Fatalf("%v: %q: %v", sizes, key, got)
					}
					if want {
						found++
					}
				}
				t.Logf("%d and %d entries, %d in both", m[0].d.Len(), m[1].d.Len(), found)
				w.end(t, m[0].d, m[1].d)
				w = newWorld(zmalloc.Auto)
			}
		})
	}
}
