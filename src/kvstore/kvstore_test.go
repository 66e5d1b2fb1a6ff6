// SPDX-License-Identifier: BSD-3-Clause

package kvstore

import (
	"fmt"
	"testing"

	"redport/src/crc16"
	"redport/src/dict"
	"redport/src/epoch"
	"redport/src/zmalloc"
)

func newStore(t *testing.T, slots bool) (*Store, func()) {
	a := zmalloc.New(zmalloc.Auto)
	clk := epoch.New(a)
	s := New(clk, &dict.Type{Access: true}, slots)
	return s, func() {
		s.Release()
		for clk.Reclaim(0) {
		}
		a.Purge()
		if a.Used() != 0 || a.Mapped() != 0 {
			t.Errorf("at the end: used %d, mapped %d", a.Used(), a.Mapped())
		}
		a.Close()
	}
}

func add(s *Store, key string) {
	if e := s.Find([]byte(key)); !e.Ok() {
		s.Insert(e, []byte(key), dict.Value{Bytes: []byte("v")}, 0)
	}
}

func TestSlots(t *testing.T) {
	s, end := newStore(t, true)
	defer end()
	want := map[uint16]map[string]bool{}
	for i := range 30000 {
		key := fmt.Sprint("key:", i)
		if i%3 == 0 {
			key = fmt.Sprint("{tag}", i)
		}
		add(s, key)
		slot := s.Slot([]byte(key))
		if slot != crc16.KeyHashSlot([]byte(key)) {
			t.Fatal("wrong slot")
		}
		if want[slot] == nil {
			want[slot] = map[string]bool{}
		}
		want[slot][key] = true
	}
	total := 0
	for slot := range uint16(crc16.Slots) {
		n := s.SlotLen(slot)
		if n != len(want[slot]) {
			t.Fatalf("slot %d: %d keys, want %d", slot, n, len(want[slot]))
		}
		total += n
		if slot%64 != 0 && n < 100 {
			continue
		}
		seen := map[string]bool{}
		for cursor, first := uint64(0), true; first || cursor != 0; first = false {
			cursor = s.SlotScan(slot, cursor, 10, func(e dict.Entry) {
				if key := string(e.Key()); seen[key] || !want[slot][key] {
					t.Fatalf("slot %d: %q twice, or not its own", slot, key)
				} else {
					seen[key] = true
				}
			})
		}
		if len(seen) != n {
			t.Fatalf("slot %d: %d of %d seen", slot, len(seen), n)
		}
	}
	if total != s.Len() {
		t.Errorf("%d keys in slots, %d in all", total, s.Len())
	}
	seen := 0
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		cursor = s.Scan(cursor, 100, func(dict.Entry) { seen++ })
	}
	if seen != s.Len() {
		t.Errorf("%d of %d scanned", seen, s.Len())
	}
	tag := crc16.KeyHashSlot([]byte("tag"))
	for _, slot := range []uint16{tag, 0, 1, crc16.Slots - 1} {
		if n := s.SlotRelease(slot); n != len(want[slot]) {
			t.Errorf("slot %d: %d dropped, want %d", slot, n, len(want[slot]))
		}
		total -= len(want[slot])
		if s.SlotLen(slot) != 0 || s.Len() != total {
			t.Errorf("slot %d: %d left; %d in all, want %d", slot, s.SlotLen(slot), s.Len(), total)
		}
	}
	if s.Find([]byte("{tag}0")).Ok() || !s.Find([]byte("key:1")).Ok() {
		t.Error("the wrong keys are gone")
	}
}

func TestWithoutSlots(t *testing.T) {
	s, end := newStore(t, false)
	defer end()
	for i := range 1000 {
		add(s, fmt.Sprint(i))
	}
	if s.Slots() || s.Slot([]byte("foo")) != 0 || s.SlotLen(0) != 1000 {
		t.Error("there are slots")
	}
	n := 0
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		cursor = s.SlotScan(0, cursor, 10, func(dict.Entry) { n++ })
	}
	if n != 1000 || s.SlotRelease(0) != 1000 || s.Len() != 0 {
		t.Error("slot 0 is not everything")
	}
}

func BenchmarkFind(b *testing.B) {
	for _, slots := range []bool{false, true} {
		b.Run(fmt.Sprintf("slots=%v", slots), func(b *testing.B) {
			s := New(epoch.New(zmalloc.New(zmalloc.Auto)), &dict.Type{Access: true}, slots)
			add(s, "key:000000000001")
			key := []byte("key:000000000001")
			for b.Loop() {
				s.Find(key)
			}
		})
	}
}
