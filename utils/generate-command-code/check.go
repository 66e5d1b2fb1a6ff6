// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// check.go - what a declaration must fulfil beyond being JSON of the right shape.

// The vocabularies, each word with its Go constant in package commands (less the prefix).
var (
	groups = map[string]string{
		"generic": "Generic", "string": "String", "list": "List", "set": "Set", "sorted_set": "SortedSet", "hash": "Hash",
		"pubsub": "Pubsub", "transactions": "Transactions", "connection": "Connection", "server": "Server",
		"scripting": "Scripting", "hyperloglog": "Hyperloglog", "cluster": "Cluster", "sentinel": "Sentinel", "geo": "Geo",
		"stream": "Stream", "bitmap": "Bitmap",
	}
	commandFlags = words("WRITE", "READONLY", "DENYOOM", "ADMIN", "PUBSUB", "NOSCRIPT", "BLOCKING", "LOADING", "STALE",
		"SKIP_MONITOR", "SKIP_SLOWLOG", "ASKING", "FAST", "NO_AUTH", "MAY_REPLICATE", "SENTINEL", "ONLY_SENTINEL",
		"NO_MANDATORY_KEYS", "PROTECTED", "NO_ASYNC_LOADING", "NO_MULTI", "MOVABLE_KEYS", "ALLOW_BUSY",
		"TOUCHES_ARBITRARY_KEYS")
	aclCategories = words("KEYSPACE", "READ", "WRITE", "SET", "SORTEDSET", "LIST", "HASH", "STRING", "BITMAP", "HYPERLOGLOG",
		"GEO", "STREAM", "PUBSUB", "ADMIN", "FAST", "SLOW", "BLOCKING", "DANGEROUS", "CONNECTION", "TRANSACTION", "SCRIPTING")
	keyActions = []string{"RO", "RW", "OW", "RM"}
	keyFlags   = append(words("ACCESS", "UPDATE", "INSERT", "DELETE", "NOT_KEY", "INCOMPLETE", "VARIABLE_FLAGS"),
		word{"RO", "RO"}, word{"RW", "RW"}, word{"OW", "OW"}, word{"RM", "RM"})
	docFlags = words("DEPRECATED", "SYSCMD")
	argTypes = map[string]string{
		"string": "String", "integer": "Integer", "double": "Double", "key": "Key", "pattern": "Pattern",
		"unix-time": "UnixTime", "pure-token": "PureToken", "oneof": "Oneof", "block": "Block",
	}
	tips = []string{
		"NONDETERMINISTIC_OUTPUT", "NONDETERMINISTIC_OUTPUT_ORDER",
		"REQUEST_POLICY:ALL_NODES", "REQUEST_POLICY:ALL_SHARDS", "REQUEST_POLICY:MULTI_SHARD", "REQUEST_POLICY:SPECIAL",
		"RESPONSE_POLICY:ALL_SUCCEEDED", "RESPONSE_POLICY:ONE_SUCCEEDED", "RESPONSE_POLICY:AGG_LOGICAL_AND",
		"RESPONSE_POLICY:AGG_LOGICAL_OR", "RESPONSE_POLICY:AGG_MIN", "RESPONSE_POLICY:AGG_MAX",
		"RESPONSE_POLICY:AGG_SUM", "RESPONSE_POLICY:SPECIAL",
	}
)

// word is one entry of a vocabulary of flags; the list's order is the order of the output.
type word struct{ name, constant string }

// words makes constants mechanically: NO_ASYNC_LOADING becomes NoAsyncLoading.
func words(names ...string) []word {
	list := make([]word, len(names))
	for i, name := range names {
		var b strings.Builder
		for part := range strings.SplitSeq(name, "_") {
			b.WriteString(part[:1] + strings.ToLower(part[1:]))
		}
		list[i] = word{name, b.String()}
	}
	return list
}

var (
	versionForm  = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)
	nameForm     = regexp.MustCompile(`^[A-Z][A-Z0-9_-]*$`)
	functionForm = regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)
	argNameForm  = regexp.MustCompile(`^[a-z0-9_-]+$`)
)

// checker collects complaints about one command.
type checker struct {
	c        *command
	problems []error
}

