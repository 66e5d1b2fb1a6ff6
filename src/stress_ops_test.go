// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"strconv"
	"strings"
)

// stress_ops_test.go - what the clients of stress_test.go do.

// stressOp is what a client sends in one piece.
type stressOp struct {
	name     string
	commands [][]string
	exact    bool // each command has one reply
	cut      int  // > 0: only so many bytes are sent, and then the connection is closed
}

func (op stressOp) String() string {
	var b strings.Builder
	b.WriteString(op.name)
	for _, args := range op.commands {
		line := strings.Join(args, " ")
		if len(line) > 100 {
			line = line[:100] + "..."
		}
		fmt.Fprintf(&b, " | %s", line)
	}
	return b.String()
}

var stressUsers = []string{"u0", "u1", "u2"}

const stressLibrary = `#!lua name=stress
local function spin() while true do end end
redis.register_function{function_name = 'spin', callback = spin}
redis.register_function('push', function(keys) redis.call('lpush', keys[1], 'x') return 1 end)
`

// stressSpins are scripts that end only when somebody ends them, or late.
var stressSpins = []string{
	"while true do end",
	"while true do redis.call('get', KEYS[1]) end",
	"local t = {} while true do t[#t % 1000 + 1] = tostring(#t) end",
	"while true do pcall(redis.call, 'get', KEYS[1]) end",
	"redis.call('set', KEYS[1], 'x') for i = 1, 300000 do end return 1", // cannot be killed once it has written
}

func (c *stressClient) pick(words ...string) string { return words[c.r.IntN(len(words))] }

func (c *stressClient) key(kinds string) string {
	return fmt.Sprintf("%c%d", kinds[c.r.IntN(len(kinds))], c.r.IntN(3))
}

// anyID is the ID of some client, which may have gone.
func (c *stressClient) anyID() string {
	return strconv.FormatUint(max(c.ids[c.r.IntN(len(c.ids))].Load(), 1), 10)
}

func (c *stressClient) anyAddr(which int) string {
	if a := c.addrs[c.r.IntN(len(c.addrs))].Load(); a != nil {
		return a[which]
	}
	return "127.0.0.1:1"
}

func commandsOf(lines ...string) [][]string {
	var all [][]string
	for _, line := range lines {
		all = append(all, strings.Fields(line))
	}
	return all
}

// wait is a command that waits for a key, for ever or not.
func (c *stressClient) wait() []string {
	seconds := c.pick("0", "0", "0.001", "0.01", "0.05")
	ms := c.pick("0", "0", "1", "10", "50")
	l, z, s := c.key("l"), c.key("z"), c.key("s")
	return strings.Fields(c.pick(
		"BLPOP "+l+" "+c.key("l")+" "+seconds,
		"BRPOP "+l+" "+l+" "+seconds,
		"BLMOVE "+l+" "+c.key("l")+" LEFT RIGHT "+seconds,
		"BRPOPLPUSH "+l+" "+c.key("lz")+" "+seconds,
		"BLMPOP "+seconds+" 2 "+l+" "+c.key("l")+" RIGHT COUNT 2",
		"BZPOPMIN "+z+" "+seconds,
		"BZPOPMAX "+z+" "+c.key("z")+" "+seconds,
		"BZMPOP "+seconds+" 2 "+z+" "+c.key("z")+" MIN COUNT 2",
		"XREAD BLOCK "+ms+" STREAMS "+s+" $",
		"XREAD BLOCK "+ms+" COUNT 2 STREAMS "+s+" "+c.key("s")+" $ $",
		"XREADGROUP GROUP g c"+strconv.Itoa(c.n)+" BLOCK "+ms+" STREAMS "+s+" >",
		"WAITAOF 1 0 "+ms,
		"WAIT 1 "+c.pick("1", "10"),
	))
}

