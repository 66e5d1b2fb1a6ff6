// SPDX-License-Identifier: BSD-3-Clause

//go:build amd64 || arm64 || riscv64

package platform

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

func setAffinity(cpus []int) error {
	const (
		levelWhich = 3 // CPU_LEVEL_WHICH
		whichTid   = 1 // CPU_WHICH_TID
	)
	var mask [maxCPU / 64]uint64
	for _, cpu := range cpus {
		mask[cpu/64] |= 1 << (cpu % 64)
	}
	// Older kernels know fewer processors and refuse the longer mask.
	for _, size := range []int{maxCPU / 8, 256 / 8} {
		_, _, errno := unix.Syscall6(unix.SYS_CPUSET_SETAFFINITY, levelWhich, whichTid, ^uintptr(0), uintptr(size), uintptr(unsafe.Pointer(&mask)), 0)
		if errno == 0 {
			return nil
		}
		if errno != unix.ERANGE {
			return errno
		}
	}
	return unix.ERANGE
}

// SetThreadName gives errors.ErrUnsupported.
func SetThreadName(name string) error { return errors.ErrUnsupported }
