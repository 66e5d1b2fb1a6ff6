// SPDX-License-Identifier: BSD-3-Clause

package server

import "redport/src/util"

// pubsub.go - messages to channels: SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE and their reverses, PUBLISH, SPUBLISH, PUBSUB.
//
// There are three tables from a name to the clients that subscribed to it: channels, patterns and shard channels (which
// live in a cluster slot and are never matched against patterns). Each client has the same three the other way
// round. The two sides always agree, and a name without subscribers is in neither. How a message gets to them is in
// pubsub_publish.go.
//
// Counterpart: pubsub.c.

// pubsubtype is one of the kinds of channels that are subscribed to by name.
type pubsubtype struct {
	shard                              bool
	of                                 subscriptionsOf
	subscribeMsg, unsubscribeMsg, bulk string
}

var (
	pubSubType      = pubsubtype{false, channelsOf, "$9\r\nsubscribe\r\n", "$11\r\nunsubscribe\r\n", "$7\r\nmessage\r\n"}
	pubSubShardType = pubsubtype{true, shardChannelsOf, "$10\r\nssubscribe\r\n", "$12\r\nsunsubscribe\r\n", "$8\r\nsmessage\r\n"}
)

const (
	pmessageBulk     = "$8\r\npmessage\r\n"
	psubscribeBulk   = "$10\r\npsubscribe\r\n"
	punsubscribeBulk = "$12\r\npunsubscribe\r\n"
)

// --- The two sides of a subscription ---

// subscribers are the clients that are subscribed to one name. A list, and not a set, because it is gone through far
// more often than it changes; each client knows its place in it.
type subscribers struct {
	name    string
	clients []*client
	place   int // of a pattern, in patternIndex
}

// pubsubTable holds them by name.
type pubsubTable map[string]*subscribers

// count is the number of subscribers of a name.
func (t pubsubTable) count(name []byte) int {
	if subs := t[string(name)]; subs != nil {
		return len(subs.clients)
	}
	return 0
}

// subscriptions are one client's: names, and the client's place among the subscribers of each.
type subscriptions map[string]int

func (server *Server) pubsubServerTable(shard bool) pubsubTable {
	if shard {
		return server.pubsubshardChannels
	}
	return server.pubsubChannels
}

// subscriptionsOf leads to a client's side of a table.
type subscriptionsOf func(c *client) *subscriptions

func channelsOf(c *client) *subscriptions      { return &c.pubsubChannels }
func shardChannelsOf(c *client) *subscriptions { return &c.pubsubshardChannels }
func patternsOf(c *client) *subscriptions      { return &c.pubsubPatterns }

// pubsubLink subscribes c to name on both sides. It returns nil if c was subscribed already, else the subscribers.
func (server *Server) pubsubLink(all pubsubTable, of subscriptionsOf, c *client, name []byte) *subscribers {
	own := of(c)
	if _, ok := (*own)[string(name)]; ok {
		return nil
	}
	server.flushPublished()
	subs := all[string(name)]
	if subs == nil {
		subs = &subscribers{name: string(name)}
		all[subs.name] = subs
	}
	if *own == nil {
		*own = subscriptions{}
	}
	(*own)[subs.name] = len(subs.clients)
	subs.clients = append(subs.clients, c)
	return subs
}

// pubsubUnlink is the reverse, with the same result. The last of the subscribers takes the place of the one that goes.
func (server *Server) pubsubUnlink(all pubsubTable, of subscriptionsOf, c *client, name string) *subscribers {
	own := *of(c)
	place, ok := own[name]
	if !ok {
		return nil
	}
	server.flushPublished()
	delete(own, name)
	subs := all[name]
	last := len(subs.clients) - 1
	if place != last {
		moved := subs.clients[last]
		subs.clients[place] = moved
		(*of(moved))[subs.name] = place
	}
	subs.clients[last] = nil
	subs.clients = subs.clients[:last]
	if last == 0 {
		delete(all, name)
	}
	return subs
}

