// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"maps"
	"slices"
	"strings"
)

// tracking.go - client-side caching: which clients may hold which keys, and telling them when a key changes.
//
// In the default mode the server remembers, for each key that a tracking client has read, the IDs of
// the clients that may have it (trackingState.table); a change sends each of them one message and forgets the
// key. In broadcasting mode (BCAST) clients register prefixes; changed keys are collected per prefix and
// sent once before the loop sleeps. The table holds IDs, not clients: one that has gone is found missing
// when its message is due.

// bcastState is one registered prefix: who wants it, and which of its keys changed in this turn.
type bcastState struct {
	clients map[*client]struct{}
	keys    map[string]*client // changed key -> who changed it, for NOLOOP
}

type trackingState struct {
	table          map[string][]uint64 // key -> IDs of clients, sorted
	items          int64               // IDs in all of table
	prefixes       map[string]*bcastState
	pending        []pendingInvalidation // what the current client is to hear of its own command, behind the reply
	nameBytes      int64                 // bytes of the keys of table and prefixes
	timeoutCounter int                   // rounds in which the table stayed over its limit
}

// Bytes of an entry of the table and of a prefix, beside names and IDs.
const (
	trackingKeyOverhead    = 56
	trackingPrefixOverhead = 160
)

// memoryUsage is about what is remembered, for used_memory.
func (t *trackingState) memoryUsage() int64 {
	return t.nameBytes + t.items*8 + int64(len(t.table))*trackingKeyOverhead + int64(len(t.prefixes))*trackingPrefixOverhead
}

// pendingInvalidation is a changed key, or a flush of all.
type pendingInvalidation struct {
	key   string
	flush bool
}

// enableTracking switches tracking on, with options as flags, or changes what an on-going one does.
func (c *client) enableTracking(redirectTo uint64, options uint64, prefixes [][]byte) {
	server := c.server
	if c.flags&clientTracking == 0 {
		server.trackingClients++
	}
	c.flags |= clientTracking
	c.flags &^= clientTrackingBrokenRedir | clientTrackingBcast | clientTrackingOptin | clientTrackingOptout | clientTrackingNoloop
	c.clientTrackingRedirection = redirectTo
	if server.tracking.table == nil {
		server.tracking.table = map[string][]uint64{}
		server.tracking.prefixes = map[string]*bcastState{}
	}
	if options&clientTrackingBcast != 0 {
		c.flags |= clientTrackingBcast
		if len(prefixes) == 0 {
			c.enableBcastTrackingForPrefix("")
		}
		for _, p := range prefixes {
			c.enableBcastTrackingForPrefix(string(p))
		}
	}
	c.flags |= options & (clientTrackingOptin | clientTrackingOptout | clientTrackingNoloop)
}

func (c *client) enableBcastTrackingForPrefix(prefix string) {
	if _, ok := c.clientTrackingPrefixes[prefix]; ok {
		return
	}
	server := c.server
	bs := server.tracking.prefixes[prefix]
	if bs == nil {
		bs = &bcastState{clients: map[*client]struct{}{}, keys: map[string]*client{}}
		server.tracking.prefixes[prefix] = bs
		server.tracking.nameBytes += int64(len(prefix))
	}
	bs.clients[c] = struct{}{}
	if c.clientTrackingPrefixes == nil {
		c.clientTrackingPrefixes = map[string]struct{}{}
	}
	c.clientTrackingPrefixes[prefix] = struct{}{}
}

// disableTracking ends tracking. What the table remembers of the client goes when its keys change.
func (c *client) disableTracking() {
	server := c.server
	if c.flags&clientTracking == 0 {
		return
	}
	if c.flags&clientTrackingBcast != 0 {
		for prefix := range c.clientTrackingPrefixes {
			bs := server.tracking.prefixes[prefix]
			delete(bs.clients, c)
			if len(bs.clients) == 0 {
				delete(server.tracking.prefixes, prefix)
				server.tracking.nameBytes -= int64(len(prefix))
			}
		}
		c.clientTrackingPrefixes = nil
	}
	server.trackingClients--
	c.flags &^= clientTracking | clientTrackingBrokenRedir | clientTrackingBcast | clientTrackingCaching |
		clientTrackingOptin | clientTrackingOptout | clientTrackingNoloop
}

func (c *client) sortedTrackingPrefixes() []string {
	return slices.Sorted(maps.Keys(c.clientTrackingPrefixes))
}

