// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"redport/src/platform"
)

// acl_file.go - users in redis.conf and in the ACL file.
//
// Both consist of lines "user <name> <rule>...". Users are either in the one or in the other. The ACL file is written by the server, so it has
// no comments; it is split at blanks, without quotes. Like the configuration file it may be EBCDIC text, and stays it.
//
// ACL LOAD replaces all users or, if anything is wrong with the file, none. Then connections go on as the user of the same name; those of
// users that are gone, and subscribers to channels that theirs may not have any more, are closed.

// aclAppendUserForLoading checks a user line of the configuration and keeps it until the server starts: commands that it names may
// come with modules. On failure it also returns which of argv to blame.
func (server *Server) aclAppendUserForLoading(argv []string) (bad int, err error) {
	for _, line := range server.usersToLoad {
		if line[0] == argv[1] {
			return 1, errACLDuplicate
		}
	}
	rules, open := aclMergeSelectorArguments(argv[2:])
	if open >= 0 {
		return open, errACLWrongFormat
	}
	trial := server.newUser(argv[1])
	for i, rule := range rules {
		if err := server.aclSetUser(trial, rule); err != nil && err != errACLUnknown {
			return i, err
		}
	}
	server.usersToLoad = append(server.usersToLoad, append([]string{argv[1]}, rules...))
	return 0, nil
}

// aclLoadUsersAtStartup makes the users that the configuration or the ACL file defines. With an error the server must not start.
func (server *Server) aclLoadUsersAtStartup() error {
	defer server.aclRecountMemory()
	if server.aclFilename != "" && len(server.usersToLoad) > 0 {
		return errors.New("Configuring Redis with users defined in redis.conf and at the same setting an ACL file path is invalid. " +
			"This setup is very likely to lead to configuration errors and security holes, please define either an ACL file or " +
			"declare users directly in your redis.conf, but not both.")
	}
	if !server.aclLoadConfiguredUsers() {
		return errors.New("Critical error while loading ACLs. Exiting.")
	}
	if server.aclFilename != "" {
		if err := server.aclLoadFromFile(server.aclFilename); err != nil {
			return fmt.Errorf("Aborting Redis startup because of ACL errors: %w", err)
		}
	}
	return nil
}

func (server *Server) aclLoadConfiguredUsers() bool {
	for _, line := range server.usersToLoad {
		name := line[0]
		if aclStringHasSpaces(name) {
			server.log(llWarning, "Spaces not allowed in ACL usernames")
			return false
		}
		u := server.users[name]
		if u == nil {
			u = server.newUser(name)
			server.users[name] = u
		} else {
			server.aclSetUser(u, "reset") // the default user
		}
		for _, rule := range line[1:] {
			if err := server.aclSetUser(u, rule); err != nil {
				server.log(llWarning, "Error loading ACL rule '%s' for the user named '%s': %s", rule, name, err)
				return false
			}
		}
		if u.disabled() {
			server.log(llNotice, "The user '%s' is disabled (there is no 'on' modifier in the user description). Make sure this is not a configuration error.", name)
		}
	}
	return true
}

// rewriteConfigUserOption writes the users to the configuration file, unless they have a file of their own.
func (server *Server) rewriteConfigUserOption(state *rewriteConfigState) {
	if server.aclFilename == "" {
		for _, u := range server.usersInOrder() {
			words := strings.Split(u.name+" "+u.describeForFile(), " ")
			for i, word := range words {
				words[i] = quoteIfAny(word, `"'`)
			}
			state.rewriteLine("user", "user "+strings.Join(words, " "), true)
		}
	}
	state.markAsProcessed("user")
}

// --- The ACL file ---

// readACLFile reads the file as text.
func (server *Server) readACLFile(name string) (string, error) {
	data, err := os.ReadFile(server.path(name))
	if err != nil {
		return "", fmt.Errorf("Error loading ACLs, opening file '%s': %s", name, platform.Strerror(err))
	}
	return string(platform.DetectCharset(data).DecodeText(data)), nil
}

// aclLoadFromFile replaces the users by those of the file. The error tells all that is wrong with it; then no user has changed.
func (server *Server) aclLoadFromFile(name string) error {
	text, err := server.readACLFile(name)
	if err != nil {
		return err
	}
	users, err := server.aclParseFile(name, text)
	if err != nil {
		return err
	}
	server.aclReplaceUsers(users)
	return nil
}