func (k *checker) failf(format string, args ...any) {
	k.problems = append(k.problems, fmt.Errorf("%s: %s", k.c.fullname(), fmt.Sprintf(format, args...)))
}

func check(commands []*command) error {
	var problems []error
	for _, c := range commands {
		problems = append(problems, checkCommand(c)...)
		for _, sub := range c.subcommands {
			problems = append(problems, checkCommand(sub)...)
			if sub.Group != c.Group {
				problems = append(problems, fmt.Errorf("%s: group %q, but its container has %q", sub.fullname(), sub.Group, c.Group))
			}
		}
	}
	return errors.Join(problems...)
}

func checkCommand(c *command) []error {
	k := &checker{c: c}
	k.checkText()
	k.checkWords("command flag", c.CommandFlags, commandFlags)
	k.checkWords("ACL category", c.ACLCategories, aclCategories)
	k.checkWords("doc flag", c.DocFlags, docFlags)
	k.checkFlags()
	for i := range c.KeySpecs {
		k.checkKeySpec(i, &c.KeySpecs[i])
	}
	k.checkArguments("", c.Arguments)
	k.checkKeySpecUse()
	k.checkArity()
	return k.problems
}

func (k *checker) checkText() {
	c := k.c
	if !nameForm.MatchString(c.name) {
		k.failf("the name is not in upper case")
	}
	if c.Summary == "" || strings.ContainsAny(c.Summary, "\r\n") || strings.TrimSpace(c.Summary) != c.Summary {
		k.failf("the summary must be one line")
	}
	if groups[c.Group] == "" {
		k.failf("unknown group %q", c.Group)
	}
	k.checkVersion("since", c.Since, true)
	k.checkVersion("deprecated_since", c.DeprecatedSince, false)
	last := ""
	for _, change := range c.History {
		k.checkVersion("history", change[0], true)
		if change[1] == "" {
			k.failf("a change of %s has no text", change[0])
		}
		if last != "" && compareVersions(last, change[0]) > 0 {
			k.failf("the history is not in the order of versions")
		}
		last = change[0]
	}
	if c.History != nil && len(c.History) == 0 {
		k.failf("the history is empty: leave it out")
	}
	for i, tip := range c.CommandTips {
		if !slices.Contains(tips, tip) {
			k.failf("unknown tip %q", tip)
		}
		if slices.Contains(c.CommandTips[:i], tip) {
			k.failf("tip %q occurs twice", tip)
		}
	}
	for _, function := range []string{c.Function, c.GetKeysFunction} {
		if function != "" && !functionForm.MatchString(function) {
			k.failf("%q is no name of a function", function)
		}
	}
	if c.Function == "" && len(c.subcommands) == 0 {
		k.failf("neither a function nor subcommands")
	}
	if deprecated := slices.Contains(c.DocFlags, "DEPRECATED"); deprecated != (c.DeprecatedSince != "") || !deprecated && c.ReplacedBy != "" {
		k.failf("DEPRECATED, deprecated_since and replaced_by do not agree")
	}
}

func (k *checker) checkVersion(what, version string, required bool) {
	if version == "" && !required {
		return
	}
	if !versionForm.MatchString(version) {
		k.failf("%s: %q is no version", what, version)
	}
}

// compareVersions compares two valid versions number by number.
func compareVersions(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	return slices.CompareFunc(x, y, func(m, n string) int {
		p, _ := strconv.Atoi(m)
		q, _ := strconv.Atoi(n)
		return p - q
	})
}

func (k *checker) checkWords(what string, given []string, vocabulary []word) {
	for i, name := range given {
		if !slices.ContainsFunc(vocabulary, func(w word) bool { return w.name == name }) {
			k.failf("unknown %s %q", what, name)
		}
		if slices.Contains(given[:i], name) {
			k.failf("%s %q occurs twice", what, name)
		}
	}
}

