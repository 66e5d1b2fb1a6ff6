// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"context"
	"errors"

	glua "github.com/yuin/gopher-lua"
)

// script_lua_engine.go - an interpreter and the client that executes its commands: compiling, calling, and what becomes of errors.

// luaEngine is an interpreter: one for EVAL, one for FCALL.
type luaEngine struct {
	server   *Server
	kind     int
	L        *glua.LState
	client   *client
	argv     [][]byte // scratch: the arguments of a command
	argBuf   []byte   // what they consist of
	replyBuf []byte
	inUse    bool // a command is being executed
	held     int64
	ctx      luaContext
	handler  *glua.LFunction
}

const luaEngineBaseMemory = 32 * 1024

func (server *Server) newLuaEngine(kind int) *luaEngine {
	e := &luaEngine{server: server, kind: kind}
	e.client = server.createClient(nil)
	e.client.flags |= clientScript | clientDenyBlocking
	e.client.buf = make([]byte, 0, protoReplyChunkBytes)
	e.client.authenticated = true
	e.client.user = nil
	e.L = glua.NewState(glua.Options{SkipOpenLibs: true})
	for _, open := range []glua.LGFunction{glua.OpenBase, glua.OpenTable, glua.OpenString, glua.OpenMath, glua.OpenCoroutine} {
		e.L.Push(e.L.NewFunction(open))
		e.L.Call(0, 0)
	}
	for _, name := range []string{"dofile", "loadfile", "print", "module", "require", "_printregs", "newproxy"} {
		e.L.SetGlobal(name, glua.LNil)
	}
	e.L.SetGlobal("redis", e.redisTable())
	e.handler = e.L.NewFunction(e.errorHandler)
	e.ctx = luaContext{Context: context.Background(), e: e}
	e.L.SetContext(&e.ctx)
	return e
}

// luaContext has the interpreter look up from time to time.
type luaContext struct {
	context.Context
	e      *luaEngine
	n      int
	killed <-chan struct{}
	msg    string
}

var closedChan = func() <-chan struct{} { ch := make(chan struct{}); close(ch); return ch }()

func (c *luaContext) Done() <-chan struct{} {
	if c.n++; c.n >= 100000 && c.killed == nil {
		c.n = 0
		c.msg = c.e.interrupt()
		if c.msg != "" {
			c.killed = closedChan
		}
	}
	return c.killed
}

func (c *luaContext) Err() error { return errors.New(c.msg) }

// interrupt tells why what runs must end now; "" if it may go on.
func (e *luaEngine) interrupt() string {
	server := e.server
	switch {
	case server.functions.load.li != nil:
		if server.functions.load.expired() {
			return "FUNCTION LOAD timeout"
		}
	case e.inScript() && !server.ldb.active:
		if server.busyReplyThreshold > 0 && server.scriptInterrupt() || server.stopped {
			server.log(llWarning, "Lua script killed by user with SCRIPT KILL.")
			return "Script killed by user with SCRIPT KILL..."
		}
	}
	return ""
}

func (e *luaEngine) memory() int64 { return luaEngineBaseMemory + e.held }

func (e *luaEngine) remember(fn *glua.LFunction) {}

func (e *luaEngine) forget(fn *glua.LFunction) {}

func (e *luaEngine) forgetLibrary(li *functionLibInfo) {}

func (e *luaEngine) global(name string) glua.LValue { return e.L.GetGlobal(name) }

func (e *luaEngine) load(code []byte, name string) (*glua.LFunction, error) {
	fn, err := e.L.Load(bytes.NewReader(code), name[1:])
	if err != nil {
		return nil, errors.New(err.Error())
	}
	return fn, nil
}

func (e *luaEngine) loadLibrary(code []byte) (*glua.LFunction, error) {
	fn, err := e.load(code, "@user_function")
	if err == nil {
		env := e.L.NewTable()
		env.RawSetString("redis", e.libraryTable())
		e.L.SetFEnv(fn, env)
	}
	return fn, err
}

func (e *luaEngine) errorHandler(L *glua.LState) int {
	v := L.Get(1)
	t, ok := v.(*glua.LTable)
	if !ok {
		t = L.CreateTable(0, 3)
		t.RawSetString("err", glua.LString("ERR "+v.String()))
	}
	for level := 1; level <= 2; level++ {
		frame, ok := L.GetStack(level)
		if !ok {
			break
		}
		if _, err := L.GetInfo("Sl", frame, glua.LNil); err == nil && frame.CurrentLine > 0 {
			t.RawSetString("source", glua.LString("@"+frame.Source))
			t.RawSetString("line", glua.LNumber(frame.CurrentLine))
			break
		}
	}
	L.Push(t)
	return 1
}

func (e *luaEngine) protectedCall(L *glua.LState, fn *glua.LFunction, args ...glua.LValue) (glua.LValue, glua.LValue) {
	if L == e.L {
		e.ctx.killed, e.ctx.n = nil, 0
	}
	L.Push(fn)
	for _, a := range args {
		L.Push(a)
	}
	if err := L.PCall(len(args), 1, e.handler); err != nil {
		var apiErr *glua.ApiError
		if errors.As(err, &apiErr) && apiErr.Object != nil {
			return nil, apiErr.Object
		}
		return nil, glua.LString(err.Error())
	}
	v := L.Get(-1)
	L.Pop(1)
	return v, nil
}

func (e *luaEngine) array(list [][]byte) *glua.LTable {
	t := e.L.CreateTable(len(list), 0)
	for i, s := range list {
		t.RawSetInt(i+1, glua.LString(s))
	}
	return t
}

// callFunction runs a script or function and replies with its result.
func (e *luaEngine) callFunction(fn *glua.LFunction, keys, args [][]byte, debug bool) {
	server := e.server
	c := server.script.originalClient
	var v, failure glua.LValue
	if e.kind == luaEngineEval {
		e.L.SetGlobal("KEYS", e.array(keys))
		e.L.SetGlobal("ARGV", e.array(args))
		v, failure = e.protectedCall(e.L, fn)
	} else {
		v, failure = e.protectedCall(e.L, fn, e.array(keys), e.array(args))
	}
	if debug {
		server.ldb.end()
	}
	if failure == nil {
		e.luaReplyToRedisReply(c, v, 2)
		return
	}
	e.replyError(c, failure)
}

// replyError replies with the error that a script has ended with.
func (e *luaEngine) replyError(c *client, failure glua.LValue) {
	info := luaExtractErrorInformation(failure)
	msg := "-" + info.msg
	if info.source != "" && info.line != "" {
		msg += " script: " + e.server.script.funcname + ", on " + info.source + ":" + info.line + "."
	}
	c.addReplyErrorEx(msg, info.ignoreStats)
}
