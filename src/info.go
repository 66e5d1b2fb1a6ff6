// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"time"

	"redport/deps/hdr_histogram"
	"redport/src/monotonic"
	"redport/src/platform"
	"redport/src/util"
	"redport/src/zmalloc"
)

// info.go - INFO: the server tells about itself, in sections of "name:value" lines.
//
// Names, order and formats of the lines are what tools parse, so they are Redis's to the letter, also where the thing
// behind a name works otherwise here: there is no child process, but rdb_bgsave_in_progress says whether a background
// save runs. Figures for which there is nothing to measure are what Redis shows when idle.
//
// Counterpart: genRedisInfoString in server.c. Difference: commands and errors come in alphabetical order.

// infoSection is one section of INFO.
type infoSection struct {
	name string // as asked for
	when int
	gen  func(server *Server, b *bytes.Buffer)
}

// Which of "INFO", "INFO all" and "INFO everything" a section is part of; all of them may be asked for by name.
const (
	infoDefault = iota // all three
	infoAll            // not plain INFO
	infoNamed          // none
)

// infoSections lists the sections in the order of the output. It is a function because the sections reach
// code that may print INFO itself, in a crash report.
func infoSections() []infoSection {
	return []infoSection{
		{"server", infoDefault, (*Server).infoServer},
		{"clients", infoDefault, (*Server).infoClients},
		{"memory", infoDefault, (*Server).infoMemory},
		{"persistence", infoDefault, (*Server).infoPersistence},
		{"threads", infoDefault, (*Server).infoThreads},
		{"stats", infoDefault, (*Server).infoStats},
		{"replication", infoDefault, (*Server).infoReplication},
		{"cpu", infoDefault, (*Server).infoCPU},
		{"modules", infoDefault, (*Server).infoModules},
		{"commandstats", infoAll, (*Server).infoCommandstats},
		{"errorstats", infoDefault, (*Server).infoErrorstats},
		{"latencystats", infoAll, (*Server).infoLatencystats},
		{"cluster", infoDefault, (*Server).infoCluster},
		{"keyspace", infoDefault, (*Server).infoKeyspace},
		{"keysizes", infoDefault, (*Server).infoKeysizes},
		{"debug", infoNamed, (*Server).infoDebug},
	}
}

// infoSelection is which sections were asked for.
type infoSelection struct {
	upTo  int // sections whose when is not above; -1: only named ones
	named map[string]bool
}

// parseInfoSections reads INFO's arguments. Unknown names select nothing.
func parseInfoSections(args [][]byte) infoSelection {
	if len(args) == 0 {
		return infoSelection{upTo: infoDefault}
	}
	sel := infoSelection{upTo: -1, named: map[string]bool{}}
	for _, arg := range args {
		switch name := strings.ToLower(cstring(string(arg))); name {
		case "default":
			sel.upTo = max(sel.upTo, infoDefault)
		case "all", "everything":
			sel.upTo = infoAll
		case "module_list":
			sel.named["modules"] = true
		default:
			sel.named[name] = true
		}
	}
	return sel
}

func (sel infoSelection) has(s *infoSection) bool { return s.when <= sel.upTo || sel.named[s.name] }

// genRedisInfoString is INFO's text.
func (server *Server) genRedisInfoString(sel infoSelection) []byte {
	var b bytes.Buffer
	for _, s := range infoSections() {
		if !sel.has(&s) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\r\n")
		}
		s.gen(server, &b)
	}
	return b.Bytes()
}

// infoCommand: INFO [section ...]
func infoCommand(c *client) {
	c.addReplyVerbatim(c.server.genRedisInfoString(parseInfoSections(c.argv[1:])), "txt")
}

// infoLines writes lines of format, which are separated by "\n" there and by CRLF in the output.
func infoLines(b *bytes.Buffer, format string, args ...any) {
	fmt.Fprintf(b, strings.ReplaceAll(format, "\n", "\r\n"), args...)
}

