// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"strconv"
	"strings"
)

// lua.go - random programs for EVAL and FCALL.
//
// A program is one of two kinds. Probes evaluate expressions, each under a pcall of its own, and return what became of them as text, down to the
// last digit and the fields of errors. The other kind has variables, loops, closures and metatables, and returns or throws a value as it is.
//
// Expressions are made for a type, and now and then for another one, so that most programs get somewhere and some fail in odd places.
//
// What must not happen: that a program does not end (loops count), that a string gets huge (so does C's), and that its result depends on the order of
// pairs or on an address, which are each server's own (tables are shown sorted, and encoded with one name at most; tostring is kept from them).

// luaPrelude has show, which makes one text of a value on both servers.
const luaPrelude = `local function show(v, d)
  local t = type(v)
  if t == 'string' then return string.format('%q', v) end
  if t == 'number' then return string.format('%.17g', v) end
  if t == 'boolean' then return tostring(v) end
  if t ~= 'table' then return t end
  if d > 4 then return '{deep}' end
  local p = {}
  for k, x in pairs(v) do p[#p+1] = show(k, 9) .. '=' .. show(x, d + 1) end
  table.sort(p)
  return '{' .. table.concat(p, ',') .. '}'
end
`

type luaKind uint8

const (
	luaNumber luaKind = iota
	luaString
	luaTable
	luaBool
	luaFunction
	luaAny
)

// luaWriter makes a program.
type luaWriter struct {
	*generator
	vars  []luaVar
	names int
	loops int // depth of loops
	funcs int // depth of functions
	keys  []string
}

type luaVar struct {
	name string
	kind luaKind
}

// program makes a script; keys are those that it gets.
func (g *generator) program(keys []string) string {
	w := &luaWriter{generator: g, keys: keys}
	program := ""
	switch {
	case g.chance(55):
		program = w.probes()
	case g.chance(90):
		program = w.routine()
	default:
		program = luaPrelude + w.routine()
	}
	if g.chance(25) {
		program = spread(g, program)
	}
	return program
}

// spread breaks the lines of a program in odd places, by which each error tells what it belongs to.
func spread(g *generator, program string) string {
	often := pick(g, 3, 10, 40)
	var b strings.Builder
	for _, token := range luaToken.FindAllString(program, -1) {
		if token != "(" && g.chance(often) {
			b.WriteByte('\n')
		}
		b.WriteString(token)
	}
	return b.String()
}

func (w *luaWriter) probes() string {
	var b strings.Builder
	b.WriteString(luaPrelude)
	b.WriteString("local out = {}\n")
	if w.chance(20) {
		b.WriteString("redis.setresp(3)\n")
	}
	if w.chance(50) {
		for range w.r.IntN(4) {
			b.WriteString("local " + w.newVar(luaKind(w.r.IntN(int(luaBool)+1))) + "\n")
		}
	}
	for range 1 + w.r.IntN(8) {
		e := ""
		if w.chance(15) {
			e = w.odd()
		} else {
			e = w.expr(luaKind(w.r.IntN(int(luaAny)+1)), 1+w.r.IntN(4))
		}
		fmt.Fprintf(&b, "out[#out+1] = show({pcall(function() return %s end)}, 0)\n", e)
	}
	b.WriteString("return out")
	return b.String()
}

