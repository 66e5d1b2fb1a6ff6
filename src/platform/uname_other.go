// SPDX-License-Identifier: BSD-3-Clause

//go:build !unix && !windows

package platform

// Uname tells what the program was built for.
func Uname() (system, release, machine string) { return unknownUname() }
