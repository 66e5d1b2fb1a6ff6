// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"cmp"
	"slices"
	"testing"
	"unsafe"

	"redport/src/epoch"
	"redport/src/zmalloc"
)

// check_test.go - what must hold for a Dict at any time, and what other tests share.

// checker walks a Dict and verifies the invariants of dict.go.
type checker struct {
	t            testing.TB
	d            *Dict
	bytes        int64
	pages, nodes uint32
	ptrs         map[uint32]bool
}

type checked struct {
	count, vol int64
	hint       uint32
	owner      uint64
}

// check verifies d from top to bottom.
func check(t testing.TB, d *Dict) {
	t.Helper()
	c := checker{t: t, d: d, ptrs: map[uint32]bool{}}
	var got checked
	if d.root != 0 {
		got = c.ref(d.root, 0, 0)
	}
	if int(got.count) != d.n || int(got.vol) != d.vol {
		t.Fatalf("%d entries, %d with an expiry; counted %d, %d", got.count, got.vol, d.n, d.vol)
	}
	if c.bytes+d.heap != d.bytes || c.pages != d.pages || c.nodes != d.nodes {
		t.Fatalf("%d bytes, %d pages, %d nodes; counted %d, %d, %d", c.bytes+d.heap, c.pages, c.nodes, d.bytes, d.pages, d.nodes)
	}
	if d.n == 0 && d.root != 0 {
		t.Fatal("empty, but there is a root")
	}
}

func (c *checker) ref(ref, prefix uint64, depth int) checked {
	if ref&tagNode != 0 {
		return c.node(nodeAt(ref), ref, prefix, depth)
	}
	return c.page(pageAt(ref), prefix, depth)
}

func (c *checker) node(nd *node, ref, prefix uint64, depth int) checked {
	t := c.t
	if nd.ref() != ref || nd.bits < minBits || nd.bits > maxBits {
		t.Fatalf("reference %x to a node of %d bits", ref, nd.bits)
	}
	c.nodes++
	c.bytes += nodeBytes(nd.bits)
	below := depth + int(nd.bits)
	slots, hints := nd.slots(), nd.hints()
	var sum checked
	sum.hint = noHint
	kids, subs := 0, 0
	deepest := 0
	for i := 0; i < len(slots); {
		var at uint64
		if below <= 64 {
			at = prefix | uint64(i)<<(64-below)
		} else {
			at = prefix | uint64(i)>>(below-64)
		}
		x := c.ref(slots[i], at, below)
		kids++
		n := 1
		if slots[i]&tagNode != 0 {
			subs++
			deepest = below
		} else {
			p := pageAt(slots[i])
			if int(p.depth) <= depth || int(p.depth) > below {
				t.Fatalf("page of depth %d in node of depth %d to %d", p.depth, depth, below)
			}
			deepest = max(deepest, int(p.depth))
			n = 1 << (below - int(p.depth))
			if i&(n-1) != 0 {
				t.Fatal("references to a page are not aligned")
			}
			if p.n == 0 {
				buddy := slots[i^n]
				if buddy&tagNode == 0 && pageAt(buddy).depth == p.depth && p.depth < maxDepth {
					t.Fatal("empty page next to one of the same depth")
				}
			}
			for j := i; j < i+n; j++ {
				if slots[j] != slots[i] || j > i && hints[j] != noHint {
					t.Fatal("references of a page differ")
				}
			}
		}
		// Once a snapshot between the two is released, an older node may be written in place and get a younger child. What the
		// youngest snapshot sees, it sees down to the leaves.
		if clk := c.d.clk; clk.Frozen(nd.owner) && !clk.Frozen(x.owner) {
			t.Fatalf("frozen node of epoch %d above a block of epoch %d", nd.owner, x.owner)
		}
		if x.count > nd.most {
			t.Fatalf("%d entries, at most %d expected", x.count, nd.most)
		}
		if hints[i] > x.hint {
			t.Fatalf("hint %d, but %d below", hints[i], x.hint)
		}
		if x.vol == 0 && slots[i]&tagNode == 0 && hints[i] != noHint {
			t.Fatal("hint for a page without expiries")
		}
		sum.count += x.count
		sum.vol += x.vol
		sum.hint = min(sum.hint, x.hint)
		i += n
	}
	if kids != int(nd.kids) || subs != int(nd.subs) || sum.count != nd.count || sum.vol != nd.vol {
		t.Fatalf("node: %d kids, %d nodes, %d entries, %d expiring; counted %d, %d, %d, %d", kids, subs, sum.count, sum.vol, nd.kids, nd.subs, nd.count, nd.vol)
	}
	if kids < 2 {
		t.Fatal("node with a single page")
	}
	sum.owner = nd.owner
	return sum
}

