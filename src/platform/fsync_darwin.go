// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"os"
)

const canSyncDir = true

// Fdatasync is F_FULLFSYNC, as for C Redis on macOS: fsync(2) there leaves the data in the disk's cache. os.File.Sync calls it, and
// falls back to fsync(2) on file systems without it.
func Fdatasync(f *os.File) error { return f.Sync() }

// FullFsync is F_FULLFSYNC.
func FullFsync(f *os.File) error { return f.Sync() }

// SyncFileRange syncs the whole file.
func SyncFileRange(f *os.File, offset, size int64) error { return f.Sync() }

// ReclaimFilePageCache does nothing.
func ReclaimFilePageCache(f *os.File, offset, size int64) error { return nil }
