// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"os"

	"golang.org/x/sys/unix"
)

const canSyncDir = true

// Fdatasync is fdatasync(2).
func Fdatasync(f *os.File) error {
	return wrapSync(f, retryEINTR(func() error { return unix.Fdatasync(int(f.Fd())) }))
}

// FullFsync is fsync(2), which on Linux flushes the disk's cache.
func FullFsync(f *os.File) error { return f.Sync() }

// SyncFileRange waits for earlier writes of the range to reach the disk and starts writing the rest of it (C: rdb_fsync_range). It
// makes nothing durable: it keeps the final sync short.
func SyncFileRange(f *os.File, offset, size int64) error {
	err := retryEINTR(func() error {
		return unix.SyncFileRange(int(f.Fd()), offset, size, unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE)
	})
	if err == unix.ENOSYS || err == unix.ESPIPE || err == unix.EINVAL {
		return Fdatasync(f)
	}
	return wrapSync(f, err)
}

// ReclaimFilePageCache lets the system forget its cached copy of the range, 0 for to the end (C: reclaimFilePageCache).
func ReclaimFilePageCache(f *os.File, offset, size int64) error {
	return wrapSync(f, unix.Fadvise(int(f.Fd()), offset, size, unix.FADV_DONTNEED))
}
