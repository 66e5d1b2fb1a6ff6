// SPDX-License-Identifier: BSD-3-Clause

package lua

// Compiling: source text to a function, by this package's parser and gopher-lua's
// code generator.

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	glua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

// chunk is what the functions of one source text share. It hangs on each prototype as
// its last constant.
type chunk struct {
	source    string // "@user_script"
	name      string // as messages have it: user_script
	pos       []position
	unbounded bool
	lists     []listConst
}

// listConst is a constant that must follow its list's table.
type listConst struct {
	slot *glua.LValue
	list *list
	gen  int
}

// size is about what C would need for the chunk's code, its constants and line numbers.
func (c *chunk) size(source string) int64 {
	return int64(len(source)) + 24*int64(len(c.pos))
}

func (c *chunk) refresh() {
	for i := range c.lists {
		if l := &c.lists[i]; l.gen != l.list.gen {
			*l.slot = l.list.table
			l.gen = l.list.gen
		}
	}
}

func chunkOf(fn *Function) *chunk {
	if fn.IsG {
		return nil
	}
	k := fn.Proto.Constants
	if u, ok := k[len(k)-1].(*glua.LUserData); ok {
		c, _ := u.Value.(*chunk)
		return c
	}
	return nil
}

// Compile compiles a script whose name follows C's rules for chunk names: "@x" is
// called x in messages. Globals are resolved now.
func (s *State) Compile(source, name string) (*Function, error) {
	return s.compile(source, name, !s.opts.DeprecatedAPI)
}

// CompileLibrary compiles code that looks its globals up when it runs.
func (s *State) CompileLibrary(source, name string) (*Function, error) {
	return s.compile(source, name, false)
}

func (s *State) compile(source, name string, fold bool) (fn *Function, err error) {
	c := &chunk{source: name, name: chunkName(name, nameSize)}
	p := &parser{
		lexer:  lexer{src: source, longName: chunkName(name, syntaxNameSize), line: 1, lastLine: 1},
		st:     s,
		pos:    make([]position, 1),
		lineID: make(map[int]int),
		split:  make(map[int][]int),
		fold:   fold,
		rawLen: strings.Contains(source, "__len"),
	}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(syntaxError)
			if !ok {
				panic(r)
			}
			fn, err = nil, e
		}
	}()
	tree := p.chunkTree()
	proto, cerr := glua.Compile(tree, "")
	if cerr != nil {
		return nil, p.compileError(cerr)
	}
	c.unbounded = p.unbounded
	s.finish(p, proto, c, &glua.LUserData{Value: c})
	c.pos = slices.Clone(p.pos)
	s.alloc += c.size(source)
	return &Function{Env: s.env, Proto: proto, Upvalues: []*glua.Upvalue{}}, nil
}

// Forget takes a compiled function out of the estimate of UsedMemory.
func (s *State) Forget(fn *Function, source string) {
	if c := chunkOf(fn); c != nil {
		s.alloc -= c.size(source)
	}
}

func (p *parser) chunkTree() []ast.Stmt {
	if strings.HasPrefix(p.src, "\x1b") {
		p.fail("bytecode is not allowed", 0)
	}
	p.fn = &funcScope{vararg: true, main: true}
	p.next()
	tree := p.statements()
	if p.tok != tkEOS {
		p.expectedError(tkEOS)
	}
	return tree
}

// compileError words an error of the code generator: its limits are near C's, and C
// has one message for most of them.
func (p *parser) compileError(err error) error {
	line := 0
	var ce *glua.CompileError
	if errors.As(err, &ce) && ce.Line >= 0 && ce.Line < len(p.pos) {
		line = int(p.pos[ce.Line].line)
	}
	return syntaxError(fmt.Sprintf("%s:%d: function or expression too complex near '<eof>'", p.longName, line))
}

