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
	"strconv"
	"strings"

	"redport/src/platform"
	"redport/src/rio"
)

// redis_check_aof.go - the program redis-check-aof: is an append-only file whole, and if not, where does it cease to be? It can cut a
// file off there, or at a point in time.
//
// It takes a manifest, and then checks all files that it names, or a single file: commands, with or without an RDB file in front. Only the
// last file of a set is ever cut off: what follows would make no sense without the end of the one before.
//
// Counterpart: redis-check-aof.c.

// What came of checking a file.
const (
	aofCheckOk = iota
	aofCheckEmpty
	aofCheckTruncated
	aofCheckTimestampTruncated
)

// aofChecker is one run of the program.
type aofChecker struct {
	fs  platform.FS
	out io.Writer
	in  io.Reader // answers to the question whether to go on
	log func(format string, args ...any)
	rdb func() (*Server, error) // a server to check an RDB file with

	fix         bool
	toTimestamp int64 // 0: do not cut off at a point in time

	line int64 // of the file, or of all files of a set
	epos int64 // where what is wrong begins
	err  string

	r   *bufio.Reader
	pos int64
	eof bool // a read has met the end of the file
}

// errAofChecked ends the program: everything is said.
var errAofChecked = errors.New("checked")

func (k *aofChecker) printf(format string, args ...any) { fmt.Fprintf(k.out, format, args...) }

// abort says something, and ends the program.
func (k *aofChecker) abort(format string, args ...any) error {
	k.printf(format, args...)
	return errAofChecked
}

// fail notes what is wrong with the file.
func (k *aofChecker) fail(format string, args ...any) bool {
	k.err = fmt.Sprintf("0x%16x: %s", k.epos, fmt.Sprintf(format, args...))
	return false
}

// newAofChecker returns a run on the system's files.
func newAofChecker(in io.Reader, out io.Writer) *aofChecker {
	logger := &Server{options: Options{Stdout: out}, pid: os.Getpid()}
	logger.logger.early = true
	return &aofChecker{fs: platform.OSFS{}, in: in, out: out, rdb: func() (*Server, error) { return New(Options{ExecName: "redis-check-aof"}) },
		log: func(format string, args ...any) { logger.log(llWarning, format, args...) }}
}

// redisCheckAofMain is redis-check-aof's main function: it returns the exit code.
func redisCheckAofMain(argv []string, k *aofChecker) int {
	var path string
	switch {
	case len(argv) == 2 && (argv[1] == "-v" || argv[1] == "--version"):
		k.printf("redis-check-aof %s\n", strings.TrimPrefix(versionText(), "Redis server "))
		return 0
	case len(argv) == 2:
		path = argv[1]
	case len(argv) == 3 && argv[1] == "--fix":
		path, k.fix = argv[2], true
	case len(argv) == 4 && argv[1] == "--truncate-to-timestamp":
		n, err := strconv.ParseInt(strings.TrimLeft(argv[2], " \t\n\v\f\r"), 10, 64)
		if err != nil && argv[2] != "" {
			k.printf("Invalid timestamp, aborting...\n")
			return 1
		}
		path, k.toTimestamp = argv[3], n
	default:
		k.printf("Usage: %s [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>\n", argv[0])
		return 1
	}
	k.line = 1
	manifest, err := k.fileIsManifest(path)
	if err == nil {
		if manifest {
			err = k.checkMultiPartAof(path)
		} else {
			err = k.checkOldStyleAof(path)
		}
	}
	if err != nil {
		return 1
	}
	return 0
}

// open opens a file and tells its size.
func (k *aofChecker) open(path string) (platform.File, int64, error) {
	f, err := k.fs.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, 0, k.abort("Cannot open file %s: %s\n", path, platform.Strerror(err))
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, k.abort("Cannot stat file: %s\n", path)
	}
	return f, info.Size(), nil
}

// fileIsRDB tells whether the file begins as an RDB file.
func (k *aofChecker) fileIsRDB(path string) (bool, error) {
	f, size, err := k.open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var sig [5]byte
	n, _ := f.ReadAt(sig[:], 0)
	return size >= 8 && isRdbSignature(sig[:n]), nil
}

// fileIsManifest tells whether the file begins as a manifest, comments aside.
func (k *aofChecker) fileIsManifest(path string) (bool, error) {
	f, _, err := k.open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 2*manifestMaxLine)
	for {
		line, err := readManifestLine(in)
		switch {
		case len(line) == 0 && err != io.EOF:
			return false, k.abort("Cannot read file: %s\n", path)
		case len(line) == 0 || line[0] != '#':
			return bytes.HasPrefix(line, []byte("file")), nil
		}
	}
}

func (k *aofChecker) checkOldStyleAof(path string) error {
	preamble, err := k.fileIsRDB(path)
	if err != nil {
		return err
	}
	k.printf("Start checking Old-Style AOF\n")
	return k.checkFile("", path, path, true, preamble)
}

