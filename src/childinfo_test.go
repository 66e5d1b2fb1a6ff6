// SPDX-License-Identifier: BSD-3-Clause

package server

import "testing"

// TestLoopBusy: jobs make room for a main goroutine that has much to do, and only then.
func TestLoopBusy(t *testing.T) {
	server := heapServer(t)
	s := &server.stat
	server.trackLoopBusy(0)
	for i, step := range []struct {
		spent int64
		busy  bool
	}{{10_000, false}, {13_000, true}, {100_000, true}, {0, false}} {
		s.eventloopDuration += step.spent
		if server.trackLoopBusy(int64(i+1) * 100_000); server.loopBusy.Load() != step.busy {
			t.Errorf("%d us of 100,000: busy is %v", step.spent, !step.busy)
		}
	}
	s.eventloopDuration = 0 // CONFIG RESETSTAT
	if server.trackLoopBusy(500_000); server.loopBusy.Load() {
		t.Error("busy after a reset")
	}
	s.eventloopDuration = 90_000
	server.trackLoopBusy(600_000)
	s.eventloopDuration = 50_000 // what came after another
	if server.trackLoopBusy(700_000); !server.loopBusy.Load() {
		t.Error("a reset makes a busy one idle")
	}
}
