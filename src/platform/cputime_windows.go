// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var procGetThreadTimes = kernel32.NewProc("GetThreadTimes")

// SelfCPU is of all of the process.
func SelfCPU() (CPUTimes, bool) {
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user); err != nil {
		return CPUTimes{}, false
	}
	return CPUTimes{User: ticks(user), Sys: ticks(kernel)}, true
}

// ChildrenCPU is zero: Windows does not add up children.
func ChildrenCPU() (CPUTimes, bool) { return CPUTimes{}, true }

// ThreadCPU is of the calling thread.
func ThreadCPU() (CPUTimes, bool) {
	var created, exited, kernel, user windows.Filetime
	ok, _, _ := procGetThreadTimes.Call(uintptr(windows.CurrentThread()), uintptr(unsafe.Pointer(&created)), uintptr(unsafe.Pointer(&exited)),
		uintptr(unsafe.Pointer(&kernel)), uintptr(unsafe.Pointer(&user)))
	if ok == 0 {
		return CPUTimes{}, false
	}
	return CPUTimes{User: ticks(user), Sys: ticks(kernel)}, true
}

// ticks makes a duration of a count of 100 ns.
func ticks(t windows.Filetime) time.Duration {
	return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * 100
}
