// SPDX-License-Identifier: BSD-3-Clause

package listpack

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func list(lp []byte) []string {
	out := []string{}
	for p := First(lp); p != End; p = Next(lp, p) {
		out = append(out, string(Get(lp, p).Append(nil)))
	}
	return out
}

func reversed(lp []byte) []string {
	out := []string{}
	for p := Last(lp); p != End; p = Prev(lp, p) {
		out = append([]string{string(Get(lp, p).Append(nil))}, out...)
	}
	return out
}

// The bytes are Redis's own, as DUMP shows them.
func TestBytes(t *testing.T) {
	for _, tt := range []struct{ elem, want string }{
		{"", "09000000010080" + "01" + "ff"},
		{"a", "0a000000010081" + "61" + "02" + "ff"},
		{"0", "09000000010000" + "01" + "ff"},
		{"127", "0900000001007f" + "01" + "ff"},
		{"128", "0a0000000100c080" + "02" + "ff"},
		{"-1", "0a0000000100dfff" + "02" + "ff"},
		{"4096", "0b0000000100f10010" + "03" + "ff"},
		{"-32769", "0c0000000100f2ff7fff" + "04" + "ff"},
		{"8388608", "0d0000000100f300008000" + "05" + "ff"},
		{"9223372036854775807", "110000000100f4ffffffffffffff7f" + "09" + "ff"},
		{"01", "0b00000001008230" + "31" + "03" + "ff"},
	} {
		if got := hex.EncodeToString(Append(New(0), []byte(tt.elem))); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.elem, got, tt.want)
		}
	}
}

func TestSizesOfStrings(t *testing.T) {
	for _, n := range []int{0, 1, 62, 63, 64, 125, 126, 127, 128, 4095, 4096, 16380, 16383, 16384, 70000, 2097151} {
		s := strings.Repeat("x", n)
		lp := Append(Append(Append(New(0), []byte("head")), []byte(s)), []byte("tail"))
		if !Validate(lp, true, nil) {
			t.Fatalf("%d: invalid", n)
		}
		if got := list(lp); len(got) != 3 || got[1] != s || got[2] != "tail" {
			t.Errorf("%d: forward", n)
		}
		if got := reversed(lp); len(got) != 3 || got[1] != s || got[0] != "head" {
			t.Errorf("%d: backward", n)
		}
	}
}

func TestMoreElementsThanTheHeaderCounts(t *testing.T) {
	lp := New(0)
	const n = 70000
	for i := range n {
		lp = AppendInt(lp, int64(i))
	}
	if Len(lp) != n || num(lp) != numUnknown {
		t.Errorf("Len %d, header %d", Len(lp), num(lp))
	}
	for _, i := range []int{0, 1, 65535, n - 1} {
		if v := Get(lp, Seek(lp, i)); v.Int != int64(i) {
			t.Errorf("element %d is %d", i, v.Int)
		}
		if v := Get(lp, Seek(lp, i-n)); v.Int != int64(i) {
			t.Errorf("element %d is %d", i-n, v.Int)
		}
	}
	if Seek(lp, n) != End || Seek(lp, -n-1) != End {
		t.Error("found an element outside")
	}
	if !Validate(lp, true, nil) {
		t.Error("invalid")
	}
}

func randomElement(r *rand.Rand) string {
	switch r.IntN(4) {
	case 0:
		return strconv.FormatInt(int64(r.Uint64()>>uint(r.IntN(64)))*int64(1-2*r.IntN(2)), 10)
	case 1:
		return strings.Repeat("y", r.IntN(300))
	case 2:
		return fmt.Sprintf("%02d", r.IntN(12))
	}
	return [...]string{"", "-0", "9223372036854775808", strconv.FormatInt(math.MinInt64, 10), "+1"}[r.IntN(5)]
}

