// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux

package platform

import (
	"errors"
)

// OOMScoreAdj gives errors.ErrUnsupported.
func OOMScoreAdj() (int, error) { return 0, errors.ErrUnsupported }

// SetOOMScoreAdj gives errors.ErrUnsupported.
func SetOOMScoreAdj(v int) error { return errors.ErrUnsupported }
