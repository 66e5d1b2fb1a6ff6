// SPDX-License-Identifier: BSD-3-Clause

package connection

// tls.go - the tls-* directives, made into configurations of crypto/tls. Counterpart: tls.c's tlsConfigure.
//
// A TLS value holds what is in force. Configure builds everything anew and swaps it in only if all of it is good, so a
// failed CONFIG SET leaves the running configuration alone; connections keep what they started with.
//
// What OpenSSL decides from its cipher list and crypto/tls by itself is steered per handshake, in GetConfigForClient:
// the protocol version, the TLS 1.2 cipher suite, chosen in the client's order or with tls-prefer-server-ciphers in
// ours, and whether TLS 1.3 can be offered at all, for crypto/tls has no way to leave out one of its three suites. If
// tls-ciphersuites leaves out one that the client offers, TLS 1.3 might end up with that one, and TLS 1.2 is used in
// its place where it is enabled.
//
// Peers are verified against the configured CAs alone, never the system's, and by chain and purpose, never by host
// name: Redis nodes know each other by address.

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"redport/src/anet"
)

// AuthClients says what a server asks of its clients (tls-auth-clients).
type AuthClients int

// The values are those of C's enum.
const (
	AuthClientsNo       AuthClients = 0
	AuthClientsYes      AuthClients = 1
	AuthClientsOptional AuthClients = 2
)

// TLSConfig is what the tls-* directives say; empty strings are directives not set.
type TLSConfig struct {
	CertFile, KeyFile, KeyFilePass                   string
	ClientCertFile, ClientKeyFile, ClientKeyFilePass string
	DHParamsFile                                     string // must be good, but is not used: crypto/tls has no DHE suites
	CACertFile, CACertDir                            string

	Protocols    string // "TLSv1.2 TLSv1.3"
	Ciphers      string // OpenSSL's cipher list, for TLS 1.2 and below
	Ciphersuites string // for TLS 1.3

	PreferServerCiphers bool

	SessionCaching      bool
	SessionCacheSize    int // sessions, 0: any number
	SessionCacheTimeout int // seconds

	// NeedCA is whether certificates will have to be verified: tls-auth-clients other than no, tls-cluster or
	// tls-replication.
	NeedCA bool
}

// TLS is the configuration in force. The zero value has none. All methods may be called from any goroutine.
type TLS struct {
	now atomic.Pointer[tlsConfigs]
}

type tlsConfigs struct {
	server [3]*tls.Config // by AuthClients
	client *tls.Config
}

// Configured tells whether Configure ever succeeded (C: isTlsConfigured).
func (t *TLS) Configured() bool { return t.now.Load() != nil }

// Server is the configuration for accepting a connection; nil if there is none.
func (t *TLS) Server(auth AuthClients) *tls.Config {
	c := t.now.Load()
	if c == nil || auth < 0 || int(auth) >= len(c.server) {
		return nil
	}
	return c.server[auth]
}

// Client is the configuration for connecting; nil if there is none.
func (t *TLS) Client() *tls.Config {
	c := t.now.Load()
	if c == nil {
		return nil
	}
	return c.client
}

// Reset forgets the configuration.
func (t *TLS) Reset() { t.now.Store(nil) }

// Configure reads certificates and keys and swaps the result in. The error is the line for the log; nothing has changed
// then.
func (t *TLS) Configure(c *TLSConfig) error {
	n, err := build(c)
	if err != nil {
		return err
	}
	t.now.Store(n)
	return nil
}

// NewClientConfig builds the configuration of a program that only connects (redis-cli, redis-benchmark): certificate
// and key may be missing, and a server name asks for the host name to be verified too, with the system's CAs where none
// are given.
func NewClientConfig(c *TLSConfig, serverName string, insecure bool) (*tls.Config, error) {
	b, err := newBuilder(c)
	if err != nil {
		return nil, err
	}
	var certs []tls.Certificate
	if c.CertFile != "" && c.KeyFile != "" {
		cert, err := loadKeyPair(c.CertFile, c.KeyFile, c.KeyFilePass)
		if err != nil {
			return nil, err
		}
		certs = []tls.Certificate{cert}
	}
	conf := b.clientConfig(certs)
	conf.ServerName = serverName
	switch {
	case insecure:
		conf.VerifyConnection = b.checkSuite
	case c.CACertFile == "" && c.CACertDir == "":
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("Failed to use the system's CA certificates: %s", anet.Strerror(err))
		}
		b.roots = pool
	}
	return conf, nil
}

