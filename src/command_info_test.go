// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bufio"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"redport/src/commands"
)

// commandReply runs one of COMMAND's functions on a client without a connection and returns the bytes of the reply.
func commandReply(t testing.TB, server *Server, resp int, argv ...string) string {
	t.Helper()
	c := &client{server: server, resp: resp, flags: clientScript}
	for _, arg := range argv {
		c.argv = append(c.argv, []byte(arg))
	}
	c.cmd = server.lookupCommand(c.argv)
	i := slices.IndexFunc(commandProcs(), func(p commandProc) bool { return p.fullname == c.cmd.fullname })
	if i < 0 {
		t.Fatalf("%s has no function", c.cmd.fullname)
	}
	commandProcs()[i].proc(c)
	reply := string(c.buf)
	for _, node := range c.reply {
		reply += string(node.buf)
	}
	return reply
}

func TestCommandReplies(t *testing.T) {
	server := newCommandTableServer()
	const getInfo2 = "*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n" +
		"*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n" +
		"*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n" +
		"$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n"
	tests := []struct {
		resp  int
		line  string
		reply string
	}{
		{2, "COMMAND INFO get nosuch", "*2\r\n" + getInfo2 + "$-1\r\n"},
		{3, "COMMAND INFO nosuch get|x a|b|c", "*3\r\n_\r\n_\r\n_\r\n"},
		{3, "COMMAND INFO config|help", "*1\r\n*10\r\n$11\r\nconfig|help\r\n:2\r\n~2\r\n+loading\r\n+stale\r\n:0\r\n:0\r\n:0\r\n~1\r\n+@slow\r\n" +
			"~0\r\n~0\r\n~0\r\n"},
		{2, "COMMAND DOCS nosuch", "*0\r\n"},
		{3, "COMMAND DOCS nosuch", "%0\r\n"},
		{2, "COMMAND LIST FILTERBY PATTERN x[ad]*", "*4\r\n$4\r\nxack\r\n$4\r\nxadd\r\n$10\r\nxautoclaim\r\n$4\r\nxdel\r\n"},
		{2, "COMMAND LIST filterby pattern CONFIG|*E*T", "*3\r\n$10\r\nconfig|get\r\n$16\r\nconfig|resetstat\r\n$10\r\nconfig|set\r\n"},
		{2, "COMMAND LIST FILTERBY ACLCAT Transaction", "*5\r\n$7\r\ndiscard\r\n$4\r\nexec\r\n$5\r\nmulti\r\n$7\r\nunwatch\r\n$5\r\nwatch\r\n"},
		{2, "COMMAND LIST FILTERBY ACLCAT nosuch", "*0\r\n"},
		{2, "COMMAND LIST FILTERBY MODULE nosuch", "*0\r\n"},
		{2, "COMMAND LIST FILTERBY NOSUCH x", "-ERR syntax error\r\n"},
		{2, "COMMAND LIST FILTERBY PATTERN", "-ERR syntax error\r\n"},
		{2, "COMMAND LIST FILTERBY PATTERN x y", "-ERR syntax error\r\n"},
		{2, "COMMAND LIST x", "-ERR syntax error\r\n"},
		{2, "COMMAND GETKEYS nosuch", "-ERR Invalid command specified\r\n"},
		{2, "COMMAND GETKEYS object nosuch k", "-ERR Invalid command specified\r\n"},
		{2, "COMMAND GETKEYS object", "-ERR The command has no key arguments\r\n"},
		{2, "COMMAND GETKEYS ping", "-ERR The command has no key arguments\r\n"},
		{2, "COMMAND GETKEYS spublish a b", "-ERR The command has no key arguments\r\n"},
		{2, "COMMAND GETKEYS get", "-ERR Invalid number of arguments specified for command\r\n"},
		{2, "COMMAND GETKEYS get a b", "-ERR Invalid number of arguments specified for command\r\n"},
		{2, "COMMAND GETKEYS zunionstore d 99999999999999999999 a", "-ERR Invalid arguments specified for command\r\n"},
		{2, "COMMAND GETKEYS zunionstore d -1 a", "-ERR Invalid arguments specified for command\r\n"},
		{2, "COMMAND GETKEYS zunionstore d 2 a", "-ERR Invalid arguments specified for command\r\n"},
		{2, "COMMAND GETKEYS eval s 2 a", "*0\r\n"},
		{2, "COMMAND GETKEYS eval s 2 a b", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"},
		{3, "COMMAND GETKEYSANDFLAGS sort a store b", "*2\r\n*2\r\n$1\r\na\r\n~2\r\n+RO\r\n+access\r\n*2\r\n$1\r\nb\r\n~2\r\n+OW\r\n+update\r\n"},
	}
	for _, test := range tests {
		argv := strings.Split(test.line, " ")
		if got := commandReply(t, server, test.resp, argv...); got != test.reply {
			t.Errorf("RESP%d %s:\n got %q\nwant %q", test.resp, test.line, got, test.reply)
		}
	}
	n := len(server.commands)
	if got, want := commandReply(t, server, 2, "COMMAND", "COUNT"), fmt.Sprintf(":%d\r\n", n); got != want {
		t.Errorf("COMMAND COUNT: got %q, want %q", got, want)
	}
	if all, info := commandReply(t, server, 2, "COMMAND"), commandReply(t, server, 2, "COMMAND", "INFO"); all != info || !strings.HasPrefix(all, fmt.Sprintf("*%d\r\n*10\r\n", n)) {
		t.Errorf("COMMAND: %.40q, COMMAND INFO: %.40q", all, info)
	}
}

func TestCommandDocsOfEveryCommandParse(t *testing.T) {
	server := newCommandTableServer()
	for resp := 2; resp <= 3; resp++ {
		for _, subcommand := range []string{"DOCS", "INFO", "LIST"} {
			reply := commandReply(t, server, resp, "COMMAND", subcommand)
			in := bufio.NewReader(strings.NewReader(reply))
			if _, err := readWire(in); err != nil {
				t.Fatalf("RESP%d COMMAND %s: %v", resp, subcommand, err)
			}
			if rest, _ := io.ReadAll(in); len(rest) > 0 {
				t.Errorf("RESP%d COMMAND %s: %d bytes behind the reply", resp, subcommand, len(rest))
			}
		}
	}
}

// --- Beside C Redis ---

// wireValue is a parsed reply. A map is kept flat: key, value, key, value.
type wireValue struct {
	typ   byte
	text  string
	items []wireValue
}

func readWire(in *bufio.Reader) (wireValue, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return wireValue{}, err
	}
	if len(line) < 3 || !strings.HasSuffix(line, "\r\n") {
		return wireValue{}, fmt.Errorf("bad line %q", line)
	}
	v := wireValue{typ: line[0], text: line[1 : len(line)-2]}
	n, isNumber := strconv.Atoi(v.text)
	switch v.typ {
	case '$':
		if isNumber != nil {
			return v, isNumber
		}
		if n >= 0 {
			body := make([]byte, n+2)
			if _, err := io.ReadFull(in, body); err != nil {
				return v, err
			}
			v.text = string(body[:n])
		}
	case '*', '~', '%':
		if isNumber != nil {
			return v, isNumber
		}
		if v.typ == '%' {
			n *= 2
		}
		for range n {
			item, err := readWire(in)
			if err != nil {
				return v, err
			}
			v.items = append(v.items, item)
		}
	}
	return v, nil
}

