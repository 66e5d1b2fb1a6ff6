// SPDX-License-Identifier: BSD-3-Clause

//go:build linux || freebsd || netbsd || dragonfly || aix || zos

package anet

import "golang.org/x/sys/unix"

var keepAliveOptions = []keepAliveOption{
	{"TCP_KEEPIDLE", unix.TCP_KEEPIDLE, 1, 0},
	{"TCP_KEEPINTVL", unix.TCP_KEEPINTVL, 3, 0},
	{"TCP_KEEPCNT", unix.TCP_KEEPCNT, 1, 3},
}
