// SPDX-License-Identifier: BSD-3-Clause

//go:build !unix && !windows

package platform

import (
	"syscall"
)

// detachedAttr is nil: there is no detaching.
func detachedAttr() *syscall.SysProcAttr { return nil }
