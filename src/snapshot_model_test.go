// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"redport/src/geohash"
)

// snapshot_model_test.go - the dataset as the plainest Go structures keep it. The commands that randomCommands makes are applied to it, and what the
// server has must be the same. Where chance decides (SPOP), the reply says what was done.

// modelValue is a key's value: one of its fields is in use.
type modelValue struct {
	expire string // when, in milliseconds; "-1" is never
	str    []byte
	list   []string
	set    map[string]bool
	zset   map[string]float64
	hash   map[string]modelField
	stream *modelStream
	hll    *[hllRegisterCount]uint8
}

type modelField struct{ value, expire string }

type modelStream struct {
	ids    []int // in order
	fields map[int]string
	groups map[string]*modelGroup
}

type modelGroup struct {
	last    int
	pending map[int]string // whose
}

func (v *modelValue) clone() *modelValue {
	w := *v
	w.str, w.list = bytes.Clone(v.str), slices.Clone(v.list)
	w.set, w.zset, w.hash = maps.Clone(v.set), maps.Clone(v.zset), maps.Clone(v.hash)
	if v.hll != nil {
		h := *v.hll
		w.hll = &h
	}
	if v.stream != nil {
		w.stream = &modelStream{slices.Clone(v.stream.ids), maps.Clone(v.stream.fields), map[string]*modelGroup{}}
		for name, g := range v.stream.groups {
			w.stream.groups[name] = &modelGroup{g.last, maps.Clone(g.pending)}
		}
	}
	return &w
}

// model is the two databases that the commands use.
type model struct{ db [2]map[string]*modelValue }

func newModel() *model {
	return &model{[2]map[string]*modelValue{{}, {}}}
}

// make is the value of a key, which is there from now on.
func (m *model) make(key string) *modelValue {
	v := m.db[0][key]
	if v == nil {
		v = &modelValue{expire: "-1"}
		switch key[0] {
		case 'e':
			v.set = map[string]bool{}
		case 'z', 'g':
			v.zset = map[string]float64{}
		case 'h':
			v.hash = map[string]modelField{}
		case 'x':
			v.stream = &modelStream{nil, map[int]string{}, map[string]*modelGroup{}}
		case 'p':
			v.hll = new([hllRegisterCount]uint8)
		}
		m.db[0][key] = v
	}
	return v
}

// get is the value of a key for reading: an empty one that is not kept where there is none.
func (m *model) get(key string) *modelValue {
	if v := m.db[0][key]; v != nil {
		return v
	}
	v := m.make(key)
	delete(m.db[0], key)
	return v
}

// put replaces a key, or deletes it with nothing to put there.
func (m *model) put(key string, v *modelValue, length int) {
	delete(m.db[0], key)
	if length > 0 {
		v.expire = "-1"
		m.db[0][key] = v
	}
}

// drop deletes a collection that has become empty.
func (m *model) drop(key string) {
	if v := m.db[0][key]; v != nil && len(v.list)+len(v.set)+len(v.zset)+len(v.hash) == 0 && strings.IndexByte("lezgh", key[0]) >= 0 {
		delete(m.db[0], key)
	}
}

func modelInt(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

func modelFloat(s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic(err)
	}
	return f
}

// modelID is the number of a stream entry, n-1, or 0.
func modelID(s string) int {
	n, _, _ := strings.Cut(s, "-")
	return modelInt(n)
}

