// SPDX-License-Identifier: BSD-3-Clause

//go:build !(linux || freebsd || openbsd)

package anet

// SetMark answers ErrUnsupported: this system does not mark sockets.
func SetMark(fd int, id uint32) error { return ErrUnsupported }
