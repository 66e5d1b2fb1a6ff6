// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"redport/src/platform"
	"redport/src/sds"
	"redport/src/util"
)

// aof_manifest.go - which files the append-only file is made of.
//
// They lie in a directory of their own (appenddirname):
//
//	base     the dataset as of the last rewrite, as an RDB file or as commands; at most one
//	incr     commands executed since, in one file or several: each rewrite begins one, also those that fail
//	history  what a rewrite made superfluous, until it is deleted
//
// The manifest lists them, a line each: the base, then history, then incr files in the order of their numbers. The set changes only
// when a new manifest replaces the old one, which is atomic: so after a crash at any moment the old set is there, or the new one, whole.
// Files that no manifest names are leftovers.
//
// An incr file's line may tell the replication offset at its start and, if the file was closed properly, at its end.
//
// An aofManifest that the Server uses is changed by main goroutine only; what may fail works on a copy.
//
// Counterpart: aof.c.

// Parts of the names of files.
const (
	baseFileSuffix     = ".base"
	incrFileSuffix     = ".incr"
	rdbFormatSuffix    = ".rdb"
	aofFormatSuffix    = ".aof"
	manifestNameSuffix = ".manifest"
	tempFileNamePrefix = "temp-"
)

// Keys of a manifest's line.
const (
	aofManifestKeyFileName    = "file"
	aofManifestKeyFileSeq     = "seq"
	aofManifestKeyFileType    = "type"
	aofManifestKeyStartOffset = "startoffset"
	aofManifestKeyEndOffset   = "endoffset"
)

// Types of files, as in a manifest's line.
const (
	aofFileTypeBase = 'b'
	aofFileTypeHist = 'h'
	aofFileTypeIncr = 'i'
)

// manifestMaxLine is the longest line of a manifest, with its newline.
const manifestMaxLine = 1024

// aofInfo is one file.
type aofInfo struct {
	fileName    string
	fileSeq     int64
	fileType    byte
	startOffset int64 // replication offset at the start, -1: not known
	endOffset   int64 // and at the end, -1: not known
}

// aofManifest is a set of files.
type aofManifest struct {
	baseAofInfo    *aofInfo
	incrAofList    []*aofInfo
	historyAofList []*aofInfo
	currBaseSeq    int64
	currIncrSeq    int64
	dirty          bool // differs from what is on disk
}

// line is the file's line of the manifest.
func (ai *aofInfo) line(b []byte) []byte {
	name := []byte(ai.fileName)
	if sds.NeedsRepr(name) || bytes.IndexByte(name, '\'') >= 0 {
		name = sds.CatRepr(nil, name)
	}
	b = fmt.Appendf(b, "file %s seq %d type %c", name, ai.fileSeq, ai.fileType)
	if ai.startOffset != -1 {
		b = fmt.Appendf(b, " startoffset %d", ai.startOffset)
		if ai.endOffset != -1 {
			b = fmt.Appendf(b, " endoffset %d", ai.endOffset)
		}
	}
	return append(b, '\n')
}

// text is the manifest as it is on disk.
func (am *aofManifest) text() []byte {
	var b []byte
	if am.baseAofInfo != nil {
		b = am.baseAofInfo.line(b)
	}
	for _, ai := range am.historyAofList {
		b = ai.line(b)
	}
	for _, ai := range am.incrAofList {
		b = ai.line(b)
	}
	return b
}

// dup returns a deep copy.
func (am *aofManifest) dup() *aofManifest {
	c := *am
	if am.baseAofInfo != nil {
		base := *am.baseAofInfo
		c.baseAofInfo = &base
	}
	c.incrAofList = dupAofList(am.incrAofList)
	c.historyAofList = dupAofList(am.historyAofList)
	return &c
}

func dupAofList(l []*aofInfo) []*aofInfo {
	c := make([]*aofInfo, len(l))
	for i, ai := range l {
		x := *ai
		c[i] = &x
	}
	return c
}

// manifestError is what is wrong with a manifest.
type manifestError struct {
	line   int    // 0: nothing to do with a line
	text   string // of the line, "" if it is of no help
	reason string
}

func (e *manifestError) Error() string { return e.reason }

// parseAofManifest reads a manifest.
func parseAofManifest(r io.Reader) (*aofManifest, error) {
	am := &aofManifest{}
	in := bufio.NewReaderSize(r, 2*manifestMaxLine)
	var maxSeq int64
	for n := 1; ; n++ {
		raw, err := readManifestLine(in)
		if err == io.EOF && len(raw) == 0 {
			if n == 1 {
				return nil, &manifestError{reason: "Found an empty AOF manifest"}
			}
			return am, nil
		}
		if err != nil && err != io.EOF {
			return nil, &manifestError{reason: "Read AOF manifest failed"}
		}
		if raw[0] == '#' {
			continue
		}
		if raw[len(raw)-1] != '\n' {
			return nil, &manifestError{reason: "The AOF manifest file contains too long line"}
		}
		text := bytes.Trim(raw, " \t\r\n")
		if len(text) == 0 {
			return nil, &manifestError{line: n, reason: "Invalid AOF manifest file format"}
		}
		fail := func(reason string) error { return &manifestError{line: n, text: string(text), reason: reason} }
		ai, reason := parseAofInfo(text)
		if ai == nil {
			return nil, fail(reason)
		}
		switch ai.fileType {
		case aofFileTypeBase:
			if am.baseAofInfo != nil {
				return nil, fail("Found duplicate base file information")
			}
			am.baseAofInfo, am.currBaseSeq = ai, ai.fileSeq
		case aofFileTypeHist:
			am.historyAofList = append(am.historyAofList, ai)
		case aofFileTypeIncr:
			if ai.fileSeq <= maxSeq {
				return nil, fail("Found a non-monotonic sequence number")
			}
			am.incrAofList = append(am.incrAofList, ai)
			am.currIncrSeq, maxSeq = ai.fileSeq, ai.fileSeq
		default:
			return nil, fail("Unknown AOF file type")
		}
	}
}