// feed is a command that may end waits.
func (c *stressClient) feed() []string {
	l, z, s := c.key("l"), c.key("z"), c.key("s")
	return strings.Fields(c.pick(
		"LPUSH "+l+" a", "RPUSH "+l+" a b c", "ZADD "+z+" 1 a", "ZADD "+z+" 1 a 2 b 3 c", "XADD "+s+" * f v", "XADD "+s+" MAXLEN 10 * f v",
		"XGROUP CREATE "+s+" g $ MKSTREAM", "XGROUP DESTROY "+s+" g", "XGROUP DELCONSUMER "+s+" g c1", "XGROUP SETID "+s+" g 0", "XAUTOCLAIM "+s+" g c2 0 0",
		"DEL "+l+" "+z+" "+s, "UNLINK "+s, "SET "+c.key("lzsk")+" x", "RENAME "+c.key("lzsk")+" "+c.key("lzsk"),
		"COPY "+l+" "+c.key("l")+" REPLACE", "COPY "+s+" "+c.key("s")+" DB 1 REPLACE", "MOVE "+c.key("lzsk")+" 1", "LMOVE "+l+" "+c.key("l")+" LEFT LEFT",
		"ZRANGESTORE "+z+" "+c.key("z")+" 0 -1", "ZUNIONSTORE "+z+" 2 "+c.key("z")+" "+c.key("z"), "SORT "+l+" ALPHA STORE "+c.key("l"),
		"PEXPIRE "+c.key("lzsk")+" 1", "PEXPIRE "+c.key("lzsk")+" 20", "SET "+c.key("k")+" v PX 2", "GETEX "+c.key("k")+" PX 3",
		"SWAPDB 0 1", "FLUSHALL", "FLUSHALL ASYNC", "FLUSHDB", "SELECT 0", "SELECT 1", "SELECT 0",
		"HSET "+c.key("h")+" f v g w", "HPEXPIRE "+c.key("h")+" 2 FIELDS 1 f", "HGETALL "+c.key("h"), "GET "+c.key("k"), "MGET k0 k1 k2", "LRANGE "+l+" 0 -1",
		"LPOP "+l+" 2", "ZPOPMIN "+z, "XTRIM "+s+" MAXLEN 0", "KEYS *", "SCAN 0 COUNT 100", "RANDOMKEY", "OBJECT FREQ k0", "OBJECT ENCODING "+c.key("lzsk"),
	))
}

