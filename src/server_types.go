// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"redport/deps/hdr_histogram"
	"redport/deps/lua"
	"redport/src/ae"
	"redport/src/cold"
	"redport/src/commands"
	"redport/src/connection"
	"redport/src/dict"
	"redport/src/epoch"
	"redport/src/kvstore"
	"redport/src/platform"
	"redport/src/quicklist"
	"redport/src/zmalloc"
)

// server_types.go - the types that C Redis declares in server.h: Server, client, redisDb, robj,
// redisCommand, and the constants that go with them.
//
// All state hangs off a *Server. Unless a field says otherwise, it belongs to the main goroutine (the
// one in Server.Run); see doc.go for the list of goroutines and what each may touch.

// Object types. They are part of the RDB format and of OBJECT's and TYPE's replies.
const (
	objString uint8 = iota
	objList
	objSet
	objZset
	objHash
	objModule
	objStream
	objTypeMax
)

// Object encodings, numbered as in Redis.
const (
	objEncodingRaw        uint8 = 0
	objEncodingInt        uint8 = 1
	objEncodingHt         uint8 = 2
	objEncodingZipmap     uint8 = 3
	objEncodingLinkedlist uint8 = 4
	objEncodingZiplist    uint8 = 5
	objEncodingIntset     uint8 = 6
	objEncodingSkiplist   uint8 = 7
	objEncodingEmbstr     uint8 = 8
	objEncodingQuicklist  uint8 = 9
	objEncodingStream     uint8 = 10
	objEncodingListpack   uint8 = 11
	objEncodingListpackEx uint8 = 12
)

// objEncodingEmbstrSizeLimit is the longest string that OBJECT ENCODING calls embstr.
const objEncodingEmbstrSizeLimit = 44

// robj is a value of the keyspace as a command sees it.
//
// For a string it is a view: the bytes (or the number) lie in the keyspace, and the view is valid until
// the next write to the database, or until lookupRing more lookups. For every other type it is the
// value itself, and lives as long as the key does; before a command changes it, lookupKeyWrite makes
// sure that the current epoch owns it.
type robj struct {
	typ      uint8
	encoding uint8
	epoch    uint64 // the epoch that owns a collection's header
	num      int64  // objEncodingInt
	str      []byte // strings of any other encoding
	ptr      any    // a collection's implementation
}

// lookupRing is how many string views of one database are alive at a time.
const lookupRing = 8

// redisDb is one numbered database.
type redisDb struct {
	server *Server // immutable; never nil
	id     int
	keys   *kvstore.Store

	blockingKeys map[string]*blockedKey      // keys with clients waiting for data (BLPOP and the like)
	readyKeys    map[string]struct{}         // keys that were signalled as ready in this turn
	watchedKeys  map[string]map[*client]bool // WATCHed keys: client -> was expired when watched
	avgTTL       int64                       // running average TTL of volatile keys, ms, for INFO
	expireCursor uint64                      // where the active expiry cycle goes on

	views    [lookupRing]robj
	viewNext uint8

	htSlots int // DEBUG DICT-RESIZING 0: the size that tableSlots does not go below

	hiddenKey bool // a lookup has hidden an expired key that stays: addEntry must look again

	keysizes [objTypeMax][keysizesBins]int64 // how many keys of each type have a size of 0, 1, 2-3, 4-7 ...

	hexpires      *dict.Dict // keys of hashes with fields that expire, and when the first does; nil until there is one
	hexpireCursor uint64     // where the active expiry cycle goes on in it
}

// blockedKey is the list of clients that wait for one key, oldest first.
type blockedKey struct {
	db             *redisDb
	name           string
	first, last    *keyWaiter
	unblockOnNokey int // how many of them also wake when the key goes
}

// keyWaiter is one client's place in the list of one key.
type keyWaiter struct {
	c          *client
	key        *blockedKey // nil: it is in no list any more
	prev, next *keyWaiter
	seq        uint64 // grows along the list
}

