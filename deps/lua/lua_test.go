// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"strings"
	"testing"
)

// eval runs a script and gives its first result as text, or the error's.
func eval(t testing.TB, s *State, src string) string {
	t.Helper()
	fn, err := s.Compile(src, "@user_script")
	if err != nil {
		return "compile: " + err.Error()
	}
	v, fail := s.Call(fn)
	if fail != nil {
		return "error: " + fail.Error()
	}
	return show(s, v)
}

func show(s *State, v Value) string {
	switch v := v.(type) {
	case *Table:
		var b strings.Builder
		b.WriteString("{")
		for k, e := s.Next(v, Nil); k != Nil; k, e = s.Next(v, k) {
			if b.Len() > 1 {
				b.WriteString(",")
			}
			if k.Type().String() != "number" {
				b.WriteString(show(s, k) + "=")
			}
			b.WriteString(show(s, e))
		}
		return b.String() + "}"
	case Number:
		return FormatNumber(float64(v))
	}
	return v.String()
}

func TestLanguage(t *testing.T) {
	s := New(Options{})
	for _, c := range []struct{ src, want string }{
		{"return 1", "1"},
		{"return 'a'..1 ..2.5", "a12.5"},
		{"local a,b=1,2 a,b=b,a return a*10+b", "21"},
		{"local function f(a) a = a .. 'x' return a end return f('y')", "yx"},
		{"local function f(a) local b a,b = (tostring(a)),1 return a end return f(5)", "5"},
		{"local n=0 local function inc() n=n+1 end pcall(error,'x') inc() return n", "1"},
		{"local t={} local ok,e=pcall(function() local x=1 t.f=function() x=x+1 return x end error('e') end) return t.f()+t.f()", "5"},
		{"return '010'+1", "11"},
		{"return '0x10'+0", "16"},
		{"local goto=1 return goto", "1"},
		{"return 5%0.3 .. ' ' .. -5%3 .. ' ' .. 5%-3", "0.2 1 -1"},
		{"return 2^53", "9.007199254741e+15"},
		{"return 1e15", "1e+15"},
		{"return tostring(1/0)..tostring(-1/0)", "inf-inf"},
		{"for i='1','3' do if i==3 then return i end end", "3"},
		{"return foo", "error: user_script:1: Script attempted to access nonexistent global variable 'foo'"},
		{"foo=1", "error: user_script:1: Attempt to modify a readonly table"},
		{"string.foo=1", "error: user_script:1: Attempt to modify a readonly table"},
		{"local x x.y=1", "error: user_script:1: attempt to index local 'x' (a nil value)"},
		{"local x\n\nreturn x.y", "error: user_script:3: attempt to index local 'x' (a nil value)"},
		{"local x={} return x.y.z", "error: user_script:1: attempt to index field 'y' (a nil value)"},
		{"string.nope()", "error: user_script:1: attempt to call field 'nope' (a nil value)"},
		{"local x={} x:foo()", "error: user_script:1: attempt to call method 'foo' (a nil value)"},
		{"local x='a' return x+1", "error: user_script:1: attempt to perform arithmetic on local 'x' (a string value)"},
		{"local x={} return 1+x", "error: user_script:1: attempt to perform arithmetic on local 'x' (a table value)"},
		{"local x return 'a'..x", "error: user_script:1: attempt to concatenate local 'x' (a nil value)"},
		{"return {}<{}", "error: user_script:1: attempt to compare two table values"},
		{"return 1<'2'", "error: user_script:1: attempt to compare number with string"},
		{"return #nil", "error: user_script:1: attempt to get length of a nil value"},
		{"return select(2, pcall(error, {1,2}))", "{1,2}"},
		{"return select(2, pcall(error, 'x'))", "x"},
		{"return select(2, pcall(function() error('x') end))", "user_script:1: x"},
		{"local function f() return f()+1 end return f()", "error: user_script:1: stack overflow"},
		{"local co=coroutine.wrap(function(a) local b=coroutine.yield(a+1) return b*2 end) return co(1)+co(10)", "22"},
		{"return select(2,coroutine.resume(coroutine.create(function() local x return x.y end)))", "user_script:1: attempt to index local 'x' (a nil value)"},
		{"x = = 1", "compile: user_script:1: unexpected symbol near '='"},
		{"for i=1 do end", "compile: user_script:1: ',' expected near 'do'"},
		{"local f = function() return f end return f()", "error: user_script:1: Script attempted to access nonexistent global variable 'f'"},
		{"return string.format('%5.2f|%d|%s|%x|%g', 3.14159, 3.7, 'x', 255, 1e20)", " 3.14|3|x|ff|1e+20"},
		{"return (string.gsub('hello world','o','0'))", "hell0 w0rld"},
		{"return string.find('hello','l+')", "3"},
		{"local t={3,1,2} table.sort(t,function(a,b) return a>b end) return table.concat(t,',')", "3,2,1"},
		{"return getmetatable('').__index==string", "true"},
		{"getmetatable('').__index=1", "error: user_script:1: Attempt to modify a readonly table"},
		{"rawset(_G,'x',1)", "error: Attempt to modify a readonly table"},
		{"return unpack({},1,8001)", "error: user_script:1: too many results to unpack"},
		{"return loadstring('return 1+1')()", "2"},
		{"return select(2, loadstring('x x'))", "[string \"x x\"]:1: '=' expected near 'x'"},
		{"local t={} for k in pairs(_G) do t[#t+1]=k end return #t>10", "true"},
	} {
		if got := eval(t, s, c.src); got != c.want {
			t.Errorf("%s\n got  %s\n want %s", c.src, got, c.want)
		}
	}
}
