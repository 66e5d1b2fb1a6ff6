// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"redport/src/platform"
)

// log.go - the server log: file or standard output, and syslog.
//
// A line is "PID:ROLE DATE MARK message" as in Redis, with ROLE M master, S replica, C the process that
// reads its configuration, X Sentinel. Any goroutine may log.

// errLogged is an error that the log has told all about.
var errLogged = errors.New("see the log")

type logState struct {
	mu     sync.Mutex
	syslog *platform.Syslog
	// early is set until the configuration is read: the role is C, as in a C child.
	early bool
	// forward, if it is set, takes the lines: those of a forked session belong into the log of its server.
	forward func(level int, msg string)
}

// log writes one line if the level is enabled.
func (server *Server) log(level int, format string, args ...any) {
	if level < server.verbosity {
		return
	}
	server.logRaw(level, fmt.Sprintf(format, args...))
}

// logRaw writes msg as one log line, whatever it contains.
func (server *Server) logRaw(level int, msg string) {
	if server.logger.forward != nil {
		server.logger.forward(level, msg)
		return
	}
	role := byte('M')
	switch {
	case server.sentinelMode:
		role = 'X'
	case server.logger.early:
		role = 'C'
	case server.masterhost != "":
		role = 'S'
	}
	server.logLine(server.pid, role, level, msg)
}

// logAs writes one line as another process than the server's would: a background job's.
func (server *Server) logAs(pid int, role byte, level int, format string, args ...any) {
	if level >= server.verbosity {
		server.logLine(pid, role, level, fmt.Sprintf(format, args...))
	}
}

func (server *Server) logLine(pid int, role byte, level int, msg string) {
	server.logger.mu.Lock()
	defer server.logger.mu.Unlock()
	now := time.Now()
	line := make([]byte, 0, 64+len(msg))
	line = strconv.AppendInt(line, int64(pid), 10)
	line = append(line, ':', role, ' ')
	line = now.AppendFormat(line, "02 Jan 2006 15:04:05.000")
	line = append(line, ' ', ".-*#"[min(max(level, llDebug), llWarning)], ' ')
	line = append(line, msg...)
	line = append(line, '\n')
	server.writeLog(line)
	if server.syslogEnabled && server.logger.syslog != nil {
		server.logger.syslog.Log(level, msg)
	}
}

// writeLog appends bytes to the log file, opened anew each time so that the file can be rotated, or to
// standard output. The caller holds logger.mu.
func (server *Server) writeLog(p []byte) {
	if server.logfile == "" {
		server.options.Stdout.Write(p)
		return
	}
	f, err := os.OpenFile(server.path(server.logfile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	f.Write(p)
	f.Close()
}

// logText appends text as it is, for banners and crash reports.
func (server *Server) logText(p []byte) {
	server.logger.mu.Lock()
	server.writeLog(p)
	server.logger.mu.Unlock()
}

var _ io.Writer = (*logWriter)(nil)

// logWriter makes a log level an io.Writer, for libraries that want one.
type logWriter struct {
	server *Server
	level  int
}

func (w *logWriter) Write(p []byte) (int, error) {
	w.server.log(w.level, "%s", p)
	return len(p), nil
}
