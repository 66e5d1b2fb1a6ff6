// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	procSetThreadAffinityMask = kernel32.NewProc("SetThreadAffinityMask")
	procSetThreadDescription  = kernel32.NewProc("SetThreadDescription")
)

// setAffinity reaches the processors of the thread's group, 64 at most.
func setAffinity(cpus []int) error {
	var mask uintptr
	for _, cpu := range cpus {
		if cpu >= 64 {
			return errors.ErrUnsupported
		}
		mask |= 1 << cpu
	}
	if previous, _, err := procSetThreadAffinityMask.Call(uintptr(windows.CurrentThread()), mask); previous == 0 {
		return err
	}
	return nil
}

// SetThreadName describes the calling thread to debuggers and the like; errors.ErrUnsupported before Windows 10.
func SetThreadName(name string) error {
	if procSetThreadDescription.Find() != nil {
		return errors.ErrUnsupported
	}
	s, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return err
	}
	if status, _, _ := procSetThreadDescription.Call(uintptr(windows.CurrentThread()), uintptr(unsafe.Pointer(s))); int32(status) < 0 {
		return windows.Errno(status)
	}
	return nil
}
