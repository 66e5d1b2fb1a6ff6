// SPDX-License-Identifier: BSD-3-Clause

// Soak puts a long mixed load on a server of its own and then looks whether anything grew that should not: goroutines, descriptors, threads, memory.
//
// Clients connect, send a burst of commands (good ones, bad ones, bytes that are no protocol at all), and leave: politely, in the middle
// of a command, or without reading what they asked for. The keys are few, so what remains after a FLUSHALL must
// be what was there before. The load comes in phases; after each everything is emptied and counted. What the first leaves
// is the measure for the others, since pools and buffers have then been filled.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type options struct {
	server  string
	n       int
	phases  int
	clients int
	seed    uint64
	args    string
}

func main() {
	var o options
	flag.StringVar(&o.server, "server", "src/redis-server", "server to run")
	flag.IntVar(&o.n, "n", 1000000, "commands in all")
	flag.IntVar(&o.phases, "phases", 5, "phases, with a count after each")
	flag.IntVar(&o.clients, "clients", 20, "clients at a time")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "seed of the load, to repeat a run")
	flag.StringVar(&o.args, "args", "", "further arguments for the server")
	flag.Parse()
	ok, err := run(&o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

type soak struct {
	*options
	cmd   *exec.Cmd
	port  int
	log   string
	ended chan struct{} // closed when the server has ended
}

func run(o *options) (ok bool, err error) {
	dir, err := os.MkdirTemp("", "redport-soak-")
	if err != nil {
		return false, err
	}
	s := &soak{options: o, log: filepath.Join(dir, "log"), ended: make(chan struct{})}
	if err := s.start(dir); err != nil {
		return false, err
	}
	defer func() {
		s.cmd.Process.Signal(os.Interrupt)
		select {
		case <-s.ended:
		case <-time.After(20 * time.Second):
			s.cmd.Process.Kill()
			fmt.Println("the server had to be killed")
			ok = false
		}
		if ok {
			os.RemoveAll(dir)
		} else {
			fmt.Printf("seed %d, log in %s\n", o.seed, s.log)
		}
	}()

	fmt.Printf("%12s %10s %10s %10s %12s %12s\n", "commands", "goroutines", "threads", "files", "used", "resident")
	var first, last counts
	for phase := range o.phases {
		s.load(phase, o.n/o.phases)
		c, err := s.count()
		if err != nil {
			text, _ := os.ReadFile(s.log)
			return false, fmt.Errorf("after phase %d: %w\n%s", phase+1, err, text[max(0, len(text)-4000):])
		}
		fmt.Printf("%12d %10d %10d %10d %12d %12d\n", (phase+1)*(o.n/o.phases), c.goroutines, c.threads, c.files, c.used, c.resident)
		if phase == 0 {
			first = c
		}
		last = c
	}
	return judge(first, last), nil
}

func (s *soak) start(dir string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	log, err := os.Create(s.log)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--maxmemory", "500mb",
		"--client-output-buffer-limit", "normal 32mb 0 0", "--client-query-buffer-limit", "32mb", "--enable-debug-command", "yes"}
	s.cmd = exec.Command(s.server, append(args, strings.Fields(s.args)...)...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func() {
		s.cmd.Wait()
		close(s.ended)
	}()
	for range 1000 {
		if _, err := s.ask("PING"); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("%s does not answer", s.server)
}

// ask sends one inline command on a connection of its own and returns what comes within its first reply.
func (s *soak) ask(command string) (string, error) {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(60 * time.Second))
	fmt.Fprintf(c, "%s\r\n", command)
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSpace(line)
	if line[0] != '$' {
		return line, nil
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil || n < 0 {
		return "", err
	}
	buf := make([]byte, n)
	for at := 0; at < n; {
		k, err := r.Read(buf[at:])
		if err != nil {
			return "", err
		}
		at += k
	}
	return string(buf), nil
}

func field(info, name string) (int, bool) {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			return n, err == nil
		}
	}
	return 0, false
}

// counts is what must not grow. Where the system or the server does not tell, it is 0.
type counts struct{ goroutines, threads, files, used, resident int }

