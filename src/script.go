// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"redport/src/commands"
	"redport/src/monotonic"
	"redport/src/platform"
)

// script.go - what EVAL and FCALL share: the run of a script as the server sees it.
//
// A run (scriptRunCtx) begins with scriptPrepareForRun, which tells whether the script may run at all in the server's present
// state, and ends with scriptResetRun. Between them the engine executes commands by scriptCall, on a client of its own that has no
// connection, and asks scriptInterrupt from time to time whether to go on.
//
// A script is one execution unit: time stands still in it, and what its commands propagate goes out together when the
// command that runs it ends. Only one script runs at a time. After busy-reply-threshold ms the interpreter lets the event loop
// have a turn now and then (processEventsWhileBlocked), in which other clients get BUSY, or kill the script.
//
// Counterpart: script.c.

// Flags that a script declares.
const (
	scriptFlagNoWrites uint64 = 1 << iota
	scriptFlagAllowOom
	scriptFlagAllowStale
	scriptFlagNoCluster
	scriptFlagEvalCompatMode // none declared: as scripts were before there were flags
	scriptFlagAllowCrossSlot
)

// scriptFlagsDef are the flags' names, in the order in which FUNCTION LIST shows them.
var scriptFlagsDef = []struct {
	flag uint64
	name string
}{
	{scriptFlagNoWrites, "no-writes"},
	{scriptFlagAllowOom, "allow-oom"},
	{scriptFlagAllowStale, "allow-stale"},
	{scriptFlagNoCluster, "no-cluster"},
	{scriptFlagAllowCrossSlot, "allow-cross-slot-keys"},
}

// Flags of a run.
const (
	scriptWriteDirty     uint32 = 1 << iota // a write command has been executed
	scriptTimedout                          // the server answers others with BUSY
	scriptKilled                            // to end as soon as possible
	scriptReadOnly                          // no write commands
	scriptAllowOom                          // any command, even without memory
	scriptEvalMode                          // EVAL, not FCALL
	scriptAllowCrossSlot                    // keys of several slots
)

// scriptRunCtx is one run of a script. There is one at a time, so the Server has the room for it.
type scriptRunCtx struct {
	running        bool
	flags          uint32
	replFlags      int
	funcname       string  // the SHA1 of a script, the name of a function
	c              *client // executes the script's commands
	originalClient *client // runs the script
	startTime      int64   // monotonic ns
}

// scriptIsRunning tells whether a script is being executed.
func (server *Server) scriptIsRunning() bool { return server.script.running }

// scriptIsTimedout tells whether the script has run for so long that others get BUSY.
func (server *Server) scriptIsTimedout() bool {
	return server.script.running && server.script.flags&scriptTimedout != 0
}

func (server *Server) scriptIsEval() bool { return server.script.flags&scriptEvalMode != 0 }

// scriptRunDuration is how long the script has been running, in ms.
func (server *Server) scriptRunDuration() int64 {
	return (monotonic.Nanotime() - server.script.startTime) / 1e6
}

// scriptFlagsToCmdFlags makes of a script's flags those that its EVAL or FCALL is judged by.
func scriptFlagsToCmdFlags(cmdFlags, scriptFlags uint64) uint64 {
	// What the script declares is exact, so the command's own guesses go.
	cmdFlags &^= commands.CmdStale | commands.CmdDenyoom | commands.CmdWrite | commands.CmdMayReplicate
	if scriptFlags&(scriptFlagAllowOom|scriptFlagNoWrites) == 0 {
		cmdFlags |= commands.CmdDenyoom
	}
	if scriptFlags&scriptFlagNoWrites == 0 {
		cmdFlags |= commands.CmdWrite
	}
	if scriptFlags&scriptFlagAllowStale != 0 {
		cmdFlags |= commands.CmdStale
	}
	return cmdFlags
}

// checkScriptNumkeys tells whether the arguments of EVAL or FCALL leave room for that many keys, or replies that they do not.
func (c *client) checkScriptNumkeys(numkeys int64) bool {
	switch {
	case numkeys > int64(len(c.argv)-3):
		c.addReplyError("Number of keys can't be greater than number of args")
	case numkeys < 0:
		c.addReplyError("Number of keys can't be negative")
	default:
		return true
	}
	return false
}

