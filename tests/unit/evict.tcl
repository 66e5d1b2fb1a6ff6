# SPDX-License-Identifier: BSD-3-Clause
#
# maxmemory: which keys go, and what is refused when none can.

# Sets a limit that leaves `room` bytes above what is used now.
proc limit_memory {room} {
    r config set maxmemory [expr {[s used_memory] + $room}]
}

# Writes keys of a kilobyte until the server has evicted some.
proc write_until_evicting {prefix options {max 20000}} {
    set before [s evicted_keys]
    for {set i 0} {$i < $max} {incr i} {
        r set $prefix$i [string repeat x 1000] {*}$options
        if {$i % 50 == 0 && [s evicted_keys] > $before} {return $i}
    }
    fail "nothing was evicted in $max writes"
}

start_server {tags {"evict external:skip"} overrides {maxmemory-policy noeviction}} {
    test {noeviction refuses what needs memory, and nothing else} {
        r config set maxmemory 0
        r flushall
        r config set maxmemory-policy noeviction
        r set k v
        r config set maxmemory 1
        assert_error {OOM command not allowed when used memory > 'maxmemory'.} {r set k w}
        assert_error {OOM *} {r append k x}
        assert_error {OOM *} {r incr n}
        assert_equal v [r get k]
        assert_equal 1 [r expire k 100]
        assert_equal 1 [r del k]
        assert_equal PONG [r ping]
        r config set maxmemory 0
        r set k w
    } {OK}

    test {The refused command is counted among the errors} {
        r config resetstat
        r config set maxmemory 1
        catch {r set k w}
        r config set maxmemory 0
        assert_match {count=1} [errorrstat OOM r]
        assert_match {*rejected_calls=1,*} [cmdrstat set r]
    }

    foreach policy {allkeys-lru allkeys-lfu allkeys-random} {
        test "$policy keeps the limit, and the server working" {
            r config set maxmemory 0
            r flushall
            r config set maxmemory-policy $policy
            limit_memory 3000000
            set limit [lindex [r config get maxmemory] 1]
            write_until_evicting k: {}
            for {set i 0} {$i < 2000} {incr i} {r set more:$i [string repeat y 1000]}
            assert_lessthan_equal [s used_memory] [expr {$limit + 200000}]
            assert_morethan [r dbsize] 1000
            assert_equal 1 [r exists more:1999]
            r config set maxmemory 0
        } {OK}
    }

    foreach policy {volatile-lru volatile-lfu volatile-random volatile-ttl} {
        test "$policy takes keys that expire only" {
            r config set maxmemory 0
            r flushall
            r config set maxmemory-policy $policy
            for {set i 0} {$i < 500} {incr i} {r set stays:$i [string repeat s 1000]}
            limit_memory 2000000
            write_until_evicting goes: {ex 10000}
            assert_equal 500 [llength [r keys stays:*]]
            # Once none is left, a write is refused.
            r config set maxmemory 1
            wait_for_condition 500 10 {[catch {r set stays:new x} e] && [string match "OOM *" $e]} else {fail "it is not refused: $e"}
            r config set maxmemory 0
            r del stays:new
            assert_equal 0 [llength [r keys goes:*]]
            assert_equal 500 [llength [r keys stays:*]]
            r config set maxmemory 0
        } {OK}
    }

    test {allkeys-lru prefers keys that were not used for long} {
        r config set maxmemory 0
        r flushall
        r config set maxmemory-policy allkeys-lru
        r config set maxmemory-samples 10
        for {set i 0} {$i < 1000} {incr i} {r set old:$i [string repeat o 1000]}
        # The clock of LRU counts seconds.
        wait_for_condition 300 20 {[r object idletime old:0] >= 2} else {fail "idletime does not grow"}
        for {set i 0} {$i < 1000} {incr i} {r set hot:$i [string repeat h 1000]}
        limit_memory 10000
        for {set i 0} {$i < 300} {incr i} {r set last:$i [string repeat n 1000]}
        set old [llength [r keys old:*]]
        set hot [llength [r keys hot:*]]
        assert_lessthan $old 800
        assert_morethan $hot 970
        r config set maxmemory 0
        r config set maxmemory-samples 5
    } {OK} {slow}

    test {allkeys-lfu prefers keys that were used little} {
        r config set maxmemory 0
        r flushall
        r config set maxmemory-policy allkeys-lfu
        r config set maxmemory-samples 10
        for {set i 0} {$i < 500} {incr i} {r set rare:$i [string repeat o 1000]}
        for {set i 0} {$i < 500} {incr i} {r set often:$i [string repeat o 1000]}
        for {set n 0} {$n < 40} {incr n} {
            for {set i 0} {$i < 500} {incr i 50} {r mget {*}[lmap k {0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49} {string cat often: [expr {$i + $k}]}]}
        }
        assert_morethan [r object freq often:7] [r object freq rare:7]
        limit_memory 10000
        for {set i 0} {$i < 200} {incr i} {
            r set new:$i [string repeat n 1000]
            r get new:$i
        }
        assert_morethan [llength [r keys often:*]] 480
        r config set maxmemory 0
        r config set maxmemory-samples 5
    } {OK}

    test {volatile-ttl prefers what expires soonest} {
        r config set maxmemory 0
        r flushall
        r config set maxmemory-policy volatile-ttl
        r config set maxmemory-samples 10
        for {set i 0} {$i < 500} {incr i} {r set late:$i [string repeat o 1000] ex 100000}
        for {set i 0} {$i < 500} {incr i} {r set soon:$i [string repeat o 1000] ex 1000}
        limit_memory 10000
        for {set i 0} {$i < 250} {incr i} {r set new:$i [string repeat n 1000]}
        assert_morethan [llength [r keys late:*]] 480
        assert_lessthan [llength [r keys soon:*]] 350
        r config set maxmemory 0
        r config set maxmemory-samples 5
    } {OK}

    test {A lower limit takes effect at once} {
        r config set maxmemory 0
        r flushall
        r config set maxmemory-policy allkeys-random
        populate 5000 k: 1000
        limit_memory -2000000
        wait_for_condition 500 10 {[s used_memory] <= [lindex [r config get maxmemory] 1] + 100000} else {fail "memory stays: [s used_memory] of [lindex [r config get maxmemory] 1]"}
        assert_lessthan [r dbsize] 5000
        r config set maxmemory 0
    } {OK}

    test {maxmemory takes units, and says what it is} {
        foreach {text bytes} {1k 1000 1kb 1024 2mb 2097152 1GB 1073741824 5000000000 5000000000 0 0} {
            r config set maxmemory-policy allkeys-random
            r config set maxmemory $text
            assert_equal $bytes [lindex [r config get maxmemory] 1]
        }
        assert_error {ERR *} {r config set maxmemory lots}
        assert_equal 0 [s maxmemory]
        assert_error {ERR *} {r config set maxmemory-policy never}
        assert_error {ERR *} {r config set maxmemory-samples 0}
    }

    test {OBJECT FREQ needs an LFU policy, IDLETIME any other} {
        r config set maxmemory-policy allkeys-lfu
        r set k v
        assert_range [r object freq k] 1 10
        assert_error {ERR An LFU maxmemory policy is selected*} {r object idletime k}
        r config set maxmemory-policy noeviction
        r set k v
        assert_range [r object idletime k] 0 100000
    }
}

start_server {tags {"evict external:skip"} overrides {maxmemory-policy allkeys-lru io-threads 3}} {
    test {An unfinished command counts against maxmemory before cron looks} {
        r flushall
        for {set i 0} {$i < 40} {incr i} {r setrange k$i 100000 x}
        limit_memory 2000000
        set c [redis_deferring_client]
        $c write "*3\r\n\$3\r\nSET\r\n\$1\r\na\r\n\$6000000\r\n[string repeat x 5000000]"
        $c flush
        wait_for_condition 200 10 {[s evicted_keys] > 0} else {fail "nothing was evicted"}
        $c close
    }

    test {Clients are spread over the I/O threads, and what the main thread keeps is in none} {
        foreach i {1 2 3} {set c$i [redis_client]}
        set n {}
        foreach i {0 1 2} {
            regexp "io_thread_$i:clients=(\\d+)" [r info threads] -> x
            lappend n $x
        }
        assert_equal {0 2 2} $n
        set d [redis_deferring_client]
        $d subscribe x
        $d read
        assert_match {*io_thread_0:clients=1,*} [r info threads]
        assert_match {*io-thread=0*} [r client list type pubsub]
        foreach c [list $c1 $c2 $c3 $d] {$c close}
    }
}
