// SPDX-License-Identifier: BSD-3-Clause

// Bench compares our server with C Redis 8.0 and Valkey 9.1, from the reference cache, on this machine.
//
//	throughput   redis-benchmark against each, alternating in one run; requests a second and CPU time a request
//	types        the same for commands on collections
//	memory       resident bytes a key, after loading and after churn; of big collections, and of many small ones
//	latency      how long a single command takes at worst while the keyspace grows
//	stalls       how long other clients wait, and turns of the event loop take, while giants are deleted, expired, evicted, replaced and flushed
//	freeze       what BGSAVE and BGREWRITEAOF do to the others, writers to big collections among them
//	tools        our redis-benchmark beside C's
//	iothreads    io-threads N beside io-threads 1, of ours and of C Redis (not among the parts that run by default)
//
// What comes out first is ratios, each the median of the ratios of rounds in which the servers ran right after one another: a
// machine's absolute figures say little about another's, and on a shared one not even much about itself. -raw adds the medians themselves.
//
// The load is made by our redis-benchmark, for every server: C's takes more CPU for a request than these servers do in a pipeline, so that
// they would spend their time on going to sleep and waking up. Both do the same.
//
// Servers are pinned to one processor and clients to another, so two are needed. CPU time is that of all threads of the
// server, user and system, as the kernel counts it in nanoseconds.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

type options struct {
	only          string
	servers       string
	tests         string
	rows          string
	sizes         string
	pipelines     string
	rounds        int
	requests      int
	keys          int
	clients       int
	memoryKeys    int
	latencyKeys   int
	stallSize     int
	stallGiants   string
	endings       string
	freezeKeys    int
	serverCPUs    string
	clientCPUs    string
	ours          string
	benchmark     string
	ioThreads     string
	threadSizes   string
	threadClients string
	transports    string
	quick         bool
	raw           bool
}

