// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"errors"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

func fsync(f *os.File) error { return f.Sync() }

func cannotSync(error) bool { return false }

// systemText has C's words for the errors of sockets and files that logs and replies mostly tell of.
func systemText(err error) (string, bool) {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return "", false
	}
	switch errno {
	case windows.WSAECONNREFUSED:
		return "Connection refused", true
	case windows.WSAECONNRESET:
		return "Connection reset by peer", true
	case windows.WSAECONNABORTED:
		return "Software caused connection abort", true
	case windows.WSAETIMEDOUT:
		return "Connection timed out", true
	case windows.WSAEADDRINUSE:
		return "Address already in use", true
	case windows.WSAEADDRNOTAVAIL:
		return "Cannot assign requested address", true
	case windows.WSAEACCES:
		return "Permission denied", true
	case windows.WSAEHOSTUNREACH:
		return "No route to host", true
	case windows.WSAENETUNREACH:
		return "Network is unreachable", true
	case windows.WSAEMFILE, windows.ERROR_TOO_MANY_OPEN_FILES:
		return "Too many open files", true
	case windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL:
		return "No space left on device", true
	case windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_OUTOFMEMORY:
		return "Cannot allocate memory", true
	case windows.ERROR_DIRECTORY:
		return "Not a directory", true
	case windows.ERROR_DIR_NOT_EMPTY:
		return "Directory not empty", true
	case windows.ERROR_BROKEN_PIPE, windows.ERROR_NO_DATA:
		return "Broken pipe", true
	}
	return "", false
}

// foreignText is the system's own sentence, without its full stop.
func foreignText(err error) (string, bool) {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return "", false
	}
	return strings.TrimRight(errno.Error(), ". \r\n"), true
}
