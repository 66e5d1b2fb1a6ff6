// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"cmp"
	"strconv"
	"unsafe"

	"redport/src/rax"
)

// t_stream_groups.go - consumer groups: the structures, and what changes them beneath the commands. The commands are in
// t_stream_read.go (XREAD, XREADGROUP) and t_stream_claim.go (the others).
//
// A pending entry is known twice: the group's list says who has it, since when, and how often it was delivered; the consumer's list has
// its ID only. Pending entries name their consumer by a number, so that they hold no pointers: a million of them
// is nothing to the collector.
//
// Groups and consumers belong to epochs as blocks do: ownGroup and ownConsumer return what may be written to, and put it in
// the place of what a snapshot sees.

// scgInvalidEntriesRead: it is not known how many entries the group has read.
const scgInvalidEntriesRead = -1

// streamCG is a consumer group.
type streamCG struct {
	epoch       uint64
	lastID      streamID
	entriesRead int64
	pel         rax.Map[streamID, streamNACK]
	consumers   rax.Map[streamName, *streamConsumer]
	names       rax.Map[consumerNumber, streamName]
	number      consumerNumber // of the next consumer
}

// streamNACK is a pending entry: delivered, not acknowledged.
type streamNACK struct {
	consumer      consumerNumber
	deliveryTime  int64 // unix ms
	deliveryCount uint64
}

// streamConsumer is a consumer of a group.
type streamConsumer struct {
	epoch      uint64
	number     consumerNumber
	name       streamName
	seenTime   int64 // unix ms of its last attempt to do something
	activeTime int64 // unix ms of the last one that got it an entry, -1: none
	pel        rax.Map[streamID, struct{}]
}

// consumerNumber is what pending entries know their consumer by; 0: none.
type consumerNumber uint64

// Compare orders numbers.
func (a consumerNumber) Compare(b consumerNumber) int { return cmp.Compare(a, b) }

const (
	streamGroupSize    = int64(unsafe.Sizeof(streamCG{}))
	streamConsumerSize = int64(unsafe.Sizeof(streamConsumer{}))
)

// memoryUsage is what the group holds, its name excepted.
func (cg *streamCG) memoryUsage() int64 {
	n := streamGroupSize + cg.pel.Bytes() + cg.consumers.Bytes() + cg.names.Bytes()
	it := cg.consumers.Iter()
	for ok := it.First(); ok; ok = it.Next() {
		n += streamConsumerSize + int64(len(it.Key())) + it.Value().pel.Bytes()
	}
	return n
}

// dupGroup returns a copy of another stream's group.
func (s *stream) dupGroup(cg *streamCG) *streamCG {
	c := s.newGroup(cg.lastID, cg.entriesRead)
	it := cg.consumers.Iter()
	for ok := it.First(); ok; ok = it.Next() {
		old := it.Value()
		consumer := s.addConsumer(c, old.name, old.seenTime)
		consumer.activeTime = old.activeTime
		pel := old.pel.Iter()
		for ok := pel.First(); ok; ok = pel.Next() {
			nack, _ := cg.pel.Get(pel.Key())
			nack.consumer = consumer.number
			consumer.pel.Set(pel.Key(), struct{}{})
			c.pel.Set(pel.Key(), nack)
		}
	}
	return c
}

// accountGroups counts bytes of groups that are in no map.
func (s *stream) accountGroups(n int64) {
	*s.groupBytes += n
	s.clk.Allocator().Account(n)
}

// newGroup returns a group that belongs to the stream, but has no name yet.
func (s *stream) newGroup(id streamID, entriesRead int64) *streamCG {
	clk, sum := s.clk, s.groupBytes
	s.accountGroups(streamGroupSize)
	return &streamCG{epoch: clk.Now(), lastID: id, entriesRead: entriesRead, number: 1, pel: rax.NewSummed[streamID, streamNACK](clk, sum),
		consumers: rax.NewSummed[streamName, *streamConsumer](clk, sum), names: rax.NewSummed[consumerNumber, streamName](clk, sum)}
}

// addConsumer adds a consumer that is not there to a group that may be written to.
func (s *stream) addConsumer(cg *streamCG, name streamName, seen int64) *streamConsumer {
	consumer := &streamConsumer{epoch: s.clk.Now(), number: cg.number, name: name, seenTime: seen, activeTime: -1, pel: rax.NewSummed[streamID, struct{}](s.clk, s.groupBytes)}
	cg.number++
	cg.consumers.Set(name, consumer)
	cg.names.Set(consumer.number, name)
	s.accountGroups(streamConsumerSize + int64(len(name)))
	return consumer
}

// --- Groups and consumers of a stream that may be written to ---

