// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"redport/src/platform"
	"redport/src/sds"
)

// debug_crash.go - the end of a server that cannot go on: assertions, panics and crash signals, and the report that they
// leave in the log. And the watchdog, which shows where a server hangs that does go on.
//
// A report is what a user pastes into an issue: what happened, the stacks of all goroutines, INFO, the clients. Its frame and
// headings are Redis's, since tools cut it out of logs by them.
//
// Three roads lead here:
//
//	serverPanic, assertFailed   the code itself finds that something is impossible
//	crashOnPanic                a Go panic, deferred at the top of the main goroutine; faults such as nil
//	                            pointers are reported as the signals that they are to others
//	crashBySignal               a crash signal from another process; runs in the signal goroutine
//
// Only the main goroutine may look at clients and databases. So from the signal goroutine that part of the report is posted to
// the loop, and left out if the loop does not get to it: a hanging main goroutine is often the reason for the signal.
//
// A server that does not own its process never ends it: the report is logged, and the panic goes on to whoever embeds it.
//
// Counterpart: the second half of debug.c. Differences: no registers, no memory test, and the stacks are Go's.

// crashState is what must survive from one part of a report to the next.
type crashState struct {
	mu       sync.Mutex
	reported bool        // the heading is in the log
	watchdog *time.Timer // goes off when serverCron does not come by
}

// bugReportStart writes the heading of a crash report, once.
func (server *Server) bugReportStart() {
	server.crash.mu.Lock()
	first := !server.crash.reported
	server.crash.reported = true
	server.crash.mu.Unlock()
	if first {
		server.logText([]byte("\n\n=== REDIS BUG REPORT START: Cut & paste starting from here ===\n"))
	}
}

// bugReportEnd writes the end of the report and ends the process, by the signal sig or as use-exit-on-panic says.
func (server *Server) bugReportEnd(sig platform.Signal, viaSignal bool) {
	server.logText([]byte(`
=== REDIS BUG REPORT END. Make sure to include from START to END. ===

       Please report the crash to the Redport project, or to those
       who built this server. It is not the C server of redis.io.

  Suspect RAM error? Use redis-server --test-memory to verify it.

  Some other issues could be detected by redis-server --check-system
`))
	if !server.options.OwnProcess {
		return
	}
	if server.daemonize && server.pidfileWritten {
		os.Remove(server.path(server.pidfile))
	}
	if !viaSignal && server.useExitOnPanic {
		os.Exit(1)
	}
	platform.DieBySignal(sig)
}

// --- Roads into a report ---

// callerLine is the file and line of the function skip frames above the caller of callerLine.
func callerLine(skip int) string {
	_, file, line, _ := runtime.Caller(skip + 2)
	return fmt.Sprintf("%s:%d", filepath.Base(file), line)
}

// serverPanic ends the server because of something that cannot be.
func (server *Server) serverPanic(format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	server.bugReportStart()
	server.logGuruMeditation(msg, callerLine(0))
	server.logCrash()
	server.bugReportEnd(platform.SignalAbrt, false)
	panic(msg)
}

func (server *Server) logGuruMeditation(msg, where string) {
	server.log(llWarning, "------------------------------------------------")
	server.log(llWarning, "!!! Software Failure. Press left mouse button to continue")
	server.log(llWarning, "Guru Meditation: %s #%s", msg, where)
}

// redisOutOfMemoryHandler ends the server because n bytes cannot be had.
func (server *Server) redisOutOfMemoryHandler(n int) {
	server.log(llWarning, "Out Of Memory allocating %d bytes!", n)
	server.serverPanic("Redis aborting for OUT OF MEMORY. Allocating %d bytes!", n)
}

// assertFailed ends the server because the condition expr does not hold, in a command of c if that is not nil.
func (server *Server) assertFailed(c *client, expr string) {
	server.assertionFailed(c, expr, callerLine(0))
}

