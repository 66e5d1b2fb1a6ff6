// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"slices"

	"redport/src/commands"
	"redport/src/util"
)

// acl_commands.go - ACL and AUTH.

// authCommand is AUTH [username] password.
func authCommand(c *client) {
	server := c.server
	if len(c.argv) > 3 {
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	c.redactClientCommandArgument(1)
	var username, password []byte
	if len(c.argv) == 2 {
		if server.defaultUser.nopass() {
			c.addReplyError("AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
			return
		}
		username, password = []byte("default"), c.argv[1]
	} else {
		c.redactClientCommandArgument(2)
		username, password = c.argv[1], c.argv[2]
	}
	if c.aclAuthenticateUser(username, password) {
		c.addReply(shared.ok)
	} else {
		c.addAuthErrReply()
	}
}

func (c *client) addAuthErrReply() {
	c.addReplyError("-WRONGPASS invalid username-password pair or user is disabled.")
}

// genpassMaxBits is the longest password of ACL GENPASS, in bits.
const genpassMaxBits = 4096

var aclHelp = []string{
	"CAT [<category>]",
	"    List the command categories, or the commands of one of them.",
	"DELUSER <username> [<username> ...]",
	"    Delete users, and close their connections.",
	"DRYRUN <username> <command> [<arg> ...]",
	"    Tell whether the user could run the command. It is not run.",
	"GETUSER <username>",
	"    Describe a user.",
	"GENPASS [<bits>]",
	"    Make up a password of 256 random bits, or as many as asked for.",
	"LIST",
	"    Show the users as lines of an ACL file.",
	"LOAD",
	"    Replace the users by those of the ACL file.",
	"LOG [<count> | RESET]",
	"    Show what was denied lately, newest first; or forget it.",
	"SAVE",
	"    Write the users to the ACL file.",
	"SETUSER <username> <attribute> [<attribute> ...]",
	"    Apply rules to a user, who is made if there is none of the name.",
	"USERS",
	"    List the names of the users.",
	"WHOAMI",
	"    Tell the user of this connection.",
}

// aclCommand is ACL with its subcommands.
func aclCommand(c *client) {
	server := c.server
	argc := len(c.argv)
	switch sub := c.argv[1]; {
	case equalFold(sub, "SETUSER") && argc >= 3:
		aclSetuserCommand(c)
	case equalFold(sub, "DELUSER") && argc >= 3:
		aclDeluserCommand(c)
	case equalFold(sub, "GETUSER") && argc == 3:
		aclGetuserCommand(c)
	case equalFold(sub, "LIST") && argc == 2:
		c.addReplyArrayLen(len(server.users))
		for _, u := range server.usersInOrder() {
			c.addReplyBulkString("user " + u.name + " " + u.describe())
		}
	case equalFold(sub, "USERS") && argc == 2:
		c.addReplyArrayLen(len(server.users))
		for _, u := range server.usersInOrder() {
			c.addReplyBulkString(u.name)
		}
	case equalFold(sub, "WHOAMI") && argc == 2:
		if c.user != nil {
			c.addReplyBulkString(c.user.name)
		} else {
			c.addReplyNull()
		}
	case equalFold(sub, "LOAD") && argc == 2, equalFold(sub, "SAVE") && argc == 2:
		aclFileCommand(c)
	case equalFold(sub, "CAT") && argc <= 3:
		aclCatCommand(c)
	case equalFold(sub, "GENPASS") && argc <= 3:
		aclGenpassCommand(c)
	case equalFold(sub, "LOG") && argc <= 3:
		aclLogCommand(c)
	case equalFold(sub, "DRYRUN") && argc >= 4:
		aclDryrunCommand(c)
	case equalFold(sub, "HELP") && argc == 2:
		c.addReplyHelp(aclHelp)
	default:
		c.addReplySubcommandSyntaxError()
	}
}

// redactUserArguments keeps names and rules out of the logs.
func (c *client) redactUserArguments() {
	for i := 2; i < len(c.argv); i++ {
		c.redactClientCommandArgument(i)
	}
}

func aclSetuserCommand(c *client) {
	c.redactUserArguments()
	name := string(c.argv[2])
	if aclStringHasSpaces(name) {
		c.addReplyError("Usernames can't contain spaces or null characters")
		return
	}
	rules := make([]string, 0, len(c.argv)-3)
	for _, arg := range c.argv[3:] {
		rules = append(rules, string(arg))
	}
	if err := c.server.aclStringSetUser(name, rules); err != nil {
		c.addReplyError(err.Error())
		return
	}
	c.addReply(shared.ok)
}

func aclDeluserCommand(c *client) {
	server := c.server
	c.redactUserArguments()
	for _, name := range c.argv[2:] {
		if string(name) == server.defaultUser.name {
			c.addReplyError("The 'default' user cannot be removed")
			return
		}
	}
	deleted := 0
	for _, name := range c.argv[2:] {
		if u := server.aclGetUserByName(name); u != nil {
			delete(server.users, u.name)
			server.aclMemory -= u.memoryUsage()
			server.aclFreeUserAndKillClients(u)
			deleted++
		}
	}
	c.addReplyLongLong(int64(deleted))
}

func aclGetuserCommand(c *client) {
	c.redactClientCommandArgument(2)
	u := c.server.aclGetUserByName(c.argv[2])
	if u == nil {
		c.addReplyNull()
		return
	}
	c.addReplyMapLen(6)
	c.addReplyBulkString("flags")
	flags := u.flagNames()
	c.addReplySetLen(len(flags))
	for _, flag := range flags {
		c.addReplyBulkString(flag)
	}
	c.addReplyBulkString("passwords")
	c.addReplyArrayLen(len(u.passwords))
	for _, hash := range u.passwords {
		c.addReplyBulkString(hash)
	}
	c.aclAddReplySelectorDescription(u.selectors[0])
	c.addReplyBulkString("selectors")
	c.addReplyArrayLen(len(u.selectors) - 1)
	for _, s := range u.selectors[1:] {
		c.addReplyMapLen(3)
		c.aclAddReplySelectorDescription(s)
	}
}

// aclAddReplySelectorDescription sends the three fields that describe a selector.
func (c *client) aclAddReplySelectorDescription(s *aclSelector) {
	c.addReplyBulkString("commands")
	c.addReplyBulkString(s.describeCommands())
	c.addReplyBulkString("keys")
	c.addReplyBulkString(s.describeKeys())
	c.addReplyBulkString("channels")
	c.addReplyBulkString(s.describeChannels())
}

func aclCatCommand(c *client) {
	if len(c.argv) == 2 {
		c.addReplyArrayLen(len(commands.ACLCategoryNames))
		for _, category := range commands.ACLCategoryNames {
			c.addReplyBulkString(category.Name)
		}
		return
	}
	category := commands.ACLCategoryByName(c.argv[2])
	if category == 0 {
		c.addReplyErrorFormat("Unknown category '%s'", clip(c.argv[2], 128))
		return
	}
	names := appendCommandsOfCategory(nil, c.server.origCommands, category)
	slices.Sort(names)
	c.addReplyArrayLen(len(names))
	for _, name := range names {
		c.addReplyBulkString(name)
	}
}

func appendCommandsOfCategory(names []string, table map[string]*redisCommand, category uint64) []string {
	for _, cmd := range table {
		if cmd.aclCategories&category != 0 {
			names = append(names, cmd.fullname)
		}
		names = appendCommandsOfCategory(names, cmd.subcommands, category)
	}
	return names
}

func aclGenpassCommand(c *client) {
	bits := int64(256)
	if len(c.argv) == 3 {
		var ok bool
		if bits, ok = c.getLongLongFromObjectOrReply(c.argv[2], ""); !ok {
			return
		}
	}
	if bits <= 0 || bits > genpassMaxBits {
		c.addReplyErrorFormat("ACL GENPASS argument must be the number of bits for the output password, a positive number up to %d", genpassMaxBits)
		return
	}
	c.addReplyBulkString(util.GetRandomHexChars(int(bits+3) / 4))
}

func aclDryrunCommand(c *client) {
	server := c.server
	u := server.aclGetUserByName(c.argv[2])
	if u == nil {
		c.addReplyErrorFormat("User '%s' not found", cstring(c.argv[2]))
		return
	}
	argv := c.argv[3:]
	cmd := server.lookupCommand(argv)
	if cmd == nil {
		c.addReplyErrorFormat("Command '%s' not found", cstring(argv[0]))
		return
	}
	if !cmd.arityFits(len(argv)) {
		c.addReplyErrorFormat("wrong number of arguments for '%s' command", cmd.fullname)
		return
	}
	if result, idx := aclCheckAllUserCommandPerm(u, cmd, argv); result != aclOK {
		c.addReplyBulkString(getACLErrorMessage(result, u, cmd, argv[idx], true))
		return
	}
	c.addReply(shared.ok)
}

// aclFileCommand is ACL LOAD and ACL SAVE.
func aclFileCommand(c *client) {
	server := c.server
	switch {
	case server.aclFilename == "":
		c.addReplyError("This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and " +
			"then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.")
	case equalFold(c.argv[1], "LOAD"):
		if err := server.aclLoadFromFile(server.aclFilename); err != nil {
			c.addReplyError(err.Error())
			return
		}
		c.addReply(shared.ok)
	default:
		if err := server.aclSaveToFile(server.aclFilename); err != nil {
			server.log(llWarning, "%s", err)
			c.addReplyError("There was an error trying to save the ACLs. Please check the server logs for more information")
			return
		}
		c.addReply(shared.ok)
	}
}
