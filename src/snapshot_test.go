// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"redport/src/epoch"
	"redport/src/rio"
	"redport/src/zmalloc"
)

// snapshot_test.go - what a snapshot shows must not change, whatever is done meanwhile: the RDB file that is made of it is
// the same, byte for byte, when it is made again and again by another goroutine while the main one changes everything. And what is done must be what a
// model of the dataset (snapshot_model_test.go) does.

// heapServer is an idle server whose blocks the race detector sees.
func heapServer(t testing.TB, args ...string) *Server {
	t.Helper()
	log := &syncBuffer{}
	server, err := New(Options{Args: append([]string{"--save", "", "--dir", t.TempDir(), "--loglevel", "warning"}, args...), Stdout: log, Stderr: log, ExecName: "redis-server"})
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	server.mem = zmalloc.New(zmalloc.Heap)
	server.clock = epoch.New(server.mem)
	if err := server.initServer(); err != nil {
		t.Fatal(err)
	}
	server.updateSlowThreshold()
	t.Cleanup(server.el.Close)
	return server
}

// randomCommands makes commands of all types on a few keys of each, small and big.
type randomCommands struct {
	*rand.Rand
	id int // of the last stream entry
}

// key is a key: one of few of each type, some of which grow big.
func (r *randomCommands) key(kind string) string { return kind + strconv.Itoa(r.IntN(6)) }

func (r *randomCommands) value() string {
	switch r.IntN(8) {
	case 0:
		return strconv.Itoa(r.IntN(1000) - 500)
	case 1:
		return strconv.FormatInt(r.Int64(), 10)
	case 2:
		return strings.Repeat("long", r.IntN(200))
	}
	return "v" + strconv.Itoa(r.IntN(300))
}

func (r *randomCommands) member() string { return "m" + strconv.Itoa(r.IntN(400)) }

func (r *randomCommands) number(n int) string { return strconv.Itoa(r.IntN(n)) }

// moment is one that this test does not live to see.
func (r *randomCommands) moment() string { return strconv.FormatInt(5e12+int64(r.IntN(1e9)), 10) }

func (r *randomCommands) streamID() string { return strconv.Itoa(r.IntN(r.id+1)) + "-1" }

// next is a command.
func (r *randomCommands) next() []string {
	kinds := []func() []string{r.str, r.list, r.set, r.zset, r.hash, r.stream, r.generic}
	return kinds[r.IntN(len(kinds))]()
}

func (r *randomCommands) str() []string {
	k := r.key("s")
	switch r.IntN(12) {
	case 0:
		return []string{"APPEND", k, r.value()}
	case 1:
		return []string{"SETRANGE", k, r.number(300), r.value()}
	case 2:
		return []string{"INCRBY", "n" + r.number(5), r.number(100)}
	case 3:
		return []string{"SETBIT", k, r.number(5000), r.number(2)}
	case 4:
		return []string{"PFADD", "p" + r.number(2), r.value(), r.value()}
	case 5:
		return []string{"SET", k, r.value(), "PXAT", r.moment()}
	case 6:
		return []string{"GETEX", k, "PERSIST"}
	case 7:
		return []string{"BITFIELD", k, "INCRBY", "u8", "#" + r.number(400), r.number(256), "SET", "u4", "#" + r.number(900), r.number(16)}
	case 8:
		if op := []string{"AND", "OR", "XOR", "NOT"}[r.IntN(4)]; op != "NOT" {
			return []string{"BITOP", op, r.key("s"), k, r.key("s")}
		}
		return []string{"BITOP", "NOT", r.key("s"), k}
	case 9:
		if r.IntN(20) == 0 {
			return []string{"PFMERGE", "p" + r.number(3), "p" + r.number(3)}
		}
		return []string{"PFADD", "p" + r.number(3), r.value()}
	}
	return []string{"SET", k, r.value()}
}