func build(c *TLSConfig) (*tlsConfigs, error) {
	if c.CertFile == "" {
		return nil, errors.New("No tls-cert-file configured!")
	}
	if c.KeyFile == "" {
		return nil, errors.New("No tls-key-file configured!")
	}
	if c.NeedCA && c.CACertFile == "" && c.CACertDir == "" {
		return nil, errors.New("Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, tls-replication or tls-auth-clients are enabled!")
	}
	b, err := newBuilder(c)
	if err != nil {
		return nil, err
	}
	cert, err := loadKeyPair(c.CertFile, c.KeyFile, c.KeyFilePass)
	if err != nil {
		return nil, err
	}
	clientCert := cert
	if c.ClientCertFile != "" && c.ClientKeyFile != "" {
		if clientCert, err = loadKeyPair(c.ClientCertFile, c.ClientKeyFile, c.ClientKeyFilePass); err != nil {
			return nil, err
		}
	}
	if c.DHParamsFile != "" {
		if err := checkDHParams(c.DHParamsFile); err != nil {
			return nil, err
		}
	}
	n := &tlsConfigs{client: b.clientConfig([]tls.Certificate{clientCert})}
	for auth := range n.server {
		n.server[auth] = b.serverConfig(cert, AuthClients(auth))
	}
	return n, nil
}

// builder has what the configurations have in common.
type builder struct {
	roots    *x509.CertPool
	versions []uint16 // ascending
	suites   []uint16 // up to TLS 1.2, in order of preference
	suites13 []uint16 // nil: all
	prefer   bool     // the server's order
	sessions *sessionCache
}

func newBuilder(c *TLSConfig) (*builder, error) {
	b := &builder{prefer: c.PreferServerCiphers}
	var err error
	if b.versions, err = parseProtocols(c.Protocols); err != nil {
		return nil, err
	}
	list := c.Ciphers
	if list == "" {
		list = "DEFAULT"
	}
	if b.suites, err = parseCipherList(list); err != nil || len(b.suites) == 0 {
		return nil, fmt.Errorf("Failed to configure ciphers: %s", c.Ciphers)
	}
	if c.Ciphersuites != "" {
		if b.suites13, err = parseCipherSuites(c.Ciphersuites); err != nil {
			return nil, fmt.Errorf("Failed to configure ciphersuites: %s", c.Ciphersuites)
		}
	}
	if b.roots, err = loadCAs(c.CACertFile, c.CACertDir); err != nil {
		return nil, fmt.Errorf("Failed to configure CA certificate(s) file/directory: %s", anet.Strerror(err))
	}
	if c.SessionCaching {
		b.sessions = newSessionCache(c.SessionCacheSize, c.SessionCacheTimeout)
	}
	return b, nil
}

func parseProtocols(s string) ([]uint16, error) {
	if s == "" {
		return []uint16{tls.VersionTLS12, tls.VersionTLS13}, nil
	}
	var versions []uint16
	for _, name := range strings.Split(s, " ") {
		var v uint16
		switch strings.ToLower(name) {
		case "tlsv1":
			v = tls.VersionTLS10
		case "tlsv1.1":
			v = tls.VersionTLS11
		case "tlsv1.2":
			v = tls.VersionTLS12
		case "tlsv1.3":
			v = tls.VersionTLS13
		default:
			return nil, errors.New("Invalid tls-protocols specified. Use a combination of 'TLSv1', 'TLSv1.1', 'TLSv1.2' and 'TLSv1.3'.")
		}
		if !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
	}
	slices.Sort(versions)
	return versions, nil
}

