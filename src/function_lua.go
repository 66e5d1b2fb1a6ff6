// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"strings"

	glua "github.com/yuin/gopher-lua"

	"redport/src/monotonic"
)

// function_lua.go - the engine of FUNCTION and FCALL: loading libraries, and redis.register_function.
//
// While a library is loaded, it sees hardly more than a `redis` table of its own, with register_function in it; the functions
// that it registers see the globals of scripts when they are called.
//
// Counterpart: function_lua.c.

// luaFunction is a registered function as the interpreter knows it.
type luaFunction struct {
	fn *glua.LFunction
}

// functionsLoad is the library that is being loaded.
type functionsLoad struct {
	li        *functionLibInfo // nil: none
	startTime int64            // monotonic ns
	timeout   int64            // ms; 0: none
}

// expired tells whether the library takes longer than it may.
func (l *functionsLoad) expired() bool {
	return l.timeout > 0 && (monotonic.Nanotime()-l.startTime)/1e6 > l.timeout
}

// luaEngineCreate runs a library's code, which registers functions in li.
func (server *Server) luaEngineCreate(li *functionLibInfo, code []byte, timeout int64) error {
	e := server.functions.engine
	fn, err := e.loadLibrary(code)
	if err != nil {
		return errors.New("Error compiling function: " + err.Error())
	}
	server.functions.load = functionsLoad{li: li, startTime: monotonic.Nanotime(), timeout: timeout}
	_, failure := e.protectedCall(e.L, fn)
	server.functions.load = functionsLoad{}
	if failure != nil {
		return errors.New("Error registering functions: " + luaExtractErrorInformation(failure).msg)
	}
	return nil
}

// libraryTable is what a library sees as `redis` while it is loaded.
func (e *luaEngine) libraryTable() *glua.LTable {
	t := e.L.NewTable()
	t.RawSetString("register_function", e.L.NewFunction(e.luaRegisterFunction))
	e.addLogAndVersion(t)
	return t
}

// luaRegisterFunction is redis.register_function(name, callback), or with one table of named arguments.
func (e *luaEngine) luaRegisterFunction(L *glua.LState) int {
	li := e.server.functions.load.li
	if li == nil {
		return e.raise(L, "redis.register_function can only be called on FUNCTION LOAD command")
	}
	var fi *functionInfo
	var msg string
	switch L.GetTop() {
	case 1:
		fi, msg = luaRegisterFunctionReadNamedArgs(L.Get(1))
	case 2:
		fi, msg = luaRegisterFunctionReadPositionalArgs(L.Get(1), L.Get(2))
	default:
		msg = "wrong number of arguments to redis.register_function"
	}
	if msg != "" {
		return e.raise(L, msg)
	}
	if err := functionLibCreateFunction(li, fi); err != nil {
		return e.raise(L, err.Error())
	}
	e.remember(fi.function.fn)
	return 0
}

// luaStringOrNumber: numbers count as strings, as they do for C.
func luaStringOrNumber(v glua.LValue) (string, bool) {
	switch v.(type) {
	case glua.LString, glua.LNumber:
		return glua.LVAsString(v), true
	}
	return "", false
}

func luaRegisterFunctionReadPositionalArgs(nameArg, callback glua.LValue) (*functionInfo, string) {
	name, ok := luaStringOrNumber(nameArg)
	if !ok {
		return nil, "first argument to redis.register_function must be a string"
	}
	fn, ok := callback.(*glua.LFunction)
	if !ok {
		return nil, "second argument to redis.register_function must be a function"
	}
	return &functionInfo{name: name, function: &luaFunction{fn: fn}}, ""
}

func luaRegisterFunctionReadNamedArgs(arg glua.LValue) (*functionInfo, string) {
	t, ok := arg.(*glua.LTable)
	if !ok {
		return nil, "calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments)."
	}
	fi := &functionInfo{}
	named := false
	for key, v := t.Next(glua.LNil); key != glua.LNil; key, v = t.Next(key) {
		name, ok := luaStringOrNumber(key)
		if !ok {
			return nil, "named argument key given to redis.register_function is not a string"
		}
		switch strings.ToLower(luaCString(name)) {
		case "function_name":
			if fi.name, ok = luaStringOrNumber(v); !ok {
				return nil, "function_name argument given to redis.register_function must be a string"
			}
			named = true
		case "description":
			if fi.desc, ok = luaStringOrNumber(v); !ok {
				return nil, "description argument given to redis.register_function must be a string"
			}
			fi.hasDesc = true
		case "callback":
			fn, ok := v.(*glua.LFunction)
			if !ok {
				return nil, "callback argument given to redis.register_function must be a function"
			}
			fi.function = &luaFunction{fn: fn}
		case "flags":
			list, ok := v.(*glua.LTable)
			if !ok {
				return nil, "flags argument to redis.register_function must be a table representing function flags"
			}
			if fi.flags, ok = luaRegisterFunctionReadFlags(list); !ok {
				return nil, "unknown flag given"
			}
		default:
			return nil, "unknown argument given to redis.register_function"
		}
	}
	if !named {
		return nil, "redis.register_function must get a function name argument"
	}
	if fi.function == nil {
		return nil, "redis.register_function must get a callback argument"
	}
	return fi, ""
}

func luaRegisterFunctionReadFlags(list *glua.LTable) (flags uint64, ok bool) {
	for i := 1; ; i++ {
		v := list.RawGetInt(i)
		if v == glua.LNil {
			return flags, true
		}
		name, ok := luaStringOrNumber(v)
		if !ok {
			return 0, false
		}
		flag := uint64(0)
		for _, def := range scriptFlagsDef {
			if strings.EqualFold(def.name, luaCString(name)) {
				flag = def.flag
			}
		}
		if flag == 0 {
			return 0, false
		}
		flags |= flag
	}
}
