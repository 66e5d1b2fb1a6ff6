# SPDX-License-Identifier: BSD-3-Clause
#
# Expiry: the commands that set it, and how keys go when their time has come.

start_server {tags {"expire"}} {
    test {EXPIRE and its relatives set an instant} {
        set now [clock seconds]
        r set k v
        assert_equal {-1 -1 -1 -1} [list [r ttl k] [r pttl k] [r expiretime k] [r pexpiretime k]]
        assert_equal 1 [r expire k 100]
        assert_range [r ttl k] 99 100
        assert_equal 1 [r pexpire k 200000]
        assert_range [r pttl k] 190000 200000
        assert_equal 1 [r expireat k [expr {$now + 300}]]
        assert_equal [expr {$now + 300}] [r expiretime k]
        assert_equal 1 [r pexpireat k [expr {($now + 400) * 1000 + 5}]]
        assert_equal [expr {($now + 400) * 1000 + 5}] [r pexpiretime k]
    }

    test {A key that is not there has no expiry} {
        r del nothing
        list [r ttl nothing] [r pttl nothing] [r expiretime nothing] [r pexpiretime nothing] [r expire nothing 10] [r persist nothing]
    } {-2 -2 -2 -2 0 0}

    test {PERSIST takes the expiry away once} {
        r set k v ex 100
        list [r persist k] [r persist k] [r ttl k]
    } {1 0 -1}

    test {TTL is rounded, not cut} {
        r set k v px 1600
        assert_equal 2 [r ttl k]
        r set k v px 100400
        assert_equal 100 [r ttl k]
    }

    test {An instant in the past deletes at once} {
        foreach command {{expire k 0} {expire k -1} {pexpire k -100} {expireat k 1} {pexpireat k 1}} {
            r set k v
            assert_equal 1 [r {*}$command]
            assert_equal 0 [r exists k]
        }
    }

    test {EXPIRE's conditions} {
        r set k v
        assert_equal 0 [r expire k 100 xx]
        assert_equal 0 [r expire k 100 gt]
        assert_equal 1 [r expire k 100 lt]
        assert_equal 0 [r expire k 200 nx]
        assert_equal 1 [r expire k 200 gt]
        assert_equal 0 [r expire k 150 gt]
        assert_equal 0 [r expire k 250 lt]
        assert_equal 1 [r expire k 300 xx]
        assert_equal 1 [r expire k 50 xx lt]
        assert_range [r ttl k] 49 50
        r persist k
        assert_equal 1 [r expire k 70 nx]
    }

    test {EXPIRE's conditions that contradict one another} {
        r set k v
        foreach options {{nx xx} {nx gt} {nx lt}} {
            assert_error {ERR NX and XX, GT or LT options at the same time are not compatible} {r expire k 10 {*}$options}
        }
        assert_error {ERR GT and LT options at the same time are not compatible} {r expire k 10 gt lt}
        assert_error {ERR Unsupported option ab} {r expire k 10 ab}
        assert_error {ERR Unsupported option ab} {r expire k 10 xx ab}
    }

    test {EXPIRE refuses what cannot be an instant} {
        r set k v
        foreach bad {x {} 1.5 9223372036854775808} {
            assert_error {ERR value is not an integer or out of range} {r expire k $bad}
        }
        assert_error {ERR invalid expire time in 'expire' command} {r expire k 9223372036854775807}
        assert_error {ERR invalid expire time in 'expire' command} {r expire k -9223372036854775808}
        assert_error {ERR invalid expire time in 'pexpire' command} {r pexpire k 9223372036854770000}
        assert_error {ERR invalid expire time in 'expireat' command} {r expireat k 9223372036854775807}
        assert_equal 1 [r pexpireat k 9223372036854775807]
        assert_equal 9223372036854775807 [r pexpiretime k]
    }

    test {A key goes when its time has come} {
        r set k v px 30
        wait_for_condition 100 10 {[r exists k] == 0} else {fail "it stays"}
        list [r get k] [r ttl k] [r del k] [r type k]
    } {{} -2 0 none}

    test {What keeps an expiry, and what takes it away} {
        foreach {command kept} {
            {append k x} 1
            {setrange k 0 z} 1
            {set k v} 0
            {set k v keepttl} 1
            {getset k v} 0
            {getdel k} 0
            {set k v xx} 0
            {mset k v} 0
        } {
            r set k value ex 1000
            r {*}$command
            assert_equal $kept [expr {[r ttl k] > 0}] $command
        }
    }

    test {Keys go by themselves, unasked} {
        r flushdb
        for {set i 0} {$i < 500} {incr i} {r set soon:$i v px [randomRange 1 100]}
        for {set i 0} {$i < 500} {incr i} {r set late:$i v ex 1000}
        wait_for_condition 500 20 {[r dbsize] == 500} else {fail "[r dbsize] keys are left"}
        assert_equal 500 [llength [r keys late:*]]
    } {} {slow}

    test {The keyspace's line of INFO tells how many keys expire} {
        r flushdb
        r set a 1
        r set b 1 ex 100
        r set c 1 ex 300
        assert_match {keys=3,expires=2,avg_ttl=*} [s db9]
        r persist b
        assert_match {keys=3,expires=1,avg_ttl=*} [s db9]
        r del c
        assert_match {keys=2,expires=0,avg_ttl=0,*} [s db9]
    } {} {singledb:skip}

    test {An expired key that nobody has asked for yet is not seen} {
        r flushdb
        r debug set-active-expire 0
        r set k v px 10
        wait_for_condition 100 10 {[r pttl k] == -2} else {fail "it does not expire"}
        r set k2 v px 10
        wait_for_condition 100 10 {[r pttl k2] == -2} else {fail "it does not expire"}
        assert_equal {} [r keys k*]
        assert_equal {0 {}} [r scan 0 count 100]
        assert_error {ERR no such key} {r rename k other}
        assert_equal 0 [r copy k2 other]
        assert_equal 1 [r setnx k again]
        r debug set-active-expire 1
        r get k
    } {again} {needs:debug}

    test {expired_keys counts both ways of going} {
        r config resetstat
        r flushdb
        r set a v px 10
        r set b v px 10
        wait_for_condition 300 10 {[r exists a b] == 0} else {fail "they stay"}
        wait_for_condition 300 10 {[s expired_keys] == 2} else {fail "[s expired_keys] were counted"}
    } {} {external:skip}

    test {Setting an expiry makes events} {
        r config set notify-keyspace-events KEA
        set c [redis_deferring_client]
        $c psubscribe {__keyevent@9__:*}
        $c read
        r set k v
        r expire k 100
        r persist k
        r pexpire k 10
        foreach event {set expire persist expire} {
            assert_equal [list pmessage __keyevent@9__:* __keyevent@9__:$event k] [$c read]
        }
        assert_equal [list pmessage __keyevent@9__:* __keyevent@9__:expired k] [$c read]
        r set k v
        assert_match {*:set k} [$c read]
        r expire k -1
        assert_match {*:del k} [$c read]
        $c close
    } {0} {external:skip singledb:skip needs:pubsub}

    test {A hundred thousand keys expire together, and the server keeps answering} {
        r flushdb
        set c [redis_deferring_client]
        set at [expr {[clock milliseconds] + 1500}]
        for {set i 0} {$i < 100000} {incr i} {
            $c set burst:$i v pxat $at
            if {$i >= 1000} {$c read}
        }
        for {set i 0} {$i < 1000} {incr i} {$c read}
        $c close
        wait_for_condition 2000 10 {[r ping] eq "PONG" && [r dbsize] == 0} else {fail "[r dbsize] keys are left"}
    } {} {slow}
}
