// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"redport/src/ae"
	"redport/src/commands"
	"redport/src/dict"
	"redport/src/kvstore"
	"redport/src/rio"
)

// eval_debug_fork.go - SCRIPT DEBUG YES: a debugged script runs on a copy of the server, which is thrown away.
//
// C forks. Here the copy is a Server of its own, on a goroutine of its own: it has the settings and the users of the moment, no sockets, no files,
// no cron, and an event loop that is never run. It is a background job (childinfo.go), so it counts as a fork and logs as a child.
//
// Its dataset begins empty, above a snapshot: what a command is about to look at is copied first (forkedData). Keys that
// its arguments name come one by one, so that a session begins at once however many there are, and costs what its script touches.
// Only a command that looks at keys without naming them has all of them copied.
//
// The connection stays with the event loop that has it, but not with its client, which is freed as in C, where the parent closes it. ldbLink
// carries bytes between the loop and the session.
//
// Counterpart: eval.c (ldbStartSession and what belongs to it), server.c (redisFork).

// ldbFork is a session as the server sees it that it was forked from.
type ldbFork struct {
	job  *childJob
	link *ldbLink
}

// errLdbSessionOver is what the job of a session ends with: there is no outcome.
var errLdbSessionOver = errors.New("debugging session over")

// ldbForkSession starts a session for the EVAL of c.
func (c *client) ldbForkSession() {
	server := c.server
	link := newLdbLink(server.el)
	from := server.ldbInheritance(c)
	fork := &ldbFork{link: link}
	fork.job = server.startChild(childTypeLDB, "LDB", func(job *childJob) error {
		defer link.end()
		child, err := from.newServer(job, link)
		if err != nil {
			link.write(fmt.Appendf(nil, "-ERR Fork() failed: can't run EVAL in debugging mode: %s\r\n", oneLine(err.Error())))
			return errLdbSessionOver
		}
		child.log(llWarning, "Redis forked for debugging eval")
		child.ldbForkedRun(from)
		child.log(llWarning, "Lua debugging session child exiting")
		child.ldbFreeForked()
		return errLdbSessionOver
	}, func(*childJob, error) { server.ldbRemoveFork(fork) })
	server.ldbForks = append(server.ldbForks, fork)
	c.protectClient()
	server.el.Post(func() { c.ldbGiveConnection(link) })
}

// ldbGiveConnection gives the client's connection to a session and frees the client. Input that was not executed goes with it.
func (c *client) ldbGiveConnection(link *ldbLink) {
	if c.closed || c.flags&clientCloseASAP != 0 {
		c.unprotectClient()
		link.Closed(nil)
		return
	}
	// What was said before the session comes first.
	for out := c.Output(); len(out) > 0; out = c.Output() {
		link.sending = append(link.sending, out...)
		c.Wrote(len(out))
	}
	conn := c.conn
	if conn.IsClosed() {
		link.Closed(nil)
		return
	}
	c.conn = nil
	c.flags &^= clientProtected
	c.server.freeClient(c)
	link.conn = conn
	conn.SetHandler(link)
	conn.Redeliver()
	conn.QueueWrite()
}

func (server *Server) ldbRemoveFork(fork *ldbFork) {
	server.ldbForks = slices.DeleteFunc(server.ldbForks, func(x *ldbFork) bool { return x == fork })
}

// ldbKillForkedSessions ends all sessions, when the server ends.
func (server *Server) ldbKillForkedSessions() {
	for _, fork := range server.ldbForks {
		server.log(llWarning, "Killing debugging session %d", fork.job.pid)
		fork.job.discard()
		fork.link.kill()
	}
	server.ldbForks = nil
}

// --- The copy ---

// ldbInheritance is what a session gets of its server beside the snapshot: copies, made by the main goroutine.
type ldbInheritance struct {
	config     configFields
	options    Options
	names      map[string]string // of commands: those of the table, by the name that they have now
	user       *user
	dbid, resp int
	flags      uint64
	argv       [][]byte // of the EVAL
	runid      string
	configfile string
	executable string
	oom        bool
	denyOff    bool
	bgsaveOK   bool
	aofState   int
	aofError   error
	stat       serverStats
}

func (server *Server) ldbInheritance(c *client) *ldbInheritance {
	from := &ldbInheritance{
		config: server.configFields, options: server.options, names: make(map[string]string, len(server.commands)), user: &user{name: c.user.name},
		dbid: c.db.id, resp: c.resp, flags: c.flags & (clientLuaDebug | clientNoTouch | clientReadonly | clientAllowOom), argv: cloneArgv(c.argv),
		runid: server.runid, configfile: server.configfile, executable: server.executable, oom: server.preCommandOomState,
		denyOff: server.debug.disableDenyScripts, bgsaveOK: server.lastbgsaveStatus, aofState: server.aofState, aofError: server.aofError(), stat: server.stat,
	}
	from.stat.errors = maps.Clone(server.stat.errors)
	for name, cmd := range server.commands {
		from.names[name] = cmd.fullname
	}
	from.user.copyRules(c.user)
	return from
}

