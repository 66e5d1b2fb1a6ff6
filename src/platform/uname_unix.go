// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package platform

import (
	"golang.org/x/sys/unix"
)

// Uname is uname(2)'s names, such as "Linux", "6.1.0", "x86_64".
func Uname() (system, release, machine string) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return unknownUname()
	}
	return cString(u.Sysname[:]), cString(u.Release[:]), cString(u.Machine[:])
}

// cString is the text up to the NUL; the bytes are signed on some systems.
func cString[T ~int8 | ~uint8](b []T) string {
	var s []byte
	for _, c := range b {
		if c == 0 {
			break
		}
		s = append(s, byte(c))
	}
	return string(s)
}