// Client flags, as bits of client.flags. The bits themselves are ours; their names are Redis's.
const (
	clientSlave uint64 = 1 << iota
	clientMaster
	clientMonitor
	clientMulti
	clientBlocked
	clientDirtyCAS
	clientCloseAfterReply
	clientUnblocked
	clientScript
	clientAsking
	clientCloseASAP
	clientUnixSocket
	clientDirtyExec
	clientMasterForceReply
	clientForceAof
	clientForceRepl
	clientPrePsync
	clientReadonly
	clientPubsub
	clientPreventAofProp
	clientPreventReplProp
	clientPendingWrite
	clientReplyOff
	clientReplySkipNext
	clientReplySkip
	clientLuaDebug
	clientLuaDebugSync
	clientModule
	clientProtected
	clientExecutingCommand
	clientPendingCommand
	clientTracking
	clientTrackingBrokenRedir
	clientTrackingBcast
	clientTrackingOptin
	clientTrackingOptout
	clientTrackingCaching
	clientTrackingNoloop
	clientProtocolError
	clientCloseAfterCommand
	clientDenyBlocking
	clientReplRdbonly
	clientNoEvict
	clientAllowOom
	clientNoTouch
	clientPushing
	clientReprocessingCommand
	clientReplRdbChannel
	clientReplMainChannel
	clientInternal
	clientPreventProp = clientPreventAofProp | clientPreventReplProp
)

// Client types, the classes of client-output-buffer-limit.
const (
	clientTypeNormal = iota
	clientTypeSlave
	clientTypePubsub
	clientTypeMaster
	clientTypeCount         // number of types
	clientTypeObufCount = 3 // types with an output buffer limit
)

// Why a client is blocked (client.bstate.btype).
const (
	blockedNone = iota
	blockedList
	blockedWait
	blockedWaitAof
	blockedModule
	blockedStream
	blockedZset
	blockedPostpone
	blockedShutdown
	blockedLazyfree
	blockedNumTypes
)

// Request types.
const (
	protoReqInline    = 1
	protoReqMultibulk = 2
)

// Protocol and buffer limits.
const (
	protoIobufLen        = 16 * 1024
	protoReplyChunkBytes = 16 * 1024
	protoReplyMinBytes   = 1024
	protoInlineMaxSize   = 64 * 1024
	protoMbulkBigArg     = 32 * 1024
	protoResizeThreshold = 32 * 1024

	// What a client that has not authenticated yet may send.
	unauthMultibulkLimit = 10
	unauthBulkLimit      = 16384
)

// replyNode is one block of a client's reply list.
type replyNode struct {
	buf []byte
}

// client is one connection, or a fake one that executes commands for the AOF loader, scripts and the like.
//
// argv aliases the input buffer: it is valid while the command executes. What outlives it (MULTI's
// queue, blocked clients, SLOWLOG) copies.
type client struct {
	server *Server  // immutable; never nil
	conn   *ae.Conn // nil for a fake client
	id     uint64
	flags  uint64
	resp   int
	db     *redisDb

	name    string
	libName string
	libVer  string

	// The command being executed.
	argv          [][]byte
	cmd           *redisCommand // as executed (a subcommand where there is one)
	lastcmd       *redisCommand
	realcmd       *redisCommand // the command that the client sent, before rewriting
	parsedCmd     *redisCommand // what the parser found argv to name; nil if it did not look
	originalArgv  [][]byte      // argv before it was rewritten or redacted, nil if it was not
	user          *user
	authenticated bool
	slot          int
	duration      int64 // ns spent by the current command so far (blocked commands add up)
	woff          int64 // replication offset behind the client's last command
	replAckOff    int64 // of a replica: how much of the stream it says to have
	replAofOff    int64 // and how much its AOF has

	// Request parsing: positions are relative to the first byte of the command in the input.
	reqtype      uint8
	multibulklen int
	bulklen      int // -1 while the length line of the next argument is not read yet
	parsePos     int
	argPos       []argPosition
	argvLenSum   int64 // bytes of parsed arguments of the pending command
	queryBufPeak int64
	redactArgs   []int         // arguments that logs must not show
	curScript    *luaScript    // what the current EVAL or EVALSHA runs, if that is known already
	curFunction  *functionInfo // the same for FCALL

	// Reply: buf[sentlen:] goes out first, then the list.
	buf              []byte
	sentlen          int
	reply            []replyNode
	replyBytes       int64 // bytes held by the list
	bufPeak          int   // most of buf that was used since bufPeakLastReset
	bufPeakLastReset int64
	listSent         int  // bytes of the first block that are sent
	inData           bool // the client's input is being executed
	inputLen         int  // length of that input
	inputSeen        int  // bytes of the unconsumed input that are counted already
	weighedIn        int  // capacity of the input buffer when the client was last weighed
	deferred         int  // open addReplyDeferredLen, which forbid moving what is behind them

	ctime                    int64 // unix s
	lastInteraction          int64 // unix s
	obufSoftLimitReachedTime int64

	// Memory accounting for client eviction: what was last added to the sums of server and bucket.
	lastMemoryUsage int64
	lastMemoryType  int
	bucketMemUsage  int64
	memUsageBucket  int // -1: none

	bstate              blockingState
	mstate              multiState
	watchedKeys         []watchedKey
	pubsubChannels      subscriptions
	pubsubPatterns      subscriptions
	pubsubshardChannels subscriptions

	// CLIENT TRACKING.
	clientTrackingRedirection uint64
	clientTrackingPrefixes    map[string]struct{}

	peerid, sockname string // cached texts

	index  int  // position in server.clients
	tid    int  // home I/O thread (iothread.go)
	closed bool // freed: nothing may be sent or executed any more
}

