// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// config_rewrite_test.go - values of any bytes come back from the files that they are written to, and nothing else comes with them.

// awkward are values that a file could misunderstand.
var awkward = []string{
	"a\nport 1", "a\r\nport 1\r\n", "\nuser evil on nopass +@all ~*", "a\x00b", "\x00", "a\"b", "\"", "'", "'a", "a'b\"c", "\\", "a\\", "a\\nport 1", "\\x0a", "a b", " a ", "\t",
	"#", "# a", "\xff\xfe\x80", "\x01\x1b[0m\x7f", "\"\nport 1\n\"", "a # b", "${a}", "1 2 3", "é",
}

func TestConfigRewriteSmugglesNothing(t *testing.T) {
	server := newConfigServer(t)
	directives := []string{"requirepass", "masteruser", "masterauth", "logfile", "unixsocket", "pidfile", "dbfilename", "appendfilename", "appenddirname", "syslog-ident",
		"proc-title-template", "aclfile", "tls-cert-file", "tls-key-file", "tls-key-file-pass", "tls-ciphers", "replica-announce-ip", "cluster-announce-hostname",
		"cluster-announce-human-nodename", "bind-source-addr", "save", "locale-collate", "server-cpulist", "cluster-config-file", "ignore-warnings"}
	accepted := map[string]int{}
	for _, value := range awkward {
		for _, name := range directives {
			conf := server.lookupConfig(name)
			if conf == nil {
				t.Fatalf("%s is no directive", name)
			}
			old := conf.get()
			if _, err := conf.set(value); err != nil {
				if conf.get() != old {
					t.Errorf("%s has changed, in spite of %v", name, err)
				}
				continue
			}
			accepted[name]++
		}
		path := filepath.Join(t.TempDir(), "redis.conf")
		// The old file has lines of its own, which stay.
		old := "# a comment\nrename-command DEBUG \"a\\nb\"\nrename-command GET \"\"\n"
		if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := server.rewriteConfig(path, false); err != nil {
			t.Fatal(err)
		}
		text := readFile(t, path)
		if !strings.HasPrefix(text, old) {
			t.Errorf("%q: the file began otherwise:\n%s", value, text)
		}
		for _, line := range strings.Split(text, "\n") {
			word, _, _ := strings.Cut(line, " ")
			if line != "" && word != "#" && server.lookupConfig(word) == nil && !configFileOnlyDirectives[word] {
				t.Errorf("%q has brought a line of its own: %q", value, line)
			}
		}
		other := newConfigServer(t)
		if err := other.loadServerConfig(path, nil, ""); err != nil {
			t.Fatalf("%q: %v\n%s", value, err, text)
		}
		for _, conf := range server.configs.list {
			if want, got := conf.get(), other.lookupConfig(conf.name).get(); got != want {
				t.Errorf("%s is %q, and after writing and loading %q", conf.name, want, got)
			}
		}
	}
	for _, name := range []string{"requirepass", "masteruser", "masterauth", "logfile", "tls-key-file-pass"} {
		if accepted[name] < len(awkward)-3 {
			t.Errorf("%s took only %d of %d values", name, accepted[name], len(awkward))
		}
	}
}

func TestACLFilesSmuggleNothing(t *testing.T) {
	server := idleServer(t, "--aclfile", "users.acl")
	names := 0
	for i, text := range awkward {
		// Names and patterns go where they can; passwords are kept as digests.
		c := server.fakeClient()
		if !strings.HasPrefix(c.run("ACL", "SETUSER", text, "on", ">"+text), "-") {
			names++
		}
		name := "u" + string(rune('a'+i))
		if reply := c.run("ACL", "SETUSER", name, "on", ">"+text); reply != "+OK\r\n" {
			t.Errorf("a password %q: %q", text, reply)
		}
		for _, rule := range []string{"~" + text, "%R~" + text, "&" + text, "+select|" + text, "+" + text, "(~" + text + ")", "(+get ~" + text + " &" + text + ")", text} {
			c.run("ACL", "SETUSER", name, rule)
		}
	}
	if names < 5 {
		t.Errorf("%d names were taken", names)
	}
	want := map[string]string{}
	for name, u := range server.users {
		want[name] = u.describe()
	}
	check := func(what, text string) {
		t.Helper()
		for _, name := range slices.Sorted(maps.Keys(want)) {
			u := server.users[name]
			switch {
			case u == nil:
				t.Errorf("%s: %q is missing:\n%s", what, name, text)
			case u.describe() != want[name]:
				t.Errorf("%s: %q was\n%q, and is\n%q", what, name, want[name], u.describe())
			}
		}
		if len(server.users) != len(want) {
			t.Errorf("%s: %d users instead of %d:\n%s", what, len(server.users), len(want), text)
		}
	}
	if err := server.aclSaveToFile(server.aclFilename); err != nil {
		t.Fatal(err)
	}
	text := readFile(t, server.path(server.aclFilename))
	server.aclInit()
	if err := server.aclLoadFromFile(server.aclFilename); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	check("ACL file", text)

	server.aclFilename = ""
	path := server.path("redis.conf")
	if err := server.rewriteConfig(path, false); err != nil {
		t.Fatal(err)
	}
	text = readFile(t, path)
	server.aclInit()
	server.usersToLoad = nil
	if err := server.loadServerConfigFromString(text, 0); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := server.aclLoadUsersAtStartup(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	check("redis.conf", text)
}
