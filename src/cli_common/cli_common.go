// SPDX-License-Identifier: BSD-3-Clause

// Package cli_common is what redis-cli and redis-benchmark share: server URIs, the TLS options, arguments that come
// quoted or from the standard input, strings in JSON.
//
// Counterpart: cli_common.c. Differences: what is wrong with an argument is an error for the caller to print, nothing exits.
package cli_common

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"strings"

	"redport/src/connection"
	"redport/src/sds"
)

// ConnInfo is whom to connect to.
type ConnInfo struct {
	Host       string
	Port       int
	InputDB    int
	User, Auth string
	HasAuth    bool // Auth was given; it may be empty
}

// Atoi is C's atoi: the number at the front of s, and 0 where there is none.
func Atoi(s string) int {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	negative := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	n := int64(0)
	for i := 0; i < len(s) && s[i] >= '0' && s[i] <= '9' && n <= math.MaxInt32; i++ {
		n = n*10 + int64(s[i]-'0')
	}
	if negative {
		n = -n
	}
	return int(max(min(n, math.MaxInt32), math.MinInt32))
}

// --- URIs ---

// ParseURI fills in what a URI has (C: parseRedisUri):
//
//	redis://[[user:]password@][host[:port]][/[database]]
//	rediss://...   the same with TLS, which is what secure tells
//
// User and password may have %XX in them; a host with colons is written in brackets.
func (c *ConnInfo) ParseURI(uri string) (secure bool, err error) {
	rest, secure := cutPrefixFold(uri, "rediss://")
	if !secure {
		var ok bool
		if rest, ok = cutPrefixFold(uri, "redis://"); !ok {
			return false, errors.New("Invalid URI scheme")
		}
	}
	if rest == "" {
		return secure, nil
	}
	if userinfo, after, ok := strings.Cut(rest, "@"); ok {
		if user, password, ok := strings.Cut(userinfo, ":"); ok {
			if c.User, err = percentDecode(user); err != nil {
				return secure, err
			}
			userinfo = password
		}
		if c.Auth, err = percentDecode(userinfo); err != nil {
			return secure, err
		}
		c.HasAuth = true
		rest = after
	}
	if rest == "" {
		return secure, nil
	}
	address, path, _ := strings.Cut(rest, "/")
	if address != "" {
		host, port, hasPort := strings.Cut(address, ":")
		if inner, after, ok := strings.Cut(strings.TrimPrefix(address, "["), "]"); ok && address[0] == '[' {
			host = inner
			port, hasPort = strings.CutPrefix(after, ":")
		}
		c.Host = host
		if hasPort {
			c.Port = Atoi(port)
		}
	}
	if path != "" {
		c.InputDB = Atoi(path)
	}
	return secure, nil
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

func percentDecode(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if len(s)-i < 2 {
			return "", errors.New("Incomplete URI encoding")
		}
		high, ok1 := hexDigit(s[i+1])
		var low byte
		ok2 := len(s)-i > 2
		if ok2 {
			low, ok2 = hexDigit(s[i+2])
		}
		if !ok1 || !ok2 {
			return "", errors.New("Illegal character in URI encoding")
		}
		b.WriteByte(high<<4 | low)
		i += 2
	}
	return b.String(), nil
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// --- TLS ---

// TLSOptions are the options of the command line that are about TLS (C: cliSSLconfig).
type TLSOptions struct {
	SNI, CACert, CACertDir, Cert, Key, Ciphers, Ciphersuites string
	SkipVerify                                               bool
}

// Option takes an option of the command line and what follows it. used is how many of the arguments it was: 0 for an option that is not one of
// these, or that lacks its value. --tls itself is the caller's.
func (o *TLSOptions) Option(args []string) (used int) {
	value := map[string]*string{"--sni": &o.SNI, "--cacert": &o.CACert, "--cacertdir": &o.CACertDir, "--cert": &o.Cert, "--key": &o.Key,
		"--tls-ciphers": &o.Ciphers, "--tls-ciphersuites": &o.Ciphersuites}[args[0]]
	switch {
	case args[0] == "--insecure":
		o.SkipVerify = true
		return 1
	case value == nil || len(args) < 2:
		return 0
	}
	*value = args[1]
	return 2
}

// Config reads the certificates (C: cliSecureConnection).
func (o *TLSOptions) Config() (*tls.Config, error) {
	files := &connection.TLSConfig{CertFile: o.Cert, KeyFile: o.Key, CACertFile: o.CACert, CACertDir: o.CACertDir}
	try := func(what string, c *connection.TLSConfig) (*tls.Config, error) {
		conf, err := connection.NewClientConfig(c, o.SNI, o.SkipVerify)
		if err != nil {
			return nil, errors.New(what)
		}
		return conf, nil
	}
	// One thing at a time, since each has a complaint of its own.
	if _, err := try("Invalid CA Certificate File/Directory", &connection.TLSConfig{CACertFile: o.CACert, CACertDir: o.CACertDir}); err != nil {
		return nil, err
	}
	if (o.Cert == "") != (o.Key == "") || o.Cert != "" {
		if _, err := try("", files); err != nil || o.Cert == "" || o.Key == "" {
			switch {
			case o.Key != "" && o.Cert != "" && !badCertificate(files):
				return nil, errors.New("Invalid private key")
			case o.Cert != "" && (o.Key != "" || badCertificate(files)):
				return nil, errors.New("Invalid client certificate")
			case o.Cert == "":
				return nil, errors.New("Invalid private key")
			}
		}
	}
	if _, err := try("Error while configuring ciphers", &connection.TLSConfig{Ciphers: o.Ciphers}); err != nil {
		return nil, err
	}
	if _, err := try("Error while setting cypher suites", &connection.TLSConfig{Ciphersuites: o.Ciphersuites}); err != nil {
		return nil, err
	}
	files.Ciphers, files.Ciphersuites = o.Ciphers, o.Ciphersuites
	return connection.NewClientConfig(files, o.SNI, o.SkipVerify)
}

// badCertificate tells whether it is the certificate's file that is at fault: with the same file for the key, a key's complaint is about the key.
func badCertificate(files *connection.TLSConfig) bool {
	_, err := connection.NewClientConfig(&connection.TLSConfig{CertFile: files.CertFile, KeyFile: files.CertFile}, "", true)
	return err != nil && strings.HasPrefix(err.Error(), "Failed to load certificate")
}

// --- Text ---

// UnquoteCString takes the quotes off an argument such as "a\x00b" (C: unquoteCString). ok is false unless it is just one argument.
func UnquoteCString(s string) (string, bool) {
	args, err := sds.SplitArgsString(s)
	if err != nil || len(args) != 1 {
		return "", false
	}
	return args[0], true
}

// Unquote takes the quotes off all arguments.
func Unquote(args []string) ([]string, bool) {
	out := make([]string, len(args))
	for i, arg := range args {
		var ok bool
		if out[i], ok = UnquoteCString(arg); !ok {
			return nil, false
		}
	}
	return out, true
}

// AppendJSONString appends s as a JSON string; bytes from 0x20 on stay as they are, UTF-8 or not (C: escapeJsonString).
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\\', '"':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\b':
			dst = append(dst, '\\', 'b')
		default:
			if c < 0x20 {
				dst = fmt.Appendf(dst, "\\u%04x", c)
			} else {
				dst = append(dst, c)
			}
		}
	}
	return append(dst, '"')
}