func (c *checker) page(p *page, prefix uint64, depth int) checked {
	t := c.t
	c.pages++
	c.bytes += int64(p.size)
	if zmalloc.UsableSize(int(p.size)) != int(p.size) {
		t.Fatalf("page of %d bytes", p.size)
	}
	sum := checked{hint: noHint, owner: p.owner}
	if p.gap(int(p.n)) < 0 {
		t.Fatal("index and entries overlap")
	}
	type extent struct{ off, size int }
	var extents []extent
	live := 0
	for i := range int(p.n) {
		e := p.entry(i)
		size := entrySize(e)
		off := int(p.offset(i))
		if off > int(p.low) || size > off {
			t.Fatalf("entry of %d bytes at %d of %d", size, off, p.low)
		}
		extents = append(extents, extent{off, size})
		live += size
		h := c.d.hashKey(entryKey(e))
		if p.depth > 0 && (h^prefix)>>(64-p.depth) != 0 {
			t.Fatalf("hash %x in the page for %x, %d bits", h, prefix, p.depth)
		}
		if *p.fingerprintAt(i) != byte(h) || c.d.hashOf(e) != h {
			t.Fatal("wrong fingerprint or hash")
		}
		flags := load8(e, 0)
		if (flags&flagAccess != 0) != c.d.t.Access {
			t.Fatal("access word where there should be none, or none")
		}
		sum.count++
		if flags&flagExpire != 0 {
			sum.vol++
			sum.hint = min(sum.hint, hintOf(entryExpire(e)))
		}
		if flags&flagsOut != 0 && p.flags&pageOut == 0 {
			t.Fatal("page does not know that there are blobs")
		}
		if flags&flagLongKey != 0 {
			c.blob(load64(unsafe.Add(e, keyAt(flags))), p, len(entryKey(e))+longKeyHeader-blobHeader)
		}
		switch v := valueAt(e, flags); {
		case flags&flagBlob != 0:
			c.blob(load64(v), p, int(load64(unsafe.Add(v, 8))))
		case flags&flagPointer != 0:
			if i := load32(v); c.ptrs[i] {
				t.Fatal("index of a pointer used twice")
			} else {
				c.ptrs[i] = true
			}
		}
	}
	slices.SortFunc(extents, func(a, b extent) int { return cmp.Compare(b.off, a.off) })
	for i := 1; i < len(extents); i++ {
		if a, b := extents[i-1], extents[i]; a.off-a.size < b.off {
			t.Fatal("entries overlap")
		}
	}
	if live != p.live() {
		t.Fatalf("%d bytes of entries, counted %d", live, p.live())
	}
	if sum.vol != int64(p.vol) {
		t.Fatalf("page with %d expiries, counted %d", sum.vol, p.vol)
	}
	if p.owner > c.d.clk.Now() {
		t.Fatal("page from the future")
	}
	return sum
}

func (c *checker) blob(ref uint64, p *page, n int) {
	b := blobAt(ref)
	c.bytes += int64(b.size)
	if n > b.cap() || b.owner > c.d.clk.Now() {
		c.t.Fatal("bad blob")
	}
}

// world is an allocator and a clock for a test; at its end everything must have been given back.
type world struct {
	a   *zmalloc.Allocator
	clk *epoch.Clock
}

func newWorld(backend zmalloc.Backend) *world {
	a := zmalloc.New(backend)
	return &world{a, epoch.New(a)}
}

// drain reclaims everything that can be reclaimed.
func (w *world) drain() {
	for w.clk.Reclaim(0) {
	}
}

// end verifies that nothing is left once the Dicts are released.
func (w *world) end(t testing.TB, dicts ...*Dict) {
	t.Helper()
	for _, d := range dicts {
		d.Release()
	}
	w.drain()
	w.a.Purge()
	if w.a.Used() != 0 || w.a.Pending() != 0 || w.a.Mapped() != 0 {
		t.Errorf("at the end: used %d, pending %d, mapped %d", w.a.Used(), w.a.Pending(), w.a.Mapped())
	}
	w.a.Close()
}
