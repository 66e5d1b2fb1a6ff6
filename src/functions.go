// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"redport/deps/lua"
	"slices"
	"strings"

	"redport/src/crc64"
	"redport/src/rio"
	"redport/src/sds"
	"redport/src/util"
)

// functions.go - libraries of functions, FUNCTION and FCALL.
//
// A library is a text whose first line names its engine and itself. Loading it runs the text once, in an environment in which
// little but redis.register_function is there, and what it registers are its functions. Libraries belong to the dataset: they are
// saved, replicated and restored; scripts of EVAL are not.
//
// functionsLibCtx holds a set of libraries. One is current; others exist while a payload or an RDB file is read, which either
// becomes current as a whole or is joined to what is.
//
// Counterpart: functions.c. The engine, of which there is one, is in function_lua.go.

// functionsLoadTimeout is how long a library may take to register its functions, in ms.
const functionsLoadTimeout = 500

// functionsEngineName is what FUNCTION LIST calls the engine; libraries may write it in any case.
const functionsEngineName = "LUA"

// functionInfo is a registered function.
type functionInfo struct {
	name    string
	desc    string
	hasDesc bool
	flags   uint64
	li      *functionLibInfo
	fn      *lua.Function
}

// functionLibInfo is a library.
type functionLibInfo struct {
	name      string
	code      string
	main      *lua.Function // what registered the functions
	functions map[string]*functionInfo
}

// functionsLibCtx is a set of libraries.
type functionsLibCtx struct {
	libraries   map[string]*functionLibInfo
	functions   map[string]*functionInfo // by name in lower case
	cacheMemory int64
}

// functionsState is the scripting of FCALL.
type functionsState struct {
	engine *luaEngine
	lib    *functionsLibCtx // the current libraries
	load   functionsLoad
}

func functionsLibCtxCreate() *functionsLibCtx {
	return &functionsLibCtx{libraries: map[string]*functionLibInfo{}, functions: map[string]*functionInfo{}}
}

// functionsInit makes the engine and an empty set of libraries.
func (server *Server) functionsInit() {
	server.functions.engine = server.newLuaEngine(luaEngineFunctions)
	server.functions.lib = functionsLibCtxCreate()
}

// functionsLibCtxClearCurrent drops all libraries, and the interpreter with whatever they have gathered in it.
func (server *Server) functionsLibCtxClearCurrent(async bool) {
	if n := len(server.functions.lib.functions); async && n > lazyfreeThreshold {
		server.lazyfreed(int64(n) + 1)
	}
	server.functionsInit()
}

// functionsLibCtxSwapWithCurrent makes ctx current.
func (server *Server) functionsLibCtxSwapWithCurrent(ctx *functionsLibCtx) {
	old := server.functions.lib
	server.functions.lib = ctx
	server.functionsForget(old)
}

// Bytes of a library and of a function beside their texts, and of the sets.
const (
	functionLibOverhead  = 96
	functionInfoOverhead = 112
	functionsBaseMemory  = 200
)

func (li *functionLibInfo) memory() int64 {
	return functionLibOverhead + int64(len(li.name)+len(li.code))
}
func (fi *functionInfo) memory() int64 {
	return functionInfoOverhead + int64(2*len(fi.name)+len(fi.desc))
}

// functionsMemory is about what the interpreter holds.
func (server *Server) functionsMemory() int64 {
	if server.functions.engine == nil {
		return 0
	}
	return server.functions.engine.memory()
}

// functionsMemoryOverhead is what the libraries hold outside of it.
func (server *Server) functionsMemoryOverhead() int64 {
	if server.functions.lib == nil {
		return 0
	}
	return functionsBaseMemory + server.functions.lib.cacheMemory
}

// --- Sets of libraries ---

func (ctx *functionsLibCtx) unlink(li *functionLibInfo) {
	for _, fi := range li.functions {
		if key := strings.ToLower(fi.name); ctx.functions[key] == fi {
			delete(ctx.functions, key)
		}
		ctx.cacheMemory -= fi.memory()
	}
	delete(ctx.libraries, li.name)
	ctx.cacheMemory -= li.memory()
}

func (ctx *functionsLibCtx) link(li *functionLibInfo) {
	for _, fi := range li.functions {
		if key := strings.ToLower(fi.name); ctx.functions[key] == nil {
			ctx.functions[key] = fi
		}
		ctx.cacheMemory += fi.memory()
	}
	ctx.libraries[li.name] = li
	ctx.cacheMemory += li.memory()
}

