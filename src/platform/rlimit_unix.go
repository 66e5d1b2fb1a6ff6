// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package platform

import (
	"golang.org/x/sys/unix"
)

// FileLimit is RLIMIT_NOFILE. Go's runtime has raised current to maximum before main starts.
func FileLimit() (current, maximum uint64, err error) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, 0, err
	}
	return uint64(l.Cur), uint64(l.Max), nil
}

// SetFileLimit sets RLIMIT_NOFILE, both values as C Redis does where the maximum is lower.
func SetFileLimit(n uint64) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	setLimit(&l.Cur, n)
	if uint64(l.Max) < n {
		setLimit(&l.Max, n)
	}
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &l)
}

// setLimit is there because the fields are signed on some systems.
func setLimit[T int64 | uint64](field *T, n uint64) { *field = T(n) }

// EnableCoreDumps raises RLIMIT_CORE to its maximum.
func EnableCoreDumps() error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &l); err != nil {
		return err
	}
	l.Cur = l.Max
	return unix.Setrlimit(unix.RLIMIT_CORE, &l)
}

// Umask sets the mask of permissions that new files do not get, and gives the one before.
func Umask(mask int) int { return unix.Umask(mask) }