// apply does to the model what a command has done.
func (m *model) apply(args []string, reply string) {
	if reply[0] == '-' {
		return // no command is half done
	}
	key := ""
	if len(args) > 1 {
		key = args[1]
	}
	switch args[0] {
	case "FLUSHDB":
		m.db[0] = map[string]*modelValue{}
	case "SWAPDB":
		m.db[0], m.db[1] = m.db[1], m.db[0]
	case "DEL", "UNLINK":
		delete(m.db[0], key)
	case "COPY":
		if v := m.db[0][key]; v != nil {
			m.db[0][args[2]] = v.clone()
		}
	case "RENAME":
		v := m.db[0][key]
		delete(m.db[0], key)
		m.db[0][args[2]] = v
	case "PEXPIREAT":
		if v := m.db[0][key]; v != nil {
			v.expire = args[2]
		}
	case "PERSIST":
		if v := m.db[0][key]; v != nil {
			v.expire = "-1"
		}
	case "MOVE":
		if v := m.db[0][key]; v != nil && m.db[1][key] == nil {
			delete(m.db[0], key)
			m.db[1][key] = v
		}
	case "BITOP":
		m.applyBitop(args)
	case "XREADGROUP", "XGROUP":
		m.applyGroup(args)
	case "OBJECT":
	default:
		switch key[0] {
		case 's', 'n', 'p':
			m.applyString(key, args)
		case 'l':
			m.applyList(key, args)
		case 'e':
			m.applySet(key, args, reply)
		case 'z', 'g':
			m.applyZset(key, args)
		case 'h':
			m.applyHash(key, args)
		case 'x':
			m.applyStream(key, args)
		}
		m.drop(key)
	}
}

// --- Strings ---

// grow makes a string at least n bytes long.
func (v *modelValue) grow(n int) {
	if n > len(v.str) {
		v.str = append(v.str, make([]byte, n-len(v.str))...)
	}
}

func (m *model) applyString(key string, args []string) {
	switch args[0] {
	case "APPEND":
		v := m.make(key)
		v.str = append(v.str, args[2]...)
	case "SETRANGE":
		if args[3] != "" {
			v, at := m.make(key), modelInt(args[2])
			v.grow(at + len(args[3]))
			copy(v.str[at:], args[3])
		}
	case "INCRBY":
		v := m.make(key)
		n := 0
		if len(v.str) > 0 {
			n = modelInt(string(v.str))
		}
		v.str = strconv.AppendInt(nil, int64(n+modelInt(args[2])), 10)
	case "SETBIT":
		v, at := m.make(key), modelInt(args[2])
		v.grow(at/8 + 1)
		v.str[at/8] &^= 0x80 >> (at % 8)
		v.str[at/8] |= byte(modelInt(args[3])) << (7 - at%8)
	case "BITFIELD": // key INCRBY u8 #byte n SET u4 #nibble n
		v, at, nibble := m.make(key), modelInt(args[4][1:]), modelInt(args[8][1:])
		v.grow(max(at, nibble/2) + 1)
		v.str[at] += byte(modelInt(args[5]))
		n := byte(modelInt(args[9])) & 15
		if nibble%2 == 0 {
			v.str[nibble/2] = v.str[nibble/2]&0x0f | n<<4
		} else {
			v.str[nibble/2] = v.str[nibble/2]&0xf0 | n
		}
	case "SET":
		v := &modelValue{expire: "-1", str: []byte(args[2])}
		if len(args) == 5 {
			v.expire = args[4]
		}
		m.db[0][key] = v
	case "GETEX":
		m.get(key).expire = "-1"
	case "PFADD":
		v := m.make(key)
		for _, e := range args[2:] {
			i, count := hllPatLen([]byte(e))
			v.hll[i] = max(v.hll[i], count)
		}
	case "PFMERGE":
		v := m.make(key)
		for _, from := range args[2:] {
			for i, n := range m.get(from).hll {
				v.hll[i] = max(v.hll[i], n)
			}
		}
	}
}

// applyBitop: BITOP operation target key [key]
func (m *model) applyBitop(args []string) {
	var out []byte
	for i, key := range args[3:] {
		s := m.get(key).str
		if args[1] == "NOT" {
			for _, b := range s {
				out = append(out, ^b)
			}
			break
		}
		if i == 0 {
			out = bytes.Clone(s)
			continue
		}
		for n := max(len(out), len(s)); len(out) < n; {
			out = append(out, 0)
		}
		for j := range out {
			b := byte(0)
			if j < len(s) {
				b = s[j]
			}
			switch args[1] {
			case "AND":
				out[j] &= b
			case "OR":
				out[j] |= b
			case "XOR":
				out[j] ^= b
			}
		}
	}
	m.put(args[2], &modelValue{str: out}, len(out))
}

