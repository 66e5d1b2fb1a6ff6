// SPDX-License-Identifier: BSD-3-Clause

package main

// command.go - sending the user's commands, reading their replies, and following what they do to the session.

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"

	"redport/deps/hiredis"
	"redport/src/cli_common"
)

// readReply reads a reply and prints it (C: cliReadReply). false: the connection is lost, and connErr says why. raw: print the text as it is.
func (c *cli) readReply(raw bool) bool {
	c.out.Flush()
	c.lastReply = nil
	reply, err := c.conn.Reply()
	if err != nil {
		return c.readFailed(err)
	}
	c.lastReply = reply
	switch {
	case c.clusterMode && reply.Type == hiredis.Err && (strings.HasPrefix(reply.Str, "MOVED ") || strings.HasPrefix(reply.Str, "ASK ")):
		c.redirected(reply.Str)
		return true
	case !c.interactive && c.setErrcode && reply.Type == hiredis.Err:
		c.fatalf("%s\n", reply.Str)
	}
	c.out.Write(c.formatReply(reply, c.output, raw))
	c.out.Flush()
	return true
}

func (c *cli) readFailed(err error) bool {
	if c.blockingStateAborts.Swap(false) {
		c.monitorMode, c.pubsubMode = false, false
		c.interruptible.Store(false)
		return c.connect(connectForce)
	}
	c.connErr = err
	if c.shutdown {
		c.disconnect()
		return true
	}
	if c.interactive {
		// The next command connects anew.
		kind := hiredis.KindOf(err)
		if kind == hiredis.KindEOF || kind == hiredis.KindIO && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) {
			return false
		}
	}
	c.printConnError()
	c.exit(1)
	return false
}

// redirected follows "MOVED 3999 127.0.0.1:6381": the command is issued again, there. An address without a host means the one that
// answered.
func (c *cli) redirected(text string) {
	kind, rest, _ := strings.Cut(text, " ")
	slot, address, _ := strings.Cut(rest, " ")
	if colon := strings.LastIndexByte(address, ':'); colon >= 0 {
		if colon > 0 {
			c.Host = address[:colon]
		}
		c.Port = cli_common.Atoi(address[colon+1:])
	}
	if c.interactive {
		c.printf("-> Redirected to slot [%d] located at %s:%d\n", cli_common.Atoi(slot), c.Host, c.Port)
	}
	c.reissueCommand = true
	c.sendAsking = kind == "ASK"
	c.refreshPrompt()
}

// isCommand compares the first words of a command, in any case.
func isCommand(args []string, words ...string) bool {
	if len(args) < len(words) {
		return false
	}
	for i, word := range words {
		if !strings.EqualFold(args[i], word) {
			return false
		}
	}
	return true
}

// rawOutput tells which replies are texts to be read, so that quoting them would be of no use.
func rawOutput(args []string) bool {
	n := len(args)
	switch {
	case isCommand(args, "info"), isCommand(args, "lolwut"),
		isCommand(args, "debug", "htstats"), isCommand(args, "debug", "htstats-key"), isCommand(args, "debug", "client-eviction"),
		isCommand(args, "memory", "malloc-stats"), isCommand(args, "memory", "doctor"),
		isCommand(args, "client", "list"), isCommand(args, "client", "info"),
		isCommand(args, "proxy", "info"):
		return true
	case isCommand(args, "cluster", "nodes"), isCommand(args, "cluster", "info"), isCommand(args, "latency", "doctor"):
		return n == 2
	case isCommand(args, "latency", "graph"):
		return n == 3
	}
	return false
}

func isSubscribe(args []string) bool {
	return isCommand(args, "subscribe") || isCommand(args, "psubscribe") || isCommand(args, "ssubscribe")
}

func isUnsubscribe(args []string) bool {
	return isCommand(args, "unsubscribe") || isCommand(args, "punsubscribe") || isCommand(args, "sunsubscribe")
}

// sendCommand sends a command repeat times, for ever where that is negative (C: cliSendCommand). false: the connection is lost.
func (c *cli) sendCommand(args []string, repeat int64) bool {
	if c.conn == nil {
		return false
	}
	raw := rawOutput(args)
	switch {
	case isCommand(args, "shutdown"):
		c.shutdown = true
	case isCommand(args, "monitor"):
		c.monitorMode = true
	case isCommand(args, "sync"), isCommand(args, "psync"):
		c.replica = true
	case isCommand(args, "script", "debug") && len(args) == 3:
		// The next EVAL will be a debugging session.
		c.enableLDBOnEval = strings.EqualFold(args[2], "yes") || strings.EqualFold(args[2], "sync")
	case isCommand(args, "eval") && c.enableLDBOnEval:
		c.evalLDB = true
		c.output = outputRaw
	}
	for repeat < 0 || repeat > 0 {
		if repeat > 0 {
			repeat--
		}
		c.conn.Append(args...)
		switch {
		case c.monitorMode:
			return c.monitor(raw)
		case c.replica:
			c.printf("Entering replica output mode...  (press Ctrl-C to quit)\n")
			c.replicaMode(false)
			c.replica = false
			return false // the link to the master was lost
		}
		if !c.readReplies(args, raw) {
			return false
		}
		if c.reissueCommand {
			break // more of the same would go to the wrong node
		}
		c.pause()
		c.out.Flush()
	}
	return true
}

