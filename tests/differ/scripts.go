// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// scripts.go - random programs (lua.go) as scripts, functions, and text that is no program: what they reply and what they leave in the dataset.
//
// Each script follows from the seed and its number alone, but for the keys that those before it have left, which are flushed every so often:
// -what scripts -episode N repeats a stretch.

const scriptsEpisode = 200

// left out of what scripts call: what chance decides leaves the datasets different.
var notInScripts = []string{"spop"}

// scriptsCompared runs n scripts, or those of one episode.
func (d *differ) scriptsCompared(n int) error {
	table := slices.DeleteFunc(slices.Clone(d.table), func(c *command) bool { return slices.Contains(notInScripts, c.Fullname) })
	first, last := 0, (n+scriptsEpisode-1)/scriptsEpisode
	if d.episode >= 0 {
		first, last = d.episode, d.episode+1
	}
	for e := first; e < last && d.differences < d.most; e++ {
		g := &generator{r: rand.New(rand.NewPCG(d.seed, 3<<40+uint64(e))), table: table}
		// FUNCTION FLUSH would be the end of C, sometimes.
		for _, args := range [][]string{{"FLUSHALL"}, {"SELECT", "0"}, {"HELLO", fmt.Sprint(2 + e%2)}, {"FUNCTION", "DELETE", "lib"}, {"FUNCTION", "DELETE", "damaged"}, {"SCRIPT", "FLUSH"}} {
			if _, _, err := d.both(args...); err != nil {
				return err
			}
		}
		var past []step
		before := d.differences
		for range scriptsEpisode {
			steps := d.scriptSteps(g)
			past = append(past, steps...)
			if err := d.exchange(e, steps); err != nil {
				return fmt.Errorf("episode %d: %w", e, err)
			}
			if d.differences > before {
				if len(steps) > 1 {
					fmt.Printf("  of %s\n", quoted(steps[0].args))
				}
				break
			}
			if err := d.datasets(e, past); err != nil {
				return err
			}
			if d.differences > before {
				// No single key tells: any of the last scripts may be it.
				for _, s := range steps {
					fmt.Printf("    %s\n", quoted(s.args))
				}
				break
			}
		}
		if err := d.leave(); err != nil {
			return err
		}
	}
	return nil
}

// scriptSteps are the commands around one program.
func (d *differ) scriptSteps(g *generator) []step {
	var keys []string
	for range g.r.IntN(4) {
		keys = append(keys, g.anyKey())
	}
	rest := append([]string{strconv.Itoa(len(keys))}, keys...)
	for range g.r.IntN(4) {
		rest = append(rest, g.word())
	}
	program := g.program(keys)
	command := func(args ...string) step { return step{args: append(args, rest...)} }
	switch k := g.r.IntN(100); {
	case k < 52:
		if g.chance(10) {
			program = pick(g, "#!lua\n", "#!lua flags=no-writes\n", "#!lua flags=allow-oom,allow-stale\n", "#!lua flags=no-cluster,allow-cross-slot-keys\n", "#!lua flags=x\n", "#!lua name=x\n", "#!lua nosuch\n", "#!x\n", "#!lua flags=no-writes, allow-oom\n", "#!", "#!lua") + program
		}
		return []step{command("EVAL", program)}
	case k < 57:
		return []step{command("EVAL_RO", program)}
	case k < 62:
		load := step{args: []string{"SCRIPT", "LOAD", program}}
		return []step{load, command("EVALSHA", sha1Hex(program)), command(pick(g, "EVALSHA_RO", "EVALSHA"), sha1Hex(program))}
	case k < 68:
		multi := []step{{args: []string{"MULTI"}}, command("EVAL", program), {args: []string{"GET", "s1"}}, {args: []string{"EXEC"}}}
		return multi
	case k < 80:
		return d.function(g, program, command)
	}
	// Programs that are damaged are compiled only: they might not end.
	damaged := damage(g, program)
	if g.chance(40) {
		return []step{{args: []string{"SCRIPT", "LOAD", damaged}}}
	}
	if g.chance(20) {
		return []step{{args: []string{"FUNCTION", "LOAD", "REPLACE", "#!lua name=damaged\nlocal f = function() " + damaged + " end"}}}
	}
	return []step{{args: []string{"EVAL", "local f, e = loadstring(ARGV[1]" + pick(g, "", ", '=name'", ", '@name'", ", 'a long name'", ", ''") + ") return {type(f), e}", "0", damaged}}}
}

