// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"redport/src/zmalloc"
)

// item is an entry of the model.
type item struct {
	value  string
	ptr    *int
	meta   uint8
	expire int64
	access uint32
}

// model is a Dict beside a map that has the same contents.
type model struct {
	t    testing.TB
	w    *world
	d    *Dict
	m    map[string]item
	keys []string // of m, for choosing at random
	at   map[string]int
}

func newModel(t testing.TB, w *world, typ *Type) *model {
	return &model{t: t, w: w, d: New(w.clk, typ), m: map[string]item{}, at: map[string]int{}}
}

func (m *model) hash(key []byte) uint64 { return m.d.hashKey(key) }

func (m *model) find(key string) Entry {
	e := m.d.Find(m.hash([]byte(key)), []byte(key))
	if _, ok := m.m[key]; ok != e.Ok() {
		m.t.Fatalf("Find(%.40q) = %v, want %v", key, e.Ok(), ok)
	}
	return e
}

// same compares an entry with the model's.
func (m *model) same(e Entry, key string, it item) {
	m.t.Helper()
	if !e.Ok() {
		m.t.Fatalf("%.40q: gone", key)
	}
	if string(e.Key()) != key || e.Meta() != it.meta || e.Expire() != it.expire || e.Access() != it.access || e.IsPointer() != (it.ptr != nil) ||
		string(e.Value()) != it.value || e.Pointer() != unsafe.Pointer(it.ptr) {
		m.t.Fatalf("entry %.40q: value %.40q meta %d expire %d access %d; want %.40q %d %d %d", e.Key(), e.Value(), e.Meta(), e.Expire(), e.Access(),
			it.value, it.meta, it.expire, it.access)
	}
	if e.ValueCap() < len(it.value) || e.Size() < len(key)+len(it.value) {
		m.t.Fatalf("entry %.40q: capacity %d, size %d", key, e.ValueCap(), e.Size())
	}
}

func (m *model) insert(key string, it item) {
	e := m.find(key)
	it.expire = -1
	if !m.d.t.Access {
		it.access = 0
	}
	e = m.d.Insert(e, []byte(key), Value{Meta: it.meta, Bytes: []byte(it.value), Pointer: unsafe.Pointer(it.ptr)}, it.access)
	m.at[key] = len(m.keys)
	m.keys = append(m.keys, key)
	m.put(e, key, it)
}

// put notes what a write has done, and checks that the entry that it returned says the same.
func (m *model) put(e Entry, key string, it item) {
	m.t.Helper()
	m.m[key] = it
	m.same(e, key, it)
}

func (m *model) delete(key string) {
	m.d.Delete(m.find(key))
	m.forget(key)
}

func (m *model) forget(key string) {
	delete(m.m, key)
	i := m.at[key]
	last := m.keys[len(m.keys)-1]
	m.keys[i] = last
	m.at[last] = i
	m.keys = m.keys[:len(m.keys)-1]
	delete(m.at, key)
}

// checkAll compares all entries.
func (m *model) checkAll() {
	m.t.Helper()
	check(m.t, m.d)
	if m.d.Len() != len(m.m) {
		m.t.Fatalf("%d entries, want %d", m.d.Len(), len(m.m))
	}
	for key, it := range m.m {
		m.same(m.find(key), key, it)
	}
	seen := 0
	m.d.All(func(e Entry) bool {
		seen++
		key := string(e.Key())
		m.same(e, key, m.m[key])
		return true
	})
	if seen != len(m.m) {
		m.t.Fatalf("All: %d entries, want %d", seen, len(m.m))
	}
}

// source makes the random decisions of a model's operations.
type source struct {
	*rand.Rand
	fat bool // most values fill a page before it has many entries
}

func newSource(a, b uint64) source { return source{Rand: rand.New(rand.NewPCG(a, b))} }

