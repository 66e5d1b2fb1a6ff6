// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// dataset.go - what is exchanged: values of every type in every encoding, and of every form that a file has for them.

// databases are those that have keys.
var databases = []string{"0", "3", "15"}

// dataset lists the commands that make it. Whatever chance decides is the same each time.
func dataset(k kind) [][]string {
	var all [][]string
	add := func(args ...string) { all = append(all, args) }
	words := func(line string) { add(strings.Fields(line)...) }
	r := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) string { // what cannot be compressed
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return string(b)
	}
	long := strings.Repeat("the same again, ", 40)

	words("SELECT 0")
	// Strings: numbers of all widths, what looks like one and is none, each length at which something changes.
	for _, s := range []string{"0", "-1", "127", "-128", "128", "-129", "32767", "-32768", "32768", "2147483647", "-2147483648", "2147483648", "9223372036854775807",
		"-9223372036854775808", "9223372036854775808", "007", "+1", "-0", " 1", "1e5", "3.14", "", "a", "\x00\xff\r\n", strings.Repeat("e", 44), strings.Repeat("r", 45), long,
		strings.Repeat("z", 63), strings.Repeat("z", 64), noise(63), noise(64), noise(16383), noise(16384), noise(70000), strings.Repeat(long, 300)} {
		add("SET", fmt.Sprintf("string:%d:%.10q", len(s), s), s)
	}
	words("SETRANGE string:large 3000000 end")
	words("APPEND string:appended 12")
	words("SETBIT string:bits 12345 1")
	add("SET", "a key of more than sixty-three bytes, so that its length takes two: "+long, "1")
	add("SET", "", "an empty key")
	words("SET expires:string 1 PXAT 33177117420001")
	words("SET expires:number 99 EXAT 33177117420")

	// Lists: one node, many nodes, nodes of their own for large elements, at the ends and between.
	words("RPUSH list:small a 1 -5 70000 9223372036854775807")
	for i := range 500 {
		add("RPUSH", "list:long", fmt.Sprint(i*i), fmt.Sprintf("element %d", i))
		add("LPUSH", "list:text", long[:i])
	}
	add("RPUSH", "list:plain", "before", noise(20000), "between", strings.Repeat("p", 9000), noise(9000), "after")
	add("RPUSH", "list:one plain", noise(10000))
	words("RPUSH expires:list x")
	words("PEXPIREAT expires:list 33177117420001")

	// Sets: of integers of each width, packed, hashed.
	words("SADD set:int16 1 -2 30000")
	words("SADD set:int32 1 -2 70000")
	words("SADD set:int64 1 -2 5000000000 -9223372036854775808")
	add("SADD", "set:packed", "a", "b", "12", "-70000", "", noise(60))
	add("SADD", "set:long member", "a", noise(100))
	for i := range 600 {
		add("SADD", "set:integers", fmt.Sprint(i*1000))
		add("SADD", "set:hashed", fmt.Sprintf("member %d", i), fmt.Sprint(i))
	}

	// Sorted sets: scores that are hard to write.
	words("ZADD zset:packed 1 a 2.5 b -inf c +inf d -0 e 0.1 f 1e300 g 3 h 3 i 1e-320 j 12345678901234567 k")
	for i := range 300 {
		add("ZADD", "zset:many", fmt.Sprint(float64(i)/7), fmt.Sprintf("m%d", i), fmt.Sprint(i%10), fmt.Sprintf("n%d", i))
	}
	add("ZADD", "zset:long member", "1", noise(100), "-inf", "low", "inf", "high")
	words("GEOADD geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania")

	// Hashes.
	words("HSET hash:packed f v g 12 h -70000 i 9223372036854775807")
	add("HSET", "hash:long value", "f", strings.Repeat("v", 100), "", "", noise(30), noise(300))
	for i := range 600 {
		add("HSET", "hash:many", fmt.Sprintf("field %d", i), fmt.Sprint(i))
	}
	if !k.redis7 {
		words("HSET hash:expiring f 1 g 2 h 3 i 4")
		words("HPEXPIREAT hash:expiring 33177117420001 FIELDS 2 f h")
		words("HPEXPIREAT hash:expiring 33177117410000 FIELDS 1 g")
		words("HSET hash:all-expiring f 1 g 2")
		words("HPEXPIREAT hash:all-expiring 33177117420001 FIELDS 2 f g")
		for i := range 600 {
			f := fmt.Sprintf("f%d", i)
			add("HSET", "hash:many-expiring", f, fmt.Sprint(i))
			if i%3 > 0 {
				add("HPEXPIREAT", "hash:many-expiring", fmt.Sprint(33177117420001+int64(i)*1000), "FIELDS", "1", f)
			}
		}
		words("HSET expires:hash f 1 g 2")
		words("PEXPIREAT expires:hash 33177117420001")
		words("HPEXPIREAT expires:hash 33177117410000 FIELDS 1 f")
	}

	// Streams: blocks, entries with and without the first one's fields, deleted ones, groups at all places, pending entries of several consumers.
	words("XADD stream:one 1-1 a b")
	for i := range 50 {
		add("XADD", "stream:many", fmt.Sprintf("%d-1", 1000+i), "field", fmt.Sprint(i), "other", long[:i])
		if i%5 == 0 {
			add("XADD", "stream:many", fmt.Sprintf("%d-2", 1000+i), "different", noise(20))
		}
	}
	words("XDEL stream:many 1000-1 1004-1 1005-2 1016-1 1048-1")
	words("XGROUP CREATE stream:many all 0")
	words("XGROUP CREATE stream:many middle 1005-2 ENTRIESREAD 12")
	words("XGROUP CREATE stream:many end $")
	words("XGROUP CREATECONSUMER stream:many end idle")
	words("XREADGROUP GROUP all alice COUNT 10 STREAMS stream:many >")
	words("XREADGROUP GROUP all bob COUNT 20 STREAMS stream:many >")
	words("XREADGROUP GROUP all carol COUNT 3 NOACK STREAMS stream:many >")
	words("XREADGROUP GROUP middle alice COUNT 5 STREAMS stream:many >")
	words("XACK stream:many all 1001-1 1006-1")
	words("XCLAIM stream:many all dave 0 1002-1 1003-1 RETRYCOUNT 7")
	words("XDEL stream:many 1007-1")
	words("XTRIM stream:many MAXLEN ~ 45")
	words("XGROUP CREATE stream:none group $ MKSTREAM")
	words("XADD stream:emptied 5-5 a b")
	words("XDEL stream:emptied 5-5")
	words("XADD stream:set 1-1 a b")
	words("XSETID stream:set 18446744073709551615-18446744073709551614 ENTRIESADDED 1000 MAXDELETEDID 7-7")
	words("XADD stream:large 18446744073709551615-1 f v")

	// HyperLogLogs, sparse and dense.
	words("PFADD hll:empty")
	words("PFADD hll:sparse a b c")
	for i := range 3000 {
		add("PFADD", "hll:dense", fmt.Sprint(i))
	}
	words("PFCOUNT hll:sparse hll:dense")

	words("SELECT 3")
	words("SET in-three 1 PXAT 33177117420001")
	words("SELECT 15")
	for i := range 300 {
		add("SET", fmt.Sprintf("many:%d", i), noise(r.IntN(60)))
	}
	add("FUNCTION", "LOAD", "#!lua name=first\nredis.register_function('one', function(keys, args) return 1 end)")
	add("FUNCTION", "LOAD", "#!lua name=second\n-- "+long+"\nredis.register_function{function_name='two', callback=function() return 2 end, flags={'no-writes'}}")
	return all
}

