// SPDX-License-Identifier: BSD-3-Clause

package main

// report.go - what is printed of a test.

import "fmt"

// report prints what was measured.
func (t *test) report() {
	hist := t.workers[0].hist
	for _, w := range t.workers[1:] {
		hist.Merge(w.hist)
	}
	finished := t.finished.Load()
	// Single precision, as C has it: the digits of large figures show it.
	rps := float64(float32(finished) / (float32(t.elapsed.Milliseconds()) / 1000))
	ms := func(us int64) float64 { return float64(float32(us) / 1000) }
	p0, p50, p95, p99, p100 := ms(hist.Min()), ms(hist.ValueAtPercentile(50)), ms(hist.ValueAtPercentile(95)), ms(hist.ValueAtPercentile(99)), ms(hist.Max())
	avg := float64(float32(hist.Mean()) / 1000)
	w := t.out
	defer w.Flush()
	if t.csv {
		fmt.Fprintf(w, "\"%s\",\"%s\",\"%.3f\",\"%.3f\",\"%.3f\",\"%.3f\",\"%.3f\",\"%.3f\"\n", t.title, number(rps, 2), avg, p0, p50, p95, p99, p100)
		return
	}
	t.clearLine()
	if t.quiet {
		fmt.Fprintf(w, "%s: %s requests per second, p50=%.3f msec\n", t.title, number(rps, 2), p50)
		return
	}
	fmt.Fprintf(w, "====== %s ======\n  %d requests completed in %.2f seconds\n  %d parallel clients\n  %d bytes payload\n  keep alive: %d\n",
		t.title, finished, t.elapsed.Seconds(), t.clients, t.dataSize, t.keepAlive)
	switch {
	case t.config.cluster:
		fmt.Fprintf(w, "  cluster mode: yes (%d masters)\n", len(t.cluster.nodes))
		for i, n := range t.cluster.nodes {
			if n.config == nil {
				continue
			}
			save := n.config.save
			if save == "" {
				save = "NONE"
			}
			fmt.Fprintf(w, "  node [%d] configuration:\n    save: %s\n    appendonly: %s\n", i, save, n.config.appendonly)
		}
	case t.server != nil:
		fmt.Fprintf(w, "  host configuration \"save\": %s\n  host configuration \"appendonly\": %s\n", t.server.save, t.server.appendonly)
	}
	if t.threads > 0 {
		fmt.Fprintf(w, "  multi-thread: yes\n  threads: %d\n", t.threads)
	} else {
		fmt.Fprint(w, "  multi-thread: no\n")
	}
	total := hist.TotalCount()
	line := func(percentile float64, upTo, cumulative int64) {
		fmt.Fprintf(w, "%.3f%% <= %.3f milliseconds (cumulative count %d)\n", percentile, ms(upTo), cumulative)
	}
	fmt.Fprint(w, "\nLatency by percentile distribution:\n")
	previous := int64(-1)
	hist.Percentiles(1, func(percentile float64, upTo, cumulative int64) {
		if cumulative != previous || cumulative == total {
			line(percentile, upTo, cumulative)
		}
		previous = cumulative
	})
	fmt.Fprint(w, "\nCumulative distribution of latencies:\n")
	previous = -1
	hist.LinearSteps(100, func(upTo, cumulative int64) (step int64) {
		if cumulative != previous || cumulative == total {
			line(float64(cumulative)/float64(total)*100, upTo, cumulative)
		}
		previous = cumulative
		// Beyond two milliseconds finer steps would only be noise.
		if upTo > 2000 {
			return 1000
		}
		return 100
	})
	fmt.Fprintf(w, "\nSummary:\n  throughput summary: %s requests per second\n  latency summary (msec):\n", number(rps, 2))
	fmt.Fprintf(w, "    %9s %9s %9s %9s %9s %9s\n", "avg", "min", "p50", "p95", "p99", "max")
	fmt.Fprintf(w, "    %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f\n", avg, p0, p50, p95, p99, p100)
}
