// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"strings"
	"time"

	"redport/src/monotonic"
	"redport/src/platform"
	"redport/src/zmalloc"
)

// server_main.go - a server's start: options, banner, listeners, signals, and Run.
//
// An embedding program uses New and Run. cmd/redis-server goes through Main, which also answers
// --version and its like, and lets the Server set what belongs to the whole process.

// ErrBadOption is what New returns for a configuration that it cannot use; its text has been printed to
// Options.Stderr as redis-server prints it.
var ErrBadOption = errors.New("bad configuration")

// loadOptions reads the configuration that the command line names.
func (server *Server) loadOptions() error {
	if err := server.loadServerConfigFromArgs(server.options.Args, server.options.Stdin); err != nil {
		if !errors.Is(err, errLogged) {
			fmt.Fprint(server.options.Stderr, err.Error())
		}
		return fmt.Errorf("%w: %w", ErrBadOption, err)
	}
	return nil
}

// Main is redis-server's main function: it returns the process's exit code.
func Main(argv []string) int {
	platform.InitProcessTitle()
	// The title is written over the arguments' own memory: nothing may point there.
	for i, arg := range argv {
		argv[i] = strings.Clone(arg)
	}
	name := strings.TrimSuffix(baseName(argv[0]), ".exe")
	args := argv[1:]
	if strings.Contains(name, "redis-check-rdb") {
		return rdbCheckMain(argv)
	}
	if strings.Contains(name, "redis-check-aof") {
		return redisCheckAofMain(argv, newAofChecker(os.Stdin, os.Stdout))
	}
	sentinel := strings.Contains(name, "redis-sentinel")
	for _, a := range args {
		if a == "--sentinel" {
			sentinel = true
		}
	}
	if len(args) == 1 {
		switch args[0] {
		case "-v", "--version":
			fmt.Println(versionText())
			return 0
		case "-h", "--help":
			fmt.Fprint(os.Stderr, usageText)
			return 1
		case "--check-system":
			if !platform.CheckSystem(os.Stdout) {
				return 1
			}
			return 0
		}
	}
	if len(args) > 0 && args[0] == "--test-memory" {
		return testMemory(args[1:])
	}
	if absent := absentProgram(name, sentinel); absent != "" {
		fmt.Fprintf(os.Stderr, "%s is not part of this version.\n", absent)
		return 1
	}
	server, err := New(Options{Args: args, Stdin: os.Stdin, ExecName: argv[0], OwnProcess: true, Sentinel: sentinel})
	if err != nil {
		if !errors.Is(err, ErrBadOption) {
			fmt.Fprintln(os.Stderr, err)
		}
		return 1
	}
	server.execArgv = argv
	return server.runProcess()
}

// absentProgram names the program that the binary was called as, if it is one that does not exist yet.
func absentProgram(name string, sentinel bool) string {
	switch {
	case sentinel:
		return "Sentinel mode"
	}
	return ""
}