func (server *Server) assertionFailed(c *client, expr, where string) {
	server.bugReportStart()
	if c != nil {
		server.log(llWarning, "=== ASSERTION FAILED CLIENT CONTEXT ===")
		server.log(llWarning, "client->flags = %d", c.flags)
		conn := "fd=-1"
		if c.conn != nil {
			conn = fmt.Sprintf("fd=%d", c.conn.Fd())
		}
		server.log(llWarning, "client->conn = %s", conn)
		server.log(llWarning, "client->argc = %d", len(c.argv))
		for i, arg := range c.argv {
			if server.hideUserDataFromLog && i > 0 {
				server.log(llWarning, "client->argv[%d] = *redacted*", i)
			} else {
				server.log(llWarning, "client->argv[%d] = \"%s\" (refcount: 1)", i, arg[:min(len(arg), 1024)])
			}
		}
	}
	server.log(llWarning, "=== ASSERTION FAILED ===")
	server.log(llWarning, "==> %s '%s' is not true", where, expr)
	server.logCrash()
	server.bugReportEnd(platform.SignalAbrt, false)
	panic("assertion failed: " + expr)
}

// crashOnPanic is deferred at the top of the main goroutine of redis-server: it turns a panic into a report and the end.
func (server *Server) crashOnPanic() {
	r := recover()
	if r == nil {
		return
	}
	sig := server.logPanic(r)
	server.logCrash()
	server.bugReportEnd(sig, sig != platform.SignalAbrt)
}

// logPanic writes what a panic was about, and returns the signal that it corresponds to.
func (server *Server) logPanic(r any) platform.Signal {
	server.bugReportStart()
	fault, isFault := r.(interface {
		runtime.Error
		Addr() uintptr
	})
	where := panicLine()
	err, isError := r.(error)
	if isFault || isError && strings.Contains(err.Error(), "nil pointer dereference") {
		address := "(nil)"
		if isFault && fault.Addr() != 0 {
			address = fmt.Sprintf("%#x", fault.Addr())
		}
		server.log(llWarning, "Redis %s crashed by signal: %d, si_code: 1", redisVersion, platform.SignalSegv.Number())
		server.log(llWarning, "Accessing address: %s", address)
		server.log(llWarning, "Crashed running the instruction at: %s", where)
		return platform.SignalSegv
	}
	server.logGuruMeditation(fmt.Sprint(r), where)
	return platform.SignalAbrt
}

// panicLine is where the panic that is being recovered from arose: the first line that is not Go's.
func panicLine() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	panicking := false
	for {
		f, more := frames.Next()
		inRuntime := strings.HasPrefix(f.Function, "runtime.")
		if panicking && !inRuntime {
			return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		}
		panicking = panicking || inRuntime
		if !more {
			return "?:0"
		}
	}
}

// crashBySignal reports a crash signal from outside, and lets the process die by it. Signal goroutine.
func (server *Server) crashBySignal(sig platform.Signal) {
	if !server.crashlogEnabled {
		platform.DieBySignal(sig)
	}
	server.bugReportStart()
	server.log(llWarning, "Redis %s crashed by signal: %d, si_code: 0", redisVersion, sig.Number())
	server.logStackTrace()
	// Give the main goroutine a chance to tell about itself.
	if loop := server.el; loop != nil {
		done := make(chan struct{})
		loop.Post(func() {
			server.printCrashReport()
			close(done)
		})
		select {
		case <-done:
		case <-time.After(time.Second):
			server.logText([]byte("\n------ INFO OUTPUT ------\nThe main goroutine is busy, see its stack.\n"))
		}
	}
	server.bugReportEnd(sig, true)
}

// debugSegfault accesses memory that is not there.
func debugSegfault() {
	var p *byte
	*p = 'x'
}

// --- Parts of a report ---

// logCrash writes stacks and report, if crash-log-enabled. Main goroutine.
func (server *Server) logCrash() {
	if server.crashlogEnabled {
		server.logStackTrace()
		server.printCrashReport()
	}
}