// odd is a use of the language or of a library at an edge.
func (w *luaWriter) odd() string {
	g := w.generator
	num := func() string { return w.expr(luaNumber, 1) }
	str := func() string { return w.expr(luaString, 1) }
	any := func() string { return w.expr(luaAny, 1) }
	edge := func() string {
		return pick(g, "0", "1", "-1", "2", "3", "0/0", "1/0", "-1/0", "0.5", "-0.5", "1e15", "2^31", "2^31-1", "-2^31", "2^32", "2^53", "2^63", "-2^63", "7998", "8000", "'2'", "'x'", "nil", "{}", "true", num())
	}
	switch w.r.IntN(26) {
	case 0:
		return "(function(...) return select('#', ...), ... end)(" + pick(g, "", w.exprs(4), "unpack({1, nil, 3}, 1, 3)", "...") + ")"
	case 1:
		return "(function(a, b, ...) local c, d, e = ... return e, d, c, b, a, select('#', ...), (...) end)(" + w.exprs(6) + ")"
	case 2:
		return "(function(" + pick(g, "", "a", "a, b") + pick(g, "...", ", ...") + ") return arg.n, arg[1] end)(" + w.exprs(3) + ")"
	case 3:
		return "(function() local n, last = 0 for i = " + edge() + ", " + edge() + pick(g, "", ", "+edge()) + " do n = n + 1 last = i if n > 5 then break end end return n, last end)()"
	case 4:
		return "(function() local s = '' for i = " + pick(g, "1, 0", "3, 1, -1", "1, 2, 0.25", "0.1, 0.5, 0.1", "-3, -1", "1, 3, -1", "5, 1, -2", "1e15, 1e15 + 3", "2^53, 2^53 + 4, 2") + " do s = s .. i .. ' ' end return s end)()"
	case 5:
		return "unpack(" + pick(g, "{}", "{1,2,3}", "{n=3}", "KEYS", str()) + ", " + edge() + ", " + edge() + ")"
	case 6:
		return "(function() local function f(n) " + pick(g, "if n > 1e5 then return n end return f(n + 1)", "return 1 + f(n + 1)", "if n > "+strconv.Itoa(10+w.r.IntN(190))+" then return n end return (f(n + 1))", "local t = {f(n + 1)} return t", "return pcall(f, n + 1)", "return (tostring(setmetatable({}, {__tostring = f})))") + " end return " +
			pick(g, "type(f(1))", "pcall(f, 1) == true", "select('#', pcall(f, 1))") + " end)()"
	case 7:
		return "pcall(error, " + any() + pick(g, "", ", 0", ", 1", ", 2", ", 3", ", "+edge()) + ")"
	case 8:
		return "pcall(function() local function g() error(" + any() + ", " + edge() + ") end\ng()\nend)"
	case 9:
		return "xpcall(function() " + pick(g, "error("+any()+")", "return "+w.exprs(2), "local x = nil + 1", "error()") + " end, function(...) " + pick(g, "return ...", "return select('#', ...)", "error('again')", "return {...}", "") + " end)"
	case 10:
		return "(function() local co = coroutine." + pick(g, "create", "wrap") + "(function(a, ...) local b = coroutine.yield(a, ...) " + pick(g, "error(b)", "return b", "coroutine.yield(b)", "local c = nil + b", "return coroutine.yield()", "return coroutine.status(coroutine.running())") + " end) " +
			"local r = {} for i = 1, 4 do local p = {" + pick(g, "pcall(co, i)", "pcall(coroutine.resume, co, i)", "coroutine.resume(co, i, "+any()+")", "pcall(coroutine.status, co)") + "} for k = 1, 3 do r[#r+1] = p[k] == nil and 'nil' or p[k] end end return r end)()"
	case 11:
		return pick(g, "coroutine.yield(1)", "coroutine.running()", "coroutine.status("+any()+")", "coroutine.resume("+any()+")", "coroutine.create("+any()+")", "coroutine.wrap(function() coroutine.yield(coroutine.running() == nil) end)()",
			"coroutine.wrap(function() return pcall(coroutine.yield, 1) end)()", "coroutine.wrap(function() table.sort({3,2,1}, coroutine.yield) end)()", "coroutine.wrap(function() string.gsub('abc', '.', coroutine.yield) end)()")
	case 12:
		return "string.format('%" + pick(g, "", "5", "-5", "05", "+", ".3", "10.2", "#", " ") + pick(g, "d", "i", "u", "o", "x", "X", "c", "e", "E", "f", "g", "G", "q", "s") + "', " + pick(g, edge(), str(), any()) + ")"
	case 13:
		return "string.format(" + str() + ", " + w.exprs(3) + ")"
	case 14:
		return "#string.rep(" + pick(g, "''", "'a'", "'abc'", str()) + ", " + pick(g, "0", "-1", "1", "100", "0/0", "-1/0", "1.9", "'3'", "nil", "{}", "1000") + ")"
	case 15:
		return "string." + pick(g, "find", "match") + "(" + pick(g, str(), "'a.b-c%d'", "('x'):rep(300)", "'((()))'") + ", " + pick(g, w.pattern(), "('(.)'):rep(32)", "('(.)'):rep(33)", "('a?'):rep(20)", "'(((.)))'", "'.-.-.-b'", "'[%]]'", "'[^%]]'", "'[a-]'", "'[-a]'", "'[a-%d]'", "'%'", "'[[:alpha:]]'", "'^^a'", "'a$$'", "'(()'") +
			pick(g, "", ", "+edge()) + pick(g, "", ", true", ", false") + ")"
	case 16:
		return "string.gsub(" + str() + ", " + w.pattern() + ", " + pick(g, "'%9'", "'%%%0'", "'%z'", "function(...) return select('#', ...) end", "function() return {} end", "function() return true end", "{[' ']=true}", "setmetatable({}, {__index=function(t, k) return k .. k end})", w.replacement(1)) + ", " + edge() + ")"
	case 17:
		return "string." + pick(g, "sub", "byte") + "(" + str() + ", " + edge() + ", " + edge() + ")"
	case 18:
		return "table.concat(" + pick(g, "{1,2,3}", "{'a', 'b', {}}", "{1, nil, 3}", "{}", w.array(luaString, 1)) + ", " + pick(g, "','", "''", "nil", "1", "{}") + ", " + edge() + ", " + edge() + ")"
	case 19:
		return "(function() local t = " + pick(g, "{}", "{1,2,3}", "{3,1,2}", "{'b','a'}") + " return " + pick(g, "table.insert(t, "+pick(g, "0", "-1", "1", "2", "3", "4", "7", "2^32", "2^32 + 1", "'2'", "'x'", "nil", "{}", "0.5", "1.9")+", 'v')", "table.remove(t, "+pick(g, "1", "0", "-1", "3", "4", "5", "'1'", "nil", "{}")+")", "table.insert(t)", "table.insert(t, 1, 2, 3)", "table.maxn(t)", "table.getn(t)", "table.setn(t, 1)", "table.foreach(t, function(k, v) return v end)", "table.sort(t, "+w.comparator()+")") + ", t end)()"
	case 20:
		return "bit." + pick(g, "tobit", "bnot", "bswap", "tohex") + "(" + edge() + ")"
	case 21:
		return "bit." + pick(g, "band", "bor", "bxor", "lshift", "rshift", "arshift", "rol", "ror", "tohex") + "(" + edge() + ", " + edge() + ")"
	case 22:
		return pick(g, "cjson.encode("+pick(g, "1/0", "0/0", "2^53", "2^63", "1e300", "0.1", "-0.5", "123456789012345", "'\\0\\1\\127\\200/'", "{{},{}}", "{[1]=1,[3]=3}", "{[1]=1,[20]=2}", "setmetatable({}, {__index={1}})", "function() end", "cjson.null", "nil", "")+")",
			"cjson.encode_keep_buffer("+pick(g, "true", "false", "1", "")+")", "cjson.encode_sparse_array("+pick(g, "", "true", "false, 2, 5", "1")+")", "cjson.encode_max_depth("+edge()+")", "cjson.decode_max_depth("+edge()+")", "cjson.encode_number_precision("+pick(g, "14", "1", "0", "15", "17", edge())+")", "cjson.encode_invalid_numbers("+pick(g, "", "true", "'null'", "'x'")+")", "cjson.decode_invalid_numbers("+pick(g, "", "true", "'null'")+")",
			"cjson.decode(string.rep('[', "+pick(g, "10", "999", "1000", "1001")+") .. string.rep(']', 1000))")
	case 23:
		return "cmsgpack." + pick(g, "pack("+edge()+")", "unpack(cmsgpack.pack("+edge()+"))", "pack()", "unpack("+w.quote(w.packed())+")", "unpack_limit("+w.quote(w.packed())+", "+edge()+", "+edge()+")", "unpack_one("+w.quote(w.packed())+", "+edge()+")", "pack({"+edge()+", "+edge()+"})", "pack(string.rep('a', "+pick(g, "31", "32", "255", "256", "65535", "65536")+")):sub(1, 6)")
	case 24:
		return "struct." + pick(g, "pack('"+w.structFormat()+"', "+edge()+", "+edge()+")", "unpack('"+w.structFormat()+"', struct.pack('"+w.structFormat()+"', "+edge()+", "+edge()+"))", "unpack('"+w.structFormat()+"', "+str()+", "+edge()+")", "size('"+w.structFormat()+"')")
	}
	return "redis." + pick(g, "call()", "pcall()", "call({})", "pcall("+any()+")", "log()", "log("+any()+")", "log("+edge()+", 'x')", "sha1hex()", "sha1hex("+any()+", 1)", "error_reply()", "error_reply("+any()+")", "status_reply("+any()+", 1)", "status_reply("+any()+")", "setresp()", "setresp("+edge()+")", "set_repl()", "set_repl("+edge()+")", "set_repl(1, 2)",
		"acl_check_cmd()", "acl_check_cmd("+any()+")", "acl_check_cmd('nosuch')", "acl_check_cmd('get', {})", "breakpoint()", "debug("+w.exprs(2)+")", "replicate_commands()", "REDIS_VERSION_NUM", "LOG_WARNING", "REPL_NONE", "register_function('x', print)", "call('select', "+pick(g, "0", "1", "15", "16", "-1", "'x'")+")", "call('debug', 'object', 'x')")
}

