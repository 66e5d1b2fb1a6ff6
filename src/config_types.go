// SPDX-License-Identifier: BSD-3-Clause

package server

import "golang.org/x/text/collate"

// config_types.go - the part of Server that configuration directives store into.
//
// configFields holds one field a directive, named as in struct redisServer. It is embedded in Server, so
// that code reads server.maxmemory. The fields belong to the main goroutine; a goroutine that needs one
// gets a copy when it is started, or reads an atomic mirror that the directive's apply function writes.
// The table in config_table.go says which directive goes where, its default and its bounds.
//
// Strings have no NULL here: where C tells an unset string from an empty one, both are "" and the
// directive's row says what that means.

// Log levels: server.verbosity, and the first argument of server.log.
const (
	llDebug   = 0
	llVerbose = 1
	llNotice  = 2
	llWarning = 3
	llNothing = 4 // as a loglevel: log nothing at all

)

// hz: calls of serverCron a second.
const (
	configDefaultHz = 10
	configMinHz     = 1
	configMaxHz     = 500
)

// configBindaddrMax is how many addresses bind takes.
const configBindaddrMax = 16

// configMinReservedFds is how many descriptors are kept for files and listeners beside maxclients.
const configMinReservedFds = 32

const configDefaultProcTitleTemplate = "{title} {listen-addr} {server-mode}"

// configReplBacklogMinSize is the least that repl-backlog-size gets.
const configReplBacklogMinSize = 16 * 1024

// supervised.
const (
	supervisedNone       = 0
	supervisedAutodetect = 1
	supervisedSystemd    = 2
	supervisedUpstart    = 3
)

// appendfsync.
const (
	aofFsyncNo       = 0
	aofFsyncAlways   = 1
	aofFsyncEverysec = 2
)

// repl-diskless-load.
const (
	replDisklessLoadDisabled    = 0
	replDisklessLoadWhenDbEmpty = 1
	replDisklessLoadSwapdb      = 2
)

// tls-auth-clients.
const (
	tlsClientAuthNo       = 0
	tlsClientAuthYes      = 1
	tlsClientAuthOptional = 2
)

// sanitize-dump-payload.
const (
	sanitizeDumpNo      = 0
	sanitizeDumpYes     = 1
	sanitizeDumpClients = 2
)

// enable-protected-configs, enable-debug-command, enable-module-command.
const (
	protectedActionAllowedNo    = 0
	protectedActionAllowedYes   = 1
	protectedActionAllowedLocal = 2
)

// oom-score-adj, and the indices of oom-score-adj-values.
const (
	oomScoreAdjNo       = 0
	oomScoreRelative    = 1
	oomScoreAdjAbsolute = 2

	configOomMaster  = 0
	configOomReplica = 1
	configOomBgchild = 2
	configOomCount   = 3
)

// maxmemory-policy: a number of its own above the properties that eviction and the access word look at.
const (
	maxmemoryFlagLru     = 1 << 0
	maxmemoryFlagLfu     = 1 << 1
	maxmemoryFlagAllkeys = 1 << 2

	maxmemoryFlagNoSharedIntegers = maxmemoryFlagLru | maxmemoryFlagLfu

	maxmemoryVolatileLru    = 0<<8 | maxmemoryFlagLru
	maxmemoryVolatileLfu    = 1<<8 | maxmemoryFlagLfu
	maxmemoryVolatileTTL    = 2 << 8
	maxmemoryVolatileRandom = 3 << 8
	maxmemoryAllkeysLru     = 4<<8 | maxmemoryFlagLru | maxmemoryFlagAllkeys
	maxmemoryAllkeysLfu     = 5<<8 | maxmemoryFlagLfu | maxmemoryFlagAllkeys
	maxmemoryAllkeysRandom  = 6<<8 | maxmemoryFlagAllkeys
	maxmemoryNoEviction     = 7 << 8
)

// cluster-preferred-endpoint-type.
const (
	clusterEndpointTypeIP              = 0
	clusterEndpointTypeHostname        = 1
	clusterEndpointTypeUnknownEndpoint = 2
)

