// SPDX-License-Identifier: BSD-3-Clause

package main

// keystats.go - --keystats: the biggest keys by memory and by length, and how both are distributed.
//
// On a terminal what was found so far is drawn over itself as the walk goes on, with a bar for the progress.

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"redport/deps/hdr_histogram"
	"redport/deps/hiredis"
	"redport/src/sds"
)

const (
	keystatsPrecision = 4 // digits of the histogram
	keystatsMaxSize   = 1 << 60
)

// sizeInfo is one of the biggest keys.
type sizeInfo struct {
	size     uint64
	typeName string
	key      string
}

// keyStat is what is known of the keys of a type.
type keyStat struct {
	*typeInfo
	totalBytes, totalLength uint64
	maxBytes, maxLength     uint64
	bytesKey, lengthKey     string
}

// keyStats is what the walk has found.
type keyStats struct {
	types      *typeInfos
	stats      map[*typeInfo]*keyStat
	sampled    uint64
	totalSize  uint64
	totalNames uint64
	biggest    []sizeInfo
	sizes      *hdr_histogram.Histogram
	names      map[int]int // keys by the length of their names

	*progress
}

func (c *cli) keyStats() int {
	c.cancelLoopOnInterrupt()
	s := &keyStats{types: newTypeInfos(), stats: map[*typeInfo]*keyStat{}, names: map[int]int{},
		sizes: hdr_histogram.New(1, keystatsMaxSize, keystatsPrecision)}
	c.printf("\n# Scanning the entire keyspace to find the biggest keys and distribution information.\n" +
		"# Use -i 0.1 to sleep 0.1 sec per 100 SCAN commands (not usually needed).\n" +
		"# Use --cursor <n> to start the scan at the cursor <n> (usually after a Ctrl-C).\n" +
		"# Use --top <n> to display <n> top key sizes (default is 10).\n" +
		"# Ctrl-C to stop the scan.\n\n")
	c.sendReadOnly()
	s.progress = newProgress(c, c.dbSize())
	cursor := c.keystatsCursor
	for loops := 1; ; loops++ {
		keys := c.sendScan(&cursor)
		kinds := c.keyTypes(s.types, keys)
		bytes := c.keySizes(kinds, keys, true, c.keystatsSamples)
		lengths := c.keySizes(kinds, keys, false, 0)
		for i, info := range kinds {
			if info != nil {
				s.add(info, &keys[i], bytes[i], lengths[i])
			}
		}
		if loops%100 == 0 {
			c.pause()
		}
		if c.cancelLoop.Load() || cursor == 0 {
			break
		}
		s.refresh(func() {
			s.show()
			s.top()
		})
	}
	s.show()
	s.distributions()
	s.table()
	if c.cancelLoop.Load() && cursor != 0 {
		c.printf("\nScan interrupted:\nUse 'redis-cli --keystats --cursor %d' to restart from the last cursor.\n", cursor)
	}
	return 0
}

func (s *keyStats) add(info *typeInfo, key *hiredis.Reply, bytes, length uint64) {
	stat := s.stats[info]
	if stat == nil {
		stat = &keyStat{typeInfo: info}
		s.stats[info] = stat
	}
	s.sampled++
	s.totalSize += bytes
	s.totalNames += uint64(len(key.Str))
	s.names[len(key.Str)]++
	s.sizes.RecordValue(int64(min(bytes, keystatsMaxSize)))
	info.count++
	stat.totalBytes += bytes
	stat.totalLength += length
	if bytes > stat.maxBytes {
		stat.maxBytes, stat.bytesKey = bytes, key.Str
	}
	if length > stat.maxLength {
		stat.maxLength, stat.lengthKey = length, key.Str
	}
	s.addTop(sizeInfo{bytes, info.name, key.Str})
}

// addTop keeps the biggest keys in order; among equals, those that were met first.
func (s *keyStats) addTop(k sizeInfo) {
	limit := s.c.keystatsTop
	if uint64(len(s.biggest)) == limit && (limit == 0 || k.size <= s.biggest[len(s.biggest)-1].size) {
		return
	}
	at := len(s.biggest)
	for at > 0 && s.biggest[at-1].size < k.size {
		at--
	}
	if uint64(len(s.biggest)) == limit {
		s.biggest = s.biggest[:len(s.biggest)-1]
	}
	s.biggest = slices.Insert(s.biggest, at, k)
}

// present are the types that have keys, in their order.
func (s *keyStats) present() []*keyStat {
	var list []*keyStat
	for _, info := range s.types.list {
		if stat := s.stats[info]; stat != nil {
			list = append(list, stat)
		}
	}
	return list
}

