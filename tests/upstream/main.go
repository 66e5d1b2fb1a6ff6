// SPDX-License-Identifier: BSD-3-Clause

// Upstream runs Redis's own test suite, unchanged, on our binaries.
//
//	go run ./tests/upstream                     the units of passing.txt, which must pass
//	go run ./tests/upstream unit/protocol ...   these units, every test of them
//	go run ./tests/upstream -all                all units there are
//
// The suite comes from the reference cache, which the script named by REFERENCE fills; nothing of it is kept in this tree. Each unit
// runs in a folder of its own under the system's temporary one, as the suite wants it: tests/ is a copy, src/ holds links to our
// programs. A few tests dial addresses of other machines, so each unit has a network namespace of its own in which there is only the loopback
// interface and an address for `hostname -I`. That is also why units can run beside one another: each has all ports for itself.
//
// A unit that fails runs once more, with nothing beside it, before it counts; if it passes then, its failures are reported as flakes.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

type options struct {
	bin     string // folder of the programs under test
	here    string // this folder
	jobs    int
	all     bool
	tls     bool
	c       bool // test C Redis itself
	keep    bool
	record  bool
	noSkip  bool
	verbose bool
	timeout time.Duration
	results string
	only    string
	args    string
}

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "src", "folder with redis-server and the other programs")
	flag.StringVar(&o.here, "lists", "tests/upstream", "folder with passing.txt, skip.tsv and the counts of C Redis")
	flag.IntVar(&o.jobs, "j", 2, "units at the same time")
	flag.BoolVar(&o.all, "all", false, "run every unit of ./runtest")
	flag.BoolVar(&o.tls, "tls", false, "run with --tls")
	flag.BoolVar(&o.c, "reference", false, "test C Redis itself, to see what the machine can pass")
	flag.BoolVar(&o.keep, "keep", false, "keep the folders of the run")
	flag.BoolVar(&o.record, "record", false, "write the titles that pass to partial/, for units that are marked partial")
	flag.BoolVar(&o.noSkip, "noskip", false, "do not use skip.tsv")
	flag.BoolVar(&o.verbose, "v", false, "print what the suite prints")
	flag.DurationVar(&o.timeout, "timeout", 20*time.Minute, "for one unit")
	flag.StringVar(&o.results, "results", "", "write the table to this file, tab separated")
	flag.StringVar(&o.only, "only", "", "run only this title or /regexp/")
	flag.StringVar(&o.args, "args", "", "further arguments for the suite, separated by blanks")
	flag.Parse()
	failed, err := run(&o, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "upstream:", err)
		os.Exit(2)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

// reference calls the script that fills the cache and returns a folder of it, or "" when there is no such script.
func reference(what string) (string, error) {
	script := os.Getenv("REFERENCE")
	if script == "" {
		script = "../shared/bin/reference"
	}
	if _, err := os.Stat(script); err != nil {
		return "", nil
	}
	cmd := exec.Command(script, what)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", script, what, err)
	}
	return strings.TrimSpace(string(out)), nil
}

func run(o *options, names []string) (failed int, err error) {
	suite, err := reference("suite-redis")
	if err != nil {
		return 0, err
	}
	if suite == "" {
		fmt.Println("upstream: there is no script ../shared/bin/reference that brings Redis's suite (REFERENCE may name another): nothing is tested.")
		if os.Getenv("CI") != "" {
			return 1, nil
		}
		return 0, nil
	}
	c, err := reference("redis")
	if err != nil {
		return 0, err
	}
	l, err := readLists(o)
	if err != nil {
		return 0, err
	}
	units, err := chooseUnits(o, l, suite, names)
	if err != nil {
		return 0, err
	}
	isolate, err := isolation()
	if err != nil {
		return 0, err
	}
	r := &runner{options: o, lists: l, suite: suite, c: c, isolate: isolate}
	if r.temp, err = os.MkdirTemp("", "upstream-"); err != nil {
		return 0, err
	}
	if !o.keep {
		defer os.RemoveAll(r.temp)
	}

	results := r.runAll(units)
	for i, res := range results {
		if len(res.failures) > 0 {
			fmt.Printf("-- %s has failed; once more, alone\n", res.unit)
			again := r.runUnit(res.unit)
			if len(again.failures) == 0 {
				again.flakes = res.failures
			}
			results[i] = again
		}
	}
	return r.report(results)
}

