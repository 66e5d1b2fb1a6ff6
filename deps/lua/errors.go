// SPDX-License-Identifier: BSD-3-Clause

package lua

// Errors: raising them from Go, and giving gopher-lua's C Lua's words.
//
// gopher-lua's machine reports most failed operations with a text of its own and no
// names. Two things put that right. The basic types have a metatable, which scripts
// never see, whose functions fail with the right message (indexing nil, calling a
// number). And every thread's Panic function, which the machine calls to raise an
// error, looks up the position of the failing instruction and rewrites the text.
//
// Counterpart: ldebug.c, lauxlib.c.

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// frameAt describes level 0, the running function, or one of its callers.
func frameAt(l *L, level int) (fn *Function, id int, ok bool) {
	d, ok := l.GetStack(level)
	if !ok {
		return nil, 0, false
	}
	v, err := l.GetInfo("fl", d, Nil)
	if err != nil {
		return nil, 0, false
	}
	fn, ok = v.(*Function)
	return fn, d.CurrentLine, ok
}

// framePosition finds the position of a frame's instruction.
func framePosition(l *L, level int) (*chunk, *position) {
	fn, id, ok := frameAt(l, level)
	if !ok || fn.IsG {
		return nil, nil
	}
	c := chunkOf(fn)
	if c == nil || id < 0 || id >= len(c.pos) {
		return nil, nil
	}
	return c, &c.pos[id]
}

// where is the source and line of the function that raises an error, or of its caller where it is a C function: as C Redis tells them, which knows no
// line of a C function that has called another.
func (s *State) where(l *L) (string, int) {
	if l == nil {
		return "", 0
	}
	for level := range 3 {
		if c, p := framePosition(l, level); c != nil {
			return c.source, int(p.line)
		}
		if fn, _, ok := frameAt(l, level); level == 1 && ok && fn.IsG && !s.operators[fn] {
			return "=[C]", -1
		}
	}
	return "", 0
}

// Where gives "user_script:1: " for a level of the stack, or "" for a Go function
// (C: luaL_where). Level 1 is the caller of the running Go function.
func (s *State) Where(l *L, level int) string {
	// Below a protected call the stack goes on in the thread that made it.
	for outer := len(s.outer); level > 0; {
		if _, ok := l.GetStack(level); ok || outer == 0 {
			break
		}
		level -= stackDepth(l)
		outer--
		if l = s.outer[outer]; l == nil {
			return ""
		}
	}
	if c, p := framePosition(l, level); c != nil && c.source != coroutineSource {
		return c.name + ":" + strconv.Itoa(int(p.line)) + ": "
	}
	return ""
}

func stackDepth(l *L) int {
	n := 0
	for {
		if _, ok := l.GetStack(n); !ok {
			return n
		}
		n++
	}
}

// Throw raises v as it is. It does not return; the result is for "return st.Throw(...)".
func (s *State) Throw(l *L, v Value) int {
	s.errSource, s.errLine = s.where(l)
	panic(&glua.ApiError{Type: glua.ApiErrorRun, Object: v, StackTrace: " "})
}

// Errorf raises a text with the position of the caller in front (C: luaL_error).
func (s *State) Errorf(l *L, format string, args ...any) int {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	return s.Throw(l, String(s.Where(l, 1)+format))
}

// ArgError complains about argument n of the running Go function.
func (s *State) ArgError(l *L, n int, msg string) int {
	name := "?"
	if _, p := framePosition(l, 1); p != nil {
		if p.callee.kind == methodName {
			n--
			if n == 0 {
				return s.Errorf(l, "calling '%s' on bad self (%s)", p.callee.name, msg)
			}
		}
		if p.callee.kind != noName {
			name = p.callee.name
		}
	}
	return s.Errorf(l, "bad argument #%d to '%s' (%s)", n, name, msg)
}

func (s *State) typeError(l *L, n int, want string) {
	got := "no value"
	if n <= l.GetTop() {
		got = TypeName(l.Get(n))
	}
	s.ArgError(l, n, want+" expected, got "+got)
}

