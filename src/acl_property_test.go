// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"redport/src/commands"
)

// acl_property_test.go - keys that ACLs check are the keys that commands touch.
//
// Random command lines, made by the grammar that each command declares and then damaged, run as a user with rights to some keys. They run on
// two servers at once, which are alike but for keys that the user has no right to: on one they hold all kinds of values, on the
// other other ones, or nothing. So whenever the ACL check lets a command pass
//   - both servers must reply the same: else the command has looked at a forbidden key;
//   - the forbidden keys must be what they were, and so must those that the user may only read.

// aclPropertyUser is the user's rules: forbidden* is out of reach. Keys may be named like options, to lead the search for keys astray.
var aclPropertyUser = []string{"on", "nopass", "+@all", "~ok*", "%R~readonly*", "%W~writeonly*", "~st*", "~ST*", "~g"}

// aclPropertySkip are commands that are not alike on two servers, or that check their keys themselves when they have read them from a script.
var aclPropertySkip = []string{"migrate", "eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro"}

// aclPropertyRandom are commands whose reply is a matter of luck or of the clock: only their effects are compared.
var aclPropertyRandom = []string{"srandmember", "hrandfield", "zrandmember", "spop", "xadd", "object|idletime", "hexpiretime", "hpexpiretime", "expiretime", "pexpiretime",
	"httl", "hpttl", "ttl", "pttl", "xinfo|consumers", "xinfo|stream", "xpending", "dump"}

// aclPropertyGroups are the kinds of values that the commands of a group are for.
var aclPropertyGroups = map[commands.Group]string{commands.GroupString: "string", commands.GroupList: "list", commands.GroupSet: "set",
	commands.GroupSortedSet: "zset", commands.GroupHash: "hash", commands.GroupStream: "stream", commands.GroupGeo: "geo", commands.GroupBitmap: "string"}

type aclPropertySide struct {
	server   *Server
	admin, c *client
	dirty    int64
}

var aclPropertyKinds = []struct{ suffix, fill string }{
	{"string", "SET %s 12345"}, {"list", "RPUSH %s a b 3"}, {"set", "SADD %s a b 3"}, {"zset", "ZADD %s 1 a 2 b 3 c"},
	{"hash", "HSET %s a 1 b 2"}, {"stream", "XADD %s 1-1 a b"}, {"geo", "GEOADD %s 13.36 38.11 a 15.08 37.50 b"}, {"none", ""},
}

func newACLPropertySide(t *testing.T) *aclPropertySide {
	server := idleServer(t, "--enable-debug-command", "yes")
	s := &aclPropertySide{server: server, admin: server.fakeClient(), c: server.fakeClient()}
	if err := server.aclStringSetUser("limited", aclPropertyUser); err != nil {
		t.Fatal(err)
	}
	s.c.user = server.users["limited"]
	s.c.authenticated = true
	s.c.flags |= clientDenyBlocking
	return s
}

func (s *aclPropertySide) run(c *client, argv [][]byte) []byte {
	c.argv, c.cmd = argv, nil
	s.server.currentClient = c
	s.server.processCommand(c)
	s.server.currentClient = nil
	c.commandProcessed()
	return c.output()
}

// fill makes all keys anew. The second server's forbidden keys are other ones.
func (s *aclPropertySide) fill(other bool) {
	s.run(s.admin, argvOf("FLUSHALL"))
	for _, name := range []string{"ok", "readonly", "writeonly", "forbidden"} {
		for i, kind := range aclPropertyKinds {
			line := kind.fill
			if other && name == "forbidden" {
				if line = aclPropertyKinds[(i+3)%len(aclPropertyKinds)].fill; i%3 == 0 {
					line = ""
				}
			}
			if line != "" {
				s.run(s.admin, argvOf(strings.Replace(line, "%s", name+":"+kind.suffix, 1)))
			}
		}
	}
	s.run(s.admin, argvOf("XGROUP CREATE ok:stream g 0"))
	s.run(s.admin, argvOf("XGROUP CREATE readonly:stream g 0"))
	s.dirty = s.server.dirty
}

