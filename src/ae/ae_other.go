// SPDX-License-Identifier: BSD-3-Clause

//go:build !(unix || zos)

package ae

// Windows, and whatever else has no sockets to poll: every connection is pumped (pump.go), every listener has an
// acceptor, and the loop sleeps on its inbox. Package net's own poller (completion ports on Windows) is below them.

import "syscall"

var pollers []backend

// No connection has a descriptor here.

func sysRead(fd int, b []byte) (int, syscall.Errno)  { return -1, syscall.EINVAL }
func sysWrite(fd int, b []byte) (int, syscall.Errno) { return -1, syscall.EINVAL }