// --- arguments, as luaL_check* ---

func (s *State) checkAny(l *L, n int) Value {
	if n > l.GetTop() {
		s.ArgError(l, n, "value expected")
	}
	return l.Get(n)
}

func (s *State) checkNumber(l *L, n int) float64 {
	if v, ok := l.Get(n).(Number); ok {
		return float64(v)
	}
	v, ok := ToNumber(l.Get(n))
	if !ok {
		s.typeError(l, n, "number")
	}
	return v
}

func (s *State) checkInt(l *L, n int) int { return toInteger(s.checkNumber(l, n)) }

func (s *State) optInt(l *L, n, def int) int {
	if l.Get(n) == Nil {
		return def
	}
	return s.checkInt(l, n)
}

func (s *State) checkString(l *L, n int) string {
	v, ok := ToString(l.Get(n))
	if !ok {
		s.typeError(l, n, "string")
	}
	return v
}

func (s *State) optString(l *L, n int, def string) string {
	if l.Get(n) == Nil {
		return def
	}
	return s.checkString(l, n)
}

func (s *State) checkTable(l *L, n int) *Table {
	t, ok := l.Get(n).(*Table)
	if !ok {
		s.typeError(l, n, "table")
	}
	return t
}

func (s *State) checkFunction(l *L, n int) *Function {
	f, ok := l.Get(n).(*Function)
	if !ok {
		s.typeError(l, n, "function")
	}
	return f
}

// --- the machine's errors ---

// caught turns what a run panicked with into an error value. An abort stays one: it
// unwinds everything.
func (s *State) caught(t *L, r any) *glua.ApiError {
	switch r := r.(type) {
	case *glua.ApiError:
		return r
	case *Error:
		return &glua.ApiError{Object: r.Value}
	case string:
		if strings.Contains(r, "callstack overflow") {
			s.errSource, s.errLine = s.where(t)
			return &glua.ApiError{Object: String(s.Where(t, 0) + "stack overflow")}
		}
	}
	s.errSource, s.errLine = s.where(t)
	return &glua.ApiError{Object: String(fmt.Sprint("internal error: ", r))}
}

// translate is the Panic function of all threads: the machine has put its text on the
// stack.
func (s *State) translate(l *L) {
	v := l.Get(-1)
	if text, ok := v.(String); ok {
		v = String(s.reword(l, string(text)))
	}
	s.Throw(l, v)
}

func (s *State) reword(l *L, text string) string {
	// gopher-lua puts ":<position>: " in front.
	if i := strings.Index(text, ": "); i >= 0 && strings.HasPrefix(text, ":") {
		text = text[i+2:]
	}
	text = strings.TrimPrefix(text, " ")
	// From a Go function, as when sort compares, there is neither position nor name.
	_, p := framePosition(l, 0)
	if p == nil {
		p = &position{}
	}
	first := operand{}
	if len(p.operands) > 0 {
		first = p.operands[0]
	}
	switch {
	case text == "attempt to call a non-function object":
		// Other types have a metamethod that says so.
		o := p.callee
		text = "attempt to call " + o.before() + "table" + o.after()
	case strings.HasPrefix(text, "cannot perform "):
		// cannot perform add operation between table and number
		_, types, _ := strings.Cut(text, " between ")
		a, b, _ := strings.Cut(types, " and ")
		if a == "number" {
			a = b
			first = operand{}
			if len(p.operands) > 1 {
				first = p.operands[1]
			}
		}
		text = "attempt to perform arithmetic on " + first.before() + a + first.after()
	case text == "__unm undefined":
		text = "attempt to perform arithmetic on " + first.before() + "table" + first.after()
	case text == "__len undefined":
		text = "attempt to get length of " + first.before() + "userdata" + first.after()
	case strings.HasPrefix(text, "attempt to compare "):
		a, b, _ := strings.Cut(text[len("attempt to compare "):], " with ")
		text = compareText(a, b)
	case strings.HasPrefix(text, "attempt to index a non-table object("):
		typ, _, _ := strings.Cut(text[len("attempt to index a non-table object("):], ")")
		text = "attempt to index " + first.before() + typ + first.after()
	case text == "registry overflow":
		text = "stack overflow"
	case text == "too many recursions in gettable":
		text = "loop in gettable"
	case text == "too many recursions in settable":
		text = "loop in settable"
	case text == "for statement init must be a number":
		text = "'for' initial value must be a number"
	case text == "for statement limit must be a number":
		text = "'for' limit must be a number"
	case text == "for statement step must be a number":
		text = "'for' step must be a number"
	}
	return s.Where(l, 0) + text
}

