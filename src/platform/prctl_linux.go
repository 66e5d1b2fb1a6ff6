// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func prctlPointer(option int, p *byte) error {
	return unix.Prctl(option, uintptr(unsafe.Pointer(p)), 0, 0, 0)
}

// SetDumpable says whether the process may leave a core dump and be looked into by others of its user.
func SetDumpable(on bool) error {
	v := uintptr(0)
	if on {
		v = 1
	}
	return unix.Prctl(unix.PR_SET_DUMPABLE, v, 0, 0, 0)
}

// DisableTHP keeps transparent huge pages out of the process (C: disable-thp).
func DisableTHP() error { return unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0) }