// finish puts the constants in that the parser left marks for, and the chunk.
func (s *State) finish(p *parser, main *glua.FunctionProto, c *chunk, tag *glua.LUserData) {
	lists := make(map[int]*list)
	for _, l := range p.lists {
		lists[l.fold] = l.list
	}
	var walk func(proto *glua.FunctionProto)
	walk = func(proto *glua.FunctionProto) {
		proto.Constants = append(slices.Clone(proto.Constants), tag)
		if proto == main || !p.usesArg {
			// Spares a table per call. A main chunk has no arg in C either.
			proto.IsVarArg &^= glua.VarArgNeedsArg
		}
		for i, k := range proto.Constants {
			str, ok := k.(String)
			if !ok || !strings.HasPrefix(string(str), s.marker) {
				continue
			}
			n, err := strconv.Atoi(string(str[len(s.marker):]))
			if err != nil || n >= len(p.folded) {
				continue
			}
			proto.Constants[i] = p.folded[n]
			if l, ok := lists[n]; ok {
				c.lists = append(c.lists, listConst{&proto.Constants[i], l, l.gen})
			}
		}
		// The compiler makes room for functions far larger than most.
		proto.Code = slices.Clone(proto.Code)
		proto.DbgSourcePositions = slices.Clone(proto.DbgSourcePositions)
		p.locate(proto)
		proto.DbgLocals = slices.Clone(proto.DbgLocals)
		proto.DbgUpvalues = slices.Clone(proto.DbgUpvalues)
		proto.FunctionPrototypes = slices.Clone(proto.FunctionPrototypes)
		for _, v := range proto.DbgLocals {
			// A debugger shows a variable from the instruction after its declaration on
			// to the last of its block; the machine's own bounds leave both out.
			v.StartPc--
			v.EndPc++
		}
		proto.DbgCalls = nil // names of calls are taken from positions
		for _, sub := range proto.FunctionPrototypes {
			walk(sub)
		}
	}
	walk(main)
}

// locate gives instructions that share a position those of their own, and notes where what they index is.
func (p *parser) locate(proto *glua.FunctionProto) {
	for pc := 0; pc < len(proto.Code); pc++ {
		inst := proto.Code[pc]
		a, b, c := int(inst>>18)&0xff, int(inst&0x1ff), int(inst>>9)&0x1ff
		id := &proto.DbgSourcePositions[pc]
		op := int(inst >> 26)
		switch op {
		case glua.OP_CLOSURE:
			pc += int(proto.FunctionPrototypes[inst&0x3ffff].NumUpvalues)
			continue
		case glua.OP_SETLIST:
			if c == 0 {
				pc++
			}
			continue
		case glua.OP_SELF, glua.OP_SETTABLE, glua.OP_SETTABLEKS:
			if s := p.split[*id]; len(s) > 0 {
				p.split[*id] = s[1:]
				*id = s[0]
			}
		case glua.OP_GETTABLE, glua.OP_GETTABLEKS:
		default:
			continue
		}
		if pos := &p.pos[*id]; pos.operands != nil {
			if op == glua.OP_SETTABLE || op == glua.OP_SETTABLEKS {
				b = a
			}
			pos.register = int16(b + 1)
		}
	}
}

// Room for the name of a chunk, in messages of the machine and in those of the parser.
const (
	nameSize       = 60
	syntaxNameSize = 80
)

// chunkName is how messages call a chunk.
func chunkName(source string, idSize int) string {
	source = cutPattern(source)
	switch {
	case strings.HasPrefix(source, "="):
		return source[1:min(len(source), idSize)]
	case strings.HasPrefix(source, "@"):
		source = source[1:]
		if limit := idSize - len(" '...' ") - 1; len(source) > limit {
			return "..." + source[len(source)-limit:]
		}
		return source
	}
	line := source
	if i := strings.IndexAny(source, "\n\r"); i >= 0 {
		line = source[:i]
	}
	limit := idSize - len(" [string \"...\"] ") - 1
	if len(line) > limit {
		line = line[:limit]
	}
	if len(line) < len(source) {
		line += "..."
	}
	return "[string \"" + line + "\"]"
}
