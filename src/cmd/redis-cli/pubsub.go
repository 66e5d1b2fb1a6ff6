// SPDX-License-Identifier: BSD-3-Clause

package main

// pubsub.go - subscribed mode: messages are printed as they come, until a key is pressed to type the next command.

import (
	"os"
	"time"

	"redport/src/platform"
)

// waitForMessagesOrStdin returns when there is input, or the subscription has ended (C: cliWaitForMessagesOrStdin).
func (c *cli) waitForMessagesOrStdin() {
	_, fakeTTY := os.LookupEnv("FAKETTY")
	showInfo := c.output != outputRaw && (platform.IsTerminal(os.Stdout) || fakeTTY)
	useColor := showInfo && isColorTerm()
	if platform.IsTerminal(os.Stdin) {
		if restore, err := platform.KeyTerminal(os.Stdin); err == nil {
			c.restoreTTY = restore
			defer func() { c.restoreTTY = nil; restore() }()
		}
	}
	for c.pubsubMode {
		// Messages that have arrived come first, so that none waits for a key.
		for c.conn.Buffered() > 0 {
			reply, err := c.conn.ReadReply()
			if err != nil {
				c.connErr = err
				c.printConnError()
				c.exit(1)
			}
			c.out.Write(c.formatReply(reply, c.output, false))
		}
		if showInfo {
			if useColor {
				c.printf("\x1b[1;90m")
			}
			c.printf("Reading messages... (press Ctrl-C to quit or any key to type command)\r")
			if useColor {
				c.printf("\x1b[0m")
			}
		}
		c.out.Flush()
		event := c.waitForEvent()
		if showInfo {
			c.printf("\x1b[K")
		}
		switch event {
		case eventInterrupt:
			c.pubsubMode = false
			if !c.connect(connectForce) {
				c.printConnError()
				c.exit(1)
			}
			return
		case eventServer:
			if !c.readReply(false) {
				c.printConnError()
				c.exit(1)
			}
		case eventInput:
			c.out.Flush()
			return
		}
	}
}

type event int

const (
	eventInterrupt event = iota
	eventServer
	eventInput
)

// waitForEvent waits for the server and for input, whichever comes first, and for Ctrl-C.
func (c *cli) waitForEvent() event {
	c.interruptible.Store(true)
	defer c.interruptible.Store(false)
	conn := c.conn
	server := make(chan struct{})
	go func() {
		// Nothing is consumed. An error is the reader's, after this.
		_ = conn.WaitReadable()
		close(server)
	}()
	input := c.editor.In.Ready()
	select {
	case <-server:
		if c.blockingStateAborts.Swap(false) {
			return eventInterrupt
		}
		return eventServer
	case r := <-input:
		c.editor.In.Take(r)
		// End the wait for the server: a deadline that has passed, which does no harm.
		nc := conn.NetConn()
		_ = nc.SetReadDeadline(time.Unix(1, 0))
		<-server
		_ = nc.SetReadDeadline(time.Time{})
		if c.blockingStateAborts.Swap(false) {
			return eventInterrupt
		}
		return eventInput
	}
}
