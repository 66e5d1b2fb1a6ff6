// SPDX-License-Identifier: BSD-3-Clause

//go:build unix && !linux

package platform

import (
	"os"
)

// resetToDefault exits as a shell would report the signal: the C library's handlers are out of reach.
func resetToDefault(number int) { os.Exit(128 + number) }
