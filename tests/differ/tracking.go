// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
)

// tracking.go - CLIENT TRACKING: a few clients in random modes read and write a few keys, and everything that any of them is sent is compared, in its
// order. After each step every client sends a PING of its own, whose reply ends what it has to hear.

const trackers = 4

type trackingRun struct {
	*differ
	g     *generator
	name  string
	lines func() [][]string // the commands of one step
	conns [2][trackers]*conn
	ids   [2]map[string]string // IDs of clients, by text: what both are called
	born  int
	token int
}

var trackedKeys = []string{"a", "b", "ab", "abc", "k1", "k2", "foo", "foobar", "x:1"}

// trackingCompared runs n steps.
func (d *differ) trackingCompared(n int) error {
	t := &trackingRun{differ: d, g: &generator{r: rand.New(rand.NewPCG(d.seed, 2<<40))}, name: "tracking"}
	t.lines = t.trackingLines
	if err := t.run(n); err != nil {
		return err
	}
	_, _, err := d.both("CONFIG", "SET", "tracking-table-max-keys", "1000000")
	return err
}

func (t *trackingRun) run(n int) error {
	t.ids = [2]map[string]string{{}, {}}
	defer func() {
		for _, c := range append(t.conns[0][:], t.conns[1][:]...) {
			if c != nil {
				c.nc.Close()
			}
		}
	}()
	if _, _, err := t.both("FLUSHALL"); err != nil {
		return err
	}
	if err := t.highIDs(); err != nil {
		return err
	}
	for i := range trackers {
		if err := t.connect(i); err != nil {
			return err
		}
	}
	var past []string
	for range n {
		if t.differences >= t.most {
			break
		}
		who := t.g.r.IntN(trackers)
		if t.g.chance(1) {
			if err := t.connect(who); err != nil {
				return err
			}
			past = append(past, fmt.Sprintf("%d connects anew", who))
			continue
		}
		if t.g.chance(2) {
			if err := t.counters(past); err != nil {
				return err
			}
			continue
		}
		lines := t.lines()
		var texts []string
		for _, args := range lines {
			texts = append(texts, quoted(args))
		}
		past = append(past, fmt.Sprintf("%d: %s", who, strings.Join(texts, ", ")))
		different, err := t.step(who, lines)
		if err != nil {
			t.show(past)
			return err
		}
		if different {
			t.show(past)
		}
	}
	return nil
}

// highIDs makes clients until their IDs are numbers that no reply has else.
func (t *trackingRun) highIDs() error {
	for _, s := range []*server{t.ours, t.c} {
		for id := 0; id < 1000; {
			nc, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
			if err != nil {
				return err
			}
			r, err := newConn(nc).do("CLIENT", "ID")
			if err != nil {
				return err
			}
			if id, err = strconv.Atoi(r.text()); err != nil {
				return err
			}
			nc.Close()
		}
	}
	return nil
}

func (t *trackingRun) show(past []string) {
	t.differences++
	for _, line := range past[max(0, len(past)-history):] {
		fmt.Println("   ", line)
	}
}

// connect replaces a client by a new one.
func (t *trackingRun) connect(who int) error {
	for side, s := range []*server{t.ours, t.c} {
		if old := t.conns[side][who]; old != nil {
			// The server must have seen it go before the next step.
			if _, err := old.do("CLIENT", "TRACKING", "OFF"); err != nil {
				return err
			}
			id := ""
			for text, name := range t.ids[side] {
				if name == old.name {
					id = text
				}
			}
			if _, err := s.conn.do("CLIENT", "KILL", "ID", id); err != nil {
				return err
			}
			old.nc.Close()
		}
		nc, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err != nil {
			return err
		}
		c := newConn(nc)
		c.name = fmt.Sprintf("client %d", t.born)
		r, err := c.do("CLIENT", "ID")
		if err != nil {
			return err
		}
		t.ids[side][r.text()] = c.name
		t.conns[side][who] = c
	}
	t.born++
	return nil
}

func (t *trackingRun) key() string { return pick(t.g, trackedKeys...) }

