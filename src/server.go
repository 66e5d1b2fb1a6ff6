// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"redport/src/ae"
	"redport/src/commands"
	"redport/src/dict"
	"redport/src/epoch"
	"redport/src/kvstore"
	"redport/src/monotonic"
	"redport/src/platform"
	"redport/src/util"
	"redport/src/zmalloc"
)

// server.go - the server itself: its making, the command table, and the way of a command through
// processCommand and call. Periodic work is in server_cron.go, start and stop are in server_main.go and
// server_shutdown.go.

// keysDictType is how the keyspace uses a dictionary: entries carry their LRU or LFU word.
func (server *Server) keysDictType() *dict.Type {
	return &dict.Type{Access: true, FreePointer: freeObjectPointer}
}

// New makes a Server that has read its configuration, and nothing else: it holds no socket yet.
func New(options Options) (*Server, error) {
	if options.Stdout == nil {
		options.Stdout = os.Stdout
	}
	if options.Stderr == nil {
		options.Stderr = os.Stderr
	}
	server := &Server{
		options: options, pid: os.Getpid(), startTime: time.Now(), sentinelMode: options.Sentinel,
		clientsByID: map[uint64]*client{}, pubsubChannels: pubsubTable{}, pubsubPatterns: pubsubTable{}, pubsubshardChannels: pubsubTable{},
		latencyEvents: map[string]*latencyTimeSeries{}, lastbgsaveStatus: true,
		clientMemBuckets: make([]clientMemUsageBucket, clientMemUsageBuckets), replyBufferPeakResetTime: 5000, replyBufferResizingEnabled: true, activeExpireEnabled: true,
		runid: util.GetRandomHexChars(40), fs: options.FS,
	}
	if server.fs == nil {
		server.fs = platform.OSFS{}
	}
	server.logger.early = true
	server.rand.seed()
	server.executable = options.ExecName
	if abs, err := filepath.Abs(options.ExecName); err == nil && strings.ContainsRune(options.ExecName, os.PathSeparator) {
		server.executable = abs
	}
	server.stat.errors = map[string]int64{}
	server.resyncClock()
	server.changeReplicationId()
	server.clearReplicationId2()
	server.initConfigValues()
	if err := server.populateCommandTable(); err != nil {
		return nil, err
	}
	server.aclInit()
	server.commandTimeSnapshotMs = server.cachedMstime
	if err := server.loadOptions(); err != nil {
		return nil, err
	}
	server.mem = zmalloc.New(zmalloc.Auto)
	server.clock = epoch.New(server.mem)
	return server, nil
}

// initServer makes what the configuration decides about: databases, event loop, command time.
func (server *Server) initServer() error {
	loop, err := ae.New(ae.Options{Backend: os.Getenv("REDPORT_EVENT_LOOP")})
	if err != nil {
		return fmt.Errorf("Failed creating the event loop. Error message: '%w'", err)
	}
	if server.ioThreadsNum > 1 {
		loop.SetIOThreads(server.ioThreadsNum)
	}
	server.initServerOn(loop)
	loop.BeforeSleep = server.beforeSleep
	loop.AfterSleep = server.afterSleep
	server.cronTimer = loop.CreateTimeEvent(1, server.serverCron)
	return nil
}

// initServerOn is initServer for a loop that nobody runs: without what happens by itself.
func (server *Server) initServerOn(loop *ae.Loop) {
	server.el = loop
	server.ioThreadClients = make([]int, server.ioThreadsNum)
	server.hz = server.configHz
	server.db = make([]*redisDb, server.dbnum)
	for i := range server.db {
		server.db[i] = &redisDb{
			server: server, id: i, keys: kvstore.New(server.clock, server.keysDictType(), server.clusterEnabled),
			blockingKeys: map[string]*blockedKey{}, watchedKeys: map[string]map[*client]bool{},
		}
	}
	server.lruclock = server.getLRUClock()
	server.stat.starttime = server.unixtime
	server.evictionPoolAlloc()
	server.scriptingInit()
	server.functionsInit()
	server.slowlogInit()
	server.aclUpdateDefaultUserPassword(server.requirepass)
	server.lastsave = server.unixtime
	server.nextChildPid = server.pid
	server.rdbSaveTimeLast, server.rdbSaveTimeStart = -1, -1
	server.initAppendOnly()
	server.resetServerStats()
}

