// SPDX-License-Identifier: BSD-3-Clause

package platform

// host.go - small facts about the machine and the program. The contract is in platform.go.

import (
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"
)

// unknownUname is the best guess without asking the system.
func unknownUname() (system, release, machine string) {
	machine = runtime.GOARCH
	switch machine {
	case "amd64":
		machine = "x86_64"
	case "386":
		machine = "i686"
	case "arm64":
		machine = "aarch64"
	}
	return runtime.GOOS, "unknown", machine
}

// CompilerVersion is the toolchain's version in digits, such as "1.26.8": what INFO has as gcc_version.
func CompilerVersion() string {
	v, ok := strings.CutPrefix(runtime.Version(), "go")
	end := 0
	for end < len(v) && (v[end] >= '0' && v[end] <= '9' || v[end] == '.') {
		end++
	}
	if !ok || end == 0 {
		return "0.0.0"
	}
	return strings.TrimSuffix(v[:end], ".")
}

// Hostname is the machine's own name, "" where it has none.
func Hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

// PageSize is the size of the system's memory pages.
func PageSize() int { return os.Getpagesize() }

// IsTerminal tells whether f is a terminal, or a Windows console.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// TerminalSize is the width and height of the terminal, 80 by 20 for what is none (C Redis's own guess).
func TerminalSize(f *os.File) (columns, rows int) {
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil || columns <= 0 || rows <= 0 {
		return 80, 20
	}
	return columns, rows
}