func (ctx *functionsLibCtx) find(name []byte) *functionInfo {
	return ctx.functions[strings.ToLower(string(name))]
}

// sortedLibraries lists the libraries by name.
func (ctx *functionsLibCtx) sortedLibraries() []*functionLibInfo {
	list := make([]*functionLibInfo, 0, len(ctx.libraries))
	for _, li := range ctx.libraries {
		list = append(list, li)
	}
	slices.SortFunc(list, func(a, b *functionLibInfo) int { return strings.Compare(a.name, b.name) })
	return list
}

func (li *functionLibInfo) sortedFunctions() []*functionInfo {
	list := make([]*functionInfo, 0, len(li.functions))
	for _, fi := range li.functions {
		list = append(list, fi)
	}
	slices.SortFunc(list, func(a, b *functionInfo) int { return strings.Compare(a.name, b.name) })
	return list
}

// libraryJoin moves the libraries of src to dst: all of them or, on a collision, none. With replace, libraries of the same names go.
func (server *Server) libraryJoin(dst, src *functionsLibCtx, replace bool) error {
	var replaced []*functionLibInfo
	fail := func(format, name string) error {
		for _, li := range replaced {
			dst.link(li)
		}
		return fmt.Errorf(format, name)
	}
	for _, li := range src.sortedLibraries() {
		old := dst.libraries[li.name]
		if old == nil {
			continue
		}
		if !replace {
			return fail("Library %s already exists", li.name)
		}
		dst.unlink(old)
		replaced = append(replaced, old)
	}
	for _, li := range src.sortedLibraries() {
		for _, fi := range li.sortedFunctions() {
			if dst.functions[strings.ToLower(fi.name)] != nil {
				return fail("Function %s already exists", fi.name)
			}
		}
	}
	for _, li := range src.libraries {
		dst.link(li)
	}
	for _, li := range replaced {
		server.functions.engine.forgetLibrary(li)
	}
	*src = *functionsLibCtxCreate()
	return nil
}

// functionsVerifyName: letters, digits and underscores, at least one.
func functionsVerifyName(name string) bool {
	for i := range len(name) {
		ch := name[i]
		if (ch < 'a' || ch > 'z') && (ch < 'A' || ch > 'Z') && (ch < '0' || ch > '9') && ch != '_' {
			return false
		}
	}
	return name != ""
}

var errFunctionName = errors.New("Library names can only contain letters, numbers, or underscores(_) and must be at least one character long")

// functionLibCreateFunction adds a function to a library that is being loaded.
func functionLibCreateFunction(li *functionLibInfo, fi *functionInfo) error {
	if !functionsVerifyName(fi.name) {
		return errFunctionName
	}
	if li.functions[fi.name] != nil {
		return errors.New("Function already exists in the library")
	}
	fi.li = li
	li.functions[fi.name] = fi
	return nil
}

// functionsLibMetadata is what a library's first line says.
type functionsLibMetadata struct {
	engine, name string
	code         []byte // from the end of that line on
}

func functionExtractLibMetadata(payload []byte) (md functionsLibMetadata, err error) {
	if !bytes.HasPrefix(payload, []byte("#!")) {
		return md, errors.New("Missing library metadata")
	}
	text := cstring(payload)
	end := bytes.IndexByte(text, '\n')
	if end < 0 {
		return md, errors.New("Invalid library metadata")
	}
	parts, splitErr := sds.SplitArgs(payload[:end])
	if splitErr != nil || len(parts) == 0 {
		return md, errors.New("Invalid library metadata")
	}
	md.engine = string(parts[0][2:])
	named := false
	for _, part := range parts[1:] {
		if len(part) < 5 || !equalFold(part[:5], "NAME=") {
			return md, fmt.Errorf("Invalid metadata value given: %s", part)
		}
		if named {
			return md, errors.New("Invalid metadata value, name argument was given multiple times")
		}
		named = true
		md.name = string(part[5:])
	}
	if !named {
		return md, errors.New("Library name was not given")
	}
	md.code = payload[end:]
	return md, nil
}

