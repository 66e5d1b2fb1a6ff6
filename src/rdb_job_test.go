// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"redport/src/platform"
	"redport/src/rio"
)

// rdb_job_test.go - what is done while a save or a rewrite goes on, and jobs that are killed. The disk holds the job back at each block that it
// writes, so that a save is in the middle of a value, with values before and behind it, whenever something is changed.

// heldSave is a background job whose writes wait for the test.
type heldSave struct {
	*faultServer
	disk    *platform.FaultFS
	dir     string
	waiting chan struct{} // the job wants to write a block
	proceed chan struct{}
	free    chan struct{} // closed when the job need not wait any more
}

// startHeld starts a server whose jobs wait with every block. Nothing else may use the disk meanwhile.
func startHeld(t *testing.T, args ...string) *heldSave {
	t.Helper()
	dir := t.TempDir()
	h := &heldSave{disk: platform.NewFaultFS(dir), dir: dir, waiting: make(chan struct{}), proceed: make(chan struct{})}
	var log *syncBuffer
	if h.faultServer, log = startOnDisk(t, h.disk, dir, append([]string{"--rdbcompression", "no", "--aof-rewrite-incremental-fsync", "no",
		"--rdb-save-incremental-fsync", "no"}, args...)...); h.faultServer == nil {
		t.Fatalf("does not start\n%s", log)
	}
	return h
}

// hold has the job held back from now on, until it is let go.
func (h *heldSave) hold() {
	free := make(chan struct{})
	h.free = free
	h.disk.SetFault(func(op, name string, n int) (int, error) {
		if name = filepath.Base(name); op == platform.OpWrite && (strings.HasPrefix(name, "temp-rewriteaof-bg-") || strings.HasSuffix(name, ".rdb")) {
			select {
			case h.waiting <- struct{}{}:
				<-h.proceed
			case <-free:
			}
		}
		return n, nil
	})
}

// letGo ends that.
func (h *heldSave) letGo() { close(h.free) }

// during does work at each block that the running job writes, and returns how many there were.
func (h *heldSave) during(work func(block int)) int {
	job := h.child
	for block := 0; ; block++ {
		select {
		case <-h.waiting:
			work(block)
			h.proceed <- struct{}{}
		case <-job.ended:
			h.letGo()
			h.settle()
			return block
		}
	}
}

// must is a command that succeeds.
func (s *faultServer) must(t *testing.T, line string) string {
	t.Helper()
	reply := s.c.run(strings.Fields(line)...)
	if strings.HasPrefix(reply, "-") {
		t.Fatalf("%s: %s", line, reply)
	}
	return reply
}

// bigKeys makes one large value of each type, and several small ones. All of it takes more than a few blocks.
func (h *heldSave) bigKeys() {
	x := strings.Repeat("x", 80)
	for i := range 2000 {
		n := fmt.Sprint(i)
		h.c.run("RPUSH", "list", n, x)
		h.c.run("HSET", "hash", "f"+n, x)
		h.c.run("SADD", "set", "m"+n+x)
		h.c.run("ZADD", "zset", n, "m"+n+x)
		h.c.run("XADD", "stream", n+"-1", "f", x)
		h.c.run("SET", "string:"+n, x)
		h.c.run("PFADD", "hll", n)
	}
	h.c.run("XGROUP", "CREATE", "stream", "g", "0")
	h.c.run("XREADGROUP", "GROUP", "g", "alice", "COUNT", "500", "STREAMS", "stream", ">")
	for i := range 20 {
		h.c.run("HSET", "hx", fmt.Sprint(i), x)
		h.c.run("HPEXPIRE", "hx", "10000000", "FIELDS", "1", fmt.Sprint(i))
		h.c.run("SET", fmt.Sprint("temp:", i), x, "PX", "10000000")
		h.c.run("RPUSH", fmt.Sprint("small:", i), fmt.Sprint(i))
	}
	h.c.run("SELECT", "3")
	h.c.run("SET", "three", "1")
	h.c.run("SELECT", "0")
}

