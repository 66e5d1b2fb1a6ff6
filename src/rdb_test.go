// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"redport/src/rio"
)

// rdb_test.go - saving and loading: bytes, formats of other versions, and what becomes of the file when something goes wrong.

// rdbOf is the RDB file of the server's dataset.
func rdbOf(t testing.TB, server *Server) []byte {
	t.Helper()
	var b bytes.Buffer
	snap := server.snapshot()
	defer snap.release()
	w := rio.NewWriter(&b)
	err := rdbSaveRio(w, snap, rdbflagsNone, nil, nil)
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The payloads are those of Redis 8.0.6.
func TestDumpPayloadsAreThoseOfRedis(t *testing.T) {
	server := idleServer(t)
	c := server.fakeClient()
	for _, tc := range []struct{ cmd, key, want string }{
		{"HSET hl f v g w", "hl", "\x10\x13\x13\x00\x00\x00\x04\x00\x81f\x02\x81v\x02\x81g\x02\x81w\x02\xff\x0c\x00\x12\xa8\xf1\t\xec%,|"},
		{"SET i 12345", "i", "\x00\xc190\x0c\x00"},
		{"SET i -3", "i", "\x00\xc0\xfd\x0c\x00"},
		{"SET i 123456", "i", "\x00\xc2@\xe2\x01\x00\x0c\x00"},
		{"SET i 12345678901", "i", "\x00\x0b12345678901\x0c\x00"},
		{"SET s " + strings.Repeat("a", 39), "s", "\x00\xc3\t'\x01aa\xe0\x1a\x00\x01aa\x0c\x00"},
		{"RPUSH l a", "l", "\x12\x01\x02\x0a\x0a\x00\x00\x00\x01\x00\x81a\x02\xff\x0c\x00"},
	} {
		c.run(strings.Fields(tc.cmd)...)
		got := c.run("DUMP", tc.key)
		body := got[strings.Index(got, "\r\n")+2:]
		if !strings.HasPrefix(body, tc.want) {
			t.Errorf("%s: %q, want %q", tc.cmd, body, tc.want)
		}
	}
}

func TestLoadsWhatOtherVersionsWrite(t *testing.T) {
	const end = "\xff\x00\x00\x00\x00\x00\x00\x00\x00"
	for _, tc := range []struct{ name, file, cmd, want string }{
		{"version 1, list", "REDIS0001\xfe\x00\x01\x01l\x02\x01a\x01b\xff", "LRANGE l 0 -1", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"},
		{"expiry in seconds", "REDIS0003\xfd\xff\xff\xff\x7f\x00\x01k\x01v\xff", "PEXPIRETIME k", ":2147483647000\r\n"},
		{"scores as text", "REDIS0004\x03\x01z\x02\x01a\xfe\x01b\x032.5\xff", "ZSCORE z b", "$3\r\n2.5\r\n"},
		{"zipmap", "REDIS0003\x09\x01h\x08\x01\x01f\x01\x00v\xff\xff", "HGET h f", ""},
		{"Valkey's hash with expiries", "VALKEY080\x16\x01h\x02\x01f\x01v\xff\xff\xff\xff\xff\xff\xff\xff\x01g\x01w\xe0iL\xa6,\x1e\x00\x00" + end,
			"HPEXPIRETIME h FIELDS 2 f g", "*2\r\n:-1\r\n:33177117420000\r\n"},
		{"what a candidate of 7.4 wrote", "REDIS0012\x16\x01h\x02\x00\x01f\x01v\x81\x00\x00\x1e\x2c\xa6\x4c\x69\xe0\x01g\x01w" + end,
			"HPEXPIRETIME h FIELDS 2 f g", "*2\r\n:-1\r\n:33177117420000\r\n"},
		{"slots and unknown fields", "REDIS0012\xfa\x03foo\x03bar\xf4\x05\x01\x00\x00\x01k\x01v" + end, "GET k", "$1\r\nv\r\n"},
		{"databases that come twice", "REDIS0012\xfe\x00\x00\x01a\x01v\xfe\x01\x00\x01b\x01v\xfe\x00\x00\x01c\x01v" + end, "EXISTS a c", ":2\r\n"},
	} {
		server := idleServer(t)
		err := server.rdbLoadRio(rio.NewReader(strings.NewReader(tc.file)), "f", nil, rdbflagsNone)
		if tc.want == "" { // not one, as it is cut
			if err == nil {
				t.Errorf("%s: loaded", tc.name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := server.fakeClient().run(strings.Fields(tc.cmd)...); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// A length is only a claim.
func TestClaimsTakeNoMemory(t *testing.T) {
	for _, file := range []string{
		"REDIS0012\x00\x01k\x81\x7f\xff\xff\xff\xff\xff\xff\xff" + strings.Repeat("x", 1000),
		"REDIS0012\x02\x01k\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x01a",
		"REDIS0012\x04\x01k\x80\xff\xff\xff\xff\x01a\x01b",
		"REDIS0012\x00\x01k\xc3\x05\x81\x00\x00\x00\xff\xff\xff\xff\xff\x01abcd",
		"REDIS0012\x12\x01k\x80\xff\xff\xff\xff\x02\x81\x00\x00\x00\xff\xff\xff\xff\xff",
		"REDIS0012\x15\x01k\x80\xff\xff\xff\xff\x10",
	} {
		server := idleServer(t)
		before := server.mem.Used()
		if err := server.rdbLoadRio(rio.NewReader(strings.NewReader(file)), "f", nil, rdbflagsNone); err == nil {
			t.Errorf("%q is loaded", file)
		}
		for server.clock.Reclaim(time.Second) {
		}
		if used := server.mem.Used(); used != before {
			t.Errorf("%q leaves %d bytes", file, used-before)
		}
	}
}

func TestEveryChangedByteIsNoticed(t *testing.T) {
	server := idleServer(t)
	c := server.fakeClient()
	for i := range 50 {
		c.run("SET", fmt.Sprint("key", i), strings.Repeat("v", i))
	}
	file := rdbOf(t, server)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		bad := bytes.Clone(file)
		bad[9+r.IntN(len(bad)-9)] ^= 1 << r.IntN(8)
		other := idleServer(t)
		if err := other.rdbLoadRio(rio.NewReader(bytes.NewReader(bad)), "f", nil, rdbflagsNone); err == nil {
			// Only a checksum of zero, which means that there is none, would be no error.
			t.Fatal("a changed byte was not noticed")
		}
	}
}

// files are the names in a server's directory, without its socket.
func (ts *testServer) files(t testing.TB) string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(ts.socket))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != "s" {
			names = append(names, e.Name())
		}
	}
	return strings.Join(names, " ")
}

// field is a field of INFO.
func (c *testConn) field(name string) string {
	c.t.Helper()
	for _, line := range strings.Split(c.do("INFO", "everything"), "\r\n") {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return v
		}
	}
	c.t.Fatalf("INFO has no %s", name)
	return ""
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not so after half a minute", what)
		}
	}
}