// argPosition is one parsed argument of the pending command: its place behind the command's first byte.
type argPosition struct{ off, len int }

// blockingState is what a blocked client waits for.
type blockingState struct {
	btype          int
	timeout        int64 // unix ms; 0: for ever
	unblockOnNokey bool
	keys           []*keyWaiter
	argv           [][]byte // of the command that is executed again
	reploff        int64    // WAIT, WAITAOF: the offset that must be reached
	numreplicas    int64    // by so many replicas
	numlocal       int64    // WAITAOF: and, if 1, by this server's AOF
	timeoutIndex   int      // position in Server.timeoutTable, counted from 1; 0: not there
}

// multiCmd is one queued command of a transaction.
type multiCmd struct {
	argv [][]byte
	cmd  *redisCommand
	slot int
}

type multiState struct {
	commands    []multiCmd
	cmdFlags    uint64
	cmdInvFlags uint64
	argvLenSums int64
}

type watchedKey struct {
	db  *redisDb
	key string
}

// redisCommand is a command as one server runs it: the shared declaration, and what is counted here.
type redisCommand struct {
	*commands.Command
	proc func(c *client)

	// Populated at run time.
	id               int
	fullname         string // "config|get", lower case
	flags            uint64 // Command.Flags plus what is derived
	aclCategories    uint64
	calls            int64
	nanoseconds      int64
	rejectedCalls    int64
	failedCalls      int64
	latencyHistogram *hdr_histogram.Histogram
	subcommands      map[string]*redisCommand // by lower-case name
	parent           *redisCommand
	arity            int
}

type clientBufferLimitsConfig struct {
	hardLimitBytes   uint64
	softLimitBytes   uint64
	softLimitSeconds int64
}

type saveparam struct {
	seconds int64
	changes int
}

// Options is what an embedding program, or cmd/redis-server, decides about a Server before its configuration speaks.
type Options struct {
	Args       []string  // as on redis-server's command line, without the program's name
	Stdin      io.Reader // for a configuration file named "-"; nil: none
	Stdout     io.Writer // where an empty logfile logs to; nil: os.Stdout
	Stderr     io.Writer
	ExecName   string      // argv[0], for INFO and the process title
	FS         platform.FS // where data files live; nil: the system's files
	OwnProcess bool        // the Server may set process-wide things: signals, limits, title, affinity
	Sentinel   bool
}

// memory of a client type, for INFO and client eviction.
type clientMemUsageBucket struct {
	clients     map[*client]struct{}
	memUsageSum int64
}

