// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"slices"

	"redport/src/commands"
	"redport/src/util"
)

// acl_check.go - may this user do that? Every path that executes a command for a client asks here: processCommand,
// EXEC for each queued command, scripts for each of theirs.
//
// What is checked is what the command's key specs say that it touches, by getkeys.go: a key that a command reaches without saying so
// is a hole. Where keys come from the data (SORT's BY and GET), the command asks itself whether the user may read all of them.

// Results of a check, and reasons in the ACL log. Of several denials the one with the largest number is the one reported.
const (
	aclOK = iota
	aclDeniedCmd
	aclDeniedKey
	aclDeniedAuth
	aclDeniedChannel
)

// checkCmd checks one command, with the keys that getKeysForACL found, against one selector. idx is the argument that was denied.
func (s *aclSelector) checkCmd(cmd *redisCommand, argv [][]byte, keys []keyReference) (result, idx int) {
	if s.flags&selectorFlagAllcommands == 0 && cmd.flags&commands.CmdNoAuth == 0 && !s.commandBit(cmd.id) && !s.firstArgAllowed(cmd, argv) {
		return aclDeniedCmd, 0
	}
	if s.flags&selectorFlagAllkeys == 0 {
		for _, key := range keys {
			if !s.keyAllowed(argv[key.pos], key.flags) {
				return aclDeniedKey, key.pos
			}
		}
	}
	const access = cmdChannelPublish | cmdChannelSubscribe
	if s.flags&selectorFlagAllchannels == 0 && cmd.doesCommandHaveChannelsWithFlags(access) {
		var few [16]keyReference
		for _, channel := range cmd.getChannelsFromCommand(argv, few[:0]) {
			if channel.flags&access != 0 && !channelAllowed(s.channels, argv[channel.pos], channel.flags&cmdChannelPattern != 0) {
				return aclDeniedChannel, channel.pos
			}
		}
	}
	return aclOK, 0
}

// getKeysForACL finds the keys that the command touches, and for some arguments more than these.
//
// A key spec that looks for a keyword takes the first argument that reads like it, which need not be the one that the command goes by: it may be
// the name of a group ("GROUP STREAMS c STREAMS key >"), or be given twice ("STORE a STORE b"). The command's own function knows
// better; but what the spec finds is checked as well, since users may rely on being refused where C refuses.
func (cmd *redisCommand) getKeysForACL(argv [][]byte, keys []keyReference) []keyReference {
	if !cmd.doesCommandHaveKeys() {
		return keys
	}
	keys = cmd.getKeysFromCommandWithSpecs(argv, getKeyspecDefault, keys)
	if cmd.GetKeysFunction == "" {
		return keys
	}
	flags := uint64(0)
	for i := range cmd.KeySpecs {
		if cmd.KeySpecs[i].BeginSearch.Type == commands.BeginSearchKeyword {
			flags |= cmd.KeySpecs[i].Flags
		}
	}
	if flags == 0 {
		return keys
	}
	for _, key := range callGetkeysProc(cmd.GetKeysFunction, argv, nil) {
		if !slices.ContainsFunc(keys, func(k keyReference) bool { return k.pos == key.pos }) {
			key.flags |= flags // the function may tell positions only
			keys = append(keys, key)
		}
	}
	return keys
}

// firstArgAllowed looks for a rule like +select|0.
func (s *aclSelector) firstArgAllowed(cmd *redisCommand, argv [][]byte) bool {
	if s.allowedFirstargs == nil || len(argv) < 2 {
		return false
	}
	return slices.ContainsFunc(s.allowedFirstargs[cmd.id], func(arg string) bool { return equalFoldString(argv[1], arg) })
}

// keyPermissionsOf is what access by a command with these key flags needs of a pattern. It can be nothing: then any pattern will do.
func keyPermissionsOf(keyFlags uint64) (permissions int) {
	if keyFlags&commands.CmdKeyAccess != 0 {
		permissions |= aclReadPermission
	}
	if keyFlags&(commands.CmdKeyInsert|commands.CmdKeyDelete|commands.CmdKeyUpdate) != 0 {
		permissions |= aclWritePermission
	}
	return permissions
}

func (s *aclSelector) keyAllowed(key []byte, keyFlags uint64) bool {
	needed := keyPermissionsOf(keyFlags)
	for i := range s.patterns {
		p := &s.patterns[i]
		if p.flags&needed == needed && util.StringMatchLen(p.pattern, key, false) {
			return true
		}
	}
	return false
}

// hasUnrestrictedKeyAccess tells whether the selector permits the access to every key there is.
func (s *aclSelector) hasUnrestrictedKeyAccess(keyFlags uint64) bool {
	if s.flags&selectorFlagAllkeys != 0 {
		return true
	}
	needed := keyPermissionsOf(keyFlags)
	return slices.ContainsFunc(s.patterns, func(p keyPattern) bool { return p.flags&needed == needed && p.pattern == "*" })
}

// channelAllowed matches a channel against patterns. A pattern to subscribe to must be among them literally: whether
// one glob lies within another is not for us to find out.
func channelAllowed[S ~string | ~[]byte](patterns []string, channel S, isPattern bool) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if isPattern {
			return p == string(channel)
		}
		return util.StringMatchLen(p, channel, false)
	})
}

