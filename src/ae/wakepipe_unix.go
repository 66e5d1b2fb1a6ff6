// SPDX-License-Identifier: BSD-3-Clause

//go:build unix || zos

package ae

import "golang.org/x/sys/unix"

// wakePipe makes a non-blocking pipe for wake-ups. A full one is as good as a byte in it.
func wakePipe() ([2]int, error) {
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		return fds, err
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			unix.Close(fds[0])
			unix.Close(fds[1])
			return fds, err
		}
	}
	return fds, nil
}

func drainPipe(fd int) {
	var b [64]byte
	for {
		if n, err := unix.Read(fd, b[:]); err != nil || n < len(b) {
			return
		}
	}
}
