// SPDX-License-Identifier: BSD-3-Clause

package lzf

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestBytes has strings as C Redis's DUMP compresses them: to at most four bytes less than they were.
func TestBytes(t *testing.T) {
	var forty []byte
	for i := range byte(40) {
		forty = append(forty, i)
	}
	for _, c := range []struct{ s, want string }{
		{strings.Repeat("a", 21), "016161e00a00"},
		{strings.Repeat("a", 100), "016161e05700016161"},
		{strings.Repeat("abc", 8), "0361626361e00a020063"},
		{"hello hello hello world world hello", "0668656c6c6f2068e0020504776f726c64a0052017016c6f"},
		{strings.Repeat("x", 300) + strings.Repeat("y", 10), "017878e0ff00e019000079a000017979"},
		{strings.Repeat(string(forty), 3), "1f000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f08202122232425262700e04427012627"},
		{strings.Repeat("0123456789", 60), "0a3031323334353637383930e0ff09e1ff0de23211013839"},
	} {
		dst := make([]byte, len(c.s)-4)
		n, ok := Compress(dst, []byte(c.s))
		if got := hex.EncodeToString(dst[:n]); !ok || got != c.want {
			t.Errorf("%.20q: got %s, want %s", c.s, got, c.want)
		}
	}
}

func TestIncompressible(t *testing.T) {
	for _, s := range []string{"", "a", "ab", "abc", "abcdefghijklmnopqrstuvwxyz"} {
		if n, ok := Compress(make([]byte, len(s)), []byte(s)); ok {
			t.Errorf("%q in %d bytes", s, n)
		}
	}
	// With room enough it is wrapped.
	dst := make([]byte, 40)
	n, ok := Compress(dst, []byte("abc"))
	if !ok || string(dst[:n]) != "\x02abc" {
		t.Errorf("got %q", dst[:n])
	}
}

func TestBaseWraps(t *testing.T) {
	e := Encoder{base: math.MaxUint32 - 30}
	src := []byte(strings.Repeat("abc", 20))
	want := make([]byte, 60)
	n, _ := Compress(want, src)
	for range 3 {
		got := make([]byte, 60)
		if m, ok := e.Compress(got, src); !ok || !bytes.Equal(got[:m], want[:n]) {
			t.Fatalf("got %x, want %x", got[:m], want[:n])
		}
	}
}

// compressible makes strings with repeats of all lengths and distances.
func compressible(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	alphabet := 1 + r.IntN(1<<r.IntN(9))
	for i := 0; i < n; i++ {
		b[i] = byte(r.IntN(alphabet))
		if i > 4 && r.IntN(10) == 0 {
			back := 1 + r.IntN(i)
			for range r.IntN(300) {
				if i >= n {
					break
				}
				b[i] = b[i-back]
				i++
			}
		}
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var e Encoder
	for range 20000 {
		src := compressible(r, 1+r.IntN(1<<r.IntN(15)))
		room := len(src)
		if r.IntN(2) == 0 {
			room = 1 + r.IntN(len(src))
		}
		dst := make([]byte, room)
		n, ok := e.Compress(dst, src)
		fresh := make([]byte, room)
		if m, ok2 := new(Encoder).Compress(fresh, src); ok2 != ok || m != n || ok && !bytes.Equal(dst[:n], fresh[:m]) {
			t.Fatalf("%q: what an encoder did before matters", src)
		}
		if !ok {
			continue
		}
		back := make([]byte, len(src))
		if err := Decompress(back, dst[:n]); err != nil || !bytes.Equal(back, src) {
			t.Fatalf("%q: %v", src, err)
		}
		if len(src) > MaxLen(n) {
			t.Fatalf("%d bytes in %d", len(src), n)
		}
	}
}

// FuzzDecompress: nothing panics or writes beyond its end, whatever length is claimed.
func FuzzDecompress(f *testing.F) {
	f.Add([]byte{1, 'a', 'a', 0xe0, 10, 0}, 21)
	f.Add([]byte{0xff}, 4)
	f.Add([]byte{0x1f, 0x20, 0x00}, 1)
	f.Fuzz(func(t *testing.T, src []byte, n int) {
		if n < 0 || n > MaxLen(len(src)) {
			return
		}
		dst := make([]byte, n+1)
		dst[n] = 0xAA
		_ = Decompress(dst[:n:n], src)
		if dst[n] != 0xAA {
			t.Fatal("wrote beyond the end")
		}
	})
}

// FuzzCompress: what is compressed comes back.
func FuzzCompress(f *testing.F) {
	f.Add([]byte("hello hello hello world world hello"), 31)
	f.Fuzz(func(t *testing.T, src []byte, room int) {
		if room < 0 || room > 2*len(src)+10 {
			return
		}
		dst := make([]byte, room)
		n, ok := Compress(dst, src)
		if !ok {
			return
		}
		back := make([]byte, len(src))
		if err := Decompress(back, dst[:n]); err != nil || !bytes.Equal(back, src) {
			t.Fatalf("%v", err)
		}
	})
}

func BenchmarkCompress(b *testing.B) {
	src := compressible(rand.New(rand.NewPCG(3, 4)), 10000)
	dst := make([]byte, len(src))
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		Compress(dst, src)
	}
}

func BenchmarkDecompress(b *testing.B) {
	src := compressible(rand.New(rand.NewPCG(3, 4)), 10000)
	dst := make([]byte, len(src))
	n, _ := Compress(dst, src)
	out := make([]byte, len(src))
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		_ = Decompress(out, dst[:n])
	}
}
