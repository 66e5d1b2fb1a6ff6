// SPDX-License-Identifier: BSD-3-Clause

package linenoise

// input.go - reading from a file that may be a terminal, so that one can wait for it and for something else at the same time.

import (
	"bytes"
	"io"
	"os"
)

// Input reads bytes and lines. Nothing is read ahead of the first call that needs it, so that other programs find their input
// where they expect it. It is for one goroutine at a time.
type Input struct {
	f       *os.File
	buf     []byte
	err     error
	pending chan result // a read under way; nil: none
}

type result struct {
	b   []byte
	err error
}

// NewInput reads from f.
func NewInput(f *os.File) *Input { return &Input{f: f} }

// File is what is read from.
func (in *Input) File() *os.File { return in.f }

// Ready gives a channel that can be received from once there is input, or its end. Whoever receives must call Take right away.
func (in *Input) Ready() <-chan result {
	if in.pending == nil && (len(in.buf) > 0 || in.err != nil) {
		in.pending = make(chan result, 1)
		in.pending <- result{nil, in.err}
	}
	return in.start()
}

// start has a read under way.
func (in *Input) start() <-chan result {
	if in.pending == nil {
		in.pending = make(chan result, 1)
		go func(ch chan<- result) {
			b := make([]byte, 4096)
			n, err := in.f.Read(b)
			ch <- result{b[:n], err}
		}(in.pending)
	}
	return in.pending
}

// Take keeps what was received from Ready's channel, to be read.
func (in *Input) Take(r result) {
	in.pending = nil
	in.buf = append(in.buf, r.b...)
	if r.err != nil {
		in.err = r.err
	}
}

// fill waits for input.
func (in *Input) fill() error {
	if in.err != nil && in.pending == nil {
		return in.err
	}
	in.Take(<-in.start())
	if len(in.buf) == 0 {
		return in.err
	}
	return nil
}

// ReadByte reads a byte.
func (in *Input) ReadByte() (byte, error) {
	for len(in.buf) == 0 {
		if err := in.fill(); err != nil {
			return 0, err
		}
	}
	c := in.buf[0]
	in.buf = in.buf[1:]
	return c, nil
}

// ReadLine reads up to a newline and gives what is before it. A last line without one counts too.
func (in *Input) ReadLine() (string, error) {
	seen := 0
	for {
		if i := bytes.IndexByte(in.buf[seen:], '\n'); i >= 0 {
			line := string(in.buf[:seen+i])
			in.buf = in.buf[seen+i+1:]
			return line, nil
		}
		seen = len(in.buf)
		if in.err != nil && in.pending == nil || in.fill() != nil {
			if seen == 0 {
				return "", in.err
			}
			line := string(in.buf)
			in.buf = nil
			return line, nil
		}
	}
}

// Read reads what there is.
func (in *Input) Read(p []byte) (int, error) {
	if len(in.buf) == 0 {
		if err := in.fill(); err != nil {
			if err == io.EOF {
				return 0, io.EOF
			}
			return 0, err
		}
	}
	n := copy(p, in.buf)
	in.buf = in.buf[n:]
	return n, nil
}