// digest is the state of what the user must not change.
func (s *aclPropertySide) digest() []byte {
	argv := argvOf("DEBUG DIGEST-VALUE")
	for _, name := range []string{"readonly", "forbidden"} {
		for _, kind := range aclPropertyKinds {
			argv = append(argv, []byte(name+":"+kind.suffix))
		}
	}
	return s.run(s.admin, argv)
}

// aclArgGenerator makes arguments by a command's grammar.
type aclArgGenerator struct {
	rnd     *rand.Rand
	tokens  []string
	kind    string // of most of its keys
	numkeys int    // as said last
	options int    // one in that many is given
}

func (g *aclArgGenerator) pick(words ...string) []byte { return []byte(words[g.rnd.IntN(len(words))]) }

func (g *aclArgGenerator) key() []byte {
	kind := g.kind
	if g.rnd.IntN(4) == 0 {
		kind = aclPropertyKinds[g.rnd.IntN(len(aclPropertyKinds))].suffix
	}
	return append(g.pick("ok", "ok", "ok", "ok", "ok", "ok", "readonly", "writeonly", "forbidden", "forbidden"), ":"+kind...)
}

func (g *aclArgGenerator) word() []byte {
	switch g.rnd.IntN(6) {
	case 0:
		return g.key()
	case 1:
		return g.pick("0", "1", "2", "3", "-1", "10", "1000")
	case 2:
		if len(g.tokens) > 0 {
			return g.pick(g.tokens...)
		}
	}
	return g.pick("a", "b", "c", "*", "$", ">", "-", "+", "1-1", "0-0", "g", "", "(1", "[a", "u8", "i5", "m", "km")
}

// args appends arguments for the declared ones.
func (g *aclArgGenerator) args(argv [][]byte, args []commands.Arg) [][]byte {
	for i := range args {
		a := &args[i]
		if a.Flags&commands.CmdArgOptional != 0 && g.rnd.IntN(g.options) != 0 {
			continue
		}
		n := 1
		if a.Flags&(commands.CmdArgMultiple|commands.CmdArgMultipleToken) != 0 {
			n += g.rnd.IntN(3)
			if a.Type == commands.ArgTypeKey && g.numkeys > 0 && g.rnd.IntN(3) > 0 {
				n = g.numkeys
			}
		}
		for j := range n {
			if a.Token != "" {
				g.tokens = append(g.tokens, a.Token)
			}
			if a.HasToken() && (j == 0 || a.Flags&commands.CmdArgMultipleToken != 0) {
				argv = append(argv, []byte(a.Token))
			}
			argv = g.value(argv, a)
		}
	}
	return argv
}

func (g *aclArgGenerator) value(argv [][]byte, a *commands.Arg) [][]byte {
	if a.Type == commands.ArgTypePureToken {
		return argv
	}
	switch a.Name {
	case "numkeys":
		g.numkeys = 1 + g.rnd.IntN(3)
		return append(argv, strconv.AppendInt(nil, int64(g.numkeys), 10))
	case "group", "consumer":
		return append(argv, g.pick("g", "g", "g", "STREAMS"))
	case "min", "max":
		return append(argv, g.pick("-", "+", "(a", "[b", "0", "1", "(2", "-inf", "inf"))
	case "id", "start", "end", "last-id", "entries-read", "min-idle-time":
		return append(argv, g.pick("0", "1", "1-1", "-", "+", "$", "*"))
	}
	switch a.Type {
	case commands.ArgTypeKey:
		return append(argv, g.key())
	case commands.ArgTypeInteger:
		return append(argv, g.pick("0", "1", "1", "2", "2", "3", "-1", "10"))
	case commands.ArgTypeDouble:
		return append(argv, g.pick("0", "1", "1", "1", "2.5", "2.5", "2.5", "10", "inf", "-inf"))
	case commands.ArgTypeUnixTime:
		return append(argv, g.pick("1", "4000000000", "4000000000000"))
	case commands.ArgTypeOneof:
		i := g.rnd.IntN(len(a.Args))
		return g.args(argv, a.Args[i:i+1])
	case commands.ArgTypeBlock:
		return g.args(argv, a.Args)
	}
	return append(argv, g.word())
}

