// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
	"testing"

	"redport/src/dict"
)

func array(elements ...string) string {
	s := fmt.Sprintf("*%d\r\n", len(elements))
	for _, e := range elements {
		s += bulk(e)
	}
	return s
}

// Scripts of commands and replies, each on an empty database, in both encodings.
func TestZsetCommands(t *testing.T) {
	const (
		null   = "$-1\r\n"
		syntax = "-ERR syntax error\r\n"
		nan    = "-ERR resulting score is not a number (NaN)\r\n"
	)
	type step struct{ command, reply string }
	for name, script := range map[string][]step{
		"ZADD's conditions": {
			{"ZADD z XX 1 a", ":0\r\n"}, {"EXISTS z", ":0\r\n"}, {"ZADD z NX 1 a", ":1\r\n"}, {"ZADD z NX 2 a", ":0\r\n"}, {"ZADD z GT CH 0 a 5 b", ":1\r\n"},
			{"ZADD z LT CH 0 a", ":1\r\n"}, {"ZSCORE z a", bulk("0")}, {"ZADD z NX INCR 1 a", null}, {"ZADD z INCR 1.5 a", bulk("1.5")},
			{"ZADD z NX XX 1 a", "-ERR XX and NX options at the same time are not compatible\r\n"}, {"ZADD z 1 a 2", syntax},
			{"ZADD z GT LT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n"},
			{"ZADD z INCR 1 a 2 b", "-ERR INCR option supports a single increment-element pair\r\n"}, {"ZADD z 1 c x d", "-ERR value is not a valid float\r\n"}, {"ZCARD z", ":2\r\n"},
		},
		"infinities": {
			{"ZADD z inf a -inf b", ":2\r\n"}, {"ZINCRBY z -inf a", nan}, {"ZINCRBY z 1 b", bulk("-inf")}, {"ZADD z nan c", "-ERR value is not a valid float\r\n"},
			{"ZRANGE z 0 -1 WITHSCORES", array("b", "-inf", "a", "inf")}, {"ZUNIONSTORE u 2 z z WEIGHTS 1 -1", ":2\r\n"}, {"ZSCORE u a", bulk("0")},
		},
		"ranks": {
			{"ZADD z 1 a 1 b 2 c", ":3\r\n"}, {"ZRANK z b", ":1\r\n"}, {"ZREVRANK z b", ":1\r\n"}, {"ZRANK z c WITHSCORE", "*2\r\n:2\r\n" + bulk("2")}, {"ZRANK z none", null},
			{"ZRANK z none WITHSCORE", "*-1\r\n"}, {"ZRANK z a FOO", syntax}, {"ZRANK none a", null},
		},
		"ranges": {
			{"ZADD z 1 a 2 b 3 c 4 d", ":4\r\n"}, {"ZRANGE z 1 -2", array("b", "c")}, {"ZRANGE z 0 1 REV", array("d", "c")}, {"ZREVRANGE z -1 -1", array("a")},
			{"ZRANGEBYSCORE z (1 3", array("b", "c")}, {"ZREVRANGEBYSCORE z +inf 2 LIMIT 1 1", array("c")}, {"ZRANGE z 5 1 BYSCORE REV LIMIT 0 2", array("d", "c")},
			{"ZCOUNT z 2 (4", ":2\r\n"}, {"ZCOUNT z ( x", "-ERR min or max is not a float\r\n"}, {"ZRANGE z 0 -1 LIMIT 0 1", "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX\r\n"},
			{"ZRANGESTORE r z (2 inf BYSCORE", ":2\r\n"}, {"ZRANGE r 0 -1", array("c", "d")}, {"ZRANGESTORE r z 9 10", ":0\r\n"}, {"EXISTS r", ":0\r\n"},
			{"ZREMRANGEBYSCORE z -inf 1", ":1\r\n"}, {"ZREMRANGEBYRANK z -1 -1", ":1\r\n"}, {"ZRANGE z 0 -1", array("b", "c")}, {"ZREMRANGEBYRANK z 0 -1", ":2\r\n"}, {"EXISTS z", ":0\r\n"},
		},
		"ranges of members": {
			{"ZADD z 0 a 0 b 0 c 0 d", ":4\r\n"}, {"ZRANGEBYLEX z [b (d", array("b", "c")}, {"ZREVRANGEBYLEX z + (b", array("d", "c")}, {"ZLEXCOUNT z - +", ":4\r\n"},
			{"ZRANGE z + - BYLEX REV LIMIT 1 2", array("c", "b")}, {"ZRANGEBYLEX z b c", "-ERR min or max not valid string range item\r\n"}, {"ZRANGEBYLEX z + -", "*0\r\n"},
			{"ZREMRANGEBYLEX z - [b", ":2\r\n"}, {"ZRANGE z 0 -1", array("c", "d")},
		},
		"several sets": {
			{"ZADD a 1 x 2 y", ":2\r\n"}, {"ZADD b 10 y 20 z", ":2\r\n"}, {"SADD s y w", ":2\r\n"}, {"ZUNION 2 a b WITHSCORES", array("x", "1", "y", "12", "z", "20")},
			{"ZINTER 3 a b s WITHSCORES", array("y", "13")}, {"ZINTER 2 a b WEIGHTS 3 1 AGGREGATE MIN WITHSCORES", array("y", "6")}, {"ZDIFF 2 a b", array("x")}, {"ZINTERCARD 2 a b LIMIT 1", ":1\r\n"},
			{"ZDIFFSTORE d 2 b s", ":1\r\n"}, {"ZRANGE d 0 -1", array("z")}, {"ZINTERSTORE d 2 a none", ":0\r\n"}, {"EXISTS d", ":0\r\n"},
			{"ZUNION 0 a", "-ERR at least 1 input key is needed for 'zunion' command\r\n"}, {"ZUNION 3 a b", syntax},
		},
		"popping": {
			{"ZADD z 1 a 2 b 3 c 4 d 5 e", ":5\r\n"}, {"ZPOPMIN z", array("a", "1")}, {"ZPOPMAX z 2", array("e", "5", "d", "4")}, {"ZPOPMIN z 0", "*0\r\n"},
			{"ZMPOP 2 none z MIN", "*2\r\n" + bulk("z") + "*1\r\n" + array("b", "2")}, {"BZPOPMAX none z 1", array("z", "c", "3")}, {"EXISTS z", ":0\r\n"},
			{"ZMPOP 1 z MAX", "*-1\r\n"}, {"ZPOPMIN z", "*0\r\n"}, {"ZPOPMIN z -1", "-ERR value is out of range, must be positive\r\n"},
		},
		"random members": {
			{"ZADD z 1 a", ":1\r\n"}, {"ZRANDMEMBER z", bulk("a")}, {"ZRANDMEMBER z 5 WITHSCORES", array("a", "1")}, {"ZRANDMEMBER z -2", array("a", "a")}, {"ZRANDMEMBER none", null},
			{"ZSCAN z 0", "*2\r\n" + bulk("0") + array("a", "1")}, {"ZSCAN z 0 MATCH b*", "*2\r\n" + bulk("0") + "*0\r\n"},
		},
		"other types": {
			{"SET k v", "+OK\r\n"}, {"ZADD k 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"}, {"ZSCORE k a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"},
		},
		"positions": {
			{"GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", ":2\r\n"}, {"GEODIST g Palermo Catania KM", bulk("166.2742")},
			{"GEOHASH g Palermo none", "*2\r\n" + bulk("sqc8b49rny0") + null}, {"GEOPOS g Palermo", "*1\r\n" + array("13.361389338970184", "38.1155563954963")},
			{"GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHDIST", "*2\r\n" + array("Catania", "56.4413") + array("Palermo", "190.4424")},
			{"GEOSEARCHSTORE d g FROMMEMBER Palermo BYBOX 100 100 km", ":1\r\n"}, {"ZRANGE d 0 -1", array("Palermo")}, {"GEOADD g 200 0 x", "-ERR invalid longitude,latitude pair 200.000000,0.000000\r\n"},
		},
	} {
		for encoding, entries := range map[string]string{"listpack": "128", "skiplist": "0"} {
			t.Run(name+"/"+encoding, func(t *testing.T) {
				c := idleServer(t, "--zset-max-listpack-entries", entries).fakeClient()
				for _, s := range script {
					if got := c.run(strings.Fields(s.command)...); got != s.reply {
						t.Errorf("%s: got %q, want %q", s.command, got, s.reply)
					}
				}
			})
		}
	}
}

