// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// stalls.go - how long another client waits at worst while a giant goes, in each way in which one can go.
//
// The giant lies in database 0; what goes is a copy of it in database 1. So it is loaded once a server, unless all databases are flushed. HyperLogLogs
// have 12 KB at most and are no giants; nor is anything here about commands that send all of what they remove, as SPOP may.

// stallGiants are one of each type, and what else of a type may take its time.
var stallGiants = append(slices.Clone(giants),
	giant{"hash, each field with a TTL", func(c *conn, key string, n int) error {
		const join = 100
		for i := 0; i < n; i += join {
			k := min(join, n-i)
			args := []string{"HSETEX", key, "EX", strconv.Itoa(100000 + i/join), "FIELDS", strconv.Itoa(k)}
			for j := range k {
				args = append(args, element(i+j), strconv.Itoa(i+j))
			}
			if err := c.load(args...); err != nil {
				return err
			}
		}
		return nil
	}},
	giant{"stream, all of it pending", loadPending},
	giant{"string", func(c *conn, key string, n int) error {
		// 50 bytes an element: 500 MB for 10 million. A string may have 512 MB at most.
		const chunk = 1 << 20
		size := min(n*50, 512<<20)
		text := strings.Repeat("redport ", chunk/8)
		for at := 0; at < size; at += chunk {
			if err := c.load("SETRANGE", key, strconv.Itoa(at), text[:min(chunk, size-at)]); err != nil {
				return err
			}
			if err := c.drain(); err != nil { // a window of these would be another giant
				return err
			}
		}
		return nil
	}},
)

// loadPending is a stream with as many groups as a thousandth of its entries, one of which has delivered all of them, to a hundred consumers.
func loadPending(c *conn, key string, n int) error {
	if err := stream.load(c, key, n); err != nil {
		return err
	}
	for i := range max(n/1000, 1) {
		if err := c.load("XGROUP", "CREATE", key, "group:"+strconv.Itoa(i), "0"); err != nil {
			return err
		}
	}
	if err := c.drain(); err != nil {
		return err
	}
	// What is delivered is not read: that would take longer than all the rest.
	c.send("CLIENT", "REPLY", "OFF")
	const consumers = 100
	for i := range consumers {
		c.send("XREADGROUP", "GROUP", "group:0", "consumer:"+strconv.Itoa(i), "COUNT", strconv.Itoa(n/consumers+1), "STREAMS", key, ">")
	}
	c.waiting = 0
	_, err := c.do("CLIENT", "REPLY", "ON")
	return err
}

// An ending makes the giant at bigKey go, in the database that the client has switched to.
type ending struct {
	label  string
	only   string // the giant that it is for, if it is not for all
	all    bool   // what the giant is copied from goes too
	before func(c *conn) error
	do     func(c *conn, n int) error
	after  func(c *conn) error
}

// fewKey is a small set in the same database.
const fewKey = "few"

// command is something to be done.
func command(args ...string) func(c *conn) error {
	return func(c *conn) error {
		_, err := c.do(args...)
		return err
	}
}

// at is a command for giants of any size.
func at(args ...string) func(c *conn, n int) error {
	return func(c *conn, n int) error {
		_, err := c.do(args...)
		return err
	}
}

