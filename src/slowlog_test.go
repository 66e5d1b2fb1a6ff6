// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"strings"
	"testing"
)

func TestSlowlog(t *testing.T) {
	c := idleServer(t, "--slowlog-log-slower-than", "0", "--slowlog-max-len", "3").fakeClient()
	entries := func() []string {
		var out []string
		for i := len(c.server.slowlog) - 1; i >= 0; i-- {
			e := &c.server.slowlog[i]
			args := make([]string, len(e.argv))
			for j, a := range e.argv {
				args[j] = string(a)
			}
			out = append(out, fmt.Sprintf("%d %s", e.id, strings.Join(args, " ")))
		}
		return out
	}
	for _, cmd := range []string{"PING", "SET k v", "GET k", "INCR n"} {
		c.run(strings.Fields(cmd)...)
	}
	if got := strings.Join(entries(), "; "); got != "3 INCR n; 2 GET k; 1 SET k v" {
		t.Errorf("the log is %s", got)
	}
	if got := c.run("SLOWLOG", "GET", "1"); !strings.HasPrefix(got, "*1\r\n*6\r\n:3\r\n") {
		t.Errorf("SLOWLOG GET 1 replies %q", got)
	}
	// Long commands and arguments are cut.
	args := []string{"MSET"}
	for i := range 40 {
		args = append(args, fmt.Sprint("key", i))
	}
	args[2] = strings.Repeat("x", 129)
	c.run(args...)
	last := c.server.slowlog[len(c.server.slowlog)-1]
	if n := len(last.argv); n != slowlogEntryMaxArgc || string(last.argv[n-1]) != "... (10 more arguments)" || string(last.argv[2]) != strings.Repeat("x", 128)+"... (1 more bytes)" {
		t.Errorf("the entry is %q", last.argv)
	}
	// No log at all: what is there stays, nothing comes.
	c.run("CONFIG", "SET", "slowlog-max-len", "0")
	c.run("PING")
	if got := c.run("SLOWLOG", "LEN"); got != ":3\r\n" {
		t.Errorf("%s entries", got)
	}
	c.run("SLOWLOG", "RESET")
	if got := c.run("SLOWLOG", "LEN"); got != ":0\r\n" {
		t.Errorf("%s entries", got)
	}
}
