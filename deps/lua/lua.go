// SPDX-License-Identifier: BSD-3-Clause

// Package lua is the interpreter of scripts and functions: Lua 5.1 as C Redis ships it,
// on top of github.com/yuin/gopher-lua.
//
// # Use
//
// A State is one interpreter with its globals, as lua_State is in C. It belongs to one
// goroutine.
//
//	st := lua.New(lua.Options{})
//	api := st.NewTable()
//	st.SetFunction(api, "call", func(l *lua.L) int { ... })
//	st.SetGlobal("redis", st.ReadOnly(api))
//	fn, err := st.Compile(body, "@user_script")    // once a script; keep fn
//	st.SetList("KEYS", keys)                       // [][]byte, copied
//	st.SetList("ARGV", args)
//	v, fail := st.Call(fn)                         // *lua.Error with value, source, line
//
// A Go function gets the running thread l, reads its arguments with l.GetTop and
// l.Get(i), pushes its results with l.Push and returns their number. It raises an error
// with st.Throw (any value), st.Errorf (text, with the position in front, as
// luaL_error) or st.ArgError; none of these returns. It must not keep l.
//
// Values are gopher-lua's: Nil, Bool, Number, String, *Table, *Function, *UserData.
// Fill tables with t.Append, t.RawSetInt, t.RawSetString; read them with st.Get and
// st.Next, which also see into read-only tables.
//
// # Sandbox
//
// The globals are what C Redis offers and nothing else. Every table that scripts share
// is read-only: what scripts hold is a view, an empty table whose metatable leads to
// the real one; the functions of this package that would write (rawset, table.insert,
// setmetatable ...) refuse views, and those that read see through them.
//
// As globals cannot change, Compile resolves them: redis.call in a script is a
// constant of its code. Register everything before the first Compile. CompileLibrary
// leaves them to be looked up at run time, for function libraries, whose globals
// differ while they load (SetGlobals).
//
// # Stopping a script
//
// SetInterrupt installs a function that is called every interruptEvery instructions or
// so, from library loops too. There the server serves events while a script spins; if
// it returns an error the script ends with it, whatever pcall it is under. Chunks that
// cannot run long (no loop, no function, no way to make one) run without the check.
//
// # What gopher-lua brings, and what is different here
//
// gopher-lua gives the compiler's back end, the virtual machine and tables. Its
// front end is replaced (lex.go, parse.go): Lua 5.1's grammar, limits and messages.
// Operators and libraries whose results differ from C's are this package's own. A
// protected call runs on a thread of its own, dropped after an error: gopher-lua's own
// pcall detaches the caller's closures from its variables.
//
// What remains different from C, because of how gopher-lua is made:
//
//   - Tables keep insertion order, and pairs and next visit in that order; C's order is
//     that of its hash. next does not complain about a key that the table never had.
//   - An array reaches to the highest positive integer key below 2^26, whatever is
//     between: sparse tables with large keys take memory accordingly. # gives the
//     highest index in use, where C may give another border of an array with holes.
//   - A function has 200 registers, C's has 250.
//   - Metamethods that the machine calls (all but those of .., %, ^ and tostring) and the functions of for loops may nest
//     as deep as any function, where C allows 198 of them.
//   - A coroutine may yield from a metamethod that the machine calls, and what it was
//     called for then ends with the coroutine; C refuses.
//   - +, -, * and / give 0 where C gives -0; a function that has both as constants has the one that comes
//     first, where C's order of evaluation decides.
//   - What string.dump gives cannot be loaded; C does not load its own either.
package lua

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// Types of gopher-lua under the names that this package documents.
type (
	L          = glua.LState
	Value      = glua.LValue
	Bool       = glua.LBool
	Number     = glua.LNumber
	String     = glua.LString
	Table      = glua.LTable
	Function   = glua.LFunction
	UserData   = glua.LUserData
	GoFunction = glua.LGFunction
)

// The values without parts. Constants in effect.
var (
	Nil   = glua.LNil
	True  = Value(glua.LTrue)
	False = Value(glua.LFalse)
)

const (
	// maxCalls is the depth of calls at which C reports a stack overflow
	// (LUAI_MAXCALLS).
	maxCalls = 20000
	// maxCDepth is how deep calls from Go back into Lua may nest (LUAI_MAXCCALLS).
	maxCDepth = 200
	// maxCStack is how many values a C function may have on its stack
	// (LUAI_MAXCSTACK).
	maxCStack = 8000
	// maxRegisters bounds the values of all frames of a thread.
	maxRegisters = 1 << 20
	// maxString bounds a string that a script can make, and with it what one
	// instruction can allocate.
	maxString = 1 << 29
	// interruptEvery is the number of instructions between two interrupts.
	interruptEvery = 100000
)

