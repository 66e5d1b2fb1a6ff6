// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"regexp"
	"slices"
	"strings"

	"redport/src/commands"
)

// users.go - ACLs: random rules for a few users, what ACL tells about them, what they may do by ACL DRYRUN, and what when they try.
//
// Users try commands in transactions and scripts, too, and their replies are compared. What a user did to a key by chance, another may have been denied on
// the way, so the keys are made anew before each try.

type usersRun struct {
	*differ
	g     *generator
	names []string // commands and subcommands that both know
}

var (
	aclWords = []string{"on", "off", "nopass", "resetpass", "allkeys", "resetkeys", "allchannels", "resetchannels", "allcommands", "nocommands",
		"sanitize-payload", "skip-sanitize-payload", "clearselectors", "reset", "", "+@all", "-@all", "~*", "&*"}
	aclPrefixes = []string{"~", "~", "%R~", "%W~", "%RW~", "%wr~", "%r~", "%R", "%", "%RX~", "%RR~"}
	aclGlobs    = []string{"*", "k*", "a?", "foo", "read*", "", "k1", "[a-c]*", `w\*`, "**", "k*1"}
	aclOddities = []string{"(", ")", "()", "( )", "xx", "@", "(a", "b)", `("x)`, "('+get' ~a)", `(~"a b")`, "(+get\t~k*)", "on\x00x", "~*\x00", "%R~a\x00b",
		"+select|0", "+get|x", "+config", "-config", "+client", "-debug|object", "+config|get|x", "+nope", "-nope", "+acl|list", "+", "+x|", "-config|", "+|", "-xinfo|stream|a"}
	aclPasswords = []string{">p1", ">p2", "<p1", "<p2", ">", "<", ">\xff\x01", "#" + strings.Repeat("0", 64), "!" + strings.Repeat("0", 64), "#zz", "!" + strings.Repeat("A", 64)}
)

// commandsOfBoth lists what both servers know, subcommands included.
func (d *differ) commandsOfBoth() ([]string, error) {
	a, b, err := d.both("COMMAND", "LIST")
	if err != nil {
		return nil, err
	}
	var theirs, names []string
	for _, kid := range b.kids {
		theirs = append(theirs, kid.text())
	}
	for _, kid := range a.kids {
		if slices.Contains(theirs, kid.text()) {
			names = append(names, kid.text())
		}
	}
	slices.Sort(names)
	return names, nil
}

// usersCompared runs n steps.
func (d *differ) usersCompared(n int) error {
	names, err := d.commandsOfBoth()
	if err != nil {
		return err
	}
	patient := slices.DeleteFunc(slices.Clone(d.table), func(c *command) bool { return c.Flags&commands.CmdBlocking != 0 || c.Fullname == "spop" })
	u := &usersRun{differ: d, g: &generator{r: rand.New(rand.NewPCG(d.seed, 1<<40)), table: patient}, names: names}
	before := d.differences
	for range n {
		if d.differences > before {
			break // the logs go on being different
		}
		if err := u.step(); err != nil {
			return err
		}
	}
	for _, args := range [][]string{{"ACL", "DELUSER", "u1", "u2", "u3"}, {"CONFIG", "SET", "acl-pubsub-default", "resetchannels"}, {"ACL", "LOG", "RESET"}, {"RESET"}} {
		if _, _, err := d.both(args...); err != nil {
			return err
		}
	}
	return nil
}

