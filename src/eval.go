// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"maps"
	"redport/deps/lua"
	"slices"

	"redport/src/commands"
	"redport/src/sds"
)

// eval.go - EVAL, EVALSHA, SCRIPT, and the cache of scripts.
//
// A script is compiled when it is first seen and kept under the SHA1 of its text. Those that came by SCRIPT LOAD stay until
// SCRIPT FLUSH; of those that came by EVAL, evalScriptsMax are kept, the most recently used.
//
// Counterpart: eval.c. The debugger is in eval_debug.go.

// evalScriptsMax is how many scripts that came by EVAL are kept: clients that paste values into scripts would otherwise fill the memory.
const evalScriptsMax = 500

// luaScript is a script of the cache.
type luaScript struct {
	sha        string // 40 hexadecimal digits, lower case
	body       string
	flags      uint64
	fn         *lua.Function
	prev, next *luaScript // in the list of scripts that may be evicted
	evictable  bool
}

// evalState is the scripting of EVAL.
type evalState struct {
	engine     *luaEngine
	scripts    map[string]*luaScript // by SHA1
	lru        luaScript             // the list's end: next is the least recently used script, prev the most recently used
	lruLen     int
	scriptsMem int64 // of texts and keys
	currentSha [40]byte
}

// scriptingInit makes the interpreter and an empty cache.
func (server *Server) scriptingInit() {
	e := &server.eval
	e.engine = server.newLuaEngine(luaEngineEval)
	e.scripts = map[string]*luaScript{}
	e.lru.prev, e.lru.next = &e.lru, &e.lru
	e.lruLen, e.scriptsMem = 0, 0
}

// scriptingReset drops all scripts, and the interpreter with whatever it has gathered. async only counts what C would have freed in the
// background: nothing is freed here at all, the collector does it.
func (server *Server) scriptingReset(async bool) {
	if n := len(server.eval.scripts); async && n > lazyfreeThreshold {
		server.lazyfreed(int64(n))
	}
	server.scriptingInit()
}

// evalMemory is about what the interpreter holds.
func (server *Server) evalMemory() int64 {
	if server.eval.engine == nil {
		return 0
	}
	return server.eval.engine.memory()
}

// Bytes of a cached script beside its text and its SHA1.
const luaScriptOverhead = 160

// evalScriptsMemory is what the cache holds.
func (server *Server) evalScriptsMemory() int64 {
	return server.eval.scriptsMem + int64(len(server.eval.scripts))*luaScriptOverhead
}

// --- The cache ---

func (e *evalState) lruAppend(l *luaScript) {
	l.prev, l.next = e.lru.prev, &e.lru
	l.prev.next, l.next.prev = l, l
	l.evictable = true
	e.lruLen++
}

func (e *evalState) lruRemove(l *luaScript) {
	l.prev.next, l.next.prev = l.next, l.prev
	l.prev, l.next = nil, nil
	l.evictable = false
	e.lruLen--
}

// lruTouch makes l the last one to be evicted.
func (e *evalState) lruTouch(l *luaScript) {
	if l.evictable && e.lru.prev != l {
		e.lruRemove(l)
		e.lruAppend(l)
	}
}

// deleteScript forgets a script.
func (e *evalState) deleteScript(l *luaScript) {
	if l.evictable {
		e.lruRemove(l)
	}
	delete(e.scripts, l.sha)
	e.scriptsMem -= int64(len(l.sha) + len(l.body))
	e.engine.forget(l.fn, l.body)
}

// sha1hex writes the SHA1 of b in hexadecimal digits.
func sha1hex(dst *[40]byte, b []byte) {
	sum := sha1.Sum(b)
	hex.Encode(dst[:], sum[:])
}

// evalFindScript looks a script up by its text, or by its SHA1 in digits of any case.
func (server *Server) evalFindScript(arg []byte, evalsha bool) *luaScript {
	e := &server.eval
	if !evalsha {
		sha1hex(&e.currentSha, arg)
	} else {
		if len(arg) != 40 {
			return nil
		}
		for i, ch := range arg {
			if ch >= 'A' && ch <= 'Z' {
				ch += 'a' - 'A'
			}
			e.currentSha[i] = ch
		}
	}
	return e.scripts[string(e.currentSha[:])]
}

