// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// Commands that are parsed ahead must do what they do one at a time, with a keyspace that is worth fetching from.
func TestLookaheadChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	fill := func(server *Server) {
		c := server.fakeClient()
		for i := range 2 * lookaheadMinKeys {
			feed(c, fmt.Appendf(nil, "set key:%d %d\r\n", i, i), nil)
		}
	}
	multi := func(args ...string) []byte {
		b := fmt.Appendf(nil, "*%d\r\n", len(args))
		for _, a := range args {
			b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
		}
		return b
	}
	key := func() string { return fmt.Sprint("key:", r.IntN(3*lookaheadMinKeys)) }
	var requests [][]byte
	for range 4000 {
		var x []byte
		switch r.IntN(14) {
		case 0:
			x = multi("SET", key(), "v")
		case 1:
			x = multi("get", key())
		case 2:
			x = multi("DEL", key(), key(), key())
		case 3:
			args := []string{"MSET"}
			for range r.IntN(60) {
				args = append(args, key(), "1")
			}
			x = multi(args...)
		case 4:
			x = multi("INCR", key())
		case 5:
			x = multi("OBJECT", "ENCODING", key())
		case 6:
			x = multi("SELECT", fmt.Sprint(r.IntN(2)))
		case 7:
			x = []byte("incrby " + key() + " 5\r\n")
		case 8:
			x = multi("nosuchcommand", key())
		case 9:
			x = multi("SET", key(), string(bytes.Repeat([]byte("x"), r.IntN(5000))))
		case 10:
			x = multi("MGET")
		case 11:
			x = []byte("*0\r\n\r\n*-1\r\n")
		case 12:
			x = multi("MULTI")
			x = append(x, multi("APPEND", key(), "tail")...)
			x = append(x, multi("EXEC")...)
		default:
			x = multi("RENAME", key(), key())
		}
		requests = append(requests, x)
	}
	one, all := idleServer(t), idleServer(t)
	fill(one)
	fill(all)
	c := one.fakeClient()
	var want []byte
	for _, x := range requests {
		want = append(want, feed(c, x, nil)...)
	}
	input := bytes.Join(requests, nil)
	if got := feed(all.fakeClient(), input, nil); !bytes.Equal(got, want) {
		t.Error("commands sent together have other replies")
	}
	if all.stat.numcommands != one.stat.numcommands {
		t.Errorf("%d commands instead of %d", all.stat.numcommands, one.stat.numcommands)
	}
}

// A client that loses its authentication is held to the limits of those who have none from the next command on.
func TestLookaheadStopsAtReset(t *testing.T) {
	c := RunT(t, "--requirepass", "secret").dial(t)
	io.WriteString(c, "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*1\r\n$4\r\nPING\r\n*1\r\n$5\r\nRESET\r\n*11\r\n$4\r\nPING\r\n")
	for _, want := range []string{"+OK", "+PONG", "+RESET", "-ERR Protocol error: unauthenticated multibulk length"} {
		if got := c.reply(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The parser that looks ahead takes nothing that the other one would refuse or read differently.
func FuzzParseWholeCommand(f *testing.F) {
	f.Add([]byte("*1\r\n$4\r\nPING\r\n"))
	f.Add([]byte("*2\r\n$03\r\nGET\r\n$10\r\n0123456789\r\n"))
	f.Add([]byte("*2\r\n$-1\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 || in[0] != '*' {
			return
		}
		const limit = 512 << 20
		args, end := parseWholeCommand(in, 0, nil, limit)
		if end == 0 {
			return
		}
		c := idleServer(t).fakeClient()
		c.reqtype, c.bulklen = protoReqMultibulk, -1
		n, _, ok := c.processMultibulkBuffer(in)
		if !ok || n != end || len(c.argv) != len(args) {
			t.Fatalf("%q: %d arguments in %d bytes, and %d in %d (%v)", in, len(args), end, len(c.argv), n, ok)
		}
		for i, a := range args {
			if !bytes.Equal(c.argv[i], in[a.off:a.off+a.len]) {
				t.Errorf("%q: argument %d is %q and %q", in, i, c.argv[i], in[a.off:a.off+a.len])
			}
		}
	})
}
