// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"math/rand/v2"
	"slices"
	"strings"

	"redport/src/commands"
)

// pubsub.go - a few clients subscribe to channels, patterns and shards, by RESP2 and RESP3, publish, and change keys whose events are published, too.
// As in tracking.go everything that any of them is sent is compared, in its order.

var (
	channels      = []string{"a", "b", "ab", "news", "news.x", "", "a\x00b", "*", "__keyspace@0__:s1", "__keyevent@0__:set"}
	patterns      = []string{"*", "a*", "?", "news.*", "[ab]", "[^a]", "__key*__:*", "__keyspace@0__:*", "__keyevent@*__:*", "\\*", "a\x00*", "", "**b", "[a-", "\\"}
	eventClasses  = "KEg$lshzxetmdn"
	eventVolatile = []string{"object|freq", "object|idletime", "expire", "pexpire", "expireat", "pexpireat", "hexpire", "hpexpire", "hexpireat", "hpexpireat", "spop"}
)

// pubsubCompared runs n steps.
func (d *differ) pubsubCompared(n int) error {
	// Nothing that blocks, and nothing that makes keys expire at some time.
	table := slices.DeleteFunc(slices.Clone(d.table), func(c *command) bool {
		return c.Flags&commands.CmdBlocking != 0 || slices.Contains(eventVolatile, c.Fullname) || c.timed
	})
	t := &trackingRun{differ: d, g: &generator{r: rand.New(rand.NewPCG(d.seed, 4<<40)), table: table}, name: "pubsub"}
	t.lines = t.pubsubLines
	if err := t.run(n); err != nil {
		return err
	}
	_, _, err := d.both("CONFIG", "SET", "notify-keyspace-events", "")
	return err
}

func (t *trackingRun) pubsubLines() [][]string {
	g := t.g
	one := func(args ...string) [][]string { return [][]string{args} }
	several := func(command string, from []string) []string {
		args := []string{g.casing(command)}
		for range 1 + g.r.IntN(3) {
			args = append(args, pick(g, from...))
		}
		return args
	}
	subscribing := func() []string {
		switch g.r.IntN(10) {
		case 0, 1:
			return several("subscribe", channels)
		case 2, 3:
			return several("psubscribe", patterns)
		case 4:
			return several("ssubscribe", channels)
		case 5:
			return several("unsubscribe", channels)
		case 6:
			return several("punsubscribe", patterns)
		case 7:
			return several("sunsubscribe", channels)
		}
		return []string{pick(g, "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE")}
	}
	publish := func() []string {
		return []string{pick(g, "PUBLISH", "PUBLISH", "SPUBLISH"), pick(g, channels...), g.word()}
	}
	switch k := g.r.IntN(100); {
	case k < 22:
		return [][]string{subscribing()}
	case k < 40:
		return [][]string{publish()}
	case k < 45:
		args := []string{"PUBSUB", pick(g, "CHANNELS", "NUMSUB", "NUMPAT", "SHARDCHANNELS", "SHARDNUMSUB", "x")}
		switch args[1] {
		case "NUMSUB", "SHARDNUMSUB":
			args = append(args, channels[:g.r.IntN(6)]...)
		case "CHANNELS", "SHARDCHANNELS": // one at most, as their order is not defined
			args = append(args, pick(g, "a", "b", "news", "\\*"))
		}
		return [][]string{args}
	case k < 46:
		return one("HELLO", "2")
	case k < 51: // By RESP2 a subscriber can do little.
		return pick(g, [][]string{{"RESET"}, {"HELLO", "3"}}, [][]string{{"RESET"}, {"HELLO", "3"}}, one("RESET"), one("PING", "x"), one("QUIT2"), one("GET", "s1"), one("SUBSCRIBE"), one("PUBLISH", "a"))
	case k < 58:
		lines := [][]string{{"MULTI"}}
		for range 1 + g.r.IntN(4) {
			args := pick(g, subscribing, publish, func() []string { return []string{"SET", "s1", "x"} })()
			if len(args) > 1 { // or it leaves all, in no order that is defined
				lines = append(lines, args)
			}
		}
		return append(lines, []string{pick(g, "EXEC", "EXEC", "EXEC", "DISCARD")})
	case k < 62:
		return one("EVAL", pick(g, "return redis.call('publish',ARGV[1],ARGV[2])", "redis.call('set','s1','x') redis.call('publish',ARGV[1],ARGV[2]) return redis.call('del','s1')",
			"return redis.call('spublish',ARGV[1],ARGV[2])", "return redis.pcall('subscribe','a')"), "0", pick(g, channels...), g.word())
	case k < 66:
		classes := ""
		for _, class := range strings.Split(eventClasses, "") {
			if g.chance(60) {
				classes += class
			}
		}
		return one("CONFIG", "SET", "notify-keyspace-events", pick(g, classes, classes, "KEA", "KEAmn", "x", ""))
	case k < 67:
		return pick(g, [][]string{{"CLIENT", "REPLY", "SKIP"}, publish()}, one("FLUSHALL"), one("SWAPDB", "0", "1"), one("SELECT", pick(g, "0", "1")), one("DEBUG", "SET-ACTIVE-EXPIRE", "1"))
	case k < 70:
		return one("PEXPIRE", g.anyKey(), "-1")
	}
	var lines [][]string
	for _, s := range g.one() {
		if s.mode == strict { // and no reply that has no order
			lines = append(lines, s.args)
		} else {
			lines = append(lines, []string{"EVAL", "redis.pcall(unpack(ARGV)) return 1", "0"})
			lines[len(lines)-1] = append(lines[len(lines)-1], s.args...)
		}
	}
	return lines
}
