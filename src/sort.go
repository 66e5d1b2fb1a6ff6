// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"math/bits"
	"slices"

	"redport/src/commands"
	"redport/src/crc16"
	"redport/src/listpack"
	"redport/src/util"
)

// sort.go - SORT and SORT_RO: the elements of a list, a set or a sorted set, in the order of their own values or of values that keys
// and hash fields named after them hold.
//
// Looking up those keys may write to the database, as expired ones are deleted; so all elements are copied before, to an arena that
// lives as long as the command.
//
// Elements with equal scores are in the order of their bytes. Where BY and ALPHA leave two equal they stay in the order that they had.
//
// Counterpart: sort.c.

// sortItem is an element.
type sortItem struct {
	obj   []byte
	score float64 // what numbers are sorted by
	by    []byte  // what ALPHA sorts by, if that is not obj; nil: there is no such key
	index int     // where it was
}

// sortOptions is what a command asks for.
type sortOptions struct {
	desc, alpha   bool
	start, count  int64
	by            *sortPattern // nil: by the elements themselves
	dontsort      bool         // BY names no key: the elements stay as they are
	get           []sortPattern
	store         []byte // nil: none
	scoresInvalid bool   // there were some that are no numbers
}

// sortPattern is an argument of BY or GET: the key it names is prefix, the element, suffix.
type sortPattern struct {
	itself         bool // "#": the element
	constant       bool // no "*": names nothing
	prefix, suffix []byte
	field          []byte // of a hash; nil: the key is a string
}

// parseSortPattern takes an argument apart. Like C's string functions it looks for "*" and "->" up to the first NUL only.
func parseSortPattern(arg []byte) sortPattern {
	text := untilNul(arg)
	if string(text) == "#" {
		return sortPattern{itself: true}
	}
	star := bytes.IndexByte(text, '*')
	if star < 0 {
		return sortPattern{constant: true}
	}
	p := sortPattern{prefix: arg[:star], suffix: arg[star+1:]}
	if arrow := bytes.Index(text[star+1:], []byte("->")); arrow >= 0 && star+1+arrow+2 < len(text) {
		p.suffix, p.field = p.suffix[:arrow], p.suffix[arrow+2:]
	}
	return p
}

// sortArena keeps copies of byte strings, many to a block.
type sortArena struct{ free []byte }

// keep returns a copy, which is not nil.
func (a *sortArena) keep(b []byte) []byte {
	if a.free == nil || len(b) > len(a.free) {
		a.free = make([]byte, max(len(b), 16<<10))
	}
	kept := a.free[:len(b):len(b)]
	a.free = a.free[len(b):]
	copy(kept, b)
	return kept
}

// sorter is a running command.
type sorter struct {
	c *client
	sortOptions
	arena sortArena
	items []*sortItem
	key   []byte   // the key that is looked up
	tmp   [20]byte // digits of a number
}

