// SPDX-License-Identifier: BSD-3-Clause

package lua

// The basic library and coroutines.
//
// Counterpart: lbaselib.c.

import (
	"fmt"
	"math"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

func (s *State) openBase() {
	g := s.globals
	s.setFunctions(g, map[string]GoFunction{
		"assert":         s.baseAssert,
		"collectgarbage": s.baseCollectGarbage,
		"error":          s.baseError,
		"gcinfo":         s.baseGcinfo,
		"getmetatable":   s.baseGetmetatable,
		"load":           s.baseLoad,
		"loadstring":     s.baseLoadstring,
		"next":           s.baseNext,
		"pcall":          s.basePcall,
		"rawequal":       s.baseRawequal,
		"rawget":         s.baseRawget,
		"rawset":         s.baseRawset,
		"select":         s.baseSelect,
		"setmetatable":   s.baseSetmetatable,
		"tonumber":       s.baseTonumber,
		"tostring":       s.baseTostring,
		"type":           s.baseType,
		"unpack":         s.baseUnpack,
		"xpcall":         s.baseXpcall,
	})
	next := g.RawGetString("next")
	s.SetFunction(g, "pairs", func(l *L) int {
		t := s.checkTable(l, 1)
		l.Push(next)
		l.Push(t)
		l.Push(Nil)
		return 3
	})
	step := s.function(s.ipairsStep)
	s.SetFunction(g, "ipairs", func(l *L) int {
		t := s.checkTable(l, 1)
		l.Push(step)
		l.Push(t)
		l.Push(Number(0))
		return 3
	})
	g.RawSetString("_VERSION", String("Lua 5.1"))
	if s.opts.DeprecatedAPI {
		s.setFunctions(g, map[string]GoFunction{
			"getfenv":  s.baseGetfenv,
			"setfenv":  s.baseSetfenv,
			"newproxy": s.baseNewproxy,
		})
	}
	os := s.NewTable()
	s.SetFunction(os, "clock", s.osClock)
	g.RawSetString("os", s.ReadOnly(os))
}

func (s *State) baseAssert(l *L) int {
	if !glua.LVAsBool(s.checkAny(l, 1)) {
		return s.Errorf(l, "%s", cutPattern(s.optString(l, 2, "assertion failed!")))
	}
	return l.GetTop()
}

// baseCollectGarbage answers as a collector would that has nothing to do: Go's runs by
// itself.
func (s *State) baseCollectGarbage(l *L) int {
	opt := s.optString(l, 1, "collect")
	s.optInt(l, 2, 0)
	switch opt {
	case "count":
		l.Push(Number(float64(s.UsedMemory()) / 1024))
	case "step":
		l.Push(True)
	case "collect", "stop", "restart":
		l.Push(Number(0))
	case "setpause":
		l.Push(Number(s.gcPause))
		s.gcPause = s.optInt(l, 2, 0)
	case "setstepmul":
		l.Push(Number(s.gcStep))
		s.gcStep = s.optInt(l, 2, 0)
	default:
		return s.ArgError(l, 1, "invalid option '"+opt+"'")
	}
	return 1
}

func (s *State) baseGcinfo(l *L) int {
	l.Push(Number(s.UsedMemory() / 1024))
	return 1
}

func (s *State) baseError(l *L) int {
	level := int(int32(s.optInt(l, 2, 1)))
	v := l.Get(1)
	if text, ok := ToString(v); ok && level > 0 {
		v = String(s.Where(l, level) + text)
	}
	return s.Throw(l, v)
}

// metatableOf is the metatable as scripts may see it.
func (s *State) metatableOf(v Value) Value {
	var mt Value = Nil
	switch v := v.(type) {
	case *Table:
		mt = s.realTable(v).Metatable
	case *UserData:
		mt = v.Metatable
	case String:
		mt = s.strMT
	}
	if mt == nil || mt == Value(s.basic) {
		return Nil
	}
	return mt
}

func (s *State) baseGetmetatable(l *L) int {
	mt, ok := s.metatableOf(s.checkAny(l, 1)).(*Table)
	if !ok {
		l.Push(Nil)
		return 1
	}
	if p := s.realTable(mt).RawGetString("__metatable"); p != Nil {
		l.Push(p)
	} else if v, ok := s.viewOf[mt]; ok {
		l.Push(v)
	} else {
		l.Push(mt)
	}
	return 1
}

func (s *State) baseSetmetatable(l *L) int {
	t := s.checkTable(l, 1)
	mt := l.Get(2)
	if m, ok := mt.(*Table); ok {
		mt = s.realTable(m)
	} else if mt != Nil || l.GetTop() < 2 {
		return s.ArgError(l, 2, "nil or table expected")
	}
	if old, ok := s.metatableOf(t).(*Table); ok && s.realTable(old).RawGetString("__metatable") != Nil {
		return s.Errorf(l, "cannot change a protected metatable")
	}
	s.writable(l, t).Metatable = mt
	l.Push(t)
	return 1
}

func (s *State) baseLoadstring(l *L) int {
	src := s.checkString(l, 1)
	return s.load(l, src, s.optString(l, 2, src))
}

func (s *State) load(l *L, src, name string) int {
	fn, err := s.Compile(src, name)
	if err != nil {
		l.Push(Nil)
		l.Push(String(err.Error()))
		return 2
	}
	l.Push(fn)
	return 1
}

func (s *State) baseLoad(l *L) int {
	fn := s.checkFunction(l, 1)
	name := s.optString(l, 2, "=(load)")
	var src strings.Builder
	for {
		l.SetTop(0)
		l.Push(fn)
		t, failed := s.protected(l, 1)
		if t == nil {
			l.Push(Nil)
			l.Push(failed)
			return 2
		}
		v := t.Get(1)
		s.release(t)
		if v == Nil {
			break
		}
		piece, ok := ToString(v)
		if !ok {
			l.Push(Nil)
			l.Push(String(s.Where(l, 1) + "reader function must return a string"))
			return 2
		}
		if piece == "" {
			break
		}
		if src.Len()+len(piece) > maxString {
			return s.Throw(l, String("not enough memory"))
		}
		src.WriteString(piece)
	}
	return s.load(l, src.String(), name)
}

func (s *State) baseNext(l *L) int {
	t, ok := l.Get(1).(*Table)
	if !ok {
		s.checkTable(l, 1)
	}
	if t.Metatable != Nil {
		t = s.realTable(t)
	}
	k, v := t.Next(l.Get(2))
	l.Push(k)
	if k == Nil {
		return 1
	}
	l.Push(v)
	return 2
}

func (s *State) ipairsStep(l *L) int {
	t, ok := l.Get(1).(*Table)
	if !ok {
		s.checkTable(l, 1)
	}
	if t.Metatable != Nil {
		t = s.realTable(t)
	}
	n, ok := l.Get(2).(Number)
	if !ok {
		n = Number(s.checkInt(l, 2))
	}
	i := int(n) + 1
	v := t.RawGetInt(i)
	if v == Nil {
		return 0
	}
	l.Push(integer(i))
	l.Push(v)
	return 2
}

func (s *State) baseRawequal(l *L) int {
	l.Push(Bool(l.RawEqual(s.checkAny(l, 1), s.checkAny(l, 2))))
	return 1
}

func (s *State) baseRawget(l *L) int {
	l.Push(s.realTable(s.checkTable(l, 1)).RawGet(s.checkAny(l, 2)))
	return 1
}

func (s *State) baseRawset(l *L) int {
	t := s.checkTable(l, 1)
	k, v := s.checkAny(l, 2), s.checkAny(l, 3)
	s.rawSet(l, s.writable(l, t), k, v)
	l.Push(t)
	return 1
}

func (s *State) rawSet(l *L, t *Table, k, v Value) {
	if k == Nil {
		s.Throw(l, String("table index is nil"))
	}
	if n, ok := k.(Number); ok && math.IsNaN(float64(n)) {
		s.Throw(l, String("table index is NaN"))
	}
	if n, ok := k.(Number); ok && v != Nil && n > sparseLimit && n < Number(glua.MaxArrayIndex) && float64(n) > 2*float64(t.MaxN()) {
		// A table's array reaches up to its highest index.
		s.Throw(l, String("not enough memory"))
	}
	t.RawSet(k, v)
}

// sparseLimit is the index up to which a library function may put a value into a table
// that has few.
const sparseLimit = 1 << 24

func (s *State) baseSelect(l *L) int {
	top := l.GetTop()
	if v, ok := l.Get(1).(String); ok && strings.HasPrefix(string(v), "#") {
		l.Push(Number(top - 1))
		return 1
	}
	n := int(int32(s.checkInt(l, 1)))
	if n < 0 {
		n += top
	} else if n > top {
		n = top
	}
	if n < 1 {
		return s.ArgError(l, 1, "index out of range")
	}
	return top - n
}

func (s *State) baseTonumber(l *L) int {
	base := int(int32(s.optInt(l, 2, 10)))
	if base == 10 {
		if n, ok := ToNumber(s.checkAny(l, 1)); ok {
			l.Push(Number(n))
			return 1
		}
		l.Push(Nil)
		return 1
	}
	text := s.checkString(l, 1)
	if base < 2 || base > 36 {
		return s.ArgError(l, 2, "base out of range")
	}
	if n, ok := parseInteger(text, base); ok {
		l.Push(Number(n))
	} else {
		l.Push(Nil)
	}
	return 1
}

// parseInteger reads a whole string as strtoul does: a negative number wraps, too
// large a one gives the largest.
func parseInteger(text string, base int) (float64, bool) {
	if i := strings.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	for text != "" && isSpace(int(text[0])) {
		text = text[1:]
	}
	neg := false
	if text != "" && (text[0] == '-' || text[0] == '+') {
		neg = text[0] == '-'
		text = text[1:]
	}
	digit := func(i int) int {
		if i >= len(text) {
			return 99
		}
		switch c := int(text[i]); {
		case isDigit(c):
			return c - '0'
		case isAlpha(c):
			return c&^0x20 - 'A' + 10
		}
		return 99
	}
	if prefix := map[int]byte{2: 'b', 16: 'x'}[base]; prefix != 0 && len(text) > 2 && text[0] == '0' && text[1]|0x20 == prefix && digit(2) < base {
		text = text[2:]
	}
	var n uint64
	i, over := 0, false
	for ; digit(i) < base; i++ {
		hi := n
		n = n*uint64(base) + uint64(digit(i))
		over = over || hi > (math.MaxUint64-uint64(digit(i)))/uint64(base)
	}
	if i == 0 {
		return 0, false
	}
	switch {
	case over:
		n = math.MaxUint64
	case neg:
		n = -n
	}
	for i < len(text) && isSpace(int(text[i])) {
		i++
	}
	return float64(n), i == len(text)
}

// toStringMeta is tostring.
func (s *State) toStringMeta(l *L, v Value) Value {
	switch v := v.(type) {
	case String:
		return v
	case Number:
		return String(FormatNumber(float64(v)))
	}
	if fn := s.metamethod(v, "__tostring"); fn != Nil {
		return s.call(l, fn, v)
	}
	if v == Value(s.null) {
		return String("userdata: (nil)")
	}
	if t, ok := v.(*Table); ok {
		return String(fmt.Sprintf("table: %p", t))
	}
	return String(v.String())
}

func (s *State) baseTostring(l *L) int {
	l.Push(s.toStringMeta(l, s.checkAny(l, 1)))
	return 1
}

func (s *State) baseType(l *L) int {
	l.Push(String(TypeName(s.checkAny(l, 1))))
	return 1
}

func (s *State) baseUnpack(l *L) int {
	t := s.realTable(s.checkTable(l, 1))
	i := s.optInt(l, 2, 1)
	e := 0
	if l.Get(3) == Nil {
		e = t.Len()
	} else {
		e = s.checkInt(l, 3)
	}
	// C keeps these in ints.
	i, e = int(int32(i)), int(int32(e))
	if i > e {
		return 0
	}
	n := e - i + 1
	if n > maxCStack || n+l.GetTop() > maxCStack {
		return s.Errorf(l, "too many results to unpack")
	}
	for ; i <= e; i++ {
		if i > 0 {
			l.Push(t.RawGetInt(i))
		} else {
			l.Push(t.RawGet(Number(i)))
		}
	}
	return n
}

// --- protected calls ---

// protected calls the function and arguments above index from of l's stack on a thread
// of its own. If that fails it returns the error and nothing else.
func (s *State) protected(l *L, from int) (t *L, failed Value) {
	if s.depth >= maxCDepth-1 {
		return nil, String("C stack overflow")
	}
	n := l.GetTop()
	t = s.thread(l.Context() != nil)
	for i := from; i <= n; i++ {
		t.Push(l.Get(i))
	}
	if err := s.run(t, n-from, glua.MultRet); err != nil {
		if s.aborted != nil {
			panic(s.aborted)
		}
		return nil, err.Object
	}
	return t, nil
}

// basePcall is the pcall that Redis puts in place of Lua's: of an error that is a table
// it gives the err field. (Where that is no string it comes as a third result.)
func (s *State) basePcall(l *L) int {
	if l.GetTop() == 0 {
		l.Push(True) // C's place for the outcome
	}
	t, failed := s.protected(l, 1)
	if t != nil {
		return s.outcome(l, t)
	}
	l.Push(False)
	if table, ok := failed.(*Table); ok {
		field := l.GetField(table, "err")
		if _, ok := ToString(field); !ok {
			l.Push(failed)
			l.Push(field)
			return 3
		}
		failed = field
	}
	l.Push(failed)
	return 2
}

// outcome pushes what a protected call gave.
func (s *State) outcome(l, t *L) int {
	l.Push(True)
	n := t.GetTop()
	for i := 1; i <= n; i++ {
		l.Push(t.Get(i))
	}
	s.release(t)
	return n + 1
}

func (s *State) baseXpcall(l *L) int {
	s.checkAny(l, 2)
	handler := l.Get(2)
	l.SetTop(1)
	t, failed := s.protected(l, 1)
	if t == nil {
		// C runs the handler before the stack unwinds, which scripts cannot tell.
		l.SetTop(0)
		l.Push(handler)
		l.Push(failed)
		source, line := s.errSource, s.errLine
		h, _ := s.protected(l, 1)
		s.errSource, s.errLine = source, line
		l.SetTop(0)
		l.Push(False)
		if h == nil {
			l.Push(String("error in error handling"))
			return 2
		}
		l.Push(h.Get(1))
		s.release(h)
		return 2
	}
	return s.outcome(l, t)
}

// --- what lua-enable-deprecated-api brings back ---

func (s *State) functionArg(l *L, optional bool) *Function {
	if f, ok := l.Get(1).(*Function); ok {
		return f
	}
	level := 1
	if optional {
		level = s.optInt(l, 1, 1)
	} else {
		level = s.checkInt(l, 1)
	}
	if level < 0 {
		s.ArgError(l, 1, "level must be non-negative")
	}
	fn, _, ok := frameAt(l, level)
	if !ok {
		s.ArgError(l, 1, "invalid level")
	}
	return fn
}

func (s *State) baseGetfenv(l *L) int {
	f := s.functionArg(l, true)
	if f.IsG {
		l.Push(s.env)
	} else {
		l.Push(f.Env)
	}
	return 1
}

func (s *State) baseSetfenv(l *L) int {
	env := s.checkTable(l, 2)
	if v, ok := l.Get(1).(Number); ok && v == 0 {
		return s.Errorf(l, "'setfenv' cannot change environment of given object")
	}
	f := s.functionArg(l, false)
	if f.IsG {
		return s.Errorf(l, "'setfenv' cannot change environment of given object")
	}
	f.Env = env
	l.Push(f)
	return 1
}

func (s *State) baseNewproxy(l *L) int {
	u := &UserData{Metatable: s.basic}
	switch v := l.Get(1).(type) {
	case *UserData:
		if v.Metatable == Value(s.basic) {
			return s.ArgError(l, 1, "boolean or proxy expected")
		}
		u.Metatable = v.Metatable
	default:
		if glua.LVAsBool(v) {
			u.Metatable = s.NewTable()
		}
	}
	l.Push(u)
	return 1
}

// --- coroutines ---

// coroutineSource names the code that coroutines start in, which C has none of.
const coroutineSource = "=?"

func (s *State) openCoroutine() {
	t := s.NewTable()
	// A coroutine starts in Lua code that gives its thread the right Panic function,
	// which gopher-lua resets when it starts one.
	start, err := s.Compile("local setup, body, count return function(...) setup() "+
		"local function pass(...) count(...) return ... end return pass(body(...)) end", coroutineSource)
	if err != nil {
		panic(err)
	}
	proto := start.Proto.FunctionPrototypes[0]
	setup := s.function(func(l *L) int {
		l.Panic = s.translate
		return 0
	})
	count := s.function(func(l *L) int {
		s.passed = l.GetTop()
		return 0
	})
	create := func(l *L) *L {
		f, ok := l.Get(1).(*Function)
		if !ok || f.IsG {
			s.ArgError(l, 1, "Lua function expected")
		}
		co, _ := s.root.NewThread()
		s.setHook(co, true)
		main := &Function{Env: s.env, Proto: proto, Upvalues: []*glua.Upvalue{{}, {}, {}}}
		main.Upvalues[0].SetValue(setup)
		main.Upvalues[1].SetValue(count)
		main.Upvalues[2].SetValue(f)
		co.Env = s.env
		co.Push(main) // where resume finds it
		return co
	}
	s.setFunctions(t, map[string]GoFunction{
		"create": func(l *L) int {
			l.Push(create(l))
			return 1
		},
		"resume": func(l *L) int {
			co, ok := l.Get(1).(*L)
			if !ok {
				return s.ArgError(l, 1, "coroutine expected")
			}
			values, failed := s.resume(l, co, 2)
			if failed != nil {
				l.Push(False)
				l.Push(failed)
				return 2
			}
			l.Push(True)
			for _, v := range values {
				l.Push(v)
			}
			return len(values) + 1
		},
		"wrap": func(l *L) int {
			co := create(l)
			l.Push(s.function(func(l *L) int {
				values, failed := s.resume(l, co, 1)
				if failed != nil {
					if text, ok := ToString(failed); ok {
						failed = String(s.Where(l, 1) + text)
					}
					return s.Throw(l, failed)
				}
				for _, v := range values {
					l.Push(v)
				}
				return len(values)
			}))
			return 1
		},
		"yield": func(l *L) int {
			if l.Parent == nil || s.depth > s.resumed {
				return s.Throw(l, String("attempt to yield across metamethod/C-call boundary"))
			}
			n := l.GetTop()
			values := make([]Value, n)
			for i := range values {
				values[i] = l.Get(i + 1)
			}
			s.passed = n
			return l.Yield(values...)
		},
		"running": func(l *L) int {
			if s.coroutine == nil {
				return 0
			}
			l.Push(s.coroutine)
			return 1
		},
		"status": func(l *L) int {
			co, ok := l.Get(1).(*L)
			if !ok {
				return s.ArgError(l, 1, "coroutine expected")
			}
			l.Push(String(s.status(co)))
			return 1
		},
	})
	s.globals.RawSetString("coroutine", s.ReadOnly(t))
}

func (s *State) status(co *L) string {
	switch {
	case co.Dead:
		return "dead"
	case co == s.coroutine:
		return "running"
	case co.Parent != nil:
		return "normal"
	}
	return "suspended"
}

// resume runs co until it yields, ends or fails, with the arguments of l from index
// from on.
func (s *State) resume(l, co *L, from int) (values []Value, failed Value) {
	if st := s.status(co); st != "suspended" {
		return nil, String("cannot resume " + st + " coroutine")
	}
	if s.depth >= maxCDepth {
		return nil, String("C stack overflow")
	}
	var args []Value
	for i := from; i <= l.GetTop(); i++ {
		args = append(args, l.Get(i))
	}
	var main *Function
	if _, started := co.GetStack(0); !started {
		main, _ = co.Get(1).(*Function)
	}
	outer, outerCo, depth, resumed := s.running, s.coroutine, s.depth, s.resumed
	s.running, s.coroutine, s.depth, s.resumed = co, co, depth+1, depth+1
	state, err, values := l.Resume(co, main, args...)
	s.running, s.coroutine, s.depth, s.resumed = outer, outerCo, depth, resumed
	if s.aborted != nil {
		panic(s.aborted)
	}
	if state == glua.ResumeError {
		if e, ok := err.(*glua.ApiError); ok {
			return nil, e.Object
		}
		return nil, String(err.Error())
	}
	if s.passed == 0 {
		values = nil // gopher-lua makes a nil of none
	}
	return values, nil
}