// newVar is "name = value" of a variable that later code may use.
func (w *luaWriter) newVar(kind luaKind) string {
	value := w.expr(kind, 2)
	name := fmt.Sprintf("%s%d", pick(w.generator, "v", "x", "long_name_", "K"), w.names)
	w.names++
	w.vars = append(w.vars, luaVar{name, kind})
	return name + " = " + value
}

// routine is a program with statements.
func (w *luaWriter) routine() string {
	w.vars = nil
	body := w.block(2+w.r.IntN(7), 3)
	return body + w.last()
}

// last is how a program ends.
func (w *luaWriter) last() string {
	switch k := w.r.IntN(20); {
	case k < 3:
		return "return " + w.reply(2)
	case k < 6:
		return "return redis.call(" + w.command(true) + ")"
	case k < 7:
		return "return redis.pcall(" + w.command(true) + ")"
	case k < 8:
		return "error(" + w.expr(luaAny, 2) + pick(w.generator, "", ", 0", ", 1", ", 2", ", 3") + ")"
	case k < 9:
		return ""
	case k < 10:
		return "return"
	case k < 13:
		return "return " + w.expr(luaTable, 2)
	case k < 15:
		return "return " + w.exprs(3)
	}
	return "return " + w.expr(luaAny, 3)
}

// reply is a value in one of the forms that have a meaning as a reply.
func (w *luaWriter) reply(depth int) string {
	g := w.generator
	inner := func() string {
		if depth <= 0 {
			return w.expr(luaAny, 1)
		}
		return w.reply(depth - 1)
	}
	switch w.r.IntN(14) {
	case 0:
		return "{ok=" + w.expr(luaString, 1) + "}"
	case 1:
		return "{err=" + w.expr(luaString, 1) + "}"
	case 2:
		return "redis.error_reply(" + w.expr(luaString, 1) + ")"
	case 3:
		return "redis.status_reply(" + w.expr(luaString, 1) + ")"
	case 4:
		return "{double=" + w.expr(luaNumber, 1) + "}"
	case 5:
		return "{big_number=" + pick(g, "'123'", "'-99999999999999999999999999'", "'1\\r\\n2'", w.expr(luaAny, 1)) + "}"
	case 6:
		return "{map={[" + w.expr(luaString, 1) + "]=" + inner() + "}}"
	case 7:
		return "{set={[" + w.expr(luaString, 1) + "]=" + pick(g, "true", "true", "1", "false") + "}}"
	case 8:
		return "{verbatim_string={string=" + w.expr(luaString, 1) + ", format=" + pick(g, "'txt'", "'mkd'", "'toolong'", "''", "1") + "}}"
	case 9:
		return pick(g, "true", "false", "nil", "cjson.null", "{}", "{nil}", "{1,nil,3}", "{{}}", "{false,true}", "1/0", "-0.5", "3.99", "2^53", "-2^63", "2^64", "0/0")
	case 10:
		return "{err=" + w.expr(luaAny, 1) + ", ok=" + w.expr(luaAny, 1) + "}"
	}
	return "{" + inner() + ", " + inner() + "}"
}

// block is some statements.
func (w *luaWriter) block(n, depth int) string {
	var b strings.Builder
	outer := len(w.vars)
	for range n {
		b.WriteString(w.statement(depth))
		b.WriteString(pick(w.generator, "\n", "\n", "; ", " \n", "\n\n"))
	}
	if depth < 3 {
		w.vars = w.vars[:outer]
	}
	return b.String()
}

func (w *luaWriter) statement(depth int) string {
	g := w.generator
	k := w.r.IntN(100)
	if depth == 0 && k >= 60 {
		k = w.r.IntN(60)
	}
	switch {
	case k < 24:
		return "local " + w.newVar(luaKind(w.r.IntN(int(luaAny)+1)))
	case k < 32:
		if name, kind, ok := w.anyVar(); ok {
			if w.chance(10) {
				kind = luaAny
			}
			return name + " = " + w.expr(kind, 2)
		}
	case k < 40:
		if name, ok := w.varOf(luaTable); ok {
			return name + pick(g, ".a", ".b", "['a']", "[true]", "[0.5]") + " = " + w.expr(luaAny, 2)
		}
	case k < 46:
		return pick(g, "redis.call(", "redis.call(", "redis.pcall(") + w.command(false) + ")"
	case k < 50:
		return "pcall(function() " + w.block(1+w.r.IntN(2), 0) + "end)"
	case k < 54:
		t := w.expr(luaTable, 1)
		return pick(g, "table.insert("+t+", ("+w.expr(luaAny, 1)+"))", "table.insert("+t+", "+pick(g, "1", "2", "0", "-1", "7", "'1'", "'x'", "nil")+", "+w.expr(luaAny, 1)+")", "table.remove("+t+")",
			"table.sort("+t+")", "table.sort("+t+", function(a, b) return type(a) == type(b) and type(a) ~= 'table' and type(a) ~= 'function' and tostring(a) > tostring(b) end)",
			"table.sort("+t+", "+w.comparator()+")", "table.foreachi("+t+", function(i, v) if i > 2 then return v end end)")
	case k < 56:
		a, b := w.newVar(luaNumber), w.expr(luaAny, 1)
		name, value, _ := strings.Cut(a, " = ")
		return "local " + name + ", extra = " + value + ", " + b
	case k < 58:
		return pick(g, "redis.setresp(3)", "redis.setresp(2)", "redis.set_repl(redis.REPL_ALL)", "redis.replicate_commands()", "redis.log(redis.LOG_DEBUG, "+w.expr(luaAny, 1)+")",
			"redis.setresp("+w.expr(luaAny, 1)+")", "math.randomseed("+w.expr(luaNumber, 1)+")", "redis.set_repl("+w.expr(luaNumber, 1)+")")
	case k < 59:
		return pick(g, w.expr(luaFunction, 1)+"()", "undefined_global = 1", "string.x = 1", "KEYS = {}", "ARGV[1] = 'z'", "KEYS[#KEYS+1] = 'y'", "_G.x = 1", "rawset(_G, 'x', 1)", "setmetatable(_G, {})",
			"setmetatable(string, {})", "getmetatable('').__index = 1", "table.insert(string, 1)", "break", "goto x", "::x::", "local function f(...) return arg.n end f(1)", "redis.nosuch()")
	case k < 68:
		return "if " + w.expr(pick(g, luaBool, luaBool, luaAny), 2) + " then\n" + w.block(1+w.r.IntN(2), depth-1) + pick(g, "", "else\n"+w.block(1, depth-1), "elseif "+w.expr(luaBool, 1)+" then "+w.block(1, depth-1)) + "end"
	case k < 76:
		return w.loop(depth)
	case k < 82:
		return "do " + w.block(1+w.r.IntN(3), depth-1) + "end"
	case k < 90:
		return w.function(depth)
	case k < 94:
		outer := len(w.vars)
		name := fmt.Sprintf("m%d", w.names)
		w.names++
		s := "local " + name + " = setmetatable(" + w.expr(luaTable, 1) + ", {" + w.metamethods() + "})"
		w.vars = append(w.vars[:outer], luaVar{name, luaTable})
		return s
	default:
		return "local ok, e = pcall(function() " + w.block(1+w.r.IntN(3), depth-1) + "end)" +
			pick(g, "", " if not ok then return type(e) == 'table' and e.err or e end", " if not ok then error(e) end", " if not ok then return e end", " if not ok then error(e, 0) end")
	}
	return "local " + w.newVar(luaAny)
}

