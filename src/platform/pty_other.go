// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux

package platform

import (
	"errors"
	"os"
	"os/exec"
)

// OpenPseudoTerminal makes a terminal of the given size: what a program reads and writes at its side, another one writes and reads at ours.
func OpenPseudoTerminal(columns, rows int) (ours, theirs *os.File, err error) {
	return nil, nil, errors.ErrUnsupported
}

// StartAtTerminal starts a program whose terminal is the one given, in a session of its own, so that Ctrl-C reaches it.
func StartAtTerminal(cmd *exec.Cmd, terminal *os.File) error { return errors.ErrUnsupported }