// unitMark is a line of passing.txt: a unit and how it is run.
type unitMark struct {
	unit    string
	partial bool // only the titles of its file in partial/ must pass
	tls     bool // run with --tls
	norepl  bool // without the tests that attach to a replication stream, whose failure ends the unit
}

type skip struct{ unit, title, reason string }

type lists struct {
	passing []unitMark
	marks   map[string]unitMark
	skips   []skip
	partial map[string]map[string]bool // titles that must pass
	cOK     map[string]int             // tests that C Redis passes, by unit
}

// lines returns the lines of a file that are neither blank nor comments.
func lines(name string) ([]string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out, nil
}

func partialFile(o *options, unit string) string {
	return filepath.Join(o.here, "partial", strings.ReplaceAll(unit, "/", "-")+".txt")
}

func readLists(o *options) (*lists, error) {
	l := &lists{marks: map[string]unitMark{}, partial: map[string]map[string]bool{}, cOK: map[string]int{}}
	marks, err := lines(filepath.Join(o.here, "passing.txt"))
	if err != nil {
		return nil, err
	}
	for _, line := range marks {
		words := strings.Fields(line)
		m := unitMark{unit: words[0]}
		for _, word := range words[1:] {
			switch word {
			case "partial":
				m.partial = true
			case "tls":
				m.tls = true
			case "norepl":
				m.norepl = true
			default:
				return nil, fmt.Errorf("passing.txt: %q: unknown mark %q", line, word)
			}
		}
		if m.partial {
			titles, err := lines(partialFile(o, m.unit))
			if err != nil && !o.record {
				return nil, err
			}
			l.partial[m.unit] = map[string]bool{}
			for _, title := range titles {
				l.partial[m.unit][title] = true
			}
		}
		l.passing = append(l.passing, m)
		l.marks[m.unit] = m
	}
	rows, err := lines(filepath.Join(o.here, "skip.tsv"))
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		f := strings.Split(row, "\t")
		if len(f) != 3 {
			return nil, fmt.Errorf("skip.tsv: %q has no three columns", row)
		}
		l.skips = append(l.skips, skip{f[0], f[1], f[2]})
	}
	for file, prefix := range map[string]string{"redis-8.0.6-units.tsv": "", "redis-8.0.6-sentinel.tsv": "sentinel/", "redis-8.0.6-cluster.tsv": "cluster/"} {
		rows, err := lines(filepath.Join(o.here, file))
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			f := strings.Split(row, "\t")
			// "unit/type/list [solo list-large-memory]" is a part of unit/type/list.
			unit, _, _ := strings.Cut(strings.TrimSuffix(f[0], ".tcl"), " ")
			if n, err := strconv.Atoi(f[1]); err == nil && unit != "TOTAL" {
				l.cOK[prefix+unit] += n
			}
		}
	}
	return l, nil
}

func chooseUnits(o *options, l *lists, suite string, names []string) ([]string, error) {
	if o.all {
		for _, pattern := range []string{"unit/*.tcl", "unit/type/*.tcl", "unit/cluster/*.tcl", "integration/*.tcl"} {
			files, _ := filepath.Glob(filepath.Join(suite, "tests", pattern))
			for _, file := range files {
				unit, _ := filepath.Rel(filepath.Join(suite, "tests"), strings.TrimSuffix(file, ".tcl"))
				names = append(names, filepath.ToSlash(unit))
			}
		}
	}
	if len(names) == 0 {
		for _, m := range l.passing {
			names = append(names, m.unit)
		}
	}
	for _, name := range names {
		file := filepath.Join(suite, "tests", name+".tcl")
		if kind, base, _ := strings.Cut(name, "/"); kind == "sentinel" || kind == "cluster" {
			file = filepath.Join(suite, "tests", kind, "tests", base+".tcl")
		}
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("there is no unit %s", name)
		}
	}
	return names, nil
}

