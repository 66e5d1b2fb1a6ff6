// SPDX-License-Identifier: BSD-3-Clause

package platform

// backtrace.go - stacks for crash reports and the watchdog.

import (
	"runtime"
)

// maxBacktrace bounds the text.
const maxBacktrace = 16 << 20

// Backtrace is the stack of the calling goroutine, or of all of them, the calling one first, as text (C: backtrace). For all of them the world stops,
// also a goroutine that spins.
func Backtrace(all bool) string {
	for buf := make([]byte, 64<<10); ; buf = make([]byte, 2*len(buf)) {
		if n := runtime.Stack(buf, all); n < len(buf) || len(buf) >= maxBacktrace {
			return string(buf[:n])
		}
	}
}
