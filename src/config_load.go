// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"redport/src/platform"
	"redport/src/sds"
)

// config_load.go - reading the configuration: files, standard input, the command line.
//
// All of it is text, one directive a line, and the last line about a directive wins. The command line is
// turned into such lines and put behind what files and standard input say. A line is split into arguments
// as redis-cli splits what is typed: blanks between, "..." with escapes, '...' without.
//
// Nothing here ends the process. An error that is not nil means that the server must not start, and
// its text goes to standard error as it is; errLogged says that the log has it already.

// configFileError is a configuration that cannot be used. Error is what redis-server prints.
type configFileError struct {
	lineNum int    // from 1; 0: not about a line
	line    string // the line, trimmed
	msg     string
}

func (e *configFileError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n*** FATAL CONFIG FILE ERROR (Redis %s) ***\n", redisVersion)
	if e.lineNum > 0 {
		fmt.Fprintf(&b, "Reading the configuration file, at line %d\n", e.lineNum)
		fmt.Fprintf(&b, ">>> '%s'\n", e.line)
	}
	b.WriteString(e.msg)
	b.WriteByte('\n')
	return b.String()
}

// configMaxIncludes bounds how deep files include each other: a file that includes itself is an error
// and not an endless loop.
const configMaxIncludes = 128

// deprecatedConfigs are directives that are gone but still accepted, with one argument and no effect.
var deprecatedConfigs = map[string]bool{
	"list-max-ziplist-entries": true,
	"list-max-ziplist-value":   true,
	"lua-replicate-commands":   true,
	"io-threads-do-reads":      true,
}

// --- Command line ---

// commandLine is what redis-server's arguments ask for.
type commandLine struct {
	configFile string // the first argument, unless it is an option; "" if none
	hasFile    bool
	fromStdin  bool   // an argument "-" first or last
	options    string // the rest, as lines of a configuration file
}

// parseCommandLine reads redis-server's arguments, without the program's name.
//
// An argument that starts with "--" begins a directive, where one may begin: each directive has at least
// one argument, so in "--port --loglevel" the second is port's value. That argument may be part of the same
// word ("--port 6380" quoted for the shell). Arguments of their own are quoted, those in the word with the
// name are not. save and sentinel are special: written without a value in front of another directive
// or at the end they have none, as it always was.
func parseCommandLine(args []string) commandLine {
	var cl commandLine
	j := 0
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		cl.configFile, cl.hasFile = args[0], true
		j = 1
	}
	var options []byte
	complete := true // the last directive has an argument, so a new one may begin
	for ; j < len(args); j++ {
		arg := args[j]
		last := j == len(args)-1
		switch {
		case arg == "-" && (j == 0 || last):
			cl.fromStdin = true
		case complete && strings.HasPrefix(arg, "--"):
			if len(options) > 0 {
				options = append(options, '\n')
			}
			options = append(options, arg[2:]...)
			options = append(options, ' ')
			words, _ := sds.SplitArgsString(arg)
			if complete = len(words) != 1; complete {
				continue
			}
			followed := !last && strings.HasPrefix(args[j+1], "--")
			switch {
			case strings.EqualFold(arg, "--save") && (followed || last):
				options = append(options, `""`...)
				complete = followed
			case strings.EqualFold(arg, "--sentinel") && followed:
				complete = true
			}
		default:
			options = sds.CatRepr(options, arg)
			options = append(options, ' ')
			complete = true
		}
	}
	cl.options = string(options)
	return cl
}

// loadServerConfigFromArgs loads what the command line asks for and sets server.configfile. Without
// arguments there is nothing to load.
func (server *Server) loadServerConfigFromArgs(args []string, stdin io.Reader) error {
	if len(args) == 0 {
		return nil
	}
	cl := parseCommandLine(args)
	if cl.hasFile {
		server.configfile = server.path(cl.configFile)
	}
	var in io.Reader
	if cl.fromStdin {
		if in = stdin; in == nil {
			in = strings.NewReader("")
		}
	}
	return server.loadServerConfig(server.configfile, in, cl.options)
}

