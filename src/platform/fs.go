// SPDX-License-Identifier: BSD-3-Clause

package platform

// fs.go - the file operations that persistence does, behind one interface, so that a test can put a file system under it that fails,
// loses what was not synced, or is slow. Package code that keeps data on disk takes an FS; OSFS is the real one.

import (
	"io"
	"io/fs"
	"os"
)

// File is an open file of an FS.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Seeker
	io.Closer

	Name() string
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	// Datasync is Fdatasync: the file's bytes, and what it takes to find them, are on the disk when it returns.
	Datasync() error
	// Fd is the descriptor for calls of the platform that want one, or ^uintptr(0) where there is none.
	Fd() uintptr
}

// FS is a file system. Paths are the system's own; errors are those of package os, so that errors.Is(err, fs.ErrNotExist)
// and Strerror work on them.
type FS interface {
	// OpenFile is os.OpenFile: flag is made of os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_APPEND, os.O_CREATE, os.O_EXCL, os.O_TRUNC.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Rename is AtomicReplace: whoever opens newName sees the old file or the new one, whole.
	Rename(oldName, newName string) error
	Remove(name string) error
	Stat(name string) (fs.FileInfo, error)
	MkdirAll(name string, perm fs.FileMode) error
	ReadDir(name string) ([]fs.DirEntry, error)
	// SyncDir is SyncDir: names created, renamed or removed in the directory are on the disk when it returns.
	SyncDir(name string) error
}

// OSFS is the system's file system.
type OSFS struct{}

var _ FS = OSFS{}

// OSFile is a file of OSFS.
type OSFile struct{ *os.File }

var _ File = OSFile{}

// Datasync is Fdatasync.
func (f OSFile) Datasync() error { return Fdatasync(f.File) }

func (OSFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err // Not OSFile{nil}: the interface has to be nil.
	}
	return OSFile{f}, nil
}

func (OSFS) Rename(oldName, newName string) error { return AtomicReplace(oldName, newName) }

func (OSFS) Remove(name string) error { return os.Remove(name) }

func (OSFS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

func (OSFS) MkdirAll(name string, perm fs.FileMode) error { return os.MkdirAll(name, perm) }

func (OSFS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

func (OSFS) SyncDir(name string) error { return SyncDir(name) }
