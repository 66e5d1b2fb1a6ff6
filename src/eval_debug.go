// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"fmt"
	"redport/deps/lua"
	"strconv"
	"strings"

	"redport/src/ae"
	"redport/src/monotonic"
	"redport/src/sds"
	"redport/src/util"
)

// eval_debug.go - LDB, the debugger of scripts: SCRIPT DEBUG, and the conversation that follows an EVAL.
//
// The interpreter calls luaLdbLine before every line of a script that is debugged. It stops where it is to stop, and then executes
// what the client says: step, print, break and so on. Each answer is an array of lines.
//
// With SYNC, the conversation cannot take place inside client.Data, where the connection is not read. So the EVAL is put off to the end of the
// turn, and the connection gets another handler (ldbSession) for as long as it lasts. The script then stops inside the event
// loop, which it lets have turns of its own; other clients get BUSY, as with any script that takes long.
//
// SCRIPT DEBUG YES runs the script on a copy of the server, so that nothing it changes remains (eval_debug_fork.go), and SYNC in the server. There,
// what is above holds; SYNC is as in C but that other clients are answered.
//
// Counterpart: eval.c (ldb...).

const (
	ldbBreakpointsMax  = 64
	ldbMaxLenDefault   = 256     // of a reply, or of a variable, that is shown
	ldbMaxBuffer       = 1 << 20 // of what the client has sent and nobody has read
	ldbMaxArgs         = 1024
	ldbMaxArgLen       = 1024
	ldbMaxValuesDepth  = 10
	ldbTimeoutFallback = 5000 // ms, where busy-reply-threshold is 0
)

// ldbState is the debugger. There is one, as there is one script at a time.
type ldbState struct {
	server      *Server
	active      bool
	client      *client
	waiting     bool // for the client: others are served meanwhile, with BUSY
	closed      bool // the client has gone: the script runs on alone
	ended       bool // the last lines are sent, the script's reply follows
	logs        []string
	breakpoints []int
	step        bool // stop at the next line
	luabp       bool // the same, because of redis.breakpoint()
	src         []string
	currentLine int
	cbuf        []byte // what the client has sent
	maxlen      int
	hintSent    bool
	fork        *ldbForkedSession // nil: the session is the server's own
}

// logging tells whether commands are to be shown.
func (l *ldbState) logging() bool { return l.active && l.step }

// scriptDebug is SCRIPT DEBUG YES|SYNC|NO.
func (c *client) scriptDebug(mode []byte) {
	if c.clientHasPendingReplies() {
		c.addReplyError("SCRIPT DEBUG must be called outside a pipeline")
		return
	}
	switch {
	case equalFold(mode, "NO"):
		c.flags &^= clientLuaDebug | clientLuaDebugSync
	case equalFold(mode, "YES"):
		c.ldbEnable()
	case equalFold(mode, "SYNC"):
		c.ldbEnable()
		c.flags |= clientLuaDebugSync
	default:
		c.addReplyError("Use SCRIPT DEBUG YES/SYNC/NO")
		return
	}
	c.addReply(shared.ok)
}

func (c *client) ldbEnable() {
	c.flags = c.flags&^clientLuaDebugSync | clientLuaDebug
	if !c.server.ldb.active {
		c.server.ldb = ldbState{server: c.server, client: c, step: true, maxlen: ldbMaxLenDefault, fork: c.server.ldb.fork}
	}
}

// ldbSession takes what a debugging client sends.
type ldbSession struct {
	*client
	l *ldbState
}

func (s *ldbSession) Data(in []byte) (int, int) {
	s.l.cbuf = append(s.l.cbuf, in...)
	if len(s.l.cbuf) > ldbMaxBuffer {
		s.conn.PauseRead()
	}
	return len(in), 0
}

func (s *ldbSession) Closed(err error) {
	s.l.closed = true
	s.client.Closed(err)
}

var _ ae.Handler = (*ldbSession)(nil)

// abandoned tells whether the script waits for a client that has closed its connection, in this very turn of the event loop. What comes behind that
// is not to be told of a session that is over, as it was before the client sent it: it waits until the script has ended.
func (l *ldbState) abandoned() bool {
	return l.waiting && l.fork == nil && (l.closed || l.client.closed || l.client.conn.IsClosed())
}

