// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// memory_accounting_test.go - used_memory counts what is not in the keyspace: it rises when it comes and falls when it goes.

// checkAccounted runs the commands of grow and then those of shrink, and expects used_memory to rise by least bytes and to fall to where it was.
func checkAccounted(t *testing.T, c *client, what string, least int64, grow, shrink []string) {
	t.Helper()
	run := func(lines []string) {
		t.Helper()
		for _, line := range lines {
			if reply := c.run(strings.Split(line, " ")...); strings.HasPrefix(reply, "-") {
				t.Errorf("%s: %s: %q", what, line, reply)
			}
		}
	}
	before := c.server.usedMemory()
	run(grow)
	if grown := c.server.usedMemory() - before; grown < least {
		t.Errorf("%s: used_memory grew by %d bytes, expected at least %d", what, grown, least)
	}
	run(shrink)
	if left := c.server.usedMemory() - before; left != 0 {
		t.Errorf("%s: %d bytes are left of it", what, left)
	}
}

func TestUsedMemoryCountsUsers(t *testing.T) {
	server := idleServer(t)
	c := server.fakeClient()
	var grow, del []string
	for i := range 100 {
		grow = append(grow, fmt.Sprintf("ACL SETUSER user:%d on >secret ~%s &c +get +select|0 (+set ~a)", i, strings.Repeat("k", 100)))
		del = append(del, fmt.Sprintf("ACL DELUSER user:%d", i))
	}
	checkAccounted(t, c, "users", 100*(100+2*128), grow, del)
	c.run("ACL", "SETUSER", "u")
	checkAccounted(t, c, "a user that changes", 3000, []string{"ACL SETUSER u ~" + strings.Repeat("k", 3000) + " (+get) (+set)"}, []string{"ACL SETUSER u reset"})
	checkAccounted(t, c, "the password", 32, []string{"CONFIG SET requirepass " + strings.Repeat("x", 50)}, []string{"CONFIG SET requirepass "})

	r := rand.New(rand.NewPCG(1, 1))
	rules := []string{"on", "off", "reset", "nopass", ">a", ">b", "<a", "~k*", "%R~r*", "resetkeys", "allkeys", "&c*", "resetchannels", "+@all", "-@all", "+get", "-get", "+select|1",
		"(+get ~a)", "clearselectors", "-@write", "wrong", "~a b"}
	for range 2000 {
		name := fmt.Sprintf("u%d", r.IntN(5))
		switch r.IntN(10) {
		case 0:
			c.run("ACL", "DELUSER", name)
		case 1:
			c.run("CONFIG", "SET", "requirepass", strings.Repeat("p", r.IntN(2)))
		default:
			argv := []string{"ACL", "SETUSER", name}
			for range r.IntN(5) {
				argv = append(argv, rules[r.IntN(len(rules))])
			}
			c.run(argv...)
		}
		counted := server.aclMemory
		server.aclRecountMemory()
		if counted != server.aclMemory {
			t.Fatalf("%d bytes were counted, the users hold %d", counted, server.aclMemory)
		}
	}
}

func TestUsedMemoryCountsTheTrackingTable(t *testing.T) {
	server := idleServer(t)
	c := server.fakeClient()
	server.currentClient = c
	c.run("CLIENT", "TRACKING", "ON")
	// A key that nobody has must not cost anything but its place in the table.
	name := strings.Repeat("k", 1000)
	checkAccounted(t, c, "a key", 1000, []string{"GET " + name}, []string{"FLUSHALL"})
	var reads []string
	for i := range 1000 {
		reads = append(reads, fmt.Sprintf("MGET key:%d key:%d", i, i+1))
	}
	checkAccounted(t, c, "keys", 60000, reads, []string{"FLUSHALL"})
	c.run("GET", name)
	c.run("SET", name, "x")
	c.run("DEL", name)
	if n := server.tracking.memoryUsage(); n != 0 {
		t.Errorf("%d bytes are left of a key that changed", n)
	}
	for range 2000 {
		c.run("GET", fmt.Sprint(rand.IntN(100)))
		c.run("SET", fmt.Sprint(rand.IntN(100)), "x")
	}
	c.run("CONFIG", "SET", "tracking-table-max-keys", "1")
	for range 100 {
		c.run("PING")
	}
	c.run("FLUSHALL")
	c.run("CLIENT", "TRACKING", "OFF")
	if n := server.tracking.memoryUsage(); n != 0 {
		t.Errorf("%d bytes are left of all keys", n)
	}
	checkAccounted(t, c, "prefixes", 1000, []string{"CLIENT TRACKING ON BCAST PREFIX " + strings.Repeat("a", 500) + " PREFIX " + strings.Repeat("b", 500)}, []string{"CLIENT TRACKING OFF"})
}

func TestUsedMemoryCountsScripts(t *testing.T) {
	c := idleServer(t).fakeClient()
	long := strings.Repeat("a", 5000)
	checkAccounted(t, c, "libraries", 5000, []string{"FUNCTION LOAD #!lua\tname=l\nlocal\tx='" + long + "'redis.register_function('f',function()return(x)end)"}, []string{"FUNCTION FLUSH"})
	checkAccounted(t, c, "scripts", 5000, []string{"SCRIPT LOAD return'" + long + "'"}, []string{"SCRIPT FLUSH"})
}
