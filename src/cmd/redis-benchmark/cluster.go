// SPDX-License-Identifier: BSD-3-Clause

package main

// cluster.go - the masters of a cluster, and keys that belong to them.
//
// A client stays with its node, and puts a hash tag of one of that node's slots into its keys. When the node answers that the slots have
// moved they are asked for anew, by whoever notices first.

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"redport/src/crc16"
)

const clusterSlots = 16384

type clusterNode struct {
	id, host string
	port     int
	config   *serverConfig
	first    []int // slots, as found at the start
}

type clusterConfig struct {
	nodes []*clusterNode
	mu    sync.Mutex // who fetches slots
	slots atomic.Pointer[slotMap]
}

// slotMap is a version of who has which slot.
type slotMap struct {
	version int64
	tags    *[clusterSlots]string
	slots   map[*clusterNode][]int
}

// tag is what goes into keys for a node, as long as slotPlace.
func (m *slotMap) tag(n *clusterNode) string {
	slots := m.slots[n]
	if len(slots) == 0 {
		return slotPlace
	}
	return m.tags[slots[0]]
}

// slotTags finds a hash tag of up to three characters for each slot, with the closing braces that make it as long as slotPlace.
func slotTags() *[clusterSlots]string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	tags := new([clusterSlots]string)
	left := clusterSlots
	try := func(s string) {
		if slot := crc16.KeyHashSlot([]byte(s)); tags[slot] == "" {
			tags[slot] = "{" + s + strings.Repeat("}", len(slotPlace)-1-len(s))
			left--
		}
	}
	var grow func(s string, n int)
	grow = func(s string, n int) {
		if n == 0 {
			try(s)
			return
		}
		for i := range letters {
			if left == 0 {
				return
			}
			grow(s+letters[i:i+1], n-1)
		}
	}
	for n := 1; n <= 3 && left > 0; n++ {
		grow("", n)
	}
	return tags
}

// fetchCluster asks the server for the masters and their slots.
func (b *bench) fetchCluster() error {
	conn, err := b.connect(b.Host, b.Port, b.unix)
	if err != nil {
		return err
	}
	defer conn.Close()
	from := nodeName(b.Host, b.Port, b.unix)
	reply, err := conn.Do("CLUSTER", "NODES")
	if err == nil && reply.Error() != nil {
		fmt.Fprintf(b.stderr, "Cluster node %s replied with error:\n%s\n", from, reply.Str)
		err = reply.Error()
	}
	if err == nil {
		err = b.parseNodes(reply.Str)
	}
	if err != nil || len(b.cluster.nodes) == 0 {
		return exitError("Failed to fetch cluster configuration from " + from)
	}
	if n := len(b.cluster.nodes); n <= 1 {
		return exitError(fmt.Sprintf("Invalid cluster: %d node(s).", n))
	}
	fmt.Fprintf(b.out, "Cluster has %d master nodes:\n\n", len(b.cluster.nodes))
	m := &slotMap{tags: slotTags(), slots: map[*clusterNode][]int{}}
	for i, n := range b.cluster.nodes {
		fmt.Fprintf(b.out, "Master %d: %s %s:%d\n", i, n.id, n.host, n.port)
		m.slots[n] = n.first
		if n.config, err = b.fetchConfig(n.host, n.port, ""); err != nil {
			return err
		}
		if n.config == nil {
			fmt.Fprintf(b.stderr, "WARNING: Could not fetch node CONFIG %s:%d\n", n.host, n.port)
		}
	}
	fmt.Fprintln(b.out)
	b.cluster.slots.Store(m)
	return nil
}

// parseNodes takes the masters out of a reply to CLUSTER NODES: a line for each node,
//
//	id host:port@bus,name flags master ping pong epoch link slot first-last [slot->-id] ...
func (b *bench) parseNodes(text string) error {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) < 8 {
			fmt.Fprintln(b.stderr, "Invalid CLUSTER NODES reply: missing flags.")
			return exitError("")
		}
		flags := fields[2]
		if strings.Contains(flags, "slave") || fields[3] != "-" {
			continue
		}
		address, _, _ := strings.Cut(fields[1], "@")
		colon := strings.LastIndexByte(address, ':')
		if colon < 0 {
			fmt.Fprintln(b.stderr, "Invalid CLUSTER NODES reply: missing addr.")
			return exitError("")
		}
		n := &clusterNode{id: fields[0], host: address[:colon]}
		n.port, _ = strconv.Atoi(address[colon+1:])
		if n.host == "" && strings.Contains(flags, "myself") {
			n.host = b.Host
		}
		for _, slots := range fields[8:] {
			if slots[0] == '[' {
				continue // on its way from one node to another
			}
			first, last, isRange := strings.Cut(slots, "-")
			a, err := strconv.Atoi(first)
			z := a
			if isRange && err == nil {
				z, err = strconv.Atoi(last)
			}
			if err != nil || a < 0 || z >= clusterSlots {
				return exitError("")
			}
			for ; a <= z; a++ {
				n.first = append(n.first, a)
			}
		}
		if len(n.first) == 0 {
			fmt.Fprintf(b.stderr, "WARNING: Master node %s:%d has no slots, skipping...\n", n.host, n.port)
			continue
		}
		b.cluster.nodes = append(b.cluster.nodes, n)
	}
	return nil
}

// slotsChanged follows an error of a node: where it is about slots, these are fetched, and the load goes on. false: the test is over.
func (c *client) slotsChanged(text, from string) bool {
	t := c.w.t
	switch {
	case strings.HasPrefix(text, "MOVED"), strings.HasPrefix(text, "ASK"):
	case strings.HasPrefix(text, "CLUSTERDOWN"):
		fmt.Fprintf(t.stderr, "%s.\n", from)
		time.Sleep(time.Second) // it may mend itself
	default:
		return true
	}
	if err := t.fetchSlots(c.version); err != nil {
		t.fail(err.Error())
		return false
	}
	return true
}

// fetchSlots brings a version of the slots that is younger than the one given.
func (b *bench) fetchSlots(than int64) error {
	const failed = "Failed to update cluster slots configuration"
	b.cluster.mu.Lock()
	defer b.cluster.mu.Unlock()
	old := b.cluster.slots.Load()
	if old.version > than {
		return nil
	}
	fmt.Fprintln(b.stderr, "WARNING: Cluster slots configuration changed, fetching new one...")
	n := b.cluster.nodes[0]
	conn, err := b.connect(n.host, n.port, "")
	if err != nil {
		return err
	}
	defer conn.Close()
	reply, err := conn.Do("CLUSTER", "SLOTS")
	if err != nil {
		return exitError(failed)
	}
	if reply.Error() != nil {
		return exitError(fmt.Sprintf("%s\nCLUSTER SLOTS ERROR: %s", failed, reply.Str))
	}
	m := &slotMap{version: old.version + 1, tags: old.tags, slots: map[*clusterNode][]int{}}
	for _, r := range reply.Elements {
		if len(r.Elements) < 3 || len(r.Elements[2].Elements) < 3 {
			return exitError(failed)
		}
		id := r.Elements[2].Elements[2].Str
		var node *clusterNode
		for _, n := range b.cluster.nodes {
			if n.id == id {
				node = n
			}
		}
		if node == nil {
			return exitError(fmt.Sprintf("%s: could not find node with ID %s in current configuration.", failed, id))
		}
		for slot := max(r.Elements[0].Integer, 0); slot <= min(r.Elements[1].Integer, clusterSlots-1); slot++ {
			m.slots[node] = append(m.slots[node], int(slot))
		}
	}
	b.cluster.slots.Store(m)
	return nil
}
