// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGeneratedFilesAreUpToDate(t *testing.T) {
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		got, err := os.ReadFile(filepath.Join(root, f.path))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, f.text) {
			t.Errorf("%s is not what its sources say: run make generate", f.path)
		}
	}
}

// good is a declaration that passes; the tests below break it in one place each.
const good = `{
    "SAMPLE": {
        "summary": "Do nothing",
        "complexity": "O(1)",
        "group": "string",
        "since": "1.0.0",
        "arity": -3,
        "function": "sampleCommand",
        "get_keys_function": "sampleGetKeys",
        "history": [["2.0.0", "One."], ["10.0.0", "Two."]],
        "doc_flags": ["DEPRECATED"],
        "deprecated_since": "7.0.0",
        "replaced_by": "another",
        "command_flags": ["WRITE", "DENYOOM"],
        "acl_categories": ["STRING"],
        "command_tips": ["NONDETERMINISTIC_OUTPUT"],
        "key_specs": [
            {"flags": ["RW", "UPDATE"], "begin_search": {"index": {"pos": 1}}, "find_keys": {"range": {"lastkey": 0, "step": 1, "limit": 0}}},
            {"flags": ["OW"], "begin_search": {"unknown": null}, "find_keys": {"unknown": null}}
        ],
        "arguments": [
            {"name": "key", "type": "key", "key_spec_index": 0},
            {"name": "value", "type": "string", "multiple": true},
            {"name": "where", "type": "oneof", "optional": true, "arguments": [
                {"name": "here", "type": "pure-token", "token": "HERE"},
                {"name": "destination", "type": "key", "token": "TO", "key_spec_index": 1}
            ]}
        ]
    }
}
`

// loadText loads and checks one declaration.
func loadText(t *testing.T, name, text string) ([]*command, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := load(dir)
	if err != nil {
		return nil, err
	}
	return list, check(list)
}

func TestGoodDeclaration(t *testing.T) {
	list, err := loadText(t, "sample.json", good)
	if err != nil {
		t.Fatal(err)
	}
	l := legacyRange(list[0])
	if l.first != 1 || l.last != 1 || l.step != 1 || !l.movable {
		t.Errorf("legacy range %+v", l)
	}
	if got := strings.Join(implicitCategories(list[0]), " "); got != "WRITE SLOW" {
		t.Errorf("implicit categories %q", got)
	}
	text, err := emitTables(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"CmdWrite | CmdDenyoom | CmdMovableKeys,",
		"ACLCategoryWrite | ACLCategoryString | ACLCategorySlow,",
		`{Name: "here", Type: ArgTypePureToken, KeySpecIndex: -1, Token: "HERE"},`,
	} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the table lacks %s:\n%s", want, text)
		}
	}
}

