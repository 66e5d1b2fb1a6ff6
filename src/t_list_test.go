// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"redport/src/dict"
	"redport/src/epoch"
	"redport/src/listpack"
	"redport/src/quicklist"
)

// Scripts of commands and replies, each on an empty database, in both encodings.
func TestListCommands(t *testing.T) {
	const (
		null   = "$-1\r\n"
		nulls  = "*-1\r\n"
		empty  = "*0\r\n"
		ok     = "+OK\r\n"
		syntax = "-ERR syntax error\r\n"
		notInt = "-ERR value is not an integer or out of range\r\n"
		wrong  = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
	)
	type step struct{ command, reply string }
	for name, script := range map[string][]step{
		"pushing": {
			{"LPUSHX l a", ":0\r\n"}, {"EXISTS l", ":0\r\n"}, {"RPUSH l a 12 c", ":3\r\n"}, {"LPUSH l x -5", ":5\r\n"}, {"RPUSHX l 99999999999", ":6\r\n"}, {"LPUSHX l y", ":7\r\n"},
			{"LRANGE l 0 -1", array("y", "-5", "x", "a", "12", "c", "99999999999")}, {"LLEN l", ":7\r\n"}, {"LLEN none", ":0\r\n"},
		},
		"popping": {
			{"RPUSH l a b c d e", ":5\r\n"}, {"LPOP l", bulk("a")}, {"RPOP l", bulk("e")}, {"LPOP l 0", empty}, {"RPOP l 2", array("d", "c")}, {"LPOP l 9", array("b")},
			{"EXISTS l", ":0\r\n"}, {"LPOP l", null}, {"LPOP l 1", nulls}, {"LPOP l -1", "-ERR value is out of range, must be positive\r\n"},
			{"LPOP l 1 2", "-ERR wrong number of arguments for 'lpop' command\r\n"},
		},
		"reading": {
			{"RPUSH l a 2 c", ":3\r\n"}, {"LINDEX l 1", bulk("2")}, {"LINDEX l -1", bulk("c")}, {"LINDEX l 3", null}, {"LINDEX l -4", null}, {"LINDEX l x", notInt},
			{"LINDEX none x", null}, {"LRANGE l 1 1", array("2")}, {"LRANGE l -2 99", array("2", "c")}, {"LRANGE l 2 1", empty}, {"LRANGE l 5 9", empty}, {"LRANGE l -9 -4", empty},
			{"LRANGE l 0 x", notInt}, {"LRANGE none 0 1", empty},
		},
		"changing": {
			{"LSET l 0 a", "-ERR no such key\r\n"}, {"RPUSH l a b c", ":3\r\n"}, {"LSET l 1 long" + strings.Repeat("g", 100), ok}, {"LSET l -1 7", ok}, {"LSET l 3 x", "-ERR index out of range\r\n"},
			{"LRANGE l 0 -1", array("a", "long"+strings.Repeat("g", 100), "7")}, {"LINSERT l BEFORE a first", ":4\r\n"}, {"LINSERT l after 7 last", ":5\r\n"},
			{"LINSERT l AFTER a 1", ":6\r\n"}, {"LINSERT l AFTER none x", ":-1\r\n"}, {"LINSERT l NEXT a x", syntax}, {"LINSERT none BEFORE a x", ":0\r\n"}, {"LSET l 3 b", ok},
			{"LRANGE l 0 -1", array("first", "a", "1", "b", "7", "last")}, {"LTRIM l 1 -2", ok}, {"LRANGE l 0 -1", array("a", "1", "b", "7")}, {"LTRIM l 9 10", ok}, {"EXISTS l", ":0\r\n"},
			{"LTRIM l 0 1", ok},
		},
		"removing": {
			{"RPUSH l a b a 1 a b", ":6\r\n"}, {"LREM l -1 a", ":1\r\n"}, {"LREM l 1 a", ":1\r\n"}, {"LREM l 5 01", ":0\r\n"}, {"LREM l 0 1", ":1\r\n"}, {"LRANGE l 0 -1", array("b", "a", "b")},
			{"LREM l 0 b", ":2\r\n"}, {"LREM l -9 a", ":1\r\n"}, {"EXISTS l", ":0\r\n"}, {"LREM l 1 a", ":0\r\n"}, {"LREM l x a", notInt},
		},
		"searching": {
			{"RPUSH l a b c 1 2 3 c c", ":8\r\n"}, {"LPOS l c", ":2\r\n"}, {"LPOS l c RANK -1", ":7\r\n"}, {"LPOS l 3", ":5\r\n"}, {"LPOS l c COUNT 2", "*2\r\n:2\r\n:6\r\n"},
			{"LPOS l c COUNT 0 RANK -2", "*2\r\n:6\r\n:2\r\n"}, {"LPOS l c MAXLEN 2", null}, {"LPOS l c COUNT 0 MAXLEN 2", empty}, {"LPOS l x COUNT 1", empty}, {"LPOS none x COUNT 1", empty},
			{"LPOS none x", null}, {"LPOS l c RANK 4", null}, {"LPOS l c COUNT -1", "-ERR COUNT can't be negative\r\n"}, {"LPOS l c MAXLEN -1", "-ERR MAXLEN can't be negative\r\n"},
			{"LPOS l c RANK -9223372036854775808", "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807\r\n"}, {"LPOS l c FOO 1", syntax}, {"LPOS l c RANK", syntax},
		},
		"moving": {
			{"RPUSH l a b c", ":3\r\n"}, {"LMOVE l m LEFT RIGHT", bulk("a")}, {"RPOPLPUSH l m", bulk("c")}, {"LRANGE m 0 -1", array("c", "a")}, {"LMOVE m m LEFT RIGHT", bulk("c")},
			{"LRANGE m 0 -1", array("a", "c")}, {"LMOVE l l RIGHT LEFT", bulk("b")}, {"LRANGE l 0 -1", array("b")}, {"RPOPLPUSH l m", bulk("b")}, {"EXISTS l", ":0\r\n"}, {"RPOPLPUSH l m", null},
			{"LMOVE m l UP LEFT", syntax}, {"SET k v", ok}, {"RPOPLPUSH m k", wrong}, {"LLEN m", ":3\r\n"}, {"BLMOVE m l LEFT LEFT 0", bulk("b")}, {"BRPOPLPUSH m l 0", bulk("c")},
			{"LRANGE l 0 -1", array("c", "b")},
		},
		"several keys": {
			{"RPUSH b 1 2 3", ":3\r\n"}, {"LMPOP 2 a b LEFT", "*2\r\n" + bulk("b") + array("1")}, {"BLMPOP 0 2 a b RIGHT COUNT 9", "*2\r\n" + bulk("b") + array("3", "2")}, {"LMPOP 1 b LEFT", nulls},
			{"LMPOP 0 b LEFT", "-ERR numkeys should be greater than 0\r\n"}, {"LMPOP 2 b LEFT", syntax}, {"LMPOP 1 b LEFT COUNT 0", "-ERR count should be greater than 0\r\n"},
			{"LMPOP 1 b LEFT COUNT 1 COUNT 1", syntax}, {"RPUSH b 1 2", ":2\r\n"}, {"BLPOP a b 0", array("b", "1")}, {"BRPOP a b 0", array("b", "2")},
			{"BLPOP a x", "-ERR timeout is not a float or out of range\r\n"}, {"BLPOP a -1", "-ERR timeout is negative\r\n"}, {"BLPOP a 0x7FFFFFFFFFFFFF", "-ERR timeout is out of range\r\n"},
		},
		"other types": {
			{"SET k v", ok}, {"LPUSH k a", wrong}, {"LPOP k", wrong}, {"LLEN k", wrong}, {"LRANGE k 0 1", wrong}, {"BLPOP k 0", wrong}, {"LMOVE k l LEFT LEFT", wrong}, {"LMPOP 1 k LEFT", wrong},
		},
	} {
		for encoding, size := range map[string]string{"listpack": "-2", "quicklist": "1", "compressed": "1"} {
			t.Run(name+"/"+encoding, func(t *testing.T) {
				depth := "0"
				if encoding == "compressed" {
					depth = "1"
				}
				c := idleServer(t, "--list-max-listpack-size", size, "--list-compress-depth", depth).fakeClient()
				for _, s := range script {
					if got := c.run(strings.Fields(s.command)...); got != s.reply {
						t.Errorf("%s: got %q, want %q", s.command, got, s.reply)
					}
				}
			})
		}
	}
}

