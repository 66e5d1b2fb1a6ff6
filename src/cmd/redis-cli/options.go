// SPDX-License-Identifier: BSD-3-Clause

package main

// options.go - the command line and the environment.

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"redport/deps/hiredis"
	"redport/src/cli_common"
)

// cliVersion is the version of redis-cli that this one does as.
const cliVersion = "8.0.6"

const defaultPipeTimeout = 30 // seconds

// values of wantRESP3
const (
	resp3Explicit = iota + 1 // -3
	resp3Implicit            // --json: RESP2 will do too
)

// options are what the command line says.
type options struct {
	cli_common.ConnInfo
	hostSocket     string
	connectTimeout time.Duration
	prefer         hiredis.Prefer
	tls            bool
	tlsOptions     cli_common.TLSOptions
	askpass        bool
	noAuthWarning  bool
	wantRESP2      bool
	wantRESP3      int
	clusterMode    bool

	repeat       int64
	interval     time.Duration
	output       outputMode
	pushOutput   bool
	mbDelim      string
	cmdDelim     string
	quotedInput  bool
	setErrcode   bool
	stdinLastArg bool
	stdinTagArg  bool
	stdinTagName string
	verbose      bool

	latency, latencyDist, latencyHistory bool
	mono                                 bool
	intrinsicLatency                     bool
	intrinsicSeconds                     int
	lruTest                              bool
	lruTestKeys                          int64
	stat                                 bool
	replica                              bool
	getRDB, getFunctionsRDB              bool
	rdbFilename                          string
	pipe                                 bool
	pipeTimeout                          int

	scan            bool
	pattern         string
	hasPattern      bool
	count           int
	bigkeys         bool
	memkeys         bool
	memkeysSamples  uint
	keystats        bool
	keystatsCursor  uint64
	keystatsTop     uint64
	keystatsSamples uint64
	hotkeys         bool

	eval         string
	evalLDB      bool
	evalLDBSync  bool
	testHint     string
	testHintFile string
}

func defaultOptions() options {
	return options{
		ConnInfo: cli_common.ConnInfo{Host: "127.0.0.1", Port: 6379},
		repeat:   1, mbDelim: "\n", cmdDelim: "\n", count: 10, keystatsTop: 10, pipeTimeout: defaultPipeTimeout,
	}
}

// option is one of the command line. It has a value, and a function for it, or not.
type option struct {
	value func(c *cli, value string)
	flag  func(c *cli)
}