// checkPrefixCollisionsOrReply refuses prefixes that overlap each other or those registered before: a
// key would be reported twice.
func (c *client) checkPrefixCollisionsOrReply(prefixes [][]byte) bool {
	overlap := func(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }
	for i, p := range prefixes {
		for _, old := range c.sortedTrackingPrefixes() {
			if overlap(string(p), old) {
				c.addReplyErrorFormat("Prefix '%s' overlaps with an existing prefix '%s'. Prefixes for a single client must not overlap.", p, old)
				return false
			}
		}
		for _, q := range prefixes[i+1:] {
			if overlap(string(p), string(q)) {
				c.addReplyErrorFormat("Prefix '%s' overlaps with another provided prefix '%s'. Prefixes for a single client must not overlap.", p, q)
				return false
			}
		}
	}
	return true
}

// trackingRememberKeys notes that the client of a read-only command may now hold its keys.
func (server *Server) trackingRememberKeys(tracking, executing *client) {
	if tracking.flags&clientTrackingBcast != 0 {
		return
	}
	optin, optout := tracking.flags&clientTrackingOptin != 0, tracking.flags&clientTrackingOptout != 0
	caching := tracking.flags&clientTrackingCaching != 0
	if optin && !caching || optout && caching {
		return
	}
	t := &server.tracking
	for _, k := range executing.cmd.getKeysFromCommand(executing.argv, nil) {
		key := executing.argv[k.pos]
		ids := t.table[string(key)]
		// IDs grow, so a new one mostly belongs at the end.
		if i, known := slices.BinarySearch(ids, tracking.id); !known {
			if ids == nil {
				t.nameBytes += int64(len(key))
			}
			t.table[string(key)] = slices.Insert(ids, i, tracking.id)
			t.items++
		}
	}
}

// sendTrackingMessage sends an invalidation of keys (nil: of all keys) to the client, or to the one that
// it redirects to.
func (c *client) sendTrackingMessage(keys []string) {
	server := c.server
	usingRedirection := false
	target := c
	if c.clientTrackingRedirection != 0 {
		redir := server.clientsByID[c.clientTrackingRedirection]
		// One that is only waiting to be closed takes nothing any more.
		if redir == nil || redir.flags&(clientCloseASAP|clientCloseAfterReply) != 0 {
			c.flags |= clientTrackingBrokenRedir
			if c.resp > 2 {
				old := c.flags
				c.flags |= clientPushing
				c.addReplyPushLen(2)
				c.addReplyBulkString("tracking-redir-broken")
				c.addReplyLongLong(int64(c.clientTrackingRedirection))
				c.flags = c.flags&^clientPushing | old&clientPushing
			}
			return
		}
		target = redir
		usingRedirection = true
	}
	old := target.flags
	target.flags |= clientPushing
	defer func() { target.flags = target.flags&^clientPushing | old&clientPushing }()
	switch {
	case target.resp > 2:
		target.addReplyPushLen(2)
		target.addReplyBulkString("invalidate")
	case usingRedirection && target.flags&clientPubsub != 0:
		// A RESP2 client gets it as a message on a channel of that name.
		target.addReplyArrayLen(3)
		target.addReply("$7\r\nmessage\r\n")
		target.addReplyBulkString(trackingChannelName)
	default:
		return
	}
	if keys == nil {
		target.addReplyNull()
	} else {
		target.addReplyArrayLen(len(keys))
		for _, k := range keys {
			target.addReplyBulkString(k)
		}
	}
	target.updateClientMemUsageAndBucket()
}

const trackingChannelName = "__redis__:invalidate"

// trackingInvalidateKey follows every change of a key. bcast: the change is one that broadcasting
// clients hear of too (an eviction from the table itself is not).
func (server *Server) trackingInvalidateKey(c *client, key []byte, bcast bool) {
	t := &server.tracking
	if bcast && len(t.prefixes) > 0 {
		for prefix, bs := range t.prefixes {
			if len(key) >= len(prefix) && string(key[:len(prefix)]) == prefix {
				bs.keys[string(key)] = c
			}
		}
	}
	ids := t.table[string(key)]
	if ids == nil {
		return
	}
	name := string(key)
	delete(t.table, name)
	t.nameBytes -= int64(len(name))
	t.items -= int64(len(ids))
	for _, id := range ids {
		target := server.clientsByID[id]
		if target == nil || target.flags&clientTracking == 0 || target.flags&clientTrackingBcast != 0 {
			continue
		}
		if target.flags&clientTrackingNoloop != 0 && target == server.currentClient {
			continue
		}
		if target == server.currentClient && server.executingClient != nil {
			// Its own reply goes first.
			t.pending = append(t.pending, pendingInvalidation{key: name})
			continue
		}
		target.sendTrackingMessage([]string{name})
	}
}