// evalGenericCommandWithDebugging is EVAL of a client that debugs. The first time it only arranges for the second.
func (c *client) evalGenericCommandWithDebugging(ro bool) {
	server := c.server
	l := &server.ldb
	if l.active && l.client == c {
		c.evalGenericCommand(false, ro)
		return
	}
	if l.active || c.conn == nil || c.flags&(clientMulti|clientScript) != 0 {
		c.addReplyError("can't run EVAL in debugging mode here")
		return
	}
	if c.flags&clientLuaDebugSync == 0 {
		c.ldbForkSession()
		return
	}
	argv := cloneArgv(c.argv)
	c.protectClient()
	l.active, l.client = true, c
	server.el.Post(func() { server.ldbRun(c, argv) })
}

// ldbRun is the session: from the EVAL to the closing of its connection.
func (server *Server) ldbRun(c *client, argv [][]byte) {
	l := &server.ldb
	if c.closed || c.flags&clientCloseASAP != 0 {
		l.active = false
		return
	}
	server.log(llWarning, "Redis synchronous debugging eval session started")
	c.conn.SetHandler(&ldbSession{client: c, l: l})
	server.ldbExecute(c, argv)
	server.log(llWarning, "Redis synchronous debugging eval session ended")
	l.active = false
	l.src, l.cbuf, l.logs = nil, nil, nil
	server.unblockPostponedClients()
	if c.closed {
		return
	}
	c.conn.SetHandler(c)
	// The end of the connection is how clients know that the session is over.
	c.flags |= clientCloseAfterReply
	c.flags &^= clientLuaDebug | clientLuaDebugSync
	c.commandProcessed()
	c.unprotectClient()
	if !c.clientHasPendingReplies() {
		c.freeClientAsync()
	}
}

// ldbExecute executes the EVAL of a session. The lines of the debugger are sent when it returns, the reply is in the client's buffers.
func (server *Server) ldbExecute(c *client, argv [][]byte) {
	l := &server.ldb
	l.ended, l.closed = false, false
	l.src = strings.Split(strings.TrimRight(string(argv[1]), "\r\n"), "\n")
	server.updateCachedMono()
	c.argv, c.cmd = argv, server.lookupCommand(argv)
	c.realcmd, c.lastcmd = c.cmd, c.cmd
	server.currentClient = c
	server.call(c, cmdCallFull)
	server.currentClient = nil
	if !l.ended {
		// It did not come to running: its error follows the lines.
		reply := bytes.Clone(c.takeScriptReply(new([]byte)))
		l.end()
		c.addReplyProto(reply)
	}
}

// end sends the last lines.
func (l *ldbState) end() {
	l.ended = true
	l.log("<endsession>")
	l.sendLogs()
}

// --- What is sent ---

func (l *ldbState) log(line string) { l.logs = append(l.logs, line) }

// logMaxLen is log for what may be long.
func (l *ldbState) logMaxLen(line string) {
	trimmed := l.maxlen != 0 && len(line) > l.maxlen
	if trimmed {
		line = line[:l.maxlen] + " ..."
	}
	l.log(line)
	if trimmed && !l.hintSent {
		l.hintSent = true
		l.log("<hint> The above reply was trimmed. Use 'maxlen 0' to disable trimming.")
	}
}

func (l *ldbState) sendLogs() {
	logs := l.logs
	l.logs = nil
	if l.closed || l.client.closed {
		return
	}
	out := fmt.Appendf(nil, "*%d\r\n", len(logs))
	for _, line := range logs {
		out = append(out, '+')
		for i := range len(line) {
			if ch := line[i]; ch == '\r' || ch == '\n' {
				out = append(out, ' ')
			} else {
				out = append(out, ch)
			}
		}
		out = append(out, '\r', '\n')
	}
	if l.fork != nil {
		l.fork.link.write(out)
		return
	}
	l.client.addReplyProto(out)
	l.client.conn.Flush()
}

// logCommand shows a command of the script.
func (l *ldbState) logCommand(argv [][]byte) {
	var b strings.Builder
	b.WriteString("<redis>")
	for i, a := range argv {
		if i == 10 {
			fmt.Fprintf(&b, " ... (%d more)", len(argv)-i-1)
			break
		}
		b.WriteByte(' ')
		b.Write(a)
	}
	l.log(b.String())
}

func (l *ldbState) logError(reply []byte) {
	line, _, _ := bytes.Cut(reply, []byte("\r\n"))
	l.log("<error> " + string(line))
}

func (l *ldbState) logReply(reply []byte) {
	p := ldbReply{b: reply}
	p.value()
	l.logMaxLen("<reply> " + string(p.out))
}

// ldbReply shows a reply for humans.
type ldbReply struct {
	respToLua
	b   []byte
	out []byte
}

