// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestPackedShowsNothing: lists and streams that are packed take less memory, and look, in every other respect, as they did.
func TestPackedShowsNothing(t *testing.T) {
	server := idleServer(t, "--enable-debug-command", "yes")
	c := server.fakeClient()
	for i := range 30000 {
		n := strconv.Itoa(i)
		c.run("RPUSH", "list", "element:"+n)
		c.run("XADD", "stream", n+"-1", "field", n, "text", strings.Repeat("text ", i%5))
	}
	questions := [][]string{
		{"DUMP", "list"}, {"DUMP", "stream"}, {"DEBUG", "OBJECT", "list"}, {"DEBUG", "DIGEST"}, {"DEBUG", "QUICKLIST", "list"}, {"OBJECT", "ENCODING", "list"},
		{"LRANGE", "list", "10000", "10200"}, {"LRANGE", "list", "-20000", "-19000"}, {"LINDEX", "list", "15000"}, {"LPOS", "list", "element:20000"},
		{"XRANGE", "stream", "5000", "5300"}, {"XREVRANGE", "stream", "9000", "8800"}, {"XREAD", "COUNT", "5", "STREAMS", "stream", "7000"},
		{"XINFO", "STREAM", "stream"}, {"XLEN", "stream"}, {"LLEN", "list"},
	}
	var before []string
	for _, q := range questions {
		before = append(before, c.run(q...))
	}
	memory := func(key string) int {
		n, _ := strconv.Atoi(strings.Trim(c.run("MEMORY", "USAGE", key, "SAMPLES", "0"), ":\r\n"))
		return n
	}
	list, stream, used := memory("list"), memory("stream"), server.mem.Used()
	for range 2 * coldSeconds {
		server.packer().Tick()
		for server.packer().Run(time.Minute) {
		}
	}
	packedList, packedStream := memory("list"), memory("stream")
	if packedList > list/2 || packedStream > stream/2 {
		t.Errorf("the list takes %d bytes instead of %d, the stream %d instead of %d", packedList, list, packedStream, stream)
	}
	if saved := used - server.mem.Used(); saved < int64(list-packedList+stream-packedStream) {
		t.Errorf("used memory has fallen by %d", saved)
	}
	for round := range 3 { // the second one unpacks
		for i, q := range questions {
			if got := c.run(q...); got != before[i] && q[1] != "OBJECT" {
				t.Errorf("round %d: %s: %.200q, was %.200q", round, q, got, before[i])
			}
		}
	}
	if n := memory("list"); n < packedList+8000 {
		t.Errorf("the list takes %d bytes though it is read all the time, and %d packed", n, packedList)
	}
	// Off.
	if got := c.run("DEBUG", "PACK-COLD-AFTER", "-1"); got != "+OK\r\n" {
		t.Errorf("%q", got)
	}
	list = memory("list")
	for range 40 {
		server.packer().Tick()
		server.packer().Run(time.Minute)
	}
	if n := memory("list"); n != list {
		t.Errorf("packed though packing is off: %d bytes, %d before", n, list)
	}
}
