// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"runtime"
	"slices"
	"sync/atomic"
	"time"
)

// waits.go - what clients wait for answers while something else goes on in the server.
//
// Single waits say little: on a shared machine one of several milliseconds comes along every few seconds with nothing going on at all. So what is
// measured is done several times, in spans with quiet ones between, and what is told is the median of the spans' p99.9, beside that of the
// quiet spans. Spans that are too short for a p99.9 are taken together.

// span is a time in which something went on, or nothing did.
type span struct{ from, to time.Time }

func (s span) seconds() float64 { return s.to.Sub(s.from).Seconds() }

func seconds(spans []span) (sum float64) {
	for _, s := range spans {
		sum += s.seconds()
	}
	return sum
}

// An asker is a client that asks again and again, and keeps when it did and how long each answer took.
type asker struct {
	starts []time.Time
	waits  []time.Duration
	err    error
	ended  chan struct{}
}

// crowd is askers that begin and end together.
type crowd struct {
	s      *server
	stop   atomic.Bool
	askers []*asker
}

// newCrowd is a crowd without clients. Its clients shall not wait for each other, so each gets a thread when it wants one.
func newCrowd(s *server) *crowd {
	runtime.GOMAXPROCS(16)
	return &crowd{s: s}
}

// add has a client repeat what request does, with pauses.
func (w *crowd) add(pause time.Duration, request func(c *conn) error) *asker {
	a := &asker{ended: make(chan struct{})}
	w.askers = append(w.askers, a)
	go func() {
		defer close(a.ended)
		c, err := dial(w.s.port)
		if err != nil {
			a.err = err
			return
		}
		defer c.close()
		for !w.stop.Load() {
			start := time.Now()
			if a.err = request(c); a.err != nil {
				return
			}
			a.starts = append(a.starts, start)
			a.waits = append(a.waits, time.Since(start))
			if pause > 0 {
				time.Sleep(pause)
			}
		}
	}()
	return a
}

// end sends the clients home. It may be called again.
func (w *crowd) end() (err error) {
	w.stop.Store(true)
	for _, a := range w.askers {
		<-a.ended
		if err == nil {
			err = a.err
		}
	}
	return err
}

// during is the waits that overlap a span. What follows is for after the end.
func (a *asker) during(s span) []time.Duration {
	// Answers came in order, so both ends are.
	from, _ := slices.BinarySearchFunc(a.starts, s.from, func(start, t time.Time) int { return start.Compare(t) })
	if from > 0 && a.starts[from-1].Add(a.waits[from-1]).After(s.from) {
		from--
	}
	to, _ := slices.BinarySearchFunc(a.starts, s.to, func(start, t time.Time) int { return start.Compare(t) })
	return a.waits[min(from, to):to]
}

// p999 is the median of the spans' p99.9.
func (a *asker) p999(spans []span) time.Duration {
	const enough = 2000 // a p99.9 of fewer is their worst
	var each []float64
	var list []time.Duration
	flush := func() {
		if len(list) > 0 {
			slices.Sort(list)
			each = append(each, float64(list[(len(list)-1)*999/1000]))
			list = nil
		}
	}
	for _, s := range spans {
		if list = append(list, a.during(s)...); len(list) >= enough {
			flush()
		}
	}
	if len(each) == 0 {
		flush()
	}
	return time.Duration(median(each))
}

// rate is the answers a second in a span.
func (a *asker) rate(s span) float64 { return float64(len(a.during(s))) / s.seconds() }

// slowdown is the answers a second while a job runs by those in the quiet before and after it: the median.
func (a *asker) slowdown(r jobResult) float64 {
	var each []float64
	for i, s := range r.busy {
		beside := a.rate(r.quiet[i])
		if i+1 < len(r.quiet) {
			beside = (beside + a.rate(r.quiet[i+1])) / 2
		}
		each = append(each, a.rate(s)/beside)
	}
	return median(each)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