func TestBackgroundSaveSeesOneMoment(t *testing.T) {
	ts := RunT(t, "--rdb-key-save-delay", "2000")
	c := ts.dial(t)
	c.do("DEBUG", "POPULATE", "100", "k", "10")
	c.expect("+Background saving started", "BGSAVE")
	c.expect(":1", "APPEND", "new", "x")
	c.do("DEL", "k:5")
	c.expect("-ERR Background save already in progress", "BGSAVE")
	c.expect("-ERR Background save already in progress", "SAVE")
	if got := c.field("rdb_bgsave_in_progress"); got != "1" {
		t.Errorf("rdb_bgsave_in_progress is %s", got)
	}
	if got := c.field("current_save_keys_total"); got != "100" {
		t.Errorf("current_save_keys_total is %s", got)
	}
	c.expect("+OK", "CONFIG", "SET", "rdb-key-save-delay", "0")
	eventually(t, "the save is over", func() bool { return c.field("rdb_bgsave_in_progress") == "0" })
	if got := c.field("rdb_changes_since_last_save"); got != "2" {
		t.Errorf("rdb_changes_since_last_save is %s", got)
	}
	c.do("DEBUG", "RELOAD", "NOSAVE")
	c.expect(":100", "DBSIZE")
	c.expect(":1", "EXISTS", "k:5")
	for _, line := range []string{"Background saving started by pid", "DB saved on disk", "Background saving terminated with success", "Fork CoW for RDB: current"} {
		if !strings.Contains(ts.log.String(), line) {
			t.Errorf("no %q in the log", line)
		}
	}
	if got := ts.files(t); got != "dump.rdb" {
		t.Errorf("files: %s", got)
	}
}

