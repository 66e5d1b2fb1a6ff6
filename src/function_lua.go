// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"redport/deps/lua"
	"strings"

	"redport/src/monotonic"
)

// function_lua.go - the engine of FUNCTION and FCALL: loading libraries, and redis.register_function.
//
// While a library is loaded, it sees hardly more than a `redis` table of its own, with register_function in it; the functions
// that it registers see the globals of scripts when they are called.
//
// Counterpart: function_lua.c.

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
	fn, err := e.st.CompileLibrary(string(code), "@user_function")
	if err != nil {
		return errors.New("Error compiling function: " + err.Error())
	}
	server.functions.load = functionsLoad{li: li, startTime: monotonic.Nanotime(), timeout: timeout}
	e.st.SetGlobals(e.library)
	_, failure := e.st.Call(fn)
	e.st.SetGlobals(nil)
	server.functions.load = functionsLoad{}
	li.main = fn
	if failure != nil {
		return errors.New("Error registering functions: " + e.luaExtractErrorInformation(failure).msg)
	}
	return nil
}

// libraryGlobals are the globals of libraries that are being loaded.
func (e *luaEngine) libraryGlobals() *lua.Table {
	api := e.st.NewTable()
	e.st.SetFunction(api, "register_function", e.luaRegisterFunction)
	e.addLogAndVersion(api)
	api.Metatable = e.st.Globals().Metatable // what is not there is an error
	globals := e.st.NewTable()
	globals.RawSetString("redis", e.st.ReadOnly(api))
	return globals
}

// luaRegisterFunction is redis.register_function(name, callback), or with one table of named arguments.
func (e *luaEngine) luaRegisterFunction(L *lua.L) int {
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
	return 0
}

// luaStringOrNumber: numbers count as strings, as they do for C.
func luaStringOrNumber(v lua.Value) (string, bool) {
	switch v.(type) {
	case lua.String, lua.Number:
		return luaToString(v), true
	}
	return "", false
}

func luaRegisterFunctionReadPositionalArgs(nameArg, callback lua.Value) (*functionInfo, string) {
	name, ok := luaStringOrNumber(nameArg)
	if !ok {
		return nil, "first argument to redis.register_function must be a string"
	}
	fn, ok := callback.(*lua.Function)
	if !ok {
		return nil, "second argument to redis.register_function must be a function"
	}
	return &functionInfo{name: name, fn: fn}, ""
}

func luaRegisterFunctionReadNamedArgs(arg lua.Value) (*functionInfo, string) {
	t, ok := arg.(*lua.Table)
	if !ok {
		return nil, "calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments)."
	}
	fi := &functionInfo{}
	named := false
	for key, v := t.Next(lua.Nil); key != lua.Nil; key, v = t.Next(key) {
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
			fn, ok := v.(*lua.Function)
			if !ok {
				return nil, "callback argument given to redis.register_function must be a function"
			}
			fi.fn = fn
		case "flags":
			list, ok := v.(*lua.Table)
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
	if fi.fn == nil {
		return nil, "redis.register_function must get a callback argument"
	}
	return fi, ""
}

func luaRegisterFunctionReadFlags(list *lua.Table) (flags uint64, ok bool) {
	for i := 1; ; i++ {
		v := list.RawGetInt(i)
		if v == lua.Nil {
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