func (u *usersRun) step() error {
	g := u.g
	name := pick(g, "u1", "u2", "u3")
	switch k := g.r.IntN(100); {
	case k < 40:
		return u.compare(nil, u.setuser(name)...)
	case k < 60:
		return u.compare(nil, u.dryrun(name)...)
	case k < 68:
		return u.compare(nil, "ACL", "GETUSER", name)
	case k < 73:
		return u.compare(nil, "ACL", "LIST")
	case k < 75:
		return u.compare(nil, "ACL", "DELUSER", name, "nobody")
	case k < 77:
		return u.compare(nil, "CONFIG", "SET", "acl-pubsub-default", pick(g, "allchannels", "resetchannels"))
	case k < 79:
		return u.compare(nil, "ACL", pick(g, "USERS", "WHOAMI"))
	case k < 81:
		if err := u.compare(nil, "AUTH", name, "no such password, but of a user who needs none"); err != nil {
			return err
		}
		return u.compare(nil, "AUTH", "default", "any") // or the end of the user would be the end of this connection
	case k < 83:
		return u.compare(nil, "AUTH", "default", "any")
	case k < 88:
		return u.compare(showACLLog, "ACL", "LOG")
	default:
		return u.session(name)
	}
}

// setuser makes some rules. C fails on first arguments that its own ACL LIST could not be read with.
func (u *usersRun) setuser(name string) []string {
	args := []string{"ACL", "SETUSER", name}
	for range u.g.r.IntN(6) {
		if u.g.chance(15) {
			var rules []string
			for range u.g.r.IntN(4) {
				rules = append(rules, u.rule())
			}
			args = append(args, "("+strings.Join(rules, " ")+")")
		} else {
			args = append(args, u.rule())
		}
	}
	return args
}

func (u *usersRun) rule() string {
	g := u.g
	switch g.r.IntN(8) {
	case 0:
		return u.anyCase(pick(g, aclWords...))
	case 1, 2:
		return pick(g, "+@", "-@") + u.anyCase(pick(g, commands.ACLCategoryNames...).Name)
	case 3, 4:
		return pick(g, "+", "-") + u.anyCase(pick(g, u.names...))
	case 5:
		return pick(g, aclPrefixes...) + pick(g, aclGlobs...)
	case 6:
		return "&" + pick(g, aclGlobs...)
	}
	return pick(g, append(aclPasswords, aclOddities...)...)
}

func (u *usersRun) anyCase(s string) string {
	return pick(u.g, s, s, strings.ToUpper(s))
}

func (u *usersRun) dryrun(name string) []string {
	args := append([]string{"ACL", "DRYRUN", name}, strings.Split(u.anyCase(pick(u.g, u.names...)), "|")...)
	words := u.g.r.IntN(9)
	if u.g.chance(8) {
		args, words = append([]string{"ACL", "DRYRUN", name}, u.withKeys()...), 0
	} else if u.g.chance(60) {
		args, words = append([]string{"ACL", "DRYRUN", name}, u.g.one()[0].args...), 0
	}
	for range words {
		args = append(args, pick(u.g, "k1", "k2", "abc", "foo", "read1", "1", "2", "0", "-1", "3", "STORE", "store", "STREAMS", "KEYS", "GET", "BY", "LIMIT", "STOREDIST", "COUNT",
			"BLOCK", "GROUP", ">", "$", "AUTH", "AUTH2", "", "m", "*", "k*", "WITHDIST", "OVERFLOW", "SET", "u8", "FIELDS", "0-0", "INCRBY"))
	}
	if weCheckMore(args) {
		return []string{"ACL", "WHOAMI"}
	}
	return args
}

// weCheckMore tells of arguments that we check more of than C does: there, the first of two STOREs or STREAMS hides the second, and PFMERGE's
// destination is not checked where it is the only key.
func weCheckMore(args []string) bool {
	i := slices.IndexFunc(args, func(arg string) bool { return strings.EqualFold(arg, "pfmerge") })
	n := 0
	if i >= 0 && i == len(args)-2 {
		return true
	}
	for _, arg := range args {
		if strings.EqualFold(arg, "STORE") || strings.EqualFold(arg, "STOREDIST") || strings.EqualFold(arg, "STREAMS") {
			n++
		}
	}
	return n > 1
}