// propagation-error-behavior.
const (
	propagationErrBehaviorIgnore          = 0
	propagationErrBehaviorPanic           = 1
	propagationErrBehaviorPanicOnReplicas = 2
)

// syslog-facility: the facility codes of RFC 5424, shifted as syslog(3) wants them.
const (
	logUser   = 1 << 3
	logLocal0 = 16 << 3
	logLocal1 = 17 << 3
	logLocal2 = 18 << 3
	logLocal3 = 19 << 3
	logLocal4 = 20 << 3
	logLocal5 = 21 << 3
	logLocal6 = 22 << 3
	logLocal7 = 23 << 3
)

// notify-keyspace-events: classes of events, by their letter.
const (
	notifyKeyspace = 1 << 0  // K
	notifyKeyevent = 1 << 1  // E
	notifyGeneric  = 1 << 2  // g
	notifyString   = 1 << 3  // $
	notifyList     = 1 << 4  // l
	notifySet      = 1 << 5  // s
	notifyHash     = 1 << 6  // h
	notifyZset     = 1 << 7  // z
	notifyExpired  = 1 << 8  // x
	notifyEvicted  = 1 << 9  // e
	notifyStream   = 1 << 10 // t
	notifyKeyMiss  = 1 << 11 // m, not part of A
	notifyLoaded   = 1 << 12 // a key came from an RDB file; modules only
	notifyModule   = 1 << 13 // d
	notifyNew      = 1 << 14 // n, not part of A

	// A
	notifyAll = notifyGeneric | notifyString | notifyList | notifySet | notifyHash | notifyZset |
		notifyExpired | notifyEvicted | notifyStream | notifyModule
)

// redisTLSContextConfig is what the tls-* directives say about certificates and protocol.
type redisTLSContextConfig struct {
	certFile            string // certificate of the server, and of outgoing links without clientCertFile
	keyFile             string // its private key
	keyFilePass         string // pass phrase of keyFile
	clientCertFile      string // certificate of outgoing links
	clientKeyFile       string // its private key
	clientKeyFilePass   string // pass phrase of clientKeyFile
	dhParamsFile        string // Diffie-Hellman parameters (OpenSSL only; checked, not used)
	caCertFile          string // trusted certificate authorities, one file
	caCertDir           string // trusted certificate authorities, a directory
	protocols           string // "TLSv1.2 TLSv1.3"; "": the defaults
	ciphers             string // cipher list up to TLS 1.2
	ciphersuites        string // cipher suites of TLS 1.3
	preferServerCiphers bool   // the server's order of ciphers counts
	sessionCaching      bool   // resume sessions
	sessionCacheSize    int    // sessions kept, 0: no limit
	sessionCacheTimeout int    // seconds
}

// moduleLoadQueueEntry is one loadmodule line.
type moduleLoadQueueEntry struct {
	path string
	argv []string
}

// sentinelLoadQueueEntry is one sentinel line, without that word.
type sentinelLoadQueueEntry struct {
	argv    []string
	lineNum int
	line    string
}

