// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"redport/src/dict"
	"redport/src/rio"
)

// rdb_fuzz_test.go - hostile payloads and files. What is let in must be fit for every command; what is not must leave nothing behind.

// payloadSamples are payloads of every type, without their footers.
func payloadSamples(t testing.TB) [][]byte {
	var samples [][]byte
	for _, big := range []bool{false, true} {
		args := []string{"--stream-node-max-entries", "3"}
		if big {
			args = append(args, "--hash-max-listpack-entries", "2", "--set-max-listpack-entries", "2", "--zset-max-listpack-entries", "2",
				"--list-max-listpack-size", "2", "--set-max-intset-entries", "2")
		}
		server := heapServer(t, args...)
		c := server.fakeClient()
		for _, cmd := range []string{
			"SET str hello", "SET int 12345", "SET lzf " + strings.Repeat("abc", 30), "RPUSH l a b 3 dddd 5555555", "SADD ints 1 2 300 70000", "SADD s a b 3 c",
			"ZADD z 1 a 2.5 b -inf c 7 d", "HSET h f v g w n 1", "HSET hx f v g w n 1", "HPEXPIREAT hx 33177117420000 FIELDS 2 f g",
			"XADD x 1-1 a b c d", "XADD x 2-1 a b c e", "XADD x 3-1 q r", "XADD x 4-1 a b c d", "XDEL x 2-1", "XGROUP CREATE x g 0", "XREADGROUP GROUP g alice COUNT 2 STREAMS x >",
			"XREADGROUP GROUP g bob COUNT 1 STREAMS x >", "XGROUP CREATE x h $",
		} {
			if got := c.run(strings.Fields(cmd)...); strings.HasPrefix(got, "-") {
				t.Fatalf("%s: %s", cmd, got)
			}
		}
		server.db[0].keys.All(func(e dict.Entry) bool {
			b := server.appendDumpPayload(nil, e)
			samples = append(samples, b[:len(b)-dumpFooterSize])
			return true
		})
	}
	// Types that are only read any more.
	for _, s := range []string{
		"0103016101620163",                                                  // list
		"030201610131016203322e35",                                          // sorted set with scores as text
		"0910" + "0201610001620163000164ff00000000",                         // zipmap, roughly
		"0a1b1b000000160000000400000261000402620004026100040264" + "00ff",   // ziplists
		"0d1b1b000000160000000400000261000402620004026300040264" + "00ff",   //
		"0c191919000000140000000400000261000402310004026200040232" + "ff",   //
		"0e011b1b000000160000000400000261000402620004026100040264" + "00ff", //
		"16020000016101620a01630164",                                        // hash with expiries, as a candidate of 7.4 had it
		"0f0110" + strings.Repeat("00", 16) + "0a0a0000000000ff" + "00000000",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(s, err)
		}
		samples = append(samples, b)
	}
	return samples
}

// probes are commands that look at all of a value, and change it in every way.
var probes = []string{
	"TYPE k", "OBJECT ENCODING k", "DEBUG DIGEST-VALUE k", "MEMORY USAGE k SAMPLES 0", "DUMP k", "COPY k k2 REPLACE",
	"GET k", "STRLEN k", "APPEND k x", "SETRANGE k 3 yy", "GETRANGE k 0 -1", "INCR k", "BITCOUNT k", "PFCOUNT k",
	"LLEN k", "LRANGE k 0 -1", "LINDEX k -1", "LPOS k b", "LSET k 0 z", "LINSERT k AFTER b q", "RPUSH k tail", "LPOP k", "LREM k 0 a", "LTRIM k 1 -2", "RPOP k 2",
	"SCARD k", "SMEMBERS k", "SRANDMEMBER k 3", "SRANDMEMBER k -7", "SISMEMBER k a", "SSCAN k 0 COUNT 100", "SDIFF k k2", "SINTER k k2", "SADD k q w", "SREM k a 1", "SPOP k 2",
	"ZCARD k", "ZRANGE k 0 -1 WITHSCORES", "ZRANGEBYSCORE k -inf +inf", "ZRANGEBYLEX k - +", "ZRANK k b", "ZSCAN k 0", "ZCOUNT k 1 3", "ZRANDMEMBER k 5", "ZADD k 3 b 9 q",
	"ZINCRBY k 1 a", "ZREVRANGE k 0 -1", "ZREMRANGEBYRANK k 0 0", "ZPOPMAX k 1", "ZUNIONSTORE k3 2 k k2",
	"HLEN k", "HGETALL k", "HRANDFIELD k 5 WITHVALUES", "HSCAN k 0", "HGET k f", "HSET k f v2 q z", "HTTL k FIELDS 2 f g", "HPEXPIRE k 1000000 FIELDS 1 f", "HPERSIST k FIELDS 1 g", "HINCRBY k n 1",
	"HDEL k f", "HGETDEL k FIELDS 1 g",
	"XLEN k", "XRANGE k - +", "XREVRANGE k + -", "XINFO STREAM k FULL COUNT 0", "XINFO GROUPS k", "XINFO CONSUMERS k g", "XPENDING k g", "XPENDING k g - + 10", "XREADGROUP GROUP g zoe COUNT 2 STREAMS k >",
	"XREADGROUP GROUP g alice STREAMS k 0", "XCLAIM k g zoe 0 1-1 3-1", "XAUTOCLAIM k g zoe 0 0 COUNT 5", "XACK k g 1-1", "XADD k * a b c d", "XADD k * x y", "XDEL k 3-1", "XGROUP DELCONSUMER k g alice",
	"XGROUP SETID k g 0", "XTRIM k MAXLEN 1", "XSETID k 99999999999999-1", "XGROUP DESTROY k g", "SORT k ALPHA", "GEOPOS k a", "GEOSEARCH k FROMLONLAT 0 0 BYRADIUS 1 km",
	"DUMP k", "DEBUG RELOAD-NOT k", "RENAME k k4", "DEL k2 k3", "UNLINK k4",
}

