// SPDX-License-Identifier: BSD-3-Clause

package hiredis

import (
	"bytes"
	"errors"
	"io"
	"math"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReplies(t *testing.T) {
	for wire, want := range map[string]Reply{
		"+OK\r\n":                     {Type: Status, Str: "OK"},
		"-ERR no\r\n":                 {Type: Err, Str: "ERR no"},
		"!6\r\nERR no\r\n":            {Type: Err, Str: "ERR no"},
		":-12\r\n":                    {Type: Integer, Integer: -12},
		"$0\r\n\r\n":                  {Type: String},
		"$5\r\na\r\nbc\r\n":           {Type: String, Str: "a\r\nbc"},
		"$-1\r\n":                     {Type: Nil},
		"*-1\r\n":                     {Type: Nil},
		"_\r\n":                       {Type: Nil},
		"#t\r\n":                      {Type: Bool, Integer: 1},
		"#f\r\n":                      {Type: Bool},
		",3.25\r\n":                   {Type: Double, Str: "3.25"},
		",-inf\r\n":                   {Type: Double, Str: "-inf"},
		"(-123456789012345678901\r\n": {Type: BigNum, Str: "-123456789012345678901"},
		"=8\r\ntxt:some\r\n":          {Type: Verbatim, Str: "some", Format: [3]byte{'t', 'x', 't'}},
		"*0\r\n":                      {Type: Array, Elements: []Reply{}},
		"~1\r\n:1\r\n":                {Type: Set, Elements: []Reply{{Type: Integer, Integer: 1}}},
		">1\r\n+x\r\n":                {Type: Push, Elements: []Reply{{Type: Status, Str: "x"}}},
		"%1\r\n+a\r\n*1\r\n_\r\n": {Type: Map, Elements: []Reply{{Type: Status, Str: "a"},
			{Type: Array, Elements: []Reply{{Type: Nil}}}}},
		"|1\r\n+k\r\n:1\r\n$1\r\nv\r\n":       {Type: String, Str: "v", Attr: []Reply{{Type: Status, Str: "k"}, {Type: Integer, Integer: 1}}},
		"$?\r\n;2\r\nab\r\n;1\r\nc\r\n;0\r\n": {Type: String, Str: "abc"},
		"*?\r\n:1\r\n:2\r\n.\r\n":             {Type: Array, Elements: []Reply{{Type: Integer, Integer: 1}, {Type: Integer, Integer: 2}}},
	} {
		for name, src := range map[string]io.Reader{
			"at once":       strings.NewReader(wire),
			"byte for byte": iotest.OneByteReader(strings.NewReader(wire)),
		} {
			r := NewReader(src)
			got, err := r.ReadReply()
			if err != nil || !reflect.DeepEqual(*got, want) {
				t.Errorf("%q %s: %+v, %v; want %+v", wire, name, got, err, want)
			}
			if _, err := r.ReadReply(); KindOf(err) != KindEOF {
				t.Errorf("%q %s: %v after the end", wire, name, err)
			}
		}
	}
}

func TestMalformedReplies(t *testing.T) {
	for wire, want := range map[string]string{
		"?\r\n":                          `Protocol error, got "?" as reply type byte`,
		"\x00\r\n":                       `Protocol error, got "\x00" as reply type byte`,
		"\"\r\n":                         `Protocol error, got "\"" as reply type byte`,
		"\n":                             `Protocol error, got "\n" as reply type byte`,
		":1x\r\n":                        "Bad integer value",
		":9223372036854775808\r\n":       "Bad integer value",
		"_x\r\n":                         "Bad nil value",
		"#x\r\n":                         "Bad bool value",
		",1.2.3\r\n":                     "Bad double value",
		",0x10\r\n":                      "Bad double value",
		",infinity\r\n":                  "Bad double value",
		"," + strings.Repeat("1", 400):   "Double value is too large",
		"(12a\r\n":                       "Bad bignum value",
		"(-\r\n":                         "Bad bignum value",
		"+a\rb\r\n":                      "Bad simple string value",
		"+a\nb\r\n":                      "Bad simple string value",
		"$x\r\n":                         "Bad bulk string length",
		"$-2\r\n":                        "Bulk string length out of range",
		"$9223372036854775807\r\n":       "Bulk string length out of range",
		"$1\r\nabc":                      "Bad bulk string length",
		"=3\r\nabc\r\n":                  "Verbatim string 4 bytes of content type are missing or incorrectly encoded.",
		"*x\r\n":                         "Bad multi-bulk length",
		"*-2\r\n":                        "Multi-bulk length out of range",
		"*4294967296\r\n":                "Multi-bulk length out of range",
		"%4294967295\r\n":                "Multi-bulk length out of range",
		"%?\r\n+a\r\n.\r\n":              "Bad multi-bulk length",
		strings.Repeat("*1\r\n", 2000):   "Protocol error, nested too deeply",
		strings.Repeat("|1\r\n", 2000):   "Protocol error, nested too deeply",
		":" + strings.Repeat("1", 1000):  "Protocol error, line too long",
		"$?\r\n;-1\r\n":                  "Bulk string length out of range",
		"$?\r\n;9223372036854775807\r\n": "Server closed the connection",
		"$1000\r\nabc":                   "Server closed the connection",
		"*2\r\n+a\r\n":                   "Server closed the connection",
	} {
		if strings.HasPrefix(wire, ",111") {
			wire += "\r\n"
		}
		r := NewReader(strings.NewReader(wire))
		_, err := r.ReadReply()
		if err == nil || err.Error() != want {
			t.Errorf("%.40q: %v, want %s", wire, err, want)
		}
		if _, again := r.ReadReply(); again != err {
			t.Errorf("%.40q: %v, then %v", wire, err, again)
		}
	}
}

// Lengths that are announced and never sent must not be paid for.
func TestAnnouncedLengthsCostNothing(t *testing.T) {
	for _, wire := range []string{"$4000000000\r\nabc", "*4000000000\r\n*4000000000\r\n", "%2000000000\r\n%2000000000\r\n", "$?\r\n;4000000000\r\n"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := NewReader(strings.NewReader(wire)).ReadReply()
		runtime.ReadMemStats(&after)
		if KindOf(err) != KindEOF && KindOf(err) != KindProtocol {
			t.Errorf("%q: %v", wire, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
			t.Errorf("%q: %d bytes allocated", wire, n)
		}
	}
}

func TestLargeReplies(t *testing.T) {
	big := strings.Repeat("0123456789", 1<<20)
	wire := string(AppendCommand(nil, big, "x", big)) + "$2\r\nok\r\n"
	r := NewReader(strings.NewReader(wire))
	reply, err := r.ReadReply()
	if err != nil || len(reply.Elements) != 3 || reply.Elements[2].Str != big {
		t.Fatalf("%v", err)
	}
	if reply, err = r.ReadReply(); err != nil || reply.Str != "ok" {
		t.Fatalf("%v, %v", reply, err)
	}
}

func TestCopyBulk(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	wire := AppendCommand(nil, big)[len("*1\r\n"):]
	r := NewReader(io.MultiReader(bytes.NewReader(wire), strings.NewReader("-ERR x\r\n$-1\r\n$?\r\n;1\r\na\r\n;0\r\n")))
	var out bytes.Buffer
	if n, reply, err := r.CopyBulk(&out); n != 1<<20 || reply != nil || err != nil || out.String() != big {
		t.Fatalf("%d bytes, %v, %v", n, reply, err)
	}
	if _, reply, err := r.CopyBulk(&out); err != nil || reply.Error() != ReplyError("ERR x") {
		t.Fatalf("%v, %v", reply, err)
	}
	if _, reply, err := r.CopyBulk(&out); err != nil || reply == nil || reply.Type != Nil {
		t.Fatalf("%v, %v", reply, err)
	}
	if n, reply, err := r.CopyBulk(&out); n != 1 || reply != nil || err != nil {
		t.Fatalf("%d, %v, %v", n, reply, err)
	}
}

func TestRawBytesAmongReplies(t *testing.T) {
	r := NewReader(strings.NewReader("+OK\r\n$EOF:abc\r\nraw bytes"))
	if _, err := r.ReadReply(); err != nil {
		t.Fatal(err)
	}
	if err := r.WaitReadable(); err != nil {
		t.Fatal(err)
	}
	line, err := r.ReadLine()
	if string(line) != "$EOF:abc" || err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	if rest, err := io.ReadAll(r); string(rest) != "raw bytes" || err != nil {
		t.Fatalf("%q, %v", rest, err)
	}
}

func TestDoubles(t *testing.T) {
	for s, want := range map[string]float64{"1e3": 1000, "inf": math.Inf(1), "-INF": math.Inf(-1)} {
		if got := (&Reply{Type: Double, Str: s}).Double(); got != want {
			t.Errorf("%s: %v", s, got)
		}
	}
	if !math.IsNaN((&Reply{Type: Double, Str: "nan"}).Double()) {
		t.Error("nan")
	}
}

func TestErrorsOfTheSource(t *testing.T) {
	cause := errors.New("broken")
	_, err := NewReader(iotest.ErrReader(cause)).ReadReply()
	if KindOf(err) != KindIO || !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
	if _, err := NewReader(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("+OK\r\n")))).ReadReply(); err == nil {
		t.Error("no error")
	}
}

