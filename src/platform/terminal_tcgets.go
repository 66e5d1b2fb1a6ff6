// SPDX-License-Identifier: BSD-3-Clause

//go:build linux || solaris || illumos || aix || zos

package platform

import "golang.org/x/sys/unix"

const (
	getTermios = unix.TCGETS
	setTermios = unix.TCSETS
)
