// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math"
	"strconv"
	"strings"

	glua "github.com/yuin/gopher-lua"

	"redport/src/util"
)

// script_lua.go - what the interpreters of EVAL and of FCALL share: the `redis` table, and values on their way between Lua and
// the protocol.
//
// Into Lua: a command of a script replies into the buffers of the engine's client, and what is there becomes a Lua value
// (respToLua). Out of Lua: what the script returns is written as a reply to its caller (luaReplyToRedisReply). Arguments
// of redis.call are copied to a scratch buffer: commands may do with it what they may do with an input buffer.
//
// Errors are tables with a field `err`, "CODE message", as redis.pcall returns them and redis.call raises them.
//
// Counterpart: script_lua.c.

// The kinds of engines.
const (
	luaEngineEval = iota
	luaEngineFunctions
)

// luaStackLimit is how many values C Lua's stack of C functions holds, which bounds the nesting of what a script may return.
const luaStackLimit = 8000

// --- Replies of commands, as Lua values ---

// respToLua reads a reply that the server itself has produced, so it is known to be well formed.
type respToLua struct {
	L   *glua.LState
	b   []byte
	pos int
}

// line returns what is between the type byte and the end of the line, and goes behind it.
func (p *respToLua) line() []byte {
	start := p.pos + 1
	i := start
	for p.b[i] != '\r' {
		i++
	}
	p.pos = i + 2
	return p.b[start:i]
}

func (p *respToLua) length() int {
	n, _ := util.String2ll(p.line())
	return int(n)
}

func (p *respToLua) bytes(n int) []byte {
	s := p.b[p.pos : p.pos+n]
	p.pos += n + 2
	return s
}

// value reads one value. RESP2's nulls are false, RESP3's is nil.
func (p *respToLua) value() glua.LValue {
	switch kind := p.b[p.pos]; kind {
	case ':':
		n, _ := util.String2ll(p.line())
		return glua.LNumber(n)
	case '$':
		n := p.length()
		if n < 0 {
			return glua.LFalse
		}
		return glua.LString(p.bytes(n))
	case '+':
		t := p.L.CreateTable(0, 1)
		t.RawSetString("ok", glua.LString(p.line()))
		return t
	case '-':
		t := luaErrorTable(p.L, "-"+string(p.line()))
		t.RawSetString("ignore_error_stats_update", glua.LTrue)
		return t
	case '*':
		n := p.length()
		if n < 0 {
			return glua.LFalse
		}
		t := p.L.CreateTable(n, 0)
		for i := 1; i <= n; i++ {
			t.RawSetInt(i, p.value())
		}
		return t
	case '%':
		n := p.length()
		m := p.L.CreateTable(0, n)
		for range n {
			key := p.value()
			if value := p.value(); key != glua.LNil {
				m.RawSet(key, value)
			}
		}
		return p.single("map", m)
	case '~':
		n := p.length()
		m := p.L.CreateTable(0, n)
		for range n {
			if key := p.value(); key != glua.LNil {
				m.RawSet(key, glua.LTrue)
			}
		}
		return p.single("set", m)
	case '_':
		p.line()
		return glua.LNil
	case '#':
		return glua.LBool(p.line()[0] == 't')
	case ',':
		d, _ := util.String2d(p.line())
		return p.single("double", glua.LNumber(d))
	case '(':
		return p.single("big_number", glua.LString(p.line()))
	case '=':
		s := p.bytes(p.length())
		v := p.L.CreateTable(0, 2)
		v.RawSetString("string", glua.LString(s[4:]))
		v.RawSetString("format", glua.LString(s[:3]))
		return p.single("verbatim_string", v)
	case '|':
		// Attributes are not shown to scripts.
		for range 2 * p.length() {
			p.value()
		}
		return p.value()
	default:
		panic("script: a reply of type " + strconv.Quote(string(kind)))
	}
}

func (p *respToLua) single(name string, v glua.LValue) *glua.LTable {
	t := p.L.CreateTable(0, 1)
	t.RawSetString(name, v)
	return t
}

// luaErrorTable makes an error of a text: "-CODE message", or a message alone, which gets the code ERR (C: luaPushErrorBuff).
func luaErrorTable(L *glua.LState, text string) *glua.LTable {
	code := "ERR"
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		text = rest
		if c, msg, found := strings.Cut(rest, " "); found {
			code, text = c, msg
		}
	}
	if i := strings.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	t := L.CreateTable(0, 2)
	t.RawSetString("err", glua.LString(code+" "+strings.Trim(text, "\r\n")))
	return t
}