// readManifestLine returns the next line, or as much of it as a line may have.
func readManifestLine(in *bufio.Reader) ([]byte, error) {
	b, err := in.Peek(manifestMaxLine)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b, err = b[:i+1], nil
	}
	b = bytes.Clone(b)
	in.Discard(len(b))
	return b, err
}

// parseAofInfo reads a line. nil: it is wrong, and why.
func parseAofInfo(line []byte) (*aofInfo, string) {
	const invalid = "Invalid AOF manifest file format"
	argv, err := sds.SplitArgs(line)
	// Keys that are not known are skipped: later versions may write more of them.
	if err != nil || len(argv) < 6 || len(argv)%2 != 0 {
		return nil, invalid
	}
	ai := &aofInfo{startOffset: -1, endOffset: -1}
	for i := 0; i < len(argv); i += 2 {
		value := cstring(string(argv[i+1]))
		switch strings.ToLower(string(argv[i])) {
		case aofManifestKeyFileName:
			ai.fileName = value
			if !util.PathIsBaseName(value) {
				return nil, "File can't be a path, just a filename"
			}
		case aofManifestKeyFileSeq:
			ai.fileSeq = atoi64(value)
		case aofManifestKeyFileType:
			ai.fileType = 0
			if value != "" {
				ai.fileType = value[0]
			}
		case aofManifestKeyStartOffset:
			ai.startOffset = atoi64(value)
		case aofManifestKeyEndOffset:
			ai.endOffset = atoi64(value)
		}
	}
	if ai.fileName == "" || ai.fileSeq == 0 || ai.fileType == 0 {
		return nil, invalid
	}
	return ai, ""
}

// atoi64 reads the number that s begins with; 0 if there is none (C: atoll).
func atoi64(s string) int64 {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	n := 0
	for n < len(s) && (s[n] >= '0' && s[n] <= '9' || n == 0 && (s[n] == '-' || s[n] == '+')) {
		n++
	}
	v, _ := strconv.ParseInt(s[:n], 10, 64) // the nearest number that fits, for those that do not
	return v
}

// --- Paths ---

// aofPath is where a file of the append-only directory lies.
func (server *Server) aofPath(name string) string {
	return filepath.Join(server.path(server.aofDirname), name)
}

func (server *Server) aofManifestFileName() string { return server.aofFilename + manifestNameSuffix }

func (server *Server) tempIncrAofName() string {
	return tempFileNamePrefix + server.aofFilename + incrFileSuffix
}

// fileExists tells whether there is a file, not a directory, of that name.
func (server *Server) fileExists(name string) bool {
	info, err := server.fs.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// dirExists tells whether there is a directory of that name.
func (server *Server) dirExists(name string) bool {
	info, err := server.fs.Stat(name)
	return err == nil && info.IsDir()
}

// aofCreateDir makes the append-only directory if it is not there; without sync, a rewrite has to see to it that it stays.
func (server *Server) aofCreateDir(sync bool) error {
	dir := server.path(server.aofDirname)
	if server.dirExists(dir) {
		return nil
	}
	err := server.fs.MkdirAll(dir, 0o755)
	server.aofDirIsNew = !sync
	if err == nil && sync {
		err = server.fs.SyncDir(filepath.Dir(dir))
	}
	if err != nil {
		server.log(llWarning, "Can't open or create append-only dir %s: %s", server.aofDirname, platform.Strerror(err))
		return err
	}
	return nil
}

// --- Reading and writing ---

// aofLoadManifestFromDisk reads the manifest; without one the set is empty.
func (server *Server) aofLoadManifestFromDisk() error {
	server.aofManifest = &aofManifest{}
	if !server.dirExists(server.path(server.aofDirname)) {
		server.log(llDebug, "The AOF directory %s doesn't exist", server.aofDirname)
		return nil
	}
	name := server.aofManifestFileName()
	if !server.fileExists(server.aofPath(name)) {
		server.log(llDebug, "The AOF manifest file %s doesn't exist", name)
		return nil
	}
	am, err := aofLoadManifestFromFile(server.fs, server.aofPath(name), func(format string, args ...any) { server.log(llWarning, format, args...) })
	if err != nil {
		return err
	}
	server.aofManifest = am
	return nil
}

// aofLoadManifestFromFile reads a manifest and tells log what is wrong with it.
func aofLoadManifestFromFile(disk platform.FS, path string, log func(format string, args ...any)) (*aofManifest, error) {
	f, err := disk.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		log("Fatal error: can't open the AOF manifest file %s for reading: %s", path, platform.Strerror(err))
		return nil, errLogged
	}
	defer f.Close()
	am, err := parseAofManifest(f)
	if err == nil {
		return am, nil
	}
	log("\n*** FATAL AOF MANIFEST FILE ERROR ***\n")
	var bad *manifestError
	if errors.As(err, &bad) && bad.line > 0 {
		log("Reading the manifest file, at line %d\n", bad.line)
		log(">>> '%s'\n", bad.text)
	}
	log("%s\n", err)
	return nil, errLogged
}

