// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"redport/src/commands"
	"redport/src/util"
)

// command_info.go - COMMAND and its subcommands: what the server tells about its own commands.
//
// The replies come from the declarations in package commands. Redis walks a hash table and so answers in an order
// that differs from start to start; here names are in alphabetical order.
//
// Counterpart: the part of server.c around commandCommand.

// commandProc ties a command to the function that runs it. The list of all is generated: commands_proc.go.
type commandProc struct {
	fullname string
	proc     func(c *client)
}

// addReplyCommandFlags sends a set with the names of the flags that are set.
func (c *client) addReplyCommandFlags(flags uint64, names []commands.FlagName) {
	n := 0
	for i := range names {
		if flags&names[i].Flag != 0 {
			n++
		}
	}
	c.addReplySetLen(n)
	for i := range names {
		if flags&names[i].Flag != 0 {
			c.addReplyStatus(names[i].Name)
		}
	}
}

func (c *client) addReplyFlagsForKeyArgs(flags uint64) {
	c.addReplyCommandFlags(flags, commands.KeyFlagNames)
}

// addReplyCommandCategories sends a set with the ACL categories of a command.
func (c *client) addReplyCommandCategories(cmd *redisCommand) {
	n := 0
	for _, category := range commands.ACLCategoryNames {
		if cmd.aclCategories&category.Flag != 0 {
			n++
		}
	}
	c.addReplySetLen(n)
	for _, category := range commands.ACLCategoryNames {
		if cmd.aclCategories&category.Flag != 0 {
			c.addReplyStatus("@" + category.Name)
		}
	}
}

func (c *client) addReplyCommandTips(cmd *redisCommand) {
	c.addReplySetLen(len(cmd.Tips))
	for _, tip := range cmd.Tips {
		c.addReplyBulkString(tip)
	}
}

func (c *client) addReplyCommandKeySpecs(cmd *redisCommand) {
	c.addReplySetLen(len(cmd.KeySpecs))
	for i := range cmd.KeySpecs {
		spec := &cmd.KeySpecs[i]
		if spec.Notes != "" {
			c.addReplyMapLen(4)
			c.addReplyBulkString("notes")
			c.addReplyBulkString(spec.Notes)
		} else {
			c.addReplyMapLen(3)
		}
		c.addReplyBulkString("flags")
		c.addReplyFlagsForKeyArgs(spec.Flags)
		c.addReplyBulkString("begin_search")
		c.addReplyBeginSearch(&spec.BeginSearch)
		c.addReplyBulkString("find_keys")
		c.addReplyFindKeys(&spec.FindKeys)
	}
}

// addReplySearch opens the map of one half of a key spec; n fields follow.
func (c *client) addReplySearch(typ string, n int) {
	c.addReplyMapLen(2)
	c.addReplyBulkString("type")
	c.addReplyBulkString(typ)
	c.addReplyBulkString("spec")
	c.addReplyMapLen(n)
}

func (c *client) addReplySearchField(name string, value int) {
	c.addReplyBulkString(name)
	c.addReplyLongLong(int64(value))
}

func (c *client) addReplyBeginSearch(b *commands.BeginSearch) {
	switch b.Type {
	case commands.BeginSearchIndex:
		c.addReplySearch("index", 1)
		c.addReplySearchField("index", b.Index)
	case commands.BeginSearchKeyword:
		c.addReplySearch("keyword", 2)
		c.addReplyBulkString("keyword")
		c.addReplyBulkString(b.Keyword)
		c.addReplySearchField("startfrom", b.StartFrom)
	default:
		c.addReplySearch("unknown", 0)
	}
}

func (c *client) addReplyFindKeys(f *commands.FindKeys) {
	switch f.Type {
	case commands.FindKeysRange:
		c.addReplySearch("range", 3)
		c.addReplySearchField("lastkey", f.LastKey)
		c.addReplySearchField("keystep", f.KeyStep)
		c.addReplySearchField("limit", f.Limit)
	case commands.FindKeysKeynum:
		c.addReplySearch("keynum", 3)
		c.addReplySearchField("keynumidx", f.KeynumIdx)
		c.addReplySearchField("firstkey", f.FirstKey)
		c.addReplySearchField("keystep", f.KeyStep)
	default:
		c.addReplySearch("unknown", 0)
	}
}

// addReplyCommandInfo sends the description of COMMAND and COMMAND INFO; nil: an unknown command.
func (c *client) addReplyCommandInfo(cmd *redisCommand) {
	if cmd == nil {
		c.addReplyNull()
		return
	}
	c.addReplyArrayLen(10)
	c.addReplyBulkString(cmd.fullname)
	c.addReplyLongLong(int64(cmd.arity))
	c.addReplyCommandFlags(cmd.flags, commands.FlagNames)
	c.addReplyLongLong(int64(cmd.FirstKey))
	c.addReplyLongLong(int64(cmd.LastKey))
	c.addReplyLongLong(int64(cmd.KeyStep))
	c.addReplyCommandCategories(cmd)
	c.addReplyCommandTips(cmd)
	c.addReplyCommandKeySpecs(cmd)
	if cmd.subcommands == nil {
		c.addReplySetLen(0)
		return
	}
	c.addReplyArrayLen(len(cmd.subcommands))
	for _, sub := range sortedCommands(cmd.subcommands) {
		c.addReplyCommandInfo(sub)
	}
}

