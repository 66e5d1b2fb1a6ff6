// SPDX-License-Identifier: BSD-3-Clause

// Package linenoise is a line editor for terminals: editing keys, history with incremental search, completion, and hints to the right of
// what is being typed. It knows three escape sequences and needs no terminal database.
//
// An Editor reads from an Input, which others may read from too while no line is being edited. Where the input is no terminal, ReadLine reads
// plain lines without a prompt; where the terminal is known to understand no escapes (TERM=dumb), with one.
//
// Counterpart: linenoise.c, in multi-line mode. Differences: characters of UTF-8 are moved over and deleted as one, lines may have any
// length, and the end of the input ends the session instead of giving empty lines for ever.
package linenoise

import (
	"errors"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"redport/src/platform"
)

// DefaultHistoryMaxLen is how many lines are kept.
const DefaultHistoryMaxLen = 100

// ErrInterrupted is what ReadLine returns after Ctrl-C.
var ErrInterrupted = errors.New("interrupted")

// Hint is a text shown behind the line.
type Hint struct {
	Text  string
	Color int // of the terminal, as 90; 0: none
	Bold  bool
}

// Editor edits lines. Its fields may be changed between lines.
type Editor struct {
	In   *Input
	Out  *os.File
	Mask bool // show stars: for passwords

	// ForceTTY has the input taken for a terminal though it is none, for tests.
	ForceTTY bool

	Complete func(line string) []string
	Hint     func(line string) *Hint

	history []historyLine
	restore func() // of the terminal, while a line is edited
}

// ReadLine shows the prompt and gives the line that was typed, without its end. The error is io.EOF for the end of the input (or Ctrl-D on an
// empty line), or ErrInterrupted.
func (e *Editor) ReadLine(prompt string) (string, error) {
	switch {
	case !e.ForceTTY && !platform.IsTerminal(e.In.File()):
		return e.In.ReadLine()
	case !e.ForceTTY && unsupportedTerm():
		if _, err := io.WriteString(e.Out, prompt); err != nil {
			return "", err
		}
		line, err := e.In.ReadLine()
		return strings.TrimRight(line, "\r\n"), err
	}
	if !e.ForceTTY {
		restore, err := platform.RawTerminal(e.In.File())
		if err != nil {
			return "", err
		}
		e.restore = restore
	}
	line, err := e.edit(prompt)
	e.Restore()
	_, _ = io.WriteString(e.Out, "\n")
	return line, err
}

// Restore puts the terminal back as it was before ReadLine, for programs that exit in the middle of a line.
func (e *Editor) Restore() {
	if restore := e.restore; restore != nil {
		e.restore = nil
		restore()
	}
}

// ClearScreen clears the screen.
func (e *Editor) ClearScreen() { _, _ = io.WriteString(e.Out, "\x1b[H\x1b[2J") }

func unsupportedTerm() bool {
	switch strings.ToLower(os.Getenv("TERM")) {
	case "dumb", "cons25", "emacs":
		return true
	}
	return false
}

// Keys.
const (
	ctrlA     = 1
	ctrlB     = 2
	ctrlC     = 3
	ctrlD     = 4
	ctrlE     = 5
	ctrlF     = 6
	ctrlG     = 7
	ctrlH     = 8
	tab       = 9
	ctrlJ     = 10
	ctrlK     = 11
	ctrlL     = 12
	enter     = 13
	ctrlN     = 14
	ctrlP     = 16
	ctrlR     = 18
	ctrlS     = 19
	ctrlT     = 20
	ctrlU     = 21
	ctrlW     = 23
	esc       = 27
	backspace = 127
)

// Keys that come as escape sequences, as numbers that no byte has.
const (
	keyNone = 256 + iota
	keyUp
	keyDown
	keyRight
	keyLeft
	keyHome
	keyEnd
	keyDelete
)