func compareText(a, b string) string {
	if a == b {
		return "attempt to compare two " + a + " values"
	}
	return "attempt to compare " + a + " with " + b
}

// --- operations of the basic types ---

// openErrors gives nil, booleans, numbers, functions and threads the metatable whose
// functions report what cannot be done with them, and strings theirs, with arithmetic.
func (s *State) openErrors() {
	s.basic = s.NewTable()
	s.str = s.NewTable()
	for _, op := range []string{"add", "sub", "mul", "div", "mod", "pow"} {
		fn := s.function(s.arith("__" + op))
		s.basic.RawSetString("__"+op, fn)
		s.str.RawSetString("__"+op, fn)
	}
	unm := s.function(s.negate)
	s.basic.RawSetString("__unm", unm)
	s.str.RawSetString("__unm", unm)
	s.SetFunction(s.basic, "__index", func(l *L) int { return s.operandError(l, "index", 0, l.Get(1)) })
	s.SetFunction(s.basic, "__newindex", func(l *L) int { return s.operandError(l, "index", 0, l.Get(1)) })
	s.SetFunction(s.str, "__newindex", func(l *L) int { return s.operandError(l, "index", 0, l.Get(1)) })
	s.SetFunction(s.basic, "__len", func(l *L) int { return s.operandError(l, "get length of", 0, l.Get(1)) })
	call := s.function(func(l *L) int {
		o := operand{}
		if _, p := framePosition(l, 1); p != nil {
			o = p.callee
		}
		return s.Errorf(l, "%s", "attempt to call "+o.before()+TypeName(l.Get(1))+o.after())
	})
	s.basic.RawSetString("__call", call)
	s.str.RawSetString("__call", call)
	number := s.NewTable() // numbers do arithmetic themselves
	for _, name := range []string{"__index", "__newindex", "__len", "__call"} {
		number.RawSetString(name, s.basic.RawGetString(name))
	}
	s.root.SetMetatable(Nil, s.basic)
	s.root.SetMetatable(True, s.basic)
	s.root.SetMetatable(Number(0), number)
	s.root.SetMetatable(s.root, s.basic)
	s.root.SetMetatable(String(""), s.str)
	// Functions are not called through it.
	s.root.SetMetatable(&Function{}, s.basic)
	s.null = &UserData{Metatable: s.basic}

	s.operators = make(map[*Function]bool)
	for _, t := range []*Table{s.basic, s.str} {
		t.ForEach(func(_, v Value) { s.operators[v.(*Function)] = true })
	}
	s.fnConcat = s.function(s.concat)
	s.fnLen = s.function(s.length)
	s.fnMod = s.function(s.mod)
	s.fnPow = s.function(s.pow)
	s.fnForNumber = s.function(s.forNumber)
	for _, fn := range []*Function{s.fnConcat, s.fnLen, s.fnMod, s.fnPow, s.fnForNumber} {
		s.operators[fn] = true
	}
}

// operandError reports what was tried on operand i of the running instruction.
func (s *State) operandError(l *L, verb string, i int, v Value) int {
	o := operand{}
	if _, p := framePosition(l, 1); p != nil && i < len(p.operands) {
		if o = p.operands[i]; verb == "index" && s.indirect(l, p) {
			o = operand{}
		}
	}
	return s.Errorf(l, "%s", "attempt to "+verb+" "+o.before()+TypeName(v)+o.after())
}

