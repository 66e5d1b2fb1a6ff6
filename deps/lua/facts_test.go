// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	_ "embed"
	"math"
	"strconv"
	"strings"
	"testing"
)

// facts are scripts with what C Redis 8.0 makes of them: "script, =>, result", apart by
// lines of three dashes. A script is run under pcall and its results are shown as
// factsPrelude does; one behind "!" is taken as it is.
//
//go:embed testdata/facts.txt
var facts string

// factsPrelude and factsEnd surround a script: they show types, values and tables.
const (
	factsPrelude = `local function ser(v, d) d = d or 0 if d > 6 then return '...' end local t = type(v) ` +
		`if t == 'string' then return string.format('%q', v) elseif t == 'table' then local ks = {} ` +
		`for k, e in pairs(v) do ks[#ks+1] = '[' .. ser(k, d+1) .. ']=' .. ser(e, d+1) end table.sort(ks) ` +
		`return '{' .. table.concat(ks, ',') .. '}' elseif t == 'function' or t == 'thread' then return t ` +
		`else return t .. ':' .. tostring(v) end end local n local function pack(...) n = select('#', ...) return {...} end ` +
		`local r = pack(pcall(function() `
	factsEnd = ` end)) local o = {} for i = 1, n do o[i] = ser(r[i]) end return table.concat(o, ' ')`
)

// negativeNaN tells whether 0/0 has its sign bit set: it has on x86, where the facts come from, and is the machine's business, in C too.
func negativeNaN() bool {
	zero := float64(len(""))
	return math.Signbit(zero / zero)
}

func TestFacts(t *testing.T) {
	s := New(Options{})
	s.SetGlobal("redis", s.ReadOnly(s.NewTable()))
	n := 0
	for _, fact := range strings.Split(strings.TrimSuffix(facts, "\n---\n"), "\n---\n") {
		i := strings.LastIndex(fact, "\n=> ")
		src, want := fact[:i], fact[i+len("\n=> "):]
		want, err := strconv.Unquote(`"` + strings.ReplaceAll(want, `"`, `\"`) + `"`)
		if err != nil {
			t.Fatalf("%v: %s", err, fact)
		}
		s.SetList("KEYS", nil)
		s.SetList("ARGV", nil)
		full, raw := strings.CutPrefix(src, "!")
		if !raw {
			full = factsPrelude + src + factsEnd
		}
		got := eval(t, s, full)
		if !negativeNaN() {
			if strings.Contains(src, "cmsgpack") && strings.Contains(src, "0/0") {
				continue
			}
			got, want = strings.ReplaceAll(got, "-nan", "nan"), strings.ReplaceAll(want, "-nan", "nan")
		}
		if got != want {
			t.Errorf("%s\n got  %q\n want %q", src, got, want)
		}
		n++
	}
	if n < 300 {
		t.Errorf("only %d facts", n)
	}
}

func TestDeprecatedAPI(t *testing.T) {
	s := New(Options{DeprecatedAPI: true})
	for _, c := range []struct{ src, want string }{
		{"local f = function() return x end setfenv(f, {x = 5}) return f()", "5"},
		{"local f = function() return 1 end return getfenv(f) == _G", "true"},
		{"getmetatable(newproxy(true)).__gc = function() return 1 end return 0", "0"},
		{"setfenv(1, {}) return string", "nil"},
		{"return getmetatable(newproxy())", "nil"},
		{"return redis", "error: user_script:1: Script attempted to access nonexistent global variable 'redis'"},
		{"x = 1", "error: user_script:1: Attempt to modify a readonly table"},
	} {
		if got := eval(t, s, c.src); got != c.want {
			t.Errorf("%s\n got  %s\n want %s", c.src, got, c.want)
		}
	}
}
