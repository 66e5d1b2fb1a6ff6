// SPDX-License-Identifier: BSD-3-Clause

package main

// connect.go - the connection: making it, AUTH, SELECT, HELLO, and the pushes that come along.

import (
	"strconv"
	"strings"
	"time"

	"redport/deps/hiredis"
	"redport/src/anet"
)

const keepAliveInterval = 15 * time.Second

// flags of connect
const (
	connectForce = 1 << iota // also where there is a connection
	connectQuiet             // do not say why it failed
)

// dial opens a connection where the options say.
func (c *cli) dial() (*hiredis.Conn, error) {
	o := &hiredis.Options{Host: c.Host, Port: c.Port, ConnectTimeout: c.connectTimeout, KeepAlive: keepAliveInterval, Prefer: c.prefer}
	if c.overSocket() {
		o.Unix = c.hostSocket
	}
	if c.tls {
		conf, err := c.tlsOptions.Config()
		if err != nil {
			return nil, &tlsError{err}
		}
		o.TLS = conf
	}
	return hiredis.Dial(o)
}

// tlsError: it is our side of TLS that cannot be set up.
type tlsError struct{ err error }

func (e *tlsError) Error() string { return e.err.Error() }

// overSocket tells whether -s counts: not where -c redirected us.
func (c *cli) overSocket() bool { return c.hostSocket != "" && !(c.clusterMode && c.reissueCommand) }

// connect makes the connection ready for commands (C: cliConnect). What fails is said on the standard error.
func (c *cli) connect(flags int) bool {
	if c.conn == nil || flags&connectForce != 0 {
		c.disconnect()
		conn, err := c.dial()
		if err != nil {
			if e, ok := err.(*tlsError); ok {
				c.errorf("Could not negotiate a TLS connection: %s\n", e)
			} else if flags&connectQuiet == 0 {
				address := c.hostSocket
				if !c.overSocket() {
					address = c.Host + ":" + strconv.Itoa(c.Port)
				}
				c.errorf("Could not connect to Redis at %s: %s\n", address, err)
			}
			return false
		}
		c.conn, c.connErr = conn, nil
		conn.OnPush = func(*hiredis.Reply) {} // nobody wants them, unless told otherwise
		if !c.auth() || !c.selectDB() || !c.switchProto() {
			return false
		}
	}
	if c.pushOutput {
		c.setPushCallback(true)
	}
	return true
}

// disconnect forgets the connection, and with it what the session had.
func (c *cli) disconnect() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
	c.connErr = nil
	c.dbnum, c.inMulti, c.pubsubMode, c.resp3 = 0, false, false, false
	c.refreshPrompt()
}

// setPushCallback has pushes printed as they come, or else be replies for the reader.
func (c *cli) setPushCallback(on bool) {
	if c.conn == nil {
		return
	}
	c.conn.OnPush = nil
	if on {
		c.conn.OnPush = c.pushHandler
	}
}

// do sends a command of the program's own.
func (c *cli) do(args ...string) (*hiredis.Reply, error) {
	c.out.Flush()
	reply, err := c.conn.Do(args...)
	if err != nil {
		c.connErr = err
	}
	return reply, err
}

// doOrExit is do for the special modes, which end with the connection.
func (c *cli) doOrExit(args ...string) *hiredis.Reply {
	reply, err := c.do(args...)
	if err != nil {
		c.fatalf("\nI/O error\n")
	}
	return reply
}

func (c *cli) auth() bool {
	if !c.HasAuth {
		return true
	}
	args := []string{"AUTH", c.Auth}
	if c.User != "" {
		args = []string{"AUTH", c.User, c.Auth}
	}
	_, ok := c.prepare("AUTH", args...)
	return ok
}

// prepare runs a command that the connection needs before the user's, and says so if it fails.
func (c *cli) prepare(what string, args ...string) (reply *hiredis.Reply, ok bool) {
	reply, err := c.do(args...)
	switch {
	case err != nil:
		c.errorf("\nI/O error\n")
		return nil, false
	case reply.Type == hiredis.Err:
		c.errorf("%s failed: %s\n", what, reply.Str)
		return reply, false
	}
	return reply, true
}

