// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux && !darwin

package platform

import (
	"os"
	"runtime"
)

// Windows opens no directory for syncing (NTFS logs changes of names), AIX refuses to sync one, Plan 9 and the browser have nothing
// of the kind.
const canSyncDir = runtime.GOOS != "windows" && runtime.GOOS != "aix" && runtime.GOOS != "plan9" && runtime.GOOS != "js" && runtime.GOOS != "wasip1"

// Fdatasync is fsync(2), FlushFileBuffers on Windows: no smaller promise is to be had.
func Fdatasync(f *os.File) error { return f.Sync() }

// FullFsync is fsync(2), FlushFileBuffers on Windows.
func FullFsync(f *os.File) error { return f.Sync() }

// SyncFileRange syncs the whole file.
func SyncFileRange(f *os.File, offset, size int64) error { return f.Sync() }

// ReclaimFilePageCache does nothing.
func ReclaimFilePageCache(f *os.File, offset, size int64) error { return nil }
