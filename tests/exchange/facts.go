// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"redport/deps/hiredis"
)

// facts.go - what a server tells of its dataset, in a form that can be compared.

// facts are by "database/key what".
type facts map[string]string

// text is a reply as a text. Elements that have names are in the order of the names, the others in their own.
func text(r *hiredis.Reply) string {
	switch {
	case r.Type == hiredis.Integer:
		return fmt.Sprint(r.Integer)
	case !r.Type.Aggregate():
		return fmt.Sprintf("%q", r.Str)
	}
	var parts []string
	for i := range r.Elements {
		parts = append(parts, text(&r.Elements[i]))
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// without drops fields of a reply that is made of names and values, at any depth.
func without(r *hiredis.Reply, names ...string) {
	var kept []hiredis.Reply
	for i := 0; i < len(r.Elements); i++ {
		if e := &r.Elements[i]; e.Type == hiredis.String && slices.Contains(names, e.Str) && i+1 < len(r.Elements) {
			i++
			continue
		}
		without(&r.Elements[i], names...)
		kept = append(kept, r.Elements[i])
	}
	r.Elements = kept
}

func (s *server) keys() ([]string, error) {
	r, err := s.do("KEYS", "*")
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, e := range r.Elements {
		keys = append(keys, e.Str)
	}
	slices.Sort(keys)
	return keys, nil
}

// eachDatabase selects each database of the dataset, and calls fn with its keys in order.
func (s *server) eachDatabase(fn func(db string, keys []string) error) error {
	for _, db := range databases {
		if _, err := s.do("SELECT", db); err != nil {
			return err
		}
		keys, err := s.keys()
		if err != nil {
			return err
		}
		if err := fn(db, keys); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) facts() (facts, error) {
	f := facts{}
	tell := func(name string, args ...string) (*hiredis.Reply, error) {
		r, err := s.do(args...)
		if err == nil {
			f[name] = text(r)
		}
		return r, err
	}
	if _, err := tell("digest", "DEBUG", "DIGEST"); err != nil {
		return nil, err
	}
	libraries, err := s.do("FUNCTION", "LIST", "WITHCODE")
	if err != nil {
		return nil, err
	}
	var codes []string
	for _, l := range libraries.Elements {
		codes = append(codes, l.Elements[len(l.Elements)-1].Str)
	}
	slices.Sort(codes)
	f["functions"] = strings.Join(codes, "\n")
	policy, err := s.do("CONFIG", "GET", "maxmemory-policy")
	if err != nil {
		return nil, err
	}
	err = s.eachDatabase(func(db string, keys []string) error {
		for _, key := range keys {
			if err := s.keyFacts(f, db+"/"+key, key, policy.Elements[1].Str); err != nil {
				return err
			}
		}
		f[db+" keys"] = fmt.Sprintf("%q", keys)
		return nil
	})
	return f, err
}

// keyFacts adds what is told of a key.
func (s *server) keyFacts(f facts, name, key, policy string) error {
	tell := func(what string, args ...string) error {
		r, err := s.do(args...)
		if err == nil {
			f[name+" "+what] = text(r)
		}
		return err
	}
	// Before anything looks at the key.
	switch {
	case strings.HasSuffix(policy, "lfu"):
		r, err := s.do("OBJECT", "FREQ", key)
		if err != nil {
			return err
		}
		f[name+" access"] = fmt.Sprint((r.Integer + 25) / 50) // it grows by chance, and wears off by the minute
	case strings.HasSuffix(policy, "lru"):
		r, err := s.do("OBJECT", "IDLETIME", key)
		if err != nil {
			return err
		}
		f[name+" access"] = fmt.Sprint(r.Integer / 1000) // the time in between is of no account
	}
	typ, err := s.do("TYPE", key)
	if err != nil {
		return err
	}
	for what, args := range map[string][]string{"digest-value": {"DEBUG", "DIGEST-VALUE", key}, "encoding": {"OBJECT", "ENCODING", key}, "expire": {"PEXPIRETIME", key}} {
		if err := tell(what, args...); err != nil {
			return err
		}
	}
	if f[name+" encoding"] == `"int"` {
		delete(f, name+" access") // C may share the object with others, and with it this
	}
	switch typ.Str {
	case "hash":
		return s.hashFacts(f, name, key)
	case "stream":
		r, err := s.do("XINFO", "STREAM", key, "FULL", "COUNT", "0")
		if err != nil {
			return err
		}
		without(r, "radix-tree-nodes", "radix-tree-keys")
		f[name+" stream"] = text(r)
		// What commands keep of it; but those that make an entry pending need the entry.
		without(r, "seen-time", "active-time")
		f[name+" pending"] = text(r)
		without(r, "pel", "pending", "pel-count", "consumers", "max-deleted-entry-id", "recorded-first-entry-id")
		f[name+" contents"] = text(r)
	case "list":
		return tell("range", "LRANGE", key, "0", "-1")
	case "zset":
		r, err := s.do("ZRANGE", key, "0", "-1", "WITHSCORES")
		if err != nil {
			return err
		}
		// Older versions write more digits than it takes to tell a number.
		for i := 1; i < len(r.Elements); i += 2 {
			score, err := strconv.ParseFloat(r.Elements[i].Str, 64)
			if err != nil {
				return err
			}
			r.Elements[i].Str = fmt.Sprint(score)
		}
		f[name+" range"] = text(r)
	case "set":
		r, err := s.do("SMEMBERS", key)
		if err != nil {
			return err
		}
		var members []string
		for _, e := range r.Elements {
			members = append(members, e.Str)
		}
		slices.Sort(members)
		f[name+" members"] = fmt.Sprintf("%q", members)
	case "string":
		return tell("string", "GET", key)
	}
	return nil
}

// hashFacts are fields, values, and what expires.
func (s *server) hashFacts(f facts, name, key string) error {
	r, err := s.do("HGETALL", key)
	if err != nil {
		return err
	}
	var lines []string
	for i := 0; i < len(r.Elements); i += 2 {
		field := r.Elements[i].Str
		line := fmt.Sprintf("%q %q", field, r.Elements[i+1].Str)
		if !s.kind.redis7 {
			when, err := s.do("HPEXPIRETIME", key, "FIELDS", "1", field)
			if err != nil {
				return err
			}
			line += " " + text(when)
		} else {
			line += " [-1]"
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	f[name+" fields"] = strings.Join(lines, "\n")
	return nil
}

// compare compares those facts that must be the same.
func compare(want, got facts, same func(name string) bool) error {
	var differences []string
	names := maps.Clone(want)
	maps.Copy(names, got)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if want[name] != got[name] && same(name) {
			differences = append(differences, fmt.Sprintf("%q is\n\t%.300s\n     not\n\t%.300s", name, got[name], want[name]))
		}
	}
	if n := len(differences); n > 0 {
		return fmt.Errorf("%d differences\n     %s", n, strings.Join(differences[:min(n, 6)], "\n     "))
	}
	return nil
}
