// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"os"
	"strings"
	"testing"

	"redport/src/util"
)

// Rules that a user is made of, and how the user describes itself then.
func TestACLRules(t *testing.T) {
	const hash = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae" // of "foo"
	tests := []struct{ rules, want string }{
		{"", "off sanitize-payload resetchannels -@all"},
		{"on nopass ~* &* +@all", "on nopass sanitize-payload ~* &* +@all"},
		{"ON NoPass AllKeys AllChannels AllCommands", "on nopass sanitize-payload ~* &* +@all"},
		{"on off skip-sanitize-payload", "off skip-sanitize-payload resetchannels -@all"},
		{">foo >foo >bar <bar", "off sanitize-payload #" + hash + " resetchannels -@all"},
		{"#" + hash + " !" + hash, "off sanitize-payload resetchannels -@all"},
		{"nopass >foo", "off sanitize-payload #" + hash + " resetchannels -@all"},
		{">foo nopass", "off nopass sanitize-payload resetchannels -@all"},
		{"<foo", "!The password you are trying to remove from the user does not exist"},
		{"#" + strings.ToUpper(hash), "!The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"},
		{"~a ~b ~a", "off sanitize-payload ~a ~b resetchannels -@all"},
		{"%R~a %w~b %RW~c %WR~d", "off sanitize-payload %R~a %W~b ~c ~d resetchannels -@all"},
		{"%R~a %W~a", "off sanitize-payload ~a resetchannels -@all"},
		{"%R", "off sanitize-payload %R~ resetchannels -@all"},
		{"%", "!Syntax error"},
		{"%~a", "!Syntax error"},
		{"%RR~a", "!Syntax error"},
		{"%X~a", "!Syntax error"},
		{"~* ~a", "!Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns"},
		{"&* &a", "!Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels"},
		{"~* resetkeys ~a allchannels resetchannels &b", "off sanitize-payload ~a resetchannels &b -@all"},
		{"+@all -@hash -@slow +hget -@hash", "off sanitize-payload resetchannels +@all -@slow +hget -@hash"},
		{"+@HASH +@hash", "off sanitize-payload resetchannels -@all +@hash"},
		{"+client|list +config|get +config +acl|list -acl", "off sanitize-payload resetchannels -@all +client|list +config -acl"},
		{"+select|0 +SELECT|0 +select|A", "off sanitize-payload resetchannels -@all +select|0 +select|a"},
		{"+select|0 +select", "off sanitize-payload resetchannels -@all +select"},
		{"+get -@all", "off sanitize-payload resetchannels -@all"},
		{"+config|get|x", "!Allowing first-arg of a subcommand is not supported"},
		{"+config|nosuch", "!Unknown command or category name in ACL"},
		{"-select|0", "!Unknown command or category name in ACL"},
		{"+nosuch", "!Unknown command or category name in ACL"},
		{"+@nosuch", "!Unknown command or category name in ACL"},
		{"+config|", "!Syntax error"},
		{"nosuch", "!Syntax error"},
		{"+", "!Unknown command or category name in ACL"},
		{"()", "off sanitize-payload resetchannels -@all (resetchannels -@all)"},
		{"(+get ~a) ( +set %W~b )", "off sanitize-payload resetchannels -@all (~a resetchannels -@all +get) (%W~b resetchannels -@all +set)"},
		{"(+get) clearselectors", "off sanitize-payload resetchannels -@all"},
		{"(on)", "!Syntax error"},
		{")", "!Syntax error"},
		{"(+get", "?Unmatched parenthesis in acl selector starting at '(+get'."},
		{"on nopass ~* &* +@all (+get) reset", "off sanitize-payload resetchannels -@all"},
	}
	server := idleServer(t)
	for _, test := range tests {
		delete(server.users, "u")
		err := server.aclStringSetUser("u", strings.Fields(test.rules))
		got := ""
		switch {
		case err == nil:
			got = server.users["u"].describe()
		case strings.HasPrefix(err.Error(), "Error in ACL SETUSER modifier '"):
			_, got, _ = strings.Cut(err.Error(), "': ")
			got = "!" + got
		default:
			got = "?" + err.Error()
		}
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.rules, got, test.want)
		}
		if err != nil && server.users["u"] != nil {
			t.Errorf("%s: the user was made in spite of the error", test.rules)
		}
	}
}