// loadCAs makes a pool of the certificates in a file and of all files in a directory that hold some. With neither, the
// pool is empty, and no peer can be verified.
func loadCAs(file, dir string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s: no certificate found", file)
		}
	}
	if dir != "" {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
					continue // a dangling link, or not for us
				}
				return nil, err
			}
			pool.AppendCertsFromPEM(text)
		}
	}
	return pool, nil
}

func loadKeyPair(certFile, keyFile, pass string) (tls.Certificate, error) {
	certText, err := os.ReadFile(certFile)
	if err == nil {
		if b, _ := pem.Decode(certText); b == nil {
			err = errors.New("no start line")
		}
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("Failed to load certificate: %s: %s", certFile, anet.Strerror(err))
	}
	keyText, err := os.ReadFile(keyFile)
	if err == nil {
		keyText, err = decryptKey(keyText, pass)
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("Failed to load private key: %s: %s", keyFile, anet.Strerror(err))
	}
	cert, err := tls.X509KeyPair(certText, keyText)
	if err != nil {
		// Which of the two it is shows in whether the certificate is good by itself.
		b, _ := pem.Decode(certText)
		if _, certErr := x509.ParseCertificate(b.Bytes); b.Type != "CERTIFICATE" || certErr != nil {
			return tls.Certificate{}, fmt.Errorf("Failed to load certificate: %s: %s", certFile, err)
		}
		return tls.Certificate{}, fmt.Errorf("Failed to load private key: %s: %s", keyFile, err)
	}
	return cert, nil
}

func checkDHParams(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("Failed to load %s: %s", file, anet.Strerror(err))
	}
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			return fmt.Errorf("%s: failed to read DH params.", file)
		}
		if strings.HasSuffix(b.Type, "DH PARAMETERS") {
			return nil
		}
	}
}

// base is what both sides share.
func (b *builder) base() *tls.Config {
	return &tls.Config{
		MinVersion:   b.versions[0],
		MaxVersion:   b.versions[len(b.versions)-1],
		CipherSuites: b.suites,
	}
}

func (b *builder) clientConfig(certs []tls.Certificate) *tls.Config {
	conf := b.base()
	conf.Certificates = certs
	// The standard verification wants a host name; verifyServer does the rest of it.
	conf.InsecureSkipVerify = true
	conf.VerifyConnection = b.verifyServer
	return conf
}

