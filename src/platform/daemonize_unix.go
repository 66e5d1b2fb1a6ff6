// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package platform

import (
	"syscall"
)

func detachedAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