// functionsCreateWithLibraryCtx loads a library into ctx and returns its name. timeout is in ms, 0: none. What was there under its name is
// kept if that fails.
func (server *Server) functionsCreateWithLibraryCtx(code []byte, replace bool, ctx *functionsLibCtx, timeout int64) (string, error) {
	md, err := functionExtractLibMetadata(code)
	if err != nil {
		return "", err
	}
	if !functionsVerifyName(md.name) {
		return "", errFunctionName
	}
	if !strings.EqualFold(md.engine, functionsEngineName) {
		return "", fmt.Errorf("Engine '%s' not found", md.engine)
	}
	old := ctx.libraries[md.name]
	if old != nil && !replace {
		return "", fmt.Errorf("Library '%s' already exists", md.name)
	}
	if old != nil {
		ctx.unlink(old)
	}
	li := &functionLibInfo{name: md.name, code: string(code), functions: map[string]*functionInfo{}}
	fail := func(err error) (string, error) {
		server.functions.engine.forgetLibrary(li)
		if old != nil {
			ctx.link(old)
		}
		return "", err
	}
	if err := server.luaEngineCreate(li, md.code, timeout); err != nil {
		return fail(err)
	}
	if len(li.functions) == 0 {
		return fail(errors.New("No functions registered"))
	}
	for _, fi := range li.sortedFunctions() {
		if ctx.functions[strings.ToLower(fi.name)] != nil {
			return fail(fmt.Errorf("Function %s already exists", fi.name))
		}
	}
	ctx.link(li)
	if old != nil {
		server.functions.engine.forgetLibrary(old)
	}
	return li.name, nil
}

// --- FCALL ---

func (c *client) fcallGetCommandFlags(cmdFlags uint64) uint64 {
	c.curFunction = c.server.functions.lib.find(c.argv[1])
	if c.curFunction == nil {
		return cmdFlags
	}
	return scriptFlagsToCmdFlags(cmdFlags, c.curFunction.flags)
}

func (c *client) fcallCommandGeneric(ro bool) {
	server := c.server
	c.feedMonitorsEarly()
	fi := c.curFunction
	c.curFunction = nil
	if fi == nil {
		fi = server.functions.lib.find(c.argv[1])
	}
	if fi == nil {
		c.addReplyError("Function not found")
		return
	}
	numkeys, ok := util.String2ll(c.argv[2])
	if !ok {
		c.addReplyError("Bad number of keys provided")
		return
	}
	if !c.checkScriptNumkeys(numkeys) {
		return
	}
	engine := server.functions.engine
	if !server.scriptPrepareForRun(engine.client, c, fi.name, fi.flags, ro) {
		return
	}
	engine.callFunction(fi.fn, c.argv[3:3+numkeys], c.argv[3+numkeys:])
	server.scriptResetRun()
}

func fcallCommand(c *client)   { c.fcallCommandGeneric(false) }
func fcallroCommand(c *client) { c.fcallCommandGeneric(true) }

// --- FUNCTION ---

func functionStatsCommand(c *client) {
	server := c.server
	running := server.scriptIsRunning()
	if running && server.scriptIsEval() {
		c.addReplyErrorObject(shared.slowevalerr)
		return
	}
	c.addReplyMapLen(2)
	c.addReplyBulkString("running_script")
	if !running {
		c.addReplyNull()
	} else {
		c.addReplyMapLen(3)
		c.addReplyBulkString("name")
		c.addReplyBulkString(server.script.funcname)
		c.addReplyBulkString("command")
		argv := server.script.originalClient.argv
		c.addReplyArrayLen(len(argv))
		for _, a := range argv {
			c.addReplyBulkBytes(a)
		}
		c.addReplyBulkString("duration_ms")
		c.addReplyLongLong(server.scriptRunDuration())
	}
	c.addReplyBulkString("engines")
	c.addReplyMapLen(1)
	c.addReplyBulkString(functionsEngineName)
	c.addReplyMapLen(2)
	c.addReplyBulkString("libraries_count")
	c.addReplyLongLong(int64(len(server.functions.lib.libraries)))
	c.addReplyBulkString("functions_count")
	c.addReplyLongLong(int64(len(server.functions.lib.functions)))
}

