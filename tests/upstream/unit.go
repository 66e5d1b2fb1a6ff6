// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// One unit: its folder, its process, and what it printed.

type runner struct {
	*options
	lists   *lists
	suite   string   // the suite's tree
	c       string   // C Redis's programs
	isolate []string // prefix of commands
	temp    string
	print   sync.Mutex
}

func (r *runner) runUnit(unit string) *result {
	mark := r.lists.marks[unit]
	res := &result{unit: unit, partial: mark.partial}
	start := time.Now()
	// The suite puts its servers' Unix sockets below, in folders with long names, and a socket's path is at most 107 bytes.
	dir, err := os.MkdirTemp(r.temp, "u")
	if err == nil {
		err = r.prepare(dir, unit, r.tls || mark.tls)
	}
	var out []byte
	if err == nil {
		out, err = r.execute(dir, unit, mark)
	}
	res.log = string(out)
	res.parse(unit)
	if err != nil {
		res.failures = append(res.failures, fmt.Sprintf("(the run itself: %v)", err))
	}
	r.judge(res, mark)
	res.seconds = int(time.Since(start).Seconds() + 0.5)
	if !r.keep && len(res.failures) == 0 {
		os.RemoveAll(dir)
	}

	r.print.Lock()
	defer r.print.Unlock()
	fmt.Printf("%-40s %d ok, %d skipped, %d failed (%d s)\n", unit, res.ok, res.skip, len(res.failures), res.seconds)
	if len(res.failures) > 0 && !r.verbose {
		fmt.Print(indent(res.trouble()))
	}
	return res
}

// prepare lays out what the suite expects to be started from.
func (r *runner) prepare(dir, unit string, tls bool) error {
	for _, name := range []string{"tests", "runtest", "runtest-sentinel", "runtest-cluster"} {
		if err := copyTree(filepath.Join(r.suite, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "tests", "tmp"), 0o755); err != nil {
		return err
	}
	src := filepath.Join(dir, "src")
	if err := os.Mkdir(src, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"redis-server", "redis-sentinel", "redis-check-aof", "redis-check-rdb", "redis-cli", "redis-benchmark"} {
		program, err := r.program(name)
		if err != nil {
			return err
		}
		if err := os.Symlink(program, filepath.Join(src, name)); err != nil {
			return err
		}
	}
	if tls {
		out, err := exec.Command("utils/gen-test-certs.sh", filepath.Join(dir, "tests", "tls")).CombinedOutput()
		if err != nil {
			return fmt.Errorf("gen-test-certs.sh: %w: %s", err, out)
		}
	}
	var skips bytes.Buffer
	for _, s := range r.lists.skips {
		if s.unit == unit && !r.noSkip && !r.options.c {
			fmt.Fprintln(&skips, s.title)
		}
	}
	return os.WriteFile(filepath.Join(dir, "skipfile"), skips.Bytes(), 0o644)
}

// program finds one of the programs: ours where we have it, else C Redis's (its client and its benchmark serve until ours are there).
func (r *runner) program(name string) (string, error) {
	ours, err := filepath.Abs(filepath.Join(r.bin, name))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(ours); err == nil && !r.options.c {
		return ours, nil
	}
	if name == "redis-server" && !r.options.c {
		return "", fmt.Errorf("%s is not there: make builds it", ours)
	}
	return filepath.Join(r.c, name), nil
}

func (r *runner) execute(dir, unit string, mark unitMark) ([]byte, error) {
	// timeout makes a process group of its own, so that whatever the suite leaves behind can be ended with it.
	argv := append([]string{"timeout", "-s", "KILL", strconv.Itoa(int(r.timeout.Seconds()))}, r.isolate...)
	kind, base, _ := strings.Cut(unit, "/")
	switch kind {
	case "sentinel", "cluster":
		argv = append(argv, "./runtest-"+kind, "--single", base)
	default:
		argv = append(argv, "./runtest", "--clients", "1", "--durable", "--single", unit, "--skipfile", "skipfile")
		if r.only != "" {
			argv = append(argv, "--only", r.only)
		}
	}
	if r.tls || mark.tls {
		argv = append(argv, "--tls")
	}
	if mark.norepl {
		argv = append(argv, "--tags", "-needs:repl")
	}
	argv = append(argv, strings.Fields(r.args)...)

	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TERM=dumb", "LC_ALL=C")
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	if r.verbose {
		cmd.Stdout = io.MultiWriter(&out, os.Stdout)
	}
	cmd.Stderr = cmd.Stdout
	start := time.Now()
	err := cmd.Run()
	if cmd.Process != nil {
		exec.Command("kill", "-KILL", "--", fmt.Sprintf("-%d", cmd.Process.Pid)).Run()
	}
	if time.Since(start) >= r.timeout {
		return out.Bytes(), fmt.Errorf("not done after %v", r.timeout)
	}
	// Failed tests make the suite's own exit status 1: they are counted from what it prints.
	if _, failed := err.(*exec.ExitError); failed {
		err = nil
	}
	return out.Bytes(), err
}

var (
	okLine   = regexp.MustCompile(`^\[ok\]: (.*) \(\d+ ms\)$`)
	otherRE  = regexp.MustCompile(`^\[(err|exception|skip|ignore|TIMEOUT)\]: (.*)$`)
	where    = regexp.MustCompile(` in tests/\S+\.tcl$`)
	instance = regexp.MustCompile(`^\d\d:\d\d:\d\d> (.*): (OK|FAILED.*)$`)
)

// parse counts what the suite printed.
func (res *result) parse(unit string) {
	finished := false
	for line := range strings.Lines(res.log) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "!!! WARNING") {
			// The failed tests are listed a second time after this.
			finished = true
			break
		}
		if strings.Contains(line, "All tests passed without errors") || strings.HasPrefix(line, "GOOD! No errors.") {
			finished = true
		}
		if m := okLine.FindStringSubmatch(line); m != nil {
			res.ok++
			res.passed = append(res.passed, m[1])
		} else if m := otherRE.FindStringSubmatch(line); m != nil {
			switch m[1] {
			case "skip", "ignore":
				res.skip++
			default:
				res.failures = append(res.failures, where.ReplaceAllString(m[2], ""))
			}
		} else if m := instance.FindStringSubmatch(line); m != nil {
			if m[2] == "OK" {
				res.ok++
				res.passed = append(res.passed, m[1])
			} else {
				res.failures = append(res.failures, m[1]+": "+m[2])
			}
		} else if strings.HasPrefix(line, "FAILED: caught an error") || strings.HasPrefix(line, "WARNING ") && strings.Contains(line, "test(s) failed") {
			finished = true
			if len(res.failures) == 0 {
				res.failures = append(res.failures, line)
			}
		}
	}
	if !finished && len(res.failures) == 0 {
		res.failures = append(res.failures, "(the suite did not come to its end)")
	}
}

