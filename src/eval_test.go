// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"redport/src/monotonic"
)

// scriptClient is a client that commands can be given to without a connection, and whose replies stay as they are.
func scriptClient(t testing.TB, args ...string) *client { return idleServer(t, args...).fakeClient() }

// TestScriptReplies: what a script returns is a well-formed reply whatever it is made of.
func TestScriptReplies(t *testing.T) {
	c := scriptClient(t)
	for _, tc := range []struct{ script, want string }{
		{"return {1,2,'a',{3}}", "*4\r\n:1\r\n:2\r\n$1\r\na\r\n*1\r\n:3\r\n"},
		{"return {1,nil,3}", "*1\r\n:1\r\n"},
		{"return 3.99", ":3\r\n"},
		{"return 1e300", ":-9223372036854775808\r\n"},
		{"return {ok='a\\r\\n+b'}", "+a  +b\r\n"},
		{"return {ok='a\\0b'}", "+a\r\n"},
		{"return {err='a\\r\\n-b'}", "-a  -b\r\n"},
		{"return {err='a\\0\\r\\n-b'}", "-a\r\n"},
		{"return redis.error_reply('a\\r\\n+b c')", "-a  +b c\r\n"},
		{"return redis.error_reply('a b\\0\\r\\nc')", "-a b\r\n"},
		{"return redis.error_reply('')", "-ERR \r\n"},
		{"return redis.status_reply('a\\r\\nb')", "+a  b\r\n"},
		{"return {big_number='1\\r\\n2'}", "$4\r\n1  2\r\n"},
		{"return {double=1.5}", "$3\r\n1.5\r\n"},
		{"return {map={a=1}}", "*2\r\n$1\r\na\r\n:1\r\n"},
		{"return {set={a=true}}", "*1\r\n$1\r\na\r\n"},
		{"return redis.call('get','nothing')", "$-1\r\n"},
		{"return type(redis.call('get','nothing'))", "$7\r\nboolean\r\n"},
		{"redis.setresp(3) return type(redis.call('get','nothing'))", "$3\r\nnil\r\n"},
		{"return redis.pcall('nosuch').err", "$44\r\nERR Unknown Redis command called from script\r\n"},
		{"return redis.call('echo', 0.1)", "$3\r\n0.1\r\n"},
		{"return redis.call('echo', 2^53)", "$16\r\n9007199254740992\r\n"},
	} {
		if got := c.run("EVAL", tc.script, "0"); got != tc.want {
			t.Errorf("%s\n got %q\nwant %q", tc.script, got, tc.want)
		}
	}
}

// TestScriptErrorsAreOneLine: nothing that a script throws can break the line of an error.
func TestScriptErrorsAreOneLine(t *testing.T) {
	c := scriptClient(t)
	for _, text := range []string{"a\r\nb", "\r\n", "\n+OK", "x\x00y\r\n+OK", "\x00", "-X\r\n+OK", " ", ""} {
		for _, form := range []string{"error(ARGV[1])", "error({err=ARGV[1]})", "error(redis.error_reply(ARGV[1]))", "return redis.error_reply(ARGV[1])",
			"return {err=ARGV[1]}", "return redis.call(ARGV[1])", "redis.log(ARGV[1], ARGV[1])", "return redis.pcall('get', ARGV[1], ARGV[1])",
			"return redis.call('config', ARGV[1])", "return {ok=ARGV[1]}", "return redis.status_reply(ARGV[1])"} {
			got := c.run("EVAL", form, "0", text)
			if body, ok := strings.CutSuffix(got, "\r\n"); !ok || strings.ContainsAny(body, "\r\n") || body[0] != '-' && body[0] != '+' {
				t.Errorf("%s of %q: %q", form, text, got)
			}
		}
	}
}

// TestScriptErrorPlace looks at where errors say that they are from.
func TestScriptErrorPlace(t *testing.T) {
	c := scriptClient(t)
	for _, test := range []struct{ script, want string }{
		{"error({err='E x'})", "-E x script: 938b0124118efb1bee3e718009e5646ab9a56876, on @user_script:1.\r\n"},
		{"error(setmetatable({}, {__newindex = function() end}))", "-ERR unknown error\r\n"},
		{"error(setmetatable({err='E x'}, {__newindex = {}}))", "-E x\r\n"},
		{"table.sort({1, 2, 'x'}, math.max)", "-ERR bad argument #1 to '?' (number expected, got string) script: d963a37067a08f4967b55889daaaa93c05fbbb3a, on =[C]:-1.\r\n"},
	} {
		if got := c.run("EVAL", test.script, "0"); got != test.want {
			t.Errorf("%s: %q, want %q", test.script, got, test.want)
		}
	}
	// What is no number is no flag.
	if got := c.run("EVAL", "return {pcall(redis.set_repl, '12d')}", "0"); got != "*1\r\n:1\r\n" {
		t.Errorf("set_repl: %q", got)
	}
	if got := c.run("EVAL", "local n = {} for name in pairs(redis.pcall('nosuch')) do n[#n+1] = name end return n", "0"); !strings.HasPrefix(got, "*2\r\n$25\r\nignore_error_stats_update") {
		t.Errorf("fields of an error: %q", got)
	}
}

