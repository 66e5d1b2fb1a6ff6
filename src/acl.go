// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"
	"unsafe"
)

// acl.go - users: what one is made of, the set of them, and passwords.
//
// A user has flags, passwords and at least one selector. A selector is a set of permissions: commands, keys, channels. The first one, the
// root, is what rules outside of parentheses edit; each pair of parentheses adds one more. A command is allowed if one selector, on its
// own, allows all of it: the command, its keys and its channels.
//
//	user
//	 ├─ flags       on|off, nopass, (skip-)sanitize-payload
//	 ├─ passwords   SHA-256, in hex
//	 └─ selectors   root, then (...) (...)
//	     ├─ flags             allkeys, allchannels, allcommands
//	     ├─ allowedCommands   a bit a command, by redisCommand.id, subcommands included
//	     ├─ allowedFirstargs  +select|0: of a command that is not allowed, the first arguments that are
//	     ├─ commandRules      the rules that made the two, without what later ones undid: ACL LIST shows them
//	     ├─ patterns          keys, each pattern to read, to write, or both
//	     └─ channels          patterns
//
// The rest is in acl_rules.go (rules to users and back), acl_check.go (users against commands), acl_file.go (users in files),
// acl_log.go (what was denied) and acl_commands.go (ACL, AUTH).
//
// A connection points to its user; user.unrestricted, kept by everything that edits one, is all that a command of
// an almighty user costs. A *user is edited in place, so that its connections follow. Fake clients without a user may do anything.
//
// Counterpart: acl.c.

// User flags, in the order in which ACL LIST shows them.
const (
	userFlagEnabled uint32 = 1 << iota
	userFlagDisabled
	userFlagNopass
	userFlagSanitizePayloadSkip
	userFlagSanitizePayload
)

// userFlagNames names the flags in the order of their bits.
var userFlagNames = [...]string{"on", "off", "nopass", "skip-sanitize-payload", "sanitize-payload"}

// Selector flags. selectorFlagAllchannels is also a value of acl-pubsub-default.
const (
	selectorFlagRoot = 1 << iota
	selectorFlagAllkeys
	selectorFlagAllcommands
	selectorFlagAllchannels

	selectorFlagsAll = selectorFlagAllkeys | selectorFlagAllcommands | selectorFlagAllchannels
)

// What a key pattern permits.
const (
	aclReadPermission = 1 << iota
	aclWritePermission

	aclAllPermission = aclReadPermission | aclWritePermission
)

// user is an ACL user.
type user struct {
	name         string
	flags        uint32   // userFlag...
	unrestricted bool     // one of the selectors has selectorFlagsAll: nothing needs checking
	passwords    []string // hex SHA-256
	selectors    []*aclSelector
}

// userCommandBitsCount bounds command IDs: a command beyond is not allowed to anyone who lacks +@all.
const userCommandBitsCount = 1024

// aclSelector is one set of permissions.
type aclSelector struct {
	flags            int
	futureCommands   bool // the rules begin with +@all: what modules load later is allowed as well
	allowedCommands  [userCommandBitsCount / 64]uint64
	allowedFirstargs map[int][]string // by command ID
	commandRules     []string         // "+get", "-@slow"...; behind +@all or -@all
	patterns         []keyPattern
	channels         []string
}

// keyPattern is a glob of keys and what it permits (acl...Permission).
type keyPattern struct {
	flags   int
	pattern string
}

func (server *Server) newSelector(flags int) *aclSelector {
	return &aclSelector{flags: flags | server.aclPubsubDefault}
}

func (s *aclSelector) clone() *aclSelector {
	d := *s
	d.allowedFirstargs = nil
	for id, args := range s.allowedFirstargs {
		d.addAllowedFirstarg(id, args...)
	}
	d.commandRules = slices.Clone(s.commandRules)
	d.patterns = slices.Clone(s.patterns)
	d.channels = slices.Clone(s.channels)
	return &d
}

// newUser makes a user that may do nothing and belongs to no server's users yet.
func (server *Server) newUser(name string) *user {
	return &user{name: name, flags: userFlagDisabled | userFlagSanitizePayload, selectors: []*aclSelector{server.newSelector(selectorFlagRoot)}}
}

// newDefaultUser makes the user that connections have before they authenticate.
func (server *Server) newDefaultUser() *user {
	u := server.newUser("default")
	for _, op := range []string{"+@all", "~*", "&*", "on", "nopass"} {
		server.aclSetUser(u, op)
	}
	return u
}

// aclInit makes the default user. The command table must be there.
func (server *Server) aclInit() {
	server.defaultUser = server.newDefaultUser()
	server.users = map[string]*user{server.defaultUser.name: server.defaultUser}
	server.aclRecountMemory()
}

// aclRecountMemory weighs all users. Who changes one of them adds the difference instead.
func (server *Server) aclRecountMemory() {
	server.aclMemory = 0
	for _, u := range server.users {
		server.aclMemory += u.memoryUsage()
	}
}

