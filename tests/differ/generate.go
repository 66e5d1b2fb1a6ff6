// SPDX-License-Identifier: BSD-3-Clause

package main

// generate.go - random commands.
//
// Arguments follow from the command's declaration, and their values from the names that the arguments have there. Most commands make sense; the
// others have arguments dropped, doubled, exchanged, or replaced by numbers at the edges.
//
// What must not happen: that a command waits for long, that a key expires while the servers are compared, that a reply or a value has
// gigabytes. So no small positive number gets to where a time or an offset is.

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"redport/src/commands"
)

// command is a command that is tried.
type command struct {
	*commands.Command
	name  []string // "config", "get"
	mode  mode
	pairs bool
	timed bool // has an argument that is a time
}

// left are commands that are not tried: they wait for others, tell of the process, or stop the comparison.
var left = []string{
	"migrate", "wait", "waitaof", "randomkey", "restore", "restore-asking", "dump", "object|idletime", "object|freq", "object|help", "xgroup|help",
	"xinfo|help", "pfselftest", "swapdb", "object|refcount",
}

// byChance are those whose replies are not determined, and whether they change the key.
var byChance = map[string]bool{"spop": true, "srandmember": false, "hrandfield": false, "zrandmember": false}

// inAnyOrder are those whose replies have no order, beside those that say so in their tips.
var inAnyOrder = []string{"hgetall", "hkeys", "hvals", "smembers", "sinter", "sunion", "sdiff", "sscan", "hscan", "zscan", "keys", "scan"}

// tellTime are those whose replies depend on when they come.
var tellTime = []string{
	"ttl", "pttl", "expiretime", "pexpiretime", "httl", "hpttl", "hexpiretime", "hpexpiretime", "xpending", "xinfo|consumers", "xinfo|stream", "xinfo|groups",
}

