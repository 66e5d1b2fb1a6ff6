// SPDX-License-Identifier: BSD-3-Clause

// Command exchange has servers read what other servers have written:
//
//	go run ./tests/exchange
//
// A dataset of all types and encodings (dataset.go) is made in one server, goes to another as an RDB file, as an append-only file with a base of
// either kind, and as the payloads of DUMP, and must be found there as it was (facts.go). What we write is read by C Redis 8.0; what C Redis 7.0
// and 8.0 and Valkey 9.1 write is read by us, and where C Redis 8.0 reads it too, our server must make of it what that makes, down to encodings. With
// -s390x there is also our server on a big-endian machine, in both directions.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"redport/deps/hiredis"
)

// kind is a server to be had.
type kind struct {
	name    string
	program string
	redis7  bool // knows neither set-max-listpack-entries nor fields that expire
	valkey  bool
}

// way is how a dataset goes from one server to another.
type way struct {
	name string
	args []string // for both servers
	aof  bool
	dump bool
}

var ways = []way{
	{name: "RDB file"},
	{name: "AOF with an RDB base", aof: true, args: []string{"--appendonly", "yes", "--aof-use-rdb-preamble", "yes"}},
	{name: "AOF with a base of commands", aof: true, args: []string{"--appendonly", "yes", "--aof-use-rdb-preamble", "no"}},
	{name: "DUMP and RESTORE", dump: true},
}

// setting is a configuration that both servers have.
type setting struct {
	name string
	args []string
}

var settings = []setting{
	{"defaults", []string{"--stream-node-max-entries", "7"}},
	{"small thresholds, LFU", []string{"--hash-max-listpack-entries", "4", "--zset-max-listpack-entries", "4", "--set-max-intset-entries", "4",
		"--set-max-listpack-entries", "4", "--list-max-listpack-size", "4", "--list-compress-depth", "1", "--stream-node-max-bytes", "200",
		"--hll-sparse-max-bytes", "60", "--maxmemory-policy", "allkeys-lfu"}},
	{"no compression, no checksum, LRU", []string{"--rdbcompression", "no", "--rdbchecksum", "no", "--maxmemory-policy", "volatile-lru"}},
}

