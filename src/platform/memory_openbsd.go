// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// Where struct kinfo_proc has what is wanted of it: the same place on every machine, as its fields have fixed sizes and new ones go to
// its end.
const (
	kernProcPid   = 1 // KERN_PROC_PID
	kinfoAsked    = 400
	kinfoPid      = 108
	kinfoResident = 384
)

// ResidentSetSize is kinfo_proc's p_vm_rssize.
func ResidentSetSize() uint64 {
	b, err := unix.SysctlRaw("kern.proc", kernProcPid, os.Getpid(), kinfoAsked, 1)
	if err != nil || len(b) < kinfoAsked || int(int32(binary.NativeEndian.Uint32(b[kinfoPid:]))) != os.Getpid() {
		return 0
	}
	return uint64(binary.NativeEndian.Uint32(b[kinfoResident:])) * uint64(os.Getpagesize())
}

// VirtualSize is 0: not known.
func VirtualSize() uint64 { return 0 }

// TotalSystemMemory is sysctl's hw.physmem.
func TotalSystemMemory() uint64 {
	n, err := unix.SysctlUint64("hw.physmem")
	if err != nil {
		return 0
	}
	return n
}

// SmapsBytes knows of this process's "Rss:" only.
func SmapsBytes(field string, pid int) uint64 {
	if field == "Rss:" && pid <= 0 {
		return ResidentSetSize()
	}
	return 0
}
