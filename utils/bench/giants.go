// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Big collections: the memory they take, and how long other clients wait while one goes.

// giant is a way to load n elements.
type giant struct {
	label string
	load  func(c *conn, n int) error
}

// bigKey is where giants are loaded.
const bigKey = "giant"

var giants = []giant{
	{"list", func(c *conn, n int) error {
		return fill(c, n, 100, func(i int) []string { return []string{"RPUSH", bigKey, element(i)} })
	}},
	{"set", func(c *conn, n int) error {
		return fill(c, n, 100, func(i int) []string { return []string{"SADD", bigKey, element(i)} })
	}},
	{"hash", func(c *conn, n int) error {
		return fill(c, n, 100, func(i int) []string { return []string{"HSET", bigKey, element(i), strconv.Itoa(i)} })
	}},
	{"sorted set", func(c *conn, n int) error {
		return fill(c, n, 100, func(i int) []string {
			return []string{"ZADD", bigKey, strconv.Itoa(int(uint32(i) * 2654435761 % 1000003)), element(i)}
		})
	}},
	{"stream", func(c *conn, n int) error {
		for i := range n {
			if err := c.load("XADD", bigKey, strconv.Itoa(i+1)+"-1", "field", strconv.Itoa(i)); err != nil {
				return err
			}
		}
		return nil
	}},
}

// small is many small hashes of 5 fields.
var small = giant{"small hashes of 5 fields", func(c *conn, n int) error {
	for i := range n {
		if err := c.load("HSET", keyName(i), "name", element(i), "year", strconv.Itoa(1950+i%70), "city", "Berlin", "visits", strconv.Itoa(i), "active", "yes"); err != nil {
			return err
		}
	}
	return nil
}}

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
	if err := g.load(c, n); err != nil {
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

// An ending makes the giant in database 1 go, to which the client has switched.
type ending struct {
	label string
	do    func(c *conn) error
}

func command(args ...string) func(c *conn) error {
	return func(c *conn) error {
		_, err := c.do(args...)
		return err
	}
}

var endings = []ending{
	{"DEL", command("DEL", bigKey)},
	{"expiry", func(c *conn) error {
		if _, err := c.do("PEXPIRE", bigKey, "1"); err != nil {
			return err
		}
		for {
			n, err := c.do("DBSIZE")
			if err != nil || n == "0" {
				return err
			}
			time.Sleep(time.Millisecond)
		}
	}},
	{"RENAME over it", func(c *conn) error {
		if _, err := c.do("SET", "other", "x"); err != nil {
			return err
		}
		_, err := c.do("RENAME", "other", bigKey)
		return err
	}},
	{"FLUSHDB", command("FLUSHDB")},
}

// stallRounds is how often each ending is tried. What the server does wrong comes every time, what the machine does does not: so the least counts.
const stallRounds = 3

// stalls prints how long another client waits at worst while giants go, on our server alone: others free in another thread only what they are told to.
func stalls(o *options, kinds []kind) error {
	fmt.Printf("\n### Longest waits of another client while a giant of %d elements goes\n\n%s. The other client asks for a small key again and again, from shortly before to a "+
		"second after: what it waits at worst, and what the longest turn of the event loop took, as the server tells it. In brackets, the same in as long a time in which nothing happens. Each is "+
		"the least of %d rounds: a stall of the server's own making would be in all of them.\n\n", o.stallSize, kinds[0].name, stallRounds)
	fmt.Print("| |")
	for _, e := range endings {
		fmt.Printf(" %s: wait | turn |", e.label)
	}
	fmt.Println("\n|---|---|---|---|---|---|---|---|---|")
	for _, g := range giants {
		fmt.Printf("| %s |", g.label)
		if err := stallsOf(o, kinds[0], g); err != nil {
			return fmt.Errorf("%s: %w", g.label, err)
		}
		fmt.Println()
	}
	return nil
}

// stall is the longest wait of a client, and the longest turn of the server.
type stall struct{ wait, turn time.Duration }

func (s *stall) least(x stall) {
	s.wait = min(s.wait, x.wait)
	s.turn = min(s.turn, x.turn)
}

func stallsOf(o *options, k kind, g giant) error {
	s, c, err := freezeServer(o, k)
	if err != nil {
		return err
	}
	defer s.stop()
	defer c.close()
	if err := g.load(c, o.stallSize); err != nil {
		return err
	}
	if err := c.load("SET", "small", "x"); err != nil {
		return err
	}
	if err := c.drain(); err != nil {
		return err
	}
	for _, e := range endings {
		busy := stall{time.Hour, time.Hour}
		quiet := busy
		for range stallRounds {
			for _, args := range [][]string{{"SELECT", "0"}, {"COPY", bigKey, bigKey, "DB", "1", "REPLACE"}, {"SELECT", "1"}} {
				if _, err := c.do(args...); err != nil {
					return err
				}
			}
			time.Sleep(settle / 10)
			x, err := watch(s, c, func(c *conn) error { return nil })
			if err != nil {
				return err
			}
			quiet.least(x)
			if x, err = watch(s, c, e.do); err != nil {
				return err
			}
			busy.least(x)
		}
		fmt.Printf(" %.2f ms (%.2f) | %.2f ms (%.2f) |", ms(busy.wait), ms(quiet.wait), ms(busy.turn), ms(quiet.turn))
	}
	return nil
}

// watch does something while another client asks again and again.
func watch(s *server, c *conn, do func(c *conn) error) (x stall, err error) {
	if _, err := c.do("CONFIG", "RESETSTAT"); err != nil {
		return x, err
	}
	result := make(chan error, 1)
	go func() {
		var err error
		x.wait, err = longestWait(s, 1200*time.Millisecond)
		result <- err
	}()
	time.Sleep(200 * time.Millisecond)
	if err := do(c); err != nil {
		return x, err
	}
	if err := <-result; err != nil {
		return x, err
	}
	turn, err := c.info("debug", "eventloop_duration_max")
	x.turn = time.Duration(turn) * time.Microsecond
	return x, err
}

// longestWait asks for a small key for some time.
func longestWait(s *server, long time.Duration) (most time.Duration, err error) {
	c, err := dial(s.port)
	if err != nil {
		return 0, err
	}
	defer c.close()
	for end := time.Now().Add(long); ; {
		start := time.Now()
		if start.After(end) {
			return most, nil
		}
		if _, err := c.do("GET", "small"); err != nil {
			return 0, err
		}
		most = max(most, time.Since(start))
	}
}