// functionListCommand is FUNCTION LIST [LIBRARYNAME pattern] [WITHCODE].
func functionListCommand(c *client) {
	server := c.server
	withCode := false
	var pattern []byte
	for i := 2; i < len(c.argv); i++ {
		arg := c.argv[i]
		switch {
		case !withCode && equalFold(arg, "WITHCODE"):
			withCode = true
		case pattern == nil && equalFold(arg, "LIBRARYNAME"):
			if i+1 >= len(c.argv) {
				c.addReplyError("library name argument was not given")
				return
			}
			i++
			pattern = nonNil(c.argv[i])
		default:
			c.addReplyErrorFormat("Unknown argument %s", arg)
			return
		}
	}
	var list []*functionLibInfo
	for _, li := range server.functions.lib.sortedLibraries() {
		if pattern == nil || util.StringMatchLen(pattern, []byte(li.name), true) {
			list = append(list, li)
		}
	}
	c.addReplyArrayLen(len(list))
	for _, li := range list {
		c.addReplyLibrary(li, withCode)
	}
}

func (c *client) addReplyLibrary(li *functionLibInfo, withCode bool) {
	if withCode {
		c.addReplyMapLen(4)
	} else {
		c.addReplyMapLen(3)
	}
	c.addReplyBulkString("library_name")
	c.addReplyBulkString(li.name)
	c.addReplyBulkString("engine")
	c.addReplyBulkString(functionsEngineName)
	c.addReplyBulkString("functions")
	c.addReplyArrayLen(len(li.functions))
	for _, fi := range li.sortedFunctions() {
		c.addReplyMapLen(3)
		c.addReplyBulkString("name")
		c.addReplyBulkString(fi.name)
		c.addReplyBulkString("description")
		if fi.hasDesc {
			c.addReplyBulkString(fi.desc)
		} else {
			c.addReplyNull()
		}
		c.addReplyBulkString("flags")
		c.addReplyScriptFlags(fi.flags)
	}
	if withCode {
		c.addReplyBulkString("library_code")
		c.addReplyBulkString(li.code)
	}
}

func (c *client) addReplyScriptFlags(flags uint64) {
	n := 0
	for _, def := range scriptFlagsDef {
		if flags&def.flag != 0 {
			n++
		}
	}
	c.addReplySetLen(n)
	for _, def := range scriptFlagsDef {
		if flags&def.flag != 0 {
			c.addReplyStatus(def.name)
		}
	}
}

func functionDeleteCommand(c *client) {
	server := c.server
	lib := server.functions.lib
	li := lib.libraries[string(c.argv[2])]
	if li == nil {
		c.addReplyError("Library not found")
		return
	}
	lib.unlink(li)
	server.functions.engine.forgetLibrary(li)
	server.dirty++
	c.addReply(shared.ok)
}

func functionKillCommand(c *client) { c.server.scriptKill(c, false) }

// functionLoadCommand is FUNCTION LOAD [REPLACE] code.
func functionLoadCommand(c *client) {
	server := c.server
	replace := false
	i := 2
	for ; i < len(c.argv)-1; i++ {
		if !equalFold(c.argv[i], "REPLACE") {
			c.addReplyErrorFormat("Unknown option given: %s", cstring(c.argv[i]))
			return
		}
		replace = true
	}
	if i >= len(c.argv) {
		c.addReplyError("Function code is missing")
		return
	}
	timeout := int64(functionsLoadTimeout)
	if c.mustObeyClient() {
		timeout = 0
	}
	name, err := server.functionsCreateWithLibraryCtx(c.argv[i], replace, server.functions.lib, timeout)
	if err != nil {
		c.addReplyError(err.Error())
		return
	}
	server.dirty++
	c.addReplyBulkString(name)
}

func functionFlushCommand(c *client) {
	server := c.server
	if len(c.argv) > 3 {
		c.addReplySubcommandSyntaxError()
		return
	}
	async, ok := server.flushMode(c)
	if !ok {
		c.addReplyError("FUNCTION FLUSH only supports SYNC|ASYNC option")
		return
	}
	server.functionsLibCtxClearCurrent(async)
	server.dirty++
	c.addReply(shared.ok)
}

