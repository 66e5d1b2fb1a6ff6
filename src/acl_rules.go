// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"redport/src/commands"
	"redport/src/sds"
)

// acl_rules.go - the language of rules: from rules to users, and from users back to rules.
//
// A rule is one word of ACL SETUSER, of a user line or of an ACL file:
//
//	on off nopass resetpass >pass <pass #hash !hash (skip-)sanitize-payload   the user
//	(rules...) clearselectors reset                                           its selectors, all of it
//	+cmd -cmd +cmd|sub +cmd|arg +@cat -@cat allcommands nocommands            a selector's commands
//	~glob %R~glob %W~glob %RW~glob allkeys resetkeys                          its keys
//	&glob allchannels resetchannels                                           its channels
//
// A user describes itself by rules that make the same user again. Those on commands are kept in the order in which they came, less those
// that a later one makes idle: a rule replaces an earlier one on the same thing, one on a whole command those on parts of it, and one
// on @all all others. So a category stays a category, and a command added to it in a later version belongs to the user as well.
//
// As in C, where words are C strings, what follows a NUL in a rule does not count, but in passwords.

// What can be wrong with a rule.
var (
	errACLSyntax         = errors.New("Syntax error")
	errACLUnknown        = errors.New("Unknown command or category name in ACL")
	errACLFirstArg       = errors.New("Allowing first-arg of a subcommand is not supported")
	errACLNoSuchPassword = errors.New("The password you are trying to remove from the user does not exist")
	errACLBadHash        = errors.New("The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters")
	errACLDuplicate      = errors.New("Duplicate user found. A user can only be defined once in config files")
	errACLWrongFormat    = errors.New("Wrong format")
	errACLAllKeys        = errors.New("Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. " +
		"Try 'resetkeys' to start with an empty list of patterns")
	errACLAllChannels = errors.New("Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. " +
		"Try 'resetchannels' to start with an empty list of channels")
)

// --- Users ---

// aclSetUser applies one rule. On an error the user is as it was.
func (server *Server) aclSetUser(u *user, op string) error {
	err := server.aclApplyRule(u, op)
	u.updateUnrestricted()
	return err
}

func (server *Server) aclApplyRule(u *user, op string) error {
	if op == "" {
		return nil
	}
	switch {
	case op[0] == '>' || op[0] == '#':
		return u.addPassword(op)
	case op[0] == '<' || op[0] == '!':
		return u.removePassword(op)
	case op[0] == '(' && op[len(op)-1] == ')':
		s, err := server.aclCreateSelectorFromOpSet(op)
		if err == nil {
			u.selectors = append(u.selectors, s)
		}
		return err
	}
	switch asciiLower(cstring(op)) {
	case "on":
		u.flags = u.flags&^userFlagDisabled | userFlagEnabled
	case "off":
		u.flags = u.flags&^userFlagEnabled | userFlagDisabled
	case "skip-sanitize-payload":
		u.flags = u.flags&^userFlagSanitizePayload | userFlagSanitizePayloadSkip
	case "sanitize-payload":
		u.flags = u.flags&^userFlagSanitizePayloadSkip | userFlagSanitizePayload
	case "nopass":
		u.flags |= userFlagNopass
		u.passwords = nil
	case "resetpass":
		u.flags &^= userFlagNopass
		u.passwords = nil
	case "clearselectors":
		u.selectors = u.selectors[:1:1]
	case "reset":
		fresh := server.newUser(u.name)
		u.copyRules(fresh)
	default:
		return server.aclSetSelector(u.selectors[0], op)
	}
	return nil
}

// passwordHashOf is the digest that >password or #digest means, and likewise < and !.
func passwordHashOf(op string) (string, error) {
	if op[0] == '>' || op[0] == '<' {
		return aclHashPassword([]byte(op[1:])), nil
	}
	if !isPasswordHash(op[1:]) {
		return "", errACLBadHash
	}
	return op[1:], nil
}

func (u *user) addPassword(op string) error {
	hash, err := passwordHashOf(op)
	if err != nil {
		return err
	}
	if !slices.Contains(u.passwords, hash) {
		u.passwords = append(u.passwords, hash)
	}
	u.flags &^= userFlagNopass
	return nil
}

func (u *user) removePassword(op string) error {
	hash, err := passwordHashOf(op)
	if err != nil {
		return err
	}
	i := slices.Index(u.passwords, hash)
	if i < 0 {
		return errACLNoSuchPassword
	}
	u.passwords = slices.Delete(u.passwords, i, i+1)
	return nil
}

