// SPDX-License-Identifier: BSD-3-Clause

package server

import "errors"

// module.go - the configuration's lines about modules.
//
// A Redis module is a shared library in C, for which a process without cgo has no loader. Its lines are read and rewritten all the same: one
// about a module ends the start with C Redis's message, and so does a directive that only a module could know. Counterpart: module.c.

// queueLoadModule keeps a loadmodule line until modules are loaded.
func (server *Server) queueLoadModule(path string, argv []string) {
	server.loadmoduleQueue = append(server.loadmoduleQueue, moduleLoadQueueEntry{path, argv})
}

// moduleLoadFromQueue ends the start if a module is asked for: commands that the operator counts on would be unknown.
func (server *Server) moduleLoadFromQueue() error {
	if len(server.loadmoduleQueue) == 0 {
		return nil
	}
	path := server.loadmoduleQueue[0].path
	server.log(llWarning, "Module %s failed to load: modules are C code, which this server cannot run", path)
	server.log(llWarning, "Can't load module from %s: server aborting", path)
	return errLogged
}

// queueModuleConfig keeps a directive that only a module can know. The last line about one counts.
func (server *Server) queueModuleConfig(name, value string) {
	for i := range server.moduleConfigsQueue {
		if server.moduleConfigsQueue[i].name == name {
			server.moduleConfigsQueue[i].value = value
			return
		}
	}
	server.moduleConfigsQueue = append(server.moduleConfigsQueue, configItem{name, value})
}

// unresolvedModuleConfigs tells of directives that no module took, after all are loaded: the server must
// not start with a configuration that it does not understand in full.
func (server *Server) unresolvedModuleConfigs() error {
	if len(server.moduleConfigsQueue) == 0 {
		return nil
	}
	server.log(llWarning, "Unresolved Configuration(s) Detected:")
	for _, item := range server.moduleConfigsQueue {
		server.log(llWarning, ">>> '%s %s'", item.name, item.value)
	}
	return errors.New("Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting")
}
