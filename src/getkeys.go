// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math"

	"redport/src/commands"
	"redport/src/util"
)

// getkeys.go - which arguments of a command are keys, and what the command does to each of them. ACL, the cluster,
// client side caching and COMMAND GETKEYS live off it.
//
// A command says where its keys are by key specs: data that clients read too. Some commands hide keys where no
// spec can point (SORT's STORE), or do to them what only the other arguments tell (SET with GET); those also
// declare a get_keys_function, which is at the end of this file.
//
// The functions append to the slice that they are given and return it, so that a caller with an array on its
// stack allocates nothing. Arguments are never trusted: a count of keys that does not fit the arguments yields
// no keys, and the command itself will refuse it.
//
// Counterpart: the second half of db.c.

// keyReference is the position of a key (or of a channel) in argv, with CmdKey (or cmdChannel) flags.
type keyReference struct {
	pos   int
	flags uint64
}

// How getKeysUsingKeySpecs searches.
const (
	getKeyspecDefault        = 0
	getKeyspecIncludeNotKeys = 1 << 0 // what is only routed like a key (shard channels) counts as one
	getKeyspecReturnPartial  = 1 << 1 // skip invalid and incomplete specs, keep what others yield
)

// Flags of getChannelsFromCommand's results. They lie above the key spec flags.
const (
	cmdChannelPattern uint64 = 1 << (11 + iota)
	cmdChannelSubscribe
	cmdChannelUnsubscribe
	cmdChannelPublish
)

// getAllKeySpecsFlags collects the flags of all key specs; inverted, the flags that at least one spec lacks.
func (cmd *redisCommand) getAllKeySpecsFlags(invert bool) (flags uint64) {
	for i := range cmd.KeySpecs {
		if invert {
			flags |= ^cmd.KeySpecs[i].Flags
		} else {
			flags |= cmd.KeySpecs[i].Flags
		}
	}
	return flags
}

// hasKeySpec tells whether at least one key spec points to real keys.
func (cmd *redisCommand) hasKeySpec() bool {
	return cmd.getAllKeySpecsFlags(true)&commands.CmdKeyNotKey != 0
}

// doesCommandHaveKeys tells whether the command may have keys at all.
func (cmd *redisCommand) doesCommandHaveKeys() bool {
	return cmd.GetKeysFunction != "" || cmd.flags&commands.CmdModuleGetkeys != 0 || cmd.hasKeySpec()
}

// getKeysUsingKeySpecs finds the keys by the key specs alone. With ok false, a spec did not fit the arguments or
// admits that it may miss keys, and nothing was appended.
func (cmd *redisCommand) getKeysUsingKeySpecs(argv [][]byte, searchFlags int, keys []keyReference) (_ []keyReference, ok bool) {
	before := len(keys)
	for i := range cmd.KeySpecs {
		spec := &cmd.KeySpecs[i]
		if spec.Flags&commands.CmdKeyNotKey != 0 && searchFlags&getKeyspecIncludeNotKeys == 0 {
			continue
		}
		first, last, step, found := keySpecRange(spec, argv)
		if found && first == 0 {
			continue // its keyword is not among the arguments
		}
		if found {
			for pos := first; pos <= last; pos += step {
				keys = append(keys, keyReference{pos, spec.Flags})
			}
		}
		if (!found || spec.Flags&commands.CmdKeyIncomplete != 0) && searchFlags&getKeyspecReturnPartial == 0 {
			return keys[:before], false
		}
	}
	return keys, true
}