func (k *aofChecker) checkMultiPartAof(path string) error {
	k.printf("Start checking Multi Part AOF\n")
	am, err := aofLoadManifestFromFile(k.fs, path, k.log)
	if err != nil {
		return err
	}
	files := am.files()
	for i, ai := range files {
		file := filepath.Join(filepath.Dir(path), ai.fileName)
		kind, preamble := "INCR ", false
		if ai == am.baseAofInfo {
			kind = "BASE "
			if preamble, err = k.fileIsRDB(file); err != nil {
				return err
			}
			format := "RESP"
			if preamble {
				format = "RDB"
			}
			k.printf("Start to check BASE AOF (%s format).\n", format)
		} else if ai == am.incrAofList[0] {
			k.printf("Start to check INCR files.\n")
		}
		if err := k.checkFile(kind, ai.fileName, file, i == len(files)-1, preamble); err != nil {
			return err
		}
	}
	k.printf("All AOF files and manifest are valid\n")
	return nil
}

// checkFile checks a file and says what came of it.
func (k *aofChecker) checkFile(kind, name, path string, last, preamble bool) error {
	result, err := k.checkSingleAof(name, path, last, preamble)
	if err != nil {
		return err
	}
	switch result {
	case aofCheckOk:
		k.printf("%sAOF %s is valid\n", kind, name)
	case aofCheckEmpty:
		k.printf("%sAOF %s is empty\n", kind, name)
	case aofCheckTimestampTruncated:
		k.printf("Successfully truncated AOF %s to timestamp %d\n", name, k.toTimestamp)
	case aofCheckTruncated:
		k.printf("Successfully truncated AOF %s\n", name)
	}
	return nil
}

func (k *aofChecker) checkSingleAof(name, path string, last, preamble bool) (int, error) {
	f, err := k.fs.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, k.abort("Cannot open file %s: %s, aborting...\n", path, platform.Strerror(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, k.abort("Cannot stat file: %s, aborting...\n", name)
	}
	size := info.Size()
	if size == 0 {
		return aofCheckEmpty, nil
	}
	k.pos = 0
	if preamble {
		server, err := k.rdb()
		if err != nil {
			return 0, k.abort("%s\n", err)
		}
		r := rio.NewReader(f)
		if !server.redisCheckRdb(r, name, k.out) {
			return 0, k.abort("RDB preamble of AOF file is not sane, aborting.\n")
		}
		k.printf("RDB preamble is OK, proceeding with AOF tail...\n")
		k.pos = r.Tell()
	}
	if _, err := f.Seek(k.pos, io.SeekStart); err != nil {
		return 0, k.abort("Failed to fseek in AOF %s: %s", name, platform.Strerror(err))
	}
	k.r = bufio.NewReaderSize(f, 256*1024)
	k.eof, k.err = false, ""
	valid, truncated, err := k.scan(f, name, path, last)
	switch {
	case err != nil:
		return 0, err
	case truncated:
		return aofCheckTimestampTruncated, nil
	}
	if k.err != "" {
		k.printf("%s\n", k.err)
	}
	diff := size - valid
	if diff == 0 && k.toTimestamp != 0 {
		k.printf("Truncate nothing in AOF %s to timestamp %d\n", name, k.toTimestamp)
		return aofCheckOk, nil
	}
	k.printf("AOF analyzed: filename=%s, size=%d, ok_up_to=%d, ok_up_to_line=%d, diff=%d\n", name, size, valid, k.line, diff)
	switch {
	case diff <= 0:
		return aofCheckOk, nil
	case !k.fix:
		return 0, k.abort("AOF %s is not valid. Use the --fix option to try fixing it.\n", name)
	case !last:
		return 0, k.abort("Failed to truncate AOF %s because it is not the last file\n", name)
	}
	k.printf("This will shrink the AOF %s from %d bytes, with %d bytes, to %d bytes\n", name, size, diff, valid)
	k.printf("Continue? [y/N]: ")
	var answer [1]byte
	if n, _ := io.ReadFull(k.in, answer[:]); n != 1 || answer[0]|0x20 != 'y' {
		return 0, k.abort("Aborting...\n")
	}
	if f.Truncate(valid) != nil {
		return 0, k.abort("Failed to truncate AOF %s\n", name)
	}
	return aofCheckTruncated, nil
}

// scan reads on until something is wrong, or the end. valid is how much can be kept; truncated tells that the rest was cut off already,
// because it is later than asked for.
func (k *aofChecker) scan(f platform.File, name, path string, last bool) (valid int64, truncated bool, err error) {
	multi := 0
	for {
		if multi == 0 {
			valid = k.pos
		}
		b, err := k.r.Peek(1)
		if err == io.EOF {
			k.eof = true
			break
		}
		if err != nil {
			return 0, false, k.abort("Failed to read from AOF %s, aborting...\n", name)
		}
		if b[0] == '#' {
			later, err := k.processAnnotations(f, path, last)
			if err != nil || later {
				return 0, later, err
			}
			continue
		}
		if b[0] != '*' {
			k.printf("AOF %s format error\n", name)
			break
		}
		if !k.processRESP(path, &multi) {
			break
		}
	}
	if k.eof && multi != 0 && k.err == "" {
		k.fail("Reached EOF before reading EXEC for MULTI")
	}
	return valid, false, nil
}

// gets reads up to a newline, or max bytes; nothing at the end of the file.
func (k *aofChecker) gets(max int) []byte {
	b, err := k.r.Peek(max)
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[:i+1]
	} else if err != nil {
		k.eof = true
	}
	b = bytes.Clone(b)
	k.r.Discard(len(b))
	k.pos += int64(len(b))
	return b
}