// comparator is a function for table.sort, which may fail or contradict itself.
func (w *luaWriter) comparator() string {
	return pick(w.generator, "function(a, b) return a > b end", "function(a, b) return true end", "function(a, b) return false end", "function(a, b) return a end", "function() error('cmp') end", "function() error({}) end", "function(a, b) return "+w.expr(luaBool, 1)+" end",
		"function(a, b) return (tonumber(a) or 0) < (tonumber(b) or 0) end", "nil", "1", "function(a, b) return #a < #b end", "math.max", "function(a, b) if b == 2 then error(a) end return a < b end")
}

func (w *luaWriter) metamethods() string {
	var parts []string
	for range 1 + w.r.IntN(3) {
		name := pick(w.generator, "__index", "__newindex", "__call", "__add", "__sub", "__mul", "__div", "__mod", "__pow", "__unm", "__concat", "__len", "__eq", "__lt", "__le", "__tostring", "__metatable", "__mode", "__gc")
		value := pick(w.generator, "function(a, b) return "+w.expr(luaAny, 1)+" end", "function(...) return select('#', ...) end", "function(a, b) return b end", w.expr(luaAny, 1))
		if name == "__tostring" {
			value = "function(a) return " + w.expr(luaString, 1) + " end"
		}
		parts = append(parts, name+"="+value)
	}
	return strings.Join(parts, ", ")
}

func (w *luaWriter) loop(depth int) string {
	w.loops++
	defer func() { w.loops-- }()
	n := w.names
	w.names++
	outer := len(w.vars)
	defer func() { w.vars = w.vars[:outer] }()
	guard := fmt.Sprintf("local n%d = 0\n", n)
	count := fmt.Sprintf("n%d = n%d + 1 if n%d > %d then break end\n", n, n, n, 1+w.r.IntN(6))
	header := ""
	switch w.r.IntN(5) {
	case 0:
		header = fmt.Sprintf("for i%d = %s, %s do ", n, w.expr(luaNumber, 1), w.expr(luaNumber, 1))
		w.vars = append(w.vars, luaVar{fmt.Sprintf("i%d", n), luaNumber})
	case 1:
		header = fmt.Sprintf("for i%d = %s, %s, %s do ", n, w.expr(luaNumber, 1), w.expr(luaNumber, 1), w.expr(luaNumber, 1))
		w.vars = append(w.vars, luaVar{fmt.Sprintf("i%d", n), luaNumber})
	case 2:
		header = fmt.Sprintf("for i%d, e%d in ipairs(%s) do ", n, n, w.expr(luaTable, 1))
		w.vars = append(w.vars, luaVar{fmt.Sprintf("i%d", n), luaNumber}, luaVar{fmt.Sprintf("e%d", n), luaAny})
	case 3:
		header = fmt.Sprintf("while %s do ", w.expr(luaAny, 1))
	default:
		return guard + "repeat " + count + w.block(1+w.r.IntN(2), depth-1) + "until " + w.expr(luaAny, 1)
	}
	return guard + header + count + w.block(1+w.r.IntN(2), depth-1) + "end"
}

func (w *luaWriter) function(depth int) string {
	if w.funcs > 1 {
		return "local " + w.newVar(luaAny)
	}
	w.funcs++
	name := fmt.Sprintf("f%d", w.names)
	w.names++
	outer := len(w.vars)
	param := fmt.Sprintf("p%d", w.names)
	w.vars = append(w.vars, luaVar{param, luaAny})
	list := pick(w.generator, param, param+", ...", param+", q", "...")
	if list == "..." {
		w.vars = w.vars[:outer]
	}
	body := w.block(w.r.IntN(3), depth-1)
	if strings.Contains(list, "...") && w.chance(60) {
		body += "return ..."
	} else {
		body += "return " + w.exprs(2)
	}
	w.vars = w.vars[:outer]
	w.funcs--
	head := pick(w.generator, "local function "+name+"("+list+") ", "local "+name+" = function("+list+")\n")
	w.vars = append(w.vars, luaVar{name, luaFunction})
	return head + body + " end"
}

func (w *luaWriter) anyVar() (string, luaKind, bool) {
	if len(w.vars) == 0 {
		return "", 0, false
	}
	v := w.vars[w.r.IntN(len(w.vars))]
	return v.name, v.kind, true
}

func (w *luaWriter) varOf(kind luaKind) (string, bool) {
	var names []string
	for _, v := range w.vars {
		if v.kind == kind {
			names = append(names, v.name)
		}
	}
	if len(names) == 0 {
		return "", false
	}
	return pick(w.generator, names...), true
}

