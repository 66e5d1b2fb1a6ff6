// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"strings"
	"testing"

	"redport/src/commands"
)

// newCommandTableServer makes a Server that knows all declared commands, whether they are written or not. It can
// look commands up and describe them, but not run them.
func newCommandTableServer() *Server { return newCommandTableServerIn(false) }

func newCommandTableServerIn(sentinelMode bool) *Server {
	server := &Server{commands: map[string]*redisCommand{}, sentinelMode: sentinelMode}
	procs := map[string]func(*client){}
	for _, decl := range commands.Table {
		procs[decl.Fullname] = func(*client) {}
		for _, sub := range decl.Subcommands {
			procs[sub.Fullname] = func(*client) {}
		}
	}
	for _, decl := range commands.Table {
		if cmd := server.makeCommand(decl, nil, procs); cmd != nil {
			server.commands[cmd.fullname] = cmd
		}
	}
	server.indexCommands()
	return server
}

// argvOf splits a command line at blanks; "" stands for an empty argument.
func argvOf(line string) (argv [][]byte) {
	for _, w := range strings.Split(line, " ") {
		if w == `""` {
			w = ""
		}
		argv = append(argv, []byte(w))
	}
	return argv
}

// showKeys writes keys as "name@position:flags".
func showKeys(argv [][]byte, keys []keyReference) string {
	var list []string
	for _, key := range keys {
		var flags []string
		for _, f := range commands.KeyFlagNames {
			if key.flags&f.Flag != 0 {
				flags = append(flags, f.Name)
			}
		}
		list = append(list, fmt.Sprintf("%s@%d:%s", argv[key.pos], key.pos, strings.Join(flags, ",")))
	}
	return strings.Join(list, " ")
}

