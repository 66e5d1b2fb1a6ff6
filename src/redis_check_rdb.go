// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"redport/src/dict"
	"redport/src/rio"
)

// redis_check_rdb.go - redis-check-rdb: reading an RDB file to see whether it is right, and telling where it is not.
//
// It is a program (the server's binary under that name), and what the server does when it fails to load a file. Values are really
// made, one after the other, because that is what finds everything that is wrong with them.
//
// Counterpart: redis-check-rdb.c.

// What a check was about to do when it found an error.
const (
	rdbCheckDoingStart           = "start"
	rdbCheckDoingReadType        = "read-type"
	rdbCheckDoingReadExpire      = "read-expire"
	rdbCheckDoingReadKey         = "read-key"
	rdbCheckDoingReadObjectValue = "read-object-value"
	rdbCheckDoingCheckSum        = "check-sum"
	rdbCheckDoingReadLen         = "read-len"
	rdbCheckDoingReadAux         = "read-aux"
	rdbCheckDoingReadModuleAux   = "read-module-aux"
	rdbCheckDoingReadFunctions   = "read-functions"
)

// rdbTypeNames are the names of types of values.
var rdbTypeNames = [...]string{"string", "list-linked", "set-hashtable", "zset-v1", "hash-hashtable", "zset-v2", "module-pre-release", "module-value", "",
	"hash-zipmap", "list-ziplist", "set-intset", "zset-ziplist", "hash-ziplist", "quicklist", "stream", "hash-listpack", "zset-listpack", "quicklist-v2",
	"stream-v2", "set-listpack", "stream-v3", "hash-hashtable-md-pre-release", "hash-listpack-md-pre-release", "hash-hashtable-md", "hash-listpack-md"}

// rdbIsObjectType tells whether the type is one of a value.
func rdbIsObjectType(t byte) bool { return int(t) < len(rdbTypeNames) && rdbTypeNames[t] != "" }

// rdbCheck is one check.
type rdbCheck struct {
	rdbReader
	out      io.Writer
	doing    string
	key      []byte // the one that is being read, nil: none
	keyType  int    // -1: none
	keys     int
	expires  int
	expired  int
	volatile int // hashes with fields that expire
}

// errRdbCheck says that a check has found something, and told.
var errRdbCheck = errors.New("rdb check failed")

// redisCheckRdb checks a stream, as redis-check-rdb does, writes what it finds to out, and returns whether all is right. server gives the limits
// of encodings, and memory.
func (server *Server) redisCheckRdb(r *rio.Reader, name string, out io.Writer) bool {
	fmt.Fprintf(out, "[offset 0] Checking RDB file %s\n", name)
	ch := &rdbCheck{rdbReader: rdbReader{Reader: r, server: server}, out: out, doing: rdbCheckDoingStart}
	ch.onError = ch.error
	r.SetChecksum(true)
	if err := ch.check(); err != nil {
		if ch.failed == nil && !errors.Is(err, errRdbCheck) {
			ch.error("Unexpected EOF reading RDB file")
		}
		return false
	}
	ch.info("\\o/ RDB looks OK! \\o/")
	ch.showGenericInfo()
	return true
}

// error tells of an error, and of where it is.
func (ch *rdbCheck) error(msg string) {
	fmt.Fprintf(ch.out, "--- RDB ERROR DETECTED ---\n[offset %d] %s\n[additional info] While doing: %s\n", ch.Tell(), msg, ch.doing)
	if ch.key != nil {
		fmt.Fprintf(ch.out, "[additional info] Reading key '%s'\n", ch.key)
	}
	if ch.keyType >= 0 {
		name := "unknown"
		if ch.keyType < len(rdbTypeNames) {
			name = rdbTypeNames[ch.keyType]
		}
		fmt.Fprintf(ch.out, "[additional info] Reading type %d (%s)\n", ch.keyType, name)
	}
	ch.showGenericInfo()
}