// write puts a reply on the wire again.
func write(b *bytes.Buffer, r *Reply) {
	if r.Attr != nil {
		b.WriteString("|")
		writeInt(b, len(r.Attr)/2)
		for i := range r.Attr {
			write(b, &r.Attr[i])
		}
	}
	b.WriteByte(byte(r.Type))
	switch r.Type {
	case Integer:
		writeInt(b, int(r.Integer))
	case Bool:
		b.WriteByte("ft"[r.Integer])
		b.WriteString("\r\n")
	case String:
		writeInt(b, len(r.Str))
		b.WriteString(r.Str + "\r\n")
	case Verbatim:
		writeInt(b, len(r.Str)+4)
		b.WriteString(string(r.Format[:]) + ":" + r.Str + "\r\n")
	case Err:
		b.Truncate(b.Len() - 1)
		b.WriteByte(byte(blobError))
		writeInt(b, len(r.Str))
		b.WriteString(r.Str + "\r\n")
	case Array, Set, Push, Map:
		n := len(r.Elements)
		if r.Type == Map {
			n /= 2
		}
		writeInt(b, n)
		for i := range r.Elements {
			write(b, &r.Elements[i])
		}
	default:
		b.WriteString(r.Str + "\r\n")
	}
}

func writeInt(b *bytes.Buffer, n int) {
	b.WriteString(strconv.Itoa(n) + "\r\n")
}