// A sorted set outgrows its listpack by the number of its members or by the length of one, and stays what it is then.
func TestZsetEncodings(t *testing.T) {
	c := idleServer(t, "--zset-max-listpack-entries", "4", "--zset-max-listpack-value", "8").fakeClient()
	for _, s := range []struct{ command, encoding string }{
		{"ZADD z 1 a 2 b 3 c 4 d", "listpack"},
		{"ZADD z 9 d", "listpack"},
		{"ZADD z 5 e", "skiplist"},
		{"ZREM z a b c", "skiplist"},
		{"ZUNIONSTORE z 1 z", "listpack"},
		{"ZADD z 1 123456789", "skiplist"},
		{"ZRANGESTORE z z 0 0", "skiplist"},
		{"ZADD z 1 a", "skiplist"},
		{"ZREMRANGEBYRANK z 0 0", "skiplist"},
		{"ZRANGESTORE z z 0 0", "listpack"},
	} {
		c.run(strings.Fields(s.command)...)
		if got := c.run("OBJECT", "ENCODING", "z"); got != bulk(s.encoding) {
			t.Errorf("after %s: %q, want %s", s.command, got, s.encoding)
		}
	}
}

// A listpack keeps -0 as 0. Whether a set begins as one is the first member's length alone.
func TestZsetNegativeZero(t *testing.T) {
	c := idleServer(t, "--zset-max-listpack-value", "4").fakeClient()
	for _, s := range []struct{ command, score string }{
		{"ZADD first 5 longer -0 m", "-0"},
		{"ZADD second -0 m 5 longer", "0"},
		{"ZADD second 3 other", "0"},
		{"ZADD listpack -0 m", "0"},
		{"ZADD listpack 5 longer", "0"},
		{"ZADD listpack -0 m", "0"},
	} {
		c.run(strings.Fields(s.command)...)
		if got := c.run("ZSCORE", strings.Fields(s.command)[1], "m"); got != bulk(s.score) {
			t.Errorf("after %s: %q, want %s", s.command, got, s.score)
		}
	}
}

