# SPDX-License-Identifier: BSD-3-Clause
#
# SCAN: every key that is there all the time is returned, whatever happens meanwhile.

# A whole iteration; the keys it returned, each as often as it came.
proc scan_all {args} {
    set cursor 0
    set keys {}
    set calls 0
    while {1} {
        lassign [r scan $cursor {*}$args] cursor found
        lappend keys {*}$found
        if {$cursor == 0} break
        if {[incr calls] > 100000} {fail "the iteration does not end"}
        # A test may change the keyspace between two calls.
        uplevel 1 {if {[info exists between]} {eval $between}}
    }
    return $keys
}

start_server {tags {"scan"}} {
    test {SCAN of nothing} {
        r flushdb
        r scan 0
    } {0 {}}

    test {SCAN returns every key} {
        r flushdb
        populate 1000 k:
        assert_equal [lsort [r keys *]] [lsort -unique [scan_all]]
    }

    test {SCAN with COUNT returns about as many} {
        set keys {}
        set cursor 0
        set calls 0
        while {1} {
            lassign [r scan $cursor count 100] cursor found
            assert_lessthan [llength $found] 1000
            lappend keys {*}$found
            incr calls
            if {$cursor == 0} break
        }
        assert_range $calls 3 40
        assert_equal 1000 [llength [lsort -unique $keys]]
        assert_equal 1000 [llength [lsort -unique [scan_all count 1]]]
        assert_equal 1000 [llength [lsort -unique [scan_all count 100000]]]
    }

    test {SCAN with MATCH} {
        r flushdb
        populate 300 a:
        populate 200 b:
        assert_equal 300 [llength [lsort -unique [scan_all match a:*]]]
        assert_equal {} [scan_all match c:*]
        assert_equal {b:17} [lsort -unique [scan_all match b:17 count 50]]
    }

    test {SCAN with TYPE string} {
        r flushdb
        populate 100 str:
        assert_equal 100 [llength [lsort -unique [scan_all type string]]]
        assert_equal {} [scan_all type zset]
    }

    test {SCAN with TYPE of other types} {
        r rpush list a
        r sadd set a
        assert_equal {list} [lsort -unique [scan_all type list]]
        assert_equal {set} [lsort -unique [scan_all type SET match s*]]
    } {} {needs:list needs:set}

    test {SCAN refuses what it does not understand} {
        assert_error {ERR invalid cursor} {r scan x}
        assert_error {ERR invalid cursor} {r scan -1}
        assert_error {ERR syntax error} {r scan 0 count}
        assert_error {ERR syntax error} {r scan 0 count 0}
        assert_error {ERR syntax error} {r scan 0 bogus 1}
        assert_error {ERR value is not an integer or out of range} {r scan 0 count x}
    }

    test {Any cursor is answered} {
        populate 100
        foreach cursor {1 12345 18446744073709551615 9223372036854775808 281474976710655} {
            assert_equal 2 [llength [r scan $cursor]]
        }
    }

    test {SCAN sees all that stays while other keys are written} {
        r flushdb
        populate 2000 stay:
        set n 0
        set between {
            for {set j 0} {$j < 20} {incr j} {r set new:[incr n] v}
        }
        set found [lsort -unique [scan_all count 20]]
        unset between
        assert_morethan $n 500
        assert_equal 2000 [llength [lsearch -all -glob $found stay:*]]
    }

    test {SCAN sees all that stays while other keys are deleted} {
        r flushdb
        populate 1000 stay:
        populate 20000 go:
        set n 0
        set between {
            for {set j 0} {$j < 100 && $n < 20000} {incr j} {r del go:$n; incr n}
        }
        set found [lsort -unique [scan_all count 50]]
        unset between
        assert_equal 1000 [llength [lsearch -all -glob $found stay:*]]
    }

    test {SCAN of a keyspace that is emptied meanwhile ends} {
        r flushdb
        populate 5000
        lassign [r scan 0 count 100] cursor
        r flushdb
        while {$cursor != 0} {lassign [r scan $cursor count 100] cursor found}
        set found
    } {}

    test {SCAN leaves out what has expired} {
        r flushdb
        r debug set-active-expire 0
        populate 50 stay:
        for {set i 0} {$i < 50} {incr i} {r psetex go:$i 1 v}
        wait_for_condition 100 10 {[r pttl go:49] == -2} else {fail "no expiry"}
        set found [lsort -unique [scan_all]]
        r debug set-active-expire 1
        assert_equal 50 [llength $found]
    } {} {needs:debug}

    test {Several iterations at once do not disturb one another} {
        r flushdb
        populate 1000 k:
        set cursors {}
        set seen {}
        for {set i 0} {$i < 10} {incr i} {
            dict set cursors $i 0
            dict set seen $i {}
        }
        while {[dict size $cursors]} {
            set i [lindex [dict keys $cursors] [randomInt [dict size $cursors]]]
            lassign [r scan [dict get $cursors $i] count 17] cursor found
            dict lappend seen $i {*}$found
            if {$cursor == 0} {dict unset cursors $i} else {dict set cursors $i $cursor}
        }
        dict for {i keys} $seen {assert_equal 1000 [llength [lsort -unique $keys]]}
    }
}

start_server {tags {"scan redport-only"}} {
    test {SCAN returns no key twice, though the keyspace grows and shrinks} {
        populate 3000 stay:
        set n 0
        set between {
            for {set j 0} {$j < 50} {incr j} {r set new:[incr n] v}
            for {set j 0} {$j < 40} {incr j} {r del new:[randomInt $n]}
        }
        set found [scan_all count 20]
        unset between
        assert_equal [llength $found] [llength [lsort -unique $found]]
    }
}
