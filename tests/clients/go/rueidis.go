// SPDX-License-Identifier: BSD-3-Clause

package main

// rueidis: one connection for everybody, RESP3, and caching on the client's side.

import (
	"fmt"
	"time"

	"github.com/redis/rueidis"
)

func rueidisTests(address string) {
	p := "rueidis: "
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{address}, SelectDB: 6})
	if err != nil {
		check(p+"connect", nil, nil, err)
		return
	}
	defer c.Close()
	check(p+"flushdb", nil, nil, c.Do(ctx, c.B().Flushdb().Build()).Error())
	check(p+"set", nil, nil, c.Do(ctx, c.B().Set().Key("k").Value("v").ExSeconds(100).Build()).Error())
	s, err := c.Do(ctx, c.B().Get().Key("k").Build()).ToString()
	check(p+"get", "v", s, err)

	// Cached until somebody else writes.
	r := c.DoCache(ctx, c.B().Get().Key("k").Cache(), time.Minute)
	s, err = r.ToString()
	check(p+"first from the server", "v false", fmt.Sprint(s, " ", r.IsCacheHit()), err)
	r = c.DoCache(ctx, c.B().Get().Key("k").Cache(), time.Minute)
	s, err = r.ToString()
	check(p+"then from the cache", "v true", fmt.Sprint(s, " ", r.IsCacheHit()), err)
	other, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{address}, SelectDB: 6, DisableCache: true})
	if err != nil {
		check(p+"connect", nil, nil, err)
		return
	}
	defer other.Close()
	check(p+"set by another", nil, nil, other.Do(ctx, other.B().Set().Key("k").Value("w").Build()).Error())
	for range 500 {
		if s, err = c.DoCache(ctx, c.B().Get().Key("k").Cache(), time.Minute).ToString(); s == "w" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	check(p+"the cache is told", "w", s, err)

	// Many commands at once, and a transaction on a connection of its own.
	var cmds rueidis.Commands
	for i := range 500 {
		cmds = append(cmds, c.B().Incrby().Key("n").Increment(int64(i)).Build())
	}
	n := int64(0)
	for _, r := range c.DoMulti(ctx, cmds...) {
		if n, err = r.AsInt64(); err != nil {
			break
		}
	}
	check(p+"a pipeline", int64(500*499/2), n, err)
	err = c.Dedicated(func(d rueidis.DedicatedClient) error {
		replies := d.DoMulti(ctx, d.B().Multi().Build(), d.B().Hset().Key("h").FieldValue().FieldValue("f", "1").Build(), d.B().Hgetall().Key("h").Build(), d.B().Exec().Build())
		list, err := replies[3].ToArray()
		if err != nil {
			return err
		}
		m, err := list[1].AsStrMap()
		check(p+"a transaction", map[string]string{"f": "1"}, m, err)
		return nil
	})
	check(p+"dedicated", nil, nil, err)

	// Types whose replies are their own in RESP3, scripts, publishing.
	check(p+"zadd", nil, nil, c.Do(ctx, c.B().Zadd().Key("z").ScoreMember().ScoreMember(1.25, "a").ScoreMember(3, "b").Build()).Error())
	z, err := c.Do(ctx, c.B().Zrange().Key("z").Min("0").Max("-1").Withscores().Build()).AsZScores()
	check(p+"zrange", []rueidis.ZScore{{Member: "a", Score: 1.25}, {Member: "b", Score: 3}}, z, err)
	n, err = rueidis.NewLuaScript("return redis.call('INCRBY', KEYS[1], ARGV[1])").Exec(ctx, c, []string{"n"}, []string{"1"}).AsInt64()
	check(p+"a script", int64(500*499/2+1), n, err)
	got := make(chan string, 1)
	ready := make(chan struct{}, 1)
	sub, stop := c.Dedicate()
	sub.SetPubSubHooks(rueidis.PubSubHooks{
		OnMessage:      func(m rueidis.PubSubMessage) { got <- m.Channel + " " + m.Message },
		OnSubscription: func(rueidis.PubSubSubscription) { ready <- struct{}{} },
	})
	check(p+"subscribe", nil, nil, sub.Do(ctx, sub.B().Subscribe().Channel("news").Build()).Error())
	<-ready
	check(p+"publish", nil, nil, c.Do(ctx, c.B().Publish().Channel("news").Message("extra").Build()).Error())
	select {
	case s = <-got:
		check(p+"message", "news extra", s, nil)
	case <-time.After(20 * time.Second):
		check(p+"message", "news extra", "nothing", nil)
	}
	stop()
	check(p+"flushdb", nil, nil, c.Do(ctx, c.B().Flushdb().Build()).Error())
}
