// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"redport/src/platform"
	"redport/src/util"
)

// config.go - configuration directives: what a directive is, and CONFIG GET, SET, REWRITE, RESETSTAT, HELP.
//
// Every directive is one row of configTable (config_table.go): its name, flags, the field of the
// Server that it sets, its default and bounds. The rest follows from the row: the default at start, the
// check of a value, the texts of GET and REWRITE. Reading files and arguments is in config_load.go,
// values with a form of their own and what a change has to do are in config_apply.go, rewriting the
// file is in config_rewrite.go.
//
// Everything here runs on the main goroutine, or before there is one.
//
// Counterpart: config.c. Differences: the table belongs to one Server and points into it, so several
// servers live in a process; the order of CONFIG GET and of appended lines is the table's, not a hash
// table's; dir never changes the process's working directory.

// configFlags say how a directive may be used.
type configFlags uint32

const (
	immutableConfig   configFlags = 1 << iota // only from a file or the command line
	sensitiveConfig                           // the value is kept out of logs
	debugConfig                               // listed in crash reports
	multiArgConfig                            // takes several arguments
	hiddenConfig                              // GET shows it by its exact name only
	protectedConfig                           // SET needs enable-protected-configs
	denyLoadingConfig                         // no SET while loading
	aliasConfig                               // another name of a directive
	volatileConfig                            // set to the same value is a change: what it names may have changed

	modifiableConfig configFlags = 0
)

// standardConfig is one directive under one of its names.
type standardConfig struct {
	name  string
	alias string // the other name of the same directive, "" if none
	flags configFlags
	value configValue
	apply *configApply
}

// configValue is a directive's value: how it is parsed, stored and written.
type configValue interface {
	// init stores the default.
	init()
	// set parses and stores. changed is false where the value was the same already.
	set(argv []string, flags configFlags) (changed bool, err error)
	// get returns the text for CONFIG GET. set understands it.
	get(flags configFlags) string
	// rewrite puts the value's lines into the file that state holds.
	rewrite(name string, flags configFlags, state *rewriteConfigState)
}

// configApply makes the server follow a change. A pointer, because directives that share one (port's
// and bind's listeners, all of TLS) apply once a CONFIG SET.
type configApply struct {
	fn func() error
}

// configIndex is the table of one server, with an index by lower-case name.
type configIndex struct {
	list   []*standardConfig
	byName map[string]*standardConfig
}

// initConfigValues builds the table and gives every directive its default. It comes first of all:
// nothing of the Server's configuration may be read before.
func (server *Server) initConfigValues() {
	table := server.configTable()
	set := configIndex{
		list:   make([]*standardConfig, 0, len(table)*5/4),
		byName: make(map[string]*standardConfig, len(table)*5/4),
	}
	add := func(conf *standardConfig) {
		if set.byName[conf.name] != nil {
			panic("config: two directives are named " + conf.name)
		}
		set.list = append(set.list, conf)
		set.byName[conf.name] = conf
	}
	for _, conf := range table {
		conf.value.init()
		add(conf)
		if conf.alias != "" {
			other := *conf
			other.name, other.alias = conf.alias, conf.name
			other.flags |= aliasConfig
			add(&other)
		}
	}
	server.configs = set
}

// lookupConfig finds a directive by any of its names, in any case; nil if there is none.
func (server *Server) lookupConfig(name string) *standardConfig {
	if conf := server.configs.byName[name]; conf != nil {
		return conf
	}
	return server.configs.byName[strings.ToLower(name)]
}

// set gives the directive a value that is written as one argument, as CONFIG SET has it. Multi-argument
// directives split it at single spaces, so that two in a row hold an empty argument; no quotes here.
func (conf *standardConfig) set(value string) (changed bool, err error) {
	argv := []string{value}
	if conf.flags&multiArgConfig != 0 {
		argv = nil
		if value != "" {
			argv = strings.Split(value, " ")
		}
	}
	return conf.value.set(argv, conf.flags)
}