// configFields are the values of the directives, and what reading them needs to remember.
type configFields struct {
	configs             configIndex // the directives themselves
	readingConfigFile   bool        // lines of a file are being loaded
	saveLoaded          bool        // a save line of a file was seen: it replaced the default
	sentinelConfigQueue []sentinelLoadQueueEntry
	collator            *collate.Collator // order of texts by locale-collate; nil: by bytes

	// General.
	dir                    string // dir: absolute; relative file names are joined to it, the process never changes directory
	dbnum                  int    // databases
	configHz               int    // hz as configured; server.hz is what dynamic-hz made of it
	dynamicHz              bool   // dynamic-hz: raise hz with the number of clients
	activerehashing        bool   // activerehashing: background steps of table maintenance
	activeExpireEffort     int    // active-expire-effort: 1 to 10
	sanitizeDumpPayload    int    // sanitize-dump-payload: sanitizeDump...
	pidfile                string // pidfile
	daemonize              bool   // daemonize
	supervisedMode         int    // supervised: supervised...
	alwaysShowLogo         bool   // always-show-logo: print the logo even if the log is no terminal
	setProcTitle           bool   // set-proc-title
	procTitleTemplate      string // proc-title-template
	ignoreWarnings         string // ignore-warnings: names of start-up checks that only warn
	localeCollate          string // locale-collate: locale for comparing strings, "" from the environment
	disableThp             bool   // disable-thp: switch transparent huge pages off for the process
	useExitOnPanic         bool   // use-exit-on-panic: exit instead of abort
	crashlogEnabled        bool   // crash-log-enabled
	memcheckEnabled        bool   // crash-memcheck-enabled
	watchdogPeriod         int    // watchdog-period: ms, 0 off
	hideUserDataFromLog    bool   // hide-user-data-from-log: no keys, values or arguments in logs and crash reports
	oomScoreAdj            int    // oom-score-adj
	oomScoreAdjValues      [configOomCount]int
	jemallocBgThread       bool   // jemalloc-bg-thread: stored only, there is no jemalloc
	serverCpulist          string // server-cpulist
	bioCpulist             string // bio-cpulist
	aofRewriteCpulist      string // aof-rewrite-cpulist
	bgsaveCpulist          string // bgsave-cpulist
	shutdownTimeout        int    // shutdown-timeout: seconds to wait for replicas
	shutdownOnSigint       int    // shutdown-on-sigint: shutdown... flags, 0 default
	shutdownOnSigterm      int    // shutdown-on-sigterm: the same
	enableProtectedConfigs int    // enable-protected-configs: protectedActionAllowed...
	enableDebugCmd         int    // enable-debug-command: the same
	enableModuleCmd        int    // enable-module-command: the same

	// Modules.
	loadmoduleQueue    []moduleLoadQueueEntry // loadmodule lines, in order
	moduleConfigsQueue []configItem           // directives of modules that are loaded later, in order

	// Networking.
	port                   int      // port: TCP, 0 none
	tlsPort                int      // tls-port: TLS, 0 none
	tcpBacklog             int      // tcp-backlog of listen
	bindaddr               []string // bind: "-" in front means that the address may be missing
	bindSourceAddr         string   // bind-source-addr: source of outgoing connections
	unixsocket             string   // unixsocket: path, "" none
	unixsocketperm         int      // unixsocketperm: mode bits, 0 as the umask has it
	socketMarkID           uint32   // socket-mark-id: SO_MARK and its like
	protectedMode          bool     // protected-mode
	ioThreadsNum           int      // io-threads
	maxNewConnsPerCycle    int      // max-new-connections-per-cycle
	maxNewTLSConnsPerCycle int      // max-new-tls-connections-per-cycle
	maxidletime            int      // timeout: seconds
	tcpkeepalive           int      // tcp-keepalive: seconds
	maxclients             int      // maxclients
	clientMaxQuerybufLen   int64    // client-query-buffer-limit
	protoMaxBulkLen        int64    // proto-max-bulk-len
	clientObufLimits       [clientTypeObufCount]clientBufferLimitsConfig

	// Logging and monitoring.
	verbosity                      int    // loglevel: ll...
	logfile                        string // logfile: "" is standard output
	syslogEnabled                  bool   // syslog-enabled
	syslogIdent                    string // syslog-ident
	syslogFacility                 int    // syslog-facility: log...
	slowlogLogSlowerThan           int64  // slowlog-log-slower-than: us, negative off
	slowlogMaxLen                  int    // slowlog-max-len
	latencyMonitorThreshold        int64  // latency-monitor-threshold: ms, 0 off
	latencyTrackingEnabled         bool   // latency-tracking: a histogram a command
	latencyTrackingInfoPercentiles []float64
	notifyKeyspaceEvents           int // notify-keyspace-events: notify... bits

	// Memory and eviction.
	maxmemory                  uint64 // maxmemory: bytes, 0 no limit
	maxmemoryClients           int64  // maxmemory-clients: bytes, negative a percentage of maxmemory
	maxmemoryPolicy            int    // maxmemory-policy: maxmemory...
	maxmemorySamples           int    // maxmemory-samples
	maxmemoryEvictionTenacity  int    // maxmemory-eviction-tenacity
	lfuLogFactor               int    // lfu-log-factor
	lfuDecayTime               int    // lfu-decay-time: minutes
	lazyfreeLazyEviction       bool   // lazyfree-lazy-eviction
	lazyfreeLazyExpire         bool   // lazyfree-lazy-expire
	lazyfreeLazyServerDel      bool   // lazyfree-lazy-server-del
	lazyfreeLazyUserDel        bool   // lazyfree-lazy-user-del
	lazyfreeLazyUserFlush      bool   // lazyfree-lazy-user-flush
	activeDefragEnabled        bool   // activedefrag: cannot be enabled, there is no fragmentation to undo
	activeDefragIgnoreBytes    int64  // active-defrag-ignore-bytes: stored only, as the next five
	activeDefragThresholdLower int    // active-defrag-threshold-lower
	activeDefragThresholdUpper int    // active-defrag-threshold-upper
	activeDefragCycleMin       int    // active-defrag-cycle-min
	activeDefragCycleMax       int    // active-defrag-cycle-max
	activeDefragMaxScanFields  int64  // active-defrag-max-scan-fields

	// Encodings.
	hashMaxListpackEntries int   // hash-max-listpack-entries
	hashMaxListpackValue   int   // hash-max-listpack-value
	setMaxIntsetEntries    int   // set-max-intset-entries
	setMaxListpackEntries  int   // set-max-listpack-entries
	setMaxListpackValue    int   // set-max-listpack-value
	zsetMaxListpackEntries int   // zset-max-listpack-entries
	zsetMaxListpackValue   int   // zset-max-listpack-value
	hllSparseMaxBytes      int   // hll-sparse-max-bytes
	streamNodeMaxBytes     int   // stream-node-max-bytes
	streamNodeMaxEntries   int64 // stream-node-max-entries
	listMaxListpackSize    int   // list-max-listpack-size: entries, or -1 to -5 a size class
	listCompressDepth      int   // list-compress-depth: nodes at each end that stay uncompressed

	// Client side caching.
	trackingTableMaxKeys int // tracking-table-max-keys

	// AOF.
	aofEnabled                 bool   // appendonly
	aofFsync                   int    // appendfsync: aofFsync...
	aofFilename                string // appendfilename
	aofDirname                 string // appenddirname
	aofNoFsyncOnRewrite        bool   // no-appendfsync-on-rewrite
	aofRewritePerc             int    // auto-aof-rewrite-percentage
	aofRewriteMinSize          int64  // auto-aof-rewrite-min-size
	aofTimestampEnabled        bool   // aof-timestamp-enabled
	aofRewriteIncrementalFsync bool   // aof-rewrite-incremental-fsync
	aofLoadTruncated           bool   // aof-load-truncated
	aofUseRdbPreamble          bool   // aof-use-rdb-preamble
	aofDisableAutoGc           bool   // aof-disable-auto-gc

	// RDB.
	saveparams                        []saveparam // save
	rdbFilename                       string      // dbfilename
	rdbCompression                    bool        // rdbcompression
	rdbChecksum                       bool        // rdbchecksum
	rdbDelSyncFiles                   bool        // rdb-del-sync-files
	rdbSaveIncrementalFsync           bool        // rdb-save-incremental-fsync
	stopWritesOnBgsaveErr             bool        // stop-writes-on-bgsave-error
	rdbKeySaveDelay                   int         // rdb-key-save-delay: us a key, negative a fraction
	keyLoadDelay                      int         // key-load-delay: the same while loading
	loadingProcessEventsIntervalBytes int64       // loading-process-events-interval-bytes

	// Replication, as a master.
	replPingSlavePeriod         int   // repl-ping-replica-period: seconds
	replBacklogSize             int64 // repl-backlog-size
	replBacklogTimeLimit        int64 // repl-backlog-ttl: seconds
	replMinSlavesToWrite        int   // min-replicas-to-write
	replMinSlavesMaxLag         int   // min-replicas-max-lag: seconds
	replDisklessSync            bool  // repl-diskless-sync
	replDisklessSyncDelay       int   // repl-diskless-sync-delay: seconds
	replDisklessSyncMaxReplicas int   // repl-diskless-sync-max-replicas
	replRdbChannel              bool  // repl-rdb-channel: full sync on a connection of its own
	replDisableTCPNodelay       bool  // repl-disable-tcp-nodelay

	// Replication, as a replica.
	masteruser               string // masteruser
	masterauth               string // masterauth
	masterhost               string // replicaof: host, "" for a master
	masterport               int    // replicaof: port
	replTimeout              int    // repl-timeout: seconds
	replServeStaleData       bool   // replica-serve-stale-data
	replSlaveRo              bool   // replica-read-only
	replSlaveIgnoreMaxmemory bool   // replica-ignore-maxmemory
	replSlaveLazyFlush       bool   // replica-lazy-flush
	replDisklessLoad         int    // repl-diskless-load: replDisklessLoad...
	replFullSyncBufferLimit  int64  // replica-full-sync-buffer-limit: 0 as client-output-buffer-limit replica
	replIgnoreDiskWriteError bool   // replica-ignore-disk-write-errors
	slavePriority            int    // replica-priority
	replicaAnnounced         bool   // replica-announced
	slaveAnnouncePort        int    // replica-announce-port
	slaveAnnounceIP          string // replica-announce-ip
	propagationErrorBehavior int    // propagation-error-behavior: propagationErrBehavior...

	// Cluster.
	clusterEnabled                  bool   // cluster-enabled
	clusterPort                     int    // cluster-port: the bus, 0 port + 10000
	clusterNodeTimeout              int64  // cluster-node-timeout: ms
	clusterPingInterval             int64  // cluster-ping-interval: ms, 0 the default
	clusterConfigfile               string // cluster-config-file
	clusterMigrationBarrier         int    // cluster-migration-barrier
	clusterAllowReplicaMigration    bool   // cluster-allow-replica-migration
	clusterSlaveValidityFactor      int    // cluster-replica-validity-factor
	clusterRequireFullCoverage      bool   // cluster-require-full-coverage
	clusterSlaveNoFailover          bool   // cluster-replica-no-failover
	clusterAnnounceIP               string // cluster-announce-ip
	clusterAnnounceHostname         string // cluster-announce-hostname
	clusterAnnounceHumanNodename    string // cluster-announce-human-nodename
	clusterPreferredEndpointType    int    // cluster-preferred-endpoint-type: clusterEndpointType...
	clusterAnnouncePort             int    // cluster-announce-port
	clusterAnnounceTLSPort          int    // cluster-announce-tls-port
	clusterAnnounceBusPort          int    // cluster-announce-bus-port
	clusterAllowReadsWhenDown       bool   // cluster-allow-reads-when-down
	clusterAllowPubsubshardWhenDown bool   // cluster-allow-pubsubshard-when-down
	clusterLinkSendbufLimitBytes    uint64 // cluster-link-sendbuf-limit
	clusterCompatibilitySampleRatio int    // cluster-compatibility-sample-ratio: percent of commands checked

	// Scripting.
	busyReplyThreshold     int64 // busy-reply-threshold: ms
	luaEnableDeprecatedAPI bool  // lua-enable-deprecated-api

	// ACL.
	aclFilename      string     // aclfile
	acllogMaxLen     int        // acllog-max-len
	aclPubsubDefault int        // acl-pubsub-default: 0 or selectorFlagAllchannels, the flag that new selectors start with
	requirepass      string     // requirepass: the default user's password in clear
	usersToLoad      [][]string // user lines, in order: name and rules, for ACLLoadConfiguredUsers

	// TLS.
	tlsCluster     bool // tls-cluster
	tlsReplication bool // tls-replication
	tlsAuthClients int  // tls-auth-clients: tlsClientAuth...
	tlsCtxConfig   redisTLSContextConfig
}
