// SPDX-License-Identifier: BSD-3-Clause

//go:build linux || darwin

package platform

// proctitle_argv.go - the title is written over the process's arguments and environment, where ps(1) and /proc read them.
//
//	argv[0] NUL argv[1] NUL ... env[0] NUL env[1] NUL ...
//	|<------- arguments ------>|<------- environment ---->|
//
// Go's os.Args and its environment are strings in that very memory, so all of them are copied first. Linux shows the arguments' area as it is
// when its last byte is NUL, and otherwise one string from its start on, which may go on into the environment: the
// latter is what a title wants, so that byte is never left NUL.

import (
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

// titleArea is process-wide, as the thing itself is.
type titleArea struct {
	once sync.Once
	mu   sync.Mutex
	all  []byte // arguments and environment
	args int    // length of the arguments, the last NUL included
	full bool   // the area has been cleared once
}

var title titleArea

// InitProcessTitle finds the memory and moves os.Args and the environment out of it. It has to run before anything keeps a part of
// os.Args or of the environment, so at the start of main; SetProcessTitle runs it where it did not.
func InitProcessTitle() { title.once.Do(title.init) }

// SetProcessTitle replaces what ps(1) shows of the process. A title longer than the arguments and environment were is cut.
func SetProcessTitle(s string) error {
	InitProcessTitle()
	return title.set(s)
}

func (t *titleArea) init() {
	if len(os.Args) == 0 || os.Args[0] == "" {
		return
	}
	base := unsafe.Pointer(unsafe.StringData(os.Args[0]))
	size := uintptr(0)
	next := func(s string) bool {
		if s == "" || uintptr(unsafe.Pointer(unsafe.StringData(s))) != uintptr(base)+size {
			return false
		}
		size += uintptr(len(s)) + 1
		return true
	}
	for i, arg := range os.Args {
		// An empty argument has no address to go by: it takes its NUL if the next one fits behind it.
		if arg == "" {
			size++
			continue
		}
		if !next(arg) {
			if i == 0 {
				return
			}
			break
		}
	}
	t.args = int(size)
	environment := syscall.Environ()
	for _, entry := range environment {
		if !next(entry) {
			break
		}
	}
	args := make([]string, len(os.Args))
	for i, arg := range os.Args {
		args[i] = strings.Clone(arg)
	}
	for i, entry := range environment {
		environment[i] = strings.Clone(entry)
	}
	os.Args = args
	os.Clearenv()
	for _, entry := range environment {
		if k, v, ok := strings.Cut(entry, "="); ok {
			os.Setenv(k, v)
		}
	}
	t.all = unsafe.Slice((*byte)(base), size)
}

func (t *titleArea) set(s string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) < 2 {
		return errors.ErrUnsupported
	}
	if !t.full {
		clear(t.all)
		t.full = true
	}
	if nul := strings.IndexByte(s, 0); nul >= 0 {
		s = s[:nul]
	}
	n := copy(t.all[:len(t.all)-1], s)
	clear(t.all[n:])
	if n < t.args {
		// n == t.args-1 would make this byte the title's own end: a space is harmless there.
		filler := byte('.')
		if n == t.args-1 {
			filler = ' '
		}
		t.all[t.args-1] = filler
	}
	return nil
}
