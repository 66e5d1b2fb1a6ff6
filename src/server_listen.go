// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"

	"redport/src/ae"
	"redport/src/connection"
	"redport/src/platform"
)

// server_listen.go - the listeners of a server (in C: server.c's initListeners and connection types), and
// the limit on descriptors that bounds its clients.

// initListeners opens all that port, tls-port, bind and unixsocket ask for.
func (server *Server) initListeners() error {
	server.el.AcceptError = func(_ *ae.Listener, err error) {
		server.log(llWarning, "Error accepting a client connection: %s", err)
	}
	if server.tlsPort != 0 || server.tlsReplication || server.tlsCluster {
		if err := server.tlsConfigure(); err != nil {
			return fmt.Errorf("Failed to configure TLS. Check logs for more info.")
		}
	}
	if server.port != 0 {
		ln, err := server.listenTCP(server.port, nil)
		if err != nil {
			server.log(llWarning, "Failed listening on port %d (tcp), aborting.", server.port)
			return errLogged
		}
		server.listeners = append(server.listeners, ln)
	}
	if server.tlsPort != 0 {
		ln, err := server.listenTCP(server.tlsPort, server.tlsConfigGetter())
		if err != nil {
			server.log(llWarning, "Failed listening on port %d (tls), aborting.", server.tlsPort)
			return errLogged
		}
		server.listeners = append(server.listeners, ln)
	}
	if server.unixsocket != "" {
		ln, err := connection.ListenUnix(server.path(server.unixsocket), uint32(server.unixsocketperm), server.tcpBacklog)
		if err != nil {
			server.log(llWarning, "%s", err)
			return errLogged
		}
		server.listeners = append(server.listeners, ln)
	}
	sockets := 0
	for _, ln := range server.listeners {
		if err := ln.Accept(server.el, server.acceptsPerTurn(ln.Type), server.acceptHandler); err != nil {
			return err
		}
		sockets += len(ln.Sockets)
	}
	if sockets == 0 && !server.sentinelMode {
		return errors.New("Configured to not listen anywhere, exiting.")
	}
	return nil
}

func (server *Server) acceptsPerTurn(typ string) int {
	if typ == connection.TypeTLS {
		return server.maxNewTLSConnsPerCycle
	}
	return server.maxNewConnsPerCycle
}

func (server *Server) listenTCP(port int, config func() *tls.Config) (*connection.Listener, error) {
	return connection.Listen(connection.Options{
		Bind: server.bindaddr, Port: port, Backlog: server.tcpBacklog, Mark: server.socketMarkID, TLS: config,
		Warn: func(msg string) { server.log(llWarning, "%s", msg) },
	})
}

// changeListener makes one TCP or TLS listener follow a change of its port or of bind: the old sockets
// close first, since the new ones may overlap with them, and come back when the new ones cannot be had.
func (server *Server) changeListener(typ string, port int) error {
	kept := server.listeners[:0]
	for _, ln := range server.listeners {
		if ln.Type == typ {
			ln.Close()
		} else {
			kept = append(kept, ln)
		}
	}
	server.listeners = kept
	if port == 0 {
		return nil
	}
	var config func() *tls.Config
	if typ == connection.TypeTLS {
		config = server.tlsConfigGetter()
	}
	ln, err := server.listenTCP(port, config)
	if err != nil {
		return err
	}
	if err := ln.Accept(server.el, server.acceptsPerTurn(typ), server.acceptHandler); err != nil {
		ln.Close()
		return err
	}
	server.listeners = append(server.listeners, ln)
	return nil
}

// closeListeningSockets ends accepting; with unlink, the Unix socket's file goes too.
func (server *Server) closeListeningSockets(unlink bool) {
	for _, ln := range server.listeners {
		ln.Close()
		if unlink && ln.Type == connection.TypeUnix {
			server.log(llNotice, "Removing the unix socket file.")
			if err := ln.Unlink(); err != nil && !os.IsNotExist(err) {
				server.log(llWarning, "Error removing the unix socket file: %s", err)
			}
		}
	}
	server.listeners = nil
}

// adjustOpenFilesLimit raises the limit on descriptors to what maxclients needs, or lowers maxclients to what it allows.
func (server *Server) adjustOpenFilesLimit() error {
	if !server.options.OwnProcess {
		return nil
	}
	want := uint64(server.maxclients) + configMinReservedFds
	have, err := platform.RaiseDescriptorLimit(want)
	if err != nil && have == 0 {
		server.log(llWarning, "Unable to obtain the current NOFILE limit (%s), assuming 1024 and setting the max clients configuration accordingly.", err)
		server.maxclients = 1024 - configMinReservedFds
		return nil
	}
	if have >= want {
		return nil
	}
	old := server.maxclients
	if have <= configMinReservedFds {
		return fmt.Errorf("Your current 'ulimit -n' of %d is not enough for the server to start. Please increase your open file limit to at least %d. Exiting.", have, want)
	}
	server.maxclients = int(have) - configMinReservedFds
	server.log(llWarning, "You requested maxclients of %d requiring at least %d max file descriptors.", old, want)
	server.log(llWarning, "Server can't set maximum open files to %d because of OS error: %s.", want, platform.Strerror(err))
	server.log(llWarning, "Current maximum open files is %d. maxclients has been reduced to %d to compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'.", have, server.maxclients)
	return nil
}