func (conf *standardConfig) get() string { return conf.value.get(conf.flags) }

// --- Kinds of values ---

// boolValue is yes or no.
type boolValue struct {
	field   *bool
	def     bool
	isValid func(bool) error
}

func (v *boolValue) init() { *v.field = v.def }

func (v *boolValue) set(argv []string, flags configFlags) (bool, error) {
	yn := util.Yesnotoi(argv[0])
	if yn == -1 {
		return false, errors.New("argument must be 'yes' or 'no'")
	}
	val := yn == 1
	if v.isValid != nil {
		if err := v.isValid(val); err != nil {
			return false, err
		}
	}
	changed := *v.field != val
	*v.field = val
	return changed || flags&volatileConfig != 0, nil
}

func (v *boolValue) get(configFlags) string { return yesNo(*v.field) }

func (v *boolValue) rewrite(name string, _ configFlags, state *rewriteConfigState) {
	state.rewriteLine(name, name+" "+yesNo(*v.field), *v.field != v.def)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// stringDirective is any text. In C it is either NUL-terminated, and ends at the first NUL, or an sds and
// keeps every byte; binary tells which.
type stringDirective struct {
	field  *string
	def    string
	binary bool
	// emptyIsNull: an empty value is no value at all, and no line of the file.
	emptyIsNull bool
	isValid     func(string) error
}

func (v *stringDirective) init() { *v.field = v.def }

func (v *stringDirective) set(argv []string, flags configFlags) (bool, error) {
	val := argv[0]
	if !v.binary {
		val = cstring(val)
	}
	if v.isValid != nil {
		if err := v.isValid(val); err != nil {
			return false, err
		}
	}
	changed := *v.field != val
	*v.field = val
	return changed || flags&volatileConfig != 0, nil
}

func (v *stringDirective) get(configFlags) string { return *v.field }

func (v *stringDirective) rewrite(name string, _ configFlags, state *rewriteConfigState) {
	if v.emptyIsNull && *v.field == "" {
		state.markAsProcessed(name)
		return
	}
	state.rewriteStringLine(name, *v.field, *v.field != v.def)
}

// cstring is s as far as C reads it: up to the first NUL.
func cstring[T ~string | ~[]byte](s T) T {
	for i := range len(s) {
		if s[i] == 0 {
			return s[:i]
		}
	}
	return s
}

// configEnum is one of the names that an enumeration knows.
type configEnum struct {
	name string
	val  int
}

// enumValue is one of a list of names; with multiArgConfig several, whose values are or-ed.
type enumValue struct {
	field   *int
	enum    []configEnum
	def     int
	isValid func(int) error
}

func (v *enumValue) init() { *v.field = v.def }

// configEnumGetValue is the value of the names in argv. Only where bitflags is set may there be several.
func configEnumGetValue(enum []configEnum, argv []string, bitflags bool) (values int, ok bool) {
	if len(argv) == 0 || !bitflags && len(argv) != 1 {
		return 0, false
	}
	for _, arg := range argv {
		matched := false
		for _, e := range enum {
			if strings.EqualFold(cstring(arg), e.name) {
				values |= e.val
				matched = true
			}
		}
		if !matched {
			return 0, false
		}
	}
	return values, true
}

// configEnumGetName is the inverse: the name or names of a value, "unknown" where there is none.
func configEnumGetName(enum []configEnum, values int, bitflags bool) string {
	var names []string
	unmatched := values
	for _, e := range enum {
		if values == e.val {
			return e.name
		}
		if bitflags && e.val != 0 && e.val == unmatched&e.val {
			names = append(names, e.name)
			unmatched &^= e.val
		}
	}
	if len(names) == 0 || unmatched != 0 {
		return "unknown"
	}
	return strings.Join(names, " ")
}

func (v *enumValue) set(argv []string, flags configFlags) (bool, error) {
	val, ok := configEnumGetValue(v.enum, argv, flags&multiArgConfig != 0)
	if !ok {
		names := make([]string, len(v.enum))
		for i, e := range v.enum {
			names[i] = e.name
		}
		return false, errors.New("argument(s) must be one of the following: " + strings.Join(names, ", "))
	}
	if v.isValid != nil {
		if err := v.isValid(val); err != nil {
			return false, err
		}
	}
	changed := *v.field != val
	*v.field = val
	return changed || flags&volatileConfig != 0, nil
}

func (v *enumValue) get(flags configFlags) string {
	return configEnumGetName(v.enum, *v.field, flags&multiArgConfig != 0)
}

func (v *enumValue) rewrite(name string, flags configFlags, state *rewriteConfigState) {
	state.rewriteLine(name, name+" "+v.get(flags), *v.field != v.def)
}

// numericFlags say how a number is written.
type numericFlags uint8

const (
	memoryConfig   numericFlags = 1 << iota // bytes, with units
	percentConfig                           // or a percentage, which is stored negative
	octalConfig                             // octal digits
	unsignedConfig                          // the bounds compare as unsigned 64-bit numbers, as C's do for these fields

	integerConfig numericFlags = 0
)

// ullongMax is C's ULLONG_MAX as the bound of an unsignedConfig.
const ullongMax = -1

// numericValue is a number. All kinds pass through int64, and compare as C's long long do; what does
// not fit the field on this system is out of bounds.
type numericValue[T int | int64 | uint64 | uint32] struct {
	field        *T
	lower, upper int64
	def          int64
	flags        numericFlags
	isValid      func(int64) error
}

func (v *numericValue[T]) init() { *v.field = T(v.def) }

func (v *numericValue[T]) parse(s string) (int64, error) {
	s = cstringUnless(s, v.flags == integerConfig || v.flags == unsignedConfig)
	switch {
	case v.flags&memoryConfig != 0:
		if bytes, ok := util.Memtoull(s); ok {
			return int64(bytes), nil
		}
		if v.flags&percentConfig == 0 {
			return 0, errors.New("argument must be a memory value")
		}
		if digits, ok := strings.CutSuffix(s, "%"); ok {
			if n, ok := util.String2ll(digits); ok && n >= 0 {
				return -n, nil
			}
		}
		return 0, errors.New("argument must be a memory or percent value")
	case v.flags&octalConfig != 0:
		if n, rest, overflow := strtoll(s, 8); rest == "" && !overflow {
			return n, nil
		}
		return 0, errors.New("argument couldn't be parsed as an octal number")
	default:
		if n, ok := util.String2ll(s); ok {
			return n, nil
		}
		return 0, errors.New("argument couldn't be parsed into an integer")
	}
}

// cstringUnless cuts s at a NUL unless keep is set: integers are parsed by length, the rest by strtoll.
func cstringUnless(s string, keep bool) string {
	if keep {
		return s
	}
	return cstring(s)
}

func (v *numericValue[T]) checkBounds(n int64) error {
	fits := int64(T(n)) == n
	if v.flags&unsignedConfig != 0 {
		if lower, upper := uint64(v.lower), uint64(v.upper); uint64(n) < lower || uint64(n) > upper || !fits {
			verb := "argument must be between %d and %d inclusive"
			if v.flags&octalConfig != 0 {
				verb = "argument must be between %o and %o inclusive"
			}
			return fmt.Errorf(verb, lower, upper)
		}
		return nil
	}
	if v.flags&percentConfig != 0 && n < 0 {
		if n < v.lower {
			return fmt.Errorf("percentage argument must be less or equal to %d", -v.lower)
		}
		return nil
	}
	if n < v.lower || n > v.upper || !fits {
		return fmt.Errorf("argument must be between %d and %d inclusive", v.lower, v.upper)
	}
	return nil
}

func (v *numericValue[T]) set(argv []string, flags configFlags) (bool, error) {
	n, err := v.parse(argv[0])
	if err != nil {
		return false, err
	}
	if err := v.checkBounds(n); err != nil {
		return false, err
	}
	if v.isValid != nil {
		if err := v.isValid(n); err != nil {
			return false, err
		}
	}
	changed := *v.field != T(n)
	*v.field = T(n)
	return changed || flags&volatileConfig != 0, nil
}

func (v *numericValue[T]) get(configFlags) string {
	n := int64(*v.field)
	switch {
	case v.flags&percentConfig != 0 && n < 0:
		return strconv.FormatInt(-n, 10) + "%"
	case v.flags&memoryConfig != 0:
		return strconv.FormatUint(uint64(n), 10)
	case v.flags&octalConfig != 0:
		return strconv.FormatUint(uint64(n), 8)
	default:
		return strconv.FormatInt(n, 10)
	}
}

func (v *numericValue[T]) rewrite(name string, flags configFlags, state *rewriteConfigState) {
	n := int64(*v.field)
	text := v.get(flags)
	if v.flags&memoryConfig != 0 && !(v.flags&percentConfig != 0 && n < 0) {
		text = formatMemory(uint64(n))
	}
	state.rewriteLine(name, name+" "+text, n != v.def)
}

// formatMemory writes bytes with the largest unit that divides them. Unsigned, since C's signed form writes
// the upper half of maxmemory's range as negative numbers, which it then refuses to load.
func formatMemory(bytes uint64) string {
	const kb, mb, gb = 1 << 10, 1 << 20, 1 << 30
	unit := ""
	switch {
	case bytes == 0:
	case bytes%gb == 0:
		bytes, unit = bytes/gb, "gb"
	case bytes%mb == 0:
		bytes, unit = bytes/mb, "mb"
	case bytes%kb == 0:
		bytes, unit = bytes/kb, "kb"
	}
	return strconv.FormatUint(bytes, 10) + unit
}

// specialValue is a value with a form of its own.
type specialValue struct {
	initFn    func()
	setFn     func(argv []string) (changed bool, err error)
	getFn     func() string
	rewriteFn func(name string, state *rewriteConfigState)
}

func (v *specialValue) init() { v.initFn() }

func (v *specialValue) set(argv []string, _ configFlags) (bool, error) { return v.setFn(argv) }

func (v *specialValue) get(configFlags) string { return v.getFn() }

func (v *specialValue) rewrite(name string, _ configFlags, state *rewriteConfigState) {
	v.rewriteFn(name, state)
}

// strtoll reads a number as C's strtoll does: leading blanks, a sign, then digits of the base as far as
// they go; no digits are 0 with nothing read. A number out of range is cut to it and reported.
func strtoll(s string, base int) (n int64, rest string, overflow bool) {
	i := 0
	for i < len(s) && (s[i] == ' ' || s[i] >= '\t' && s[i] <= '\r') {
		i++
	}
	neg := false
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		neg = s[i] == '-'
		i++
	}
	start := i
	var u uint64
	for i < len(s) && s[i] >= '0' && int(s[i]-'0') < base {
		d := uint64(s[i] - '0')
		if u > (math.MaxInt64+1-d)/uint64(base) {
			overflow = true
		} else {
			u = u*uint64(base) + d
		}
		i++
	}
	if i == start {
		return 0, s, false
	}
	if neg {
		if overflow {
			return math.MinInt64, s[i:], true
		}
		return -int64(u), s[i:], false
	}
	if overflow || u > math.MaxInt64 {
		return math.MaxInt64, s[i:], true
	}
	return int64(u), s[i:], false
}

