// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redport/src/platform"
)

// config_load_test.go - reading the configuration. What is refused, and in which words, is in testdata/config/load.txt.

func TestParseCommandLine(t *testing.T) {
	for _, test := range []struct {
		args    []string
		file    string
		stdin   bool
		options string
	}{
		{nil, "", false, ""},
		{[]string{"redis.conf"}, "redis.conf", false, ""},
		{[]string{"-"}, "", true, ""},
		{[]string{"redis.conf", "-"}, "redis.conf", true, ""},
		{[]string{"-", "--port", "1"}, "", true, `port "1" `},
		{[]string{"--port", "1", "-", "--hz", "2"}, "", false, "port \"1\" \"-\" \nhz \"2\" "},
		{[]string{"--port", "1", "--hz", "2"}, "", false, "port \"1\" \nhz \"2\" "},
		{[]string{"--port 1", "--hz", "2"}, "", false, "port 1 \nhz \"2\" "},
		{[]string{"--port", "--hz", "2"}, "", false, `port "--hz" "2" `},
		{[]string{"--save", "--hz", "2"}, "", false, "save \"\"\nhz \"2\" "},
		{[]string{"--SAVE"}, "", false, `SAVE ""`},
		{[]string{"--save", "", "--hz", "2"}, "", false, "save \"\" \nhz \"2\" "},
		{[]string{"--sentinel", "--hz", "2"}, "", false, "sentinel \nhz \"2\" "},
		{[]string{"--sentinel"}, "", false, "sentinel "},
		{[]string{"f", "x", "--hz", "a\"b\n"}, "f", false, "\"x\" \nhz \"a\\\"b\\n\" "},
	} {
		cl := parseCommandLine(test.args)
		if cl.configFile != test.file || cl.fromStdin != test.stdin || strings.TrimRight(cl.options, " ") != strings.TrimRight(test.options, " ") {
			t.Errorf("%q: %+v", test.args, cl)
		}
	}
}

