// SPDX-License-Identifier: BSD-3-Clause

package hiredis

// read.go - replies from a stream. Counterpart: read.c.
//
// The reader is recursive, to a depth of MaxDepth, and blocks on its source in the middle of a reply; an error there leaves
// it unusable, and is returned from then on. WaitReadable is for those who must not be caught in the middle: it
// waits for the first byte of a reply and consumes nothing.

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"redport/src/util"
)

const (
	readerBuffer  = 64 << 10
	keepBuffer    = 1 << 20 // a buffer that grew beyond this is let go when it is empty
	maxLine       = 64 << 20
	maxNumberLine = 512 // for lines that can only hold a number; a double's digits are fewer
	maxDouble     = 325

	// DefaultMaxDepth is far beyond what servers nest: Lua replies stop at some 200.
	DefaultMaxDepth    = 1024
	defaultMaxElements = math.MaxUint32
)

// Reader parses replies. It is for one goroutine at a time.
type Reader struct {
	MaxDepth    int   // of nested aggregates; 0: DefaultMaxDepth
	MaxElements int64 // of an aggregate; 0: as C has it, 2^32-1
	MaxBulk     int64 // length of a string; 0: no limit

	src  io.Reader
	buf  []byte
	r, w int // buf[r:w] has arrived and is not consumed
	err  error
}

// NewReader reads from src.
func NewReader(src io.Reader) *Reader { return &Reader{src: src} }

// Buffered is the number of bytes that have arrived and are not consumed.
func (r *Reader) Buffered() int { return r.w - r.r }

// WaitReadable returns once there is something to parse, without consuming it. A deadline of the source that goes by
// meanwhile gives its error and does no harm.
func (r *Reader) WaitReadable() error {
	if r.r < r.w {
		return nil
	}
	if r.err != nil {
		return r.err
	}
	return streamErrorOrNil(r.fill())
}

func streamErrorOrNil(err error) error {
	if err == nil {
		return nil
	}
	return streamError(err)
}

// ReadReply reads a reply whole. Pushes are replies like others here.
func (r *Reader) ReadReply() (*Reply, error) {
	if r.err != nil {
		return nil, r.err
	}
	reply := new(Reply)
	if err := r.parse(reply, 0); err != nil {
		r.err = streamError(err)
		return nil, r.err
	}
	return reply, nil
}

// Read gives raw bytes, those that have arrived already first: for what is not RESP, as the payload of a replication link.
func (r *Reader) Read(p []byte) (int, error) {
	if r.r < r.w {
		n := copy(p, r.buf[r.r:r.w])
		r.r += n
		return n, nil
	}
	return r.src.Read(p)
}

