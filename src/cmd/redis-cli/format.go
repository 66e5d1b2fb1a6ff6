// SPDX-License-Identifier: BSD-3-Clause

package main

// format.go - replies as text.
//
// C prints "Unknown reply type" and exits at a big number; here it is shown as its digits, and attributes are left out.

import (
	"fmt"
	"os"
	"strings"

	"redport/deps/hiredis"
	"redport/src/cli_common"
	"redport/src/sds"
)

type outputMode int

const (
	outputStandard outputMode = iota
	outputRaw
	outputCSV
	outputJSON
	outputQuotedJSON
)

// formatReply is what is printed for a reply (C: cliFormatReply). verbatim: its text as it is, with nothing added.
func (c *cli) formatReply(r *hiredis.Reply, mode outputMode, verbatim bool) []byte {
	switch {
	case verbatim:
		return c.appendRaw(nil, r)
	case mode == outputRaw:
		return append(c.appendRaw(nil, r), c.cmdDelim...)
	case mode == outputCSV:
		return append(appendCSV(nil, r), '\n')
	case mode == outputJSON || mode == outputQuotedJSON:
		return append(appendJSON(nil, r, mode), '\n')
	}
	return appendTTY(nil, r, "")
}

// --- Formatted ---

// isMultiline tells whether appendTTY takes more than one line for a value.
func isMultiline(r *hiredis.Reply) bool {
	switch r.Type {
	case hiredis.Array, hiredis.Set, hiredis.Push:
		return len(r.Elements) > 1 || len(r.Elements) == 1 && isMultiline(&r.Elements[0])
	case hiredis.Map:
		return len(r.Elements) > 2 || len(r.Elements) == 2 && isMultiline(&r.Elements[1])
	}
	return false
}

// appendTTY formats for people (C: cliFormatReplyTTY). prefix is what goes before all lines but the first.
func appendTTY(out []byte, r *hiredis.Reply, prefix string) []byte {
	switch r.Type {
	case hiredis.Err:
		out = append(append(out, "(error) "...), r.Str...)
	case hiredis.Status, hiredis.Verbatim:
		out = append(out, r.Str...)
	case hiredis.Integer:
		out = fmt.Appendf(out, "(integer) %d", r.Integer)
	case hiredis.Double:
		out = append(append(out, "(double) "...), r.Str...)
	case hiredis.BigNum:
		out = append(append(out, "(bignum) "...), r.Str...)
	case hiredis.String:
		out = sds.CatRepr(out, r.Str)
	case hiredis.Nil:
		out = append(out, "(nil)"...)
	case hiredis.Bool:
		if r.Bool() {
			out = append(out, "(true)"...)
		} else {
			out = append(out, "(false)"...)
		}
	default:
		if len(r.Elements) > 0 {
			return appendAggregateTTY(out, r, prefix)
		}
		switch r.Type {
		case hiredis.Map:
			out = append(out, "(empty hash)"...)
		case hiredis.Set:
			out = append(out, "(empty set)"...)
		case hiredis.Push:
			out = append(out, "(empty push)"...)
		default:
			out = append(out, "(empty array)"...)
		}
	}
	return append(out, '\n')
}

func appendAggregateTTY(out []byte, r *hiredis.Reply, prefix string) []byte {
	step, separator := 1, ')'
	switch r.Type {
	case hiredis.Set:
		separator = '~'
	case hiredis.Map:
		step, separator = 2, '#'
	}
	// Numbers are as wide as the last of them; what is nested is indented by that.
	width := len(fmt.Sprint(len(r.Elements) / step))
	inner := prefix + strings.Repeat(" ", width+2)
	for i := 0; i < len(r.Elements); i += step {
		if i > 0 {
			out = append(out, prefix...)
		}
		out = fmt.Appendf(out, "%*d%c ", width, i/step+1, separator)
		out = appendTTY(out, &r.Elements[i], inner)
		if step == 2 {
			out = append(out[:len(out)-1], " => "...)
			value := &r.Elements[i+1]
			if isMultiline(value) {
				out = append(append(out, '\n'), inner...)
			}
			out = appendTTY(out, value, inner)
		}
	}
	return out
}

// isInvalidate tells whether a push is one of client-side caching.
func isInvalidate(r *hiredis.Reply) bool {
	return r.Type == hiredis.Push && len(r.Elements) == 2 && r.Elements[0].Type == hiredis.String &&
		strings.HasPrefix(r.Elements[0].Str, "invalidate") && r.Elements[1].Type == hiredis.Array
}

// appendInvalidateTTY: -> invalidate: 'a', 'b'
func appendInvalidateTTY(out []byte, r *hiredis.Reply) []byte {
	out = append(out, "-> invalidate: "...)
	for i := range r.Elements[1].Elements {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = append(append(append(out, '\''), r.Elements[1].Elements[i].Str...), '\'')
	}
	return append(out, '\n')
}

// --- Raw ---