func (v wireValue) String() string {
	if v.items == nil {
		return string(v.typ) + strconv.Quote(v.text)
	}
	list := make([]string, len(v.items))
	for i, item := range v.items {
		list[i] = item.String()
	}
	return string(v.typ) + "[" + strings.Join(list, " ") + "]"
}

// sortInfo puts the subcommands of a COMMAND INFO element in order: Redis has them in that of a hash table.
func (v wireValue) sortInfo() {
	if len(v.items) != 10 {
		return
	}
	slices.SortFunc(v.items[9].items, func(a, b wireValue) int { return strings.Compare(a.items[0].text, b.items[0].text) })
}

// blankDocs takes what is our own prose out of a command's documentation, and puts the subcommands in order.
func (v wireValue) blankDocs() {
	for i := 0; i+1 < len(v.items); i += 2 {
		value := &v.items[i+1]
		switch v.items[i].text {
		case "summary", "complexity":
			value.text = ""
		case "history":
			for _, change := range value.items {
				change.items[1].text = ""
			}
		case "subcommands":
			var pairs [][2]wireValue
			for j := 0; j+1 < len(value.items); j += 2 {
				value.items[j+1].blankDocs()
				pairs = append(pairs, [2]wireValue{value.items[j], value.items[j+1]})
			}
			slices.SortFunc(pairs, func(a, b [2]wireValue) int { return strings.Compare(a[0].text, b[0].text) })
			for j, pair := range pairs {
				value.items[2*j], value.items[2*j+1] = pair[0], pair[1]
			}
		}
	}
}

