// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package platform

import (
	"log/syslog"
)

// Syslog is a connection to the system's log.
type Syslog struct{ w *syslog.Writer }

// OpenSyslog connects to the log daemon. facility is a code of <syslog.h>, such as 16<<3 for local0.
func OpenSyslog(ident string, facility int) (*Syslog, error) {
	w, err := syslog.New(syslog.Priority(facility)|syslog.LOG_NOTICE, ident)
	if err != nil {
		return nil, err
	}
	return &Syslog{w}, nil
}

// Log writes msg at Redis's level: 0 debug, 1 verbose, 2 notice, 3 warning. An error is lost: there is no other place to tell of it.
func (s *Syslog) Log(level int, msg string) {
	switch level {
	case 0:
		s.w.Debug(msg)
	case 1:
		s.w.Info(msg)
	case 2:
		s.w.Notice(msg)
	default:
		s.w.Warning(msg)
	}
}

// Close ends the connection.
func (s *Syslog) Close() error { return s.w.Close() }