// aclParseFile makes the users that the text of an ACL file defines.
func (server *Server) aclParseFile(name, text string) (map[string]*user, error) {
	users := map[string]*user{}
	var errs strings.Builder
	for i, line := range strings.Split(text, "\n") {
		line = strings.Trim(cstring(line), " \t\r\n")
		if line == "" {
			continue
		}
		argv := strings.Split(line, " ")
		switch {
		case argv[0] != "user" || len(argv) < 2:
			fmt.Fprintf(&errs, "%s:%d should start with user keyword followed by the username. ", name, i+1)
		case aclStringHasSpaces(argv[1]):
			fmt.Fprintf(&errs, "'%s:%d: username '%s' contains invalid characters. ", name, i+1, argv[1])
		case users[argv[1]] != nil:
			fmt.Fprintf(&errs, "WARNING: Duplicate user '%s' found on line %d. ", argv[1], i+1)
		default:
			u := server.newUser(argv[1])
			users[u.name] = u
			server.aclParseFileRules(u, argv[2:], &errs, name+":"+strconv.Itoa(i+1)+": ")
		}
	}
	if errs.Len() > 0 {
		errs.WriteString("WARNING: ACL errors detected, no change to the previously active ACL rules was performed")
		return nil, errors.New(errs.String())
	}
	return users, nil
}

// aclParseFileRules applies the rules of one line. Of errors that can only be consequences of the first one, it tells just that; it never
// shows a rule that could be a password.
func (server *Server) aclParseFileRules(u *user, argv []string, errs *strings.Builder, where string) {
	rules, open := aclMergeSelectorArguments(argv)
	if open >= 0 {
		errs.WriteString(where + "Unmatched parenthesis in selector definition.")
		return
	}
	told := false
	for _, rule := range rules {
		rule = strings.Trim(rule, "\t\r\n")
		switch err := server.aclSetUser(u, rule); {
		case err == errACLUnknown:
			fmt.Fprintf(errs, "%sError in applying operation '%s': %s. ", where, rule, err)
		case err != nil && !told:
			fmt.Fprintf(errs, "%s%s. ", where, err)
			told = true
		}
	}
}

// aclReplaceUsers makes users the server's users, and looks after the connections of the old ones.
func (server *Server) aclReplaceUsers(users map[string]*user) {
	// The default user stays the same object.
	loaded := users["default"]
	if loaded == nil {
		loaded = server.newDefaultUser()
	}
	oldDefault := server.newUser(server.defaultUser.name)
	oldDefault.copyRules(server.defaultUser)
	server.defaultUser.copyRules(loaded)
	users["default"] = server.defaultUser
	server.users = users
	server.aclRecountMemory()

	for _, c := range server.clients {
		original := c.user
		if original == nil {
			continue // the link to a master
		}
		updated := users[original.name]
		if updated == nil {
			c.deauthenticateAndClose()
			continue
		}
		if original == server.defaultUser {
			original = oldDefault
		}
		if c.getClientType() == clientTypePubsub {
			if upcoming, lost := getUpcomingChannelList(updated, original); lost && c.aclShouldKillPubsubClient(upcoming) {
				c.deauthenticateAndClose()
				continue
			}
		}
		c.user = updated
	}
}

// aclSaveToFile replaces the file by one with the users that there are now. A crash leaves one of the two.
func (server *Server) aclSaveToFile(name string) (err error) {
	var text strings.Builder
	for _, u := range server.usersInOrder() {
		text.WriteString("user " + u.name + " " + u.describeForFile() + "\n")
	}
	path := server.path(name)
	old, _ := os.ReadFile(path)
	content := platform.DetectCharset(old).EncodeText([]byte(text.String()))

	tmp := path + ".tmp-" + strconv.Itoa(server.pid) + "-" + strconv.FormatInt(server.commandTimeSnapshot(), 10)
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("Opening temp ACL file for ACL SAVE: %s", platform.Strerror(err))
	}
	defer func() {
		if err != nil {
			os.Remove(tmp)
		}
	}()
	if _, err := f.Write(content); err != nil {
		f.Close()
		return fmt.Errorf("Writing ACL file for ACL SAVE: %s", platform.Strerror(err))
	}
	err = f.Sync()
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("Syncing ACL file for ACL SAVE: %s", platform.Strerror(err))
	}
	if err := platform.AtomicReplace(tmp, path); err != nil {
		return fmt.Errorf("Renaming ACL file for ACL SAVE: %s", platform.Strerror(err))
	}
	if err := platform.SyncFileDir(path); err != nil {
		return fmt.Errorf("Syncing ACL directory for ACL SAVE: %s", platform.Strerror(err))
	}
	return nil
}