// Server is one Redis server. Several can live in one process.
type Server struct {
	configFields // one field a directive: config_types.go

	options      Options
	pid          int
	configfile   string // absolute path, "" if none
	executable   string
	execArgv     []string
	fs           platform.FS // data files: dumps, append-only files. Any goroutine
	runid        string
	startTime    time.Time
	sentinelMode bool

	// Memory and snapshots.
	mem   *zmalloc.Allocator
	clock *epoch.Clock

	quicklists   *quicklist.Env // quicklistEnv
	cold         *cold.Packer   // packer
	packTimer    bool           // packCron's timer runs
	packCommands int64          // stat.numcommands when it ran last
	packSaved    int64          // bytes saved and perhaps not given back to the system

	// Event loop and time.
	el                    *ae.Loop
	cronTimer             int64
	unixtime              int64 // cached: s
	cachedMstime          int64 // cached: ms
	cachedMsEnd           int64 // the cachedMono at which cachedMstime is over
	cachedMono            int64 // the monotonic clock, ns, as it was last read
	wallBase              int64 // unix us minus monotonic us: turns the one into the other
	commandTimeSnapshotMs int64 // what commands of one execution unit see as now
	executionNesting      int
	cronloops             int64
	hz                    int
	lruclock              uint32
	shutdownAsap          bool
	shutdownFlags         int
	shutdownMstime        int64
	lastSigReceived       atomic.Int32 // the last signal that asked for a shutdown
	pidfileWritten        bool
	collectorTuned        bool
	tls                   connection.TLS
	tlsAuth               atomic.Int32 // tls-auth-clients, as accepting goroutines see it
	tempFiles             sync.Map     // names of files that a save is writing; any goroutine
	oomScoreAdjBase       int          // what it was before
	oomScoreAdjChanged    bool         // the score is ours at the moment
	activeExpireEnabled   bool         // DEBUG SET-ACTIVE-EXPIRE
	exitCode              int
	stopped               bool
	pauseCron             bool
	inBeforeSleep         bool

	// Turns of the event loop inside a command.
	processingEventsWhileBlocked int
	blockingOpNesting            int
	blockedLastCron              int64 // ms; 0: nothing takes long

	// Scripts.
	script             scriptRunCtx // the one that runs
	eval               evalState
	functions          functionsState
	luaRandom          *lua.Random // one sequence for all interpreters, which it outlives
	ldb                ldbState
	ldbForks           []*ldbFork // forked sessions of the debugger
	preCommandOomState bool       // there was no memory when the command that runs it began

	// Databases.
	db                 []*redisDb
	dirty              int64
	loading            bool
	asyncLoading       bool
	loadingStartTime   int64
	loadingTotalBytes  int64
	loadingLoadedBytes int64
	loadingRdbUsedMem  int64
	lastsave           int64

	// Persistence.
	appendOnlyState
	bio                bioState
	child              *childJob   // the job that C would have a child for, nil: none
	childJobs          []*childJob // all that run
	loopBusy           atomic.Bool // the main goroutine has much to do: jobs make pauses
	loopSpent          int64       // us: what had been spent on events at loopLooked
	loopLooked         int64
	nextChildPid       int
	childEnded         func() // called when a job of server.child's kind has ended: replicas may wait for the next one. May be nil
	dirtyBeforeBgsave  int64
	lastbgsaveTry      int64 // unix s
	lastbgsaveStatus   bool
	rdbSaveTimeLast    int64 // s that the last one took, -1: none yet
	rdbSaveTimeStart   int64 // unix s; -1: none runs
	rdbBgsaveScheduled bool
	rdbChildType       int
	rdbChildDone       func(err error, kind int) // replicas wait for the end of a save. May be nil

	migrateCachedSockets map[string]*migrateSocket // by "host:port"

	// What other parts of the server have to say in RDB files. May be nil.
	replicationSaveInfo    func() *rdbSaveInfo
	restoreReplicationInfo func(info *rdbLoadInfo)    // what the file that was loaded at start says
	feedExpiredKey         func(dbid int, key []byte) // a key had expired by the time it was loaded
	loadingHeartbeat       func()                     // called while a dataset is loaded
	rdbKeyScratch          []byte                     // rdbLoader.key

	// Commands.
	commands      map[string]*redisCommand // by lower-case name
	origCommands  map[string]*redisCommand // the same before rename-command: what ACL rules name
	commandWords  commandTable             // the same, by name packed into words
	nextCommandID int

	// Networking.
	listeners                  []*connection.Listener
	clients                    []*client
	clientsByID                map[uint64]*client
	clientsToClose             []*client
	nextClientID               uint64
	currentClient              *client
	lookahead                  *lookahead // nil while in use
	executingClient            *client
	clientsMemUsage            [clientTypeCount]int64
	clientMemBuckets           []clientMemUsageBucket
	blockedClients             int
	blockedClientsByType       [blockedNumTypes]int
	totalBlockingClients       int
	waiterSeq                  uint64 // of the last keyWaiter
	postponedClients           []*client
	ioThreadClients            []int // by thread: clients at home there
	pausedActions              uint32
	pauseCause                 [pausePurposes]pauseEvent
	timeoutTable               timeoutTable
	monitors                   []*client
	slaves                     []*client
	clientsWaitingAcks         []*client        // in WAIT or WAITAOF
	getAckFromSlaves           bool             // ask the replicas how far they are before the event loop sleeps
	users                      map[string]*user // by name
	aclMemory                  int64            // what the users hold
	defaultUser                *user            // immutable; never nil
	aclLog                     aclLogState
	inDebugEnforceReplyList    bool // DEBUG CLIENT-ENFORCE-REPLY-LIST: replies skip client.buf
	replyBufferPeakResetTime   int64
	replyBufferResizingEnabled bool
	clientPauseInTransaction   bool
	clientsCronIndex           int
	lastSecurityWarning        int64 // unix s
	inHandlingBlockedClients   bool
	inExec                     bool
	pendingPushMessages        []byte   // for the client whose command executes: they follow its reply
	replyBlocks                [][]byte // for reply lists to come
	cronPeak                   clientsPeakMem

	// Pub/sub.
	pubsubChannels      pubsubTable
	pubsubPatterns      pubsubTable
	patterns            patternIndex // of pubsubPatterns
	pubsubshardChannels pubsubTable
	published           publishedMessages
	pubsubClients       int
	watchingClients     int
	trackingClients     int
	tracking            trackingState

	// Key events that modules and keyspace notifications see.
	readyKeys []readyKey

	// Propagation.
	propagateNoMulti   bool
	propagationSinks   []propagationSink
	alsoPropagateOps   []redisOp
	masterReplOffset   int64
	replid, replid2    string // of the replication history, and of the one before it
	secondReplidOffset int64  // up to where replid2 is valid, -1: not at all

	// Slow log, latency, statistics.
	slowlog        []slowlogEntry // newest last
	slowlogEntryID int64
	slowThreshold  int64 // ns: from here on call looks at slow log and latency monitor
	latencyEvents  map[string]*latencyTimeSeries
	stat           serverStats
	prevErrCount   int64 // stat.totalErrorReplies when the current command began
	instMetrics    [statsMetricCount]instMetric

	// Lazy freeing and eviction.
	lazyfreeObjects  int64 // atomic: queued for a background free
	lazyfreedObjects int64 // atomic: freed in the background
	evictionPool     []evictionPoolEntry
	nextEvictDb      int
	evictionTimer    bool // a time event that continues evicting exists
	expireCycle      activeExpireState

	// Buffers that are used again and again, each by one function at a time.
	valueScratch    []byte // entryValue
	scanScratch     []byte // scanReply
	listScratch     []byte // lmoveGenericCommand
	listpackScratch []byte // list.create
	evictScratch    []byte // evictionCandidate
	notifyScratch   []byte // publishKeyspaceEvent
	setScratch      []byte // setEdit
	zsetScratch     []byte // zsetEdit
	sourceSets      []sourceSet
	hashScratch     []byte // hashEdit
	hashNumber      []byte // HINCRBY, HINCRBYFLOAT; expireDueFields
	hashMove        []byte // moveField
	hllScratch      []byte // hllEdit, PFMERGE

	logger logState

	debug debugState
	crash crashState

	rand xorshift

	hllByRegister bool // PFDEBUG SIMD OFF
}

