// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"redport/src/platform"
	"redport/src/rio"
)

// aof_load.go - loading the append-only file: executing what it holds, as a client without connection.
//
// A file that ends in the middle of a command, or of a transaction, was being written when the power went. If it is the last
// one, and aof-load-truncated says so, it is cut off behind the last whole command. Anything else that is not right ends
// the loading: the rest of the file could be anything.
//
// Counterpart: aof.c.

// aofStatus is what came of loading.
type aofStatus int

const (
	aofOk        aofStatus = iota
	aofNotExist            // there is no file
	aofEmpty               // there are files, and nothing in them
	aofOpenErr             // a file could not be opened
	aofFailed              // a file is wrong
	aofTruncated           // a file was cut off, and all is well
)

// --- Reading commands ---

var (
	errAofFormat = errors.New("bad file format")
	errAofShort  = errors.New("unexpected end of file")
)

// aofReader takes commands out of a file. Bytes of a command stay where they are until the next one is asked for.
type aofReader struct {
	r     io.Reader
	buf   []byte
	start int   // of the command that is read
	at    int   // next byte
	end   int   // of what is in buf
	done  int64 // bytes of the file in front of buf
	err   error // of the last read
	args  []argPosition
	argv  [][]byte
}

const (
	aofReadSize = 256 * 1024
	// aofLineMax is as much as C reads of a line at once. What is longer goes on as another one.
	aofLineMax = aofAnnotationLineMax - 1
)

func newAofReader(r io.Reader, offset int64) *aofReader {
	return &aofReader{r: r, buf: make([]byte, aofReadSize), done: offset}
}

// tell is the offset in the file of the next byte.
func (r *aofReader) tell() int64 { return r.done + int64(r.at) }

