// SPDX-License-Identifier: BSD-3-Clause

package crc64

import (
	"hash/crc64"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestCheckValue(t *testing.T) {
	if got := Update(0, []byte("123456789")); got != 0xe9c6d914c4b8d9ca {
		t.Errorf("got %#x", got)
	}
	if got := Update(0, nil); got != 0 {
		t.Errorf("the CRC of nothing is %#x", got)
	}
}

// TestAgainstStandard compares with the standard library, which inverts the register on both ends.
func TestAgainstStandard(t *testing.T) {
	table := crc64.MakeTable(poly)
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 3000)
	for range 2000 {
		n := r.IntN(len(b))
		for i := range b[:n] {
			b[i] = byte(r.Uint32())
		}
		crc := r.Uint64()
		want := ^crc64.Update(^crc, table, b[:n])
		if got := Update(crc, b[:n]); got != want {
			t.Fatalf("%d bytes: got %#x, want %#x", n, got, want)
		}
		cut := r.IntN(n + 1)
		if got := Update(Update(crc, b[:cut]), b[cut:n]); got != want {
			t.Fatalf("%d bytes in two parts: got %#x, want %#x", n, got, want)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, size := range []int{16, 256, 64 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			data := make([]byte, size)
			b.SetBytes(int64(size))
			var crc uint64
			for b.Loop() {
				crc = Update(crc, data)
			}
		})
	}
}
