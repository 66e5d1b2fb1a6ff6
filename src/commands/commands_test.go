// SPDX-License-Identifier: BSD-3-Clause

package commands

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// walk calls fn for every command and subcommand.
func walk(fn func(cmd, parent *Command)) {
	for _, cmd := range Table {
		fn(cmd, nil)
		for _, sub := range cmd.Subcommands {
			fn(sub, cmd)
		}
	}
}

// names lists the flags that are set, sorted.
func names(flags uint64, vocabulary []FlagName) string {
	var list []string
	for _, f := range vocabulary {
		if flags&f.Flag != 0 {
			list = append(list, f.Name)
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func sortWords(s string) string {
	list := strings.Fields(s)
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestTableHasTheFactsOfRedis(t *testing.T) {
	text, err := os.ReadFile("testdata/facts.tsv")
	if err != nil {
		t.Fatal(err)
	}
	facts := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			fields := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
			facts[fields[0]] = fields
		}
	}
	walk(func(cmd, _ *Command) {
		want, ok := facts[cmd.Fullname]
		if !ok {
			t.Errorf("%s is not in Redis", cmd.Fullname)
			return
		}
		delete(facts, cmd.Fullname)
		want[4], want[5] = sortWords(want[4]), sortWords(want[5])
		got := []string{cmd.Fullname, cmd.Group.String(), cmd.Since, strconv.Itoa(cmd.Arity),
			names(cmd.Flags, FlagNames), names(cmd.ACLCategories, ACLCategoryNames),
			strconv.Itoa(cmd.FirstKey), strconv.Itoa(cmd.LastKey), strconv.Itoa(cmd.KeyStep)}
		if !slices.Equal(got, want) {
			t.Errorf("%s\n got %q\nwant %q", cmd.Fullname, got, want)
		}
	})
	for name := range facts {
		t.Errorf("%s is missing", name)
	}
}

func TestTableIsSortedAndNamed(t *testing.T) {
	byName := func(a, b *Command) int { return strings.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(Table, byName) {
		t.Error("Table is not sorted")
	}
	walk(func(cmd, parent *Command) {
		want := cmd.Name
		if parent != nil {
			want = parent.Name + "|" + cmd.Name
		}
		if cmd.Fullname != want || cmd.Fullname != strings.ToLower(cmd.Fullname) {
			t.Errorf("full name %q, want %q", cmd.Fullname, want)
		}
		if Lookup(cmd.Fullname) != cmd {
			t.Errorf("Lookup does not find %s", cmd.Fullname)
		}
		if !slices.IsSortedFunc(cmd.Subcommands, byName) {
			t.Errorf("subcommands of %s are not sorted", cmd.Name)
		}
	})
	for _, name := range []string{"", "nosuch", "get|x", "config|", "config|nosuch", "|get", "config|get|x", "GET"} {
		if Lookup(name) != nil {
			t.Errorf("Lookup finds %q", name)
		}
	}
}

func TestInternalFlags(t *testing.T) {
	tests := []struct {
		flag  uint64
		names []string
	}{
		{CmdMayReplicate, []string{"eval", "evalsha", "fcall", "pfcount", "publish", "spublish"}},
		{CmdProtected, []string{"debug", "module|load", "module|loadex", "module|unload"}},
		{CmdTouchesArbitraryKeys, []string{"randomkey", "scan"}},
	}
	for _, test := range tests {
		var got []string
		walk(func(cmd, _ *Command) {
			if cmd.Flags&test.flag != 0 {
				got = append(got, cmd.Fullname)
			}
		})
		if !slices.Equal(got, test.names) {
			t.Errorf("flag %#x: got %q, want %q", test.flag, got, test.names)
		}
	}
	walk(func(cmd, _ *Command) {
		sentinel := cmd.Fullname == "sentinel" || strings.HasPrefix(cmd.Fullname, "sentinel|")
		if only := cmd.Flags&CmdOnlySentinel != 0; only != sentinel {
			t.Errorf("%s: only-sentinel is %v", cmd.Fullname, only)
		}
	})
}

func TestACLCategoryByName(t *testing.T) {
	for _, test := range []struct {
		name string
		want uint64
	}{
		{"keyspace", ACLCategoryKeyspace},
		{"SCRIPTING", ACLCategoryScripting},
		{"SortedSet", ACLCategorySortedset},
		{"", 0},
		{"@set", 0},
		{"set ", 0},
		{"\u017fet", 0}, // folds to "set" in Unicode, which Redis does not know
		{"all", 0},
	} {
		if got := ACLCategoryByName([]byte(test.name)); got != test.want {
			t.Errorf("%q: got %#x, want %#x", test.name, got, test.want)
		}
	}
}

// A key spec that is found by position must not lie behind what the arity makes sure of, or before the name.
func TestKeySpecsStayInTheArguments(t *testing.T) {
	walk(func(cmd, parent *Command) {
		for i, spec := range cmd.KeySpecs {
			if spec.BeginSearch.Type == BeginSearchIndex && spec.BeginSearch.Index < 1 {
				t.Errorf("%s: key spec %d begins at %d", cmd.Fullname, i, spec.BeginSearch.Index)
			}
			if spec.FindKeys.Type != FindKeysUnknown && spec.FindKeys.KeyStep < 1 {
				t.Errorf("%s: key spec %d has step %d", cmd.Fullname, i, spec.FindKeys.KeyStep)
			}
		}
		if (cmd.FirstKey == 0) != (cmd.KeyStep == 0) {
			t.Errorf("%s: legacy range %d %d %d", cmd.Fullname, cmd.FirstKey, cmd.LastKey, cmd.KeyStep)
		}
	})
}