// A list becomes a quicklist before it would get too large for a listpack, and a listpack again when it is half as large.
func TestListEncodings(t *testing.T) {
	long := strings.Repeat("x", 5000)
	c := idleServer(t, "--list-max-listpack-size", "-1").fakeClient()
	for _, s := range []struct{ command, encoding string }{
		{"RPUSH l a b c", "listpack"},
		{"RPUSH l " + long, "quicklist"},
		{"RPOP l", "listpack"},
		{"LSET l 0 " + long, "quicklist"},
		{"LSET l 0 a", "listpack"},
		{"LINSERT l BEFORE none " + long, "quicklist"}, // it was made ready
		{"LREM l 1 none", "quicklist"},
		{"LREM l 1 a", "listpack"},
		{"RPUSH l " + long + " d", "quicklist"},
		{"LTRIM l 0 1", "listpack"},
		{"RPUSH m " + long, "listpack"},
		{"LMOVE m l LEFT LEFT", "quicklist"},
		{"LMPOP 1 l LEFT", "listpack"},
		{"CONFIG SET list-max-listpack-size 4", "listpack"},
		{"RPUSH l 1 2", "listpack"},
		{"RPUSH l 3", "quicklist"},
		{"RPOP l", "quicklist"},
		{"RPOP l 2", "listpack"},
	} {
		c.run(strings.Fields(s.command)...)
		if got := c.run("OBJECT", "ENCODING", "l"); got != bulk(s.encoding) {
			t.Errorf("after %.40s: %q, want %s", s.command, got, s.encoding)
		}
	}
}