// lookupGroup returns a group to be read.
func (s *stream) lookupGroup(name []byte) *streamCG {
	cg, _ := s.cgroups.Get(streamName(name))
	return cg
}

// ownGroup returns a group to be changed.
func (s *stream) ownGroup(name []byte) *streamCG {
	cg, ok := s.cgroups.Get(streamName(name))
	if ok && s.clk.Frozen(cg.epoch) {
		c := *cg
		c.epoch = s.clk.Now()
		s.clk.AddCloned(int(streamGroupSize))
		cg = &c
		*s.cgroups.Ref(streamName(name)) = cg
	}
	return cg
}

// createGroup adds a group, nil if there is one of that name.
func (s *stream) createGroup(name []byte, id streamID, entriesRead int64) *streamCG {
	key := streamName(name)
	if _, ok := s.cgroups.Get(key); ok {
		return nil
	}
	cg := s.newGroup(id, entriesRead)
	s.cgroups.Set(key, cg)
	return cg
}

// destroyGroup removes a group.
func (s *stream) destroyGroup(name []byte) {
	if cg, ok := s.cgroups.Delete(streamName(name)); ok {
		s.accountGroups(-cg.memoryUsage())
	}
}

// lookupConsumer returns a consumer to be read.
func (cg *streamCG) lookupConsumer(name []byte) *streamConsumer {
	consumer, _ := cg.consumers.Get(streamName(name))
	return consumer
}

// ownConsumer returns a consumer of a group that may be written to, to be changed.
func (s *stream) ownConsumer(cg *streamCG, name streamName) *streamConsumer {
	consumer, ok := cg.consumers.Get(name)
	if ok && s.clk.Frozen(consumer.epoch) {
		c := *consumer
		c.epoch = s.clk.Now()
		s.clk.AddCloned(int(streamConsumerSize))
		consumer = &c
		*cg.consumers.Ref(name) = consumer
	}
	return consumer
}

// createConsumer adds a consumer that is not there, as part of the client's command.
func (c *client) createConsumer(s *stream, cg *streamCG, name, key []byte) *streamConsumer {
	server := c.server
	consumer := s.addConsumer(cg, streamName(name), server.commandTimeSnapshot())
	server.dirty++
	server.notifyKeyspaceEvent(notifyStream, "xgroup-createconsumer", key, c.db.id)
	return consumer
}

// seenConsumer returns the consumer of that name, which may be new, and notes that it was seen.
func (c *client) seenConsumer(s *stream, cg *streamCG, name, key []byte) (consumer *streamConsumer, created bool) {
	if consumer = s.ownConsumer(cg, streamName(name)); consumer == nil {
		consumer, created = c.createConsumer(s, cg, name, key), true
	}
	consumer.seenTime = c.server.commandTimeSnapshot()
	return consumer, created
}

// deleteConsumer removes a consumer with its pending entries, and returns how many those were.
func (s *stream) deleteConsumer(cg *streamCG, consumer *streamConsumer) int {
	n := consumer.pel.Len()
	it := consumer.pel.Iter()
	for ok := it.First(); ok; ok = it.Next() {
		cg.pel.Delete(it.Key())
	}
	s.accountGroups(-streamConsumerSize - int64(len(consumer.name)) - consumer.pel.Bytes())
	cg.consumers.Delete(consumer.name)
	cg.names.Delete(consumer.number)
	return n
}

// consumerName is the name of the consumer that has a pending entry.
func (cg *streamCG) consumerName(nack streamNACK) streamName {
	name, _ := cg.names.Get(nack.consumer)
	return name
}

// deliver makes an entry pending with consumer, whoever has had it.
func (s *stream) deliver(cg *streamCG, consumer *streamConsumer, id streamID, nack streamNACK) {
	old, ok := cg.pel.Get(id)
	if ok && old.consumer != consumer.number {
		s.ownConsumer(cg, cg.consumerName(old)).pel.Delete(id)
	}
	if !ok || old.consumer != consumer.number {
		consumer.pel.Set(id, struct{}{})
	}
	nack.consumer = consumer.number
	cg.pel.Set(id, nack)
}

// acknowledge removes a pending entry, and reports whether there was one.
func (s *stream) acknowledge(cg *streamCG, id streamID) bool {
	nack, ok := cg.pel.Delete(id)
	if ok {
		s.ownConsumer(cg, cg.consumerName(nack)).pel.Delete(id)
	}
	return ok
}

// --- How far a group is ---

// rangeHasTombstones tells whether entries from start on may have been deleted by XDEL.
func (s *stream) rangeHasTombstones(start streamID) bool {
	if s.entries == 0 || s.maxDeletedID.isZero() || s.firstID.Compare(s.maxDeletedID) > 0 {
		return false
	}
	return start.Compare(s.maxDeletedID) <= 0
}

