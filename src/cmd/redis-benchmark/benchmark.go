// SPDX-License-Identifier: BSD-3-Clause

package main

// benchmark.go - one test: its clients, the threads that drive them, what is shown while it runs.
//
// Each thread has an event loop and clients of its own. What they share are the two counts of requests, which are atomic; latencies
// go to a histogram of the thread, and the report joins them.

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"redport/deps/hdr_histogram"
	"redport/deps/hiredis"
	"redport/src/ae"
)

const (
	histogramMin         = 10      // us
	histogramMax         = 3000000 // us
	throughputIntervalMs = 250
	dialsAtOnce          = 64 // then a rest, for the queue of connections that a server has not accepted is short
	dialRest             = 50 * time.Millisecond
)

// bench is the program.
type bench struct {
	*config
	out    *bufio.Writer // the main goroutine's, and while a test runs that of its first thread
	stderr io.Writer
	rand   *rand.Rand

	server  *serverConfig
	cluster clusterConfig
	tag     string // what keys have in cluster mode
}

// test is a run of one command.
type test struct {
	*bench
	title   string
	request request
	workers []*worker
	start   time.Time
	elapsed time.Duration

	issued, finished atomic.Int64
	live             atomic.Int64

	failure  atomic.Pointer[exitError]
	shown    int // width of the line of progress
	lastTick time.Time
	lastDone int64
}

// worker is a thread.
type worker struct {
	t     *test
	index int
	loop  *ae.Loop
	rand  *rand.Rand
	hist  *hdr_histogram.Histogram

	latency struct{ sum, n atomic.Int64 } // for the line of progress
	lastSum int64                         // the first thread's: of all threads, at the last tick
	lastN   int64
}

// start does everything after the options.
func (b *bench) start(command []string, stdin io.Reader) error {
	signal.Ignore(syscall.SIGHUP)
	if b.config.cluster {
		b.tag = ":{tag}"
		if err := b.fetchCluster(); err != nil {
			return err
		}
		if b.threads == 0 {
			b.threads = len(b.cluster.nodes)
		}
	} else {
		var err error
		if b.server, err = b.fetchConfig(b.Host, b.Port, b.unix); err != nil {
			return err
		}
		if b.server == nil {
			fmt.Fprintln(b.stderr, "WARNING: Could not fetch server CONFIG")
		}
	}
	if b.keepAlive == 0 {
		fmt.Fprintln(b.stderr, "WARNING: Keepalive disabled. Each request leaves a closed connection behind for a while, "+
			"and with many of them the system may run out of ports.")
	}
	if len(command) > 0 && b.tests != "" {
		fmt.Fprintln(b.stderr, "WARNING: Option -t is ignored.")
	}
	if b.idle {
		fmt.Fprintf(b.out, "Creating %d idle connections and waiting forever (Ctrl+C when done)\n", b.clients)
		b.out.Flush()
		return b.run("", nil)
	}
	if b.csv {
		fmt.Fprintln(b.out, `"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"`)
	}
	if len(command) == 0 {
		return b.suite()
	}
	title := strings.Join(command, " ")
	args, err := b.lastArgument(command, stdin)
	if err != nil {
		return err
	}
	request := hiredis.AppendCommand(nil, args...)
	b.dataSize = len(request)
	for {
		if err := b.run(title, request); err != nil || !b.loop {
			return err
		}
	}
}

// run is one test.
func (b *bench) run(title string, command []byte) error {
	t := &test{bench: b, title: title, request: b.newRequest(command)}
	for i := range max(b.threads, 1) {
		loop, err := ae.New(ae.Options{})
		if err != nil {
			return err
		}
		t.workers = append(t.workers, &worker{
			t: t, index: i, loop: loop, rand: rand.New(rand.NewPCG(b.rand.Uint64(), uint64(i))),
			hist: hdr_histogram.New(histogramMin, histogramMax, b.precision),
		})
	}
	for i := range b.clients {
		if i > 0 && i%dialsAtOnce == 0 {
			time.Sleep(dialRest)
		}
		t.workers[i%len(t.workers)].newClient(i)
	}
	t.start = time.Now()
	t.lastTick = t.start
	var others sync.WaitGroup
	for _, w := range t.workers[1:] {
		others.Go(w.loop.Run)
	}
	w := t.workers[0]
	w.loop.CreateTimeEvent(1, w.showThroughput)
	w.loop.Run()
	others.Wait()
	t.elapsed = time.Since(t.start).Truncate(time.Millisecond)
	for _, w := range t.workers {
		w.loop.Close()
	}
	if e := t.failure.Load(); e != nil {
		return *e
	}
	t.report()
	return nil
}

// fail ends the test, and with it the program, with a message; the first one counts.
func (t *test) fail(text string) {
	e := exitError(text)
	t.failure.CompareAndSwap(nil, &e)
	t.stop()
}

func (t *test) stop() {
	for _, w := range t.workers {
		w.loop.Stop()
	}
}

// showThroughput is the line of progress.
func (w *worker) showThroughput() int64 {
	t := w.t
	finished := t.finished.Load()
	if t.live.Load() == 0 && finished < t.requests {
		t.fail("All clients disconnected... aborting.")
		return ae.NoMore
	}
	if t.csv {
		return throughputIntervalMs
	}
	if t.idle {
		fmt.Fprintf(t.out, "clients: %d\r", t.live.Load())
		t.out.Flush()
		return throughputIntervalMs
	}
	now := time.Now()
	rps := float64(finished) / now.Sub(t.start).Seconds()
	instantaneous := float64(finished-t.lastDone) / now.Sub(t.lastTick).Seconds()
	t.lastTick, t.lastDone = now, finished
	var sum, n int64
	for _, x := range t.workers {
		sum += x.latency.sum.Load()
		n += x.latency.n.Load()
	}
	t.clearLine()
	t.shown, _ = fmt.Fprintf(t.out, "%s: rps=%s (overall: %s) avg_msec=%s (overall: %s)\r", t.title, number(instantaneous, 1), number(rps, 1),
		number(float64(sum-w.lastSum)/float64(n-w.lastN)/1000, 3), number(float64(sum)/float64(n)/1000, 3))
	w.lastSum, w.lastN = sum, n
	t.out.Flush()
	return throughputIntervalMs
}

// clearLine makes room for a line where the line of progress was.
func (t *test) clearLine() { fmt.Fprintf(t.out, "%*s\r", t.shown, " ") }

// number is %.*f with C's spelling of what is no number.
func number(x float64, digits int) string {
	switch {
	case math.IsNaN(x):
		return "-nan"
	case math.IsInf(x, 0):
		return "inf"
	}
	return fmt.Sprintf("%.*f", digits, x)
}

// lastArgument adds what comes from standard input, with -x.
func (b *bench) lastArgument(command []string, stdin io.Reader) ([]string, error) {
	if !b.stdinArg {
		return command, nil
	}
	last, err := io.ReadAll(stdin)
	if err != nil {
		return nil, exitError("Reading from standard input: " + err.Error())
	}
	return append(command[:len(command):len(command)], string(last)), nil
}