// selectDB goes to the database that the user wants.
func (c *cli) selectDB() bool {
	if c.InputDB == c.dbnum {
		return true
	}
	db := strconv.Itoa(c.InputDB)
	if _, ok := c.prepare("SELECT "+db, "SELECT", db); !ok {
		return false
	}
	c.dbnum = c.InputDB
	c.refreshPrompt()
	return true
}

// switchProto says HELLO 3 where RESP3 is wanted. What only --json wants is no failure.
func (c *cli) switchProto() bool {
	if c.wantRESP3 == 0 || c.wantRESP2 {
		return true
	}
	reply, ok := c.prepare("HELLO 3", "HELLO", "3")
	if !ok {
		return reply != nil && c.wantRESP3 != resp3Explicit
	}
	for i := 0; i+1 < len(reply.Elements); i += 2 {
		if reply.Elements[i].Str == "version" {
			c.serverVersion = reply.Elements[i+1].Str
		}
	}
	c.resp3 = true
	return true
}

// asking goes before the command that an ASK redirected (C: cliSendAsking).
func (c *cli) asking() bool {
	c.sendAsking = false
	if c.conn == nil {
		return false
	}
	_, ok := c.prepare("ASKING", "ASKING")
	return ok
}

func (c *cli) printConnError() {
	if c.conn == nil {
		return
	}
	text := ""
	if c.connErr != nil {
		text = c.connErr.Error()
	}
	c.errorf("Error: %s\n", text)
}

// abortRead ends a read that is under way, for the reader to see that blockingStateAborts is set.
func (c *cli) abortRead() {
	if conn := c.conn; conn != nil {
		conn.Close()
	}
}

// pushHandler prints a push.
func (c *cli) pushHandler(r *hiredis.Reply) {
	if c.output == outputStandard && isInvalidate(r) {
		c.out.Write(appendInvalidateTTY(nil, r))
	} else {
		c.out.Write(c.formatReply(r, c.output, false))
	}
}

// isPubsubPush tells whether a reply is a message of a channel or the confirmation of a subscription.
func (c *cli) isPubsubPush(r *hiredis.Reply) bool {
	want := hiredis.Array
	if c.resp3 {
		want = hiredis.Push
	}
	if r == nil || r.Type != want || len(r.Elements) < 3 || r.Elements[0].Type != hiredis.String {
		return false
	}
	return strings.HasSuffix(r.Elements[0].Str, "message") || strings.HasSuffix(r.Elements[0].Str, "subscribe")
}

// reconnectingDo is do for the modes that measure for ever: it comes back with a reply, however long the server is away
// (C: reconnectingRedisCommand).
func (c *cli) reconnectingDo(args ...string) *hiredis.Reply {
	tries := 0
	for {
		for c.conn == nil || c.connErr != nil {
			tries++
			c.printf("\r\x1b[0KReconnecting... %d\r", tries)
			c.out.Flush()
			if c.conn != nil {
				c.conn.Close()
				c.conn = nil
			}
			conn, err := c.dial()
			if e, ok := err.(*tlsError); ok {
				c.fatalf("TLS Error: %s\n", e)
			} else if err == nil {
				c.conn, c.connErr = conn, nil
			}
			time.Sleep(time.Second)
		}
		reply, err := c.do(args...)
		if kind := hiredis.KindOf(err); err != nil && kind != hiredis.KindIO && kind != hiredis.KindEOF {
			c.fatalf("Error: %s\n", err)
		}
		if err == nil {
			if tries > 0 {
				c.printf("\r\x1b[0K")
			}
			return reply
		}
	}
}

// refreshPrompt makes the prompt anew after anything that it shows has changed (C: cliRefreshPrompt).
func (c *cli) refreshPrompt() {
	if c.evalLDB {
		return
	}
	prompt := "redis " + c.hostSocket
	if c.hostSocket == "" {
		prompt = anet.FormatAddr(c.Host, c.Port)
	}
	if c.dbnum != 0 {
		prompt += "[" + strconv.Itoa(c.dbnum) + "]"
	}
	if c.inMulti {
		prompt += "(TX)"
	}
	if c.pubsubMode {
		prompt += "(subscribed mode)"
	}
	prompt += "> "
	// C's buffer for it.
	c.prompt = prompt[:min(len(prompt), 127)]
}
