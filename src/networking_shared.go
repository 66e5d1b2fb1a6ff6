// SPDX-License-Identifier: BSD-3-Clause

package server

// networking_shared.go - replies that many commands send, as they go over the wire. Redis keeps them
// as shared objects; here they are constants. Clients and test suites match on every byte of them.

type sharedReplies struct {
	crlf, ok, czero, cone, emptybulk, pong, queued, emptyarray, emptyscan, space, plus, colon string
	null, nullarray, emptymap, emptyset                                                       [4]string // by protocol version

	wrongtypeerr, err, nokeyerr, syntaxerr, sameobjecterr, outofrangeerr, noscripterr, loadingerr, slowevalerr, slowscripterr,
	slowmoduleerr, masterdownerr, bgsaveerr, roslaveerr, noautherr, oomerr, execaborterr, noreplicaserr, busykeyerr string
}

var shared = sharedReplies{
	crlf:       "\r\n",
	ok:         "+OK\r\n",
	czero:      ":0\r\n",
	cone:       ":1\r\n",
	emptybulk:  "$0\r\n\r\n",
	pong:       "+PONG\r\n",
	queued:     "+QUEUED\r\n",
	emptyarray: "*0\r\n",
	emptyscan:  "*2\r\n$1\r\n0\r\n*0\r\n",
	space:      " ",
	plus:       "+",
	colon:      ":",
	null:       [4]string{"", "", "$-1\r\n", "_\r\n"},
	nullarray:  [4]string{"", "", "*-1\r\n", "_\r\n"},
	emptymap:   [4]string{"", "", "*0\r\n", "%0\r\n"},
	emptyset:   [4]string{"", "", "*0\r\n", "~0\r\n"},

	err:           "-ERR\r\n",
	wrongtypeerr:  "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
	nokeyerr:      "-ERR no such key\r\n",
	syntaxerr:     "-ERR syntax error\r\n",
	sameobjecterr: "-ERR source and destination objects are the same\r\n",
	outofrangeerr: "-ERR index out of range\r\n",
	noscripterr:   "-NOSCRIPT No matching script. Please use EVAL.\r\n",
	loadingerr:    "-LOADING Redis is loading the dataset in memory\r\n",
	slowevalerr:   "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n",
	slowscripterr: "-BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.\r\n",
	slowmoduleerr: "-BUSY Redis is busy running a module command.\r\n",
	masterdownerr: "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
	bgsaveerr:     "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.\r\n",
	roslaveerr:    "-READONLY You can't write against a read only replica.\r\n",
	noautherr:     "-NOAUTH Authentication required.\r\n",
	oomerr:        "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
	execaborterr:  "-EXECABORT Transaction discarded because of previous errors.\r\n",
	noreplicaserr: "-NOREPLICAS Not enough good replicas to write.\r\n",
	busykeyerr:    "-BUSYKEY Target key name already exists.\r\n",
}