// TestScriptReplyDepth: a table that contains itself ends where C Lua's stack would.
func TestScriptReplyDepth(t *testing.T) {
	for _, tc := range []struct {
		script string
		depth  int
	}{
		{"local a={} a[1]=a return a", 7995},
		{"local a={} a.map={x=a} return a", 2665},
		{"local a={} a.set={[a]=true} return a", 2665},
		{"local a={} a.map={[a]=1} return a", 1999},
	} {
		c := scriptClient(t)
		got := c.run("EVAL", tc.script, "0")
		if n := strings.Count(got, "*"); n != tc.depth || !strings.Contains(got, "-ERR reached lua stack limit\r\n") {
			t.Errorf("%s: %d deep", tc.script, n)
		}
	}
}

// TestEvalCache: of scripts that came by EVAL, the most recently used stay; those that were loaded stay anyway.
func TestEvalCache(t *testing.T) {
	c := scriptClient(t)
	server := c.server
	sha := func(body string) string {
		var digest [40]byte
		sha1hex(&digest, []byte(body))
		return string(digest[:])
	}
	exists := func(body string) bool { return c.run("SCRIPT", "EXISTS", sha(body)) == "*1\r\n:1\r\n" }
	c.run("SCRIPT", "LOAD", "return 'loaded'")
	for i := range evalScriptsMax {
		c.run("EVAL", fmt.Sprintf("return %d", i), "0")
	}
	c.run("EVALSHA", sha("return 0"), "0")
	c.run("SCRIPT", "LOAD", "return 1")
	for i := range 10 {
		c.run("EVAL", fmt.Sprintf("return 'new%d'", i), "0")
	}
	for body, want := range map[string]bool{
		"return 'loaded'": true, "return 0": true, "return 1": true, "return 2": false, "return 9": false, "return 10": false, "return 11": true, "return 'new9'": true,
	} {
		if exists(body) != want {
			t.Errorf("%s: exists %t", body, !want)
		}
	}
	if e := &server.eval; e.lruLen != evalScriptsMax || len(e.scripts) != evalScriptsMax+2 || server.stat.evictedScripts != 9 {
		t.Errorf("%d scripts, %d of EVAL, %d evicted", len(e.scripts), e.lruLen, server.stat.evictedScripts)
	}
	c.run("SCRIPT", "FLUSH")
	if n := len(server.eval.scripts); n != 0 || server.evalScriptsMemory() != 0 || exists("return 0") {
		t.Errorf("%d scripts are left, %d bytes", n, server.evalScriptsMemory())
	}
}

// TestScriptKill: an endless script ends, whatever it does to go on.
func TestScriptKill(t *testing.T) {
	for _, body := range []string{
		"while true do end",
		"while true do pcall(function() while true do end end) end",
		"local function f() return f() end return f()",
		"local function f() pcall(f) f() end f()",
		"while true do redis.call('ping') end",
		"while true do coroutine.wrap(function() while true do end end)() end",
		"local t = setmetatable({}, {__index=function(t, k) return t[k+1] end}) while true do pcall(function() return t[1] end) end",
		"while true do xpcall(error, function() while true do end end) end",
		"for i = 1, math.huge do end",
		"repeat until false",
		"while true do string.rep('x', 1000):find(('.-'):rep(20) .. 'y') end",
		"while true do table.sort({3,2,1,5,4}, function(a, b) return a < b end) end",
		"while true do string.gsub('aaaa', 'a', function() end) end",
	} {
		c := scriptClient(t, "--busy-reply-threshold", "1")
		server := c.server
		turns := 0
		server.el.BeforeSleep = func() {
			if turns++; turns == 3 {
				server.script.flags |= scriptKilled
			}
		}
		start := monotonic.Nanotime()
		got := c.run("EVAL", body, "0")
		if !strings.Contains(got, "Script killed by user with SCRIPT KILL...") {
			t.Errorf("%s: %q after %d turns, %d ms", body, got, turns, (monotonic.Nanotime()-start)/1e6)
		}
		if got := c.run("EVAL", "return 1", "0"); got != ":1\r\n" || server.script.running {
			t.Errorf("%s: afterwards %q", body, got)
		}
	}
}

