// SPDX-License-Identifier: BSD-3-Clause

package main

// help.go - HELP and completion.
//
// What commands there are comes from the server's COMMAND DOCS. Without a server, and for servers before 7.0, it comes from the tables
// compiled in, without what is newer than the server.

import (
	"slices"
	"strings"

	"redport/deps/hiredis"
	"redport/src/cli_common"
	"redport/src/commands"
)

// helpEntry is a command, a subcommand or (with a name that begins with @) a group.
type helpEntry struct {
	words   []string // in upper case
	full    string   // words with spaces between
	isGroup bool

	summary, since, group string
	params                string // the arguments as HELP shows them
	noParams              bool   // there are none, which C shows as "(null)"
	args                  []*argSpec
}

func newHelpEntry(words ...string) *helpEntry {
	for i := range words {
		words[i] = strings.ToUpper(words[i])
	}
	return &helpEntry{words: words, full: strings.Join(words, " "), noParams: true}
}

func (e *helpEntry) setArgs(args []*argSpec) {
	e.args, e.noParams = args, false
	e.params = makeHint(nil, e)
}

// initHelp fills in the table of what HELP, completion and hints know.
func (c *cli) initHelp() {
	c.help = nil
	if !c.connect(connectQuiet) {
		c.builtinHelp()
	} else if docs, err := c.do("COMMAND", "DOCS"); err != nil || docs.Type == hiredis.Err {
		c.builtinHelp()
		if c.connErr == nil {
			c.integrateHelp()
		}
	} else {
		for name, specs := range pairs(docs) {
			c.addDocs(specs, name)
		}
	}
	c.addGroups()
	slices.SortStableFunc(c.help, func(a, b *helpEntry) int { return strings.Compare(a.full, b.full) })
}

// pairs walks over a map, or an array that is one in RESP2.
func pairs(r *hiredis.Reply) func(yield func(key string, value *hiredis.Reply) bool) {
	return func(yield func(string, *hiredis.Reply) bool) {
		for i := 0; i+1 < len(r.Elements); i += 2 {
			if !yield(r.Elements[i].Str, &r.Elements[i+1]) {
				return
			}
		}
	}
}

// addDocs adds a command of COMMAND DOCS and its subcommands.
func (c *cli) addDocs(specs *hiredis.Reply, words ...string) {
	e := newHelpEntry(slices.Clone(words)...)
	c.help = append(c.help, e)
	for key, value := range pairs(specs) {
		switch key {
		case "summary":
			e.summary = value.Str
		case "since":
			e.since = value.Str
		case "group":
			e.group = value.Str
		case "arguments":
			e.setArgs(argsOfDocs(value))
		case "subcommands":
			for name, sub := range pairs(value) {
				// They are called "config|get".
				if _, after, ok := strings.Cut(name, "|"); ok {
					name = after
				}
				c.addDocs(sub, words[0], name)
			}
		}
	}
}

func argsOfDocs(r *hiredis.Reply) []*argSpec {
	args := make([]*argSpec, 0, len(r.Elements))
	for i := range r.Elements {
		a := &argSpec{}
		for key, value := range pairs(&r.Elements[i]) {
			switch key {
			case "name":
				if a.display == "" {
					a.display = value.Str
				}
			case "display_text":
				a.display = value.Str
			case "token":
				a.token, a.hasToken = value.Str, true
			case "type":
				a.kind = argType(value.Str)
			case "arguments":
				a.sub = argsOfDocs(value)
			case "flags":
				for j := range value.Elements {
					switch value.Elements[j].Str {
					case "optional":
						a.optional = true
					case "multiple":
						a.multiple = true
					case "multiple_token":
						a.multipleToken = true
					}
				}
			}
		}
		args = append(args, a)
	}
	return args
}

func argType(name string) commands.ArgType {
	for t := commands.ArgTypeString; t <= commands.ArgTypeBlock; t++ {
		if t.String() == name {
			return t
		}
	}
	return commands.ArgTypeString
}

// --- Without COMMAND DOCS ---

// builtinHelp takes the commands from the tables compiled in.
func (c *cli) builtinHelp() {
	version := c.version()
	var add func(list []*commands.Command, parent string)
	add = func(list []*commands.Command, parent string) {
		for _, cmd := range list {
			if !supports(version, cmd.Since) {
				continue
			}
			words := []string{cmd.Name}
			if parent != "" {
				words = []string{parent, cmd.Name}
			}
			e := newHelpEntry(words...)
			e.summary, e.since, e.group = cmd.Summary, cmd.Since, cmd.Group.String()
			if cmd.Args != nil {
				e.setArgs(argsOfTable(cmd.Args, version))
			}
			c.help = append(c.help, e)
			add(cmd.Subcommands, cmd.Name)
		}
	}
	add(commands.Table, "")
}

