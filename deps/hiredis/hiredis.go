// SPDX-License-Identifier: BSD-3-Clause

// Package hiredis is a client for the Redis protocol, RESP2 and RESP3: what redis-cli, redis-benchmark and
// everything else that talks to a server as a client is built on.
//
//	conn, err := hiredis.Dial(&hiredis.Options{Host: "127.0.0.1", Port: 6379})
//	reply, err := conn.Do("GET", "key")
//
// A Conn sends commands, alone or pipelined, and reads replies; a Reader parses replies from any stream into
// Reply values; a Skipper walks over replies in a buffer without building anything, for programs that only
// count them. AppendCommand encodes a command.
//
// What arrives from outside is never trusted: memory grows with the bytes that have really arrived, not with
// the lengths that they announce, nesting is limited, and anything else than RESP is an *Error of KindProtocol.
//
// Counterpart: hiredis (hiredis.c, read.c, net.c). Differences: replies are values, the reader blocks on
// its source instead of being fed, attributes and streamed strings and aggregates are understood, and there is
// no asynchronous API, since goroutines serve for that.
package hiredis

import (
	"errors"
	"io"
	"os"
	"strconv"

	"redport/src/platform"
)

// Type is the type of a reply: the byte with which it begins on the wire. Nil stands for RESP2's two nulls as well.
type Type byte

const (
	Status   Type = '+'
	Err      Type = '-'
	Integer  Type = ':'
	String   Type = '$'
	Array    Type = '*'
	Nil      Type = '_'
	Bool     Type = '#'
	Double   Type = ','
	BigNum   Type = '('
	Verbatim Type = '='
	Map      Type = '%'
	Set      Type = '~'
	Push     Type = '>'

	attribute   Type = '|' // goes before a reply; see Reply.Attr
	blobError   Type = '!' // becomes Err
	streamChunk Type = ';'
	streamEnd   Type = '.'
)

// Aggregate tells whether replies of the type have elements.
func (t Type) Aggregate() bool { return t == Array || t == Map || t == Set || t == Push }

// Reply is what a server answered.
type Reply struct {
	Type     Type
	Format   [3]byte // Verbatim: the three letters before the text, such as "txt"
	Integer  int64   // Integer; Bool: 1 or 0
	Str      string  // text of Status, Err, String, Verbatim (without its format), BigNum, and of Double as it was sent
	Elements []Reply // Array, Set, Push; Map: key, value, key, value...
	Attr     []Reply // attributes that came with the reply, as in a Map; nil: none
}

// Double is the value of a Double reply.
func (r *Reply) Double() float64 {
	d, _ := parseDouble(r.Str)
	return d
}

// Bool is the value of a Bool reply.
func (r *Reply) Bool() bool { return r.Integer != 0 }

// Error gives an error reply as an error, nil for all other replies.
func (r *Reply) Error() error {
	if r.Type == Err {
		return ReplyError(r.Str)
	}
	return nil
}

// ReplyError is the text of an error reply.
type ReplyError string

func (e ReplyError) Error() string { return string(e) }

// Kind says what went wrong with a connection.
type Kind uint8

const (
	KindIO       Kind = iota + 1 // the system's error
	KindEOF                      // the server closed the connection
	KindProtocol                 // the server sent something that is not RESP
	KindTimeout                  // Options.Timeout or ConnectTimeout went by
	KindOther                    // no such host, a failed TLS handshake and the like
)

// Error is what made a connection unusable. Its text is the one that C clients print.
type Error struct {
	Kind Kind
	Text string
	Err  error // cause; nil: there is none beside the text
}

func (e *Error) Error() string { return e.Text }
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of a connection's error, 0 for errors of another origin.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

func protocolError(text string) error { return &Error{Kind: KindProtocol, Text: text} }

// streamError gives an error of reading or writing the form of an *Error.
func streamError(err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Kind: KindEOF, Text: "Server closed the connection", Err: err}
	case errors.Is(err, os.ErrDeadlineExceeded):
		// What C sees when a blocking call ends for its SO_RCVTIMEO.
		return &Error{Kind: KindTimeout, Text: "Resource temporarily unavailable", Err: err}
	}
	return &Error{Kind: KindIO, Text: platform.Strerror(err), Err: err}
}

// AppendCommand appends a command to dst as servers take it: an array of bulk strings.
func AppendCommand[T ~string | ~[]byte](dst []byte, args ...T) []byte {
	dst = append(dst, '*')
	dst = strconv.AppendInt(dst, int64(len(args)), 10)
	dst = append(dst, '\r', '\n')
	for _, arg := range args {
		dst = append(dst, '$')
		dst = strconv.AppendInt(dst, int64(len(arg)), 10)
		dst = append(dst, '\r', '\n')
		dst = append(dst, arg...)
		dst = append(dst, '\r', '\n')
	}
	return dst
}
