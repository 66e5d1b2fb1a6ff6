// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"os"
)

// server_shutdown.go - SHUTDOWN, the signals that mean it, and the steps of going down.

// shutdownCommand is SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] [ABORT].
func shutdownCommand(c *client) {
	server := c.server
	flags, abort := shutdownNoflags, false
	for _, arg := range c.argv[1:] {
		switch {
		case equalFold(arg, "NOSAVE"):
			flags |= shutdownNosave
		case equalFold(arg, "SAVE"):
			flags |= shutdownSave
		case equalFold(arg, "NOW"):
			flags |= shutdownNow
		case equalFold(arg, "FORCE"):
			flags |= shutdownForce
		case equalFold(arg, "ABORT"):
			abort = true
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return
		}
	}
	if abort && flags != shutdownNoflags || flags&shutdownNosave != 0 && flags&shutdownSave != 0 {
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	if abort {
		if server.abortShutdown() {
			c.addReply(shared.ok)
		} else {
			c.addReplyError("No shutdown in progress.")
		}
		return
	}
	if flags&shutdownNow == 0 && c.flags&clientDenyBlocking != 0 {
		c.addReplyError("SHUTDOWN without NOW or ABORT isn't allowed for DENY BLOCKING client")
		return
	}
	if flags&shutdownNosave == 0 && server.isInsideYieldingLongCommand() {
		if server.scriptIsEval() {
			c.addReplyErrorObject(shared.slowevalerr)
		} else {
			c.addReplyErrorObject(shared.slowscripterr)
		}
		return
	}
	c.blockClient(blockedShutdown)
	if server.prepareForShutdown(c, flags) {
		return
	}
	if !server.isShutdownInitiated() {
		// It failed at once: the client has been answered with the others that wait.
		return
	}
}

// isShutdownInitiated: a shutdown waits for something, replicas that lag for instance.
func (server *Server) isShutdownInitiated() bool { return server.shutdownMstime != 0 }

// isReadyToShutdown: no replica lags behind.
func (server *Server) isReadyToShutdown() bool {
	return len(server.slaves) == 0 || server.onlyMonitors()
}

func (server *Server) onlyMonitors() bool {
	for _, s := range server.slaves {
		if s.flags&clientMonitor == 0 {
			return false
		}
	}
	return true
}

// prepareForShutdown starts a shutdown and, unless it has to wait for replicas, carries it out. It tells
// whether the server is down.
func (server *Server) prepareForShutdown(c *client, flags int) bool {
	if server.isShutdownInitiated() {
		return false
	}
	if server.loading {
		// A half-loaded dataset must never replace the file it comes from.
		flags = flags&^shutdownSave | shutdownNosave
	}
	server.shutdownFlags = flags
	server.log(llNotice, "User requested shutdown...")
	server.redisCommunicateSystemd("STOPPING=1\n")
	if flags&shutdownNow == 0 && server.shutdownTimeout != 0 && !server.isReadyToShutdown() {
		server.pauseActions(pauseDuringShutdown, 1<<62, pauseActionsClientWriteSet)
		server.shutdownMstime = server.mstime() + int64(server.shutdownTimeout)*1000
		return false
	}
	return server.finishShutdown()
}

// cancelShutdown goes back to normal service.
func (server *Server) cancelShutdown() {
	server.shutdownAsap = false
	server.shutdownFlags = 0
	server.shutdownMstime = 0
	server.lastSigReceived.Store(0)
	server.replyToClientsBlockedOnShutdown()
	server.unpauseActions(pauseDuringShutdown)
}

// abortShutdown is SHUTDOWN ABORT: false if there is nothing to abort.
func (server *Server) abortShutdown() bool {
	if server.isShutdownInitiated() {
		server.cancelShutdown()
	} else if server.shutdownAsap {
		server.shutdownAsap = false
	} else {
		return false
	}
	server.log(llNotice, "Shutdown manually aborted.")
	return true
}

// finishShutdown saves what is to be saved, closes everything and stops the loop. It tells whether it
// did: a failing save keeps the server up, unless forced.
func (server *Server) finishShutdown() bool {
	flags := server.shutdownFlags
	force := flags&shutdownForce != 0
	server.ldbKillForkedSessions()
	if server.childType() == childTypeRDB {
		server.log(llWarning, "There is a child saving an .rdb. Killing it!")
		server.killRDBChild()
	}
	if !server.shutdownAppendOnly(force) {
		server.cancelShutdown()
		return false
	}
	if len(server.saveparams) > 0 && flags&shutdownNosave == 0 || flags&shutdownSave != 0 {
		server.log(llNotice, "Saving the final RDB snapshot before exiting.")
		server.redisCommunicateSystemd("STATUS=Saving the final RDB snapshot\n")
		// The next start reads the file.
		if server.rdbSave(server.rdbFilename, rdbflagsKeepCache, server.rdbPopulateSaveInfo()) != nil {
			if !force {
				server.log(llWarning, "Error trying to save the DB, can't exit.")
				server.redisCommunicateSystemd("STATUS=Error trying to save the DB, can't exit.\n")
				server.cancelShutdown()
				return false
			}
			server.log(llWarning, "Error trying to save the DB. Exit anyway.")
		}
	}
	if server.daemonize || server.pidfile != "" {
		server.removePidFile()
	}
	server.closeListeningSockets(true)
	name := "Redis"
	if server.sentinelMode {
		name = "Sentinel"
	}
	server.log(llWarning, "%s is now ready to exit, bye bye...", name)
	server.stopped = true
	server.el.Stop()
	return true
}

func (server *Server) removePidFile() {
	if server.pidfile != "" && server.pidfileWritten {
		server.log(llNotice, "Removing the pid file.")
		os.Remove(server.path(server.pidfile))
	}
}

// signalShutdown is what SIGTERM and SIGINT do: the next cron shuts the server down. A second SIGINT ends
// the process at once. It runs on the main goroutine; the log line is written where the signal arrives.
func (server *Server) signalShutdown(sigint bool) {
	configured := server.shutdownOnSigterm
	if sigint {
		configured = server.shutdownOnSigint
	}
	server.shutdownFlags = configured
	server.shutdownAsap = true
}

func signalText(sigint bool) string {
	if sigint {
		return "Received SIGINT scheduling shutdown..."
	}
	return "Received SIGTERM scheduling shutdown..."
}

// exitNow ends the server where it stands: nothing more is executed or sent. For a disk that has broken what was promised.
func (server *Server) exitNow(code int) {
	server.exitCode = code
	if server.options.OwnProcess {
		server.removeTempFiles()
		os.Exit(code)
	}
	server.stopped = true
	for len(server.clients) > 0 {
		c := server.clients[len(server.clients)-1]
		c.flags &^= clientProtected
		server.freeClient(c)
	}
	server.el.Stop()
}