// state is a line being edited.
type state struct {
	e       *Editor
	prompt  string
	buf     []byte
	pos     int // of the cursor in buf
	oldCol  int // of the cursor, as if the line were one row, when it was last drawn
	cols    int // of the terminal
	maxRows int // rows that were used so far
	index   int // in the history, counted from its end: 0 is the line being typed

	noHints bool
	search  search
}

func (e *Editor) edit(prompt string) (string, error) {
	l := &state{e: e, prompt: prompt}
	l.cols, _ = platform.TerminalSize(e.Out)
	// The line being typed is the last of the history, so that one can come back to it.
	e.pushHistory("", false)
	defer e.popHistory()
	l.oldCol = width([]byte(prompt))
	if _, err := io.WriteString(e.Out, prompt); err != nil {
		return "", err
	}
	for {
		key, err := l.key()
		if key == ctrlJ && !e.ForceTTY {
			key = enter // typed before the terminal was in raw mode
		}
		if err == nil && key == tab && l.search.mode == 0 && e.Complete != nil {
			key, err = l.completeLine()
		}
		if err != nil {
			return "", err
		}
		done, err := l.handle(key)
		if done || err != nil {
			return string(l.buf), err
		}
	}
}

// key reads a key. Escape sequences come one byte at a time over slow lines.
func (l *state) key() (int, error) {
	c, err := l.e.In.ReadByte()
	if err != nil || c != esc {
		return int(c), err
	}
	return l.escapeSequence()
}

func (l *state) escapeSequence() (int, error) {
	var seq [3]byte
	for i := range 2 {
		var err error
		if seq[i], err = l.e.In.ReadByte(); err != nil {
			return 0, err
		}
	}
	switch seq[0] {
	case '[':
		if seq[1] < '0' || seq[1] > '9' {
			return letterKey(seq[1], "ABCDHF"), nil
		}
		var err error
		if seq[2], err = l.e.In.ReadByte(); err != nil {
			return 0, err
		}
		if seq[2] != '~' {
			return keyNone, nil
		}
		switch seq[1] {
		case '3':
			return keyDelete, nil
		case '1', '7':
			return keyHome, nil
		case '4', '8':
			return keyEnd, nil
		}
	case 'O':
		return letterKey(seq[1], "ABCDHF"), nil
	}
	return keyNone, nil
}

func letterKey(c byte, letters string) int {
	keys := [...]int{keyUp, keyDown, keyRight, keyLeft, keyHome, keyEnd}
	if i := strings.IndexByte(letters, c); i >= 0 {
		return keys[i]
	}
	return keyNone
}

// handle does what a key says. done: the line is finished.
func (l *state) handle(key int) (done bool, err error) {
	if l.search.mode != 0 && l.handleSearch(key) {
		return false, nil
	}
	switch key {
	case enter:
		l.finish()
		return true, nil
	case ctrlC:
		return false, ErrInterrupted
	case ctrlD:
		if len(l.buf) == 0 {
			return false, io.EOF
		}
		l.deleteNext()
	case ctrlR, ctrlS:
		l.startSearch(key)
	case ctrlG, ctrlJ, keyNone:
	case backspace, ctrlH:
		l.deletePrevious()
	case keyDelete:
		l.deleteNext()
	case ctrlT:
		l.swap()
	case ctrlB, keyLeft:
		l.moveTo(l.previous())
	case ctrlF, keyRight:
		l.moveTo(l.next())
	case ctrlA, keyHome:
		l.moveTo(0)
	case ctrlE, keyEnd:
		l.moveTo(len(l.buf))
	case ctrlP, keyUp:
		l.walkHistory(1)
	case ctrlN, keyDown:
		l.walkHistory(-1)
	case ctrlU:
		l.buf, l.pos = l.buf[:0], 0
		l.refresh()
	case ctrlK:
		l.buf = l.buf[:l.pos]
		l.refresh()
	case ctrlL:
		l.e.ClearScreen()
		l.refresh()
	case ctrlW:
		l.deleteWord()
	default:
		l.insert(byte(key))
	}
	return false, nil
}

