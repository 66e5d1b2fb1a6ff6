// SPDX-License-Identifier: BSD-3-Clause

// Package commands declares every command of Redport once, in the JSON files beside this one. The server
// (COMMAND, dispatch, ACL, key extraction) and redis-cli (help, hints) read the same tables.
package commands

import (
	"sort"
	"strings"
)

// commands.go - the types of a declaration and the names and bits that it is made of.
//
// A file <name>.json, or <container>-<name>.json for a subcommand, has the layout that Redis uses for its own.
// utils/generate-command-code turns all of them into commands_def.go: literals that the linker lays out, so that
// a start costs nothing. Run `make generate` after an edit; what is wrong in a declaration fails there.
//
// Two things are worked out by the generator and are not in the JSON: the implicit ACL categories (a WRITE
// command is @write, an ADMIN one @admin and @dangerous, what is not @fast is @slow...), and, from the key
// specs, the legacy first/last/step triple with the movablekeys flag where that triple does not tell all keys.
//
// The tables are never written to: several servers of one process share them.

//go:generate go run ../../utils/generate-command-code

// Command flags. The bits are those of C Redis, gaps included.
const (
	CmdWrite                uint64 = 1 << 0
	CmdReadonly             uint64 = 1 << 1
	CmdDenyoom              uint64 = 1 << 2 // refused when over maxmemory
	CmdModule               uint64 = 1 << 3 // made by a module
	CmdAdmin                uint64 = 1 << 4
	CmdPubsub               uint64 = 1 << 5
	CmdNoscript             uint64 = 1 << 6 // not allowed in scripts
	CmdBlocking             uint64 = 1 << 8 // may block the client
	CmdLoading              uint64 = 1 << 9 // allowed while the dataset loads
	CmdStale                uint64 = 1 << 10
	CmdSkipMonitor          uint64 = 1 << 11
	CmdSkipSlowlog          uint64 = 1 << 12
	CmdAsking               uint64 = 1 << 13 // as if ASKING went before
	CmdFast                 uint64 = 1 << 14
	CmdNoAuth               uint64 = 1 << 15 // allowed before authentication
	CmdMayReplicate         uint64 = 1 << 16 // no write command, but it may be propagated
	CmdSentinel             uint64 = 1 << 17 // exists in Sentinel mode too
	CmdOnlySentinel         uint64 = 1 << 18 // exists in Sentinel mode only
	CmdNoMandatoryKeys      uint64 = 1 << 19 // may be called without any key
	CmdProtected            uint64 = 1 << 20 // subject to enable-debug-command or enable-module-command
	CmdModuleGetkeys        uint64 = 1 << 21
	CmdModuleNoCluster      uint64 = 1 << 22
	CmdNoAsyncLoading       uint64 = 1 << 23
	CmdNoMulti              uint64 = 1 << 24
	CmdMovableKeys          uint64 = 1 << 25 // derived: first/last/step misses keys
	CmdAllowBusy            uint64 = 1 << 26 // allowed while a script is over its time limit
	CmdModuleGetchannels    uint64 = 1 << 27
	CmdTouchesArbitraryKeys uint64 = 1 << 28 // may expire keys that it does not name
)

// ACL categories, in the order of ACL CAT.
const (
	ACLCategoryKeyspace uint64 = 1 << iota
	ACLCategoryRead
	ACLCategoryWrite
	ACLCategorySet
	ACLCategorySortedset
	ACLCategoryList
	ACLCategoryHash
	ACLCategoryString
	ACLCategoryBitmap
	ACLCategoryHyperloglog
	ACLCategoryGeo
	ACLCategoryStream
	ACLCategoryPubsub
	ACLCategoryAdmin
	ACLCategoryFast
	ACLCategorySlow
	ACLCategoryBlocking
	ACLCategoryDangerous
	ACLCategoryConnection
	ACLCategoryTransaction
	ACLCategoryScripting
)

// Key spec flags. The first four say what happens to the key, and exactly one of them is set for a real
// key; the next four what happens to the user's data in it.
const (
	CmdKeyRO            uint64 = 1 << 0
	CmdKeyRW            uint64 = 1 << 1
	CmdKeyOW            uint64 = 1 << 2  // overwritten, whatever it held
	CmdKeyRM            uint64 = 1 << 3  // deleted
	CmdKeyAccess        uint64 = 1 << 4  // data is returned or copied
	CmdKeyUpdate        uint64 = 1 << 5  // data is changed, and the new data may depend on the old
	CmdKeyInsert        uint64 = 1 << 6  // data is added, none changed or deleted
	CmdKeyDelete        uint64 = 1 << 7  // data is deleted
	CmdKeyNotKey        uint64 = 1 << 8  // no key at all, but routed like one in a cluster (shard channels)
	CmdKeyIncomplete    uint64 = 1 << 9  // the spec may miss keys
	CmdKeyVariableFlags uint64 = 1 << 10 // the arguments decide which of the flags hold

	CmdKeyFullAccess = CmdKeyRW | CmdKeyAccess | CmdKeyUpdate
)

