// SPDX-License-Identifier: BSD-3-Clause

package server

import "math"

// config_table.go - the table of directives: a row each, with everything that is special about it.
//
// Defaults, bounds and flags are those of Redis 8.0.6, and CONFIG GET's defaults are checked against a
// recording of it. A row reads: name, flags, what the value may be, field, default, and a check where one
// is needed; then come its other name (aka) and what a change has to do (onApply).

// Enumerations: the names of the values, in the order in which errors list them. Those of a directive
// that takes several go from the most bits to the fewest.
var (
	maxmemoryPolicyEnum = []configEnum{
		{"volatile-lru", maxmemoryVolatileLru},
		{"volatile-lfu", maxmemoryVolatileLfu},
		{"volatile-random", maxmemoryVolatileRandom},
		{"volatile-ttl", maxmemoryVolatileTTL},
		{"allkeys-lru", maxmemoryAllkeysLru},
		{"allkeys-lfu", maxmemoryAllkeysLfu},
		{"allkeys-random", maxmemoryAllkeysRandom},
		{"noeviction", maxmemoryNoEviction},
	}
	syslogFacilityEnum = []configEnum{
		{"user", logUser},
		{"local0", logLocal0},
		{"local1", logLocal1},
		{"local2", logLocal2},
		{"local3", logLocal3},
		{"local4", logLocal4},
		{"local5", logLocal5},
		{"local6", logLocal6},
		{"local7", logLocal7},
	}
	loglevelEnum = []configEnum{
		{"debug", llDebug},
		{"verbose", llVerbose},
		{"notice", llNotice},
		{"warning", llWarning},
		{"nothing", llNothing},
	}
	supervisedModeEnum = []configEnum{
		{"upstart", supervisedUpstart},
		{"systemd", supervisedSystemd},
		{"auto", supervisedAutodetect},
		{"no", supervisedNone},
	}
	aofFsyncEnum = []configEnum{
		{"everysec", aofFsyncEverysec},
		{"always", aofFsyncAlways},
		{"no", aofFsyncNo},
	}
	shutdownOnSigEnum = []configEnum{
		{"default", shutdownNoflags},
		{"save", shutdownSave},
		{"nosave", shutdownNosave},
		{"now", shutdownNow},
		{"force", shutdownForce},
	}
	replDisklessLoadEnum = []configEnum{
		{"disabled", replDisklessLoadDisabled},
		{"on-empty-db", replDisklessLoadWhenDbEmpty},
		{"swapdb", replDisklessLoadSwapdb},
	}
	tlsAuthClientsEnum = []configEnum{
		{"no", tlsClientAuthNo},
		{"yes", tlsClientAuthYes},
		{"optional", tlsClientAuthOptional},
	}
	oomScoreAdjEnum = []configEnum{
		{"no", oomScoreAdjNo},
		{"yes", oomScoreRelative},
		{"relative", oomScoreRelative},
		{"absolute", oomScoreAdjAbsolute},
	}
	aclPubsubDefaultEnum = []configEnum{
		{"allchannels", selectorFlagAllchannels},
		{"resetchannels", 0},
	}
	sanitizeDumpPayloadEnum = []configEnum{
		{"no", sanitizeDumpNo},
		{"yes", sanitizeDumpYes},
		{"clients", sanitizeDumpClients},
	}
	protectedActionEnum = []configEnum{
		{"no", protectedActionAllowedNo},
		{"yes", protectedActionAllowedYes},
		{"local", protectedActionAllowedLocal},
	}
	clusterPreferredEndpointTypeEnum = []configEnum{
		{"ip", clusterEndpointTypeIP},
		{"hostname", clusterEndpointTypeHostname},
		{"unknown-endpoint", clusterEndpointTypeUnknownEndpoint},
	}
	propagationErrorBehaviorEnum = []configEnum{
		{"ignore", propagationErrBehaviorIgnore},
		{"panic", propagationErrBehaviorPanic},
		{"panic-on-replicas", propagationErrBehaviorPanicOnReplicas},
	}
)