func TestZsetPropagation(t *testing.T) {
	server := idleServer(t)
	c := server.fakeClient()
	var fed []string
	server.recordPropagation(&fed)
	for _, test := range []struct{ command, want string }{
		{"ZADD z 1 a 2 b 3 c 4 d", "ZADD z 1 a 2 b 3 c 4 d"},
		{"ZADD z 1 a", ""},
		{"ZMPOP 2 none z MIN COUNT 2", "ZPOPMIN z 2"},
		{"BZPOPMAX z 1", "ZPOPMAX z"},
		{"BZMPOP 1 1 z MAX COUNT 10", "ZPOPMAX z 1"},
		{"ZPOPMIN z", ""},
		{"GEOADD g 13.361389 38.115556 Palermo", "zadd g 3479099956230698 Palermo"},
		{"ZINTERSTORE d 2 g none", ""},
		{"ZREM g x", ""},
	} {
		fed = nil
		c.run(strings.Fields(test.command)...)
		if got := strings.Join(fed, "; "); got != test.want {
			t.Errorf("%s is propagated as %q, want %q", test.command, got, test.want)
		}
	}
}

// TestZsetModel does random things to a sorted set and to a map, and takes snapshots meanwhile, which must stay as they are.
func TestZsetModel(t *testing.T) {
	for encoding, entries := range map[string]string{"listpack": "100000", "skiplist": "0", "both": "100"} {
		t.Run(encoding, func(t *testing.T) {
			server := idleServer(t, "--zset-max-listpack-entries", entries)
			c := server.fakeClient()
			held := func() int64 { return server.mem.Used() - c.db.keys.Bytes() }
			base := held()
			r := rand.New(rand.NewPCG(7, 8))
			model := map[string]float64{}
			want := func() string {
				var members []string
				for m := range model {
					members = append(members, m)
				}
				sort.Slice(members, func(i, j int) bool {
					a, b := members[i], members[j]
					return model[a] < model[b] || model[a] == model[b] && a < b
				})
				var elements []string
				for _, m := range members {
					elements = append(elements, m, strconv.FormatFloat(model[m], 'f', -1, 64))
				}
				return array(elements...)
			}
			check := func() {
				t.Helper()
				if got := c.run("ZRANGE", "z", "0", "-1", "WITHSCORES"); got != want() {
					t.Fatalf("got %q, want %q", got, want())
				}
			}
			var stop []func()
			for i := range 3000 {
				m := strconv.Itoa(r.IntN(400) - 100)
				if r.IntN(3) == 0 {
					m = "member " + m
				}
				s := float64(r.IntN(50)) / 4
				switch op := r.IntN(8); {
				case op < 4:
					c.run("ZADD", "z", strconv.FormatFloat(s, 'f', -1, 64), m)
					model[m] = s
				case op < 5:
					c.run("ZINCRBY", "z", "0.25", m)
					model[m] += 0.25
				case op < 7:
					c.run("ZREM", "z", m)
					delete(model, m)
				default:
					c.run("ZPOPMIN", "z")
					least := ""
					for m := range model {
						if least == "" || model[m] < model[least] || model[m] == model[least] && m < least {
							least = m
						}
					}
					delete(model, least)
				}
				if i%300 == 299 {
					check()
					s := server.clock.Snapshot()
					view, then := c.db.keys.Snapshot(s), want()
					stop = append(stop, func() {
						if got := zsetReply(view); got != then {
							t.Errorf("a snapshot has %q, want %q", got, then)
						}
						s.Release()
					})
				}
			}
			check()
			c.run("DEL", "z")
			for _, f := range stop {
				f()
			}
			for server.clock.Reclaim(0) {
			}
			server.mem.Drain(1 << 30)
			if used := held() - base; used != 0 {
				t.Errorf("%d bytes are left", used)
			}
		})
	}
}

