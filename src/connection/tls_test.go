// SPDX-License-Identifier: BSD-3-Clause

package connection

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pki is a CA and what it signed, as files.
type pki struct {
	t      *testing.T
	dir    string
	ca     *x509.Certificate
	caKey  *ecdsa.PrivateKey
	serial int64
}

func newPKI(t *testing.T) *pki {
	p := &pki{t: t, dir: t.TempDir(), serial: 1}
	p.caKey, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &p.caKey.PublicKey, p.caKey)
	if err != nil {
		t.Fatal(err)
	}
	p.ca, _ = x509.ParseCertificate(der)
	p.write("ca.crt", "CERTIFICATE", der)
	return p
}

func (p *pki) path(name string) string { return filepath.Join(p.dir, name) }

func (p *pki) write(name, kind string, der []byte) {
	p.t.Helper()
	if err := os.WriteFile(p.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// issue writes name.crt and name.key. nsType is a Netscape certificate type, 0 none.
func (p *pki) issue(name string, useRSA bool, nsType byte) {
	p.t.Helper()
	var public, private any
	if useRSA {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			p.t.Fatal(err)
		}
		public, private = &k.PublicKey, k
	} else {
		k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		public, private = &k.PublicKey, k
	}
	p.serial++
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(p.serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	if nsType != 0 {
		v, _ := asn1.Marshal(asn1.BitString{Bytes: []byte{nsType}, BitLength: 8})
		tmpl.ExtraExtensions = []pkix.Extension{{Id: oidNetscapeCertType, Value: v}}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, p.ca, public, p.caKey)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(name+".crt", "CERTIFICATE", der)
	k, _ := x509.MarshalPKCS8PrivateKey(private)
	p.write(name+".key", "PRIVATE KEY", k)
}

func (p *pki) config(name string) TLSConfig {
	return TLSConfig{CertFile: p.path(name + ".crt"), KeyFile: p.path(name + ".key"), CACertFile: p.path("ca.crt"),
		SessionCaching: true, SessionCacheSize: 10, SessionCacheTimeout: 300, NeedCA: true}
}

func configure(t *testing.T, c TLSConfig) *TLS {
	t.Helper()
	var x TLS
	if err := x.Configure(&c); err != nil {
		t.Fatal(err)
	}
	return &x
}

// handshake connects the two and passes a byte each way, so that TLS 1.3's late refusals show.
func handshake(server, client *tls.Config) (tls.ConnectionState, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer ln.Close()
	b, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return tls.ConnectionState{}, err
	}
	a, err := ln.Accept()
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer a.Close()
	defer b.Close()
	deadline := time.Now().Add(30 * time.Second)
	a.SetDeadline(deadline)
	b.SetDeadline(deadline)
	s, c := tls.Server(a, server), tls.Client(b, client)
	errs := make(chan error, 1)
	go func() {
		var one [1]byte
		_, err := io.ReadFull(s, one[:])
		if err == nil {
			_, err = s.Write(one[:])
		}
		if err != nil {
			a.Close()
		}
		errs <- err
	}()
	_, err = c.Write([]byte{1})
	if err == nil {
		_, err = io.ReadFull(c, make([]byte, 1))
	}
	b.Close()
	if serr := <-errs; err == nil {
		err = serr
	}
	return c.ConnectionState(), err
}

func TestTLSAuthClients(t *testing.T) {
	p := newPKI(t)
	p.issue("server", true, 0x40)
	p.issue("client", false, 0x80)
	p.issue("any", true, 0)
	server := configure(t, p.config("server"))
	other := newPKI(t)
	other.issue("stranger", false, 0)
	clients := map[string]*tls.Config{
		"client":   configure(t, p.config("client")).Client(),
		"any":      configure(t, p.config("any")).Client(),
		"server":   configure(t, p.config("server")).Client(), // of the wrong purpose
		"stranger": nil,
		"none":     nil,
	}
	c := p.config("any")
	c.ClientCertFile, c.ClientKeyFile = other.path("stranger.crt"), other.path("stranger.key")
	clients["stranger"] = configure(t, c).Client()
	// A client sends a certificate of a CA that the server did not name only when it is made to.
	stranger := clients["stranger"].Certificates[0]
	clients["stranger"].Certificates = nil
	clients["stranger"].GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &stranger, nil }
	clients["none"] = clients["any"].Clone()
	clients["none"].Certificates = nil

	good := map[AuthClients]map[string]bool{
		AuthClientsNo:       {"client": true, "any": true, "server": true, "stranger": true, "none": true},
		AuthClientsOptional: {"client": true, "any": true, "none": true},
		AuthClientsYes:      {"client": true, "any": true},
	}
	for auth, who := range good {
		for name, conf := range clients {
			_, err := handshake(server.Server(auth), conf)
			if (err == nil) != who[name] {
				t.Errorf("auth %d, certificate %s: %v", auth, name, err)
			}
		}
	}
	// The client verifies the server: by CA, whatever its name, but not one that is for clients only.
	if _, err := handshake(configure(t, p.config("client")).Server(AuthClientsNo), clients["any"]); err == nil {
		t.Error("a client's certificate passed for a server's")
	}
	if _, err := handshake(configure(t, other.config("stranger")).Server(AuthClientsNo), clients["any"]); err == nil {
		t.Error("a server of an unknown CA was accepted")
	}
}

