// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"testing/iotest"
)

func mustCharset(t *testing.T, name string) *Charset {
	t.Helper()
	c, err := LookupCharset(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLookupCharset(t *testing.T) {
	for name, want := range map[string]string{
		"": "ascii", "ASCII": "ascii", "UTF-8": "ascii", "latin1": "ascii", "ibm-1047": "ibm-1047", "IBM1047": "ibm-1047", "cp1047": "ibm-1047", "1047": "ibm-1047",
		"IBM-037": "ibm-037", "ibm37": "ibm-037", "CP037": "ibm-037", "ibm-1140": "ibm-1140", "ibm-1047,lf": "ibm-1047,lf", "IBM-037,LF": "ibm-037,lf",
	} {
		if got := mustCharset(t, name).Name(); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
	for _, name := range []string{"ebcdic", "ibm-500", "ibm-1047,crlf", "ascii,lf"} {
		if c, err := LookupCharset(name); err == nil {
			t.Errorf("%q: got %s, want an error", name, c.Name())
		}
	}
	for _, name := range CharsetNames() {
		if got := mustCharset(t, name).Name(); got != name {
			t.Errorf("%s is called %s", name, got)
		}
	}
}

func TestCharsetsPairAllBytes(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, name := range []string{"ascii", "ibm-1047", "ibm-037", "ibm-1140", "ibm-1047,lf", "ibm-037,lf", "ibm-1140,lf"} {
		c := mustCharset(t, name)
		in := c.ToASCII(slices.Clone(all))
		if seen := slices.Compact(slices.Sorted(slices.Values(in))); len(seen) != 256 {
			t.Errorf("%s: only %d different bytes come out", name, len(seen))
		}
		if back := c.FromASCII(in); !bytes.Equal(back, all) {
			t.Errorf("%s: not all bytes come back", name)
		}
	}
}

func TestCharsetKnownText(t *testing.T) {
	for _, tc := range []struct {
		charset, inside, outside string
	}{
		{"ibm-1047", "PING\r\n", "\xd7\xc9\xd5\xc7\x0d\x15"},
		{"ibm-1047,lf", "PING\r\n", "\xd7\xc9\xd5\xc7\x0d\x25"},
		{"ibm-1047", "*1 $3 [a] ^", "\x5c\xf1\x40\x5b\xf3\x40\xad\x81\xbd\x40\x5f"},
		{"ibm-037", "*1 $3 [a] ^", "\x5c\xf1\x40\x5b\xf3\x40\xba\x81\xbb\x40\xb0"},
		{"ibm-1140", "\xa4", "\x9f"},
		{"ascii", "any\x00\xff", "any\x00\xff"},
	} {
		c := mustCharset(t, tc.charset)
		if got := c.EncodeText([]byte(tc.inside)); string(got) != tc.outside {
			t.Errorf("%s, %q: got %x, want %x", tc.charset, tc.inside, got, tc.outside)
		}
		if got := c.ToASCII([]byte(tc.outside)); string(got) != tc.inside {
			t.Errorf("%s, %x: got %q, want %q", tc.charset, tc.outside, got, tc.inside)
		}
	}
	if got := mustCharset(t, "ibm-037").DecodeText([]byte("\x81\x15\x82\x25\x83")); string(got) != "a\nb\nc" {
		t.Errorf("line ends: %q", got)
	}
}

func TestDetectCharset(t *testing.T) {
	config := "# Redis configuration\nport 6379\nbind 127.0.0.1 -::1\nsave 3600 1 300 100\nrequirepass \"s3cret!\"\n"
	brackets := "user default on nopass ~* [x] +@all\n"
	encode := func(charset, text string) []byte {
		c, _ := LookupCharset(charset)
		return c.EncodeText([]byte(text))
	}
	for _, tc := range []struct {
		name string
		text []byte
		want string
	}{
		{"nothing", nil, "ascii"},
		{"a plain file", []byte(config), "ascii"},
		{"a UTF-8 file", []byte("# für später\nport 1\n"), "ascii"},
		{"a Latin-1 file", []byte("# f\xfcr sp\xe4ter\nport 1\n"), "ascii"},
		{"binary data", []byte("REDIS0012\xfa\x00\x01\x02\x03\x04\xff"), "ascii"},
		{"z/OS", encode("ibm-1047", config), "ibm-1047"},
		{"z/OS, with brackets", encode("ibm-1047", config+brackets), "ibm-1047"},
		{"z/OS with 037", encode("ibm-037", config+brackets), "ibm-037"},
		{"IBM i", encode("ibm-037,lf", config+brackets), "ibm-037,lf"},
		{"one line", encode("ibm-1047", "port 7000"), "ibm-1047"},
	} {
		c := DetectCharset(tc.text)
		if c.Name() != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, c.Name(), tc.want)
		}
	}
	if got := DetectCharset(encode("ibm-1047", config)).DecodeText(encode("ibm-1047", config)); string(got) != config {
		t.Errorf("got %q", got)
	}
}

func TestCharsetReaderWriter(t *testing.T) {
	c := mustCharset(t, "ibm-1047")
	text := []byte("GET key\r\n\x00\xff")
	var out bytes.Buffer
	w := c.NewWriter(&out)
	for _, part := range [][]byte{text[:3], text[3:]} {
		before := slices.Clone(part)
		if n, err := w.Write(part); n != len(part) || err != nil || !bytes.Equal(part, before) {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	got, err := io.ReadAll(c.NewReader(iotest.OneByteReader(&out)))
	if err != nil || !bytes.Equal(got, text) {
		t.Errorf("got %q, %v", got, err)
	}
	var plain *Charset
	if plain.NewReader(&out) != io.Reader(&out) || plain.NewWriter(&out) != io.Writer(&out) {
		t.Error("ASCII needs no wrapping")
	}
}
