// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unsafe"

	"redport/src/ae"
)

// networking_client.go - the life of a client: accepted, listed, weighed, limited, evicted, freed.
//
// A client is freed in one of two ways. freeClient does it at once and is for the loop's own calls
// (cron, beforeSleep, Closed); freeClientAsync marks the client and leaves the rest to beforeSleep, and
// is what commands and everything that may run inside Data must use.

// createClient makes the client of a connection, or, with conn nil, a fake one.
func (server *Server) createClient(conn *ae.Conn) *client {
	c := &client{
		server: server, conn: conn, resp: 2, db: server.db[0], slot: -1, bulklen: -1, memUsageBucket: -1,
		ctime: server.unixtime, lastInteraction: server.unixtime, index: -1,
	}
	c.setDefaultAuth()
	if conn == nil {
		return c
	}
	server.nextClientID++
	c.id = server.nextClientID
	c.buf = make([]byte, 0, protoReplyChunkBytes)
	c.bufPeakLastReset = server.cachedMstime
	c.index = len(server.clients)
	server.clients = append(server.clients, c)
	server.clientsByID[c.id] = c
	server.assignClientToIOThread(c)
	conn.SetHandler(c)
	return c
}

// acceptHandler takes a new connection (C: acceptCommonHandler, clientAcceptHandler).
func (server *Server) acceptHandler(conn *ae.Conn) {
	if len(server.clients) >= server.maxclients {
		server.stat.rejectedConn++
		server.rejectConnection(conn, "-ERR max number of clients reached\r\n")
		return
	}
	if server.protectedMode && server.defaultUser.nopass() && conn.Network() != "unix" && !isLoopbackAddress(conn.RemoteAddr()) {
		server.stat.rejectedConn++
		server.rejectConnection(conn, "-DENIED Redis is running in protected mode because protected "+
			"mode is enabled and no password is set for the default user. "+
			"In this mode connections are only accepted from the loopback interface. "+
			"If you want to connect from external computers to Redis you may adopt one of the following solutions: "+
			"1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, "+
			"however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. "+
			"2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. "+
			"3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. "+
			"4) Set up an authentication password for the default user. "+
			"NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n")
		return
	}
	if conn.Network() != "unix" {
		conn.SetNoDelay(true)
		if server.tcpkeepalive > 0 {
			conn.SetKeepAlive(server.tcpkeepalive)
		}
	}
	c := server.createClient(conn)
	if conn.Network() == "unix" {
		c.flags |= clientUnixSocket
	}
	server.stat.numconnections++
	server.log(llDebug, "Client connected: %s", c.peerID())
}

// rejectConnection sends one error on a connection that gets no client, as far as the system takes it
// without waiting, and closes it.
func (server *Server) rejectConnection(conn *ae.Conn, msg string) {
	r := &rejectedConn{conn: conn, out: []byte(msg)}
	conn.SetHandler(r)
	conn.QueueWrite()
}

// rejectedConn is the handler of a connection that was refused: it sends its error and goes.
type rejectedConn struct {
	conn *ae.Conn
	out  []byte
}

func (r *rejectedConn) Data(in []byte) (int, int) { return len(in), 0 }
func (r *rejectedConn) Output() []byte            { return r.out }
func (r *rejectedConn) Closed(error)              {}
func (r *rejectedConn) Wrote(n int) {
	r.out = r.out[n:]
	if len(r.out) == 0 {
		r.out = nil
		r.conn.Close()
	}
}

func isLoopbackAddress(addr string) bool {
	return strings.HasPrefix(addr, "127.") || strings.HasPrefix(addr, "[::1]") || strings.HasPrefix(addr, "[::ffff:127.")
}

// Closed ends a client whose connection is gone (ae.Handler).
func (c *client) Closed(err error) {
	if c.closed {
		return
	}
	if err != nil && err != io.EOF {
		c.server.log(llVerbose, "Reading from client: %v", err)
	} else {
		c.server.log(llVerbose, "Client closed connection %s", c.catClientInfoString())
	}
	c.server.freeClient(c)
}

