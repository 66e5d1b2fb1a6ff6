// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// InitProcessTitle has nothing to prepare.
func InitProcessTitle() {}

// SetProcessTitle sets the sysctl kern.proc.args of the process.
func SetProcessTitle(s string) error {
	const (
		ctlKern      = 1
		kernProc     = 14
		kernProcArgs = 7
	)
	mib := [4]int32{ctlKern, kernProc, kernProcArgs, int32(os.Getpid())}
	b, err := unix.ByteSliceFromString(s)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall6(unix.SYS___SYSCTL, uintptr(unsafe.Pointer(&mib)), uintptr(len(mib)), 0, 0,
		uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if errno != 0 {
		return errno
	}
	return nil
}
