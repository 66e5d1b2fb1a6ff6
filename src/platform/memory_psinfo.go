// SPDX-License-Identifier: BSD-3-Clause

//go:build solaris || aix

package platform

import (
	"encoding/binary"
	"os"
	"strconv"
)

// psinfo is the field of /proc/<pid>/psinfo at that place, in kilobytes there, 0 where it cannot be.
func psinfo(offset int) uint64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(os.Getpid()) + "/psinfo")
	if err != nil || len(b) < offset+8 {
		return 0
	}
	kb := binary.NativeEndian.Uint64(b[offset:])
	if kb > 1<<50 { // A layout that is not the expected one.
		return 0
	}
	return kb << 10
}

// ResidentSetSize is psinfo's pr_rssize.
func ResidentSetSize() uint64 { return psinfo(psinfoResident) }

// VirtualSize is psinfo's pr_size.
func VirtualSize() uint64 { return psinfo(psinfoVirtual) }

// SmapsBytes knows of this process's "Rss:" only.
func SmapsBytes(field string, pid int) uint64 {
	if field == "Rss:" && pid <= 0 {
		return ResidentSetSize()
	}
	return 0
}