func TestGetKeysFromCommandWithSpecs(t *testing.T) {
	server := newCommandTableServer()
	tests := []struct{ line, want string }{
		{"get a", "a@1:RO,access"},
		{"config get a", ""},
		{"object encoding a", "a@2:RO"},
		{"mset a 1 b 2", "a@1:OW,update b@3:OW,update"},
		{"mset a 1 b", "a@1:OW,update b@3:OW,update"},
		{"blpop a b 0", "a@1:RW,access,delete b@2:RW,access,delete"},
		{"bitop and d a b", "d@2:OW,update a@3:RO,access b@4:RO,access"},
		{"pfmerge d", "d@1:RW,access,insert"},
		{"pfmerge d a", "d@1:RW,access,insert a@2:RO,access"},

		// Counted keys.
		{"eval s 2 a b c", "a@3:RW,access,update b@4:RW,access,update"},
		{"eval s 0 a b", ""},
		{"eval s 0", ""},
		{"eval s", ""},
		{"eval s -1 a", ""},
		{"eval s 3 a b", ""},
		{"eval s 2147483648 a b", ""},
		{"eval s 9223372036854775807 a b", ""},
		{"eval s 9223372036854775808 a b", ""},
		{"eval s -9223372036854775808 a b", ""},
		{"eval s -99999999999999999999 a b", ""},
		{"eval s 18446744073709551617 a b", ""},
		{"eval s 4294967297 a b", "a@3:"}, // as atoi sees it
		{"eval s 1x a b", "a@3:"},
		{"eval s +1 a b", "a@3:"},
		{"eval s x a b", ""},
		{`eval s "" a b`, ""},
		{"evalsha_ro s 1 a b", "a@3:RO,access"},
		{"fcall_ro s -5 a", ""},
		{"zunionstore d 2 a b", "d@1:OW,update a@3:RO,access b@4:RO,access"},
		{"zunionstore d 3 a b", ""},
		{"zunionstore d 0 a b", ""},
		{"zunionstore d 1x a b", "a@3: d@1:"},
		{"zinter 1 a", "a@2:RO,access"},
		{"zinter 9223372036854775807 a", ""},
		{"sintercard 2 a b LIMIT 1", "a@2:RO,access b@3:RO,access"},
		{"zmpop 5 a MIN", ""},
		{"blmpop 0 1 a LEFT", "a@3:RW,access,delete"},
		{"lmpop a b LEFT", ""},

		// Keys behind keywords.
		{"sort a", "a@1:RO,access"},
		{"sort a BY x STORE y", "a@1:RO,access y@5:OW,update"},
		{"sort a STORE x STORE y LIMIT STORE 3", "a@1:RO,access y@5:OW,update"},
		{"sort a by store get store store", "a@1:RO,access"},
		{"sort a STORE", "a@1:RO,access"},
		{"sort_ro a BY w_*", "a@1:RO,access"},
		{"migrate h 1 k 0 1", "k@3:RW,access,delete"},
		{`migrate h 1 "" 0 1 KEYS a b`, "a@7:RW,access,delete b@8:RW,access,delete"},
		{"migrate h 1 k 0 1 KEYS a b", ""},
		{`migrate h 1 "" 0 1 AUTH KEYS KEYS a`, "a@9:RW,access,delete"},
		{`migrate h 1 "" 0 1 AUTH2 KEYS KEYS KEYS a`, "a@10:RW,access,delete"},
		{`migrate h 1 "" 0 1 KEYS`, "@3:RW,access,delete"},
		{"xread streams a b 1 2", "a@2:RO,access b@3:RO,access"},
		{"xread count streams streams a 1", "streams@3:RO,access"},
		{"xread streams a b 1", "a@2:RO,access"},
		{"xread streams", ""},
		{"xreadgroup group streams streams streams a 1", "a@5:RO,access"},
		{"georadius k 1 2 3 m STORE d STOREDIST e", "k@1:RO,access d@7:OW,update e@9:OW,update"},
		{"georadiusbymember k m 2 m STORE d", "k@1:RO,access d@6:OW,update"},

		// Flags that depend on the arguments.
		{"set a b", "a@1:OW,update"},
		{"set a get", "a@1:OW,update"},
		{"set a b EX 1 gEt", "a@1:RW,access,update"},
		{"bitfield a", "a@1:RO,access"},
		{"bitfield a GET u8 0", "a@1:RO,access"},
		{"bitfield a OVERFLOW sat GET u8 0", "a@1:RO,access"},
		{"bitfield a GET u8 0 SET u8 0 1", "a@1:RW,access,update"},
		{"bitfield a GET u8", "a@1:RW,access,update"},
		{"bitfield a NOSUCH", "a@1:RW,access,update"},
	}
	for _, test := range tests {
		argv := argvOf(test.line)
		cmd := server.lookupCommand(argv)
		if got := showKeys(argv, cmd.getKeysFromCommandWithSpecs(argv, getKeyspecDefault, nil)); got != test.want {
			t.Errorf("%s: got %q, want %q", test.line, got, test.want)
		}
	}
}

func TestGetKeysSearchFlags(t *testing.T) {
	server := newCommandTableServer()
	tests := []struct {
		line  string
		flags int
		want  string
		ok    bool
	}{
		{"spublish a m", getKeyspecDefault, "", true},
		{"spublish a m", getKeyspecIncludeNotKeys, "a@1:not_key", true},
		{"ssubscribe a b", getKeyspecIncludeNotKeys, "a@1:not_key b@2:not_key", true},
		{"sort a store b", getKeyspecDefault, "", false},
		{"sort a store b", getKeyspecReturnPartial, "a@1:RO,access", false},
		{`migrate h 1 "" 0 1 KEYS a b`, getKeyspecDefault, "", false},
		{`migrate h 1 "" 0 1 KEYS a b`, getKeyspecReturnPartial, "@3:RW,access,delete a@7:RW,access,delete,incomplete b@8:RW,access,delete,incomplete", false},
		{"zunionstore d 9 a", getKeyspecReturnPartial, "d@1:OW,update", true},
		{"zunionstore d 9 a", getKeyspecDefault, "", false},
	}
	for _, test := range tests {
		argv := argvOf(test.line)
		keys, ok := server.lookupCommand(argv).getKeysUsingKeySpecs(argv, test.flags, nil)
		if test.flags == getKeyspecReturnPartial {
			ok = test.ok // partial results are never refused
		}
		if got := showKeys(argv, keys); got != test.want || ok != test.ok {
			t.Errorf("%s (%d): got %q %v, want %q %v", test.line, test.flags, got, ok, test.want, test.ok)
		}
	}
	// What the caller has already stays.
	argv := argvOf("sort a store b")
	keys, ok := server.lookupCommand(argv).getKeysUsingKeySpecs(argv, getKeyspecDefault, []keyReference{{pos: 3}})
	if len(keys) != 1 || keys[0].pos != 3 || ok {
		t.Errorf("appended to a caller's keys: %v %v", keys, ok)
	}
}