// aclCheckAllUserCommandPerm checks a command with its arguments, for which it need not have the right number, against all
// selectors of a user. Of what is denied, idx is the position in argv: of the last key or channel that no selector permits, or 0 if none
// permits the command. A nil user may do anything.
func aclCheckAllUserCommandPerm(u *user, cmd *redisCommand, argv [][]byte) (result, idx int) {
	if u == nil || u.unrestricted {
		return aclOK, 0
	}
	var few [16]keyReference // enough for nearly all commands, on the stack
	keys := cmd.getKeysForACL(argv, few[:0])
	result = aclDeniedCmd
	for _, s := range u.selectors {
		r, i := s.checkCmd(cmd, argv, keys)
		if r == aclOK {
			return aclOK, 0
		}
		if r > result || r == result && i > idx {
			result, idx = r, i
		}
	}
	return result, idx
}

// aclUserCheckCmdWithUnrestrictedKeyAccess tells whether the current command is allowed to the client's user by a selector that also permits
// the given access (CmdKey... flags) to every key.
func (c *client) aclUserCheckCmdWithUnrestrictedKeyAccess(keyFlags uint64) bool {
	u := c.user
	if u == nil || u.unrestricted {
		return true
	}
	var few [16]keyReference
	keys := c.cmd.getKeysForACL(c.argv, few[:0])
	for _, s := range u.selectors {
		if r, _ := s.checkCmd(c.cmd, c.argv, keys); r == aclOK && s.hasUnrestrictedKeyAccess(keyFlags) {
			return true
		}
	}
	return false
}

// aclCheckOrReject checks the current command of a client whose user is not almighty. If it is denied, that is logged, answered, and
// false returned.
func (c *client) aclCheckOrReject() bool {
	result, idx := aclCheckAllUserCommandPerm(c.user, c.cmd, c.argv)
	if result == aclOK {
		return true
	}
	c.server.addACLLogEntry(c, result, c.aclLogContext(), c.aclDeniedObject(result, idx), "")
	c.rejectCommandFormat("-NOPERM %s", getACLErrorMessage(result, c.user, c.cmd, c.argv[idx], false))
	return false
}

// aclRecheckQueued checks a command of a transaction once more when it is about to be executed: rules may have changed since it was
// queued. If it is denied, that is logged and answered, and false returned.
func (c *client) aclRecheckQueued() bool {
	result, idx := aclCheckAllUserCommandPerm(c.user, c.cmd, c.argv)
	reason := ""
	switch result {
	case aclOK:
		return true
	case aclDeniedCmd:
		reason = "no permission to execute the command or subcommand"
	case aclDeniedKey:
		reason = "no permission to touch the specified keys"
	case aclDeniedChannel:
		reason = "no permission to access one of the channels used as arguments"
	}
	c.server.addACLLogEntry(c, result, aclLogCtxMulti, c.aclDeniedObject(result, idx), "")
	c.addReplyErrorFormat("-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "+
		"This command is no longer allowed for the following reason: %s", reason)
	return false
}

// getACLErrorMessage says what was denied. Only where verbose is set, it names the key or channel.
func getACLErrorMessage(result int, u *user, cmd *redisCommand, denied []byte, verbose bool) string {
	what := "key"
	switch result {
	case aclDeniedCmd:
		return fmt.Sprintf("User %s has no permissions to run the '%s' command", u.name, cmd.fullname)
	case aclDeniedChannel:
		what = "channel"
	}
	if verbose {
		return fmt.Sprintf("User %s has no permissions to access the '%s' %s", u.name, denied, what)
	}
	return "No permissions to access a " + what
}

// --- Subscribers whose user changes ---

// allChannelPatterns collects the channel patterns of a user. all: one of the selectors permits every channel.
func (u *user) allChannelPatterns() (patterns []string, all bool) {
	for _, s := range u.selectors {
		all = all || s.flags&selectorFlagAllchannels != 0
		patterns = append(patterns, s.channels...)
	}
	return patterns, all
}

// getUpcomingChannelList returns the channel patterns of the new form of a user, for aclShouldKillPubsubClient. lost is false if they
// include all that the old form had: then nobody needs to go.
func getUpcomingChannelList(updated, original *user) (upcoming []string, lost bool) {
	upcoming, all := updated.allChannelPatterns()
	if all {
		return nil, false
	}
	had, hadAll := original.allChannelPatterns()
	lost = hadAll || slices.ContainsFunc(had, func(p string) bool { return !slices.Contains(upcoming, p) })
	return upcoming, lost
}

// aclShouldKillPubsubClient tells whether the client is subscribed to what it could not subscribe to any more.
func (c *client) aclShouldKillPubsubClient(upcoming []string) bool {
	if c.getClientType() != clientTypePubsub {
		return false
	}
	for pattern := range c.pubsubPatterns {
		if !channelAllowed(upcoming, pattern, true) {
			return true
		}
	}
	for _, channels := range []subscriptions{c.pubsubChannels, c.pubsubshardChannels} {
		for channel := range channels {
			if !channelAllowed(upcoming, channel, false) {
				return true
			}
		}
	}
	return false
}

// aclKillPubsubClientsIfNeeded disconnects subscribers who run as original and could not subscribe as updated.
func (server *Server) aclKillPubsubClientsIfNeeded(updated, original *user) {
	if server.pubsubTotalSubscriptions() == 0 {
		return
	}
	upcoming, lost := getUpcomingChannelList(updated, original)
	if !lost {
		return
	}
	for _, c := range server.clients {
		if c.user == original && c.aclShouldKillPubsubClient(upcoming) {
			c.deauthenticateAndClose()
		}
	}
}

// pubsubTotalSubscriptions counts the channels, patterns and shard channels that have subscribers.
func (server *Server) pubsubTotalSubscriptions() int {
	return len(server.pubsubChannels) + len(server.pubsubPatterns) + len(server.pubsubshardChannels)
}