// listTexts reads the elements of the list at a position, also from a snapshot.
func listTexts(e dict.Entry) []string {
	var all []string
	add := func(lp []byte) {
		for p := listpack.First(lp); p != listpack.End; p = listpack.Next(lp, p) {
			all = append(all, string(listpack.Get(lp, p).Append(nil)))
		}
	}
	if !e.IsPointer() {
		add(e.Value())
		return all
	}
	(*robj)(e.Pointer()).ptr.(listObject).ql.Walk(func(n quicklist.Node) bool {
		if n.Plain {
			all = append(all, string(n.Bytes))
		} else {
			add(n.Bytes)
		}
		return true
	})
	return all
}

// Lists keep what a model says, snapshots stay what they were, sizes are counted, and nothing is left when all is gone.
func TestListSnapshots(t *testing.T) {
	for seed := uint64(0); seed < 6; seed++ {
		r := rand.New(rand.NewPCG(seed, 0))
		server := idleServer(t, "--list-max-listpack-size", []string{"-1", "3", "16"}[seed%3], "--list-compress-depth", strconv.Itoa(int(seed%2)))
		c, db := server.fakeClient(), server.db[0]
		model := map[string][]string{}
		type shot struct {
			s    *epoch.Snapshot
			view *dict.View
			then map[string][]string
		}
		var shots []shot
		verify := func(what string, find func(key string) dict.Entry, want map[string][]string) {
			t.Helper()
			for key, l := range want {
				e := find(key)
				if !e.Ok() {
					t.Fatalf("%s: %s is gone", what, key)
				}
				if got := listTexts(e); !slices.Equal(got, l) {
					t.Fatalf("%s: %s is\n%.300q, want\n%.300q", what, key, got, l)
				}
			}
		}
		for step := range 4000 {
			key := "l" + strconv.Itoa(r.IntN(4))
			l := model[key]
			v := strings.Repeat(string(rune('a'+r.IntN(3))), r.IntN(40)+r.IntN(2)*r.IntN(2)*r.IntN(2000)) + strconv.Itoa(r.IntN(20))
			switch op := r.IntN(20); {
			case op < 8 || len(l) == 0:
				if r.IntN(2) == 0 {
					c.run("RPUSH", key, v)
					l = append(slices.Clip(l), v)
				} else {
					c.run("LPUSH", key, v)
					l = slices.Insert(slices.Clone(l), 0, v)
				}
			case op < 10:
				if got := c.run("LPOP", key); got != bulk(l[0]) {
					t.Fatalf("LPOP: %q, want %q", got, l[0])
				}
				l = l[1:]
			case op < 12:
				n := r.IntN(3) + 1
				c.run("RPOP", key, strconv.Itoa(n))
				l = l[:max(0, len(l)-n)]
			case op < 14:
				i := r.IntN(len(l))
				c.run("LSET", key, strconv.Itoa(i), v)
				l = slices.Clone(l)
				l[i] = v
			case op < 16:
				i := r.IntN(len(l))
				i = slices.Index(l, l[i])
				c.run("LINSERT", key, "BEFORE", l[i], v)
				l = slices.Insert(slices.Clone(l), i, v)
			case op < 17:
				i := r.IntN(len(l))
				c.run("LREM", key, "1", l[i])
				i = slices.Index(l, l[i])
				l = slices.Delete(slices.Clone(l), i, i+1)
			case op < 18 && r.IntN(4) == 0:
				c.run("LTRIM", key, "1", "-2")
				l = l[1:max(1, len(l)-1)]
			case op < 19:
				to := "l" + strconv.Itoa(r.IntN(4))
				v = l[0]
				c.run("LMOVE", key, to, "LEFT", "RIGHT")
				if to == key {
					l = append(slices.Clone(l[1:]), v)
				} else {
					l = l[1:]
					model[to] = append(slices.Clip(model[to]), v)
				}
			case len(shots) < 3:
				s := server.clock.Snapshot()
				then := map[string][]string{}
				for k, l := range model {
					then[k] = l
				}
				shots = append(shots, shot{s, db.keys.Snapshot(s), then})
			default:
				i := r.IntN(len(shots))
				verify("snapshot", func(key string) dict.Entry { return shots[i].view.Find(dict.Hash([]byte(key)), []byte(key)) }, shots[i].then)
				shots[i].s.Release()
				shots = slices.Delete(shots, i, i+1)
				server.clock.Reclaim(0)
			}
			if model[key] = l; len(l) == 0 {
				delete(model, key)
			}
			if step%100 == 0 {
				verify("live", func(key string) dict.Entry { return db.find([]byte(key)) }, model)
			}
		}
		var sizes [keysizesBins]int64
		for _, l := range model {
			sizes[keysizesBin(len(l))]++
		}
		if db.keysizes[objList] != sizes {
			t.Errorf("sizes are %v, want %v", db.keysizes[objList], sizes)
		}
		for _, s := range shots {
			s.s.Release()
		}
		c.run("FLUSHALL")
		for server.clock.Reclaim(time.Second) {
		}
		if server.mem.Used() != 0 || server.mem.Pending() != 0 {
			t.Errorf("%d bytes in use, %d pending", server.mem.Used(), server.mem.Pending())
		}
	}
}

