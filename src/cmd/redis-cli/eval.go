// SPDX-License-Identifier: BSD-3-Clause

package main

// eval.go - --eval, and sessions with the server's Lua debugger.

import (
	"os"
	"strconv"

	"redport/src/platform"
)

// evalMode runs a script file with the keys and, behind a comma, the arguments of the command line. With --ldb it does so in the debugger, as often as
// the user says RESTART.
func (c *cli) evalMode(args []string) int {
	for {
		if c.evalLDB {
			c.printf("Lua debugging session started, please use:\n" +
				"quit    -- End the session.\n" +
				"restart -- Restart the script in debug mode again.\n" +
				"help    -- Show Lua script debugging commands.\n\n")
		}
		script, err := os.ReadFile(c.eval)
		if err != nil {
			c.fatalf("Can't open file '%s': %s\n", c.eval, platform.Strerror(err))
		}
		if c.evalLDB && c.conn != nil {
			mode := "yes"
			if c.evalLDBSync {
				mode = "sync"
			}
			_, _ = c.do("SCRIPT", "DEBUG", mode)
		}
		command := []string{"EVAL", string(script), ""}
		keys, comma := 0, false
		for _, arg := range args {
			if arg == "," && !comma {
				comma = true
				continue
			}
			command = append(command, arg)
			if !comma {
				keys++
			}
		}
		command[2] = strconv.Itoa(keys)
		debugging := c.evalLDB // the reply may end it
		ok := c.issueCommand(command, c.repeat)
		switch {
		case !debugging && ok:
			return 0
		case !debugging:
			return 1
		case !c.evalLDB:
			// It ended at once: the script does not compile.
			c.printf("Eval debugging session can't start:\n")
			c.readReply(false)
			if ok {
				return 0
			}
			return 1
		}
		c.prompt = "lua debugger> "
		if !c.repl() {
			return 0
		}
		c.connect(connectForce)
		c.printf("\n")
	}
}

// endDebugging shows what the script returned, and goes on as an ordinary session.
func (c *cli) endDebugging() {
	c.ldbEnd = false
	c.readReply(false)
	text := " -- dataset changes rolled back"
	if c.evalLDBSync {
		text = ""
	}
	c.printf("\n(Lua debugging session ended%s)\n\n", text)
	c.initHelp()
}