// --- Lua values, as replies ---

// luaReplyToRedisReply replies with a value that a script has returned. depth is how many values C Lua's stack would hold at this
// point; beyond luaStackLimit there is an error in the place of the value.
func (e *luaEngine) luaReplyToRedisReply(c *client, v glua.LValue, depth int) {
	if depth+4 > luaStackLimit {
		c.addReplyError("reached lua stack limit")
		return
	}
	switch v := v.(type) {
	case glua.LString:
		c.addReplyBulkString(string(v))
	case glua.LNumber:
		c.addReplyLongLong(luaToLongLong(float64(v)))
	case glua.LBool:
		switch {
		case e.client.resp != 2:
			c.addReplyBool(bool(v))
		case bool(v):
			c.addReply(shared.cone)
		default:
			c.addReplyNull()
		}
	case *glua.LTable:
		e.luaTableToRedisReply(c, v, depth)
	default:
		c.addReplyNull()
	}
}

// luaToLongLong converts as C does on x86-64: towards zero, and to the lowest number where it does not fit.
func luaToLongLong(f float64) int64 {
	if f >= -0x1p63 && f < 0x1p63 {
		return int64(f)
	}
	return math.MinInt64
}

// luaTableToRedisReply: a table with one of some names in it is a reply of that type, any other is an array.
func (e *luaEngine) luaTableToRedisReply(c *client, t *glua.LTable, depth int) {
	if next, _ := t.Next(glua.LNil); next != glua.LNil {
		if _, isArray := next.(glua.LNumber); !isArray || !e.arrayOnly(t) {
			if e.luaNamedTableToRedisReply(c, t, depth) {
				return
			}
		}
	}
	n := 0
	for t.RawGetInt(n+1) != glua.LNil {
		n++
	}
	c.addReplyArrayLen(n)
	for i := 1; i <= n; i++ {
		e.luaReplyToRedisReply(c, t.RawGetInt(i), depth+1)
	}
}

// arrayOnly tells whether nothing is in the table but what its array part holds.
func (e *luaEngine) arrayOnly(t *glua.LTable) bool {
	next, _ := t.Next(glua.LNumber(t.MaxN()))
	return next == glua.LNil
}

func (e *luaEngine) luaNamedTableToRedisReply(c *client, t *glua.LTable, depth int) bool {
	if _, ok := luaString(t.RawGetString("err")); ok {
		info := luaExtractErrorInformation(t)
		c.addReplyErrorEx("-"+info.msg, info.ignoreStats)
		return true
	}
	if s, ok := luaString(t.RawGetString("ok")); ok {
		c.addReplyStatus(luaOneLine(s))
		return true
	}
	if d, ok := t.RawGetString("double").(glua.LNumber); ok {
		c.addReplyDouble(float64(d))
		return true
	}
	if s, ok := luaString(t.RawGetString("big_number")); ok {
		c.addReplyBigNum(luaOneLine(s))
		return true
	}
	if v, ok := t.RawGetString("verbatim_string").(*glua.LTable); ok {
		format, ok1 := luaString(v.RawGetString("format"))
		s, ok2 := luaString(v.RawGetString("string"))
		if ok1 && ok2 {
			c.addReplyVerbatim([]byte(s), luaOneLine(format))
			return true
		}
	}
	if m, ok := t.RawGetString("map").(*glua.LTable); ok {
		n := 0
		length := c.addReplyDeferredLen()
		for key, v := m.Next(glua.LNil); key != glua.LNil; key, v = m.Next(key) {
			e.luaReplyToRedisReply(c, key, depth+4)
			e.luaReplyToRedisReply(c, v, depth+3)
			n++
		}
		c.setDeferredMapLen(length, n)
		return true
	}
	if m, ok := t.RawGetString("set").(*glua.LTable); ok {
		n := 0
		length := c.addReplyDeferredLen()
		for key, _ := m.Next(glua.LNil); key != glua.LNil; key, _ = m.Next(key) {
			e.luaReplyToRedisReply(c, key, depth+3)
			n++
		}
		c.setDeferredSetLen(length, n)
		return true
	}
	return false
}

