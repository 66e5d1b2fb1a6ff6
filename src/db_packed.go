// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"unsafe"

	"redport/src/dict"
)

// db_packed.go - keys whose value is a collection: packed ones, which are bytes in the keyspace, and big ones, which are objects.
//
// A packed value is read where it lies: position.Value(), or robj.str of its view, both dead after the next write to the database. To
// change it, a command edits a copy in a buffer of its own and stores that with setPacked; the dictionary clones what a
// snapshot sees. A value that outgrows its encoding becomes an object with setCollection.
//
// None of these functions tells watchers (signalModifiedKey) or sends events: that is the command's business.

// packedValue is the dictionary's form of a packed value.
func packedValue(typ, encoding uint8, b []byte) dict.Value {
	return dict.Value{Meta: typ<<4 | encoding, Bytes: b}
}

// setPacked gives the key at e, a collection of the same type, other bytes. Expiry and access word stay. The bytes may be those that e has
// now. Whoever changes an object back to a packed value must release the object.
func (db *redisDb) setPacked(e dict.Entry, typ, encoding uint8, b []byte) dict.Entry {
	v := packedValue(typ, encoding, b)
	db.updateKeysizesHist(typ, entrySize(e), valueSize(v))
	return db.keys.Replace(e, v)
}

// newCollection is the object of a collection that the current epoch owns.
func (server *Server) newCollection(typ, encoding uint8, v collection) *robj {
	return &robj{typ: typ, encoding: encoding, epoch: server.clock.Now(), ptr: v}
}

// addCollection adds a key that is not there.
func (db *redisDb) addCollection(key []byte, o *robj) dict.Entry {
	return db.addEntry(db.keys.Find(key), key, collectionValue(o))
}

// setCollection makes the packed value at e an object of the same type, which has grown out of it. Expiry and access word stay.
func (db *redisDb) setCollection(e dict.Entry, o *robj) dict.Entry {
	v := collectionValue(o)
	db.updateKeysizesHist(o.typ, entrySize(e), valueSize(v))
	return db.keys.Replace(e, v)
}

// collectionValue is the dictionary's form of an object.
func collectionValue(o *robj) dict.Value {
	return dict.Value{Meta: o.typ<<4 | o.encoding, Pointer: unsafe.Pointer(o)}
}
