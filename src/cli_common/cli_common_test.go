// SPDX-License-Identifier: BSD-3-Clause

package cli_common

import "testing"

func TestParseURI(t *testing.T) {
	for uri, want := range map[string]ConnInfo{
		"redis://":                          {Host: "h", Port: 1},
		"REDIS://localhost":                 {Host: "localhost", Port: 1},
		"redis://localhost:90":              {Host: "localhost", Port: 90},
		"redis://localhost:90/7":            {Host: "localhost", Port: 90, InputDB: 7},
		"redis://localhost/":                {Host: "localhost", Port: 1},
		"redis:///3":                        {Host: "h", Port: 1, InputDB: 3},
		"redis://pw@localhost":              {Host: "localhost", Port: 1, Auth: "pw", HasAuth: true},
		"redis://me:p%40w%3a@localhost:2/4": {Host: "localhost", Port: 2, User: "me", Auth: "p@w:", HasAuth: true, InputDB: 4},
		"redis://:pw@":                      {Host: "h", Port: 1, Auth: "pw", HasAuth: true},
		"redis://@localhost":                {Host: "localhost", Port: 1, HasAuth: true},
		"redis://[::1]:6380/1":              {Host: "::1", Port: 6380, InputDB: 1},
		"redis://[::1]":                     {Host: "::1", Port: 1},
		"rediss://localhost:6380":           {Host: "localhost", Port: 6380},
	} {
		got := ConnInfo{Host: "h", Port: 1}
		secure, err := got.ParseURI(uri)
		if err != nil || got != want || secure != (uri[5] == 's') {
			t.Errorf("%s: %+v, TLS %v, %v; want %+v", uri, got, secure, err, want)
		}
	}
	for uri, want := range map[string]string{
		"http://x":         "Invalid URI scheme",
		"":                 "Invalid URI scheme",
		"redis://a%@x":     "Incomplete URI encoding",
		"redis://a%4@x":    "Illegal character in URI encoding",
		"redis://a%zz@x":   "Illegal character in URI encoding",
		"redis://u%g0:a@x": "Illegal character in URI encoding",
	} {
		if _, err := new(ConnInfo).ParseURI(uri); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", uri, err, want)
		}
	}
}

func FuzzParseURI(f *testing.F) {
	f.Add("redis://me:p%40w@[::1]:1/2")
	f.Fuzz(func(t *testing.T, uri string) {
		_, _ = new(ConnInfo).ParseURI(uri)
	})
}

func TestAtoi(t *testing.T) {
	for s, want := range map[string]int{"": 0, "12": 12, " -3x": -3, "+4": 4, "x": 0, "99999999999999999999": 1<<31 - 1, "-99999999999": -1 << 31} {
		if got := Atoi(s); got != want {
			t.Errorf("%q: %d", s, got)
		}
	}
}

func TestQuotedArguments(t *testing.T) {
	got, ok := Unquote([]string{`"a\x00b"`, `plain`, `'it\'s'`})
	if !ok || got[0] != "a\x00b" || got[1] != "plain" || got[2] != "it's" {
		t.Errorf("%q %v", got, ok)
	}
	for _, bad := range []string{`"a`, `a b`, ``, `"a"b`} {
		if _, ok := UnquoteCString(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestJSONStrings(t *testing.T) {
	if got := string(AppendJSONString(nil, "a\"\\\n\f\r\t\b\x01\x7fé\xff")); got != `"a\"\\\n\f\r\t\b\u0001`+"\x7fé\xff\"" {
		t.Error(got)
	}
}

func TestTLSOptions(t *testing.T) {
	var o TLSOptions
	for _, args := range [][]string{{"--sni", "a"}, {"--cacert", "b"}, {"--cacertdir", "c"}, {"--cert", "d"}, {"--key", "e"}, {"--tls-ciphers", "f"},
		{"--tls-ciphersuites", "g"}, {"--insecure", "x"}} {
		if used := o.Option(args); used != 2 && args[0] != "--insecure" || args[0] == "--insecure" && used != 1 {
			t.Errorf("%v: %d used", args, used)
		}
	}
	if o != (TLSOptions{SNI: "a", CACert: "b", CACertDir: "c", Cert: "d", Key: "e", Ciphers: "f", Ciphersuites: "g", SkipVerify: true}) {
		t.Errorf("%+v", o)
	}
	if o.Option([]string{"--sni"}) != 0 || o.Option([]string{"--tls", "x"}) != 0 {
		t.Error("took what is not its own")
	}
	for want, o := range map[string]TLSOptions{
		"Invalid CA Certificate File/Directory": {CACert: "none"},
		"Invalid client certificate":            {Cert: "none", Key: "none"},
		"Invalid private key":                   {Key: "none"},
		"Error while setting cypher suites":     {Ciphersuites: "none"},
	} {
		if _, err := o.Config(); err == nil || err.Error() != want {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
	if _, err := (&TLSOptions{SkipVerify: true}).Config(); err != nil {
		t.Error(err)
	}
}
