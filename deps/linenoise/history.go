// SPDX-License-Identifier: BSD-3-Clause

package linenoise

// history.go - the lines of before: walking through them, searching them, and their file.

import (
	"bufio"
	"os"
	"strings"
)

type historyLine struct {
	text      string
	sensitive bool // not for the file
}

// AddHistory keeps a line, unless it is the one that was kept last. A sensitive one stays out of the file.
func (e *Editor) AddHistory(line string, sensitive bool) {
	if n := len(e.history); n > 0 && e.history[n-1].text == line {
		return
	}
	e.pushHistory(line, sensitive)
}

func (e *Editor) pushHistory(line string, sensitive bool) {
	if len(e.history) == DefaultHistoryMaxLen {
		e.history = append(e.history[:0], e.history[1:]...)
	}
	e.history = append(e.history, historyLine{line, sensitive})
}

func (e *Editor) popHistory() { e.history = e.history[:len(e.history)-1] }

// SaveHistory writes the lines to a file that only its owner may read.
func (e *Editor) SaveHistory(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	// A file that is there already may be open to others.
	_ = f.Chmod(0o600)
	w := bufio.NewWriter(f)
	for _, line := range e.history {
		if !line.sensitive {
			w.WriteString(line.text)
			w.WriteByte('\n')
		}
	}
	err = w.Flush()
	if err1 := f.Close(); err == nil {
		err = err1
	}
	return err
}

// LoadHistory adds the lines of a file.
func (e *Editor) LoadHistory(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if i := strings.IndexAny(line, "\r\n"); i >= 0 {
			line = line[:i]
		}
		e.AddHistory(line, false)
	}
	return nil
}

// walkHistory goes to an older line (1) or a newer one (-1). What was changed in a line stays in it.
func (l *state) walkHistory(step int) {
	h := l.e.history
	if len(h) <= 1 {
		return
	}
	h[len(h)-1-l.index].text = string(l.buf)
	index := l.index + step
	if index < 0 || index >= len(h) {
		return
	}
	l.index = index
	l.buf = append(l.buf[:0], h[len(h)-1-index].text...)
	l.pos = len(l.buf)
	l.refresh()
}

// --- Incremental search ---

// search is a search through the history. What is looked for is the line itself while it lasts.
type search struct {
	mode  int    // 0: none; -1: towards older lines; 1: towards newer ones
	at    int    // index in the history of the line found; -1: none
	query string // for which it was found
	cycle bool   // go on from there
}

func (s *search) prompt() string {
	if s.mode < 0 {
		return "(reverse-i-search): "
	}
	return "(i-search): "
}

func (l *state) startSearch(key int) {
	if l.search.mode == 0 {
		l.buf, l.pos = l.buf[:0], 0
		l.search.at = -1
	}
	l.search.mode = -1
	if key == ctrlS {
		l.search.mode = 1
	}
	l.refresh()
}

// searchResult finds the line to show and where in it the match is. Without a word to look for there is none.
//
// A key that edits the word starts over, at the newest line (or the oldest); Ctrl-R and Ctrl-S go on from the line found last, and stay there when
// there is no other. All other keys keep the line: C starts over for them as well, so that Enter may run another line than the one that is shown.
func (l *state) searchResult() (found string, at int) {
	s := &l.search
	cycle := s.cycle
	s.cycle = false
	if len(l.buf) == 0 {
		s.query, s.at = "", -1
		return "", 0
	}
	query := string(l.buf)
	h := l.e.history[:len(l.e.history)-1]
	i := 0
	switch {
	case query == s.query && s.at >= 0 && !cycle:
		i = s.at
	case query == s.query && s.at >= 0:
		i = s.at + s.mode
	case s.mode < 0:
		i = len(h) - 1
	}
	if query != s.query {
		s.query, s.at = query, -1
	}
	for ; i >= 0 && i < len(h); i += s.mode {
		if strings.Contains(h[i].text, query) {
			s.at = i
			break
		}
	}
	if s.at < 0 || s.at >= len(h) {
		return "", 0
	}
	return h[s.at].text, strings.Index(h[s.at].text, query)
}

// handleSearch does what keys mean in a search; false: what they mean otherwise, to the word that is looked for.
func (l *state) handleSearch(key int) bool {
	switch key {
	case ctrlR, ctrlS:
		l.search.cycle = true
		l.startSearch(key)
	case ctrlC, ctrlG, keyNone, keyUp, keyDown, keyLeft, keyRight, keyHome, keyEnd, keyDelete:
		l.buf, l.pos = l.buf[:0], 0
		l.search.mode = 0
		l.refresh()
	case tab:
		hints := l.noHints
		l.noHints = true
		l.acceptSearch()
		l.noHints = hints
	default:
		return false
	}
	return true
}

// acceptSearch makes the line found the line being edited, or the word, where none was found.
func (l *state) acceptSearch() {
	if at := l.search.at; at >= 0 && at < len(l.e.history) && len(l.buf) > 0 {
		l.buf = append(l.buf[:0], l.e.history[at].text...)
	}
	l.pos = len(l.buf)
	l.search.mode = 0
	l.refresh()
}