// --- CONFIG SET ---

// configSetError is a CONFIG SET that failed; its text is the reply without the error code.
type configSetError struct {
	loading bool   // the dataset is loading
	unknown bool   // no such directive
	arg     string // the directive that failed
	reason  error  // why, nil if it did not say
}

func (e *configSetError) Error() string {
	switch {
	case e.loading:
		return strings.TrimPrefix(shared.loadingerr, "-")
	case e.unknown:
		return fmt.Sprintf("Unknown option or number of arguments for CONFIG SET - '%s'", cstring(e.arg))
	case e.reason != nil:
		return fmt.Sprintf("CONFIG SET failed (possibly related to argument '%s') - %s", e.arg, e.reason)
	default:
		return fmt.Sprintf("CONFIG SET failed (possibly related to argument '%s')", e.arg)
	}
}

// configSetter is a CONFIG SET at work. Either all of its directives get their new values and all that
// has to follow them does, or everything is as it was.
type configSetter struct {
	server *Server
	confs  []*standardConfig
	values []string
	old    []string
}

// prepare looks up the directives of pairs (name, value, name, value, ...) and checks that all of them
// may be set now. sensitive is called with the position of every value that must not be shown,
// whatever else is wrong. allowProtected tells whether the caller may set protected directives.
func (s *configSetter) prepare(pairs []string, sensitive func(int), allowProtected func() bool) *configSetError {
	var failed *configSetError
	for i := 0; i+1 < len(pairs); i += 2 {
		conf := s.server.lookupConfig(pairs[i])
		if conf == nil {
			if failed == nil {
				failed = &configSetError{unknown: true, arg: pairs[i]}
			}
			continue
		}
		if conf.flags&sensitiveConfig != 0 {
			sensitive(i + 1)
		}
		if failed != nil {
			continue
		}
		switch {
		case conf.flags&immutableConfig != 0:
			failed = &configSetError{arg: pairs[i], reason: errors.New("can't set immutable config")}
		case conf.flags&protectedConfig != 0 && !allowProtected():
			failed = &configSetError{arg: pairs[i], reason: errors.New("can't set protected config")}
		case s.server.loading && conf.flags&denyLoadingConfig != 0:
			failed = &configSetError{loading: true}
		default:
			for _, seen := range s.confs {
				if seen == conf {
					failed = &configSetError{arg: pairs[i], reason: errors.New("duplicate parameter")}
				}
			}
		}
		s.confs = append(s.confs, conf)
		s.values = append(s.values, pairs[i+1])
	}
	return failed
}

