// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"unsafe"

	"redport/src/dict"
)

// object_dict.go - what the collections of encoding "hashtable" have in common: a paged dictionary of their own.
//
// A set's members are keys without values, a hash's fields are keys whose value is the field's. The dictionary accounts
// for its blocks by itself; the headers on the Go heap are accounted for here.

// dictObject is the base of setObject and hashObject.
type dictObject struct {
	server *Server
	d      *dict.Dict
}

// dictObjectType: fields and members have no access word.
var dictObjectType = dict.Type{}

// dictObjectSize is what a collection has on the Go heap besides its dictionary's blocks.
const dictObjectSize = int64(unsafe.Sizeof(robj{}) + unsafe.Sizeof(dictObject{}) + unsafe.Sizeof(dict.Dict{}))

func (server *Server) newDictObject() dictObject {
	server.mem.Account(dictObjectSize)
	return dictObject{server, dict.New(server.clock, &dictObjectType)}
}

// clone shares everything with o, which only snapshots read from now on.
func (o *dictObject) clone() dictObject { return dictObject{o.server, o.d.Clone()} }

// copied is a copy, expiries included.
func (o *dictObject) copied() dictObject {
	n := o.server.newDictObject()
	it := o.d.Iter()
	for it.Next() {
		e := it.Entry()
		key := e.Key()
		x := n.d.Insert(n.d.Find(dict.Hash(key), key), key, dict.Value{Meta: e.Meta(), Bytes: e.Value()}, 0)
		if when := e.Expire(); when >= 0 {
			n.d.SetExpire(x, when)
		}
	}
	return n
}

func (o *dictObject) hashTable() *dict.Dict { return o.d }

func (o *dictObject) length() int        { return o.d.Len() }
func (o *dictObject) freeEffort() int    { return o.d.Len() }
func (o *dictObject) memoryUsage() int64 { return dictObjectSize + o.d.Bytes() }

// release gives everything back. A snapshot may be reading the header, so then a copy of it is released.
func (o *dictObject) release() {
	o.server.mem.Account(-dictObjectSize)
	d := o.d
	if o.server.clock.Live() > 0 {
		d = d.Clone()
	}
	d.Release()
}

// ownCollection is the object at e, with a header that the current epoch owns. e is stale afterwards.
func (db *redisDb) ownCollection(e dict.Entry) *robj {
	o := (*robj)(e.Pointer())
	if db.server.clock.Frozen(o.epoch) {
		o = db.thawObject(e, o)
	}
	return o
}
