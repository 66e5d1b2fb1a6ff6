// SPDX-License-Identifier: BSD-3-Clause

package main

// hints.go - the arguments that are still missing from the command that is being typed.
//
// The words that are there are matched against the description of the command's arguments, which marks what was found, and the hint is
// what has no mark. Optional arguments that follow one another may come in any order; the one that was begun last is shown first, without
// brackets, and once the argument behind them was found they are out of question. An argument that may be repeated shows "[name ...]" until the end.

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"redport/deps/linenoise"
	"redport/src/commands"
	"redport/src/platform"
	"redport/src/sds"
)

// argSpec describes an argument, and holds what the words typed so far have of it.
type argSpec struct {
	display                           string
	token                             string
	hasToken                          bool
	kind                              commands.ArgType
	optional, multiple, multipleToken bool
	sub                               []*argSpec

	matched                          int // words, or 0: the argument was not begun
	gotToken, gotValue, gotAllOfThem bool
}

func clearMatches(args []*argSpec) {
	for _, a := range args {
		a.matched, a.gotToken, a.gotValue, a.gotAllOfThem = 0, false, false, false
		clearMatches(a.sub)
	}
}

// --- Matching ---

// matchArgs matches words against arguments in their order. It gives how many words were used, 0 where one that is required does not fit.
func matchArgs(words []string, args []*argSpec) int {
	used := 0
	for i := 0; i < len(args) && used < len(words); {
		if !args[i].optional {
			n := args[i].match(words[used:])
			if n == 0 {
				return 0
			}
			used += n
			i++
			continue
		}
		end := i
		for end < len(args) && args[end].optional {
			end++
		}
		used += matchOptional(words[used:], args[i:end])
		i = end
	}
	return used
}

// matchOptional matches as many words as it can against optional arguments in any order.
func matchOptional(words []string, args []*argSpec) int {
	used := 0
	var last *argSpec
	for used < len(words) {
		n := 0
		var found *argSpec
		for _, a := range args {
			if a.matched != 0 {
				continue
			}
			if n = a.match(words[used:]); n != 0 {
				found = a
				break
			}
		}
		if n == 0 {
			break
		}
		if last != nil {
			last.gotAllOfThem = true // the user went on to another one
		}
		last = found
		used += n
	}
	return used
}

// match matches words against an argument, which may be there several times.
func (a *argSpec) match(words []string) int {
	n := a.matchOnce(words)
	if !a.multiple {
		return n
	}
	for a.gotAllOfThem && n < len(words) {
		clearMatches([]*argSpec{a})
		var more int
		if a.hasToken && !a.multipleToken {
			// The token is only there the first time.
			if more = a.matchValue(words[n:]); a.matched != 0 {
				a.gotToken = true
			}
		} else {
			more = a.matchOnce(words[n:])
		}
		n += more
	}
	a.gotAllOfThem = false // there may always be another one
	return n
}

func (a *argSpec) matchOnce(words []string) int {
	if a.hasToken {
		if !strings.EqualFold(a.token, words[0]) {
			return 0
		}
		a.gotToken = true
		a.matched = 1
		if a.kind == commands.ArgTypePureToken {
			a.gotAllOfThem = true
			return 1
		}
		if len(words) == 1 {
			return 1
		}
		words = words[1:]
	}
	if a.matchValue(words) == 0 {
		return 0
	}
	return a.matched
}

// matchValue matches what is behind the token.
func (a *argSpec) matchValue(words []string) int {
	switch a.kind {
	case commands.ArgTypeBlock:
		a.matched += matchArgs(words, a.sub)
		a.gotAllOfThem = true
		for _, sub := range a.sub {
			if !sub.gotAllOfThem {
				a.gotAllOfThem = false
			}
		}
		return a.matched
	case commands.ArgTypeOneof:
		for _, sub := range a.sub {
			if sub.match(words) != 0 {
				a.matched += sub.matched
				a.gotAllOfThem = sub.gotAllOfThem
				break
			}
		}
		return a.matched
	case commands.ArgTypeInteger, commands.ArgTypeUnixTime:
		var v int64
		if _, err := fmt.Sscanf(words[0], "%d", &v); err != nil {
			a.matched, a.gotValue = 0, false
			return 0
		}
	case commands.ArgTypeDouble:
		var v float64
		if _, err := fmt.Sscanf(words[0], "%g", &v); err != nil {
			a.matched, a.gotValue = 0, false
			return 0
		}
	}
	a.matched++
	a.gotValue, a.gotAllOfThem = true, true
	return a.matched
}

// --- The hint ---

// hintBuilder puts separators between the texts that are not empty. One that was wanted behind the last of them stays, as in C.
type hintBuilder struct {
	strings.Builder
	length int // when the last separator was thought of
}

func (b *hintBuilder) separate(separator string, last bool) {
	if b.Len() > b.length && !last {
		b.WriteString(separator)
		b.length = b.Len()
	}
}

func (b *hintBuilder) orEmpty(s string) {
	if s == "" {
		s = `""`
	}
	b.WriteString(s)
}

// hintForArgs describes what is missing of a list of arguments.
func hintForArgs(args []*argSpec, separator string) string {
	var b hintBuilder
	for i := 0; i < len(args); i++ {
		if !args[i].optional {
			b.WriteString(args[i].hint())
			b.separate(separator, i == len(args)-1)
			continue
		}
		end := i
		begun := -1
		for ; end < len(args) && args[end].optional; end++ {
			if args[end].matched != 0 && !args[end].gotAllOfThem {
				b.WriteString(args[end].hint())
				b.separate(separator, i == len(args)-1)
				begun = end
			}
		}
		if end == len(args) || args[end].matched == 0 {
			for ; i < end; i++ {
				if i != begun {
					b.WriteString(args[i].hint())
					b.separate(separator, i == len(args)-1)
				}
			}
		}
		i = end - 1
	}
	return b.String()
}