func (w *luaWriter) index() string {
	return pick(w.generator, ".a", ".b", "[1]", "[2]", "['a']", "[3]", "["+w.expr(luaAny, 0)+"]")
}

func (w *luaWriter) exprs(most int) string {
	var parts []string
	for range 1 + w.r.IntN(most) {
		parts = append(parts, w.expr(luaAny, 2))
	}
	return strings.Join(parts, ", ")
}

// expr is an expression, which mostly has the type.
func (w *luaWriter) expr(kind luaKind, depth int) string {
	if w.chance(4) {
		kind = luaKind(w.r.IntN(int(luaAny) + 1))
	}
	if w.chance(25) {
		if name, ok := w.varOf(kind); ok {
			return name
		}
	}
	if w.chance(4) && depth > 0 {
		if name, _, ok := w.anyVar(); ok {
			return pick(w.generator, name, name+w.index(), name+w.index(), name+"("+w.expr(luaAny, 0)+")", name+":m()")
		}
	}
	if depth > 0 && w.chance(8) {
		return "(" + w.expr(kind, depth-1) + ")"
	}
	switch kind {
	case luaNumber:
		return w.number(depth)
	case luaString:
		return w.str(depth)
	case luaTable:
		return w.table(depth)
	case luaBool:
		return w.boolean(depth)
	case luaFunction:
		return w.callable(depth)
	}
	switch w.r.IntN(12) {
	case 0:
		return "nil"
	case 1:
		return w.callable(depth)
	case 2, 3, 4:
		return w.str(depth)
	case 5, 6:
		return w.table(depth)
	case 7:
		return w.boolean(depth)
	case 8:
		if depth > 0 {
			return w.expr(luaAny, depth-1) + pick(w.generator, " and ", " or ") + w.expr(luaAny, depth-1)
		}
	}
	return w.number(depth)
}

func (w *luaWriter) callable(depth int) string {
	return pick(w.generator, "tonumber", "type", "math.floor", "string.len", "function() return "+w.expr(luaAny, depth-1)+" end", "redis.sha1hex", "function(...) return ... end", "pcall", "error", "unpack", "select",
		"coroutine.wrap(function(a) local b = coroutine.yield(a) return "+w.expr(luaAny, 0)+" end)")
}

var luaNumbers = []string{"0", "1", "2", "3", "-1", "10", "16", "255", "0.1", "0.5", "-1.5", "1.5", "2.5", "3.7", "1e3", "1e15", "1e16", "123456789012", "1e100", "1e-7", "1e308", "5e-324", "0x10", "0xff",
	"0xFFFFFFFF", "2147483647", "2147483648", "-2147483648", "4294967295", "4294967296", "4294967297", "9007199254740991", "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551615", "1/0", "-1/0", "0/0", "2^31",
	"2^53", "2^63", "3.0", "100", "1e14", "99999999999999", "123456.789", "7", "5", "4", "math.pi", "math.huge", "-math.huge"}

func (w *luaWriter) number(depth int) string {
	g := w.generator
	if depth <= 0 {
		if w.chance(50) {
			return strconv.Itoa(w.r.IntN(8))
		}
		return pick(g, luaNumbers...)
	}
	num := func() string { return w.expr(luaNumber, depth-1) }
	str := func() string { return w.expr(luaString, depth-1) }
	switch w.r.IntN(20) {
	case 0, 1, 2, 3:
		return num() + " " + pick(g, "+", "-", "*", "/", "%", "^ 2 +", "^ 0.5 +", "%") + " " + num()
	case 4:
		return "-" + num()
	case 5:
		return "#" + pick(g, str(), str(), w.array(luaAny, depth-1), "KEYS", "ARGV", w.boolean(0), "nil", "2")
	case 6:
		return pick(g, "tonumber("+w.expr(luaAny, depth-1)+")", "tonumber("+str()+", "+num()+")", "tonumber("+pick(g, "'0x1p4'", "'1e'", "' 12 '", "'0x'", "'1e1000'", "'nan'", "'inf'", "'-0x10'", "'1_0'", "'12abc'", "''", "' '", "'5 5'", "'\\0'", "'1\\0'", "'0b1'", "'1e+5'", "'.5'", "'5.'", "'.'", "'0x.8'", "'- 1'", "'--1'")+pick(g, "", ", 10", ", 16", ", 36", ", 2", ", 1", ", 37", ", 8")+")")
	case 7, 8, 9:
		switch f := pick(g, "abs", "ceil", "floor", "exp", "log", "log10", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "deg", "rad", "fmod", "pow", "atan2", "max", "min", "ldexp", "modf", "frexp", "random", "mod"); f {
		case "pow", "atan2":
			return "tonumber(string.format('%.13g', math." + f + "(" + num() + ", " + num() + ")))"
		case "fmod", "ldexp", "mod":
			return "math." + f + "(" + num() + ", " + num() + ")"
		case "max", "min":
			return "math." + f + "(" + num() + ", " + num() + ", " + num() + ")"
		case "random":
			return "math.random(" + pick(g, "", num(), num()+", "+num()) + ")"
		case "abs", "ceil", "floor", "modf", "frexp", "sqrt", "deg", "rad":
			return "math." + f + "(" + num() + ")"
		default: // The last digit is each library's own.
			return "tonumber(string.format('%.13g', math." + f + "(" + num() + ")))"
		}
	case 10, 11:
		switch f := pick(g, "band", "bor", "bxor", "bnot", "lshift", "rshift", "arshift", "rol", "ror", "bswap", "tobit"); f {
		case "bnot", "bswap", "tobit":
			return "bit." + f + "(" + num() + ")"
		case "band", "bor", "bxor":
			return "bit." + f + "(" + num() + ", " + num() + pick(g, "", ", "+num()) + ")"
		default:
			return "bit." + f + "(" + num() + ", " + num() + ")"
		}
	case 12:
		return pick(g, "string.byte("+str()+")", "string.byte("+str()+", "+num()+")", "("+str()+"):len()", "string.find("+str()+", "+w.pattern()+")", "string.find("+str()+", "+w.pattern()+", "+num()+", "+w.expr(luaAny, 0)+")",
			"select('#', "+w.exprs(3)+")", "struct.size('"+w.structFormat()+"')", "string.byte("+str()+", "+num()+", "+num()+")")
	case 13:
		return w.expr(luaTable, depth-1) + "[" + num() + "]"
	case 14:
		return "redis.call(" + w.command(true) + ")"
	case 15:
		return "(select(" + num() + ", " + w.exprs(3) + "))"
	case 16:
		return "table.maxn(" + w.expr(luaTable, depth-1) + ")"
	case 17:
		return "(" + w.expr(luaFunction, depth-1) + ")(" + w.expr(luaAny, depth-1) + ")"
	}
	return pick(g, luaNumbers...)
}