// newServer makes the session's server. Its goroutine is the session's.
func (from *ldbInheritance) newServer(job *childJob, link *ldbLink) (*Server, error) {
	child, err := New(Options{Stdout: from.options.Stdout, Stderr: from.options.Stderr, ExecName: from.options.ExecName, FS: from.options.FS, Sentinel: from.options.Sentinel})
	if err != nil {
		return nil, err
	}
	configs := child.configs
	child.configFields = from.config
	child.configs, child.collator = configs, nil
	child.logger.early = false
	child.logger.forward = func(level int, msg string) { job.logf(level, "%s", msg) }
	child.ldb.fork = &ldbForkedSession{job: job, link: link, data: newForkedData(job.snap)}
	if err := child.updateLocaleCollate(); err != nil {
		return nil, err
	}
	table := child.commands
	child.commands = make(map[string]*redisCommand, len(from.names))
	for name, fullname := range from.names {
		child.commands[name] = table[fullname]
	}
	child.indexCommands()
	loop, err := ae.New(ae.Options{Backend: "pump"})
	if err != nil {
		return nil, err
	}
	child.initServerOn(loop)
	child.updateSlowThreshold()
	child.pid, child.runid, child.configfile, child.executable = job.pid, from.runid, from.configfile, from.executable
	child.preCommandOomState, child.debug.disableDenyScripts, child.lastbgsaveStatus = from.oom, from.denyOff, from.bgsaveOK
	// What would be written to the append-only file goes nowhere, but whether it could be written counts.
	child.setAofState(aofOff)
	child.aofState, child.aofLastWriteError = from.aofState, from.aofError
	child.stat = from.stat
	return child, nil
}

// ldbForkedRun is the session.
func (child *Server) ldbForkedRun(from *ldbInheritance) {
	c := child.createClient(nil)
	c.flags |= clientModule | from.flags // it has no connection, but replies are kept
	c.buf = make([]byte, 0, protoReplyChunkBytes)
	c.user, c.authenticated = from.user, true
	c.db, c.resp = child.db[from.dbid], from.resp
	c.ldbEnable()
	l := &child.ldb
	l.active = true
	child.ldbExecute(c, from.argv)
	l.fork.link.write(c.takeScriptReply(new([]byte)))
}

// ldbFreeForked gives back what a session held.
func (child *Server) ldbFreeForked() {
	child.bioStop()
	child.el.Close()
	child.mem.Close()
}

// --- The data ---

// forkedData is the dataset below a session's own, and how much of it has been copied.
type forkedData struct {
	dbs []forkedDb // by number; nil once all is copied
}

type forkedDb struct {
	view  *kvstore.View       // nil: it had no keys
	taken map[string]struct{} // keys that have been looked at, be it that there were none
}

func newForkedData(snap *snapshot) *forkedData {
	f := &forkedData{}
	for _, db := range snap.dbs {
		for len(f.dbs) <= db.id {
			f.dbs = append(f.dbs, forkedDb{})
		}
		f.dbs[db.id] = forkedDb{db.keys, map[string]struct{}{}}
	}
	return f
}

