// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"redport/deps/hdr_histogram"
	"redport/src/platform"
	"redport/src/sparkline"
)

// latency.go - where time goes: the latency monitor, and the command histograms.
//
// The monitor keeps, for every kind of event that may stall the server (a slow command, an expire cycle, an fsync
// ...), the last 160 seconds in which it took latency-monitor-threshold ms or more; LATENCY shows them, draws them, and gives
// advice. The histograms count how long every execution of every command took.
//
// Counterpart: latency.c. Differences: events are listed by name, where C lists them in the order of a hash table;
// and what has no cause here, such as fork, is never advised about.

const (
	latencyTsLen     = 160 // seconds kept for each event
	latencyGraphCols = 80

	// Bounds and precision of the command histograms, ns.
	latencyHistogramMinValue  = 1
	latencyHistogramMaxValue  = 1000000000
	latencyHistogramPrecision = 2
)

func newLatencyHistogram() *hdr_histogram.Histogram {
	return hdr_histogram.New(latencyHistogramMinValue, latencyHistogramMaxValue, latencyHistogramPrecision)
}

// latencySample is the worst that happened in one second.
type latencySample struct {
	time    int64 // Unix time, s; 0: no sample
	latency int64 // ms
}

// latencyTimeSeries is a ring of samples.
type latencyTimeSeries struct {
	idx     int   // where the next sample goes
	max     int64 // worst ever
	samples [latencyTsLen]latencySample
}

// last is the newest sample.
func (ts *latencyTimeSeries) last() *latencySample {
	return &ts.samples[(ts.idx+latencyTsLen-1)%latencyTsLen]
}

// all calls fn for the samples there are, oldest first.
func (ts *latencyTimeSeries) all(fn func(latencySample)) {
	for j := range ts.samples {
		if s := ts.samples[(ts.idx+j)%latencyTsLen]; s.time != 0 {
			fn(s)
		}
	}
}

// latencyAddSampleIfNeeded adds a sample of ms if that is as much as latency-monitor-threshold asks for.
func (server *Server) latencyAddSampleIfNeeded(event string, ms int64) {
	if server.latencyMonitorThreshold != 0 && ms >= server.latencyMonitorThreshold {
		server.latencyAddSample(event, ms)
	}
}

func (server *Server) latencyAddSample(event string, ms int64) {
	ts := server.latencyEvents[event]
	if ts == nil {
		ts = &latencyTimeSeries{}
		server.latencyEvents[event] = ts
	}
	ts.max = max(ts.max, ms)
	now := server.ustime() / 1e6
	if last := ts.last(); last.time == now {
		last.latency = max(last.latency, ms)
		return
	}
	ts.samples[ts.idx] = latencySample{now, ms}
	ts.idx = (ts.idx + 1) % latencyTsLen
}

// latencyResetEvent forgets one event, or all with "", and returns how many there were.
func (server *Server) latencyResetEvent(event string) int {
	if event == "" {
		n := len(server.latencyEvents)
		clear(server.latencyEvents)
		return n
	}
	n := 0
	for name := range server.latencyEvents {
		if strings.EqualFold(name, event) {
			delete(server.latencyEvents, name)
			n++
		}
	}
	return n
}

// latencyEventNames are the events with samples, sorted.
func (server *Server) latencyEventNames() []string {
	return slices.Sorted(maps.Keys(server.latencyEvents))
}

// --- Doctor ---

// latencyStats sums up the samples of one event.
type latencyStats struct {
	allTimeHigh   int64
	avg, min, max int64
	mad           int64 // mean absolute deviation
	samples       int
	period        int64 // seconds since the oldest sample, 1 at least
}

