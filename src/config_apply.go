// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"redport/src/connection"
	"redport/src/platform"
	"redport/src/util"
)

// config_apply.go - what is particular to single directives: checks of their values, what a change at run
// time has to do, and values that are neither a word nor a number.
//
// A check gets the new value before it is stored. An apply function runs after CONFIG SET has stored all of its
// values; when it fails, everything is restored and the functions run again. Neither runs while a
// file is loaded, except for checks: at start the server is built from the values.

// --- Checks ---

// isValidActiveDefrag: there is nothing to defragment. The allocator's pages are compacted as they
// change, so this server answers as a Redis without its own jemalloc.
func isValidActiveDefrag(val bool) error {
	if val {
		return errors.New("Active defragmentation cannot be enabled: it requires a Redis server compiled with a modified Jemalloc like the one shipped by default with the Redis source distribution")
	}
	return nil
}

func isValidDBfilename(val string) error {
	if !util.PathIsBaseName(val) {
		return errors.New("dbfilename can't be a path, just a filename")
	}
	return nil
}

func isValidAOFfilename(val string) error {
	if val == "" {
		return errors.New("appendfilename can't be empty")
	}
	if !util.PathIsBaseName(val) {
		return errors.New("appendfilename can't be a path, just a filename")
	}
	return nil
}

func isValidAOFdirname(val string) error {
	if val == "" {
		return errors.New("appenddirname can't be empty")
	}
	if !util.PathIsBaseName(val) {
		return errors.New("appenddirname can't be a path, just a dirname")
	}
	return nil
}

func isValidShutdownOnSigFlags(val int) error {
	if val&shutdownNosave != 0 && val&shutdownSave != 0 {
		return errors.New("shutdown options SAVE and NOSAVE can't be used simultaneously")
	}
	return nil
}

// netHostStrLen is the room for a host name, with its NUL in C.
const netHostStrLen = 256

func isValidAnnouncedHostname(val string) error {
	if len(val) >= netHostStrLen {
		return fmt.Errorf("Hostnames must be less than %d characters", netHostStrLen)
	}
	for i := range len(val) {
		switch c := val[i]; {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '.':
		default:
			return errors.New("Hostnames may only contain alphanumeric characters, hyphens or dots")
		}
	}
	return nil
}

// isValidAnnouncedNodename: the name is a field of nodes.conf, which has separators of its own.
func isValidAnnouncedNodename(val string) error {
	if strings.ContainsAny(val, "!#$%&()*+:;<>?@[]^{|}~\x00") {
		return errors.New("Announced human node name contained invalid character")
	}
	return nil
}

func (server *Server) isValidProcTitleTemplate(val string) error {
	if title, ok := server.expandProcTitleTemplate(val, ""); !ok || title == "" {
		return errors.New("template format is invalid or contains unknown variables")
	}
	return nil
}

// expandProcTitleTemplate replaces {name} in a proc-title-template; {{ stands for a brace. False: a
// brace is not closed, or there is no such variable.
func (server *Server) expandProcTitleTemplate(template, title string) (string, bool) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{")
		b.WriteString(before)
		if !found {
			return strings.Trim(b.String(), " "), true
		}
		if strings.HasPrefix(rest, "{") {
			b.WriteByte('{')
			template = rest[1:]
			continue
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", false
		}
		value, known := server.procTitleVariable(name, title)
		if !known {
			return "", false
		}
		b.WriteString(value)
		template = after
	}
}

func (server *Server) procTitleVariable(name, title string) (value string, known bool) {
	switch name {
	case "title":
		return title, true
	case "listen-addr":
		port := server.port
		if port == 0 {
			port = server.tlsPort
		}
		if port == 0 {
			return "unixsocket:" + server.unixsocket, true
		}
		addr := "*"
		if len(server.bindaddr) > 0 {
			addr = server.bindaddr[0]
		}
		return addr + ":" + strconv.Itoa(port), true
	case "server-mode":
		switch {
		case server.clusterEnabled:
			return "[cluster]", true
		case server.sentinelMode:
			return "[sentinel]", true
		}
		return "", true
	case "config-file":
		if server.configfile == "" {
			return "-", true
		}
		return server.configfile, true
	case "port":
		return strconv.Itoa(server.port), true
	case "tls-port":
		return strconv.Itoa(server.tlsPort), true
	case "unixsocket":
		return server.unixsocket, true
	}
	return "", false
}