// tryPayload restores a payload and, if it is let in, uses it.
func tryPayload(t *testing.T, server *Server, c *client, body []byte) bool {
	t.Helper()
	before := server.mem.Used()
	b := append([]byte{}, body...)
	payload := append(b, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	got := c.run("RESTORE", "k", "0", string(payload))
	if strings.HasPrefix(got, "-") {
		if got != "-ERR Bad data format\r\n" {
			t.Fatalf("RESTORE: %s", got)
		}
		for server.clock.Reclaim(time.Second) {
		}
		if used := server.mem.Used(); used != before {
			t.Fatalf("a refused payload leaves %d bytes behind: %x", used-before, body)
		}
		return false
	}
	dump := c.run("DUMP", "k")
	for _, p := range probes {
		c.run(strings.Fields(p)...)
	}
	// What is written again is read again.
	if start := strings.Index(dump, "\r\n"); start > 0 {
		again := dump[start+2 : len(dump)-2]
		if got := c.run("RESTORE", "again", "0", again, "REPLACE"); got != "+OK\r\n" {
			t.Fatalf("the payload of a restored value is refused: %x -> %x: %s", body, again, got)
		}
	}
	c.run("FLUSHALL")
	for server.clock.Reclaim(time.Second) {
	}
	return true
}

// mutate changes a few bytes.
func mutate(r *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + r.IntN(4) {
		if len(b) < 2 {
			return b
		}
		i := r.IntN(len(b))
		switch r.IntN(7) {
		case 0:
			b[i] ^= 1 << r.IntN(8)
		case 1:
			b[i] = byte(r.Uint32())
		case 2:
			b[i] += byte(r.IntN(5) - 2)
		case 3:
			b = append(b[:i], b[i+1:]...)
		case 4:
			b = append(b[:i], append([]byte{byte(r.Uint32())}, b[i:]...)...)
		case 5:
			b = b[:i]
		case 6:
			j := r.IntN(len(b))
			n := min(1+r.IntN(8), len(b)-i, len(b)-j)
			copy(b[i:i+n], bytes.Clone(b[j:j+n]))
		}
	}
	return b
}

func fuzzServer(t testing.TB) (*Server, *client) {
	server := heapServer(t, "--enable-debug-command", "yes", "--hash-max-listpack-entries", "5", "--set-max-listpack-entries", "5", "--zset-max-listpack-entries", "5",
		"--set-max-intset-entries", "5", "--stream-node-max-entries", "5", "--list-max-listpack-size", "5")
	server.debug.skipChecksumValidation = true
	return server, server.fakeClient()
}

func TestHostilePayloads(t *testing.T) {
	samples := payloadSamples(t)
	server, c := fuzzServer(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	for i, s := range samples {
		// The last ones are of types that are read only; not all of them are right to begin with.
		if ok := tryPayload(t, server, c, s); !ok && i < len(samples)-9 {
			t.Errorf("a good payload is refused: %x", s)
		}
	}
	n := 20000
	if testing.Short() {
		n = 2000
	}
	let := 0
	for i := range n {
		if tryPayload(t, server, c, mutate(r, samples[i%len(samples)])) {
			let++
		}
	}
	t.Logf("%d of %d let in", let, n)
}

func FuzzRestore(f *testing.F) {
	for _, s := range payloadSamples(f) {
		f.Add(s)
	}
	server, c := fuzzServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1<<16 {
			return
		}
		tryPayload(t, server, c, body)
	})
}

// FuzzRdbLoad: a file is loaded or refused; what was loaded of it is fit for use.
func FuzzRdbLoad(f *testing.F) {
	for _, s := range payloadSamples(f) {
		file := append([]byte("REDIS0012\xfe\x00\xfb\x01\x00"), s[0], 1, 'k')
		f.Add(append(append(file, s[1:]...), 255, 0, 0, 0, 0, 0, 0, 0, 0))
	}
	f.Add([]byte("REDIS0003\xfd\x00\x00\x00\x00\x00\x01k\x01v\xff"))
	f.Add([]byte("VALKEY080\xfa\x01a\x01b\xf4\x01\x01\x00\xf8\x05\xf9\x07\xfc\x00\x00\x00\x00\x00\x00\x00\x7f\x16\x01h\x01\x01f\x01v\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"))
	server, c := fuzzServer(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 1<<16 {
			return
		}
		server.loading = true
		err := server.rdbLoadRio(rio.NewReader(bytes.NewReader(file)), "", nil, rdbflagsNone)
		server.loading = false
		if err == nil && server.dbTotalServerKeyCount() > 0 {
			snap := server.snapshot()
			_, err = rdbSum(snap)
			snap.release()
			if err != nil {
				t.Fatal(err)
			}
		}
		var report bytes.Buffer
		server.redisCheckRdb(rio.NewReader(bytes.NewReader(file)), "f", &report)
		c.run("FLUSHALL")
		for server.clock.Reclaim(time.Second) {
		}
		if used := server.mem.Used(); used != 0 {
			t.Fatalf("%d bytes in use after all is gone", used)
		}
	})
}
