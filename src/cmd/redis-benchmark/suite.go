// SPDX-License-Identifier: BSD-3-Clause

package main

// suite.go - the tests that run when no command is given.

import (
	"fmt"
	"strings"

	"redport/deps/hiredis"
)

// suiteTest is one of them: its title, the names that select it, and its arguments.
type suiteTest struct {
	title string
	names []string
	args  []string
}

// suite runs what -t selects.
func (b *bench) suite() error {
	for {
		tests := b.suiteTests()
		if b.selected([]string{"ping_inline", "ping"}) {
			if err := b.run("PING_INLINE", []byte("PING\r\n")); err != nil {
				return err
			}
		}
		for _, t := range tests {
			if !b.selected(t.names) {
				continue
			}
			if err := b.run(t.title, hiredis.AppendCommand(nil, t.args...)); err != nil {
				return err
			}
		}
		if !b.csv {
			fmt.Fprintln(b.out)
		}
		if !b.loop {
			return nil
		}
	}
}

func (b *bench) selected(names []string) bool {
	if b.tests == "" {
		return true
	}
	for _, name := range names {
		if strings.Contains(b.tests, ","+name+",") {
			return true
		}
	}
	return false
}

func (b *bench) suiteTests() []suiteTest {
	data := string(benchmarkData(b.dataSize))
	key := "key" + b.tag + ":" + randomPlace
	counter, list, set, hash, zset := "counter"+b.tag+":"+randomPlace, "mylist"+b.tag, "myset"+b.tag, "myhash"+b.tag, "myzset"+b.tag
	element := "element:" + randomPlace
	score := "0"
	if b.random {
		score = randomPlace
	}
	tests := []suiteTest{
		{"PING_MBULK", []string{"ping_mbulk", "ping"}, []string{"PING"}},
		{"SET", []string{"set"}, []string{"SET", key, data}},
		{"GET", []string{"get"}, []string{"GET", key}},
		{"INCR", []string{"incr"}, []string{"INCR", counter}},
		{"LPUSH", []string{"lpush"}, []string{"LPUSH", list, data}},
		{"RPUSH", []string{"rpush"}, []string{"RPUSH", list, data}},
		{"LPOP", []string{"lpop"}, []string{"LPOP", list}},
		{"RPOP", []string{"rpop"}, []string{"RPOP", list}},
		{"SADD", []string{"sadd"}, []string{"SADD", set, element}},
		{"HSET", []string{"hset"}, []string{"HSET", hash, element, data}},
		{"SPOP", []string{"spop"}, []string{"SPOP", set}},
		{"ZADD", []string{"zadd"}, []string{"ZADD", zset, score, element}},
		{"ZPOPMIN", []string{"zpopmin"}, []string{"ZPOPMIN", zset}},
		{"LPUSH (needed to benchmark LRANGE)", []string{"lrange", "lrange_100", "lrange_300", "lrange_500", "lrange_600"}, []string{"LPUSH", list, data}},
	}
	for _, n := range []int{100, 300, 500, 600} {
		tests = append(tests, suiteTest{
			fmt.Sprintf("LRANGE_%d (first %d elements)", n, n), []string{"lrange", fmt.Sprintf("lrange_%d", n)}, []string{"LRANGE", list, "0", fmt.Sprint(n - 1)},
		})
	}
	mset := []string{"MSET"}
	for range 10 {
		mset = append(mset, key, data)
	}
	return append(tests, suiteTest{"MSET (10 keys)", []string{"mset"}, mset})
}

// benchmarkData is the value that every benchmark of Redis writes: pseudo-random bytes that do not compress to nothing.
func benchmarkData(n int) []byte {
	data := make([]byte, n)
	state := uint32(1234)
	for i := range data {
		state = state*1103515245 + 12345
		data[i] = '0' + byte(state>>16&63)
	}
	return data
}