func (r *randomCommands) list() []string {
	k := r.key("l")
	switch r.IntN(10) {
	case 0:
		return []string{"LPOP", k}
	case 1:
		return []string{"RPOP", k, r.number(4)}
	case 2:
		return []string{"LSET", k, r.number(50), r.value()}
	case 3:
		return []string{"LINSERT", k, "BEFORE", r.value(), r.value()}
	case 4:
		return []string{"LREM", k, r.number(3), r.value()}
	case 5:
		return []string{"LMOVE", k, r.key("l"), "LEFT", "RIGHT"}
	case 6:
		return []string{"LINDEX", k, r.number(100)}
	case 7:
		return []string{"LPUSH", k, r.value(), r.value(), r.value()}
	case 8:
		if r.IntN(8) == 0 {
			return []string{"LTRIM", k, "0", r.number(400)}
		}
	}
	return []string{"RPUSH", k, r.value(), r.value()}
}

func (r *randomCommands) set() []string {
	k := r.key("e")
	switch r.IntN(10) {
	case 0:
		return []string{"SREM", k, r.member(), r.number(500)}
	case 1:
		return []string{"SPOP", k}
	case 2:
		return []string{"SMOVE", k, r.key("e"), r.member()}
	case 3:
		return []string{"SUNIONSTORE", r.key("e"), k, r.key("e")}
	case 4:
		return []string{"SADD", k, r.number(500), r.number(500)}
	case 5:
		return []string{"SINTERSTORE", r.key("e"), k, r.key("e")}
	case 6:
		return []string{"SDIFFSTORE", r.key("e"), k, r.key("e")}
	case 7:
		if r.IntN(10) == 0 {
			return []string{"SPOP", k, r.number(100)}
		}
	}
	return []string{"SADD", k, r.member(), r.member(), r.value()}
}

func (r *randomCommands) zset() []string {
	k := r.key("z")
	switch r.IntN(14) {
	case 0:
		return []string{"ZREM", k, r.member(), r.member()}
	case 1:
		return []string{"ZPOPMIN", k, r.number(3)}
	case 2:
		return []string{"ZINCRBY", k, r.number(9), r.member()}
	case 3:
		return []string{"ZREMRANGEBYRANK", k, r.number(9), r.number(12)}
	case 4:
		return []string{"ZUNIONSTORE", r.key("z"), "2", k, r.key("z")}
	case 5:
		return []string{"ZINTERSTORE", r.key("z"), "2", k, r.key("z")}
	case 6:
		return []string{"ZPOPMAX", k, r.number(3)}
	case 7:
		from := r.IntN(1000)
		return []string{"ZREMRANGEBYSCORE", k, strconv.Itoa(from), "(" + strconv.Itoa(from+r.IntN(10))}
	case 8:
		if r.IntN(4) == 0 {
			return []string{"ZRANGESTORE", r.key("z"), k, "0", r.number(300)}
		}
	case 9, 10:
		return []string{"GEOADD", r.key("g"), r.number(180), r.number(85) + ".25", r.member()}
	case 11:
		return []string{"ZREM", r.key("g"), r.member(), r.member()}
	}
	return []string{"ZADD", k, r.number(1000), r.member(), r.number(1000) + ".5", r.member()}
}

func (r *randomCommands) hash() []string {
	k := r.key("h")
	switch r.IntN(10) {
	case 0:
		return []string{"HDEL", k, r.member(), r.member()}
	case 1:
		return []string{"HINCRBY", k, "n", "7"}
	case 2:
		return []string{"HPEXPIREAT", k, r.moment(), "FIELDS", "2", r.member(), r.member()}
	case 3:
		return []string{"HPERSIST", k, "FIELDS", "1", r.member()}
	case 4:
		return []string{"HGETDEL", k, "FIELDS", "1", r.member()}
	case 5:
		return []string{"HSETEX", k, "PXAT", r.moment(), "FIELDS", "1", r.member(), r.value()}
	case 6:
		return []string{"HGETEX", k, "PXAT", r.moment(), "FIELDS", "1", r.member()}
	}
	return []string{"HSET", k, r.member(), r.value(), r.member(), r.value()}
}

