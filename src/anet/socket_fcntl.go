// SPDX-License-Identifier: BSD-3-Clause

//go:build (unix || zos) && !(linux || freebsd || dragonfly)

package anet

// No SOCK_NONBLOCK or accept4 that could be relied on: the flags are set after the fact.

import "golang.org/x/sys/unix"

func socket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, err
	}
	return setFlags(fd)
}

func accept(fd int) (int, unix.Sockaddr, error) {
	nfd, sa, err := unix.Accept(fd)
	if err != nil {
		return -1, nil, err
	}
	nfd, err = setFlags(nfd)
	return nfd, sa, err
}

func setFlags(fd int) (int, error) {
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		Close(fd)
		return -1, err
	}
	return fd, nil
}
