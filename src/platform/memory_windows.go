// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// processMemoryCounters is PROCESS_MEMORY_COUNTERS_EX.
type processMemoryCounters struct {
	size                       uint32
	pageFaultCount             uint32
	peakWorkingSetSize         uintptr
	workingSetSize             uintptr
	quotaPeakPagedPoolUsage    uintptr
	quotaPagedPoolUsage        uintptr
	quotaPeakNonPagedPoolUsage uintptr
	quotaNonPagedPoolUsage     uintptr
	pagefileUsage              uintptr
	peakPagefileUsage          uintptr
	privateUsage               uintptr
}

// memoryStatus is MEMORYSTATUSEX.
type memoryStatus struct {
	length               uint32
	memoryLoad           uint32
	totalPhys            uint64
	availPhys            uint64
	totalPageFile        uint64
	availPageFile        uint64
	totalVirtual         uint64
	availVirtual         uint64
	availExtendedVirtual uint64
}

var (
	kernel32                 = windows.NewLazySystemDLL("kernel32.dll")
	procGetProcessMemoryInfo = kernel32.NewProc("K32GetProcessMemoryInfo")
	procGlobalMemoryStatusEx = kernel32.NewProc("GlobalMemoryStatusEx")
)

func memoryCounters() (c processMemoryCounters) {
	c.size = uint32(unsafe.Sizeof(c))
	if procGetProcessMemoryInfo.Find() != nil {
		return processMemoryCounters{}
	}
	if ok, _, _ := procGetProcessMemoryInfo.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&c)), uintptr(c.size)); ok == 0 {
		return processMemoryCounters{}
	}
	return c
}

// ResidentSetSize is the working set.
func ResidentSetSize() uint64 { return uint64(memoryCounters().workingSetSize) }

// VirtualSize is the committed private memory.
func VirtualSize() uint64 { return uint64(memoryCounters().privateUsage) }

// TotalSystemMemory is the machine's memory.
func TotalSystemMemory() uint64 {
	var s memoryStatus
	s.length = uint32(unsafe.Sizeof(s))
	if procGlobalMemoryStatusEx.Find() != nil {
		return 0
	}
	if ok, _, _ := procGlobalMemoryStatusEx.Call(uintptr(unsafe.Pointer(&s))); ok == 0 {
		return 0
	}
	return s.totalPhys
}

// SmapsBytes knows of this process's "Rss:" and "Private_Dirty:" only, the latter as its private memory.
func SmapsBytes(field string, pid int) uint64 {
	switch {
	case pid > 0:
		return 0
	case field == "Rss:":
		return ResidentSetSize()
	case field == "Private_Dirty:":
		return VirtualSize()
	}
	return 0
}
