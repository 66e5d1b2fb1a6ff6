// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// freeze.go - what a save does to everybody else: how long it holds the server, how long others wait, how much slower writes are meanwhile, and how
// much memory it takes.

// A job is work in the background, with quiet before and after each time that it is done.
type job struct {
	command string
	busy    string // the field of INFO persistence that says that it runs
	cow     string // the one that says how many bytes were copied
}

var (
	bgsave       = job{"BGSAVE", "rdb_bgsave_in_progress", "rdb_last_cow_size"}
	bgrewriteaof = job{"BGREWRITEAOF", "aof_rewrite_in_progress", "aof_last_cow_size"}
)

// jobResult is what a job did when it was done several times.
type jobResult struct {
	quiet, busy []span
	hold        float64 // ms, the median of what the command took that begins it
	peak        int64   // bytes that were resident at most
	cow         float64 // bytes copied at most, as the server has it
}

// repeat does a job until there is enough to judge by: at least a second of it, and three times unless each takes seconds.
func (j job) repeat(s *server, c *conn, quiet time.Duration) (r jobResult, err error) {
	var holds []float64
	rest := func() {
		start := time.Now()
		time.Sleep(quiet)
		r.quiet = append(r.quiet, span{start, time.Now()})
	}
	for rest(); len(r.busy) < 40 && (seconds(r.busy) < 2 || len(r.busy) < 3 && seconds(r.busy) < 6); rest() {
		if _, err := c.do("CONFIG", "RESETSTAT"); err != nil {
			return r, err
		}
		start := time.Now()
		if _, err := c.do(j.command); err != nil {
			return r, err
		}
		if err := j.await(s, c, &r.peak); err != nil {
			return r, err
		}
		r.busy = append(r.busy, span{start, time.Now()})
		took, err := c.callTime(j.command)
		if err != nil {
			return r, err
		}
		holds = append(holds, took/1000)
		cow, err := c.info("persistence", j.cow)
		if err != nil {
			return r, err
		}
		r.cow = max(r.cow, cow)
	}
	r.hold = median(holds)
	return r, nil
}