func functionHelpCommand(c *client) {
	c.addReplyHelp([]string{
		"LOAD [REPLACE] <FUNCTION CODE>",
		"    Make a library of the code, whose first line names it.",
		"DELETE <LIBRARY NAME>",
		"    Delete a library with all its functions.",
		"LIST [LIBRARYNAME PATTERN] [WITHCODE]",
		"    Describe the libraries, or those whose names match a pattern:",
		"    * name and engine",
		"    * functions with descriptions and flags",
		"    * with WITHCODE, the code",
		"STATS",
		"    Describe the function that is running, if there is one:",
		"    * its name",
		"    * the command that called it",
		"    * for how many ms it has been running",
		"    and for each engine the number of libraries and functions.",
		"KILL",
		"    End the function that is running, unless it has written already.",
		"FLUSH [ASYNC|SYNC]",
		"    Delete all libraries. The default mode comes from lazyfree-lazy-user-flush:",
		"    * ASYNC: Let the memory go in the background.",
		"    * SYNC: Let the memory go at once.",
		"DUMP",
		"    Return all libraries in one payload, for FUNCTION RESTORE.",
		"RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
		"    Load the libraries of a payload. What becomes of those that are there (default APPEND):",
		"    * FLUSH: they are deleted.",
		"    * APPEND: they stay, and nothing is loaded if one has the name of a new library.",
		"    * REPLACE: those that have the names of new libraries are replaced. Nothing is loaded if a",
		"      function of one that stays has the name of a new function.",
	})
}

// --- Payloads ---

// functionDumpCommand answers with all libraries, as an RDB file has them, the version of that format and a checksum.
func functionDumpCommand(c *client) {
	server := c.server
	buf := rio.NewBuffer(nil)
	w := &rdbWriter{Writer: buf, compress: server.rdbCompression}
	for _, li := range server.functions.lib.sortedLibraries() {
		w.opcode(rdbOpcodeFunction2)
		w.saveRawString([]byte(li.code))
	}
	payload := buf.Bytes()
	payload = binary.LittleEndian.AppendUint16(payload, rdbVersion)
	payload = binary.LittleEndian.AppendUint64(payload, crc64.Update(0, payload))
	c.addReplyBulkBytes(payload)
}

// functionRestoreCommand is FUNCTION RESTORE payload [FLUSH|APPEND|REPLACE].
func functionRestoreCommand(c *client) {
	server := c.server
	if len(c.argv) > 4 {
		c.addReplySubcommandSyntaxError()
		return
	}
	flush, replace := false, false
	if len(c.argv) == 4 {
		switch policy := c.argv[3]; {
		case equalFold(policy, "APPEND"):
		case equalFold(policy, "REPLACE"):
			replace = true
		case equalFold(policy, "FLUSH"):
			flush = true
		default:
			c.addReplyError("Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")
			return
		}
	}
	body, ok := server.verifyDumpPayload(c.argv[2])
	if !ok {
		c.addReplyError("DUMP payload version or checksum are wrong")
		return
	}
	ctx, err := server.functionsLoadPayload(body)
	if err == nil && !flush {
		err = server.libraryJoin(server.functions.lib, ctx, replace)
	}
	if err != nil {
		server.functionsForget(ctx)
		c.addReplyError(err.Error())
		return
	}
	if flush {
		server.functionsLibCtxSwapWithCurrent(ctx)
	}
	server.dirty++
	c.addReply(shared.ok)
}

// functionsLoadPayload makes a set of the libraries of a payload, whose footer has been looked at. The set is there also if that fails.
func (server *Server) functionsLoadPayload(payload []byte) (*functionsLibCtx, error) {
	ctx := functionsLibCtxCreate()
	r := &rdbReader{Reader: rio.NewBytesReader(payload), server: server, restore: true}
	for r.Tell() < int64(len(payload)) {
		switch r.loadType() {
		case rdbOpcodeFunction2:
		case rdbOpcodeFunctionPreGA:
			return ctx, errors.New("Pre-release function format not supported.")
		default:
			return ctx, errors.New("given type is not a function")
		}
		code := r.loadValueString()
		if !r.ok() {
			return ctx, errors.New("Failed loading library code")
		}
		if _, err := server.functionsCreateWithLibraryCtx(code, false, ctx, 0); err != nil {
			server.log(llWarning, "Failed creating the library, %s", err)
			return ctx, err
		}
	}
	return ctx, nil
}

// functionsForget drops a set of libraries.
func (server *Server) functionsForget(ctx *functionsLibCtx) {
	for _, li := range ctx.libraries {
		server.functions.engine.forgetLibrary(li)
	}
}
