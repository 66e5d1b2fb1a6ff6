// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// giants.go - big collections, and the memory they take.

// giant is a way to load n elements.
type giant struct {
	label string
	load  func(c *conn, key string, n int) error
}

var (
	list = giant{"list", func(c *conn, key string, n int) error {
		return fill(c, n, 100, func(i int) []string { return []string{"RPUSH", key, element(i)} })
	}}
	set = giant{"set", func(c *conn, key string, n int) error {
		return fill(c, n, 100, func(i int) []string { return []string{"SADD", key, element(i)} })
	}}
	hash = giant{"hash", func(c *conn, key string, n int) error {
		return fill(c, n, 100, func(i int) []string { return []string{"HSET", key, element(i), strconv.Itoa(i)} })
	}}
	sortedSet = giant{"sorted set", func(c *conn, key string, n int) error {
		return fill(c, n, 100, func(i int) []string {
			return []string{"ZADD", key, strconv.Itoa(int(uint32(i) * 2654435761 % 1000003)), element(i)}
		})
	}}
	stream = giant{"stream", func(c *conn, key string, n int) error {
		for i := range n {
			if err := c.load("XADD", key, strconv.Itoa(i+1)+"-1", "field", strconv.Itoa(i)); err != nil {
				return err
			}
		}
		return nil
	}}
)

// giants are one of each type.
var giants = []giant{list, set, hash, sortedSet, stream}

// small is many small hashes of 5 fields, each at a key of its own.
var small = giant{"small hashes of 5 fields", func(c *conn, _ string, n int) error {
	for i := range n {
		if err := c.load("HSET", keyName(i), "name", element(i), "year", strconv.Itoa(1950+i%70), "city", "Berlin", "visits", strconv.Itoa(i), "active", "yes"); err != nil {
			return err
		}
	}
	return nil
}}

// bigKey is where there is but one of them.
const bigKey = "giant"

// typeMemory prints what a million of each takes.
func typeMemory(o *options, kinds []kind) error {
	n := min(elements, o.memoryKeys)
	fmt.Printf("\n### Memory of collections\n\nResident memory of %d elements in one key, or of as many keys, less that of the empty server, as soon as it has not changed for %d seconds: "+
		"a server may go on working on what it was given.\n\n", n, int(calm.Seconds()))
	fmt.Print("| |")
	for _, k := range kinds[1:] {
		fmt.Printf(" RSS : %s |", k.name)
	}
	for _, k := range kinds {
		fmt.Printf(" %s |", k.name)
	}
	fmt.Print("\n|---|")
	for range 2*len(kinds) - 1 {
		fmt.Print("---|")
	}
	fmt.Println()
	for _, g := range append(slices.Clone(giants), small) {
		var rss []float64
		for _, k := range kinds {
			x, err := measureGiant(o, k, g, n)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", k.name, g.label, err)
			}
			rss = append(rss, x)
		}
		fmt.Printf("| %s |", g.label)
		for _, x := range rss[1:] {
			fmt.Printf(" %.2f |", rss[0]/x)
		}
		for _, x := range rss {
			fmt.Printf(" %.1f bytes |", x/float64(n))
		}
		fmt.Println()
	}
	return nil
}

func measureGiant(o *options, k kind, g giant, n int) (float64, error) {
	s, err := k.start(o)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	c, err := dial(s.port)
	if err != nil {
		return 0, err
	}
	defer c.close()
	time.Sleep(settle / 6)
	empty, err := s.rss()
	if err != nil {
		return 0, err
	}
	if err := g.load(c, bigKey, n); err != nil {
		return 0, err
	}
	if err := c.drain(); err != nil {
		return 0, err
	}
	full, err := s.calmRSS()
	return float64(full - empty), err
}

// calm is how long memory must not change to count as settled, calmAtMost how long that is waited for.
const (
	calm       = 8 * time.Second
	calmAtMost = time.Minute
)

// calmRSS is the resident memory once it has settled: what changes by less than a hundredth does not count.
func (s *server) calmRSS() (int64, error) {
	base, err := s.rss()
	if err != nil {
		return 0, err
	}
	n := base
	for start, since := time.Now(), time.Now(); time.Since(since) < calm && time.Since(start) < calmAtMost; {
		time.Sleep(calm / 20)
		if n, err = s.rss(); err != nil {
			return 0, err
		}
		if d := n - base; d > base/100 || -d > base/100 {
			base, since = n, time.Now()
		}
	}
	return n, nil
}
