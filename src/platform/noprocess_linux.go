// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// noprocess_linux.go - a system-call filter (seccomp) under which the process can neither make another one nor become another program.

// processCalls is what a machine calls the system calls that the filter looks for. Newer machines have no fork and vfork.
type processCalls struct {
	audit       uint32
	fork, vfork int // -1: none
	cloneFlags  int // which argument of clone has the flags
	bigEndian   bool
	foreign     uint32 // calls from here on are of another interface (x32), and refused; 0: none
}

var processCallsOf = map[string]processCalls{
	"amd64":   {unix.AUDIT_ARCH_X86_64, 57, 58, 0, false, 0x40000000},
	"386":     {unix.AUDIT_ARCH_I386, 2, 190, 0, false, 0},
	"arm64":   {unix.AUDIT_ARCH_AARCH64, -1, -1, 0, false, 0},
	"riscv64": {unix.AUDIT_ARCH_RISCV64, -1, -1, 0, false, 0},
	"s390x":   {unix.AUDIT_ARCH_S390X, 2, 190, 1, true, 0},
}

// ForbidProcesses forbids this process to start another one, or to become another program, for good: fork, vfork, execve, and clone of
// anything but a thread. The first attempt ends it by SIGSYS. That the filter works is tried before it is made that strict.
func ForbidProcesses() error {
	calls, ok := processCallsOf[runtime.GOARCH]
	if !ok {
		return errors.ErrUnsupported
	}
	// What is set by prctl counts for the calling thread; the filter takes it along to the others.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl: %w", err)
	}
	if err := calls.install(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)); err != nil {
		return err
	}
	for name, try := range calls.attempts() {
		if errno := try(); errno != unix.EPERM {
			return fmt.Errorf("%s is not refused: %w", name, errno)
		}
	}
	// Of two filters the stricter one counts.
	return calls.install(unix.SECCOMP_RET_KILL_PROCESS)
}

// attempts are the forbidden things, tried.
func (calls *processCalls) attempts() map[string]func() unix.Errno {
	// Should it be there after all, the child must not go on as if it were us: it is a copy of one thread of many.
	child := func(pid uintptr, errno unix.Errno) unix.Errno {
		if errno == 0 && pid == 0 {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
		return errno
	}
	nowhere := append([]byte("/nonexistent"), 0)
	tries := map[string]func() unix.Errno{
		"clone": func() unix.Errno {
			args := [2]uintptr{}
			args[calls.cloneFlags] = uintptr(unix.SIGCHLD)
			pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, args[0], args[1], 0, 0, 0, 0)
			return child(pid, errno)
		},
		"execve": func() unix.Errno {
			_, _, errno := unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(&nowhere[0])), 0, 0)
			return errno
		},
		"execveat": func() unix.Errno {
			_, _, errno := unix.RawSyscall6(unix.SYS_EXECVEAT, ^uintptr(0), uintptr(unsafe.Pointer(&nowhere[0])), 0, 0, 0, 0)
			return errno
		},
	}
	if calls.fork >= 0 {
		tries["fork"] = func() unix.Errno {
			pid, _, errno := unix.RawSyscall(uintptr(calls.fork), 0, 0, 0)
			return child(pid, errno)
		}
	}
	return tries // vfork would share our stack with the child if it were not refused
}

// install adds the filter to all threads, with what follows on an attempt.
func (calls *processCalls) install(refuse uint32) error {
	code := calls.filter(refuse)
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(code)
	if errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	if thread != 0 {
		return fmt.Errorf("seccomp: thread %d cannot follow", thread)
	}
	return nil
}

// filter is the filter's program. It looks at the struct seccomp_data: number of the call (at 0), machine (4), and the arguments (from 16, 8 bytes each).
func (calls *processCalls) filter(refuse uint32) []unix.SockFilter {
	const allow = unix.SECCOMP_RET_ALLOW
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	// jump skips that many instructions if the comparison holds, and others if not.
	jump := func(op uint16, k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | op, K: k, Jt: yes, Jf: no}
	}
	result := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }

	code := []unix.SockFilter{load(4), jump(unix.BPF_JEQ, calls.audit, 1, 0), result(unix.SECCOMP_RET_KILL_PROCESS), load(0)}
	if calls.foreign != 0 {
		code = append(code, jump(unix.BPF_JGE, calls.foreign, 0, 1), result(refuse))
	}
	for _, nr := range []int{unix.SYS_EXECVE, unix.SYS_EXECVEAT, calls.fork, calls.vfork} {
		if nr >= 0 {
			code = append(code, jump(unix.BPF_JEQ, uint32(nr), 0, 1), result(refuse))
		}
	}
	// The flags of clone3 lie where a filter cannot look. Who calls it knows kernels without it.
	code = append(code, jump(unix.BPF_JEQ, unix.SYS_CLONE3, 0, 1), result(unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS)))
	flags := uint32(16 + 8*calls.cloneFlags)
	if calls.bigEndian {
		flags += 4
	}
	return append(code, jump(unix.BPF_JEQ, unix.SYS_CLONE, 1, 0), result(allow),
		load(flags), jump(unix.BPF_JSET, unix.CLONE_THREAD, 0, 1), result(allow), result(refuse))
}
