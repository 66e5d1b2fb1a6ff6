// SPDX-License-Identifier: BSD-3-Clause

package main

// latency.go - --latency, --latency-history, --latency-dist and --intrinsic-latency.

import (
	"math"
	"strings"
	"time"
)

const (
	latencySampleRate             = 10 * time.Millisecond
	latencyHistoryDefaultInterval = 15 * time.Second
	latencyDistDefaultInterval    = time.Second
)

// latencyStat is what --latency shows, in milliseconds.
type latencyStat struct {
	min, max, total, count int64
}

func (s *latencyStat) add(ms int64) {
	if s.count == 0 {
		s.min, s.max = ms, ms
	}
	s.min, s.max = min(s.min, ms), max(s.max, ms)
	s.total += ms
	s.count++
}

func (c *cli) printLatency(s *latencyStat) {
	avg := float64(s.total) / float64(s.count)
	switch c.output {
	case outputStandard:
		c.printf("min: %d, max: %d, avg: %.2f (%d samples)", s.min, s.max, avg, s.count)
	case outputCSV:
		c.printf("%d,%d,%.2f,%d\n", s.min, s.max, avg, s.count)
	case outputRaw:
		c.printf("%d %d %.2f %d\n", s.min, s.max, avg, s.count)
	case outputJSON:
		c.printf("{\"min\": %d, \"max\": %d, \"avg\": %.2f, \"count\": %d}\n", s.min, s.max, avg, s.count)
	}
	c.out.Flush()
}

// milliseconds counts as C does: the clock's milliseconds at the end less those at the start.
func milliseconds(start time.Time) int64 {
	return time.Since(start).Microseconds() / 1000
}

// latencyMode sends a PING a hundred times a second. On a terminal it goes on for ever; otherwise, without --latency-history, it ends after the interval
// with one line.
func (c *cli) latencyMode() int {
	historyInterval, once := latencyHistoryDefaultInterval, time.Second
	if c.interval > 0 {
		historyInterval, once = c.interval, c.interval
	}
	var stat latencyStat
	begun := time.Now()
	for {
		start := time.Now()
		c.reconnectingDo("PING")
		stat.add(milliseconds(start))
		switch {
		case c.output == outputStandard:
			c.printf("\x1b[0G\x1b[2K") // clear the line
			c.printLatency(&stat)
		case c.latencyHistory:
			c.printLatency(&stat)
		case time.Since(begun) > once:
			c.printLatency(&stat)
			return 0
		}
		if c.latencyHistory && time.Since(begun) > historyInterval {
			c.printf(" -- %.2f seconds range\n", time.Since(begun).Seconds())
			begun = time.Now()
			stat = latencyStat{}
		}
		time.Sleep(latencySampleRate)
	}
}

// --- The spectrum ---

var (
	paletteColor = []int{0, 233, 234, 235, 237, 239, 241, 243, 245, 247, 144, 143, 142, 184, 226, 214, 208, 202, 196}
	paletteMono  = []int{0, 233, 234, 235, 237, 239, 241, 243, 245, 247, 249, 251, 253}
)

func (c *cli) palette() []int {
	if c.mono {
		return paletteMono
	}
	return paletteColor
}

// latencyBucket counts the samples up to a number of microseconds.
type latencyBucket struct {
	max       int64 // 0: any
	character byte
	count     int64
}

// latencyBuckets is mostly logarithmic, but linear where it is of most interest, from 1 to 10 milliseconds.
func latencyBuckets() []latencyBucket {
	var list []latencyBucket
	add := func(characters string, limits ...int64) {
		for i, limit := range limits {
			list = append(list, latencyBucket{max: limit, character: characters[i]})
		}
	}
	add(".-*#", 10, 125, 250, 500)
	add("123456789", 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000)
	add("ABCDE", 10000, 20000, 30000, 40000, 50000)
	add("FGHIJ", 100000, 200000, 300000, 400000, 500000)
	add("KLMNOPQ", 1000000, 2000000, 4000000, 8000000, 16000000, 30000000, 60000000)
	add("?", 0)
	return list
}

