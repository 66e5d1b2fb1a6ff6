// SPDX-License-Identifier: BSD-3-Clause

// Package crc64 computes the checksum at the end of RDB files and DUMP payloads.
package crc64

import "encoding/binary"

// The polynomial is Jones's, 0xAD93D23594C935A9, reflected in and out, with no inversion of the register
// before or after: the CRC of no bytes is 0, and the check value of "123456789" is 0xE9C6D914C4B8D9CA.
//
// Sixteen bytes are folded in at a time: tables[k][b] is what byte b contributes when k more bytes of the
// group follow it, so that sixteen independent look-ups take the place of sixteen that wait for each
// other. The tables are 32 KB and never written after package initialisation; what is shorter than a
// group, or left over, goes through the first of them byte by byte.
//
// Counterpart: crc64.c, crcspeed.c.

const poly = 0x95AC9329AC4BC9B5 // 0xAD93D23594C935A9, its bits reversed

const width = 16

var tables = makeTables()

func makeTables() *[width][256]uint64 {
	t := new([width][256]uint64)
	for i := range t[0] {
		crc := uint64(i)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ poly
			} else {
				crc >>= 1
			}
		}
		t[0][i] = crc
	}
	for i := range t[0] {
		crc := t[0][i]
		for k := 1; k < width; k++ {
			crc = t[0][byte(crc)] ^ crc>>8
			t[k][i] = crc
		}
	}
	return t
}

// Update returns the CRC of what crc stands for followed by b; it begins with 0 (C: crc64).
func Update(crc uint64, b []byte) uint64 {
	t := tables
	for len(b) >= width {
		lo := binary.LittleEndian.Uint64(b) ^ crc
		hi := binary.LittleEndian.Uint64(b[8:])
		crc = t[15][byte(lo)] ^ t[14][byte(lo>>8)] ^ t[13][byte(lo>>16)] ^ t[12][byte(lo>>24)] ^
			t[11][byte(lo>>32)] ^ t[10][byte(lo>>40)] ^ t[9][byte(lo>>48)] ^ t[8][byte(lo>>56)] ^
			t[7][byte(hi)] ^ t[6][byte(hi>>8)] ^ t[5][byte(hi>>16)] ^ t[4][byte(hi>>24)] ^
			t[3][byte(hi>>32)] ^ t[2][byte(hi>>40)] ^ t[1][byte(hi>>48)] ^ t[0][byte(hi>>56)]
		b = b[width:]
	}
	for _, c := range b {
		crc = t[0][byte(crc)^c] ^ crc>>8
	}
	return crc
}