func (p *ldbReply) value() {
	p.respToLua.b = p.b
	switch p.b[p.pos] {
	case ':':
		p.out = append(p.out, p.line()...)
	case '$':
		if n := p.length(); n < 0 {
			p.out = append(p.out, "NULL"...)
		} else {
			p.out = sds.CatRepr(p.out, p.bytes(n))
		}
	case '+', '-':
		kind := string(p.b[p.pos])
		p.out = sds.CatRepr(p.out, kind+string(p.line()))
	case '*':
		if n := p.length(); n < 0 {
			p.out = append(p.out, "NULL"...)
		} else {
			p.list("[", n, "]")
		}
	case '~':
		p.list("~(", p.length(), ")")
	case '%':
		n := p.length()
		p.out = append(p.out, '{')
		for i := range n {
			if i > 0 {
				p.out = append(p.out, ',')
			}
			p.value()
			p.out = append(p.out, " => "...)
			p.value()
		}
		p.out = append(p.out, '}')
	case '_':
		p.line()
		p.out = append(p.out, "(null)"...)
	case '#':
		if p.line()[0] == 't' {
			p.out = append(p.out, "#true"...)
		} else {
			p.out = append(p.out, "#false"...)
		}
	case ',':
		p.out = append(append(p.out, "(double) "...), p.line()...)
	}
}

func (p *ldbReply) list(open string, n int, end string) {
	p.out = append(p.out, open...)
	for i := range n {
		if i > 0 {
			p.out = append(p.out, ',')
		}
		p.value()
	}
	p.out = append(p.out, end...)
}

// logSourceLine shows a line of the script, with marks for the current one and for breakpoints.
func (l *ldbState) logSourceLine(n int) {
	line := "<out of range source code line>"
	if n >= 1 && n <= len(l.src) {
		line = l.src[n-1]
	}
	prefix := "   "
	switch current, bp := n == l.currentLine, l.isBreakpoint(n); {
	case current && bp:
		prefix = "->#"
	case current:
		prefix = "-> "
	case bp:
		prefix = "  #"
	}
	l.log(fmt.Sprintf("%s%-3d %s", prefix, n, line))
}

func (l *ldbState) list(around, context int) {
	for n := 1; n <= len(l.src); n++ {
		if around == 0 || max(around-n, n-around) <= context {
			l.logSourceLine(n)
		}
	}
}

// --- Where it stops ---

func (l *ldbState) isBreakpoint(line int) bool {
	for _, b := range l.breakpoints {
		if b == line {
			return true
		}
	}
	return false
}

// luaLdbLine is called before each line of the script is executed (C: luaLdbLineHook).
func (e *luaEngine) luaLdbLine(L *lua.L, frame *lua.Frame) {
	server := e.server
	l := &server.ldb
	if !l.active || !e.inScript() || frame.Source != luaScriptSource {
		return
	}
	l.currentLine = frame.Line
	bp := l.isBreakpoint(l.currentLine) || l.luabp
	timeout := false
	if !l.step && !bp {
		if !server.ldbTimedOut() {
			return
		}
		timeout = true
	}
	e.ldbStop(L, bp, timeout)
}

// ldbTimedOut tells whether the script has run for so long since it last stopped that it may never reach where it is to stop.
func (server *Server) ldbTimedOut() bool {
	limit := server.busyReplyThreshold
	if limit == 0 {
		limit = ldbTimeoutFallback
	}
	return server.scriptRunDuration() >= limit
}

// ldbCount is called after some instructions, for loops that reach no other line.
func (e *luaEngine) ldbCount() {
	l := &e.server.ldb
	if !e.server.ldbTimedOut() {
		return
	}
	L := e.st.Running()
	frames := e.st.Frames(L)
	if len(frames) == 0 {
		return
	}
	if frames[0].Source == luaScriptSource {
		l.currentLine = frames[0].Line
	}
	e.ldbStop(L, false, !l.step)
}

// ldbStop stops the script until the client lets it go on.
func (e *luaEngine) ldbStop(L *lua.L, bp, timeout bool) {
	server := e.server
	l := &server.ldb
	reason := "step over"
	switch {
	case bp && l.luabp:
		reason = "redis.breakpoint() called"
	case bp:
		reason = "break point"
	case timeout:
		reason = "timeout reached, infinite loop?"
	}
	l.step, l.luabp = false, false
	l.log(fmt.Sprintf("* Stopped at %d, stop reason = %s", l.currentLine, reason))
	l.logSourceLine(l.currentLine)
	l.sendLogs()
	if !e.ldbRepl(L) && timeout {
		// Nobody is there any more to end it.
		e.raise(L, "timeout during Lua debugging with client closing connection")
	}
	server.script.startTime = monotonic.Nanotime()
}