func (ts *latencyTimeSeries) analyze(now int64) latencyStats {
	ls := latencyStats{allTimeHigh: ts.max, min: math.MaxInt64}
	var sum int64
	oldest := now
	ts.all(func(s latencySample) {
		ls.samples++
		ls.min = min(ls.min, s.latency)
		ls.max = max(ls.max, s.latency)
		oldest = min(oldest, s.time)
		sum += s.latency
	})
	if ls.samples == 0 {
		ls.min = 0
		return ls
	}
	n := int64(ls.samples)
	ls.avg = sum / n
	ls.period = max(now-oldest, 1)
	sum = 0
	ts.all(func(s latencySample) { sum += max(ls.avg-s.latency, s.latency-ls.avg) })
	ls.mad = sum / n
	return ls
}

// latencyAdvice is what the doctor may say, in the order in which he says it.
type latencyAdvice int

const (
	adviseSlowlogEnabled latencyAdvice = iota
	adviseSlowlogTuning
	adviseSlowlogInspect
	adviseScheduler
	adviseLocalDisk
	adviseSsd
	adviseDataWriteback
	adviseDiskContention
	adviseNoAppendfsync
	adviseRelaxFsyncPolicy
	adviseWriteLoadInfo
	adviseHz
	adviseLargeObjects
	adviseMassEviction
	adviseDisableThp
	adviceCount
)

// latencyEventAdvice maps events to the advice that they give rise to, apart from "command", which depends on the configuration.
var latencyEventAdvice = map[string][]latencyAdvice{
	"fast-command":            {adviseScheduler},
	"aof-write-pending-fsync": {adviseLocalDisk, adviseDiskContention, adviseSsd, adviseDataWriteback},
	"aof-write-active-child":  {adviseNoAppendfsync, adviseDataWriteback, adviseSsd},
	"aof-write-alone":         {adviseLocalDisk, adviseDataWriteback, adviseSsd},
	"aof-fsync-always":        {adviseRelaxFsyncPolicy},
	"aof-fstat":               {adviseDiskContention, adviseLocalDisk},
	"rdb-unlink-temp-file":    {adviseDiskContention, adviseLocalDisk},
	"aof-rewrite-diff-write":  {adviseWriteLoadInfo, adviseDataWriteback, adviseSsd, adviseLocalDisk},
	"aof-rename":              {adviseWriteLoadInfo, adviseDataWriteback, adviseSsd, adviseLocalDisk},
	"expire-cycle":            {adviseHz, adviseLargeObjects},
	"eviction-del":            {adviseLargeObjects},
	"eviction-cycle":          {adviseMassEviction},
}