// --- Lists ---

func (m *model) applyList(key string, args []string) {
	v := m.get(key)
	switch args[0] {
	case "LPOP", "RPOP":
		n := 1
		if len(args) > 2 {
			n = modelInt(args[2])
		}
		n = min(n, len(v.list))
		if args[0] == "LPOP" {
			v.list = v.list[n:]
		} else {
			v.list = v.list[:len(v.list)-n]
		}
	case "LSET":
		v.list[modelInt(args[2])] = args[3]
	case "LINSERT":
		if i := slices.Index(v.list, args[3]); i >= 0 {
			v.list = slices.Insert(v.list, i, args[4])
		}
	case "LREM":
		n := modelInt(args[2])
		all := n == 0
		v.list = slices.DeleteFunc(v.list, func(s string) bool {
			if s != args[3] || !all && n == 0 {
				return false
			}
			n--
			return true
		})
	case "LMOVE":
		if len(v.list) > 0 {
			s := v.list[0]
			v.list = v.list[1:]
			to := m.make(args[2])
			to.list = append(to.list, s)
		}
	case "LPUSH":
		v = m.make(key)
		for _, s := range args[2:] {
			v.list = slices.Insert(v.list, 0, s)
		}
	case "RPUSH":
		v = m.make(key)
		v.list = append(v.list, args[2:]...)
	case "LTRIM":
		v.list = v.list[:min(modelInt(args[3])+1, len(v.list))]
	case "SORT":
		sorted := slices.Clone(v.list)
		slices.Sort(sorted)
		m.put(args[4], &modelValue{list: sorted}, len(sorted))
	}
}

// --- Sets ---

func (m *model) applySet(key string, args []string, reply string) {
	v := m.get(key)
	switch args[0] {
	case "SADD":
		v = m.make(key)
		for _, s := range args[2:] {
			v.set[s] = true
		}
	case "SREM":
		for _, s := range args[2:] {
			delete(v.set, s)
		}
	case "SPOP":
		switch popped := parseReply(reply).(type) {
		case string:
			delete(v.set, popped)
		case []any:
			for _, s := range popped {
				delete(v.set, s.(string))
			}
		}
	case "SMOVE":
		if v.set[args[3]] && key != args[2] {
			delete(v.set, args[3])
			m.make(args[2]).set[args[3]] = true
		}
	case "SUNIONSTORE", "SINTERSTORE", "SDIFFSTORE":
		a, b, out := m.get(args[2]).set, m.get(args[3]).set, map[string]bool{}
		for s := range a {
			if args[0] == "SUNIONSTORE" || b[s] == (args[0] == "SINTERSTORE") {
				out[s] = true
			}
		}
		if args[0] == "SUNIONSTORE" {
			maps.Copy(out, b)
		}
		m.put(key, &modelValue{set: out}, len(out))
	}
}

// --- Sorted sets ---

// ranked are the members of a sorted set in their order.
func (v *modelValue) ranked() []string {
	all := slices.Collect(maps.Keys(v.zset))
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(v.zset[a], v.zset[b]), strings.Compare(a, b)) })
	return all
}