func main() {
	ours := flag.String("server", "src/redis-server", "our server")
	s390x := flag.String("s390x", "", "our server on s390x; only it is tested, with ours")
	only := flag.String("only", "", "run only what has this in its name")
	short := flag.Bool("short", false, "with one setting only")
	flag.Parse()
	passed, failed, err := run(*ours, *s390x, *only, *short)
	if err != nil {
		fmt.Fprintln(os.Stderr, "exchange:", err)
		failed++
	}
	fmt.Printf("exchange: %d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

func run(program, s390x, only string, short bool) (passed, failed int, err error) {
	ours := kind{name: "ours", program: program}
	writers, readers := []kind{ours}, []kind{ours}
	if s390x != "" {
		other := kind{name: "s390x", program: s390x}
		writers, readers = append(writers, other), append(readers, other)
	} else {
		c8, err := reference("redis", "redis-server")
		if err != nil || c8 == "" {
			return 0, 0, err
		}
		c7, err := reference("redis7", "redis-server")
		if err != nil {
			return 0, 0, err
		}
		valkey, err := reference("valkey", "valkey-server")
		if err != nil {
			return 0, 0, err
		}
		c := kind{name: "C Redis 8.0", program: c8}
		writers = append(writers, c, kind{name: "C Redis 7.0", program: c7, redis7: true}, kind{name: "Valkey 9.1", program: valkey, valkey: true})
		readers = append(readers, c)
	}
	if short {
		settings = settings[:2]
	}
	temp, err := os.MkdirTemp("", "exchange")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(temp)
	for _, set := range settings {
		for _, w := range writers {
			for _, how := range ways {
				name := fmt.Sprintf("%s, written by %s (%s)", how.name, w.name, set.name)
				if w.valkey && how.dump || !strings.Contains(name, only) || short && s390x == "" && set.name != settings[0].name && how.dump {
					continue // Valkey's payloads have a version that is its own
				}
				t := &transfer{temp: temp, writer: w, readers: readers, way: how, set: set}
				if err := t.run(); err != nil {
					failed++
					fmt.Printf("FAIL %s: %v\n", name, err)
					continue
				}
				passed++
				fmt.Println("ok   " + name)
			}
		}
	}
	return passed, failed, nil
}

// reference asks the script for a C server; "" where there is no script.
func reference(what, program string) (string, error) {
	script := os.Getenv("REFERENCE")
	if script == "" {
		script = "../shared/bin/reference"
	}
	if _, err := os.Stat(script); err != nil {
		fmt.Println("exchange: there is no script ../shared/bin/reference that brings C Redis (REFERENCE may name another): nothing is compared.")
		if os.Getenv("CI") != "" {
			return "", errors.New("no reference")
		}
		return "", nil
	}
	out, err := exec.Command(script, what).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", script, what, err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), program), nil
}

// transfer is one dataset on its way.
type transfer struct {
	temp    string
	writer  kind
	readers []kind
	way     way
	set     setting
}

func (t *transfer) run() error {
	dir, err := os.MkdirTemp(t.temp, "w")
	if err != nil {
		return err
	}
	w, err := t.start(t.writer, dir)
	if err != nil {
		return err
	}
	defer w.kill()
	if err := w.fill(t.way.aof); err != nil {
		return err
	}
	var payloads []payload
	if t.way.dump {
		if payloads, err = w.dump(); err != nil {
			return err
		}
	}
	if !t.way.aof {
		// Before facts are asked for, as that is an access.
		if _, err := w.do("SAVE"); err != nil {
			return err
		}
	}
	want, err := w.facts()
	if err != nil {
		return err
	}
	if err := w.end("SHUTDOWN", "NOSAVE"); err != nil {
		return err
	}
	found := make([]facts, len(t.readers))
	for i, k := range t.readers {
		if t.writer.valkey && k.name != "ours" || k == t.writer && k.name != "ours" {
			continue
		}
		if found[i], err = t.read(k, dir, payloads); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		if err := compare(want, found[i], t.same); err != nil {
			return fmt.Errorf("%s finds something else: %w", k.name, err)
		}
	}
	// Two that have read the same file have the same.
	for i := 1; i < len(found); i++ {
		if found[0] != nil && found[i] != nil {
			if err := compare(found[i], found[0], t.agreed); err != nil {
				return fmt.Errorf("%s makes something else of it than %s: %w", t.readers[0].name, t.readers[i].name, err)
			}
		}
	}
	return nil
}

// read has a server read what was written into dir, or payloads.
func (t *transfer) read(k kind, dir string, payloads []payload) (facts, error) {
	own, err := os.MkdirTemp(t.temp, "r")
	if err != nil {
		return nil, err
	}
	if !t.way.dump {
		for _, name := range []string{"dump.rdb", "appendonlydir"} {
			if err := copyTree(filepath.Join(dir, name), filepath.Join(own, name)); err != nil {
				return nil, err
			}
		}
	}
	r, err := t.start(k, own)
	if err != nil {
		return nil, err
	}
	defer r.kill()
	if err := r.restore(payloads); err != nil {
		return nil, err
	}
	return r.facts()
}

// same tells which facts must be what the writer told of them.
func (t *transfer) same(name string) bool {
	what := name[strings.LastIndexByte(name, ' ')+1:]
	if t.way.dump && what == "functions" {
		return false
	}
	switch what {
	case "encoding":
		// An older version keeps things differently, and commands and payloads tell nothing of what a value was before; nor does any file of a string.
		return !t.writer.redis7 && !t.writer.valkey && !t.way.aof && !strings.Contains(name, "/hll:")
	case "access":
		return !t.way.aof && !t.way.dump
	case "stream":
		return !t.writer.redis7 && !t.way.aof
	case "pending":
		return !t.way.aof
	case "digest":
		return !t.writer.redis7 && !t.writer.valkey // scores have more digits in the one, fields that expire count differently in the other
	case "digest-value":
		return !(t.writer.redis7 && (strings.Contains(name, "/zset:") || strings.Contains(name, "/geo")) ||
			t.writer.valkey && strings.Contains(name, "hash"))
	}
	return true
}

// agreed tells which facts must be the same for two that have read the same.
func (t *transfer) agreed(name string) bool {
	// Commands say when, but for some times that is now.
	return !t.way.aof || !strings.HasSuffix(name, " stream") && !strings.HasSuffix(name, " access")
}

// --- Servers ---

type server struct {
	kind kind
	cmd  *exec.Cmd
	conn *hiredis.Conn
	log  string
	done chan struct{}
}

// start runs a server on a free port.
func (t *transfer) start(k kind, dir string) (*server, error) {
	args := slices.Concat(t.set.args, t.way.args)
	if k.redis7 {
		if i := slices.Index(args, "--set-max-listpack-entries"); i >= 0 {
			args = slices.Delete(args, i, i+2)
		}
	}
	for range 20 {
		port := 30000 + rand.IntN(20000)
		s := &server{kind: k, log: filepath.Join(dir, "log"), done: make(chan struct{})}
		s.cmd = exec.Command(k.program, append([]string{"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--dir", dir, "--logfile", s.log,
			"--enable-debug-command", "yes"}, args...)...)
		if err := s.cmd.Start(); err != nil {
			return nil, err
		}
		go func() { s.cmd.Wait(); close(s.done) }()
		if s.connect(port) {
			return s, nil
		}
		s.kill()
		if log, _ := os.ReadFile(s.log); !strings.Contains(string(log), "Address already in use") {
			return nil, fmt.Errorf("%s does not start:\n%s", k.name, tail(log))
		}
	}
	return nil, fmt.Errorf("%s: no free port", k.name)
}

func tail(log []byte) []byte { return log[max(0, len(log)-2000):] }

// connect waits until the server has loaded its data. false: it has ended.
func (s *server) connect(port int) bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		select {
		case <-s.done:
			return false
		default:
		}
		conn, err := hiredis.Dial(&hiredis.Options{Host: "127.0.0.1", Port: port, Timeout: time.Minute})
		if err != nil {
			continue
		}
		s.conn = conn
		// The port may be somebody else's, and ours has then gone.
		if r, err := conn.Do("INFO", "server"); err == nil && strings.Contains(r.Str, fmt.Sprintf("process_id:%d\r", s.cmd.Process.Pid)) {
			if r, err := conn.Do("PING"); err == nil && r.Str == "PONG" {
				return true
			}
		}
		conn.Close()
	}
	return false
}