func (r source) key(space int) string {
	n := r.IntN(space)
	switch {
	case n%97 == 3:
		return fmt.Sprintf("%0*d", 200+n%120, n) // around the longest inline key, or beyond
	case n == 0:
		return ""
	case n%31 == 5:
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("key:%012d", n)
}

func (r source) value() string {
	n := r.IntN(40)
	if r.fat {
		n = 80 + r.IntN(60)
	}
	switch r.IntN(30) {
	case 0:
		n = r.IntN(400)
	case 1:
		n = maxInlineValue - 2 + r.IntN(5)
	case 2:
		n = 0
	case 3:
		if r.IntN(20) == 0 {
			n = r.IntN(5000)
		}
	}
	b := make([]byte, n)
	x := r.Uint64()
	for i := range b {
		b[i] = byte(x >> (i % 8 * 8))
	}
	return string(b)
}

func (r source) item() item {
	it := item{value: r.value(), meta: uint8(r.Uint32()), access: r.Uint32() & 0xffffff, expire: -1}
	if r.IntN(10) == 0 {
		it.ptr, it.value = new(int), ""
	}
	return it
}

func (r source) expire() int64 {
	switch r.IntN(8) {
	case 0:
		return -1
	case 1:
		return []int64{0, 1, 1023, 1024, math.MaxInt64, math.MaxInt64 - 1, -2, 1 << 42}[r.IntN(8)]
	}
	return r.Int64N(1 << 24)
}

// step does one random operation. Grow makes insertions more likely than deletions.
func (m *model) step(r source, space int, grow bool) {
	key := r.key(space)
	if r.IntN(3) > 0 && len(m.keys) > 0 {
		key = m.keys[r.IntN(len(m.keys))]
	}
	d := m.d
	it, ok := m.m[key]
	if !ok {
		if grow || r.IntN(4) == 0 {
			m.insert(key, r.item())
		} else {
			m.find(key)
		}
		return
	}
	e := m.find(key)
	m.same(e, key, it)
	switch op := r.IntN(17); op {
	case 16:
		// The value goes to another key, which may be there.
		v := d.Detach(e, nil)
		m.forget(key)
		to := r.key(space)
		n, ok := m.m[to]
		n.meta, n.value, n.ptr = it.meta, it.value, it.ptr
		if e = m.find(to); ok {
			m.put(d.Replace(e, v), to, n)
			break
		}
		n.expire, n.access = -1, 0
		m.at[to] = len(m.keys)
		m.keys = append(m.keys, to)
		m.put(d.Insert(e, []byte(to), v, 0), to, n)
	case 0, 1, 2, 3:
		if op == 0 || !grow {
			m.delete(key)
		}
	case 4, 5, 6:
		n := r.item()
		if op == 4 && it.ptr == nil { // same size
			n.ptr = nil
			n.value = string(bytes.Repeat([]byte{byte(r.Uint32())}, len(it.value)))
		}
		it.value, it.ptr, it.meta = n.value, n.ptr, n.meta
		m.put(d.Replace(e, Value{Meta: n.meta, Bytes: []byte(n.value), Pointer: unsafe.Pointer(n.ptr)}), key, it)
	case 7, 8:
		it.expire = r.expire()
		m.put(d.SetExpire(e, it.expire), key, it)
	case 9:
		it.meta++
		m.put(d.SetMeta(e, it.meta), key, it)
	case 10:
		a := r.Uint32() & 0xffffff
		if d.SetAccess(e, a) {
			it.access = a
		} else if d.t.Access && d.clk.Live() == 0 {
			m.t.Fatal("access word not set")
		}
		m.put(e, key, it)
	case 11:
		if it.ptr != nil {
			break
		}
		e, b := d.Writable(e)
		if string(b) != it.value {
			m.t.Fatalf("Writable: %.40q, want %.40q", b, it.value)
		}
		for i := range b {
			b[i] ^= byte(i + op)
		}
		it.value = string(b)
		m.put(e, key, it)
	case 12, 13, 14:
		if it.ptr != nil {
			break
		}
		n := r.IntN(200)
		switch r.IntN(6) {
		case 0:
			n = len(it.value) + r.IntN(1000)
		case 1:
			n = r.IntN(len(it.value) + 1)
		case 2:
			if r.IntN(50) == 0 {
				n = r.IntN(3 << 20)
			}
		}
		e, b := d.Resize(e, n)
		want := it.value[:min(n, len(it.value))] + string(make([]byte, max(0, n-len(it.value))))
		if string(b) != want {
			m.t.Fatalf("Resize from %d to %d: %.80q, want %.80q", len(it.value), n, b, want)
		}
		for i := range b {
			if i%7 == 0 {
				b[i] = byte(n)
			}
		}
		it.value = string(b)
		m.put(e, key, it)
	case 15:
		// A value that lies in the Dict itself.
		if it.ptr != nil || len(m.keys) == 0 {
			break
		}
		other := m.keys[r.IntN(len(m.keys))]
		from := m.find(other)
		if from.IsPointer() {
			break
		}
		it.value = m.m[other].value
		m.put(d.Replace(e, Value{Meta: it.meta, Bytes: from.Value()}), key, it)
	}
}

// types are the kinds of Dict that tests run with: by hash function.
var types = map[string]*Type{
	"access":  {Access: true},
	"plain":   {},
	"equal":   {Hash: func([]byte) uint64 { return 0x123456789abcdef0 }},
	"zero":    {Access: true, Hash: func([]byte) uint64 { return 0 }},
	"few":     {Access: true, Hash: func(k []byte) uint64 { return Hash(k) & 0xf00000000000000f }},
	"deep":    {Hash: func(k []byte) uint64 { return Hash(k)>>40 | 0xabcdef<<40 }},
	"skewed":  {Access: true, Hash: func(k []byte) uint64 { h := Hash(k); return h >> (h & 31) }},
	"low16":   {Hash: func(k []byte) uint64 { return Hash(k)>>48 | 1<<63 }},
	"slotted": {Access: true, Hash: func(k []byte) uint64 { return Hash(k)>>14 | uint64(len(k))<<50 }},
}

// forTypes runs f for all types and both back ends.
func forTypes(t *testing.T, f func(t *testing.T, w *world, typ *Type)) {
	for _, name := range slices.Sorted(maps.Keys(types)) {
		for b, bname := range map[zmalloc.Backend]string{zmalloc.Mmap: "mmap", zmalloc.Heap: "heap"} {
			t.Run(name+"/"+bname, func(t *testing.T) {
				f(t, newWorld(b), types[name])
			})
		}
	}
}

// scaled makes a test smaller for types whose lookups are linear, under the race detector, and with -short.
func scaled(n int, typ *Type) int {
	if zmalloc.Invariants || testing.Short() {
		n /= 4
	}
	if typ == types["equal"] || typ == types["zero"] || typ == types["few"] {
		n /= 10
	}
	return n
}

func TestModel(t *testing.T) {
	forTypes(t, func(t *testing.T, w *world, typ *Type) {
		m := newModel(t, w, typ)
		r := newSource(1, 2)
		r.fat = typ == types["plain"] || typ == types["few"]
		n := scaled(80000, typ)
		for i := range n {
			m.step(r, n/8+1, i%(n/4) < n/7)
			if i%(n/20+1) == 0 {
				m.checkAll()
			}
			if i%64 == 0 {
				w.clk.Reclaim(0)
			}
		}
		m.checkAll()
		for len(m.keys) > 0 {
			m.delete(m.keys[len(m.keys)-1])
			if len(m.keys)%(n/50+1) == 0 {
				check(t, m.d)
			}
		}
		if m.d.root != 0 || m.d.bytes != m.d.heap {
			t.Fatalf("empty Dict holds %d bytes", m.d.bytes)
		}
		w.end(t, m.d)
	})
}

func TestEmpty(t *testing.T) {
	w := newWorld(zmalloc.Auto)
	d := New(w.clk, &Type{})
	if n := unsafe.Sizeof(*d); n > 100 {
		t.Errorf("an empty Dict takes %d bytes", n)
	}
	if d.Len() != 0 || d.Bytes() != 0 || d.Find(1, []byte("x")).Ok() || d.Scan(0, 10, nil) != 0 || d.Due(0, 1, 1, nil) != 0 || d.Random(nil).Ok() {
		t.Error("an empty Dict is not empty")
	}
	if d.Sample(nil, 1, false, nil) != 0 || d.CountPrefix(0, 14) != 0 || d.ReleasePrefix(0, 14) != 0 {
		t.Error("an empty Dict has entries")
	}
	d.All(func(Entry) bool { t.Error("entry in an empty Dict"); return true })
	d.Release()
	w.end(t, d)
}

// TestSmall: a Dict of few entries costs little more than they do.
func TestSmall(t *testing.T) {
	w := newWorld(zmalloc.Auto)
	d := New(w.clk, &Type{})
	live := 0
	for i := range 200 {
		key := fmt.Appendf(nil, "member:%d", i)
		d.Insert(d.Find(Hash(key), key), key, Value{}, 0)
		live += len(key) + entryHeader + 3
		if n := int(d.Bytes()); n > live*3/2+80 {
			t.Errorf("%d entries: %d bytes, where %d are needed", i+1, n, live)
		}
	}
	check(t, d)
	w.end(t, d)
}

// TestFloods: entries that all hash alike work, whatever their number.
func TestFloods(t *testing.T) {
	w := newWorld(zmalloc.Auto)
	m := newModel(t, w, types["equal"])
	for i := range 3000 {
		m.insert(fmt.Sprintf("%080d", i), item{value: "v"})
	}
	m.checkAll()
	if m.d.pages > 100 {
		t.Errorf("%d pages", m.d.pages)
	}
	for i := range 2990 {
		m.delete(fmt.Sprintf("%080d", i))
	}
	m.checkAll()
	if m.d.Bytes() > 10000 {
		t.Errorf("%d bytes for 10 entries", m.d.Bytes())
	}
	w.end(t, m.d)
}

// TestMassDelete: memory goes back as entries go, and the directory shrinks.
func TestMassDelete(t *testing.T) {
	w := newWorld(zmalloc.Auto)
	m := newModel(t, w, types["access"])
	r := newSource(5, 6)
	for i := range 50000 {
		m.insert(fmt.Sprintf("key:%012d", i), item{value: "some value"})
	}
	full := m.d.Stats()
	fullBytes := m.d.Bytes()
	for len(m.keys) > 0 {
		m.delete(m.keys[r.IntN(len(m.keys))])
		if n := len(m.keys); n%5000 == 0 {
			check(t, m.d)
			s := m.d.Stats()
			share := float64(n) / 50000
			if got := float64(m.d.Bytes()) / float64(fullBytes); got > share*1.5+0.01 {
				t.Errorf("%d of 50000 entries: %.3f of the memory (%+v; at first %+v)", n, got, s, full)
			}
		}
	}
	w.end(t, m.d)
}

func TestHugeValues(t *testing.T) {
	for b, name := range map[zmalloc.Backend]string{zmalloc.Mmap: "mmap", zmalloc.Heap: "heap"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(b)
			m := newModel(t, w, types["access"])
			const size = 20 << 20
			key := string(bytes.Repeat([]byte("k"), size))
			m.insert(key, item{value: "v"})
			m.insert("x", item{value: "start"})
			for _, n := range []int{1 << 20, size, size + 1, 3 * size, 2 << 20, 100, 5} {
				it := m.m["x"]
				e, got := m.d.Resize(m.find("x"), n)
				it.value = it.value[:min(n, len(it.value))] + string(make([]byte, max(0, n-len(it.value))))
				m.put(e, "x", it)
				if len(got) > 100 {
					got[len(got)-1] = 'z'
					it.value = it.value[:n-1] + "z"
					m.m["x"] = it
				}
				check(t, m.d)
			}
			s := w.clk.Snapshot()
			v := m.d.Snapshot(s)
			it := m.m["x"]
			e, got := m.d.Resize(m.find("x"), size)
			it.value += string(make([]byte, size-len(it.value)))
			m.put(e, "x", it)
			got[0] = 'S'
			if string(v.Find(m.hash([]byte("x")), []byte("x")).Value()) != "start" {
				t.Error("snapshot changed")
			}
			m.delete(key)
			if e := v.Find(m.hash([]byte(key)), []byte(key)); !e.Ok() || string(e.Key()) != key {
				t.Error("long key gone from the snapshot")
			}
			s.Release()
			w.end(t, m.d)
		})
	}
}