// show shows how far the walk is, and the biggest keys.
func (s *keyStats) show() {
	s.begin(s.sampled)
	s.line("Keys size:    %s", humanBytes(s.totalSize))
	s.line("")
	s.line("--- Top %d key sizes ---", s.c.keystatsTop)
	for i, k := range s.biggest {
		s.line("%3d %8s %-10s %s", i+1, humanBytes(k.size), k.typeName, sds.CatRepr(nil, k.key))
	}
	s.line("")
	s.line("--- Top size per type ---")
	for _, stat := range s.present() {
		if stat.maxBytes > 0 {
			s.line("%-10s %s is %s", stat.name, stat.bytesKey, humanBytes(stat.maxBytes))
		}
	}
	s.line("")
	s.line("--- Top length and cardinality per type ---")
	for _, stat := range s.present() {
		if stat.maxLength > 0 {
			s.line("%-10s %s has %s", stat.name, stat.lengthKey, lengthText(stat.typeInfo, stat.maxLength))
		}
	}
}

// lengthText: 4.77M of a string, 20 entries of a stream.
func lengthText(info *typeInfo, n uint64) string {
	if info.name == "string" {
		return humanBytes(n)
	}
	return strconv.FormatUint(n, 10) + " " + info.sizeUnit
}

func humanBytes(n uint64) string { return bytesToHuman(int64(n)) }

// distributions shows the sizes of keys, and the lengths of their names.
func (s *keyStats) distributions() {
	s.line("")
	s.line("Key size Percentile Total keys")
	s.line("-------- ---------- -----------")
	last := int64(0)
	if s.sampled > 0 {
		s.sizes.Percentiles(1, func(percentile float64, upTo, cumulative int64) {
			// One row for each count, and the last one at 100 %.
			if cumulative == last && percentile < 100 || cumulative == int64(s.sampled) && percentile < 100 {
				return
			}
			last = cumulative
			s.line("%8s %9.4f%% %11d", bytesToHuman(upTo), percentile, cumulative)
		})
	}
	mean, deviation := 0.0, 0.0
	if s.sampled > 0 {
		mean, deviation = s.sizes.Mean(), s.sizes.StdDev()
	}
	s.line("Note: 0.01%% size precision, Mean: %s, StdDeviation: %s", bytesToHuman(int64(mean)), bytesToHuman(int64(deviation)))
	s.line("")
	s.line("Key name length Percentile Total keys")
	s.line("--------------- ---------- -----------")
	s.nameLengths()
	avg := "0"
	if s.sampled > 0 {
		avg = humanBytes(s.totalNames / s.sampled)
	}
	s.line("Total key length is %s (%s avg)", humanBytes(s.totalNames), avg)
}

// nameLengths shows how many names are not longer than some lengths, the last being the longest there is.
func (s *keyStats) nameLengths() {
	lengths := make([]int, 0, len(s.names))
	for n := range s.names {
		lengths = append(lengths, n)
	}
	slices.Sort(lengths)
	limits := []int{1 << 5, 1 << 8, 1 << 16, 1 << 20, 1 << 27}
	count, shown := 0, 0
	for i, n := range lengths {
		for len(limits) > 0 && n > limits[0] {
			if count > shown {
				s.nameLength(limits[0], count)
				shown = count
			}
			limits = limits[1:]
		}
		count += s.names[n]
		if i == len(lengths)-1 {
			s.nameLength(n, count)
		}
	}
}

func (s *keyStats) nameLength(upTo, count int) {
	s.line("%15s %9.4f%% %11d", bytesToHuman(int64(upTo)), 100*float64(count)/float64(s.sampled), count)
}

// table shows a row for each type.
func (s *keyStats) table() {
	s.line("")
	s.line("Type        Total keys  Keys %% Tot size Avg size  Total length/card Avg ln/card")
	s.line("--------- ------------ ------- -------- -------- ------------------ -----------")
	for _, stat := range s.present() {
		avgLength := fmt.Sprintf("%.2f", ratio(stat.totalLength, stat.count))
		if stat.name == "string" {
			avgLength = bytesToHuman(int64(math.Round(ratio(stat.totalLength, stat.count))))
		}
		s.line("%-9s %12d %6.2f%% %8s %8s %18s %11s", stat.name, stat.count, 100*ratio(stat.count, s.sampled), humanBytes(stat.totalBytes),
			humanBytes(stat.totalBytes/stat.count), lengthText(stat.typeInfo, stat.totalLength), avgLength)
	}
}
