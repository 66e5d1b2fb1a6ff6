// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func systemChecks() []systemCheck {
	checks := []systemCheck{
		{"slow-clocksource", checkClocksource, false},
		{"xen-clocksource", checkXenClocksource, true},
		{"overcommit", checkOvercommit, true},
		{"THP", checkTHP, true},
	}
	if runtime.GOARCH == "arm64" {
		// A bug of old kernels that hits forked children only.
		checks = append(checks, systemCheck{"madvise-free-fork-bug", func() (checkResult, string) { return checkSkipped, "" }, false})
	}
	return checks
}

const clocksourceDir = "/sys/devices/system/clocksource/clocksource0/"

// readLine is the first line of a small file, "" if there is none.
func readLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.Trim(line, " ")
}

// checkClocksource reads the clock for 50 ms: if a tenth of the time goes to the system, the reading is a system call.
func checkClocksource() (checkResult, string) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, _ := ThreadCPU()
	for start := time.Now(); time.Since(start) < 50*time.Millisecond; {
	}
	after, ok := ThreadCPU()
	if !ok {
		return checkSkipped, ""
	}
	system, user := after.Sys-before.Sys, after.User-before.User
	if system*10 <= system+user {
		return checkOK, ""
	}
	return checkFailed, "Slow system clocksource detected. This can result in degraded performance. " +
		"Consider changing the system's clocksource. " +
		"Current clocksource: " + readLine(clocksourceDir+"current_clocksource") +
		". Available clocksources: " + readLine(clocksourceDir+"available_clocksource") + ". " +
		"For example: run the command 'echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource' as root. " +
		"To permanently change the system's clocksource you'll need to set the 'clocksource=' kernel command line parameter."
}

func checkXenClocksource() (checkResult, string) {
	switch readLine(clocksourceDir + "current_clocksource") {
	case "":
		return checkSkipped, ""
	case "xen":
		return checkFailed, "Your system is configured to use the 'xen' clocksource which might lead to degraded performance. " +
			"Check the result of the [slow-clocksource] system check: run 'redis-server --check-system' to check if " +
			"the system's clocksource isn't degrading performance."
	}
	return checkOK, ""
}

func checkOvercommit() (checkResult, string) {
	line := readLine("/proc/sys/vm/overcommit_memory")
	if line == "" {
		return checkSkipped, ""
	}
	if mode, _ := strconv.Atoi(strings.TrimSpace(line)); mode == 1 {
		return checkOK, ""
	}
	return checkFailed, "Memory overcommit must be enabled! Without it, a background save or replication may fail under low memory condition. " +
		"Being disabled, it can also cause failures without low memory condition, see https://github.com/jemalloc/jemalloc/issues/1328. " +
		"To fix this issue add 'vm.overcommit_memory = 1' to /etc/sysctl.conf and then reboot or run the " +
		"command 'sysctl vm.overcommit_memory=1' for this to take effect."
}

func checkTHP() (checkResult, string) {
	line := readLine("/sys/kernel/mm/transparent_hugepage/enabled")
	if line == "" {
		return checkSkipped, ""
	}
	if !strings.Contains(line, "[always]") {
		return checkOK, ""
	}
	return checkFailed, "You have Transparent Huge Pages (THP) support enabled in your kernel. " +
		"This will create latency and memory usage issues with Redis. " +
		"To fix this issue run the command 'echo madvise > /sys/kernel/mm/transparent_hugepage/enabled' as root, " +
		"and add it to your /etc/rc.local in order to retain the setting after a reboot. " +
		"Redis must be restarted after THP is disabled (set to 'madvise' or 'never')."
}

func somaxconn() (limit int, name string) {
	const file = "/proc/sys/net/core/somaxconn"
	limit, _ = strconv.Atoi(readLine(file))
	return limit, file
}

// AnonHugePages is how much of the process lies in transparent huge pages, in bytes, 0 or less if none or not known (C: THPGetAnonHugePagesSize).
func AnonHugePages() int64 { return int64(SmapsBytes("AnonHugePages:", 0)) }
