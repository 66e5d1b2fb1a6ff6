// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"redport/src/dict"
)

func hllServer() *Server {
	return &Server{configFields: configFields{hllSparseMaxBytes: 3000}}
}

// hllOf makes a HyperLogLog of n elements.
func hllOf(server *Server, n int) []byte {
	b := createHLL(nil)
	for i := range n {
		index, count := hllPatLen(fmt.Append(nil, "element", i))
		b, _ = server.hllAdd(b, index, count)
	}
	hllInvalidateCache(b)
	return b
}

// TestHLLBytes: C Redis's bytes and counts after the same PFADDs.
func TestHLLBytes(t *testing.T) {
	server := hllServer()
	for _, c := range []struct {
		n, size int
		want    string // the string, or its SHA1
		card    uint64
	}{
		{3, 27, "48594c4c0100000000000000000000805f8a84435c804168845bab", 3},
		{100, 285, "e24a3bc52ec2f4f34f28a8493977a6de53683b55", 100},
		{1000, 1924, "871f7a6d43c24fecbae168102b95509fe59705f0", 1012},
		{1500, 2760, "bbf7db807f46c47f977d16b483e56e15cc803995", 1517},
		{5000, 12304, "498fc94814be3f179c9690834942db706cd17df1", 5036},
	} {
		b := hllOf(server, c.n)
		got := hex.EncodeToString(b)
		if len(b) > 100 {
			sum := sha1.Sum(b)
			got = hex.EncodeToString(sum[:])
		}
		if got != c.want || len(b) != c.size {
			t.Errorf("%d elements: got %d bytes, %s", c.n, len(b), got)
		}
		if card, ok := hllCount(b); card != c.card || !ok {
			t.Errorf("%d elements: got %d, %v", c.n, card, ok)
		}
	}
}