// function loads the program as one and calls it.
func (d *differ) function(g *generator, program string, command func(...string) step) []step {
	library := "#!lua name=lib\n"
	body := "function(KEYS, ARGV)\n" + program + "\nend"
	switch g.r.IntN(4) {
	case 0:
		library += "redis.register_function{function_name='f', callback=" + body + ", flags={" + pick(g, "", "'no-writes'", "'allow-oom'", "'no-writes','allow-stale'", "'x'", "1") + "}}"
	case 1:
		library += pick(g, "local n = 0\n", "local redis = redis\n", "x = 1\n", "local show = 1\n", "redis.call('ping')\n", "KEYS = 1\n", "local k = KEYS\n", "error('x')\n", "redis.setresp(3)\n", "redis.log(redis.LOG_DEBUG, 'x')\n") + "redis.register_function('f', " + body + pick(g, ")", ", 1)", "")
	default:
		library += "redis.register_function('f', " + body + ")"
	}
	return []step{
		{args: []string{"FUNCTION", "LOAD", "REPLACE", library}}, command("FCALL", "f"), command(pick(g, "FCALL_RO", "FCALL"), pick(g, "f", "F", "g")),
		{args: []string{"FUNCTION", "LIST", "WITHCODE"}}, {args: []string{"FUNCTION", "DUMP"}},
	}
}

var luaToken = regexp.MustCompile(`(?s)[A-Za-z_]\w*|\d+(\.\d+)?(e[+-]?\d+)?|'(\\.|[^'\\\n])*'|"(\\.|[^"\\\n])*"|\[\[.*?\]\]|\[==\[.*?\]==\]|\.\.\.?|[=~<>]=|\s+|.`)

// damage changes some tokens or bytes of a program.
func damage(g *generator, program string) string {
	if g.chance(25) {
		b := []byte(program)
		for range 1 + g.r.IntN(3) {
			if len(b) > 0 {
				i := g.r.IntN(len(b))
				b[i] = pick(g, byte(0), '\n', '\'', '"', '[', ']', '\\', '.', '-', '=', '(', 'e', 0xff, byte(g.r.IntN(256)))
				if b[i] == '\r' {
					b[i] = ' ' // would end C's reply
				}
			}
		}
		return string(b)
	}
	tokens := luaToken.FindAllString(program, -1)
	for range 1 + g.r.IntN(2) {
		if len(tokens) < 2 {
			break
		}
		i, j := g.r.IntN(len(tokens)), g.r.IntN(len(tokens))
		switch g.r.IntN(5) {
		case 0:
			tokens = slices.Delete(tokens, i, i+1)
		case 1:
			tokens[i], tokens[j] = tokens[j], tokens[i]
		case 2:
			tokens = slices.Insert(tokens, i, tokens[j])
		case 3:
			tokens[i] = pick(g, "end", "then", "do", "local", "function", "return", "break", "if", "nil", "=", "(", ")", "{", "}", "..", "...", ",", ";", "not", "and", "until", "for", "in", "1", "'", "\"", "[[", "--", "--[[", "\\", "0x", "1e", "3..2", "~", "@", "$", "x.y.z", "a:b", "#", "[=", "]]", "\n")
		default:
			tokens = tokens[:i]
		}
	}
	return strings.Join(tokens, "")
}

var (
	address    = regexp.MustCompile(`(?s).?(table: |function: |thread: |userdata: )0x[0-9a-f]+`) // what is packed has the length in front
	sign       = regexp.MustCompile(`-(nan|inf|0\b)`)
	bulkLength = regexp.MustCompile(`\$\d+\r\n`)
)

// withoutAddresses is a reply where the addresses of values, which are each server's own, are not told apart. Neither are NaNs, whose sign follows
// from how a compiler orders its instructions, nor zeros: our arithmetic makes none with a sign.
func withoutAddresses(raw []byte) []byte {
	return bulkLength.ReplaceAll(sign.ReplaceAll(address.ReplaceAll(raw, []byte("address")), []byte("$1")), []byte("$$n\r\n"))
}

func sameButAddresses(a, b []byte) bool {
	own := func(raw []byte) bool { return address.Match(raw) || sign.Match(raw) }
	return bytes.Equal(a, b) || (own(a) || own(b)) && bytes.Equal(withoutAddresses(a), withoutAddresses(b))
}

func sha1Hex(s string) string {
	sum := sha1.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}