// netSetup is run inside the namespace: the loopback interface, and an address of a documentation net on a pair of interfaces that lead nowhere.
const netSetup = `PATH=$PATH:/usr/sbin:/sbin; ip link set lo up && ip link add veth0 type veth peer name veth1 &&
ip addr add 192.0.2.77/24 dev veth0 && ip link set veth0 up && ip link set veth1 up; exec "$@"`

// isolation returns the command that runs another one in a network namespace of its own.
func isolation() ([]string, error) {
	var last error
	for _, unshare := range [][]string{{"unshare", "-n"}, {"unshare", "-r", "-n"}} {
		cmd := append(append([]string{}, unshare...), "sh", "-c", netSetup, "sh", "sh", "-c", "ip link show lo up 2>/dev/null || PATH=$PATH:/usr/sbin ip link show lo up")
		out, err := exec.Command(cmd[0], cmd[1:]...).CombinedOutput()
		if err == nil && strings.Contains(string(out), "lo:") {
			return append(unshare, "sh", "-c", netSetup, "sh"), nil
		}
		last = fmt.Errorf("%v: %s", err, strings.TrimSpace(string(out)))
	}
	return nil, fmt.Errorf("the suite must not reach the network, but no network namespace can be made (unshare -n; ip): %w", last)
}

type result struct {
	unit      string
	ok, skip  int
	passed    []string
	failures  []string // titles that failed and count
	tolerated int      // failures of a partial unit that do not
	flakes    []string
	seconds   int
	log       string
	partial   bool
}

func (r *runner) report(results []*result) (failed int, err error) {
	sort.SliceStable(results, func(i, j int) bool { return results[i].unit < results[j].unit })
	var ok, skipped, errs, c int
	width := 10
	for _, res := range results {
		width = max(width, len(res.unit))
	}
	fmt.Printf("\n%-*s %6s %6s %6s %8s %8s\n", width, "unit", "ok", "skip", "err", "C ok", "seconds")
	for _, res := range results {
		mark := ""
		if res.partial {
			mark = fmt.Sprintf("  partial, %d known failures", res.tolerated)
		}
		fmt.Printf("%-*s %6d %6d %6d %8d %8d%s\n", width, res.unit, res.ok, res.skip, len(res.failures), r.lists.cOK[res.unit], res.seconds, mark)
		ok += res.ok
		skipped += res.skip
		errs += len(res.failures)
		c += r.lists.cOK[res.unit]
	}
	fmt.Printf("%-*s %6d %6d %6d %8d\n", width, "TOTAL", ok, skipped, errs, c)
	for _, res := range results {
		for _, title := range res.flakes {
			fmt.Printf("flaky: %s: %s (failed once, passed alone)\n", res.unit, title)
		}
	}
	for _, res := range results {
		for _, title := range res.failures {
			fmt.Printf("failed: %s: %s\n", res.unit, title)
		}
	}
	fmt.Printf("upstream: %d passed, %d failed\n", ok, errs)
	if r.options.results != "" {
		err = writeResults(r.options.results, results, r.lists)
	}
	return errs, err
}

func writeResults(name string, results []*result, l *lists) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "unit\tok\tskipped\tfailed\tknown failures\tok in C Redis\tseconds")
	for _, res := range results {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\n", res.unit, res.ok, res.skip, len(res.failures), res.tolerated, l.cOK[res.unit], res.seconds)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func (r *runner) runAll(units []string) []*result {
	results := make([]*result, len(units))
	todo := make(chan int)
	var wg sync.WaitGroup
	for range max(1, r.options.jobs) {
		wg.Go(func() {
			for i := range todo {
				results[i] = r.runUnit(units[i])
			}
		})
	}
	for i := range units {
		todo <- i
	}
	close(todo)
	wg.Wait()
	return results
}
