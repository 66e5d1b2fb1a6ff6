// SPDX-License-Identifier: BSD-3-Clause

package server

import "strconv"

// notify.go - keyspace notifications: events on keys, published as messages.
//
//	__keyspace@<db>__:<key>    message: the event     (class K)
//	__keyevent@<db>__:<event>  message: the key       (class E)
//
// Counterpart: notify.c.

// keyspaceEventClasses are the letters of notify-keyspace-events in the order in which CONFIG GET shows them.
var keyspaceEventClasses = []struct {
	letter byte
	flag   int
}{
	{'g', notifyGeneric}, {'$', notifyString}, {'l', notifyList}, {'s', notifySet}, {'h', notifyHash}, {'z', notifyZset},
	{'x', notifyExpired}, {'e', notifyEvicted}, {'t', notifyStream}, {'d', notifyModule}, {'n', notifyNew},
	{'K', notifyKeyspace}, {'E', notifyKeyevent}, {'m', notifyKeyMiss},
}

// keyspaceEventsStringToFlags parses the classes of notify-keyspace-events; false if a letter is unknown.
func keyspaceEventsStringToFlags(classes string) (flags int, ok bool) {
next:
	for i := 0; i < len(classes); i++ {
		if classes[i] == 'A' {
			flags |= notifyAll
			continue
		}
		for _, class := range keyspaceEventClasses {
			if class.letter == classes[i] {
				flags |= class.flag
				continue next
			}
		}
		return 0, false
	}
	return flags, true
}

// keyspaceEventsFlagsToString is the reverse. Everything that A stands for becomes A; then, as in Redis, n is not shown.
func keyspaceEventsFlagsToString(flags int) string {
	var s []byte
	hidden := 0
	if flags&notifyAll == notifyAll {
		s = append(s, 'A')
		hidden = notifyAll | notifyNew
	}
	for _, class := range keyspaceEventClasses {
		if flags&class.flag&^hidden != 0 {
			s = append(s, class.letter)
		}
	}
	return string(s)
}

// notifyKeyspaceEvent tells subscribers that event, which belongs to class typ, has happened to key.
func (server *Server) notifyKeyspaceEvent(typ int, event string, key []byte, dbid int) {
	if server.notifyKeyspaceEvents&typ != 0 {
		server.publishKeyspaceEvent(event, key, dbid)
	}
}

func (server *Server) publishKeyspaceEvent(event string, key []byte, dbid int) {
	channel := func(prefix string) []byte {
		b := append(server.notifyScratch[:0], prefix...)
		b = strconv.AppendInt(b, int64(dbid), 10)
		return append(b, "__:"...)
	}
	if server.notifyKeyspaceEvents&notifyKeyspace != 0 {
		b := append(channel("__keyspace@"), key...)
		server.pubsubPublishMessage(b, []byte(event), false)
		server.notifyScratch = b
	}
	if server.notifyKeyspaceEvents&notifyKeyevent != 0 {
		b := append(channel("__keyevent@"), event...)
		server.pubsubPublishMessage(b, key, false)
		server.notifyScratch = b
	}
	if cap(server.notifyScratch) > 1<<20 {
		server.notifyScratch = nil
	}
}
