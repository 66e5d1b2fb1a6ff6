// SPDX-License-Identifier: BSD-3-Clause

//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly || illumos

package platform

import (
	"os"
	"syscall" // x/sys has no Flock for illumos
)

// LockFile takes flock(2)'s lock. It belongs to the open file, and so ends with its last descriptor, however the process ends.
func LockFile(f *os.File, exclusive, wait bool) error {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	if !wait {
		how |= syscall.LOCK_NB
	}
	err := retryEINTR(func() error { return syscall.Flock(int(f.Fd()), how) })
	if err == syscall.EWOULDBLOCK {
		return ErrLocked
	}
	return wrapLock(f, err)
}

// UnlockFile gives the lock up.
func UnlockFile(f *os.File) error { return wrapLock(f, syscall.Flock(int(f.Fd()), syscall.LOCK_UN)) }

func wrapLock(f *os.File, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: "flock", Path: f.Name(), Err: err}
}