// Options of a State.
type Options struct {
	// DeprecatedAPI keeps getfenv, setfenv and newproxy (lua-enable-deprecated-api).
	DeprecatedAPI bool
	// Random is the source of math.random. Interpreters that share one draw from one
	// sequence, as C's do. Nil makes one.
	Random *Random
}

// State is an interpreter.
type State struct {
	opts    Options
	root    *L
	marker  string // begins every string constant that stands for another value
	globals *Table // the real table of globals
	current *Table // what the view shows: globals, or those of SetGlobals
	env     *Table // the view of it, which functions see
	envMeta *Table

	views  map[*Table]*Table // metatable of a view → the real table
	viewOf map[*Table]*Table // real table → its view
	lists  map[string]*list
	basic  *Table // metatable of the basic types, unseen by scripts
	str    *Table // and of strings
	strMT  *Table // what getmetatable("") gives
	null   *UserData

	idle    []*L // threads ready to run
	calls   int  // scripts run
	running *L
	outer   []*L // the threads that wait for running's protected call
	depth   int  // nested calls from Go
	resumed int  // depth at which the running coroutine was resumed
	passed  int  // how many values the last coroutine that yielded or ended gave
	// coroutine is the running one, nil outside of any.
	coroutine *L
	hook      hook

	interrupt  func() error
	line       func(l *L, d *Frame)
	lineOff    bool       // the line hook removed itself
	lines      []lineMark // where the functions of lineThread are, outermost first
	lineThread *L
	aborted    *Error // why the running script must end

	errSource string // where the last error was raised
	errLine   int

	rnd *Random

	gcPause, gcStep int // what collectgarbage was told

	fnConcat, fnMod, fnPow, fnForNumber, fnLen *Function
	operators                                  map[*Function]bool // functions that C does not call for what they do

	born  time.Time
	alloc int64 // bytes that compiled chunks are estimated to hold
}

// Error is how a failed script ended.
type Error struct {
	Value  Value  // what was thrown: text, or a table
	Source string // of the innermost Lua function: "@user_script", "" if there was none
	Line   int
	// Aborted: the interrupt function ended the script with Cause.
	Aborted bool
	Cause   error
}

func (e *Error) Error() string {
	if e.Aborted {
		return e.Cause.Error()
	}
	if s, ok := ToString(e.Value); ok {
		return s
	}
	return "error object is a " + TypeName(e.Value) + " value"
}

// New makes an interpreter with C Redis's libraries.
func New(opts Options) *State {
	s := &State{
		opts:   opts,
		views:  make(map[*Table]*Table),
		viewOf: make(map[*Table]*Table),
		lists:  make(map[string]*list),
		born:   time.Now(),
		rnd:    opts.Random,

		gcPause: 200,
		gcStep:  200,
	}
	if s.rnd == nil {
		s.rnd = NewRandom()
	}
	var nonce [12]byte
	rand.Read(nonce[:])
	s.marker = "\x00" + hex.EncodeToString(nonce[:]) + ":"
	s.hook = hook{Context: context.Background(), st: s, left: interruptEvery}
	s.root = glua.NewState(glua.Options{
		CallStackSize:       maxCalls,
		RegistrySize:        256,
		RegistryMaxSize:     maxRegisters,
		RegistryGrowStep:    2048,
		SkipOpenLibs:        true,
		MinimizeStackMemory: true,
	})
	s.root.G.MainThread = s.root
	s.root.G.CurrentThread = s.root
	s.globals = s.root.G.Global
	s.current = s.globals
	s.openErrors()
	s.openBase()
	s.openCoroutine()
	s.openTable()
	s.openString()
	s.openMath()
	s.openBit()
	s.openCjson()
	s.openCmsgpack()
	s.openStruct()

	// Reading a global that does not exist is an error.
	missing := &Table{}
	missing.RawSetString("__index", s.function(func(l *L) int {
		name, _ := ToString(l.Get(2))
		return s.Errorf(l, "Script attempted to access nonexistent global variable '%s'", name)
	}))
	s.globals.Metatable = missing
	s.ReadOnly(missing)
	s.env = s.ReadOnly(s.globals)
	s.envMeta = s.env.Metatable.(*Table)
	s.globals.RawSetString("_G", s.env)
	s.root.Env = s.env
	return s
}