// --- Files ---

// loadServerConfig loads the file, if filename is not empty, then what stdin holds, if it is not nil,
// then the options, as one configuration.
func (server *Server) loadServerConfig(filename string, stdin io.Reader, options string) error {
	var text strings.Builder
	if filename != "" {
		if err := server.readConfigFiles(&text, filename); err != nil {
			return err
		}
	}
	if stdin != nil {
		server.log(llNotice, "Reading config from stdin")
		readConfigText(&text, stdin)
	}
	text.WriteByte('\n')
	text.WriteString(options)
	return server.loadServerConfigFromString(text.String(), 0)
}

// readConfigFiles appends the file that pattern names. With glob characters in it these are any number
// of files, none included (so that an empty conf.d is fine); without, the file must be there.
func (server *Server) readConfigFiles(text *strings.Builder, pattern string) error {
	names := []string{pattern}
	if strings.ContainsAny(pattern, "*?[") {
		names = server.globConfig(pattern)
	}
	for _, name := range names {
		path := name
		if name != "" {
			path = server.path(name)
		}
		f, err := os.Open(path)
		if err != nil {
			server.log(llWarning, "Fatal error, can't open config file '%s': %s", name, platform.Strerror(err))
			return errLogged
		}
		readConfigText(text, f)
		f.Close()
	}
	return nil
}

// globConfig lists what pattern matches, sorted. Names that start with a dot are matched by a dot only.
func (server *Server) globConfig(pattern string) []string {
	prefix := ""
	full := pattern
	if !filepath.IsAbs(pattern) {
		// The directory is no pattern: its glob characters stand for themselves.
		prefix = server.dir + string(filepath.Separator)
		full = globQuote(prefix) + pattern
	}
	names, err := filepath.Glob(full)
	if err != nil {
		return nil
	}
	wanted := strings.Split(filepath.ToSlash(full), "/")
	var found []string
	for _, name := range names {
		hidden := false
		parts := strings.Split(filepath.ToSlash(name), "/")
		for i := range min(len(parts), len(wanted)) {
			p := parts[len(parts)-1-i]
			hidden = hidden || strings.HasPrefix(p, ".") && strings.ContainsAny(wanted[len(wanted)-1-i][:1], "*?[")
		}
		if !hidden {
			found = append(found, strings.TrimPrefix(name, prefix))
		}
	}
	return found
}

// globQuote makes a pattern that matches s alone, on every system.
func globQuote(s string) string {
	return strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]").Replace(s)
}

// readConfigText appends what r holds, as far as it can be read. EBCDIC text is recognized. A line ends
// at a NUL, with what follows on the next line put behind it: that is what reading C strings makes of it.
func readConfigText(text *strings.Builder, r io.Reader) {
	data, _ := io.ReadAll(r)
	data = platform.DetectCharset(data).DecodeText(data)
	for _, line := range strings.SplitAfter(string(data), "\n") {
		text.WriteString(cstring(line))
	}
}

// --- Lines ---

// loadServerConfigFromString loads the lines of text. depth counts the files that included each other.
func (server *Server) loadServerConfigFromString(text string, depth int) error {
	server.readingConfigFile = true
	if text != "" {
		for i, line := range strings.Split(text, "\n") {
			line = strings.Trim(line, " \t\r\n")
			if line == "" || line[0] == '#' {
				continue
			}
			if err := server.loadConfigLine(line, i+1, depth); err != nil {
				if err == errLogged {
					return err
				}
				var inner *configFileError
				if errors.As(err, &inner) { // of an included file
					return err
				}
				return &configFileError{lineNum: i + 1, line: line, msg: err.Error()}
			}
		}
	}
	if err := server.checkLoadedConfig(); err != nil {
		return &configFileError{msg: err.Error()}
	}
	server.readingConfigFile = false
	return nil
}

