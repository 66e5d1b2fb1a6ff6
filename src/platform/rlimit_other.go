// SPDX-License-Identifier: BSD-3-Clause

//go:build !unix

package platform

import (
	"errors"
	"math"
)

// FileLimit has no limit to tell: handles are bounded by memory.
func FileLimit() (current, maximum uint64, err error) { return math.MaxInt32, math.MaxInt32, nil }

// SetFileLimit gives nil up to the limit that FileLimit tells, else errors.ErrUnsupported.
func SetFileLimit(n uint64) error {
	if n > math.MaxInt32 {
		return errors.ErrUnsupported
	}
	return nil
}

// EnableCoreDumps gives errors.ErrUnsupported.
func EnableCoreDumps() error { return errors.ErrUnsupported }

// Umask does nothing and tells 0.
func Umask(mask int) int { return 0 }
