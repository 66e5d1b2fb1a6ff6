// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package platform

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	sigbusNumber  = unix.SIGBUS
	sigusr1Number = unix.SIGUSR1
)

func plainSignals() map[os.Signal]Signal {
	return map[os.Signal]Signal{syscall.SIGTERM: SignalTerm, syscall.SIGINT: SignalInt, syscall.SIGALRM: SignalAlarm, syscall.SIGUSR1: SignalUser1}
}

func crashSignals() map[os.Signal]Signal {
	return map[os.Signal]Signal{syscall.SIGSEGV: SignalSegv, syscall.SIGBUS: SignalBus, syscall.SIGFPE: SignalFpe, syscall.SIGILL: SignalIll,
		syscall.SIGABRT: SignalAbrt}
}

func ignoreSignals() { signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE) }

// StopSelf stops the process until someone continues it, which is how upstart is told that it is ready.
func StopSelf() { unix.Kill(os.Getpid(), unix.SIGSTOP) }

// Kill sends a signal by its POSIX number; 0 only asks whether the process exists.
func Kill(pid, number int) error { return unix.Kill(pid, syscall.Signal(number)) }

// DieBySignal ends the process by the signal, so that whoever waits for it sees that and a core is dumped where that is enabled. It
// does not return. On other systems than Linux the exit code tells of the signal as a shell would.
func DieBySignal(s Signal) {
	resetToDefault(s.Number())
	unix.Kill(os.Getpid(), syscall.Signal(s.Number()))
	os.Exit(128 + s.Number())
}
