// SPDX-License-Identifier: BSD-3-Clause

package platform

// errno.go - error texts as C prints them.

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"unicode"
	"unicode/utf8"
)

// Strerror is C's text for the system error in err, such as "No such file or directory" (C: strerror(errno)): log lines and error replies have it. Go's
// has a lower-case first letter and the operation and path before it. An err without a system error in it keeps its own text.
func Strerror(err error) string {
	if err == nil {
		return "Success"
	}
	text, ok := systemText(err)
	var dns *net.DNSError
	switch {
	case ok:
	case errors.As(err, &dns):
		return "Name or service not known"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "Connection timed out"
	case errors.Is(err, fs.ErrNotExist):
		return "No such file or directory"
	case errors.Is(err, fs.ErrExist):
		return "File exists"
	case errors.Is(err, fs.ErrPermission):
		return "Permission denied"
	case errors.Is(err, fs.ErrClosed):
		return "Bad file descriptor"
	case errors.Is(err, errors.ErrUnsupported):
		return "Operation not supported"
	default:
		if text, ok = foreignText(err); !ok {
			return err.Error()
		}
	}
	r, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(r)) + text[size:]
}
