// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux && !freebsd && !openbsd && !aix && !windows

package platform

// ThreadCPU is not known.
func ThreadCPU() (CPUTimes, bool) { return CPUTimes{}, false }
