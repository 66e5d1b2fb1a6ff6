// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"strings"
	"testing"

	"redport/src/dict"
)

// run executes one command for a fake client, and returns the reply.
func (c *client) run(args ...string) string {
	c.argv = c.argv[:0]
	for _, a := range args {
		c.argv = append(c.argv, []byte(a))
	}
	c.cmd = nil
	c.server.processCommand(c)
	c.originalArgv = nil
	return string(c.output())
}

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }

// Scripts of commands and replies, each on an empty database.
func TestStringCommands(t *testing.T) {
	const (
		null     = "$-1\r\n"
		ok       = "+OK\r\n"
		syntax   = "-ERR syntax error\r\n"
		notInt   = "-ERR value is not an integer or out of range\r\n"
		overflow = "-ERR increment or decrement would overflow\r\n"
		tooLong  = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"
	)
	long := strings.Repeat("x", 45)
	type step struct{ command, reply string }
	for name, script := range map[string][]step{
		"SET's conditions": {
			{"SET k 1 XX", null}, {"SET k 1 NX", ok}, {"SET k 2 NX", null}, {"SET k 2 XX GET", bulk("1")}, {"SET k 3 NX GET", bulk("2")},
			{"GET k", bulk("2")}, {"SET k 3 NX XX", syntax}, {"SET k 3 EX", syntax}, {"SET k 3 EX 5 PX 5", syntax}, {"SET k 3 EX 5 KEEPTTL", syntax},
			{"SET k 3 PERSIST", syntax}, {"SET k 3 EX 0", "-ERR invalid expire time in 'set' command\r\n"}, {"SET k 3 EX x", notInt},
			{"SET k 3 PX 9223372036854775807", "-ERR invalid expire time in 'set' command\r\n"}, {"GET k", bulk("2")},
		},
		"expiry": {
			{"SET k v EXAT 4102444800", ok}, {"EXPIRETIME k", ":4102444800\r\n"}, {"SET k w KEEPTTL", ok}, {"EXPIRETIME k", ":4102444800\r\n"},
			{"APPEND k x", ":2\r\n"}, {"EXPIRETIME k", ":4102444800\r\n"}, {"SET k v", ok}, {"TTL k", ":-1\r\n"},
			{"GETEX k PXAT 4102444800000", bulk("v")}, {"PEXPIRETIME k", ":4102444800000\r\n"}, {"GETEX k PERSIST", bulk("v")}, {"TTL k", ":-1\r\n"},
			{"GETEX k PXAT 1", bulk("v")}, {"GET k", null}, {"GETEX k KEEPTTL", syntax},
		},
		"encodings": {
			{"SET k 12345", ok}, {"OBJECT ENCODING k", bulk("int")}, {"INCR k", ":12346\r\n"}, {"OBJECT ENCODING k", bulk("int")},
			{"APPEND k 7", ":6\r\n"}, {"OBJECT ENCODING k", bulk("raw")}, {"INCR k", ":123468\r\n"}, {"OBJECT ENCODING k", bulk("int")},
			{"INCRBYFLOAT k 1", bulk("123469")}, {"OBJECT ENCODING k", bulk("embstr")}, {"SETRANGE k 0 9", ":6\r\n"}, {"OBJECT ENCODING k", bulk("raw")},
			{"GET k", bulk("923469")}, {"SET k " + long, ok}, {"OBJECT ENCODING k", bulk("raw")}, {"SET k " + long[1:], ok}, {"OBJECT ENCODING k", bulk("embstr")},
			{"SET k 012", ok}, {"OBJECT ENCODING k", bulk("embstr")}, {"APPEND n 5", ":1\r\n"}, {"OBJECT ENCODING n", bulk("int")},
		},
		"numbers": {
			{"SET k 9223372036854775806", ok}, {"INCR k", ":9223372036854775807\r\n"}, {"INCR k", overflow}, {"DECRBY k -1", overflow},
			{"DECRBY k -9223372036854775808", "-ERR decrement would overflow\r\n"}, {"SET k x", ok}, {"INCR k", notInt}, {"INCRBY m 5", ":5\r\n"},
			{"DECR m", ":4\r\n"}, {"INCRBY m 1.5", notInt}, {"INCRBYFLOAT m 0.1", bulk("4.1")}, {"INCRBYFLOAT k 1", "-ERR value is not a valid float\r\n"},
			{"INCRBYFLOAT m +inf", "-ERR increment would produce NaN or Infinity\r\n"},
		},
		"ranges": {
			{"SETRANGE k 3 ab", ":5\r\n"}, {"GET k", bulk("\x00\x00\x00ab")}, {"GETRANGE k -2 -1", bulk("ab")}, {"GETRANGE k -1 -2", bulk("")},
			{"GETRANGE k 0 100", bulk("\x00\x00\x00ab")}, {"SETRANGE k -1 x", "-ERR offset is out of range\r\n"}, {"SETRANGE k 536870912 x", tooLong},
			{"SET n 1234", ok}, {"GETRANGE n 1 2", bulk("23")}, {"SUBSTR n -3 -2", bulk("23")}, {"STRLEN n", ":4\r\n"}, {"STRLEN none", ":0\r\n"},
		},
		"many at once": {
			{"MSET a 1 b 2", ok}, {"MGET a none b", "*3\r\n" + bulk("1") + null + bulk("2")}, {"MSETNX c 1 a 1", ":0\r\n"}, {"MSETNX c 1 c 2", ":1\r\n"},
			{"GET c", bulk("2")}, {"MSET a 1 b", "-ERR wrong number of arguments for 'mset' command\r\n"}, {"GETSET a 5", bulk("1")}, {"GETDEL a", bulk("5")}, {"GETDEL a", null},
		},
		"LCS": {
			{"MSET a ohmytext b mynewtext", ok}, {"LCS a b", bulk("mytext")}, {"LCS a b LEN", ":6\r\n"},
			{"LCS a b IDX WITHMATCHLEN", "*4\r\n" + bulk("matches") + "*2\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n*3\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n:2\r\n" + bulk("len") + ":6\r\n"},
			{"LCS a b IDX MINMATCHLEN 4", "*4\r\n" + bulk("matches") + "*1\r\n*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n" + bulk("len") + ":6\r\n"},
			{"LCS a none", bulk("")}, {"LCS a b LEN IDX", "-ERR If you want both the length and indexes, please just use IDX.\r\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := idleServer(t).fakeClient()
			for _, s := range script {
				if got := c.run(strings.Fields(s.command)...); got != s.reply {
					t.Errorf("%s: got %q, want %q", s.command, got, s.reply)
				}
			}
		})
	}
}