// path joins a relative file name to the data directory: the process never changes its own.
func (server *Server) path(name string) string {
	if filepath.IsAbs(name) || server.dir == "" {
		return name
	}
	return filepath.Join(server.dir, name)
}

// --- Time ---

// resyncClock reads the wall clock and ties the monotonic one to it.
func (server *Server) resyncClock() {
	mono := monotonic.Nanotime()
	server.wallBase = time.Now().UnixMicro() - mono/1000
	server.cachedMono = mono
	server.updateCachedMs()
}

// setCachedTime makes mono the time that is cached. Within one millisecond that is all there is to do.
func (server *Server) setCachedTime(mono int64) {
	server.cachedMono = mono
	if mono >= server.cachedMsEnd {
		server.updateCachedMs()
	}
}

// updateCachedMs computes what is cached of the wall clock from cachedMono.
func (server *Server) updateCachedMs() {
	us := server.cachedUstime()
	server.cachedMstime = us / 1000
	server.unixtime = us / 1000000
	server.cachedMsEnd = (server.cachedMstime*1000 + 1000 - server.wallBase) * 1000
}

// cachedUstime is the wall clock in microseconds, as of cachedMono.
func (server *Server) cachedUstime() int64 { return server.wallBase + server.cachedMono/1000 }

// updateCachedMono reads the monotonic clock once for a batch of commands.
func (server *Server) updateCachedMono() {
	server.setCachedTime(monotonic.Nanotime())
}

// ustime is the wall clock in microseconds, now.
func (server *Server) ustime() int64 { return server.wallBase + monotonic.Nanotime()/1000 }

// mstime is the wall clock in milliseconds, now.
func (server *Server) mstime() int64 { return server.ustime() / 1000 }

// commandTimeSnapshot is the time that a command sees: it stands still while one executes, and for all
// commands of a transaction or script.
func (server *Server) commandTimeSnapshot() int64 { return server.commandTimeSnapshotMs }

// xorshift is a small fast generator for sampling; nothing secret may depend on it.
type xorshift struct{ s uint64 }

func (x *xorshift) seed() {
	var b [8]byte
	util.GetRandomBytes(b[:])
	x.s = binary.LittleEndian.Uint64(b[:]) | 1
}

func (x *xorshift) uint64() uint64 {
	s := x.s
	s ^= s << 13
	s ^= s >> 7
	s ^= s << 17
	x.s = s
	return s
}

// --- Command table ---

// commandTable finds a command by a name of up to eight bytes, packed into a word, without hashing text.
type commandTable struct {
	words [commandTableSize]uint64
	cmds  [commandTableSize]*redisCommand
}

const commandTableSize = 1024 // a power of two, several times the number of commands

func commandWordHash(w uint64) uint64 { return (w * 0x9E3779B97F4A7C15) >> 54 }

// packCommandName packs 1 to 8 bytes into a word, ASCII letters in lower case.
func packCommandName(b []byte) uint64 {
	n := len(b)
	var w uint64
	if n >= 4 {
		w = uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<(8*uint(n-4))
	} else {
		for i := n - 1; i >= 0; i-- {
			w = w<<8 | uint64(b[i])
		}
	}
	const ones = 0x0101010101010101
	low := w & (0x7f * ones)
	upper := ((low + (0x80-'A')*ones) ^ (low + (0x7f-'Z')*ones)) &^ w & (0x80 * ones)
	return w | upper>>2
}

func (t *commandTable) add(cmd *redisCommand) {
	w := packCommandName([]byte(cmd.fullname))
	i := commandWordHash(w)
	for t.cmds[i] != nil && t.words[i] != w {
		i = (i + 1) & (commandTableSize - 1)
	}
	t.words[i], t.cmds[i] = w, cmd
}

func (t *commandTable) find(name []byte) *redisCommand {
	w := packCommandName(name)
	for i := commandWordHash(w); ; i = (i + 1) & (commandTableSize - 1) {
		cmd := t.cmds[i]
		if cmd == nil {
			return nil
		}
		if t.words[i] == w {
			if len(cmd.fullname) == len(name) {
				return cmd
			}
			return nil
		}
	}
}

