# SPDX-License-Identifier: BSD-3-Clause
#
# The append-only file: rewrites that fail, disks that are full, and what a restart finds after them.
#
# A rewrite is made to fail by a directory where its base file is to be: the last step, renaming the temporary file, then cannot be done.

proc aof_dir {} {
    return [file join [lindex [r config get dir] 1] [lindex [r config get appenddirname] 1]]
}

proc aof_files {} {
    return [lsort [lmap f [glob -nocomplain [aof_dir]/*] {file tail $f}]]
}

# The names in the manifest, of the given type.
proc aof_manifest {type} {
    set f [open [aof_dir]/appendonly.aof.manifest]
    set names {}
    foreach line [split [string trim [read $f]] \n] {
        if {[dict get $line type] eq $type} {lappend names [dict get $line file]}
    }
    close $f
    return $names
}

proc temp_files {} {
    return [concat [glob -nocomplain [lindex [r config get dir] 1]/temp-*] [glob -nocomplain [aof_dir]/temp-*]]
}

proc wait_for_rewrite {} {
    wait_for_condition 200 20 {
        [s aof_rewrite_scheduled] == 0 && [s aof_rewrite_in_progress] == 0
    } else {
        fail "the rewrite does not end"
    }
}

proc assert_reload_keeps_everything {} {
    set digest [debug_digest]
    r debug loadaof
    assert_equal $digest [debug_digest]
}

start_server {tags {"aof external:skip"} overrides {appendonly yes save {} auto-aof-rewrite-percentage 0}} {
    test {A rewrite that fails leaves an incr file more, and nothing is lost} {
        file mkdir [aof_dir]/appendonly.aof.2.base.rdb
        foreach i {1 2 3} {
            r set before:$i $i
            r bgrewriteaof
            r set during:$i $i
            wait_for_rewrite
            assert_equal err [s aof_last_bgrewrite_status]
            assert_equal $i [s aof_rewrites_consecutive_failures]
            assert_equal [expr {$i + 1}] [llength [aof_manifest i]]
        }
        assert_equal {} [temp_files]
        assert_equal appendonly.aof.1.base.rdb [aof_manifest b]
        assert_reload_keeps_everything
        r dbsize
    } {6}

    test {The next one that succeeds takes everything with it} {
        file delete [aof_dir]/appendonly.aof.2.base.rdb
        r bgrewriteaof
        wait_for_rewrite
        assert_equal ok [s aof_last_bgrewrite_status]
        assert_equal 0 [s aof_rewrites_consecutive_failures]
        r set after 1
        wait_for_condition 50 20 {
            [aof_files] eq {appendonly.aof.2.base.rdb appendonly.aof.5.incr.aof appendonly.aof.manifest}
        } else {
            fail "files left: [aof_files]"
        }
        assert_equal {} [temp_files]
        assert_reload_keeps_everything
        r dbsize
    } {7}

    test {A restart after failed rewrites finds everything, and goes on with the last file} {
        file mkdir [aof_dir]/appendonly.aof.3.base.rdb
        r set x 1
        r bgrewriteaof
        wait_for_rewrite
        r set y 2
        set files [aof_manifest i]
        assert_equal 2 [llength $files]
        set digest [debug_digest]
        restart_server 0 true false
        assert_equal $digest [debug_digest]
        assert_equal $files [aof_manifest i]
        file delete [aof_dir]/appendonly.aof.3.base.rdb
        r bgrewriteaof
        wait_for_rewrite
        assert_equal appendonly.aof.3.base.rdb [aof_manifest b]
        assert_reload_keeps_everything
    }

    test {Automatic rewrites that fail again and again become rarer, a manual one does not wait} {
        file mkdir [aof_dir]/appendonly.aof.4.base.rdb
        r config set auto-aof-rewrite-min-size 1kb
        r config set auto-aof-rewrite-percentage 1
        set line [count_log_lines 0]
        for {set i 0} {$i < 200} {incr i} {r set k$i [string repeat x 100]}
        wait_for_log_messages 0 {"*triggered the limit, will retry in 1 minutes*"} $line 200 50
        assert_equal 3 [s aof_rewrites_consecutive_failures]
        set rewrites [s aof_rewrites]
        for {set i 0} {$i < 200} {incr i} {r set k$i [string repeat y 100]}
        after 300
        assert_equal $rewrites [s aof_rewrites]
        assert_equal 4 [llength [aof_manifest i]]
        file delete [aof_dir]/appendonly.aof.4.base.rdb
        r bgrewriteaof
        wait_for_rewrite
        assert_equal 0 [s aof_rewrites_consecutive_failures]
        r config set auto-aof-rewrite-percentage 0
        wait_for_rewrite
        assert_reload_keeps_everything
    }
}

start_server {tags {"aof external:skip"} overrides {appendonly no save {} auto-aof-rewrite-percentage 0}} {
    test {Turned on while running, it counts only once a rewrite has succeeded} {
        file mkdir [aof_dir]/appendonly.aof.1.base.rdb
        r set a 1
        r config set appendonly yes
        r set b 2
        wait_for_condition 100 20 {
            [s aof_rewrites_consecutive_failures] >= 2
        } else {
            fail "no rewrite has failed"
        }
        assert_equal 1 [s aof_enabled]
        assert_equal 0 [file exists [aof_dir]/appendonly.aof.manifest]
        file delete [aof_dir]/appendonly.aof.1.base.rdb
        r set c 3
        r bgrewriteaof
        wait_for_condition 200 20 {
            [file exists [aof_dir]/appendonly.aof.manifest] && [s aof_rewrite_in_progress] == 0
        } else {
            fail "it is never on"
        }
        r set d 4
        assert_equal {} [temp_files]
        assert_equal {appendonly.aof.1.base.rdb appendonly.aof.1.incr.aof appendonly.aof.manifest} [aof_files]
        assert_reload_keeps_everything
        r dbsize
    } {4}

    test {Turned off and on again, it begins anew} {
        r config set appendonly no
        r set e 5
        r config set appendonly yes
        r set f 6
        wait_for_rewrite
        wait_for_condition 50 20 {
            [aof_files] eq {appendonly.aof.2.base.rdb appendonly.aof.2.incr.aof appendonly.aof.manifest}
        } else {
            fail "files left: [aof_files]"
        }
        assert_reload_keeps_everything
        r dbsize
    } {6}
}

start_server {tags {"aof external:skip"} overrides {appendonly yes save {} auto-aof-rewrite-percentage 0}} {
    test {History stays while aof-disable-auto-gc says so} {
        r config set aof-disable-auto-gc yes
        r set a 1
        r bgrewriteaof
        wait_for_rewrite
        r set b 2
        r bgrewriteaof
        wait_for_rewrite
        assert_equal {appendonly.aof.1.base.rdb appendonly.aof.1.incr.aof appendonly.aof.2.base.rdb appendonly.aof.2.incr.aof} [lsort [aof_manifest h]]
        assert_equal appendonly.aof.3.base.rdb [aof_manifest b]
        assert_equal appendonly.aof.3.incr.aof [aof_manifest i]
        assert_equal 7 [llength [aof_files]]
        r config set aof-disable-auto-gc no
        r bgrewriteaof
        wait_for_rewrite
        wait_for_condition 50 20 {
            [aof_files] eq {appendonly.aof.4.base.rdb appendonly.aof.4.incr.aof appendonly.aof.manifest}
        } else {
            fail "files left: [aof_files]"
        }
        assert_reload_keeps_everything
    }

    test {Numbers go on after a restart} {
        r set c 3
        restart_server 0 true false
        r bgrewriteaof
        wait_for_rewrite
        assert_equal appendonly.aof.5.base.rdb [aof_manifest b]
        assert_equal appendonly.aof.5.incr.aof [aof_manifest i]
        r config set aof-use-rdb-preamble no
        r bgrewriteaof
        wait_for_rewrite
        assert_equal appendonly.aof.6.base.aof [aof_manifest b]
        assert_reload_keeps_everything
        r dbsize
    } {3}

    test {A rewrite while it is off makes a base, and no incr file} {
        r config set appendonly no
        r set d 4
        r bgrewriteaof
        wait_for_rewrite
        assert_equal appendonly.aof.7.base.aof [aof_manifest b]
        assert_equal {} [aof_manifest i]
        assert_equal {} [temp_files]
        r set e 5
        r config set appendonly yes
        wait_for_rewrite
        assert_equal appendonly.aof.8.base.aof [aof_manifest b]
        assert_equal appendonly.aof.7.incr.aof [aof_manifest i]
        assert_reload_keeps_everything
        r dbsize
    } {5}

    test {Turned on during a save, it waits for the save's end} {
        r config set appendonly no
        r config set rdb-key-save-delay 100000
        r bgsave
        r config set appendonly yes
        assert_equal 1 [s aof_rewrite_scheduled]
        assert_equal 0 [s aof_rewrite_in_progress]
        r set f 6
        r config set rdb-key-save-delay 0
        wait_for_condition 1000 20 {
            [s rdb_bgsave_in_progress] == 0
        } else {
            fail "the save does not end"
        }
        wait_for_rewrite
        r set g 7
        assert_reload_keeps_everything
        r dbsize
    } {7}
}

# /dev/full takes nothing: what is written there fails as on a full disk.
if {[file exists /dev/full]} {
    start_server {tags {"aof external:skip"} overrides {appendonly yes save {} appendfsync everysec auto-aof-rewrite-percentage 0}} {
        test {A full disk refuses commands that write, until it takes them again} {
            r set a 1
            file link -symbolic [aof_dir]/appendonly.aof.2.incr.aof /dev/full
            r bgrewriteaof
            wait_for_rewrite
            r set b 2
            wait_for_condition 100 20 {
                [s aof_last_write_status] eq "err"
            } else {
                fail "nobody notices that the disk is full"
            }
            assert_error {MISCONF Errors writing to the AOF file: No space left on device} {r set c 3}
            assert_error {MISCONF Errors writing to the AOF file: *} {r ping}
            assert_equal 2 [r get b]
            assert_morethan [s aof_buffer_length] 0
            wait_for_log_messages 0 {"*Error writing to the AOF file: No space left on device*"} 0 10 100
            r config set appendonly no
            assert_equal PONG [r ping]
            r set c 3
            file delete [aof_dir]/appendonly.aof.2.incr.aof
            r config set appendonly yes
            wait_for_rewrite
            assert_equal ok [s aof_last_write_status]
            r set d 4
            assert_reload_keeps_everything
            r dbsize
        } {4}
    }

    start_server {tags {"aof external:skip"} overrides {appendonly yes save {} appendfsync always auto-aof-rewrite-percentage 0}} {
        test {With appendfsync always a full disk ends the server before it says what is not true} {
            r set a 1
            file link -symbolic [aof_dir]/appendonly.aof.2.incr.aof /dev/full
            r bgrewriteaof
            wait_for_rewrite
            catch {r set b 2} reply
            assert_match "*I/O error*" $reply
            wait_for_log_messages 0 {"*Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...*"} 0 50 20
        }
    }
}