// scriptPrepareForRun begins a run, or answers caller with the reason why not. ro: by one of the commands that only read.
func (server *Server) scriptPrepareForRun(engine, caller *client, funcname string, scriptFlags uint64, ro bool) bool {
	compat := scriptFlags&scriptFlagEvalCompatMode != 0
	if !server.scriptAllowedToRun(caller, scriptFlags, ro) {
		return false
	}
	engine.db = caller.db
	engine.resp = 2
	// EXEC's answer to commands that must not be in a transaction holds for those of its scripts.
	engine.flags = engine.flags&^clientMulti | caller.flags&clientMulti
	run := &server.script
	*run = scriptRunCtx{
		running: true, funcname: funcname, c: engine, originalClient: caller,
		startTime: monotonic.Nanotime(), replFlags: propagateAof | propagateRepl,
	}
	if ro || !compat && scriptFlags&scriptFlagNoWrites != 0 {
		run.flags |= scriptReadOnly
	}
	if !compat && scriptFlags&scriptFlagAllowOom != 0 {
		run.flags |= scriptAllowOom
	}
	if compat || scriptFlags&scriptFlagAllowCrossSlot != 0 {
		run.flags |= scriptAllowCrossSlot
	}
	return true
}

// scriptAllowedToRun checks a script's flags against the state of the server.
func (server *Server) scriptAllowedToRun(caller *client, scriptFlags uint64, ro bool) bool {
	stale := server.servesStaleData()
	if scriptFlags&scriptFlagEvalCompatMode != 0 {
		if stale {
			caller.addReplyErrorObject(shared.masterdownerr)
			return false
		}
		return true
	}
	if scriptFlags&scriptFlagNoCluster != 0 && server.clusterEnabled {
		caller.addReplyError("Can not run script on cluster, 'no-cluster' flag is set.")
		return false
	}
	if stale && scriptFlags&scriptFlagAllowStale == 0 {
		caller.addReplyError("-MASTERDOWN Link with MASTER is down, " +
			"replica-serve-stale-data is set to 'no' " +
			"and 'allow-stale' flag is not set on the script.")
		return false
	}
	obey := caller.mustObeyClient()
	if scriptFlags&scriptFlagNoWrites == 0 {
		if server.masterhost != "" && server.replSlaveRo && !obey {
			caller.addReplyError("-READONLY Can not run script with write flag on readonly replica")
			return false
		}
		if !obey {
			switch server.writeCommandsDeniedByDiskError() {
			case diskErrorTypeRdb:
				caller.addReplyError("-MISCONF Redis is configured to save RDB snapshots, " +
					"but it's currently unable to persist to disk. " +
					"Writable scripts are blocked. Use 'no-writes' flag for read only scripts.")
				return false
			case diskErrorTypeAof:
				caller.addReplyErrorFormat("-MISCONF Redis is configured to persist data to AOF, "+
					"but it's currently unable to persist to disk. "+
					"Writable scripts are blocked. Use 'no-writes' flag for read only scripts. "+
					"AOF error: %s", platform.Strerror(server.aofError()))
				return false
			}
		}
		if ro {
			caller.addReplyError("Can not execute a script with write flag using *_ro command.")
			return false
		}
		if !server.checkGoodReplicasStatus() {
			caller.addReplyErrorObject(shared.noreplicaserr)
			return false
		}
	}
	if server.preCommandOomState && server.maxmemory != 0 && scriptFlags&(scriptFlagAllowOom|scriptFlagNoWrites) == 0 {
		caller.addReplyError("-OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'")
		return false
	}
	return true
}

// scriptResetRun ends the run.
func (server *Server) scriptResetRun() {
	run := &server.script
	run.c.flags &^= clientMulti
	if server.scriptIsTimedout() {
		run.flags &^= scriptTimedout
		server.blockingOperationEnds()
		run.originalClient.unprotectClient()
	}
	// Its commands have propagated themselves.
	run.originalClient.preventCommandPropagation()
	run.running = false
	run.c, run.originalClient = nil, nil
}

// scriptInterrupt is called by a running script's interpreter from time to time. It tells whether the script is to end.
func (server *Server) scriptInterrupt() (kill bool) {
	run := &server.script
	if run.flags&scriptTimedout == 0 {
		elapsed := server.scriptRunDuration()
		if elapsed < server.busyReplyThreshold {
			return false
		}
		command := "FUNCTION KILL"
		if server.scriptIsEval() {
			command = "SCRIPT KILL"
		}
		server.log(llWarning, "Slow script detected: still in execution after %d milliseconds. You can try killing the script using the %s command. Script name is: %s.",
			elapsed, command, run.funcname)
		run.flags |= scriptTimedout
		server.blockingOperationStarts()
		// Its client must still be there when the script ends, even if it hangs up meanwhile.
		run.originalClient.protectClient()
	}
	server.processEventsWhileBlocked()
	return run.flags&scriptKilled != 0
}

