// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"redport/deps/hiredis"
)

// newTest is a cli whose output goes into a buffer.
func newTest() (*cli, *bytes.Buffer) {
	var b bytes.Buffer
	return &cli{out: bufio.NewWriter(&b), options: defaultOptions(), hints: true}, &b
}

func parse(t *testing.T, wire string) *hiredis.Reply {
	t.Helper()
	r, err := hiredis.NewReader(strings.NewReader(wire)).ReadReply()
	if err != nil {
		t.Fatalf("%q: %v", wire, err)
	}
	return r
}

func TestRepliesInEachFormat(t *testing.T) {
	for _, test := range []struct{ wire, tty, raw, csv, json, quoted string }{
		{"+OK\r\n", "OK\n", "OK\n", "\"OK\"\n", "\"OK\"\n", "\"OK\"\n"},
		{"-ERR x\r\n", "(error) ERR x\n", "ERR x\n\n", "ERROR,\"ERR x\"\n", "error:\"ERR x\"\n", "error:\"ERR x\"\n"},
		{":-5\r\n", "(integer) -5\n", "-5\n", "-5\n", "-5\n", "-5\n"},
		{"$4\r\na\"\n\xff\r\n", "\"a\\\"\\n\\xff\"\n", "a\"\n\xff\n", "\"a\\\"\\n\\xff\"\n", "\"a\\\"\\n\xff\"\n", "\"a\\\\\"\\\\n\\\\xff\"\n"},
		{"$-1\r\n", "(nil)\n", "\n", "NULL\n", "null\n", "null\n"},
		{"#t\r\n", "(true)\n", "(true)\n", "true\n", "true\n", "true\n"},
		{",1.5\r\n", "(double) 1.5\n", "1.5\n", "1.5\n", "1.5\n", "1.5\n"},
		{"(12345678901234567890\r\n", "(bignum) 12345678901234567890\n", "12345678901234567890\n", "12345678901234567890\n", "12345678901234567890\n", "12345678901234567890\n"},
		{"=7\r\ntxt:a\nb\r\n", "a\nb\n", "a\nb\n", "\"a\\nb\"\n", "\"a\\nb\"\n", "\"a\\\\nb\"\n"},
		{"*0\r\n", "(empty array)\n", "\n", "\n", "[]\n", "[]\n"},
		{"%0\r\n", "(empty hash)\n", "\n", "\n", "{}\n", "{}\n"},
		{"~0\r\n", "(empty set)\n", "\n", "\n", "[]\n", "[]\n"},
		{">0\r\n", "(empty push)\n", "\n", "\n", "[]\n", "[]\n"},
		{"*2\r\n$1\r\na\r\n*2\r\n:1\r\n:2\r\n", "1) \"a\"\n2) 1) (integer) 1\n   2) (integer) 2\n", "a\n1\n2\n", "\"a\",1,2\n", "[\"a\",[1,2]]\n", "[\"a\",[1,2]]\n"},
		{"%2\r\n+a\r\n:1\r\n:2\r\n*2\r\n:3\r\n:4\r\n", "1# a => (integer) 1\n2# (integer) 2 => \n   1) (integer) 3\n   2) (integer) 4\n", "a 1\n2 3\n4\n", "\"a\",1,2,3,4\n",
			"{\"a\":1,\"2\":[3,4]}\n", "{\"a\":1,\"2\":[3,4]}\n"},
		{"~2\r\n+a\r\n+b\r\n", "1~ a\n2~ b\n", "a\nb\n", "\"a\",\"b\"\n", "[\"a\",\"b\"]\n", "[\"a\",\"b\"]\n"},
		{"*10\r\n" + strings.Repeat(":0\r\n", 10), " 1) (integer) 0\n 2) (integer) 0\n 3) (integer) 0\n 4) (integer) 0\n 5) (integer) 0\n 6) (integer) 0\n 7) (integer) 0\n" +
			" 8) (integer) 0\n 9) (integer) 0\n10) (integer) 0\n", strings.Repeat("0\n", 10), "0,0,0,0,0,0,0,0,0,0\n", "[0,0,0,0,0,0,0,0,0,0]\n", "[0,0,0,0,0,0,0,0,0,0]\n"},
	} {
		c, _ := newTest()
		r := parse(t, test.wire)
		for mode, want := range map[outputMode]string{outputStandard: test.tty, outputRaw: test.raw, outputCSV: test.csv, outputJSON: test.json, outputQuotedJSON: test.quoted} {
			if got := string(c.formatReply(r, mode, false)); got != want {
				t.Errorf("%q, mode %d: %q, want %q", test.wire, mode, got, want)
			}
		}
	}
	c, _ := newTest()
	c.mbDelim, c.cmdDelim = ";", "|"
	if got := string(c.formatReply(parse(t, "*2\r\n+a\r\n+b\r\n"), outputRaw, false)); got != "a;b|" {
		t.Errorf("%q", got)
	}
	if got := string(c.formatReply(parse(t, "$4\r\na\nb\n\r\n"), outputStandard, true)); got != "a\nb\n" {
		t.Errorf("%q", got)
	}
	push := parse(t, ">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n")
	if got := string(appendInvalidateTTY(nil, push)); !isInvalidate(push) || got != "-> invalidate: 'a', 'b'\n" {
		t.Errorf("%q", got)
	}
}

