// SPDX-License-Identifier: BSD-3-Clause

//go:build !unix && !windows

package platform

import (
	"errors"
	"os"
)

func keyMode(int) error { return errors.ErrUnsupported }

// EnableTerminalEscapes has the terminal understand escape sequences.
func EnableTerminalEscapes(*os.File) {}
