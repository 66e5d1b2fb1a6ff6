// SPDX-License-Identifier: BSD-3-Clause

package tsc

import (
	"os"
	"strings"
)

// Read is the time stamp counter. RDTSC is not ordered against other instructions; that is some nanoseconds of blur.
//
//go:noescape
func Read() uint64

// cpuid runs the instruction of that name.
//
//go:noescape
func cpuid(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)

// Trusted tells whether the counter is invariant and is Linux's own clock source. Linux drops it as a source when it sees it
// drift between processors or against another clock. Other systems do not tell.
func Trusted() bool {
	const (
		extendedMax   = 0x80000000
		advancedPower = 0x80000007
		invariantTSC  = 1 << 8
	)
	if highest, _, _, _ := cpuid(extendedMax, 0); highest < advancedPower {
		return false
	}
	if _, _, _, edx := cpuid(advancedPower, 0); edx&invariantTSC == 0 {
		return false
	}
	source, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	return err == nil && strings.TrimSpace(string(source)) == "tsc"
}
