// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package platform

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Exec replaces the program in this process; it returns only an error (C: execve, for DEBUG RESTART). Descriptors of Go's are closed by it.
func Exec(path string, argv, env []string) error { return syscall.Exec(path, argv, env) }

// CanWrite tells why this process cannot write to the file or directory, nil if it can (C: access, W_OK).
func CanWrite(path string) error { return unix.Access(path, unix.W_OK) }

// CanExecute tells why this process cannot run the file, nil if it can (C: access, X_OK).
func CanExecute(path string) error { return unix.Access(path, unix.X_OK) }

// ExitStatus tells how a process ended: its exit code, or the number of the signal that ended it, which is 0 otherwise.
func ExitStatus(state *os.ProcessState) (code, signal int) {
	if w, ok := state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 0, int(w.Signal())
	}
	return state.ExitCode(), 0
}