func (k *aofChecker) consumeNewline(b []byte) bool {
	if bytes.HasPrefix(b, []byte("\r\n")) {
		k.line++
		return true
	}
	// As C prints two chars, which are signed.
	at := func(i int) uint32 {
		if i >= len(b) {
			return 0
		}
		return uint32(int32(int8(b[i])))
	}
	return k.fail("Expected \\r\\n, got: %02x%02x", at(0), at(1))
}

// readLong reads the number of a line that begins with prefix.
func (k *aofChecker) readLong(prefix byte) (int64, bool) {
	k.epos = k.pos
	b := k.gets(127)
	if len(b) == 0 {
		return 0, false
	}
	if b[0] != prefix {
		return 0, k.fail("Expected prefix '%c', got: '%s'", prefix, b[:1])
	}
	i := 1
	for i < len(b) && (b[i] == ' ' || b[i] >= '\t' && b[i] <= '\r') {
		i++
	}
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		i++
	}
	digits := i
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	if i == digits {
		i = 1 // there is no number, and nothing of it was read
	}
	return atoi64(string(b[1:i])), k.consumeNewline(b[i:])
}

// readString reads a bulk string. What is longer than any name is not kept.
func (k *aofChecker) readString() (s string, ok bool) {
	n, ok := k.readLong('$')
	if !ok {
		return "", false
	}
	if n < 0 || n > 1<<63-1-2 {
		return "", k.fail("Expected to read string of %d bytes, which is not in the suitable range", n)
	}
	k.epos = k.pos
	if n <= commandNameMax {
		b := make([]byte, n+2)
		got, err := io.ReadFull(k.r, b)
		k.pos += int64(got)
		if err != nil {
			k.eof = true
			return "", k.fail("Expected to read %d bytes, got %d bytes", n+2, got)
		}
		return cstring(string(b[:n])), k.consumeNewline(b[n:])
	}
	skipped, err := io.CopyN(io.Discard, k.r, n)
	k.pos += skipped
	var end [2]byte
	got := 0
	if err == nil {
		got, err = io.ReadFull(k.r, end[:])
		k.pos += int64(got)
	}
	if err != nil {
		k.eof = true
		return "", k.fail("Expected to read %d bytes, got %d bytes", n+2, skipped+int64(got))
	}
	return "", k.consumeNewline(end[:])
}

// processRESP reads a command. multi is the number of transactions that are open.
func (k *aofChecker) processRESP(path string, multi *int) bool {
	argc, ok := k.readLong('*')
	if !ok {
		return false
	}
	for i := range argc {
		s, ok := k.readString()
		if !ok {
			return false
		}
		if i > 0 {
			continue
		}
		switch {
		case strings.EqualFold(s, "multi"):
			*multi++
			if *multi != 1 {
				return k.fail("Unexpected MULTI in AOF %s", path)
			}
		case strings.EqualFold(s, "exec"):
			*multi--
			if *multi != 0 {
				return k.fail("Unexpected EXEC in AOF %s", path)
			}
		}
	}
	return true
}

// processAnnotations reads an annotation. If it is of a time later than what is to be kept, the file is cut off in front of it.
func (k *aofChecker) processAnnotations(f platform.File, path string, last bool) (later bool, err error) {
	k.epos = k.pos
	b := k.gets(aofAnnotationLineMax - 1)
	text, isTimestamp := bytes.CutPrefix(b, []byte("#TS:"))
	if k.toTimestamp == 0 || !isTimestamp {
		return false, nil
	}
	digits, rest, _ := bytes.Cut(text, []byte{'\r'})
	ts, parseErr := strconv.ParseInt(string(digits), 10, 64)
	if parseErr != nil && len(digits) > 0 || len(rest) == 0 {
		return false, k.abort("Invalid timestamp annotation\n")
	}
	switch {
	case ts <= k.toTimestamp:
		return false, nil
	case k.epos == 0:
		return false, k.abort("AOF %s has nothing before timestamp %d, aborting...\n", path, k.toTimestamp)
	case !last:
		k.printf("Failed to truncate AOF %s to timestamp %d to offset %d because it is not the last file.\n", path, k.toTimestamp, k.epos)
		return false, k.abort("If you insist, please delete all files after this file according to the manifest " +
			"file and delete the corresponding records in manifest file manually. Then re-run redis-check-aof.\n")
	}
	if f.Truncate(k.epos) != nil {
		return false, k.abort("Failed to truncate AOF %s to timestamp %d\n", path, k.toTimestamp)
	}
	return true, nil
}