// withKeys is a command whose keys are in odd places.
func (u *usersRun) withKeys() []string {
	g := u.g
	key := func() string { return pick(g, "k1", "abc", "foo", "read1", "l1", "S1", "z1", "s1", "", "m*", "ab") }
	number := func() string { return pick(g, "0", "1", "2", "3", "-1", "9223372036854775807", "x") }
	return pick(g,
		func() []string { return []string{"MIGRATE", "h", "1", key(), "0", "10"} },
		func() []string { return []string{"MIGRATE", "h", "1", "", "0", "10", "KEYS", key(), key()} },
		func() []string {
			return []string{"MIGRATE", "h", "1", "", "0", "10", "COPY", "AUTH", "KEYS", "KEYS", key()}
		},
		func() []string {
			return []string{"MIGRATE", "h", "1", key(), "0", "10", "REPLACE", "AUTH2", "KEYS", key()}
		},
		func() []string { return []string{"SORT", key(), "BY", key(), "GET", key(), "STORE", key()} },
		func() []string { return []string{"SORT_RO", key(), "GET", "#", "BY", "nosort"} },
		func() []string {
			return []string{"GEORADIUS", key(), "1", "1", "1", "m", pick(g, "STORE", "STOREDIST", "COUNT"), key()}
		},
		func() []string { return []string{"BITFIELD", key(), pick(g, "GET", "SET", "OVERFLOW"), "u8", "0", "1"} },
		func() []string { return []string{"XREAD", "COUNT", "1", "STREAMS", key(), key(), "0", "0"} },
		func() []string { return []string{"XREADGROUP", "GROUP", "g", "STREAMS", "STREAMS", key(), ">"} },
		func() []string { return []string{"EVAL", "return 1", number(), key(), key()} },
		func() []string { return []string{"FCALL_RO", "f", number(), key(), key()} },
		func() []string { return []string{"ZUNIONSTORE", key(), number(), key(), key(), "WEIGHTS", "1"} },
		func() []string { return []string{"LMPOP", number(), key(), key(), "LEFT"} },
		func() []string { return []string{"MEMORY", "USAGE", key()} },
		func() []string { return []string{"OBJECT", "ENCODING", key()} },
		func() []string { return []string{"SET", key(), "v", pick(g, "GET", "NX", "EX"), "10"} },
		func() []string { return []string{"COPY", key(), key(), "DB", "1"} },
		func() []string { return []string{pick(g, "PUBLISH", "SPUBLISH"), key(), "m"} },
		func() []string { return []string{pick(g, "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"), key(), key()} },
	)()
}

// attempt is what a user tries: a command, a transaction, or a script.
func (u *usersRun) attempt() []step {
	g := u.g
	switch k := g.r.IntN(100); {
	case k < 20:
		steps := g.transaction()
		for i := range steps {
			steps[i].mode = shape // who may not begin a transaction gets replies at once
		}
		return steps
	case k < 45:
		s := g.one()[0]
		if g.chance(15) {
			s = step{args: u.withKeys()}
		}
		mode := pick(g, "call", "call", "pcall", "acl_check_cmd")
		if s.mode != strict && mode != "acl_check_cmd" {
			mode = "pcall" // whose reply is not shown
			return []step{{args: append([]string{"EVAL", "local r = redis.pcall(unpack(ARGV)) return type(r) == 'table' and r.err", "0"}, s.args...)}}
		}
		if strings.EqualFold(s.args[0], "migrate") || s.args[0] == "MEMORY" {
			mode = "acl_check_cmd"
		}
		return []step{{args: append([]string{"EVAL", "return redis." + mode + "(unpack(ARGV))", pick(g, "0", "0", "1")}, s.args...)}}
	case k < 55:
		return []step{{args: []string{pick(g, "PUBLISH", "SPUBLISH"), pick(g, "foo", "k1", "ab", "read", "x"), "m"}}}
	case k < 60:
		args := u.withKeys()
		if strings.EqualFold(args[0], "migrate") || strings.HasSuffix(args[0], "SUBSCRIBE") || args[0] == "MEMORY" || strings.EqualFold(args[0], "xreadgroup") {
			args = []string{"ACL", "WHOAMI"}
		}
		return []step{{args: args}}
	}
	return g.one()
}