// populateCommandTable registers every declared command that has a function here.
func (server *Server) populateCommandTable() error {
	procs := commandProcs()
	byName := make(map[string]func(*client), len(procs))
	for _, p := range procs {
		byName[p.fullname] = p.proc
	}
	server.commands = map[string]*redisCommand{}
	for _, decl := range commands.Table {
		if cmd := server.makeCommand(decl, nil, byName); cmd != nil {
			server.commands[cmd.fullname] = cmd
		}
	}
	server.origCommands = maps.Clone(server.commands)
	server.indexCommands()
	return nil
}

func (server *Server) makeCommand(decl *commands.Command, parent *redisCommand, procs map[string]func(*client)) *redisCommand {
	full := strings.ToLower(decl.Name)
	if parent != nil {
		full = parent.fullname + "|" + full
	}
	cmd := &redisCommand{Command: decl, fullname: full, proc: procs[full], arity: decl.Arity, flags: decl.Flags,
		aclCategories: decl.ACLCategories, parent: parent, id: server.nextCommandID}
	server.nextCommandID++
	for _, sub := range decl.Subcommands {
		if s := server.makeCommand(sub, cmd, procs); s != nil {
			if cmd.subcommands == nil {
				cmd.subcommands = map[string]*redisCommand{}
			}
			cmd.subcommands[strings.ToLower(sub.Name)] = s
		}
	}
	if cmd.proc == nil && cmd.subcommands == nil {
		return nil
	}
	sentinelOnly := cmd.flags&commands.CmdOnlySentinel != 0
	if sentinelOnly && !server.sentinelMode || server.sentinelMode && !sentinelOnly && cmd.flags&commands.CmdSentinel == 0 {
		return nil
	}
	return cmd
}

// indexCommands builds the fast index anew, after the table or a name in it changed.
func (server *Server) indexCommands() {
	server.commandWords = commandTable{}
	for name, cmd := range server.commands {
		if len(name) <= 8 && name == cmd.fullname {
			server.commandWords.add(cmd)
		}
	}
}

// commandNameMax is longer than any command's name.
const commandNameMax = 64

// lowerCommandName puts the name in lower case into buf; nil, which names no command, if it is too long.
func lowerCommandName(buf *[commandNameMax]byte, name []byte) []byte {
	if len(name) > len(buf) {
		return nil
	}
	low := buf[:len(name)]
	for i, ch := range name {
		if ch >= 'A' && ch <= 'Z' {
			ch += 'a' - 'A'
		}
		low[i] = ch
	}
	return low
}

// lookupTopCommand finds a command by its name in any case, without looking at subcommands.
func (server *Server) lookupTopCommand(name []byte) *redisCommand {
	if len(name) <= 8 && len(name) > 0 {
		if cmd := server.commandWords.find(name); cmd != nil {
			return cmd
		}
	}
	var tmp [commandNameMax]byte
	return server.commands[string(lowerCommandName(&tmp, name))]
}

// lookupCommand finds the command, or the subcommand, that argv names. nil: there is none.
func (server *Server) lookupCommand(argv [][]byte) *redisCommand {
	cmd := server.lookupTopCommand(argv[0])
	if cmd == nil || cmd.subcommands == nil || len(argv) == 1 {
		return cmd
	}
	return cmd.lookupSubcommand(argv[1])
}

func (cmd *redisCommand) lookupSubcommand(name []byte) *redisCommand {
	var tmp [commandNameMax]byte
	return cmd.subcommands[string(lowerCommandName(&tmp, name))]
}

// lookupCommandByName finds "get" or "config|get".
func (server *Server) lookupCommandByName(name string) *redisCommand {
	top, sub, isSub := strings.Cut(strings.ToLower(name), "|")
	cmd := server.commands[top]
	if cmd == nil || !isSub {
		return cmd
	}
	return cmd.subcommands[sub]
}

// --- The way of a command ---

