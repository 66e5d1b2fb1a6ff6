// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"strings"
	"testing"
)

func TestLolwut(t *testing.T) {
	c := idleServer(t).fakeClient()
	for _, test := range []struct{ command, want string }{
		{"LOLWUT", "in the manner of 1961"},
		{"LOLWUT it", "in the manner of 1961"},
		{"LOLWUT VERSION 5 40 4 4", "Georg Nees - schotter, plotter on paper, 1968. Redis ver. 8.0.6\n"},
		{"LOLWUT VERSION 5 0 -1 100000", "Georg Nees"},
		{"LOLWUT VERSION 6", "Original 8 bit image from Plaguemon by hikikomori. Redis ver. 8.0.6\n"},
		{"LOLWUT VERSION 6 1 1", "Dedicated to"},
		{"LOLWUT VERSION 7", "$17\r\nRedis ver. 8.0.6\n\r\n"},
		{"LOLWUT VERSION 5 x", "-ERR value is not an integer or out of range\r\n"},
	} {
		if got := c.run(strings.Fields(test.command)...); !strings.Contains(got, test.want) {
			t.Errorf("%s replies %q", test.command, got)
		}
	}
}

// A stanza keeps the rules.
func TestTapeMark(t *testing.T) {
	server := idleServer(t)
	source := func(v int) int { return v / 5 }
	for range 1000 {
		stanza := server.tapeMark()
		if len(stanza) == 0 || len(stanza) > tapeMarkStanza {
			t.Fatalf("a stanza of %d verses", len(stanza))
		}
		seen := map[int]bool{}
		for i, v := range stanza {
			if seen[v] {
				t.Fatalf("%v repeats a verse", stanza)
			}
			seen[v] = true
			if i > 0 && (source(v) == source(stanza[i-1]) || tapeMarkVerses[stanza[i-1]].successors>>v&1 == 0) {
				t.Fatalf("%v has verses that do not fit", stanza)
			}
		}
	}
}
