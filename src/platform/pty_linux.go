// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// OpenPseudoTerminal makes a terminal of the given size: what a program reads and writes at its side, another one writes and reads at ours.
func OpenPseudoTerminal(columns, rows int) (ours, theirs *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: "/dev/ptmx", Err: err}
	}
	var name string
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		name = fmt.Sprintf("/dev/pts/%d", n)
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(rows), Col: uint16(columns)})
	}
	if err == nil {
		// With reads that can be given a deadline.
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		unix.Close(fd)
		return nil, nil, fmt.Errorf("pseudo-terminal: %w", err)
	}
	ours = os.NewFile(uintptr(fd), "/dev/ptmx")
	if theirs, err = os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		ours.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// StartAtTerminal starts a program whose terminal is the one given, in a session of its own, so that Ctrl-C reaches it.
func StartAtTerminal(cmd *exec.Cmd, terminal *os.File) error {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	return cmd.Start()
}