// addReplyDocField sends one text of COMMAND DOCS, and nothing where it is empty. It returns how many fields that
// makes; without a client it only counts.
func addReplyDocField(c *client, name, value string) int {
	if value == "" {
		return 0
	}
	if c != nil {
		c.addReplyBulkString(name)
		c.addReplyBulkString(value)
	}
	return 1
}

// addReplyCommandArgList sends the arguments of a command, or of a group of them.
func (c *client) addReplyCommandArgList(args []commands.Arg) {
	c.addReplyArrayLen(len(args))
	for i := range args {
		a := &args[i]
		c.addReplyMapLen(commandArgFields(nil, a))
		commandArgFields(c, a)
	}
}

// commandArgFields sends the fields of one argument and returns their number; without a client it only counts.
func commandArgFields(c *client, a *commands.Arg) int {
	group := a.Type == commands.ArgTypeOneof || a.Type == commands.ArgTypeBlock
	n := addReplyDocField(c, "name", a.Name)
	n += addReplyDocField(c, "type", a.Type.String())
	if !group {
		n += addReplyDocField(c, "display_text", a.DisplayText())
	}
	if a.KeySpecIndex != -1 {
		n++
		if c != nil {
			c.addReplySearchField("key_spec_index", a.KeySpecIndex)
		}
	}
	if a.HasToken() {
		n++
		if c != nil {
			c.addReplyBulkString("token")
			c.addReplyBulkString(a.Token)
		}
	}
	n += addReplyDocField(c, "since", a.Since)
	n += addReplyDocField(c, "deprecated_since", a.DeprecatedSince)
	if a.Flags != 0 {
		n++
		if c != nil {
			c.addReplyBulkString("flags")
			c.addReplyCommandFlags(a.Flags, commands.ArgFlagNames)
		}
	}
	if group {
		n++
		if c != nil {
			c.addReplyBulkString("arguments")
			c.addReplyCommandArgList(a.Args)
		}
	}
	return n
}

// addReplyCommandDocs sends the documentation of one command.
func (c *client) addReplyCommandDocs(cmd *redisCommand) {
	c.addReplyMapLen(commandDocsFields(nil, cmd))
	commandDocsFields(c, cmd)
}

// commandDocsFields sends the fields of a command's documentation and returns their number; without a client it
// only counts.
func commandDocsFields(c *client, cmd *redisCommand) int {
	n := addReplyDocField(c, "summary", cmd.Summary)
	n += addReplyDocField(c, "since", cmd.Since)
	n += addReplyDocField(c, "group", cmd.Group.String())
	n += addReplyDocField(c, "complexity", cmd.Complexity)
	if cmd.DocFlags != 0 {
		n++
		if c != nil {
			c.addReplyBulkString("doc_flags")
			c.addReplyCommandFlags(cmd.DocFlags, commands.DocFlagNames)
		}
	}
	n += addReplyDocField(c, "deprecated_since", cmd.DeprecatedSince)
	n += addReplyDocField(c, "replaced_by", cmd.ReplacedBy)
	if len(cmd.History) > 0 {
		n++
		if c != nil {
			c.addReplyBulkString("history")
			c.addReplyCommandHistory(cmd)
		}
	}
	if len(cmd.Args) > 0 {
		n++
		if c != nil {
			c.addReplyBulkString("arguments")
			c.addReplyCommandArgList(cmd.Args)
		}
	}
	if cmd.subcommands != nil {
		n++
		if c != nil {
			c.addReplyBulkString("subcommands")
			c.addReplyMapLen(len(cmd.subcommands))
			for _, sub := range sortedCommands(cmd.subcommands) {
				c.addReplyBulkString(sub.fullname)
				c.addReplyCommandDocs(sub)
			}
		}
	}
	return n
}

func (c *client) addReplyCommandHistory(cmd *redisCommand) {
	c.addReplySetLen(len(cmd.History))
	for _, change := range cmd.History {
		c.addReplyArrayLen(2)
		c.addReplyBulkString(change.Since)
		c.addReplyBulkString(change.Text)
	}
}

// commandCommand is COMMAND without a subcommand: all commands.
func commandCommand(c *client) {
	list := sortedCommands(c.server.commands)
	c.addReplyArrayLen(len(list))
	for _, cmd := range list {
		c.addReplyCommandInfo(cmd)
	}
}

// commandCountCommand is COMMAND COUNT.
func commandCountCommand(c *client) {
	c.addReplyLongLong(int64(len(c.server.commands)))
}