// readCommand waits for the client's next command. It is false if the client is gone; err tells that what it sends makes no sense.
func (l *ldbState) readCommand() (argv [][]byte, err string, ok bool) {
	server := l.server
	for {
		if argv, used, bad := ldbParseCommand(l.cbuf); bad {
			return nil, "protocol error", true
		} else if used > 0 {
			l.cbuf = nil
			return argv, "", true
		}
		if l.closed || l.client.closed || l.client.flags&clientCloseASAP != 0 || server.stopped {
			l.step, l.breakpoints = false, nil
			return nil, "", false
		}
		if len(l.cbuf) > ldbMaxBuffer {
			l.cbuf = nil
			if l.fork == nil {
				l.client.conn.ResumeRead()
			}
			return nil, "max client buffer reached", true
		}
		if l.fork != nil {
			var ok bool
			if l.cbuf, ok = l.fork.link.read(l.cbuf); !ok {
				l.closed = true
			}
			continue
		}
		if server.script.flags&scriptKilled != 0 {
			return nil, "Script killed by user with SCRIPT KILL...", true
		}
		l.waiting = true
		server.processingEventsWhileBlocked++
		server.el.ProcessEvents(true)
		server.processingEventsWhileBlocked--
		l.waiting = false
	}
}

// ldbParseCommand reads one command. used is 0 while it is not there whole.
func ldbParseCommand(in []byte) (argv [][]byte, used int, bad bool) {
	if len(in) == 0 {
		return nil, 0, false
	}
	start := bytes.IndexByte(in, '*')
	if start < 0 {
		return nil, 0, true
	}
	number := func(pos int) (n, next int, complete bool) {
		end := bytes.Index(in[pos:], []byte("\r\n"))
		if end < 0 {
			return 0, 0, false
		}
		n, err := strconv.Atoi(string(in[pos : pos+end]))
		if err != nil {
			n = 0
		}
		return n, pos + end + 2, true
	}
	argc, pos, complete := number(start + 1)
	if !complete {
		return nil, 0, false
	}
	if argc <= 0 || argc > ldbMaxArgs {
		return nil, 0, true
	}
	for range argc {
		if pos >= len(in) {
			return nil, 0, false
		}
		if in[pos] != '$' {
			return nil, 0, true
		}
		n, next, complete := number(pos + 1)
		if !complete {
			return nil, 0, false
		}
		if n <= 0 || n > ldbMaxArgLen {
			return nil, 0, true
		}
		if next+n+2 > len(in) {
			return nil, 0, false
		}
		argv = append(argv, in[next:next+n])
		if in[next+n] != '\r' || in[next+n+1] != '\n' {
			return nil, 0, true
		}
		pos = next + n + 2
	}
	return argv, pos, false
}

// --- What the client can say ---

var ldbHelp = []string{
	"Redis Lua debugger help:",
	"[h]elp               Show this text.",
	"[s]tep               Execute the current line and stop again.",
	"[n]ext               The same as step.",
	"[c]ontinue           Go on until the next breakpoint.",
	"[l]ist               Show the code around the current line.",
	"[l]ist [line]        Show the code around [line].",
	"                     0 is the current position.",
	"[l]ist [line] [ctx]  The same with [ctx] lines before and",
	"                     behind it.",
	"[w]hole              Show all of the code: 'list 1 1000000'.",
	"[p]rint              Show all local variables.",
	"[p]rint <var>        Show one variable, of the stack or of",
	"                     KEYS and ARGV.",
	"[b]reak              Show all breakpoints.",
	"[b]reak <line>       Set a breakpoint at a line.",
	"[b]reak -<line>      Remove the breakpoint of a line.",
	"[b]reak 0            Remove all breakpoints.",
	"[t]race              Show where we are, and who called.",
	"[e]val <code>        Execute Lua code, in a frame of its own.",
	"[r]edis <cmd>        Execute a command.",
	"[m]axlen [len]       Cut shown replies and values at len bytes,",
	"                     or not at all if it is 0.",
	"[a]bort              End the script. What it has changed",
	"                     stays changed.",
	"",
	"For use in scripts:",
	"redis.debug()        Show values here.",
	"redis.breakpoint()   Stop as if there was a breakpoint at the",
	"                     next line.",
}

