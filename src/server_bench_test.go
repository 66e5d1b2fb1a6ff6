// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkCommand measures the way of a command from its bytes to its reply, without the system calls:
// a pipeline of 64 over a million random keys or elements.
func BenchmarkCommand(b *testing.B) {
	const keys, pipeline = 1000000, 64
	for _, bench := range []struct {
		name string
		load []string // before; # is replaced by each number
		cmd  []string // # is replaced by a random number
	}{
		{"PING", nil, []string{"PING"}},
		{"SET", []string{"SET", "key:#", "123"}, []string{"SET", "key:#", "xxx"}},
		{"GET", []string{"SET", "key:#", "123"}, []string{"GET", "key:#"}},
		{"INCR", []string{"SET", "key:#", "123"}, []string{"INCR", "key:#"}},
		{"LPUSH", nil, []string{"LPUSH", "list", "xxx"}},
		{"RPUSH", nil, []string{"RPUSH", "list", "xxx"}},
		{"LPOP", []string{"RPUSH", "list", "xxx"}, []string{"LPOP", "list"}},
		{"RPOP", []string{"RPUSH", "list", "xxx"}, []string{"RPOP", "list"}},
		{"SISMEMBER", []string{"SADD", "set", "key:#"}, []string{"SISMEMBER", "set", "key:#"}},
		{"ZRANGE", []string{"ZADD", "zset", "#", "key:#"}, []string{"ZRANGE", "zset", "500000", "500009"}},
		{"ZPOPMIN", []string{"ZADD", "zset", "#", "key:#"}, []string{"ZPOPMIN", "zset"}},
		{"PFADD", nil, []string{"PFADD", "hll", "key:#"}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			server := idleServer(b)
			c := server.fakeClient()
			request := func(buf []byte, cmd []string, n uint64) []byte {
				number := fmt.Sprintf("%012d", n)
				buf = fmt.Appendf(buf, "*%d\r\n", len(cmd))
				for _, arg := range cmd {
					arg = strings.ReplaceAll(arg, "#", number)
					buf = fmt.Appendf(buf, "$%d\r\n%s\r\n", len(arg), arg)
				}
				return buf
			}
			send := func(batch []byte) {
				c.inputSeen = 0
				c.Data(batch)
				c.buf = c.buf[:0]
			}
			load := func() {
				for i := range uint64(keys) {
					if bench.load != nil {
						send(request(nil, bench.load, i*7919%keys))
					}
				}
			}
			load()
			var batches [256][]byte
			for i := range batches {
				for range pipeline {
					batches[i] = request(batches[i], bench.cmd, server.rand.uint64()%keys)
				}
			}
			taken := strings.Contains(bench.name, "POP")
			b.ResetTimer()
			for i := 0; i < b.N; i += pipeline {
				if taken && i > 0 && i%(keys/pipeline*pipeline) == 0 {
					b.StopTimer()
					load()
					b.StartTimer()
				}
				send(batches[i/pipeline%len(batches)])
			}
		})
	}
}
