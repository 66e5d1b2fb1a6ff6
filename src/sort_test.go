// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Scripts of commands and replies, each on an empty database. A word _ is an empty argument.
func TestSort(t *testing.T) {
	const (
		null      = "$-1\r\n"
		ok        = "+OK\r\n"
		syntax    = "-ERR syntax error\r\n"
		notScore  = "-ERR One or more scores can't be converted into double\r\n"
		wrongType = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
	)
	type step struct{ command, reply string }
	for name, script := range map[string][]step{
		"numbers and texts": {
			{"RPUSH l 3 10 2 2", ":4\r\n"}, {"SORT l", array("2", "2", "3", "10")}, {"SORT l DESC", array("10", "3", "2", "2")}, {"SORT l ALPHA", array("10", "2", "2", "3")},
			{"SORT l ASC DESC ASC", array("2", "2", "3", "10")}, {"SORT none", "*0\r\n"}, {"SORT_RO l ALPHA DESC", array("3", "2", "2", "10")},
		},
		"what counts as a number": {
			{"RPUSH l 1e400 -inf _ +7 .5 5. 1e-400", ":7\r\n"}, {"SORT l", array("-inf", "", "1e-400", ".5", "5.", "+7", "1e400")}, {"RPUSH x 0x10", ":1\r\n"}, {"SORT x", notScore},
			{"LSET x 0 nan", ok}, {"SORT x", notScore}, {"LSET x 0 1e", ok}, {"SORT x", notScore}, {"SORT x STORE y", notScore}, {"EXISTS y", ":0\r\n"}, {"SORT x ALPHA", array("1e")},
		},
		"limits": {
			{"RPUSH l 5 3 1 4 2", ":5\r\n"}, {"SORT l LIMIT 1 2", array("2", "3")}, {"SORT l LIMIT -5 2", array("1", "2")}, {"SORT l LIMIT 3 -9", array("4", "5")}, {"SORT l LIMIT 5 1", "*0\r\n"},
			{"SORT l LIMIT 0 0", "*0\r\n"}, {"SORT l LIMIT 9223372036854775807 9223372036854775807", "*0\r\n"}, {"SORT l BY nosort LIMIT 1 2", array("3", "1")},
			{"SORT l BY nosort DESC LIMIT 1 2", array("4", "1")}, {"SORT l BY nosort LIMIT 4 9", array("2")}, {"SORT l LIMIT 1", syntax}, {"SORT l LIMIT x 1", "-ERR value is not an integer or out of range\r\n"},
			{"ZADD z 1 c 2 b 3 a", ":3\r\n"}, {"SORT z BY nosort DESC LIMIT 0 2", array("a", "b")}, {"SORT z BY nosort LIMIT 1 5", array("b", "a")}, {"SORT z BY nosort LIMIT 3 1", "*0\r\n"},
		},
		"keys and fields": {
			{"RPUSH l 1 2 3", ":3\r\n"}, {"MSET w_1 30 w_2 20 n_1 one n_3 _", ok}, {"HSET h_3 f 5 _ x", ":2\r\n"}, {"HSET h_1 f 6", ":1\r\n"},
			{"SORT l BY w_*", array("3", "2", "1")}, {"SORT l BY h_*->f GET # GET n_*", "*6\r\n" + bulk("2") + null + bulk("3") + bulk("") + bulk("1") + bulk("one")},
			{"SORT l GET h_*->f", "*3\r\n" + bulk("6") + null + bulk("5")}, {"SORT l GET h_*", "*3\r\n" + null + null + null}, {"SORT l GET n_*->f", "*3\r\n" + null + null + null},
			{"SORT l GET h_*->", "*3\r\n" + null + null + null}, {"SET h_2-> arrow", ok}, {"SORT l GET h_*->", "*3\r\n" + null + bulk("arrow") + null}, {"SORT l GET constant", "*3\r\n" + null + null + null},
			{"SORT l BY n_* ALPHA", array("2", "3", "1")}, {"SORT l BY n_*", notScore}, {"SORT l BY", syntax}, {"SORT l GET", syntax},
		},
		"expired keys": {
			{"RPUSH l 1 2", ":2\r\n"}, {"SET w_1 9", ok}, {"SET w_2 1", ok}, {"PEXPIREAT w_1 1", ":1\r\n"}, {"SORT l BY w_* GET w_*", "*2\r\n" + null + bulk("1")},
			{"HSET h_1 f x g y", ":2\r\n"}, {"HPEXPIREAT h_1 1 FIELDS 1 f", "*1\r\n:2\r\n"}, {"SORT l GET h_*->f", "*2\r\n" + null + null},
		},
		"storing": {
			{"RPUSH l 2 3 1", ":3\r\n"}, {"SORT l STORE d", ":3\r\n"}, {"LRANGE d 0 -1", array("1", "2", "3")}, {"OBJECT ENCODING d", bulk("listpack")}, {"SET n_1 one EX 100", ok},
			{"SORT l GET n_* GET # STORE n_1", ":6\r\n"}, {"LRANGE n_1 0 -1", array("one", "1", "", "2", "", "3")}, {"TTL n_1", ":-1\r\n"}, {"SORT none STORE d", ":0\r\n"}, {"EXISTS d", ":0\r\n"},
			{"SORT_RO l STORE d", syntax}, {"SORT l STORE", syntax}, {"SORT l STORE l DESC", ":3\r\n"}, {"LRANGE l 0 -1", array("3", "2", "1")},
			{"SADD s 10 9 b", ":3\r\n"}, {"SORT s BY nosort STORE d", ":3\r\n"}, {"LRANGE d 0 -1", array("10", "9", "b")},
		},
		"other types": {
			{"SET k v", ok}, {"SORT k", wrongType}, {"SORT k FOO", syntax}, {"HSET h a b", ":1\r\n"}, {"SORT h", wrongType},
			{"ZADD z 5 1 4 2", ":2\r\n"}, {"OBJECT ENCODING z", bulk("listpack")}, {"SORT z", array("1", "2")}, {"OBJECT ENCODING z", bulk("skiplist")}, {"ZSCORE z 2", bulk("4")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := idleServer(t).fakeClient()
			for _, s := range script {
				words := strings.Fields(s.command)
				for i, w := range words {
					if w == "_" {
						words[i] = ""
					}
				}
				if got := c.run(words...); got != s.reply {
					t.Errorf("%s: got %q, want %q", s.command, got, s.reply)
				}
			}
		})
	}
}

