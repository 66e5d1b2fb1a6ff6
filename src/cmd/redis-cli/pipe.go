// SPDX-License-Identifier: BSD-3-Clause

package main

// pipe.go - --pipe: what is on the standard input goes to the server as it is, and the replies are counted.

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"redport/deps/hiredis"
	"redport/src/platform"
)

// pipeMode sends the standard input, then an ECHO of random bytes, whose reply shows that all others have come.
func (c *cli) pipeMode() int {
	var magic [20]byte
	rand.Read(magic[:])
	// The ECHO begins with an empty line, which a server skips, in case the input ends in the middle of one.
	last := hiredis.AppendCommand([]byte("\r\n"), []byte("ECHO"), magic[:])

	var eof atomic.Bool // all was sent but the ECHO
	allSent := make(chan struct{})
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := os.Stdin.Read(buf)
			if n > 0 {
				c.pipeWrite(buf[:n])
			}
			if err == io.EOF {
				break
			} else if err != nil {
				fmt.Fprintf(os.Stderr, "Error reading from stdin: %s\n", platform.Strerror(err))
				c.exitNow(1)
			}
		}
		eof.Store(true)
		close(allSent)
		c.pipeWrite(last)
	}()

	replies := make(chan *hiredis.Reply, 1024)
	go func() {
		defer close(replies)
		for {
			reply, err := c.conn.ReadReply()
			if err != nil {
				c.connErr = err
				return
			}
			replies <- reply
		}
	}()

	errors, count := 0, 0
	timeout := time.NewTimer(time.Hour)
	timeout.Stop()
	wait := time.Duration(c.pipeTimeout) * time.Second
	for done := false; !done; {
		select {
		case <-allSent:
			c.printf("All data transferred. Waiting for the last reply...\n")
			c.out.Flush()
			allSent = nil
			if wait > 0 {
				timeout.Reset(wait)
			}
		case <-timeout.C:
			c.errorf("No replies for %d seconds: exiting.\n", c.pipeTimeout)
			errors++
			done = true
		case reply, ok := <-replies:
			if !ok {
				c.fatalf("Error reading replies from server\n")
			}
			if allSent == nil && wait > 0 {
				timeout.Reset(wait)
			}
			switch {
			case reply.Type == hiredis.Err:
				c.errorf("%s\n", reply.Str)
				errors++
			case eof.Load() && reply.Type == hiredis.String && reply.Str == string(magic[:]):
				if allSent != nil {
					c.printf("All data transferred. Waiting for the last reply...\n")
				}
				c.printf("Last reply received from server.\n")
				done = true
				count--
			}
			count++
		}
	}
	c.printf("errors: %d, replies: %d\n", errors, count)
	if errors > 0 {
		return 1
	}
	return 0
}

func (c *cli) pipeWrite(p []byte) {
	if _, err := c.conn.Write(p); err != nil {
		fmt.Fprintf(os.Stderr, "Error writing to the server: %s\n", err)
		c.exitNow(1)
	}
}