// luaString returns a string's bytes. Numbers are none.
func luaString(v glua.LValue) (string, bool) {
	s, ok := v.(glua.LString)
	return string(s), ok
}

// luaOneLine makes of a text one that a line of the protocol can hold: C's strings end at a NUL, and lines at CR and LF.
func luaOneLine(s string) string {
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	if strings.ContainsAny(s, "\r\n") {
		s = strings.NewReplacer("\r", " ", "\n", " ").Replace(s)
	}
	return s
}

// luaErrorInfo is what an error's table says.
type luaErrorInfo struct {
	msg         string
	source      string
	line        string
	ignoreStats bool // it has been counted already
}

// luaExtractErrorInformation reads an error that a script has ended with, or returned.
func luaExtractErrorInformation(v glua.LValue) (info luaErrorInfo) {
	t, ok := v.(*glua.LTable)
	if !ok {
		info.msg = "ERR " + luaCString(glua.LVAsString(v))
		return info
	}
	text := func(name string) string { return luaCString(glua.LVAsString(t.RawGetString(name))) }
	info.msg = text("err")
	info.source, info.line = text("source"), text("line")
	if t.RawGetString("err") == glua.LNil {
		info.msg = "ERR unknown error"
	}
	info.ignoreStats = t.RawGetString("ignore_error_stats_update") == glua.LTrue
	return info
}

func luaCString(s string) string {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return s[:i]
	}
	return s
}

// --- redis.call ---

// luaArgsToRedisArgv makes the arguments on the Lua stack those of the engine's client; or returns what is wrong with them.
func (e *luaEngine) luaArgsToRedisArgv(L *glua.LState) ([][]byte, string) {
	n := L.GetTop()
	if n == 0 {
		return nil, "Please specify at least one argument for this redis lib call"
	}
	argv, buf := e.argv[:0], e.argBuf[:0]
	for i := 1; i <= n; i++ {
		start := len(buf)
		switch v := L.Get(i).(type) {
		case glua.LString:
			buf = append(buf, v...)
		case glua.LNumber:
			buf = appendLuaNumber(buf, float64(v))
		default:
			return nil, "Lua redis lib command arguments must be strings or integers"
		}
		// The buffer may move when it grows, but what has been written to the old one stays.
		argv = append(argv, buf[start:len(buf):len(buf)])
	}
	e.argv, e.argBuf = argv, buf
	return argv, ""
}

// appendLuaNumber writes a number without losing precision.
func appendLuaNumber(b []byte, f float64) []byte {
	if n := int64(f); f > -1<<53 && f < 1<<53 && float64(n) == f {
		return strconv.AppendInt(b, n, 10)
	}
	switch {
	case math.IsInf(f, 1):
		return append(b, "inf"...)
	case math.IsInf(f, -1):
		return append(b, "-inf"...)
	case math.IsNaN(f):
		if math.Signbit(f) {
			return append(b, "-nan"...)
		}
		return append(b, "nan"...)
	}
	return util.AppendDouble(b, f)
}

const luaNotInScript = " can only be called inside a script invocation"

// inScript tells whether the engine runs a script, not just the loading of a library.
func (e *luaEngine) inScript() bool { return e.server.script.running && e.server.script.c == e.client }

// luaRedisGenericCommand is redis.call, which raises errors, and redis.pcall, which returns them.
func (e *luaEngine) luaRedisGenericCommand(L *glua.LState, raise bool) int {
	server := e.server
	if !e.inScript() {
		return e.raise(L, "redis.call/pcall"+luaNotInScript)
	}
	argv, msg := e.luaArgsToRedisArgv(L)
	if msg != "" {
		return e.fail(L, raise, e.errorTable(L, msg))
	}
	if e.inUse {
		const recursion = "luaRedisGenericCommand() recursive call detected. Are you doing funny stuff with Lua debug hooks?"
		server.log(llWarning, "%s", recursion)
		return e.fail(L, false, e.errorTable(L, recursion))
	}
	e.inUse = true
	c := e.client
	c.argv = argv
	if server.ldb.logging() {
		server.ldb.logCommand(argv)
	}
	if msg := server.scriptCall(); msg != "" {
		e.endCommand()
		t := e.errorTable(L, msg)
		t.RawSetString("ignore_error_stats_update", glua.LTrue)
		return e.fail(L, raise, t)
	}
	reply := c.takeScriptReply(&e.replyBuf)
	isError := reply[0] == '-'
	p := respToLua{L: L, b: reply}
	v := p.value()
	if server.ldb.logging() {
		if isError {
			server.ldb.logError(reply)
		}
		server.ldb.logReply(reply)
	}
	e.endCommand()
	if isError {
		return e.fail(L, raise, v)
	}
	L.Push(v)
	return 1
}

