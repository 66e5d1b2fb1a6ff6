// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"redport/src/sds"
)

// config_reference_test.go - recordings of what Redis 8.0.6 answers, and the check of ours against them.
//
// testdata/config/set.txt is a dialogue with one server: a line a command, quoted as for redis-cli, then the
// reply's lines, each behind "> ". testdata/config/load.txt holds starts of a server, in blocks: "conf|",
// "stdin|" and "args|" lines are what it gets, "get|" lists directives to ask for. What follows are lines
// behind "> ": standard error if it refuses to start, what the directives are if it does not.
//
// With REDPORT_REFERENCE=path/to/redis-server the recordings are checked against that server, and with
// -rewrite made anew.

var rewriteRecordings = flag.Bool("rewrite", false, "record the answers of the server that REDPORT_REFERENCE names")

// recording is a file of questions with answers.
type recording struct {
	path   string
	blocks []recordingBlock
}

type recordingBlock struct {
	question []string // as in the file, comments and empty lines included
	answer   string
}

func readRecording(t *testing.T, path string) *recording {
	rec := &recording{path: path}
	var b recordingBlock
	var answer []string
	flush := func() {
		if len(answer) > 0 {
			b.answer = strings.Join(answer, "\n")
			rec.blocks = append(rec.blocks, b)
			b, answer = recordingBlock{}, nil
		}
	}
	for _, line := range strings.Split(strings.TrimSuffix(readFile(t, path), "\n"), "\n") {
		if text, ok := strings.CutPrefix(line, ">"); ok {
			answer = append(answer, strings.TrimPrefix(text, " "))
			continue
		}
		flush()
		b.question = append(b.question, line)
	}
	flush()
	return rec
}

// lines are the lines of the question with the prefix, without it.
func (b *recordingBlock) lines(prefix string) (found []string) {
	for _, line := range b.question {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			found = append(found, strings.TrimPrefix(rest, " "))
		}
	}
	return found
}

// check compares the recording with the answers that ask gives, or replaces it by them.
func (rec *recording) check(t *testing.T, rewrite bool, ask func(b *recordingBlock) string) {
	for i := range rec.blocks {
		b := &rec.blocks[i]
		got := ask(b)
		if rewrite {
			b.answer = got
		} else if got != b.answer {
			t.Errorf("%s\n got: %s\nwant: %s", strings.Join(b.question, "\n"), got, b.answer)
		}
	}
	if !rewrite {
		return
	}
	var text strings.Builder
	for _, b := range rec.blocks {
		for _, line := range b.question {
			text.WriteString(line + "\n")
		}
		for _, line := range strings.Split(b.answer, "\n") {
			text.WriteString(strings.TrimRight("> "+line, " ") + "\n")
		}
	}
	writeFile(t, rec.path, text.String())
}

// command is the question of a dialogue, nil where the block has none.
func (b *recordingBlock) command(t *testing.T) []string {
	last := b.question[len(b.question)-1]
	argv, err := sds.SplitArgsString(last)
	if err != nil || len(argv) == 0 {
		t.Fatalf("bad line %q", last)
	}
	return argv
}

func TestConfigSetRecorded(t *testing.T) {
	server := newConfigServer(t)
	readRecording(t, "testdata/config/set.txt").check(t, false, func(b *recordingBlock) string {
		return configCommand(server, b.command(t))
	})
}

func TestConfigLoadRecorded(t *testing.T) {
	readRecording(t, "testdata/config/load.txt").check(t, false, func(b *recordingBlock) string {
		dir := t.TempDir()
		args := b.prepareLoad(t, dir)
		var stderr bytes.Buffer
		server := &Server{options: Options{Stdout: io.Discard}}
		// As in a process that was started in dir.
		server.initConfigValues()
		server.dir = dir
		server.commands = map[string]*redisCommand{"get": {}, "set": {}}
		err := server.loadServerConfigFromArgs(args, strings.NewReader(strings.Join(b.lines("stdin|"), "\n")))
		switch {
		case errors.Is(err, errLogged):
			return "logged"
		case err != nil:
			fmt.Fprint(&stderr, err)
			return answerText(stderr.String())
		}
		return configItemsText(server.configGet(strings.Fields(strings.Join(b.lines("get|"), " "))))
	})
}

