# SPDX-License-Identifier: BSD-3-Clause
#
# RDB files: saves that fail and what they forbid, saves that end early, and changes of every kind while a save goes on.
#
# A save is made to fail by a directory where its file is to be: the last step, renaming the temporary file, then cannot be done.

proc rdb_path {} {
    return [file join [lindex [r config get dir] 1] [lindex [r config get dbfilename] 1]]
}

proc rdb_temp_files {} {
    return [glob -nocomplain [lindex [r config get dir] 1]/temp-*]
}

set misconf "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the\
    data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails\
    (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error."

start_server {tags {"rdb external:skip"} overrides {save {}}} {
    test {A background save that fails leaves no file, and is told} {
        r config set save "900 1000000"
        r set x x
        file mkdir [rdb_path]
        set lastsave [r lastsave]
        set dirty [s rdb_changes_since_last_save]
        assert_equal {Background saving started} [r bgsave]
        waitForBgsave r
        assert_equal err [s rdb_last_bgsave_status]
        assert_equal $dirty [s rdb_changes_since_last_save]
        assert_equal $lastsave [r lastsave]
        assert_equal $lastsave [s rdb_last_save_time]
        assert_equal -1 [s rdb_current_bgsave_time_sec]
        assert_equal {} [rdb_temp_files]
        verify_log_message 0 "*Error moving temp DB file temp-*.rdb on the final destination dump.rdb (in server root dir *): Is a directory*" 0
        verify_log_message 0 "*Background saving error*" 0
    }

    test {After it, writes and PING are refused, reads are not} {
        assert_equal x [r get x]
        assert_error $misconf {r set x y}
        assert_error $misconf {r ping}
        assert_error {MISCONF *} {r eval {return redis.call('set',KEYS[1],1)} 1 x}
        assert_equal x [r eval {return redis.call('get',KEYS[1])} 1 x]
        assert_error {MISCONF *} {r eval {#!lua
            return redis.call('set',KEYS[1],1)
        } 1 x}
        assert_equal x [r eval {#!lua flags=no-writes
            return redis.call('get',KEYS[1])
        } 1 x]
        r multi
        assert_error $misconf {r set x y}
        assert_error {EXECABORT *} {r exec}
        r multi
        r get x
        assert_equal x [r exec]
    }

    test {SAVE and DEBUG RELOAD fail with it, and change nothing} {
        assert_error {ERR*} {r save}
        assert_error {ERR*} {r debug reload}
        assert_equal x [r get x]
        assert_equal err [s rdb_last_bgsave_status]
        assert_equal {} [rdb_temp_files]
    }

    test {Writes are refused only if they are to be saved, and if this is to be so} {
        r config set stop-writes-on-bgsave-error no
        r set x y
        r config set stop-writes-on-bgsave-error yes
        assert_error $misconf {r set x z}
        r config set save ""
        r set x z
        r config set save "900 1000000"
        assert_error $misconf {r set x y}
    }

    test {SHUTDOWN does not lose what it cannot save} {
        assert_error {ERR Errors trying to SHUTDOWN. Check logs.} {r shutdown}
        assert_error {ERR Errors trying to SHUTDOWN. Check logs.} {r shutdown save}
        verify_log_message 0 "*Error trying to save the DB, can't exit*" 0
        set lines [count_log_lines 0]
        r config set shutdown-on-sigterm default
        exec kill -TERM [srv 0 pid]
        wait_for_log_messages 0 {"*Error trying to save the DB, can't exit*"} $lines 100 20
        assert_equal {} [rdb_temp_files]
        r get x
    } {z}

    test {The next save that succeeds ends it} {
        file delete [rdb_path]
        r bgsave
        waitForBgsave r
        assert_equal ok [s rdb_last_bgsave_status]
        assert_equal 0 [s rdb_changes_since_last_save]
        assert_equal PONG [r ping]
        r set x again
    } {OK}

    test {So does one in the foreground} {
        file rename [rdb_path] [rdb_path].kept
        file mkdir [rdb_path]
        r bgsave
        waitForBgsave r
        assert_error $misconf {r set x y}
        file delete [rdb_path]
        r save
        assert_equal ok [s rdb_last_bgsave_status]
        r set x y
        file delete [rdb_path].kept
    }

    test {FLUSHALL empties the dataset also where the file cannot follow} {
        file delete [rdb_path]
        file mkdir [rdb_path]
        r flushall
        assert_equal 0 [r dbsize]
        assert_equal {} [rdb_temp_files]
        file delete [rdb_path]
        r set x y
        r flushall
        assert [file isfile [rdb_path]]
        r debug reload nosave
        r dbsize
    } {0}
}