// lookup is the value that a pattern names for an element; nil if there is none. It is valid until the next one.
func (s *sorter) lookup(p *sortPattern, element []byte) []byte {
	switch {
	case p.itself:
		return element
	case p.constant:
		return nil
	}
	c := s.c
	s.key = append(append(append(s.key[:0], p.prefix...), element...), p.suffix...)
	e := c.db.entry(s.key, lookupNone)
	if !e.Ok() {
		return nil
	}
	if p.field == nil {
		if entryType(e) != objString {
			return nil
		}
		return notNil(entryStringBytes(e, s.tmp[:0]))
	}
	if entryType(e) != objHash {
		return nil
	}
	h := viewHash(e)
	v, ok := c.readField(&h, s.key, p.field)
	if !ok {
		return nil
	}
	return notNil(v.Bytes(&s.tmp))
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// --- The command line ---

// parseSortOptions reads what follows the key. !ok: the client has been answered.
func (c *client) parseSortOptions(readonly bool) (o sortOptions, ok bool) {
	o.count = -1
	anyKey := c.aclUserCheckCmdWithUnrestrictedKeyAccess(commands.CmdKeyAccess)
	// allowed tells whether the keys that a pattern names may be read.
	allowed := func(option string, p *sortPattern, pattern []byte) bool {
		switch {
		case c.server.clusterEnabled && !p.itself && patternHashSlot(pattern) != int(crc16.KeyHashSlot(c.argv[1])):
			c.addReplyError(option + " option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots.")
			return false
		case !anyKey:
			c.addReplyError(option + " option of SORT denied due to insufficient ACL permissions.")
			return false
		}
		return true
	}
	args := c.argv[2:]
	for len(args) > 0 {
		switch {
		case equalFold(args[0], "ASC"):
			o.desc = false
		case equalFold(args[0], "DESC"):
			o.desc = true
		case equalFold(args[0], "ALPHA"):
			o.alpha = true
		case equalFold(args[0], "LIMIT") && len(args) > 2:
			if o.start, ok = c.getLongFromObjectOrReply(args[1], ""); !ok {
				return o, false
			}
			if o.count, ok = c.getLongFromObjectOrReply(args[2], ""); !ok {
				return o, false
			}
			args = args[2:]
		case !readonly && equalFold(args[0], "STORE") && len(args) > 1:
			o.store = args[1]
			args = args[1:]
		case equalFold(args[0], "BY") && len(args) > 1:
			p := parseSortPattern(args[1])
			o.by = &p
			if p.constant || p.itself {
				o.dontsort = true
			} else if !allowed("BY", &p, args[1]) {
				return o, false
			}
			args = args[1:]
		case equalFold(args[0], "GET") && len(args) > 1:
			p := parseSortPattern(args[1])
			if !allowed("GET", &p, args[1]) {
				return o, false
			}
			o.get = append(o.get, p)
			args = args[1:]
		default:
			c.addReplyErrorObject(shared.syntaxerr)
			return o, false
		}
		args = args[1:]
	}
	return o, true
}

// limit resolves LIMIT to a range of n elements, empty if end is not above start.
func (o *sortOptions) limit(n int) (start, end int) {
	from := min(max(o.start, 0), int64(n))
	count := min(max(o.count, -1), int64(n))
	if count < 0 || from+count > int64(n) {
		return int(from), n
	}
	return int(from), int(from + count)
}

// --- The elements ---

func (s *sorter) add(v listpack.Value) {
	s.items = append(s.items, &sortItem{obj: s.arena.keep(v.Bytes(&s.tmp)), index: len(s.items)})
}

// load copies the elements of the key that is sorted. Of a list or a sorted set that stays as it is only the range that LIMIT wants is
// read; loaded tells that. !ok: the client has been answered.
func (s *sorter) load(key []byte) (loaded, ok bool) {
	c := s.c
	e := c.db.entry(key, lookupNone)
	if !e.Ok() {
		return false, true
	}
	switch entryType(e) {
	case objList:
		l := list{db: c.db, key: key, e: e}
		l.open(l.e, false)
		start, end, reverse := 0, l.n, false
		if s.dontsort {
			start, end = s.limit(l.n)
			if reverse = s.desc; reverse {
				start, end = l.n-start-1, l.n-end-1
			}
		}
		n := max(end-start, start-end)
		if n == 0 {
			return s.dontsort, true
		}
		s.items = make([]*sortItem, 0, n)
		it := l.iterator(start, reverse)
		for range n {
			v, _ := it.next()
			s.add(v)
		}
		it.close()
		return s.dontsort, true
	case objSet:
		// Nothing orders a set but the sorting; scripts and what is stored must not depend on how it happens to lie.
		if s.dontsort && (s.store != nil || c.flags&clientScript != 0) {
			s.dontsort, s.alpha, s.by = false, true, nil
		}
		set := viewSet(e)
		s.items = make([]*sortItem, 0, set.size())
		it := set.iter()
		for it.next() {
			s.add(it.member)
		}
		return false, true
	case objZset:
		// As in C the set is a skiplist from now on.
		var ed zsetEdit
		c.db.editZset(&ed, e, key)
		if ed.z == nil {
			ed.toSkiplist()
			ed.commit()
		} else {
			ed.discard()
		}
		v := viewZset(c.db.find(key))
		n := v.length()
		start, end := 0, n
		if s.dontsort {
			start, end = s.limit(n)
		}
		at := start
		if s.dontsort && s.desc {
			at = n - 1 - start
		}
		s.items = make([]*sortItem, 0, max(end-start, 0))
		cur := v.at(at)
		for range end - start {
			s.add(listpack.Value{Str: cur.member(&s.tmp)})
			cur.step(s.dontsort && s.desc)
		}
		return s.dontsort, true
	}
	c.addReplyErrorObject(shared.wrongtypeerr)
	return false, false
}

// weigh finds what every element is sorted by.
func (s *sorter) weigh() {
	for _, item := range s.items {
		by := item.obj
		if s.by != nil {
			if by = s.lookup(s.by, item.obj); by == nil {
				continue // in front of all that have one, or 0
			}
		}
		switch {
		case !s.alpha:
			score, ok := sortScore(by)
			if !ok {
				s.scoresInvalid = true
			}
			item.score = score
		case s.by != nil:
			item.by = s.arena.keep(by)
		}
	}
}

// sortScore reads a number as SORT takes it: decimal, of any size, up to a NUL if there is one. Nothing at all counts as 0.
func sortScore(text []byte) (score float64, ok bool) {
	if n, ok := util.String2ll(text); ok {
		return float64(n), true
	}
	if text = untilNul(text); len(text) == 0 {
		return 0, true
	}
	return util.ParseDecimal(text)
}

// compare orders elements as the command wants them.
func (s *sorter) compare(a, b *sortItem) int {
	cmp := 0
	switch {
	case !s.alpha:
		switch {
		case a.score > b.score:
			cmp = 1
		case a.score < b.score:
			cmp = -1
		default:
			cmp = bytes.Compare(a.obj, b.obj)
		}
	case s.by != nil:
		switch {
		case a.by == nil && b.by == nil:
		case a.by == nil:
			cmp = -1
		case b.by == nil:
			cmp = 1
		default:
			cmp = s.compareText(a.by, b.by)
		}
	default:
		cmp = s.compareText(a.obj, b.obj)
	}
	if s.desc {
		cmp = -cmp
	}
	if cmp == 0 {
		cmp = a.index - b.index
	}
	return cmp
}

// compareText orders what is stored by its bytes, and what is shown by the locale, up to a NUL.
func (s *sorter) compareText(a, b []byte) int {
	if s.store != nil {
		return bytes.Compare(a, b)
	}
	return s.c.server.compareCollated(untilNul(a), untilNul(b))
}

// untilNul is what C's string functions see of text.
func untilNul(text []byte) []byte {
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return text[:i]
	}
	return text
}

