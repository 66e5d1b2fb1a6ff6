// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"os"

	"golang.org/x/sys/windows"
)

func keyMode(fd int) error {
	var mode uint32
	if err := windows.GetConsoleMode(windows.Handle(fd), &mode); err != nil {
		return err
	}
	return windows.SetConsoleMode(windows.Handle(fd), mode&^(windows.ENABLE_ECHO_INPUT|windows.ENABLE_LINE_INPUT))
}

// EnableTerminalEscapes has the terminal understand escape sequences.
func EnableTerminalEscapes(f *os.File) {
	handle := windows.Handle(f.Fd())
	var mode uint32
	if windows.GetConsoleMode(handle, &mode) == nil {
		_ = windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
	}
}
