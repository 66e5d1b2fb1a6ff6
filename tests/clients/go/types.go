// SPDX-License-Identifier: BSD-3-Clause

package main

// All types, scripts and functions with go-redis.

import (
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

func typeTests(c *redis.Client, p string) {
	// Lists.
	n, err := c.RPush(ctx, "list", "a", "b", "c").Result()
	check(p+"rpush", int64(3), n, err)
	list, err := c.LRange(ctx, "list", 0, -1).Result()
	check(p+"lrange", []string{"a", "b", "c"}, list, err)
	popped, err := c.BLPop(ctx, time.Second, "empty", "list").Result()
	check(p+"blpop", []string{"list", "a"}, popped, err)
	s, err := c.LMove(ctx, "list", "other", "RIGHT", "LEFT").Result()
	check(p+"lmove", "c", s, err)

	// Sets.
	n, err = c.SAdd(ctx, "set", "x", "y", "z").Result()
	check(p+"sadd", int64(3), n, err)
	many, err := c.SMIsMember(ctx, "set", "x", "nothing").Result()
	check(p+"smismember", []bool{true, false}, many, err)
	members, err := c.SMembersMap(ctx, "set").Result()
	check(p+"smembers", map[string]struct{}{"x": {}, "y": {}, "z": {}}, members, err)

	// Hashes, with fields that expire.
	n, err = c.HSet(ctx, "hash", "name", "value", "n", 1).Result()
	check(p+"hset", int64(2), n, err)
	hash, err := c.HGetAll(ctx, "hash").Result()
	check(p+"hgetall", map[string]string{"name": "value", "n": "1"}, hash, err)
	expire, err := c.HExpire(ctx, "hash", time.Hour, "name", "nothing").Result()
	check(p+"hexpire", []int64{1, -2}, expire, err)
	ttls, err := c.HTTL(ctx, "hash", "name", "n").Result()
	check(p+"httl", true, len(ttls) == 2 && ttls[0] > 3590 && ttls[1] == -1, err)

	// Sorted sets.
	n, err = c.ZAdd(ctx, "zset", redis.Z{Score: 1.5, Member: "a"}, redis.Z{Score: 2, Member: "b"}, redis.Z{Score: 3, Member: "c"}).Result()
	check(p+"zadd", int64(3), n, err)
	z, err := c.ZRangeWithScores(ctx, "zset", 0, 1).Result()
	check(p+"zrange", []redis.Z{{Score: 1.5, Member: "a"}, {Score: 2, Member: "b"}}, z, err)
	rank, err := c.ZRankWithScore(ctx, "zset", "c").Result()
	check(p+"zrank", redis.RankScore{Rank: 2, Score: 3}, rank, err)

	// Streams and groups.
	id, err := c.XAdd(ctx, &redis.XAddArgs{Stream: "stream", ID: "1-1", Values: []string{"k", "v"}}).Result()
	check(p+"xadd", "1-1", id, err)
	check(p+"xgroup create", nil, nil, c.XGroupCreate(ctx, "stream", "group", "0").Err())
	read, err := c.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "group", Consumer: "me", Streams: []string{"stream", ">"}}).Result()
	if check(p+"xreadgroup", 1, len(read), err); len(read) == 1 {
		check(p+"xreadgroup: the entry", []redis.XMessage{{ID: "1-1", Values: map[string]any{"k": "v"}}}, read[0].Messages, nil)
	}
	pending, err := c.XPending(ctx, "stream", "group").Result()
	check(p+"xpending", true, err == nil && pending.Count == 1 && pending.Consumers["me"] == 1, err)
	n, err = c.XAck(ctx, "stream", "group", "1-1").Result()
	check(p+"xack", int64(1), n, err)

	// Bits, geography, cardinality.
	n, err = c.SetBit(ctx, "bits", 7, 1).Result()
	check(p+"setbit", int64(0), n, err)
	n, err = c.BitCount(ctx, "bits", nil).Result()
	check(p+"bitcount", int64(1), n, err)
	n, err = c.GeoAdd(ctx, "geo", &redis.GeoLocation{Name: "Palermo", Longitude: 13.361389, Latitude: 38.115556}, &redis.GeoLocation{Name: "Catania", Longitude: 15.087269, Latitude: 37.502669}).Result()
	check(p+"geoadd", int64(2), n, err)
	d, err := c.GeoDist(ctx, "geo", "Palermo", "Catania", "km").Result()
	check(p+"geodist", 166.2742, d, err)
	n, err = c.PFAdd(ctx, "hll", "a", "b", "c").Result()
	check(p+"pfadd", int64(1), n, err)
	n, err = c.PFCount(ctx, "hll").Result()
	check(p+"pfcount", int64(3), n, err)

	// DUMP and RESTORE.
	payload, err := c.Dump(ctx, "zset").Result()
	check(p+"dump", true, len(payload) > 10, err)
	check(p+"restore", nil, nil, c.Restore(ctx, "zset2", 0, payload).Err())
	sorted, err := c.Sort(ctx, "zset2", &redis.Sort{Alpha: true, Order: "DESC"}).Result()
	check(p+"sort", []string{"c", "b", "a"}, sorted, err)

	// Scripts and functions.
	script := redis.NewScript(`redis.call('SET', KEYS[1], ARGV[1]); return {redis.call('GET', KEYS[1]), 7, {1, 2}}`)
	v, err := script.Run(ctx, c, []string{"scripted"}, "hello").Result()
	check(p+"script", "[hello 7 [1 2]]", fmt.Sprint(v), err)
	_, err = c.Eval(ctx, `return redis.error_reply('MY error')`, nil).Result()
	check(p+"script: the error", "MY error", fmt.Sprint(err), nil)
	s, err = c.FunctionLoadReplace(ctx, "#!lua name=smoke\nredis.register_function('double', function(keys, args) return args[1] * 2 end)").Result()
	check(p+"function load", "smoke", s, err)
	n, err = c.FCall(ctx, "double", nil, 21).Int64()
	check(p+"fcall", int64(42), n, err)
	check(p+"function delete", nil, nil, c.FunctionDelete(ctx, "smoke").Err())

	// Users.
	check(p+"acl setuser", nil, nil, c.Do(ctx, "ACL", "SETUSER", "smoke", "on", ">pw", "~smoke:*", "+get").Err())
	limited := redis.NewClient(&redis.Options{Addr: c.Options().Addr, Protocol: c.Options().Protocol, Username: "smoke", Password: "pw"})
	_, err = limited.Get(ctx, "smoke:k").Result()
	check(p+"acl: allowed", redis.Nil, err, nil)
	_, err = limited.Get(ctx, "k").Result()
	check(p+"acl: refused", true, strings.HasPrefix(fmt.Sprint(err), "NOPERM"), nil)
	limited.Close()
	check(p+"acl deluser", nil, nil, c.Do(ctx, "ACL", "DELUSER", "smoke").Err())
}