// evalExtractShebangFlags reads the first line of a script that begins with "#!". What is behind it is the script proper; its line feed
// stays, so that lines keep their numbers.
func evalExtractShebangFlags(body []byte) (flags uint64, shebangLen int, err string) {
	if !bytes.HasPrefix(body, []byte("#!")) {
		return scriptFlagEvalCompatMode, 0, ""
	}
	text := cstring(body)
	end := bytes.IndexByte(text, '\n')
	if end < 0 {
		return 0, 0, "Invalid script shebang"
	}
	parts, splitErr := sds.SplitArgs(body[:end])
	if splitErr != nil || len(parts) == 0 {
		return 0, 0, "Invalid engine in script shebang"
	}
	if string(parts[0]) != "#!lua" {
		return 0, 0, "Unexpected engine in script shebang: " + string(parts[0])
	}
	for _, part := range parts[1:] {
		list, ok := bytes.CutPrefix(part, []byte("flags="))
		if !ok {
			return 0, 0, "Unknown lua shebang option: " + string(part)
		}
		if len(list) == 0 {
			continue
		}
		for _, name := range bytes.Split(list, []byte(",")) {
			flag := uint64(0)
			for _, def := range scriptFlagsDef {
				if def.name == string(name) {
					flag = def.flag
				}
			}
			if flag == 0 {
				return 0, 0, "Unexpected flag in script shebang: " + string(name)
			}
			flags |= flag
		}
	}
	return flags, end, ""
}

// luaCreateFunction compiles a script and puts it into the cache, or answers with what is wrong with it. evictable: it came by EVAL.
// e.currentSha is its SHA1.
func (c *client) luaCreateFunction(body []byte, evictable bool) *luaScript {
	server := c.server
	e := &server.eval
	flags, shebangLen, msg := evalExtractShebangFlags(body)
	if msg != "" {
		c.addReplyError(msg)
		return nil
	}
	fn, err := e.engine.load(body[shebangLen:], luaScriptSource)
	if err != nil {
		c.addReplyErrorFormat("Error compiling script (new function): %s", err)
		return nil
	}
	if evictable {
		for e.lruLen >= evalScriptsMax {
			e.deleteScript(e.lru.next)
			server.stat.evictedScripts++
		}
	}
	l := &luaScript{sha: string(e.currentSha[:]), body: string(body), flags: flags, fn: fn}
	e.scripts[l.sha] = l
	e.scriptsMem += int64(len(l.sha) + len(l.body))
	if evictable {
		e.lruAppend(l)
	}
	return l
}

// getCommandFlags are the flags of the client's command; those of EVAL and FCALL depend on what they are to run. What was found on the
// way is left in curScript or curFunction.
func (c *client) getCommandFlags() uint64 {
	cmd := c.cmd
	c.curScript, c.curFunction = nil, nil
	if cmd.Group != commands.GroupScripting || cmd.parent != nil {
		return cmd.flags
	}
	switch cmd.fullname {
	case "eval", "eval_ro":
		return c.evalGetCommandFlags(cmd.flags, false)
	case "evalsha", "evalsha_ro":
		return c.evalGetCommandFlags(cmd.flags, true)
	case "fcall", "fcall_ro":
		return c.fcallGetCommandFlags(cmd.flags)
	}
	return cmd.flags
}

func (c *client) evalGetCommandFlags(cmdFlags uint64, evalsha bool) uint64 {
	c.curScript = c.server.evalFindScript(c.argv[1], evalsha)
	var flags uint64
	if c.curScript != nil {
		flags = c.curScript.flags
	} else if evalsha {
		return cmdFlags
	} else {
		var err string
		if flags, _, err = evalExtractShebangFlags(c.argv[1]); err != "" {
			return cmdFlags
		}
	}
	if flags&scriptFlagEvalCompatMode != 0 {
		return cmdFlags
	}
	return scriptFlagsToCmdFlags(cmdFlags, flags)
}

// --- EVAL ---

func (c *client) evalGenericCommand(evalsha, ro bool) {
	server := c.server
	e := &server.eval
	found := c.curScript
	c.curScript = nil
	numkeys, ok := c.getLongLongFromObjectOrReply(c.argv[2], "")
	if !ok {
		return
	}
	if !c.checkScriptNumkeys(numkeys) {
		return
	}
	if found == nil {
		found = server.evalFindScript(c.argv[1], evalsha)
	}
	if found == nil {
		if evalsha {
			c.addReplyErrorObject(shared.noscripterr)
			return
		}
		if found = c.luaCreateFunction(c.argv[1], true); found == nil {
			return
		}
	}
	if !server.scriptPrepareForRun(e.engine.client, c, found.sha, found.flags, ro) {
		return
	}
	server.script.flags |= scriptEvalMode
	e.lruTouch(found)
	e.engine.callFunction(found.fn, c.argv[3:3+numkeys], c.argv[3+numkeys:])
	server.scriptResetRun()
}