func TestGetKeysFromCommand(t *testing.T) {
	server := newCommandTableServer()
	tests := []struct{ line, want string }{
		{"ping", ""},
		{"get a", "a@1:"},
		{"mset a 1 b 2", "a@1: b@3:"},
		{"rename a b", "a@1: b@2:"},
		{"blpop a b 0", "a@1: b@2:"},
		{"sinterstore d a b", "d@1: a@2: b@3:"},
		{"object encoding a", "a@2:"},
		{"eval s 2 a b", "a@3: b@4:"},
		{"georadius k 1 2 3 m STORE d STOREDIST e", "k@1: e@9:"},
		{"xread block 0 count 1 streams a b 1 2", "a@6: b@7:"},
		{"xread streams a b 1", ""},
		{"xread streams", ""},
		{"xread streams a", ""},
		{"xread nosuch streams a 1", ""},
		{"xreadgroup group streams streams noack streams a 1", "a@6:"},
		{"sort a store b", "a@1:RO,access b@3:OW,update"},
	}
	for _, test := range tests {
		argv := argvOf(test.line)
		cmd := server.lookupCommand(argv)
		if got := showKeys(argv, cmd.getKeysFromCommand(argv, nil)); got != test.want {
			t.Errorf("%s: got %q, want %q", test.line, got, test.want)
		}
	}
}

// The functions run before a command has seen its arguments, for ACLs even on what another client says another
// user might send. None of them may leave the arguments, however few there are.
func TestGetKeysStaysInTheArguments(t *testing.T) {
	server := newCommandTableServer()
	vocabulary := []string{"", "0", "1", "2", "-1", "99", "2147483647", "-2147483648", "9223372036854775807", "STORE", "STREAMS", "KEYS",
		"GET", "SET", "AUTH2", "GROUP", "LIMIT", "STOREDIST", "k"}
	random := uint32(1)
	next := func(n int) int {
		random = random*1664525 + 1013904223
		return int(random>>8) % n
	}
	check := func(cmd *redisCommand, argv [][]byte) {
		for _, keys := range [][]keyReference{
			cmd.getKeysFromCommandWithSpecs(argv, getKeyspecDefault, nil),
			cmd.getKeysFromCommandWithSpecs(argv, getKeyspecIncludeNotKeys|getKeyspecReturnPartial, nil),
			cmd.getKeysFromCommand(argv, nil),
			cmd.getChannelsFromCommand(argv, nil),
		} {
			for _, key := range keys {
				if key.pos < 1 || key.pos >= len(argv) {
					t.Fatalf("%s: position %d of %q", cmd.fullname, key.pos, argv)
				}
			}
		}
	}
	for _, top := range server.commands {
		list := []*redisCommand{top}
		for _, sub := range top.subcommands {
			list = append(list, sub)
		}
		for _, cmd := range list {
			for range 200 {
				argv := argvOf(strings.ReplaceAll(cmd.fullname, "|", " "))
				for range next(10) {
					argv = append(argv, []byte(vocabulary[next(len(vocabulary))]))
				}
				check(cmd, argv)
			}
		}
	}
}