// --- globals and tables ---

// NewTable makes an empty table.
func (s *State) NewTable() *Table { return &Table{Metatable: Nil} }

// NewTableSize makes a table with room for an array of n and m named fields.
func (s *State) NewTableSize(n, m int) *Table { return s.root.CreateTable(n, m) }

// Globals is the table of globals itself, which scripts see only through a view.
func (s *State) Globals() *Table { return s.globals }

// SetGlobal sets a global. Scripts that are compiled already keep the value they saw.
func (s *State) SetGlobal(name string, v Value) { s.globals.RawSetString(name, v) }

// SetGlobals makes what CompileLibrary's functions see as globals another table, or
// the usual one again if t is nil. A missing name is an error if t has no metatable.
func (s *State) SetGlobals(t *Table) {
	if t == nil {
		t = s.globals
	} else if t.Metatable == Nil || t.Metatable == nil {
		t.Metatable = s.globals.Metatable
	}
	s.current = t
	s.views[s.envMeta] = t
	s.envMeta.RawSetString("__index", t)
}

// SetFunction puts a Go function into a table.
func (s *State) SetFunction(t *Table, name string, fn GoFunction) {
	t.RawSetString(name, s.function(fn))
}

// Function makes a Go function a value.
func (s *State) Function(fn GoFunction) *Function { return s.function(fn) }

func (s *State) function(fn GoFunction) *Function {
	return &Function{IsG: true, Env: s.globals, GFunction: fn}
}

func (s *State) setFunctions(t *Table, fns map[string]GoFunction) {
	for name, fn := range fns {
		s.SetFunction(t, name, fn)
	}
}

// ReadOnly gives the view of t under which scripts may see but not change it; later
// changes of t from Go show. The tables in t need views of their own.
func (s *State) ReadOnly(t *Table) *Table {
	if v, ok := s.viewOf[t]; ok {
		return v
	}
	if t.Metatable == nil {
		t.Metatable = Nil
	}
	mt := s.NewTable()
	mt.RawSetString("__index", t)
	mt.RawSetString("__newindex", s.function(s.readOnlyError))
	v := &Table{Metatable: mt}
	s.views[mt] = t
	s.viewOf[t] = v
	return v
}

func (s *State) readOnlyError(l *L) int {
	return s.Errorf(l, "Attempt to modify a readonly table")
}

// realTable sees through a view.
func (s *State) realTable(t *Table) *Table {
	if mt, ok := t.Metatable.(*Table); ok {
		if real, ok := s.views[mt]; ok {
			return real
		}
	}
	return t
}

// writable is t, or an error if t is a view. C's functions raise it, so it tells no position.
func (s *State) writable(l *L, t *Table) *Table {
	if s.realTable(t) != t {
		s.Throw(l, String("Attempt to modify a readonly table"))
	}
	return t
}

// Get reads a field without metamethods, through a view if t is one.
func (s *State) Get(t *Table, name string) Value { return s.realTable(t).RawGetString(name) }

// Next steps through a table: start with Nil, end when the key is Nil.
func (s *State) Next(t *Table, key Value) (Value, Value) { return s.realTable(t).Next(key) }

// Null is the value of cjson.null.
func (s *State) Null() *UserData { return s.null }

// TypeName is what Lua's type function says.
func TypeName(v Value) string { return v.Type().String() }

// --- lists ---

// list is a global array that is filled anew for every script, in one table where the
// script before left that as it was.
type list struct {
	table *Table
	n     int // elements put in
	uses  int
	gen   int // counts tables
}

// maxListUses bounds how long a table is kept, as names that scripts put into it and
// removed leave traces that cannot be seen from here.
const maxListUses = 1000

// SetList sets a global to an array of strings.
func (s *State) SetList(name string, items [][]byte) {
	l := s.lists[name]
	if l == nil {
		l = &list{}
		s.lists[name] = l
	}
	if l.table == nil || !l.clear() {
		l.table = s.root.CreateTable(max(len(items), 4), 0)
		l.uses = 0
		l.gen++
		s.globals.RawSetString(name, l.table)
	}
	l.uses++
	l.n = len(items)
	for i, it := range items {
		l.table.RawSetInt(i+1, String(it))
	}
}

