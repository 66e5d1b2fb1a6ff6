// SPDX-License-Identifier: BSD-3-Clause

package main

// episode.go - a stretch of commands from empty databases on.

import (
	"bytes"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	batch   = 40 // commands sent before their replies are read
	history = 30 // commands shown with a difference between datasets
)

type differ struct {
	*options
	ours, c *server
	table   []*command

	sent, errors, differences int
}

// settings are drawn for each episode.
var settings = map[string][]string{
	"list-max-listpack-size":    {"-2", "3", "16", "-1"},
	"list-compress-depth":       {"0", "1", "2"},
	"hash-max-listpack-entries": {"0", "4", "16", "512"},
	"hash-max-listpack-value":   {"8", "64"},
	"set-max-listpack-value":    {"8", "64"},
	"zset-max-listpack-entries": {"0", "4", "16", "128"},
	"zset-max-listpack-value":   {"8", "64"},
	"stream-node-max-entries":   {"0", "1", "3", "100"},
	"stream-node-max-bytes":     {"0", "200", "4096"},
	"hll-sparse-max-bytes":      {"0", "100", "3000"},
	"lazyfree-lazy-user-del":    {"no", "yes"},
	"lazyfree-lazy-server-del":  {"no", "yes"},
	"lazyfree-lazy-expire":      {"no", "yes"},
	"notify-keyspace-events":    {"", "KEA"},
	"sanitize-dump-payload":     {"no", "yes", "clients"},
}

// setLimits are set-max-intset-entries and set-max-listpack-entries. The first is never the smaller one: else the encoding of a stored union would follow
// from the order in which the members of its sources come, which each server has of its own.
var setLimits = [][2]string{{"512", "128"}, {"512", "16"}, {"16", "4"}, {"4", "4"}, {"4", "0"}}

// step is a command with the way to compare what it gives.
type step struct {
	args  []string
	mode  mode
	pairs bool
	exec  []step // of EXEC: what was queued
}

// both sends a command to both servers.
func (d *differ) both(args ...string) (a, b *reply, err error) {
	if a, err = d.ours.conn.do(args...); err != nil {
		return nil, nil, fmt.Errorf("ours, after %q: %w", args, err)
	}
	if b, err = d.c.conn.do(args...); err != nil {
		return nil, nil, fmt.Errorf("C, after %q: %w", args, err)
	}
	return a, b, nil
}

// commandsCompared runs n commands, or those of one episode.
func (d *differ) commandsCompared(n int) error {
	first, last := 0, (n+d.length-1)/d.length
	if d.episode >= 0 {
		first, last = d.episode, d.episode+1
	}
	for e := first; e < last && d.differences < d.most; e++ {
		if err := d.episodeRun(e); err != nil {
			return fmt.Errorf("episode %d: %w", e, err)
		}
	}
	return nil
}

func (d *differ) episodeRun(number int) error {
	g := &generator{r: rand.New(rand.NewPCG(d.seed, uint64(number))), table: d.table}
	setup := [][]string{{"FLUSHALL"}, {"SELECT", "0"}, {"HELLO", fmt.Sprint(2 + number%2)}, {"FUNCTION", "FLUSH"}, {"SCRIPT", "FLUSH"}}
	names := make([]string, 0, len(settings))
	for name := range settings {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if values := settings[name]; len(values) > 0 {
			setup = append(setup, []string{"CONFIG", "SET", name, values[g.r.IntN(len(values))]})
		}
	}
	limits := setLimits[g.r.IntN(len(setLimits))]
	setup = append(setup, []string{"CONFIG", "SET", "set-max-intset-entries", limits[0], "set-max-listpack-entries", limits[1]})
	for _, args := range setup {
		if _, _, err := d.both(args...); err != nil {
			return err
		}
	}
	// Ours alone: every other episode lists and streams are packed whenever there is a moment, else as they always are.
	idle := "5"
	if number/2%2 == 0 {
		idle = "0"
	}
	if _, err := d.ours.conn.do("DEBUG", "PACK-COLD-AFTER", idle); err != nil {
		return fmt.Errorf("ours, after DEBUG PACK-COLD-AFTER: %w", err)
	}
	var past []step
	before := d.differences
	for sent := 0; sent < d.length; {
		var steps []step
		for len(steps) < batch {
			steps = append(steps, g.next()...)
		}
		sent += len(steps)
		past = append(past, steps...)
		if err := d.exchange(number, steps); err != nil {
			return err
		}
		if d.differences == before {
			if err := d.datasets(number, past); err != nil {
				return err
			}
			if err := d.inspect(number, past); err != nil {
				return err
			}
			if err := d.exportKey(number, g.anyKey()); err != nil {
				return err
			}
		}
		if d.differences > before {
			return d.leave() // what follows would differ for the same reason
		}
	}
	return nil
}

// leave ends an episode in the middle of it.
func (d *differ) leave() error {
	_, _, err := d.both("RESET")
	return err
}

