// SPDX-License-Identifier: BSD-3-Clause

package cold

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"redport/src/epoch"
	"redport/src/zmalloc"
)

// parts is a collection for tests.
type parts struct {
	Entry
	marks  []Mark
	packed []bool
	hard   bool
	turns  int
	slow   int // parts a turn, 0: all
}

func (x *parts) Pack(p *Packer) (done, again bool) {
	x.turns++
	n := 0
	for i := range x.marks {
		if x.packed[i] {
			continue
		}
		now, later := p.Cold(&x.marks[i], 1000)
		again = again || later
		if !now {
			continue
		}
		if n++; x.slow > 0 && n > x.slow {
			return false, false
		}
		if x.hard {
			x.marks[i].Hard()
		} else {
			x.packed[i] = true
			p.Packed(&x.marks[i], 100)
		}
	}
	return true, again
}

func (x *parts) count() (n int) {
	for _, packed := range x.packed {
		if packed {
			n++
		}
	}
	return n
}

func newParts(p *Packer, n int) *parts {
	x := &parts{marks: make([]Mark, n), packed: make([]bool, n)}
	x.Set(x)
	for i := range x.marks {
		p.Written(&x.marks[i])
	}
	p.Queue(&x.Entry)
	return x
}

func newPacker(idle int) (*Packer, *epoch.Clock) {
	clock := epoch.New(zmalloc.New(zmalloc.Heap))
	return New(clock, idle), clock
}

// pass lets n ticks pass, in each of which all is packed that is due.
func pass(p *Packer, n int) {
	for range n {
		p.Tick()
		for p.Run(time.Minute) {
		}
	}
}

func TestCold(t *testing.T) {
	p, _ := newPacker(3)
	x := newParts(p, 4)
	pass(p, 2)
	if x.count() != 0 || x.turns != 0 {
		t.Fatalf("too early: %d packed in %d turns", x.count(), x.turns)
	}
	p.Read(&x.marks[1])
	pass(p, 1)
	if x.count() != 3 || x.packed[1] {
		t.Fatalf("%v", x.packed)
	}
	pass(p, 3)
	if x.count() != 4 || x.turns != 2 || p.first != nil {
		t.Fatalf("%v in %d turns", x.packed, x.turns)
	}
	pass(p, 10)
	if x.turns != 2 {
		t.Errorf("%d turns with nothing to do", x.turns)
	}
	if n := p.Saved(); n != 400 || p.Saved() != 0 {
		t.Errorf("saved %d", n)
	}
}

// Who reads a part again and again gets it unpacked, and it has to be left alone for longer each time.
func TestReread(t *testing.T) {
	p, _ := newPacker(2)
	x := newParts(p, 1)
	m := &x.marks[0]
	wait := 2
	for range 8 {
		pass(p, wait-1)
		if x.packed[0] {
			t.Fatalf("packed in less than %d ticks", wait)
		}
		pass(p, 2) // its turn comes every two
		if !x.packed[0] {
			t.Fatalf("not packed after %d ticks", wait)
		}
		if p.Reread(m) {
			t.Fatal("unpacked for one read")
		}
		pass(p, 2)
		if p.Reread(m) {
			t.Fatal("unpacked for a read now and then")
		}
		if !p.Reread(m) {
			t.Fatal("not unpacked")
		}
		x.packed[0] = false
		p.Queue(&x.Entry)
		wait = min(2*wait, 2<<warmest)
	}
}

func TestHard(t *testing.T) {
	p, _ := newPacker(1)
	x := newParts(p, 2)
	x.hard = true
	pass(p, 1)
	if now, later := p.Cold(&x.marks[0], 1000); now || later || p.first != nil {
		t.Error("tried again")
	}
	p.Written(&x.marks[0])
	if _, later := p.Cold(&x.marks[0], 1000); !later {
		t.Error("not tried again after a change")
	}
	for _, size := range []int{MinSize - 1, MaxSize + 1} {
		if now, later := p.Cold(&Mark{}, size); now || later {
			t.Errorf("%d bytes", size)
		}
	}
}

// While a snapshot lives nothing is packed, nor for a while after.
func TestSnapshot(t *testing.T) {
	p, clock := newPacker(2)
	x := newParts(p, 1)
	s := clock.Snapshot()
	pass(p, 5)
	s.Release()
	if pass(p, 1); x.count() != 0 {
		t.Fatal("packed at once")
	}
	if pass(p, 3); x.count() != 1 {
		t.Fatal("not packed")
	}
}

