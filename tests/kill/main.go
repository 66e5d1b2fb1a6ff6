// SPDX-License-Identifier: BSD-3-Clause

// Command kill ends a server by SIGKILL at random moments, starts it again, and looks whether everything is there that it had acknowledged:
//
//	go run ./tests/kill -server src/redis-server -rounds 200
//
// Rounds go over all ways to keep data: an append-only file with each appendfsync, with an RDB base and one of commands, with rewrites, and
// RDB files alone. Several clients count up, each its own key, one command after the other and in transactions. A kill takes nothing that was
// written, synced or not; so what may be lost is what the mode keeps in memory: nothing with always, two seconds
// otherwise, and with RDB files whatever is newer than the last save. What must never happen is a file that does not load, a
// transaction by halves, or a value that nobody has written.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// mode is one way to keep data.
type mode struct {
	name string
	args []string
	lose time.Duration // how old an acknowledged write may be that is lost; negative: what was not saved
}

var modes = []mode{
	{"always rdb", []string{"--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "yes"}, 0},
	{"everysec rdb", []string{"--appendonly", "yes", "--appendfsync", "everysec", "--aof-use-rdb-preamble", "yes"}, 2500 * time.Millisecond},
	{"no rdb", []string{"--appendonly", "yes", "--appendfsync", "no", "--aof-use-rdb-preamble", "yes"}, 2500 * time.Millisecond},
	{"always aof", []string{"--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no"}, 0},
	{"everysec aof", []string{"--appendonly", "yes", "--appendfsync", "everysec", "--aof-use-rdb-preamble", "no", "--aof-timestamp-enabled", "yes"}, 2500 * time.Millisecond},
	{"no aof", []string{"--appendonly", "yes", "--appendfsync", "no", "--aof-use-rdb-preamble", "no"}, 2500 * time.Millisecond},
	{"rdb alone", []string{"--appendonly", "no", "--save", "1 1"}, -1},
}

func main() {
	server := flag.String("server", "src/redis-server", "the server to test")
	rounds := flag.Int("rounds", 200, "how many kills")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the random choices")
	flag.Parse()
	path, err := filepath.Abs(*server)
	if err != nil {
		fatal(err)
	}
	fmt.Printf("seed %d\n", *seed)
	r := rand.New(rand.NewPCG(*seed, 0))
	failed := 0
	var all tally
	for i, m := range modes {
		n := *rounds / len(modes)
		if i < *rounds%len(modes) {
			n++
		}
		if n == 0 {
			continue
		}
		var t tally
		kills, err := run(path, m, n, r, &t)
		all.acked, all.gone, all.kills = all.acked+t.acked, all.gone+t.gone, all.kills+kills
		if err != nil {
			failed++
			fmt.Printf("%-14s FAILED after %d kills: %v\n", m.name, kills, err)
			continue
		}
		fmt.Printf("%-14s %d kills, %d writes acknowledged, %d of them gone\n", m.name, kills, t.acked, t.gone)
	}
	fmt.Printf("%d kills, %d writes acknowledged, %d gone, each of which the mode may lose\n", all.kills, all.acked, all.gone)
	fmt.Printf("%d passed, %d failed\n", len(modes)-failed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// tally counts what clients were told is written, and what of it was not there after a kill.
type tally struct {
	kills       int
	acked, gone int64
}

// counter is what one client has written.
type counter struct {
	mu    sync.Mutex
	sent  int64
	acks  []ack // by time
	saved int64 // the value that a save had
}

type ack struct {
	at    time.Time
	value int64
}

// acked returns the newest value that was acknowledged before a moment.
func (c *counter) acked(before time.Time) int64 {
	var v int64
	for _, a := range c.acks {
		if a.at.After(before) {
			break
		}
		v = a.value
	}
	return v
}

// round is one life of a server.
type round struct {
	path, dir string
	m         mode
	port      int
	cmd       *exec.Cmd
	log       string
}

const clients = 4

// run kills a server of one mode n times.
func run(path string, m mode, n int, r *rand.Rand, t *tally) (kills int, err error) {
	dir, err := os.MkdirTemp("", "redport-kill-")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err == nil {
			os.RemoveAll(dir)
		} else {
			err = fmt.Errorf("%w (files are in %s)", err, dir)
		}
	}()
	counters := make([]*counter, clients)
	for i := range counters {
		counters[i] = &counter{}
	}
	for kills = range n {
		s := &round{path: path, dir: dir, m: m, log: filepath.Join(dir, "log")}
		if err := s.start(); err != nil {
			return kills, err
		}
		if err := s.verify(counters, t); err != nil {
			s.kill()
			return kills, err
		}
		if err := s.life(counters, r); err != nil {
			s.kill()
			return kills, err
		}
	}
	s := &round{path: path, dir: dir, m: m, log: filepath.Join(dir, "log")}
	if err := s.start(); err != nil {
		return n, err
	}
	defer s.kill()
	return n, s.verify(counters, t)
}

func (s *round) start() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	args := append([]string{"--port", strconv.Itoa(s.port), "--dir", s.dir, "--logfile", s.log, "--save", ""}, s.m.args...)
	args = append(args, "--auto-aof-rewrite-min-size", "64kb", "--auto-aof-rewrite-percentage", "50")
	s.cmd = exec.Command(s.path, args...)
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c, err := s.dial()
		if err == nil {
			reply, err := c.do("PING")
			c.close()
			if err == nil && reply == "PONG" {
				return nil
			}
		}
		if time.Now().After(end) {
			s.kill()
			tail, _ := os.ReadFile(s.log)
			return fmt.Errorf("does not start: %v\n%s", err, tail[max(0, len(tail)-2000):])
		}
	}
}

func (s *round) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// life has clients write until the server is killed.
func (s *round) life(counters []*counter, r *rand.Rand) error {
	var wg sync.WaitGroup
	for i, c := range counters {
		wg.Add(1)
		go func() {
			defer wg.Done()
			s.count(i, c)
		}()
	}
	wg.Add(1)
	go func() {
		defer wg.Done()
		s.disturb(counters, r.Uint64())
	}()
	time.Sleep(time.Duration(20+r.IntN(1200)) * time.Millisecond)
	s.kill()
	killed := time.Now()
	wg.Wait()
	for _, c := range counters {
		if s.m.lose > 0 {
			// From now on only what was old enough counts.
			c.saved = max(c.saved, c.acked(killed.Add(-s.m.lose)))
		} else if s.m.lose == 0 {
			c.saved = max(c.saved, c.acked(killed))
		}
	}
	return nil
}

// count counts up: the same number goes into two keys at once, and into a list.
func (s *round) count(i int, c *counter) {
	conn, err := s.dial()
	if err != nil {
		return
	}
	defer conn.close()
	for {
		c.mu.Lock()
		c.sent++
		v := c.sent
		c.mu.Unlock()
		var err error
		if v%3 == 0 {
			_, err = conn.do("SET", key("plain", i), strconv.FormatInt(v, 10))
		} else {
			for _, command := range [][]string{{"MULTI"}, {"SET", key("plain", i), strconv.FormatInt(v, 10)},
				{"HSET", key("hash", i), "f" + strconv.FormatInt(v%100, 10), strconv.FormatInt(v, 10), "last", strconv.FormatInt(v, 10)}, {"EXEC"}} {
				if _, err = conn.do(command...); err != nil {
					break
				}
			}
		}
		if err != nil {
			return
		}
		c.mu.Lock()
		c.acks = append(c.acks, ack{time.Now(), v})
		c.mu.Unlock()
	}
}

// disturb saves and rewrites now and then.
func (s *round) disturb(counters []*counter, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	conn, err := s.dial()
	if err != nil {
		return
	}
	defer conn.close()
	for {
		time.Sleep(time.Duration(r.IntN(150)) * time.Millisecond)
		now := time.Now()
		command := []string{"BGREWRITEAOF"}
		if s.m.lose < 0 {
			command = [][]string{{"SAVE"}, {"BGSAVE"}}[r.IntN(2)]
		}
		_, err := conn.do(command...)
		var refused replyError
		if err != nil && !errors.As(err, &refused) {
			return
		}
		if err == nil && command[0] == "SAVE" {
			for _, c := range counters {
				c.mu.Lock()
				c.saved = max(c.saved, c.acked(now))
				c.mu.Unlock()
			}
		}
	}
}

func key(kind string, i int) string { return kind + ":" + strconv.Itoa(i) }

// verify compares what is there with what was written, and goes on from it.
func (s *round) verify(counters []*counter, t *tally) error {
	conn, err := s.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	for i, c := range counters {
		plain, err := conn.number("GET", key("plain", i))
		if err != nil {
			return err
		}
		last, err := conn.number("HGET", key("hash", i), "last")
		if err != nil {
			return err
		}
		switch {
		case plain < c.saved:
			return fmt.Errorf("client %d: found %d, but %d was acknowledged in time", i, plain, c.saved)
		case plain > c.sent:
			return fmt.Errorf("client %d: found %d, but only %d was sent", i, plain, c.sent)
		case plain%3 != 0 && last != plain || plain%3 == 0 && last != max(plain-1, 0):
			return fmt.Errorf("client %d: a transaction by halves: %d and %d", i, plain, last)
		}
		t.acked += int64(len(c.acks))
		for _, a := range c.acks {
			if a.value > plain {
				t.gone++
			}
		}
		// A number that was on its way when the server was killed must not be taken for one that comes later.
		c.acks = nil
		c.saved = plain
		c.sent = plain
	}
	return nil
}

// --- The protocol ---

type conn struct {
	c net.Conn
	r *bufio.Reader
}

type replyError string

func (e replyError) Error() string { return string(e) }

func (s *round) dial() (*conn, error) {
	c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(s.port))
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(60 * time.Second))
	return &conn{c, bufio.NewReader(c)}, nil
}

func (c *conn) close() { c.c.Close() }

// number is the reply as a number; a null is 0.
func (c *conn) number(args ...string) (int64, error) {
	reply, err := c.do(args...)
	if err != nil || reply == "" {
		return 0, err
	}
	return strconv.ParseInt(reply, 10, 64)
}

func (c *conn) do(args ...string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := io.WriteString(c.c, b.String()); err != nil {
		return "", err
	}
	return c.reply()
}

// reply reads a reply; of an array, the last element's.
func (c *conn) reply() (string, error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	switch line[0] {
	case '-':
		return "", replyError(line[1:])
	case '$', '*':
		n, err := strconv.Atoi(line[1:])
		if err != nil || n < 0 {
			return "", err
		}
		if line[0] == '$' {
			b := make([]byte, n+2)
			_, err := io.ReadFull(c.r, b)
			return string(b[:n]), err
		}
		last := ""
		for range n {
			if last, err = c.reply(); err != nil {
				return "", err
			}
		}
		return last, nil
	}
	return line[1:], nil
}