// sortRange sorts elements lo to hi-1 into their places. The others are only divided into those that come before and after.
func (s *sorter) sortRange(items []*sortItem, lo, hi int) {
	// If the halves turn out too uneven too often, slices.SortFunc knows what to do.
	for depth := 2 * bits.Len(uint(len(items))); depth > 0 && len(items) > 32 && (lo > 0 || hi < len(items)); depth-- {
		p := s.partition(items)
		switch {
		case hi <= p:
			items = items[:p]
		case lo > p:
			items = items[p+1:]
			lo, hi = lo-p-1, hi-p-1
		default:
			s.sortRange(items[:p], lo, p)
			items = items[p+1:]
			lo, hi = 0, hi-p-1
		}
		if lo >= hi {
			return
		}
	}
	slices.SortFunc(items, s.compare)
}

// partition moves an element to its place p, with the smaller ones in front of it and the others behind.
func (s *sorter) partition(items []*sortItem) (p int) {
	last := len(items) - 1
	middle := last / 2
	// The median of three, which goes to the end meanwhile.
	if s.compare(items[middle], items[0]) < 0 {
		items[middle], items[0] = items[0], items[middle]
	}
	if s.compare(items[last], items[0]) < 0 {
		items[last], items[0] = items[0], items[last]
	}
	if s.compare(items[middle], items[last]) < 0 {
		items[middle], items[last] = items[last], items[middle]
	}
	pivot := items[last]
	for i, item := range items[:last] {
		if s.compare(item, pivot) < 0 {
			items[i], items[p] = items[p], item
			p++
		}
	}
	items[last], items[p] = items[p], pivot
	return p
}

// --- The commands ---

// sortCommand: SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA] [STORE destination]
func sortCommand(c *client) { sortCommandGeneric(c, false) }

// sortroCommand: SORT_RO, which has no STORE.
func sortroCommand(c *client) { sortCommandGeneric(c, true) }

func sortCommandGeneric(c *client, readonly bool) {
	options, ok := c.parseSortOptions(readonly)
	if !ok {
		return
	}
	s := &sorter{c: c, sortOptions: options}
	loaded, ok := s.load(c.argv[1])
	if !ok {
		return
	}
	start, end := 0, len(s.items)
	if !loaded {
		start, end = s.limit(len(s.items))
	}
	if !s.dontsort {
		s.weigh()
		if s.scoresInvalid {
			c.addReplyError("One or more scores can't be converted into double")
			return
		}
		s.sortRange(s.items, start, end)
	}
	items := s.items[start:max(start, end)]
	if s.store != nil {
		s.storeItems(items)
		return
	}
	c.addReplyArrayLen(len(items) * max(len(s.get), 1))
	for _, item := range items {
		if s.get == nil {
			c.addReplyBulkBytes(item.obj)
		}
		for i := range s.get {
			if v := s.lookup(&s.get[i], item.obj); v != nil {
				c.addReplyBulkBytes(v)
			} else {
				c.addReplyNull()
			}
		}
	}
}

// storeItems makes the elements, or what GET finds for them, a list. What GET does not find is an empty string there.
func (s *sorter) storeItems(items []*sortItem) {
	c, server, db, key := s.c, s.c.server, s.c.db, s.store
	vals := make([][]byte, 0, len(items)*max(len(s.get), 1))
	for _, item := range items {
		if s.get == nil {
			vals = append(vals, item.obj)
		}
		for i := range s.get {
			vals = append(vals, s.arena.keep(s.lookup(&s.get[i], item.obj)))
		}
	}
	if len(vals) > 0 {
		db.setEntry(c, db.entry(key, lookupWrite), key, server.newListValue(vals, listTail), 0)
		server.notifyKeyspaceEvent(notifyList, "sortstore", key, db.id)
		server.dirty += int64(len(vals))
	} else {
		c.storeNothing(key)
	}
	c.addReplyLongLong(int64(len(vals)))
}
