// SPDX-License-Identifier: BSD-3-Clause

// Command redis-server is the Redport server. Under the names redis-sentinel, redis-check-rdb and
// redis-check-aof the same binary is those programs, as in C Redis.
package main

import (
	"os"

	server "redport/src"
)

func main() { os.Exit(server.Main(os.Args)) }
