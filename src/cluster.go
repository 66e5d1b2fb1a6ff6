// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"strconv"
	"time"

	"redport/src/crc64"
	"redport/src/dict"
	"redport/src/rio"
)

// cluster.go - keys on their way from server to server: DUMP, RESTORE, MIGRATE.
//
// A payload is a value as an RDB file has it, and a footer:
//
//	+------+-------+---------------------+---------------+
//	| type | value | 2 bytes RDB version | 8 bytes CRC64 |
//	+------+-------+---------------------+---------------+
//
// both little-endian. A server reads payloads of its own version and of older ones.
//
// MIGRATE stops the server while it talks to the other one, for the timeout at most with each step; so its promise is kept that
// a key is here or there. Its connections are kept for a while, as keys mostly come in numbers.
//
// Counterpart: cluster.c (since 7.4 parts of it; DUMP, RESTORE and MIGRATE work without a cluster, too).

const dumpFooterSize = 10

// appendDumpPayload appends the payload of the value at e.
func (server *Server) appendDumpPayload(b []byte, e dict.Entry) []byte {
	start := len(b)
	w := rdbWriter{Writer: rio.NewBuffer(b), compress: server.rdbCompression}
	w.opcode(rdbObjectType(e))
	w.saveObject(e)
	b = w.Bytes()
	b = binary.LittleEndian.AppendUint16(b, rdbVersion)
	return binary.LittleEndian.AppendUint64(b, crc64.Update(0, b[start:]))
}

// verifyDumpPayload tells whether version and checksum of a payload are right, and returns what is in front of them.
func (server *Server) verifyDumpPayload(b []byte) (body []byte, ok bool) {
	if len(b) < dumpFooterSize {
		return nil, false
	}
	body = b[:len(b)-dumpFooterSize]
	footer := b[len(body):]
	if binary.LittleEndian.Uint16(footer) > rdbVersion {
		return nil, false
	}
	if server.debug.skipChecksumValidation {
		return body, true
	}
	return body, crc64.Update(0, b[:len(b)-8]) == binary.LittleEndian.Uint64(footer[2:])
}

// DUMP key
func dumpCommand(c *client) {
	e := c.db.entry(c.argv[1], lookupNone)
	if !e.Ok() {
		c.addReplyNull()
		return
	}
	c.addReplyBulkBytes(c.server.appendDumpPayload(nil, e))
}

// restoreOptions are RESTORE's options.
type restoreOptions struct {
	replace, absttl bool
	freq            int
	idle            int64
}

// parseRestoreOptions reads them; false if the client has been told of an error.
func (c *client) parseRestoreOptions() (o restoreOptions, ok bool) {
	o.freq, o.idle = -1, -1
	for i := 4; i < len(c.argv); i++ {
		opt, more := c.argv[i], len(c.argv)-i-1
		switch {
		case equalFold(opt, "REPLACE"):
			o.replace = true
		case equalFold(opt, "ABSTTL"):
			o.absttl = true
		case equalFold(opt, "IDLETIME") && more >= 1 && o.freq == -1:
			i++
			if o.idle, ok = c.getLongLongFromObjectOrReply(c.argv[i], ""); !ok {
				return o, false
			}
			if o.idle < 0 {
				c.addReplyError("Invalid IDLETIME value, must be >= 0")
				return o, false
			}
		case equalFold(opt, "FREQ") && more >= 1 && o.idle == -1:
			i++
			freq, ok := c.getLongLongFromObjectOrReply(c.argv[i], "")
			if !ok {
				return o, false
			}
			if freq < 0 || freq > 255 {
				c.addReplyError("Invalid FREQ value, must be >= 0 and <= 255")
				return o, false
			}
			o.freq = int(freq)
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return o, false
		}
	}
	return o, true
}

// RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]
func restoreCommand(c *client) {
	server, db, key := c.server, c.db, c.argv[1]
	o, ok := c.parseRestoreOptions()
	if !ok {
		return
	}
	if !o.replace && db.entry(key, lookupWrite).Ok() {
		c.addReplyErrorObject(shared.busykeyerr)
		return
	}
	ttl, ok := c.getLongLongFromObjectOrReply(c.argv[2], "")
	if !ok {
		return
	}
	if ttl < 0 {
		c.addReplyError("Invalid TTL value, must be >= 0")
		return
	}
	body, ok := server.verifyDumpPayload(c.argv[3])
	if !ok {
		c.addReplyError("DUMP payload version or checksum are wrong")
		return
	}
	r := rdbReader{Reader: rio.NewBytesReader(body), server: server, deep: server.sanitizesDump(c), restore: true}
	v, err := r.loadObject(r.loadType())
	if err != nil {
		c.addReplyError("Bad data format")
		return
	}
	deleted := o.replace && db.dbDelete(key)
	if ttl != 0 && !o.absttl {
		ttl += server.commandTimeSnapshot()
	}
	if ttl != 0 && server.checkAlreadyExpired(ttl) {
		if v.Pointer != nil {
			freeObjectPointer(v.Pointer)
		}
		if deleted {
			c.rewriteClientCommandVector([]byte("DEL"), key)
			server.signalModifiedKey(c, db, key)
			server.notifyKeyspaceEvent(notifyGeneric, "del", key, db.id)
			server.dirty++
		}
		c.addReply(shared.ok)
		return
	}
	db.addEntry(db.keys.Find(key), key, v)
	if ttl != 0 {
		db.setExpire(c, key, ttl)
		if !o.absttl {
			// Whoever executes this later shall come to the same time.
			c.rewriteClientCommandArgument(2, strconv.AppendInt(nil, ttl, 10))
			c.rewriteClientCommandArgument(len(c.argv), []byte("ABSTTL"))
		}
	}
	if o.freq >= 0 || o.idle >= 0 {
		db.keys.SetAccess(db.keys.Find(key), server.loadedAccess(o.freq, o.idle))
	}
	server.signalModifiedKey(c, db, key)
	server.notifyKeyspaceEvent(notifyGeneric, "restore", key, db.id)
	c.addReply(shared.ok)
	server.dirty++
}

// --- MIGRATE's connections ---

const (
	migrateSocketCacheItems = 64
	migrateSocketCacheTTL   = 10 // s
)

// migrateSocket is a connection to another server.
type migrateSocket struct {
	conn     net.Conn
	in       *bufio.Reader
	lastDbid int64 // the database that is selected there, -1: not known
	lastUse  int64 // unix s
}

// migrateGetSocket returns a connection to an address, which may be one that was used before.
func (server *Server) migrateGetSocket(host, port string, timeout time.Duration) (*migrateSocket, error) {
	name := host + ":" + port
	if cs := server.migrateCachedSockets[name]; cs != nil {
		cs.lastUse = server.unixtime
		return cs, nil
	}
	if len(server.migrateCachedSockets) >= migrateSocketCacheItems {
		for name := range server.migrateCachedSockets { // any
			server.migrateCloseSocket(name)
			break
		}
	}
	dialer := net.Dialer{Timeout: timeout}
	if len(server.bindSourceAddr) > 0 {
		if ip := net.ParseIP(server.bindSourceAddr); ip != nil {
			dialer.LocalAddr = &net.TCPAddr{IP: ip}
		}
	}
	address := net.JoinHostPort(host, strconv.Itoa(int(atoi([]byte(port)))))
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if server.tlsCluster {
		secure := tls.Client(conn, server.tls.Client())
		secure.SetDeadline(time.Now().Add(timeout))
		if err := secure.Handshake(); err != nil {
			conn.Close()
			return nil, err
		}
		conn = secure
	}
	cs := &migrateSocket{conn: conn, in: bufio.NewReaderSize(conn, 1024), lastDbid: -1, lastUse: server.unixtime}
	if server.migrateCachedSockets == nil {
		server.migrateCachedSockets = map[string]*migrateSocket{}
	}
	server.migrateCachedSockets[name] = cs
	return cs, nil
}

// migrateCloseSocket drops a connection, if there is one of that name.
func (server *Server) migrateCloseSocket(name string) {
	if cs := server.migrateCachedSockets[name]; cs != nil {
		cs.conn.Close()
		delete(server.migrateCachedSockets, name)
	}
}