// zsetReply is the sorted set of a snapshot that has nothing else, as ZRANGE WITHSCORES shows it.
func zsetReply(view *dict.View) string {
	var elements []string
	view.All(func(e dict.Entry) bool {
		v := viewZset(e)
		var buf [20]byte
		for p := v.at(0); p.ok(); p.next() {
			elements = append(elements, string(p.member(&buf)), strconv.FormatFloat(p.score(), 'f', -1, 64))
		}
		return true
	})
	return array(elements...)
}

// Clients that wait are served in the order of their coming, and a key may serve several.
func TestZsetBlocking(t *testing.T) {
	ts := RunT(t)
	control := ts.dial(t)
	first, second, third := ts.dial(t), ts.dial(t), ts.dial(t)
	blocked := func(n int) {
		t.Helper()
		for !strings.Contains(control.do("INFO", "clients"), fmt.Sprintf("\r\nblocked_clients:%d\r\n", n)) {
		}
	}
	fmt.Fprint(first, "BZPOPMIN a z 0\r\n")
	blocked(1)
	fmt.Fprint(second, "BZPOPMAX z 0\r\n")
	blocked(2)
	fmt.Fprint(third, "BZMPOP 0 1 z MIN COUNT 5\r\n")
	blocked(3)
	control.expect(":4", "ZADD", "z", "1", "a", "2", "b", "3", "c", "4", "d")
	blocked(0)
	for i, got := range []string{first.reply(), second.reply(), third.reply()} {
		if want := []string{"[z a 1]", "[z d 4]", "[z [[b 2] [c 3]]]"}[i]; got != want {
			t.Errorf("client %d got %s, want %s", i, got, want)
		}
	}
	control.expect(":0", "EXISTS", "z")
}

func BenchmarkZsetCommands(b *testing.B) {
	c := idleServer(b).fakeClient()
	const n = 100000
	for i := range n {
		c.run("ZADD", "z", strconv.Itoa(i*7919%n), fmt.Sprintf("member:%06d", i))
	}
	for _, cmd := range []string{"ZADD z 5000.5 member:000100", "ZINCRBY z 1 member:005000", "ZSCORE z member:000100", "ZRANK z member:000100", "ZRANGE z 5000 5009"} {
		b.Run(strings.Fields(cmd)[0], func(b *testing.B) {
			args := strings.Fields(cmd)
			for b.Loop() {
				c.run(args...)
			}
		})
	}
}
