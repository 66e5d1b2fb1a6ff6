// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func compileTest(t testing.TB, s *State, src string) *Function {
	t.Helper()
	fn, err := s.Compile(src, "@user_script")
	if err != nil {
		t.Fatal(err)
	}
	return fn
}

// TestInterrupt ends scripts that spin, each in its own way, and finds the interpreter
// whole afterwards.
func TestInterrupt(t *testing.T) {
	s := New(Options{})
	stop := errors.New("stop")
	for _, src := range []string{
		"while true do end",
		"repeat until false",
		"for i=1,1e18 do end",
		"local function f() return f() end f()",
		"local function f() f() pcall(f) pcall(f) end while true do pcall(f) end",
		"while true do pcall(function() while true do end end) end",
		"while true do xpcall(function() while true do end end, function() end) end",
		"while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
		"local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end",
		"loadstring('while true do end')()",
		"_G['load'..'string']('while true do end')()",
		"load(function() while true do end end)",
		"string.find(('a'):rep(40), ('a?'):rep(40)..('a'):rep(40))",
		"string.gsub(('a'):rep(1000), '.-b', '')  while true do string.gsub('a', '.', function() while true do end end) end",
		"local t = setmetatable({}, {__index = function() while true do end end}) return t.x",
		"local t = {} for i=1,100 do t[i]=i end while true do table.sort(t, function(a,b) while true do end end) end",
		"for k in function() return 1 end do end",
	} {
		calls := 0
		s.SetInterrupt(func() error {
			calls++
			if calls > 3 {
				return stop
			}
			return nil
		})
		_, err := s.Call(compileTest(t, s, src))
		if err == nil || !err.Aborted || !errors.Is(err.Cause, stop) {
			t.Errorf("%s: ended with %v", src, err)
		}
		s.SetInterrupt(nil)
		if got := eval(t, s, "local ok, e = pcall(error, 'x') return tostring(ok)..e"); got != "falsex" {
			t.Fatalf("after %s: %s", src, got)
		}
	}
}

// TestErrorPosition asks for the place of an error as the server reports it.
func TestErrorPosition(t *testing.T) {
	s := New(Options{})
	s.SetFunction(s.globals, "fail", func(l *L) int {
		e := s.NewTable()
		e.RawSetString("err", String("ERR failed"))
		return s.Throw(l, e)
	})
	for _, c := range []struct {
		src  string
		line int
	}{
		{"\nfail()", 2},
		{"local x = 1\n\nlocal y = x + nil", 3},
		{"local function f()\n fail()\nend\nf()", 2},
		{"pcall(fail)\n\n\nfail()", 4},
		{"return fail()", 1},
	} {
		_, err := s.Call(compileTest(t, s, c.src))
		if err == nil || err.Source != "@user_script" || err.Line != c.line {
			t.Errorf("%q: %+v", c.src, err)
		}
	}
	// C knows no line of a C function that another C function calls.
	for _, src := range []string{"table.sort({1, 2, 'x'}, math.max)", "string.gsub('x', '.', math.max)"} {
		_, err := s.Call(compileTest(t, s, src))
		if err == nil || err.Source != "=[C]" || err.Line != -1 {
			t.Errorf("%q: %+v", src, err)
		}
	}
	for _, src := range []string{"return setmetatable({}, {__concat = math.max}) .. 'x'", "return setmetatable({}, {__index = math.max}).x"} {
		_, err := s.Call(compileTest(t, s, src))
		if err == nil || err.Source != "@user_script" || err.Line != 1 {
			t.Errorf("%q: %+v", src, err)
		}
	}
}

// TestReuse runs scripts that leave traces in the lists, and looks for them in the next.
func TestReuse(t *testing.T) {
	s := New(Options{})
	look := compileTest(t, s, "local n = 0 for k in pairs(KEYS) do n = n + 1 end return n .. ':' .. #KEYS .. ':' .. KEYS[1] .. tostring(getmetatable(KEYS))")
	keys := [][]byte{[]byte("a"), []byte("b")}
	for _, src := range []string{
		"return 1",
		"KEYS[1] = nil",
		"KEYS[3] = 'c'",
		"KEYS[2] = 5",
		"KEYS.x = 1",
		"KEYS[100] = 'z' KEYS[100] = nil",
		"setmetatable(KEYS, {__index = function() return 'm' end})",
		"table.remove(KEYS) table.insert(KEYS, 'q')",
		"for i = 1, 10 do KEYS[i] = nil end",
	} {
		for range 3 {
			s.SetList("KEYS", keys)
			if _, err := s.Call(compileTest(t, s, src)); err != nil {
				t.Fatal(err)
			}
			s.SetList("KEYS", keys)
			v, err := s.Call(look)
			if err != nil || v.String() != "2:2:anil" {
				t.Errorf("after %q: %v %v", src, v, err)
			}
		}
	}
}

func TestRecursionIsBounded(t *testing.T) {
	s := New(Options{})
	for _, src := range []string{
		"local function f() return 1 + f() end f()",
		"local function f() f(1,2,3,4,5,6,7,8,9,10) end f()",
		"local function f() return pcall(f) end f() error('x')",
		"local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k+1] end return t[1]",
		"local function f(s) return (s:gsub('.', f)) end f('a')",
		"local f f = function() return coroutine.wrap(f)() end f()",
		"local t = setmetatable({}, {__tostring = function(t) return tostring(t) end}) tostring(t)",
		"local t = {} for i = 1, 1e4 do t = {t} end return cjson.encode(t)",
		"return cjson.decode(('['):rep(1e6))",
		"return cmsgpack.unpack(('\\145'):rep(1e6))",
		"return loadstring(('('):rep(1e5))()",
		"return loadstring('return ' .. ('{'):rep(1e5))()",
		"return ('x'):rep(2e9)",
		"return unpack({}, 1, 1e7)",
		"return ('x'):rep(1e5):byte(1, -1)",
	} {
		fn, err := s.Compile(src, "@user_script")
		if err != nil {
			t.Fatal(err)
		}
		if _, fail := s.Call(fn); fail == nil {
			t.Errorf("%s succeeded", src)
		}
		if got := eval(t, s, "return 1"); got != "1" {
			t.Fatalf("after %s: %s", src, got)
		}
	}
}