// memoryUsage is about what the user holds, for used_memory.
func (u *user) memoryUsage() int64 {
	n := int64(unsafe.Sizeof(*u)) + int64(2*len(u.name)) + 16
	for _, p := range u.passwords {
		n += int64(len(p)) + 16
	}
	for _, s := range u.selectors {
		n += s.memoryUsage()
	}
	return n
}

func (s *aclSelector) memoryUsage() int64 {
	n := int64(unsafe.Sizeof(*s)) + 8
	for _, args := range s.allowedFirstargs {
		n += 48
		for _, arg := range args {
			n += int64(len(arg)) + 16
		}
	}
	for _, rule := range s.commandRules {
		n += int64(len(rule)) + 16
	}
	for _, p := range s.patterns {
		n += int64(len(p.pattern)) + int64(unsafe.Sizeof(p))
	}
	for _, p := range s.channels {
		n += int64(len(p)) + 16
	}
	return n
}

// copyRules gives u the flags, passwords and permissions of src. Its name, and who points to it, stay.
func (u *user) copyRules(src *user) {
	u.flags, u.unrestricted = src.flags, src.unrestricted
	u.passwords = slices.Clone(src.passwords)
	u.selectors = make([]*aclSelector, len(src.selectors))
	for i, s := range src.selectors {
		u.selectors[i] = s.clone()
	}
}

// updateUnrestricted recomputes the flag that processCommand looks at.
func (u *user) updateUnrestricted() {
	u.unrestricted = slices.ContainsFunc(u.selectors, func(s *aclSelector) bool { return s.flags&selectorFlagsAll == selectorFlagsAll })
}

func (u *user) nopass() bool   { return u.flags&userFlagNopass != 0 }
func (u *user) disabled() bool { return u.flags&userFlagDisabled != 0 }

// usersInOrder lists the users by name, byte by byte.
func (server *Server) usersInOrder() []*user {
	users := make([]*user, 0, len(server.users))
	for _, u := range server.users {
		users = append(users, u)
	}
	slices.SortFunc(users, func(a, b *user) int { return strings.Compare(a.name, b.name) })
	return users
}

// aclGetUserByName: nil for a user that does not exist.
func (server *Server) aclGetUserByName(name []byte) *user { return server.users[string(name)] }

// aclUpdateDefaultUserPassword follows requirepass: an empty one lets everybody in.
func (server *Server) aclUpdateDefaultUserPassword(password string) {
	server.aclMemory -= server.defaultUser.memoryUsage()
	defer func() { server.aclMemory += server.defaultUser.memoryUsage() }()
	server.aclSetUser(server.defaultUser, "resetpass")
	if password != "" {
		server.aclSetUser(server.defaultUser, ">"+password)
	} else {
		server.aclSetUser(server.defaultUser, "nopass")
	}
}

// deauthenticateAndClose ends a connection whose user is gone or has lost what it was using. The client
// that executes the current command gets its reply first.
func (c *client) deauthenticateAndClose() {
	c.user = c.server.defaultUser
	c.authenticated = false
	if c == c.server.currentClient {
		c.flags |= clientCloseAfterCommand
	} else {
		c.freeClientAsync()
	}
}

// aclFreeUserAndKillClients ends the connections of a user that was deleted.
func (server *Server) aclFreeUserAndKillClients(u *user) {
	for _, c := range server.clients {
		if c.user == u {
			c.deauthenticateAndClose()
		}
	}
}

// --- Passwords ---

func aclHashPassword(password []byte) string {
	sum := sha256.Sum256(password)
	return hex.EncodeToString(sum[:])
}

// isPasswordHash tells whether s is what aclHashPassword could have made.
func isPasswordHash(s string) bool {
	if len(s) != sha256.Size*2 {
		return false
	}
	return strings.Trim(s, "0123456789abcdef") == ""
}

// aclCheckUserCredentials compares by digest and in constant time, so that the time tells nothing about the password.
func (server *Server) aclCheckUserCredentials(username, password []byte) *user {
	u := server.aclGetUserByName(username)
	if u == nil || u.disabled() {
		return nil
	}
	if u.nopass() {
		return u
	}
	hash := []byte(aclHashPassword(password))
	for _, p := range u.passwords {
		if subtle.ConstantTimeCompare(hash, []byte(p)) == 1 {
			return u
		}
	}
	return nil
}

// aclAuthenticateUser makes the connection run as the user, if the password is right.
func (c *client) aclAuthenticateUser(username, password []byte) bool {
	u := c.server.aclCheckUserCredentials(username, password)
	if u == nil {
		c.server.addACLLogEntry(c, aclDeniedAuth, c.aclLogContext(), string(c.argv[0]), string(username))
		return false
	}
	c.authenticated = true
	c.user = u
	return true
}

// setDefaultAuth makes the connection what it was when it was new: the default user's, authenticated if that needs no password.
func (c *client) setDefaultAuth() {
	u := c.server.defaultUser
	c.user = u
	c.authenticated = u.nopass() && !u.disabled()
}

// authRequired tells whether the client must authenticate before it may do more.
func (c *client) authRequired() bool {
	u := c.server.defaultUser
	return !c.authenticated && (!u.nopass() || u.disabled())
}
