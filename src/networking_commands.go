// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"math"
	"strings"
)

// networking_commands.go - commands about the connection itself: CLIENT, HELLO, RESET, QUIT, and pausing.

// equalFold compares an argument with an upper-case ASCII word. As in C, what follows a NUL does not count.
func equalFold(arg []byte, upper string) bool {
	if len(arg) != len(upper) {
		if len(arg) < len(upper) || arg[len(upper)] != 0 {
			return false
		}
		arg = arg[:len(upper)]
	}
	for i := range arg {
		ch := arg[i]
		if ch >= 'a' && ch <= 'z' {
			ch -= 'a' - 'A'
		}
		if ch != upper[i] {
			return false
		}
	}
	return true
}

// validateClientAttr tells whether a name can stand in CLIENT LIST: printable, no blanks.
func validateClientAttr(val []byte) bool {
	for _, ch := range val {
		if ch < '!' || ch > '~' {
			return false
		}
	}
	return true
}

// clientSetName gives the connection its name, or replies with an error.
func (c *client) clientSetName(name []byte) bool {
	if !validateClientAttr(name) {
		c.addReplyError("Client names cannot contain spaces, newlines or special characters.")
		return false
	}
	c.name = string(name)
	return true
}

// clientKillFilter selects clients for CLIENT KILL; the zero value selects all.
type clientKillFilter struct {
	id          uint64
	addr, laddr []byte
	user        string
	hasUser     bool
	typ         int
	skipme      bool
	maxAge      int64
}

func (f *clientKillFilter) matches(c *client, self *client) bool {
	switch {
	case f.addr != nil && c.peerID() != string(f.addr),
		f.laddr != nil && c.sockName() != string(f.laddr),
		f.typ != -1 && c.getClientType() != f.typ,
		f.id != 0 && c.id != f.id,
		f.hasUser && (c.user == nil || c.user.name != f.user),
		c == self && f.skipme,
		f.maxAge != 0 && c.server.unixtime-c.ctime < f.maxAge:
		return false
	}
	return true
}

// parseClientKillFilter reads CLIENT KILL's arguments, or replies with an error.
func (c *client) parseClientKillFilter() (f clientKillFilter, ok bool) {
	f = clientKillFilter{typ: -1, skipme: true}
	if len(c.argv) == 3 { // the old form: an address, which may be one's own
		f.addr, f.skipme = c.argv[2], false
		return f, true
	}
	for i := 2; i < len(c.argv); i += 2 {
		if i+1 >= len(c.argv) {
			c.addReplyErrorObject(shared.syntaxerr)
			return f, false
		}
		opt, val := c.argv[i], c.argv[i+1]
		switch {
		case equalFold(opt, "ID"):
			id, ok := c.getRangeLongFromObjectOrReply(val, 1, math.MaxInt64, "client-id should be greater than 0")
			if !ok {
				return f, false
			}
			f.id = uint64(id)
		case equalFold(opt, "MAXAGE"):
			age, ok := c.getLongLongFromObjectOrReply(val, "maxage is not an integer or out of range")
			if !ok {
				return f, false
			}
			if age <= 0 {
				c.addReplyError("maxage should be greater than 0")
				return f, false
			}
			f.maxAge = age
		case equalFold(opt, "TYPE"):
			if f.typ = getClientTypeByName(string(val)); f.typ == -1 {
				c.addReplyErrorFormat("Unknown client type '%s'", val)
				return f, false
			}
		case equalFold(opt, "ADDR"):
			f.addr = val
		case equalFold(opt, "LADDR"):
			f.laddr = val
		case equalFold(opt, "USER"):
			if c.server.aclGetUserByName(val) == nil {
				c.addReplyErrorFormat("No such user '%s'", val)
				return f, false
			}
			f.user, f.hasUser = string(val), true
		case equalFold(opt, "SKIPME"):
			switch {
			case equalFold(val, "YES"):
				f.skipme = true
			case equalFold(val, "NO"):
				f.skipme = false
			default:
				c.addReplyErrorObject(shared.syntaxerr)
				return f, false
			}
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return f, false
		}
	}
	return f, true
}

