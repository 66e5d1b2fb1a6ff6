// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"crypto/tls"

	"redport/src/connection"
)

// tls.go - the server's side of TLS: the tls-* directives become the configuration in force, which
// connections accepted from then on use. The work is package connection's.

// tlsConfigure reads certificates and keys. On failure the configuration in force stays, and the log says why.
func (server *Server) tlsConfigure() error {
	d := &server.tlsCtxConfig
	err := server.tls.Configure(&connection.TLSConfig{
		CertFile: server.pathIfSet(d.certFile), KeyFile: server.pathIfSet(d.keyFile), KeyFilePass: d.keyFilePass,
		ClientCertFile: server.pathIfSet(d.clientCertFile), ClientKeyFile: server.pathIfSet(d.clientKeyFile), ClientKeyFilePass: d.clientKeyFilePass,
		DHParamsFile: server.pathIfSet(d.dhParamsFile), CACertFile: server.pathIfSet(d.caCertFile), CACertDir: server.pathIfSet(d.caCertDir),
		Protocols: d.protocols, Ciphers: d.ciphers, Ciphersuites: d.ciphersuites, PreferServerCiphers: d.preferServerCiphers,
		SessionCaching: d.sessionCaching, SessionCacheSize: d.sessionCacheSize, SessionCacheTimeout: d.sessionCacheTimeout,
		NeedCA: server.tlsAuthClients != int(connection.AuthClientsNo) || server.tlsCluster || server.tlsReplication,
	})
	if err != nil {
		server.log(llWarning, "%s", err)
	}
	return err
}

// pathIfSet makes a configured file name absolute. C opens certificates after it has changed to `dir`.
func (server *Server) pathIfSet(name string) string {
	if name == "" {
		return ""
	}
	return server.path(name)
}

func (server *Server) isTLSConfigured() bool { return server.tls.Configured() }

// tlsConfigGetter gives each new connection the configuration in force. It is called from the
// connection's own goroutine, so tls-auth-clients crosses over atomically.
func (server *Server) tlsConfigGetter() func() *tls.Config {
	server.tlsAuth.Store(int32(server.tlsAuthClients))
	return func() *tls.Config { return server.tls.Server(connection.AuthClients(server.tlsAuth.Load())) }
}

// updateTLSAuthClients shows a change of tls-auth-clients to the goroutines that accept, and reads the CAs
// where they are needed now and were not before.
func (server *Server) updateTLSAuthClients() error {
	server.tlsAuth.Store(int32(server.tlsAuthClients))
	return server.applyTLSCfg()
}