// inherit copies what the command of c may look at.
func (s *ldbForkedSession) inherit(c *client) error {
	f, cmd := s.data, c.cmd
	if f.dbs == nil {
		return nil
	}
	all := cmd.fullname == "sort" || cmd.fullname == "sort_ro" // BY and GET
	if !cmd.doesCommandHaveKeys() {
		const harmless = commands.ACLCategoryConnection | commands.ACLCategoryPubsub | commands.ACLCategoryFast
		all = cmd.aclCategories&commands.ACLCategoryKeyspace != 0 || cmd.aclCategories&harmless == 0
	}
	if all {
		return s.inheritAll(c.server)
	}
	// COPY and MOVE look into other databases.
	elsewhere := cmd.fullname == "copy" || cmd.fullname == "move"
	for _, ref := range cmd.getKeysFromCommand(c.argv, nil) {
		for _, db := range c.server.db {
			if db == c.db || elsewhere {
				if err := f.take(db, c.argv[ref.pos]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// take copies a key, the first time that it is asked for.
func (f *forkedData) take(db *redisDb, key []byte) error {
	if db.id >= len(f.dbs) || f.dbs[db.id].view == nil {
		return nil
	}
	from := &f.dbs[db.id]
	if _, ok := from.taken[string(key)]; ok {
		return nil
	}
	from.taken[string(key)] = struct{}{}
	if e := from.view.Find(db.keys.Hash(key), key); e.Ok() {
		return db.addFrozen(e)
	}
	return nil
}

// inheritAll copies what has not been copied.
func (s *ldbForkedSession) inheritAll(child *Server) error {
	for id := range s.data.dbs {
		from := &s.data.dbs[id]
		if from.view == nil {
			continue
		}
		for it := from.view.Iter(); it.Next(); {
			e := it.Entry()
			if _, ok := from.taken[string(e.Key())]; ok {
				continue
			}
			if err := child.db[id].addFrozen(e); err != nil {
				return err
			}
			if err := s.job.check(); err != nil {
				return err
			}
		}
	}
	s.data.dbs = nil
	return nil
}

// addFrozen adds a copy of what a snapshot has at e.
func (db *redisDb) addFrozen(e dict.Entry) error {
	v := dict.Value{Meta: e.Meta()}
	if e.IsPointer() {
		w := rdbWriter{Writer: rio.NewBuffer(nil)}
		w.saveObject(e)
		r := rdbReader{Reader: rio.NewBytesReader(w.Bytes()), server: db.server}
		var err error
		if v, err = r.loadObject(rdbObjectType(e)); err != nil {
			return err
		}
	} else {
		v.Bytes = e.Value()
	}
	db.addLoaded(e.Key(), v, e.Expire(), e.Access())
	return nil
}

// --- The connection ---

// ldbForkedSession is what a session has of the server that it was forked from.
type ldbForkedSession struct {
	job  *childJob
	link *ldbLink
	data *forkedData
}

// ldbLink is a connection in two halves: a handler for the loop that has it, and read and write for the session.
type ldbLink struct {
	loop    *ae.Loop
	conn    *ae.Conn // the loop's; nil before it is handed over
	sending []byte   // the loop's: what Output returns, up to sent already gone
	sent    int

	mu     sync.Mutex
	moved  sync.Cond // what follows has changed
	in     []byte    // for the session
	out    []byte    // for the loop
	paused bool      // the loop reads no more, for nobody takes what is there
	closed bool      // the connection is gone
	ended  bool      // the session is: what is left goes out, then the connection ends
}

// ldbSendTimeout is how long a session waits for a client that takes nothing.
const ldbSendTimeout = 5 * time.Second

func newLdbLink(loop *ae.Loop) *ldbLink {
	link := &ldbLink{loop: loop}
	link.moved.L = &link.mu
	return link
}

var _ ae.Handler = (*ldbLink)(nil)

// Data takes what the client says (ae.Handler).
func (link *ldbLink) Data(in []byte) (used, want int) {
	link.mu.Lock()
	link.in = append(link.in, in...)
	if len(link.in) > ldbMaxBuffer && !link.paused {
		link.paused = true
		link.conn.PauseRead()
	}
	link.moved.Broadcast()
	link.mu.Unlock()
	return len(in), 0
}

// Output is what the session says (ae.Handler).
func (link *ldbLink) Output() []byte {
	if link.sent == len(link.sending) {
		link.mu.Lock()
		link.sending, link.out, link.sent = link.out, link.sending[:0], 0
		over := link.ended && len(link.sending) == 0
		link.moved.Broadcast()
		link.mu.Unlock()
		if over {
			link.conn.Close()
		}
	}
	return link.sending[link.sent:]
}

// Wrote takes note (ae.Handler).
func (link *ldbLink) Wrote(n int) { link.sent += n }

// Closed tells the session that the client has gone (ae.Handler).
func (link *ldbLink) Closed(error) {
	link.mu.Lock()
	link.closed = true
	link.moved.Broadcast()
	link.mu.Unlock()
}

// kill is for the end of the server: the session hears that the client has gone, and the client that the connection has.
func (link *ldbLink) kill() {
	link.Closed(nil)
	if link.conn != nil {
		link.conn.Close()
	}
}

// flush has the loop look for output.
func (link *ldbLink) flush() {
	link.loop.Post(func() {
		if link.conn != nil && !link.conn.IsClosed() {
			link.conn.QueueWrite()
		}
	})
}

// write sends b, and waits while there is much that the client has not taken. The session's goroutine.
func (link *ldbLink) write(b []byte) {
	link.mu.Lock()
	if len(link.out) > ldbMaxBuffer && !link.closed {
		gaveUp := time.AfterFunc(ldbSendTimeout, func() { link.Closed(nil) })
		for len(link.out) > ldbMaxBuffer && !link.closed {
			link.moved.Wait()
		}
		gaveUp.Stop()
	}
	if !link.closed {
		link.out = append(link.out, b...)
	}
	link.mu.Unlock()
	link.flush()
}

// read waits for input that is not yet in buf, and adds it; false if there will be none. The session's goroutine.
func (link *ldbLink) read(buf []byte) ([]byte, bool) {
	link.mu.Lock()
	defer link.mu.Unlock()
	for len(link.in) == 0 && !link.closed {
		link.moved.Wait()
	}
	if link.closed {
		return buf, false
	}
	buf = append(buf, link.in...)
	link.in = link.in[:0]
	if link.paused {
		link.paused = false
		link.loop.Post(func() {
			if !link.conn.IsClosed() {
				link.conn.ResumeRead()
			}
		})
	}
	return buf, true
}

// end tells the loop that there is no more to come.
func (link *ldbLink) end() {
	link.mu.Lock()
	link.ended = true
	link.mu.Unlock()
	link.flush()
}
