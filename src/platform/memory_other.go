// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux && !windows && !darwin && !freebsd && !openbsd && !solaris && !aix

package platform

// ResidentSetSize is 0: not known.
func ResidentSetSize() uint64 { return 0 }

// VirtualSize is 0: not known.
func VirtualSize() uint64 { return 0 }

// TotalSystemMemory is 0: not known.
func TotalSystemMemory() uint64 { return 0 }

// SmapsBytes is 0: not known.
func SmapsBytes(field string, pid int) uint64 { return 0 }