func TestAllocsPerRun(t *testing.T) {
	w := newWorld(zmalloc.Auto)
	d := New(w.clk, types["access"])
	const n = 20000
	var key [16]byte
	name := func(i int) []byte {
		copy(key[:], "key:000000000000")
		for j := len(key) - 1; i > 0; j, i = j-1, i/10 {
			key[j] = byte('0' + i%10)
		}
		return key[:]
	}
	value := []byte("0123456789")
	for i := range n {
		k := name(i)
		d.Insert(d.Find(Hash(k), k), k, Value{Bytes: value}, 1)
	}
	i := 0
	long := bytes.Repeat([]byte("x"), 1000)
	for what, f := range map[string]func(){
		"Find":         func() { k := name(i % n); d.Find(Hash(k), k) },
		"Replace":      func() { k := name(i % n); d.Replace(d.Find(Hash(k), k), Value{Bytes: value}) },
		"Replace size": func() { k := name(i % n); d.Replace(d.Find(Hash(k), k), Value{Bytes: value[:i%10]}) },
		"Replace blob": func() { k := name(i % 10); d.Replace(d.Find(Hash(k), k), Value{Bytes: long[:129+i%700]}) },
		"SetExpire":    func() { k := name(i % n); d.SetExpire(d.Find(Hash(k), k), int64(i)) },
		"Resize":       func() { k := name(i % n); d.Resize(d.Find(Hash(k), k), i%100) },
		"Delete Insert": func() {
			k := name(i % n)
			h := Hash(k)
			d.Delete(d.Find(h, k))
			d.Insert(d.Find(h, k), k, Value{Bytes: value}, 1)
		},
		"Insert": func() { k := name(n + i); d.Insert(d.Find(Hash(k), k), k, Value{Bytes: value}, 1) },
	} {
		if got := testing.AllocsPerRun(5000, func() { f(); i += 7 }); got != 0 {
			t.Errorf("%s: %v allocations", what, got)
		}
	}
	check(t, d)
	w.end(t, d)
}

// TestGrowthSplits: a page also splits because its values grow, and what grows is found again in the right half.
func TestGrowthSplits(t *testing.T) {
	for _, name := range []string{"access", "few", "skewed", "equal"} {
		w := newWorld(zmalloc.Auto)
		m := newModel(t, w, types[name])
		const n = 500
		for i := range n {
			m.insert(fmt.Sprintf("%0200d", i), item{value: "v"})
		}
		for i := range n {
			key := fmt.Sprintf("%0200d", i)
			it := m.m[key]
			it.expire = int64(i)
			m.put(m.d.SetExpire(m.find(key), it.expire), key, it)
			it.value = string(bytes.Repeat([]byte{byte(i)}, maxInlineValue))
			m.put(m.d.Replace(m.find(key), Value{Meta: it.meta, Bytes: []byte(it.value)}), key, it)
			check(t, m.d)
		}
		m.checkAll()
		w.end(t, m.d)
	}
}
