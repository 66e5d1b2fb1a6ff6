// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"math/rand"
	"runtime"
	"strings"
	"testing"
	"time"
)

// fillEverything adds keys of every type and encoding.
func fillEverything(c *testConn, prefix string) (keys []string) {
	add := func(args ...string) {
		args[1] = prefix + args[1]
		keys = append(keys, args[1])
		c.do("DEL", args[1])
		if got := c.do(args...); strings.HasPrefix(got, "-") {
			c.t.Errorf("%.200q: %s", args, got)
		}
	}
	many := func(args []string, n, width int) []string {
		for i := range n {
			for j := range width {
				args = append(args, fmt.Sprint(i*width+j))
			}
		}
		return args
	}
	add("SET", "int", "12")
	add("SET", "short", "abc")
	add("SET", "long", strings.Repeat("x", 5000))
	add("SET", "expires", "abc", "PX", "1000000")
	add("RPUSH", "list", "a", "b")
	add(many([]string{"RPUSH", "biglist"}, 5000, 1)...)
	add("SADD", "intset", "1", "2")
	add("SADD", "packedset", "a", "b")
	add(many([]string{"SADD", "bigset", "x"}, 1000, 1)...)
	add("ZADD", "zset", "1.5", "a")
	add(many([]string{"ZADD", "bigzset"}, 500, 2)...)
	add("HSET", "hash", "f", "v")
	add(many([]string{"HSET", "bighash"}, 1000, 2)...)
	add("HSET", "expiring", "f", "v", "g", "w")
	c.do("HPEXPIRE", prefix+"expiring", "1000000", "FIELDS", "1", "f")
	add("XADD", "stream", "*", "f", "v")
	c.do("XGROUP", "CREATE", prefix+"stream", "group", "0")
	c.do("XREADGROUP", "GROUP", "group", "me", "STREAMS", prefix+"stream", ">")
	return keys
}

// session starts a forked session with a script that ends at once, and takes what is said at its start.
func (ts *testServer) session(t *testing.T) *testConn {
	s := ts.dial(t)
	s.expect("+OK", "SCRIPT", "DEBUG", "YES")
	if got := s.do("EVAL", "return 1", "0"); !strings.Contains(got, "stop reason = step over") {
		t.Fatal(got)
	}
	return s
}

// shown is what a session shows of a command's reply.
func (c *testConn) shown(args ...string) string {
	got := c.do(append([]string{"r"}, args...)...)
	_, reply, _ := strings.Cut(got, "<reply> ")
	return reply
}

// TestForkedSessionSeesItsMoment: whatever is done outside, and in whatever order a session looks at it, its data is that of its start.
func TestForkedSessionSeesItsMoment(t *testing.T) {
	ts := RunT(t)
	c := ts.dial(t)
	keys := fillEverything(c, "k:")
	digest := func(session *testConn, key string) string {
		args := []string{"DUMP", key}
		return session.shown(args...) + session.shown("OBJECT", "ENCODING", key) + session.shown("PEXPIRETIME", key) + session.shown("HPEXPIRETIME", key, "FIELDS", "1", "f")
	}
	first := ts.session(t)
	first.do("maxlen", "0")
	want := map[string]string{}
	for _, key := range keys {
		want[key] = digest(first, key)
		if len(want[key]) < 20 {
			t.Fatalf("%s: %q", key, want[key])
		}
	}
	n := first.shown("DBSIZE")
	sessions := make([]*testConn, 4)
	for i := range sessions {
		sessions[i] = ts.session(t)
		sessions[i].do("maxlen", "0")
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // the outside
		defer close(stopped)
		w := ts.dial(t)
		defer w.Close()
		r := rand.New(rand.NewSource(1))
		for {
			select {
			case <-stop:
				return
			default:
			}
			key := keys[r.Intn(len(keys))]
			switch r.Intn(4) {
			case 0:
				w.do("DEL", key)
			case 1:
				w.do("COPY", key, keys[r.Intn(len(keys))], "REPLACE")
			case 2:
				fillEverything(w, "k:")
			case 3:
				fillEverything(w, fmt.Sprint("other", r.Intn(100)))
			}
		}
	}()
	for i, s := range sessions {
		order := rand.New(rand.NewSource(int64(i))).Perm(len(keys))
		for j, k := range order {
			if got := digest(s, keys[k]); got != want[keys[k]] {
				t.Errorf("session %d: %s is %.200q, want %.200q", i, keys[k], got, want[keys[k]])
			}
			if i == 2 && j == 5 {
				if got := s.shown("DBSIZE"); got != n {
					t.Errorf("%s keys, want %s", got, n)
				}
			}
			if i == 3 && j == 5 {
				s.shown("FLUSHALL")
				if got := s.shown("DBSIZE"); !strings.HasPrefix(got, "0") {
					t.Errorf("%s keys after FLUSHALL", got)
				}
				break
			}
		}
		// Writing to what is below does not reach it.
		for _, key := range keys {
			s.shown("APPEND", key, "y")
			s.shown("LPUSH", key, "y")
			s.shown("SADD", key, "y")
			s.shown("HSET", key, "f", "y")
			s.shown("ZADD", key, "9", "y")
			s.shown("XADD", key, "*", "f", "y")
			s.shown("PEXPIRE", key, "100000")
		}
	}
	close(stop)
	<-stopped
	for _, key := range keys {
		if got := digest(first, key); got != want[key] {
			t.Errorf("the first session: %s is %.200q, want %.200q", key, got, want[key])
		}
	}
	for _, s := range append(sessions, first) {
		if got := s.do("c"); got != "[+<endsession>]" {
			t.Error(got)
		}
		if got := s.reply(); got != ":1" {
			t.Error(got)
		}
		if _, err := s.r.ReadByte(); err == nil {
			t.Error("the connection goes on")
		}
	}
	// Nothing stays: no snapshot, no session.
	for end := time.Now().Add(20 * time.Second); ; {
		left := make(chan int)
		ts.el.Post(func() { left <- ts.clock.Live() + len(ts.ldbForks) + len(ts.childJobs) + len(ts.clients) - 1 })
		if n := <-left; n == 0 {
			break
		} else if time.Now().After(end) {
			t.Fatalf("%d things are left of the sessions", n)
		}
		runtime.Gosched()
	}
	if !strings.Contains(ts.log.String(), "Redis forked for debugging eval") || !strings.Contains(ts.log.String(), "Lua debugging session child exiting") {
		t.Errorf("log:\n%s", ts.log)
	}
}

