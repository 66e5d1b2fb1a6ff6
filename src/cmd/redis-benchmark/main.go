// SPDX-License-Identifier: BSD-3-Clause

// Command redis-benchmark puts load on a server and reports throughput and latency, with the options and the report of C's.
package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"redport/deps/hiredis"
	"redport/src/cli_common"
	"redport/src/version"
)

// main.go - options, what the server says of itself, and the order of things. Counterpart: redis-benchmark.c.

const (
	maxThreads       = 500
	defaultPrecision = 3
	maxPrecision     = 4
	maxDataSize      = 1 << 30
)

// config is what the command line asks for.
type config struct {
	cli_common.ConnInfo
	unix string
	tls  *tls.Config

	tlsOptions cli_common.TLSOptions
	useTLS     bool

	clients   int
	requests  int64
	pipeline  int
	threads   int // 0: one loop, on the main goroutine
	dataSize  int
	keyspace  int64 // of __rand_int__
	random    bool  // replace __rand_int__
	keepAlive int
	precision int
	tests     string // ",name,name,", empty: all
	seed      uint64

	quiet, csv, loop, idle, stdinArg, cluster, tracking, resp3 bool
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// exitError ends the program with a message.
type exitError string

func (e exitError) Error() string { return string(e) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out := bufio.NewWriter(stdout)
	defer out.Flush()
	c := &config{
		ConnInfo: cli_common.ConnInfo{Host: "127.0.0.1", Port: 6379}, clients: 50, requests: 100000, pipeline: 1, dataSize: 3, keepAlive: 1,
		precision: defaultPrecision, seed: uint64(time.Now().UnixNano()) ^ uint64(os.Getpid()),
	}
	rest, done, status := c.parseOptions(args, out, stderr)
	if done {
		return status
	}
	if c.useTLS {
		conf, err := c.tlsOptions.Config()
		if err != nil {
			fmt.Fprintf(stderr, "Could not negotiate a TLS connection: %v\n", err)
			return 1
		}
		c.tls = conf
	}
	b := &bench{config: c, out: out, stderr: stderr, rand: rand.New(rand.NewPCG(c.seed, 0))}
	if err := b.start(rest, stdin); err != nil {
		out.Flush()
		if text := err.Error(); text != "" {
			fmt.Fprintln(stderr, text)
		}
		return 1
	}
	return 0
}

// parseOptions returns the command that remains, or done with the exit status.
func (c *config) parseOptions(args []string, out, stderr io.Writer) (rest []string, done bool, status int) {
	invalid := func(arg string) ([]string, bool, int) {
		fmt.Fprintf(out, "Invalid option \"%s\" or option argument missing\n\n", arg)
		usage(out)
		return nil, true, 1
	}
	for len(args) > 0 {
		name := args[0]
		value := ""
		used := 1
		if wantsValue[name] {
			if len(args) < 2 {
				return invalid(name)
			}
			value, used = args[1], 2
		}
		switch name {
		case "-h":
			c.Host = value
		case "-p":
			c.Port = cli_common.Atoi(value)
		case "-s":
			c.unix = value
		case "-a":
			c.Auth, c.HasAuth = value, true
		case "--user":
			c.User = value
		case "-u":
			secure, err := c.ParseURI(value)
			if err != nil {
				fmt.Fprintln(stderr, err)
				return nil, true, 1
			}
			c.useTLS = c.useTLS || secure
		case "-c":
			c.clients = cli_common.Atoi(value)
		case "-n":
			c.requests = int64(cli_common.Atoi(value))
		case "-d":
			c.dataSize = min(max(cli_common.Atoi(value), 1), maxDataSize)
		case "--dbnum":
			c.InputDB = cli_common.Atoi(value)
		case "-3":
			c.resp3 = true
		case "--threads":
			c.threads = max(cli_common.Atoi(value), 0)
			if c.threads > maxThreads {
				fmt.Fprintf(stderr, "WARNING: Too many threads, limiting threads to %d.\n", maxThreads)
				c.threads = maxThreads
			}
		case "--cluster":
			c.cluster = true
		case "--enable-tracking":
			c.tracking = true
		case "-k":
			c.keepAlive = cli_common.Atoi(value)
		case "-r":
			digits := strings.TrimPrefix(value, "-")
			if digits != value && (digits == "" || digits[0] < '0' || digits[0] > '9') {
				return invalid(value)
			}
			c.random, c.keyspace = true, int64(max(cli_common.Atoi(value), 0))
		case "-P":
			c.pipeline = max(cli_common.Atoi(value), 1)
		case "-q":
			c.quiet = true
		case "--precision":
			if c.precision = cli_common.Atoi(value); c.precision < 0 {
				c.precision = defaultPrecision
			}
			c.precision = min(c.precision, maxPrecision)
		case "--csv":
			c.csv = true
		case "-l":
			c.loop = true
		case "-I":
			c.idle = true
		case "-x":
			c.stdinArg = true
		case "-e":
			fmt.Fprintln(stderr, "WARNING: -e option has no effect. We now immediately exit on error to avoid false results.")
		case "-t":
			c.tests = "," + strings.ToLower(value) + ","
		case "--seed":
			c.seed = uint64(cli_common.Atoi(value))
		case "--tls":
			c.useTLS = true
		case "-v", "--version":
			fmt.Fprintf(out, "redis-benchmark %s\n", version.Redis)
			return nil, true, 0
		case "--help":
			usage(out)
			return nil, true, 0
		default:
			if used = c.tlsOptions.Option(args); used == 0 {
				if strings.HasPrefix(name, "-") {
					return invalid(name)
				}
				return args, false, 0
			}
		}
		args = args[used:]
	}
	return nil, false, 0
}

var wantsValue = map[string]bool{
	"-h": true, "-p": true, "-s": true, "-a": true, "--user": true, "-u": true, "-c": true, "-n": true, "-d": true, "--dbnum": true, "--threads": true,
	"-k": true, "-r": true, "-P": true, "--precision": true, "-t": true, "--seed": true,
}

func usage(w io.Writer) {
	io.WriteString(w, `Usage: redis-benchmark [OPTIONS] [COMMAND ARGS...]

Without a command the tests of the suite run one after the other, or those of -t; with one, that command is the test.

Server:
 -h <hostname>      Host (default 127.0.0.1)
 -p <port>          Port (default 6379)
 -s <socket>        Path of a Unix socket, in place of host and port
 -a <password>      Password for AUTH
 --user <username>  User for AUTH; needs -a
 -u <uri>           All of it as redis://user:password@host:port/dbnum; rediss:// is with TLS.
                    Only the host is needed; the user of a password alone is 'default'.
 --dbnum <db>       Database to SELECT (default 0)
 -3                 Speak RESP3
 --enable-tracking  CLIENT TRACKING on for every connection
 --cluster          Spread the load over the masters of a cluster. A command of your own needs
                    "{tag}" in its key, which becomes a tag of the right node.

Load:
 -c <clients>       Connections at a time (default 50; with --cluster at least one for each node)
 -n <requests>      Requests in all (default 100000)
 -P <numreq>        Requests sent together (default 1)
 -d <size>          Bytes of a value in SET and the like (default 3)
 -r <keyspacelen>   Replace each __rand_int__ in the arguments by 12 digits, from 0 to keyspacelen-1, anew
                    for each request. The tests of the suite have it in their keys, members and scores; without
                    -r they all use the same key.
 -k <boolean>       0: a new connection for each request (default 1)
 -t <tests>         Tests to run, by the names that the report shows, with commas between
 -l                 Run for ever
 -I                 Only open the connections, and wait
 -x                 The last argument of the command comes from standard input
 --threads <num>    Threads that make the load
 --seed <num>       Seed of the random numbers (default: the time)

Report:
 -q                 One line a test
 --csv              As comma-separated values
 --precision        Significant digits of latencies (default 3, at most 4)

TLS:
 --tls              Use TLS
 --sni <host>       Name to ask the server for
 --cacert <file>    Certificates of the authorities to trust
 --cacertdir <dir>  Directory with such files; without either, those of the system
 --insecure         Take any certificate
 --cert <file>      Certificate to show
 --key <file>       Its private key
 --tls-ciphers <list>       Ciphers up to TLS 1.2, the preferred first, with colons between
 --tls-ciphersuites <list>  Ciphersuites of TLS 1.3, likewise

 --help             This text
 --version          Version

Examples:

 The suite, against 127.0.0.1:6379:
   $ redis-benchmark

 A million keys or nearly so, 16 requests at a time:
   $ redis-benchmark -t set -n 1000000 -r 100000000 -P 16

 A few tests as comma-separated values:
   $ redis-benchmark -t ping,set,get -n 100000 --csv

 A command of one's own:
   $ redis-benchmark -r 10000 -n 10000 lpush mylist __rand_int__
`)
}

// --- What the server says of itself ---

// serverConfig are the settings that the report shows, since they decide about throughput.
type serverConfig struct{ save, appendonly string }

// connect opens a connection for commands that are not part of the load.
func (c *config) connect(host string, port int, unix string) (*hiredis.Conn, error) {
	conn, err := hiredis.Dial(&hiredis.Options{Host: host, Port: port, Unix: unix, TLS: c.tls})
	if err != nil {
		where := unix
		if unix == "" {
			where = fmt.Sprintf("%s:%d", host, port)
		}
		return nil, exitError(fmt.Sprintf("Could not connect to Redis at %s: %v", where, err))
	}
	if !c.HasAuth {
		return conn, nil
	}
	auth := []string{"AUTH", c.Auth}
	if c.User != "" {
		auth = []string{"AUTH", c.User, c.Auth}
	}
	reply, err := conn.Do(auth...)
	switch {
	case err != nil:
		conn.Close()
		return nil, exitError("ERROR: failed to fetch reply from " + nodeName(host, port, unix))
	case reply.Type == hiredis.Err:
		conn.Close()
		return nil, exitError(fmt.Sprintf("Node %s replied with error:\n%s", nodeName(host, port, unix), reply.Str))
	}
	return conn, nil
}

func nodeName(host string, port int, unix string) string {
	if unix != "" {
		return unix
	}
	return fmt.Sprintf("%s:%d", host, port)
}

// fetchConfig asks for the settings. Without an error there may be none: the server does not tell.
func (c *config) fetchConfig(host string, port int, unix string) (*serverConfig, error) {
	conn, err := c.connect(host, port, unix)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.Append("CONFIG", "GET", "save")
	conn.Append("CONFIG", "GET", "appendonly")
	if conn.Flush() != nil {
		return nil, nil
	}
	var values [2]string
	for i := range values {
		reply, err := conn.Reply()
		if err != nil {
			return nil, nil
		}
		if reply.Type == hiredis.Err && strings.HasPrefix(reply.Str, "NOAUTH") {
			return nil, exitError(fmt.Sprintf("Node %s replied with error:\n%s", nodeName(host, port, unix), reply.Str))
		}
		if !reply.Type.Aggregate() || len(reply.Elements) < 2 {
			return nil, nil
		}
		values[i] = reply.Elements[1].Str
	}
	return &serverConfig{save: values[0], appendonly: values[1]}, nil
}