// keySpecRange works out the range of keys that a spec describes: first 0 where its keyword is missing, ok false
// where it cannot tell or the range leaves the arguments. Else 0 < first <= last < len(argv), or last is first-1 where
// all arguments from first on are keys, and there are none: PFMERGE with its destination only. (C gives up on such a command, so that ACLs
// do not protect that destination.)
func keySpecRange(spec *commands.KeySpec, argv [][]byte) (first, last, step int, ok bool) {
	argc := len(argv)
	switch b := &spec.BeginSearch; b.Type {
	case commands.BeginSearchIndex:
		first = b.Index
	case commands.BeginSearchKeyword:
		if first = findKeyword(argv, b.Keyword, b.StartFrom); first == 0 {
			return 0, 0, 0, true
		}
	default:
		return 0, 0, 0, false
	}
	f := &spec.FindKeys
	switch f.Type {
	case commands.FindKeysRange:
		switch {
		case f.LastKey >= 0:
			last = first + f.LastKey
		case f.Limit == 0:
			last = argc + f.LastKey
		default:
			last = first + (argc-first)/f.Limit + f.LastKey
		}
	case commands.FindKeysKeynum:
		if first+f.KeynumIdx >= argc {
			return 0, 0, 0, false
		}
		n, isNumber := util.String2ll(argv[first+f.KeynumIdx])
		if !isNumber || n < 0 || n > int64(argc) {
			return 0, 0, 0, false
		}
		first += f.FirstKey
		last = first + (int(n)-1)*f.KeyStep
	default:
		return 0, 0, 0, false
	}
	if first == argc && f.Type == commands.FindKeysRange && f.LastKey < 0 && f.Limit == 0 {
		return first, last, f.KeyStep, true
	}
	if first >= argc || last >= argc || last < first {
		return 0, 0, 0, false
	}
	return first, last, f.KeyStep, true
}

// findKeyword returns the position behind a keyword, 0 if there is none. It looks from startFrom on; where that is
// negative, it counts from the end and the search goes backwards. The last argument looked at is never the
// keyword: nothing could follow it.
func findKeyword(argv [][]byte, keyword string, startFrom int) int {
	argc := len(argv)
	i, end, step := startFrom, argc-1, 1
	if startFrom < 0 {
		i, end = argc+startFrom, 1
		if i > end {
			step = -1
		}
	}
	for ; i != end && i >= 1 && i < argc; i += step {
		if equalFold(argv[i], keyword) {
			return i + 1
		}
	}
	return 0
}

// getKeysFromCommandWithSpecs finds the keys with their flags. Key specs come first; where they are not enough, or
// say that the flags depend on the arguments, the command's own function answers. None found can mean that the
// arguments are wrong.
func (cmd *redisCommand) getKeysFromCommandWithSpecs(argv [][]byte, searchFlags int, keys []keyReference) []keyReference {
	if cmd.hasKeySpec() && cmd.getAllKeySpecsFlags(false)&commands.CmdKeyVariableFlags == 0 {
		if found, ok := cmd.getKeysUsingKeySpecs(argv, searchFlags, keys); ok {
			return found
		}
	}
	if cmd.GetKeysFunction != "" {
		return callGetkeysProc(cmd.GetKeysFunction, argv, keys)
	}
	return keys
}

// getKeysFromCommand finds the positions of the keys, for callers that need no flags: the flags of the result
// may be missing.
func (cmd *redisCommand) getKeysFromCommand(argv [][]byte, keys []keyReference) []keyReference {
	if cmd.GetKeysFunction != "" {
		return callGetkeysProc(cmd.GetKeysFunction, argv, keys)
	}
	return cmd.getKeysUsingLegacyRangeSpec(argv, keys)
}

// getKeysUsingLegacyRangeSpec finds the positions of the keys by the first/last/step triple. An argument list
// that is too short for it has no keys.
func (cmd *redisCommand) getKeysUsingLegacyRangeSpec(argv [][]byte, keys []keyReference) []keyReference {
	if cmd.FirstKey == 0 {
		return keys
	}
	last := cmd.LastKey
	if last < 0 {
		last += len(argv)
	}
	if last >= len(argv) {
		return keys
	}
	for pos := cmd.FirstKey; pos <= last; pos += cmd.KeyStep {
		keys = append(keys, keyReference{pos: pos})
	}
	return keys
}

// channelSpec says which arguments of a command are channels: all from the first on, or only that one.
func (cmd *redisCommand) channelSpec() (flags uint64, all bool) {
	switch cmd.Fullname {
	case "subscribe", "ssubscribe":
		return cmdChannelSubscribe, true
	case "unsubscribe", "sunsubscribe":
		return cmdChannelUnsubscribe, true
	case "psubscribe":
		return cmdChannelPattern | cmdChannelSubscribe, true
	case "punsubscribe":
		return cmdChannelPattern | cmdChannelUnsubscribe, true
	case "publish", "spublish":
		return cmdChannelPublish, false
	}
	return 0, false
}

