// SPDX-License-Identifier: BSD-3-Clause

package platform

// signals.go - the signals that redis-server knows. The contract is in platform.go.

import (
	"os"
	"os/signal"
)

// Signal is what happened to the process.
type Signal int

const (
	SignalTerm  Signal = iota // end soon: SIGTERM, or Windows closing the session
	SignalInt                 // the user's interrupt: SIGINT, Ctrl-C
	SignalAlarm               // SIGALRM from outside: show where the program is
	SignalUser1               // SIGUSR1: what ends a saving child in C
	SignalSegv                // the signals that tell of a crash, sent by another process
	SignalBus
	SignalFpe
	SignalIll
	SignalAbrt
)

// Crash tells whether the signal stands for a crash.
func (s Signal) Crash() bool { return s >= SignalSegv }

// Number is the signal's number, as crash reports name it; where there are no signals, Linux's.
func (s Signal) Number() int {
	return [...]int{SignalTerm: 15, SignalInt: 2, SignalAlarm: 14, SignalUser1: int(sigusr1Number), SignalSegv: 11, SignalBus: int(sigbusNumber), SignalFpe: 8, SignalIll: 4, SignalAbrt: 6}[s]
}

// String is the signal's name.
func (s Signal) String() string {
	return [...]string{SignalTerm: "SIGTERM", SignalInt: "SIGINT", SignalAlarm: "SIGALRM", SignalUser1: "SIGUSR1", SignalSegv: "SIGSEGV", SignalBus: "SIGBUS", SignalFpe: "SIGFPE",
		SignalIll: "SIGILL", SignalAbrt: "SIGABRT"}[s]
}

// NotifySignals has f called, in a goroutine of its own and one signal after another, for SIGTERM, SIGINT, SIGALRM and SIGUSR1. SIGHUP and SIGPIPE are
// ignored from here on.
func NotifySignals(f func(Signal)) { notify(plainSignals(), f) }

// NotifyCrashSignals has f called as NotifySignals does, for crash signals that come from outside. Faults of the program itself
// are panics in Go and do not come here.
func NotifyCrashSignals(f func(Signal)) { notify(crashSignals(), f) }

func notify(which map[os.Signal]Signal, f func(Signal)) {
	ignoreSignals()
	if len(which) == 0 {
		return
	}
	list := make([]os.Signal, 0, len(which))
	for s := range which {
		list = append(list, s)
	}
	ch := make(chan os.Signal, 16)
	signal.Notify(ch, list...)
	go func() {
		for s := range ch {
			f(which[s])
		}
	}()
}