func (ch *rdbCheck) errorf(format string, args ...any) error {
	ch.error(fmt.Sprintf(format, args...))
	return errRdbCheck
}

// info tells of something on the way.
func (ch *rdbCheck) info(format string, args ...any) {
	fmt.Fprintf(ch.out, "[offset %d] %s\n", ch.Tell(), fmt.Sprintf(format, args...))
}

func (ch *rdbCheck) showGenericInfo() {
	fmt.Fprintf(ch.out, "[info] %d keys read\n[info] %d expires\n[info] %d already expired\n[info] %d subexpires\n", ch.keys, ch.expires, ch.expired, ch.volatile)
}

func (ch *rdbCheck) check() error {
	var magic [9]byte
	if err := ch.ReadFull(magic[:]); err != nil {
		return err
	}
	version, valkey, err := rdbParseHeader(magic)
	if err != nil {
		return ch.errorf("%s", err)
	}
	ch.valkey = valkey
	expire := int64(-1)
	for {
		ch.doing = rdbCheckDoingReadType
		op := ch.loadType()
		if !ch.ok() {
			return ch.Err()
		}
		if op == rdbOpcodeEOF {
			break
		}
		done, err := ch.opcode(op, &expire)
		if err == nil && !done {
			err = ch.value(op, expire)
			expire = -1
		}
		if err == nil {
			err = ch.Err()
		}
		if err != nil {
			return err
		}
	}
	return ch.checksum(version)
}

func (ch *rdbCheck) checksum(version int) error {
	if version < 5 {
		return nil
	}
	ch.doing = rdbCheckDoingCheckSum
	want := ch.Checksum()
	ch.SetChecksum(false)
	got := uint64(ch.loadMillisecondTime())
	switch {
	case !ch.ok():
		return ch.Err()
	case got == 0:
		ch.info("RDB file was saved with checksum disabled: no check performed.")
	case got != want:
		return ch.errorf("RDB CRC error")
	default:
		ch.info("Checksum OK")
	}
	return nil
}

// opcode reads everything but keys; done is false for those.
func (ch *rdbCheck) opcode(op byte, expire *int64) (done bool, err error) {
	switch op {
	case rdbOpcodeExpiretime:
		ch.doing = rdbCheckDoingReadExpire
		var b [4]byte
		ch.ReadFull(b[:])
		*expire = int64(int32(uint32(b[0])|uint32(b[1])<<8|uint32(b[2])<<16|uint32(b[3])<<24)) * 1000
	case rdbOpcodeExpiretimeMs:
		ch.doing = rdbCheckDoingReadExpire
		*expire = ch.loadMillisecondTime()
	case rdbOpcodeFreq:
		ch.ReadByte()
	case rdbOpcodeIdle:
		ch.loadLen()
	case rdbOpcodeSelectdb:
		ch.doing = rdbCheckDoingReadLen
		if id := ch.loadLen(); ch.ok() {
			ch.info("Selecting DB ID %d", id)
		}
	case rdbOpcodeResizedb:
		ch.doing = rdbCheckDoingReadLen
		ch.loadLen()
		ch.loadLen()
	case rdbOpcodeSlotInfo:
		ch.doing = rdbCheckDoingReadLen
		ch.loadLen()
		ch.loadLen()
		ch.loadLen()
	case rdbOpcodeAux:
		ch.doing = rdbCheckDoingReadAux
		key := string(ch.loadElement())
		value := ch.loadValueString()
		if ch.ok() {
			ch.info("AUX FIELD %s = '%s'", key, value)
		}
	case rdbOpcodeModuleAux:
		ch.doing = rdbCheckDoingReadModuleAux
		id, opcode := ch.loadLen(), ch.loadLen()
		ch.loadLen()
		if !ch.ok() {
			return true, nil
		}
		if opcode != rdbModuleOpcodeUint {
			return true, ch.errorf("bad when_opcode")
		}
		name := moduleTypeNameByID(id)
		ch.info("MODULE AUX for: %s", name)
		ch.moduleValue(name)
	case rdbOpcodeFunction2:
		ch.doing = rdbCheckDoingReadFunctions
		ch.loadValueString()
	case rdbOpcodeFunctionPreGA:
		ch.doing = rdbCheckDoingReadFunctions
		ch.corrupt("Pre-release function format not supported.")
	default:
		return false, nil
	}
	return true, nil
}

