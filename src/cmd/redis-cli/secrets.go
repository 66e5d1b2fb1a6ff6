// SPDX-License-Identifier: BSD-3-Clause

package main

// secrets.go - commands that hold passwords, which no file shall keep.

import "strings"

// isSensitiveCommand tells whether a command holds a secret. The session's own history has it nevertheless.
func isSensitiveCommand(args []string) bool {
	if len(args) == 0 {
		return false
	}
	oneOf := func(s string, names ...string) bool {
		for _, name := range names {
			if strings.EqualFold(s, name) {
				return true
			}
		}
		return false
	}
	n := len(args)
	switch {
	case isCommand(args, "auth"):
		return true
	case isCommand(args, "acl") && n > 1:
		return oneOf(args[1], "deluser", "setuser", "getuser")
	case isCommand(args, "config", "set"):
		for i := 2; i < n; i += 2 {
			if oneOf(args[i], "masterauth", "masteruser", "requirepass", "tls-key-file-pass", "tls-client-key-file-pass") {
				return true
			}
		}
	case isCommand(args, "hello") && n > 4:
		// HELLO version [AUTH user password] [SETNAME name]
		for i := 2; i < n; i++ {
			left := n - 1 - i
			switch {
			case oneOf(args[i], "auth") && left >= 2:
				return true
			case oneOf(args[i], "setname") && left >= 1:
				i++
			default:
				return false
			}
		}
	case isCommand(args, "migrate") && n > 7:
		// MIGRATE host port key db timeout [COPY] [REPLACE] [AUTH password] [AUTH2 user password] [KEYS key...]
		for i := 6; i < n; i++ {
			left := n - 1 - i
			switch {
			case oneOf(args[i], "auth") && left >= 1, oneOf(args[i], "auth2") && left >= 2:
				return true
			case oneOf(args[i], "keys") && left >= 1:
				return false
			}
		}
	case isCommand(args, "sentinel", "config", "set") && n > 4:
		return oneOf(args[3], "sentinel-pass", "sentinel-user")
	case isCommand(args, "sentinel", "set") && n > 4:
		return oneOf(args[3], "auth-pass", "auth-user")
	}
	return false
}
