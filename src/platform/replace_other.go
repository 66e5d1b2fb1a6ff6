// SPDX-License-Identifier: BSD-3-Clause

//go:build !windows && !unix

package platform

import (
	"os"
)

// AtomicReplace is the system's rename.
func AtomicReplace(oldName, newName string) error { return os.Rename(oldName, newName) }