func TestCommandsWithSecretsStayOutOfTheHistory(t *testing.T) {
	for line, want := range map[string]bool{
		"AUTH x": true, "auth": true, "acl setuser x": true, "ACL DELUSER x": true, "acl getuser x": true, "acl list": false,
		"config set requirepass x": true, "config set maxmemory 1 masterauth x": true, "config set maxmemory 1": false, "config get requirepass": false,
		"config set tls-key-file-pass x": true, "CONFIG SET tls-client-key-file-pass x": true, "config set masteruser x": true,
		"hello 3 AUTH a b": true, "hello 3 setname x auth a b": true, "hello 3": false, "hello 3 setname x": false,
		"migrate h 1 k 0 1 auth x": false, "migrate h 1 k 0 1 copy auth x": true, "migrate h 1 k 0 1 auth2 u x": true, "migrate h 1 k 0 1 keys auth x": false,
		"sentinel config set sentinel-pass x": true, "sentinel set m auth-pass x": true, "sentinel set m down-after-milliseconds 1": false,
		"get auth": false, "set requirepass x": false,
	} {
		args := strings.Fields(line)
		if line == "migrate h 1 k 0 1 auth x" {
			want = true // eight words
		}
		if got := isSensitiveCommand(args); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
	if isSensitiveCommand(nil) {
		t.Error("nothing is a secret")
	}
}

func TestPrompts(t *testing.T) {
	c, _ := newTest()
	for want, set := range map[string]func(){
		"127.0.0.1:6379> ":                           func() {},
		"127.0.0.1:6379[3](TX)> ":                    func() { c.dbnum, c.inMulti = 3, true },
		"[::1]:6379(subscribed mode)> ":              func() { c.Host, c.pubsubMode = "::1", true },
		"redis /tmp/s> ":                             func() { c.hostSocket = "/tmp/s" },
		("redis /" + strings.Repeat("x", 200))[:127]: func() { c.hostSocket = "/" + strings.Repeat("x", 200) },
	} {
		c, _ = newTest()
		set()
		if c.refreshPrompt(); c.prompt != want {
			t.Errorf("%q, want %q", c.prompt, want)
		}
	}
}

func TestLinesOfTheDebuggerKeepTheirQuotes(t *testing.T) {
	c, _ := newTest()
	if args, err := c.splitArgs(`eval "return 'x'" 0`); err != nil || len(args) != 3 || args[1] != "return 'x'" {
		t.Errorf("%q %v", args, err)
	}
	c.evalLDB = true
	for _, line := range []string{`eval return "x`, `e return "x`} {
		if args, err := c.splitArgs(line); err != nil || len(args) != 2 || args[1] != `return "x` {
			t.Errorf("%s: %q %v", line, args, err)
		}
	}
	if got := string(c.appendRaw(nil, parse(t, "+<endsession>\r\n"))); got != "" || c.evalLDB || !c.ldbEnd {
		t.Errorf("%q, in the session: %v", got, c.evalLDB)
	}
}

func TestRepeatCounts(t *testing.T) {
	for line, want := range map[string]int64{"3 ping": 3, "0 ping": 0, "-1 ping": -1, "+2 ping": 2, "99999999999999999999 ping": -1} {
		if n, ok := repeatCount(strings.Fields(line)); !ok || n != want {
			t.Errorf("%s: %d %v", line, n, ok)
		}
	}
	for _, line := range []string{"3", "3x ping", "ping 3", "--3 ping"} {
		if _, ok := repeatCount(strings.Fields(line)); ok {
			t.Errorf("%s is a repetition", line)
		}
	}
}

func TestRedirections(t *testing.T) {
	c, out := newTest()
	c.interactive = true
	c.redirected("MOVED 3999 127.0.0.2:6381")
	if c.Host != "127.0.0.2" || c.Port != 6381 || !c.reissueCommand || c.sendAsking {
		t.Errorf("%s %d", c.Host, c.Port)
	}
	c.redirected("ASK 1 ::1:7000")
	if c.Host != "::1" || c.Port != 7000 || !c.sendAsking {
		t.Errorf("%s %d", c.Host, c.Port)
	}
	c.redirected("MOVED 2 :7001")
	if c.Host != "::1" || c.Port != 7001 || c.sendAsking {
		t.Errorf("%s %d", c.Host, c.Port)
	}
	c.out.Flush()
	if !strings.HasPrefix(out.String(), "-> Redirected to slot [3999] located at 127.0.0.2:6381\n") {
		t.Errorf("%q", out.String())
	}
	for _, bad := range []string{"MOVED ", "MOVED 1", "ASK x y", "MOVED 1 :"} {
		c.redirected(bad)
	}
}

func TestHintsOfTheTables(t *testing.T) {
	c, _ := newTest()
	c.builtinHelp()
	c.addGroups()
	for line, want := range map[string]string{
		"set ":           "key value [NX|XX] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]",
		"set a b nx ":    "[GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]",
		"set a b ex ":    "seconds [NX|XX] [GET] ",
		"mget a b ":      "[key ...]",
		"config get ":    "parameter [parameter ...]",
		"zadd k xx ":     "[GT|LT] [CH] [INCR] score member [score member ...]",
		"object freq ":   "key",
		"SET a b get c ": "",
	} {
		if got, ok := c.hintFor(line); !ok || got != want {
			t.Errorf("%q: %q %v, want %q", line, got, ok, want)
		}
	}
	for _, line := range []string{"", "set", "nosuch ", `set "a `} {
		if got, ok := c.hintFor(line); ok {
			t.Errorf("%q: %q", line, got)
		}
	}
	if h := c.hint("get a"); h == nil || h.Text != " key" || h.Color != 90 {
		t.Errorf("%+v", h)
	}
	c.hints = false
	if c.hint("get ") != nil {
		t.Error("hints that nobody wants")
	}
}

func TestCompletion(t *testing.T) {
	c, _ := newTest()
	c.builtinHelp()
	c.addGroups()
	if got := c.complete("hexp"); len(got) == 0 || got[0] != "HEXPIRE" {
		t.Errorf("%q", got)
	}
	if got := c.complete("HELP  @sor"); len(got) != 1 || got[0] != "HELP  @sorted-set" && got[0] != "HELP  @sorted_set" {
		t.Errorf("%q", got)
	}
	if got := c.complete("@sor"); got != nil {
		t.Errorf("%q", got)
	}
}

func TestVersions(t *testing.T) {
	for _, test := range []struct {
		version, since string
		want           bool
	}{{"", "9.0.0", true}, {"7.0.0", "", true}, {"6.2.5", "6.2.5", true}, {"6.2.5", "6.2.6", false}, {"6.2.5", "6.0.9", true}, {"6.2.5", "7.0.0", false}, {"8.0.6", "7.4.10", true}, {"6.2", "6.2.0", false}} {
		if got := supports(test.version, test.since); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

func TestFieldsOfInfo(t *testing.T) {
	const info = "# Memory\r\nused_memory:123\r\n# Keyspace\r\ndb0:keys=5,expires=1\r\ndb10:keys=7,x\r\n"
	if n := infoNumber(info, "used_memory"); n != 123 {
		t.Error(n)
	}
	if n := infoNumber(info, "db0:keys"); n != 5 {
		t.Error(n)
	}
	if _, ok := infoField(info, "nosuch"); ok {
		t.Error("found what is not there")
	}
	if _, ok := infoField("used", "used"); ok {
		t.Error("found what is cut off")
	}
}

func TestHumanBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 1023: "1023B", 1024: "1.00K", -2048: "-2.00K", 5 << 20: "5.00M", 3 << 30: "3.00G", 2 << 40: "2.00T"} {
		if got := bytesToHuman(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