// compare sends one command to both and compares what show makes of the replies, by default all.
func (u *usersRun) compare(show func(*reply) string, args ...string) error {
	a, b, err := u.both(args...)
	if err != nil {
		return err
	}
	u.sent++
	if a.isError() && b.isError() {
		u.errors++
	}
	if show == nil {
		show = func(r *reply) string { return string(r.raw) }
	}
	if x, y := show(a), show(b); x != y {
		u.differences++
		fmt.Printf("-seed %d, users: %s\n  ours %.2000q\n  C    %.2000q\n", u.seed, quoted(args), x, y)
	}
	return nil
}

// aclLogVolatile are fields of CLIENT LIST other than cmd and user.
var aclLogVolatile = regexp.MustCompile(`\b(cmd|user)=\S*`)

// showACLLog leaves out of ACL LOG what is not the same on two servers.
func showACLLog(r *reply) string {
	var b strings.Builder
	for _, entry := range r.kids {
		for i := 0; i+1 < len(entry.kids); i += 2 {
			switch name, value := entry.kids[i].text(), entry.kids[i+1].text(); name {
			case "age-seconds", "timestamp-created", "timestamp-last-updated":
				b.WriteString(name + " ")
			case "client-info":
				fmt.Fprintf(&b, "%v ", aclLogVolatile.FindAllString(value, -1))
			default:
				fmt.Fprintf(&b, "%s=%q ", name, value)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// session lets the user try some commands, in a transaction perhaps.
func (u *usersRun) session(name string) error {
	if err := u.compare(nil, "ACL", "SETUSER", name, "on", ">p1"); err != nil {
		return err
	}
	var conns [2]*conn
	for i, s := range []*server{u.ours, u.c} {
		nc, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err != nil {
			return err
		}
		defer nc.Close()
		conns[i] = newConn(nc)
	}
	if _, _, err := u.both("FLUSHALL"); err != nil {
		return err
	}
	for _, args := range [][]string{{"RPUSH", "l1", "3", "1", "2"}, {"SADD", "S1", "a", "b"}, {"ZADD", "z1", "1", "a", "2", "b"}, {"SET", "s1", "12"}, {"HSET", "h1", "f", "v"}, {"SET", "k1", "x"}} {
		if _, _, err := u.both(args...); err != nil {
			return err
		}
	}
	steps := []step{{args: []string{"AUTH", name, "p1"}}}
	for range 1 + u.g.r.IntN(6) {
		for _, s := range u.attempt() {
			if !weCheckMore(s.args) {
				steps = append(steps, s)
			}
		}
	}
	for _, s := range append(steps, step{args: []string{"ACL", "WHOAMI"}}) {
		a, err := conns[0].do(s.args...)
		if err != nil {
			return fmt.Errorf("ours, as a user, after %q: %w", s.args, err)
		}
		b, err := conns[1].do(s.args...)
		if err != nil {
			return fmt.Errorf("C, as a user, after %q: %w", s.args, err)
		}
		u.sent++
		same := denial(a) == denial(b)
		if len(s.exec) > 0 { // not all of it may have been queued
			same = same && a.kind == b.kind && len(a.kids) == len(b.kids)
		} else {
			same = same && equal(a, b, s.mode, s.pairs)
		}
		if !same {
			u.differences++
			fmt.Printf("-seed %d, users: %s as %s\n  ours %.2000q\n  C    %.2000q\n", u.seed, quoted(s.args), name, a.raw, b.raw)
			return nil
		}
	}
	return nil
}

// denial is the reply if it denies something.
func denial(r *reply) string {
	if strings.HasPrefix(string(r.raw), "-NOPERM") || strings.HasPrefix(string(r.raw), "-WRONGPASS") {
		return string(r.raw)
	}
	return ""
}