func boolToInt(v bool) int {
	if v {
		return 1
	}
	return 0
}

func okOrErr(ok bool) string {
	if ok {
		return "ok"
	}
	return "err"
}

// getSafeInfoString replaces what would break the format of a line.
func getSafeInfoString(s string) string {
	if !strings.ContainsAny(s, "#:\n\r") {
		return s
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("#:\n\r", r) {
			return '_'
		}
		return r
	}, s)
}

// --- Sections ---

func (server *Server) infoServer(b *bytes.Buffer) {
	supervised := "no"
	switch server.supervisedMode {
	case supervisedUpstart:
		supervised = "upstart"
	case supervisedSystemd:
		supervised = "systemd"
	}
	port := server.port
	if port == 0 {
		port = server.tlsPort
	}
	uptime := server.unixtime - server.stat.starttime
	sysname, release, machine := platform.Uname()
	infoLines(b, `# Server
redis_version:%s
redis_git_sha1:%s
redis_git_dirty:0
redis_build_id:%s
redis_mode:%s
os:%s %s %s
arch_bits:%d
monotonic_clock:%s
multiplexing_api:%s
atomicvar_api:sync-atomic
gcc_version:0.0.0
process_id:%d
process_supervised:%s
run_id:%s
tcp_port:%d
server_time_usec:%d
uptime_in_seconds:%d
uptime_in_days:%d
hz:%d
configured_hz:%d
lru_clock:%d
executable:%s
config_file:%s
io_threads_active:%d
`, redisVersion, redisGitSHA1, redisBuildID(), server.modeName(), sysname, release, machine, bits.UintSize, monotonic.InfoString(), server.el.Backend(),
		server.pid, supervised, server.runid, port, server.cachedUstime(), uptime, uptime/(3600*24), server.hz, server.configHz,
		server.lruclock, server.executable, server.configfile, boolToInt(server.ioThreadsNum > 1))
	if server.isShutdownInitiated() {
		infoLines(b, "shutdown_in_milliseconds:%d\n", server.shutdownMstime-server.mstime())
	}
	for i, ln := range server.listeners {
		infoLines(b, "listener%d:%s\n", i, ln.Info())
	}
}

func (server *Server) infoClients(b *bytes.Buffer) {
	maxIn, maxOut := server.getExpansiveClientsInfo()
	watched, blocking, onNokey := 0, 0, 0
	for _, db := range server.db {
		watched += len(db.watchedKeys)
		blocking += len(db.blockingKeys)
		for _, k := range db.blockingKeys {
			if k.unblockOnNokey > 0 {
				onNokey++
			}
		}
	}
	infoLines(b, `# Clients
connected_clients:%d
cluster_connections:0
maxclients:%d
client_recent_max_input_buffer:%d
client_recent_max_output_buffer:%d
blocked_clients:%d
tracking_clients:%d
pubsub_clients:%d
watching_clients:%d
clients_in_timeout_table:%d
total_watched_keys:%d
total_blocking_keys:%d
total_blocking_keys_on_nokey:%d
`, len(server.clients)-len(server.slaves), server.maxclients, maxIn, maxOut, server.blockedClients, server.trackingClients,
		server.pubsubClients, server.watchingClients, server.clientsInTimeoutTable(), watched, blocking, onNokey)
}

// clientsInTimeoutTable is the number of clients that wait, but not for ever.
func (server *Server) clientsInTimeoutTable() int { return len(server.timeoutTable.h) }

