// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// Uname is "Windows", the version and build, and the machine as uname(1) would name it.
func Uname() (system, release, machine string) {
	v := windows.RtlGetVersion()
	_, _, machine = unknownUname()
	return "Windows", fmt.Sprintf("%d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber), machine
}