// freeClientAsync has the client freed before the loop sleeps.
func (c *client) freeClientAsync() {
	if c.closed || c.flags&clientCloseASAP != 0 || c.flags&clientScript != 0 {
		return
	}
	c.flags |= clientCloseASAP
	c.server.clientsToClose = append(c.server.clientsToClose, c)
}

// freeClientsInAsyncFreeQueue frees what freeClientAsync marked. Clients that protect themselves (a
// long command that serves events meanwhile) stay queued.
func (server *Server) freeClientsInAsyncFreeQueue() int {
	if len(server.clientsToClose) == 0 {
		return 0
	}
	queue := server.clientsToClose
	server.clientsToClose = nil
	freed := 0
	for _, c := range queue {
		if c.flags&clientProtected != 0 {
			server.clientsToClose = append(server.clientsToClose, c)
			continue
		}
		c.flags &^= clientCloseASAP
		server.freeClient(c)
		freed++
	}
	return freed
}

// freeClient ends a client: nothing refers to it any more when it returns.
func (server *Server) freeClient(c *client) {
	if c.closed {
		return
	}
	if c.flags&clientProtected != 0 {
		c.freeClientAsync()
		return
	}
	if c.flags&clientPubsub != 0 {
		server.flushPublished()
	}
	c.closed = true
	if c.flags&clientBlocked != 0 {
		server.unblockClient(c, false)
	}
	c.unwatchAllKeys()
	c.disableTracking()
	server.pubsubUnsubscribeAllChannels(c, false)
	server.pubsubUnsubscribeShardAllChannels(c, false)
	server.pubsubUnsubscribeAllPatterns(c, false)
	if c.flags&clientMonitor != 0 {
		removeClient(&server.monitors, c)
	}
	if c.flags&clientSlave != 0 {
		removeClient(&server.slaves, c)
	}
	if c.flags&clientCloseASAP != 0 {
		removeClient(&server.clientsToClose, c)
	}
	c.removeClientFromMemUsageBucket()
	server.clientsMemUsage[c.lastMemoryType] -= c.lastMemoryUsage
	c.lastMemoryUsage = 0
	if c.index >= 0 {
		last := server.clients[len(server.clients)-1]
		server.clients[c.index] = last
		last.index = c.index
		server.clients[len(server.clients)-1] = nil
		server.clients = server.clients[:len(server.clients)-1]
		c.index = -1
		delete(server.clientsByID, c.id)
		server.ioThreadClients[c.tid]--
	}
	if server.currentClient == c {
		server.currentClient = nil
	}
	if c.conn != nil {
		c.conn.Close()
	}
	c.buf, c.reply, c.argv, c.argPos = nil, nil, nil, nil
}

// protectClient keeps the client alive, and its input unread, while its command serves events. What it is sent meanwhile goes out.
func (c *client) protectClient() { c.flags |= clientProtected }

func (c *client) unprotectClient() {
	if c.flags&clientProtected != 0 {
		c.flags &^= clientProtected
		if c.conn != nil {
			c.conn.Redeliver()
		}
	}
}

func removeClient(list *[]*client, c *client) {
	if i := slices.Index(*list, c); i >= 0 {
		*list = slices.Delete(*list, i, i+1)
	}
}

// --- What a client is ---

// getClientType is the client's class for output limits and INFO.
func (c *client) getClientType() int {
	switch {
	case c.flags&clientMaster != 0:
		return clientTypeMaster
	case c.flags&clientSlave != 0 && c.flags&clientMonitor == 0:
		return clientTypeSlave
	case c.flags&clientPubsub != 0:
		return clientTypePubsub
	}
	return clientTypeNormal
}

// getClientTypeByName: -1 for an unknown name.
func getClientTypeByName(name string) int {
	switch strings.ToLower(name) {
	case "normal":
		return clientTypeNormal
	case "slave", "replica":
		return clientTypeSlave
	case "pubsub":
		return clientTypePubsub
	case "master":
		return clientTypeMaster
	}
	return -1
}

// addressID formats an endpoint as clients know it: "ip:port", "[v6]:port", "path:0".
func addressID(network, addr, unixsocket string) string {
	if network == "unix" {
		return unixsocket + ":0"
	}
	return addr
}

