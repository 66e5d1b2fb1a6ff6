// SPDX-License-Identifier: BSD-3-Clause

//go:build (unix || zos) && !(linux || freebsd || netbsd || dragonfly || aix || zos || darwin || solaris)

package anet

// The system has SO_KEEPALIVE, but its times are for the administrator alone (OpenBSD).

var keepAliveOptions []keepAliveOption
