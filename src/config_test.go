// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redport/src/sds"
)

// config_test.go - directives: defaults, CONFIG GET and SET, the round trip through a file.

// newConfigServer makes a server that has its configuration and nothing else: no loop, no sockets.
func newConfigServer(t testing.TB, args ...string) *Server {
	t.Helper()
	server, err := New(Options{Args: append([]string{"--dir", t.TempDir()}, args...), Stdout: t.Output(), Stderr: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// configCommand runs CONFIG GET or SET without a client, and without what a change does to a running
// server's sockets and clients. The result reads as in testdata: the reply, or a line an item.
func configCommand(server *Server, argv []string) string {
	switch strings.ToLower(argv[1]) {
	case "get":
		return configItemsText(server.configGet(argv[2:]))
	case "set":
		for _, conf := range server.configs.list {
			switch conf.name {
			case "hz", "repl-backlog-size", "watchdog-period", "locale-collate": // these need no running server
			default:
				conf.apply = nil
			}
		}
		s := configSetter{server: server}
		failed := s.prepare(argv[2:], func(int) {}, func() bool { return server.enableProtectedConfigs == protectedActionAllowedYes })
		if failed == nil {
			failed = s.run()
		}
		if failed != nil {
			return "-ERR " + failed.Error()
		}
		return "+OK"
	}
	return "?"
}

func configItemsText(items []configItem) string {
	var b strings.Builder
	for _, item := range items {
		fmt.Fprintf(&b, "%s %s\n", item.name, sds.CatRepr(nil, item.value))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// readConfigDefaults reads the recorded defaults of Redis 8.0.6: name, value.
func readConfigDefaults(t *testing.T) []configItem {
	data, err := os.ReadFile("testdata/config/defaults.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var items []configItem
	for _, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		name, value, _ := strings.Cut(line, "\t")
		items = append(items, configItem{name, value})
	}
	return items
}

func TestConfigDefaults(t *testing.T) {
	server := newConfigServer(t)
	want := readConfigDefaults(t)
	known := map[string]bool{}
	for _, item := range want {
		known[item.name] = true
		conf := server.lookupConfig(item.name)
		if conf == nil {
			t.Errorf("%s: no such directive", item.name)
			continue
		}
		if got := conf.get(); got != item.value && item.name != "dir" {
			t.Errorf("%s: default %q, Redis has %q", item.name, got, item.value)
		}
	}
	for _, conf := range server.configs.list {
		if !known[conf.name] {
			t.Errorf("%s: Redis has no such directive", conf.name)
		}
	}
	shown := server.configGet([]string{"*"})
	for _, item := range shown {
		if server.lookupConfig(item.name).flags&hiddenConfig != 0 {
			t.Errorf("%s is hidden, but CONFIG GET * shows it", item.name)
		}
	}
	if len(shown) != 203 {
		t.Errorf("CONFIG GET * shows %d directives, Redis 203", len(shown))
	}
}

func TestConfigGet(t *testing.T) {
	server := newConfigServer(t, "--maxmemory", "1mb", "--port", "7")
	for _, test := range []struct {
		name     string
		patterns []string
		want     string
	}{
		{"a name", []string{"maxmemory"}, `maxmemory "1048576"`},
		{"the case of a name is the caller's", []string{"MaxMemory"}, `MaxMemory "1048576"`},
		{"each directive once", []string{"MAXMEMORY", "maxmemory", "ma?memory"}, `MAXMEMORY "1048576"`},
		{"a pattern in any case", []string{"MAXMEMORY-S*"}, `maxmemory-samples "5"`},
		{"an alias is a directive of its own", []string{"hash-max-*-entries"}, "hash-max-listpack-entries \"512\"\nhash-max-ziplist-entries \"512\""},
		{"hidden directives by name only", []string{"key-load-dela?"}, ""},
		{"hidden directives by name", []string{"key-load-delay"}, `key-load-delay "0"`},
		{"nothing", []string{"no-such-directive", "x*"}, ""},
		{"several", []string{"port", "databases"}, "port \"7\"\ndatabases \"16\""},
	} {
		if got := configItemsText(server.configGet(test.patterns)); got != test.want {
			t.Errorf("%s: %q: %s, want %s", test.name, test.patterns, got, test.want)
		}
	}
}

// configSamples are values that a directive takes, besides its default.
func configSamples(conf *standardConfig) []string {
	switch v := conf.value.(type) {
	case *boolValue:
		if conf.name == "activedefrag" {
			return []string{"no"}
		}
		return []string{"yes", "no"}
	case *enumValue:
		var names []string
		for _, e := range v.enum {
			names = append(names, e.name)
		}
		if conf.flags&multiArgConfig != 0 {
			names = append(names, "nosave now force", "save force")
		}
		return names
	case *numericValue[int]:
		return numericSamples(v.lower, v.upper, v.flags)
	case *numericValue[int64]:
		return numericSamples(v.lower, v.upper, v.flags)
	case *numericValue[uint64]:
		return numericSamples(v.lower, v.upper, v.flags)
	case *numericValue[uint32]:
		return numericSamples(v.lower, v.upper, v.flags)
	}
	switch conf.name {
	case "dir":
		return nil
	case "logfile":
		return []string{"", "a b.log"}
	case "save":
		return []string{"", "1 2", "10 20 30 40 50 60"}
	case "client-output-buffer-limit":
		return []string{"normal 1 2 3", "replica 1gb 10mb 5 pubsub 7 8 9"}
	case "oom-score-adj-values":
		return []string{"-2000 0 2000", "1 2 3"}
	case "notify-keyspace-events":
		return []string{"", "KEA", "g$lshzxetdnKEm"}
	case "bind":
		return []string{"127.0.0.1", "127.0.0.1 -::1", "", "* -::*"}
	case "replicaof", "slaveof":
		return []string{"no one", "example.org 6380"}
	case "latency-tracking-info-percentiles":
		return []string{"", "0 50.5 100"}
	case "proc-title-template":
		return []string{"{title} {{ {port}", "x"}
	case "cluster-announce-hostname":
		return []string{"", "a-b.C"}
	case "locale-collate":
		return []string{"", "C", "de_DE.UTF-8"}
	case "cluster-announce-human-nodename":
		return []string{"", "a b,c"}
	case "dbfilename", "appendfilename", "appenddirname":
		return []string{"a b", "x.y"}
	}
	return []string{"", "x", `a "b" \ 'c'`, "tab\tand\x01\xff"}
}

func numericSamples(lower, upper int64, flags numericFlags) []string {
	text := func(n int64) string {
		if flags&octalConfig != 0 {
			return fmt.Sprintf("%o", n)
		}
		if flags&unsignedConfig != 0 {
			return fmt.Sprint(uint64(n))
		}
		return fmt.Sprint(n)
	}
	if flags&percentConfig != 0 {
		return []string{"0", "1", "1048576", "100%", "7%", text(upper)}
	}
	samples := []string{text(lower), text(upper), text(lower + 1)}
	if flags&memoryConfig != 0 {
		samples = append(samples, "2mb", "3GB", "4194305")
	}
	return samples
}

// TestConfigRoundTrip sets every directive to every sample, writes the file, loads it into a new server, and expects the
// same values there; writing it again must not change it.
func TestConfigRoundTrip(t *testing.T) {
	server := newConfigServer(t)
	for round := range 6 {
		for _, conf := range server.configs.list {
			samples := configSamples(conf)
			if len(samples) == 0 || conf.flags&aliasConfig != 0 {
				continue
			}
			sample := samples[round%len(samples)]
			if _, err := conf.set(sample); err != nil {
				t.Errorf("%s %q: %v", conf.name, sample, err)
				continue
			}
			if conf.name == "hz" {
				server.updateHZ() // no number is refused, but not all are kept
			}
			got := conf.get()
			if conf.name == "replicaof" && got == "" {
				continue // GET's form of "no one"
			}
			if _, err := conf.set(got); err != nil || conf.get() != got {
				t.Errorf("%s: GET says %q, and SET of that makes it %q (%v)", conf.name, got, conf.get(), err)
			}
		}
		if server.clusterEnabled && server.masterhost != "" {
			server.clusterEnabled = false
		}
		path := filepath.Join(t.TempDir(), "redis.conf")
		for range 2 { // the first of them ends in an empty line, and leaves it from then on
			if err := server.rewriteConfig(path, round%2 == 1); err != nil {
				t.Fatal(err)
			}
		}
		first := readFile(t, path)
		other := newConfigServer(t)
		if err := other.loadServerConfig(path, nil, ""); err != nil {
			t.Fatalf("round %d: %v\n%s", round, err, first)
		}
		for _, conf := range server.configs.list {
			if want, got := conf.get(), other.lookupConfig(conf.name).get(); got != want {
				t.Errorf("round %d: %s is %q, and after writing and loading %q", round, conf.name, want, got)
			}
		}
		if err := server.rewriteConfig(path, round%2 == 1); err != nil {
			t.Fatal(err)
		}
		if second := readFile(t, path); second != first {
			t.Errorf("round %d: a second CONFIG REWRITE changes the file:\n%s\nwas:\n%s", round, second, first)
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestConfigSetIsAtomic: one bad value, or one apply function that fails, and nothing has changed.
func TestConfigSetIsAtomic(t *testing.T) {
	server := newConfigServer(t)
	set := func(pairs ...string) error {
		s := configSetter{server: server}
		if err := s.prepare(pairs, func(int) {}, func() bool { return true }); err != nil {
			return err
		}
		if err := s.run(); err != nil {
			return err
		}
		return nil
	}
	for _, conf := range server.configs.list {
		conf.apply = nil
	}
	if set("hz", "20", "save", "1 2", "timeout", "x") == nil || server.configHz != 10 || len(server.saveparams) != 3 {
		t.Errorf("a bad value: hz %d, save %v", server.configHz, server.saveparams)
	}

	calls := 0
	fails := &configApply{func() error {
		calls++
		if server.maxidletime == 9 {
			return errors.New("no")
		}
		return nil
	}}
	server.lookupConfig("timeout").apply = fails
	server.lookupConfig("tcp-keepalive").apply = fails
	err := set("hz", "20", "tcp-keepalive", "5", "timeout", "9")
	if want := "CONFIG SET failed (possibly related to argument 'tcp-keepalive') - no"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if server.configHz != 10 || server.maxidletime != 0 || server.tcpkeepalive != 300 {
		t.Errorf("a failed apply: hz %d, timeout %d, tcp-keepalive %d", server.configHz, server.maxidletime, server.tcpkeepalive)
	}
	if calls != 2 {
		t.Errorf("the shared apply function ran %d times, not once forward and once back", calls)
	}
	if err := set("tcp-keepalive", "5", "timeout", "8"); err != nil || calls != 3 {
		t.Errorf("%v, %d calls", err, calls)
	}
	if err := set("tcp-keepalive", "5", "timeout", "8"); err != nil || calls != 3 {
		t.Errorf("apply ran without a change (%v)", err)
	}
}

func TestConfigSetRedactsWhateverElseIsWrong(t *testing.T) {
	server := newConfigServer(t)
	s := configSetter{server: server}
	var redacted []int
	err := s.prepare([]string{"nosuch", "1", "requirepass", "secret", "daemonize", "yes", "masterauth", "secret"},
		func(i int) { redacted = append(redacted, i) }, func() bool { return true })
	if err == nil || fmt.Sprint(redacted) != "[3 7]" {
		t.Errorf("%v, redacted %v", err, redacted)
	}
}

func TestConfigSetWhileLoading(t *testing.T) {
	server := newConfigServer(t)
	server.loading = true
	s := configSetter{server: server}
	err := s.prepare([]string{"repl-diskless-load", "swapdb"}, func(int) {}, func() bool { return true })
	if err == nil || !err.loading {
		t.Errorf("error %v", err)
	}
}

func TestStrtoll(t *testing.T) {
	for _, test := range []struct {
		in       string
		base     int
		n        int64
		rest     string
		overflow bool
	}{
		{"", 10, 0, "", false},
		{"12", 10, 12, "", false},
		{" \t-12x", 10, -12, "x", false},
		{"+7", 10, 7, "", false},
		{"-", 10, 0, "-", false},
		{"x", 10, 0, "x", false},
		{"0777", 8, 0o777, "", false},
		{"78", 8, 7, "8", false},
		{"9223372036854775807", 10, 9223372036854775807, "", false},
		{"9223372036854775808", 10, 9223372036854775807, "", true},
		{"-9223372036854775808", 10, -9223372036854775808, "", false},
		{"-9223372036854775809", 10, -9223372036854775808, "", true},
		{"99999999999999999999999z", 10, 9223372036854775807, "z", true},
	} {
		if n, rest, overflow := strtoll(test.in, test.base); n != test.n || rest != test.rest || overflow != test.overflow {
			t.Errorf("strtoll(%q, %d) = %d, %q, %v", test.in, test.base, n, rest, overflow)
		}
	}
}

func TestParseLocale(t *testing.T) {
	for name, want := range map[string]string{
		"": "bytes", "C": "bytes", "POSIX": "bytes", "C.UTF-8": "bytes",
		"de_DE.UTF-8": "de-DE", "sv": "sv", "de_DE@euro": "de-DE",
		"xx_YY": "error", "no such": "error", "-": "error",
	} {
		tag, byBytes, err := parseLocale(name)
		got := tag.String()
		switch {
		case err != nil:
			got = "error"
		case byBytes:
			got = "bytes"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	server := newConfigServer(t)
	server.localeCollate = "sv_SE"
	if err := server.updateLocaleCollate(); err != nil {
		t.Fatal(err)
	}
	if server.compareCollated([]byte("ö"), []byte("z")) <= 0 || server.compareCollated([]byte("B"), []byte("a")) <= 0 {
		t.Error("Swedish order: a < B, z < ö")
	}
	server.localeCollate = "C"
	if err := server.updateLocaleCollate(); err != nil || server.compareCollated([]byte("B"), []byte("a")) >= 0 {
		t.Error("C order: B < a")
	}
}

func TestProcTitleTemplate(t *testing.T) {
	server := newConfigServer(t, "--port", "77", "--bind", "::1")
	for _, test := range []struct{ template, want string }{
		{"{title} {listen-addr} {server-mode}", "x ::1:77"},
		{"{{title}", "{title}"},
		{"{config-file}|{port}|{tls-port}|{unixsocket}|", "-|77|0||"},
		{"{title", "false"},
		{"{", "false"},
		{"{nosuch}", "false"},
	} {
		got, ok := server.expandProcTitleTemplate(test.template, "x")
		if !ok {
			got = "false"
		}
		if got != test.want {
			t.Errorf("%q: %q, want %q", test.template, got, test.want)
		}
	}
}
