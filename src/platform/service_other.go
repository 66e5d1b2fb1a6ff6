// SPDX-License-Identifier: BSD-3-Clause

//go:build !windows

package platform

import (
	"errors"
)

// IsService is false: such services are Windows's.
func IsService() bool { return false }

// RunService gives errors.ErrUnsupported.
func RunService(name string, run func(stop <-chan struct{}) int) error { return errors.ErrUnsupported }

// InstallService gives errors.ErrUnsupported.
func InstallService(name, displayName string, args []string) error { return errors.ErrUnsupported }

// RemoveService gives errors.ErrUnsupported.
func RemoveService(name string) error { return errors.ErrUnsupported }