// estimateDistanceFromFirstEverEntry is the number of entries ever added up to the ID, scgInvalidEntriesRead if that cannot be told.
func (s *stream) estimateDistanceFromFirstEverEntry(id streamID) int64 {
	added := int64(s.entriesAdded)
	if added == 0 {
		return 0
	}
	last := id.Compare(s.lastID)
	if s.entries == 0 && last <= 0 {
		return added
	}
	// With tombstones ahead there is no telling, but for an ID in front of all entries.
	if !id.isZero() && id.Compare(s.maxDeletedID) < 0 {
		return scgInvalidEntriesRead
	}
	switch {
	case last == 0:
		return added
	case last > 0:
		return scgInvalidEntriesRead
	}
	if s.maxDeletedID.isZero() || s.maxDeletedID.Compare(s.firstID) < 0 {
		switch first := id.Compare(s.firstID); {
		case first < 0:
			return added - int64(s.entries)
		case first == 0:
			return added - int64(s.entries) + 1
		}
	}
	return scgInvalidEntriesRead
}

// readUpTo notes that the group was given the entry with the ID, which is behind its last one.
func (s *stream) readUpTo(cg *streamCG, id streamID) {
	if cg.entriesRead != scgInvalidEntriesRead && cg.lastID.Compare(s.firstID) >= 0 && !s.rangeHasTombstones(cg.lastID) {
		cg.entriesRead++
	} else if s.entriesAdded > 0 {
		cg.entriesRead = s.estimateDistanceFromFirstEverEntry(id)
	}
	cg.lastID = id
}

// lag is the number of entries that the group has still to be given.
func (s *stream) lag(cg *streamCG) (n int64, known bool) {
	added := int64(s.entriesAdded)
	if added == 0 || s.entries == 0 {
		return 0, true
	}
	if cg.lastID.Compare(s.firstID) < 0 && s.maxDeletedID.Compare(s.firstID) < 0 {
		// All that is left is ahead of the group, whatever is missing in front of it.
		return int64(s.entries), true
	}
	if cg.entriesRead != scgInvalidEntriesRead && cg.lastID.Compare(s.firstID) >= 0 && !s.rangeHasTombstones(cg.lastID) {
		return added - cg.entriesRead, true
	}
	if read := s.estimateDistanceFromFirstEverEntry(cg.lastID); read != scgInvalidEntriesRead {
		return added - read, true
	}
	return 0, false
}

// --- Propagation ---

var (
	argXclaim         = []byte("XCLAIM")
	argXgroup         = []byte("XGROUP")
	argSetid          = []byte("SETID")
	argCreateconsumer = []byte("CREATECONSUMER")
	argEntriesread    = []byte("ENTRIESREAD")
	argTime           = []byte("TIME")
	argRetrycount     = []byte("RETRYCOUNT")
	argForce          = []byte("FORCE")
	argJustid         = []byte("JUSTID")
	argLastid         = []byte("LASTID")
	argZero           = []byte("0")
)

// streamPropagateXCLAIM propagates that an entry is pending, or, if it is no longer in the stream, that it is not.
func (c *client) streamPropagateXCLAIM(key, groupname []byte, cg *streamCG, id streamID, nack streamNACK) {
	server := c.server
	if !server.propagates() {
		return
	}
	server.alsoPropagate(c.db.id, [][]byte{argXclaim, key, groupname, []byte(cg.consumerName(nack)), argZero, id.bytes(),
		argTime, strconv.AppendInt(nil, nack.deliveryTime, 10), argRetrycount, strconv.AppendUint(nil, nack.deliveryCount, 10),
		argForce, argJustid, argLastid, cg.lastID.bytes()}, propagateAof|propagateRepl)
}

// streamPropagateGroupID propagates how far a group is.
func (c *client) streamPropagateGroupID(key, groupname []byte, cg *streamCG) {
	server := c.server
	if !server.propagates() {
		return
	}
	server.alsoPropagate(c.db.id, [][]byte{argXgroup, argSetid, key, groupname, cg.lastID.bytes(), argEntriesread,
		strconv.AppendInt(nil, cg.entriesRead, 10)}, propagateAof|propagateRepl)
}

// streamPropagateConsumerCreation propagates a consumer that no pending entry will create elsewhere.
func (c *client) streamPropagateConsumerCreation(key, groupname, name []byte) {
	server := c.server
	if !server.propagates() {
		return
	}
	server.alsoPropagate(c.db.id, [][]byte{argXgroup, argCreateconsumer, key, groupname, name}, propagateAof|propagateRepl)
}