func (m *model) applyZset(key string, args []string) {
	v := m.get(key)
	gone := func(members []string) {
		for _, s := range members {
			delete(v.zset, s)
		}
	}
	switch args[0] {
	case "ZADD":
		v = m.make(key)
		for i := 2; i < len(args); i += 2 {
			v.zset[args[i+1]] = modelFloat(args[i])
		}
	case "GEOADD":
		v = m.make(key)
		p := geohash.Point{Long: modelFloat(args[2]), Lat: modelFloat(args[3])}
		v.zset[args[4]] = float64(geohash.Encode(&geohash.WGS84, p, geohash.StepMax).Align52())
	case "ZREM":
		gone(args[2:])
	case "ZPOPMIN":
		all := v.ranked()
		gone(all[:min(modelInt(args[2]), len(all))])
	case "ZPOPMAX":
		all := v.ranked()
		gone(all[max(0, len(all)-modelInt(args[2])):])
	case "ZINCRBY":
		m.make(key).zset[args[3]] += modelFloat(args[2])
	case "ZREMRANGEBYRANK":
		if all, from := v.ranked(), modelInt(args[2]); from < len(all) {
			gone(all[from:max(from, min(len(all), modelInt(args[3])+1))])
		}
	case "ZREMRANGEBYSCORE":
		for s, score := range maps.Clone(v.zset) {
			if score >= modelFloat(args[2]) && score < modelFloat(args[3][1:]) {
				delete(v.zset, s)
			}
		}
	case "ZUNIONSTORE", "ZINTERSTORE":
		a, b, out := m.get(args[3]).zset, m.get(args[4]).zset, map[string]float64{}
		for s, score := range a {
			if other, both := b[s]; both || args[0] == "ZUNIONSTORE" {
				out[s] = score + other
			}
		}
		if args[0] == "ZUNIONSTORE" {
			for s, score := range b {
				if _, both := a[s]; !both {
					out[s] = score
				}
			}
		}
		m.put(key, &modelValue{zset: out}, len(out))
	case "ZRANGESTORE":
		from, out := m.get(args[2]), map[string]float64{}
		all := from.ranked()
		for _, s := range all[:min(len(all), modelInt(args[4])+1)] {
			out[s] = from.zset[s]
		}
		m.put(key, &modelValue{zset: out}, len(out))
	}
}

// --- Hashes ---

func (m *model) applyHash(key string, args []string) {
	v := m.get(key)
	switch args[0] {
	case "HSET":
		v = m.make(key)
		for i := 2; i < len(args); i += 2 {
			v.hash[args[i]] = modelField{args[i+1], "-1"}
		}
	case "HSETEX": // key PXAT when FIELDS 1 field value
		m.make(key).hash[args[6]] = modelField{args[7], args[3]}
	case "HDEL":
		for _, f := range args[2:] {
			delete(v.hash, f)
		}
	case "HGETDEL": // key FIELDS 1 field
		delete(v.hash, args[4])
	case "HINCRBY":
		v = m.make(key)
		f, ok := v.hash[args[2]]
		if !ok {
			f = modelField{"0", "-1"}
		}
		f.value = strconv.Itoa(modelInt(f.value) + modelInt(args[3]))
		v.hash[args[2]] = f
	case "HPEXPIREAT", "HPERSIST", "HGETEX": // key when FIELDS 2 field field; key FIELDS 1 field; key PXAT when FIELDS 1 field
		when, fields := "-1", args[4:]
		switch args[0] {
		case "HPEXPIREAT":
			when, fields = args[2], args[5:]
		case "HGETEX":
			when, fields = args[3], args[6:]
		}
		for _, name := range fields {
			if f, ok := v.hash[name]; ok {
				f.expire = when
				v.hash[name] = f
			}
		}
	}
}

// --- Streams ---