// Dropping a long list costs nothing at once, and its memory is off the accounts.
func TestLongListIsDropped(t *testing.T) {
	server := idleServer(t)
	c := server.fakeClient()
	args := []string{"RPUSH", "l"}
	for i := range 1000 {
		args = append(args, "element "+strconv.Itoa(i))
	}
	for range 50 {
		c.run(args...)
	}
	if got := c.run("LINDEX", "l", "-1"); got != bulk("element 999") {
		t.Error(got)
	}
	used := server.mem.Used()
	c.run("DEL", "l")
	if left := server.mem.Used(); left > used/100 {
		t.Errorf("%d of %d bytes are still accounted", left, used)
	}
	for server.clock.Reclaim(time.Second) {
	}
	if server.mem.Pending() != 0 {
		t.Errorf("%d bytes pending", server.mem.Pending())
	}
}

// A long reply has to be cut into blocks somewhere, wherever that is.
func TestLongListReplies(t *testing.T) {
	for _, size := range []int{0, 1, 9, 10, 63, 64, 99, 100, 4095, 4096, 8000, 20000} {
		c := idleServer(t).fakeClient()
		v := strings.Repeat("v", size)
		var all []string
		for i := range 500 {
			all = append(all, v[:max(0, len(v)-i%3)], strconv.Itoa(i*i*i))
		}
		c.run(append([]string{"RPUSH", "l"}, all...)...)
		if got := c.run("LRANGE", "l", "0", "-1"); got != array(all...) {
			t.Errorf("%d bytes: LRANGE differs", size)
		}
		slices.Reverse(all)
		if got := c.run("RPOP", "l", "1000"); got != array(all...) {
			t.Errorf("%d bytes: RPOP differs", size)
		}
	}
}

func TestDebugObjectOfLists(t *testing.T) {
	c := idleServer(t, "--enable-debug-command", "yes", "--list-max-listpack-size", "2", "--list-compress-depth", "1").fakeClient()
	c.run("RPUSH", "l", "a", "b", "c", "d", "e")
	want := " ql_nodes:3 ql_avg_node:1.67 ql_listpack_max:2 ql_compressed:1 ql_uncompressed_size:36\r\n"
	if got := c.run("DEBUG", "OBJECT", "l"); !strings.HasSuffix(got, want) {
		t.Errorf("%q, want %q at its end", got, want)
	}
	digest := c.run("DEBUG", "DIGEST-VALUE", "l")
	c.run("CONFIG", "SET", "list-max-listpack-size", "-2")
	c.run("RPUSH", "m", "a", "b", "c", "d", "e")
	if got := c.run("DEBUG", "DIGEST-VALUE", "m"); got != digest {
		t.Errorf("digests differ between encodings: %q, %q", got, digest)
	}
}

func BenchmarkListCommands(b *testing.B) {
	server := idleServer(b)
	c := server.fakeClient()
	for range 100000 {
		c.run("RPUSH", "l", "xxx")
	}
	for _, command := range []string{"LPUSH l xxx", "RPUSH l xxx", "LPOP l", "RPOP l", "LINDEX l 50000", "LRANGE l 0 99"} {
		b.Run(strings.Fields(command)[0], func(b *testing.B) {
			c.benchmarkCommand(b, command)
		})
	}
}
