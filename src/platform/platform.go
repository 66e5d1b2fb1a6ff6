// SPDX-License-Identifier: BSD-3-Clause

// Package platform is everything that Redport asks of the operating system beyond Go's standard library.
package platform

// platform.go - the contract.
//
// Each feature is a portable file, one for each system that has it in its own way, and one for all others (_other.go, which compiles for any
// system). The functions ask for an intent, not for a system call. What a system cannot do has a documented result: a zero that the
// server takes for "not known", errors.ErrUnsupported, or nothing at all; never a panic. Build constraints and runtime.GOOS are used here, in
// src/ae and src/anet, and nowhere else.
//
// Most functions act on the whole process. Only cmd/redis-server calls those (Options.OwnProcess): a Server that is embedded in another program
// leaves the process alone. All functions may be called from any goroutine unless they say so.
//
// # What the files of a system must define
//
// Files (fsync_*, replace_*, lock_*, fs.go)
//
//	Fdatasync(f) error                    the file's bytes, and what it takes to find them, are on the disk
//	FullFsync(f) error                    and all its metadata, through the disk's own cache where the system lets us
//	SyncDir(dir) error, SyncFileDir(file) names in the directory are on the disk; nil where that cannot be asked for
//	SyncFileRange(f, off, n) error        start writing, to keep the final sync short; promises nothing
//	ReclaimFilePageCache(f, off, n) error the system may forget its copy; promises nothing
//	AtomicReplace(old, new) error         rename: new is the old file or the new one, whole, at any time, also after a crash
//	LockFile(f, exclusive, wait) error    whole-file lock against other processes; ErrLocked where it does not wait
//	UnlockFile(f) error
//	CanWrite(path), CanExecute(path)      why not, or nil
//	Umask(mask) int
//	FS, OSFS                              the same as an interface, for tests that make disks fail
//
// Limits and memory (rlimit_*, memory_*, oomscore_*, prctl_*)
//
//	FileLimit() (current, maximum, error), SetFileLimit(n) error, RaiseDescriptorLimit(want) (have, error)
//	ResidentSetSize(), VirtualSize(), TotalSystemMemory() uint64    bytes; 0: not known, use the allocator's figure
//	SmapsBytes(field, pid) uint64, AnonHugePages() int64            bytes; 0: none or not known
//	OOMScoreAdj() (int, error), SetOOMScoreAdj(v) error
//	DisableTHP() error, SetDumpable(on) error, EnableCoreDumps() error
//
// Process (proctitle_*, affinity_*, cputime_*, daemonize_*, signals_*, process_*, supervise.go, service_*)
//
//	InitProcessTitle(), SetProcessTitle(s) error
//	SetCPUAffinity(list) error, SetThreadName(s) error              the calling thread: lock the goroutine to it first
//	SelfCPU(), ChildrenCPU(), ThreadCPU() (CPUTimes, bool)          false: not known
//	Daemonized() bool, Daemonize() error, DaemonizeWithInput(b) error
//	NotifySignals(f), NotifyCrashSignals(f)
//	Kill(pid, number) error, StopSelf(), DieBySignal(s), Exec(path, argv, env) error, ExitStatus(state) (code, signal)
//	SdNotify(state) error
//	ForbidProcesses() error               no fork, no exec any more; for tests    (noprocess_*)
//	IsService() bool, RunService(name, run) error, InstallService(...), RemoveService(name) error
//
// Logs and reports (syslog_*, backtrace.go, watchdog.go, errno_*)
//
//	OpenSyslog(ident, facility) (*Syslog, error); Syslog.Log(level, msg), Close()
//	Backtrace(all) string; Watchdog
//	Strerror(err) string                  C's words for a system error
//
// The machine (uname_*, host.go, syscheck_*, memtest.go)
//
//	Uname() (system, release, machine), Hostname(), PageSize(), CompilerVersion()
//	IsTerminal(f) bool, TerminalSize(f) (columns, rows)
//	RawTerminal(f), KeyTerminal(f) (restore, error), EnableTerminalEscapes(f)    (terminal_*)
//	OpenPseudoTerminal(columns, rows) (ours, theirs, error), StartAtTerminal(cmd, theirs) error    for tests    (pty_*)
//	CheckSystem(w) bool, SystemWarnings(warn), BacklogWarning(n) string
//	TestMemory(w, megabytes, passes) bool, TestMemoryQuietly(megabytes) error
//
// Text (charset.go): Charset, LookupCharset, DetectCharset: EBCDIC on any system.
//
// # What a user sees
//
// N native, E emulated or approximated, - absent. "BSDs" are FreeBSD, OpenBSD, NetBSD, DragonFly; "other" is Plan 9, WebAssembly, and what Go
// will come to. z/OS takes the unix files with a Go that has the system.
//
//	feature              Linux macOS BSDs Solaris AIX Windows other  where it is not native
//	Fdatasync              N     N    E     E      E    E       E    syncs metadata too; macOS: F_FULLFSYNC
//	SyncDir                N     N    N     N      -    -       -    Windows: NTFS logs renames; AIX: refuses
//	SyncFileRange          N     E    E     E      E    E       E    syncs the whole file
//	ReclaimFilePageCache   N     -    -     -      -    -       -    the cache holds what was saved
//	AtomicReplace          N     N    N     N      N    N       N    Windows: waits up to a second for other users of the file
//	LockFile               N     N    N     E      E    N       -    fcntl locks (illumos: N); other: an error when a cluster starts
//	descriptor limit       N     N    N     N      N    E       E    no limit to be had; maxclients as configured
//	ResidentSetSize        N     N    N(1)  N      N    N       -    used_memory_rss is used_memory
//	TotalSystemMemory      N     N    N(1)  N      -    N       -    total_system_memory is 0
//	SmapsBytes             N     E    E     E      E    E       -    "Rss:" only: rdb_last_cow_size and the like come from the server
//	OOM score              N     -    -     -      -    -       -    oom-score-adj: the error of a failed setting, as in C
//	DisableTHP             N     -    -     -      -    -       -    nothing: there are none
//	SetDumpable            N     -    -     -      -    -       -    -
//	EnableCoreDumps        N     N    N     N      N    -       -    the system's own crash dumps
//	process title          N     N    N(2)  -      -    -       -    ps shows the command line as it was
//	CPU affinity           N     -    N(2)  -      -    N(3)    -    server-cpulist and the like do nothing
//	thread names           N     -    -     -      -    N       -    -
//	CPU times              N     N    N     N      N    N       -    zeros; children: not on Windows
//	... of the thread      N     -    N(4)  -      N    N       -    INFO lacks used_cpu_*_main_thread, as C's does
//	Daemonize              N     N    N     N      N    N       -    an error at start; it starts the program anew
//	signals                N     N    N     N      N    E       E    Ctrl-C, and Windows closing the session
//	crash signals sent     N     N    N     N      N    -       -    none can be sent
//	DieBySignal            N     E    E     E      E    E       E    exit code 128+n
//	StopSelf (upstart)     N     N    N     N      N    -       -    nothing
//	Kill                   N     N    N     N      N    E       E    SIGKILL and SIGTERM end the process
//	Exec (DEBUG RESTART)   N     N    N     N      N    -       -    an error reply
//	ForbidProcesses        N     -    -     -      -    -       -    an error: make test-nofork is for Linux
//	systemd notification   N     N    N     N      N    -       -    the error of a socket that cannot be made, in the log
//	service manager        -     -    -     -      -    N       -    IsService is false
//	Syslog                 N     N    N     N      N    E       -    Windows: event log; other: a warning at start
//	system checks          N     -    -     -      -    -       -    --check-system prints nothing and succeeds, as C's does
//	BacklogWarning         N     N    N     -      -    -       -    no warning
//	Uname                  N     N    N     N      N    E       E    what the program was built for
//	memory test, watchdog, backtraces, charsets, terminal: the same everywhere
//
// (1) not NetBSD and DragonFly; FreeBSD on 64-bit machines; OpenBSD has no VirtualSize. (2) FreeBSD only; affinity on 64-bit machines.
// (3) 64 processors. (4) FreeBSD and OpenBSD.
