// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The digests are those of C Redis 8.0.6 for the same data.
func TestDebugDigest(t *testing.T) {
	c := idleServer(t, "--enable-debug-command", "yes").fakeClient()
	if got := c.run("DEBUG", "DIGEST"); got != "+"+strings.Repeat("0", 40)+"\r\n" {
		t.Errorf("an empty dataset has the digest %s", got)
	}
	c.run("SET", "a", "1")
	c.run("SET", "b", "xyz")
	c.run("SELECT", "1")
	c.run("SET", "c", "5", "EX", "1000")
	if got := c.run("DEBUG", "DIGEST"); got != "+564160092d741668fbd19a5caa80c82c84958346\r\n" {
		t.Errorf("digest %s", got)
	}
	if got := c.run("DEBUG", "DIGEST-VALUE", "c"); got != "*1\r\n+1e47b7737b7537b3113b09ca0319a5fd0e2bf48d\r\n" {
		t.Errorf("value digest %s", got)
	}
	// The encoding of a string does not show.
	c.run("SELECT", "0")
	c.run("SET", "a", "")
	c.run("APPEND", "a", "1")
	if got := c.run("DEBUG", "DIGEST-VALUE", "a", "none"); got != "*2\r\n+b4fc66738120fba0b5aa500ab5c2bf89cea1c5da\r\n+"+strings.Repeat("0", 40)+"\r\n" {
		t.Errorf("value digest %s", got)
	}
}

func TestDebugNeedsPermission(t *testing.T) {
	c := idleServer(t).fakeClient()
	if got := c.run("DEBUG", "HELP"); !strings.HasPrefix(got, "-ERR DEBUG command not allowed.") {
		t.Errorf("got %q", got)
	}
}

func TestDebugPopulate(t *testing.T) {
	c := idleServer(t, "--enable-debug-command", "yes").fakeClient()
	c.run("SET", "key:1", "mine")
	for _, step := range []struct{ command, reply string }{
		{"DEBUG POPULATE 3", "+OK\r\n"}, {"DBSIZE", ":3\r\n"}, {"GET key:1", bulk("mine")}, {"GET key:2", bulk("value:2")},
		{"DEBUG POPULATE 2 p 10", "+OK\r\n"}, {"GET p:1", bulk("value:1\x00\x00\x00")}, {"DEBUG POPULATE 1 q 3", "+OK\r\n"}, {"GET q:0", bulk("val")},
		{"DEBUG POPULATE -1", "-ERR value is out of range, must be positive\r\n"},
	} {
		if got := c.run(strings.Fields(step.command)...); got != step.reply {
			t.Errorf("%s: got %q, want %q", step.command, got, step.reply)
		}
	}
}

// INCR changes the number where it lies: DEBUG OBJECT shows the same address.
func TestDebugObject(t *testing.T) {
	c := idleServer(t, "--enable-debug-command", "yes").fakeClient()
	c.run("SET", "k", "20000")
	format := regexp.MustCompile(`^\+Value at:(0x[0-9a-f]+) refcount:1 encoding:int serializedlength:3 lru:\d+ lru_seconds_idle:\d+\r\n$`)
	before := format.FindStringSubmatch(c.run("DEBUG", "OBJECT", "k"))
	c.run("INCR", "k")
	after := format.FindStringSubmatch(c.run("DEBUG", "OBJECT", "k"))
	if before == nil || after == nil || before[1] != after[1] {
		t.Errorf("before %q, after %q", before, after)
	}
}

func TestSerializedLength(t *testing.T) {
	server := idleServer(t)
	c := server.fakeClient()
	noise := func(n int) string { // which does not compress
		r := rand.New(rand.NewPCG(1, 2))
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return string(b)
	}
	for value, want := range map[string]int{
		"1": 2, "-128": 2, "128": 3, "-32768": 3, "32768": 5, "-2147483648": 5, "2147483648": 11, "abc": 4, "": 1,
		noise(63): 64, noise(64): 66, noise(20000): 20005, strings.Repeat("x", 20000): 242, // as C compresses it
	} {
		c.run("SET", "k", value)
		if got := server.rdbSavedObjectLen(c.db.find([]byte("k"))); got != want {
			t.Errorf("%.20q takes %d bytes, want %d", value, got, want)
		}
	}
}

