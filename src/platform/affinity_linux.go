// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"golang.org/x/sys/unix"
)

func setAffinity(cpus []int) error {
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	return unix.SchedSetaffinity(0, &set)
}

// SetThreadName names the calling thread, in at most 15 bytes.
func SetThreadName(name string) error {
	b, err := unix.BytePtrFromString(name[:min(len(name), 15)])
	if err != nil {
		return err
	}
	return prctlPointer(unix.PR_SET_NAME, b)
}