// checkLoadedConfig makes the checks that need more than one directive.
func (server *Server) checkLoadedConfig() error {
	if server.logfile != "" {
		// Later there is nowhere left to say that the log cannot be written.
		f, err := os.OpenFile(server.path(server.logfile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			return fmt.Errorf("Can't open the log file: %s", platform.Strerror(err))
		}
		f.Close()
	}
	if server.clusterEnabled && server.masterhost != "" {
		return errors.New("replicaof directive not allowed in cluster mode")
	}
	server.configHz = min(max(server.configHz, configMinHz), configMaxHz)
	return nil
}

// loadConfigLine executes one line that is neither empty nor a comment.
func (server *Server) loadConfigLine(line string, lineNum, depth int) error {
	argv, err := sds.SplitArgsString(line)
	if err != nil {
		return errors.New("Unbalanced quotes in configuration line")
	}
	if len(argv) == 0 {
		return nil
	}
	argv[0] = strings.ToLower(argv[0])

	if conf := server.lookupConfig(argv[0]); conf != nil {
		return server.loadConfigDirective(conf, argv)
	}
	switch name := argv[0]; {
	case deprecatedConfigs[name] && len(argv) == 2:
		return nil
	case name == "include" && len(argv) == 2:
		return server.loadConfigInclude(argv[1], depth)
	case name == "rename-command" && len(argv) == 3:
		return server.renameCommand(argv[1], argv[2])
	case name == "user" && len(argv) >= 2:
		if bad, err := server.aclAppendUserForLoading(argv); err != nil {
			return fmt.Errorf("Error in user declaration '%s': %s", argv[bad], err)
		}
		return nil
	case name == "loadmodule" && len(argv) >= 2:
		server.queueLoadModule(argv[1], argv[2:])
		return nil
	case name == "sentinel":
		if len(argv) == 1 { // a pseudo directive: the mode is known before the configuration is read
			return nil
		}
		if !server.sentinelMode {
			return errors.New("sentinel directive while not in sentinel mode")
		}
		server.queueSentinelConfig(argv[1:], lineNum, line)
		return nil
	case len(argv) >= 2:
		// Perhaps a directive of a module that is loaded later.
		server.queueModuleConfig(name, strings.Join(argv[1:], " "))
		return nil
	default:
		return errors.New("Bad directive or wrong number of arguments")
	}
}

// loadConfigDirective sets a directive of the table.
func (server *Server) loadConfigDirective(conf *standardConfig, argv []string) error {
	multi := conf.flags&multiArgConfig != 0
	if !multi && len(argv) != 2 {
		return errors.New("wrong number of arguments")
	}
	args := argv[1:]
	if multi && len(args) == 1 && args[0] != "" {
		// Several in one word, as in save "3600 1 300 100". An empty word stays one empty argument.
		args, _ = sds.SplitArgsString(args[0])
	}
	_, err := conf.value.set(args, conf.flags)
	return err
}

// loadConfigInclude loads the files that an include line names, before the lines that follow it.
func (server *Server) loadConfigInclude(pattern string, depth int) error {
	if depth >= configMaxIncludes {
		return errors.New("Too many nested include directives")
	}
	var text strings.Builder
	if err := server.readConfigFiles(&text, pattern); err != nil {
		return err
	}
	return server.loadServerConfigFromString(text.String(), depth+1)
}

// --- Directives that are not in the table ---

// renameCommand moves a command to another name, or removes it where that is empty.
func (server *Server) renameCommand(name, newName string) error {
	name, newName = strings.ToLower(name), strings.ToLower(newName)
	cmd := server.commands[name]
	if cmd == nil {
		return errors.New("No such command in rename-command")
	}
	delete(server.commands, name)
	if newName != "" {
		if server.commands[newName] != nil {
			return errors.New("Target command name already exists")
		}
		server.commands[newName] = cmd
	}
	server.indexCommands()
	return nil
}

// queueSentinelConfig keeps a sentinel line: those that define masters come last in a file that Sentinel
// wrote, so they are sorted out when all are read.
func (server *Server) queueSentinelConfig(argv []string, lineNum int, line string) {
	server.sentinelConfigQueue = append(server.sentinelConfigQueue, sentinelLoadQueueEntry{argv, lineNum, line})
}