// A rule on a name in Unicode that folds to an ASCII one is none on that.
func TestACLRulesFoldOnlyASCII(t *testing.T) {
	server := idleServer(t)
	for _, rule := range []string{"all\u212aeys", "+\u212aeys", "+@\u212aeyspace"} {
		if err := server.aclStringSetUser("u", []string{rule}); err == nil {
			t.Errorf("%s is taken", rule)
		}
	}
}

func TestACLSelectorsDoNotAddUp(t *testing.T) {
	server := idleServer(t)
	if err := server.aclStringSetUser("u", strings.Fields("on nopass +ping +select|0 (%R~r* +@read +copy +set) (%W~w* +@write)")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		line   string
		result int
		idx    int
	}{
		{"ping", aclOK, 0},
		{"select 0", aclOK, 0},
		{"select 1", aclDeniedCmd, 0},
		{"auth a", aclOK, 0}, // what needs no authentication
		{"get r1", aclOK, 0},
		{"get w1", aclDeniedKey, 1},
		{"lpush w1 a", aclOK, 0},
		{"set r1 a", aclDeniedKey, 1},
		{"set w1 a", aclOK, 0},
		{"set w1 a get", aclDeniedKey, 1},
		{"copy r1 w1", aclDeniedKey, 2},
		{"mget r1 r2 x r3", aclDeniedKey, 3},
		{"exists w1", aclDeniedKey, 1}, // no selector has both
		{"xinfo stream r1", aclOK, 0},
		{"config get x", aclDeniedCmd, 0},
		{"publish c m", aclDeniedCmd, 0},
	}
	for _, test := range tests {
		argv := argvOf(test.line)
		result, idx := aclCheckAllUserCommandPerm(server.users["u"], server.lookupCommand(argv), argv)
		if result != test.result || idx != test.idx {
			t.Errorf("%s: %d at %d, want %d at %d", test.line, result, idx, test.result, test.idx)
		}
	}
	argv := argvOf("flushall")
	if result, _ := aclCheckAllUserCommandPerm(nil, server.lookupCommand(argv), argv); result != aclOK {
		t.Error("a client without a user is limited")
	}
}

// Keys that a spec by keyword does not find, since the keyword comes twice or is something else where it comes first.
func TestACLChecksKeysThatKeywordSpecsMiss(t *testing.T) {
	server := idleServer(t)
	if err := server.aclStringSetUser("u", strings.Fields("+@all ~ok* ~streams")); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"georadius ok 1 2 3 m store ok store forbidden",
		"georadius ok 1 2 3 m storedist ok storedist forbidden",
		"georadiusbymember ok a 3 m store ok store forbidden",
		"xreadgroup group streams ok streams forbidden >",
		"xread count streams streams ok forbidden 1 1",
	} {
		argv := argvOf(line)
		if result, _ := aclCheckAllUserCommandPerm(server.users["u"], server.lookupCommand(argv), argv); result != aclDeniedKey {
			t.Errorf("%s: %d", line, result)
		}
	}
}

func TestACLRenamedCommandsKeepTheirRules(t *testing.T) {
	server := idleServer(t, "--rename-command", "GET", "FETCH")
	if err := server.aclStringSetUser("u", strings.Fields("+get ~*")); err != nil {
		t.Fatal(err)
	}
	argv := argvOf("fetch a")
	if result, _ := aclCheckAllUserCommandPerm(server.users["u"], server.lookupCommand(argv), argv); result != aclOK {
		t.Error("the renamed command is denied")
	}
	if err := server.aclStringSetUser("u", []string{"+fetch"}); err == nil {
		t.Error("the new name is taken as a rule")
	}
}

