// SPDX-License-Identifier: BSD-3-Clause

package prefetch

import "unsafe"

// Works tells that Lines does something.
const Works = true

// Lines asks for the first lines cache lines from each of n addresses.
//
//go:noescape
func Lines(at *unsafe.Pointer, n, lines int)
