// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// Where struct kinfo_proc of 64-bit systems has what is wanted of it. FreeBSD keeps its size and layout from release to release.
const (
	kinfoSize     = 1088
	kinfoPid      = 72
	kinfoVirtual  = 256
	kinfoResident = 264
)

// kinfo is this process's kinfo_proc, nil where it is not as expected.
func kinfo() []byte {
	b, err := unix.SysctlRaw("kern.proc.pid", os.Getpid())
	if err != nil || len(b) != kinfoSize || int(int32(binary.NativeEndian.Uint32(b[kinfoPid:]))) != os.Getpid() {
		return nil
	}
	return b
}

// ResidentSetSize is kinfo_proc's ki_rssize; 0 on 32-bit machines.
func ResidentSetSize() uint64 {
	if b := kinfo(); b != nil {
		return binary.NativeEndian.Uint64(b[kinfoResident:]) * uint64(os.Getpagesize())
	}
	return 0
}

// VirtualSize is kinfo_proc's ki_size; 0 on 32-bit machines.
func VirtualSize() uint64 {
	if b := kinfo(); b != nil {
		return binary.NativeEndian.Uint64(b[kinfoVirtual:])
	}
	return 0
}

// TotalSystemMemory is sysctl's hw.physmem.
func TotalSystemMemory() uint64 {
	b, err := unix.SysctlRaw("hw.physmem")
	switch {
	case err == nil && len(b) == 8:
		return binary.NativeEndian.Uint64(b)
	case err == nil && len(b) == 4:
		return uint64(binary.NativeEndian.Uint32(b))
	}
	return 0
}

// SmapsBytes knows of this process's "Rss:" only.
func SmapsBytes(field string, pid int) uint64 {
	if field == "Rss:" && pid <= 0 {
		return ResidentSetSize()
	}
	return 0
}
