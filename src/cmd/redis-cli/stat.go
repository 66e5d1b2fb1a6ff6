// SPDX-License-Identifier: BSD-3-Clause

package main

// stat.go - --stat and --lru-test.

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"redport/deps/hiredis"
	"redport/src/cli_common"
)

// infoField finds a field of INFO: what is behind its name, up to the end of the line or a comma (C: getInfoField).
func infoField(info, name string) (string, bool) {
	i := strings.Index(info, name)
	if i < 0 || i+len(name)+1 > len(info) {
		return "", false
	}
	value := info[i+len(name)+1:]
	if end := strings.IndexAny(value, "\r,"); end >= 0 {
		value = value[:end]
	}
	return value, true
}

// infoNumber is infoField for a number; math.MinInt64: there is none.
func infoNumber(info, name string) int64 {
	value, ok := infoField(info, name)
	if !ok {
		return math.MinInt64
	}
	return atoll(value)
}

// bytesToHuman: 100B, 2.00K, 1.50G (C: bytesToHuman of redis-cli).
func bytesToHuman(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	for _, unit := range []struct {
		limit, size int64
		letter      string
	}{{1 << 20, 1 << 10, "K"}, {1 << 30, 1 << 20, "M"}, {1 << 40, 1 << 30, "G"}, {1 << 50, 1 << 40, "T"}, {math.MaxInt64, 1 << 50, "P"}} {
		switch {
		case n < 1024:
			return fmt.Sprintf("%s%dB", sign, n)
		case n < unit.limit:
			return fmt.Sprintf("%s%.2f%s", sign, float64(n)/float64(unit.size), unit.letter)
		}
	}
	return ""
}

// databases is how many there are (C: getDatabases).
func (c *cli) databases() int {
	reply := c.doOrExit("CONFIG", "GET", "databases")
	switch {
	case reply.Type == hiredis.Err:
		c.errorf("CONFIG GET databases fails: %s, use default value 16 instead\n", reply.Str)
		return 16
	case len(reply.Elements) != 2:
		return 16
	}
	return cli_common.Atoi(reply.Elements[1].Str)
}

// statMode prints a line of figures for each interval, for ever.
func (c *cli) statMode() int {
	if c.interval == 0 {
		c.interval = time.Second
	}
	databases := c.databases()
	last := int64(0)
	for i := 0; ; i++ {
		reply := c.reconnectingDo("INFO")
		if reply.Type == hiredis.Err {
			c.errorf("ERROR: %s\n", reply.Str)
			return 1
		}
		if i%20 == 0 {
			c.printf("------- data ------ --------------------- load -------------------- - child -\n" +
				"keys       mem      clients blocked requests            connections          \n")
		}
		info := reply.Str
		keys := int64(0)
		for db := range databases {
			if n := infoNumber(info, "db"+strconv.Itoa(db)+":keys"); n != math.MinInt64 {
				keys += n
			}
		}
		requests := infoNumber(info, "total_commands_processed")
		more := int64(0)
		if last != 0 {
			more = requests - last
		}
		last = requests
		c.printf("%-11d%-8s %-8d%-8d%-19s %-12d", keys, bytesToHuman(infoNumber(info, "used_memory")), infoNumber(info, "connected_clients"),
			infoNumber(info, "blocked_clients"), fmt.Sprintf("%d (+%d)", requests, more), infoNumber(info, "total_connections_received"))
		child := infoNumber(info, "bgsave_in_progress") | infoNumber(info, "aof_rewrite_in_progress")<<1 | infoNumber(info, "loading")<<2
		switch child {
		case 1:
			c.printf("SAVE")
		case 2:
			c.printf("AOF")
		case 3:
			c.printf("SAVE+AOF")
		case 4:
			c.printf("LOAD")
		}
		c.printf("\n")
		c.pause()
	}
}

// --- LRU test ---

const (
	lruCyclePeriod  = time.Second
	lruPipelineSize = 250
)

// powerLawRand gives a number from low to high, both included. With alpha 6.2 a fifth of the numbers are four fifths of what comes.
func powerLawRand(low, high int64, alpha float64) int64 {
	high++
	least, most := math.Pow(float64(low), alpha+1), math.Pow(float64(high), alpha+1)
	pl := math.Pow(float64((most-least)*rand.Float64())+least, 1/(alpha+1))
	return high - 1 - int64(pl) + low
}

func (c *cli) lruTestKey() string {
	return "lru:" + strconv.FormatInt(powerLawRand(1, c.lruTestKeys, 6.2), 10)
}

// lruTestMode writes and reads keys as a cache is used, and prints once a second how often they were there, for ever.
func (c *cli) lruTestMode() int {
	reply := func() *hiredis.Reply {
		r, err := c.conn.Reply()
		if err != nil {
			c.fatalf("I/O error during LRU test\n")
		}
		return r
	}
	for {
		hits, misses := int64(0), int64(0)
		for start := time.Now(); time.Since(start) < lruCyclePeriod; {
			for range lruPipelineSize {
				var val [5]byte
				for i := range val {
					val[i] = 'A' + byte(rand.IntN('z'-'A'))
				}
				c.conn.Append("SET", c.lruTestKey(), string(val[:]))
			}
			for range lruPipelineSize {
				reply()
			}
			for range lruPipelineSize {
				c.conn.Append("GET", c.lruTestKey())
			}
			for range lruPipelineSize {
				switch r := reply(); r.Type {
				case hiredis.Err:
					c.errorf("%s\n", r.Str)
				case hiredis.Nil:
					misses++
				default:
					hits++
				}
			}
		}
		all := float64(hits + misses)
		c.printf("%d Gets/sec | Hits: %d (%.2f%%) | Misses: %d (%.2f%%)\n", hits+misses, hits, float64(hits)/all*100, misses, float64(misses)/all*100)
		c.out.Flush()
	}
}