// ldbRepl executes commands until one lets the script go on. It is false if the client has gone.
func (e *luaEngine) ldbRepl(L *lua.L) bool {
	l := &e.server.ldb
	for {
		argv, err, ok := l.readCommand()
		if !ok {
			return false
		}
		if err != "" {
			e.raise(L, err)
		}
		is := func(short, long string) bool { return equalFold(argv[0], short) || equalFold(argv[0], long) }
		switch {
		case is("H", "HELP"):
			l.logs = append(l.logs, ldbHelp...)
		case is("S", "STEP"), is("N", "NEXT"):
			l.step = true
			return true
		case is("C", "CONTINUE"):
			return true
		case is("T", "TRACE"):
			e.ldbTrace(L)
		case is("M", "MAXLEN"):
			l.setMaxlen(argv)
		case is("B", "BREAK"):
			l.breakCommand(argv[1:])
		case is("E", "EVAL"):
			e.ldbEval(argv[1:])
		case is("A", "ABORT"):
			e.raise(L, "script aborted for user request")
		case len(argv) > 1 && is("R", "REDIS"):
			e.ldbRedis(argv[1:])
		case is("P", "PRINT"):
			if len(argv) == 2 {
				e.ldbPrint(L, string(argv[1]))
			} else {
				e.ldbPrintAll(L)
			}
		case is("L", "LIST"):
			around, context := l.currentLine, 5
			if len(argv) > 1 {
				if n, _ := strconv.Atoi(string(argv[1])); n > 0 {
					around = n
				}
			}
			if len(argv) > 2 {
				context, _ = strconv.Atoi(string(argv[2]))
			}
			l.list(around, context)
		case is("W", "WHOLE"):
			l.list(1, 1000000)
		default:
			l.log("<error> Unknown Redis Lua debugger command or wrong number of arguments.")
		}
		l.sendLogs()
	}
}

func (l *ldbState) setMaxlen(argv [][]byte) {
	if len(argv) == 2 {
		n, _ := strconv.Atoi(string(argv[1]))
		l.hintSent = true
		if n != 0 && n <= 60 {
			n = 60
		}
		l.maxlen = n
	}
	if l.maxlen != 0 {
		l.log(fmt.Sprintf("<value> replies are truncated at %d bytes.", l.maxlen))
	} else {
		l.log("<value> replies are unlimited.")
	}
}

func (l *ldbState) breakCommand(args [][]byte) {
	if len(args) == 0 {
		if len(l.breakpoints) == 0 {
			l.log("No breakpoints set. Use 'b <line>' to add one.")
			return
		}
		l.log(fmt.Sprintf("%d breakpoints set:", len(l.breakpoints)))
		for _, n := range l.breakpoints {
			l.logSourceLine(n)
		}
		return
	}
	for _, arg := range args {
		line, ok := util.String2ll(arg)
		switch {
		case !ok:
			l.log(fmt.Sprintf("Invalid argument:'%s'", arg))
		case line == 0:
			l.breakpoints = nil
			l.log("All breakpoints removed.")
		case line > 0 && len(l.breakpoints) == ldbBreakpointsMax:
			l.log("Too many breakpoints set.")
		case line > int64(len(l.src)):
			l.log("Wrong line number.")
		case line > 0:
			if !l.isBreakpoint(int(line)) {
				l.breakpoints = append(l.breakpoints, int(line))
			}
			l.list(int(line), 1)
		default:
			l.removeBreakpoint(-line)
		}
	}
}

func (l *ldbState) removeBreakpoint(line int64) {
	for i, n := range l.breakpoints {
		if int64(n) == line {
			l.breakpoints = append(l.breakpoints[:i], l.breakpoints[i+1:]...)
			l.log("Breakpoint removed.")
			return
		}
	}
	l.log("No breakpoint in the specified line.")
}

// ldbEval executes code of the client: an expression if it is one, else statements.
func (e *luaEngine) ldbEval(args [][]byte) {
	l := &e.server.ldb
	code := bytes.Join(args, []byte(" "))
	fn, err := e.load(append([]byte("return "), code...), "@ldb_eval")
	if err != nil {
		if fn, err = e.load(code, "@ldb_eval"); err != nil {
			l.log("<error> " + err.Error())
			return
		}
	}
	e.server.script.startTime = monotonic.Nanotime()
	v, failure := e.st.Call(fn)
	if failure != nil {
		l.log("<error> " + luaCString(ldbErrorText(failure)))
		return
	}
	l.logMaxLen("<retval> " + ldbValue(v))
}