// doesCommandHaveChannelsWithFlags tells whether the command may access channels in one of the ways of flags.
func (cmd *redisCommand) doesCommandHaveChannelsWithFlags(flags uint64) bool {
	if cmd.flags&commands.CmdModuleGetchannels != 0 {
		return true
	}
	has, _ := cmd.channelSpec()
	return has&flags != 0
}

// getChannelsFromCommand finds the channels and channel patterns, with how they are accessed.
func (cmd *redisCommand) getChannelsFromCommand(argv [][]byte, channels []keyReference) []keyReference {
	flags, all := cmd.channelSpec()
	if flags == 0 || len(argv) < 2 {
		return channels
	}
	last := 1
	if all {
		last = len(argv) - 1
	}
	for pos := 1; pos <= last; pos++ {
		channels = append(channels, keyReference{pos, flags})
	}
	return channels
}

// --- get_keys_functions ---
//
// Those of commands whose specs are complete are asked for positions only, and leave the flags 0.

// genericGetKeys serves COMMAND [destination] numkeys key [key ...] [options]: storeKeyOfs (0: none), keyCountOfs
// and firstKeyOfs are the positions of the three.
func genericGetKeys(storeKeyOfs, keyCountOfs, firstKeyOfs int, argv [][]byte, keys []keyReference) []keyReference {
	if keyCountOfs >= len(argv) {
		return keys
	}
	n := int(atoi(argv[keyCountOfs]))
	if n < 1 || n > len(argv)-firstKeyOfs {
		return keys
	}
	for i := range n {
		keys = append(keys, keyReference{pos: firstKeyOfs + i})
	}
	if storeKeyOfs != 0 {
		keys = append(keys, keyReference{pos: storeKeyOfs})
	}
	return keys
}

// atoi reads a number as C's atoi does: blanks before it and anything behind it are ignored, and what does not
// fit loses its upper half.
func atoi(s []byte) int32 {
	i := 0
	for i < len(s) && (s[i] == ' ' || s[i] >= '\t' && s[i] <= '\r') {
		i++
	}
	negative := i < len(s) && s[i] == '-'
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	var n int64
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		digit := int64(s[i] - '0')
		if n > (math.MaxInt64-digit)/10 {
			if negative {
				return 0 // of math.MinInt64
			}
			return -1 // of math.MaxInt64
		}
		n = n*10 + digit
	}
	if negative {
		n = -n
	}
	return int32(n)
}

func sintercardGetKeys(argv [][]byte, keys []keyReference) []keyReference {
	return genericGetKeys(0, 1, 2, argv, keys)
}

func zunionInterDiffStoreGetKeys(argv [][]byte, keys []keyReference) []keyReference {
	return genericGetKeys(1, 2, 3, argv, keys)
}

func zunionInterDiffGetKeys(argv [][]byte, keys []keyReference) []keyReference {
	return genericGetKeys(0, 1, 2, argv, keys)
}

func evalGetKeys(argv [][]byte, keys []keyReference) []keyReference {
	return genericGetKeys(0, 2, 3, argv, keys)
}

func functionGetKeys(argv [][]byte, keys []keyReference) []keyReference {
	return genericGetKeys(0, 2, 3, argv, keys)
}

func lmpopGetKeys(argv [][]byte, keys []keyReference) []keyReference {
	return genericGetKeys(0, 1, 2, argv, keys)
}

func blmpopGetKeys(argv [][]byte, keys []keyReference) []keyReference {
	return genericGetKeys(0, 2, 3, argv, keys)
}

func zmpopGetKeys(argv [][]byte, keys []keyReference) []keyReference {
	return genericGetKeys(0, 1, 2, argv, keys)
}

// sortROGetKeys: what BY and GET patterns read depends on the data, so only the sorted key itself is known.
func sortROGetKeys(argv [][]byte, keys []keyReference) []keyReference {
	if len(argv) < 2 {
		return keys
	}
	return append(keys, keyReference{1, commands.CmdKeyRO | commands.CmdKeyAccess})
}