func (server *Server) infoMemory(b *bytes.Buffer) {
	used := server.usedMemory()
	// The cron samples the peak: what it has not seen yet counts too.
	server.updatePeakMemory()
	mh := server.getMemoryOverheadData()
	mem := &server.stat.cronMallocStats
	human := func(n int64) string { return util.BytesToHuman(uint64(max(n, 0))) }
	total := int64(platform.TotalSystemMemory())
	scripts, vmEval := mh.evalCaches+mh.functionCaches, server.evalMemory()
	infoLines(b, `# Memory
used_memory:%d
used_memory_human:%s
used_memory_rss:%d
used_memory_rss_human:%s
used_memory_peak:%d
used_memory_peak_human:%s
used_memory_peak_perc:%.2f%%
used_memory_overhead:%d
used_memory_startup:%d
used_memory_dataset:%d
used_memory_dataset_perc:%.2f%%
allocator_allocated:%d
allocator_active:%d
allocator_resident:%d
allocator_muzzy:0
total_system_memory:%d
total_system_memory_human:%s
used_memory_lua:%d
used_memory_vm_eval:%d
used_memory_lua_human:%s
used_memory_scripts_eval:%d
number_of_cached_scripts:%d
number_of_functions:%d
number_of_libraries:%d
used_memory_vm_functions:%d
used_memory_vm_total:%d
used_memory_vm_total_human:%s
used_memory_functions:%d
used_memory_scripts:%d
used_memory_scripts_human:%s
maxmemory:%d
maxmemory_human:%s
maxmemory_policy:%s
allocator_frag_ratio:%.2f
allocator_frag_bytes:%d
allocator_rss_ratio:%.2f
allocator_rss_bytes:%d
rss_overhead_ratio:%.2f
rss_overhead_bytes:%d
mem_fragmentation_ratio:%.2f
mem_fragmentation_bytes:%d
mem_not_counted_for_evict:%d
mem_replication_backlog:%d
mem_total_replication_buffers:%d
mem_replica_full_sync_buffer:%d
mem_clients_slaves:%d
mem_clients_normal:%d
mem_cluster_links:%d
mem_aof_buffer:%d
mem_allocator:%s
mem_overhead_db_hashtable_rehashing:%d
active_defrag_running:0
lazyfree_pending_objects:%d
lazyfreed_objects:%d
`,
		used, human(used), mem.processRss, human(mem.processRss), server.stat.peakMemory, human(server.stat.peakMemory), mh.peakPerc,
		mh.overheadTotal, mh.startupAllocated, mh.dataset, mh.datasetPerc,
		mem.allocatorAllocated, mem.allocatorActive, mem.allocatorResident, total, human(total),
		vmEval, vmEval, human(vmEval), mh.evalCaches, len(server.eval.scripts), len(server.functions.lib.functions),
		len(server.functions.lib.libraries), mh.scriptVMs-vmEval, mh.scriptVMs, human(mh.scriptVMs),
		mh.functionCaches, scripts, human(scripts), server.maxmemory, human(int64(server.maxmemory)), server.evictPolicyToString(),
		mh.allocatorFrag, mh.allocatorFragBytes, mh.allocatorRss, mh.allocatorRssBytes, mh.rssExtra, mh.rssExtraBytes,
		mh.totalFrag, mh.totalFragBytes, server.freeMemoryGetNotCountedMemory(), mh.replBacklog, mh.replBacklog,
		mh.replicaFullsyncBuffer, mh.clientsSlaves, mh.clientsNormal, mh.clusterLinks, mh.aofBuffer, zmalloc.Lib,
		mh.overheadDbHashtableRehashing, server.lazyfreeGetPendingObjectsCount(), server.lazyfreeGetFreedObjectsCount())
}

