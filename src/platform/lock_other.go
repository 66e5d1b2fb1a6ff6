// SPDX-License-Identifier: BSD-3-Clause

//go:build !unix && !windows

package platform

import (
	"errors"
	"os"
)

// LockFile gives errors.ErrUnsupported.
func LockFile(f *os.File, exclusive, wait bool) error {
	return &os.PathError{Op: "lock", Path: f.Name(), Err: errors.ErrUnsupported}
}

// UnlockFile gives errors.ErrUnsupported.
func UnlockFile(f *os.File) error {
	return &os.PathError{Op: "lock", Path: f.Name(), Err: errors.ErrUnsupported}
}
