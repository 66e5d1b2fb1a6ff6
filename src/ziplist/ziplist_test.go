// SPDX-License-Identifier: BSD-3-Clause

package ziplist

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"redport/src/listpack"
)

// build makes a ziplist of strings and int64s, as old servers did when nothing was ever changed.
func build(values ...any) []byte {
	b := make([]byte, headerSize)
	last, prev := headerSize, 0
	for _, v := range values {
		if n, ok := v.(int); ok {
			v = int64(n)
		}
		last = len(b)
		if prev < bigPrevLen {
			b = append(b, byte(prev))
		} else {
			b = binary.LittleEndian.AppendUint32(append(b, bigPrevLen), uint32(prev))
		}
		switch v := v.(type) {
		case string:
			switch n := len(v); {
			case n < 64:
				b = append(b, byte(n))
			case n < 16384:
				b = append(b, byte(n>>8)|0x40, byte(n))
			default:
				b = binary.BigEndian.AppendUint32(append(b, 0x80), uint32(n))
			}
			b = append(b, v...)
		case int64:
			switch {
			case v >= 0 && v <= 12:
				b = append(b, byte(v+1)|0xF0)
			case v >= math.MinInt8 && v <= math.MaxInt8:
				b = append(b, 0xFE, byte(v))
			case v >= math.MinInt16 && v <= math.MaxInt16:
				b = binary.LittleEndian.AppendUint16(append(b, 0xC0), uint16(v))
			case v >= -1<<23 && v < 1<<23:
				b = append(b, 0xF0, byte(v), byte(v>>8), byte(v>>16))
			case v >= math.MinInt32 && v <= math.MaxInt32:
				b = binary.LittleEndian.AppendUint32(append(b, 0xD0), uint32(v))
			default:
				b = binary.LittleEndian.AppendUint64(append(b, 0xE0), uint64(v))
			}
		}
		prev = len(b) - last
	}
	b = append(b, end)
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	binary.LittleEndian.PutUint32(b[4:], uint32(last))
	binary.LittleEndian.PutUint16(b[8:], uint16(min(len(values), numUnknown)))
	return b
}

func list(b []byte) []string {
	var out []string
	for v := range All(b) {
		out = append(out, string(v.Append(nil)))
	}
	return out
}

var every = []any{"", "hello", strings.Repeat("a", 63), strings.Repeat("b", 64), strings.Repeat("c", 16383), strings.Repeat("d", 16384), 0, 12, 13, -1,
	math.MinInt8, math.MaxInt8, math.MinInt16, math.MaxInt16, -1 << 23, 1<<23 - 1, math.MinInt32, math.MaxInt32, int64(math.MinInt64), int64(math.MaxInt64), "end"}

func TestEntries(t *testing.T) {
	b := build(every...)
	if err := Validate(b, true, nil); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, v := range every {
		want = append(want, fmt.Sprint(v))
	}
	if got := list(b); fmt.Sprint(got) != fmt.Sprint(want) || Len(b) != len(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestBytes has a ziplist that Redis 2.6 made of the elements 2 and 5, and then Hello World.
func TestBytes(t *testing.T) {
	b, _ := hex.DecodeString("1c0000000e000000030000f302f6020b48656c6c6f20576f726c64ff")
	if err := Validate(b, true, nil); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(list(b)); got != "[2 5 Hello World]" || !bytes.Equal(b, build(2, 5, "Hello World")) {
		t.Errorf("got %s", got)
	}
}

func TestManyEntries(t *testing.T) {
	values := make([]any, 70000)
	for i := range values {
		values[i] = i
	}
	b := build(values...)
	if err := Validate(b, true, nil); err != nil || Len(b) != len(values) {
		t.Errorf("%d entries, %v", Len(b), err)
	}
}

func TestCallback(t *testing.T) {
	stop := errors.New("stop")
	n := 0
	err := Validate(build(1, "a", 2), true, func(v listpack.Value, claimed int) error {
		if n++; claimed != 3 {
			t.Errorf("claimed %d", claimed)
		}
		if v.Equal([]byte("a")) {
			return stop
		}
		return nil
	})
	if err != stop || n != 2 {
		t.Errorf("%v after %d entries", err, n)
	}
}

// TestCorrupt damages each byte of a ziplist: what passes must still be walked whole.
func TestCorrupt(t *testing.T) {
	b := build("one", 2, strings.Repeat("x", 300), 70000, "five")
	if Validate(b[:len(b)-1], false, nil) == nil || Validate(nil, false, nil) == nil {
		t.Error("passes although short")
	}
	for i := range b {
		for _, x := range []byte{1, 0x40, 0x80, 0xC0, 0xFF} {
			c := bytes.Clone(b)
			c[i] ^= x
			if Validate(c, true, nil) == nil && len(list(c)) != Len(c) {
				t.Errorf("byte %d ^ %#x: %d entries of %d", i, x, len(list(c)), Len(c))
			}
		}
	}
	for name, at := range map[string]int{"total": 0, "tail": 4, "count": 8, "size before": headerSize + 5} {
		c := bytes.Clone(b)
		c[at]++
		if Validate(c, true, nil) == nil {
			t.Errorf("passes with another %s", name)
		}
	}
}

// FuzzValidate: nothing panics, and what passes has as many entries as it claims.
func FuzzValidate(f *testing.F) {
	f.Add(build(every...))
	f.Add(build(1, "a"))
	f.Add([]byte{11, 0, 0, 0, 10, 0, 0, 0, 0, 0, 255})
	f.Add([]byte{17, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 0x80, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		if Validate(b, true, nil) != nil {
			return
		}
		if n := len(list(b)); n != Len(b) {
			t.Fatalf("%d entries, not %d", n, Len(b))
		}
	})
}