// A save is of the moment at which it began, whatever is done to what it has written, is writing and will write. The cases are those that have
// hurt others who save without a fork.
func TestSavesAreOfOneMoment(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		work []string // at each block; N is its number
	}{
		{"large values that have a writer while they are written", nil, []string{"RPUSH list new", "LSET list 1000 changed", "LREM list 1 x", "HSET hash fN changed new:N 1",
			"HDEL hash f1N", "SADD set new:N", "SPOP set 3", "ZADD zset 5.5 new:N", "ZPOPMIN zset", "XADD stream * new 1", "XDEL stream 1N-1", "XTRIM stream MAXLEN 1900",
			"XREADGROUP GROUP g bob COUNT 3 STREAMS stream >", "XACK stream g 3N-1", "PFADD hll new:N", "APPEND string:N more", "HPERSIST hx FIELDS 1 N"}},
		{"scripts that do not declare their keys", nil, []string{
			"EVAL redis.call('set','string:'..(1000+ARGV[1]),'x');redis.call('del','string:'..ARGV[1]);redis.call('lpop','list');redis.call('hset','hash','f7',ARGV[1]) 0 N",
			"EVAL redis.call('select',3);redis.call('set','three',ARGV[1]);redis.call('swapdb',0,3);redis.call('zadd','zset',1,'m');redis.call('swapdb',0,3) 0 N"}},
		{"commands on many keys", nil, []string{"MSET string:N a string:1N b string:19N c new:N d", "DEL string:2N string:3N list:none small:N", "SUNIONSTORE set set set:none", "SDIFFSTORE sd:N set sd:none",
			"ZUNIONSTORE zset 2 zset zset:none", "LMOVE list small:1 LEFT RIGHT", "SMOVE set sd:N m1", "PFMERGE hll hll hll:none", "COPY hash hash:N", "COPY list set REPLACE", "COPY hash:N hash REPLACE",
			"BITOP XOR string:4N string:N string:5N", "GEOADD zset 1 1 place", "SORT small:1 STORE small:2"}},
		{"reads that change how a value is kept", []string{"--list-compress-depth", "1", "--maxmemory-policy", "allkeys-lfu"}, []string{"LRANGE list 0 -1", "LINDEX list 1500", "LPOS list none",
			"PFCOUNT hll", "GETRANGE hll 0 10", "BITCOUNT hll", "OBJECT FREQ hash", "GETEX temp:1 PERSIST", "SRANDMEMBER set 50", "HRANDFIELD hash 50", "SCAN 0 COUNT 1000", "HSCAN hash 0 COUNT 1000",
			"XRANGE stream - +", "XAUTOCLAIM stream g carol 0 0", "XREADGROUP GROUP g alice STREAMS stream 0", "DEBUG QUICKLIST-PACKED-THRESHOLD 100", "DUMP list", "MEMORY USAGE list"}},
		{"RENAME onto what exists, MOVE and SWAPDB", nil, []string{"RENAME string:N string:1N", "RENAME list set", "RENAME set list", "RENAME hash zset", "RENAME zset hash", "MOVE small:N 3", "SWAPDB 0 3", "SET mixed N", "SWAPDB 0 3",
			"RENAMENX string:6N renamed:N"}},
		{"expiry and eviction", []string{"--maxmemory-policy", "allkeys-random"}, []string{"PEXPIREAT temp:N 1", "PEXPIRE string:7N 1", "HPEXPIREAT hx 1 FIELDS 1 N", "PEXPIREAT list 1", "UNLINK set",
			"CONFIG SET maxmemory 600kb", "SET more N", "CONFIG SET maxmemory 0"}},
		{"a list that grows fast", nil, slices.Repeat([]string{"RPUSH list a b c d e f g", "LPUSH list a", "LPOP list 4"}, 50)},
		{"a database that is emptied", nil, []string{"FLUSHDB", "SET after N"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := startHeld(t, tc.args...)
			h.bigKeys()
			want := h.digest()
			streams := h.must(t, "XINFO STREAM stream FULL COUNT 0")
			h.hold()
			h.must(t, "BGSAVE")
			blocks := h.during(func(block int) {
				for _, line := range tc.work {
					h.c.run(strings.Fields(strings.ReplaceAll(line, "N", fmt.Sprint(block)))...)
				}
				h.activeExpireCycle(activeExpireCycleSlow)
			})
			if blocks < 8 {
				t.Errorf("%d blocks", blocks)
			}
			if h.digest() == want && !strings.HasPrefix(tc.name, "reads") {
				t.Error("nothing was changed")
			}
			if !h.lastbgsaveStatus {
				t.Fatalf("the save failed\n%s", h.log)
			}
			found, log := startOnDisk(t, h.disk.Copy(), h.dir)
			if found == nil {
				t.Fatalf("the file is not loaded\n%s", log)
			}
			if found.digest() != want {
				t.Error("the file has another dataset")
			}
			if got := found.must(t, "XINFO STREAM stream FULL COUNT 0"); got != streams {
				t.Error("the file has another stream")
			}
		})
	}
}

