// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
)

// Throughput and CPU time of commands on collections, most of which have a million elements.
//
// Commands that take elements away find as many as they take: these are put back before each run, and do not count.

// elements is how many a big collection has.
const elements = 1000000

// typeRow is a command to be measured.
type typeRow struct {
	label  string
	cmd    []string
	keys   []string                              // collections that it needs, by the names of fixtures
	before func(c *conn, requests int) error     // run
	beside func(port int) (stop func(), e error) // connections that are open meanwhile
	load   *ownLoad                              // instead of redis-benchmark
	slow   int                                   // requests are divided by this
}

func element(i int) string { return fmt.Sprintf("element:%012d", i) }

// fixtures load the collections that rows share, each once a server.
var fixtures = map[string]func(c *conn) error{
	"list": func(c *conn) error {
		return fill(c, 600, 1, func(i int) []string { return []string{"RPUSH", "bench:list", "xxx"} })
	},
	"set": func(c *conn) error {
		return fill(c, elements, 10, func(i int) []string { return []string{"SADD", "bench:set", element(i)} })
	},
	"hash": func(c *conn) error {
		return fill(c, elements, 10, func(i int) []string { return []string{"HSET", "bench:hash", element(i), "xxx"} })
	},
	"zset": func(c *conn) error {
		r := rand.New(rand.NewPCG(1, 1))
		return fill(c, elements, 10, func(i int) []string {
			return []string{"ZADD", "bench:zset", strconv.Itoa(r.IntN(elements)), element(i)}
		})
	},
	"bits": func(c *conn) error { return c.load("SET", "bench:bits", strings.Repeat("\x5a", 10000)) },
	"geo": func(c *conn) error {
		r := rand.New(rand.NewPCG(2, 2))
		return fill(c, 100000, 10, func(i int) []string {
			return []string{"GEOADD", "bench:geo", strconv.FormatFloat(-10+40*r.Float64(), 'f', 6, 64),
				strconv.FormatFloat(36+24*r.Float64(), 'f', 6, 64), element(i)}
		})
	},
	"scripts": func(c *conn) error {
		for _, script := range []string{scriptNothing, scriptIncr, scriptCalls, scriptLoop, scriptTables, scriptStrings} {
			if err := c.load("SCRIPT", "LOAD", script); err != nil {
				return err
			}
		}
		return c.load("FUNCTION", "LOAD", "REPLACE", benchLibrary)
	},
	"inter": func(c *conn) error {
		for _, s := range []struct{ n, step int }{{100, 7}, {1000, 1}} {
			for i := range s.n {
				if err := c.load("SADD", fmt.Sprint("bench:set", s.n), element(i*s.step)); err != nil {
					return err
				}
				if err := c.load("SADD", fmt.Sprint("bench:numbers", s.n), strconv.Itoa(i*s.step)); err != nil {
					return err
				}
			}
		}
		return nil
	},
}

// fill sends the commands for 0 to n-1, joining several of them that begin with the same command and key; args returns one's.
func fill(c *conn, n, join int, args func(i int) []string) error {
	var line []string
	for i := 0; i < n; i++ {
		a := args(i)
		if len(line) == 0 {
			line = append(line, a[:2]...)
		}
		line = append(line, a[2:]...)
		if (i+1)%join == 0 || i == n-1 {
			if err := c.load(line...); err != nil {
				return err
			}
			line = line[:0]
		}
	}
	return nil
}

// refill deletes key, and fills it anew as the command prefix says, for commands that take elements away.
func refill(key string, args func(i int) []string) func(c *conn, requests int) error {
	return func(c *conn, requests int) error {
		if err := c.load("DEL", key); err != nil || args == nil {
			return err
		}
		return fill(c, requests, 10, args)
	}
}