func TestBadDeclarationsFail(t *testing.T) {
	tests := []struct{ old, new, want string }{
		{`"summary": "Do nothing"`, `"sumary": "Do nothing"`, "unknown field"},
		{`"summary": "Do nothing"`, `"summary": ""`, "one line"},
		{`"summary": "Do nothing"`, `"summary": "Do\nnothing"`, "one line"},
		{`"complexity": "O(1)"`, `"summary": "Do nothing"`, "occurs twice"},
		{`"group": "string"`, `"group": "strings"`, "unknown group"},
		{`"since": "1.0.0"`, `"since": "1.0"`, "no version"},
		{`"arity": -3`, `"arity": 3`, "arity 3, but the arguments come to 3 up to any number"},
		{`"arity": -3`, `"arity": -2`, "arity -2"},
		{`"arity": -3`, `"arity": 0`, "no arity"},
		{`"function": "sampleCommand",`, ``, "neither a function nor subcommands"},
		{`"sampleCommand"`, `"sample-command"`, "no name of a function"},
		{`"get_keys_function": "sampleGetKeys",`, ``, "need a get_keys_function"},
		{`["2.0.0", "One."], ["10.0.0", "Two."]`, `["10.0.0", "Two."], ["2.0.0", "One."]`, "order of versions"},
		{`["2.0.0", "One."], ["10.0.0", "Two."]`, ``, "history is empty"},
		{`["DEPRECATED"]`, `["SYSCMD"]`, "do not agree"},
		{`["WRITE", "DENYOOM"]`, `["WRITE", "SLOW"]`, "unknown command flag"},
		{`["WRITE", "DENYOOM"]`, `["WRITE", "READONLY"]`, "both WRITE and READONLY"},
		{`["WRITE", "DENYOOM"]`, `["WRITE", "WRITE"]`, "occurs twice"},
		{`["WRITE", "DENYOOM"]`, `["WRITE", "MOVABLE_KEYS"]`, "derived"},
		{`["WRITE", "DENYOOM"]`, `["WRITE", "ONLY_SENTINEL"]`, "without SENTINEL"},
		{`["STRING"]`, `["STRINGS"]`, "unknown ACL category"},
		{`["STRING"]`, `["STRING", "WRITE"]`, "is implicit"},
		{`["NONDETERMINISTIC_OUTPUT"]`, `["RANDOM"]`, "unknown tip"},
		{`["RW", "UPDATE"]`, `["UPDATE"]`, "exactly one of RO"},
		{`["RW", "UPDATE"]`, `["RW", "RO"]`, "exactly one of RO"},
		{`["RW", "UPDATE"]`, `["RW", "CHANGE"]`, "unknown key spec flag"},
		{`{"index": {"pos": 1}}`, `{"index": {"pos": 0}}`, "does not fit arity"},
		{`{"index": {"pos": 1}}`, `{"index": {"pos": 4}}`, "does not fit arity"},
		{`{"index": {"pos": 1}}`, `{"index": {"pos": 2}}`, "begins at 2"},
		{`{"index": {"pos": 1}}`, `{"index": {"pos": 1}, "unknown": null}`, "begin_search wants"},
		{`{"index": {"pos": 1}}`, `{"keyword": {"keyword": "", "startfrom": 1}}`, "bad keyword"},
		{`"step": 1`, `"step": 0`, "bad range"},
		{`"limit": 0`, `"limit": 2`, "bad range"},
		{`{"range": {"lastkey": 0, "step": 1, "limit": 0}}`, `{"keynum": {"keynumidx": 1, "firstkey": 1, "step": 1}}`, "bad keynum"},
		{`"key_spec_index": 1`, `"key_spec_index": 2`, "no key spec 2"},
		{`, "key_spec_index": 1`, ``, "no argument uses key spec 1"},
		{`{"name": "value", "type": "string"`, `{"name": "key", "type": "string"`, `argument "key" occurs twice`},
		{`{"name": "value", "type": "string"`, `{"name": "value", "type": "text"`, "unknown type"},
		{`{"name": "value", "type": "string"`, `{"name": "value", "type": "block"`, "a oneof or a block"},
		{`{"name": "value", "type": "string"`, `{"name": "value", "type": "string", "multiple_token": true`, "multiple_token needs"},
		{`"token": "HERE"`, `"token": "here"`, "not in upper case"},
		{`"token": "TO"`, `"token": ""`, "only a pure token"},
		{`"SAMPLE"`, `"EXAMPLE"`, "belongs in example.json"},
		{`"SAMPLE": {`, `"SAMPLE": {"container": "NOSUCH",`, "belongs in nosuch-sample.json"},
		{"}\n}\n", "}\n}\n{}", "text after"},
	}
	for _, test := range tests {
		if !strings.Contains(good, test.old) {
			t.Fatalf("the sample lacks %s", test.old)
		}
		_, err := loadText(t, "sample.json", strings.Replace(good, test.old, test.new, 1))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.new, err, test.want)
		}
	}
	orphan := strings.Replace(good, `"SAMPLE": {`, `"SAMPLE": {"container": "NOSUCH",`, 1)
	if _, err := loadText(t, "nosuch-sample.json", orphan); err == nil || !strings.Contains(err.Error(), "no container") {
		t.Errorf("subcommand without a container: %v", err)
	}
}

func TestCommandFunctionsAreFoundBySignature(t *testing.T) {
	dir := t.TempDir()
	source := `package server
func oneCommand(c *client) {}
func twoCommand(c *client, n int) {}
func threeCommand(c client) {}
func fourCommand(c *client) error { return nil }
func (c *client) fiveCommand() {}
func sixCommand(*client) {}
`
	if err := os.WriteFile(filepath.Join(dir, "a.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a_test.go"), []byte("package server\nfunc sevenCommand(c *client) {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	functions, err := findFunctions(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(functions) != 2 || !functions["oneCommand"] || !functions["sixCommand"] {
		t.Errorf("found %v", functions)
	}
}