// appendRaw gives the bytes of the values (C: cliFormatReplyRaw). The lines of the Lua debugger are coloured, and the one that ends a
// session ends it.
func (c *cli) appendRaw(out []byte, r *hiredis.Reply) []byte {
	switch r.Type {
	case hiredis.Nil:
	case hiredis.Err:
		out = append(append(out, r.Str...), '\n')
	case hiredis.Status:
		switch {
		case !c.evalLDB:
			out = append(out, r.Str...)
		case strings.HasPrefix(r.Str, "<endsession>"):
			c.enableLDBOnEval, c.evalLDB, c.ldbEnd = false, false, true
			c.output = outputStandard
			c.refreshPrompt()
		default:
			out = appendLDBLine(out, r.Str)
		}
	case hiredis.String, hiredis.Verbatim, hiredis.Double, hiredis.BigNum:
		out = append(out, r.Str...)
	case hiredis.Bool:
		if r.Bool() {
			out = append(out, "(true)"...)
		} else {
			out = append(out, "(false)"...)
		}
	case hiredis.Integer:
		out = fmt.Append(out, r.Integer)
	case hiredis.Map:
		for i := 0; i < len(r.Elements); i += 2 {
			if i > 0 {
				out = append(out, c.mbDelim...)
			}
			out = append(c.appendRaw(out, &r.Elements[i]), ' ')
			out = c.appendRaw(out, &r.Elements[i+1])
		}
	default:
		for i := range r.Elements {
			if i > 0 {
				out = append(out, c.mbDelim...)
			}
			out = c.appendRaw(out, &r.Elements[i])
		}
	}
	return out
}

func isColorTerm() bool { return strings.Contains(os.Getenv("TERM"), "xterm") }

// appendLDBLine colours a line of the Lua debugger by what it is.
func appendLDBLine(out []byte, s string) []byte {
	if !isColorTerm() {
		return append(out, s...)
	}
	bold, color := 0, 37
	for _, mark := range []struct {
		text        string
		bold, color int
	}{{"<debug>", 1, 37}, {"<redis>", 0, 32}, {"<reply>", 0, 36}, {"<error>", 0, 31}, {"<hint>", 1, 37}, {"<value>", 0, 35}, {"<retval>", 0, 35}} {
		if strings.Contains(s, mark.text) {
			bold, color = mark.bold, mark.color
		}
	}
	if len(s) > 4 && s[3] >= '0' && s[3] <= '9' {
		switch {
		case s[1] == '>': // the current line
			bold, color = 0, 33
		case s[2] == '#': // a breakpoint
			bold, color = 1, 37
		}
	}
	return fmt.Appendf(out, "\x1b[%d;%d;49m%s\x1b[0m", bold, color, s)
}

// --- CSV ---

func appendCSV(out []byte, r *hiredis.Reply) []byte {
	switch r.Type {
	case hiredis.Err:
		out = sds.CatRepr(append(out, "ERROR,"...), r.Str)
	case hiredis.Status, hiredis.String, hiredis.Verbatim:
		out = sds.CatRepr(out, r.Str)
	case hiredis.Integer:
		out = fmt.Append(out, r.Integer)
	case hiredis.Double, hiredis.BigNum:
		out = append(out, r.Str...)
	case hiredis.Nil:
		out = append(out, "NULL"...)
	case hiredis.Bool:
		out = fmt.Append(out, r.Bool())
	default: // also maps, of which CSV knows nothing
		for i := range r.Elements {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendCSV(out, &r.Elements[i])
		}
	}
	return out
}

// --- JSON ---

func appendJSON(out []byte, r *hiredis.Reply, mode outputMode) []byte {
	switch r.Type {
	case hiredis.Err:
		out = appendJSONString(append(out, "error:"...), r.Str, mode)
	case hiredis.Status, hiredis.String, hiredis.Verbatim:
		out = appendJSONString(out, r.Str, mode)
	case hiredis.Integer:
		out = fmt.Append(out, r.Integer)
	case hiredis.Double, hiredis.BigNum:
		out = append(out, r.Str...)
	case hiredis.Nil:
		out = append(out, "null"...)
	case hiredis.Bool:
		out = fmt.Append(out, r.Bool())
	case hiredis.Map:
		out = append(out, '{')
		for i := 0; i < len(r.Elements); i += 2 {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendJSONKey(out, &r.Elements[i], mode)
			out = appendJSON(append(out, ':'), &r.Elements[i+1], mode)
		}
		out = append(out, '}')
	default:
		out = append(out, '[')
		for i := range r.Elements {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendJSON(out, &r.Elements[i], mode)
		}
		out = append(out, ']')
	}
	return out
}

// appendJSONKey: keys of JSON maps are strings, so that what is none is written into one.
func appendJSONKey(out []byte, r *hiredis.Reply, mode outputMode) []byte {
	switch r.Type {
	case hiredis.Err, hiredis.Status, hiredis.String, hiredis.Verbatim:
		return appendJSON(out, r, mode)
	}
	return append(appendJSON(append(out, '"'), r, mode), '"')
}

func appendJSONString(out []byte, s string, mode outputMode) []byte {
	if mode == outputJSON {
		return cli_common.AppendJSONString(out, s)
	}
	// The quoted form of Redis, with its backslashes doubled.
	for _, b := range sds.CatRepr(nil, s) {
		if b == '\\' {
			out = append(out, '\\')
		}
		out = append(out, b)
	}
	return out
}
