// SPDX-License-Identifier: BSD-3-Clause

package anet

import "golang.org/x/sys/unix"

// SetMark sets the socket's mark (socket-mark-id), which packet filters and routing rules can match.
func SetMark(fd int, id uint32) error {
	return opError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(id)))
}
