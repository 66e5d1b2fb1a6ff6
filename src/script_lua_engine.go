// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"

	"redport/deps/lua"
)

// script_lua_engine.go - an interpreter and the client that executes its commands: compiling, calling, and what becomes of errors.

// luaEngine is an interpreter: one for EVAL, one for FCALL.
type luaEngine struct {
	server   *Server
	kind     int
	st       *lua.State
	client   *client
	argv     [][]byte // scratch: the arguments of a command
	argBuf   []byte   // what they consist of
	replyBuf []byte
	inUse    bool       // a command is being executed
	base     int64      // what an interpreter holds that has nothing to do yet
	library  *lua.Table // the globals of libraries that are being loaded
}

// luaScriptSource names the code of scripts in messages.
const luaScriptSource = "@user_script"

// luaEngineBaseMemory stands for what an interpreter holds when it is new: its libraries and threads.
const luaEngineBaseMemory = 32 * 1024

func (server *Server) newLuaEngine(kind int) *luaEngine {
	e := &luaEngine{server: server, kind: kind}
	e.client = server.createClient(nil)
	e.client.flags |= clientScript | clientDenyBlocking
	e.client.buf = make([]byte, 0, protoReplyChunkBytes)
	e.client.authenticated = true
	e.client.user = nil
	if server.luaRandom == nil {
		server.luaRandom = lua.NewRandom()
	}
	e.st = lua.New(lua.Options{DeprecatedAPI: server.luaEnableDeprecatedAPI, Random: server.luaRandom})
	e.st.SetGlobal("redis", e.st.ReadOnly(e.redisTable()))
	e.st.SetInterrupt(e.interrupt)
	if kind == luaEngineFunctions {
		e.library = e.libraryGlobals()
	}
	e.base = e.st.UsedMemory()
	return e
}

// memory is about what the interpreter holds: code, above all. Values of running scripts are not counted.
func (e *luaEngine) memory() int64 { return luaEngineBaseMemory + e.st.UsedMemory() - e.base }

// load compiles a script.
func (e *luaEngine) load(code []byte, name string) (*lua.Function, error) {
	return e.st.Compile(string(code), name)
}

// forget takes a compiled script out of the account.
func (e *luaEngine) forget(fn *lua.Function, code string) { e.st.Forget(fn, code) }

var (
	errScriptKilled = errors.New("Script killed by user with SCRIPT KILL...")
	errLoadTimeout  = errors.New("FUNCTION LOAD timeout")
)

// interrupt is called now and then while code runs that may run for long. An error ends it.
func (e *luaEngine) interrupt() error {
	server := e.server
	switch {
	case server.functions.load.li != nil:
		if server.functions.load.expired() {
			return errLoadTimeout
		}
	case e.inScript() && !server.ldb.active:
		if server.busyReplyThreshold > 0 && server.scriptInterrupt() || server.stopped {
			server.log(llWarning, "Lua script killed by user with SCRIPT KILL.")
			return errScriptKilled
		}
	case e.inScript():
		if server.ldb.fork != nil && server.ldb.fork.job.check() != nil {
			return errScriptKilled
		}
		e.ldbCount()
	}
	return nil
}

// callFunction runs a script or function and replies with its result.
func (e *luaEngine) callFunction(fn *lua.Function, keys, args [][]byte) {
	server := e.server
	c := server.script.originalClient
	var v lua.Value
	var failure *lua.Error
	debug := server.ldb.active
	if debug {
		e.st.SetLineHook(e.luaLdbLine)
	}
	if e.kind == luaEngineEval {
		e.st.SetList("KEYS", keys)
		e.st.SetList("ARGV", args)
		v, failure = e.st.Call(fn)
	} else {
		// A library may keep its functions' arguments, so these tables are used once.
		v, failure = e.st.Call(fn, e.array(keys), e.array(args))
	}
	if debug {
		e.st.SetLineHook(nil)
		server.ldb.end()
	}
	if failure == nil {
		e.luaReplyToRedisReply(c, v, 2)
		return
	}
	info := e.luaExtractErrorInformation(failure)
	msg := "-" + info.msg
	if info.source != "" {
		msg += " script: " + server.script.funcname + ", on " + info.source + ":" + info.line + "."
	}
	c.addReplyErrorEx(msg, info.ignoreStats)
}

func (e *luaEngine) array(list [][]byte) *lua.Table {
	t := e.st.NewTableSize(len(list), 0)
	for i, s := range list {
		t.RawSetInt(i+1, lua.String(s))
	}
	return t
}

// forgetLibrary takes a library out of the account.
func (e *luaEngine) forgetLibrary(li *functionLibInfo) {
	if li.main != nil {
		e.st.Forget(li.main, li.code)
		li.main = nil
	}
}
