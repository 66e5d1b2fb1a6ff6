// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
)

// acl.go - who may connect. So far there is one user, "default", whose password is requirepass;
// named users, rules and selectors build on the same checks.

// newDefaultUser makes the user that connections have before they authenticate.
func newDefaultUser() *user { return &user{name: "default", enabled: true, nopass: true} }

// aclUpdateDefaultUserPassword follows requirepass: an empty one lets everybody in.
func (server *Server) aclUpdateDefaultUserPassword(password string) {
	u := server.defaultUser
	u.passwords = nil
	u.nopass = password == ""
	if password != "" {
		u.passwords = []string{aclHashPassword([]byte(password))}
	}
}

func aclHashPassword(password []byte) string {
	sum := sha256.Sum256(password)
	return hex.EncodeToString(sum[:])
}

// aclGetUserByName: nil for a user that does not exist.
func (server *Server) aclGetUserByName(name []byte) *user {
	if string(name) == server.defaultUser.name {
		return server.defaultUser
	}
	return nil
}

// aclCheckUserCredentials compares by digest and in constant time, so that the time tells nothing about the password.
func (server *Server) aclCheckUserCredentials(username, password []byte) *user {
	u := server.aclGetUserByName(username)
	if u == nil || !u.enabled {
		return nil
	}
	if u.nopass {
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
		c.server.stat.aclDeniedAuth++
		return false
	}
	c.authenticated = true
	c.user = u
	return true
}

func (c *client) addAuthErrReply() {
	c.addReplyError("-WRONGPASS invalid username-password pair or user is disabled.")
}

// authRequired tells whether the client must authenticate before it may do more.
func (c *client) authRequired() bool {
	u := c.server.defaultUser
	return !c.authenticated && (!u.nopass || !u.enabled)
}

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
		if server.defaultUser.nopass {
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