// text is the advice itself; "" if circumstances make it pointless.
func (a latencyAdvice) text(server *Server) string {
	switch a {
	case adviseSlowlogEnabled:
		return fmt.Sprintf("- There are latency issues with potentially slow commands you are using. Try to enable the Slow Log Redis feature using the command 'CONFIG SET slowlog-log-slower-than %d'. If the Slow log is disabled Redis is not able to log slow commands execution for you.\n", server.latencyMonitorThreshold*1000)
	case adviseSlowlogTuning:
		return fmt.Sprintf("- Your current Slow Log configuration only logs events that are slower than your configured latency monitor threshold. Please use 'CONFIG SET slowlog-log-slower-than %d'.\n", server.latencyMonitorThreshold*1000)
	case adviseSlowlogInspect:
		return "- Check your Slow Log to understand what are the commands you are running which are too slow to execute. Please check https://redis.io/commands/slowlog for more information.\n"
	case adviseScheduler:
		return "- The system is slow to execute Redis code paths not containing system calls. This usually means the system does not provide Redis CPU time to run for long periods. You should try to:\n" +
			"  1) Lower the system load.\n" +
			"  2) Use a computer / VM just for Redis if you are running other software in the same system.\n" +
			"  3) Check if you have a \"noisy neighbour\" problem.\n" +
			"  4) Check with 'redis-cli --intrinsic-latency 100' what is the intrinsic latency in your system.\n" +
			"  5) Check if the problem is allocator-related by recompiling Redis with MALLOC=libc, if you are using Jemalloc. However this may create fragmentation problems.\n"
	case adviseLocalDisk:
		return "- It is strongly advised to use local disks for persistence, especially if you are using AOF. Remote disks provided by platform-as-a-service providers are known to be slow.\n"
	case adviseSsd:
		return "- SSD disks are able to reduce fsync latency, and total time needed for snapshotting and AOF log rewriting (resulting in smaller memory usage). With extremely high write load SSD disks can be a good option. However Redis should perform reasonably with high load using normal disks. Use this advice as a last resort.\n"
	case adviseDataWriteback:
		return "- Mounting ext3/4 filesystems with data=writeback can provide a performance boost compared to data=ordered, however this mode of operation provides less guarantees, and sometimes it can happen that after a hard crash the AOF file will have a half-written command at the end and will require to be repaired before Redis restarts.\n"
	case adviseDiskContention:
		return "- Try to lower the disk contention. This is often caused by other disk intensive processes running in the same computer (including other Redis instances).\n"
	case adviseNoAppendfsync:
		return "- Assuming from the point of view of data safety this is viable in your environment, you could try to enable the 'no-appendfsync-on-rewrite' option, so that fsync will not be performed while there is a child rewriting the AOF file or producing an RDB file (the moment where there is high disk contention).\n"
	case adviseRelaxFsyncPolicy:
		if server.aofFsync != aofFsyncAlways {
			return ""
		}
		return "- Your fsync policy is set to 'always'. It is very hard to get good performances with such a setup, if possible try to relax the fsync policy to 'onesec'.\n"
	case adviseWriteLoadInfo:
		return "- Latency during the AOF atomic rename operation or when the final difference is flushed to the AOF file at the end of the rewrite, sometimes is caused by very high write load, causing the AOF buffer to get very large. If possible try to send less commands to accomplish the same work, or use Lua scripts to group multiple operations into a single EVALSHA call.\n"
	case adviseHz:
		if server.hz >= 100 {
			return ""
		}
		return "- In order to make the Redis keys expiring process more incremental, try to set the 'hz' configuration parameter to 100 using 'CONFIG SET hz 100'.\n"
	case adviseLargeObjects:
		return "- Deleting, expiring or evicting (because of maxmemory policy) large objects is a blocking operation. If you have very large objects that are often deleted, expired, or evicted, try to fragment those objects into multiple smaller objects.\n"
	case adviseMassEviction:
		return "- Sudden changes to the 'maxmemory' setting via 'CONFIG SET', or allocation of large objects via sets or sorted sets intersections, STORE option of SORT, Redis Cluster large keys migrations (RESTORE command), may create sudden memory pressure forcing the server to block trying to evict keys. \n"
	case adviseDisableThp:
		return "- I detected a non zero amount of anonymous huge pages used by your process. This creates very serious latency events in different conditions, especially when Redis is persisting on disk. To disable THP support use the command 'echo never > /sys/kernel/mm/transparent_hugepage/enabled', make sure to also add it into /etc/rc.local so that the command will be executed again after a reboot. Note that even if you have already disabled THP, you still need to restart the Redis process to get rid of the huge pages already created.\n"
	}
	return ""
}

