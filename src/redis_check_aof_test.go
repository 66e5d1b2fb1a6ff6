// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"redport/src/platform"
)

func resp(commands ...string) string {
	var b []byte
	for _, command := range commands {
		b = catAppendOnlyGenericCommand(b, bytes.Fields([]byte(command)))
	}
	return string(b)
}

// checkAof runs redis-check-aof on a disk.
func checkAof(disk *platform.FaultFS, answer string, args ...string) (out string, code int) {
	var b strings.Builder
	k := newAofChecker(strings.NewReader(answer), &b)
	k.fs = disk
	code = redisCheckAofMain(append([]string{"redis-check-aof"}, args...), k)
	return b.String(), code
}

func TestCheckAof(t *testing.T) {
	set := resp("SET a 1")
	for _, test := range []struct {
		text string
		out  string
		code int
	}{
		{resp("SET a 1", "MULTI", "SET b 2", "EXEC"), "AOF analyzed: filename=/f, size=83, ok_up_to=83, ok_up_to_line=21, diff=0\nAOF /f is valid\n", 0},
		{"", "AOF /f is empty\n", 0},
		{set + resp("MULTI", "SET b 2"), "0x              42: Reached EOF before reading EXEC for MULTI\n" +
			"AOF analyzed: filename=/f, size=69, ok_up_to=27, ok_up_to_line=18, diff=42\nAOF /f is not valid. Use the --fix option to try fixing it.\n", 1},
		{set + "*3\r\n$3\r\nset\r\n$5\r\nab", "0x              2c: Expected to read 7 bytes, got 2 bytes\n" +
			"AOF analyzed: filename=/f, size=46, ok_up_to=27, ok_up_to_line=12, diff=19\nAOF /f is not valid. Use the --fix option to try fixing it.\n", 1},
		{set + "!!!", "AOF /f format error\nAOF analyzed: filename=/f, size=30, ok_up_to=27, ok_up_to_line=8, diff=3\n" +
			"AOF /f is not valid. Use the --fix option to try fixing it.\n", 1},
		{set + "*2\r\n$3x\r\nabc\r\n", "0x              1f: Expected \\r\\n, got: 780d\nAOF analyzed: filename=/f, size=41, ok_up_to=27, ok_up_to_line=9, diff=14\n" +
			"AOF /f is not valid. Use the --fix option to try fixing it.\n", 1},
		{set + "*2\r\n:3\r\n", "0x              1f: Expected prefix '$', got: ':'\nAOF analyzed: filename=/f, size=35, ok_up_to=27, ok_up_to_line=9, diff=8\n" +
			"AOF /f is not valid. Use the --fix option to try fixing it.\n", 1},
		{set + resp("EXEC"), "0x              23: Unexpected EXEC in AOF /f\nAOF analyzed: filename=/f, size=41, ok_up_to=27, ok_up_to_line=11, diff=14\n" +
			"AOF /f is not valid. Use the --fix option to try fixing it.\n", 1},
		{resp("MULTI", "MULTI"), "0x              17: Unexpected MULTI in AOF /f\nAOF analyzed: filename=/f, size=30, ok_up_to=0, ok_up_to_line=7, diff=30\n" +
			"AOF /f is not valid. Use the --fix option to try fixing it.\n", 1},
	} {
		disk := platform.NewFaultFS("/")
		disk.SetContents("/f", []byte(test.text))
		out, code := checkAof(disk, "", "/f")
		if out != "Start checking Old-Style AOF\n"+test.out || code != test.code {
			t.Errorf("%q: code %d\n%s", test.text, code, out)
		}
	}
}

func TestCheckAofFixes(t *testing.T) {
	disk := platform.NewFaultFS("/")
	set := resp("SET a 1")
	disk.SetContents("/f", []byte(set+"*3\r\n$3"))
	if out, code := checkAof(disk, "n\n", "--fix", "/f"); code != 1 || !strings.HasSuffix(out, "Continue? [y/N]: Aborting...\n") {
		t.Errorf("code %d\n%s", code, out)
	}
	if out, code := checkAof(disk, "y\n", "--fix", "/f"); code != 0 || !strings.HasSuffix(out, "Continue? [y/N]: Successfully truncated AOF /f\n") {
		t.Errorf("code %d\n%s", code, out)
	}
	if b, _ := disk.Contents("/f"); string(b) != set {
		t.Errorf("left %q", b)
	}
	dated := "#TS:100\r\n" + set + "#TS:200\r\n" + set
	disk.SetContents("/f", []byte(dated))
	if out, code := checkAof(disk, "", "--truncate-to-timestamp", "50", "/f"); code != 1 || !strings.HasSuffix(out, "AOF /f has nothing before timestamp 50, aborting...\n") {
		t.Errorf("code %d\n%s", code, out)
	}
	if out, code := checkAof(disk, "", "--truncate-to-timestamp", "200", "/f"); code != 0 || !strings.HasSuffix(out, "Truncate nothing in AOF /f to timestamp 200\nAOF /f is valid\n") {
		t.Errorf("code %d\n%s", code, out)
	}
	if out, code := checkAof(disk, "", "--truncate-to-timestamp", "150", "/f"); code != 0 || !strings.HasSuffix(out, "Successfully truncated AOF /f to timestamp 150\n") {
		t.Errorf("code %d\n%s", code, out)
	}
	if b, _ := disk.Contents("/f"); string(b) != "#TS:100\r\n"+set {
		t.Errorf("left %q", b)
	}
}

