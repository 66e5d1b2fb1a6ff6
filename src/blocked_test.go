// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// blocked_test.go - clients that wait: who is served when, and what ends a wait.

// send sends a command whose reply is read later.
func (c *testConn) send(args ...string) {
	c.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		b.WriteString(bulk(a))
	}
	if _, err := c.Write([]byte(b.String())); err != nil {
		c.t.Fatal(err)
	}
}

// block sends a command that blocks, and waits until it does: n clients are blocked then.
func (c *testConn) block(monitor *testConn, n int, command string) {
	c.t.Helper()
	c.send(strings.Fields(command)...)
	monitor.waitBlocked(n)
}

// info is a field of INFO.
func (c *testConn) info(field string) string {
	c.t.Helper()
	_, rest, found := strings.Cut(c.do("INFO", "clients", "stats", "commandstats"), "\n"+field+":")
	if !found {
		return ""
	}
	return strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0])
}

func (c *testConn) waitBlocked(n int) {
	c.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if c.info("blocked_clients") == fmt.Sprint(n) {
			return
		}
	}
	c.t.Fatalf("%s clients are blocked, want %d", c.info("blocked_clients"), n)
}

// want reads a reply.
func (c *testConn) want(reply string) {
	c.t.Helper()
	if got := c.reply(); got != reply {
		c.t.Errorf("got %s, want %s", got, reply)
	}
}

func TestBlockedClientsAreServedInOrder(t *testing.T) {
	ts := RunT(t)
	c := ts.dial(t)
	var waiting []*testConn
	for i := range 5 {
		w := ts.dial(t)
		w.block(c, i+1, "BLPOP l other 0")
		waiting = append(waiting, w)
	}
	if got := c.info("total_blocking_keys"); got != "2" {
		t.Errorf("total_blocking_keys is %s", got)
	}
	// The one that pushes and pops in one go comes last.
	c.Write([]byte("RPUSH l a b\r\nBLPOP l 0\r\n"))
	c.want(":2")
	waiting[0].want("[l a]")
	waiting[1].want("[l b]")
	d := ts.dial(t)
	d.waitBlocked(4)
	d.do("RPUSH", "other", "x")
	waiting[2].want("[other x]")
	d.do("RPUSH", "l", "1", "2", "3", "4")
	waiting[3].want("[l 1]")
	waiting[4].want("[l 2]")
	c.want("[l 3]")
	d.expect("[4]", "LRANGE", "l", "0", "-1")
	if got := d.info("total_blocking_keys"); got != "0" {
		t.Errorf("total_blocking_keys is %s", got)
	}
}

func TestBlockedCommandsServeOthers(t *testing.T) {
	ts := RunT(t)
	c, a, b, d := ts.dial(t), ts.dial(t), ts.dial(t), ts.dial(t)
	a.block(c, 1, "BLMOVE l1 l2 RIGHT LEFT 0")
	b.block(c, 2, "BRPOPLPUSH l2 l3 0")
	d.block(c, 3, "BLMPOP 0 2 l3 l4 LEFT COUNT 5")
	c.do("RPUSH", "l1", "x")
	a.want("x")
	b.want("x")
	d.want("[l3 [x]]")
	c.expect(":0", "EXISTS", "l1", "l2", "l3")

	// A destination of the wrong type is an error of the one who waits, and moves nothing; the next one gets the element.
	c.do("SET", "wrong", "x")
	a.block(c, 1, "BLMOVE l1 wrong RIGHT LEFT 0")
	b.block(c, 2, "BLPOP l1 0")
	c.do("RPUSH", "l1", "x")
	if got := a.reply(); !strings.Contains(got, "WRONGTYPE") {
		t.Error(got)
	}
	b.want("[l1 x]")
	c.waitBlocked(0)
}

func TestKeysThatWakeBlockedClients(t *testing.T) {
	ts := RunT(t)
	c, w := ts.dial(t), ts.dial(t)
	for _, script := range []string{
		"RPUSH l a",
		"RPUSH m a; RENAME m l",
		"RPUSH m a; COPY m l",
		"SELECT 1; RPUSH l a; MOVE l 0",
		"SELECT 1; RPUSH l a; SWAPDB 0 1",
		"MULTI; RPUSH l b; DEL l; RPUSH l a; EXEC",
		"MULTI; SET l b; DEL l; RPUSH l a; EXEC",
	} {
		c.do("FLUSHALL")
		c.do("SELECT", "0")
		w.block(c, 1, "BLPOP l 0")
		for _, command := range strings.Split(script, "; ") {
			c.do(strings.Fields(command)...)
		}
		if got := w.reply(); got != "[l a]" {
			t.Errorf("%s: %s", script, got)
		}
	}
	// These do not.
	c.do("SELECT", "0")
	w.block(c, 1, "BLPOP l 0")
	for _, script := range []string{"MULTI; RPUSH l a; DEL l; EXEC", "SET l a; DEL l", "ZADD l 1 a; DEL l", "MULTI; RPUSH l a; DEL l; SET l a; EXEC; DEL l", "RPUSH m a; RENAME m n"} {
		for _, command := range strings.Split(script, "; ") {
			c.do(strings.Fields(command)...)
		}
		if got := c.info("blocked_clients"); got != "1" {
			t.Fatalf("%s: %s clients are blocked", script, got)
		}
	}
	c.do("RPUSH", "l", "end")
	w.want("[l end]")
}