// clientCommand is CLIENT with its subcommands, but those on tracking, which are in tracking.go.
func clientCommand(c *client) {
	server := c.server
	sub := c.argv[1]
	argc := len(c.argv)
	switch {
	case equalFold(sub, "HELP") && argc == 2:
		c.addReplyHelp(clientHelp)
	case equalFold(sub, "ID") && argc == 2:
		c.addReplyLongLong(int64(c.id))
	case equalFold(sub, "INFO") && argc == 2:
		c.addReplyVerbatim([]byte(c.catClientInfoString()+"\n"), "txt")
	case equalFold(sub, "LIST"):
		clientListCommand(c)
	case equalFold(sub, "REPLY") && argc == 3:
		switch mode := c.argv[2]; {
		case equalFold(mode, "ON"):
			c.flags &^= clientReplySkip | clientReplyOff
			c.addReply(shared.ok)
		case equalFold(mode, "OFF"):
			c.flags |= clientReplyOff
		case equalFold(mode, "SKIP"):
			if c.flags&clientReplyOff == 0 {
				c.flags |= clientReplySkipNext
			}
		default:
			c.addReplyErrorObject(shared.syntaxerr)
		}
	case equalFold(sub, "NO-EVICT") && argc == 3:
		switch mode := c.argv[2]; {
		case equalFold(mode, "ON"):
			c.flags |= clientNoEvict
			c.removeClientFromMemUsageBucket()
			c.addReply(shared.ok)
		case equalFold(mode, "OFF"):
			c.flags &^= clientNoEvict
			c.updateClientMemUsageAndBucket()
			c.addReply(shared.ok)
		default:
			c.addReplyErrorObject(shared.syntaxerr)
		}
	case equalFold(sub, "NO-TOUCH") && argc == 3:
		switch mode := c.argv[2]; {
		case equalFold(mode, "ON"):
			c.flags |= clientNoTouch
			c.addReply(shared.ok)
		case equalFold(mode, "OFF"):
			c.flags &^= clientNoTouch
			c.addReply(shared.ok)
		default:
			c.addReplyErrorObject(shared.syntaxerr)
		}
	case equalFold(sub, "KILL"):
		clientKillCommand(c)
	case equalFold(sub, "UNBLOCK") && (argc == 3 || argc == 4):
		clientUnblockCommand(c)
	case equalFold(sub, "SETNAME") && argc == 3:
		if c.clientSetName(c.argv[2]) {
			c.addReply(shared.ok)
		}
	case equalFold(sub, "GETNAME") && argc == 2:
		if c.name != "" {
			c.addReplyBulkString(c.name)
		} else {
			c.addReplyNull()
		}
	case equalFold(sub, "UNPAUSE") && argc == 2:
		server.unpauseActions(pauseByClientCommand)
		c.addReply(shared.ok)
	case equalFold(sub, "PAUSE") && (argc == 3 || argc == 4):
		actions := pauseActionsClientAllSet
		if argc == 4 {
			switch mode := c.argv[3]; {
			case equalFold(mode, "WRITE"):
				actions = pauseActionsClientWriteSet
			case equalFold(mode, "ALL"):
			default:
				c.addReplyError("CLIENT PAUSE mode must be WRITE or ALL")
				return
			}
		}
		end, ok := c.getTimeoutFromObjectOrReply(c.argv[2], unitMilliseconds)
		if !ok {
			return
		}
		server.pauseActions(pauseByClientCommand, end, actions)
		c.addReply(shared.ok)
	case equalFold(sub, "TRACKING") && argc >= 3:
		clientTrackingCommand(c)
	case equalFold(sub, "CACHING") && argc == 3:
		clientCachingCommand(c)
	case equalFold(sub, "GETREDIR") && argc == 2:
		clientGetredirCommand(c)
	case equalFold(sub, "TRACKINGINFO") && argc == 2:
		clientTrackingInfoCommand(c)
	default:
		c.addReplySubcommandSyntaxError()
	}
}