func (k *checker) checkFlags() {
	c := k.c
	has := func(flag string) bool { return slices.Contains(c.CommandFlags, flag) }
	if has("WRITE") && has("READONLY") {
		k.failf("both WRITE and READONLY")
	}
	if has("WRITE") && has("MAY_REPLICATE") {
		k.failf("MAY_REPLICATE is for commands that are not WRITE")
	}
	if has("ONLY_SENTINEL") && !has("SENTINEL") {
		k.failf("ONLY_SENTINEL without SENTINEL")
	}
	if has("MOVABLE_KEYS") {
		k.failf("MOVABLE_KEYS is derived from the key specs")
	}
	for _, category := range c.ACLCategories {
		if slices.Contains(implicitCategories(c), category) {
			k.failf("ACL category %s is implicit", category)
		}
	}
}

func (k *checker) checkKeySpec(i int, spec *keySpec) {
	k.checkWords("key spec flag", spec.Flags, keyFlags)
	actions := 0
	for _, action := range keyActions {
		if slices.Contains(spec.Flags, action) {
			actions++
		}
	}
	if notKey := slices.Contains(spec.Flags, "NOT_KEY"); actions > 1 || actions == 0 && !notKey {
		k.failf("key spec %d: wants exactly one of %s", i, strings.Join(keyActions, ", "))
	}
	begin, find := &spec.BeginSearch, &spec.FindKeys
	if count(begin.Index != nil, begin.Keyword != nil, begin.Unknown != nil) != 1 {
		k.failf("key spec %d: begin_search wants exactly one of index, keyword, unknown", i)
	}
	if count(find.Range != nil, find.Keynum != nil, find.Unknown != nil) != 1 {
		k.failf("key spec %d: find_keys wants exactly one of range, keynum, unknown", i)
	}
	if (begin.Unknown != nil || find.Unknown != nil || slices.Contains(spec.Flags, "VARIABLE_FLAGS")) && k.c.GetKeysFunction == "" {
		k.failf("key spec %d: unknown positions or variable flags need a get_keys_function", i)
	}
	// Behind the arity there may be more keys only where the command takes more arguments.
	if begin.Index != nil && (begin.Index.Pos < k.nameWords() || begin.Index.Pos >= k.c.Arity && begin.Index.Pos > -k.c.Arity) {
		k.failf("key spec %d: position %d does not fit arity %d", i, begin.Index.Pos, k.c.Arity)
	}
	if begin.Keyword != nil && (begin.Keyword.Keyword == "" || begin.Keyword.StartFrom == 0 || begin.Keyword.StartFrom >= 0 && begin.Keyword.StartFrom < k.nameWords()) {
		k.failf("key spec %d: bad keyword search", i)
	}
	if r := find.Range; r != nil && (r.Step < 1 || r.Limit < 0 || r.Limit > 0 && r.LastKey != -1) {
		k.failf("key spec %d: bad range", i)
	}
	if n := find.Keynum; n != nil && (n.Step < 1 || n.KeynumIdx < 0 || n.FirstKey <= n.KeynumIdx) {
		k.failf("key spec %d: bad keynum", i)
	}
}

// nameWords is the number of arguments that make up the name.
func (k *checker) nameWords() int {
	if k.c.Container != "" {
		return 2
	}
	return 1
}

func (k *checker) checkArguments(parent string, list []argument) {
	if list != nil && len(list) == 0 {
		k.failf("empty list of arguments in %q: leave it out", parent)
	}
	names := map[string]bool{}
	for i := range list {
		a := &list[i]
		if !argNameForm.MatchString(a.Name) {
			k.failf("bad argument name %q", a.Name)
		}
		if names[a.Name] {
			k.failf("argument %q occurs twice in %q", a.Name, parent)
		}
		names[a.Name] = true
		k.checkArgument(a)
		k.checkArguments(a.Name, a.Arguments)
	}
}

func (k *checker) checkArgument(a *argument) {
	if argTypes[a.Type] == "" {
		k.failf("argument %q: unknown type %q", a.Name, a.Type)
	}
	if group := a.Type == "oneof" || a.Type == "block"; group != (a.Arguments != nil) {
		k.failf("argument %q: a oneof or a block has arguments, other types have none", a.Name)
	} else if group && a.Display != "" {
		k.failf("argument %q: a group is not displayed", a.Name)
	}
	if a.MultipleToken && (!a.Multiple || a.Token == nil) {
		k.failf("argument %q: multiple_token needs multiple and a token", a.Name)
	}
	if a.Token != nil && *a.Token != strings.ToUpper(*a.Token) {
		k.failf("argument %q: the token is not in upper case", a.Name)
	}
	if a.Token != nil && *a.Token == "" && a.Type != "pure-token" {
		k.failf("argument %q: only a pure token may be empty", a.Name)
	}
	if a.KeySpecIndex != nil && (*a.KeySpecIndex < 0 || *a.KeySpecIndex >= len(k.c.KeySpecs)) {
		k.failf("argument %q: no key spec %d", a.Name, *a.KeySpecIndex)
	}
	k.checkVersion(a.Name, a.Since, false)
	k.checkVersion(a.Name, a.DeprecatedSince, false)
}

