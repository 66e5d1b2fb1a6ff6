// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"
)

// freeze.go - what a save does to everybody else: how long it holds the server, how much slower writes are meanwhile, how much memory it takes.

type freezeResult struct {
	hold        float64       // ms: latest_fork_usec
	worst, p999 time.Duration // waits of another client, during the save
	slowdown    float64       // writes a second during the save, by those before
	extra       float64       // bytes at the peak
	save, load  time.Duration
	size        float64 // of dump.rdb
}

func freeze(o *options, kinds []kind) error {
	fmt.Print("\n### Saving under load\n\nBGSAVE while one client writes to random keys as fast as it can and another reads one now and then. The server may use all processors, as saving is done beside " +
		"serving. The hold is the time for which the snapshot's start stops the server (latest_fork_usec); extra memory is the growth of its resident memory, and with a child " +
		"what that has copied.\n\n")
	fmt.Println("| keys | | hold | worst wait | p99.9 wait | writes while saving : before | extra memory | saving | MB/s | loading | MB/s |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|")
	for _, n := range []int{10000, o.freezeKeys} {
		for _, k := range kinds {
			r, err := measureFreeze(o, k, n)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			fmt.Printf("| %d | %s | %.2f ms | %.1f ms | %.1f ms | %.2f | %.1f MB | %.2f s | %.0f | %.2f s | %.0f |\n", n, k.name, r.hold, ms(r.worst), ms(r.p999), r.slowdown, r.extra/1e6,
				r.save.Seconds(), r.size/1e6/r.save.Seconds(), r.load.Seconds(), r.size/1e6/r.load.Seconds())
		}
	}
	return nil
}

func measureFreeze(o *options, k kind, n int) (r freezeResult, err error) {
	everywhere := *o
	everywhere.serverCPUs = o.serverCPUs + "," + o.clientCPUs
	s, err := k.start(&everywhere)
	if err != nil {
		return r, err
	}
	defer s.stop()
	c, err := dial(s.port)
	if err != nil {
		return r, err
	}
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

	var written atomic.Int64
	var stop atomic.Bool
	ended := make(chan error, 2)
	waits := make(chan []time.Duration, 1)
	var saving atomic.Bool
	go func() {
		w, err := dial(s.port)
		if err != nil {
			ended <- err
			return
		}
		defer w.close()
		v := newValues()
		for !stop.Load() {
			for range 16 {
				if err := w.load("SET", keyName(rand.IntN(n)), v.next()); err != nil {
					ended <- err
					return
				}
			}
			if err := w.drain(); err != nil {
				ended <- err
				return
			}
			written.Add(16)
		}
		ended <- nil
	}()
	go func() {
		var list []time.Duration
		g, err := dial(s.port)
		if err == nil {
			defer g.close()
			for !stop.Load() && err == nil {
				start := time.Now()
				_, err = g.do("GET", keyName(rand.IntN(n)))
				if saving.Load() {
					list = append(list, time.Since(start))
				}
				time.Sleep(200 * time.Microsecond)
			}
		}
		waits <- list
		ended <- err
	}()
	before := time.Now()
	const quiet = 2 * time.Second
	time.Sleep(quiet)
	rate := float64(written.Load()) / time.Since(before).Seconds()
	rss, err := s.rss()
	if err != nil {
		return r, err
	}
	saving.Store(true)
	start, from := time.Now(), written.Load()
	if _, err := c.do("BGSAVE"); err != nil {
		return r, err
	}
	peak := rss
	for {
		if now, err := s.rss(); err == nil {
			peak = max(peak, now)
		}
		busy, err := c.info("persistence", "rdb_bgsave_in_progress")
		if err != nil {
			return r, err
		}
		if busy == 0 {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	r.save = time.Since(start)
	saving.Store(false)
	r.slowdown = float64(written.Load()-from) / r.save.Seconds() / rate
	stop.Store(true)
	list := <-waits
	for range 2 {
		if err := <-ended; err != nil {
			return r, err
		}
	}
	slices.Sort(list)
	if len(list) > 0 {
		r.worst, r.p999 = list[len(list)-1], list[(len(list)-1)*999/1000]
	}
	hold, err := c.info("stats", "latest_fork_usec")
	if err != nil {
		return r, err
	}
	r.hold = hold / 1000
	cow, err := c.info("persistence", "rdb_last_cow_size")
	if err != nil {
		return r, err
	}
	r.extra = float64(peak - rss)
	if k.name != "Redport" {
		r.extra += cow
	}
	info, err := os.Stat(filepath.Join(s.dir, "dump.rdb"))
	if err != nil {
		return r, err
	}
	r.size = float64(info.Size())
	start = time.Now()
	if _, err := c.do("DEBUG", "RELOAD", "NOSAVE"); err != nil {
		return r, err
	}
	r.load = time.Since(start)
	return r, nil
}