// draw chooses what the client does next.
func (c *stressClient) draw() stressOp {
	op := stressOp{exact: true}
	switch n := c.r.IntN(100); {
	case n < 22:
		op.name = "wait"
		op.commands = [][]string{c.wait(), c.feed()}
	case n < 40:
		op.name = "feed"
		for range 1 + c.r.IntN(5) {
			op.commands = append(op.commands, c.feed())
		}
	case n < 45:
		op.name = "transaction"
		if c.r.IntN(2) == 0 {
			op.commands = append(op.commands, []string{"WATCH", c.key("lzsk"), c.key("lzsk")})
		}
		op.commands = append(op.commands, []string{"MULTI"}, c.feed(), c.wait(), c.feed(), c.wait(), []string{c.pick("EXEC", "EXEC", "DISCARD")})
	case n < 50:
		op.name, op.commands = "script", c.script()
	case n < 52:
		op.name, op.commands = "spin", c.spin()
	case n < 64:
		op.name, op.commands = "kill", [][]string{c.kill(), c.feed()}
	case n < 68:
		op.name = "unblock"
		for range 5 {
			op.commands = append(op.commands, []string{"CLIENT", "UNBLOCK", c.anyID(), c.pick("TIMEOUT", "ERROR")})
		}
	case n < 70:
		op.name = "pause"
		op.commands = [][]string{{"CLIENT", "PAUSE", c.pick("1", "3", "10"), c.pick("WRITE", "ALL")}, c.wait(), c.feed()}
		if c.r.IntN(2) == 0 {
			op.commands = append(op.commands, []string{"CLIENT", "UNPAUSE"})
		}
	case n < 74:
		op.name, op.commands = "users", c.users()
	case n < 79:
		op.name, op.exact = "subscribe", false
		op.commands = c.subscribe()
	case n < 82:
		op.name = "publish"
		for range 4 {
			op.commands = append(op.commands, []string{c.pick("PUBLISH", "SPUBLISH"), c.pick("c0", "c1"), strings.Repeat("m", c.r.IntN(20000))})
		}
	case n < 87:
		op.name, op.commands = "track", c.track()
	case n < 88:
		op.name, op.exact = "monitor", false
		op.commands = [][]string{{"MONITOR"}, {"PING"}, c.pickCommand("RESET", "PING", "RESET"), {"RESET"}}
	case n < 91:
		op.name, op.commands = "configure", c.configure()
	case n < 93:
		op.name = "persist"
		op.commands = [][]string{c.pickCommand("BGSAVE", "BGREWRITEAOF", "BGSAVE SCHEDULE", "SAVE", "DEBUG RELOAD", "ACL SAVE", "BGREWRITEAOF"), c.feed()}
	case n < 96:
		op.name = "look"
		op.commands = [][]string{c.pickCommand("INFO everything", "CLIENT LIST", "MEMORY STATS", "MEMORY DOCTOR", "CLIENT INFO", "SLOWLOG GET", "LATENCY DOCTOR",
			"CLIENT LIST TYPE pubsub", "PUBSUB CHANNELS", "COMMAND COUNT", "ACL LIST", "ACL LOG", "CLIENT TRACKINGINFO", "MEMORY MALLOC-STATS", "FUNCTION STATS")}
	case n < 97:
		// More output than anybody may have waiting.
		op.name = "flood"
		op.commands = append(op.commands, []string{"SETRANGE", "k0", "100000", "x"})
		for range 60 {
			op.commands = append(op.commands, []string{"GET", "k0"})
		}
	case n < 98:
		op.name = "hello"
		op.commands = [][]string{c.pickCommand("HELLO 3", "HELLO 2", "RESET", "HELLO 3 AUTH u0 x SETNAME n", "QUIT")}
		if op.commands[0][0] == "QUIT" {
			op.exact = false
		}
	case n < 99:
		op.name, op.exact = "silence", false
		op.commands = [][]string{{"CLIENT", "REPLY", "OFF"}, c.wait(), c.feed(), {"CLIENT", "REPLY", "SKIP"}, c.wait(), {"CLIENT", "REPLY", "ON"}}
	default:
		op.name, op.cut = "hang up", 1+c.r.IntN(60)
		op.commands = [][]string{c.wait(), c.feed()}
		if c.r.IntN(2) == 0 {
			op.cut = 1 << 20
		}
	}
	return op
}

func (c *stressClient) pickCommand(lines ...string) []string { return strings.Fields(c.pick(lines...)) }

func (c *stressClient) script() [][]string {
	script := c.pick(
		"return redis.call(unpack(ARGV))", "return redis.pcall(unpack(ARGV))", "for i = 1, 20 do redis.pcall(unpack(ARGV)) end return 1",
		"redis.call('lpush', 'l0', 'x') return redis.pcall(unpack(ARGV))", "local t = {} for i = 1, 100 do t[i] = redis.pcall(unpack(ARGV)) end return t")
	if c.r.IntN(4) == 0 {
		return [][]string{{"FUNCTION", "LOAD", "REPLACE", stressLibrary}, {"FCALL", "push", "1", c.key("lz")}, c.pickCommand("FUNCTION DUMP", "FUNCTION LIST", "FUNCTION FLUSH", "FUNCTION FLUSH ASYNC", "SCRIPT FLUSH")}
	}
	command := c.feed()
	if c.r.IntN(2) == 0 {
		command = c.wait()
	}
	return [][]string{append([]string{"EVAL", script, "0"}, command...)}
}