// fill makes the dataset; with a rewrite in the middle, so that one part is in the base and the other behind it.
func (s *server) fill(rewrite bool) error {
	commands := dataset(s.kind)
	for i, args := range commands {
		if _, err := s.do(args...); err != nil {
			return err
		}
		if rewrite && i == len(commands)/2 {
			if _, err := s.do("BGREWRITEAOF"); err != nil {
				return err
			}
			if err := s.waitFor("aof_rewrite_scheduled", "0"); err != nil {
				return err
			}
			if err := s.waitFor("aof_rewrite_in_progress", "0"); err != nil {
				return err
			}
			if err := s.waitFor("aof_last_bgrewrite_status", "ok"); err != nil {
				return err
			}
		}
	}
	// Some that are used much, or not for long.
	for range 30 {
		if _, err := s.do("GET", "many:1"); err != nil {
			return err
		}
	}
	r, err := s.do("DUMP", "many:2")
	if err != nil {
		return err
	}
	if rewrite {
		return nil // RESTORE would be in the file, which another server may refuse
	}
	old := []string{"RESTORE", "old", "33177117420001", r.Str, "ABSTTL"}
	if policy, err := s.do("CONFIG", "GET", "maxmemory-policy"); err != nil {
		return err
	} else if policy.Elements[1].Str == "allkeys-lfu" {
		old = append(old, "FREQ", "100")
	} else {
		old = append(old, "IDLETIME", "12500")
	}
	_, err = s.do(old...)
	return err
}
