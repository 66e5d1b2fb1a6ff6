# SPDX-License-Identifier: BSD-3-Clause
#
# What random commands compared with C Redis have brought to light.

start_server {tags {"edges"}} {
    test {ZSCAN tells the scores of a skiplist with all their digits} {
        r del z
        r zadd z 0.3 a 1e17 b
        assert_equal {0 {a 0.3 b 100000000000000000}} [r zscan z 0]
        r zadd z 5e-324 [string repeat x 100]
        assert_encoding skiplist z
        set scores [lindex [r zscan z 0 count 1000] 1]
        assert_equal 0.29999999999999999 [dict get $scores a]
        assert_equal 1e+17 [dict get $scores b]
        assert_equal 4.9406564584124654e-324 [dict get $scores [string repeat x 100]]
    }

    test {An error shows of an argument what is before a NUL} {
        r del x
        r xgroup create x g $ mkstream
        assert_error {NOGROUP No such consumer group 'a' for key name 'x'} {r xgroup createconsumer x "a\x00b" c}
    }

    test {LSET takes the lower half of an index} {
        r del l
        r rpush l a b c
        r lset l 4294967295 z
        r lset l -9223372036854775808 y
        assert_equal {y b z} [r lrange l 0 -1]
    }

    test {EXPIRETIME of the last millisecond} {
        r set k v pxat 9223372036854775807
        assert_equal 9223372036854776 [r expiretime k]
        r del k
    }

    test {Timeouts reach as far as a long double} {
        r del l
        assert_error {ERR timeout is out of range} {r blpop l 1e400}
        assert_error {ERR timeout is not a float or out of range} {r blpop l 1e5000}
        assert_error {ERR timeout is negative} {r blpop l -1e400}
        assert_equal {} [r blpop l 1e-400]
    }

    test {A search as wide as can be} {
        r del g
        r geoadd g 3.1 3.2 a
        assert_equal a [r geosearch g fromlonlat 0.3 3.14 byradius 1e308 mi]
        assert_equal a [r geosearch g fromlonlat 0.3 3.14 bybox 1e308 1e308 km]
    }
}