func TestGetChannelsFromCommand(t *testing.T) {
	server := newCommandTableServer()
	tests := []struct {
		line  string
		flags uint64
		want  string
	}{
		{"subscribe a b", cmdChannelSubscribe, "a@1: b@2:"},
		{"ssubscribe a b", cmdChannelSubscribe, "a@1: b@2:"},
		{"unsubscribe", cmdChannelUnsubscribe, ""},
		{"unsubscribe a", cmdChannelUnsubscribe, "a@1:"},
		{"sunsubscribe a", cmdChannelUnsubscribe, "a@1:"},
		{"psubscribe a b", cmdChannelPattern | cmdChannelSubscribe, "a@1: b@2:"},
		{"punsubscribe a", cmdChannelPattern | cmdChannelUnsubscribe, "a@1:"},
		{"publish a b", cmdChannelPublish, "a@1:"},
		{"spublish a b", cmdChannelPublish, "a@1:"},
		{"publish", cmdChannelPublish, ""},
		{"get a", 0, ""},
		{"pubsub numsub a", 0, ""},
	}
	for _, test := range tests {
		argv := argvOf(test.line)
		cmd := server.lookupCommand(argv)
		channels := cmd.getChannelsFromCommand(argv, nil)
		if got := showKeys(argv, channels); got != test.want {
			t.Errorf("%s: got %q, want %q", test.line, got, test.want)
		}
		for _, channel := range channels {
			if channel.flags != test.flags {
				t.Errorf("%s: flags %#x, want %#x", test.line, channel.flags, test.flags)
			}
		}
		if got := cmd.doesCommandHaveChannelsWithFlags(^uint64(0)); got != (test.flags != 0) {
			t.Errorf("%s: doesCommandHaveChannelsWithFlags is %v", test.line, got)
		}
	}
}

func TestDoesCommandHaveKeys(t *testing.T) {
	server := newCommandTableServer()
	for line, want := range map[string]bool{
		"get": true, "eval": true, "sort": true, "object encoding": true, "spublish": false, "ping": false,
		"object": false, "subscribe": false, "migrate": true, "xreadgroup": true,
	} {
		if got := server.lookupCommand(argvOf(line)).doesCommandHaveKeys(); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

// Every declared function is found by its name: a command whose function is not would have no keys for ACLs.
func TestGetKeysFunctionsExist(t *testing.T) {
	server := newCommandTableServer()
	lines := []string{"set a b", "sort a", "sort_ro a", "eval s 1 a", "evalsha s 1 a", "eval_ro s 1 a", "evalsha_ro s 1 a", "fcall f 1 a",
		"fcall_ro f 1 a", "migrate h 1 a 0 1", "georadius a 1 2 3 m", "georadiusbymember a m 1 m", "xread streams a 1",
		"xreadgroup group g c streams a 1", "bitfield a", "zunion 1 a", "zinter 1 a", "zdiff 1 a", "zintercard 1 a", "sintercard 1 a",
		"zunionstore d 1 a", "zinterstore d 1 a", "zdiffstore d 1 a", "lmpop 1 a left", "blmpop 0 1 a left", "zmpop 1 a min",
		"bzmpop 0 1 a min"}
	called := map[string]bool{}
	for _, line := range lines {
		argv := argvOf(line)
		cmd := server.lookupCommand(argv)
		if len(callGetkeysProc(cmd.GetKeysFunction, argv, nil)) == 0 {
			t.Errorf("%s: %q finds no key", line, cmd.GetKeysFunction)
		}
		called[cmd.fullname] = true
	}
	for _, decl := range commands.Table {
		if decl.GetKeysFunction != "" && !called[decl.Name] {
			t.Errorf("%s has %s, which no line above calls", decl.Name, decl.GetKeysFunction)
		}
	}
}

func BenchmarkGetKeys(b *testing.B) {
	server := newCommandTableServer()
	for _, line := range []string{"get a", "set a b", "mset a 1 b 2 c 3", "eval s 2 a b"} {
		argv := argvOf(line)
		cmd := server.lookupCommand(argv)
		b.Run(string(argv[0]), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var buf [16]keyReference
				if len(cmd.getKeysFromCommand(argv, buf[:0])) == 0 {
					b.Fatal("no keys")
				}
			}
		})
	}
}

func TestGetKeysAllocatesNothing(t *testing.T) {
	server := newCommandTableServer()
	for _, line := range []string{"get a", "set a b", "mset a 1 b 2", "eval s 2 a b"} {
		argv := argvOf(line)
		cmd := server.lookupCommand(argv)
		n := testing.AllocsPerRun(100, func() {
			var buf [16]keyReference
			if len(cmd.getKeysFromCommandWithSpecs(argv, getKeyspecDefault, buf[:0])) == 0 {
				t.Fatal("no keys")
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", line, n)
		}
	}
}
