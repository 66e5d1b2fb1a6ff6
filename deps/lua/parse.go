// SPDX-License-Identifier: BSD-3-Clause

package lua

// The parser: Lua 5.1's grammar, limits and error texts, read into gopher-lua's
// syntax trees.
//
// While it reads it keeps the scopes of local names, which serve three ends:
//
//   - positions. gopher-lua carries one integer from a syntax node to the
//     instructions made of it and calls it a line. Here it is an index into
//     chunk.pos, which knows the line and how C would name the operands, so that a
//     failing instruction can be reported as "attempt to index local 'x' (a nil
//     value)". The line is that of the last token that C has read when it emits the
//     instruction, which for a field or global is when something needs its value (see
//     discharge). Where one node makes several instructions that fail on lines of
//     their own, finish tells them apart (see parser.split).
//   - constants. A global name whose value can never change (all of them, under
//     C Redis's read-only globals) is compiled as that value: redis.call becomes
//     the load of a constant, not two table lookups.
//   - operators whose result differs in gopher-lua (.., %, ^) become calls of this
//     package's functions.
//
// Counterpart: lparser.c.

import (
	"math"
	"strconv"

	glua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

// Limits of C's compiler.
const (
	maxSyntaxLevels = 200
	maxLocals       = 200
	maxUpvalues     = 60
	// maxOperators bounds the arithmetic operators of one expression; the compiler
	// behind folds constants in quadratic time.
	maxOperators = 8000
)

// nameKind says what C would call the place a value came from.
type nameKind uint8

const (
	noName nameKind = iota
	localName
	globalName
	upvalueName
	fieldName
	methodName
	generatorName // of a for loop: known when it is called, unknown when it cannot be
)

var nameKinds = [...]string{"", "local", "global", "upvalue", "field", "method", ""}

// operand names the origin of a value in error messages.
type operand struct {
	kind nameKind
	name string
}

// String gives "local 'x' (a " or just "a ", the text before the type's name.
func (o operand) before() string {
	if o.kind == noName || o.kind == generatorName {
		return "a "
	}
	return nameKinds[o.kind] + " '" + cutPattern(o.name) + "' (a "
}

func (o operand) after() string {
	if o.kind == noName || o.kind == generatorName {
		return " value"
	}
	return " value)"
}

// position is what an instruction knows of its source.
type position struct {
	line     int32
	operands []operand
	callee   operand // of a method call, whose operand is the receiver
	register int16   // where what is indexed was, plus one
}

// expr is a parsed expression.
type expr struct {
	node       ast.Expr
	operand    operand
	assignable bool
	multi      bool // a call or ..., which may give several values
	call       bool
	pending    bool // a field or global of which C has not yet emitted the load
}

type funcScope struct {
	parent   *funcScope
	locals   []string // active, innermost last
	upvalues []string
	vararg   bool
	main     bool
	line     int
	loops    int // enclosing loops in this function
}

type parser struct {
	lexer
	st        *State
	fn        *funcScope
	depth     int
	operators int
	pos       []position
	lineID    map[int]int // id of the plain position of a line
	// split has the positions of instructions that share a node and its position: of
	// OP_SELF in a method call, and in order those that store the fields of a table.
	split     map[int][]int
	folded    []glua.LValue
	lists     []listSlot
	fold      bool // global names are constants
	usesArg   bool // some variable is called arg
	rawLen    bool // a __len that C would ignore may be about
	unbounded bool // has a loop, a function, or a way to make one at run time
}

// listSlot is a constant that stands for a global list (KEYS, ARGV).
type listSlot struct {
	fold int
	list *list
}

func (p *parser) at(line int, ops ...operand) int {
	named := false
	for _, o := range ops {
		named = named || o.kind != noName
	}
	if !named {
		if id, ok := p.lineID[line]; ok {
			return id
		}
		p.lineID[line] = len(p.pos)
		ops = nil
	}
	p.pos = append(p.pos, position{line: int32(line), operands: ops})
	return len(p.pos) - 1
}

// set gives a node its position.
func set[N ast.PositionHolder](n N, id int) N {
	n.SetLine(id)
	n.SetLastLine(id)
	return n
}

// here is the position of code that C would emit now.
func (p *parser) here(ops ...operand) int { return p.at(p.lastLine, ops...) }

// discharge is where C emits the load of a field or global, if e is one.
func (p *parser) discharge(e *expr) {
	if e.pending {
		e.pending = false
		p.move(e.node, p.lastLine)
	}
}

// move gives a field or global another line.
func (p *parser) move(n ast.Expr, line int) {
	if id := n.Line(); p.pos[id].operands != nil {
		p.pos[id].line = int32(line) // of this node alone
	} else {
		set(n, p.at(line))
	}
}

// own is a position that no other node has.
func (p *parser) own(line int) int {
	p.pos = append(p.pos, position{line: int32(line)})
	return len(p.pos) - 1
}

// --- scopes ---

func (p *parser) enter() {
	p.depth++
	if p.depth > maxSyntaxLevels {
		p.fail("chunk has too many syntax levels", 0)
	}
}

func (p *parser) leave() { p.depth-- }

func (p *parser) limit(n, limit int, what string) {
	if n <= limit {
		return
	}
	if p.fn.line == 0 {
		p.fail("main function has more than "+strconv.Itoa(limit)+" "+what, 0)
	}
	p.fail("function at line "+strconv.Itoa(p.fn.line)+" has more than "+strconv.Itoa(limit)+" "+what, 0)
}

func (p *parser) declare(names ...string) {
	p.fn.locals = append(p.fn.locals, names...)
}

// checkLocals complains as C does when names more are about to be declared.
func (p *parser) checkLocals(more int) {
	p.limit(len(p.fn.locals)+more, maxLocals, "local variables")
}

func (fn *funcScope) has(name string) bool {
	for i := len(fn.locals) - 1; i >= 0; i-- {
		if fn.locals[i] == name {
			return true
		}
	}
	return false
}

// resolve tells what a name is in fn, noting upvalues on the way.
func (p *parser) resolve(fn *funcScope, name string) nameKind {
	if fn == nil {
		return globalName
	}
	if fn.has(name) {
		p.usesArg = p.usesArg || name == "arg"
		return localName
	}
	if p.resolve(fn.parent, name) == globalName {
		return globalName
	}
	for _, u := range fn.upvalues {
		if u == name {
			return upvalueName
		}
	}
	fn.upvalues = append(fn.upvalues, name)
	saved := p.fn
	p.fn = fn
	p.limit(len(fn.upvalues), maxUpvalues, "upvalues")
	p.fn = saved
	return upvalueName
}

// --- tokens ---

func (p *parser) expectedError(t token) {
	p.syntaxError("'" + tokenName(t) + "' expected")
}

func (p *parser) accept(t token) bool {
	if p.tok == t {
		p.next()
		return true
	}
	return false
}

func (p *parser) check(t token) {
	if p.tok != t {
		p.expectedError(t)
	}
}

func (p *parser) expect(t token) {
	p.check(t)
	p.next()
}

func (p *parser) match(what, who token, line int) {
	if p.accept(what) {
		return
	}
	if line == p.line {
		p.expectedError(what)
	}
	p.syntaxError("'" + tokenName(what) + "' expected (to close '" + tokenName(who) + "' at line " + strconv.Itoa(line) + ")")
}

func (p *parser) name() string {
	p.check(tkName)
	s := p.str
	p.next()
	return s
}

// --- constants and calls of our own ---

// constant makes an expression of any value: the compiler is given a string that no
// script can write, which finish replaces.
func (p *parser) constant(v glua.LValue, id int) ast.Expr {
	i := len(p.folded)
	p.folded = append(p.folded, v)
	return set(&ast.StringExpr{Value: p.st.marker + strconv.Itoa(i)}, id)
}

func (p *parser) ownCall(fn *glua.LFunction, id int, args ...ast.Expr) ast.Expr {
	single(args[len(args)-1])
	return set(&ast.FuncCallExpr{Func: p.constant(fn, id), Args: args, AdjustRet: true}, id)
}

// single cuts an expression that may give several values down to one.
func single(e ast.Expr) {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
}

func (p *parser) number(v float64, id int) ast.Expr {
	return set(&ast.NumberExpr{Value: strconv.FormatFloat(v, 'e', -1, 64)}, id)
}

func (p *parser) stringNode(s string, id int) ast.Expr {
	return set(&ast.StringExpr{Value: s}, id)
}

// --- statements ---

func (p *parser) blockEnds() bool {
	switch p.tok {
	case tkElse, tkElseif, tkEnd, tkEOS, tkUntil:
		return true
	}
	return false
}

func (p *parser) statements() []ast.Stmt {
	var list []ast.Stmt
	last := false
	p.enter()
	for !last && !p.blockEnds() {
		var s ast.Stmt
		s, last = p.statement()
		p.accept(';')
		list = append(list, s)
	}
	p.leave()
	return list
}

func (p *parser) block() []ast.Stmt {
	mark := len(p.fn.locals)
	list := p.statements()
	p.fn.locals = p.fn.locals[:mark]
	return list
}

func (p *parser) loopBlock() []ast.Stmt {
	p.fn.loops++
	list := p.block()
	p.fn.loops--
	return list
}

func (p *parser) statement() (s ast.Stmt, last bool) {
	line := p.line
	switch p.tok {
	case tkIf:
		return p.ifStatement(line), false
	case tkWhile:
		p.unbounded = true
		p.next()
		cond := p.one()
		p.expect(tkDo)
		body := p.loopBlock()
		p.match(tkEnd, tkWhile, line)
		st := set(&ast.WhileStmt{Condition: cond, Stmts: body}, p.at(line))
		st.SetLastLine(p.here())
		return st, false
	case tkDo:
		p.next()
		body := p.block()
		p.match(tkEnd, tkDo, line)
		return set(&ast.DoBlockStmt{Stmts: body}, p.at(line)), false
	case tkFor:
		p.unbounded = true
		return p.forStatement(line), false
	case tkRepeat:
		p.unbounded = true
		p.next()
		// The condition sees the block's locals.
		mark := len(p.fn.locals)
		p.fn.loops++
		body := p.statements()
		p.match(tkUntil, tkRepeat, line)
		cond := p.one()
		p.fn.loops--
		p.fn.locals = p.fn.locals[:mark]
		st := set(&ast.RepeatStmt{Condition: cond, Stmts: body}, p.at(line))
		st.SetLastLine(p.here())
		return st, false
	case tkFunction:
		return p.functionStatement(line), false
	case tkLocal:
		p.next()
		if p.accept(tkFunction) {
			return p.localFunction(), false
		}
		return p.localStatement(), false
	case tkReturn:
		return p.returnStatement(), true
	case tkBreak:
		p.next()
		if p.fn.loops == 0 {
			p.syntaxError("no loop to break")
		}
		return set(&ast.BreakStmt{}, p.here()), true
	}
	return p.exprStatement(), false
}

func (p *parser) ifStatement(line int) ast.Stmt {
	p.next() // if or elseif
	cond := p.one()
	st := set(&ast.IfStmt{Condition: cond}, p.here())
	p.expect(tkThen)
	st.Then = p.block()
	switch p.tok {
	case tkElseif:
		st.Else = []ast.Stmt{p.ifStatement(line)}
		return st // the innermost one has read the end
	case tkElse:
		p.next()
		st.Else = p.block()
		if st.Else == nil {
			st.Else = []ast.Stmt{}
		}
	}
	p.match(tkEnd, tkIf, line)
	return st
}

func (p *parser) forStatement(line int) ast.Stmt {
	p.next()
	name := p.name()
	mark := len(p.fn.locals)
	var st ast.Stmt
	switch p.tok {
	case '=':
		p.next()
		bounds := []ast.Expr{p.one()}
		p.expect(',')
		bounds = append(bounds, p.one())
		if p.accept(',') {
			bounds = append(bounds, p.one())
		} else {
			bounds = append(bounds, p.number(1, p.here()))
		}
		p.expect(tkDo)
		before := p.forNumbers(bounds)
		p.checkLocals(4)
		p.declare("(for index)", "(for limit)", "(for step)", name)
		body := p.loopBlock()
		st = set(&ast.NumberForStmt{Name: name, Init: bounds[0], Limit: bounds[1], Step: bounds[2], Stmts: body}, p.at(line))
		if before != nil {
			st = set(&ast.DoBlockStmt{Stmts: []ast.Stmt{before, st}}, p.at(line))
		}
	case ',', tkIn:
		names := []string{name}
		for p.accept(',') {
			names = append(names, p.name())
		}
		p.expect(tkIn)
		inLine := p.line
		exprs := p.exprList()
		p.expect(tkDo)
		p.checkLocals(3 + len(names))
		p.declare("(for generator)", "(for state)", "(for control)")
		p.declare(names...)
		body := p.loopBlock()
		id := p.at(inLine, operand{generatorName, "(for generator)"})
		p.pos[id].callee = p.pos[id].operands[0]
		st = set(&ast.GenericForStmt{Names: names, Exprs: exprs, Stmts: body}, id)
	default:
		p.syntaxError("'=' or 'in' expected")
	}
	p.fn.locals = p.fn.locals[:mark]
	p.match(tkEnd, tkFor, line)
	return st
}

// forNumbers makes the bounds of a loop numbers before the loop sees them: C takes numeric
// strings there. What is a number already, short of a metamethod, goes through. As C looks
// at the bounds when it has all three, those that something might happen after are
// kept in locals, which the statement that it returns declares.
func (p *parser) forNumbers(bounds []ast.Expr) (before ast.Stmt) {
	id := p.here()
	checked, ordered := false, true
	for _, e := range bounds {
		switch e.(type) {
		case *ast.NumberExpr, *ast.StringExpr, *ast.IdentExpr, *ast.NilExpr, *ast.TrueExpr, *ast.FalseExpr:
		default:
			ordered = ordered && !checked
		}
		checked = checked || !isNumber(e)
	}
	if !ordered {
		names := make([]string, len(bounds))
		exprs := make([]ast.Expr, len(bounds))
		for i, e := range bounds {
			single(e)
			names[i] = "(temporary " + strconv.Itoa(i) + ")"
			exprs[i] = e
			bounds[i] = set(&ast.IdentExpr{Value: names[i]}, id)
		}
		before = set(&ast.LocalAssignStmt{Names: names, Exprs: exprs}, id)
	}
	for i, which := range []string{"initial", "limit", "step"} {
		if e := bounds[i]; !isNumber(e) {
			single(e)
			bounds[i] = p.ownCall(p.st.fnForNumber, id, e, p.stringNode(which, id))
		}
	}
	return before
}

func isNumber(e ast.Expr) bool {
	switch e.(type) {
	case *ast.NumberExpr, *ast.ArithmeticOpExpr, *ast.UnaryLenOpExpr:
		return true
	}
	return false
}

func (p *parser) functionStatement(line int) ast.Stmt {
	p.next()
	target := p.variable(p.name())
	method := false
	for p.tok == '.' {
		target = p.field(target)
	}
	if p.tok == ':' {
		method = true
		target = p.field(target)
	}
	if a, ok := target.node.(*ast.AttrGetExpr); ok {
		a.Object = p.inRegister(a.Object)
	}
	fn := p.functionBody(method, line)
	p.move(target.node, line)
	return set(&ast.AssignStmt{Lhs: []ast.Expr{target.node}, Rhs: []ast.Expr{fn}}, p.at(line))
}

func (p *parser) localFunction() ast.Stmt {
	name := p.name()
	p.checkLocals(1)
	p.declare(name)
	fn := p.functionBody(false, p.line)
	return set(&ast.LocalAssignStmt{Names: []string{name}, Exprs: []ast.Expr{fn}}, p.here())
}

func (p *parser) localStatement() ast.Stmt {
	var names []string
	for {
		p.checkLocals(len(names) + 1)
		names = append(names, p.name())
		if !p.accept(',') {
			break
		}
	}
	var exprs []ast.Expr
	if p.accept('=') {
		exprs = p.exprList()
	}
	// A lone function would see the name being declared in gopher-lua; in Lua it does
	// not. A second expression, dropped, keeps the two apart.
	if len(names) == 1 && len(exprs) == 1 {
		if _, ok := exprs[0].(*ast.FunctionExpr); ok {
			exprs = append(exprs, set(&ast.NilExpr{}, p.here()))
		}
	}
	p.declare(names...)
	return set(&ast.LocalAssignStmt{Names: names, Exprs: exprs}, p.here())
}

func (p *parser) returnStatement() ast.Stmt {
	p.next()
	st := &ast.ReturnStmt{}
	if !p.blockEnds() && p.tok != ';' {
		st.Exprs = p.exprList()
	}
	return set(st, p.here())
}

func (p *parser) exprStatement() ast.Stmt {
	line := p.line
	e := p.primary()
	if e.call {
		return set(&ast.FuncCallStmt{Expr: e.node}, p.at(line))
	}
	var targets []ast.Expr
	local := false
	for {
		if !e.assignable {
			p.syntaxError("syntax error")
		}
		if e.operand.kind == localName {
			local = true
		}
		if a, ok := e.node.(*ast.AttrGetExpr); ok {
			a.Object = p.inRegister(a.Object)
		}
		targets = append(targets, e.node)
		if !p.accept(',') {
			break
		}
		p.limit(len(targets), maxSyntaxLevels-p.depth, "variables in assignment")
		e = p.primary()
	}
	p.expect('=')
	exprs := p.exprList()
	id := p.here()
	for _, t := range targets {
		p.move(t, p.lastLine)
	}
	assign := set(&ast.AssignStmt{Lhs: targets, Rhs: exprs}, id)
	if !local {
		return assign
	}
	// gopher-lua assigns to a local as soon as its expression is evaluated, which
	// breaks "a, b = b, a", and computes a call's arguments over the last parameter.
	if len(targets) == 1 && len(exprs) == 1 && !endsInAnd(exprs[0]) {
		switch n := exprs[0].(type) {
		case *ast.FuncCallExpr:
			n.AdjustRet = false // one value is wanted anyhow
		case *ast.Comma3Expr:
			n.AdjustRet = false
		}
		return assign
	}
	temps := make([]string, len(targets))
	assign.Rhs = make([]ast.Expr, len(targets))
	for i := range temps {
		temps[i] = "(temporary " + strconv.Itoa(i) + ")"
		assign.Rhs[i] = set(&ast.IdentExpr{Value: temps[i]}, id)
	}
	return set(&ast.DoBlockStmt{Stmts: []ast.Stmt{
		set(&ast.LocalAssignStmt{Names: temps, Exprs: exprs}, id),
		assign,
	}}, id)
}

// endsInAnd tells whether the left operand of an "and" may be what e gives. gopher-lua forgets to assign it to a variable that exists.
func endsInAnd(e ast.Expr) bool {
	l, ok := e.(*ast.LogicalOpExpr)
	return ok && (l.Operator == "and" || endsInAnd(l.Rhs))
}

// inRegister keeps the compiler from using a constant where an instruction has no
// room for one: as the table of an assignment, or as a key that is no string.
func (p *parser) inRegister(e ast.Expr) ast.Expr {
	switch e.(type) {
	case *ast.StringExpr, *ast.NumberExpr:
		return set(&ast.LogicalOpExpr{Operator: "or", Lhs: e, Rhs: set(&ast.NilExpr{}, e.Line())}, e.Line())
	}
	return e
}

// key makes an expression fit to be a key.
func (p *parser) key(e ast.Expr) ast.Expr {
	single(e)
	switch v := p.folds(e).(type) {
	case nil:
		return e
	case glua.LString:
		return p.stringNode(string(v), e.Line())
	}
	return p.inRegister(e)
}

// --- expressions ---

// list reads expressions. C emits the load of the last one when the caller wants it.
func (p *parser) list() ([]ast.Expr, expr) {
	e := p.expr()
	list := []ast.Expr{e.node}
	for p.accept(',') {
		p.discharge(&e)
		e = p.expr()
		list = append(list, e.node)
	}
	return list, e
}

func (p *parser) exprList() []ast.Expr {
	list, last := p.list()
	p.discharge(&last)
	return list
}

// one is an expression whose value is wanted where it ends.
func (p *parser) one() ast.Expr {
	e := p.expr()
	p.discharge(&e)
	return e.node
}

func (p *parser) variable(name string) expr {
	kind := p.resolve(p.fn, name)
	o := operand{kind, name}
	n := set(&ast.IdentExpr{Value: name}, p.here())
	if kind == globalName {
		p.globalUse(name)
	}
	return expr{node: n, operand: o, assignable: true, pending: kind == globalName}
}

// globalUse notes globals by which a script could get at code that was not read here.
func (p *parser) globalUse(name string) {
	switch name {
	case "load", "loadstring", "_G", "coroutine", "getfenv", "setfenv", "dofile", "loadfile":
		p.unbounded = true
	}
}

// value is the expression read for its value: a global that cannot change becomes a
// constant.
func (p *parser) value(e expr) expr {
	if !p.fold {
		return e
	}
	node := e.node
	switch n := node.(type) {
	case *ast.IdentExpr:
		if e.operand.kind != globalName {
			return e
		}
		if l, ok := p.st.lists[n.Value]; ok {
			e.node = p.constant(l.table, n.Line())
			p.lists = append(p.lists, listSlot{len(p.folded) - 1, l})
		} else if v := p.st.globals.RawGetString(n.Value); foldable(v) {
			e.node = p.constant(v, n.Line())
		}
	case *ast.AttrGetExpr:
		key, ok := n.Key.(*ast.StringExpr)
		if !ok {
			return e
		}
		lib, ok := p.folds(n.Object).(*glua.LTable)
		if !ok {
			return e
		}
		if real := p.st.realTable(lib); real != lib {
			if v := real.RawGetString(key.Value); foldable(v) {
				e.node = p.constant(v, n.Line())
			}
		}
	}
	e.assignable = false
	e.pending = e.pending && e.node == node
	return e
}

// folds gives the value that constant made a node for, or nil.
func (p *parser) folds(n ast.Expr) glua.LValue {
	s, ok := n.(*ast.StringExpr)
	if !ok || len(s.Value) <= len(p.st.marker) || s.Value[:len(p.st.marker)] != p.st.marker {
		return nil
	}
	i, _ := strconv.Atoi(s.Value[len(p.st.marker):])
	return p.folded[i]
}

func foldable(v glua.LValue) bool {
	switch v.(type) {
	case *glua.LFunction, *glua.LTable, glua.LString, glua.LNumber:
		return true
	}
	return false
}

func (p *parser) prefix() expr {
	switch p.tok {
	case '(':
		line := p.line
		p.next()
		e := p.expr()
		p.match(')', '(', line)
		p.discharge(&e)
		single(e.node)
		e.assignable, e.multi, e.call = false, false, false
		return e
	case tkName:
		name := p.str
		p.next()
		return p.variable(name)
	}
	p.syntaxError("unexpected symbol")
	panic("unreachable")
}

// field reads .name or :name.
func (p *parser) field(of expr) expr {
	of = p.value(of)
	p.discharge(&of)
	p.next()
	line := p.line
	key := p.name()
	return p.index(of, p.stringNode(key, p.at(line)), operand{fieldName, key})
}

func (p *parser) index(of expr, key ast.Expr, o operand) expr {
	id := p.here(of.operand)
	return expr{
		node:       set(&ast.AttrGetExpr{Object: of.node, Key: key}, id),
		operand:    o,
		assignable: true,
		pending:    true,
	}
}

func (p *parser) primary() expr {
	e := p.prefix()
	for {
		switch p.tok {
		case '.':
			e = p.field(e)
		case '[':
			e = p.value(e)
			p.discharge(&e)
			p.next()
			k := p.expr()
			p.discharge(&k)
			p.expect(']')
			o := operand{fieldName, "?"}
			if s, ok := k.node.(*ast.StringExpr); ok && p.folds(k.node) == nil {
				o.name = s.Value
			}
			e = p.index(e, p.key(k.node), o)
		case ':':
			e = p.value(e)
			p.next()
			name := p.name()
			p.discharge(&e)
			self := p.here(e.operand)
			line := p.line
			args := p.callArgs()
			id := p.at(line, e.operand, operand{methodName, name})
			p.pos[id].callee = operand{methodName, name}
			p.pos[id].operands = p.pos[id].operands[:1]
			p.split[id] = []int{self}
			single(e.node)
			e = expr{node: set(&ast.FuncCallExpr{Receiver: e.node, Method: name, Args: args}, id), multi: true, call: true}
		case '(', tkString, '{':
			e = p.value(e)
			p.discharge(&e)
			line := p.line
			args := p.callArgs()
			id := p.at(line, e.operand)
			if p.pos[id].operands != nil {
				p.pos[id].callee = e.operand
			}
			single(e.node)
			e = expr{node: set(&ast.FuncCallExpr{Func: e.node, Args: args}, id), multi: true, call: true}
		default:
			return e
		}
	}
}

func (p *parser) callArgs() []ast.Expr {
	switch p.tok {
	case '(':
		line := p.line
		if line != p.lastLine {
			p.syntaxError("ambiguous syntax (function call x new statement)")
		}
		p.next()
		var args []ast.Expr
		var last expr
		if p.tok != ')' {
			args, last = p.list()
		}
		p.match(')', '(', line)
		p.discharge(&last)
		return args
	case '{':
		return []ast.Expr{p.tableConstructor()}
	case tkString:
		n := p.stringNode(p.str, p.here())
		p.next()
		return []ast.Expr{n}
	}
	p.syntaxError("function arguments expected")
	return nil
}

func (p *parser) tableConstructor() ast.Expr {
	line := p.line
	t := &ast.TableExpr{}
	var stores []int // positions of the fields with keys
	var item expr    // the last one without, whose load is yet to come
	p.expect('{')
	for p.tok != '}' {
		p.discharge(&item)
		f := &ast.Field{}
		switch {
		case p.tok == tkName && p.peek() == '=':
			f.Key = p.stringNode(p.str, p.at(p.line))
			p.next()
			p.next()
			f.Value = p.one()
			single(f.Value)
			stores = append(stores, p.here())
		case p.tok == '[':
			p.next()
			f.Key = p.key(p.one())
			p.expect(']')
			p.expect('=')
			f.Value = p.one()
			single(f.Value)
			stores = append(stores, p.here())
		default:
			item = p.expr()
			f.Value = item.node
		}
		t.Fields = append(t.Fields, f)
		if !p.accept(',') && !p.accept(';') {
			break
		}
	}
	p.match('}', '{', line)
	p.discharge(&item)
	if stores == nil {
		return set(t, p.at(line))
	}
	id := p.own(line)
	p.split[id] = stores
	return set(t, id)
}

func (p *parser) functionBody(method bool, line int) ast.Expr {
	p.unbounded = true
	fn := &funcScope{parent: p.fn, line: line}
	p.fn = fn
	list := &ast.ParList{}
	if method {
		list.Names = append(list.Names, "self")
	}
	p.expect('(')
	if p.tok != ')' {
		for {
			if p.tok == tkName {
				list.Names = append(list.Names, p.name())
			} else if p.accept(tkDots) {
				list.HasVargs = true
				break
			} else {
				p.syntaxError("<name> or '...' expected")
			}
			if !p.accept(',') {
				break
			}
		}
	}
	p.checkLocals(len(list.Names))
	p.declare(list.Names...)
	fn.vararg = list.HasVargs
	if fn.vararg {
		p.declare("arg")
	}
	p.expect(')')
	f := &ast.FunctionExpr{ParList: list}
	f.Stmts = p.statements()
	endLine := p.line
	p.match(tkEnd, tkFunction, line)
	p.fn = fn.parent
	f.SetLine(p.at(line))
	f.SetLastLine(p.at(endLine))
	return f
}

func (p *parser) simple() expr {
	id := p.at(p.line)
	var e expr
	switch p.tok {
	case tkNumber:
		e.node = p.number(p.num, id)
	case tkString:
		e.node = p.stringNode(p.str, id)
	case tkNil:
		e.node = set(&ast.NilExpr{}, id)
	case tkTrue:
		e.node = set(&ast.TrueExpr{}, id)
	case tkFalse:
		e.node = set(&ast.FalseExpr{}, id)
	case tkDots:
		if !p.fn.vararg {
			p.syntaxError("cannot use '...' outside a vararg function")
		}
		e.node = set(&ast.Comma3Expr{}, id)
		e.multi = true
	case '{':
		return expr{node: p.tableConstructor()}
	case tkFunction:
		p.next()
		return expr{node: p.functionBody(false, p.line)}
	default:
		return p.value(p.primary())
	}
	p.next()
	return e
}

// binary operators with their priorities to the left and right.
var binaryOps = map[token]struct {
	op          string
	left, right int
}{
	'+': {"+", 6, 6}, '-': {"-", 6, 6}, '*': {"*", 7, 7}, '/': {"/", 7, 7}, '%': {"%", 7, 7},
	'^': {"^", 10, 9}, tkConcat: {"..", 5, 4},
	tkNe: {"~=", 3, 3}, tkEq: {"==", 3, 3}, '<': {"<", 3, 3}, tkLe: {"<=", 3, 3}, '>': {">", 3, 3}, tkGe: {">=", 3, 3},
	tkAnd: {"and", 2, 2}, tkOr: {"or", 1, 1},
}

const unaryPriority = 8

// concatExpr keeps the operands of a chain of .. apart until the chain is complete:
// it associates to the right and is done by one call.
type concatExpr struct {
	ast.NilExpr
	parts    []ast.Expr // in reverse order, as the chain grows to the left
	operands []operand
	line     int // where the last operand ends
}

func (p *parser) expr() expr { return p.whole(p.subexpr(0)) }

// whole turns a complete chain of .. into its call. Each operand takes a register: of a
// very long chain the left end is joined first. (That it associates to the right shows
// with metamethods only.)
func (p *parser) whole(e expr) expr {
	const maxConcat = 100
	c, ok := e.node.(*concatExpr)
	if !ok {
		return e
	}
	for {
		n := min(len(c.parts), maxConcat)
		rest := len(c.parts) - n
		args := make([]ast.Expr, n)
		ops := make([]operand, n)
		for i := range n {
			args[n-1-i], ops[n-1-i] = c.parts[rest+i], c.operands[rest+i]
		}
		call := p.ownCall(p.st.fnConcat, p.at(c.line, ops...), args...)
		if rest == 0 {
			return expr{node: call}
		}
		c.parts = append(c.parts[:rest], call)
		c.operands = append(c.operands[:rest], operand{})
	}
}

func (p *parser) subexpr(limit int) expr {
	p.enter()
	var e expr
	switch p.tok {
	case tkNot:
		p.next()
		o := p.subexpr(unaryPriority)
		p.discharge(&o)
		single(o.node)
		switch p.truth(o.node) {
		case alwaysTrue:
			e = expr{node: set(&ast.FalseExpr{}, p.here())}
		case alwaysFalse:
			e = expr{node: set(&ast.TrueExpr{}, p.here())}
		default:
			e = expr{node: set(&ast.UnaryNotOpExpr{Expr: o.node}, p.here())}
		}
	case '-':
		p.next()
		o := p.subexpr(unaryPriority)
		p.discharge(&o)
		single(o.node)
		id := p.here(o.operand)
		if n, ok := o.node.(*ast.NumberExpr); ok {
			v, _ := strconv.ParseFloat(n.Value, 64)
			e = expr{node: p.number(-v, id)}
		} else {
			e = expr{node: set(&ast.UnaryMinusOpExpr{Expr: o.node}, id)}
		}
	case '#':
		p.next()
		o := p.subexpr(unaryPriority)
		p.discharge(&o)
		single(o.node)
		id := p.here(o.operand)
		if p.rawLen {
			e = expr{node: p.ownCall(p.st.fnLen, id, o.node)}
		} else {
			e = expr{node: set(&ast.UnaryLenOpExpr{Expr: o.node}, id)}
		}
	default:
		e = p.simple()
	}
	for {
		op, ok := binaryOps[p.tok]
		if !ok || op.left <= limit {
			break
		}
		e = p.whole(e)
		p.next()
		p.discharge(&e)
		rhs := p.subexpr(op.right)
		p.discharge(&rhs)
		if op.op == ".." {
			e = p.concat(e, rhs)
		} else {
			e = p.binary(op.op, e, p.whole(rhs))
		}
	}
	p.leave()
	return e
}

// truth is what C knows of a constant in a condition.
type truth uint8

const (
	unknown truth = iota
	alwaysTrue
	alwaysFalse
)

func (p *parser) truth(n ast.Expr) truth {
	switch n.(type) {
	case *ast.NilExpr, *ast.FalseExpr:
		return alwaysFalse
	case *ast.TrueExpr, *ast.NumberExpr:
		return alwaysTrue
	case *ast.StringExpr:
		if p.folds(n) == nil {
			return alwaysTrue
		}
	}
	return unknown
}

// foldArithmetic is the result of an operator on two constants, where C computes it when it compiles: zeros of either sign are one constant there,
// so whether it does shows.
func foldArithmetic(op string, x, y ast.Expr) (float64, bool) {
	a, ok1 := x.(*ast.NumberExpr)
	b, ok2 := y.(*ast.NumberExpr)
	if !ok1 || !ok2 {
		return 0, false
	}
	v, _ := strconv.ParseFloat(a.Value, 64)
	w, _ := strconv.ParseFloat(b.Value, 64)
	switch op {
	case "+":
		v += w
	case "-":
		v -= w
	case "*":
		v *= w
	case "/":
		v /= w
	case "%":
		v = modulo(v, w)
	case "^":
		v = power(v, w)
	}
	if w == 0 && (op == "/" || op == "%") || math.IsNaN(v) {
		return 0, false
	}
	return v, true
}

func (p *parser) concat(a, b expr) expr {
	c, ok := b.node.(*concatExpr)
	if !ok {
		single(b.node)
		c = &concatExpr{parts: []ast.Expr{b.node}, operands: []operand{b.operand}, line: p.lastLine}
		if inner, ok := b.node.(*ast.FuncCallExpr); ok && p.folds(inner.Func) == glua.LValue(p.st.fnConcat) {
			c.line = int(p.pos[inner.Line()].line) // a chain in parentheses goes on
		}
	}
	single(a.node)
	c.parts = append(c.parts, a.node)
	c.operands = append(c.operands, a.operand)
	return expr{node: c}
}

func (p *parser) binary(op string, a, b expr) expr {
	single(a.node)
	single(b.node)
	switch op {
	case "and", "or":
		if t := p.truth(a.node); t == alwaysTrue && op == "and" || t == alwaysFalse && op == "or" {
			return expr{node: b.node, operand: b.operand}
		}
		return expr{node: set(&ast.LogicalOpExpr{Operator: op, Lhs: a.node, Rhs: b.node}, p.here())}
	case "==", "~=", "<", "<=", ">", ">=":
		return expr{node: set(&ast.RelationalOpExpr{Operator: op, Lhs: a.node, Rhs: b.node}, p.here())}
	}
	if v, ok := foldArithmetic(op, a.node, b.node); ok {
		return expr{node: p.number(v, p.here())}
	}
	p.operators++
	if p.operators > maxOperators {
		p.fail("function or expression too complex", 0)
	}
	id := p.here(a.operand, b.operand)
	if _, ok := b.node.(*ast.NumberExpr); ok {
		if _, ok := a.node.(*ast.NumberExpr); ok {
			a.node = p.inRegister(a.node) // keeps the compiler from folding what C does not
		}
	}
	switch op {
	case "%":
		return expr{node: p.ownCall(p.st.fnMod, id, a.node, b.node)}
	case "^":
		return expr{node: p.ownCall(p.st.fnPow, id, a.node, b.node)}
	}
	return expr{node: set(&ast.ArithmeticOpExpr{Operator: op, Lhs: a.node, Rhs: b.node}, id)}
}