func (r *randomCommands) stream() []string {
	k := "x" + r.number(4)
	group, consumer := "g"+r.number(2), "c"+r.number(3)
	switch r.IntN(14) {
	case 0:
		return []string{"XDEL", k, r.streamID(), r.streamID()}
	case 1:
		return []string{"XTRIM", k, "MAXLEN", r.number(900)}
	case 2:
		return []string{"XGROUP", "CREATE", k, group, r.streamID(), "MKSTREAM"}
	case 3, 4:
		return []string{"XREADGROUP", "GROUP", group, consumer, "COUNT", "4", "STREAMS", k, ">"}
	case 5:
		return []string{"XACK", k, group, r.streamID(), r.streamID(), r.streamID()}
	case 6:
		return []string{"XCLAIM", k, group, consumer, "0", r.streamID(), r.streamID()}
	case 7:
		return []string{"XAUTOCLAIM", k, group, consumer, "0", "0", "COUNT", "3"}
	case 8:
		if r.IntN(6) == 0 {
			return []string{"XGROUP", "DESTROY", k, group}
		}
		return []string{"XGROUP", "DELCONSUMER", k, group, consumer}
	}
	r.id++
	return []string{"XADD", k, strconv.Itoa(r.id) + "-1", "f", r.value(), "g" + r.number(2), r.value()}
}

func (r *randomCommands) generic() []string {
	kinds := "slezhxpg"
	any := func() string { return r.key(string(kinds[r.IntN(len(kinds))])) }
	switch r.IntN(40) {
	case 0:
		return []string{"DEL", any()}
	case 1:
		return []string{"UNLINK", any()}
	case 2, 3:
		k := any()
		return []string{"COPY", k, k[:1] + r.number(6), "REPLACE"}
	case 4:
		k := any()
		return []string{"RENAME", k, k[:1] + r.number(6)}
	case 5:
		return []string{"PEXPIREAT", any(), r.moment()}
	case 6:
		return []string{"PERSIST", any()}
	case 7:
		return []string{"MOVE", any(), "1"}
	case 8:
		if r.IntN(20) == 0 {
			return []string{"SWAPDB", "0", "1"}
		}
	case 9:
		if r.IntN(60) == 0 {
			return []string{"FLUSHDB"}
		}
	case 10:
		if r.IntN(5) == 0 {
			return []string{"SORT", r.key("l"), "ALPHA", "STORE", r.key("l")}
		}
	}
	return []string{"OBJECT", "ENCODING", any()}
}

// rdbSum is the checksum of the RDB file that is made of a snapshot.
func rdbSum(snap *snapshot) ([sha256.Size]byte, error) {
	h := sha256.New()
	w := rio.NewWriter(h)
	if err := rdbSaveRio(w, snap, rdbflagsNone, nil, nil); err != nil {
		return [sha256.Size]byte{}, err
	}
	err := w.Flush()
	return [sha256.Size]byte(h.Sum(nil)), err
}

// snapshotSteps is how many commands TestSnapshotsOfAllTypes executes: SNAPSHOT_COMMANDS in the environment, or few.
func snapshotSteps() int {
	if n, err := strconv.Atoi(os.Getenv("SNAPSHOT_COMMANDS")); err == nil {
		return n
	}
	return 30000
}