// Flags of call.
const (
	cmdCallNone          = 0
	cmdCallPropagateAof  = 1 << 0
	cmdCallPropagateRepl = 1 << 1
	cmdCallPropagate     = cmdCallPropagateAof | cmdCallPropagateRepl
	cmdCallFull          = cmdCallPropagate
)

// rejectCommand answers a command that is not executed; a transaction that it was part of fails.
func (c *client) rejectCommand(reply string) {
	c.flagTransaction()
	c.duration = 0
	if c.cmd != nil {
		c.cmd.rejectedCalls++
	}
	reply = strings.TrimSuffix(reply, "\r\n")
	if c.cmd != nil && c.cmd.fullname == "exec" {
		c.execCommandAbort(reply)
	} else {
		c.addReplyError(reply)
	}
}

func (c *client) rejectCommandFormat(format string, args ...any) {
	c.rejectCommand(fmt.Sprintf(format, args...))
}

// commandCheckExistence: c.cmd is set, or the error is on its way.
func (c *client) commandCheckExistence() bool {
	if c.cmd != nil {
		return true
	}
	server := c.server
	var msg strings.Builder
	if cmd := server.lookupTopCommand(c.argv[0]); cmd != nil && cmd.subcommands != nil && len(c.argv) > 1 {
		fmt.Fprintf(&msg, "unknown subcommand '%s'. Try %s HELP.", clip(c.argv[1], 128), strings.ToUpper(string(clip(c.argv[0], 128))))
	} else {
		fmt.Fprintf(&msg, "unknown command '%s', with args beginning with: ", clip(c.argv[0], 128))
		shown := 0
		for _, a := range c.argv[1:] {
			if shown >= 128 {
				break
			}
			n, _ := fmt.Fprintf(&msg, "'%s' ", clip(a, 128-shown))
			shown += n
		}
	}
	c.rejectCommand(msg.String())
	return false
}

// clip is what C prints of b with %.*s.
func clip(b []byte, n int) []byte {
	b = cstring(b)
	return b[:min(len(b), n)]
}

// arityFits tells whether the command takes that many arguments, its name included.
func (cmd *redisCommand) arityFits(argc int) bool {
	return argc == cmd.arity || cmd.arity <= 0 && argc >= -cmd.arity
}

// securityWarning ends a connection that speaks HTTP: a browser was tricked into sending commands.
func (c *client) securityWarning() {
	server := c.server
	if server.unixtime-server.lastSecurityWarning > 60 {
		server.lastSecurityWarning = server.unixtime
		server.log(llWarning, "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. "+
			"This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis instance. Connection from %s aborted.", c.peerID())
	}
	c.freeClientAsync()
}