func FuzzReader(f *testing.F) {
	for _, wire := range []string{"+OK\r\n", "-ERR\r\n", ":1\r\n", "$3\r\nabc\r\n", "*2\r\n$1\r\na\r\n_\r\n", "%1\r\n#t\r\n,1.5\r\n", "~1\r\n(12\r\n",
		">2\r\n+a\r\n+b\r\n", "=5\r\ntxt:a\r\n", "!3\r\nERR\r\n", "|1\r\n+a\r\n+b\r\n:1\r\n", "$?\r\n;1\r\na\r\n;0\r\n", "*?\r\n.\r\n", "*-1\r\n", "$-1\r\n"} {
		f.Add([]byte(wire), 3)
	}
	f.Fuzz(func(t *testing.T, wire []byte, cut int) {
		r := NewReader(bytes.NewReader(wire))
		one := NewReader(iotest.OneByteReader(bytes.NewReader(wire)))
		for {
			reply, err := r.ReadReply()
			same, err1 := one.ReadReply()
			if (err == nil) != (err1 == nil) || err == nil && !reflect.DeepEqual(reply, same) {
				t.Fatalf("%+v, %v at once; %+v, %v byte for byte", reply, err, same, err1)
			}
			if err != nil {
				break
			}
			var b bytes.Buffer
			write(&b, reply)
			again, err := NewReader(&b).ReadReply()
			if err != nil || !reflect.DeepEqual(again, reply) {
				t.Fatalf("%+v, written and read: %+v, %v", reply, again, err)
			}
		}
		// The skipper: no crash, the same result however its input is cut, and the reader's view of where replies end.
		if !bytes.Contains(wire, []byte("?")) {
			whole, kinds := skipAll(wire, len(wire))
			cutWhole, cutKinds := skipAll(wire, max(1, cut&15))
			if whole != cutWhole || !reflect.DeepEqual(kinds, cutKinds) {
				t.Fatalf("skipped %d %c at once, %d %c in parts", whole, kinds, cutWhole, cutKinds)
			}
		}
	})
}