func main() {
	var o options
	flag.StringVar(&o.only, "only", "throughput,types,memory,latency,stalls,freeze,tools", "parts to run")
	flag.StringVar(&o.servers, "servers", "ours,redis,valkey", "servers to compare")
	flag.StringVar(&o.tests, "tests", "ping,set,get,incr,mset", "throughput: commands")
	flag.StringVar(&o.rows, "rows", "", "types: only rows of these commands")
	flag.StringVar(&o.sizes, "sizes", "3,100,1024", "throughput: bytes of a value")
	flag.StringVar(&o.pipelines, "pipelines", "1,16,64", "throughput: requests in flight a client")
	flag.IntVar(&o.rounds, "rounds", 5, "throughput: rounds a row")
	flag.IntVar(&o.requests, "requests", 40000, "throughput: requests a round without pipelining; with it five times as many")
	flag.IntVar(&o.keys, "keys", 1000000, "throughput: keys, loaded before")
	flag.IntVar(&o.clients, "clients", 50, "throughput: connections")
	flag.IntVar(&o.memoryKeys, "memory-keys", 5000000, "memory: keys")
	flag.IntVar(&o.latencyKeys, "latency-keys", 10000000, "latency: keys")
	flag.IntVar(&o.stallSize, "stall-size", 10000000, "stalls: elements of a collection")
	flag.StringVar(&o.stallGiants, "giants", "", "stalls: only these giants, as the rows have them, with semicolons between")
	flag.StringVar(&o.endings, "endings", "DEL;expiry;RENAME over it;FLUSHDB", "stalls: only these ways to go; \"\" for all that there are")
	flag.IntVar(&o.freezeKeys, "freeze-keys", 10000000, "freeze: keys, beside a round with 10,000")
	flag.StringVar(&o.serverCPUs, "server-cpus", "0", "processors of the server, as for taskset")
	flag.StringVar(&o.clientCPUs, "client-cpus", "1", "processors of the clients")
	flag.StringVar(&o.ours, "server", "src/redis-server", "our server")
	flag.StringVar(&o.benchmark, "benchmark", "", "the redis-benchmark to use (ours)")
	flag.StringVar(&o.ioThreads, "io-threads", "1,2,4", "iothreads: settings to compare, 1 first")
	flag.StringVar(&o.threadSizes, "io-sizes", "100,1024,10240", "iothreads: bytes of a value")
	flag.StringVar(&o.threadClients, "io-clients", "1,8,50,500", "iothreads: connections")
	flag.StringVar(&o.transports, "transports", "plain,tls", "iothreads: over what")
	flag.BoolVar(&o.quick, "quick", false, "a look in two minutes: fewer rows, fewer keys, shorter rounds")
	flag.BoolVar(&o.raw, "raw", false, "add the medians from which the ratios come")
	flag.Parse()
	if o.quick {
		o.quickly()
	}
	if err := run(&o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// quickly shrinks what was not set by hand.
func (o *options) quickly() {
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{
		"sizes": "100", "pipelines": "1,16", "tests": "ping,set,get", "requests": "50000",
		"keys": "100000", "memory-keys": "500000", "latency-keys": "1000000", "stall-size": "1000000", "freeze-keys": "1000000",
		"only": "throughput,memory,latency",
	} {
		if !given[name] {
			flag.Set(name, value)
		}
	}
}

func run(o *options) error {
	if runtime.NumCPU() < 2 {
		return fmt.Errorf("servers and clients need a processor each, and this machine has one")
	}
	for _, tool := range []string{"taskset"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("please install: %s (util-linux)", tool)
		}
	}
	if o.rounds < 5 {
		fmt.Fprintln(os.Stderr, "bench: fewer than 5 rounds: noise, not a result")
	}
	kinds, err := chooseServers(o)
	if err != nil {
		return err
	}
	// This process is a client too.
	pinSelf(o)

	fmt.Print(heading(o, kinds))
	parts := strings.Split(o.only, ",")
	for _, part := range parts {
		switch part {
		case "throughput":
			err = throughput(o, kinds)
		case "types":
			err = types(o, kinds)
		case "memory":
			if err = memory(o, kinds); err == nil {
				err = typeMemory(o, kinds)
			}
		case "stalls":
			err = stalls(o, kinds)
		case "freeze":
			err = freeze(o, kinds)
		case "tools":
			err = tools(o, kinds)
		case "iothreads":
			err = iothreads(o, kinds)
		case "latency":
			err = latency(o, kinds)
		default:
			err = fmt.Errorf("no part %q", part)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pinSelf puts this process where the clients are.
func pinSelf(o *options) {
	exec.Command("taskset", "-a", "-c", "-p", o.clientCPUs, strconv.Itoa(os.Getpid())).Run()
}

// reference calls the script that fills the cache of reference servers.
func reference(what string) (string, error) {
	script := os.Getenv("REFERENCE")
	if script == "" {
		script = "../shared/bin/reference"
	}
	if _, err := os.Stat(script); err != nil {
		return "", fmt.Errorf("nothing to compare with: no script %s that brings C Redis and Valkey (REFERENCE may name another)", script)
	}
	cmd := exec.Command(script, what)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

func chooseServers(o *options) ([]kind, error) {
	var kinds []kind
	for name := range strings.SplitSeq(o.servers, ",") {
		switch name {
		case "ours":
			path, err := filepath.Abs(o.ours)
			if err != nil {
				return nil, err
			}
			kinds = append(kinds, kind{"Redport", path})
		case "redis":
			dir, err := reference("redis")
			if err != nil {
				return nil, err
			}
			kinds = append(kinds, kind{"Redis", filepath.Join(dir, "redis-server")})
		case "valkey":
			dir, err := reference("valkey")
			if err != nil {
				return nil, err
			}
			kinds = append(kinds, kind{"Valkey", filepath.Join(dir, "valkey-server")})
		default:
			return nil, fmt.Errorf("no server %q", name)
		}
	}
	if o.benchmark == "" {
		o.benchmark = filepath.Join(filepath.Dir(o.ours), "redis-benchmark")
	}
	return kinds, nil
}

func heading(o *options, kinds []kind) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %d processors (%s), servers on %s, clients on %s",
		time.Now().UTC().Format("2006-01-02"), runtime.NumCPU(), processor(), o.serverCPUs, o.clientCPUs)
	if out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		fmt.Fprintf(&b, ", at %s", strings.TrimSpace(string(out)))
	}
	if data, err := os.ReadFile("/proc/loadavg"); err == nil {
		first, _, _ := strings.Cut(string(data), " ")
		fmt.Fprintf(&b, ", load %s before the run", first)
	}
	for _, k := range kinds {
		if v := k.version(); v != "" {
			fmt.Fprintf(&b, ", %s %s", k.name, v)
		}
	}
	b.WriteString(".\n")
	return b.String()
}

func processor() string {
	data, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.Trim(name, "\t :\n")
		}
	}
	return runtime.GOARCH
}

func numbers(list string) ([]int, error) {
	var out []int
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}
