// SPDX-License-Identifier: BSD-3-Clause

//go:build !unix && !windows

package platform

// SelfCPU is not known.
func SelfCPU() (CPUTimes, bool) { return CPUTimes{}, false }

// ChildrenCPU is not known.
func ChildrenCPU() (CPUTimes, bool) { return CPUTimes{}, false }
