// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"redport/src/zmalloc"
)

// stress_test.go - clients that end each other in every way at once.
//
// A dozen clients do what stress_ops_test.go draws for them: they wait for keys, are unblocked, killed, paused, evicted and cut off, run scripts
// that do not end, publish to each other, track keys, and hang up in the middle. Meanwhile the server saves, rewrites, evicts and expires. One more
// client, the rescuer, ends waits and scripts until the others are done, so that nobody waits for ever.
//
// Each command must have its one reply, in its place. When all clients are gone, nothing may be left of them: no counter in INFO, no entry in
// a table, no goroutine, and no memory.
//
// STRESS_SEED and STRESS_COMMANDS (of each client) in the environment say which test is run; what the seed decides is what the clients
// send, not who is served first.

const stressClients = 12

// stressRun is one server under stress.
type stressRun struct {
	t    *testing.T
	ts   *testServer
	port int
	tls  *tls.Config // nil without TLS
	seed uint64

	ids    [2 * stressClients]atomic.Uint64             // client IDs, of the main connections and then of the side ones
	addrs  [2 * stressClients]atomic.Pointer[[2]string] // their two addresses, as CLIENT KILL takes them
	left   atomic.Int64                                 // clients that are not done
	failed atomic.Bool
	stuck  atomic.Value // the list of clients at the first failure
	ops    sync.Map     // names of operations -> *stressCount
}

// stressCount says how often an operation came to its end, and how often its connection ended first.
type stressCount struct{ done, cut atomic.Int64 }

// stressClient is one of the clients: a connection that executes, and one beside it that never reads.
type stressClient struct {
	*stressRun
	n        int
	r        *rand.Rand
	conn     net.Conn
	br       *bufio.Reader
	side     net.Conn
	marker   int
	failures int // of the rescuer, one after another
}

func stressSeed() uint64 {
	if s, err := strconv.ParseUint(os.Getenv("STRESS_SEED"), 10, 64); err == nil {
		return s
	}
	return uint64(time.Now().UnixNano())
}

// stressCommands is how many operations each client executes. With the race detector, there are more of them.
func stressCommands() int {
	if n, err := strconv.Atoi(os.Getenv("STRESS_COMMANDS")); err == nil {
		return n
	}
	if zmalloc.Invariants && !testing.Short() {
		return 150
	}
	return 60
}

func TestStress(t *testing.T) {
	for _, config := range []struct {
		name string
		tls  bool
		args []string
	}{
		{"io-threads 1", false, []string{"--io-threads", "1"}},
		{"io-threads 4", false, []string{"--io-threads", "4"}},
		{"tls", true, []string{"--io-threads", "4"}},
	} {
		before := runtime.NumGoroutine()
		t.Run(config.name, func(t *testing.T) { stressServer(t, stressSeed(), config.tls, config.args...) })
		waitForGoroutines(t, before)
	}
}

