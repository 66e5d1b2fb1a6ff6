// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"redport/src/dict"
	"redport/src/epoch"
	"redport/src/kvstore"
)

// snapshot.go - the dataset at one moment, for a goroutine to walk through: what a forked child sees of its parent's memory.
//
// A snapshot is taken and released by the main goroutine, both in O(1) but for the number of databases. In between any
// goroutine may read, and only read, what hangs at it: the views of the databases, and through their entries the values. A value that is bytes
// lies in the frozen page; one that is an object hangs there by its header, which nobody writes to any more (lookupKeyWrite
// gives the key another one first), and the blocks below are cloned by whoever writes to them.
//
// Reading a frozen value must not go through the Server or through anything that caches: dict.View, dict.Iter, listpack, intset, btree.Cursor,
// rax.Iter and quicklist.List.Walk are fit for it, quicklist.List.Iter is not.
//
// No counterpart in C, where the kernel does it.

// snapshot is a frozen moment of a Server.
type snapshot struct {
	frozen    *epoch.Snapshot
	dbs       []dbSnapshot // those that have keys
	keys      int64        // in all of them
	functions [][]byte     // the libraries' sources

	// What a save needs of the moment.
	unixtime        int64
	usedMemory      int64
	maxmemoryPolicy int
	lruclock        uint32
	lfuMinutes      uint32
	lfuDecayTime    int
	compress        bool
	checksum        bool
}

// dbSnapshot is a database in a snapshot.
type dbSnapshot struct {
	id   int
	keys *kvstore.View
}

// snapshot freezes the dataset as it is now.
func (server *Server) snapshot() *snapshot {
	snap := &snapshot{frozen: server.clock.Snapshot(), unixtime: server.ustime() / 1e6, usedMemory: server.usedMemory(),
		maxmemoryPolicy: server.maxmemoryPolicy, lruclock: server.lruclock, lfuMinutes: server.lfuTimeInMinutes(), lfuDecayTime: server.lfuDecayTime,
		compress: server.rdbCompression, checksum: server.rdbChecksum}
	for _, db := range server.db {
		// Every view has to be made before anything is written, and costs little.
		if n := db.keys.Len(); n > 0 {
			snap.dbs = append(snap.dbs, dbSnapshot{db.id, db.keys.View(snap.frozen)})
			snap.keys += int64(n)
		}
	}
	for _, li := range server.functions.lib.sortedLibraries() {
		snap.functions = append(snap.functions, []byte(li.code))
	}
	return snap
}

// walk returns an iterator before the first key. A job walks its snapshot once, and nobody else does, so what it has left behind need not be
// cloned any more when it is written to. Without a job there may be others, or another time.
func (db *dbSnapshot) walk(job *childJob) dict.Iter {
	if job == nil {
		return db.keys.Iter()
	}
	return db.keys.Consume()
}

// release ends the snapshot. Main goroutine; nobody may read it any more.
func (snap *snapshot) release() {
	snap.frozen.Release()
	snap.dbs = nil
}

// clonedBytes is how many bytes were cloned because of the snapshot so far. Any goroutine.
func (snap *snapshot) clonedBytes() int64 { return snap.frozen.ClonedBytes() }

// idleTime is for how many seconds a key with this access word had not been accessed (estimateObjectIdleTime).
func (snap *snapshot) idleTime(access uint32) uint64 {
	if snap.lruclock >= access {
		return uint64(snap.lruclock - access)
	}
	return uint64(snap.lruclock + (lruClockMax - access))
}

// frequency is the counter of an access word (lfuDecrAndReturn).
func (snap *snapshot) frequency(access uint32) byte {
	counter := access & 255
	if snap.lfuDecayTime == 0 {
		return byte(counter)
	}
	elapsed := snap.lfuMinutes - access>>8
	if snap.lfuMinutes < access>>8 {
		elapsed = 0xffff - access>>8 + snap.lfuMinutes
	}
	return byte(counter - min(elapsed/uint32(snap.lfuDecayTime), counter))
}