// showLatencyDist draws a row: the share of the samples that a bucket has is its colour, so that the number of requests does not matter.
func (c *cli) showLatencyDist(buckets []latencyBucket, total int64) {
	palette := c.palette()
	c.printf("\x1b[38;5;0m")
	for i := range buckets {
		b := &buckets[i]
		share := float64(b.count) / float64(total)
		c.printf("\x1b[48;5;%dm%c", palette[int(math.Ceil(share*float64(len(palette)-1)))], b.character)
		b.count = 0
	}
	c.printf("\x1b[0m\n")
	c.out.Flush()
}

func (c *cli) showLatencyLegend() {
	line := strings.Repeat("-", 45)
	c.printf("%s\n"+
		". - * #          .01 .125 .25 .5 milliseconds\n"+
		"1,2,3,...,9      from 1 to 9     milliseconds\n"+
		"A,B,C,D,E        10,20,30,40,50  milliseconds\n"+
		"F,G,H,I,J        .1,.2,.3,.4,.5       seconds\n"+
		"K,L,M,N,O,P,Q,?  1,2,4,8,16,30,60,>60 seconds\n"+
		"From 0 to 100%%: ", line)
	for _, color := range c.palette() {
		c.printf("\x1b[48;5;%dm ", color)
	}
	c.printf("\x1b[0m\n%s\n", line)
}

// latencyDistMode draws a row an interval, for ever.
func (c *cli) latencyDistMode() int {
	interval := latencyDistDefaultInterval
	if c.interval > 0 {
		interval = c.interval
	}
	buckets := latencyBuckets()
	begun := time.Now()
	total := int64(0)
	for rows := 0; ; {
		start := time.Now()
		c.reconnectingDo("PING")
		us := time.Since(start).Microseconds()
		for i := range buckets {
			if buckets[i].max == 0 || us <= buckets[i].max {
				buckets[i].count++
				break
			}
		}
		total++
		if time.Since(begun).Milliseconds() > interval.Milliseconds() {
			if rows%20 == 0 {
				c.showLatencyLegend()
			}
			rows++
			c.showLatencyDist(buckets, total)
			begun, total = time.Now(), 0
		}
		time.Sleep(latencySampleRate)
	}
}

// --- Without a server ---

// computeSomething takes a few microseconds and asks nothing of the system.
func computeSomething() uint64 {
	var s [256]byte
	for k := range s {
		s[k] = byte(k)
	}
	var i, j byte
	output := uint64(0)
	for range 1000 {
		i++
		j += s[i]
		s[i], s[j] = s[j], s[i]
		output += uint64(s[s[i]+s[j]])
	}
	return output
}

// intrinsicLatencyMode measures for how long at most the system does not let a program run that does nothing but compute.
func (c *cli) intrinsicLatencyMode() int {
	c.cancelLoopOnInterrupt()
	runTime := time.Duration(c.intrinsicSeconds) * time.Second
	end := time.Now().Add(runTime)
	var longest time.Duration
	runs := int64(0)
	sum := uint64(0)
	for {
		start := time.Now()
		sum += computeSomething()
		now := time.Now()
		latency := now.Sub(start).Truncate(time.Microsecond)
		runs++
		if latency <= 0 {
			continue
		}
		if latency > longest {
			longest = latency
			c.printf("Max latency so far: %d microseconds.\n", longest.Microseconds())
			c.out.Flush()
		}
		if c.cancelLoop.Load() || now.After(end) {
			break
		}
	}
	avg := float64(runTime.Microseconds()) / float64(runs)
	if sum == 0 {
		return 1 // never: it keeps the computation from being left out
	}
	c.printf("\n%d total runs (avg latency: %.4f microseconds / %.2f nanoseconds per run).\n", runs, avg, avg*1e3)
	ratio := float64(longest.Microseconds()) / avg
	if math.IsInf(ratio, 1) {
		c.printf("Worst run took infx longer than the average latency.\n")
	} else {
		c.printf("Worst run took %.0fx longer than the average latency.\n", ratio)
	}
	return 0
}