// reference is a running C Redis 8.0.
type reference struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// startReference starts the server that REDPORT_REFERENCE names (the program, or the directory that it is in), as
// a sentinel where wanted. Without the variable the test is skipped.
func startReference(t *testing.T, sentinel bool) *reference {
	program := os.Getenv("REDPORT_REFERENCE")
	if program == "" {
		t.Skip("REDPORT_REFERENCE does not name a C Redis 8.0 server")
	}
	if st, err := os.Stat(program); err == nil && st.IsDir() {
		program = filepath.Join(program, "redis-server")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().(*net.TCPAddr)
	ln.Close()
	dir := t.TempDir()
	conf := filepath.Join(dir, "redis.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\n", addr.Port, dir)
	args := []string{conf}
	if sentinel {
		args = append(args, "--sentinel")
	} else {
		text += "save \"\"\n"
	}
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	process := exec.Command(program, args...)
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- process.Wait() }()
	t.Cleanup(func() {
		process.Process.Kill()
		<-exited
	})
	for {
		conn, err := net.Dial("tcp", addr.String())
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			return &reference{t, conn, bufio.NewReader(conn)}
		}
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("%s ended: %v", program, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (r *reference) ask(argv ...string) wireValue {
	r.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(argv))
	for _, arg := range argv {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := io.WriteString(r.conn, b.String()); err != nil {
		r.t.Fatal(err)
	}
	v, err := readWire(r.in)
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

// compare asks both servers and compares, after normalize, every byte.
func (r *reference) compare(server *Server, resp int, normalize func(wireValue), argv ...string) {
	r.t.Helper()
	theirs := r.ask(argv...)
	ours, err := readWire(bufio.NewReader(strings.NewReader(commandReply(r.t, server, resp, argv...))))
	if err != nil {
		r.t.Fatal(err)
	}
	if normalize != nil {
		normalize(theirs)
		normalize(ours)
	}
	if a, b := ours.String(), theirs.String(); a != b {
		r.t.Errorf("RESP%d %q\n   ours %s\n theirs %s", resp, argv, a, b)
	}
}

func TestCommandInfoAsInRedis(t *testing.T) {
	for _, sentinel := range []bool{false, true} {
		t.Run(fmt.Sprintf("sentinel=%v", sentinel), func(t *testing.T) {
			r := startReference(t, sentinel)
			server := newCommandTableServerIn(sentinel)
			for resp := 2; resp <= 3; resp++ {
				r.ask("HELLO", strconv.Itoa(resp))
				for _, decl := range commands.Table {
					names := []string{decl.Fullname}
					for _, sub := range decl.Subcommands {
						names = append(names, sub.Fullname)
					}
					for _, name := range names {
						r.compare(server, resp, func(v wireValue) { v.items[0].sortInfo() }, "COMMAND", "INFO", name)
						r.compare(server, resp, func(v wireValue) {
							if len(v.items) == 2 {
								v.items[1].blankDocs()
							}
						}, "COMMAND", "DOCS", name)
					}
				}
				r.compare(server, resp, nil, "COMMAND", "HELP")
				r.compare(server, resp, nil, "COMMAND", "LIST", "FILTERBY", "MODULE", "nosuch")
				r.compare(server, resp, nil, "COMMAND", "DOCS", "nosuch")
				r.compare(server, resp, nil, "COMMAND", "INFO", "nosuch", "|", "config|", "get|x", "a|b|c", "")
				for _, category := range commands.ACLCategoryNames {
					r.compare(server, resp, func(v wireValue) {
						// Modules that the reference has loaded say nothing about us.
						slices.SortFunc(v.items, func(a, b wireValue) int { return strings.Compare(a.text, b.text) })
					}, "COMMAND", "LIST", "FILTERBY", "ACLCAT", category.Name)
				}
			}
		})
	}
}

func TestCommandGetKeysAsInRedis(t *testing.T) {
	r := startReference(t, false)
	server := newCommandTableServer()
	vocabulary := []string{"", "0", "1", "2", "3", "-1", "+1", " 1", "1x", "99", "2147483648", "4294967297", "9223372036854775807",
		"-9223372036854775808", "-9223372036854775809", "99999999999999999999", "STORE", "storedist", "STREAMS", "keys", "GET", "set", "incrby",
		"OVERFLOW", "AUTH", "auth2", "GROUP", "count", "BLOCK", "noack", "LIMIT", "by", "COPY", "a", "b"}
	random := rand.New(rand.NewSource(1))
	for _, decl := range commands.Table {
		names := []string{decl.Fullname}
		for _, sub := range decl.Subcommands {
			names = append(names, sub.Fullname)
		}
		for _, name := range names {
			rounds := 20
			if len(decl.KeySpecs) > 1 || decl.GetKeysFunction != "" {
				rounds = 400
			}
			for range rounds {
				argv := append([]string{"COMMAND", "GETKEYSANDFLAGS"}, strings.Split(name, "|")...)
				for range random.Intn(12) {
					argv = append(argv, vocabulary[random.Intn(len(vocabulary))])
				}
				r.compare(server, 2, nil, argv...)
			}
		}
	}
}
