# SPDX-License-Identifier: BSD-3-Clause
#
# A little of everything, quickly: what tests/cross runs on an emulated machine.

start_server {tags {"smoke"}} {
    test {Values of each kind come back} {
        foreach value {{} 0 -1 127 128 -32769 2147483648 -9223372036854775808 1.5 text} {
            r set k $value
            assert_equal $value [r get k]
        }
        r set k [string repeat x 100000]
        assert_equal 100000 [r strlen k]
    }

    test {Numbers} {
        r set n 9223372036854775800
        assert_equal 9223372036854775807 [r incrby n 7]
        assert_error {ERR increment or decrement would overflow} {r incr n}
        r set f 10.5
        assert_equal 10.6 [r incrbyfloat f 0.1]
    }

    test {Expiry} {
        r set e v px 4102444800123
        assert_morethan [r pttl e] 4000000000000
        r pexpireat e 4102444800123
        assert_equal 4102444800123 [r pexpiretime e]
        r set e v px 5
        wait_for_condition 1000 10 {[r exists e] == 0} else {fail "it stays"}
    }

    test {Many keys, found again one by one and by SCAN} {
        r flushdb
        populate 3000 key: 20
        assert_equal 3000 [r dbsize]
        set cursor 0
        set found {}
        while {1} {
            lassign [r scan $cursor count 200] cursor keys
            lappend found {*}$keys
            if {$cursor == 0} break
        }
        assert_equal 3000 [llength [lsort -unique $found]]
        assert_equal AAAAAAAAAAAAAAAAAAAA [r get key:1234]
        for {set i 0} {$i < 3000} {incr i 3} {r del key:$i}
        assert_equal 2000 [r dbsize]
    }

    test {INFO, CONFIG, COMMAND and CLIENT answer} {
        assert_equal 9 [dict get [client_fields [r client info]] db]
        assert_morethan [r command count] 20
        assert_equal {hz 10} [r config get hz]
        assert_match *redis_version:8* [r info]
    }

    test {RESP3} {
        r hello 3
        assert_equal 3 [dict get [r hello] proto]
        r hello 2
    } {*}
}
