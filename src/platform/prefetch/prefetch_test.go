// SPDX-License-Identifier: BSD-3-Clause

package prefetch

import (
	"testing"
	"unsafe"
)

// Whatever the addresses are, nothing happens that could be seen.
func TestLinesNeverFaults(t *testing.T) {
	b := make([]byte, 3*LineSize)
	var stale uintptr = 0xdead0000
	at := []unsafe.Pointer{unsafe.Pointer(&b[0]), nil, *(*unsafe.Pointer)(unsafe.Pointer(&stale)), unsafe.Pointer(&b[len(b)-1])}
	for n := range at {
		for lines := 1; lines < 5; lines++ {
			Lines(&at[0], n, lines)
		}
	}
	for _, x := range b {
		if x != 0 {
			t.Fatal("written to")
		}
	}
}