func TestTLSProtocolsAndCiphers(t *testing.T) {
	p := newPKI(t)
	p.issue("rsa", true, 0)
	p.issue("ec", false, 0)
	const (
		v10, v11, v12, v13 = tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13
		rsa128             = tls.TLS_RSA_WITH_AES_128_CBC_SHA256
		rsa256             = tls.TLS_RSA_WITH_AES_256_GCM_SHA384
	)
	tests := []struct {
		name             string
		key              string
		protocols        string
		ciphers, suites  string
		prefer           bool
		cmin, cmax       uint16
		csuites          []uint16
		version, negoted uint16 // 0: refused / any
	}{
		{"defaults", "rsa", "", "", "", false, v12, v13, nil, v13, 0},
		{"no old ones", "rsa", "", "", "", false, v10, v11, nil, 0, 0},
		{"1.2 alone", "rsa", "TLSv1.2", "", "", false, v10, v13, nil, v12, 0},
		{"1.3 alone", "rsa", "tlsv1.3", "", "", false, v12, v12, nil, 0, 0},
		{"a gap", "rsa", "TLSv1 TLSv1.3", "ALL", "", false, v10, v12, nil, v10, 0},
		{"a gap, nothing in common", "rsa", "TLSv1 TLSv1.3", "ALL", "", false, v12, v12, nil, 0, 0},
		{"cipher left out", "rsa", "TLSv1.2", "DEFAULT:-AES128-SHA256", "", false, v12, v12, []uint16{rsa128}, 0, 0},
		{"another cipher", "rsa", "TLSv1.2", "DEFAULT:-AES128-SHA256", "", false, v12, v12, []uint16{rsa256}, v12, rsa256},
		{"default ciphers", "rsa", "TLSv1.2", "DEFAULT", "", false, v12, v12, []uint16{rsa128}, v12, rsa128},
		{"EC key", "ec", "TLSv1.2", "ALL", "", false, v12, v12, nil, v12, 0},
		{"EC key, RSA cipher", "ec", "TLSv1.2", "AES128-SHA256", "", false, v12, v12, []uint16{rsa128}, 0, 0},
		{"our order", "rsa", "TLSv1.2", "AES128-SHA256:ECDHE-RSA-AES128-GCM-SHA256", "", true, v12, v12,
			[]uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, rsa128}, v12, rsa128},
		{"1.3 suites all", "rsa", "", "", "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256", false, v12, v13, nil, v13, 0},
		{"1.3 suite left out", "rsa", "", "", "TLS_AES_256_GCM_SHA384", false, v12, v13, nil, v12, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := p.config(tt.key)
			c.Protocols, c.Ciphers, c.Ciphersuites, c.PreferServerCiphers = tt.protocols, tt.ciphers, tt.suites, tt.prefer
			server := configure(t, c).Server(AuthClientsNo)
			cc := p.config("rsa")
			client := configure(t, cc).Client()
			client.MinVersion, client.MaxVersion = tt.cmin, tt.cmax
			client.CipherSuites = tt.csuites
			client.VerifyConnection = nil
			cs, err := handshake(server, client)
			switch {
			case tt.version == 0:
				if err == nil {
					t.Errorf("agreed on %s %s", tls.VersionName(cs.Version), CipherName(cs.CipherSuite))
				}
			case err != nil:
				t.Error(err)
			case cs.Version != tt.version || tt.negoted != 0 && cs.CipherSuite != tt.negoted:
				t.Errorf("agreed on %s %s", tls.VersionName(cs.Version), CipherName(cs.CipherSuite))
			}
		})
	}
}