// aclStringSetUser applies the rules to the user of that name, who is made if there is none. Either all of them are applied, or none and
// the error says why. Subscribers that the user's new channels leave out are disconnected.
func (server *Server) aclStringSetUser(name string, rules []string) error {
	rules, bad := aclMergeSelectorArguments(rules)
	if bad >= 0 {
		return fmt.Errorf("Unmatched parenthesis in acl selector starting at '%s'.", cstring(rules[bad]))
	}
	u := server.users[name]
	staged := server.newUser(name)
	if u != nil {
		staged.copyRules(u)
	}
	for _, rule := range rules {
		if err := server.aclSetUser(staged, rule); err != nil {
			return fmt.Errorf("Error in ACL SETUSER modifier '%s': %w", cstring(rule), err)
		}
	}
	server.aclMemory += staged.memoryUsage()
	if u == nil {
		server.users[name] = staged
		return nil
	}
	server.aclMemory -= u.memoryUsage()
	server.aclKillPubsubClientsIfNeeded(staged, u)
	u.copyRules(staged)
	return nil
}

// aclMergeSelectorArguments puts selectors together whose rules came as several arguments: "(+get", "~a)" is "(+get ~a)". If a
// parenthesis stays open, bad is the index of the argument that opened it, and args comes back; else bad is -1. Of what follows a NUL in an
// argument nothing gets into the selector, but that it may close it.
func aclMergeSelectorArguments(args []string) (merged []string, bad int) {
	merged = make([]string, 0, len(args))
	start := -1
	for i, arg := range args {
		closes := strings.HasSuffix(arg, ")")
		switch {
		case start < 0 && strings.HasPrefix(arg, "(") && !closes:
			start = i
		case start < 0:
			merged = append(merged, arg)
		case closes:
			selector := args[start]
			for _, rule := range args[start+1 : i+1] {
				selector += " " + cstring(rule)
			}
			merged = append(merged, selector)
			start = -1
		}
	}
	if start >= 0 {
		return args, start
	}
	return merged, -1
}

// asciiLower puts A to Z in lower case, and leaves all other bytes as they are.
func asciiLower(s string) string {
	b := []byte(s)
	for i, ch := range b {
		if ch >= 'A' && ch <= 'Z' {
			b[i] = ch + 'a' - 'A'
		}
	}
	return string(b)
}

// --- Selectors ---