// fill reads more.
func (r *aofReader) fill() bool {
	if r.err != nil {
		return false
	}
	if r.start > 0 && (r.end == len(r.buf) || r.start == r.end) {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.done += int64(r.start)
		r.at -= r.start
		r.start = 0
	}
	if r.end == len(r.buf) {
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	for range 100 {
		n, err := r.r.Read(r.buf[r.end:])
		r.end += n
		if err != nil {
			r.err = err
		}
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
	r.err = io.ErrNoProgress
	return false
}

// ended is the error for what is not there: err at the file's end.
func (r *aofReader) ended(err error) error {
	if r.err == nil || r.err == io.EOF {
		return err
	}
	return r.err
}

// line reads up to a newline, the file's end, or aofLineMax bytes. None: the file ends here, or cannot be read.
func (r *aofReader) line() []byte {
	for from := 0; ; {
		have := r.buf[r.at:r.end]
		if i := bytes.IndexByte(have[from:min(len(have), aofLineMax)], '\n'); i >= 0 {
			have = have[:from+i+1]
			r.at += len(have)
			return have
		}
		if len(have) >= aofLineMax {
			r.at += aofLineMax
			return have[:aofLineMax]
		}
		from = len(have)
		if !r.fill() {
			have = r.buf[r.at:r.end]
			r.at = r.end
			return have
		}
	}
}

// need has n more bytes ready.
func (r *aofReader) need(n int) bool {
	for r.end-r.at < n {
		if !r.fill() {
			return false
		}
	}
	return true
}

// next returns the next command, which is valid until the one after it. The error is io.EOF behind the last one.
func (r *aofReader) next() ([][]byte, error) {
	var line []byte
	for {
		r.start = r.at
		if line = r.line(); len(line) == 0 {
			return nil, r.ended(io.EOF)
		}
		if line[0] != '#' {
			break
		}
	}
	if line[0] != '*' {
		return nil, errAofFormat
	}
	if len(line) == 1 || line[1] == 0 {
		return nil, r.ended(errAofShort)
	}
	argc := int(atoi(line[1:]))
	if argc < 1 {
		return nil, errAofFormat
	}
	r.args = r.args[:0]
	for range argc {
		if line = r.line(); len(line) == 0 {
			return nil, r.ended(errAofShort)
		}
		if line[0] != '$' {
			return nil, errAofFormat
		}
		n := atoi64(bytesAsString(line[1:]))
		if n < 0 || n > 1<<40 {
			return nil, errAofFormat
		}
		if !r.need(int(n) + 2) {
			return nil, r.ended(errAofShort)
		}
		r.args = append(r.args, argPosition{r.at - r.start, int(n)})
		r.at += int(n) + 2
	}
	r.argv = r.argv[:0]
	for _, a := range r.args {
		from := r.start + a.off
		r.argv = append(r.argv, r.buf[from:from+a.len:from+a.len])
	}
	return r.argv, nil
}

// --- Loading a file ---

// createAOFClient makes the client that executes what is loaded. Nothing is sent to it, and nothing may make it wait.
func (server *Server) createAOFClient() *client {
	c := server.createClient(nil)
	c.flags |= clientDenyBlocking
	c.id, c.user, c.authenticated = clientIDAof, nil, true
	return c
}

// aofLoadError is that a file holds something that cannot be executed; the text is for the log.
type aofLoadError struct{ text string }

func (e *aofLoadError) Error() string { return e.text }

// aofLoading is one file being loaded.
type aofLoading struct {
	server   *Server
	name     string
	c        *client
	in       *aofReader
	reported int64 // bytes that count as loaded
	// What may be kept if the rest is cut off: whole commands, and what was there before an open transaction.
	validUpTo, validBeforeMulti int64
}

// loadSingleAppendOnlyFile executes what is in a file.
func (server *Server) loadSingleAppendOnlyFile(name string) aofStatus {
	path := server.aofPath(name)
	f, err := server.fs.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		if _, statErr := server.fs.Stat(path); statErr == nil || !errors.Is(statErr, fs.ErrNotExist) {
			server.log(llWarning, "Fatal error: can't open the append log file %s for reading: %s", name, platform.Strerror(err))
			return aofOpenErr
		}
		server.log(llWarning, "The append log file %s doesn't exist: %s", name, platform.Strerror(err))
		return aofNotExist
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() == 0 {
		return aofEmpty
	}
	// What is executed must not be appended to the file that it comes from.
	oldState, oldClient := server.aofState, server.currentClient
	server.aofState = aofOff
	l := &aofLoading{server: server, name: name, c: server.createAOFClient()}
	server.currentClient = l.c
	defer func() {
		server.freeClient(l.c)
		server.aofState, server.currentClient = oldState, oldClient
	}()
	offset, err := l.preamble(f)
	if err == nil {
		l.in = newAofReader(f, offset)
		err = l.commands()
		l.progress()
	}
	switch {
	case err == nil:
		return aofOk
	case errors.Is(err, errAofShort):
		return l.truncate(path)
	case errors.Is(err, errAofFormat):
		server.log(llWarning, "Bad file format reading the append only file %s: make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>", name)
	case errors.Is(err, errLogged):
	default:
		var bad *aofLoadError
		if errors.As(err, &bad) {
			server.log(llWarning, "%s", bad.text)
		} else {
			server.log(llWarning, "Unrecoverable error reading the append only file %s: %s", name, platform.Strerror(err))
		}
	}
	return aofFailed
}

// preamble loads the RDB file that f may begin with, and leaves f at the first command.
func (l *aofLoading) preamble(f platform.File) (offset int64, err error) {
	server := l.server
	var sig [5]byte
	n, err := f.ReadAt(sig[:], 0)
	if err != nil && err != io.EOF {
		return 0, err
	}
	if !isRdbSignature(sig[:n]) {
		return 0, nil
	}
	oldStyle := l.name == server.aofFilename
	if oldStyle {
		server.log(llNotice, "Reading RDB preamble from AOF file...")
	} else {
		server.log(llNotice, "Reading RDB base file on AOF loading...")
	}
	in := rio.NewReader(f)
	if err := server.loadRdbPreamble(in, l.name); err != nil {
		// What is wrong with an RDB file is never mended by cutting something off.
		if rdbFatal(err) || errors.Is(err, errStopped) {
			return 0, errLogged
		}
		if oldStyle {
			server.log(llWarning, "Error reading the RDB preamble of the AOF file %s, AOF loading aborted", l.name)
		} else {
			server.log(llWarning, "Error reading the RDB base file %s, AOF loading aborted", l.name)
		}
		return 0, err
	}
	offset = in.Tell()
	server.loadingAbsProgress(offset)
	l.reported = offset
	if oldStyle {
		server.log(llNotice, "Reading the remaining AOF tail...")
	}
	_, err = f.Seek(offset, io.SeekStart)
	return offset, err
}

// progress counts what was read since the last call.
func (l *aofLoading) progress() {
	at := l.in.tell()
	l.server.loadingIncrProgress(at - l.reported)
	l.reported = at
}

// commands executes what is left of the file.
func (l *aofLoading) commands() error {
	server := l.server
	for loops := 0; ; loops++ {
		if loops%1024 == 0 {
			l.progress()
			server.processEventsWhileBlocked()
			server.commandTimeSnapshotMs = server.mstime()
			if server.stopped {
				return errLogged
			}
		}
		argv, err := l.in.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := l.execute(argv); err != nil {
			return err
		}
		l.validUpTo = l.in.tell()
		if server.keyLoadDelay != 0 {
			debugDelay(server.keyLoadDelay, loops)
		}
	}
	// A transaction that is not closed is as good as half a command.
	if l.c.flags&clientMulti != 0 {
		server.log(llWarning, "Revert incomplete MULTI/EXEC transaction in AOF file %s", l.name)
		return errAofShort
	}
	return nil
}

// execute runs a command.
func (l *aofLoading) execute(argv [][]byte) error {
	server, c := l.server, l.c
	c.argv = argv
	cmd := server.lookupCommand(argv)
	if cmd == nil {
		return &aofLoadError{fmt.Sprintf("Unknown command '%s' reading the append only file %s", cstring(argv[0]), l.name)}
	}
	if !cmd.arityFits(len(argv)) || cmd.proc == nil {
		return &aofLoadError{fmt.Sprintf("Wrong number of arguments for '%s' command reading the append only file %s", cmd.fullname, l.name)}
	}
	if cmd.fullname == "multi" {
		l.validBeforeMulti = l.validUpTo
	}
	c.cmd, c.realcmd, c.lastcmd = cmd, cmd, cmd
	if c.flags&clientMulti != 0 && cmd.fullname != "exec" {
		c.queueMultiCommand(cmd.flags)
	} else {
		server.executingClient = c
		cmd.proc(c)
		server.executingClient = nil
	}
	if c.flags&clientBlocked != 0 {
		panic("aof: the client that loads the file is blocked")
	}
	c.resetClient()
	return nil
}

// truncate deals with a file that ends too early.
func (l *aofLoading) truncate(path string) aofStatus {
	server, name := l.server, l.name
	if l.c.flags&clientMulti != 0 {
		// What is appended from now on must not become part of a transaction that never ends.
		l.validUpTo = l.validBeforeMulti
	}
	if server.aofLoadTruncated {
		server.log(llWarning, "!!! Warning: short read while loading the AOF file %s!!!", name)
		server.log(llWarning, "!!! Truncating the AOF %s at offset %d !!!", name, uint64(l.validUpTo))
		if err := server.truncateFile(path, l.validUpTo); err != nil {
			server.log(llWarning, "Error truncating the AOF file %s: %s", name, platform.Strerror(err))
		} else {
			server.log(llWarning, "AOF %s loaded anyway because aof-load-truncated is enabled", name)
			return aofTruncated
		}
	}
	server.log(llWarning, "Unexpected end of file reading the append only file %s. You can: "+
		"1) Make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>. "+
		"2) Alternatively you can set the 'aof-load-truncated' configuration option to yes and restart the server.", name)
	return aofFailed
}

// truncateFile cuts a file off.
func (server *Server) truncateFile(path string, size int64) error {
	f, err := server.fs.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	if err == nil {
		err = f.Datasync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// --- Loading the set ---

// loadAppendOnlyFiles loads what the manifest names.
func (server *Server) loadAppendOnlyFiles(am *aofManifest) aofStatus {
	if server.fileExists(server.path(server.aofFilename)) && server.aofUpgradeNeeded(am) {
		if server.aofUpgradePrepare(am) != nil {
			return aofFailed
		}
	}
	files := am.files()
	if len(files) == 0 {
		return aofNotExist
	}
	total, err := server.getBaseAndIncrAppendOnlyFilesSize(am)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return aofFailed // the manifest says that it has to be there
	case err != nil:
		return aofOpenErr
	case total == 0:
		return aofEmpty
	}
	server.startLoading(total, false)
	status := aofOk
	var baseSize int64
	for i, ai := range files {
		// A last file that is empty was begun when something went wrong, and the one before it went on.
		base, last := ai == am.baseAofInfo, server.aofFilesEmpty(files[i+1:])
		kind := "incr"
		if base {
			kind = "base"
			baseSize, _ = server.getAppendOnlyFileSize(ai.fileName)
		}
		start := time.Now()
		status = server.loadSingleAppendOnlyFile(ai.fileName)
		if status == aofOk || status == aofTruncated && last {
			server.log(llNotice, "DB loaded from %s file %s: %.3f seconds", kind, ai.fileName, time.Since(start).Seconds())
		}
		if status == aofEmpty && !base {
			status = aofOk // another one has something
		}
		if status == aofTruncated && !last {
			status = aofFailed
			server.log(llWarning, "Fatal error: the truncated file is not the last file")
		}
		if status == aofOpenErr || status == aofFailed {
			break
		}
	}
	if status != aofOpenErr && status != aofFailed {
		server.aofCurrentSize = total
		// What it was after the last rewrite is written nowhere; the size of the base comes closest.
		server.aofRewriteBaseSize = baseSize
	}
	server.stopLoading()
	return status
}

// aofFilesEmpty tells whether there is nothing in the files.
func (server *Server) aofFilesEmpty(files []*aofInfo) bool {
	for _, ai := range files {
		if info, err := server.fs.Stat(server.aofPath(ai.fileName)); err != nil || info.Size() > 0 {
			return false
		}
	}
	return true
}

// updateReplOffset takes the replication offset from the last file of the set: the one at its end, or else the one at its start and
// the file's size, which is at least as much as commands were in it.
func (server *Server) updateReplOffset(am *aofManifest) {
	n := len(am.incrAofList)
	if n == 0 {
		return
	}
	last := am.incrAofList[n-1]
	switch {
	case last.startOffset == -1:
	case last.endOffset != -1:
		server.masterReplOffset = last.endOffset
		// It will be written to.
		last.endOffset = -1
		am.dirty = true
	default:
		if size, err := server.getAppendOnlyFileSize(last.fileName); err == nil {
			server.masterReplOffset = last.startOffset + size
		}
	}
}

// --- Upgrade from a single file ---

// aofUpgradeNeeded tells, when there is a file where versions before 7.0 had it, whether it is to become the base.
func (server *Server) aofUpgradeNeeded(am *aofManifest) bool {
	switch {
	case !server.dirExists(server.path(server.aofDirname)):
		return true
	case len(am.incrAofList) > 0:
		return false
	case am.baseAofInfo == nil:
		return true
	}
	// An upgrade that got as far as the manifest, but did not move the file.
	return am.baseAofInfo.fileName == server.aofFilename && !server.fileExists(server.aofPath(server.aofFilename))
}

// aofUpgradePrepare makes the file the base: first the manifest, then the move, so that a crash in between leaves either to be done again.
func (server *Server) aofUpgradePrepare(am *aofManifest) error {
	if err := server.aofCreateDir(true); err != nil {
		return err
	}
	am.baseAofInfo = &aofInfo{fileName: server.aofFilename, fileSeq: 1, fileType: aofFileTypeBase, startOffset: -1, endOffset: -1}
	am.currBaseSeq = 1
	am.dirty = true
	if err := server.persistAofManifest(am); err != nil {
		return err
	}
	if err := server.fs.Rename(server.path(server.aofFilename), server.aofPath(server.aofFilename)); err != nil {
		server.log(llWarning, "Error trying to move the old AOF file %s into dir %s: %s", server.aofFilename, server.aofDirname, platform.Strerror(err))
		return err
	}
	server.log(llNotice, "Successfully migrated an old-style AOF file (%s) into the AOF directory (%s).", server.aofFilename, server.aofDirname)
	return nil
}

// --- Commands ---

// debugLoadaof: DEBUG LOADAOF
func debugLoadaof(c *client) {
	server := c.server
	server.settleAofChanges()
	if server.aofState == aofOn {
		server.flushAppendOnlyFile(true)
	}
	server.emptyData(-1, emptydbNoFlags)
	c.protectClient()
	if server.aofState == aofOn && server.aofLoadManifestFromDisk() != nil {
		server.exitNow(1)
		return
	}
	status := server.loadAppendOnlyFiles(server.aofManifest)
	c.unprotectClient()
	if !slices.Contains([]aofStatus{aofOk, aofEmpty}, status) {
		c.addReplyError("Error trying to load the AOF files, check server logs.")
		return
	}
	server.dirty = 0
	server.log(llNotice, "Append Only File loaded by DEBUG LOADAOF")
	c.addReply(shared.ok)
}
