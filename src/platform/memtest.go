// SPDX-License-Identifier: BSD-3-Clause

package platform

// memtest.go - redis-server --test-memory. Counterpart: memtest.c.
//
// A pass writes patterns and reads them back:
//
//	addressing    every word holds its own address: two addresses that reach one cell show
//	random        both halves get one random sequence, then are compared four times
//	solid         all zeros and all ones, in turn by word
//	checkerboard  1010... and 0101..., in turn by word
//
// Fills go a page further with every write, so that a processor's caches cannot keep up and memory is what is read.
// The screen fills up with a character a step, as wide and high as the terminal.

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"unsafe"
)

// memtestStride is a memory page in words.
const memtestStride = 4096 / 8

// memoryTest is a test under way.
type memoryTest struct {
	w             *bufio.Writer // nil: no display
	columns, rows int
	printed, full int
	words         []uint64
}

// TestMemory tests that many megabytes with that many passes and shows it on w. False tells of an error in the memory, or that there is
// not so much of it.
func TestMemory(w io.Writer, megabytes, passes int) bool {
	columns, rows := 80, 20
	if f, ok := w.(*os.File); ok {
		columns, rows = TerminalSize(f)
	}
	if total := TotalSystemMemory(); megabytes < 0 || total > 0 && uint64(megabytes) > total>>20 {
		fmt.Fprintf(os.Stderr, "Unable to allocate %d megabytes: Cannot allocate memory", megabytes)
		return false
	}
	b := bufio.NewWriter(w)
	defer b.Flush()
	t := &memoryTest{w: b, columns: columns, rows: rows, words: make([]uint64, megabytes<<20/8)}
	if err := t.run(passes); err != nil {
		fmt.Fprintf(b, "\n%v\n", err)
		return false
	}
	fmt.Fprint(b, "\nYour memory passed this test.\n",
		"Please if you are still in doubt use the following two tools:\n",
		"1) memtest86: http://www.memtest86.com/\n",
		"2) memtester: http://pyropus.ca/software/memtester/\n")
	return true
}

// TestMemoryQuietly makes one pass over new memory of that size, without a display: the crash report's fast test (C: memtest_preserving_test on
// the process's own pages, which Go's collector does not let anybody write to).
func TestMemoryQuietly(megabytes int) error {
	t := &memoryTest{words: make([]uint64, megabytes<<20/8)}
	return t.run(1)
}

func (t *memoryTest) run(passes int) error {
	for pass := 1; pass <= passes; pass++ {
		t.start("Addressing test", pass)
		err := t.addressing()
		t.end()
		if err != nil {
			return err
		}
		for _, fill := range []struct {
			title string
			fill  func()
		}{
			{"Random fill", t.fillRandom},
			{"Solid fill", func() { t.fillValue('S', 0, ^uint64(0)) }},
			{"Checkerboard fill", func() { t.fillValue('C', 0xaaaaaaaaaaaaaaaa, 0x5555555555555555) }},
		} {
			t.start(fill.title, pass)
			fill.fill()
			t.end()
			for range 4 {
				t.start("Compare", pass)
				err := t.compare()
				t.end()
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// start clears the screen, fills it with dots and shows what is being done.
func (t *memoryTest) start(title string, pass int) {
	if t.w == nil {
		return
	}
	t.w.WriteString("\x1b[H\x1b[2J")
	for range t.columns * (t.rows - 2) {
		t.w.WriteByte('.')
	}
	t.w.WriteString("Please keep the test running several minutes per GB of memory.\n" +
		"Also check http://www.memtest86.com/ and http://pyropus.ca/software/memtester/\x1b[H\x1b[2K")
	fmt.Fprintf(t.w, "%s [%d]\n", title, pass)
	t.printed, t.full = 0, t.columns*(t.rows-3)
	t.w.Flush()
}

func (t *memoryTest) end() {
	if t.w != nil {
		t.w.WriteString("\x1b[H\x1b[2J")
		t.w.Flush()
	}
}

// step shows that done of all is behind us.
func (t *memoryTest) step(done, all int, c byte) {
	if t.w == nil || all == 0 {
		return
	}
	want := int(int64(done) * int64(t.full) / int64(all))
	if want <= t.printed {
		return
	}
	for ; t.printed < want; t.printed++ {
		t.w.WriteByte(c)
	}
	t.w.Flush()
}

const memtestStepMask = 0xffff

func (t *memoryTest) addressing() error {
	for i := range t.words {
		t.words[i] = uint64(uintptr(unsafe.Pointer(&t.words[i])))
		if i&memtestStepMask == 0 {
			t.step(i, len(t.words)*2, 'A')
		}
	}
	for i := range t.words {
		if p := unsafe.Pointer(&t.words[i]); t.words[i] != uint64(uintptr(p)) {
			return fmt.Errorf("*** MEMORY ADDRESSING ERROR: %p contains %d", p, t.words[i])
		}
		if i&memtestStepMask == 0 {
			t.step(i+len(t.words), len(t.words)*2, 'A')
		}
	}
	return nil
}

// fill writes next's values to both halves, a page's distance between two writes.
func (t *memoryTest) fill(c byte, next func(offset int) uint64) {
	half := len(t.words) / 2
	low, high := t.words[:half], t.words[half:]
	done := 0
	for offset := range memtestStride {
		for i := offset; i < half; i += memtestStride {
			v := next(offset)
			low[i], high[i] = v, v
			if done&memtestStepMask == 0 {
				t.step(done, half, c)
			}
			done++
		}
	}
}

func (t *memoryTest) fillRandom() {
	// xorshift64*, from a seed of no meaning.
	state := uint64(0xd13133de9afdb566)
	t.fill('R', func(int) uint64 {
		state ^= state >> 12
		state ^= state << 25
		state ^= state >> 27
		return state * 2685821657736338717
	})
}

func (t *memoryTest) fillValue(c byte, even, odd uint64) {
	t.fill(c, func(offset int) uint64 {
		if offset&1 != 0 {
			return odd
		}
		return even
	})
}

func (t *memoryTest) compare() error {
	half := len(t.words) / 2
	low, high := t.words[:half], t.words[half:2*half]
	for i := range low {
		if low[i] != high[i] {
			return fmt.Errorf("*** MEMORY ERROR DETECTED: %p != %p (%d vs %d)", &low[i], &high[i], low[i], high[i])
		}
		if i&memtestStepMask == 0 {
			t.step(i, half, '=')
		}
	}
	return nil
}