start_server {tags {"rdb external:skip"} overrides {save {}}} {
    test {A server without a directory for its file comes to itself when it is there again} {
        set dir [lindex [r config get dir] 1]
        r config set save "900 1000000"
        r set a 1
        file mkdir $dir/sub
        r config set dir $dir/sub
        file delete $dir/sub
        r bgsave
        waitForBgsave r
        assert_equal err [s rdb_last_bgsave_status]
        assert_error $misconf {r set a 2}
        wait_for_log_messages 0 {"*Failed opening the temp RDB file temp-*.rdb (in server root dir *) for saving: No such file or directory*"} 0 10 100
        r config set dir $dir
        r bgsave
        waitForBgsave r
        r set a 2
    } {OK}
}

start_server {tags {"rdb external:skip"} overrides {save {}}} {
    test {A running save can be watched} {
        r debug populate 1000 key 10
        r config set rdb-key-save-delay 1000
        set saves [s rdb_saves]
        set forks [s total_forks]
        r bgsave
        assert_equal 1 [s rdb_bgsave_in_progress]
        assert_equal [expr {$saves + 1}] [s rdb_saves]
        assert_equal [expr {$forks + 1}] [s total_forks]
        assert_range [s rdb_current_bgsave_time_sec] 0 100
        wait_for_condition 200 20 {
            [s current_save_keys_total] == 1000 && [s current_save_keys_processed] > 0 && [s current_fork_perc] > 0
        } else {
            fail "INFO does not tell of the progress"
        }
        assert_error {ERR Background save already in progress} {r bgsave}
        assert_error {ERR Background save already in progress} {r bgsave schedule}
        assert_error {ERR Background save already in progress} {r save}
        assert_equal {Background append only file rewriting scheduled} [r bgrewriteaof]
        assert_equal 1 [s aof_rewrite_scheduled]
        r config set rdb-key-save-delay 0
        waitForBgsave r
        waitForBgrewriteaof r
    }

    test {It can be cancelled, which is no failure} {
        r config set save "900 1000000"
        r config set rdb-key-save-delay 10000000
        r set x 1
        set digest [debug_digest]
        r bgsave
        wait_for_condition 100 20 {[rdb_temp_files] ne {}} else {fail "there is no temporary file"}
        assert_equal {Background saving cancelled} [r bgsave cancel]
        waitForBgsave r
        assert_equal {} [rdb_temp_files]
        assert_equal ok [s rdb_last_bgsave_status]
        assert_morethan [s rdb_changes_since_last_save] 0
        r set y 1
        assert_error {ERR Background saving is currently not in progress or scheduled} {r bgsave cancel}
    } {} {redport-only}

    test {So can a save that is to come} {
        r config set appendonly yes
        assert_equal 1 [s aof_rewrite_in_progress]
        assert_equal {Background saving scheduled} [r bgsave schedule]
        assert_equal {Scheduled background saving cancelled} [r bgsave cancel]
        set saves [s rdb_saves]
        r config set rdb-key-save-delay 0
        waitForBgrewriteaof r
        r config set appendonly no
        assert_equal $saves [s rdb_saves]
    } {} {redport-only}

    test {FLUSHALL ends a running save, and so does the end of the server; no file is left of it} {
        r config set rdb-key-save-delay 0
        r config set save "900 1000000"
        r debug populate 100
        r config set rdb-key-save-delay 10000000
        r bgsave
        wait_for_condition 100 20 {[rdb_temp_files] ne {}} else {fail "there is no temporary file"}
        r config set rdb-key-save-delay 0
        r flushall
        waitForBgsave r
        wait_for_condition 100 20 {[rdb_temp_files] eq {}} else {fail "the temporary file is left"}
        assert_equal ok [s rdb_last_bgsave_status]
        r debug reload nosave
        assert_equal 0 [r dbsize]
        r debug populate 100
        r config set rdb-key-save-delay 10000000
        r bgsave
        set dir [lindex [r config get dir] 1]
        wait_for_condition 100 20 {[rdb_temp_files] ne {}} else {fail "there is no temporary file"}
        catch {r shutdown nosave}
        wait_for_condition 100 20 {[glob -nocomplain $dir/temp-*] eq {}} else {fail "the temporary file is left"}
    }
}