// Documentation flags.
const (
	CmdDocDeprecated uint64 = 1 << iota
	CmdDocSyscmd            // used by the server's own protocols
)

// Argument flags.
const (
	CmdArgOptional uint64 = 1 << iota
	CmdArgMultiple
	CmdArgMultipleToken // the token is repeated with each value
)

// FlagName names one bit of a set.
type FlagName struct {
	Flag uint64
	Name string
}

// FlagNames are the command flags that COMMAND INFO shows, in its order. May-replicate, the two Sentinel
// flags, protected and touches-arbitrary-keys are internal.
var FlagNames = []FlagName{
	{CmdWrite, "write"},
	{CmdReadonly, "readonly"},
	{CmdDenyoom, "denyoom"},
	{CmdModule, "module"},
	{CmdAdmin, "admin"},
	{CmdPubsub, "pubsub"},
	{CmdNoscript, "noscript"},
	{CmdBlocking, "blocking"},
	{CmdLoading, "loading"},
	{CmdStale, "stale"},
	{CmdSkipMonitor, "skip_monitor"},
	{CmdSkipSlowlog, "skip_slowlog"},
	{CmdAsking, "asking"},
	{CmdFast, "fast"},
	{CmdNoAuth, "no_auth"},
	{CmdNoMandatoryKeys, "no_mandatory_keys"},
	{CmdNoAsyncLoading, "no_async_loading"},
	{CmdNoMulti, "no_multi"},
	{CmdMovableKeys, "movablekeys"},
	{CmdAllowBusy, "allow_busy"},
}

// ACLCategoryNames are the ACL categories, without the @.
var ACLCategoryNames = []FlagName{
	{ACLCategoryKeyspace, "keyspace"},
	{ACLCategoryRead, "read"},
	{ACLCategoryWrite, "write"},
	{ACLCategorySet, "set"},
	{ACLCategorySortedset, "sortedset"},
	{ACLCategoryList, "list"},
	{ACLCategoryHash, "hash"},
	{ACLCategoryString, "string"},
	{ACLCategoryBitmap, "bitmap"},
	{ACLCategoryHyperloglog, "hyperloglog"},
	{ACLCategoryGeo, "geo"},
	{ACLCategoryStream, "stream"},
	{ACLCategoryPubsub, "pubsub"},
	{ACLCategoryAdmin, "admin"},
	{ACLCategoryFast, "fast"},
	{ACLCategorySlow, "slow"},
	{ACLCategoryBlocking, "blocking"},
	{ACLCategoryDangerous, "dangerous"},
	{ACLCategoryConnection, "connection"},
	{ACLCategoryTransaction, "transaction"},
	{ACLCategoryScripting, "scripting"},
}

// KeyFlagNames are the key spec flags as COMMAND INFO and COMMAND GETKEYSANDFLAGS show them.
var KeyFlagNames = []FlagName{
	{CmdKeyRO, "RO"},
	{CmdKeyRW, "RW"},
	{CmdKeyOW, "OW"},
	{CmdKeyRM, "RM"},
	{CmdKeyAccess, "access"},
	{CmdKeyUpdate, "update"},
	{CmdKeyInsert, "insert"},
	{CmdKeyDelete, "delete"},
	{CmdKeyNotKey, "not_key"},
	{CmdKeyIncomplete, "incomplete"},
	{CmdKeyVariableFlags, "variable_flags"},
}

// DocFlagNames are the documentation flags as COMMAND DOCS shows them.
var DocFlagNames = []FlagName{
	{CmdDocDeprecated, "deprecated"},
	{CmdDocSyscmd, "syscmd"},
}

// ArgFlagNames are the argument flags as COMMAND DOCS shows them.
var ArgFlagNames = []FlagName{
	{CmdArgOptional, "optional"},
	{CmdArgMultiple, "multiple"},
	{CmdArgMultipleToken, "multiple_token"},
}

// Group is the chapter of the documentation that a command belongs to.
type Group uint8

const (
	GroupGeneric Group = iota
	GroupString
	GroupList
	GroupSet
	GroupSortedSet
	GroupHash
	GroupPubsub
	GroupTransactions
	GroupConnection
	GroupServer
	GroupScripting
	GroupHyperloglog
	GroupCluster
	GroupSentinel
	GroupGeo
	GroupStream
	GroupBitmap
	GroupModule
)

var groupNames = [...]string{
	"generic", "string", "list", "set", "sorted-set", "hash", "pubsub", "transactions", "connection",
	"server", "scripting", "hyperloglog", "cluster", "sentinel", "geo", "stream", "bitmap", "module",
}

// String is the group's name in COMMAND DOCS.
func (g Group) String() string { return groupNames[g] }