// trackingLines makes the commands of one step. REDIRECT's argument "client N" becomes an ID.
func (t *trackingRun) trackingLines() [][]string {
	g, key := t.g, t.key
	one := func(args ...string) [][]string { return [][]string{args} }
	script := "redis.call('set',KEYS[1],1); redis.call('set',KEYS[2],1); return redis.call('get',KEYS[1])"
	switch k := g.r.IntN(100); {
	case k < 14:
		return [][]string{t.trackingLine()}
	case k < 22:
		return one("CLIENT", "CACHING", pick(g, "yes", "no", "x"))
	case k < 26:
		return one("CLIENT", pick(g, "TRACKINGINFO", "GETREDIR", "ID"))
	case k < 30:
		return one("HELLO", pick(g, "2", "3"))
	case k < 32:
		return pick(g, one("SUBSCRIBE", "__redis__:invalidate"), one("UNSUBSCRIBE"))
	case k < 34:
		return [][]string{{"MULTI"}, {"GET", key()}, {"SET", key(), "1"}, {"CLIENT", "CACHING", "yes"}, {"MGET", key(), key()}, {"SET", key(), "2"}, {"EXEC"}}
	case k < 36:
		return pick(g, one("FLUSHALL"), one("FLUSHDB"), one("FLUSHALL", "ASYNC"), one("FLUSHDB", "SYNC"), [][]string{{"MULTI"}, {"FLUSHALL"}, {"EXEC"}},
			one("EVAL", "return redis.call('flushall')", "0"), one("SWAPDB", "0", "1"), one("SELECT", pick(g, "0", "1")))
	case k < 37:
		return one("CONFIG", "SET", "tracking-table-max-keys", pick(g, "0", "1000000"))
	case k < 38:
		return one("RESET")
	case k < 62:
		return pick(g, one("GET", key()), one("MGET", key(), key()), one("EXISTS", key()), one("STRLEN", key()), one("TTL", key()), one("LRANGE", key(), "0", "-1"),
			one("SCARD", key()), one("OBJECT", "ENCODING", key()), one("EVAL_RO", "return redis.call('get',KEYS[1])", "1", key()), one("EVAL", "return redis.call('get',KEYS[1])", "1", key()))
	}
	return pick(g, one("SET", key(), "1"), one("INCR", key()), one("DEL", key(), key()), one("MSET", key(), "1", key(), "2"), one("EXPIRE", key(), "100"),
		one("RPUSH", key(), "x"), one("LPOP", key()), one("RENAME", key(), key()), one("APPEND", key(), "z"), one("GETDEL", key()), one("COPY", key(), key()),
		one("EVAL", script, "2", key(), key()), one("PEXPIRE", key(), "-1"), one("LMOVE", key(), key(), "left", "left"), one("SORT", key(), "STORE", key()))
}

func (t *trackingRun) trackingLine() []string {
	g := t.g
	args := []string{"CLIENT", "TRACKING", pick(g, "on", "on", "on", "off")}
	var prefixes []string
	for range g.r.IntN(4) {
		switch g.r.IntN(8) {
		case 0, 1:
			args = append(args, "BCAST")
		case 2:
			args = append(args, "OPTIN")
		case 3:
			args = append(args, "OPTOUT")
		case 4:
			args = append(args, "NOLOOP")
		case 5:
			args = append(args, "REDIRECT", pick(g, "client", "client", "client", "0", "9999999"))
		default:
			prefix := pick(g, "", "a", "ab", "foo", "x", "k")
			// C answers twice if two prefixes behind the first overlap.
			overlaps := func(p string) bool { return strings.HasPrefix(p, prefix) || strings.HasPrefix(prefix, p) }
			if len(prefixes) < 2 || !slices.ContainsFunc(prefixes[1:], overlaps) {
				prefixes = append(prefixes, prefix)
				args = append(args, "PREFIX", prefix)
			}
		}
	}
	for i := range args {
		if args[i] == "client" {
			args[i] = fmt.Sprintf("client %d", g.r.IntN(trackers))
		}
	}
	return args
}

