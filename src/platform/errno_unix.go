// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package platform

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// retryEINTR calls f until no signal cuts it short.
func retryEINTR(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}

// wrapSync tells which file a sync failed on.
func wrapSync(f *os.File, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: "fsync", Path: f.Name(), Err: err}
}

// fsync is fsync(2) with the bare error.
func fsync(f *os.File) error {
	return retryEINTR(func() error { return unix.Fsync(int(f.Fd())) })
}

// cannotSync tells that a directory's file system does not do such a thing.
func cannotSync(err error) bool { return errors.Is(err, unix.EBADF) || errors.Is(err, unix.EINVAL) }

// systemText is the text of the error number in err.
func systemText(err error) (string, bool) {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return "", false
	}
	return errno.Error(), true
}

// foreignText: all system errors are systemText's.
func foreignText(err error) (string, bool) { return "", false }
