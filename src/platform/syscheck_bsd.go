// SPDX-License-Identifier: BSD-3-Clause

//go:build darwin || freebsd || openbsd

package platform

import (
	"golang.org/x/sys/unix"
)

func systemChecks() []systemCheck { return nil }

func somaxconn() (limit int, name string) {
	for _, name := range []string{"kern.ipc.somaxconn", "kern.somaxconn"} {
		if n, err := unix.SysctlUint32(name); err == nil {
			return int(n), name
		}
	}
	return 0, ""
}

// AnonHugePages is 0: there are none.
func AnonHugePages() int64 { return 0 }