func (w *luaWriter) boolean(depth int) string {
	g := w.generator
	if depth <= 0 {
		return pick(g, "true", "false")
	}
	sub := func(k luaKind) string { return w.expr(k, depth-1) }
	switch w.r.IntN(9) {
	case 0:
		return "not " + sub(luaAny)
	case 1, 2:
		return sub(luaNumber) + " " + pick(g, "<", "<=", ">", ">=", "==", "~=") + " " + sub(luaNumber)
	case 3:
		return sub(luaString) + " " + pick(g, "<", "<=", ">", ">=", "==", "~=") + " " + sub(luaString)
	case 4:
		return sub(luaAny) + " " + pick(g, "==", "~=", "<", ">=") + " " + sub(luaAny)
	case 5:
		return sub(luaBool) + pick(g, " and ", " or ") + sub(luaBool)
	case 6:
		return pick(g, "rawequal("+sub(luaAny)+", "+sub(luaAny)+")", "pcall("+sub(luaFunction)+", "+sub(luaAny)+")", "redis.acl_check_cmd("+w.command(false)+")", "next("+sub(luaTable)+") == nil", "(redis.setresp("+pick(g, "2", "3", "4", "'3'")+"))",
			"pcall(error, "+sub(luaAny)+")", "xpcall(function() return "+sub(luaAny)+" end, function(e) return "+pick(g, "e", "1", "type(e)", "{e}")+" end)", "getmetatable("+sub(luaAny)+") == nil", "redis.replicate_commands()")
	}
	return pick(g, "true", "false")
}

var luaStrings = []string{"", "a", "abc", "hello world", "10", "0x10", " 5 ", "1e5", "-3", "3.5", "nan", "a\x00b", "\r\n", "\xff\xfe", "x=1, y=2", "a,b,c", "[1,2,{\"a\":null}]", "%d", "%", "%%", "key", "The Quick", "ünïcode", "'quoted'", "\"dq\"", "\\", "{}", "[]", "ab(c)d", "^$", "]]",
	"a\nb", "\t", "OK", "ERR x", "MY err", "-ERR x", "\x7f\x80", "123abc", "0", "true"}

func (w *luaWriter) literal() string {
	s := pick(w.generator, luaStrings...)
	if w.chance(20) {
		s = w.word()
	}
	return w.quote(s)
}

// quote is the string as Lua reads it, in one of its ways.
func (w *luaWriter) quote(s string) string {
	if w.chance(4) && !strings.ContainsAny(s, "]\r\n[\x00") {
		return pick(w.generator, "[["+s+"]]", "[==["+s+"]==]", "[[\n"+s+"]]")
	}
	q := pick(w.generator, byte('\''), byte('"'))
	var b strings.Builder
	b.WriteByte(q)
	for i := range len(s) {
		switch ch := s[i]; {
		case ch == '\n':
			b.WriteString(pick(w.generator, `\n`, "\\\n", `\010`))
		case ch == '\r':
			b.WriteString(`\r`)
		case ch == q || ch == '\\':
			b.WriteByte('\\')
			b.WriteByte(ch)
		case ch < ' ' || ch >= 0x7f && w.chance(50):
			fmt.Fprintf(&b, `\%03d`, ch)
		default:
			b.WriteByte(ch)
		}
	}
	b.WriteByte(q)
	return b.String()
}

// pattern is one of Lua's.
func (w *luaWriter) pattern() string {
	g := w.generator
	if w.chance(40) {
		var b strings.Builder
		for range 1 + w.r.IntN(4) {
			b.WriteString(pick(g, ".", "%a", "%d", "%s", "%w", "%x", "%p", "%c", "%l", "%u", "%z", "%D", "%W", "a", "b", "[a-c]", "[^a-c]", "[%d]", "[]]", "[^]]", "[a%-]", "(", ")", "()", "%1", "%b()", "%b", "%f[%w]", "%f", "%", "[", "[a", "^", "$", "-", "%%", "[%a_][%w_]", "(.)", "x", "\\0"))
			b.WriteString(pick(g, "", "", "", "*", "+", "-", "?"))
		}
		return "'" + b.String() + "'"
	}
	return pick(g, "'.'", "'%a+'", "'(%w+)=(%w+)'", "'%d'", "'^a'", "'b$'", "'()'", "''", "'[^,]*'", "'%s*'", "'l+'", "'(.)(.)'", "'.-'", "'%'", "'[a'", "'%1'", "'(()'", "'.*'", "'^.'", "'%f[%w]%w+'", "'%b()'", "'(.)%1'", "'\\0'", "'%z'")
}

func (w *luaWriter) format() string {
	g := w.generator
	spec := func() string {
		return "%" + pick(g, "", "", "", "-", "0", "+", " ", "#", "-0", "+#") + pick(g, "", "", "5", "20", "99", "100", "1", "0") + pick(g, "", "", ".0", ".3", ".14", ".99", ".100", ".") + pick(g, "d", "i", "u", "c", "x", "X", "o", "e", "E", "f", "g", "G", "q", "s", "%", "z", "p", "a", "l", "n", "")
	}
	return "'" + pick(g, "", "a ", "x=") + spec() + pick(g, "", ", "+spec(), "!", "%%") + "'"
}

func (w *luaWriter) structFormat() string {
	var b strings.Builder
	for range 1 + w.r.IntN(3) {
		b.WriteString(pick(w.generator, "", "", "", ">", "<", "=", "!4", "!", "!8", "!16", "!3", " "))
		b.WriteString(pick(w.generator, "b", "B", "h", "H", "l", "L", "T", "f", "d", "x", "s", "i", "I", "i1", "i3", "I4", "i8", "I8", "i16", "i32", "i33", "c0", "c3", "c", "i0", "q", "i99999999999", "c99999"))
	}
	return b.String()
}