// processCommand checks the command in c.argv against everything that may forbid it and executes,
// queues or holds it back.
func (server *Server) processCommand(c *client) commandResult {
	if c.cmd == nil {
		cmd := c.parsedCmd
		c.parsedCmd = nil
		if cmd == nil {
			cmd = server.lookupCommand(c.argv)
		}
		c.cmd, c.realcmd = cmd, cmd
		if cmd == nil {
			if name := c.argv[0]; equalFold(name, "POST") || equalFold(name, "HOST:") {
				c.securityWarning()
				return commandGone
			}
			c.commandCheckExistence()
			return commandDone
		}
		c.lastcmd = cmd
		if !cmd.arityFits(len(c.argv)) {
			c.rejectCommandFormat("wrong number of arguments for '%s' command", cmd.fullname)
			return commandDone
		}
		if cmd.flags&commands.CmdProtected != 0 && !server.commandAllowedByProtection(c) {
			return commandDone
		}
	}
	cmd := c.cmd
	flags := cmd.flags
	if flags&commands.CmdNoscript != 0 {
		flags = c.getCommandFlags()
	}
	inMulti := c.flags&clientMulti != 0
	// What some or all commands of a transaction must have counts for its EXEC, too.
	denyStale := flags&commands.CmdStale == 0
	if inMulti && cmd.fullname == "exec" {
		flags |= c.mstate.cmdFlags
		denyStale = denyStale || c.mstate.cmdInvFlags&commands.CmdStale != 0
	}
	isWrite := flags&commands.CmdWrite != 0
	mayReplicate := flags&(commands.CmdWrite|commands.CmdMayReplicate) != 0

	if !c.authenticated && flags&commands.CmdNoAuth == 0 && c.authRequired() {
		c.rejectCommand(shared.noautherr)
		return commandDone
	}
	if inMulti && flags&commands.CmdNoMulti != 0 {
		c.rejectCommand("Command not allowed inside a transaction")
		return commandDone
	}
	if u := c.user; u != nil && !u.unrestricted && !c.aclCheckOrReject() {
		return commandDone
	}
	if server.maxmemoryClients != 0 {
		server.evictClients()
		if c.closed || c.flags&clientCloseASAP != 0 {
			return commandGone
		}
	}
	// Not in a turn of the event loop inside a script: evictions must not mix with what it propagates.
	if server.maxmemory != 0 && !server.isInsideYieldingLongCommand() {
		full := server.performEvictions() == evictFail
		if c.closed || c.flags&clientCloseASAP != 0 {
			return commandGone
		}
		if full {
			deny := flags&commands.CmdDenyoom != 0
			// A transaction is not let in while there is no memory, but its end and its dropping are.
			if inMulti && cmd.fullname != "exec" && cmd.fullname != "discard" && cmd.fullname != "reset" && cmd.fullname != "multi" && cmd.fullname != "quit" {
				deny = true
			}
			if deny {
				c.rejectCommand(shared.oomerr)
				return commandDone
			}
		}
		// Scripts go by this, because they need memory themselves.
		server.preCommandOomState = full
	}
	if server.trackingClients > 0 {
		server.trackingLimitUsedSlots()
	}
	// PING is refused, too: it is how monitoring finds out.
	if (isWrite || cmd.fullname == "ping") && c.flags&clientMaster == 0 {
		if kind := server.writeCommandsDeniedByDiskError(); kind != diskErrorTypeNone {
			c.rejectCommand(server.writeCommandsGetDiskErrorMessage(kind))
			return commandDone
		}
	}
	if isWrite && c.flags&clientMaster == 0 {
		if !server.checkGoodReplicasStatus() {
			c.rejectCommand(shared.noreplicaserr)
			return commandDone
		}
		if server.masterhost != "" && server.replSlaveRo {
			c.rejectCommand(shared.roslaveerr)
			return commandDone
		}
	}
	if c.flags&clientPubsub != 0 && c.resp == 2 && !pubsubContextCommand(cmd.fullname) {
		c.rejectCommandFormat("Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context", cmd.fullname)
		return commandDone
	}
	if denyStale && server.servesStaleData() {
		c.rejectCommand(shared.masterdownerr)
		return commandDone
	}
	if server.loading && flags&commands.CmdLoading == 0 {
		c.rejectCommand(shared.loadingerr)
		return commandDone
	}
	// The commands of transactions are among those allowed, or the second half of one sent without waiting might be executed alone.
	if cmd.flags&commands.CmdAllowBusy == 0 && server.isInsideYieldingLongCommand() {
		if server.ldb.abandoned() {
			c.cmd = nil
			c.blockPostponeClient()
			return commandPostponed
		}
		if server.scriptIsEval() {
			c.rejectCommand(shared.slowevalerr)
		} else {
			c.rejectCommand(shared.slowscripterr)
		}
		return commandDone
	}
	if server.pausedActions != 0 && c.flags&clientSlave == 0 {
		if server.pausedActions&pauseActionClientAll != 0 && server.isPausedActionsWithUpdate(pauseActionClientAll) ||
			mayReplicate && server.isPausedActionsWithUpdate(pauseActionClientWrite) {
			c.cmd = nil
			c.blockPostponeClient()
			return commandPostponed
		}
	}
	if inMulti && !multiImmediateCommand(cmd.fullname) {
		c.queueMultiCommand(flags)
		c.addReply(shared.queued)
		return commandDone
	}
	server.call(c, cmdCallFull)
	c.woff = server.masterReplOffset
	if len(server.readyKeys) > 0 && !server.isInsideYieldingLongCommand() {
		server.handleClientsBlockedOnKeys()
	}
	return commandDone
}

