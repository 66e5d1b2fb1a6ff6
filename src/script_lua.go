// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"math"
	"redport/deps/lua"
	"strconv"
	"strings"

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
	e   *luaEngine
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
func (p *respToLua) value() lua.Value {
	switch kind := p.b[p.pos]; kind {
	case ':':
		n, _ := util.String2ll(p.line())
		return lua.Number(n)
	case '$':
		n := p.length()
		if n < 0 {
			return lua.False
		}
		return lua.String(p.bytes(n))
	case '+':
		t := p.e.st.NewTableSize(0, 1)
		t.RawSetString("ok", lua.String(p.line()))
		return t
	case '-':
		return p.e.luaErrorTable("-"+string(p.line()), true)
	case '*':
		n := p.length()
		if n < 0 {
			return lua.False
		}
		t := p.e.st.NewTableSize(n, 0)
		for i := 1; i <= n; i++ {
			t.RawSetInt(i, p.value())
		}
		return t
	case '%':
		n := p.length()
		m := p.e.st.NewTableSize(0, n)
		for range n {
			key := p.value()
			if value := p.value(); key != lua.Nil {
				m.RawSet(key, value)
			}
		}
		return p.single("map", m)
	case '~':
		n := p.length()
		m := p.e.st.NewTableSize(0, n)
		for range n {
			if key := p.value(); key != lua.Nil {
				m.RawSet(key, lua.True)
			}
		}
		return p.single("set", m)
	case '_':
		p.line()
		return lua.Nil
	case '#':
		return lua.Bool(p.line()[0] == 't')
	case ',':
		d, _ := util.String2d(p.line())
		return p.single("double", lua.Number(d))
	case '(':
		return p.single("big_number", lua.String(p.line()))
	case '=':
		s := p.bytes(p.length())
		v := p.e.st.NewTableSize(0, 2)
		v.RawSetString("string", lua.String(s[4:]))
		v.RawSetString("format", lua.String(s[:3]))
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

func (p *respToLua) single(name string, v lua.Value) *lua.Table {
	t := p.e.st.NewTableSize(0, 1)
	t.RawSetString(name, v)
	return t
}

// luaErrorTable makes an error of a text: "-CODE message", or a message alone, which gets the code ERR (C: luaPushErrorBuff).
func (e *luaEngine) luaErrorTable(text string, ignoreStats bool) *lua.Table {
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
	t := e.st.NewTableSize(0, 2)
	if ignoreStats {
		t.RawSetString("ignore_error_stats_update", lua.True) // comes first in C, when a script looks at all fields
	}
	t.RawSetString("err", lua.String(code+" "+strings.Trim(text, "\r\n")))
	return t
}

// --- Lua values, as replies ---

// luaReplyToRedisReply replies with a value that a script has returned. depth is how many values C Lua's stack would hold at this
// point; beyond luaStackLimit there is an error in the place of the value.
func (e *luaEngine) luaReplyToRedisReply(c *client, v lua.Value, depth int) {
	if depth+4 > luaStackLimit {
		c.addReplyError("reached lua stack limit")
		return
	}
	switch v := v.(type) {
	case lua.String:
		c.addReplyBulkString(string(v))
	case lua.Number:
		c.addReplyLongLong(luaToLongLong(float64(v)))
	case lua.Bool:
		switch {
		case e.client.resp != 2:
			c.addReplyBool(bool(v))
		case bool(v):
			c.addReply(shared.cone)
		default:
			c.addReplyNull()
		}
	case *lua.Table:
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
func (e *luaEngine) luaTableToRedisReply(c *client, t *lua.Table, depth int) {
	if next, _ := t.Next(lua.Nil); next != lua.Nil {
		if _, isArray := next.(lua.Number); !isArray || !e.arrayOnly(t) {
			if e.luaNamedTableToRedisReply(c, t, depth) {
				return
			}
		}
	}
	n := 0
	for t.RawGetInt(n+1) != lua.Nil {
		n++
	}
	c.addReplyArrayLen(n)
	for i := 1; i <= n; i++ {
		e.luaReplyToRedisReply(c, t.RawGetInt(i), depth+1)
	}
}

// arrayOnly tells whether nothing is in the table but what its array part holds.
func (e *luaEngine) arrayOnly(t *lua.Table) bool {
	next, _ := t.Next(lua.Number(t.MaxN()))
	return next == lua.Nil
}

func (e *luaEngine) luaNamedTableToRedisReply(c *client, t *lua.Table, depth int) bool {
	if _, ok := luaString(t.RawGetString("err")); ok {
		var info luaErrorInfo
		luaErrorTableInformation(t, &info)
		c.addReplyErrorEx("-"+info.msg, info.ignoreStats)
		return true
	}
	if s, ok := luaString(t.RawGetString("ok")); ok {
		c.addReplyStatus(luaOneLine(s))
		return true
	}
	if d, ok := t.RawGetString("double").(lua.Number); ok {
		c.addReplyDouble(float64(d))
		return true
	}
	if s, ok := luaString(t.RawGetString("big_number")); ok {
		c.addReplyBigNum(oneLine(s))
		return true
	}
	if v, ok := t.RawGetString("verbatim_string").(*lua.Table); ok {
		format, ok1 := luaString(v.RawGetString("format"))
		s, ok2 := luaString(v.RawGetString("string"))
		if ok1 && ok2 {
			c.addReplyVerbatim([]byte(s), luaCString(format))
			return true
		}
	}
	if m, ok := t.RawGetString("map").(*lua.Table); ok {
		n := 0
		length := c.addReplyDeferredLen()
		for key, v := m.Next(lua.Nil); key != lua.Nil; key, v = m.Next(key) {
			e.luaReplyToRedisReply(c, key, depth+4)
			e.luaReplyToRedisReply(c, v, depth+3)
			n++
		}
		c.setDeferredMapLen(length, n)
		return true
	}
	if m, ok := t.RawGetString("set").(*lua.Table); ok {
		n := 0
		length := c.addReplyDeferredLen()
		for key, _ := m.Next(lua.Nil); key != lua.Nil; key, _ = m.Next(key) {
			e.luaReplyToRedisReply(c, key, depth+3)
			n++
		}
		c.setDeferredSetLen(length, n)
		return true
	}
	return false
}

// luaString returns a string's bytes. Numbers are none.
func luaString(v lua.Value) (string, bool) {
	s, ok := v.(lua.String)
	return string(s), ok
}

// luaOneLine makes of a text one that a line of the protocol can hold: C's strings end at a NUL, and lines at CR and LF.
func luaOneLine(s string) string {
	return oneLine(luaCString(s))
}

func oneLine(s string) string {
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

// luaExtractErrorInformation reads the error that a script has ended with.
func (e *luaEngine) luaExtractErrorInformation(failure *lua.Error) (info luaErrorInfo) {
	t, _ := failure.Value.(*lua.Table)
	if mt, ok := tableMetatable(t); failure.Source != "" && !(ok && mt.RawGetString("__newindex") != lua.Nil) {
		// C keeps it in the table, unless a script prevents that.
		info.source, info.line = failure.Source, strconv.Itoa(failure.Line)
	}
	if t != nil {
		luaErrorTableInformation(t, &info)
		return info
	}
	info.msg = "ERR " + luaCString(e.luaDisplay(failure.Value))
	return info
}

func tableMetatable(t *lua.Table) (*lua.Table, bool) {
	if t == nil {
		return nil, false
	}
	mt, ok := t.Metatable.(*lua.Table)
	return mt, ok
}

// luaErrorTableInformation reads an error's table.
func luaErrorTableInformation(t *lua.Table, info *luaErrorInfo) {
	switch v := t.RawGetString("err").(type) {
	case lua.String, lua.Number:
		info.msg = luaCString(luaToString(v))
	default:
		info.msg = "ERR unknown error"
	}
	info.ignoreStats = t.RawGetString("ignore_error_stats_update") == lua.True
}

func luaCString(s string) string {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return s[:i]
	}
	return s
}

// --- redis.call ---

// luaArgsToRedisArgv makes the arguments on the Lua stack those of the engine's client; or returns what is wrong with them.
func (e *luaEngine) luaArgsToRedisArgv(L *lua.L) ([][]byte, string) {
	n := L.GetTop()
	if n == 0 {
		return nil, "Please specify at least one argument for this redis lib call"
	}
	argv, buf := e.argv[:0], e.argBuf[:0]
	for i := 1; i <= n; i++ {
		start := len(buf)
		switch v := L.Get(i).(type) {
		case lua.String:
			buf = append(buf, v...)
		case lua.Number:
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
func (e *luaEngine) luaRedisGenericCommand(L *lua.L, raise bool) int {
	server := e.server
	if !e.inScript() {
		return e.raise(L, "redis.call/pcall"+luaNotInScript)
	}
	argv, msg := e.luaArgsToRedisArgv(L)
	if msg != "" {
		return e.fail(L, raise, e.errorTable(msg))
	}
	if e.inUse {
		const recursion = "luaRedisGenericCommand() recursive call detected. Are you doing funny stuff with Lua debug hooks?"
		server.log(llWarning, "%s", recursion)
		return e.fail(L, false, e.errorTable(recursion))
	}
	e.inUse = true
	c := e.client
	c.argv = argv
	if server.ldb.logging() {
		server.ldb.logCommand(argv)
	}
	if msg := server.scriptCall(); msg != "" {
		e.endCommand()
		return e.fail(L, raise, e.loggedErrorTable(msg, true))
	}
	reply := c.takeScriptReply(&e.replyBuf)
	isError := reply[0] == '-'
	p := respToLua{e: e, b: reply}
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
func (e *luaEngine) errorTable(text string) *lua.Table { return e.loggedErrorTable(text, false) }

func (e *luaEngine) loggedErrorTable(text string, ignoreStats bool) *lua.Table {
	if e.server.ldb.logging() {
		e.server.ldb.log("<error> " + text)
	}
	return e.luaErrorTable(text, ignoreStats)
}

// fail returns or raises an error.
func (e *luaEngine) fail(L *lua.L, raise bool, err lua.Value) int {
	if raise {
		return e.st.Throw(L, err)
	}
	L.Push(err)
	return 1
}

// raise ends the script, or its pcall, with a text.
func (e *luaEngine) raise(L *lua.L, text string) int {
	return e.fail(L, true, e.errorTable(text))
}

// --- The rest of the redis table ---

func (e *luaEngine) luaRedisSha1hex(L *lua.L) int {
	if L.GetTop() != 1 {
		return e.raise(L, "wrong number of arguments")
	}
	var digest [40]byte
	sha1hex(&digest, []byte(luaToString(L.Get(1))))
	L.Push(lua.String(digest[:]))
	return 1
}

// luaToString converts as lua_tolstring does: strings and numbers; anything else is empty.
func luaToString(v lua.Value) string {
	s, _ := lua.ToString(v)
	return s
}

func (e *luaEngine) luaRedisErrorReply(L *lua.L) int {
	s, ok := luaString(L.Get(1))
	if L.GetTop() != 1 || !ok {
		L.Push(e.errorTable("wrong number or type of arguments"))
		return 1
	}
	s = luaCString(s)
	if !strings.HasPrefix(s, "-") {
		s = "-" + s
	}
	L.Push(e.errorTable(s))
	return 1
}

func (e *luaEngine) luaRedisStatusReply(L *lua.L) int {
	if _, ok := L.Get(1).(lua.String); L.GetTop() != 1 || !ok {
		L.Push(e.errorTable("wrong number or type of arguments"))
		return 1
	}
	t := e.st.NewTableSize(0, 1)
	t.RawSetString("ok", L.Get(1))
	L.Push(t)
	return 1
}

func (e *luaEngine) luaRedisSetRepl(L *lua.L) int {
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
func luaToInt(v lua.Value) int {
	f, ok := lua.ToNumber(v)
	if !ok {
		return 0
	}
	if f >= math.MinInt32 && f <= math.MaxInt32 {
		return int(f)
	}
	return math.MinInt32
}

func (e *luaEngine) luaRedisAclCheckCmd(L *lua.L) int {
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
	L.Push(lua.Bool(result == aclOK))
	return 1
}

func (e *luaEngine) luaRedisLog(L *lua.L) int {
	server := e.server
	n := L.GetTop()
	if n < 2 {
		return e.raise(L, "redis.log() requires two arguments or more.")
	}
	switch v := L.Get(1).(type) {
	case lua.Number:
	case lua.String:
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
		case lua.String, lua.Number:
			if i > 2 {
				text = append(text, ' ')
			}
			text = append(text, luaToString(v)...)
		}
	}
	server.log(level, "%s", text)
	return 0
}

func (e *luaEngine) luaSetResp(L *lua.L) int {
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
func (e *luaEngine) redisTable() *lua.Table {
	t := e.st.NewTable()
	set := func(name string, fn func(*lua.L) int) { e.st.SetFunction(t, name, fn) }
	set("call", func(L *lua.L) int { return e.luaRedisGenericCommand(L, true) })
	set("pcall", func(L *lua.L) int { return e.luaRedisGenericCommand(L, false) })
	set("setresp", e.luaSetResp)
	set("sha1hex", e.luaRedisSha1hex)
	set("error_reply", e.luaRedisErrorReply)
	set("status_reply", e.luaRedisStatusReply)
	set("set_repl", e.luaRedisSetRepl)
	set("acl_check_cmd", e.luaRedisAclCheckCmd)
	number := func(name string, n int) { t.RawSetString(name, lua.Number(n)) }
	number("REPL_NONE", propagateNone)
	number("REPL_AOF", propagateAof)
	number("REPL_SLAVE", propagateRepl)
	number("REPL_REPLICA", propagateRepl)
	number("REPL_ALL", propagateAof|propagateRepl)
	e.addLogAndVersion(t)
	if e.kind == luaEngineEval {
		set("breakpoint", e.luaRedisBreakpoint)
		set("debug", e.luaRedisDebug)
		set("replicate_commands", func(L *lua.L) int {
			L.Push(lua.True)
			return 1
		})
	}
	return t
}

// addLogAndVersion adds what libraries may also use while they are loaded.
func (e *luaEngine) addLogAndVersion(t *lua.Table) {
	e.st.SetFunction(t, "log", e.luaRedisLog)
	for name, level := range map[string]int{"LOG_DEBUG": llDebug, "LOG_VERBOSE": llVerbose, "LOG_NOTICE": llNotice, "LOG_WARNING": llWarning} {
		t.RawSetString(name, lua.Number(level))
	}
	t.RawSetString("REDIS_VERSION", lua.String(redisVersion))
	t.RawSetString("REDIS_VERSION_NUM", lua.Number(redisVersionNum))
}

// luaDisplay shows any value, as Lua's tostring does for those without parts.
func (e *luaEngine) luaDisplay(v lua.Value) string {
	if s, ok := lua.ToString(v); ok {
		return s
	}
	if b, ok := v.(lua.Bool); ok {
		return strconv.FormatBool(bool(b))
	}
	switch v {
	case lua.Nil:
		return "nil"
	case lua.Value(e.st.Null()):
		return "userdata: (nil)"
	}
	return fmt.Sprintf("%s: %p", lua.TypeName(v), v)
}