// waitForGoroutines waits until there are no more of them than before.
func waitForGoroutines(t *testing.T, before int) {
	for end := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func stressServer(t *testing.T, seed uint64, withTLS bool, args ...string) {
	t.Logf("STRESS_SEED=%d", seed)
	run := &stressRun{t: t, seed: seed, port: freePort(t)}
	portArg := "--port"
	if withTLS {
		dir := t.TempDir()
		run.tls = writeTestCertificate(t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
		args = append(args, "--tls-cert-file", filepath.Join(dir, "cert.pem"), "--tls-key-file", filepath.Join(dir, "key.pem"), "--tls-auth-clients", "no")
		portArg = "--tls-port"
	}
	aclfile := filepath.Join(t.TempDir(), "users.acl")
	if err := os.WriteFile(aclfile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	run.ts = RunT(t, append([]string{portArg, strconv.Itoa(run.port), "--bind", "127.0.0.1", "--appendonly", "yes", "--busy-reply-threshold", "5",
		"--aclfile", aclfile, "--client-output-buffer-limit", "pubsub 64kb 32kb 1 normal 2mb 1mb 1", "--tracking-table-max-keys", "4"}, args...)...)
	control := run.ts.dial(t)
	run.settle(control)
	base := run.usedMemory(control)

	var clients sync.WaitGroup
	run.left.Store(stressClients)
	for n := range stressClients {
		clients.Go(func() {
			defer run.left.Add(-1)
			c := &stressClient{stressRun: run, n: n, r: rand.New(rand.NewPCG(seed, uint64(n)))}
			c.main(stressCommands())
		})
	}
	clients.Go(func() {
		c := &stressClient{stressRun: run, n: -1, r: rand.New(rand.NewPCG(seed, stressClients))}
		c.rescue()
	})
	clients.Wait()
	run.logOps()
	if run.failed.Load() {
		control.Close()
		t.Fatalf("the clients:\n%s\nthe log:\n%s", run.stuck.Load(), tail(run.ts.log.String(), 4000))
	}

	// The one who looks was a client, too.
	control.Close()
	control = run.ts.dial(t)
	run.settle(control)
	run.checkNothingIsLeft(control)
	if used := run.usedMemory(control); used > base+64<<10 {
		t.Errorf("used_memory was %d, and is %d now\n%s", base, used, control.do("INFO", "memory"))
	}
	for _, bad := range []string{"panic", "BUG REPORT", "crashed", "goroutine "} {
		if log := run.ts.log.String(); strings.Contains(log, bad) {
			t.Errorf("%q in the log:\n%s", bad, tail(log, 4000))
		}
	}
}

func tail(s string, n int) string { return s[max(len(s)-n, 0):] }

func (run *stressRun) fail(format string, args ...any) {
	if !run.failed.Swap(true) {
		run.ts.el.Post(func() { run.stuck.Store(run.ts.getAllClientsInfoString(-1)) })
	}
	run.t.Errorf(format, args...)
}

// logOps shows how often each operation was executed, and how often the connection was ended before it was answered.
func (run *stressRun) logOps() {
	var b strings.Builder
	run.ops.Range(func(name, count any) bool {
		n := count.(*stressCount)
		fmt.Fprintf(&b, " %s %d+%d", name, n.done.Load(), n.cut.Load())
		return true
	})
	run.t.Logf("operations:%s", b.String())
}

// --- What is left in the end ---

// settle brings the server back to where it began.
func (run *stressRun) settle(c *testConn) {
	for _, args := range [][]string{{"CLIENT", "UNPAUSE"}, {"CONFIG", "SET", "maxmemory", "0", "maxmemory-clients", "0", "timeout", "0", "maxclients", "10000", "appendonly", "yes"},
		{"FLUSHALL"}, {"SCRIPT", "FLUSH"}, {"FUNCTION", "FLUSH"}} {
		c.expect("+OK", args...)
	}
	for _, u := range stressUsers {
		c.do("ACL", "DELUSER", u)
	}
	run.waitFor(c, "persistence", "rdb_bgsave_in_progress:0", "aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0", "aof_buffer_length:0")
}

func (run *stressRun) waitFor(c *testConn, section string, lines ...string) {
	run.t.Helper()
	waitUntil(run.t, func() bool {
		info := c.do("INFO", section)
		for _, line := range lines {
			if !strings.Contains(info, "\n"+line+"\r\n") {
				return false
			}
		}
		return true
	}, func() string {
		return strings.Join(lines, " ") + " in\n" + c.do("INFO", section) + c.do("CLIENT", "LIST")
	})
}

// waitUntil fails the test when cond does not come true.
func waitUntil(t *testing.T, cond func() bool, what func() string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !cond(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what())
		}
	}
}

func (run *stressRun) usedMemory(c *testConn) (n int64) {
	// The clients are weighed by the cron and after each command.
	if _, err := fmt.Sscanf(c.do("INFO", "memory"), "# Memory\r\nused_memory:%d", &n); err != nil {
		run.t.Fatal(err)
	}
	return n
}

// onLoop runs fn where the Server may be looked at.
func (ts *testServer) onLoop(fn func()) {
	done := make(chan struct{})
	ts.el.Post(func() { fn(); close(done) })
	<-done
}

// checkNothingIsLeft looks for what should have gone with its client.
func (run *stressRun) checkNothingIsLeft(c *testConn) {
	run.waitFor(c, "clients", "connected_clients:1", "blocked_clients:0", "tracking_clients:0", "pubsub_clients:0", "watching_clients:0",
		"clients_in_timeout_table:0", "total_watched_keys:0", "total_blocking_keys:0", "total_blocking_keys_on_nokey:0")
	run.waitFor(c, "stats", "pubsub_channels:0", "pubsub_patterns:0", "pubsubshard_channels:0", "tracking_total_prefixes:0")
	c.expect("PONG", "PING", "PONG")
	run.ts.onLoop(func() {
		server := run.ts.Server
		left := func(name string, n int) {
			if n != 0 {
				run.t.Errorf("%s: %d are left", name, n)
			}
		}
		left("clientsByID", len(server.clientsByID)-1)
		left("clientsToClose", len(server.clientsToClose))
		left("postponedClients", len(server.postponedClients))
		left("monitors", len(server.monitors))
		left("slaves", len(server.slaves))
		left("totalBlockingClients", server.totalBlockingClients)
		left("readyKeys", len(server.readyKeys))
		left("tracking.pending", len(server.tracking.pending))
		for i, n := range server.blockedClientsByType {
			left(fmt.Sprintf("blockedClientsByType[%d]", i), n)
		}
		for _, db := range server.db {
			left("db.blockingKeys", len(db.blockingKeys))
			left("db.readyKeys", len(db.readyKeys))
			left("db.watchedKeys", len(db.watchedKeys))
		}
		threads := 0
		for _, n := range server.ioThreadClients {
			threads += n
		}
		left("ioThreadClients", threads-1)
		for i := range server.clientMemBuckets {
			left(fmt.Sprintf("clientMemBuckets[%d]", i), len(server.clientMemBuckets[i].clients))
			if sum := server.clientMemBuckets[i].memUsageSum; sum != 0 {
				run.t.Errorf("clientMemBuckets[%d]: %d bytes are left", i, sum)
			}
		}
		sum := int64(0)
		for _, c := range server.clients {
			sum += c.lastMemoryUsage
		}
		for _, n := range server.clientsMemUsage {
			sum -= n
		}
		if sum != 0 {
			run.t.Errorf("what clients take: the sums are off by %d bytes", sum)
		}
		if server.script.running || server.inHandlingBlockedClients || server.pausedActions != 0 {
			run.t.Error("a script, the serving of blocked clients or a pause has not ended")
		}
	})
}

// --- A client ---

var errMalformed = errors.New("malformed reply")

// readStressReply reads one reply of any kind: its first byte, and its text if it is a line or a string. Of an array it is the last string.
func readStressReply(r *bufio.Reader) (kind byte, text string, err error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, "", err
	}
	if len(line) < 3 || line[len(line)-2] != '\r' {
		return 0, "", fmt.Errorf("%w: %q", errMalformed, line)
	}
	kind, text = line[0], line[1:len(line)-2]
	n := 0
	if strings.IndexByte("$=*~>%!", kind) >= 0 {
		if n, err = strconv.Atoi(text); err != nil {
			return 0, "", fmt.Errorf("%w: %q", errMalformed, line)
		}
	}
	switch kind {
	case '+', '-', ':', '_', ',', '#', '(':
	case '$', '=', '!':
		if n < 0 {
			break
		}
		b := make([]byte, n+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return 0, "", err
		}
		if string(b[n:]) != "\r\n" {
			return 0, "", fmt.Errorf("%w: a string that ends in %q", errMalformed, b[n:])
		}
		text = string(b[:n])
	case '*', '~', '>', '%':
		if kind == '%' {
			n *= 2
		}
		for range n {
			if _, text, err = readStressReply(r); err != nil {
				return 0, "", err
			}
		}
	default:
		return 0, "", fmt.Errorf("%w: %q", errMalformed, line)
	}
	return kind, text, nil
}