// ldbErrorText is what is shown of an error: the text, if it has one.
func ldbErrorText(failure *lua.Error) string {
	if s, ok := lua.ToString(failure.Value); ok {
		return s
	}
	return "(null)"
}

// ldbRedis executes a command by redis.call, which shows it and its reply.
func (e *luaEngine) ldbRedis(args [][]byte) {
	l := &e.server.ldb
	values := make([]lua.Value, len(args))
	for i, a := range args {
		values[i] = lua.String(a)
	}
	l.step = true
	e.st.Call(e.st.Function(func(L *lua.L) int { return e.luaRedisGenericCommand(L, true) }), values...)
	l.step = false
}

// luaRedisBreakpoint is redis.breakpoint().
func (e *luaEngine) luaRedisBreakpoint(L *lua.L) int {
	l := &e.server.ldb
	if l.active {
		l.luabp = true
	}
	L.Push(lua.Bool(l.active))
	return 1
}

// luaRedisDebug is redis.debug(...).
func (e *luaEngine) luaRedisDebug(L *lua.L) int {
	l := &e.server.ldb
	if !l.active {
		return 0
	}
	text := fmt.Sprintf("<debug> line %d: ", l.currentLine)
	for i := 1; i <= L.GetTop(); i++ {
		if i > 1 {
			text += ", "
		}
		text += ldbValue(L.Get(i))
	}
	l.log(text)
	return 0
}

// --- Values ---

func (e *luaEngine) ldbPrint(L *lua.L, name string) {
	l := &e.server.ldb
	if v, ok := e.st.Local(L, name); ok {
		l.logMaxLen("<value> " + ldbValue(v))
		return
	}
	if name == "ARGV" || name == "KEYS" {
		l.logMaxLen("<value> " + ldbValue(e.st.Globals().RawGetString(name)))
		return
	}
	l.log("No such variable.")
}

func (e *luaEngine) ldbPrintAll(L *lua.L) {
	l := &e.server.ldb
	n := 0
	if frames := e.st.Frames(L); len(frames) > 0 {
		for _, local := range e.st.Locals(L, frames[0].Level) {
			l.logMaxLen("<value> " + local.Name + " = " + ldbValue(local.Value))
			n++
		}
	}
	if n == 0 {
		l.log("No local variables in the current context.")
	}
}

func (e *luaEngine) ldbTrace(L *lua.L) {
	l := &e.server.ldb
	frames := e.st.Frames(L)
	for i, frame := range frames {
		if frame.Source != luaScriptSource {
			continue
		}
		where, name := "From", "top level"
		if i == 0 {
			where = "In"
		}
		if frame.Name != "" {
			name = frame.Name
		}
		l.log(where + " " + name + ":")
		l.logSourceLine(frame.Line)
	}
	if len(frames) == 0 {
		l.log("<error> Can't retrieve Lua stack.")
	}
}

// ldbValue shows a Lua value.
func ldbValue(v lua.Value) string { return string(ldbCatValue(nil, v, 0)) }

func ldbCatValue(b []byte, v lua.Value, level int) []byte {
	if level == ldbMaxValuesDepth {
		return append(b, "<max recursion level reached! Nested table?>"...)
	}
	switch v := v.(type) {
	case lua.String:
		return sds.CatRepr(b, string(v))
	case lua.Number:
		return util.AppendG(b, float64(v), 6)
	case *lua.Table:
		return ldbCatTable(b, v, level+1)
	case *lua.Function:
		return fmt.Appendf(b, "\"function@%p\"", v)
	case *lua.UserData:
		return fmt.Appendf(b, "\"userdata@%p\"", v)
	case *lua.L:
		return fmt.Appendf(b, "\"thread@%p\"", v)
	}
	return append(b, v.String()...) // nil, true, false
}

func ldbCatTable(b []byte, t *lua.Table, level int) []byte {
	isArray, n := true, 0
	for key, _ := t.Next(lua.Nil); key != lua.Nil; key, _ = t.Next(key) {
		n++
		if key != lua.Number(n) {
			isArray = false
			break
		}
	}
	b = append(b, '{')
	first := true
	for key, v := t.Next(lua.Nil); key != lua.Nil; key, v = t.Next(key) {
		if !first {
			b = append(b, "; "...)
		}
		first = false
		if !isArray {
			b = append(b, '[')
			b = ldbCatValue(b, key, level)
			b = append(b, "]="...)
		}
		b = ldbCatValue(b, v, level)
	}
	return append(b, '}')
}
