// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"math/rand"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"redport/src/epoch"
	"redport/src/zmalloc"
)

// What is propagated has the same outcome wherever and whenever it is executed. T stands for the time of the command.
func TestStreamPropagation(t *testing.T) {
	server := idleServer(t)
	c := server.fakeClient()
	var fed []string
	server.recordPropagation(&fed)
	now := regexp.MustCompile(`TIME 1\d{12}`)
	for _, test := range []struct{ command, want string }{
		{"xadd s 1-1 a 1", "xadd s 1-1 a 1"},
		{"xadd s 1-* a 2", "xadd s 1-2 a 2"},
		{"xadd s 2 a 3", "xadd s 2 a 3"},
		{"xadd s maxlen ~ 2 3 a 4", "xadd s maxlen = 4 3 a 4"},
		{"xadd s minid = 1-2 4-1 a 4", "xadd s minid = 1-2 4-1 a 4"},
		{"xadd s minid ~ 1-2 4-2 a 4", "xadd s minid = 1-1 4-2 a 4"},
		{"config set stream-node-max-entries 2", ""},
		{"xadd s 5-1 a 1", "xadd s 5-1 a 1"},
		{"xadd s 5-2 a 1", "xadd s 5-2 a 1"},
		{"xadd s 5-3 a 1", "xadd s 5-3 a 1"},
		{"xadd s 5-4 a 1", "xadd s 5-4 a 1"},
		{"xtrim s maxlen ~ 4 limit 2", ""},
		{"xtrim s minid ~ 5-3 limit 100", "xtrim s minid = 5-3 limit 100"},
		{"xtrim s maxlen ~ 100", ""},
		{"xadd s maxlen ~ 3 limit 1 5-5 a 1", "xadd s maxlen = 3 limit 1 5-5 a 1"},
		{"xgroup create s g 0", "xgroup create s g 0"},
		{"xgroup create s g2 $ entriesread 5", "xgroup create s g2 $ entriesread 5"},
		{"xreadgroup group g c1 count 1 streams s >", "MULTI; XCLAIM s g c1 0 5-3 TIME T RETRYCOUNT 1 FORCE JUSTID LASTID 5-3; XGROUP SETID s g 5-3 ENTRIESREAD 9; EXEC"},
		{"xreadgroup group g c1 count 2 streams s >", "MULTI; XCLAIM s g c1 0 5-4 TIME T RETRYCOUNT 1 FORCE JUSTID LASTID 5-4; XCLAIM s g c1 0 5-5 TIME T RETRYCOUNT 1 FORCE JUSTID LASTID 5-5; XGROUP SETID s g 5-5 ENTRIESREAD 11; EXEC"},
		{"xreadgroup group g c1 streams s 0", ""},
		{"xreadgroup group g c9 streams s 0", ""},
		{"xreadgroup group g c8 noack streams s 0", "XGROUP CREATECONSUMER s g c8"},
		{"xreadgroup group g2 cc noack streams s >", "XGROUP CREATECONSUMER s g2 cc"},
		{"xadd s 6-1 a 1", "xadd s 6-1 a 1"},
		{"xreadgroup group g2 cc noack streams s >", "XGROUP SETID s g2 6-1 ENTRIESREAD 6"},
		{"xreadgroup group g2 cd noack streams s >", "XGROUP CREATECONSUMER s g2 cd"},
		{"xreadgroup group g2 ce streams s >", ""},
		{"xclaim s g c2 0 5-5 5-3 9-9", "MULTI; XCLAIM s g c2 0 5-5 TIME T RETRYCOUNT 3 FORCE JUSTID LASTID 5-5; XCLAIM s g c2 0 5-3 TIME T RETRYCOUNT 3 FORCE JUSTID LASTID 5-5; EXEC"},
		{"xclaim s g c3 100000 5-5", ""},
		{"xclaim s g c2 0 5-5 time 1000 retrycount 5 justid", "XCLAIM s g c2 0 5-5 TIME 1000 RETRYCOUNT 5 FORCE JUSTID LASTID 5-5"},
		{"xclaim s g c2 0 6-1 force lastid 6-1", "XCLAIM s g c2 0 6-1 TIME T RETRYCOUNT 2 FORCE JUSTID LASTID 6-1"},
		{"xclaim s g c2 0 77-1 lastid 7-1", "XGROUP SETID s g 7-1 ENTRIESREAD 11"},
		{"xdel s 5-5", "xdel s 5-5"},
		{"xclaim s g c2 0 5-5", "XCLAIM s g c2 0 5-5 TIME 1000 RETRYCOUNT 5 FORCE JUSTID LASTID 7-1"},
		{"xreadgroup group g c1 streams s >", ""},
		{"xautoclaim s g c7 0 0 count 1", "XCLAIM s g c7 0 5-3 TIME T RETRYCOUNT 4 FORCE JUSTID LASTID 7-1"},
		{"xautoclaim s g c6 1000000 0 count 1", ""},
		{"xautoclaim s g c7 0 0", "MULTI; XCLAIM s g c7 0 5-3 TIME T RETRYCOUNT 5 FORCE JUSTID LASTID 7-1; XCLAIM s g c7 0 5-4 TIME T RETRYCOUNT 3 FORCE JUSTID LASTID 7-1; XCLAIM s g c7 0 6-1 TIME T RETRYCOUNT 3 FORCE JUSTID LASTID 7-1; EXEC"},
		{"xack s g 5-3 5-4", "xack s g 5-3 5-4"},
		{"xack s g 5-3", ""},
		{"xgroup createconsumer s g q", "xgroup createconsumer s g q"},
		{"xgroup delconsumer s g q", "xgroup delconsumer s g q"},
		{"xgroup setid s g $", "xgroup setid s g $"},
		{"xgroup destroy s g2", "xgroup destroy s g2"},
		{"xsetid s 9-9 entriesadded 50 maxdeletedid 8-8", "xsetid s 9-9 entriesadded 50 maxdeletedid 8-8"},
		{"xread streams s 0", ""},
	} {
		fed = nil
		if reply := c.run(strings.Fields(test.command)...); reply[0] == '-' {
			t.Errorf("%s: %s", test.command, reply)
		}
		if got := now.ReplaceAllString(strings.Join(fed, "; "), "TIME T"); got != test.want {
			t.Errorf("%s is propagated as\n%q, want\n%q", test.command, got, test.want)
		}
	}
}