// step sends the lines as client who, and compares what all clients hear of it.
func (t *trackingRun) step(who int, lines [][]string) (different bool, err error) {
	var heard [2]string
	t.token++
	for side := range heard {
		c := t.conns[side][who]
		for _, args := range lines {
			args = slices.Clone(args)
			for i, arg := range args {
				if number, found := strings.CutPrefix(arg, "client "); found {
					n, _ := strconv.Atoi(number)
					for id, name := range t.ids[side] {
						if name == t.conns[side][n].name {
							args[i] = id
						}
					}
				}
			}
			c.send(args)
		}
		var b strings.Builder
		order := append([]int{who}, 0, 1, 2, 3)
		for i, n := range order {
			messages, err := t.listen(side, t.conns[side][n], fmt.Sprintf("token-%d-%d", t.token, i))
			if err != nil {
				return false, fmt.Errorf("%s, after %q: %w", []string{"ours", "C"}[side], lines, err)
			}
			fmt.Fprintf(&b, "%d %v\n", n, messages)
		}
		heard[side] = b.String()
		t.sent++
	}
	if t.verbose {
		fmt.Printf("%d: %q\n%s", who, lines, heard[1])
	}
	if heard[0] == heard[1] || strings.EqualFold(lines[len(lines)-1][0], "HELLO") { // which tells the modules
		return false, nil
	}
	fmt.Printf("-seed %d, %s: client %d, %q\n  ours %s\n  C    %s\n", t.seed, t.name, who, lines, heard[0], heard[1])
	return true, nil
}

// listen collects what comes up to the reply of a PING.
func (t *trackingRun) listen(side int, c *conn, token string) (messages []string, err error) {
	c.send([]string{"PING", token})
	if err := c.w.Flush(); err != nil {
		return nil, err
	}
	for {
		r, err := c.read()
		if err != nil {
			return nil, err
		}
		// A RESP2 subscriber gets it as a message.
		if r.kind == '$' && r.text() == token || len(r.kids) == 2 && r.kids[1].text() == token {
			return sortRuns(messages), nil
		}
		messages = append(messages, t.text(side, r))
	}
}

// sortRuns sorts neighbouring messages whose order is not defined: of invalidation, as several clients may redirect to one, and those that one
// message gives the patterns of a client. Of the channels that a client leaves all at once only the order of counts is defined.
func sortRuns(messages []string) []string {
	run := func(m string) string {
		switch {
		case strings.Contains(m, "pmessage\\r\\n"):
			return "pmessage"
		case strings.Contains(m, "unsubscribe\\r\\n"):
			return m[:min(len(m), 25)]
		case m[0] == '>' && !strings.Contains(m, "message\\r\\n") && !strings.Contains(m, "subscribe\\r\\n") || strings.Contains(m, "__redis__:invalidate"):
			return "invalidate"
		}
		return ""
	}
	for i := 0; i < len(messages); i++ {
		kind := run(messages[i])
		j := i + 1
		for kind != "" && j < len(messages) && run(messages[j]) == kind {
			j++
		}
		if strings.Contains(kind, "unsubscribe") {
			leaving(messages[i:j])
		} else if kind != "" {
			slices.Sort(messages[i:j])
		}
		i = j - 1
	}
	return messages
}

// leaving sorts the names in messages of unsubscribing, and leaves the counts, which are their last elements, in their places.
func leaving(messages []string) {
	var names, counts []string
	for _, m := range messages {
		at := strings.LastIndexByte(m, ' ')
		names, counts = append(names, m[:at]), append(counts, m[at:])
	}
	slices.Sort(names)
	for i := range messages {
		messages[i] = names[i] + counts[i]
	}
}

// text is the reply with the IDs of clients replaced by their names. A null may be one of RESP2 or of RESP3: C writes that of the protocol
// of the client that tracks, whoever reads it.
func (t *trackingRun) text(side int, r *reply) string {
	if len(r.kids) == 0 {
		switch s := string(r.raw); {
		case s == "$-1\r\n" || s == "_\r\n":
			return "null"
		case r.kind == ':' && t.ids[side][r.text()] != "":
			return t.ids[side][r.text()]
		default:
			return strconv.Quote(s)
		}
	}
	texts := make([]string, len(r.kids))
	for i, kid := range r.kids {
		texts[i] = t.text(side, kid)
	}
	return string(r.kind) + "[" + strings.Join(texts, " ") + "]"
}

// counters compares what INFO tells.
func (t *trackingRun) counters(past []string) error {
	a, b, err := t.both("INFO", "stats", "clients")
	if err != nil {
		return err
	}
	var lines [2][]string
	for i, r := range []*reply{a, b} {
		for line := range strings.SplitSeq(r.text(), "\r\n") {
			if strings.HasPrefix(line, "tracking_") || strings.HasPrefix(line, "pubsub") {
				lines[i] = append(lines[i], line)
			}
		}
	}
	if !slices.Equal(lines[0], lines[1]) {
		fmt.Printf("-seed %d, %s: INFO\n  ours %v\n  C    %v\n", t.seed, t.name, lines[0], lines[1])
		t.show(past)
	}
	return nil
}