// Whatever ends a save early, the old file stays, and there is no debris.
func TestEndedSavesLeaveNothing(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(t *testing.T, ts *testServer, c *testConn)
		keys string // what a restart finds
	}{
		{"cancelled", func(t *testing.T, ts *testServer, c *testConn) {
			c.expect("+Background saving cancelled", "BGSAVE", "CANCEL")
		}, ":1"},
		{"killed", func(t *testing.T, ts *testServer, c *testConn) {
			ts.el.Post(func() { ts.child.kill(errChildKilled) })
			eventually(t, "the save has failed", func() bool { return c.field("rdb_last_bgsave_status") == "err" })
			c.do("CONFIG", "SET", "save", "900 1000")
			if got := c.do("SET", "a", "b"); !strings.HasPrefix(got, "-MISCONF ") {
				t.Errorf("SET: %s", got)
			}
			c.do("CONFIG", "SET", "save", "")
		}, ":1"},
		{"flushed", func(t *testing.T, ts *testServer, c *testConn) {
			c.do("CONFIG", "SET", "save", "900 1000")
			c.expect("+OK", "FLUSHALL")
			c.do("CONFIG", "SET", "save", "")
		}, ":0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ts := RunT(t)
			c := ts.dial(t)
			c.do("SET", "old", "1")
			c.expect("+OK", "SAVE")
			c.do("DEBUG", "POPULATE", "1000")
			c.do("CONFIG", "SET", "rdb-key-save-delay", "1000000")
			c.expect("+Background saving started", "BGSAVE")
			eventually(t, "the file is begun", func() bool { return strings.Contains(ts.files(t), "temp-") })
			tc.end(t, ts, c)
			eventually(t, "the save is over", func() bool { return c.field("rdb_bgsave_in_progress") == "0" })
			if got := ts.files(t); got != "dump.rdb" {
				t.Errorf("files: %s", got)
			}
			c.expect("+OK", "DEBUG", "RELOAD", "NOSAVE")
			c.expect(tc.keys, "DBSIZE")
		})
	}
	t.Run("shut down", func(t *testing.T) {
		ts := RunT(t, "--rdb-key-save-delay", "1000000")
		c := ts.dial(t)
		c.do("DEBUG", "POPULATE", "1000")
		c.expect("+Background saving started", "BGSAVE")
		eventually(t, "the file is begun", func() bool { return strings.Contains(ts.files(t), "temp-") })
		fmt.Fprintf(c, "SHUTDOWN NOSAVE\r\n")
		eventually(t, "the server is gone", func() bool { return !strings.Contains(ts.files(t), "temp-") })
	})
}

func TestScheduledSave(t *testing.T) {
	ts := RunT(t)
	c := ts.dial(t)
	c.do("SET", "a", "1")
	c.do("MULTI")
	c.do("BGSAVE")
	c.expect("[+Background saving scheduled]", "EXEC")
	eventually(t, "it is saved", func() bool { return c.field("rdb_saves") == "1" && c.field("rdb_bgsave_in_progress") == "0" })
	c.expect("-ERR Background saving is currently not in progress or scheduled", "BGSAVE", "CANCEL")
}