func (server *Server) infoPersistence(b *bytes.Buffer) {
	var cowPeak, cowSize, keys, total int64
	perc, current := 0.0, int64(-1)
	if job := server.child; job != nil {
		job.lookAtCow()
		cowPeak, cowSize = job.cowPeak, job.cowSize
		if job.snap != nil {
			keys, total = job.keys.Load(), job.snap.keys
		}
		if total > 0 {
			perc = float64(keys) / float64(total) * 100
		}
	}
	if server.childType() == childTypeRDB {
		current = server.ustime()/1e6 - server.rdbSaveTimeStart
	}
	rewriting := int64(-1)
	if server.childType() == childTypeAOF {
		rewriting = server.ustime()/1e6 - server.aofRewriteTimeStart
	}
	infoLines(b, `# Persistence
loading:%d
async_loading:%d
current_cow_peak:%d
current_cow_size:%d
current_cow_size_age:0
current_fork_perc:%.2f
current_save_keys_processed:%d
current_save_keys_total:%d
rdb_changes_since_last_save:%d
rdb_bgsave_in_progress:%d
rdb_last_save_time:%d
rdb_last_bgsave_status:%s
rdb_last_bgsave_time_sec:%d
rdb_current_bgsave_time_sec:%d
rdb_saves:%d
rdb_last_cow_size:%d
rdb_last_load_keys_expired:%d
rdb_last_load_keys_loaded:%d
aof_enabled:%d
aof_rewrite_in_progress:%d
aof_rewrite_scheduled:%d
aof_last_rewrite_time_sec:%d
aof_current_rewrite_time_sec:%d
aof_last_bgrewrite_status:%s
aof_rewrites:%d
aof_rewrites_consecutive_failures:%d
aof_last_write_status:%s
aof_last_cow_size:%d
module_fork_in_progress:0
module_fork_last_cow_size:0
`, boolToInt(server.loading && !server.asyncLoading), boolToInt(server.asyncLoading), cowPeak, cowSize, perc, keys, total,
		server.dirty, boolToInt(server.childType() == childTypeRDB), server.lastsave, okOrErr(server.lastbgsaveStatus), server.rdbSaveTimeLast, current,
		server.stat.rdbSaves, server.stat.rdbCowBytes, server.stat.rdbLastLoadKeysExpired, server.stat.rdbLastLoadKeysLoaded, boolToInt(server.aofState != aofOff), boolToInt(server.childType() == childTypeAOF), boolToInt(server.aofRewriteScheduled), server.aofRewriteTimeLast, rewriting,
		okOrErr(server.aofLastbgrewriteStatus), server.statAofRewrites, server.statAofrwConsecutiveFailures, okOrErr(server.aofError() == nil),
		server.stat.aofCowBytes)
	if server.aofState != aofOff {
		server.infoAppendOnly(b)
	}
	if server.loading {
		server.infoLoading(b)
	}
}

// infoAppendOnly tells of the append-only file while it is on.
func (server *Server) infoAppendOnly(b *bytes.Buffer) {
	infoLines(b, `aof_current_size:%d
aof_base_size:%d
aof_pending_rewrite:%d
aof_buffer_length:%d
aof_pending_bio_fsync:%d
aof_delayed_fsync:%d
`, server.aofCurrentSize, server.aofRewriteBaseSize, boolToInt(server.aofRewriteScheduled), len(server.aofBuf),
		server.bioPendingJobsOfType(bioAofFsync), server.aofDelayedFsync)
}

// infoLoading tells how far the loading of a dataset is.
func (server *Server) infoLoading(b *bytes.Buffer) {
	loaded, remaining, perc := server.loadingLoadedBytes, int64(1), 0.0
	if total := server.loadingTotalBytes; total > 0 {
		perc = float64(loaded) / float64(total) * 100
		remaining = total - loaded
	}
	eta := int64(1) // nothing better is known in the first second
	if elapsed := server.unixtime - server.loadingStartTime; elapsed > 0 {
		eta = elapsed * remaining / (loaded + 1)
	}
	infoLines(b, `loading_start_time:%d
loading_total_bytes:%d
loading_rdb_used_mem:%d
loading_loaded_bytes:%d
loading_loaded_perc:%.2f
loading_eta_seconds:%d
`, server.loadingStartTime, server.loadingTotalBytes, server.loadingRdbUsedMem, loaded, perc, eta)
}

