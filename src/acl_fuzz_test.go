// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"strings"
	"testing"
)

// FuzzACLRules: whatever is taken as rules describes itself by rules that make the same user.
func FuzzACLRules(f *testing.F) {
	for _, seed := range []string{
		"on nopass ~* &* +@all", "+@all -@hash +hget (~a* +get) (%R~b &c)", ">foo <foo #" + strings.Repeat("0", 64), "+select|0 +client|id -config|set", "( +get ~a ) ()",
		"%RW~ % %R ~\"a\" (~\"b c\")", "(~it's) clearselectors reset", "on\x00off",
	} {
		f.Add(seed)
	}
	server := newFuzzServer(f)
	f.Fuzz(func(t *testing.T, text string) {
		server.users = map[string]*user{}
		if server.aclStringSetUser("u", strings.Split(text, " ")) != nil {
			return
		}
		want := server.users["u"].describe()
		if err := server.aclStringSetUser("again", strings.Split(server.users["u"].describeForFile(), " ")); err != nil {
			t.Fatalf("%q: %v", want, err)
		}
		if got := server.users["again"].describe(); got != want {
			t.Fatalf("%q became %q", want, got)
		}
	})
}

// FuzzACLFile: a file is taken as a whole, or refused without a trace.
func FuzzACLFile(f *testing.F) {
	for _, seed := range []string{
		"user default on nopass ~* &* +@all\n", "user a on >x (+get\n", "user a on\nuser a off\n", "# no\n", "user\tb on", "user  on", "user a on (+get ~x ) \r\n\r\n", "user a (", "user \xff on",
	} {
		f.Add(seed)
	}
	server := newFuzzServer(f)
	f.Fuzz(func(t *testing.T, text string) {
		users, err := server.aclParseFile("f", text)
		if (users == nil) != (err != nil) {
			t.Fatalf("%v, %v", users, err)
		}
		for name, u := range users {
			if u.name != name || aclStringHasSpaces(name) {
				t.Fatalf("user %q is called %q", name, u.name)
			}
			u.describe()
		}
	})
}

// newFuzzServer has commands and users, and no log.
func newFuzzServer(f *testing.F) *Server {
	server := idleServer(f)
	server.verbosity = llNothing
	return server
}
