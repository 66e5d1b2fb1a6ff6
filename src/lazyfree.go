// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"sync/atomic"
	"unsafe"
)

// lazyfree.go - letting go of values.
//
// In C Redis freeing a big value takes time, so there is a choice between freeing at once and in a thread. Here the
// choice is gone: a value is dropped in O(1), the accounting falls at once, blocks outside of the Go heap are freed behind by
// src/epoch as soon as no snapshot reads them, and the collector takes the rest. What remains of lazyfree is what can
// be seen of it: UNLINK and DEL as they are propagated, and the counters of INFO, which count what C would have handed to its
// thread.
//
// Counterpart: lazyfree.c.

// lazyfreeThreshold is the effort of freeing above which C hands a value to its thread.
const lazyfreeThreshold = 64

// collection is what every type but string keeps in robj.ptr.
//
// A collection's blocks follow the epoch rule by themselves; the header, which the robj points at, is replaced by thaw
// before the first write that follows a snapshot.
type collection interface {
	// thaw returns a header for the current epoch that shares all blocks with the old one, which only snapshots read from now on.
	thaw() collection
	// dup returns a copy that can be changed without changing the original.
	dup() collection
	// length is the number of elements.
	length() int
	// freeEffort is about the number of allocations that C would need to free.
	freeEffort() int
	// release gives everything back: accounted at once, blocks behind. It is called once, and nothing else is called after it.
	release()
	// memoryUsage is the number of bytes that the collection holds.
	memoryUsage() int64
}

// freeObject lets go of a collection that left the keyspace.
func (server *Server) freeObject(o *robj, async bool) {
	v, ok := o.ptr.(collection)
	if !ok {
		return
	}
	if async && v.freeEffort() > lazyfreeThreshold {
		server.lazyfreed(1)
	}
	v.release()
}

// freeObjectPointer is freeObject for the values of a whole database that was dropped (dict.Type.FreePointer). Reclaiming goroutine.
func freeObjectPointer(p unsafe.Pointer) {
	if v, ok := (*robj)(p).ptr.(collection); ok {
		v.release()
	}
}

// lazyfreed counts objects that were let go without waiting for their memory.
func (server *Server) lazyfreed(n int64) { atomic.AddInt64(&server.lazyfreedObjects, n) }

// lazyfreeGetPendingObjectsCount is the number of objects that still wait to be freed.
func (server *Server) lazyfreeGetPendingObjectsCount() int64 {
	return atomic.LoadInt64(&server.lazyfreeObjects)
}

// lazyfreeGetFreedObjectsCount is the number of objects freed lazily since the last CONFIG RESETSTAT.
func (server *Server) lazyfreeGetFreedObjectsCount() int64 {
	return atomic.LoadInt64(&server.lazyfreedObjects)
}
