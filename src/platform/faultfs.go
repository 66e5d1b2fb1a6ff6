// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// faultfs.go - a file system in memory for tests of what persistence promises: it fails when it is told to, and it can lose power.
//
// It keeps two states: what a program sees, and what is on the disk. A file's bytes get to the disk by Datasync, names in a directory by
// SyncDir; neither does the other's work. Everything else since then is pending, and a power cut (Crash) keeps some of it:
//
//   - in the order in which it was done, up to some moment; the write at that moment may be cut in the middle;
//   - or, as disks do that are asked for nothing better: all names up to some moment, and of every file's writes the first few,
//     however many, independently of each other.
//
// Faults come from a function that sees every operation before it is done. It may refuse it, cut a write short, or end everything: after
// PowerOff no operation works any more, as for a program whose machine is gone.

// Operations as a fault function sees them.
const (
	OpOpen     = "open" // of a file that exists, or to be made
	OpRead     = "read"
	OpWrite    = "write"
	OpTruncate = "truncate"
	OpSync     = "sync"
	OpClose    = "close"
	OpRename   = "rename"
	OpRemove   = "remove"
	OpMkdir    = "mkdir"
	OpStat     = "stat"
	OpSyncDir  = "syncdir"
)

// ErrPowerOff is what every operation gives after PowerOff.
var ErrPowerOff = errors.New("the machine is off")

// FaultFS is the file system. Its methods may be called from any goroutine.
type FaultFS struct {
	mu      sync.Mutex
	off     bool
	seq     int64
	names   map[string]*faultNode // what the program sees
	durable map[string]*faultNode // what is on the disk
	pending []faultName

	fault atomic.Pointer[func(op, name string, n int) (int, error)]
}

// faultNode is a file or a directory.
type faultNode struct {
	dir     bool
	data    []byte      // what the program sees
	durable []byte      // what is on the disk
	pending []faultData // what was done since
	changed time.Time
}

// faultData is a write, or, without bytes, a truncation.
type faultData struct {
	seq      int64
	at       int64
	b        []byte
	truncate bool
}

// faultName is a change of names: node gets the name path (nil: nobody has it any more), and loses the name old ("": it had none).
type faultName struct {
	seq  int64
	path string
	old  string
	node *faultNode
}

var _ FS = (*FaultFS)(nil)

// NewFaultFS returns a file system that holds the given directories.
func NewFaultFS(dirs ...string) *FaultFS {
	f := &FaultFS{names: map[string]*faultNode{}, durable: map[string]*faultNode{}}
	for _, d := range dirs {
		for d = filepath.Clean(d); ; d = filepath.Dir(d) {
			n := &faultNode{dir: true}
			f.names[d], f.durable[d] = n, n
			if d == filepath.Dir(d) {
				break
			}
		}
	}
	return f
}

// SetFault has fault called with every operation before it is done, with the lock held: an error makes the operation fail, after n of its
// bytes if it is a write. nil: none is called. From any goroutine, also while operations are going on.
func (f *FaultFS) SetFault(fault func(op, name string, n int) (int, error)) {
	if fault == nil {
		f.fault.Store(nil)
		return
	}
	f.fault.Store(&fault)
}

// Fault is what SetFault was given.
func (f *FaultFS) Fault() func(op, name string, n int) (int, error) {
	if fault := f.fault.Load(); fault != nil {
		return *fault
	}
	return nil
}

// begin is the start of every operation: the lock is held if the error is nil.
func (f *FaultFS) begin(op, name string, n int) (int, error) {
	f.mu.Lock()
	if f.off {
		f.mu.Unlock()
		return 0, &fs.PathError{Op: op, Path: name, Err: ErrPowerOff}
	}
	if fault := f.fault.Load(); fault != nil {
		if k, err := (*fault)(op, name, n); err != nil {
			if f.off {
				err = ErrPowerOff
			}
			if op == OpWrite && k > 0 {
				return min(k, n), err // the lock stays held, for what can be written
			}
			f.mu.Unlock()
			return 0, &fs.PathError{Op: op, Path: name, Err: err}
		}
	}
	f.seq++
	return n, nil
}

// PowerOff ends all operations. It may be called by the fault function.
func (f *FaultFS) PowerOff() { f.off = true }

