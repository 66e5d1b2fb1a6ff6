// SPDX-License-Identifier: BSD-3-Clause

package zipmap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

func appendLength(b []byte, n int) []byte {
	if n < bigLen {
		return append(b, byte(n))
	}
	return binary.LittleEndian.AppendUint32(append(b, bigLen), uint32(n))
}

// build makes a zipmap; every value gets free unused bytes.
func build(free int, pairs ...string) []byte {
	b := []byte{byte(min(len(pairs)/2, bigLen))}
	for i := 0; i < len(pairs); i += 2 {
		b = append(appendLength(b, len(pairs[i])), pairs[i]...)
		b = append(appendLength(b, len(pairs[i+1])), byte(free))
		b = append(b, pairs[i+1]...)
		b = append(b, make([]byte, free)...)
	}
	return append(b, end)
}

func list(b []byte) []string {
	var out []string
	for field, value := range All(b) {
		out = append(out, string(field), string(value))
	}
	return out
}

func TestBytes(t *testing.T) {
	b := []byte("\x02\x03foo\x03\x00bar\x05hello\x05\x00world\xff")
	if err := Validate(b, true); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(list(b)); got != "[foo bar hello world]" || Len(b) != 2 || !bytes.Equal(b, build(0, "foo", "bar", "hello", "world")) {
		t.Errorf("got %s", got)
	}
}

func TestPairs(t *testing.T) {
	long := strings.Repeat("x", 300)
	for free := range 5 {
		pairs := []string{"", "", "a", long, long, "b", strings.Repeat("y", 253), strings.Repeat("z", 254)}
		b := build(free, pairs...)
		if err := Validate(b, true); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(list(b)) != fmt.Sprint(pairs) {
			t.Errorf("%d free: other pairs", free)
		}
	}
	var pairs []string
	for i := range 600 {
		pairs = append(pairs, fmt.Sprint("field", i), fmt.Sprint(i))
	}
	if b := build(0, pairs...); Validate(b, true) != nil || Len(b) != 600 {
		t.Errorf("%d pairs", Len(b))
	}
}

func TestCorrupt(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":         "",
		"one byte":        "\xff",
		"no pairs":        "\x00\xff",
		"no end":          "\x01\x01a\x01\x00b",
		"field too long":  "\x01\x05a\x01\x00b\xff",
		"value too long":  "\x01\x01a\x02\x00b\xff",
		"free too long":   "\x01\x01a\x01\x01b\xff",
		"huge length":     "\x01\x01a\xfe\xff\xff\xff\xff\x01b\xff",
		"no value":        "\x01\x01a\xff",
		"wrong count":     "\x02\x01a\x01\x00b\xff",
		"end in between":  "\x01\x01a\x01\x00b\xff\xff",
		"length cut":      "\x01\xfe\x01\xff",
		"value's cut":     "\x01\x01a\xfe\x01\xff",
		"free is the end": "\x01\x01a\x00\xff",
	} {
		if Validate([]byte(s), true) == nil {
			t.Errorf("passes: %s", name)
		}
	}
}

// FuzzValidate: nothing panics, and what passes has as many pairs as it claims.
func FuzzValidate(f *testing.F) {
	f.Add(build(0, "foo", "bar", "hello", "world"))
	f.Add(build(3, "a", strings.Repeat("x", 300)))
	f.Add([]byte("\x01\x01a\xfe\xff\xff\xff\xff\x01b\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if Validate(b, true) != nil {
			return
		}
		if n := len(list(b)) / 2; n != Len(b) {
			t.Fatalf("%d pairs, not %d", n, Len(b))
		}
	})
}
