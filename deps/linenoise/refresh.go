// SPDX-License-Identifier: BSD-3-Clause

package linenoise

// refresh.go - drawing the line.
//
// It is drawn anew for each key, over as many rows as it takes: down to the last row that was used, up again clearing each, prompt and line and
// hint, and back to where the cursor is. The terminal wraps by itself.

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// width is the number of columns that text takes.
func width(text []byte) int { return utf8.RuneCount(text) }

func (l *state) refresh() {
	if l.e.Mask {
		l.refreshMasked()
		return
	}
	prompt, text, cursor := l.prompt, string(l.buf), width(l.buf[:l.pos])
	plen := width([]byte(prompt))
	textLen := width(l.buf)
	if l.search.mode != 0 {
		prompt = l.search.prompt()
		plen = len(prompt)
		if found, at := l.searchResult(); found != "" {
			query := string(l.buf)
			text = fmt.Sprintf("\x1b[0m%s\x1b[1m%s\x1b[0m%s", found[:at], query, found[at+len(query):])
			textLen = width([]byte(found))
			cursor += width([]byte(found[:at]))
		}
	}
	rows := (plen + textLen + l.cols - 1) / l.cols
	row := (l.oldCol + l.cols) / l.cols // where the cursor is now
	used := l.maxRows
	l.maxRows = max(l.maxRows, rows)

	var out strings.Builder
	if used > row {
		fmt.Fprintf(&out, "\x1b[%dB", used-row)
	}
	for range used - 1 {
		out.WriteString("\r\x1b[0K\x1b[1A")
	}
	out.WriteString("\r\x1b[0K" + prompt + text)
	if l.search.mode == 0 {
		l.writeHint(&out, l.cols-(plen+textLen))
	}
	// Behind a full last row the terminal does not move on by itself.
	if cursor > 0 && l.pos == len(l.buf) && cursor == textLen && (plen+cursor)%l.cols == 0 {
		out.WriteString("\n\r")
		rows++
		l.maxRows = max(l.maxRows, rows)
	}
	if up := rows - (plen+cursor+l.cols)/l.cols; up > 0 {
		fmt.Fprintf(&out, "\x1b[%dA", up)
	}
	out.WriteByte('\r')
	if col := (plen + cursor) % l.cols; col > 0 {
		fmt.Fprintf(&out, "\x1b[%dC", col)
	}
	l.oldCol = plen + cursor
	_, _ = l.e.Out.WriteString(out.String())
}

// refreshMasked draws a line of stars, in one row.
func (l *state) refreshMasked() {
	stars := strings.Repeat("*", width(l.buf))
	fmt.Fprintf(l.e.Out, "\r%s%s\x1b[0K\r\x1b[%dC", l.prompt, stars, width([]byte(l.prompt))+width(l.buf[:l.pos]))
}

// writeHint shows as much of the hint as fits into the row.
func (l *state) writeHint(out *strings.Builder, room int) {
	if l.noHints || l.e.Hint == nil || room <= 0 {
		return
	}
	hint := l.e.Hint(string(l.buf))
	if hint == nil {
		return
	}
	text := hint.Text[:min(len(hint.Text), room)]
	bold, color := 0, hint.Color
	if hint.Bold {
		bold = 1
		if color == 0 {
			color = 37
		}
	}
	if color == 0 {
		out.WriteString(text)
		return
	}
	fmt.Fprintf(out, "\x1b[%d;%d;49m%s\x1b[0m", bold, color, text)
}
