// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux && !windows && !(freebsd && (amd64 || arm64 || riscv64))

package platform

import (
	"errors"
)

func setAffinity(cpus []int) error { return errors.ErrUnsupported }

// SetThreadName gives errors.ErrUnsupported.
func SetThreadName(name string) error { return errors.ErrUnsupported }
