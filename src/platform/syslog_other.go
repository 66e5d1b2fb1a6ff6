// SPDX-License-Identifier: BSD-3-Clause

//go:build !unix && !windows

package platform

import (
	"errors"
)

// Syslog is a connection to the system's log; there is none.
type Syslog struct{}

// OpenSyslog gives errors.ErrUnsupported.
func OpenSyslog(ident string, facility int) (*Syslog, error) { return nil, errors.ErrUnsupported }

// Log does nothing.
func (s *Syslog) Log(level int, msg string) {}

// Close does nothing.
func (s *Syslog) Close() error { return nil }
