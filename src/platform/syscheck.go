// SPDX-License-Identifier: BSD-3-Clause

package platform

// syscheck.go - redis-server --check-system, and the warnings at its start. Counterpart: syscheck.c. The checks themselves are
// in syscheck_linux.go; other systems have none, as in C.

import (
	"fmt"
	"io"
)

// checkResult is what a check found: 0 nothing could be found out, 1 all is well, -1 the text says what is wrong.
type checkResult int

const (
	checkSkipped checkResult = 0
	checkOK      checkResult = 1
	checkFailed  checkResult = -1
)

type systemCheck struct {
	name    string
	check   func() (checkResult, string)
	atStart bool // also made when a server starts
}

// CheckSystem makes all checks and prints a line or two for each. False means that one of them failed.
func CheckSystem(w io.Writer) bool {
	ok := true
	for _, c := range systemChecks() {
		result, text := c.check()
		switch result {
		case checkSkipped:
			fmt.Fprintf(w, "[%s]...skipped\n", c.name)
		case checkOK:
			fmt.Fprintf(w, "[%s]...OK\n", c.name)
		default:
			fmt.Fprintf(w, "[%s]...WARNING:\n%s\n", c.name, text)
			ok = false
		}
	}
	return ok
}

// SystemWarnings has warn called with the log lines of the cheap checks that fail (C: linuxMemoryWarnings and main).
func SystemWarnings(warn func(msg string)) {
	for _, c := range systemChecks() {
		if !c.atStart {
			continue
		}
		if result, text := c.check(); result == checkFailed {
			warn("WARNING " + text)
		}
	}
}

// BacklogWarning is the log line for a tcp-backlog that the system will cut, "" if it won't (C: checkTcpBacklogSettings).
func BacklogWarning(backlog int) string {
	limit, name := somaxconn()
	if limit <= 0 || limit >= backlog {
		return ""
	}
	return fmt.Sprintf("WARNING: The TCP backlog setting of %d cannot be enforced because %s is set to the lower value of %d.", backlog, name, limit)
}