func (b *builder) verifyServer(cs tls.ConnectionState) error {
	if err := b.checkSuite(cs); err != nil {
		return err
	}
	if len(cs.PeerCertificates) == 0 {
		return errors.New("no certificate from the server")
	}
	opts := x509.VerifyOptions{
		Roots:         b.roots,
		Intermediates: x509.NewCertPool(),
		DNSName:       cs.ServerName,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, c := range cs.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	if _, err := cs.PeerCertificates[0].Verify(opts); err != nil {
		return err
	}
	return checkNetscapeType(cs.PeerCertificates[0], nsServer)
}

// checkSuite refuses what crypto/tls could not be told to leave out.
func (b *builder) checkSuite(cs tls.ConnectionState) error {
	if !slices.Contains(b.versions, cs.Version) {
		return fmt.Errorf("unsupported protocol %s", tls.VersionName(cs.Version))
	}
	if cs.Version == tls.VersionTLS13 && b.suites13 != nil && !slices.Contains(b.suites13, cs.CipherSuite) {
		return fmt.Errorf("cipher suite %s is not enabled", tls.CipherSuiteName(cs.CipherSuite))
	}
	return nil
}

func (b *builder) serverConfig(cert tls.Certificate, auth AuthClients) *tls.Config {
	conf := b.base()
	conf.Certificates = []tls.Certificate{cert}
	conf.ClientCAs = b.roots
	switch auth {
	case AuthClientsYes:
		conf.ClientAuth = tls.RequireAndVerifyClientCert
	case AuthClientsOptional:
		conf.ClientAuth = tls.VerifyClientCertIfGiven
	}
	conf.VerifyConnection = func(cs tls.ConnectionState) error {
		if err := b.checkSuite(cs); err != nil {
			return err
		}
		if len(cs.PeerCertificates) > 0 {
			return checkNetscapeType(cs.PeerCertificates[0], nsClient)
		}
		return nil
	}
	if b.sessions != nil {
		b.sessions.use(conf)
	} else {
		conf.SessionTicketsDisabled = true
	}
	ch := &chooser{builder: b, full: conf, one: map[uint32]*tls.Config{}}
	ch.key = keyKind(cert)
	front := conf.Clone()
	front.GetConfigForClient = ch.configFor
	return front
}

// chooser narrows a server's configuration down to what one client is to get.
type chooser struct {
	*builder
	full *tls.Config
	key  string // "RSA" or "ECDSA": what suites up to TLS 1.2 our certificate can authenticate

	mu  sync.Mutex
	one map[uint32]*tls.Config // by version and suite
}

func (ch *chooser) configFor(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	version := uint16(0)
	for _, v := range ch.versions {
		if slices.Contains(hello.SupportedVersions, v) && (v != tls.VersionTLS13 || ch.suites13Safe(hello)) {
			version = v
		}
	}
	if version == 0 {
		return nil, nil // nothing in common: let crypto/tls refuse it
	}
	suite := uint16(0)
	if version <= tls.VersionTLS12 {
		suite = ch.suiteFor(hello, version)
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	key := uint32(version)<<16 | uint32(suite)
	conf := ch.one[key]
	if conf == nil {
		conf = ch.full.Clone()
		conf.MinVersion, conf.MaxVersion = version, version
		if suite != 0 {
			conf.CipherSuites = []uint16{suite}
		}
		ch.one[key] = conf
	}
	return conf, nil
}

// suites13Safe tells whether any TLS 1.3 suite that could be agreed on is one that is enabled.
func (ch *chooser) suites13Safe(hello *tls.ClientHelloInfo) bool {
	if ch.suites13 == nil {
		return true
	}
	some := false
	for _, id := range hello.CipherSuites {
		if s := suite13ByID(id); s != "" {
			if !slices.Contains(ch.suites13, id) {
				return false
			}
			some = true
		}
	}
	return some
}

// suiteFor is the first suite, in the order that counts, that client and certificate can do; 0 leaves it to crypto/tls.
func (ch *chooser) suiteFor(hello *tls.ClientHelloInfo, version uint16) uint16 {
	first, second := hello.CipherSuites, ch.suites
	if ch.prefer {
		first, second = second, first
	}
	curves := len(hello.SupportedCurves) == 0
	for _, c := range hello.SupportedCurves {
		switch c {
		case tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521:
			curves = true
		}
	}
	for _, id := range first {
		if !slices.Contains(second, id) {
			continue
		}
		s := cipherByID(id)
		if s == nil || s.au != ch.key || s.kx == "ECDHE" && !curves || s.tls12 && version < tls.VersionTLS12 {
			continue
		}
		return id
	}
	return 0
}

func keyKind(cert tls.Certificate) string {
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err == nil && leaf.PublicKeyAlgorithm == x509.RSA {
		return "RSA"
	}
	return "ECDSA"
}

// The Netscape certificate type extension: obsolete, but OpenSSL still honours it, and so does Redis's test suite.
var oidNetscapeCertType = asn1.ObjectIdentifier{2, 16, 840, 1, 113730, 1, 1}

const (
	nsClient = 0 // bit numbers
	nsServer = 1
)

func checkNetscapeType(cert *x509.Certificate, bit int) error {
	for _, ext := range cert.Extensions {
		if !ext.Id.Equal(oidNetscapeCertType) {
			continue
		}
		var bits asn1.BitString
		if _, err := asn1.Unmarshal(ext.Value, &bits); err != nil || bits.At(bit) == 0 {
			return errors.New("unsuitable certificate purpose")
		}
	}
	return nil
}