// skipAll has a Skipper see wire in steps, and counts the bytes of whole replies and their types.
func skipAll(wire []byte, step int) (whole int, kinds []Type) {
	var s Skipper
	start, end := 0, 0
	for end < len(wire) {
		end = min(end+step, len(wire))
		for {
			n, kind, err := s.Next(wire[start:end])
			start += n
			if err != nil {
				return whole, kinds
			}
			if kind == 0 {
				break
			}
			whole, kinds = start, append(kinds, kind)
		}
	}
	return whole, kinds
}

func TestSkipper(t *testing.T) {
	wire := "+OK\r\n$3\r\nabc\r\n*2\r\n$-1\r\n%1\r\n+k\r\n*1\r\n:1\r\n|1\r\n+k\r\n*1\r\n+v\r\n-ERR x\r\n>1\r\n+p\r\n*0\r\n"
	for step := 1; step <= len(wire); step++ {
		whole, kinds := skipAll([]byte(wire), step)
		if whole != len(wire) || string(typesText(kinds)) != "+$*->*" {
			t.Errorf("in steps of %d: %d of %d bytes, %s", step, whole, len(wire), typesText(kinds))
		}
	}
	var s Skipper
	if _, kind, err := s.Next([]byte("-ERR wrong\r\n")); kind != Err || err != nil || string(s.Line()) != "ERR wrong" {
		t.Errorf("%c %v %q", kind, err, s.Line())
	}
	for _, wire := range []string{"?\r\n", "$x\r\n", "*x\r\n", "*4294967296\r\n", "\n", "+a\n", "$123456789012345678901\r\n"} {
		s = Skipper{}
		if _, _, err := s.Next([]byte(wire)); KindOf(err) != KindProtocol {
			t.Errorf("%q: %v", wire, err)
		}
	}
}

func typesText(kinds []Type) []byte {
	var b []byte
	for _, k := range kinds {
		b = append(b, byte(k))
	}
	return b
}

func BenchmarkSkipper(b *testing.B) {
	wire := bytes.Repeat([]byte("+OK\r\n$3\r\nabc\r\n"), 500)
	var s Skipper
	b.ReportAllocs()
	for b.Loop() {
		for buf := wire; len(buf) > 0; {
			n, _, err := s.Next(buf)
			if err != nil {
				b.Fatal(err)
			}
			buf = buf[n:]
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "replies/s")
}

func BenchmarkReader(b *testing.B) {
	wire := bytes.Repeat([]byte("+OK\r\n$3\r\nabc\r\n"), 500)
	b.ReportAllocs()
	for b.Loop() {
		r := NewReader(bytes.NewReader(wire))
		for range 1000 {
			if _, err := r.ReadReply(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "replies/s")
}