// ReadLine reads raw bytes up to a newline and gives them without it and a \r before it, valid until the next call of a method.
func (r *Reader) ReadLine() ([]byte, error) {
	line, err := r.until('\n', maxLine)
	if err != nil {
		return nil, streamError(err)
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'}), nil
}

// CopyBulk reads a reply that is a string and writes its bytes to w as they arrive, so that it need not fit into memory.
// Any other reply is returned, with nothing written.
func (r *Reader) CopyBulk(w io.Writer) (int64, *Reply, error) {
	if r.err != nil {
		return 0, nil, r.err
	}
	t, err := r.peek()
	if err == nil && t == String {
		var n int64
		if n, err = r.copyBulk(w); err == nil && n >= 0 {
			return n, nil, nil
		} else if err == nil {
			return 0, &Reply{Type: Nil}, nil
		}
	}
	if err != nil {
		r.err = streamError(err)
		return 0, nil, r.err
	}
	reply, err := r.ReadReply()
	return 0, reply, err
}

func (r *Reader) copyBulk(w io.Writer) (int64, error) {
	n, streamed, err := r.bulkHeader()
	switch {
	case err != nil || n < 0:
		return n, err
	case streamed:
		return r.copyChunks(w)
	}
	if err := r.copyN(w, n); err != nil {
		return 0, err
	}
	return n, r.lineEnd()
}

// --- Bytes ---

// fill reads once from the source, at the end of the buffer.
func (r *Reader) fill() error {
	switch {
	case r.r == r.w:
		r.r, r.w = 0, 0
		if len(r.buf) == 0 || len(r.buf) > keepBuffer {
			r.buf = make([]byte, readerBuffer)
		}
	case r.w < len(r.buf):
	case r.r > len(r.buf)/2:
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
	default:
		grown := make([]byte, 2*len(r.buf))
		r.w = copy(grown, r.buf[r.r:r.w])
		r.r = 0
		r.buf = grown
	}
	// A source may return nothing without an error, but not for ever.
	for range 100 {
		n, err := r.src.Read(r.buf[r.w:])
		if n > 0 {
			r.w += n
			return nil // an error with the bytes comes again
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// until consumes bytes up to and with the given one. They are valid until the next read.
func (r *Reader) until(end byte, limit int) ([]byte, error) {
	seen := 0
	for {
		if i := bytes.IndexByte(r.buf[r.r+seen:r.w], end); i >= 0 {
			line := r.buf[r.r : r.r+seen+i+1]
			r.r += len(line)
			return line, nil
		}
		seen = r.w - r.r
		if seen > limit {
			return nil, protocolError("Protocol error, line too long")
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// line consumes the rest of a line and gives it without its end, valid until the next read. A \r or \n elsewhere is an error.
func (r *Reader) line(limit int) ([]byte, error) {
	line, err := r.until('\n', limit)
	if err != nil {
		return nil, err
	}
	if len(line) < 2 || line[len(line)-2] != '\r' || bytes.IndexByte(line[:len(line)-2], '\r') >= 0 {
		return nil, protocolError("Bad simple string value")
	}
	return line[:len(line)-2], nil
}

func (r *Reader) peek() (Type, error) {
	for r.r == r.w {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	return Type(r.buf[r.r]), nil
}

// lineEnd consumes the \r\n behind a string.
func (r *Reader) lineEnd() error {
	for r.w-r.r < 2 {
		if err := r.fill(); err != nil {
			return err
		}
	}
	if r.buf[r.r] != '\r' || r.buf[r.r+1] != '\n' {
		return protocolError("Bad bulk string length")
	}
	r.r += 2
	return nil
}

// copyN passes n bytes on as they arrive.
func (r *Reader) copyN(w io.Writer, n int64) error {
	for n > 0 {
		if r.r == r.w {
			if err := r.fill(); err != nil {
				return err
			}
		}
		part := r.buf[r.r:r.w]
		if int64(len(part)) > n {
			part = part[:n]
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
		r.r += len(part)
		n -= int64(len(part))
	}
	return nil
}

// --- Replies ---

func (r *Reader) parse(reply *Reply, depth int) error {
	t, err := r.peek()
	if err != nil {
		return err
	}
	// Attributes are replies of their own on the wire; any number may precede the one that they belong to.
	for t == attribute {
		var attr Reply
		if err := r.parseAggregate(&attr, t, depth); err != nil {
			return err
		}
		reply.Attr = attr.Elements
		if t, err = r.peek(); err != nil {
			return err
		}
	}
	reply.Type = t
	switch t {
	case Status, Err, Integer, Nil, Bool, Double, BigNum:
		return r.parseLine(reply)
	case String, Verbatim, blobError:
		return r.parseBulk(reply)
	case Array, Map, Set, Push:
		return r.parseAggregate(reply, t, depth)
	}
	return badType(byte(t))
}

// badType is C's complaint, which shows the byte as C would write it.
func badType(b byte) error {
	var text string
	switch {
	case b == '\\' || b == '"':
		text = `"\` + string(rune(b)) + `"`
	case b == '\n':
		text = `"\n"`
	case b == '\r':
		text = `"\r"`
	case b == '\t':
		text = `"\t"`
	case b == '\a':
		text = `"\a"`
	case b == '\b':
		text = `"\b"`
	case b >= 0x20 && b <= 0x7e:
		text = `"` + string(rune(b)) + `"`
	default:
		text = fmt.Sprintf(`"\x%02x"`, b)
	}
	return protocolError("Protocol error, got " + text + " as reply type byte")
}

func (r *Reader) parseLine(reply *Reply) error {
	limit := maxNumberLine
	if reply.Type == Status || reply.Type == Err || reply.Type == BigNum {
		limit = maxLine
	}
	line, err := r.line(limit)
	if err != nil {
		return err
	}
	line = line[1:]
	switch reply.Type {
	case Integer:
		v, ok := util.String2ll(line)
		if !ok {
			return protocolError("Bad integer value")
		}
		reply.Integer = v
	case Nil:
		if len(line) != 0 {
			return protocolError("Bad nil value")
		}
	case Bool:
		if len(line) != 1 || strings.IndexByte("tTfF", line[0]) < 0 {
			return protocolError("Bad bool value")
		}
		if line[0]|0x20 == 't' {
			reply.Integer = 1
		}
	case Double:
		if len(line) > maxDouble {
			return protocolError("Double value is too large")
		}
		reply.Str = string(line)
		if _, ok := parseDouble(reply.Str); !ok {
			return protocolError("Bad double value")
		}
	case BigNum:
		if !isDigits(bytes.TrimPrefix(line, []byte{'-'})) {
			return protocolError("Bad bignum value")
		}
		reply.Str = string(line)
	default:
		reply.Str = string(line)
	}
	return nil
}

func isDigits(s []byte) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) > 0
}

// parseDouble reads the text of a double: digits, or inf, -inf and nan in any case.
func parseDouble(s string) (float64, bool) {
	switch strings.ToLower(s) {
	case "inf", "+inf":
		return math.Inf(1), true
	case "-inf":
		return math.Inf(-1), true
	case "nan", "-nan":
		return math.NaN(), true
	}
	if strings.ContainsAny(s, "xX_pPiInN") { // forms of Go's that RESP does not have
		return 0, false
	}
	d, err := strconv.ParseFloat(s, 64)
	return d, err == nil && !math.IsInf(d, 0)
}

// bulkHeader consumes the line before a string's bytes. n is -1 for a null; streamed: chunks follow.
func (r *Reader) bulkHeader() (n int64, streamed bool, err error) {
	line, err := r.line(maxNumberLine)
	if err != nil {
		return 0, false, err
	}
	if string(line[1:]) == "?" {
		return 0, true, nil
	}
	n, ok := util.String2ll(line[1:])
	switch {
	case !ok:
		return 0, false, protocolError("Bad bulk string length")
	case n < -1 || n > math.MaxInt-2 || r.MaxBulk > 0 && n > r.MaxBulk:
		return 0, false, protocolError("Bulk string length out of range")
	}
	return n, false, nil
}

func (r *Reader) parseBulk(reply *Reply) error {
	n, streamed, err := r.bulkHeader()
	switch {
	case err != nil:
		return err
	case n < 0:
		reply.Type = Nil
		return nil
	case streamed:
		var b strings.Builder
		if _, err := r.copyChunks(&b); err != nil {
			return err
		}
		reply.Str = b.String()
	case n <= int64(r.w-r.r):
		reply.Str = string(r.buf[r.r : r.r+int(n)])
		r.r += int(n)
		if err := r.lineEnd(); err != nil {
			return err
		}
	default:
		var b strings.Builder
		b.Grow(int(min(n, keepBuffer)))
		if err := r.copyN(&b, n); err != nil {
			return err
		}
		if err := r.lineEnd(); err != nil {
			return err
		}
		reply.Str = b.String()
	}
	switch reply.Type {
	case Verbatim:
		if len(reply.Str) < 4 || reply.Str[3] != ':' {
			return protocolError("Verbatim string 4 bytes of content type are missing or incorrectly encoded.")
		}
		copy(reply.Format[:], reply.Str)
		reply.Str = reply.Str[4:]
	case blobError:
		reply.Type = Err
	}
	return nil
}

// copyChunks passes on the chunks of a streamed string: ";<n>\r\n<bytes>\r\n" and at the end ";0\r\n".
func (r *Reader) copyChunks(w io.Writer) (total int64, err error) {
	for {
		line, err := r.line(maxNumberLine)
		if err != nil {
			return total, err
		}
		if len(line) == 0 || Type(line[0]) != streamChunk {
			return total, protocolError("Bad bulk string length")
		}
		n, ok := util.String2ll(line[1:])
		total += n
		switch {
		case !ok:
			return total, protocolError("Bad bulk string length")
		case n < 0 || total < 0 || r.MaxBulk > 0 && total > r.MaxBulk:
			return total, protocolError("Bulk string length out of range")
		case n == 0:
			return total, nil
		}
		if err := r.copyN(w, n); err != nil {
			return total, err
		}
		if err := r.lineEnd(); err != nil {
			return total, err
		}
	}
}

// firstElements is how much room an aggregate gets before its elements arrive.
const firstElements = 64

func (r *Reader) parseAggregate(reply *Reply, t Type, depth int) error {
	limit := r.MaxDepth
	if limit == 0 {
		limit = DefaultMaxDepth
	}
	if depth >= limit {
		return protocolError("Protocol error, nested too deeply")
	}
	line, err := r.line(maxNumberLine)
	if err != nil {
		return err
	}
	if string(line[1:]) == "?" {
		return r.parseStreamed(reply, t, depth)
	}
	n, ok := util.String2ll(line[1:])
	most := r.MaxElements
	if most == 0 {
		most = defaultMaxElements
	}
	switch {
	case !ok:
		return protocolError("Bad multi-bulk length")
	case n < -1 || n > most || (t == Map || t == attribute) && n > most/2:
		return protocolError("Multi-bulk length out of range")
	case n == -1:
		reply.Type = Nil
		return nil
	}
	if t == Map || t == attribute {
		n *= 2
	}
	reply.Elements = make([]Reply, 0, min(n, firstElements))
	for range n {
		if err := r.parseElement(reply, depth); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) parseElement(reply *Reply, depth int) error {
	reply.Elements = append(reply.Elements, Reply{})
	return r.parse(&reply.Elements[len(reply.Elements)-1], depth+1)
}

// parseStreamed reads elements until "." ends them.
func (r *Reader) parseStreamed(reply *Reply, t Type, depth int) error {
	reply.Elements = []Reply{}
	for {
		next, err := r.peek()
		if err != nil {
			return err
		}
		if next == streamEnd {
			line, err := r.line(maxNumberLine)
			if err != nil {
				return err
			}
			if len(line) != 1 || (t == Map || t == attribute) && len(reply.Elements)%2 != 0 {
				return protocolError("Bad multi-bulk length")
			}
			return nil
		}
		if err := r.parseElement(reply, depth); err != nil {
			return err
		}
	}
}