func TestParseCipherList(t *testing.T) {
	tests := []struct{ list, want string }{
		{"AES128-SHA256:AES256-SHA", "AES128-SHA256 AES256-SHA"},
		{"AES256-SHA,AES128-SHA256", "AES256-SHA AES128-SHA256"},
		{"-ALL:AES128-SHA256", "AES128-SHA256"},
		{"ECDHE+AESGCM+aRSA", "ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES128-GCM-SHA256"},
		{"kRSA+AES:!SHA1:!AESGCM", "AES128-SHA256"},
		{"!AES128-SHA256:AES128-SHA256", ""},
		{"AES128-SHA256:-AES128-SHA256:AES128-SHA256", "AES128-SHA256"},
		{"AES128-SHA256:AES256-SHA:+AES128-SHA256", "AES256-SHA AES128-SHA256"},
		{"AES128-SHA:AES256-SHA:@STRENGTH", "AES256-SHA AES128-SHA"},
		{"NO-SUCH-CIPHER", ""},
		{"NO-SUCH-CIPHER:RC4-SHA", "RC4-SHA"},
		{"DEFAULT@SECLEVEL=0", ""}, // one word, and no name
		{"MEDIUM:!3DES:kRSA+RC4:!ECDHE", "RC4-SHA"},
	}
	for _, tt := range tests {
		ids, err := parseCipherList(tt.list)
		var names []string
		for _, id := range ids {
			names = append(names, CipherName(id))
		}
		if got := strings.Join(names, " "); err != nil || got != tt.want {
			t.Errorf("%q: %q, %v, want %q", tt.list, got, err, tt.want)
		}
	}
	if _, err := parseCipherList("ALL:@NONSENSE"); err == nil {
		t.Error("unknown command accepted")
	}
	for id := range parseMust(t, "DEFAULT") {
		if c := cipherByID(parseMust(t, "DEFAULT")[id]); c.enc == "RC4" || c.enc == "3DES" {
			t.Errorf("%s is a default", c.name)
		}
	}
}

func parseMust(t *testing.T, list string) []uint16 {
	ids, err := parseCipherList(list)
	if err != nil || len(ids) == 0 {
		t.Fatal(list, err)
	}
	return ids
}

