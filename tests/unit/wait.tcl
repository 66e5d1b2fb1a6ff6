# SPDX-License-Identifier: BSD-3-Clause
#
# WAIT and WAITAOF of a server without replicas: what its own files have, what ends a wait, and what is counted of it.

# The calls of a command, as INFO tells them.
proc command_calls {name} {
    regexp "cmdstat_$name:calls=(\\d+)," [r info commandstats] -> calls
    return $calls
}

# The commands of the given name in the slow log.
proc slow_commands {name} {
    return [lmap entry [r slowlog get -1] {
        if {[lindex $entry 3 0] ne $name} continue
        lindex $entry 3
    }]
}

start_server {tags {"wait" "external:skip"} overrides {save {}}} {
    test {WAIT and WAITAOF refuse what is no number, out of range or negative} {
        assert_error {ERR value is not an integer or out of range} {r wait a 0}
        assert_error {ERR timeout is not an integer or out of range} {r wait 1 9223372036854775808}
        assert_error {ERR timeout is out of range} {r wait 1 9223372036854775807}
        assert_error {ERR timeout is negative} {r wait 1 -1}
        assert_error {ERR value is out of range, value must between 0 and 1} {r waitaof 2 0 0}
        assert_error {ERR value is not an integer or out of range} {r waitaof x 0 x}
        assert_error {ERR value is out of range, must be positive} {r waitaof 0 -1 0}
        assert_error {ERR timeout is not an integer or out of range} {r waitaof 0 0 x}
        assert_error {ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.} {r waitaof 1 0 0}
    }

    test {WAIT and WAITAOF do not wait for nobody, nor where they must not} {
        assert_equal 0 [r wait 0 0]
        assert_equal 0 [r wait -1 0]
        assert_equal {0 0} [r waitaof 0 0 0]
        r multi
        r wait 1 0
        r waitaof 0 1 0
        assert_equal {0 {0 0}} [r exec]
        assert_equal 0 [r eval {return redis.call('wait', '1', '0')} 0]
        assert_equal {0 0} [r eval {return redis.call('waitaof', '0', '1', '0')} 0]
    }

    test {WAIT and WAITAOF end with their timeouts, and ask the replicas once each} {
        set before [s master_repl_offset]
        assert_equal 0 [r wait 1 10]
        assert_equal {0 0} [r waitaof 0 1 10]
        assert_equal [expr {$before + 2}] [s master_repl_offset]
    }

    foreach {name args reply} {wait {1 0} 0 waitaof {0 1 0} {0 0}} {
        test "[string toupper $name] ends by CLIENT UNBLOCK, and is counted when it ends" {
            set rd [redis_deferring_client]
            $rd client id
            set id [$rd read]
            r config resetstat
            r config set slowlog-log-slower-than 0
            r slowlog reset

            $rd $name {*}$args
            wait_for_blocked_client
            assert_equal 1 [s blocked_clients]
            assert_no_match "*cmdstat_$name:*" [r info commandstats]
            assert_equal 1 [r client unblock $id timeout]
            assert_equal $reply [$rd read]
            assert_equal 1 [command_calls $name]
            assert_equal [list [list $name {*}$args]] [slow_commands $name]

            $rd $name {*}$args
            wait_for_blocked_client
            assert_equal 1 [r client unblock $id error]
            assert_error {UNBLOCKED*} {$rd read}
            assert_equal 3 [command_calls $name] ;# an end by an error counts twice
            assert_equal 0 [s blocked_clients]

            # Who goes away while it waits is forgotten.
            $rd $name {*}$args
            wait_for_blocked_client
            $rd close
            wait_for_condition 100 20 {[s blocked_clients] == 0} else {fail "still blocked"}
            r config set slowlog-log-slower-than 10000
        }
    }

    test {WAITAOF 1 waits for the first rewrite, for a sync, and for nothing that is synced} {
        r config set appendonly yes
        r set x 1
        assert_equal {1 0} [r waitaof 1 0 0]
        assert_equal {1 0} [r waitaof 1 0 0]
        r config set appendfsync no
        r set x 2
        assert_equal {0 0} [r waitaof 1 0 10]
        set rd [redis_deferring_client]
        $rd set x 3
        $rd read
        $rd waitaof 1 0 0
        wait_for_blocked_client
        r config set appendfsync everysec
        assert_equal {1 0} [$rd read]
        $rd close
        r config set appendfsync always
        r set x 4
        assert_equal {1 0} [r waitaof 1 0 0]
    }

    test {WAITAOF 1 fails when the AOF is turned off meanwhile} {
        r config set appendfsync no
        set rd [redis_deferring_client]
        $rd set x 5
        $rd read
        $rd waitaof 1 0 0
        wait_for_blocked_client
        r config set appendonly no
        assert_error {ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.} {$rd read}
        $rd close
    }
}