// trackingHandlePendingKeyInvalidations tells the client whose command just ended what it changed itself.
func (server *Server) trackingHandlePendingKeyInvalidations() {
	t := &server.tracking
	if len(t.pending) == 0 {
		return
	}
	pending := t.pending
	t.pending = nil
	if c := server.currentClient; c != nil && !c.closed {
		for _, p := range pending {
			if p.flush {
				c.sendTrackingMessage(nil)
			} else {
				c.sendTrackingMessage([]string{p.key})
			}
		}
	}
}

// trackingInvalidateKeysOnFlush tells every tracking client that nothing that it holds is valid.
func (server *Server) trackingInvalidateKeysOnFlush() {
	if server.tracking.table == nil {
		return
	}
	var clients []*client
	if server.trackingClients > 0 {
		clients = server.clientsInOrder()
	}
	for _, c := range clients {
		if c.flags&clientTracking == 0 {
			continue
		}
		if c == server.currentClient && server.executingClient != nil {
			server.tracking.pending = append(server.tracking.pending, pendingInvalidation{flush: true})
			continue
		}
		c.sendTrackingMessage(nil)
	}
	for name := range server.tracking.table {
		server.tracking.nameBytes -= int64(len(name))
	}
	server.tracking.table = map[string][]uint64{}
	server.tracking.items = 0
}

// trackingLimitUsedSlots keeps the table within tracking-table-max-keys, by telling clients that keys changed that did not.
func (server *Server) trackingLimitUsedSlots() {
	t := &server.tracking
	limit := server.trackingTableMaxKeys
	if limit == 0 {
		return
	}
	if len(t.table) <= int(limit) {
		t.timeoutCounter = 0
		return
	}
	effort := 100 * (t.timeoutCounter + 1)
	for name := range t.table {
		if effort == 0 {
			t.timeoutCounter++
			return
		}
		effort--
		server.trackingInvalidateKey(nil, []byte(name), false)
		if len(t.table) <= int(limit) {
			t.timeoutCounter = 0
			return
		}
	}
}

// trackingBroadcastInvalidationMessages sends what changed in this turn to broadcasting clients.
func (server *Server) trackingBroadcastInvalidationMessages() {
	if len(server.tracking.prefixes) == 0 {
		return
	}
	for _, prefix := range slices.Sorted(maps.Keys(server.tracking.prefixes)) {
		bs := server.tracking.prefixes[prefix]
		if len(bs.keys) == 0 {
			continue
		}
		all := slices.Sorted(maps.Keys(bs.keys))
		for c := range bs.clients {
			keys := all
			if c.flags&clientTrackingNoloop != 0 {
				keys = make([]string, 0, len(all))
				for _, k := range all {
					if bs.keys[k] != c {
						keys = append(keys, k)
					}
				}
				if len(keys) == 0 {
					continue
				}
			}
			c.sendTrackingMessage(keys)
		}
		bs.keys = map[string]*client{}
	}
}

