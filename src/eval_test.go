// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"testing"
)

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
