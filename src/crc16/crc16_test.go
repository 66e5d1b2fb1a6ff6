// SPDX-License-Identifier: BSD-3-Clause

package crc16

import "testing"

func TestChecksum(t *testing.T) {
	for _, c := range []struct {
		in   string
		want uint16
	}{{"123456789", 0x31C3}, {"", 0}, {"a", 0x7C87}, {"foo", 12182 + 2*16384}} {
		if got := Checksum([]byte(c.in)); got != c.want {
			t.Errorf("Checksum(%q) = %#x, want %#x", c.in, got, c.want)
		}
	}
}

// TestKeyHashSlot: slots as a C server's CLUSTER KEYSLOT tells them.
func TestKeyHashSlot(t *testing.T) {
	for _, c := range []struct {
		key  string
		want uint16
	}{
		{"foo", 12182}, {"bar", 5061}, {"hello", 866}, {"", 0},
		{"{foo}bar", 12182}, {"x{foo}{bar}", 12182}, {"foo{}{bar}", 8363}, {"foo{{bar}}zap", 4015},
		{"foo{bar}{zap}", 5061}, {"{foo", 13308}, {"foo}", 15679}, {"}{foo}", 12182},
	} {
		if got := KeyHashSlot([]byte(c.key)); got != c.want {
			t.Errorf("KeyHashSlot(%q) = %d, want %d", c.key, got, c.want)
		}
	}
}

func BenchmarkKeyHashSlot(b *testing.B) {
	key := []byte("key:000000012345")
	b.SetBytes(int64(len(key)))
	for b.Loop() {
		KeyHashSlot(key)
	}
}
