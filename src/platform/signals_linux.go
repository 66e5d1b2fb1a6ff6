// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// resetToDefault takes the signal from Go's runtime, which would print all goroutines and exit with 2.
func resetToDefault(number int) {
	var zero [64]byte // SIG_DFL, no flags, empty mask, in the layout of any machine.
	errno := unix.EINVAL
	for _, sigsetSize := range []uintptr{8, 16} { // 16 on MIPS
		if _, _, errno = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(number), uintptr(unsafe.Pointer(&zero)), 0, sigsetSize, 0, 0); errno != unix.EINVAL {
			break
		}
	}
	if errno == 0 {
		unix.Kill(unix.Getpid(), unix.Signal(number))
		// Another thread may be the one that the signal ends.
		time.Sleep(time.Second)
	}
}