func (c *stressClient) spin() [][]string {
	if c.r.IntN(4) == 0 {
		return [][]string{{"FUNCTION", "LOAD", "REPLACE", stressLibrary}, {"FCALL", "spin", "0"}}
	}
	eval := []string{"EVAL", c.pick(stressSpins...), "1", c.key("k")}
	if c.r.IntN(4) == 0 {
		return [][]string{{"MULTI"}, c.feed(), eval, c.feed(), {"EXEC"}}
	}
	return [][]string{eval}
}

func (c *stressClient) kill() []string {
	kill := []string{"CLIENT", "KILL"}
	switch c.r.IntN(12) {
	case 0, 1, 2, 3, 4:
		return append(kill, "ID", c.anyID())
	case 5:
		return append(kill, "ADDR", c.anyAddr(0), "ID", c.anyID())
	case 6:
		return append(kill, c.anyAddr(0))
	case 7:
		return append(kill, "LADDR", c.anyAddr(1), "TYPE", c.pick("normal", "pubsub"), "ID", c.anyID())
	case 8:
		return append(kill, "USER", c.pick(stressUsers...), "SKIPME", c.pick("yes", "no"))
	case 9:
		return append(kill, "TYPE", c.pick("pubsub", "replica", "master", "pubsub"), "SKIPME", c.pick("yes", "no"))
	case 10:
		return append(kill, "MAXAGE", c.pick("1", "2"), "SKIPME", c.pick("yes", "no"))
	}
	// Oneself, if nobody else has the connection.
	if c.n < 0 {
		return append(kill, "ID", "1")
	}
	return append(kill, "ID", strconv.FormatUint(max(c.ids[c.n].Load(), 1), 10), "SKIPME", "no")
}

func (c *stressClient) users() [][]string {
	u := c.pick(stressUsers...)
	set := []string{"ACL", "SETUSER", u}
	switch c.r.IntN(6) {
	case 0:
		return [][]string{append(set, "reset", "on", "nopass", "+@all", "allkeys", "allchannels"), {"AUTH", u, "x"}, c.feed()}
	case 1:
		return [][]string{append(set, "reset", "on", "nopass", "+@all", "~l*", "resetchannels", "&c0", "(+@read ~*)"), {"AUTH", u, "x"}, c.feed()}
	case 2:
		return [][]string{append(set, "+@all", "resetchannels", "&d*"), c.feed()}
	case 3:
		return [][]string{{"ACL", "DELUSER", u}, c.feed()}
	case 4:
		return [][]string{{"ACL", c.pick("LOAD", "SAVE", "LOAD")}, c.feed()}
	}
	return [][]string{append(set, "on", "nopass", "allchannels", "+@all"), {"AUTH", u, "x"}, c.feed(), {"AUTH", "default", "x"}}
}

// subscribe is a visit to the mode of subscribers, which ends with a RESET.
func (c *stressClient) subscribe() [][]string {
	var all [][]string
	if c.r.IntN(2) == 0 {
		all = append(all, []string{"HELLO", "3"})
	}
	for range 1 + c.r.IntN(4) {
		all = append(all, c.pickCommand("SUBSCRIBE c0", "SUBSCRIBE c0 c1", "PSUBSCRIBE c*", "PSUBSCRIBE c0 *", "SSUBSCRIBE c0", "SSUBSCRIBE c1 c2",
			"UNSUBSCRIBE", "PUNSUBSCRIBE c*", "SUNSUBSCRIBE", "UNSUBSCRIBE c0", "PING", "CLIENT LIST", "PUBLISH c0 x"))
	}
	if c.r.IntN(3) == 0 {
		all = append(all, []string{"RESET"}, []string{"MULTI"}, []string{"SUBSCRIBE", "c0"}, []string{"EXEC"})
	}
	return append(all, []string{"RESET"})
}