// finish leaves the line as it was typed, without hints, and the cursor at its end.
func (l *state) finish() {
	if l.pos != len(l.buf) {
		l.pos = len(l.buf)
		l.refresh()
	}
	if l.e.Mask {
		return // nothing has to be taken off the screen
	}
	l.noHints = true
	l.refresh()
	if l.search.mode != 0 {
		l.acceptSearch()
	}
}

// --- Editing ---

// previous and next are the positions of the characters beside the cursor.
func (l *state) previous() int {
	_, n := utf8.DecodeLastRune(l.buf[:l.pos])
	return l.pos - n
}

func (l *state) next() int {
	_, n := utf8.DecodeRune(l.buf[l.pos:])
	return l.pos + n
}

func (l *state) moveTo(pos int) {
	if pos != l.pos {
		l.pos = pos
		l.refresh()
	}
}

// cut removes buf[from:to], before or behind the cursor.
func (l *state) cut(from, to int) {
	l.buf = append(l.buf[:from], l.buf[to:]...)
	l.pos = from
	l.refresh()
}

func (l *state) deletePrevious() {
	if l.pos > 0 {
		l.cut(l.previous(), l.pos)
	}
}

func (l *state) deleteNext() {
	if l.pos < len(l.buf) {
		l.cut(l.pos, l.next())
	}
}

func (l *state) deleteWord() {
	from := l.pos
	for from > 0 && l.buf[from-1] == ' ' {
		from--
	}
	for from > 0 && l.buf[from-1] != ' ' {
		from--
	}
	l.cut(from, l.pos)
}

// swap exchanges the character under the cursor and the one before it.
func (l *state) swap() {
	if l.pos == 0 || l.pos == len(l.buf) {
		return
	}
	from, to := l.previous(), l.next()
	both := string(l.buf[l.pos:to]) + string(l.buf[from:l.pos])
	copy(l.buf[from:to], both)
	if to != len(l.buf) {
		l.pos = to
	}
	l.refresh()
}

func (l *state) insert(c byte) {
	l.buf = append(l.buf, 0)
	copy(l.buf[l.pos+1:], l.buf[l.pos:])
	l.buf[l.pos] = c
	l.pos++
	if l.e.Mask && l.pos == len(l.buf) && utf8.RuneStart(c) {
		_, _ = l.e.Out.WriteString("*")
		return
	}
	// The bytes of a character are shown once they are all there.
	if c < utf8.RuneSelf || utf8.Valid(l.buf[max(0, l.pos-utf8.UTFMax):l.pos]) || utf8.FullRune(lastStart(l.buf[:l.pos])) {
		l.refresh()
	}
}

// lastStart is what follows the last byte that can begin a character, with that byte.
func lastStart(b []byte) []byte {
	for i := len(b) - 1; i >= 0; i-- {
		if utf8.RuneStart(b[i]) {
			return b[i:]
		}
	}
	return b
}

// --- Completion ---

// completeLine shows one completion after another for each Tab, then the line as it was. The key that ends that is returned, to be
// handled.
func (l *state) completeLine() (int, error) {
	completions := l.e.Complete(string(l.buf))
	if len(completions) == 0 {
		beep()
		return keyNone, nil
	}
	for i := 0; ; {
		shown := *l
		if i < len(completions) {
			shown.buf = []byte(completions[i])
			shown.pos = len(shown.buf)
		}
		shown.refresh()
		l.oldCol, l.maxRows = shown.oldCol, shown.maxRows
		c, err := l.e.In.ReadByte()
		switch {
		case err != nil:
			return 0, err
		case c == tab:
			i = (i + 1) % (len(completions) + 1)
			if i == len(completions) {
				beep()
			}
		case c == esc:
			if i < len(completions) {
				l.refresh()
			}
			return l.escapeSequence()
		default:
			l.buf, l.pos = shown.buf, shown.pos
			return int(c), nil
		}
	}
}

func beep() { _, _ = io.WriteString(os.Stderr, "\a") }