// gone waits until only the small set is left.
func gone(c *conn) error {
	for {
		n, err := c.do("DBSIZE")
		if err != nil || n == "1" {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

var endings = []ending{
	{label: "DEL", do: at("DEL", bigKey)},
	{label: "UNLINK", do: at("UNLINK", bigKey)},
	{label: "expiry", do: func(c *conn, n int) error {
		if _, err := c.do("PEXPIRE", bigKey, "1"); err != nil {
			return err
		}
		return gone(c)
	}},
	{label: "expiry on access", before: func(c *conn) error {
		if _, err := c.do("DEBUG", "SET-ACTIVE-EXPIRE", "0"); err != nil {
			return err
		}
		_, err := c.do("PEXPIRE", bigKey, "1")
		return err
	}, do: at("EXISTS", bigKey), after: command("DEBUG", "SET-ACTIVE-EXPIRE", "1")},
	{label: "eviction", before: func(c *conn) error {
		// Nothing else may be evicted.
		if _, err := c.do("CONFIG", "SET", "maxmemory-policy", "volatile-lru"); err != nil {
			return err
		}
		_, err := c.do("EXPIRE", bigKey, "100000")
		return err
	}, do: func(c *conn, n int) error {
		used, err := c.info("memory", "used_memory")
		if err != nil {
			return err
		}
		if _, err := c.do("CONFIG", "SET", "maxmemory", strconv.Itoa(int(used)-n)); err != nil {
			return err
		}
		return gone(c)
	}, after: command("CONFIG", "SET", "maxmemory", "0")},
	{label: "SET over it", do: at("SET", bigKey, "x")},
	{label: "RENAME over it", do: at("RENAME", fewKey, bigKey)},
	{label: "COPY over it", do: at("COPY", fewKey, bigKey, "REPLACE")},
	{label: "RESTORE over it", do: func(c *conn, n int) error {
		payload, err := c.do("DUMP", fewKey)
		if err != nil {
			return err
		}
		_, err = c.do("RESTORE", bigKey, "0", payload, "REPLACE")
		return err
	}},
	{label: "SUNIONSTORE over it", do: at("SUNIONSTORE", bigKey, fewKey)},
	{label: "ZUNIONSTORE over it", do: at("ZUNIONSTORE", bigKey, "1", fewKey)},
	{label: "LTRIM of all", only: list.label, do: at("LTRIM", bigKey, "1", "0")},
	{label: "ZREMRANGEBYRANK of all", only: sortedSet.label, do: at("ZREMRANGEBYRANK", bigKey, "0", "-1")},
	{label: "XTRIM of all", only: stream.label, do: at("XTRIM", bigKey, "MAXLEN", "0")},
	{label: "FLUSHDB", do: at("FLUSHDB")},
	{label: "FLUSHDB ASYNC", do: at("FLUSHDB", "ASYNC")},
	{label: "FLUSHALL", all: true, do: at("FLUSHALL")},
	{label: "FLUSHALL ASYNC", all: true, do: at("FLUSHALL", "ASYNC")},
}

const (
	// stallRounds is how often each ending is tried at most. What the server does wrong comes every time, what the machine does does not: so the least counts.
	stallRounds = 5
	// stallAim is what is short enough not to be tried again.
	stallAim = time.Millisecond
)

// wanted tells whether a label is among those that are asked for.
func wanted(list, label string) bool {
	return list == "" || slices.Contains(strings.Split(strings.ToLower(list), ";"), strings.ToLower(label))
}

// stalls prints how long the server's longest turn takes while giants go, and how long another client waits at worst.
func stalls(o *options, kinds []kind) error {
	fmt.Printf("\n### Longest waits of another client while a giant of %d elements goes\n\nThe longest turn of the event loop, as the server tells it, and the longest wait of another client, which sends a PING "+
		"after the other for %d ms. Of ours it is the least of up to %d rounds, for waits in each %d ms of them: a stall of the server's own making is in all rounds, one of the machine's is not. No more "+
		"rounds are made once both are below %d ms. Of the others it is one round. The first row is as long a time in which nothing happens.\n\n", o.stallSize, (watchSlices * watchSlice).Milliseconds(),
		stallRounds, watchSlice.Milliseconds(), stallAim.Milliseconds())
	fmt.Print("| | |")
	for _, k := range kinds {
		fmt.Printf(" %s: turn | wait |", k.name)
	}
	fmt.Print("\n|---|---|")
	for range kinds {
		fmt.Print("---|---|")
	}
	fmt.Println()
	for _, g := range stallGiants {
		if !wanted(o.stallGiants, g.label) {
			continue
		}
		if err := stallsOf(o, kinds, g); err != nil {
			return fmt.Errorf("%s: %w", g.label, err)
		}
	}
	return nil
}

// stallsOf has a giant of each server go in all ways, one server after the other: two giants at a time are enough.
func stallsOf(o *options, kinds []kind, g giant) error {
	ways := []ending{{label: "nothing", do: func(c *conn, n int) error { return nil }}}
	for _, e := range endings {
		if wanted(o.endings, e.label) && (e.only == "" || e.only == g.label) {
			ways = append(ways, e)
		}
	}
	rows := make([][]stall, len(ways))
	for i, k := range kinds {
		if err := measureStalls(o, k, g, ways, func(way int, x stall) {
			rows[way] = append(rows[way], x)
			if i == len(kinds)-1 {
				fmt.Printf("| %s | %s |", g.label, ways[way].label)
				for _, x := range rows[way] {
					fmt.Printf(" %.2f ms | %.2f ms |", ms(x.turn), ms(x.wait()))
				}
				fmt.Println()
			}
		}); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

func measureStalls(o *options, k kind, g giant, ways []ending, result func(way int, x stall)) error {
	s, c, err := freezeServer(o, k)
	if err != nil {
		return err
	}
	defer s.stop()
	defer c.close()
	s.goFirst()
	for way, e := range ways {
		rounds := stallRounds
		if way > 0 && k.name != "Redport" {
			rounds = 1
		}
		var least stall
		for round := range rounds {
			x, err := end(o, s, c, g, e)
			if err != nil {
				return fmt.Errorf("%s: %w", e.label, err)
			}
			if round == 0 {
				least = x
			}
			if least.least(x); least.turn < stallAim && least.wait() < stallAim {
				break
			}
		}
		result(way, least)
	}
	return nil
}

// end copies the giant and lets the copy end.
func end(o *options, s *server, c *conn, g giant, e ending) (x stall, err error) {
	begun := time.Now()
	if n, err := c.do("EXISTS", bigKey); err != nil || n == "0" {
		if err := g.load(c, bigKey, o.stallSize); err != nil {
			return x, err
		}
		if err := c.drain(); err != nil {
			return x, err
		}
		if o.raw {
			fmt.Fprintf(os.Stderr, "%s: %s loaded in %.1f s\n", s.name, g.label, time.Since(begun).Seconds())
		}
	}
	begun = time.Now()
	for _, args := range [][]string{{"COPY", bigKey, bigKey, "DB", "1", "REPLACE"}, {"SELECT", "1"}, {"SADD", fewKey, "a", "b", "c"}} {
		if _, err := c.do(args...); err != nil {
			return x, err
		}
	}
	if o.raw {
		fmt.Fprintf(os.Stderr, "%s: %s copied in %.1f s\n", s.name, g.label, time.Since(begun).Seconds())
	}
	if e.before != nil {
		if err := e.before(c); err != nil {
			return x, err
		}
	}
	time.Sleep(settle / 10)
	if x, err = watch(s, c, func() error { return e.do(c, o.stallSize) }); err != nil {
		return x, err
	}
	if e.after != nil {
		if err := e.after(c); err != nil {
			return x, err
		}
	}
	if o.raw {
		fmt.Fprintf(os.Stderr, "%s: %s: %s: turn %.2f ms, wait %.2f ms\n", s.name, g.label, e.label, ms(x.turn), ms(x.wait()))
	}
	_, err = c.do("SELECT", "0")
	return x, err
}

// The other client asks from shortly before until some time after. That time is cut into slices: what the server does comes in the same slice of each round, so that
// the least of the rounds counts, slice by slice.
const (
	watchBefore = 50 * time.Millisecond
	watchSlice  = 50 * time.Millisecond
	watchSlices = 16
)

// stall is the longest turn of the server, and the longest waits of a client in each slice.
type stall struct {
	turn  time.Duration
	waits [watchSlices]time.Duration
}

// wait is the longest.
func (s *stall) wait() time.Duration { return slices.Max(s.waits[:]) }

func (s *stall) least(x stall) {
	s.turn = min(s.turn, x.turn)
	for i := range s.waits {
		s.waits[i] = min(s.waits[i], x.waits[i])
	}
}

// watch does something while another client asks again and again.
func watch(s *server, c *conn, do func() error) (x stall, err error) {
	if _, err := c.do("CONFIG", "RESETSTAT"); err != nil {
		return x, err
	}
	observer, err := newObserver(s.port)
	if err != nil {
		return x, err
	}
	goFirst(true)
	defer goFirst(false)
	start := time.Now().Add(watchBefore)
	result := make(chan error, 1)
	go func() { result <- observer.watch(start, &x) }()
	time.Sleep(watchBefore)
	if err := do(); err != nil {
		return x, err
	}
	if err := <-result; err != nil {
		return x, err
	}
	turn, err := c.info("debug", "eventloop_duration_max")
	x.turn = time.Duration(turn) * time.Microsecond
	return x, err
}

// observer is a client that shall wait for nothing but the server: it blocks in system calls, and goes first where it may.
type observer struct{ f *os.File }

func newObserver(port int) (*observer, error) {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		return nil, err
	}
	f.Fd() // which makes it a blocking one
	return &observer{f}, nil
}

// goFirst gives all threads of this process precedence over what else runs on its processors, if it may.
func goFirst(yes bool) {
	args := []string{"--all-tasks", "--other", "--pid", "0", strconv.Itoa(os.Getpid())}
	if yes {
		args[1], args[3] = "--fifo", "1"
	}
	exec.Command("chrt", args...).Run()
}

// goFirst gives the server's threads precedence over what else runs on the machine, other than the kernel and the observer, if it may.
func (s *server) goFirst() {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", s.cmd.Process.Pid))
	args := []string{"-n", "-20", "-p"}
	for _, t := range threads {
		args = append(args, filepath.Base(t))
	}
	exec.Command("renice", args...).Run()
}

// watch asks until all slices are over, the first of which begins at start.
func (o *observer) watch(start time.Time, x *stall) error {
	runtime.LockOSThread() // until the thread ends with the goroutine
	defer o.f.Close()
	request, reply := []byte("PING\r\n"), make([]byte, 64)
	for {
		begun := time.Since(start)
		if begun >= watchSlices*watchSlice {
			return nil
		}
		if _, err := o.f.Write(request); err != nil {
			return err
		}
		if _, err := o.f.Read(reply); err != nil {
			return err
		}
		ended := time.Since(start)
		// It counts in all slices that it was in.
		for i := max(begun/watchSlice, 0); i <= ended/watchSlice && i < watchSlices; i++ {
			x.waits[i] = max(x.waits[i], ended-begun)
		}
	}
}
