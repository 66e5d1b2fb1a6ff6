// SPDX-License-Identifier: BSD-3-Clause

package linenoise

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// typed gives what an editor makes of keys that come through a pipe: the line, its error and all that it drew.
func typed(t *testing.T, e *Editor, keys string) (line, drawn string, err error) {
	t.Helper()
	in, keyboard, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "screen"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	go func() {
		_, _ = keyboard.WriteString(keys)
		keyboard.Close()
	}()
	e.In, e.Out, e.ForceTTY = NewInput(in), out, true
	line, err = e.ReadLine("> ")
	text, rerr := os.ReadFile(out.Name())
	if rerr != nil {
		t.Fatal(rerr)
	}
	return line, string(text), err
}

func TestKeys(t *testing.T) {
	for keys, want := range map[string]string{
		"abc\r":                             "abc",
		"abc\x01x\r":                        "xabc",
		"abc\x01\x06x\x05y\r":               "axbcy",
		"abc\x02\x02x\r":                    "axbc",
		"abc\x1b[D\x1b[Dx\x1b[Cy\r":         "axbyc",
		"abc\x1b[Hx\x1b[Fy\x1bOHz\x1bOFw\r": "zxabcyw",
		"abc\x7f\x08d\r":                    "ad",
		"abc\x01\x04\x1b[3~\r":              "c",
		"abc\x02\x0b\r":                     "ab",
		"abc\x15d\r":                        "d",
		"one two  \x17x\r":                  "one x",
		"abc\x02\x14\r":                     "acb",
		"abc\x14\r":                         "abc",
		"hé\x02x\r":                         "hxé",
		"hé\x7f\r":                          "h",
		"aé\x02\x14\r":                      "éa",
		"a\x07\n\x1b[9~\x1b[Zb\r":           "ab",
		"a\tb\r":                            "ab",
		"\xff\xfea\x7f\x7f\r":               "\xff",
		"abc\x0c\r":                         "abc",
	} {
		if line, _, err := typed(t, &Editor{Complete: func(string) []string { return nil }}, keys); line != want || err != nil {
			t.Errorf("%q: %q, %v; want %q", keys, line, err, want)
		}
	}
	for keys, want := range map[string]error{"\x04": io.EOF, "abc\x03": ErrInterrupted, "abc": io.EOF, "": io.EOF, "a\x1b[": io.EOF} {
		if line, _, err := typed(t, &Editor{}, keys); !errors.Is(err, want) {
			t.Errorf("%q: %q, %v", keys, line, err)
		}
	}
}

func TestWhatIsDrawn(t *testing.T) {
	e := &Editor{Hint: func(line string) *Hint {
		if line == "g" {
			return &Hint{Text: " key", Color: 90}
		}
		return nil
	}}
	_, drawn, _ := typed(t, e, "ga\r")
	if want := "> \r\x1b[0K> g\x1b[0;90;49m key\x1b[0m\r\x1b[3C\r\x1b[0K> ga\r\x1b[4C\r\x1b[0K> ga\r\x1b[4C\n"; drawn != want {
		t.Errorf("%q, want %q", drawn, want)
	}
	// A line that fills the row goes on in the next one, which is cleared when the line gets shorter.
	long := strings.Repeat("x", 78)
	_, drawn, _ = typed(t, &Editor{}, long+"\x7f\r")
	if want := "\r\x1b[0K> " + long + "\n\r\r" + "\r\x1b[0K\x1b[1A\r\x1b[0K> " + long[1:] + "\r\x1b[79C"; !strings.Contains(drawn, want) {
		t.Errorf("%q, want %q", drawn[len(drawn)-400:], want)
	}
	_, drawn, _ = typed(t, &Editor{Mask: true}, "ab\x7fc\r")
	if want := "> **\r> *\x1b[0K\r\x1b[3C*\n"; drawn != want {
		t.Errorf("%q, want %q", drawn, want)
	}
}

func TestCompletions(t *testing.T) {
	e := &Editor{Complete: func(line string) []string {
		if line == "g" {
			return []string{"GET", "GETDEL"}
		}
		return nil
	}}
	for keys, want := range map[string]string{"g\t x\r": "GET x", "g\t\t x\r": "GETDEL x", "g\t\t\tx\r": "gx", "g\t\x1b[Dx\r": "xg", "h\tx\r": "hx", "g\t\r": "GET"} {
		if line, _, err := typed(t, e, keys); line != want || err != nil {
			t.Errorf("%q: %q, %v; want %q", keys, line, err, want)
		}
	}
}

