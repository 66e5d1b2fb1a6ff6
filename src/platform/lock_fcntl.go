// SPDX-License-Identifier: BSD-3-Clause

//go:build aix || (solaris && !illumos)

package platform

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// LockFile takes fcntl(2)'s lock of the whole file, for want of flock(2). It belongs to the process: a second lock of the same process
// succeeds, and closing any descriptor of the file ends it.
func LockFile(f *os.File, exclusive, wait bool) error {
	l := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	if exclusive {
		l.Type = unix.F_WRLCK
	}
	cmd := unix.F_SETLK
	if wait {
		cmd = unix.F_SETLKW
	}
	err := retryEINTR(func() error { return unix.FcntlFlock(f.Fd(), cmd, &l) })
	if err == unix.EAGAIN || err == unix.EACCES {
		return ErrLocked
	}
	return wrapLock(f, err)
}

// UnlockFile gives the lock up.
func UnlockFile(f *os.File) error {
	return wrapLock(f, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_UNLCK, Whence: io.SeekStart}))
}

func wrapLock(f *os.File, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
}
