// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// taskInfo is struct proc_taskinfo of <sys/proc_info.h>.
type taskInfo struct {
	virtualSize  uint64
	residentSize uint64
	_            [4]uint64 // times
	_            [12]int32 // policy and counts
}

// procPidTaskInfo is PROC_PIDTASKINFO.
const procPidTaskInfo = 4

//go:cgo_import_dynamic libc_proc_pidinfo proc_pidinfo "/usr/lib/libSystem.B.dylib"

var libc_proc_pidinfo_trampoline_addr uintptr

//go:linkname syscall_syscall6 syscall.syscall6
func syscall_syscall6(fn, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, err syscall.Errno)

func readTaskInfo() (info taskInfo) {
	n, _, _ := syscall_syscall6(libc_proc_pidinfo_trampoline_addr, uintptr(os.Getpid()), procPidTaskInfo, 0,
		uintptr(unsafe.Pointer(&info)), unsafe.Sizeof(info), 0)
	if n != unsafe.Sizeof(info) {
		return taskInfo{}
	}
	return info
}

// ResidentSetSize is proc_pidinfo's pti_resident_size.
func ResidentSetSize() uint64 { return readTaskInfo().residentSize }

// VirtualSize is proc_pidinfo's pti_virtual_size.
func VirtualSize() uint64 { return readTaskInfo().virtualSize }

// TotalSystemMemory is sysctl's hw.memsize.
func TotalSystemMemory() uint64 {
	n, err := unix.SysctlUint64("hw.memsize")
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