// TestForkedSessionInheritsLess: what a session needs not look at is not copied.
func TestForkedSessionInheritsLess(t *testing.T) {
	server := idleServer(t)
	c := server.fakeClient()
	for i := range 100 {
		c.run("SET", fmt.Sprint("k", i), "v")
	}
	link := newLdbLink(server.el)
	job := &childJob{server: server, snap: server.snapshot()}
	defer job.snap.release()
	from := server.ldbInheritance(c)
	child, err := from.newServer(job, link)
	if err != nil {
		t.Fatal(err)
	}
	defer child.ldbFreeForked()
	for _, tc := range []struct {
		script string
		keys   int
	}{
		{"redis.call('ping') redis.call('select', 3) redis.call('time') redis.call('publish', 'a', 'b')", 0},
		{"redis.call('get', 'k1')", 1},
		{"redis.call('get', 'k1') redis.call('get', 'nothing')", 1},
		{"redis.call('mget', 'k1', 'k2', 'k3')", 3},
		{"redis.call('del', 'k2') redis.call('get', 'k2')", 2},
		{"redis.call('select', 1) redis.call('get', 'k7')", 2},
		{"redis.call('select', 1) redis.call('set', 'k8', 'x')", 2},
		{"redis.call('copy', 'k9', 'k10', 'db', 1)", 4},
		{"redis.call('scan', 0)", 99},
	} {
		dc := child.fakeClient()
		if got := dc.run("EVAL", tc.script, "0"); got[0] == '-' {
			t.Fatalf("%s: %s", tc.script, got)
		}
		if got := child.db[0].keys.Len(); got != tc.keys {
			t.Errorf("%s: %d keys, want %d", tc.script, got, tc.keys)
		}
	}
	if server.db[0].keys.Len() != 100 {
		t.Error("the server has lost keys")
	}
}

// TestForkedSessionEndsWithItsServer: also while its script runs, or waits for a client that says nothing.
func TestForkedSessionEndsWithItsServer(t *testing.T) {
	ts := RunT(t)
	waiting := ts.session(t)
	spinning := ts.dial(t)
	spinning.expect("+OK", "SCRIPT", "DEBUG", "YES")
	spinning.do("EVAL", "while true do pcall(redis.call, 'incr', 'x') end", "0")
	gone := ts.session(t)
	gone.Close()
	fmt.Fprint(spinning, "*1\r\n$1\r\nc\r\n")
	ts.Stop()
	for _, s := range []*testConn{waiting, spinning} {
		if _, err := s.r.ReadByte(); err == nil {
			t.Error("a session goes on")
		}
	}
}

// TestForkedSessionHearsNobody: a script that stops nowhere goes on when its client has gone, and ends.
func TestForkedSessionHearsNobody(t *testing.T) {
	ts := RunT(t, "--busy-reply-threshold", "1")
	s := ts.dial(t)
	s.expect("+OK", "SCRIPT", "DEBUG", "YES")
	s.do("EVAL", "while true do end", "0")
	s.Close()
	c := ts.dial(t)
	for end := time.Now().Add(20 * time.Second); ; {
		if !strings.Contains(ts.log.String(), "Lua debugging session child exiting") {
			if time.Now().After(end) {
				t.Fatal("the session goes on")
			}
			c.expect("+PONG", "PING")
			continue
		}
		break
	}
}

// TestForkedSessionOfRenamedCommands: the copy's commands have the names that the server's have.
func TestForkedSessionOfRenamedCommands(t *testing.T) {
	ts := RunT(t, "--rename-command", "GET", "FETCH", "--rename-command", "DEL", "")
	ts.dial(t).expect("+OK", "SET", "a", "b")
	s := ts.session(t)
	if got := s.shown("FETCH", "a"); !strings.HasPrefix(got, `"b"`) {
		t.Error(got)
	}
	for _, name := range []string{"GET", "DEL"} {
		if got := s.do("r", name, "a"); !strings.Contains(got, "Unknown Redis command") {
			t.Error(got)
		}
	}
	s.do("a")
}
