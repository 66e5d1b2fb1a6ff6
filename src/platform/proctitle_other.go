// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux && !darwin && !freebsd

package platform

import (
	"errors"
)

// InitProcessTitle has nothing to prepare.
func InitProcessTitle() {}

// SetProcessTitle gives errors.ErrUnsupported.
func SetProcessTitle(s string) error { return errors.ErrUnsupported }
