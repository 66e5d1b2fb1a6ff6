// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// Loads that redis-benchmark cannot make, for a request of them is more than one command.

// ownLoad is what one connection sends. begin comes first and does not count; request sends one request, of which i is the number.
type ownLoad struct {
	begin   func(c *conn) error
	request func(c *conn, r *rand.Rand, i int)
}

// hotKeys is how many keys clients that track keys read and write.
const hotKeys = 100

func benchKey(i int) string { return "bench:" + strconv.Itoa(i) }

// transactions are MULTI, ten SETs and EXEC, sent at once as client libraries do.
var transactions = &ownLoad{
	request: func(c *conn, r *rand.Rand, i int) {
		c.send("MULTI")
		for range 10 {
			c.send("SET", benchKey(r.IntN(elements)), "xxx")
		}
		c.send("EXEC")
	},
}

// tracked are reads of few keys by clients that are told when these change, which they do with every tenth request.
var tracked = &ownLoad{
	begin: func(c *conn) error {
		if _, err := c.do("HELLO", "3"); err != nil {
			return err
		}
		_, err := c.do("CLIENT", "TRACKING", "ON")
		return err
	},
	request: func(c *conn, r *rand.Rand, i int) {
		if key := benchKey(r.IntN(hotKeys)); i%10 == 0 {
			c.send("SET", key, "xxx")
		} else {
			c.send("GET", key)
		}
	},
}

// run sends r.requests requests over all connections, on each r.pipelined at a time, and tells what they cost.
func (l *ownLoad) run(o *options, r row, s *server) (sample, error) {
	var conns []*conn
	defer func() {
		for _, c := range conns {
			c.close()
		}
	}()
	for range o.clients {
		c, err := dial(s.port)
		if err != nil {
			return sample{}, err
		}
		conns = append(conns, c)
		if l.begin != nil {
			if err := l.begin(c); err != nil {
				return sample{}, err
			}
		}
	}
	turns := max(r.requests/(o.clients*r.pipelined), 1)
	requests := turns * o.clients * r.pipelined
	before, err := s.cpu()
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	errs := make([]error, len(conns))
	var wait sync.WaitGroup
	for n, c := range conns {
		wait.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(n), 1))
			for i := range turns {
				for j := range r.pipelined {
					l.request(c, rnd, i*r.pipelined+j)
				}
				if errs[n] = c.drain(); errs[n] != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	took := time.Since(start)
	after, err := s.cpu()
	if err = errors.Join(append(errs, err)...); err != nil {
		return sample{}, err
	}
	return sample{rps: float64(requests) / took.Seconds(), cpu: float64(after-before) / float64(requests)}, nil
}