// Random changes leave the listpack equal to a slice that has the same changes.
func TestModel(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for round := range 200 {
		lp := New(0)
		model := []string{}
		for range 200 {
			s := randomElement(r)
			i := 0
			if len(model) > 0 {
				i = r.IntN(len(model))
			}
			switch op := r.IntN(8); {
			case op == 0 || len(model) == 0:
				lp, model = Append(lp, []byte(s)), append(model, s)
			case op == 1:
				lp, model = Prepend(lp, []byte(s)), append([]string{s}, model...)
			case op == 2:
				lp = InsertBefore(lp, Seek(lp, i), []byte(s))
				model = append(model[:i:i], append([]string{s}, model[i:]...)...)
			case op == 3:
				lp = InsertAfter(lp, Seek(lp, i), []byte(s))
				model = append(model[:i+1:i+1], append([]string{s}, model[i+1:]...)...)
			case op == 4:
				lp = Replace(lp, Seek(lp, i), []byte(s))
				model = append([]string(nil), model...)
				model[i] = s
			case op == 5:
				var next int
				lp, next = Delete(lp, Seek(lp, i))
				model = append(model[:i:i], model[i+1:]...)
				if i < len(model) != (next != End) || next != End && string(Get(lp, next).Append(nil)) != model[i] {
					t.Fatalf("round %d: Delete's next is %d", round, next)
				}
			case op == 6:
				n := r.IntN(4)
				lp = DeleteRange(lp, i, n)
				model = append(model[:i:i], model[min(len(model), i+n):]...)
			case op == 7:
				other := New(0)
				for range r.IntN(3) {
					s := randomElement(r)
					other, model = Append(other, []byte(s)), append(model, s)
				}
				lp = Merge(lp, other)
			}
			if got := list(lp); fmt.Sprint(got) != fmt.Sprint(model) {
				t.Fatalf("round %d: %q, want %q", round, got, model)
			}
			if fmt.Sprint(reversed(lp)) != fmt.Sprint(model) || Len(lp) != len(model) || !Validate(lp, true, nil) {
				t.Fatalf("round %d: inconsistent", round)
			}
			want := End
			for j, m := range model {
				if m == s {
					want = j
					break
				}
			}
			p := Find(lp, First(lp), []byte(s), 0)
			if (p == End) != (want == End) || p != End && p != Seek(lp, want) {
				t.Fatalf("round %d: Find(%q) = %d", round, s, p)
			}
		}
	}
}

func TestFindSkips(t *testing.T) {
	lp := New(0)
	for _, s := range []string{"f", "v", "v", "1", "x", "f"} {
		lp = Append(lp, []byte(s))
	}
	if p := Find(lp, First(lp), []byte("v"), 1); p != Seek(lp, 2) {
		t.Errorf("found a value: %d", p)
	}
	if p := Find(lp, First(lp), []byte("1"), 1); p != End {
		t.Errorf("found a value: %d", p)
	}
}

// FuzzValidate: what passes can be walked both ways without harm, and nothing panics.
func FuzzValidate(f *testing.F) {
	f.Add(Append(Append(New(0), []byte("hello")), []byte("12345")))
	f.Add(Append(New(0), bytes.Repeat([]byte("z"), 5000)))
	f.Add([]byte{7, 0, 0, 0, 0, 0, 0xff})
	f.Add([]byte{12, 0, 0, 0, 1, 0, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		if !Validate(b, true, nil) {
			return
		}
		forward := list(b)
		if fmt.Sprint(reversed(b)) != fmt.Sprint(forward) || Len(b) != len(forward) {
			t.Fatal("the two ways differ")
		}
		lp := Clone(b)
		for _, s := range forward {
			p := Find(lp, First(lp), []byte(s), 0)
			if p == End {
				t.Fatalf("%q is lost", s)
			}
			lp, _ = Delete(lp, p)
			if !Validate(lp, true, nil) {
				t.Fatal("invalid after Delete")
			}
		}
	})
}

// Find is what reading one element after another finds.
func TestFindModel(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for range 400 {
		lp := New(0)
		n := 1 + r.IntN(60)
		for range n {
			lp = Append(lp, []byte(randomElement(r)))
		}
		texts := list(lp)
		for range 60 {
			s := randomElement(r)
			if r.IntN(2) == 0 {
				s = texts[r.IntN(n)]
			}
			from, skip := r.IntN(n), r.IntN(4)
			want := End
			for i := from; i < n; i += skip + 1 {
				if texts[i] == s {
					want = Seek(lp, i)
					break
				}
			}
			if got := Find(lp, Seek(lp, from), []byte(s), skip); got != want {
				t.Fatalf("%q from %d, skipping %d: at %d instead of %d in %q", s, from, skip, got, want, texts)
			}
		}
	}
}