func (c *client) peerID() string {
	if c.peerid == "" {
		if c.conn == nil {
			return ""
		}
		c.peerid = addressID(c.conn.Network(), c.conn.RemoteAddr(), c.server.unixsocket)
	}
	return c.peerid
}

func (c *client) sockName() string {
	if c.sockname == "" {
		if c.conn == nil {
			return ""
		}
		c.sockname = addressID(c.conn.Network(), c.conn.LocalAddr(), c.server.unixsocket)
	}
	return c.sockname
}

// clientFlagsString is the flags field of CLIENT LIST.
func (c *client) clientFlagsString() string {
	var b [24]byte
	f := b[:0]
	add := func(flag uint64, ch byte) {
		if c.flags&flag != 0 {
			f = append(f, ch)
		}
	}
	if c.flags&clientSlave != 0 {
		if c.flags&clientMonitor != 0 {
			f = append(f, 'O')
		} else {
			f = append(f, 'S')
		}
	} else {
		add(clientMonitor, 'O')
	}
	add(clientMaster, 'M')
	add(clientPubsub, 'P')
	add(clientMulti, 'x')
	add(clientBlocked, 'b')
	add(clientTracking, 't')
	add(clientTrackingBrokenRedir, 'R')
	add(clientTrackingBcast, 'B')
	add(clientDirtyCAS, 'd')
	add(clientCloseAfterReply, 'c')
	add(clientUnblocked, 'u')
	add(clientCloseASAP, 'A')
	add(clientUnixSocket, 'U')
	add(clientReadonly, 'r')
	add(clientNoEvict, 'e')
	add(clientNoTouch, 'T')
	if len(f) == 0 {
		f = append(f, 'N')
	}
	return string(f)
}

// inputBuffer tells how much of the input buffer is in use, and how much is spare. While its command
// executes from the shared buffer, a client is shown with that buffer; in C, one of an I/O thread has given it back by then.
func (c *client) inputBuffer() (used, free int) {
	if c.conn == nil {
		return 0, 0
	}
	if c.inData {
		if c.conn.InCap() == 0 && c.ioThread() > 0 {
			return 0, 0
		}
		return c.inputLen, max(protoIobufLen+protoReplyMinBytes-c.inputLen, c.conn.InCap()-c.inputLen)
	}
	// What is parsed of an unfinished command counts as its arguments.
	used = max(0, c.conn.Buffered()-c.parsePos)
	return used, max(0, c.conn.InCap()-used)
}

// catClientInfoString is the client's line in CLIENT LIST.
func (c *client) catClientInfoString() string {
	server := c.server
	var b strings.Builder
	b.Grow(420)
	fd := -1
	if c.conn != nil {
		fd = c.conn.Fd()
	}
	events := ""
	if c.conn != nil && !c.closed {
		events = "r"
		if c.clientHasPendingReplies() && c.flags&clientPendingWrite == 0 {
			events = "rw"
		}
	}
	multi := -1
	if c.flags&clientMulti != 0 {
		multi = len(c.mstate.commands)
	}
	redir := int64(-1)
	if c.flags&clientTracking != 0 {
		redir = int64(c.clientTrackingRedirection)
	}
	cmd := "NULL"
	if c.lastcmd != nil {
		cmd = c.lastcmd.fullname
	}
	userName := "(superuser)"
	if c.user != nil {
		userName = c.user.name
	}
	qbuf, qfree := c.inputBuffer()
	fmt.Fprintf(&b, "id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=%d sub=%d psub=%d ssub=%d multi=%d watch=%d qbuf=%d qbuf-free=%d argv-mem=%d multi-mem=%d rbs=%d rbp=%d obl=%d oll=%d omem=%d tot-mem=%d events=%s cmd=%s user=%s redir=%d resp=%d lib-name=%s lib-ver=%s io-thread=%d",
		c.id, c.peerID(), c.sockName(), fd, c.name, server.unixtime-c.ctime, server.unixtime-c.lastInteraction, c.clientFlagsString(), c.db.id,
		len(c.pubsubChannels), len(c.pubsubPatterns), len(c.pubsubshardChannels), multi, len(c.watchedKeys),
		qbuf, qfree, c.argvMem(), c.mstate.argvLenSums, cap(c.buf), c.replyPeak(), len(c.buf)-c.sentlen, len(c.reply), c.getClientOutputBufferMemoryUsage(),
		c.getClientMemoryUsage(), events, cmd, userName, redir, c.resp, c.libName, c.libVer, c.ioThread())
	return b.String()
}