func (server *Server) infoStats(b *bytes.Buffer) {
	s := &server.stat
	var evictionExceeded int64
	if s.lastEvictionExceededTime != 0 {
		evictionExceeded = monotonic.ElapsedUs(s.lastEvictionExceededTime)
	}
	kbps := func(metric int) float32 { return float32(server.getInstantaneousMetric(metric)) / 1024 }
	infoLines(b, `# Stats
total_connections_received:%d
total_commands_processed:%d
instantaneous_ops_per_sec:%d
total_net_input_bytes:%d
total_net_output_bytes:%d
total_net_repl_input_bytes:%d
total_net_repl_output_bytes:%d
instantaneous_input_kbps:%.2f
instantaneous_output_kbps:%.2f
instantaneous_input_repl_kbps:%.2f
instantaneous_output_repl_kbps:%.2f
rejected_connections:%d
sync_full:%d
sync_partial_ok:%d
sync_partial_err:%d
expired_subkeys:%d
expired_keys:%d
expired_stale_perc:%.2f
expired_time_cap_reached_count:%d
expire_cycle_cpu_milliseconds:%d
evicted_keys:%d
evicted_clients:%d
evicted_scripts:%d
total_eviction_exceeded_time:%d
current_eviction_exceeded_time:%d
keyspace_hits:%d
keyspace_misses:%d
pubsub_channels:%d
pubsub_patterns:%d
pubsubshard_channels:%d
latest_fork_usec:%d
total_forks:%d
migrate_cached_sockets:%d
slave_expires_tracked_keys:%d
active_defrag_hits:0
active_defrag_misses:0
active_defrag_key_hits:0
active_defrag_key_misses:0
total_active_defrag_time:0
current_active_defrag_time:0
tracking_total_keys:%d
tracking_total_items:%d
tracking_total_prefixes:%d
unexpected_error_replies:%d
total_error_replies:%d
dump_payload_sanitizations:%d
total_reads_processed:%d
total_writes_processed:%d
io_threaded_reads_processed:%d
io_threaded_writes_processed:%d
client_query_buffer_limit_disconnections:%d
client_output_buffer_limit_disconnections:%d
reply_buffer_shrinks:%d
reply_buffer_expands:%d
eventloop_cycles:%d
eventloop_duration_sum:%d
eventloop_duration_cmd_sum:%d
instantaneous_eventloop_cycles_per_sec:%d
instantaneous_eventloop_duration_usec:%d
acl_access_denied_auth:%d
acl_access_denied_cmd:%d
acl_access_denied_key:%d
acl_access_denied_channel:%d
`, s.numconnections, s.numcommands, server.getInstantaneousMetric(statsMetricCommand),
		s.netInputBytes+s.netReplInputBytes, s.netOutputBytes+s.netReplOutputBytes, s.netReplInputBytes, s.netReplOutputBytes,
		kbps(statsMetricNetInput), kbps(statsMetricNetOutput), kbps(statsMetricNetInputReplication), kbps(statsMetricNetOutputReplication),
		s.rejectedConn, s.syncFull, s.syncPartialOk, s.syncPartialErr,
		s.expiredHashFields, s.expiredkeys, s.expiredStalePerc*100, s.expiredTimeCapReachedCount, s.expireCycleTimeUsed/1000,
		s.evictedkeys, s.evictedclients, s.evictedScripts, (s.totalEvictionExceededTime+evictionExceeded)/1000, evictionExceeded/1000,
		s.keyspaceHits, s.keyspaceMisses, len(server.pubsubChannels), len(server.pubsubPatterns), len(server.pubsubshardChannels),
		s.forkTime, s.totalForks, len(server.migrateCachedSockets), len(server.expireCycle.slaveKeys),
		len(server.tracking.table), server.tracking.items, len(server.tracking.prefixes),
		s.unexpectedErrorReplies, s.totalErrorReplies, s.dumpPayloadSanitizations, s.totalReadsProcessed, s.totalWritesProcessed,
		server.el.Stats.ThreadedReads-s.ioReadsBase, server.el.Stats.ThreadedWrites-s.ioWritesBase, s.clientQbufLimitDisconnections, s.clientOutbufLimitDisconnections,
		s.replyBufferShrinks, s.replyBufferExpands, s.eventloopCycles, s.eventloopDuration, s.cmdDuration/1000,
		server.getInstantaneousMetric(statsMetricElCycle), server.getInstantaneousMetric(statsMetricElDuration),
		s.aclDeniedAuth, s.aclDeniedCmd, s.aclDeniedKey, s.aclDeniedChannel)
}