func TestLineHook(t *testing.T) {
	s := New(Options{})
	fn := compileTest(t, s, "local a = 1\nlocal b = a + 1\nlocal function f(x)\n  local y = x * 2\n  return y\nend\nreturn f(b)")
	var lines []int
	var seen []string
	s.SetLineHook(func(l *L, f *Frame) {
		lines = append(lines, f.Line)
		if f.Line == 5 {
			y, _ := s.Local(l, "y")
			b, _ := s.Local(l, "b")
			seen = append(seen, show(s, y)+show(s, b))
			for _, fr := range s.Frames(l) {
				seen = append(seen, fr.Name)
			}
			for _, v := range s.Locals(l, 0) {
				seen = append(seen, v.Name)
			}
		}
	})
	v, err := s.Call(fn)
	if err != nil || show(s, v) != "4" {
		t.Fatal(v, err)
	}
	if want := []int{1, 2, 3, 7, 4, 5}; !slices.Equal(lines, want) {
		t.Errorf("lines %v, want %v", lines, want)
	}
	if got, want := strings.Join(seen, ","), "4nil,,,x,y"; got != want {
		t.Errorf("at line 5: %s, want %s", got, want)
	}
	s.SetLineHook(nil)
}

// TestLibrary has functions see other globals while they load.
func TestLibrary(t *testing.T) {
	s := New(Options{})
	load := s.NewTable()
	load.RawSetString("only", String("while loading"))
	var kept *Function
	s.SetFunction(load, "keep", func(l *L) int {
		kept = l.Get(1).(*Function)
		return 0
	})
	fn, err := s.CompileLibrary("local a = only keep(function() return a .. type(math) end)", "@user_function")
	if err != nil {
		t.Fatal(err)
	}
	s.SetGlobals(load)
	_, fail := s.Call(fn)
	s.SetGlobals(nil)
	if fail != nil {
		t.Fatal(fail)
	}
	v, fail := s.Call(kept)
	if fail != nil || v.String() != "while loadingtable" {
		t.Fatal(v, fail)
	}
}

func fuzzFunction(f *testing.F, lib, name string, seeds ...string) {
	s := New(Options{})
	fn, _ := s.Get(s.Get(s.globals, lib).(*Table), name).(*Function)
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		v, err := s.Call(fn, String(in))
		if err != nil && strings.Contains(err.Error(), "internal error") {
			t.Fatal(err)
		}
		if err == nil && lib == "cjson" {
			// What was decoded can be encoded again, but for its limits.
			encode := s.Get(s.Get(s.globals, lib).(*Table), "encode").(*Function)
			if _, err := s.Call(encode, v); err != nil && !strings.Contains(err.Error(), "Cannot serialise") {
				t.Fatal(err)
			}
		}
	})
}

func FuzzCjsonDecode(f *testing.F) {
	fuzzFunction(f, "cjson", "decode", `[1,2.5e3,"a\u00e9\ud83d\ude00",true,null,{"a":{"b":[]}}]`, `{"a"`, "[0x10,-nan]", `"\u12"`)
}

func FuzzCmsgpackUnpack(f *testing.F) {
	fuzzFunction(f, "cmsgpack", "unpack", "\x01\x93\x01\xc0\x82\xa1a\x01\x02\x03", "\xdd\xff\xff\xff\xff", "\xdb\xff\xff\xff\xffabc", "\xcb\x7f\xf8")
}

func FuzzStructUnpack(f *testing.F) {
	s := New(Options{})
	lib := s.Get(s.globals, "struct").(*Table)
	f.Add("<bHi3>L!8dfsc0c5x", "some data to unpack of any kind\x00more")
	f.Add("i32>i32", "\xff\xfe")
	f.Fuzz(func(t *testing.T, format, data string) {
		for _, name := range []string{"unpack", "pack", "size"} {
			if _, err := s.Call(s.Get(lib, name).(*Function), String(format), String(data)); err != nil && strings.Contains(err.Error(), "internal error") {
				t.Fatal(err)
			}
		}
	})
}

func FuzzFormatAndMatch(f *testing.F) {
	s := New(Options{})
	lib := s.Get(s.globals, "string").(*Table)
	f.Add("%5.2f%-3d%q%s", "%f[%w]+(.-)%b()%1$")
	f.Add("[^]-]", "%")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 100 || len(b) > 20 {
			return
		}
		for _, name := range []string{"format", "find", "gsub", "match"} {
			_, err := s.Call(s.Get(lib, name).(*Function), String(a), String(b), String("%1x"))
			if err != nil && strings.Contains(err.Error(), "internal error") {
				t.Fatal(err)
			}
		}
	})
}

// FuzzCompile looks for sources that break the compiler behind the parser.
func FuzzCompile(f *testing.F) {
	s := New(Options{})
	f.Add("local a, b = 1, 'x' for i = 1, #a do a.b[i], c = f{...}:g'x' end return function(...) return arg end")
	f.Add("a = b .. c % d ^ -e and not #f or {1; [2]=3, x=4}")
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) < 2000 {
			s.Compile(src, "@user_script")
		}
	})
}
