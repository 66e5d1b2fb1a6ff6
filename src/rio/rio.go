// SPDX-License-Identifier: BSD-3-Clause

// Package rio reads and writes streams of bytes as RDB files and DUMP payloads are made of: buffered, counted, summed up, and told to
// whoever wants to know how far they are.
package rio

import (
	"io"

	"redport/src/crc64"
	"redport/src/platform"
)

// rio.go - the writing half; the reading one is in reader.go.
//
// Errors stick: after the first one everything else is a no-op, and Flush, Err and Write tell of it. So whoever writes a format need not
// look after each byte, but must look at the end.
//
// The checksum is brought up to date when the buffer is full, not byte by byte.
//
// Counterpart: rio.c. Differences: targets are io.Writers and sources io.Readers, not a closed set of kinds.

// bufferSize is what is written and read at a time.
const bufferSize = 64 * 1024

// Writer is a stream to be written.
type Writer struct {
	w     io.Writer
	buf   []byte
	done  int64 // bytes that have left the buffer
	sum   uint64
	sumOn bool
	sumAt int // bytes of the buffer that are in the sum
	err   error

	// Wrote is called whenever n bytes have left the buffer; an error that it returns ends the stream. May be nil.
	Wrote func(n int) error

	file     platform.File // of AutoSync
	every    int64
	started  int64 // up to where the system was told to write the file
	finished int64 // up to where it has
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: w, buf: make([]byte, 0, bufferSize)}
}

// NewBuffer returns a Writer that appends to b, for Bytes.
func NewBuffer(b []byte) *Writer { return &Writer{buf: b} }

// Bytes returns what a Writer of NewBuffer has made of its bytes.
func (w *Writer) Bytes() []byte { return w.buf }

// SetChecksum says whether what is written from now on is summed up.
func (w *Writer) SetChecksum(on bool) {
	w.addSum()
	w.sumOn = on
}

// Checksum is the CRC64 of what was summed up.
func (w *Writer) Checksum() uint64 {
	w.addSum()
	return w.sum
}

func (w *Writer) addSum() {
	if w.sumOn {
		w.sum = crc64.Update(w.sum, w.buf[w.sumAt:])
	}
	w.sumAt = len(w.buf)
}

// AutoSync has the system write f, which must be what w writes to, bit by bit, so that there is never much more than the given number of bytes
// to be written when it is synced at the end.
func (w *Writer) AutoSync(f platform.File, every int64) { w.file, w.every = f, every }

// Tell is the number of bytes written.
func (w *Writer) Tell() int64 { return w.done + int64(len(w.buf)) }

// Err is the first thing that went wrong.
func (w *Writer) Err() error { return w.err }

// Fail makes the stream end with err, if it has not failed yet.
func (w *Writer) Fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// Flush writes what is buffered.
func (w *Writer) Flush() error {
	if w.w == nil || w.err != nil || len(w.buf) == 0 {
		return w.err
	}
	w.addSum()
	w.put(w.buf)
	w.buf, w.sumAt = w.buf[:0], 0
	return w.err
}

// put hands bytes to the target.
func (w *Writer) put(p []byte) {
	n, err := w.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	w.done += int64(n)
	if err != nil {
		w.Fail(err)
		return
	}
	if w.file != nil && w.done-w.started >= w.every {
		w.sync()
	}
	if w.Wrote != nil {
		if err := w.Wrote(n); err != nil {
			w.Fail(err)
		}
	}
}

// sync starts writing the newest stretch of the file, and waits for the one before.
func (w *Writer) sync() {
	f, ok := w.file.(platform.OSFile)
	if !ok {
		if err := w.file.Datasync(); err != nil {
			w.Fail(err)
		}
		w.started = w.done
		return
	}
	if err := platform.SyncFileRange(f.File, w.finished, w.done-w.finished); err != nil {
		w.Fail(err)
		return
	}
	if w.started > w.finished {
		// Nobody will read it soon.
		platform.ReclaimFilePageCache(f.File, w.finished, w.started-w.finished)
	}
	w.finished, w.started = w.started, w.done
}

// room makes place for n bytes, which are not more than the buffer has.
func (w *Writer) room(n int) {
	if w.w != nil && len(w.buf)+n > cap(w.buf) {
		w.Flush()
		if w.err != nil {
			w.buf, w.sumAt = w.buf[:0], 0
		}
	}
}

// Write writes p.
func (w *Writer) Write(p []byte) (int, error) {
	if w.w == nil {
		w.buf = append(w.buf, p...)
		return len(p), nil
	}
	if w.err != nil {
		return 0, w.err
	}
	if len(p) > cap(w.buf) {
		w.Flush()
		for rest := p; len(rest) > 0 && w.err == nil; {
			chunk := rest[:min(len(rest), cap(w.buf))]
			if w.sumOn {
				w.sum = crc64.Update(w.sum, chunk)
			}
			w.put(chunk)
			rest = rest[len(chunk):]
		}
		return len(p), w.err
	}
	w.room(len(p))
	w.buf = append(w.buf, p...)
	return len(p), w.err
}

// WriteString writes s.
func (w *Writer) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// WriteByte writes b.
func (w *Writer) WriteByte(b byte) error {
	w.room(1)
	w.buf = append(w.buf, b)
	return w.err
}