func (m *model) applyStream(key string, args []string) {
	group := func(name string) *modelGroup {
		g := m.get(key).stream.groups[name]
		if g == nil {
			return &modelGroup{pending: map[int]string{}}
		}
		return g
	}
	s := m.get(key).stream
	remove := func(id int) {
		if _, ok := s.fields[id]; ok {
			delete(s.fields, id)
			i, _ := slices.BinarySearch(s.ids, id)
			s.ids = slices.Delete(s.ids, i, i+1)
		}
	}
	switch args[0] {
	case "XADD":
		s = m.make(key).stream
		id := modelID(args[2])
		s.ids = append(s.ids, id)
		s.fields[id] = strings.Join(args[3:], " ")
	case "XDEL":
		for _, id := range args[2:] {
			remove(modelID(id))
		}
	case "XTRIM":
		for len(s.ids) > modelInt(args[3]) {
			remove(s.ids[0])
		}
	case "XACK":
		for _, id := range args[3:] {
			delete(group(args[2]).pending, modelID(id))
		}
	case "XCLAIM": // key group consumer 0 id id: what is not there any more is not pending, either
		g := group(args[2])
		for _, id := range args[5:] {
			n := modelID(id)
			if _, ok := g.pending[n]; !ok {
				continue
			}
			if _, ok := s.fields[n]; ok {
				g.pending[n] = args[3]
			} else {
				delete(g.pending, n)
			}
		}
	case "XAUTOCLAIM": // key group consumer 0 0 COUNT n
		g, left := group(args[2]), modelInt(args[7])
		for _, n := range slices.Sorted(maps.Keys(g.pending)) {
			if left == 0 {
				break
			}
			if _, ok := s.fields[n]; ok {
				g.pending[n] = args[3]
			} else {
				delete(g.pending, n)
			}
			left--
		}
	}
}

// applyGroup is for the commands whose key is not the first argument.
func (m *model) applyGroup(args []string) {
	switch {
	case args[0] == "XREADGROUP": // GROUP group consumer COUNT n STREAMS key >
		s := m.get(args[7]).stream
		if g := s.groups[args[2]]; g != nil {
			from, _ := slices.BinarySearch(s.ids, g.last+1)
			for _, id := range s.ids[from:min(len(s.ids), from+modelInt(args[5]))] {
				g.pending[id] = args[3]
				g.last = id
			}
		}
	case args[1] == "CREATE": // XGROUP CREATE key group id MKSTREAM
		m.make(args[2]).stream.groups[args[3]] = &modelGroup{modelID(args[4]), map[int]string{}}
	case args[1] == "DESTROY":
		delete(m.get(args[2]).stream.groups, args[3])
	case args[1] == "DELCONSUMER":
		if g := m.get(args[2]).stream.groups[args[3]]; g != nil {
			maps.DeleteFunc(g.pending, func(_ int, whose string) bool { return whose == args[4] })
		}
	}
}

// --- Comparing ---

// parseReply is a reply of RESP2: nil, a string, or a list; numbers are strings, too.
func parseReply(s string) any {
	v, rest := parseReplyPart(s)
	if rest != "" {
		panic(fmt.Sprintf("%q is more than a reply", s))
	}
	return v
}

func parseReplyPart(s string) (v any, rest string) {
	line, rest, ok := strings.Cut(s, "\r\n")
	if !ok {
		panic(fmt.Sprintf("%q is no reply", s))
	}
	switch line[0] {
	case '$':
		n := modelInt(line[1:])
		if n < 0 {
			return nil, rest
		}
		return rest[:n], rest[n+2:]
	case '*':
		n := modelInt(line[1:])
		if n < 0 {
			return nil, rest
		}
		list := make([]any, n)
		for i := range list {
			list[i], rest = parseReplyPart(rest)
		}
		return list, rest
	}
	return line[1:], rest
}