// exchange sends a batch and compares the replies.
func (d *differ) exchange(number int, steps []step) error {
	var flushes sync.WaitGroup
	defer flushes.Wait()
	for _, s := range []*server{d.ours, d.c} {
		for i := range steps {
			s.conn.send(steps[i].args)
		}
		// A server that waits for its replies to be read does not read.
		flushes.Go(func() { s.conn.w.Flush() })
	}
	for i := range steps {
		s := &steps[i]
		a, err := d.ours.conn.read()
		if err != nil {
			return fmt.Errorf("ours does not answer %q: %w", s.args, err)
		}
		b, err := d.c.conn.read()
		if err != nil {
			return fmt.Errorf("C does not answer %q: %w", s.args, err)
		}
		d.sent++
		if a.isError() && b.isError() {
			d.errors++
		}
		if d.verbose {
			fmt.Printf("%q\n  %.200q\n", s.args, b.raw)
		}
		same := false
		if s.exec != nil && a.kind == '*' && b.kind == '*' && len(a.kids) == len(s.exec) && len(b.kids) == len(s.exec) {
			same = true
			for k := range s.exec {
				same = same && equal(a.kids[k], b.kids[k], s.exec[k].mode, s.exec[k].pairs)
			}
		} else {
			same = equal(a, b, s.mode, s.pairs)
		}
		if !same {
			d.differences++
			fmt.Printf("-seed %d -episode %d: %s\n  ours %.2000q\n  C    %.2000q\n", d.seed, number, quoted(s.args), a.raw, b.raw)
		}
	}
	return nil
}

func quoted(args []string) string {
	var b strings.Builder
	for i, a := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		// Programs are shown whole.
		fmt.Fprintf(&b, "%+.*q", map[bool]int{true: 20000, false: 300}[strings.Contains(a, "redis.") || strings.Contains(a, "return")], a)
	}
	return b.String()
}

// datasets compares all keys.
func (d *differ) datasets(number int, past []step) error {
	var a, b *reply
	for try := 0; ; try++ {
		var err error
		if a, b, err = d.both("DEBUG", "DIGEST"); err != nil || string(a.raw) == string(b.raw) {
			return err
		}
		if try == 20 {
			break
		}
		time.Sleep(20 * time.Millisecond) // a key whose time has come may be gone in one of them only
	}
	d.differences++
	fmt.Printf("-seed %d -episode %d: the datasets differ\n", d.seed, number)
	a, b, err := d.both("KEYS", "*")
	if err != nil {
		return err
	}
	keys := map[string]int{}
	for i, r := range []*reply{a, b} {
		for _, kid := range r.kids {
			keys[kid.text()] |= i + 1
		}
	}
	for key, where := range keys {
		if where != 3 {
			fmt.Printf("  %q: only in %s\n", key, []string{"", "ours", "C"}[where])
		} else if a, b, err = d.both("DEBUG", "DIGEST-VALUE", key); err != nil {
			return err
		} else if string(a.raw) == string(b.raw) {
			continue
		} else {
			x, y, err := d.both("OBJECT", "ENCODING", key)
			if err != nil {
				return err
			}
			fmt.Printf("  %q: %q, in C %q\n", key, x.raw, y.raw)
		}
		d.showPast(past, key)
	}
	return nil
}

// showPast prints the last commands that named a key.
func (d *differ) showPast(past []step, key string) {
	var about []step
	for _, s := range past {
		if slices.Contains(s.args, key) {
			about = append(about, s)
		}
	}
	for _, s := range about[max(0, len(about)-history):] {
		fmt.Printf("    %s\n", quoted(s.args))
	}
}

var (
	serializedLength = regexp.MustCompile(`serializedlength:(\d+)`)
	averages         = regexp.MustCompile(`,avg_ttl=-?\d+,subexpiry=\d+`) // C counts a hash until its field would have expired
)

// inspect compares what the servers tell about keys beside their contents: how many of which size there are, which expire, how they are encoded, how
// long they are when saved.
func (d *differ) inspect(number int, past []step) error {
	differs := func(what, key string, x, y []byte) {
		d.differences++
		fmt.Printf("-seed %d -episode %d: %s %s\n  ours %.1000q\n  C    %.1000q\n", d.seed, number, what, key, x, y)
		d.showPast(past, key)
	}
	keys, err := d.c.conn.do("KEYS", "*")
	if err != nil {
		return err
	}
	n := strconv.Itoa(len(keys.kids))
	a, b, err := d.both("DBSIZE")
	if err != nil {
		return err
	}
	if a.text() == n && b.text() == n { // else keys that have expired are still counted
		if a, b, err = d.both("INFO", "keyspace"); err != nil {
			return err
		}
		if x, y := keyspaceLines(a), keyspaceLines(b); x != y {
			differs("INFO", "keyspace", []byte(x), []byte(y))
		}
		if err := d.keysizes(keys, differs); err != nil {
			return err
		}
	}
	for _, kid := range keys.kids {
		key := kid.text()
		a, b, err := d.both("OBJECT", "ENCODING", key)
		if err != nil {
			return err
		}
		if !bytes.Equal(a.raw, b.raw) {
			differs("OBJECT ENCODING", key, a.raw, b.raw)
		}
		if a, b, err = d.both("DEBUG", "OBJECT", key); err != nil {
			return err
		}
		if x, y := savedLength(a), savedLength(b); x != y {
			// Where fields expire, there are differences of times in it, which take more bytes or less.
			if more := max(x-y, y-x); more > 16 || !strings.HasPrefix(key, "h") {
				differs("DEBUG OBJECT", key, a.raw, b.raw)
			}
		}
	}
	return nil
}