// migrateCloseTimedoutSockets drops connections that were not used for a while.
func (server *Server) migrateCloseTimedoutSockets() {
	for name, cs := range server.migrateCachedSockets {
		if server.unixtime-cs.lastUse > migrateSocketCacheTTL {
			server.migrateCloseSocket(name)
		}
	}
}

// send writes b, in pieces that have the timeout each.
func (cs *migrateSocket) send(b []byte, timeout time.Duration) error {
	const chunk = 64 * 1024
	for len(b) > 0 {
		n := min(len(b), chunk)
		cs.conn.SetWriteDeadline(time.Now().Add(timeout))
		if _, err := cs.conn.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// readLine reads a reply of one line.
func (cs *migrateSocket) readLine(timeout time.Duration) (string, error) {
	cs.conn.SetReadDeadline(time.Now().Add(timeout))
	line, err := cs.in.ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return "", err
	}
	// What does not fit is read and dropped.
	s := string(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		if _, err = cs.in.ReadSlice('\n'); err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
	}
	for len(s) > 0 && (s[len(s)-1] == '\n' || s[len(s)-1] == '\r') {
		s = s[:len(s)-1]
	}
	return s, nil
}

// --- MIGRATE ---

// migration is a MIGRATE at work.
type migration struct {
	c                  *client
	host, port         string
	dbid               int64
	timeout            time.Duration
	copied, replace    bool
	username, password []byte
	keys               [][]byte
}

// parseMigrate reads the arguments; false if the client has been told of an error.
func (c *client) parseMigrate() (m migration, ok bool) {
	m = migration{c: c, host: string(c.argv[1]), port: string(c.argv[2]), keys: c.argv[3:4]}
	for i := 6; i < len(c.argv); i++ {
		opt, more := c.argv[i], len(c.argv)-i-1
		switch {
		case equalFold(opt, "COPY"):
			m.copied = true
		case equalFold(opt, "REPLACE"):
			m.replace = true
		case equalFold(opt, "AUTH") && more >= 1:
			i++
			m.password = c.argv[i]
			c.redactClientCommandArgument(i)
		case equalFold(opt, "AUTH2") && more >= 2:
			m.username, m.password = c.argv[i+1], c.argv[i+2]
			c.redactClientCommandArgument(i + 1)
			c.redactClientCommandArgument(i + 2)
			i += 2
		case equalFold(opt, "KEYS"):
			if len(c.argv[3]) != 0 {
				c.addReplyError("When using MIGRATE KEYS option, the key argument must be set to the empty string")
				return m, false
			}
			m.keys = c.argv[i+1:]
			i = len(c.argv)
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return m, false
		}
	}
	timeout, ok := c.getLongFromObjectOrReply(c.argv[5], "")
	if !ok {
		return m, false
	}
	if m.dbid, ok = c.getLongFromObjectOrReply(c.argv[4], ""); !ok {
		return m, false
	}
	if timeout <= 0 {
		timeout = 1000
	}
	m.timeout = time.Duration(min(timeout, 1<<40)) * time.Millisecond
	return m, true
}

// MIGRATE host port key|"" dbid timeout [COPY] [REPLACE] [AUTH password] [AUTH2 username password] [KEYS key ...]
func migrateCommand(c *client) {
	m, ok := c.parseMigrate()
	if !ok {
		return
	}
	var there [][]byte
	for _, key := range m.keys {
		if c.db.entry(key, lookupNone).Ok() {
			there = append(there, key)
		}
	}
	m.keys = there
	if len(m.keys) == 0 {
		c.addReply("+NOKEY\r\n")
		return
	}
	for mayRetry := true; m.try(mayRetry); mayRetry = false {
	}
}

// try migrates the keys, and answers, unless it asks for another try: a kept connection is often found to be closed.
func (m *migration) try(mayRetry bool) (again bool) {
	c, server := m.c, m.c.server
	cs, err := server.migrateGetSocket(m.host, m.port, m.timeout)
	if err != nil {
		c.addReplyError("-IOERR error or timeout connecting to the client")
		return false
	}
	selects := cs.lastDbid != m.dbid
	request, keys := m.request(selects)
	if err := cs.send(request, m.timeout); err != nil {
		return m.socketError("writing", err, mayRetry)
	}
	var refused string // by the other server
	replies := 0
	if m.password != nil {
		replies++
	}
	if selects {
		replies++
	}
	for range replies {
		line, err := cs.readLine(m.timeout)
		if err != nil {
			return m.socketError("reading", err, mayRetry)
		}
		if refused == "" && len(line) > 0 && line[0] == '-' {
			refused = line
		}
	}
	moved := [][]byte{[]byte("DEL")}
	early := refused != ""
	for i, key := range keys {
		line, err := cs.readLine(m.timeout)
		if err != nil {
			if refused == "" && i == 0 {
				return m.socketError("reading", err, mayRetry)
			}
			// Some were taken: they are gone from here, the rest stays.
			m.finish(moved)
			if refused != "" {
				server.migrateCloseSocket(m.host + ":" + m.port)
				m.replyRefused(refused)
				return false
			}
			return m.socketError("reading", err, false)
		}
		if early || len(line) > 0 && line[0] == '-' {
			if refused == "" {
				refused = line
			}
			continue
		}
		if !m.copied {
			c.db.dbDelete(key)
			server.signalModifiedKey(c, c.db, key)
			server.notifyKeyspaceEvent(notifyGeneric, "del", key, c.db.id)
			server.dirty++
			moved = append(moved, key)
		}
	}
	m.finish(moved)
	if refused != "" {
		cs.lastDbid = -1
		m.replyRefused(refused)
		return false
	}
	cs.lastDbid = m.dbid
	c.addReply(shared.ok)
	return false
}

// finish has the command propagated as the deletion of what has moved.
func (m *migration) finish(moved [][]byte) {
	if len(moved) > 1 {
		m.c.rewriteClientCommandVector(moved...)
	}
}

func (m *migration) replyRefused(line string) {
	m.c.addReplyErrorFormat("Target instance replied with error: %s", line[1:])
}

// socketError drops the connection, and answers unless it asks for another try.
func (m *migration) socketError(doing string, err error, mayRetry bool) (again bool) {
	m.c.server.migrateCloseSocket(m.host + ":" + m.port)
	if mayRetry && !errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	m.c.addReplyErrorFormat("-IOERR error or timeout %s to target instance", doing)
	return false
}

// request is all that is sent, and the keys that are in it.
func (m *migration) request(selects bool) (b []byte, keys [][]byte) {
	c, server := m.c, m.c.server
	bulk := func(s []byte) {
		b = append(b, '$')
		b = strconv.AppendInt(b, int64(len(s)), 10)
		b = append(b, '\r', '\n')
		b = append(b, s...)
		b = append(b, '\r', '\n')
	}
	count := func(n int) {
		b = append(b, '*')
		b = strconv.AppendInt(b, int64(n), 10)
		b = append(b, '\r', '\n')
	}
	number := func(n int64) { bulk(strconv.AppendInt(nil, n, 10)) }
	if m.password != nil {
		if m.username != nil {
			count(3)
		} else {
			count(2)
		}
		bulk([]byte("AUTH"))
		if m.username != nil {
			bulk(m.username)
		}
		bulk(m.password)
	}
	if selects {
		count(2)
		bulk([]byte("SELECT"))
		number(m.dbid)
	}
	restore := []byte("RESTORE")
	if server.clusterEnabled {
		restore = []byte("RESTORE-ASKING")
	}
	for _, key := range m.keys {
		e := c.db.find(key)
		if !e.Ok() {
			continue
		}
		ttl := int64(0)
		if when := e.Expire(); when >= 0 {
			if ttl = when - server.mstime(); ttl < 0 {
				continue // it has just expired
			}
			ttl = max(ttl, 1)
		}
		keys = append(keys, key)
		if m.replace {
			count(5)
		} else {
			count(4)
		}
		bulk(restore)
		bulk(key)
		number(ttl)
		bulk(server.appendDumpPayload(nil, e))
		if m.replace {
			bulk([]byte("REPLACE"))
		}
	}
	return b, keys
}