var typeRows = []typeRow{
	{label: "LPUSH", cmd: []string{"LPUSH", "bench:push", "xxx"}, before: refill("bench:push", nil)},
	{label: "RPUSH", cmd: []string{"RPUSH", "bench:push", "xxx"}, before: refill("bench:push", nil)},
	{label: "LPOP", cmd: []string{"LPOP", "bench:pop"}, before: refill("bench:pop", func(int) []string { return []string{"RPUSH", "bench:pop", "xxx"} })},
	{label: "RPOP", cmd: []string{"RPOP", "bench:pop"}, before: refill("bench:pop", func(int) []string { return []string{"RPUSH", "bench:pop", "xxx"} })},
	{label: "LRANGE of 100", cmd: []string{"LRANGE", "bench:list", "0", "99"}, keys: []string{"list"}, slow: 2},
	{label: "LRANGE of 300", cmd: []string{"LRANGE", "bench:list", "0", "299"}, keys: []string{"list"}, slow: 4},
	{label: "LRANGE of 600", cmd: []string{"LRANGE", "bench:list", "0", "599"}, keys: []string{"list"}, slow: 8},
	{label: "SADD", cmd: []string{"SADD", "bench:sadd", "element:__rand_int__"}, before: refill("bench:sadd", nil)},
	{label: "SPOP", cmd: []string{"SPOP", "bench:spop"}, before: refill("bench:spop", func(i int) []string { return []string{"SADD", "bench:spop", element(i)} })},
	{label: "SISMEMBER", cmd: []string{"SISMEMBER", "bench:set", "element:__rand_int__"}, keys: []string{"set"}},
	{label: "HSET", cmd: []string{"HSET", "bench:hash", "element:__rand_int__", "xxx"}, keys: []string{"hash"}},
	{label: "HGET", cmd: []string{"HGET", "bench:hash", "element:__rand_int__"}, keys: []string{"hash"}},
	{label: "ZADD", cmd: []string{"ZADD", "bench:zset", "__rand_int__", "element:__rand_int__"}, keys: []string{"zset"}},
	{label: "ZRANK", cmd: []string{"ZRANK", "bench:zset", "element:__rand_int__"}, keys: []string{"zset"}},
	{label: "ZRANGE by index", cmd: []string{"ZRANGE", "bench:zset", "500000", "500009"}, keys: []string{"zset"}},
	{label: "ZRANGE by score", cmd: []string{"ZRANGE", "bench:zset", "__rand_int__", "+inf", "BYSCORE", "LIMIT", "0", "10"}, keys: []string{"zset"}},
	{label: "ZPOPMIN", cmd: []string{"ZPOPMIN", "bench:zpop"}, before: refill("bench:zpop", func(i int) []string {
		return []string{"ZADD", "bench:zpop", strconv.Itoa(i * 7919 % 1000003), element(i)}
	})},
	{label: "XADD", cmd: []string{"XADD", "bench:xadd", "*", "field", "xxx"}, before: refill("bench:xadd", nil)},
	{label: "XREADGROUP", cmd: []string{"XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "bench:xread", ">"}, before: func(c *conn, requests int) error {
		if err := c.load("DEL", "bench:xread"); err != nil {
			return err
		}
		for range requests {
			if err := c.load("XADD", "bench:xread", "*", "field", "xxx"); err != nil {
				return err
			}
		}
		return c.load("XGROUP", "CREATE", "bench:xread", "g", "0")
	}},
	{label: "PFADD", cmd: []string{"PFADD", "bench:hll", "element:__rand_int__"}, before: refill("bench:hll", nil)},
	{label: "BITCOUNT of 10 KB", cmd: []string{"BITCOUNT", "bench:bits"}, keys: []string{"bits"}},
	{label: "GEOSEARCH of 10 near by", cmd: []string{"GEOSEARCH", "bench:geo", "FROMLONLAT", "13.4", "52.5", "BYRADIUS", "50", "km", "ASC", "COUNT", "10"}, keys: []string{"geo"}, slow: 4},
	{label: "SINTER of 100 and 1,000 strings", cmd: []string{"SINTER", "bench:set100", "bench:set1000"}, keys: []string{"inter"}, slow: 8},
	{label: "SINTER of 100 and 1,000 numbers", cmd: []string{"SINTER", "bench:numbers100", "bench:numbers1000"}, keys: []string{"inter"}, slow: 8},
	{label: "PUBLISH to 1", cmd: []string{"PUBLISH", "bench:channel", "xxx"}, beside: subscribers(1)},
	{label: "PUBLISH to 10", cmd: []string{"PUBLISH", "bench:channel", "xxx"}, beside: subscribers(10), slow: 4},
	{label: "PUBLISH to 1,000", cmd: []string{"PUBLISH", "bench:channel", "xxx"}, beside: subscribers(1000), slow: 200},
	{label: "MULTI of 10 SET", cmd: []string{"MULTI"}, load: transactions, slow: 4},
	{label: "GET and SET of 100 keys that all clients track", cmd: []string{"CLIENT"}, load: tracked},
	{label: "EVALSHA of nothing", cmd: evalsha(scriptNothing), keys: []string{"scripts"}},
	{label: "EVALSHA of one INCR", cmd: evalsha(scriptIncr), keys: []string{"scripts"}},
	{label: "EVALSHA of 1,000 INCR", cmd: evalsha(scriptCalls), keys: []string{"scripts"}, slow: 100},
	{label: "EVALSHA of a loop of 1,000 steps", cmd: evalsha(scriptLoop), keys: []string{"scripts"}, slow: 8},
	{label: "EVALSHA of tables", cmd: evalsha(scriptTables), keys: []string{"scripts"}, slow: 8},
	{label: "EVALSHA of strings", cmd: evalsha(scriptStrings), keys: []string{"scripts"}, slow: 8},
	{label: "FCALL of one INCR", cmd: []string{"FCALL", "bench_incr", "1", "bench:__rand_int__"}, keys: []string{"scripts"}},
}

