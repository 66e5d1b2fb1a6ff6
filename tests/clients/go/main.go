// SPDX-License-Identifier: BSD-3-Clause

// Smoke tests with go-redis and rueidis, as an application uses them: pools, pipelines, transactions, all types, scripts, RESP2 and RESP3.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	ctx            = context.Background()
	passed, failed int
)

// check counts a comparison as a test.
func check(name string, want, got any, err error) {
	if err != nil || !reflect.DeepEqual(want, got) {
		failed++
		fmt.Printf("[err]: %s: want %v, got %v, error %v\n", name, want, got, err)
		return
	}
	passed++
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go-client HOST:PORT")
		os.Exit(2)
	}
	for _, protocol := range []int{2, 3} {
		c := redis.NewClient(&redis.Options{Addr: os.Args[1], Protocol: protocol, DB: 7, ClientName: "smoke"})
		tests(c, fmt.Sprintf("go-redis, RESP%d: ", protocol))
		if err := c.Close(); err != nil {
			check("close", nil, err, err)
		}
	}
	rueidisTests(os.Args[1])
	fmt.Printf("go-redis and rueidis: %d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

func tests(c *redis.Client, p string) {
	s, err := c.Ping(ctx).Result()
	check(p+"ping", "PONG", s, err)
	check(p+"flushdb", nil, nil, c.FlushDB(ctx).Err())

	// Strings.
	check(p+"set", nil, nil, c.Set(ctx, "greeting", "hello", 0).Err())
	s, err = c.Get(ctx, "greeting").Result()
	check(p+"get", "hello", s, err)
	_, err = c.Get(ctx, "nothing").Result()
	check(p+"get of nothing", true, errors.Is(err, redis.Nil), nil)
	binary := "\x00\r\n\xff" + strings.Repeat("z", 100000)
	check(p+"set of bytes", nil, nil, c.Set(ctx, "bytes", binary, 0).Err())
	s, err = c.Get(ctx, "bytes").Result()
	check(p+"get of bytes", true, s == binary, err)
	ok, err := c.SetNX(ctx, "greeting", "other", 0).Result()
	check(p+"setnx", false, ok, err)
	n, err := c.IncrBy(ctx, "n", 41).Result()
	check(p+"incrby", int64(41), n, err)
	f, err := c.IncrByFloat(ctx, "f", 1.5).Result()
	check(p+"incrbyfloat", 1.5, f, err)
	n, err = c.Append(ctx, "greeting", " world").Result()
	check(p+"append", int64(11), n, err)
	s, err = c.GetRange(ctx, "greeting", -5, -1).Result()
	check(p+"getrange", "world", s, err)
	check(p+"mset", nil, nil, c.MSet(ctx, "a", 1, "b", 2).Err())
	list, err := c.MGet(ctx, "a", "nothing", "b").Result()
	check(p+"mget", []any{"1", nil, "2"}, list, err)

	// Keys.
	ok, err = c.Expire(ctx, "a", time.Hour).Result()
	check(p+"expire", true, ok, err)
	d, err := c.TTL(ctx, "a").Result()
	check(p+"ttl", true, d > 59*time.Minute && d <= time.Hour, err)
	s, err = c.Type(ctx, "a").Result()
	check(p+"type", "string", s, err)
	check(p+"rename", nil, nil, c.Rename(ctx, "a", "c").Err())
	n, err = c.Exists(ctx, "a", "b", "c").Result()
	check(p+"exists", int64(2), n, err)
	n, err = c.Del(ctx, "b", "c", "nothing").Result()
	check(p+"del", int64(2), n, err)

	// A pipeline of many commands, some of which fail.
	cmds, err := c.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i := range 1000 {
			pipe.Set(ctx, fmt.Sprintf("key:%04d", i), i, 0)
		}
		pipe.Incr(ctx, "greeting")
		for i := range 1000 {
			pipe.Get(ctx, fmt.Sprintf("key:%04d", i))
		}
		return nil
	})
	check(p+"pipeline: the error", "ERR value is not an integer or out of range", fmt.Sprint(err), nil)
	check(p+"pipeline: replies", 2001, len(cmds), nil)
	s, err = cmds[2000].(*redis.StringCmd).Result()
	check(p+"pipeline: the last reply", "999", s, err)

	// SCAN over all of them.
	var keys []string
	it := c.Scan(ctx, 0, "key:*", 100).Iterator()
	for it.Next(ctx) {
		keys = append(keys, it.Val())
	}
	sort.Strings(keys)
	check(p+"scan", 1000, len(keys), it.Err())
	check(p+"scan: the last", "key:0999", keys[len(keys)-1], nil)

	// A transaction that another client disturbs, and one that it does not.
	err = c.Watch(ctx, func(tx *redis.Tx) error {
		if err := c.Set(ctx, "n", 1, 0).Err(); err != nil {
			return err
		}
		_, err := tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			pipe.Incr(ctx, "n")
			return nil
		})
		return err
	}, "n")
	check(p+"watch, disturbed", true, errors.Is(err, redis.TxFailedErr), nil)
	_, err = c.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Incr(ctx, "n")
		pipe.Incr(ctx, "n")
		return nil
	})
	n, _ = c.Get(ctx, "n").Int64()
	check(p+"transaction", int64(3), n, err)

	// Publishing.
	sub := c.Subscribe(ctx, "news")
	if _, err = sub.Receive(ctx); err == nil {
		n, err = c.Publish(ctx, "news", "extra").Result()
	}
	check(p+"publish", int64(1), n, err)
	msg, err := sub.ReceiveMessage(ctx)
	if err == nil {
		check(p+"message", "extra", msg.Payload, nil)
	} else {
		check(p+"message", nil, nil, err)
	}
	sub.Close()

	// Many goroutines on one pool.
	var wg sync.WaitGroup
	errs := make(chan error, 50)
	for range 50 {
		wg.Go(func() {
			for range 100 {
				if err := c.Incr(ctx, "together").Err(); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	n, _ = c.Get(ctx, "together").Int64()
	check(p+"many goroutines", int64(5000), n, <-errs)

	// What libraries ask a server about itself.
	info, err := c.Info(ctx, "server").Result()
	check(p+"info", true, strings.Contains(info, "redis_version:8."), err)
	conf, err := c.ConfigGet(ctx, "maxmemory-policy").Result()
	check(p+"config get", map[string]string{"maxmemory-policy": "noeviction"}, conf, err)
	commands, err := c.Command(ctx).Result()
	if err == nil && commands["get"] != nil {
		check(p+"command", int8(2), commands["get"].Arity, nil)
	} else {
		check(p+"command", true, commands["get"] != nil, err)
	}
	s, err = c.ClientGetName(ctx).Result()
	check(p+"client getname", "smoke", s, err)
	typeTests(c, p)
	check(p+"flushdb", nil, nil, c.FlushDB(ctx).Err())
}