func TestHistory(t *testing.T) {
	e := &Editor{}
	for _, line := range []string{"one", "two", "two", "three"} {
		e.AddHistory(line, false)
	}
	for keys, want := range map[string]string{
		"\x10\r":                 "three",
		"\x10\x10\r":             "two",
		"\x10\x10\x10\x10\x10\r": "one",
		"\x1b[A\x1b[A\x1b[B\r":   "three",
		"x\x10\x0e\r":            "x",
		"\x0ea\r":                "a",
		"\x12o\r":                "two",
		"\x12o\x12\r":            "one",
		"\x12o\x12\x12\x12\r":    "one",
		"\x12o\x12\x13\r":        "two",
		"\x13o\r":                "one",
		"\x12nosuch\r":           "nosuch",
		"\x12thr\t!\r":           "three!",
		"\x12thr\x07x\r":         "x",
		"\x12thr\x1b[Ax\r":       "x",
		"\x12thr\x03x\r":         "x",
		"abc\x12\x7f\r":          "",
		"\x12oz\x7f\r":           "two",
	} {
		if line, _, err := typed(t, e, keys); line != want || err != nil {
			t.Errorf("%q: %q, %v; want %q", keys, line, err, want)
		}
	}
	_, drawn, _ := typed(t, e, "\x12o\x07\x04")
	if want := "\r\x1b[0K(reverse-i-search): \x1b[0mtw\x1b[1mo\x1b[0m\r\x1b[23C"; !strings.Contains(drawn, want) {
		t.Errorf("%q, want %q", drawn, want)
	}
	// A line that was changed stays so.
	if line, _, _ := typed(t, e, "\x10!\x10\x0e\r"); line != "three!" {
		t.Errorf("%q", line)
	}
}

func TestHistoryFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	e := &Editor{}
	if err := e.LoadHistory(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	e.AddHistory("one", false)
	e.AddHistory("auth secret", true)
	e.AddHistory("two", false)
	if err := e.SaveHistory(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "one\ntwo\n" {
		t.Fatalf("%q, %v", text, err)
	}
	if line, _, _ := typed(t, e, "\x10\x10\r"); line != "auth secret" {
		t.Errorf("%q: a secret is there in the session", line)
	}
	again := &Editor{}
	if err := again.LoadHistory(path); err != nil || len(again.history) != 2 {
		t.Fatalf("%v, %v", again.history, err)
	}
	for i := range 300 {
		again.AddHistory(strings.Repeat("x", i), false)
	}
	if len(again.history) != DefaultHistoryMaxLen || len(again.history[99].text) != 299 {
		t.Errorf("%d lines", len(again.history))
	}
}

func TestPlainInput(t *testing.T) {
	in, other, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	go func() {
		_, _ = other.WriteString("one\n\ntwo" + strings.Repeat("x", 10000) + "\nlast")
		other.Close()
	}()
	e := &Editor{In: NewInput(in), Out: os.Stdout}
	for _, want := range []string{"one", "", "two" + strings.Repeat("x", 10000), "last"} {
		if line, err := e.ReadLine("> "); line != want || err != nil {
			t.Errorf("%.20q, %v; want %.20q", line, err, want)
		}
	}
	if line, err := e.ReadLine("> "); err != io.EOF {
		t.Errorf("%q, %v", line, err)
	}
}

func TestWaitingForInput(t *testing.T) {
	in, other, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	input := NewInput(in)
	ready := input.Ready()
	select {
	case <-ready:
		t.Fatal("ready without input")
	default:
	}
	if _, err := other.WriteString("ab\nc"); err != nil {
		t.Fatal(err)
	}
	input.Take(<-ready)
	if c, err := input.ReadByte(); c != 'a' || err != nil {
		t.Fatalf("%c, %v", c, err)
	}
	input.Take(<-input.Ready()) // what is there is ready at once
	if line, err := input.ReadLine(); line != "b" || err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	other.Close()
	if rest, err := io.ReadAll(input); string(rest) != "c" || err != nil {
		t.Fatalf("%q, %v", rest, err)
	}
}

// No keys may crash the editor, and what they give is text if they are.
func FuzzKeys(f *testing.F) {
	for _, keys := range []string{"abc\r", "a\x12b\x07\r", "\x10\x0e\r", "é\x02\x14\r", "g\t\t\x1b[D\r", strings.Repeat("x", 200) + "\x01\x7f\r"} {
		f.Add([]byte(keys))
	}
	dir := f.TempDir()
	out, err := os.Create(filepath.Join(dir, "screen"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, keys []byte) {
		in := &Input{buf: bytes.Clone(keys), err: io.EOF}
		e := &Editor{In: in, Out: out, ForceTTY: true, Complete: func(line string) []string { return []string{line + "GET"} },
			Hint: func(line string) *Hint { return &Hint{Text: " key", Color: 90} }}
		e.AddHistory("get a", false)
		e.AddHistory("set é 1", false)
		line, _ := e.ReadLine("> ")
		if utf8.Valid(keys) && !utf8.ValidString(line) && bytes.IndexByte(keys, 27) < 0 {
			t.Errorf("%q gives %q", keys, line)
		}
		if len(e.history) != 2 {
			t.Errorf("%d lines of history", len(e.history))
		}
		_ = out.Truncate(0)
	})
}
