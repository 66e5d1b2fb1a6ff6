// SPDX-License-Identifier: BSD-3-Clause

// Package crc16 computes the CRC that maps keys to cluster slots.
package crc16

/* crc16.go - CRC16-CCITT in its XMODEM form, and the key to slot mapping of Redis Cluster.
 *
 * Width 16, polynomial 0x1021, initial value 0, no reflection, no final xor; the check value of "123456789" is 0x31C3.
 * The table is computed by the compiler's init-free form below: one entry per top byte, eight shifts each. It is never
 * written after package initialisation. */

// Slots is the number of hash slots of a cluster (C: CLUSTER_SLOTS). A power of two: a slot is the CRC's low 14 bits.
const Slots = 16384

const poly = 0x1021

var table = makeTable()

func makeTable() (t [256]uint16) {
	for i := range t {
		crc := uint16(i) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ poly
			} else {
				crc <<= 1
			}
		}
		t[i] = crc
	}
	return t
}

// Checksum returns the CRC16 of p (C: crc16).
func Checksum(p []byte) uint16 {
	var crc uint16
	for _, b := range p {
		crc = crc<<8 ^ table[byte(crc>>8)^b]
	}
	return crc
}

// HashTag returns the part of key that decides its slot: what stands between the first '{' and the first '}' after it,
// or the whole key where there is no such pair or nothing between them.
func HashTag(key []byte) []byte {
	for s, b := range key {
		if b != '{' {
			continue
		}
		for e := s + 1; e < len(key); e++ {
			if key[e] == '}' {
				if e == s+1 {
					return key
				}
				return key[s+1 : e]
			}
		}
		return key
	}
	return key
}

// KeyHashSlot returns the cluster slot of key, in [0, Slots) (C: keyHashSlot).
func KeyHashSlot(key []byte) uint16 {
	return Checksum(HashTag(key)) & (Slots - 1)
}