// hint describes what is missing of an argument.
func (a *argSpec) hint() string {
	if a.gotAllOfThem {
		return ""
	}
	var b hintBuilder
	if a.optional && a.matched == 0 {
		b.WriteByte('[')
	}
	if a.hasToken && !a.gotToken {
		b.orEmpty(a.token)
		if a.kind != commands.ArgTypePureToken {
			b.WriteByte(' ')
		}
	}
	switch a.kind {
	case commands.ArgTypeOneof:
		if a.matched == 0 {
			b.WriteString(hintForArgs(a.sub, "|"))
			break
		}
		for _, sub := range a.sub {
			if sub.matched != 0 {
				b.WriteString(sub.hint())
			}
		}
	case commands.ArgTypeBlock:
		b.WriteString(hintForArgs(a.sub, " "))
	case commands.ArgTypePureToken:
	default:
		if !a.gotValue {
			b.orEmpty(a.display)
		}
	}
	if a.multiple {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(a.repetition())
	}
	// The repetition forgets what was matched, so that there is a bracket behind it in any case: C's own asymmetry.
	if a.optional && a.matched == 0 {
		b.WriteByte(']')
	}
	return b.String()
}

// repetition is the "[name ...]" behind what may be there again. It is the same whatever was typed.
func (a *argSpec) repetition() string {
	clearMatches([]*argSpec{a})
	var b hintBuilder
	b.WriteByte('[')
	if a.multipleToken {
		b.orEmpty(a.token)
		if a.kind != commands.ArgTypePureToken {
			b.WriteByte(' ')
		}
	}
	switch a.kind {
	case commands.ArgTypeOneof:
		b.WriteString(hintForArgs(a.sub, "|"))
	case commands.ArgTypeBlock:
		b.WriteString(hintForArgs(a.sub, " "))
	case commands.ArgTypePureToken:
	default:
		b.orEmpty(a.display)
	}
	b.WriteString(" ...]")
	return b.String()
}

// makeHint describes what is missing behind the words that follow a command's name; "" where they do not fit.
func makeHint(words []string, e *helpEntry) string {
	if e.args == nil {
		if len(words) > 0 {
			return ""
		}
		return e.params
	}
	clearMatches(e.args)
	matched := 0
	if len(words) > 0 {
		matched = matchArgs(words, e.args)
	}
	if matched != len(words) {
		return ""
	}
	return hintForArgs(e.args, " ")
}

// findHelpEntry finds the command that the words begin with, the longest one.
func (c *cli) findHelpEntry(words []string) *helpEntry {
	var found *helpEntry
	for _, e := range c.help {
		if !e.isGroup && isCommand(words, e.words...) && (found == nil || len(e.words) > len(found.words)) {
			found = e
		}
	}
	return found
}

// hintFor is the hint for a line; ok is false where there is none. The last word counts only once a space follows it.
func (c *cli) hintFor(line string) (hint string, ok bool) {
	words, err := sds.SplitArgsString(line)
	if err != nil || len(words) == 0 {
		return "", false
	}
	if !endsInSpace(line) {
		words = words[:len(words)-1]
	}
	e := c.findHelpEntry(words)
	if e == nil {
		return "", false
	}
	return makeHint(words[len(e.words):], e), true
}

func endsInSpace(line string) bool {
	return line != "" && strings.IndexByte(" \t\n\v\f\r", line[len(line)-1]) >= 0
}

// hint is the line editor's.
func (c *cli) hint(line string) *linenoise.Hint {
	if !c.hints {
		return nil
	}
	text, ok := c.hintFor(line)
	if !ok {
		return nil
	}
	if !endsInSpace(line) {
		text = " " + text
	}
	return &linenoise.Hint{Text: text, Color: 90}
}

// --- Tests from outside ---

// printTestHint is --test_hint.
func (c *cli) printTestHint() int {
	c.initHelp()
	hint, _ := c.hintFor(c.testHint)
	c.printf("%s\n", hint)
	return 0
}

// runHintSuite is --test_hint_file: lines of an input and the hint that it shall have, both quoted.
func (c *cli) runHintSuite() int {
	f, err := os.Open(c.testHintFile)
	if err != nil {
		c.errorf("Can't open file '%s': %s\n", c.testHintFile, platform.Strerror(err))
		return 255
	}
	defer f.Close()
	c.initHelp()
	pass, fail := 0, 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields, err := sds.SplitArgsString(line)
		switch {
		case err != nil || len(fields) == 0:
			continue
		case len(fields) == 1:
			c.errorf("Missing expected hint for input '%s'\n", fields[0])
			return 255
		}
		hint, ok := c.hintFor(fields[0])
		if c.verbose {
			c.printf("Input: '%s', Expected: '%s', Hint: '%s'\n", fields[0], fields[1], hint)
		}
		hint = strings.TrimRight(hint, " ")
		if !ok || hint != fields[1] {
			c.errorf("Test case '%s' FAILED: expected '%s', got '%s'\n", fields[0], fields[1], hint)
			fail++
		} else {
			pass++
		}
	}
	result := "SUCCESS"
	if fail > 0 {
		result = "FAILURE"
	}
	c.printf("%s: %d/%d passed\n", result, pass, pass+fail)
	return fail & 255
}
