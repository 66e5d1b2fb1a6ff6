// SPDX-License-Identifier: BSD-3-Clause

//go:build linux || freebsd || openbsd || aix

package platform

import (
	"golang.org/x/sys/unix"
)

// ThreadCPU is of the calling thread.
func ThreadCPU() (CPUTimes, bool) { return rusage(unix.RUSAGE_THREAD) }