// createLatencyReport is what LATENCY DOCTOR says.
func (server *Server) createLatencyReport() []byte {
	if len(server.latencyEvents) == 0 && server.latencyMonitorThreshold == 0 {
		return []byte("I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it. If we weren't in a deep space mission I'd suggest to take a look at https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency-monitor.\n")
	}
	var b bytes.Buffer
	var advised [adviceCount]bool
	advices := 0
	advise := func(list ...latencyAdvice) {
		for _, a := range list {
			advised[a] = true
			advices++
		}
	}
	now := server.ustime() / 1e6
	events := server.latencyEventNames()
	for i, event := range events {
		if i == 0 {
			b.WriteString("Dave, I have observed latency spikes in this Redis instance. You don't mind talking about it, do you Dave?\n\n")
		}
		ts := server.latencyEvents[event]
		ls := ts.analyze(now)
		fmt.Fprintf(&b, "%d. %s: %d latency spikes (average %dms, mean deviation %dms, period %.2f sec). Worst all time event %dms.\n",
			i+1, event, ls.samples, ls.avg, ls.mad, float64(ls.period)/float64(max(ls.samples, 1)), ts.max)
		if event == "command" {
			if server.slowlogLogSlowerThan < 0 {
				advise(adviseSlowlogEnabled)
			} else if server.slowlogLogSlowerThan/1000 > server.latencyMonitorThreshold {
				advise(adviseSlowlogTuning)
			}
			advise(adviseSlowlogInspect, adviseLargeObjects)
		}
		advise(latencyEventAdvice[event]...)
	}
	if platform.SmapsBytes("AnonHugePages:", 0) > 0 {
		advise(adviseDisableThp)
	}
	switch {
	case len(events) == 0 && advices == 0:
		b.WriteString("Dave, no latency spike was observed during the lifetime of this Redis instance, not in the slightest bit. I honestly think you ought to sit down calmly, take a stress pill, and think things over.\n")
	case advices == 0:
		b.WriteString("\nWhile there are latency events logged, I'm not able to suggest any easy fix. Please use the Redis community to get some help, providing this report in your help request.\n")
	default:
		b.WriteString("\nI have a few advices for you:\n\n")
		for a, on := range advised {
			if on {
				b.WriteString(latencyAdvice(a).text(server))
			}
		}
	}
	return b.Bytes()
}

// --- Histograms ---

// fillCommandCDF sends a histogram as steps that double from 1 us on, each with the number of calls that took no longer. Steps that no
// call adds to are left out.
func (c *client) fillCommandCDF(h *hdr_histogram.Histogram) {
	c.addReplyMapLen(2)
	c.addReplyBulkString("calls")
	c.addReplyLongLong(h.TotalCount())
	c.addReplyBulkString("histogram_usec")
	deferred := c.addReplyDeferredLen()
	steps := 0
	var previous int64
	h.LogSteps(1024, 2, func(upTo, cumulative int64) {
		if cumulative > previous {
			c.addReplyLongLong(upTo / 1000)
			c.addReplyLongLong(cumulative)
			steps++
		}
		previous = cumulative
	})
	c.setDeferredMapLen(deferred, steps)
}

// addReplyHistograms sends the histograms of cmds, and of their subcommands, and returns how many there were.
func (c *client) addReplyHistograms(cmds []*redisCommand) int {
	n := 0
	for _, cmd := range cmds {
		if cmd == nil {
			continue
		}
		if cmd.latencyHistogram != nil {
			c.addReplyBulkString(cmd.fullname)
			c.fillCommandCDF(cmd.latencyHistogram)
			n++
		}
		n += c.addReplyHistograms(sortedCommands(cmd.subcommands))
	}
	return n
}

// sortedCommands lists a table by name.
func sortedCommands(table map[string]*redisCommand) []*redisCommand {
	list := make([]*redisCommand, 0, len(table))
	for _, cmd := range table {
		list = append(list, cmd)
	}
	slices.SortFunc(list, func(a, b *redisCommand) int { return strings.Compare(a.fullname, b.fullname) })
	return list
}

// --- LATENCY ---