// dialAny connects over whatever there is.
func (c *stressClient) dialAny() (net.Conn, error) {
	if c.n < 0 || c.r.IntN(3) == 0 {
		return net.Dial("unix", c.ts.socket)
	}
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", c.port))
	if err != nil || c.tls == nil {
		return conn, err
	}
	return tls.Client(conn, c.tls), nil
}

// connect makes the main connection, or with which = 1 the one that never reads, and notes who it is.
func (c *stressClient) connect(which int) bool {
	conn, err := c.dialAny()
	if err != nil {
		c.fail("connecting: %v", err)
		return false
	}
	conn.SetDeadline(time.Now().Add(c.patience()))
	br := bufio.NewReader(conn)
	if c.n < 0 {
		c.conn, c.br = conn, br
		return true
	}
	_, id, err := c.ask(conn, br, "CLIENT", "ID")
	if which == 0 {
		c.conn, c.br = conn, br
	} else {
		c.side = conn
	}
	if err != nil {
		return false
	}
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return false // the server is busy: nobody could name this client
	}
	i := c.n + which*stressClients
	c.ids[i].Store(n)
	addr := [2]string{conn.LocalAddr().String(), conn.RemoteAddr().String()}
	if conn.LocalAddr().Network() == "unix" {
		addr = [2]string{c.ts.socket + ":0", c.ts.socket + ":0"}
	}
	c.addrs[i].Store(&addr)
	return true
}