// A rewrite is of one moment just so; what comes later is in the incr file, so both together are what there is.
func TestRewritesAreOfOneMoment(t *testing.T) {
	for _, preamble := range []string{"yes", "no"} {
		h := startHeld(t, "--aof-use-rdb-preamble", preamble)
		h.bigKeys()
		want := h.digest()
		h.hold()
		h.must(t, "BGREWRITEAOF")
		r := rand.New(rand.NewPCG(3, 3))
		h.during(func(block int) {
			for i := range 30 {
				h.c.run(randomCommand(r, i)...)
			}
			h.c.run("HSET", "hash", fmt.Sprint(block), "x")
			h.c.run("RENAME", "zset", "set")
			h.c.run("SELECT", "0")
		})
		found, log := startOnDisk(t, h.disk.Copy(), h.dir, "--appendonly", "yes")
		if found == nil || found.digest() != want {
			t.Errorf("preamble %s: loaded %t, another dataset\n%s", preamble, found != nil, log)
		}
	}
}

// Several snapshots at once, each of its own moment, released in any order.
func TestSnapshotsBesideEachOther(t *testing.T) {
	server := heapServer(t, "--stream-node-max-entries", "20", "--list-max-listpack-size", "30")
	c := server.fakeClient()
	r := &randomCommands{Rand: rand.New(rand.NewPCG(5, 5))}
	change := func() {
		for range 500 {
			c.run(r.next()...)
			server.clock.Reclaim(0)
		}
	}
	change()
	var snaps []*snapshot
	var digests []string
	for range 6 {
		d := server.computeDatasetDigest()
		digests = append(digests, d.String())
		snaps = append(snaps, server.snapshot())
		change()
	}
	for _, i := range []int{3, 0, 5, 1, 4, 2} {
		var file bytes.Buffer
		w := rio.NewWriter(&file)
		if err := rdbSaveRio(w, snaps[i], rdbflagsNone, nil, nil); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		snaps[i].release()
		change()
		other := heapServer(t)
		if err := other.rdbLoadRio(rio.NewReader(&file), "", nil, rdbflagsNone); err != nil {
			t.Fatal(err)
		}
		if d := other.computeDatasetDigest(); d.String() != digests[i] {
			t.Errorf("snapshot %d has another dataset", i)
		}
	}
	c.run("FLUSHALL")
	for server.clock.Reclaim(time.Second) {
	}
	if used, pending := server.mem.Used(), server.mem.Pending(); used != 0 || pending != 0 {
		t.Errorf("%d bytes in use, %d pending", used, pending)
	}
}

// A save costs what is changed during it, and nothing else: no memory a key, and none of it stays.
func TestWhatASaveCosts(t *testing.T) {
	h := startHeld(t)
	h.bigKeys()
	before := h.mem.Used()
	h.hold()
	h.must(t, "BGSAVE")
	h.during(func(int) {
		h.must(t, "GET string:1")
		if cost := h.mem.Used() - before; cost > 100 {
			t.Errorf("a save costs %d bytes", cost)
		}
	})
	if cow := h.info(t, "rdb_last_cow_size"); cow != "0" {
		t.Errorf("nothing was written, but %s bytes cloned", cow)
	}
	h.hold()
	h.must(t, "BGSAVE")
	h.during(func(int) { h.must(t, "SET string:1 other") })
	if cow := h.stat.rdbCowBytes; cow == 0 || cow > 1<<14 {
		t.Errorf("one key was written, and %d bytes cloned", cow)
	}
	for h.clock.Reclaim(time.Second) {
	}
	if after, pending := h.mem.Used(), h.mem.Pending(); after > before+4096 || pending != 0 { // a page may have another size now
		t.Errorf("%d bytes before, %d after, %d pending", before, after, pending)
	}
}

// --- Jobs that are killed ---

// killRewrite begins a rewrite, unless one is held back already, and kills it in its middle, as the system would.
func (h *heldSave) killRewrite(t *testing.T, command string) {
	t.Helper()
	failures := h.statAofrwConsecutiveFailures
	if command != "" {
		h.hold()
		h.must(t, command)
	}
	job := h.child
	if job == nil {
		t.Fatalf("no job\n%s", h.log)
	}
	<-h.waiting
	job.kill(errChildKilled)
	h.letGo()
	h.proceed <- struct{}{}
	<-job.ended
	h.settle()
	if h.statAofrwConsecutiveFailures != failures+1 || h.info(t, "aof_last_bgrewrite_status") != "err" {
		t.Errorf("%d failures, status %s", h.statAofrwConsecutiveFailures, h.info(t, "aof_last_bgrewrite_status"))
	}
	h.bioDrainWorker(bioCloseFile)
	for _, f := range h.disk.Files(h.dir) {
		if strings.Contains(f, "temp-") {
			t.Errorf("%s is left of a killed rewrite", f)
		}
	}
	if !strings.Contains(h.log.String(), "Background AOF rewrite terminated by signal 9") {
		t.Errorf("the log does not tell of the kill\n%s", h.log)
	}
}

