// SPDX-License-Identifier: BSD-3-Clause

package anet

import "golang.org/x/sys/unix"

var keepAliveOptions = []keepAliveOption{
	{"TCP_KEEPALIVE", unix.TCP_KEEPALIVE, 1, 0},
	{"TCP_KEEPINTVL", unix.TCP_KEEPINTVL, 3, 0},
	{"TCP_KEEPCNT", unix.TCP_KEEPCNT, 1, 3},
}