func baseName(path string) string {
	return path[strings.LastIndexAny(path, `/\`)+1:]
}

// versionText is the answer to --version.
func versionText() string {
	return fmt.Sprintf("Redis server v=%s sha=%s:%d malloc=%s bits=%d build=%s", redisVersion, redisGitSHA1, 0, zmalloc.Lib, bits.UintSize, redisBuildID())
}

const usageText = `Usage: ./redis-server [/path/to/redis.conf] [options] [-]
       ./redis-server - (read config from stdin)
       ./redis-server -v or --version
       ./redis-server -h or --help
       ./redis-server --test-memory <megabytes>
       ./redis-server --check-system

Examples:
       ./redis-server (run the server with default conf)
       echo 'maxmemory 128mb' | ./redis-server -
       ./redis-server /etc/redis/6379.conf
       ./redis-server --port 7777
       ./redis-server --port 7777 --replicaof 127.0.0.1 8888
       ./redis-server /etc/myredis.conf --loglevel verbose -
       ./redis-server /etc/myredis.conf --loglevel verbose

Sentinel mode:
       ./redis-server /etc/sentinel.conf --sentinel
`

func testMemory(args []string) int {
	if len(args) != 1 {
		fmt.Fprint(os.Stderr, "Please specify the amount of memory to test in megabytes.\nExample: ./redis-server --test-memory 4096\n\n")
		return 1
	}
	mb := 0
	for _, ch := range args[0] {
		if ch < '0' || ch > '9' || mb > 1<<30 {
			mb = 0
			break
		}
		mb = mb*10 + int(ch-'0')
	}
	if mb == 0 {
		fmt.Fprintln(os.Stderr, "Please specify the amount of memory to test in megabytes.")
		return 1
	}
	if !platform.TestMemory(os.Stdout, mb, 50) {
		return 1
	}
	return 0
}

// runProcess serves as the one server of its process.
func (server *Server) runProcess() int {
	if supervised := server.redisIsSupervised(); server.daemonize && !supervised && !platform.Daemonized() {
		if err := platform.Daemonize(); err != nil {
			fmt.Fprintf(server.options.Stderr, "Can't daemonize: %v\n", err)
			return 1
		}
		return 0
	}
	server.prepareProcess()
	server.tuneScheduler()
	defer server.crashOnPanic()
	if err := server.Start(); err != nil {
		if !errors.Is(err, errLogged) {
			server.log(llWarning, "%s", err)
		}
		return 1
	}
	server.handleSignals()
	server.Run()
	return server.exitCode
}

// Start makes everything ready to serve: listeners, databases, the log's opening lines.
func (server *Server) Start() error {
	if server.options.OwnProcess {
		platform.SystemWarnings(func(msg string) { server.log(llWarning, "%s", msg) })
	}
	server.log(llNotice, "oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo")
	server.log(llNotice, "Redis version=%s, bits=%d, commit=%s, modified=%d, pid=%d, just started", redisVersion, bits.UintSize, redisGitSHA1, 0, server.pid)
	if server.configfile == "" && len(server.options.Args) == 0 {
		server.log(llWarning, "Warning: no config file specified, using the default config. In order to specify a config file use %s /path/to/redis.conf", server.options.ExecName)
	} else {
		server.log(llNotice, "Configuration loaded")
	}
	server.logger.early = false
	server.openSyslog()
	if server.updateLocaleCollate() != nil {
		return errors.New("Failed to configure LOCALE for invalid locale name.")
	}
	server.log(llNotice, "monotonic clock: %s", monotonic.InfoString())
	if err := server.adjustOpenFilesLimit(); err != nil {
		return err
	}
	if err := server.initServer(); err != nil {
		return err
	}
	server.updateSlowThreshold()
	if server.daemonize || server.pidfile != "" {
		server.createPidFile()
	}
	if server.options.OwnProcess && server.setProcTitle {
		server.redisSetProcTitle("")
	}
	server.redisAsciiArt()
	server.warnOfAbsentParts()
	if err := server.moduleLoadFromQueue(); err != nil {
		return err
	}
	if err := server.aclLoadUsersAtStartup(); err != nil {
		return err
	}
	if err := server.initListeners(); err != nil {
		return err
	}
	if err := server.unresolvedModuleConfigs(); err != nil {
		return err
	}
	if warning := platform.BacklogWarning(server.tcpBacklog); warning != "" {
		server.log(llWarning, "%s", warning)
	}
	server.log(llNotice, "Server initialized")
	if err := server.loadAtStartup(); err != nil {
		return err
	}
	for _, ln := range server.listeners {
		server.log(llNotice, "Ready to accept connections %s", ln.Type)
	}
	server.redisCommunicateSystemd("STATUS=Ready to accept connections\n")
	server.redisCommunicateSystemd("READY=1\n")
	if server.maxmemory > 0 && server.maxmemory < 1024*1024 {
		server.log(llWarning, "WARNING: You specified a maxmemory value that is less than 1MB (current value is %d bytes). Are you sure this is what you really want?", server.maxmemory)
	}
	return nil
}

// warnOfAbsentParts names what the configuration asks for and this version does not have: nobody shall take the server for a replica in step with
// its master, or for a node of a cluster.
func (server *Server) warnOfAbsentParts() {
	if server.masterhost != "" {
		server.log(llWarning, "WARNING: replicaof is set, but replication is not part of this version: no data will come from the master.")
	}
	if server.clusterEnabled {
		server.log(llWarning, "WARNING: cluster-enabled is set, but the cluster is not part of this version: the server knows no other node.")
	}
}

// Run serves until a shutdown. It locks its goroutine to its thread.
func (server *Server) Run() {
	if server.serverCpulist != "" && server.options.OwnProcess {
		runtime.LockOSThread()
		platform.SetCPUAffinity(server.serverCpulist)
	}
	server.el.Run()
	server.el.Close()
	server.stopBackground()
}

// Stop ends a server from any goroutine, without saving.
func (server *Server) Stop() {
	server.el.Post(func() {
		server.shutdownFlags = shutdownNosave | shutdownNow
		server.finishShutdown()
	})
}

// modeName says what kind of server this is, as INFO, HELLO and the log do.
func (server *Server) modeName() string {
	switch {
	case server.clusterEnabled:
		return "cluster"
	case server.sentinelMode:
		return "sentinel"
	}
	return "standalone"
}

// redisAsciiArt prints the banner on a terminal, or wherever always-show-logo wants it; else one log line says as much.
func (server *Server) redisAsciiArt() {
	mode := server.modeName()
	port := server.port
	if port == 0 {
		port = server.tlsPort
	}
	show := server.alwaysShowLogo || !server.syslogEnabled && server.logfile == "" && platform.IsTerminal(os.Stdout)
	if !show {
		server.log(llNotice, "Running mode=%s, port=%d.", mode, port)
		return
	}
	server.logText(fmt.Appendf(nil, `
    _ \           |               |
   |   |  _ \  _  |  _ \   _ \  __| __|   Redport %s (%s/%d) %d bit
   __ <   __/ (   |  |  | (   | |   |     Running in %s mode
  _| \_\\___|\__,_|  __/ \___/ _|  \__|   Port: %d
                    _|                    PID: %d

`, redisVersion, redisGitSHA1, 0, bits.UintSize, mode, port, server.pid))
}

// createPidFile writes the process's number where pidfile says.
func (server *Server) createPidFile() {
	name := server.pidfile
	if name == "" {
		name = "/var/run/redis.pid"
	}
	err := os.WriteFile(server.path(name), fmt.Appendf(nil, "%d\n", server.pid), 0o644)
	if err != nil {
		server.log(llNotice, "Failed to write PID file: %v", err)
		return
	}
	server.pidfile = name
	server.pidfileWritten = true
}

// handleSignals turns the process's signals into work for the main goroutine.
func (server *Server) handleSignals() {
	platform.NotifySignals(func(sig platform.Signal) {
		switch sig {
		case platform.SignalTerm, platform.SignalInt:
			sigint := sig == platform.SignalInt
			if sigint && server.lastSigReceived.Swap(int32(sig)+1) == int32(platform.SignalInt)+1 {
				server.signalLog("You insist... exiting now.")
				server.removeTempFiles()
				os.Exit(1)
			}
			server.lastSigReceived.Store(int32(sig) + 1)
			server.signalLog(signalText(sigint))
			server.el.Post(func() { server.signalShutdown(sigint) })
		case platform.SignalAlarm:
			server.alarmReceived()
		}
	})
	platform.NotifyCrashSignals(server.crashBySignal)
}

// signalLog writes a line the way a C signal handler can: without the usual clock.
func (server *Server) signalLog(msg string) {
	server.logText(fmt.Appendf(nil, "%d:signal-handler (%d) %s\n", server.pid, time.Now().Unix(), msg))
}

// removeTempFiles deletes what a save in progress has written so far.
func (server *Server) removeTempFiles() {
	server.tempFiles.Range(func(name, _ any) bool {
		os.Remove(name.(string))
		return true
	})
}
