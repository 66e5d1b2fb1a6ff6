// SPDX-License-Identifier: BSD-3-Clause

package main

// progress.go - what the walks over all keys show on a terminal while they last: a bar and what was found so far, drawn over itself.

import (
	"fmt"
	"strings"
	"time"
)

const (
	progressInterval = 300 * time.Millisecond
	progressBar      = 60 // columns
)

// progress is a part of the screen that is drawn again and again. Where the output is no terminal it shows nothing by itself.
type progress struct {
	c     *cli
	fancy bool // a terminal
	total int64
	lines int // that are on the screen
	shown time.Time
}

func newProgress(c *cli, total int64) *progress {
	return &progress{c: c, fancy: c.output == outputStandard, total: total, shown: time.Now()}
}

// plain prints where nothing is drawn.
func (p *progress) plain(format string, args ...any) {
	if !p.fancy {
		p.c.printf(format, args...)
	}
}

// line prints a line; on a terminal over what is there.
func (p *progress) line(format string, args ...any) {
	if p.fancy {
		p.c.printf("\x1b[2K\r")
	}
	p.c.printf("%s\n", fmt.Sprintf(format, args...))
	p.lines++
}

// top goes back to the first line that was drawn.
func (p *progress) top() {
	if p.fancy && p.lines > 0 {
		p.c.printf("\x1b[%dA\r", p.lines)
	}
	p.lines = 0
}

func (p *progress) percent(sampled uint64) float64 {
	if p.total == 0 {
		return 0
	}
	return 100 * float64(sampled) / float64(p.total)
}

// begin draws the first two lines over what was drawn before.
func (p *progress) begin(sampled uint64) {
	p.top()
	pct := p.percent(sampled)
	if p.fancy {
		done := min(max(int(pct*progressBar/100), 0), progressBar)
		p.line("%6.2f%% \x1b[32m%s\x1b[31m%s\x1b[39m", pct, strings.Repeat("|", done), strings.Repeat("-", progressBar-done))
	} else {
		p.line("%6.2f%% keys scanned", pct)
	}
	p.line("Keys sampled: %d", sampled)
}

// refresh draws anew from time to time.
func (p *progress) refresh(show func()) {
	if p.fancy && time.Since(p.shown) >= progressInterval {
		show()
		p.c.out.Flush()
		p.shown = time.Now()
	}
}

// end shows that the walk is over, and leaves the cursor behind that, with room below cleared.
func (p *progress) end(sampled uint64, clear int) {
	if !p.fancy {
		return
	}
	p.begin(sampled)
	p.lines = 0
	for range clear {
		p.line("")
	}
	p.top()
}