// --- Changes at run time ---

// updateHZ: any number is taken as a wish, and cut to what makes sense.
func (server *Server) updateHZ() error {
	server.configHz = min(max(server.configHz, configMinHz), configMaxHz)
	server.hz = server.configHz
	return nil
}

func (server *Server) updateRequirePass() error {
	server.aclUpdateDefaultUserPassword(server.requirepass)
	return nil
}

// updateMaxmemory evicts at once what the new limit leaves no room for.
func (server *Server) updateMaxmemory() error {
	if server.maxmemory == 0 {
		return nil
	}
	used := server.usedMemory() - server.freeMemoryGetNotCountedMemory()
	if used > 0 && server.maxmemory < uint64(used) {
		server.log(llWarning, "WARNING: the new maxmemory value set via CONFIG SET (%d) is smaller than the current memory usage (%d). This will result in key eviction and/or the inability to accept new write commands depending on the maxmemory-policy.", server.maxmemory, used)
	}
	server.startEvictionTimeProc()
	return nil
}

// updateMaxclients takes the change only if the system has descriptors for it.
func (server *Server) updateMaxclients() error {
	wanted := server.maxclients
	if err := server.adjustOpenFilesLimit(); err != nil {
		return err
	}
	if server.maxclients != wanted {
		return fmt.Errorf("The operating system is not able to handle the specified number of clients, try with %d", server.maxclients)
	}
	return nil
}

// applyClientMaxMemoryUsage sorts the clients into the buckets that client eviction looks into, or out of them.
func (server *Server) applyClientMaxMemoryUsage() error {
	for _, c := range server.clients {
		if server.maxmemoryClients == 0 {
			c.removeClientFromMemUsageBucket()
		} else {
			c.updateClientMemUsageAndBucket()
		}
	}
	return nil
}

// updatePort moves the TCP listener.
func (server *Server) updatePort() error {
	if err := server.changeListener(connection.TypeTCP, server.port); err != nil {
		return errors.New("Unable to listen on this port. Check server logs.")
	}
	return server.updateProcTitleTemplate()
}

// applyBind moves the TCP and TLS listeners.
func (server *Server) applyBind() error {
	if server.changeListener(connection.TypeTCP, server.port) != nil || server.changeListener(connection.TypeTLS, server.tlsPort) != nil {
		return errors.New("Failed to bind to specified addresses.")
	}
	return server.updateProcTitleTemplate()
}

// updateAccepts tells the listeners how many connections they may take in one turn.
func (server *Server) updateAccepts() error {
	for _, ln := range server.listeners {
		if ln.Type != connection.TypeUnix {
			ln.SetAcceptsPerTurn(server.acceptsPerTurn(ln.Type))
		}
	}
	return nil
}

var errTLSConfiguration = errors.New("Unable to update TLS configuration. Check server logs.")

// applyTLSCfg reads certificates and keys again, if anything uses them.
func (server *Server) applyTLSCfg() error {
	if server.tlsPort == 0 && !server.tlsReplication && !server.tlsCluster {
		return nil
	}
	if server.tlsConfigure() != nil {
		return errTLSConfiguration
	}
	return nil
}

// applyTLSPort moves the TLS listener. TLS may not have been set up yet.
func (server *Server) applyTLSPort() error {
	if !server.isTLSConfigured() && server.tlsConfigure() != nil {
		return errTLSConfiguration
	}
	if err := server.changeListener(connection.TypeTLS, server.tlsPort); err != nil {
		return errors.New("Unable to listen on this port. Check server logs.")
	}
	return server.updateProcTitleTemplate()
}

