// SPDX-License-Identifier: BSD-3-Clause

// Package server is Redis as a Go package: the counterpart of every C file that includes server.h, each
// thing in the file that bears its name. cmd/redis-server is a thin main around it; other programs can
// run one or more Servers themselves.
//
// # Goroutines
//
// One goroutine, in Server.Run, owns the Server: it runs the event loop, executes every command and is
// the only one that touches the dataset, the clients and the statistics. The others, and what each may
// touch:
//
//   - the event loop's helpers (package ae): I/O threads read and write sockets and the buffers of
//     connections that the loop handed them, while the loop waits for them; pumps carry the bytes of TLS
//     connections, and hand them over through the loop's inbox;
//   - bio's workers (bio.go): files that the main goroutine has handed over, to be synced and closed; what
//     comes of it is told by atomics; changes of the append-only file's set (aof_change.go), whose outcome
//     is posted;
//   - the signal watcher (package platform): logs, and posts to the loop;
//   - sessions of the script debugger (eval_debug_fork.go): each is a background job that runs a Server of
//     its own, and shares nothing with this one but the snapshot and the two halves of the connection
//     (ldbLink);
//   - background jobs (childinfo.go): walk the frozen roots of their snapshot (snapshot.go), write files, and
//     report by atomics and by what they post; they touch nothing else, and the main goroutine releases the
//     snapshot.
//
// Everything else reaches the main goroutine by Loop.Post. Server.log may be called from any goroutine.
//
// # The life of a command
//
// The loop reads a connection and calls client.Data with what is not consumed yet. Data parses commands
// in place (networking_query.go; memory_prefetch.go where many commands come at once): arguments are
// slices of the input buffer. processCommand (server.go) looks the command up, checks everything that may
// forbid it, and lets call execute it; call measures, logs and propagates. The command finds keys through
// db.go's lookups, which expire and touch them, and replies by the addReply family (networking.go) into
// the client's buffers, which the loop sends before it sleeps.
//
// # Values
//
// Short strings and numbers lie inside the pages of the keyspace (package dict). A *robj of a string is
// therefore only a view, valid until the next write to its database. Collections are Go objects of
// their own, cloned block by block when a snapshot sees them. Nodes of long lists and blocks of long
// streams that nobody has touched for some seconds are packed, by the main goroutine too, a little at a
// time (defrag.go, package cold).
package server