// compare looks whether a server has what the model has, and nothing else.
func (m *model) compare(t *testing.T, c *client) {
	t.Helper()
	strs := func(args ...string) []string {
		var out []string
		for _, v := range parseReply(c.run(args...)).([]any) {
			out = append(out, v.(string))
		}
		return out
	}
	for db, keys := range m.db {
		c.run("SELECT", strconv.Itoa(db))
		got, want := strs("KEYS", "*"), slices.Sorted(maps.Keys(keys))
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Fatalf("db %d: keys %q, the model has %q", db, got, want)
		}
		for key, v := range keys {
			differs := func(what string, got, want any) {
				t.Fatalf("db %d: %s: %s\n%.2000q, the model has\n%.2000q", db, key, what, fmt.Sprint(got), fmt.Sprint(want))
			}
			if got := parseReply(c.run("PEXPIRETIME", key)); got != v.expire {
				differs("expires", got, v.expire)
			}
			switch key[0] {
			case 's', 'n':
				if got := parseReply(c.run("GET", key)); got != string(v.str) {
					differs("string", got, string(v.str))
				}
			case 'p':
				var regs hllRegisters
				if b := []byte(parseReply(c.run("GET", key)).(string)); hllEncoding(b) == hllDense {
					regs.mergeDense(b)
				} else {
					regs.mergeSparse(b)
				}
				for i, n := range v.hll {
					if regs.get(i) != n {
						differs("register "+strconv.Itoa(i), regs.get(i), n)
					}
				}
			case 'l':
				if got := strs("LRANGE", key, "0", "-1"); !slices.Equal(got, v.list) {
					differs("list", got, v.list)
				}
			case 'e':
				got, want := strs("SMEMBERS", key), slices.Sorted(maps.Keys(v.set))
				if slices.Sort(got); !slices.Equal(got, want) {
					differs("set", got, want)
				}
			case 'z', 'g':
				var want []string
				for _, s := range v.ranked() {
					want = append(want, s, strconv.FormatFloat(v.zset[s], 'f', -1, 64))
				}
				if got := strs("ZRANGE", key, "0", "-1", "WITHSCORES"); !slices.Equal(got, want) {
					differs("sorted set", got, want)
				}
			case 'h':
				m.compareHash(strs, key, v, differs)
			case 'x':
				m.compareStream(c, key, v.stream, differs)
			}
		}
	}
	c.run("SELECT", "0")
}

func (m *model) compareHash(strs func(...string) []string, key string, v *modelValue, differs func(string, any, any)) {
	all := strs("HGETALL", key)
	got := map[string]modelField{}
	times := []string{"HPEXPIRETIME", key, "FIELDS", strconv.Itoa(len(all) / 2)}
	for i := 0; i < len(all); i += 2 {
		times = append(times, all[i])
	}
	for i, when := range strs(times...) {
		got[all[2*i]] = modelField{all[2*i+1], when}
	}
	if len(got) != len(all)/2 || !maps.Equal(got, v.hash) {
		differs("hash", got, v.hash)
	}
}

func (m *model) compareStream(c *client, key string, s *modelStream, differs func(string, any, any)) {
	var got, want []string
	for _, e := range parseReply(c.run("XRANGE", key, "-", "+")).([]any) {
		line := e.([]any)[0].(string)
		for _, f := range e.([]any)[1].([]any) {
			line += " " + f.(string)
		}
		got = append(got, line)
	}
	for _, id := range s.ids {
		want = append(want, strconv.Itoa(id)+"-1 "+s.fields[id])
	}
	if !slices.Equal(got, want) {
		differs("stream", got, want)
	}
	got, want = nil, nil
	for _, g := range parseReply(c.run("XINFO", "GROUPS", key)).([]any) {
		info := g.([]any)
		name := info[1].(string)
		got = append(got, name+" at "+info[7].(string))
		for _, p := range parseReply(c.run("XPENDING", key, name, "-", "+", "1000000")).([]any) {
			got = append(got, p.([]any)[0].(string)+" "+p.([]any)[1].(string))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.groups)) {
		g := s.groups[name]
		at := strconv.Itoa(g.last) + "-1"
		want = append(want, name+" at "+at)
		for _, id := range slices.Sorted(maps.Keys(g.pending)) {
			want = append(want, strconv.Itoa(id)+"-1 "+g.pending[id])
		}
	}
	if !slices.Equal(got, want) {
		differs("groups", got, want)
	}
}
