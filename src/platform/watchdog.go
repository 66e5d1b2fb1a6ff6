// SPDX-License-Identifier: BSD-3-Clause

package platform

// watchdog.go - the software watchdog's timer (C: watchdogScheduleSignal, over setitimer and SIGALRM).
//
// C interrupts the main thread and prints its stack. Here the main goroutine is looked at from another one, so no signal is needed, and every
// system has it.

import (
	"time"
)

// Watchdog calls a function when the main goroutine has not fed it in time.
type Watchdog struct {
	expired func()
	timer   *time.Timer
	period  time.Duration
}

// NewWatchdog makes one that is not running. expired runs in a goroutine of its own, once for each time the watchdog went hungry.
func NewWatchdog(expired func()) *Watchdog { return &Watchdog{expired: expired} }

// SetPeriod starts it, or stops it for 0 (C: applyWatchdogPeriod). SetPeriod and Feed are for one goroutine.
func (w *Watchdog) SetPeriod(period time.Duration) {
	w.period = max(period, 0)
	w.Feed()
}

// Feed starts the period anew.
func (w *Watchdog) Feed() {
	switch {
	case w.period == 0:
		if w.timer != nil {
			w.timer.Stop()
		}
	case w.timer == nil:
		w.timer = time.AfterFunc(w.period, w.expired)
	default:
		w.timer.Reset(w.period)
	}
}