// prepareLoad writes the block's file to dir and returns the arguments.
func (b *recordingBlock) prepareLoad(t *testing.T, dir string) (args []string) {
	if lines := b.lines("conf|"); len(lines) > 0 {
		writeFile(t, filepath.Join(dir, "redis.conf"), strings.Join(lines, "\n")+"\n")
		args = []string{"redis.conf"}
	}
	for _, line := range b.lines("args|") {
		words, err := sds.SplitArgsString(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		args = append(args, words...)
	}
	return args
}

// answerText is what a server wrote, without the empty lines around it.
func answerText(s string) string { return strings.Trim(s, "\n") }

// --- The reference ---

func referenceServer(t *testing.T) string {
	path := os.Getenv("REDPORT_REFERENCE")
	if path == "" {
		t.Skip("REDPORT_REFERENCE is not set")
	}
	return path
}

func TestConfigSetReference(t *testing.T) {
	path := referenceServer(t)
	c := startConfigReference(t, path, t.TempDir())
	readRecording(t, "testdata/config/set.txt").check(t, *rewriteRecordings, func(b *recordingBlock) string {
		return c.do(t, b.command(t))
	})
}

func TestConfigLoadReference(t *testing.T) {
	path := referenceServer(t)
	readRecording(t, "testdata/config/load.txt").check(t, *rewriteRecordings, func(b *recordingBlock) string {
		dir := t.TempDir()
		args := b.prepareLoad(t, dir)
		if get := b.lines("get|"); len(get) > 0 {
			c := startConfigReference(t, path, dir, args...)
			defer c.stop()
			return c.do(t, append([]string{"config", "get"}, strings.Fields(strings.Join(get, " "))...))
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, path, args...)
		cmd.Dir = dir
		cmd.Stdin = strings.NewReader(strings.Join(b.lines("stdin|"), "\n"))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Run(); err == nil {
			t.Errorf("%s: it started", b.question)
		}
		if stderr.Len() == 0 {
			return "logged"
		}
		return answerText(stderr.String())
	})
}

// referenceClient is a reference server that runs, and a connection to it.
type referenceClient struct {
	cmd  *exec.Cmd
	conn net.Conn
	in   *bufio.Reader
}

// startConfigReference starts the server in dir with the arguments, on a port of its own.
func startConfigReference(t *testing.T, path, dir string, args ...string) *referenceClient {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	cmd := exec.Command(path, append(args, "--port", strconv.Itoa(port))...)
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &referenceClient{cmd: cmd}
	t.Cleanup(c.stop)
	for deadline := time.Now().Add(20 * time.Second); ; {
		if c.conn, err = net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q: %v", cmd.Args, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	c.in = bufio.NewReader(c.conn)
	return c
}

func (c *referenceClient) stop() {
	if c.conn != nil {
		c.conn.Close()
	}
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

// do sends CONFIG GET or SET and returns the reply as configCommand writes it. Items of GET, which
// come in any order, are put into ours.
func (c *referenceClient) do(t *testing.T, argv []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(argv))
	for _, arg := range argv {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := io.WriteString(c.conn, b.String()); err != nil {
		t.Fatal(err)
	}
	line := c.line(t)
	if line[0] != '*' {
		return line
	}
	n, _ := strconv.Atoi(line[1:])
	values := map[string]string{}
	var items []configItem
	for range n / 2 {
		name := c.bulk(t)
		values[name] = c.bulk(t)
		items = append(items, configItem{name, ""})
	}
	var ordered []configItem
	for _, item := range newConfigServer(t).configGet(argv[2:]) {
		if value, ok := values[item.name]; ok {
			ordered = append(ordered, configItem{item.name, value})
			delete(values, item.name)
		}
	}
	for _, item := range items {
		if value, ok := values[item.name]; ok {
			ordered = append(ordered, configItem{item.name, value})
		}
	}
	return configItemsText(ordered)
}

func (c *referenceClient) line(t *testing.T) string {
	line, err := c.in.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

func (c *referenceClient) bulk(t *testing.T) string {
	n, _ := strconv.Atoi(c.line(t)[1:])
	buf := make([]byte, n+2)
	if _, err := io.ReadFull(c.in, buf); err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}
