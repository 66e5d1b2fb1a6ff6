// SPDX-License-Identifier: BSD-3-Clause

package platform

// terminal.go - modes of terminals. The contract is in platform.go.

import (
	"os"

	"golang.org/x/term"
)

// RawTerminal has every key come as it is, at once and unseen, Ctrl-C too, until restore is called.
func RawTerminal(f *os.File) (restore func(), err error) {
	fd := int(f.Fd())
	old, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	return func() { _ = term.Restore(fd, old) }, nil
}

// KeyTerminal has every key come at once and unseen, but for those that send signals, and leaves the output as it is, until restore is called.
func KeyTerminal(f *os.File) (restore func(), err error) {
	fd := int(f.Fd())
	old, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	if err := keyMode(fd); err != nil {
		return nil, err
	}
	return func() { _ = term.Restore(fd, old) }, nil
}