// Bounds, by the names of limits.h on a 64-bit system.
const (
	intMin   = math.MinInt32
	intMax   = math.MaxInt32
	uintMax  = math.MaxUint32
	longMax  = math.MaxInt64
	llongMax = math.MaxInt64
)

// Whether an empty string is a value.
const (
	allowEmptyString  = false
	emptyStringIsNull = true
)

// --- Rows ---

func boolConfig(name string, flags configFlags, field *bool, def bool, isValid ...func(bool) error) *standardConfig {
	v := &boolValue{field: field, def: def}
	if len(isValid) > 0 {
		v.isValid = isValid[0]
	}
	return &standardConfig{name: name, flags: flags, value: v}
}

func stringConfig(name string, flags configFlags, emptyIsNull bool, field *string, def string, isValid ...func(string) error) *standardConfig {
	v := &stringDirective{field: field, def: def, emptyIsNull: emptyIsNull}
	if len(isValid) > 0 {
		v.isValid = isValid[0]
	}
	return &standardConfig{name: name, flags: flags, value: v}
}

// sdsConfig is a string that may hold NULs.
func sdsConfig(name string, flags configFlags, emptyIsNull bool, field *string, def string, isValid ...func(string) error) *standardConfig {
	conf := stringConfig(name, flags, emptyIsNull, field, def, isValid...)
	conf.value.(*stringDirective).binary = true
	return conf
}

func enumConfig(name string, flags configFlags, enum []configEnum, field *int, def int, isValid ...func(int) error) *standardConfig {
	v := &enumValue{field: field, enum: enum, def: def}
	if len(isValid) > 0 {
		v.isValid = isValid[0]
	}
	return &standardConfig{name: name, flags: flags, value: v}
}

func numericConfig[T int | int64 | uint64 | uint32](name string, flags configFlags, lower, upper int64, field *T, def int64, numFlags numericFlags) *standardConfig {
	v := &numericValue[T]{field: field, lower: lower, upper: upper, def: def, flags: numFlags}
	return &standardConfig{name: name, flags: flags, value: v}
}

func specialConfig(name string, flags configFlags, v *specialValue) *standardConfig {
	return &standardConfig{name: name, flags: flags, value: v}
}

func (conf *standardConfig) aka(alias string) *standardConfig {
	conf.alias = alias
	return conf
}

func (conf *standardConfig) onApply(apply *configApply) *standardConfig {
	conf.apply = apply
	return conf
}