func TestExpiredKeysWakeNobody(t *testing.T) {
	ts := RunT(t)
	c, w := ts.dial(t), ts.dial(t)
	c.do("DEBUG", "SET-ACTIVE-EXPIRE", "0")
	w.block(c, 1, "BLPOP l 0")
	for _, command := range []string{"MULTI", "RPUSH l a", "PEXPIRE l 1", "DEBUG SLEEP 0.01", "EXEC"} {
		c.do(strings.Fields(command)...)
	}
	if got := c.info("blocked_clients"); got != "1" {
		t.Errorf("%s clients are blocked", got)
	}
	c.do("RPUSH", "l", "b")
	w.want("[l b]")
}

func TestEndsOfWaits(t *testing.T) {
	ts := RunT(t)
	c, w := ts.dial(t), ts.dial(t)
	id := w.do("CLIENT", "ID")[1:]
	c.do("CONFIG", "RESETSTAT")
	for _, s := range []struct{ command, by, reply string }{
		{"BLPOP l 0.01", "", "(nil)"},
		{"BLMOVE l m LEFT LEFT 0.001", "", "(nil)"},
		{"BLPOP l 0", "CLIENT UNBLOCK " + id, "(nil)"},
		{"BLMPOP 0 1 l LEFT", "CLIENT UNBLOCK " + id + " TIMEOUT", "(nil)"},
		{"BLPOP l 100", "CLIENT UNBLOCK " + id + " ERROR", "UNBLOCKED client unblocked via CLIENT UNBLOCK"},
	} {
		w.send(strings.Fields(s.command)...)
		if s.by != "" {
			c.waitBlocked(1)
			c.expect(":1", strings.Fields(s.by)...)
		}
		if got := strings.TrimPrefix(w.reply(), "-"); got != s.reply {
			t.Errorf("%s, %s: %q, want %q", s.command, s.by, got, s.reply)
		}
	}
	c.expect(":0", "CLIENT", "UNBLOCK", id)
	// Each counts once, the one that failed as failed.
	if got := c.info("cmdstat_blpop"); !strings.HasPrefix(got, "calls=3,") || !strings.HasSuffix(got, "failed_calls=1") {
		t.Error(got)
	}
	if got := c.info("clients_in_timeout_table"); got != "0" {
		t.Errorf("clients_in_timeout_table is %s", got)
	}
	// A client that goes leaves nothing behind.
	w.block(c, 1, "BLPOP l m 100")
	if got := c.info("clients_in_timeout_table"); got != "1" {
		t.Errorf("clients_in_timeout_table is %s", got)
	}
	w.Close()
	c.waitBlocked(0)
	if keys, timeouts := c.info("total_blocking_keys"), c.info("clients_in_timeout_table"); keys != "0" || timeouts != "0" {
		t.Errorf("%s keys, %s timeouts left", keys, timeouts)
	}
}

// A client that wakes for nothing blocks until the time that it was given first.
func TestTimeoutIsKeptWhenACommandBlocksAgain(t *testing.T) {
	server := idleServer(t)
	c, other := server.fakeClient(), server.fakeClient()
	c.flags &^= clientModule
	c.run("BLPOP", "l", "100")
	timeout := c.bstate.timeout
	if c.flags&clientBlocked == 0 || timeout == 0 || len(server.timeoutTable.h) != 1 {
		t.Fatalf("not blocked: flags %x, timeout %d", c.flags, timeout)
	}
	server.commandTimeSnapshotMs += 1000
	// The key is there when the client is looked up, and not any more when its command runs.
	w := c.bstate.keys[0]
	server.unblockClientOnKey(c)
	if c.flags&clientBlocked == 0 || c.bstate.timeout != timeout || c.bstate.keys[0] == w || len(server.timeoutTable.h) != 1 {
		t.Errorf("blocked %t, timeout %d, was %d", c.flags&clientBlocked != 0, c.bstate.timeout, timeout)
	}
	other.run("RPUSH", "l", "a")
	if c.flags&clientBlocked != 0 || len(server.timeoutTable.h) != 0 || len(server.db[0].blockingKeys) != 0 {
		t.Error("still blocked")
	}
}

func TestBlockingInTransactions(t *testing.T) {
	ts := RunT(t)
	c := ts.dial(t)
	c.do("RPUSH", "l", "a")
	for _, command := range []string{"MULTI", "BLPOP l 0", "BLPOP l 0", "BLMOVE l m LEFT LEFT 0", "BLMPOP 0 1 l LEFT"} {
		c.do(strings.Fields(command)...)
	}
	c.expect("[[l a] (nil) (nil) (nil)]", "EXEC")
}

func TestPausedBlockedClients(t *testing.T) {
	ts := RunT(t)
	c, w := ts.dial(t), ts.dial(t)
	// The pause begins in the transaction that would wake the client.
	w.block(c, 1, "BLPOP l 0")
	for _, command := range []string{"MULTI", "RPUSH l a", "CLIENT PAUSE 100000 WRITE", "EXEC"} {
		c.do(strings.Fields(command)...)
	}
	c.expect("[a]", "LRANGE", "l", "0", "-1")
	c.do("CLIENT", "UNPAUSE")
	w.want("[l a]")
	c.waitBlocked(0)

	// The command comes during the pause, and its time begins with its execution.
	c.do("CLIENT", "PAUSE", "100000", "WRITE")
	w.block(c, 1, "BLPOP l 0.01")
	c.do("CLIENT", "UNPAUSE")
	w.want("(nil)")
}
