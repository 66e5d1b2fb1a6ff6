// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// feed gives the client input in pieces that end at cuts, keeping what is left over as the event loop does.
func feed(c *client, input []byte, cuts []int) []byte {
	var out, rest []byte
	last := 0
	for _, cut := range append(cuts, len(input)) {
		rest = append(bytes.Clone(rest), input[last:cut]...)
		last = cut
		if c.flags&(clientCloseASAP|clientCloseAfterReply) != 0 {
			break
		}
		used, _ := c.Data(rest)
		rest = rest[used:]
		out = append(out, c.output()...)
	}
	return out
}

func TestRequestInAnyPieces(t *testing.T) {
	input := []byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\nPING\r\n\r\n*1\r\n$4\r\nPING\r\n" +
		"*0\r\n*-1\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n" +
		"set q \"a b\\x41\"\r\nget q\r\n*2\r\n$6\r\nSTRLEN\r\n$1\r\nq\r\n")
	server := idleServer(t)
	want := "+OK\r\n+PONG\r\n+PONG\r\n$5\r\nhello\r\n$0\r\n\r\n+OK\r\n$4\r\na bA\r\n:4\r\n"
	if got := feed(server.fakeClient(), input, nil); string(got) != want {
		t.Fatalf("whole: %q", got)
	}
	for i := 1; i < len(input); i++ {
		if got := feed(server.fakeClient(), input, []int{i}); string(got) != want {
			t.Fatalf("cut at %d: %q", i, got)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var cuts []int
		for i := 1; i < len(input); i++ {
			if r.IntN(4) == 0 {
				cuts = append(cuts, i)
			}
		}
		if got := feed(server.fakeClient(), input, cuts); string(got) != want {
			t.Fatalf("cuts %v: %q", cuts, got)
		}
	}
}

func TestProtocolErrors(t *testing.T) {
	long := strings.Repeat("x", protoInlineMaxSize+1)
	for _, tt := range []struct{ name, input, want string }{
		{"count is no number", "*abc\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
		{"count beyond int32", "*2147483648\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
		{"count with leading zero", "*01\r\n$4\r\nPING\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
		{"no dollar", "*1\r\n:4\r\n", "-ERR Protocol error: expected '$', got ':'\r\n"},
		{"line break for a dollar", "*1\r\n\r\n", "-ERR Protocol error: expected '$', got ' '\r\n"},
		{"negative bulk", "*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
		{"huge bulk", "*1\r\n$2000000000\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
		{"bulk is no number", "*1\r\n$x\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
		{"endless count", "*" + long, "-ERR Protocol error: too big mbulk count string\r\n"},
		{"endless bulk length", "*1\r\n$" + long, "-ERR Protocol error: too big bulk count string\r\n"},
		{"endless inline", long, "-ERR Protocol error: too big inline request\r\n"},
		{"open quote", "set k \"abc\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := idleServer(t)
			c := server.fakeClient()
			if got := feed(c, []byte(tt.input), nil); string(got) != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if c.flags&(clientCloseAfterReply|clientCloseASAP) == 0 {
				t.Error("the client is not closed")
			}
		})
	}
}

func TestUnauthenticatedLimits(t *testing.T) {
	for _, tt := range []struct{ name, input, want string }{
		{"many arguments", "*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n"},
		{"long argument", "*1\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n"},
		{"within the limits", "*1\r\n$4\r\nPING\r\n", "-NOAUTH Authentication required.\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := idleServer(t, "--requirepass", "secret")
			if got := feed(server.fakeClient(), []byte(tt.input), nil); string(got) != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Parsing must not look at arguments again for every piece that arrives.
func TestManyArgumentsInManyPieces(t *testing.T) {
	server := idleServer(t)
	var b bytes.Buffer
	const n = 100000
	fmt.Fprintf(&b, "*%d\r\n$3\r\nDEL\r\n", n+1)
	for range n {
		b.WriteString("$3\r\nabc\r\n")
	}
	c := server.fakeClient()
	input := b.Bytes()
	steps := 0
	for end := 1000; ; end += 1000 {
		end = min(end, len(input))
		before := c.parsePos
		used, _ := c.Data(input[:end])
		if used == len(input) {
			break
		}
		if used != 0 || c.parsePos < before || end-c.parsePos > 32 {
			t.Fatalf("at %d: used %d, parsed %d", end, used, c.parsePos)
		}
		steps++
	}
	if got := string(c.output()); got != ":0\r\n" || steps < 10 {
		t.Errorf("reply %q after %d steps", got, steps)
	}
}

func TestHotCommandsDoNotAllocate(t *testing.T) {
	server := idleServer(t)
	c := server.fakeClient()
	for _, cmd := range []string{
		"*1\r\n$4\r\nPING\r\n",
		"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n",
		"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n",
		"*2\r\n$4\r\nINCR\r\n$7\r\ncounter\r\n",
		"*5\r\n$4\r\nMSET\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$3\r\nxyz\r\n",
		"*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n",
		"*2\r\n$6\r\nEXISTS\r\n$1\r\na\r\n",
		"*2\r\n$3\r\nTTL\r\n$1\r\na\r\n",
	} {
		input := []byte(cmd)
		run := func() {
			c.inputSeen = 0
			if used, _ := c.Data(input); used != len(input) {
				t.Fatalf("%q: used %d", cmd, used)
			}
			c.buf = c.buf[:0]
		}
		run()
		if n := testing.AllocsPerRun(200, run); n > 0 {
			t.Errorf("%q allocates %v times", cmd, n)
		}
	}
}

// FuzzData: no bytes crash the server, and how they are cut into pieces changes no reply.
func FuzzData(f *testing.F) {
	f.Add([]byte("*1\r\n$4\r\nPING\r\n"), uint16(3))
	f.Add([]byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), uint16(20))
	f.Add([]byte("set a 'b c'\r\nget a\r\nmset a 1 b 2\r\nincr a\r\n"), uint16(9))
	f.Add([]byte("*2\r\n$-1\r\n"), uint16(1))
	f.Add([]byte("multi\r\nset a 1\r\nexec\r\nwatch a\r\ndiscard\r\n"), uint16(11))
	f.Add([]byte("client reply off\r\nping\r\nhello 3\r\nsubscribe x\r\npublish x y\r\n"), uint16(30))
	f.Fuzz(func(t *testing.T, input []byte, cut uint16) {
		if bytes.Contains(bytes.ToLower(input), []byte("shutdown")) || bytes.Contains(bytes.ToLower(input), []byte("debug")) {
			t.Skip()
		}
		server := idleServer(t)
		whole := feed(server.fakeClient(), input, nil)
		other := idleServer(t)
		cuts := []int{}
		if len(input) > 0 {
			cuts = append(cuts, int(cut)%len(input))
		}
		pieces := feed(other.fakeClient(), input, cuts)
		if deterministic(input) && !bytes.Equal(whole, pieces) {
			t.Errorf("cut at %v:\n%q\n%q", cuts, whole, pieces)
		}
	})
}

// deterministic: no command in the input has a reply that depends on time, chance or the server's identity.
func deterministic(input []byte) bool {
	low := strings.ToLower(string(input))
	for _, w := range []string{"time", "info", "client", "hello", "random", "lolwut", "memory", "latency", "slowlog", "scan", "keys", "command", "config", "object", "ttl"} {
		if strings.Contains(low, w) {
			return false
		}
	}
	return true
}