// clientTrackingCommand is CLIENT TRACKING ON|OFF [options].
func clientTrackingCommand(c *client) {
	server := c.server
	var redir uint64
	options := uint64(0)
	var prefixes [][]byte
	for i := 3; i < len(c.argv); i++ {
		more := len(c.argv) - 1 - i
		switch opt := c.argv[i]; {
		case equalFold(opt, "REDIRECT") && more > 0:
			i++
			if redir != 0 {
				c.addReplyError("A client can only redirect to a single other client")
				return
			}
			id, ok := c.getLongLongFromObjectOrReply(c.argv[i], "")
			if !ok {
				return
			}
			if id == 0 || server.clientsByID[uint64(id)] == nil {
				c.addReplyError("The client ID you want redirect to does not exist")
				return
			}
			redir = uint64(id)
		case equalFold(opt, "BCAST"):
			options |= clientTrackingBcast
		case equalFold(opt, "OPTIN"):
			options |= clientTrackingOptin
		case equalFold(opt, "OPTOUT"):
			options |= clientTrackingOptout
		case equalFold(opt, "NOLOOP"):
			options |= clientTrackingNoloop
		case equalFold(opt, "PREFIX") && more > 0:
			i++
			prefixes = append(prefixes, c.argv[i])
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return
		}
	}
	switch {
	case equalFold(c.argv[2], "ON"):
		if options&clientTrackingBcast == 0 && len(prefixes) > 0 {
			c.addReplyError("PREFIX option requires BCAST mode to be enabled")
			return
		}
		if c.flags&clientTracking != 0 {
			if oldBcast, newBcast := c.flags&clientTrackingBcast != 0, options&clientTrackingBcast != 0; oldBcast != newBcast {
				c.addReplyError("You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.")
				return
			}
		}
		if options&clientTrackingBcast != 0 && options&(clientTrackingOptin|clientTrackingOptout) != 0 {
			c.addReplyError("OPTIN and OPTOUT are not compatible with BCAST")
			return
		}
		if options&clientTrackingOptin != 0 && options&clientTrackingOptout != 0 {
			c.addReplyError("You can't specify both OPTIN mode and OPTOUT mode")
			return
		}
		if options&clientTrackingOptin != 0 && c.flags&clientTrackingOptout != 0 || options&clientTrackingOptout != 0 && c.flags&clientTrackingOptin != 0 {
			c.addReplyError("You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.")
			return
		}
		if options&clientTrackingBcast != 0 && !c.checkPrefixCollisionsOrReply(prefixes) {
			return
		}
		c.enableTracking(redir, options, prefixes)
	case equalFold(c.argv[2], "OFF"):
		c.disableTracking()
	default:
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	c.addReply(shared.ok)
}

// clientCachingCommand is CLIENT CACHING YES|NO: an exception for the next command.
func clientCachingCommand(c *client) {
	if c.flags&clientTracking == 0 {
		c.addReplyError("CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled")
		return
	}
	switch opt := c.argv[2]; {
	case equalFold(opt, "YES"):
		if c.flags&clientTrackingOptin == 0 {
			c.addReplyError("CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
			return
		}
		c.flags |= clientTrackingCaching
	case equalFold(opt, "NO"):
		if c.flags&clientTrackingOptout == 0 {
			c.addReplyError("CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
			return
		}
		c.flags |= clientTrackingCaching
	default:
		c.addReplyErrorObject(shared.syntaxerr)
		return
	}
	c.addReply(shared.ok)
}

// clientGetredirCommand is CLIENT GETREDIR.
func clientGetredirCommand(c *client) {
	if c.flags&clientTracking != 0 {
		c.addReplyLongLong(int64(c.clientTrackingRedirection))
	} else {
		c.addReplyLongLong(-1)
	}
}

// clientTrackingInfoCommand is CLIENT TRACKINGINFO.
func clientTrackingInfoCommand(c *client) {
	c.addReplyMapLen(3)
	c.addReplyBulkString("flags")
	d := c.addReplyDeferredLen()
	n := 0
	add := func(text string) { c.addReplyBulkString(text); n++ }
	if c.flags&clientTracking != 0 {
		add("on")
	} else {
		add("off")
	}
	if c.flags&clientTrackingBcast != 0 {
		add("bcast")
	}
	if c.flags&clientTrackingOptin != 0 {
		add("optin")
		if c.flags&clientTrackingCaching != 0 {
			add("caching-yes")
		}
	}
	if c.flags&clientTrackingOptout != 0 {
		add("optout")
		if c.flags&clientTrackingCaching != 0 {
			add("caching-no")
		}
	}
	if c.flags&clientTrackingNoloop != 0 {
		add("noloop")
	}
	if c.flags&clientTrackingBrokenRedir != 0 {
		add("broken_redirect")
	}
	c.setDeferredSetLen(d, n)
	c.addReplyBulkString("redirect")
	if c.flags&clientTracking != 0 {
		c.addReplyLongLong(int64(c.clientTrackingRedirection))
	} else {
		c.addReplyLongLong(-1)
	}
	c.addReplyBulkString("prefixes")
	c.addReplyArrayLen(len(c.clientTrackingPrefixes))
	for _, p := range c.sortedTrackingPrefixes() {
		c.addReplyBulkString(p)
	}
}