// errAofManifestNotDurable: the manifest is in its place, but a power cut may bring the one before back. No file of either may be removed.
var errAofManifestNotDurable = errors.New("the AOF directory could not be synced")

// persistAofManifest makes the disk's manifest that of am, here and now. No change may be under way (aof_change.go).
func (server *Server) persistAofManifest(am *aofManifest) error {
	if !am.dirty {
		return nil
	}
	if err := server.aofDir(server.log).writeManifest(am.text()); err != nil {
		return err
	}
	am.dirty = false
	return nil
}

// --- Changes of the set ---

// newBaseFile makes a file that does not exist yet the base; the old one becomes history.
func (server *Server) newBaseFile(am *aofManifest) *aofInfo {
	if old := am.baseAofInfo; old != nil {
		old.fileType = aofFileTypeHist
		am.historyAofList = slices.Insert(am.historyAofList, 0, old)
	}
	format := aofFormatSuffix
	if server.aofUseRdbPreamble {
		format = rdbFormatSuffix
	}
	am.currBaseSeq++
	name := fmt.Sprintf("%s.%d%s%s", server.aofFilename, am.currBaseSeq, baseFileSuffix, format)
	am.baseAofInfo = &aofInfo{fileName: name, fileSeq: am.currBaseSeq, fileType: aofFileTypeBase, startOffset: -1, endOffset: -1}
	am.dirty = true
	return am.baseAofInfo
}

// newIncrFile adds an incr file that does not exist yet. startOffset is where it begins, -1 if that is not known.
func (server *Server) newIncrFile(am *aofManifest, startOffset int64) *aofInfo {
	am.currIncrSeq++
	name := fmt.Sprintf("%s.%d%s%s", server.aofFilename, am.currIncrSeq, incrFileSuffix, aofFormatSuffix)
	ai := &aofInfo{fileName: name, fileSeq: am.currIncrSeq, fileType: aofFileTypeIncr, startOffset: startOffset, endOffset: -1}
	am.incrAofList = append(am.incrAofList, ai)
	am.dirty = true
	return ai
}

// markRewrittenIncrAofAsHistory makes history of all incr files but the one that is being written.
func (server *Server) markRewrittenIncrAofAsHistory(am *aofManifest) {
	n := len(am.incrAofList)
	if n == 0 {
		return
	}
	if server.aofFd != nil {
		n--
	}
	for n > 0 {
		n--
		ai := am.incrAofList[n]
		ai.fileType = aofFileTypeHist
		am.historyAofList = slices.Insert(am.historyAofList, 0, ai)
		am.incrAofList = slices.Delete(am.incrAofList, n, n+1)
	}
	am.dirty = true
}

// aofDelHistoryFiles deletes what rewrites made superfluous, as the server starts.
func (server *Server) aofDelHistoryFiles() error {
	am := server.aofManifest
	if am == nil || server.aofDisableAutoGc || len(am.historyAofList) == 0 {
		return nil
	}
	for _, ai := range am.historyAofList {
		server.log(llNotice, "Removing the history file %s in the background", ai.fileName)
		server.bgUnlink(server.aofPath(ai.fileName))
	}
	am.historyAofList = nil
	am.dirty = true
	return server.persistAofManifest(am)
}

// --- Sizes ---

// getAppendOnlyFileSize is the size of a file of the set.
func (server *Server) getAppendOnlyFileSize(name string) (int64, error) {
	start := server.latencyStart()
	info, err := server.fs.Stat(server.aofPath(name))
	server.latencyEnd("aof-fstat", start)
	if err != nil {
		server.log(llWarning, "Unable to obtain the AOF file %s length. stat: %s", name, platform.Strerror(err))
		return 0, err
	}
	return info.Size(), nil
}

// getBaseAndIncrAppendOnlyFilesSize is the size of all that is loaded.
func (server *Server) getBaseAndIncrAppendOnlyFilesSize(am *aofManifest) (total int64, err error) {
	for _, ai := range am.files() {
		n, err := server.getAppendOnlyFileSize(ai.fileName)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// files lists what is loaded, in order.
func (am *aofManifest) files() []*aofInfo {
	var l []*aofInfo
	if am.baseAofInfo != nil {
		l = append(l, am.baseAofInfo)
	}
	return append(l, am.incrAofList...)
}
