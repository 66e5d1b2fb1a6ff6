// SPDX-License-Identifier: BSD-3-Clause

package rio

import (
	"errors"
	"io"

	"redport/src/crc64"
)

// reader.go - the reading half.
//
// What is read comes from outside: a length that is found in it is only a claim. ReadString therefore never asks for more memory than a
// small multiple of what has really been read.

// ErrEOF is a stream that ends before what was asked for.
var ErrEOF = errors.New("unexpected end of file")

// claimChunk is how much memory a length that is not proved yet may take.
const claimChunk = 1 << 20

// Reader is a stream to be read.
type Reader struct {
	r     io.Reader // nil: everything is in buf
	buf   []byte
	at    int   // the next byte
	end   int   // of what was read into buf
	done  int64 // bytes in front of buf
	sum   uint64
	sumOn bool
	sumAt int // the first byte of buf that is not in the sum
	err   error
	short int64 // where the read begins that found the end, if err is set by it; else -1

	// Progress is called when n more bytes were consumed and are at least Every: for work that has to be done meanwhile. An error ends
	// the stream. May be nil.
	Progress func(n int64) error
	Every    int64
	told     int64
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader { return &Reader{r: r, buf: make([]byte, bufferSize), short: -1} }

// NewBytesReader returns a Reader of b.
func NewBytesReader(b []byte) *Reader { return &Reader{buf: b, end: len(b), short: -1} }

// SetChecksum says whether what is read from now on is summed up.
func (r *Reader) SetChecksum(on bool) {
	r.addSum()
	r.sumOn = on
}

// Checksum is the CRC64 of what was read and summed up.
func (r *Reader) Checksum() uint64 {
	r.addSum()
	return r.sum
}

func (r *Reader) addSum() {
	if r.sumOn {
		r.sum = crc64.Update(r.sum, r.buf[r.sumAt:r.at])
	}
	r.sumAt = r.at
}

// Tell is the number of bytes consumed; what a read has got that did not get all that it wanted does not count.
func (r *Reader) Tell() int64 {
	if r.short >= 0 {
		return r.short
	}
	return r.done + int64(r.at)
}

// Err is the first thing that went wrong: ErrEOF where the stream ends too early.
func (r *Reader) Err() error { return r.err }

// Fail makes the stream end with err, if it has not failed yet.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// fill reads more, when all of buf is consumed.
func (r *Reader) fill() bool {
	if r.err != nil {
		return false
	}
	if r.r == nil {
		r.err = ErrEOF
		return false
	}
	r.addSum()
	r.done += int64(r.end)
	r.at, r.end, r.sumAt = 0, 0, 0
	if r.Progress != nil && r.done-r.told >= r.Every {
		n := r.done - r.told
		r.told = r.done
		if err := r.Progress(n); err != nil {
			r.err = err
			return false
		}
	}
	for range 100 {
		n, err := r.r.Read(r.buf)
		if n > 0 {
			r.end = n
			return true
		}
		if err == io.EOF {
			err = ErrEOF
		}
		if err != nil {
			r.err = err
			return false
		}
	}
	r.err = io.ErrNoProgress
	return false
}

// Buffered is what was read from the source and not consumed yet.
func (r *Reader) Buffered() []byte { return r.buf[r.at:r.end] }

// ReadByte reads a byte.
func (r *Reader) ReadByte() (byte, error) {
	if r.at == r.end && !r.fill() {
		return 0, r.err
	}
	b := r.buf[r.at]
	r.at++
	return b, nil
}

// ReadFull reads len(p) bytes.
func (r *Reader) ReadFull(p []byte) error {
	start := r.Tell()
	for len(p) > 0 {
		if r.at == r.end && !r.fill() {
			r.short = start
			return r.err
		}
		n := copy(p, r.buf[r.at:r.end])
		r.at += n
		p = p[n:]
	}
	return nil
}

// Peek is the next n bytes if they are there without reading more, and are then consumed; nil if they are not.
func (r *Reader) Peek(n int) []byte {
	if r.end-r.at < n {
		return nil
	}
	b := r.buf[r.at : r.at+n : r.at+n]
	r.at += n
	return b
}

// ReadString reads n bytes, appended to dst. However large n is, memory is asked for as the bytes arrive.
func (r *Reader) ReadString(dst []byte, n uint64) ([]byte, error) {
	start := r.Tell()
	if r.r == nil && n > uint64(r.end-r.at) {
		r.Fail(ErrEOF)
		return dst, r.err
	}
	for n > 0 {
		step := int(min(n, uint64(max(claimChunk, len(dst)))))
		at := len(dst)
		if cap(dst)-at < step {
			grown := make([]byte, at, at+step)
			copy(grown, dst)
			dst = grown
		}
		dst = dst[:at+step]
		if err := r.ReadFull(dst[at:]); err != nil {
			r.short = start
			return dst[:at], err
		}
		n -= uint64(step)
	}
	return dst, nil
}

// Skip reads n bytes and drops them.
func (r *Reader) Skip(n uint64) error {
	for n > 0 {
		if r.at == r.end && !r.fill() {
			return r.err
		}
		step := min(n, uint64(r.end-r.at))
		r.at += int(step)
		n -= step
	}
	return nil
}
