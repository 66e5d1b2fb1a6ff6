// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// Throughput, and CPU time a request.

type row struct {
	test            string   // as redis-benchmark -t knows it
	cmd             []string // instead
	label           string
	size, pipelined int
	requests        int
}

// sample is one run of redis-benchmark on one server.
type sample struct{ rps, cpu, p99 float64 }

func throughputRows(o *options) ([]row, error) {
	sizes, err := numbers(o.sizes)
	if err != nil {
		return nil, err
	}
	pipelines, err := numbers(o.pipelines)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{"ping": "PING", "set": "SET", "get": "GET", "incr": "INCR", "mset": "MSET of 10"}
	var rows []row
	for i, size := range sizes {
		for test := range strings.SplitSeq(o.tests, ",") {
			label, known := labels[test]
			if !known {
				return nil, fmt.Errorf("no test %q", test)
			}
			if i > 0 && (test == "ping" || test == "incr") {
				continue // no value whose size could matter
			}
			for _, p := range pipelines {
				r := row{test: test, label: label, size: size, pipelined: p, requests: o.requests}
				if p > 1 {
					r.requests *= 5
				}
				if test == "mset" {
					r.requests = max(r.requests/5, 10000)
				}
				rows = append(rows, r)
			}
		}
	}
	return rows, nil
}

func throughput(o *options, kinds []kind) error {
	rows, err := throughputRows(o)
	if err != nil {
		return err
	}
	var servers []*server
	for _, k := range kinds {
		s, err := k.start(o)
		if err != nil {
			return err
		}
		defer s.stop()
		servers = append(servers, s)
	}

	fmt.Printf("\n### Throughput and CPU time a request\n\n%d connections, %d keys; ratios of Redport to the other: throughput more is better, CPU less is better.\n\n", o.clients, o.keys)
	printHeading(o, kinds)

	loaded := -1
	for _, r := range rows {
		if r.size != loaded {
			for _, s := range servers {
				if err := preload(s, o.keys, r.size); err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
			}
			loaded = r.size
		}
		samples, err := runRow(o, r, servers)
		if err != nil {
			return err
		}
		printRow(o, r, samples)
	}
	return nil
}

func printHeading(o *options, kinds []kind) {
	fmt.Print("| command | value | pipeline |")
	for _, k := range kinds[1:] {
		fmt.Printf(" throughput : %s | CPU : %s | p99 : %s |", k.name, k.name, k.name)
	}
	if o.raw {
		for _, k := range kinds {
			fmt.Printf(" %s krps, us CPU |", k.name)
		}
	}
	fmt.Print("\n|---|---|---|")
	fmt.Print(strings.Repeat("---|", 3*(len(kinds)-1)))
	if o.raw {
		fmt.Print(strings.Repeat("---|", len(kinds)))
	}
	fmt.Println()
}

// preload writes the keys that redis-benchmark is going to ask for.
func preload(s *server, keys, size int) error {
	c, err := dial(s.port)
	if err != nil {
		return err
	}
	defer c.close()
	value := strings.Repeat("x", size)
	for i := range keys {
		if err := c.load("SET", fmt.Sprintf("key:%012d", i), value); err != nil {
			return err
		}
		if err := c.load("SET", fmt.Sprintf("counter:%012d", i), strconv.Itoa(i)); err != nil {
			return err
		}
	}
	return c.drain()
}

// runRow returns the samples of each server, by round. The order of the servers turns from round to round.
func runRow(o *options, r row, servers []*server) ([][]sample, error) {
	return rounds(o, servers, func(i int) (sample, error) { return benchmark(o, r, servers[i]) })
}

func rounds(o *options, servers []*server, run func(i int) (sample, error)) ([][]sample, error) {
	samples := make([][]sample, len(servers))
	// The first round warms caches and buffers, and is thrown away.
	for round := -1; round < o.rounds; round++ {
		for i := range servers {
			at := (i + round + 1) % len(servers)
			x, err := run(at)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", servers[at].name, err)
			}
			if round >= 0 {
				samples[at] = append(samples[at], x)
			}
		}
	}
	return samples, nil
}

func benchmark(o *options, r row, s *server, flags ...string) (sample, error) {
	test := r.test
	if test == "ping" {
		test = "ping_mbulk"
	}
	args := []string{"-c", o.clientCPUs, o.benchmark, "-p", strconv.Itoa(s.port), "-n", strconv.Itoa(r.requests),
		"-c", strconv.Itoa(o.clients), "-P", strconv.Itoa(r.pipelined), "-d", strconv.Itoa(r.size), "-r", strconv.Itoa(o.keys), "--csv"}
	args = append(args, flags...)
	if r.cmd != nil {
		args = append(args, r.cmd...)
	} else {
		args = append(args, "-t", test)
	}
	cmd := exec.Command("taskset", args...)
	cmd.Stderr = os.Stderr
	before, err := s.cpu()
	if err != nil {
		return sample{}, err
	}
	out, err := cmd.Output()
	if err != nil {
		return sample{}, fmt.Errorf("redis-benchmark: %w", err)
	}
	after, err := s.cpu()
	if err != nil {
		return sample{}, err
	}
	records, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	if err != nil || len(records) != 2 {
		return sample{}, fmt.Errorf("redis-benchmark printed %q", out)
	}
	x := sample{cpu: float64(after-before) / float64(r.requests)}
	for i, name := range records[0] {
		value, _ := strconv.ParseFloat(records[1][i], 64)
		switch name {
		case "rps":
			x.rps = value
		case "p99_latency_ms":
			x.p99 = value
		}
	}
	return x, nil
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	if len(list) == 0 {
		return 0
	}
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}

// missing is what stands for a ratio of nothing.
const missing = "-"

func ratioText(a, b []sample, of func(sample) float64) string {
	if x := ratio(a, b, of); x > 0 {
		return fmt.Sprintf("%.2f", x)
	}
	return missing
}

// ratio is the median of the ratios of rounds: what slowed a round down slowed both of its runs.
func ratio(a, b []sample, of func(sample) float64) float64 {
	var list []float64
	for i := range a {
		if y := of(b[i]); y > 0 {
			list = append(list, of(a[i])/y)
		}
	}
	return median(list)
}

func printRow(o *options, r row, samples [][]sample) {
	size := strconv.Itoa(r.size)
	if r.test == "ping" || r.test == "incr" || r.cmd != nil {
		size = ""
	}
	fmt.Printf("| %s | %s | %d |", r.label, size, r.pipelined)
	for i := 1; i < len(samples); i++ {
		for _, of := range []func(sample) float64{
			func(x sample) float64 { return x.rps }, func(x sample) float64 { return x.cpu }, func(x sample) float64 { return x.p99 },
		} {
			fmt.Printf(" %s |", ratioText(samples[0], samples[i], of))
		}
	}
	if o.raw {
		for _, list := range samples {
			var rps, cpu []float64
			for _, x := range list {
				rps = append(rps, x.rps)
				cpu = append(cpu, x.cpu)
			}
			fmt.Printf(" %.0f, %.2f |", median(rps)/1000, median(cpu)/1000)
		}
	}
	fmt.Println()
}