func (w *luaWriter) str(depth int) string {
	g := w.generator
	if depth <= 0 {
		if w.chance(10) {
			return pick(g, "KEYS[1]", "ARGV[1]", "ARGV[2]")
		}
		return w.literal()
	}
	num := func() string { return w.expr(luaNumber, depth-1) }
	str := func() string { return w.expr(luaString, depth-1) }
	switch w.r.IntN(22) {
	case 0, 1:
		return str() + " .. " + w.expr(pick(g, luaString, luaNumber), depth-1)
	case 2:
		if w.chance(40) {
			return "tostring(" + pick(g, w.number(0), w.literal(), w.boolean(0), "nil", "", "cjson.encode({"+num()+"})", "setmetatable({}, {__tostring=function(t) return "+w.literal()+" end})") + ")"
		}
		return "(string.gsub(tostring(" + w.expr(pick(g, luaNumber, luaNumber, luaString, luaBool), depth-1) + "), '0x%x+', ''))"
	case 3:
		return "type(" + w.expr(luaAny, depth-1) + ")"
	case 4:
		return pick(g, "string.sub("+str()+", "+num()+")", "string.sub("+str()+", "+num()+", "+num()+")", "("+str()+"):sub(-2)", "("+str()+"):upper()", "string.lower("+str()+")", "string.reverse("+str()+")",
			"string.rep("+str()+", "+strconv.Itoa(w.r.IntN(5)-1)+")", "string.char("+num()+")", "string.char("+strconv.Itoa(w.r.IntN(260))+", "+strconv.Itoa(w.r.IntN(256))+")")
	case 5, 6, 7:
		return "string.format(" + w.format() + ", " + w.expr(pick(g, luaNumber, luaNumber, luaString, luaAny), depth-1) + pick(g, "", ", "+w.expr(luaAny, depth-1)) + ")"
	case 8, 9:
		return pick(g, "string.gsub("+str()+", "+w.pattern()+", "+w.replacement(depth)+")", "(string.gsub("+str()+", "+w.pattern()+", "+w.replacement(depth)+", "+num()+"))", "string.match("+str()+", "+w.pattern()+")",
			"string.match("+str()+", "+w.pattern()+", "+num()+")", "("+str()+"):gsub("+w.pattern()+", '%0%0')")
	case 10:
		return "table.concat(" + w.array(luaString, depth-1) + pick(g, "", ", "+str(), ", "+str()+", "+num(), ", "+str()+", "+num()+", "+num()) + ")"
	case 11, 12:
		return "cjson.encode(" + pick(g, w.oneName(depth), w.expr(luaAny, 0), w.number(depth-1), w.str(depth-1), w.array(luaNumber, depth-1)) + ")"
	case 13, 14:
		return "cmsgpack.pack(" + pick(g, w.oneName(depth), w.expr(luaAny, 0), num(), str(), w.array(luaNumber, depth-1), num()+", "+str()) + ")"
	case 15, 16:
		return "struct.pack('" + w.structFormat() + "'" + pick(g, "", ", "+num(), ", "+num()+", "+num(), ", "+str()) + ")"
	case 17:
		return pick(g, "redis.sha1hex("+w.expr(luaAny, 0)+")", "bit.tohex("+num()+pick(g, "", ", "+num())+")", "redis.status_reply("+str()+").ok", "redis.error_reply("+str()+").err")
	case 18:
		return "redis.call(" + w.command(true) + ")"
	case 19:
		return "(" + str() + ")" + pick(g, ":len()", ":byte(1)", ":find('a', 1, true)", ":nosuch()", ".len", ":rep(2)", ":format("+num()+")")
	}
	return w.literal()
}

func (w *luaWriter) replacement(depth int) string {
	return pick(w.generator, "'%0'", "'%1'", "'x'", "'%2'", "'%'", "'%%'", "'[%0]'", "{a='A', b=1, c=false}", "function(a, b) return "+w.expr(luaAny, depth-1)+" end", "string.upper", "1", "nil", "{}", "''", "function() end")
}

// oneName is a table of one name at most, and arrays: encoded in the same way by both.
func (w *luaWriter) oneName(depth int) string {
	switch w.r.IntN(6) {
	case 0:
		return "{}"
	case 1:
		return "{" + w.quote(pick(w.generator, "a", "", "k\x00", "é", "10")) + "}"
	case 2:
		return "{[" + w.expr(pick(w.generator, luaString, luaNumber, luaBool), 0) + "]=" + w.oneName(depth-1) + "}"
	case 3:
		if depth > 0 {
			return "{" + w.oneName(depth-1) + ", " + w.oneName(depth-1) + "}"
		}
	case 4:
		return pick(w.generator, "cjson.null", "true", "false", "{1,2,nil,4}", "{nil,2}", "{[3]=1}", "{[1.5]=1}", "{1,[2]=2}", "nil", "print", "0/0", "1/0", "{[10000000]=1}", "setmetatable({}, {__index={1}})", "{[-1]=2}", "{[0]=1}", "cjson.decode('[]')", "cjson.decode('{}')")
	}
	return w.expr(pick(w.generator, luaNumber, luaString), 0)
}

func (w *luaWriter) array(kind luaKind, depth int) string {
	var parts []string
	for range w.r.IntN(5) {
		part := w.expr(kind, depth)
		if kind == luaAny || depth > 0 || w.chance(98) {
			part = "(" + part + ") or 0" // no holes: # is not defined then
		}
		parts = append(parts, part)
	}
	return "{" + strings.Join(parts, pick(w.generator, ", ", ",", "; ")) + pick(w.generator, "", "", ",") + "}"
}

var luaJSON = []string{`[]`, `{}`, `[1,2,3]`, `{"a":1}`, `{"a":{"b":[1,null,true]}}`, `null`, `"x"`, `1`, `-0`, `1e5`, `01`, `[1,]`, `{"a"}`, `{a:1}`, `"\u00e9\ud83d\ude00"`, `"\ud800"`, `"\n"`, "\"a\nb\"", `nan`, `inf`, `-inf`, `0x10`, `[1 2]`, `{"a":1,"a":2}`, `tru`, `"`, ``, ` [1] `, `[1]x`,
	`[[[[[[]]]]]]`, `1e400`, `"\/"`, `"\x"`, `[null]`, `12345678901234567890`, "\xff", `{"1":1,"2":2}`, `+1`, `.5`, `5.`, `1e`, `-`, "[1]\x00", `"\u00"`, `"\u0000"`, `NaN`, `Infinity`, `-Infinity`, `infinity`, `nano`, `{"a":1,}`}

