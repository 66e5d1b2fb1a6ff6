# SPDX-License-Identifier: BSD-3-Clause
#
# Keys, whatever they hold: DEL, RENAME, COPY, MOVE, KEYS, databases.

start_server {tags {"keyspace"}} {
    test {DEL and UNLINK count what they found} {
        r mset a 1 b 2 c 3 d 4
        list [r del a nothing b a] [r unlink c d d] [r dbsize]
    } {2 2 0}

    test {EXISTS and TOUCH count a key as often as it is named} {
        r mset a 1 b 2
        list [r exists a b a nothing] [r touch a b a nothing] [r exists nothing]
    } {3 3 0}

    test {TYPE of a string and of nothing} {
        r set a 1
        list [r type a] [r type nothing]
    } {string none}

    test {RENAME moves value and expiry} {
        r flushdb
        r set a v ex 100
        r rename a b
        assert_range [r ttl b] 90 100
        list [r exists a] [r get b]
    } {0 v}

    test {RENAME over a key takes its expiry away} {
        r set a v
        r set b w ex 100
        r rename a b
        list [r get b] [r ttl b]
    } {v -1}

    test {RENAME to itself, and of nothing} {
        r set a v
        assert_equal OK [r rename a a]
        assert_error {ERR no such key} {r rename nothing b}
        assert_error {ERR no such key} {r rename nothing nothing}
        r get a
    } {v}

    test {RENAMENX does not overwrite} {
        r mset a 1 b 2
        assert_equal 0 [r renamenx a b]
        assert_equal 0 [r renamenx a a]
        assert_error {ERR no such key} {r renamenx nothing c}
        assert_equal 1 [r renamenx a c]
        r mget a b c
    } {{} 2 1}

    test {COPY copies value and expiry, and overwrites with REPLACE only} {
        r flushdb
        r set a v ex 100
        assert_equal 1 [r copy a b]
        assert_range [r ttl b] 90 100
        r set b changed
        assert_equal v [r get a]
        assert_equal 0 [r copy a b]
        assert_equal 1 [r copy a b replace]
        assert_equal v [r get b]
        assert_equal 0 [r copy nothing c]
        assert_error {ERR source and destination objects are the same} {r copy a a}
        assert_error {ERR syntax error} {r copy a b bogus}
    }

    test {COPY into another database} {
        r flushdb
        r set a v
        assert_equal 1 [r copy a a db 10]
        r select 10
        assert_equal v [r get a]
        r del a
        r select 9
        assert_error {ERR DB index is out of range} {r copy a b db 16}
        assert_error {ERR *} {r copy a b db x}
    } {*} {singledb:skip}

    test {MOVE} {
        r flushdb
        r set a v ex 100
        assert_equal 1 [r move a 10]
        assert_equal 0 [r exists a]
        r select 10
        assert_range [r ttl a] 90 100
        r select 9
        r set a other
        assert_equal 0 [r move a 10]
        assert_error {ERR source and destination objects are the same} {r move a 9}
        assert_error {ERR DB index is out of range} {r move a 16}
        assert_error {ERR value is not an integer or out of range} {r move a x}
        assert_equal 0 [r move nothing 10]
        r select 10
        r del a
        r select 9
    } {OK} {singledb:skip}

    test {SELECT knows its databases} {
        assert_error {ERR DB index is out of range} {r select 16}
        assert_error {ERR DB index is out of range} {r select -1}
        assert_error {ERR value is not an integer or out of range} {r select x}
        r select 9
    } {OK} {singledb:skip}

    test {SWAPDB swaps what all clients see} {
        r flushall
        set other [redis_client]
        r set k nine
        $other select 10
        $other set k ten
        assert_equal OK [r swapdb 9 10]
        assert_equal ten [r get k]
        assert_equal nine [$other get k]
        assert_equal OK [r swapdb 10 9]
        assert_equal OK [r swapdb 9 9]
        assert_equal nine [r get k]
        $other flushdb
        $other close
        assert_error {ERR DB index is out of range} {r swapdb 0 16}
        assert_error {ERR invalid first DB index} {r swapdb a 1}
        assert_error {ERR invalid second DB index} {r swapdb 1 b}
    } {} {singledb:skip}

    test {FLUSHDB empties one database, FLUSHALL all} {
        r flushall
        r set a 1
        r select 10
        r set b 2
        r flushdb
        assert_equal 0 [r dbsize]
        r set b 2
        r select 9
        assert_equal 1 [r dbsize]
        assert_equal OK [r flushall async]
        r select 10
        assert_equal 0 [r dbsize]
        r select 9
        assert_equal OK [r flushdb sync]
        assert_error {ERR syntax error} {r flushdb later}
        assert_error {ERR syntax error} {r flushall sync async}
    } {} {singledb:skip}

    test {KEYS understands glob patterns} {
        r flushdb
        foreach key {hello hallo hxllo hllo heello h*llo h?llo {h[llo} foo:1 foo:2 foo:10 {}} {r set $key 1}
        foreach {pattern want} {
            h?llo        {h*llo h?llo hallo hello {h[llo} hxllo}
            h*llo        {h*llo h?llo hallo heello hello hllo {h[llo} hxllo}
            {h[ae]llo}   {hallo hello}
            {h[^e]llo}   {h*llo h?llo hallo {h[llo} hxllo}
            {h[a-b]llo}  {hallo}
            {h[b-a]llo}  {hallo}
            {h\*llo}     {h*llo}
            {h\[llo}     {{h[llo}}
            foo:*        {foo:1 foo:10 foo:2}
            {foo:[0-9]}  {foo:1 foo:2}
            *10          {foo:10}
            nothing*     {}
            {}           {{}}
            HELLO        {}
        } {
            assert_equal [lsort $want] [lsort [r keys $pattern]] $pattern
        }
        llength [r keys *]
    } {12}

    test {KEYS with a hostile pattern ends soon} {
        r flushdb
        r set [string repeat a 60] 1
        r keys [string repeat *a 30]b
    } {}

    test {RANDOMKEY finds each of a few keys} {
        r flushdb
        assert_equal {} [r randomkey]
        r mset a 1 b 2 c 3
        set seen {}
        for {set i 0} {$i < 200} {incr i} {dict set seen [r randomkey] 1}
        lsort [dict keys $seen]
    } {a b c}

    test {RANDOMKEY answers though nearly all keys have expired} {
        r flushdb
        r debug set-active-expire 0
        for {set i 0} {$i < 100} {incr i} {r psetex k$i 1 v}
        r set stays v
        wait_for_condition 100 10 {[r exists k0 k50 k99] == 0} else {fail "keys did not expire"}
        set key [r randomkey]
        r debug set-active-expire 1
        assert {$key eq "stays" || $key eq {}}
    } {} {needs:debug}

    test {DBSIZE follows a long random life} {
        r flushdb
        set model {}
        for {set i 0} {$i < 3000} {incr i} {
            set key key:[randomInt 500]
            switch [randomInt 5] {
                0 - 1 {r set $key $i; dict set model $key $i}
                2 {assert_equal [dict exists $model $key] [r del $key]; dict unset model $key}
                3 {assert_equal [expr {[dict exists $model $key] ? [dict get $model $key] : {}}] [r get $key]}
                4 {
                    set to key:[randomInt 500]
                    if {[dict exists $model $key]} {
                        r rename $key $to
                        set value [dict get $model $key]
                        dict unset model $key
                        dict set model $to $value
                    }
                }
            }
        }
        assert_equal [dict size $model] [r dbsize]
        assert_equal [lsort [dict keys $model]] [lsort [r keys *]]
        dict for {key value} $model {assert_equal $value [r get $key]}
    }

    test {A hundred thousand keys come and go} {
        r flushdb
        populate 100000 many: 10
        assert_equal 100000 [r dbsize]
        set c [redis_deferring_client]
        for {set i 0} {$i < 100000} {incr i 2} {$c del many:$i}
        for {set i 0} {$i < 100000} {incr i 2} {$c read}
        $c close
        assert_equal 50000 [r dbsize]
        assert_equal {{} AAAAAAAAAA} [r mget many:500 many:501]
        r flushdb
        r dbsize
    } {0}

    test {used_memory falls back when the keys go} {
        r flushdb
        set before [s used_memory]
        populate 20000 mem: 100
        set full [s used_memory]
        r flushdb
        wait_lazyfree_done r
        set after [s used_memory]
        assert_morethan [expr {$full - $before}] 2000000
        assert_lessthan [expr {$after - $before}] 1000000
    }

    test {OBJECT tells about a key} {
        r set n 1
        r set o text
        assert_equal int [r object encoding n]
        assert_equal embstr [r object encoding o]
        assert_range [r object idletime o] 0 5
        assert_equal {} [r object encoding nothing]
        assert_error {ERR An LFU maxmemory policy is not selected*} {r object freq o}
        assert_morethan [llength [r object help]] 5
    } {} {external:skip}

    test {OBJECT IDLETIME is not touched by what only looks} {
        r set o text
        wait_for_condition 300 20 {[r object idletime o] >= 2} else {fail "idletime does not grow"}
        r exists o
        r type o
        r ttl o
        assert_morethan_equal [r object idletime o] 2
        r get o
        assert_lessthan [r object idletime o] 2
        r client no-touch on
        wait_for_condition 300 20 {[r object idletime o] >= 2} else {fail "idletime does not grow"}
        r get o
        assert_morethan_equal [r object idletime o] 2
        r client no-touch off
    } {OK} {slow}

    test {MEMORY USAGE grows with the value} {
        r set small x
        r set big [string repeat x 10000]
        assert_lessthan [r memory usage small] 200
        assert_range [r memory usage big] 10000 20000
        assert_equal {} [r memory usage nothing]
        assert_error {ERR syntax error} {r memory usage small bogus}
    }

    test {Keyspace hits and misses are counted} {
        r config resetstat
        r set k v
        r get k
        r get nothing
        r exists k nothing
        assert_equal {2 2} [list [s keyspace_hits] [s keyspace_misses]]
    } {} {external:skip}
}
