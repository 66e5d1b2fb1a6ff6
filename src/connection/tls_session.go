// SPDX-License-Identifier: BSD-3-Clause

package connection

// tls_session.go - the server's TLS session cache (tls-session-caching, -cache-size, -cache-timeout).
//
// crypto/tls would seal the whole session in a ticket for the client to keep, which neither a size nor a timeout bounds.
// Here the ticket is a random name, and the session stays in this table: the oldest goes when it is full, and none is
// used beyond the timeout.

import (
	"container/list"
	"crypto/rand"
	"crypto/tls"
	"sync"
	"time"
)

type sessionCache struct {
	size    int
	timeout time.Duration

	mu    sync.Mutex
	table map[[32]byte]*list.Element
	order *list.List // of *session, oldest first
}

type session struct {
	id    [32]byte
	state []byte
	made  time.Time
}

func newSessionCache(size, seconds int) *sessionCache {
	return &sessionCache{
		size:    size,
		timeout: time.Duration(seconds) * time.Second,
		table:   map[[32]byte]*list.Element{},
		order:   list.New(),
	}
}

func (s *sessionCache) use(conf *tls.Config) {
	conf.WrapSession = func(_ tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
		state, err := ss.Bytes()
		if err != nil {
			return nil, err
		}
		return s.put(state), nil
	}
	conf.UnwrapSession = func(identity []byte, _ tls.ConnectionState) (*tls.SessionState, error) {
		state := s.get(identity)
		if state == nil {
			return nil, nil
		}
		ss, err := tls.ParseSessionState(state)
		if err != nil {
			return nil, nil // a full handshake does instead
		}
		return ss, nil
	}
}

func (s *sessionCache) put(state []byte) []byte {
	e := &session{state: state, made: time.Now()}
	rand.Read(e.id[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table[e.id] = s.order.PushBack(e)
	for front := s.order.Front(); front != nil; front = s.order.Front() {
		old := front.Value.(*session)
		if (s.size == 0 || s.order.Len() <= s.size) && e.made.Sub(old.made) <= s.timeout {
			break
		}
		s.order.Remove(front)
		delete(s.table, old.id)
	}
	return e.id[:]
}

// get returns a session's state, nil if it is not known any more.
func (s *sessionCache) get(identity []byte) []byte {
	if len(identity) != 32 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	el := s.table[[32]byte(identity)]
	if el == nil || time.Since(el.Value.(*session).made) > s.timeout {
		return nil
	}
	return el.Value.(*session).state
}