// judge sorts the failures of a partial unit into those that count, since the title has passed before, and those that are known.
func (r *runner) judge(res *result, mark unitMark) {
	if !mark.partial {
		return
	}
	if r.record {
		if err := r.writePartial(res); err != nil {
			res.failures = append(res.failures, err.Error())
		}
		return
	}
	must := r.lists.partial[res.unit]
	var count []string
	for _, title := range res.failures {
		if must[title] || strings.HasPrefix(title, "(") {
			count = append(count, title)
		} else {
			res.tolerated++
		}
	}
	ran := map[string]bool{}
	for _, title := range res.passed {
		ran[title] = true
	}
	if r.only == "" {
		for title := range must {
			if !ran[title] && !contains(count, title) {
				count = append(count, title+" (did not run)")
			}
		}
	}
	res.failures = count
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// writePartial keeps the titles that passed. One that also failed, under the same title, is not among them.
func (r *runner) writePartial(res *result) error {
	name := partialFile(r.options, res.unit)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# What passes of %s. Made by: make test-upstream ARGS=-record UNITS=%s\n", res.unit, res.unit)
	seen := map[string]bool{}
	for _, title := range res.passed {
		if !seen[title] && !contains(res.failures, title) && title[0] != '#' {
			fmt.Fprintln(&out, title)
		}
		seen[title] = true
	}
	return os.WriteFile(name, out.Bytes(), 0o644)
}

// trouble is the part of the log that tells of failures.
func (res *result) trouble() string {
	var out strings.Builder
	left := 0
	for line := range strings.Lines(res.log) {
		if strings.HasPrefix(line, "!!! WARNING") {
			break
		}
		if m := otherRE.FindString(line); strings.HasPrefix(line, "[err]") || strings.HasPrefix(line, "[exception]") || strings.HasPrefix(line, "[TIMEOUT]") {
			left = 12
		} else if m != "" || strings.HasPrefix(line, "[ok]") {
			left = 0
		}
		if left > 0 {
			out.WriteString(line)
			left--
		}
	}
	if out.Len() == 0 {
		tail := res.log
		if len(tail) > 3000 {
			tail = tail[len(tail)-3000:]
		}
		out.WriteString(tail)
	}
	return out.String()
}

func indent(s string) string {
	var out strings.Builder
	for line := range strings.Lines(s) {
		if len(line) > 400 {
			line = line[:400] + "...\n"
		}
		out.WriteString("    " + line)
	}
	if out.Len() > 0 && !strings.HasSuffix(out.String(), "\n") {
		out.WriteByte('\n')
	}
	return out.String()
}

// copyTree copies a file or a folder with all that is in it.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case !info.Mode().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, info.Mode().Perm()|0o200)
	})
}