// Only the last file of a set is ever cut off.
func TestCheckAofSet(t *testing.T) {
	disk := platform.NewFaultFS("/d")
	set := resp("SET a 1")
	disk.SetContents("/d/m", []byte("file base seq 1 type b\nfile incr seq 1 type i\n"))
	disk.SetContents("/d/base", []byte(set))
	disk.SetContents("/d/incr", []byte(set))
	if out, code := checkAof(disk, "", "/d/m"); code != 0 || !strings.HasSuffix(out, "INCR AOF incr is valid\nAll AOF files and manifest are valid\n") {
		t.Errorf("code %d\n%s", code, out)
	}
	disk.SetContents("/d/base", []byte(set+"!"))
	if out, code := checkAof(disk, "y\n", "--fix", "/d/m"); code != 1 || !strings.HasSuffix(out, "Failed to truncate AOF base because it is not the last file\n") {
		t.Errorf("code %d\n%s", code, out)
	}
	disk.SetContents("/d/base", []byte("#TS:100\r\n"+set+"#TS:200\r\n"+set))
	if out, code := checkAof(disk, "", "--truncate-to-timestamp", "150", "/d/m"); code != 1 || !strings.Contains(out, "because it is not the last file.\nIf you insist, please delete") {
		t.Errorf("code %d\n%s", code, out)
	}
	disk.SetContents("/d/m", []byte("file base seq 1 type b\nfile gone seq 1 type i\n"))
	if out, code := checkAof(disk, "", "/d/m"); code != 1 || !strings.HasSuffix(out, "No such file or directory, aborting...\n") {
		t.Errorf("code %d\n%s", code, out)
	}
	disk.SetContents("/d/m", []byte("file base\n"))
	if out, code := checkAof(disk, "", "/d/m"); code != 1 || !strings.Contains(out, "Invalid AOF manifest file format") {
		t.Errorf("code %d\n%s", code, out)
	}
}

// An RDB file in front of the commands is checked, too.
func TestCheckAofPreamble(t *testing.T) {
	dir := t.TempDir()
	disk := platform.NewFaultFS(dir)
	s, _ := startOnDisk(t, disk, dir)
	aofDataset(s.c)
	s.c.run("SAVE")
	rdb, ok := disk.Contents(dir + "/dump.rdb")
	if !ok {
		t.Fatalf("nothing saved\n%s", s.log)
	}
	disk.SetContents("/f", append(rdb, resp("SELECT 0", "SET a 1")...))
	if out, code := checkAof(disk, "", "/f"); code != 0 || !strings.Contains(out, "RDB preamble is OK, proceeding with AOF tail...\n") || !strings.HasSuffix(out, "AOF /f is valid\n") {
		t.Errorf("code %d\n%s", code, out)
	}
	disk.SetContents("/f", rdb[:len(rdb)/2])
	if out, code := checkAof(disk, "y\n", "--fix", "/f"); code != 1 || !strings.HasSuffix(out, "RDB preamble of AOF file is not sane, aborting.\n") {
		t.Errorf("code %d\n%s", code, out)
	}
}

// Whatever a file holds, it is checked to a verdict, and what --fix leaves of a file that can be loaded can be loaded, too: it begins as the file did.
func FuzzCheckAof(f *testing.F) {
	set := resp("SET a 1")
	for _, text := range []string{"", set, set + resp("MULTI", "SET b 2"), resp("MULTI", "SET b 2", "EXEC") + "*2\r\n$3\r\nGE", "#TS:1\r\n" + set + "#TS:2\r\n" + set,
		"*1\r\n$99999999999999\r\nabc", "*9223372036854775807\r\n", "*-1\r\n$-1\r\n", "*1\n$4\nPING\r\n", "REDIS0012\xff\x00\x00\x00\x00\x00\x00\x00\x00" + set, "REDIS0012\xfa"} {
		f.Add([]byte(text), []byte(""), uint8(0))
		f.Add([]byte(text), []byte("file a seq 1 type b\nfile b seq 1 type i\nfile c seq 2 type i\n"), uint8(1))
	}
	f.Fuzz(func(t *testing.T, b, manifest []byte, mode uint8) {
		disk := platform.NewFaultFS("/d")
		for _, name := range []string{"/d/a", "/d/b", "/d/c"} {
			disk.SetContents(name, b)
		}
		path := "/d/c"
		if len(manifest) > 0 {
			path = "/d/m"
			disk.SetContents(path, manifest)
		}
		mayFix := mode%2 == 0
		args := []string{path}
		switch {
		case mayFix:
			args = []string{"--fix", path}
		case mode%4 == 3:
			args = []string{"--truncate-to-timestamp", "1", path}
		}
		out, code := checkAof(disk, "yyy", args...)
		if out == "" || code != 0 && code != 1 || len(out) > 100000+100*len(b)+20*len(manifest) {
			t.Fatalf("code %d, %d bytes of output\n%.1000s", code, len(out), out)
		}
		for _, name := range []string{"/d/a", "/d/b", "/d/c"} {
			after, _ := disk.Contents(name)
			if bytes.Equal(after, b) {
				continue
			}
			if len(args) == 1 || !bytes.HasPrefix(b, after) {
				t.Fatalf("%s is changed from %q to %q", name, b, after)
			}
			commands, _, err := readAll(b)
			kept, _, errAfter := readAll(after)
			if err == io.EOF && (errAfter != io.EOF || len(kept) > len(commands)) {
				t.Errorf("%q can be loaded, and %q, which is left of it, fails: %v", b, after, errAfter)
			}
			if code == 0 && mayFix {
				if out, code := checkAof(disk, "", name); code != 0 {
					t.Errorf("%q is what is left of %q, and not valid: %s", after, b, out)
				}
			}
		}
	})
}
