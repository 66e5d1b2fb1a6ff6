// SPDX-License-Identifier: BSD-3-Clause

package main

// scan.go - --scan, and walking over the keys for the modes that sample them.

import (
	"strconv"

	"redport/deps/hiredis"
	"redport/src/sds"
)

// sendScan gets the keys at a cursor and moves it on (C: sendScan).
func (c *cli) sendScan(cursor *uint64) []hiredis.Reply {
	args := []string{"SCAN", strconv.FormatUint(*cursor, 10)}
	if c.hasPattern {
		args = append(args, "MATCH", c.pattern)
	}
	reply := c.doOrExit(append(args, "COUNT", strconv.Itoa(c.count))...)
	switch {
	case reply.Type == hiredis.Err:
		c.fatalf("SCAN error: %s\n", reply.Str)
	case reply.Type != hiredis.Array:
		c.fatalf("Non ARRAY response from SCAN!\n")
	case len(reply.Elements) != 2:
		c.fatalf("Invalid element count from SCAN!\n")
	}
	next, err := strconv.ParseUint(reply.Elements[0].Str, 10, 64)
	if err != nil || reply.Elements[1].Type != hiredis.Array {
		c.fatalf("Invalid element count from SCAN!\n")
	}
	*cursor = next
	return reply.Elements[1].Elements
}

// scanMode prints all keys.
func (c *cli) scanMode() int {
	c.cancelLoopOnInterrupt()
	cursor := uint64(0)
	for {
		for _, key := range c.sendScan(&cursor) {
			if c.output == outputStandard {
				c.out.Write(append(sds.CatRepr(nil, key.Str), '\n'))
			} else {
				c.printf("%s\n", key.Str)
			}
		}
		c.pause()
		if c.cancelLoop.Load() || cursor == 0 {
			return 0
		}
	}
}

// dbSize is the number of keys (C: getDbSize).
func (c *cli) dbSize() int64 {
	reply := c.doOrExit("DBSIZE")
	switch {
	case reply.Type == hiredis.Err:
		c.fatalf("Couldn't determine DBSIZE: %s\n", reply.Str)
	case reply.Type != hiredis.Integer:
		c.fatalf("Non INTEGER response from DBSIZE!\n")
	}
	return reply.Integer
}

// sendReadOnly: a replica in a cluster shall answer for its keys. Without a cluster it is an error, which is none.
func (c *cli) sendReadOnly() {
	reply := c.doOrExit("READONLY")
	if reply.Type == hiredis.Err && reply.Str != "ERR This instance has cluster support disabled" {
		c.fatalf("Error: %s\n", reply.Str)
	}
}

// pipeline sends a command for each key that has one, and gives the replies; what names the figure in a complaint.
func (c *cli) pipeline(keys []hiredis.Reply, what string, command func(i int) []string) []*hiredis.Reply {
	replies := make([]*hiredis.Reply, len(keys))
	c.out.Flush()
	sent := make([]bool, len(keys))
	for i := range keys {
		if args := command(i); args != nil {
			c.conn.Append(args...)
			sent[i] = true
		}
	}
	for i := range keys {
		if !sent[i] {
			continue
		}
		reply, err := c.conn.Reply()
		if err != nil {
			c.fatalf("Error getting %s for key '%s' (%d: %s)\n", what, keys[i].Str, errorNumber(err), err)
		}
		replies[i] = reply
	}
	return replies
}

// errorNumber is the number that C's client has for an error.
func errorNumber(err error) int {
	switch hiredis.KindOf(err) {
	case hiredis.KindIO:
		return 1
	case hiredis.KindEOF:
		return 3
	case hiredis.KindProtocol:
		return 4
	case hiredis.KindTimeout:
		return 6
	}
	return 2
}
