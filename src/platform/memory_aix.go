// SPDX-License-Identifier: BSD-3-Clause

package platform

// Where struct psinfo has its sizes.
const (
	psinfoVirtual  = 96
	psinfoResident = 104
)

// TotalSystemMemory is 0: only a library tells it.
func TotalSystemMemory() uint64 { return 0 }
