// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Latency of single commands while the keyspace grows: what a table-wide rehash, the collector or a page fault costs a client.

type latencyResult struct {
	p999, p9999, worst time.Duration // as a second client sees it
	slowest            time.Duration // of a single command, as SLOWLOG tells it
	event              string        // the longest of LATENCY LATEST
}

func latency(o *options, kinds []kind) error {
	fmt.Printf("\n### Longest waits while %d keys are loaded\n\nOne client loads, pipelined; another reads a random key again and again. Ratios less is better; the worst is a "+
		"single event, and on a busy machine the machine's.\n\n", o.latencyKeys)
	fmt.Println("| | p99.9 | p99.99 | worst seen by a client | slowest command in SLOWLOG | longest event of LATENCY |")
	fmt.Println("|---|---|---|---|---|---|")
	results := make([]latencyResult, len(kinds))
	for i, k := range kinds {
		var err error
		if results[i], err = measureLatency(o, k); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	ours := results[0]
	for i, k := range kinds[1:] {
		r := results[i+1]
		fmt.Printf("| %s : %s | %.2f | %.2f | %.2f | | |\n", kinds[0].name, k.name, quotient(ours.p999, r.p999), quotient(ours.p9999, r.p9999), quotient(ours.worst, r.worst))
	}
	for i, k := range kinds {
		r := results[i]
		fmt.Printf("| %s | %v | %v | %v | %v | %s |\n", k.name, r.p999, r.p9999, r.worst, r.slowest, r.event)
	}
	return nil
}

func quotient(a, b time.Duration) float64 { return float64(a) / float64(max(b, 1)) }

func measureLatency(o *options, k kind) (r latencyResult, err error) {
	s, err := k.start(o)
	if err != nil {
		return r, err
	}
	defer s.stop()
	loader, err := dial(s.port)
	if err != nil {
		return r, err
	}
	defer loader.close()
	// Valkey's name for it is another one, and it keeps the old one.
	for _, setting := range [][2]string{{"latency-monitor-threshold", "1"}, {"slowlog-log-slower-than", "500"}} {
		if _, err := loader.do("CONFIG", "SET", setting[0], setting[1]); err != nil {
			return r, err
		}
	}

	loaded := make(chan error, 1)
	go func() {
		v := newValues()
		for i := range o.latencyKeys {
			if err := v.set(loader, keyName(i)); err != nil {
				loaded <- err
				return
			}
		}
		loaded <- loader.drain()
	}()

	c, err := dial(s.port)
	if err != nil {
		return r, err
	}
	defer c.close()
	var waits []time.Duration
	for done := false; !done; {
		select {
		case err := <-loaded:
			if err != nil {
				return r, err
			}
			done = true
		default:
		}
		start := time.Now()
		if _, err := c.do("GET", keyName(rand.IntN(o.latencyKeys))); err != nil {
			return r, err
		}
		waits = append(waits, time.Since(start))
	}
	slices.Sort(waits)
	at := func(share float64) time.Duration {
		return waits[int(float64(len(waits)-1)*share)].Round(time.Microsecond)
	}
	r.p999, r.p9999, r.worst = at(0.999), at(0.9999), at(1)

	// An entry's third word is its microseconds; GET of 0 entries is no error, so a quiet log is a zero.
	log, err := c.do("SLOWLOG", "GET", "-1")
	if err != nil {
		return r, err
	}
	r.slowest = slowest(log)
	events, err := c.do("LATENCY", "LATEST")
	if err != nil {
		return r, err
	}
	r.event = longestEvent(events)
	return r, nil
}

// slowest finds the longest time in a flattened SLOWLOG: entries are id, unix time, microseconds, command..., so the word after
// each unix time of these days.
func slowest(log string) time.Duration {
	words := strings.Fields(log)
	var most int64
	for i := 1; i+1 < len(words); i++ {
		if t, err := strconv.ParseInt(words[i], 10, 64); err == nil && t > 1600000000 && t < 4000000000 {
			if us, err := strconv.ParseInt(words[i+1], 10, 64); err == nil && us < 3600000000 {
				most = max(most, us)
			}
		}
	}
	return time.Duration(most) * time.Microsecond
}

// longestEvent picks the entry of LATENCY LATEST (event, time, latest ms, longest ms) that lasted longest.
func longestEvent(text string) string {
	words := strings.Fields(text)
	name, most := "none of 1 ms", 0
	// Newer servers add two words, a sum and a count.
	for i := 0; i+3 < len(words); i++ {
		if _, err := strconv.Atoi(words[i]); err == nil {
			continue
		}
		if ms, err := strconv.Atoi(words[i+3]); err == nil && ms > most {
			name, most = fmt.Sprintf("%s %d ms", words[i], ms), ms
		}
	}
	return name
}