func (c *stressClient) track() [][]string {
	on := []string{"CLIENT", "TRACKING", "ON"}
	switch c.r.IntN(5) {
	case 0:
		on = append(on, "REDIRECT", c.anyID())
	case 1:
		on = append(on, "BCAST", "PREFIX", c.pick("k", "l", "z1"))
	case 2:
		on = append(on, c.pick("OPTIN", "OPTOUT"), "NOLOOP", "REDIRECT", c.anyID())
	case 3:
		on = append(on, "BCAST", "NOLOOP")
	}
	all := [][]string{on, {"CLIENT", "CACHING", c.pick("YES", "NO")}, {"MGET", "k0", "k1", "k2"}, c.feed(), c.feed()}
	if c.r.IntN(2) == 0 {
		all = append([][]string{{"HELLO", "3"}}, all...)
	}
	if c.r.IntN(3) == 0 {
		all = append(all, []string{"CLIENT", "TRACKING", "OFF"})
	}
	return all
}

func (c *stressClient) configure() [][]string {
	return [][]string{append([]string{"CONFIG", "SET"}, c.pickCommand(
		"maxmemory 0", "maxmemory 2mb maxmemory-policy allkeys-random", "maxmemory 1200kb maxmemory-policy allkeys-lru", "maxmemory 1mb maxmemory-policy noeviction",
		"maxmemory 0", "maxmemory 1mb maxmemory-policy volatile-ttl", "maxmemory-clients 0", "maxmemory-clients 500kb", "maxmemory-clients 800kb", "maxmemory-clients 0",
		"timeout 1", "timeout 0", "notify-keyspace-events KEA", "notify-keyspace-events ''", "hz 100", "slowlog-log-slower-than 0", "latency-monitor-threshold 1",
		"appendonly no", "appendonly yes", "appendonly yes", "appendfsync always", "appendfsync everysec",
		"tracking-table-max-keys 2", "lazyfree-lazy-user-flush yes", "maxclients 40", "maxclients 10000")...)}
}

// sideCommands are what the connection that never reads begins with.
func (c *stressClient) sideCommands() [][]string {
	switch c.r.IntN(5) {
	case 0:
		return commandsOf("SUBSCRIBE c0 c1 __redis__:invalidate")
	case 1:
		return commandsOf("HELLO 3", "PSUBSCRIBE c* __key*", "CLIENT TRACKING ON BCAST PREFIX k", "SSUBSCRIBE c0")
	case 2:
		return commandsOf("HELLO 3", "WATCH k0 k1 l0", "MULTI", "GET k0")
	case 3:
		return commandsOf("MONITOR")
	}
	return [][]string{c.wait(), c.feed(), c.wait()}
}

// drawRescue chooses what helps those who cannot go on by themselves.
func (c *stressClient) drawRescue() stressOp {
	op := stressOp{name: "rescue", exact: true}
	switch n := c.r.IntN(100); {
	case n < 20:
		op.commands = commandsOf("SCRIPT KILL", "FUNCTION KILL", "CLIENT UNPAUSE")
	case n < 30:
		op.commands = commandsOf("LPUSH l0 r", "LPUSH l1 r", "LPUSH l2 r", "ZADD z0 1 r", "ZADD z1 1 r", "ZADD z2 1 r", "XADD s0 * f r", "XADD s1 * f r", "XADD s2 * f r")
	case n < 35:
		op.commands = commandsOf("CONFIG SET maxmemory 0 maxmemory-clients 0 maxclients 10000 timeout 0")
	case n < 36:
		op.commands = [][]string{{"CLIENT", "KILL", "ID", c.anyID()}}
	case n < 60:
		for range 2 {
			op.commands = append(op.commands, []string{"CLIENT", "UNBLOCK", c.anyID(), c.pick("TIMEOUT", "ERROR")})
		}
		op.commands = append(op.commands, []string{"SCRIPT", "KILL"}, []string{"FUNCTION", "KILL"})
	default:
		op.commands = commandsOf("CLIENT LIST", "INFO clients", "SCRIPT KILL")
	}
	return op
}