// commandInfoCommand is COMMAND INFO [name ...].
func commandInfoCommand(c *client) {
	if len(c.argv) == 2 {
		commandCommand(c)
		return
	}
	c.addReplyArrayLen(len(c.argv) - 2)
	for _, name := range c.argv[2:] {
		c.addReplyCommandInfo(c.server.lookupCommandByName(string(name)))
	}
}

// commandDocsCommand is COMMAND DOCS [name ...]. Names of no command are left out.
func commandDocsCommand(c *client) {
	server := c.server
	if len(c.argv) == 2 {
		list := sortedCommands(server.commands)
		c.addReplyMapLen(len(list))
		for _, cmd := range list {
			c.addReplyBulkString(cmd.fullname)
			c.addReplyCommandDocs(cmd)
		}
		return
	}
	n := 0
	replylen := c.addReplyDeferredLen()
	for _, name := range c.argv[2:] {
		if cmd := server.lookupCommandByName(string(name)); cmd != nil {
			c.addReplyBulkString(cmd.fullname)
			c.addReplyCommandDocs(cmd)
			n++
		}
	}
	c.setDeferredMapLen(replylen, n)
}

// commandListFilter decides which commands COMMAND LIST leaves out; nil: none.
type commandListFilter func(cmd *redisCommand) bool

// makeCommandListFilter makes the filter of FILTERBY; ok false: there is none of that type.
func makeCommandListFilter(typ, arg []byte) (filter commandListFilter, ok bool) {
	switch {
	case equalFold(typ, "MODULE"):
		// No module is loaded, so no command is one's.
		return func(*redisCommand) bool { return true }, true
	case equalFold(typ, "ACLCAT"):
		category := commands.ACLCategoryByName(arg)
		return func(cmd *redisCommand) bool { return cmd.aclCategories&category == 0 }, true
	case equalFold(typ, "PATTERN"):
		return func(cmd *redisCommand) bool { return !util.StringMatchLen(arg, cmd.fullname, true) }, true
	}
	return nil, false
}

// commandListCommand is COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern].
func commandListCommand(c *client) {
	var filter commandListFilter
	if len(c.argv) > 2 {
		ok := len(c.argv) == 5 && equalFold(c.argv[2], "FILTERBY")
		if ok {
			filter, ok = makeCommandListFilter(c.argv[3], c.argv[4])
		}
		if !ok {
			c.addReplyErrorObject(shared.syntaxerr)
			return
		}
	}
	replylen := c.addReplyDeferredLen()
	c.setDeferredArrayLen(replylen, c.addReplyCommandNames(c.server.commands, filter))
}

// addReplyCommandNames sends the names of commands and of their subcommands, and returns their number.
func (c *client) addReplyCommandNames(table map[string]*redisCommand, filter commandListFilter) (n int) {
	for _, cmd := range sortedCommands(table) {
		if filter == nil || !filter(cmd) {
			c.addReplyBulkString(cmd.fullname)
			n++
		}
		n += c.addReplyCommandNames(cmd.subcommands, filter)
	}
	return n
}

// commandGetKeysCommand is COMMAND GETKEYS command [arg ...].
func commandGetKeysCommand(c *client) { getKeysSubcommandImpl(c, false) }

// commandGetKeysAndFlagsCommand is COMMAND GETKEYSANDFLAGS command [arg ...].
func commandGetKeysAndFlagsCommand(c *client) { getKeysSubcommandImpl(c, true) }

func getKeysSubcommandImpl(c *client, withFlags bool) {
	argv := c.argv[2:]
	cmd := c.server.lookupCommand(argv)
	switch {
	case cmd == nil:
		c.addReplyError("Invalid command specified")
		return
	case !cmd.doesCommandHaveKeys():
		c.addReplyError("The command has no key arguments")
		return
	case !cmd.arityFits(len(argv)):
		c.addReplyError("Invalid number of arguments specified for command")
		return
	}
	keys := cmd.getKeysFromCommandWithSpecs(argv, getKeyspecDefault, nil)
	if len(keys) == 0 && cmd.flags&commands.CmdNoMandatoryKeys == 0 {
		c.addReplyError("Invalid arguments specified for command")
		return
	}
	c.addReplyArrayLen(len(keys))
	for _, key := range keys {
		if withFlags {
			c.addReplyArrayLen(2)
		}
		c.addReplyBulkBytes(argv[key.pos])
		if withFlags {
			c.addReplyFlagsForKeyArgs(key.flags)
		}
	}
}

// commandHelpCommand is COMMAND HELP.
func commandHelpCommand(c *client) {
	c.addReplyHelp([]string{
		"(no subcommand)",
		"    All commands with their properties.",
		"COUNT",
		"    How many commands there are.",
		"LIST",
		"    The names of the commands.",
		"INFO [<command-name> ...]",
		"    The properties of the commands named, or of all: arity, flags, keys,",
		"    categories, subcommands.",
		"DOCS [<command-name> ...]",
		"    What the commands named, or all, are for, and their arguments.",
		"GETKEYS <full-command>",
		"    The keys that a command with its arguments would use.",
		"GETKEYSANDFLAGS <full-command>",
		"    The same keys, each with what would be done to it.",
	})
}