// repeat gives some of the options once more.
func (g *aclArgGenerator) repeat(argv [][]byte, args []commands.Arg) [][]byte {
	for range g.rnd.IntN(3) {
		if a := args[g.rnd.IntN(len(args))]; a.Flags&commands.CmdArgOptional != 0 {
			a.Flags &^= commands.CmdArgOptional
			argv = g.args(argv, []commands.Arg{a})
		}
	}
	return argv
}

// damage puts, takes and changes a few arguments behind the name.
func (g *aclArgGenerator) damage(argv [][]byte, nameLen int) [][]byte {
	for range g.rnd.IntN(3) {
		i := nameLen + g.rnd.IntN(len(argv)-nameLen+1)
		switch {
		case g.rnd.IntN(3) == 0 || i == len(argv):
			argv = slices.Insert(argv, i, g.word())
		case g.rnd.IntN(2) == 0:
			argv = slices.Delete(argv, i, i+1)
		default:
			argv[i] = g.word()
		}
	}
	return argv
}

func TestACLChecksTheKeysThatAreTouched(t *testing.T) {
	a, b := newACLPropertySide(t), newACLPropertySide(t)
	a.fill(false)
	b.fill(true)
	digestA, digestB := a.digest(), b.digest()
	if bytes.Equal(digestA, digestB) {
		t.Fatal("the two servers are alike")
	}
	rounds := 500
	if testing.Short() {
		rounds = 100
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, top := range slices.SortedFunc(maps.Values(a.server.commands), func(x, y *redisCommand) int { return strings.Compare(x.fullname, y.fullname) }) {
		for _, cmd := range append(slices.Collect(maps.Values(top.subcommands)), top) {
			if !cmd.doesCommandHaveKeys() || slices.Contains(aclPropertySkip, cmd.fullname) {
				continue
			}
			passed, worked := 0, 0
			for range rounds {
				g := &aclArgGenerator{rnd: rnd, options: 1 + rnd.IntN(8), kind: aclPropertyGroups[cmd.Group]}
				if g.kind == "" {
					g.kind = aclPropertyKinds[rnd.IntN(len(aclPropertyKinds))].suffix
				}
				argv := argvOf(strings.ReplaceAll(cmd.fullname, "|", " "))
				nameLen := len(argv)
				argv = g.repeat(g.args(argv, cmd.Args), cmd.Args)
				if g.rnd.IntN(2) == 0 {
					argv = g.damage(argv, nameLen)
				}
				if result, _ := aclCheckAllUserCommandPerm(a.c.user, cmd, argv); result != aclOK {
					continue
				}
				passed++
				line := bytes.Join(argv, []byte(" "))
				replyA, replyB := a.run(a.c, slices.Clone(argv)), b.run(b.c, slices.Clone(argv))
				if !bytes.HasPrefix(replyA, []byte("-")) {
					worked++
				}
				if !bytes.Equal(replyA, replyB) && !slices.Contains(aclPropertyRandom, cmd.fullname) {
					t.Errorf("%q tells about a forbidden key: %q, %q", line, replyA, replyB)
				}
				if a.server.dirty == a.dirty && b.server.dirty == b.dirty {
					continue
				}
				if !bytes.Equal(a.digest(), digestA) || !bytes.Equal(b.digest(), digestB) {
					t.Errorf("%q changes a forbidden key", line)
				}
				a.fill(false)
				b.fill(true)
			}
			if passed == 0 || worked == 0 {
				t.Logf("%s: %d of %d passed the check, %d worked", cmd.fullname, passed, rounds, worked)
			}
		}
	}
}