// Crash returns the file system as it is found after a power cut now. r decides what of the pending changes is there: those up to some
// moment if they are ordered.
func (f *FaultFS) Crash(r *rand.Rand, ordered bool) *FaultFS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.off = true
	cut := int64(1 << 62)
	if last := f.seq; last > 0 && r.IntN(4) > 0 {
		first := last
		for _, n := range f.pending {
			first = min(first, n.seq)
		}
		for _, n := range f.names {
			if len(n.pending) > 0 {
				first = min(first, n.pending[0].seq)
			}
		}
		cut = first + r.Int64N(last-first+2)
	}
	after := &FaultFS{names: map[string]*faultNode{}, durable: map[string]*faultNode{}}
	names := maps.Clone(f.durable)
	for _, n := range f.pending {
		if n.seq < cut {
			n.apply(names)
		}
	}
	copies := map[*faultNode]*faultNode{}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		n := names[path]
		c := copies[n]
		if c == nil {
			c = &faultNode{dir: n.dir, durable: n.afterCrash(r, ordered, cut), changed: n.changed}
			c.data = slices.Clone(c.durable)
			copies[n] = c
		}
		after.names[path], after.durable[path] = c, c
	}
	return after
}

// Copy returns the file system as another program finds it now, whether what it finds is on the disk or not.
func (f *FaultFS) Copy() *FaultFS {
	f.mu.Lock()
	defer f.mu.Unlock()
	copied := &FaultFS{names: map[string]*faultNode{}, durable: map[string]*faultNode{}}
	nodes := map[*faultNode]*faultNode{}
	for path, n := range f.names {
		c := nodes[n]
		if c == nil {
			c = &faultNode{dir: n.dir, data: slices.Clone(n.data), durable: slices.Clone(n.data), changed: n.changed}
			nodes[n] = c
		}
		copied.names[path], copied.durable[path] = c, c
	}
	return copied
}

// afterCrash is what a power cut leaves of a file.
func (n *faultNode) afterCrash(r *rand.Rand, ordered bool, cut int64) []byte {
	b := slices.Clone(n.durable)
	keep := len(n.pending)
	if ordered {
		keep = 0
		for keep < len(n.pending) && n.pending[keep].seq < cut {
			keep++
		}
	} else if keep > 0 {
		keep = r.IntN(keep + 1)
	}
	for i := range keep {
		b = n.pending[i].apply(b)
	}
	if keep < len(n.pending) && !n.pending[keep].truncate {
		part := n.pending[keep]
		part.b = part.b[:r.IntN(len(part.b)+1)]
		b = part.apply(b)
	}
	return b
}

func (d *faultData) apply(b []byte) []byte {
	if d.truncate {
		return resized(b, d.at)
	}
	if end := d.at + int64(len(d.b)); int64(len(b)) < end {
		b = resized(b, end)
	}
	copy(b[d.at:], d.b)
	return b
}

// resized is b with n bytes, new ones zero.
func resized(b []byte, n int64) []byte {
	if n <= int64(len(b)) {
		return b[:n:n]
	}
	return append(b, make([]byte, n-int64(len(b)))...)
}

func (n *faultName) apply(names map[string]*faultNode) {
	if n.old != "" {
		delete(names, n.old)
	}
	if n.node == nil {
		delete(names, n.path)
	} else {
		names[n.path] = n.node
	}
}

// name changes names, for the program to see at once.
func (f *FaultFS) name(path, old string, node *faultNode) {
	n := faultName{f.seq, path, old, node}
	n.apply(f.names)
	f.pending = append(f.pending, n)
}

func pathError(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

// OpenFile is FS's.
func (f *FaultFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	name = filepath.Clean(name)
	if _, err := f.begin(OpOpen, name, 0); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	n := f.names[name]
	writes := flag&(os.O_WRONLY|os.O_RDWR) != 0
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, pathError(OpOpen, name, syscall.ENOENT)
	case n == nil:
		if dir := f.names[filepath.Dir(name)]; dir == nil || !dir.dir {
			return nil, pathError(OpOpen, name, syscall.ENOENT)
		}
		n = &faultNode{changed: time.Now()}
		f.name(name, "", n)
	case flag&os.O_EXCL != 0:
		return nil, pathError(OpOpen, name, syscall.EEXIST)
	case n.dir && writes:
		return nil, pathError(OpOpen, name, syscall.EISDIR)
	}
	if flag&os.O_TRUNC != 0 && len(n.data) > 0 {
		n.change(faultData{seq: f.seq, truncate: true})
	}
	return &faultFile{fs: f, name: name, node: n, flag: flag}, nil
}

