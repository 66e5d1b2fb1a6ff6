// SPDX-License-Identifier: BSD-3-Clause

// Package kvstore is the keyspace of one database: a Dict that knows its hash and, in cluster mode, its slots.
package kvstore

import (
	"redport/src/crc16"
	"redport/src/dict"
	"redport/src/epoch"
)

// Store is the keys of one database. The methods of Dict are its own.
type Store struct {
	*dict.Dict
	slots bool
}

// New returns an empty store; slots makes the cluster slot the hash's prefix.
func New(clk *epoch.Clock, t *dict.Type, slots bool) *Store {
	return &Store{dict.New(clk, t), slots}
}

// Hash returns the hash that entries of key are filed under.
func (s *Store) Hash(key []byte) uint64 {
	h := dict.Hash(key)
	if s.slots {
		h = h>>14 | uint64(crc16.KeyHashSlot(key))<<50
	}
	return h
}

// Find returns the entry of key; see dict.Find.
func (s *Store) Find(key []byte) dict.Entry { return s.Dict.Find(s.Hash(key), key) }

// Slot returns the cluster slot of key, 0 without slots.
func (s *Store) Slot(key []byte) uint16 {
	if !s.slots {
		return 0
	}
	return crc16.KeyHashSlot(key)
}

// SlotLen returns the number of keys in slot.
func (s *Store) SlotLen(slot uint16) int {
	n := 0
	s.All(func(e dict.Entry) bool {
		if crc16.KeyHashSlot(e.Key()) == slot {
			n++
		}
		return true
	})
	return n
}

// SlotScan is Scan over one slot; 0 is the start and the end.
func (s *Store) SlotScan(slot uint16, cursor uint64, count int, fn func(dict.Entry)) uint64 {
	s.All(func(e dict.Entry) bool {
		if crc16.KeyHashSlot(e.Key()) == slot {
			fn(e)
		}
		return true
	})
	return 0
}

// SlotRelease drops every key of slot and returns how many there were.
func (s *Store) SlotRelease(slot uint16) int {
	n := 0
	for {
		var e dict.Entry
		s.All(func(x dict.Entry) bool {
			if crc16.KeyHashSlot(x.Key()) == slot {
				e = x
				return false
			}
			return true
		})
		if !e.Ok() {
			return n
		}
		s.Delete(e)
		n++
	}
}