// sortGetKeys finds STORE's key too, the last one if there are several, as SORT does.
func sortGetKeys(argv [][]byte, keys []keyReference) []keyReference {
	keys = sortROGetKeys(argv, keys)
	store := 0
	for i := 2; i < len(argv); i++ {
		// Options that take arguments hide them from the search.
		switch arg := argv[i]; {
		case equalFold(arg, "LIMIT"):
			i += 2
		case equalFold(arg, "GET"), equalFold(arg, "BY"):
			i++
		case equalFold(arg, "STORE") && i+1 < len(argv):
			store = i + 1
		}
	}
	if store != 0 {
		keys = append(keys, keyReference{store, commands.CmdKeyOW | commands.CmdKeyUpdate})
	}
	return keys
}

// migrateGetKeys: one key as third argument, or an empty one there and any number behind KEYS.
func migrateGetKeys(argv [][]byte, keys []keyReference) []keyReference {
	if len(argv) < 4 {
		return keys
	}
	first, last := 3, 3
search:
	for i := 6; i < len(argv); i++ {
		switch arg := argv[i]; {
		case equalFold(arg, "AUTH"):
			i++
		case equalFold(arg, "AUTH2"):
			i += 2
		case equalFold(arg, "KEYS"):
			if len(argv[3]) > 0 {
				return keys // a syntax error, which MIGRATE reports
			}
			first, last = i+1, len(argv)-1
			break search
		}
	}
	for pos := first; pos <= last; pos++ {
		keys = append(keys, keyReference{pos, commands.CmdKeyRW | commands.CmdKeyAccess | commands.CmdKeyDelete})
	}
	return keys
}

// georadiusGetKeys finds the key, and the last of those behind STORE and STOREDIST, which is the one that counts.
func georadiusGetKeys(argv [][]byte, keys []keyReference) []keyReference {
	if len(argv) < 2 {
		return keys
	}
	keys = append(keys, keyReference{pos: 1})
	store := 0
	for i := 5; i+1 < len(argv); i++ {
		if equalFold(argv[i], "STORE") || equalFold(argv[i], "STOREDIST") {
			i++
			store = i
		}
	}
	if store != 0 {
		keys = append(keys, keyReference{pos: store})
	}
	return keys
}

// xreadGetKeys goes through the options of XREAD and XREADGROUP up to STREAMS, because a group or a key may have
// that name as well. Behind it come as many keys as IDs.
func xreadGetKeys(argv [][]byte, keys []keyReference) []keyReference {
	for i := 1; i < len(argv); i++ {
		switch arg := argv[i]; {
		case equalFold(arg, "BLOCK"), equalFold(arg, "COUNT"):
			i++
		case equalFold(arg, "GROUP"):
			i += 2
		case equalFold(arg, "NOACK"):
		case equalFold(arg, "STREAMS"):
			n := len(argv) - i - 1
			if n%2 != 0 {
				return keys
			}
			for pos := i + 1; pos <= i+n/2; pos++ {
				keys = append(keys, keyReference{pos: pos})
			}
			return keys
		default:
			return keys
		}
	}
	return keys
}

// setGetKeys: SET with GET reads the key as well.
func setGetKeys(argv [][]byte, keys []keyReference) []keyReference {
	if len(argv) < 2 {
		return keys
	}
	for i := 3; i < len(argv); i++ {
		if equalFold(argv[i], "GET") {
			return append(keys, keyReference{1, commands.CmdKeyRW | commands.CmdKeyAccess | commands.CmdKeyUpdate})
		}
	}
	return append(keys, keyReference{1, commands.CmdKeyOW | commands.CmdKeyUpdate})
}

// bitfieldGetKeys: BITFIELD only reads when all its operations are GETs. Whatever is not understood counts as a write.
func bitfieldGetKeys(argv [][]byte, keys []keyReference) []keyReference {
	if len(argv) < 2 {
		return keys
	}
	flags := commands.CmdKeyRO | commands.CmdKeyAccess
	for i := 2; i < len(argv); i++ {
		left := len(argv) - i - 1
		switch arg := argv[i]; {
		case equalFold(arg, "GET") && left >= 2:
			i += 2
			continue
		case equalFold(arg, "OVERFLOW") && left >= 1:
			i++
			continue
		}
		flags = commands.CmdKeyRW | commands.CmdKeyAccess | commands.CmdKeyUpdate
		break
	}
	return append(keys, keyReference{1, flags})
}
