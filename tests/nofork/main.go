// SPDX-License-Identifier: BSD-3-Clause

// Command nofork is redis-server under a system-call filter that lets it neither start a process nor become another program: an attempt ends
// it by SIGSYS, which no test overlooks. It exits with an error where the filter cannot be had, or does not refuse what it should.
//
// The filter is installed before anything else, so everything the server does is done under it. tests/nofork/run has tests run with it.
package main

import (
	"fmt"
	"os"

	server "redport/src"
	"redport/src/platform"
)

func main() {
	if err := platform.ForbidProcesses(); err != nil {
		fmt.Fprintln(os.Stderr, "nofork: no filter against new processes:", err)
		os.Exit(1)
	}
	os.Exit(server.Main(os.Args))
}