// value reads a key and its value.
func (ch *rdbCheck) value(rdbtype byte, expire int64) error {
	if !rdbIsObjectType(rdbtype) {
		return ch.errorf("Invalid object type: %d", rdbtype)
	}
	ch.keyType = int(rdbtype)
	ch.doing = rdbCheckDoingReadKey
	key := append([]byte{}, ch.loadElement()...)
	if !ch.ok() {
		return ch.Err()
	}
	ch.key = key
	ch.keys++
	ch.doing = rdbCheckDoingReadObjectValue
	if rdbtype == rdbTypeModule2 {
		id := ch.loadLen()
		if !ch.ok() {
			ch.short("Short read module id")
		}
		ch.moduleValue(moduleTypeNameByID(id))
		if !ch.ok() {
			return ch.Err()
		}
	} else {
		v, err := ch.loadObject(rdbtype)
		if err != nil {
			return err
		}
		if valueExpires(v) {
			ch.volatile++
		}
		if v.Pointer != nil {
			freeObjectPointer(v.Pointer)
			ch.server.clock.Reclaim(0)
		}
	}
	if expire != -1 {
		ch.expires++
		if expire < ch.server.mstime() {
			ch.expired++
		}
	}
	ch.key, ch.keyType = nil, -1
	return nil
}

// valueExpires tells whether v is a hash with fields that expire.
func valueExpires(v dict.Value) bool {
	switch {
	case v.Meta>>4 != objHash:
		return false
	case v.Pointer != nil:
		return (*robj)(v.Pointer).ptr.(*hashObject).d.Expiring() > 0
	}
	return v.Meta&15 == objEncodingListpackEx && firstExpire(v.Bytes) != noExpire
}

// moduleValue reads a module's value, of which is known what parts there are, but not what they mean.
func (r *rdbReader) moduleValue(name string) {
	for r.ok() {
		switch op := r.loadLen(); op {
		case rdbModuleOpcodeEOF:
			return
		case rdbModuleOpcodeSint, rdbModuleOpcodeUint:
			if r.loadLen(); !r.ok() {
				r.short("Error reading integer from module %s value", name)
			}
		case rdbModuleOpcodeString:
			if r.loadValueString(); !r.ok() {
				r.short("Error reading string from module %s value", name)
			}
		case rdbModuleOpcodeFloat:
			if r.Skip(4) != nil {
				r.short("Error reading float from module %s value", name)
			}
		case rdbModuleOpcodeDouble:
			if r.Skip(8) != nil {
				r.short("Error reading double from module %s value", name)
			}
		default:
			r.corrupt("Unknown opcode %d in module %s value", op, name)
		}
	}
}

// rdbCheckMain is redis-check-rdb's main function.
func rdbCheckMain(argv []string) int {
	if len(argv) != 2 {
		fmt.Fprintf(os.Stderr, "Usage: %s <rdb-file-name>\n", argv[0])
		return 1
	}
	if argv[1] == "-v" || argv[1] == "--version" {
		fmt.Printf("redis-check-rdb %s\n", strings.TrimPrefix(versionText(), "Redis server "))
		return 0
	}
	server, err := New(Options{ExecName: argv[0]})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	f, err := os.Open(argv[1])
	if err != nil {
		fmt.Printf("[offset 0] Checking RDB file %s\n", argv[1])
		if !errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(os.Stderr, "Can't open %s: %s\n", argv[1], err)
		}
		return 1
	}
	defer f.Close()
	if !server.redisCheckRdb(rio.NewReader(f), argv[1], os.Stdout) {
		return 1
	}
	return 0
}