func (n *faultNode) change(d faultData) {
	n.data = d.apply(n.data)
	n.pending = append(n.pending, d)
	n.changed = time.Now()
}

// Rename is FS's.
func (f *FaultFS) Rename(oldName, newName string) error {
	oldName, newName = filepath.Clean(oldName), filepath.Clean(newName)
	if _, err := f.begin(OpRename, newName, 0); err != nil {
		return err
	}
	defer f.mu.Unlock()
	n := f.names[oldName]
	to, dir := f.names[newName], f.names[filepath.Dir(newName)]
	switch {
	case n == nil || dir == nil:
		return &os.LinkError{Op: OpRename, Old: oldName, New: newName, Err: syscall.ENOENT}
	case to != nil && to.dir && !n.dir:
		return &os.LinkError{Op: OpRename, Old: oldName, New: newName, Err: syscall.EISDIR}
	}
	f.name(newName, oldName, n)
	return nil
}

// Remove is FS's.
func (f *FaultFS) Remove(name string) error {
	name = filepath.Clean(name)
	if _, err := f.begin(OpRemove, name, 0); err != nil {
		return err
	}
	defer f.mu.Unlock()
	n := f.names[name]
	if n == nil {
		return pathError(OpRemove, name, syscall.ENOENT)
	}
	if n.dir && len(f.children(name)) > 0 {
		return pathError(OpRemove, name, syscall.ENOTEMPTY)
	}
	f.name(name, "", nil)
	return nil
}

// Stat is FS's.
func (f *FaultFS) Stat(name string) (fs.FileInfo, error) {
	name = filepath.Clean(name)
	if _, err := f.begin(OpStat, name, 0); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	n := f.names[name]
	if n == nil {
		return nil, pathError(OpStat, name, syscall.ENOENT)
	}
	return n.info(name), nil
}

// MkdirAll is FS's.
func (f *FaultFS) MkdirAll(name string, perm fs.FileMode) error {
	name = filepath.Clean(name)
	if _, err := f.begin(OpMkdir, name, 0); err != nil {
		return err
	}
	defer f.mu.Unlock()
	var missing []string
	for d := name; ; d = filepath.Dir(d) {
		if n := f.names[d]; n != nil {
			if !n.dir {
				return pathError(OpMkdir, name, syscall.ENOTDIR)
			}
			break
		}
		missing = append(missing, d)
		if d == filepath.Dir(d) {
			break
		}
	}
	for _, d := range slices.Backward(missing) {
		f.name(d, "", &faultNode{dir: true})
	}
	return nil
}

// children lists the paths in a directory.
func (f *FaultFS) children(dir string) []string {
	var l []string
	for p := range f.names {
		if p != dir && filepath.Dir(p) == dir {
			l = append(l, p)
		}
	}
	slices.Sort(l)
	return l
}

// ReadDir is FS's.
func (f *FaultFS) ReadDir(name string) ([]fs.DirEntry, error) {
	name = filepath.Clean(name)
	if _, err := f.begin(OpRead, name, 0); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	if n := f.names[name]; n == nil || !n.dir {
		return nil, pathError(OpRead, name, syscall.ENOENT)
	}
	var l []fs.DirEntry
	for _, p := range f.children(name) {
		l = append(l, fs.FileInfoToDirEntry(f.names[p].info(p)))
	}
	return l, nil
}

// SyncDir is FS's.
func (f *FaultFS) SyncDir(name string) error {
	name = filepath.Clean(name)
	if _, err := f.begin(OpSyncDir, name, 0); err != nil {
		return err
	}
	defer f.mu.Unlock()
	var rest []faultName
	for _, n := range f.pending {
		if filepath.Dir(n.path) != name {
			rest = append(rest, n)
			continue
		}
		if n.old != "" {
			// What was moved away is not where it came from any more, although nobody asked for that.
			rest = slices.DeleteFunc(rest, func(x faultName) bool { return x.path == n.old && x.node == n.node })
		}
		n.apply(f.durable)
	}
	f.pending = rest
	return nil
}

// --- Looking at it ---