// clientSubscriptionsCount is the number of channels and patterns that c is subscribed to.
func (c *client) clientSubscriptionsCount() int { return len(c.pubsubChannels) + len(c.pubsubPatterns) }

// clientShardSubscriptionsCount is the same for shard channels.
func (c *client) clientShardSubscriptionsCount() int { return len(c.pubsubshardChannels) }

func (c *client) clientTotalPubSubSubscriptionCount() int {
	return c.clientSubscriptionsCount() + c.clientShardSubscriptionsCount()
}

func (c *client) pubsubCount(shard bool) int {
	if shard {
		return c.clientShardSubscriptionsCount()
	}
	return c.clientSubscriptionsCount()
}

// markClientAsPubSub puts the client into subscriber mode.
func (c *client) markClientAsPubSub() {
	if c.flags&clientPubsub == 0 {
		c.flags |= clientPubsub
		c.server.pubsubClients++
	}
}

// unmarkClientIfUnsubscribed ends subscriber mode with the last subscription.
func (c *client) unmarkClientIfUnsubscribed() {
	if c.flags&clientPubsub != 0 && c.clientTotalPubSubSubscriptionCount() == 0 {
		c.flags &^= clientPubsub
		c.server.pubsubClients--
	}
}

// --- What subscribers are told ---

// beginPush opens a push of n elements (an array in RESP2); endPush(wasPushing) must follow it.
func (c *client) beginPush(n int) (wasPushing bool) {
	wasPushing = c.flags&clientPushing != 0
	c.flags |= clientPushing
	if c.resp == 2 {
		c.addReplyArrayLen(n)
	} else {
		c.addReplyPushLen(n)
	}
	return wasPushing
}

func (c *client) endPush(wasPushing bool) {
	if !wasPushing {
		c.flags &^= clientPushing
	}
}

// addReplyPubsubChange confirms one subscription or its end: kind, name and how many are left. A nil name is the
// answer to an unsubscription from everything by a client that was subscribed to nothing.
func (c *client) addReplyPubsubChange(kind string, name []byte, count int) {
	was := c.beginPush(3)
	c.addReply(kind)
	if name != nil {
		c.addReplyBulkBytes(name)
	} else {
		c.addReplyNull()
	}
	c.addReplyLongLong(int64(count))
	c.endPush(was)
}

// executingPushesReply tells whether pushes are the very reply of the command that executes, and so do not wait for its end.
func (server *Server) executingPushesReply() bool {
	x := server.executingClient
	if x == nil || x.cmd == nil {
		return false
	}
	switch x.cmd.fullname {
	case "subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe":
		return true
	}
	return false
}

// --- Subscribing ---

// pubsubSubscribeChannel subscribes c to a channel, and reports false if it was.
func (server *Server) pubsubSubscribeChannel(c *client, channel []byte, typ *pubsubtype) bool {
	added := server.pubsubLink(server.pubsubServerTable(typ.shard), typ.of, c, channel)
	c.addReplyPubsubChange(typ.subscribeMsg, nonNil(channel), c.pubsubCount(typ.shard))
	return added != nil
}