// updateLocaleCollate makes the order of texts that locale-collate asks for: by bytes, or by the rules
// of a language. An empty name is the environment's, which belongs to a process and not to one of
// several servers in it.
func (server *Server) updateLocaleCollate() error {
	name := server.localeCollate
	if name == "" && server.options.OwnProcess {
		name = cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_COLLATE"), os.Getenv("LANG"))
	}
	tag, byBytes, err := parseLocale(name)
	switch {
	case byBytes, err != nil && server.localeCollate == "": // an environment that names no locale is the C one
		server.collator = nil
	case err != nil:
		return errors.New("Invalid locale name")
	default:
		server.collator = collate.New(tag)
	}
	return nil
}

// parseLocale reads a POSIX locale name: language[_territory][.charset][@modifier].
func parseLocale(name string) (tag language.Tag, byBytes bool, err error) {
	name, _, _ = strings.Cut(name, "@")
	name, _, _ = strings.Cut(name, ".")
	if name == "" || name == "C" || name == "POSIX" {
		return tag, true, nil
	}
	tag, err = language.Parse(strings.ReplaceAll(name, "_", "-"))
	return tag, false, err
}

// compareCollated compares texts as locale-collate says (in C: strcoll).
func (server *Server) compareCollated(a, b []byte) int {
	if server.collator == nil {
		return bytes.Compare(a, b)
	}
	return server.collator.Compare(a, b)
}

// updateSlowLimits: call compares with one limit, made of slowlog's and the latency monitor's.
func (server *Server) updateSlowLimits() error {
	server.updateSlowThreshold()
	return nil
}

func (server *Server) updateProcTitleTemplate() error {
	if server.setProcTitle {
		server.redisSetProcTitle("")
	}
	return nil
}

func (server *Server) updateOOMScoreAdj() error {
	if !server.setOOMScoreAdj(-1) {
		return errors.New("Failed to set current oom_score_adj. Check server logs.")
	}
	return nil
}

// updateReplBacklogSize: less than the minimum is the minimum.
func (server *Server) updateReplBacklogSize() error {
	server.replBacklogSize = max(server.replBacklogSize, configReplBacklogMinSize)
	return nil
}

// updateWatchdogPeriod: a period shorter than two turns of serverCron would see ghosts.
func (server *Server) updateWatchdogPeriod() error {
	if server.watchdogPeriod != 0 {
		server.watchdogPeriod = max(server.watchdogPeriod, 1000/max(server.hz, 1)*2)
	}
	server.watchdogTick() // starts or stops it now, not with the next turn of serverCron
	return nil
}

// --- dir ---

func (server *Server) dirValue() *specialValue {
	return &specialValue{
		initFn: func() {
			server.dir, _ = os.Getwd()
		},
		setFn: func(argv []string) (bool, error) {
			if len(argv) != 1 {
				return false, errors.New("wrong number of arguments")
			}
			dir, err := server.resolveDir(cstring(argv[0]))
			if err != nil {
				return false, errors.New(platform.Strerror(err))
			}
			server.dir = dir
			return true, nil
		},
		getFn: func() string { return server.dir },
		rewriteFn: func(name string, state *rewriteConfigState) {
			state.rewriteStringLine(name, server.dir, true)
		},
	}
}

// resolveDir is where chdir(name) would lead, as getcwd would then spell it. Two servers of a process
// have two directories, so the process itself stays where it is.
func (server *Server) resolveDir(name string) (string, error) {
	if name == "" {
		_, err := os.Stat("")
		return "", err
	}
	dir := server.path(name)
	// Looking at a name inside takes the permission that entering takes.
	if _, err := os.Stat(dir + string(filepath.Separator) + "."); err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return filepath.Clean(dir), nil
}

// --- save ---

func (server *Server) saveValue() *specialValue {
	return &specialValue{
		initFn: func() {
			server.saveparams = []saveparam{{60 * 60, 1}, {300, 100}, {60, 10000}}
		},
		setFn:     server.setSaveOption,
		getFn:     func() string { return strings.Join(server.saveparamTexts(), " ") },
		rewriteFn: server.rewriteSaveOption,
	}
}