// feedMonitorsEarly shows a command that executes others to monitors, before those.
func (c *client) feedMonitorsEarly() {
	if len(c.server.monitors) > 0 && !c.server.loading {
		c.server.replicationFeedMonitors(c, c.argv)
	}
}

func (c *client) evalCommandGeneric(ro bool) {
	c.feedMonitorsEarly()
	if c.flags&clientLuaDebug != 0 {
		c.evalGenericCommandWithDebugging(ro)
		return
	}
	c.evalGenericCommand(false, ro)
}

func (c *client) evalShaCommandGeneric(ro bool) {
	c.feedMonitorsEarly()
	switch {
	case len(c.argv[1]) != 40:
		c.addReplyErrorObject(shared.noscripterr)
	case c.flags&clientLuaDebug != 0:
		c.addReplyError("Please use EVAL instead of EVALSHA for debugging")
	default:
		c.evalGenericCommand(true, ro)
	}
}

func evalCommand(c *client)      { c.evalCommandGeneric(false) }
func evalRoCommand(c *client)    { c.evalCommandGeneric(true) }
func evalShaCommand(c *client)   { c.evalShaCommandGeneric(false) }
func evalShaRoCommand(c *client) { c.evalShaCommandGeneric(true) }

// --- SCRIPT ---

func scriptCommand(c *client) {
	server := c.server
	sub := c.argv[1]
	switch argc := len(c.argv); {
	case argc == 2 && equalFold(sub, "HELP"):
		c.addReplyHelp([]string{
			"DEBUG (YES|SYNC|NO)",
			"    Run the scripts that this connection sends from now on in the debugger.",
			"EXISTS <sha1> [<sha1> ...]",
			"    Tell for each digest whether its script is in the cache.",
			"FLUSH [ASYNC|SYNC]",
			"    Empty the cache of scripts. The default mode comes from lazyfree-lazy-user-flush:",
			"    * ASYNC: Let the memory go in the background.",
			"    * SYNC: Let the memory go at once.",
			"KILL",
			"    End the script that is running, unless it has written already.",
			"LOAD <script>",
			"    Put a script into the cache without running it.",
		})
	case equalFold(sub, "FLUSH"):
		async, ok := server.flushMode(c)
		if !ok {
			c.addReplyError("SCRIPT FLUSH only support SYNC|ASYNC option")
			return
		}
		server.scriptingReset(async)
		c.addReply(shared.ok)
	case equalFold(sub, "EXISTS"):
		c.addReplyArrayLen(argc - 2)
		for _, sha := range c.argv[2:] {
			if server.evalFindScript(sha, true) != nil {
				c.addReply(shared.cone)
			} else {
				c.addReply(shared.czero)
			}
		}
	case argc == 3 && equalFold(sub, "LOAD"):
		c.scriptLoad(c.argv[2])
	case argc == 2 && equalFold(sub, "KILL"):
		server.scriptKill(c, true)
	case argc == 3 && equalFold(sub, "DEBUG"):
		c.scriptDebug(c.argv[2])
	default:
		c.addReplySubcommandSyntaxError()
	}
}

// scriptLoad is SCRIPT LOAD. A script that EVAL has brought already will not be evicted any more.
func (c *client) scriptLoad(body []byte) {
	e := &c.server.eval
	l := c.server.evalFindScript(body, false)
	if l == nil {
		if l = c.luaCreateFunction(body, false); l == nil {
			return
		}
	} else if l.evictable {
		e.lruRemove(l)
	}
	c.addReplyBulkString(l.sha)
}

// flushMode reads the optional third argument of SCRIPT FLUSH and FUNCTION FLUSH.
func (server *Server) flushMode(c *client) (async, ok bool) {
	switch {
	case len(c.argv) == 2:
		return server.lazyfreeLazyUserFlush, true
	case len(c.argv) == 3 && equalFold(c.argv[2], "SYNC"):
		return false, true
	case len(c.argv) == 3 && equalFold(c.argv[2], "ASYNC"):
		return true, true
	}
	return false, false
}

// debugScript is DEBUG SCRIPT LIST|sha: it logs scripts. It is false if there is no such script.
func (server *Server) debugScript(arg []byte) bool {
	show := func(l *luaScript) { server.log(llWarning, "SCRIPT SHA: %s\n%s", l.sha, l.body) }
	if equalFold(arg, "LIST") {
		for _, sha := range slices.Sorted(maps.Keys(server.eval.scripts)) {
			show(server.eval.scripts[sha])
		}
		return true
	}
	l := server.evalFindScript(arg, true)
	if l != nil {
		show(l)
	}
	return l != nil
}