// clientSetinfoCommand is CLIENT SETINFO LIB-NAME|LIB-VER value.
func clientSetinfoCommand(c *client) {
	opt, val := c.argv[2], c.argv[3]
	var to *string
	switch {
	case equalFold(opt, "LIB-NAME"):
		to = &c.libName
	case equalFold(opt, "LIB-VER"):
		to = &c.libVer
	default:
		c.addReplyErrorFormat("Unrecognized option '%s'", opt)
		return
	}
	if !validateClientAttr(val) {
		c.addReplyErrorFormat("%s cannot contain spaces, newlines or special characters.", strings.ToLower(string(opt)))
		return
	}
	*to = string(val)
	c.addReply(shared.ok)
}

var clientHelp = []string{
	"CACHING (YES|NO)",
	"    Decide, in OPTIN or OPTOUT mode, whether the next command's keys are tracked.",
	"GETREDIR",
	"    Tell the ID of the client that gets our invalidation messages.",
	"GETNAME",
	"    Tell the name of this connection.",
	"ID",
	"    Tell the ID of this connection.",
	"INFO",
	"    Describe this connection as LIST does.",
	"KILL <ip:port>",
	"    Close the connection made from <ip:port>.",
	"KILL <option> <value> [<option> <value> [...]]",
	"    Close connections that match all of:",
	"    * ADDR (<ip:port>|<unixsocket>:0)",
	"      The remote address.",
	"    * LADDR (<ip:port>|<unixsocket>:0)",
	"      The local address.",
	"    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
	"      The type of client.",
	"    * USER <username>",
	"      The user that the connection runs as.",
	"    * SKIPME (YES|NO)",
	"      Whether to spare this very connection (default: yes).",
	"    * ID <client-id>",
	"      The client's ID.",
	"    * MAXAGE <maxage>",
	"      At least that many seconds old.",
	"LIST [options ...]",
	"    Describe the connected clients, a line each. Options:",
	"    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
	"      Only clients of that type.",
	"    * ID <client-id> [<client-id> [...]]",
	"      Only these clients.",
	"UNPAUSE",
	"    End a pause before its time.",
	"PAUSE <timeout> [WRITE|ALL]",
	"    Hold back all clients, or those that write, for <timeout> milliseconds.",
	"REPLY (ON|OFF|SKIP)",
	"    Switch this connection's replies on or off, or leave out the next one.",
	"SETNAME <name>",
	"    Name this connection.",
	"SETINFO <option> <value>",
	"    Describe the client library. Options are:",
	"    * LIB-NAME: its name.",
	"    * LIB-VER: its version.",
	"UNBLOCK <clientid> [TIMEOUT|ERROR]",
	"    End the wait of a blocked client.",
	"TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
	"         [OPTIN] [OPTOUT] [NOLOOP]",
	"    Switch server-assisted client-side caching.",
	"TRACKINGINFO",
	"    Describe the tracking of this connection.",
	"NO-EVICT (ON|OFF)",
	"    Exempt this connection from client eviction.",
	"NO-TOUCH (ON|OFF)",
	"    Keep this connection's commands from touching access times.",
}