func TestConfigPrecedence(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "redis.conf")
	writeFile(t, conf, "port 1\nhz 11\ntimeout 3\n")
	server, err := New(Options{Args: []string{conf, "--port", "3", "-"}, Stdin: strings.NewReader("port 2\nhz 12"), Stdout: t.Output(), Stderr: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if server.port != 3 || server.configHz != 12 || server.maxidletime != 3 {
		t.Errorf("port %d, hz %d, timeout %d", server.port, server.configHz, server.maxidletime)
	}
	if server.configfile != conf {
		t.Errorf("configfile %s", server.configfile)
	}
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestConfigInclude(t *testing.T) {
	server := newConfigServer(t)
	dir := server.dir
	writeFile(t, dir+"/a.conf", "hz 20\nsave 1 1\n")
	writeFile(t, dir+"/conf.d/10.conf", "timeout 1\ntcp-keepalive 1\n")
	writeFile(t, dir+"/conf.d/20.conf", "timeout 2\n")
	writeFile(t, dir+"/conf.d/.hidden.conf", "timeout 3\n")
	if err := server.loadServerConfigFromString("save 9 9\ninclude a.conf\nsave 2 2\ninclude conf.d/*.conf\ninclude none*\ninclude \""+dir+"/a.co[nm]f\"", 0); err != nil {
		t.Fatal(err)
	}
	if server.configHz != 20 || server.maxidletime != 2 || server.tcpkeepalive != 1 {
		t.Errorf("hz %d, timeout %d, tcp-keepalive %d", server.configHz, server.maxidletime, server.tcpkeepalive)
	}
	// As in Redis, the first save line of a file that is read after an include starts anew.
	if got := server.lookupConfig("save").get(); got != "2 2 1 1" {
		t.Errorf("save %s", got)
	}
}

func TestConfigIncludeErrors(t *testing.T) {
	server := newConfigServer(t)
	if err := server.loadServerConfigFromString("include none", 0); !errors.Is(err, errLogged) {
		t.Errorf("a file that is not there: %v", err)
	}
	writeFile(t, server.dir+"/loop", "include loop")
	if err := server.loadServerConfigFromString("include loop", 0); err == nil || !strings.Contains(err.Error(), "Too many nested include") {
		t.Errorf("a file that includes itself: %v", err)
	}
	writeFile(t, server.dir+"/bad", "hz 1\n  bogus\n")
	err := server.loadServerConfigFromString("port 1\nport 2\nport 3\ninclude bad", 0)
	if err == nil || !strings.Contains(err.Error(), "at line 2\n>>> 'bogus'\n") {
		t.Errorf("a bad line of an included file: %v", err)
	}
}

// TestConfigDir: dir is absolute, what follows is relative to it, and the process stays where it is.
func TestConfigDir(t *testing.T) {
	before, _ := os.Getwd()
	server := newConfigServer(t)
	base := server.dir
	writeFile(t, base+"/sub/x.conf", "hz 33")
	if err := server.loadServerConfigFromString("dir ./sub\ninclude x.conf\nlogfile my.log", 0); err != nil {
		t.Fatal(err)
	}
	if server.configHz != 33 || server.lookupConfig("dir").get() != filepath.Join(base, "sub") {
		t.Errorf("hz %d, dir %s", server.configHz, server.dir)
	}
	if _, err := os.Stat(base + "/sub/my.log"); err != nil {
		t.Error(err)
	}
	if after, _ := os.Getwd(); after != before {
		t.Errorf("the working directory is %s", after)
	}
	writeFile(t, base+"/file", "")
	for name, want := range map[string]string{"nosuch": "No such file or directory", "": "No such file or directory", "../file": "Not a directory"} {
		if _, err := server.lookupConfig("dir").set(name); err == nil || err.Error() != want {
			t.Errorf("dir %q: %v", name, err)
		}
	}
}

func TestConfigQueues(t *testing.T) {
	server := newConfigServer(t)
	err := server.loadServerConfigFromString("user a on >b ~*\nuser default off\nloadmodule /m.so x \"y z\"\nmod.opt 1 2\nmod.opt 3\nother x", 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(server.usersToLoad) != 2 || strings.Join(server.usersToLoad[0], "|") != "a|on|>b|~*" {
		t.Errorf("users %q", server.usersToLoad)
	}
	if len(server.loadmoduleQueue) != 1 || server.loadmoduleQueue[0].path != "/m.so" || strings.Join(server.loadmoduleQueue[0].argv, "|") != "x|y z" {
		t.Errorf("modules %q", server.loadmoduleQueue)
	}
	if got := server.moduleConfigsQueue; len(got) != 2 || got[0] != (configItem{"mod.opt", "3"}) || got[1] != (configItem{"other", "x"}) {
		t.Errorf("module directives %q", got)
	}
	if server.unresolvedModuleConfigs() == nil {
		t.Error("unknown directives are accepted")
	}
}

func TestConfigNUL(t *testing.T) {
	server := newConfigServer(t)
	var text strings.Builder
	readConfigText(&text, strings.NewReader("hz 1\x00garbage\n5\nrequirepass \"a\\x00b\"\nmasteruser \"a\\x00b\"\n"))
	if err := server.loadServerConfigFromString(text.String(), 0); err != nil {
		t.Fatal(err)
	}
	if server.configHz != 15 || server.requirepass != "a\x00b" || server.masteruser != "a" {
		t.Errorf("hz %d, requirepass %q, masteruser %q", server.configHz, server.requirepass, server.masteruser)
	}
}

// TestConfigEBCDIC: a file in EBCDIC loads, and CONFIG REWRITE leaves it in EBCDIC.
func TestConfigEBCDIC(t *testing.T) {
	charset, err := platform.LookupCharset("ibm-1047")
	if err != nil {
		t.Fatal(err)
	}
	server := newConfigServer(t)
	path := filepath.Join(server.dir, "redis.conf")
	writeFile(t, path, string(charset.EncodeText([]byte("# the port\nport 7777\nrequirepass \"a [b] {c}\"\n"))))
	if err := server.loadServerConfig(path, nil, ""); err != nil {
		t.Fatal(err)
	}
	if server.port != 7777 || server.requirepass != "a [b] {c}" {
		t.Fatalf("port %d, requirepass %q", server.port, server.requirepass)
	}
	server.port = 8888
	if err := server.rewriteConfig(path, false); err != nil {
		t.Fatal(err)
	}
	data := []byte(readFile(t, path))
	text := string(charset.DecodeText(data))
	if !strings.HasPrefix(text, "# the port\nport 8888\nrequirepass \"a [b] {c}\"\n") {
		t.Errorf("the file is now %q", text)
	}
}

// TestConfigUpstream loads configuration files as other projects ship them, unchanged. REDPORT_CONFIG_FILES names them.
func TestConfigUpstream(t *testing.T) {
	names := filepath.SplitList(os.Getenv("REDPORT_CONFIG_FILES"))
	if len(names) == 0 {
		t.Skip("REDPORT_CONFIG_FILES is not set")
	}
	for _, name := range names {
		server := newConfigServer(t)
		if err := server.loadServerConfig(name, nil, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(server.moduleConfigsQueue) > 0 {
			t.Errorf("%s: unknown directives %v", name, server.moduleConfigsQueue)
		}
	}
}

// TestConfigShipped: our own redis.conf says what the defaults are, and names every directive.
func TestConfigShipped(t *testing.T) {
	path, err := filepath.Abs("../redis.conf")
	if err != nil {
		t.Fatal(err)
	}
	server, plain := newConfigServer(t), newConfigServer(t)
	plain.dir = server.dir
	if err := server.loadServerConfig(path, nil, ""); err != nil {
		t.Fatal(err)
	}
	if len(server.moduleConfigsQueue) > 0 {
		t.Errorf("unknown directives %v", server.moduleConfigsQueue)
	}
	differs := map[string]string{ // where the file, as Redis's, is not the built-in default
		"bind":    "127.0.0.1 -::1",
		"pidfile": "/var/run/redis_6379.pid",
	}
	for _, conf := range plain.configs.list {
		want, ok := differs[conf.name]
		if !ok {
			want = conf.get()
		}
		if got := server.lookupConfig(conf.name).get(); got != want && conf.name != "dir" {
			t.Errorf("%s is %q, the default %q", conf.name, got, want)
		}
	}

	// A line "name value" or "# name value" for each.
	mentioned := map[string]bool{}
	for _, line := range strings.Split(readFile(t, path), "\n") {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "# "), " "); ok {
			mentioned[name] = true
		}
	}
	for _, conf := range plain.configs.list {
		if conf.flags&(aliasConfig|hiddenConfig) == 0 && !mentioned[conf.name] {
			t.Errorf("redis.conf has no line for %s", conf.name)
		}
	}

	// What is commented out, and looks like a directive, must load too.
	for i, line := range strings.Split(readFile(t, path), "\n") {
		line, commented := strings.CutPrefix(line, "# ")
		if name, _, ok := strings.Cut(line, " "); !commented || !ok || server.configs.byName[name] == nil {
			continue
		}
		if err := newConfigServer(t).loadServerConfigFromString(line, 0); err != nil {
			t.Errorf("line %d: %v", i+1, err)
		}
	}
}

// TestConfigShippedSentinel: sentinel.conf loads, and its own directives wait for Sentinel in their order.
func TestConfigShippedSentinel(t *testing.T) {
	path, err := filepath.Abs("../sentinel.conf")
	if err != nil {
		t.Fatal(err)
	}
	server := newConfigServer(t)
	if err := server.loadServerConfig(path, nil, ""); err == nil || !strings.Contains(err.Error(), "sentinel directive while not in sentinel mode") {
		t.Errorf("outside of Sentinel: %v", err)
	}
	server = newConfigServer(t)
	server.sentinelMode = true
	if err := server.loadServerConfig(path, nil, ""); err != nil {
		t.Fatal(err)
	}
	if len(server.moduleConfigsQueue) > 0 || server.port != 26379 {
		t.Errorf("port %d, unknown directives %v", server.port, server.moduleConfigsQueue)
	}
	if q := server.sentinelConfigQueue; len(q) != 8 || q[0].argv[0] != "monitor" || q[0].line != "sentinel monitor mymaster 127.0.0.1 6379 2" || q[7].argv[0] != "announce-hostnames" {
		t.Errorf("sentinel directives %v", q)
	}
}

// FuzzConfigParser: no text makes the parser panic, and what it accepts survives CONFIG REWRITE.
func FuzzConfigParser(f *testing.F) {
	for _, seed := range []string{
		"port 1", "save 1 2\nsave \"3 4\"", "bind a b c", "user x on >p", "rename-command get x", "a.b c", "include x*",
		"client-output-buffer-limit normal 1gb 2 3", "maxmemory 99999999999999999999gb", "unixsocketperm 777", "maxmemory-clients 5%",
		"oom-score-adj-values 1 2 3", "latency-tracking-info-percentiles 1 2.5 0x1", "shutdown-on-sigint \"now force\"", "\"unbalanced",
		"notify-keyspace-events KEA", "proc-title-template {title}", "'po\\'rt' 1", "replicaof a 1", "requirepass \"\\x00\\xff\"", "sentinel x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lower := strings.NewReplacer(`"`, "", "'", "").Replace(strings.ToLower(text))
		for _, name := range []string{"include", "logfile", `\x`} { // would touch files that are not ours
			if strings.Contains(lower, name) {
				t.Skip()
			}
		}
		server := newConfigServer(t)
		if server.loadServerConfigFromString(text, 0) != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "c")
		if err := server.rewriteConfig(path, true); err != nil {
			t.Fatal(err)
		}
		other := newConfigServer(t)
		if err := other.loadServerConfig(path, nil, ""); err != nil {
			t.Fatalf("%v of %q", err, readFile(t, path))
		}
		for _, conf := range server.configs.list {
			// One odd word of several is split again when it is alone: as in Redis, such values do not survive.
			if want, got := conf.get(), other.lookupConfig(conf.name).get(); got != want && conf.flags&multiArgConfig == 0 {
				t.Errorf("%s: %q became %q", conf.name, want, got)
			}
		}
	})
}