// Scripts that rows run.
const (
	scriptNothing = "return 1"
	scriptIncr    = "return redis.call('incr', KEYS[1])"
	scriptCalls   = "for i = 1, 1000 do redis.call('incr', KEYS[1]) end"
	scriptLoop    = "local x = 0 for i = 1, 1000 do x = x + i % 7 end return x"
	scriptTables  = "local t = {} for i = 1, 100 do t[i] = {id = i, name = 'n' .. i} end local n = 0 for _, v in ipairs(t) do n = n + v.id end return n"
	scriptStrings = "local s = {} for i = 1, 50 do s[#s + 1] = string.format('%d:%s', i, string.rep('x', i)) end return #table.concat(s, ','):gsub('x+', 'y')"
	benchLibrary  = "#!lua name=bench\nredis.register_function('bench_incr', function(keys) return redis.call('incr', keys[1]) end)"
)

// evalsha is the command that runs a script of the cache.
func evalsha(script string) []string {
	sum := sha1.Sum([]byte(script))
	return []string{"EVALSHA", hex.EncodeToString(sum[:]), "1", "bench:__rand_int__"}
}

// subscribers are connections that read messages and do nothing with them.
func subscribers(n int) func(port int) (func(), error) {
	return func(port int) (func(), error) {
		var open []net.Conn
		stop := func() {
			for _, c := range open {
				c.Close()
			}
		}
		for range n {
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				stop()
				return nil, err
			}
			open = append(open, c)
			if _, err := io.WriteString(c, "SUBSCRIBE bench:channel\r\n"); err != nil {
				stop()
				return nil, err
			}
			if _, err := c.Read(make([]byte, 256)); err != nil {
				stop()
				return nil, err
			}
			go io.Copy(io.Discard, c)
		}
		return stop, nil
	}
}

// types measures the rows of collections, beside the first other server alone: there are many of them.
func types(o *options, kinds []kind) error {
	kinds = kinds[:min(len(kinds), 2)]
	pipelines, err := numbers(o.pipelines)
	if err != nil {
		return err
	}
	var servers []*server
	loaded := map[*server]map[string]bool{}
	for _, k := range kinds {
		s, err := k.start(o)
		if err != nil {
			return err
		}
		defer s.stop()
		servers = append(servers, s)
		loaded[s] = map[string]bool{}
	}
	fmt.Printf("\n### Commands on collections\n\n%d connections; big collections have %d elements. Ratios as above; no figure where a server does not have the command.\n\n", o.clients, elements)
	printHeading(o, kinds)
	for i := range typeRows {
		t := &typeRows[i]
		if o.rows != "" && !strings.Contains(","+strings.ToLower(o.rows)+",", ","+strings.ToLower(t.cmd[0])+",") {
			continue
		}
		for _, p := range pipelines {
			if p > 16 {
				continue
			}
			r := row{label: t.label, cmd: t.cmd, pipelined: p, size: 3, requests: o.requests / 2}
			if p > 1 {
				r.requests *= 5
			}
			if t.slow > 0 {
				r.requests = max(r.requests/t.slow, 500) / p * p
			}
			var samples [][]sample
			if samples, err = runTypeRow(o, t, r, servers, loaded); err != nil {
				return fmt.Errorf("%s: %w", t.label, err)
			}
			printRow(o, r, samples)
		}
	}
	return nil
}

func runTypeRow(o *options, t *typeRow, r row, servers []*server, loaded map[*server]map[string]bool) ([][]sample, error) {
	conns := make([]*conn, len(servers))
	able := make([]bool, len(servers))
	for i, s := range servers {
		c, err := dial(s.port)
		if err != nil {
			return nil, err
		}
		defer c.close()
		conns[i] = c
		about, err := c.do("COMMAND", "INFO", t.cmd[0])
		if able[i] = err == nil && about != ""; !able[i] {
			continue
		}
		for _, name := range t.keys {
			if !loaded[s][name] {
				if err := fixtures[name](c); err != nil {
					return nil, fmt.Errorf("%s: %w", s.name, err)
				}
				if err := c.drain(); err != nil {
					return nil, fmt.Errorf("%s: %w", s.name, err)
				}
				loaded[s][name] = true
			}
		}
		if t.beside != nil {
			stop, err := t.beside(s.port)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			defer stop()
		}
	}
	return rounds(o, servers, func(i int) (sample, error) {
		if !able[i] {
			return sample{}, nil
		}
		if t.before != nil {
			if err := t.before(conns[i], r.requests); err != nil {
				return sample{}, err
			}
			if err := conns[i].drain(); err != nil {
				return sample{}, err
			}
		}
		if t.load != nil {
			return t.load.run(o, r, servers[i])
		}
		return benchmark(o, r, servers[i])
	})
}
