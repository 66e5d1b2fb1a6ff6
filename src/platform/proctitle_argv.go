// SPDX-License-Identifier: BSD-3-Clause

//go:build linux || darwin

package platform

// proctitle_argv.go - the title is written over the process's arguments and environment, where ps(1) and /proc read them.
//
//	argv[0] NUL argv[1] NUL ... env[0] NUL env[1] NUL ...
//	|<------- arguments ------>|<------- environment ---->|
//
// Go's os.Args are strings in that very memory, so they are copied first (of the environment Go has copies). Linux shows the arguments' area as it is
// when its last byte is NUL, and otherwise one string from its start on, which may go on into the environment: the
// latter is what a title wants, so that byte is never left NUL.

import (
	"errors"
	"os"
	"strings"
	"sync"
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

// InitProcessTitle finds the memory and moves os.Args out of it. It has to run before anything keeps a part of os.Args, so at the
// start of main; SetProcessTitle runs it where it did not.
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
	// The environment follows, if anything: go on as long as the bytes are what it is known to have.
	for _, entry := range os.Environ() {
		if !holds(unsafe.Add(base, size), entry) {
			break
		}
		size += uintptr(len(entry)) + 1
	}
	args := make([]string, len(os.Args))
	for i, arg := range os.Args {
		args[i] = strings.Clone(arg)
	}
	os.Args = args
	t.all = unsafe.Slice((*byte)(base), size)
}

// holds tells whether s and a NUL are at p, reading no further than the first difference.
func holds(p unsafe.Pointer, s string) bool {
	for i := range len(s) {
		if *(*byte)(unsafe.Add(p, i)) != s[i] {
			return false
		}
	}
	return *(*byte)(unsafe.Add(p, len(s))) == 0
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
