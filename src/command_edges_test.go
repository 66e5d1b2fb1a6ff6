// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// command_edges_test.go - numbers at the edges, in the place of each argument of each command: there is one well-formed reply, and no large allocation.

// commandEdges are where arithmetic on counts, times and offsets wraps around.
var commandEdges = []string{"0", "-1", "1", "2147483647", "2147483648", "-2147483648", "-2147483649", "4294967295", "4294967296", "4611686018427387904",
	"9223372036854775", "9223372036854775806", "9223372036854775807", "-9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551615",
	"18446744073709551616", "1e308", "-1e308", "inf", "nan"}

// commandEdgesSkip are commands that end the server or the connection, wait, or have replies of their own kind.
var commandEdgesSkip = []string{"debug", "shutdown", "failover", "psync", "sync", "replconf", "replicaof", "slaveof", "monitor", "client|pause", "client|reply", "client|kill",
	"wait", "waitaof", "migrate", "quit", "reset", "multi", "exec", "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe", "config|set",
	"save", "bgsave", "bgrewriteaof", "module|load", "module|loadex", "client|tracking", "script|debug", "acl|genpass", "hello", "pfdebug"}

func TestNumbersAtTheEdges(t *testing.T) {
	s := newACLPropertySide(t)
	s.server.protoMaxBulkLen = 1 << 20
	s.admin.flags |= clientDenyBlocking
	s.admin.authenticated = true
	rounds := 2
	if testing.Short() {
		rounds = 1
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	var before, after runtime.MemStats
	for _, top := range slices.SortedFunc(maps.Values(s.server.commands), func(x, y *redisCommand) int { return strings.Compare(x.fullname, y.fullname) }) {
		for _, cmd := range append(slices.Collect(maps.Values(top.subcommands)), top) {
			if cmd.proc == nil || slices.Contains(commandEdgesSkip, cmd.fullname) || slices.Contains(commandEdgesSkip, top.fullname) {
				continue
			}
			for range rounds {
				g := &aclArgGenerator{rnd: rnd, options: 1 + rnd.IntN(2), kind: aclPropertyGroups[cmd.Group]}
				if g.kind == "" {
					g.kind = aclPropertyKinds[rnd.IntN(len(aclPropertyKinds))].suffix
				}
				name := argvOf(strings.ReplaceAll(cmd.fullname, "|", " "))
				argv := g.args(name, cmd.Args)
				s.fill(false)
				for i := len(name); i < len(argv); i++ {
					for _, edge := range commandEdges {
						line := slices.Clone(argv)
						line[i] = []byte(edge)
						if strings.HasSuffix(cmd.fullname, "randmember") && strings.HasPrefix(edge, "-") || cmd.fullname == "hrandfield" && strings.HasPrefix(edge, "-") {
							continue // as many as that, with repetitions
						}
						runtime.ReadMemStats(&before)
						reply := s.run(s.admin, line)
						runtime.ReadMemStats(&after)
						text := bytes.Join(line, []byte(" "))
						if n := replySize(reply); n != len(reply) || n <= 0 {
							t.Errorf("%q is answered with %.200q", text, reply)
						}
						if n := after.TotalAlloc - before.TotalAlloc; n > 32<<20 {
							t.Errorf("%q allocates %d bytes", text, n)
						}
						if s.admin.db.id != 0 {
							s.run(s.admin, argvOf("SELECT 0"))
						}
					}
				}
			}
		}
	}
}

// replySize is how many bytes one reply takes, -1 if it is none.
func replySize(b []byte) int {
	end := bytes.Index(b, []byte("\r\n"))
	if end < 1 || bytes.ContainsAny(b[:end], "\r\n") {
		return -1
	}
	size := end + 2
	n, err := strconv.Atoi(string(b[1:end]))
	switch b[0] {
	case '+', '-', ':', ',', '#', '_', '(':
		return size
	case '$', '=':
		if err != nil || n >= 0 && n > len(b)-size-2 {
			return -1
		}
		if n >= 0 {
			size += n + 2
		}
		return size
	case '%':
		n *= 2
	case '*', '~', '>':
	default:
		return -1
	}
	if err != nil {
		return -1
	}
	for range n {
		kid := replySize(b[size:])
		if kid < 0 {
			return -1
		}
		size += kid
	}
	return size
}