// TestFunctionPayload: what FUNCTION DUMP gives, FUNCTION RESTORE takes, and nothing that has been damaged.
func TestFunctionPayload(t *testing.T) {
	c := scriptClient(t)
	c.run("FUNCTION", "LOAD", "#!lua name=one\nredis.register_function{function_name='f', description='d', flags={'no-writes'}, callback=function(k, a) return a[1] end}")
	c.run("FUNCTION", "LOAD", "#!lua name=two\nredis.register_function('g', function() return 2 end)")
	list := c.run("FUNCTION", "LIST", "WITHCODE")
	dump := c.run("FUNCTION", "DUMP")
	payload := dump[strings.Index(dump, "\r\n")+2 : len(dump)-2]
	if got := c.run("FUNCTION", "RESTORE", payload); got != "-ERR Library one already exists\r\n" {
		t.Errorf("restored over itself: %q", got)
	}
	c.run("FUNCTION", "FLUSH")
	if got := c.run("FUNCTION", "RESTORE", payload); got != "+OK\r\n" || c.run("FUNCTION", "LIST", "WITHCODE") != list {
		t.Errorf("restored: %q", got)
	}
	if got := c.run("FCALL", "F", "1", "k", "v"); got != "$1\r\nv\r\n" {
		t.Errorf("called: %q", got)
	}
	for i := range payload {
		damaged := []byte(payload)
		damaged[i] ^= 0x40
		if got := c.run("FUNCTION", "RESTORE", string(damaged), "REPLACE"); got[0] != '-' {
			t.Fatalf("byte %d damaged: %q", i, got)
		}
	}
	if c.run("FUNCTION", "LIST", "WITHCODE") != list {
		t.Error("the libraries have changed")
	}
}

// FuzzFunctionRestore feeds payloads whose checksum is right.
func FuzzFunctionRestore(f *testing.F) {
	c := scriptClient(f)
	c.server.debug.skipChecksumValidation = true
	code := "#!lua name=x\nredis.register_function('f', function() end)"
	f.Add(append(append([]byte{rdbOpcodeFunction2, byte(len(code)) & 0x3f}, code...), 12, 0, 0, 0, 0, 0, 0, 0, 0, 0))
	f.Add([]byte{rdbOpcodeFunction2, 0xc3, 5, 200, 1, 2, 3, 4, 5, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, payload []byte) {
		got := c.run("FUNCTION", "RESTORE", string(payload), "FLUSH")
		if !strings.HasSuffix(got, "\r\n") || bytes.ContainsAny([]byte(got[:len(got)-2]), "\r\n") {
			t.Errorf("%q", got)
		}
	})
}

// FuzzLdbParseCommand: the debugger reads from a connection without the server's parser.
func FuzzLdbParseCommand(f *testing.F) {
	f.Add([]byte("*2\r\n$5\r\nbreak\r\n$1\r\n3\r\n"))
	f.Add([]byte("*-1\r\n"))
	f.Add([]byte("*1\r\n$99999999999999999999\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		argv, used, bad := ldbParseCommand(in)
		if used > len(in) || bad && used > 0 || used > 0 && len(argv) == 0 || len(argv) > ldbMaxArgs {
			t.Errorf("%d arguments, %d of %d bytes, bad %t", len(argv), used, len(in), bad)
		}
	})
}

// BenchmarkScript measures scripts and functions without the system calls.
func BenchmarkScript(b *testing.B) {
	for _, script := range []string{"return 1", "return redis.call('incr',KEYS[1])", "fcall"} {
		b.Run(script, func(b *testing.B) {
			server := idleServer(b)
			c := server.fakeClient()
			send := func(args ...string) {
				request := fmt.Appendf(nil, "*%d\r\n", len(args))
				for _, a := range args {
					request = fmt.Appendf(request, "$%d\r\n%s\r\n", len(a), a)
				}
				c.inputSeen = 0
				c.Data(request)
			}
			var request []byte
			if script == "fcall" {
				send("FUNCTION", "LOAD", "#!lua name=b\nredis.register_function('f', function(k) return redis.call('incr',k[1]) end)")
				request = []byte("*4\r\n$5\r\nFCALL\r\n$1\r\nf\r\n$1\r\n1\r\n$3\r\nkey\r\n")
			} else {
				send("SCRIPT", "LOAD", script)
				request = fmt.Appendf(nil, "*4\r\n$7\r\nEVALSHA\r\n%s$1\r\n1\r\n$3\r\nkey\r\n", c.buf)
			}
			c.buf = c.buf[:0]
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				c.inputSeen = 0
				c.Data(request)
				c.buf = c.buf[:0]
			}
		})
	}
}
