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

# What random programs have brought to light: how numbers are cut, in which order things are checked, and which line and name an error tells.
start_server {tags {"edges" "scripting"}} {
    proc evals {what} {
        foreach {script expected} $what {
            if {[catch {r eval $script 0} result]} {
                regsub { script: [0-9a-f]{40}, on @user_script:\d+\.$} $result {} result
            }
            assert_equal $expected $result $script
        }
    }

    test {Numbers of scripts that are no small integers} {
        evals {
            {return {select(4294967297, 5, 6)}} {5 6}
            {return {select(2^31, 5, 6)}} {ERR user_script:1: bad argument #1 to 'select' (index out of range)}
            {return {tonumber('10', 4294967306)}} 10
            {return {tonumber('0b11', 2), tonumber('0b', 2)}} 3
            {return cjson.encode({[2^31]='x'})} {{"2147483648":"x"}}
            {return cjson.encode({[2^31-1]='x'})} {ERR user_script:1: Cannot serialise table: excessively sparse array}
            {return {bit.tobit(math.acos(3)), bit.bswap('nan')}} {0 0}
            {return struct.unpack('H', '\195\188')} 48323
            {return 1/-0 .. ' ' .. 1/0} {-inf -inf}
            {return 2^3^2 .. ' ' .. 7 % -3 .. ' ' .. -2^2} {512 -2 -4}
            {math.randomseed(1) return math.random(0, 2147483647) < 0 and 'wraps' or 'is large'} wraps
            {return cjson.encode({[1/0]=1})} {ERR user_script:1: Cannot serialise number: must not be NaN or Inf}
        }
    }

    test {The order in which scripts' arguments are looked at} {
        evals {
            {math.pow(nil, 'x')} {ERR user_script:1: bad argument #2 to 'pow' (number expected, got string)}
            {math.fmod()} {ERR user_script:1: bad argument #2 to 'fmod' (number expected, got no value)}
            {math.ldexp()} {ERR user_script:1: bad argument #2 to 'ldexp' (number expected, got no value)}
            {('x'):gsub('y', nil, {})} {ERR user_script:1: bad argument #3 to 'gsub' (number expected, got table)}
            {for i = nil, error('limit') do end} {ERR user_script:1: limit}
            {for i = print, 2 do end} {ERR user_script:1: Script attempted to access nonexistent global variable 'print'}
            {for i = '1', '2' do return i end} 1
        }
    }

    test {The names and lines of scripts' errors} {
        evals {
            {for k in pairs do end} {ERR user_script:1: bad argument #1 to '(for generator)' (table expected, got nil)}
            {for k in nil do end} {ERR user_script:1: attempt to call a nil value}
            {local t = setmetatable({}, {__index = 16}) return t.a} {ERR user_script:1: attempt to index a number value}
            "for i = 1,\n'x'\n do end" {ERR user_script:3: 'for' limit must be a number}
            "x = (\n1\n)" {ERR user_script:3: Attempt to modify a readonly table}
            "function\nx\n()\nend" {ERR user_script:1: Attempt to modify a readonly table}
            "local t = {}\nt\[nil\n]=\n1" {ERR user_script:4: table index is nil}
            "return {a = 1, \[nil] =\n2}" {ERR user_script:2: table index is nil}
            "local t = nil return t\['a\\0b'].c" {ERR user_script:1: attempt to index local 't' (a nil value)}
            "return 1 % (KEYS\['a\\0b'] % nil)" {ERR user_script:1: attempt to perform arithmetic on field 'a' (a nil value)}
            "assert(nil, 'a\\0b')" {ERR user_script:1: a}
            {return {coroutine.wrap(function() return nil, 2 end)()}} {}
            {return select('#', coroutine.resume(coroutine.create(function() return nil end)))} 2
            {return select('#', coroutine.resume(coroutine.create(function() end)))} 1
            {error(cjson.null)} {ERR userdata: (nil)}
        }
        assert_error {ERR function: 0x* script: *} {r eval {error(function() end)} 0}
    }

    test {What the compiler of scripts says} {
        set long [string repeat x 30]
        set open "\["
        set close "\]"
        set failed {ERR Error compiling script (new function): user_script}
        evals [list \
            "local f, e = loadstring('$long $long $long.') return e" "${open}string \"$long $long x...\"]:1: '=' expected near '$long'" \
            "x = 1 $open${open}\na$close$close" "$failed:2: unexpected symbol near '$open${open}a$close$close'" \
            "return 5\x00" 5 \
            "return 'a' .\x00 'b'" ab \
            "x = \{p\x00\}" "$failed:1: '\}' expected" \
        ]
    }

    test {All interpreters draw from one sequence of random numbers} {
        set first [r eval {return tostring(math.random())} 0]
        r script flush
        set second [r eval {return tostring(math.random())} 0]
        r function load replace "#!lua name=random\nredis.register_function('random', function() return tostring(math.random()) end)"
        set third [r fcall random 0]
        r function delete random
        assert {$first ne $second && $second ne $third && $first ne $third}
    }
}
