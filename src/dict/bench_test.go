// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"redport/src/zmalloc"
)

// bench_test.go - how fast, how large, and how even: go test -run '^$' -bench . ./src/dict
//
// Keys are `key:%012d`, values 3 to 32 random bytes, a tenth of the keys expires. With -short only the small sizes run.

const benchValueMax = 32

type bench struct {
	w     *world
	d     *Dict
	n     int
	r     *rand.Rand
	value [benchValueMax]byte
	key   [16]byte

	max, waited time.Duration // longest operation; onCPU's second
}

var benchType = &Type{Access: true}

// name writes key number i.
func (b *bench) name(i int) []byte {
	for j := 15; j >= 4; j-- {
		b.key[j] = byte('0' + i%10)
		i /= 10
	}
	return b.key[:]
}

func (b *bench) randomValue() []byte { return b.value[:3+b.r.IntN(benchValueMax-2)] }

func newBench() *bench {
	b := &bench{w: newWorld(zmalloc.Auto), r: rand.New(rand.NewPCG(1, 2))}
	b.d = New(b.w.clk, benchType)
	copy(b.key[:], "key:")
	for i := range b.value {
		b.value[i] = byte(b.r.Uint32())
	}
	return b
}

func (b *bench) insert(i int) {
	k := b.name(i)
	h := Hash(k)
	e := b.d.Insert(b.d.Find(h, k), k, Value{Bytes: b.randomValue()}, uint32(i))
	if i%10 == 0 {
		b.d.SetExpire(e, 1<<40+int64(i))
	}
}

// load inserts keys up to n, and times each if asked to.
func (b *bench) load(n int, timed bool) {
	for ; b.n < n; b.n++ {
		if !timed {
			b.insert(b.n)
			continue
		}
		start := time.Now()
		b.insert(b.n)
		took := time.Since(start)
		if took > b.max {
			// Not the operation's fault: that the thread waited for a processor since the last time this was looked at.
			_, wait := onCPU()
			took -= wait - b.waited
			b.waited = wait
		}
		b.max = max(b.max, took)
	}
}

// churn overwrites keys with values of other sizes, and deletes and inserts keys again.
func (b *bench) churn(ops int) {
	for range ops {
		k := b.name(b.r.IntN(b.n))
		h := Hash(k)
		e := b.d.Find(h, k)
		if b.r.IntN(4) > 0 {
			b.d.Replace(e, Value{Bytes: b.randomValue()})
			continue
		}
		at := e.Expire()
		b.d.Delete(e)
		e = b.d.Insert(b.d.Find(h, k), k, Value{Bytes: b.randomValue()}, 0)
		if at >= 0 {
			b.d.SetExpire(e, at)
		}
	}
}

// rss is the memory of this process, or what the allocator holds where the system does not tell.
func (b *bench) rss() int64 {
	runtime.GC()
	debug.FreeOSMemory()
	if s, err := os.ReadFile("/proc/self/statm"); err == nil {
		var size, resident int64
		if _, err := fmt.Sscan(string(s), &size, &resident); err == nil {
			return resident * int64(os.Getpagesize())
		}
	}
	return b.w.a.Mapped()
}

func benchSizes(b *testing.B, f func(b *testing.B, n int)) {
	for _, n := range []int{10000, 1e6, 10e6} {
		if n > 10000 && testing.Short() {
			continue
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) { f(b, n) })
	}
}

// benchLoaded runs f on a Dict of n keys, the same for all runs with one n.
func benchLoaded(b *testing.B, f func(x *bench, i int)) {
	benchSizes(b, func(b *testing.B, n int) {
		x := newBench()
		x.load(n, false)
		i := 0
		runtime.LockOSThread()
		cpu, _ := onCPU()
		for b.Loop() {
			f(x, i)
			i++
		}
		if end, _ := onCPU(); end > cpu {
			b.ReportMetric(float64(end-cpu)/float64(i), "cpu-ns/op")
		}
		runtime.UnlockOSThread()
		x.end()
	})
}

// onCPU returns how long this thread has run and how long it has waited for a processor, where the system tells (Linux): on a busy
// machine that is what counts. Locked to its thread.
func onCPU() (run, wait time.Duration) {
	if s, err := os.ReadFile("/proc/thread-self/schedstat"); err == nil {
		fmt.Sscan(string(s), &run, &wait)
	}
	return run, wait
}

func (b *bench) end() {
	b.d.Release()
	b.w.drain()
	b.w.a.Close()
}

var sink byte

func BenchmarkFind(b *testing.B) {
	benchLoaded(b, func(x *bench, i int) {
		k := x.name(x.r.IntN(x.n))
		e := x.d.Find(Hash(k), k)
		sink += e.Value()[0]
	})
}

func BenchmarkFindMissing(b *testing.B) {
	benchLoaded(b, func(x *bench, i int) {
		k := x.name(x.n + x.r.IntN(x.n))
		if x.d.Find(Hash(k), k).Ok() {
			panic("found")
		}
	})
}

func BenchmarkReplaceSameSize(b *testing.B) {
	benchLoaded(b, func(x *bench, i int) {
		k := x.name(x.r.IntN(x.n))
		e := x.d.Find(Hash(k), k)
		x.d.Replace(e, Value{Bytes: x.value[:len(e.Value())]})
	})
}

func BenchmarkReplaceOtherSize(b *testing.B) {
	benchLoaded(b, func(x *bench, i int) {
		k := x.name(x.r.IntN(x.n))
		x.d.Replace(x.d.Find(Hash(k), k), Value{Bytes: x.randomValue()})
	})
}

func BenchmarkInsert(b *testing.B) {
	benchLoaded(b, func(x *bench, i int) {
		x.insert(x.n)
		x.n++
	})
}