// latencyGraph is LATENCY GRAPH's picture of an event.
func (server *Server) latencyGraph(event string, ts *latencyTimeSeries) []byte {
	var seq sparkline.Sequence
	now := server.ustime() / 1e6
	low, high := int64(math.MaxInt64), int64(0)
	ts.all(func(s latencySample) {
		low = min(low, s.latency)
		high = max(high, s.latency)
		label := ""
		switch ago := now - s.time; {
		case ago < 60:
			label = fmt.Sprintf("%ds", ago)
		case ago < 3600:
			label = fmt.Sprintf("%dm", ago/60)
		case ago < 3600*24:
			label = fmt.Sprintf("%dh", ago/3600)
		default:
			label = fmt.Sprintf("%dd", ago/(3600*24))
		}
		seq.Add(float64(s.latency), label)
	})
	b := fmt.Appendf(nil, "%s - high %d ms, low %d ms (all time high %d ms)\n", event, high, low, ts.max)
	b = append(b, strings.Repeat("-", latencyGraphCols)+"\n"...)
	return seq.Render(b, latencyGraphCols, 4, sparkline.Fill)
}

// latencyCommand: LATENCY HISTORY event | LATEST | GRAPH event | DOCTOR | RESET [event ...] | HISTOGRAM [command ...] | HELP
func latencyCommand(c *client) {
	server := c.server
	argc := len(c.argv)
	switch sub := c.argv[1]; {
	case argc == 3 && equalFold(sub, "HISTORY"):
		ts := server.latencyEvents[string(c.argv[2])]
		if ts == nil {
			c.addReplyArrayLen(0)
			return
		}
		n := 0
		ts.all(func(latencySample) { n++ })
		c.addReplyArrayLen(n)
		ts.all(func(s latencySample) {
			c.addReplyArrayLen(2)
			c.addReplyLongLong(s.time)
			c.addReplyLongLong(s.latency)
		})
	case argc == 3 && equalFold(sub, "GRAPH"):
		event := string(c.argv[2])
		ts := server.latencyEvents[event]
		if ts == nil {
			c.addReplyErrorFormat("No samples available for event '%s'", event)
			return
		}
		c.addReplyVerbatim(server.latencyGraph(event, ts), "txt")
	case argc == 2 && equalFold(sub, "LATEST"):
		c.addReplyArrayLen(len(server.latencyEvents))
		for _, event := range server.latencyEventNames() {
			ts := server.latencyEvents[event]
			c.addReplyArrayLen(4)
			c.addReplyBulkString(event)
			c.addReplyLongLong(ts.last().time)
			c.addReplyLongLong(ts.last().latency)
			c.addReplyLongLong(ts.max)
		}
	case argc == 2 && equalFold(sub, "DOCTOR"):
		c.addReplyVerbatim(server.createLatencyReport(), "txt")
	case argc >= 2 && equalFold(sub, "RESET"):
		if argc == 2 {
			c.addReplyLongLong(int64(server.latencyResetEvent("")))
			return
		}
		resets := 0
		for _, event := range c.argv[2:] {
			if len(event) > 0 {
				resets += server.latencyResetEvent(string(event))
			}
		}
		c.addReplyLongLong(int64(resets))
	case argc >= 2 && equalFold(sub, "HISTOGRAM"):
		var cmds []*redisCommand
		if argc == 2 {
			cmds = sortedCommands(server.commands)
		} else {
			for _, name := range c.argv[2:] {
				cmds = append(cmds, server.lookupCommandByName(string(name)))
			}
		}
		deferred := c.addReplyDeferredLen()
		c.setDeferredMapLen(deferred, c.addReplyHistograms(cmds))
	case argc == 2 && equalFold(sub, "HELP"):
		c.addReplyHelp([]string{
			"DOCTOR",
			"    Say in prose what is slow and what may help.",
			"GRAPH <event>",
			"    Draw the samples of <event> in text.",
			"HISTORY <event>",
			"    The samples of <event>, each with its time.",
			"LATEST",
			"    The last and the worst sample of each event.",
			"RESET [<event> ...]",
			"    Forget the samples of the events named, or of all.",
			"HISTOGRAM [COMMAND ...]",
			"    How many calls of the commands named, or of all, took at most how long.",
		})
	default:
		c.addReplySubcommandSyntaxError()
	}
}
