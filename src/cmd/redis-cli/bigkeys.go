// SPDX-License-Identifier: BSD-3-Clause

package main

// bigkeys.go - --bigkeys and --memkeys: the biggest keys of each type, by elements or by memory.

import (
	"strconv"

	"redport/deps/hiredis"
	"redport/src/sds"
)

// typeInfo is what is known of the keys of a type.
type typeInfo struct {
	name     string
	sizeCmd  string // "": of a module
	sizeUnit string

	biggest, count, totalSize uint64
	biggestKey                []byte
}

// typeInfos are the types that were met, in the order in which they are shown: the one that C's hash table has once it is at rest.
type typeInfos struct {
	list   []*typeInfo
	byName map[string]*typeInfo
}

func newTypeInfos() *typeInfos {
	t := &typeInfos{byName: map[string]*typeInfo{}}
	for _, info := range []typeInfo{
		{name: "list", sizeCmd: "LLEN", sizeUnit: "items"}, {name: "hash", sizeCmd: "HLEN", sizeUnit: "fields"},
		{name: "stream", sizeCmd: "XLEN", sizeUnit: "entries"}, {name: "string", sizeCmd: "STRLEN", sizeUnit: "bytes"},
		{name: "set", sizeCmd: "SCARD", sizeUnit: "members"}, {name: "zset", sizeCmd: "ZCARD", sizeUnit: "members"},
	} {
		t.add(info)
	}
	return t
}

func (t *typeInfos) add(info typeInfo) *typeInfo {
	t.list = append(t.list, &info)
	t.byName[info.name] = &info
	return &info
}

// keyTypes asks for the types of keys; nil stands for a key that is gone.
func (c *cli) keyTypes(types *typeInfos, keys []hiredis.Reply) []*typeInfo {
	out := make([]*typeInfo, len(keys))
	for i, reply := range c.pipeline(keys, "type", func(i int) []string { return []string{"TYPE", keys[i].Str} }) {
		switch {
		case reply.Type == hiredis.Err:
			c.fatalf("TYPE returned an error: %s\n", reply.Str)
		case reply.Type != hiredis.Status:
			c.fatalf("Invalid reply type (%d) for TYPE on key '%s'!\n", reply.Type, keys[i].Str)
		}
		out[i] = types.byName[reply.Str]
		if out[i] == nil && reply.Str != "none" {
			out[i] = types.add(typeInfo{name: reply.Str, sizeUnit: "?"})
		}
	}
	return out
}

// keySizes asks for the number of elements, or the bytes.
func (c *cli) keySizes(types []*typeInfo, keys []hiredis.Reply, memory bool, samples uint64) []uint64 {
	out := make([]uint64, len(keys))
	command := func(i int) []string {
		switch {
		case types[i] == nil:
			return nil
		case !memory && types[i].sizeCmd == "":
			return nil
		case !memory:
			return []string{types[i].sizeCmd, keys[i].Str}
		case samples == 0:
			return []string{"MEMORY", "USAGE", keys[i].Str}
		}
		return []string{"MEMORY", "USAGE", keys[i].Str, "SAMPLES", strconv.FormatUint(samples, 10)}
	}
	for i, reply := range c.pipeline(keys, "size", command) {
		switch {
		case reply == nil:
		case reply.Type != hiredis.Integer:
			what := "MEMORY USAGE"
			if !memory {
				what = types[i].sizeCmd
			}
			c.errorf("Warning:  %s on '%s' failed (may have changed type)\n", what, keys[i].Str)
		default:
			out[i] = uint64(reply.Integer)
		}
	}
	return out
}

// percent is the progress; 0 of 0 keys is what C makes of it.
func percent(sampled uint64, total int64) string {
	if total == 0 {
		if sampled == 0 {
			return " -nan"
		}
		return "  inf"
	}
	return formatPercent(100 * float64(sampled) / float64(total))
}

// formatPercent is C's %05.2f.
func formatPercent(p float64) string {
	s := strconv.FormatFloat(p, 'f', 2, 64)
	for len(s) < 5 {
		s = "0" + s
	}
	return s
}

// findBigKeys walks over the keys and tells of each that is bigger than all of its type before: in a line of its own, or on a terminal in a list
// that is drawn over itself.
func (c *cli) findBigKeys(memory bool, samples uint) int {
	c.cancelLoopOnInterrupt()
	total := c.dbSize()
	c.printf("\n# Scanning the entire keyspace to find biggest keys as well as\n" +
		"# average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec\n" +
		"# per 100 SCAN commands (not usually needed).\n\n")
	c.sendReadOnly()
	types := newTypeInfos()
	unit := func(info *typeInfo) string {
		if memory {
			return "bytes"
		}
		return info.sizeUnit
	}
	p := newProgress(c, total)
	var sampled, totalLen, cursor uint64
	show := func() {
		p.begin(sampled)
		p.line("")
		for _, info := range types.list {
			if info.biggestKey != nil {
				p.line("Biggest %-9s found so far %s with %d %s", info.name, info.biggestKey, info.biggest, unit(info))
			}
		}
	}
	pct := ""
	for loops := 1; ; loops++ {
		pct = percent(sampled, total)
		keys := c.sendScan(&cursor)
		kinds := c.keyTypes(types, keys)
		sizes := c.keySizes(kinds, keys, memory, uint64(samples))
		for i, info := range kinds {
			if info == nil {
				continue // gone between SCAN and TYPE
			}
			info.totalSize += sizes[i]
			info.count++
			totalLen += uint64(len(keys[i].Str))
			sampled++
			if info.biggest < sizes[i] {
				info.biggest, info.biggestKey = sizes[i], sds.CatRepr(nil, keys[i].Str)
				p.plain("[%s%%] Biggest %-6s found so far %s with %d %s\n", pct, info.name, info.biggestKey, sizes[i], unit(info))
			}
			if sampled%1000000 == 0 {
				p.plain("[%s%%] Sampled %d keys so far\n", pct, sampled)
			}
		}
		p.refresh(show)
		if loops%100 == 0 {
			c.pause()
		}
		if c.cancelLoop.Load() || cursor == 0 {
			break
		}
	}
	p.end(sampled, len(types.list))
	c.printf("\n-------- summary -------\n\n")
	if c.cancelLoop.Load() {
		p.plain("[%s%%] ", pct)
	}
	p.plain("Sampled %d keys in the keyspace!\n", sampled)
	c.printf("Total key length in bytes is %d (avg len %.2f)\n\n", totalLen, ratio(totalLen, sampled))
	for _, info := range types.list {
		if info.biggestKey != nil {
			c.printf("Biggest %6s found %s has %d %s\n", info.name, info.biggestKey, info.biggest, unit(info))
		}
	}
	c.printf("\n")
	for _, info := range types.list {
		c.printf("%d %ss with %d %s (%s%% of keys, avg size %.2f)\n", info.count, info.name, info.totalSize, unit(info),
			formatPercent(100*ratio(info.count, sampled)), ratio(info.totalSize, info.count))
	}
	return 0
}

// ratio is a/b, and 0 where there is nothing.
func ratio(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}