// aclCreateSelectorFromOpSet makes the selector of "(rules...)". What is between the parentheses is split as a command line, quotes
// included; with quotes that are not balanced nothing is left of it, and the selector permits nothing.
func (server *Server) aclCreateSelectorFromOpSet(opset string) (*aclSelector, error) {
	s := server.newSelector(0)
	inner := ""
	if len(opset) > 2 {
		inner = opset[1 : len(opset)-1]
	}
	rules, _ := sds.SplitArgsString(cstring(inner))
	for _, rule := range rules {
		if err := server.aclSetSelector(s, rule); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// aclSetSelector applies one rule to a selector. On an error the selector is as it was.
func (server *Server) aclSetSelector(s *aclSelector, op string) error {
	word := cstring(op)
	switch asciiLower(word) {
	case "":
		return errACLSyntax
	case "allkeys", "~*":
		s.flags |= selectorFlagAllkeys
		s.patterns = nil
		return nil
	case "resetkeys":
		s.flags &^= selectorFlagAllkeys
		s.patterns = nil
		return nil
	case "allchannels", "&*":
		s.flags |= selectorFlagAllchannels
		s.channels = nil
		return nil
	case "resetchannels":
		s.flags &^= selectorFlagAllchannels
		s.channels = nil
		return nil
	case "allcommands", "+@all":
		s.setAllCommands(true)
		return nil
	case "nocommands", "-@all":
		s.setAllCommands(false)
		return nil
	}
	switch {
	case word[0] == '~' || word[0] == '%':
		return s.addKeyPattern(op)
	case word[0] == '&':
		return s.addChannelPattern(op[1:])
	case word[0] != '+' && word[0] != '-':
		return errACLSyntax
	case strings.HasPrefix(word[1:], "@"):
		return server.aclSetSelectorCategory(s, word[1:], word[0] == '+')
	case word[0] == '+' && strings.Contains(word, "|"):
		return server.aclAllowPartOfCommand(s, word[1:])
	}
	cmd := server.aclLookupCommand(word[1:])
	if cmd == nil {
		return errACLUnknown
	}
	s.changePerm(cmd, word[0] == '+')
	s.updateCommandRules(cmd.fullname, word[0] == '+')
	return nil
}

// setAllCommands is +@all and -@all.
func (s *aclSelector) setAllCommands(allow bool) {
	fill := uint64(0)
	if allow {
		fill = ^uint64(0)
		s.flags |= selectorFlagAllcommands
	} else {
		s.flags &^= selectorFlagAllcommands
	}
	for i := range s.allowedCommands {
		s.allowedCommands[i] = fill
	}
	s.futureCommands = allow
	s.commandRules = nil
	s.allowedFirstargs = nil
}

// addKeyPattern is ~glob and %RW~glob. A pattern that is there already gets the permissions in addition. Behind % and its
// letters the ~ may be missing if nothing else follows: a pattern that no key matches.
func (s *aclSelector) addKeyPattern(op string) error {
	if s.flags&selectorFlagAllkeys != 0 {
		return errACLAllKeys
	}
	flags, pattern := aclAllPermission, op[1:]
	if op[0] == '%' {
		letters, rest, _ := strings.Cut(op[1:], "~")
		flags, pattern = 0, rest
		for _, ch := range []byte(letters) {
			flag := 0
			switch ch {
			case 'R', 'r':
				flag = aclReadPermission
			case 'W', 'w':
				flag = aclWritePermission
			}
			if flag == 0 || flags&flag != 0 {
				return errACLSyntax
			}
			flags |= flag
		}
		if flags == 0 {
			return errACLSyntax
		}
	}
	if aclStringHasSpaces(pattern) {
		return errACLSyntax
	}
	for i := range s.patterns {
		if s.patterns[i].pattern == pattern {
			s.patterns[i].flags |= flags
			return nil
		}
	}
	s.patterns = append(s.patterns, keyPattern{flags, pattern})
	return nil
}

func (s *aclSelector) addChannelPattern(pattern string) error {
	if s.flags&selectorFlagAllchannels != 0 {
		return errACLAllChannels
	}
	if aclStringHasSpaces(pattern) {
		return errACLSyntax
	}
	if !slices.Contains(s.channels, pattern) {
		s.channels = append(s.channels, pattern)
	}
	return nil
}

// aclStringHasSpaces: names and patterns with blanks or NULs are refused, since files and ACL LIST could not show them.
func aclStringHasSpaces(s string) bool { return strings.ContainsAny(s, " \t\n\v\f\r\x00") }

// aclAllowPartOfCommand is +command|subcommand. For a command without subcommands it means the first argument, which is deprecated: any other
// first argument goes on being refused.
func (server *Server) aclAllowPartOfCommand(s *aclSelector, name string) error {
	bar := strings.LastIndexByte(name, '|')
	cmd := server.aclLookupCommand(name[:bar])
	switch {
	case cmd == nil:
		return errACLUnknown
	case cmd.parent != nil:
		return errACLFirstArg
	case bar == len(name)-1:
		return errACLSyntax
	case cmd.subcommands != nil:
		sub := server.aclLookupCommand(name)
		if sub == nil {
			return errACLUnknown
		}
		s.changePerm(sub, true)
	case strings.ContainsAny(name, " \t\n\v\f\r\"'"):
		// ACL LIST and files could not tell it from two rules. (C takes it, and fails when it is to be shown.)
		return errACLSyntax
	default:
		server.log(llWarning, "Deprecation warning: Allowing a first arg of an otherwise blocked command is a misuse of ACL "+
			"and may get disabled in the future (offender: +%s)", name)
		s.addAllowedFirstarg(cmd.id, name[bar+1:])
	}
	s.updateCommandRules(name, true)
	return nil
}

// aclLookupCommand finds a command as "get" or "config|get", by its own name: rename-command does not change what rules mean.
func (server *Server) aclLookupCommand(name string) *redisCommand {
	top, sub, isSub := strings.Cut(asciiLower(name), "|")
	cmd := server.origCommands[top]
	if cmd == nil || !isSub {
		return cmd
	}
	return cmd.subcommands[sub]
}

// --- Commands of a selector ---

func (s *aclSelector) commandBit(id int) bool {
	return id < userCommandBitsCount && s.allowedCommands[id/64]>>(id%64)&1 != 0
}

// setCommandBit changes one bit. Once a bit is cleared, none may be taken for granted.
func (s *aclSelector) setCommandBit(id int, allow bool) {
	if id >= userCommandBitsCount {
		return
	}
	if allow {
		s.allowedCommands[id/64] |= 1 << (id % 64)
	} else {
		s.allowedCommands[id/64] &^= 1 << (id % 64)
		s.flags &^= selectorFlagAllcommands
	}
}

// changePerm allows or forbids a command with all its subcommands.
func (s *aclSelector) changePerm(cmd *redisCommand, allow bool) {
	s.setCommandBit(cmd.id, allow)
	delete(s.allowedFirstargs, cmd.id)
	for _, sub := range cmd.subcommands {
		s.setCommandBit(sub.id, allow)
	}
}

// addAllowedFirstarg adds arguments, in any case of letters, once each.
func (s *aclSelector) addAllowedFirstarg(id int, args ...string) {
	if s.allowedFirstargs == nil {
		s.allowedFirstargs = map[int][]string{}
	}
	for _, arg := range args {
		arg = asciiLower(arg)
		if !slices.Contains(s.allowedFirstargs[id], arg) {
			s.allowedFirstargs[id] = append(s.allowedFirstargs[id], arg)
		}
	}
}

// aclSetSelectorCategory is +@category and -@category.
func (server *Server) aclSetSelectorCategory(s *aclSelector, category string, allow bool) error {
	flag := commands.ACLCategoryByName([]byte(category[1:]))
	if flag == 0 {
		return errACLUnknown
	}
	s.updateCommandRules(category, allow)
	s.setCategory(server.origCommands, flag, allow)
	return nil
}

func (s *aclSelector) setCategory(table map[string]*redisCommand, category uint64, allow bool) {
	for _, cmd := range table {
		if cmd.aclCategories&category != 0 {
			s.changePerm(cmd, allow)
		}
		s.setCategory(cmd.subcommands, category, allow)
	}
}

// updateCommandRules notes a rule on a command or category, in place of those that it makes idle.
func (s *aclSelector) updateCommandRules(name string, allow bool) {
	name = asciiLower(name)
	s.commandRules = slices.DeleteFunc(s.commandRules, func(rule string) bool {
		rest, found := strings.CutPrefix(rule[1:], name)
		return found && (rest == "" || rest[0] == '|')
	})
	sign := "-"
	if allow {
		sign = "+"
	}
	s.commandRules = append(s.commandRules, sign+name)
}

// --- Description ---

// describeCommands is the rules that make the selector's commands.
func (s *aclSelector) describeCommands() string {
	all := "-@all"
	if s.futureCommands {
		all = "+@all"
	}
	return strings.Join(append([]string{all}, s.commandRules...), " ")
}

// describeKeys is the rules that make the selector's keys.
func (s *aclSelector) describeKeys() string {
	if s.flags&selectorFlagAllkeys != 0 {
		return "~*"
	}
	rules := make([]string, len(s.patterns))
	for i, p := range s.patterns {
		prefix := "~"
		switch p.flags {
		case aclReadPermission:
			prefix = "%R~"
		case aclWritePermission:
			prefix = "%W~"
		}
		rules[i] = prefix + p.pattern
	}
	return strings.Join(rules, " ")
}

// describeChannels is the rules that make the selector's channels, out of none.
func (s *aclSelector) describeChannels() string {
	if s.flags&selectorFlagAllchannels != 0 {
		return "&*"
	}
	rules := make([]string, len(s.channels))
	for i, channel := range s.channels {
		rules[i] = "&" + channel
	}
	return strings.Join(rules, " ")
}

func (s *aclSelector) appendRules(rules []string) []string {
	if keys := s.describeKeys(); keys != "" {
		rules = append(rules, keys)
	}
	if s.flags&selectorFlagAllchannels == 0 {
		rules = append(rules, "resetchannels")
	}
	if channels := s.describeChannels(); channels != "" {
		rules = append(rules, channels)
	}
	return append(rules, s.describeCommands())
}

// describe is the user's line in ACL LIST, without the name: rules that make this user out of a new one.
func (u *user) describe() string { return u.describeRules(func(rule string) string { return rule }) }

// describeForFile is describe for what will be read back. Selectors are split as command lines: a rule with quotes in it needs some more,
// and one with a parenthesis must not look like the end of the selector.
func (u *user) describeForFile() string {
	return u.describeRules(func(rule string) string { return quoteIfAny(rule, `"'()`) })
}

// quoteIfAny puts a word in quotes if it is empty or has one of the special bytes.
func quoteIfAny(word, special string) string {
	if word == "" || strings.ContainsAny(word, special) {
		return string(sds.CatRepr(nil, word))
	}
	return word
}

func (u *user) describeRules(quote func(string) string) string {
	rules := u.flagNames()
	for _, hash := range u.passwords {
		rules = append(rules, "#"+hash)
	}
	rules = u.selectors[0].appendRules(rules)
	for _, s := range u.selectors[1:] {
		inner := strings.Split(strings.Join(s.appendRules(nil), " "), " ")
		for i, rule := range inner {
			inner[i] = quote(rule)
		}
		rules = append(rules, "("+strings.Join(inner, " ")+")")
	}
	return strings.Join(rules, " ")
}

func (u *user) flagNames() (names []string) {
	for i, name := range userFlagNames {
		if u.flags>>i&1 != 0 {
			names = append(names, name)
		}
	}
	return names
}
