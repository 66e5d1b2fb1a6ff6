// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"redport/deps/hiredis"
	"redport/src/crc16"
)

// fakeServer answers every command, and counts them by name and the keys that it saw.
type fakeServer struct {
	port int
	mu   sync.Mutex
	n    map[string]int
	keys map[string]bool

	conns atomic.Int64
	reply func(args []string) string // "": +OK
}

func newFakeServer(t *testing.T) *fakeServer {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &fakeServer{port: ln.Addr().(*net.TCPAddr).Port, n: map[string]int{}, keys: map[string]bool{}}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			s.conns.Add(1)
			go s.serve(nc)
		}
	}()
	return s
}

func (s *fakeServer) serve(nc net.Conn) {
	defer nc.Close()
	r := hiredis.NewReader(nc)
	for {
		q, err := r.ReadReply() // a request is an array of strings
		if err != nil {
			return
		}
		var args []string
		for _, e := range q.Elements {
			args = append(args, e.Str)
		}
		s.mu.Lock()
		s.n[strings.ToUpper(args[0])]++
		if len(args) > 1 {
			s.keys[args[1]] = true
		}
		s.mu.Unlock()
		answer := "+OK\r\n"
		if args[0] == "CONFIG" {
			answer = "*2\r\n$1\r\na\r\n$1\r\nb\r\n"
		} else if s.reply != nil {
			if x := s.reply(args); x != "" {
				answer = x
			}
		}
		if _, err := nc.Write([]byte(answer)); err != nil {
			return
		}
	}
}

func (s *fakeServer) bench(args ...string) (status int, out, errors string) {
	var o, e bytes.Buffer
	status = run(append([]string{"-p", fmt.Sprint(s.port)}, args...), strings.NewReader("last"), &o, &e)
	return status, o.String(), e.String()
}

func TestCounts(t *testing.T) {
	for _, tc := range []struct {
		args      string
		name      string
		n         int
		conns     int64 // one of them asks for the configuration
		keys      int
		inSummary string
	}{
		{"-n 100 -c 7 -t set -q", "SET", 100, 8, 1, "SET: "},
		{"-n 100 -c 7 -P 5 -t get -q", "GET", 100, 8, 1, "GET: "},
		{"-n 1000 -c 4 -r 50 -t set", "SET", 1000, 5, 50, "  1000 requests completed in "},
		{"-n 100 -c 5 --threads 3 -t incr", "INCR", 100, 6, 1, "  threads: 3\n"},
		{"-n 10 -c 2 -x foo bar", "FOO", 10, 3, 1, "====== foo bar ======"},
		{"-n 10 -c 2 -3 --dbnum 4 --csv -a pw ping", "PING", 10, 3, 0, "\"ping\",\""},
	} {
		s := newFakeServer(t)
		status, out, errs := s.bench(strings.Fields(tc.args)...)
		s.mu.Lock()
		n, keys := s.n[tc.name], len(s.keys)
		s.mu.Unlock()
		for _, other := range []string{"save", "appendonly", "GET", "pw", "4", "3"} {
			if s.keys[other] {
				keys--
			}
		}
		if status != 0 || errs != "" || n != tc.n || s.conns.Load() != tc.conns || keys != tc.keys || !strings.Contains(out, tc.inSummary) {
			t.Errorf("%s: status %d, %d requests, %d connections, %d keys, %q\n%s", tc.args, status, n, s.conns.Load(), keys, errs, out)
		}
	}
}

func TestReport(t *testing.T) {
	s := newFakeServer(t)
	_, out, _ := s.bench("-n", "200", "-t", "set")
	out = out[strings.LastIndexByte(out, '\r')+1:]
	want := regexp.MustCompile(`^====== SET ======
  200 requests completed in \d+\.\d\d seconds
  50 parallel clients
  3 bytes payload
  keep alive: 1
  host configuration "save": b
  host configuration "appendonly": b
  multi-thread: no

Latency by percentile distribution:
0\.000% <= \d+\.\d{3} milliseconds \(cumulative count \d+\)
(\d+\.\d{3}% <= \d+\.\d{3} milliseconds \(cumulative count \d+\)
)*100\.000% <= \d+\.\d{3} milliseconds \(cumulative count 200\)

Cumulative distribution of latencies:
(\d+\.\d{3}% <= \d+\.\d{3} milliseconds \(cumulative count \d+\)
)*100\.000% <= \d+\.\d{3} milliseconds \(cumulative count 200\)

Summary:
  throughput summary: (inf|\d+\.\d\d) requests per second
  latency summary \(msec\):
          avg       min       p50       p95       p99       max
( +\d+\.\d{3}){6}
\n$`)
	if !want.MatchString(out) {
		t.Errorf("report:\n%s", out)
	}
}

func TestErrors(t *testing.T) {
	s := newFakeServer(t)
	s.reply = func(args []string) string {
		if args[0] == "bad" {
			return "-ERR no\r\n"
		}
		return ""
	}
	if status, _, errs := s.bench("-n", "10", "bad"); status != 1 || errs != "Error from server: ERR no\n" {
		t.Errorf("%d %q", status, errs)
	}
	for _, args := range [][]string{{"--nonsense"}, {"-n"}, {"-r", "-x"}} {
		if status, out, _ := s.bench(args...); status != 1 || !strings.HasPrefix(out, "Invalid option \""+args[len(args)-1]+"\" or option argument missing\n\nUsage: ") {
			t.Errorf("%v: %d %.60q", args, status, out)
		}
	}
}

func TestSlotTags(t *testing.T) {
	for slot, tag := range slotTags() {
		if len(tag) != len(slotPlace) || int(crc16.KeyHashSlot([]byte("key:"+tag+":1"))) != slot {
			t.Fatalf("slot %d: tag %q", slot, tag)
		}
	}
}

func TestParseNodes(t *testing.T) {
	var errs bytes.Buffer
	b := &bench{config: &config{}, stderr: &errs}
	b.Host = "here"
	err := b.parseNodes("a :7000@17000,name myself,master - 0 1 1 connected 0-2 9 [12->-b]\n" +
		"b 10.0.0.1:7001@17001 master - 0 1 2 connected 3-5\n" +
		"c ::1:7002@17002 slave a 0 1 1 connected\n" +
		"d 10.0.0.2:7003@17003 master - 0 1 4 connected\n")
	if err != nil || len(b.cluster.nodes) != 2 || errs.String() != "WARNING: Master node 10.0.0.2:7003 has no slots, skipping...\n" {
		t.Fatal(err, b.cluster.nodes, errs.String())
	}
	if n := b.cluster.nodes[0]; n.host != "here" || n.port != 7000 || fmt.Sprint(n.first) != "[0 1 2 9]" {
		t.Error(n)
	}
	if b.parseNodes("x y z\n") == nil || b.parseNodes("a 1:2@3 master - 0 1 1 connected 0-99999\n") == nil {
		t.Error("nonsense was taken")
	}
}
