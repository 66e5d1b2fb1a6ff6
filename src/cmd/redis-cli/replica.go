// SPDX-License-Identifier: BSD-3-Clause

package main

// replica.go - what a replica gets: --replica prints the stream of commands, --rdb and --functions-rdb keep the snapshot.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"redport/deps/hiredis"
	"redport/src/platform"
)

// eofMarkSize is the length of what ends a snapshot whose size is not known.
const eofMarkSize = 40

// replconf tells the master what we are; false: it does not know of that.
func (c *cli) replconf(name, value string) bool {
	c.errorf("sending REPLCONF %s %s\n", name, value)
	reply := c.doOrExit("REPLCONF", name, value)
	if reply.Type == hiredis.Err {
		c.errorf("REPLCONF %s error: %s\n", name, reply.Str)
		return false
	}
	return true
}

// replicaOption is --replica.
func (c *cli) replicaOption() int {
	c.replconf("capa", "eof")
	c.replconf("rdb-filter-only", "")
	c.replicaMode(true)
	return 0
}

// rdbOption is --rdb and --functions-rdb.
func (c *cli) rdbOption() int {
	c.replconf("capa", "eof")
	c.replconf("rdb-only", "1")
	if c.getFunctionsRDB && !c.replconf("rdb-filter-only", "functions") {
		c.errorf("Failed requesting functions only RDB from server, aborting\n")
		return 1
	}
	return c.saveRDB()
}

// payload is the snapshot that the master is about to send.
type payload struct {
	partial bool   // there is none: PSYNC goes on where it was
	size    uint64 // 0: until mark
	mark    []byte
}

// sendSync sends SYNC, or the PSYNC that the user typed, and reads what the master says to that (C: sendSync).
func (c *cli) sendSync(sync bool) payload {
	if sync {
		c.conn.AppendRaw([]byte("SYNC\r\n"))
	}
	c.out.Flush()
	if err := c.conn.Flush(); err != nil {
		c.fatalf("Error writing to master\n")
	}
	line := c.syncLine("SYNCing")
	if strings.HasPrefix(line, "-") {
		c.fatalf("SYNC with master failed: %s\n", line)
	}
	if partial := strings.HasPrefix(line, "+CONTINUE"); partial || strings.HasPrefix(line, "+FULLRESYNC") {
		c.errorf("PSYNC replied %s\n", line)
		if partial {
			return payload{partial: true}
		}
		line = c.syncLine("PSYNCing")
	}
	if mark, ok := strings.CutPrefix(line, "$EOF:"); ok && len(mark) >= eofMarkSize {
		return payload{mark: []byte(mark[:eofMarkSize])}
	}
	size, err := strconv.ParseUint(strings.TrimPrefix(line, "$"), 10, 64)
	if err != nil {
		return payload{mark: make([]byte, eofMarkSize)}
	}
	return payload{size: size}
}

// syncLine reads a line; empty ones only keep the link alive.
func (c *cli) syncLine(doing string) string {
	for {
		line, err := c.conn.ReadLine()
		if err != nil {
			c.fatalf("Error reading bulk length while %s\n", doing)
		}
		if len(line) > 0 {
			return string(line)
		}
	}
}

// errPayload is a failed read; errors of writing are the writer's.
var errPayload = errors.New("payload")

// copyPayload passes the snapshot on as it comes, mark and all, and gives its length without the mark. Nothing behind it is read.
func (c *cli) copyPayload(w io.Writer, p payload) (uint64, error) {
	if p.mark == nil {
		n, err := io.CopyN(w, readErrors{c.conn}, int64(p.size))
		return uint64(n), err
	}
	// The mark may come in pieces. The master sends nothing behind it before we acknowledge.
	buf := make([]byte, 16<<10)
	total := uint64(0)
	var tail []byte
	for {
		n, err := c.conn.Read(buf)
		if err != nil {
			return total, errPayload
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return total, err
		}
		total += uint64(n)
		tail = append(tail, buf[:n]...)
		tail = tail[max(0, len(tail)-eofMarkSize):]
		if bytes.Equal(tail, p.mark) {
			return total - eofMarkSize, nil
		}
	}
}

type readErrors struct{ r io.Reader }

func (r readErrors) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil {
		err = errPayload
	}
	return n, err
}

// replicaMode discards the snapshot and prints the commands that come after it, until the link is lost (C: slaveMode). sync: it starts with SYNC, not with
// what the user typed.
func (c *cli) replicaMode(sync bool) {
	p := c.sendSync(sync)
	info := "Full resync"
	switch {
	case p.partial:
		info = "Partial resync"
		c.errorf("%s with master...\n", info)
	case p.mark != nil:
		c.errorf("%s with master, discarding bytes of bulk transfer until EOF marker...\n", info)
	default:
		c.errorf("%s with master, discarding %d bytes of bulk transfer...\n", info, p.size)
	}
	if !p.partial {
		n, err := c.copyPayload(io.Discard, p)
		if err != nil {
			c.fatalf("Error reading RDB payload while %sing\n", info)
		}
		if p.mark != nil {
			c.errorf("%s done after %d bytes. Logging commands from master.\n", info, n+eofMarkSize)
			time.Sleep(time.Second)
			// Only now the master takes us for online. Nothing answers this.
			c.errorf("sending REPLCONF ACK 0\n")
			c.conn.Append("REPLCONF", "ACK", "0")
			if c.conn.Flush() != nil {
				c.fatalf("\nI/O error\n")
			}
		}
	}
	if p.mark == nil {
		c.errorf("%s done. Logging commands from master.\n", info)
	}
	output := c.output
	c.output = outputCSV
	for c.readReply(false) {
	}
	c.output = output
}

// saveRDB writes the snapshot to a file, or for "-" to the standard output.
func (c *cli) saveRDB() int {
	p := c.sendSync(true)
	name := c.rdbFilename
	if p.mark != nil {
		c.errorf("SYNC sent to master, writing bytes of bulk transfer until EOF marker to '%s'\n", name)
	} else {
		c.errorf("SYNC sent to master, writing %d bytes to '%s'\n", p.size, name)
	}
	f := os.Stdout
	if name != "-" {
		var err error
		if f, err = os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o644); err != nil {
			c.fatalf("Error opening '%s': %s\n", name, platform.Strerror(err))
		}
	}
	n, err := c.copyPayload(f, p)
	switch {
	case errors.Is(err, errPayload):
		c.fatalf("I/O Error reading RDB payload from socket\n")
	case err != nil:
		c.fatalf("Error writing data to file: %s\n", platform.Strerror(err))
	}
	done := "Transfer finished with success."
	if p.mark != nil {
		done = fmt.Sprintf("Transfer finished with success after %d bytes", n)
		if name != "-" {
			if err := f.Truncate(int64(n)); err != nil {
				c.errorf("ftruncate failed: %s.\n", platform.Strerror(err))
			}
		}
	}
	c.errorf("%s\n", done)
	c.conn.Close() // before the sync, which may take its time
	if name != "-" {
		if err := f.Sync(); err != nil {
			c.fatalf("Fail to fsync '%s': %s\n", name, platform.Strerror(err))
		}
		f.Close()
	}
	return 0
}