// Command is the declaration of a command or of a subcommand.
type Command struct {
	Name            string // lower case; a subcommand's without its container: "get"
	Fullname        string // "config|get"; equal to Name for a command
	Summary         string // one line
	Complexity      string // "" where there is nothing to say
	Since           string
	DocFlags        uint64
	ReplacedBy      string
	DeprecatedSince string
	Group           Group
	History         []Change
	Tips            []string
	Function        string // the Go (and C) function; "" for a container that has only subcommands
	GetKeysFunction string // finds the keys where KeySpecs cannot or are not exact; "" if none is needed
	Arity           int    // with the name, and the container's name; negative: at least
	Flags           uint64
	ACLCategories   uint64 // implicit ones included
	KeySpecs        []KeySpec
	FirstKey        int // legacy triple, as COMMAND INFO shows it; all 0 without keys
	LastKey         int // negative: counted from the end
	KeyStep         int
	Args            []Arg
	Subcommands     []*Command
}

// Change is one line of a command's history.
type Change struct{ Since, Text string }

// How a key spec finds the first key.
const (
	BeginSearchUnknown = iota // only GetKeysFunction can tell
	BeginSearchIndex          // at a fixed position
	BeginSearchKeyword        // behind a keyword
)

// How a key spec goes on from the first key.
const (
	FindKeysUnknown = iota
	FindKeysRange   // a range of positions
	FindKeysKeynum  // a count among the arguments
)

// KeySpec says where some of the keys of a command are, and what is done to them.
type KeySpec struct {
	Notes       string
	Flags       uint64
	BeginSearch BeginSearch
	FindKeys    FindKeys
}

// BeginSearch finds the argument from which FindKeys counts.
type BeginSearch struct {
	Type      uint8
	Index     int    // BeginSearchIndex
	Keyword   string // BeginSearchKeyword
	StartFrom int    // BeginSearchKeyword: position to look from; negative: from the end, backwards
}

// FindKeys finds the keys, given the position that BeginSearch yields.
type FindKeys struct {
	Type uint8
	// FindKeysRange: the last key is that many positions behind the first, or, where negative, counted from
	// the last argument (-1); with -1, a Limit of n stops after 1/n of the arguments that are left.
	LastKey int
	Limit   int
	// FindKeysKeynum: where the count and the first key are, behind the position found.
	KeynumIdx int
	FirstKey  int
	KeyStep   int // both types
}

// ArgType is the type of an argument.
type ArgType uint8

const (
	ArgTypeString ArgType = iota
	ArgTypeInteger
	ArgTypeDouble
	ArgTypeKey
	ArgTypePattern
	ArgTypeUnixTime
	ArgTypePureToken // stands for itself, and has no value
	ArgTypeOneof     // exactly one of Args
	ArgTypeBlock     // all of Args in their order
)

var argTypeNames = [...]string{"string", "integer", "double", "key", "pattern", "unix-time", "pure-token", "oneof", "block"}

// String is the type's name in COMMAND DOCS.
func (t ArgType) String() string { return argTypeNames[t] }

// Arg is an argument of a command, or a group of them.
type Arg struct {
	Name            string
	Type            ArgType
	Display         string // shown to users in place of Name where not empty
	KeySpecIndex    int    // index in Command.KeySpecs; -1: no key
	Token           string // keyword that goes before the value
	EmptyToken      bool   // the token is the empty string (MIGRATE's in place of a key)
	Since           string
	DeprecatedSince string
	Flags           uint64
	Args            []Arg // of ArgTypeOneof and ArgTypeBlock
}

// DisplayText is what users see for the argument's value.
func (a *Arg) DisplayText() string {
	if a.Display != "" {
		return a.Display
	}
	return a.Name
}

// HasToken tells whether the argument has a token, be it an empty one.
func (a *Arg) HasToken() bool { return a.Token != "" || a.EmptyToken }

// ACLCategoryByName finds the bit of an ACL category by its name in any case, without the @; 0: there is none.
func ACLCategoryByName(name []byte) uint64 {
	for i := range ACLCategoryNames {
		if equalFold(name, ACLCategoryNames[i].Name) {
			return ACLCategoryNames[i].Flag
		}
	}
	return 0
}

// equalFold compares a name with one in lower-case letters.
func equalFold(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, ch := range name {
		if ch >= 'A' && ch <= 'Z' {
			ch += 'a' - 'A'
		}
		if ch != lower[i] {
			return false
		}
	}
	return true
}

// Lookup finds a declaration by its lower-case full name ("get", "config|get"); nil: there is none.
func Lookup(fullname string) *Command {
	name, sub, isSub := strings.Cut(fullname, "|")
	cmd := search(Table, name)
	if cmd == nil || !isSub {
		return cmd
	}
	return search(cmd.Subcommands, sub)
}

// search finds a name in a list that is sorted by name.
func search(list []*Command, name string) *Command {
	i := sort.Search(len(list), func(i int) bool { return list[i].Name >= name })
	if i < len(list) && list[i].Name == name {
		return list[i]
	}
	return nil
}
