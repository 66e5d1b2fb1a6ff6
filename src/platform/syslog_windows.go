// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc/eventlog"
)

// Syslog is a connection to the event log.
type Syslog struct{ l *eventlog.Log }

// OpenSyslog connects to the event log with ident as the source. The source is registered if rights allow; without that, the event viewer
// shows the text with a remark. The log has no facilities.
func OpenSyslog(ident string, facility int) (*Syslog, error) {
	err := eventlog.InstallAsEventCreate(ident, eventlog.Info|eventlog.Warning|eventlog.Error)
	if err != nil && !strings.Contains(err.Error(), "exists") && err != windows.ERROR_ACCESS_DENIED && err != registry.ErrNotExist {
		return nil, err
	}
	l, err := eventlog.Open(ident)
	if err != nil {
		return nil, err
	}
	return &Syslog{l}, nil
}

// Log writes msg at Redis's level: 3 is a warning, others are informational.
func (s *Syslog) Log(level int, msg string) {
	const eventID = 1 // EventCreate's message files show the text for 1 to 1000.
	if level >= 3 {
		s.l.Warning(eventID, msg)
	} else {
		s.l.Info(eventID, msg)
	}
}

// Close ends the connection.
func (s *Syslog) Close() error { return s.l.Close() }