func TestSnapshotsOfAllTypes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("SNAPSHOT_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("SNAPSHOT_SEED=%d", seed)
	r := &randomCommands{Rand: rand.New(rand.NewPCG(seed, 1))}
	server := heapServer(t, "--hash-max-listpack-entries", "40", "--set-max-listpack-entries", "40", "--zset-max-listpack-entries", "40",
		"--stream-node-max-entries", "20", "--list-max-listpack-size", "30", "--hll-sparse-max-bytes", "100")
	c := server.fakeClient()
	server.packer().SetIdle(2)
	m := newModel()
	saved := int64(0)
	steps := 0
	step := func() {
		if steps++; steps%1000 == 0 {
			// Lists that are compressed by their place, and such that are when nobody reads them.
			c.run("CONFIG", "SET", "list-compress-depth", strconv.Itoa(steps/1000%3&1))
		}
		command := r.next()
		m.apply(command, c.run(command...))
		server.clock.Reclaim(0)
		if steps%10 == 0 {
			server.packer().Tick()
		}
		server.packer().Run(time.Minute)
		saved += server.packer().Saved()
	}
	for range 3000 {
		step()
	}
	per := 3000
	rounds, walked := max(snapshotSteps()/(per+per/4), 1), int64(0)
	for round := range rounds {
		snap := server.snapshot()
		want, err := rdbSum(snap)
		if err != nil {
			t.Fatal(err)
		}
		stop, result := make(chan struct{}), make(chan string, 1)
		walks := 0
		go func() {
			for {
				got, err := rdbSum(snap)
				if walks++; err != nil || got != want {
					result <- fmt.Sprintf("walk %d: the snapshot has changed (%v)", walks, err)
					return
				}
				select {
				case <-stop:
					if walks > 1 {
						result <- ""
						return
					}
				default:
				}
			}
		}()
		for range per {
			step()
		}
		close(stop)
		if msg := <-result; msg != "" {
			t.Fatalf("round %d: %s", round, msg)
		}
		walked += int64(walks)
		m.compare(t, c)
		snap.release()
		for range per / 4 {
			step()
		}
	}
	m.compare(t, c)
	if saved == 0 {
		t.Error("nothing was ever packed")
	}
	t.Logf("%d commands, %d snapshots, each read %d times on average", steps, rounds, walked/int64(rounds))
	// What was saved is what there is, and nothing is left when all is gone.
	reloadAndCompare(t, server, c)
	for range 2 {
		c.run("FLUSHALL")
		for server.clock.Reclaim(time.Second) {
		}
	}
	if used, pending := server.mem.Used(), server.mem.Pending(); used != 0 || pending != 0 {
		t.Errorf("%d bytes in use, %d pending", used, pending)
	}
}

// reloadAndCompare writes the dataset, reads it into another server, and compares.
func reloadAndCompare(t *testing.T, server *Server, c *client) {
	t.Helper()
	var file bytes.Buffer
	snap := server.snapshot()
	w := rio.NewWriter(&file)
	err := rdbSaveRio(w, snap, rdbflagsNone, nil, nil)
	if err == nil {
		err = w.Flush()
	}
	snap.release()
	if err != nil {
		t.Fatal(err)
	}
	other := heapServer(t, "--hash-max-listpack-entries", "40", "--set-max-listpack-entries", "40", "--zset-max-listpack-entries", "40",
		"--stream-node-max-entries", "20", "--list-max-listpack-size", "30")
	if err := other.rdbLoadRio(rio.NewReader(&file), "test", nil, rdbflagsNone); err != nil {
		t.Fatal(err)
	}
	if a, b := server.computeDatasetDigest(), other.computeDatasetDigest(); a != b {
		t.Errorf("digest %s, after a reload %s", a.String(), b.String())
	}
	oc := other.fakeClient()
	for _, key := range []string{"x0", "x1", "x2", "x3"} {
		for _, what := range [][]string{{"XINFO", "STREAM", key, "FULL", "COUNT", "0"}} {
			strip := func(s string) string {
				var out []string
				for _, line := range strings.Split(s, "\r\n") {
					if !strings.HasPrefix(line, ":") || len(line) < 10 { // no times
						out = append(out, line)
					}
				}
				return strings.Join(out, " ")
			}
			a, b := strip(c.run(what...)), strip(oc.run(what...))
			if a != b {
				t.Errorf("%q: %.600s\nafter a reload %.600s", what, a, b)
			}
		}
	}
	for kind, sizes := range server.db[0].keysizes {
		if kind != int(objStream) && sizes != other.db[0].keysizes[kind] {
			t.Errorf("sizes of type %d: %v, after a reload %v", kind, sizes, other.db[0].keysizes[kind])
		}
	}
}
