// SPDX-License-Identifier: BSD-3-Clause

//go:build freebsd || openbsd

package anet

import "golang.org/x/sys/unix"

// SetMark sets the socket's mark (socket-mark-id): SO_USER_COOKIE on FreeBSD, the routing table on OpenBSD.
func SetMark(fd int, id uint32) error {
	return opError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, markOption, int(id)))
}