func appendStressCommand(b []byte, args ...string) []byte {
	b = fmt.Appendf(b, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b
}

func (c *stressClient) ask(conn net.Conn, br *bufio.Reader, args ...string) (byte, string, error) {
	if _, err := conn.Write(appendStressCommand(nil, args...)); err != nil {
		return 0, "", err
	}
	return readStressReply(br)
}

// patience is how long a reply may take. The rescuer has less: it may wait for a turn, or for the end of a pause, that does not come because a
// script began to spin, which it should kill. A new connection is served then.
func (c *stressClient) patience() time.Duration {
	if c.n < 0 {
		return 200 * time.Millisecond << min(c.failures, 5)
	}
	return 60 * time.Second
}

func (c *stressClient) hangUp() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

func (c *stressClient) main(commands int) {
	defer func() {
		c.hangUp()
		if c.side != nil {
			c.side.Close()
		}
	}()
	for range commands {
		if c.failed.Load() {
			return
		}
		if c.side == nil || c.r.IntN(30) == 0 {
			c.replaceSide()
		}
		if c.conn == nil && !c.connect(0) {
			c.hangUp()
			continue
		}
		op := c.draw()
		count, _ := c.ops.LoadOrStore(op.name, &stressCount{})
		if c.execute(op) {
			count.(*stressCount).done.Add(1)
		} else {
			count.(*stressCount).cut.Add(1)
			c.hangUp()
		}
	}
}

// replaceSide hangs up the side connection, which others may publish, redirect and invalidate to, and makes another.
func (c *stressClient) replaceSide() {
	if c.side != nil {
		c.side.Close()
		c.side = nil
	}
	if !c.connect(1) {
		return
	}
	var b []byte
	for _, args := range c.sideCommands() {
		b = appendStressCommand(b, args...)
	}
	c.side.Write(b)
}

// execute sends an operation and takes its replies. It is false when the connection is not to be used again.
func (c *stressClient) execute(op stressOp) bool {
	var b []byte
	for _, args := range op.commands {
		b = appendStressCommand(b, args...)
	}
	c.marker++
	marker := fmt.Sprintf("marker:%d:%d", c.n, c.marker)
	b = appendStressCommand(b, "PING", marker)
	if op.cut > 0 && op.cut < len(b) {
		c.conn.Write(b[:op.cut])
		return false
	}
	c.conn.SetDeadline(time.Now().Add(c.patience()))
	if _, err := c.conn.Write(b); err != nil || op.cut > 0 {
		return false
	}
	for n := 0; ; {
		kind, text, err := readStressReply(c.br)
		var timeout net.Error
		switch {
		case errors.Is(err, errMalformed), errors.As(err, &timeout) && timeout.Timeout() && c.n >= 0:
			c.fail("%s, reply %d of %d: %v", op, n, len(op.commands)+1, err)
		}
		if err != nil {
			return false
		}
		if kind == '>' {
			continue
		}
		n++
		// A client that subscribes has more than one reply a command, and a pong that is an array.
		if text == marker && (kind == '$' || kind == '*' && !op.exact) {
			if op.exact && n != len(op.commands)+1 {
				c.fail("%s has %d replies", op, n-1)
			}
			return true
		}
		if op.exact && n <= len(op.commands) || !op.exact && (kind != '-' || !strings.HasPrefix(text, "BUSY")) {
			continue
		}
		// While a script spins, there are no pongs; and a transaction may have been left open.
		if kind == '-' && strings.HasPrefix(text, "BUSY") || kind == '+' && text == "QUEUED" {
			return false
		}
		c.fail("%s: %c%q instead of the pong", op, kind, text)
		return false
	}
}

// rescue ends waits, pauses and scripts, until all others are done.
func (c *stressClient) rescue() {
	defer c.hangUp()
	for c.left.Load() > 0 {
		if (c.conn != nil || c.connect(0)) && c.execute(c.drawRescue()) {
			c.failures = 0
			continue
		}
		c.failures++
		c.hangUp()
	}
}