// run sets and applies. On failure it restores.
func (s *configSetter) run() *configSetError {
	s.old = make([]string, len(s.confs))
	for i, conf := range s.confs {
		s.old[i] = conf.get()
	}

	type pending struct {
		apply *configApply
		conf  *standardConfig // the first directive that asked for it
	}
	var applies []pending
	for i, conf := range s.confs {
		changed, err := conf.set(s.values[i])
		if err != nil {
			s.restore(i + 1)
			return &configSetError{arg: conf.name, reason: err}
		}
		if !changed || conf.apply == nil {
			continue
		}
		known := false
		for _, p := range applies {
			known = known || p.apply == conf.apply
		}
		if !known {
			applies = append(applies, pending{conf.apply, conf})
		}
	}

	for _, p := range applies {
		err := p.apply.fn()
		if err == nil {
			continue
		}
		s.server.log(llWarning, "Failed applying new configuration. Possibly related to new %s setting. Restoring previous settings.", p.conf.name)
		s.restore(len(s.confs))
		for _, q := range applies {
			if err := q.apply.fn(); err != nil {
				s.server.log(llWarning, "Failed applying restored failed CONFIG SET command: %s", err)
			}
		}
		return &configSetError{arg: p.conf.name, reason: err}
	}
	return nil
}