// indirect tells whether v, which cannot be indexed, is the __index or __newindex of what the running instruction indexes, and so has no name.
func (s *State) indirect(l *L, p *position) bool {
	d, ok := l.GetStack(1)
	if !ok || p.register == 0 {
		return false
	}
	switch _, v := l.GetLocal(d, int(p.register)); v.(type) {
	case *Table:
		return true
	case *UserData:
		return v != s.null
	}
	return false
}

// metamethod finds a metamethod that a script gave a value.
func (s *State) metamethod(v Value, event string) Value {
	var mt Value
	switch v := v.(type) {
	case *Table:
		mt = v.Metatable
	case *UserData:
		mt = v.Metatable
	default:
		return Nil
	}
	if t, ok := mt.(*Table); ok && t != s.basic {
		return t.RawGetString(event)
	}
	return Nil
}

// binaryMeta calls the metamethod of a or b, if there is one.
func (s *State) binaryMeta(l *L, event string, a, b Value) (Value, bool) {
	fn := s.metamethod(a, event)
	if fn == Nil {
		fn = s.metamethod(b, event)
	}
	if fn == Nil {
		return Nil, false
	}
	return s.call(l, fn, a, b), true
}

// call calls a function from a Go function, on the same thread.
func (s *State) call(l *L, fn Value, args ...Value) Value {
	l.Push(fn)
	for _, a := range args {
		l.Push(a)
	}
	s.enter(l)
	l.Call(len(args), 1)
	s.depth--
	v := l.Get(-1)
	l.Pop(1)
	return v
}

// enter counts a call from Go into Lua. The count is taken back by the caller, or,
// after an error, by the run that catches it.
func (s *State) enter(l *L) {
	if s.depth >= maxCDepth-1 {
		where := ""
		if fn, _, ok := frameAt(l, 0); ok && s.operators[fn] {
			where = s.Where(l, 1)
		}
		s.Throw(l, String(where+"C stack overflow"))
	}
	s.depth++
}

// arith is the metamethod of an operator for operands that are not both numbers.
func (s *State) arith(event string) GoFunction {
	return func(l *L) int {
		v, ok := s.arithmetic(l, event, l.Get(1), l.Get(2))
		if !ok {
			return s.arithError(l, l.Get(1), l.Get(2))
		}
		l.Push(v)
		return 1
	}
}

func (s *State) arithmetic(l *L, event string, va, vb Value) (Value, bool) {
	a, ok1 := ToNumber(va)
	b, ok2 := ToNumber(vb)
	if !ok1 || !ok2 {
		return s.binaryMeta(l, event, va, vb)
	}
	var r float64
	switch event {
	case "__add":
		r = a + b
	case "__sub":
		r = a - b
	case "__mul":
		r = a * b
	case "__div":
		r = a / b
	case "__mod":
		r = modulo(a, b)
	case "__pow":
		r = power(a, b)
	}
	return Number(r), true
}

func (s *State) arithError(l *L, a, b Value) int {
	if _, ok := ToNumber(a); !ok {
		return s.operandError(l, "perform arithmetic on", 0, a)
	}
	return s.operandError(l, "perform arithmetic on", 1, b)
}

func (s *State) negate(l *L) int {
	a, ok := ToNumber(l.Get(1))
	if !ok {
		return s.operandError(l, "perform arithmetic on", 0, l.Get(1))
	}
	l.Push(Number(-a))
	return 1
}

// mod and pow are what % and ^ are compiled to.
func (s *State) mod(l *L) int {
	if a, ok := l.Get(1).(Number); ok {
		if b, ok := l.Get(2).(Number); ok {
			l.Push(number(modulo(float64(a), float64(b))))
			return 1
		}
	}
	return s.arith("__mod")(l)
}

func (s *State) pow(l *L) int { return s.arith("__pow")(l) }