func TestSortInCluster(t *testing.T) {
	const denied = "option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots.\r\n"
	c := idleServer(t).fakeClient()
	c.run("RPUSH", "{a}l", "2", "1")
	c.run("MSET", "{a}w1", "5", "{a}w2", "4")
	c.server.clusterEnabled = true
	for _, s := range []struct {
		options []string
		reply   string
	}{
		{nil, array("1", "2")},
		{[]string{"BY", "w*"}, "-ERR BY " + denied},
		{[]string{"BY", "{a}w*"}, array("2", "1")},
		{[]string{"BY", "nosort"}, array("2", "1")},
		{[]string{"GET", "w*"}, "-ERR GET " + denied},
		{[]string{"GET", "{a}w*", "GET", "#"}, array("5", "1", "4", "2")},
	} {
		options, ok := sortReply(c, append([]string{"SORT_RO", "{a}l"}, s.options...))
		if !ok || options != s.reply {
			t.Errorf("%v: got %q, want %q", s.options, options, s.reply)
		}
	}
}

// sortReply runs SORT_RO itself: a node without slots would redirect the client.
func sortReply(c *client, args []string) (string, bool) {
	c.argv = c.argv[:0]
	for _, a := range args {
		c.argv = append(c.argv, []byte(a))
	}
	c.cmd = c.server.lookupCommand(c.argv)
	if c.cmd == nil {
		return "", false
	}
	sortroCommand(c)
	return string(c.output()), true
}

// TestSortRange compares ranges with the same ranges of everything sorted.
func TestSortRange(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		s := &sorter{sortOptions: sortOptions{desc: r.IntN(2) == 0}}
		n := r.IntN(300)
		values := 1 + r.IntN(300)
		for i := range n {
			v := r.IntN(values)
			s.items = append(s.items, &sortItem{obj: fmt.Append(nil, v), score: float64(v), index: i})
		}
		want := slices.SortedFunc(slices.Values(s.items), s.compare)
		lo := r.IntN(n + 1)
		hi := lo + r.IntN(n-lo+1)
		s.sortRange(s.items, lo, hi)
		if !slices.Equal(s.items[lo:hi], want[lo:hi]) {
			t.Fatalf("%d to %d of %d are wrong", lo, hi, n)
		}
	}
}

// BenchmarkSort sorts a list, whole and a part.
func BenchmarkSort(b *testing.B) {
	c := idleServer(b).fakeClient()
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		v := fmt.Sprint(r.IntN(1_000_000))
		c.run("RPUSH", "l", v)
		c.run("SET", "w_"+v, fmt.Sprint(r.IntN(1_000_000)))
	}
	for _, command := range []string{"SORT l LIMIT 0 10", "SORT l BY w_* LIMIT 0 10", "SORT l"} {
		b.Run(command, func(b *testing.B) {
			for b.Loop() {
				c.run(strings.Fields(command)...)
			}
		})
	}
}