// TestHLLMaxWord compares all pairs of values, in all lanes.
func TestHLLMaxWord(t *testing.T) {
	const lanes = 0x041041041041 // 1 in each
	for a := range uint64(64) {
		for b := range uint64(64) {
			if got := hllMaxWord(a*lanes, b*lanes); got != max(a, b)*lanes {
				t.Fatalf("max(%d, %d): got %#x", a, b, got)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 10000 {
		a, b := r.Uint64()>>16, r.Uint64()>>16
		got := hllMaxWord(a, b)
		for i := range 8 {
			shift := uint(6 * i)
			if got>>shift&63 != max(a>>shift&63, b>>shift&63) {
				t.Fatalf("max(%#x, %#x): got %#x", a, b, got)
			}
		}
	}
}

// TestHLLUnion: registers go into a union and out of it in all ways.
func TestHLLUnion(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var want [hllRegisterCount]uint8
		var words, plain hllRegisters
		for range 3 {
			b := make([]byte, hllDenseSize)
			for i := range b[hllHdrSize:] {
				b[hllHdrSize+i] = byte(r.Uint32())
			}
			for i := range want {
				want[i] = max(want[i], hllDenseGet(b, i))
			}
			words.mergeDense(b)
			plain.mergeDenseByRegister(b)
		}
		if words != plain {
			t.Fatal("unions differ")
		}
		out := make([]byte, hllDenseSize)
		words.storeDense(out)
		for i, v := range want {
			if words.get(i) != v || hllDenseGet(out, i) != v {
				t.Fatalf("register %d is %d and %d, not %d", i, words.get(i), hllDenseGet(out, i), v)
			}
		}
		if card, _ := hllCount(out); card != words.count() {
			t.Fatalf("counts differ: %d and %d", card, words.count())
		}
	}
}

// TestHLLSparseModel compares a sparse HyperLogLog with its registers after each change, and what a union writes in one go with
// what single changes write.
func TestHLLSparseModel(t *testing.T) {
	server := &Server{configFields: configFields{hllSparseMaxBytes: 1 << 20}}
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		spread := 1 + r.IntN(hllRegisterCount)
		values := 1 + r.IntN(32)
		var want [hllRegisterCount]uint8
		b := createHLL(nil)
		for range r.IntN(4000) {
			i, v := r.IntN(spread), uint8(1+r.IntN(values))
			var result int
			b, result = server.hllAdd(b, i, v)
			if (result == hllChanged) != (v > want[i]) {
				t.Fatalf("register %d, %d to %d: %d", i, want[i], v, result)
			}
			want[i] = max(want[i], v)
		}
		var union hllRegisters
		if !union.mergeSparse(b) {
			t.Fatal("invalid")
		}
		for i, v := range want {
			if union.get(i) != v {
				t.Fatalf("register %d is %d, not %d", i, union.get(i), v)
			}
		}
		card, _ := hllCount(b)
		dense, ok := hllSparseToDense(nil, b)
		if denseCard, _ := hllCount(dense); !ok || denseCard != card || union.count() != card {
			t.Fatalf("counts differ: %d, %d, %d", card, denseCard, union.count())
		}

		// Onto another one.
		base := createHLL(nil)
		for range r.IntN(300) {
			base, _ = server.hllAdd(base, r.IntN(hllRegisterCount), uint8(1+r.IntN(32)))
		}
		union.mergeSparse(base)
		one := bytes.Clone(base)
		for i := range hllRegisterCount {
			if v := union.get(i); v > 0 {
				one, _ = server.hllAdd(one, i, v)
			}
		}
		if all := server.hllSparseUnion(bytes.Clone(base), &union); !bytes.Equal(all, one) {
			t.Fatal("a union comes out differently than its registers one by one")
		}
	}
}

func TestHLLCommands(t *testing.T) {
	const (
		wrongType = "-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n"
		corrupt   = "-INVALIDOBJ Corrupted HLL object detected\r\n"
	)
	empty := string(createHLL(nil))
	xzeros := strings.Repeat("\x7f\xff", 131072+1000) + "\xff" // claims more than 2^32 registers
	all63 := "HYLL" + strings.Repeat("\x00", 12) + strings.Repeat("\xff", hllDenseSize-hllHdrSize)
	type step struct {
		command []string
		reply   string
	}
	do := func(reply string, command ...string) step { return step{command, reply} }
	for name, script := range map[string][]step{
		"adding": {
			do(":1\r\n", "PFADD", "k"), do(":0\r\n", "PFADD", "k"), do(":0\r\n", "PFCOUNT", "k"), do(":1\r\n", "PFADD", "k", "a", "b"), do(":0\r\n", "PFADD", "k", "b", "a"),
			do(":2\r\n", "PFCOUNT", "k"), do(bulk("raw"), "OBJECT", "ENCODING", "k"), do("+sparse\r\n", "PFDEBUG", "ENCODING", "k"), do(":1\r\n", "PFDEBUG", "TODENSE", "k"),
			do(":0\r\n", "PFDEBUG", "TODENSE", "k"), do(":2\r\n", "PFCOUNT", "k"), do(":1\r\n", "PFADD", "k", "c"), do(":3\r\n", "PFCOUNT", "k"), do(":3\r\n", "PFCOUNT", "k", "none"),
		},
		"merging": {
			do(":1\r\n", "PFADD", "a", "1", "2"), do(":1\r\n", "PFADD", "b", "2", "3"), do(":3\r\n", "PFCOUNT", "a", "b"), do("+OK\r\n", "PFMERGE", "c", "a", "b"), do(":3\r\n", "PFCOUNT", "c"),
			do("+sparse\r\n", "PFDEBUG", "ENCODING", "c"), do(":1\r\n", "PFDEBUG", "TODENSE", "a"), do("+OK\r\n", "PFMERGE", "b", "a"), do("+dense\r\n", "PFDEBUG", "ENCODING", "b"),
			do(":3\r\n", "PFCOUNT", "b"), do("+disabled\r\n", "PFDEBUG", "SIMD", "off"), do(":3\r\n", "PFCOUNT", "a", "b"), do("+enabled\r\n", "PFDEBUG", "SIMD", "on"), do(":3\r\n", "PFCOUNT", "a", "b"),
			do("+OK\r\n", "PFMERGE", "new", "none"), do(bulk(empty[:15]+"\x80"+empty[16:]), "GET", "new"),
		},
		"what is none": {
			do("+OK\r\n", "SET", "k", "5"), do(wrongType, "PFADD", "k"), do(wrongType, "PFCOUNT", "k"), do(wrongType, "PFMERGE", "new", "k"), do(":0\r\n", "EXISTS", "new"),
			do("+OK\r\n", "SET", "k", "HYLL"+strings.Repeat("\x00", 20)), do(wrongType, "PFCOUNT", "k"), do("+OK\r\n", "SET", "k", "HYLL\x02"+strings.Repeat("\x00", 20)), do(wrongType, "PFCOUNT", "k"),
			do(":1\r\n", "LPUSH", "l", "x"), do("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n", "PFCOUNT", "l", "k"), do("-ERR The specified key does not exist\r\n", "PFDEBUG", "GETREG", "none"),
			do("-ERR Argument must be ON or OFF\r\n", "PFDEBUG", "SIMD", "maybe"), do("+OK\r\n", "SET", "k", empty), do("-ERR Unknown PFDEBUG subcommand 'x'\r\n", "PFDEBUG", "x", "k"),
		},
		"what is corrupt": {
			do("+OK\r\n", "SET", "k", empty[:hllHdrSize]+xzeros), do(corrupt, "PFCOUNT", "k", "k"), do(corrupt, "PFDEBUG", "GETREG", "k"), do(corrupt, "PFMERGE", "new", "k"), do(corrupt, "PFDEBUG", "TODENSE", "k"),
			do(":0\r\n", "PFCOUNT", "k"), // as the header says
			do("+OK\r\n", "SET", "k", empty[:15]+"\x80"+strings.Repeat("\x3f", 255)), do(corrupt, "PFCOUNT", "k"), do(bulk(strings.TrimSpace(strings.Repeat("z:64 ", 255))), "PFDEBUG", "DECODE", "k"),
			do("+OK\r\n", "SET", "k", empty[:hllHdrSize]), do(corrupt, "PFADD", "k", "a"), do("+OK\r\n", "SET", "k", empty[:hllHdrSize]+"\x7f"), do(corrupt, "PFDEBUG", "TODENSE", "k"),
			do("+OK\r\n", "SET", "k", all63), do(":0\r\n", "PFCOUNT", "k"), do(":-9223372036854775808\r\n", "PFCOUNT", "k", "k"),
			do(":1\r\n", "SETRANGE", "k2", "0", "x"), do("+OK\r\n", "SET", "k", all63), do(":12304\r\n", "SETRANGE", "k", "15", "\x80"), do(":-9223372036854775808\r\n", "PFCOUNT", "k"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := idleServer(t).fakeClient()
			for _, s := range script {
				if got := c.run(s.command...); got != s.reply {
					t.Errorf("%.100q: got %.200q, want %.200q", s.command, got, s.reply)
				}
			}
		})
	}
}

// A snapshot does not see what PFADD, PFCOUNT and PFMERGE write, be it in place.
func TestHLLSnapshot(t *testing.T) {
	server := idleServer(t)
	c := server.fakeClient()
	c.run("PFADD", "sparse", "a")
	c.run("PFADD", "dense", "a")
	c.run("PFDEBUG", "TODENSE", "dense")
	before := c.run("GET", "sparse") + c.run("GET", "dense")
	snapshot := server.clock.Snapshot()
	view := server.db[0].keys.Snapshot(snapshot)
	c.run("PFADD", "sparse", "b", "c")
	c.run("PFCOUNT", "dense")
	c.run("PFADD", "dense", "b")
	c.run("PFMERGE", "dense", "sparse")
	var frozen string
	for _, key := range []string{"sparse", "dense"} {
		frozen += bulk(string(view.Find(dict.Hash([]byte(key)), []byte(key)).Value()))
	}
	if frozen != before {
		t.Error("the snapshot has changed")
	}
	snapshot.Release()
}

// FuzzHLL: whatever a client writes into a string, every command ends and leaves something that the next can read.
func FuzzHLL(f *testing.F) {
	f.Add(createHLL(nil), "a")
	f.Add(hllOf(hllServer(), 300), "b")
	f.Add([]byte("HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f"), "c")
	f.Add([]byte("HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\xff\xff\x00\x40\x00"), "d")
	server := hllServer()
	f.Fuzz(func(t *testing.T, b []byte, element string) {
		if !validHLL(b) {
			return
		}
		hllDecode(b)
		_, counted := hllCount(b)
		var union hllRegisters
		if hllEncoding(b) == hllSparse {
			if _, ok := hllSparseToDense(nil, b); ok != counted || union.mergeSparse(b) != counted || hllSparseCheck(b) != counted {
				t.Fatal("they do not agree on what is valid")
			}
		}
		own := bytes.Clone(b)
		for i := range 20 {
			index, count := hllPatLen(fmt.Append(nil, element, i))
			own, _ = server.hllAdd(own, index, count)
		}
		if counted {
			if !validHLL(own) {
				t.Fatal("not one any more")
			}
			if _, ok := hllCount(own); !ok {
				t.Fatal("not valid any more")
			}
			server.hllSparseUnion(createHLL(nil), &union)
		}
	})
}

func BenchmarkHLLSparseAdd(b *testing.B) {
	for _, n := range []int{10, 200, 1500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			hll := hllOf(hllServer(), n)
			r := rand.New(rand.NewPCG(1, 2))
			for b.Loop() {
				hllSparseFind(hll, hllSparseStart, r.IntN(hllRegisterCount))
			}
		})
	}
}

func BenchmarkHLLDense(b *testing.B) {
	hll := hllOf(hllServer(), 20000)
	b.Run("merge", func(b *testing.B) {
		r := hllRegisters{used: true}
		for b.Loop() {
			r.mergeDense(hll)
		}
	})
	b.Run("count", func(b *testing.B) {
		for b.Loop() {
			hllCount(hll)
		}
	})
}
