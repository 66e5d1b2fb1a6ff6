// SPDX-License-Identifier: BSD-3-Clause

package main

// repl.go - the interactive session, and commands from the standard input where that is no terminal.

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"redport/deps/linenoise"
	"redport/src/cli_common"
	"redport/src/platform"
	"redport/src/sds"
)

const (
	historyFileEnv     = "REDISCLI_HISTFILE"
	historyFileDefault = ".rediscli_history"
	rcFileEnv          = "REDISCLI_RCFILE"
	rcFileDefault      = ".redisclirc"

	// slowCommand is from when on the time that a command took is shown.
	slowCommand = 500 * time.Millisecond
)

func (c *cli) newEditor() {
	if c.editor == nil {
		// Tests play a terminal through a pipe.
		fake := os.Getenv("FAKETTY_WITH_PROMPT") != ""
		c.editor = &linenoise.Editor{In: linenoise.NewInput(os.Stdin), Out: os.Stdout, ForceTTY: fake}
	}
}

// dotfile is the path of a file of the user's: from the environment, or in the home directory; "": there is none, or none is wanted.
func dotfile(env, name string) string {
	if path := os.Getenv(env); path != "" {
		if path == os.DevNull {
			return ""
		}
		return path
	}
	if home, err := os.UserHomeDir(); err == nil && home != "" {
		return filepath.Join(home, name)
	}
	return ""
}

// repl reads commands and runs them until the end of the input, or QUIT (C: repl). It also returns for RESTART in a debugging session, with true.
func (c *cli) repl() (restart bool) {
	c.newEditor()
	terminal := platform.IsTerminal(os.Stdin)
	if !c.evalLDB && (terminal || c.editor.ForceTTY) {
		c.initHelp() // the debugger has commands of its own
	}
	c.interactive = true
	c.editor.Complete, c.editor.Hint = c.complete, c.hint
	historyFile := ""
	if terminal || c.editor.ForceTTY {
		if historyFile = dotfile(historyFileEnv, historyFileDefault); historyFile != "" {
			_ = c.editor.LoadHistory(historyFile) // the first time there is none
		}
		c.loadPreferences()
	}
	remember := func(line string, sensitive bool) {
		if !terminal && !c.editor.ForceTTY {
			return
		}
		c.editor.AddHistory(line, sensitive)
		if historyFile != "" && !sensitive {
			_ = c.editor.SaveHistory(historyFile)
		}
	}
	c.refreshPrompt()
	for {
		c.out.Flush()
		prompt := c.prompt
		if c.conn == nil {
			prompt = "not connected> "
		}
		line, err := c.editor.ReadLine(prompt)
		if err != nil {
			// Ctrl-C, Ctrl-D or the end. It ends a subscription first.
			if c.pubsubMode {
				c.pubsubMode = false
				if c.connect(connectForce) {
					continue
				}
			}
			return false
		}
		if line != "" && c.runLine(line, remember) {
			return true
		}
		if c.pubsubMode {
			c.waitForMessagesOrStdin()
		}
	}
}

// runLine runs what was typed. restart: it was RESTART, for the debugger to start over.
func (c *cli) runLine(line string, remember func(line string, sensitive bool)) (restart bool) {
	args, err := c.splitArgs(line)
	if err != nil {
		c.printf("Invalid argument(s)\n")
		remember(line, false)
		return false
	}
	if len(args) == 0 {
		return false
	}
	repeat := int64(1)
	command := args
	if n, ok := repeatCount(args); ok {
		if n <= 0 {
			c.printf("Invalid redis-cli repeat command option value.\n")
			return false
		}
		repeat, command = n, args[1:]
	}
	remember(line, isSensitiveCommand(command))
	switch {
	case isCommand(args, "quit"), isCommand(args, "exit"):
		c.exit(0)
	case strings.HasPrefix(args[0], ":"):
		c.setPreferences(args, true)
	case isCommand(args, "restart"):
		if c.eval == "" {
			c.printf("Use 'restart' only in Lua debugging mode.\n")
			return false
		}
		c.evalLDB, c.output = true, outputRaw
		return true
	case isCommand(args, "connect") && len(args) == 3:
		c.Host, c.Port = args[1], cli_common.Atoi(args[2])
		c.refreshPrompt()
		c.connect(connectForce)
	case isCommand(args, "clear") && len(args) == 1:
		c.out.Flush()
		c.editor.ClearScreen()
	default:
		start := time.Now()
		c.issueCommand(command, repeat)
		if c.ldbEnd {
			c.endDebugging()
		}
		if elapsed := time.Since(start); elapsed >= slowCommand && c.output == outputStandard {
			c.printf("(%.2fs)\n", float64(elapsed.Milliseconds())/1000)
		}
	}
	return false
}

// repeatCount: "3 ping" is three pings. What does not fit into a number is -1.
func repeatCount(args []string) (n int64, ok bool) {
	if len(args) < 2 {
		return 0, false
	}
	text := strings.TrimLeft(args[0], " \t\n\v\f\r")
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil {
		return n, true
	}
	digits := strings.TrimLeft(text, "+-")
	if len(text)-len(digits) <= 1 && digits != "" && strings.Trim(digits, "0123456789") == "" {
		return -1, true
	}
	return 0, args[0] == ""
}

// splitArgs splits a line into arguments. The code behind the debugger's EVAL is one argument, quotes and all.
func (c *cli) splitArgs(line string) ([]string, error) {
	if c.evalLDB {
		for _, word := range []string{"eval", "e"} {
			if code, ok := strings.CutPrefix(line, word+" "); ok {
				return []string{word, code}, nil
			}
		}
	}
	return sds.SplitArgsString(line)
}

// setPreferences runs a command of redis-cli's own, from the user or from the preferences file.
func (c *cli) setPreferences(args []string, interactive bool) {
	where := ""
	if !interactive {
		where = ".redisclirc: "
	}
	switch {
	case !isCommand(args, ":set") || len(args) < 2:
		c.printf("%sunknown redis-cli internal command '%s'\n", where, args[0])
	case strings.EqualFold(args[1], "hints"):
		c.hints = true
	case strings.EqualFold(args[1], "nohints"):
		c.hints = false
	default:
		c.printf("%sunknown redis-cli preference '%s'\n", where, args[1])
	}
}

func (c *cli) loadPreferences() {
	path := dotfile(rcFileEnv, rcFileDefault)
	if path == "" {
		return
	}
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if args, err := sds.SplitArgs(lines.Bytes()); err == nil && len(args) > 0 {
			words := make([]string, len(args))
			for i := range args {
				words[i] = string(args[i])
			}
			c.setPreferences(words, false)
		}
	}
}
