// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux

package platform

import (
	"errors"
)

// SetDumpable gives errors.ErrUnsupported.
func SetDumpable(on bool) error { return errors.ErrUnsupported }

// DisableTHP gives errors.ErrUnsupported: there are none.
func DisableTHP() error { return errors.ErrUnsupported }
