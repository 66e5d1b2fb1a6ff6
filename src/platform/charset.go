// SPDX-License-Identifier: BSD-3-Clause

package platform

// charset.go - the boundary between EBCDIC and what Redport has inside.
//
// Inside, bytes are bytes, and those that Redis gives a meaning to (commands, digits, quotes, line ends) are ASCII's. Where text comes in or goes
// out in EBCDIC - configuration, ACL and Sentinel files, the log, the command line, redis-cli's terminal, a listener for
// EBCDIC clients - it is translated at that place, byte for byte: a Charset pairs each of the 256 bytes with another one, so
// nothing is lost and lengths stay. Bytes beyond ASCII pair as ISO 8859-1 does (the euro of IBM-1140 as in
// ISO 8859-15, where the currency sign was).
//
// Line ends are where EBCDIC systems differ. It has LF (0x25) and NEL (0x15); in their programs, '\n' is
//
//	z/OS: 0x15    paired with 0x0A here, and 0x25 with 0x85: the default (ICU: "swaplfnl")
//	IBM i: 0x25   paired with 0x0A, and 0x15 with 0x85: the name gets ",lf"
//
// Text files from elsewhere may have either: DecodeText takes both for line ends, as files are text and need not come back
// the same. Protocol and data go through the strict pairs.

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Charset translates between the bytes of a character set and the inside's. A nil Charset stands for ASCII and its
// supersets: it changes nothing.
type Charset struct {
	name     string
	inside   [256]byte // by outside byte
	outside  [256]byte // by inside byte
	lineEnds [2]byte   // NEL and LF
}

const (
	ebcdicNEL = 0x15
	ebcdicLF  = 0x25
)

// LookupCharset finds a character set by name: "ascii" (nil, also for "utf-8", "iso-8859-1" and ""), "ibm-1047", "ibm-037", "ibm-1140". Case and
// hyphens do not matter, "cp" and "ibm" are alike. ",lf" behind a name makes 0x25 the line end instead of 0x15.
func LookupCharset(name string) (*Charset, error) {
	base, option, _ := strings.Cut(strings.ToLower(name), ",")
	key := strings.NewReplacer("-", "", "_", "", " ", "").Replace(base)
	key = strings.TrimPrefix(strings.TrimPrefix(key, "ibm"), "cp")
	var page *charmap.Charmap
	switch strings.TrimLeft(key, "0") {
	case "", "ascii", "usascii", "utf8", "iso88591", "latin1":
		if option == "" {
			return nil, nil
		}
	case "1047":
		page, base = charmap.CodePage1047, "ibm-1047"
	case "37":
		page, base = charmap.CodePage037, "ibm-037"
	case "1140":
		page, base = charmap.CodePage1140, "ibm-1140"
	}
	if page == nil || option != "" && option != "lf" {
		return nil, fmt.Errorf("unknown character set %q", name)
	}
	c := &Charset{name: base, lineEnds: [2]byte{ebcdicNEL, ebcdicLF}}
	for b := range 256 {
		r := page.DecodeByte(byte(b))
		if r == '€' {
			r = 0xa4
		}
		c.inside[b] = byte(r)
	}
	if option == "lf" {
		c.name += ",lf"
		c.inside[ebcdicLF], c.inside[ebcdicNEL] = '\n', 0x85
	} else {
		c.inside[ebcdicNEL], c.inside[ebcdicLF] = '\n', 0x85
	}
	for b, in := range c.inside {
		c.outside[in] = byte(b)
	}
	return c, nil
}

// CharsetNames are the names that LookupCharset knows, without options.
func CharsetNames() []string { return []string{"ascii", "ibm-037", "ibm-1047", "ibm-1140"} }

// Name is the name that LookupCharset knows it by.
func (c *Charset) Name() string {
	if c == nil {
		return "ascii"
	}
	return c.name
}

// ToASCII translates what came from outside, in place, and returns it.
func (c *Charset) ToASCII(b []byte) []byte {
	if c != nil {
		for i, x := range b {
			b[i] = c.inside[x]
		}
	}
	return b
}

// FromASCII translates what goes outside, in place, and returns it.
func (c *Charset) FromASCII(b []byte) []byte {
	if c != nil {
		for i, x := range b {
			b[i] = c.outside[x]
		}
	}
	return b
}

// DecodeText is ToASCII for text, not in place: both of EBCDIC's line ends become '\n'.
func (c *Charset) DecodeText(b []byte) []byte {
	b = slices.Clone(b)
	if c == nil {
		return b
	}
	for i, x := range b {
		if x == c.lineEnds[0] || x == c.lineEnds[1] {
			b[i] = '\n'
		} else {
			b[i] = c.inside[x]
		}
	}
	return b
}

// EncodeText is FromASCII, not in place.
func (c *Charset) EncodeText(b []byte) []byte { return c.FromASCII(slices.Clone(b)) }

// DetectCharset guesses which character set a text file is in; what is not clearly EBCDIC is ASCII.
//
// Text that is valid UTF-8 without control characters but white space is ASCII's. EBCDIC's lower-case letters are all above 0x7F and in no order that
// UTF-8 allows, and both of its line ends are control characters, so no EBCDIC line passes for that. Of the rest, EBCDIC has to give printable
// ASCII for 19 bytes in 20. The code pages differ in brackets and a few more; IBM-1047 is meant unless only IBM-037's brackets are there.
func DetectCharset(b []byte) *Charset {
	if looksASCII(b) {
		return nil
	}
	c, _ := LookupCharset("ibm-1047")
	printable := 0
	count := [256]int{}
	for _, x := range b {
		count[x]++
		if x == ebcdicNEL || x == ebcdicLF || isText(c.inside[x]) {
			printable++
		}
	}
	if printable*20 < len(b)*19 {
		return nil
	}
	const open1047, close1047, open037, close037 = 0xad, 0xbd, 0xba, 0xbb
	name := "ibm-1047"
	if count[open037]+count[close037] > 0 && count[open1047]+count[close1047] == 0 {
		name = "ibm-037"
	}
	if count[ebcdicLF] > count[ebcdicNEL] {
		name += ",lf"
	}
	c, _ = LookupCharset(name)
	return c
}

func looksASCII(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, x := range b {
		if x < 0x80 && !isText(x) {
			return false
		}
	}
	return true
}

// isText tells whether an ASCII byte prints or is white space.
func isText(x byte) bool { return x >= ' ' && x <= '~' || x >= '\t' && x <= '\r' }

// NewReader translates what r gives by the strict pairs.
func (c *Charset) NewReader(r io.Reader) io.Reader {
	if c == nil {
		return r
	}
	return &charsetReader{c, r}
}

type charsetReader struct {
	c *Charset
	r io.Reader
}

func (r *charsetReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.c.ToASCII(p[:n])
	return n, err
}

// NewWriter translates what is written to w. It is not safe for concurrent use.
func (c *Charset) NewWriter(w io.Writer) io.Writer {
	if c == nil {
		return w
	}
	return &charsetWriter{c: c, w: w}
}

type charsetWriter struct {
	c   *Charset
	w   io.Writer
	buf []byte
}

// Write leaves p alone, as an io.Writer has to.
func (w *charsetWriter) Write(p []byte) (int, error) {
	w.buf = append(w.buf[:0], p...)
	n, err := w.w.Write(w.c.FromASCII(w.buf))
	if cap(w.buf) > 64<<10 {
		w.buf = nil
	}
	return n, err
}