func (w *luaWriter) table(depth int) string {
	g := w.generator
	if depth <= 0 {
		return pick(g, "{}", "{1,2,3}", "{'a','b'}", "{a=1}", "{1,a=2}", "KEYS", "ARGV", "{{}}", "{b=false}")
	}
	num := func() string { return w.expr(luaNumber, depth-1) }
	str := func() string { return w.expr(luaString, depth-1) }
	switch w.r.IntN(18) {
	case 0, 1, 2:
		return w.array(luaAny, depth-1)
	case 3, 4:
		var parts []string
		for range w.r.IntN(4) {
			switch w.r.IntN(3) {
			case 0:
				parts = append(parts, pick(g, "a", "b", "c", "key", "n")+" = "+w.expr(luaAny, depth-1))
			case 1:
				// No numbers: arrays with holes have no defined length.
				parts = append(parts, "["+pick(g, w.str(depth-1), w.str(depth-1)+" .. 'k'", "true", "0.5", "0", "-1", "{}", "nil", "0/0")+"] = "+w.expr(luaAny, depth-1))
			default:
				parts = append(parts, w.expr(luaAny, depth-1))
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case 5, 6:
		return "cjson.decode(" + pick(g, w.quote(pick(g, luaJSON...)), str(), w.quote(pick(g, luaJSON...)), "cjson.encode("+w.oneName(depth)+")") + ")"
	case 7, 8:
		return "{cmsgpack." + pick(g, "unpack(", "unpack(", "unpack_one(", "unpack_limit(") + pick(g, str(), "cmsgpack.pack("+w.oneName(depth)+")", w.quote(w.packed())) + pick(g, "", ", "+num(), ", "+num()+", "+num()) + ")}"
	case 9, 10:
		return "{struct.unpack('" + w.structFormat() + "', " + str() + pick(g, "", ", "+num()) + ")}"
	case 11:
		return "{string.find(" + str() + ", " + w.pattern() + pick(g, "", ", "+num()) + ")}"
	case 12:
		return "(function(s) local r = {} for a, b in string.gmatch(s, " + w.pattern() + ") do r[#r+1] = a r[#r+1] = b if #r > 20 then break end end return r end)(" + str() + ")"
	case 13:
		return "redis." + pick(g, "call(", "pcall(", "pcall(") + w.command(true) + ")"
	case 14:
		return "{pcall(" + w.callable(depth-1) + ", " + w.exprs(2) + ")}"
	case 15:
		return pick(g, "{unpack("+w.expr(luaTable, depth-1)+pick(g, "", ", "+num(), ", 1, "+strconv.Itoa(w.r.IntN(6)))+")}", "{select("+num()+", "+w.exprs(3)+")}", "{math.modf("+num()+")}", "{math.frexp("+num()+")}", "{loadstring("+w.quote(pick(g, "return 1", "return ...", "x", "return 'a", "=", "local x <", "for", "return 0x", "return 1..2"))+")}",
			"{coroutine.resume(coroutine.create("+w.callable(depth-1)+"), "+w.expr(luaAny, depth-1)+")}", "{next("+w.oneName(0)+")}", "{string.byte("+str()+", 1, -1)}", "{tostring(nil), tonumber(nil)}", "{assert("+w.expr(luaAny, depth-1)+pick(g, "", ", "+str())+")}")
	case 16:
		return "setmetatable(" + w.expr(luaTable, depth-1) + ", " + pick(g, "{}", "nil", "{"+w.metamethods()+"}", "{"+w.metamethods()+"}") + ")"
	}
	return pick(g, "{}", "{1,2,3}", "KEYS", "ARGV")
}

// packed is bytes that may be MessagePack.
func (w *luaWriter) packed() string {
	var b strings.Builder
	for range 1 + w.r.IntN(5) {
		b.WriteString(pick(w.generator, "\x01", "\x7f", "\xff", "\x80", "\x81\x01\x02", "\x90", "\x92\x01\x02", "\xa1a", "\xa5abc", "\xc0", "\xc1", "\xc2", "\xc3", "\xc4\x01a", "\xca\x3f\x80\x00\x00", "\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", "\xcc\xff", "\xcd\x01\x00", "\xce\xff\xff\xff\xff",
			"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "\xd0\x80", "\xd1\x80\x00", "\xd2\x80\x00\x00\x00", "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "\xd9\x01a", "\xda\x00\x01a", "\xdb\x00\x00\x00\x01a", "\xdc\x00\x01\x01", "\xdd\x00\x00\x00\x01\x01", "\xde\x00\x01\x01\x01", "\xdf\x00\x00\x00\x00", "\xdd\xff\xff\xff\xff", "\xdb\xff\xff\xff\xff", "\xc7\x01\x01a"))
	}
	return b.String()
}

// command is the arguments of redis.call: a command of the fuzzer, one whose reply is the same on both if it is to be looked at.
func (w *luaWriter) command(look bool) string {
	g := w.generator
	if w.chance(4) {
		return pick(g, "", "nil", w.expr(luaAny, 0), "'nosuch'", "'get'", "'get', KEYS[1], {}", "'get', nil", "'set', KEYS[1], true", "'eval', 'return 1', 0", "'subscribe', 'c'", "'multi'", "'set', KEYS[1], 1, 2", "'config', 'get', 'x'", "'', ''", "'get\\0', 'a'", "'incr', KEYS[1], print",
			"'client', 'id'", "'blpop', KEYS[1], 0", "'echo', 1e15", "'echo', 0.1", "'echo', 3.0", "'echo', 1e100", "'echo', -0.0", "'echo', 2^53", "'select', 1", "'hello', 3", "'info', 'nosuch'", "'script', 'flush'", "'debug', 'sleep', 0")
	}
	var args []string
	for {
		steps := g.one()
		if len(steps) != 1 || steps[0].mode != strict && (look || steps[0].mode == shape) {
			continue
		}
		args = steps[0].args
		break
	}
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = w.quote(a)
		if len(a) < 15 && w.chance(40) {
			if n, err := strconv.ParseInt(a, 10, 64); err == nil && strconv.FormatInt(n, 10) == a {
				parts[i] = a
			}
		}
		if i > 0 && w.chance(5) {
			for k, key := range w.keys {
				if key == a {
					parts[i] = fmt.Sprintf("KEYS[%d]", k+1)
				}
			}
		}
	}
	if len(args) > 0 && strings.EqualFold(args[0], "brpoplpush") {
		parts[len(parts)-1] = "0.001" // does not wait in a script
	}
	return strings.Join(parts, pick(g, ", ", ","))
}
