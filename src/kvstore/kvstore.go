// SPDX-License-Identifier: BSD-3-Clause

// Package kvstore is the keyspace of one database: a Dict that knows its hash and, in cluster mode, its slots.
package kvstore

import (
	"redport/src/crc16"
	"redport/src/dict"
	"redport/src/epoch"
)

// kvstore.go - the keys of one database.
//
// In cluster mode the 14-bit slot is the beginning of a key's hash:
//
//	| slot 14 | the first 50 bits of dict.Hash |
//
// so the keys of a slot are a contiguous range of the Dict, and counting, listing and dropping them needs no index of slots. A
// slot of few keys shares a page with its neighbours. (The dictionary's fingerprint is the last byte: it stays random.)
//
// Counterpart: kvstore.c. Difference: one Dict instead of one a slot.

// slotBits is the number of bits of a slot.
const slotBits = 14

// Store is the keys of one database. It has the methods of Dict.
type Store struct {
	*dict.Dict
	slots bool
}

// New returns an empty store; with slots, the cluster slot is the hash's prefix. t.Hash is not used.
func New(clk *epoch.Clock, t *dict.Type, slots bool) *Store {
	own := *t
	own.Hash = nil
	if slots {
		own.Hash = slotHash
	}
	return &Store{dict.New(clk, &own), slots}
}

func slotHash(key []byte) uint64 {
	return slotPosition(crc16.KeyHashSlot(key)) | dict.Hash(key)>>slotBits
}

// slotPosition is where a slot's range begins.
func slotPosition(slot uint16) uint64 { return uint64(slot) << (64 - slotBits) }

// Hash returns the hash under which key is filed.
func (s *Store) Hash(key []byte) uint64 {
	if s.slots {
		return slotHash(key)
	}
	return dict.Hash(key)
}

// Find returns the entry of key (see dict.Find).
func (s *Store) Find(key []byte) dict.Entry { return s.Dict.Find(s.Hash(key), key) }

// Slots tells whether the store knows slots.
func (s *Store) Slots() bool { return s.slots }

// Slot returns the cluster slot of key; 0 without slots, where all keys are in slot 0.
func (s *Store) Slot(key []byte) uint16 {
	if !s.slots {
		return 0
	}
	return crc16.KeyHashSlot(key)
}

// SlotLen returns the number of keys of slot: in the time for a look at its pages, at most a thousand of them.
func (s *Store) SlotLen(slot uint16) int {
	if !s.slots {
		return s.Len()
	}
	return s.CountPrefix(slotPosition(slot), slotBits)
}

// SlotScan is Scan for the keys of slot. Its cursors are not those of Scan.
func (s *Store) SlotScan(slot uint16, cursor uint64, count int, fn func(dict.Entry)) uint64 {
	if !s.slots {
		return s.Scan(cursor, count, fn)
	}
	return s.ScanPrefix(slotPosition(slot), slotBits, cursor, count, fn)
}

// SlotRelease drops the keys of slot, as Release does for all, and returns how many there were.
func (s *Store) SlotRelease(slot uint16) int {
	if !s.slots {
		n := s.Len()
		s.Release()
		return n
	}
	return s.ReleasePrefix(slotPosition(slot), slotBits)
}

// View is a Store as it was when a snapshot was taken: it has the methods of dict.View.
type View struct {
	*dict.View
	slots bool
}

// View returns the view of s that belongs to a snapshot, as Snapshot does, but one that knows slots, too.
func (s *Store) View(snap *epoch.Snapshot) *View { return &View{s.Dict.Snapshot(snap), s.slots} }

// Slots tells whether the store knows slots. Then the view's iterators go through the keys slot by slot, in ascending order.
func (v *View) Slots() bool { return v.slots }

// Slot returns the cluster slot of key; 0 without slots.
func (v *View) Slot(key []byte) uint16 {
	if !v.slots {
		return 0
	}
	return crc16.KeyHashSlot(key)
}