// optionTable maps the names of options, but for those of TLS.
func optionTable() map[string]option {
	flag := func(f func(c *cli)) option { return option{flag: f} }
	value := func(f func(c *cli, v string)) option { return option{value: f} }
	jsonOutput := func(mode outputMode) option {
		return flag(func(c *cli) {
			if c.wantRESP3 == 0 {
				c.wantRESP3 = resp3Implicit
			}
			c.output = mode
		})
	}
	password := value(func(c *cli, v string) { c.Auth, c.HasAuth = v, true })
	replica := flag(func(c *cli) { c.replica = true })
	return map[string]option{
		// the connection
		"-h": value(func(c *cli, v string) { c.Host = v }),
		"-p": value(func(c *cli, v string) {
			c.Port = cli_common.Atoi(v)
			if c.Port < 0 || c.Port > 65535 {
				c.fatalf("Invalid server port.\n")
			}
		}),
		"-t":                value((*cli).setConnectTimeout),
		"-s":                value(func(c *cli, v string) { c.hostSocket = v }),
		"-n":                value(func(c *cli, v string) { c.InputDB = cli_common.Atoi(v) }),
		"-a":                password,
		"--pass":            password,
		"--user":            value(func(c *cli, v string) { c.User = v }),
		"--askpass":         flag(func(c *cli) { c.askpass = true }),
		"--no-auth-warning": flag(func(c *cli) { c.noAuthWarning = true }),
		"-u": value(func(c *cli, v string) {
			secure, err := c.ParseURI(v)
			if err != nil {
				c.fatalf("%s\n", err)
			}
			c.tls = c.tls || secure
		}),
		"-2":    flag(func(c *cli) { c.wantRESP2 = true }),
		"-3":    flag(func(c *cli) { c.wantRESP3 = resp3Explicit }),
		"-4":    flag(func(c *cli) { c.setPrefer(hiredis.PreferIPv4) }),
		"-6":    flag(func(c *cli) { c.setPrefer(hiredis.PreferIPv6) }),
		"-c":    flag(func(c *cli) { c.clusterMode = true }),
		"--tls": flag(func(c *cli) { c.tls = true }),

		// input and output
		"-r":             value(func(c *cli, v string) { c.repeat = atoll(v) }),
		"-i":             value(func(c *cli, v string) { c.interval = time.Duration(atof(v)*1e6) * time.Microsecond }),
		"-x":             flag(func(c *cli) { c.stdinLastArg = true }),
		"-X":             value(func(c *cli, v string) { c.stdinTagArg, c.stdinTagName = true, v }),
		"-d":             value(func(c *cli, v string) { c.mbDelim = v }),
		"-D":             value(func(c *cli, v string) { c.cmdDelim = v }),
		"-e":             flag(func(c *cli) { c.setErrcode = true }),
		"--raw":          flag(func(c *cli) { c.output = outputRaw }),
		"--no-raw":       flag(func(c *cli) { c.output = outputStandard }),
		"--quoted-input": flag(func(c *cli) { c.quotedInput = true }),
		"--csv":          flag(func(c *cli) { c.output = outputCSV }),
		"--json":         jsonOutput(outputJSON),
		"--quoted-json":  jsonOutput(outputQuotedJSON),
		"--show-pushes": value(func(c *cli, v string) {
			switch {
			case v != "" && v[0]|0x20 == 'n':
				c.pushOutput = false
			case v != "" && v[0]|0x20 == 'y':
				c.pushOutput = true
			default:
				c.errorf("Unknown --show-pushes value '%s' (valid: '[y]es', '[n]o')\n", v)
			}
		}),
		"--verbose": flag(func(c *cli) { c.verbose = true }),

		// modes
		"--latency":         flag(func(c *cli) { c.latency = true }),
		"--latency-dist":    flag(func(c *cli) { c.latencyDist = true }),
		"--latency-history": flag(func(c *cli) { c.latency, c.latencyHistory = true, true }),
		"--mono":            flag(func(c *cli) { c.mono = true }),
		"--intrinsic-latency": value(func(c *cli, v string) {
			c.intrinsicLatency, c.intrinsicSeconds = true, cli_common.Atoi(v)
		}),
		"--lru-test":       value(func(c *cli, v string) { c.lruTest, c.lruTestKeys = true, atoll(v) }),
		"--stat":           flag(func(c *cli) { c.stat = true }),
		"--slave":          replica,
		"--replica":        replica,
		"--rdb":            value(func(c *cli, v string) { c.getRDB, c.rdbFilename = true, v }),
		"--functions-rdb":  value(func(c *cli, v string) { c.getFunctionsRDB, c.rdbFilename = true, v }),
		"--pipe":           flag(func(c *cli) { c.pipe = true }),
		"--pipe-timeout":   value(func(c *cli, v string) { c.pipeTimeout = cli_common.Atoi(v) }),
		"--scan":           flag(func(c *cli) { c.scan = true }),
		"--count":          value(func(c *cli, v string) { c.count = cli_common.Atoi(v) }),
		"--pattern":        value(func(c *cli, v string) { c.pattern, c.hasPattern = v, true }),
		"--quoted-pattern": value((*cli).setQuotedPattern),
		"--bigkeys":        flag(func(c *cli) { c.bigkeys = true }),
		"--memkeys":        flag(func(c *cli) { c.memkeys, c.memkeysSamples = true, 0 }),
		"--memkeys-samples": value(func(c *cli, v string) {
			n := cli_common.Atoi(v)
			if n < 0 {
				c.fatalf("--memkeys-samples value should be positive.\n")
			}
			c.memkeys, c.memkeysSamples = true, uint(n)
		}),
		"--hotkeys":  flag(func(c *cli) { c.hotkeys = true }),
		"--keystats": flag(func(c *cli) { c.keystats = true }),
		"--keystats-samples": value(func(c *cli, v string) {
			c.keystats, c.keystatsSamples = true, c.unsigned("--keystats-samples", v, "value should be positive.")
		}),
		"--cursor": value(func(c *cli, v string) {
			c.keystatsCursor = c.unsigned("--cursor", v, "should be followed by a positive integer.")
		}),
		"--top": value(func(c *cli, v string) {
			c.keystatsTop = c.unsigned("--top", v, "should be followed by a positive integer.")
		}),
		"--eval":           value(func(c *cli, v string) { c.eval = v }),
		"--ldb":            flag(func(c *cli) { c.evalLDB, c.output = true, outputRaw }),
		"--ldb-sync-mode":  flag(func(c *cli) { c.evalLDB, c.evalLDBSync, c.output = true, true, outputRaw }),
		"--test_hint":      value(func(c *cli, v string) { c.testHint = v }),
		"--test_hint_file": value(func(c *cli, v string) { c.testHintFile = v }),
		"--cluster": value(func(c *cli, _ string) {
			c.fatalf("The cluster manager (--cluster) is not part of this redis-cli.\n")
		}),
		"--help": flag(func(c *cli) { c.usage(0) }),
		"-v":     flag(func(c *cli) { c.printf("redis-cli %s\n", cliVersion); c.exit(0) }),
		"--version": flag(func(c *cli) {
			c.printf("redis-cli %s\n", cliVersion)
			c.exit(0)
		}),
	}
}