// scriptKill is SCRIPT KILL and FUNCTION KILL.
func (server *Server) scriptKill(c *client, isEval bool) {
	run := &server.script
	switch {
	case !run.running:
		c.addReplyError("-NOTBUSY No scripts in execution right now.")
	case run.originalClient.mustObeyClient():
		c.addReplyError("-UNKILLABLE The busy script was sent by a master instance in the context of replication and cannot be killed.")
	case run.flags&scriptWriteDirty != 0:
		c.addReplyError("-UNKILLABLE Sorry the script already executed write commands against the dataset. " +
			"You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.")
	case isEval && run.flags&scriptEvalMode == 0:
		c.addReplyErrorObject(shared.slowscripterr)
	case !isEval && run.flags&scriptEvalMode != 0:
		c.addReplyErrorObject(shared.slowevalerr)
	default:
		run.flags |= scriptKilled
		c.addReply(shared.ok)
	}
}

// scriptSetResp chooses the protocol version in which the script sees replies.
func (server *Server) scriptSetResp(resp int) { server.script.c.resp = resp }

// scriptSetRepl chooses where the commands from here on are propagated to.
func (server *Server) scriptSetRepl(flags int) { server.script.replFlags = flags }

// scriptVerify tells why the command of the script's client must not be executed; "" if it may be.
func (server *Server) scriptVerify(cmd *redisCommand) string {
	run := &server.script
	c := run.c
	if cmd == nil {
		return "Unknown Redis command called from script"
	}
	if !cmd.arityFits(len(c.argv)) {
		return "Wrong number of args calling Redis command from script"
	}
	if cmd.flags&commands.CmdNoscript != 0 && !server.debug.disableDenyScripts {
		return "This Redis command is not allowed from script"
	}
	if cmd.flags&commands.CmdStale == 0 && server.servesStaleData() {
		return "Can not execute the command on a stale replica"
	}
	if msg := server.scriptVerifyACL(c); msg != "" {
		return msg
	}
	const write = commands.CmdWrite | commands.CmdMayReplicate
	if cmd.flags&write != 0 && run.flags&scriptReadOnly != 0 {
		return "Write commands are not allowed from read-only scripts."
	}
	// Once it has changed something, what the server cannot help must not end it half-way.
	if run.flags&scriptWriteDirty != 0 {
		return ""
	}
	if cmd.flags&commands.CmdWrite != 0 {
		if msg := server.scriptVerifyWrite(); msg != "" {
			return msg
		}
	}
	if cmd.flags&commands.CmdDenyoom != 0 && server.preCommandOomState && server.maxmemory != 0 &&
		run.flags&scriptAllowOom == 0 && !run.originalClient.mustObeyClient() {
		return shared.oomerr
	}
	return ""
}

// scriptVerifyWrite tells whether the server takes writes now.
func (server *Server) scriptVerifyWrite() string {
	if server.masterhost != "" && server.replSlaveRo && !server.script.originalClient.mustObeyClient() {
		return shared.roslaveerr
	}
	if kind := server.writeCommandsDeniedByDiskError(); kind != diskErrorTypeNone {
		return server.writeCommandsGetDiskErrorMessage(kind)
	}
	if !server.checkGoodReplicasStatus() {
		return shared.noreplicaserr
	}
	return ""
}

// scriptCall executes the command in the argv of the script's client; its reply is in that client's buffers. An error text
// that is returned, instead of a reply, tells why it was not executed: either with a leading "-CODE ", or without a code.
func (server *Server) scriptCall() string {
	run := &server.script
	c := run.c
	c.user = run.originalClient.user
	cmd := server.lookupCommand(c.argv)
	c.cmd, c.lastcmd, c.realcmd = cmd, cmd, cmd
	if msg := server.scriptVerify(cmd); msg != "" {
		c.afterErrorReply(msg)
		server.prevErrCount = server.stat.totalErrorReplies
		if cmd != nil {
			cmd.rejectedCalls++
		}
		return msg
	}
	if cmd.flags&commands.CmdWrite != 0 {
		run.flags |= scriptWriteDirty
	}
	flags := cmdCallNone
	if run.replFlags&propagateAof != 0 {
		flags |= cmdCallPropagateAof
	}
	if run.replFlags&propagateRepl != 0 {
		flags |= cmdCallPropagateRepl
	}
	if fork := server.ldb.fork; fork != nil {
		if err := fork.inherit(c); err != nil {
			return "-ERR " + err.Error()
		}
	}
	server.call(c, flags)
	c.originalArgv = nil
	return ""
}

// scriptVerifyACL checks the command against the rules of the user who runs the script.
func (server *Server) scriptVerifyACL(c *client) string {
	if c.user == nil || c.user.unrestricted {
		return ""
	}
	result, idx := aclCheckAllUserCommandPerm(c.user, c.cmd, c.argv)
	if result == aclOK {
		return ""
	}
	server.addACLLogEntry(c, result, aclLogCtxLua, c.aclDeniedObject(result, idx), "")
	return "ACL failure in script: " + getACLErrorMessage(result, c.user, c.cmd, c.argv[idx], false)
}