func clientListCommand(c *client) {
	server := c.server
	typ := -1
	switch {
	case len(c.argv) == 4 && equalFold(c.argv[2], "TYPE"):
		if typ = getClientTypeByName(string(c.argv[3])); typ == -1 {
			c.addReplyErrorFormat("Unknown client type '%s'", c.argv[3])
			return
		}
	case len(c.argv) > 3 && equalFold(c.argv[2], "ID"):
		var b strings.Builder
		for _, arg := range c.argv[3:] {
			id, ok := c.getLongLongFromObjectOrReply(arg, "Invalid client ID")
			if !ok {
				return
			}
			if cl := server.clientsByID[uint64(id)]; cl != nil {
				b.WriteString(cl.catClientInfoString())
				b.WriteByte('\n')
			}
		}
		c.addReplyVerbatim([]byte(b.String()), "txt")
		return
	case len(c.argv) != 2:
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	c.addReplyVerbatim([]byte(server.getAllClientsInfoString(typ)), "txt")
}

func clientKillCommand(c *client) {
	server := c.server
	f, ok := c.parseClientKillFilter()
	if !ok {
		return
	}
	killed, closeThis := 0, false
	for _, cl := range server.clientsInOrder() {
		if !f.matches(cl, c) {
			continue
		}
		killed++
		if cl == c {
			closeThis = true
		} else {
			server.freeClient(cl)
		}
	}
	switch {
	case len(c.argv) != 3:
		c.addReplyLongLong(int64(killed))
	case killed == 0:
		c.addReplyError("No such client")
	default:
		c.addReply(shared.ok)
	}
	// One's own connection goes once the reply is out.
	if closeThis {
		c.flags |= clientCloseAfterReply
	}
}

func clientUnblockCommand(c *client) {
	server := c.server
	asError := false
	if len(c.argv) == 4 {
		switch {
		case equalFold(c.argv[3], "TIMEOUT"):
		case equalFold(c.argv[3], "ERROR"):
			asError = true
		default:
			c.addReplyError("CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
			return
		}
	}
	id, ok := c.getLongLongFromObjectOrReply(c.argv[2], "")
	if !ok {
		return
	}
	target := server.clientsByID[uint64(id)]
	// A paused client is not blocked in this sense, nor is one that waits for a shutdown or a flush.
	if target == nil || target.flags&clientBlocked == 0 || !target.blockedClientMayTimeout() {
		c.addReply(shared.czero)
		return
	}
	if asError {
		target.unblockClientOnError("-UNBLOCKED client unblocked via CLIENT UNBLOCK")
	} else {
		target.unblockClientOnTimeout()
	}
	c.addReply(shared.cone)
}

// helloCommand is HELLO [proto [AUTH user pass] [SETNAME name]].
func helloCommand(c *client) {
	server := c.server
	ver := int64(0)
	next := 1
	if len(c.argv) >= 2 {
		v, ok := c.getLongLongFromObjectOrReply(c.argv[next], "Protocol version is not an integer or out of range")
		if !ok {
			return
		}
		next++
		if v < 2 || v > 3 {
			c.addReplyError("-NOPROTO unsupported protocol version")
			return
		}
		ver = v
	}
	var username, password, name []byte
	for j := next; j < len(c.argv); j++ {
		more := len(c.argv) - 1 - j
		switch opt := c.argv[j]; {
		case equalFold(opt, "AUTH") && more >= 2:
			c.redactClientCommandArgument(j + 1)
			c.redactClientCommandArgument(j + 2)
			username, password = c.argv[j+1], c.argv[j+2]
			j += 2
		case equalFold(opt, "SETNAME") && more >= 1:
			name = c.argv[j+1]
			if !validateClientAttr(name) {
				c.addReplyError("Client names cannot contain spaces, newlines or special characters.")
				return
			}
			j++
		default:
			c.addReplyErrorFormat("Syntax error in HELLO option '%s'", opt)
			return
		}
	}
	if username != nil && !c.aclAuthenticateUser(username, password) {
		c.addAuthErrReply()
		return
	}
	if !c.authenticated && c.authRequired() {
		c.addReplyError("-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
		return
	}
	if name != nil {
		c.clientSetName(name)
	}
	if ver != 0 {
		c.resp = int(ver)
	}
	fields := 7
	if server.sentinelMode {
		fields = 6
	}
	c.addReplyMapLen(fields)
	c.addReplyBulkString("server")
	c.addReplyBulkString("redis")
	c.addReplyBulkString("version")
	c.addReplyBulkString(redisVersion)
	c.addReplyBulkString("proto")
	c.addReplyLongLong(int64(c.resp))
	c.addReplyBulkString("id")
	c.addReplyLongLong(int64(c.id))
	c.addReplyBulkString("mode")
	c.addReplyBulkString(server.modeName())
	if !server.sentinelMode {
		c.addReplyBulkString("role")
		if server.masterhost != "" {
			c.addReplyBulkString("replica")
		} else {
			c.addReplyBulkString("master")
		}
	}
	c.addReplyBulkString("modules")
	c.addReplyArrayLen(0)
}

// resetCommand is RESET: the connection is as new, but for its authentication where none is needed.
func resetCommand(c *client) {
	flags := c.flags
	if flags&clientMonitor != 0 {
		flags &^= clientMonitor | clientSlave
	}
	if flags&(clientSlave|clientMaster|clientModule) != 0 {
		c.addReplyError("can only reset normal client connections")
		return
	}
	c.clearClientConnectionState()
	c.addReplyStatus("RESET")
}

// clearClientConnectionState takes back all that commands have set on the connection.
func (c *client) clearClientConnectionState() {
	server := c.server
	if c.flags&clientMonitor != 0 {
		removeClient(&server.monitors, c)
		c.flags &^= clientMonitor | clientSlave
	}
	if c.flags&clientTracking != 0 {
		c.disableTracking()
	}
	c.selectDb(0)
	c.resp = 2
	c.setDefaultAuth()
	if c.flags&clientMulti != 0 {
		c.discardTransaction()
	}
	c.unwatchAllKeys()
	server.pubsubUnsubscribeAllChannels(c, false)
	server.pubsubUnsubscribeShardAllChannels(c, false)
	server.pubsubUnsubscribeAllPatterns(c, false)
	c.name = ""
	c.flags &^= clientPubsub | clientReadonly | clientReplyOff | clientReplySkip | clientReplySkipNext | clientNoTouch | clientNoEvict
}

func quitCommand(c *client) {
	c.addReply(shared.ok)
	c.flags |= clientCloseAfterReply
}

// --- Pausing ---

// updatePausedActions recomputes which actions are paused, and lets clients go on where none is any more.
func (server *Server) updatePausedActions() uint32 {
	old := server.pausedActions
	now := server.mstime()
	var actions uint32
	for i := range server.pauseCause {
		if p := &server.pauseCause[i]; p.actions != 0 {
			if p.end > now {
				actions |= p.actions
			} else {
				*p = pauseEvent{}
			}
		}
	}
	server.pausedActions = actions
	const clientActions = pauseActionClientAll | pauseActionClientWrite
	if old&clientActions != 0 && actions&clientActions != old&clientActions {
		server.unblockPostponedClients()
	}
	return actions
}

// pauseActions starts or prolongs a pause until end (unix ms). A purpose's pause never gets shorter or weaker.
func (server *Server) pauseActions(purpose int, end int64, actions uint32) {
	p := &server.pauseCause[purpose]
	if p.actions == 0 {
		*p = pauseEvent{actions, end}
	} else {
		p.end = max(p.end, end)
		p.actions |= actions
	}
	server.updatePausedActions()
	// Inside a transaction the rest of it must be marked as paused too.
	if server.inExec {
		server.clientPauseInTransaction = true
	}
}

func (server *Server) unpauseActions(purpose int) {
	server.pauseCause[purpose] = pauseEvent{}
	server.updatePausedActions()
}

// isPausedActionsWithUpdate tells whether any of the actions is paused now.
func (server *Server) isPausedActionsWithUpdate(actions uint32) bool {
	if server.pausedActions&actions == 0 {
		return false
	}
	return server.updatePausedActions()&actions != 0
}

// unblockPostponedClients lets held-back commands run: they are parsed again from the input.
func (server *Server) unblockPostponedClients() {
	list := server.postponedClients
	server.postponedClients = nil
	for _, c := range list {
		if c.closed {
			continue
		}
		c.flags &^= clientBlocked
		c.bstate.btype = blockedNone
		server.blockedClients--
		server.blockedClientsByType[blockedPostpone]--
		if !server.executePostponed(c) {
			c.conn.Redeliver()
		}
	}
}

// blockPostponeClient holds the command back until the pause ends.
func (c *client) blockPostponeClient() {
	server := c.server
	c.flags |= clientBlocked
	c.bstate.btype = blockedPostpone
	c.bstate.timeout = 0
	server.blockedClients++
	server.blockedClientsByType[blockedPostpone]++
	server.postponedClients = append(server.postponedClients, c)
}