func (c *client) replyPeak() int { return max(c.bufPeak, len(c.buf)) }

// argvMem is what the arguments of the current command hold.
func (c *client) argvMem() int64 {
	n := c.argvLenSum
	if n == 0 {
		for _, a := range c.argv {
			n += int64(len(a))
		}
	}
	return n
}

// getAllClientsInfoString is CLIENT LIST, of all clients (typ -1) or of one type.
func (server *Server) getAllClientsInfoString(typ int) string {
	var b strings.Builder
	for _, c := range server.clientsInOrder() {
		if typ != -1 && c.getClientType() != typ {
			continue
		}
		b.WriteString(c.catClientInfoString())
		b.WriteByte('\n')
	}
	return b.String()
}

// clientsInOrder lists the clients by age, oldest first, as Redis does.
func (server *Server) clientsInOrder() []*client {
	list := slices.Clone(server.clients)
	slices.SortFunc(list, func(a, b *client) int { return cmp.Compare(a.id, b.id) })
	return list
}

// --- Memory of clients, output limits, eviction ---

const clientStructSize = int64(unsafe.Sizeof(client{}))

// getClientOutputBufferMemoryUsage is what the client holds of replies, beyond its fixed buffer.
func (c *client) getClientOutputBufferMemoryUsage() int64 {
	return c.replyBytes + int64(len(c.reply))*replyNodeSize
}

// getClientMemoryUsage is all that the client holds.
func (c *client) getClientMemoryUsage() int64 {
	qbuf, qfree := c.inputBuffer()
	n := c.getClientOutputBufferMemoryUsage() + int64(qbuf+qfree) + clientStructSize + int64(cap(c.buf)) + c.argvMem() + c.mstate.argvLenSums
	n += int64(len(c.mstate.commands)) * int64(unsafe.Sizeof(multiCmd{}))
	n += int64(len(c.watchedKeys)) * 64
	for ch := range c.pubsubChannels {
		n += int64(len(ch)) + 48
	}
	for ch := range c.pubsubPatterns {
		n += int64(len(ch)) + 48
	}
	for ch := range c.pubsubshardChannels {
		n += int64(len(ch)) + 48
	}
	for p := range c.clientTrackingPrefixes {
		n += int64(len(p)) + 48
	}
	return n
}

// Client memory buckets, by powers of two, so that eviction finds the fattest clients without sorting.
const (
	clientMemUsageBucketMinLog = 15 // bucket 0: below 32 KB
	clientMemUsageBucketMaxLog = 33
	clientMemUsageBuckets      = 1 + clientMemUsageBucketMaxLog - clientMemUsageBucketMinLog
)

func memUsageBucketIndex(n int64) int {
	log := 0
	for v := n; v > 1; v >>= 1 {
		log++
	}
	return min(max(log-clientMemUsageBucketMinLog, 0), clientMemUsageBuckets-1)
}

// clientEvictionAllowed: only normal and pub/sub clients that did not opt out are evicted.
func (c *client) clientEvictionAllowed() bool {
	if c.server.maxmemoryClients == 0 || c.flags&clientNoEvict != 0 || c.conn == nil {
		return false
	}
	t := c.getClientType()
	return t == clientTypeNormal || t == clientTypePubsub
}

// updateClientMemoryUsage brings the sums of INFO up to date.
func (c *client) updateClientMemoryUsage() {
	server := c.server
	mem, typ := c.getClientMemoryUsage(), c.getClientType()
	server.clientsMemUsage[c.lastMemoryType] -= c.lastMemoryUsage
	server.clientsMemUsage[typ] += mem
	c.lastMemoryType, c.lastMemoryUsage = typ, mem
	if c.conn != nil {
		c.weighedIn = c.conn.InCap()
	}
}

