// SPDX-License-Identifier: BSD-3-Clause

// Command redis-cli talks to a Redis server: a command from the arguments, commands from the standard input, an interactive
// session, or one of the special modes that sample, dump and measure.
//
// Counterpart: redis-cli.c. Its files:
//
//	options.go    the command line
//	usage.go      the text of --help
//	connect.go    connecting, AUTH, SELECT, HELLO, pushes
//	command.go    sending commands and following what they do to the connection
//	format.go     replies as text: formatted, raw, CSV, JSON
//	repl.go       the interactive session: prompt, history, preferences
//	secrets.go    which commands the history file leaves out
//	help.go       HELP and completion, from COMMAND DOCS or from the tables compiled in
//	hints.go      what is still missing from the command that is being typed
//	pubsub.go     messages and keys at the same time
//	eval.go       --eval and the Lua debugger
//	latency.go    --latency, --latency-history, --latency-dist, --intrinsic-latency
//	stat.go       --stat and --lru-test
//	scan.go       --scan and what the modes that walk over keys share
//	bigkeys.go    --bigkeys and --memkeys
//	keystats.go   --keystats
//	hotkeys.go    --hotkeys
//	replica.go    --replica, --rdb and --functions-rdb
//	pipe.go       --pipe
//
// All state hangs off one cli. The cluster manager is not part of it yet.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"redport/deps/hiredis"
	"redport/deps/linenoise"
	"redport/src/cli_common"
	"redport/src/platform"
)

// cli is a running redis-cli.
type cli struct {
	options

	out    *bufio.Writer // standard output
	editor *linenoise.Editor

	conn    *hiredis.Conn // nil: not connected
	connErr error         // why conn is of no use any more; nil: it is

	// What is known of the session on the connection.
	dbnum         int
	resp3         bool // the connection speaks RESP3 now
	inMulti       bool
	preMultiDB    int
	pubsubMode    bool
	lastReply     *hiredis.Reply
	serverVersion string

	interactive         bool
	shutdown            bool // a SHUTDOWN was sent: the connection may end
	reissueCommand      bool // -c: to the node that the connection was redirected to
	sendAsking          bool
	ldbEnd              bool // the debugging session ended
	enableLDBOnEval     bool // SCRIPT DEBUG was sent by hand
	prompt              string
	hints               bool
	help                []*helpEntry
	monitorMode         bool
	interruptible       atomic.Bool // monitor or subscribed mode: SIGINT ends the mode, not the program
	blockingStateAborts atomic.Bool // SIGINT did
	cancelLoop          atomic.Bool // SIGINT ends the walk over keys, and a summary follows

	// restoreTTY undoes what was done to the terminal.
	restoreTTY func()
}

func main() {
	platform.EnableTerminalEscapes(os.Stdout)
	c := &cli{out: bufio.NewWriterSize(os.Stdout, 64<<10), hints: true, options: defaultOptions()}
	if !platform.IsTerminal(os.Stdout) && os.Getenv("FAKETTY") == "" {
		c.output, c.pushOutput = outputRaw, false
	} else {
		c.output, c.pushOutput = outputStandard, true
	}
	args := c.parseOptions(os.Args)
	c.parseEnv()
	if c.askpass {
		c.newEditor()
		c.editor.Mask = true
		c.Auth, _ = c.editor.ReadLine("Please input password: ")
		c.HasAuth = true
		c.editor.Mask = false
	}
	c.exit(c.run(args))
}

// run does what the options say and gives the exit code.
func (c *cli) run(args []string) int {
	if c.intrinsicLatency {
		return c.intrinsicLatencyMode()
	}
	if mode := c.specialMode(); mode != nil {
		if !c.connect(0) {
			return 1
		}
		return mode()
	}
	switch {
	case c.testHint != "":
		return c.printTestHint()
	case c.testHintFile != "":
		return c.runHintSuite()
	case len(args) == 0 && c.eval == "":
		c.onInterrupt(func() {
			if c.interruptible.Load() {
				c.blockingStateAborts.Store(true)
				c.abortRead()
				return
			}
			c.exitNow(1)
		})
		// A session without a connection is one too: each command tries to connect.
		c.connect(0)
		c.repl()
		return 0
	case c.eval != "":
		if !c.connect(0) {
			return 1
		}
		return c.evalMode(args)
	}
	c.connect(connectQuiet)
	return c.noninteractive(args)
}

// specialMode is the mode that needs nothing but a connection; nil: there is none.
func (c *cli) specialMode() func() int {
	switch {
	case c.latency:
		return c.latencyMode
	case c.latencyDist:
		return c.latencyDistMode
	case c.replica:
		return c.replicaOption
	case c.getRDB || c.getFunctionsRDB:
		return c.rdbOption
	case c.pipe:
		return c.pipeMode
	case c.bigkeys:
		return func() int { return c.findBigKeys(false, 0) }
	case c.memkeys:
		return func() int { return c.findBigKeys(true, c.memkeysSamples) }
	case c.keystats:
		return c.keyStats
	case c.hotkeys:
		return c.findHotKeys
	case c.stat:
		return c.statMode
	case c.scan:
		return c.scanMode
	case c.lruTest:
		return c.lruTestMode
	}
	return nil
}

// onInterrupt has f called for each Ctrl-C from here on, in a goroutine of its own.
func (c *cli) onInterrupt(f func()) {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, os.Interrupt)
	go func() {
		for range ch {
			f()
		}
	}()
}

// cancelLoopOnInterrupt: a walk over keys ends at Ctrl-C and shows what it has.
func (c *cli) cancelLoopOnInterrupt() { c.onInterrupt(func() { c.cancelLoop.Store(true) }) }

func (c *cli) printf(format string, args ...any) { fmt.Fprintf(c.out, format, args...) }

// errorf flushes what was printed before it, so that both appear in their order on a terminal.
func (c *cli) errorf(format string, args ...any) {
	c.out.Flush()
	fmt.Fprintf(os.Stderr, format, args...)
}

// exit ends the program, with everything that was printed shown and the terminal as it was.
func (c *cli) exit(code int) {
	c.out.Flush()
	c.exitNow(code)
}

// exitNow is exit for other goroutines than the main one, whose output stays where it is.
func (c *cli) exitNow(code int) {
	if c.editor != nil {
		c.editor.Restore()
	}
	if restore := c.restoreTTY; restore != nil {
		restore()
	}
	os.Exit(code)
}

// fatalf prints a complaint and ends the program.
func (c *cli) fatalf(format string, args ...any) {
	c.errorf(format, args...)
	c.exit(1)
}

// pause sleeps for the -i interval.
func (c *cli) pause() {
	if c.interval > 0 {
		c.out.Flush()
		time.Sleep(c.interval)
	}
}

// unquoteArgs takes arguments as --quoted-input has them.
func (c *cli) unquoteArgs(args []string) ([]string, bool) {
	if !c.quotedInput {
		return args, true
	}
	return cli_common.Unquote(args)
}