// reloads checks that a restart finds what there is.
func (h *heldSave) reloads(t *testing.T) {
	t.Helper()
	h.flushAppendOnlyFile(true)
	found, log := startOnDisk(t, h.disk.Copy(), h.dir, "--appendonly", "yes")
	if found == nil || found.digest() != h.digest() {
		t.Errorf("loaded %t, another dataset; files %v\n%s", found != nil, h.disk.Files(h.dir), log)
	}
}

func (h *heldSave) aofFiles() string {
	h.settle()
	h.bioDrainWorker(bioCloseFile)
	return strings.ReplaceAll(strings.Join(h.disk.Files(h.dir+"/appendonlydir"), " "), "appendonly.aof.", "")
}

// Rewrites that are killed leave an incr file each, are tried less and less often by themselves, and at once when asked for.
func TestKilledRewrites(t *testing.T) {
	h := startHeld(t, "--appendonly", "yes", "--auto-aof-rewrite-percentage", "1", "--auto-aof-rewrite-min-size", "1kb")
	h.must(t, "SET a 1")
	for i := range 3 {
		h.killRewrite(t, "BGREWRITEAOF")
		h.must(t, fmt.Sprint("SET b", i, " 1"))
		h.turn()
	}
	if got, want := h.aofFiles(), "1.base.rdb 1.incr.aof 2.incr.aof 3.incr.aof 4.incr.aof manifest"; got != want {
		t.Errorf("files %s, want %s", got, want)
	}
	h.reloads(t)

	h.must(t, "SET large "+strings.Repeat("x", 2000))
	h.turn()
	h.flushAppendOnlyFile(true)
	h.rewriteAppendOnlyFileIfGrown()
	if h.child != nil || !strings.Contains(h.log.String(), "triggered the limit, will retry in 1 minutes") {
		t.Errorf("rewritten again at once after three failures\n%s", h.log)
	}
	h.unixtime += 61
	h.hold()
	h.rewriteAppendOnlyFileIfGrown() // the time is up
	h.rewriteAppendOnlyFileIfGrown()
	if h.child == nil {
		h.rewriteAppendOnlyFileIfGrown()
	}
	if h.child == nil {
		t.Fatalf("not tried again after a minute\n%s", h.log)
	}
	h.killRewrite(t, "")
	h.rewriteAppendOnlyFileIfGrown()
	if h.child != nil || !strings.Contains(h.log.String(), "will retry in 2 minutes") {
		t.Errorf("the pause does not double\n%s", h.log)
	}
	h.must(t, "BGREWRITEAOF")
	if h.child == nil {
		t.Error("one that is asked for has to wait")
	}
	h.settle()
	if h.statAofrwConsecutiveFailures != 0 || h.info(t, "aof_last_bgrewrite_status") != "ok" {
		t.Errorf("after a success %d failures, %s", h.statAofrwConsecutiveFailures, h.info(t, "aof_last_bgrewrite_status"))
	}
	if got, want := h.aofFiles(), "2.base.rdb 6.incr.aof manifest"; got != want {
		t.Errorf("files %s, want %s", got, want)
	}
	h.reloads(t)
}

// While it is being turned on, an append-only file counts only once a rewrite has succeeded; until then there is nothing with its name.
func TestKilledFirstRewrite(t *testing.T) {
	h := startHeld(t)
	h.el.DeleteTimeEvent(h.cronTimer) // it would begin the next try
	h.must(t, "SET a 1")
	h.killRewrite(t, "CONFIG SET appendonly yes")
	if got := h.aofFiles(); got != "" {
		t.Errorf("files %s", got)
	}
	if !strings.Contains(h.log.String(), "Removing the temp incr aof file") {
		t.Errorf("the log does not tell of the temporary file\n%s", h.log)
	}
	h.must(t, "SET b 2")
	h.scheduledRewriteCron()
	if h.child == nil {
		t.Fatal("the next try does not begin by itself")
	}
	h.must(t, "SET c 3")
	h.settle()
	if got, want := h.aofFiles(), "1.base.rdb 1.incr.aof manifest"; got != want {
		t.Errorf("files %s, want %s", got, want)
	}
	h.must(t, "SET d 4")
	h.turn()
	h.reloads(t)
}