func TestACLFilesBringUsersBack(t *testing.T) {
	server := idleServer(t, "--aclfile", "users.acl")
	users := map[string][]string{
		"a":    strings.Fields("on >foo ~k* %R~r &c +@all -@slow +get +select|0"),
		"b'\"": {"nopass", "~x\"'y", `(~"q\"r" +get)`, "(+@read)", "()"},
		"":     {"on"},
	}
	for name, rules := range users {
		if err := server.aclStringSetUser(name, rules); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{}
	for name, u := range server.users {
		want[name] = u.describe()
	}
	check := func(what string) {
		t.Helper()
		for name, description := range want {
			if u := server.users[name]; u == nil || u.describe() != description {
				t.Errorf("%s: user %q is not %s", what, name, description)
			}
		}
		if len(server.users) != len(want) {
			t.Errorf("%s: %d users", what, len(server.users))
		}
	}
	if err := server.aclSaveToFile(server.aclFilename); err != nil {
		t.Fatal(err)
	}
	server.aclStringSetUser("a", []string{"reset"})
	server.aclStringSetUser("new", nil)
	if err := server.aclLoadFromFile(server.aclFilename); err != nil {
		t.Fatal(err)
	}
	check("ACL file")

	server.aclFilename = ""
	config := server.path("redis.conf")
	if err := server.rewriteConfig(config, false); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	server.aclInit()
	server.usersToLoad = nil
	if err := server.loadServerConfigFromString(string(text), 0); err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	if err := server.aclLoadUsersAtStartup(); err != nil {
		t.Fatal(err)
	}
	check("redis.conf")
}

// A file in EBCDIC is read, and written back as such.
func TestACLFileInEBCDIC(t *testing.T) {
	server := idleServer(t, "--aclfile", "users.acl")
	text := "user default on nopass sanitize-payload ~* &* +@all\nuser zoe on nopass sanitize-payload ~k* resetchannels -@all +get\n"
	ebcdic := make([]byte, 0, len(text))
	for _, ch := range []byte(text) {
		ebcdic = append(ebcdic, asciiToIBM1047(t, ch))
	}
	if err := os.WriteFile(server.path("users.acl"), ebcdic, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := server.aclLoadFromFile("users.acl"); err != nil {
		t.Fatal(err)
	}
	if server.users["zoe"] == nil {
		t.Fatal("no such user")
	}
	if err := server.aclSaveToFile("users.acl"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(server.path("users.acl")); err != nil || string(got) != string(ebcdic) {
		t.Errorf("written back as %q", got)
	}
}

// asciiToIBM1047 knows the characters of the text above.
func asciiToIBM1047(t *testing.T, ch byte) byte {
	t.Helper()
	const ranges = "abcdefghi\x81jklmnopqr\x91stuvwxyz\xa2"
	for i, start := 0, 0; i < len(ranges); i++ {
		if ranges[i] < 0x80 {
			continue
		}
		if j := strings.IndexByte(ranges[start:i], ch); j >= 0 {
			return ranges[i] + byte(j)
		}
		start = i + 1
	}
	other := map[byte]byte{' ': 0x40, '\n': 0x15, '-': 0x60, '~': 0xa1, '*': 0x5c, '&': 0x50, '+': 0x4e, '@': 0x7c}
	if other[ch] == 0 {
		t.Fatalf("no code for %q", ch)
	}
	return other[ch]
}

func TestACLLogGroupsWhatHappensAgain(t *testing.T) {
	server := idleServer(t, "--acllog-max-len", "3")
	c := server.fakeClient()
	now := int64(1_000_000)
	deny := func(object string) {
		server.commandTimeSnapshotMs = now
		server.addACLLogEntry(c, aclDeniedKey, aclLogCtxToplevel, object, "")
	}
	show := func() string {
		var b strings.Builder
		for _, e := range server.aclLog.entries {
			b.WriteString(e.object + strings.Repeat("+", int(e.count)) + " ")
		}
		return strings.TrimSpace(b.String())
	}
	deny("a")
	deny("b")
	deny("a")
	if got := show(); got != "b+ a++" {
		t.Error(got)
	}
	now += aclLogGroupingMaxTimeDelta
	deny("b")
	now++
	deny("a")
	if got := show(); got != "a++ b++ a+" {
		t.Error(got)
	}
	deny("c")
	if got := show(); got != "b++ a+ c+" {
		t.Error(got)
	}
	server.acllogMaxLen = 0
	deny("c")
	if got := show(); got != "" {
		t.Error(got)
	}
	if server.stat.aclDeniedKey != 7 {
		t.Errorf("%d counted", server.stat.aclDeniedKey)
	}
}

// Patterns that blow up a naive matcher: with one, this test would not end.
func TestACLPatternsTakeBoundedTime(t *testing.T) {
	server := idleServer(t)
	evil := strings.Repeat("*a", 500) + "b"
	if err := server.aclStringSetUser("u", []string{"+@all", "~" + evil, "&" + evil}); err != nil {
		t.Fatal(err)
	}
	key := strings.Repeat("a", 5000)
	for _, line := range []string{"get " + key, "publish " + key + " m"} {
		argv := argvOf(line)
		if result, _ := aclCheckAllUserCommandPerm(server.users["u"], server.lookupCommand(argv), argv); result == aclOK {
			t.Errorf("%.20s is allowed", line)
		}
	}
	if !util.StringMatch(evil, key+"b", false) {
		t.Error("the pattern matches nothing")
	}
}

func TestACLCheckOfUnrestrictedUsersIsAFlag(t *testing.T) {
	server := idleServer(t)
	for _, test := range []struct {
		rules string
		want  bool
	}{
		{"+@all ~* &*", true},
		{"+@all ~*", false},
		{"+@all ~* &* -get", false},
		{"+@all ~* &* -get +get", false},
		{"(+@all ~* &*)", true},
		{"(+@all ~* &*) clearselectors", false},
	} {
		delete(server.users, "u")
		if err := server.aclStringSetUser("u", strings.Fields(test.rules)); err != nil {
			t.Fatal(err)
		}
		if got := server.users["u"].unrestricted; got != test.want {
			t.Errorf("%s: %v", test.rules, got)
		}
	}
}

func TestACLCheckAllocatesNothing(t *testing.T) {
	server := idleServer(t)
	if err := server.aclStringSetUser("u", strings.Fields("+@read (+@all ~k* &c)")); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"ping", "set k v", "mset k1 v k2 v", "publish c m", "get x"} {
		argv := argvOf(line)
		cmd, u := server.lookupCommand(argv), server.users["u"]
		if n := testing.AllocsPerRun(100, func() { aclCheckAllUserCommandPerm(u, cmd, argv) }); n != 0 {
			t.Errorf("%s: %v allocations", line, n)
		}
	}
}

func BenchmarkACLCheck(b *testing.B) {
	server := idleServer(b)
	for _, rules := range []string{"+@all ~* &*", "+@all ~k*", "+@read (+@write ~x* ~y* ~k*)"} {
		delete(server.users, "u")
		if err := server.aclStringSetUser("u", strings.Fields(rules)); err != nil {
			b.Fatal(err)
		}
		argv := argvOf("set key value")
		cmd, u := server.lookupCommand(argv), server.users["u"]
		b.Run(rules, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if result, _ := aclCheckAllUserCommandPerm(u, cmd, argv); result != aclOK {
					b.Fatal("denied")
				}
			}
		})
	}
}

// What follows a NUL in a rule does not get into a selector that is made of several arguments.
func TestACLSelectorWithNUL(t *testing.T) {
	c := idleServer(t).fakeClient()
	if got, want := c.run("ACL", "SETUSER", "u", "(", "~*\x00", "(+lpos)"), "-ERR Error in ACL SETUSER modifier '( ~* (+lpos)': Syntax error\r\n"; got != want {
		t.Errorf("got %q", got)
	}
	if got := c.run("ACL", "SETUSER", "u", "(+get", "~a*\x00~b*", "+set)"); got != "+OK\r\n" {
		t.Errorf("got %q", got)
	}
	if got, want := c.run("ACL", "LIST"), "user u off sanitize-payload resetchannels -@all (~a* resetchannels -@all +get +set)"; !strings.Contains(got, want) {
		t.Errorf("got %q", got)
	}
}
