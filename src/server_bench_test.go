// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"testing"
)

// BenchmarkCommand measures the way of a command from its bytes to its reply, without the system calls:
// a pipeline of 64 over a million random keys.
func BenchmarkCommand(b *testing.B) {
	const keys, pipeline = 1000000, 64
	for _, name := range []string{"PING", "SET", "GET", "INCR"} {
		b.Run(name, func(b *testing.B) {
			server := idleServer(b)
			c := server.fakeClient()
			send := func(s string) {
				c.inputSeen = 0
				c.Data([]byte(s))
				c.buf = c.buf[:0]
			}
			for i := range keys {
				send(fmt.Sprintf("*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$3\r\n123\r\n", i))
			}
			var batches [256][]byte
			for i := range batches {
				for range pipeline {
					key := fmt.Sprintf("key:%012d", server.rand.uint64()%keys)
					switch name {
					case "PING":
						batches[i] = append(batches[i], "*1\r\n$4\r\nPING\r\n"...)
					case "SET":
						batches[i] = fmt.Appendf(batches[i], "*3\r\n$3\r\nSET\r\n$16\r\n%s\r\n$3\r\nxxx\r\n", key)
					case "GET":
						batches[i] = fmt.Appendf(batches[i], "*2\r\n$3\r\nGET\r\n$16\r\n%s\r\n", key)
					case "INCR":
						batches[i] = fmt.Appendf(batches[i], "*2\r\n$4\r\nINCR\r\n$16\r\n%s\r\n", key)
					}
				}
			}
			b.ResetTimer()
			for i := 0; i < b.N; i += pipeline {
				c.inputSeen = 0
				c.Data(batches[i/pipeline%len(batches)])
				c.buf = c.buf[:0]
			}
		})
	}
}
