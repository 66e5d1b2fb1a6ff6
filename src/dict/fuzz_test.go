// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"encoding/binary"
	"maps"
	"slices"
	"testing"

	"redport/src/zmalloc"
)

// fuzzSource turns a fuzzer's bytes into random numbers, so that a model's steps are the fuzzer's choice.
type fuzzSource struct{ b []byte }

func (s *fuzzSource) Uint64() uint64 {
	var x [8]byte
	n := copy(x[:], s.b)
	s.b = s.b[n:]
	// Spread, because bounded numbers come from the high bits.
	return binary.LittleEndian.Uint64(x[:]) * 0x9e3779b97f4a7c15
}

// FuzzDict runs a program of operations against the model, with a hash function of the fuzzer's choice, and snapshots in between.
//
// Each operation is an 8-byte seed: the rest of its decisions follow from that.
func FuzzDict(f *testing.F) {
	names := slices.Sorted(maps.Keys(types))
	for i := range names {
		f.Add(byte(i), []byte("some operations, and some more; and then a few others, to make it split"))
	}
	f.Add(byte(3), make([]byte, 400))
	f.Fuzz(func(t *testing.T, kind byte, prog []byte) {
		if len(prog) > 2000 {
			return
		}
		typ := types[names[int(kind)%len(names)]]
		w := newWorld(zmalloc.Heap)
		m := newModel(t, w, typ)
		var readers []*reader
		release := func() {
			x := readers[0]
			readers = readers[1:]
			x.read(m.hash, 1)
			if bad := <-x.done; bad != "" {
				t.Fatal(bad)
			}
			x.s.Release()
		}
		src := &fuzzSource{prog}
		for len(src.b) > 0 {
			op := src.b[0]
			r := newSource(src.Uint64(), uint64(op))
			r.fat = kind >= 128
			switch {
			case op < 4 && len(readers) < 3:
				x := &reader{s: w.clk.Snapshot(), want: maps.Clone(m.m), done: make(chan string, 1)}
				x.v = m.d.Snapshot(x.s)
				readers = append(readers, x)
			case op < 8 && len(readers) > 0:
				release()
			case op < 10:
				w.clk.Reclaim(0)
			case op == 10:
				m.d.Release()
				m.m, m.keys, m.at = map[string]item{}, nil, map[string]int{}
			case op == 12:
				m.sampleAll(r)
			case op == 11:
				for len(m.keys) > 3 {
					m.delete(m.keys[r.IntN(len(m.keys))])
				}
			default:
				for range 1 + r.IntN(40) {
					m.step(r, 1+int(op)*8, op&1 == 0)
				}
			}
			check(t, m.d)
		}
		for len(readers) > 0 {
			release()
		}
		m.checkAll()
		w.end(t, m.d)
	})
}
