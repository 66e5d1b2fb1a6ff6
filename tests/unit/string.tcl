# SPDX-License-Identifier: BSD-3-Clause
#
# Strings: SET and its options, numbers, ranges, several keys at once, encodings.

start_server {tags {"string"}} {
    # --- SET, GET ---

    test {SET replaces whatever was there, its expiry included} {
        r set k old ex 100
        r set k new
        list [r get k] [r ttl k]
    } {new -1}

    test {SET KEEPTTL keeps the expiry} {
        r set k v1 ex 100
        r set k v2 keepttl
        assert_range [r ttl k] 90 100
        r get k
    } {v2}

    test {SET takes an expiry in four forms} {
        set now [clock seconds]
        r set k v ex 50
        assert_range [r ttl k] 49 50
        r set k v px 50000
        assert_range [r pttl k] 40000 50000
        r set k v exat [expr {$now + 200}]
        assert_equal [expr {$now + 200}] [r expiretime k]
        r set k v pxat [expr {($now + 300) * 1000 + 7}]
        assert_equal [expr {($now + 300) * 1000 + 7}] [r pexpiretime k]
    }

    test {SET refuses an expiry that is no positive number in range} {
        foreach option {ex px exat pxat} {
            foreach bad {0 -1 -100} {
                assert_error {ERR invalid expire time in 'set' command} {r set k v $option $bad}
            }
            foreach bad {x 1.5 {} " 1" 9223372036854775808} {
                assert_error {ERR value is not an integer or out of range} {r set k v $option $bad}
            }
        }
        assert_error {ERR invalid expire time in 'set' command} {r set k v ex 9223372036854775807}
        assert_error {ERR invalid expire time in 'set' command} {r set k v px 9223372036854775807}
    }

    test {SET refuses options that contradict one another} {
        foreach options {{nx xx} {ex 1 px 1} {ex 1 keepttl} {keepttl px 5} {ex 5 ex} {nx nx xx} {bogus} {ex 10 exat 100} {persist}} {
            assert_error {ERR syntax error} {r set k v {*}$options}
        }
    }

    test {SET with an instant that has gone deletes the key} {
        r set k v
        assert_equal OK [r set k v2 exat 1]
        list [r get k] [r exists k]
    } {{} 0}

    test {SET NX and XX tell whether they did something} {
        r del k
        assert_equal {} [r set k v xx]
        assert_equal 0 [r exists k]
        assert_equal OK [r set k v1 nx]
        assert_equal {} [r set k v2 nx]
        assert_equal OK [r set k v3 xx]
        r get k
    } {v3}

    test {SET GET returns what was there} {
        r del k
        assert_equal {} [r set k v1 get]
        assert_equal v1 [r set k v2 get]
        assert_equal v2 [r set k v3 nx get]
        assert_equal v2 [r get k]
        assert_equal v2 [r set k v4 xx get ex 100]
        assert_equal v4 [r get k]
        r del k
        assert_equal {} [r set k v5 nx get]
        r get k
    } {v5}

    test {SET's options may come in any order and case} {
        r del k
        assert_equal {} [r set k v GeT eX 100 Nx]
        assert_range [r ttl k] 99 100
    }

    test {GET of another type is an error, SET replaces it} {
        r del k
        r rpush k a
        assert_error {WRONGTYPE Operation against a key holding the wrong kind of value} {r get k}
        assert_error {WRONGTYPE *} {r set k v get}
        assert_equal list [r type k]
        assert_error {WRONGTYPE *} {r append k x}
        assert_error {WRONGTYPE *} {r incr k}
        assert_error {WRONGTYPE *} {r strlen k}
        r set k v
        r type k
    } {string} {needs:list}

    test {Values of all sizes come back as they were} {
        foreach size {0 1 11 12 43 44 45 63 64 127 128 129 255 256 4095 16383 16384 65535 65536 1000000 5000000} {
            set value [string repeat [format %c [expr {33 + $size % 90}]] $size]
            r set v:$size $value
            assert_equal $size [r strlen v:$size]
            assert {[r get v:$size] eq $value}
        }
    }

    test {Keys of all sizes are found again} {
        foreach size {0 1 2 15 16 17 31 32 63 64 65 255 256 1023 65535 65536 200000} {
            set key [string repeat k $size]
            r set $key $size
            assert_equal $size [r get $key]
            assert_equal 1 [r del $key]
            assert_equal 0 [r exists $key]
        }
    }

    test {Growing, shrinking and growing a value again} {
        foreach size {10 1000 10 100000 100 70000 1} {
            r set grows [string repeat g $size]
            assert_equal $size [r strlen grows]
        }
        r get grows
    } {g}

    test {SETNX sets only what is not there} {
        r del k
        list [r setnx k a] [r setnx k b] [r get k]
    } {1 0 a}

    test {SETEX and PSETEX} {
        r setex k 100 a
        assert_range [r ttl k] 99 100
        r psetex k 100000 b
        assert_range [r pttl k] 90000 100000
        assert_error {ERR invalid expire time in 'setex' command} {r setex k 0 v}
        assert_error {ERR invalid expire time in 'psetex' command} {r psetex k -5 v}
        assert_error {ERR value is not an integer or out of range} {r setex k ten v}
        r get k
    } {b}

    test {GETSET keeps no expiry} {
        r set k a ex 100
        list [r getset k b] [r ttl k] [r get k]
    } {a -1 b}

    test {GETDEL takes the value away} {
        r set k a
        list [r getdel k] [r getdel k] [r exists k]
    } {a {} 0}

    test {GETEX sets, keeps and removes an expiry} {
        r set k v
        assert_equal v [r getex k ex 100]
        assert_range [r ttl k] 99 100
        assert_equal v [r getex k]
        assert_range [r ttl k] 99 100
        assert_equal v [r getex k persist]
        assert_equal -1 [r ttl k]
        assert_equal v [r getex k pxat 4102444800123]
        assert_equal 4102444800123 [r pexpiretime k]
        assert_equal v [r getex k exat 1]
        assert_equal 0 [r exists k]
        assert_equal {} [r getex k ex 10]
        assert_error {ERR syntax error} {r getex k ex 10 persist}
        assert_error {ERR syntax error} {r getex k keepttl}
        assert_error {ERR syntax error} {r getex k nx}
    }

    # --- Several keys ---

    test {MSET and MGET} {
        r mset {m1} a {m2} b {m3} c
        r del gone
        r mget m1 gone m3 m2 m1
    } {a {} c b a}

    test {MSET wants pairs} {
        assert_error {ERR wrong number of arguments for 'mset' command} {r mset a 1 b}
        assert_error {ERR wrong number of arguments for 'msetnx' command} {r msetnx a 1 b}
        assert_error {ERR wrong number of arguments for 'mset' command} {r mset a}
    }

    test {The last of equal keys in one MSET wins} {
        r mset same 1 same 2 same 3
        r get same
    } {3}

    test {MSET removes expiries} {
        r set e v ex 100
        r mset e w
        r ttl e
    } {-1}

    test {MSETNX sets all or nothing} {
        r del n1 n2 n3
        assert_equal 1 [r msetnx n1 a n2 b]
        assert_equal 0 [r msetnx n2 x n3 y]
        r mget n1 n2 n3
    } {a b {}}

    test {MGET answers null for a key of another type} {
        r del l
        r rpush l x
        r set s y
        r mget s l
    } {y {}} {needs:list}

    # --- Numbers ---

    test {INCR and DECR begin at zero} {
        r del i
        list [r incr i] [r incrby i 41] [r decr i] [r decrby i 40] [r get i]
    } {1 42 41 1 1}

    test {Numbers reach to both ends of 64 bits, and not over} {
        r set i 9223372036854775806
        assert_equal 9223372036854775807 [r incr i]
        assert_error {ERR increment or decrement would overflow} {r incr i}
        r set i -9223372036854775807
        assert_equal -9223372036854775808 [r decr i]
        assert_error {ERR increment or decrement would overflow} {r decr i}
        assert_error {ERR increment or decrement would overflow} {r decrby i 9223372036854775807}
        assert_error {ERR decrement would overflow} {r decrby i -9223372036854775808}
        assert_equal -9223372036854775808 [r get i]
    }

    test {What is no plain decimal integer is none for INCR} {
        foreach value {{} a 1a {1 } { 1} 1.0 +1 01 -0 0x10 9223372036854775808 1e3} {
            r set i $value
            assert_error {ERR value is not an integer or out of range} {r incr i} $value
            assert_equal $value [r get i]
        }
        assert_error {ERR value is not an integer or out of range} {r incrby i 1.5}
    }

    test {INCR keeps the expiry} {
        r set i 1 ex 100
        r incr i
        assert_range [r ttl i] 90 100
    }

    test {INCRBYFLOAT} {
        r set f 10.50
        assert_equal 10.6 [r incrbyfloat f 0.1]
        assert_equal 5.6 [r incrbyfloat f -5]
        r set f 5.0e3
        assert_equal 5200 [r incrbyfloat f 2.0e2]
        r set f 3
        assert_equal 3.5 [r incrbyfloat f .5]
        assert_equal 4 [r incrbyfloat f 0.5]
        r del f
        assert_equal 0.1 [r incrbyfloat f 0.1]
        assert_equal 100000000000000000000 [r incrbyfloat big 100000000000000000000]
        r del big
    }

    test {INCRBYFLOAT refuses what is no finite number} {
        r set f x
        assert_error {ERR value is not a valid float} {r incrbyfloat f 1}
        r set f 1
        foreach bad {x {} " 1" "1 " nan 1.2.3} {
            assert_error {ERR value is not a valid float} {r incrbyfloat f $bad} $bad
        }
        assert_error {ERR increment would produce NaN or Infinity} {r incrbyfloat f inf}
        r get f
    } {1}

    # --- Parts of a string ---

    test {APPEND makes and lengthens a string} {
        r del a
        list [r append a foo] [r append a {}] [r append a barbaz] [r get a]
    } {3 3 9 foobarbaz}

    test {APPEND to a number} {
        r set a 12
        r append a 3
        assert_equal 124 [r incr a]
        r append a x
        r get a
    } {124x}

    test {Many small APPENDs} {
        r del a
        set want {}
        for {set i 0} {$i < 2000} {incr i} {
            r append a $i,
            append want $i,
        }
        assert {[r get a] eq $want}
    }

    test {STRLEN of nothing, of a number, of bytes} {
        r del nothing
        r set n -1234
        r set b "\x00\xff\r\n"
        list [r strlen nothing] [r strlen n] [r strlen b]
    } {0 5 4}

    test {GETRANGE counts from both ends} {
        r set g "This is a string"
        list [r getrange g 0 3] [r getrange g -3 -1] [r getrange g 5 100] [r getrange g 100 200] [r getrange g 3 1] [r getrange g -100 3] [r getrange g 0 -100] [r substr g 0 0]
    } {This ing {is a string} {} {} This T T}

    test {GETRANGE of a number and of nothing} {
        r set g 123456
        r del nothing
        list [r getrange g 1 2] [r getrange nothing 0 -1]
    } {23 {}}

    test {GETRANGE agrees with a model on random ranges} {
        for {set i 0} {$i < 300} {incr i} {
            set text [randstring 0 50 alpha]
            set n [string length $text]
            set from [randomRange -60 60]
            set to [randomRange -60 60]
            r set g $text
            set a [expr {$from < 0 ? max($n + $from, 0) : $from}]
            set b [expr {$to < 0 ? $n + $to : $to}]
            # Both below the start: an empty string, but a range that ends below the start ends at the first byte.
            if {$from < 0 && $to < 0 && $from > $to} {
                set want {}
            } else {
                if {$b < 0} {set b 0}
                set want [string range $text $a $b]
            }
            assert_equal $want [r getrange g $from $to] "$from $to of $text"
        }
    }

    test {SETRANGE writes inside, past the end, and into nothing} {
        r set s "Hello World"
        assert_equal 11 [r setrange s 6 Redis]
        assert_equal "Hello Redis" [r get s]
        assert_equal 15 [r setrange s 12 xyz]
        assert_equal "Hello Redis\x00xyz" [r get s]
        r del s
        assert_equal 0 [r setrange s 5 {}]
        assert_equal 0 [r exists s]
        assert_equal 6 [r setrange s 3 abc]
        r get s
    } "\x00\x00\x00abc"

    test {SETRANGE on a number} {
        r set s 1234
        r setrange s 1 9
        list [r get s] [r incr s]
    } {1934 1935}

    test {SETRANGE knows its limits} {
        r set s v
        assert_error {ERR offset is out of range} {r setrange s -1 x}
        assert_error {ERR value is not an integer or out of range} {r setrange s x x}
        assert_error {ERR string exceeds maximum allowed size (proto-max-bulk-len)} {r setrange s 536870912 x}
        assert_error {ERR string exceeds maximum allowed size (proto-max-bulk-len)} {r setrange nothing 9223372036854775807 x}
        assert_equal 0 [r exists nothing]
    }

    test {LCS in its three forms} {
        r mset x ohmytext y mynewtext
        assert_equal mytext [r lcs x y]
        assert_equal 6 [r lcs x y len]
        assert_equal {matches {{{4 7} {5 8}} {{2 3} {0 1}}} len 6} [r lcs x y idx]
        assert_equal {matches {{{4 7} {5 8} 4}} len 6} [r lcs x y idx minmatchlen 4 withmatchlen]
        assert_equal {} [r lcs x nothing]
        assert_error {ERR If you want both the length and indexes, please just use IDX.} {r lcs x y idx len}
        assert_error {ERR syntax error} {r lcs x y bogus}
    }

    # --- Encodings ---

    test {Strings are int, embstr or raw} {
        foreach {value encoding} {
            0 int -1 int 9223372036854775807 int -9223372036854775808 int
            9223372036854775808 embstr 01 embstr {} embstr 1.5 embstr { 1} embstr
        } {
            r set e $value
            assert_encoding $encoding e
        }
        r set e [string repeat x 44]
        assert_encoding embstr e
        r set e [string repeat x 45]
        assert_encoding raw e
        r set e short
        r append e er
        assert_encoding raw e
        r set e 10
        r incrbyfloat e 1.5
        assert_encoding embstr e
    }
}
