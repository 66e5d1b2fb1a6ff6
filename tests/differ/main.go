// SPDX-License-Identifier: BSD-3-Clause

// Differ sends the same random commands to our server and to C Redis, and compares what comes back.
//
// A run is made of episodes. Each begins with empty databases, RESP2 and RESP3 in turn, and thresholds of encodings that are drawn anew; everything in
// it follows from the seed and the episode's number, so that -seed S -episode N repeats it. Replies are compared byte for byte;
// as sets where the order is not defined; by shape where chance decides; with a tolerance where they tell the time. After every batch of commands the
// digests of both datasets are compared, and where they differ, those of the keys.
//
// After the episodes, a tenth as many steps each go to generated scripts and functions (scripts.go, lua.go), to users and their rules (users.go), to
// pub/sub (pubsub.go) and to client-side caching (tracking.go); -what picks some of them.
//
// Commands are made from their declarations (src/commands), so a new one is covered when it is declared; generate.go knows
// what values make sense where, and how to make them senseless.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

type options struct {
	server    string
	reference string
	n         int
	seed      uint64
	episode   int
	length    int
	only      string
	what      string
	most      int
	verbose   bool
}

func main() {
	var o options
	flag.StringVar(&o.server, "server", "src/redis-server", "our server")
	flag.StringVar(&o.reference, "reference", "", "C Redis's server (empty: from the cache that the script named by REFERENCE fills)")
	flag.IntVar(&o.n, "n", 100000, "commands in all")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "seed")
	flag.IntVar(&o.episode, "episode", -1, "only this episode")
	flag.IntVar(&o.length, "length", 2000, "commands an episode")
	flag.StringVar(&o.only, "only", "", "only these commands or groups (comma-separated)")
	flag.StringVar(&o.what, "what", "commands,scripts,users,pubsub,tracking", "what to compare")
	flag.IntVar(&o.most, "most", 20, "stop after so many differences")
	flag.BoolVar(&o.verbose, "v", false, "print every command")
	flag.Parse()
	differences, err := run(&o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "differ:", err)
		os.Exit(2)
	}
	if differences > 0 {
		os.Exit(1)
	}
}

// server is a process with a connection.
type server struct {
	name string
	cmd  *exec.Cmd
	port int
	log  string
	conn *conn
}

func run(o *options) (int, error) {
	if o.reference == "" {
		var err error
		if o.reference, err = referenceServer(); err != nil {
			return 0, err
		}
		if o.reference == "" {
			fmt.Println("differ: there is no script ../shared/bin/reference that brings C Redis (REFERENCE may name another): nothing is compared.")
			return 0, nil
		}
	}
	dir, err := os.MkdirTemp("", "differ")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	var servers [2]*server
	for i, path := range []string{o.server, o.reference} {
		s, err := start([]string{"ours", "C"}[i], path, dir)
		if err != nil {
			return 0, err
		}
		defer s.stop()
		servers[i] = s
	}
	table, err := commonCommands(servers, o.only)
	if err != nil {
		return 0, err
	}
	fmt.Printf("seed %d, %d commands known to both\n", o.seed, len(table))
	d := &differ{options: o, ours: servers[0], c: servers[1], table: table}
	parts := []struct {
		name     string
		episodes bool // -episode picks one of it
		run      func() error
	}{
		{"commands", true, func() error { return d.commandsCompared(o.n) }},
		{"scripts", true, func() error { return d.scriptsCompared(o.n / 10) }},
		{"users", false, func() error { return d.usersCompared(o.n / 10) }},
		{"pubsub", false, func() error { return d.pubsubCompared(o.n / 10) }},
		{"tracking", false, func() error { return d.trackingCompared(o.n / 10) }},
	}
	for _, part := range parts {
		if !slices.Contains(strings.Split(o.what, ","), part.name) || o.episode >= 0 && !part.episodes {
			continue
		}
		if err := part.run(); err != nil {
			for _, s := range servers {
				s.showLog()
			}
			return d.differences, fmt.Errorf("seed %d, %s: %w", o.seed, part.name, err)
		}
	}
	fmt.Printf("%d commands, %d of them answered with an error by both, %d differences\n", d.sent, d.errors, d.differences)
	return d.differences, nil
}

// referenceServer asks the script for the folder of C Redis; "" where there is no script.
func referenceServer() (string, error) {
	script := os.Getenv("REFERENCE")
	if script == "" {
		script = "../shared/bin/reference"
	}
	if _, err := os.Stat(script); err != nil {
		return "", nil
	}
	out, err := exec.Command(script, "redis").Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", script, err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "redis-server"), nil
}

// start runs a server on a free port of its own.
func start(name, path, dir string) (*server, error) {
	for range 20 {
		s := &server{name: name, port: 20000 + rand.IntN(20000)}
		sub := filepath.Join(dir, fmt.Sprint(name, s.port))
		if err := os.Mkdir(sub, 0o755); err != nil {
			return nil, err
		}
		s.log = filepath.Join(sub, "log")
		s.cmd = exec.Command(path, "--port", fmt.Sprint(s.port), "--bind", "127.0.0.1", "--save", "", "--dir", sub, "--enable-debug-command", "yes",
			"--proto-max-bulk-len", "1mb", "--logfile", s.log)
		if err := s.cmd.Start(); err != nil {
			return nil, err
		}
		exited := make(chan struct{})
		go func() { s.cmd.Wait(); close(exited) }()
		for {
			nc, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
			if err == nil {
				s.conn = newConn(nc)
				// The port may be somebody else's, and ours has then gone.
				if r, err := s.conn.do("INFO", "server"); err == nil && strings.Contains(string(r.raw), fmt.Sprintf("process_id:%d\r", s.cmd.Process.Pid)) {
					return s, nil
				}
				nc.Close()
			}
			select {
			case <-exited:
			case <-time.After(20 * time.Millisecond):
				continue
			}
			break
		}
	}
	return nil, errors.New(name + ": no free port, or the server does not start: " + path)
}

// showLog prints the end of the server's log: why it does not answer.
func (s *server) showLog() {
	log, err := os.ReadFile(s.log)
	if err != nil {
		return
	}
	text, _, _ := strings.Cut(string(log), "------ INFO OUTPUT") // of a crash report
	lines := strings.SplitAfter(text, "\n")
	fmt.Printf("log of %s:\n%s", s.name, strings.Join(lines[max(0, len(lines)-80):], ""))
}

func (s *server) stop() {
	s.cmd.Process.Kill()
}
