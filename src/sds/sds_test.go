// SPDX-License-Identifier: BSD-3-Clause

package sds

import (
	"bytes"
	"slices"
	"testing"
)

func TestSplitArgs(t *testing.T) {
	for _, tc := range []struct {
		name, line string
		want       []string // nil: unbalanced
	}{
		{"words", "Testing one two three", []string{"Testing", "one", "two", "three"}},
		{"nothing", "", []string{}},
		{"only blanks", " \t\r\n\v\f", []string{}},
		{"blanks around", "  a  b \r\n", []string{"a", "b"}},
		{"escapes in double quotes", `"a\n\r\t\b\a\\\"\q\x4a\x4"`, []string{"a\n\r\t\b\a\\\"qJx4"}},
		{"single quotes keep escapes but their own", `'a\nb\'c"'`, []string{`a\nb'c"`}},
		{"quotes open inside an argument", `a"b c" d'e f'`, []string{"ab c", "de f"}},
		{"empty arguments", `"" ''`, []string{"", ""}},
		{"backslash outside quotes is plain", `a\nb`, []string{`a\nb`}},
		{"vertical tab ends no plain word", "a\vb \vc", []string{"a\vb", "c"}},
		{"vertical tab may follow a quote", "\"a\"\vb", []string{"a", "b"}},
		{"nul ends the line", "a b\x00 c \"", []string{"a", "b"}},
		{"any byte by number", `"\x00\xFf"`, []string{"\x00\xff"}},
		{"open double quote", `"a`, nil},
		{"open single quote", `'a`, nil},
		{"escaped end", `"a\"`, nil},
		{"closing double quote in a word", `"a"b`, nil},
		{"closing single quote in a word", `'a'b`, nil},
		{"nul in quotes", "\"a\x00\"", nil},
		{"backslash at the end", `"a\`, nil},
	} {
		got, err := SplitArgsString(tc.line)
		if tc.want == nil {
			if err == nil {
				t.Errorf("%s: got %q, want an error", tc.name, got)
			}
		} else if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %q, %v, want %q", tc.name, got, err, tc.want)
		}
	}
}

func TestCatRepr(t *testing.T) {
	if got := string(CatRepr([]byte("> "), "a\"\\\n\r\t\a\b \x00\x7f\xffz")); got != `> "a\"\\\n\r\t\a\b \x00\x7f\xffz"` {
		t.Errorf("got %s", got)
	}
	for s, want := range map[string]bool{"": false, "abc": false, "a b": true, "\\": true, `"`: true, "'": false, "\x7f": true, "\n": true, "é": true} {
		if NeedsRepr(s) != want {
			t.Errorf("NeedsRepr(%q) = %v", s, !want)
		}
	}
}

func FuzzReprSplits(f *testing.F) {
	f.Add([]byte("a b\x00\"'\\x41"))
	f.Fuzz(func(t *testing.T, b []byte) {
		args, err := SplitArgs(CatRepr(nil, b))
		if err != nil || len(args) != 1 || !bytes.Equal(args[0], b) {
			t.Fatalf("%q came back as %q, %v", b, args, err)
		}
		SplitArgs(b) // must not panic
	})
}