// serverStats are INFO's counters, cleared by CONFIG RESETSTAT where C clears them.
type serverStats struct {
	starttime                                                   int64
	numcommands                                                 int64
	numconnections                                              int64
	expiredkeys                                                 int64
	expiredHashFields                                           int64
	expiredStalePerc                                            float64
	expiredTimeCapReachedCount                                  int64
	expireCycleTimeUsed                                         int64
	evictedkeys                                                 int64
	evictedclients                                              int64
	evictedScripts                                              int64
	totalEvictionExceededTime                                   int64
	lastEvictionExceededTime                                    int64
	keyspaceHits                                                int64
	keyspaceMisses                                              int64
	activeDefragHits                                            int64
	forkTime                                                    int64
	totalForks                                                  int64
	rejectedConn                                                int64
	syncFull, syncPartialOk, syncPartialErr                     int64
	peakMemory                                                  int64
	peakMemoryTime                                              int64
	cronMallocStats                                             mallocStats
	netInputBytes                                               int64
	netOutputBytes                                              int64
	netReplInputBytes                                           int64
	netReplOutputBytes                                          int64
	unexpectedErrorReplies                                      int64
	totalErrorReplies                                           int64
	dumpPayloadSanitizations                                    int64
	totalReadsProcessed                                         int64
	totalWritesProcessed                                        int64
	ioReadsBase, ioWritesBase                                   int64 // of the event loop's counts, at the last reset
	clientQbufLimitDisconnections                               int64
	clientOutbufLimitDisconnections                             int64
	replyBufferShrinks                                          int64
	replyBufferExpands                                          int64
	eventloopCycles                                             int64
	eventloopDuration                                           int64 // us
	eventloopDurationCron                                       int64
	elCmdCntMax                                                 int64
	elCmdCntStart                                               int64
	elStart                                                     int64
	eventloopDurationAof                                        int64
	eventloopDurationMax                                        int64 // us
	cmdDuration                                                 int64
	errors                                                      map[string]int64 // error prefix -> count
	errorsLimitReached                                          bool
	aclDeniedAuth, aclDeniedCmd, aclDeniedKey, aclDeniedChannel int64
	rdbCowBytes, aofCowBytes, currentCowPeak                    int64
	rdbSaves                                                    int64
	rdbLastLoadKeysExpired, rdbLastLoadKeysLoaded               int64
}