func (server *Server) infoReplication(b *bytes.Buffer) {
	role := "master"
	if server.masterhost != "" {
		role = "slave"
	}
	infoLines(b, "# Replication\nrole:%s\n", role)
	if server.masterhost != "" {
		infoLines(b, `master_host:%s
master_port:%d
master_link_status:down
master_last_io_seconds_ago:-1
master_sync_in_progress:0
slave_read_repl_offset:%d
slave_repl_offset:%d
replica_full_sync_buffer_size:0
replica_full_sync_buffer_peak:0
master_link_down_since_seconds:-1
slave_priority:%d
slave_read_only:%d
replica_announced:%d
`, server.masterhost, server.masterport, server.masterReplOffset, server.masterReplOffset, server.slavePriority,
			boolToInt(server.replSlaveRo), boolToInt(server.replicaAnnounced))
	}
	infoLines(b, "connected_slaves:%d\n", len(server.slaves))
	if server.replMinSlavesToWrite != 0 && server.replMinSlavesMaxLag != 0 {
		infoLines(b, "min_slaves_good_slaves:0\n")
	}
	infoLines(b, `master_failover_state:no-failover
master_replid:%s
master_replid2:%s
master_repl_offset:%d
second_repl_offset:%d
repl_backlog_active:0
repl_backlog_size:%d
repl_backlog_first_byte_offset:0
repl_backlog_histlen:0
`, server.replid, server.replid2, server.masterReplOffset, server.secondReplidOffset, server.replBacklogSize)
}

func (server *Server) infoCPU(b *bytes.Buffer) {
	self, _ := platform.SelfCPU()
	children, _ := platform.ChildrenCPU()
	thread, perThread := platform.ThreadCPU()
	line := func(name string, d time.Duration) {
		infoLines(b, "%s:%d.%06d\n", name, d/time.Second, d%time.Second/time.Microsecond)
	}
	b.WriteString("# CPU\r\n")
	line("used_cpu_sys", self.Sys)
	line("used_cpu_user", self.User)
	line("used_cpu_sys_children", children.Sys)
	line("used_cpu_user_children", children.User)
	if perThread {
		line("used_cpu_sys_main_thread", thread.Sys)
		line("used_cpu_user_main_thread", thread.User)
	}
}

func (server *Server) infoModules(b *bytes.Buffer) { b.WriteString("# Modules\r\n") }

// eachCommand calls fn for all commands and subcommands, by name.
func eachCommand(table map[string]*redisCommand, fn func(*redisCommand)) {
	for _, cmd := range sortedCommands(table) {
		fn(cmd)
		eachCommand(cmd.subcommands, fn)
	}
}

func (server *Server) infoCommandstats(b *bytes.Buffer) {
	b.WriteString("# Commandstats\r\n")
	eachCommand(server.commands, func(cmd *redisCommand) {
		if cmd.calls == 0 && cmd.failedCalls == 0 && cmd.rejectedCalls == 0 {
			return
		}
		usec := cmd.nanoseconds / 1000
		perCall := float32(0)
		if cmd.calls != 0 {
			perCall = float32(usec) / float32(cmd.calls)
		}
		infoLines(b, "cmdstat_%s:calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d\n",
			getSafeInfoString(cmd.fullname), cmd.calls, usec, perCall, cmd.rejectedCalls, cmd.failedCalls)
	})
}