// clear empties the table, or reports that it must not be used again.
func (l *list) clear() bool {
	t := l.table
	if l.uses > maxListUses || t.Metatable != Nil {
		return false
	}
	for i := 0; i < l.n; i++ {
		if t.Remove(0).Type() != glua.LTString { // takes the last
			return false
		}
	}
	if t.MaxN() != 0 {
		return false
	}
	k, _ := t.Next(Nil)
	return k == Nil
}

// --- running ---

// hook is the context under which code runs whose length is unknown: gopher-lua asks
// it before every instruction whether it is done.
type hook struct {
	context.Context
	st   *State
	left int
}

func (h *hook) Done() <-chan struct{} {
	h.left--
	if h.left <= 0 {
		h.st.tick()
	}
	return nil
}

// tick runs when the count of instructions is used up.
func (s *State) tick() {
	s.hook.left = interruptEvery
	if s.line != nil {
		s.hook.left = 1
		s.traceLine()
	}
	s.poll()
}

// poll lets the interrupt function run and ends the script if it says so.
func (s *State) poll() {
	if s.interrupt == nil {
		return
	}
	if err := s.interrupt(); err != nil {
		s.aborted = &Error{Value: String(err.Error()), Aborted: true, Cause: err}
		s.aborted.Source, s.aborted.Line = s.where(s.running)
		panic(s.aborted)
	}
}

// spend counts work done in Go against the instructions before the next interrupt.
func (s *State) spend(n int) {
	s.hook.left -= n
	if s.hook.left <= 0 {
		s.hook.left = interruptEvery
		s.poll()
	}
}

// SetInterrupt installs fn, or removes it if nil.
func (s *State) SetInterrupt(fn func() error) { s.interrupt = fn }

// thread takes a thread to run code on.
func (s *State) thread(unbounded bool) *L {
	var t *L
	if n := len(s.idle); n > 0 {
		t = s.idle[n-1]
		s.idle = s.idle[:n-1]
	} else {
		t, _ = s.root.NewThread()
		t.Panic = s.translate
	}
	s.setHook(t, unbounded)
	return t
}

func (s *State) setHook(t *L, unbounded bool) {
	if unbounded || s.line != nil {
		t.SetContext(&s.hook)
	} else if t.Context() != nil {
		t.RemoveContext()
	}
}

const (
	// maxIdle is how many threads are kept for protected calls.
	maxIdle = 8
	// maxThreadCalls is after how many scripts they are replaced: a stack that has
	// grown does not shrink.
	maxThreadCalls = 4096
)

func (s *State) release(t *L) {
	t.SetTop(0)
	if len(s.idle) < maxIdle {
		s.idle = append(s.idle, t)
	}
}

// Call runs fn, made by Compile or by a script, with args and returns its first
// result.
func (s *State) Call(fn *Function, args ...Value) (Value, *Error) {
	unbounded := true
	if c := chunkOf(fn); c != nil {
		c.refresh()
		unbounded = c.unbounded
	}
	t := s.thread(unbounded)
	t.Push(fn)
	for _, a := range args {
		t.Push(a)
	}
	if s.depth == 0 {
		s.aborted, s.coroutine = nil, nil
		s.hook.left = interruptEvery
		if s.line != nil {
			s.hook.left = 1
		}
	}
	if err := s.run(t, len(args), 1); err != nil {
		if s.aborted != nil {
			return Nil, s.aborted
		}
		return Nil, &Error{Value: err.Object, Source: s.errSource, Line: s.errLine}
	}
	v := t.Get(-1)
	s.release(t)
	if s.calls++; s.calls%maxThreadCalls == 0 && s.depth == 0 {
		s.idle = nil
	}
	return v, nil
}

// run calls what is on t's stack. After an error t must be dropped: closures made on
// it may still refer to its registers.
func (s *State) run(t *L, nargs, nret int) (err *glua.ApiError) {
	outer, depth := s.running, s.depth
	s.running = t
	s.depth = depth + 1
	s.outer = append(s.outer, outer)
	calls := len(s.outer) - 1
	defer func() {
		s.running, s.depth, s.outer = outer, depth, s.outer[:calls]
		if r := recover(); r != nil {
			err = s.caught(t, r)
		}
	}()
	t.Call(nargs, nret)
	return nil
}

// UsedMemory estimates the bytes that the interpreter holds: its libraries, threads
// and compiled chunks. What scripts allocate while they run is not in it.
func (s *State) UsedMemory() int64 {
	const libraries = 60 << 10
	const thread = 28 << 10
	return libraries + int64(len(s.idle)+1)*thread + s.alloc
}
