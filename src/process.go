// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"os"
	"runtime"

	"redport/src/platform"
)

// process.go - what a server does to its process, when it is alone in it (Options.OwnProcess):
// supervision, title, core dumps, OOM score. In C these live in server.c and setproctitle.c.

// redisIsSupervised settles `supervised auto` by the environment, tells the supervisor that the server starts, and reports whether there is
// one. Upstart takes a process that stops itself for one that is ready, and wakes it.
func (server *Server) redisIsSupervised() bool {
	if server.supervisedMode == supervisedAutodetect {
		switch {
		case os.Getenv("UPSTART_JOB") != "":
			server.supervisedMode = supervisedUpstart
		case os.Getenv("NOTIFY_SOCKET") != "":
			server.supervisedMode = supervisedSystemd
		default:
			server.supervisedMode = supervisedNone
		}
	}
	switch server.supervisedMode {
	case supervisedUpstart:
		if os.Getenv("UPSTART_JOB") == "" {
			server.log(llWarning, "upstart supervision requested, but UPSTART_JOB not found!")
			return false
		}
		server.log(llNotice, "supervised by upstart, will stop to signal readiness.")
		platform.StopSelf()
		return true
	case supervisedSystemd:
		if !server.redisCommunicateSystemd("STATUS=Redis is loading...\n") {
			return false
		}
		server.log(llNotice, "Supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and TimeoutStopSec in your service unit.")
		return true
	}
	return false
}

// tuneScheduler gives Go's scheduler two processors at least, also where the process may run on one only. With a single one, whoever
// waits in a system call is soon robbed of it by the runtime's watching thread, which then looks every 20 us: with a server pinned to
// a processor that was 28 % of its CPU time. With two, the event loop can keep its own while it waits (ae_epoll.go).
func (server *Server) tuneScheduler() {
	if server.options.OwnProcess && os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) == 1 {
		runtime.GOMAXPROCS(2)
	}
}

// redisCommunicateSystemd tells systemd of a change of state, if it watches over the process, and whether it could.
func (server *Server) redisCommunicateSystemd(state string) bool {
	if !server.options.OwnProcess || server.supervisedMode != supervisedSystemd {
		return false
	}
	if err := platform.SdNotify(state); err != nil {
		server.log(llWarning, "systemd supervision error: %s", err)
		return false
	}
	return true
}

// redisSetProcTitle shows proc-title-template as the process's name. "" is the name it was started by.
func (server *Server) redisSetProcTitle(title string) bool {
	if !server.options.OwnProcess {
		return true
	}
	if title == "" {
		title = server.options.ExecName
	}
	text, ok := server.expandProcTitleTemplate(server.procTitleTemplate, title)
	if !ok {
		return false
	}
	platform.SetProcessTitle(text)
	return true
}

// setOOMScoreAdj follows oom-score-adj: class is a row of oom-score-adj-values, -1 the server's own.
func (server *Server) setOOMScoreAdj(class int) bool {
	if !server.options.OwnProcess {
		return true
	}
	if class < 0 {
		class = configOomMaster
		if server.masterhost != "" {
			class = configOomReplica
		}
	}
	var want int
	if server.oomScoreAdj == oomScoreAdjNo {
		// Back to what the process had, if it was ever changed.
		if !server.oomScoreAdjChanged {
			return true
		}
		server.oomScoreAdjChanged = false
		want = server.oomScoreAdjBase
	} else {
		if !server.oomScoreAdjChanged { // others may have set it while we did not
			base, err := platform.OOMScoreAdj()
			if err != nil {
				server.log(llWarning, "Unable to read oom_score_adj: %s", platform.Strerror(err))
				return false
			}
			server.oomScoreAdjBase, server.oomScoreAdjChanged = base, true
		}
		want = server.oomScoreAdjValues[class]
		if server.oomScoreAdj == oomScoreRelative {
			want += server.oomScoreAdjBase
		}
	}
	if err := platform.SetOOMScoreAdj(max(-1000, min(1000, want))); err != nil {
		server.log(llWarning, "Unable to write oom_score_adj: %s", platform.Strerror(err))
		return false
	}
	return true
}

// prepareProcess sets what must be set before anything is served.
func (server *Server) prepareProcess() {
	if server.disableThp {
		platform.DisableTHP()
	}
	platform.EnableCoreDumps()
	server.setOOMScoreAdj(-1)
	runtime.LockOSThread()
}

// openSyslog connects to the system's log where syslog-enabled asks for it.
func (server *Server) openSyslog() {
	if !server.syslogEnabled {
		return
	}
	w, err := platform.OpenSyslog(server.syslogIdent, server.syslogFacility)
	if err != nil {
		server.log(llWarning, "Can't open the system log: %s", err)
		return
	}
	server.logger.syslog = w
}

// stopBackground ends what runs beside the main goroutine.
func (server *Server) stopBackground() {
	server.stopChildren()
	server.bioStop()
	// A rewrite that was done, and had not been told of, is in nobody's hands.
	server.tempFiles.Range(func(name, _ any) bool {
		server.fs.Remove(name.(string))
		return true
	})
}