// pubsubUnsubscribeChannel is the reverse.
func (server *Server) pubsubUnsubscribeChannel(c *client, channel string, notify bool, typ *pubsubtype) bool {
	removed := server.pubsubUnlink(server.pubsubServerTable(typ.shard), typ.of, c, channel)
	if notify {
		c.addReplyPubsubChange(typ.unsubscribeMsg, nonNil([]byte(channel)), c.pubsubCount(typ.shard))
	}
	return removed != nil
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// pubsubSubscribePattern subscribes c to a pattern, and reports false if it was.
func (server *Server) pubsubSubscribePattern(c *client, pattern []byte) bool {
	subs := server.pubsubLink(server.pubsubPatterns, patternsOf, c, pattern)
	if subs != nil && len(subs.clients) == 1 {
		server.patterns.add(subs)
	}
	c.addReplyPubsubChange(psubscribeBulk, nonNil(pattern), c.clientSubscriptionsCount())
	return subs != nil
}

// pubsubUnsubscribePattern is the reverse.
func (server *Server) pubsubUnsubscribePattern(c *client, pattern string, notify bool) bool {
	subs := server.pubsubUnlink(server.pubsubPatterns, patternsOf, c, pattern)
	if subs != nil && len(subs.clients) == 0 {
		server.patterns.remove(subs)
	}
	if notify {
		c.addReplyPubsubChange(punsubscribeBulk, nonNil([]byte(pattern)), c.clientSubscriptionsCount())
	}
	return subs != nil
}

func (server *Server) pubsubUnsubscribeAllChannelsInternal(c *client, notify bool, typ *pubsubtype) int {
	count := 0
	for channel := range *typ.of(c) {
		if server.pubsubUnsubscribeChannel(c, channel, notify, typ) {
			count++
		}
	}
	if notify && count == 0 {
		c.addReplyPubsubChange(typ.unsubscribeMsg, nil, c.pubsubCount(typ.shard))
	}
	c.unmarkClientIfUnsubscribed()
	return count
}

// pubsubUnsubscribeAllChannels ends all subscriptions of c to channels and returns how many there were. With notify
// the client is told, even if there were none.
func (server *Server) pubsubUnsubscribeAllChannels(c *client, notify bool) int {
	return server.pubsubUnsubscribeAllChannelsInternal(c, notify, &pubSubType)
}

// pubsubUnsubscribeShardAllChannels is the same for shard channels.
func (server *Server) pubsubUnsubscribeShardAllChannels(c *client, notify bool) int {
	return server.pubsubUnsubscribeAllChannelsInternal(c, notify, &pubSubShardType)
}

// pubsubUnsubscribeAllPatterns is the same for patterns.
func (server *Server) pubsubUnsubscribeAllPatterns(c *client, notify bool) int {
	count := 0
	for pattern := range c.pubsubPatterns {
		if server.pubsubUnsubscribePattern(c, pattern, notify) {
			count++
		}
	}
	if notify && count == 0 {
		c.addReplyPubsubChange(punsubscribeBulk, nil, c.clientSubscriptionsCount())
	}
	c.unmarkClientIfUnsubscribed()
	return count
}

// --- Commands ---

// maySubscribe tells whether a client may run a command that subscribes it. One that expects one reply a command may not; with inMulti a
// transaction may all the same, for the sake of old programs.
func (c *client) maySubscribe(command string, inMulti bool) bool {
	if c.flags&clientDenyBlocking == 0 || inMulti && c.flags&clientMulti != 0 {
		return true
	}
	c.addReplyErrorFormat("%s isn't allowed for a DENY BLOCKING client", command)
	return false
}

// subscribeToChannels subscribes the client to the channels that its arguments name.
func (c *client) subscribeToChannels(typ *pubsubtype) {
	for _, channel := range c.argv[1:] {
		c.server.pubsubSubscribeChannel(c, channel, typ)
	}
	c.markClientAsPubSub()
}

// unsubscribeFromChannels is the opposite.
func (c *client) unsubscribeFromChannels(typ *pubsubtype) {
	for _, channel := range c.argv[1:] {
		c.server.pubsubUnsubscribeChannel(c, string(channel), true, typ)
	}
	c.unmarkClientIfUnsubscribed()
}

// SUBSCRIBE channel [channel ...]
func subscribeCommand(c *client) {
	if c.maySubscribe("SUBSCRIBE", true) {
		c.subscribeToChannels(&pubSubType)
	}
}

// UNSUBSCRIBE [channel ...]
func unsubscribeCommand(c *client) {
	if len(c.argv) == 1 {
		c.server.pubsubUnsubscribeAllChannels(c, true)
		return
	}
	c.unsubscribeFromChannels(&pubSubType)
}

// PSUBSCRIBE pattern [pattern ...]
func psubscribeCommand(c *client) {
	if !c.maySubscribe("PSUBSCRIBE", true) {
		return
	}
	for _, pattern := range c.argv[1:] {
		c.server.pubsubSubscribePattern(c, pattern)
	}
	c.markClientAsPubSub()
}

// PUNSUBSCRIBE [pattern ...]
func punsubscribeCommand(c *client) {
	if len(c.argv) == 1 {
		c.server.pubsubUnsubscribeAllPatterns(c, true)
		return
	}
	for _, pattern := range c.argv[1:] {
		c.server.pubsubUnsubscribePattern(c, string(pattern), true)
	}
	c.unmarkClientIfUnsubscribed()
}

// SSUBSCRIBE shardchannel [shardchannel ...]
func ssubscribeCommand(c *client) {
	if c.maySubscribe("SSUBSCRIBE", false) {
		c.subscribeToChannels(&pubSubShardType)
	}
}

// SUNSUBSCRIBE [shardchannel ...]
func sunsubscribeCommand(c *client) {
	if len(c.argv) == 1 {
		c.server.pubsubUnsubscribeShardAllChannels(c, true)
		return
	}
	c.unsubscribeFromChannels(&pubSubShardType)
}

// publishGenericCommand serves PUBLISH and SPUBLISH. Replicas have subscribers too, hence the propagation.
func publishGenericCommand(c *client, sharded bool) {
	receivers := c.server.pubsubPublishMessage(c.argv[1], c.argv[2], sharded)
	if !c.server.clusterEnabled {
		c.flags |= clientForceRepl
	}
	c.addReplyLongLong(int64(receivers))
}

// PUBLISH channel message
func publishCommand(c *client) { publishGenericCommand(c, false) }

// SPUBLISH shardchannel message
func spublishCommand(c *client) { publishGenericCommand(c, true) }

// pubsubCommand serves PUBSUB's subcommands.
func pubsubCommand(c *client) {
	server := c.server
	argc, sub := len(c.argv), c.argv[1]
	switch {
	case argc == 2 && equalFold(sub, "HELP"):
		c.addReplyHelp([]string{
			"CHANNELS [<pattern>]",
			"    The channels with subscribers, or those that match <pattern>.",
			"NUMPAT",
			"    How many patterns are subscribed to.",
			"NUMSUB [<channel> ...]",
			"    How many subscribe to each channel named; subscriptions by pattern do not",
			"    count.",
			"SHARDCHANNELS [<pattern>]",
			"    The shard channels with subscribers, or those that match <pattern>.",
			"SHARDNUMSUB [<shardchannel> ...]",
			"    How many subscribe to each shard channel named.",
		})
	case argc <= 3 && equalFold(sub, "CHANNELS"):
		c.channelList(server.pubsubChannels)
	case equalFold(sub, "NUMSUB"):
		c.channelNumsub(server.pubsubChannels)
	case argc == 2 && equalFold(sub, "NUMPAT"):
		c.addReplyLongLong(int64(len(server.pubsubPatterns)))
	case argc <= 3 && equalFold(sub, "SHARDCHANNELS"):
		c.channelList(server.pubsubshardChannels)
	case equalFold(sub, "SHARDNUMSUB"):
		c.channelNumsub(server.pubsubshardChannels)
	default:
		c.addReplySubcommandSyntaxError()
	}
}

// channelList answers with the names that match the pattern in argv[2], or with all.
func (c *client) channelList(table pubsubTable) {
	d := c.addReplyDeferredLen()
	n := 0
	for channel := range table {
		if len(c.argv) == 2 || util.StringMatchLen(c.argv[2], channel, false) {
			c.addReplyBulkString(channel)
			n++
		}
	}
	c.setDeferredArrayLen(d, n)
}

// channelNumsub answers with the channels in argv[2:] and how many clients are subscribed to each.
func (c *client) channelNumsub(table pubsubTable) {
	c.addReplyArrayLen((len(c.argv) - 2) * 2)
	for _, channel := range c.argv[2:] {
		c.addReplyBulkBytes(channel)
		c.addReplyLongLong(int64(table.count(channel)))
	}
}
