// SPDX-License-Identifier: BSD-3-Clause

package platform

// fsync.go - what every system's fsync_*.go shares. The contract is in platform.go.

import (
	"os"
	"path/filepath"
)

// SyncDir makes changes of names in the directory last (C: fsyncFileDir on one of its files). Systems and file systems that
// cannot sync a directory do so by themselves or not at all: they give no error.
func SyncDir(name string) error {
	if !canSyncDir {
		return nil
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := fsync(d); err != nil && !cannotSync(err) {
		return &os.PathError{Op: "fsync", Path: name, Err: err}
	}
	return nil
}

// SyncFileDir is SyncDir of the directory that has the file (C: fsyncFileDir).
func SyncFileDir(file string) error { return SyncDir(filepath.Dir(file)) }