// monitor prints what MONITOR sends until Ctrl-C.
func (c *cli) monitor(raw bool) bool {
	c.interruptible.Store(true)
	defer c.interruptible.Store(false)
	for c.monitorMode {
		if !c.readReply(raw) {
			c.printConnError()
			c.exit(1)
		}
		if c.lastReply != nil && c.lastReply.Type == hiredis.Err {
			c.monitorMode = false // MONITOR itself failed
		}
	}
	return true
}

// readReplies reads the reply of a command, with the messages before it, and for (un)subscriptions one confirmation a channel.
func (c *cli) readReplies(args []string, raw bool) bool {
	expected := 0 // pushes that confirm the command, which are all that answers it
	subscribe, unsubscribe := isSubscribe(args), isUnsubscribe(args)
	if subscribe || unsubscribe {
		expected = max(len(args)-1, 1)
		c.setPushCallback(false)
	}
	for {
		if !c.readReply(raw) {
			return false
		}
		reply := c.lastReply
		if reply == nil {
			return true // the connection ended as it should, or was made anew
		}
		if c.pubsubMode || expected > 0 {
			if c.isPubsubPush(reply) {
				if expected == 0 || !strings.EqualFold(reply.Elements[0].Str, args[0]) {
					continue // a message
				}
				if subscribe && !c.pubsubMode {
					c.pubsubMode = true
					c.refreshPrompt()
				}
				if expected--; expected > 0 {
					continue
				}
			} else if reply.Type == hiredis.Push {
				continue
			}
		}
		c.followReply(args, reply, subscribe || unsubscribe)
		return true
	}
}

// followReply keeps what is known of the session in step with a command that was answered.
func (c *cli) followReply(args []string, reply *hiredis.Reply, subscription bool) {
	failed := reply.Type == hiredis.Err
	n := len(args)
	switch {
	case isCommand(args, "select") && n == 2 && !failed:
		c.dbnum = cli_common.Atoi(args[1])
		c.InputDB = c.dbnum
	case isCommand(args, "auth") && (n == 2 || n == 3):
		c.selectDB()
	case isCommand(args, "multi") && n == 1 && !failed:
		c.inMulti, c.preMultiDB = true, c.dbnum
	case isCommand(args, "exec") && n == 1 && c.inMulti:
		c.inMulti = false
		if failed || reply.Type == hiredis.Nil {
			c.dbnum, c.InputDB = c.preMultiDB, c.preMultiDB
		}
	case isCommand(args, "discard") && n == 1 && !failed:
		c.inMulti = false
		c.dbnum, c.InputDB = c.preMultiDB, c.preMultiDB
	case isCommand(args, "reset") && n == 1 && !failed:
		c.inMulti, c.dbnum, c.InputDB, c.resp3 = false, 0, 0, false
		if c.pubsubMode && c.pushOutput {
			c.setPushCallback(true)
		}
		c.pubsubMode = false
	case isCommand(args, "hello"):
		switch reply.Type {
		case hiredis.Map:
			c.resp3 = true
		case hiredis.Array:
			c.resp3 = false
		}
		return
	case subscription && !c.pubsubMode:
		if c.pushOutput {
			c.setPushCallback(true)
		}
		return
	default:
		return
	}
	c.refreshPrompt()
}

// issueCommand sends a command, connecting and following redirections as needed (C: issueCommandRepeat).
func (c *cli) issueCommand(args []string, repeat int64) bool {
	// HELP needs no connection; in the debugger it is the debugger's.
	if !c.evalLDB && (isCommand(args, "help") || isCommand(args, "?")) {
		c.outputHelp(args[1:])
		return true
	}
	for {
		if c.reissueCommand || c.conn == nil || c.connErr != nil {
			if !c.connect(connectForce) {
				c.printConnError()
				c.reissueCommand = false
				return false
			}
		}
		c.reissueCommand = false
		if c.sendAsking && !c.asking() {
			c.printConnError()
			return false
		}
		if !c.sendCommand(args, repeat) {
			c.printConnError()
			if c.conn != nil {
				c.conn.Close()
				c.conn = nil
			}
			return false
		}
		if c.clusterMode && c.reissueCommand {
			continue
		}
		return true
	}
}

// noninteractive runs the command of the arguments.
func (c *cli) noninteractive(args []string) int {
	args, ok := c.unquoteArgs(args)
	if !ok {
		c.printf("Invalid quoted string\n")
		return 1
	}
	switch {
	case c.stdinLastArg:
		args = append(args, c.readArgFromStdin())
	case c.stdinTagArg:
		found := false
		for i := range args {
			if args[i] == c.stdinTagName {
				args[i] = c.readArgFromStdin()
				found = true
				break
			}
		}
		if !found {
			c.errorf("Using -X option but stdin tag not match.\n")
			return 1
		}
	}
	ok = c.issueCommand(args, c.repeat)
	for c.pubsubMode {
		if !c.readReply(false) {
			c.printConnError()
			return 1
		}
	}
	if !ok {
		return 1
	}
	return 0
}

func (c *cli) readArgFromStdin() string {
	arg, err := io.ReadAll(os.Stdin)
	if err != nil {
		c.fatalf("Reading from standard input: %s\n", err)
	}
	return string(arg)
}
