// SPDX-License-Identifier: BSD-3-Clause

//go:build solaris

package anet

// The numbers are those of <netinet/tcp.h> in Solaris 11.4 and illumos (for which the solaris tag holds as well).

var keepAliveOptions = []keepAliveOption{
	{"TCP_KEEPIDLE", 0x22, 1, 0},
	{"TCP_KEEPINTVL", 0x24, 3, 0},
	{"TCP_KEEPCNT", 0x23, 1, 3},
}
