// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// AtomicReplace renames oldName to newName, through to the disk. Windows refuses it while someone has newName open without sharing deletion
// (a virus scanner, a backup): it is tried for up to a second.
func AtomicReplace(oldName, newName string) error {
	from, err := windows.UTF16PtrFromString(oldName)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: oldName, New: newName, Err: err}
	}
	to, err := windows.UTF16PtrFromString(newName)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: oldName, New: newName, Err: err}
	}
	for wait := time.Millisecond; ; wait *= 2 {
		err := windows.MoveFileEx(from, to, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH)
		if err == nil {
			return nil
		}
		busy := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
		if !busy || wait > 512*time.Millisecond {
			return &os.LinkError{Op: "rename", Old: oldName, New: newName, Err: err}
		}
		time.Sleep(wait)
	}
}