// multiImmediateCommand: these are executed, not queued, between MULTI and EXEC.
func multiImmediateCommand(name string) bool {
	switch name {
	case "exec", "discard", "multi", "watch", "quit", "reset":
		return true
	}
	return false
}

func pubsubContextCommand(name string) bool {
	switch name {
	case "ping", "subscribe", "ssubscribe", "psubscribe", "unsubscribe", "sunsubscribe", "punsubscribe", "quit", "reset":
		return true
	}
	return false
}

// commandAllowedByProtection checks DEBUG and MODULE against enable-debug-command and its like.
func (server *Server) commandAllowedByProtection(c *client) bool {
	name, option, setting := "DEBUG", "enable-debug-command", server.enableDebugCmd
	if c.cmd.fullname == "module" || c.cmd.parent != nil && c.cmd.parent.fullname == "module" {
		name, option, setting = "MODULE", "enable-module-command", server.enableModuleCmd
	}
	if allowProtectedAction(setting, c) {
		return true
	}
	c.rejectCommandFormat("%s command not allowed. If the %s option is set to \"local\", "+
		"you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.", name, option)
	return false
}

// call executes c.cmd with c.argv and does all that follows: statistics, logs, propagation, tracking.
//
// Time is read once a command: the end of one is the start of the next in the same batch.
func (server *Server) call(c *client, flags int) {
	cmd := c.cmd
	clientOldFlags := c.flags
	c.flags = c.flags&^(clientForceAof|clientForceRepl|clientPreventProp) | clientExecutingCommand
	prev := server.executingClient
	server.executingClient = c
	dirty := server.dirty
	server.prevErrCount = server.stat.totalErrorReplies
	start := server.cachedMono
	if server.executionNesting == 0 {
		server.commandTimeSnapshotMs = server.cachedMstime
	} else {
		start = monotonic.Nanotime()
	}
	server.executionNesting++
	// What may look at other clients, or changes how a subscriber is spoken to, comes after what has been published.
	if server.published.to != nil && (cmd.flags&(commands.CmdFast|commands.CmdWrite|commands.CmdReadonly) == 0 || c.flags&clientPubsub != 0) {
		server.flushPublished()
	}

	cmd.proc(c)

	server.executionNesting--
	end := monotonic.Nanotime()
	duration := end - start
	if server.executionNesting == 0 {
		server.setCachedTime(end)
		server.stat.cmdDuration += duration
	}
	c.duration += duration
	dirty = server.dirty - dirty
	if dirty < 0 {
		dirty = 0
	}
	// Errors of commands that this one executed, as EXEC does, are counted there.
	if server.stat.totalErrorReplies != server.prevErrCount {
		cmd.failedCalls++
		server.prevErrCount = server.stat.totalErrorReplies
	}
	if c.flags&clientCloseAfterCommand != 0 {
		c.flags &^= clientCloseAfterCommand
		c.flags |= clientCloseAfterReply
	}
	if server.trackingClients > 0 && cmd.flags&commands.CmdReadonly != 0 && !runsScript(cmd) {
		// A script's reads are remembered for the client that runs it.
		if caller := server.currentClient; caller != nil && caller.flags&clientTracking != 0 {
			server.trackingRememberKeys(caller, c)
		}
	}
	// From here on, cmd and not c.cmd: a rewritten command is counted as what was sent.
	if c.flags&clientBlocked == 0 {
		cmd.calls++
		cmd.nanoseconds += c.duration
		if server.latencyTrackingEnabled {
			cmd.updateLatencyHistogram(c.duration)
		}
		if c.duration >= server.slowThreshold && !server.loading {
			server.commandWasSlow(c, cmd)
		}
		server.stat.numcommands++
		c.duration = 0
	}
	if len(server.monitors) > 0 && !server.loading && c.flags&clientReprocessingCommand == 0 && cmd.flags&(commands.CmdSkipMonitor|commands.CmdAdmin) == 0 {
		argv := c.argv
		if c.originalArgv != nil {
			argv = c.originalArgv
		}
		server.replicationFeedMonitors(c, argv)
	}
	if dirty != 0 || c.flags&(clientForceAof|clientForceRepl) != 0 {
		server.propagateCall(c, flags, dirty)
	}
	c.flags = c.flags&^(clientForceAof|clientForceRepl|clientPreventProp|clientExecutingCommand) |
		clientOldFlags&(clientForceAof|clientForceRepl|clientPreventProp|clientExecutingCommand)
	server.executingClient = prev
	if server.executionNesting == 0 {
		server.afterCommand(c)
	}
}