// What is gone is not packed, and a new header takes the place of an old one.
func TestDrop(t *testing.T) {
	p, _ := newPacker(1)
	x, y := newParts(p, 1), newParts(p, 1)
	thawed := &parts{marks: x.marks, packed: x.packed}
	x.Set(thawed)
	y.Drop()
	pass(p, 1)
	if x.turns != 0 || thawed.turns != 1 || y.turns != 0 || p.first != nil {
		t.Errorf("%d, %d, %d turns", x.turns, thawed.turns, y.turns)
	}
}

func TestSetIdle(t *testing.T) {
	p, _ := newPacker(5)
	x := newParts(p, 3)
	if p.SetIdle(-1); p.Run(time.Minute) || p.Due() || p.AtOnce() {
		t.Error("not off")
	}
	pass(p, 20)
	if x.turns != 0 {
		t.Error("packed though off")
	}
	x.slow = 1
	p.SetIdle(0)
	for p.Run(time.Minute) {
	}
	if !p.AtOnce() || x.count() != 3 || x.turns != 3 {
		t.Errorf("%d packed at once, in %d turns", x.count(), x.turns)
	}
}

func TestCompress(t *testing.T) {
	p, _ := newPacker(1)
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 20, 300, 8000, 70000, 2 << 20} {
		for _, letters := range []int{1, 4, 256} {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(r.IntN(letters))
			}
			most := n - n/8
			packed := p.Compress(b, most)
			if packed == nil {
				if letters == 1 && n >= 300 || letters == 4 && n >= 8000 {
					t.Errorf("%d bytes of %d are not compressed", n, letters)
				}
				continue
			}
			if len(packed) >= most {
				t.Errorf("%d bytes, want less than %d", len(packed), most)
			}
			got := append(p.TakeSpare(), make([]byte, n)...)[:n]
			Unpack(got, packed)
			if !bytes.Equal(got, b) {
				t.Errorf("%d bytes of %d come back otherwise", n, letters)
			}
			p.PutSpare(got)
		}
	}
	if cap(p.spare) > keepSpare || cap(p.packed) > 2*keepSpare || cap(p.packed2) > 2*keepSpare {
		t.Errorf("kept %d and %d", cap(p.spare), cap(p.packed))
	}
}

// table makes lines of n bytes, of which some count, some are random, and the others stay the same.
func table(r *rand.Rand, n, size, random int) []byte {
	line := make([]byte, n)
	for i := range line {
		line[i] = byte(r.IntN(256))
	}
	var b []byte
	for len(b) < size {
		binary.LittleEndian.PutUint16(line[n/2:], binary.LittleEndian.Uint16(line[n/2:])+uint16(1+len(b)%2))
		for i := range random {
			line[i] = byte(r.IntN(256))
		}
		b = append(b, line...)
	}
	return b[:size]
}

func TestColumns(t *testing.T) {
	p, _ := newPacker(1)
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		line := 3 + r.IntN(70)
		size := r.IntN(5000)
		b := table(r, line, size, r.IntN(3))
		n := lineLength(b)
		if n > 0 && (n < minLine || n > maxLine) {
			t.Fatalf("lines of %d", n)
		}
		if line >= 13 && line <= maxLine && size > 500 && n%line != 0 {
			t.Fatalf("lines of %d, want %d", n, line)
		}
		for s := minLine; s <= min(maxLine, size); s += 1 + r.IntN(20) {
			d := make([]byte, size)
			subtractLines(d, b, s)
			addLines(d, s)
			if !bytes.Equal(d, b) {
				t.Fatalf("%d bytes at %d come back otherwise", size, s)
			}
		}
		if packed := p.Compress(b, size-size/8); packed != nil {
			d := make([]byte, size)
			if Unpack(d, packed); !bytes.Equal(d, b) {
				t.Fatalf("%d bytes come back otherwise", size)
			}
		}
	}
	b := table(r, 22, 8000, 0)
	if packed := p.Compress(b, len(b)); len(packed) > len(b)/20 || packed[0] != 22 {
		t.Errorf("%d bytes of %d, lines of %d", len(packed), len(b), packed[0])
	}
}

func BenchmarkCompress(b *testing.B) {
	p, _ := newPacker(1)
	r := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"table", table(r, 22, 8000, 0)}, {"random", table(r, 22, 8000, 22)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.data)))
			for b.Loop() {
				p.Compress(c.data, 7000)
			}
		})
	}
	packed := bytes.Clone(p.Compress(table(r, 22, 8000, 0), 7000))
	b.Run("unpack", func(b *testing.B) {
		d := make([]byte, 8000)
		b.SetBytes(8000)
		for b.Loop() {
			Unpack(d, packed)
		}
	})
}
