// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"encoding/csv"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tools.go - our redis-benchmark beside C's, on the same server: how much load each makes from one processor.

func tools(o *options, kinds []kind) error {
	var c *kind
	for i := range kinds {
		if kinds[i].name != "Redport" {
			c = &kinds[i]
			break
		}
	}
	if c == nil {
		return nil
	}
	dir, err := reference("redis")
	if err != nil {
		return err
	}
	s, err := c.start(o)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := preload(s, 100000, 3); err != nil {
		return err
	}
	fmt.Printf("\n### redis-benchmark\n\nOurs beside C's, each from one processor against the same %s; the CPU time is the tool's own.\n\n", c.name)
	fmt.Println("| test | pipeline | requests a second : C | CPU : C |")
	fmt.Println("|---|---|---|---|")
	paths := []string{strings.TrimSuffix(o.ours, "redis-server") + "redis-benchmark", filepath.Join(dir, "redis-benchmark")}
	for _, test := range []string{"ping_mbulk", "set", "get"} {
		for _, pipelined := range []int{1, 16, 64} {
			requests := o.requests
			if pipelined > 1 {
				requests *= 5
			}
			samples := make([][]sample, 2)
			for round := -1; round < o.rounds; round++ {
				for i := range paths {
					at := (i + round + 1) % 2
					x, err := runTool(o, paths[at], s.port, test, pipelined, requests)
					if err != nil {
						return err
					}
					if round >= 0 {
						samples[at] = append(samples[at], x)
					}
				}
			}
			rps := func(x sample) float64 { return x.rps }
			cpu := func(x sample) float64 { return x.cpu }
			fmt.Printf("| %s | %d | %s | %s |\n", strings.ToUpper(test), pipelined, ratioText(samples[0], samples[1], rps), ratioText(samples[0], samples[1], cpu))
		}
	}
	return nil
}

func runTool(o *options, path string, port int, test string, pipelined, requests int) (x sample, err error) {
	cmd := exec.Command("taskset", "-c", o.clientCPUs, path, "-p", strconv.Itoa(port), "-n", strconv.Itoa(requests), "-c", strconv.Itoa(o.clients), "-P", strconv.Itoa(pipelined),
		"-r", "100000", "-t", test, "--csv")
	out, err := cmd.Output()
	if err != nil {
		return x, fmt.Errorf("%s: %w", path, err)
	}
	records, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	if err != nil || len(records) != 2 {
		return x, fmt.Errorf("%s printed %q", path, out)
	}
	x.rps, _ = strconv.ParseFloat(records[1][1], 64)
	x.cpu = float64(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()) / float64(time.Microsecond) / float64(requests)
	return x, nil
}
