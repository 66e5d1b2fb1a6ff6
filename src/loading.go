// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"io/fs"
	"time"
)

// loading.go - the state of loading a dataset: what INFO tells of it, and when it is over.
//
// Counterpart: rdb.c (startLoading and what follows it), debug.c (debugDelay).

// startLoading begins to load size bytes, 0 if that is not known. With async the dataset that is there is served meanwhile.
func (server *Server) startLoading(size int64, async bool) {
	server.loading = true
	server.asyncLoading = async
	server.loadingStartTime = server.ustime() / 1e6
	server.loadingLoadedBytes = 0
	server.loadingTotalBytes = size
	server.loadingRdbUsedMem = 0
	server.stat.rdbLastLoadKeysExpired, server.stat.rdbLastLoadKeysLoaded = 0, 0
	server.blockingOperationStarts()
}

// loadingAbsProgress tells how much was loaded.
func (server *Server) loadingAbsProgress(n int64) {
	server.loadingLoadedBytes = n
	server.updatePeakMemory()
}

// loadingIncrProgress tells how much more was loaded.
func (server *Server) loadingIncrProgress(n int64) {
	server.loadingLoadedBytes += n
	server.updatePeakMemory()
}

// stopLoading ends it.
func (server *Server) stopLoading() {
	server.loading, server.asyncLoading = false, false
	server.blockingOperationEnds()
}

// debugDelay makes the pause that key-load-delay asks for: a number of us, or, if it is negative, 1 us in -us calls. n counts the calls.
func debugDelay(us, n int) {
	if us < 0 {
		if n%-us != 0 {
			return
		}
		us = 1
	}
	time.Sleep(time.Duration(us) * time.Microsecond)
}

// loadAtStartup loads what was saved, and opens the append-only file.
func (server *Server) loadAtStartup() error {
	if err := server.aofLoadManifestFromDisk(); err != nil {
		return err
	}
	if err := server.loadDataFromDisk(); err != nil {
		return err
	}
	if err := server.aofOpenIfNeededOnServerStart(); err != nil {
		return err
	}
	server.aofDelHistoryFiles()
	server.applyAppendOnlyConfig()
	return nil
}

// loadDataFromDisk loads the append-only file if there is one to be used, else the RDB file.
func (server *Server) loadDataFromDisk() error {
	start := time.Now()
	if server.aofState == aofOn {
		switch server.loadAppendOnlyFiles(server.aofManifest) {
		case aofFailed, aofOpenErr:
			return errLogged
		case aofNotExist:
		default:
			server.log(llNotice, "DB loaded from append only file: %.3f seconds", time.Since(start).Seconds())
			server.updateReplOffset(server.aofManifest)
		}
		return nil
	}
	info := newRdbLoadInfo()
	err := server.rdbLoad(server.rdbFilename, info, rdbflagsFeedRepl)
	switch {
	case err == nil:
		server.log(llNotice, "DB loaded from disk: %.3f seconds", time.Since(start).Seconds())
		if server.restoreReplicationInfo != nil {
			server.restoreReplicationInfo(info)
		}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errStopped):
	default:
		return errors.New("Fatal error loading the DB, check server logs. Exiting.")
	}
	return nil
}