// parseOptions takes the options off the command line and gives what is behind them: a command, or nothing.
func (c *cli) parseOptions(argv []string) []string {
	table := optionTable()
	args := argv[1:]
	for len(args) > 0 {
		arg := args[0]
		if o, ok := table[arg]; ok && o.flag != nil {
			o.flag(c)
			args = args[1:]
		} else if ok && len(args) > 1 {
			o.value(c, args[1])
			args = args[2:]
		} else if arg == "-h" {
			c.usage(0)
		} else if arg == "--cluster" {
			c.usage(1)
		} else if used := c.tlsOptions.Option(args); used > 0 {
			args = args[used:]
		} else if strings.HasPrefix(arg, "-") {
			c.fatalf("Unrecognized option or bad number of args for: '%s'\n", arg)
		} else {
			break
		}
	}
	c.checkOptions(argv[0])
	return args
}

func (c *cli) checkOptions(program string) {
	switch {
	case c.hostSocket != "" && c.clusterMode:
		c.fatalf("Options -c and -s are mutually exclusive.\n")
	case c.wantRESP2 && c.wantRESP3 == resp3Explicit:
		c.fatalf("Options -2 and -3 are mutually exclusive.\n")
	case c.evalLDB && c.eval == "":
		c.fatalf("Options --ldb and --ldb-sync-mode require --eval.\nTry %s --help for more information.\n", program)
	}
	if !c.noAuthWarning && c.HasAuth {
		c.errorf("Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.\n")
	}
	switch {
	case c.getFunctionsRDB && c.getRDB:
		c.fatalf("Option --functions-rdb and --rdb are mutually exclusive.\n")
	case c.stdinLastArg && c.stdinTagArg:
		c.fatalf("Options -x and -X are mutually exclusive.\n")
	}
}

// parseEnv: a password of the command line goes before the environment's.
func (c *cli) parseEnv() {
	if auth, ok := os.LookupEnv("REDISCLI_AUTH"); ok && !c.HasAuth {
		c.Auth, c.HasAuth = auth, true
	}
}

func (c *cli) setConnectTimeout(v string) {
	seconds, err := strconv.ParseFloat(v, 64)
	if err != nil || !(seconds >= 0) || seconds > 1e9 {
		c.fatalf("Invalid connection timeout for -t.\n")
	}
	c.connectTimeout = time.Duration(seconds * float64(time.Second))
}

func (c *cli) setPrefer(prefer hiredis.Prefer) {
	if c.prefer != hiredis.PreferAny && c.prefer != prefer {
		c.fatalf("Options -4 and -6 are mutually exclusive.\n")
	}
	c.prefer = prefer
}

func (c *cli) setQuotedPattern(v string) {
	pattern, ok := cli_common.UnquoteCString(v)
	if !ok {
		c.fatalf("Invalid quoted string specified for --quoted-pattern.\n")
	}
	c.pattern, c.hasPattern = pattern, true
}

// unsigned takes the value of an option that is a number of keys or a cursor. negative is what is wrong with one below zero; nothing is 0,
// and what does not fit is the most that does, as C's strtoull has it.
func (c *cli) unsigned(name, v, negative string) uint64 {
	v = strings.TrimLeft(v, " \t\n\v\f\r")
	if strings.HasPrefix(v, "-") {
		c.fatalf("%s %s\n", name, negative)
	}
	if v == "" {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(v, "+"), 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return math.MaxUint64
	}
	if err != nil {
		c.fatalf("%s conversion error.\n", name)
	}
	return n
}

// atoll is C's strtoll with base 10, without a complaint about what is no number.
func atoll(s string) int64 {
	var n int64
	if _, err := fmt.Sscanf(s, "%d", &n); err != nil {
		return 0
	}
	return n
}

// atof is C's atof for what people give as an interval: the number at the front, 0 where there is none.
func atof(s string) float64 {
	for end := len(s); end > 0; end-- {
		if d, err := strconv.ParseFloat(s[:end], 64); err == nil {
			return d
		}
	}
	return 0
}