// runsScript tells the read-only commands that run scripts, whose commands are what counts.
func runsScript(cmd *redisCommand) bool {
	return cmd.Group == commands.GroupScripting && cmd.flags&commands.CmdNoscript != 0
}

// commandWasSlow gives a command that took long to the slow log and the latency monitor.
func (server *Server) commandWasSlow(c *client, cmd *redisCommand) {
	if server.latencyMonitorThreshold != 0 {
		event := "command"
		if cmd.flags&commands.CmdFast != 0 {
			event = "fast-command"
		}
		server.latencyAddSampleIfNeeded(event, c.duration/1e6)
	}
	if cmd.flags&commands.CmdSkipSlowlog == 0 {
		argv := c.argv
		if c.originalArgv != nil {
			argv = c.originalArgv
		}
		server.slowlogPushEntryIfNeeded(c, argv, c.duration)
	}
}

// updateSlowThreshold recomputes from which duration on (ns) call looks at the slow log and the latency monitor.
func (server *Server) updateSlowThreshold() {
	t := int64(1) << 62
	if server.slowlogLogSlowerThan >= 0 {
		t = server.slowlogLogSlowerThan * 1000
	}
	if server.latencyMonitorThreshold > 0 {
		t = min(t, server.latencyMonitorThreshold*1e6)
	}
	server.slowThreshold = t
}

// afterCommand runs once the outermost command is done.
func (server *Server) afterCommand(c *client) {
	if len(server.alsoPropagateOps) > 0 {
		server.propagatePendingCommands()
	}
	if server.trackingClients > 0 {
		server.trackingHandlePendingKeyInvalidations()
	}
	if len(server.pendingPushMessages) > 0 {
		server.flushPendingPushMessages()
	}
}

// --- Propagation ---

// A propagationSink takes the commands that change the dataset: the AOF and the replication stream
// register themselves here while they are on. dbid is -1 for a command that is the same in any database.
type propagationSink struct {
	target int // propagateAof or propagateRepl
	feed   func(dbid int, argv [][]byte)
}

// addPropagationSink begins to propagate to s.
func (server *Server) addPropagationSink(s propagationSink) {
	server.propagationSinks = append(server.propagationSinks, s)
}

// removePropagationSink ends that for the sink of a target.
func (server *Server) removePropagationSink(target int) {
	server.propagationSinks = slices.DeleteFunc(server.propagationSinks, func(s propagationSink) bool { return s.target == target })
}

func (server *Server) shouldPropagate(target int) bool {
	if server.loading && !server.asyncLoading {
		return false
	}
	for _, s := range server.propagationSinks {
		if s.target&target != 0 {
			return true
		}
	}
	return false
}

// propagateCall decides where the command just executed goes.
func (server *Server) propagateCall(c *client, flags int, dirty int64) {
	if c.flags&clientPreventProp == clientPreventProp || c.cmd.flags&commands.CmdModule != 0 {
		return
	}
	target := propagateNone
	if dirty != 0 {
		target = propagateAof | propagateRepl
	}
	if c.flags&clientForceRepl != 0 {
		target |= propagateRepl
	}
	if c.flags&clientForceAof != 0 {
		target |= propagateAof
	}
	if c.flags&clientPreventReplProp != 0 || flags&cmdCallPropagateRepl == 0 {
		target &^= propagateRepl
	}
	if c.flags&clientPreventAofProp != 0 || flags&cmdCallPropagateAof == 0 {
		target &^= propagateAof
	}
	if target == propagateNone {
		return
	}
	if server.executionNesting == 0 && len(server.alsoPropagateOps) == 0 {
		// It is all that is to be sent, and need not be copied for it.
		if len(server.propagationSinks) > 0 && server.shouldPropagate(target) {
			server.propagateNow(c.db.id, c.argv, target)
		}
		return
	}
	server.alsoPropagate(c.db.id, c.argv, target)
}