// endCommand follows each command of a script.
func (e *luaEngine) endCommand() {
	e.client.user = nil
	e.client.argv = nil
	if cap(e.argBuf) > luaScratchKeep {
		e.argBuf = nil
	}
	if len(e.argv) > luaScratchKeep/64 {
		e.argv = nil
	}
	if cap(e.replyBuf) > luaScratchKeep {
		e.replyBuf = nil
	}
	e.inUse = false
}

// luaScratchKeep is the largest scratch buffer that is kept for the next command.
const luaScratchKeep = 64 * 1024

// takeScriptReply returns the reply in the client's buffers, which are empty then. It is valid until the client's next command.
func (c *client) takeScriptReply(buf *[]byte) []byte {
	if len(c.reply) == 0 {
		reply := c.buf
		c.buf = c.buf[:0]
		return reply
	}
	b := append((*buf)[:0], c.buf...)
	c.buf = c.buf[:0]
	for i := range c.reply {
		b = append(b, c.reply[i].buf...)
		c.server.giveReplyBlock(c.reply[i].buf)
		c.reply[i].buf = nil
	}
	c.reply, c.replyBytes, c.listSent = nil, 0, 0
	*buf = b
	return b
}

// errorTable makes an error, and shows it in the debugger.
func (e *luaEngine) errorTable(L *glua.LState, text string) *glua.LTable {
	if e.server.ldb.logging() {
		e.server.ldb.log("<error> " + text)
	}
	return luaErrorTable(L, text)
}

// fail returns or raises an error.
func (e *luaEngine) fail(L *glua.LState, raise bool, err glua.LValue) int {
	if raise {
		L.Error(err, 1)
	}
	L.Push(err)
	return 1
}

// raise ends the script, or its pcall, with a text.
func (e *luaEngine) raise(L *glua.LState, text string) int {
	return e.fail(L, true, e.errorTable(L, text))
}

// --- The rest of the redis table ---

func (e *luaEngine) luaRedisSha1hex(L *glua.LState) int {
	if L.GetTop() != 1 {
		return e.raise(L, "wrong number of arguments")
	}
	var digest [40]byte
	sha1hex(&digest, []byte(luaToString(L.Get(1))))
	L.Push(glua.LString(digest[:]))
	return 1
}

// luaToString converts as lua_tolstring does: strings and numbers; anything else is empty.
func luaToString(v glua.LValue) string { return glua.LVAsString(v) }

func (e *luaEngine) luaRedisErrorReply(L *glua.LState) int {
	s, ok := luaString(L.Get(1))
	if L.GetTop() != 1 || !ok {
		L.Push(e.errorTable(L, "wrong number or type of arguments"))
		return 1
	}
	s = luaCString(s)
	if !strings.HasPrefix(s, "-") {
		s = "-" + s
	}
	L.Push(e.errorTable(L, s))
	return 1
}

func (e *luaEngine) luaRedisStatusReply(L *glua.LState) int {
	if _, ok := L.Get(1).(glua.LString); L.GetTop() != 1 || !ok {
		L.Push(e.errorTable(L, "wrong number or type of arguments"))
		return 1
	}
	t := L.CreateTable(0, 1)
	t.RawSetString("ok", L.Get(1))
	L.Push(t)
	return 1
}