func (server *Server) saveparamTexts() []string {
	texts := make([]string, len(server.saveparams))
	for i, p := range server.saveparams {
		texts[i] = fmt.Sprintf("%d %d", p.seconds, p.changes)
	}
	return texts
}

// setSaveOption: CONFIG SET replaces all points, and so does the first save line that is loaded; the
// ones after it add theirs. A single empty argument means none.
func (server *Server) setSaveOption(argv []string) (bool, error) {
	if len(argv) == 1 && cstring(argv[0]) == "" {
		server.saveparams = nil
		argv = nil
	}
	if len(argv)&1 != 0 {
		return false, errors.New("Invalid save parameters")
	}
	points := make([]saveparam, 0, len(argv)/2)
	for j := 0; j < len(argv); j += 2 {
		seconds, rest1, _ := strtoll(cstring(argv[j]), 10)
		changes, rest2, _ := strtoll(cstring(argv[j+1]), 10)
		if rest1 != "" || rest2 != "" || seconds < 1 || changes < 0 {
			return false, errors.New("Invalid save parameters")
		}
		points = append(points, saveparam{seconds, int(int32(changes))})
	}
	if !server.readingConfigFile {
		server.saveparams = nil
	} else if !server.saveLoaded {
		server.saveLoaded = true
		server.saveparams = nil
	}
	server.saveparams = append(server.saveparams, points...)
	return true, nil
}

func (server *Server) rewriteSaveOption(name string, state *rewriteConfigState) {
	if !server.sentinelMode {
		if len(server.saveparams) == 0 {
			state.rewriteLine(name, name+` ""`, true)
		}
		for _, text := range server.saveparamTexts() {
			state.rewriteLine(name, name+" "+text, true)
		}
	}
	state.markAsProcessed(name)
}

// --- client-output-buffer-limit ---

// clientBufferLimitsDefaults are by client type: normal, replica, pubsub.
func clientBufferLimitsDefaults() [clientTypeObufCount]clientBufferLimitsConfig {
	return [clientTypeObufCount]clientBufferLimitsConfig{
		{0, 0, 0},
		{256 * 1024 * 1024, 64 * 1024 * 1024, 60},
		{32 * 1024 * 1024, 8 * 1024 * 1024, 60},
	}
}

var clientBufferLimitsNames = [clientTypeObufCount]string{"normal", "slave", "pubsub"}

func (server *Server) clientOutputBufferLimitValue() *specialValue {
	return &specialValue{
		initFn: func() { server.clientObufLimits = clientBufferLimitsDefaults() },
		setFn:  server.setClientOutputBufferLimitOption,
		getFn: func() string {
			texts := make([]string, 0, clientTypeObufCount)
			for i, l := range server.clientObufLimits {
				texts = append(texts, fmt.Sprintf("%s %d %d %d", clientBufferLimitsNames[i], l.hardLimitBytes, l.softLimitBytes, l.softLimitSeconds))
			}
			return strings.Join(texts, " ")
		},
		rewriteFn: func(name string, state *rewriteConfigState) {
			defaults := clientBufferLimitsDefaults()
			for i, l := range server.clientObufLimits {
				class := clientBufferLimitsNames[i]
				if i == clientTypeSlave {
					class = "replica"
				}
				line := fmt.Sprintf("%s %s %s %s %d", name, class, formatMemory(l.hardLimitBytes), formatMemory(l.softLimitBytes), l.softLimitSeconds)
				state.rewriteLine(name, line, l != defaults[i])
			}
		},
	}
}