// Files lists the files in a directory and below, as paths relative to it.
func (f *FaultFS) Files(dir string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var l []string
	for p, n := range f.names {
		if rel, err := filepath.Rel(dir, p); err == nil && !n.dir && !strings.HasPrefix(rel, "..") {
			l = append(l, filepath.ToSlash(rel))
		}
	}
	slices.Sort(l)
	return l
}

// Contents is what the program sees of a file.
func (f *FaultFS) Contents(name string) ([]byte, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.names[filepath.Clean(name)]
	if n == nil || n.dir {
		return nil, false
	}
	return slices.Clone(n.data), true
}

// SetContents makes a file that is on the disk.
func (f *FaultFS) SetContents(name string, b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := &faultNode{data: slices.Clone(b), durable: slices.Clone(b)}
	name = filepath.Clean(name)
	f.names[name], f.durable[name] = n, n
}

// --- Files ---

type faultInfo struct {
	name string
	size int64
	dir  bool
	time time.Time
}

func (n *faultNode) info(path string) fs.FileInfo {
	return &faultInfo{filepath.Base(path), int64(len(n.data)), n.dir, n.changed}
}

func (i *faultInfo) Name() string       { return i.name }
func (i *faultInfo) Size() int64        { return i.size }
func (i *faultInfo) ModTime() time.Time { return i.time }
func (i *faultInfo) IsDir() bool        { return i.dir }
func (i *faultInfo) Sys() any           { return nil }
func (i *faultInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

// faultFile is an open file.
type faultFile struct {
	fs     *FaultFS
	name   string
	node   *faultNode
	flag   int
	at     int64
	closed bool
}

func (f *faultFile) Name() string { return f.name }
func (f *faultFile) Fd() uintptr  { return ^uintptr(0) }

// begin is FaultFS.begin for an open file.
func (f *faultFile) begin(op string, n int) (int, error) {
	n, err := f.fs.begin(op, f.name, n)
	if f.closed && (err == nil || n > 0) {
		f.fs.mu.Unlock()
		return 0, pathError(op, f.name, fs.ErrClosed)
	}
	return n, err
}

func (f *faultFile) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.at)
	f.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *faultFile) ReadAt(p []byte, at int64) (int, error) {
	if _, err := f.begin(OpRead, len(p)); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	n := 0
	if at < int64(len(f.node.data)) {
		n = copy(p, f.node.data[at:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *faultFile) Write(p []byte) (int, error) {
	at := f.at
	if f.flag&os.O_APPEND != 0 {
		at = -1
	}
	n, end, err := f.write(p, at)
	f.at = end
	return n, err
}

func (f *faultFile) WriteAt(p []byte, at int64) (int, error) {
	n, _, err := f.write(p, at)
	return n, err
}

// write writes at a position, -1 for the end, and returns where what it wrote ends.
func (f *faultFile) write(p []byte, at int64) (int, int64, error) {
	n, err := f.begin(OpWrite, len(p))
	if n == 0 && err != nil {
		return 0, f.at, err
	}
	defer f.fs.mu.Unlock()
	if f.flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		return 0, f.at, pathError(OpWrite, f.name, syscall.EBADF)
	}
	if at < 0 {
		at = int64(len(f.node.data))
	}
	if n > 0 {
		f.node.change(faultData{seq: f.fs.seq, at: at, b: slices.Clone(p[:n])})
	}
	if err != nil {
		err = pathError(OpWrite, f.name, err)
	}
	return n, at + int64(n), err
}

func (f *faultFile) Seek(offset int64, whence int) (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += int64(len(f.node.data))
	}
	if offset < 0 {
		return 0, pathError("seek", f.name, syscall.EINVAL)
	}
	f.at = offset
	return offset, nil
}

func (f *faultFile) Stat() (fs.FileInfo, error) {
	if _, err := f.begin(OpStat, 0); err != nil {
		return nil, err
	}
	defer f.fs.mu.Unlock()
	return f.node.info(f.name), nil
}

func (f *faultFile) Truncate(size int64) error {
	if _, err := f.begin(OpTruncate, 0); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	f.node.change(faultData{seq: f.fs.seq, at: size, truncate: true})
	return nil
}

func (f *faultFile) Datasync() error {
	if _, err := f.begin(OpSync, 0); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	f.node.durable, f.node.pending = slices.Clone(f.node.data), nil
	return nil
}

func (f *faultFile) Close() error {
	if _, err := f.begin(OpClose, 0); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	f.closed = true
	return nil
}
