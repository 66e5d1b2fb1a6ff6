// SPDX-License-Identifier: BSD-3-Clause

package server

import "redport/src/dict"

// memory_prefetch.go - looking ahead in the input of a client that sends many commands at once.
//
// The commands that lie whole in the input are parsed some at a time, and the memory in which their keys are looked up is
// asked for while the first of them has not been executed yet (dict.Prefetch): with a keyspace larger than the caches that
// wait is most of a command's time, and a single wait serves all.
//
// What is parsed ahead is only positions. Anything out of the ordinary (a command that is not there whole, a length that may be an
// error, an inline command, a client that has yet to authenticate) is left to the parser of networking_query.go, which
// then finds it at the front of the input.
//
// Counterpart: memory_prefetch.c of later versions, which serves commands of several clients of I/O threads.

const (
	lookaheadCommands = dict.PrefetchMax // parsed at a time
	lookaheadArgs     = 1024             // as is a command of more arguments, by itself
	lookaheadMinKeys  = 4096             // what a smaller keyspace needs is in the caches anyway
)

// lookahead is the commands parsed ahead from the input of one call of processInputBuffer.
type lookahead struct {
	commands [lookaheadCommands]parsedCommand
	count    int           // of commands
	next     int           // commands[next:count] are still to be executed
	args     []argPosition // of all of them, from the start of the input
	hashes   [dict.PrefetchMax]uint64
}

type parsedCommand struct {
	cmd         *redisCommand // nil: to be looked up with its subcommand, or to be refused
	first, argc int           // its arguments are args[first:first+argc]
	end         int           // behind its last byte
	argvLenSum  int64
}

// takeLookahead returns the server's own, or another one inside of a command that serves clients meanwhile.
func (server *Server) takeLookahead() *lookahead {
	la := server.lookahead
	if la == nil {
		la = &lookahead{}
	}
	server.lookahead = nil
	la.drop()
	return la
}

// drop forgets what was parsed and not executed.
func (la *lookahead) drop() { la.count, la.next = 0, 0 }

// parse parses commands from in[at:] on, and has the memory of their keys fetched if there are several.
func (la *lookahead) parse(c *client, in []byte, at int) {
	la.drop()
	la.args = la.args[:0]
	server := c.server
	keys, wanted := 0, c.db.keys.Len() >= lookaheadMinKeys
	for la.count < lookaheadCommands && keys < len(la.hashes) && len(la.args) < lookaheadArgs && at < len(in) {
		first := len(la.args)
		args, end := parseWholeCommand(in, at, la.args, server.protoMaxBulkLen)
		if end == 0 {
			break
		}
		la.args = args
		p := &la.commands[la.count]
		la.count++
		p.first, p.argc, p.end = first, len(args)-first, end
		args = args[first:]
		sum := 0
		for i := range args {
			sum += args[i].len
		}
		p.argvLenSum = int64(sum)
		name := args[0]
		cmd := server.lookupTopCommand(in[name.off : name.off+name.len])
		if cmd != nil && cmd.subcommands != nil {
			cmd = nil
		}
		// The commands repeat, and a pointer that is not stored need not pass the collector's barrier.
		if p.cmd != cmd {
			p.cmd = cmd
		}
		if cmd != nil && wanted && cmd.FirstKey > 0 {
			last := cmd.LastKey
			if last < 0 {
				last += len(args)
			}
			for i := cmd.FirstKey; i <= last && i < len(args) && keys < len(la.hashes); i += cmd.KeyStep {
				la.hashes[keys] = c.db.keys.Hash(in[args[i].off : args[i].off+args[i].len])
				keys++
			}
		}
		at = end
	}
	if keys > 1 {
		c.db.keys.Prefetch(la.hashes[:keys])
	}
}

// take makes the next command the client's.
func (la *lookahead) take(c *client, in []byte) (end int) {
	p := &la.commands[la.next]
	la.next++
	argv := c.argv[:0]
	for _, a := range la.args[p.first : p.first+p.argc] {
		argv = append(argv, in[a.off:a.off+a.len:a.off+a.len])
	}
	c.argv = argv
	c.argvLenSum = p.argvLenSum
	c.reqtype = protoReqMultibulk
	c.parsedCmd = p.cmd
	return p.end
}

// parseWholeCommand appends the arguments of the command at in[at:] to args. end is 0, and args good for nothing, if it is not
// whole or not plain.
func parseWholeCommand(in []byte, at int, args []argPosition, maxBulk int64) (_ []argPosition, end int) {
	if in[at] != '*' {
		return args, 0
	}
	n, at := plainLength(in, at+1)
	if n < 1 || n > lookaheadArgs {
		return args, 0
	}
	for range n {
		if at >= len(in) || in[at] != '$' {
			return args, 0
		}
		var size int
		size, at = plainLength(in, at+1)
		if size < 0 || len(in)-at < size+2 || int64(size) > maxBulk {
			return args, 0
		}
		args = append(args, argPosition{at, size})
		at += size + 2
	}
	return args, at
}

// plainLength reads the digits and the CRLF at in[i:]; n is negative if there is anything else.
func plainLength(in []byte, i int) (n, end int) {
	// Two digits are the longest that is common, and the first of them is hardly ever a zero.
	if i+3 < len(in) {
		d := int(in[i]) - '0'
		if uint(d) > 9 {
			return -1, 0
		}
		if in[i+1] == '\r' {
			return d, i + 3
		}
		e := int(in[i+1]) - '0'
		if uint(e) <= 9 && d != 0 && in[i+2] == '\r' {
			return d*10 + e, i + 4
		}
	}
	start := i
	for ; i < len(in) && i < start+9; i++ {
		d := int(in[i]) - '0'
		if uint(d) > 9 {
			break
		}
		n = n*10 + d
	}
	if i == start || i+1 >= len(in) || in[i] != '\r' || in[start] == '0' && i > start+1 {
		return -1, 0
	}
	return n, i + 2
}
