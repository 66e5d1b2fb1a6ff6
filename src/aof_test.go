// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"redport/src/platform"
)

func TestManifest(t *testing.T) {
	text := "# a comment\n" +
		"file appendonly.aof.2.base.rdb seq 2 type b\n" +
		"file appendonly.aof.1.incr.aof seq 1 type h\n" +
		"FILE \"a b.3.incr.aof\" Seq 3 TYPE i startoffset 7 endoffset 9 later unknown\n" +
		"file appendonly.aof.5.incr.aof seq 5 type i startoffset 9\n"
	am, err := parseAofManifest(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := "file appendonly.aof.2.base.rdb seq 2 type b\n" +
		"file appendonly.aof.1.incr.aof seq 1 type h\n" +
		"file \"a b.3.incr.aof\" seq 3 type i startoffset 7 endoffset 9\n" +
		"file appendonly.aof.5.incr.aof seq 5 type i startoffset 9\n"
	if got := string(am.text()); got != want {
		t.Errorf("written as\n%s", got)
	}
	if am.currBaseSeq != 2 || am.currIncrSeq != 5 {
		t.Errorf("numbers %d and %d", am.currBaseSeq, am.currIncrSeq)
	}
	dup := am.dup()
	dup.incrAofList[0].fileName = "other"
	dup.baseAofInfo.fileSeq = 7
	if got := string(am.text()); got != want {
		t.Errorf("a copy's change shows in the original:\n%s", got)
	}
}

func TestManifestErrors(t *testing.T) {
	for _, test := range []struct{ text, reason string }{
		{"", "Found an empty AOF manifest"},
		{"\n", "Invalid AOF manifest file format"},
		{"file a seq 1 type i", "The AOF manifest file contains too long line"},
		{"file " + strings.Repeat("a", 2000) + " seq 1 type i\n", "The AOF manifest file contains too long line"},
		{"file a seq 1 type\n", "Invalid AOF manifest file format"},
		{"file a seq 1\n", "Invalid AOF manifest file format"},
		{"file a seq 0 type i\n", "Invalid AOF manifest file format"},
		{"file a seq 1 typo i\n", "Invalid AOF manifest file format"},
		{"file \"a seq 1 type i\n", "Invalid AOF manifest file format"},
		{"file ../a seq 1 type i\n", "File can't be a path, just a filename"},
		{"file a seq 1 type x\n", "Unknown AOF file type"},
		{"file a seq 1 type b\nfile b seq 2 type b\n", "Found duplicate base file information"},
		{"file a seq 2 type i\nfile b seq 2 type i\n", "Found a non-monotonic sequence number"},
	} {
		_, err := parseAofManifest(strings.NewReader(test.text))
		if err == nil || err.Error() != test.reason {
			t.Errorf("%.40q: %v", test.text, err)
		}
	}
	if _, err := parseAofManifest(iotest.ErrReader(io.ErrUnexpectedEOF)); err == nil || err.Error() != "Read AOF manifest failed" {
		t.Errorf("a read error: %v", err)
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte("file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i startoffset 0\n"))
	f.Add([]byte("# c\nfile \"a\\x20b\" seq 2 type h\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		am, err := parseAofManifest(bytes.NewReader(b))
		if err != nil {
			return
		}
		text := am.text()
		if len(text) == 0 {
			return // nothing but comments
		}
		for _, line := range bytes.SplitAfter(text, []byte("\n")) {
			if len(line) > manifestMaxLine {
				return // numbers were spelled shorter
			}
		}
		again, err := parseAofManifest(bytes.NewReader(text))
		if err != nil || !bytes.Equal(again.text(), text) {
			t.Errorf("%q was written as %q: %v", b, text, err)
		}
	})
}

// readAll reads commands from small pieces, to the end or an error.
func readAll(b []byte) (commands []string, end int64, err error) {
	r := newAofReader(iotest.OneByteReader(bytes.NewReader(b)), 0)
	for {
		end = r.tell()
		argv, err := r.next()
		if err != nil {
			return commands, end, err
		}
		commands = append(commands, fmt.Sprintf("%q", argv))
	}
}

func TestAofReader(t *testing.T) {
	set := string(catAppendOnlyGenericCommand(nil, [][]byte{[]byte("SET"), []byte("k"), []byte("v\r\n")}))
	long := string(catAppendOnlyGenericCommand(nil, [][]byte{[]byte("SET"), []byte("k"), bytes.Repeat([]byte("x"), 3*aofReadSize)}))
	for _, test := range []struct {
		text     string
		commands int
		err      error
	}{
		{"", 0, io.EOF},
		{set + set, 2, io.EOF},
		{"#TS:1\r\n" + set + "#TS:2\r\n# anything\n" + set + "#", 2, io.EOF},
		{long + set, 2, io.EOF},
		{set + "*", 1, errAofShort},
		{set + "*3\r", 1, errAofShort},
		{set + set[:len(set)-1], 1, errAofShort},
		{long[:len(long)-10], 0, errAofShort},
		{set + "*1\r\n$1000000000000\r\n", 1, errAofShort},
		{set + "!", 1, errAofFormat},
		{set + "*0\r\n", 1, errAofFormat},
		{set + "*1\r\n:3\r\n", 1, errAofFormat},
		{set + "*1\r\n$-1\r\n", 1, errAofFormat},
	} {
		commands, _, err := readAll([]byte(test.text))
		if len(commands) != test.commands || !errors.Is(err, test.err) {
			t.Errorf("%.60q: %d commands, %v", test.text, len(commands), err)
		}
	}
	if _, err := newAofReader(iotest.ErrReader(io.ErrClosedPipe), 0).next(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a read error: %v", err)
	}
}

func FuzzAofReader(f *testing.F) {
	f.Add([]byte("*2\r\n$3\r\nGET\r\n$1\r\na\r\n#TS:1\r\n*1\r\n$4\r\nPING\r\n"))
	f.Add([]byte("*1\r\n$99999999999\r\nabc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		commands, end, err := readAll(b)
		if err == nil || end > int64(len(b)) {
			t.Fatalf("%d of %d bytes, %v", end, len(b), err)
		}
		// What is cut off where reading has stopped is whole.
		again, _, err := readAll(b[:end])
		if err != io.EOF || len(again) != len(commands) {
			t.Errorf("%q: %d commands, then %d and %v", b, len(commands), len(again), err)
		}
	})
}

// aofDataset fills a server with every type and encoding.
func aofDataset(c *client) {
	for _, command := range []string{
		"SET s hello", "SET i 12345", "SET e x PX 10000000", "RPUSH l 1 2 a", "SADD si 1 2 3", "SADD sl a b 1", "ZADD z 0.1 a inf b -inf c 3 d",
		"HSET h f 1 g 2", "HSET hx f 1 g 2", "HPEXPIRE hx 10000000 FIELDS 1 f", "XADD x 1-1 a b", "XADD x 1-2 a b c d", "XADD x 2-1 q r", "XDEL x 1-2",
		"XGROUP CREATE x g 0", "XGROUP CREATE x g2 1-1", "XGROUP CREATECONSUMER x g idle", "XREADGROUP GROUP g busy STREAMS x >",
		"XGROUP CREATE empty g $ MKSTREAM", "SELECT 3", "SET other db",
	} {
		c.run(strings.Fields(command)...)
	}
	for i := range 300 {
		n := fmt.Sprint(i)
		c.run("RPUSH", "bl", n, strings.Repeat("x", i))
		c.run("SADD", "bs", "m"+n)
		c.run("ZADD", "bz", n, "m"+n)
		c.run("HSET", "bh", "f"+n, n)
		c.run("HSET", "bhx", "f"+n, n)
		if i%3 == 0 {
			c.run("HPEXPIRE", "bhx", "10000000", "FIELDS", "1", "f"+n)
		}
		c.run("XADD", "bx", "*", "f", n)
	}
	c.run("RPUSH", "plain", strings.Repeat("y", 100000), "z")
}

// What a rewrite writes makes the same dataset, as an RDB file and as commands, also while it is being changed.
func TestRewriteKeepsEverything(t *testing.T) {
	for _, preamble := range []string{"yes", "no"} {
		dir := t.TempDir()
		disk := platform.NewFaultFS(dir)
		args := []string{"--appendonly", "yes", "--aof-use-rdb-preamble", preamble, "--aof-timestamp-enabled", "yes"}
		s, _ := startOnDisk(t, disk, dir, args...)
		aofDataset(s.c)
		s.c.run("BGREWRITEAOF")
		for i := range 200 {
			s.c.run("HSET", "bh", "f", fmt.Sprint(i))
			s.c.run("ZADD", "bz", fmt.Sprint(i), "new")
			s.c.run("LPOP", "bl")
			s.c.run("XADD", "bx", "*", "more", fmt.Sprint(i))
		}
		s.settle()
		if !s.aofLastbgrewriteStatus || len(disk.Files(dir)) != 3 {
			t.Fatalf("status %t, files %v\n%s", s.aofLastbgrewriteStatus, disk.Files(dir), s.log)
		}
		want := s.digest()
		s.flushAppendOnlyFile(true)
		again, log := startOnDisk(t, disk, dir, args...)
		if again == nil {
			t.Fatalf("does not load\n%s", log)
		}
		if got := again.digest(); got != want {
			t.Errorf("preamble %s: another dataset", preamble)
		}
		again.c.run("SELECT", "0")
		s.c.run("SELECT", "0")
		want, got := s.c.run("XPENDING", "x", "g"), again.c.run("XPENDING", "x", "g")
		if got != want || !strings.Contains(got, "busy") {
			t.Errorf("preamble %s: pending entries %q, were %q", preamble, got, want)
		}
		if again.masterReplOffset < s.masterReplOffset {
			t.Errorf("preamble %s: replication offset %d, was %d", preamble, again.masterReplOffset, s.masterReplOffset)
		}
	}
}

// A transaction that is not closed, and half a command, are cut off; what follows is appended behind what was whole.
func TestTruncatedTail(t *testing.T) {
	command := func(args ...string) string {
		argv := make([][]byte, len(args))
		for i, a := range args {
			argv[i] = []byte(a)
		}
		return string(catAppendOnlyGenericCommand(nil, argv))
	}
	whole := command("SELECT", "0") + command("SET", "a", "1")
	for _, tail := range []string{command("SET", "b", "2")[:10], command("MULTI"), command("MULTI") + command("SET", "b", "2"), command("MULTI") + command("SET", "b", "2") + "*1\r\n"} {
		for _, allowed := range []string{"yes", "no"} {
			dir := t.TempDir()
			disk := platform.NewFaultFS(dir, dir+"/appendonlydir")
			disk.SetContents(dir+"/appendonlydir/appendonly.aof.manifest", []byte("file appendonly.aof.1.incr.aof seq 1 type i\n"))
			incr := dir + "/appendonlydir/appendonly.aof.1.incr.aof"
			disk.SetContents(incr, []byte(whole+tail))
			s, log := startOnDisk(t, disk, dir, "--appendonly", "yes", "--aof-load-truncated", allowed)
			if allowed == "no" {
				if b, _ := disk.Contents(incr); s != nil || string(b) != whole+tail {
					t.Errorf("%q: started, or changed the file\n%s", tail, log)
				}
				continue
			}
			if s == nil {
				t.Errorf("%q: not started\n%s", tail, log)
				continue
			}
			if got := s.c.run("GET", "a") + s.c.run("EXISTS", "b"); got != bulk("1")+":0\r\n" {
				t.Errorf("%q: found %q", tail, got)
			}
			s.c.run("SET", "c", "3")
			s.turn()
			if b, _ := disk.Contents(incr); string(b) != whole+command("SELECT", "0")+command("SET", "c", "3") {
				t.Errorf("%q: the file is %q", tail, b)
			}
		}
	}
}

// Commands that take too few arguments, or that do not exist, end the loading with a clear line in the log.
func TestLoadRefusesNonsense(t *testing.T) {
	for text, want := range map[string]string{
		"*1\r\n$3\r\nSET\r\n": "Wrong number of arguments for 'set' command",
		"*1\r\n$3\r\nBLA\r\n": "Unknown command 'BLA' reading the append only file",
		"!!!":                 "Bad file format reading the append only file",
		"*1\r\n$5\r\nMULTI\r\n*1\r\n$3\r\nGET\r\n":    "Wrong number of arguments for 'get' command",
		"*1\r\n$6\r\nCONFIG\r\n":                      "Wrong number of arguments for 'config' command",
		"REDIS0012\xfa\x09redis-ver\x058.0.6\xfe\x00": "Unexpected EOF reading RDB file",
	} {
		dir := t.TempDir()
		disk := platform.NewFaultFS(dir, dir+"/appendonlydir")
		disk.SetContents(dir+"/appendonlydir/appendonly.aof.manifest", []byte("file appendonly.aof.1.incr.aof seq 1 type i\n"))
		disk.SetContents(dir+"/appendonlydir/appendonly.aof.1.incr.aof", []byte(text))
		if s, log := startOnDisk(t, disk, dir, "--appendonly", "yes"); s != nil || !strings.Contains(log.String(), want) {
			t.Errorf("%q: started %t\n%s", text, s != nil, log)
		}
	}
}

func TestBio(t *testing.T) {
	server := idleServer(t)
	release := make(chan struct{})
	var order []int
	for i := range 3 {
		server.bioSubmitJob([]int{bioAofFsync, bioAofChange, bioAofFsync}[i], func() {
			<-release
			order = append(order, i)
		})
	}
	if n := server.bioPendingJobsOfType(bioAofFsync); n != 2 {
		t.Errorf("%d pending", n)
	}
	if n := server.bioPendingJobsOfType(bioAofChange); n != 1 {
		t.Errorf("%d pending", n)
	}
	close(release)
	server.bioDrainWorker(bioAofChange)
	if fmt.Sprint(order) != "[0 1 2]" || server.bioPendingJobsOfType(bioAofFsync) != 0 {
		t.Errorf("done %v", order)
	}
	done := false
	server.bioSubmitJob(bioLazyFree, func() { done = true })
	server.bioStop()
	if !done {
		t.Error("stopped in front of a job")
	}
	server.bioSubmitJob(bioCloseFile, func() { done = false })
	if done {
		t.Error("a job was lost after the end")
	}
}