func (s *server) kill() {
	s.cmd.Process.Kill()
	<-s.done
}

// end has the server end by itself.
func (s *server) end(args ...string) error {
	s.conn.Do(args...)
	select {
	case <-s.done:
		return nil
	case <-time.After(time.Minute):
		return fmt.Errorf("%s does not end", s.kind.name)
	}
}

// do is a command that must not fail.
func (s *server) do(args ...string) (*hiredis.Reply, error) {
	r, err := s.conn.Do(args...)
	if err == nil {
		err = r.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %.80q: %w", s.kind.name, args, err)
	}
	return r, nil
}

// waitFor waits until a field of INFO has a value.
func (s *server) waitFor(field, value string) error {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		r, err := s.do("INFO", "persistence")
		if err != nil {
			return err
		}
		if strings.Contains(r.Str, field+":"+value+"\r\n") {
			return nil
		}
	}
	return fmt.Errorf("%s: %s is never %s", s.kind.name, field, value)
}

// payload is a key as DUMP tells it.
type payload struct {
	db        string
	key, data string
	expire    string
}

func (s *server) dump() ([]payload, error) {
	var all []payload
	err := s.eachDatabase(func(db string, keys []string) error {
		for _, key := range keys {
			data, err := s.do("DUMP", key)
			if err != nil {
				return err
			}
			expire, err := s.do("PEXPIRETIME", key)
			if err != nil {
				return err
			}
			all = append(all, payload{db, key, data.Str, fmt.Sprint(max(expire.Integer, 0))})
		}
		return nil
	})
	return all, err
}

func (s *server) restore(payloads []payload) error {
	for _, p := range payloads {
		if _, err := s.do("SELECT", p.db); err != nil {
			return err
		}
		if _, err := s.do("RESTORE", p.key, p.expire, p.data, "ABSTTL"); err != nil {
			return err
		}
	}
	return nil
}

// copyTree copies a file or a folder, if it is there.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == from && errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o644)
	})
}