func BenchmarkDeleteInsert(b *testing.B) {
	benchLoaded(b, func(x *bench, i int) {
		k := x.name(x.r.IntN(x.n))
		h := Hash(k)
		x.d.Delete(x.d.Find(h, k))
		x.d.Insert(x.d.Find(h, k), k, Value{Bytes: x.randomValue()}, 0)
	})
}

func BenchmarkScan(b *testing.B) {
	cursor := uint64(0)
	benchLoaded(b, func(x *bench, i int) {
		cursor = x.d.Scan(cursor, 10, func(e Entry) { sink += e.Meta() })
	})
}

func BenchmarkRandom(b *testing.B) {
	benchLoaded(b, func(x *bench, i int) { sink += x.d.Random(x.r.Uint64).Meta() })
}

func BenchmarkSample5(b *testing.B) {
	benchLoaded(b, func(x *bench, i int) { x.d.Sample(x.r.Uint64, 5, false, func(e Entry) { sink += e.Meta() }) })
}

// BenchmarkDueNothing: a whole cycle over the keyspace where nothing is due.
func BenchmarkDueNothing(b *testing.B) {
	benchLoaded(b, func(x *bench, i int) {
		for c := x.d.Due(0, 1<<39, 1000, nil); c != 0; {
			c = x.d.Due(c, 1<<39, 1000, nil)
		}
	})
}

// BenchmarkAll: how long a snapshot's reader takes for an entry.
func BenchmarkAll(b *testing.B) {
	benchSizes(b, func(b *testing.B, n int) {
		x := newBench()
		x.load(n, false)
		it := x.d.Iter()
		for b.Loop() {
			if !it.Next() {
				it = x.d.Iter()
				continue
			}
			sink += it.Entry().Meta()
		}
		x.end()
	})
}

// BenchmarkSnapshotWrite: overwrites while a snapshot is live; most of them clone a page at first, none in the end.
func BenchmarkSnapshotWrite(b *testing.B) {
	benchSizes(b, func(b *testing.B, n int) {
		x := newBench()
		x.load(n, false)
		var start, end time.Duration
		shots := 0
		i := 0
		s := x.w.clk.Snapshot()
		v := x.d.Snapshot(s)
		for b.Loop() {
			if i++; i%(n/4) == 0 {
				t := time.Now()
				s.Release()
				end += time.Since(t)
				t = time.Now()
				s = x.w.clk.Snapshot()
				v = x.d.Snapshot(s)
				start += time.Since(t)
				shots++
			}
			if i%64 == 0 {
				x.w.clk.Reclaim(0)
			}
			k := x.name(x.r.IntN(n))
			x.d.Replace(x.d.Find(Hash(k), k), Value{Bytes: x.randomValue()})
		}
		_ = v
		if shots > 0 {
			b.ReportMetric(float64(start)/float64(shots), "ns/start")
			b.ReportMetric(float64(end)/float64(shots), "ns/end")
		}
		s.Release()
		x.end()
	})
}

// BenchmarkMemory reports bytes a key after loading and after churn, and the longest operation while loading.
func BenchmarkMemory(b *testing.B) {
	sizes := []int{100000}
	if !testing.Short() {
		sizes = append(sizes, 1e6, 5e6, 10e6)
	}
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				x := newBench()
				empty := x.rss()
				runtime.LockOSThread()
				run, wait := onCPU()
				x.waited = wait
				start := time.Now()
				x.load(n, true)
				took := time.Since(start)
				if end, _ := onCPU(); end > run {
					took = end - run
				}
				runtime.UnlockOSThread()
				per := func(bytes int64) float64 { return float64(bytes) / float64(n) }
				b.ReportMetric(per(x.rss()-empty), "B/key")
				b.ReportMetric(per(x.d.Bytes()), "B/key-used")
				b.ReportMetric(float64(took)/float64(n), "cpu-ns/insert")
				b.ReportMetric(float64(x.max.Microseconds()), "us-max")
				x.churn(n * 2)
				b.ReportMetric(per(x.rss()-empty), "B/key-churned")
				b.ReportMetric(per(x.d.Bytes()), "B/key-churned-used")
				// Half of it goes.
				for i := 0; i < n; i++ {
					if k := x.name(i); Hash(k)>>20&1 == 0 {
						x.d.Delete(x.d.Find(Hash(k), k))
						if i%100 == 0 {
							x.w.clk.Reclaim(0)
						}
					}
				}
				x.w.drain()
				b.ReportMetric(float64(x.rss()-empty)/float64(x.d.Len()), "B/key-halved")
				start = time.Now()
				x.d.Release()
				b.ReportMetric(float64(time.Since(start).Microseconds()), "us-release")
				x.end()
			}
		})
	}
}

// BenchmarkMap is what a Go map does, for comparison.
func BenchmarkMap(b *testing.B) {
	benchSizes(b, func(b *testing.B, n int) {
		x := newBench()
		m := map[string][]byte{}
		for i := range n {
			m[string(x.name(i))] = append([]byte(nil), x.randomValue()...)
		}
		b.Run("find", func(b *testing.B) {
			for b.Loop() {
				sink += m[string(x.name(x.r.IntN(n)))][0]
			}
		})
		b.Run("replace", func(b *testing.B) {
			for b.Loop() {
				m[string(x.name(x.r.IntN(n)))] = append([]byte(nil), x.randomValue()...)
			}
		})
		b.Run("insert", func(b *testing.B) {
			i := n
			for b.Loop() {
				m[string(x.name(i))] = append([]byte(nil), x.randomValue()...)
				i++
			}
		})
	})
}