// dumpStream writes down all of a stream. Any goroutine.
func dumpStream(s *stream) string {
	var b strings.Builder
	fmt.Fprint(&b, s.entries, s.firstID, s.lastID, s.maxDeletedID, s.entriesAdded, "\n")
	for _, rev := range []bool{false, true} {
		si := s.frozenIterator(streamID{}, streamIDMax, rev)
		for si.next() {
			fmt.Fprint(&b, si.id)
			for range si.numFields {
				field, value := si.field()
				b.Write(field.Append(nil))
				b.Write(value.Append([]byte{'='}))
			}
		}
		b.WriteByte('\n')
	}
	groups := s.cgroups.Iter()
	for ok := groups.First(); ok; ok = groups.Next() {
		cg := groups.Value()
		fmt.Fprint(&b, groups.Key(), cg.lastID, cg.entriesRead, ":")
		pel := cg.pel.Iter()
		for ok := pel.First(); ok; ok = pel.Next() {
			fmt.Fprint(&b, pel.Key(), pel.Value(), cg.consumerName(pel.Value()))
		}
		consumers := cg.consumers.Iter()
		for ok := consumers.First(); ok; ok = consumers.Next() {
			consumer := consumers.Value()
			fmt.Fprint(&b, consumer.name, consumer.seenTime, consumer.activeTime)
			pel := consumer.pel.Iter()
			for ok := pel.First(); ok; ok = pel.Next() {
				fmt.Fprint(&b, pel.Key())
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// A stream keeps what a model says, snapshots read by other goroutines stay what they were, and nothing is left when all is released.
func TestStreamSnapshots(t *testing.T) {
	for seed := int64(0); seed < 4; seed++ {
		r := rand.New(rand.NewSource(seed))
		server := &Server{mem: zmalloc.New(zmalloc.Heap)}
		server.clock = epoch.New(server.mem)
		server.streamNodeMaxEntries, server.streamNodeMaxBytes = 1+r.Int63n(20), 4096
		s := server.streamNew()
		type entry struct {
			id   streamID
			text string
		}
		var model []entry
		remove := func(i int) { model = append(model[:i:i], model[i+1:]...) }
		var wg sync.WaitGroup
		var live []*epoch.Snapshot
		packer := server.packer()
		packer.SetIdle(int(seed % 3)) // 0: everything is packed at once
		packed := 0
		for step := 0; step < 4000; step++ {
			if r.Intn(8) == 0 {
				packer.Tick()
			}
			if len(live) == 0 {
				before := s.blockBytes
				packer.Run(time.Minute)
				if s.blockBytes < before {
					packed++
				}
			}
			switch n := r.Intn(20); {
			case n < 10:
				argv := [][]byte{[]byte("f"), []byte(fmt.Sprint(step))}
				if r.Intn(4) == 0 {
					argv = append(argv, []byte(fmt.Sprint("g", r.Intn(3))), []byte(strings.Repeat("x", r.Intn(300))))
				}
				id, outcome := s.appendItem(server, argv, &streamID{s.lastID.ms + uint64(r.Intn(2)), 0}, false)
				if outcome != streamAppended {
					t.Fatalf("append: %d", outcome)
				}
				e := entry{id: id}
				for i := 0; i < len(argv); i += 2 {
					e.text += string(argv[i]) + "=" + string(argv[i+1])
				}
				model = append(model, e)
			case n < 14 && len(model) > 0:
				i := r.Intn(len(model))
				if !s.deleteItem(model[i].id) || s.deleteItem(model[i].id) {
					t.Fatal("deleteItem")
				}
				remove(i)
				s.firstID = streamID{}
			case n == 14:
				keep := r.Intn(len(model) + 1)
				if r.Intn(20) == 0 {
					all := streamTrimArgs{strategy: trimStrategyMaxlen}
					if r.Intn(2) == 0 {
						next, _ := s.lastID.next()
						all = streamTrimArgs{strategy: trimStrategyMinid, minid: next}
					}
					if got := s.trim(&all); int(got) != len(model) || s.entries != 0 || s.blockBytes != 0 || s.blocks.Len() != 0 {
						t.Fatalf("trimmed %d of %d, %d blocks of %d bytes are left", got, len(model), s.blocks.Len(), s.blockBytes)
					}
					model = nil
				} else if r.Intn(3) == 0 {
					if got := s.trim(&streamTrimArgs{strategy: trimStrategyMaxlen, maxlen: int64(keep)}); int(got) != len(model)-keep {
						t.Fatalf("trimmed %d, want %d", got, len(model)-keep)
					}
					model = model[len(model)-keep:]
				}
			case n == 15:
				s.createGroup([]byte{byte('a' + r.Intn(3))}, s.lastID, 0)
				if r.Intn(8) == 0 {
					s.destroyGroup([]byte{byte('a' + r.Intn(3))})
				}
			default:
				cg := s.ownGroup([]byte{byte('a' + r.Intn(3))})
				if cg == nil || len(model) == 0 {
					continue
				}
				name := streamName([]byte{byte('p' + r.Intn(4))})
				consumer := s.ownConsumer(cg, name)
				if consumer == nil {
					consumer = s.addConsumer(cg, name, int64(step))
				}
				id := model[r.Intn(len(model))].id
				switch r.Intn(20) {
				case 0:
					s.deleteConsumer(cg, consumer)
				case 1, 2, 3, 4, 5:
					s.acknowledge(cg, id)
				default:
					s.deliver(cg, consumer, id, streamNACK{deliveryTime: int64(step), deliveryCount: 1})
				}
			}
			if step%100 == 0 {
				si := s.iterator(streamID{}, streamIDMax, false)
				for _, e := range model {
					if !si.next() || si.id != e.id {
						t.Fatalf("entry %v is missing", e.id)
					}
					text := ""
					for range si.numFields {
						field, value := si.field()
						text += string(field.Append(nil)) + "=" + string(value.Append(nil))
					}
					if text != e.text {
						t.Fatalf("entry %v is %q, want %q", e.id, text, e.text)
					}
				}
				more := si.next()
				si.close()
				if more || int(s.entries) != len(model) {
					t.Fatal("there are more entries than there should be")
				}
			}
			if step%200 == 0 {
				want := dumpStream(s)
				live = append(live, server.clock.Snapshot())
				frozen := s
				s = s.thaw().(*stream)
				wg.Add(1)
				go func() {
					defer wg.Done()
					for range 3 {
						if got := dumpStream(frozen); got != want {
							t.Errorf("the snapshot has changed")
							return
						}
					}
				}()
				if len(live) == 4 || len(live) == 2 && r.Intn(3) == 0 {
					wg.Wait()
					for _, snapshot := range live {
						snapshot.Release()
					}
					live = nil
				}
			}
		}
		wg.Wait()
		for _, snapshot := range live {
			snapshot.Release()
		}
		if packed == 0 {
			t.Error("nothing was ever packed")
		}
		copied := s.dup().(*stream)
		if dumpStream(copied) == "" || copied.entries != s.entries {
			t.Error("dup lost something")
		}
		for _, x := range []*stream{s, copied} {
			var sum int64
			groups := x.cgroups.Iter()
			for ok := groups.First(); ok; ok = groups.Next() {
				sum += groups.Value().memoryUsage()
			}
			if sum == 0 || sum != *x.groupBytes {
				t.Errorf("groups hold %d bytes, of which the stream knows %d", sum, *x.groupBytes)
			}
		}
		if held := s.memoryUsage() + copied.memoryUsage(); server.mem.Used() != held {
			t.Errorf("accounted %d, held %d", server.mem.Used(), held)
		}
		s.release()
		copied.release()
		for server.clock.Reclaim(time.Millisecond) {
		}
		if server.mem.Used() != 0 || server.mem.Pending() != 0 {
			t.Errorf("%d bytes used, %d pending after all is released", server.mem.Used(), server.mem.Pending())
		}
	}
}

func BenchmarkStreamCommands(b *testing.B) {
	for _, command := range []string{"XADD s * field value", "XADD s MAXLEN ~ 1000 * field value", "XRANGE t - + COUNT 10", "XREVRANGE t + - COUNT 10", "XREAD COUNT 10 STREAMS t 0"} {
		b.Run(command, func(b *testing.B) {
			server := idleServer(b)
			c := server.fakeClient()
			for range 1000 {
				c.run("XADD", "t", "*", "field", "value")
			}
			c.benchmarkCommand(b, command)
		})
	}
}