// logStackTrace writes the stacks of all goroutines, the current one first. Any goroutine.
func (server *Server) logStackTrace() {
	buf := make([]byte, 64*1024)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= 16<<20 {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 4*len(buf))
	}
	server.logText(fmt.Appendf(nil, "\n------ STACK TRACE ------\n%s\n%d/%d expected stacktraces.\n\n------ STACK TRACE DONE ------\n",
		buf, bytes.Count(buf, []byte("\ngoroutine "))+1, runtime.NumGoroutine()))
}

// printCrashReport writes INFO, clients and configuration. Each part may be what is broken, so each may fail by itself.
func (server *Server) printCrashReport() {
	if server.hideUserDataFromLog {
		server.log(llNotice, "hide-user-data-from-log is on, skip logging stack content to avoid spilling PII.")
	}
	part := func(title string, text func() []byte) {
		server.logText([]byte("\n------ " + title + " ------\n"))
		defer func() {
			if r := recover(); r != nil {
				server.logText(fmt.Appendf(nil, "(crashed: %v)\n", r))
			}
		}()
		server.logText(text())
	}
	part("INFO OUTPUT", func() []byte {
		return server.genRedisInfoString(parseInfoSections([][]byte{[]byte("all")}))
	})
	part("CLIENT LIST OUTPUT", func() []byte { return []byte(server.getAllClientsInfoString(-1)) })
	if c := server.currentClient; c != nil {
		part("CURRENT CLIENT INFO", func() []byte { return server.crashReportClient(c) })
	}
	if c := server.executingClient; c != nil {
		part("EXECUTING CLIENT INFO", func() []byte { return server.crashReportClient(c) })
	}
	part("MODULES INFO OUTPUT", func() []byte { return nil })
	part("CONFIG DEBUG OUTPUT", func() []byte { return []byte(server.getConfigDebugInfo()) })
}

// crashReportClient describes a client, the command that it executes, and the value at the command's first argument, which often is
// a key.
func (server *Server) crashReportClient(c *client) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nargc: '%d'\n", c.catClientInfoString(), len(c.argv))
	shown := func(i int) []byte {
		if server.hideUserDataFromLog && i > 0 {
			return []byte("*redacted*")
		}
		return sds.CatRepr(nil, c.argv[i][:min(len(c.argv[i]), 128)])
	}
	for i := range c.argv {
		fmt.Fprintf(&b, "argv[%d]: '%s'\n", i, shown(i))
	}
	if len(c.argv) > 1 {
		if e := c.db.find(c.argv[1]); e.Ok() {
			fmt.Fprintf(&b, "key '%s' found in DB containing the following object:\nObject type: %d\nObject encoding: %d\nObject refcount: %d\n",
				bytes.Trim(shown(1), "\""), entryType(e), e.Meta()&15, c.db.entryRefcount(e))
		}
	}
	return b.Bytes()
}

// --- Watchdog ---

// watchdogTick tells the watchdog that serverCron comes by, and starts or stops it as watchdog-period says.
func (server *Server) watchdogTick() {
	w := &server.crash.watchdog
	period := time.Duration(server.watchdogPeriod) * time.Millisecond
	switch {
	case period == 0:
		if *w != nil {
			(*w).Stop()
			*w = nil
		}
	case *w == nil:
		*w = time.AfterFunc(period, server.watchdogExpired)
	default:
		(*w).Reset(period)
	}
}

// watchdogExpired shows where everybody is: serverCron is overdue. Timer goroutine.
func (server *Server) watchdogExpired() {
	server.logWhereEverybodyIs("\n--- WATCHDOG TIMER EXPIRED ---")
}

// alarmReceived does the same because someone asked for it with SIGALRM. Signal goroutine.
func (server *Server) alarmReceived() { server.logWhereEverybodyIs("\nReceived SIGALRM") }

func (server *Server) logWhereEverybodyIs(why string) {
	server.signalLog(why)
	server.logStackTrace()
	server.signalLog("--------\n")
}
