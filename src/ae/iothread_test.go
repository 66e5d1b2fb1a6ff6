// SPDX-License-Identifier: BSD-3-Clause

package ae

import (
	"net"
	"testing"
)

// Input that a batch has read is delivered once and in order, whatever the handlers before it in the batch do: turns
// inside, PauseRead, Close, changing the number of threads.
func TestBatchOrder(t *testing.T) {
	if len(pollers) == 0 {
		t.Skip("no descriptors")
	}
	b := newBench(t, mode{backend: Backends()[0], network: "tcp", io: 4}, nil)
	const conns = 40
	var ncs []net.Conn
	var all []*tester
	got := make([]string, conns)
	first := true
	b.listen(func(c *Conn) {
		i := len(all)
		h := &tester{c: c}
		h.data = func(in []byte) (int, int) {
			if first {
				first = false
				for k := range ncs {
					if k != i {
						ncs[k].Write([]byte("b"))
					}
					if k%4 == 1 {
						all[k].c.PauseRead()
					}
					if k%4 == 2 && k != i {
						all[k].c.Close()
					}
				}
				for range 3 {
					b.l.ProcessEvents(false)
				}
				b.l.SetIOThreads(2)
				b.l.io.minimum, b.l.io.always = 1, true
			}
			got[i] += string(in)
			return len(in), 0
		}
		all = append(all, h)
		c.SetHandler(h)
	})
	for range conns {
		ncs = append(ncs, b.dial())
		b.until("accepted", func() bool { return len(all) == len(ncs) })
	}
	b.do(func() {
		for _, nc := range ncs {
			nc.Write([]byte("a"))
		}
	})
	b.until("delivered", func() bool {
		for i, h := range all {
			switch {
			case h.c.ReadPaused(): // some of these may have been delivered before they were paused
				if len(got[i]) > 2 {
					t.Errorf("connection %d: %q while paused", i, got[i])
				}
			case h.c.IsClosed():
			case len(got[i]) < 2 && i != 0:
				return false
			}
		}
		return true
	})
	b.do(func() {
		for _, h := range all {
			h.c.ResumeRead()
		}
	})
	b.until("delivered after ResumeRead", func() bool {
		for i, h := range all {
			if !h.c.IsClosed() && len(got[i]) < 2 && got[i] != "a" {
				return false
			}
		}
		return true
	})
	ncs[1].Write([]byte("c"))
	b.until("still alive", func() bool { return got[1] == "abc" || got[1] == "ac" })
	b.do(func() {
		short := 0
		for i, h := range all {
			if h.c.IsClosed() {
				continue
			}
			switch got[i] {
			case "ab", "abc":
			case "a", "ac": // the one that wrote
				short++
			default:
				t.Errorf("connection %d: %q", i, got[i])
			}
		}
		if short != 1 {
			t.Errorf("%d connections are short of input", short)
		}
		if b.l.Stats.ThreadedReads == 0 {
			t.Error("no threaded reads")
		}
	})
}

func TestSetIOThreads(t *testing.T) {
	b := newBench(t, mode{backend: Backends()[0], network: "tcp"}, nil)
	b.listen(func(c *Conn) { newFramed(t, c, true) })
	var ncs []net.Conn
	for range 16 {
		ncs = append(ncs, b.dial())
	}
	for n := range 6 {
		b.do(func() {
			b.l.SetIOThreads(n)
			if len(pollers) > 0 && b.l.IOThreads() != max(n, 1) {
				t.Errorf("%d threads, want %d", b.l.IOThreads(), n)
			}
			if b.l.io != nil {
				b.l.io.minimum, b.l.io.always = 1, true
			}
		})
		errs := make(chan error)
		for i, nc := range ncs {
			go func() { errs <- converse(nc, uint64(i), 5, 1000) }()
		}
		for range ncs {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	}
}

func TestGauge(t *testing.T) {
	tests := []struct {
		name        string
		solo, team  float64 // of the stage
		wsolo, wtmn float64 // of whole turns
		on          bool
	}{
		{"faster throughout", 100, 60, 200, 150, true},
		{"faster stage, slower turns", 100, 60, 200, 250, false},
		{"slower", 100, 120, 200, 220, false},
		{"hardly faster", 100, 95, 200, 195, false},
		{"as fast in all", 100, 60, 200, 199, false},
	}
	for _, tt := range tests {
		g := gauge{conns: 1, window: 1}
		g.cost[0].stage, g.cost[0].whole = tt.solo, tt.wsolo
		g.cost[1].stage, g.cost[1].whole = tt.team, tt.wtmn
		g.judge()
		if g.on != tt.on {
			t.Errorf("%s: %v", tt.name, g.on)
		}
	}
	// Both kinds are tried again and again.
	g := gauge{}
	kinds := map[bool]int{}
	for range windowTurns * trialMin * 8 {
		kinds[g.team()]++
		g.begin()
		g.end(20)
	}
	if kinds[true] == 0 || kinds[false] == 0 {
		t.Error(kinds)
	}
}
