// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"os"

	"golang.org/x/sys/unix"
)

// Where psinfo_t of a 64-bit process has its sizes.
const (
	psinfoVirtual  = 48
	psinfoResident = 56
)

// scPhysPages is _SC_PHYS_PAGES.
const scPhysPages = 500

// TotalSystemMemory is sysconf's count of physical pages.
func TotalSystemMemory() uint64 {
	pages, err := unix.Sysconf(scPhysPages)
	if err != nil || pages < 0 {
		return 0
	}
	return uint64(pages) * uint64(os.Getpagesize())
}