// commonCommands lists the commands that both servers have.
func commonCommands(servers [2]*server, only string) ([]*command, error) {
	known := map[string]int{}
	for _, s := range servers {
		r, err := s.conn.do("COMMAND", "LIST")
		if err != nil {
			return nil, err
		}
		for _, kid := range r.kids {
			known[kid.text()]++
		}
	}
	groups := []commands.Group{
		commands.GroupGeneric, commands.GroupString, commands.GroupList, commands.GroupSet, commands.GroupSortedSet, commands.GroupHash,
		commands.GroupHyperloglog, commands.GroupGeo, commands.GroupStream, commands.GroupBitmap,
	}
	var list []*command
	add := func(c *commands.Command, name ...string) {
		if slices.Contains(left, c.Fullname) || !slices.Contains(groups, c.Group) || c.Function == "" {
			return
		}
		if only != "" && !slices.Contains(strings.Split(only, ","), c.Fullname) && !slices.Contains(strings.Split(only, ","), c.Group.String()) {
			return
		}
		x := &command{Command: c, name: name, timed: hasTime(c.Args)}
		_, chance := byChance[c.Fullname]
		switch {
		case chance:
			x.mode = shape
		case slices.Contains(inAnyOrder, c.Fullname) || slices.Contains(c.Tips, "nondeterministic_output_order"):
			x.mode, x.pairs = unordered, c.Fullname == "hgetall"
		case slices.Contains(tellTime, c.Fullname):
			x.mode = clock
		}
		list = append(list, x)
	}
	for _, c := range commands.Table {
		if known[c.Fullname] != 2 {
			continue
		}
		add(c, c.Name)
		for _, sub := range c.Subcommands {
			add(sub, c.Name, sub.Name)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no command to try in %q", only)
	}
	return list, nil
}

func hasTime(args []commands.Arg) bool {
	for i := range args {
		a := &args[i]
		if a.Type == commands.ArgTypeUnixTime || a.Name == "seconds" || a.Name == "milliseconds" || a.Name == "timeout" || hasTime(a.Args) {
			return true
		}
	}
	return false
}

type generator struct {
	r     *rand.Rand
	table []*command
	group commands.Group // of the command that is being made
	name  string         // its full name
	args  []string
	count int // index in args of a count of what follows; -1: none
	clock int // for stream IDs that grow
}

func (g *generator) chance(percent int) bool { return g.r.IntN(100) < percent }

func pick[T any](g *generator, from ...T) T { return from[g.r.IntN(len(from))] }

// next makes a step, or a few that belong together.
func (g *generator) next() []step {
	if g.chance(2) {
		return g.transaction()
	}
	return g.one()
}

// transaction is a MULTI with some commands.
func (g *generator) transaction() []step {
	steps := []step{{args: []string{"MULTI"}}}
	end := step{args: []string{"EXEC"}, exec: []step{}}
	for range g.r.IntN(5) {
		for _, s := range g.one() {
			q := s
			q.mode = strict // +QUEUED, or an error
			steps = append(steps, q)
			end.exec = append(end.exec, s)
		}
	}
	if g.chance(10) {
		end = step{args: []string{"DISCARD"}}
	}
	return append(steps, end)
}

func (g *generator) one() []step {
	c := g.table[g.r.IntN(len(g.table))]
	for c.Flags&commands.CmdBlocking != 0 && g.chance(90) { // which takes its time
		c = g.table[g.r.IntN(len(g.table))]
	}
	g.group, g.name = c.Group, c.Fullname
	g.args, g.count = nil, -1
	for _, name := range c.name {
		g.args = append(g.args, g.casing(name))
	}
	g.list(c.Args)
	if g.chance(12) && !strings.Contains(c.Fullname, "lex") {
		g.spoil(c)
	}
	switch c.Fullname {
	case "scan":
		if len(g.args) > 1 {
			g.args[1] = "0"
			g.args = append(g.args, "COUNT", "100000")
		}
	case "hscan", "sscan", "zscan":
		// All at once: cursors are each server's own.
		if len(g.args) > 2 {
			g.args[2] = "0"
			g.args = append(g.args, "COUNT", "100000")
		}
	case "sort", "sort_ro":
		// Weights of equal text leave the order of their elements to the way of sorting.
		isAlpha := func(arg string) bool { return strings.EqualFold(arg, "alpha") }
		if slices.ContainsFunc(g.args, func(arg string) bool { return strings.EqualFold(arg, "by") }) {
			g.args = slices.DeleteFunc(g.args, isAlpha)
		}
	case "xadd":
		for i, arg := range g.args {
			if arg == "*" {
				g.args[i] = g.newID()
			}
		}
	}
	g.keepScores()
	s := step{args: g.args, mode: c.mode, pairs: c.pairs}
	if c.Fullname == "sort" || c.Fullname == "sort_ro" {
		for i, a := range g.args[:len(g.args)-1] {
			// Not sorted at all: the order of a set is anything.
			if strings.EqualFold(a, "by") && !strings.Contains(g.args[i+1], "*") {
				s.mode = shape
			}
		}
	}
	steps := []step{s}
	if byChance[c.Fullname] {
		// The two are different now.
		if len(g.args) > 1 {
			steps = append(steps, step{args: []string{"DEL", g.args[1]}, mode: shape})
		}
	}
	return steps
}

// keepScores sees to it that sets of sameScores come to be, and that ranges by name are asked of no other.
func (g *generator) keepScores() {
	if len(g.args) < 4 {
		return
	}
	switch g.name {
	case "zadd":
		if g.chance(20) {
			g.args = []string{"zadd", sameScores + strconv.Itoa(g.r.IntN(4))}
			for range 1 + g.r.IntN(5) {
				g.args = append(g.args, "0", g.member())
			}
		}
	case "zrange", "zrangestore":
		for _, arg := range g.args {
			if strings.EqualFold(arg, "bylex") {
				g.args[map[string]int{"zrange": 1, "zrangestore": 2}[g.name]] = sameScores + "1"
			}
		}
	}
}

// spoil makes a command senseless.
func (g *generator) spoil(c *command) {
	n := len(c.name)
	if len(g.args) <= n {
		g.args = append(g.args, g.edge())
		return
	}
	i := n + g.r.IntN(len(g.args)-n)
	safe := c.timed || c.Flags&commands.CmdBlocking != 0
	switch k := g.r.IntN(5); {
	case k == 0 && !safe:
		g.args = slices.Delete(g.args, i, i+1)
	case k == 1 && !safe:
		j := n + g.r.IntN(len(g.args)-n)
		g.args[i], g.args[j] = g.args[j], g.args[i]
	case k == 2 && !safe:
		g.args = slices.Insert(g.args, i, g.args[i])
	case c.Flags&commands.CmdBlocking != 0: // 0 would be a timeout
	case k == 3:
		g.args = append(g.args, g.edge())
	default:
		g.args[i] = g.edge()
	}
}

// edge is a value that commands seldom expect. None of them is a small positive number.
func (g *generator) edge() string {
	return pick(g, "-1", "-2", "0", "-0", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551616", "abc", "", " 1", "1 ", "+1",
		"1.5x", "0x10", "1e400", "nan", "-inf", "\x00", "a\r\nb", "*", "(", "[", "$", ">", "-", "+", "COUNT", "LIMIT", "WITHSCORES", "\xff\xfe", strings.Repeat("x", 300))
}

func (g *generator) casing(token string) string {
	if g.chance(50) {
		return strings.ToUpper(token)
	}
	return strings.ToLower(token)
}

func (g *generator) list(args []commands.Arg) {
	for i := range args {
		g.arg(&args[i])
	}
}

func (g *generator) arg(a *commands.Arg) {
	if a.Flags&commands.CmdArgOptional != 0 && g.chance(60) {
		return
	}
	times := 1
	if a.Flags&commands.CmdArgMultiple != 0 {
		times += g.r.IntN(4)
		if g.chance(3) {
			times += g.r.IntN(30)
		}
	}
	if g.count >= 0 && a.Flags&commands.CmdArgMultiple != 0 {
		if g.chance(95) {
			g.args[g.count] = strconv.Itoa(times)
		}
		g.count = -1
	}
	for i := range times {
		if a.HasToken() && a.Type != commands.ArgTypePureToken && (i == 0 || a.Flags&commands.CmdArgMultipleToken != 0) {
			g.args = append(g.args, g.casing(a.Token))
		}
		switch a.Type {
		case commands.ArgTypePureToken:
			g.args = append(g.args, g.casing(a.Token))
		case commands.ArgTypeOneof:
			g.arg(&a.Args[g.r.IntN(len(a.Args))])
		case commands.ArgTypeBlock:
			g.list(a.Args)
		default:
			if a.Name == "numkeys" || a.Name == "numfields" {
				g.count = len(g.args)
			}
			g.args = append(g.args, g.value(a))
		}
	}
}

// value makes a value for an argument.
func (g *generator) value(a *commands.Arg) string {
	switch a.Type {
	case commands.ArgTypeKey:
		return g.key()
	case commands.ArgTypeUnixTime:
		return g.unixTime(a)
	case commands.ArgTypePattern:
		return pick(g, "*", "m*", "w_*", "nosort", "#", "?1", "[a-m]*", "w_*->m1", "h*->m2", "\\*")
	case commands.ArgTypeDouble:
		if a.Name == "timeout" {
			return pick(g, "0.001", "0.002", "-1", "abc", "1e-3", "1e400", "1e-400", "inf", "nan", "0x1p-10")
		}
		return g.double()
	case commands.ArgTypeInteger:
		return g.integer(a)
	}
	return g.text(a)
}

var keyLetters = map[commands.Group]string{
	commands.GroupString: "s", commands.GroupBitmap: "s", commands.GroupList: "l", commands.GroupSet: "S", commands.GroupSortedSet: "z", commands.GroupHash: "h",
	commands.GroupHyperloglog: "p", commands.GroupGeo: "g", commands.GroupStream: "x",
}

// sameScores begins the keys of sorted sets whose members all have the score 0: elsewhere ranges by name are not defined.
const sameScores = "y"

func (g *generator) key() string {
	letter, ok := keyLetters[g.group]
	switch {
	case strings.Contains(g.name, "lex"):
		letter = sameScores
	case g.name == "sort" || g.name == "sort_ro":
		letter = pick(g, "l", "S", "z")
	case !ok || g.chance(6):
		letter = pick(g, "s", "l", "S", "z", "h", "p", "g", "x")
	}
	if g.chance(3) && letter != sameScores {
		return "none"
	}
	return letter + strconv.Itoa(g.r.IntN(4))
}

// anyKey is a key of any type.
func (g *generator) anyKey() string {
	return pick(g, "s", "l", "S", "z", "h", "p", "g", "x", sameScores) + strconv.Itoa(g.r.IntN(4))
}

func (g *generator) member() string {
	if g.chance(5) {
		return g.word()
	}
	if g.chance(30) {
		return strconv.Itoa(g.r.IntN(30))
	}
	return "m" + strconv.Itoa(g.r.IntN(40))
}

// word is a value of any kind.
func (g *generator) word() string {
	switch g.r.IntN(14) {
	case 0:
		return ""
	case 1:
		return strings.Repeat(pick(g, "x", "ab", "\x00"), 1+g.r.IntN(60))
	case 2:
		return pick(g, "9223372036854775807", "-9223372036854775808", "9223372036854775806", "4294967296", "65536", "-129", "127", "32768", "8388608", "2147483648")
	case 3:
		return pick(g, "\r\n", "a\x00b", "\xff", "\"q\"", "ü", "\x01\x02\x03")
	case 4:
		return strings.Repeat("long", 20+g.r.IntN(200))
	case 5:
		return g.double()
	case 6:
		b := make([]byte, g.r.IntN(20))
		for i := range b {
			b[i] = byte(g.r.IntN(256))
		}
		return string(b)
	case 7, 8, 9:
		return strconv.Itoa(g.r.IntN(2000) - 1000)
	}
	return "v" + strconv.Itoa(g.r.IntN(100))
}

func (g *generator) double() string {
	return pick(g, "0", "1", "-1", "2", "3", "1.5", "-2.25", "3.14159", "1e10", "-1e-7", "1e17", "123456789.125", "+inf", "-inf", "inf", "0.1", "0.3", "10", "5",
		"17179869184", "nan", "1e308", "-0", "5e-324", "abc")
}

// unixTime is far away, or past.
func (g *generator) unixTime(a *commands.Arg) string {
	t := 4000000000 + g.r.Int64N(100000000)
	if g.chance(10) {
		return pick(g, "1", "0", "-1", "9223372036854775807", "abc")
	}
	if strings.Contains(a.Name, "milli") || strings.Contains(a.Token, "P") {
		return strconv.FormatInt(t*1000, 10)
	}
	return strconv.FormatInt(t, 10)
}

func (g *generator) integer(a *commands.Arg) string {
	switch a.Name {
	case "seconds":
		return pick(g, "1000", "50000", "100000", "0", "-1", "9223372036854775807", "9223372036854775", "abc")
	case "milliseconds":
		if g.group == commands.GroupStream { // BLOCK
			return pick(g, "1", "2")
		}
		return pick(g, "1000000", "50000000", "0", "-1", "9223372036854775807", "abc")
	case "numkeys", "numfields":
		return pick(g, "1", "0", "-1", "2", "abc")
	case "min-idle-time", "ms":
		return pick(g, "0", "0", "0", "1000000000")
	case "unix-time-milliseconds":
		return "1700000000000"
	case "offset":
		if g.group == commands.GroupBitmap || g.group == commands.GroupString {
			return pick(g, "0", "1", "7", "8", "100", "1000", "63", "-1", "9223372036854775807", "4294967296", "#1", "abc")
		}
	case "destination-db", "db":
		return pick(g, "0", "1", "0", "16", "-1")
	case "bit":
		return pick(g, "0", "1", "1", "2")
	}
	if g.chance(5) {
		return g.edge()
	}
	if g.chance(15) {
		return strconv.Itoa(-1 - g.r.IntN(10))
	}
	return strconv.Itoa(g.r.IntN(12))
}

func (g *generator) id() string {
	if g.chance(4) {
		return pick(g, "-", "+", "$", ">", "0", "0-0", "abc", "1-2-3", "18446744073709551615-18446744073709551615", "5-*", "")
	}
	return fmt.Sprintf("%d-%d", g.r.IntN(g.clock/3+3), g.r.IntN(4))
}

// text makes a string by the argument's name.
func (g *generator) text(a *commands.Arg) string {
	switch a.Name {
	case "id", "start", "end", "lastid", "last-id", "lastentryid", "min-id", "last-delivered-id":
		if g.group == commands.GroupStream {
			return g.streamID(a)
		}
	case "id-selector", "entriesread", "max-deleted-id", "maxdeletedid":
		if g.name == "xadd" {
			return g.newID()
		}
		return g.id()
	case "threshold":
		return pick(g, "0", "1", "3", "10", "5-1", "abc")
	case "min", "max":
		if strings.Contains(g.name, "lex") {
			return g.lexBound()
		}
		return g.scoreBound()
	case "member", "member1", "member2", "field", "element", "pivot", "value":
		if g.group == commands.GroupString || g.group == commands.GroupList && g.chance(30) {
			return g.word()
		}
		if a.Name == "value" && g.group == commands.GroupHash {
			return g.word()
		}
		return g.member()
	case "encoding", "get-block_encoding":
		return pick(g, "u8", "i8", "u1", "i64", "u63", "i5", "u64", "i65", "x8", "u0", "i16")
	case "offset":
		return pick(g, "0", "#0", "#3", "5", "100", "-1", "#9223372036854775807")
	case "subcommand": // of PFDEBUG. DECODE reads behind the end of what is corrupt, in C.
		return pick(g, "ENCODING", "todense", "GETREG", "x")
	case "group":
		return pick(g, "g1", "g2")
	case "consumer":
		return pick(g, "c1", "c2", "c3")
	case "newkey", "destination":
		return g.key()
	}
	if g.group == commands.GroupSortedSet && (a.Name == "start" || a.Name == "stop") {
		return pick(g, g.scoreBound, g.lexBound, func() string { return strconv.Itoa(g.r.IntN(20) - 8) })()
	}
	return g.word()
}

// streamID is an ID where entries are looked for, or the ID of a new one.
func (g *generator) streamID(a *commands.Arg) string {
	switch {
	case g.name == "xadd":
		return g.newID()
	case (a.Name == "start" || a.Name == "end") && g.chance(40):
		return pick(g, "-", "+")
	case (a.Name == "start" || a.Name == "end") && g.chance(15):
		return "(" + g.id()
	case g.name == "xreadgroup" && g.chance(70):
		return ">"
	}
	return g.id()
}

// newID never is *: the two servers have their own clocks.
func (g *generator) newID() string {
	g.clock++
	switch {
	case g.chance(5):
		return g.id()
	case g.chance(30):
		return fmt.Sprintf("%d-*", g.clock/3+1)
	}
	return fmt.Sprintf("%d-%d", g.clock/3+1, g.clock%3+1)
}

func (g *generator) lexBound() string {
	return pick(g, "-", "+", "[m1", "(m2", "[m3", "(m9", "[", "(", "[zz", "abc", "["+g.member())
}

func (g *generator) scoreBound() string {
	return pick(g, "-inf", "+inf", "(1", "(2.5", "0", "3", "10", "abc", "(-inf", g.double())
}