// count empties the server, waits until all clients have left and the memory stays the same, and counts.
func (s *soak) count() (c counts, err error) {
	if _, err := s.ask("FLUSHALL"); err != nil {
		return c, err
	}
	same := 0
	for range 300 {
		info, err := s.ask("INFO everything")
		if err != nil {
			return c, err
		}
		clients, _ := field(info, "connected_clients")
		used, _ := field(info, "used_memory")
		if clients == 1 && used == c.used {
			same++
		} else {
			same = 0
		}
		c.used = used
		c.resident, _ = field(info, "used_memory_rss")
		if same >= 10 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if same < 10 {
		return c, fmt.Errorf("clients or memory did not settle within 30 s")
	}
	proc := fmt.Sprintf("/proc/%d/", s.cmd.Process.Pid)
	if files, err := os.ReadDir(proc + "fd"); err == nil {
		c.files = len(files)
	}
	if tasks, err := os.ReadDir(proc + "task"); err == nil {
		c.threads = len(tasks)
	}
	c.goroutines = s.goroutines()
	return c, nil
}

// goroutines has the server write its stacks to the log, which SIGALRM does in Redis too, and counts them. A server
// with no such answer (C Redis) has none.
func (s *soak) goroutines() int {
	before, err := os.ReadFile(s.log)
	if err != nil || exec.Command("kill", "-ALRM", strconv.Itoa(s.cmd.Process.Pid)).Run() != nil {
		return 0
	}
	for range 50 {
		time.Sleep(100 * time.Millisecond)
		text, _ := os.ReadFile(s.log)
		if text = text[min(len(before), len(text)):]; bytes.Contains(text, []byte("STACK TRACE DONE")) {
			return bytes.Count(text, []byte("\ngoroutine "))
		}
	}
	return 0
}

func judge(first, last counts) bool {
	ok := true
	check := func(what string, was, is, allowed int) {
		if is > allowed {
			fmt.Printf("%s grew: %d after the first phase, %d after the last (%d would be fine)\n", what, was, is, allowed)
			ok = false
		}
	}
	check("goroutines", first.goroutines, last.goroutines, first.goroutines+3)
	// The runtime keeps threads for good, and makes one whenever all are blocked.
	check("threads", first.threads, last.threads, first.threads+10)
	check("open files", first.files, last.files, first.files+2)
	check("used_memory", first.used, last.used, first.used+first.used/10+1<<20)
	check("resident memory", first.resident, last.resident, first.resident+first.resident/4+32<<20)
	if ok {
		fmt.Println("nothing grew")
	}
	return ok
}

// load runs the clients until they have sent n commands between them.
func (s *soak) load(phase, n int) {
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	for i := range s.clients {
		rng := rand.New(rand.NewPCG(s.seed, uint64(phase*s.clients+i)))
		wg.Go(func() {
			for left.Load() > 0 {
				left.Add(-int64(s.visit(rng)))
				select {
				case <-s.ended:
					return
				default:
				}
			}
		})
	}
	wg.Wait()
}

// visit is one connection: a burst, and a way of leaving. It returns the number of commands it sent.
func (s *soak) visit(rng *rand.Rand) int {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		return 1
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	sent := 0
	reads := make(chan struct{})
	deaf := rng.IntN(50) == 0 // does not read its replies
	go func() {
		defer close(reads)
		if !deaf {
			buf := make([]byte, 1<<16)
			for {
				if _, err := c.Read(buf); err != nil {
					return
				}
			}
		}
	}()
	for range 1 + rng.IntN(8) {
		var out []byte
		for range 1 + rng.IntN(60) {
			out = appendCommand(out, command(rng)...)
			sent++
		}
		if _, err := c.Write(out); err != nil {
			break
		}
	}
	switch rng.IntN(6) {
	case 0: // in the middle of a command
		half := appendCommand(nil, command(rng)...)
		c.Write(half[:rng.IntN(len(half))])
	case 1: // a claim of much that does not come
		fmt.Fprintf(c, "*2\r\n$4\r\nECHO\r\n$%d\r\n", 1+rng.IntN(100<<20))
	case 2: // no protocol at all
		junk := make([]byte, rng.IntN(2000))
		for i := range junk {
			junk[i] = byte(rng.Uint32())
		}
		c.Write(junk)
	default: // politely, having read everything
		c.Write(appendCommand(nil, "QUIT"))
		if !deaf {
			<-reads
		}
	}
	return sent
}

func appendCommand(out []byte, args ...string) []byte {
	out = fmt.Appendf(out, "*%d\r\n", len(args))
	for _, arg := range args {
		out = fmt.Appendf(out, "$%d\r\n%s\r\n", len(arg), arg)
	}
	return out
}

var filler = strings.Repeat("0123456789abcdef", 1<<14)

// command makes one up. Keys are few, values mostly small and sometimes big; every kind of reply occurs, and errors.
func command(rng *rand.Rand) []string {
	key := func() string { return "key:" + strconv.Itoa(rng.IntN(5000)) }
	number := func() string { return strconv.Itoa(rng.IntN(100000)) }
	value := func() string {
		switch rng.IntN(100) {
		case 0:
			return filler[:rng.IntN(len(filler))]
		case 1, 2, 3:
			return filler[:rng.IntN(4000)]
		}
		return filler[:rng.IntN(60)]
	}
	switch rng.IntN(48) {
	case 0, 1, 2, 3:
		return []string{"GET", key()}
	case 4, 5, 6:
		return []string{"SET", key(), value()}
	case 7:
		return []string{"SET", key(), value(), "PX", strconv.Itoa(1 + rng.IntN(2000))}
	case 8:
		return []string{"SET", key(), number(), "NX", "GET"}
	case 9:
		return []string{"INCRBY", key(), number()}
	case 10:
		return []string{"APPEND", key(), value()}
	case 11, 12:
		return []string{"DEL", key(), key()}
	case 13:
		return []string{"EXPIRE", key(), number(), "GT"}
	case 14:
		return []string{"MSET", key(), value(), key(), value(), key(), value()}
	case 15:
		return []string{"MGET", key(), key(), key(), key()}
	case 16:
		return []string{"SETRANGE", key(), strconv.Itoa(rng.IntN(10000)), value()}
	case 17:
		return []string{"GETRANGE", key(), "-100", "-1"}
	case 18:
		return []string{"SCAN", number(), "COUNT", "50", "MATCH", "*1*"}
	case 19:
		return []string{"RENAME", key(), key()}
	case 20:
		return []string{"COPY", key(), key(), "REPLACE"}
	case 21:
		return []string{"OBJECT", "ENCODING", key()}
	case 22:
		return []string{"CLIENT", "LIST"}
	case 23:
		return []string{"INFO", "all"}
	case 24:
		return []string{"CONFIG", "GET", "*max*"}
	case 25:
		return []string{"MULTI"}
	case 26:
		return []string{"EXEC"}
	case 27:
		return []string{"WATCH", key()}
	case 28:
		return []string{"HELLO", strconv.Itoa(2 + rng.IntN(2)), "SETNAME", "soak"}
	case 29:
		return []string{"SUBSCRIBE", "channel:" + strconv.Itoa(rng.IntN(20))}
	case 30:
		return []string{"UNSUBSCRIBE"}
	case 31:
		return []string{"PUBLISH", "channel:" + strconv.Itoa(rng.IntN(20)), value()}
	case 32:
		return []string{"CLIENT", "TRACKING", "ON"}
	case 33:
		return []string{"CLIENT", "TRACKING", "OFF"}
	case 34:
		return []string{"CLIENT", "KILL", "ID", number()}
	case 35:
		return []string{"NOSUCHCOMMAND", value()}
	case 36:
		return []string{"GET"}
	case 37:
		return []string{"INCR", value()}
	case 38:
		return []string{"COMMAND", "DOCS", "get"}
	case 39:
		return []string{"RESET"}
	case 40:
		return []string{"SLOWLOG", "GET"}
	case 41:
		return []string{"LATENCY", "LATEST"}
	case 42:
		return []string{"SELECT", strconv.Itoa(rng.IntN(18))}
	case 43:
		return []string{"PSUBSCRIBE", "chan*" + strconv.Itoa(rng.IntN(20))}
	case 44:
		if rng.IntN(500) == 0 {
			return []string{"FLUSHALL", "ASYNC"}
		}
		return []string{"DBSIZE"}
	case 45:
		if rng.IntN(2000) == 0 {
			return []string{"MONITOR"}
		}
		return []string{"RANDOMKEY"}
	case 46:
		return []string{"GETEX", key(), "PERSIST"}
	}
	return []string{"PING"}
}