// mallocStats is what serverCron samples of the process's memory.
type mallocStats struct {
	zmallocUsed                                            int64
	processRss                                             int64
	allocatorAllocated, allocatorActive, allocatorResident int64
}

// redisOp is one command queued for propagation.
type redisOp struct {
	dbid   int
	argv   [][]byte
	target int
}

const (
	propagateNone = 0
	propagateAof  = 1
	propagateRepl = 2
)

type readyKey struct {
	db  *redisDb
	key string
}

// Instantaneous metrics: rates over the last statsMetricSamples samples.
const (
	statsMetricSamples = 16

	statsMetricCommand = iota - 1
	statsMetricNetInput
	statsMetricNetOutput
	statsMetricNetInputReplication
	statsMetricNetOutputReplication
	statsMetricElCycle
	statsMetricElDuration
	statsMetricCount
)

type instMetric struct {
	lastSampleBase  int64
	lastSampleValue int64
	samples         [statsMetricSamples]int64
	idx             int
}

// Purposes of a pause: each has its own end, and the union decides.
const (
	pauseByClientCommand = iota
	pauseDuringShutdown
	pauseDuringFailover
	pausePurposes
)

// What a pause stops.
const (
	pauseActionClientWrite uint32 = 1 << iota
	pauseActionClientAll
	pauseActionExpire
	pauseActionEvict
	pauseActionReplica

	pauseActionsClientWriteSet = pauseActionClientWrite | pauseActionExpire | pauseActionEvict | pauseActionReplica
	pauseActionsClientAllSet   = pauseActionClientAll | pauseActionExpire | pauseActionEvict | pauseActionReplica
)

type pauseEvent struct {
	actions uint32
	end     int64 // unix ms
}

// Shutdown flags.
const (
	shutdownNoflags = 0
	shutdownSave    = 1
	shutdownNosave  = 2
	shutdownNow     = 4
	shutdownForce   = 8
)

// Units of durations and timeouts.
const (
	unitSeconds = iota
	unitMilliseconds
)
