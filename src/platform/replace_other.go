// SPDX-License-Identifier: BSD-3-Clause

//go:build !windows

package platform

import (
	"os"
)

// AtomicReplace is rename(2).
func AtomicReplace(oldName, newName string) error { return os.Rename(oldName, newName) }