// checkKeySpecUse wants each key spec to be an argument's, and an argument in the place that its spec says. What
// is routed like a key but is none (shard channels) has specs that no argument bears.
func (k *checker) checkKeySpecUse() {
	used := make([]bool, len(k.c.KeySpecs))
	lo, hi := k.nameWords(), k.nameWords()
	for i := range k.c.Arguments {
		a := &k.c.Arguments[i]
		if index := a.KeySpecIndex; index != nil && *index >= 0 && *index < len(used) && a.Token == nil {
			spec := &k.c.KeySpecs[*index]
			if b := spec.BeginSearch.Index; b != nil && lo == hi && !used[*index] && spec.FindKeys.Range != nil && b.Pos != lo {
				k.failf("argument %q is at position %d, but its key spec begins at %d", a.Name, lo, b.Pos)
			}
		}
		markUsed(used, a)
		l, h := argumentRange(a)
		lo, hi = lo+l, addRange(hi, h)
	}
	for i, spec := range k.c.KeySpecs {
		if slices.Contains(spec.Flags, "NOT_KEY") {
			return
		}
		if !used[i] {
			k.failf("no argument uses key spec %d", i)
		}
	}
}

func markUsed(used []bool, a *argument) {
	if a.KeySpecIndex != nil && *a.KeySpecIndex >= 0 && *a.KeySpecIndex < len(used) {
		used[*a.KeySpecIndex] = true
	}
	for i := range a.Arguments {
		markUsed(used, &a.Arguments[i])
	}
}

// checkArity compares the arity with the number of words that the arguments can come to. Where no arguments are
// declared (containers, internal protocols), anything negative goes.
func (k *checker) checkArity() {
	c := k.c
	if c.Arity == 0 {
		k.failf("no arity")
		return
	}
	if c.Function == "" && c.Arity != -2 {
		k.failf("arity %d, but a container has -2", c.Arity)
	}
	if c.Arguments == nil && c.Arity < 0 {
		return
	}
	lo, hi := k.nameWords(), k.nameWords()
	for i := range c.Arguments {
		l, h := argumentRange(&c.Arguments[i])
		lo, hi = lo+l, addRange(hi, h)
	}
	if c.Arity > 0 && (lo != c.Arity || hi != c.Arity) || c.Arity < 0 && (lo > -c.Arity || hi < -c.Arity) {
		most := strconv.Itoa(hi)
		if hi == math.MaxInt {
			most = "any number"
		}
		k.failf("arity %d, but the arguments come to %d up to %s", c.Arity, lo, most)
	}
}

// argumentRange is the least and the greatest number of words that an argument can come to.
func argumentRange(a *argument) (lo, hi int) {
	switch a.Type {
	case "oneof":
		lo = math.MaxInt
		for i := range a.Arguments {
			l, h := argumentRange(&a.Arguments[i])
			lo, hi = min(lo, l), max(hi, h)
		}
	case "block":
		for i := range a.Arguments {
			l, h := argumentRange(&a.Arguments[i])
			lo, hi = lo+l, addRange(hi, h)
		}
	default:
		lo, hi = 1, 1
	}
	if a.Token != nil && a.Type != "pure-token" {
		lo, hi = lo+1, addRange(hi, 1)
	}
	if a.Multiple {
		hi = math.MaxInt
	}
	if a.Optional {
		lo = 0
	}
	return lo, hi
}

// addRange adds upper bounds, of which math.MaxInt stands for none.
func addRange(a, b int) int {
	if a == math.MaxInt || b == math.MaxInt {
		return math.MaxInt
	}
	return a + b
}

func count(conditions ...bool) (n int) {
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}
