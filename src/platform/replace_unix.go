// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package platform

import (
	"os"
	"syscall"
)

// AtomicReplace is rename(2). os.Rename is not used since it says "file exists" where newName is a directory, whatever the system says.
func AtomicReplace(oldName, newName string) error {
	for {
		switch err := syscall.Rename(oldName, newName); err {
		case nil:
			return nil
		case syscall.EINTR:
		default:
			return &os.LinkError{Op: "rename", Old: oldName, New: newName, Err: err}
		}
	}
}
