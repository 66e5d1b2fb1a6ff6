// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package platform

import (
	"time"

	"golang.org/x/sys/unix"
)

// SelfCPU is of all of the process.
func SelfCPU() (CPUTimes, bool) { return rusage(unix.RUSAGE_SELF) }

// ChildrenCPU is of the children that ended and were waited for.
func ChildrenCPU() (CPUTimes, bool) { return rusage(unix.RUSAGE_CHILDREN) }

func rusage(who int) (CPUTimes, bool) {
	var r unix.Rusage
	if err := unix.Getrusage(who, &r); err != nil {
		return CPUTimes{}, false
	}
	return CPUTimes{User: duration(r.Utime), Sys: duration(r.Stime)}, true
}

func duration(t unix.Timeval) time.Duration {
	return time.Duration(t.Sec)*time.Second + time.Duration(t.Usec)*time.Microsecond
}