// A snapshot keeps the values that there were, whatever the string commands do.
func TestStringCommandsLeaveSnapshotsAlone(t *testing.T) {
	server := idleServer(t)
	c := server.fakeClient()
	long := strings.Repeat("y", 1000)
	before := map[string]string{"int": "1", "text": "abc", "long": long, "gone": "z", "float": "1.5"}
	for k, v := range before {
		c.run("SET", k, v)
	}
	snapshot := server.clock.Snapshot()
	view := c.db.keys.Snapshot(snapshot)
	for range 3 {
		for _, cmd := range []string{"INCR int", "APPEND text def", "APPEND long x", "SETRANGE long 5 Q", "SETRANGE text 0 Z", "INCRBYFLOAT float 1", "GETDEL gone", "SET new 1", "GETEX text EX 100"} {
			c.run(strings.Fields(cmd)...)
		}
	}
	if view.Len() != len(before) {
		t.Errorf("the snapshot has %d keys, want %d", view.Len(), len(before))
	}
	view.All(func(e dict.Entry) bool {
		var tmp [20]byte
		if got := string(entryStringBytes(e, tmp[:0])); got != before[string(e.Key())] {
			t.Errorf("%s is %.40q in the snapshot, want %.40q", e.Key(), got, before[string(e.Key())])
		}
		return true
	})
	snapshot.Release()
	if got := c.run("GET", "text"); got != bulk("Zbcdefdefdef") {
		t.Errorf("text is %q now", got)
	}
}

// What commands are propagated as, does not depend on the clock, and not on how numbers are computed.
func TestStringPropagation(t *testing.T) {
	server := idleServer(t)
	c := server.fakeClient()
	var fed []string
	server.recordPropagation(&fed)
	for _, test := range []struct{ command, want string }{
		{"SET k v EXAT 4102444800", "SET k v PXAT 4102444800000"},
		{"SET k v GET", "SET k v"},
		{"set k v get keepttl GET", "set k v keepttl"},
		{"GETSET k 5", "SET k 5"},
		{"INCRBYFLOAT k 0.5", "SET k 5.5 KEEPTTL"},
		{"GETEX k", ""},
		{"GETEX k PXAT 4102444800000", "PEXPIREAT k 4102444800000"},
		{"GETEX k PERSIST", "PERSIST k"},
		{"GETEX k PERSIST", ""},
		{"GETDEL k", "DEL k"},
		{"GETDEL k", ""},
		{"MSET a 1 b 2", "MSET a 1 b 2"},
		{"INCR a", "INCR a"},
	} {
		fed = nil
		c.run(strings.Fields(test.command)...)
		if got := strings.Join(fed, "; "); got != test.want {
			t.Errorf("%s is propagated as %q, want %q", test.command, got, test.want)
		}
	}
}

func TestStringHotPathDoesNotAllocate(t *testing.T) {
	server := idleServer(t)
	c := server.fakeClient()
	c.run("SET", "n", "1000000")
	c.run("SET", "key:000000001", "0123456789")
	for _, command := range []string{
		"GET key:000000001", "SET key:000000001 0123456789", "SET key:000000001 9876543210abcdef", "INCR n", "INCRBY n 77", "GET n",
		"MSET key:000000001 aaaa n 12345", "MGET key:000000001 n none", "SET key:000000001 v EX 100", "STRLEN n", "GETRANGE key:000000001 0 3", "SETRANGE key:000000001 0 z",
	} {
		var argv [][]byte
		for _, a := range strings.Fields(command) {
			argv = append(argv, []byte(a))
		}
		allocs := testing.AllocsPerRun(200, func() {
			c.argv, c.cmd = argv, nil
			server.processCommand(c)
			c.buf = c.buf[:0]
		})
		if allocs != 0 {
			t.Errorf("%s allocates %v times", command, allocs)
		}
	}
}

func BenchmarkStringCommands(b *testing.B) {
	for _, command := range []string{"GET key:000000001", "SET key:000000001 0123456789", "INCR n", "MSET key:000000001 aaaa n 12345"} {
		b.Run(strings.Fields(command)[0], func(b *testing.B) {
			server := idleServer(b)
			c := server.fakeClient()
			c.run("SET", "n", "1000000")
			c.run("SET", "key:000000001", "0123456789")
			c.benchmarkCommand(b, command)
		})
	}
}
