// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// Memory a key, and the longest wait while a keyspace grows.

// values are what the keys hold: letters from 3 to 32 bytes, the same for every server.
type values struct{ *rand.Rand }

func newValues() values { return values{rand.New(rand.NewPCG(1, 2))} }

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func (v values) next() string {
	n, at := 3+v.IntN(30), v.IntN(20)
	return letters[at : at+n]
}

// set writes a key; one in ten expires, long after the run.
func (v values) set(c *conn, key string) error {
	if v.IntN(10) == 0 {
		return c.load("SET", key, v.next(), "EX", strconv.Itoa(100000+v.IntN(1000000)))
	}
	return c.load("SET", key, v.next())
}

func keyName(i int) string { return fmt.Sprintf("key:%012d", i) }

// settle gives a server the time in which it would return memory by itself.
const settle = 3 * time.Second

type memoryResult struct{ empty, loaded, churned, used, cpu float64 }

func memory(o *options, kinds []kind) error {
	n := o.memoryKeys
	fmt.Printf("\n### Memory a key\n\n%d keys key:000000000000..., values of 3 to 32 bytes, every tenth expires. Resident memory less that of the empty server, and used_memory as the "+
		"server tells it; churn overwrites, deletes and adds as many keys as there are.\n\n", n)
	fmt.Println("| | RSS a key, loaded | RSS a key, after churn | used_memory a key, after churn | CPU of loading |")
	fmt.Println("|---|---|---|---|---|")
	results := make([]memoryResult, len(kinds))
	for i, k := range kinds {
		var err error
		if results[i], err = measureMemory(o, k); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	ours := results[0]
	for i, k := range kinds[1:] {
		r := results[i+1]
		fmt.Printf("| %s : %s | %.2f | %.2f | %.2f | %.2f |\n", kinds[0].name, k.name, ours.loaded/r.loaded, ours.churned/r.churned, ours.used/r.used, ours.cpu/r.cpu)
	}
	for i, k := range kinds {
		r := results[i]
		fmt.Printf("| %s | %.1f bytes | %.1f bytes | %.1f bytes | %.2f us a key |\n", k.name, r.loaded/float64(n), r.churned/float64(n), r.used/float64(n), r.cpu/float64(n)/1000)
	}
	return nil
}

func measureMemory(o *options, k kind) (m memoryResult, err error) {
	s, err := k.start(o)
	if err != nil {
		return m, err
	}
	defer s.stop()
	c, err := dial(s.port)
	if err != nil {
		return m, err
	}
	defer c.close()
	rss := func() (float64, error) {
		time.Sleep(settle)
		n, err := s.rss()
		return float64(n), err
	}

	if m.empty, err = rss(); err != nil {
		return m, err
	}
	usedEmpty, err := c.info("memory", "used_memory")
	if err != nil {
		return m, err
	}
	before, err := s.cpu()
	if err != nil {
		return m, err
	}
	v := newValues()
	for i := range o.memoryKeys {
		if err := v.set(c, keyName(i)); err != nil {
			return m, err
		}
	}
	if err := c.drain(); err != nil {
		return m, err
	}
	after, err := s.cpu()
	if err != nil {
		return m, err
	}
	m.cpu = float64(after - before)
	if m.loaded, err = rss(); err != nil {
		return m, err
	}

	// Half of the writes change a value's size; a quarter each deletes a key and makes a new one, so the number stays the same.
	first, next := 0, o.memoryKeys
	for i := range o.memoryKeys {
		switch i % 4 {
		case 0:
			err = c.load("DEL", keyName(first))
			first++
		case 1:
			err = v.set(c, keyName(next))
			next++
		default:
			err = v.set(c, keyName(first+v.IntN(next-first)))
		}
		if err != nil {
			return m, err
		}
	}
	if err := c.drain(); err != nil {
		return m, err
	}
	if m.churned, err = rss(); err != nil {
		return m, err
	}
	if m.used, err = c.info("memory", "used_memory"); err != nil {
		return m, err
	}
	m.loaded -= m.empty
	m.churned -= m.empty
	m.used -= usedEmpty
	return m, nil
}