// setClientOutputBufferLimitOption takes any number of "class hard soft seconds"; the classes that
// are not named keep their limits, and one error leaves all as they are.
func (server *Server) setClientOutputBufferLimitOption(argv []string) (bool, error) {
	if len(argv)%4 != 0 {
		return false, errors.New("Wrong number of arguments in buffer limit configuration.")
	}
	limits := server.clientObufLimits
	for j := 0; j < len(argv); j += 4 {
		class := getClientTypeByName(cstring(argv[j]))
		if class == -1 || class == clientTypeMaster {
			return false, errors.New("Invalid client class specified in buffer limit configuration.")
		}
		hard, ok1 := util.Memtoull(cstring(argv[j+1]))
		soft, ok2 := util.Memtoull(cstring(argv[j+2]))
		seconds, rest, _ := strtoll(cstring(argv[j+3]), 10)
		if !ok1 || !ok2 || int32(seconds) < 0 || rest != "" {
			return false, errors.New("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
		}
		limits[class] = clientBufferLimitsConfig{hard, soft, int64(int32(seconds))}
	}
	server.clientObufLimits = limits
	return true, nil
}

// --- oom-score-adj-values ---

var configOOMScoreAdjValuesDefaults = [configOomCount]int{0, 200, 800}

func (server *Server) oomScoreAdjValuesValue() *specialValue {
	text := func() string {
		return strings.Trim(fmt.Sprint(server.oomScoreAdjValues), "[]")
	}
	return &specialValue{
		initFn: func() { server.oomScoreAdjValues = configOOMScoreAdjValuesDefaults },
		setFn:  server.setOOMScoreAdjValuesOption,
		getFn:  text,
		rewriteFn: func(name string, state *rewriteConfigState) {
			state.rewriteLine(name, name+" "+text(), server.oomScoreAdjValues != configOOMScoreAdjValuesDefaults)
		},
	}
}

func (server *Server) setOOMScoreAdjValuesOption(argv []string) (bool, error) {
	if len(argv) != configOomCount {
		return false, errors.New("wrong number of arguments")
	}
	var values [configOomCount]int
	for i, arg := range argv {
		val, rest, _ := strtoll(cstring(arg), 10)
		if rest != "" || val < -2000 || val > 2000 {
			return false, errors.New("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
		}
		values[i] = int(val)
	}
	if values[configOomReplica] < values[configOomMaster] || values[configOomBgchild] < values[configOomReplica] {
		// Odd, but a privileged process may do it.
		server.log(llWarning, "The oom-score-adj-values configuration may not work for non-privileged processes! Please consult the documentation.")
	}
	changed := server.oomScoreAdjValues != values
	server.oomScoreAdjValues = values
	return changed, nil
}

// --- notify-keyspace-events ---

func (server *Server) notifyKeyspaceEventsValue() *specialValue {
	return &specialValue{
		initFn: func() { server.notifyKeyspaceEvents = 0 },
		setFn: func(argv []string) (bool, error) {
			if len(argv) != 1 {
				return false, errors.New("wrong number of arguments")
			}
			flags, ok := keyspaceEventsStringToFlags(cstring(argv[0]))
			if !ok {
				return false, errors.New("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
			}
			server.notifyKeyspaceEvents = flags
			return true, nil
		},
		getFn: func() string { return keyspaceEventsFlagsToString(server.notifyKeyspaceEvents) },
		rewriteFn: func(name string, state *rewriteConfigState) {
			state.rewriteStringLine(name, keyspaceEventsFlagsToString(server.notifyKeyspaceEvents), server.notifyKeyspaceEvents != 0)
		},
	}
}

// --- bind ---

// defaultBindaddr: every address, and those of IPv6 only where the system has it.
func defaultBindaddr() []string { return []string{"*", "-::*"} }

func (server *Server) bindValue() *specialValue {
	text := func() string { return strings.Join(server.bindaddr, " ") }
	return &specialValue{
		initFn: func() { server.bindaddr = defaultBindaddr() },
		setFn: func(argv []string) (bool, error) {
			if len(argv) > configBindaddrMax {
				return false, errors.New("Too many bind addresses specified.")
			}
			if len(argv) == 1 && argv[0] == "" {
				argv = nil
			}
			addrs := make([]string, len(argv))
			for i, arg := range argv {
				addrs[i] = cstring(arg)
			}
			server.bindaddr = addrs
			return true, nil
		},
		getFn: text,
		rewriteFn: func(name string, state *rewriteConfigState) {
			switch text() {
			case strings.Join(defaultBindaddr(), " "):
				state.markAsProcessed(name)
			case "":
				state.rewriteLine(name, name+` ""`, true)
			default:
				state.rewriteLine(name, name+" "+joinQuoted(server.bindaddr), true)
			}
		},
	}
}

// --- replicaof ---

func (server *Server) replicaOfValue() *specialValue {
	return &specialValue{
		initFn: func() { server.masterhost, server.masterport = "", 6379 },
		setFn: func(argv []string) (bool, error) {
			if len(argv) != 2 {
				return false, errors.New("wrong number of arguments")
			}
			server.masterhost = ""
			if strings.EqualFold(argv[0], "no") && strings.EqualFold(argv[1], "one") {
				return true, nil
			}
			port, rest, _ := strtoll(cstring(argv[1]), 10)
			if port = int64(int32(port)); port < 0 || port > 65535 || rest != "" {
				return false, errors.New("Invalid master port")
			}
			server.masterhost, server.masterport = argv[0], int(port)
			return true, nil
		},
		getFn: func() string {
			if server.masterhost == "" {
				return ""
			}
			return server.masterhost + " " + strconv.Itoa(server.masterport)
		},
		rewriteFn: func(name string, state *rewriteConfigState) {
			// A cluster keeps the roles of its nodes in its own file.
			if server.clusterEnabled || server.masterhost == "" {
				state.markAsProcessed(name)
				return
			}
			state.rewriteLine(name, joinQuoted([]string{name, server.masterhost, strconv.Itoa(server.masterport)}), true)
		},
	}
}

// --- latency-tracking-info-percentiles ---

func (server *Server) latencyTrackingInfoPercentilesValue() *specialValue {
	text := func() string {
		texts := make([]string, len(server.latencyTrackingInfoPercentiles))
		for i, p := range server.latencyTrackingInfoPercentiles {
			texts[i] = trimDoubleString(strconv.FormatFloat(p, 'f', 6, 64))
		}
		return strings.Join(texts, " ")
	}
	return &specialValue{
		initFn: func() { server.latencyTrackingInfoPercentiles = []float64{50, 99, 99.9} },
		setFn:  server.setLatencyTrackingInfoPercentilesOption,
		getFn:  text,
		rewriteFn: func(name string, state *rewriteConfigState) {
			line := text()
			if line == "" {
				line = `""`
			}
			state.rewriteLine(name, name+" "+line, true)
		},
	}
}

func (server *Server) setLatencyTrackingInfoPercentilesOption(argv []string) (bool, error) {
	if len(argv) == 1 && argv[0] == "" {
		argv = nil
	}
	percentiles := make([]float64, 0, len(argv))
	for _, arg := range argv {
		p, ok := parsePercentile(arg)
		if !ok {
			return false, errors.New("Invalid latency-tracking-info-percentiles parameters")
		}
		if p > 100 || p < 0 {
			return false, errors.New("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
		}
		percentiles = append(percentiles, p)
	}
	server.latencyTrackingInfoPercentiles = percentiles
	return true, nil
}

// parsePercentile reads a number as strtod does: hexadecimal ones need no exponent, and there are no
// underscores.
func parsePercentile(s string) (float64, bool) {
	if strings.Contains(s, "_") {
		return 0, false
	}
	if digits := strings.ToLower(strings.TrimLeft(s, "+-")); strings.HasPrefix(digits, "0x") && !strings.Contains(digits, "p") {
		s += "p0"
	}
	p, err := strconv.ParseFloat(s, 64)
	return p, err == nil && !math.IsNaN(p)
}

// trimDoubleString drops the zeros at the end of a number with decimals.
func trimDoubleString(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(s, "0")
		s = strings.TrimSuffix(s, ".")
	}
	return s
}