func argsOfTable(list []commands.Arg, version string) []*argSpec {
	var args []*argSpec
	for i := range list {
		from := &list[i]
		if !supports(version, from.Since) {
			continue
		}
		args = append(args, &argSpec{display: from.DisplayText(), token: from.Token, hasToken: from.HasToken(), kind: from.Type,
			optional: from.Flags&commands.CmdArgOptional != 0, multiple: from.Flags&commands.CmdArgMultiple != 0,
			multipleToken: from.Flags&commands.CmdArgMultipleToken != 0, sub: argsOfTable(from.Args, version)})
	}
	return args
}

// version is the server's, "" where that is not known.
func (c *cli) version() string {
	if c.serverVersion == "" && c.conn != nil && c.connErr == nil {
		if info, err := c.do("INFO", "server"); err == nil {
			if v, ok := infoField(info.Str, "redis_version"); ok {
				c.serverVersion = v
			}
		}
	}
	return c.serverVersion
}

// supports tells whether a server of a version has what is there since another one. Without either it has.
func supports(version, since string) bool {
	if version == "" || since == "" {
		return true
	}
	v, s := strings.Split(version, "."), strings.Split(since, ".")
	for i := range min(3, len(v), len(s)) {
		if a, b := cli_common.Atoi(v[i]), cli_common.Atoi(s[i]); a != b {
			return a > b
		}
	}
	return len(v) == len(s) || min(len(v), len(s)) >= 3
}

// integrateHelp adds the commands of COMMAND that the tables lack, such as those of modules.
func (c *cli) integrateHelp() {
	reply, err := c.do("COMMAND")
	if err != nil || reply.Type != hiredis.Array {
		return
	}
	known := map[string]bool{}
	for _, e := range c.help {
		known[e.words[0]] = true
	}
	for i := range reply.Elements {
		fields := reply.Elements[i].Elements
		if len(fields) < 4 || fields[0].Type != hiredis.String || fields[1].Type != hiredis.Integer || fields[3].Type != hiredis.Integer {
			return
		}
		e := newHelpEntry(fields[0].Str)
		if known[e.full] {
			continue
		}
		arity := fields[1].Integer
		left := max(arity, -arity) - 1
		if fields[3].Integer == 1 {
			e.params += "key "
			left--
		}
		e.params += strings.Repeat("arg ", int(min(max(left, 0), 100)))
		if arity < 0 {
			e.params += "...options..."
		}
		e.noParams = false
		e.summary, e.since, e.group = "Help not available", "Not known", "generic"
		c.help = append(c.help, e)
	}
}

// addGroups adds the groups that the commands are in.
func (c *cli) addGroups() {
	seen := map[string]bool{}
	for _, e := range slices.Clone(c.help) {
		if !seen[e.group] {
			seen[e.group] = true
			name := "@" + e.group
			c.help = append(c.help, &helpEntry{isGroup: true, words: []string{name}, full: name})
		}
	}
}

// --- What the user sees ---

const genericHelp = `redis-cli ` + cliVersion + `
To get help about Redis commands type:
      "help @<group>" to get a list of commands in <group>
      "help <command>" for help on <command>
      "help <tab>" to get a list of possible help topics
      "quit" to exit

To set redis-cli preferences:
      ":set hints" enable online hints
      ":set nohints" disable online hints
Set your preferences in ~/.redisclirc
`

// outputHelp is the command HELP.
func (c *cli) outputHelp(args []string) {
	if len(args) == 0 {
		c.printf("%s", genericHelp)
		return
	}
	if c.help == nil {
		c.initHelp()
	}
	group, isGroup := strings.CutPrefix(args[0], "@")
	for _, e := range c.help {
		switch {
		case e.isGroup:
		case isGroup:
			if strings.EqualFold(group, e.group) {
				c.printHelpEntry(e, false)
			}
		case len(args) <= len(e.words) && isCommand(e.words, args...):
			c.printHelpEntry(e, true)
		}
	}
	c.printf("\r\n")
}

func (c *cli) printHelpEntry(e *helpEntry, group bool) {
	params := e.params
	if e.noParams {
		params = "(null)"
	}
	c.printf("\r\n  \x1b[1m%s\x1b[0m \x1b[90m%s\x1b[0m\r\n", e.full, params)
	c.printf("  \x1b[33msummary:\x1b[0m %s\r\n", e.summary)
	if e.since != "" {
		c.printf("  \x1b[33msince:\x1b[0m %s\r\n", e.since)
	}
	if group {
		c.printf("  \x1b[33mgroup:\x1b[0m %s\r\n", e.group)
	}
}

// complete gives the commands that a line may become; behind HELP also the groups.
func (c *cli) complete(line string) []string {
	prefix, rest := "", line
	if len(line) >= 5 && strings.EqualFold(line[:5], "help ") {
		rest = strings.TrimLeft(line[5:], " \t\n\v\f\r")
		prefix = line[:len(line)-len(rest)]
	}
	var out []string
	for _, e := range c.help {
		if e.isGroup && prefix == "" {
			continue
		}
		if len(e.full) >= len(rest) && strings.EqualFold(e.full[:len(rest)], rest) {
			out = append(out, prefix+e.full)
		}
	}
	return out
}