func TestTLSErrors(t *testing.T) {
	p := newPKI(t)
	p.issue("a", false, 0)
	p.issue("b", false, 0)
	os.WriteFile(p.path("junk"), []byte("junk"), 0o600)
	tests := []struct {
		change func(c *TLSConfig)
		want   string
	}{
		{func(c *TLSConfig) { c.CertFile = "" }, "No tls-cert-file configured!"},
		{func(c *TLSConfig) { c.KeyFile = "" }, "No tls-key-file configured!"},
		{func(c *TLSConfig) { c.CACertFile = "" }, "Either tls-ca-cert-file or tls-ca-cert-dir must be specified"},
		{func(c *TLSConfig) { c.CertFile = p.path("none") }, "Failed to load certificate: " + p.path("none") + ": No such file or directory"},
		{func(c *TLSConfig) { c.CertFile = p.path("junk") }, "Failed to load certificate: "},
		{func(c *TLSConfig) { c.CertFile = p.path("a.key") }, "Failed to load certificate: "},
		{func(c *TLSConfig) { c.KeyFile = p.path("none") }, "Failed to load private key: " + p.path("none") + ": No such file"},
		{func(c *TLSConfig) { c.KeyFile = p.path("junk") }, "Failed to load private key: "},
		{func(c *TLSConfig) { c.KeyFile = p.path("b.key") }, "Failed to load private key: "},
		{func(c *TLSConfig) { c.ClientCertFile, c.ClientKeyFile = p.path("b.crt"), p.path("a.key") }, "Failed to load private key: "},
		{func(c *TLSConfig) { c.CACertFile = p.path("junk") }, "Failed to configure CA certificate(s) file/directory: "},
		{func(c *TLSConfig) { c.CACertDir = p.path("none") }, "Failed to configure CA certificate(s) file/directory: "},
		{func(c *TLSConfig) { c.DHParamsFile = p.path("none") }, "Failed to load " + p.path("none")},
		{func(c *TLSConfig) { c.DHParamsFile = p.path("junk") }, p.path("junk") + ": failed to read DH params."},
		{func(c *TLSConfig) { c.Protocols = "TLSv1.2 SSLv3" }, "Invalid tls-protocols specified. Use a combination of 'TLSv1', 'TLSv1.1', 'TLSv1.2' and 'TLSv1.3'."},
		{func(c *TLSConfig) { c.Ciphers = "NONE-SUCH" }, "Failed to configure ciphers: NONE-SUCH"},
		{func(c *TLSConfig) { c.Ciphersuites = "NONE-SUCH" }, "Failed to configure ciphersuites: NONE-SUCH"},
	}
	var x TLS
	if x.Configured() || x.Server(AuthClientsYes) != nil || x.Client() != nil {
		t.Error("configured from the start")
	}
	good := p.config("a")
	if err := x.Configure(&good); err != nil {
		t.Fatal(err)
	}
	before := x.Server(AuthClientsYes)
	for _, tt := range tests {
		c := p.config("a")
		tt.change(&c)
		if err := x.Configure(&c); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
	if x.Server(AuthClientsYes) != before {
		t.Error("a failed Configure changed the configuration")
	}
	if err := x.Configure(&good); err != nil || x.Server(AuthClientsYes) == before {
		t.Error("Configure did not reload", err)
	}
}

func TestEncryptedKeys(t *testing.T) {
	p := newPKI(t)
	p.issue("a", true, 0)
	text, _ := os.ReadFile(p.path("a.key"))
	block, _ := pem.Decode(text)
	const pass = "1234"

	// PKCS #8, as `openssl rsa -aes256` writes it.
	salt, iv := make([]byte, 8), make([]byte, 16)
	rand.Read(salt)
	rand.Read(iv)
	key, _ := pbkdf2.Key(sha256.New, pass, salt, 2048, 32)
	aesBlock, _ := aes.NewCipher(key)
	pad := 16 - len(block.Bytes)%16
	data := append(bytes.Clone(block.Bytes), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(aesBlock, iv).CryptBlocks(data, data)
	raw := func(v any) asn1.RawValue {
		b, err := asn1.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return asn1.RawValue{FullBytes: b}
	}
	kdf := raw(struct {
		Salt []byte
		N    int
		PRF  pkix.AlgorithmIdentifier
	}{salt, 2048, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}, Parameters: asn1.NullRawValue}})
	params := raw(struct{ KDF, Cipher pkix.AlgorithmIdentifier }{
		pkix.AlgorithmIdentifier{Algorithm: oidPBKDF2, Parameters: kdf},
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, Parameters: raw(iv)},
	})
	der, err := asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}{pkix.AlgorithmIdentifier{Algorithm: oidPBES2, Parameters: params}, data})
	if err != nil {
		t.Fatal(err)
	}
	p.write("pkcs8.key", "ENCRYPTED PRIVATE KEY", der)

	// The traditional form.
	k, _ := x509.ParsePKCS8PrivateKey(block.Bytes)
	//lint:ignore SA1019 such keys must still load
	legacy, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k.(*rsa.PrivateKey)), []byte(pass), x509.PEMCipherAES256)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(p.path("legacy.key"), pem.EncodeToMemory(legacy), 0o600)

	for _, name := range []string{"pkcs8.key", "legacy.key"} {
		for pw, ok := range map[string]bool{pass: true, "": false, "wrong": false} {
			c := p.config("a")
			c.KeyFile, c.KeyFilePass = p.path(name), pw
			var x TLS
			if err := x.Configure(&c); (err == nil) != ok {
				t.Errorf("%s with %q: %v", name, pw, err)
			}
		}
	}
}

func TestSessionCache(t *testing.T) {
	p := newPKI(t)
	p.issue("a", false, 0)
	resumed := func(change func(c *TLSConfig), version uint16, between func()) bool {
		c := p.config("a")
		change(&c)
		x := configure(t, c)
		client := x.Client().Clone()
		client.ClientSessionCache = tls.NewLRUClientSessionCache(4)
		client.ServerName = "a"
		client.MaxVersion = version
		if _, err := handshake(x.Server(AuthClientsYes), client); err != nil {
			t.Fatal(err)
		}
		if between != nil {
			between()
		}
		cs, err := handshake(x.Server(AuthClientsYes), client)
		if err != nil {
			t.Fatal(err)
		}
		return cs.DidResume
	}
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if !resumed(func(c *TLSConfig) {}, v, nil) {
			t.Errorf("%s: not resumed", tls.VersionName(v))
		}
		if resumed(func(c *TLSConfig) { c.SessionCaching = false }, v, nil) {
			t.Errorf("%s: resumed without caching", tls.VersionName(v))
		}
		if resumed(func(c *TLSConfig) { c.SessionCacheTimeout = 0 }, v, nil) {
			t.Errorf("%s: resumed after the timeout", tls.VersionName(v))
		}
	}
	s := newSessionCache(2, 300)
	ids := [][]byte{s.put([]byte("a")), s.put([]byte("b")), s.put([]byte("c"))}
	if s.get(ids[0]) != nil || string(s.get(ids[1])) != "b" || string(s.get(ids[2])) != "c" || s.get([]byte("short")) != nil {
		t.Error("the oldest session should have gone, and no other")
	}
}