func (c *client) removeClientFromMemUsageBucket() {
	if c.memUsageBucket < 0 {
		return
	}
	b := &c.server.clientMemBuckets[c.memUsageBucket]
	delete(b.clients, c)
	b.memUsageSum -= c.bucketMemUsage
	c.memUsageBucket, c.bucketMemUsage = -1, 0
}

// updateClientMemUsageAndBucket files the client under its size, if it may be evicted at all.
func (c *client) updateClientMemUsageAndBucket() {
	if c.closed || c.conn == nil {
		return
	}
	c.updateClientMemoryUsage()
	c.removeClientFromMemUsageBucket()
	if !c.clientEvictionAllowed() {
		return
	}
	i := memUsageBucketIndex(c.lastMemoryUsage)
	b := &c.server.clientMemBuckets[i]
	if b.clients == nil {
		b.clients = map[*client]struct{}{}
	}
	b.clients[c] = struct{}{}
	b.memUsageSum += c.lastMemoryUsage
	c.memUsageBucket, c.bucketMemUsage = i, c.lastMemoryUsage
}

// getClientEvictionLimit is maxmemory-clients in bytes: a negative setting is a percentage of maxmemory.
func (server *Server) getClientEvictionLimit() int64 {
	limit := server.maxmemoryClients
	if limit < 0 {
		if server.maxmemory == 0 {
			return 0
		}
		limit = int64(float64(server.maxmemory) * float64(-limit) / 100)
	}
	if limit > 0 {
		// Below this no client could live long enough to raise it again.
		limit = max(limit, 128*1024)
	}
	return limit
}

// evictClients frees the fattest clients until the sum is within maxmemory-clients. Those that are about to be closed for another reason, such
// as the limits of their output, go first: no other one must go for what they hold.
func (server *Server) evictClients() {
	limit := server.getClientEvictionLimit()
	sum := func() int64 {
		return server.clientsMemUsage[clientTypeNormal] + server.clientsMemUsage[clientTypePubsub]
	}
	if limit == 0 || sum() <= limit {
		return
	}
	for _, c := range server.clientsToClose {
		if typ := c.lastMemoryType; typ == clientTypeNormal || typ == clientTypePubsub {
			limit += c.lastMemoryUsage
			c.removeClientFromMemUsageBucket()
		}
	}
	for i := clientMemUsageBuckets - 1; i >= 0; i-- {
		for victim := range server.clientMemBuckets[i].clients {
			if sum() <= limit {
				return
			}
			// One that protects itself, because it runs a script, goes only when that ends.
			if victim.flags&clientCloseASAP != 0 {
				continue
			}
			server.log(llNotice, "Evicting client: %s", victim.catClientInfoString())
			server.freeClient(victim)
			if !victim.closed {
				limit += victim.lastMemoryUsage
			}
			server.stat.evictedclients++
		}
	}
}

// closeClientOnOutputBufferLimitReached ends a client that does not read what it asked for: at once, or
// after the soft limit's time. It tells whether it did.
func (c *client) closeClientOnOutputBufferLimitReached(async bool) bool {
	if c.conn == nil || c.replyBytes == 0 || c.flags&clientCloseASAP != 0 || c.closed {
		return false
	}
	server := c.server
	// What nobody vouched for gets no memory.
	unauth := c.getClientOutputBufferMemoryUsage() > 1024 && c.authRequired()
	if !unauth && !c.checkClientOutputBufferLimits() {
		return false
	}
	info := c.catClientInfoString()
	if async || c.flags&clientPushing != 0 || c == server.currentClient {
		c.freeClientAsync()
		server.log(llWarning, "Client %s scheduled to be closed ASAP for overcoming of output buffer limits.", info)
	} else {
		server.freeClient(c)
		server.log(llWarning, "Client %s closed for overcoming of output buffer limits.", info)
	}
	server.stat.clientOutbufLimitDisconnections++
	return true
}

