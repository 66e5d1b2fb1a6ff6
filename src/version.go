// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"hash/fnv"
	"runtime"
	"runtime/debug"

	"redport/src/version"
)

// version.go - which Redis this is, for clients and tools, and which build.

// redisVersion is the release of Redis whose commands and behaviour this server has.
const redisVersion = version.Redis

// redisVersionNum is the same as a number, a byte each, for scripts.
const redisVersionNum = 8<<16 | 0<<8 | 6

// redisGitSHA1 is the commit that was built, as far as the linker was told (-X redport/src.redisGitSHA1=...).
var redisGitSHA1 = "00000000"

// redisBuildID tells builds apart: a hash of the commit, the tool chain and its settings, the system among them.
func redisBuildID() string {
	h := fnv.New64a()
	fmt.Fprintln(h, redisVersion, redisGitSHA1, runtime.Version())
	if info, ok := debug.ReadBuildInfo(); ok {
		fmt.Fprintln(h, info)
	}
	return fmt.Sprintf("%x", h.Sum64())
}