func (server *Server) infoErrorstats(b *bytes.Buffer) {
	b.WriteString("# Errorstats\r\n")
	for _, code := range slices.Sorted(maps.Keys(server.stat.errors)) {
		infoLines(b, "errorstat_%s:count=%d\n", getSafeInfoString(code), server.stat.errors[code])
	}
}

func (server *Server) infoLatencystats(b *bytes.Buffer) {
	b.WriteString("# Latencystats\r\n")
	if !server.latencyTrackingEnabled {
		return
	}
	eachCommand(server.commands, func(cmd *redisCommand) {
		if cmd.latencyHistogram != nil {
			server.infoPercentiles(b, getSafeInfoString(cmd.fullname), cmd.latencyHistogram)
		}
	})
}

// infoPercentiles writes the percentiles of a command that latency-tracking-info-percentiles names, in us.
func (server *Server) infoPercentiles(b *bytes.Buffer, name string, h *hdr_histogram.Histogram) {
	infoLines(b, "latency_percentiles_usec_%s:", name)
	for i, p := range server.latencyTrackingInfoPercentiles {
		if i > 0 {
			b.WriteByte(',')
		}
		label := util.TrimDoubleString(fmt.Appendf(nil, "%f", p))
		infoLines(b, "p%s=%.3f", label, float64(h.ValueAtPercentile(p))/1000)
	}
	b.WriteString("\r\n")
}

func (server *Server) infoCluster(b *bytes.Buffer) {
	infoLines(b, "# Cluster\ncluster_enabled:%d\n", boolToInt(server.clusterEnabled))
}

func (server *Server) infoKeyspace(b *bytes.Buffer) {
	b.WriteString("# Keyspace\r\n")
	for _, db := range server.db {
		if n := db.keys.Len(); n > 0 {
			infoLines(b, "db%d:keys=%d,expires=%d,avg_ttl=%d,subexpiry=%d\n", db.id, n, db.keys.Expiring(), db.avgTTL, db.subexpires())
		}
	}
}

// keysizesNames are the lines of section keysizes, by type.
var keysizesNames = [objTypeMax]string{
	objString: "distrib_strings_sizes", objList: "distrib_lists_items", objSet: "distrib_sets_items",
	objZset: "distrib_zsets_items", objHash: "distrib_hashes_items",
}

// infoKeysizes shows how many keys of each type have which size, in steps of powers of two: "4=2" are two keys of size 4 to 7.
func (server *Server) infoKeysizes(b *bytes.Buffer) {
	b.WriteString("# Keysizes\r\n")
	for _, db := range server.db {
		if db.keys.Len() == 0 {
			continue
		}
		for typ, name := range keysizesNames {
			if name == "" {
				continue
			}
			sep := ""
			for bin, n := range db.keysizes[typ] {
				if n == 0 {
					continue
				}
				if sep == "" {
					infoLines(b, "db%d_%s:", db.id, name)
				}
				infoLines(b, "%s%s=%d", sep, keysizesBinLabel(bin), n)
				sep = ","
			}
			if sep != "" {
				b.WriteString("\r\n")
			}
		}
	}
}

// keysizesBinLabel is the lowest size in a bin: 0, 1, 2, 4 ... 512, 1K, 2K ... 1M ...
func keysizesBinLabel(bin int) string {
	if bin == 0 {
		return "0"
	}
	log := bin - 1
	return fmt.Sprintf("%d%s", 1<<(log%10), []string{"", "K", "M", "G", "T", "P", "E"}[log/10])
}

func (server *Server) infoDebug(b *bytes.Buffer) {
	s := &server.stat
	infoLines(b, `# Debug
eventloop_duration_aof_sum:%d
eventloop_duration_cron_sum:%d
eventloop_duration_max:%d
eventloop_cmd_per_cycle_max:%d
allocator_allocated_lua:0
allocator_active_lua:0
allocator_resident_lua:0
allocator_frag_bytes_lua:0
`, s.eventloopDurationAof, s.eventloopDurationCron, s.eventloopDurationMax, s.elCmdCntMax)
}
