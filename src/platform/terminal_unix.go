// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package platform

import (
	"os"

	"golang.org/x/sys/unix"
)

func keyMode(fd int) error {
	t, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return err
	}
	t.Lflag &^= unix.ECHO | unix.ICANON
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(fd, setTermios, t)
}

// EnableTerminalEscapes has the terminal understand escape sequences.
func EnableTerminalEscapes(*os.File) {}
