// SPDX-License-Identifier: BSD-3-Clause

// Profile records how the server spends its time under the loads of `make bench`, for the compiler: it lays out and inlines by
// src/cmd/redis-server/default.pgo whenever the server is built. That is worth 5-10 % of CPU a request.
//
// A profile only guides: an old one loses some of its use, and nothing else. Record it anew after changes on hot paths.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"

	server "redport/src"
)

// loads are arguments of redis-benchmark: a test of its suite, or a command. What the first ones leave is what the later ones read.
var loads = []string{
	"-t set", "-t get", "-t incr", "-t ping_mbulk", "-t mset",
	"-t lpush", "-t rpush", "-t lpop", "-t rpop", "-t lrange_100",
	"-t sadd", "SISMEMBER myset element:__rand_int__", "-t spop",
	"-t hset", "HGET myhash element:__rand_int__",
	"ZADD scores __rand_int__ element:__rand_int__", "ZRANK scores element:__rand_int__", "ZRANGE scores 100 109",
	"ZRANGE scores __rand_int__ +inf BYSCORE LIMIT 0 10", "ZPOPMIN scores",
	"-t xadd", "XRANGE mystream - + COUNT 10",
	"PFADD visitors element:__rand_int__", "EXPIRE key:__rand_int__ 100", "DEL key:__rand_int__",
	"PUBLISH channel message", "EVAL return(redis.call('incr',KEYS[1])) 1 counter",
}

// pipelines are the depths at which each load is put on, and the requests of a round of it.
var pipelines = []struct{ depth, requests int }{{1, 20000}, {16, 100000}, {64, 100000}}

func main() {
	benchmark := flag.String("benchmark", "src/redis-benchmark", "the tool that makes the load")
	out := flag.String("o", "src/cmd/redis-server/default.pgo", "where the profile goes")
	rounds := flag.Int("rounds", 1, "times that each load is put on")
	cpu := flag.String("cpu", "", "CPUs for the tool, as taskset -c takes them; the server's are this process's own")
	flag.Parse()
	if err := record(*benchmark, *out, *cpu, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
}

func record(benchmark, out, cpu string, rounds int) error {
	dir, err := os.MkdirTemp("", "redport-profile-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()

	srv, err := server.New(server.Options{Args: []string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--dir", dir,
		"--logfile", filepath.Join(dir, "log"), "--maxmemory", "4gb"}, ExecName: "redis-server"})
	if err != nil {
		return err
	}
	if err := srv.Start(); err != nil {
		return err
	}
	var profile bytes.Buffer
	driven := make(chan error, 1)
	go func() {
		driven <- drive(benchmark, cpu, port, rounds, &profile)
		srv.Stop()
	}()
	srv.Run()
	select {
	case err = <-driven:
	default:
		err = errors.New("the server ended early")
	}
	if err != nil {
		return err
	}
	return os.WriteFile(out, profile.Bytes(), 0o644)
}

// drive puts all loads on the server at port, once to fill it and then under the profiler.
func drive(benchmark, cpu string, port, rounds int, profile *bytes.Buffer) error {
	if err := load(benchmark, cpu, port, "-t set", 64, 1000000); err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(profile); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	for range rounds {
		for _, l := range loads {
			for _, p := range pipelines {
				if err := load(benchmark, cpu, port, l, p.depth, p.requests); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func load(benchmark, cpu string, port int, what string, pipeline, requests int) error {
	args := []string{benchmark, "-p", strconv.Itoa(port), "-q", "-r", "1000000", "-c", "50", "-P", strconv.Itoa(pipeline), "-n", strconv.Itoa(requests)}
	args = append(args, strings.Fields(what)...)
	if cpu != "" {
		args = append([]string{"taskset", "-c", cpu}, args...)
	}
	if b, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", what, err, b)
	}
	return nil
}
