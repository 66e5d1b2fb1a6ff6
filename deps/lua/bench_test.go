// SPDX-License-Identifier: BSD-3-Clause

package lua

import "testing"

// benchmark runs a script that has a Go function call(...) to call.
func benchmark(b *testing.B, src string) {
	s := New(Options{})
	s.SetFunction(s.globals, "call", func(l *L) int {
		l.Push(l.Get(1))
		return 1
	})
	fn, err := s.Compile(src, "@user_script")
	if err != nil {
		b.Fatal(err)
	}
	keys, args := [][]byte{[]byte("key")}, [][]byte{[]byte("1"), []byte("2")}
	b.ReportAllocs()
	for b.Loop() {
		s.SetList("KEYS", keys)
		s.SetList("ARGV", args)
		if _, err := s.Call(fn); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCall(b *testing.B)   { benchmark(b, "return call('incr', KEYS[1])") }
func BenchmarkSum(b *testing.B)    { benchmark(b, "local s=0 for i=1,1000 do s=s+i end return s") }
func BenchmarkWhile(b *testing.B)  { benchmark(b, "local i=0 while i<1000 do i=i+1 end return i") }
func BenchmarkCalls(b *testing.B)  { benchmark(b, "for i=1,1000 do call('incr', KEYS[1]) end") }
func BenchmarkConcat(b *testing.B) { benchmark(b, "local s='' for i=1,200 do s=s..'x' end return s") }
func BenchmarkFunctions(b *testing.B) {
	benchmark(b, "local function f(a) return a end for i=1,1000 do f(i) end")
}
func BenchmarkPcall(b *testing.B)  { benchmark(b, "for i=1,100 do pcall(call, i) end") }
func BenchmarkError(b *testing.B)  { benchmark(b, "for i=1,100 do pcall(error, i) end") }
func BenchmarkModulo(b *testing.B) { benchmark(b, "local s=0 for i=1,1000 do s=s+i%7 end return s") }
func BenchmarkTable(b *testing.B) {
	benchmark(b, "local t={} for i=1,1000 do t[i]=i end local s=0 for i,v in ipairs(t) do s=s+v end return s")
}
func BenchmarkStrings(b *testing.B) {
	benchmark(b, "local t={} for i=1,100 do t[#t+1]=string.format('%d:%s',i,('x'):rep(10)) end return #table.concat(t,',')")
}