// savedLength is the serialized length that DEBUG OBJECT tells, -1 if it is an error.
func savedLength(r *reply) int {
	if m := serializedLength.FindSubmatch(r.raw); m != nil {
		n, _ := strconv.Atoi(string(m[1]))
		return n
	}
	return -1
}

// keyspaceLines is INFO keyspace without what depends on time.
func keyspaceLines(r *reply) string { return averages.ReplaceAllString(r.text(), "") }

// keysizes compares our histograms of sizes with the sizes of the keys. (C's are wrong where a key is made by SETRANGE, ZADD INCR and some others.)
func (d *differ) keysizes(keys *reply, differs func(what, key string, x, y []byte)) error {
	lines := []struct {
		typ, length, name string
		bins              [64]int
	}{
		{typ: "string", length: "STRLEN", name: "strings_sizes"}, {typ: "list", length: "LLEN", name: "lists_items"}, {typ: "set", length: "SCARD", name: "sets_items"},
		{typ: "zset", length: "ZCARD", name: "zsets_items"}, {typ: "hash", length: "HLEN", name: "hashes_items"},
	}
	for _, kid := range keys.kids {
		typ, err := d.ours.conn.do("TYPE", kid.text())
		if err != nil {
			return err
		}
		for i := range lines {
			if lines[i].typ != typ.text() {
				continue
			}
			length, err := d.ours.conn.do(lines[i].length, kid.text())
			if err != nil {
				return err
			}
			n, _ := strconv.Atoi(length.text())
			lines[i].bins[bits.Len(uint(n))]++
		}
	}
	want := ""
	for _, line := range lines {
		sep := "db0_distrib_" + line.name + ":"
		for bin, n := range line.bins {
			if n > 0 {
				want += fmt.Sprintf("%s%s=%d", sep, binLabel(bin), n)
				sep = ","
			}
		}
		if sep == "," {
			want += "\r\n"
		}
	}
	info, err := d.ours.conn.do("INFO", "keysizes")
	if err != nil {
		return err
	}
	_, got, _ := strings.Cut(info.text(), "# Keysizes\r\n")
	if got, _, _ = strings.Cut(got, "db1_"); got != want {
		differs("INFO keysizes", "(here C is the truth)", []byte(got), []byte(want))
	}
	return nil
}

// binLabel is the smallest size in a bin.
func binLabel(bin int) string {
	switch {
	case bin == 0:
		return "0"
	case bin > 10:
		return fmt.Sprint(1<<(bin-11)) + "K"
	}
	return fmt.Sprint(1 << (bin - 1))
}

// exportKey hands a key from each server to the other one, by DUMP and RESTORE.
func (d *differ) exportKey(number int, key string) error {
	a, b, err := d.both("DUMP", key)
	if err != nil || a.kind != '$' || b.kind != '$' || string(a.raw) == "$-1\r\n" {
		return err
	}
	encoding, err := d.c.conn.do("OBJECT", "ENCODING", key)
	if err != nil {
		return err
	}
	fail := func(what string, a, b *reply) {
		d.differences++
		fmt.Printf("-seed %d -episode %d: %s of %q: ours %.300q, C %.300q\n", d.seed, number, what, key, a.raw, b.raw)
	}
	switch encoding.text() {
	case "hashtable", "skiplist", "stream", "listpackex":
		// The order of elements is each server's own, or there are times in it that each has read from the clock.
	default:
		const setListpack = 20 // may have been made of a set without order
		if !bytes.Equal(a.raw, b.raw) && b.text()[0] != setListpack {
			fail("DUMP", a, b)
		}
	}
	const copied = "copied"
	x, err := d.ours.conn.do("RESTORE", copied, "0", b.text(), "REPLACE")
	if err != nil {
		return fmt.Errorf("ours, at RESTORE %q: %w", b.raw, err)
	}
	y, err := d.c.conn.do("RESTORE", copied, "0", a.text(), "REPLACE")
	if err != nil {
		return fmt.Errorf("C, at RESTORE %q: %w", a.raw, err)
	}
	if x.isError() || y.isError() {
		fail("RESTORE", x, y)
		fmt.Printf("  payloads: ours %.2000q, C %.2000q\n", a.raw, b.raw)
		return nil
	}
	for _, args := range [][]string{{"DEBUG", "DIGEST-VALUE", copied}, {"OBJECT", "ENCODING", copied}, {"DEL", copied}} {
		if x, y, err = d.both(args...); err != nil {
			return err
		}
		if string(x.raw) != string(y.raw) {
			fail(strings.Join(args, " "), x, y)
			fmt.Printf("  payloads: ours %.2000q, C %.2000q\n", a.raw, b.raw)
		}
	}
	return nil
}