// checkClientOutputBufferLimits tells whether the client is over its class's limits.
func (c *client) checkClientOutputBufferLimits() bool {
	server := c.server
	used := uint64(c.getClientOutputBufferMemoryUsage())
	class := c.getClientType()
	if class == clientTypeMaster {
		class = clientTypeNormal
	}
	lim := server.clientObufLimits[class]
	if lim.hardLimitBytes != 0 && used >= lim.hardLimitBytes {
		return true
	}
	if lim.softLimitBytes == 0 || used < lim.softLimitBytes {
		c.obufSoftLimitReachedTime = 0
		return false
	}
	if c.obufSoftLimitReachedTime == 0 {
		c.obufSoftLimitReachedTime = server.unixtime
		return false
	}
	return server.unixtime-c.obufSoftLimitReachedTime > lim.softLimitSeconds
}

// --- Work of clientsCron ---

// clientsPeakMem keeps the largest buffers of the last seconds, for INFO's recent_max fields.
type clientsPeakMem struct {
	input, output [8]int64
}

// clientsCronHandleTimeout closes clients that were idle for longer than `timeout`.
func (c *client) clientsCronHandleTimeout(nowMs int64) bool {
	server := c.server
	const exempt = clientSlave | clientMaster | clientBlocked | clientPubsub
	if server.maxidletime > 0 && c.flags&exempt == 0 && nowMs/1000-c.lastInteraction > int64(server.maxidletime) {
		server.log(llVerbose, "Closing idle client")
		server.freeClient(c)
		return true
	}
	return false
}

// clientsCronResizeQueryBuffer gives back input buffers that have become too large for what arrives.
func (c *client) clientsCronResizeQueryBuffer() {
	if c.conn == nil {
		return
	}
	size := c.conn.InCap()
	if size == 0 {
		c.queryBufPeak = 0
		return
	}
	idle := c.server.unixtime - c.lastInteraction
	used := c.conn.Buffered()
	switch {
	case idle > 2:
		c.conn.TrimIn()
	case size > protoResizeThreshold && c.queryBufPeak < int64(size)/2:
		keep := max(int(c.queryBufPeak), used)
		if c.bulklen >= protoMbulkBigArg {
			keep = max(keep, c.parsePos+c.bulklen+2)
		}
		c.conn.TrimInTo(keep)
	}
	c.queryBufPeak = int64(used)
	if c.bulklen >= 0 {
		c.queryBufPeak = max(c.queryBufPeak, int64(c.bulklen)+2)
	}
}

// clientsCronResizeOutputBuffer halves a reply buffer that was not needed for some time, and doubles one that ran full.
func (c *client) clientsCronResizeOutputBuffer(nowMs int64) {
	server := c.server
	if !server.replyBufferResizingEnabled {
		return
	}
	const low, high = protoReplyMinBytes, protoReplyChunkBytes
	size, peak := cap(c.buf), c.replyPeak()
	target := size
	if size/2 >= low && peak < size/2 {
		target = max(low, peak+1)
		server.stat.replyBufferShrinks++
	}
	if size < high && peak == size {
		target = min(high, size*2)
		server.stat.replyBufferExpands++
	}
	if server.replyBufferPeakResetTime >= 0 && nowMs-c.bufPeakLastReset > server.replyBufferPeakResetTime {
		c.bufPeak = len(c.buf)
		c.bufPeakLastReset = nowMs
	}
	if target != size && target >= len(c.buf) {
		c.buf = append(make([]byte, 0, target), c.buf...)
	}
}

// clientsCronTrackExpansiveClients notes the largest buffers.
func (c *client) clientsCronTrackExpansiveClients(slot int) {
	qbuf, qfree := c.inputBuffer()
	in := int64(qbuf+qfree) + c.argvMem()
	out := c.getClientOutputBufferMemoryUsage()
	p := &c.server.cronPeak
	p.input[slot] = max(p.input[slot], in)
	p.output[slot] = max(p.output[slot], out)
}

// islocalClient tells whether the client came over loopback or a Unix socket.
func (c *client) islocalClient() bool {
	if c.conn == nil || c.flags&clientUnixSocket != 0 {
		return true
	}
	return isLoopbackAddress(c.conn.RemoteAddr())
}