// restore sets the first n directives back. It does not apply.
func (s *configSetter) restore(n int) {
	for i, conf := range s.confs[:n] {
		if _, err := conf.set(s.old[i]); err != nil {
			s.server.log(llWarning, "Failed restoring failed CONFIG SET command. Error setting %s to '%s': %s",
				conf.name, s.old[i], err)
		}
	}
}

// configSetCommand is CONFIG SET directive value [directive value ...].
func configSetCommand(c *client) {
	server := c.server
	if len(c.argv)&1 != 0 {
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	pairs := make([]string, len(c.argv)-2)
	for i := range pairs {
		pairs[i] = string(c.argv[i+2])
	}
	s := configSetter{server: server}
	failed := s.prepare(pairs,
		func(i int) { c.redactClientCommandArgument(i + 2) },
		func() bool { return allowProtectedAction(server.enableProtectedConfigs, c) })
	if failed == nil {
		failed = s.run()
	}
	switch {
	case failed == nil:
		c.addReply(shared.ok)
	case failed.loading:
		c.addReplyErrorObject(shared.loadingerr)
	default:
		c.addReplyError(failed.Error())
	}
}

// allowProtectedAction tells whether c may do what is guarded by one of the enable-* directives.
func allowProtectedAction(config int, c *client) bool {
	return config == protectedActionAllowedYes ||
		config == protectedActionAllowedLocal && c.islocalClient()
}

// --- CONFIG GET ---

// configItem is one directive of CONFIG GET's reply.
type configItem struct{ name, value string }

// configGet returns the directives that match any of the patterns, each once. A name without glob
// characters is looked up and answered as it was spelled; hidden directives are found that way only.
func (server *Server) configGet(patterns []string) []configItem {
	var items []configItem
	seen := make(map[string]bool)
	add := func(name string, conf *standardConfig) {
		if key := strings.ToLower(name); !seen[key] {
			seen[key] = true
			items = append(items, configItem{name, conf.get()})
		}
	}
	for _, pattern := range patterns {
		if !strings.ContainsAny(cstring(pattern), "[*?") {
			if conf := server.lookupConfig(pattern); conf != nil {
				add(pattern, conf)
			}
			continue
		}
		for _, conf := range server.configs.list {
			if conf.flags&hiddenConfig == 0 && util.StringMatch(cstring(pattern), conf.name, true) {
				add(conf.name, conf)
			}
		}
	}
	return items
}

// configGetCommand is CONFIG GET pattern [pattern ...].
func configGetCommand(c *client) {
	patterns := make([]string, len(c.argv)-2)
	for i := range patterns {
		patterns[i] = string(c.argv[i+2])
	}
	items := c.server.configGet(patterns)
	c.addReplyMapLen(len(items))
	for _, item := range items {
		c.addReplyBulkString(item.name)
		c.addReplyBulkString(item.value)
	}
}

// --- The other subcommands ---

// configRewriteCommand is CONFIG REWRITE.
func configRewriteCommand(c *client) {
	server := c.server
	if server.configfile == "" {
		c.addReplyError("The server is running without a config file")
		return
	}
	if err := server.rewriteConfig(server.configfile, false); err != nil {
		server.log(llWarning, "CONFIG REWRITE failed: %s", platform.Strerror(err))
		c.addReplyErrorFormat("Rewriting config file: %s", platform.Strerror(err))
		return
	}
	server.log(llNotice, "CONFIG REWRITE executed with success.")
	c.addReply(shared.ok)
}

// configResetStatCommand is CONFIG RESETSTAT.
func configResetStatCommand(c *client) {
	server := c.server
	server.resetServerStats()
	server.resetCommandTableStats()
	c.addReply(shared.ok)
}

// configHelpCommand is CONFIG HELP.
func configHelpCommand(c *client) {
	c.addReplyHelp([]string{
		"GET <pattern>",
		"    The directives whose names match <pattern>, with their values.",
		"SET <directive> <value>",
		"    Give <directive> another <value>.",
		"RESETSTAT",
		"    Set the counters that INFO shows back to zero.",
		"REWRITE",
		"    Write the values in use to the configuration file.",
	})
}

// evictPolicyToString names the eviction policy, for INFO.
func (server *Server) evictPolicyToString() string {
	return configEnumGetName(maxmemoryPolicyEnum, server.maxmemoryPolicy, false)
}