func (e *luaEngine) luaRedisSetRepl(L *glua.LState) int {
	if !e.inScript() {
		return e.raise(L, "redis.set_repl"+luaNotInScript)
	}
	if L.GetTop() != 1 {
		return e.raise(L, "redis.set_repl() requires one argument.")
	}
	flags := luaToInt(L.Get(1))
	if flags&^(propagateAof|propagateRepl) != 0 {
		return e.raise(L, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
	}
	e.server.scriptSetRepl(flags)
	return 0
}

// luaToInt is a C int made of a number, or of a string that is one; 0 of anything else.
func luaToInt(v glua.LValue) int {
	f := float64(glua.LVAsNumber(v))
	if f >= math.MinInt32 && f <= math.MaxInt32 {
		return int(f)
	}
	return math.MinInt32
}

func (e *luaEngine) luaRedisAclCheckCmd(L *glua.LState) int {
	if !e.inScript() {
		return e.raise(L, "redis.acl_check_cmd"+luaNotInScript)
	}
	argv, msg := e.luaArgsToRedisArgv(L)
	if msg != "" {
		return e.raise(L, msg)
	}
	cmd := e.server.lookupCommand(argv)
	if cmd == nil {
		return e.raise(L, "Invalid command passed to redis.acl_check_cmd()")
	}
	result, _ := aclCheckAllUserCommandPerm(e.server.script.originalClient.user, cmd, argv)
	L.Push(glua.LBool(result == aclOK))
	return 1
}

func (e *luaEngine) luaRedisLog(L *glua.LState) int {
	server := e.server
	n := L.GetTop()
	if n < 2 {
		return e.raise(L, "redis.log() requires two arguments or more.")
	}
	switch v := L.Get(1).(type) {
	case glua.LNumber:
	case glua.LString:
		if _, ok := util.String2d([]byte(strings.TrimSpace(string(v)))); !ok {
			return e.raise(L, "First argument must be a number (log level).")
		}
	default:
		return e.raise(L, "First argument must be a number (log level).")
	}
	level := luaToInt(L.Get(1))
	if level < llDebug || level > llWarning {
		return e.raise(L, "Invalid log level.")
	}
	if level < server.verbosity {
		return 0
	}
	var text []byte
	for i := 2; i <= n; i++ {
		switch v := L.Get(i).(type) {
		case glua.LString, glua.LNumber:
			if i > 2 {
				text = append(text, ' ')
			}
			text = append(text, luaToString(v)...)
		}
	}
	server.log(level, "%s", text)
	return 0
}

func (e *luaEngine) luaSetResp(L *glua.LState) int {
	if !e.inScript() {
		return e.raise(L, "redis.setresp"+luaNotInScript)
	}
	if L.GetTop() != 1 {
		return e.raise(L, "redis.setresp() requires one argument.")
	}
	resp := luaToInt(L.Get(1))
	if resp != 2 && resp != 3 {
		return e.raise(L, "RESP version must be 2 or 3.")
	}
	e.server.scriptSetResp(resp)
	return 0
}

// redisTable makes the table `redis` of scripts.
func (e *luaEngine) redisTable() *glua.LTable {
	L := e.L
	t := L.NewTable()
	set := func(name string, fn func(*glua.LState) int) { t.RawSetString(name, L.NewFunction(fn)) }
	set("call", func(L *glua.LState) int { return e.luaRedisGenericCommand(L, true) })
	set("pcall", func(L *glua.LState) int { return e.luaRedisGenericCommand(L, false) })
	set("setresp", e.luaSetResp)
	set("sha1hex", e.luaRedisSha1hex)
	set("error_reply", e.luaRedisErrorReply)
	set("status_reply", e.luaRedisStatusReply)
	set("set_repl", e.luaRedisSetRepl)
	set("acl_check_cmd", e.luaRedisAclCheckCmd)
	number := func(name string, n int) { t.RawSetString(name, glua.LNumber(n)) }
	number("REPL_NONE", propagateNone)
	number("REPL_AOF", propagateAof)
	number("REPL_SLAVE", propagateRepl)
	number("REPL_REPLICA", propagateRepl)
	number("REPL_ALL", propagateAof|propagateRepl)
	e.addLogAndVersion(t)
	if e.kind == luaEngineEval {
		set("breakpoint", e.luaRedisBreakpoint)
		set("debug", e.luaRedisDebug)
		set("replicate_commands", func(L *glua.LState) int {
			L.Push(glua.LTrue)
			return 1
		})
	}
	return t
}

// addLogAndVersion adds what libraries may also use while they are loaded.
func (e *luaEngine) addLogAndVersion(t *glua.LTable) {
	t.RawSetString("log", e.L.NewFunction(e.luaRedisLog))
	for name, level := range map[string]int{"LOG_DEBUG": llDebug, "LOG_VERBOSE": llVerbose, "LOG_NOTICE": llNotice, "LOG_WARNING": llWarning} {
		t.RawSetString(name, glua.LNumber(level))
	}
	t.RawSetString("REDIS_VERSION", glua.LString(redisVersion))
	t.RawSetString("REDIS_VERSION_NUM", glua.LNumber(redisVersionNum))
}
