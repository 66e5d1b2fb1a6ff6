// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"redport/deps/hiredis"
)

// fuzz_test.go - what a server that is none, or a hostile one, can answer with: redis-cli must print it and go on.

// FuzzFormats: any reply can be printed in each format, and the JSON of one that is valid text is JSON.
func FuzzFormats(f *testing.F) {
	for _, wire := range []string{"+OK\r\n", "-MOVED 3999 127.0.0.1:6381\r\n", ":1\r\n", "$3\r\nabc\r\n", "*2\r\n$1\r\na\r\n_\r\n", "%1\r\n#t\r\n,1.5\r\n", "~1\r\n(12\r\n", "%1\r\n%1\r\n+a\r\n+b\r\n*1\r\n*0\r\n",
		">2\r\n$10\r\ninvalidate\r\n*1\r\n+b\r\n", "=5\r\ntxt:a\r\n", "!3\r\nERR\r\n", "*-1\r\n", ",nan\r\n", "*1\r\n$8\r\n<error>x\r\n", "$26\r\nused_memory:1\r\ndb0:keys=5\r\n"} {
		f.Add([]byte(wire))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		r, err := hiredis.NewReader(bytes.NewReader(wire)).ReadReply()
		if err != nil {
			return
		}
		c, _ := newTest()
		for mode := outputStandard; mode <= outputQuotedJSON; mode++ {
			out := c.formatReply(r, mode, false)
			if mode == outputJSON && r.Type == hiredis.String && r.Str == string([]rune(r.Str)) && !json.Valid(out) {
				t.Errorf("%q as JSON: %q", r.Str, out)
			}
		}
		c.formatReply(r, outputStandard, true)
		if isInvalidate(r) {
			appendInvalidateTTY(nil, r)
		}
		c.isPubsubPush(r)
		appendLDBLine(nil, r.Str)
		infoField(r.Str, "redis_version")
		supports(r.Str, "7.0.0")
		if r.Type == hiredis.Err {
			c.interactive = true
			c.redirected(r.Str)
		}
	})
}

// FuzzDocs: whatever a server says that its commands are, a line gets a hint or none.
func FuzzDocs(f *testing.F) {
	for _, wire := range []string{
		"*2\r\n$3\r\nget\r\n*4\r\n+summary\r\n+Gets.\r\n+arguments\r\n*1\r\n*6\r\n+name\r\n+key\r\n+type\r\n+key\r\n+flags\r\n*1\r\n+multiple\r\n",
		"*2\r\n$3\r\nget\r\n*2\r\n+arguments\r\n*2\r\n*8\r\n+type\r\n+oneof\r\n+token\r\n+BY\r\n+flags\r\n*2\r\n+optional\r\n+multiple_token\r\n+arguments\r\n*1\r\n*4\r\n+type\r\n+pure-token\r\n+token\r\n+x\r\n" +
			"*6\r\n+type\r\n+block\r\n+flags\r\n*2\r\n+optional\r\n+multiple\r\n+arguments\r\n*1\r\n*4\r\n+name\r\n+n\r\n+type\r\n+integer\r\n",
		"*2\r\n$3\r\nget\r\n*2\r\n+subcommands\r\n*2\r\n+get|x\r\n*2\r\n+arguments\r\n*0\r\n",
		"*2\r\n$3\r\nget\r\n*2\r\n+arguments\r\n*1\r\n*6\r\n+type\r\n+oneof\r\n+flags\r\n*1\r\n+multiple\r\n+arguments\r\n*0\r\n",
	} {
		f.Add([]byte(wire), "get x by 1 2 y ")
	}
	f.Fuzz(func(t *testing.T, wire []byte, line string) {
		docs, err := hiredis.NewReader(bytes.NewReader(wire)).ReadReply()
		if err != nil || len(wire) > 10000 || len(line) > 200 {
			return
		}
		c, _ := newTest()
		for name, specs := range pairs(docs) {
			c.addDocs(specs, name)
		}
		c.addGroups()
		c.hint(line)
		c.complete(line)
		for _, e := range c.help {
			for range 2 { // once asked, it has notes of what was matched
				c.hintFor(e.full + " " + line + " ")
			}
		}
	})
}
