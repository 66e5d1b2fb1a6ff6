// SPDX-License-Identifier: BSD-3-Clause

package lua

// What a debugger needs: a call before each new line, the stack and the local
// variables.
//
// Counterpart: ldebug.c and the line hook of ldo.c.

import "strings"

// Frame is a Lua function that is running.
type Frame struct {
	Level  int
	Source string // "@user_script"
	Name   string // the function's, as its caller calls it; "" for a main chunk
	Line   int
}

// Local is a local variable.
type Local struct {
	Name  string
	Value Value
}

// SetLineHook makes fn run before each line of Lua code that execution reaches, or
// removes it if nil. Code that runs already without hook is not traced. It may look at
// the stack, call Abort, or evaluate code with Call.
func (s *State) SetLineHook(fn func(l *L, d *Frame)) {
	s.line = fn
	s.lines, s.lineThread = nil, nil
}

// lineMark is the line that a running function is at. A function that another has called goes on where it was.
type lineMark struct {
	fn   *Function
	line int
}

// reached notes that execution is at a line, and tells whether it was not there before.
func (s *State) reached(l *L, fn *Function, line int) bool {
	if l != s.lineThread {
		s.lines, s.lineThread = s.lines[:0], l
	}
	depth := stackDepth(l)
	if len(s.lines) > depth {
		s.lines = s.lines[:depth]
	}
	for len(s.lines) < depth {
		s.lines = append(s.lines, lineMark{})
	}
	mark := &s.lines[depth-1]
	if mark.fn == fn && mark.line == line {
		return false
	}
	*mark = lineMark{fn, line}
	return true
}

// traceLine runs the line hook if the next instruction begins another line.
func (s *State) traceLine() {
	l := s.running
	fn, id, ok := frameAt(l, 0)
	if !ok || fn.IsG {
		return
	}
	c := chunkOf(fn)
	if c == nil || id <= 0 || id >= len(c.pos) {
		return
	}
	line := int(c.pos[id].line)
	if !s.reached(l, fn, line) {
		return
	}
	hook := s.line
	s.line = nil // what the hook runs is not traced
	hook(l, &Frame{Source: c.source, Name: frameName(l, 0), Line: line})
	if s.line == nil && !s.lineOff {
		s.line = hook
	}
	s.lineOff = false
}

// StopTracing removes the line hook from within it.
func (s *State) StopTracing() { s.line, s.lineOff = nil, true }

// Abort ends the running script with an error that no pcall catches. Only the line
// hook and Go functions may call it; it does not return.
func (s *State) Abort(cause error) {
	s.aborted = &Error{Value: String(cause.Error()), Aborted: true, Cause: cause}
	s.aborted.Source, s.aborted.Line = s.where(s.running)
	panic(s.aborted)
}

// Running is the thread of the running script, or nil.
func (s *State) Running() *L { return s.running }

func frameName(l *L, level int) string {
	if _, p := framePosition(l, level+1); p != nil {
		return p.callee.name
	}
	return ""
}

// Frames lists the Lua functions on the stack of l, the innermost first.
func (s *State) Frames(l *L) []Frame {
	var list []Frame
	for level := range maxCalls {
		if _, ok := l.GetStack(level); !ok {
			break
		}
		if c, p := framePosition(l, level); c != nil {
			list = append(list, Frame{level, c.source, frameName(l, level), int(p.line)})
		}
	}
	return list
}

// Locals lists the variables that are visible in a function of l's stack, in the order
// of their declaration.
func (s *State) Locals(l *L, level int) []Local {
	d, ok := l.GetStack(level)
	if !ok {
		return nil
	}
	if fn, _, ok := frameAt(l, level); ok && !fn.IsG {
		// gopher-lua counts a variable from the second instruction of its scope on, but a line may stop at the first.
		for _, v := range fn.Proto.DbgLocals {
			v.StartPc--
			defer func() { v.StartPc++ }()
		}
	}
	var list []Local
	for i := 1; ; i++ {
		name, v := l.GetLocal(d, i)
		if name == "" || strings.HasPrefix(name, "(*") {
			return list
		}
		if !strings.HasPrefix(name, "(") {
			list = append(list, Local{name, v})
		}
	}
}

// Local finds the innermost variable of a name in the functions of l's stack.
func (s *State) Local(l *L, name string) (Value, bool) {
	for level := range maxCalls {
		if _, ok := l.GetStack(level); !ok {
			return Nil, false
		}
		if fn, _, ok := frameAt(l, level); !ok || fn.IsG {
			continue
		}
		locals := s.Locals(l, level)
		for i := len(locals) - 1; i >= 0; i-- {
			if locals[i].Name == name {
				return locals[i].Value, true
			}
		}
	}
	return Nil, false
}