// await waits until the job is done, and notes the highest resident memory.
func (j job) await(s *server, c *conn, peak *int64) error {
	for {
		if rss, err := s.rss(); err == nil {
			*peak = max(*peak, rss)
		}
		if busy, err := c.info("persistence", j.busy); err != nil || busy == 0 {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// appendOnly turns the append-only file on, and waits until there is one.
func appendOnly(s *server, c *conn) error {
	for _, setting := range [][2]string{{"auto-aof-rewrite-percentage", "0"}, {"appendonly", "yes"}} {
		if _, err := c.do("CONFIG", "SET", setting[0], setting[1]); err != nil {
			return err
		}
	}
	time.Sleep(100 * time.Millisecond)
	var peak int64
	return bgrewriteaof.await(s, c, &peak)
}

// freezeServer is a server on all processors, as saving is done beside serving.
func freezeServer(o *options, k kind) (*server, *conn, error) {
	everywhere := *o
	everywhere.serverCPUs = o.serverCPUs + "," + o.clientCPUs
	s, err := k.start(&everywhere)
	if err != nil {
		return nil, nil, err
	}
	c, err := dial(s.port)
	if err != nil {
		s.stop()
		return nil, nil, err
	}
	return s, c, nil
}

func freeze(o *options, kinds []kind) error {
	if err := freezeSmall(o, kinds); err != nil {
		return err
	}
	return freezeBig(o, kinds)
}

// --- Many small keys ---

type freezeResult struct {
	save, rewrite jobResult
	reader        *asker
	writer        *asker
	extra         float64 // bytes at the peak
	load          time.Duration
	size          float64 // of dump.rdb
}

func freezeSmall(o *options, kinds []kind) error {
	fmt.Print("\n### Saving under load\n\nBGSAVE, then BGREWRITEAOF, while one client writes to random keys as fast as it can, 16 at a time, and another reads one every now and then. The server may use all " +
		"processors, as saving is done beside serving. The hold is what the command takes that begins it; the waits are the reader's p99.9 (while saving, and in brackets when not); writes are those " +
		"while saving by those when not; extra memory is the growth of its resident memory, and with a child what that has copied.\n\n")
	fmt.Println("| keys | | hold by BGSAVE | by BGREWRITEAOF | waits, BGSAVE | waits, BGREWRITEAOF | writes, BGSAVE | writes, BGREWRITEAOF | extra memory | saving, MB/s | loading, MB/s |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|")
	for _, n := range []int{10000, o.freezeKeys} {
		for _, k := range kinds {
			r, err := measureFreeze(o, k, n)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			waits := func(j jobResult) string {
				return fmt.Sprintf("%.2f ms (%.2f)", ms(r.reader.p999(j.busy)), ms(r.reader.p999(j.quiet)))
			}
			writes := func(j jobResult) float64 { return r.writer.slowdown(j) }
			fmt.Printf("| %d | %s | %.2f ms | %.2f ms | %s | %s | %.2f | %.2f | %.1f MB | %.0f | %.0f |\n", n, k.name, r.save.hold, r.rewrite.hold, waits(r.save), waits(r.rewrite),
				writes(r.save), writes(r.rewrite), r.extra/1e6, r.size/1e6/(seconds(r.save.busy)/float64(len(r.save.busy))), r.size/1e6/r.load.Seconds())
		}
	}
	return nil
}

func measureFreeze(o *options, k kind, n int) (r freezeResult, err error) {
	s, c, err := freezeServer(o, k)
	if err != nil {
		return r, err
	}
	defer s.stop()
	defer c.close()
	v := newValues()
	for i := range n {
		if err := v.set(c, keyName(i)); err != nil {
			return r, err
		}
	}
	if err := c.drain(); err != nil {
		return r, err
	}
	time.Sleep(settle)

	w := newCrowd(s)
	defer w.end()
	values := newValues()
	r.writer = w.add(0, func(c *conn) error {
		for range 16 {
			if err := c.load("SET", keyName(rand.IntN(n)), values.next()); err != nil {
				return err
			}
		}
		return c.drain()
	})
	r.reader = w.add(200*time.Microsecond, func(c *conn) error {
		_, err := c.do("GET", keyName(rand.IntN(n)))
		return err
	})
	time.Sleep(time.Second)
	rss, err := s.rss()
	if err != nil {
		return r, err
	}
	quiet := 300 * time.Millisecond
	if n > elements {
		quiet = 2 * time.Second // of which there will be few
	}
	if r.save, err = bgsave.repeat(s, c, quiet); err != nil {
		return r, err
	}
	r.extra = float64(r.save.peak - rss)
	if k.name != "Redport" {
		r.extra += r.save.cow
	}
	info, err := os.Stat(filepath.Join(s.dir, "dump.rdb"))
	if err != nil {
		return r, err
	}
	r.size = float64(info.Size())
	if err := appendOnly(s, c); err != nil {
		return r, err
	}
	if r.rewrite, err = bgrewriteaof.repeat(s, c, quiet); err != nil {
		return r, err
	}
	if err := w.end(); err != nil {
		return r, err
	}
	if _, err := c.do("CONFIG", "SET", "appendonly", "no"); err != nil {
		return r, err
	}
	start := time.Now()
	if _, err := c.do("DEBUG", "RELOAD", "NOSAVE"); err != nil {
		return r, err
	}
	r.load = time.Since(start)
	return r, nil
}

// --- A few big ones ---

// bigKeys are collections of a million elements, each at a key by the name of its type, and what a client writes to them.
var bigKeys = []struct {
	giant
	write func(c *conn, n, i int) error
}{
	{hash, func(c *conn, n, i int) error {
		_, err := c.do("HSET", hash.label, element(rand.IntN(n)), strconv.Itoa(i))
		return err
	}},
	{sortedSet, func(c *conn, n, i int) error {
		_, err := c.do("ZADD", sortedSet.label, strconv.Itoa(rand.IntN(n)), element(rand.IntN(n)))
		return err
	}},
	{list, func(c *conn, n, i int) error {
		var err error
		switch i % 3 {
		case 0:
			_, err = c.do("LSET", list.label, strconv.Itoa(rand.IntN(n)), element(i))
		case 1:
			_, err = c.do("RPUSH", list.label, element(i))
		default:
			_, err = c.do("LPOP", list.label)
		}
		return err
	}},
	{stream, func(c *conn, n, i int) error {
		_, err := c.do("XADD", stream.label, "*", "field", strconv.Itoa(i))
		return err
	}},
}

func freezeBig(o *options, kinds []kind) error {
	n := min(elements, o.freezeKeys)
	fmt.Printf("\n### Waits of writers to big collections while they are saved\n\nOne client each writes to a hash, a sorted set, a list and a stream of %d elements, an answer at a time, and another "+
		"one reads another key every now and then. p99.9 of the waits while saving, and in brackets when not.\n\n", n)
	fmt.Print("| | | hold |")
	for _, b := range bigKeys {
		fmt.Printf(" %s |", b.label)
	}
	fmt.Println(" another key | writes while saving : when not |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	for _, k := range kinds {
		if err := measureFreezeBig(o, k, n); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

func measureFreezeBig(o *options, k kind, n int) error {
	s, c, err := freezeServer(o, k)
	if err != nil {
		return err
	}
	defer s.stop()
	defer c.close()
	for _, b := range bigKeys {
		if err := b.load(c, b.label, n); err != nil {
			return err
		}
	}
	if err := c.load("SET", "small", "x"); err != nil {
		return err
	}
	if err := c.drain(); err != nil {
		return err
	}
	time.Sleep(settle)
	w := newCrowd(s)
	defer w.end()
	for _, b := range bigKeys {
		i := 0
		w.add(0, func(c *conn) error {
			i++
			return b.write(c, n, i)
		})
	}
	w.add(200*time.Microsecond, func(c *conn) error {
		_, err := c.do("GET", "small")
		return err
	})
	time.Sleep(time.Second)
	var results []jobResult
	for _, j := range []job{bgsave, bgrewriteaof} {
		if j == bgrewriteaof {
			if err := appendOnly(s, c); err != nil {
				return err
			}
		}
		r, err := j.repeat(s, c, time.Second)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	if err := w.end(); err != nil {
		return err
	}
	for i, j := range []job{bgsave, bgrewriteaof} {
		r := results[i]
		fmt.Printf("| %s | %s | %.2f ms |", j.command, k.name, r.hold)
		var slowdowns []float64
		for at, a := range w.askers {
			fmt.Printf(" %.2f ms (%.2f) |", ms(a.p999(r.busy)), ms(a.p999(r.quiet)))
			if at < len(bigKeys) {
				slowdowns = append(slowdowns, a.slowdown(r))
			}
		}
		fmt.Printf(" %.2f |\n", median(slowdowns))
	}
	return nil
}
