// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"redport/src/util"
)

// The tables of pub/sub.

// TestPatternIndex compares the index with going through all patterns.
func TestPatternIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func(alphabet string, most int) string {
		var b strings.Builder
		for range r.IntN(most + 1) {
			b.WriteByte(alphabet[r.IntN(len(alphabet))])
		}
		return b.String()
	}
	var x patternIndex
	have := map[string]*subscribers{}
	for step := range 20000 {
		name := text(`ab*?[]\`, 5)
		if subs := have[name]; subs != nil {
			x.remove(subs)
			delete(have, name)
		} else {
			have[name] = &subscribers{name: name}
			x.add(have[name])
		}
		if step%10 != 0 {
			continue
		}
		channel := text(`ab[\`, 6)
		var want, got []string
		for name := range have {
			if util.StringMatchLen(name, channel, false) {
				want = append(want, name)
			}
		}
		for i := range x {
			if g := &x[i]; g.length <= len(channel) {
				for _, subs := range g.candidates([]byte(channel)) {
					if util.StringMatchLen(subs.name, channel, false) {
						got = append(got, subs.name)
					}
				}
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Fatalf("channel %q: found %q, want %q", channel, got, want)
		}
	}
	for _, subs := range have {
		x.remove(subs)
	}
	if len(x) != 0 {
		t.Fatalf("%d groups are left of nothing", len(x))
	}
}

// TestPubsubTables subscribes and unsubscribes at random; both sides must agree at every step.
func TestPubsubTables(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	server := &Server{pubsubChannels: pubsubTable{}}
	clients := make([]*client, 8)
	for i := range clients {
		clients[i] = &client{server: server}
	}
	for range 5000 {
		c := clients[r.IntN(len(clients))]
		name := fmt.Sprint("channel", r.IntN(4))
		if r.IntN(2) == 0 {
			server.pubsubLink(server.pubsubChannels, channelsOf, c, []byte(name))
		} else {
			server.pubsubUnlink(server.pubsubChannels, channelsOf, c, name)
		}
		total := 0
		for name, subs := range server.pubsubChannels {
			if len(subs.clients) == 0 || subs.name != name {
				t.Fatalf("%s is in the table as %q with %d subscribers", name, subs.name, len(subs.clients))
			}
			for place, c := range subs.clients {
				if got, ok := c.pubsubChannels[name]; !ok || got != place {
					t.Fatalf("a subscriber of %s thinks to be at %d, %v; it is at %d", name, got, ok, place)
				}
			}
			total += len(subs.clients)
		}
		for _, c := range clients {
			total -= len(c.pubsubChannels)
		}
		if total != 0 {
			t.Fatalf("the clients' side and the server's differ by %d subscriptions", total)
		}
	}
}
