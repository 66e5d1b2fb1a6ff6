// SPDX-License-Identifier: BSD-3-Clause

//go:build (unix || zos) && !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package ae

var pollers = []backend{{"poll", newPoll}}