func TestHtstatsTableSize(t *testing.T) {
	c := idleServer(t, "--enable-debug-command", "yes").fakeClient()
	expect := func(size int) {
		t.Helper()
		if got := c.run("DEBUG", "HTSTATS", "0"); !strings.Contains(got, fmt.Sprintf("\n table size: %d\n", size)) {
			t.Errorf("%q does not say %d", got, size)
		}
	}
	c.run("DEBUG", "POPULATE", "128")
	expect(128)
	c.run("DEBUG", "DICT-RESIZING", "0")
	for i := range 123 {
		c.run("DEL", fmt.Sprintf("key:%d", i))
	}
	expect(128)
	c.run("DEBUG", "DICT-RESIZING", "1")
	expect(8)
}

// A server that does not own the process reports a crash and panics.
func TestCrashReport(t *testing.T) {
	ts := RunT(t)
	conn := ts.dial(t)
	conn.do("SET", "secret", "value")
	report := make(chan any)
	ts.el.Post(func() {
		defer func() { report <- recover() }()
		ts.currentClient = ts.clients[0]
		ts.currentClient.argv = [][]byte{[]byte("get"), []byte("secret")}
		defer func() { ts.currentClient.argv, ts.currentClient = nil, nil }()
		ts.serverPanic("it is %d o'clock", 13)
	})
	if r := <-report; r != "it is 13 o'clock" {
		t.Errorf("the panic is %v", r)
	}
	log := ts.log.String()
	rest := log
	for _, part := range []string{
		"=== REDIS BUG REPORT START: Cut & paste starting from here ===", "Guru Meditation: it is 13 o'clock #debug_test.go:", "------ STACK TRACE ------", "TestCrashReport",
		"------ STACK TRACE DONE ------", "------ INFO OUTPUT ------", "redis_version:" + redisVersion, "------ CLIENT LIST OUTPUT ------", "cmd=set",
		"------ CURRENT CLIENT INFO ------", "argv[1]: '\"secret\"'", "key 'secret' found in DB", "------ CONFIG DEBUG OUTPUT ------", "list-compress-depth",
		"=== REDIS BUG REPORT END. Make sure to include from START to END. ===",
	} {
		i := strings.Index(rest, part)
		if i < 0 {
			t.Fatalf("%q is missing, or in the wrong place, in\n%s", part, log)
		}
		rest = rest[i:]
	}
}

func TestPanicsAreReportedByKind(t *testing.T) {
	ts := RunT(t)
	for _, test := range []struct {
		name string
		boom func()
		want string
	}{
		{"nil pointer", debugSegfault, "crashed by signal: 11"},
		{"index", func() { var s []int; _ = s[len(ts.log.String())] }, "Guru Meditation: runtime error: index out of range"},
		{"value", func() { panic("odd") }, "Guru Meditation: odd #debug_test.go:"},
	} {
		done := make(chan bool)
		ts.el.Post(func() {
			defer close(done)
			defer ts.crashOnPanic()
			test.boom()
		})
		<-done
		if !strings.Contains(ts.log.String(), test.want) {
			t.Errorf("%s: %q is not in the log", test.name, test.want)
		}
	}
}

func TestWatchdog(t *testing.T) {
	ts := RunT(t)
	conn := ts.dial(t)
	conn.expect("+OK", "CONFIG", "SET", "watchdog-period", "1", "hz", "500")
	// The loop hangs until the watchdog has seen it.
	done := make(chan bool)
	ts.el.Post(func() {
		deadline := time.Now().Add(20 * time.Second)
		for !strings.Contains(ts.log.String(), "STACK TRACE DONE") && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		close(done)
	})
	<-done
	if log := ts.log.String(); !strings.Contains(log, "--- WATCHDOG TIMER EXPIRED ---") || !strings.Contains(log, "TestWatchdog") {
		t.Errorf("the watchdog is not in the log:\n%s", log)
	}
}