// configTable lists the directives of this server.
func (server *Server) configTable() []*standardConfig {
	call := func(fn func() error) *configApply { return &configApply{fn} }
	const modifiable, immutable = modifiableConfig, immutableConfig

	// Directives that share what has to be done.
	oomScoreAdj := call(server.updateOOMScoreAdj)
	accepts := call(server.updateAccepts)
	slowLimits := call(server.updateSlowLimits)
	tlsCfg := call(server.applyTLSCfg)
	tls := &server.tlsCtxConfig

	return []*standardConfig{
		// Yes or no.
		boolConfig("rdbchecksum", immutable, &server.rdbChecksum, true),
		boolConfig("daemonize", immutable, &server.daemonize, false),
		boolConfig("always-show-logo", immutable, &server.alwaysShowLogo, false),
		boolConfig("protected-mode", modifiable, &server.protectedMode, true),
		boolConfig("rdbcompression", modifiable, &server.rdbCompression, true),
		boolConfig("rdb-del-sync-files", modifiable, &server.rdbDelSyncFiles, false),
		boolConfig("activerehashing", modifiable, &server.activerehashing, true),
		boolConfig("stop-writes-on-bgsave-error", modifiable, &server.stopWritesOnBgsaveErr, true),
		boolConfig("set-proc-title", immutable, &server.setProcTitle, true),
		boolConfig("dynamic-hz", modifiable, &server.dynamicHz, true),
		boolConfig("lazyfree-lazy-eviction", debugConfig|modifiable, &server.lazyfreeLazyEviction, false),
		boolConfig("lazyfree-lazy-expire", debugConfig|modifiable, &server.lazyfreeLazyExpire, false),
		boolConfig("lazyfree-lazy-server-del", debugConfig|modifiable, &server.lazyfreeLazyServerDel, false),
		boolConfig("lazyfree-lazy-user-del", debugConfig|modifiable, &server.lazyfreeLazyUserDel, false),
		boolConfig("lazyfree-lazy-user-flush", debugConfig|modifiable, &server.lazyfreeLazyUserFlush, false),
		boolConfig("repl-disable-tcp-nodelay", modifiable, &server.replDisableTCPNodelay, false),
		boolConfig("repl-diskless-sync", debugConfig|modifiable, &server.replDisklessSync, true),
		boolConfig("repl-rdb-channel", modifiable|hiddenConfig, &server.replRdbChannel, true),
		boolConfig("aof-rewrite-incremental-fsync", modifiable, &server.aofRewriteIncrementalFsync, true),
		boolConfig("no-appendfsync-on-rewrite", modifiable, &server.aofNoFsyncOnRewrite, false),
		boolConfig("cluster-require-full-coverage", modifiable, &server.clusterRequireFullCoverage, true),
		boolConfig("rdb-save-incremental-fsync", modifiable, &server.rdbSaveIncrementalFsync, true),
		boolConfig("aof-load-truncated", modifiable, &server.aofLoadTruncated, true),
		boolConfig("aof-use-rdb-preamble", modifiable, &server.aofUseRdbPreamble, true),
		boolConfig("aof-timestamp-enabled", modifiable, &server.aofTimestampEnabled, false),
		boolConfig("cluster-replica-no-failover", modifiable, &server.clusterSlaveNoFailover, false).aka("cluster-slave-no-failover"),
		boolConfig("replica-lazy-flush", modifiable, &server.replSlaveLazyFlush, false).aka("slave-lazy-flush"),
		boolConfig("replica-serve-stale-data", modifiable, &server.replServeStaleData, true).aka("slave-serve-stale-data"),
		boolConfig("replica-read-only", debugConfig|modifiable, &server.replSlaveRo, true).aka("slave-read-only"),
		boolConfig("replica-ignore-maxmemory", modifiable, &server.replSlaveIgnoreMaxmemory, true).aka("slave-ignore-maxmemory"),
		boolConfig("jemalloc-bg-thread", modifiable, &server.jemallocBgThread, true),
		boolConfig("activedefrag", debugConfig|modifiable, &server.activeDefragEnabled, false, isValidActiveDefrag),
		boolConfig("syslog-enabled", immutable, &server.syslogEnabled, false),
		boolConfig("cluster-enabled", immutable, &server.clusterEnabled, false),
		boolConfig("appendonly", modifiable, &server.aofEnabled, false).onApply(call(server.updateAppendonly)),
		boolConfig("cluster-allow-reads-when-down", modifiable, &server.clusterAllowReadsWhenDown, false),
		boolConfig("cluster-allow-pubsubshard-when-down", modifiable, &server.clusterAllowPubsubshardWhenDown, true),
		boolConfig("crash-log-enabled", modifiable, &server.crashlogEnabled, true),
		boolConfig("crash-memcheck-enabled", modifiable, &server.memcheckEnabled, true),
		boolConfig("use-exit-on-panic", modifiable|hiddenConfig, &server.useExitOnPanic, false),
		boolConfig("disable-thp", immutable, &server.disableThp, true),
		boolConfig("cluster-allow-replica-migration", modifiable, &server.clusterAllowReplicaMigration, true),
		boolConfig("replica-announced", modifiable, &server.replicaAnnounced, true),
		boolConfig("latency-tracking", modifiable, &server.latencyTrackingEnabled, true),
		boolConfig("aof-disable-auto-gc", modifiable|hiddenConfig, &server.aofDisableAutoGc, false),
		boolConfig("replica-ignore-disk-write-errors", modifiable, &server.replIgnoreDiskWriteError, false),
		boolConfig("hide-user-data-from-log", modifiable, &server.hideUserDataFromLog, false),
		boolConfig("lua-enable-deprecated-api", immutable|hiddenConfig, &server.luaEnableDeprecatedAPI, false),

		// Texts.
		stringConfig("aclfile", immutable, allowEmptyString, &server.aclFilename, ""),
		stringConfig("unixsocket", immutable, emptyStringIsNull, &server.unixsocket, ""),
		stringConfig("pidfile", immutable, emptyStringIsNull, &server.pidfile, ""),
		stringConfig("replica-announce-ip", modifiable, emptyStringIsNull, &server.slaveAnnounceIP, "").aka("slave-announce-ip"),
		stringConfig("masteruser", modifiable|sensitiveConfig, emptyStringIsNull, &server.masteruser, ""),
		stringConfig("cluster-announce-ip", modifiable, emptyStringIsNull, &server.clusterAnnounceIP, ""),
		stringConfig("cluster-config-file", immutable, allowEmptyString, &server.clusterConfigfile, "nodes.conf"),
		stringConfig("cluster-announce-hostname", modifiable, emptyStringIsNull, &server.clusterAnnounceHostname, "", isValidAnnouncedHostname),
		sdsConfig("cluster-announce-human-nodename", modifiable, emptyStringIsNull, &server.clusterAnnounceHumanNodename, "", isValidAnnouncedNodename),
		stringConfig("syslog-ident", immutable, allowEmptyString, &server.syslogIdent, "redis"),
		stringConfig("dbfilename", modifiable|protectedConfig, allowEmptyString, &server.rdbFilename, "dump.rdb", isValidDBfilename),
		stringConfig("appendfilename", immutable, allowEmptyString, &server.aofFilename, "appendonly.aof", isValidAOFfilename),
		stringConfig("appenddirname", immutable, allowEmptyString, &server.aofDirname, "appendonlydir", isValidAOFdirname),
		stringConfig("server-cpulist", immutable, emptyStringIsNull, &server.serverCpulist, "").aka("server_cpulist"),
		stringConfig("bio-cpulist", immutable, emptyStringIsNull, &server.bioCpulist, "").aka("bio_cpulist"),
		stringConfig("aof-rewrite-cpulist", immutable, emptyStringIsNull, &server.aofRewriteCpulist, "").aka("aof_rewrite_cpulist"),
		stringConfig("bgsave-cpulist", immutable, emptyStringIsNull, &server.bgsaveCpulist, "").aka("bgsave_cpulist"),
		stringConfig("ignore-warnings", modifiable, allowEmptyString, &server.ignoreWarnings, ""),
		stringConfig("proc-title-template", modifiable, allowEmptyString, &server.procTitleTemplate, configDefaultProcTitleTemplate, server.isValidProcTitleTemplate).onApply(call(server.updateProcTitleTemplate)),
		stringConfig("bind-source-addr", modifiable, emptyStringIsNull, &server.bindSourceAddr, ""),
		stringConfig("logfile", immutable, allowEmptyString, &server.logfile, ""),
		stringConfig("locale-collate", modifiable, allowEmptyString, &server.localeCollate, "").onApply(call(server.updateLocaleCollate)),
		sdsConfig("masterauth", modifiable|sensitiveConfig, emptyStringIsNull, &server.masterauth, ""),
		sdsConfig("requirepass", modifiable|sensitiveConfig, emptyStringIsNull, &server.requirepass, "").onApply(call(server.updateRequirePass)),

		// One, or some, of a list.
		enumConfig("supervised", immutable, supervisedModeEnum, &server.supervisedMode, supervisedNone),
		enumConfig("syslog-facility", immutable, syslogFacilityEnum, &server.syslogFacility, logLocal0),
		enumConfig("repl-diskless-load", debugConfig|modifiable|denyLoadingConfig, replDisklessLoadEnum, &server.replDisklessLoad, replDisklessLoadDisabled),
		enumConfig("loglevel", modifiable, loglevelEnum, &server.verbosity, llNotice),
		enumConfig("maxmemory-policy", modifiable, maxmemoryPolicyEnum, &server.maxmemoryPolicy, maxmemoryNoEviction),
		enumConfig("appendfsync", modifiable, aofFsyncEnum, &server.aofFsync, aofFsyncEverysec).onApply(call(server.updateAppendFsync)),
		enumConfig("oom-score-adj", modifiable, oomScoreAdjEnum, &server.oomScoreAdj, oomScoreAdjNo).onApply(oomScoreAdj),
		enumConfig("acl-pubsub-default", modifiable, aclPubsubDefaultEnum, &server.aclPubsubDefault, 0),
		enumConfig("sanitize-dump-payload", debugConfig|modifiable, sanitizeDumpPayloadEnum, &server.sanitizeDumpPayload, sanitizeDumpNo),
		enumConfig("enable-protected-configs", immutable, protectedActionEnum, &server.enableProtectedConfigs, protectedActionAllowedNo),
		enumConfig("enable-debug-command", immutable, protectedActionEnum, &server.enableDebugCmd, protectedActionAllowedNo),
		enumConfig("enable-module-command", immutable, protectedActionEnum, &server.enableModuleCmd, protectedActionAllowedNo),
		enumConfig("cluster-preferred-endpoint-type", modifiable, clusterPreferredEndpointTypeEnum, &server.clusterPreferredEndpointType, clusterEndpointTypeIP),
		enumConfig("propagation-error-behavior", modifiable, propagationErrorBehaviorEnum, &server.propagationErrorBehavior, propagationErrBehaviorIgnore),
		enumConfig("shutdown-on-sigint", modifiable|multiArgConfig, shutdownOnSigEnum, &server.shutdownOnSigint, 0, isValidShutdownOnSigFlags),
		enumConfig("shutdown-on-sigterm", modifiable|multiArgConfig, shutdownOnSigEnum, &server.shutdownOnSigterm, 0, isValidShutdownOnSigFlags),

		// Numbers.
		numericConfig("databases", immutable, 1, intMax, &server.dbnum, 16, integerConfig),
		numericConfig("port", modifiable, 0, 65535, &server.port, 6379, integerConfig).onApply(call(server.updatePort)),
		numericConfig("io-threads", debugConfig|immutable, 1, 128, &server.ioThreadsNum, 1, integerConfig),
		numericConfig("auto-aof-rewrite-percentage", modifiable, 0, intMax, &server.aofRewritePerc, 100, integerConfig),
		numericConfig("cluster-replica-validity-factor", modifiable, 0, intMax, &server.clusterSlaveValidityFactor, 10, integerConfig).aka("cluster-slave-validity-factor"),
		numericConfig("list-max-listpack-size", modifiable, intMin, intMax, &server.listMaxListpackSize, -2, integerConfig).aka("list-max-ziplist-size"),
		numericConfig("tcp-keepalive", modifiable, 0, intMax, &server.tcpkeepalive, 300, integerConfig),
		numericConfig("cluster-migration-barrier", modifiable, 0, intMax, &server.clusterMigrationBarrier, 1, integerConfig),
		numericConfig("active-defrag-cycle-min", modifiable, 1, 99, &server.activeDefragCycleMin, 1, integerConfig),
		numericConfig("active-defrag-cycle-max", modifiable, 1, 99, &server.activeDefragCycleMax, 25, integerConfig),
		numericConfig("active-defrag-threshold-lower", modifiable, 0, 1000, &server.activeDefragThresholdLower, 10, integerConfig),
		numericConfig("active-defrag-threshold-upper", modifiable, 0, 1000, &server.activeDefragThresholdUpper, 100, integerConfig),
		numericConfig("lfu-log-factor", modifiable, 0, intMax, &server.lfuLogFactor, 10, integerConfig),
		numericConfig("lfu-decay-time", modifiable, 0, intMax, &server.lfuDecayTime, 1, integerConfig),
		numericConfig("replica-priority", modifiable, 0, intMax, &server.slavePriority, 100, integerConfig).aka("slave-priority"),
		numericConfig("repl-diskless-sync-delay", modifiable, 0, intMax, &server.replDisklessSyncDelay, 5, integerConfig),
		numericConfig("maxmemory-samples", modifiable, 1, 64, &server.maxmemorySamples, 5, integerConfig),
		numericConfig("maxmemory-eviction-tenacity", modifiable, 0, 100, &server.maxmemoryEvictionTenacity, 10, integerConfig),
		numericConfig("timeout", modifiable, 0, intMax, &server.maxidletime, 0, integerConfig),
		numericConfig("replica-announce-port", modifiable, 0, 65535, &server.slaveAnnouncePort, 0, integerConfig).aka("slave-announce-port"),
		numericConfig("tcp-backlog", immutable, 0, intMax, &server.tcpBacklog, 511, integerConfig),
		numericConfig("cluster-port", immutable, 0, 65535, &server.clusterPort, 0, integerConfig),
		numericConfig("cluster-announce-bus-port", modifiable, 0, 65535, &server.clusterAnnounceBusPort, 0, integerConfig),
		numericConfig("cluster-announce-port", modifiable, 0, 65535, &server.clusterAnnouncePort, 0, integerConfig),
		numericConfig("cluster-announce-tls-port", modifiable, 0, 65535, &server.clusterAnnounceTLSPort, 0, integerConfig),
		numericConfig("repl-timeout", modifiable, 1, intMax, &server.replTimeout, 60, integerConfig),
		numericConfig("repl-ping-replica-period", modifiable, 1, intMax, &server.replPingSlavePeriod, 10, integerConfig).aka("repl-ping-slave-period"),
		numericConfig("list-compress-depth", debugConfig|modifiable, 0, intMax, &server.listCompressDepth, 0, integerConfig),
		numericConfig("rdb-key-save-delay", modifiable|hiddenConfig, intMin, intMax, &server.rdbKeySaveDelay, 0, integerConfig).onApply(call(server.applyKeySaveDelay)),
		numericConfig("key-load-delay", modifiable|hiddenConfig, intMin, intMax, &server.keyLoadDelay, 0, integerConfig),
		numericConfig("active-expire-effort", modifiable, 1, 10, &server.activeExpireEffort, 1, integerConfig),
		numericConfig("hz", modifiable, 0, intMax, &server.configHz, configDefaultHz, integerConfig).onApply(call(server.updateHZ)),
		numericConfig("min-replicas-to-write", modifiable, 0, intMax, &server.replMinSlavesToWrite, 0, integerConfig).aka("min-slaves-to-write"),
		numericConfig("min-replicas-max-lag", modifiable, 0, intMax, &server.replMinSlavesMaxLag, 10, integerConfig).aka("min-slaves-max-lag"),
		numericConfig("watchdog-period", modifiable|hiddenConfig, 0, intMax, &server.watchdogPeriod, 0, integerConfig).onApply(call(server.updateWatchdogPeriod)),
		numericConfig("shutdown-timeout", modifiable, 0, intMax, &server.shutdownTimeout, 10, integerConfig),
		numericConfig("repl-diskless-sync-max-replicas", modifiable, 0, intMax, &server.replDisklessSyncMaxReplicas, 0, integerConfig),
		numericConfig("cluster-compatibility-sample-ratio", modifiable, 0, 100, &server.clusterCompatibilitySampleRatio, 0, integerConfig),
		numericConfig("max-new-connections-per-cycle", modifiable, 1, 1000, &server.maxNewConnsPerCycle, 10, integerConfig).onApply(accepts),
		numericConfig("max-new-tls-connections-per-cycle", modifiable, 1, 1000, &server.maxNewTLSConnsPerCycle, 1, integerConfig).onApply(accepts),
		numericConfig("maxclients", modifiable, 1, uintMax, &server.maxclients, 10000, unsignedConfig).onApply(call(server.updateMaxclients)),
		numericConfig("unixsocketperm", immutable, 0, 0o777, &server.unixsocketperm, 0, octalConfig|unsignedConfig),
		numericConfig("socket-mark-id", immutable, 0, uintMax, &server.socketMarkID, 0, unsignedConfig),
		numericConfig("active-defrag-max-scan-fields", modifiable, 1, longMax, &server.activeDefragMaxScanFields, 1000, integerConfig),
		numericConfig("slowlog-max-len", modifiable, 0, longMax, &server.slowlogMaxLen, 128, integerConfig),
		numericConfig("acllog-max-len", modifiable, 0, longMax, &server.acllogMaxLen, 128, integerConfig),
		numericConfig("busy-reply-threshold", modifiable, 0, longMax, &server.busyReplyThreshold, 5000, integerConfig).aka("lua-time-limit"),
		numericConfig("cluster-node-timeout", modifiable, 0, llongMax, &server.clusterNodeTimeout, 15000, integerConfig),
		numericConfig("cluster-ping-interval", modifiable|hiddenConfig, 0, llongMax, &server.clusterPingInterval, 0, integerConfig),
		numericConfig("slowlog-log-slower-than", modifiable, -1, llongMax, &server.slowlogLogSlowerThan, 10000, integerConfig).onApply(slowLimits),
		numericConfig("latency-monitor-threshold", modifiable, 0, llongMax, &server.latencyMonitorThreshold, 0, integerConfig).onApply(slowLimits),
		numericConfig("proto-max-bulk-len", debugConfig|modifiable, 1024*1024, longMax, &server.protoMaxBulkLen, 512*1024*1024, memoryConfig),
		numericConfig("stream-node-max-entries", modifiable, 0, llongMax, &server.streamNodeMaxEntries, 100, integerConfig),
		numericConfig("repl-backlog-size", modifiable, 1, llongMax, &server.replBacklogSize, 1024*1024, memoryConfig).onApply(call(server.updateReplBacklogSize)),
		numericConfig("replica-full-sync-buffer-limit", modifiable, 0, llongMax, &server.replFullSyncBufferLimit, 0, memoryConfig),
		numericConfig("maxmemory", modifiable, 0, ullongMax, &server.maxmemory, 0, memoryConfig|unsignedConfig).onApply(call(server.updateMaxmemory)),
		numericConfig("cluster-link-sendbuf-limit", modifiable, 0, ullongMax, &server.clusterLinkSendbufLimitBytes, 0, memoryConfig|unsignedConfig),
		numericConfig("hash-max-listpack-entries", modifiable, 0, longMax, &server.hashMaxListpackEntries, 512, unsignedConfig).aka("hash-max-ziplist-entries"),
		numericConfig("set-max-intset-entries", modifiable, 0, longMax, &server.setMaxIntsetEntries, 512, unsignedConfig),
		numericConfig("set-max-listpack-entries", modifiable, 0, longMax, &server.setMaxListpackEntries, 128, unsignedConfig),
		numericConfig("set-max-listpack-value", modifiable, 0, longMax, &server.setMaxListpackValue, 64, unsignedConfig),
		numericConfig("zset-max-listpack-entries", modifiable, 0, longMax, &server.zsetMaxListpackEntries, 128, unsignedConfig).aka("zset-max-ziplist-entries"),
		numericConfig("active-defrag-ignore-bytes", modifiable, 1, llongMax, &server.activeDefragIgnoreBytes, 100<<20, memoryConfig|unsignedConfig),
		numericConfig("hash-max-listpack-value", modifiable, 0, longMax, &server.hashMaxListpackValue, 64, memoryConfig|unsignedConfig).aka("hash-max-ziplist-value"),
		numericConfig("stream-node-max-bytes", modifiable, 0, longMax, &server.streamNodeMaxBytes, 4096, memoryConfig|unsignedConfig),
		numericConfig("zset-max-listpack-value", modifiable, 0, longMax, &server.zsetMaxListpackValue, 64, memoryConfig|unsignedConfig).aka("zset-max-ziplist-value"),
		numericConfig("hll-sparse-max-bytes", modifiable, 0, longMax, &server.hllSparseMaxBytes, 3000, memoryConfig|unsignedConfig),
		numericConfig("tracking-table-max-keys", modifiable, 0, longMax, &server.trackingTableMaxKeys, 1000000, unsignedConfig),
		numericConfig("client-query-buffer-limit", debugConfig|modifiable, 1024*1024, longMax, &server.clientMaxQuerybufLen, 1024*1024*1024, memoryConfig|unsignedConfig),
		numericConfig("maxmemory-clients", modifiable, -100, longMax, &server.maxmemoryClients, 0, memoryConfig|percentConfig).onApply(call(server.applyClientMaxMemoryUsage)),
		numericConfig("repl-backlog-ttl", modifiable, 0, longMax, &server.replBacklogTimeLimit, 60*60, integerConfig),
		numericConfig("auto-aof-rewrite-min-size", modifiable, 0, llongMax, &server.aofRewriteMinSize, 64*1024*1024, memoryConfig),
		numericConfig("loading-process-events-interval-bytes", modifiable|hiddenConfig, 1024, intMax, &server.loadingProcessEventsIntervalBytes, 512*1024, integerConfig),

		// TLS.
		numericConfig("tls-port", modifiable, 0, 65535, &server.tlsPort, 0, integerConfig).onApply(call(server.applyTLSPort)),
		numericConfig("tls-session-cache-size", modifiable, 0, intMax, &tls.sessionCacheSize, 20*1024, integerConfig).onApply(tlsCfg),
		numericConfig("tls-session-cache-timeout", modifiable, 0, intMax, &tls.sessionCacheTimeout, 300, integerConfig).onApply(tlsCfg),
		boolConfig("tls-cluster", modifiable, &server.tlsCluster, false).onApply(tlsCfg),
		boolConfig("tls-replication", modifiable, &server.tlsReplication, false).onApply(tlsCfg),
		enumConfig("tls-auth-clients", modifiable, tlsAuthClientsEnum, &server.tlsAuthClients, tlsClientAuthYes).onApply(call(server.updateTLSAuthClients)),
		boolConfig("tls-prefer-server-ciphers", modifiable, &tls.preferServerCiphers, false).onApply(tlsCfg),
		boolConfig("tls-session-caching", modifiable, &tls.sessionCaching, true).onApply(tlsCfg),
		stringConfig("tls-cert-file", volatileConfig|modifiable, emptyStringIsNull, &tls.certFile, "").onApply(tlsCfg),
		stringConfig("tls-key-file", volatileConfig|modifiable, emptyStringIsNull, &tls.keyFile, "").onApply(tlsCfg),
		stringConfig("tls-key-file-pass", modifiable|sensitiveConfig, emptyStringIsNull, &tls.keyFilePass, "").onApply(tlsCfg),
		stringConfig("tls-client-cert-file", volatileConfig|modifiable, emptyStringIsNull, &tls.clientCertFile, "").onApply(tlsCfg),
		stringConfig("tls-client-key-file", volatileConfig|modifiable, emptyStringIsNull, &tls.clientKeyFile, "").onApply(tlsCfg),
		stringConfig("tls-client-key-file-pass", modifiable|sensitiveConfig, emptyStringIsNull, &tls.clientKeyFilePass, "").onApply(tlsCfg),
		stringConfig("tls-dh-params-file", volatileConfig|modifiable, emptyStringIsNull, &tls.dhParamsFile, "").onApply(tlsCfg),
		stringConfig("tls-ca-cert-file", volatileConfig|modifiable, emptyStringIsNull, &tls.caCertFile, "").onApply(tlsCfg),
		stringConfig("tls-ca-cert-dir", volatileConfig|modifiable, emptyStringIsNull, &tls.caCertDir, "").onApply(tlsCfg),
		stringConfig("tls-protocols", modifiable, emptyStringIsNull, &tls.protocols, "").onApply(tlsCfg),
		stringConfig("tls-ciphers", modifiable, emptyStringIsNull, &tls.ciphers, "").onApply(tlsCfg),
		stringConfig("tls-ciphersuites", modifiable, emptyStringIsNull, &tls.ciphersuites, "").onApply(tlsCfg),

		// Values with a form of their own.
		specialConfig("dir", modifiable|protectedConfig|denyLoadingConfig, server.dirValue()),
		specialConfig("save", modifiable|multiArgConfig, server.saveValue()),
		specialConfig("client-output-buffer-limit", modifiable|multiArgConfig, server.clientOutputBufferLimitValue()),
		specialConfig("oom-score-adj-values", modifiable|multiArgConfig, server.oomScoreAdjValuesValue()).onApply(oomScoreAdj),
		specialConfig("notify-keyspace-events", modifiable, server.notifyKeyspaceEventsValue()),
		specialConfig("bind", modifiable|multiArgConfig, server.bindValue()).onApply(call(server.applyBind)),
		specialConfig("replicaof", immutable|multiArgConfig, server.replicaOfValue()).aka("slaveof"),
		specialConfig("latency-tracking-info-percentiles", modifiable|multiArgConfig, server.latencyTrackingInfoPercentilesValue()),
	}
}