// power is C's pow. Small integer exponents are computed with twice the precision, as
// the C library rounds correctly there.
func power(a, b float64) float64 {
	if n := int(b); float64(n) == b && n >= 0 && n <= 64 && !math.IsInf(a, 0) && !math.IsNaN(a) {
		hi, lo := 1.0, 0.0
		for range n {
			p := float64(hi * a)
			e := math.FMA(hi, a, -p)
			e += float64(lo * a)
			hi = p + e
			lo = e - (hi - p)
		}
		if !math.IsInf(hi, 0) && !math.IsNaN(hi) {
			return hi
		}
	}
	if a > 0 && a < smallestNormal {
		return powDenormal(a, b)
	}
	return invalid(math.Pow(a, b), a, b)
}

// powDenormal is a^b where math.Pow is wrong on amd64: a = f·2^e, of whose power the part of f and that of 2 are computed one by one.
func powDenormal(a, b float64) float64 {
	f, e := math.Frexp(a)
	n := float64(e) * b
	if math.Abs(n) > 4000 || math.IsNaN(n) {
		return math.Pow(0x1p-1000, b) // as far out
	}
	whole := math.Round(n)
	return math.Ldexp(math.Pow(f, b)*math.Exp2(n-whole+math.FMA(float64(e), b, -n)), int(whole))
}

// invalid gives the NaN that the processor makes, sign and all, for a function's NaN
// of arguments that are none.
func invalid(r float64, args ...float64) float64 {
	if !math.IsNaN(r) {
		return r
	}
	zero := 0.0
	for _, a := range args {
		if math.IsNaN(a) {
			return a
		}
		zero = float64(a * 0)
		if math.IsNaN(zero) {
			zero = 0
		}
	}
	return zero / zero
}

// concat is what a chain of .. is compiled to.
func (s *State) concat(l *L) int {
	n := l.GetTop()
	total := 0
	for i := 1; i <= n; i++ {
		switch v := l.Get(i).(type) {
		case String:
			total += len(v)
		case Number:
			total += 24
		default:
			return s.concatMeta(l, n)
		}
	}
	if total > maxString {
		return s.Throw(l, String("not enough memory"))
	}
	if n == 2 {
		a, ok1 := l.Get(1).(String)
		b, ok2 := l.Get(2).(String)
		if ok1 && ok2 {
			l.Push(a + b)
			return 1
		}
	}
	var b strings.Builder
	b.Grow(total)
	var num [32]byte
	for i := 1; i <= n; i++ {
		switch v := l.Get(i).(type) {
		case String:
			b.WriteString(string(v))
		case Number:
			b.Write(appendNumber(num[:0], float64(v)))
		}
	}
	l.Push(String(b.String()))
	return 1
}

// concatMeta works from the right, pair by pair.
func (s *State) concatMeta(l *L, n int) int {
	acc := l.Get(n)
	for i := n - 1; i >= 1; i-- {
		a := l.Get(i)
		x, ok1 := ToString(a)
		y, ok2 := ToString(acc)
		if ok1 && ok2 {
			acc = String(x + y)
			continue
		}
		v, ok := s.binaryMeta(l, "__concat", a, acc)
		if !ok {
			if ok1 {
				// After the first pair the right operand is a result, without a name.
				at := i
				if i+1 < n {
					at = n + 1
				}
				return s.operandError(l, "concatenate", at, acc)
			}
			return s.operandError(l, "concatenate", i-1, a)
		}
		acc = v
	}
	l.Push(acc)
	return 1
}

// length is what # is compiled to where a __len metamethod might be about: in Lua 5.1
// tables do not have one.
func (s *State) length(l *L) int {
	switch v := l.Get(1).(type) {
	case String:
		l.Push(integer(len(v)))
	case *Table:
		l.Push(integer(s.realTable(v).Len()))
	default:
		return s.operandError(l, "get length of", 0, v)
	}
	return 1
}

// forNumber makes the bound of a numeric loop a number.
func (s *State) forNumber(l *L) int {
	v, ok := ToNumber(l.Get(1))
	if !ok {
		which, _ := ToString(l.Get(2))
		if which == "initial" {
			which = "initial value"
		}
		return s.Errorf(l, "'for' %s must be a number", which)
	}
	l.Push(Number(v))
	return 1
}
