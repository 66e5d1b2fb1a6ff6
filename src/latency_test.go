// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"strings"
	"testing"
)

func TestLatencyMonitor(t *testing.T) {
	server := idleServer(t, "--latency-monitor-threshold", "100")
	c := server.fakeClient()
	server.latencyAddSampleIfNeeded("command", 99)
	if len(server.latencyEvents) != 0 {
		t.Error("a fast event is in the monitor")
	}
	server.latencyAddSampleIfNeeded("command", 150)
	server.latencyAddSampleIfNeeded("expire-cycle", 300)
	for i := range 200 {
		// As if each had come in a second of its own.
		server.latencyEvents["command"].last().time -= 1000
		server.latencyAddSample("command", int64(200+i))
	}
	if got := c.run("LATENCY", "HISTORY", "command"); !strings.HasPrefix(got, "*160\r\n*2\r\n") || !strings.HasSuffix(got, ":399\r\n") {
		t.Errorf("history: %q", got)
	}
	if got := c.run("LATENCY", "LATEST"); !strings.HasPrefix(got, "*2\r\n*4\r\n$7\r\ncommand\r\n") || !strings.HasSuffix(got, ":300\r\n:300\r\n") {
		t.Errorf("latest: %q", got)
	}
	doctor := c.run("LATENCY", "DOCTOR")
	for _, text := range []string{
		"Dave, I have observed latency spikes", "1. command: 160 latency spikes (average 319ms, mean deviation 40ms, period ", "Worst all time event 399ms.",
		"2. expire-cycle: 1 latency spikes (average 300ms, mean deviation 0ms, period 1.00 sec). Worst all time event 300ms.",
		"I have a few advices for you:", "- Check your Slow Log", "'hz' configuration parameter to 100",
	} {
		if !strings.Contains(doctor, text) {
			t.Errorf("the doctor does not say %q:\n%s", text, doctor)
		}
	}
	graph := c.run("LATENCY", "GRAPH", "expire-cycle")
	if !strings.Contains(graph, "expire-cycle - high 300 ms, low 300 ms (all time high 300 ms)\n"+strings.Repeat("-", 80)+"\n \n \n \n_\n \n") {
		t.Errorf("the graph is %q", graph)
	}
	if got := c.run("LATENCY", "RESET", "Command", "nosuch"); got != ":1\r\n" {
		t.Errorf("%s events were reset", got)
	}
	if got := c.run("LATENCY", "RESET"); got != ":1\r\n" {
		t.Errorf("%s events were reset", got)
	}
	if got := c.run("LATENCY", "GRAPH", "command"); got != "-ERR No samples available for event 'command'\r\n" {
		t.Errorf("the graph of nothing is %q", got)
	}
}

func TestLatencyHistogram(t *testing.T) {
	server := idleServer(t)
	c := server.fakeClient()
	get := server.lookupCommandByName("get")
	for _, ns := range []int64{500, 5000, 5000, 70000} {
		get.updateLatencyHistogram(ns)
	}
	want := "*2\r\n$3\r\nget\r\n*4\r\n$5\r\ncalls\r\n:4\r\n$14\r\nhistogram_usec\r\n*6\r\n:1\r\n:1\r\n:8\r\n:3\r\n:132\r\n:4\r\n"
	if got := c.run("LATENCY", "HISTOGRAM", "get", "nosuch"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := c.run("INFO", "latencystats"); !strings.Contains(got, "latency_percentiles_usec_get:p50=5.023,p99=70.143,p99.9=70.143\r\n") {
		t.Errorf("latencystats: %q", got)
	}
}