# Changes of every kind, on keys that were saved already and on keys that were not: the file is of the moment at which the save began.
start_server {tags {"rdb external:skip"} overrides {save {} list-compress-depth 1 list-max-listpack-size 4 maxmemory-policy allkeys-random}} {
    proc fill {} {
        for {set i 0} {$i < 40} {incr i} {
            r set str:$i [string repeat $i 20]
            r set temp:$i x px 100000
            for {set j 0} {$j < 30} {incr j} {
                r rpush list:$i $j [string repeat $i 50]
                r hset hash:$i f$j $i
                r zadd zset:$i $j m$j
                r sadd set:$i m$j
                r sadd ints:$i [expr {$j * 1000}]
                r pfadd hll:$i $i:$j
            }
            r xadd stream:$i 1-1 f v g w
            r xadd stream:$i 2-1 f v g w
            r xgroup create stream:$i g 0
        }
        r select 3
        r set other 1
        r select 9
    }

    # One round of `work` at a time, as long as the save goes on.
    proc during_save {work} {
        r flushall
        fill
        r debug set-active-expire 1
        set digest [debug_digest]
        r config set rdb-key-save-delay 5000
        r bgsave
        for {set ::round 0} {$::round < 40} {incr ::round} {uplevel 1 $work}
        assert_equal 1 [s rdb_bgsave_in_progress]
        r config set rdb-key-save-delay 0
        waitForBgsave r
        assert_equal ok [s rdb_last_bgsave_status]
        r debug reload nosave
        assert_equal $digest [debug_digest]
    }

    test {A save is of one moment: RENAME, COPY, MOVE and SWAPDB, onto keys that exist and not} {
        during_save {
            set other [expr {39 - $::round}]
            r rename str:$::round list:$other
            r copy hash:$::round set:$other replace
            catch {r rename zset:$::round new:$::round}
            r move ints:$::round 3
            r swapdb 3 9
            r set mixed:$::round 1
            r swapdb 3 9
        }
    }

    test {A save is of one moment: commands on many keys, and scripts that do not declare theirs} {
        during_save {
            set other [expr {39 - $::round}]
            r mset str:$::round a str:$other b new:$::round c
            r sunionstore set:$::round set:$other ints:$other
            r zunionstore zset:$::round 2 zset:$other zset:$::round
            r smove set:$::round set:$other m1
            r lmove list:$::round list:$other left right
            r sort list:$::round alpha store list:$other
            r pfmerge hll:$::round hll:$other
            r eval {
                local n = tonumber(ARGV[1])
                redis.call('del', 'str:' .. n)
                redis.call('append', 'str:' .. (39 - n), 'x')
                redis.call('hset', 'hash:' .. n, 'f1', 'changed')
                redis.call('select', 3)
                redis.call('set', 'other', n)
                redis.call('swapdb', 3, 9)
                redis.call('lpop', 'list:' .. n)
                redis.call('swapdb', 3, 9)
            } 0 $::round
        }
    }

    test {A save is of one moment: reads that change how a value is kept} {
        during_save {
            r lrange list:$::round 0 -1
            r lindex list:$::round 20
            r lpos list:$::round nothing
            r pfcount hll:$::round
            r object encoding list:$::round
            r get str:$::round
            r getex str:$::round persist
            r srandmember set:$::round 10
            r hrandfield hash:$::round 10
            r zrange zset:$::round 0 -1
            r sort list:$::round alpha
            r xreadgroup group g c$::round count 1 streams stream:$::round >
        }
    }

    test {A save is of one moment: a list, a hash, a stream with many writers} {
        during_save {
            for {set i 0} {$i < 8} {incr i} {
                r rpush list:7 new
                r lpop list:7
                r hset hash:7 new$i $i
                r xadd stream:7 * a b
                r zadd zset:7 $i new$i
                r sadd ints:7 $i
            }
        }
    }

    test {A save is of one moment: expiry, eviction, FLUSHDB and UNLINK} {
        during_save {
            r pexpire temp:$::round 1
            r pexpire zset:$::round 1
            r unlink list:$::round
            r del hash:$::round
            if {$::round == 20} {
                r config set maxmemory 1mb
                catch {r set more [string repeat x 100000]}
                r config set maxmemory 0
            }
            if {$::round == 30} {
                r select 3
                r flushdb
                r select 9
            }
        }
    }
}
