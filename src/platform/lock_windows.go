// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"os"

	"golang.org/x/sys/windows"
)

// LockFile takes LockFileEx's lock of all bytes there can be. Windows enforces it: others cannot read or write the file meanwhile.
func LockFile(f *os.File, exclusive, wait bool) error {
	var flags uint32
	if exclusive {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	if !wait {
		flags |= windows.LOCKFILE_FAIL_IMMEDIATELY
	}
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, ^uint32(0), ^uint32(0), new(windows.Overlapped))
	if err == windows.ERROR_LOCK_VIOLATION {
		return ErrLocked
	}
	return wrapLock(f, err)
}

// UnlockFile gives the lock up.
func UnlockFile(f *os.File) error {
	return wrapLock(f, windows.UnlockFileEx(windows.Handle(f.Fd()), 0, ^uint32(0), ^uint32(0), new(windows.Overlapped)))
}

func wrapLock(f *os.File, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
}
