// SPDX-License-Identifier: BSD-3-Clause

package main

// hotkeys.go - --hotkeys: the keys that are used most, by the counters of an LFU policy.

import (
	"redport/deps/hiredis"
	"redport/src/sds"
)

// hotkeysSample is how many are shown.
const hotkeysSample = 16

type hotKey struct {
	freq uint64
	name []byte
}

// findHotKeys walks over the keys and keeps those with the highest counters, lowest first.
func (c *cli) findHotKeys() int {
	c.cancelLoopOnInterrupt()
	total := c.dbSize()
	c.printf("\n# Scanning the entire keyspace to find hot keys as well as\n" +
		"# average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec\n" +
		"# per 100 SCAN commands (not usually needed).\n\n")
	c.sendReadOnly()
	var hot [hotkeysSample]hotKey
	var sampled, cursor uint64
	p := newProgress(c, total)
	found := func(line func(format string, args ...any)) {
		for k := hotkeysSample - 1; k >= 0; k-- {
			if hot[k].freq > 0 {
				line("hot key found with counter: %d\tkeyname: %s", hot[k].freq, hot[k].name)
			}
		}
	}
	show := func() {
		p.begin(sampled)
		p.line("")
		found(p.line)
	}
	pct := ""
	for loops := 1; ; loops++ {
		pct = percent(sampled, total)
		keys := c.sendScan(&cursor)
		freqs := c.keyFreqs(keys)
		for i := range keys {
			sampled++
			if sampled%1000000 == 0 {
				p.plain("[%s%%] Sampled %d keys so far\n", pct, sampled)
			}
			k := 0
			for k < hotkeysSample && freqs[i] > hot[k].freq {
				k++
			}
			if k == 0 {
				continue
			}
			k--
			if k > 0 && hot[k].freq != 0 {
				copy(hot[:k], hot[1:k+1]) // the coldest makes room
			}
			hot[k] = hotKey{freqs[i], sds.CatRepr(nil, keys[i].Str)}
			p.plain("[%s%%] Hot key %s found so far with counter %d\n", pct, hot[k].name, freqs[i])
		}
		p.refresh(show)
		if loops%100 == 0 {
			c.pause()
		}
		if c.cancelLoop.Load() || cursor == 0 {
			break
		}
	}
	p.end(sampled, hotkeysSample+1)
	c.printf("\n-------- summary -------\n\n")
	if c.cancelLoop.Load() {
		p.plain("[%s%%] ", pct)
	}
	p.plain("Sampled %d keys in the keyspace!\n", sampled)
	found(func(format string, args ...any) { c.printf(format+"\n", args...) })
	return 0
}

func (c *cli) keyFreqs(keys []hiredis.Reply) []uint64 {
	out := make([]uint64, len(keys))
	for i, reply := range c.pipeline(keys, "freq", func(i int) []string { return []string{"OBJECT", "FREQ", keys[i].Str} }) {
		switch reply.Type {
		case hiredis.Integer:
			out[i] = uint64(reply.Integer)
		case hiredis.Err:
			c.fatalf("Error: %s\n", reply.Str)
		default:
			c.errorf("Warning: OBJECT freq on '%s' failed (may have been deleted)\n", sds.CatRepr(nil, keys[i].Str))
		}
	}
	return out
}