// alsoPropagate queues a command for the AOF and the replicas, to be sent when the current one is done.
func (server *Server) alsoPropagate(dbid int, argv [][]byte, target int) {
	if len(server.propagationSinks) == 0 || !server.shouldPropagate(target) {
		return
	}
	server.alsoPropagateOps = append(server.alsoPropagateOps, redisOp{dbid, cloneArgv(argv), target})
}

// propagatePendingCommands sends what alsoPropagate queued, in a transaction if it is more than one command.
func (server *Server) propagatePendingCommands() {
	ops := server.alsoPropagateOps
	server.alsoPropagateOps = nil
	if server.stopped {
		// A script in whose middle SHUTDOWN came: half of it must not outlive the server.
		return
	}
	transaction := len(ops) > 1 && !server.propagateNoMulti
	if transaction {
		server.propagateNow(-1, [][]byte{[]byte("MULTI")}, propagateAof|propagateRepl)
	}
	for _, op := range ops {
		server.propagateNow(op.dbid, op.argv, op.target)
	}
	if transaction {
		server.propagateNow(-1, [][]byte{[]byte("EXEC")}, propagateAof|propagateRepl)
	}
}

func (server *Server) propagateNow(dbid int, argv [][]byte, target int) {
	replicated := false
	for _, s := range server.propagationSinks {
		if s.target&target != 0 {
			s.feed(dbid, argv)
			replicated = replicated || s.target&propagateRepl != 0
		}
	}
	// The offset also tells how far the AOF is durable, so it grows with no stream of replication, too.
	if target&propagateRepl != 0 && !replicated && server.masterhost == "" {
		server.masterReplOffset++
	}
}

// preventCommandPropagation keeps the current command from the AOF and the replicas.
func (c *client) preventCommandPropagation() { c.flags |= clientPreventProp }

// forceCommandPropagation sends the current command although it changed nothing.
func (c *client) forceCommandPropagation(target int) {
	if target&propagateRepl != 0 {
		c.flags |= clientForceRepl
	}
	if target&propagateAof != 0 {
		c.flags |= clientForceAof
	}
}

// updateLatencyHistogram records one execution, 1 ns to 1 s.
func (cmd *redisCommand) updateLatencyHistogram(ns int64) {
	if cmd.latencyHistogram == nil {
		cmd.latencyHistogram = newLatencyHistogram()
	}
	cmd.latencyHistogram.RecordValue(min(max(ns, latencyHistogramMinValue), latencyHistogramMaxValue))
}

// --- Small commands ---

// pingCommand answers PONG, as a message where a RESP2 client is subscribed.
func pingCommand(c *client) {
	if len(c.argv) > 2 {
		c.addReplyErrorArity()
		return
	}
	if c.flags&clientPubsub != 0 && c.resp == 2 {
		c.addReplyArrayLen(2)
		c.addReplyBulkString("pong")
		if len(c.argv) == 1 {
			c.addReplyBulkString("")
		} else {
			c.addReplyBulkBytes(c.argv[1])
		}
		return
	}
	if len(c.argv) == 1 {
		c.addReply(shared.pong)
	} else {
		c.addReplyBulkBytes(c.argv[1])
	}
}

func echoCommand(c *client) { c.addReplyBulkBytes(c.argv[1]) }

func timeCommand(c *client) {
	server := c.server
	us := server.ustime()
	if server.executionNesting > 1 {
		// It stands still in transactions and scripts.
		us = server.cachedUstime()
	}
	c.addReplyArrayLen(2)
	c.addReplyBulkLongLong(us / 1e6)
	c.addReplyBulkLongLong(us % 1e6)
}

// monitorCommand turns the connection into a log of all commands.
func monitorCommand(c *client) {
	server := c.server
	if c.flags&clientDenyBlocking != 0 {
		c.addReplyError("MONITOR isn't allowed for DENY BLOCKING client")
		return
	}
	if c.flags&clientSlave != 0 {
		return
	}
	c.flags |= clientSlave | clientMonitor
	server.monitors = append(server.monitors, c)
	c.addReply(shared.ok)
}
