// SPDX-License-Identifier: BSD-3-Clause

//go:build !unix

package platform

import (
	"errors"
	"os"
	"syscall"
)

const (
	sigbusNumber  = 7
	sigusr1Number = 10
)

// plainSignals: Go makes an os.Interrupt of Ctrl-C and Ctrl-Break, and a SIGTERM of closing, logging off and shutting down.
func plainSignals() map[os.Signal]Signal {
	return map[os.Signal]Signal{os.Interrupt: SignalInt, syscall.SIGTERM: SignalTerm}
}

func crashSignals() map[os.Signal]Signal { return nil }

func ignoreSignals() {}

// StopSelf does nothing.
func StopSelf() {}

// Kill ends a process for SIGKILL and SIGTERM, 0 asks whether it exists; other signals give errors.ErrUnsupported.
func Kill(pid, number int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	defer p.Release()
	switch number {
	case 0:
		return nil
	case 9, 15:
		return p.Kill()
	}
	return errors.ErrUnsupported
}

// DieBySignal exits with 128 and the signal's number.
func DieBySignal(s Signal) { os.Exit(128 + s.Number()) }
